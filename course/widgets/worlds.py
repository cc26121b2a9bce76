"""The gripper's landscape in mm, in the nominal world and in worlds that differ at random."""

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from course.gripper_shapes import MM
from smoothlib import PiecewiseLinear, normal
from smoothlib.gripper import GripperParams, init_state, lift_closed_form, rollout
from smoothlib.smoothing import density

WORLDS = 24
GRID = torch.arange(-75.0, 125.25, 0.25, dtype=torch.float64)  # mm; both ends lie far outside
CLIFF = 100.0  # mm, between neighbours on the grid
PARAMS = GripperParams()


def in_mm(f: PiecewiseLinear) -> PiecewiseLinear:
    """The same function with heights and places in mm; slopes stay as they are."""
    places, left, right = (tuple(MM * v for v in part) for part in (f.x, f.left, f.right))
    return PiecewiseLinear(places, left, right, f.ends)


LIFT = in_mm(lift_closed_form(PARAMS))  # height of the brick over z_close


@dataclass(frozen=True)
class Source:
    """Something that differs from world to world, by an amount to choose.

    `heights(spread)` are the brick's heights in WORLDS worlds over GRID, mm, (WORLDS, m).
    """

    unit: str
    words: str
    range: tuple[float, float, float]  # lowest, start, highest spread
    heights: Callable[[float], Float[Tensor, "k m"]]


def quantiles() -> Float[Tensor, " k"]:
    """WORLDS values that share a standard normal out evenly."""
    share = (torch.arange(WORLDS, dtype=torch.float64) + 0.5) / WORLDS
    return torch.special.ndtri(share)


def _sensor(spread: float) -> Tensor:
    return LIFT((GRID + spread * quantiles()[:, None])[..., None])


def _table_friction(spread: float) -> Tensor:
    """Lognormal about its nominal value; spread in percent."""
    return _worlds("mu_table", PARAMS.mu_table * (spread / 100 * quantiles()).exp())


def _brick_size(spread: float) -> Tensor:
    """Half of the brick's height is normal about 25 mm, with half the spread."""
    return _worlds("b", PARAMS.b + spread / 2 / MM * quantiles())


def _worlds(name: str, values: Tensor) -> Tensor:
    each = [in_mm(lift_closed_form(replace(PARAMS, **{name: v}))) for v in values.tolist()]
    return torch.stack([f(GRID[:, None]) for f in each])


def _off_centre(spread: float) -> Tensor:
    table = off_centre_table().result()
    place = (spread * quantiles()).abs()
    return table[(place / X_STEP).round().long().clamp(max=len(table) - 1)]


X_STEP, X_END, Z_STEP = 2.5, 70.0, 2.0  # mm


@cache
def off_centre_table() -> "Future[Tensor]":
    """Simulated heights over GRID for a brick that starts x0 off the middle, mm, under way in a
    thread of its own: (x0, m), a row for every X_STEP."""
    worker = ThreadPoolExecutor(1)
    future = worker.submit(_simulate_off_centre)
    worker.shutdown(wait=False)
    return future


def _simulate_off_centre() -> Tensor:
    x0 = torch.arange(0, X_END + X_STEP / 2, X_STEP, dtype=torch.float64)
    z = torch.arange(-25.0, 60.0, Z_STEP, dtype=torch.float64)
    start = init_state(PARAMS, len(x0) * len(z), x=x0.repeat_interleave(len(z)) / MM)
    height = MM * rollout(z.repeat(len(x0)) / MM, PARAMS, initial=start).height
    return between(z, height.reshape(len(x0), len(z)))


def between(z: Float[Tensor, " s"], height: Float[Tensor, "k s"]) -> Float[Tensor, "k m"]:
    """Heights over GRID: on straight lines between neighbours, halfway to the next over a cliff."""
    after = torch.searchsorted(z, GRID).clamp(1, len(z) - 1)
    part = ((GRID - z[after - 1]) / (z[after] - z[after - 1])).clamp(0, 1)
    low, high = height[:, after - 1], height[:, after]
    cliff = (high - low).abs() > CLIFF
    return torch.where(cliff, torch.where(part < 0.5, low, high), low + part * (high - low))


SOURCES = {
    "error of the height sensor": Source("mm", "sd of the error", (0, 5, 12), _sensor),
    "place of the brick": Source("mm", "sd of x0", (0, 25, 40), _off_centre),
    "friction of the table": Source("%", "sd of friction", (0, 20, 25), _table_friction),
    "size of the brick": Source("mm", "sd of its height", (0, 5, 10), _brick_size),
}


def smoothed(values: Float[Tensor, " m"], z: float, sigma: float) -> tuple[float, float]:
    """Mean of f(z + σε), and its slope by z, of an f with these values on GRID."""
    eps = (GRID - z) / sigma
    weight = density(eps)
    weight = weight / weight.sum()
    mean = float(weight @ values)
    return mean, float((weight * eps) @ (values - mean)) / sigma


def slopes(heights: Float[Tensor, "k m"]) -> Float[Tensor, "k m"]:
    """The slope at each point of GRID as autograd has it: that of the piece that it lies on."""
    step = float(GRID[1] - GRID[0])
    rise = heights.diff(dim=1)
    rise = torch.where(rise.abs() > CLIFF / 4, torch.zeros_like(rise), rise) / step
    return torch.cat((rise, rise[:, -1:]), 1)


@dataclass(frozen=True)
class Draws:
    """n samples, each in a world of its own: values and slopes there, and the noise, (n,)."""

    values: Tensor
    slopes: Tensor
    eps: Tensor

    def zero_order(self, sigma: float) -> Float[Tensor, " n"]:
        """One gradient for each, with the mean of the others as baseline."""
        n = len(self.eps)
        return n / (n - 1) * (self.values - self.values.mean()) * self.eps / sigma


def draw(heights: Float[Tensor, "k m"], z: float, sigma: float, n: int, seed: int) -> Draws:
    """Samples at z + σε in worlds drawn at random."""
    noise = normal(seed, n, 2, dtype=torch.float64)
    world = (torch.special.ndtr(noise[:, 1]) * len(heights)).long().clamp(max=len(heights) - 1)
    step = float(GRID[1] - GRID[0])
    at = ((z + sigma * noise[:, 0] - GRID[0]) / step).round().long().clamp(0, len(GRID) - 1)
    return Draws(heights[world, at], slopes(heights)[world, at], noise[:, 0])


def standard_error(rows: Float[Tensor, " n"]) -> float:
    return float(rows.std()) / math.sqrt(len(rows))
