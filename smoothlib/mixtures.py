"""Mixtures of the first-order and the zero-order estimate: accurate where f is smooth, right
where it jumps.

    alpha_order   g_k = α g_k^[1] + (1 - α) g_k^[0],   α in [0, 1]

keeps the contract of `estimators`: one row a sample. α is a number or a function of both batches,

    weight(first, zero) -> α, a number or one for each coordinate

and here are three. A weight looks at the rows it then mixes, which biases the mean by O(1/n) even
where both estimates are unbiased; the rows' standard error takes α as given.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.estimators import Sigma, _checked, _times, center, first_order, zero_order
from smoothlib.smoothing import Function
from smoothlib.statistics import check_confidence, confidence_radius, summarise

Weight = Callable[[Tensor, Tensor], Tensor]


def inverse_variance(first: Float[Tensor, "n d"], zero: Float[Tensor, "n d"]) -> Tensor:
    """α_i = v0/(v0 + v1), each estimate weighted by one over its variance; (d,).

    The least variance if the two were independent. Fails where first-order is wrong and calm: on
    a Heaviside v1 = 0, so α = 1, and the mixture is 0 for certain. See *PIPPS*, Parmas et al. 2018;
    Onoda, Parmas, Yaguchi and Matsuo 2026, arXiv 2604.18161, who find it hard to beat on control
    tasks when applied at every time step.
    """
    return _ratio(zero.var(0), first.var(0) + zero.var(0))


def minimum_variance(first: Float[Tensor, "n d"], zero: Float[Tensor, "n d"]) -> Tensor:
    """α_i = (v0 - c)/(v0 + v1 - 2c), clamped to [0, 1], with c the covariance of the two; (d,).

    Both are made of the same samples, so c is not zero, and this α is the one that minimises the
    mixture's variance. As blind to bias as `inverse_variance`.
    """
    covariance = ((first - first.mean(0)) * (zero - zero.mean(0))).sum(0) / (len(zero) - 1)
    return _ratio(zero.var(0) - covariance, (first - zero).var(0)).clamp(0, 1)


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
        slack = tolerance - confidence_radius(summarise([zero]), confidence)
        apart = (first.mean(0) - zero.mean(0)).norm()
        best = _ratio(zero.var(0).sum(), first.var(0).sum() + zero.var(0).sum())
        return torch.minimum(best, slack / apart).clamp(min=0)

    return weight


def alpha_order(
    f: Function,
    theta: Float[Tensor, " d"],
    sigma: Sigma,
    eps: Float[Tensor, "n d"],
    alpha: float | Weight = inverse_variance,
) -> Float[Tensor, "n d"]:
    """A first-order and a zero-order row from the same sample, mixed.

    g_k = α ∇f(x_k) + (1 - α) (f(x_k) - f(θ)) ε_k / σ,   x_k = θ + σ ε_k

    See Suh et al. 2022. Needs n >= 2 unless α is a number.

    Bias: α times that of `first_order`, and of order 1/n from a weight that looks at its rows.
    Variance: α² v1 + (1 - α)² v0 + 2 α (1 - α) c, with v1 and v0 the variances of the two and c
    their covariance: between the orders of the two in σ, and in d no worse than (1 - α)² times
    that of `finite_difference`. Fails: where first-order is wrong and calm, for every weight but
    `bias_guarded`. Costs one evaluation and one derivative a row.
    """
    first = first_order(f, theta, sigma, eps)
    zero = zero_order(f, theta, sigma, eps, center)
    return _mixed(first, zero, alpha)


def switched(
    f: Function,
    theta: Float[Tensor, " d"],
    sigma: Sigma,
    eps: Float[Tensor, "n d"],
    level: float = 0.01,
) -> Float[Tensor, "n d"]:
    """Zero-order where the samples show a jump, else the inverse-variance mixture.

    The design of Onoda et al. 2026 (a test, then IVW), with the test `shows_a_jump`.

    g_k = that of `zero_order`, baseline f(θ), if shows_a_jump, else of `alpha_order` by
    `inverse_variance`; one choice for all rows.

    Bias: α times that of `first_order` wherever the test misses a jump; where it finds one, only
    what the choice itself brings, since it looks at the rows. Variance: of order Δ²/σ² at a jump
    Δ, else that of the mixture. Fails: with few samples, or a jump small beside
    the curvature, which the test misses. Needs n >= 2.
    """
    scale = _checked(theta, sigma, eps)
    first = first_order(f, theta, sigma, eps)
    zero = zero_order(f, theta, sigma, eps, center)
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
    """Whether f varies more than its derivatives can explain.

    A Lipschitz f of x = θ + Lε obeys  Var f <= ½ ‖E Lᵀ∇f‖² + ½ E‖Lᵀ∇f‖²  (L = σ for a number),
    with equality up to degree 2: in Hermite polynomials of degree k the left side has c_k², the
    right one c_1² and k c_k²/2. The left side above the right one, by more than its standard
    error allows at this `level`, is a jump, or a slope that no sample met. False alarms: at most
    a share `level`, for large n. Misses: jumps that are small beside the curvature, σ²‖∇²f‖.

    Onoda et al. 2026 trust the derivatives where tr Var ∇f >= 2 (1 - c) Var f/σ² - 2 ‖E ∇f‖², the
    same two sides with a slack, c = 0.3, in place of a level; their equation 14, which is known
    here from an implementation by others.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"shows_a_jump: n = {n}; a variance needs at least 2 samples")
    check_confidence(1 - level)
    scale = torch.as_tensor(sigma, dtype=gradients.dtype, device=gradients.device)
    steps = gradients * scale if scale.ndim == 0 else gradients @ scale
    mean = steps.mean(0)
    explained = ((steps**2).sum(-1) + 2 * steps @ mean - mean @ mean) / 2
    excess = (values - values.mean()) ** 2 * (n / (n - 1)) - explained
    z = NormalDist().inv_cdf(1 - level)
    return bool(excess.mean() > z * excess.std() / math.sqrt(n))


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
