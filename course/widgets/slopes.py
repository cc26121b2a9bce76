"""Figures: the mean of the slopes beside the slope of the mean."""

import math
from collections.abc import Callable
from functools import cache, partial
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import (
    Axis,
    Choice,
    Clock,
    Column,
    Control,
    Figure,
    NewNoise,
    Panel,
    Picture,
    Slider,
    Toggle,
    View,
)  # fmt: skip
from course.widgets.marks import Mark
from course.widgets.samples import FALL, batches, landings, running_mean
from course.widgets.tabulated import Tabulated, mean_slope
from smoothlib import (
    BallThrow,
    BallWall,
    Heaviside,
    Objective,
    Wiggle,
    finite_difference,
    first_order,
    normal,
)  # fmt: skip
from smoothlib.smoothing import slope

Function = Callable[[Tensor], Tensor]

MEANS = batches(200)  # how many batch means lie after each step of the clock
MOST = batches(100_000)[10:]
MEASURED = 200  # samples behind each measured point
NUDGE = 1e-9  # close enough to a jump to show both of its edges
MAP_THETA, MAP_SIGMA = (0.05, 1.5), (0.02, 1.0)
TYPICAL = 33  # a seed whose first batch of 50 lies near its expectation on both rows
FAINT = 1e-3  # m/rad: a slope that nobody would notice


# --- two gradients from the same samples ---------------------------------------------------


def two_gradients() -> Figure:
    """The same samples on both rows: first-order averages slopes, zero-order averages chords."""
    wall = BallWall()
    here = _points(0.9)

    def draw(now: SimpleNamespace) -> Picture:
        n = round(now.n)
        eps = normal(TYPICAL + int(now.seed), MEANS[-1] * n, 1, dtype=torch.float64)
        truth = float(wall.smoothed_grad(here, now.sigma))
        found = {
            name: estimator(wall, here, now.sigma, eps).reshape(-1, n)
            for name, estimator in ESTIMATORS.items()
        }
        x = here + now.sigma * eps[:n]
        return Picture(
            panels={
                "first": [*_ground(wall, now.sigma), *_tangents(wall, x), *_here(wall, now)],
                "zero": [*_ground(wall, now.sigma), *_chords(wall, x), *_here(wall, now)],
                "first_means": _means(found["first"], "first", now.truth, truth),
                "zero_means": _means(found["zero"], "gradient", now.truth, truth),
            },
            readout=[
                _estimate("first-order", found["first"][0]),
                _estimate("zero-order", found["zero"][0]),
                f"true slope **{truth:+.2f}**" if now.truth else "",
            ],
            aside=[f"{k} batches of {n}" for k in MEANS],
            alt="Above, the samples with the slope at each and a pile of their means; below, the "
            "same samples with chords to the centre and a pile of theirs.",
        )

    scene = partial(Panel, x=Axis(0.6, 1.2, (0.7, 0.8, 0.9, 1.0, 1.1), ".1f", "*θ*, rad"),
                    y=Axis(3.5, 15.5, (5, 10)), height=170, right=20)  # fmt: skip
    pile = partial(Panel, x=Axis(-25, 55, (-20, 0, 20, 40)), y=Axis(0, 1, ()), height=170,
                   margin=8)  # fmt: skip
    return Figure(
        "Same samples, two gradients. Which one would you trust?",
        "Ball over the wall at *θ* = 0.9. Rings: the batch on the left, ± 2 standard errors. Dots: "
        "more batches.",
        [
            Column([
                scene("first", "First-order", "average the slopes"),
                scene("zero", "Zero-order", "average the chords, far ones weigh more"),
            ], 1.1),
            Column([
                pile("first_means", "Means of batches", "m/rad, each dot one batch"),
                pile("zero_means", "Means of batches", "m/rad, each dot one batch"),
            ]),
        ],
        [
            Slider("sigma", "noise sigma in radians", "*σ*", 0.03, 0.3, 0.1, 0.005),
            Slider("n", "samples in a batch", "*n*", 10, 500, 50, format=".0f", log=True),
            Toggle("truth", "Show the truth", "Hide the truth"),
            NewNoise(),
        ],
        draw,
        Clock(end=len(MEANS) - 1, seconds=10, label="batches"),
    )  # fmt: skip


