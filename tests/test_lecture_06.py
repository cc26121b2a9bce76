"""Lecture 06: every numbered equation and every number in its prose, checked."""

import math
import re
from itertools import pairwise

import nbformat
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import lognorm, norm
from torch import Tensor

from course import lab
from course.widgets import noisy_lift, train, train_yours, worlds
from course.widgets.figure import Figure
from course.widgets.grasping import best_heights
from course.widgets.training import STEPS, N
from course.widgets.worlds import GRID, LIFT, PARAMS, SOURCES
from smoothlib import PiecewiseLinear, TopHat, normal, zero_order
from smoothlib.gripper import (
    GripperGrasp,
    GripperLift,
    GripperParams,
    init_state,
    lift_closed_form,
    rollout,
)
from smoothlib.statistics import bias_exact, summarise, variance_exact, zero_order_variance
from tests.prose import Prose
from tests.test_widgets import ask, find, waited

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

LECTURE = nbformat.read(lab.REPO / "lectures" / "06_gripper.ipynb", as_version=4)
PROSE = Prose("06_gripper")
says = PROSE.says
LOW, HIGH = -12.6, 50.0


def point(*theta: float) -> Tensor:
    return torch.tensor(theta, dtype=torch.float64)


def lift(z: float) -> float:
    """(6.2), written out; mm."""
    if 0 < z <= HIGH:
        return 274.744314 - z
    return 274.744314 - z * 5000 / 105000 if LOW < z <= 0 else 24.995095


def mean_of(z: float, sigma: float, part=lambda e: 1.0) -> float:
    """E part(ε) J(z + σε), by quadrature split at the cliffs."""
    edges = [-12.0, *sorted((c - z) / sigma for c in (LOW, 0.0, HIGH)), 12.0]
    edges = [min(12.0, max(-12.0, e)) for e in edges]
    return math.fsum(
        quad(lambda e: part(e) * lift(z + sigma * e) * norm.pdf(e), a, b, epsabs=1e-10)[0]
        for a, b in pairwise(edges)
        if b > a
    )


def slope(z: float, sigma: float) -> float:
    return float(LIFT.smoothed_grad(point(z), sigma))


def mean_slope(z: float, sigma: float) -> float:
    return slope(z, sigma) + float(bias_exact(LIFT, point(z), sigma))


def ends(figure: Figure, **values: object) -> list[float]:
    """z and height at the last step, for each hand of a training."""
    text = " ".join(line[-1] for line in waited(figure, **values).readout[1:])
    return [float(n) for n in re.findall(r"\*\*(-?\d+) mm", text)]


def test_every_numbered_equation_has_a_test() -> None:
    assert PROSE.untested(globals()) == []


def test_figures_are_numbered_in_order() -> None:
    numbers = [int(n) for n in re.findall(r"\*\*Figure (\d+)\*?\*?[.\s]", PROSE.text)]
    assert sorted(numbers) == list(range(1, 11))


# --- the equations ------------------------------------------------------------------------


def test_equation_6_1() -> None:
    """Also: the simulator jams and holds on the two sides of each cliff."""
    low = -2 * 15 / 0.5 * (1 / 5000 + 1 / 1e5) * 1000
    assert low == pytest.approx(LOW) and pytest.approx((LOW, 0, HIGH)) == LIFT.x
    sides = point(low - 1, low + 1, 49, 51) / 1000
    assert (1000 * rollout(sides).height > 100).tolist() == [False, True, True, False]
    slick = GripperParams(mu_table=0.4)
    moved = -2 * 15 / 0.4 * (1 / 5000 + 1 / 1e5)
    sides = point(moved - 1.5e-3, moved + 1.5e-3)
    assert (1000 * rollout(sides, slick).height > 100).tolist() == [False, True]


