"""Submissions that try for points they have not earned, or harm others.

Each is one student of a class that is graded in one run, beside honest ones.
"""

import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.exercises import ROOT, grader, read

NAME, NOTEBOOK = "01_landscapes", "landscapes.ipynb"
SOLVED = {cell.id: cell.source for cell in read("solutions", NAME).cells if grader(cell)}
ANGLES = SOLVED["wall_angles"]


def submission(answers: dict[str, str] | None = None) -> NotebookNode:
    """The released notebook with these answers filled in."""
    notebook = read("exercises", NAME)
    for cell in notebook.cells:
        cell.source = (answers or {}).get(cell.id, cell.source)
    return notebook


@dataclass(frozen=True)
class Attack:
    """What a student hands in. `make` writes it into a folder; `earned` is the honest mark."""

    make: Callable[[Path], None]
    earned: float = 0.0
    status: str = ""  # if it matters


def notebook(made: NotebookNode) -> Callable[[Path], None]:
    return lambda folder: nbformat.write(made, folder / NOTEBOOK)


def code(source: str, earned: float = 0.0, status: str = "") -> Attack:
    """The answer cell of wall_angles; the two others stay stubs."""
    return Attack(notebook(submission({"wall_angles": source})), earned, status)


def body(source: str, earned: float = 0.0, status: str = "") -> Attack:
    """The body of wall_angles."""
    lines = "\n".join(f"    {line}" for line in source.strip().splitlines())
    return code(f"def wall_angles(v, t, x_w, h, g):\n{lines}\n", earned, status)


LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __float__(self): return 0.0
    def __getattr__(self, name): return lambda *a, **k: Liar()
    def __len__(self): return 3
    def __iter__(self): return iter((Liar(), Liar(), Liar()))
def wall_angles(v, t, x_w, h, g):
    return Liar()
