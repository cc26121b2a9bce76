"""Lecture 03: every numbered equation and every number in its prose, checked."""

import math
import re
from itertools import pairwise

import nbformat
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from course import lab
from course.widgets import (
    areas,
    arrows,
    baselines,
    climb_by_scores,
    correlated,
    dimensions,
    step_sizes,
    votes,
)
from course.widgets.scores import COUNTS
from course.widgets.stepping import CLIMBERS, SIGMA, _distances, _mean_square, _noise
from smoothlib import (
    BallWall,
    Heaviside,
    Quadratic,
    antithetic,
    finite_difference,
    normal,
    optimal_baseline,
    zero_order,
    zero_order_variance,
)
from tests.prose import Prose

WALL, HILL = BallWall(), Quadratic(-1.0)
LECTURE = nbformat.read(lab.REPO / "lectures" / "03_zero_order.ipynb", as_version=4)
PROSE = Prose("03_zero_order")
says = PROSE.says


def point(*theta: float) -> Tensor:
    return torch.tensor(theta, dtype=torch.float64)


def noise(n: int, d: int = 1, seed: int = 11) -> Tensor:
    return normal(seed, n, d, dtype=torch.float64)


def mean_over_throws(part, theta: float, sigma: float) -> float:
    """∫ part(x) p(x) dx for throws around theta, split at the cliffs of the wall."""
    edges = [theta - 9 * sigma, *WALL.breaks(theta - 9 * sigma, theta + 9 * sigma).tolist(),
             theta + 9 * sigma]  # fmt: skip
    return sum(
        quad(lambda x: part(x) * norm.pdf(x, theta, sigma), a, b, epsabs=1e-12, limit=200)[0]
        for a, b in pairwise(edges)
    )


def wall(x: float) -> float:
    return float(WALL(point(x)))


def slope(theta: float, sigma: float) -> float:
    return float(WALL.smoothed_grad(point(theta), sigma))


def agrees(rows: Tensor, truth: Tensor | float, spread: float = 5.0) -> bool:
    """Whether the mean of rows lies within 5 standard errors of the truth."""
    error = rows.std(0) / len(rows) ** 0.5
    return bool(((rows.mean(0) - truth).abs() <= spread * error).all())


def test_every_numbered_equation_has_a_test() -> None:
    assert PROSE.untested(globals()) == []


def test_figures_are_numbered_in_order() -> None:
    shown = "\n".join(cell.source for cell in LECTURE.cells)
    numbers = [int(n) for n in re.findall(r"(?:\*\*|\")Figure (\d+)\.", shown)]
    assert numbers == list(range(1, 15))


# --- the equations ------------------------------------------------------------------------


def test_equation_3_1() -> None:
    """One step of the rule, by hand, is one step of the climbers of Figure 12."""
    eta = 0.3
    path = _distances(0, 4, eta)
    for climber in range(3):
        theta = np.array([1.0, 0, 0, 0])
        for step in range(5):
            w = SIGMA * _noise(0)[step, climber, :4].double().numpy()
            gain = -((theta + w) @ (theta + w)) / 2 + theta @ theta / 2
            theta = theta + eta * gain * w / SIGMA**2
            assert float(path[step + 1, climber]) == pytest.approx(theta @ theta, rel=1e-3)


def test_equation_3_2() -> None:
    for theta, sigma in ((0.9, 0.1), (0.4, 0.3)):
        F = float(WALL.smoothed(point(theta), sigma))
        assert mean_over_throws(wall, theta, sigma) == pytest.approx(F, abs=1e-8)


def test_equation_3_3() -> None:
    """∫ f ∂p dx, the derivative of the density by differences, is ∇F and the weighted mean."""
    theta, sigma, h = 0.9, 0.1, 1e-5
    moved = [mean_over_throws(wall, theta + side * h, sigma) for side in (1, -1)]
    assert (moved[0] - moved[1]) / (2 * h) == pytest.approx(slope(theta, sigma), rel=1e-5)

    def weight(x: float) -> float:
        up, down = (norm.logpdf(x, theta + side * h, sigma) for side in (1, -1))
        return (up - down) / (2 * h)

    weighted = mean_over_throws(lambda x: wall(x) * weight(x), theta, sigma)
    assert weighted == pytest.approx(slope(theta, sigma), rel=1e-5)


