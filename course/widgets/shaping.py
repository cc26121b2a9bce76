"""Figure: what becomes of a gradient when weights stand in for the values."""

from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
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
from course.widgets.tabulated import Tabulated
from smoothlib import centered_ranks, normal, standardised

Shape = Callable[[Tensor], Tensor]

BATCHES = 200
LOW, HIGH = -4.0, 4.0
LANDSCAPES: dict[str, Callable[[Tensor], Tensor]] = {
    "a slope": lambda x: 2 * x,
    "a slope with a jackpot": lambda x: 2 * x + 100 * (x > 2),
    "a slope with an abyss": lambda x: 2 * x - 30 * (x > 1.2),
    "steeper and steeper": lambda x: torch.exp(2 * x),
}


def _tabulated(f: Callable[[Tensor], Tensor]) -> Tabulated:
    return Tabulated(lambda x: f(x[..., 0]), LOW, HIGH)


TABLES = {name: _tabulated(f) for name, f in LANDSCAPES.items()}
ROLES = {"values": "plain", "standardised": "objective", "ranks": "gradient", "yours": "sample"}


def shaping(shape: Shape | None = None) -> Figure:
    """Gradients of batches by the values themselves, standardised, and by their centred ranks.

    `shape(values)`, if given, takes the place of the standardised ones: values (n,) of one batch
    to weights (n,).
    """
    shapes: dict[str, Shape] = {"values": lambda v: v}
    shapes |= {"yours": shape} if shape else {"standardised": standardised}
    shapes["ranks"] = centered_ranks

    def draw(now: SimpleNamespace) -> Picture:
        f, n = TABLES[now.landscape], round(now.n)
        eps = normal(int(now.seed), BATCHES * n, 1, dtype=torch.float64).reshape(BATCHES, n)
        values = f((now.sigma * eps)[..., None])
        truth = float(f.smoothed_grad(torch.zeros(1, dtype=torch.float64), now.sigma))
        up = 1.0 if truth > 0 else -1.0
        panels = {"landscape": _landscape(f, now.sigma * eps[0], values[0]), "weights": []}
        readout = [f"∇*F* = **{truth:+.2f}**"]
        for name, weigh in shapes.items():
            weights = torch.stack([_weights(weigh, row) for row in values])
            found = ((weights - weights.mean(1, keepdim=True)) * eps).mean(1) / now.sigma
            size = found.square().mean().sqrt()
            panels["weights"] += _stems(now.sigma * eps[0], weights[0], ROLES[name])
            panels[name] = _row(found / size if size > 0 else found, ROLES[name], up)
            readout.append(f"{name} along ∇*F*: **{int((up * found > 0).sum())}** of {BATCHES}")
        return Picture(
            panels,
            readout,
            "A landscape with the values of one population; below, the weights made of them; "
            "beside it, for each kind of weight, the gradients of 200 populations.",
        )

    return Figure(
        "Yours: which way do your weights point?"
        if shape
        else "What do ranks keep of a gradient, and what do they lose?",
        "Right: each dot is the gradient of one population, over their root mean square. Blue: "
        "the side of the true ∇*F*.",
        [
            Column([
                Panel("landscape", "Landscape", "*f* at the members",
                      Axis(LOW, HIGH, 5, unit="*x*"), Axis(*_range("a slope"), 4), height=170),
                Panel("weights", "Weights", "over the largest of them", Axis(LOW, HIGH, 5),
                      Axis(-1.1, 1.1, (-1, 0, 1)), height=90),
            ]),
            Column([
                Panel(name, name.capitalize(), "", Axis(-3, 3, 5), Axis(0, 1, ()), height=84,
                      margin=8)
                for name in shapes
            ]),
        ],
        [
            Choice("landscape", "landscape", {name: View([
                Panel("landscape", "Landscape", "*f* at the members",
                      Axis(LOW, HIGH, 5, unit="*x*"), Axis(*_range(name), 4), height=170)])
                for name in LANDSCAPES}, "a slope"),
            Slider("sigma", "standard deviation", "*σ*", 0.2, 1.3, 1.0, under="landscape"),
            Slider("n", "members of a population", "*n*", 4, 100, 20, 2, format="d"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def _range(name: str) -> tuple[float, float]:
    return {
        "a slope": (-10.0, 10.0),
        "a slope with a jackpot": (-20.0, 120.0),
        "a slope with an abyss": (-32.0, 12.0),
        "steeper and steeper": (-5.0, 100.0),
    }[name]


def _weights(shape: Shape, values: Tensor) -> Tensor:
    """Of one population, checked: they come from the student's function."""
    found = shape(values.clone())
    if not isinstance(found, Tensor) or found.shape != values.shape:
        what = tuple(found.shape) if isinstance(found, Tensor) else repr(found)
        raise ValueError(
            f"your shaping returned {what} for {len(values)} values; one weight for each is "
            f"wanted, ({len(values)},)"
        )
    if not bool(found.isfinite().all()):
        raise ValueError(
            f"your shaping returned {found.tolist()[:4]} ... for the values "
            f"{values.tolist()[:4]} ...; weights must be finite"
        )
    return found.detach().double()


def _landscape(f: Tabulated, x: Tensor, y: Tensor) -> list[m.Mark]:
    broken = f.values.clone()
    broken[:-1][f.values.diff().abs() > 5] = float("nan")
    return [m.curve(f.x, broken), m.points(x, y)]


def _stems(x: Tensor, weights: Tensor, role: str) -> list[m.Mark]:
    tall = weights - weights.mean()
    largest = float(tall.abs().max())
    order = x.argsort()
    heights = (tall / largest if largest > 0 else tall)[order]
    return [
        m.curve(x[order], heights, role, width=1.5),
        m.points(x[order], heights, role),
    ]


def _row(found: Tensor, role: str, up: float) -> list[m.Mark]:
    side = [0.0, 3.0] if up > 0 else [-3.0, 0.0]
    return [
        m.band(side, [0, 0], [1, 1], "truth"),
        m.histogram(found, role),
        m.curve([0, 0], [0, 1], "truth", width=2),
        m.measured([float(found.mean())], [0.1], [float("nan")], role, kind="mean"),
    ]
