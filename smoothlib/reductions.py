"""Ways to reduce the variance of the zero-order gradient, in every combination."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.estimators import antithetic, center, leave_one_out, no_baseline, zero_order
from smoothlib.noise import latin_hypercube, normal, orthogonal, sobol
from smoothlib.objectives import Objective
from smoothlib.statistics import summarise

Source = Callable[..., Tensor]
BASELINES = (no_baseline, center, leave_one_out)
ESTIMATORS = (zero_order, antithetic)
SOURCES: tuple[Source, ...] = (normal, orthogonal, latin_hypercube, sobol)


class Reductions(NamedTuple):
    """Root mean square errors ‖ḡ - ∇F‖, with their standard errors."""

    rmse: Float[Tensor, "baselines estimators sources"]
    standard_error: Float[Tensor, "baselines estimators sources"]


def reduction_table(
    f: Objective,
    theta: Float[Tensor, " d"],
    sigma: float,
    n: int,
    repeats: int = 200,
    seed: int = 0,
    sources: tuple[Source, ...] = SOURCES,
) -> Reductions:
    """The error of n evaluations of f in 3 x 2 x 4 = 24 cells: BASELINES, ESTIMATORS, SOURCES.

    After Petersen, Borgelt, Mishra and Ermon 2024, arXiv 2410.08125, who cross covariates, pairs
    and samplers to up to 24 strategies; their samplers (among them Cartesian and Latin kinds of
    quasi-Monte Carlo) are not these, which are the sources of `noise`. ∇F is exact, so errors are
    errors.
    An antithetic cell makes n/2 pairs. Repeat r draws from the seed `seed` + r.
    """
    if n < 4 or n % 2 or repeats < 2:
        raise ValueError(
            f"reduction_table: n = {n}, repeats = {repeats}; an even n of at least 4 makes pairs "
            "that leave_one_out can leave out, and an error bar needs 2 repeats"
        )
    truth = f.smoothed_grad(theta, sigma)
    shape = (len(BASELINES), len(ESTIMATORS), len(sources))
    found = torch.empty(2, *shape, dtype=theta.dtype, device=theta.device)
    for k, source in enumerate(sources):
        for j, estimator in enumerate(ESTIMATORS):
            size = n // 2 if estimator is antithetic else n
            draws = [
                source(seed + r, size, theta.numel(), dtype=theta.dtype, device=theta.device)
                for r in range(repeats)
            ]
            for i, baseline in enumerate(BASELINES):
                means = (estimator(f, theta, sigma, eps, baseline).mean(0) for eps in draws)
                square = summarise(((mean - truth) ** 2).sum()[None] for mean in means)
                rmse = square.mean.sqrt()
                found[:, i, j, k] = torch.stack((rmse, square.standard_error / (2 * rmse)))
    return Reductions(*found)
