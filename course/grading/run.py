"""`course grade`: all submissions of a class, several at a time, each once whatever happens."""

import ctypes
import dataclasses
import hashlib
import json
import multiprocessing
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch

from course import CourseError
from course.files import write_whole
from course.grading import wire
from course.grading.gradebook import Marks, write_graded
from course.grading.grader import Graded, Submission, Unreadable, grade, opened
from course.grading.jail import Isolation, Jail
from course.grading.lateness import handed_in
from course.grading.rows import Row
from course.grading.source import Exercise, load
from course.release import ROOT, exercises, find

COURSE = Path(__file__).resolve().parent.parent
PR_SET_PDEATHSIG = 1
UNSAFE = (
    "course grade: answers are not jailed: the marks are honest, but what students wrote can read "
    "and change the files of this machine"
)
PATIENCE_S = 900.0  # with a worker, which has deadlines of its own


@dataclass(frozen=True)
class Options:
    """What `course grade` was asked."""

    classroom: Path
    assignment: str | None = None
    student: str | None = None
    jobs: int = 0
    json: Path | None = None
    fresh: bool = False
    replay: bool = False
    isolation: Isolation = "bubblewrap"


@dataclass
class Entry:
    """A submission in this run, and what is known of it."""

    submission: Submission
    key: str  # of the submission, the exercise and the grader; empty if it cannot be read
    seed: int
    graded: Graded | None = None
    problem: str = ""  # why it was not handled
    content: str = ""  # of the notebook alone, as a digest
    again: bool = False  # another notebook was graded before, and the gradebook does not know yet


@dataclass
class Worker:
    """A process that grades, one submission at a time."""

    process: Any
    pipe: Connection
    entry: Entry | None = None
    began: float = field(default_factory=time.monotonic)


def run(options: Options) -> int:
    """Grade, print the table, and return 0 if every submission was handled.

    Raises:
        CourseError: if nothing can be graded; the message says why.
    """
    if options.json and not options.json.parent.is_dir():
        raise CourseError(f"there is no folder {options.json.parent} for {options.json.name}")
    found = submissions(options)
    if not found:
        raise CourseError(f"no submissions in {options.classroom / 'submitted'}")
    names = sorted({submission.assignment for submission in found})
    known = {name: load(name) for name in names}
    seed = secrets.randbits(48)
    journal = Journal(options.classroom, known)
    entries = [journal.entry(submission, seed, options) for submission in found]
    todo = [entry for entry in entries if entry.graded is None]
    if options.isolation == "process":
        print(UNSAFE, file=sys.stderr)
    before = {id(entry): journal.row(entry.submission) for entry in todo} if options.replay else {}
    with Pool(known, options) as pool:
        marks = None if options.replay else Marks(options.classroom, known)
        for count, entry in enumerate(_all(entries, pool), start=1):
            _progress(count, len(entries), entry)
            if marks:
                _keep(entry, marks, journal)
    if options.replay:
        return _compare(entries, before)
    return _report(entries, options, marks.waiting if marks else 0)


def _all(entries: list[Entry], pool: "Pool") -> Iterator[Entry]:
    """Every entry, as it is done."""
    yield from (entry for entry in entries if entry.graded is not None)
    yield from pool.grade([entry for entry in entries if entry.graded is None])


def _keep(entry: Entry, marks: Marks, journal: "Journal") -> None:
    """Enter what was graded: into the journal first, from which a repeated run goes on."""
    if entry.graded is None:
        return
    try:
        journal.keep(entry)
        if entry.graded.row.status != "missing":
            when = _handed_in(entry)
            marks.record(entry.graded.row, entry.graded.written, entry.again, when)
        if entry.again:  # a person's points wait in the gradebook now: the journal need not say so
            entry.again = False
            journal.keep(entry)
    except (CourseError, OSError) as error:
        entry.problem = str(error)


def _handed_in(entry: Entry) -> datetime | None:
    try:
        return handed_in(entry.submission.folder)
    except CourseError as error:
        entry.problem = f"its lateness: {error}"  # the marks are entered all the same
        return None


def submissions(options: Options) -> list[Submission]:
    """What lies in DIR/submitted, by assignment and student."""
    folder = options.classroom / "submitted"
    if not folder.is_dir():
        raise CourseError(f"there is no folder {folder}, where submissions are looked for")
    students = sorted(entry.name for entry in os.scandir(folder) if _is_student(entry))
    if options.student is not None:
        students = [options.student]
        if os.sep in options.student or options.student in ("", ".", ".."):
            raise CourseError(f"{options.student!r} is no student's name")
        if not os.path.lexists(folder / options.student):
            raise CourseError(f"there is no folder {folder / options.student}")
    if options.assignment is not None:
        names = [find(options.assignment)]
    else:
        names = [n for n in exercises() if any(os.path.lexists(folder / s / n) for s in students)]
    return [Submission(printable(s), name, folder / s / name) for name in names for s in students]


