"""When a submission was handed in, and what nbgrader takes off if that was late."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from nbgrader.api import SubmittedAssignment, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties

from course import CourseError
from course.grading.grader import Absent, Unreadable, opened
from course.release import configuration

FILE = "timestamp.txt"
# An ISO date and time, and perhaps a zone: what nbgrader's exchange writes, and `date -Is`.
DATE = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?([A-Za-z/_]*|[+-][\d:]+)")


def handed_in(folder: Path) -> datetime | None:
    """The UTC time in the timestamp.txt of a submission, as nbgrader's exchange leaves it there.

    Raises:
        CourseError: if there is one without a date in it.
    """
    try:
        with opened(folder, FILE) as descriptor:
            text = os.read(descriptor, 100).decode("ascii", "replace").strip()
    except Absent:
        return None
    except Unreadable as error:
        raise CourseError(str(error)) from None
    try:
        return _utc(text)
    except (ValueError, KeyError):  # ZoneInfo raises both
        raise CourseError(
            f"{FILE} holds {text!r}; a date such as 2026-11-30 18:05:00 UTC is wanted, or no file"
        ) from None


def _utc(text: str) -> datetime:
    """The time without its zone, as the gradebook has it.

    Not nbgrader's parse_utc, which takes "18:05 +0100" for a zone of 100 seconds.
    """
    if not (found := DATE.fullmatch(text)):
        raise ValueError
    when, zone = found.groups()
    if zone[:1] in ("+", "-"):
        at = datetime.fromisoformat(when + zone)
    else:
        utc = zone in ("", "Z", "UTC", "GMT")
        at = datetime.fromisoformat(when).replace(tzinfo=UTC if utc else ZoneInfo(zone))
    return at.astimezone(UTC).replace(tzinfo=None)


class LatePolicy:
    """That of nbgrader: the plug-in of `AssignLatePenalties`, as configured; usually none.

    Due dates and extensions are the gradebook's.
    """

    def __init__(self) -> None:
        assign = AssignLatePenalties(config=configuration())
        assign.init_plugin()
        self.plugin = assign.plugin_inst

    def penalty(self, submission: SubmittedAssignment, notebook: SubmittedNotebook) -> float | None:
        """Points to take off, at most those that are there; none for what came in time."""
        late = submission.total_seconds_late
        if late <= 0:
            return None
        points = self.plugin.late_submission_penalty(submission.student.id, notebook.score, late)
        return None if points is None else min(max(0.0, float(points)), float(notebook.score))
