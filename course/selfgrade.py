"""Grades one's own copy of an exercise as a class is graded, hidden tests included."""

import secrets
import shutil
import tempfile
from pathlib import Path

from course import CourseError
from course.feedback import Page, page
from course.grading.grader import Submission, grade
from course.grading.jail import Jail
from course.grading.source import Exercise, load
from course.release import exercises, find
from course.selfcheck import notebooks, read

WRITTEN = "Written answers are read by a person; in solutions/ is one to compare yours with."
UNDISCLOSED = "Of the hidden tests you see the names and the hints."


def grade_own(which: str) -> Page:
    """What grading a notebook gives: the page that a student of a class gets.

    `which` is NN, for exercises/NN_topic/topic.ipynb, or the path of a copy under any name. The
    answers are one's own, so they run in a process of their own, and not in the jail.

    Raises:
        CourseError: if there is no such exercise, no notebook, or one of no exercise.
    """
    (path,) = notebooks(which)
    exercise = _exercise_of(path) if which.endswith(".ipynb") else load(find(which))
    jail = Jail(exercise, "process")
    try:
        with tempfile.TemporaryDirectory() as folder:  # the grader knows the notebook by its name
            shutil.copyfile(path, Path(folder) / exercise.file)
            own = Submission("you", exercise.name, Path(folder))
            graded = grade(jail, exercise, own, secrets.randbits(48))
    finally:
        jail.close()
    content = page(graded.row)
    remarks = [*content.remarks[:-1], UNDISCLOSED, WRITTEN]
    return content._replace(student="your own copy", remarks=remarks)


def _exercise_of(path: Path) -> Exercise:
    """The exercise whose test cells a notebook holds, most of them."""
    held = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in read(path).cells}
    every = [load(name) for name in exercises()]
    shared, name = max((len(held & {test.name for test in e.tests}), e.name) for e in every)
    if not shared:
        raise CourseError(f"{path} holds no tests of an exercise: {', '.join(exercises())}")
    return load(name)
