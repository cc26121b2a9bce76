"""Figures in one dimension: the slope of F from scores alone, and what may be subtracted."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.landscapes import drops, landscape, outline, plot
from course.widgets.marks import Mark
from course.widgets.samples import FALL, batches, landings, running_mean
from smoothlib import (
    BallWall,
    Heaviside,
    Objective,
    finite_difference,
    normal,
    optimal_baseline,
    zero_order,
    zero_order_variance,
)
from smoothlib.statistics import variance_measured

Estimator = Callable[[Objective, Tensor, float, Tensor], Tensor]

COUNTS = batches(1000)
SURE = 1.96  # standard errors in a 95 % interval
LEAST = 1.0  # variance at the lower end of the axis


def votes(
    objective: BallWall | Heaviside | None = None,
    question: str = "The scores alone: which way is up?",
    *,
    theta: float = 0.9,
    sigma: float = 0.1,
    estimator: Estimator = finite_difference,
) -> Figure:
    """Samples of a smoothed slope, which fall into a histogram one by one and then by the hundred.

    `estimator(f, theta, sigma, eps)` returns one slope for each sample, (n, 1).
    """
    f = BallWall() if objective is None else objective
    wall = isinstance(f, BallWall)
    low, high = (0.0, math.pi / 2) if wall else (-3.0, 3.0)
    reach, floor = (150.0, 0.0) if wall else (3.0, -0.1)

    def draw(now: SimpleNamespace) -> Picture:
        at = torch.tensor([now.theta], dtype=torch.float64)
        eps = normal(int(now.seed), COUNTS[-1], 1, dtype=torch.float64)
        rows = per_sample(estimator, f, at, now.sigma, eps)[:, 0]
        mean, error = running_mean(rows, COUNTS)
        truth = float(f.smoothed_grad(at, now.sigma))
        times = landings(COUNTS)
        x = at + now.sigma * eps
        return Picture(
            panels={
                "landscape": [
                    *(landscape(f) if isinstance(f, BallWall) else _plain(f, low, high)),
                    _smoothed(f, now.sigma, low, high, hidden=True),
                    m.points(x[:, 0], f(x), t=times, fall=FALL),
                    m.points(at, f(at), "ink", kind="ball"),
                    m.handle(now.theta, floor, {"x": "theta"}, arrows=[(1, 0), (-1, 0)]),
                    m.value("x", now.theta, f"{now.theta:.2f}"),
                ],
                "slopes": [
                    m.histogram(rows, "gradient", lift=26, t=times, fall=FALL),
                    m.line([0, 0], [0, 1], "guide"),
                    m.curve([truth, truth], [0, 1], "truth", width=2, t=[0, 1]),
                    m.measured(
                        mean[:, None], 0.06, SURE * error[:, None], "gradient", axis="x",
                        kind="mean", t=torch.arange(len(COUNTS)),
                    ),
                ],
            },
            readout=[
                [f"*n* = **{n}**" for n in COUNTS],
                _means_and_errors(mean, error),
            ],
            aside=["", *[f"true slope **{truth:+.2f}**"] * (len(COUNTS) - 1)],
            alt=f"The landscape with samples around θ = {now.theta:.2f}; beside it the slopes that "
            "single samples give, as a histogram, their mean, and the true slope of F.",
        )  # fmt: skip

    samples = plot("landscape", "Samples", "*f*, metres", 14.5, height=230)
    if not wall:
        samples = Panel("landscape", "Samples", "*f*", Axis(low, high, 7), Axis(floor, 1.3, (0, 1)),
                        height=230)  # fmt: skip
    return Figure(
        question,
        "Press play: every throw votes for a slope. The ring is the mean of the votes, its bar the "
        "95 % interval.",
        [
            Column([samples]),
            Column([Panel("slopes", "One slope for each sample", "m/rad" if wall else "",
                          Axis(-reach, reach, 5), Axis(0, 1, ()), height=230, margin=8)]),
        ],
        [
            Slider("theta", "centre θ of the noise", "*θ*", low, high, theta, 0.01,
                   under="landscape"),
            Slider("sigma", "standard deviation σ", "*σ*", 0.02, 0.5 if wall else 2, sigma, 0.01),
            NewNoise(),
        ],
        draw,
        Clock(end=len(COUNTS) - 1, seconds=12, label="samples", stepper=True),
    )  # fmt: skip


def areas() -> Figure:
    """The slope of F as an area: score times weight times density, above 0 and below it."""
    f = BallWall()
    x = torch.linspace(-0.5, 2.3, 1401, dtype=torch.float64)  # all throws, more than is shown
    x = torch.cat((x, f.jumps().theta - 1e-9, f.jumps().theta)).sort().values

    def draw(now: SimpleNamespace) -> Picture:
        at = torch.tensor([now.theta], dtype=torch.float64)
        weight = (x - at) / now.sigma
        density = torch.exp(-(weight**2) / 2) / (now.sigma * math.sqrt(math.tau))
        part = (f(x[:, None]) - now.b) * weight / now.sigma * density
        up, down = (float(torch.trapezoid(p, x)) for p in (part.clamp(min=0), part.clamp(max=0)))
        slope = float(f.smoothed_grad(at, now.sigma))
        peak = 4 / (now.sigma * math.sqrt(math.tau))
        return Picture(
            panels={
                "scores": [
                    m.band(x, 0 * x, density / peak * 12, "truth"),
                    m.text(now.theta, 3.2, "where the throws fall", "truth", align="center"),
                    *landscape(f),
                    m.line([0, 1.6], [now.b, now.b], "link"),
                    m.handle(1.5, now.b, {"y": "b"}, arrows=[(0, 1), (0, -1)]),
                    m.value("y", now.b, f"{now.b:.1f}"),
                ],
                "parts": [
                    m.band(x, 0 * x, part.clamp(min=0), "gradient"),
                    m.band(x, part.clamp(max=0), 0 * x, "wrong"),
                    m.curve(x, part, "ink", width=1.5),
                    m.line([0, 1.6], [0, 0], "level"),
                ],
            },
            readout=[
                f"above 0: **{up:+.1f}**",
                f"below 0: **{down:+.1f}**",
                f"together **{up + down:+.2f}** m/rad",
            ],
            aside=f"*F*′(*θ*) = **{slope:+.2f}** m/rad",
            alt="Above, the landscape and the bell curve of the throws around "
            f"θ = {now.theta:.2f}; below, the product whose area is the slope of F.",
        )

    return Figure(
        "An offset changes the picture. Does it change the slope?",
        "Drag the dashed line *b*: it is subtracted from every score before the weights are "
        "applied.",
        [
            Column([
                Panel("scores", "Scores", "*f*, metres", Axis(0, 1.6, 5, unit="*x*, rad"),
                      Axis(0, 14.5, 3), height=170),
                Panel("parts", "Score less *b*, times weight, times density", "per radian",
                      Axis(0, 1.6, 5, unit="*x*, rad"), Axis(-450, 450, 4), height=190),
            ]),
        ],
        [
            Slider("theta", "centre θ of the noise", "*θ*", 0.5, 1.3, 0.9, 0.01, unit="rad"),
            Slider("sigma", "standard deviation σ", "*σ*", 0.08, 0.2, 0.1),
            Slider("b", "what is subtracted, b, in metres", "*b*", 0, 14, 0, 0.1, unit="m",
                   format=".1f"),
        ],
        draw,
    )  # fmt: skip


def baselines() -> Figure:
    """The variance of one sample over the baseline: exact, and measured at one baseline."""
    f = BallWall()
    levels = torch.linspace(-10, 20, 301, dtype=torch.float64)

    def draw(now: SimpleNamespace) -> Picture:
        at = torch.tensor([now.theta], dtype=torch.float64)

        def exact(level: float) -> float:
            return float(zero_order_variance(f, at, now.sigma, level))

        eps = normal(int(now.seed), 2000, 1, dtype=torch.float64)
        rows = zero_order(f, at, now.sigma, eps, lambda *_: at.new_tensor(now.b))
        found = variance_measured(rows)
        best, here = float(optimal_baseline(f, at, now.sigma)), float(f(at))
        none, centred = exact(0.0), exact(here)
        return Picture(
            panels={
                "variance": [
                    m.curve(levels, exact(best) + (levels - best) ** 2 / now.sigma**2, "gradient"),
                    *_named_level("none", 0.0, none, 14),
                    *_named_level("*f*(*θ*)", here, centred, 14),
                    *_named_level("best", best, exact(best), -14),
                    m.measured([now.b], found.mean, SURE * found.standard_error),
                    m.line([now.b, now.b], [LEAST, float(found.mean)], "link"),
                    m.handle(now.b, LEAST, {"x": "b"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "landscape": [
                    *landscape(f),
                    _smoothed(f, now.sigma, 0, math.pi / 2),
                    m.measured([now.theta], [here], [now.sigma], axis="x"),
                ],
            },
            readout=[
                f"*b* = **{now.b:.1f}** m: measured **{float(found.mean):.0f}** ± "
                f"{float(found.standard_error):.0f}",
                f"exact: **{exact(now.b):.0f}**",
                f"none **{none:.0f}**",
                f"*f*(*θ*) **{centred:.0f}**",
                f"best **{exact(best):.0f}**",
            ],
            aside="here *f*(*θ*) helps" if centred < none else "here *f*(*θ*) hurts",
            alt=f"The variance of one sample over the baseline at θ = {now.theta:.2f}, a parabola "
            "on a logarithmic axis, with the baselines 0, f(θ) and the best one.",
        )

    return Figure(
        "Is the score of the middle the best thing to subtract?",
        "Drag *b* along the axis. The curve is exact, the ring is measured from 2000 samples.",
        [
            Column([Panel("variance", "Variance of one sample", "(m/rad)²",
                          Axis(-10, 20, 4, unit="*b*, m"),
                          Axis(LEAST, 1e6, (1, 100, 1e4, 1e6), format="~s", log=True),
                          height=250)], 1.4),
            Column([plot("landscape", "Where the hand aims", "bar: *θ* ± *σ*", 14.5)]),
        ],
        [
            Slider("b", "baseline b in metres", "*b*", -10, 20, 0, 0.1, under="variance"),
            Slider("theta", "centre θ of the noise", "*θ*", 0.1, 1.4, 0.9, 0.01,
                   under="landscape"),
            Slider("sigma", "standard deviation σ", "*σ*", 0.02, 1, 0.1, log=True, unit="rad"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def _named_level(name: str, level: float, height: float, dx: float) -> list[Mark]:
    """A dot on the curve; its name to the right of it or, with a negative dx, to the left."""
    return [
        m.points([level], [height], "ink", kind="ball"),
        m.text(level, height, name, "ink", dx=dx, dy=5, align="left" if dx > 0 else "right"),
    ]


def per_sample(
    estimator: Estimator, f: Objective, theta: Tensor, sigma: float, eps: Tensor
) -> Tensor:
    """What an estimator, perhaps a student's, gives: one gradient for each sample."""
    rows = estimator(f, theta, sigma, eps)
    if not isinstance(rows, Tensor):
        raise TypeError(f"the estimator returned {rows!r}; a tensor of gradients is wanted")
    if rows.shape != eps.shape:
        raise ValueError(
            f"the estimator returned shape {tuple(rows.shape)} for noise of shape "
            f"{tuple(eps.shape)}; one gradient for each sample, in a row, is wanted"
        )
    return rows.detach().to(theta)


def _plain(f: Objective, low: float, high: float) -> list[Mark]:
    return [*drops(f, low, high), m.curve(*outline(f, low, high))]


def _smoothed(f: Objective, sigma: float, low: float, high: float, *, hidden: bool = False) -> Mark:
    """F over θ; a hidden one shows from the first step of the clock on."""
    theta = torch.linspace(low, high, 121, dtype=torch.float64)
    times = torch.linspace(0, 1, 121) if hidden else None
    return m.curve(theta, f.smoothed(theta[:, None], sigma), "truth", t=times)


def _means_and_errors(mean: Tensor, error: Tensor) -> list[str]:
    """The mean so far and its standard error, for each step of the clock."""
    pairs = list(zip(mean.tolist(), error.tolist(), strict=True))[1:]
    texts = [f"mean **{a:+.2f}**" + ("" if math.isnan(e) else f" ± {e:.2f}") for a, e in pairs]
    return ["no sample yet", *texts]
