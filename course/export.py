"""The export of marks to CSV, which does not take a missing mark for a zero."""

from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin


class CheckedCsvExport(CsvExportPlugin):
    """nbgrader's CSV, written only when every test cell of every submission has a mark.

    A submission whose kernel died, or whose autograding failed, has none, and nbgrader exports it
    as 0. Written answers that nobody has read yet do count as 0, and are named in the log.

    Raises:
        SystemExit: if a test cell has no mark; the message names the submissions.
    """

    def export(self, gradebook: Gradebook) -> None:
        submissions = [s for a in gradebook.assignments for s in a.submissions]
        lost = [_name(s) for s in submissions if _lacks_a_mark(s)]
        if lost:
            raise SystemExit(
                f"export: no marks for the tests of {', '.join(lost)}. Autograde again, or give "
                "the marks by hand in the formgrader; nothing was written"
            )
        unread = [_name(s) for s in submissions if s.needs_manual_grade]
        if unread:
            self.log.warning("Written answers not read yet, counted as 0: %s", ", ".join(unread))
        super().export(gradebook)


def _lacks_a_mark(submission) -> bool:  # type: ignore[no-untyped-def]
    grades = [g for notebook in submission.notebooks for g in notebook.grades]
    tests = [g for g in grades if g.cell.cell_type == "code"]
    return not tests or any(g.auto_score is None and g.manual_score is None for g in tests)


def _name(submission) -> str:  # type: ignore[no-untyped-def]
    return f"{submission.student.id} ({submission.assignment.name})"
