"""What the figures of the gripper share: lifts simulated beforehand, and the scene as marks.

All lengths are in mm. `simulated_lifts` are those of the default parameters, one for every
millimetre of z from LOW to HIGH, made once for all figures of a kernel.
"""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor

from course.gripper_shapes import ARROW, MM, Lift, Outlines, Push, cone, outlines, pick
from course.widgets import marks as m
from course.widgets.figure import Axis, Panel, Picture
from course.widgets.marks import Mark
from smoothlib.gripper import GripperParams, Result, rollout

LOW, HIGH = -25, 70  # mm, of the fingertips when they close
FRAME = 0.02  # s
TOP = 396.0  # mm, the upper edge of the picture
ASIDE = 78.0  # mm, where the ring stands


# --- simulation ---------------------------------------------------------------------------


@cache
def simulated_lifts() -> "Future[Result]":
    """One lift for every millimetre, of the default parameters, under way."""
    return simulate(GripperParams())


def simulate(params: GripperParams) -> "Future[Result]":
    """One lift for every millimetre, under way in a thread of its own."""
    z_close = torch.arange(LOW, HIGH + 1, dtype=torch.float64) / MM
    worker = ThreadPoolExecutor(1)
    every = round(FRAME / 1e-3)
    future = worker.submit(rollout, z_close, params, record_every=every)
    worker.shutdown(wait=False)
    return future


def waiting(params: GripperParams, z: float) -> Picture:
    """The hand before the lift, until there is one to show."""
    shapes = outlines(params)
    open_, start = MM * float(params.w_max) / 2, MM * float(params.z_start)
    parts = ((shapes.knob, 0), (shapes.left, -open_), (shapes.right, open_), (shapes.hand, 0))
    return Picture(
        {
            "scene": [
                *closing(params, z),
                *(m.body(shape, x, start, look="hand") for shape, x in parts),
                m.body(shapes.brick, 0.0, float(shapes.brick[:, 1].max()), look="sample"),
                m.text(-195, TOP - 16, f"simulating {HIGH - LOW + 1} lifts"),
                ring(z),
            ],
            "landscape": [],
        },
        readout=[f"*z* = **{z:.0f} mm**", "simulating"],
        alt="An open hand above a brick on a table.",
        unfinished=True,
    )


def lift_at(result: Result, params: GripperParams, z: float) -> Lift:
    """The simulated lift at z, a whole number of mm."""
    assert result.trajectory is not None
    return pick(result.trajectory, params, round(z) - LOW)


def height_at(result: Result, z: float) -> Tensor:
    """The brick's height after it."""
    return MM * result.height[round(z) - LOW]


def by_frames(lift: Lift) -> Lift:
    """The same, at every frame of the clock: coordinates on straight lines, pushes as they were."""
    time = torch.arange(0, float(lift.time[-1]) + FRAME / 2, FRAME, dtype=lift.time.dtype)
    after = torch.searchsorted(lift.time, time).clamp(1, len(lift.time) - 1)
    t0, t1 = lift.time[after - 1], lift.time[after]
    part = ((time - t0) / (t1 - t0)).clamp(0, 1)

    def between(values: Tensor) -> Tensor:
        return values[after - 1] + part * (values[after] - values[after - 1])

    near = torch.where(part < 0.5, after - 1, after)
    left, right = (Push(*(c[near] for c in push)) for push in (lift.left, lift.right))
    z_hand, w, x, z = map(between, (lift.z_hand, lift.w, lift.x, lift.z))
    return Lift(time, z_hand, w, x, z, between(lift.angle), left, right)


# --- the scene ----------------------------------------------------------------------------


def scene_panel() -> Panel:
    """The panel of the scene, to scale."""
    return Panel("scene", "Scene", "side view, to scale", Axis(-200, 200, ()), height_axis(False),
                 scene=True)  # fmt: skip


def height_axis(ticks: bool) -> Axis:
    """Heights up to the upper edge of the picture."""
    return Axis(0, TOP, (0, 100, 200, 300) if ticks else ())


def phases(params: GripperParams) -> list[tuple[float, str]]:
    """What the hand does from when on, for the clock."""
    return [(0.0, "lower"), (float(params.t_close), "close"), (float(params.t_lift), "lift")]


