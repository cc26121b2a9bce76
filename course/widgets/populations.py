"""Figures: three searches side by side with their populations; two gradients of one mean."""

import math
from collections.abc import Callable
from functools import cache, partial
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.directions import HERE, HILL, _arrows, _hill
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
    View,
)
from course.widgets.marks import Mark
from smoothlib import PGPE, SNES, XNES, ThreeHumpCamel, centered_ranks
from smoothlib.search import Search

Function = Callable[[Tensor], Tensor]

GENERATIONS, MEMBERS = 25, 20
WIDE, HIGH = 2.0, 1.5  # half of the plane that is shown
TIMES = torch.arange(GENERATIONS + 1)
FINEST = 1e-8  # of a distance to the top that is drawn


def ridge(x: Tensor) -> Tensor:
    """A hill 20 times as steep across as along, turned by 0.5 rad; its top is 0 at 1 along it."""
    along = math.cos(0.5) * x[..., 0] + math.sin(0.5) * x[..., 1]
    across = -math.sin(0.5) * x[..., 0] + math.cos(0.5) * x[..., 1]
    return -((along - 1) ** 2) - 20 * across**2


def bend(x: Tensor) -> Tensor:
    """Rosenbrock's valley turned over, a curved ridge; its top is 0 at (1, 1)."""
    return -((1 - x[..., 0]) ** 2) - 10 * (x[..., 1] - x[..., 0] ** 2) ** 2


LANDSCAPES: dict[str, tuple[Function, tuple[float, float]]] = {
    "a narrow ridge": (ridge, (-1.6, 0.4)),
    "a curved ridge": (bend, (-1.2, -0.6)),
    "three humps": (ThreeHumpCamel(), (-1.7, 0.3)),
}
SEARCHES: dict[str, Callable[..., Search]] = {
    "PGPE": partial(PGPE, optimiser=partial(torch.optim.SGD, lr=0.1), lr_sigma=0.05,
                    shape=centered_ranks),
    "SNES": SNES,
    "xNES": XNES,
}  # fmt: skip


def population(f: Function | None = None) -> Figure:
    """PGPE, SNES and xNES from one start, each with its population, generation by generation.

    `f`, if given, is the landscape: points (n, 2) to values (n,), to be maximised.
    """
    views = LANDSCAPES if f is None else {"yours": (f, (-1.6, 0.4))}
    seen = cache(lambda landscape: (_ground(landscape), _top(landscape)))

    def draw(now: SimpleNamespace) -> Picture:
        landscape = views[now.landscape][0] if f is None else f
        start = torch.tensor([now.x, now.y], dtype=torch.float64)
        ground, top = seen(landscape)
        panels: dict[str, list[Mark]] = {}
        ends = []
        for name, search in SEARCHES.items():
            path = _Path(search(start, now.sigma, n=MEMBERS, seed=int(now.seed)),
                         landscape)  # fmt: skip
            gap = (top - path.values).clamp(min=FINEST)
            ring = m.handle(now.x, now.y, {"x": "x", "y": "y"}, arrows=[(1, 0), (0, -1)])
            panels[name] = [ground, *path.marks(), ring]
            panels[f"{name} gap"] = [
                m.curve(TIMES, gap, "gradient", t=TIMES),
                m.points(TIMES[:, None], gap[:, None], "gradient", kind="ball", t=TIMES),
            ]
            ends.append([f"{name} **{_short(g)}**" for g in gap.tolist()])
        return Picture(
            panels,
            [[f"generation **{k}**" for k in TIMES.tolist()], *ends],
            "Three times one landscape from above, with the population of a search as a cloud, "
            "its ellipse and the path of its mean; below, how far below the top the mean is.",
            aside="below the top",
        )

    return Figure(
        "How does the cloud find out which way the ridge runs?",
        "Drag the ring to start elsewhere, then press play. Dots: the population. Ellipse: two "
        "standard deviations.",
        [
            Column([
                Panel(name, name, _adapts(name), Axis(-WIDE, WIDE, 3), Axis(-HIGH, HIGH, 3),
                      scene=True),
                Panel(f"{name} gap", "Gap", "top less *f*(*θ*)",
                      Axis(0, GENERATIONS, 3, unit="generation" if name == "PGPE" else ""),
                      Axis(FINEST, 100, (1e-6, 1e-3, 1), "power", log=True),
                      height=90),
            ])
            for name in SEARCHES
        ],
        [
            *([] if f else [Choice("landscape", "landscape", {
                name: View(sliders=_sliders(start)) for name, (_, start) in LANDSCAPES.items()
            }, "a narrow ridge")]),
            *_sliders(views[next(iter(views))][1]),
            Slider("sigma", "standard deviation at the start", "*σ*", 0.03, 1, 0.3, format=".2~g",
                   log=True),
            NewNoise(),
        ],
        draw,
        Clock(end=GENERATIONS, seconds=6, label="generation", stepper=True),
    )  # fmt: skip


