"""Figure: noise on a density, and what the slope of the smoothed density says about before."""

from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.marks import Mark
from smoothlib import normal
from smoothlib.denoising import GaussianMixture, tweedie

LOW, HIGH, TOP = -4.0, 4.0, 0.9
GRID = torch.linspace(LOW, HIGH, 321, dtype=torch.float64)
BEFORE = GaussianMixture(
    torch.tensor([[-1.5], [1.5]], dtype=torch.float64),
    torch.tensor([0.35, 0.2], dtype=torch.float64),
    torch.tensor([0.6, 0.4], dtype=torch.float64),
)
SAMPLES = 150
ALONG = torch.tensor([-3.2, -2.4, -0.8, 0.0, 0.8, 2.2, 3.0], dtype=torch.float64)


def what_was_it() -> Figure:
    """p and p_σ with arrows σ²∇log p_σ, and beside them pairs (x, x₀) with their mean."""

    def draw(now: SimpleNamespace) -> Picture:
        x = torch.tensor([now.x], dtype=torch.float64)
        height = float(BEFORE.log_density(x, now.sigma).exp())
        guess = float(BEFORE.posterior_mean(x, now.sigma))
        step = float(now.sigma**2 * BEFORE.score(x, now.sigma))
        return Picture(
            panels={
                "density": [
                    m.curve(GRID, _density(0.0), "objective"),
                    m.text(1.5, 0.8, "before", "objective", dx=22),
                    m.curve(GRID, _density(now.sigma), "truth"),
                    m.text(0, 0.36, "after", "truth", align="center"),
                    *(_step(place, now.sigma, "second") for place in ALONG.tolist()),
                    m.line([now.x, now.x], [0, height], "link"),
                    _step(now.x, now.sigma, "gradient"),
                    m.points(now.x, height, kind="current"),
                    m.handle(now.x, 0, {"x": "x"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "pairs": [
                    m.line([LOW, HIGH], [LOW, HIGH], "guide"),
                    m.points(*_pairs(now.sigma, int(now.seed))),
                    m.curve(GRID, _guesses(now.sigma), "gradient"),
                    m.line([now.x, now.x], [LOW, guess], "link"),
                    m.points(now.x, guess, "gradient", kind="current"),
                    m.text(now.x, guess, f"**{guess:.2f}**", "gradient", dx=12, dy=14),
                ],
            },
            readout=[
                f"*x* = **{now.x:.2f}**",
                f"*σ*² × slope of log *p*_{{σ}} = **{step:+.2f}**",
                f"sum **{now.x + step:.2f}**",
                f"mean of *x*_{{0}} by Bayes **{guess:.2f}**",
            ],
            alt="A density with two humps and the same smoothed, with arrows uphill; beside it "
            "pairs of a value after and before the noise, and their mean.",
        )  # fmt: skip

    return Figure(
        "You see a value after the noise. What was it before?",
        "Grey: the density of *x*_{0}. Blue: that of *x* = *x*_{0} + *σε*. Drag *x*, then *σ*.",
        [
            Column([Panel("density", "Density", "", Axis(LOW, HIGH, (-4, -2, 0, 2, 4), unit="*x*"),
                          Axis(0, TOP, (0, 0.4, 0.8)), height=270)]),
            Column([Panel("pairs", "Before", "*x*_{0}, over *x* after the noise",
                          Axis(LOW, HIGH, (-4, -2, 0, 2, 4), unit="*x*"),
                          Axis(LOW, HIGH, (-4, -2, 0, 2, 4)), height=270)]),
        ],
        [
            Slider("x", "the value after the noise", "*x*", LOW, HIGH, 0.4, under="density"),
            Slider("sigma", "standard deviation of the noise", "*σ*", 0.1, 3, 0.8, format=".2~g",
                   log=True),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def _density(sigma: float) -> Tensor:
    return BEFORE.log_density(GRID[:, None], sigma).exp()


def _guesses(sigma: float) -> Tensor:
    return BEFORE.posterior_mean(GRID[:, None], sigma)[:, 0]


def _step(x: float, sigma: float, role: str) -> Mark:
    """σ²∇log p_σ from a point of the curve."""
    at = torch.tensor([x], dtype=torch.float64)
    end = float(tweedie(at, BEFORE.score(at, sigma), sigma))
    height = float(BEFORE.log_density(at, sigma).exp())
    return m.arrow(x, height, end - x, 0, role)


def _pairs(sigma: float, seed: int) -> tuple[Tensor, Tensor]:
    """After and before."""
    eps = normal(seed, SAMPLES, 3, dtype=torch.float64)
    before = BEFORE.sample(eps[:, :1], torch.special.ndtr(eps[:, 1]))[:, 0]
    return before + sigma * eps[:, 2], before
