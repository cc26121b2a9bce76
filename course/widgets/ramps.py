"""A figure: a cliff softened to a ramp, where first-order gradients are right and rarely useful."""

import math
from functools import cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.marks import Mark
from course.widgets.samples import FALL, batches, landings
from smoothlib import SoftStep, first_order, normal, variance_exact

BATCHES = batches(200)
WIDTHS = (0.001, 3.0)
HERE = torch.zeros(1, dtype=torch.float64)


def stiff_ramp() -> Figure:
    """A step that takes a ramp of width ν: batch means of slopes, and their variance over ν."""

    def draw(now: SimpleNamespace) -> Picture:
        n, ramp = round(now.n), SoftStep(width=now.nu)
        eps = normal(int(now.seed), BATCHES[-1] * n, 1, dtype=torch.float64)
        rows = first_order(ramp, HERE, 1.0, eps).reshape(-1, n)
        truth = float(ramp.smoothed_grad(HERE, 1.0))
        return Picture(
            panels={
                "ramp": _ramp(ramp, eps[:n]),
                "means": _means(rows, truth),
                "variance": _variances(ramp),
            },
            readout=[
                f"slope of the mean **{truth:.3f}**",
                ["", *_so_far(rows)],
                f"expected to see none **{nothing_seen(now.nu, n):.0%}**".replace("%", " %"),
            ],
            aside=[f"{k} batches of {n}" for k in BATCHES],
            alt="A ramp with the samples of one batch; below, the means of many batches of slopes, "
            "piled up; beside it the variance of both estimators over the width of the ramp.",
        )

    return Figure(
        "The ramp has a slope everywhere. Is the first-order gradient safe now?",
        "A step softened to a ramp of width *ν*, noise *σ* = 1, at *θ* = 0. Play, then make the "
        "ramp narrower and play again.",
        [
            Column([
                Panel("ramp", "One batch", "of samples", Axis(-3, 3, 5, unit="*x*"),
                      Axis(-0.15, 1.2, (0, 1)), height=130, right=20),
                Panel("means", "Means of batches", "first-order",
                      Axis(-0.25, 3, (0, 1, 2, 3), unit="gradient"), Axis(0, 1, ()), height=160),
            ], 1.15),
            Column([
                Panel("variance", "Variance of one sample", "",
                      Axis(*WIDTHS, (0.001, 0.01, 0.1, 1), "~g", "*ν*", log=True),
                      Axis(0.01, 1000, (0.01, 0.1, 1, 10, 100, 1000), "~g", log=True), right=60),
            ]),
        ],
        [
            Slider("nu", "width nu of the ramp", "*ν*", *WIDTHS, 0.5, format=".2~g", log=True,
                   under="variance"),
            Slider("n", "samples in a batch", "*n*", 10, 1000, 50, format=".0f", log=True),
            NewNoise(),
        ],
        draw,
        Clock(end=len(BATCHES) - 1, seconds=10, label="batches"),
    )  # fmt: skip


def nothing_seen(nu: float, n: int) -> float:
    """The chance that none of n samples falls on the ramp."""
    on_the_ramp = math.erf(nu / math.sqrt(8))
    return float((1 - on_the_ramp) ** n)


@cache
def exact_variances() -> tuple[Tensor, Tensor, Tensor]:
    """Widths, and the variance of one first-order and one zero-order sample at each."""
    widths = torch.logspace(math.log10(WIDTHS[0]), math.log10(WIDTHS[1]), 61, dtype=torch.float64)
    exact = [variance_exact(SoftStep(width=w), HERE, 1.0) for w in widths.tolist()]
    first, zero = zip(*((v.first_order, v.finite_difference) for v in exact), strict=True)
    return widths, torch.cat(first), torch.cat(zero)


def _ramp(ramp: SoftStep, eps: Tensor) -> list[Mark]:
    """The ramp, F, and the samples: those on the ramp large, the only ones with a slope."""
    x = torch.linspace(-3, 3, 241, dtype=torch.float64)
    x = torch.cat((x, ramp.kinks())).sort().values
    smooth = ramp.smoothed(x[:, None], 1.0)
    on = eps[:, 0].abs() < ramp.width / 2
    return [
        m.curve(x, ramp(x[:, None])),
        m.curve(x, smooth, "truth"),
        m.text(3, float(smooth[-1]), "*F*", "truth", dx=6, dy=4, size=14),
        m.points(eps[~on, 0], ramp(eps[~on])),
        m.points(eps[on, 0], ramp(eps[on]), kind="ball"),
        m.text(0.6, 0.3, f"{int(on.sum())} of {len(eps)} on the ramp", "sample"),
    ]


def _means(rows: Tensor, truth: float) -> list[Mark]:
    return [
        m.curve([truth, truth], [0, 1], "truth", width=2),
        m.text(truth, 0.93, f"truth {truth:.3f}", "truth", dx=8),
        m.histogram(rows.mean(1), "first", t=landings(BATCHES), fall=FALL),
    ]


def _so_far(rows: Tensor) -> list[str]:
    """After each step: how many batches saw nothing of the ramp."""
    none = (rows == 0).all(1).long().cumsum(0)
    return [f"no slope at all in **{int(none[k - 1])}** of {k}" for k in BATCHES[1:]]


def _variances(ramp: SoftStep) -> list[Mark]:
    widths, first, zero = exact_variances()
    here = variance_exact(ramp, HERE, 1.0)
    return [
        m.curve(widths, first, "first"),
        m.curve(widths, zero, "gradient"),
        m.text(0.0015, 330, "first-order", "first"),
        m.text(0.0015, 0.12, "zero-order", "gradient"),
        m.points(ramp.width, here.first_order, "first", kind="current"),
        m.value("y", float(here.first_order), f"{float(here.first_order):.3g}", "first"),
        m.points(ramp.width, here.finite_difference, "gradient", kind="current"),
        m.value("x", ramp.width, f"{ramp.width:.2g}", "ink"),
    ]