def natural() -> Figure:
    """The gradient of F by θ and the natural one, for noise of two widths.

    On the left the plane, on the right the same plane in units of the noise.
    """

    def draw(now: SimpleNamespace) -> Picture:
        widths = torch.tensor([now.sigma1, now.sigma2], dtype=torch.float64)
        plain = HILL.smoothed_grad(HERE, 1.0)  # of a quadratic: the same for any noise
        natural = widths**2 * plain
        angle = _between(plain, natural)
        ring = torch.linspace(0, math.tau, 73, dtype=torch.float64)
        circle = torch.stack((ring.cos(), ring.sin()), -1)
        ellipse = widths * circle
        return Picture(
            panels={
                "plane": [
                    *_hill(),
                    m.curve(ellipse[:, 0], ellipse[:, 1], "sample", width=1.25, dash=(3, 3)),
                    *_both(plain, natural, 0.9),
                    m.handle(now.sigma1, now.sigma2, {"x": "sigma1", "y": "sigma2"},
                             arrows=[(1, 0), (0, -1)]),
                ],
                "noise": [
                    _seen_in(widths),
                    m.curve(circle[:, 0], circle[:, 1], "sample", width=1.25, dash=(3, 3)),
                    *_both(plain / widths, natural / widths, 1.0),
                ],
            },
            readout=[
                f"∇*F* = ({plain[0]:.2f}, {plain[1]:.2f})",
                f"natural = ({natural[0]:.3f}, {natural[1]:.3f})",
                f"**{angle:.0f}°** between them",
            ],
            alt="A hill with an ellipse of noise, the gradient and the natural gradient; beside it "
            "the same hill in units of the noise, where the ellipse is a circle.",
        )  # fmt: skip

    return Figure(
        "Which of the two is uphill?",
        "Drag the ring to widen the noise along each axis. Arrows show directions only.",
        [
            Column([Panel("plane", "The plane", "the centre is *θ*", Axis(-1.6, 1.6, 3),
                          Axis(-1.3, 1.3, 3), scene=True)]),
            Column([Panel("noise", "In units of the noise", "(*x*_{j} − *θ*_{j})/*σ*_{j}",
                          Axis(-1.6, 1.6, 3), Axis(-1.3, 1.3, 3), scene=True)]),
        ],
        [
            Slider("sigma1", "standard deviation along the first axis", "*σ*_{1}", 0.1, 1.2, 0.4,
                   0.01),
            Slider("sigma2", "standard deviation along the second axis", "*σ*_{2}", 0.1, 1.2, 0.4,
                   0.01),
        ],
        draw,
    )  # fmt: skip


def _both(plain: Tensor, natural: Tensor, length: float) -> list[Mark]:
    """The two as arrows of one length; one arrow where they agree."""
    uphill = (natural, "gradient", length / natural.norm())
    if _between(plain, natural) < 1:
        return _arrows(both=uphill)
    return _arrows(gradient=(plain, "first", length / plain.norm()), natural=uphill)


