"""Figures: which step sizes are safe for a noisy gradient, and a climb by scores alone."""

import math
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.landscapes import landscape, plot
from smoothlib import BallWall, Objective, Quadratic, finite_difference, normal

Gradient = Callable[[Objective, Tensor, float, Tensor], Tensor]

CLIMBERS, STEPS, SIGMA = 300, 60, 0.1
LEAST, MOST = 1e-5, 1e5  # of the squared distance that the axis shows
RATE, CLIMB = 0.003, 100  # of the climb past the wall


def step_sizes() -> Figure:
    """Weight perturbation with one sample a step, from 300 starts, for every rate and dimension."""

    def draw(now: SimpleNamespace) -> Picture:
        d = round(now.d)
        square = _distances(int(now.seed), d, now.eta)
        exact = _mean_square(d, now.eta)
        median, mean = square.median(1).values, square.mean(1)
        factor = 1 - 2 * now.eta + (d + 2) * now.eta**2
        limit = 2 / (d + 2)
        steps = torch.arange(STEPS + 1)
        rates = torch.logspace(-3, math.log10(2), 61)
        return Picture(
            panels={
                "distance": [
                    m.curve(steps.expand(20, -1), square[:, :20].T.clamp(LEAST / 10, MOST * 10),
                            "sample", width=1, ghost=True),
                    m.line([0, STEPS], [1, 1], "level"),
                    m.curve(steps, exact.clamp(max=10 * MOST), "truth"),
                    m.curve(steps, mean.clamp(LEAST / 10, MOST * 10), "sample", dash=(6, 4)),
                    m.curve(steps, median.clamp(LEAST / 10, MOST * 10), "gradient"),
                    *_ends({"mean, exact": (exact, "truth"), "mean of 300": (mean, "sample"),
                            "median of 300": (median, "gradient")}),
                ],
                "map": [
                    m.band(rates, (2 / rates - 2).clamp(1, 200), 0 * rates + 200, "wrong"),
                    m.curve(rates, (2 / rates - 2).clamp(0.5, 400), "ink", width=1.5),
                    m.text(0.0013, 1.4, "the mean shrinks", "ink"),
                    m.text(1.8, 130, "the mean grows", "wrong", align="right", halo=False),
                    m.handle(now.eta, now.d, {"x": "eta", "y": "d"},
                             arrows=[(1, 0), (-1, 0), (0, 1), (0, -1)]),
                ],
            },
            readout=[
                f"limit 2/(*d* + 2) = **{limit:.3g}**",
                f"mean square × **{factor:.3g}** a step",
                f"median in the end **{float(median[-1]):.2g}**",
            ],
            aside="stable" if now.eta < limit else "unstable in the mean square",
            alt=f"The squared distance from the top over {STEPS} steps for d = {d} and η = "
            f"{now.eta:.2g}: its exact mean, the mean and the median of 300 climbers; beside it "
            "the limit 2/(d + 2).",
        )  # fmt: skip

    return Figure(
        "How large may a step be, if one sample is all you take?",
        "Drag the ring. 300 climbers start 1 away from the top of the hill −‖*x*‖²/2; *σ* = 0.1.",
        [
            Column([Panel("distance", "Squared distance from the top", "",
                          Axis(0, STEPS, 4, unit="step"),
                          Axis(LEAST, MOST, (1e-4, 1e-2, 1, 100, 1e4), log=True),
                          height=260, margin=54, right=96)], 1.3),
            Column([Panel("map", "Dimension", "*d*",
                          Axis(1e-3, 2, (0.001, 0.01, 0.1, 1), log=True, unit="*η*"),
                          Axis(1, 200, (1, 10, 100), log=True), height=260)]),
        ],
        [
            Slider("eta", "step size η", "*η*", 1e-3, 2, 0.5, format=".2~g", log=True, under="map"),
            Slider("d", "dimension d", "*d*", 1, 200, 1, format="d", log=True),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def climb_by_scores(
    gradient: Gradient | None = None,
    question: str = "Can scores alone climb past the wall?",
) -> Figure:
    """100 steps uphill on the wall's smoothed landscape, from a start and with noise to choose.

    `gradient(f, theta, sigma, eps)`, if given, takes the place of ours and returns the estimate
    from all samples, (1,).
    """
    wall = BallWall()

    def draw(now: SimpleNamespace) -> Picture:
        n = round(now.n)
        path = _climb(wall, gradient or _ours, now.theta0, now.sigma, n, int(now.seed))
        score = wall(path[:, None])
        smooth = wall.smoothed(path[:, None], now.sigma)
        steps = torch.arange(CLIMB + 1)
        theta = torch.linspace(0, math.pi / 2, 181, dtype=torch.float64)
        return Picture(
            panels={
                "landscape": [
                    *landscape(wall),
                    m.curve(theta, wall.smoothed(theta[:, None], now.sigma), "truth"),
                    m.line([now.theta0, now.theta0], [0, float(smooth[0])], "guide"),
                    m.points(path, smooth, kind="try", t=steps),
                    m.points(path[:, None], smooth[:, None], kind="current", t=steps),
                    m.handle(now.theta0, 0, {"x": "theta0"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "steps": [
                    m.curve(steps, smooth, "truth", t=steps),
                    m.curve(steps, score, "objective", width=1.5, t=steps),
                    m.text(CLIMB, float(smooth[-1]), "*F*", "truth", dx=8, dy=9),
                    m.text(CLIMB, float(score[-1]), "*f*", "objective", dx=8, dy=-3),
                ],
            },
            readout=[
                [f"step **{k}**" for k in steps.tolist()],
                [f"*θ* = **{at:.3f}**" for at in path.tolist()],
                [f"*F* = **{j:.2f} m**" for j in smooth.tolist()],
                [f"without noise *f* = **{j:.2f} m**" for j in score.tolist()],
            ],
            alt=f"The wall's landscape, smoothed with σ = {now.sigma:.2f}, and a climb on it from "
            f"θ = {now.theta0:.2f} by estimates from {n} throws a step.",
            aside=[f"{n * k} throws" for k in steps.tolist()],
        )

    return Figure(
        question,
        "Drag the start, then press play. Each step uses *n* throws and their scores, and nothing "
        "else.",
        [
            Column([plot("landscape", "Landscape", "*f* and *F*, metres", 14.5, height=230)], 1.2),
            Column([Panel("steps", "Progress", "metres, after each step",
                          Axis(0, CLIMB, 4, unit="step"), Axis(0, 14.5, 3), height=230, right=18)]),
        ],
        [
            Slider("theta0", "start θ0 in radians", "*θ*_{0}", 0, 1.57, 0.5, under="landscape"),
            Slider("sigma", "standard deviation σ", "*σ*", 0.02, 0.5, 0.2, 0.01, unit="rad"),
            Slider("n", "throws a step, n", "*n*", 1, 300, 10, format="d", log=True),
            NewNoise(),
        ],
        draw,
        Clock(end=CLIMB, seconds=6, label="step", under="steps"),
    )  # fmt: skip


def _ours(f: Objective, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    return finite_difference(f, theta, sigma, eps).mean(0)


def _climb(
    wall: BallWall, gradient: Gradient, start: float, sigma: float, n: int, seed: int
) -> Tensor:
    """θ after each step, (CLIMB + 1,)."""
    noise = normal(seed, CLIMB * n, 1, dtype=torch.float64).reshape(CLIMB, n, 1)
    theta = torch.tensor([start], dtype=torch.float64)
    path = [theta]
    for eps in noise:
        uphill = gradient(wall, theta, sigma, eps)
        if not isinstance(uphill, Tensor) or uphill.shape != theta.shape:
            shape = tuple(uphill.shape) if isinstance(uphill, Tensor) else repr(uphill)
            raise ValueError(
                f"your estimate is {shape}; a tensor of shape (1,) is wanted, as theta"
            )
        theta = theta + RATE * uphill.detach()
        path.append(theta)
    return torch.cat(path)


@lru_cache(2)
def _noise(seed: int) -> Tensor:
    """For all climbers and steps, in 200 dimensions."""
    return normal(seed, STEPS * CLIMBERS, 200).reshape(STEPS, CLIMBERS, 200)


def _distances(seed: int, d: int, eta: float) -> Tensor:
    """‖θ‖² of 300 climbers on -‖x‖²/2 after each step of one sample, (STEPS + 1, CLIMBERS)."""
    hill = Quadratic(-1.0)
    theta = torch.zeros(CLIMBERS, d)
    theta[:, 0] = 1.0
    path = [theta]
    for eps in _noise(seed)[..., :d]:
        w = SIGMA * eps
        theta = theta + eta * (hill(theta + w) - hill(theta))[:, None] * w / SIGMA**2
        theta = theta.clamp(-1e12, 1e12)  # where a climber has flown off, it stays off
        path.append(theta)
    return torch.stack(path).square().sum(-1)


def _mean_square(d: int, eta: float) -> Tensor:
    """E ‖θ‖² after each step, exactly."""
    factor = 1 - 2 * eta + (d + 2) * eta**2
    floor = eta**2 * SIGMA**2 / 4 * d * (d + 2) * (d + 4)
    values = [1.0]
    for _ in range(STEPS):
        values.append(min(factor * values[-1] + floor, 1e30))
    return torch.tensor(values)


def _ends(curves: dict[str, tuple[Tensor, str]]) -> list[m.Mark]:
    """The names at the right ends of curves on a logarithmic axis, pushed apart."""
    ends = {name: min(max(float(y[-1]), LEAST), MOST) for name, (y, _) in curves.items()}
    marks, above = [], MOST * 10
    for name in sorted(ends, key=ends.__getitem__, reverse=True):
        at = min(ends[name], above / 12)
        marks.append(m.text(STEPS, at, name, curves[name][1], dx=8, dy=4))
        above = at
    return marks
