"""Lecture 05: every numbered equation and every number in its prose, checked."""

import math
import re
from collections.abc import Callable
from itertools import pairwise

import nbformat
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from course import lab
from course.widgets.variances import (
    BASELINES,
    BATCHES,
    CASES,
    PLACES,
    REPEATS,
    _by_baseline,
    _expected_distances,
    error_map,
    folded_mean,
)
from smoothlib import (
    L1,
    BallThrow,
    BallWall,
    Heaviside,
    Objective,
    PiecewiseLinear,
    Quadratic,
    TopHat,
    Wiggle,
    batch_mean,
    bias_exact,
    estimated_optimal,
    finite_difference,
    first_order,
    leave_one_out,
    leave_one_out_variance,
    no_baseline,
    normal,
    optimal_baseline,
    rmse,
    summarise,
    variance_exact,
    variance_measured,
    zero_order,
    zero_order_variance,
)
from tests.prose import Prose

FREE, WALL = BallThrow(v=10.0, t=2.0), BallWall(v=10.0, t=2.0, x_w=5.0, h=3.0)
LECTURE = nbformat.read(lab.REPO / "lectures" / "05_bias_variance.ipynb", as_version=4)
PROSE = Prose("05_bias_variance")
says = PROSE.says


def point(*theta: float) -> Tensor:
    return torch.tensor(theta, dtype=torch.float64)


def noise(n: int, d: int = 1, seed: int = 21) -> Tensor:
    return normal(seed, n, d, dtype=torch.float64)


def mean_of(part: Callable[[float], float], at: tuple[float, ...] = ()) -> float:
    """E part(ε), by quadrature split at the places `at`."""
    edges = [-12.0, *sorted(at), 12.0]
    pieces = [
        quad(lambda e: part(e) * norm.pdf(e), a, b, epsabs=1e-12, limit=400)[0]
        for a, b in pairwise(edges)
    ]
    return math.fsum(pieces)


def ball(x: float) -> float:
    return 20 * math.cos(x)


def variance(f: Objective, theta: float, sigma: float, name: str) -> float:
    return float(getattr(variance_exact(f, point(theta), sigma), name))


def second(f: Callable[[float], float], x: float, step: float = 1e-3) -> float:
    """f'' by a central difference of fourth order."""
    return (
        -f(x + 2 * step) + 16 * f(x + step) - 30 * f(x) + 16 * f(x - step) - f(x - 2 * step)
    ) / (12 * step**2)


def test_every_numbered_equation_has_a_test() -> None:
    assert PROSE.untested(globals()) == []


def test_figures_are_numbered_in_order() -> None:
    numbers = [int(n) for n in re.findall(r"\*\*Figure (\d+)\*?\*?[.\s]", PROSE.text)]
    assert numbers == list(range(1, 10))


# --- the equations ------------------------------------------------------------------------


@pytest.mark.parametrize("theta", [0.9, 0.6])
def test_equation_5_1(theta: float) -> None:
    """The mean squared error of means of 50 slopes at the wall, measured, is its two parts."""
    means = first_order(WALL, point(theta), 0.1, noise(50 * 4000)).reshape(-1, 50).mean(1)
    square = (means - float(WALL.smoothed_grad(point(theta), 0.1))) ** 2
    parts = variance(WALL, theta, 0.1, "first_order") / 50
    parts += float(bias_exact(WALL, point(theta), 0.1)) ** 2
    assert abs(float(square.mean()) - parts) < 5 * float(square.std()) / math.sqrt(len(square))
    whole = rmse(bias_exact(WALL, point(theta), 0.1),
                 variance_exact(WALL, point(theta), 0.1).first_order, 50)  # fmt: skip
    assert float(whole) ** 2 == pytest.approx(parts)


