"""Objectives against mathematics: numpy accounts, a stepped throw, quadrature, sampling."""

import dataclasses
import math
import operator
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from smoothlib import (
    L1,
    BallThrow,
    BallWall,
    EuclideanNorm,
    Heaviside,
    HeavisideAll,
    HeavisideAny,
    MomentumTransfer,
    Objective,
    PassFailBar,
    PiecewiseLinear,
    Quadratic,
    SoftStep,
    Spike,
    Sum,
    ThreeHumpCamel,
    TopHat,
    Wiggle,
)
from tests.problems import PROBLEMS, SEVERAL, THROWS, Array, Problem, Several, fly, wall

SIGMAS = (1e-3, 0.03, 0.3, 1.0, 5.0, 50.0)
THETAS = (-4.0, -0.2, 0.0, 0.65, 0.9, 1.3, 7.5)

UNSPLIT = "wall - gripper"  # jumps of two periods, which jumps() cannot say

every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
every_throw = pytest.mark.parametrize("problem", THROWS.values(), ids=THROWS.keys())
every_several = pytest.mark.parametrize("problem", SEVERAL.values(), ids=SEVERAL.keys())
every_wall = pytest.mark.parametrize(
    "problem",
    [p for p in THROWS.values() if isinstance(p.f, BallWall)],
    ids=[name for name, p in THROWS.items() if isinstance(p.f, BallWall)],
)
every_jump = pytest.mark.parametrize(
    "problem",
    [p for name, p in PROBLEMS.items() if name != UNSPLIT],
    ids=[name for name in PROBLEMS if name != UNSPLIT],
)
each_sigma = pytest.mark.parametrize("sigma", SIGMAS)


def point(x: float | Array) -> Tensor:
    """Angles as points, (..., 1)."""
    return torch.as_tensor(x, dtype=torch.float64)[..., None]


def smooth_points(problem: Problem, n: int = 2001, gap: float = 1e-9) -> Array:
    """Points over four turns, none closer than `gap` to a break."""
    x = np.linspace(-4 * math.pi, 4 * math.pi, n) + 1e-4
    breaks = problem.breaks_within(-13.0, 13.0)
    return x[(np.abs(x[:, None] - breaks) > gap).all(-1)]


def thetas(problem: Problem) -> list[float]:
    """Points where something happens: at two breaks, beside one, away from all."""
    breaks = problem.breaks().tolist()
    return [*THETAS[1::2], *breaks[:2], *(b + 0.02 for b in breaks[:1])]


# --- the value ----------------------------------------------------------------------------


@every_throw
def test_value_is_the_distance_of_a_throw_in_small_time_steps(problem: Problem) -> None:
    f, events = problem.f, problem.breaks()
    angles = np.concatenate([np.linspace(-3.1, 3.1, 200), events - 1e-3, events + 1e-3])
    barrier = (f.x_w, f.h) if isinstance(f, BallWall) else None
    x0 = f.x0 if isinstance(f, BallThrow) else 0.0
    x, _ = fly(angles, f.t, f.v, f.g, barrier)
    np.testing.assert_allclose(f(point(angles)), x0 + x, atol=1e-9 * problem.scale)


@every_throw
@pytest.mark.parametrize("share", (0.2, 0.6, 0.99))
def test_position_is_that_of_a_throw_in_small_time_steps(problem: Problem, share: float) -> None:
    f, angles = problem.f, np.linspace(-1.5, 1.5, 101)
    time = share * f.t
    barrier = (f.x_w, f.h) if isinstance(f, BallWall) else None
    x0 = f.x0 if isinstance(f, BallThrow) else 0.0
    x, y = fly(angles, time, f.v, f.g, barrier)
    there = f.position(point(angles), torch.tensor(time, dtype=torch.float64))
    np.testing.assert_allclose(there, np.stack([x0 + x, y], -1), atol=1e-5 * problem.scale)


@every_problem
def test_value_agrees_with_the_account(problem: Problem) -> None:
    x = smooth_points(problem)
    close = {"rtol": 1e-12, "atol": 1e-12 * problem.scale}
    np.testing.assert_allclose(problem.f(point(x)), problem.value(x), **close)


@every_throw
def test_value_and_smoothed_value_repeat_every_turn(problem: Problem) -> None:
    f, x = problem.f, point(smooth_points(problem, 301))
    turned = x + math.tau
    close = {"rtol": 0, "atol": 1e-11 * problem.scale}
    torch.testing.assert_close(f(turned), f(x), **close)
    torch.testing.assert_close(f.smoothed(turned, 0.2), f.smoothed(x, 0.2), **close)


@every_problem
def test_autograd_of_the_value_is_the_slope_and_blind_to_the_jumps(problem: Problem) -> None:
    x = smooth_points(problem)
    theta = point(x).requires_grad_()
    (grad,) = torch.autograd.grad(problem.f(theta).sum(), theta)
    close = {"rtol": 1e-12, "atol": 1e-11 * problem.scale}
    np.testing.assert_allclose(grad[..., 0], problem.slope(x), **close)


@every_jump
def test_jumps_are_where_and_as_high_as_the_value_jumps(problem: Problem) -> None:
    at = np.unique(problem.breaks())
    height = problem.value(at + 1e-10) - problem.value(at - 1e-10)
    real = np.abs(height) > 1e-6 * problem.scale
    jumps = problem.f.jumps()
    np.testing.assert_allclose(jumps.theta, at[real], atol=1e-9)
    np.testing.assert_allclose(jumps.height, height[real], atol=1e-8 * problem.scale)
    assert jumps.period == (problem.period if real.any() else jumps.period)


