"""The grader on every exercise, in short; `make certify` takes all answers and 200 drawings."""

from collections.abc import Iterator

import pytest

from course.grading.jail import Jail
from course.grading.session import Code, Session
from course.grading.source import Exercise
from course.release import exercises
from tests import proofs
from tests.jails import require_jail


@pytest.fixture(scope="module", params=exercises())
def shut_in(request: pytest.FixtureRequest) -> Iterator[tuple[Exercise, Jail]]:
    require_jail()
    exercise = proofs.provable(request.param)
    with Jail(exercise) as jail:
        yield exercise, jail


def score(jail: Jail, exercise: Exercise, cells: list[Code]) -> float:
    session = Session(jail, exercise, cells)
    try:
        return sum(test.earned for test in proofs.results(session, seed=1))
    finally:
        session.close()


def test_the_solution_earns_every_point_and_the_release_none(
    shut_in: tuple[Exercise, Jail],
) -> None:
    exercise, jail = shut_in
    answers = [cell for cell in exercise.cells if cell.role == "answer"]
    assert score(jail, exercise, [Code(c.name, c.source) for c in answers]) == exercise.max_score
    stub = "def {}(*args, **named):\n    raise NotImplementedError  # write your code here"
    assert score(jail, exercise, [Code(c.name, stub.format(c.name)) for c in answers]) == 0


def test_a_wrong_answer_loses_and_a_right_one_does_not(shut_in: tuple[Exercise, Jail]) -> None:
    exercise, jail = shut_in
    wrong, right = proofs.mistakes(exercise), proofs.rights(exercise)
    for function in exercise.answers:
        bad = [answer for answer in wrong if answer.function == function]
        good = [answer for answer in right if answer.function == function]
        assert len(bad) >= 8 and len(good) >= 5, function
        with proofs.answered(jail, exercise, bad[0]) as session:
            assert proofs.loses(proofs.results(session, seed=1), bad[0]), bad[0].name
        with proofs.answered(jail, exercise, good[-1]) as session:
            assert not any(test.message for test in proofs.results(session, seed=1)), good[-1].name
