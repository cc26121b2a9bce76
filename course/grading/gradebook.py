"""Marks into nbgrader's gradebook, and the notebooks that its formgrader shows."""

import contextlib
import copy
import fcntl
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, InvalidEntry, MissingEntry, SubmittedNotebook
from sqlalchemy.exc import SQLAlchemyError

from course import CourseError
from course.files import write_whole
from course.grading.lateness import LatePolicy
from course.grading.rows import ByPerson, Hand, Row, TestResult
from course.grading.source import Exercise
from course.release import ROOT, configuration, register

ATTEMPTS = 8
# What a person is shown of one cell, and how many added ones: the worst Markdown known to us takes
# the formgrader a second at this length, and four times that at twice the length.
SHOWN_TEXT, SHOWN_CELLS = 20_000, 100


def database(classroom: Path) -> str:
    """The URL of the gradebook: as configured, and beside the submissions if that is SQLite's."""
    configured = str(configuration().CourseDirectory.db_url)
    usual = f"sqlite:///{ROOT}/classroom/gradebook.db"
    return f"sqlite:///{classroom}/gradebook.db" if configured == usual else configured


def by_person(classroom: Path) -> dict[tuple[str, str], Hand]:
    """For each student and assignment what the gradebook has of a person's hand, in cell order.

    Raises:
        CourseError: if the gradebook cannot be opened.
    """
    url = database(classroom)
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return {}  # opening it would make an empty one
    try:
        with Gradebook(url) as gradebook:
            return {
                (submission.student.id, assignment.name): Hand(
                    [entry for book in submission.notebooks for entry in _of_a_person(book)],
                    submission.late_submission_penalty,
                )
                for assignment in gradebook.assignments
                for submission in assignment.submissions
            }
    except (SQLAlchemyError, ImportError) as error:  # a driver of the database may be missing
        raise CourseError(f"the gradebook does not open: {_first(error)}") from None


def _of_a_person(notebook: SubmittedNotebook) -> Iterator[ByPerson]:
    comments = {comment.name: comment.manual_comment or "" for comment in notebook.comments}
    for grade in notebook.grades:
        written, said = grade.cell.cell_type == "markdown", comments.pop(grade.name, "")
        more = grade.extra_credit or 0.0
        given = grade.score if grade.manual_score is not None or more else None
        if written and not grade.needs_manual_grade:
            yield ByPerson(grade.name, grade.score, grade.max_score, True, said)
        elif written or given is not None or said:
            yield ByPerson(grade.name, given, grade.max_score, written, said)
    for name, said in comments.items():
        if said:
            yield ByPerson(name, None, 0.0, False, said)