def test_equation_3_4() -> None:
    theta = point(0.3, -0.7, 1.1).requires_grad_()
    x, sigma = point(1.0, 0.2, 0.4), 0.6
    cloud = torch.distributions.MultivariateNormal(theta, sigma**2 * torch.eye(3).double())
    (weight,) = torch.autograd.grad(cloud.log_prob(x), theta)
    torch.testing.assert_close(weight, (x - theta.detach()) / sigma**2)


def test_equation_3_5() -> None:
    for theta, sigma in ((0.9, 0.1), (0.6, 0.3)):
        mean = mean_over_throws(lambda x: wall(x) * (x - theta) / sigma**2, theta, sigma)  # noqa: B023
        assert mean == pytest.approx(slope(theta, sigma), abs=1e-6)
    names: dict = {"votes": votes}
    exec(next(c.source for c in LECTURE.cells if c.id == "own-estimate"), names)
    rows = names["my_estimate"](WALL, point(0.9), 0.1, noise(40_000))
    assert agrees(rows, slope(0.9, 0.1))


@pytest.mark.parametrize("b", [-20.0, 0.0, 5.0, 12.4])
def test_equation_3_6(b: float) -> None:
    theta, sigma = 0.9, 0.1
    mean = mean_over_throws(lambda x: (wall(x) - b) * (x - theta) / sigma**2, theta, sigma)
    assert mean == pytest.approx(slope(theta, sigma), abs=1e-6)
    rows = zero_order(WALL, point(theta), sigma, noise(40_000), lambda *_: point(b))
    assert agrees(rows, slope(theta, sigma))


def test_equation_3_7() -> None:
    """For x⁴ by hand: E[((θ+w)⁴ - θ⁴) w] = 4θ³σ² + 12θσ⁴, and F' = 4θ³ + 12θσ²."""
    theta, sigma = 0.5, 0.7
    w = sigma * noise(200_000)[:, 0]
    gain = ((theta + w) ** 4 - theta**4) * w
    assert agrees(gain, sigma**2 * (4 * theta**3 + 12 * theta * sigma**2))
    step = mean_over_throws(lambda x: (wall(x) - wall(0.9)) * (x - 0.9), 0.9, 0.1)
    assert step == pytest.approx(0.1**2 * slope(0.9, 0.1), abs=1e-8)


@pytest.mark.parametrize(("theta", "sigma"), [(0.9, 0.1), (0.8, 1.0), (0.6, 0.1)])
def test_equation_3_8(theta: float, sigma: float) -> None:
    h = 1e-4
    curvature = (slope(theta + h, sigma) - slope(theta - h, sigma)) / (2 * h)
    best = float(WALL.smoothed(point(theta), sigma)) + sigma**2 * curvature
    assert best == pytest.approx(float(optimal_baseline(WALL, point(theta), sigma)), abs=1e-5)
    assert best == pytest.approx(
        mean_over_throws(lambda x: wall(x) * ((x - theta) / sigma) ** 2, theta, sigma), abs=1e-5
    )

    def variance(b: float) -> float:
        def vote(x: float) -> float:
            return (wall(x) - b) * (x - theta) / sigma**2

        second = mean_over_throws(lambda x: vote(x) ** 2, theta, sigma)
        return second - slope(theta, sigma) ** 2

    for b in (0.0, wall(theta), -7.0):
        assert variance(b) == pytest.approx(variance(best) + (b - best) ** 2 / sigma**2, rel=1e-6)
        exact = float(zero_order_variance(WALL, point(theta), sigma, b))
        assert variance(b) == pytest.approx(exact, rel=1e-6)


