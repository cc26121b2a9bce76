"""Exercise 05: wrong answers are named, right ones pass however they are written."""

import re
import runpy
from collections.abc import Callable

import pytest
import torch

from course.checks import CheckFailed, Known
from course.mistakes import bias_variance as mistakes
from course.widgets.variances import error_map
from smoothlib import BallThrow, leave_one_out_variance, normal
from tests.exercises import ROOT, points, read, run

NAME = "05_bias_variance"
SOLUTION = read("solutions", NAME)
TEXT = " ".join(" ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown").split())
KNOWN = {
    "estimate_bias": mistakes.ESTIMATE_BIAS,
    "zo_variance": mistakes.ZO_VARIANCE,
    "loo_zero_order": mistakes.LOO_ZERO_ORDER,
    "optimal_zero_order": mistakes.OPTIMAL_ZERO_ORDER,
    "rmse": mistakes.RMSE,
}
MISTAKES = [(name, mistake) for name, known in KNOWN.items() for mistake in known.mistakes]
RIGHT = runpy.run_path(str(ROOT / "tests" / "right" / f"{NAME}.py"))["RIGHT"]

each_mistake = pytest.mark.parametrize(
    ("name", "mistake"), MISTAKES, ids=lambda x: getattr(x, "__name__", x)
)


def squeeze(text: str | None) -> str:
    return " ".join((text or "").split())


def test_the_solution_earns_every_point() -> None:
    assert set(run(SOLUTION, {}).values()) == {None}
    written = sum(
        c.metadata["nbgrader"]["points"]
        for c in SOLUTION.cells
        if c.cell_type == "markdown" and "nbgrader" in c.metadata
    )
    assert (sum(points(SOLUTION).values()), written) == (17, 3)


def test_an_untouched_release_says_not_started() -> None:
    outcomes = run(read("exercises", NAME), {})
    messages = {str(error) for name, error in outcomes.items() if not name.endswith("_hidden")}
    assert messages == {f"{name}: not started" for name in KNOWN}


def test_an_untouched_release_fails_the_hidden_tests() -> None:
    stubs = dict.fromkeys(KNOWN, not_written)
    assert all(isinstance(error, CheckFailed) for error in run(SOLUTION, stubs).values())


def not_written(*args: object) -> None:
    raise NotImplementedError


@each_mistake
def test_a_known_mistake_loses_points_and_its_first_message_names_it_alone(
    name: str, mistake: Callable
) -> None:
    failed = {test: str(e) for test, e in run(SOLUTION, {name: mistake}).items() if e}
    assert failed and all(test.startswith(f"test_{name}_") for test in failed)
    first = squeeze(next(iter(failed.values())))
    assert f"likely {squeeze(mistake.__doc__)} reread" in first


@each_mistake
def test_a_message_holds_nothing_that_jupyterlab_takes_for_a_path(
    name: str, mistake: Callable
) -> None:
    assert "/" not in squeeze(mistake.__doc__)


@pytest.mark.parametrize(
    ("name", "answer"), [(name, f) for name, answers in RIGHT.items() for f in answers]
)
def test_a_right_answer_passes_however_it_is_written(name: str, answer: Callable) -> None:
    assert {test: error for test, error in run(SOLUTION, {name: answer}).items() if error} == {}


@pytest.mark.parametrize("name", KNOWN)
def test_every_function_has_eight_mistakes_and_five_right_answers(name: str) -> None:
    assert len(KNOWN[name].mistakes) >= 8 and len(RIGHT[name]) >= 5


@pytest.mark.parametrize("seed", range(25))
def test_right_answers_agree_on_fresh_noise(seed: int) -> None:
    n, d = 3 + seed % 5, 1 + seed % 4
    noise = normal(seed, 8 * n, d, dtype=torch.float64)
    eps, values, parts = noise[:n], noise[n : 2 * n, 0], noise[: 6 * n].reshape(6, n, d)
    arguments = {
        "estimate_bias": (lambda e: e**2 - e.mean(0), noise[-1], noise.reshape(8, n, d)),
        "zo_variance": (*parts[:5], 0.3 + seed / 9, parts[5]),
        "loo_zero_order": (values, eps, 0.4),
        "optimal_zero_order": (values, eps, 0.4),
        "rmse": (eps, eps.square() + 0.1, 2 + seed),
    }
    for name, answers in RIGHT.items():
        first, *others = (answer(*arguments[name]) for answer in answers)
        for other in others:
            torch.testing.assert_close(other, first)


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_the_section_to_reread_exists(known: Known) -> None:
    section = re.fullmatch(r"lecture (\d\d), “(.+)”", known.reread)
    assert section
    lecture = next((ROOT / "lectures").glob(f"{section[1]}_*.ipynb"))
    headings = re.findall(r'"#+ (.+?)(?:\\n)?"', lecture.read_text())
    assert section[2] in headings


def test_the_numbers_in_the_text_are_true() -> None:
    names: dict = {}
    for cell in SOLUTION.cells:
        if cell.id in ("setup", "suspect", "evidence"):
            exec(cell.source, names)
    seen, truth = names["seen"], -11.236526
    at = torch.tensor([0.6], dtype=torch.float64)
    assert float(BallThrow().smoothed_grad(at, 0.1)) == pytest.approx(truth, abs=1e-6)
    share = seen.mean(1) / truth
    assert float(share[0]) == pytest.approx(0.5, abs=0.01) and "is half of the truth" in TEXT
    assert 100 * (1 - float(share[-1])) == pytest.approx(4, abs=0.5) and "it is 4 % short" in TEXT
    errors = (seen.mean(1) - truth) / seen.std(1) * 4000**0.5
    assert round(float(errors[0])) == 50 and round(float(errors[-1])) == 15
    assert float(seen[0].std()) < (254.028 / 4) ** 0.5
    for n, spread in zip((4, 8), seen.std(1).tolist(), strict=False):
        assert spread < float(leave_one_out_variance(BallThrow(), at, 0.1, n)) ** 0.5
    grid = error_map()
    for n, percent in ((2, 9), (500, 56)):
        wins = (grid.plain / n).sqrt() < (grid.bias**2 + grid.first / n).sqrt()
        assert 100 * float(wins.double().mean()) == pytest.approx(percent, abs=1)
        assert f"{percent} %" in TEXT
    assert 60_000 == pytest.approx(2 / 0.01**2 * 3, rel=0.01)  # kurtosis 7 of the plain rows


def test_the_last_figures_of_an_untouched_release_say_not_started() -> None:
    names: dict = {}
    said = {}
    for cell in (c for c in read("exercises", NAME).cells if c.cell_type == "code"):
        try:
            exec(cell.source, names)
        except CheckFailed as error:
            said[cell.id] = str(error)
    assert said["map"] == "rmse: not started"
    assert said["mine"] == "optimal_zero_order: not started"