def test_equation_5_2() -> None:
    assert mean_of(abs, (0.0,)) == pytest.approx(math.sqrt(2 / math.pi))
    means = first_order(FREE, point(0.6), 0.1, noise(50 * 4000)).reshape(-1, 50).mean(1)
    off = (means - float(FREE.smoothed_grad(point(0.6), 0.1))).abs()
    claimed = math.sqrt(2 / math.pi * variance(FREE, 0.6, 0.1, "first_order") / 50)
    assert abs(float(off.mean()) - claimed) < 5 * float(off.std()) / math.sqrt(len(off))


@pytest.mark.parametrize("n", [3, 10])
def test_equation_5_3(n: int) -> None:
    """Also: leave-one-out is the batch mean's gradient, n/(n - 1) times as long."""
    truth = float(FREE.smoothed_grad(point(0.6), 0.1))
    batches = noise(n * 2000).split(n)
    found = torch.stack(
        [zero_order(FREE, point(0.6), 0.1, eps, baseline=batch_mean).mean() for eps in batches]
    )
    error = float(found.std()) / math.sqrt(len(found))
    assert abs(float(found.mean()) - (n - 1) / n * truth) < 5 * error
    assert abs(float(found.mean()) - truth) > 5 * error
    short, full = (
        zero_order(FREE, point(0.6), 0.1, batches[0], baseline=b)
        for b in (batch_mean, leave_one_out)
    )
    assert torch.allclose(short * n / (n - 1), full)


def test_equation_5_4() -> None:
    """With G = E f² in closed form: E cos² = (1 + e^{-2σ²} cos 2θ)/2."""
    theta, sigma = 0.6, 0.4

    def G(x: float) -> float:
        return 200 * (1 + math.exp(-2 * sigma**2) * math.cos(2 * x))

    left = mean_of(lambda e: ball(theta + sigma * e) ** 2 * e**2)
    assert left == pytest.approx(G(theta) + sigma**2 * second(G, theta), rel=1e-8)


@pytest.mark.parametrize("b", [0.0, 5.0, 16.0])
def test_equation_5_5(b: float) -> None:
    theta, sigma = 0.6, 0.4
    mean = math.exp(-(sigma**2) / 2)
    F, slope, curve = (20 * mean * math.cos(theta), -20 * mean * math.sin(theta),
                       -20 * mean * math.cos(theta))  # fmt: skip
    wide = math.exp(-2 * sigma**2) * math.cos(2 * theta)
    G, GG = 200 * (1 + wide), -800 * wide
    claimed = (
        G + sigma**2 * GG - 2 * b * (F + sigma**2 * curve) + b**2
    ) / sigma**2 - slope**2  # fmt: skip
    direct = mean_of(lambda e: ((ball(theta + sigma * e) - b) * e / sigma - slope) ** 2)
    assert claimed == pytest.approx(direct, rel=1e-9)
    found = float(zero_order_variance(FREE, point(theta), sigma, b))
    assert found == pytest.approx(direct, rel=1e-9)


def test_equation_5_6() -> None:
    """The remainder falls like σ²: a fourth for half the σ."""
    f = Wiggle(1.0, 0.5, 2.0)

    def value(x: float) -> float:
        return float(f(point(x)))

    theta, b = 0.4, 0.9
    level, curve = value(theta), second(value, theta)
    slope = (value(theta + 1e-5) - value(theta - 1e-5)) / 2e-5
    rest = []
    for sigma in (0.04, 0.02, 0.01):
        claimed = (level - b) ** 2 / sigma**2 + 3 * (level - b) * curve + 2 * slope**2
        rest.append(float(zero_order_variance(f, point(theta), sigma, b)) - claimed)
    assert rest[0] / rest[1] == pytest.approx(4, rel=0.1)
    assert rest[1] / rest[2] == pytest.approx(4, rel=0.1)


def test_equation_5_7() -> None:
    f = Wiggle(1.0, 0.5, 2.0)
    curve = second(lambda x: float(f(point(x))), 0.4)
    ratio = [variance(f, 0.4, s, "first_order") / (s * curve) ** 2 - 1 for s in (0.04, 0.02)]
    assert abs(ratio[0]) < 0.05 and ratio[0] / ratio[1] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(("theta", "sigma"), [(0.6, 0.1), (0.3, 1.0), (1.2, 3.0)])
