"""Figure: a printed formula against two measurements that share no line of code."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.marks import Mark
from smoothlib import BallThrow, normal

THROW = BallThrow()
SAMPLES = 10_000
APART = 0.1  # rad, from θ to each of the two averages of a difference


def printed_slope() -> Figure:
    """The slope of the average cost -J without a wall: exact, as printed, and measured twice."""

    def draw(now: SimpleNamespace) -> Picture:
        theta = torch.linspace(0, 1.5, 61, dtype=torch.float64)
        exact = -THROW.smoothed_grad(theta[:, None], now.sigma)[:, 0]
        printed = _printed(theta, now.sigma)
        at = torch.linspace(0.25, 1.25, 5, dtype=torch.float64)
        between, slopes = _differences(at, now.sigma, now.seed), _slopes(at, now.sigma, now.seed)
        gap = _gap(now.sigma)
        return Picture(
            panels={
                "slope": [
                    m.curve(theta, exact, "truth"),
                    m.curve(theta, printed, "wrong", dash=(7, 5)),
                    m.measured(at - 0.012, between[0], 1.96 * between[1], "sample"),
                    m.measured(at + 0.012, slopes[0], 1.96 * slopes[1], "first"),
                    m.text(1.5, float(exact[-1]), "exact", "truth", dx=8, dy=-6),
                    m.text(1.5, float(printed[-1]), "printed", "wrong", dx=8, dy=12),
                ],
                "gap": _gaps(now.sigma),
            },
            readout=[
                f"at *θ* = 1.25: exact **{-float(THROW.smoothed_grad(at[-1:], now.sigma)):.2f}**",
                f"differences **{float(between[0][-1]):.2f}** ± {float(between[1][-1]):.2f}",
                f"slopes **{float(slopes[0][-1]):.2f}** ± {float(slopes[1][-1]):.2f}",
                f"printed **{float(_printed(at, now.sigma)[-1]):.2f}**",
            ],
            aside=f"{100 * abs(gap):.1f} % too {'low' if gap < 0 else 'high'}",
            alt="The slope of the average cost over the angle: the exact curve, the printed one, "
            "and two series of measurements; beside it how far off the printed one is for every σ.",
        )  # fmt: skip

    return Figure(
        "Two measurements, one printed formula. Which do you believe?",
        "Orange rings are differences of two averages, pink rings averages of slopes, each from "
        "10 000 throws of its own.",
        [
            Column([Panel("slope", "Slope of the average cost", "m/rad",
                          Axis(0, 1.5, (0, 0.5, 1), unit="*θ*, rad"), Axis(0, 21, 4), height=240,
                          right=60)], 1.4),
            Column([Panel("gap", "Printed over exact", "less 1, in percent",
                          Axis(0, 1.6, (0, 0.5, 1), unit="*σ*, rad"), Axis(-40, 40, 4),
                          height=240)]),
        ],
        [
            Slider("sigma", "standard deviation σ in radians", "*σ*", 0.05, 1.6, 0.5, 0.05,
                   unit="rad", under="gap"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def _differences(theta: Tensor, sigma: float, seed: int) -> tuple[Tensor, Tensor]:
    """Slopes between the average cost left and right of each θ, and their standard errors."""
    eps = normal(2 * seed, SAMPLES, 2 * len(theta), dtype=torch.float64)
    ends = torch.cat((theta - APART, theta + APART))
    cost = -THROW((ends + sigma * eps)[..., None])
    mean, error = cost.mean(0), cost.std(0) / math.sqrt(SAMPLES)
    left, right = mean.chunk(2)
    return (right - left) / (2 * APART), error.reshape(2, -1).norm(dim=0) / (2 * APART)


def _slopes(theta: Tensor, sigma: float, seed: int) -> tuple[Tensor, Tensor]:
    """Averages of the slope of the cost at samples around each θ, and their standard errors."""
    eps = normal(2 * seed + 1, SAMPLES, len(theta), dtype=torch.float64)
    slope = THROW.v * THROW.t * (theta + sigma * eps).sin()
    return slope.mean(0), slope.std(0) / math.sqrt(SAMPLES)


def _printed(theta: Tensor, sigma: float) -> Tensor:
    """The formula that is wrong: v t e^(-σ²/4) sin θ / √2."""
    return THROW.v * THROW.t / math.sqrt(2) * math.exp(-(sigma**2) / 4) * theta.sin()


def _gap(sigma: float) -> float:
    """Printed over exact, less 1: e^(σ²/4) / √2 - 1."""
    return math.exp(sigma**2 / 4) / math.sqrt(2) - 1


def _gaps(sigma: float) -> list[Mark]:
    grid = torch.linspace(0, 1.6, 81)
    curve = 100 * (torch.exp(grid**2 / 4) / math.sqrt(2) - 1)
    return [
        m.line([0, 1.6], [0, 0], "level"),
        m.curve(grid, curve, "wrong", dash=(7, 5)),
        m.line([sigma, sigma], [-40, 100 * _gap(sigma)], "guide"),
        m.points(sigma, 100 * _gap(sigma), "wrong", kind="current"),
        m.value("x", sigma, f"{sigma:.2f}", "wrong"),
    ]
