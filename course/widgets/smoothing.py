"""Figures: a trembling hand, and what noise makes of a landscape."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor

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
from course.widgets.marks import Mark
from course.widgets.samples import FALL, batches, landings, running_mean
from smoothlib import (
    L1,
    BallThrow,
    BallWall,
    Heaviside,
    Objective,
    PassFailBar,
    PiecewiseLinear,
    Quadratic,
    Spike,
    Wiggle,
    normal,
)

Landscape = Callable[[Tensor], Tensor]

SAMPLES = 1000
CLOUD = 60


# --- a trembling hand -----------------------------------------------------------------------


def tremble(
    f: Landscape | None = None,
    question: str = "The hand trembles. How far does the ball fly on average?",
    *,
    theta: float = 0.85,
    sigma: float = 0.1,
) -> Figure:
    """Samples f(θ + σε) fall on a landscape one by one, then by the hundred, and pile up beside it.

    `f`, if given, maps points (n,) between 0 and 1.57 to values (n,) and takes the place of the
    ball with its wall; its smoothed value is then summed over a fine grid.
    """
    counts = batches(SAMPLES)
    own = BallWall() if f is None else _Drawn(f)
    low, high = _range(own)

    def draw(now: SimpleNamespace) -> Picture:
        eps = normal(now.seed, SAMPLES, 1, dtype=torch.float64)
        x = now.theta + now.sigma * eps
        values = own(x)
        mean, error = running_mean(values, counts)
        truth = float(own.smoothed(torch.tensor([now.theta], dtype=torch.float64), now.sigma))
        return Picture(
            panels={
                "landscape": [
                    *_bell(now.theta, now.sigma, low, 0.16 * (high - low)),
                    *_shape(own, 0.0, math.pi / 2),
                    *(_average(own, now.theta, now.sigma, truth) if now.shown else []),
                    m.points(x[:, 0], values, t=landings(counts), fall=FALL),
                    m.handle(now.theta, low, {"x": "theta"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "values": _heap(values, mean, error, truth if now.shown else None, counts),
            },
            readout=[
                [f"*n* = **{n}**" for n in counts],
                [_plus_minus(a, b) for a, b in zip(mean.tolist(), error.tolist(), strict=True)],
                f"exact average **{truth:.2f}**" if now.shown else "",
            ],
            aside="± one standard error · bar 95 %",
            alt=f"A landscape, samples of it around θ = {now.theta:.2f}, and beside it their "
            "values in a pile with their mean.",
        )

    y = Axis(low, high, 4)
    return Figure(
        question,
        "Guess the average, then press play: one throw, another one, and then many.",
        [
            Column([Panel("landscape", "Landscape", "*J*, metres" if f is None else "your *f*",
                          Axis(0, math.pi / 2, (0, 0.5, 1, 1.5), unit="*θ*, rad"), y,
                          height=250)], 1.5),
            Column([Panel("values", "Values", "one dot for each sample",
                          Axis(0, len(counts) - 1, ()), y, height=250, right=44)]),
        ],
        [
            Slider("theta", "mean θ in radians", "*θ*", 0, 1.57, theta, under="landscape"),
            Slider("sigma", "standard deviation σ in radians", "*σ*", 0.01, 1, sigma, unit="rad"),
            NewNoise(),
            Toggle("shown", "Show every average", "Hide every average"),
        ],
        draw,
        Clock(end=len(counts) - 1, seconds=14, label="samples", stepper=True, under="values"),
    )  # fmt: skip


class _Drawn(Objective):
    """A student's function of points (n,); F by a sum over a fine grid, good enough for a curve."""

    def __init__(self, f: Landscape) -> None:
        self.f = f

    def __call__(self, theta: Tensor) -> Tensor:
        points = theta[..., 0].reshape(-1)
        values = self.f(points)
        if not isinstance(values, Tensor) or values.shape != points.shape:
            shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ValueError(
                f"your function returned {shape} for points of shape {tuple(points.shape)}; one "
                "value for each point is wanted, as torch.where or arithmetic on tensors give"
            )
        if (lost := values.isfinite().logical_not()).any():
            x = float(points[lost][0])
            raise ValueError(
                f"your function is {float(values[lost][0])} at x = {x:.2f}; every place where a "
                f"sample may fall needs a number, and torch.where or clamp can give one"
            )
        return values.detach().to(points).reshape(theta.shape[:-1])

    def smoothed(self, theta: Tensor, sigma: float | Tensor) -> Tensor:
        eps = torch.linspace(-6, 6, 1201, dtype=theta.dtype)
        weight = torch.exp(-(eps**2) / 2)
        return (self(theta[..., None, :] + sigma * eps[:, None]) * weight).sum(-1) / weight.sum()


