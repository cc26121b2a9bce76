"""A disc pushed past a round post, in the plane: contact with friction, and two ways round.

The disc has radius r and the post r_p, so that the disc's centre keeps R = r + r_p away from the
post's, which is the origin. A drive pushes it with the force c (u - v), u the speed that is asked
for; nothing has inertia. On the post the force along the normal goes, and Coulomb friction takes μ
times as much of the force along the post:

    v_t = sign(u_t) max(|u_t| - μ |u_n - v_n|, 0)

so a push within the friction cone, |u_t| <= μ |u_n|, does not move it at all.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from smoothlib.environments import FIRST, Transition, check_continuous, check_horizon
from smoothlib.noise import Dtype, normal


class PassingState(NamedTuple):
    """The disc's centre, m, and the count of steps."""

    position: Float[Tensor, "n 2"]
    t: Int32[Tensor, " n"]


@dataclass(frozen=True)
class Passing:
    """Push a disc from below a post to the goal above it, within the horizon.

    Observed is the centre (x, y) in units of R. The action is the velocity that is asked for, in
    units of `speed`, cut to a length of 1. The reward is 1 at the last step if the disc is within
    `reach` of the goal, else 0. Starts: normal about (0, start).

    Args:
        radius: R, m. mu: friction on the post. speed: m/s. tau: s, one step. start, goal: y, m,
            both at x = 0. spread: standard deviation of either coordinate of a start, m. reach: m.
        horizon: steps. dtype: torch's default if None.
    Raises:
        ValueError: if horizon is below 1, a size is not positive, friction is negative, the start
            is not below the post or the goal not above it, or an action is not (n, 2).
    """

    radius: float = 0.06
    mu: float = 0.3
    speed: float = 0.2
    tau: float = 0.05
    start: float = -0.15
    goal: float = 0.15
    spread: float = 0.005
    reach: float = 0.02
    horizon: int = 48
    dtype: Dtype = None

    observation_size = 2
    action_size = 2
    discrete = False

    def __post_init__(self) -> None:
        check_horizon(self)
        if min(self.radius, self.speed, self.tau, self.reach) <= 0 or min(self.mu, self.spread) < 0:
            raise ValueError(
                f"{self}: radius, speed, tau and reach must be above 0, mu and spread 0 or more"
            )
        if not self.start < -self.radius < self.radius < self.goal:
            raise ValueError(
                f"Passing: start = {self.start}, goal = {self.goal}; the start must be below the "
                f"post and the goal above it, beyond {self.radius} m of its centre"
            )

    def reset(self, n: int, seed: int) -> PassingState:
        eps = normal(seed, n, range(FIRST, FIRST + 2), dtype=self.dtype)
        position = self.spread * eps + eps.new_tensor([0.0, self.start])
        return PassingState(position, torch.zeros(n, dtype=torch.int32))

    def observe(self, state: PassingState) -> Float[Tensor, "n 2"]:
        return state.position / self.radius

    def step(self, state: PassingState, action: Float[Tensor, "n 2"]) -> Transition:
        check_continuous(self, action, len(state.t))
        position = self.pushed(state.position, self.speed * within_one(action))
        after = PassingState(position, state.t + 1)
        ends = after.t >= self.horizon
        there = self.arrived(position) & ends
        return Transition(after, there.to(position), torch.zeros_like(ends), ends)

    def arrived(self, position: Float[Tensor, "*b 2"]) -> Tensor:
        """Whether the disc is at the goal."""
        goal = position.new_tensor([0.0, self.goal])
        return (position - goal).norm(dim=-1) <= self.reach

    def pushed(
        self, position: Float[Tensor, "n 2"], u: Float[Tensor, "n 2"]
    ) -> Float[Tensor, "n 2"]:
        """Where the disc is after a step in which the drive asks for the velocity u, m/s."""
        distance = position.norm(dim=1, keepdim=True)
        normal_ = position / distance
        tangent = torch.stack((-normal_[:, 1], normal_[:, 0]), 1)
        u_n, u_t = ((u * way).sum(1, keepdim=True) for way in (normal_, tangent))
        v_n = torch.maximum(u_n, (self.radius - distance).clamp(max=0) / self.tau)
        v_t = u_t.sign() * (u_t.abs() - self.mu * (v_n - u_n)).clamp(min=0)
        moved = position + self.tau * (v_n * normal_ + v_t * tangent)
        reached = moved.norm(dim=1, keepdim=True)
        return moved * (self.radius / reached).clamp(min=1)


def within_one(action: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
    """The action, cut to a length of 1."""
    return action / action.norm(dim=1, keepdim=True).clamp(min=1)
