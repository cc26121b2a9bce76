"""Lecture 04: every numbered equation and every number in its prose, checked."""

import math
from itertools import pairwise

import nbformat
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor
from torch.distributions import Normal

from course import lab
from course.mistakes import first_order as mistakes
from course.widgets import (
    fingerprints,
    slope_of_the_mean,
    stiff_ramp,
    two_gradients,
    wrong_way,
)
from course.widgets.ramps import nothing_seen
from course.widgets.slopes import TYPICAL, map_of_signs
from course.widgets.surrogates import WAYS, gradients
from course.widgets.tabulated import Tabulated, mean_slope
from smoothlib import (
    BallThrow,
    BallWall,
    Heaviside,
    SoftStep,
    Wiggle,
    bias_exact,
    estimate,
    finite_difference,
    first_order,
    normal,
    rmse,
    summarise,
    variance_exact,
    variance_measured,
    zero_order,
)
from tests.prose import Prose

WALL, FREE = BallWall(), BallThrow()
LECTURE = Prose("04_first_order")
says = LECTURE.says


def point(*x: float) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


def column(*x: float) -> Tensor:
    return point(*x)[:, None]


def defined() -> dict:
    """The simulator of the lecture, as its cell defines it."""
    notebook = nbformat.read(lab.REPO / "lectures" / "04_first_order.ipynb", as_version=4)
    names: dict = {"torch": torch}
    exec(next(cell.source for cell in notebook.cells if cell.id == "flight"), names)
    return names


def by_quadrature(f, theta: float, sigma: float, breaks: tuple[float, ...]) -> float:
    """E f(θ + σε), split at the breaks."""
    ends = [theta - 10 * sigma, *sorted(breaks), theta + 10 * sigma]
    parts = pairwise(ends)
    bell = norm(theta, sigma).pdf
    return sum(quad(lambda x: f(x) * bell(x), *part, limit=200)[0] for part in parts)


def test_every_numbered_equation_has_a_test() -> None:
    assert LECTURE.untested(globals()) == []


def test_sections_that_checks_send_students_to_exist() -> None:
    for known in (mistakes.FIRST_ORDER, mistakes.FO_BIAS, mistakes.SURROGATE_GRADIENT,
                  mistakes.BOUNCE):  # fmt: skip
        assert known.reread.split("“")[1].rstrip("”") in LECTURE.headings


# --- equations ------------------------------------------------------------------------------


def test_equation_4_1() -> None:
    eps = normal(1, 9, 1, dtype=torch.float64)[:, 0]
    theta = torch.full_like(eps, 0.6, requires_grad=True)
    FREE((theta + 0.3 * eps)[:, None]).sum().backward()
    assert theta.grad is not None
    x = 0.6 + 0.3 * eps.numpy()
    step = 1e-6
    by_hand = (20 * np.cos(x + step) - 20 * np.cos(x - step)) / (2 * step)
    torch.testing.assert_close(theta.grad, torch.from_numpy(by_hand), rtol=0, atol=1e-7)
    rows = first_order(FREE, point(0.6), 0.3, eps[:, None])[:, 0]
    torch.testing.assert_close(rows, theta.grad)


def test_equation_4_2() -> None:
    flight, dt, drag = defined()["flight"], 0.01, 0.01

    def step(state: Tensor) -> Tensor:
        x, y, vx, vy = state
        speed = (vx**2 + vy**2).sqrt()
        vx, vy = vx - dt * drag * speed * vx, vy - dt * (9.81 + drag * speed * vy)
        return torch.stack((x + dt * vx, y + dt * vy, vx, vy))

    theta = 0.6
    state = point(0, 0, 10 * math.cos(theta), 10 * math.sin(theta))
    slope = point(0, 0, -10 * math.sin(theta), 10 * math.cos(theta))
    for _ in range(200):
        slope = torch.autograd.functional.jacobian(step, state) @ slope
        state = step(state)
    angle = point(theta).requires_grad_()
    distance = flight(angle, h=-100.0)
    distance.backward()
    assert distance.item() == pytest.approx(float(state[0]))
    assert angle.grad is not None and float(angle.grad) == pytest.approx(float(slope[0]))


