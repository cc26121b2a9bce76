"""Objectives against mathematics: a stepped throw, quadrature, Stein's identity, sampling."""

import math

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from smoothlib import BallThrow, BallWall
from tests.problems import PROBLEMS, Array, Problem, fly, wall

SIGMAS = (1e-3, 0.03, 0.3, 1.0, 5.0, 50.0)
THETAS = (-4.0, -0.2, 0.0, 0.65, 0.9, 1.3, 7.5)

# θ, σ, F and ∇F by quadrature and by closed form: the ledger's D.9.
LEDGER = {
    "ball": [
        (0.6, 0.1, 16.4243847271, -11.2365261462),
        (1.2, 0.3, 6.92826201605, -17.8205403831),
        (0.3, 1.0, 11.5888174199, -3.58484131809),
    ],
    "wall": [
        (0.6, 0.1, 5.02226618334, 0.67459781651),
        (0.9, 0.1, 8.830348883, 20.3631101445),
        (1.1, 0.2, 7.60252675735, -7.76269756108),
        (1.4, 0.05, 3.37561154639, -18.777853175),
        (0.3, 0.5, 5.42988342252, 1.00374808493),
        (0.8, 1.0, 2.18821694797, -4.51299301617),
    ],
}

every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
every_wall = pytest.mark.parametrize(
    "problem",
    [p for p in PROBLEMS.values() if isinstance(p.f, BallWall)],
    ids=[name for name, p in PROBLEMS.items() if isinstance(p.f, BallWall)],
)
each_sigma = pytest.mark.parametrize("sigma", SIGMAS)


def point(x: float | Array) -> Tensor:
    """Angles as points, (..., 1)."""
    return torch.as_tensor(x, dtype=torch.float64)[..., None]


def smooth_angles(problem: Problem, n: int = 2001, gap: float = 1e-9) -> Array:
    """Angles over four periods, none closer than `gap` to a break."""
    x = np.linspace(-4 * math.pi, 4 * math.pi, n) + 1e-4
    away = [np.abs(np.sin((x - b) / 2)) > gap for b in problem.breaks()]
    return x[np.all(away, axis=0)] if away else x


# --- the value ----------------------------------------------------------------------------


@every_problem
def test_value_is_the_distance_of_a_throw_in_small_time_steps(problem: Problem) -> None:
    f, events = problem.f, problem.breaks()
    angles = np.concatenate([np.linspace(-3.1, 3.1, 200), events - 1e-3, events + 1e-3])
    barrier = (f.x_w, f.h) if isinstance(f, BallWall) else None
    x0 = f.x0 if isinstance(f, BallThrow) else 0.0
    x, _ = fly(angles, f.t, f.v, f.g, barrier)
    np.testing.assert_allclose(f(point(angles)), x0 + x, atol=1e-9 * problem.scale)


@every_problem
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
def test_value_agrees_with_the_formula_on_four_periods(problem: Problem) -> None:
    x = smooth_angles(problem)
    np.testing.assert_allclose(problem.f(point(x)), problem.value(x), atol=1e-12 * problem.scale)


@every_problem
def test_value_and_smoothed_value_repeat_every_turn(problem: Problem) -> None:
    f, x = problem.f, point(smooth_angles(problem, 301))
    turned = x + math.tau
    close = {"rtol": 0, "atol": 1e-11 * problem.scale}
    torch.testing.assert_close(f(turned), f(x), **close)
    torch.testing.assert_close(f.smoothed(turned, 0.2), f.smoothed(x, 0.2), **close)


@every_problem
def test_autograd_of_the_value_is_the_slope_and_blind_to_the_jumps(problem: Problem) -> None:
    x = smooth_angles(problem)
    theta = point(x).requires_grad_()
    (grad,) = torch.autograd.grad(problem.f(theta).sum(), theta)
    np.testing.assert_allclose(grad[..., 0], problem.slope(x), atol=1e-12 * problem.scale)


@every_problem
def test_jumps_are_where_and_as_high_as_the_value_jumps(problem: Problem) -> None:
    at = problem.breaks()
    height = problem.value(at + 1e-10) - problem.value(at - 1e-10)
    real = np.abs(height) > 1e-6 * problem.scale
    jumps = problem.f.jumps()
    np.testing.assert_allclose(jumps.theta, at[real], atol=1e-9)
    np.testing.assert_allclose(jumps.height, height[real], atol=1e-8 * problem.scale)


