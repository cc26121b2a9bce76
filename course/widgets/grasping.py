"""Figures: a hand that trembles, worlds that differ, and where a robust hand closes."""

import math
from collections.abc import Sequence
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import lifts, worlds
from course.widgets import marks as m
from course.widgets.figure import (
    Axis,
    Choice,
    Clock,
    Column,
    Figure,
    NewNoise,
    Panel,
    Picture,
    Slider,
    Toggle,
    View,
)
from course.widgets.landscapes import drops, outline
from course.widgets.lifts import FRAME, HIGH, LOW
from course.widgets.marks import Mark
from course.widgets.worlds import GRID, LIFT, PARAMS, SOURCES
from smoothlib import first_order, leave_one_out, normal, zero_order

SAMPLES = 200
SIGMAS = torch.logspace(0, math.log10(30), 61, dtype=torch.float64)  # mm
REWARD = "height of the brick after 5 s, mm"


# --- a hand that trembles -------------------------------------------------------------------


def noisy_lift() -> Figure:
    """The lift at z, and on the landscape n tries around z with the gradients that they give."""
    table = lifts.simulated_lifts()

    def draw(now: SimpleNamespace) -> Picture:
        if not table.done():
            return lifts.waiting(PARAMS, now.z)
        here = lifts.lift_at(table.result(), PARAMS, now.z)
        n = round(now.n)
        eps = normal(int(now.seed), n, 1, dtype=torch.float64)
        at = torch.tensor([now.z], dtype=torch.float64)
        found = {
            "zero-order": zero_order(LIFT, at, now.sigma, eps, leave_one_out)[:, 0],
            "first-order": first_order(LIFT, at, now.sigma, eps)[:, 0],
        }
        truth = float(LIFT.smoothed_grad(at, now.sigma))
        return Picture(
            panels={
                "scene": [*lifts.closing(PARAMS, now.z), *lifts.scene(here, PARAMS),
                          lifts.ring(now.z)],
                "landscape": [
                    *objective(),
                    *_outcomes(),
                    m.line([LOW, now.z], [float(LIFT(at))] * 2, "link"),
                    m.points(at + now.sigma * eps, LIFT(at + now.sigma * eps)),
                    *_average(now.z, now.sigma, truth if now.truth else None),
                    *_gradients(now.z, now.sigma, found),
                ],
            },
            readout=[
                f"*z* = **{now.z:.0f} mm**",
                *(f"{name} **{_error(rows)}**" for name, rows in found.items()),
                f"true slope **{truth:+.2f}**" if now.truth else "",
            ],
            aside="mm per mm",
            alt=f"A hand that closes about {now.z:.0f} mm above the table; beside it the height of "
            "the brick, its average over the noise, and two gradients as arrows.",
        )  # fmt: skip

    return Figure(
        "The hand trembles. Which way should it go?",
        "Drag *z*. Dots are tries around *z*; each arrow is a gradient estimated from them, with "
        "its standard error.",
        [Column([lifts.scene_panel()]), Column([_landscape_panel()])],
        [
            Slider("z", "height of the fingertips when they close, in millimetres", "*z*",
                   LOW, HIGH, 45, 1, unit="mm", format=".0f", under="landscape"),
            Slider("sigma", "noise of the hand's height in millimetres", "*σ*", 1, 20, 5,
                   unit="mm", format=".2~g", log=True),
            Slider("n", "number of tries", "*n*", 10, 1000, 50, format=".0f", log=True),
            Toggle("truth", "Show the truth", "Hide the truth"),
            NewNoise(),
        ],
        draw,
        Clock(end=5.0, seconds=5.0, step=FRAME, start=5.0, unit="s", under="scene",
              phases=lifts.phases(PARAMS)),
    )  # fmt: skip


def objective() -> list[Mark]:
    """The landscape of the nominal gripper, in mm, with its cliffs."""
    return [*drops(LIFT, LOW, HIGH), m.curve(*outline(LIFT, LOW, HIGH))]


def _outcomes() -> list[Mark]:
    """In words, at both ends: why the brick stays on the table there."""
    floor = LIFT.left[0]
    return [
        m.text(LOW, floor, "jams", "objective", dx=4, dy=14, halo=False),
        m.text(HIGH, floor, "misses", "objective", align="right", dy=14, halo=False),
    ]


def average_curve(sigma: float) -> Mark:
    """F over z."""
    z = torch.linspace(LOW, HIGH, 191, dtype=torch.float64)
    return m.curve(z, LIFT.smoothed(z[:, None], sigma), "truth")


def _landscape_panel(height: float | None = None) -> Panel:
    return Panel("landscape", "Reward", REWARD, Axis(LOW, HIGH, (-20, 0, 20, 40, 60),
                 unit="*z*, mm"), lifts.height_axis(True), height=height)  # fmt: skip


