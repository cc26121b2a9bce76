"""Marks as CSV, for nbgrader's columns or Canvas's; a missing mark is not taken for a zero."""

import csv
import io
import logging
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from course import CourseError
from course.files import write_whole
from course.grading.gradebook import database

NBGRADER_COLUMNS = (
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score"),
)
NAMED = 20  # submissions in a warning
CANVAS_COLUMNS = ("Student", "ID", "SIS Login ID", "Section")


def export(classroom: Path, columns: str, to: str = "") -> Path:
    """Write the marks of a classroom as CSV, in the columns of "nbgrader" or "canvas".

    Raises:
        CourseError: if there are no marks, one is missing, or the file cannot be written.
    """
    kind = CanvasExport if columns == "canvas" else CheckedCsvExport
    plugin: CanvasExport | CheckedCsvExport = kind(to=to)
    plugin.log = logging.getLogger("course.export")  # whose warnings go to stderr
    try:
        url = make_url(database(classroom))
    except ArgumentError as error:
        raise CourseError(f"the gradebook does not open: {error}") from None
    none_yet = CourseError(f"no marks in {classroom}; course grade first")
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise none_yet  # opening it would make one
    try:
        with Gradebook(database(classroom)) as gradebook:
            if not any(assignment.submissions for assignment in gradebook.assignments):
                raise none_yet
            plugin.export(gradebook)
    except (SQLAlchemyError, ImportError) as error:
        raise CourseError(f"the gradebook does not open: {str(error).splitlines()[0]}") from None
    except SystemExit as error:
        raise CourseError(str(error)) from None
    except OSError as error:
        raise CourseError(f"{error.filename} cannot be written: {error.strerror}") from None
    return Path(plugin.to or plugin.usual)


class CheckedCsvExport(ExportPlugin):
    """nbgrader's columns, written only when every test cell of every submission has a mark.

    A submission whose kernel died, or whose autograding failed, has none, and nbgrader's own
    exporter writes 0; that one quotes nothing either, so that a comma in a name shifts the marks.
    An exercise that was not handed in counts as 0, as there. So do written answers that nobody has
    read yet, which are named in the log.

    Raises:
        SystemExit: if a test cell has no mark; the message names the submissions.
    """

    usual = "grades.csv"

    def export(self, gradebook: Gradebook) -> None:
        _require_marks(self, gradebook)
        rows: list[list] = [list(NBGRADER_COLUMNS)]
        for assignment in _chosen(gradebook.assignments, self.assignment, "name"):
            handed_in = {s.student.id: s for s in assignment.submissions}
            for student in _chosen(gradebook.students, self.student, "id"):
                person = [student.id, student.last_name, student.first_name, student.email]
                submission = handed_in.get(student.id)
                marks = [None, 0.0, 0.0, 0.0]
                if submission:
                    penalty = submission.late_submission_penalty
                    final = max(0.0, submission.score - penalty)
                    marks = [submission.timestamp, submission.score, penalty, final]
                dates = [assignment.duedate, marks[0]]
                cells = [assignment.name, *dates, *map(_inert, person), *marks[1:]]
                rows.append([*cells, assignment.max_score])
        _write(self.to or self.usual, rows)


class CanvasExport(ExportPlugin):
    """The CSV that Canvas's gradebook imports: a row for each student, a column for each exercise.

    Canvas finds a student by the login, so nbgrader's student id has to be that. An exercise that
    a student did not hand in stays empty, which Canvas reads as: leave the mark as it is.

    Raises:
        SystemExit: if a test cell has no mark; the message names the submissions.
    """

    usual = "canvas.csv"

    def export(self, gradebook: Gradebook) -> None:
        _require_marks(self, gradebook)
        assignments = _chosen(gradebook.assignments, self.assignment, "name")
        marks = {
            (s.student.id, a.name): max(0.0, s.score - s.late_submission_penalty)
            for a in assignments
            for s in a.submissions
        }
        rows = [
            [*CANVAS_COLUMNS, *(a.name for a in assignments)],
            ["    Points Possible", "", "", "", *(f"{a.max_score:g}" for a in assignments)],
        ]
        for student in _chosen(gradebook.students, self.student, "id"):
            scores = [marks.get((student.id, a.name)) for a in assignments]
            shown = ["" if score is None else f"{score:g}" for score in scores]
            rows.append([_person(student), "", _inert(student.id), "", *shown])
        _write(self.to or self.usual, rows)


def _require_marks(plugin: ExportPlugin, gradebook: Gradebook) -> None:
    """Stop at a submission without marks, and name those with unread answers in the log."""
    submissions = [s for a in gradebook.assignments for s in a.submissions]
    lost = [_name(s) for s in submissions if _lacks_a_mark(s)]
    if lost:
        raise SystemExit(
            f"no marks for the tests of {', '.join(lost)}. Autograde again, or give "
            "the marks by hand in the formgrader; nothing was written"
        )
    unread = [_name(s) for s in submissions if s.needs_manual_grade]
    if unread:
        more = f" and {len(unread) - NAMED} more" if len(unread) > NAMED else ""
        names = ", ".join(unread[:NAMED]) + more
        plugin.log.warning("Written answers not read yet, counted as 0: %s", names)


def _chosen(entries: list, names: list, key: str) -> list:
    """Those entries of the gradebook that the user named; all if none was named."""
    wanted = {str(name) for name in names}
    return [entry for entry in entries if not wanted or getattr(entry, key) in wanted]


def _write(path: str, rows: list[list]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    write_whole(Path(path), text.getvalue().encode())


def _lacks_a_mark(submission) -> bool:  # type: ignore[no-untyped-def]
    grades = [g for notebook in submission.notebooks for g in notebook.grades]
    tests = [g for g in grades if g.cell.cell_type == "code"]
    return not tests or any(g.auto_score is None and g.manual_score is None for g in tests)


def _name(submission) -> str:  # type: ignore[no-untyped-def]
    return f"{submission.student.id} ({submission.assignment.name})"


def _person(student) -> str:  # type: ignore[no-untyped-def]
    """Last name, first name, as Canvas sorts them; the id if there is no name."""
    return _inert(", ".join(filter(None, [student.last_name, student.first_name])) or student.id)


def _inert(text: str | None) -> str:
    """Text that a spreadsheet does not take for a formula."""
    text = text or ""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