class _Path:
    """A search run to its end: means, populations, ellipses and values of the means."""

    def __init__(self, search: Search, f: Function) -> None:
        means, clouds, rings = [search.theta.clone()], [search.ask()], [_ellipse(search)]
        for _ in range(GENERATIONS):
            search.tell(_values(f, clouds[-1]))
            means.append(search.theta.clone())
            clouds.append(search.ask())
            rings.append(_ellipse(search))
        self.means, self.clouds, self.rings = map(torch.stack, (means, clouds, rings))
        self.values = _values(f, self.means)

    def marks(self) -> list[Mark]:
        x, y = self.means.T
        return [
            m.points(self.clouds[..., 0], self.clouds[..., 1], t=TIMES),
            m.moving_curve(self.rings[..., 0], self.rings[..., 1], "sample", t=TIMES, width=1.25),
            m.curve(x, y, "gradient", t=TIMES),
            m.points(x[:, None], y[:, None], "gradient", kind="ball", t=TIMES),
        ]


def _values(f: Function, x: Tensor) -> Tensor:
    values = f(x)
    if not isinstance(values, Tensor) or values.shape != x.shape[:1]:
        shape = tuple(values.shape) if isinstance(values, Tensor) else repr(values)
        raise ValueError(
            f"f(x) returned {shape} for points of shape {tuple(x.shape)}; one value for each is "
            f"wanted, ({len(x)},): take the coordinates as x[..., 0] and x[..., 1]"
        )
    return values.detach().double()


def _ellipse(search: Search) -> Tensor:
    """Two standard deviations around the mean."""
    ring = torch.linspace(0, math.tau, 49, dtype=torch.float64)
    circle = 2 * torch.stack((ring.cos(), ring.sin()), -1)
    width = torch.as_tensor(search.sigma)
    return search.theta + (circle @ width.T if width.ndim == 2 else circle * width)


def _plane() -> Tensor:
    """Points (rows, columns, 2), the lowest row first."""
    x = torch.linspace(-WIDE, WIDE, 161, dtype=torch.float64)
    y = torch.linspace(-HIGH, HIGH, 121, dtype=torch.float64)
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)


def _ground(f: Function) -> Mark:
    """The landscape in twelve greys of equal area, the lightest where it is lowest."""
    points = _plane()
    values = _values(f, points.reshape(-1, 2))
    ranks = values.argsort().argsort().reshape(points.shape[:2]) / len(values)
    return m.image((ranks * 12).floor() / 16, (-WIDE, WIDE), (-HIGH, HIGH))


def _top(f: Function) -> float:
    """The highest value in the plane: where a few steps of Newton's method from the grid end."""
    points = _plane().reshape(-1, 2)
    best = points[_values(f, points).argmax()].clone().requires_grad_(True)
    found = torch.optim.LBFGS([best], max_iter=100, line_search_fn="strong_wolfe",
                              tolerance_grad=1e-12, tolerance_change=1e-16)  # fmt: skip

    def loss() -> Tensor:
        found.zero_grad()
        value = -f(best[None])[0]
        if value.requires_grad:
            value.backward()
        return value

    start = float(f(best[None].detach())[0])
    try:
        found.step(loss)
        end = float(f(best[None].detach())[0])
    except (RuntimeError, IndexError):  # no derivative: the grid must do
        end = -math.inf
    return max(start, end)


def _seen_in(widths: Tensor) -> Mark:
    """The hill over (x - θ)/σ, in the greys of the plane beside it."""
    x = torch.linspace(-1.6, 1.6, 161, dtype=torch.float64)
    y = torch.linspace(-1.3, 1.3, 131, dtype=torch.float64)
    points = widths * torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)
    height = HILL(points)
    low = float(HILL(torch.tensor([-1.6, -1.3], dtype=torch.float64)))
    bands = ((height - low) / (HILL.offset - low) * 12).floor() / 16
    return m.image(bands, (-1.6, 1.6), (-1.3, 1.3))


def _sliders(start: tuple[float, float]) -> list[Slider]:
    return [
        Slider("x", "first coordinate of the start", "*θ*_{1}", -1.9, 1.9, start[0]),
        Slider("y", "second coordinate of the start", "*θ*_{2}", -1.4, 1.4, start[1]),
    ]


def _adapts(name: str) -> str:
    return {"PGPE": "two widths, by gradients", "SNES": "two widths, natural",
            "xNES": "any ellipse, natural"}[name]  # fmt: skip


def _between(a: Tensor, b: Tensor) -> float:
    """Degrees."""
    cosine = float(a @ b / (a.norm() * b.norm()))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def _short(gap: float) -> str:
    return "on top" if gap <= FINEST else f"{gap:.2g}"
