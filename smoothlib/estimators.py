"""Estimators of ∇F(θ), F(θ) = E f(θ + σε): one contract.

    estimator(f, theta, sigma, eps, ...) -> Float[Tensor, "n d"]

    f      an objective to maximise, (..., d) to (...); any batched callable will do
    theta  (d,), a floating-point tensor
    sigma  standard deviation: a number, or a (d, d) matrix L for the covariance Σ = L Lᵀ,
           and then x = θ + Lε
    eps    (n, d), standard normal, on theta's dtype and device

Row k is the gradient that sample k alone gives, so mean, variance and standard error are the
reader's to see; `rows.mean(0)` estimates ∇F and points uphill. It is the gradient, neither
normalised nor ranked nor natural. Variances below are those of one row; the mean of n rows has
1/n of them. A row costs one evaluation of f unless its docstring says otherwise.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.families import GAUSSIAN, UNIFORM, Family
from smoothlib.smoothing import (
    Function,
    boundary_term,
    check_finite,
    check_sigma,
    invertible,
    slope,
)

Sigma = float | Tensor
HULL_STEPS = 10_000  # at most; tens to hundreds are the rule
Baseline = Callable[[Function, Tensor, Tensor, Tensor, Tensor], Tensor]


# --- baselines: (f, theta, sigma, values, score) -> what is subtracted, broadcast to (n, d) --


def no_baseline(f: Function, theta: Tensor, sigma: Tensor, values: Tensor, score: Tensor) -> Tensor:
    """b = 0."""
    return values.new_zeros(())


def center(f: Function, theta: Tensor, sigma: Tensor, values: Tensor, score: Tensor) -> Tensor:
    """b = f(θ), the value without noise. Unbiased. Variance above the best: (f(θ) - b*)²/σ²."""
    return f(theta).detach()


def batch_mean(f: Function, theta: Tensor, sigma: Tensor, values: Tensor, score: Tensor) -> Tensor:
    """b = the batch's mean. Biased by exactly (n - 1)/n: every sample pays for itself."""
    return values.mean()


def leave_one_out(
    f: Function, theta: Tensor, sigma: Tensor, values: Tensor, score: Tensor
) -> Tensor:
    """b_k = the mean of all values but the k-th. Unbiased, and n/(n - 1) times `batch_mean`.

    See *Buy 4 REINFORCE Samples, Get a Baseline for Free!*, Kool, van Hoof and Welling 2019. It
    aims at F, not at the best b* = F + σ²∂²F. Needs n >= 2. Rows are not independent.
    """
    n = _at_least_two("leave_one_out", values)
    return ((values.sum() - values) / (n - 1))[:, None]


def optimal(f: Function, theta: Tensor, sigma: Tensor, values: Tensor, score: Tensor) -> Tensor:
    """b*_i = E[f ε_i²] = F + σ² ∂²F/∂θ_i², from the objective's own truth: the least variance.

    Unbiased, since no sample enters. Needs f.smoothed_moments, σ a number, and Gaussian noise;
    a plain callable takes `estimated_optimal`.
    """
    moments = getattr(f, "smoothed_moments", None)
    if moments is None:
        raise TypeError(
            f"optimal: {f!r} has no smoothed_moments, which the exact b* is made of; "
            "estimated_optimal does without"
        )
    return moments(theta, sigma).value_eps2


def estimated_optimal(
    f: Function, theta: Tensor, sigma: Tensor, values: Tensor, score: Tensor
) -> Tensor:
    """b*_i = E[f s_i²] / E s_i² with s the score, each estimated from all samples but the k-th.

    Unbiased for any f and any family whose score varies (a uniform one's is 0 inside); its
    variance approaches that of the exact b* with n. See
    *The Optimal Reward Baseline for Gradient-Based Reinforcement Learning*, Weaver and Tao 2001.
    Needs n >= 2, and more for peace: a ratio of n - 1 terms is a poor b* when n is small.
    """
    _at_least_two("estimated_optimal", values)
    weight = score**2
    weighted = values[:, None] * weight
    return (weighted.sum(0) - weighted) / (weight.sum(0) - weight)