def _ground(wall: BallWall, sigma: float) -> list[Mark]:
    """The objective, its cliff, and the smoothed objective."""
    theta = torch.linspace(0.55, 1.25, 141, dtype=torch.float64)
    return [
        *_objective(wall, theta),
        m.curve(theta, wall.smoothed(theta[:, None], sigma), "truth"),
        m.text(1.2, float(wall.smoothed(_points(1.2), sigma)), "*F*", "truth", dx=6, dy=4, size=14),
    ]


def _tangents(f: Function, x: Tensor) -> list[Mark]:
    """A dash along the slope at each sample, held above it in six layers."""
    half = 0.018
    rise = half * slope(f, x)
    lift = 0.6 + 0.3 * (torch.arange(len(x)) % 6)[:, None]
    middle = f(x)[:, None] + lift
    return [
        m.curve(torch.cat((x - half, x + half), 1), torch.cat((middle - rise, middle + rise), 1),
                "first", width=2.5),
        m.points(x, f(x)),
    ]  # fmt: skip


def _chords(f: Function, x: Tensor) -> list[Mark]:
    """Lines from the centre to each sample."""
    here = _points(0.9)
    ends = torch.cat((here.expand(len(x), 1), x), 1)
    return [
        m.curve(ends, torch.stack((f(here).expand(len(x)), f(x)), 1), "gradient", width=1.5,
                ghost=True),
        m.points(x, f(x)),
    ]  # fmt: skip


def _here(wall: BallWall, now: SimpleNamespace) -> list[Mark]:
    """The smoothed value at θ, and, once it may be seen, the true slope."""
    x, y = 0.9, float(wall.smoothed(_points(0.9), now.sigma))
    uphill = float(wall.smoothed_grad(_points(0.9), now.sigma))
    arrow = m.arrow(x, y, math.copysign(1, uphill), abs(uphill), "truth", length=46)
    return [*([arrow] if now.truth else []), m.points(x, y, "truth", kind="ball")]


def _means(rows: Tensor, role: str, shown: bool, truth: float) -> list[Mark]:
    """A dot for each batch mean; below them the first, with its error; the truth if it may show."""
    mean, error = rows[0].mean(), rows[0].std() / math.sqrt(rows.shape[1])
    line = [m.curve([truth, truth], [0, 1], "truth", width=2),
            m.text(truth, 0.93, f"truth {truth:+.2f}", "truth", dx=8)]  # fmt: skip
    return [
        *(line if shown else []),
        m.histogram(rows.mean(1), role, lift=30, t=landings(MEANS), fall=FALL),
        m.measured(mean, 0.075, 2 * error, role, axis="x", kind="mean"),
    ]


# --- objective, gradient and more samples --------------------------------------------------


def slope_of_the_mean(
    f: Function | None = None,
    window: tuple[float, float] = (-1.0, 1.0),
    question: str = "Is the mean of the slopes the slope of the mean?",
) -> Figure:
    """f and F, the gradient over θ, and what becomes of both estimates with more samples.

    `f`, if given, is any function from points (n, 1) to values (n,), drawn over `window`: a
    simulator, a reward of your own. Otherwise there is a list to choose from.
    """
    scenes = {"yours": _Scene(f, window)} if f else PROBLEMS
    views = {name: scene.view() for name, scene in scenes.items()}
    first = next(iter(scenes))

    def draw(now: SimpleNamespace) -> Picture:
        scene = scenes[getattr(now, "what", first)]
        at = _points(now.theta)
        truth = float(scene.f.smoothed_grad(at, now.sigma))
        limit = float(mean_slope(scene.f, at, now.sigma))
        rows = {
            name: estimator(scene.f, at, now.sigma, _noise(int(now.seed)))[:, 0]
            for name, estimator in ESTIMATORS.items()
        }
        return Picture(
            panels={
                "objective": _both(scene, now.theta, now.sigma),
                "gradient": [*_exact(scene, now.sigma), *_measured(scene, now)],
                "more": [*_limits(truth, limit), *_more(rows)],
            },
            readout=[
                f"slope of the mean **{truth:+.3g}**",
                _along("first-order", rows["first"]),
                _along("zero-order", rows["zero"]),
            ],
            aside=[f"*n* = {n:,}".replace(",", "\u2009") for n in MOST],
            alt="The objective and its smoothed form; below, the slope of the smoothed form, what "
            "first-order gradients tend to, and measured points; beside them both estimates at θ "
            "as samples are added.",
        )

    controls: list[Control] = [*views[first].sliders, NewNoise()]
    if f is None:
        controls.insert(0, Choice("what", "Objective", views, first))
    return Figure(
        question,
        f"Drag the ring. Each measured point has {MEASURED} samples, its bar two standard errors. "
        "Press play for more samples at *θ*.",
        [Column(views[first].panels[:2], 1.25), Column(views[first].panels[2:])],
        controls,
        draw,
        Clock(end=len(MOST) - 1, seconds=8, label="more samples"),
    )


