"""A figure: a map of tasks, filled by experiment: which rule comes nearest in each cell?

The tasks are f(x) = x + (κ/2) x² + Δ 1{x > z}, at θ = 0 with σ = 1: lengths in units of the noise,
heights in units of slope times noise. So z is how far the jump is, Δ how high it is, and κ how
much the slope changes within the noise.
"""

import math
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.contest import RULES, SMALL, Batches, Error, Mine, Rule, asked, trial
from course.widgets.figure import (
    Axis,
    Choice,
    Column,
    Figure,
    Panel,
    Picture,
    Slider,
    Toggle,
    View,
)
from course.widgets.marks import Mark
from course.widgets.rules import league
from smoothlib import normal
from smoothlib.smoothing import density


class Setting(NamedTuple):
    """What a map is drawn for."""

    n: int
    kappa: float


SETTINGS = {
    "100 tries": Setting(100, 0.3),
    "10 tries": Setting(10, 0.3),
    "1000 tries": Setting(1000, 0.3),
    "100 tries, bent": Setting(100, 3.0),
}
COLUMNS, ROWS = 6, 5
FAR = 4.0
LOW, HIGH = 0.1, 10**1.5
SAMPLES, MOST = 100_000, 400  # of a cell: all samples, and batches at most
AT_ONCE = 6  # cells in which one answer tries a student's rule
NEARLY = 1.1  # as good as the best
SHORT = {"inverse variance": "inv. variance"}
CONTEST = ("first-order", "zero-order", "antithetic", "inverse variance", "switched", "guarded")

Cell = tuple[int, int]  # column, row
Errors = dict[str, Error]


def winners(mine: Mine | None = None) -> Figure:
    """Drag over a map of tasks; in each cell the rules are tried, and the nearest gives its name.

    A cell is named after the first rule of CONTEST, simplest first, whose error is within a tenth
    of the smallest. `mine(first, zero)`, if given, takes part, as the last.
    """
    every = {name: RULES[name] for name in CONTEST}
    if mine is not None:
        every["yours"] = asked(mine)
    known: dict[tuple[str, Cell], Errors] = {} if mine else dict(_ours())

    def errors(setting: str, cell: Cell) -> Errors:
        if (setting, cell) not in known:
            yours = contest({"yours": every["yours"]}, SETTINGS[setting], cell)
            known[setting, cell] = _ours()[setting, cell] | yours
        return known[setting, cell]

    def draw(now: SimpleNamespace) -> Picture:
        here = cell_of(now.z, now.jump)
        tried = dict.fromkeys([here, *(cell_of(e.z, e.jump) for e in now.earlier)])
        left = [cell for cell in CELLS if (now.setting, cell) not in known]
        if now.shown:
            tried |= dict.fromkeys(c for c in CELLS if c not in left[AT_ONCE:])
        filled = {cell: errors(now.setting, cell) for cell in tried}
        n, kappa = SETTINGS[now.setting]
        named = winner(filled[here])
        watched = ["first-order", "zero-order", "switched", *(["yours"] if mine else [])]
        return Picture(
            panels={
                "map": [
                    *(mark for cell in CELLS
                      for mark in _cell(cell, every, filled.get(cell), cell == here)),
                    *(_border(n, kappa) if now.shown else []),
                    m.handle(now.z, now.jump, {"x": "z", "y": "jump"}, core=False,
                             arrows=[(1, 0), (-1, 0), (0, 1), (0, -1)]),
                ],
                "league": league(every, filled[here], "yours", named, 0.01, 10),
            },
            readout=[
                f"here **{named}**",
                f"**{len(filled)}** of {len(CELLS)} cells",
                "worst: " + ", ".join(f"{name} **{worst(filled, name):.2g}×**" for name in watched),
            ],
            alt=f"A map over the distance and the height of a jump, {len(filled)} of its "
            f"{len(CELLS)} cells filled with the name of the rule that came nearest; beside it the "
            "errors of all rules in the chosen cell.",
            unfinished=now.shown and len(left) > AT_ONCE,
        )  # fmt: skip

    start = next(iter(SETTINGS))
    return Figure(
        "Which rule comes nearest, on which task?" if mine is None
        else "Your rule on the map: where does it win?",
        "Drag the ring to a cell and let go: the rules are tried there. *Worst* is a rule's error "
        "over the smallest of a cell.",
        [
            Column([Panel("map", "The nearest rule", "height of the jump, in slope times *σ*",
                          Axis(0, FAR, (0, 1, 2, 3, 4), unit="*z*, in *σ*"),
                          Axis(LOW, HIGH, (0.1, 1, 10), "~g", log=True), height=300, margin=36)],
                   1.7),
            Column([Panel("league", "Off by", "share of the true slope",
                          Axis(0.01, 10, (0.01, 0.1, 1, 10), "~g", log=True),
                          Axis(0, len(every), ()), height=300, margin=112, right=40)]),
        ],
        [
            Choice("setting", "Budget", {name: View() for name in SETTINGS}, start),
            Slider("z", "distance of the jump in sigma", "*z*", 0, FAR, 1.0, 0.05, under="map"),
            Slider("jump", "height of the jump", "*Δ*", LOW, HIGH, 1.3, format=".2g", log=True),
            Toggle("shown", "Fill the map", "Only what I tried"),
        ],
        draw,
        ghosts=10 * len(CELLS),
    )  # fmt: skip