# --- zero-order: values only --------------------------------------------------------------


def zero_order(
    f: Function,
    theta: Float[Tensor, " d"],
    sigma: Sigma,
    eps: Float[Tensor, "n d"],
    baseline: Baseline = no_baseline,
    family: Family = GAUSSIAN,
) -> Float[Tensor, "n d"]:
    """The score function's estimate, or REINFORCE for a Gaussian mean; no derivative of f.

    g_k = (f(x_k) - b) ε_k / σ,   x_k = θ + σ ε_k

    because ∇F = ∫ f ∇p_θ = E[f ∇ log p_θ]; with a covariance, Σ⁻¹ L ε_k replaces ε_k / σ. Another
    `family` of noise brings its own score. See *Simple Statistical Gradient-Following
    Algorithms*, Williams 1992, and *Monte Carlo Gradient Estimation in Machine Learning*,
    Mohamed, Rosca, Figurnov and Mnih 2020, arXiv 1906.10652.

    Bias: none, for any f with a mean, unless the baseline looks at its own sample. Variance of
    coordinate i: (E f²ε_i² - 2b E fε_i² + b²)/σ² - ∂_iF², so without baseline f(θ)²/σ² as σ -> 0,
    and it grows with any constant added to f. Summed over coordinates it grows like d. Fails:
    never, but slowly.
    """
    scale = _checked(theta, sigma, eps)
    xi = family.from_normal(eps)
    values = _values(f, theta.detach() + _times(scale, xi)).detach()
    score = _divided(scale, family.score(xi))
    return (values[:, None] - baseline(f, theta.detach(), scale, values, score)) * score


def finite_difference(
    f: Function, theta: Float[Tensor, " d"], sigma: Sigma, eps: Float[Tensor, "n d"]
) -> Float[Tensor, "n d"]:
    """Weight perturbation: how much better is x than θ, and in which direction does it lie?

    g_k = (f(θ + σε_k) - f(θ)) ε_k / σ

    It is `zero_order` with the baseline f(θ), hence E g = ∇F for any σ, not only for small ones.
    See *Weight Perturbation*, Jabri and Flower 1992; *Random Gradient-Free Minimization of Convex
    Functions*, Nesterov and Spokoiny 2017.

    Bias: none. Variance for a smooth f, summed over coordinates: (d + 1)‖∇f‖² as σ -> 0, so it
    neither vanishes nor explodes with σ. Near a jump Δ it grows as Δ²/σ². Fails: worse than no
    baseline at all where |f(θ) - b*| > |b*|. Costs one evaluation more for all n rows.
    """
    return zero_order(f, theta, sigma, eps, center)


def antithetic(
    f: Function,
    theta: Float[Tensor, " d"],
    sigma: Sigma,
    eps: Float[Tensor, "n d"],
    baseline: Baseline = no_baseline,
    family: Family = GAUSSIAN,
) -> Float[Tensor, "n d"]:
    """Mirrored pairs: the mean of `zero_order` at ε and at -ε, one row for each pair.

    g_k = (f(θ + σε_k) - f(θ - σε_k)) ε_k / (2σ)

    The even part of f around θ cancels, and with it every constant: a baseline does nothing for
    a symmetric `family`. See *Parameter-exploring Policy Gradients*, Sehnke et al. 2010.

    Bias: none. Variance: (E f²ε_i² - E[f(x₊) f(x₋) ε_i²])/(2σ²) - ∂_iF²; summed, (d + 1)‖∇f‖² as
    σ -> 0. Costs two evaluations a row: compare twice this variance with the others'; it
    loses to f(θ) on ½x² wherever 2θ² > 15σ²/4.
    """
    rows = (zero_order(f, theta, sigma, side, baseline, family) for side in (eps, -eps))
    return torch.stack(tuple(rows)).mean(0)


# --- first-order: derivatives -------------------------------------------------------------