LOW, HIGH, LATE = WALL.angles
BREAKS = (-LATE, LOW, HIGH, LATE)


def wall(x: float) -> float:
    return 5.0 if -LATE < x < LOW or HIGH < x < LATE else 20 * math.cos(x)


def density_slope(x: float, theta: float, sigma: float) -> float:
    return -(x - theta) / sigma**2 * norm.pdf(x, theta, sigma)


def test_equation_4_3() -> None:
    for theta, sigma in ((0.9, 0.1), (1.2, 0.3)):
        mean = by_quadrature(wall, theta, sigma, BREAKS)
        assert float(WALL.smoothed(point(theta), sigma)) == pytest.approx(mean, abs=1e-8)


def test_equation_4_4() -> None:
    for theta, sigma in ((0.9, 0.1), (1.2, 0.2)):
        ends = [theta - 10 * sigma, *BREAKS[1:], theta + 10 * sigma]
        found = sum(
            quad(lambda x, t=theta, s=sigma: -wall(x) * density_slope(x, t, s), *part)[0]
            for part in pairwise(sorted(ends))
        )
        assert float(WALL.smoothed_grad(point(theta), sigma)) == pytest.approx(found, abs=1e-6)


def test_equation_4_5() -> None:
    theta, sigma, a, b = 0.9, 0.1, LOW, HIGH
    bell = norm(theta, sigma).pdf
    left = quad(lambda x: -20 * math.cos(x) * density_slope(x, theta, sigma), a, b)[0]
    slopes = quad(lambda x: -20 * math.sin(x) * bell(x), a, b)[0]
    ends = 20 * math.cos(a) * bell(a) - 20 * math.cos(b) * bell(b)
    assert left == pytest.approx(ends + slopes, abs=1e-9)


@pytest.mark.parametrize(("theta", "sigma"), [(0.9, 0.1), (1.1, 0.2), (0.6, 0.3), (1.3, 0.05)])
def test_equation_4_6(theta: float, sigma: float) -> None:
    def slope(x: float) -> float:
        return 0.0 if wall(x) == 5.0 else -20 * math.sin(x)

    step = 1e-4
    up, down = (by_quadrature(wall, theta + side, sigma, BREAKS) for side in (step, -step))
    heights = (20 * math.cos(LOW) - 5, 5 - 20 * math.cos(HIGH))
    jumps = sum(
        h * norm.pdf((x - theta) / sigma) / sigma for x, h in zip((LOW, HIGH), heights, strict=True)
    )
    mean = by_quadrature(slope, theta, sigma, BREAKS)
    assert (up - down) / (2 * step) == pytest.approx(mean + jumps, abs=2e-4)
    assert float(WALL.smoothed_grad(point(theta), sigma)) == pytest.approx(mean + jumps, abs=1e-8)
    assert float(bias_exact(WALL, point(theta), sigma)) == pytest.approx(-jumps, abs=1e-8)


def test_equation_4_7() -> None:
    theta = torch.linspace(-1, 2.5, 200, dtype=torch.float64)[:, None]
    total = float(WALL.jumps().height.abs().sum())
    for sigma in (0.05, 0.2, 0.7):
        bound = total / (sigma * math.sqrt(2 * math.pi))
        assert (
            float((WALL.smoothed_grad(theta, sigma) - mean_slope(WALL, theta, sigma)).abs().max())
            <= bound
        )
        at_the_step = float(bias_exact(Heaviside(), point(0.0), sigma).abs())
        assert at_the_step == pytest.approx(1 / (sigma * math.sqrt(2 * math.pi)))


@pytest.mark.parametrize("z", [0.5, 2.0, 3.0])
def test_equation_4_8(z: float) -> None:
    n, batches = 50, 4000
    eps = normal(8, n * batches, 1, dtype=torch.float64)
    rows = finite_difference(Heaviside(), point(0.5 * z), 0.5, eps).reshape(batches, n)
    chance = norm.cdf(z) ** n
    found = float((rows == 0).all(1).double().mean())
    assert found == pytest.approx(chance, abs=5 * math.sqrt(max(chance, 1e-3) / batches))


