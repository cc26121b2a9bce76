"""Exercise 05: what is special to it. Answers, right and wrong, are in test_exercises.py."""

import re
from collections.abc import Callable

import pytest
import torch

from course.widgets.variances import error_map, measured_bias
from smoothlib import BallThrow, leave_one_out_variance, normal, zero_order
from tests.exercises import read, right, said_by_release

NAME = "05_bias_variance"
SOLUTION = read("solutions", NAME)
TEXT = " ".join(" ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown").split())
RIGHT = right(NAME)


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
    rows = zero_order(BallThrow(), at, 0.1, normal(0, 1_000_000, 1, dtype=torch.float64))
    off = rows - rows.mean()
    kurtosis = float((off**4).mean() / (off**2).mean() ** 2)
    assert (kurtosis - 1) / 0.01**2 == pytest.approx(21_000, rel=0.03)  # Var of a variance
    assert "takes about 21 000 throws" in TEXT


def test_the_last_figures_of_an_untouched_release_say_not_started() -> None:
    said = said_by_release(NAME)
    assert said["map"] == "rmse: not started"
    assert said["mine"] == "optimal_zero_order: not started"


def test_in_the_last_figure_the_right_baseline_keeps_falling_and_the_suspect_stops() -> None:
    names: dict = {}
    for cell in SOLUTION.cells:
        if cell.id in ("setup", "suspect", "optimal_zero_order", "loo_zero_order"):
            exec(cell.source, names)

    def last(rows: Callable) -> tuple[float, float]:
        """How far off the figure is after all batches, and the standard error of that."""
        figure = measured_bias(lambda f, t, s, eps: rows(f(t + s * eps), eps, s), n=4)
        off = figure.answer(what="ball without a wall").readout[1][-1]
        error = leave_one_out_variance(BallThrow(), torch.tensor([0.6]).double(), 0.1, 4)
        return float(re.findall(r"[\d.]+", off)[-1]), float(error / 1000) ** 0.5

    for right_one in ("optimal_zero_order", "loo_zero_order"):
        off, error = last(names[right_one])
        assert off < 2 * error
    off, error = last(names["suspect"])
    assert off == pytest.approx(5.6, abs=0.3) and off > 5 * error
    assert "stop at about 5.6 m/rad" in TEXT