def test_equation_6_2() -> None:
    z = point(-20, -10, -3, 4, 20, 49, 52)
    formula = point(*(lift(x) for x in z.tolist()))
    torch.testing.assert_close(LIFT(z[:, None]), formula, rtol=0, atol=1e-4)
    simulated = 1000 * rollout(z / 1000).height
    assert float((simulated - formula).abs().max()) < 0.05
    assert says("$H = 274.7$ mm") and says("= 0.048$")


@pytest.mark.parametrize("sigma", [2.0, 5.0, 20.0])
@pytest.mark.parametrize("z", [-10.0, 1.0, 45.0, 60.0])
def test_equation_6_3(z: float, sigma: float) -> None:
    """Against E[J ε]/σ by quadrature."""
    up, down = 275.344314 - 24.995095, 224.744314 - 24.995095
    inside = norm.cdf(HIGH, z, sigma) - norm.cdf(0, z, sigma)
    below = norm.cdf(0, z, sigma) - norm.cdf(LOW, z, sigma)
    claimed = -inside - 5000 / 105000 * below
    claimed += up * norm.pdf(LOW, z, sigma) - down * norm.pdf(HIGH, z, sigma)
    assert claimed == pytest.approx(mean_of(z, sigma, lambda e: e) / sigma, abs=1e-5)
    assert claimed == pytest.approx(slope(z, sigma), abs=1e-5)
    assert (f"{up:.1f}", f"{down:.1f}") == ("250.3", "199.7")


def test_equation_6_4() -> None:
    """Lognormal table friction moves the lower cliff: the average of 20 000 worlds, differenced."""
    spread, mu = 0.25, 0.5
    u = norm.ppf((torch.arange(20_000).double() + 0.5) / 20_000)
    low = -2 * 15 * 0.21 / (mu * torch.exp(spread * torch.as_tensor(u)))

    def average(z: float) -> float:
        return float(torch.where(low < z, 274.744314 - z * 5000 / 105000, 24.995095).mean())

    z = -11.0
    found = (average(z + 0.2) - average(z - 0.2)) / 0.4
    share = float((low < z).double().mean())
    q = lognorm.pdf(-z, spread, scale=12.6)
    jump = 274.744314 - z * 5000 / 105000 - 24.995095
    assert found == pytest.approx(-5000 / 105000 * share + jump * q, rel=2e-3)


@pytest.mark.parametrize("y", [0.0, 1.3, -4.0])
def test_equation_6_5(y: float) -> None:
    """Also the step before: the completed square."""
    sigma, tau = 0.7, 1.9
    s = math.hypot(sigma, tau)
    both = quad(lambda v: norm.pdf(v, 0, sigma) * norm.pdf(y - v, 0, tau), -30, 30, points=[0, y])
    assert both[0] == pytest.approx(norm.pdf(y, 0, s))
    for v in (-1.0, 0.4):
        square = s**2 / (sigma * tau) ** 2 * (v - sigma**2 / s**2 * y) ** 2 + y**2 / s**2
        assert v**2 / sigma**2 + (y - v) ** 2 / tau**2 == pytest.approx(square)


@pytest.mark.parametrize("z", [-10.0, 20.0, 45.0])
def test_equation_6_6(z: float) -> None:
    eps, u = normal(6, 200_000, 2, dtype=torch.float64).T
    found = summarise([LIFT((z + 3 * eps + 4 * u)[:, None])[:, None]])
    assert abs(float(found.mean) - mean_of(z, 5.0)) < 5 * float(found.standard_error)
    wrong = mean_of(z, 7.0)  # the widths added up
    if z != 20.0:
        assert abs(float(found.mean) - wrong) > 5 * float(found.standard_error)


@pytest.mark.parametrize("b", [0.0, 200.0])
@pytest.mark.parametrize(("sigma", "tau"), [(3.0, 4.0), (1.0, 6.0)])
def test_equation_6_7(sigma: float, tau: float, b: float) -> None:
    eps, u = normal(7, 400_000, 2, dtype=torch.float64).T
    rows = (LIFT((45 + sigma * eps + tau * u)[:, None]) - b) * eps / sigma
    found = summarise([rows[:, None]])
    exact = mean_of(45, math.hypot(sigma, tau), lambda e: e) / math.hypot(sigma, tau)
    assert abs(float(found.mean) - exact) < 5 * float(found.standard_error)