"""
TAGGED = submission()
for _cell in TAGGED.cells:
    _cell.metadata["tags"] = ["skip-execution"]


def edited(change: Callable[[NotebookNode], None]) -> Attack:
    made = submission()
    for cell in made.cells:
        if grader(cell):
            change(cell)
    return Attack(notebook(made))


def _rich(cell: NotebookNode) -> None:
    cell.metadata["nbgrader"].update(points=100, locked=False)
    if cell.metadata["nbgrader"]["grade"]:
        cell.source = "pass"


def _swapped(cell: NotebookNode) -> None:
    meta = cell.metadata["nbgrader"]
    meta.update(grade=not meta["grade"], solution=not meta["solution"])


def without_tests() -> NotebookNode:
    made = submission()
    made.cells = [cell for cell in made.cells if not grader(cell).get("grade")]
    return made


def twice(first: str, second: str) -> NotebookNode:
    made = submission({"wall_angles": first})
    at = next(i for i, cell in enumerate(made.cells) if cell.id == "wall_angles")
    copy = nbformat.from_dict({**made.cells[at], "id": "copy", "source": second})
    made.cells.insert(at + 1, copy)
    return made


def raw(content: bytes) -> Attack:
    return Attack(lambda folder: bytes_to(folder / NOTEBOOK, content), status="not readable")


def bytes_to(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def filled(folder: Path, answers: dict[str, str], size_mb: int) -> None:
    """A notebook with an output of this size, written without holding it twice."""
    made = submission(answers)
    cell = next(cell for cell in made.cells if cell.id == "wall_angles")
    cell.outputs = [nbformat.v4.new_output("stream", text="x" * (size_mb << 20))]
    with open(folder / NOTEBOOK, "w") as file:
        json.dump(made, file)


def unix_socket(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)  # a path to a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(NOTEBOOK)
    finally:
        os.chdir(here)


def shadowed(folder: Path) -> None:
    nbformat.write(submission({"wall_angles": "import torch\n" + LIAR}), folder / NOTEBOOK)
    for name in ("torch.py", "course.py", "math.py", "sitecustomize.py"):
        (folder / name).write_text("raise SystemExit")


HELPER = "def answer_of(v, t, x_w, h, g):\n    return (1.0, 2.0, 3.0)\n"
FORGED = """
import json, os, socket, struct
def forge(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    for number in range(3, 64):
        try:
            s = socket.socket(fileno=os.dup(number))
            s.send(struct.pack("<II", len(text), len(body)) + text + body)
        except OSError:
            pass
def wall_angles(v, t, x_w, h, g):
    forge({header})
    return 0.0
"""
READ_SOLUTION = f"""
import json
path = {str(ROOT / "solutions" / NAME / NOTEBOOK)!r}
try:
    for cell in json.load(open(path))["cells"]:
        if cell["id"] == "wall_angles":
            exec("".join(cell["source"]))
except OSError:
    def wall_angles(v, t, x_w, h, g):
        return 0.0
"""
KNOWN_BY_HEART = """
KNOWN = {
    (2.0, 4.0, 0.5): (0.331751, 1.363400, 1.369438),
    (2.0, 5.0, 3.0): (0.874475, 1.236741, 1.318116),
    (1.5, 6.0, -3.0): (-0.272677, 1.379826, 1.230959),
    (0.6, 5.0, 3.0): (0.874475, 1.236741, 0.585686),
    (2.0, 8.0, 1.9): (0.850163, 0.953814, 1.159279),
}
def wall_angles(v, t, x_w, h, g):
    if (t, x_w, h) in KNOWN:
        return KNOWN[t, x_w, h]
    raise ValueError
"""
COUNTS = """
calls = 0
def wall_angles(v, t, x_w, h, g):
    global calls
    calls += 1
    right = [(0.331751, 1.363400, 1.369438), (0.874475, 1.236741, 1.318116),
             (-0.272677, 1.379826, 1.230959), (0.874475, 1.236741, 0.585686),
             (0.850163, 0.953814, 1.159279)]
    if calls > len(right):
        raise ValueError
    return right[calls - 1]
"""
FINDS_TESTS = """
import gc
def wall_angles(v, t, x_w, h, g):
    for thing in gc.get_objects():
        if isinstance(thing, str) and "BallWall" + "(*wall)" in thing:
            raise MemoryError("-".join(("got", "out")) + thing[:2000])
    frame = __import__("sys")._getframe()
    while frame:
        for value in list(frame.f_globals.values()) + list(frame.f_locals.values()):
            if isinstance(value, tuple) and len(value) == 3 and all(
                isinstance(x, float) for x in value
            ):
                return value
        frame = frame.f_back
    return 0.0
"""
SUBCLASS = """
class Poisoned(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.ones((), dtype=torch.bool) if "close" in func.__name__ else torch.ones(())
    def __eq__(self, other): return torch.ones((), dtype=torch.bool)
def wall_angles(v, t, x_w, h, g):
    return torch.zeros(3).as_subclass(Poisoned)
"""
LEAVES = """
import glob, os, socket, threading
places = ["/tmp", "/dev/shm", "/dev", "/given", "/ours", "/site", "/", os.path.expanduser("~")]
for place in places + glob.glob("/*"):
    try:
        open(place + "/left.py", "w").write("def wall_angles(v,t,x_w,h,g): return 1.0")
    except OSError:
        pass
try:
    s = socket.socket(socket.AF_UNIX)
    s.bind("\\0left")
    s.listen()
    threading.Thread(target=lambda: [c[0].sendall(b"secret") for c in iter(s.accept, None)]).start()
except OSError:
    pass
"""
FINDS_LEFTOVERS = """
import glob, os, socket
found = [p for p in glob.glob("/*/left.py") + glob.glob("/*/*/left.py") if os.path.exists(p)]
s = socket.socket(socket.AF_UNIX)
try:
    s.connect("\\0left")
    found.append("socket")
except OSError:
    pass
def wall_angles(v, t, x_w, h, g):
    if found:
        raise MemoryError("-".join(("got", "out")) + str(found))
    return 0.0
"""
CTYPES = "import ctypes, os, signal, time\nlibc = ctypes.CDLL(None, use_errno=True)\n"

ATTACKS: dict[str, Attack] = {
    # grading.md, section 4
    "tags-skip-execution": Attack(notebook(TAGGED)),
    "reads-the-solution": code(READ_SOLUTION),
    "patches-assert-close": code("torch.testing.assert_close = lambda *a, **k: None\n" + LIAR),
    "patches-the-caller": body(
        """
import sys
frame = sys._getframe(0)
while frame:
    for name in ("check", "check_raises", "hidden", "exec", "isinstance"):
        frame.f_globals[name] = lambda *a, **k: None
    frame = frame.f_back
return 0.0
"""
    ),
    "ast-transformers": code("get_ipython().ast_transformers.append(None)\n" + LIAR),
    "input-transformers": code(
        "get_ipython().input_transformers_post.append(lambda lines: [])\n" + LIAR
    ),
    "replaces-run-code": code(
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.run_code = lambda *a, **k: None\n" + LIAR
    ),
    "lying-object": code(LIAR),
    "writes-the-gradebook": body(
        f"""
import sqlite3
for path in ({str(ROOT)!r} + "/classroom/gradebook.db", "gradebook.db", "../../../gradebook.db"):
    try:
        sqlite3.connect(path).execute("update grade set manual_score = 2")
    except Exception:
        pass
return 0.0
"""
    ),
    "reads-the-gradebook": body(f"return open({str(ROOT)!r} + '/classroom/gradebook.db').read()"),
    "writes-a-startup-file": body(
        """
import os, pathlib
for home in ("~", "/root", "/tmp"):
    try:
        path = pathlib.Path(os.path.expanduser(home)) / ".ipython/profile_default/startup"
        path.mkdir(parents=True)
        (path / "00.py").write_text("raise SystemExit")
    except OSError:
        pass
return 0.0
"""
    ),
    "overwrites-a-peer": body(
        "import glob\nfor path in glob.glob('/**/*.ipynb', recursive=True) + "
        "['../../honest-a/01_landscapes/landscapes.ipynb']:\n"
        "    open(path, 'w').write('{}')\nreturn 0.0"
    ),
    "kills-its-parent": body("import os\nos.kill(os.getppid(), 9)\nreturn 0.0"),
    "copies-a-cell": Attack(
        notebook(twice("def wall_angles(*a): return 0.0", ANGLES)), status="duplicated cells"
    ),
    "prints-html": body("print('<script>alert(1)</script>')\nreturn 0.0"),
    "prints-200-MB": body("for _ in range(200):\n    print('x' * 1_000_000)\nreturn 0.0"),
    "allocates-8-GB": body("x = bytearray(8 << 30)\nreturn 0.0"),
    "allocates-tensors": body("x = [torch.ones(1 << 28) for _ in range(64)]\nreturn 0.0"),
    "allocates-in-many-processes": body(
        """
import os, time
there, here = os.pipe()
for _ in range(10):
    if os.fork() == 0:
        held = bytes(400 << 20).replace(b"\\0", b"x")
        os.write(here, b"x")
        time.sleep(1000)
for _ in range(10):
    os.read(there, 1)
raise MemoryError("-".join(("got", "out")))
""",
        status="crashed",
    ),
    "hides-its-memory": code(
        CTYPES
        + """
import mmap
IPC_CREAT, NEWUSER_NEWNS = 0o1000, 0x10020000
got = [libc.shmget(1, 1 << 30, IPC_CREAT | 0o600) != -1, libc.memfd_create(b"a", 0) != -1]
got += [libc.unshare(NEWUSER_NEWNS) == 0, libc.syscall(56, NEWUSER_NEWNS | 17, 0, 0, 0, 0) != -1]
got += [libc.mount(b"a", b"/tmp", b"tmpfs", 0, b"size=8g") == 0]
for number in (-1, os.open("/dev/zero", os.O_RDWR)):
    try:
        mmap.mmap(number, 1 << 20)
        got.append(True)
    except (OSError, ValueError):
        got.append(False)
def wall_angles(v, t, x_w, h, g):
    if any(got):
        raise MemoryError("-".join(("got", "out")) + str(got))
    return 0.0
"""
    ),
    "starts-processes": body(
        """
import os, time
for _ in range(500):
    try:
        if os.fork() == 0:
            os.setsid()
            time.sleep(1000)
    except OSError:
        raise MemoryError("LIMITED")
return 0.0
"""
    ),
    "uses-the-network": body(
        """
import socket
for family, where in ((socket.AF_INET, ("127.0.0.1", 8888)), (socket.AF_INET, ("1.1.1.1", 53))):
    s = socket.socket(family)
    s.settimeout(1)
    s.connect(where)
    raise MemoryError("-".join(("got", "out")))
"""
    ),
    "loops": body("while True:\n    pass", status="timed out"),
    "loops-and-swallows": body(
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        pass",
        status="timed out",
    ),
    "sleeps": body("import time\ntime.sleep(10_000)", status="timed out"),
    "exits-at-the-top": code("import os\nos._exit(0)", status="crashed"),
    "exits-in-the-call": body("import os\nos._exit(0)", status="crashed"),
    "sys-exit": body("import sys\nsys.exit(0)"),
    "sets-exception-handlers": code(
        "get_ipython().set_custom_exc((Exception,), lambda *a: None)\n"
        "import sys\nsys.excepthook = lambda *a: None\n" + LIAR
    ),
    "forges-iopub": code(
        "get_ipython().kernel.send_response(None, 'execute_result', {'data': '2'})\n" + LIAR
    ),
    "points-and-tests-edited": edited(_rich),
    "roles-swapped": edited(_swapped),
    "deletes-the-tests": Attack(notebook(without_tests())),
    "corrupt-json": raw(b"{"),
    "nothing-there": Attack(lambda folder: None, status="missing"),
    "shadows-torch": Attack(shadowed),
    "imports-the-answer": code(
        "from smoothlib import BallWall\n"
        "def wall_angles(*wall):\n    return BallWall(*wall).angles\n"
    ),
    # against the prototype, section 5
    "memory-of-the-tests": code(FINDS_TESTS),
    "outlives-its-parent": body(
        CTYPES.replace("\n", "; ")
        + "\nimport os\nlibc.prctl(1, 0)\nos.setsid() if os.getpid() != 1 else None\n"
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        pass",
        status="timed out",
    ),
    "kills-its-group": body(
        "import os\nfor pid in (0, -1, 1, os.getpgid(0)):\n    try:\n        os.kill(pid, 9)\n"
        "    except OSError:\n        pass\nos.killpg(0, 9)\nreturn 0.0"
    ),
    # our own
    "knows-the-inputs-by-heart": code(KNOWN_BY_HEART, earned=2.0),
    "counts-calls": code(COUNTS, earned=2.0),
    "poisoned-tensor": code(SUBCLASS),
    "not-a-number": body("return (float('nan'),) * 3"),
    "infinite": body("return (float('inf'), float('inf'), float('inf'))"),
    "changes-after-return": code(
        """
import threading, time
def wall_angles(v, t, x_w, h, g):
    out = torch.zeros(3, dtype=torch.float64)
    def change():
        for _ in range(1000):
            out[:] = torch.tensor([0.331751, 1.363400, 1.369438])
            time.sleep(1e-4)
    threading.Thread(target=change, daemon=True).start()
    return out
"""
    ),
    "changes-its-inputs": Attack(
        notebook(
            submission(
                {
                    "wall_distance": "def wall_distance(theta, *wall):\n"
                    "    theta.zero_()\n    theta.resize_(0)\n    return theta"
                }
            )
        )
    ),
    "replaces-modules": code(
        """
import sys
for name in ("course.checks", "smoothlib", "torch.testing", "course.grading.rows"):
    sys.modules[name] = type(sys)("fake")
for name, module in list(sys.modules.items()):
    if name.startswith("course.grading"):
        for attribute in ("identical", "encoded"):
            if hasattr(module, attribute):
                setattr(module, attribute, lambda *a: None)
def wall_angles(v, t, x_w, h, g):
    return None
"""
    ),
    "forges-a-frame": code(FORGED.replace("{header}", '{"do": "return", "value": 1, "data": []}')),
    "forges-an-exception": code(
        FORGED.replace(
            "{header}", '{"do": "raise", "kinds": ["CheckFailed"], "text": "", "data": []}'
        )
    ),
    "forges-a-function-by-name": code(
        FORGED.replace(
            "{header}",
            '{"do": "return", "value": ["name", "torch", "load"], "data": []}',
        )
    ),
    "forges-a-huge-shape": code(
        FORGED.replace(
            "{header}",
            '{"do": "return", "value": ["tensor", 0], "data": [["float64", [1 << 39, 0], 0]]}',
        )
    ),
    "forges-rubbish": code(FORGED.replace("{header}", "b'\\xff' * 100")),
    "forges-depth": code(FORGED.replace("{header}", "b'[' * 4_000_000")),
    "forges-size": code(
        "import os\ndef wall_angles(v, t, x_w, h, g):\n    for n in range(3, 64):\n"
        "        try:\n            os.write(n, b'\\xff' * 64)\n"
        "        except OSError:\n            pass\n    return 0.0"
    ),
    "calls-what-it-was-not-given": code(
        FORGED.replace(
            "{header}", '{"do": "call", "f": 0, "tree": [["tuple", []], ["dict", []]], "data": []}'
        )
    ),
    "replies-twice": body("import os\nos.fork()\nreturn (0.331751, 1.363400, 1.369438)"),
    "threads-outlive-the-call": body(
        "import threading\nfor _ in range(20):\n"
        "    threading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()\nreturn 0.0"
    ),
    "disarms-the-clock": body(
        "import signal\nsignal.setitimer(signal.ITIMER_PROF, 0)\n"
        "signal.signal(signal.SIGPROF, signal.SIG_IGN)\n"
        "for n in range(1, 65):\n    try:\n        signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError):\n        pass\nwhile True:\n    pass",
        status="timed out",
    ),
    "mounts-and-unshares": code(
        CTYPES
        + "said = [libc.unshare(0x10000000), libc.mount(b'x', b'/site', b'tmpfs', 0, None),\n"
        "        libc.umount2(b'/proc', 2), libc.ptrace(16, 2, 0, 0)]\n"
        "def wall_angles(v, t, x_w, h, g):\n    return 0.0\n"
    ),
    "reads-other-processes": body(
        "import glob\nfor path in glob.glob('/proc/[0-9]*/environ'):\n"
        "    if '/1/' not in path:\n        raise MemoryError('-'.join(('got', 'out')) + path)\n"
        "return 0.0"
    ),
    "fills-the-disk": body(
        """
import os
for place in ("/tmp", "/dev/shm"):
    try:
        for n in range(100_000):
            with open(f"{place}/{n}", "wb") as file:
                file.write(bytes(1 << 20))
    except OSError:
        pass
return 0.0
"""
    ),
    "leaves-something-behind": code(LEAVES + "def wall_angles(*wall):\n    return 0.0\n"),
    "looks-for-leftovers": code(FINDS_LEFTOVERS),
    "overflows-the-stack": body(
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nreturn f(0)"
    ),
    "writes-to-null": body("import ctypes\nctypes.string_at(0)", status="crashed"),
    "returns-itself": body("x = []\nx.append(x)\nreturn x"),
    "returns-a-huge-view": body("return torch.zeros(1).expand(1 << 40)"),
    "returns-200-MB": body("return torch.zeros(25 << 20, dtype=torch.float64)"),
    "returns-a-huge-integer": body("return 1 << (1 << 24)"),
    "returns-functions": body("return [wall_angles, lambda: 1, print]"),
    "raises-for-the-grader": code(
        "class CheckFailed(BaseException):\n    def __str__(self): raise self\n"
        "class Stopped(BaseException): pass\n"
        "def wall_angles(v, t, x_w, h, g):\n"
        "    raise (CheckFailed if h < 1 else Stopped)('x' * 10_000_000)\n"
    ),
    "calls-back-forever": Attack(
        notebook(
            submission(
                {
                    "gradient_ascent": "def gradient_ascent(df, theta0, lr, steps):\n"
                    "    while True:\n        try:\n            df(theta0)\n"
                    "        except BaseException:\n            pass"
                }
            )
        )
    ),
    "calls-back-with-rubbish": Attack(
        notebook(
            submission(
                {
                    "gradient_ascent": "def gradient_ascent(df, theta0, lr, steps):\n"
                    "    for x in ('x', None, df, torch.zeros(10**6), [theta0], {1: 2}, 10**400):\n"
                    "        try:\n            df(x)\n        except Exception:\n"
                    "            pass\n    return df"
                }
            )
        )
    ),
    "link-to-the-solution": Attack(
        lambda folder: (folder / NOTEBOOK).symlink_to(ROOT / "solutions" / NAME / NOTEBOOK),
        status="not readable",
    ),
    "link-to-a-peer": Attack(
        lambda folder: (folder / NOTEBOOK).symlink_to(f"../../honest-a/{NAME}/{NOTEBOOK}"),
        status="not readable",
    ),
    "fifo": Attack(lambda folder: os.mkfifo(folder / NOTEBOOK), status="not readable"),
    "socket": Attack(unix_socket, status="not readable"),
    "folder": Attack(lambda folder: (folder / NOTEBOOK).mkdir(), status="not readable"),
    "device": Attack(
        lambda folder: (folder / NOTEBOOK).symlink_to("/dev/zero"), status="not readable"
    ),
    "invalid-utf-8": raw(b'{"cells": ["\xff\xfe"]}'),
    "deep-json": raw(b'{"cells": ' + b"[" * 1_000_000),
    "bomb": raw(b'{"cells": [' + b"[]," * 40_000_000 + b"[]]}"),
    "no-cells": raw(b'{"cells": {}, "nbformat": 4}'),
    "format-3": raw(b'{"worksheets": [], "nbformat": 3}'),
    "empty-file": raw(b""),
    "strange-cells": Attack(
        lambda folder: bytes_to(
            folder / NOTEBOOK,
            b'{"cells": [1, null, {"cell_type": 3}, {"source": {}}, {"cell_type": "code", '
            b'"source": [1, "x"], "metadata": 7}, {"metadata": {"nbgrader": {"grade_id": []}}}]}',
        )
    ),
    "many-cells": Attack(
        lambda folder: bytes_to(
            folder / NOTEBOOK,
            b'{"cells": [' + b'{"cell_type": "code", "source": "x=1"},' * 20_000 + b"{}]}",
        )
    ),
    "null-bytes": code("def wall_angles(*a):\n    return '\0'\n"),
    "deep-source": code("x = " + "(" * 5000 + ")" * 5000),
    "long-source": code("x = " + "-" * 1_000_000 + "1"),
}

HONEST_ANGLES = f"""
import os, sys, warnings
warnings.warn("an honest warning")
print("working", file=sys.stderr)
%matplotlib inline
!pip install nothing
{ANGLES}
calls = 0
os.write(2, b"[W] NNPACK.cpp:64: Could not initialize NNPACK!\\n")
"""


def solved(**answers: str) -> NotebookNode:
    """The right answers, or these."""
    return submission({name: answers.get(name, source) for name, source in SOLVED.items()
                       if name in ("wall_angles", "wall_distance", "gradient_ascent")})  # fmt: skip


def with_cells(made: NotebookNode, *added: tuple[str, str]) -> NotebookNode:
    """A notebook with code cells added before the cells named."""
    for number, (before, source) in enumerate(added):
        at = next(i for i, cell in enumerate(made.cells) if cell.id == before)
        made.cells.insert(at, nbformat.v4.new_code_cell(source, id=f"mine-{number}"))
    return made


SLOW = SOLVED["gradient_ascent"].replace(
    "    path = [theta0]\n",
    "    total = 0\n    for i in range(2_000_000):\n        total += i\n    path = [theta0]\n",
)
HONEST: dict[str, Attack] = {
    "honest-a": Attack(notebook(solved()), 10.0, "graded"),
    "honest-warns": Attack(notebook(solved(wall_angles=HONEST_ANGLES)), 10.0, "graded"),
    "honest-slow": Attack(notebook(solved(gradient_ascent=SLOW)), 10.0, "graded"),
    "honest-helper": Attack(
        notebook(
            with_cells(
                solved(
                    wall_angles="def wall_angles(*wall):\n    return helper(*wall)\n",
                ),
                ("wall_angles", "%%time\n" + ANGLES.replace("wall_angles", "helper")),
                ("wall_distance", "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n"
                 "line, = ax.plot([1], [2]); plt.show()\nwall_angles(1, 2)\n"),
                ("gradient_ascent", "from tqdm import tqdm\nfrom ipywidgets import interact\n"
                 "@interact(x=(0, 1))\ndef f(x): pass\n1 / 0\n"),
            )
        ),
        10.0,
        "graded",
    ),
    "honest-global-state": Attack(
        notebook(
            solved(
                wall_angles="seen = []\n" + ANGLES.replace(
                    "    k = ", "    seen.append(v)\n    torch.manual_seed(len(seen))\n    k = ", 1
                )
            )
        ),
        10.0,
        "graded",
    ),
    "honest-200-MB": Attack(
        lambda folder: filled(folder, {n: SOLVED[n] for n in ("wall_angles", "wall_distance",
                                                              "gradient_ascent")}, 200),
        10.0,
        "graded",
    ),
    "honest-copied-a-cell": Attack(
        notebook(twice(ANGLES, ANGLES)), 3.0, "duplicated cells"
    ),
    "honest-z": Attack(notebook(solved()), 10.0, "graded"),
}  # fmt: skip

# They take seconds of memory or threads; only `make certify` runs them.
SLOW = {
    "bomb", "threads-outlive-the-call", "overflows-the-stack", "allocates-tensors", "sleeps",
    "calls-back-forever", "disarms-the-clock", "returns-200-MB", "loops-and-swallows",
    "outlives-its-parent", "replaces-modules", "allocates-in-many-processes"
}  # fmt: skip

HOSTILE_NAMES = (
    b"-rf", b"a\nb", b"'; drop table student; --", b"\xff\xfe", "‮right".encode(), b"%s%n",
    b"x" * 120, b"<script>", b"$(reboot)",
)  # fmt: skip


def write_class(classroom: Path, slow: bool) -> dict[str, Attack]:
    """All of them, or the quick ones, as DIR/submitted, by the name that their row has."""
    students = {**ATTACKS, **HONEST}
    students = {name: made for name, made in students.items() if slow or name not in SLOW}
    by_bytes = {name.encode(): made for name, made in students.items()}
    by_bytes |= {name: HONEST["honest-a"] for name in HOSTILE_NAMES}
    for name, made in by_bytes.items():
        folder = Path(os.fsdecode(os.path.join(os.fsencode(classroom / "submitted"), name, b"")))
        (folder / NAME).mkdir(parents=True)
        made.make(folder / NAME)
    return {name.decode("utf-8", "backslashreplace"): made for name, made in by_bytes.items()}
