"""A figure: do the slopes of a batch explain how much its scores vary?"""

import math
from collections.abc import Callable
from functools import cache
from statistics import NormalDist
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.contest import LEVEL
from course.widgets.figure import (
    Axis,
    Choice,
    Column,
    Figure,
    NewNoise,
    Panel,
    Picture,
    Slider,
    View,
)
from smoothlib import normal, unexplained
from smoothlib.smoothing import slope

REPEATS = 200
FEW, MANY = 5, 200
HEIGHT, WIDTH, WAVES = 2.0, 0.05, 4.0
GRID = torch.linspace(-3.5, 3.5, 1401, dtype=torch.float64)
LIMIT = NormalDist().inv_cdf(1 - LEVEL)
DASH = 0.13  # half the length of a drawn slope


def step(x: Tensor, z: float) -> Tensor:
    return x / 2 + HEIGHT * (x > z)


def ramp(x: Tensor, z: float) -> Tensor:
    return x / 2 + HEIGHT * ((x - z) / WIDTH + 0.5).clamp(0, 1)


def wave(x: Tensor, z: float) -> Tensor:
    return x / 2 + HEIGHT / 2 * (1 + torch.sin(WAVES * (x - z)))


LANDSCAPES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "a jump": step, "a short ramp": ramp, "waves": wave
}  # fmt: skip


def alarm() -> Figure:
    """A batch with its slopes, and how far the variance of scores exceeds what slopes explain."""

    def draw(now: SimpleNamespace) -> Picture:
        n, f = round(now.n), LANDSCAPES[now.what]
        eps = noise(int(now.seed))[:, :n]
        values, slopes = f(eps, now.z), slope(lambda x: f(x, now.z), eps)
        excess, error = unexplained(values, slopes[..., None], 1.0)
        score = (excess / error).nan_to_num(0.0)
        rings = float((score > LIMIT).double().mean())
        vary = float(values[0].var())
        verdict = "**alarm**" if score[0] > LIMIT else "no alarm"
        x, y, rise = eps[0, :, None], values[0, :, None], slopes[0, :, None]
        reach = DASH / (1 + rise**2).sqrt()
        return Picture(
            panels={
                "batch": [
                    m.curve(GRID, _broken(f, now.z)),
                    m.curve(torch.cat((x - reach, x + reach), 1),
                            torch.cat((y - reach * rise, y + reach * rise), 1), "first"),
                    m.points(eps[0], values[0], "sample"),
                    m.handle(now.z, -2, {"x": "z"}, core=False, arrows=[(1, 0), (-1, 0)]),
                ],
                "scores": [
                    m.line([LIMIT, LIMIT], [0, 1], "level"),
                    m.text(LIMIT, 1, "alarm", "ink", dx=6, dy=12),
                    m.histogram(score, "sample", lift=6),
                ],
            },
            readout=[
                f"scores vary by **{vary:.2f}**",
                f"slopes explain **{vary - float(excess[0]):.2f}**",
                f"excess **{float(excess[0]):+.2f}** ± {float(error[0]):.2g}: {verdict}",
            ],
            aside=f"rings in **{100 * rings:.0f} %** of batches",
            alt=f"A landscape with {now.what} and a batch of {n} samples with their slopes; beside "
            f"it the excess of {REPEATS} batches, in standard errors, and the limit of the alarm.",
        )  # fmt: skip

    start = next(iter(LANDSCAPES))
    return Figure(
        "Do the slopes explain what the scores do?",
        f"Left one batch with its slopes. Right the excess of {REPEATS} batches, in standard "
        "errors; beyond the line the alarm rings.",
        [
            Column([Panel("batch", "One batch", "scores and slopes",
                          Axis(-3.5, 3.5, (-3, -2, -1, 0, 1, 2, 3), "d", unit="*ε*"),
                          Axis(-2, 4.2, (-2, 0, 2, 4), "d"), height=250)], 1.2),
            Column([Panel("scores", "Scores less slopes", "in standard errors",
                          Axis(-7, 11, (-5, 0, 5, 10), "d"), Axis(0, 1, ()), height=250,
                          margin=8)]),
        ],
        [
            Choice("what", "Landscape", {name: View() for name in LANDSCAPES}, start),
            Slider("z", "place of the jump z", "*z*", -3, 3, 1.0, 0.05, under="batch"),
            Slider("n", "samples in a batch", "*n*", FEW, MANY, 50, format=".0f", log=True),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


@cache
def noise(seed: int) -> Tensor:
    """(REPEATS, MANY)."""
    return normal(seed, REPEATS * MANY, 1, dtype=torch.float64).reshape(REPEATS, MANY)


def _broken(f: Callable[[Tensor, float], Tensor], z: float) -> Tensor:
    """f over GRID, with a gap where it jumps."""
    y = f(GRID, z)
    leaps = (y.diff() > HEIGHT / 2).nonzero()[:, 0]
    return y.index_fill(0, leaps, math.nan)
