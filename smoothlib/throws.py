"""Objectives from mechanics: a ball that is thrown, at a wall, over a bar, on a plate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.closed_forms import Pieces, wave_moments
from smoothlib.objectives import (
    Objective,
    Optimum,
    box,
    indicator,
    line,
    places,
    require_finite,
    require_positive,
)
from smoothlib.piecewise import Piecewise
from smoothlib.smoothing import (
    Jumps,
    Moments,
    boundary_term,
    check_points,
    gauss_integral,
    window,
)


@dataclass(frozen=True)
class BallThrow(Objective):
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
        require_finite(self)
        require_positive(self, "v", "t")
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
        angle, sigma = line(self, theta, sigma)
        return self.x0 + self.v * self.t * torch.exp(-(sigma**2) / 2) * angle.cos()

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch 1"]:
        """∇F(θ) = -v t exp(-σ²/2) sin θ, in m/rad."""
        angle, sigma = line(self, theta, sigma)
        return (-self.v * self.t * torch.exp(-(sigma**2) / 2) * angle.sin())[..., None]

    def smoothed_moments(self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor) -> Moments:
        """All in closed form: cos θ = sin(θ + π/2) is a wave."""
        x, scale = line(self, theta, sigma)
        level = (torch.full_like(x, self.x0), 0 * x, 0 * x)
        moments = wave_moments(level, self.v * self.t, 1.0, x + math.pi / 2, scale)
        return moments.moments(self.smoothed_grad(theta, sigma)[..., 0])

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """From a level throw to one straight up."""
        return box([0.0], [math.pi / 2])

    @property
    def optimum(self) -> Optimum:
        """The level throw."""
        return Optimum(places(0.0), self.x0 + self.v * self.t)

    @property
    def minimum(self) -> Optimum:
        """The level throw, backwards."""
        return Optimum(places(math.pi), self.x0 - self.v * self.t)


@dataclass(frozen=True)
class BallWall(Objective):
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
        require_finite(self)
        require_positive(self, "v", "t", "x_w", "g")
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
        return free + slope[..., None] + boundary_term(self.jumps(), theta, sigma)

    def smoothed_moments(self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor) -> Moments:
        """Those of the throw without a wall, corrected on the angles that meet it, as F is.

        With C the free flight, f = C + l 1, l = x_w - C and 1 the contact: f² = C² + (x_w² - C²) 1;
        of f(θ + σε) f(θ - σε), with ± for the two sides, C₊C₋ + 2 l₊C₋ 1₊ + l₊l₋ 1₊1₋.
        """
        angle, sigma = line(self, theta, sigma)
        x, scale = angle[..., None], sigma[..., None]  # beside the nodes of a sum
        flight = BallThrow(self.v, self.t)

        def corrections(eps: Tensor) -> Tensor:
            up, down = (flight((x + side * scale * eps)[..., None]) for side in (1, -1))
            rate = -self.v * self.t * (x + scale * eps).sin()
            loss, square = self.x_w - up, self.x_w**2 - up**2
            parts = (loss, loss * eps**2, square, square * eps**2, -rate, -(rate**2))
            return torch.stack((*parts, 2 * loss * down * eps**2))

        def both(eps: Tensor) -> Tensor:
            up, down = (flight((x + side * scale * eps)[..., None]) for side in (1, -1))
            return (self.x_w - up) * (self.x_w - down) * eps**2

        total, pair = torch.zeros(7, *angle.shape).to(angle), torch.zeros_like(angle)
        contacts = self._contacts(angle, sigma)
        for lower, upper in contacts:
            total = total + gauss_integral(corrections, lower, upper)
            for start, end in contacts:
                low, high = torch.maximum(lower, -end), torch.minimum(upper, -start)
                if bool((low < high).any()):
                    pair = pair + gauss_integral(both, low, torch.maximum(low, high))
        free = flight.smoothed_moments(theta, sigma)
        value, value_eps2, square, square_eps2, slope, slope2, mixed = total
        return Moments(
            free.value + value,
            self.smoothed_grad(theta, sigma),
            free.value_eps2 + value_eps2[..., None],
            free.square + square,
            free.square_eps2 + square_eps2[..., None],
            free.slope + slope[..., None],
            free.slope2 + slope2[..., None],
            free.pair_eps2 + (mixed + pair)[..., None],
        )

    def jumps(self) -> Jumps:
        """The cliffs within (-π, π]; they repeat every turn."""
        theta1, theta2, theta_r = self.angles
        at = torch.tensor([theta1, theta2], dtype=torch.float64)
        height = -self._loss(at) * torch.tensor([1.0, -1.0])
        cliff = (at.abs() < theta_r) & (height != 0)
        return Jumps(at[cliff], height[cliff], math.tau)

    def kinks(self) -> Float[Tensor, " k"]:
        """±θr, where the clock stops as the ball arrives, if the throw would meet the wall."""
        ends = [end for pair in self._contact_pairs for end in pair]
        return places(*(end for end in ends if abs(end) == self.angles[2]))

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """From a level throw to one straight up."""
        return box([0.0], [math.pi / 2])

    @property
    def optimum(self) -> Optimum:
        """The lowest throw that clears the wall: θ1, the edge of the cliff, or level."""
        best = max(self.angles[0], 0.0)
        return Optimum(places(best), self.v * self.t * math.cos(best))

    @property
    def _k(self) -> float:
        return self.g * self.x_w**2 / (2 * self.v**2)

    def _loss(self, x: Tensor) -> Tensor:
        """What meeting the wall changes at the angle x: x_w - v t cos x."""
        return self.x_w - self.v * self.t * x.cos()

    @property
    def _contact_pairs(self) -> list[tuple[float, float]]:
        """The intervals within (-π, π] in which the ball meets the wall."""
        theta1, theta2, theta_r = self.angles
        pairs = [(-theta_r, min(theta1, theta_r)), (max(theta2, -theta_r), theta_r)]
        return [(a, b) for a, b in pairs if a < b]

    def _contacts(self, angle: Tensor, sigma: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The intervals of ε in which the ball meets the wall, in every turn within reach."""
        low, high = window(angle, sigma)
        found = []
        for start, end in self._contact_pairs:
            first = math.ceil((low - end) / math.tau)
            for turn in range(first, math.floor((high - start) / math.tau) + 1):
                lower, upper = ((at + math.tau * turn - angle) / sigma for at in (start, end))
                found.append((lower, upper))
        return found

    def _expect_on_contact(
        self, c: Callable[[Tensor], Tensor], theta: Tensor, sigma: float | Tensor
    ) -> Float[Tensor, "*batch"]:
        """E[c(X) 1{contact}] for a smooth c, by quadrature that ends at the cliffs."""
        angle, sigma = line(self, theta, sigma)
        total = torch.zeros_like(angle)
        for lower, upper in self._contacts(angle, sigma):
            total = total + gauss_integral(
                lambda eps: c(angle[..., None] + sigma[..., None] * eps), lower, upper
            )
        return total


