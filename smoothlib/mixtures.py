"""Mixtures of the first-order and the zero-order estimate: accurate where f is smooth, right
where it jumps.

    alpha_order   g_k = α g_k^[1] + (1 - α) g_k^[0],   α in [0, 1]

keeps the contract of `estimators`: one row a sample. α is a number or a function of both batches,

    weight(first, zero) -> α, a number or one for each coordinate

and here are three, which take many batches at once, (*batch, n, d), as well. A weight looks at
the rows it then mixes, which biases the mean by O(1/n) even where both estimates are unbiased; the
rows' standard error takes α as given. What a mixture amounts to, exactly, is `mixing_exact`.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.estimators import (
    Baseline,
    Sigma,
    _checked,
    _times,
    center,
    first_order,
    zero_order,
)
from smoothlib.objectives import Objective
from smoothlib.smoothing import Function, check_points, density, window
from smoothlib.statistics import (
    Estimate,
    check_confidence,
    confidence_radius,
    leave_one_out_variance,
    variance_exact,
)

BESIDE = 1e-9  # of the size of x: where the two sides of a jump are looked at

Weight = Callable[[Tensor, Tensor], Tensor]


def inverse_variance(
    first: Float[Tensor, "*batch n d"], zero: Float[Tensor, "*batch n d"]
) -> Float[Tensor, "*batch d"]:
    """α_i = v0/(v0 + v1), each estimate weighted by one over its variance; (d,).

    The least variance if the two were independent. Fails where first-order is wrong and calm: on
    a Heaviside v1 = 0, so α = 1, and the mixture is 0 for certain. See *PIPPS*, Parmas et al. 2018;
    Onoda, Parmas, Yaguchi and Matsuo 2026, arXiv 2604.18161, who find it hard to beat on control
    tasks when applied at every time step.
    """
    return _ratio(zero.var(-2), first.var(-2) + zero.var(-2))


def minimum_variance(
    first: Float[Tensor, "*batch n d"], zero: Float[Tensor, "*batch n d"]
) -> Float[Tensor, "*batch d"]:
    """α_i = (v0 - c)/(v0 + v1 - 2c), clamped to [0, 1], with c the covariance of the two; (d,).

    Both are made of the same samples, so c is not zero, and this α is the one that minimises the
    mixture's variance. As blind to bias as `inverse_variance`.
    """
    away = (first - first.mean(-2, keepdim=True)) * (zero - zero.mean(-2, keepdim=True))
    covariance = away.sum(-2) / (zero.shape[-2] - 1)
    return _ratio(zero.var(-2) - covariance, (first - zero).var(-2)).clamp(0, 1)


def bias_guarded(tolerance: float, confidence: float = 0.95) -> Weight:
    """Least variance among the α that keep the error below `tolerance`, with that confidence.

    Let r be the `confidence_radius` of the zero-order mean, B = ‖ḡ^[1] - ḡ^[0]‖, and α_v the
    inverse-variance weight of the traces. The error is at most α B + r with that confidence, so

    α = min(α_v, (tolerance - r)/B),   and 0 where r > tolerance: nothing can be promised

    See Suh et al. 2022, section 4. `confidence` is the probability of being right. Fails: with
    few samples r is large and α = 0; a generous tolerance lets all of the bias through.
    """
    if not tolerance > 0:
        raise ValueError(
            f"bias_guarded: tolerance = {tolerance}; a positive error, in the gradient's own units"
            ", is needed; float('inf') asks for the least variance alone"
        )
    check_confidence(confidence)

    def weight(first: Tensor, zero: Tensor) -> Tensor:
        n, each = zero.shape[-2], (first.var(-2).sum(-1), zero.var(-2).sum(-1))
        found = Estimate(zero.mean(-2), (zero.var(-2) / n).sqrt(), n)
        slack = tolerance - confidence_radius(found, confidence)
        apart = (first.mean(-2) - zero.mean(-2)).norm(dim=-1)
        best = _ratio(each[1], each[0] + each[1])
        return torch.minimum(best, slack / apart).clamp(min=0)[..., None]

    return weight


def alpha_order(
    f: Function,
    theta: Float[Tensor, " d"],
    sigma: Sigma,
    eps: Float[Tensor, "n d"],
    alpha: float | Weight = inverse_variance,
    baseline: Baseline = center,
) -> Float[Tensor, "n d"]:
    """A first-order and a zero-order row from the same sample, mixed.

    g_k = α ∇f(x_k) + (1 - α) (f(x_k) - b) ε_k / σ,   x_k = θ + σ ε_k,   b = f(θ) by default

    See Suh et al. 2022. Needs n >= 2 unless α is a number.

    Bias: α times that of `first_order`, and of order 1/n from a weight that looks at its rows.
    Variance: α² v1 + (1 - α)² v0 + 2 α (1 - α) c, with v1 and v0 the variances of the two and c
    their covariance: between the orders of the two in σ, and in d no worse than (1 - α)² times
    that of `finite_difference`. Fails: where first-order is wrong and calm, for every weight but
    `bias_guarded`. Costs one evaluation and one derivative a row.
    """
    first = first_order(f, theta, sigma, eps)
    zero = zero_order(f, theta, sigma, eps, baseline)
    return _mixed(first, zero, alpha)


def switched(
    f: Function,
    theta: Float[Tensor, " d"],
    sigma: Sigma,
    eps: Float[Tensor, "n d"],
    level: float = 0.01,
    baseline: Baseline = center,
) -> Float[Tensor, "n d"]:
    """Zero-order where the samples show a jump, else the inverse-variance mixture.

    The design of Onoda et al. 2026 (a test, then IVW), with the test `shows_a_jump`.

    g_k = that of `zero_order`, baseline f(θ) by default, if shows_a_jump, else of `alpha_order`
    by `inverse_variance`; one choice for all rows.

    Bias: α times that of `first_order` wherever the test misses a jump; where it finds one, only
    what the choice itself brings, since it looks at the rows. Variance: of order Δ²/σ² at a jump
    Δ, else that of the mixture. Fails: with few samples, or a jump small beside
    the curvature, which the test misses. Needs n >= 2.
    """
    scale = _checked(theta, sigma, eps)
    first = first_order(f, theta, sigma, eps)
    zero = zero_order(f, theta, sigma, eps, baseline)
    values = f(theta.detach() + _times(scale, eps)).detach()
    return (
        zero if shows_a_jump(values, first, scale, level) else _mixed(first, zero, inverse_variance)
    )


def shows_a_jump(
    values: Float[Tensor, " n"],
    gradients: Float[Tensor, "n d"],
    sigma: Sigma,
    level: float = 0.01,
) -> bool:
    """Whether f varies more than its derivatives can explain, by `unexplained`.

    It does if the excess is more than its standard error allows at this `level`: a jump, or a
    slope that no sample met. False alarms: at most a share `level`, for large n. Misses: jumps
    that are small beside the curvature, σ²‖∇²f‖.
    """
    check_confidence(1 - level)
    excess, error = unexplained(values, gradients, sigma)
    return bool(excess > NormalDist().inv_cdf(1 - level) * error)


def unexplained(
    values: Float[Tensor, "*batch n"], gradients: Float[Tensor, "*batch n d"], sigma: Sigma
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """How much more f varies than its derivatives can explain, and the standard error of that.

    A Lipschitz f of x = θ + Lε obeys  Var f <= ½ ‖E Lᵀ∇f‖² + ½ E‖Lᵀ∇f‖²  (L = σ for a number),
    with equality up to degree 2: in Hermite polynomials of degree k the left side has c_k², the
    right one c_1² and k c_k²/2. This is the left side less the right one, at most 0 in the mean
    unless f jumps.

    Onoda et al. 2026 trust the derivatives where tr Var ∇f >= 2 (1 - c) Var f/σ² - 2 ‖E ∇f‖², the
    same two sides with a slack, c = 0.3, in place of a level; their equation 14, which is known
    here from an implementation by others.

    Raises:
        ValueError: for a single sample, or a sample that is not finite.
    """
    n = values.shape[-1]
    if n < 2:
        raise ValueError(f"shows_a_jump: n = {n}; a variance needs at least 2 samples")
    if not bool(values.isfinite().all()) or not bool(gradients.isfinite().all()):
        raise ValueError("shows_a_jump: nan or inf among values or gradients; leave those out")
    scale = torch.as_tensor(sigma, dtype=gradients.dtype, device=gradients.device)
    steps = gradients * scale if scale.ndim == 0 else gradients @ scale
    mean = steps.mean(-2, keepdim=True)
    explained = ((steps**2).sum(-1) + 2 * (steps * mean).sum(-1) - (mean**2).sum(-1)) / 2
    away = (values - values.mean(-1, keepdim=True)) ** 2
    excess = away * (n / (n - 1)) - explained
    return excess.mean(-1), excess.std(-1) / math.sqrt(n)


# --- exact --------------------------------------------------------------------------------


class Mixing(NamedTuple):
    """What a first-order and a zero-order row from one sample amount to.

    Of the mean of n rows α g^[1] + (1 - α) g^[0] with a fixed α, against ∇F:

        bias       α β
        variance   V(α)/n,   V(α) = α² v1 + (1 - α)² v0 + 2 α (1 - α) c
    """

    bias: Float[Tensor, "*batch"]  # β, of first_order; zero-order has none
    first: Float[Tensor, "*batch"]  # v1
    zero: Float[Tensor, "*batch"]  # v0
    covariance: Float[Tensor, "*batch"]  # c

    @property
    def apart(self) -> Float[Tensor, "*batch"]:
        """Var(g^[1] - g^[0]) = v0 + v1 - 2c."""
        return (self.first + self.zero - 2 * self.covariance).clamp(min=0)

    def variance(self, alpha: float | Tensor) -> Float[Tensor, "*#batch"]:
        """V(α), of one row."""
        mixed = alpha**2 * self.first + (1 - alpha) ** 2 * self.zero
        return (mixed + 2 * alpha * (1 - alpha) * self.covariance).clamp(min=0)

    def rmse(self, alpha: float | Tensor, n: int | Tensor) -> Float[Tensor, "*#batch"]:
        """√(α² β² + V(α)/n)."""
        return ((alpha * self.bias) ** 2 + self.variance(alpha) / n).sqrt()

    @property
    def quietest(self) -> Float[Tensor, "*batch"]:
        """The α in [0, 1] of least variance, (v0 - c)/(v0 + v1 - 2c): blind to the bias."""
        return _ratio(self.zero - self.covariance, self.apart).clamp(0, 1)

    def nearest(self, n: int | Tensor) -> Float[Tensor, "*#batch"]:
        """The α in [0, 1] of least error, (v0 - c)/(v0 + v1 - 2c + n β²): it falls like 1/n."""
        return _ratio(self.zero - self.covariance, self.apart + n * self.bias**2).clamp(0, 1)


def mixing_exact(
    f: Objective,
    theta: Float[Tensor, "*#batch d"],
    sigma: float | Tensor,
    n: int | Tensor | None = None,
) -> Mixing:
    """The numbers of `Mixing` for an objective of one variable, without a sample.

    For the baseline b = f(θ), or, if n is given, for `leave_one_out` in batches of n (several n, a
    tensor, broadcast with the points): v0 is then n times the variance of a batch's mean, and b = F
    in what follows, exactly, since each row is uncorrelated with the slopes of the others. The
    covariance is E[f'(f - b)ε]/σ - E f' F', where by parts, piece by piece,

        E[f' ε]   = σF''   - Σ_j Δ_j z_j φ(z_j)/σ,             z_j = (x_j - θ)/σ
        E[f f' ε] = σG''/2 - Σ_j Δ_j m_j z_j φ(z_j)/σ,         G = E f²

    over the jumps Δ_j in x_j, with m_j the mean of f on the two sides. Good to about 1e-8.

    Raises:
        ValueError: for several dimensions, or n = 1.
    """
    x = check_points("mixing_exact", theta, 1)[..., 0]
    width = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
    m, each = f.smoothed_moments(theta, sigma), variance_exact(f, theta, sigma)
    grad, slope, level, zero = m.grad[..., 0], m.slope[..., 0], f(theta), each.finite_difference
    if n is not None:
        count = torch.as_tensor(n, dtype=x.dtype, device=x.device)[..., None]
        level, zero = m.value, count * leave_one_out_variance(f, theta, sigma, n)
    z, crossing, sides = _crossings(f, x, width)
    turning = crossing * z * density(z)
    curve = (m.value_eps2[..., 0] - m.value - turning.sum(-1)) / width
    square = ((m.square_eps2[..., 0] - m.square) / 2 - (turning * sides).sum(-1)) / width
    covariance = (square - level * curve) / width - slope * grad
    return Mixing(slope - grad, each.first_order[..., 0], zero[..., 0], covariance)


def _crossings(f: Objective, x: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Jumps within reach: where, in units of ε, (*batch, m); how high, and around which value."""
    at, height, _ = f.jumps().within(*window(x, width))
    at, height = at.to(x), height.to(x)
    beside = BESIDE * at.abs().clamp(min=1)
    sides = torch.stack((f((at - beside)[:, None]), f((at + beside)[:, None]))).mean(0)
    return (at - x[..., None]) / width[..., None], height, sides


def _mixed(first: Tensor, zero: Tensor, alpha: float | Weight) -> Tensor:
    if callable(alpha):
        if len(zero) < 2:
            raise ValueError(
                f"alpha_order: n = {len(zero)}; a weight from variances needs at least 2 samples; "
                "a number for alpha needs one"
            )
        weight = alpha(first, zero)
        return weight * first + (1 - weight) * zero
    if not 0 <= alpha <= 1:
        raise ValueError(
            f"alpha_order: alpha = {alpha}; a number from 0 (zero-order) to 1 is needed"
        )
    return alpha * first + (1 - alpha) * zero


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 where whole is: with nothing to choose by, the unbiased estimate."""
    return torch.where(whole > 0, part / whole.where(whole > 0, 1.0), 0.0)
