"""A figure: a little of the honest estimate, a little of the quiet one, and how far off that is."""

from dataclasses import dataclass
from types import SimpleNamespace

import torch

from course.widgets import marks as m
from course.widgets.contest import REPEATS, TASKS, batches, measured
from course.widgets.figure import (
    Axis,
    Choice,
    Column,
    Figure,
    NewNoise,
    Panel,
    Picture,
    Slider,
    Toggle,
    View,
)
from course.widgets.marks import Mark
from smoothlib import Mixing

FEW, MANY = 5, 500
ALPHA = torch.linspace(0, 1, 201, dtype=torch.float64)


@dataclass(frozen=True)
class _Look:
    """What a task's panels show: errors up to `top`, and gradients from `low` to `high`."""

    top: float
    low: float
    high: float
    ticks: tuple[float, ...]


LOOKS = {
    "ball over the wall": _Look(34, -30, 62, (-20, 0, 20, 40, 60)),
    "gripper": _Look(4.5, -4, 11, (-4, 0, 4, 8)),
    "balanced stick": _Look(1.5, -4.6, 0.8, (-4, -3, -2, -1, 0)),
    "ripples": _Look(1.8, -3, 3, (-2, 0, 2)),
    "steep ramp": _Look(3.0, -0.4, 4.4, (0, 1, 2, 3, 4)),
}


def mixture() -> Figure:
    """The error of α first-order + (1 - α) zero-order over α: measured, and exact when asked."""

    def draw(now: SimpleNamespace) -> Picture:
        n, truth = round(now.n), TASKS[now.task].truth
        drawn = batches(now.task, MANY, int(now.seed)).upto(n)
        first, zero = drawn.first[..., 0].mean(-1), drawn.zero[..., 0].mean(-1)
        mixed = now.alpha * first + (1 - now.alpha) * zero
        tried = [now.alpha, *(there.alpha for there in now.earlier)]
        found = [measured(a * first + (1 - a) * zero, truth) for a in tried]
        off, root = float(mixed.mean()) - truth, found[0]
        spread = float(mixed.std())
        unit = f" {TASKS[now.task].unit}".rstrip()
        top = LOOKS[now.task].top
        return Picture(
            panels={
                "error": [
                    *(_exact(TASKS[now.task].mixing(n), n, top) if now.shown else []),
                    m.line([now.alpha, now.alpha], [0, min(root.rmse, top)], "guide"),
                    *(m.measured(a, e.rmse, 2 * e.standard_error, "sample",
                                 kind="mean" if a == now.alpha else "point")
                      for a, e in zip(tried, found, strict=True) if e.rmse < top),
                    m.handle(now.alpha, 0, {"x": "alpha"}, core=False,
                             arrows=[(1, 0), (-1, 0)]),
                ],
                "pile": [
                    m.curve([truth, truth], [0, 1], "truth", width=2),
                    m.histogram(mixed, "sample", lift=6),
                    m.text(truth, 1, f"truth {truth:.3g}", "truth", dx=6, dy=12),
                ],
            },
            readout=[
                f"*α* = **{now.alpha:.2f}**",
                f"off on average by **{off:+.3g}** ± {spread / REPEATS**0.5:.2g}",
                f"spread **{spread:.3g}**",
                f"error **{root.rmse:.3g}** ± {root.standard_error:.2g}{unit}",
            ],
            aside=f"{REPEATS} batches of {n}",
            alt="The error of a mixture over the share of the first-order estimate, at "
            f"{len(tried)} shares; beside it {REPEATS} mixtures about the true gradient.",
        )  # fmt: skip

    views = {task: View(_panels(look)) for task, look in LOOKS.items()}
    start = next(iter(LOOKS))
    return Figure(
        "How much of the quiet estimate would you take?",
        "Drag *α*: 0 is all zero-order, 1 is all first-order, both from the same samples. Rings "
        "are errors of the mixtures you tried.",
        [Column(views[start].panels[:1], 1.25), Column(views[start].panels[1:])],
        [
            Choice("task", "Task", views, start),
            Slider("alpha", "share alpha of the first-order estimate", "*α*", 0, 1, 0.5, 0.01,
                   under="error"),
            Slider("n", "samples in a batch", "*n*", FEW, MANY, 50, format=".0f", log=True),
            Toggle("shown", "Show exact curves", "Hide exact curves"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def _panels(look: _Look) -> list[Panel]:
    return [
        Panel("error", "Error of the mixture", "root mean square",
              Axis(0, 1, (0, 0.25, 0.5, 0.75, 1)), Axis(0, look.top, 4), height=270, right=62),
        Panel("pile", "The mixtures", "mean of a batch", Axis(look.low, look.high, look.ticks),
              Axis(0, 1, ()), height=270, margin=8),
    ]  # fmt: skip


def _exact(mix: Mixing, n: int, top: float) -> list[Mark]:
    """Bias, spread and error over α, and where spread and error are least."""
    lines = {
        "bias": ((ALPHA * mix.bias).abs(), "wrong", (7, 5)),
        "spread": ((mix.variance(ALPHA) / n).sqrt(), "objective", ()),
        "error": (mix.rmse(ALPHA, n), "truth", ()),
    }
    quiet, near = float(mix.quietest), float(mix.nearest(n))
    lows = [
        (quiet, float((mix.variance(quiet) / n).sqrt()), "objective", "least spread", -10),
        (near, float(mix.rmse(near, n)), "truth", "least error", -34),
    ]
    marks = [m.curve(ALPHA, y.where(y < top, torch.nan), role, dash=dash)
             for y, role, dash in lines.values()]  # fmt: skip
    for at, height, role, words, dy in lows:
        if height < top:
            side = m.text(at, height, words, role, dx=8, dy=dy)
            if at > 0.7:
                side = m.text(at, height, words, role, dx=-8, dy=dy, align="right")
            marks += [m.points(at, height, role, kind="ball"), side]
    ends = sorted((min(float(y[-1]), top), name) for name, (y, _, _) in lines.items())
    at = -torch.inf
    for end, name in ends:
        at = max(end, at + top * 0.075)
        role = lines[name][1]
        marks.append(m.text(1, at, name, role, dx=8, dy=4))
    return marks
