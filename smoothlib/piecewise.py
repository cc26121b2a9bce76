"""Objectives made of straight lines and parabolas, with jumps between them: all in closed form.

Each names its pieces; value, truth, jumps and kinks follow from those (`closed_forms.Pieces`).
At a jump the value is the one on the left. J(X) of a gripper that closes at a random height, the
success of a throw, a stiff contact: all of them are such functions.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.closed_forms import (
    Pieces,
    linear_pieces,
    pieces_mean,
    pieces_moments,
    pieces_value,
)
from smoothlib.objectives import (
    Objective,
    Optimum,
    box,
    line,
    places,
    require_finite,
    require_positive,
)
from smoothlib.smoothing import Jumps, Moments, boundary_term, check_points, window


class Piecewise(Objective):
    """What they share. A subclass says `pieces()`, or, if it repeats, `pieces_within()`."""

    def pieces(self) -> Pieces:
        """The pieces from end to end."""
        raise NotImplementedError

    def pieces_within(self, low: float, high: float) -> Pieces:
        """Those that matter between low and high."""
        return self.pieces()

    def __call__(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        x = check_points(type(self).__name__, theta, 1)[..., 0]
        return pieces_value(self.pieces(), x)

    def smoothed(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        """F(θ), from E X^k 1{a < X < b}."""
        x, scale = line(self, theta, sigma)
        pieces = self.pieces_within(*window(x, scale)).to(x)
        return pieces_mean(pieces.edges, pieces.coefficients, x, scale)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch 1"]:
        """∇F(θ): the mean slope, plus every jump times the density of X there."""
        x, scale = line(self, theta, sigma)
        pieces = self.pieces_within(*window(x, scale)).to(x)
        slope = pieces_mean(pieces.edges, pieces.derivative(), x, scale)
        return slope[..., None] + boundary_term(self.jumps(), theta, sigma)

    def smoothed_moments(self, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor) -> Moments:
        """All in closed form."""
        x, scale = line(self, theta, sigma)
        moments = pieces_moments(self.pieces_within(*window(x, scale)), x, scale)
        return moments.moments(self.smoothed_grad(theta, sigma)[..., 0])

    def jumps(self) -> Jumps:
        """The edges at which the value jumps."""
        return self.pieces().jumps()

    def kinks(self) -> Float[Tensor, " k"]:
        """The edges at which it does not."""
        edges, _, heights = self.pieces()
        return edges[heights == 0]

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """The edges, and as much again to either side."""
        edges = self.pieces().edges
        low, high = float(edges[0]), float(edges[-1])
        margin = high - low or 1.0
        return box([low - margin], [high + margin])


@dataclass(frozen=True)
class PiecewiseLinear(Piecewise):
    """Straight lines between breakpoints, with jumps where left and right values differ.

    The default is the height to which a gripper lifts a brick, in m, as a function of the height
    at which it closes: J = 0.115 + 0.5 z if it grips, 0 <= z <= 0.06 m, and 0.04 otherwise. The
    slope says that higher is better; the best grip is at the edge of a cliff.

    Args:
        x: breakpoints, increasing. left, right: the values just left and right of each.
        ends: the slopes before the first and after the last.
    Raises:
        ValueError: if x does not increase, the lengths differ, or a number is not finite.
    """

    x: tuple[float, ...] = (0.0, 0.06)
    left: tuple[float, ...] = (0.04, 0.145)
    right: tuple[float, ...] = (0.115, 0.04)
    ends: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        require_finite(self)
        lengths = [len(part) for part in (self.x, self.left, self.right, self.ends)]
        if len(set(lengths[:3])) > 1 or not lengths[0] or lengths[3] != 2:
            raise ValueError(
                f"PiecewiseLinear: x, left, right and ends have {lengths} numbers; the first "
                "three go together, at least one each, and ends has two"
            )
        if any(b <= a for a, b in zip(self.x, self.x[1:], strict=False)):
            raise ValueError(
                f"PiecewiseLinear: the breakpoints x = {self.x} must increase; a jump is one "
                "breakpoint with two values, left and right"
            )

    def pieces(self) -> Pieces:
        return linear_pieces(self.x, self.left, self.right, self.ends)

    @property
    def optimum(self) -> Optimum:
        """The highest edge; the middle of a level piece if that is as high."""
        if self.ends[0] < 0 or self.ends[1] > 0:
            raise AttributeError(f"PiecewiseLinear: it rises for ever, ends = {self.ends}")
        return self._extremum(1)

    @property
    def minimum(self) -> Optimum:
        """The lowest edge; the middle of a level piece if that is as low."""
        if self.ends[0] > 0 or self.ends[1] < 0:
            raise AttributeError(f"PiecewiseLinear: it falls for ever, ends = {self.ends}")
        return self._extremum(-1)

    def _extremum(self, sign: int) -> Optimum:
        inner = zip(self.x, self.x[1:], self.right, self.left[1:], strict=False)
        level = [((a + b) / 2, start) for a, b, start, end in inner if start == end]
        edges = [*zip(self.x, self.left, strict=True), *zip(self.x, self.right, strict=True)]
        at, value = max(level + edges, key=lambda candidate: sign * candidate[1])
        return Optimum(places(at), value)


class _Lines(Piecewise):
    """A PiecewiseLinear by other parameters."""

    @property
    def lines(self) -> PiecewiseLinear:
        """The same function."""
        raise NotImplementedError

    def pieces(self) -> Pieces:
        return self.lines.pieces()

    @property
    def optimum(self) -> Optimum:
        return self.lines.optimum

    @property
    def minimum(self) -> Optimum:
        return self.lines.minimum


@dataclass(frozen=True)
class Heaviside(_Lines):
    """A step, f(x) = height · 1{x > place}.

    With z = (θ - place)/σ, F(θ) = height · Φ(z) and ∇F(θ) = height · φ(z)/σ, while f' = 0
    wherever it exists: the first-order gradient is always 0, without variance and wrong.

    Raises:
        ValueError: if height is 0 or a field is not finite.
    """

    place: float = 0.0
    height: float = 1.0

    def __post_init__(self) -> None:
        require_finite(self)
        _require_height(self)

    @property
    def lines(self) -> PiecewiseLinear:
        return PiecewiseLinear((self.place,), (0.0,), (self.height,))


@dataclass(frozen=True)
class SoftStep(_Lines):
    """A step that takes a ramp of width ν, as a stiff contact does.

    f(x) = height · clamp((x - place)/ν + 1/2, 0, 1)

    Lipschitz, so that the first-order gradient is unbiased, with a variance near
    height² φ(z)/(νσ): hardly ever not 0, and then huge. Suh, Simchowitz, Zhang and Tedrake (2022)
    call what a finite sample then shows empirical bias.

    Raises:
        ValueError: if width is not positive, height is 0 or a field is not finite.
    """

    width: float = 0.1
    place: float = 0.0
    height: float = 1.0

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(self, "width")
        _require_height(self)

    @property
    def lines(self) -> PiecewiseLinear:
        low, high = self.place - self.width / 2, self.place + self.width / 2
        levels = (0.0, self.height)
        return PiecewiseLinear((low, high), levels, levels)


@dataclass(frozen=True)
class TopHat(_Lines):
    """A window, f(x) = height · 1{low < x <= high}: what succeeds only in between.

    F(θ) = height · (Φ((high - θ)/σ) - Φ((low - θ)/σ)). A window that itself moves as N(0, τ²)
    gives the same F with √(σ² + τ²) for σ.

    Raises:
        ValueError: if low >= high, height is 0 or a field is not finite.
    """

    low: float = -0.5
    high: float = 0.5
    height: float = 1.0

    def __post_init__(self) -> None:
        require_finite(self)
        _require_height(self)
        if self.low >= self.high:
            raise ValueError(
                f"TopHat: low = {self.low:g} and high = {self.high:g} leave nothing between; "
                "take low < high"
            )

    @property
    def lines(self) -> PiecewiseLinear:
        return PiecewiseLinear((self.low, self.high), (0.0, self.height), (self.height, 0.0))


@dataclass(frozen=True)
class Spike(Piecewise):
    """A narrow reward far out on a wide dome, which noise cannot see.

    f(x) = height · 1{|x - place| < width/2} - dome · x²

    The maximum is at the spike; that of F is there only while σ is small, and at 0 otherwise.

    Args:
        place, width, height: of the spike. dome: how fast the dome falls, per unit of x².
    Raises:
        ValueError: if width, height or dome is not positive, or a field is not finite.
    """

    place: float = 3.0
    width: float = 0.1
    height: float = 1.0
    dome: float = 0.05

    def __post_init__(self) -> None:
        require_finite(self)
        require_positive(self, "width", "height", "dome")

    def pieces(self) -> Pieces:
        edges, coefficients, heights = TopHat(*self._window, self.height).pieces()
        dome = torch.tensor([0.0, 0.0, -self.dome], dtype=torch.float64)
        return Pieces(edges, coefficients + dome, heights)

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """The dome out to the spike, and beyond."""
        reach = abs(self.place) + 2 * self.width + 1
        return box([-reach], [reach])

    @property
    def optimum(self) -> Optimum:
        """The highest point of the spike, or the top of the dome if that is higher."""
        low, high = self._window
        inner = min(max(low, 0.0), high)
        top = self.height - self.dome * inner**2
        return Optimum(places(inner), top) if top > 0 else Optimum(places(0.0), 0.0)

    @property
    def _window(self) -> tuple[float, float]:
        return self.place - self.width / 2, self.place + self.width / 2


def _require_height(f: Piecewise) -> None:
    height = vars(f)["height"]
    if height == 0:
        raise ValueError(f"{type(f).__name__}: height = {height:g} leaves nothing; take another")