def first_order(
    f: Function,
    theta: Float[Tensor, " d"],
    sigma: Sigma,
    eps: Float[Tensor, "n d"],
    family: Family = GAUSSIAN,
) -> Float[Tensor, "n d"]:
    """The pathwise, or reparametrised, estimate: the mean of the derivatives, by autograd.

    g_k = ∇f(θ + σε_k)

    Unbiased if f is Lipschitz. At jumps Δ_j in x_j it is blind: E g - ∇F = -Σ_j Δ_j φ((x_j -
    θ)/σ)/σ in one dimension, and more samples do not help. An f without a graph (a comparison, a
    constant) has derivative zero almost everywhere, and zeros are what comes back. See Mohamed et
    al. 2020; *Do Differentiable Simulators Give Better Policy Gradients?*, Suh, Simchowitz, Zhang
    and Tedrake 2022, arXiv 2202.00817.

    Variance of coordinate i: E(∂_if)² - (E ∂_if)², of order σ²‖∇∂_if‖² for smooth f, with no 1/σ
    and no growth in d. Fails: at jumps (bias), and on stiff or wiggly f (a ramp of width ν has
    variance of order 1/(νσ), and n < σ/ν samples usually miss it altogether).
    """
    scale = _checked(theta, sigma, eps)
    x = theta.detach() + _times(scale, family.from_normal(eps))
    with torch.enable_grad():
        return slope(lambda x: _values(f, x), x)


def jump_corrected(
    f: Function, theta: Float[Tensor, " 1"], sigma: Sigma, eps: Float[Tensor, "n 1"]
) -> Float[Tensor, "n 1"]:
    """Pathwise, plus the boundary term that it misses; in one dimension.

    g_k = f'(θ + σε_k) + Σ_j Δ_j φ((x_j - θ)/σ)/σ

    with f.jumps() for where (x_j) and how high (Δ_j). Smoothed perturbation analysis, Gong and
    Ho 1987; *Reparameterization Gradient for Non-differentiable Models*, Lee, Yu and Yang 2018,
    arXiv 1806.00176.

    Bias: none. Variance: that of `first_order`, as the boundary term is not random. Fails: only
    where jumps are unknown.
    """
    _checked(theta, sigma, eps)
    width = _number("jump_corrected", theta, sigma)
    if not hasattr(f, "jumps"):
        raise TypeError(
            f"jump_corrected: {f!r} does not know its jumps; give it a method jumps(), "
            "or take zero_order"
        )
    if theta.numel() != 1:
        raise ValueError(
            f"jump_corrected: theta has shape {tuple(theta.shape)}, but jumps are known as points "
            "of one dimension, (1,); take zero_order or measure_valued"
        )
    return first_order(f, theta, sigma, eps) + boundary_term(f.jumps(), theta.detach(), width)


def gradient_sampling(
    f: Function, theta: Float[Tensor, " d"], sigma: Sigma, eps: Float[Tensor, "n d"]
) -> Float[Tensor, "n d"]:
    """Gradients at points drawn uniformly from a ball around θ.

    g_k = ∇f(θ + σ √(d + 2) u_k),   u_k uniform in the unit ball, made of ε_k

    The ball's radius √(d + 2) σ gives every coordinate the standard deviation σ. Their mean
    estimates the gradient of f smoothed over that ball, where f is Lipschitz; their
    `minimum_norm` is the direction of *A Robust Gradient Sampling Algorithm for Nonsmooth,
    Nonconvex Optimization*, Burke, Lewis and Overton 2005, and is zero only near a stationary
    point.

    Bias, variance and failure: those of `first_order` for this noise.
    """
    _checked(theta, sigma, eps)
    d = eps.shape[-1]
    square = (eps**2).sum(-1, keepdim=True)
    share = torch.special.gammainc(torch.full_like(square, d / 2), square / 2)  # uniform on (0, 1)
    radius = math.sqrt(d + 2) * share ** (1 / d)
    return first_order(f, theta, sigma, eps / square.sqrt() * radius)


