"""When a submission was handed in, and what nbgrader takes off if that was late."""

import os
import re
from datetime import datetime
from pathlib import Path

from nbgrader.api import SubmittedAssignment, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import parse_utc

from course import CourseError
from course.grading.grader import Absent, Unreadable, opened
from course.release import configuration

FILE = "timestamp.txt"
# What nbgrader's exchange writes: a date and time, and perhaps the name of a zone.
DATE = re.compile(r"[0-9]{4}[0-9T:. +-]{6,36}Z?( [A-Za-z]+(/[A-Za-z_]+)?)?")


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
        if not DATE.fullmatch(text):
            raise ValueError
        found: datetime = parse_utc(text)
    except (ValueError, OverflowError):
        raise CourseError(
            f"{FILE} holds {text!r}; a date such as 2026-11-30 18:05:00 UTC is wanted, or no file"
        ) from None
    return found


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
