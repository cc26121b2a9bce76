"""Figures: gradient ascent from one start, and from many."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Literal

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, Panel, Picture, Slider, Toggle
from course.widgets.landscapes import landscape, plot
from course.widgets.marks import Mark
from smoothlib import BallThrow, BallWall

Climb = Callable[[Callable[[Tensor], Tensor], Tensor, float, int], Tensor]

STEPS = 60


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
        path = _climb(objective, torch.tensor([now.theta0], dtype=torch.float64), now.lr, climb)[
            :, 0
        ]
        height, slope = objective(path[:, None]), _slope(objective, path)
        return Picture(
            panels={
                "landscape": [
                    *landscape(objective, both=True),
                    *_climber(path, height, slope, now.theta0),
                ],
                "steps": _history(height),
            },
            readout=_step_by_step(path, height, slope),
            aside=[""] * STEPS + [f"the best throw reaches {objective.optimum.value:.2f} m"],
            alt=f"The landscape with the steps of gradient ascent from θ = {now.theta0:.2f}, and "
            "the distance after each step.",
        )

    high = 1.12 * objective.optimum.value
    return Figure(
        question,
        "Choose a start by dragging the ring, guess, then press play or take single steps.",
        [
            Column([plot("landscape", "Landscape", "*J*(*θ*), metres", high, True, 220)], 1.3),
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
        starts = torch.linspace(-1.5, 1.5, 61, dtype=torch.float64)
        path = _climb(objective, starts, now.lr)
        groups = _outcomes(objective, path)
        count = {name: int(members.sum()) for name, members in groups.items()}
        return Picture(
            panels={
                "landscape": [*landscape(objective, both=True), *_swarm(objective, path, groups)],
                "paths": _rivers(path, groups),
            },
            readout=[[""] + [f"{name} **{n}**"] * STEPS for name, n in count.items()],
            aside=[f"step {k} of {STEPS}" for k in range(STEPS + 1)],
            alt="Gradient ascent from 61 starts: dots on the landscape, and below it their angles "
            "step by step.",
        )

    return Figure(
        "Of 61 starts, how many reach the top?",
        "Guess, then press play. Below the landscape every start leaves its track, step by step "
        "downwards.",
        [
            Column([
                plot("landscape", "Landscape", "*J*(*θ*), metres", 22, both=True, height=190),
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


def _slope(objective: BallThrow | BallWall, theta: Tensor) -> Tensor:
    """dJ/dθ at angles of any shape, by autograd: 0 wherever J is flat, cliff or no cliff."""
    at = theta.detach().clone().requires_grad_()
    return torch.autograd.grad(objective(at[..., None]).sum(), at)[0]


def _climb(
    objective: BallThrow | BallWall, starts: Tensor, lr: float, climb: Climb | None = None
) -> Tensor:
    """Paths of gradient ascent, (STEPS + 1, n), from starts (n,); one start for a student's."""
    theta = starts
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
        [f"slope **{s + 0.0:.2f}** m/rad" for s in slope.tolist()],
        [f"*J* = **{j:.2f} m**" for j in height.tolist()],
    ]


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
    """The climbers on the landscape; how each will end shows from the first step on."""
    steps = torch.arange(len(path))
    height = objective(path[..., None])
    unseen = steps == 0
    return [
        m.points(path, height.masked_fill(~unseen[:, None], math.nan), kind="ball", t=steps),
        *(
            m.points(
                path[:, who],
                height[:, who].masked_fill(unseen[:, None], math.nan),
                OUTCOMES[name][0],
                kind=OUTCOMES[name][1],
                t=steps,
            )
            for name, who in groups.items()
        ),
    ]


def _rivers(path: Tensor, groups: dict[str, Tensor]) -> list[Mark]:
    steps = torch.arange(len(path))
    return [
        m.curve(path[:, who].T, steps.expand(int(who.sum()), -1), role, width=1.5, dash=dash,
                t=steps)
        for (role, _, dash), who in ((OUTCOMES[name], who) for name, who in groups.items())
        if who.any()
    ]  # fmt: skip
