"""Removing noise a little at a time: laws of every step, and of what comes out."""

import math

import pytest
import torch
from torch import Tensor

from smoothlib.cloning import Demonstrations
from smoothlib.denoising import GaussianMixture
from smoothlib.diffusion import Denoiser, ancestral, fit_denoiser, noise_levels
from smoothlib.noise import normal

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

F64 = torch.float64
MEAN, SPREAD = 1.3, 0.6


def bell(x: Tensor, sigma: Tensor) -> Tensor:
    """E[x₀ | x] of N(MEAN, SPREAD²)."""
    return (SPREAD**2 * x + sigma**2 * MEAN) / (SPREAD**2 + sigma**2)


def noise(n: int, levels: int, d: int = 1) -> Tensor:
    eps = normal(5, n, levels * d, dtype=F64)
    return eps.reshape(n, levels, d).transpose(0, 1)


def test_levels_fall_by_the_same_factor_to_nothing() -> None:
    levels = noise_levels(4.0, 0.25, 5)
    torch.testing.assert_close(levels, torch.tensor([4, 2, 1, 0.5, 0.25, 0]))


def test_a_step_has_the_law_of_less_noise_when_the_guess_is_true() -> None:
    """x₀ = 0.7 for certain: of the start at 0 a share (σ_k/σ_1)² is kept, and the spread is σ_k."""
    levels, n = torch.tensor([3.0, 1.0, 0.3, 0.0], dtype=F64), 40_000
    path = ancestral(lambda x, sigma: 0 * x + 0.7, levels, noise(n, 3))[..., 0]
    for x, sigma in zip(path[1:-1], levels[1:-1].tolist(), strict=True):
        assert abs(float(x.mean()) - 0.7 * (1 - (sigma / 3) ** 2)) < 5 * sigma / math.sqrt(n)
        assert float(x.std()) == pytest.approx(sigma, rel=5 / math.sqrt(2 * n))
    assert torch.equal(path[-1], torch.full((n,), 0.7, dtype=F64))


@pytest.mark.parametrize("count", [3, 10])
def test_moments_of_a_normal_density_follow_a_recursion(count: int) -> None:
    """D is linear, so mean and variance of x_k are known at every level."""
    levels = noise_levels(5.0, 0.05, count).double()
    n = 20_000
    path = ancestral(bell, levels, noise(n, count))[..., 0]
    mean, variance = 0.0, float(levels[0]) ** 2
    for k in range(count):
        now, after = float(levels[k]), float(levels[k + 1])
        a, q2 = SPREAD**2 / (SPREAD**2 + now**2), (after / now) ** 2
        slope, shift = a + q2 * (1 - a), (1 - a) * (1 - q2) * MEAN
        mean = slope * mean + shift
        variance = slope**2 * variance + after**2 * (1 - q2)
        assert abs(float(path[k + 1].mean()) - mean) < 5 * math.sqrt(variance / n)
        assert float(path[k + 1].var()) == pytest.approx(variance, rel=5 * math.sqrt(2 / n))


def test_with_many_levels_the_density_comes_out() -> None:
    levels = noise_levels(20.0, 0.02, 200).double()
    found = ancestral(bell, levels, noise(4000, 200))[-1, :, 0]
    assert abs(float(found.mean()) - MEAN) < 5 * SPREAD / math.sqrt(4000) + 0.01
    assert float(found.std()) == pytest.approx(SPREAD, rel=0.05)


def test_shares_of_two_humps_come_out() -> None:
    humps = GaussianMixture(
        torch.tensor([[-1.0, 0.0], [1.0, 0.5]], dtype=F64),
        torch.tensor([0.1, 0.3], dtype=F64),
        torch.tensor([0.25, 0.75], dtype=F64),
    )
    levels = noise_levels(20.0, 0.02, 60).double()
    found = ancestral(humps.posterior_mean, levels, noise(4000, 60, 2))[-1]
    right = (found[:, 0] > 0).double().mean()
    assert abs(float(right) - 0.75) < 5 * math.sqrt(0.1875 / 4000) + 0.01