@pytest.mark.parametrize(("sigma", "tau"), [(5.0, 0.0), (3.0, 4.0), (1.0, 24**0.5)])
def test_equation_6_8(sigma: float, tau: float) -> None:
    s, z = math.hypot(sigma, tau), 45.0
    b = mean_of(z, s)
    edges = [-12.0, *((c - z) / s for c in (LOW, 0.0, HIGH)), 12.0]

    def square(part) -> float:
        return math.fsum(
            quad(lambda e: part(e) * (lift(z + s * e) - b) ** 2 * norm.pdf(e), a, c)[0]
            for a, c in pairwise(edges)
        )

    claimed = square(lambda e: e**2) / s**2 - slope(z, s) ** 2
    claimed += tau**2 / sigma**2 * square(lambda e: 1.0) / s**2
    eps, u = normal(8, 200_000, 2, dtype=torch.float64).T
    rows = (LIFT((z + sigma * eps + tau * u)[:, None]) - b) * eps / sigma
    away = (rows - slope(z, s)) ** 2
    assert abs(float(away.mean()) - claimed) < 5 * float(away.std()) / len(away) ** 0.5


@pytest.mark.parametrize(("z", "grows"), [(60.0, True), (9.6, False)])
def test_equation_6_9(z: float, grows: bool) -> None:
    sigma, h = 10.0, 1e-2
    by_sigma = (mean_of(z, sigma + h) - mean_of(z, sigma - h)) / (2 * h)
    curve = (mean_of(z + h, sigma) - 2 * mean_of(z, sigma) + mean_of(z - h, sigma)) / h**2
    assert by_sigma == pytest.approx(sigma * curve, rel=1e-3)
    assert (by_sigma > 0) == grows


# --- the numbers --------------------------------------------------------------------------


def test_the_trembling_hand() -> None:
    assert (slope(45, 5), mean_slope(45, 5)) == pytest.approx((-10.5, -0.84), abs=0.01)
    assert (slope(60, 5), mean_slope(60, 5)) == pytest.approx((-2.2, -0.02), abs=0.03)
    assert (slope(-10, 5), mean_slope(-10, 5)) == pytest.approx((17.4, -0.05), abs=0.01)
    assert 1 - norm.cdf(HIGH, 45, 5) == pytest.approx(1 / 6, abs=0.01)
    assert 10.5 / 0.84 == pytest.approx(12.5) and says("a twelfth of the urgency")
    assert says("a slope of $-10.5$: one try in six misses") and says("The truth is $+17.4$")


def test_between_the_cliffs_both_slopes_agree() -> None:
    for z in torch.linspace(15, 33, 19).tolist():
        assert (slope(z, 5), mean_slope(z, 5)) == pytest.approx((-1, -1), rel=0.05)
    for z in (-14, -4, 0, 38, 50, 60):
        assert abs(slope(z, 5) / mean_slope(z, 5) - 1) > 0.5
    sketch = PiecewiseLinear()
    truth = sketch.smoothed_grad(point(0.055), 0.01)
    blind = truth + bias_exact(sketch, point(0.055), 0.01)
    assert (float(truth), float(blind)) == pytest.approx((-3.35, 0.35), abs=0.005)
    assert says("they say $+0.35$ where the truth is $-3.35$")