# --- the contest in a cell ----------------------------------------------------------------


CELLS = [(column, row) for row in range(ROWS) for column in range(COLUMNS)]


def cell_of(z: float, jump: float) -> Cell:
    along = math.log(jump / LOW) / math.log(HIGH / LOW)
    column, row = int(COLUMNS * z / FAR), int(ROWS * along)
    return min(column, COLUMNS - 1), min(max(row, 0), ROWS - 1)


def task_of(cell: Cell) -> tuple[float, float]:
    """Distance and height of the jump in the middle of a cell."""
    column, row = cell
    return FAR * (column + 0.5) / COLUMNS, LOW * (HIGH / LOW) ** ((row + 0.5) / ROWS)


@cache
def noise(n: int) -> tuple[Tensor, ...]:
    """ε of as many batches of n as SAMPLES allow, in parts (R, n): the same in all cells."""
    repeats = min(MOST, SAMPLES // n)
    eps = normal(0, repeats * n, 1, dtype=torch.float64).reshape(repeats, n)
    return eps.split(SMALL // n)


def drawn(setting: Setting, cell: Cell, eps: Tensor) -> Batches:
    """Batches of the task of a cell; a gradient is in units of the true one."""
    (n, kappa), (z, jump) = setting, task_of(cell)
    added = jump * float(density(torch.tensor(z, dtype=torch.float64)))
    truth = 1 + added

    def f(x: Tensor) -> Tensor:
        return (x + kappa / 2 * x**2 + jump * (x > z)) / truth

    slopes = (1 + kappa * eps)[..., None] / truth
    return Batches(eps, f(eps), f(-eps[:, : n // 2]), slopes, 1.0, added / truth, 1.0)


@cache
def _ours() -> dict[tuple[str, Cell], Errors]:
    """The errors of our own rules in all cells: a second of work, once."""
    ours = {name: RULES[name] for name in CONTEST}
    return {
        (setting, cell): contest(ours, numbers, cell)
        for setting, numbers in SETTINGS.items()
        for cell in CELLS
    }


def contest(every: dict[str, Rule], setting: Setting, cell: Cell) -> Errors:
    parts = [drawn(setting, cell, eps) for eps in noise(setting.n)]
    return {name: trial(rule, parts) for name, rule in every.items()}


def winner(errors: Errors) -> str:
    """The first whose error is nearly the smallest."""
    best = min(error.rmse for error in errors.values())
    return next(name for name, error in errors.items() if error.rmse <= NEARLY * best)


def worst(filled: dict[Cell, Errors], name: str) -> float:
    """How many times the smallest error of its cell a rule was off, at most."""
    return max(
        errors[name].rmse / min(error.rmse for error in errors.values())
        for errors in filled.values()
    )


def border(n: int, kappa: float, z: Tensor) -> Tensor:
    """The height of a jump at z where slopes and scores are equally far off, for large n.

    n β² = v0 - v1 with β = Δφ(z), v1 = κ² and v0 the variance of zero-order with baseline F, whose
    parts are moments of a normal cut at z: a quadratic equation in Δ. nan where slopes win always.
    """
    phi, beyond = density(z), torch.special.ndtr(-z)
    second, third, fourth = (
        z * phi + beyond,
        (z**2 + 2) * phi,
        (z**3 + 3 * z) * phi + 3 * beyond,
    )
    cross = third + kappa / 2 * (fourth - second) - kappa * beyond - phi
    square = second * (1 - 2 * beyond) + beyond**2 - phi**2
    a, half, c = n * phi**2 - square, -cross, -(2 + 1.5 * kappa**2)
    root = (-half + (half**2 - a * c).clamp(min=0).sqrt()) / a
    return root.where((a > 0) & (half**2 > a * c), math.nan)


# --- drawing ------------------------------------------------------------------------------


def _cell(cell: Cell, every: dict[str, Rule], errors: Errors | None, here: bool) -> list[Mark]:
    """A tile, empty, or in the colour and with the name of its winner."""
    column, row = cell
    x = [FAR * (column + 0.03) / COLUMNS, FAR * (column + 0.97) / COLUMNS]
    low, high = (LOW * (HIGH / LOW) ** ((row + part) / ROWS) for part in (0.04, 0.96))
    tile = m.band(x, [low, low], [high, high], every[winner(errors)].role if errors else "tint")
    if not errors:
        return [tile]
    z, jump = task_of(cell)
    name, role = winner(errors), every[winner(errors)].role
    return [
        tile,
        m.text(z, jump, SHORT.get(name, name), role, align="center", dy=-14, bold=here, halo=False),
    ]


@cache
def _line(n: int, kappa: float) -> tuple[Tensor, Tensor]:
    z = torch.linspace(0, FAR, 201, dtype=torch.float64)
    height = border(n, kappa, z)
    return z, height.where((height > LOW) & (height < HIGH), math.nan)


def _border(n: int, kappa: float) -> list[Mark]:
    z, height = _line(n, kappa)
    seen = height.isfinite().nonzero()[:, 0]
    if not len(seen):
        return []
    end = int(seen[-1])
    return [
        m.curve(z, height, "truth", dash=(7, 5)),
        m.text(float(z[end]), float(height[end]), "(10.11)", "truth", dx=8, dy=26, halo=False),
    ]
