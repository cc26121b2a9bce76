"""ClipUp: an optimiser whose settings are lengths."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class ClipUp(torch.optim.Optimizer):
    """Steps of a length that is chosen, whatever the scale of the gradient.

    v <- clip(m v + η g/‖g‖),  θ <- θ + v,  where clip shortens v to `max_speed` if it is longer

    See *ClipUp: A Simple and Powerful Optimizer for Distribution-based Policy Evolution*, Toklu,
    Liskowski and Srivastava 2020, arXiv 2008.02387. Norms are over all parameters of a group. As
    every optimiser of torch it minimises what has the gradient `.grad`; a search hands it -g.

    Args:
        lr: η, the length of a step from rest, in units of θ.
        momentum: m; at constant g the speed approaches η/(1 - m).
        max_speed: by default 2η, as its authors advise.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.9,
        max_speed: float | None = None,
    ) -> None:
        speed = 2 * lr if max_speed is None else max_speed
        if not (lr > 0 and 0 <= momentum < 1 and speed > 0):
            raise ValueError(
                f"ClipUp: lr = {lr}, momentum = {momentum}, max_speed = {max_speed}; lr and "
                "max_speed are lengths above 0, momentum is in [0, 1): 0.9 is a good one"
            )
        super().__init__(params, {"lr": lr, "momentum": momentum, "max_speed": speed})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step; `closure`, if any, is called first, and its loss comes back."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            if not moved:
                continue
            length = _norm([p.grad for p in moved])
            for p in moved:
                velocity = self.state[p].setdefault("velocity", torch.zeros_like(p))
                velocity.mul_(group["momentum"])
                if length > 0:
                    velocity.sub_(p.grad * (group["lr"] / length))
            speed = _norm([self.state[p]["velocity"] for p in moved])
            for p in moved:
                velocity = self.state[p]["velocity"]
                if speed > group["max_speed"]:
                    velocity.mul_(group["max_speed"] / speed)
                p.add_(velocity)
        return loss


def _norm(tensors: list[Tensor]) -> Tensor:
    return torch.stack([tensor.norm() for tensor in tensors]).norm()
