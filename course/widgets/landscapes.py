"""Figures of lecture 01: throwing a ball, its landscape, and gradient ascent on it."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Literal

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, Panel, Picture, Slider, Toggle
from course.widgets.marks import Mark
from smoothlib import BallThrow, BallWall

Distance = Callable[[Tensor], Tensor]
Climb = Callable[[Callable[[Tensor], Tensor], Tensor, float, int], Tensor]

STEPS = 60
NUDGE = 1e-9  # close enough to a cliff to show both of its edges
FOOT = -5.0  # lower edge of the scene, m


def throw(distance: Distance | None = None) -> Figure:
    """Drag the hand: the flight of the ball on the left, its distance J(θ) on the right.

    `distance`, if given, maps angles (n,) in rad to distances (n,) in m and takes the place of
    smoothlib's; where the two differ, both are drawn.
    """
    ball = BallWall()

    def draw(now: SimpleNamespace) -> Picture:
        theta = torch.tensor([now.theta, *(e.theta for e in now.earlier)], dtype=torch.float64)
        best = float(_distances(ball, theta, distance).max())
        reached = float(_distances(ball, theta[:1], distance))
        return Picture(
            panels={
                "scene": [*_wall(ball), *_flights(ball, theta), *_hand(now.theta)],
                "landscape": [
                    *(_landscape(ball, distance) if now.shown else []),
                    *_tries(theta, _distances(ball, theta, distance)),
                ],
            },
            readout=[
                f"*θ* = **{now.theta:.2f}** rad ({math.degrees(now.theta):.0f}°)",
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
            Column([_plot("landscape", "Distance after 2 s", "*J*(*θ*), metres", high=14.5)]),
        ],
        [
            Slider("theta", "angle θ in radians", "*θ*", 0, 1.57, 0.35, under="landscape"),
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
                "landscape": _landscape(ball, names=True) if ball else _flooded(now.x_w),
                "map": _map(now.x_w, now.h),
            },
            readout=_angles(ball, now.x_w),
            alt=f"A wall {now.h:.2f} m high at {now.x_w:.2f} m, the two throws that graze its top, "
            "the distance over the angle, and a map of that distance for every height of the wall.",
            aside=f"*x*_{{w}} = {now.x_w:.2f} m, *h* = {now.h:.2f} m",
        )

    return Figure(
        "How does the wall cut the landscape?",
        "Drag the top of the wall. Two throws just graze it; between their angles the ball gets "
        "past.",
        [
            Column([_scene("Side view", "the dashed arch bounds every throw")], share=1.55),
            Column(
                [
                    _plot("landscape", "Distance after 2 s", "*J*(*θ*), metres", high=21),
                    Panel("map", "The same for every height", "*h*, metres; dark is far",
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


def ascent(
    objective: BallThrow | BallWall,
    question: str = "Where does gradient ascent come to rest?",
    *,
    theta0: float = 1.0,
    lr: float = 0.002,
    climb: Climb | None = None,
) -> Figure:
    """Gradient ascent on an objective, one step at a time, from a start and at a rate to choose.

    `climb(df, theta0, lr, steps)`, if given, takes the place of ours: it gets the derivative of
    the objective, angles () -> (), and returns the path, (steps + 1,), start included.
    """

    def draw(now: SimpleNamespace) -> Picture:
        path = _climb(objective, torch.tensor([now.theta0]), now.lr, climb)[:, 0]
        height, slope = objective(path[:, None]), _slope(objective, path)
        return Picture(
            panels={
                "landscape": [*_landscape(objective), *_climber(path, height, slope, now.theta0)],
                "steps": _history(height),
            },
            readout=_step_by_step(path, height, slope),
            aside=[""] * STEPS
            + [f"at rest? {height[-1]:.2f} m of {objective.optimum.value:.2f} m"],
            alt=f"The landscape with the steps of gradient ascent from θ = {now.theta0:.2f}, and "
            "the distance after each step.",
        )

    high = 1.12 * objective.optimum.value
    return Figure(
        question,
        "Choose a start by dragging the ring, guess, then press play or take single steps.",
        [
            Column([_plot("landscape", "Landscape", "*J*(*θ*), metres", high, both=True)], 1.3),
            Column([Panel("steps", "Progress", "*J* after each step, metres",
                          Axis(0, STEPS, 4, unit="step"), Axis(0, high, 4))]),
        ],
        [
            Slider("theta0", "start θ0 in radians", "*θ*_{0}", -1.57, 1.57, theta0,
                   under="landscape"),
            Slider("lr", "learning rate in square radians per metre", "*η*", 1e-4, 0.2, lr,
                   unit="rad²/m", format=".2~g", log=True),
        ],
        draw,
        Clock(end=STEPS, seconds=6, label="step", under="steps", stepper=True),
    )  # fmt: skip


def many_starts() -> Figure:
    """Gradient ascent from 61 starts at once, coloured by where they end."""

    def draw(now: SimpleNamespace) -> Picture:
        objective = BallWall() if now.wall else BallThrow()
        starts = torch.linspace(-1.5, 1.5, 61)
        path = _climb(objective, starts, now.lr)
        groups = _outcomes(objective, path)
        count = {name: int(members.sum()) for name, members in groups.items()}
        return Picture(
            panels={
                "landscape": [*_landscape(objective), *_swarm(objective, path, groups)],
                "paths": _rivers(path, groups),
            },
            readout=[f"{name} **{n}**" for name, n in count.items()],
            aside=f"*η* = {now.lr:.2g} rad²/m",
            alt="Gradient ascent from 61 starts: dots on the landscape, and below it their angles "
            "step by step.",
        )

    return Figure(
        "Of 61 starts, how many reach the top?",
        "Guess, then press play. Below the landscape every start leaves its track, step by step "
        "downwards.",
        [
            Column([
                _plot("landscape", "Landscape", "*J*(*θ*), metres", 22, both=True, height=190),
                Panel("paths", "Tracks", "step, downwards",
                      Axis(-1.6, 1.6, (-1.5, -1, -0.5, 0, 0.5, 1, 1.5), unit="*θ*, rad"),
                      Axis(STEPS, 0, (0, 20, 40, 60)), height=170),
            ]),
        ],
        [
            Slider("lr", "learning rate in square radians per metre", "*η*", 1e-4, 0.2, 0.004,
                   unit="rad²/m", format=".2~g", log=True),
            Toggle("wall", "Put up the wall", "Take the wall away", start=True),
        ],
        draw,
        Clock(end=STEPS, seconds=6, label="step"),
    )  # fmt: skip


# --- panels ---------------------------------------------------------------------------------


def _scene(title: str, unit: str) -> Panel:
    return Panel("scene", title, unit, Axis(-1, 14, (0, 5, 10), unit="m", minor=15),
                 Axis(FOOT, 4.9), scene=True)  # fmt: skip


def _plot(
    name: str, title: str, unit: str, high: float, both: bool = False, height: float | None = None
) -> Panel:
    """J over θ, for throws forward and up or, with `both`, down as well."""
    x = (
        Axis(-1.6, 1.6, (-1.5, -1, -0.5, 0, 0.5, 1, 1.5), unit="*θ*, rad")
        if both
        else Axis(0, math.pi / 2, (0, 0.5, 1, 1.5))
    )
    return Panel(name, title, unit, x, Axis(0, high, 4), height=height)


# --- the objective as marks -----------------------------------------------------------------


def _landscape(
    objective: BallThrow | BallWall, distance: Distance | None = None, *, names: bool = False
) -> list[Mark]:
    """J over θ with its cliffs, and what happens to the ball in words; `names` marks θ1, θ2, θr."""
    cliffs = objective.jumps().theta
    theta = torch.linspace(-1.6, 1.6, 321, dtype=torch.float64)
    theta = torch.cat((theta, cliffs - NUDGE, cliffs, cliffs + NUDGE)).sort().values
    truth = objective(theta[:, None]).masked_fill(torch.isin(theta, cliffs), math.nan)
    if distance is None:
        curves = [m.curve(theta, truth)]
    else:
        yours = _distances(objective, theta, distance).masked_fill(truth.isnan(), math.nan)
        differ = bool((yours - truth).abs().nan_to_num().max() > 1e-6)
        curves = [m.curve(theta, truth, "truth", dash=(6, 5))] if differ else []
        curves.append(m.curve(theta, yours))
    if isinstance(objective, BallThrow):
        return curves
    return [*_regions(objective, names), *_jumps(objective), *curves]


def _regions(ball: BallWall, names: bool) -> list[Mark]:
    theta1, theta2, theta_r = ball.angles
    top = ball.optimum.value
    if names:
        labels = {"*θ*_{1}": theta1, "*θ*_{2}": theta2, "*θ*_{r}": theta_r}
        return [m.band([theta1, theta2], [0, 0], [99, 99])] + [
            m.text(at, 0, name, "ink", align=align, dx=dx, dy=-8, size=13)
            for (name, at), align, dx in zip(
                labels.items(), ("right", "right", "left"), (-3, -3, 4), strict=True
            )
        ]
    return [
        m.band([theta1, theta2], [0, 0], [99, 99]),
        m.text((theta1 + theta2) / 2, 1.075 * top, "clears", align="center", halo=False),
        m.text(theta1 / 2 - 0.35, ball.x_w, "hits the wall", dy=20),
        m.text(1.28, 1.2, "falls short", dx=0, align="right"),
    ]


def _jumps(ball: BallWall) -> list[Mark]:
    return [
        m.line(
            [at, at], [float(ball(torch.tensor([at + side * NUDGE]))) for side in (-1, 1)], "jump"
        )
        for at in ball.jumps().theta.tolist()
    ]


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


def _distances(objective: BallThrow | BallWall, theta: Tensor, distance: Distance | None) -> Tensor:
    """J at angles (n,), by the student's function if there is one."""
    if distance is None:
        return objective(theta[:, None])
    values = torch.as_tensor(distance(theta))
    if values.shape != theta.shape:
        raise ValueError(
            f"distance(theta) returned shape {tuple(values.shape)} for theta of shape "
            f"{tuple(theta.shape)}; one distance for each angle is wanted"
        )
    return values.detach().to(theta)


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