class _Scene:
    """A function, the part of it that a figure shows, and where θ and σ start."""

    def __init__(
        self,
        f: Function,
        window: tuple[float, float],
        theta: float | None = None,
        sigma: float | None = None,
        unit: str = "",
    ) -> None:
        low, high = self.window = window
        self.theta = (low + high) / 2 if theta is None else theta
        self.sigma = (high - low) / 12 if sigma is None else sigma
        self.unit = unit
        self.sigmas = (0.7 * self.sigma, 4 * self.sigma)
        reach = 5 * self.sigmas[1]
        self.f = f if isinstance(f, Objective) else Tabulated(f, low - reach, high + reach)
        self.x = torch.linspace(low, high, 161, dtype=torch.float64)
        self.values = _room(self.f(self.x[:, None]), 0.15)
        exact = self.f.smoothed_grad(self.x[:, None], self.sigmas[0])
        limit = mean_slope(self.f, self.x[:, None], self.sigmas[0])
        self.slopes = _room(torch.cat((exact, limit)), 0.2)

    def view(self) -> View:
        low, high = self.window
        across = Axis(low, high, 5, unit="*θ*")
        step = 10 ** math.floor(math.log10((high - low) / 100))
        return View(
            [
                Panel("objective", "Objective", f"*f* and smoothed *F*{self.unit}", across,
                      self.values, height=150, right=20),
                Panel("gradient", "Slope of the mean", "and mean of the slopes", across,
                      self.slopes, height=150, right=20),
                Panel("more", "More samples", "at the same *θ*",
                      Axis(10, MOST[-1], (10, 100, 1000, 10_000, 100_000), "~s", log=True),
                      self.slopes, right=20),
            ],
            [
                Slider("theta", "point theta", "*θ*", low, high, self.theta, step,
                       under="gradient"),
                Slider("sigma", "noise sigma", "*σ*", *self.sigmas, self.sigma, format=".2~g",
                       log=True),
            ],
        )  # fmt: skip


def _room(values: Tensor, share: float) -> Axis:
    """An axis that holds the values, with a share of their range free at both ends."""
    low, high = float(values.min()), float(values.max())
    margin = share * ((high - low) or 1.0)
    return Axis(low - margin, high + margin, 4)


def _objective(f: Function, x: Tensor) -> list[Mark]:
    """f over x, and its jumps."""
    cliffs = f.jumps().within(float(x[0]), float(x[-1])).theta  # type: ignore[attr-defined]
    sides = torch.stack((cliffs - NUDGE, cliffs + NUDGE), 1)
    x = torch.cat((x, cliffs, sides.flatten())).sort().values
    value = f(x[:, None]).masked_fill(torch.isin(x, cliffs), math.nan)
    jumps = [m.line([float(a), float(a)], f(pair[:, None]).tolist(), "jump")
             for a, pair in zip(cliffs, sides, strict=True)]  # fmt: skip
    return [*jumps, m.curve(x, value)]


