"""Ascent on F: any `torch.optim` optimiser, any gradient, any schedule of σ."""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Gradient = Callable[[Tensor, float, int], Tensor]
Optimiser = Callable[[list[Tensor]], torch.optim.Optimizer]


def ascend(
    theta: Float[Tensor, " d"],
    gradient: Gradient,
    sigmas: Sequence[float] | Float[Tensor, " steps"],
    optimiser: Optimiser,
) -> Float[Tensor, "points d"]:
    """The path of θ uphill, one step for each σ: its start, and where every step ended.

    θ_{k+1} = θ_k + η g(θ_k, σ_k, k), with `optimiser` in place of this plain rule

        ascend(theta, lambda theta, sigma, step: f.smoothed_grad(theta, sigma),
               annealed(0.3, 0.01, 400), lambda p: torch.optim.SGD(p, lr=2e-3))

    Args:
        gradient: (θ, σ, step) to the gradient, (d,), uphill; step serves as seed of an estimate.
        sigmas: the schedule, such as `annealed(...)` or [0.3] * 400; one a step.
        optimiser: takes the parameters; it minimises, and is handed -gradient.
    """
    if not isinstance(theta, Tensor) or not theta.is_floating_point() or theta.ndim != 1:
        what = (theta.dtype, tuple(theta.shape)) if isinstance(theta, Tensor) else theta
        raise TypeError(
            f"ascend: theta is {what}; a floating-point tensor of shape (d,) is needed: "
            "torch.as_tensor(theta, dtype=torch.float64).reshape(-1)"
        )
    point = theta.detach().clone()
    stepper = optimiser([point])
    path = [point.clone()]
    for step, sigma in enumerate(sigmas):
        uphill = gradient(point.clone(), float(sigma), step)
        if uphill.shape != point.shape:
            raise ValueError(
                f"ascend: the gradient at step {step} has shape {tuple(uphill.shape)} and theta "
                f"{tuple(point.shape)}; give one gradient, such as rows.mean(0)"
            )
        point.grad = -uphill.detach()
        stepper.step()
        path.append(point.clone())
    return torch.stack(path)


def annealed(first: float, last: float, steps: int) -> Float[Tensor, " steps"]:
    """σ from `first` to `last`, by the same factor at every step."""
    if not (0 < first < math.inf and 0 < last < math.inf and steps >= 2):
        raise ValueError(
            f"annealed: first = {first}, last = {last}, steps = {steps}; two positive, finite "
            "standard deviations and at least 2 steps are needed"
        )
    share = torch.linspace(0, 1, steps, dtype=torch.float64)
    return first * (last / first) ** share