@pytest.mark.parametrize("nu", [1.0, 0.1, 0.01])
def test_equation_4_9(nu: float) -> None:
    ramp = SoftStep(width=nu)
    q = norm.cdf(nu / 2) - norm.cdf(-nu / 2)
    assert float(ramp.smoothed_grad(point(0.0), 1.0)) == pytest.approx(q / nu)
    exact = float(variance_exact(ramp, point(0.0), 1.0).first_order)
    assert exact == pytest.approx(q / nu**2 - (q / nu) ** 2)
    rows = first_order(ramp, point(0.0), 1.0, normal(2, 400_000, 1, dtype=torch.float64))
    found, spread = summarise([rows]), variance_measured(rows)
    assert float((found.mean - q / nu).abs() / found.standard_error) < 5
    assert float((spread.mean - exact).abs() / spread.standard_error) < 5


@pytest.mark.parametrize(("nu", "n"), [(0.1, 50), (0.01, 50), (0.05, 20)])
def test_equation_4_10(nu: float, n: int) -> None:
    batches = 4000
    eps = normal(5, n * batches, 1, dtype=torch.float64)
    rows = first_order(SoftStep(width=nu), point(0.0), 1.0, eps).reshape(batches, n)
    q = 2 * norm.cdf(nu / 2) - 1
    found = float((rows == 0).all(1).double().mean())
    assert found == pytest.approx((1 - q) ** n, abs=5 * 0.5 / math.sqrt(batches))
    assert nothing_seen(nu, n) == pytest.approx((1 - q) ** n)


def test_equation_4_11() -> None:
    theta, eps = point(0.7), normal(3, 12, 1, dtype=torch.float64)
    x = theta + 0.3 * eps
    own = theta.clone().requires_grad_()
    log_p = Normal(own, 0.3).log_prob(x)[:, 0]
    (log_p * (x[:, 0] ** 2 / 2)).mean().backward()
    assert own.grad is not None
    rows = zero_order(lambda x: x[:, 0] ** 2 / 2, theta, 0.3, eps)
    torch.testing.assert_close(own.grad, rows.mean(0))


@pytest.mark.parametrize("sigma", [0.09, 0.3, 0.8])
def test_equation_4_12(sigma: float) -> None:
    theta, eps = 0.7, normal(6, 200_000, 1, dtype=torch.float64)[:, 0]
    found = summarise([gradients(WAYS[2], theta, sigma, eps)])
    mean = theta * (-0.5 - math.log(sigma * math.sqrt(2 * math.pi)))
    assert float((found.mean - mean).abs() / found.standard_error) < 5
    assert WAYS[2].mean(theta, sigma) == pytest.approx(mean)


@pytest.mark.parametrize("way", WAYS, ids=[way.code for way in WAYS])
@pytest.mark.parametrize(("theta", "sigma"), [(0.7, 0.3), (0.4, 0.9), (1.0, 0.06)])
def test_every_fingerprint_has_the_mean_that_the_figure_draws(way, theta, sigma) -> None:
    eps = normal(9, 200_000, 1, dtype=torch.float64)[:, 0]
    found = summarise([gradients(way, theta, sigma, eps)])
    error = max(float(found.standard_error), 1e-12)
    assert abs(float(found.mean) - way.mean(theta, sigma)) < 5 * error
    assert way.right == (abs(way.mean(theta, sigma) - theta) < 1e-3)


# --- numbers --------------------------------------------------------------------------------


