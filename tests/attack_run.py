"""Grades the class of `tests.attacks` in one run, and looks at what that left behind."""

import ctypes
import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from course.grading.rows import Row
from tests.attacks import Attack, write_class
from tests.exercises import ROOT

PR_SET_CHILD_SUBREAPER = 36
COMMAND = "import sys; from course.grading import jail; jail.LIMITS.update({limits}); {run}"
RUN = "from course import cli; sys.exit(cli.main(sys.argv[1:]))"
CACHES = (".cache", ".config")  # matplotlib's, in the home
# What only a submission that got out of the jail would say.
ESCAPED = "got-out"


@dataclass
class Graded:
    """What came of the run."""

    expected: dict[str, Attack]
    rows: dict[str, Row]
    status: int
    printed: str
    seconds: float
    processes: list[str] = field(default_factory=list)  # left behind
    files: list[str] = field(default_factory=list)  # left behind, or changed


class Class:
    """A classroom with every attack and some honest students, in an empty folder."""

    def __init__(self, folder: Path, slow: bool) -> None:
        self.classroom, self.home, self.temp = (folder / n for n in ("class", "home", "temp"))
        for made in (self.classroom, self.home, self.temp):
            made.mkdir()
        self.expected = write_class(self.classroom, slow)

    def grade(self, **limits: float) -> Graded:
        """Run `course grade` on all of them, with these limits in place of its own."""
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # what is orphaned comes to us
        before, mine = self._digest(), {p.pid for p in psutil.Process().children(recursive=True)}
        began = time.monotonic()
        out = self.classroom / "rows.json"
        done = course(
            "grade", "--classroom", str(self.classroom), "--json", str(out),
            limits=limits, home=self.home, temp=self.temp,
        )  # fmt: skip
        seconds = time.monotonic() - began
        left = [p for p in psutil.Process().children(recursive=True) if not _of(p, mine)]
        files = [str(path) for folder in (self.home, self.temp) for path in folder.iterdir()]
        files = [name for name in files if not name.endswith(CACHES)]
        files += [] if self._digest() == before else ["submitted/ has changed"]
        rows = [Row.from_json(row) for row in json.loads(out.read_text())]
        found = {row.student: row for row in rows}
        assert len(found) == len(rows), "a submission has two rows"
        running = [" ".join(p.cmdline()) for p in left if p.status() != psutil.STATUS_ZOMBIE]
        return Graded(self.expected, found, done.returncode, done.stdout, seconds, running, files)

    def _digest(self) -> str:
        """Of all plain files that students handed in."""
        digest = hashlib.sha256()
        for path in sorted((self.classroom / "submitted").rglob("*")):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 10 << 20:
                digest.update(os.fsencode(path) + path.read_bytes())
        return digest.hexdigest()


def _of(process: psutil.Process, family: set[int]) -> bool:
    """Whether a process is one of these, such as the browser of other tests, or a child of one."""
    return not family.isdisjoint({process.pid, *(parent.pid for parent in process.parents())})


def course(
    *arguments: str, limits: dict[str, float], home: Path, temp: Path, **environment: str
) -> subprocess.CompletedProcess:
    """The command `course`, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    kept |= {"HOME": str(home), "TMPDIR": str(temp), "PYTHONPATH": str(ROOT), **environment}
    command = COMMAND.format(limits=limits, run=RUN)
    return subprocess.run(
        [sys.executable, "-c", command, *arguments],
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def failures(graded: Graded) -> list[str]:
    """What is not as it should be."""
    found = [f"left running: {text}" for text in graded.processes]
    found += [f"left behind: {name}" for name in graded.files]
    if graded.status:
        found.append(f"exit status {graded.status}: {graded.printed[-500:]}")
    if missing := graded.expected.keys() ^ graded.rows.keys():
        found.append(f"rows and submissions differ: {missing}")
    for name in graded.expected.keys() & graded.rows.keys():
        found += wrong(graded, name)
    return found


def wrong(graded: Graded, name: str) -> list[str]:
    """What is not as it should be with one submission."""
    row, attack = graded.rows[name], graded.expected[name]
    said = " ".join(test.message for test in row.tests)
    found = []
    if row.score != attack.earned:
        found.append(f"{name}: {row.score:g} points, {attack.earned:g} are honest: {said[:300]}")
    if attack.status and row.status != attack.status:
        found.append(f"{name}: {row.status}, not {attack.status}")
    if ESCAPED in said:
        found.append(f"{name}: got out: {said[:300]}")
    if name == "starts-processes" and "LIMITED" not in said:
        found.append(f"{name}: was not limited")
    return found
