"""What grading says of a submission: one row, whatever it holds, and what a person adds to it."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

Status = Literal["graded", "duplicated cells", "timed out", "crashed", "not readable", "missing"]


@dataclass(frozen=True)
class TestResult:
    """What one test cell gave.

    `function` is the answer that it tests. `message` says what failed, is empty for a test that
    passed, and holds text that the student may have chosen: escape it where it is shown.
    """

    name: str
    function: str
    points: float
    earned: float
    hidden: bool
    message: str

    __test__ = False  # pytest would collect it


@dataclass(frozen=True)
class Row:
    """The marks of one submission, without the points that a person gives.

    `status` is the worst that happened: "duplicated cells", "timed out" and "crashed" still hold
    the marks that were earned; "not readable" and "missing" hold none.
    """

    student: str
    assignment: str
    status: Status
    score: float
    max_score: float
    tests: tuple[TestResult, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The row as JSON writes it."""
        return dataclasses.asdict(self) | {"tests": [dataclasses.asdict(t) for t in self.tests]}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Row":
        """The row that `to_json` gave.

        Raises:
            ValueError: if it is not one.
        """
        try:
            found = cls(**{**row, "tests": tuple(TestResult(**test) for test in row["tests"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a row of marks: {error}") from None
        if found.status not in get_args(Status):
            raise ValueError(f"status {found.status!r}; one of {', '.join(get_args(Status))}")
        return found


class ByPerson(NamedTuple):
    """What a person gave one cell of a submission in the formgrader.

    `points` is None where nobody gave any, `most` 0 where the cell has none to give; `written`
    tells a written answer from a test whose points a person changed. The comment is the person's.
    """

    name: str
    points: float | None
    most: float
    written: bool
    comment: str


class Hand(NamedTuple):
    """What people gave a submission: cell by cell, and the points to take off for lateness."""

    cells: Sequence[ByPerson] = ()
    late_penalty: float = 0.0


NOTHING_BY_HAND = Hand()