def _range(f: Objective) -> tuple[float, float]:
    """The ends of the axis for the values of f on the throws forward and up."""
    if isinstance(f, BallWall):
        return 0.0, 14.5
    values = f(torch.linspace(0, math.pi / 2, 401, dtype=torch.float64)[:, None])
    low, high = float(values.min()), float(values.max())
    margin = 0.15 * (high - low) or 1.0
    return low - margin, high + margin


def _heap(
    values: Tensor, mean: Tensor, error: Tensor, truth: float | None, counts: list[int]
) -> list[Mark]:
    """The values of the samples in rows, their mean with its 95 % interval, and the truth."""
    steps = torch.arange(len(counts))
    end = float(steps[-1])
    exact = [] if truth is None else [
        m.curve([0, end], [truth, truth], "truth", width=2),
        m.text(end, truth, "exact", "truth", dx=8, dy=4),
    ]  # fmt: skip
    return [
        m.histogram(values, axis="y", lift=26, t=landings(counts), fall=FALL),
        *exact,
        m.measured(1.2, mean[:, None], 1.96 * error[:, None], kind="mean", t=steps),
    ]


def _plus_minus(mean: float, error: float) -> str:
    if math.isnan(mean):
        return "no sample yet"
    return f"mean **{mean:.2f}**" + ("" if math.isnan(error) else f" ± {error:.2f}")


def _average(f: Objective, theta: float, sigma: float, truth: float) -> list[Mark]:
    """F at every θ, and at the present one."""
    grid = torch.linspace(0, math.pi / 2, 161, dtype=torch.float64)
    return [
        m.curve(grid, f.smoothed(grid[:, None], sigma), "truth"),
        m.points(theta, truth, "truth", kind="ball"),
    ]


def _bell(theta: float, sigma: float, foot: float, height: float) -> list[Mark]:
    """The density of θ + σε, standing on the axis; its height says nothing."""
    x = theta + sigma * torch.linspace(-3.5, 3.5, 71)
    density = torch.exp(-(((x - theta) / sigma) ** 2) / 2)
    return [m.band(x, torch.full_like(x, foot), foot + height * density, "sample")]


def _shape(f: Objective, low: float, high: float) -> list[Mark]:
    """f with its jumps."""
    if isinstance(f, _Drawn):  # whose jumps nobody knows
        theta = torch.linspace(low, high, 801, dtype=torch.float64)
        return [m.curve(theta, f(theta[:, None]))]
    return [*drops(f, low, high), m.curve(*outline(f, low, high))]


