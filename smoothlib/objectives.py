"""Objectives: functions to maximise that carry their own truth.

An objective `f` is a frozen dataclass, called on points of shape (..., d) and returning
values of shape (...). It knows

    f.smoothed(theta, sigma)          F(θ) = E f(θ + σε), ε ~ N(0, I), shape (...)
    f.smoothed_grad(theta, sigma)     ∇F(θ), shape (..., d)
    f.smoothed_moments(theta, sigma)  what exact variances need, a Moments
    f.jumps(), f.kinks()              where it, or its slope, is discontinuous (one variable)
    f.bounds                          (2, d) tensor, the region worth plotting; (2, 1) serves
                                      every coordinate of an objective of any dimension
    f.optimum, f.minimum              its extrema; `hasattr` says whether it has them

The truth is exact: closed form where there is one, otherwise Gauss-Legendre quadrature that never
crosses a jump and is certified to 1e-10 in float64. `sigma` broadcasts with the values; dtype and
device follow `theta`. Autograd gives the derivative almost everywhere, so 0 where f is flat, and
says nothing of the jumps. Objectives add and scale, 2 * f + 1 or f - g, and so does their truth.

Here: what all of them share, waves, and those of several variables. `throws` and `piecewise` hold
the others. The sign is the source's; where the source minimises, the docstring says so.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib import smoothing
from smoothlib.closed_forms import (
    affine_moments,
    linear_pieces,
    pieces_moments,
    product_moments,
    sum_moments,
    wave_moments,
)
from smoothlib.smoothing import (
    EPS_MAX,
    Jumps,
    Moments,
    check_finite,
    check_points,
    check_sigma,
    density,
    legendre,
)


class Optimum(NamedTuple):
    """An extremum of an objective: where, and the value there.

    Where the extremum is at a jump, it is the limit from the better side.
    """

    theta: Float[Tensor, " d"]
    value: float


class Objective:
    """What all objectives share. Unless a subclass knows better, truth is by quadrature."""

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        """The value f(θ)."""
        raise NotImplementedError

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = E f(θ + σε)."""
        return smoothing.mean_by_quadrature(self, theta, sigma, self._breaks(theta, sigma))

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        """∇F(θ)."""
        return smoothing.grad_by_quadrature(self, theta, sigma, self._breaks(theta, sigma))

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        """The expectations at θ that exact biases and variances are made of."""
        return smoothing.moments_by_quadrature(self, theta, sigma, self._breaks(theta, sigma))

    def jumps(self) -> Jumps:
        """Where f is discontinuous: nowhere, unless a subclass says so."""
        return Jumps(places(), places())

    def kinks(self) -> Float[Tensor, " k"]:
        """Where f is continuous and its slope is not; they repeat as the jumps do."""
        return places()

    def breaks(self, low: float, high: float) -> Float[Tensor, " m"]:
        """The places in [low, high] of all jumps and kinks, in order."""
        jumps, kinks = self.jumps(), self.kinks()
        bends = Jumps(kinks, kinks, jumps.period)
        found = [part.within(low, high).theta for part in (jumps, bends)]
        return torch.cat(found).sort().values

    @property
    def bounds(self) -> Float[Tensor, "2 d"]:
        """The region worth plotting: two units to either side of 0, in every coordinate."""
        return box([-2.0], [2.0])

    @property
    def optimum(self) -> Optimum:
        """A maximiser."""
        raise AttributeError(f"{type(self).__name__}: no maximum, or it is not known")

    @property
    def minimum(self) -> Optimum:
        """A minimiser."""
        raise AttributeError(f"{type(self).__name__}: no minimum, or it is not known")

    def __add__(self, other: "Objective | float | int") -> "Objective":
        if isinstance(other, Objective):
            return Sum(self, other)
        return Affine(self, 1.0, float(other)) if isinstance(other, float | int) else NotImplemented

    def __mul__(self, scale: float | int) -> "Objective":
        return Affine(self, float(scale), 0.0) if isinstance(scale, float | int) else NotImplemented

    def __sub__(self, other: "Objective | float | int") -> "Objective":
        return self + -1 * other

    def __rsub__(self, other: float | int) -> "Objective":
        return -1 * self + other

    def __neg__(self) -> "Objective":
        return -1 * self

    __radd__ = __add__
    __rmul__ = __mul__

    def _breaks(self, theta: Tensor, sigma: float | Tensor) -> Tensor:
        """Those that θ + σε reaches."""
        x, scale = line(self, theta, sigma)
        return self.breaks(*smoothing.window(x, scale))