def _both(scene: _Scene, theta: float, sigma: float) -> list[Mark]:
    """f and F, and θ to drag."""
    low = scene.values.low
    height = float(scene.f.smoothed(_points(theta), sigma))
    smooth = scene.f.smoothed(scene.x[:, None], sigma)
    return [
        *_objective(scene.f, scene.x),
        m.curve(scene.x, smooth, "truth"),
        m.text(float(scene.x[-1]), float(smooth[-1]), "*F*", "truth", dx=6, dy=4, size=14),
        m.line([theta, theta], [low, height], "guide"),
        m.points(theta, height, "truth", kind="ball"),
        m.handle(theta, low, {"x": "theta"}, arrows=[(1, 0), (-1, 0)]),
    ]


def _exact(scene: _Scene, sigma: float) -> list[Mark]:
    """The slope of the mean, and the mean of the slopes, over θ."""
    column = scene.x[:, None]
    return [
        m.curve(scene.x, scene.f.smoothed_grad(column, sigma)[:, 0], "truth"),
        m.curve(scene.x, mean_slope(scene.f, column, sigma)[:, 0], "first", dash=(6, 4)),
    ]


def _measured(scene: _Scene, now: SimpleNamespace) -> list[Mark]:
    """Both estimates at ten points, and the line at θ."""
    low, high = scene.window
    eps = _noise(int(now.seed))[:MEASURED]
    apart = (high - low) / 160
    marks = [m.line([now.theta, now.theta], [scene.slopes.low, scene.slopes.high], "guide")]
    for name, role, side in (("first", "first", -1), ("zero", "gradient", 1)):
        at = torch.linspace(low, high, 11, dtype=torch.float64)[1:-1]
        rows = torch.cat([ESTIMATORS[name](scene.f, x[None], now.sigma, eps) for x in at], 1)
        error = 2 * rows.std(0) / math.sqrt(MEASURED)
        marks.append(m.measured(at + side * apart, rows.mean(0), error, role))
    return marks


def _limits(truth: float, limit: float) -> list[Mark]:
    ends, above = [10, MOST[-1]], 1 if truth >= limit else -1
    return [
        m.curve(ends, [truth, truth], "truth", width=2),
        m.curve(ends, [limit, limit], "first", width=2, dash=(6, 4)),
        m.text(ends[1], truth, "slope of the mean", "truth", align="right", dy=-10 * above),
        m.text(ends[1], limit, "mean of the slopes", "first", align="right", dy=10 * above + 8),
    ]


def _more(rows: dict[str, Tensor]) -> list[Mark]:
    """The running means, as far as the clock stands, the last with two standard errors."""
    steps = torch.arange(len(MOST))
    marks = []
    for name, role in (("zero", "gradient"), ("first", "first")):
        mean, error = running_mean(rows[name], MOST)
        marks += [
            m.curve(MOST, mean, role, t=steps),
            m.measured(torch.tensor(MOST)[:, None], mean[:, None], 2 * error[:, None], role,
                       kind="mean", t=steps),
        ]  # fmt: skip
    return marks


# --- where the sign is wrong ---------------------------------------------------------------


