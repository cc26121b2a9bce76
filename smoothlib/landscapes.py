"""Landscapes from the literature: quadratics, ripples, humps, and steps in several variables."""

import math
from dataclasses import dataclass

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
    wave_moments,
)
from smoothlib.objectives import (
    Objective,
    Optimum,
    box,
    indicator,
    line,
    places,
    plane,
    require_finite,
    require_positive,
)
from smoothlib.smoothing import Jumps, Moments, check_points, density

_STEP = linear_pieces((0.0,), (0.0,), (1.0,), (0.0, 0.0))
_STEP_DOWN = linear_pieces((0.0,), (1.0,), (0.0,), (0.0, 0.0))


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