def test_equation_5_8(theta: float, sigma: float) -> None:
    claimed = 400 * (
        (1 - math.exp(-2 * sigma**2) * math.cos(2 * theta)) / 2
        - math.exp(-(sigma**2)) * math.sin(theta) ** 2
    )
    slope = mean_of(lambda e: -20 * math.sin(theta + sigma * e))
    square = mean_of(lambda e: 400 * math.sin(theta + sigma * e) ** 2)
    assert claimed == pytest.approx(square - slope**2, rel=1e-7)
    assert variance(FREE, theta, sigma, "first_order") == pytest.approx(claimed, rel=1e-9)


def test_equation_5_9() -> None:
    eps = noise(5)
    values, squares = FREE(point(0.6) + 0.1 * eps), eps[:, 0] ** 2
    rows = zero_order(FREE, point(0.6), 0.1, eps, baseline=estimated_optimal)[:, 0]
    for k in range(5):
        others = [j for j in range(5) if j != k]
        b = (values * squares)[others].sum() / squares[others].sum()
        assert float(rows[k]) == pytest.approx(float((values[k] - b) * eps[k, 0] / 0.1))
    batches = noise(5 * 3000).split(5)
    means = torch.stack(
        [zero_order(WALL, point(0.9), 0.1, e, baseline=estimated_optimal).mean() for e in batches]
    )
    error = float(means.std()) / math.sqrt(len(means))
    assert abs(float(means.mean()) - float(WALL.smoothed_grad(point(0.9), 0.1))) < 5 * error


@pytest.mark.parametrize("n", [2, 5, 50])
def test_equation_5_10(n: int) -> None:
    theta, sigma = 0.6, 0.4
    F = mean_of(lambda e: ball(theta + sigma * e))
    G = mean_of(lambda e: ball(theta + sigma * e) ** 2)
    slope = mean_of(lambda e: ball(theta + sigma * e) * e) / sigma
    centred = mean_of(lambda e: e**2 * (ball(theta + sigma * e) - F) ** 2)
    claimed = centred - (n - 2) / (n - 1) * sigma**2 * slope**2 + (G - F**2) / (n - 1)
    claimed /= n * sigma**2
    assert float(leave_one_out_variance(FREE, point(theta), sigma, n)) == pytest.approx(claimed)
    means = torch.stack(
        [
            zero_order(FREE, point(theta), sigma, e, baseline=leave_one_out).mean()
            for e in noise(n * 2000).split(n)
        ]
    )
    seen = variance_measured(means[:, None])
    assert abs(float(seen.mean) - claimed) < 5 * float(seen.standard_error)


@pytest.mark.parametrize(("f", "size"), [(Heaviside(), 1.0), (TopHat(0.02, 0.08, 0.2), 0.2)])
def test_equation_5_11(f: Objective, size: float) -> None:
    for theta in torch.linspace(-1, 1, 21).tolist():
        for sigma in (0.05, 0.5):
            assert variance(f, theta, sigma, "zero_order") <= size**2 / sigma**2
    tight = PiecewiseLinear((0.0,), (-size,), (-size,))
    assert variance(tight, 0.3, 0.5, "zero_order") == pytest.approx(size**2 / 0.5**2)
    eps = noise(100_000, 3)
    rows = (size * eps / 0.5).square().sum(1)  # d = 3, a constant
    assert abs(float(rows.mean()) - size**2 * 3 / 0.25) < 5 * float(rows.std()) / 100_000**0.5


def test_equation_5_12() -> None:
    for sigma in (0.1, 1.0, 3.0):
        assert variance(L1(), 0.0, sigma, "first_order") == pytest.approx(1.0)  # attained
        for theta in (0.3, 1.0):
            assert variance(L1(), theta, sigma, "first_order") <= 1
            assert variance(FREE, theta, sigma, "first_order") <= 20**2
    assert variance(L1(), 0.0, 3.0, "first_order") > 1 / 3.0**2  # what is printed


