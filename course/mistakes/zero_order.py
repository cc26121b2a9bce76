"""Known mistakes of exercise 03: the weight of a Gaussian, and estimates made of scores alone.

Notation as in `smoothlib.estimators`; w = σε is the change that is tried. JupyterLab takes a slash
in a message for a path and colours it, so there is none.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from course.checks import Known

F = Callable[[Tensor], Tensor]


# --- score_gaussian -----------------------------------------------------------------------


def turns_the_weight_round(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """Your weight has the wrong sign. A throw to the right of the mean becomes likelier when the
    mean moves right: x - mean, not mean - x."""
    return (mean - x) / sigma**2


def leaves_out_sigma(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """σ is missing: the weight is x - mean, divided by the variance σ²."""
    return (x - mean) * sigma**0


def divides_by_sigma_once(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """You divide by σ once. The exponent of the bell is divided by 2σ², so its derivative is
    divided by σ², sigma ** 2 (and sigma is a standard deviation, not a variance)."""
    return (x - mean) / sigma


def keeps_the_half(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """Your weight is half of what it should be: the derivative of a square brings a 2, which
    cancels the 2 in 2σ²."""
    return (x - mean) / (2 * sigma**2)


def returns_the_logarithm(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """This is the logarithm of the density itself, coordinate by coordinate. Wanted is its gradient
    in the mean."""
    return torch.distributions.Normal(mean, sigma).log_prob(x)


def returns_the_log_density(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """This is ln p, one number for each row. Wanted is its gradient in the mean: d numbers for each
    row."""
    return torch.distributions.Normal(mean, sigma).log_prob(x).sum(-1)


def differentiates_the_density(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """This is the gradient of the density p. The weight is that of its logarithm, so p itself
    cancels."""
    p = torch.distributions.Normal(mean, sigma).log_prob(x).sum(-1, keepdim=True).exp()
    return p * (x - mean) / sigma**2


def differentiates_each_density(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """This is the derivative of the bell, coordinate by coordinate. The weight is that of its
    logarithm, so the bell itself cancels."""
    p = torch.distributions.Normal(mean, sigma).log_prob(x).exp()
    return p * (x - mean) / sigma**2


def adds_up_the_rows(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The rows are added up. Each sample has a weight of its own: the shape is that of x."""
    return ((x - mean) / sigma**2).sum(0)


