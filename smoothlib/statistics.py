"""What an estimator's rows say: mean, error, bias, variance, and how far to trust them.

`estimate` streams: it holds one chunk of samples at a time, and since the noise of a sample
depends on (seed, member, coordinate) alone, the chunks may have any size. Where an objective knows
its moments, biases, variances and the best baseline are exact, by Stein's identities: no sample
is drawn.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.estimators import Sigma, finite_difference
from smoothlib.noise import normal
from smoothlib.objectives import Objective
from smoothlib.smoothing import Function, Moments
from smoothlib.streaming import NOTHING, Part, compiled_parts, eager_parts, part_of

Estimator = Callable[[Function, Tensor, Sigma, Tensor], Tensor]
CHUNK = 2**17  # numbers of noise at a time: 1 MiB in float64, what a core's cache holds
COMPILED_CHUNK = 2**20  # more, since a call of compiled code takes as long as 1e5 numbers


class Estimate(NamedTuple):
    """A sample mean, its standard error in each coordinate, and the number of samples."""

    mean: Float[Tensor, "*shape"]
    standard_error: Float[Tensor, "*shape"]
    n: int

    @property
    def variance(self) -> Float[Tensor, "*shape"]:
        """Of one sample: n times the standard error squared."""
        return self.n * self.standard_error**2


class Interval(NamedTuple):
    """The ends of a confidence interval, for each coordinate by itself."""

    low: Float[Tensor, "*shape"]
    high: Float[Tensor, "*shape"]


# --- from samples -------------------------------------------------------------------------


def estimate(
    f: Function,
    theta: Float[Tensor, " d"],
    sigma: Sigma,
    n: int,
    seed: int,
    estimator: Estimator = finite_difference,
    chunk: int | None = None,
    compile: bool = False,
) -> Estimate:
    """∇F(θ) from n samples: mean and standard error of the estimator's rows.

    Memory does not depend on n. An estimator that treats its rows one by one gives the same
    result to rounding for any `chunk`, the number of samples at a time; one that looks at its
    batch (leave_one_out, a weight of alpha_order) looks at one chunk.

    Args:
        estimator: anything of the contract; functools.partial sets a baseline or a family.
        compile: fuse noise, f, estimator and sums by torch.compile: the same result to rounding,
            eight times less work in one dimension. Compiling takes 5 to 30 s for each f and
            estimator, so it pays from about 1e9 samples, or where an f is asked again and again.
            What cannot be compiled (an f with `if x > 0`, no C++ compiler) runs as without, after
            a warning that says why.
    """
    return estimates(f, theta, sigma, n, seed, (estimator,), chunk, compile)[0]


def estimates(
    f: Function,
    theta: Float[Tensor, " d"],
    sigma: Sigma,
    n: int,
    seed: int,
    estimators: Sequence[Estimator],
    chunk: int | None = None,
    compile: bool = False,
) -> tuple[Estimate, ...]:
    """`estimate` for each of several estimators, from the same noise, drawn once."""
    if n < 2:
        raise ValueError(f"estimate: n = {n}; a standard error needs at least 2 samples")
    if chunk is not None and chunk < 1:
        raise ValueError(f"estimate: chunk = {chunk}; at least 1 sample at a time is needed")
    most = (COMPILED_CHUNK if compile else CHUNK) // max(theta.numel(), 1)
    noise = _noise(theta, n, seed, chunk or max(2, most), compile)
    parts = compiled_parts if compile else eager_parts
    totals = [NOTHING for _ in estimators]
    for found in parts(estimators, f, theta, sigma, noise):
        totals = [total.merged(part) for total, part in zip(totals, found, strict=True)]
    return tuple(_estimate(total, theta.dtype) for total in totals)


def _noise(
    theta: Tensor, n: int, seed: int, chunk: int, compile: bool
) -> Iterator[Float[Tensor, "_ d"]]:
    """ε of n members in even shares, so that none is a single sample; in the same memory."""
    d, parts = theta.numel(), max(1, n // chunk)
    unit = 32 if chunk >= 64 else 1  # whole blocks of noise, where there are some
    ends = [n * k // (parts * unit) * unit for k in range(parts)] + [n]
    most = max(b - a for a, b in pairwise(ends))
    memory = torch.empty(most, d, dtype=theta.dtype, device=theta.device)
    for a, b in pairwise(ends):
        yield normal(seed, range(a, b), d, out=memory[: b - a], compile=compile)


def summarise(chunks: Iterable[Float[Tensor, "_ ..."]]) -> Estimate:
    """Mean and standard error of rows that come in chunks, in one pass; see `streaming`."""
    total, dtype = NOTHING, torch.float64
    for rows in chunks:
        total, dtype = total.merged(part_of(rows)), rows.dtype
    if total.n < 2:
        raise ValueError(f"summarise: n = {total.n} rows; a standard error needs at least 2")
    return _estimate(total, dtype)


def _estimate(total: Part, dtype: torch.dtype) -> Estimate:
    error = (total.square / (total.n - 1) / total.n).sqrt()
    return Estimate(total.mean.to(dtype), error.to(dtype), total.n)


def variance_measured(rows: Float[Tensor, "n ..."]) -> Estimate:
    """The variance of one row, unbiased, with its own standard error √((m4 - m2²)/n)."""
    n = len(rows)
    if n < 2:
        raise ValueError(f"variance_measured: n = {n} rows; a variance needs at least 2")
    square = (rows - rows.mean(0)) ** 2
    error = (square.var(0, correction=0) / n).sqrt()
    return Estimate(square.sum(0) / (n - 1), error, n)


def bias_against_truth(
    found: Estimate, f: Objective, theta: Float[Tensor, " d"], sigma: float | Tensor
) -> Estimate:
    """The estimate's mean less ∇F(θ), with the error bar that every measured bias must wear.

    An unbiased estimator shows √(2/π) standard errors on average, never zero: a "bias" that
    shrinks as 1/√n is none.
    """
    return Estimate(found.mean - f.smoothed_grad(theta, sigma), found.standard_error, found.n)


def rmse(
    bias: Float[Tensor, "*batch d"], variance: Float[Tensor, "*#batch d"], n: int
) -> Float[Tensor, "*batch"]:
    """Root mean square error ‖ḡ - ∇F‖ of the mean of n rows: √(‖bias‖² + Σ variance/n)."""
    if n < 1:
        raise ValueError(f"rmse: n = {n}; a mean has at least 1 row")
    return (bias**2 + variance / n).sum(-1).sqrt()


class Sweep(NamedTuple):
    """Estimates over a grid of points θ, widths σ and numbers n of samples."""

    mean: Float[Tensor, "t s k d"]
    standard_error: Float[Tensor, "t s k d"]
    truth: Float[Tensor, "t s k d"]


def sweep(
    f: Objective,
    theta: Float[Tensor, "t d"],
    sigma: Float[Tensor, " s"],
    n: Sequence[int],
    seed: int,
    estimator: Estimator = finite_difference,
) -> Sweep:
    """`estimate` at every θ, σ and n, beside ∇F.

    All cells share their noise, so curves are smooth, and errors along a curve are not
    independent.
    """
    cells = [estimate(f, t, s, m, seed, estimator) for t in theta for s in sigma for m in n]
    shape = (len(theta), len(sigma), len(n), theta.shape[-1])
    mean = torch.stack([c.mean for c in cells]).reshape(shape)
    error = torch.stack([c.standard_error for c in cells]).reshape(shape)
    truth = f.smoothed_grad(theta[:, None, :], sigma[None, :])
    return Sweep(mean, error, truth[:, :, None, :].expand(shape))


# --- exact --------------------------------------------------------------------------------


class Variances(NamedTuple):
    """Exact variances of one row, for each coordinate."""

    first_order: Float[Tensor, "*batch d"]  # and of jump_corrected
    zero_order: Float[Tensor, "*batch d"]
    finite_difference: Float[Tensor, "*batch d"]
    optimal: Float[Tensor, "*batch d"]  # zero_order with the baseline b*
    antithetic: Float[Tensor, "*batch d"]  # of a pair, which costs two evaluations


def variance_exact(
    f: Objective, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
) -> Variances:
    """Variances of the five estimators, from the objective's moments; points and σ broadcast.

    They are differences of moments: what is 0, as on a plateau, is 0 to rounding, and never below.
    """
    m = f.smoothed_moments(theta, sigma)
    width = torch.as_tensor(sigma, dtype=theta.dtype, device=theta.device)[..., None]
    level = f(theta)[..., None]
    return Variances(
        (m.slope2 - m.slope**2).clamp(min=0),
        _zero_order_variance(m, width, torch.zeros_like(level)),
        _zero_order_variance(m, width, level),
        _zero_order_variance(m, width, m.value_eps2),
        ((m.square_eps2 - m.pair_eps2) / (2 * width**2) - m.grad**2).clamp(min=0),
    )


def zero_order_variance(
    f: Objective, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor, baseline: float | Tensor
) -> Float[Tensor, "*batch d"]:
    """Of `zero_order` with any constant baseline b: Var(b*) + (b - b*)²/σ².

    Raises ValueError for a baseline that is neither a number nor of a shape that fits (*batch, d).
    """
    width = torch.as_tensor(sigma, dtype=theta.dtype, device=theta.device)[..., None]
    level = torch.as_tensor(baseline, dtype=theta.dtype, device=theta.device)
    moments = f.smoothed_moments(theta, sigma)
    shape = moments.grad.shape
    if level.ndim > len(shape) or torch.broadcast_shapes(level.shape, shape) != shape:
        raise ValueError(
            f"zero_order_variance: baseline has shape {tuple(level.shape)}; a number, or a shape "
            f"that fits {tuple(shape)}, is needed: f(theta)[..., None] for one at each point"
        )
    return _zero_order_variance(moments, width, level)


def leave_one_out_variance(
    f: Objective, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor, n: int | Tensor
) -> Float[Tensor, "*batch d"]:
    """Of the MEAN of n rows of `zero_order` with the leave-one-out baseline, which depend.

    [E ε²(f - F)² - (n - 2)/(n - 1) σ² ∇F² + (E f² - F²)/(n - 1)] / (n σ²)

    Several n, a tensor, broadcast with the points.
    """
    count = torch.as_tensor(n, dtype=theta.dtype, device=theta.device)[..., None]
    if bool((count < 2).any()):
        raise ValueError(f"leave_one_out_variance: n = {n}; leaving one out needs at least 2")
    m = f.smoothed_moments(theta, sigma)
    width = torch.as_tensor(sigma, dtype=theta.dtype, device=theta.device)[..., None]
    value, spread = m.value[..., None], (m.square - m.value**2)[..., None]
    centred = m.square_eps2 - 2 * value * m.value_eps2 + value**2
    slope = (count - 2) / (count - 1) * (width * m.grad) ** 2
    return ((centred - slope + spread / (count - 1)) / (count * width**2)).clamp(min=0)


def optimal_baseline(
    f: Objective, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
) -> Float[Tensor, "*batch d"]:
    """b*_i = E[f ε_i²] = F + σ² ∂²F/∂θ_i², the constant that leaves the least variance.

    Weaver and Tao 2001. f(θ) beats no baseline only where |f(θ) - b*| < |b*|.
    """
    return f.smoothed_moments(theta, sigma).value_eps2


def bias_exact(
    f: Objective, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
) -> Float[Tensor, "*batch d"]:
    """Of `first_order`: E ∂_if - ∂_iF, in one dimension -Σ Δ_j φ((x_j - θ)/σ)/σ over the jumps."""
    m = f.smoothed_moments(theta, sigma)
    return m.slope - m.grad


def _zero_order_variance(m: Moments, width: Tensor, b: Tensor) -> Tensor:
    square = m.square_eps2 - 2 * b * m.value_eps2 + b**2
    return (square / width**2 - m.grad**2).clamp(min=0)


# --- intervals ----------------------------------------------------------------------------


def normal_interval(found: Estimate, confidence: float = 0.95) -> Interval:
    """mean ± z standard errors, z the normal quantile at (1 + confidence)/2.

    It covers the mean with that probability for large n, in each coordinate by itself. Fails
    with few samples of a skewed law: a jump that is met once in a hundred samples is
    often not met at all, and then the interval is a point.
    """
    check_confidence(confidence)
    reach = _quantile(confidence) * found.standard_error
    return Interval(found.mean - reach, found.mean + reach)


def empirical_bernstein_interval(
    found: Estimate, width: float, confidence: float = 0.95
) -> Interval:
    """mean ± √(2 V ln(4/δ)/n) + 7 width ln(4/δ)/(3(n - 1)),  δ = 1 - confidence.

    It covers with at least that probability for every n, if all rows of a coordinate lie in one
    interval of that `width`: first-order rows of a Lipschitz f, differences of a bounded one, not
    score rows, which no bound holds. V is the sample variance. Theorem 4 on both sides of
    *Empirical Bernstein Bounds and Sample-Variance Penalization*, Maurer and Pontil 2009,
    arXiv 0907.3740.
    """
    check_confidence(confidence)
    if not 0 < width < math.inf:
        raise ValueError(
            f"empirical_bernstein_interval: width = {width}; rows must lie within a positive, "
            "finite width; for unbounded rows there is normal_interval"
        )
    log = math.log(4 / (1 - confidence))
    spread = math.sqrt(2 * log) * found.standard_error
    reach = spread + 7 * width * log / (3 * (found.n - 1))
    return Interval(found.mean - reach, found.mean + reach)


def confidence_radius(found: Estimate, confidence: float = 0.95) -> Float[Tensor, "*batch"]:
    """r with P(‖mean - E‖ <= r) >= confidence, for large n: all coordinates of (*batch, d) at once.

    r² = z² Σ standard_error_i², z the normal quantile at 1 - (1 - confidence)/(2d): an interval
    for every coordinate, and Bonferroni. It fails where `normal_interval` does.
    """
    check_confidence(confidence)
    tail = (1 - confidence) / found.mean.shape[-1]
    return _quantile(1 - tail) * found.standard_error.norm(dim=-1)


def check_confidence(confidence: float) -> None:
    """A ValueError unless it is a probability of being right."""
    if not 0 < confidence < 1:
        raise ValueError(
            f"confidence = {confidence}; a probability of being right is needed, "
            "strictly between 0 and 1, such as 0.95"
        )


def _quantile(confidence: float) -> float:
    """z with P(|N| <= z) = confidence."""
    return NormalDist().inv_cdf((1 + confidence) / 2)