# --- the surrogate --------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """An objective and how to show it: ranges of θ and f, where to start, and its letters.

    σ goes from `step` to `steps` times that.
    """

    f: Objective
    theta: tuple[float, float]
    values: tuple[float, float]
    step: float
    steps: int
    start: tuple[float, float]  # θ, σ
    unit: str = ""
    symbol: str = "*f*(*θ*)"
    ticks: int | tuple[float, ...] = 4


EXAMPLES = {
    "wall": Example(BallWall(), (0.0, math.pi / 2), (0, 14.5), 0.01, 60, (0.6, 0.1), "rad",
                    "*J*(*θ*), metres", (0, 0.5, 1, 1.5)),
    "ball": Example(BallThrow(), (-1.6, 1.6), (0, 21), 0.01, 100, (0.6, 0.1), "rad",
                    "*J*(*θ*), metres", (-1.5, -1, -0.5, 0, 0.5, 1, 1.5)),
    "bar": Example(PassFailBar(), (0.0, math.pi), (-0.05, 1.2), 0.01, 100, (0.6, 0.1), "rad",
                   "1 if the ball rises above 2.5 m", (0, 1, 2, 3)),
    "gripper": Example(PiecewiseLinear(), (-0.06, 0.12), (0, 0.17), 0.001, 100, (0.09, 0.01),
                       "m", "height of the brick, metres", (-0.05, 0, 0.05, 0.1)),
    "step": Example(Heaviside(), (-2.0, 2.0), (-0.05, 1.2), 0.01, 100, (-0.5, 0.3)),
    "minus |θ|": Example(-L1(), (-2.0, 2.0), (-2.2, 0.4), 0.01, 100, (-1, 0.3)),
    "minus θ²": Example(-2 * Quadratic(), (-2.0, 2.0), (-4.2, 0.6), 0.01, 100, (-1, 0.3)),
    "roof": Example(PiecewiseLinear((0.0,), (0.0,), (0.0,), (1.0, -4.0)), (-2.0, 2.0),
                    (-4.2, 0.6), 0.01, 100, (-1, 0.3)),
    "spike": Example(Spike(), (-4.2, 4.2), (-1, 1), 0.01, 30, (2, 0.05)),
    "wiggle": Example(-Wiggle(), (-2.0, 2.0), (-4.5, 1.5), 0.01, 60, (-1, 0.05)),
}  # fmt: skip


class Peaks(NamedTuple):
    """Where F is highest for each σ, as far as the picture goes, and what F and f are there."""

    sigma: Tensor
    theta: Tensor
    promised: Tensor
    delivered: Tensor


def surrogate(name: str = "wall", question: str = "Where does the highest average lie?") -> Figure:
    """An objective, its average F for noise of a chosen σ, and where the highest average leads.

    `name` is the example shown first, one of EXAMPLES.
    """

    def draw(now: SimpleNamespace) -> Picture:
        example = EXAMPLES[now.objective]
        peaks = _peaks(now.objective)
        k = round(now.sigma / example.step) - 1
        at, promised, delivered = (float(part[k]) for part in peaks[1:])
        tried = sorted({round(e.sigma / example.step) - 1 for e in now.earlier} - {k})
        x = now.theta + now.sigma * normal(0, CLOUD, 1, dtype=torch.float64)
        values = example.f(x)
        mean, error = float(values.mean()), float(values.std()) / math.sqrt(CLOUD)
        return Picture(
            panels={
                "landscape": [
                    *_landscape(example, now.theta, now.sigma),
                    *_peak(at, promised, delivered, example),
                    m.points(x[:, 0], values),
                    m.measured(now.theta, mean, 1.96 * error, kind="mean"),
                    m.handle(now.theta, example.values[0], {"x": "theta"},
                             arrows=[(1, 0), (-1, 0)]),
                ],
                "peaks": _promises(peaks, k, tried, now.shown, example),
            },
            readout=[
                f"*σ* = **{now.sigma:g}** {example.unit}",
                f"peak at *θ*^{{∗}} = **{at:.3g}**",
                f"*F* promises **{promised:.3g}**",
                f"*f*(*θ*^{{∗}}) is **{delivered:.3g}**",
                f"{CLOUD} samples: **{mean:.3g}** ± {error:.2g}",
            ],
            alt=f"The objective {now.objective}, its average for σ = {now.sigma:g}, and what its "
            "highest point promises and delivers for every σ tried.",
        )  # fmt: skip

    first = EXAMPLES[name]
    for each in EXAMPLES:
        _peaks(each)  # now, since a hand will not wait
    return Figure(
        question,
        "Guess, then drag *σ*; every *σ* that you try leaves its mark on the right. Drag the ring "
        "to see samples.",
        [Column([_landscape_panel(first)], 1.35), Column([_peaks_panel(first)])],
        [
            *_sliders(first),
            Choice("objective", "objective",
                   {key: View([_landscape_panel(e), _peaks_panel(e)], _sliders(e))
                    for key, e in EXAMPLES.items()}, name),
            Toggle("shown", "Show every σ", "Hide every σ"),
        ],
        draw,
    )  # fmt: skip


def _landscape_panel(example: Example) -> Panel:
    return Panel("landscape", "Landscape", example.symbol,
                 Axis(*example.theta, example.ticks, unit=_named("*θ*", example.unit)),
                 Axis(*example.values, 4), height=250, margin=52)  # fmt: skip


def _peaks_panel(example: Example) -> Panel:
    return Panel("peaks", "At the highest average", "*f* and *F* there",
                 Axis(0, example.step * example.steps, 4, unit=_named("*σ*", example.unit)),
                 Axis(*example.values, 4), height=250, margin=52, right=64)  # fmt: skip


def _named(symbol: str, unit: str) -> str:
    return f"{symbol}, {unit}" if unit else symbol


def _sliders(example: Example) -> list[Slider]:
    (low, high), (theta, sigma) = example.theta, example.start
    step = 10 ** math.floor(math.log10((high - low) / 100))
    places = max(0, -math.floor(math.log10(step)))
    ends = (math.ceil(low / step) * step, math.floor(high / step) * step)
    return [
        Slider("theta", "mean θ of the samples", "*θ*", *ends, theta, step, example.unit,
               f".{places}f", under="landscape"),
        Slider("sigma", "standard deviation σ of the noise", "*σ*", example.step,
               example.step * example.steps, sigma, example.step, example.unit, "~g",
               under="peaks"),
    ]  # fmt: skip


@cache
def _peaks(name: str) -> Peaks:
    """On a grid of 1001 points; in the middle of those that are equally high."""
    example = EXAMPLES[name]
    sigma = example.step * torch.arange(1, example.steps + 1, dtype=torch.float64)
    theta = torch.linspace(*example.theta, 1001, dtype=torch.float64).round(decimals=9) + 0.0
    F = torch.stack([example.f.smoothed(theta[:, None], float(s)) for s in sigma])
    highest = F.amax(-1)
    top = F >= highest[:, None] - 1e-12
    middle = [int(row.nonzero()[row.sum() // 2]) for row in top]
    return Peaks(sigma, theta[middle], highest, example.f(theta[middle][:, None]))


def _landscape(example: Example, theta: float, sigma: float) -> list[Mark]:
    """f, F, and the bell of the noise."""
    low, high = example.theta
    grid = torch.linspace(low, high, 241, dtype=torch.float64)
    foot, top = example.values
    return [
        *_bell(theta, sigma, foot, 0.13 * (top - foot)),
        *_shape(example.f, low, high),
        m.curve(grid, example.f.smoothed(grid[:, None], sigma), "truth"),
    ]


def _peak(at: float, promised: float, delivered: float, example: Example) -> list[Mark]:
    """The highest point of F, and f below or above it."""
    return [
        m.line([example.theta[0], at], [delivered, delivered], "link"),
        m.line([at, at], [promised, delivered], "guide"),
        m.points(at, promised, "truth", kind="ball"),
        m.points(at, delivered, kind="current"),
        m.value("y", delivered, f"{delivered:.3g}"),
    ]


def _promises(peaks: Peaks, k: int, tried: list[int], shown: bool, example: Example) -> list[Mark]:
    """What F promises at its highest point and what f is there: where tried, or for every σ."""
    sigma, _, promised, delivered = peaks
    low, high = example.values
    apart = float(promised[-1] - delivered[-1]) / (high - low)
    push = math.copysign(9 if abs(apart) < 0.08 else 0, apart)
    end = float(sigma[-1])
    curves = [
        m.curve(sigma, promised, "truth"),
        m.curve(sigma, delivered, "sample", width=2),
        m.text(end, float(promised[-1]), "*F* there", "truth", dx=8, dy=4 - push),
        m.text(end, float(delivered[-1]), "*f* there", "sample", dx=8, dy=4 + push),
    ]
    now = float(sigma[k])
    return [
        *(curves if shown else []),
        m.line([now, now], [float(promised[k]), float(delivered[k])], "guide"),
        m.points(sigma[tried], promised[tried], "truth", kind="try"),
        m.points(sigma[tried], delivered[tried], kind="try"),
        m.points(now, promised[k], "truth", kind="ball"),
        m.points(now, delivered[k], kind="current"),
    ]