def wrong_way() -> Figure:
    """A map over θ and σ of where the mean of the slopes has the wrong sign; a point to drag."""
    wall = BallWall()
    theta = torch.linspace(*MAP_THETA, 120, dtype=torch.float64)
    grey = map_of_signs()

    def draw(now: SimpleNamespace) -> Picture:
        at = _points(now.theta)
        truth = float(wall.smoothed_grad(at, now.sigma))
        limit = float(mean_slope(wall, at, now.sigma))
        height = float(wall.smoothed(at, now.sigma))
        return Picture(
            panels={
                "map": [
                    m.image(grey, MAP_THETA, MAP_SIGMA),
                    m.text(0.42, 0.17, "points the wrong way", "ink", halo=False),
                    m.text(1.25, 0.3, "right way", "ink", align="center", halo=False),
                    m.text(0.12, 0.035, "nothing to see", "ink", halo=False),
                    m.handle(now.theta, now.sigma, {"x": "theta", "y": "sigma"},
                             arrows=[(1, 0), (-1, 0), (0, 1), (0, -1)]),
                ],
                "slopes": [
                    *_objective(wall, theta),
                    m.curve(theta, wall.smoothed(theta[:, None], now.sigma), "truth"),
                    *_arrow(now.theta, height, limit, "first"),
                    *_arrow(now.theta, height, truth, "truth"),
                    m.points(now.theta, height, "truth", kind="ball"),
                ],
            },
            readout=[
                f"*θ* = **{now.theta:.2f}**",
                f"slope of the mean **{truth:+.2f}**",
                f"mean of the slopes **{limit:+.2f}**",
                f"bias **{limit - truth:+.2f}** m/rad",
            ],
            alt="A map: grey where the mean of the slopes has the wrong sign, over θ and σ; beside "
            "it the objective, its smoothed form and both slopes at the chosen point.",
        )  # fmt: skip

    return Figure(
        "Where does the mean of the slopes point the wrong way?",
        "Ball over the wall. Guess a place, then drag the ring over the map.",
        [
            Column([Panel("map", "Sign", "of the first-order gradient, *σ* upwards",
                          Axis(*MAP_THETA, (0.25, 0.5, 0.75, 1, 1.25), unit="*θ*, rad"),
                          Axis(*MAP_SIGMA, (0.02, 0.1, 0.5), log=True), height=250)]),
            Column([Panel("slopes", "At that point", "*J* and *F*, metres",
                          Axis(*MAP_THETA, (0.25, 0.5, 0.75, 1, 1.25), unit="*θ*, rad"),
                          Axis(0, 15, (0, 5, 10)))]),
        ],
        [
            Slider("theta", "angle theta in radians", "*θ*", *MAP_THETA, 0.9, 0.01, under="map"),
            Slider("sigma", "noise sigma in radians", "*σ*", *MAP_SIGMA, 0.1, format=".2~g",
                   log=True),
        ],
        draw,
    )  # fmt: skip


@cache
def map_of_signs() -> Tensor:
    """0.6 where E J' and ∇F have opposite signs, 0.15 where not, nan where |∇F| < FAINT."""
    wall = BallWall()
    theta = torch.linspace(*MAP_THETA, 96, dtype=torch.float64)
    sigma = torch.logspace(
        math.log10(MAP_SIGMA[0]), math.log10(MAP_SIGMA[1]), 64, dtype=torch.float64
    )
    at, width = torch.broadcast_tensors(theta[None, :, None], sigma[:, None, None])
    truth = wall.smoothed_grad(at, width[..., 0])[..., 0]
    limit = mean_slope(wall, at, width[..., 0])[..., 0]
    grey = torch.where(truth * limit < 0, 0.6, 0.15)
    return grey.masked_fill(truth.abs() < FAINT, math.nan)


def _arrow(x: float, y: float, slope: float, role: str) -> list[Mark]:
    """Uphill along a slope."""
    way = math.copysign(1.0, slope)
    return [m.arrow(x, y, way, abs(slope), role, length=56, text=f"{slope:+.1f}")]


# --- shared --------------------------------------------------------------------------------


def _points(theta: float) -> Tensor:
    return torch.tensor([theta], dtype=torch.float64)


@cache
def _noise(seed: int) -> Tensor:
    return normal(seed, MOST[-1], 1, dtype=torch.float64)


def _estimate(name: str, rows: Tensor) -> str:
    error = float(rows.std()) / math.sqrt(len(rows))
    return f"{name} **{float(rows.mean()):+.2f}** ± {error:.2f}"


def _along(name: str, rows: Tensor) -> list[str]:
    """The estimate after each step of the clock."""
    mean, error = running_mean(rows, MOST)
    return [
        f"{name} **{a:+.3g}** ± {b:.2g}" for a, b in zip(mean.tolist(), error.tolist(), strict=True)
    ]


ESTIMATORS = {"first": first_order, "zero": finite_difference}
PROBLEMS = {
    "ball over the wall": _Scene(BallWall(), (0.3, 1.5), 0.9, 0.1, ", m"),
    "ball without a wall": _Scene(BallThrow(), (0.0, 1.5), 0.6, 0.1, ", m"),
    "a step": _Scene(Heaviside(), (-2.0, 2.0), 0.3, 0.5),
    "ripples on a dome": _Scene(-1 * Wiggle(omega=20.0), (-1.5, 1.5), -0.6, 0.2),
}