@every_problem
def test_optimum_is_the_supremum_within_the_bounds(problem: Problem) -> None:
    f, (low, high) = problem.f, problem.f.bounds[:, 0].tolist()
    highest = problem.value(np.linspace(low, high, 100_001)).max()
    theta, value = f.optimum
    assert highest <= value + 1e-12 * problem.scale
    assert float(f(theta + 1e-9)) == pytest.approx(value, abs=1e-7 * problem.scale)


@every_problem
def test_bounds_go_from_a_level_throw_to_one_straight_up(problem: Problem) -> None:
    low, high = problem.f.bounds[:, 0]
    directions = [float(low.cos()), float(low.sin()), float(high.cos()), float(high.sin())]
    assert directions == pytest.approx([1, 0, 0, 1])
    assert 0 <= low < high < math.pi


# --- the smoothed value and its gradient --------------------------------------------------


@every_problem
@each_sigma
def test_smoothed_value_is_the_gaussian_mean(problem: Problem, sigma: float) -> None:
    for theta in THETAS[1::2] if sigma > 1 else THETAS:
        truth = problem.expect(problem.value, theta, sigma)
        found = float(problem.f.smoothed(point(theta), sigma))
        assert found == pytest.approx(truth, rel=0, abs=1e-11 * problem.scale), theta


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
    np.testing.assert_allclose(found, difference, rtol=0, atol=1e-7 * problem.scale / sigma)


@every_problem
def test_autograd_of_the_smoothed_value_is_the_smoothed_gradient(problem: Problem) -> None:
    theta = point(np.linspace(-2, 2, 101)).requires_grad_()
    (grad,) = torch.autograd.grad(problem.f.smoothed(theta, 0.2).sum(), theta)
    truth = problem.f.smoothed_grad(theta.detach(), 0.2)
    torch.testing.assert_close(grad, truth, rtol=0, atol=1e-10 * problem.scale)


@every_problem
@pytest.mark.parametrize("sigma", (0.03, 0.3, 1.0))
def test_smoothed_gradient_is_mean_slope_plus_jumps_times_density(
    problem: Problem, sigma: float
) -> None:
    jumps = problem.f.jumps()
    turns = math.tau * np.arange(-3, 4)
    for theta in THETAS:
        eps = (jumps.theta.numpy()[:, None] + turns - theta) / sigma
        density = np.exp(-(eps**2) / 2) / math.sqrt(math.tau) / sigma
        edges = float((jumps.height.numpy()[:, None] * density).sum())
        truth = problem.expect(problem.slope, theta, sigma) + edges
        found = float(problem.f.smoothed_grad(point(theta), sigma))
        assert found == pytest.approx(truth, rel=0, abs=1e-10 * problem.scale / sigma), theta


@every_problem
@each_sigma
def test_smoothed_gradient_obeys_steins_identity(problem: Problem, sigma: float) -> None:
    theta = 0.9
    truth = problem.expect(lambda x: problem.value(x) * (x - theta) / sigma**2, theta, sigma)
    found = float(problem.f.smoothed_grad(point(theta), sigma))
    assert found == pytest.approx(truth, rel=0, abs=1e-10 * problem.scale / sigma)


