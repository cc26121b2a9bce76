"""The landscape J(θ) of a throw as marks: what the figures of lecture 01 share."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Panel
from course.widgets.marks import Mark
from smoothlib import BallThrow, BallWall, Objective

Distance = Callable[[Tensor], Tensor]

NUDGE = 1e-9  # close enough to a cliff to show both of its edges


def plot(
    name: str, title: str, unit: str, high: float, both: bool = False, height: float | None = None
) -> Panel:
    """J over θ, for throws forward and up or, with `both`, down as well."""
    x = (
        Axis(-1.6, 1.6, (-1.5, -1, -0.5, 0, 0.5, 1, 1.5), unit="*θ*, rad")
        if both
        else Axis(0, math.pi / 2, (0, 0.5, 1, 1.5))
    )
    return Panel(name, title, unit, x, Axis(0, high, 4), height=height)


def landscape(
    objective: BallThrow | BallWall,
    distance: Distance | None = None,
    *,
    both: bool = False,
    names: bool = False,
) -> list[Mark]:
    """J over θ with its cliffs and, in words, what happens to the ball; `names` marks θ1, θ2, θr.

    `both`: the panel shows throws up and down, as that of `plot(both=True)`.
    """
    theta, truth = outline(objective, -1.6, 1.6)
    if distance is None:
        curves = [m.curve(theta, truth)]
    else:
        yours = distances(objective, theta, distance).masked_fill(truth.isnan(), math.nan)
        differ = bool((yours - truth).abs().nan_to_num().max() > 1e-6)
        curves = [m.curve(theta, truth, "truth", dash=(6, 5))] if differ else []
        curves.append(m.curve(theta, yours))
    if isinstance(objective, BallThrow):
        return curves
    return [*_regions(objective, names, both), *drops(objective, -1.6, 1.6), *curves]


def outline(f: Objective, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Points (m,) from low to high and f there: nan at its jumps, exact on both sides of them."""
    jumps = f.jumps().within(low, high).theta
    theta = torch.linspace(low, high, 321, dtype=torch.float64)
    theta = torch.cat((theta, jumps - NUDGE, jumps, jumps + NUDGE)).sort().values
    return theta, f(theta[:, None]).masked_fill(torch.isin(theta, jumps), math.nan)


def _regions(ball: BallWall, names: bool, both: bool) -> list[Mark]:
    theta1, theta2, theta_r = ball.angles
    top = ball.optimum.value
    window = m.band([theta1, theta2], [0, 0], [99, 99])
    if names:
        return [
            window,
            m.text(theta1, 0, "*θ*_{1}", "ink", align="right", dx=-3, dy=-8, size=13),
            m.text(theta2, 0, "*θ*_{2}", "ink", align="right", dx=-3, dy=-8, size=13),
            m.text(theta_r, 0, "*θ*_{r}", "ink", dx=4, dy=-8, size=13),
        ]
    short = [
        m.text(1.28, 1.2, "falls", dy=-13, halo=False),
        m.text(1.28, 1.2, "short", dy=2, halo=False),
    ]
    return [
        window,
        *([] if both else short),
        m.text((theta1 + theta2) / 2, 1.075 * top, "clears", align="center", halo=False),
        m.text(theta1 / 2 - 0.35, ball.x_w, "hits the wall", dy=20),
    ]


def drops(f: Objective, low: float, high: float) -> list[Mark]:
    """A dotted line at each jump of f between low and high."""
    at = f.jumps().within(low, high).theta
    sides = torch.stack((at - NUDGE, at + NUDGE), -1)
    ends = f(sides[..., None]).tolist()
    return [m.line([x, x], end, "jump") for x, end in zip(at.tolist(), ends, strict=True)]


def distances(objective: BallThrow | BallWall, theta: Tensor, distance: Distance | None) -> Tensor:
    """J at angles (n,), by the student's function if there is one."""
    if distance is None:
        return objective(theta[:, None])
    values = distance(theta)
    if not isinstance(values, Tensor):
        raise TypeError(f"distance(theta) returned {values!r}; a tensor of distances is wanted")
    if values.shape != theta.shape:
        raise ValueError(
            f"distance(theta) returned shape {tuple(values.shape)} for theta of shape "
            f"{tuple(theta.shape)}; one distance for each angle is wanted"
        )
    return values.detach().to(theta)