# --- the scene ------------------------------------------------------------------------------


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


# --- moving the wall ------------------------------------------------------------------------


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
    theta = torch.linspace(0, math.pi / 2, 158)
    heights = torch.linspace(0, 5, 51)
    rows = []
    for height in heights.tolist():
        ball = _clearable(x_w, height)
        rows.append(ball(theta[:, None]) if ball else _flooded_distance(x_w, theta))
    here = _clearable(x_w, h)
    cliffs = here.jumps().theta if here else torch.empty(0)
    return [
        m.image(torch.stack(rows) / 20, (0, math.pi / 2), (0, 5)),
        m.line([0, math.pi / 2], [h, h], "link"),
        m.points(cliffs, torch.full_like(cliffs, h), kind="try"),
        m.value("y", h, f"{h:.2f}"),
    ]


def _angles(ball: BallWall | None, x_w: float) -> list[str]:
    if ball is None:
        top = BallWall(x_w=x_w, h=-100).highest_clearable
        return [f"no throw clears it: at {x_w:.2f} m the ball rises to **{top:.2f} m** at most"]
    theta1, theta2, theta_r = ball.angles
    up, *down = ball.jumps().height.tolist()
    return [
        f"*θ*_{{1}} = **{theta1:.3f}**",
        f"*θ*_{{2}} = **{theta2:.3f}**",
        f"*θ*_{{r}} = **{theta_r:.3f}**",
        f"cliffs **+{up:.2f} m**" + "".join(f", **{d:.2f} m**" for d in down),
        f"clears on **{theta2 - theta1:.3f} rad**",
    ]