@dataclass(frozen=True)
class Affine(Objective):
    """scale · f + shift, what `2 * f + 1` and `-f` make.

    Raises:
        TypeError: if f is not an objective. ValueError: if scale or shift is not finite.
    """

    f: Objective
    scale: float
    shift: float

    def __post_init__(self) -> None:
        require_objectives(self, "f")
        require_finite(self, "scale", "shift")

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        return self.scale * self.f(theta) + self.shift

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        return self.scale * self.f.smoothed(theta, sigma) + self.shift

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        return self.scale * self.f.smoothed_grad(theta, sigma)

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        return affine_moments(self.f.smoothed_moments(theta, sigma), self.scale, self.shift)

    def jumps(self) -> Jumps:
        inner = self.f.jumps()
        return Jumps(inner.theta, self.scale * inner.height, inner.period)

    def kinks(self) -> Float[Tensor, " k"]:
        return self.f.kinks()

    def breaks(self, low: float, high: float) -> Float[Tensor, " m"]:
        return self.f.breaks(low, high)

    @property
    def bounds(self) -> Float[Tensor, "2 d"]:
        return self.f.bounds

    @property
    def optimum(self) -> Optimum:
        return self._image(self.f.optimum if self.scale > 0 else self.f.minimum)

    @property
    def minimum(self) -> Optimum:
        return self._image(self.f.minimum if self.scale > 0 else self.f.optimum)

    def _image(self, inner: Optimum) -> Optimum:
        return Optimum(inner.theta, self.scale * inner.value + self.shift)


@dataclass(frozen=True)
class Sum(Objective):
    """f + g. Its moments contain E[f g]: by quadrature in one variable, unknown in several.

    Raises:
        TypeError: if f or g is not an objective.
        NotImplementedError: from smoothed_moments in several variables.
    """

    f: Objective
    g: Objective

    def __post_init__(self) -> None:
        require_objectives(self, "f", "g")

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        return self.f(theta) + self.g(theta)

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        return self.f.smoothed(theta, sigma) + self.g.smoothed(theta, sigma)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        return self.f.smoothed_grad(theta, sigma) + self.g.smoothed_grad(theta, sigma)

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        if check_points("Sum", theta, None).shape[-1] > 1:
            raise NotImplementedError(
                f"Sum: the moments of {type(self.f).__name__} + {type(self.g).__name__} in "
                f"{theta.shape[-1]} variables contain E[f g], which is not known; measure them "
                "by sampling"
            )
        return super().smoothed_moments(theta, sigma)

    def jumps(self) -> Jumps:
        """Those of both, where heights at one place add up.

        Raises:
            NotImplementedError: here and in `kinks`, if both have breaks that repeat differently;
                `breaks` has them all.
        """
        period = self._period()
        first, second = self.f.jumps(), self.g.jumps()
        at, which = torch.cat((first.theta, second.theta)).unique(return_inverse=True)
        heights = torch.cat((first.height, second.height))
        total = torch.zeros_like(at).index_add(0, which, heights)
        return Jumps(at[total != 0], total[total != 0], period)

    def kinks(self) -> Float[Tensor, " k"]:
        self._period()
        return torch.cat((self.f.kinks(), self.g.kinks())).unique()

    def _period(self) -> float:
        parts = [f for f in (self.f, self.g) if len(f.jumps().theta) + len(f.kinks())]
        periods = {f.jumps().period for f in parts} or {math.inf}
        if len(periods) > 1:
            raise NotImplementedError(
                f"Sum: breaks that repeat every {min(periods):g} and every {max(periods):g} do "
                "not repeat together; ask f.jumps() and g.jumps(), or breaks(low, high)"
            )
        return periods.pop()

    def breaks(self, low: float, high: float) -> Float[Tensor, " m"]:
        return torch.cat((self.f.breaks(low, high), self.g.breaks(low, high))).unique()

    @property
    def bounds(self) -> Float[Tensor, "2 d"]:
        """The smallest box around both."""
        (low, high), (low2, high2) = self.f.bounds, self.g.bounds
        return torch.stack((torch.minimum(low, low2), torch.maximum(high, high2)))


