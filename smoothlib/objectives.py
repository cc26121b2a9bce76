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

Here: what all of them share. The objectives are in `throws`, `piecewise`, `landscapes` and
`norms`. The sign is the source's; where the source minimises, the docstring says so.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib import smoothing
from smoothlib.closed_forms import affine_moments
from smoothlib.smoothing import Jumps, Moments, check_finite, check_points, check_sigma


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
        if not (torch.compiler.is_compiling() or bool(torch.as_tensor(value).isfinite().all())):
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
