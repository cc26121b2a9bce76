"""Exercise 04: what is special to it. Answers, right and wrong, are in test_exercises.py."""

import re

import pytest
import torch

from smoothlib import BallWall, Quadratic, bias_exact, estimate, first_order, normal, zero_order
from tests.exercises import read, right, said_by_release

NAME = "04_first_order"
SOLUTION = read("solutions", NAME)
TEXT = " ".join(" ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown").split())
RIGHT = right(NAME)
SEEDS = 25


@pytest.mark.parametrize("seed", range(SEEDS))
def test_right_answers_agree_on_fresh_noise(seed: int) -> None:
    n, d = 2 + seed % 5, 1 + seed % 4
    noise = normal(seed, 4 * n, d, dtype=torch.float64)
    theta, eps = noise[0], noise[n : 2 * n]
    f = Quadratic(2.0, 0.3, 1.0)
    for rows in RIGHT["first_order"]:
        torch.testing.assert_close(
            rows(f, theta, 0.4, eps).detach(), first_order(f, theta, 0.4, eps)
        )
    for rows in RIGHT["surrogate_gradient"]:
        torch.testing.assert_close(rows(f, theta, 0.4, eps), zero_order(f, theta, 0.4, eps))
    places, heights = noise[-n:, 0].sort().values, noise[:n, 0]
    found = [bias(places, heights, theta, 0.7) for bias in RIGHT["fo_bias"]]
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])
    ends = [torch.stack(tuple(b(theta.abs() + 1, 700.0, 0.004, 150))) for b in RIGHT["bounce"]]
    for other in ends[1:]:
        torch.testing.assert_close(other, ends[0])


def worked() -> dict:
    """The names that the solution defines when it is run without its figures."""
    names: dict = {}
    for cell in SOLUTION.cells:
        if cell.cell_type == "code" and cell.id in (*RIGHT, "setup", "suspect", "evidence"):
            exec(cell.source, names)
    return names


def test_the_evidence_shows_what_the_hints_say() -> None:
    names = worked()
    theta = torch.full((3,), 0.7, dtype=torch.float64)
    for sigma in (0.1, 0.4, 1.0):
        found = estimate(Quadratic(), theta, sigma, 40_000, 3, names["suspect"])
        off = (found.mean - 0.7 * (1 - 3 / 2)).abs() / found.standard_error
        assert float(off.max()) < 5
    suspect, right = (
        estimate(Quadratic(), theta[:1], 0.3, 40_000, 4, f) for f in (names["suspect"], zero_order)
    )
    assert float(suspect.variance) < float(right.variance)
    assert "The mean is $0.7\\,(1 - d/2)$" in TEXT and "wrong rows scatter *less*" in TEXT


def test_without_a_graph_the_suspect_is_right() -> None:
    names = worked()
    theta, eps = torch.tensor([0.1, 0.4]).double(), normal(1, 9, 2, dtype=torch.float64)

    def passes(x: torch.Tensor) -> torch.Tensor:
        return (x[..., 0] > 0.3).double()

    rows = names["suspect"](passes, theta, 0.5, eps)
    torch.testing.assert_close(rows, zero_order(passes, theta, 0.5, eps))


def test_the_numbers_in_the_text_are_true() -> None:
    theta, wall = torch.tensor([0.9], dtype=torch.float64), BallWall()
    bias = float(bias_exact(wall, theta, 0.1))
    assert f"{bias:.1f}" == "-30.2" and "the bias is $-30.2$ m/rad at $\\theta = 0.9$" in TEXT
    assert f"{float(wall.smoothed_grad(theta, 0.1)):.1f}, " == "20.4, " and "itself, 20.4." in TEXT
    _, slope = worked()["bounce"](torch.tensor([1.0, 4.5]).double(), 4000.0, 0.004, 200)
    assert f"{float(slope[0]):.2f}" == "-1.69" and "it is $-1.69$" in TEXT
    assert float(slope[1]) == pytest.approx(0.8)
    height, slope = worked()["bounce"](torch.tensor([3.0]).double(), 900.0, 0.1, 2)
    assert float(height) == pytest.approx(0.3057) and float(slope) == pytest.approx(0.2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("start", [0.7, 1.0])
def test_only_the_corrected_climber_stays_past_the_wall(start: float, seed: int) -> None:
    from course.widgets import climb_past_the_wall

    names = worked()
    figure = climb_past_the_wall(names["first_order"], names["fo_bias"])
    plain, corrected = figure.answer(theta0=start, seed=seed).readout[1:]
    assert plain[-1] == "first-order **5.00 m**"
    metres = float(re.search(r"\*\*(.+) m\*\*", corrected[-1])[1])  # type: ignore[index]
    assert 10 <= metres <= 11 and "at 10 to 11 m" in TEXT


def test_the_last_figure_of_an_untouched_release_says_not_started() -> None:
    said = said_by_release(NAME)
    assert said["climbers"] == "first_order: not started"