class Marks:
    """The gradebook, for one run of the grader.

    Raises:
        CourseError: if it cannot be opened, or refuses the cells of an exercise.
    """

    def __init__(self, classroom: Path, exercises: Mapping[str, Exercise]) -> None:
        self.url, self.exercises = database(classroom), exercises
        self.waiting = 0  # written answers that nobody has read yet
        self.late = LatePolicy()
        self.lock = classroom / "grading" / "gradebook.lock"
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            for exercise in exercises.values():
                if not self._knows(exercise):
                    register(exercise.name, self.url)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other runs on this machine out: nbgrader asks before it writes, in two steps."""
        with open(self.lock, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _open(self) -> Iterator[Gradebook]:
        try:
            with Gradebook(self.url) as gradebook:
                yield gradebook
        except (SQLAlchemyError, ImportError) as error:
            raise CourseError(f"the gradebook does not open: {_first(error)}") from None

    def _knows(self, exercise: Exercise) -> bool:
        """Whether the gradebook has this exercise, with these tests."""
        with self._open() as gradebook:
            try:
                notebook = gradebook.find_notebook(exercise.topic, exercise.name)
            except MissingEntry:
                return False
            cells = {(cell.name, cell.max_score) for cell in notebook.grade_cells}
            return cells == set(exercise.graded.items())

    def record(
        self,
        row: Row,
        written: Mapping[str, bool],
        again: bool = False,
        handed_in: datetime | None = None,
    ) -> None:
        """Enter the marks of a row; points that a person gave stay. Twice is as good as once.

        `written` says of each written answer whether the student wrote anything, `again` that
        another notebook was graded before: then what a person gave waits to be looked at again.
        What was handed in late loses the points that nbgrader's policy takes.

        Raises:
            CourseError: if the database refuses.
        """
        for attempt in range(ATTEMPTS):
            try:
                with self._alone(), Gradebook(self.url) as gradebook:
                    self._enter(gradebook, row, written, again, handed_in)
                return
            except (SQLAlchemyError, InvalidEntry) as error:  # another machine was faster, or locks
                if attempt == ATTEMPTS - 1:
                    text = f"the gradebook takes no marks of {row.student!r}: {_first(error)}"
                    raise CourseError(text) from None
                time.sleep(0.05 * 2**attempt)

    def _enter(
        self,
        gradebook: Gradebook,
        row: Row,
        written: Mapping[str, bool],
        again: bool,
        handed_in: datetime | None,
    ) -> None:
        exercise = self.exercises[row.assignment]
        gradebook.update_or_create_student(row.student)
        when = {"timestamp": handed_in} if handed_in else {}
        submission = gradebook.update_or_create_submission(row.assignment, row.student, **when)
        scores: dict[str, float | None] = {test.name: test.earned for test in row.tests}
        # Nothing written is no point; what is written waits for a person.
        scores |= {name: None if text else 0.0 for name, text in written.items()}
        [notebook] = [n for n in submission.notebooks if n.name == exercise.topic]
        for grade in notebook.grades:
            grade.auto_score = scores.get(grade.cell.name, 0.0)
            waits = grade.auto_score is None
            if grade.manual_score is not None:  # until a person says so in the formgrader
                waits = again or bool(grade.needs_manual_grade)
            grade.needs_manual_grade = waits
        waiting = sum(grade.needs_manual_grade for grade in notebook.grades)
        gradebook.db.commit()  # the policy looks at the new score
        notebook.late_submission_penalty = self.late.penalty(submission, notebook)
        gradebook.db.commit()
        self.waiting += waiting


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def write_graded(classroom: Path, exercise: Exercise, row: Row, cells: list[list[str]]) -> None:
    """Write autograded/<student>/<assignment>/<notebook>.ipynb, for the formgrader.

    Our cells are as in solutions/, without the solutions; the answers and added cells are the
    student's, and only their text.
    """
    path = classroom / "autograded" / row.student / row.assignment / exercise.file
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = graded_notebook(exercise, row, cells)
    write_whole(path, nbformat.writes(notebook).encode("utf-8", "replace"))


def graded_notebook(exercise: Exercise, row: Row, cells: list[list[str]]) -> NotebookNode:
    """The notebook of a submission, with what the tests said as the output of their cells."""
    notebook = copy.deepcopy(exercise.notebook)
    tests = {test.name: test for test in row.tests}
    ours = {_name(cell): cell for cell in notebook.cells}
    added: dict[str, list[NotebookNode]] = {}
    texts: dict[str, str] = {}
    after = ""
    for kind, grade_id, name, source in cells:
        known = next((n for n in (grade_id, name) if n in ours), "")
        if len(source) > SHOWN_TEXT:
            source = f"{source[:SHOWN_TEXT]}\n\n... cut here, {len(source)} characters in all"
        if known:
            after = known
            texts.setdefault(known, source)
        elif sum(map(len, added.values())) < SHOWN_CELLS:
            make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
            cell = make(source, id=f"added-{sum(map(len, added.values()))}")
            added.setdefault(after, []).append(cell)
    kept = list(added.get("", ()))
    for name, cell in ours.items():
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = texts.get(name, "")
        if name in tests:
            cell.outputs = [_output(tests[name])]
        kept += [cell, *added.get(name, ())]
    notebook.cells = kept
    return notebook


def _name(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", cell.id))


def _output(test: TestResult) -> NotebookNode:
    if test.earned == test.points:
        return nbformat.v4.new_output("stream", name="stdout", text=test.message or "passed")
    lines = test.message.split("\n")
    return nbformat.v4.new_output("error", ename="", evalue=test.message, traceback=lines)
