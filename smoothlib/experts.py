"""Controllers that people wrote: what there is to be cloned."""

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.gripper_model import HAND_SPEED
from smoothlib.passing import Passing, within_one

CLOSE_AT = 0.005  # m, of the fingertips above the brick's centre
HOLDS = 10.0  # N, of the grip from which on the hand rises


def lifter(observation: Float[Tensor, "*b 13"]) -> Float[Tensor, "*b 2"]:
    """For `gripper_env`: sink to the brick's centre, close there, rise once both fingers press.

    It has no memory and does not look at where the brick stands along x: the fingers push it to
    the middle. Sinking slows down as the gap closes, which is exact for a servo without lag.
    """
    gap = observation[..., 0] - observation[..., 3]
    held = observation[..., 10] > HOLDS
    sink = (-gap / (HAND_SPEED * 0.2)).clamp(-1, 1)
    there = gap < CLOSE_AT
    hand = torch.where(held, torch.ones_like(gap), sink)
    fingers = torch.where(held | there, torch.ones_like(gap), -torch.ones_like(gap))
    return torch.stack((hand, fingers), -1)


def passer(
    task: Passing, observation: Float[Tensor, "n 2"], side: Float[Tensor, " n"]
) -> Float[Tensor, "n 2"]:
    """For `passing`: round the post on this side, +1 right or -1 left, then to the goal.

    Full speed towards a point beside the post until level with it, then towards the goal, slower
    at its end. The side is known to the expert alone.
    """
    position = task.radius * observation
    beside = torch.stack((side * 1.7 * task.radius, 0 * side), 1)
    goal = position.new_tensor([0.0, task.goal])
    below = (position[:, 1] < -0.1 * task.radius)[:, None]
    way = torch.where(below, beside, goal) - position
    return within_one(way / (task.speed * task.tau))
