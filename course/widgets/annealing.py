"""Figures: gradient ascent on the average, with one σ and with a σ that falls."""

import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, Panel, Picture, Slider, Toggle
from course.widgets.landscapes import landscape, plot
from course.widgets.marks import Mark
from smoothlib import BallWall, annealed, ascend

Climb = Callable[[Callable[[Tensor, float], Tensor], Tensor, float, Tensor], Tensor]

WALL = BallWall()
SIGMAS = 50  # from 0.01 to 0.5 rad
SHOWN = 40  # of the steps of the climbers
STEPS = 60  # of the annealed ascent
RATE = 0.02  # rad²/m, at its first step


# --- one σ, many starts ---------------------------------------------------------------------


def climb_the_average(lr: float = 0.004) -> Figure:
    """Gradient ascent on F from 25 starts for a chosen σ, beside the ends for every σ and start."""
    _, paths = _climbers(lr)
    ends = WALL(paths[-1][..., None])

    def draw(now: SimpleNamespace) -> Picture:
        sigma, path = now.sigma, paths[:, round(100 * now.sigma) - 1]
        over = WALL(path[-1][:, None]) > WALL.x_w + 1e-9
        return Picture(
            panels={
                "landscape": _swarm(path, sigma, over),
                "map": [
                    *_ends(ends),
                    m.line([sigma, sigma], [0, 1.5], "link"),
                ],
            },
            readout=[
                f"*σ* = **{sigma:.2f}** rad",
                [""] + [f"over the wall **{int(over.sum())}** of {len(over)}"] * SHOWN,
                [""] + [f"best end **{float(WALL(path[-1][:, None]).max()):.2f} m**"] * SHOWN,
            ],
            aside=[f"step {len(path) // SHOWN * i}" if i else "step 0" for i in range(SHOWN + 1)],
            alt=f"The landscape, its average for σ = {sigma:.2g}, and 25 climbers on it; beside it "
            "how far the throw flies at the end of every climb, over σ and the start.",
        )

    return Figure(
        "For which σ does climbing the average get over the wall?",
        "Choose *σ*, guess, then press play. On the map stronger grey is a longer throw.",
        [
            Column([plot("landscape", "Landscape", "*J* and its average *F*, metres", 14.5,
                         height=230)], 1.3),
            Column([Panel("map", "Every σ and start", "start *θ*_{0}, rad",
                          Axis(0, 0.5, 4, unit="*σ*, rad"),
                          Axis(0, 1.5, (0, 0.5, 1, 1.5)), height=230)]),
        ],
        [Slider("sigma", "standard deviation σ in radians", "*σ*", 0.01, 0.5, 0.05, unit="rad",
                under="map")],
        draw,
        Clock(end=SHOWN, seconds=5, label="step"),
    )  # fmt: skip