def before(shapes: Outlines) -> list[Mark]:
    """The table, and where the brick stood."""
    return [
        m.line([-200, 200], [0, 0], "ground"),
        m.body(shapes.brick, 0.0, float(shapes.brick[:, 1].max()), look="before"),
    ]


def closing(params: GripperParams, z: float) -> list[Mark]:
    """The start, the fingers where they close, and the ring that moves them."""
    shapes, a = outlines(params), MM * float(params.a)
    words = max(z, 22.0)  # above the table
    return [
        *before(shapes),
        m.body(shapes.left, -a, z, look="ghost"),
        m.body(shapes.right, a, z, look="ghost"),
        m.line([a + 20, ASIDE], [z, z], "measure"),
        m.text(ASIDE, words, f"*z* = **{z:.0f} mm**", "ink", dx=22, dy=-1, size=13),
        m.text(ASIDE, words, "when it closes", dx=22, dy=16),
    ]


def ring(z: float) -> Mark:
    """The handle that moves the fingers' height z."""
    return m.handle(ASIDE, z, {"y": "z"}, arrows=[(0, -1), (0, 1)])


def scene(lift: Lift, params: GripperParams) -> list[Mark]:
    """Hand, brick, forces with their cones, and the link to the brick's height."""
    shapes, t = outlines(params), lift.time
    still = 0 * t
    link = lift.z.masked_fill(lift.z < HIGH + MM * float(params.b), math.nan)  # clear of the words
    return [
        *_cones(lift, params),
        m.body(shapes.knob, still, lift.z_hand, look="hand", t=t),
        m.body(shapes.left, -lift.w / 2, lift.z_hand, look="hand", t=t),
        m.body(shapes.right, lift.w / 2, lift.z_hand, look="hand", t=t),
        m.body(shapes.hand, still, lift.z_hand, look="hand", t=t),
        m.body(shapes.brick, lift.x, lift.z, lift.angle, look="sample", t=t),
        m.body(torch.tensor([[88.0, 0.0], [200.0, 0.0]]), still, link, look="link", t=t),
        m.points(lift.x[:, None], lift.z[:, None], kind="ball", t=t),
        *_forces(lift, params),
    ]


def ghost_of(lift: Lift | None, params: GripperParams) -> list[Mark]:
    """Another lift at the same time: its fingers and its brick."""
    if lift is None:
        return []
    shapes, t = outlines(params), lift.time
    return [
        m.body(shapes.left, -lift.w / 2, lift.z_hand, look="before", t=t),
        m.body(shapes.right, lift.w / 2, lift.z_hand, look="before", t=t),
        m.body(shapes.brick, lift.x, lift.z, lift.angle, look="before", t=t),
    ]


def _cones(lift: Lift, params: GripperParams) -> list[Mark]:
    shape = cone(params, ARROW)
    return [
        m.body(shape, lift.left.x, lift.left.z, look="cone", t=lift.time),
        m.body(-shape, lift.right.x, lift.right.z, look="cone", t=lift.time),
    ]


def _forces(lift: Lift, params: GripperParams) -> list[Mark]:
    """What the fingers do to the brick, and on the right how much and whether it slips."""
    scale, right = ARROW / float(params.force), lift.right
    arrows = []
    for push in (lift.left, right):
        dx, dz = (scale * f.nan_to_num() for f in (push.fx, push.fz))
        arrows.append(m.arrow(push.x - dx, push.z - dz, dx, dz, "ink", t=lift.time,
                              text=[""] * len(dx)))  # fmt: skip
    size = torch.hypot(right.fx, right.fz)
    newtons = ["" if math.isnan(n) else f"**{n:.0f} N**" for n in size.tolist()]
    at, z = right.x + ARROW, right.z
    return [
        *arrows,
        m.text(at, z, newtons, "ink", dx=12, dy=-24, size=13, t=lift.time),
        m.text(at, z, _friction(right), dx=12, dy=-8, t=lift.time),
    ]


def _friction(push: Push) -> list[str]:
    """Where the force lies: in the cone, or on its edge, where it slips; nothing without touch."""
    return [
        "" if math.isnan(slip) else "slips: on its edge" if slip else "inside the friction cone"
        for slip in push.slips.tolist()
    ]


def grips(lift: Lift) -> list[str]:
    """The grip in words, for each moment."""
    return [f"grip **{force:.1f} N**" for force in lift.grip.tolist()]
