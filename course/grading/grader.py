"""Grades one submission: its answers run in the jail, our tests here."""

import contextlib
import hashlib
import io
import os
import stat
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course.checks import CheckFailed, secrets_from
from course.grading import wire
from course.grading.jail import LIMITS, Jail, Prisoner
from course.grading.needed import needed
from course.grading.rows import Row, Status, TestResult
from course.grading.session import CALLBACKS, Code, Session, Stopped, Student, Undefined
from course.grading.session import deadline as within
from course.grading.source import Cell, Exercise

FILE_LIMIT = 300 << 20
SMALL = 4 << 20
LOOP = (
    f"stopped after {LIMITS['call_s']:g} s of computing, or {LIMITS['step_s']:g} s of waiting: is "
    "there a loop that does not end?"
)
ENDED = "the process ended, in the middle of your function: out of memory, or exit()?"
REPEATED = "not run: your function was stopped in two tests already"


@dataclass(frozen=True)
class Submission:
    """Where a submission lies: `folder` is DIR/submitted/<student>/<assignment>."""

    student: str
    assignment: str
    folder: Path


class Unreadable(Exception):
    """The submission cannot be read; the text says why."""


class Absent(Unreadable):
    """There is no notebook; the text says what there is."""


@dataclass
class Graded:
    """A row, the seeds that its hidden tests drew, and what a person will read.

    `written` says of each written answer whether there is one; `cells` are all cells as the
    submission has them: kind, grade_id, cell id, source.
    """

    row: Row
    draws: dict[str, list[int]] = field(default_factory=dict)
    written: dict[str, bool] = field(default_factory=dict)
    cells: list[list[str]] = field(default_factory=list)


def grade(jail: Jail, exercise: Exercise, submission: Submission, seed: int) -> Graded:
    """The row of one submission, whatever it holds; `seed` makes the secret inputs."""
    began = time.monotonic()
    status: Status
    results: list[TestResult] = []
    draws: dict[str, list[int]] = {}
    cells: list[list[str]] = []
    try:
        cells, prisoner = read(jail, exercise, submission)
    except Absent as error:
        status, said = "missing", str(error)
    except Unreadable as error:
        status, said = "not readable", f"The notebook cannot be read: {error}."
    else:
        said = ""
        codes, twice = chosen(exercise, cells)
        session = Session(jail, exercise, codes, prisoner)
        try:
            results = run_tests(session, seed, draws)
        finally:
            session.close()
        status = "duplicated cells" if twice else "graded"
        status = "timed out" if session.late else status
        status = "crashed" if session.ended else status
        results = [_noted(result, twice) for result in results]
    if said:
        results = failed(exercise, said)
    score = sum(result.earned for result in results)
    seconds = round(time.monotonic() - began, 3)
    who, what = submission.student, submission.assignment
    row = Row(who, what, status, score, exercise.max_score, tuple(results), seconds)
    return Graded(row, draws, _written(exercise, cells), cells)


def failed(exercise: Exercise, said: str) -> list[TestResult]:
    """All tests failed, for one reason."""
    return [_result(exercise, test, said) for test in exercise.tests]


def _written(exercise: Exercise, cells: list[list[str]]) -> dict[str, bool]:
    """Of each written answer, whether it differs from what the release says in its place."""
    texts = {name: source for kind, name, _, source in reversed(cells) if kind == "markdown"}
    empty = ("", " ".join(exercise.placeholder.split()))
    return {name: " ".join(texts.get(name, "").split()) not in empty for name in exercise.written}


def _noted(result: TestResult, twice: list[str]) -> TestResult:
    """The result, with a word on an answer cell of which there are two."""
    if result.function not in twice:
        return result
    note = f"There are several cells {result.function}; the first was graded."
    return TestResult(**{**vars(result), "message": f"{result.message}\n{note}".strip()})


def read(
    jail: Jail, exercise: Exercise, submission: Submission
) -> tuple[list[list[str]], Prisoner | None]:
    """The cells of a submission, each its kind, grade_id, cell id and source; and who read them.

    That process has run nothing of the student's yet, and may go on to run the answers, unless
    the notebook was so large that it has used up its memory.

    The notebook is parsed in the jail: it may be built to exhaust whoever reads it.
    """
    with opened(submission.folder, exercise.file) as descriptor:
        small = os.fstat(descriptor).st_size < SMALL
        prisoner = jail.fork(descriptor)
    try:
        with within(LIMITS["step_s"]):
            cells = prisoner.end.ask({"do": "read"})
    except (wire.Violation, Stopped):
        cells = "it takes too much time or memory"
    if isinstance(cells, list) and all(_is_cell(cell) for cell in cells):
        if small:
            return cells, prisoner
        prisoner.close()
        return cells, None
    prisoner.close()
    raise Unreadable(wire.plain(cells) if isinstance(cells, str) else "its cells are no cells")