@cache
def _climbers(lr: float, steps: int = 200) -> tuple[Tensor, Tensor]:
    """σ, (SIGMAS,), and SHOWN + 1 points of the climb from every start, (shown, SIGMAS, 25)."""
    sigmas = 0.01 * torch.arange(1, SIGMAS + 1, dtype=torch.float64)
    starts = torch.linspace(0.03, 1.47, 25, dtype=torch.float64)
    theta = starts.expand(SIGMAS, -1)
    paths = [theta]
    for step in range(1, steps + 1):
        theta = theta + lr * WALL.smoothed_grad(theta[..., None], sigmas[:, None])[..., 0]
        if step % (steps // SHOWN) == 0:
            paths.append(theta)
    return sigmas, torch.stack(paths)


def _swarm(path: Tensor, sigma: float, over: Tensor) -> list[Mark]:
    """J, F and the climbers on F; those that end over the wall are green from the first step on."""
    steps = torch.arange(len(path))
    grid = torch.linspace(0, math.pi / 2, 161, dtype=torch.float64)
    height = WALL.smoothed(path[..., None], sigma)
    first = (steps == 0)[:, None]
    seen = height.masked_fill(first, math.nan)
    return [
        *landscape(WALL),
        m.curve(grid, WALL.smoothed(grid[:, None], sigma), "truth"),
        m.points(path, height.masked_fill(~first, math.nan), kind="ball", t=steps),
        m.points(path[:, over], seen[:, over], "gradient", kind="ball", t=steps),
        m.points(path[:, ~over], seen[:, ~over], "wrong", kind="cross", t=steps),
    ]


def _ends(ends: Tensor) -> list[Mark]:
    """How far the throw flies at the end of each climb, as greys over σ and the start."""
    greys = (ends.T - WALL.x_w) / (WALL.optimum.value - WALL.x_w)
    return [
        m.image(greys, (0.005, 0.01 * SIGMAS + 0.005), (0.0, 1.5)),
        m.text(0.02, 0.2, "never move", "ink", halo=False),
        m.text(0.21, 0.9, "over the wall", "ink", align="center"),
        m.text(0.425, 0.9, "behind", "ink", align="center", halo=False),
        m.text(0.425, 0.78, "the wall", "ink", align="center", halo=False),
    ]


# --- a σ that falls -------------------------------------------------------------------------


def anneal(
    climb: Climb | None = None, *, first: float = 0.35, last: float = 0.05, theta: float = 0.3
) -> Figure:
    """Gradient ascent on F while σ falls from `first` to `last`, by the same factor at every step.

    The learning rate falls with σ, as η σ / σ_first, or stays. `climb(grad, theta0, lr, sigmas)`,
    if given, takes the place of ours and sees to the rate itself: it gets ∇F as a function of θ,
    any shape, and σ, a start () in rad, the first rate and a σ for each step, (steps,); it returns
    the path, (steps + 1,), start included.
    """
    table = _averages()

    def draw(now: SimpleNamespace) -> Picture:
        sigmas = _schedule(now.first, now.last)
        if climb is None:
            path = _path(now.theta0, sigmas, now.slower)
        else:
            path = _students_path(climb, now.theta0, sigmas)
        reached = WALL(path[:, None])
        shown = torch.cat((sigmas[:1], sigmas))  # F of the step just made
        steps = torch.arange(STEPS + 1)
        average = WALL.smoothed(path[:, None], shown)
        return Picture(
            panels={
                "landscape": [
                    *landscape(WALL),
                    m.moving_curve(table.theta, table.at(shown), "truth", t=steps),
                    m.points(path[:, None], average[:, None], kind="current", t=steps),
                    m.handle(now.theta0, 0, {"x": "theta0"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "steps": [
                    m.curve(steps, reached, "sample", t=steps),
                    m.points(steps[:, None], reached[:, None], kind="current", t=steps),
                ],
            },
            readout=[
                [f"step **{k}**" for k in range(STEPS + 1)],
                [f"*σ* = **{s:.3f}** rad" for s in shown.tolist()],
                [f"*θ* = **{at:.3f}** rad" for at in path.tolist()],
                [f"*J*(*θ*) = **{j:.2f} m**" for j in reached.tolist()],
            ],
            aside=[""] * STEPS + [f"the best throw reaches {WALL.optimum.value:.2f} m"],
            alt="The landscape and its average, which changes as σ falls, with the climber on the "
            "average; beside it the distance of the throw after every step.",
        )

    rate = Toggle("slower", "Lower the rate", "Keep the rate", start=True)
    return Figure(
        "Which schedule of σ ends with the longest throw?",
        "Set the first and the last *σ*, guess, then press play. The blue average changes as *σ* "
        "falls.",
        [
            Column([plot("landscape", "Landscape", "*J* and its average *F*, metres", 14.5,
                         height=230)], 1.3),
            Column([Panel("steps", "Without noise", "*J*(*θ*) after each step, metres",
                          Axis(0, STEPS, 4, unit="step"), Axis(0, 14.5, 4), height=230)]),
        ],
        [
            Slider("theta0", "start θ0 in radians", "*θ*_{0}", 0, 1.57, theta, under="landscape"),
            Slider("first", "first σ in radians", "first *σ*", 0.01, 1, first, unit="rad"),
            Slider("last", "last σ in radians", "last *σ*", 0.01, 1, last, unit="rad"),
            *([rate] if climb is None else []),
        ],
        draw,
        Clock(end=STEPS, seconds=6, label="step", under="steps"),
    )  # fmt: skip


def _schedule(first: float, last: float) -> Tensor:
    if first == last:
        return torch.full((STEPS,), first, dtype=torch.float64)
    return annealed(first, last, STEPS)


def _path(theta0: float, sigmas: Tensor, slower: bool) -> Tensor:
    """The points of the climb, (STEPS + 1,)."""
    rates = RATE * (sigmas / sigmas[0] if slower else torch.ones_like(sigmas))
    return ascend(
        torch.tensor([theta0], dtype=torch.float64),
        lambda theta, sigma, step: rates[step] * WALL.smoothed_grad(theta, sigma),
        sigmas,
        lambda points: torch.optim.SGD(points, lr=1.0),
    )[:, 0]


def _students_path(climb: Climb, theta0: float, sigmas: Tensor) -> Tensor:
    def grad(theta: Tensor, sigma: float | Tensor) -> Tensor:
        return WALL.smoothed_grad(theta[..., None], sigma)[..., 0]

    start = torch.tensor(theta0, dtype=torch.float64)
    path = torch.as_tensor(climb(grad, start, RATE, sigmas))
    if path.shape != (STEPS + 1,):
        raise ValueError(
            f"your ascent returned shape {tuple(path.shape)} for {STEPS} steps; the start and "
            f"every step are wanted, ({STEPS + 1},)"
        )
    return path.detach().to(start)


class _Averages:
    """F on a grid of θ for a grid of σ, since a hundred of them at once would take too long."""

    def __init__(self) -> None:
        self.theta = torch.linspace(0, math.pi / 2, 161, dtype=torch.float64)
        self.sigma = 0.01 * 100 ** torch.linspace(0, 1, 121, dtype=torch.float64)
        self.F = WALL.smoothed(self.theta[:, None], self.sigma[:, None])

    def at(self, sigma: Tensor) -> Tensor:
        """F for each σ, (k, 161), on a line between the two nearest: exact to a pixel."""
        place = (sigma / 0.01).log() / math.log(100) * (len(self.sigma) - 1)
        below = place.floor().clamp(0, len(self.sigma) - 2).long()
        part = (place - below)[:, None]
        return (1 - part) * self.F[below] + part * self.F[below + 1]


@cache
def _averages() -> _Averages:
    return _Averages()
