"""Truth by quadrature: what Gaussian noise makes of a function of one variable.

    smoothed(f, theta, sigma)          F(θ) = E f(θ + σε), ε ~ N(0, 1)
    smoothed_grad(f, theta, sigma)     ∇F(θ)
    smoothed_moments(f, theta, sigma)  what exact biases and variances are made of: Moments

`f` is any callable from points (..., 1) to values (...). An objective of this library answers
with its own truth, in closed form where it has one. For any other callable the integrals are
Gauss-Legendre sums on |ε| <= EPS_MAX that never cross a jump or a kink: name them in `breaks`.
Each sum is certified: 47 and 64 nodes a panel must agree to TOLERANCE, relative to the mean size
of the integrand, and the integrand must die out at the ends; otherwise the panels are
halved, and in the end an ArithmeticError says what was reached. Sums are done in float64, also
for a float32 `theta`.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

EPS_MAX = 9.0  # P(|ε| > 9) = 2e-19: nothing beyond is seen in float64
TOLERANCE = 1e-10
HALVINGS = 6
GROWTH = 1e3  # of a polynomial from |ε| = EPS_MAX to twice that, generously

Function = Callable[[Tensor], Tensor]


class Jumps(NamedTuple):
    """Discontinuities of a function of one variable; all of them repeat every `period`."""

    theta: Float[Tensor, " m"]
    height: Float[Tensor, " m"]  # f just right of theta, minus f just left of it
    period: float = math.inf

    def within(self, low: float, high: float) -> "Jumps":
        """Those in [low, high], in every period, in order."""
        if math.isinf(self.period):
            turns = torch.zeros(1, dtype=self.theta.dtype)
        else:
            span = [math.floor(low / self.period) - 1, math.ceil(high / self.period) + 1]
            turns = self.period * torch.arange(span[0], span[1] + 1, dtype=self.theta.dtype)
        at = (self.theta + turns[:, None]).flatten()
        height = self.height.expand(len(turns), -1).flatten()
        order = at.argsort()
        at, height = at[order], height[order]
        inside = (low <= at) & (at <= high)
        return Jumps(at[inside], height[inside])


class Moments(NamedTuple):
    """Expectations at X = θ + σε, ε ~ N(0, I), that exact biases and variances are made of.

    One coordinate of the zero-order gradient with baseline b, (f(X) - b) ε_i / σ, has the
    variance (square_eps2 - 2 b value_eps2 + b²) / σ² - grad²; the antithetic pair
    (f(X) - f(θ - σε)) ε_i / (2σ) has (square_eps2 - pair_eps2) / (2σ²) - grad²; the first-order
    gradient has the mean `slope` and the variance slope2 - slope².
    """

    value: Float[Tensor, "*batch"]  # F = E f
    grad: Float[Tensor, "*batch d"]  # ∇F = E[f ε] / σ
    value_eps2: Float[Tensor, "*batch d"]  # E[f ε_i²] = F + σ² ∂_i² F: the optimal baseline
    square: Float[Tensor, "*batch"]  # G = E f²
    square_eps2: Float[Tensor, "*batch d"]  # E[f² ε_i²] = G + σ² ∂_i² G
    slope: Float[Tensor, "*batch d"]  # E[∂_i f], of the derivative almost everywhere
    slope2: Float[Tensor, "*batch d"]  # E[(∂_i f)²]
    pair_eps2: Float[Tensor, "*batch d"]  # E[f(θ + σε) f(θ - σε) ε_i²]


class LineMoments(NamedTuple):
    """The same for one variable, stacked over k = 0, 1, 2; for several, see `closed_forms`."""

    plain: Tensor  # (3, *batch), E[f ε^k]
    square: Tensor  # (3, *batch), E[f² ε^k]
    pair: Tensor  # (3, *batch), E[f(θ + σε) f(θ - σε) ε^k]
    slope: Tensor  # (2, *batch), E[f'], E[f'²]

    def moments(self, grad: Float[Tensor, "*batch"]) -> Moments:
        """In the form that serves any dimension, with ∇F as the caller knows it best."""
        return Moments(
            self.plain[0],
            grad[..., None],
            self.plain[2, ..., None],
            self.square[0],
            self.square[2, ..., None],
            self.slope[0, ..., None],
            self.slope[1, ..., None],
            self.pair[2, ..., None],
        )


# --- any function -------------------------------------------------------------------------


def smoothed(
    f: Function,
    theta: Float[Tensor, "*#batch d"],
    sigma: float | Tensor,
    breaks: Sequence[float] = (),
) -> Float[Tensor, "*#batch"]:
    """F(θ) = E f(θ + σε).

    Args:
        f: an objective, or any callable from points (..., 1) to values (...): d is 1 for it.
        theta: points. sigma: standard deviation, broadcasts with the values.
        breaks: where a plain callable, or its slope, jumps.
    Raises:
        ArithmeticError: if the sum cannot be certified to TOLERANCE.
    """
    if hasattr(f, "smoothed"):
        return f.smoothed(theta, sigma)
    return mean_by_quadrature(f, theta, sigma, breaks)


def smoothed_grad(
    f: Function,
    theta: Float[Tensor, "*#batch d"],
    sigma: float | Tensor,
    breaks: Sequence[float] = (),
) -> Float[Tensor, "*#batch d"]:
    """∇F(θ) = E[f(θ + σε) ε] / σ; arguments and errors as for `smoothed`."""
    if hasattr(f, "smoothed_grad"):
        return f.smoothed_grad(theta, sigma)
    return grad_by_quadrature(f, theta, sigma, breaks)


def smoothed_moments(
    f: Function,
    theta: Float[Tensor, "*#batch d"],
    sigma: float | Tensor,
    breaks: Sequence[float] = (),
) -> Moments:
    """The moments at θ; arguments and errors as for `smoothed`. f' is taken by autograd."""
    if hasattr(f, "smoothed_moments"):
        return f.smoothed_moments(theta, sigma)
    return moments_by_quadrature(f, theta, sigma, breaks)


