"""Figures: how low should the hand close, and a player for any recorded lift."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.gripper_shapes import ARROW, MM, Lift, Outlines, Push, cone, outlines, pick
from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, Panel, Picture, Slider, Toggle
from course.widgets.marks import Mark
from smoothlib.gripper import GripperParams, Result, Trajectory, rollout

LOW, HIGH, START = -25, 70, 45  # mm, of the fingertips when they close
FRAME = 0.02  # s
TOP = 396.0  # mm, the upper edge of the picture
ASIDE = 78.0  # mm, where the ring stands
CLIFF = 100.0  # mm, between neighbours


def lift(params: GripperParams | None = None) -> Figure:
    """Drag the height z at which the fingers close: the lift, and the brick's height over z.

    One lift for every millimetre is simulated in the background when the figure is made; the scene
    stands still till then: 5 s where the simulator is compiled first, else 7. The last try follows
    as a ghost.
    """
    p = params or GripperParams()
    table = _simulated() if params is None else _simulate(params)

    def draw(now: SimpleNamespace) -> Picture:
        if not table.done():
            return _waiting(p, now.z)
        result = table.result()
        here = _lift(result, p, now.z)
        tries = [now.z, *(e.z for e in now.earlier)]
        heights = {z: float(_height(result, z)) for z in tries}
        best = max(tries, key=lambda z: heights[z])
        last = _lift(result, p, now.earlier[-1].z) if now.earlier else None
        return Picture(
            panels={
                "scene": [*_closing(p, now.z), *_ghost(last, p), *_scene(here, p),
                          *_reached(heights, now.z, p), _ring(now.z)],
                "landscape": [*(_landscape(result) if now.shown else []),
                              *_points(heights, here, now.z)],
            },
            readout=[
                f"*z* = **{now.z:.0f} mm**",
                [f"brick at **{z:.0f} mm**" for z in here.z.tolist()],
                _grips(here),
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
            Column([_panel()]),
            Column([Panel("landscape", "Reward", "height of the brick after 5 s, mm",
                          Axis(LOW, HIGH, (-20, 0, 20, 40, 60), unit="*z*, mm"), _heights(True))]),
        ],
        [
            Slider("z", "height of the fingertips when they close, in millimetres", "*z*",
                   LOW, HIGH, START, 1, unit="mm", format=".0f", under="landscape"),
            Toggle("shown", "Show landscape", "Hide landscape"),
        ],
        draw,
        Clock(end=5.0, seconds=5.0, step=FRAME, start=5.0, unit="s", under="scene",
              phases=_phases(p)),
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
    here = _by_frames(pick(trajectory, p, which))
    there = None if ghost is None else _by_frames(pick(ghost, p, ghost_which))

    def draw(now: SimpleNamespace) -> Picture:
        shapes = outlines(p)
        return Picture(
            panels={
                "scene": [*_before(shapes), *_ghost(there, p),
                          *_scene(here, p)],
                "height": _over_time(here, there),
            },
            readout=[
                [f"hand at **{z:.0f} mm**" for z in here.z_hand.tolist()],
                [f"brick at **{z:.0f} mm**" for z in here.z.tolist()],
                _grips(here),
            ],
            aside="" if there is None else [f"the other at {z:.0f} mm" for z in there.z.tolist()],
            alt="A hand and a brick from the side, and the height of both over time.",
        )  # fmt: skip

    end = float(here.time[-1])
    return Figure(
        question,
        rules,
        [
            Column([_panel()]),
            Column([Panel("height", "Height", "mm", Axis(0, end, 5, unit="s"), _heights(True),
                          right=64)]),
        ],
        [],
        draw,
        Clock(end, end, step=FRAME, start=0.0, unit="s", under="height"),
    )  # fmt: skip


# --- simulation ---------------------------------------------------------------------------


@cache
def _simulated() -> "Future[Result]":
    return _simulate(GripperParams())


def _simulate(params: GripperParams) -> "Future[Result]":
    """One lift for every millimetre, under way in a thread of its own."""
    z_close = torch.arange(LOW, HIGH + 1, dtype=torch.float64) / MM
    worker = ThreadPoolExecutor(1)
    every = round(FRAME / 1e-3)
    future = worker.submit(rollout, z_close, params, record_every=every)
    worker.shutdown(wait=False)
    return future


def _waiting(params: GripperParams, z: float) -> Picture:
    """The hand before the lift, until there is one to show."""
    shapes = outlines(params)
    open_, start = MM * float(params.w_max) / 2, MM * float(params.z_start)
    parts = ((shapes.knob, 0), (shapes.left, -open_), (shapes.right, open_), (shapes.hand, 0))
    return Picture(
        {
            "scene": [
                *_closing(params, z),
                *(m.body(shape, x, start, look="hand") for shape, x in parts),
                m.body(shapes.brick, 0.0, float(shapes.brick[:, 1].max()), look="sample"),
                m.text(-195, TOP - 16, f"simulating {HIGH - LOW + 1} lifts"),
                _ring(z),
            ],
            "landscape": [],
        },
        readout=[f"*z* = **{z:.0f} mm**", "simulating"],
        alt="An open hand above a brick on a table.",
        unfinished=True,
    )


def _lift(result: Result, params: GripperParams, z: float) -> Lift:
    assert result.trajectory is not None
    return pick(result.trajectory, params, round(z) - LOW)


def _height(result: Result, z: float) -> Tensor:
    return MM * result.height[round(z) - LOW]


def _by_frames(lift: Lift) -> Lift:
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


def _panel() -> Panel:
    return Panel("scene", "Scene", "side view, to scale", Axis(-200, 200, ()), _heights(False),
                 scene=True)  # fmt: skip


def _heights(ticks: bool) -> Axis:
    return Axis(0, TOP, (0, 100, 200, 300) if ticks else ())


def _phases(params: GripperParams) -> list[tuple[float, str]]:
    return [(0.0, "lower"), (float(params.t_close), "close"), (float(params.t_lift), "lift")]


def _before(shapes: Outlines) -> list[Mark]:
    """The table, and where the brick stood."""
    return [
        m.line([-200, 200], [0, 0], "ground"),
        m.body(shapes.brick, 0.0, float(shapes.brick[:, 1].max()), look="before"),
    ]


def _closing(params: GripperParams, z: float) -> list[Mark]:
    """The start, the fingers where they close, and the ring that moves them."""
    shapes, a = outlines(params), MM * float(params.a)
    words = max(z, 22.0)  # above the table
    return [
        *_before(shapes),
        m.body(shapes.left, -a, z, look="ghost"),
        m.body(shapes.right, a, z, look="ghost"),
        m.line([a + 20, ASIDE], [z, z], "measure"),
        m.text(ASIDE, words, f"*z* = **{z:.0f} mm**", "ink", dx=22, dy=-1, size=13),
        m.text(ASIDE, words, "when it closes", dx=22, dy=16),
    ]


def _ring(z: float) -> Mark:
    return m.handle(ASIDE, z, {"y": "z"}, arrows=[(0, -1), (0, 1)])


def _scene(lift: Lift, params: GripperParams) -> list[Mark]:
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


def _ghost(lift: Lift | None, params: GripperParams) -> list[Mark]:
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


def _grips(lift: Lift) -> list[str]:
    return [f"grip **{force:.1f} N**" for force in lift.grip.tolist()]


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