# --- gradient ascent ------------------------------------------------------------------------


def _slope(objective: BallThrow | BallWall, theta: Tensor) -> Tensor:
    """dJ/dθ at angles of any shape, by autograd: 0 wherever J is flat, cliff or no cliff."""
    at = theta.detach().clone().requires_grad_()
    return torch.autograd.grad(objective(at[..., None]).sum(), at)[0]


def _climb(
    objective: BallThrow | BallWall, starts: Tensor, lr: float, climb: Climb | None = None
) -> Tensor:
    """Paths of gradient ascent, (STEPS + 1, n), from starts (n,); one start for a student's."""
    theta = starts.to(torch.float64)
    if climb is not None:
        path = torch.as_tensor(climb(lambda at: _slope(objective, at), theta[0], lr, STEPS))
        if path.shape != (STEPS + 1,):
            raise ValueError(
                f"gradient_ascent returned shape {tuple(path.shape)} for {STEPS} steps; the start "
                f"and every step are wanted, ({STEPS + 1},)"
            )
        return path.detach().to(theta)[:, None]
    visited = [theta]
    for _ in range(STEPS):
        visited.append(visited[-1] + lr * _slope(objective, visited[-1]))
    return torch.stack(visited)


def _climber(path: Tensor, height: Tensor, slope: Tensor, theta0: float) -> list[Mark]:
    """The climber where the clock stands, its past steps, its slope, and the start to drag."""
    steps = torch.arange(len(path))
    uphill = slope.sign()
    labels = [f"slope {s:+.1f}" if s else "slope 0" for s in slope.tolist()]
    return [
        m.line([theta0, theta0], [0, float(height[0])], "guide"),
        m.points(path, height, kind="try", t=steps),
        m.points(path[:, None], height[:, None], kind="current", t=steps),
        m.arrow(path, height, uphill, uphill * slope, "first", length=46, text=labels, t=steps),
        m.handle(theta0, 0, {"x": "theta0"}, arrows=[(1, 0), (-1, 0)]),
    ]


