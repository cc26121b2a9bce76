"""The jail, from outside: bubblewrap round a process that forks once for each submission.

Inside there is no network and no file but Python, torch, numpy, a few files of ours and what the
exercise gives of smoothlib; all is read-only but a small temporary folder of each fork.
"""

import ast
import contextlib
import importlib
import importlib.metadata
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal

import nbformat

import smoothlib
from course import CourseError
from course.grading import wire
from course.grading.source import Exercise

Isolation = Literal["bubblewrap", "process"]
LIMITS = {
    "memory_mb": 3000,  # of each process, and of all of a submission together
    "processes": 64,
    "cpu_s": 300,  # of a whole submission
    "call_s": 10.0,  # of a call or a cell, in processor time
    "step_s": 90.0,  # for a test or all cells, by the clock, which runs fast on a busy machine
}
NOBODY = 65534
START_S, FORK_S = 120.0, 30.0
COURSE = Path(__file__).resolve().parent.parent
OURS = (
    "__init__.py", "messages.py", "stubs.py", "grading/__init__.py", "grading/jailed.py",
    "grading/magics.py", "grading/memory.py", "grading/stand_ins.py", "grading/syscalls.py",
    "grading/wire.py",
)  # fmt: skip
BOOT = "import sys; sys.path += {paths}; from course.grading.jailed import main; main()"


class Prisoner:
    """One fork: the socket to it, and its process id among the jail's."""

    def __init__(self, jail: "Jail", sock: socket.socket, pid: int) -> None:
        self.jail, self.pid = jail, pid
        self.end = wire.Endpoint(sock, jail.names, trusting=False)

    def close(self) -> None:
        """End the fork, with all that it has started."""
        self.end.sock.close()
        self.jail.end(self.pid)