def _is_cell(cell: object) -> bool:
    return isinstance(cell, list) and len(cell) == 4 and all(isinstance(x, str) for x in cell)


def chosen(exercise: Exercise, cells: list[list[str]]) -> tuple[list[Code], list[str]]:
    """The cells to run, in order, and the names of the answers of which there are several."""
    ours = {cell.name for cell in exercise.cells}
    kept: list[Code] = []
    twice: list[str] = []
    taken: set[str] = set()
    for number, (kind, grade_id, name, source) in enumerate(cells):
        if kind != "code":
            continue
        known = grade_id or (name if name in ours else "")
        if known in exercise.answers:
            if known in taken:
                twice.append(known)
            else:
                taken.add(known)
                kept.append(Code(known, source))
        elif known not in ours and source.strip():
            kept.append(Code(f"cell {number + 1}", source))
    return kept, list(dict.fromkeys(twice))


@contextlib.contextmanager
def opened(folder: Path, file: str) -> Iterator[int]:
    """A plain file, opened to be read; no link, pipe or device."""
    path = folder / file
    for part in (folder.parent, folder):
        if part.is_symlink():
            raise Unreadable(f"{wire.plain(part.name)} is a symbolic link")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Absent(_instead(folder, file)) from None
    except OSError as error:
        if path.is_symlink():
            raise Unreadable(f"{file} is a symbolic link") from None
        raise Unreadable(f"{file}: {error.strerror}") from None
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise Unreadable(f"{file} is not a plain file")
        if info.st_size > FILE_LIMIT:
            raise Unreadable(f"{file} is larger than {FILE_LIMIT >> 20} MB")
        yield descriptor
    finally:
        os.close(descriptor)


def _instead(folder: Path, file: str) -> str:
    try:
        found = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".ipynb"))
    except OSError:
        found = []
    names = wire.plain(", ".join(found))[:200]
    return f"There is no {file}" + (f", but: {names}." if names else ".")


def run_tests(session: Session, seed: int, draws: dict[str, list[int]]) -> list[TestResult]:
    """Run our test cells, and what they need, on the functions of a submission."""
    exercise = session.exercise
    names: dict[str, object] = {"__name__": "tests"}
    results: list[TestResult] = []
    stopped: dict[str, int] = {}
    for cell in needed(exercise.cells):
        if cell.role == "answer":
            names[cell.name] = Student(session, cell.name)
            continue
        function = exercise.function(cell)
        left = session.left()
        drawn: list[int] = []
        if cell.role == "test" and (left <= 0 or stopped.get(function, 0) > 1):
            said = REPEATED if left > 0 else "not run: the time for this notebook was used up"
        else:
            said = _attempt(session, cell, names, _seeds(seed, exercise, cell, drawn))
        if said in (LOOP, ENDED):
            stopped[function] = stopped.get(function, 0) + 1
        if drawn:
            draws[cell.name] = drawn
        if cell.role == "test":
            results.append(_result(exercise, cell, said))
    return results


def _seeds(seed: int, exercise: Exercise, cell: Cell, drawn: list[int]) -> Iterator[int]:
    """The seeds that a test draws, each entered in `drawn`."""
    while True:
        text = f"{seed}/{exercise.name}/{cell.name}/{len(drawn)}"
        drawn.append(int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big"))
        yield drawn[-1]


def _result(exercise: Exercise, test: Cell, said: str) -> TestResult:
    earned = 0.0 if said else test.points
    return TestResult(test.name, exercise.function(test), test.points, earned, test.hidden, said)


def _attempt(session: Session, cell: Cell, names: dict, seeds: Iterator[int]) -> str:
    """Run a cell of ours on the answers; what to say if it failed, nothing if it passed."""
    code = compile(cell.source, f"<{cell.name}>", "exec", dont_inherit=True)
    try:
        with contextlib.suppress(*(() if cell.role == "test" else (Stopped,))):
            session.start()  # has deadlines of its own
        with within(LIMITS["step_s"]), _quietly(), secrets_from(seeds):
            session.allow(CALLBACKS)
            exec(code, names)
    except CheckFailed as failed:
        return _with_cause(str(failed), session)
    except Undefined as undefined:
        return str(undefined)
    except Stopped as error:
        session.stop(error)
        return ENDED if error.ended else LOOP
    except wire.Violation:
        session.stop(Stopped("", ended=True))
        return ENDED
    except Exception as error:
        if cell.hidden:
            return f"Hidden test: it stopped at a {type(error).__name__}"
        return wire.plain(f"{type(error).__name__}: {error}")
    return ""


def _with_cause(said: str, session: Session) -> str:
    """Where a name is missing, what went wrong in the cells that may have defined it."""
    if "NameError" not in said or not session.errors:
        return said
    name, why = next(iter(session.errors.items()))
    return f"{said}\nThe cell {name} stopped: {why}"


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
