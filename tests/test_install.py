"""`make lab` on a machine that lacks something, and on one that lacks nothing."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from course.lab import REPO
from tests.conftest import free_port, isolate

PYTHONS = ("python3", "python3.13", "python3.12", "python3.11")


def fake_pythons(folder: Path, script: str) -> str:
    """A PATH on which every Python is `script`."""
    folder.mkdir()
    for name in PYTHONS:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def install(folder: Path, **environment: str) -> str:
    """What a failing installation into `folder` says: one line."""
    (folder / "course").mkdir()
    for name in ("course/install.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPO / name, folder / name)
    done = subprocess.run(
        ["bash", "course/install.sh"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_an_old_python_is_named_with_the_remedy(tmp_path: Path) -> None:
    old = '[ "$1" = --version ] && echo "Python 3.9.2"'
    said = install(tmp_path, PATH=fake_pythons(tmp_path / "bin", old))
    assert "Python 3.9.2" in said and "make lab PYTHON=" in said
    assert not (tmp_path / ".venv").exists()


def test_a_missing_python_is_named_with_the_remedy(tmp_path: Path) -> None:
    said = install(tmp_path, PYTHON="/nowhere/python3")
    assert "/nowhere/python3 is: not found" in said and "make lab PYTHON=" in said


def test_a_python_without_venv_names_the_package(tmp_path: Path) -> None:
    bare = f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"'
    said = install(tmp_path, PATH=fake_pythons(tmp_path / "bin", bare))
    assert "sudo apt install python3-venv" in said


def test_an_unknown_build_of_torch_is_refused(tmp_path: Path) -> None:
    assert "TORCH=gpu is unknown; say TORCH=cpu" in install(tmp_path, TORCH="gpu")


def test_a_failed_installation_says_why_and_keeps_the_log(tmp_path: Path) -> None:
    nothing = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    said = install(tmp_path, PYTHON=sys.executable, **nothing)
    assert "No matching distribution" in said and "run make again" in said
    assert "No matching distribution" in (tmp_path / ".venv/install.log").read_text()


@pytest.mark.slow
def test_make_lab_works_in_a_fresh_clone_and_starts_at_once_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home := tmp_path / "home").mkdir()
    isolate(monkeypatch, home)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", REPO, clone], check=True)
    start_and_stop(clone)
    assert start_and_stop(clone) < 30
    changes = subprocess.check_output(["git", "status", "--porcelain"], cwd=clone, text=True)
    assert changes == ""


def start_and_stop(clone: Path) -> float:
    """Seconds from `make lab` to an answer of the address that it prints."""
    begun = time.monotonic()
    with subprocess.Popen(
        ["make", "lab", f"PORT={free_port()}"],
        cwd=clone,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as make:
        assert make.stdout is not None
        address = next(filter(None, (re.search(r"http://\S+", line) for line in make.stdout)))[0]
        status = re.sub(r"/lab/tree/[^?]*", "/api/status", address)
        with urllib.request.urlopen(status) as reply:
            assert reply.status == 200
        seconds = time.monotonic() - begun
        os.killpg(make.pid, signal.SIGINT)
    return seconds