class Jail:
    """A process with torch loaded, shut in; `fork` gives a copy of it for a submission.

    Raises:
        CourseError: if it cannot be built; the message says what is missing.
    """

    def __init__(self, exercise: Exercise, isolation: Isolation = "bubblewrap") -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="course-jail-")
        given = give(exercise, Path(self.folder.name))
        self.names = {name: getattr(smoothlib, name) for name in given["classes"]}
        setup = {
            **given,
            "limits": LIMITS,
            "functional": "torch.func" in nbformat.writes(exercise.notebook),
            "namespaces": isolation == "bubblewrap",
            "uid": NOBODY if isolation == "bubblewrap" and os.geteuid() == 0 else 0,
        }
        command = _command(isolation, Path(self.folder.name), json.dumps(setup))
        self.control, far = socket.socketpair()
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                command,
                stdin=far.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self.errors,
                cwd=self.folder.name,
                env=ENVIRONMENT | {"PATH": os.environ.get("PATH", os.defpath)},
            )
        except FileNotFoundError:
            raise CourseError(MISSING) from None
        finally:
            far.close()
        if self._said(START_S) != b"ready":
            raise CourseError(self._why())

    def __enter__(self) -> "Jail":
        return self

    def __exit__(self, kind: type | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def fork(self, notebook: int | None = None) -> Prisoner:
        """A fresh copy; it may read the open file `notebook`.

        Raises:
            CourseError: if the copy could not shut itself in.
        """
        near, far = socket.socketpair()
        said = self._asked(b"fork", far.fileno(), *([] if notebook is None else [notebook]))
        far.close()
        pid = int(said) if said.isdigit() else 0
        if pid:
            near.settimeout(FORK_S)
            try:
                with undisturbed():
                    ready = wire.receive(near)[0].get("value") == "ready"
                near.settimeout(None)
                if ready:
                    return Prisoner(self, near, pid)
            except wire.Violation:
                pass
            self.end(pid)
        near.close()
        raise CourseError(self._why())

    def end(self, pid: int) -> None:
        """End a fork; nothing of it is left when this returns."""
        self._asked(f"k{pid}".encode())

    def _asked(self, text: bytes, *files: int) -> bytes:
        """One question to the first process, and its answer; without one that process is ended.

        No deadline comes between the two: the next question would get this one's answer.
        """
        with undisturbed():
            try:
                socket.send_fds(self.control, [text], files) if files else self.control.send(text)
            except OSError:
                return b""
            said = self._said(FORK_S)
        if not said:
            self.process.kill()
        return said

    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """End the jail and all that runs in it."""
        self.control.close()
        self.process.kill()
        self.process.wait()
        self.errors.close()
        self.folder.cleanup()

    def _said(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self.control], [], [], seconds)
        try:
            return self.control.recv(64) if ready else b""
        except OSError:
            return b""

    def _why(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return f"the jail does not work here: {lines[-1] if lines else 'it ended'}. {REMEDY}"


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Alarms wait until this is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


REMEDY = (
    "Install bubblewrap (Debian: apt-get install bubblewrap) and let it make user namespaces, or "
    "grade with --isolation=process, which keeps the marks honest but not this machine safe"
)
MISSING = f"there is no bubblewrap, so answers cannot be jailed. {REMEDY}"
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def give(exercise: Exercise, folder: Path) -> dict:
    """Write what the exercise gives of smoothlib into `folder`/given, and say what that is."""
    package = folder / "given" / "smoothlib"
    package.mkdir(parents=True)
    top = exercise.imports.get("smoothlib", set())
    modules = {m.removeprefix("smoothlib.") for m in exercise.imports} - {"smoothlib"}
    source = Path(smoothlib.__file__).parent
    modules |= {name for name in top if (source / f"{name}.py").is_file()}
    homes = {name: _home(name) for name in top if name not in modules}
    needed = _closure(modules | set(homes.values()), source)
    for module in needed:
        shutil.copy(source / f"{module}.py", package)
    names = sorted(top | {f"{m}" for m in modules})
    there = f"there are: {', '.join(sorted(top | modules))}" if names else "there is nothing"
    refusal = (
        f"is not there when exercise {exercise.name[:2]} is graded: write it yourself. "
        f"From smoothlib {there}"
    )
    if needed:
        lines = [f"from smoothlib.{home} import {name}" for name, home in sorted(homes.items())]
        lines += [f"from smoothlib import {module}" for module in sorted(modules)]
        lines += [
            "def __getattr__(name):",
            "    if name.startswith('__'):",
            "        raise AttributeError(name)",
            f"    raise ImportError(f'smoothlib.{{name}} ' + {refusal!r})",
        ]
        (package / "__init__.py").write_text("\n".join(lines) + "\n")
    classes = [name for name in homes if isinstance(getattr(smoothlib, name), type)]
    return {
        "modules": [f"smoothlib.{module}" for module in sorted(needed)],
        "given": sorted(modules | set(homes.values())),
        "classes": sorted(classes),
        "refusal": refusal,
    }


def _home(name: str) -> str:
    """The module of smoothlib that a public name comes from."""
    module = getattr(getattr(smoothlib, name, None), "__module__", "")
    if not module.startswith("smoothlib."):
        raise CourseError(f"smoothlib has no {name}, which the exercise imports")
    return str(module.removeprefix("smoothlib."))


def _closure(modules: set[str], source: Path) -> set[str]:
    """These modules of smoothlib, and all that they import.

    Raises:
        CourseError: for one that is not a file of its own, such as those of `smoothlib.search`.
    """
    found: set[str] = set()
    left = set(modules)
    while left:
        module = left.pop()
        if not (source / f"{module}.py").is_file():
            raise CourseError(
                f"smoothlib.{module} cannot be given to answers: it is no single file"
            )
        found.add(module)
        for node in ast.walk(ast.parse((source / f"{module}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("smoothlib"):
                inner = str(node.module).removeprefix("smoothlib").removeprefix(".")
                names = {inner} if inner else {alias.name for alias in node.names}
                left |= names - found
    return found


def packages() -> dict[str, Path]:
    """What torch, numpy and jaxtyping bring into site-packages: name there, and where it lies.

    With their metadata, by which jaxtyping asks for its own version.
    """
    left, seen, found = {"torch", "numpy", "jaxtyping"}, set[str](), dict[str, Path]()
    while left:
        name = left.pop()
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # needed on another platform only
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not top.endswith(".pth"):
                found[top] = Path(str(distribution.locate_file(top)))
        wanted = (re.split(r"[ ;<>=!~\[(]", r)[0] for r in distribution.requires or ()
                  if "extra ==" not in r)  # fmt: skip
        left |= {w.lower() for w in wanted} - seen
    return {top: path for top, path in found.items() if path.exists()}


def _command(isolation: Isolation, folder: Path, setup: str) -> list[str]:
    if isolation == "process":
        site = folder / "site"
        site.mkdir()
        for top, path in packages().items():
            (site / top).symlink_to(path)
        for name in OURS:
            (folder / "ours" / "course" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(COURSE / name, folder / "ours" / "course" / name)
        paths = [str(folder / part) for part in ("ours", "given", "site")]
        return [sys.executable, "-I", "-S", "-c", BOOT.format(paths=paths), setup]
    python = Path(sys.executable).resolve()
    boot = BOOT.format(paths=["/ours", "/given", "/site"])
    return [*_bubblewrap(folder, python), str(python), "-I", "-S", "-c", boot, setup]


def _bubblewrap(folder: Path, python: Path) -> list[str]:
    root = os.geteuid() == 0
    options = ["bwrap", "--die-with-parent", "--new-session", "--clearenv"]
    options += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    options += ["--unshare-cgroup-try", "--hostname", "jail"]
    if root:  # the jailed process becomes nobody by itself: limits do not bind root
        options += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        options += ["--unshare-user"]
    options += ["--proc", "/proc", "--dev", "/dev"]
    options += ["--perms", "1777", "--tmpfs", "/tmp"]
    for name in ("lib", "lib64", "lib32"):
        options += ["--ro-bind-try", f"/usr/{name}", f"/usr/{name}"]
        if Path(f"/{name}").is_symlink():
            options += ["--symlink", f"usr/{name}", f"/{name}"]
        else:
            options += ["--ro-bind-try", f"/{name}", f"/{name}"]
    options += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    options += _binds(_files(folder, python))
    options += ["--remount-ro", "/", "--remount-ro", "/dev", "--chdir", "/tmp"]
    for name, value in ENVIRONMENT.items():
        options += ["--setenv", name, value]
    return options


def _files(folder: Path, python: Path) -> dict[str, Path]:
    """What is to be seen inside, and where it lies outside."""
    library = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")
    places = [python, *library.glob("libpython*.so*")]
    base = {"platbase": sys.base_exec_prefix}  # not the virtual environment's
    places += [Path(sysconfig.get_path(name, vars=base)) for name in ("stdlib", "platstdlib")]
    files = {str(place): place for place in places}
    inside_usr = ("/usr/lib/", "/lib/")  # bound as a whole
    files = {name: place for name, place in files.items() if not name.startswith(inside_usr)}
    files |= {f"/site/{top}": place for top, place in packages().items()}
    files |= {f"/ours/course/{name}": COURSE / name for name in OURS}
    return files | {"/given": folder / "given"}


def _binds(files: dict[str, Path]) -> list[str]:
    folders = sorted({str(p) for name in files for p in Path(name).parents} - {"/", "/usr"})
    options = [part for name in folders for part in ("--perms", "0755", "--dir", name)]
    for name, place in files.items():
        options += ["--ro-bind", str(place), name]
    return options