def test_equation_3_9() -> None:
    """x³ + xy² with a full covariance: ∇F = (3x² + 3Σ₁₁ + y² + Σ₂₂, 2xy + 2Σ₁₂)."""
    L = torch.tensor([[0.8, 0.0], [-0.5, 0.4]], dtype=torch.float64)
    cov, theta = L @ L.mT, point(0.6, -0.4)

    def f(x: Tensor) -> Tensor:
        return x[..., 0] ** 3 + x[..., 0] * x[..., 1] ** 2

    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    eps = torch.cartesian_prod(*[torch.from_numpy(nodes)] * 2)
    mass = torch.from_numpy(np.outer(weights, weights)).flatten() / math.tau
    w = eps @ L.mT
    mean = (mass * (f(theta + w) - f(theta))) @ (w @ torch.linalg.inv(cov))
    x, y = theta.tolist()
    truth = point(3 * x**2 + 3 * cov[0, 0] + y**2 + cov[1, 1], 2 * x * y + 2 * cov[0, 1])
    torch.testing.assert_close(mean, truth)
    literal = (mass * (f(theta + w) - f(theta))) @ w
    torch.testing.assert_close(literal, cov @ truth)
    assert agrees(finite_difference(f, theta, L, noise(40_000, 2)), truth)


def square_error(rows: Tensor, truth: Tensor) -> Tensor:
    return ((rows - truth) ** 2).sum(-1)


@pytest.mark.parametrize("d", [1, 3, 10, 100])
def test_equation_3_10(d: int) -> None:
    theta = torch.linspace(0.2, 0.5, d, dtype=torch.float64)
    for sigma in (0.1, 0.7):
        rows = finite_difference(HILL, theta, sigma, noise(20_000, d))
        exact = (d + 1) * float(theta @ theta) + sigma**2 / 4 * d * (d + 2) * (d + 4)
        assert agrees(square_error(rows, -theta), exact)


def test_equation_3_11() -> None:
    theta, sigma, eps = point(0.4, -0.3, 0.8), 0.3, noise(7, 3)
    f = Quadratic(2.0, point(1.0, 0.0, -1.0), 3.0)
    by_hand = (f(theta + sigma * eps) - f(theta - sigma * eps))[:, None] * eps / (2 * sigma)
    torch.testing.assert_close(antithetic(f, theta, sigma, eps), by_hand)
    votes_of_both = [zero_order(f, theta, sigma, side) for side in (eps, -eps)]
    torch.testing.assert_close(by_hand, sum(votes_of_both) / 2)
    shifted = antithetic(f + 1000.0, theta, sigma, eps)
    torch.testing.assert_close(shifted, by_hand)  # a constant cancels
    curved = antithetic(HILL, theta, sigma, eps)
    torch.testing.assert_close(curved, -(eps @ theta)[:, None] * eps)  # and so does curvature


@pytest.mark.parametrize("d", [1, 3, 10, 100])
def test_equation_3_12(d: int) -> None:
    theta = torch.linspace(0.2, 0.5, d, dtype=torch.float64)
    rows = antithetic(HILL, theta, 0.7, noise(20_000, d))
    assert agrees(square_error(rows, -theta), (d + 1) * float(theta @ theta))


@pytest.mark.parametrize("n", [1, 5, 40])
def test_equation_3_13(n: int) -> None:
    d = 20
    theta = torch.linspace(0.2, 0.5, d, dtype=torch.float64)
    means = antithetic(HILL, theta, 0.5, noise(4000 * n, d)).reshape(4000, n, d).mean(1)
    exact = float(theta @ theta) * (1 + (d + 1) / n)
    assert agrees(means.square().sum(-1), exact)
    cosine = (means @ -theta) / (means.norm(dim=-1) * theta.norm())
    assert float(cosine.mean()) == pytest.approx(1 / math.sqrt(1 + (d + 1) / n), rel=0.22)


def test_about_as_many_pairs_as_dimensions_come_within_45_degrees() -> None:
    d = 100
    means = antithetic(HILL, torch.eye(d).double()[0], 0.1, noise(300 * d, d)).reshape(300, d, d)
    cosine = -means.mean(1)[:, 0] / means.mean(1).norm(dim=-1)
    assert float(cosine.mean()) == pytest.approx(math.cos(math.pi / 4), abs=0.02)


