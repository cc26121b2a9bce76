"""Figures in the plane and beyond: single gradients as arrows, and how far off their mean is."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Column, Figure, NewNoise, Panel, Picture, Slider, Toggle
from course.widgets.marks import Mark
from course.widgets.scores import Estimator, per_sample
from smoothlib import Quadratic, antithetic, finite_difference, normal, zero_order

HILL = Quadratic(torch.tensor([[-1.0, 0.5], [0.5, -2.0]], dtype=torch.float64),
                 torch.tensor([1.1, 0.9], dtype=torch.float64), 4.0)  # fmt: skip
HERE = torch.zeros(2, dtype=torch.float64)
BATCHES = 200
CLOUD = 100  # estimates in many dimensions
OFF = (-180, -90, 0, 90, 180)
STEP = 0.35  # of an arrow, in units of the plane for a gradient of length 1
CLOSE = 0.6  # tips whose names would touch
SHOWN = 100  # single gradients that are drawn


def arrows(
    question: str = "How far from the truth does a single sample point?",
    *,
    estimator: Estimator | None = None,
) -> Figure:
    """Gradients of single samples as arrows on a hill in the plane, their mean, and the truth.

    `estimator(f, theta, sigma, eps)`, if given, takes the place of ours, with the baseline or
    without; it returns one gradient for each sample, (n, 2).
    """

    def draw(now: SimpleNamespace) -> Picture:
        n = round(now.n)
        eps = normal(int(now.seed), BATCHES * n, 2, dtype=torch.float64)
        if estimator is None:
            role = "gradient" if now.baseline else "plain"
            rows = (finite_difference if now.baseline else zero_order)(HILL, HERE, now.sigma, eps)
        else:  # a batch at a time: it may look at all samples that it is given
            role = "gradient"
            batches = (per_sample(estimator, HILL, HERE, now.sigma, part) for part in eps.split(n))
            rows = torch.cat(list(batches))
        truth = HILL.smoothed_grad(HERE, now.sigma)
        means = rows.reshape(BATCHES, n, 2).mean(1)
        mean, off = means[0], _angle(means, truth)
        here = float(off[0])
        return Picture(
            panels={
                "plane": [
                    *_hill(),
                    *_spread(now.sigma),
                    _bundle(rows[: min(n, SHOWN)], role),
                    m.points(*(now.sigma * eps[: min(n, SHOWN)]).T),
                    *_arrows(truth=(truth, "truth", STEP), mean=(mean, role, STEP)),
                ],
                "off": [
                    m.histogram(off[off.isfinite()], role, lift=26),
                    _truth_line(),
                    m.measured([here], [0.06], [math.nan], role, kind="mean"),
                ],
            },
            readout=[
                f"*n* = **{n}**",
                "the mean is 0 and has no direction"
                if math.isnan(here)
                else f"cosine **{math.cos(math.radians(here)):+.2f}**, {abs(here):.0f}° off",
                f"uphill in **{int((means @ truth > 0).sum())}** of {BATCHES} batches",
            ],
            aside=f"mean ({float(mean[0]):+.2f}, {float(mean[1]):+.2f}) · truth "
            f"({float(truth[0]):+.2f}, {float(truth[1]):+.2f})",
            alt="A hill from above with the gradients of single samples, their mean and the true "
            "gradient; beside it the angles between the means of 200 batches and the truth.",
        )  # fmt: skip

    toggle = [] if estimator else [Toggle("baseline", "Subtract f(θ)", "Subtract nothing")]
    return Figure(
        question,
        "Drag the ring to widen the noise. Thin lines: one sample each. Right: 200 batches of *n* "
        "samples, each a dot.",
        [
            Column([Panel("plane", "A hill from above", "the centre is *θ*", Axis(-1.6, 1.6, 3),
                          Axis(-1.3, 1.3, 3), scene=True)], 1.1),
            Column([Panel("off", "How far off the mean of *n* points", "degrees",
                          Axis(-180, 180, OFF), Axis(0, 1, ()), margin=8)]),
        ],
        [
            Slider("sigma", "standard deviation σ", "*σ*", 0.05, 1.2, 0.3, 0.01),
            Slider("n", "number of samples n", "*n*", 1, 1000, 1, format="d", log=True),
            *toggle,
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def correlated() -> Figure:
    """Noise with a covariance Σ: the mean with Σ⁻¹, and the one that the notes print without."""

    def draw(now: SimpleNamespace) -> Picture:
        long, short = 0.3 * now.ratio**0.5, 0.3 / now.ratio**0.5
        cos, sin = math.cos(now.turn), math.sin(now.turn)
        root = HERE.new_tensor([[long * cos, -short * sin], [long * sin, short * cos]])
        eps = normal(int(now.seed), BATCHES * 100, 2, dtype=torch.float64)
        rows = finite_difference(HILL, HERE, root, eps)
        printed = rows @ (root @ root.mT)
        truth = HILL.smoothed_grad(HERE, 0.3)
        batches = [part.reshape(BATCHES, 100, 2).mean(1) for part in (rows, printed)]
        off = [_angle(means, truth) for means in batches]
        mean, literal = rows.mean(0), printed.mean(0)
        middle = _angle(torch.stack((mean, literal)), truth).tolist()
        return Picture(
            panels={
                "plane": [
                    *_hill(),
                    _dashed(2 * _circle() @ root.mT),
                    m.points(*(eps[:300] @ root.mT).T),
                    *_arrows(
                        truth=(truth, "truth", 1.15 / truth.norm()),
                        corrected=(mean, "gradient", 1 / mean.norm()),
                        printed=(literal, "wrong", 1 / literal.norm()),
                    ),
                    m.handle(2 * long * cos, 2 * long * sin,
                             {"angle": "turn"}, arrows=[(0.5, 0.9), (-0.5, -0.9)]),
                ],
                "right": [m.histogram(off[0], "gradient"), _truth_line()],
                "printed": [m.histogram(off[1], "wrong"), _truth_line()],
            },
            readout=[
                f"with *Σ*^{{−1}}: **{middle[0]:+.0f}°** off, length "
                f"{float(mean.norm() / truth.norm()):.2f} of the truth",
                f"as printed: **{middle[1]:+.0f}°** off, length "
                f"{float(literal.norm() / truth.norm()):.2f}",
            ],
            alt="A hill from above with an elongated cloud of samples and three directions: the "
            "true gradient, the estimate with the inverse covariance, and the printed one.",
        )  # fmt: skip

    return Figure(
        "The noise prefers one direction. Does the estimate?",
        "Drag the ring to turn the cloud. Right: 200 batches of 100 samples, each a dot.",
        [
            Column([Panel("plane", "A hill from above", "the centre is *θ*", Axis(-1.6, 1.6, 3),
                          Axis(-1.3, 1.3, 3), scene=True)], 1.1),
            Column([
                Panel("right", "Corrected", "with *Σ*^{−1}, degrees off", Axis(-180, 180, OFF),
                      Axis(0, 1, ()), margin=8),
                Panel("printed", "Printed", "without it, degrees off", Axis(-180, 180, OFF),
                      Axis(0, 1, ()), margin=8),
            ]),
        ],
        [
            Slider("turn", "direction of the long axis in radians", "*ψ*", -1.57, 1.57, -0.5, 0.01),
            Slider("ratio", "how many times as long as wide the cloud is", "long : wide", 1, 9, 6,
                   0.1, format=".1f"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def dimensions() -> Figure:
    """The cosine between estimate and truth in d dimensions, one-sided and mirrored."""
    hill = Quadratic(-1.0)

    def draw(now: SimpleNamespace) -> Picture:
        d, pairs = round(now.d), round(now.throws / 2)
        theta = torch.zeros(d)
        theta[0] = -1.0  # so that the gradient is the first axis
        eps = normal(int(now.seed), 2 * pairs * CLOUD, d)  # more rows and columns, same numbers
        means = {
            "one": finite_difference(hill, theta, now.sigma, eps).reshape(CLOUD, -1, d).mean(1),
            "pair": antithetic(hill, theta, now.sigma, eps[: pairs * CLOUD])
            .reshape(CLOUD, -1, d).mean(1),
        }  # fmt: skip
        cosine = {name: mean[:, 0] / mean.norm(dim=-1) for name, mean in means.items()}
        up = {name: int((c > 0).sum()) for name, c in cosine.items()}
        return Picture(
            panels={
                name: [
                    m.histogram(c, role, lift=22),
                    m.line([0, 0], [0, 1], "guide"),
                    m.curve([1, 1], [0, 1], "truth", width=2),
                    m.measured([float(c.mean())], [0.08], [float(c.std())], role, axis="x",
                               kind="mean"),
                ]
                for (name, c), role in zip(cosine.items(), ("plain", "gradient"), strict=True)
            },
            readout=[
                f"*d* = **{d}**, *n* = **{2 * pairs}** throws",
                f"one-sided: cosine **{float(cosine['one'].mean()):+.2f}**, uphill **{up['one']}** "
                f"of {CLOUD}",
                f"mirrored: cosine **{float(cosine['pair'].mean()):+.2f}**, uphill "
                f"**{up['pair']}** of {CLOUD}",
            ],
            alt="Two histograms of the cosine between estimate and true gradient, for one-sided "
            "differences and for mirrored pairs of the same cost.",
        )  # fmt: skip

    panels = [
        Panel(name, title, "cosine of the angle to the truth", Axis(-1, 1, 5), Axis(0, 1, ()),
              height=120, margin=8, right=12)
        for name, title in (("one", "One-sided"), ("pair", "Mirrored pairs"))
    ]  # fmt: skip
    return Figure(
        "In how many dimensions is a step still a step uphill?",
        "Each dot is one estimate from *n* throws; the ring is their mean, its bar one standard "
        "deviation.",
        [Column(panels)],
        [
            Slider("d", "dimension d", "*d*", 1, 200, 2, format="d", log=True),
            Slider("throws", "throws n for each estimate", "*n*", 2, 100, 2, format="d", log=True),
            Slider("sigma", "standard deviation σ", "*σ*", 0.001, 1, 0.1, format=".2~g", log=True),
            NewNoise(),
        ],
        draw,
    )


def _hill() -> list[Mark]:
    """The hill as bands of grey, lighter where it is low, with its top."""
    x, y = (torch.linspace(-r, r, k, dtype=torch.float64) for r, k in ((1.6, 161), (1.3, 131)))
    height = HILL(torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1))
    low, high = float(height.min()), HILL.offset
    bands = ((height - low) / (high - low) * 12).floor() / 16
    return [
        m.image(bands, (-1.6, 1.6), (-1.3, 1.3)),
        m.points([1.1], [0.9], "ink", kind="cross"),
        m.text(1.1, 0.9, "top", "ink", dx=8, dy=-6, halo=False),
    ]


def _circle() -> Tensor:
    around = torch.linspace(0, math.tau, 73, dtype=torch.float64)
    return torch.stack((around.cos(), around.sin()), -1)


def _dashed(loop: Tensor) -> Mark:
    return m.curve(loop[:, 0], loop[:, 1], "sample", width=1.25, dash=(3, 3))


def _spread(sigma: float) -> list[Mark]:
    """The circle of radius σ around θ, and the ring that sets it."""
    return [
        _dashed(sigma * _circle()),
        m.handle(sigma, 0, {"x": "sigma"}, arrows=[(1, 0), (-1, 0)]),
    ]


def _bundle(rows: Tensor, role: str) -> Mark:
    """Single gradients as thin lines from θ."""
    ends = STEP * rows
    return m.curve(
        torch.stack((0 * ends[:, 0], ends[:, 0]), -1),
        torch.stack((0 * ends[:, 1], ends[:, 1]), -1),
        role, width=1.25, ghost=True,
    )  # fmt: skip


def _arrows(**vectors: tuple[Tensor, str, float | Tensor]) -> list[Mark]:
    """Gradients from θ by name, each with its role and its scale; names keep out of each other."""
    tips = {name: _cut(scale * gradient) for name, (gradient, _, scale) in vectors.items()}
    marks = []
    for name, (dx, dy) in tips.items():
        role = vectors[name][1]
        if role == "wrong":  # dashed, so that colour is not alone
            marks.append(m.curve([0, dx], [0, dy], role, dash=(6, 4)))
            marks.append(m.points([dx], [dy], role, kind="cross"))
        else:
            marks.append(m.arrow(0, 0, dx, dy, role))
        near = [dx * y - dy * x for x, y in tips.values() if (x, y) != (dx, dy)
                and abs(x - dx) + abs(y - dy) < CLOSE]  # fmt: skip
        right = near[0] > 0 if near else dx > 0
        marks.append(m.text(dx, dy, name, role, align="left" if right else "right",
                            dx=9 if right else -9, dy=4, bold=True))  # fmt: skip
    return marks


def _cut(vector: Tensor) -> tuple[float, float]:
    """A vector from the middle of the plane, cut where it would leave the panel."""
    dx, dy = vector.tolist()
    part = min(1.0, 1.25 / max(abs(dx), 1e-9), 1.2 / max(abs(dy), 1e-9))
    return part * dx, part * dy


def _angle(means: Tensor, truth: Tensor) -> Tensor:
    """Degrees from the truth to each vector (k, 2), counterclockwise; nan for a vector of 0."""
    across = truth[0] * means[:, 1] - truth[1] * means[:, 0]
    angle = torch.rad2deg(torch.atan2(across, means @ truth))
    return angle.masked_fill((means == 0).all(-1), math.nan)


def _truth_line() -> Mark:
    return m.curve([0, 0], [0, 1], "truth", width=2)