def test_it_is_the_step_of_ho_jain_and_abbeel() -> None:
    """Their equations 6 and 7 in their variables: x̃ = sqrt(ᾱ) x, ᾱ = 1/(1 + σ²)."""
    now, after, x, guess, eps = 1.7, 0.9, -0.4, 0.8, 0.3
    bar, bar_before = 1 / (1 + now**2), 1 / (1 + after**2)
    alpha = bar / bar_before
    beta = 1 - alpha
    mean = math.sqrt(bar_before) * beta / (1 - bar) * guess
    mean += math.sqrt(alpha) * (1 - bar_before) / (1 - bar) * math.sqrt(bar) * x
    theirs = mean + math.sqrt((1 - bar_before) / (1 - bar) * beta) * eps
    levels = torch.tensor([now, after, 0.0], dtype=F64)
    given = torch.tensor([[[x / now]], [[eps]]], dtype=F64)
    ours = ancestral(lambda _, sigma: torch.full((1, 1), guess, dtype=F64), levels, given)[1]
    assert math.sqrt(bar_before) * float(ours) == pytest.approx(theirs)


def test_a_fitted_denoiser_is_the_posterior_mean() -> None:
    """Of two normal densities, one for each observation; exact by (s² x + σ² m)/(s² + σ²)."""
    eps = normal(1, 4000, 2)
    seen = (eps[:, 1:] > 0).float()
    shown = Demonstrations(seen, MEAN * (2 * seen - 1) + SPREAD * eps[:, :1])
    denoiser = Denoiser(1, 1, (32, 32))
    theta = fit_denoiser(denoiser, denoiser.initial(0), shown, 1500, 0, rate=5e-3)
    x = torch.linspace(-3, 3, 13)[:, None]
    for o in (0.0, 1.0):
        for sigma in (0.1, 0.5, 2.0):
            found = denoiser(theta, x, torch.tensor(sigma), torch.tensor([o]))
            near = (x - (2 * o - 1) * MEAN).abs() < 2 * math.hypot(SPREAD, sigma)  # where data was
            wanted = (2 * o - 1) * bell((2 * o - 1) * x, torch.tensor(sigma))
            assert float((found - wanted)[near].abs().max()) < 0.15


def test_a_denoiser_with_no_network_is_that_of_a_standard_normal() -> None:
    denoiser = Denoiser(2, 3, (4,))
    x, theta = normal(1, 5, 3), torch.zeros(denoiser.d)
    found = denoiser(theta, x, torch.tensor(2.0), torch.zeros(2))
    torch.testing.assert_close(found, x / 5)


def test_bad_requests_are_named() -> None:
    with pytest.raises(ValueError, match=r"lowest = 2"):
        noise_levels(1.0, 2.0, 4)
    levels = torch.tensor([1.0, 0.5, 0.0])
    with pytest.raises(ValueError, match="noise for 3"):
        ancestral(lambda x, _: x, levels, torch.zeros(3, 1, 1))
    with pytest.raises(ValueError, match="must fall to 0"):
        ancestral(lambda x, _: x, levels.flip(0), torch.zeros(2, 1, 1))


@pytest.mark.parametrize(
    ("observations", "actions", "more", "match"),
    [
        (2, 5, {}, "2 observations and 5 actions"),
        (0, 0, {}, "at least one pair"),
        (2, 2, {"lowest": 0.0}, "lowest = 0.0"),
        (2, 2, {"lowest": 5.0}, "below the second"),
        (2, 2, {"minibatch": 0}, "minibatch = 0"),
    ],
)
def test_fitting_refuses_what_it_cannot_learn_from(
    observations: int, actions: int, more: dict, match: str
) -> None:
    denoiser = Denoiser(1, 1, (4,))
    shown = Demonstrations(torch.zeros(observations, 1), torch.zeros(actions, 1))
    with pytest.raises(ValueError, match=f"fit_denoiser: .*{match}"):
        fit_denoiser(denoiser, denoiser.initial(0), shown, 2, 0, **more)
