"""A figure: six ways to write one loss for autograd, and the gradient that each really gives."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Normal

from course.widgets import marks as m
from course.widgets.figure import Axis, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.marks import Mark
from smoothlib import Quadratic, normal

N = 1000
SIGMAS = (0.05, 1.0)


class Way(NamedTuple):
    """The objective that is handed to autograd, and the mean of the gradient that comes back."""

    code: str
    write: Callable[[Tensor, float, Tensor], Tensor]  # (theta, sigma, eps) -> one value a sample
    mean: Callable[[float, float], float]  # (theta, sigma) -> for f = x²/2
    right: bool = False


def bowl(x: Tensor) -> Tensor:
    """f = x²/2, whose smoothed slope is θ."""
    return Quadratic()(x[..., None])


def _log_p(x: Tensor, theta: Tensor, sigma: float) -> Tensor:
    return Normal(theta, sigma).log_prob(x)


def _x(theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    return theta + sigma * eps  # what Normal(theta, sigma).rsample() returns


def _level(sigma: float) -> float:
    """E log p(x) less E[log p ε²]: what log p is worth where its own slope is gone."""
    return -0.5 - math.log(sigma * math.sqrt(math.tau))


WAYS = (
    Way("f(x)", lambda t, s, e: bowl(_x(t, s, e)), lambda t, s: t, True),
    Way(
        "logp(x.detach()) * f(x).detach()",
        lambda t, s, e: _log_p(_x(t, s, e).detach(), t, s) * bowl(_x(t, s, e)).detach(),
        lambda t, s: t,
        True,
    ),
    Way(
        "logp(x) * f(x)",
        lambda t, s, e: _log_p(_x(t, s, e), t, s) * bowl(_x(t, s, e)),
        lambda t, s: t * _level(s),
    ),
    Way(
        "logp(x) * f(x).detach()",
        lambda t, s, e: _log_p(_x(t, s, e), t, s) * bowl(_x(t, s, e)).detach(),
        lambda t, s: 0.0,
    ),
    Way(
        "logp(x.detach()) * f(x)",
        lambda t, s, e: _log_p(_x(t, s, e).detach(), t, s) * bowl(_x(t, s, e)),
        lambda t, s: t * (1 + _level(s)),
    ),
    Way(
        "logp(x.detach()) * f(x).detach() + f(x)",
        lambda t, s, e: (
            _log_p(_x(t, s, e).detach(), t, s) * bowl(_x(t, s, e)).detach() + bowl(_x(t, s, e))
        ),
        lambda t, s: 2 * t,
    ),
)


def fingerprints() -> Figure:
    """Each way on the same samples, beside θ, which is right; and its mean over σ."""

    def draw(now: SimpleNamespace) -> Picture:
        eps = normal(int(now.seed), N, 1, dtype=torch.float64)[:, 0]
        rows = torch.stack([gradients(way, now.theta, now.sigma, eps) for way in WAYS])
        return Picture(
            panels={
                "ways": _rows(rows, now.theta),
                "over_sigma": _over_sigma(now.theta, now.sigma),
            },
            readout=[
                f"*σ* = **{now.sigma:.2g}**",
                f"the right answer is *θ* = **{now.theta:.2f}**",
                f"{within(rows, now.theta)} of 6 are within two standard errors of it",
            ],
            aside=f"{N} samples",
            alt="Six ways to write a loss, each with the gradient it gives and its error: "
            f"{'; '.join(_number(row) for row in rows)}. Beside it their means over σ.",
        )

    across = Axis(-1.75, 2.25, (-1, 0, 1, 2))
    return Figure(
        "Six lines for autograd. Which two give the gradient of E *f*?",
        "*f*(*x*) = *x*²/2 and *x* = *θ* + *σε*, so the right answer is *θ*. Bars: two standard "
        "errors. Guess, then move *σ*.",
        [
            Column([Panel("ways", "What autograd returns", "mean over the samples", across,
                          Axis(len(WAYS) + 0.5, 0.3, ()), height=330, margin=8)], 1.15),
            Column([Panel("over_sigma", "The same over *σ*", "exact means",
                          Axis(*SIGMAS, (0.05, 0.1, 0.2, 0.5, 1), "~g", "*σ*", log=True),
                          Axis(-1.75, 2.25, (-1, 0, 1, 2)), right=26)]),
        ],
        [
            Slider("sigma", "noise sigma", "*σ*", *SIGMAS, 0.3, format=".2~g", log=True,
                   under="over_sigma"),
            Slider("theta", "point theta", "*θ*", 0.2, 1.0, 0.7),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def gradients(way: Way, theta: float, sigma: float, eps: Tensor) -> Tensor:
    """What autograd gives for each sample, (n,): each has a θ of its own."""
    own = torch.full_like(eps, theta, requires_grad=True)
    (grad,) = torch.autograd.grad(way.write(own, sigma, eps).sum(), own)
    return grad


def within(rows: Tensor, theta: float) -> int:
    """How many of the means, (6, n), would pass a test for θ at this one σ."""
    error = 2 * rows.std(1) / math.sqrt(N)
    return int(((rows.mean(1) - theta).abs() <= error).sum())


def _number(row: Tensor) -> str:
    return f"{float(row.mean()):+.3f} ± {float(row.std()) / math.sqrt(N):.3f}"


def _rows(rows: Tensor, theta: float) -> list[Mark]:
    marks = [m.curve([theta, theta], [0, 9], "truth", width=2)]
    for i, (way, row) in enumerate(zip(WAYS, rows, strict=True), start=1):
        error = 2 * row.std() / math.sqrt(N)
        marks += [
            m.text(-1.7, i, f"({i}) {way.code.replace('*', '·')}", "ink", dy=-13),
            m.text(2.2, i, _number(row), _role(way), dy=-13, align="right"),
            m.measured(row.mean(), i, error, _role(way), axis="x", kind="mean"),
        ]
    return marks


def _over_sigma(theta: float, sigma: float) -> list[Mark]:
    s = torch.logspace(math.log10(SIGMAS[0]), math.log10(SIGMAS[1]), 61, dtype=torch.float64)
    marks = [m.line([sigma, sigma], [-9, 9], "guide")]
    for i, way in enumerate(WAYS, start=1):
        y = [way.mean(theta, width) for width in s.tolist()]
        marks += [
            m.curve(s, y, "truth" if way.right else "wrong", dash=() if way.right else (6, 4)),
            m.points(sigma, way.mean(theta, sigma), _role(way), kind="ball"),
            *([] if i == 1 else [m.text(SIGMAS[1], y[-1], _name(i), _role(way), dx=6, dy=4)]),
        ]
    return marks


def _name(i: int) -> str:
    return "(1, 2)" if i == 2 else f"({i})"


def _role(way: Way) -> str:
    return "truth" if way.right else "wrong"
