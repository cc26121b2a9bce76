"""Objectives: functions to maximise that carry their own truth.

An objective `f` is a frozen dataclass, called on points of shape (..., d) and returning
values of shape (...). It knows

    f.smoothed(theta, sigma)       F(θ) = E f(θ + σε), ε ~ N(0, I), shape (...)
    f.smoothed_grad(theta, sigma)  ∇F(θ), shape (..., d)
    f.jumps()                      where it is discontinuous, and by how much
    f.bounds                       (2, d) tensor, the region worth plotting
    f.optimum                      its maximiser and maximum

F and ∇F are exact: closed form where there is one, otherwise Gauss-Legendre quadrature
that never crosses a jump (error below 1e-12 in float64, for any σ > 0).
`sigma` broadcasts with the values. dtype and device follow `theta`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


class Jumps(NamedTuple):
    """Discontinuities of an objective in one dimension."""

    theta: Float[Tensor, " m"]
    height: Float[Tensor, " m"]  # f just right of theta, minus f just left of it


class Optimum(NamedTuple):
    """The maximiser of an objective and its value there."""

    theta: Float[Tensor, " d"]
    value: float


@dataclass(frozen=True)
class BallThrow:
    """Distance that a ball has flown when the clock stops, as a function of the angle.

    J(θ) = x0 + v t cos θ

    A ball leaves the hand at (x0, 0) with speed `v` at the angle θ above the horizontal and
    flies without drag for `t` seconds. There is no ground, so the best throw is level: θ = 0.
    `g` pulls the ball down and does not enter J.

    Smoothed, F(θ) = x0 + v t exp(-σ²/2) cos θ, because E exp(iσε) = exp(-σ²/2).

    Args:
        v: speed, m/s. t: flight time, s. x0: where the hand is, m. g: gravity, m/s².
    Raises:
        ValueError: if v or t is not positive, g is negative, or any field is not finite.
    """

    v: float = 10.0
    t: float = 2.0
    x0: float = 0.0
    g: float = 9.81

    def __post_init__(self) -> None:
        _require_finite(self)
        _require_positive(self, "v", "t")
        if self.g < 0:
            raise ValueError(f"BallThrow: g = {self.g} m/s² points up; give its size, g >= 0")

    def __call__(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        return self.x0 + self.v * self.t * _angle(self, theta).cos()

    def position(
        self, theta: Float[Tensor, "*#batch 1"], time: Float[Tensor, "*#batch"]
    ) -> Float[Tensor, "*#batch 2"]:
        """Where the ball is, (x, y) in m, `time` seconds after the throw; the two broadcast."""
        angle = _angle(self, theta)
        x = self.x0 + self.v * angle.cos() * time
        y = self.v * angle.sin() * time - self.g * time**2 / 2
        return torch.stack((x, y), dim=-1)

    def smoothed(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = x0 + v t exp(-σ²/2) cos θ, in m."""
        angle, sigma = _angle(self, theta), _sigma(theta, sigma)
        return self.x0 + self.v * self.t * torch.exp(-(sigma**2) / 2) * angle.cos()

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch 1"]:
        """∇F(θ) = -v t exp(-σ²/2) sin θ, in m/rad."""
        angle, sigma = _angle(self, theta), _sigma(theta, sigma)
        return (-self.v * self.t * torch.exp(-(sigma**2) / 2) * angle.sin())[..., None]

    def jumps(self) -> Jumps:
        """None: the distance is smooth."""
        return Jumps(torch.empty(0, dtype=torch.float64), torch.empty(0, dtype=torch.float64))

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """From a level throw to one straight up."""
        return torch.tensor([[0.0], [math.pi / 2]], dtype=torch.float64)

    @property
    def optimum(self) -> Optimum:
        """The level throw."""
        return Optimum(torch.zeros(1, dtype=torch.float64), self.x0 + self.v * self.t)