def _value(z: float, sigma: float) -> float:
    return float(LIFT.smoothed(torch.tensor([z], dtype=torch.float64), sigma))


def _average(z: float, sigma: float, truth: float | None) -> list[Mark]:
    """F, the point on it, and, once it may be seen, its slope there."""
    mean = _value(z, sigma)
    exact = [] if truth is None else [_arrow(z, mean, truth, "truth", 44)]
    return [
        average_curve(sigma),
        m.line([z, z], [0, mean], "guide"),
        *exact,
        m.points(z, mean, "truth", kind="ball"),
    ]


def _arrow(z: float, mean: float, slope: float, role: str, length: float) -> Mark:
    """Uphill, as steep as the slope; level and short where there is none."""
    way = math.copysign(1, slope) if slope else 1.0
    return m.arrow(z, mean, way, abs(slope), role, length=length if slope else 1)


def _gradients(z: float, sigma: float, found: dict[str, Tensor]) -> list[Mark]:
    """Two arrows of equal length, and in the upper corner their names and numbers."""
    mean = _value(z, sigma)
    marks = []
    for k, (name, rows) in enumerate(found.items()):
        role = ROLES[name]
        marks += [
            _arrow(z, mean, float(rows.mean()), role, 70),
            m.text(HIGH, 396, f"{name} **{_error(rows)}**", role, align="right", dy=14 + 18 * k,
                   size=13),
        ]  # fmt: skip
    return marks


def _error(rows: Tensor) -> str:
    return f"{float(rows.mean()):+.2f} ± {worlds.standard_error(rows):.2f}"


ROLES = {"zero-order": "gradient", "first-order": "first"}


# --- worlds that differ ---------------------------------------------------------------------


