"""Whether this machine can jail an answer."""

import functools
import os

import pytest

from course import doctor

REQUIRED = bool(os.environ.get("COURSE_REQUIRE_ALL"))


@functools.cache
def _problem() -> str:
    return doctor.jail()[1]


def require_jail() -> None:
    """Skip the test where no jail can be built, with the reason; CI fails instead."""
    if problem := _problem():
        if REQUIRED:
            pytest.fail(f"{problem} (COURSE_REQUIRE_ALL is set)", pytrace=False)
        pytest.skip(problem)