@every_problem
def test_a_scan_finds_no_other_jump_than_the_breaks(problem: Problem) -> None:
    """Steps of 1e-4 change the value by little, but where breaks() says that it jumps."""
    x = np.linspace(-7, 7, 140_001) + 3e-5
    change = np.abs(np.diff(problem.f(point(x)).numpy()))
    steep = np.flatnonzero(change > 3e-3 * problem.scale)
    breaks = problem.f.breaks(-7.0, 7.0).numpy()
    assert all(((x[i] <= breaks) & (breaks <= x[i + 1])).any() for i in steep)


@every_problem
def test_breaks_hold_every_bend_of_the_account(problem: Problem) -> None:
    found, truth = problem.f.breaks(-9.0, 9.0).numpy(), problem.breaks_within(-9.0, 9.0)
    x = np.sort(np.concatenate([truth - 1e-7, truth + 1e-7]))
    bends = np.abs(problem.value(truth + 1e-7) - problem.value(truth - 1e-7)) > 1e-5
    bends |= np.abs(problem.slope(truth + 1e-7) - problem.slope(truth - 1e-7)) > 1e-5
    assert all(np.abs(found - b).min() < 1e-9 for b in truth[bends]), (found, truth, x)
    assert (np.diff(found) > 0).all()


# Problems whose f does not say where it is largest, or smallest: it is nowhere, or not known.
WITHOUT = {
    "optimum": {"abs", "norm of one", "quadratic", "spike by parts", "step by parts",
                "stick", "wall - ball", "wall - gripper", "wiggle", "wiggle, dome"},
    "minimum": {"-abs", "2 wall + 1", "all of one", "any of one", "quadratic, dome", "spike",
                "spike by parts", "step by parts", "stick", "tent", "wall", "wall - ball",
                "wall - gripper",
                "wall below the hand", "wall far below", "wall just cleared", "wall, one cliff",
                "wiggle", "wiggle, dome", "zigzag"},
}  # fmt: skip


@pytest.mark.parametrize("extremum", WITHOUT)
def test_every_other_problem_says_where_its_extrema_are(extremum: str) -> None:
    silent = {name for name, problem in PROBLEMS.items() if not hasattr(problem.f, extremum)}
    assert silent == WITHOUT[extremum]


@pytest.mark.parametrize(
    ("problem", "extremum", "sign"),
    [
        pytest.param(problem, extremum, sign, id=f"{name}-{extremum}")
        for name, problem in PROBLEMS.items()
        for extremum, sign in (("optimum", 1), ("minimum", -1))
        if name not in WITHOUT[extremum]
    ],
)
def test_an_extremum_is_attained_and_not_beaten(problem: Problem, extremum: str, sign: int) -> None:
    """On a grid in the bounds and well beyond; at a jump, from the better side."""
    f, (low, high) = problem.f, problem.f.bounds[:, 0].tolist()
    assert low < high
    theta, value = getattr(f, extremum)
    x = np.concatenate([np.linspace(low, high, 100_001), np.linspace(-50, 50, 100_001)])
    inside = x[:100_001] if isinstance(f, BallWall) else x  # ends of its plot are its domain
    assert (sign * problem.value(inside)).max() <= sign * value + 1e-9 * problem.scale
    beside = sign * f(theta + point([-1e-9, 0.0, 1e-9]))
    assert float(beside.max()) == pytest.approx(sign * value, abs=1e-7 * problem.scale)


@pytest.mark.parametrize("extremum", ("optimum", "minimum"))
@pytest.mark.parametrize("f", (-Wiggle(), Wiggle(), BallThrow() + Heaviside(), Quadratic(0.0)))
def test_an_extremum_that_is_not_known_is_not_there(f: Objective, extremum: str) -> None:
    assert not hasattr(f, extremum)


@pytest.mark.parametrize(
    ("f", "extremum"),
    [
        (L1(), "optimum"),
        (Quadratic(), "optimum"),
        (Quadratic(-1.0), "minimum"),
        (EuclideanNorm(), "optimum"),
        (Spike(), "minimum"),
        (PiecewiseLinear(ends=(-1.0, 0.0)), "optimum"),
        (PiecewiseLinear(ends=(0.0, 1.0)), "optimum"),
        (PiecewiseLinear(ends=(1.0, 0.0)), "minimum"),
        (PiecewiseLinear(ends=(0.0, -1.0)), "minimum"),
    ],
)
def test_what_is_unbounded_has_no_extremum(f: Objective, extremum: str) -> None:
    assert not hasattr(f, extremum)


def test_extrema_of_a_level_piece_are_in_its_middle_and_of_a_slope_at_its_edge() -> None:
    assert float(TopHat(1.0, 3.0).optimum.theta) == 2.0
    assert float(TopHat(1.0, 3.0, -1.0).minimum.theta) == 2.0
    gripper = PiecewiseLinear().optimum
    assert (float(gripper.theta), gripper.value) == (0.06, 0.145)
    assert float(Spike().optimum.theta) == pytest.approx(2.95)
    assert Spike(place=9.0).optimum == (torch.zeros(1), 0.0)