def minimum_norm(gradients: Float[Tensor, "n d"]) -> Float[Tensor, " d"]:
    """The shortest vector in the convex hull of the gradients: Burke, Lewis and Overton's step.

    It points uphill of all of them at once; zero if no direction does. Found by moving weight
    from the gradient that agrees most with it to the one that agrees least, each time by the
    best amount (Mitchell, Demyanov and Malozemov 1974).

    Raises ValueError for a gradient that is not finite.
    """
    if not bool(gradients.isfinite().all()):
        raise ValueError(f"minimum_norm: gradients hold nan or inf: {gradients.tolist()}")
    weight = gradients.new_full((len(gradients),), 1 / len(gradients))
    for _ in range(HULL_STEPS):
        agreement = gradients @ (weight @ gradients)
        least = int(agreement.argmin())
        most = int(agreement.where(weight > 0, -torch.inf).argmax())
        apart = gradients[most] - gradients[least]
        gain = float(agreement[most] - agreement[least])
        if gain <= torch.finfo(gradients.dtype).eps * float(gradients.square().sum()):
            break
        moved = min(float(weight[most]), gain / float(apart @ apart))
        weight[least] += moved
        weight[most] -= moved
    return weight @ gradients


# --- differences along the axes: neither score nor derivative ------------------------------


def measure_valued(
    f: Function, theta: Float[Tensor, " d"], sigma: Sigma, eps: Float[Tensor, "n d"]
) -> Float[Tensor, "n d"]:
    """The Gaussian's derivative is a difference of two measures; sample both, with one draw.

    g_ki = (f(x_k; x_i = θ_i + σw_ki) - f(x_k; x_i = θ_i - σw_ki)) / (σ√(2π))

    where w = √(-2 ln(1 - Φ(ε_i))) is Rayleigh (a Weibull of shape 2), coupled between the two
    sides, and the other coordinates of x = θ + σε stay. Pflug 1996, *Optimization of Stochastic
    Models*; Mohamed et al. 2020, section 6.

    Bias: none, for any f, with or without jumps. Variance for smooth f: (4/π - 1)(∂_if)² as
    σ -> 0, with no growth in d; at a jump Δ of order Δ²/σ², for a Heaviside
    (exp(-z²/2)/(2π) - φ(z)²)/σ² with z = θ/σ, nothing on its edge. Fails: by price, 2d
    evaluations a row. σ must be a number.
    """
    _checked(theta, sigma, eps)
    width = _number("measure_valued", theta, sigma)
    rayleigh = torch.sqrt(-2 * torch.special.log_ndtr(-eps))
    return _across(f, theta, width, eps, rayleigh) / (width * math.sqrt(math.tau))


def uniform_boundary(
    f: Function, theta: Float[Tensor, " d"], sigma: Sigma, eps: Float[Tensor, "n d"]
) -> Float[Tensor, "n d"]:
    """Smoothing by uniform noise: all of ∇F sits on the faces of the box, where the density jumps.

    g_ki = (f(x_k; x_i = θ_i + √3σ) - f(x_k; x_i = θ_i - √3σ)) / (2√3σ)

    The other coordinates are θ + σξ, ξ uniform on ±√3. The score of uniform noise is zero, so
    `zero_order` with UNIFORM returns zeros: this term is what Petersen et al. 2024 must exclude
    by asking for an absolutely continuous density.

    Bias: none. Variance: none at all in one dimension, else Var ∂_if over the other coordinates
    for smooth f. Costs 2d evaluations a row. σ must be a number.
    """
    _checked(theta, sigma, eps)
    width = _number("uniform_boundary", theta, sigma)
    half = torch.full_like(eps, math.sqrt(3))
    return _across(f, theta, width, UNIFORM.from_normal(eps), half) / (2 * math.sqrt(3) * width)


def _across(f: Function, theta: Tensor, width: Tensor, xi: Tensor, step: Tensor) -> Tensor:
    """f at θ_i + σ step_i less f at θ_i - σ step_i, the other coordinates at θ + σξ; (n, d)."""
    n, d = xi.shape
    others = xi[:, None, :] - torch.diag_embed(xi)  # (n, d, d): in row i, coordinate i is still
    up, down = (
        _values(f, (theta.detach() + width * (others + side)).reshape(n * d, d)).detach()
        for side in (torch.diag_embed(step), -torch.diag_embed(step))
    )
    return (up - down).reshape(n, d)