def averages_the_rows(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The rows are averaged. Each sample has a weight of its own: the shape is that of x."""
    return ((x - mean) / sigma**2).mean(0)


def adds_up_the_coordinates(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The coordinates are added up. The weight is a vector for each row: the shape is that of x."""
    return ((x - mean) / sigma**2).sum(-1)


def differentiates_in_sigma(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """This is the derivative of ln p in σ. Wanted is the one in the mean."""
    return (x - mean) ** 2 / sigma**3 - 1 / sigma


def standardises_and_squares(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """This is the exponent, not its derivative: (x - mean)² should have lost its square."""
    return -((x - mean) ** 2) / (2 * sigma**2)


# --- zero_order ---------------------------------------------------------------------------


def _estimate(
    f: F, theta: Tensor, sigma: float, eps: Tensor, level: Tensor | float, scale: float = 1.0
) -> Tensor:
    """The mean of (f(θ + σε) - level) ε, times `scale`, over σ."""
    gain = f(theta + sigma * eps) - level
    return (gain[:, None] * eps / sigma).mean(0) * scale


def _level(f: F, theta: Tensor, baseline: bool) -> Tensor | float:
    return f(theta) if baseline else 0.0


def forgets_one_over_sigma(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """The division by σ is missing: score times ε, divided by σ."""
    return _estimate(f, theta, sigma, eps, _level(f, theta, baseline), sigma)


def divides_eps_by_the_variance(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """You divide ε by σ². It is w = σε that is divided by σ²; ε is divided by σ."""
    return _estimate(f, theta, sigma, eps, _level(f, theta, baseline), 1 / sigma)


def leaves_w_undivided(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """Score times w = σε estimates σ² times the gradient. Divide by σ², or take ε divided by σ."""
    return _estimate(f, theta, sigma, eps, _level(f, theta, baseline), sigma**2)


def points_downhill(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """Your estimate points downhill. Nothing is turned round in this course: f(x) - f(θ), times
    ε, with a plus sign."""
    return _estimate(f, theta, sigma, eps, _level(f, theta, baseline), -1.0)


def never_subtracts(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """Nothing is subtracted, though baseline is True: subtract f(theta) from every score."""
    return _estimate(f, theta, sigma, eps, 0.0)


def always_subtracts(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """f(theta) is subtracted even where baseline is False."""
    return _estimate(f, theta, sigma, eps, f(theta))


def turns_the_switch_round(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """The switch works the wrong way round: f(theta) is to be subtracted if baseline is True."""
    return _estimate(f, theta, sigma, eps, _level(f, theta, not baseline))


def subtracts_after_the_mean(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """You subtract f(theta) from the finished mean. It must go from each score, before the score
    is multiplied by ε."""
    return _estimate(f, theta, sigma, eps, 0.0) - _level(f, theta, baseline)


def subtracts_the_score_of_the_mean(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """Your baseline is the score of the mean throw, f(x.mean(0)), which looks at the throws. Take
    f(theta)."""
    x = theta + sigma * eps
    return _estimate(f, theta, sigma, eps, f(x.mean(0)) if baseline else 0.0)


def subtracts_the_mean_score(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """Your baseline is the mean of the n scores, so that every throw is compared with itself too.
    Take f(theta)."""
    x = theta + sigma * eps
    return _estimate(f, theta, sigma, eps, f(x).mean() if baseline else 0.0)


def adds_up(f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True) -> Tensor:
    """The votes are added up; their mean is wanted: mean(0), not sum(0)."""
    return _estimate(f, theta, sigma, eps, _level(f, theta, baseline), len(eps))


def divides_by_one_less(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """You divide by n - 1. A mean of n votes is their sum divided by n."""
    return adds_up(f, theta, sigma, eps, baseline) / (len(eps) - 1)


def averages_the_coordinates(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """You average over the coordinates. The samples are the rows: mean(0)."""
    gain = f(theta + sigma * eps) - _level(f, theta, baseline)
    return (gain[:, None] * eps / sigma).mean(-1)


def averages_everything(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """You average over everything and get one number. Average over the samples only: mean(0)."""
    gain = f(theta + sigma * eps) - _level(f, theta, baseline)
    return (gain[:, None] * eps / sigma).mean()


def returns_the_votes(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """These are the single votes, one in each row. Return their mean, mean(0)."""
    gain = f(theta + sigma * eps) - _level(f, theta, baseline)
    return gain[:, None] * eps / sigma


def takes_sigma_for_a_variance(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """You take the root of sigma. It is a standard deviation already, everywhere in this course."""
    return _estimate(f, theta, sigma**0.5, eps, _level(f, theta, baseline))


def throws_with_the_variance(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """You throw to θ + σ²ε. A throw lands at θ + σε."""
    gain = f(theta + sigma**2 * eps) - _level(f, theta, baseline)
    return (gain[:, None] * eps / sigma).mean(0)


def throws_without_sigma(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """You throw to θ + ε. A throw lands at θ + σε."""
    gain = f(theta + eps) - _level(f, theta, baseline)
    return (gain[:, None] * eps / sigma).mean(0)


def averages_the_factors(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """You multiply two means, of the scores and of the noise. Multiply first, row by row, and
    average then."""
    gain = f(theta + sigma * eps) - _level(f, theta, baseline)
    return gain.mean() * eps.mean(0) / sigma


def multiplies_columns(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """The scores, (n,), meet the noise, (n, d), along its last axis. Give them one of their own,
    gain[:, None], so that each row is multiplied by its own score."""
    gain = f(theta + sigma * eps) - _level(f, theta, baseline)
    return (gain * eps / sigma).mean(0)


def uses_one_noise_for_all(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """All coordinates move by the first column of eps. Each coordinate has noise of its own."""
    return _estimate(f, theta, sigma, eps[:, :1].expand_as(eps), _level(f, theta, baseline))


def subtracts_the_score_of_the_noise(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """Your baseline is f(σε), the score at the noise. Take f(theta)."""
    level = f(sigma * eps) if baseline else 0.0
    return _estimate(f, theta, sigma, eps, level)


def takes_the_size_of_the_noise(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """The noise lost its sign. ε says which way the throw went, so no abs."""
    gain = f(theta + sigma * eps) - _level(f, theta, baseline)
    return (gain[:, None] * eps.abs() / sigma).mean(0)


def differentiates_f(
    f: F, theta: Tensor, sigma: float, eps: Tensor, baseline: bool = True
) -> Tensor:
    """This is the mean of the slopes of f, by autograd. A robot is told scores only: weigh the
    scores by ε, and differentiate nothing."""
    own = theta.detach().clone().requires_grad_()
    return torch.autograd.grad(f(own + sigma * eps).mean(), own)[0]


# --- antithetic ---------------------------------------------------------------------------


def _pair(f: F, theta: Tensor, sigma: float, eps: Tensor, scale: float = 1.0) -> Tensor:
    difference = f(theta + sigma * eps) - f(theta - sigma * eps)
    return (difference[:, None] * eps / (2 * sigma)).mean(0) * scale


def forgets_the_half(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Your estimate is twice what it should be: the two throws are 2σε apart, so divide by 2σ."""
    return _pair(f, theta, sigma, eps, 2.0)


def adds_the_scores(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You add the scores of the two throws. Subtract: plus side less minus side."""
    both = f(theta + sigma * eps) + f(theta - sigma * eps)
    return (both[:, None] * eps / (2 * sigma)).mean(0)


def throws_to_one_side(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """This is zero_order with its baseline: you compare each throw with the middle. Compare it with
    its mirror image, θ - σε."""
    return _estimate(f, theta, sigma, eps, f(theta))


def halves_one_side(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You compare each throw with the middle, and halve. Compare it with its mirror image,
    θ - σε."""
    return _estimate(f, theta, sigma, eps, f(theta), 0.5)


def divides_by_twice_the_variance(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You divide by 2σ². That is for w = σε; ε is divided by 2σ."""
    return _pair(f, theta, sigma, eps, 1 / sigma)


def multiplies_by_half_sigma(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You multiply by σ. Write brackets: divided by (2 * sigma)."""
    return _pair(f, theta, sigma, eps, sigma**2)


def forgets_to_divide_by_sigma(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """The division by σ is missing: divide by 2σ."""
    return _pair(f, theta, sigma, eps, sigma)


def subtracts_plus_from_minus(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Your estimate points downhill: take the plus side less the minus side."""
    return _pair(f, theta, sigma, eps, -1.0)


def mirrors_another_throw(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """The minus side uses other noise than the plus side. A pair shares its noise: θ + σε and
    θ - σε with the same row of eps."""
    difference = f(theta + sigma * eps) - f(theta - sigma * eps.flip(0))
    return (difference[:, None] * eps / (2 * sigma)).mean(0)


def mirrors_the_place(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You mirror the throw at 0. The mirror is θ: the other side is θ - σε, not -(θ + σε)."""
    difference = f(theta + sigma * eps) - f(-theta - sigma * eps)
    return (difference[:, None] * eps / (2 * sigma)).mean(0)


def takes_the_first_pair(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Only the first row of eps is used. Each row is a pair of its own: take the mean over all."""
    return _pair(f, theta, sigma, eps[:1])


def averages_the_parts_of_pairs(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You multiply two means, of the differences and of the noise. Multiply first, row by row, and
    average then."""
    difference = f(theta + sigma * eps) - f(theta - sigma * eps)
    return difference.mean() * eps.mean(0) / (2 * sigma)


def adds_up_the_pairs(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """The pairs are added up; their mean is wanted: mean(0)."""
    return _pair(f, theta, sigma, eps, len(eps))


def returns_the_pairs(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """These are the single pairs, one in each row. Return their mean, mean(0)."""
    difference = f(theta + sigma * eps) - f(theta - sigma * eps)
    return difference[:, None] * eps / (2 * sigma)


def averages_pairs_over_coordinates(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You average over the coordinates. The pairs are the rows: mean(0)."""
    return returns_the_pairs(f, theta, sigma, eps).mean(-1)


def throws_pairs_without_sigma(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You throw to θ + ε and θ - ε. The throws land at θ + σε and θ - σε."""
    difference = f(theta + eps) - f(theta - eps)
    return (difference[:, None] * eps / (2 * sigma)).mean(0)


def pairs_with_the_root(f: F, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You take the root of sigma. It is a standard deviation already."""
    return _pair(f, theta, sigma**0.5, eps)


# --- weight_perturbation_step -------------------------------------------------------------


def steps_downhill(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """You step downhill: this course maximises, so θ plus η times the gain times w, with the gain
    f(θ + w) - f(θ)."""
    return theta - eta * (f(theta + w) - f(theta)) * w


def leaves_out_w(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """w is missing: the gain is a number without direction, and adding it to all coordinates leads
    nowhere in particular. Multiply it by w."""
    return theta + eta * (f(theta + w) - f(theta))


def tries_the_other_side(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """You try θ - w, and step along w. Try θ + w."""
    return theta + eta * (f(theta - w) - f(theta)) * w


def loses_the_sign_of_w(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """w lost its sign, which is what says where to go: no abs."""
    return theta + eta * (f(theta + w) - f(theta)) * w.abs()


def loses_the_sign_of_the_gain(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """The gain lost its sign. If it is negative, the step goes against w: no abs."""
    return theta + eta * (f(theta + w) - f(theta)).abs() * w


def ignores_eta(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """The step size η is not used."""
    return theta + (f(theta + w) - f(theta)) * w


def steps_by_the_score(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """You step by the score f(θ + w) itself. What counts is the gain, f(θ + w) - f(θ)."""
    return theta + eta * f(theta + w) * w


def returns_the_step(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """This is the step alone. Return the new point, θ plus the step."""
    return eta * (f(theta + w) - f(theta)) * w


def starts_from_the_try(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """You step from θ + w. The try only asks for a score; the step starts at θ."""
    return theta + w + eta * (f(theta + w) - f(theta)) * w


def steps_by_the_sign(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """You use only the sign of the gain. Go in proportion to the gain itself."""
    return theta + eta * (f(theta + w) - f(theta)).sign() * w


def waits_for_a_gain(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """You step only if the try was better. A try that was worse is news too: step against it."""
    return theta + eta * (f(theta + w) - f(theta)).clamp(min=0) * w


def divides_by_the_length(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """You divide by the squared length of w. The rule is η times gain times w, and no division."""
    return theta + eta * (f(theta + w) - f(theta)) * w / (w @ w)


def makes_w_a_unit(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """You divide w by its length. The rule is η times gain times w itself."""
    return theta + eta * (f(theta + w) - f(theta)) * w / w.norm()


def scales_the_try(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """You try θ + η w. The try is w as it is; η multiplies the step."""
    return theta + eta * (f(theta + eta * w) - f(theta)) * w


def returns_the_gain_too(f: F, theta: Tensor, eta: float, w: Tensor) -> tuple[Tensor, Tensor]:
    """Two results came back. Return the new point alone."""
    gain = f(theta + w) - f(theta)
    return theta + eta * gain * w, gain


def moves_theta(f: F, theta: Tensor, eta: float, w: Tensor) -> Tensor:
    """The value is right, but theta has moved: += and add_ change the tensor of whoever called
    you. theta = theta + ... makes a new one."""
    gain = f(theta + w) - f(theta)
    theta += eta * gain * w
    return theta


# --- zero_order_cov -----------------------------------------------------------------------


def _gains(f: F, theta: Tensor, w: Tensor) -> Tensor:
    return (f(theta + w) - f(theta))[:, None]


def _inverse(Sigma: Tensor) -> Tensor:
    return torch.linalg.inv(Sigma)


def leaves_out_the_inverse(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """Σ⁻¹ is missing, as in the notes: this estimates Σ times the gradient."""
    return (_gains(f, theta, w) * w).mean(0)


def multiplies_by_sigma(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """You multiply by Σ. The inverse takes back what the noise prefers: Σ⁻¹ w."""
    return (_gains(f, theta, w) * (w @ Sigma)).mean(0)


def divides_by_the_diagonal(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """You divide by the diagonal of Σ, which is right only if the coordinates are independent. The
    inverse of the whole matrix is needed: torch.linalg.inv or solve."""
    return (_gains(f, theta, w) * w / Sigma.diagonal()).mean(0)


def takes_reciprocals(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """1 divided by Sigma, and Sigma ** -1, take the reciprocal of each entry. The inverse of the
    matrix is torch.linalg.inv(Sigma)."""
    return (_gains(f, theta, w) * (w @ Sigma**-1)).mean(0)


def multiplies_entry_by_entry(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """w and a matrix are joined by *, which works entry by entry, and their shapes do not fit. A
    matrix is applied by @: w @ torch.linalg.inv(Sigma)."""
    return (_gains(f, theta, w) * w * _inverse(Sigma)).mean(0)


def multiplies_entry_by_entry_from_the_left(
    f: F, theta: Tensor, w: Tensor, Sigma: Tensor
) -> Tensor:
    """A matrix and w are joined by *, which works entry by entry, and their shapes do not fit. A
    matrix is applied by @: w @ torch.linalg.inv(Sigma)."""
    return (_gains(f, theta, w) * (_inverse(Sigma) * w)).mean(0)


def applies_the_inverse_to_columns(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """The samples are the rows of w, and matrix @ w works on columns. Write
    w @ torch.linalg.inv(Sigma), or apply the inverse to the finished mean."""
    return (_gains(f, theta, w) * (_inverse(Sigma) @ w)).mean(0)


def takes_the_inverse_root(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """You divide by a root of Σ (its Cholesky factor). That makes ε of w; the weight is Σ⁻¹ w, with
    the whole of Σ."""
    eps = torch.linalg.solve_triangular(torch.linalg.cholesky(Sigma), w.mT, upper=False).mT
    return (_gains(f, theta, w) * eps).mean(0)


def takes_the_symmetric_root(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """You divide by a root of Σ. That makes ε of w; the weight is Σ⁻¹ w, with the whole of Σ."""
    values, vectors = torch.linalg.eigh(Sigma)
    return (_gains(f, theta, w) * (w @ vectors / values.sqrt() @ vectors.mT)).mean(0)


def divides_twice(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """You apply the inverse twice. The weight is Σ⁻¹ w, once."""
    return (_gains(f, theta, w) * (w @ _inverse(Sigma) @ _inverse(Sigma))).mean(0)


def estimates_sigma(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """You estimate the covariance from the samples. It is given: use Sigma."""
    found = w.mT @ w / len(w)
    return (_gains(f, theta, w) * (w @ torch.linalg.pinv(found))).mean(0)


def estimates_sigma_by_cov(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """You estimate the covariance from the samples by torch.cov. It is given: use Sigma."""
    return (_gains(f, theta, w) * (w @ torch.linalg.pinv(torch.cov(w.mT)))).mean(0)


def subtracts_nothing(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """f(theta) is not subtracted."""
    return (f(theta + w)[:, None] * (w @ _inverse(Sigma))).mean(0)


def adds_up_with_sigma(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """The votes are added up; their mean is wanted: mean(0)."""
    return (_gains(f, theta, w) * (w @ _inverse(Sigma))).sum(0)


def returns_votes_with_sigma(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """These are the single votes, one in each row. Return their mean, mean(0)."""
    return _gains(f, theta, w) * (w @ _inverse(Sigma))


def points_downhill_with_sigma(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """Your estimate points downhill: the gain is f(θ + w) - f(θ)."""
    return -(_gains(f, theta, w) * (w @ _inverse(Sigma))).mean(0)


def scales_by_the_trace(f: F, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """You divide by one number, the mean variance. Each direction has its own: the weight is
    Σ⁻¹ w."""
    return (_gains(f, theta, w) * w / Sigma.diagonal().mean()).mean(0)


# --- own_sigmas ---------------------------------------------------------------------------


def _own(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor, weight: Tensor) -> Tensor:
    return ((f(theta + sigmas * eps) - f(theta))[:, None] * weight).mean(0)


def leaves_the_bug(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """This is your friend's function still. Look at the shapes: w.T has a row for each coordinate
    and a column for each sample, and sigmas is laid along the columns."""
    w = sigmas * eps
    gain = f(theta + w) - f(theta)
    return (gain * w.T / sigmas**2).mean(1)


def lays_the_gain_along_the_joints(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """Without the .T it is the gain that is laid along the joints: it has one number for each
    sample, so give it an axis, gain[:, None] * w."""
    w = sigmas * eps
    gain = f(theta + w) - f(theta)
    return (gain * w / sigmas**2).mean(0)


def averages_the_friends_rows(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """In w.T the samples are the columns, so mean(0) averages the joints. Average the samples,
    mean(1); what is wrong is how sigmas is laid."""
    w = sigmas * eps
    gain = f(theta + w) - f(theta)
    return (gain * w.T / sigmas**2).mean(0)


def divides_w_once(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """You divide w by sigmas once. w = σε is divided by σ²; that leaves ε divided by σ."""
    return _own(f, theta, sigmas, eps, eps)


def divides_by_their_mean(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """You divide all coordinates by one number. Each coordinate is divided by its own σ."""
    return _own(f, theta, sigmas, eps, sigmas * eps / sigmas.mean() ** 2)


def divides_by_the_mean_square(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """You divide all coordinates by the mean of σ². Each coordinate is divided by its own."""
    return _own(f, theta, sigmas, eps, sigmas * eps / (sigmas**2).mean())


def divides_by_their_length(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """You divide all coordinates by the squared length of sigmas. Each coordinate is divided by its
    own σ²."""
    return _own(f, theta, sigmas, eps, sigmas * eps / sigmas.norm() ** 2)


def never_divides(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """The division by σ² is gone. It has to stay, along the right axis."""
    return _own(f, theta, sigmas, eps, sigmas * eps)


def divides_eps_by_squares(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """You divide ε by σ². It is w = σε that is divided by σ²."""
    return _own(f, theta, sigmas, eps, eps / sigmas**2)


def averages_the_wrong_axis(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """The mean is taken over the coordinates now. One row of eps is one sample: average over the
    rows."""
    gain = f(theta + sigmas * eps) - f(theta)
    return (gain[:, None] * eps / sigmas).mean(1)


def loses_the_baseline(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """f(theta) is no longer subtracted. That was no bug."""
    return (f(theta + sigmas * eps)[:, None] * eps / sigmas).mean(0)


def adds_up_the_votes(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """The votes are added up now; their mean is wanted."""
    return _own(f, theta, sigmas, eps, eps / sigmas) * len(eps)


def turns_the_friend_round(f: F, theta: Tensor, sigmas: Tensor, eps: Tensor) -> Tensor:
    """Your estimate points downhill. The sign was no bug."""
    return -_own(f, theta, sigmas, eps, eps / sigmas)


SCORE_GAUSSIAN = Known(
    reread="lecture 03, “The slope of an average”",
    mistakes=(
        turns_the_weight_round,
        leaves_out_sigma,
        divides_by_sigma_once,
        keeps_the_half,
        returns_the_logarithm,
        returns_the_log_density,
        differentiates_the_density,
        differentiates_each_density,
        adds_up_the_rows,
        averages_the_rows,
        adds_up_the_coordinates,
        differentiates_in_sigma,
        standardises_and_squares,
    ),
)
ZERO_ORDER = Known(
    reread="lecture 03, “What may be subtracted”",
    mistakes=(
        forgets_one_over_sigma,
        divides_eps_by_the_variance,
        leaves_w_undivided,
        points_downhill,
        never_subtracts,
        always_subtracts,
        turns_the_switch_round,
        subtracts_after_the_mean,
        subtracts_the_score_of_the_mean,
        subtracts_the_mean_score,
        adds_up,
        divides_by_one_less,
        averages_the_coordinates,
        averages_everything,
        returns_the_votes,
        takes_sigma_for_a_variance,
        throws_with_the_variance,
        throws_without_sigma,
        averages_the_factors,
        multiplies_columns,
        uses_one_noise_for_all,
        subtracts_the_score_of_the_noise,
        takes_the_size_of_the_noise,
        differentiates_f,
    ),
)
ANTITHETIC = Known(
    reread="lecture 03, “Mirrored pairs”",
    mistakes=(
        forgets_the_half,
        adds_the_scores,
        throws_to_one_side,
        halves_one_side,
        divides_by_twice_the_variance,
        multiplies_by_half_sigma,
        forgets_to_divide_by_sigma,
        subtracts_plus_from_minus,
        mirrors_another_throw,
        mirrors_the_place,
        takes_the_first_pair,
        averages_the_parts_of_pairs,
        adds_up_the_pairs,
        returns_the_pairs,
        averages_pairs_over_coordinates,
        throws_pairs_without_sigma,
        pairs_with_the_root,
    ),
)
WEIGHT_PERTURBATION_STEP = Known(
    reread="lecture 03, “The one question”",
    mistakes=(
        steps_downhill,
        leaves_out_w,
        tries_the_other_side,
        loses_the_sign_of_w,
        loses_the_sign_of_the_gain,
        ignores_eta,
        steps_by_the_score,
        returns_the_step,
        starts_from_the_try,
        steps_by_the_sign,
        waits_for_a_gain,
        divides_by_the_length,
        makes_w_a_unit,
        scales_the_try,
        returns_the_gain_too,
        moves_theta,
    ),
)
ZERO_ORDER_COV = Known(
    reread="lecture 03, “Noise that prefers a direction”",
    mistakes=(
        leaves_out_the_inverse,
        multiplies_by_sigma,
        divides_by_the_diagonal,
        takes_reciprocals,
        multiplies_entry_by_entry,
        multiplies_entry_by_entry_from_the_left,
        applies_the_inverse_to_columns,
        takes_the_inverse_root,
        takes_the_symmetric_root,
        divides_twice,
        estimates_sigma,
        estimates_sigma_by_cov,
        subtracts_nothing,
        adds_up_with_sigma,
        returns_votes_with_sigma,
        points_downhill_with_sigma,
        scales_by_the_trace,
    ),
)
OWN_SIGMAS = Known(
    reread="lecture 03, “Noise that prefers a direction”",
    mistakes=(
        leaves_the_bug,
        lays_the_gain_along_the_joints,
        averages_the_friends_rows,
        divides_w_once,
        divides_by_their_mean,
        divides_by_the_mean_square,
        divides_by_their_length,
        never_divides,
        divides_eps_by_squares,
        averages_the_wrong_axis,
        loses_the_baseline,
        adds_up_the_votes,
        turns_the_friend_round,
    ),
)
