"""A figure: rules that make one gradient of two estimates, side by side on several tasks."""

import math
from functools import cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.contest import (
    CALLS,
    REPEATS,
    RULES,
    TASKS,
    Error,
    Mine,
    Rule,
    asked,
    batches,
    exact,
    trial,
)
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
from course.widgets.marks import Mark

FEW, MANY = 4, 512
BUDGETS = [4, 8, 16, 32, 64, 128, 256, 512]
FINE = torch.tensor([4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]).double()
ALWAYS = {"first-order": ("first", ()), "zero-order": ("gradient", ()),
          "best mixture": ("truth", (7, 5))}  # fmt: skip
RANGES = {
    "ball over the wall": (0.2, 60),
    "gripper": (0.01, 10),
    "balanced stick": (0.01, 4),
    "ripples": (0.01, 4),
    "steep ramp": (0.01, 10),
}
HEIGHT = 300


def rules(mine: Mine | None = None) -> Figure:
    """Errors of the rules over the number of samples, and all of them at one number.

    `mine(first, zero)`, if given, is put among them: it gets the rows of a batch of both
    estimates, (n, 1) each, and returns one gradient.
    """
    every = dict(RULES) if mine is None else {"yours": asked(mine)} | RULES

    for task in TASKS:  # what a first answer would otherwise wait for
        _exact(task), batches(task, MANY, 0)

    @cache
    def found(task: str, name: str, n: int, seed: int) -> Error:
        return trial(every[name], batches(task, MANY, seed).upto(n).parts())

    def draw(now: SimpleNamespace) -> Picture:
        n, seed = round(now.n), int(now.seed)
        chosen = now.rule if mine is None else "yours"
        here = {name: found(now.task, name, n, seed) for name in every}
        along = [found(now.task, chosen, k, seed) for k in BUDGETS]
        nearest = min(here, key=lambda name: here[name].rmse)
        low, high = RANGES[now.task]
        return Picture(
            panels={
                "budget": [
                    m.line([n, n], [low, high], "guide"),
                    *_curves(now.task, low, high),
                    *_measured(BUDGETS, along, low, high),
                    m.value("x", n, f"{n}", "ink"),
                ],
                "league": league(every, here, chosen, nearest, low, high),
            },
            readout=[
                f"{chosen} **{here[chosen].rmse:.3g}** ± {here[chosen].standard_error:.1g}",
                f"first-order **{here['first-order'].rmse:.3g}**",
                f"zero-order **{here['zero-order'].rmse:.3g}**",
            ],
            aside=f"{REPEATS if mine is None else CALLS} batches of {n}",
            alt=f"The error of the rule {chosen} and of both plain estimates over the number of "
            f"samples; beside it the errors of all rules at {n} samples.",
        )

    views = {task: View(_panels(len(every), *ends)) for task, ends in RANGES.items()}
    start = next(iter(RANGES))
    names = [name for name in every if name not in ("first-order", "zero-order")]
    choice = Choice("rule", "Rule", {name: View() for name in names}, "inverse variance")
    return Figure(
        "Which rule comes nearest, with how many samples?" if mine is None
        else "Your rule: how near does it come?",
        "Curves are exact, rings measured. *Best mixture* is what a mixture could reach whose "
        "*α* were told the truth.",
        [Column(views[start].panels[:1], 1.15), Column(views[start].panels[1:])],
        [
            Choice("task", "Task", views, start),
            *([choice] if mine is None else []),
            Slider("n", "samples in a batch", "*n*", FEW, MANY, 64, format=".0f", log=True,
                   under="budget"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def league(
    every: dict[str, Rule],
    here: dict[str, Error],
    chosen: str,
    nearest: str,
    low: float,
    high: float,
) -> list[Mark]:
    """A row for each rule: its name and its error, a ring with two standard errors.

    The chosen one is orange, the name of the nearest bold.
    """
    marks = []
    for k, (name, error) in enumerate(here.items()):
        row = len(here) - k - 0.5
        role = "sample" if name == chosen else every[name].role
        at = min(max(error.rmse, low), high)
        marks += [
            m.text(low, row, name, "ink" if name == nearest else "second", dx=-12,
                   dy=4, align="right", bold=name == nearest),
            m.measured(at, row, 2 * error.standard_error, role, axis="x",
                       kind="mean" if name == chosen else "point"),
            m.text(at, row, _short(error.rmse), role, dx=12 + 60 * (error.standard_error > at / 4),
                   dy=4),
        ]  # fmt: skip
    return marks


def _panels(rows: int, low: float, high: float) -> list[Panel]:
    ticks = [10.0**k for k in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    return [
        Panel("budget", "Error", "root mean square",
              Axis(FEW, MANY, (4, 16, 64, 256), "d", unit="*n*", log=True),
              Axis(low, high, ticks, "~g", log=True), height=HEIGHT, margin=44, right=92),
        Panel("league", "All of them", "at *n* samples", Axis(low, high, ticks, "~g", log=True),
              Axis(0, rows, ()), height=HEIGHT, margin=118, right=44),
    ]  # fmt: skip


@cache
def _exact(task: str) -> dict[str, Tensor]:
    return exact(task, FINE)


def _curves(task: str, low: float, high: float) -> list[Mark]:
    """The two plain estimates and the best mixture, with their names at the ends."""
    marks, ends = [], []
    for name, (role, dash) in ALWAYS.items():
        y = _exact(task)[name]
        marks.append(m.curve(FINE, y.where((y > low) & (y < high), math.nan), role, dash=dash))
        ends.append((float(y[-1]), name, role))
    apart, at = (high / low) ** (18 / HEIGHT), 0.0
    for end, name, role in sorted(ends):
        at = max(end, at * apart)
        marks.append(m.text(MANY, at, name, role, dx=8, dy=4))
    return marks


def _measured(budgets: list[int], along: list[Error], low: float, high: float) -> list[Mark]:
    root, error = (torch.tensor(part) for part in zip(*along, strict=True))
    inside = (root > low) & (root < high)
    x = torch.tensor(budgets)
    return [
        m.curve(x, root.where(inside, math.nan), "sample", width=1.5),
        m.measured(x[inside], root[inside], 2 * error[inside], "sample"),
    ]


def _short(x: float) -> str:
    return f"{x:.2g}" if x < 10 else f"{x:.0f}"
