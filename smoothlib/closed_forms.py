"""Truth in closed form: Gaussian expectations of piecewise polynomials, of waves, of products.

Every function takes the coordinate `x` of θ and σ, broadcast against each other, and returns the
expectations that `smoothing.Moments` is made of. The building blocks are

    ∫ ε^k φ(ε) dε from a to b = (k-1) ∫ ε^(k-2) φ dε + a^(k-1) φ(a) - b^(k-1) φ(b)
    E[ε^k exp(icε)] = μ_k,  μ_0 = exp(-c²/2),  μ_(k+1) = ic μ_k + k μ_(k-1)
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from smoothlib.smoothing import Jumps, LineMoments, Moments, density

FAR = 40.0  # φ(40) = 0 in float64, so an end at infinity can be put there


class Pieces(NamedTuple):
    """A piecewise polynomial of degree 2: at an edge it has the value of the piece on the left."""

    edges: Float[Tensor, " m"]
    coefficients: Float[Tensor, "m1 3"]  # of 1, x, x², piece by piece; m1 = m + 1
    heights: Float[Tensor, " m"]  # of the jumps at the edges, 0 for a kink

    def to(self, x: Tensor) -> "Pieces":
        """With dtype and device of x."""
        return Pieces(*(part.to(x) for part in self))

    def jumps(self) -> Jumps:
        """The edges at which the value jumps."""
        real = self.heights != 0
        return Jumps(self.edges[real], self.heights[real])

    def derivative(self) -> Float[Tensor, "m1 3"]:
        """Coefficients of the derivative."""
        _, linear, quadratic = self.coefficients.unbind(-1)
        return torch.stack((linear, 2 * quadratic, torch.zeros_like(linear)), -1)


def linear_pieces(
    x: Sequence[float], left: Sequence[float], right: Sequence[float], ends: Sequence[float]
) -> Pieces:
    """Straight lines between breakpoints x, with the values just left and right of each.

    `ends` are the slopes before the first and after the last.
    """
    at, before, after = (torch.tensor(v, dtype=torch.float64) for v in (x, left, right))
    inner = (before[1:] - after[:-1]) / (at[1:] - at[:-1])
    first, last = (torch.tensor([s], dtype=torch.float64) for s in ends)
    slopes = torch.cat((first, inner, last))
    level = torch.cat((before[:1], after)) - slopes * torch.cat((at[:1], at))
    return Pieces(at, torch.stack((level, slopes, torch.zeros_like(slopes)), -1), after - before)


def pieces_value(pieces: Pieces, x: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """The piecewise polynomial at x."""
    edges, coefficients, _ = pieces.to(x)
    piece = torch.bucketize(x.detach().contiguous(), edges)
    level, linear, quadratic = coefficients[piece].unbind(-1)
    return level + x * (linear + x * quadratic)


def pieces_mean(
    edges: Float[Tensor, "*#batch m"],
    coefficients: Float[Tensor, "*#batch m1 3"],
    x: Float[Tensor, "*#batch"],
    sigma: Float[Tensor, "*#batch"],
) -> Float[Tensor, "*batch"]:
    """E p(X) for the piecewise polynomial p, or for one in each place of the batch."""
    eps = (edges - x[..., None]) / sigma[..., None]
    return _against(_in_eps(coefficients, x, sigma), _partial_moments(eps, 2), 0)


def pieces_moments(
    pieces: Pieces, x: Float[Tensor, "*batch"], sigma: Float[Tensor, "*#batch"]
) -> LineMoments:
    """All moments of a piecewise polynomial.

    f(X) f(θ - σε) is a polynomial between the edges and their mirror images about θ.
    """
    pieces = pieces.to(x)
    eps = (pieces.edges - x[..., None]) / sigma[..., None]
    f = _in_eps(pieces.coefficients, x, sigma)
    rate = _in_eps(pieces.derivative(), x, sigma)
    partial = _partial_moments(eps, 6)

    cells = torch.cat((eps, -eps), -1).sort(-1).values
    ends = torch.nn.functional.pad(cells.detach().clamp(-FAR, FAR), (1, 0), value=-FAR)
    ends = torch.nn.functional.pad(ends, (0, 1), value=FAR)
    middle = (ends[..., 1:] + ends[..., :-1]) / 2
    here, there = (_piece_at(f, eps, at) for at in (middle, -middle))
    mirrored = there * torch.tensor([1.0, -1.0, 1.0]).to(x)
    pair_partial = _partial_moments(cells, 6)

    powers = range(3)
    return LineMoments(
        torch.stack([_against(f, partial, k) for k in powers]),
        torch.stack([_against(_multiply(f, f), partial, k) for k in powers]),
        torch.stack([_against(_multiply(here, mirrored), pair_partial, k) for k in powers]),
        torch.stack([_against(p, partial, 0) for p in (rate, _multiply(rate, rate))]),
    )


def _piece_at(f: Tensor, eps: Tensor, at: Tensor) -> Tensor:
    """The coefficients of f that hold at each ε = at."""
    index = torch.searchsorted(eps.detach().contiguous(), at.contiguous())
    return torch.take_along_dim(f, index[..., None], -2)


def _in_eps(coefficients: Tensor, x: Tensor, sigma: Tensor) -> Float[Tensor, "*batch m1 3"]:
    """Coefficients of 1, ε, ε² in p(x + σε)."""
    level, linear, quadratic = coefficients.unbind(-1)
    x, sigma = x[..., None], sigma[..., None]
    constant = level + x * (linear + x * quadratic)
    return torch.stack(
        (constant, sigma * (linear + 2 * x * quadratic), sigma**2 * quadratic + 0 * x), -1
    )


def _multiply(p: Tensor, q: Tensor) -> Tensor:
    """Coefficients of the product of two polynomials."""
    rows = [
        torch.nn.functional.pad(p[..., i, None] * q, (i, p.shape[-1] - 1 - i))
        for i in range(p.shape[-1])
    ]
    return torch.stack(rows).sum(0)


def _against(p: Tensor, partial: Tensor, k: int) -> Float[Tensor, "*batch"]:
    """E[p(ε) ε^k], summed over the pieces."""
    return (p * partial[..., k : k + p.shape[-1]]).sum((-1, -2))


def _partial_moments(eps: Float[Tensor, "*batch m"], order: int) -> Tensor:
    """∫ ε^k φ between neighbouring edges, k = 0..order: (*batch, m + 1, order + 1)."""
    ends = torch.nn.functional.pad(eps.clamp(-FAR, FAR), (1, 0), value=-FAR)
    ends = torch.nn.functional.pad(ends, (0, 1), value=FAR)
    lower, upper = ends[..., :-1], ends[..., 1:]
    at_lower, at_upper = density(lower), density(upper)
    found = [torch.special.ndtr(upper) - torch.special.ndtr(lower), at_lower - at_upper]
    for k in range(2, order + 1):
        edge = lower ** (k - 1) * at_lower - upper ** (k - 1) * at_upper
        found.append((k - 1) * found[k - 2] + edge)
    return torch.stack(found, -1)


# --- waves --------------------------------------------------------------------------------


def wave_moments(
    polynomial: tuple[Tensor, Tensor, Tensor], height: float, omega: float, x: Tensor, sigma: Tensor
) -> LineMoments:
    """All moments of f = p0 + p1 ε + p2 ε² + A sin(ω (x + σε)).

    `x` and `sigma` are of one shape, (*batch); so are the coefficients `polynomial` in ε.
    Products of waves are waves: sin² u = (1 - cos 2u) / 2.
    """
    p = torch.stack(polynomial, -1)
    normal = torch.tensor([1.0, 0, 1, 0, 3, 0, 15]).to(x)
    once, twice = (_cis_moments(n * omega * x, n * omega * sigma, 4) for n in (1, 2))
    still = _cis_moments(0 * x, 2 * omega * sigma, 2)
    flip = torch.tensor([1.0, -1.0, 1.0]).to(x)

    def mean(q: Tensor, moments: Tensor, k: int) -> Tensor:
        return (q * moments[..., k : k + q.shape[-1]]).sum(-1)

    sine, cosine = once.imag, once.real
    plain = [mean(p, normal, k) + height * sine[..., k] for k in range(3)]
    square = [
        mean(_multiply(p, p), normal, k)
        + 2 * height * mean(p, sine, k)
        + height**2 / 2 * (normal[k] - twice.real[..., k])
        for k in range(3)
    ]
    # the cross terms p(ε) sin(-) and p(-ε) sin(+) differ by the sign of odd powers
    pair = [
        mean(_multiply(p, p * flip), normal, k)
        + height * (1 + (-1) ** k) * mean(p * flip, sine, k)
        + height**2 / 2 * (still.real[..., k] - torch.cos(2 * omega * x) * normal[k])
        for k in range(3)
    ]
    rate = torch.stack((polynomial[1], 2 * polynomial[2]), -1) / sigma[..., None]
    amplitude = height * omega
    slopes = (
        mean(rate, normal, 0) + amplitude * cosine[..., 0],
        mean(_multiply(rate, rate), normal, 0)
        + 2 * amplitude * mean(rate, cosine, 0)
        + amplitude**2 / 2 * (1 + twice.real[..., 0]),
    )
    return LineMoments(*(torch.stack(list(part)) for part in (plain, square, pair, slopes)))


def _cis_moments(angle: Tensor, c: Tensor, order: int) -> Complex[Tensor, "*batch n"]:
    """E[ε^k exp(i (angle + cε))] for k = 0..order."""
    found = [torch.exp(-(c**2) / 2) * torch.exp(1j * angle)]
    found.append(1j * c * found[0])
    for k in range(1, order):
        found.append(1j * c * found[k] + k * found[k - 1])
    return torch.stack(found, -1)


# --- several coordinates, and arithmetic --------------------------------------------------


def sum_moments(line: LineMoments, grad: Float[Tensor, "*batch d"]) -> Moments:
    """Moments of f(x) = Σ h(x_i), from those of h at every coordinate, (..., *batch, d)."""
    plain, square, pair, slopes = line
    rest = plain[0].sum(-1, keepdim=True) - plain[0]  # E of all the other terms

    def of_products(product: Tensor) -> tuple[Tensor, Tensor]:
        total = (product[0] - plain[0] ** 2).sum(-1) + plain[0].sum(-1) ** 2
        others = total[..., None] - product[0] - 2 * plain[0] * rest
        return total, product[2] + 2 * plain[2] * rest + others

    total, weighted = of_products(square)
    _, pair_weighted = of_products(pair)
    return Moments(
        plain[0].sum(-1),
        grad,
        plain[2] + rest,
        total,
        weighted,
        slopes[0],
        slopes[1],
        pair_weighted,
    )


def product_moments(line: LineMoments, grad: Float[Tensor, "*batch d"]) -> Moments:
    """Moments of f(x) = Π h(x_i), from those of h and its derivative at every coordinate.

    `grad` is the derivative of E h(X_i).
    """
    plain, square, pair, slopes = line
    return Moments(
        plain[0].prod(-1),
        _one_replaced(plain[0], grad),
        _one_replaced(plain[0], plain[2]),
        square[0].prod(-1),
        _one_replaced(square[0], square[2]),
        _one_replaced(plain[0], slopes[0]),
        _one_replaced(square[0], slopes[1]),
        _one_replaced(pair[0], pair[2]),
    )


def _one_replaced(factors: Tensor, one: Tensor) -> Float[Tensor, "*batch d"]:
    """The product of all factors, with the i-th replaced by one_i, for every i."""
    d = factors.shape[-1]
    own = torch.eye(d, dtype=torch.bool, device=factors.device)
    return torch.where(own, one[..., None, :], factors[..., None, :]).prod(-1)


def affine_moments(m: Moments, scale: float, shift: float) -> Moments:
    """Moments of scale · f + shift, from those of f."""
    shift2 = shift**2
    return Moments(
        scale * m.value + shift,
        scale * m.grad,
        scale * m.value_eps2 + shift,
        scale**2 * m.square + 2 * scale * shift * m.value + shift2,
        scale**2 * m.square_eps2 + 2 * scale * shift * m.value_eps2 + shift2,
        scale * m.slope,
        scale**2 * m.slope2,
        scale**2 * m.pair_eps2 + 2 * scale * shift * m.value_eps2 + shift2,
    )