def _is_student(entry: os.DirEntry) -> bool:
    return not entry.name.startswith(".") and (entry.is_symlink() or entry.is_dir())


def printable(name: str) -> str:
    """The name of a folder as text that JSON and a database take."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


class Journal:
    """What was graded, one file for each submission: a run that was killed goes on from here."""

    def __init__(self, classroom: Path, known: dict[str, Exercise]) -> None:
        self.classroom, self.folder = classroom, classroom / "grading"
        self.version = _digest_of_code()
        self.sources = {name: _digest_of_source(name) for name in known}

    def path(self, submission: Submission) -> Path:
        short = hashlib.sha256(submission.student.encode()).hexdigest()[:12]
        name = f"{quote(submission.student, safe='')[:80]}-{short}.json"
        return self.folder / submission.assignment / name

    def entry(self, submission: Submission, seed: int, options: Options) -> Entry:
        """The submission, with its marks if it was graded already and nothing has changed."""
        content = self._content(submission)
        text = f"{self.version}{self.sources[submission.assignment]}{content}"
        key = hashlib.sha256(text.encode()).hexdigest() if content else ""
        entry = Entry(submission, key, seed, content=content)
        kept = self._read(submission)
        if kept is not None:
            entry.again = kept.get("again", False) or kept.get("content", content) != content
        if options.replay:
            if kept is None:
                raise CourseError(f"{submission.student!r} has no mark that could be replayed")
            entry.seed = kept["seed"]
        elif kept and not options.fresh and key and kept["key"] == key:
            entry.seed = kept["seed"]
            row = Row.from_json(kept["row"])
            entry.graded = Graded(row, kept["draws"], kept["written"])
        return entry

    def row(self, submission: Submission) -> Row | None:
        kept = self._read(submission)
        return Row.from_json(kept["row"]) if kept else None

    def _read(self, submission: Submission) -> dict | None:
        try:
            kept = json.loads(self.path(submission).read_bytes())
            Row.from_json(kept["row"])
            return dict(kept)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, entry: Entry) -> None:
        assert entry.graded
        path = self.path(entry.submission)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"key": entry.key, "content": entry.content, "again": entry.again}
        kept |= {"seed": entry.seed, "draws": entry.graded.draws}
        kept |= {"written": entry.graded.written, "row": entry.graded.row.to_json()}
        write_whole(path, json.dumps(kept, indent=1).encode())

    def _content(self, submission: Submission) -> str:
        """The notebook's digest; nothing for what cannot be read, which is cheap to try."""
        digest = hashlib.sha256()
        try:
            with opened(submission.folder, f"{submission.assignment[3:]}.ipynb") as descriptor:
                while part := os.read(descriptor, 1 << 20):
                    digest.update(part)
        except (Unreadable, OSError):
            return ""
        return digest.hexdigest()


def _digest_of_code() -> str:
    folders = [COURSE, COURSE.parent / "smoothlib"]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _digest_of_source(name: str) -> str:
    path = ROOT / "solutions" / name / f"{name[3:]}.ipynb"
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Pool:
    """Processes that grade. One that ends costs its submission only."""

    def __init__(self, known: dict[str, Exercise], options: Options) -> None:
        self.known, self.options = known, options
        self.context = multiprocessing.get_context("fork")  # torch is loaded already
        self.workers: list[Worker] = []

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self.workers:
            worker.pipe.close()
        for worker in self.workers:
            worker.process.join(10)
            worker.process.kill()

    def grade(self, entries: list[Entry]) -> Iterator[Entry]:
        """Grade them all, in any order."""
        left = list(reversed(entries))
        few = 1 + len(left) // 100  # a further process takes as long to start as it saves
        jobs = min(self.options.jobs or os.cpu_count() or 1, few, len(left))
        self.workers = [self._start() for _ in range(jobs)]
        while left or any(worker.entry for worker in self.workers):
            for worker in self.workers:
                if worker.entry is None and left:
                    worker = self._sent(worker, left.pop())
            busy = [worker for worker in self.workers if worker.entry]
            ready = wait([worker.pipe for worker in busy], timeout=5.0)
            for worker in busy:
                late = time.monotonic() - worker.began > PATIENCE_S
                if worker.pipe in ready or late:
                    yield self._take(worker, late)

    def _sent(self, worker: Worker, entry: Entry) -> Worker:
        """The worker that has the entry: another one where this one died while it had no work."""
        try:
            worker.pipe.send((entry.submission, entry.seed))
        except OSError:
            worker = self._replaced(worker)
            worker.pipe.send((entry.submission, entry.seed))
        worker.entry, worker.began = entry, time.monotonic()
        return worker

    def _replaced(self, worker: Worker) -> Worker:
        worker.process.kill()
        worker.pipe.close()
        fresh = self._start()
        self.workers[self.workers.index(worker)] = fresh
        return fresh

    def _take(self, worker: Worker, late: bool) -> Entry:
        entry, worker.entry = worker.entry, None
        assert entry
        try:
            if late:
                raise EOFError
            result = worker.pipe.recv()
        except (EOFError, OSError):
            self._replaced(worker)
            result = "the process that graded it ended"
        if isinstance(result, Unjailed):
            raise CourseError(str(result))
        if isinstance(result, Graded):
            entry.graded = result
        else:
            entry.problem = str(result)
            exercise = self.known[entry.submission.assignment]
            entry.graded = Graded(crashed(exercise, entry.submission, f"Not graded: {result}."))
            entry.key = ""
        return entry

    def _start(self) -> Worker:
        near, far = self.context.Pipe()
        others = [worker.pipe for worker in self.workers] + [near]
        process = self.context.Process(
            target=_work, args=(far, others, self.known, self.options), daemon=True
        )
        process.start()
        far.close()
        return Worker(process, near)


