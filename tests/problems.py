"""The table of objectives, each beside an independent account of itself.

A new objective is a new row: test_objectives.py holds every row to the same mathematics.
The accounts are numpy, written from the physics, and share no code with smoothlib.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import integrate

from smoothlib import BallThrow, BallWall

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """An objective of one variable and what it ought to be."""

    f: BallThrow | BallWall
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]  # almost everywhere
    scale: float  # of the values; tolerances are relative to it

    def breaks(self) -> Array:
        """Where value or slope jumps in (-π, π], by a scan and bisection."""
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

    def expect(self, c: Callable[[Array], Array], theta: float, sigma: float) -> float:
        """E c(θ + σε) by adaptive quadrature that is split at every break of every period."""
        turns = 2 * np.pi * np.arange(-80, 81)
        edges = ((self.breaks()[:, None] + turns).ravel() - theta) / sigma
        points = np.concatenate([edges, np.arange(-10.0, 11.0)])
        points = np.unique(points[np.abs(points) <= 10])

        def density(eps: float) -> float:
            phi = np.exp(-(eps**2) / 2) / np.sqrt(2 * np.pi)
            return float(c(np.array([theta + sigma * eps]))[0] * phi)

        return sum(integrate.quad(density, a, b, epsabs=1e-13)[0] for a, b in pairwise(points))


def throw(f: BallThrow) -> Problem:
    reach = f.v * f.t
    return Problem(
        f,
        value=lambda x: f.x0 + reach * np.cos(x),
        slope=lambda x: -reach * np.sin(x),
        scale=reach,
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
    )


PROBLEMS = {
    "ball": throw(BallThrow()),
    "ball, elsewhere": throw(BallThrow(v=3.0, t=0.7, x0=-1.5, g=0.0)),
    "wall": wall(BallWall()),
    "wall, one cliff": wall(BallWall(t=0.6, x_w=4.0, h=2.0)),  # θ2 > θr
    "wall below the hand": wall(BallWall(h=-0.5)),  # θ1 < 0
    "wall far below": wall(BallWall(h=-40.0)),  # θ1 < -θr
    "wall just cleared": wall(BallWall(h=3.87)),  # θ1 close to θ2
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