def test_equation_5_13() -> None:
    for theta in (0.0, 0.6, 1.5):
        for sigma in (0.05, 0.5, 2.0):
            assert variance(FREE, theta, sigma, "first_order") <= (sigma * 20) ** 2
    bowl = Quadratic(4.0)
    assert variance(bowl, 0.7, 0.3, "first_order") == pytest.approx((0.3 * 4.0) ** 2)
    eps, other = noise(200_000), noise(200_000, seed=5)
    half = (torch.sin(0.6 + eps) - torch.sin(0.6 + other)) ** 2 / 2  # the proof's first step
    exact = variance(FREE, 0.6, 1.0, "first_order") / 400
    assert abs(float(half.mean()) - exact) < 5 * float(half.std()) / math.sqrt(len(half))


# --- the numbers --------------------------------------------------------------------------


def test_the_first_experiment() -> None:
    eps, truth = noise(50, seed=0), float(FREE.smoothed_grad(point(0.6), 0.1))
    estimators = (lambda *a: zero_order(*a, baseline=no_baseline), finite_difference, first_order)
    off = [float(e(FREE, point(0.6), 0.1, eps).mean()) - truth for e in estimators]
    assert truth == pytest.approx(-11.24, abs=0.005)
    assert off == pytest.approx([-51.0, -2.05, 0.50], abs=0.05)
    assert says("by $-51.0$ (zero-order), $-2.05$") and says("$+0.50$ (first-order)")


def test_what_chance_does() -> None:
    free, wall = (CASES[name] for name in ("ball without a wall", "ball over the wall"))
    one = {name: float(line[0]) for name, line in _expected_distances(free, 50).items()}
    last = {name: float(line[-1]) for name, line in _expected_distances(free, 50).items()}
    order = ("plain", "zero", "first")
    assert [one[k] for k in order] == pytest.approx([18.4, 1.82, 0.186], rel=5e-3)
    assert [last[k] for k in order] == pytest.approx([0.58, 0.058, 0.0059], rel=1e-2)
    assert says("18.4, 1.82 and 0.186") and says("0.58, 0.058 and 0.0059")
    line = _expected_distances(wall, 50)["first"]
    assert [float(line[0]), float(line[-1])] == pytest.approx([30.2, 30.2], abs=0.05)
    assert REPEATS[0] == 1 and REPEATS[-1] == 1000


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (-3.0, 2.0), (1.0, 0.1)])
def test_the_mean_distance_of_a_biased_estimate(mean: float, sd: float) -> None:
    exact = mean_of(lambda e: abs(mean + sd * e), (-mean / sd,) if abs(mean / sd) < 12 else ())
    assert float(folded_mean(mean, point(sd))) == pytest.approx(exact)


def test_the_printed_slope_of_the_ball() -> None:
    def short(sigma: float) -> float:
        return 100 * (1 - math.exp(-(sigma**2) / 4) / math.sqrt(2) / math.exp(-(sigma**2) / 2))

    assert short(1e-3) == pytest.approx(29.3, abs=0.05) and says("29 % away")
    assert short(math.sqrt(2 * math.log(2))) == pytest.approx(0, abs=1e-9)
    assert math.sqrt(2 * math.log(2)) == pytest.approx(1.18, abs=0.005)
    # the density that lost its 2 gives the printed slope
    slope = quad(lambda w: -20 * math.sin(0.6 + w) * math.exp(-((w / 0.4) ** 2)), -5, 5)[0]
    slope /= math.sqrt(2 * math.pi) * 0.4
    assert slope == pytest.approx(-20 / math.sqrt(2) * math.exp(-(0.4**2) / 4) * math.sin(0.6))


