"""The exact mixture of a first-order and a zero-order row, held to quadrature and to samples."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from smoothlib import (
    L1,
    BallThrow,
    BallWall,
    Heaviside,
    LQEpisode,
    Objective,
    PiecewiseLinear,
    SoftStep,
    Spike,
    Wiggle,
    alpha_order,
    bias_guarded,
    first_order,
    inverse_variance,
    leave_one_out,
    minimum_variance,
    mixing_exact,
    normal,
    shows_a_jump,
    summarise,
    switched,
    unexplained,
    zero_order,
)
from smoothlib.smoothing import slope

CASES = {
    "wall": (BallWall(), 0.9, 0.1),
    "wall, wide": (BallWall(), 0.6, 0.4),
    "ball": (BallThrow(), 0.6, 0.3),
    "gripper": (PiecewiseLinear(), 0.0, 0.02),
    "stick": (LQEpisode(), 1.2, 0.1),
    "ripples": (Wiggle(0.1, 1.0, 5.0), 1.0, 1.0),
    "ramp": (SoftStep(0.01), 0.5, 1.0),
    "step": (Heaviside(), 0.3, 0.5),
    "spike": (Spike(), 2.8, 0.3),
    "kink": (L1(), 0.2, 1.0),
}
each_case = pytest.mark.parametrize(("f", "theta", "sigma"), CASES.values(), ids=CASES)


def point(theta: float) -> Tensor:
    return torch.tensor([theta], dtype=torch.float64)


def mean_of(f: Objective, theta: float, sigma: float, part: Callable[..., Tensor]) -> float:
    """E part(f(x), f'(x), ε), by Gauss-Legendre sums on short panels, split at the breaks of f."""
    at = (f.breaks(theta - 9 * sigma, theta + 9 * sigma) - theta) / sigma
    edges = np.unique(np.concatenate([at.numpy(), np.linspace(-9, 9, 73)]))
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    e = torch.from_numpy((middle[:, None] + half[:, None] * nodes).ravel())
    weight = torch.from_numpy((half[:, None] * weights).ravel()) * torch.exp(-(e**2) / 2)
    x = (theta + sigma * e)[:, None]
    found = part(f(x), slope(f, x)[:, 0], e) * weight
    return float(found.sum()) / math.sqrt(2 * math.pi)


@each_case
def test_the_covariance_is_that_of_the_two_rows(f: Objective, theta: float, sigma: float) -> None:
    m = mixing_exact(f, point(theta), sigma)
    level = float(f(point(theta)))
    both = mean_of(f, theta, sigma, lambda v, s, e: s * (v - level) * e / sigma)
    slopes = mean_of(f, theta, sigma, lambda v, s, e: s)
    scores = mean_of(f, theta, sigma, lambda v, s, e: (v - level) * e / sigma)
    size = max(1.0, float((m.first * m.zero).sqrt()))
    assert float(m.covariance) == pytest.approx(both - slopes * scores, abs=1e-7 * size)
    assert float(m.bias) == pytest.approx(slopes - scores, abs=1e-7 * max(1, abs(scores)))


@pytest.mark.parametrize("n", [2, 5, 20])
@pytest.mark.parametrize("name", ["wall", "gripper", "ball", "ramp"])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8])
def test_its_error_is_that_of_batches_with_leave_one_out(name: str, n: int, alpha: float) -> None:
    f, theta, sigma = CASES[name]
    repeats = 4000
    eps = normal(11, repeats * n, 1, dtype=torch.float64)
    values, first = f(point(theta) + sigma * eps), slope(f, point(theta) + sigma * eps)[:, 0]
    values, first, eps = (part.reshape(repeats, n) for part in (values, first, eps[:, 0]))
    others = (values.sum(1, keepdim=True) - values) / (n - 1)
    zero = (values - others) * eps / sigma
    mixed = (alpha * first + (1 - alpha) * zero).mean(1)
    square = (mixed - float(f.smoothed_grad(point(theta), sigma))) ** 2
    seen = summarise([square[:, None]])
    exact = float(mixing_exact(f, point(theta), sigma, n).rmse(alpha, n)) ** 2
    assert abs(float(seen.mean) - exact) < 5 * float(seen.standard_error)