def test_numbers_of_the_throw_without_a_wall() -> None:
    eps = normal(0, 50, 1, dtype=torch.float64)
    slopes, chords = (
        summarise([f(FREE, point(0.6), 0.1, eps)]) for f in (first_order, finite_difference)
    )
    truth = float(FREE.smoothed_grad(point(0.6), 0.1))
    assert f"{truth:.2f}" == "-11.24" and says("slope is $-11.24$ m/rad")
    assert f"{float(slopes.mean):.2f} {float(slopes.standard_error):.2f}" == "-10.73 0.27"
    assert f"{float(chords.mean):.1f} {float(chords.standard_error):.1f}" == "-13.3 2.9"
    assert says("$-10.73 \\pm 0.27$, the zero-order estimate $-13.3 \\pm 2.9$")
    exact = variance_exact(FREE, point(0.6), 0.1)
    ratio = float(exact.finite_difference / exact.first_order)
    assert 90 < ratio < 110 and says("about a hundred times as many throws")


def test_numbers_of_the_simulator() -> None:
    flight = defined()["flight"]
    angle = point(0.6).requires_grad_()
    flight(angle, h=-100.0).backward()
    assert angle.grad is not None
    assert f"{float(angle.grad):.2f}" == "-9.61" and says("Both say $-9.61$ m/rad")
    jumps = Tabulated(flight, -0.5, 2.5).jumps().theta.tolist()
    assert [f"{x:.2f}" for x in jumps] == ["0.70", "1.24"]
    assert says("cliffs at 0.70 and 1.24 rad")
    three = torch.tensor([0.2, 0.4, 0.6], dtype=torch.float64)[:, None].requires_grad_()
    assert torch.autograd.grad(flight(three).sum(), three)[0].abs().max() == 0


def test_numbers_of_the_two_gradients() -> None:
    eps = normal(TYPICAL, 50, 1, dtype=torch.float64)
    exact = variance_exact(WALL, point(0.9), 0.1)
    truth = float(WALL.smoothed_grad(point(0.9), 0.1))
    bias = float(bias_exact(WALL, point(0.9), 0.1))
    error = float((exact.first_order / 50).sqrt())
    assert (f"{truth:.2f}", f"{truth + bias:.2f}", f"{error:.2f}") == ("20.36", "-9.84", "1.14")
    assert 26 < -bias / error < 27 and says("26 standard errors away from the truth")
    share = norm.cdf((WALL.angles[0] - 0.9) / 0.1)
    assert f"{share:.1f}" == "0.4" and says("four throws in ten")
    first, zero = (f(WALL, point(0.9), 0.1, eps).mean() for f in (first_order, finite_difference))
    assert abs(float(first) - (truth + bias)) < error / 2
    typical = float((exact.finite_difference / 50).sqrt())
    assert abs(float(zero) - truth) < typical / 2


def test_numbers_of_the_jumps() -> None:
    places, heights, _ = WALL.jumps().within(-2.0, 3.0)
    density = norm.pdf((places.numpy() - 0.9) / 0.1) / 0.1
    assert [f"{h:.2f}" for h in heights.tolist()] == ["7.83", "-1.56"]
    assert f"{density[0]:.2f}" == "3.86" and says("$7.83 \\cdot 3.86$")
    assert f"{(float(places[1]) - 0.9) / 0.1:.1f}" == "3.4" and says("3.4 $\\sigma$ away")
    assert f"{-float(heights @ torch.from_numpy(density)):.2f}" == "-30.21"


def test_numbers_of_more_samples() -> None:
    figure = slope_of_the_mean()
    first, zero = figure.answer(what="ball over the wall").readout[1:]
    assert first[-1].startswith("first-order **-9.8") and zero[-1].startswith("zero-order **+20.")
    step = figure.answer(what="a step").readout[1]
    assert set(step) == {"first-order **+0** ± 0"}


def test_numbers_of_the_step() -> None:
    bias = -float(bias_exact(Heaviside(), point(0.0), 0.5))
    assert f"{bias:.3f}" == "0.798" and says("reaches 0.798")
    two, three = (f"{norm.cdf(z) ** 50:.0%}" for z in (2, 3))
    assert (two, three) == ("32%", "93%") and says("32 % of zero-order") and says("away 93 %")


