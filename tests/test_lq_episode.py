"""An episode with one gain, held to LQR, to a simulator and to quadrature."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smoothlib import LQR, LQEpisode, first_order, normal, summarise, variance_exact

STICK = LQEpisode(steps=10)


def point(*theta: float) -> Tensor:
    return torch.tensor(theta, dtype=torch.float64)


@pytest.mark.parametrize("f", [STICK, LQEpisode(0.9, 0.4, 2.0, 0.1, 0.3, 4), LQEpisode(steps=1)])
def test_it_is_the_cost_of_an_episode_turned_into_a_reward(f: LQEpisode) -> None:
    system = LQR(A=f.a, B=f.b, Q=f.q, R=f.r, W=f.W)
    k = torch.linspace(-0.5, 2.5, 31, dtype=torch.float64)[:, None, None]
    start = torch.full((1, 1), f.W, dtype=torch.float64)
    cost = system.episode_cost(k, f.steps, start) / f.steps
    torch.testing.assert_close(f(k[..., 0]), -cost)
    blurred = system.perturbed_episode_cost(k, f.steps, start, 0.2) / f.steps
    torch.testing.assert_close(f.smoothed(k[..., 0], 0.2), -blurred)


def test_it_is_what_a_simulator_pays() -> None:
    lean = normal(1, 100_000, 1, dtype=torch.float64)[:, 0]
    paid = torch.zeros_like(lean)
    for t in range(STICK.steps):
        act = -1.4 * lean
        paid -= lean**2 + 0.5 * act**2
        lean = 1.1 * lean + act + normal(2 + t, 100_000, 1, dtype=torch.float64)[:, 0]
    found = summarise([paid[:, None] / STICK.steps])
    assert abs(float(found.mean) - float(STICK(point(1.4)))) < 5 * float(found.standard_error)


@pytest.mark.parametrize(("theta", "sigma"), [(1.2, 0.1), (0.6, 0.2), (1.6, 0.05)])
def test_its_moments_are_exact(theta: float, sigma: float) -> None:
    e = torch.linspace(-13, 13, 20_001, dtype=torch.float64)  # the trapezium rule: spectral here
    weight = torch.exp(-(e**2) / 2) / math.sqrt(2 * math.pi) * float(e[1] - e[0])

    def f(x: Tensor) -> Tensor:
        return STICK(x[:, None])

    def mean(part: Tensor) -> float:
        return float((part * weight).sum())

    x = theta + sigma * e
    slope = (f(x - 2e-4) - 8 * f(x - 1e-4) + 8 * f(x + 1e-4) - f(x + 2e-4)) / 1.2e-3
    m = STICK.smoothed_moments(point(theta), sigma)
    expected = {
        "value": mean(f(x)),
        "grad": mean(f(x) * e) / sigma,
        "value_eps2": mean(f(x) * e**2),
        "square": mean(f(x) ** 2),
        "square_eps2": mean(f(x) ** 2 * e**2),
        "slope": mean(slope),
        "slope2": mean(slope**2),
        "pair_eps2": mean(f(x) * f(2 * theta - x) * e**2),
    }
    for name, value in expected.items():
        assert float(getattr(m, name)) == pytest.approx(value, rel=1e-7), name


def test_points_and_sigmas_broadcast() -> None:
    theta, sigma = point(0.4, 0.9, 1.3)[:, None, None], point(0.05, 0.1)
    grid = STICK.smoothed_grad(theta, sigma)
    assert grid.shape == (3, 2, 1)
    assert float(grid[2, 1]) == pytest.approx(float(STICK.smoothed_grad(point(1.3), 0.1)))


def test_first_order_is_unbiased_and_quieter_by_far() -> None:
    eps = normal(5, 100_000, 1, dtype=torch.float64)
    found = summarise([first_order(STICK, point(1.2), 0.1, eps)])
    truth = float(STICK.smoothed_grad(point(1.2), 0.1))
    assert abs(float(found.mean) - truth) < 5 * float(found.standard_error)
    each = variance_exact(STICK, point(1.2), 0.1)
    assert float(each.finite_difference / each.first_order) > 20


def test_beyond_its_bounds_an_episode_explodes() -> None:
    low, high = STICK.bounds[:, 0].tolist()
    assert (low, high) == pytest.approx((0.1, 2.1))
    long = LQEpisode(steps=200)
    assert math.isfinite(float(long(point(1.1)))) and float(long(point(2.5))) < -1e20


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LQEpisode(a=math.nan), "a = nan"),
        (lambda: LQEpisode(r=0.0), "r = 0"),
        (lambda: LQEpisode(b=-1.0), "b = -1"),
        (lambda: LQEpisode(steps=0), "steps = 0"),
    ],
)
def test_bad_numbers_are_named(make: Callable[[], LQEpisode], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("wrong", [{"b": math.nan}, {"W": math.inf}])
def test_numbers_that_are_not_finite_are_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=f"LQEpisode: {next(iter(wrong))} = "):
        LQEpisode(**wrong)


def test_the_longest_episode_has_its_truth() -> None:
    """Beside a sum of 10 000 steps over the noise, where the loop is stable."""
    f = LQEpisode(steps=170)
    with pytest.raises(ValueError, match="steps = 171"):
        LQEpisode(steps=171).smoothed(point(1.1), 0.05)
    theta = torch.tensor([1.1], dtype=torch.float64)
    eps = torch.linspace(-8, 8, 10_001, dtype=torch.float64)
    weight = torch.exp(-(eps**2) / 2)
    wanted = (f(theta + 0.05 * eps[:, None]) * weight).sum() / weight.sum()
    torch.testing.assert_close(f.smoothed(theta, 0.05), wanted, rtol=1e-9, atol=0)