def _history(height: Tensor) -> list[Mark]:
    steps = torch.arange(len(height))
    return [
        m.curve(steps, height, "sample", t=steps),
        m.points(steps[:, None], height[:, None], kind="current", t=steps),
    ]


def _step_by_step(path: Tensor, height: Tensor, slope: Tensor) -> list[str | list[str]]:
    return [
        [f"step **{k}**" for k in range(len(path))],
        [f"*θ* = **{at:.3f}** rad" for at in path.tolist()],
        [f"slope **{s:.2f}** m/rad" for s in slope.tolist()],
        [f"*J* = **{j:.2f} m**" for j in height.tolist()],
    ]


# --- many starts ----------------------------------------------------------------------------

OUTCOMES: dict[str, tuple[str, Literal["square", "ball", "cross"], tuple[float, ...]]] = {
    "never move": ("objective", "square", ()),
    "stop at the wall": ("sample", "ball", ()),
    "walk off the cliff": ("wrong", "cross", (5, 4)),
    "reach the top": ("gradient", "ball", ()),
    "still on the way": ("second", "ball", (1, 3)),
}


def _outcomes(objective: BallThrow | BallWall, path: Tensor) -> dict[str, Tensor]:
    """Which starts end how: name to bool (n,), without the outcomes that do not occur."""
    height = objective(path[..., None])
    wall = objective.x_w if isinstance(objective, BallWall) else -math.inf
    moved = (path[-1] - path[0]).abs() > 1e-9
    top = height[-1] > 0.99 * objective.optimum.value
    at_wall = (height[-1] - wall).abs() < 1e-9
    fell = at_wall & (height.amax(0) > wall + 1e-9)
    groups = {
        "never move": ~moved & ~top,
        "stop at the wall": moved & at_wall & ~fell,
        "walk off the cliff": moved & fell,
        "reach the top": top,
        "still on the way": moved & ~at_wall & ~top,
    }
    return {name: who for name, who in groups.items() if who.any() or name == "reach the top"}


def _swarm(objective: BallThrow | BallWall, path: Tensor, groups: dict[str, Tensor]) -> list[Mark]:
    steps = torch.arange(len(path))
    height = objective(path[..., None])
    return [
        m.points(path[:, who], height[:, who], role, kind=kind, t=steps)
        for (role, kind, _), who in ((OUTCOMES[name], who) for name, who in groups.items())
    ]


def _rivers(path: Tensor, groups: dict[str, Tensor]) -> list[Mark]:
    steps = torch.arange(len(path))
    return [
        m.curve(path[:, who].T, steps.expand(int(who.sum()), -1), role, width=1.5, dash=dash,
                t=steps)
        for (role, _, dash), who in ((OUTCOMES[name], who) for name, who in groups.items())
        if who.any()
    ]  # fmt: skip
