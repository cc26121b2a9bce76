"""Lecture 02: every numbered equation and every number in its prose, checked."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from course import lab
from course.widgets import annealing, smoothing, witnesses
from smoothlib import (
    L1,
    BallThrow,
    BallWall,
    Heaviside,
    PiecewiseLinear,
    Quadratic,
    Spike,
    annealed,
    normal,
)
from tests.prose import Prose

WALL, THROW, GRIPPER = BallWall(), BallThrow(), PiecewiseLinear()
LECTURE = Prose("02_smoothing")
says = LECTURE.says


def column(*points: float) -> Tensor:
    return torch.tensor(points, dtype=torch.float64)[:, None]


def bell(e: float) -> float:
    return math.exp(-(e**2) / 2) / math.sqrt(2 * math.pi)


def mean(f, theta: float, sigma: float, breaks: tuple[float, ...] = ()) -> float:
    """E f(θ + σε) by adaptive quadrature over ε, split at the breaks of f."""
    inner = sorted(e for b in breaks if abs(e := (b - theta) / sigma) < 10)
    ends = [-10.0, *inner, 10.0]
    parts = pairwise(ends)
    return sum(quad(lambda e: f(theta + sigma * e) * bell(e), *p, limit=200)[0] for p in parts)


def wall(x: float) -> float:
    return float(WALL(torch.tensor([x], dtype=torch.float64)))


CLIFFS = (*WALL.angles, -WALL.angles[2])


def top(f, sigma: float, low: float, high: float) -> float:
    """Where F is highest between low and high, to 1e-4 of the range."""
    grid = torch.linspace(low, high, 10_001, dtype=torch.float64)
    return float(grid[f.smoothed(grid[:, None], sigma).argmax()])


def test_every_numbered_equation_has_a_test() -> None:
    assert LECTURE.untested(globals()) == []


def test_sections_that_checks_send_students_to_exist() -> None:
    named = (lab.REPO / "course" / "mistakes" / "smoothing.py").read_text()
    wanted = set(re.findall(r"lecture 02, “([^”]+)”", named))
    assert wanted and wanted <= set(LECTURE.headings)


def test_equation_2_1() -> None:
    for theta, sigma in ((0.85, 0.1), (0.3, 0.4), (1.2, 0.2)):
        over_eps = mean(wall, theta, sigma, CLIFFS)
        ends = [theta - 10 * sigma, *sorted(CLIFFS), theta + 10 * sigma]
        over_x = sum(
            quad(lambda x: wall(x) * bell((x - theta) / sigma) / sigma, a, b, limit=300)[0]  # noqa: B023
            for a, b in pairwise(ends)
            if a < b
        )
        exact = float(WALL.smoothed(column(theta), sigma))
        assert exact == pytest.approx(over_eps, abs=1e-7) == over_x


def test_equation_2_2() -> None:
    values = WALL(0.85 + 0.1 * normal(3, 2000 * 50, 1, dtype=torch.float64)).reshape(2000, 50)
    spread = float(values.mean(1).std())
    moments = WALL.smoothed_moments(column(0.85), 0.1)
    s = float((moments.square - moments.value**2).sqrt())
    assert spread == pytest.approx(s / math.sqrt(50), rel=5 / math.sqrt(2 * 2000))


def test_equation_2_3() -> None:
    for theta in (-0.5, 0.0, 0.8):
        found = mean(lambda x: float(x > 0), theta, 0.5, (0.0,))
        assert norm.cdf(theta / 0.5) == pytest.approx(found, abs=1e-9)
        assert float(Heaviside().smoothed(column(theta), 0.5)) == pytest.approx(found, abs=1e-9)


def test_equation_2_4() -> None:
    for theta in (-0.5, 0.8):
        found = mean(lambda x: x**2 / 2, theta, 0.7)
        assert theta**2 / 2 + 0.7**2 / 2 == pytest.approx(found, abs=1e-9)
        assert float(Quadratic().smoothed(column(theta), 0.7)) == pytest.approx(found, abs=1e-9)


def test_equation_2_5() -> None:
    for theta in (-0.5, 0.0, 0.8):
        z, found = theta / 0.7, mean(abs, theta, 0.7, (0.0,))
        formula = theta * (2 * norm.cdf(z) - 1) + 2 * 0.7 * norm.pdf(z)
        assert formula == pytest.approx(found, abs=1e-9)
        assert float(L1().smoothed(column(theta), 0.7)) == pytest.approx(found, abs=1e-9)
    assert f"{2 * norm.pdf(0):.2f}" == "0.80" and says(r"2\sigma\,\varphi(0) = 0.80\,\sigma")
    for a in (-1.0, 0.3):
        assert quad(lambda e: e * bell(e), a, 12)[0] == pytest.approx(bell(a), abs=1e-9)


def test_equation_2_6() -> None:
    for h, slope in ((math.sin, math.cos), (lambda e: e**3, lambda e: 3 * e**2), (abs, np.sign)):
        assert mean(lambda e, h=h: e * h(e), 0, 1, (0,)) == pytest.approx(
            mean(slope, 0, 1, (0,)), abs=1e-9
        )
    step = mean(lambda e: e * (e > 0), 0, 1, (0,))  # a jump is what the rule does not allow
    assert step == pytest.approx(bell(0)) and step > 0.3


def test_equation_2_7() -> None:
    for theta, sigma in ((0.4, 0.3), (2.0, 1.1)):
        found = mean(math.cos, theta, sigma)
        assert math.exp(-(sigma**2) / 2) * math.cos(theta) == pytest.approx(found, abs=1e-9)
        exact = float(THROW.smoothed(column(theta), sigma))
        assert exact == pytest.approx(20 * found, abs=1e-8)


def test_equation_2_8() -> None:
    def cost(theta: float) -> float:
        return mean(lambda x: -20 * math.cos(x), theta, 0.5)

    for theta in (0.4, 1.2):
        slope = (cost(theta + 1e-4) - cost(theta - 1e-4)) / 2e-4
        assert 20 * math.exp(-0.125) * math.sin(theta) == pytest.approx(slope, abs=1e-5)
        exact = -float(THROW.smoothed_grad(column(theta), 0.5))
        assert exact == pytest.approx(slope, abs=1e-5)


def test_where_the_printed_slope_comes_from() -> None:
    def narrow(w: float, sigma: float) -> float:
        return math.exp(-((w / sigma) ** 2)) / (math.sqrt(2 * math.pi) * sigma)

    for sigma in (0.3, 0.8):
        mass = quad(narrow, -9, 9, args=(sigma,))[0]
        assert mass == pytest.approx(1 / math.sqrt(2))
        variance = quad(lambda w, s=sigma: w**2 * narrow(w, s), -9, 9)[0] / mass
        assert variance == pytest.approx(sigma**2 / 2)
        slope = quad(lambda w, s=sigma: 20 * math.sin(1.25 + w) * narrow(w, s), -9, 9)[0]
        printed = float(witnesses._printed(torch.tensor(1.25), sigma))
        assert printed == pytest.approx(slope, rel=1e-6)
    assert f"{-100 * witnesses._gap(0.5):.1f}" == "24.7" and says("24.7 % too low at")
    assert f"{-100 * witnesses._gap(1e-6):.1f}" == "29.3" and says("29.3 % for small noise")
    assert witnesses._gap(math.sqrt(2 * math.log(2))) == pytest.approx(0)
    assert f"{math.sqrt(2 * math.log(2)):.3f}" == "1.177" and says("= 1.177$")


def test_both_measurements_refute_the_printed_slope_and_fit_the_exact_one() -> None:
    theta = torch.linspace(0.25, 1.25, 5, dtype=torch.float64)
    for sigma in (0.2, 0.5):
        exact = 20 * math.exp(-(sigma**2) / 2) * theta.sin()
        for measure in (witnesses._differences, witnesses._slopes):
            found, error = measure(theta, sigma, 0)
            assert bool(((found - exact).abs() < 5 * error + 0.002 * exact).all())
            assert float(((found - witnesses._printed(theta, sigma)) / error)[-1]) > 5


def test_equation_2_9() -> None:
    for theta, sigma in ((0.6, 0.1), (0.9, 0.1), (1.3, 0.3)):
        ends = [theta - 9 * sigma, *sorted(CLIFFS), theta + 9 * sigma]
        slope = sum(
            quad(
                lambda x: wall(x) * (x - theta) * bell((x - theta) / sigma) / sigma**3,  # noqa: B023
                a,
                b,
                limit=300,
            )[0]
            for a, b in pairwise(ends)
            if a < b
        )
        assert float(WALL.smoothed_grad(column(theta), sigma)) == pytest.approx(slope, abs=1e-6)


def test_equation_2_10() -> None:
    for theta in (-0.4, 0.0, 0.9):
        ahead, behind = (norm.cdf((theta + h) / 0.3) for h in (1e-5, -1e-5))
        formula = norm.pdf(theta / 0.3) / 0.3
        assert formula == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)
        exact = float(Heaviside().smoothed_grad(column(theta), 0.3))
        assert exact == pytest.approx(formula, abs=1e-12)


def test_equation_2_11() -> None:
    assert f"{norm.ppf(0.2):.4f}" == "-0.8416"
    roof = smoothing.EXAMPLES["roof"].f
    assert roof(column(-1.0, 1.0)).tolist() == [-1.0, -4.0]
    for sigma in (0.1, 0.5, 1.0):
        assert top(roof, sigma, -2, 2) == pytest.approx(norm.ppf(0.2) * sigma, abs=4e-4)
        at = column(0.3)
        slopes = 1 - norm.cdf(0.3 / sigma) - 4 * norm.cdf(0.3 / sigma)
        assert float(roof.smoothed_grad(at, sigma)) == pytest.approx(slopes, abs=1e-9)


def test_equation_2_12() -> None:
    for theta, sigma in ((0.03, 0.01), (0.055, 0.02), (0.1, 0.05)):
        A, B = -theta / sigma, (0.06 - theta) / sigma
        P = norm.cdf(B) - norm.cdf(A)
        formula = 0.04 + (0.075 + 0.5 * theta) * P + 0.5 * sigma * (norm.pdf(A) - norm.pdf(B))
        lifted = mean(
            lambda z: 0.115 + 0.5 * z if 0 <= z <= 0.06 else 0.04, theta, sigma, (0.0, 0.06)
        )
        assert formula == pytest.approx(lifted, abs=1e-9)
        exact = float(GRIPPER.smoothed(column(theta), sigma))
        assert exact == pytest.approx(formula, abs=1e-12)


def test_equation_2_13() -> None:
    sigmas = annealed(0.35, 0.01, 60)
    assert float(sigmas[0]) == pytest.approx(0.35) and float(sigmas[-1]) == pytest.approx(0.01)
    for i in (0, 17, 59):
        assert float(sigmas[i]) == pytest.approx(0.35 * (0.01 / 0.35) ** (i / 59))
    assert torch.equal(annealing._schedule(0.35, 0.01), sigmas) and annealing.STEPS == 60


def test_equation_2_14() -> None:
    height = float(WALL.jumps().height[0])
    bound = height / (0.01 * math.sqrt(2 * math.pi))
    grid = torch.linspace(0.8, 0.95, 3001, dtype=torch.float64)[:, None]
    steepest = float(WALL.smoothed_grad(grid, 0.01).max())
    assert steepest == pytest.approx(bound, rel=0.05)  # the slope beside the cliff takes 4 % off
    assert f"{bound:.0f}" == "312" and f"{0.02 * bound:.1f}" == "6.2" and annealing.RATE == 0.02


def test_equation_2_15() -> None:
    sigmas = annealed(0.35, 0.01, annealing.STEPS)
    theta = 0.3
    for sigma, visited in zip(sigmas, annealing._path(0.3, sigmas, True)[1:], strict=True):
        slope = float(WALL.smoothed_grad(column(theta), float(sigma)))
        theta += 0.02 * float(sigma) / 0.35 * slope
        assert float(visited) == pytest.approx(theta, abs=1e-12)


def test_numbers_of_the_trembling_hand() -> None:
    low, high, _ = WALL.angles
    clears = norm.cdf((high - 0.85) / 0.1) - norm.cdf((low - 0.85) / 0.1)
    assert f"{clears:.1f}" == "0.4" and says("Four throws in ten")
    average = float(WALL.smoothed(column(0.85), 0.1))
    assert f"{average:.2f}" == "7.69" and says("The average is 7.69 m")
    fly = (average - 5 * (1 - clears)) / clears  # late and short throws: fewer than 1 in 10 000
    assert f"{fly:.1f}" == "11.7" and says("fly 11.7 m on average")
    values = WALL(0.85 + 0.1 * normal(0, 1000, 1, dtype=torch.float64))
    error = float(values.std()) / math.sqrt(1000)
    assert f"{float(values.mean()):.2f} ± {error:.2f}" == "7.84 ± 0.11" and says("7.84 ± 0.11 m")
    assert f"{(float(values.mean()) - average) / error:.1f}" == "1.4" and says("That is 1.4")
    assert f"{math.sqrt(2) * error:.2f}" == "0.15" and says("by chance by about 0.15 m")


def test_numbers_of_the_four_shapes() -> None:
    theta = column(-0.5, 0.0, 0.5)
    step = Heaviside().smoothed(theta, 0.5)
    assert [f"{v:.2f}" for v in step.tolist()] == ["0.16", "0.50", "0.84"]
    lifted = Quadratic().smoothed(theta, 0.5) - Quadratic()(theta)
    assert lifted.tolist() == pytest.approx([0.125] * 3) and says("0.125 higher")
    assert f"{float(L1().smoothed(theta, 0.5)[1]):.2f}" == "0.40"
    assert f"{float(THROW.smoothed(theta, 0.5)[1]):.2f}" == "17.65" and says("17.65 m")


@pytest.mark.parametrize("name", ["minus |θ|", "minus θ²", "ball", "bar"])
def test_symmetric_landscapes_keep_their_top(name: str) -> None:
    peaks = smoothing._peaks(name)
    middle = math.pi / 2 if name == "bar" else 0.0
    inside = peaks.sigma > (0.3 if name == "bar" else 0.0)  # less noise leaves the bar a plateau
    assert peaks.theta[inside].tolist() == pytest.approx([middle] * int(inside.sum()), abs=4e-3)


def test_numbers_of_the_slopes() -> None:
    slopes = WALL.smoothed_grad(column(0.3, 0.6, 0.9), 0.1)[:, 0].tolist()
    assert [f"{slopes[0]:.7f}", f"{slopes[1]:.2f}", f"{slopes[2]:.2f}"] == [
        "0.0000021",
        "0.67",
        "20.36",
    ]
    assert f"{-20 * math.sin(0.9):.2f}" == "-15.67" and says("$-15.67$ m/rad")
    away = (WALL.angles[0] - 0.3) / 0.1
    assert 5.5 < away < 6 and says("almost six standard deviations")
    assert round(1e-8 / norm.sf(away)) == 2 and says("one throw in two hundred million")


def test_numbers_of_the_window() -> None:
    told = ((0.1, "0.99", "10.90"), (0.34, None, "12.73"), (0.35, "0.87", "5.00"))
    for sigma, at, length in told:
        peak = top(WALL, sigma, 0, 1.57)
        assert at is None or (f"{peak:.2f}" == at and says(f"lies at {at}"))
        assert f"{wall(peak):.2f}" == length and says(length)
    assert f"{float(WALL.smoothed(column(top(WALL, 0.35, 0, 1.57)), 0.35)):.2f}" == "6.44"
    places = [top(WALL, s, 0, 1.57) for s in (0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.34)]
    turn = places.index(max(places))
    assert turn == 3 and places == sorted(places[:4]) + sorted(places[4:], reverse=True)


def test_numbers_of_the_25_climbers() -> None:
    sigmas, paths = annealing._climbers(0.004)
    assert paths.shape == (annealing.SHOWN + 1, annealing.SIGMAS, 25)
    over = (WALL(paths[-1][..., None]) > 5 + 1e-9).sum(-1)
    counts = {f"{s:.2f}": int(n) for s, n in zip(sigmas.tolist(), over, strict=True)}
    assert [counts[s] for s in ("0.05", "0.20", "0.34", "0.35")] == [14, 21, 25, 0]
    assert not over[sigmas > 0.345].any()
    assert says("it is 14, with 0.2 it is 21, with 0.34 all 25, and from 0.35 on nobody")


def test_numbers_of_the_spike() -> None:
    spike = Spike()
    for sigma, at, value in ((0.05, 3, 0.55), (0.1, 0, 0)):
        peak = top(spike, sigma, -4.2, 4.2)
        assert peak == pytest.approx(at, abs=0.01)
        assert float(spike(column(peak))) == pytest.approx(value, abs=5e-3)
    change = [top(spike, s, -4.2, 4.2) > 1 for s in (0.083, 0.0845)]
    assert change == [True, False] and says(r"$\sigma = 0.084$")
    plateau = float(WALL.smoothed_grad(column(0.3), 0.02))
    assert abs(plateau) < 1e-12  # too little noise


def test_numbers_of_the_gripper() -> None:
    tops = {s: top(GRIPPER, s, -0.06, 0.12) for s in (0.001, 0.003, 0.01, 0.1)}
    assert f"{tops[0.003]:.3f}" == "0.052" and f"{tops[0.01]:.3f}" == "0.039"
    assert f"{float(GRIPPER.smoothed(column(tops[0.1]), 0.1)):.3f}" == "0.061"
    assert f"{float(GRIPPER.smoothed_grad(column(0.055), 0.01)):.2f}" == "-3.35"
    assert says("With 3 mm of noise at 0.052 m, with 1 cm at 0.039 m") and says("promises 0.061 m")
    assert 0.009 < 0.5 * (0.06 - tops[0.01]) < 0.011 and says("gives up a centimetre of height")
    assert float(GRIPPER.smoothed_grad(column(0.07), 0.001).abs()) < 1e-15


def test_numbers_of_your_own_landscape() -> None:
    def mine(x: float) -> float:
        return 1.0 if 0.4 < x < 0.6 else 0.3 * math.sin(12 * x)

    share = norm.cdf(-1) - norm.cdf(-5)
    assert f"{100 * share:.0f}" == "16" and says("16 % of the samples")
    average = mean(mine, 0.65, 0.05, (0.4, 0.6))
    drawn = smoothing._Drawn(
        lambda x: torch.where((x > 0.4) & (x < 0.6), 1.0, 0.3 * torch.sin(12 * x))
    )
    assert float(drawn.smoothed(column(0.65)[0], 0.05)) == pytest.approx(average, abs=2e-3)
    assert f"{average:.2f}" == "0.38" and f"{mine(0.65):.2f}" == "0.30"
    assert says("The average is 0.38, where $f$ itself is 0.30.")


@pytest.mark.parametrize(
    ("first", "last", "slower", "at", "length"),
    [
        (0.35, 0.35, True, "0.868", "5.00"),
        (0.35, 0.05, True, None, "11.52"),
        (0.35, 0.01, True, "0.898", "12.46"),
        (0.01, 0.01, True, "0.300", "5.00"),
        (0.35, 0.01, False, None, "5.00"),
        (1.0, 0.01, True, "0.345", "5.00"),
    ],
)
def test_numbers_of_annealing(
    first: float, last: float, slower: bool, at: str | None, length: str
) -> None:
    end = float(annealing._path(0.3, annealing._schedule(first, last), slower)[-1])
    assert at is None or (f"{end:.3f}" == at and (at == "0.300" or says(at)))
    assert f"{wall(end):.2f}" == length and says(f"{length} m")


def test_what_stops_annealing_short_of_the_best_throw() -> None:
    last = top(WALL, 0.01, 0.8, 1.0)
    assert (last - WALL.angles[0]) / 0.01 == pytest.approx(2.5, abs=0.1)
    assert f"{WALL.optimum.value:.2f}" == "12.83"
