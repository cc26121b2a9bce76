"""Families of smoothing noise: F(θ) = E f(θ + σξ) need not be Gaussian.

A family turns the standard normal noise that every estimator takes into its own, coordinate by
coordinate, and knows its score:

    from_normal(ε) = Q(Φ(ε))          Q its quantile function: monotone, so ranks are kept
    score(ξ) = -d log μ(ξ) / dξ       μ its density

The score gives ∇F = E[f(θ + σξ) score(ξ)] / σ wherever μ is absolutely continuous, though not
differentiable (Laplace, triangular). See *Generalizing Stochastic Smoothing for Differentiation
and Gradient Estimation*, Petersen, Borgelt, Mishra and Ermon 2024, arXiv 2410.08125.

Each family has mean 0 and standard deviation 1, so σ keeps its meaning; the Cauchy family, which
has neither, has quartiles at ±1. Let I = E score² be its Fisher information: then the zero-order
variance of a constant c is c² I / σ².

| family     | score(ξ), up to scale | I     |
|------------|-----------------------|-------|
| GAUSSIAN   | ξ                     | 1     |
| LOGISTIC   | tanh ξ                | π²/9  |
| GUMBEL     | 1 - exp(-ξ)           | π²/6  |
| LAPLACE    | sign ξ                | 2     |
| CAUCHY     | 2ξ / (1 + ξ²)         | 1/2   |
| TRIANGULAR | sign ξ / (1 - |ξ|)    | ∞: unbiased, but with no standard error |
| UNIFORM    | 0                     | its density jumps: `estimators.uniform_boundary` |
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

EULER = 0.5772156649015329  # mean of the standard Gumbel distribution


@dataclass(frozen=True)
class Family:
    """A family of noise, by its quantiles of a normal and by its score, both elementwise."""

    from_normal: Callable[[Float[Tensor, "*shape"]], Float[Tensor, "*shape"]]
    score: Callable[[Float[Tensor, "*shape"]], Float[Tensor, "*shape"]]


def _identity(x: Tensor) -> Tensor:
    return x


def _tail(eps: Tensor) -> Tensor:
    """P(|N| > |ε|), exact far out, where Φ(ε) rounds to 1."""
    return 2 * torch.special.ndtr(-eps.abs())


GAUSSIAN = Family(_identity, _identity)

_LOGISTIC = math.sqrt(3) / math.pi
LOGISTIC = Family(
    lambda eps: _LOGISTIC * (torch.special.log_ndtr(eps) - torch.special.log_ndtr(-eps)),
    lambda xi: torch.tanh(xi / (2 * _LOGISTIC)) / _LOGISTIC,
)

_GUMBEL = math.sqrt(6) / math.pi
GUMBEL = Family(
    lambda eps: -_GUMBEL * (torch.log(-torch.special.log_ndtr(eps)) + EULER),
    lambda xi: -torch.expm1(-xi / _GUMBEL - EULER) / _GUMBEL,
)

LAPLACE = Family(
    lambda eps: -eps.sign() * torch.log(_tail(eps)) / math.sqrt(2),
    lambda xi: xi.sign() * math.sqrt(2),
)

CAUCHY = Family(
    lambda eps: eps.sign() / torch.tan(math.pi / 2 * _tail(eps)),
    lambda xi: 2 * xi / (1 + xi**2),
)

_TRIANGULAR = math.sqrt(6)
TRIANGULAR = Family(
    lambda eps: _TRIANGULAR * eps.sign() * (1 - _tail(eps).sqrt()),
    lambda xi: xi.sign() / (_TRIANGULAR - xi.abs()),
)

UNIFORM = Family(
    lambda eps: math.sqrt(3) * torch.erf(eps / math.sqrt(2)),
    torch.zeros_like,
)