def what_smooths() -> Figure:
    """The landscapes of 24 worlds and their average; the gradients at z from tries in any of them.

    What differs is chosen; the place of the brick is simulated in the background, the rest known
    in closed form.
    """
    table = worlds.off_centre_table()

    def draw(now: SimpleNamespace) -> Picture:
        source = SOURCES[now.what]
        if source.heights is SOURCES["place of the brick"].heights and not table.done():
            return _not_yet(now.z)
        heights = source.heights(now.spread)
        average = heights.mean(0)
        mean, truth = worlds.smoothed(average, now.z, now.sigma)
        draws = worlds.draw(heights, now.z, now.sigma, SAMPLES, int(now.seed))
        found = {"zero-order": draws.zero_order(now.sigma), "first-order": draws.slopes}
        return Picture(
            panels={
                "worlds": [
                    *_worlds(heights, average),
                    m.line([now.z, now.z], [0, mean], "guide"),
                    m.points(now.z, mean, "truth", kind="ball"),
                    m.handle(now.z, 0, {"x": "z"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "gradients": _rows(truth, found),
            },
            readout=[
                f"{source.words} **{now.spread:.3g} {source.unit}**".replace(" %", "\u2009%"),
                f"true slope **{truth:+.2f}**",
                *(f"{name} **{_error(rows)}**" for name, rows in found.items()),
            ],
            alt="Landscapes of 24 worlds with their average; beside it the true slope at z and "
            "two estimates with their errors.",
        )  # fmt: skip

    views = {name: View((), [_spread(source)]) for name, source in SOURCES.items()}
    first = next(iter(SOURCES))
    return Figure(
        "Every try in another world. What does the average look like?",
        "Choose what differs from try to try, and how much. The hand trembles by *σ*, and each try "
        "is in a world of its own.",
        [
            Column([Panel("worlds", "Reward", "in 24 worlds, and their average, mm",
                          Axis(LOW, HIGH, (-20, 0, 20, 40, 60), unit="*z*, mm"),
                          Axis(0, 300, (0, 100, 200)), height=260)], 1.2),
            Column([Panel("gradients", "Gradients at *z*",
                          f"from {SAMPLES} tries, ± 2 standard errors",
                          Axis(-26, 26, (-20, -10, 0, 10, 20)), Axis(3.6, 0.2, ()), margin=8)]),
        ],
        [
            Choice("what", "What differs", views, first),
            *views[first].sliders,
            Slider("z", "height of the fingertips when they close, in millimetres", "*z*",
                   LOW, HIGH, 45, 1, unit="mm", format=".0f", under="worlds"),
            Slider("sigma", "noise of the hand in millimetres", "*σ*", 0.5, 10, 3, unit="mm",
                   format=".2~g", log=True),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def _spread(source: worlds.Source) -> Slider:
    low, start, high = source.range
    return Slider("spread", f"{source.words} in {source.unit}", "spread", low, high, start,
                  1, unit=source.unit, format=".0f")  # fmt: skip


def _not_yet(z: float) -> Picture:
    ground = m.text(LOW, 30, "simulating 1247 lifts", dx=8)
    ring = m.handle(z, 0, {"x": "z"}, arrows=[(1, 0), (-1, 0)])
    return Picture({"worlds": [ground, ring], "gradients": []}, ["simulating"],
                   "An empty picture while lifts are simulated.", unfinished=True)  # fmt: skip


def _worlds(heights: Tensor, average: Tensor) -> list[Mark]:
    """Every second world, pale and broken at its cliffs, and the average of all."""
    shown = (GRID >= LOW) & (GRID <= HIGH)
    z, some = GRID[shown], heights[::2][:, shown].clone()
    cliff = some.diff(dim=1).abs() > worlds.CLIFF
    some[:, 1:][cliff] = math.nan
    return [
        m.curve(z.expand(len(some), -1), some, "objective", width=1.25, ghost=True),
        m.curve(z, average[shown], "truth"),
        m.text(20, float(average[GRID == 20]), "average", "truth", align="center", dy=24),
    ]


def _rows(truth: float, found: dict[str, Tensor]) -> list[Mark]:
    marks: list[Mark] = [
        m.curve([truth, truth], [0, 9], "truth", width=2),
        m.text(-25, 0.62, f"slope of the average **{truth:+.2f}**", "truth"),
    ]
    for k, (name, rows) in enumerate(found.items(), 1):
        error = 2 * worlds.standard_error(rows)
        marks += [
            m.text(-25, k + 0.52, f"{name} **{_error(rows)}**", ROLES[name]),
            m.measured(float(rows.mean()), k + 0.85, error, ROLES[name], axis="x", kind="mean"),
        ]
    return marks


# --- a robust grasp -------------------------------------------------------------------------


def robust_grasp() -> Figure:
    """The top of the average moves away from the cliff as the noise grows; only σ² + τ² counts."""
    tops = best_heights(SIGMAS.tolist())

    def draw(now: SimpleNamespace) -> Picture:
        width = math.hypot(now.sigma, now.tau)
        (top,) = best_heights([width])
        reached, trained = _value(top, width), float(LIFT(torch.tensor([top]).double()))
        return Picture(
            panels={
                "landscape": [
                    *objective(),
                    *_outcomes(),
                    average_curve(width),
                    m.line([top, top], [0, reached], "guide"),
                    m.points(top, reached, "truth", kind="current"),
                    m.text(top, reached, f"*z* = **{top:.1f}**", "truth", dy=-14, align="center"),
                ],
                "tops": [
                    m.curve(SIGMAS, tops, "truth"),
                    m.line([width, width], [-20, top], "link"),
                    m.points(width, top, "truth", kind="current"),
                    m.curve([1, 30], [float(LIFT.optimum.theta)] * 2, "objective", width=1.5,
                            dash=(2, 3)),
                    m.text(30, float(LIFT.optimum.theta), "best without noise", "objective",
                           align="right", dy=-8),
                ],
            },
            readout=[
                f"√(*σ*² + *τ*²) = **{width:.2f} mm**",
                f"best *z* = **{top:.1f} mm**",
                f"average there **{reached:.1f} mm**",
                f"without noise **{trained:.1f} mm**",
            ],
            alt=f"The landscape and its average for a noise of {width:.1f} mm, whose top is at "
            f"{top:.1f} mm; beside it the place of the top over the noise.",
        )  # fmt: skip

    return Figure(
        "Where should a hand close that never comes out quite where it was sent?",
        "The hand trembles by *σ*, its height sensor is off by *τ*. Find two settings with the "
        "same blue curve.",
        [
            Column([_landscape_panel(250)], 1.2),
            Column([Panel("tops", "Top of the average", "*z*, mm",
                          Axis(1, 30, (1, 3, 10, 30), "~g", unit="noise, mm", log=True),
                          Axis(-16, 22, (-10, 0, 10, 20)))]),
        ],
        [
            Slider("sigma", "noise of the hand in millimetres", "*σ*", 1, 20, 5, 0.5, unit="mm",
                   format=".1f"),
            Slider("tau", "error of the height sensor in millimetres", "*τ*", 0, 20, 0, 0.5,
                   unit="mm", format=".1f"),
        ],
        draw,
    )  # fmt: skip


def best_heights(sigmas: Sequence[float]) -> list[float]:
    """The z in mm at which F is highest, for each σ in mm: to 0.01 mm, from two grids."""
    found = []
    for sigma in sigmas:
        z = torch.linspace(LIFT.x[0], LIFT.x[-1], 200, dtype=torch.float64)
        for _ in range(2):
            k = int(LIFT.smoothed(z[:, None], sigma).argmax())
            low, high = float(z[max(k - 1, 0)]), float(z[min(k + 1, len(z) - 1)])
            z = torch.linspace(low, high, 101, dtype=torch.float64)
        found.append(float(z[int(LIFT.smoothed(z[:, None], sigma).argmax())]))
    return found