# --- the door, and a matrix or a number for sigma -------------------------------------------


def _checked(theta: Tensor, sigma: Sigma, eps: Tensor) -> Tensor:
    """sigma as a tensor beside theta, once all three are what the contract says.

    Values are not asked for while a function is compiled; `streaming` asks before.
    """
    _floating("theta", theta)
    _floating("eps", eps)
    if theta.ndim != 1 or theta.numel() == 0:
        raise ValueError(
            f"theta has shape {tuple(theta.shape)}; one point of shape (d,), d >= 1, is needed: "
            "theta.reshape(-1) makes one of a number, a loop takes several points"
        )
    if eps.ndim != 2 or eps.shape[0] == 0 or eps.shape[1] != theta.numel():
        raise ValueError(
            f"eps has shape {tuple(eps.shape)}; (n, {theta.numel()}) with n >= 1 is needed, one "
            "row a sample and one column a coordinate of theta"
        )
    if (eps.dtype, eps.device) != (theta.dtype, theta.device):
        raise TypeError(
            f"eps is {eps.dtype} on {eps.device}, theta is {theta.dtype} on {theta.device}; "
            "eps.to(theta) makes them alike"
        )
    check_finite("an estimator", theta)
    if not (torch.compiler.is_compiling() or bool(eps.sum().isfinite())):
        raise ValueError("eps holds nan or inf; finite noise is needed: look for its source")
    return _scale(theta, sigma)


def _floating(name: str, tensor: object) -> None:
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        what = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(
            f"{name} must be a floating-point tensor, got {what}; "
            f"torch.as_tensor({name}, dtype=torch.float64) makes one"
        )


def _scale(theta: Tensor, sigma: Sigma) -> Tensor:
    """sigma as a positive number, or as an invertible matrix."""
    d = theta.numel()
    if not isinstance(sigma, Tensor) or sigma.ndim == 0:
        return check_sigma(theta, sigma).detach()
    if sigma.shape != (d, d) or not (torch.compiler.is_compiling() or invertible(sigma)):
        raise ValueError(
            f"sigma = {sigma.tolist()}; a positive number is needed, or an invertible ({d}, {d}) "
            "matrix L with covariance L Lᵀ: torch.linalg.cholesky(covariance)"
        )
    if (sigma.dtype, sigma.device) != (theta.dtype, theta.device):
        raise TypeError(
            f"sigma is {sigma.dtype} on {sigma.device}, theta is {theta.dtype} on "
            f"{theta.device}; sigma.to(theta) makes them alike"
        )
    return sigma.detach()


def _number(name: str, theta: Tensor, sigma: Sigma) -> Tensor:
    scale = _scale(theta, sigma)
    if scale.ndim == 2:
        raise ValueError(
            f"{name}: sigma is a matrix of shape {tuple(scale.shape)}; one number is needed; "
            "zero_order takes a covariance"
        )
    return scale


def _at_least_two(name: str, values: Tensor) -> int:
    if len(values) < 2:
        raise ValueError(f"{name}: n = {len(values)}; at least 2 samples are needed, or center")
    return len(values)


def _times(scale: Tensor, xi: Tensor) -> Tensor:
    return xi * scale if scale.ndim == 0 else xi @ scale.mT


def _divided(scale: Tensor, score: Tensor) -> Tensor:
    if scale.ndim == 0:
        return score / scale
    return torch.linalg.solve(scale, score, left=False)  # rows s Lᵀ⁻¹ transposed: (L⁻ᵀ s)ᵀ


def _values(f: Function, x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    values = f(x)
    if values.shape != x.shape[:1]:
        raise ValueError(
            f"f turned points of shape {tuple(x.shape)} into {tuple(values.shape)}; it must map "
            f"(..., d) to (...), here ({len(x)},): sum or index the last axis"
        )
    return values