class Unjailed(Exception):
    """No jail can be built here; the text says why."""


def _work(pipe: Connection, others: list, known: dict[str, Exercise], options: Options) -> None:
    """Grade what comes through the pipe, until it closes."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    for other in others:
        other.close()
    torch.set_num_threads(1)
    jail: Jail | None = None
    name = ""
    while True:
        try:
            submission, seed = pipe.recv()
        except EOFError:
            break
        result: Graded | Unjailed | str = "no answer"
        for _ in range(2):  # a jail that has ended is built again
            try:
                if jail is None or submission.assignment != name or not jail.alive():
                    if jail:
                        jail.close()
                    before, name = name, submission.assignment
                    try:
                        jail = Jail(known[name], options.isolation)
                    except CourseError as error:
                        if before:
                            raise
                        result = Unjailed(str(error))
                        break
                result = grade(jail, known[name], submission, seed)
                if not options.replay and result.cells:
                    write_graded(options.classroom, known[name], result.row, result.cells)
                result = dataclasses.replace(result, cells=[])
                break
            except (CourseError, OSError) as error:
                result = str(error)
            except Exception as error:
                result = f"{type(error).__name__}: {error}"
        pipe.send(result)
    if jail:
        jail.close()


def crashed(exercise: Exercise, submission: Submission, said: str) -> Row:
    """The row of a submission that could not be graded."""
    from course.grading.grader import failed

    who, what = submission.student, submission.assignment
    tests = tuple(failed(exercise, said))
    return Row(who, what, "crashed", 0.0, exercise.max_score, tests, 0.0)


def _progress(done: int, total: int, entry: Entry) -> None:
    if sys.stderr.isatty():
        bar = "#" * (30 * done // total)
        who = wire.plain(entry.submission.student).replace("\n", " ")[:30]
        end = "\n" if done == total else ""
        print(f"\r[{bar:<30}] {done}/{total} {who:<30}", end=end, file=sys.stderr, flush=True)


def _report(entries: list[Entry], options: Options, waiting: int) -> int:
    rows = [entry.graded.row for entry in entries if entry.graded]
    print(table(rows))
    if options.json:
        text = json.dumps([row.to_json() for row in rows], indent=1)
        write_whole(options.json, text.encode())
    if waiting:
        print(f"Written answers to read, in nbgrader's formgrader in JupyterLab: {waiting}")
    problems = [entry for entry in entries if entry.problem]
    for entry in problems:
        who = wire.plain(entry.submission.student)
        print(f"course grade: {who}: not handled: {entry.problem}", file=sys.stderr)
    return 1 if problems else 0


def table(rows: list[Row]) -> str:
    """The marks, a line each, and how many submissions there are of each status."""
    names = [wire.plain(row.student).replace("\n", " ")[:40] for row in rows]
    wide = max(len("student"), *map(len, names))
    task = max(len("assignment"), *(len(row.assignment) for row in rows))
    lines = [f"{'student':<{wide}}  {'assignment':<{task}}  {'points':>11}  {'seconds':>7}  status"]
    for name, row in zip(names, rows, strict=True):
        points = f"{row.score:g} / {row.max_score:g}"
        marks = f"{points:>11}  {row.seconds:7.2f}  {row.status}"
        lines.append(f"{name:<{wide}}  {row.assignment:<{task}}  {marks}")
    kinds = dict.fromkeys(row.status for row in rows)
    counts = [f"{sum(row.status == kind for row in rows)} {kind}" for kind in kinds]
    return "\n".join([*lines, f"{len(rows)} submissions: {', '.join(counts)}"])


def _compare(entries: list[Entry], before: dict[int, Row | None]) -> int:
    """Say whether the marks are as they were, the inputs being the same."""
    same = True
    for entry in entries:
        row, old = entry.graded and entry.graded.row, before[id(entry)]
        alike = row and old and row.score == old.score
        same = same and bool(alike)
        who = wire.plain(entry.submission.student).replace("\n", " ")
        marks = f"{row.score:g}" if row else "none"
        was = "as before" if alike else f"before it was {old.score:g}" if old else "none before"
        print(f"{who}  {entry.submission.assignment}  {marks}  {was}  (seed {entry.seed})")
    return 0 if same else 1