def test_the_estimator_of_the_reader_is_short_by_a_tenth() -> None:
    names: dict = {}
    source = next(cell.source for cell in LECTURE.cells if cell.id == "own")
    exec(source.split("measured_bias")[0], names)
    rows = names["mine"](FREE, point(0.6), 0.1, noise(10 * 20_000).reshape(-1, 10, 1)[0])
    assert rows.shape == (10, 1)
    assert abs(float(FREE.smoothed_grad(point(0.6), 0.1))) / 10 == pytest.approx(1.1, abs=0.05)
    assert says("stays at about 1.1 m/rad")
    eps = noise(10)
    theirs = zero_order(FREE, point(0.6), 0.1, eps, baseline=batch_mean)
    assert torch.allclose(names["mine"](FREE, point(0.6), 0.1, eps), theirs)


def test_the_exact_variances() -> None:
    plain, centred, slopes = (
        variance(FREE, 0.6, 0.1, k) for k in ("zero_order", "finite_difference", "first_order")
    )
    assert (round(plain), round(centred)) == (26693, 260) and says("variance 26 693")
    assert slopes == pytest.approx(2.70, abs=0.005)
    assert centred / slopes == pytest.approx(96, abs=0.5) and says("by a factor of 96")
    rows = noise(100_000, seed=2)
    for estimator, exact, text in (
        (finite_difference, centred, "$264.5 \\pm 3.8$"),
        (first_order, slopes, "$2.688 \\pm 0.012$"),
    ):
        seen = variance_measured(estimator(FREE, point(0.6), 0.1, rows))
        value, error = float(seen.mean), float(seen.standard_error)
        assert abs(value - exact) < 1.4 * error and says(text)
        digits = 1 if value > 100 else 3
        assert text == f"${value:.{digits}f} \\pm {error:.{digits}f}$"


def test_variances_over_sigma() -> None:
    at_rest = [variance(FREE, 0.6, s, "finite_difference") for s in (0.01, 0.1, 1.0)]
    assert at_rest == pytest.approx([255, 260, 396], abs=0.5) and says("from 255 to 396")
    assert variance(FREE, 0.6, 0.01, "zero_order") == pytest.approx(2.7e6, rel=0.01)
    ratio = variance(FREE, 0.6, 0.1, "first_order") / variance(FREE, 0.6, 0.01, "first_order")
    flat = math.pi / 2
    quartic = variance(FREE, flat, 0.1, "first_order") / variance(FREE, flat, 0.01, "first_order")
    assert (round(ratio), round(quartic)) == (99, 9902)
    wide = variance_exact(FREE, point(0.3), 1.0)
    assert float(wide.first_order) == pytest.approx(165, abs=0.5)
    assert float(wide.zero_order) == pytest.approx(120, abs=0.5)
    assert 2 * float(wide.antithetic) == pytest.approx(23, abs=0.5)
    assert says("165 against 120") and says("against 23 for antithetic pairs")


def test_the_absolute_value() -> None:
    on_it = variance_exact(L1(), point(0.0), 1.0)
    assert float(on_it.optimal) == pytest.approx(0.454, abs=5e-4) and says("has 0.454 there")
    assert float(on_it.antithetic) == pytest.approx(0, abs=1e-12)
    for name, z in (("optimal", 0.787), ("antithetic", 1.053)):
        before, after = (
            variance(L1(), z + side * 1e-3, 1.0, name)
            - variance(L1(), z + side * 1e-3, 1.0, "first_order")
            for side in (-1, 1)
        )
        assert before < 0 < after
        assert says(f"{z}\\,\\sigma$")


def test_where_a_baseline_helps() -> None:
    theta = torch.linspace(0.05, 1.5, 30).double()[:, None, None]
    sigma = torch.logspace(math.log10(0.02), 0, 25).double()
    for f, percent in ((FREE, 87), (WALL, 76)):
        best = optimal_baseline(f, theta, sigma)
        helps = (f(theta)[..., None] - best).abs() < best.abs()
        assert 100 * float(helps.double().mean()) == pytest.approx(percent, abs=1)
        assert says(f"{percent} %")
    window = variance_exact(TopHat(0.02, 0.08, 0.2), point(0.05), 0.05)
    ratio = float(window.finite_difference / window.zero_order)
    assert ratio == pytest.approx(18, abs=0.5) and says("multiplies the variance by 18")
    assert abs(float(optimal_baseline(TopHat(0.02, 0.08, 0.2), point(0.05), 0.05))) < 0.011


