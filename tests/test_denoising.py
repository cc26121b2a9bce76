"""Smoothed mixtures: density, score and posterior mean by quadrature, and Tweedie's formula."""

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from smoothlib.denoising import GaussianMixture, tweedie
from smoothlib.noise import normal

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

F64 = torch.float64
HUMPS = ((-1.5, 0.35, 0.6), (1.5, 0.2, 0.4))
LINE = GaussianMixture(*(torch.tensor(c, dtype=F64).reshape(2, *shape) for c, shape in
                         zip(zip(*HUMPS, strict=True), ((1,), (), ()), strict=True)))  # fmt: skip
PLANE = GaussianMixture(
    torch.tensor([[0.0, 1.0], [2.0, -1.0], [-1.0, 0.5]], dtype=F64),
    torch.tensor([0.5, 0.0, 1.5], dtype=F64),
    torch.tensor([1.0, 2.0, 3.0], dtype=F64),
)


def before(x0: float) -> float:
    return sum(w * norm.pdf(x0, m, s) for m, s, w in HUMPS)


def over_before(part, x: float, sigma: float) -> float:  # type: ignore[no-untyped-def]
    """∫ part(x₀) p(x₀) φ_σ(x - x₀) dx₀."""
    inside = lambda x0: part(x0) * before(x0) * norm.pdf(x, x0, sigma)  # noqa: E731
    return float(quad(inside, -8, 8, points=(-1.5, 1.5, x), limit=400, epsabs=1e-14)[0])


def at(x: float) -> Tensor:
    return torch.tensor([x], dtype=F64)


CASES = [(0.4, 0.8), (-1.2, 0.1), (1.0, 3.0), (0.0, 0.5)]


@pytest.mark.parametrize(("x", "sigma"), CASES)
def test_the_smoothed_density_is_the_convolution(x: float, sigma: float) -> None:
    found = float(LINE.log_density(at(x), sigma).exp())
    assert found == pytest.approx(over_before(lambda _: 1.0, x, sigma), rel=1e-9)


@pytest.mark.parametrize(("x", "sigma"), CASES)
def test_the_posterior_mean_by_quadrature(x: float, sigma: float) -> None:
    wanted = over_before(lambda x0: x0, x, sigma) / over_before(lambda _: 1.0, x, sigma)
    assert float(LINE.posterior_mean(at(x), sigma)) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("mixture", [LINE, PLANE], ids=["line", "plane"])
def test_tweedies_formula(mixture: GaussianMixture, sigma: float) -> None:
    """The score by autograd, the mean by Bayes."""
    x = 2 * normal(1, 50, mixture.means.shape[1], dtype=F64)
    free = x.clone().requires_grad_()
    (score,) = torch.autograd.grad(mixture.log_density(free, sigma).sum(), free)
    torch.testing.assert_close(mixture.score(x, sigma), score)
    torch.testing.assert_close(tweedie(x, score, sigma), mixture.posterior_mean(x, sigma))


def test_two_points_have_a_hyperbolic_tangent() -> None:
    """x₀ = ±m with even odds: E[x₀ | x] = m tanh(m x/σ²)."""
    points = GaussianMixture(
        torch.tensor([[-0.7], [0.7]], dtype=F64), torch.zeros(2).double(), torch.ones(2).double()
    )
    x = torch.linspace(-3, 3, 13, dtype=F64)[:, None]
    torch.testing.assert_close(points.posterior_mean(x, 0.6), 0.7 * torch.tanh(0.7 * x / 0.36))


def test_samples_have_the_shares_and_the_moments() -> None:
    n = 40_000
    eps = normal(2, n, 2, dtype=F64)
    found = LINE.sample(eps[:, :1], torch.special.ndtr(eps[:, 1]))[:, 0]
    share, mean = (found > 0).double(), -0.3
    assert abs(float(share.mean()) - 0.4) < 5 * math.sqrt(0.24 / n)
    variance = 0.6 * (0.35**2 + 1.5**2) + 0.4 * (0.2**2 + 1.5**2) - mean**2
    assert abs(float(found.mean()) - mean) < 5 * math.sqrt(variance / n)
    assert float(found.var()) == pytest.approx(variance, rel=0.03)


def test_bad_mixtures_are_named() -> None:
    one = torch.ones(1)
    with pytest.raises(ValueError, match=r"spreads \(2,\)"):
        GaussianMixture(torch.zeros(1, 2), torch.ones(2), one)
    with pytest.raises(ValueError, match=r"spreads \[-1.0\]"):
        GaussianMixture(torch.zeros(1, 2), -one, one)
    with pytest.raises(ValueError, match="sigma above 0"):
        GaussianMixture(torch.zeros(1, 2), 0 * one, one).log_density(torch.zeros(2))
    with pytest.raises(ValueError, match="a point has 2 numbers"):
        GaussianMixture(torch.zeros(1, 2), one, one).score(torch.zeros(3), 1.0)


def test_each_point_may_have_a_noise_of_its_own() -> None:
    """As many parts as points, so that a width taken for a part's would not be noticed by shape."""
    mixture = GaussianMixture(
        torch.tensor([[0.0], [1.0]], dtype=torch.float64),
        torch.tensor([0.1, 0.2], dtype=torch.float64),
        torch.tensor([0.5, 0.5], dtype=torch.float64),
    )
    x = torch.tensor([[0.3], [0.7]], dtype=torch.float64)
    sigma = torch.tensor([0.1, 1.0], dtype=torch.float64)
    for ask in (mixture.score, mixture.log_density, mixture.posterior_mean):
        alone = torch.stack([ask(x[i], float(sigma[i])) for i in range(2)])
        torch.testing.assert_close(ask(x, sigma), alone)
    mean = mixture.posterior_mean(x, sigma)
    torch.testing.assert_close(tweedie(x, mixture.score(x, sigma), sigma), mean)


def test_a_width_below_zero_is_refused() -> None:
    one = GaussianMixture(torch.zeros(1, 1), torch.ones(1), torch.ones(1))
    with pytest.raises(ValueError, match=r"sigma = -0.5; a standard deviation"):
        one.score(torch.zeros(1, 1), -0.5)
    with pytest.raises(ValueError, match="a standard deviation"):
        tweedie(torch.zeros(1, 1), torch.zeros(1, 1), -0.5)