def mean_by_quadrature(
    f: Function, theta: Tensor, sigma: float | Tensor, breaks: Sequence[float] | Tensor
) -> Float[Tensor, "*batch"]:
    """F(θ), whatever truth f itself has."""
    x0, scale, edges = _standardised(f, theta, sigma, breaks)
    found = _integral(lambda eps: f(_at(x0, scale, eps))[None], edges, _name(f), "F")
    return found[0].to(theta.dtype)


def grad_by_quadrature(
    f: Function, theta: Tensor, sigma: float | Tensor, breaks: Sequence[float] | Tensor
) -> Float[Tensor, "*batch 1"]:
    """∇F(θ), whatever truth f itself has."""
    x0, scale, edges = _standardised(f, theta, sigma, breaks)
    level = f(x0[..., None])[..., None, None]  # its mean is 0: saves digits where σ is small
    rounding = 1e-14 * level[..., 0, 0].detach().abs()

    def scores(eps: Tensor) -> Tensor:
        return ((f(_at(x0, scale, eps)) - level) * eps)[None]

    found = _integral(scores, edges, _name(f), "∇F", rounding)[0]
    return (found / scale)[..., None].to(theta.dtype)


def moments_by_quadrature(
    f: Function, theta: Tensor, sigma: float | Tensor, breaks: Sequence[float] | Tensor
) -> Moments:
    """All moments of f, whatever truth f itself has."""
    x0, scale, edges = _standardised(f, theta, sigma, breaks)
    both = torch.cat((edges, -edges), -1)

    def integrands(eps: Tensor) -> Tensor:
        value, rate = _value_and_slope(f, _at(x0, scale, eps))
        mirrored = value.flip((-1, -2))  # the nodes lie symmetrically, as the edges do
        powers = torch.stack((torch.ones_like(eps), eps, eps**2))
        products = (value * powers, value**2 * powers, value * mirrored * powers)
        return torch.cat((*products, torch.stack((rate[..., 0], rate[..., 0] ** 2))))

    found = _integral(integrands, both, _name(f), "the moments").to(theta.dtype)
    grad = grad_by_quadrature(f, theta, sigma, breaks)[..., 0]
    return LineMoments(*found.split((3, 3, 3, 2))).moments(grad)


