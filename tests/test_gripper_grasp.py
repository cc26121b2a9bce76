"""The gripper by height and force: its closed form against the simulator, sums and samples."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smoothlib.gripper import (
    GraspFormula,
    GripperGrasp,
    GripperParams,
    lift_closed_form,
    rollout,
)
from smoothlib.noise import normal

F64 = torch.float64
FORMULA = GraspFormula()
POINTS = torch.tensor(
    [[0.02, 0.015], [0.045, 0.015], [0.02, 0.001], [-0.01, 0.012], [0.03, 0.024], [-0.03, 0.026]],
    dtype=F64,
)
each_sigma = pytest.mark.parametrize("sigma", (3e-4, 1e-3, 5e-3, 0.05, 1.0))


def newton(*force: float) -> Tensor:
    return torch.tensor(force, dtype=F64)


def scattered(z: tuple[float, float], force: tuple[float, float], n: int = 1500) -> Tensor:
    """Points between those heights, mm, and forces, N."""
    low, high = newton(z[0], force[0]) / 1000, newton(z[1], force[1]) / 1000
    share = torch.rand(n, 2, generator=torch.Generator().manual_seed(2), dtype=F64)
    return low + (high - low) * share


def apart(theta: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
    """By how much simulator and formula differ, m, where one lifts and the other does not, and
    elsewhere."""
    off = (GripperGrasp(**options)(theta) - FORMULA(theta)).abs()
    return off[off > 0.1], off[off <= 0.1]


# --- the formula and the simulator --------------------------------------------------------


def test_the_simulator_lifts_where_the_formula_does() -> None:
    otherwise, rest = apart(scattered((-26, 60), (0, 40), 4000))
    assert len(otherwise) <= 2
    assert rest.median() < 1e-7 and rest.quantile(0.95) < 2e-4


@pytest.mark.parametrize(
    ("z", "force", "within"),
    [
        ((1, 49), (3, 80), 2e-6),
        ((1, 48), (1.2, 3), 2e-5),
        ((-0.5, -0.1), (3, 80), 2e-5),
        ((-50, -22), (26, 80), 1e-3),
        ((-290, -50), (26, 80), 3e-4),
        ((-400, -290), (26, 80), 2e-3),
    ],
)
def test_heights_are_those_of_the_simulator(
    z: tuple[float, float], force: tuple[float, float], within: float
) -> None:
    otherwise, rest = apart(scattered(z, force, 400))
    assert len(otherwise) == 0 and rest.max() < within


def test_a_slide_is_that_of_the_simulator_in_small_steps() -> None:
    """The friction of a step is that of its start: it lags, and the slide is longer."""
    force = newton(0.87, 0.9, 0.95, 1.0, 1.1)
    theta = torch.stack((torch.full_like(force, 0.002), force / 1000), -1)
    coarse, fine = (apart(theta, dt=dt)[1] for dt in (1e-3, 2.5e-4))
    assert (fine < 1e-4).all() and (coarse < 2e-3).all()
    assert FORMULA.slip(force[:1]) > 0.015


@pytest.mark.parametrize("force", (1.2, 2.0, 5.0, 15.0, 40.0, 80.0))
def test_the_upper_edge_is_where_the_simulator_drops_the_brick(force: float) -> None:
    edge = FORMULA.cut(force).x[-1]
    z = edge + torch.linspace(-1e-4, 1e-4, 41, dtype=F64)
    holds = rollout(z, GripperParams(force=force)).height > 0.1
    assert holds[:5].all() and not holds[-5:].any()
    assert (holds[1:] != holds[:-1]).sum() == 1


@pytest.mark.parametrize("force", (1.5, 5.0, 15.0, 24.0))
def test_the_lower_edge_is_where_the_fingers_jam(force: float) -> None:
    edge = FORMULA.cut(force).x[0]
    z = edge + torch.linspace(-1e-4, 1e-4, 11, dtype=F64)
    holds = rollout(z, GripperParams(force=force)).height > 0.1
    assert not holds[:2].any() and holds[-2:].all()


def test_the_thresholds_are_those_of_the_simulator() -> None:
    """Of lifting at all, of sliding, and of jamming."""
    low = FORMULA.threshold
    z = torch.linspace(-1e-3, 2e-3, 301, dtype=F64)
    for force, lifts in ((0.97 * low, False), (1.03 * low, True)):
        assert bool((rollout(z, GripperParams(force=force)).height > 0.1).any()) is lifts
    slips = [float(FORMULA.slip(newton(f * FORMULA.sticking))) for f in (0.9, 1.1)]
    creeps = [5e-4 * r / math.sqrt(1 - r * r) * 2 for r in (0.981 / 2.856 / s for s in (0.9, 1.1))]
    assert slips[0] > creeps[0] + 1e-6 and slips[1] == pytest.approx(creeps[1], rel=1e-12)
    for force, lifts in ((24.9, False), (25.1, True)):
        found = rollout(newton(-0.022), GripperParams(force=force)).height
        assert bool(found > 0.1) is lifts and len(FORMULA.cut(force).x) == (5 if lifts else 3)


def test_at_one_force_it_is_the_lift_but_for_the_upper_edge() -> None:
    cut, lift = FORMULA.cut(15.0), lift_closed_form(GripperParams())
    z = torch.linspace(-0.02, 0.06, 500, dtype=F64)
    z = z[(z < cut.x[-1]) | (z > 0.05)]
    torch.testing.assert_close(cut(z[:, None]), lift(z[:, None]), rtol=0, atol=1e-15)
    assert lift.x[-1] - cut.x[-1] == pytest.approx(float(FORMULA.slip(newton(15.0))), rel=1e-9)


@pytest.mark.parametrize("force", (0.5, 0.9, 2.0, 15.0, 30.0, 80.0, 200.0, -3.0))
def test_jumps_at_one_force_are_where_and_as_high_as_the_value_jumps(force: float) -> None:
    cut = FORMULA.cut(force)
    z = torch.linspace(-0.4, 0.1, 5001, dtype=F64)
    at_force = torch.stack((z, torch.full_like(z, force / 1000)), -1)
    torch.testing.assert_close(FORMULA(at_force), cut(z[:, None]), rtol=0, atol=1e-12)
    jumps = cut.jumps()
    steep = FORMULA(at_force).diff().abs() > 0.01
    assert steep.sum() == len(jumps.theta)
    for place, height in zip(jumps.theta, jumps.height, strict=True):
        sides = torch.stack([place + s * 1e-9 for s in (-1, 1)])
        low, high = FORMULA(torch.stack((sides, torch.full_like(sides, force / 1000)), -1))
        assert float(high - low) == pytest.approx(float(height), abs=1e-8)


# --- the smoothed value and its gradient --------------------------------------------------


@pytest.mark.parametrize(("sigma", "which"), [(1e-3, 2), (5e-3, 1), (5e-3, 3), (0.05, 2)])
def test_smoothed_value_and_gradient_are_sums_over_cuts(sigma: float, which: int) -> None:
    """One force after another, each in the closed form of one variable, by Gauss."""
    theta = POINTS[which]
    low, stick = FORMULA.threshold, FORMULA.sticking
    near = low + (stick - low) * 2.0 ** np.arange(-12, 1)
    wide = np.linspace(-9, 9, 19) * sigma * 1000 + 1000 * float(theta[1])
    ends = np.unique(np.concatenate((wide, [low, FORMULA.jamming, 80.0], near)))
    ends = ends[(ends >= wide[0]) & (ends <= wide[-1])]
    nodes, weights = np.polynomial.legendre.leggauss(24)
    half = np.diff(ends)[:, None] / 2
    force = (ends[:-1, None] + half + half * nodes).ravel() / 1000
    eps = (force - float(theta[1])) / sigma
    weight = (half * weights).ravel() / 1000 / sigma * np.exp(-(eps**2) / 2) / math.sqrt(math.tau)
    cuts = [FORMULA.cut(1000 * f) for f in force]
    value = np.array([float(cut.smoothed(theta[:1], sigma)) for cut in cuts])
    by_z = np.array([float(cut.smoothed_grad(theta[:1], sigma)) for cut in cuts])
    assert float(FORMULA.smoothed(theta, sigma)) == pytest.approx(weight @ value, abs=1e-10)
    truth = [weight @ by_z, weight @ (value * eps) / sigma]
    found = FORMULA.smoothed_grad(theta, sigma).tolist()
    assert found == pytest.approx(truth, rel=1e-9, abs=1e-10 / sigma)


@each_sigma
def test_gradient_is_the_slope_and_autograd_of_the_smoothed_value(sigma: float) -> None:
    step = 1e-2 * sigma * torch.eye(2, dtype=F64)
    left2, left, right, right2 = (
        FORMULA.smoothed(POINTS[:, None] + s * step, sigma) for s in (-2, -1, 1, 2)
    )
    difference = (left2 - 8 * left + 8 * right - right2) / (12 * 1e-2 * sigma)
    truth = FORMULA.smoothed_grad(POINTS, sigma)
    torch.testing.assert_close(difference, truth, rtol=1e-7, atol=1e-7 / sigma)
    theta = POINTS.clone().requires_grad_()
    (grad,) = torch.autograd.grad(FORMULA.smoothed(theta, sigma).sum(), theta)
    torch.testing.assert_close(grad, truth, rtol=1e-8, atol=1e-10 / sigma)


@pytest.mark.parametrize("sigma", (1e-3, 5e-3, 0.05))
def test_sample_means_lie_within_five_standard_errors(sigma: float) -> None:
    eps = normal(7, 200_000, 2, dtype=F64)
    for theta in POINTS:
        values = FORMULA(theta + sigma * eps)
        scores = (values - FORMULA(theta))[:, None] * eps / sigma
        for sample, truth in (
            (values[:, None], FORMULA.smoothed(theta, sigma)[None]),
            (scores, FORMULA.smoothed_grad(theta, sigma)),
        ):
            error = sample.std(0) / math.sqrt(len(eps)) + 1e-12
            assert bool(((sample.mean(0) - truth).abs() < 5 * error).all()), (theta, truth)


def test_simulated_lifts_have_the_smoothed_value_and_gradient() -> None:
    grasp, sigma, eps = GripperGrasp(), 0.005, normal(8, 3000, 2, dtype=F64)
    for theta in POINTS[[1, 3]]:
        values = grasp(theta + sigma * eps)
        scores = (values - values.mean())[:, None] * eps / sigma
        for sample, truth in (
            (values[:, None], grasp.smoothed(theta, sigma)[None]),
            (scores, grasp.smoothed_grad(theta, sigma)),
        ):
            error = sample.std(0) / math.sqrt(len(eps))
            assert bool(((sample.mean(0) - truth).abs() < 5 * error).all()), (theta, truth)


def test_noise_on_the_force_smooths_the_lower_cliff_and_not_the_upper() -> None:
    """The lower one moves by 0.84 mm a newton: noise on the force alone is noise of its place."""
    sigma, eps = 5.0, normal(9, 100_000, 1, dtype=F64)[:, 0]
    force = (15 + sigma * eps) / 1000

    def lifted(z: float) -> float:
        theta = torch.stack((torch.full_like(force, z / 1000), force), -1)
        return float((FORMULA(theta) > 0.1).double().mean())

    at_lower = {z: lifted(z) for z in (-12.6 - 4.2, -12.6, -12.6 + 4.2)}
    expected = {z: float(torch.special.ndtr(newton((z + 12.6) / 4.2))) for z in at_lower}
    assert at_lower == pytest.approx(expected, abs=0.01)
    assert lifted(49.5) > 0.99 and lifted(50.0) == 0


# --- what is known of it, and what is not -------------------------------------------------


def test_extrema_are_attained_and_not_beaten() -> None:
    theta = torch.cat((scattered((-400, 100), (-20, 120), 20_000), scattered((-60, 60), (0, 90))))
    for extremum, sign in ((FORMULA.optimum, 1), (FORMULA.minimum, -1)):
        assert float(FORMULA(extremum.theta)) == pytest.approx(extremum.value, abs=1e-12)
        assert float((sign * FORMULA(theta)).max()) <= sign * extremum.value + 1e-12
    assert torch.equal(GripperGrasp().optimum.theta, FORMULA.optimum.theta)
    low, high = FORMULA.bounds
    assert bool((low < high).all())


def test_the_unit_of_the_force_is_a_unit_and_no_more() -> None:
    other = GraspFormula(newtons=1.0)
    scale = newton(1.0, 1000.0)
    torch.testing.assert_close(other(POINTS * scale), FORMULA(POINTS), rtol=0, atol=1e-12)
    single = FORMULA.smoothed(POINTS.float(), 0.005)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), FORMULA.smoothed(POINTS, 0.005), rtol=0, atol=1e-6)
    assert FORMULA.smoothed_grad(POINTS[None], newton(0.001, 0.005)[:, None]).shape == (2, 6, 2)


def test_a_force_that_the_drive_cannot_give_is_cut() -> None:
    grasp = GripperGrasp()
    z = newton(0.02, 0.02, 0.02, 0.02)
    heights = grasp(torch.stack((z, newton(-0.01, 0.0, 0.08, 0.2)), -1))
    assert heights[0] == heights[1] < 0.03 and heights[2] == heights[3] > 0.2


@pytest.mark.slow
def test_autograd_of_a_lift_is_the_slope_between_the_cliffs() -> None:
    theta = newton(0.02, 0.015).requires_grad_()
    (grad,) = torch.autograd.grad(GripperGrasp()(theta), theta)
    exact = theta.detach().requires_grad_()
    (truth,) = torch.autograd.grad(FORMULA(exact), exact)
    torch.testing.assert_close(grad, truth, rtol=0, atol=1e-4)
    assert grad[0] < -0.99 and grad[1] > 0.003


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"params": GripperParams(m=newton(0.1, 0.2))}, "m are tensors; give floats"),
        ({"params": GripperParams(m=12.0, kd=15.0)}, "nothing lifts this brick"),
        ({"params": GripperParams(kd=400.0)}, "slides up the pads"),
        ({"params": GripperParams(v_close=0.05)}, r"take 1\.2 s to the brick"),
        ({"params": GripperParams(v_close=0.5)}, "still meets the brick"),
        ({"params": GripperParams(v_lift=0.1, v_close=0.07)}, "takes longer than"),
        ({"newtons": 0.0}, "newtons = 0"),
    ],
)
def test_there_is_no_closed_form_where_it_would_be_wrong(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GripperGrasp(**options)


def test_what_a_plane_has_no_list_of_is_refused() -> None:
    for ask in (FORMULA.jumps, FORMULA.kinks):
        with pytest.raises(NotImplementedError, match=r"cut\(force\)"):
            ask()
    with pytest.raises(NotImplementedError, match="by sampling"):
        FORMULA.smoothed_moments(POINTS, 0.005)