def test_numbers_of_the_map() -> None:
    grey = map_of_signs()
    wrong = grey > 0.5
    share, of_seen = float(wrong.double().mean()), int(wrong.sum()) / int((~grey.isnan()).sum())
    assert abs(share - 1 / 3) < 0.01 and says("a third of the map")
    assert f"{of_seen:.0%}" == "42%" and says("42 % of the part")
    near, far = (float(bias_exact(WALL, point(theta), 0.1)) for theta in (0.9, 0.6))
    assert (f"{near:.1f}", f"{far:.2f}") == ("-30.2", "-0.72")
    assert abs(float(bias_exact(WALL, point(0.4), 0.05))) < 1e-14 and says("0 to fourteen digits")


def test_numbers_of_the_error() -> None:
    x = torch.linspace(0.3, 1.5, 241, dtype=torch.float64)
    each, bias = variance_exact(WALL, x[:, None], 0.1), bias_exact(WALL, x[:, None], 0.1)
    first = rmse(bias, each.first_order, 50)
    zero, plain = (rmse(0 * bias, v, 50) for v in (each.finite_difference, each.zero_order))
    better = zero < first
    edges = x[1:][better[1:] != better[:-1]].tolist()
    assert edges == pytest.approx([0.66, 1.06, 1.15, 1.34], abs=0.006)
    assert says("between 0.66 and 1.06 rad by up to a factor of 7, and again between 1.15 and 1.34")
    assert 7 <= float((first / zero).max()) < 7.5
    assert f"{float((first < plain).double().mean()):.0%}" == "76%"


def test_numbers_of_the_ripples() -> None:
    def ratio(omega: float) -> float:
        v = variance_exact(Wiggle(0.1, 1.0, omega), point(0.0), 1.0)
        return float(v.first_order / v.finite_difference)

    assert f"{1 / ratio(0.3):.0f}" == "18" and says("an eighteenth of the variance")
    fast = variance_exact(Wiggle(0.1, 1.0, 30.0), point(0.0), 1.0)
    assert (
        f"{float(fast.first_order):.0f}" == "450"
        and f"{float(fast.finite_difference):.2f}" == "0.54"
    )
    assert 800 < ratio(30.0) < 900 and says("more than 800 times as much")
    assert ratio(1.05) < 1 < ratio(1.15) and says("near $\\omega = 1.1$")
    assert 5 < 2 * math.pi / 1.1 < 6


def test_numbers_of_the_ramp() -> None:
    shown = [f"{nothing_seen(nu, 50):.0%}" for nu in (0.01, 0.001)]
    assert shown == ["82%", "98%"] and says("82 % of all batches") and says("it is 98 %")
    variances = [variance_exact(SoftStep(width=nu), point(0.0), 1.0) for nu in (0.1, 0.01, 0.001)]
    first = [float(v.first_order) for v in variances]
    assert [f"{v:.3g}" for v in first] == ["3.83", "39.7", "399"] and says("3.8, 39.7 and 399")
    for v in variances:
        assert f"{float(v.finite_difference):.3f}" == "0.091"
    picture = stiff_ramp().answer(nu=0.01)
    means = next(mark for mark in picture.panels["means"] if mark["mark"] == "histogram")["values"]
    assert set((means / 2).round().tolist()) <= {0.0, 1.0, 2.0, 3.0}
    assert says("The others report 2, 4 or 6")


def test_numbers_of_the_soft_wall() -> None:
    place, height = WALL.jumps().theta[:1].requires_grad_(), float(WALL.jumps().height[0])
    WALL.clearance(place).backward()
    assert place.grad is not None
    nu = 0.001 / float(place.grad)
    assert f"{nu:.4f}" == "0.0002" and f"{height / nu:.0f}"[:2] == "39"
    at = place.item()
    soft = WALL + SoftStep(nu, at, height) - Heaviside(at, height)
    truth = float(soft.smoothed_grad(point(0.9), 0.1))
    assert f"{truth:.1f}" == "20.4" and says("20.4 is right")
    q = norm.cdf((at + nu / 2 - 0.9) / 0.1) - norm.cdf((at - nu / 2 - 0.9) / 0.1)
    assert f"{(1 - q) ** 50:.0%}" == "96%" and says("with a chance of 96 %")
    few, many = (estimate(soft, point(0.9), 0.1, n, 0, first_order) for n in (50, 2_000_000))
    shown = [f"{float(e.mean):.1f} {float(e.standard_error):.1f}" for e in (few, many)]
    assert shown == ["-9.4 1.1", "19.7 0.8"]
    assert says("$-9.4 \\pm 1.1$") and says("$+19.7 \\pm 0.8$")


