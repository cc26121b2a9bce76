"""`course doctor`: what of the course works on this machine, and how to mend the rest."""

import platform
import shutil
import sys
import time

from course import CourseError


def examine() -> int:
    """Print a line for each part; 0 if all work."""
    works, problems = [f"Python {platform.python_version()}, {sys.platform}"], []
    for part in (jail, gradebook):
        fine, problem = part()
        if problem:
            problems.append(problem)
        else:
            works.append(fine)
    for line in works:
        print(f"works   {line}")
    for line in problems:
        print(f"broken  {line}")
    return 1 if problems else 0


def jail() -> tuple[str, str]:
    """How answers are shut in when `course grade` runs them, or why they are not."""
    from course.grading.jail import Jail
    from course.grading.source import load
    from course.release import exercises

    try:
        with Jail(load(exercises()[0])) as built:
            built.fork().close()
            began = time.perf_counter()
            built.fork().close()
            taken = time.perf_counter() - began
    except CourseError as error:
        return "", f"grading: {error}"
    path = shutil.which("bwrap")
    return f"grading: jailed by bubblewrap ({path}), {1000 * taken:.0f} ms a submission", ""


def gradebook() -> tuple[str, str]:
    """Where marks go."""
    from nbgrader.api import Gradebook
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from course.grading.gradebook import database
    from course.release import ROOT

    url = database(ROOT / "classroom")
    try:
        shown = make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError as error:
        return "", f"gradebook: {error}"
    try:
        with Gradebook(url):
            return f"gradebook: {shown}", ""
    except (SQLAlchemyError, ImportError) as error:
        return "", f"gradebook: {shown} does not open: {str(error).splitlines()[0]}"