@dataclass(frozen=True)
class PassFailBar(Piecewise):
    """Whether a thrown ball's apex is above a bar.

    J(θ) = 1 if v sin θ > 0 and (v sin θ)² / (2g) > h_b, else 0

    The throw passes for θb < θ < π - θb, θb = arcsin(√(2 g h_b) / v), and every 2π; so J jumps
    by 1 and is flat, F(θ) = Φ((π - θb - θ)/σ) - Φ((θb - θ)/σ) over all periods, and the
    first-order gradient is always 0.

    Args:
        v: speed, m/s. h_b: height of the bar above the hand, m. g: gravity, m/s².
    Raises:
        ValueError: if a field is not finite and positive, or no throw passes (v² <= 2 g h_b).
    """

    v: float = 10.0
    h_b: float = 2.5
    g: float = 9.81

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(self, "v", "h_b", "g")
        highest = self.v**2 / (2 * self.g)
        if self.h_b >= highest:
            raise ValueError(
                f"PassFailBar: no throw passes h_b = {self.h_b:g} m: straight up, v = "
                f"{self.v:g} m/s reaches {highest:.4g} m; lower h_b, or raise v"
            )

    def __call__(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        x = _angle(self, theta)
        return indicator(x.sin() > math.sin(self.lowest), x)

    @property
    def lowest(self) -> float:
        """θb, the lowest throw that passes, in rad."""
        return math.asin(math.sqrt(2 * self.g * self.h_b) / self.v)

    def jumps(self) -> Jumps:
        """θb and π - θb; they repeat every turn."""
        return Jumps(places(self.lowest, math.pi - self.lowest), places(1.0, -1.0), math.tau)

    def kinks(self) -> Float[Tensor, " k"]:
        return places()

    def pieces_within(self, low: float, high: float) -> Pieces:
        """Levels 0 and 1 by turns."""
        edges, heights, _ = self.jumps().within(low - math.tau, high + math.tau)
        first = (1 - heights[:1]) / 2
        level = torch.cat((first, first + heights.cumsum(0)))
        return Pieces(edges, torch.nn.functional.pad(level[:, None], (0, 2)), heights)

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """From a level throw to one straight up."""
        return box([0.0], [math.pi / 2])

    @property
    def optimum(self) -> Optimum:
        """Anywhere between the jumps, for one straight up."""
        return Optimum(places(math.pi / 2), 1.0)

    @property
    def minimum(self) -> Optimum:
        """Anywhere else, for one the level throw."""
        return Optimum(places(0.0), 0.0)


@dataclass(frozen=True)
class MomentumTransfer(Objective):
    """What a ball that flies at a hinged plate fails to hand over, if it meets the plate.

    f(x) = -sin² x for |x| < π/4, 0 otherwise

    The plate is at the angle x to the ball's path: the more it stands across, the more momentum
    the ball hands over, until past 45° the ball misses it. -sin² is a cost: ascend
    -MomentumTransfer(), whose best points are the cliffs at ±45°. After Suh, Simchowitz, Zhang
    and Tedrake (2022), "Do differentiable simulators give better policy gradients?". Truth by
    quadrature between the jumps.
    """

    def __call__(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        x = _angle(self, theta)
        return torch.where(x.abs() < math.pi / 4, -(x.sin() ** 2), x * 0)

    def jumps(self) -> Jumps:
        """Down at -45°, up at 45°."""
        return Jumps(places(-math.pi / 4, math.pi / 4), places(-0.5, 0.5))

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """A right angle to either side."""
        return box([-math.pi / 2], [math.pi / 2])

    @property
    def optimum(self) -> Optimum:
        """The plate along the path, or out of it."""
        return Optimum(places(0.0), 0.0)

    @property
    def minimum(self) -> Optimum:
        """The last plate that the ball meets."""
        return Optimum(places(math.pi / 4), -0.5)


def _angle(f: Objective, theta: Tensor) -> Float[Tensor, "*batch"]:
    return check_points(type(f).__name__, theta, 1)[..., 0]