@pytest.mark.parametrize("name", BASELINES)
def test_the_batches_of_the_figure_are_those_of_zero_order(name: str) -> None:
    """All at once there, one after the other here."""
    for what, place in PLACES.items():
        at = point(place.theta)
        best = optimal_baseline(place.f, at, place.sigma)
        baseline = BASELINES[name][0] or (lambda *_, best=best: best)
        batches = normal(3, BATCHES * 5, 1, dtype=torch.float64).split(5)
        means = [zero_order(place.f, at, place.sigma, eps, baseline).mean() for eps in batches]
        torch.testing.assert_close(_by_baseline(what, 5, 3)[name], torch.stack(means))


def test_what_the_batch_can_tell() -> None:
    loo = float(leave_one_out_variance(FREE, point(0.6), 0.1, 50)) ** 0.5
    f_theta, best = (
        (variance(FREE, 0.6, 0.1, k) / 50) ** 0.5 for k in ("finite_difference", "optimal")
    )
    assert [loo, f_theta, best] == pytest.approx([2.289, 2.281, 2.254], abs=5e-4)
    assert says("2.289 m/rad, against 2.281") and says("and 2.254 for $b^*$")


def test_a_constant_and_a_raised_step() -> None:
    constant = PiecewiseLinear((0.0,), (10.0,), (10.0,))
    assert variance(constant, 0.05, 0.5, "zero_order") == pytest.approx(400)
    low, high = (variance(f, 0.1, 0.5, "zero_order") for f in (Heaviside(), Heaviside() + 3.0))
    assert (low, high) == pytest.approx((1.39, 49.4), rel=5e-3) and says("from 1.39 to 49.4")
    slopes = [float(f.smoothed_grad(point(0.1), 0.5)) for f in (Heaviside(), Heaviside() + 3.0)]
    assert slopes[0] == pytest.approx(slopes[1])


def test_which_error_wins() -> None:
    grid = error_map()
    blind = (grid.bias**2 + grid.first / 50).sqrt()
    shares = [
        100 * float((((v / 50).sqrt() < blind) & (blind > 1e-6)).double().mean())
        for v in (grid.plain, grid.centred)
    ]
    assert [round(share) for share in shares] == [41, 52]
    assert says("on 41 % of this map") and says("and on 52 % with $f(\\theta)$ subtracted")
    few, many = (
        float(((grid.plain / n).sqrt() < (grid.bias**2 + grid.first / n).sqrt()).double().mean())
        for n in (5, 500)
    )
    assert few < shares[0] / 100 < many
    near, far = (
        variance(WALL, t, 0.1, "first_order") / variance(FREE, t, 0.1, "first_order")
        for t in (0.9, 0.6)
    )
    assert near == pytest.approx(42, abs=0.5) and far == pytest.approx(0.28, abs=0.005)
    calmer = variance(WALL, 0.6, 0.1, "zero_order") / variance(FREE, 0.6, 0.1, "zero_order")
    assert math.sqrt(calmer) == pytest.approx(0.327, abs=5e-4) and says("fell to 0.327")
    assert float(FREE(point(0.6))) == pytest.approx(16.5, abs=0.05)


def test_the_map_is_the_mathematics_of_statistics() -> None:
    grid = error_map()
    theta = torch.linspace(0.05, 1.5, 60, dtype=torch.float64)
    sigma = torch.logspace(math.log10(0.02), 0, 40, dtype=torch.float64)
    at, width = point(float(theta[35])), float(sigma[20])
    eps = noise(100_000)
    seen = variance_measured(zero_order(WALL, at, width, eps))
    assert abs(float(seen.mean) - float(grid.plain[20, 35])) < 5 * float(seen.standard_error)
    slopes = summarise([first_order(WALL, at, width, eps)])
    bias = float(slopes.mean) - float(WALL.smoothed_grad(at, width))
    assert abs(bias - float(grid.bias[20, 35])) < 5 * float(slopes.standard_error)
