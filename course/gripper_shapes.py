"""What the gripper looks like: outlines and forces in mm and N, for figures on screen and on paper.

Everything follows from a recorded `Trajectory` of smoothlib.gripper, of which one of the B grippers
is picked by `lift`.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.gripper import LEFT, LEFT_TIP, RIGHT, RIGHT_TIP, GripperParams, Trajectory

MM = 1000.0
ARROW = 48.0  # mm, of the force with which the drive closes
PALM, KNOB = 50.0, 14.0  # mm, heights of the hand's body and of what it hangs from


class Outlines(NamedTuple):
    """Polygons (corners, 2), mm: of the fingers about the inner edge of their tips, of the hand and
    its knob about the middle of the fingertips, of the brick about its centre."""

    left: Tensor
    right: Tensor
    hand: Tensor
    knob: Tensor
    brick: Tensor


class Push(NamedTuple):
    """What a finger does to the brick, over time: where, mm, with which force, N, and whether it
    slips there. All nan where it does not touch."""

    x: Float[Tensor, " t"]
    z: Float[Tensor, " t"]
    fx: Float[Tensor, " t"]
    fz: Float[Tensor, " t"]
    slips: Float[Tensor, " t"]


class Lift(NamedTuple):
    """One gripper over time: time in s, coordinates in mm and rad, each (T,), and both pushes."""

    time: Float[Tensor, " t"]
    z_hand: Float[Tensor, " t"]
    w: Float[Tensor, " t"]
    x: Float[Tensor, " t"]
    z: Float[Tensor, " t"]
    angle: Float[Tensor, " t"]
    left: Push
    right: Push

    @property
    def grip(self) -> Float[Tensor, " t"]:
        """The lesser of the two forces along x, N; 0 where a finger does not touch."""
        return torch.minimum(self.left.fx.abs(), self.right.fx.abs()).nan_to_num()


def pick(trajectory: Trajectory, params: GripperParams, which: int = 0) -> Lift:
    """One of the B grippers."""
    state = trajectory.state
    z_hand, w, x, z = (MM * c[:, which] for c in (state.z_hand, state.w, state.x, state.z))
    pushes = (
        _push(trajectory, params, which, *parts) for parts in ((LEFT, LEFT_TIP), (RIGHT, RIGHT_TIP))
    )
    return Lift(trajectory.time, z_hand, w, x, z, state.angle[:, which], *pushes)


def _push(
    trajectory: Trajectory, params: GripperParams, which: int, corners: slice, tips: slice
) -> Push:
    """The forces of one finger added up, at the centre of its pressure."""
    seen = trajectory.contacts
    x, z, nx, nz, normal, friction = (
        torch.cat((c[:, corners, which], c[:, tips, which]), 1)
        for c in (seen.x, seen.z, seen.nx, seen.nz, seen.normal, seen.friction)
    )
    total = normal.sum(1)
    total = total.masked_fill(total <= 0, math.nan)
    middle = lambda of: MM * (normal * of).sum(1) / total  # noqa: E731
    fx, fz = (normal * nx - friction * nz).sum(1), (normal * nz + friction * nx).sum(1)
    mu = float(torch.as_tensor(params.mu_pad).expand(which + 1)[which])
    slips = (friction.abs().sum(1) > 0.999 * mu * total).to(total)
    gone = 0 * total  # nan where nothing touches
    return Push(middle(x), middle(z), fx + gone, fz + gone, slips + gone)


def outlines(params: GripperParams) -> Outlines:
    """The shapes, of parameters that are floats."""
    a, b, t, length, wide = (
        MM * float(v) for v in (params.a, params.b, params.t_finger, params.l_finger, params.w_max)
    )
    half, top = wide / 2 + t + 3, length + PALM
    return Outlines(
        _box(-t, 0, 0, length, 1.5),
        _box(0, t, 0, length, 1.5),
        _box(-half, half, length, top, 6),
        _box(-16, 16, top, top + KNOB, 3),
        _box(-a, a, -b, b, 1.5),
    )


def cone(params: GripperParams, length: float) -> Float[Tensor, "3 2"]:
    """The friction cone of a contact that pushes along x, opening towards -x."""
    wide = length * float(params.mu_pad)
    return torch.tensor([[0.0, 0.0], [-length, wide], [-length, -wide]])


def _box(left: float, right: float, low: float, high: float, radius: float) -> Tensor:
    """A rectangle with round corners."""
    corners = ((right, high), (left, high), (left, low), (right, low))
    points = []
    for quarter, (x, z) in enumerate(corners):
        x, z = x - math.copysign(radius, x - left - 1e-9), z - math.copysign(radius, z - low - 1e-9)
        for step in range(5):
            turn = math.pi / 2 * (quarter + step / 4)
            points.append((x + radius * math.cos(turn), z + radius * math.sin(turn)))
    return torch.tensor(points)
