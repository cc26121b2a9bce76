#!/usr/bin/env bash
# Creates .venv and installs into it what constraints.txt pins. Called by make when there is need.
# PYTHON names the interpreter; TORCH=cpu takes torch without CUDA. What pip says is in the log.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
log=.venv/install.log

fail() {
  printf 'make: %s\n' "$*" >&2
  exit 1
}

suitable() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
  local candidates=("${PYTHON:-python3}")
  [ -n "${PYTHON:-}" ] || candidates+=(python3.13 python3.12 python3.11)
  for python in "${candidates[@]}"; do
    suitable "$python" && return
  done
  local found
  found=$("${candidates[0]}" --version 2>&1) || found="not found or broken"
  fail "this course needs Python 3.11, 3.12 or 3.13, and ${candidates[0]} is: $found." \
    "Install one (Debian 12, Ubuntu 24.04 or later: sudo apt install python3 python3-venv)," \
    "or say where it is: make lab PYTHON=/path/to/python3.12"
}

# run COMMAND...: output into the log; on the screen, one line that shows that it goes on.
run() {
  "$@" >>"$log" 2>&1 &
  local pid=$!
  trap 'kill $pid; fail "stopped; the next make goes on from here"' INT TERM HUP
  while kill -0 $pid 2>/dev/null; do
    if [ -t 1 ]; then
      printf '\r\033[K%4d s  %.70s' $SECONDS "$(tail -n 1 "$log")"
    elif ((SECONDS % 30 == 0 && SECONDS > 0)); then
      printf '%4d s\n' $SECONDS
    fi
    sleep 1
  done
  [ ! -t 1 ] || printf '\r\033[K'
  wait $pid
}

check() {
  run "$@" && return
  local reason
  reason=$(grep -i 'error: ' "$log" | grep -v subprocess | tail -n 1 | sed 's/^ *//' | cut -c 1-200)
  fail "the installation failed (${reason:-see the log})." \
    "Check the network and the disk (2 GB; 8 GB with CUDA) and run make again; log: $log"
}

find_python
case "${TORCH:-}" in '' | cpu) ;; *) fail "TORCH=$TORCH is unknown; say TORCH=cpu, or nothing" ;; esac
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
  fail "$python has no venv module; Debian, Ubuntu: sudo apt install ${python##*/}-venv"

if ! { suitable .venv/bin/python && .venv/bin/python -m pip --version; } >/dev/null 2>&1; then
  rm -rf .venv
fi
mkdir -p .venv && : >"$log" || fail "cannot write $PWD/.venv; make this folder writable"
echo "Installing into .venv, once; this takes some minutes."
[ -x .venv/bin/python ] || check "$python" -m venv .venv

pip=(.venv/bin/python -m pip --disable-pip-version-check)
if [ "${TORCH:-}" = cpu ] && [ "$(uname)" = Linux ]; then
  pin=$(grep '^torch==' constraints.txt)
  # An index at hand may hold the CPU build; otherwise uv knows where it is.
  if ! run "${pip[@]}" install "$pin+cpu" -c constraints.txt; then
    check "${pip[@]}" install uv==0.13.8
    check .venv/bin/uv pip install --python .venv/bin/python --torch-backend=cpu "$pin" -c constraints.txt
  fi
elif [ "$(uname)" = Linux ] && ! command -v nvidia-smi >/dev/null; then
  echo "No NVIDIA GPU seen here: 'TORCH=cpu make lab' downloads some gigabytes less."
fi
check "${pip[@]}" install -e '.[test]' -c constraints.txt
check "${pip[@]}" check