# --- one variable -------------------------------------------------------------------------


@dataclass(frozen=True)
class Wiggle(Objective):
    """A bowl with ripples, for which the slope says little of where the bowl goes.

    f(x) = κ x² / 2 + A sin ωx

    Smoothed, the ripples die as exp(-ω²σ²/2): F(θ) = κ (θ² + σ²) / 2 + A exp(-ω²σ²/2) sin ωθ,
    while the variance of the first-order gradient stays near A²ω²/2. The bowl is to be
    minimised: ascend -Wiggle(). After Suh, Simchowitz, Zhang and Tedrake (2022), "Do
    differentiable simulators give better policy gradients?".

    Args:
        curvature: κ. amplitude: A. omega: ω, radians per unit of x.
    Raises:
        ValueError: if a field is not finite, or omega is not positive.
    """

    curvature: float = 2.0
    amplitude: float = 1.0
    omega: float = 10.0

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(self, "omega")

    def __call__(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        x = check_points("Wiggle", theta, 1)[..., 0]
        return self.curvature * x**2 / 2 + self.amplitude * torch.sin(self.omega * x)

    def smoothed(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = κ (θ² + σ²) / 2 + A exp(-ω²σ²/2) sin ωθ."""
        x, sigma = line(self, theta, sigma)
        ripple = self._damped(sigma) * torch.sin(self.omega * x)
        return self.curvature * (x**2 + sigma**2) / 2 + ripple

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch 1"]:
        """∇F(θ) = κθ + A ω exp(-ω²σ²/2) cos ωθ."""
        x, sigma = line(self, theta, sigma)
        ripple = self.omega * self._damped(sigma) * torch.cos(self.omega * x)
        return (self.curvature * x + ripple)[..., None]

    def smoothed_moments(self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor) -> Moments:
        """All in closed form."""
        x, scale = line(self, theta, sigma)
        k = self.curvature
        bowl = (k * x**2 / 2, k * x * scale, k * scale**2 / 2)
        moments = wave_moments(bowl, self.amplitude, self.omega, x, scale)
        return moments.moments(self.smoothed_grad(theta, sigma)[..., 0])

    def _damped(self, sigma: Tensor) -> Tensor:
        return self.amplitude * torch.exp(-((self.omega * sigma) ** 2) / 2)


# --- several variables --------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Quadratic(Objective):
    """A quadratic, of any symmetric A: bowl, dome, saddle or ridge.

    f(x) = (x - c)ᵀ A (x - c) / 2 + offset

    Smoothing adds a constant, F(θ) = f(θ) + σ² tr A / 2, so ∇F = ∇f = A (θ - c).

    Args:
        A: symmetric (d, d) tensor; a number a stands for a times the identity.
        centre: c, a (d,) tensor; a number serves every coordinate. With two numbers, f takes
            points of any dimension. offset: the value at c.
    Raises:
        ValueError: if A is not symmetric, the shapes of A and centre differ, or a field is not
            finite.
    """

    A: float | Tensor = 1.0
    centre: float | Tensor = 0.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        require_finite(self)
        A, centre = torch.as_tensor(self.A), torch.as_tensor(self.centre)
        if A.ndim not in (0, 2) or (A.ndim == 2 and not torch.equal(A, A.mT)):
            raise ValueError(
                f"Quadratic: A must be a number or a symmetric (d, d) tensor, got {A.tolist()}; "
                "(A + A.T) / 2 gives the same values"
            )
        if centre.ndim > 1 or (A.ndim and centre.ndim and centre.shape != A.shape[:1]):
            raise ValueError(
                f"Quadratic: centre must be a number or of shape (d,), got {tuple(centre.shape)} "
                f"beside A of shape {tuple(A.shape)}"
            )

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        away = check_points("Quadratic", theta, self._d) - self._like(self.centre, theta)
        return (away * self._times(away)).sum(-1) / 2 + self.offset

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = f(θ) + σ² tr A / 2."""
        x, scale = plane(self, theta, sigma, self._d)
        return self(x) + scale[..., 0] ** 2 * self._diagonals(x)[0].sum() / 2

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        """∇F(θ) = A (θ - c), whatever σ."""
        x, scale = plane(self, theta, sigma, self._d)
        return self._times(x - self._like(self.centre, x)) + 0 * scale

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        """All in closed form, by Stein's identities: E[ε_i² h] = E h + E ∂²h/∂ε_i²."""
        x, scale = plane(self, theta, sigma, self._d)
        grad = self.smoothed_grad(theta, sigma)
        a, a2 = self._diagonals(x)  # of A and of A²
        value = self.smoothed(theta, sigma)[..., None]
        own, own2, push = scale**2 * a, scale**4 * a2, (scale * grad) ** 2
        spread = push.sum(-1, keepdim=True) + own2.sum(-1, keepdim=True) / 2  # Var f
        square = value**2 + spread
        trace = own.sum(-1, keepdim=True)
        bent = own2.sum(-1, keepdim=True) / 2 + 2 * own2 + trace * own
        even = (value - trace / 2) * (value + trace / 2 + 2 * own) + trace**2 / 4 + bent
        odd = push.sum(-1, keepdim=True) + 2 * push
        return Moments(
            value[..., 0],
            grad,
            value + own,
            square[..., 0],
            square + 2 * push + 2 * value * own + 2 * own2,
            grad,
            grad**2 + scale**2 * a2,
            even - odd,
        )

    @property
    def bounds(self) -> Float[Tensor, "2 d"]:
        """Two units to either side of the centre."""
        centre = torch.as_tensor(self.centre, dtype=torch.float64)
        middle = centre.expand(self._d or 1)
        return torch.stack((middle - 2, middle + 2))

    @property
    def optimum(self) -> Optimum:
        """The centre, if A is negative definite."""
        return self._extremum(-1, "negative", "maximum")

    @property
    def minimum(self) -> Optimum:
        """The centre, if A is positive definite."""
        return self._extremum(1, "positive", "minimum")

    @property
    def _d(self) -> int | None:
        """The dimension that A or the centre fixes."""
        shapes = (torch.as_tensor(part).shape for part in (self.A, self.centre))
        return next((shape[0] for shape in shapes if shape), None)

    def _like(self, part: float | Tensor, x: Tensor) -> Tensor:
        return torch.as_tensor(part, dtype=x.dtype, device=x.device)

    def _times(self, v: Tensor) -> Tensor:
        """A v."""
        A = self._like(self.A, v)
        return v @ A if A.ndim else A * v

    def _diagonals(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The diagonals of A and of A², (d,)."""
        A = self._like(self.A, x)
        if A.ndim:
            return A.diagonal(), (A**2).sum(-1)
        return A.expand(x.shape[-1]), (A**2).expand(x.shape[-1])

    def _extremum(self, sign: int, definite: str, name: str) -> Optimum:
        A = torch.as_tensor(self.A, dtype=torch.float64)
        if not bool((sign * torch.linalg.eigvalsh(A if A.ndim else A[None, None]) > 0).all()):
            raise AttributeError(f"Quadratic: A is not {definite} definite, so it has no {name}")
        return Optimum(self.bounds.mean(0), self.offset)


_ABS = linear_pieces((0.0,), (0.0,), (0.0,), (-1.0, 1.0))
_STEP = linear_pieces((0.0,), (0.0,), (1.0,), (0.0, 0.0))
_STEP_DOWN = linear_pieces((0.0,), (1.0,), (0.0,), (0.0, 0.0))


@dataclass(frozen=True)
class L1(Objective):
    """The sum of absolute values, f(x) = Σ |x_i|, in any dimension.

    With z = θ/σ, F(θ) = Σ θ_i (2Φ(z_i) - 1) + 2σ φ(z_i) and ∂_i F = 2Φ(z_i) - 1. To be
    minimised: ascend -L1().
    """

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        return check_points("L1", theta, None).abs().sum(-1)

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = Σ θ_i (2Φ(z_i) - 1) + 2σ φ(z_i)."""
        x, scale = plane(self, theta, sigma)
        return (x * torch.erf(x / scale / math.sqrt(2)) + 2 * scale * density(x / scale)).sum(-1)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        """∂_i F(θ) = 2Φ(z_i) - 1."""
        x, scale = plane(self, theta, sigma)
        return torch.erf(x / scale / math.sqrt(2))

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        """All in closed form: the coordinates are independent."""
        x, scale = plane(self, theta, sigma)
        return sum_moments(pieces_moments(_ABS, x, scale), self.smoothed_grad(theta, sigma))

    def kinks(self) -> Float[Tensor, " k"]:
        """At 0, in one variable."""
        return places(0.0)

    @property
    def minimum(self) -> Optimum:
        """At 0, in every coordinate."""
        return Optimum(places(0.0), 0.0)


@dataclass(frozen=True)
class HeavisideAll(Objective):
    """Reward only if everything is right: f(x) = 1{x_i > 0 for all i}, in any dimension.

    F(θ) = Π Φ(θ_i/σ). The first-order gradient is 0 everywhere; so is F, nearly, in most of a
    space of many dimensions. After the examples of Suh, Simchowitz, Zhang and Tedrake (2022).
    """

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        x = check_points("HeavisideAll", theta, None)
        return indicator((x > 0).all(-1), x.sum(-1))

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = Π Φ(θ_i/σ)."""
        x, scale = plane(self, theta, sigma)
        return torch.special.ndtr(x / scale).prod(-1)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        """∂_i F(θ) = φ(θ_i/σ)/σ times Φ(θ_j/σ) of all the others."""
        return self.smoothed_moments(theta, sigma).grad

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        """All in closed form: the coordinates are independent."""
        x, scale = plane(self, theta, sigma)
        return product_moments(pieces_moments(_STEP, x, scale), density(x / scale) / scale)

    def jumps(self) -> Jumps:
        """In one variable, at 0; in several the faces of an orthant, which this cannot say."""
        return _STEP.jumps()

    @property
    def optimum(self) -> Optimum:
        """Anywhere in the positive orthant, for one at 1."""
        return Optimum(places(1.0), 1.0)


@dataclass(frozen=True)
class HeavisideAny(Objective):
    """Reward if anything is right: f(x) = 1{x_i > 0 for some i}, in any dimension.

    F(θ) = 1 - Π Φ(-θ_i/σ). After the examples of Suh, Simchowitz, Zhang and Tedrake (2022).
    """

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        x = check_points("HeavisideAny", theta, None)
        return indicator((x > 0).any(-1), x.sum(-1))

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = 1 - Π Φ(-θ_i/σ)."""
        x, scale = plane(self, theta, sigma)
        return 1 - torch.special.ndtr(-x / scale).prod(-1)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        """∂_i F(θ) = φ(θ_i/σ)/σ times Φ(-θ_j/σ) of all the others."""
        return self.smoothed_moments(theta, sigma).grad

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        """All in closed form: 1 - f is a product over independent coordinates."""
        x, scale = plane(self, theta, sigma)
        none = product_moments(pieces_moments(_STEP_DOWN, x, scale), -density(x / scale) / scale)
        return affine_moments(none, -1.0, 1.0)

    def jumps(self) -> Jumps:
        """In one variable, at 0; in several the faces of an orthant, which this cannot say."""
        return _STEP.jumps()

    @property
    def optimum(self) -> Optimum:
        """Anywhere outside the negative orthant, for one at 1."""
        return Optimum(places(1.0), 1.0)


@dataclass(frozen=True)
class EuclideanNorm(Objective):
    """The distance from 0, f(x) = ‖x‖, in any dimension. To be minimised: ascend -EuclideanNorm().

    With w = ‖θ‖²/(2σ²) and J_m = ∫ exp(-w sin²φ) cos^m φ dφ from 0 to π/2,

        F(θ) = σ √(2/π) (d J_d + 2 w J_(d+2)),   ∇F(θ) = θ/σ √(2/π) J_d

    which is Kummer's function 1F1(-1/2; d/2; -w) in an integral that Gauss-Legendre finds to
    rounding. The antithetic moment is a double integral in elliptic coordinates.
    """

    def __call__(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        return torch.linalg.vector_norm(check_points("EuclideanNorm", theta, None), dim=-1)

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ) = σ √(2/π) (d J_d + 2 w J_(d+2))."""
        x, scale = plane(self, theta, sigma)
        d, (w, _, cosine, weight) = x.shape[-1], _polar(x, scale)
        terms = weight * cosine**d * (d + 2 * w[..., None] * cosine**2)
        return math.sqrt(2 / math.pi) * scale[..., 0] * terms.sum(-1)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        """∇F(θ) = θ/σ √(2/π) J_d."""
        x, scale = plane(self, theta, sigma)
        _, _, cosine, weight = _polar(x, scale)
        J = (weight * cosine ** x.shape[-1]).sum(-1, keepdim=True)
        return math.sqrt(2 / math.pi) * x / scale * J

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        """By the same integrals; E[X_i²/‖X‖²] = ∫ v^(d-1) exp(-w(1-v²)) (1 + 2 w_i v²) dv."""
        x, scale = plane(self, theta, sigma)
        d, (_, sine, cosine, weight) = x.shape[-1], _polar(x, scale)
        value, grad = self.smoothed(theta, sigma), self.smoothed_grad(theta, sigma)
        own = x**2 / scale**2  # 2 w_i
        J, falling, once, thrice = (
            (weight * power).sum(-1, keepdim=True)
            for power in (
                cosine**d,
                sine**2 * cosine**d,
                sine * cosine ** (d - 1),
                sine * cosine ** (d + 1),
            )
        )
        curvature = math.sqrt(2 / math.pi) / scale * (J - own * falling)
        square = (x**2 + scale**2).sum(-1)
        return Moments(
            value,
            grad,
            value[..., None] + scale**2 * curvature,
            square,
            (square[..., None] + 2 * scale**2).expand(x.shape),
            grad,
            once + own * thrice,
            _norm_pair(x, scale) if d > 1 else L1().smoothed_moments(theta, sigma).pair_eps2,
        )

    def kinks(self) -> Float[Tensor, " k"]:
        """At 0, in one variable."""
        return places(0.0)

    @property
    def minimum(self) -> Optimum:
        """At 0, in every coordinate."""
        return Optimum(places(0.0), 0.0)


def _polar(x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """w = ‖θ‖²/(2σ²); sin φ, cos φ and exp(-w sin²φ) dφ at 64 nodes over where it is not 0."""
    w = (x**2).sum(-1) / (2 * scale[..., 0] ** 2)
    last = (EPS_MAX / (2 * w + x.shape[-1]).sqrt() * math.pi / 2).clamp(max=math.pi / 2)
    angle, weight = legendre(torch.zeros_like(last), last, 64)
    sine = angle.sin()
    return w, sine, angle.cos(), weight * torch.exp(-w[..., None] * sine**2)


def _norm_pair(x: Tensor, scale: Tensor) -> Float[Tensor, "*batch d"]:
    """E[‖θ + σε‖ ‖θ - σε‖ ε_i²] for d > 1.

    With z = ‖θ‖/σ, u the part of ε along θ and q the length of the rest, elliptic coordinates
    u = z cosh μ cos ν, q = z sinh μ sin ν make ‖X‖ ‖θ - σε‖ = σ² (t² + n²) of t = z sinh μ and
    n = z sin ν, and du dq = (t² + n²) dμ dν: nothing is singular any more.
    """
    d = x.shape[-1]
    radius = torch.linalg.vector_norm(x, dim=-1)
    z = (radius / scale[..., 0]).clamp(min=1e-8)  # errs by z² where it clamps
    far = math.sqrt(d) + EPS_MAX
    near = math.sqrt(max((math.sqrt(d) - EPS_MAX) ** 2 - EPS_MAX**2, 0.0))
    t, t_weight = legendre(torch.full_like(z, near), torch.full_like(z, far), 128)
    last = torch.asin((EPS_MAX / torch.hypot(z, torch.full_like(z, near))).clamp(max=1.0))
    tilt, tilt_weight = legendre(torch.zeros_like(z), last, 64)  # π/2 - ν
    t, tilt, z = t[..., None], tilt[..., None, :], z[..., None, None]
    stretch = torch.hypot(t, z)  # z cosh μ
    u2, q2 = (stretch * tilt.sin()) ** 2, (t * tilt.cos()) ** 2
    gauge = math.log(2) * (3 - d) / 2 - math.lgamma((d - 1) / 2) + math.log(2 / math.pi) / 2
    log_density = gauge - (u2 + q2) / 2 + (d - 2) / 2 * q2.log()
    weight = t_weight[..., None] / stretch * tilt_weight[..., None, :]
    weight = weight * (t**2 + (z * tilt.cos()) ** 2) ** 2
    terms = weight * log_density.exp()
    along, across = ((terms * part).sum((-1, -2)) for part in (u2, q2 / (d - 1)))
    share = (x / radius.clamp(min=torch.finfo(x.dtype).tiny)[..., None]) ** 2
    return scale**2 * (across[..., None] + share * (along - across)[..., None])


@dataclass(frozen=True)
class ThreeHumpCamel(Objective):
    """The three-hump camel turned over: a valley of three humps in the plane, the middle highest.

    f(x, y) = -(2x² - 1.05x⁴ + x⁶/6 + xy + y²)

    The test function of Branin (1972) is minimised; its sign is changed here. F is a polynomial,
    so Gauss-Hermite finds it, and all moments, to rounding.
    """

    def __call__(self, theta: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch"]:
        x, y = check_points("ThreeHumpCamel", theta, 2).unbind(-1)
        return -(2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2)

    def smoothed(
        self, theta: Float[Tensor, "*#batch 2"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ), with E x⁴ = x⁴ + 6x²σ² + 3σ⁴ and E x⁶ = x⁶ + 15x⁴σ² + 45x²σ⁴ + 15σ⁶."""
        (x, y), s = self._split(theta, sigma)
        fourth = x**4 + 6 * x**2 * s + 3 * s**2
        sixth = x**6 + 15 * x**4 * s + 45 * x**2 * s**2 + 15 * s**3
        return -(2 * (x**2 + s) - 1.05 * fourth + sixth / 6 + x * y + y**2 + s)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch 2"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch 2"]:
        """∇F(θ)."""
        (x, y), s = self._split(theta, sigma)
        fifth = x**5 + 10 * x**3 * s + 15 * x * s**2
        along = 4 * x - 4.2 * (x**3 + 3 * x * s) + fifth + y
        return -torch.stack((along, x + 2 * y + 0 * s), -1)

    def smoothed_moments(self, theta: Float[Tensor, "*#batch 2"], sigma: float | Tensor) -> Moments:
        """By Gauss-Hermite with 8 nodes an axis, exact to degree 15: f² ε_i² has degree 14."""
        x, scale = plane(self, theta, sigma, 2)
        nodes, weights = (torch.from_numpy(a).to(x) for a in np.polynomial.hermite_e.hermegauss(8))
        eps, weight = torch.cartesian_prod(nodes, nodes), torch.outer(weights, weights).flatten()
        weight = (weight / math.tau)[:, None]
        shift = scale[..., None, :] * eps  # (*batch, 64, 2)
        value, mirrored = (self(x[..., None, :] + s)[..., None] for s in (shift, -shift))
        rate = smoothing.slope(self, x[..., None, :] + shift)

        def mean(c: Tensor) -> Tensor:
            return (weight * c).sum(-2)

        return Moments(
            self.smoothed(theta, sigma),
            self.smoothed_grad(theta, sigma),
            mean(value * eps**2),
            mean(value**2)[..., 0],
            mean(value**2 * eps**2),
            mean(rate),
            mean(rate**2),
            mean(value * mirrored * eps**2),
        )

    @property
    def bounds(self) -> Float[Tensor, "2 2"]:
        """Where the humps are."""
        return box([-2.0, -2.0], [2.0, 2.0])

    @property
    def optimum(self) -> Optimum:
        """The middle hump."""
        return Optimum(places(0.0, 0.0), 0.0)

    def _split(self, theta: Tensor, sigma: float | Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """The coordinates, and the variance σ²."""
        x, scale = plane(self, theta, sigma, 2)
        return (x[..., 0], x[..., 1]), scale[..., 0] ** 2


# --- shared -------------------------------------------------------------------------------


def indicator(which: Tensor, x: Tensor) -> Tensor:
    """1 where `which`, else 0; nan where x is; with a gradient of 0 by x."""
    nothing = x * 0
    return torch.where(which, nothing + 1, nothing)


def line(f: Objective, theta: Tensor, sigma: float | Tensor) -> tuple[Tensor, Tensor]:
    """The coordinate of points (..., 1), and σ, checked and of one shape."""
    name = type(f).__name__
    x = check_finite(name, check_points(name, theta, 1))[..., 0]
    x, scale = torch.broadcast_tensors(x, check_sigma(theta, sigma))
    return x, scale


def plane(
    f: Objective, theta: Tensor, sigma: float | Tensor, d: int | None = None
) -> tuple[Tensor, Tensor]:
    """θ, and σ with a last axis of 1, checked and of one batch shape."""
    name = type(f).__name__
    x = check_finite(name, check_points(name, theta, d))
    scale = check_sigma(theta, sigma)[..., None]
    batch = torch.broadcast_shapes(x.shape[:-1], scale.shape[:-1])
    return x.expand(*batch, x.shape[-1]), scale.expand(*batch, 1)


def require_finite(f: object, *names: str) -> None:
    """Raise unless the fields of those names, or all, are finite."""
    for name in names or vars(f):
        value = getattr(f, name)
        if not bool(torch.as_tensor(value).isfinite().all()):
            shown = value.tolist() if isinstance(value, Tensor) else value
            raise ValueError(f"{type(f).__name__}: {name} = {shown}; a finite number is needed")


def require_positive(f: object, *names: str) -> None:
    """Raise unless the fields of those names are positive."""
    for name in names:
        value = getattr(f, name)
        if value <= 0:
            raise ValueError(f"{type(f).__name__}: {name} = {value:g}; it must be positive")


def require_objectives(f: object, *names: str) -> None:
    """Raise unless the fields of those names are objectives."""
    for name in names:
        value = getattr(f, name)
        if not isinstance(value, Objective):
            raise TypeError(
                f"{type(f).__name__}: {name} is a {type(value).__name__}, not an objective of "
                "smoothlib; combine plain functions in a function of your own"
            )


def places(*x: float) -> Float[Tensor, " m"]:
    """Coordinates in float64."""
    return torch.tensor(x, dtype=torch.float64)


def box(low: list[float], high: list[float]) -> Float[Tensor, "2 d"]:
    """Bounds in float64."""
    return torch.tensor([low, high], dtype=torch.float64)