@dataclass(frozen=True)
class BallWall:
    """Distance that a ball has flown when the clock stops, with a wall that it sticks to.

    J(θ) = x_w        if the ball meets the wall within t seconds,
           v t cos θ  otherwise

    The ball leaves (0, 0) with speed `v` at the angle θ; the wall stands at `x_w`, its top is
    `h` above the hand, and it goes down without end. With T = tan θ and k = g x_w² / (2 v²) the
    ball crosses x_w at the height y = x_w T - k (1 + T²), so it clears the wall for
    θ1 <= θ <= θ2, the angles at which y = h:

        tan θ1, tan θ2 = (x_w ∓ sqrt(x_w² - 4 k (h + k))) / (2 k)

    Beyond |θ| = θr = arccos(x_w / (v t)) the clock stops before the ball arrives. J jumps up by
    v t cos θ1 - x_w at θ1, down by v t cos θ2 - x_w at θ2, and has a kink at ±θr; it repeats
    every 2π. Where J is flat its derivative, and autograd's, is 0 and says nothing of the cliff.
    Adapted from the wall of Suh, Simchowitz, Zhang and Tedrake (2022), "Do differentiable
    simulators give better policy gradients?".

    Args:
        v: speed, m/s. t: flight time, s. x_w: distance of the wall, m.
        h: height of its top above the hand, m (negative: below it). g: gravity, m/s².
    Raises:
        ValueError: if a field is not finite, if v, t, x_w or g is not positive, if the wall is
            out of reach (x_w >= v t), or if no throw clears it in time.
    """

    v: float = 10.0
    t: float = 2.0
    x_w: float = 5.0
    h: float = 3.0
    g: float = 9.81

    def __post_init__(self) -> None:
        _require_finite(self)
        _require_positive(self, "v", "t", "x_w", "g")
        if self.x_w >= self.v * self.t:
            raise ValueError(
                f"BallWall: the wall at x_w = {self.x_w:g} m is out of reach: in {self.t:g} s the "
                f"ball flies {self.v * self.t:g} m at most; take a smaller x_w, or BallThrow"
            )
        if self.h > self.highest_clearable:
            raise ValueError(
                f"BallWall: no throw clears h = {self.h:g} m at x_w = {self.x_w:g} m: with "
                f"v = {self.v:g} m/s the ball passes there at {self.highest_clearable:.4g} m at "
                "most; lower h, or raise v"
            )

    def __call__(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        flight = self.v * self.t * _angle(self, theta).cos()
        return torch.where(self.contact(theta), torch.full_like(flight, self.x_w), flight)

    def contact(self, theta: Float[Tensor, "*batch 1"]) -> Tensor:
        """Whether the ball meets the wall before the clock stops, bool of shape (*batch,)."""
        reaches = self.v * self.t * _angle(self, theta).cos() > self.x_w
        return reaches & (self.clearance(theta) < 0)

    def clearance(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        """Height over the top of the wall at which the ball crosses x_w, in m.

        Negative on contact; nan for a throw that never comes to x_w (cos θ <= 0).
        """
        angle = _angle(self, theta)
        tan = torch.where(angle.cos() > 0, angle.tan(), torch.nan)
        return self.x_w * tan - self._k * (1 + tan**2) - self.h

    def position(
        self, theta: Float[Tensor, "*#batch 1"], time: Float[Tensor, "*#batch"]
    ) -> Float[Tensor, "*#batch 2"]:
        """Where the ball is, (x, y) in m, `time` seconds after the throw; the two broadcast."""
        arrival = self.x_w / (self.v * _angle(self, theta).cos())
        stopped = torch.where(self.contact(theta), torch.minimum(time, arrival), time)
        return BallThrow(self.v, self.t, 0.0, self.g).position(theta, stopped)

    @property
    def angles(self) -> tuple[float, float, float]:
        """(θ1, θ2, θr) in rad; θ2 is not a cliff if it lies beyond θr."""
        root = math.sqrt(max(0.0, self.x_w**2 - 4 * self._k * (self.h + self._k)))
        low, high = ((self.x_w + s * root) / (2 * self._k) for s in (-1, 1))
        return math.atan(low), math.atan(high), math.acos(self.x_w / (self.v * self.t))

    @property
    def highest_clearable(self) -> float:
        """Top of the highest wall at x_w that a throw clears before the clock stops, in m.

        The envelope of all throws, v²/(2g) - g x_w²/(2v²), if its throw arrives in time; otherwise
        the height of the latest arrival, at θr.
        """
        steepest = math.sqrt((self.v * self.t / self.x_w) ** 2 - 1)
        tan = min(self.v**2 / (self.g * self.x_w), steepest)
        return self.x_w * tan - self._k * (1 + tan**2)

    def smoothed(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) in m: the throw without a wall, corrected on the angles that meet it.

        F(θ) = A exp(-σ²/2) cos θ + E[(x_w - A cos X) 1{contact}],  X = θ + σε,  A = v t
        """
        lost = self._expect_on_contact(self._loss, theta, sigma)
        return BallThrow(self.v, self.t).smoothed(theta, sigma) + lost

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch 1"]:
        """∇F(θ) in m/rad: the mean slope, plus every jump times the density of X there.

        ∇F(θ) = E J'(X) + sum over jumps of height · φ((at - θ)/σ)/σ
        """
        reach = self.v * self.t
        slope = self._expect_on_contact(lambda x: reach * x.sin(), theta, sigma)
        free = BallThrow(self.v, self.t).smoothed_grad(theta, sigma)
        return free + (slope + self._edges(theta, sigma))[..., None]

    def jumps(self) -> Jumps:
        """The cliffs within one period, (-π, π]."""
        theta1, theta2, theta_r = self.angles
        at = torch.tensor([theta1, theta2], dtype=torch.float64)
        height = -self._loss(at) * torch.tensor([1.0, -1.0])
        cliff = (at.abs() < theta_r) & (height != 0)
        return Jumps(at[cliff], height[cliff])

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """From a level throw to one straight up."""
        return torch.tensor([[0.0], [math.pi / 2]], dtype=torch.float64)

    @property
    def optimum(self) -> Optimum:
        """The lowest throw that clears the wall: θ1, the edge of the cliff, or level."""
        best = max(self.angles[0], 0.0)
        return Optimum(torch.tensor([best], dtype=torch.float64), self.v * self.t * math.cos(best))

    @property
    def _k(self) -> float:
        return self.g * self.x_w**2 / (2 * self.v**2)

    def _loss(self, x: Tensor) -> Tensor:
        """What meeting the wall changes at the angle x: x_w - v t cos x."""
        return self.x_w - self.v * self.t * x.cos()

    def _contact_intervals(self, theta: Tensor, sigma: Tensor) -> list[tuple[float, float]]:
        """Where contact happens, in every period that X = θ + σε reaches with |ε| <= EPS_MAX."""
        theta1, theta2, theta_r = self.angles
        pairs = [(-theta_r, min(theta1, theta_r)), (max(theta2, -theta_r), theta_r)]
        ends = theta.detach().abs() + EPS_MAX * sigma.detach()
        far = float(ends.amax()) if ends.numel() else 0.0
        last = math.floor((far + theta_r) / math.tau)
        turns = [math.tau * p for p in range(-last, last + 1)]
        return [(a + turn, b + turn) for turn in turns for a, b in pairs if a < b]

    def _expect_on_contact(
        self, c: Callable[[Tensor], Tensor], theta: Tensor, sigma: float | Tensor
    ) -> Float[Tensor, "*batch"]:
        """E[c(X) 1{contact}] for a smooth c, by quadrature that ends at the cliffs."""
        angle, sigma = _angle(self, theta), _sigma(theta, sigma)
        total = torch.zeros_like(angle * sigma)
        for a, b in self._contact_intervals(angle, sigma):
            lower, upper = (a - angle) / sigma, (b - angle) / sigma
            total = total + _gauss_integral(
                lambda eps: c(angle[..., None] + sigma[..., None] * eps), lower, upper
            )
        return total

    def _edges(self, theta: Tensor, sigma: float | Tensor) -> Float[Tensor, "*batch"]:
        """Sum over the edges of contact of jump height times the density of X there."""
        angle, sigma = _angle(self, theta), _sigma(theta, sigma)
        total = torch.zeros_like(angle * sigma)
        for interval in self._contact_intervals(angle, sigma):
            for edge, sign in zip(interval, (1, -1), strict=True):
                height = sign * (self.x_w - self.v * self.t * math.cos(edge))
                total = total + height * _density((edge - angle) / sigma) / sigma
        return total


EPS_MAX = 9.0  # P(|ε| > 9) = 2e-19: nothing beyond is seen in float64


@cache
def _legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(n)


def _density(eps: Tensor) -> Tensor:
    """φ(ε), the standard normal density."""
    return torch.exp(-(eps**2) / 2) / math.sqrt(math.tau)


def _gauss_integral(
    c: Callable[[Float[Tensor, "*batch n"]], Float[Tensor, "*batch n"]],
    lower: Float[Tensor, "*batch"],
    upper: Float[Tensor, "*batch"],
) -> Float[Tensor, "*batch"]:
    """The integral of c(ε) φ(ε) from lower to upper, for a smooth c.

    Gauss-Legendre with 64 nodes on at most |ε| <= EPS_MAX; there φ alone is integrated to 1e-16.
    """
    lower, upper = (end.clamp(-EPS_MAX, EPS_MAX) for end in (lower, upper))
    nodes, weights = (torch.from_numpy(a).to(lower) for a in _legendre(64))
    half = ((upper - lower) / 2)[..., None]
    eps = (lower[..., None] + half) + half * nodes
    return (half * weights * c(eps) * _density(eps)).sum(-1)


def _angle(f: object, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
    name = type(f).__name__
    if not isinstance(theta, Tensor) or not theta.is_floating_point():
        what = theta.dtype if isinstance(theta, Tensor) else type(theta).__name__
        raise TypeError(
            f"{name}: theta must be a floating-point tensor, got {what}; "
            "torch.as_tensor(theta, dtype=torch.float64) makes one"
        )
    if theta.ndim == 0 or theta.shape[-1] != 1:
        raise ValueError(
            f"{name}: points have shape (..., 1), got {tuple(theta.shape)}; "
            "theta[..., None] adds the last axis"
        )
    return theta[..., 0]


def _sigma(theta: Tensor, sigma: float | Tensor) -> Tensor:
    sigma = torch.as_tensor(sigma, dtype=theta.dtype, device=theta.device)
    if not bool((sigma > 0).all()) or not bool(sigma.isfinite().all()):
        raise ValueError(
            f"sigma must be a positive, finite standard deviation, got {sigma.tolist()}; "
            "without noise, call the objective itself"
        )
    return sigma


def _require_finite(f: object) -> None:
    for name, value in vars(f).items():
        if not math.isfinite(value):
            raise ValueError(f"{type(f).__name__}: {name} = {value}; a finite number is needed")


def _require_positive(f: object, *names: str) -> None:
    for name in names:
        value = getattr(f, name)
        if value <= 0:
            raise ValueError(f"{type(f).__name__}: {name} = {value:g}; it must be positive")