def test_the_four_lines_of_the_variance() -> None:
    """Each within its error; the errors as the prose has them, and the standard deviations."""
    eps, u = normal(3, 2000, 2, dtype=torch.float64).T
    errors, exact = [], []
    at, b = point(45), mean_of(45, 5.0)
    own = float(zero_order_variance(LIFT, at, 5.0, b))
    rest = (float(LIFT.smoothed_moments(at, 5.0).square) - b**2) / 25
    for sigma in (5.0, 3.0, 1.0, 0.1):
        tau = math.sqrt(25 - sigma**2)
        values = LIFT((45 + sigma * eps + tau * u)[:, None])
        rows = 2000 / 1999 * (values - values.mean()) * eps / sigma
        found = summarise([rows[:, None]])
        errors.append(float(found.standard_error))
        assert abs(float(found.mean) - slope(45, 5)) < 1.5 * errors[-1]
        exact.append(math.sqrt(own + tau**2 / sigma**2 * rest))
    assert [f"{e:.2g}" for e in errors] == ["0.46", "0.64", "1.8", "18"]
    assert says("error of 0.46; with 3 of the 5 mm 0.64; with 1 mm 1.8; with a tenth")
    assert [round(e) for e in exact] == [20, 28, 77, 754]
    assert says("are 20, 28, 77 and 754")


def test_a_narrow_window_and_its_baseline() -> None:
    window = variance_exact(TopHat(0.02, 0.08, 0.2), point(0.05), 0.05)
    brick = variance_exact(GripperLift(), point(0.0187), 0.05)
    assert float(window.zero_order) == pytest.approx(0.826, abs=5e-4)
    assert float(window.finite_difference) == pytest.approx(15.2, abs=0.05)
    assert float(window.finite_difference / window.zero_order) == pytest.approx(18, abs=0.5)
    found = (brick.zero_order, brick.finite_difference, brick.optimal)
    assert [float(v) for v in found] == pytest.approx([1.73, 20.1, 1.15], rel=5e-3)
    assert says("1.73, 20.1 and 1.15 for the brick") and says("from 0.826 to 15.2")


def test_the_robust_grasp() -> None:
    """The tops against a fine grid of quadratures."""
    assert best_heights([5.0, 10.0]) == pytest.approx([0.7, 9.6], abs=0.05)
    for sigma, top in zip((5.0, 10.0), best_heights([5.0, 10.0]), strict=True):
        here = mean_of(top, sigma)
        assert all(mean_of(top + step, sigma) < here for step in (-0.3, 0.3))
    assert mean_of(LOW, 5.0) == pytest.approx(150, abs=0.5)
    assert mean_of(LOW, 10.0) == pytest.approx(149.5, abs=0.05)
    top = best_heights([10.0])[0]
    assert (lift(top), mean_of(top, 10.0)) == pytest.approx((265.1, 261.0), abs=0.05)
    assert lift(LOW + 1e-9) - lift(1e-9) == pytest.approx(0.6, abs=0.01)
    assert lift(LOW + 1e-9) - lift(top) == pytest.approx(10, abs=0.5)
    assert says("is 265.1 mm, 10 mm below the best") and says("is 261.0 instead of 149.5")


def test_what_a_fixed_sigma_can_do() -> None:
    assert slope(60, 2) == pytest.approx(-0.00015, abs=1e-5) and says("is $-0.00015$")
    assert abs(slope(60, 3)) > 0.1 and mean_slope(60, 10) == pytest.approx(-0.16, abs=0.005)
    assert says("with $\\sigma = 10$ mm is $-0.16$")
    assert mean_of(best_heights([10.0])[0], 10.0) == pytest.approx(261, abs=0.5)
    assert mean_of(best_heights([30.0])[0], 30.0) < 200


def test_two_numbers_at_once() -> None:
    """The lower cliff moves with the force, the upper one does not, and both parts are as read."""
    grasp = GripperGrasp()
    edges = {force: grasp.closed_form.cut(force).x for force in (10.0, 20.0)}
    assert 100 * (edges[10.0][0] - edges[20.0][0]) == pytest.approx(0.84)
    assert abs(edges[10.0][-1] - edges[20.0][-1]) < 5e-5  # by what the brick creeps
    assert grasp.closed_form.jamming == 25 and f"{grasp.closed_form.threshold:.2f}" == "0.84"
    by_z, by_force = grasp.smoothed_grad(point(-0.0126, 0.015), 0.005).tolist()
    assert (f"{by_z:+.1f}", f"{by_force:+.1f}") == ("+15.2", "+12.9")
    assert "$+15.2$ by the height and $+12.9$ mm for each newton" in PROSE.text