def test_numbers_of_the_fingerprints() -> None:
    means = [f"{way.mean(0.7, 0.3):.3f}" for way in WAYS]
    assert means == ["0.700", "0.700", "-0.150", "0.000", "0.550", "1.400"]
    assert says("which is $-0.150$") and says("added, 0.550") and says("their sum, 1.4")
    assert WAYS[2].mean(0.7, 0.09) == pytest.approx(0.7, abs=0.01)
    level = [{way.mean(0.7, sigma) for sigma in (0.1, 0.3, 0.9)} for way in WAYS]
    right = [way.mean(0.7, 0.3) for way, means in zip(WAYS, level, strict=True) if len(means) == 1]
    assert right == [0.7, 0.7, 0.0, 1.4]  # a wrong answer may be the same for every σ
    assert says("(4) is 0 and (6) is $2\\theta$ for every $\\sigma$, and both are wrong")


def test_words_are_introduced_before_they_are_used() -> None:
    for word in "**Autograd**", "**reward**", "**policy**", "`torch.no_grad()`":
        plain = word.strip("*`")
        first = LECTURE.text.lower().index(plain.lower(), LECTURE.text.index("## One question"))
        assert LECTURE.text.lower().index(word.lower()) <= first, word


# --- the figures' own claims ----------------------------------------------------------------


def test_the_piles_are_the_means_of_both_estimators() -> None:
    picture = two_gradients().answer(n=40, seed=2, truth=True)
    eps = normal(TYPICAL + 2, 200 * 40, 1, dtype=torch.float64)
    for panel, estimator in (("first_means", first_order), ("zero_means", finite_difference)):
        pile = next(mark for mark in picture.panels[panel] if mark["mark"] == "histogram")
        rows = estimator(WALL, point(0.9), 0.1, eps).reshape(200, 40).mean(1)
        torch.testing.assert_close(pile["values"].double(), rows, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("f", [FREE, WALL, Heaviside(), SoftStep(width=0.3)])
def test_a_table_is_close_to_the_truth(f) -> None:
    table = Tabulated(f, -3.0, 4.0)
    theta = column(0.1, 0.5, 0.9)
    scale = float(f.smoothed_grad(theta, 0.2).abs().max())
    assert float((table.smoothed(theta, 0.2) - f.smoothed(theta, 0.2)).abs().max()) < 0.02
    for found, true in (
        (table.smoothed_grad(theta, 0.2), f.smoothed_grad(theta, 0.2)),
        (mean_slope(table, theta, 0.2), mean_slope(f, theta, 0.2)),
    ):
        assert float((found - true).abs().max()) < 0.01 * scale
    eps = normal(0, 200, 1, dtype=torch.float64)
    rows = first_order(table, point(0.5), 0.2, eps)  # the table is right but at its last node
    same = (rows - first_order(f, point(0.5), 0.2, eps)).abs() < 0.02 * scale + 0.02
    assert float(same.double().mean()) > 0.98


def test_a_table_finds_jumps_and_no_kinks() -> None:
    found = Tabulated(WALL, -1.0, 2.0).jumps()
    assert found.theta.tolist() == pytest.approx(list(WALL.angles[:2]), abs=1e-3)
    assert found.height.tolist() == pytest.approx(WALL.jumps().height.tolist(), abs=0.02)
    assert len(Tabulated(SoftStep(width=0.3), -2.0, 2.0).jumps().theta) == 0


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: x, ValueError, r"\(4001, 1\); one value .* x\[..., 0\]"),
        (lambda x: None, TypeError, "returned None; a tensor of values"),
    ],
)
def test_a_function_of_the_wrong_shape_is_refused(f, error, message) -> None:
    with pytest.raises(error, match=message):
        slope_of_the_mean(f, (-1, 1))


