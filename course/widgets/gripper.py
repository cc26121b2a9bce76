"""Figures: how low should the hand close, and a player for any recorded lift."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor

from course.gripper_shapes import MM, Lift, outlines, pick
from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, Panel, Picture, Slider, Toggle
from course.widgets.lifts import (
    FRAME,
    HIGH,
    LOW,
    before,
    by_frames,
    closing,
    ghost_of,
    grips,
    height_at,
    height_axis,
    lift_at,
    phases,
    ring,
    scene,
    scene_panel,
    simulate,
    simulated_lifts,
    waiting,
)
from course.widgets.marks import Mark
from smoothlib.gripper import GripperParams, Result, Trajectory

START = 45  # mm
CLIFF = 100.0  # mm, between neighbours


def lift(params: GripperParams | None = None) -> Figure:
    """Drag the height z at which the fingers close: the lift, and the brick's height over z.

    One lift for every millimetre is simulated in the background when the figure is made; the scene
    stands still till then: 5 s where the simulator is compiled first, else 7. The last try follows
    as a ghost.
    """
    p = params or GripperParams()
    table = simulated_lifts() if params is None else simulate(params)

    def draw(now: SimpleNamespace) -> Picture:
        if not table.done():
            return waiting(p, now.z)
        result = table.result()
        here = lift_at(result, p, now.z)
        tries = [now.z, *(e.z for e in now.earlier)]
        heights = {z: float(height_at(result, z)) for z in tries}
        best = max(tries, key=lambda z: heights[z])
        last = lift_at(result, p, now.earlier[-1].z) if now.earlier else None
        return Picture(
            panels={
                "scene": [*closing(p, now.z), *ghost_of(last, p), *scene(here, p),
                          *_reached(heights, now.z, p), ring(now.z)],
                "landscape": [*(_landscape(result) if now.shown else []),
                              *_points(heights, here, now.z)],
            },
            readout=[
                f"*z* = **{now.z:.0f} mm**",
                [f"brick at **{z:.0f} mm**" for z in here.z.tolist()],
                grips(here),
            ],
            aside=f"{now.tries} attempt{'s' * (now.tries > 1)} · best {heights[best]:.0f} mm at "
            f"*z* = {best:.0f}",
            alt=f"A hand that closes {now.z:.0f} mm above the table and lifts what it holds; "
            "beside it the height of the brick after 5 s for every attempt.",
        )  # fmt: skip

    return Figure(
        "How low should the hand close?",
        "Drag the fingertip height *z*, then press play. The reward is the height of the brick "
        "after 5 s.",
        [
            Column([scene_panel()]),
            Column([Panel("landscape", "Reward", "height of the brick after 5 s, mm",
                          Axis(LOW, HIGH, (-20, 0, 20, 40, 60), unit="*z*, mm"),
                          height_axis(True))]),
        ],
        [
            Slider("z", "height of the fingertips when they close, in millimetres", "*z*",
                   LOW, HIGH, START, 1, unit="mm", format=".0f", under="landscape"),
            Toggle("shown", "Show landscape", "Hide landscape"),
        ],
        draw,
        Clock(end=5.0, seconds=5.0, step=FRAME, start=5.0, unit="s", under="scene",
              phases=phases(p)),
    )  # fmt: skip


def watch(
    trajectory: Trajectory,
    which: int = 0,
    *,
    ghost: Trajectory | None = None,
    ghost_which: int = 0,
    params: GripperParams | None = None,
    question: str = "What does the hand do?",
    rules: str = "Press play, or drag the time.",
) -> Figure:
    """Play a recorded lift, one of its batch, beside the brick's height over time.

    The trajectory is that of `rollout(..., record_every=...)` or of `smoothlib.gripper_env.record`.
    `ghost` is another one, of another height or policy, drawn pale at the same time.
    """
    p = params or GripperParams()
    here = by_frames(pick(trajectory, p, which))
    there = None if ghost is None else by_frames(pick(ghost, p, ghost_which))

    def draw(now: SimpleNamespace) -> Picture:
        shapes = outlines(p)
        return Picture(
            panels={
                "scene": [*before(shapes), *ghost_of(there, p),
                          *scene(here, p)],
                "height": _over_time(here, there),
            },
            readout=[
                [f"hand at **{z:.0f} mm**" for z in here.z_hand.tolist()],
                [f"brick at **{z:.0f} mm**" for z in here.z.tolist()],
                grips(here),
            ],
            aside="" if there is None else [f"the other at {z:.0f} mm" for z in there.z.tolist()],
            alt="A hand and a brick from the side, and the height of both over time.",
        )  # fmt: skip

    end = float(here.time[-1])
    return Figure(
        question,
        rules,
        [
            Column([scene_panel()]),
            Column([Panel("height", "Height", "mm", Axis(0, end, 5, unit="s"), height_axis(True),
                          right=64)]),
        ],
        [],
        draw,
        Clock(end, end, step=FRAME, start=0.0, unit="s", under="height"),
    )  # fmt: skip


# --- the landscape, and heights over time -------------------------------------------------


def _landscape(result: Result) -> list[Mark]:
    """The simulated heights, one for each millimetre, broken where neighbours lie apart."""
    z = torch.arange(LOW, HIGH + 1, dtype=torch.float64)
    height = MM * result.height
    cliffs = (height.diff().abs() > CLIFF).nonzero()[:, 0] + 1
    middle = z[cliffs] - 0.5
    order = torch.cat((z, middle)).argsort()
    broken = torch.cat((height, torch.full_like(middle, math.nan)))[order]
    jumps = [
        m.line([float(x)] * 2, height[i - 1 : i + 1].tolist(), "jump")
        for x, i in zip(middle, cliffs.tolist(), strict=True)
    ]
    names = _outcomes(z, height)
    return [*jumps, m.curve(torch.cat((z, middle))[order], broken), *names]


def _outcomes(z: Tensor, height: Tensor) -> list[Mark]:
    """In words, at both ends: why the brick stays on the table there."""
    names = []
    if height[0] < CLIFF:
        names.append(m.text(z[0], height[0], "jams", "objective", dx=4, dy=-9))
    if height[-1] < CLIFF:
        names.append(m.text(z[-1], height[-1], "misses", "objective", align="right", dy=-9))
    return names


def _points(heights: dict[float, float], lift: Lift, z: float) -> list[Mark]:
    """Every attempt, and the brick on its way up to the present one."""
    reached = heights[z]
    earlier = [at for at in heights if at != z]
    return [
        m.line([LOW, z], [reached, reached], "link"),
        m.line([z, z], [0, reached], "guide"),
        m.points(earlier, [heights[at] for at in earlier], kind="try"),
        m.points(torch.full_like(lift.z, z)[:, None], lift.z[:, None], kind="try", t=lift.time),
        m.points(z, reached, kind="current"),
        m.value("y", reached, f"{reached:.0f}"),
    ]


def _reached(heights: dict[float, float], z: float, params: GripperParams) -> list[Mark]:
    """Where the tops of the bricks of earlier attempts came to, as far as they lie apart."""
    a, b = MM * float(params.a), MM * float(params.b)
    marks: list[Mark] = []
    taken = [heights[z] + b]
    for at, height in heights.items():
        top = height + b
        if height < CLIFF or any(abs(top - other) < 16 for other in taken):
            continue
        taken.append(top)
        marks += [
            m.curve([-a, a], [top, top], "sample", width=1.25, ghost=True),
            m.text(0.0, top, f"*z* = {at:.0f}", "sample", align="center", dy=-4),
        ]
    return marks


def _over_time(lift: Lift, ghost: Lift | None) -> list[Mark]:
    t = lift.time
    hand, brick = float(lift.z_hand[-1]), float(lift.z[-1])
    pale = [] if ghost is None else [
        m.curve(ghost.time, ghost.z, "sample", width=1.5, ghost=True, t=ghost.time)]  # fmt: skip
    apart = 0 if abs(hand - brick) > 18 else 9
    up = 1 if hand > brick else -1
    return [
        *pale,
        m.curve(t, lift.z_hand, t=t),
        m.curve(t, lift.z, "sample", t=t),
        m.points(t[:, None], lift.z[:, None], kind="current", t=t),
        m.text(float(t[-1]), hand, "fingertips", "objective", dx=12, dy=4 - up * apart),
        m.text(float(t[-1]), brick, "brick", "sample", dx=12, dy=4 + up * apart),
    ]