def test_two_hands_learn() -> None:
    """From both starts of the prose, and with too little noise."""
    figure = train()
    z, height, other_z, other = ends(figure, z0=60)
    assert 7 <= z <= 15 and height > 258 and other_z < LOW and other == 25
    pink = [
        float(re.findall(r"lifts to \*\*(\d+)", line)[0]) for line in figure.answer().readout[2]
    ]
    cross = [k for k in range(1, STEPS + 1) if (pink[k] > 100) != (pink[k - 1] > 100)]
    assert cross == [19, 71] and says("needs 19 steps") and says("lower edge after 71")
    again = ends(figure, z0=20)
    assert again[1] > 258 and again[3] == 25
    assert ends(figure, z0=60, sigma=2)[0] == 60


def test_lifted_or_not_is_enough() -> None:
    def counted(f, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
        lifted = 250 * (f(theta + sigma * eps) > 100).double()[:, None]
        return (lifted - lifted.mean()) * eps / sigma * 20 / 19

    found = [ends(train(counted), z0=60, seed=seed)[0] for seed in range(5)]
    assert sum(found) / 5 == pytest.approx(19, abs=3) and says("settles near 19 mm")
    middle = (LOW + HIGH) / 2
    assert middle == pytest.approx(18.7)


def test_the_estimate_in_the_notebook_is_zero_order() -> None:
    names: dict = {"train": lambda f: None}
    exec(next(c.source for c in LECTURE.cells if c.id == "own-estimator"), names)
    eps = normal(1, N, 1, dtype=torch.float64)
    rows = names["mine"](LIFT, point(45), 5.0, eps)
    values = LIFT(45 + 5 * eps)
    others = (values.sum() - values) / (N - 1)
    torch.testing.assert_close(rows[:, 0], (values - others) * eps[:, 0] / 5)


# --- the figures --------------------------------------------------------------------------


def test_the_arrows_are_the_estimates_of_smoothlib() -> None:
    figure = noisy_lift()
    waited(figure)
    answer = ask(figure, z=45, sigma=5, n=1000, truth=True, seed=3)
    eps = normal(3, 1000, 1, dtype=torch.float64)
    values = LIFT(45 + 5 * eps)
    others = (values.sum() - values) / 999
    green = find(answer, "landscape", "arrow", role="gradient")
    assert float(green["dy"]) == pytest.approx(
        abs(float(((values - others) * eps[:, 0]).mean() / 5)), rel=1e-5
    )
    assert float(green["dx"]) == -1 and answer["readout"][3] == "true slope **-10.51**"
    pink = find(answer, "landscape", "arrow", role="first")
    share = float(((45 + 5 * eps > 0) & (45 + 5 * eps <= HIGH)).double().mean())
    assert float(pink["dy"]) == pytest.approx(share, rel=1e-5)


@pytest.mark.parametrize("what", SOURCES)
def test_which_cliff_becomes_a_slope(what: str) -> None:
    """The claim of the lecture: steps of the average between neighbours, 0.25 mm apart."""
    if what == "place of the brick":
        worlds.off_centre_table().result()
    source = SOURCES[what]
    average = source.heights(source.range[1]).mean(0)
    step = average.diff().abs()
    lower, upper = (float(step[(c - 3 < GRID[1:]) & (GRID[1:] < c + 3)].max()) for c in (LOW, HIGH))
    smooths = {
        "error of the height sensor": (True, True),
        "place of the brick": (False, False),
        "friction of the table": (True, False),
        "size of the brick": (False, True),
    }[what]
    assert (lower < 60, upper < 60) == smooths
    assert (lower > 130, upper > 130) == tuple(not s for s in smooths)


def test_the_worlds_are_those_of_the_simulator() -> None:
    """One world of each kind that is known in closed form, and one row of the simulated table."""
    z = point(-15, -8, 3, 30, 44, 56)
    at = ((z - GRID[0]) / 0.25).round().long()
    friction = SOURCES["friction of the table"].heights(25)[3][at]
    mu = 0.5 * math.exp(0.25 * float(worlds.quantiles()[3]))
    size = SOURCES["size of the brick"].heights(5)[20][at]
    b = 0.025 + 0.0025 * float(worlds.quantiles()[20])
    for heights, params in ((friction, GripperParams(mu_table=mu)), (size, GripperParams(b=b))):
        simulated = 1000 * rollout(z / 1000, params).height
        assert float((heights - simulated).abs().max()) < 0.1
    row = worlds.off_centre_table().result()[8][at]  # 20 mm off
    start = init_state(PARAMS, len(z), x=torch.full_like(z, 0.020))
    simulated = 1000 * rollout(z / 1000, PARAMS, initial=start).height
    assert float((row - simulated).abs().max()) < 0.5


def test_a_quarter_of_the_worlds_is_flat() -> None:
    heights = SOURCES["place of the brick"].heights(25)
    held = float((heights[:, int((20 - GRID[0]) / 0.25)] > 100).double().mean())
    assert held == pytest.approx(0.75) and says("a quarter of all worlds are flat")
    exact = 2 * norm.cdf(30, 0, 25) - 1  # of infinitely many worlds
    assert held == pytest.approx(exact, abs=0.05)


def test_the_estimates_of_many_worlds_tend_to_the_truth() -> None:
    heights = SOURCES["friction of the table"].heights(25)
    _, truth = worlds.smoothed(heights.mean(0), -10.0, 3.0)
    draws = worlds.draw(heights, -10.0, 3.0, 100_000, 5)
    found = summarise([draws.zero_order(3.0)[:, None]])
    assert abs(float(found.mean) - truth) < 5 * float(found.standard_error)
    assert abs(float(draws.slopes.mean())) < 0.1 < truth


def test_the_landscape_in_mm_is_that_of_smoothlib() -> None:
    f = lift_closed_form(GripperParams())
    z = torch.linspace(-0.03, 0.07, 41, dtype=torch.float64)[:, None]
    torch.testing.assert_close(LIFT(1000 * z), 1000 * f(z))
    torch.testing.assert_close(LIFT.smoothed_grad(1000 * z, 5.0), f.smoothed_grad(z, 0.005))


def test_zero_order_with_the_mean_of_the_others() -> None:
    draws = worlds.draw(LIFT(GRID[:, None])[None], 45.0, 5.0, 30, 2)
    eps = draws.eps[:, None]
    lookup = iter([draws.values])
    rows = zero_order(lambda x: next(lookup), point(45), 5.0, eps, lambda f, t, s, v, w: (
        (v.sum() - v) / (len(v) - 1))[:, None])  # fmt: skip
    torch.testing.assert_close(rows[:, 0], draws.zero_order(5.0))


def test_a_student_s_training_is_shown_and_its_mistake_not_raised() -> None:
    def climb(grad, z0, sigma, lr, eps) -> Tensor:
        path = [z0]
        for noise in eps:
            path.append(path[-1] + lr * grad(path[-1], sigma, noise))
        return torch.stack(path)

    assert 5 < ends(train_yours(climb))[0] < 16
    answer = ask(train_yours(lambda *a: climb(*a)[1:]))
    assert "your training returned (80,) for 80 steps" in answer["error"]
    answer = ask(train(lambda f, t, s, e: e[:3]))
    assert "your estimator returned (3, 1) for 20 tries" in answer["error"]