@each_case
def test_no_other_alpha_is_quieter_or_nearer(f: Objective, theta: float, sigma: float) -> None:
    m = mixing_exact(f, point(theta), sigma)
    grid = torch.linspace(0, 1, 2001, dtype=torch.float64)
    assert float(m.variance(m.quietest)) <= float(m.variance(grid).min()) * (1 + 1e-12) + 1e-12
    for n in (5, 50, 5000):
        assert float(m.rmse(m.nearest(n), n)) <= float(m.rmse(grid, n).min()) * (1 + 1e-12)
    assert float(m.rmse(1.0, 10)) ** 2 == pytest.approx(float(m.bias**2 + m.first / 10))
    assert float(m.rmse(0.0, 10)) ** 2 == pytest.approx(float(m.zero / 10))


def test_points_and_sigmas_broadcast() -> None:
    theta = torch.tensor([0.5, 0.8, 0.9], dtype=torch.float64)[:, None, None]
    sigma = torch.tensor([0.05, 0.1], dtype=torch.float64)
    grid = mixing_exact(BallWall(), theta, sigma, 10)
    assert all(part.shape == (3, 2) for part in grid)
    alone = mixing_exact(BallWall(), point(0.9), 0.1, 10)
    for whole, one in zip(grid, alone, strict=True):
        assert float(whole[2, 1]) == pytest.approx(float(one), rel=1e-9)


def test_several_budgets_broadcast() -> None:
    n = torch.tensor([2.0, 5.0, 50.0], dtype=torch.float64)
    whole = mixing_exact(BallWall(), point(0.9), 0.1, n)
    for k, size in enumerate((2, 5, 50)):
        alone = mixing_exact(BallWall(), point(0.9), 0.1, size)
        assert float(whole.zero[k]) == pytest.approx(float(alone.zero), rel=1e-12)
        assert float(whole.nearest(n)[k]) == pytest.approx(float(alone.nearest(size)), rel=1e-12)


def test_weights_and_the_test_for_a_jump_take_many_batches_at_once() -> None:
    f, theta, sigma = CASES["wall"]
    batches = normal(3, 60, 1, dtype=torch.float64).reshape(4, 15, 1)
    first, zero = (
        torch.stack([e(f, point(theta), sigma, eps) for eps in batches])
        for e in (first_order, zero_order)
    )
    for weight in (inverse_variance, minimum_variance, bias_guarded(90.0)):
        whole = weight(first, zero)
        alone = [weight(a, b) for a, b in zip(first, zero, strict=True)]
        assert whole.shape == (4, 1)
        torch.testing.assert_close(whole, torch.stack(alone))
    values = torch.stack([f(point(theta) + sigma * eps) for eps in batches])
    excess, error = unexplained(values, first, sigma)
    for k in range(4):
        seen = bool(excess[k] > 2.3263478740408408 * error[k])
        assert seen == shows_a_jump(values[k], first[k], sigma)


@pytest.mark.parametrize("alpha", [0.3, inverse_variance])
def test_a_mixture_takes_another_baseline(alpha: float | Callable[..., Tensor]) -> None:
    f, theta, sigma = CASES["ball"]
    eps = normal(4, 12, 1, dtype=torch.float64)
    first = first_order(f, point(theta), sigma, eps)
    zero = zero_order(f, point(theta), sigma, eps, leave_one_out)
    weight = alpha if isinstance(alpha, float) else alpha(first, zero)
    rows = alpha_order(f, point(theta), sigma, eps, alpha, leave_one_out)
    torch.testing.assert_close(rows, weight * first + (1 - weight) * zero)
    step, at = Heaviside(), point(0.1)
    eps = normal(4, 300, 1, dtype=torch.float64)
    torch.testing.assert_close(
        switched(step, at, 0.5, eps, baseline=leave_one_out),
        zero_order(step, at, 0.5, eps, leave_one_out),
    )


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="points have shape"):
        mixing_exact(L1(), torch.zeros(2, dtype=torch.float64), 1.0)
    with pytest.raises(ValueError, match="n = 1"):
        mixing_exact(L1(), point(0.0), 1.0, 1)
    with pytest.raises(ValueError, match="n = 1"):
        unexplained(torch.zeros(3, 1), torch.zeros(3, 1, 1), 1.0)