def slope(f: Function, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """∇f(x) almost everywhere, by autograd; zeros where f does not depend on x smoothly."""
    return _value_and_slope(f, x)[1]


def _value_and_slope(f: Function, x: Tensor) -> tuple[Tensor, Tensor]:
    if torch.compiler.is_compiling():  # which follows torch.func, and not autograd.grad
        primal = torch.func.vjp(f, x.detach())
        return primal[0], primal[1](torch.ones_like(primal[0]))[0]
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = f(x)
        if not value.requires_grad:
            return value, torch.zeros_like(x)
        (grad,) = torch.autograd.grad(value.sum(), x, materialize_grads=True)
    return value.detach(), grad


def boundary_term(
    jumps: Jumps, theta: Float[Tensor, "*#batch 1"], sigma: float | Tensor
) -> Float[Tensor, "*#batch 1"]:
    """What the jumps add to ∇F, and what the first-order gradient misses of it.

    ∇F(θ) - E f'(X) = sum over jumps of height · φ((at - θ)/σ) / σ
    """
    x, sigma = theta[..., 0], check_sigma(theta, sigma)
    at, height, _ = jumps.within(*window(x, sigma))
    eps = (at.to(x) - x[..., None]) / sigma[..., None]
    return ((height.to(x) * density(eps)).sum(-1) / sigma)[..., None]


def window(x: Tensor, sigma: Tensor) -> tuple[float, float]:
    """The smallest interval that holds every x + σε with |ε| <= EPS_MAX."""
    if x.numel() == 0 or sigma.numel() == 0:
        return 0.0, 0.0
    reach = EPS_MAX * sigma.detach()
    return float((x.detach() - reach).amin()), float((x.detach() + reach).amax())


def density(eps: Tensor) -> Tensor:
    """φ(ε), the standard normal density."""
    return torch.exp(-(eps**2) / 2) / math.sqrt(math.tau)


# --- the sums -----------------------------------------------------------------------------


def gauss_integral(
    c: Callable[[Float[Tensor, "*batch n"]], Float[Tensor, "..."]],
    lower: Float[Tensor, "*batch"],
    upper: Float[Tensor, "*batch"],
) -> Float[Tensor, "..."]:
    """The integral of c(ε) φ(ε) from lower to upper, for a smooth c: uncertified, dtype kept.

    c turns (*batch, n) into that, or into several integrands, (k, *batch, n), and k integrals.
    Gauss-Legendre with 64 nodes on at most |ε| <= EPS_MAX; there φ alone is integrated to 1e-16.
    """
    lower, upper = (end.clamp(-EPS_MAX, EPS_MAX) for end in (lower, upper))
    eps, weight = legendre(lower, upper, 64)
    return (weight * c(eps) * density(eps)).sum(-1)


def legendre(lower: Tensor, upper: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights, (..., n), of the Gauss-Legendre rule from lower to upper."""
    nodes, weights = (torch.from_numpy(a).to(lower) for a in _rule(n))
    half = ((upper - lower) / 2)[..., None]
    return (lower[..., None] + half) + half * nodes, half * weights


@cache
def _rule(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(n)


def _integral(
    c: Function, edges: Float[Tensor, "*batch m"], name: str, what: str, floor: Tensor | float = 0.0
) -> Tensor:
    """E c(ε), certified; c maps (*batch, p, n) to (k, *batch, p, n), smooth between the edges.

    `floor` is the error that rounding makes.
    """
    ends = torch.nn.functional.pad(edges.clamp(-EPS_MAX, EPS_MAX), (1, 0), value=-EPS_MAX)
    ends = torch.nn.functional.pad(ends, (0, 1), value=EPS_MAX).sort(-1).values
    beyond = torch.tensor([[-2.0, 2.0]]).to(ends) * EPS_MAX
    far = c(beyond.expand(*ends.shape[:-1], 1, 2)).detach().abs().amax((-1, -2))
    for _ in range(HALVINGS + 1):
        coarse, fine = (_sum(c, ends, n) for n in (47, 64))  # 48 can share a blind spot with 64
        bound = TOLERANCE * fine.scale + floor
        dies = (fine.tail <= bound) | (far <= GROWTH * fine.highest)
        error = (fine.sums - coarse.sums).detach().abs()
        if bool(((error <= bound) & dies).all()):
            return fine.sums
        middles = (ends[..., 1:] + ends[..., :-1]) / 2
        ends = torch.cat((ends, middles), -1).sort(-1).values
    if not bool(dies.all()):
        raise ArithmeticError(
            f"{name}: {what} is not certified: f(θ + σε) outgrows the Gaussian at |ε| = "
            f"{EPS_MAX:g}; take a smaller sigma"
        )
    raise ArithmeticError(
        f"{name}: {what} by quadrature is certified to {float((error / fine.scale).amax()):.1g} "
        f"of its scale, {TOLERANCE:g} is wanted; name every jump and kink of f in breaks, or take "
        "a smaller sigma if f oscillates hundreds of times within reach of the noise"
    )


class _Sum(NamedTuple):
    sums: Tensor
    scale: Tensor  # the sum of absolute values
    tail: Tensor  # the integrand at the ends
    highest: Tensor  # |c|


def _sum(c: Function, ends: Tensor, n: int) -> _Sum:
    """The Gauss-Legendre sum of c φ over the panels between ends."""
    eps, weight = legendre(ends[..., :-1], ends[..., 1:], n)
    values = c(eps)
    terms = values * density(eps)
    size = terms.detach().abs()
    tail = torch.maximum(size[..., 0, 0], size[..., -1, -1])
    highest = values.detach().abs().amax((-1, -2))
    return _Sum((terms * weight).sum((-1, -2)), (size * weight).sum((-1, -2)), tail, highest)


def _standardised(
    f: Function, theta: Tensor, sigma: float | Tensor, breaks: Sequence[float] | Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """θ and σ, broadcast, in float64, and the breaks in units of ε, (*batch, m)."""
    x = check_points(_name(f), theta, 1)[..., 0]
    x, scale = torch.broadcast_tensors(x, check_sigma(theta, sigma))
    x, scale = check_finite(_name(f), x).double(), scale.double()
    at = torch.as_tensor(breaks, dtype=x.dtype, device=x.device)
    return x, scale, (at - x[..., None]) / scale[..., None]


def _at(x: Tensor, scale: Tensor, eps: Tensor) -> Tensor:
    """The points θ + σε, (*batch, p, n, 1)."""
    return (x[..., None, None] + scale[..., None, None] * eps)[..., None]


# --- what comes in ------------------------------------------------------------------------
# What depends on values is not asked while a function is compiled, for then there are none.


def _name(f: Function) -> str:
    return getattr(f, "__name__", type(f).__name__)


def check_points(name: str, theta: Tensor, d: int | None) -> Tensor:
    """theta, if it is a floating-point tensor of points (..., d); d = None takes any d >= 1."""
    if not isinstance(theta, Tensor) or not theta.is_floating_point():
        what = theta.dtype if isinstance(theta, Tensor) else type(theta).__name__
        raise TypeError(
            f"{name}: theta must be a floating-point tensor, got {what}; "
            "torch.as_tensor(theta, dtype=torch.float64) makes one"
        )
    if theta.ndim == 0 or theta.shape[-1] != (d or max(theta.shape[-1], 1)):
        remedy = "theta[..., None] adds the last axis" if d in (1, None) else "stack coordinates"
        raise ValueError(
            f"{name}: points have shape (..., {d or 'd'}), got {tuple(theta.shape)}; {remedy}"
        )
    return theta


def check_finite(name: str, theta: Tensor) -> Tensor:
    """theta, if it is finite: truth at nan or infinity is not defined."""
    if not (torch.compiler.is_compiling() or bool(theta.isfinite().all())):
        raise ValueError(
            f"{name}: theta must be finite, got {theta[~theta.isfinite()][0].item()}; "
            "look for the step that made it so"
        )
    return theta


def invertible(matrix: Float[Tensor, "d d"]) -> bool:
    """Whether it is, and finite; by the logarithm of its determinant, which may be small."""
    wide = matrix.double()
    return bool(wide.isfinite().all()) and bool(torch.linalg.slogdet(wide)[0] != 0)


def check_sigma(theta: Tensor, sigma: float | Tensor) -> Tensor:
    """sigma as a tensor like theta, if it is a positive, finite standard deviation."""
    if isinstance(sigma, Tensor) and (sigma.dtype, sigma.device) != (theta.dtype, theta.device):
        raise TypeError(
            f"sigma is {sigma.dtype} on {sigma.device}, theta is {theta.dtype} on "
            f"{theta.device}; sigma.to(theta) makes them alike"
        )
    found = torch.as_tensor(sigma, dtype=theta.dtype, device=theta.device)
    if not (torch.compiler.is_compiling() or bool(((found > 0) & found.isfinite()).all())):
        shown = sigma.tolist() if isinstance(sigma, Tensor) else sigma
        raise ValueError(
            f"sigma must be a positive, finite standard deviation, got {shown}; "
            "without noise, call the objective itself"
        )
    return found