@every_problem
@pytest.mark.parametrize("sigma", (0.05, 0.5, 5.0))
def test_sample_means_lie_within_five_standard_errors(problem: Problem, sigma: float) -> None:
    eps = torch.randn(200_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    theta = point(0.9)
    values = problem.f(theta + sigma * eps[:, None])
    scores = values * eps / sigma  # one zero-order gradient per sample
    for sample, truth in (
        (values, problem.f.smoothed(theta, sigma)),
        (scores, problem.f.smoothed_grad(theta, sigma)),
    ):
        error = float(sample.std() / math.sqrt(len(eps)))
        assert float(sample.mean()) == pytest.approx(float(truth), rel=0, abs=5 * error)


@pytest.mark.parametrize("name", LEDGER)
def test_smoothed_value_and_gradient_at_the_ledgers_points(name: str) -> None:
    f = PROBLEMS[name].f
    for theta, sigma, value, grad in LEDGER[name]:
        assert float(f.smoothed(point(theta), sigma)) == pytest.approx(value, rel=1e-10)
        assert float(f.smoothed_grad(point(theta), sigma)) == pytest.approx(grad, rel=1e-10)


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
    x = point(smooth_angles(problem))
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
@settings(max_examples=30, deadline=None)
@given(batch=batches, dtype=st.sampled_from((torch.float32, torch.float64)))
def test_shapes_and_dtype_follow_theta(
    problem: Problem, batch: tuple[int, ...], dtype: torch.dtype
) -> None:
    f, theta = problem.f, torch.linspace(-2, 2, math.prod(batch), dtype=dtype).reshape(*batch, 1)
    sigma = torch.full((3, *batch), 0.3, dtype=dtype)
    results = {
        batch: (f(theta), f.smoothed(theta, 0.3)),
        (*batch, 1): (f.smoothed_grad(theta, 0.3),),
        (*batch, 2): (f.position(theta, torch.zeros(batch, dtype=dtype)),),
        (3, *batch): (f.smoothed(theta, sigma),),
        (3, *batch, 1): (f.smoothed_grad(theta, sigma),),
    }
    for shape, tensors in results.items():
        assert [(t.shape, t.dtype) for t in tensors] == [(shape, dtype)] * len(tensors)


@every_problem
def test_a_batch_is_its_points_one_by_one(problem: Problem) -> None:
    f, theta = problem.f, point(np.linspace(-2, 2, 7))
    sigma = torch.tensor([[0.01], [0.4], [3.0]], dtype=torch.float64)
    for method in (f.smoothed, f.smoothed_grad):
        batch = method(theta, sigma)
        for i, s in enumerate(sigma[:, 0].tolist()):
            for j, x in enumerate(theta):
                torch.testing.assert_close(batch[i, j], method(x, s), rtol=0, atol=1e-11)


@every_problem
@pytest.mark.parametrize("sigma", (0.05, 0.5, 5.0))
def test_single_precision_is_close_to_double(problem: Problem, sigma: float) -> None:
    f, theta = problem.f, point(np.linspace(-2, 2, 101))
    for method, scale in ((f.smoothed, 1.0), (f.smoothed_grad, 1 / sigma)):
        single, double = method(theta.float(), sigma).double(), method(theta, sigma)
        torch.testing.assert_close(single, double, rtol=0, atol=1e-5 * scale * problem.scale)


# --- bad input ----------------------------------------------------------------------------


@pytest.fixture
def no_jaxtyping(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user: without the run-time check of signatures that the tests add."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


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
    ],
)
def test_an_impossible_throw_names_the_value_and_the_remedy(
    make: object, value: str, remedy: str
) -> None:
    assert callable(make)
    with pytest.raises(ValueError) as caught:
        make()
    assert value in str(caught.value) and remedy in str(caught.value)


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize("f", (BallThrow(), BallWall()))
@pytest.mark.parametrize(
    ("theta", "kind", "value", "remedy"),
    [
        (0.5, TypeError, "got float", "torch.as_tensor"),
        (torch.tensor([1]), TypeError, "got torch.int64", "torch.as_tensor"),
        (torch.tensor(0.5), ValueError, "got ()", "theta[..., None]"),
        (torch.zeros(3), ValueError, "got (3,)", "theta[..., None]"),
    ],
)
def test_a_bad_point_names_the_value_and_the_remedy(
    f: BallThrow | BallWall, theta: Tensor, kind: type[Exception], value: str, remedy: str
) -> None:
    for method in (f, lambda x: f.smoothed(x, 0.1), lambda x: f.smoothed_grad(x, 0.1)):
        with pytest.raises(kind) as caught:
            method(theta)
        assert type(f).__name__ in str(caught.value)
        assert value in str(caught.value) and remedy in str(caught.value)


@pytest.mark.parametrize("f", (BallThrow(), BallWall()))
@pytest.mark.parametrize("sigma", (0.0, -0.1, math.inf, math.nan))
def test_a_bad_sigma_names_the_value_and_the_remedy(f: BallThrow | BallWall, sigma: float) -> None:
    for method in (f.smoothed, f.smoothed_grad):
        with pytest.raises(ValueError, match=f"got {sigma}; without noise, call the objective"):
            method(point(0.3), sigma)
