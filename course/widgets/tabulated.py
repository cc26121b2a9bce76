"""Any function of one variable, tabulated, so that a figure can ask it for thousands of samples."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib import Jumps, Objective
from smoothlib.smoothing import boundary_term, density, slope

NODES = 4001
JUMP = 0.01  # of the range of f, between two nodes, beyond what the slopes there explain


class Tabulated:
    """f on [low, high] from its values and slopes at NODES points, each valid halfway to the next.

    It is called as an objective, points (..., 1) to (...), has the slope that autograd gives f,
    and its truth is a sum over the nodes: good for a picture, to three digits, not for a test.

    Raises:
        TypeError, ValueError: if f does not turn points (n, 1) into values (n,).
    """

    def __init__(self, f: Callable[[Tensor], Tensor], low: float, high: float) -> None:
        self.x = torch.linspace(low, high, NODES, dtype=torch.float64)
        values = f(self.x[:, None])
        if not isinstance(values, Tensor):
            raise TypeError(f"f(x) returned {values!r}; a tensor of values is wanted")
        if values.shape != self.x.shape:
            raise ValueError(
                f"f(x) returned shape {tuple(values.shape)} for x of shape {(NODES, 1)}; one value "
                f"for each point is wanted, {(NODES,)}: start with x = x[..., 0]"
            )
        self.values = values.detach().to(self.x)
        self.slopes = slope(f, self.x[:, None])[:, 0].to(self.x)
        self.step = (high - low) / (NODES - 1)

    def __call__(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        x = theta[..., 0]
        near = ((x.detach() - self.x[0]) / self.step).round().long().clamp(0, NODES - 1)
        return self.values[near] + self.slopes[near] * (x - self.x[near])

    def smoothed(self, theta: Float[Tensor, "*batch 1"], sigma: float) -> Float[Tensor, "*batch"]:
        """F(θ)."""
        weight, _ = self._weights(theta, sigma)
        return weight @ self.values

    def smoothed_grad(
        self, theta: Float[Tensor, "*batch 1"], sigma: float
    ) -> Float[Tensor, "*batch 1"]:
        """∇F(θ)."""
        weight, eps = self._weights(theta, sigma)
        level = (weight @ self.values)[..., None]
        return (weight * eps * (self.values - level)).sum(-1, keepdim=True) / sigma

    def jumps(self) -> Jumps:
        """Where the values of two nodes differ by more than their slopes say."""
        rise = self.values.diff()
        height = rise - self.step * (self.slopes[1:] + self.slopes[:-1]) / 2
        found = height.abs() > JUMP * (self.values.max() - self.values.min())
        return Jumps((self.x[1:] + self.x[:-1])[found] / 2, height[found])

    def _weights(self, theta: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        eps = (self.x - theta) / sigma
        weight = density(eps)
        return weight / weight.sum(-1, keepdim=True), eps


def mean_slope(f: Objective | Tabulated, theta: Float[Tensor, "*batch 1"], sigma: float) -> Tensor:
    """E f'(θ + σε), what first-order gradients tend to."""
    return f.smoothed_grad(theta, sigma) - boundary_term(f.jumps(), theta, sigma)
