"""Figures: throwing the ball, and moving the wall."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, Panel, Picture, Slider, Toggle
from course.widgets.landscapes import Distance, distances, landscape, plot
from course.widgets.marks import Mark
from smoothlib import BallThrow, BallWall

FOOT = -5.6  # lower edge of the scene, m


def throw(distance: Distance | None = None) -> Figure:
    """Drag the hand: the flight of the ball on the left, its distance J(θ) on the right.

    `distance`, if given, maps angles (n,) in rad to distances (n,) in m and takes the place of
    smoothlib's; where the two differ, both are drawn.
    """
    ball = BallWall()

    def draw(now: SimpleNamespace) -> Picture:
        theta = torch.tensor([now.theta, *(e.theta for e in now.earlier)], dtype=torch.float64)
        best = float(distances(ball, theta, distance).max())
        reached = float(distances(ball, theta[:1], distance))
        return Picture(
            panels={
                "scene": [*_wall(ball), *_flights(ball, theta), *_hand(now.theta)],
                "landscape": [
                    *(landscape(ball, distance) if now.shown else []),
                    *_tries(theta, distances(ball, theta, distance)),
                ],
            },
            readout=[
                f"*θ* = **{now.theta:.3f}** rad ({math.degrees(now.theta):.0f}°)",
                f"*J*(*θ*) = **{reached:.2f} m**",
                _disagreement(ball, theta[:1], reached) or _verdict(ball, theta[:1]),
            ],
            aside=f"{now.tries} throw{'s' * (now.tries > 1)} · best so far {best:.2f} m",
            alt="A hand, the path of the ball and a wall 5 m away; beside it the distance of every "
            "throw so far over its angle.",
        )

    return Figure(
        "Where would you aim to throw farthest?",
        "Guess, then drag the ring. The clock stops after 2 s; a ball that meets the wall sticks "
        "to it.",
        [
            Column([_scene("Side view", "*v* = 10 m/s")], share=1.55),
            Column([plot("landscape", "Distance after 2 s", "*J*(*θ*), metres", high=14.5)]),
        ],
        [
            Slider("theta", "angle θ in radians", "*θ*", 0, 1.57, 0.35, 0.001, under="landscape"),
            Toggle("shown", "Show landscape", "Hide landscape"),
        ],
        draw,
        Clock(end=ball.t, seconds=0.7, step=0.02, replay=True),
    )


def move_the_wall() -> Figure:
    """Drag the top of the wall: the two throws that graze it, J(θ), and J for every height."""

    def draw(now: SimpleNamespace) -> Picture:
        ball = _clearable(now.x_w, now.h)
        return Picture(
            panels={
                "scene": [*_reach(), *_grazing(ball), *_movable_wall(now.x_w, now.h)],
                "landscape": landscape(ball, names=True) if ball else _flooded(now.x_w),
                "map": _map(now.x_w, now.h),
            },
            readout=_angles(ball, now.x_w),
            alt=f"A wall {now.h:.2f} m high at {now.x_w:.2f} m, the two throws that graze its top, "
            "the distance over the angle, and a map of that distance for every height of the wall.",
            aside=f"the ball gets past on {_window(ball):.3f} rad",
        )

    return Figure(
        "How does the wall cut the landscape?",
        "Drag the top of the wall. Two throws just graze it; between their angles the ball gets "
        "past.",
        [
            Column([_scene("Side view", "the dashed arch bounds every throw")], share=1.55),
            Column(
                [
                    plot("landscape", "Distance after 2 s", "*J*(*θ*), metres", high=21),
                    Panel("map", "Every height at once", "*h*, metres",
                          Axis(0, math.pi / 2, (0, 0.5, 1, 1.5), unit="*θ*, rad"),
                          Axis(0, 5, (0, 2, 4))),
                ]
            ),
        ],
        [
            Slider("x_w", "distance of the wall in metres", "*x*_{w}", 1.5, 9.5, 5, 0.05,
                   unit="m", under="scene"),
            Slider("h", "height of the wall in metres", "*h*", 0, 5, 3, 0.05, unit="m"),
        ],
        draw,
    )  # fmt: skip


def _scene(title: str, unit: str) -> Panel:
    return Panel("scene", title, unit, Axis(-1, 14, (0, 5, 10), unit="m", minor=15),
                 Axis(FOOT, 5.3), scene=True)  # fmt: skip


def _tries(theta: Tensor, height: Tensor) -> list[Mark]:
    """The current throw, first, and the earlier ones, on the landscape."""
    x, y = float(theta[0]), float(height[0])
    return [
        m.line([0, x], [y, y], "link"),
        m.line([x, x], [0, y], "guide"),
        m.points(theta[1:], height[1:], kind="try"),
        m.points(theta[:1], height[:1], kind="current"),
        m.value("y", y, f"{y:.2f}"),
    ]


def _verdict(ball: BallWall, theta: Tensor) -> str:
    clearance = float(ball.clearance(theta[:, None]))
    if ball.contact(theta[:, None]):
        return f"meets the wall **{-clearance:.2f} m** below its top"
    if ball.v * ball.t * math.cos(float(theta)) > ball.x_w:
        return f"clears the wall by **{clearance:.2f} m**"
    return "the clock stops before the wall"


def _disagreement(ball: BallWall, theta: Tensor, reached: float) -> str:
    truth = float(ball(theta[:, None]))
    return "" if abs(truth - reached) < 1e-6 else f"smoothlib says **{truth:.2f} m**"


def _flights(ball: BallWall, theta: Tensor) -> list[Mark]:
    """The path of the current throw, first, and pale ones of the earlier throws."""
    times = torch.linspace(0, ball.t, 81, dtype=torch.float64)
    path = ball.position(theta[:, None, None], times)
    now, end = path[0], path[0, -1].tolist()
    return [
        m.curve(path[1:, :, 0], path[1:, :, 1], "sample", width=1.5, ghost=True),
        m.points(path[1:, -1, 0], path[1:, -1, 1], kind="try"),
        m.line([end[0], end[0]], [end[1], FOOT], "link"),
        m.curve(now[:, 0], now[:, 1], "sample", t=times),
        *_seconds(ball, theta[:1]),
        m.points(now[:, :1], now[:, 1:], kind="current", t=times),
        m.value("x", end[0], f"{end[0]:.2f}"),
    ]


def _seconds(ball: BallWall, theta: Tensor) -> list[Mark]:
    """Rings along the path every half second, as long as the ball flies."""
    seconds = torch.arange(0.5, ball.t + 0.1, 0.5, dtype=torch.float64)
    if ball.contact(theta[:, None]):
        seconds = seconds[seconds < ball.x_w / (ball.v * theta.cos())]
    at = ball.position(theta[:, None], seconds)
    labels = [
        m.text(float(x), float(y), f"{s:g} s", dx=12, dy=-6)
        for s, (x, y) in zip(seconds.tolist(), at, strict=True)
        if s >= 1
    ]
    return [m.points(at[:, 0], at[:, 1], kind="try"), *labels]


def _hand(theta: float) -> list[Mark]:
    """A ledge, the arm and the ring to drag."""
    cos, sin = math.cos(theta), math.sin(theta)
    ledge = torch.tensor([[-0.9, FOOT], [0.13, FOOT], [0.13, -0.2], [-0.9, -0.2]])
    return [
        m.body(ledge, edge=False, fade=2.5),
        m.line([-0.9, 0.13], [-0.2, -0.2], "ground"),
        m.line([0, 2.2 * cos], [0, 2.2 * sin], "aim"),
        m.points(0.0, 0.0, "ink", kind="ball"),
        m.angle(0, 0, theta, "*θ*"),
        m.handle(2.2 * cos, 2.2 * sin, {"angle": "theta"}, arrows=[(-sin, -cos), (sin, cos)]),
    ]


def _wall(ball: BallWall) -> list[Mark]:
    return [
        m.line([0, ball.x_w], [0, 0], "level"),
        m.line([ball.x_w + 0.07] * 2, [ball.h, FOOT], "wall", fade=2.5),
        m.line([ball.x_w + 0.5] * 2, [0, ball.h], "measure"),
        m.text(ball.x_w + 0.5, ball.h / 2, f"{ball.h:g} m", dx=10, dy=4),
        m.text(ball.x_w + 0.5, -1.3, f"wall, {ball.x_w:g} m away"),
    ]


def _movable_wall(x_w: float, h: float) -> list[Mark]:
    return [
        m.line([0, x_w], [0, 0], "level"),
        m.points(0.0, 0.0, "ink", kind="ball"),
        m.line([x_w] * 2, [h, FOOT], "wall", fade=2.5),
        m.value("x", x_w, f"{x_w:.2f}", "ink"),
        m.line([x_w + 0.6] * 2, [0, h], "measure"),
        m.text(x_w + 0.6, h / 2, f"{h:.2f} m", dx=10, dy=4),
        m.handle(x_w, h, {"x": "x_w", "y": "h"}, core=False,
                 arrows=[(1, 0), (-1, 0), (0, 1), (0, -1)]),
    ]  # fmt: skip


def _reach() -> list[Mark]:
    """The envelope of all throws, y = v²/(2g) - g x²/(2v²)."""
    ball = BallThrow()
    x = torch.linspace(0, 14, 141)
    y = ball.v**2 / (2 * ball.g) - ball.g * x**2 / (2 * ball.v**2)
    return [m.curve(x, y, "second", width=1.25, dash=(5, 5))]


def _grazing(ball: BallWall | None) -> list[Mark]:
    """The lowest and the highest throw that clear the wall."""
    if ball is None:
        return []
    free = BallThrow(ball.v, ball.t, 0.0, ball.g)
    times = torch.linspace(0, ball.t, 81, dtype=torch.float64)
    theta = torch.tensor(ball.angles[:2], dtype=torch.float64)
    path = free.position(theta[:, None, None], times)
    ends = [
        m.text(float(x), float(y), name, "sample", dx=12, dy=4, size=14)
        for name, (x, y) in zip(("*θ*_{1}", "*θ*_{2}"), path[:, -1], strict=True)
    ]
    return [
        m.curve(path[..., 0], path[..., 1], "sample", width=2),
        m.points(path[:, -1, 0], path[:, -1, 1], kind="try"),
        *ends,
    ]


def _clearable(x_w: float, h: float) -> BallWall | None:
    try:
        return BallWall(x_w=x_w, h=h)
    except ValueError:
        return None


def _flooded_distance(x_w: float, theta: Tensor) -> Tensor:
    """J where no throw clears the wall: nothing lands beyond it."""
    return BallThrow()(theta[:, None]).clamp(max=x_w)


def _flooded(x_w: float) -> list[Mark]:
    theta = torch.linspace(0, 1.6, 161)
    return [
        m.curve(theta, _flooded_distance(x_w, theta)),
        m.text(0.785, x_w, "no throw clears the wall", align="center", dy=-12),
    ]


def _map(x_w: float, h: float) -> list[Mark]:
    """J over θ and the height of the wall, as greys, with the present height."""
    theta = torch.linspace(0, math.pi / 2, 160)
    heights = torch.linspace(0, 5, 100)
    rows = []
    for height in heights.tolist():
        ball = _clearable(x_w, height)
        rows.append(ball(theta[:, None]) if ball else _flooded_distance(x_w, theta))
    here = _clearable(x_w, h)
    cliffs = here.jumps().theta if here else torch.empty(0)
    return [
        m.image(torch.stack(rows) / 20, (0, math.pi / 2), (0, 5)),
        m.text(0.1, 4.2, "hits the wall", "ink", halo=False),
        m.line([0, math.pi / 2], [h, h], "link"),
        m.points(cliffs, torch.full_like(cliffs, h), kind="try"),
        m.value("y", h, f"{h:.2f}"),
    ]


def _window(ball: BallWall | None) -> float:
    """How many radians of angles clear the wall."""
    return 0.0 if ball is None else ball.angles[1] - ball.angles[0]


def _angles(ball: BallWall | None, x_w: float) -> list[str]:
    if ball is None:
        top = BallWall(x_w=x_w, h=0.0).highest_clearable
        return [f"no throw clears it: at {x_w:.2f} m the ball rises to **{top:.2f} m** at most"]
    theta1, theta2, theta_r = ball.angles
    up, *down = ball.jumps().height.tolist()
    return [
        f"*θ*_{{1}} = **{theta1:.3f}**",
        f"*θ*_{{2}} = **{theta2:.3f}**",
        f"*θ*_{{r}} = **{theta_r:.3f}**",
        f"cliffs **+{up:.2f} m**" + "".join(f", **{d:.2f} m**" for d in down),
    ]