@pytest.mark.parametrize(("d", "eta"), [(1, 0.3), (1, 1.0), (5, 0.1), (30, 0.05)])
def test_equation_3_14(d: int, eta: float) -> None:
    theta, sigma = torch.linspace(0.2, 0.5, d, dtype=torch.float64), 0.4
    after = theta + eta * finite_difference(HILL, theta, sigma, noise(40_000, d))
    start = float(theta @ theta)
    exact = start * (1 - 2 * eta + (d + 2) * eta**2)
    exact += eta**2 * sigma**2 / 4 * d * (d + 2) * (d + 4)
    assert agrees(after.square().sum(-1), exact)
    assert float(_mean_square(d, eta)[1]) == pytest.approx(
        1 - 2 * eta + (d + 2) * eta**2 + eta**2 * SIGMA**2 / 4 * d * (d + 2) * (d + 4)
    )


@pytest.mark.parametrize("d", [1, 10, 100])
def test_equation_3_15(d: int) -> None:
    """Below 2/(d + 2) the mean square settles, above it grows; half of it is the fastest."""
    limit = 2 / (d + 2)
    factor = [1 - 2 * eta + (d + 2) * eta**2 for eta in (0.99 * limit, 1.01 * limit, limit / 2)]
    assert factor[0] < 1 < factor[1] and factor[2] == pytest.approx(1 - 1 / (d + 2))
    rates = np.linspace(0, limit, 1001)
    assert rates[np.argmin(1 - 2 * rates + (d + 2) * rates**2)] == pytest.approx(limit / 2)
    mean = _distances(0, d, 0.5 * limit).mean(1)[1:]
    exact = _mean_square(d, 0.5 * limit)[1:]
    assert float(mean[-20:].mean()) == pytest.approx(float(exact[-20:].mean()), rel=0.25)


@pytest.mark.parametrize(("z", "probability"), [(2, 0.316), (3, 0.935), (4, 0.998)])
def test_equation_3_16(z: int, probability: float) -> None:
    exact = norm.cdf(z) ** 50
    assert f"{exact:.3f}" == f"{probability}" and says(f"{probability}")
    for side in (-1.0, 1.0):
        rows = finite_difference(Heaviside(), point(side * z), 1.0, noise(50 * 4000))
        silent = (rows.reshape(4000, 50) == 0).all(1).double()
        error = math.sqrt(exact * (1 - exact) / 4000)
        assert abs(float(silent.mean()) - exact) <= 5 * error


# --- the numbers in the prose -------------------------------------------------------------


def readout(picture, clock: int = -1) -> str:
    items = [item[clock] if isinstance(item, list) else item for item in picture.readout]
    return re.sub(r"[*_{}]", "", "; ".join(items)).replace("^", "")


def test_numbers_of_the_first_throws() -> None:
    scores = [wall(x) for x in (0.8, 1.0, 0.9)]
    assert [f"{s:.2f}" for s in scores] == ["5.00", "10.81", "12.43"]
    assert says("0.8 rad scores 5.00 m, one of 1.0 rad scores 10.81 m")
    assert f"{-20 * math.sin(0.9):.2f}" == "-15.67" and says("-15.67$ m/rad")


def test_numbers_of_the_votes() -> None:
    picture = votes().answer()
    for n, text in ((1, "mean +121.05"), (10, "mean +76.01 ± 31.95"), (100, "mean +26.52 ± 6.51"),
                    (1000, "mean +22.09 ± 1.73")):  # fmt: skip
        assert text in readout(picture, COUNTS.index(n))
        assert says(text.removeprefix("mean ").replace(" ± ", r" \pm ").lstrip("+"))
    rows = finite_difference(WALL, point(0.9), 0.1, normal(0, 1000, 1, dtype=torch.float64))
    assert not ((rows > 1e-9) & (rows < 16)).any() and says("none at all between 0 and 16")
    assert f"{slope(0.9, 0.1):.2f}" == "20.36"