def test_a_function_without_a_graph_has_its_jump_and_no_slope() -> None:
    answer = slope_of_the_mean(lambda x: (x[..., 0] > 0.2).double(), (-1.0, 1.0)).answer(theta=0.1)
    assert set(answer.readout[1]) == {"first-order **+0** ± 0"}
    truth = norm.pdf(0.1 / (1 / 6)) * 6
    assert float(answer.readout[0].split("**")[1]) == pytest.approx(truth, rel=0.01)


def marks(figure, panel: str, kind: str, **values) -> list[dict]:
    return [mark for mark in figure.answer(**values).panels[panel] if mark["mark"] == kind]


def test_dashes_lie_along_the_slopes_and_chords_join_the_samples_to_the_centre() -> None:
    x = 0.9 + 0.1 * normal(TYPICAL, 50, 1, dtype=torch.float64)[:, 0]
    (dashes,) = (c for c in marks(two_gradients(), "first", "curve") if c["role"] == "first")
    rise = (dashes["y"][:, 1] - dashes["y"][:, 0]) / (dashes["x"][:, 1] - dashes["x"][:, 0])
    slopes = first_order(WALL, point(0.9), 0.1, ((x - 0.9) / 0.1)[:, None])[:, 0]
    torch.testing.assert_close(rise.double(), slopes, rtol=0, atol=1e-2)
    (chords,) = (c for c in marks(two_gradients(), "zero", "curve") if c["role"] == "gradient")
    ends = torch.stack((WALL(column(0.9)).expand(50), WALL(x[:, None])), 1)
    torch.testing.assert_close(chords["y"].double(), ends, rtol=0, atol=1e-4)


def test_measured_points_lie_within_their_errors_of_the_curves_they_belong_to() -> None:
    low, high = 0.3, 1.5
    x = torch.linspace(low, high, 11, dtype=torch.float64)[1:-1, None]
    truth = {"gradient": WALL.smoothed_grad(x, 0.1), "first": mean_slope(WALL, x, 0.1)}
    for mark in marks(slope_of_the_mean(), "gradient", "measured"):
        off = (mark["y"].double() - truth[mark["role"]][:, 0]).abs()
        met = mark["error"] > 0  # far out on the plateau no sample meets the cliff
        assert int(met.sum()) >= 6
        assert bool((off <= 2.5 * mark["error"])[met].all()), mark["role"]


def test_the_growing_sample_ends_where_the_readout_says() -> None:
    figure = slope_of_the_mean()
    ends = {c["role"]: float(c["y"][-1]) for c in marks(figure, "more", "curve") if "t" in c}
    first, zero = (float(item[-1].split("**")[1]) for item in figure.answer().readout[1:])
    assert ends["first"] == pytest.approx(first, rel=1e-2)
    assert ends["gradient"] == pytest.approx(zero, rel=1e-2)


def test_the_variances_of_the_ramp_are_the_exact_ones() -> None:
    for curve in marks(stiff_ramp(), "variance", "curve"):
        for k in (0, 20, 50):
            exact = variance_exact(SoftStep(width=float(curve["x"][k])), point(0.0), 1.0)
            each = {"first": exact.first_order, "gradient": exact.finite_difference}
            assert float(curve["y"][k]) == pytest.approx(float(each[curve["role"]]), rel=1e-4)


def test_the_arrows_of_the_map_have_both_slopes() -> None:
    arrows = {a["role"]: a["text"][0] for a in marks(wrong_way(), "slopes", "arrow")}
    assert arrows == {"truth": "+20.4", "first": "-9.8"}


def test_what_the_figure_of_fingerprints_shows_is_what_autograd_returns() -> None:
    eps = normal(0, 1000, 1, dtype=torch.float64)[:, 0]
    shown = [float(mark["x"]) for mark in marks(fingerprints(), "ways", "measured")]
    found = [float(gradients(way, 0.7, 0.3, eps).mean()) for way in WAYS]
    assert shown == pytest.approx(found, abs=1e-5)
