"""Runs inside the jail: a process with torch loaded, forked for each submission.

    python -m course.grading.jailed CONFIGURATION     standard input is the control socket

The first process, the zygote, never sees a submission or a test. On "fork", which brings a
socket, it makes a child that shuts itself in: namespaces of its own, an empty temporary folder,
limits; then it runs what the grader sends through that socket.
"""

import ctypes
import gc
import importlib
import json
import linecache
import os
import platform
import resource
import select
import signal
import socket
import struct
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from course.grading import memory, stand_ins, syscalls, wire
from course.grading.magics import without_magics
from course.stubs import excuse, unfinished

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
KEYCTL = {"x86_64": 250, "aarch64": 219}
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWIPC = 0x20000, 0x10000000, 0x20000000, 0x8000000
NAMESPACES = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC
MB = 1 << 20
WATCH_S = 0.05
CELLS_LIMIT = 4 * MB  # characters of code in a submission


class Deadline(BaseException):
    """The answer has used up its time."""


def main() -> None:
    """The zygote: load, then fork on request until the control socket closes."""
    setup = json.loads(sys.argv[1])
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getuid() == 0 and setup["uid"]:
        os.setgroups([])
        os.setresgid(setup["uid"], setup["uid"], setup["uid"])
        os.setresuid(setup["uid"], setup["uid"], setup["uid"])
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of user clears it, and this:
        LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    torch.set_num_threads(1)
    if setup["functional"]:
        torch.func.grad(torch.sin)(torch.tensor(0.0))  # loads in seconds what it needs
    for name in setup["modules"]:
        importlib.import_module(name)
    names = {n: getattr(importlib.import_module("smoothlib"), n) for n in setup["classes"]}
    stand_ins.install(setup["given"], setup["refusal"])
    control = socket.socket(fileno=os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    setup["limits"]["mapped"] = _address_space()
    gc.collect()
    gc.freeze()
    control.send(b"ready")
    children: set[int] = set()
    limit = setup["limits"]["memory_mb"] * MB + memory.resident("self")
    while request := _request(control, children if setup["namespaces"] else set(), limit):
        text, descriptors = request
        if text[:1] == b"k":
            _end(int(text[1:]))
            children.discard(int(text[1:]))
            control.send(b"ended")
        else:
            pid = _fork(control, descriptors, setup, names)
            children.add(pid)
            control.send(str(pid).encode())
            for descriptor in descriptors:
                os.close(descriptor)


def _request(
    control: socket.socket, children: set[int], limit: int
) -> tuple[bytes, list[int]] | None:
    """What the grader asks next; until then, end the children if they take too much memory."""
    while children and not select.select([control], [], [], WATCH_S)[0]:
        if memory.exceeds(limit):
            for pid in children:
                os.kill(pid, signal.SIGKILL)  # a zombie from now on, until the grader asks
    try:
        text, descriptors, _, _ = socket.recv_fds(control, 64, 2)
    except OSError:
        return None
    return (text, list(descriptors)) if text else None


def _end(pid: int) -> None:
    """End a child; where it is the first of its namespace, all that it started ends with it."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def _fork(control: socket.socket, descriptors: list[int], setup: dict, names: dict) -> int:
    """Make the child for one submission, and return its process id."""
    ids = os.getuid(), os.getgid()
    pid = _clone(NAMESPACES) if setup["namespaces"] else os.fork()
    if pid:
        return pid
    try:
        control.close()
        os.setsid()  # else a signal to its group would end its parents
        if setup["namespaces"]:
            _settle(ids)
        _serve(descriptors, setup, names)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _clone(flags: int) -> int:
    """fork, and the child is the first process of new namespaces.

    unshare and fork would copy the page tables of torch twice, which is most of what a fork costs.
    """
    number = CLONE.get(platform.machine())
    if number is None:
        raise OSError(f"no namespaces on a {platform.machine()}")
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = ctypes.PyDLL(None, use_errno=True).syscall(number, flags | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    _check(min(pid, 0), "clone")
    return int(pid)


def _settle(ids: tuple[int, int]) -> None:
    """Name the user of the new namespaces, and give them empty folders to write to."""
    user, group = ids
    for path, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{path}", "w") as file:
            file.write(text)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for folder, size in (("/tmp", "32m"), ("/dev/shm", "32m")):
        options = f"size={size},nr_inodes=1000,mode=1777".encode()
        _check(LIBC.mount(b"tmpfs", folder.encode(), b"tmpfs", 6, options), f"mount {folder}")
    # Mapped as shared, /dev/zero is memory that is counted for nobody.
    _check(LIBC.mount(b"/dev/null", b"/dev/zero", None, 0x1000, None), "mount /dev/zero")
    # Where a proc of its own is not allowed, none at all.
    if LIBC.mount(b"proc", b"/proc", b"proc", 14, None):
        _check(LIBC.mount(b"tmpfs", b"/proc", b"tmpfs", 7, b"size=4k"), "mount /proc")
    number = KEYCTL.get(platform.machine())
    if number:
        LIBC.syscall(number, 1, None)  # a session keyring of its own
    os.chdir("/tmp")


def _check(status: int, what: str) -> None:
    if status:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _give_up_rights() -> None:
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("<Ii", 0x20080522, 0)
    _check(LIBC.capset(header, bytes(24)), "capset")
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    syscalls.refuse()


def _address_space() -> int:
    """What this process has mapped, in bytes."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # no Linux
        return 0


def _limit(limits: dict) -> None:
    for kind, value in (
        (resource.RLIMIT_AS, limits["mapped"] + limits["memory_mb"] * MB),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_FSIZE, 32 * MB),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def _serve(descriptors: list[int], setup: dict, names: dict) -> None:
    """Obey the grader until it closes the socket."""
    sock = socket.socket(fileno=descriptors[0])
    _limit(setup["limits"])
    if setup["namespaces"]:
        _give_up_rights()
    end = wire.Endpoint(sock, names, trusting=True)
    answers = Answers(end, setup["limits"]["call_s"])
    os.dup2(1, 2)
    wire.send(sock, {"do": "return", "value": "ready"}, ())
    while True:
        try:
            request, tensors = wire.receive(sock)
        except wire.Violation:
            os._exit(0)
        match request["do"]:
            case "call":
                end.serve(request, tensors)
            case "read":
                _reply(sock, end, read_cells, descriptors[1])
            case "cell":
                _reply(sock, end, answers.run, request["source"], request["name"])
            case "given":
                _reply(sock, end, answers.give, request["sources"])
            case "found":
                _reply(sock, end, answers.found, request["names"])


def _reply(sock: socket.socket, end: wire.Endpoint, f: Callable, *args: object) -> None:
    encoder = end.encoder()
    wire.send(sock, {"do": "return", "value": wire.encoded(encoder, f(*args))}, encoder.tensors)


def read_cells(descriptor: int) -> list | str:
    """The cells of a notebook as [kind, grade_id, cell id, source], or why there are none."""
    with open(descriptor, "rb") as file:
        raw = file.read()
    try:
        notebook = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return f"the file is not UTF-8 text: {error.reason} at byte {error.start}"
    except RecursionError:
        return "the file is nested too deep"
    except MemoryError:
        return "the file takes too much memory to read"
    except ValueError as error:
        return f"the file is not JSON: {error}"
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        old = isinstance(notebook, dict) and "worksheets" in notebook
        return "saved in the old notebook format 3" if old else "the file holds no list of cells"
    cells = [_cell(cell) for cell in notebook["cells"] if isinstance(cell, dict)]
    kept = [cell for cell in cells if cell is not None]
    if sum(len(text) for cell in kept for text in cell) > CELLS_LIMIT:
        return f"the cells hold more than {CELLS_LIMIT >> 20} million characters"
    return kept


def _cell(cell: dict) -> list[str] | None:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return None
    metadata = cell.get("metadata")
    ours = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = ours.get("grade_id") if isinstance(ours, dict) else None
    kind, name = cell.get("cell_type"), cell.get("id")
    return [text if isinstance(text, str) else "" for text in (kind, grade_id, name, source)]


class Answers:
    """The namespace of one submission."""

    def __init__(self, end: wire.Endpoint, call_s: float) -> None:
        self.end, self.call_s = end, call_s
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        self.names = main.__dict__
        self.taken: dict[str, Any] = {}
        self.files: set[str] = set()
        self.depth = 0
        end.guard, end.on_error = self.timed, self.explain
        signal.signal(signal.SIGPROF, self._late)
        torch.manual_seed(0)
        np.random.seed(0)

    def run(self, source: str, name: str) -> str:
        """Run a cell, and take the function `name` from it if it has one; say what went wrong."""
        filename = f"<{name}>"
        said = ""
        self.files.add(filename)
        try:
            text = without_magics(source)
            linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
            code = compile(text, filename, "exec", dont_inherit=True)
            self.timed(exec, (code, self.names), {})
        except Deadline:
            said = f"stopped after {self.call_s:g} s"
        except SyntaxError as error:
            line = f", in line {error.lineno}: {(error.text or '').strip()}" if error.lineno else ""
            said = f"{type(error).__name__}: {error.msg}{line}"
        except BaseException as error:
            said = f"{type(error).__name__}: {self.explain(error).get('text', '')}"
        f = self.names.get(name)
        if callable(f) and not unfinished(f):
            self.taken.setdefault(name, f)
        return said[:1000]

    def give(self, sources: list[str]) -> None:
        """Run statements of ours; one may need what another cell of ours computes from answers."""
        for source in sources:
            self.run(source, "given")

    def found(self, names: list[str]) -> list:
        """For each name: the function, what to say if it is unfinished, and its kind."""
        values = [self.taken.get(name, self.names.get(name)) for name in names]
        return [self._describe(value) for value in values]

    def _describe(self, value: object) -> list:
        if not callable(value):
            return [None, "", "nothing" if value is None else type(value).__name__]
        return [_Named(value) if isinstance(value, type) else value, unfinished(value), "function"]

    def timed(self, f: Callable, args: tuple, kwargs: dict) -> Any:
        """Call f; the outermost call has so many seconds of processor time."""
        self.depth += 1
        if self.depth == 1:
            signal.setitimer(signal.ITIMER_PROF, self.call_s)
        try:
            return f(*args, **kwargs)
        finally:
            self.depth -= 1
            if self.depth == 0:
                signal.setitimer(signal.ITIMER_PROF, 0)

    def _late(self, signum: int, frame: object) -> None:
        if self.end.busy:  # with a frame: its bytes must not be lost
            self.end.late = Deadline
        else:
            raise Deadline

    def explain(self, error: BaseException) -> dict:
        """The student's line that an error came through, and whether a stub raised it."""
        try:
            every = traceback.extract_tb(error.__traceback__)
            frames = [frame for frame in every if frame.filename in self.files]
            line = next((f.line for f in reversed(frames) if f.line), "")
            first = next(
                (f for f, _ in traceback.walk_tb(error.__traceback__) if f.f_globals is self.names),
                None,
            )
            f = types.FunctionType(first.f_code, self.names) if first else None
            said = excuse(f, error) if f else ""
            return {"line": line or "", "excuse": said, "text": str(error)}
        except BaseException:  # of a hostile __str__
            return {}


class _Named:
    """A class that an answer offers where a function is asked for."""

    def __init__(self, kind: type) -> None:
        self.kind, self.__name__ = kind, kind.__name__

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self.kind(*args, **kwargs)


if __name__ == "__main__":
    main()