def test_numbers_of_the_votes_without_a_baseline() -> None:
    picture = votes(estimator=zero_order).answer()
    assert "mean +21.10 ± 2.45" in readout(picture) and says(r"21.10 \pm 2.45")


def test_numbers_of_the_areas() -> None:
    figure = areas()
    assert "above 0: +41.3; below 0: -20.9; together +20.36" in readout(figure.answer(b=0))
    assert "above 0: +21.3; below 0: -1.0; together +20.36" in readout(figure.answer(b=5))
    assert says("two large areas, 41.3 and 20.9") and says("it is 21.3 less 1.0")


def test_numbers_of_the_printed_statements() -> None:
    w = 0.3 * noise(100_000)[:, 0]
    for theta in (-1.0, 0.7):
        gain = (theta + w) ** 2 / 2 - theta**2 / 2
        assert agrees(gain, 0.045) and says("0.045 at every")
        assert agrees((theta + w - theta**2 / 2) * w / 0.3**2, 1.0)
        assert agrees((theta + w) ** 2 / 2 * -w / 0.3**2, -theta)
        assert agrees(gain * w / 0.3**2, theta)


def test_numbers_of_the_baselines() -> None:
    figure = baselines()
    for theta, sigma, shown in (
        (0.9, 0.1, "none 5695; f(θ) 2768; best 229"),
        (0.6, 0.1, "none 2856; f(θ) 150; best 146"),
        (0.8, 1.0, "none 90; f(θ) 156; best 73"),
    ):
        picture = figure.answer(theta=theta, sigma=sigma)
        assert shown in readout(picture)
        assert picture.aside.endswith("hurts") == (sigma == 1.0)
    assert f"{float(optimal_baseline(WALL, point(0.9), 0.1)):.2f}" == "7.39"
    assert says("from 5695 to 2768, the best constant, 7.39 m, to 229")
    assert says("from 2856 to 150, with 146 the least") and says("156 instead of 90")


def test_numbers_of_the_question_above_figure_1() -> None:
    left, middle, right = (float(WALL(point(x))) for x in (0.8, 0.9, 1.0))
    assert (f"{left:.2f}", f"{right:.2f}", f"{middle:.2f}") == ("5.00", "10.81", "12.43")
    pushes = (left - middle) * -0.1, (right - middle) * 0.1
    assert f"{left - middle:.1f} {right - middle:.1f}" == "-7.4 -1.6"
    assert f"{pushes[0]:+.2f} {pushes[1]:+.2f}" == "+0.74 -0.16" and sum(pushes) > 0
    assert says("$(-7.4)\\cdot(-0.1) = +0.74$") and says("$-1.6$ m, and the push $-0.16$")


def test_numbers_of_the_arrows() -> None:
    figure = arrows()
    assert "uphill in 100 of 200" in readout(figure.answer(n=1, baseline=False))
    assert "uphill in 185 of 200" in readout(figure.answer(n=1, baseline=True))
    assert "cosine +0.98, 10° off" in readout(figure.answer(n=100, baseline=True))
    assert "cosine +1.00" in readout(figure.answer(n=1000, baseline=False))
    assert says("100 of 200 point uphill") and says("it is 185 of 200")
    names: dict = {"arrows": arrows}
    exec(next(c.source for c in LECTURE.cells if c.id == "arrows-student"), names)
    own = arrows(estimator=names["my_estimate"])
    assert "uphill in 185 of 200" in readout(own.answer(n=1))

    own = arrows(estimator=lambda *args: args[2] * finite_difference(*args))  # no / sigma
    ours, theirs = (f.answer(n=1, baseline=True).panels for f in (figure, own))
    assert str(ours["off"]) == str(theirs["off"]) and str(ours["plane"]) != str(theirs["plane"])
    assert says("no dot on the right moves")

    def against_its_own_mean(f, theta, sigma, eps):
        score = f(theta + sigma * eps)
        return (score - score.mean())[:, None] * eps / sigma

    own = arrows(estimator=against_its_own_mean)
    assert "has no direction; uphill in 0" in readout(own.answer(n=1))
    assert "uphill in 200 of 200" in readout(own.answer(n=100))


