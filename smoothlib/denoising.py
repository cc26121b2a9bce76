"""Densities smoothed by noise, and the mean of what was there before the noise.

    x = x₀ + σε,   x₀ ~ p        p_σ(x) = E p(x - σε)        the convolution of `smoothing`

    posterior mean   E[x₀ | x] = x + σ² ∇log p_σ(x)          Tweedie's formula

A mixture of Gaussians stays one when it is smoothed, so both sides are known. See *An Empirical
Bayes Approach to Statistics*, Robbins 1956, who credits Tweedie; *Tweedie's Formula and Selection
Bias*, Efron 2011; *Connection between Score Matching and Denoising Autoencoders*, Vincent 2011.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Width = float | Float[Tensor, "*#batch"]


def tweedie(
    x: Float[Tensor, "*batch d"], score: Float[Tensor, "*batch d"], sigma: Width
) -> Float[Tensor, "*batch d"]:
    """E[x₀ | x] = x + σ² ∇log p_σ(x), from the score ∇log p_σ at x; whatever p is.

    σ is one number, or one for each point.
    """
    return x + _square(sigma) * score


def _square(sigma: Width) -> float | Float[Tensor, "*batch 1"]:
    """σ², along the last axis of points or parts.

    Raises ValueError for a standard deviation below 0.
    """
    width = torch.as_tensor(sigma)
    if not bool((width >= 0).all()):
        raise ValueError(f"sigma = {width.tolist()}; a standard deviation is 0 or more")
    return sigma[..., None] ** 2 if isinstance(sigma, Tensor) else sigma**2


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """Σ_j w_j N(m_j, s_j² 𝟙), and what noise of standard deviation σ makes of it.

    Args:
        means: m (k, d). spreads: s (k,), standard deviations, 0 for single points. weights:
            w (k,), positive; made to add up to 1.
    Raises:
        ValueError: for shapes that disagree, a negative spread, a weight that is not positive;
            in a call, for σ below 0, or where a density is asked for and σ and a spread are both 0.

    In calls σ is one number, or one for each point.
    """

    means: Float[Tensor, "k d"]
    spreads: Float[Tensor, " k"]
    weights: Float[Tensor, " k"]

    def __post_init__(self) -> None:
        k = len(self.means)
        if self.means.ndim != 2 or self.spreads.shape != (k,) or self.weights.shape != (k,):
            raise ValueError(
                f"GaussianMixture: means {tuple(self.means.shape)}, spreads "
                f"{tuple(self.spreads.shape)}, weights {tuple(self.weights.shape)}; wanted are "
                "(k, d), (k,) and (k,)"
            )
        if bool((self.spreads < 0).any()) or not bool((self.weights > 0).all()):
            raise ValueError(
                f"GaussianMixture: spreads {self.spreads.tolist()}, weights "
                f"{self.weights.tolist()}; spreads must be 0 or more, weights above 0"
            )

    def log_density(
        self, x: Float[Tensor, "*batch d"], sigma: Width = 0.0
    ) -> Float[Tensor, "*batch"]:
        """log p_σ(x)."""
        return torch.logsumexp(self._log_parts(x, sigma), -1)

    def score(self, x: Float[Tensor, "*batch d"], sigma: Width = 0.0) -> Float[Tensor, "*batch d"]:
        """∇log p_σ(x) = Σ_j P(j | x) (m_j - x)/(s_j² + σ²), with P(j | x) the share of part j."""
        share = torch.softmax(self._log_parts(x, sigma), -1)
        pull = (self.means - x[..., None, :]) / self._variances(sigma)[..., None]
        return (share[..., None] * pull).sum(-2)

    def posterior_mean(
        self, x: Float[Tensor, "*batch d"], sigma: Width
    ) -> Float[Tensor, "*batch d"]:
        """E[x₀ | x₀ + σε = x], by Bayes: Σ_j P(j | x) (s_j² x + σ² m_j)/(s_j² + σ²).

        No derivative is taken; that `tweedie` gives the same is a theorem.
        """
        share = torch.softmax(self._log_parts(x, sigma), -1)
        keep = (self.spreads**2 / self._variances(sigma))[..., None]
        means = keep * x[..., None, :] + (1 - keep) * self.means
        return (share[..., None] * means).sum(-2)

    def sample(
        self, eps: Float[Tensor, "n d"], choice: Float[Tensor, " n"]
    ) -> Float[Tensor, "n d"]:
        """n points from standard normal noise `eps` and numbers `choice`, uniform in [0, 1]."""
        steps = (self.weights / self.weights.sum()).cumsum(0)[:-1]
        which = torch.searchsorted(steps, choice)
        return self.means[which] + self.spreads[which, None] * eps

    def _log_parts(self, x: Tensor, sigma: Width) -> Float[Tensor, "*batch k"]:
        """log of w_j times the density of part j."""
        variances = self._variances(sigma)
        if x.shape[-1:] != self.means.shape[-1:]:
            raise ValueError(
                f"GaussianMixture: a point has {self.means.shape[-1]} numbers, x the shape "
                f"{tuple(x.shape)}"
            )
        if not bool((variances > 0).all()):
            raise ValueError("GaussianMixture: single points have no density; give sigma above 0")
        d = x.shape[-1]
        distance = (x[..., None, :] - self.means).square().sum(-1)
        level = (self.weights / self.weights.sum()).log() - d / 2 * (math.tau * variances).log()
        return level - distance / (2 * variances)

    def _variances(self, sigma: Width) -> Float[Tensor, "*batch k"]:
        return self.spreads**2 + _square(sigma)
