"""Weights that stand in for values: all of shape (n,) to (n,), the largest for the best member.

Weights take the place of f in (1/n) Σ f(x_i) ε_i / σ. With `raw` that is the gradient of E f; with
any other it is not: it is the gradient of something that changes from one population to the next,
and often climbs better. Members of equal value get equal weights, the mean of those of the places
they share, so that a population which agrees moves nothing.
"""

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor


def raw(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The values themselves: the true gradient."""
    return values


def standardised(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Less the mean, over the standard deviation (of n, not n - 1); zeros if all are equal.

    Raises ValueError for a value that is not finite, which has no place in a mean.
    """
    if not bool(values.isfinite().all()):
        i = int((~values.isfinite()).nonzero()[0])
        raise ValueError(
            f"standardised: the value of member {i} is {float(values[i])}; give it a finite "
            "one, or take centered_ranks or utilities, which ask for the order alone"
        )
    away = values - values.mean()
    spread = away.square().mean().sqrt()
    return away / spread if spread > 0 else torch.zeros_like(values)


def centered_ranks(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Ranks, spread evenly over [-1/2, 1/2]; their sum is 0. See Salimans et al. 2017."""
    n = len(values)
    return _averaged(values, torch.linspace(-0.5, 0.5, n, dtype=torch.float64))


def utilities(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """n times the utilities of *Natural Evolution Strategies*, Wierstra et al. 2014, section 3.1.

    u_k = max(0, ln(n/2 + 1) - ln k) / Σ_j max(0, ln(n/2 + 1) - ln j) - 1/n,   k = 1 the best

    The factor n is there because these weights enter a mean where the paper has a sum. Half of the
    members, the worse, weigh alike.
    """
    n = len(values)
    place = torch.arange(n, 0, -1, dtype=torch.float64)
    u = (math.log(n / 2 + 1) - place.log()).clamp(min=0)
    return _averaged(values, n * u / u.sum() - 1)


def _averaged(values: Float[Tensor, " n"], weights: Float64[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The weights, given from the worst to the best, to the members; equals share theirs."""
    _, group, size = torch.unique(values, return_inverse=True, return_counts=True)
    last = size.cumsum(0)
    total = torch.nn.functional.pad(weights.to(values.device).cumsum(0), (1, 0))
    mean = (total[last] - total[last - size]) / size
    return mean.to(values.dtype)[group]