def test_numbers_of_the_correlated_noise() -> None:
    figure = correlated()
    assert "as printed: +40° off" in readout(figure.answer()) and says("by 40°")
    assert "length 0.09" in readout(figure.answer(ratio=1.0)).split("printed")[1]


def test_numbers_of_many_dimensions() -> None:
    figure = dimensions()
    for d, uphill in ((1, 100), (10, 92), (100, 58)):
        shown = readout(figure.answer(d=d))
        assert f"uphill {uphill} of 100; mirrored" in shown and shown.endswith("uphill 100 of 100")
    assert "one-sided: cosine +0.02" in shown and "mirrored: cosine +0.09" in shown
    assert says("58 of 100 steps go uphill") and says("the mean cosine is 0.02")
    assert says("In 10 dimensions it was 92") and says("The mean cosine is only 0.09")
    assert "one-sided: cosine +0.13, uphill 100 of 100" in readout(figure.answer(sigma=0.001))
    errors = [d + 1 + 0.01 / 4 * d * (d + 2) * (d + 4) for d in (1, 10, 100)]
    assert [f"{e:.1f}" for e in errors] == ["2.0", "15.2", "2753.0"]
    assert f"{math.sqrt(errors[2]):.0f}" == "52" and says("2.0 in one dimension, 15.2 in ten")
    assert says("falls from 2753 to 101")


def test_numbers_of_the_crossing() -> None:
    z = math.sqrt(15 / 8)
    assert f"{z:.2f}" == "1.37" and says(r"|\theta| = 1.37\,\sigma")
    for d in (50, 100):  # the crossing in d dimensions, by (3.10) and (3.12)
        crossing = math.sqrt(d * (d + 2) * (d + 4) / 4 / (d + 1))
        assert crossing == pytest.approx(d / 2, rel=0.06)
    truth = point(1.37 * 0.5)
    one = finite_difference(HILL, truth, 0.5, noise(200_000))
    pair = antithetic(HILL, truth, 0.5, noise(200_000, seed=12))
    assert float(one.var() / pair.var()) == pytest.approx(2, rel=0.05)


def test_numbers_of_the_step_sizes() -> None:
    figure = step_sizes()
    assert "median in the end 0.0051" in readout(figure.answer(eta=1.0, d=1)) and says("0.0051")
    assert "mean square × 2 a step" in readout(figure.answer(eta=1.0, d=1))
    d, eta = 100, 0.01
    floor = eta**2 * SIGMA**2 / 4 * d * (d + 2) * (d + 4) / (2 * eta - (d + 2) * eta**2)
    assert f"{floor:.0f}" == "27" and says("of about 27")
    many = _distances(0, 10, 1.0).median(1).values
    assert float(many[-1]) > 1e6  # in ten dimensions nobody is saved
    assert _distances(0, 1, 1.0).shape[1] == CLIMBERS == 300


def test_numbers_of_silence() -> None:
    assert f"{norm.pdf(4):.5f}" == "0.00013" and says("it is 0.00013")


def test_numbers_of_the_climb() -> None:
    figure = climb_by_scores()
    end = readout(figure.answer())
    assert "θ = 1.004" in end and "f = 10.74 m" in end
    assert says("at $\\theta = 1.004$ in this run") and says("reaches 10.74 m")
    assert "f = 10.72 m" in readout(figure.answer(n=300)) and says("ends at 10.72 m")
    runs = [readout(figure.answer(n=1, seed=seed))[-6:] for seed in range(4)]
    assert runs == ["9.14 m", "5.00 m", "5.00 m", "5.00 m"]
    assert says("this run ends at 9.14 m") and says("of the next three none gets over")
    assert "θ = 0.365" in readout(figure.answer(n=10, theta0=0.3, seed=0)) and says(
        "stands at 0.365"
    )
    assert "θ = 0.500" in readout(figure.answer(theta0=0.5, sigma=0.05))
