"""The tables of objectives, each beside an independent account of itself.

A new objective is a new row: test_objectives.py holds every row to the same mathematics.
The accounts are numpy, written from the physics, and share no code with smoothlib.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from smoothlib import (
    L1,
    BallThrow,
    BallWall,
    EuclideanNorm,
    Heaviside,
    HeavisideAll,
    HeavisideAny,
    LQEpisode,
    MomentumTransfer,
    Objective,
    PassFailBar,
    PiecewiseLinear,
    Quadratic,
    SoftStep,
    Spike,
    ThreeHumpCamel,
    TopHat,
    Wiggle,
)

Array = NDArray[np.float64]
Formula = Callable[[Array], Array]


@dataclass(frozen=True)
class Problem:
    """An objective of one variable and what it ought to be."""

    f: Objective
    value: Formula
    slope: Formula  # almost everywhere
    scale: float  # of the values; tolerances are relative to it
    edges: tuple[float, ...] | None = None  # of the pieces; None: where `slope` becomes 0
    period: float = np.inf
    rate: float = 1.0  # the fastest oscillation, radians per unit

    def breaks(self) -> Array:
        """Where value or slope jumps, within one period."""
        return self._scanned if self.edges is None else np.array(self.edges)

    @cached_property
    def _scanned(self) -> Array:
        """The breaks in (-π, π], by a scan and bisection."""
        grid = np.linspace(-np.pi, np.pi, 4001) + 1e-5
        kind = self.slope(grid) == 0
        found = []
        for i in np.flatnonzero(kind[1:] != kind[:-1]):
            left, right = grid[i], grid[i + 1]
            for _ in range(60):
                middle = (left + right) / 2
                same = (self.slope(np.array([middle]))[0] == 0) == kind[i]
                left, right = (middle, right) if same else (left, middle)
            found.append(right)
        return np.array(found)

    def breaks_within(self, low: float, high: float) -> Array:
        """Those of every period."""
        turns = np.zeros(1)
        if np.isfinite(self.period):
            turns = self.period * np.arange(low // self.period - 1, high // self.period + 2)
        found = np.sort((self.breaks()[:, None] + turns).ravel())
        return found[(low <= found) & (found <= high)]

    def expect(self, c: Formula, theta: float, sigma: float) -> Array | float:
        """E c(θ + σε) for c with the pieces of f; c may return several rows."""
        return self.expect_pair(lambda x, _: c(x), theta, sigma, mirror=False)

    def expect_pair(
        self, c: Callable[[Array, Array], Array], theta: float, sigma: float, mirror: bool = True
    ) -> Array | float:
        """E c(θ + σε, θ - σε), by 30-node Gauss-Legendre in extended precision.

        Panels end at the breaks, at the breaks of the mirrored argument, and after at most half a
        unit of ε and six radians. test_smoothing.py holds it to mpmath.
        """
        edges = (self.breaks_within(theta - 12 * sigma, theta + 12 * sigma) - theta) / sigma
        count = int(np.ceil(24 * max(2.0, sigma * self.rate / 6)))
        points = np.concatenate([edges, -edges if mirror else edges, np.linspace(-12, 12, count)])
        points = np.unique(points).astype(np.longdouble)
        half, middle = np.diff(points) / 2, (points[1:] + points[:-1]) / 2
        nodes, weights = np.polynomial.legendre.leggauss(30)
        eps = (middle[:, None] + half[:, None] * nodes).ravel()
        weight = (half[:, None] * weights).ravel() * np.exp(-(eps**2) / 2) / np.sqrt(2 * np.pi)
        found = (np.asarray(c(theta + sigma * eps, theta - sigma * eps)) * weight).sum(-1)
        return found.astype(float) if found.ndim else float(found)


def throw(f: BallThrow) -> Problem:
    reach = f.v * f.t
    return Problem(
        f,
        value=lambda x: f.x0 + reach * np.cos(x),
        slope=lambda x: -reach * np.sin(x),
        scale=reach,
        edges=(),
        period=2 * np.pi,
    )


def wall(f: BallWall) -> Problem:
    """The ball meets the wall if it is there in time, and below the top at that moment."""

    def blocked(x: Array) -> NDArray[np.bool_]:
        forward = f.v * np.cos(x)
        with np.errstate(divide="ignore"):
            arrival = np.where(forward > 0, f.x_w / forward, np.inf)
        in_time = arrival < f.t
        when = np.where(in_time, arrival, 0.0)
        height = f.v * np.sin(x) * when - f.g * when**2 / 2
        return in_time & (height < f.h)

    reach = f.v * f.t
    return Problem(
        f,
        value=lambda x: np.where(blocked(x), f.x_w, reach * np.cos(x)),
        slope=lambda x: np.where(blocked(x), 0.0, -reach * np.sin(x)),
        scale=reach,
        period=2 * np.pi,
    )


def bar(f: PassFailBar) -> Problem:
    """A throw passes if it goes up, and its vertical speed carries it above the bar."""
    low = np.arcsin(np.sqrt(2 * f.g * f.h_b) / f.v)

    def value(x: Array) -> Array:
        up = f.v * np.sin(x)
        return ((up > 0) & (up * up > 2 * f.g * f.h_b)) * 1.0

    return Problem(f, value, level, 1.0, edges=(low, np.pi - low), period=2 * np.pi)


def lines(f: PiecewiseLinear) -> Problem:
    """Interpolation between the values at the breakpoints, and beyond them the end slopes."""
    xs, left, right = np.array(f.x), np.array(f.left), np.array(f.right)
    inner = (left[1:] - right[:-1]) / np.diff(xs)
    slopes = np.array([f.ends[0], *inner, f.ends[1]])

    def value(x: Array) -> Array:
        j = (x[..., None] > xs).sum(-1)
        from_left = right[j - 1] + slopes[j] * (x - xs[j - 1])
        return np.where(j == 0, left[0] + f.ends[0] * (x - xs[0]), from_left)

    def slope(x: Array) -> Array:
        return slopes[(x[..., None] > xs).sum(-1)]

    scale = float(np.abs([*left, *right]).max()) or 1.0
    return Problem(f, value, slope, scale, edges=f.x)


def level(x: Array) -> Array:
    """The slope of whatever is flat."""
    return 0 * x


def both(f: Problem, g: Problem, sign: float = 1.0) -> Problem:
    """The sum, or the difference, of two problems."""
    return Problem(
        f.f + g.f if sign > 0 else f.f - g.f,
        value=lambda x: f.value(x) + sign * g.value(x),
        slope=lambda x: f.slope(x) + sign * g.slope(x),
        scale=f.scale + g.scale,
        edges=(*f.breaks(), *g.breaks()),
        period=min(f.period, g.period),
        rate=max(f.rate, g.rate),
    )


def affine(f: Problem, scale: float, shift: float) -> Problem:
    return replace(
        f,
        f=scale * f.f + shift,
        value=lambda x: scale * f.value(x) + shift,
        slope=lambda x: scale * f.slope(x),
        scale=abs(scale) * f.scale + abs(shift),
    )


GRIPPER = lines(PiecewiseLinear())

THROWS = {
    "ball": throw(BallThrow()),
    "ball, elsewhere": throw(BallThrow(v=3.0, t=0.7, x0=-1.5, g=0.0)),
    "wall": wall(BallWall()),
    "wall, one cliff": wall(BallWall(t=0.6, x_w=4.0, h=2.0)),  # θ2 > θr
    "wall below the hand": wall(BallWall(h=-0.5)),  # θ1 < 0
    "wall far below": wall(BallWall(h=-40.0)),  # θ1 < -θr
    "wall just cleared": wall(BallWall(h=3.87)),  # θ1 close to θ2
}

PROBLEMS = THROWS | {
    "bar": bar(PassFailBar()),
    "bar, low": bar(PassFailBar(v=4.0, h_b=0.1, g=1.6)),
    "momentum": Problem(
        MomentumTransfer(),
        value=lambda x: np.where(np.abs(x) < np.pi / 4, np.cos(2 * x) / 2 - 0.5, 0.0),
        slope=lambda x: np.where(np.abs(x) < np.pi / 4, -np.sin(2 * x), 0.0),
        scale=0.5,
        edges=(-np.pi / 4, np.pi / 4),
    ),
    "heaviside": Problem(Heaviside(), lambda x: (x > 0) * 1.0, level, 1.0, edges=(0.0,)),
    "heaviside, down": Problem(
        Heaviside(place=0.7, height=-3.0), lambda x: (x > 0.7) * -3.0, level, 3.0, edges=(0.7,)
    ),
    "soft step": Problem(
        SoftStep(width=0.2, place=0.8, height=2.0),
        value=lambda x: 2 * np.clip((x - 0.7) / 0.2, 0, 1),
        slope=lambda x: np.where(np.abs(x - 0.8) < 0.1, 10.0, 0.0),
        scale=2.0,
        edges=(0.7, 0.9),
    ),
    "top hat": Problem(
        TopHat(0.02, 0.08, 0.2),
        value=lambda x: np.where((x > 0.02) & (x <= 0.08), 0.2, 0.0),
        slope=level,
        scale=0.2,
        edges=(0.02, 0.08),
    ),
    "gripper": GRIPPER,
    "tent": lines(PiecewiseLinear((0.0,), (0.0,), (0.0,), (1.0, -4.0))),
    "zigzag": lines(
        PiecewiseLinear((-1.0, 0.5, 0.9), (2.0, -1.0, 3.0), (1.5, -1.0, -2.0), (0.3, -0.7))
    ),
    "wiggle": Problem(
        Wiggle(),
        value=lambda x: x**2 + np.sin(10 * x),
        slope=lambda x: 2 * x + 10 * np.cos(10 * x),
        scale=4.0,
        edges=(),
        rate=20.0,
    ),
    "wiggle, dome": Problem(
        Wiggle(curvature=-0.3, amplitude=-0.5, omega=3.0),
        value=lambda x: -0.15 * x**2 - 0.5 * np.sin(3 * x),
        slope=lambda x: -0.3 * x - 1.5 * np.cos(3 * x),
        scale=1.0,
        edges=(),
        rate=6.0,
    ),
    "spike": Problem(
        Spike(),
        value=lambda x: (np.abs(x - 3) < 0.05) * 1.0 - 0.05 * x**2,
        slope=lambda x: -0.1 * x,
        scale=1.0,
        edges=(2.95, 3.05),
    ),
    "stick": Problem(
        LQEpisode(a=1.1, b=1.0, q=1.0, r=0.5, W=1.0, steps=2),
        value=lambda x: -(1 + x**2 / 2) * (2 + (1.1 - x) ** 2) / 2,
        slope=lambda x: -x * (2 + (1.1 - x) ** 2) / 2 + (1 + x**2 / 2) * (1.1 - x),
        scale=20.0,
        edges=(),
    ),
    "quadratic": Problem(Quadratic(), lambda x: x**2 / 2, lambda x: x, scale=1.0, edges=()),
    "quadratic, dome": Problem(
        Quadratic(-3.0, 0.4, 1.2),
        value=lambda x: 1.2 - 1.5 * (x - 0.4) ** 2,
        slope=lambda x: -3 * (x - 0.4),
        scale=3.0,
        edges=(),
    ),
    "abs": Problem(L1(), np.abs, np.sign, scale=1.0, edges=(0.0,)),
    "norm of one": Problem(EuclideanNorm(), np.abs, np.sign, scale=1.0, edges=(0.0,)),
    "all of one": Problem(HeavisideAll(), lambda x: (x > 0) * 1.0, level, 1.0, edges=(0.0,)),
    "any of one": Problem(HeavisideAny(), lambda x: (x > 0) * 1.0, level, 1.0, edges=(0.0,)),
}
PROBLEMS |= {
    "2 wall + 1": affine(PROBLEMS["wall"], 2.0, 1.0),
    "-abs": affine(PROBLEMS["abs"], -1.0, 0.0),
    "wall - ball": both(PROBLEMS["wall"], PROBLEMS["ball"], -1.0),
    "wall - gripper": both(PROBLEMS["wall"], affine(GRIPPER, 20.0, 0.0), -1.0),
    "step by parts": Problem(
        TopHat(0.0, 1.0) + Heaviside(1.0), lambda x: (x > 0) * 1.0, level, 1.0, edges=(0.0,)
    ),
    "spike by parts": both(
        affine(PROBLEMS["quadratic"], -0.1, 0.0),
        Problem(
            TopHat(2.95, 3.05),
            lambda x: (np.abs(x - 3) < 0.05) * 1.0,
            level,
            1.0,
            edges=(2.95, 3.05),
        ),
    ),
}


@dataclass(frozen=True)
class Several:
    """An objective of several variables and what it ought to be."""

    f: Objective
    d: int
    value: Formula  # points (n, d) to values (n,)
    slope: Formula  # to (n, d)


SADDLE = np.array([[1.0, 0.5, 0.0], [0.5, -2.0, 0.3], [0.0, 0.3, 0.7]])
CENTRE = np.array([0.1, -0.2, 0.3])


def camel_slope(x: Array) -> Array:
    a, b = x.T
    return -np.stack([4 * a - 4.2 * a**3 + a**5 + b, a + 2 * b], -1)


def nowhere(x: Array) -> Array:
    return np.zeros_like(x)


SEVERAL = {
    "L1": Several(L1(), 3, lambda x: np.abs(x).sum(-1), np.sign),
    "all": Several(HeavisideAll(), 3, lambda x: (x.min(-1) > 0) * 1.0, nowhere),
    "any": Several(HeavisideAny(), 3, lambda x: (x.max(-1) > 0) * 1.0, nowhere),
    "norm in the plane": Several(
        EuclideanNorm(), 2, lambda x: np.hypot(*x.T), lambda x: x / np.hypot(*x.T)[:, None]
    ),
    "norm": Several(
        EuclideanNorm(),
        5,
        lambda x: np.sqrt((x**2).sum(-1)),
        lambda x: x / np.sqrt((x**2).sum(-1, keepdims=True)),
    ),
    "camel": Several(
        ThreeHumpCamel(),
        2,
        lambda x: (
            -2 * x[:, 0] ** 2 + 1.05 * x[:, 0] ** 4 - x[:, 0] ** 6 / 6 - x.prod(-1) - x[:, 1] ** 2
        ),
        camel_slope,
    ),
    "saddle": Several(
        Quadratic(torch.from_numpy(SADDLE), torch.from_numpy(CENTRE), 1.5),
        3,
        lambda x: 1.5 + np.einsum("ni,ij,nj->n", x - CENTRE, SADDLE, x - CENTRE) / 2,
        lambda x: (x - CENTRE) @ SADDLE,
    ),
    "bowl": Several(Quadratic(), 4, lambda x: (x**2).sum(-1) / 2, lambda x: x),
    "2 camel + saddle": Several(
        2 * ThreeHumpCamel() + Quadratic(torch.tensor([[0.0, 1.0], [1.0, 0.0]])),
        2,
        lambda x: 2 * SEVERAL["camel"].value(x) + x.prod(-1),
        lambda x: 2 * camel_slope(x) + x[:, ::-1],
    ),
}


def fly(
    angles: Array, duration: float, v: float, g: float, wall: tuple[float, float] | None = None
) -> tuple[Array, Array]:
    """Where balls thrown from (0, 0) are after `duration` s, by small time steps.

    They stick to `wall`, (distance, height), where they cross its distance below its height.
    """
    steps = 4000
    dt = duration / steps
    x, y = np.zeros_like(angles), np.zeros_like(angles)
    vx, vy = v * np.cos(angles), v * np.sin(angles)
    stuck = np.zeros(angles.shape, bool)
    for _ in range(steps):
        x_next, y_next = x + vx * dt, y + (vy - g * dt / 2) * dt
        if wall is not None:
            share = (wall[0] - x) / np.where(x_next > x, x_next - x, np.inf)
            crosses = (x < wall[0]) & (x_next >= wall[0]) & ~stuck
            y_there = y + share * (y_next - y)
            hits = crosses & (y_there < wall[1])
            x_next, y_next = np.where(hits, wall[0], x_next), np.where(hits, y_there, y_next)
            x_next, y_next = np.where(stuck, x, x_next), np.where(stuck, y, y_next)
            stuck |= hits
        x, y, vy = x_next, y_next, vy - g * dt
    return x, y