@every_several
def test_extrema_in_several_variables_are_attained_and_not_beaten(problem: Several) -> None:
    x = np.random.default_rng(1).uniform(-2, 2, (100_000, problem.d))
    for name, sign in (("optimum", 1), ("minimum", -1)):
        if hasattr(problem.f, name):
            theta, value = getattr(problem.f, name)
            there = float(problem.f(theta.expand(problem.d)))
            assert there == value
            assert (sign * problem.value(x)).max() <= sign * value


@every_several
def test_value_and_slope_in_several_variables_agree_with_the_account(problem: Several) -> None:
    x = np.random.default_rng(2).normal(size=(500, problem.d))
    theta = torch.from_numpy(x).requires_grad_()
    values = problem.f(theta)
    (grad,) = torch.autograd.grad(values.sum(), theta)
    np.testing.assert_allclose(values.detach(), problem.value(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(grad, problem.slope(x), rtol=1e-11, atol=1e-11)


@every_several
def test_bounds_are_a_box_that_suits_every_dimension(problem: Several) -> None:
    low, high = problem.f.bounds
    assert low.shape in ((1,), (problem.d,)) and bool((low < high).all())


@every_throw
def test_bounds_go_from_a_level_throw_to_one_straight_up(problem: Problem) -> None:
    low, high = problem.f.bounds[:, 0]
    directions = [float(low.cos()), float(low.sin()), float(high.cos()), float(high.sin())]
    assert directions == pytest.approx([1, 0, 0, 1])
    assert 0 <= low < high < math.pi


# --- the smoothed value and its gradient --------------------------------------------------


def size(problem: Problem, theta: float, sigma: float) -> float:
    """What rounding is relative to: the mean size of the values."""
    return problem.scale + float(problem.expect(lambda x: np.abs(problem.value(x)), theta, sigma))


@every_problem
@each_sigma
def test_smoothed_value_and_gradient_are_gaussian_means(problem: Problem, sigma: float) -> None:
    """F = E f(X), and by Stein's identity ∇F = E[f(X) ε] / σ."""
    for theta in thetas(problem):

        def integrands(x: Array, theta: float = theta) -> Array:
            f = problem.value(x)
            return np.stack([f, f * (x - theta) / sigma, np.abs(f)])

        value, score, mean = np.asarray(problem.expect(integrands, theta, sigma))
        found = float(problem.f.smoothed(point(theta), sigma))
        grad = float(problem.f.smoothed_grad(point(theta), sigma))
        close = 1e-11 * (problem.scale + mean)
        assert found == pytest.approx(value, rel=0, abs=close), theta
        assert sigma * grad == pytest.approx(score, rel=0, abs=close), theta


@every_problem
@each_sigma
def test_smoothed_gradient_is_the_slope_of_the_smoothed_value(
    problem: Problem, sigma: float
) -> None:
    f, h = problem.f, 0.02 * sigma  # the fourth-order difference errs by h⁴ F⁽⁵⁾ / 30
    theta = np.concatenate([np.linspace(-4, 8, 101), problem.breaks()])
    left2, left, right, right2 = (f.smoothed(point(theta + s * h), sigma) for s in (-2, -1, 1, 2))
    difference = (left2 - 8 * left + 8 * right - right2) / (12 * h)
    found = f.smoothed_grad(point(theta), sigma)[..., 0]
    scale = problem.scale + float(left.abs().max()) / 100  # rounding of a large F
    np.testing.assert_allclose(found, difference, rtol=0, atol=2e-7 * scale / sigma)


@every_problem
def test_autograd_of_the_smoothed_value_is_the_smoothed_gradient(problem: Problem) -> None:
    theta = point(np.linspace(-2, 2, 101)).requires_grad_()
    (grad,) = torch.autograd.grad(problem.f.smoothed(theta, 0.2).sum(), theta)
    truth = problem.f.smoothed_grad(theta.detach(), 0.2)
    torch.testing.assert_close(grad, truth, rtol=1e-10, atol=1e-10 * problem.scale)


@every_problem
@pytest.mark.parametrize("sigma", (0.05, 0.5, 5.0))
def test_sample_means_lie_within_five_standard_errors(problem: Problem, sigma: float) -> None:
    eps = torch.randn(100_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    theta = point(0.9)
    values = problem.f(theta + sigma * eps[:, None])
    scores = values * eps / sigma  # one zero-order gradient per sample
    for sample, truth in (
        (values, problem.f.smoothed(theta, sigma)),
        (scores, problem.f.smoothed_grad(theta, sigma)),
    ):
        error = float(sample.std() / math.sqrt(len(eps))) + 1e-12 * problem.scale
        assert float(sample.mean()) == pytest.approx(float(truth), rel=0, abs=5 * error)


@every_several
@pytest.mark.parametrize("sigma", (0.05, 0.7, 3.0))
def test_gradient_in_several_variables_is_the_slope_and_autograd_of_the_smoothed_value(
    problem: Several, sigma: float
) -> None:
    f, h, d = problem.f, 1e-3 * sigma, problem.d
    theta = torch.from_numpy(np.random.default_rng(3).uniform(-1.5, 1.5, (20, 1, d)))
    left2, left, right, right2 = (
        f.smoothed(theta + s * h * torch.eye(d, dtype=torch.float64), sigma) for s in (-2, -1, 1, 2)
    )
    truth = f.smoothed_grad(theta[:, 0], sigma)
    difference = (left2 - 8 * left + 8 * right - right2) / (12 * h)
    torch.testing.assert_close(difference, truth, rtol=1e-8, atol=1e-8 / sigma)
    theta = theta[:, 0].requires_grad_()
    (grad,) = torch.autograd.grad(f.smoothed(theta, sigma).sum(), theta)
    torch.testing.assert_close(grad, truth, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ("camel", "saddle", "bowl", "2 camel + saddle"))
@pytest.mark.parametrize("sigma", (0.1, 1.5))
def test_polynomials_are_smoothed_as_gauss_hermite_says(name: str, sigma: float) -> None:
    problem = SEVERAL[name]
    theta = np.random.default_rng(4).uniform(-1.5, 1.5, problem.d)
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    grid = np.stack(np.meshgrid(*[nodes] * problem.d), -1).reshape(-1, problem.d)
    weight = np.stack(np.meshgrid(*[weights] * problem.d), -1).reshape(-1, problem.d).prod(-1)
    truth = weight @ problem.value(theta + sigma * grid) / weight.sum()
    found = float(problem.f.smoothed(torch.from_numpy(theta), sigma))
    assert found == pytest.approx(truth, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("sigma", (0.1, 1.5))
def test_independent_coordinates_are_smoothed_one_by_one(sigma: float) -> None:
    theta = [-0.3, 0.2, 0.9]
    step = [PROBLEMS["heaviside"].expect(PROBLEMS["heaviside"].value, x, sigma) for x in theta]
    size = [PROBLEMS["abs"].expect(np.abs, x, sigma) for x in theta]
    points = torch.tensor(theta, dtype=torch.float64)
    for f, truth in (
        (L1(), sum(size)),
        (HeavisideAll(), math.prod(step)),
        (HeavisideAny(), 1 - math.prod(1 - p for p in step)),
    ):
        assert float(f.smoothed(points, sigma)) == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize("d", (1, 2, 3, 10, 200))
@pytest.mark.parametrize("z", (0.0, 1e-6, 0.3, 2.0, 11.0, 1e4))
def test_the_smoothed_norm_is_kummers_function(d: int, z: float) -> None:
    norm, sigma = EuclideanNorm(), 0.4
    theta = torch.full((d,), z * sigma / math.sqrt(d), dtype=torch.float64)
    with mpmath.workdps(30):
        gauge = sigma * mpmath.sqrt(2) * mpmath.gammaprod([(d + 1) / 2], [d / 2])
        truth = gauge * mpmath.hyp1f1(-0.5, d / 2, -(mpmath.mpf(z) ** 2) / 2)
        pull = mpmath.hyp1f1(0.5, d / 2 + 1, -(mpmath.mpf(z) ** 2) / 2)
        rise = gauge / d * pull * z / (sigma * math.sqrt(d))  # of one coordinate
    assert float(norm.smoothed(theta, sigma)) == pytest.approx(float(truth), rel=1e-12)
    grad = norm.smoothed_grad(theta, sigma)
    torch.testing.assert_close(grad, torch.full_like(theta, float(rise)), rtol=1e-12, atol=1e-15)


# --- arithmetic ---------------------------------------------------------------------------


def test_arithmetic_is_that_of_the_values() -> None:
    f, g, x = BallWall(), Wiggle(), point(np.linspace(-2, 2, 31))
    for made, value in (
        (2 * f + 1, 2 * f(x) + 1),
        (1 + f * 2, 2 * f(x) + 1),
        (-f, -f(x)),
        (3 - f, 3 - f(x)),
        (f - 3, f(x) - 3),
        (f + g, f(x) + g(x)),
        (f - g, f(x) - g(x)),
        (2 * (f - g) + 1, 2 * (f(x) - g(x)) + 1),
    ):
        torch.testing.assert_close(made(x), value, rtol=0, atol=1e-12)
    assert (-f).jumps().height.tolist() == [-h for h in f.jumps().height.tolist()]
    assert (-f).jumps().period == math.tau
    assert (2 * f + 1).optimum.value == 2 * f.optimum.value + 1
    assert (-L1() + 1).optimum == (torch.zeros(1), 1.0)
    assert (-2 * BallThrow()).minimum.value == -40.0
    assert torch.equal((2 * PassFailBar()).bounds, PassFailBar().bounds)
    assert (TopHat() + Spike()).bounds[:, 0].tolist() == [-4.2, 4.2]


def test_jumps_of_a_sum_add_up_and_cancel() -> None:
    f = Heaviside(1.0) + TopHat(0.0, 1.0)
    assert [part.tolist() for part in f.jumps()[:2]] == [[0.0], [1.0]]
    assert (Heaviside() + 2 * Heaviside()).jumps().height.tolist() == [3.0]
    assert (L1() + SoftStep(2.0)).kinks().tolist() == [-1.0, 0.0, 1.0]
    with pytest.raises(NotImplementedError, match=r"every 6.28319 and every inf .* breaks\(low"):
        (BallWall() + Heaviside()).jumps()
    with pytest.raises(NotImplementedError, match="do not repeat together"):
        (BallWall() + L1()).kinks()


@pytest.mark.usefixtures("no_jaxtyping")
def test_only_objectives_and_numbers_can_be_combined() -> None:
    for operate, other in (
        (operator.add, math.cos),
        (operator.mul, BallWall()),
        (operator.mul, "2"),
        (operator.sub, "2"),
    ):
        with pytest.raises(TypeError, match=r"unsupported operand|can.t multiply"):
            operate(BallWall(), other)
    with pytest.raises(TypeError, match="Sum: g is a builtin_function_or_method, not an objective"):
        Sum(BallWall(), math.cos)
    with pytest.raises(ValueError, match=r"Affine: scale = nan; a finite number is needed"):
        math.nan * BallWall()


# --- any wall, any batch ------------------------------------------------------------------


@st.composite
def walls(draw: st.DrawFn) -> BallWall:
    """Any wall that a throw clears: near, far, high, low, with one cliff, two or none."""
    v, t = draw(st.floats(1, 30)), draw(st.floats(0.2, 4))
    x_w = v * t * draw(st.floats(0.02, 0.98))
    g = draw(st.floats(0.5, 30))
    highest = BallWall(v, t, x_w, -1e9, g).highest_clearable
    return BallWall(v, t, x_w, highest - draw(st.floats(1e-3, 2)) * v * t, g)


@settings(max_examples=60, deadline=None)
@given(walls(), st.floats(-4, 4), st.floats(-3, math.log10(50)))
@example(BallWall(t=0.6, x_w=4.0, h=2.0), 0.5, -1.0)
def test_any_wall_is_smoothed_exactly(f: BallWall, theta: float, log_sigma: float) -> None:
    problem, sigma = wall(f), 10**log_sigma
    assume(len(problem.breaks()) % 2 == 0)
    value = problem.expect(problem.value, theta, sigma)
    stein = problem.expect(lambda x: problem.value(x) * (x - theta) / sigma**2, theta, sigma)
    found, grad = f.smoothed(point(theta), sigma), f.smoothed_grad(point(theta), sigma)
    assert float(found) == pytest.approx(value, rel=0, abs=1e-9 * problem.scale)
    assert float(grad) == pytest.approx(stein, rel=0, abs=1e-8 * problem.scale / sigma)


@every_wall
def test_clearance_is_zero_at_the_cliffs_and_negative_on_contact(problem: Problem) -> None:
    f = problem.f
    assert isinstance(f, BallWall)
    theta1, theta2, theta_r = f.angles
    np.testing.assert_allclose(f.clearance(point(np.array([theta1, theta2]))), 0, atol=1e-9)
    assert bool(f.clearance(point((theta1 + theta2) / 2)) > 0)
    assert f.v * f.t * math.cos(theta_r) == pytest.approx(f.x_w)
    x = point(smooth_points(problem))
    blocked = problem.slope(x[..., 0].numpy()) == 0
    np.testing.assert_array_equal(f.contact(x), blocked)
    assert bool((f.clearance(x)[f.contact(x)] < 0).all())
    assert bool(f.clearance(point(2.0)).isnan())


@every_wall
def test_a_wall_up_to_the_highest_clearable_is_cleared_and_no_higher(problem: Problem) -> None:
    f = problem.f
    assert isinstance(f, BallWall)
    x = np.linspace(-math.pi / 2, math.pi / 2, 400_001)[1:-1]
    arrival = f.x_w / (f.v * np.cos(x))
    height = f.v * np.sin(x) * arrival - f.g * arrival**2 / 2
    assert height[arrival < f.t].max() == pytest.approx(f.highest_clearable, abs=1e-4)


batches = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@every_problem
@settings(max_examples=10, deadline=None)
@given(batch=batches, dtype=st.sampled_from((torch.float32, torch.float64)))
def test_shapes_and_dtype_follow_theta(
    problem: Problem, batch: tuple[int, ...], dtype: torch.dtype
) -> None:
    f, theta = problem.f, torch.linspace(-2, 2, math.prod(batch), dtype=dtype).reshape(*batch, 1)
    sigma = torch.full((3, *batch), 0.3, dtype=dtype)
    check_shapes(f, theta, sigma, batch, 1)
    if isinstance(f, BallThrow | BallWall):
        where = f.position(theta, torch.zeros(batch, dtype=dtype))
        assert (where.shape, where.dtype) == ((*batch, 2), dtype)


@every_several
@settings(max_examples=10, deadline=None)
@given(batch=batches, dtype=st.sampled_from((torch.float32, torch.float64)))
def test_shapes_and_dtype_follow_theta_in_several_variables(
    problem: Several, batch: tuple[int, ...], dtype: torch.dtype
) -> None:
    theta = torch.linspace(-2, 2, math.prod(batch) * problem.d, dtype=dtype)
    theta = theta.reshape(*batch, problem.d)
    sigma = torch.full((3, *batch), 0.3, dtype=dtype)
    check_shapes(problem.f, theta, sigma, batch, problem.d)


def check_shapes(
    f: Objective, theta: Tensor, sigma: Tensor, batch: tuple[int, ...], d: int
) -> None:
    """Values are (*batch,), gradients (*batch, d); a σ of more dimensions broadcasts."""
    wide, flat, vector = (3, *batch), ("value", "square"), (d,)
    results = [
        (batch, f(theta)),
        (batch, f.smoothed(theta, 0.3)),
        ((*batch, d), f.smoothed_grad(theta, 0.3)),
        (wide, f.smoothed(theta, sigma)),
        (wide + vector, f.smoothed_grad(theta, sigma)),
    ]
    if d == 1 or not isinstance(f, Sum):
        for shape, s in ((batch, 0.3), (wide, sigma)):
            moments = f.smoothed_moments(theta, s)._asdict()
            results += [(shape + vector * (k not in flat), m) for k, m in moments.items()]
    for shape, tensor in results:
        assert (tensor.shape, tensor.dtype) == (shape, theta.dtype)


@every_problem
def test_a_batch_is_its_points_one_by_one(problem: Problem) -> None:
    f, theta = problem.f, point(np.linspace(-2, 2, 7))
    sigma = torch.tensor([[0.01], [0.4], [3.0]], dtype=torch.float64)
    for method in (f.smoothed, f.smoothed_grad):
        batch = method(theta, sigma)
        for i, s in enumerate(sigma[:, 0].tolist()):
            for j, x in enumerate(theta):
                torch.testing.assert_close(batch[i, j], method(x, s), rtol=1e-12, atol=1e-11)


@every_problem
@pytest.mark.parametrize("sigma", (0.05, 0.5, 5.0))
def test_single_precision_is_close_to_double(problem: Problem, sigma: float) -> None:
    f, theta = problem.f, point(np.linspace(-2, 2, 101))
    for method, scale in ((f.smoothed, 1.0), (f.smoothed_grad, 1 / sigma)):
        single, double = method(theta.float(), sigma).double(), method(theta, sigma)
        torch.testing.assert_close(single, double, rtol=1e-5, atol=1e-5 * scale * problem.scale)


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "value", "remedy"),
    [
        (lambda: BallThrow(v=0.0), "v = 0", "must be positive"),
        (lambda: BallThrow(t=-1.0), "t = -1", "must be positive"),
        (lambda: BallThrow(g=-9.8), "g = -9.8", "give its size"),
        (lambda: BallThrow(x0=math.nan), "x0 = nan", "finite"),
        (lambda: BallWall(v=-2.0), "v = -2", "must be positive"),
        (lambda: BallWall(t=0.0), "t = 0", "must be positive"),
        (lambda: BallWall(x_w=-5.0), "x_w = -5", "must be positive"),
        (lambda: BallWall(g=0.0), "g = 0", "must be positive"),
        (lambda: BallWall(h=math.inf), "h = inf", "finite"),
        (lambda: BallWall(x_w=20.0), "x_w = 20", "smaller x_w"),
        (lambda: BallWall(h=3.88), "h = 3.88", "lower h, or raise v"),
        (lambda: PassFailBar(h_b=5.1), "h_b = 5.1", "lower h_b, or raise v"),
        (lambda: PassFailBar(h_b=0.0), "h_b = 0", "must be positive"),
        (lambda: PassFailBar(v=math.inf), "v = inf", "finite"),
        (lambda: PassFailBar(g=-1.0), "g = -1", "must be positive"),
        (lambda: Heaviside(height=0.0), "height = 0", "take another"),
        (lambda: Heaviside(place=math.nan), "place = nan", "finite"),
        (lambda: SoftStep(width=0.0), "width = 0", "must be positive"),
        (lambda: SoftStep(height=0.0), "height = 0", "take another"),
        (lambda: TopHat(1.0, 1.0), "high = 1", "take low < high"),
        (lambda: TopHat(height=0.0), "height = 0", "take another"),
        (lambda: Spike(width=-0.1), "width = -0.1", "must be positive"),
        (lambda: Spike(height=-1.0), "height = -1", "must be positive"),
        (lambda: Spike(dome=0.0), "dome = 0", "must be positive"),
        (lambda: Wiggle(omega=0.0), "omega = 0", "must be positive"),
        (lambda: Wiggle(amplitude=math.inf), "amplitude = inf", "finite"),
        (lambda: PiecewiseLinear(x=(0.0, 0.0)), "x = (0.0, 0.0)", "must increase"),
        (lambda: PiecewiseLinear(left=(0.0,)), "[2, 1, 2, 2]", "go together"),
        (lambda: PiecewiseLinear((), (), ()), "[0, 0, 0, 2]", "at least one"),
        (lambda: PiecewiseLinear(right=(0.0, math.nan)), "nan", "finite"),
        (lambda: Quadratic(torch.tensor([[1.0, 2.0], [0.0, 1.0]])), "[0.0, 1.0]", "(A + A.T) / 2"),
        (lambda: Quadratic(torch.ones(3)), "[1.0, 1.0, 1.0]", "symmetric (d, d)"),
        (lambda: Quadratic(torch.ones(2, 3)), "1.0", "symmetric (d, d)"),
        (lambda: Quadratic(torch.eye(2), torch.ones(3)), "(3,)", "shape (d,)"),
        (lambda: Quadratic(1.0, torch.ones(2, 2)), "(2, 2)", "shape (d,)"),
        (lambda: Quadratic(math.nan), "A = nan", "finite"),
        (lambda: Quadratic(1.0, torch.tensor([0.0, math.inf])), "[0.0, inf]", "finite"),
        (lambda: Quadratic(offset=math.inf), "offset = inf", "finite"),
    ],
)
def test_an_impossible_objective_names_the_value_and_the_remedy(
    make: Callable[[], Objective], value: str, remedy: str
) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert value in str(caught.value) and remedy in str(caught.value)


SINGLE = [
    BallThrow(),
    BallWall(),
    PassFailBar(),
    MomentumTransfer(),
    Heaviside(),
    SoftStep(),
    TopHat(),
    PiecewiseLinear(),
    Spike(),
    Wiggle(),
    2 * BallWall() + 1,
    BallWall() + Heaviside(),
]
MANY = [
    Quadratic(),
    Quadratic(torch.eye(3)),
    L1(),
    HeavisideAll(),
    HeavisideAny(),
    EuclideanNorm(),
    ThreeHumpCamel(),
]


def methods(f: Objective) -> list[Callable[[Tensor], object]]:
    """The value, and the truth for a fixed σ."""
    truths = (f.smoothed, f.smoothed_grad, f.smoothed_moments)
    return [f, *(lambda x, truth=truth: truth(x, 0.1) for truth in truths)]


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize("f", SINGLE + MANY, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize(
    ("theta", "kind", "value", "remedy"),
    [
        (0.5, TypeError, "got float", "torch.as_tensor"),
        (np.zeros(1), TypeError, "got ndarray", "torch.as_tensor"),
        (torch.tensor([1]), TypeError, "got torch.int64", "torch.as_tensor"),
        (torch.tensor([True]), TypeError, "got torch.bool", "torch.as_tensor"),
        (torch.tensor(0.5), ValueError, "got ()", "points have shape (..., "),
    ],
)
def test_a_bad_point_names_the_value_and_the_remedy(
    f: Objective, theta: Tensor, kind: type[Exception], value: str, remedy: str
) -> None:
    for method in methods(f):
        with pytest.raises(kind) as caught:
            method(theta)
        assert value in str(caught.value) and remedy in str(caught.value)


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize("f", SINGLE, ids=lambda f: type(f).__name__)
def test_points_without_their_last_axis_are_refused(f: Objective) -> None:
    for method in methods(f)[:3]:
        with pytest.raises(ValueError, match=r"got \(3,\); theta\[..., None\] adds the last axis"):
            method(torch.zeros(3))


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize(("f", "d"), [(ThreeHumpCamel(), 2), (Quadratic(torch.eye(3)), 3)])
def test_points_of_another_dimension_are_refused(f: Objective, d: int) -> None:
    for method in methods(f):
        with pytest.raises(ValueError, match=rf"\(..., {d}\), got \(2, 4\); stack coordinates"):
            method(torch.zeros(2, 4))


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize("f", SINGLE + MANY, ids=lambda f: type(f).__name__)
def test_truth_is_asked_at_a_finite_point_with_a_sigma_of_its_kind(f: Objective) -> None:
    d = getattr(f, "_d", None) or (2 if isinstance(f, ThreeHumpCamel) else 1)
    theta, lost = torch.zeros(4, d), torch.full((4, d), math.nan)
    assert bool(f(lost).isnan().all())
    for truth in (f.smoothed, f.smoothed_grad, f.smoothed_moments):
        with pytest.raises(ValueError, match=r"theta must be finite, got nan; look for"):
            truth(lost, 0.1)
        for sigma in (0.0, -0.1, math.inf, math.nan):
            with pytest.raises(ValueError, match=f"got {sigma}; without noise"):
                truth(theta, sigma)
        with pytest.raises(TypeError, match=r"float64 on cpu, theta is torch.float32 .* sigma.to"):
            truth(theta, torch.ones(4, dtype=torch.float64))


def test_objectives_are_frozen_and_equal_by_their_fields() -> None:
    for f in SINGLE + MANY:
        first = dataclasses.fields(f)[:1]
        for field in first:
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(f, field.name, 1.0)
    assert BallWall(h=2.0) == BallWall(h=2.0) != BallWall()
    assert 2 * BallWall() == 2 * BallWall()


# --- what the seeds claim, where it is about objectives alone -----------------------------


def test_b000_1_the_throw_is_concave_forward_and_convex_backward() -> None:
    """Not "mostly convex": it is maximised, and concave exactly where cos θ > 0."""
    x = point(np.linspace(-3.1, 3.1, 400)).requires_grad_()
    (slope,) = torch.autograd.grad(BallThrow()(x).sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    assert torch.equal(bend < 0, x.abs() < math.pi / 2)


def grid_argmax(f: Objective, low: float, high: float, sigma: float) -> float:
    """Where F is highest, on a grid of a thousandth."""
    theta = torch.arange(low, high, 1e-3, dtype=torch.float64)
    return float(theta[f.smoothed(theta[:, None], sigma).argmax()])


def test_b000_3_small_noise_leaves_the_plateau_flat() -> None:
    """Smooth for every σ, but at σ = 0.02 and 0.05 too flat at 0.3 for any ascent."""
    f = BallWall()
    for sigma in (0.02, 0.05):
        assert abs(float(f.smoothed_grad(point(0.3), sigma))) < 1e-13  # in truth 1e-177, 1e-27
    assert float(f.smoothed_grad(point(0.3), 0.1)) < 1e-5
    assert float(f.smoothed_grad(point(0.3), 0.25)) > 0.1


def test_b000_3_large_noise_moves_the_best_throw_behind_the_wall() -> None:
    f = BallWall()
    for sigma in (0.02, 0.1, 0.2, 0.3):
        assert float(f(point(grid_argmax(f, -0.5, 1.5, sigma)))) > 9
    for sigma, where in ((0.35, None), (0.4, 0.795), (1.0, 0.073)):
        best = grid_argmax(f, -0.5, 1.5, sigma)
        assert float(f(point(best))) == 5.0
        assert where is None or best == pytest.approx(where, abs=2e-3)


@pytest.mark.parametrize("sigma", (0.05, 0.5))
def test_b002_8_the_mean_of_what_jumps_is_smooth(sigma: float) -> None:
    """|F'| <= (total height of the jumps) φ(0)/σ + max |f'|: no jump is left."""
    for f in (Heaviside(), BallWall(), PassFailBar(), TopHat(), PiecewiseLinear()):
        theta = point(np.linspace(-1, 2, 5_001))
        values = f.smoothed(theta, sigma)
        heights = float(f.jumps().height.abs().sum())
        steepest = heights / math.sqrt(math.tau) / sigma + 20
        assert float(values.diff().abs().max()) <= steepest * 3 / 5_000


def test_b002_6_the_slope_of_the_mean_is_nowhere_zero_and_soon_tiny() -> None:
    z = np.linspace(-6, 6, 101)
    assert bool((Heaviside().smoothed_grad(point(0.5 * z), 0.5) > 0).all())
    assert float(Heaviside().smoothed_grad(point(2.0), 0.5)) == pytest.approx(2.7e-4, rel=0.02)


@pytest.mark.parametrize(("sigma", "where"), [(0.02, 3.0), (0.05, 3.0), (0.1, 0.0), (0.5, 0.0)])
def test_b002_9_i_noise_does_not_see_a_spike(sigma: float, where: float) -> None:
    assert grid_argmax(Spike(), -1.0, 4.0, sigma) == pytest.approx(where, abs=0.06)


@pytest.mark.parametrize("sigma", (0.1, 0.5, 2.0))
def test_b002_9_ii_noise_moves_the_top_of_unequal_slopes(sigma: float) -> None:
    """Slopes 1 and -4 meet at 0; F is highest where Φ(-θ/σ) = 4/5, so at -0.8416 σ."""
    tent = PiecewiseLinear((0.0,), (0.0,), (0.0,), (1.0, -4.0))
    assert grid_argmax(tent, -3.0, 1.0, sigma) == pytest.approx(-0.8416 * sigma, abs=1e-3)


@pytest.mark.parametrize("sigma", (0.35, 0.6, 1.0))
def test_b002_9_iii_noise_moves_the_best_throw_off_its_cliff(sigma: float) -> None:
    f = BallWall()
    assert float(f(point(grid_argmax(f, -0.5, 1.5, sigma)))) == 5.0 < f.optimum.value / 2


def test_b003_5_a_window_that_moves_smooths_as_noise_does_and_gives_no_gradient() -> None:
    """σ = 0.01 in the action and τ = 0.02 in the window make √(σ² + τ²) of noise in all."""
    sigma, tau, n = 0.01, 0.02, 400_000
    generator = torch.Generator().manual_seed(5)
    eps, shift = torch.randn(2, n, generator=generator, dtype=torch.float64)
    hat, theta = TopHat(0.0, 0.06, 1.0), 0.07
    x = point(theta + sigma * eps - tau * shift).requires_grad_()
    success = hat(x)
    (grad,) = torch.autograd.grad(success.sum(), x)
    assert not grad.any()
    success = success.detach()
    both = hat.smoothed(point(theta), math.hypot(sigma, tau))
    assert float(both) == pytest.approx(0.326488, abs=1e-6)
    error = float(success.std()) / math.sqrt(n)
    assert float(success.mean()) == pytest.approx(float(both), abs=5 * error)


def test_the_grippers_landscape_is_the_ledgers() -> None:
    """D.7: where the smoothed gradient and the first-order mean point in opposite directions."""
    gripper = PiecewiseLinear()
    for theta, sigma, value, grad, first_order in (
        (0.03, 0.01, 0.129757018354, 0.485354556733, 0.498650101968),
        (0.055, 0.01, 0.109114574239, -3.350953902151, 0.345731221142),
        (0.10, 0.02, 0.042303835864, -0.272072076348, 0.011374922648),
        (0.03, 0.05, 0.080634438805, 0.025812120515, 0.225746882250),
    ):
        m = gripper.smoothed_moments(point(theta), sigma)
        found = [float(x) for x in (m.value, m.grad, m.slope)]
        assert found == pytest.approx([value, grad, first_order], abs=1e-11)
    for sigma, best in ((0.003, 0.05225), (0.01, 0.0393), (0.02, 0.0327), (0.05, 0.0318)):
        theta = torch.linspace(0, 0.08, 8001, dtype=torch.float64)[:, None]
        top = float(theta[gripper.smoothed(theta, sigma).argmax()])
        assert top == pytest.approx(best, abs=6e-5)


@pytest.mark.parametrize(("width", "variance"), [(0.1, 3.8), (0.01, 39.7), (0.001, 399.0)])
def test_b000_22_a_stiff_ramp_is_unbiased_and_its_first_order_variance_explodes(
    width: float, variance: float
) -> None:
    m = SoftStep(width).smoothed_moments(point(0.0), 1.0)
    assert float(m.grad) == pytest.approx(float(m.slope), rel=1e-12)
    assert float(m.grad) == pytest.approx(0.3989, abs=2e-4)
    assert float(m.slope2 - m.slope**2) == pytest.approx(variance, rel=0.01)
