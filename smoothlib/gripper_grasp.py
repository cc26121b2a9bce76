"""The gripper by two parameters, where it closes and how hard: simulated, and in closed form.

A point is θ = (z_close, force): z_close in m, the force in units of `newtons`, 1000 N, so that one
σ serves both: 0.005 is 5 mm and 5 N. A drive gives between 0 and 80 N, whatever it is asked for.

For each force the height is piecewise linear in z_close, and what depends on the force is

    slip       s = creep + slide, how far the brick has gone down the pads in the end
    upper edge z_hi = 2 b - s: it goes out below the pads if it slips further than they reach
    lower edge z_lo = -(2 force/mu_table) (1/kp + 1/k), where the fingers jam; without one from
               force = mu_table force_hand/2 on, which the hand cannot press hard enough for
    threshold  where z_hi = z_lo: any weaker, and nothing is lifted

With r = m g/(2 mu_pad force), the brick creeps at v_slip r/√(1 - r²), as the regularised friction
says. It slides while the hand, which starts with the acceleration kd v_lift/(m_hand + m), is
faster than friction can make the brick: that goes with g (1/r - 1), and the hand's error e obeys

    m_hand e'' + kd e' + kp e = 2 mu_pad force,   e(0) = 0,   e'(0) = v_lift
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.closed_forms import pieces_mean
from smoothlib.gripper_model import MAX_FORCE, GripperParams
from smoothlib.gripper_objective import HORIZON, Simulated, plain_numbers
from smoothlib.gripper_rollout import rollout
from smoothlib.objectives import Objective, Optimum, box, plane
from smoothlib.piecewise import PiecewiseLinear
from smoothlib.smoothing import (
    Jumps,
    Moments,
    check_points,
    density,
    grad_by_quadrature,
    mean_by_quadrature,
    window,
)

LEAST_FORCE = 1e-6  # N; what a drive that is asked for less is given, since 0 is outside the domain
BISECTIONS = 40
GRADED = (1 / 256, 1 / 64, 1 / 16, 1 / 4)  # of the way from the threshold to where nothing slides


class Lines(NamedTuple):
    """The height over z_close for each of some forces, piece by piece."""

    edges: Float[Tensor, "*batch 5"]  # some of them at the same place, where a piece is missing
    coefficients: Float[Tensor, "*batch 6 3"]  # of 1, z, z²

    def heights(self) -> Float[Tensor, "*batch 5"]:
        """Of the jumps at the edges."""
        level, slope, _ = self.coefficients.diff(dim=-2).unbind(-1)
        return level + slope * self.edges

    def derivative(self) -> Float[Tensor, "*batch 6 3"]:
        """Coefficients of the derivative by z."""
        level, slope, _ = self.coefficients.unbind(-1)
        return torch.stack((slope, 0 * level, 0 * level), -1)


@dataclass(frozen=True)
class GraspFormula(Objective):
    """The height of `GripperGrasp` in closed form, for a brick in the middle.

    Smoothed, the mean over z_close is in closed form for each force, and that over the force by
    quadrature, certified to 1e-10, between the forces at which the pieces change.

    Args:
        params: floats only; `force` is not used. newtons: the unit of the second coordinate, N.
    Raises:
        ValueError: if params holds tensors, or no force up to 80 N lifts the brick, or the hand
            starts so suddenly that the brick also slides when it stops, or the fingers are too
            slow to close in time, or so quick that a jammed hand still grips while it rises, or
            the lift does not end in time: there is no closed form then.
    """

    params: GripperParams = field(default_factory=GripperParams)
    newtons: float = 1000.0

    def __post_init__(self) -> None:
        p = plain_numbers("GraspFormula", self.params)
        if not (math.isfinite(self.newtons) and self.newtons > 0):
            raise ValueError(
                f"GraspFormula: newtons = {self.newtons:g}; give a unit of force above 0"
            )
        weight, jolt = p.m * p.g, p.m * p.kd * p.v_lift / (p.m_hand + p.m)
        if jolt > 2.2 * weight:
            raise ValueError(
                f"GraspFormula: the hand stops with {jolt:g} N on a brick of {weight:g} N, which "
                "then slides up the pads where the grip is weak; lower v_lift or kd"
            )
        closing = (p.w_max - 2 * p.a) / p.v_close
        if closing > p.t_lift - p.t_close:
            raise ValueError(
                f"GraspFormula: the fingers take {closing:g} s to the brick and the hand rises "
                f"after {p.t_lift - p.t_close:g} s; make v_close or t_lift larger"
            )
        if self._deepest + p.v_lift * closing < 2 * p.b:
            raise ValueError(
                f"GraspFormula: a hand that is freed at {self._deepest:g} m still meets the brick "
                f"while it rises, for its fingers take only {closing:g} s; lower v_close"
            )
        if self._deepest < self._late:
            raise ValueError(
                f"GraspFormula: the lift from {self._deepest:g} m takes longer than {HORIZON} s"
            )
        if not self._opening(MAX_FORCE) > 0:
            raise ValueError(
                f"GraspFormula: friction of {p.mu_pad:g} does not hold {weight:g} N at "
                f"{MAX_FORCE:g} N; nothing lifts this brick"
            )

    def __call__(self, theta: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch"]:
        z, force = check_points("GraspFormula", theta, 2).unbind(-1)
        edges, coefficients = self.lines(force * self.newtons)
        piece = (z[..., None] > edges).sum(-1)[..., None, None]
        level, slope, _ = torch.take_along_dim(coefficients, piece, -2)[..., 0, :].unbind(-1)
        return level + slope * z

    def smoothed(
        self, theta: Float[Tensor, "*#batch 2"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ), from E f(z + σε, force) in closed form, over the force by quadrature."""
        x, scale = plane(self, theta, sigma, 2)
        over_force = (x[..., 1:], scale[..., 0], self._breaks_within(x, scale))
        return mean_by_quadrature(self._over_force(mean_height, x, scale), *over_force)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch 2"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch 2"]:
        """∇F(θ): by z from slopes and jumps for each force, by the force from the score."""
        x, scale = plane(self, theta, sigma, 2)
        over_force = (x[..., 1:], scale[..., 0], self._breaks_within(x, scale))
        by_force = grad_by_quadrature(self._over_force(mean_height, x, scale), *over_force)
        # Two more than the slope, which is 0 or -1 in wide areas: an error is relative to those.
        by_z = mean_by_quadrature(self._over_force(mean_slope_and_2, x, scale), *over_force) - 2
        return torch.cat((by_z[..., None], by_force), -1)

    def smoothed_moments(self, theta: Float[Tensor, "*#batch 2"], sigma: float | Tensor) -> Moments:
        raise NotImplementedError(
            "GraspFormula: moments of two parameters are not known; measure variances by sampling"
        )

    def cut(self, force: float) -> PiecewiseLinear:
        """The height over z_close at one force, N: its jumps and kinks are those of the plane."""
        lines = self.lines(torch.tensor(float(force), dtype=torch.float64))
        level, slope, _ = lines.coefficients.unbind(-1)
        places = sorted(set(lines.edges.tolist()))
        first = [lines.edges.tolist().index(x) for x in places]
        last = [4 - lines.edges.tolist()[::-1].index(x) for x in places]
        left = [float(level[i] + slope[i] * x) for i, x in zip(first, places, strict=True)]
        right = [float(level[i + 1] + slope[i + 1] * x) for i, x in zip(last, places, strict=True)]
        right = [a if abs(b - a) < 1e-12 else b for a, b in zip(left, right, strict=True)]
        return PiecewiseLinear(tuple(places), tuple(left), tuple(right))

    def jumps(self) -> Jumps:
        raise NotImplementedError(
            "GraspFormula: the cliffs of two parameters are lines; cut(force).jumps() has them at "
            "one force"
        )

    def kinks(self) -> Float[Tensor, " k"]:
        raise NotImplementedError(
            "GraspFormula: the kinks of two parameters are lines; cut(force).kinks() has them at "
            "one force"
        )

    @property
    def bounds(self) -> Float[Tensor, "2 2"]:
        """From deeper than any jam to two bricks high, and up to twice the force that ends jams."""
        low, high = self._deepest - 0.005, 4 * self._p.b
        return box([low, 0.0], [high, 2 * self.jamming / self.newtons])

    @property
    def optimum(self) -> Optimum:
        """As hard as it goes, and as deep as the hand presses."""
        return self._at_full_force(self.cut(MAX_FORCE).optimum)

    @property
    def minimum(self) -> Optimum:
        """The brick where it stood."""
        return self._at_full_force(self.cut(MAX_FORCE).minimum)

    def _at_full_force(self, extremum: Optimum) -> Optimum:
        force = torch.tensor([MAX_FORCE / self.newtons], dtype=torch.float64)
        return Optimum(torch.cat((extremum.theta, force)), extremum.value)

    # --- what depends on the force --------------------------------------------------------

    @cached_property
    def threshold(self) -> float:
        """The least force that lifts at some z_close, N."""
        p = self._p
        low, high = p.m * p.g / (2 * p.mu_pad), MAX_FORCE
        for _ in range(2 * BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if self._opening(middle) > 0 else (middle, high)
        return high

    @property
    def sticking(self) -> float:
        """The force from which on the brick does not slide when the hand starts, N."""
        p = self._p
        return p.m * (p.g + p.kd * p.v_lift / (p.m_hand + p.m)) / (2 * p.mu_pad)

    @property
    def jamming(self) -> float:
        """The force from which on the fingers never jam, N."""
        return self._p.mu_table * self._p.force_hand / 2

    def slip(self, force: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """How far a held brick has gone down the pads in the end, m; force above m g/(2 mu_pad)."""
        p = self._p
        r = p.m * p.g / (2 * p.mu_pad * force)
        creep = p.v_slip * r / (1 - r * r).sqrt() * (HORIZON - p.t_lift)
        slides = force < self.sticking
        return creep + torch.zeros_like(force).masked_scatter(slides, self._slide(force[slides]))

    def _slide(self, force: Tensor) -> Tensor:
        """By how much the brick falls behind until it is as fast as the hand.

        Where that is, the slide is stationary in time, so the time needs no gradient and half of
        the digits.
        """
        p, grip = self._p, 2 * self._p.mu_pad * force
        gain = grip / p.m - p.g
        low, high = torch.zeros_like(gain).detach(), (2 * p.v_lift / gain).detach()
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            hand_leads = p.v_lift - self._lag(grip.detach(), middle)[1] > gain.detach() * middle
            low, high = torch.where(hand_leads, middle, low), torch.where(hand_leads, high, middle)
        return p.v_lift * high - self._lag(grip, high)[0] - gain * high**2 / 2

    def _lag(self, grip: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The hand's error e and its rate at t, pulled down by the grip."""
        p = self._p
        decay, goal = p.kd / (2 * p.m_hand), grip / p.kp
        root = decay**2 - p.kp / p.m_hand
        rate = max(abs(root), 1e-12 * decay**2) ** 0.5
        wave, slow = (torch.cosh, torch.sinh) if root > 0 else (torch.cos, torch.sin)
        even, odd = wave(rate * t), slow(rate * t) / rate
        start = p.v_lift - decay * goal
        fade = torch.exp(-decay * t)
        turn = start * even - math.copysign(1.0, root) * rate**2 * goal * odd
        e = goal + fade * (start * odd - goal * even)
        return e, fade * (turn - decay * (start * odd - goal * even))

    def lines(self, force: Float[Tensor, "*batch"]) -> Lines:
        """The pieces for each force, N: floor, rising with the time left, as deep as it goes,
        on the table, on the brick, floor."""
        p = self._p
        lifts = force > self.threshold
        held = torch.where(lifts, force, torch.full_like(force, MAX_FORCE))
        held = held.clamp(max=MAX_FORCE)
        slip = self.slip(held)
        weight = p.m * p.g
        floor = held * 0 + (p.b - weight / (2 * p.k))
        top = floor + p.z_lift - weight / p.kp - slip
        give = p.kp / (p.k + p.kp)
        deepest = top - give * self._deepest
        strong = force >= self.jamming
        end = self._late - (deepest - floor)  # where the time left lifts it by nothing
        start = torch.where(strong, end, -held * 2 / p.mu_table * (1 / p.kp + 1 / p.k))
        stop = 2 * p.b - slip
        stop = torch.maximum(torch.where(lifts, stop, start), start)
        zero, one = 0 * top, 0 * top + 1
        inner = [torch.clamp(zero + x, start, stop) for x in (self._late, self._deepest, 0.0)]
        level = [floor, deepest - self._late, deepest, top, top, floor]
        slope = [zero, one, zero, -give * one, -one, zero]
        return Lines(
            torch.stack((start, *inner, stop), -1),
            torch.stack(
                [torch.stack((c, s, zero), -1) for c, s in zip(level, slope, strict=True)], -2
            ),
        )

    @cached_property
    def _p(self) -> SimpleNamespace:
        return plain_numbers("GraspFormula", self.params)

    @property
    def _deepest(self) -> float:
        """Where the hand presses with all it has; sent lower, it stays there."""
        return -self._p.force_hand * (1 / self._p.kp + 1 / self._p.k)

    @property
    def _late(self) -> float:
        """From where on down the lift is not over in the end."""
        return self._p.z_lift - self._p.v_lift * (HORIZON - self._p.t_lift)

    def _opening(self, force: float) -> float:
        """z_hi - z_lo at that force."""
        p = self._p
        if 2 * p.mu_pad * force <= p.m * p.g:
            return -math.inf
        slip = float(self.slip(torch.tensor(force, dtype=torch.float64)))
        low = max(-2 * force / p.mu_table * (1 / p.kp + 1 / p.k), self._deepest)
        return 2 * p.b - slip - low

    # --- the mean over z at each force ----------------------------------------------------

    def _breaks_within(self, x: Tensor, scale: Tensor) -> Tensor:
        """The forces, in units, at which the pieces change, as far as the noise reaches."""
        low, first = self.threshold, self.sticking
        near = [low + share * max(first - low, 0.0) for share in GRADED]
        places = sorted({low, *near, first, self.jamming, MAX_FORCE})
        at = torch.tensor([f for f in places if low <= f <= MAX_FORCE]).double() / self.newtons
        below, above = window(x[..., 1], scale[..., 0])
        return at[(below <= at) & (at <= above)].to(x.device)

    def _over_force(self, integrand: Callable[[Lines, Tensor, Tensor], Tensor], x: Tensor,
                    scale: Tensor) -> Callable[[Tensor], Tensor]:  # fmt: skip
        """A function of the force, in units: the integrand of its lines, of θ's z and of σ."""
        z, sigma = x[..., 0].double(), scale[..., 0].double()

        def at_force(points: Tensor) -> Tensor:
            wide = (..., *[None] * (points.ndim - 1 - z.ndim))
            return integrand(self.lines(points[..., 0] * self.newtons), z[wide], sigma[wide])

        return at_force


def mean_height(lines: Lines, z: Tensor, sigma: Tensor) -> Tensor:
    """E f(z + σε, force)."""
    return pieces_mean(lines.edges, lines.coefficients, z, sigma)


def mean_slope_and_2(lines: Lines, z: Tensor, sigma: Tensor) -> Tensor:
    """2 and its derivative by z: the mean slope, plus every jump times its density."""
    cliffs = lines.heights() * density((lines.edges - z[..., None]) / sigma[..., None])
    slope = pieces_mean(lines.edges, lines.derivative(), z, sigma)
    return 2 + slope + cliffs.sum(-1) / sigma


@dataclass(frozen=True)
class GripperGrasp(Simulated):
    """Height of the brick at 5 s, m, by where the hand closes and how hard: θ = (z_close, force).

    A call runs the simulator, and autograd its pathwise derivative. The truth is that of
    `closed_form`, a `GraspFormula`: of 4000 points over -26 to 60 mm and 0 to 40 N the simulator
    lifts where it lifts but for one. Where both hold, they differ by less than

        0.002 mm   on the brick, 1 to 49 mm, from 3 N on; 0.02 mm from 1.2 N on
        5 mm       below, where the brick slides and steps of 1 ms lengthen the slide by up to a
                   tenth; with 0.25 ms it is 0.1 mm at 0.9 N
        0.02 mm    on the table, -2 to 1 mm; at the lower cliff itself fingers may close late: one
                   of 4000 points there was 50 mm off
        2 mm       below -21 mm from 25 N on, where the hand is still on its way in the end

    With `lift_closed_form` it agrees but for the upper edge, which that puts at 2 b: 0.06 mm.

    Args:
        params, newtons: as for `GraspFormula`. dt: s. backend: as in `rollout`.
    Raises:
        ValueError: as `GraspFormula`.
    """

    params: GripperParams = field(default_factory=GripperParams)
    newtons: float = 1000.0
    dt: float = 1e-3
    backend: str = "auto"

    def __post_init__(self) -> None:
        assert self.closed_form

    def __call__(self, theta: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch"]:
        z, force = check_points("GripperGrasp", theta, 2).unbind(-1)
        given = (force * self.newtons).clamp(LEAST_FORCE, MAX_FORCE).flatten()
        params = replace(self.params, force=given)
        height = rollout(
            z.flatten(), params, dt=self.dt, horizon=HORIZON, backend=self.backend
        ).height
        return height.reshape(z.shape)

    @cached_property
    def closed_form(self) -> GraspFormula:
        return GraspFormula(self.params, self.newtons)
