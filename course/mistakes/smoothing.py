"""Known mistakes of exercise 02: averages under normal noise, and an ascent while it fades.

Notation as in `smoothlib`: x = θ + σε, z = θ divided by σ. JupyterLab takes a slash in a message
for a path and colours it, so there is none.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course.checks import Known

Function = Callable[[Tensor], Tensor]
Gradient = Callable[[Tensor, Tensor], Tensor]


# --- the average by samples -----------------------------------------------------------------


def scatters_by_the_variance(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Your points are θ + σ² ε. σ is a standard deviation: multiply ε by σ itself."""
    return f(theta + sigma**2 * eps).mean()


def forgets_sigma(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Your points are θ + ε: the noise is not multiplied by σ."""
    return f(theta + eps).mean()


def takes_the_root_of_sigma(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You multiply ε by the root of σ. σ is a standard deviation already, not a variance."""
    return f(theta + math.sqrt(sigma) * eps).mean()


def takes_f_of_the_mean(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """This is f of the mean point. Wanted is the mean of f: first f at every sample, then the
    mean."""
    return f((theta + sigma * eps).mean(0))


def sums_up(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You add the values up and do not divide by their number n."""
    return f(theta + sigma * eps).sum()


def keeps_every_value(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """These are the values at all samples. Return their mean, one number."""
    return f(theta + sigma * eps)


def subtracts_the_noise(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Your points are θ - σε. On average that is as good, but with this ε it is another number: add
    the noise."""
    return f(theta - sigma * eps).mean()


def scales_theta_too(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Brackets: your points are σ (θ + ε). Only the noise is multiplied by σ."""
    return f(sigma * (theta + eps)).mean()


def divides_by_n_minus_1(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You divide by n - 1. That belongs to a variance; a mean is the sum divided by n."""
    return f(theta + sigma * eps).sum() / (len(eps) - 1)


def subtracts_the_centre(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You subtract f(θ), so this is the mean change of f. Wanted is the mean of f itself."""
    return (f(theta + sigma * eps) - f(theta)).mean()


def shares_one_number(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You use the first column of eps for all coordinates. Each coordinate has its own noise: add
    eps as a whole, which has shape (n, d)."""
    return f(theta + sigma * eps[:, :1]).mean()


def averages_the_noise_first(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You average the d coordinates of the noise before you add it. Add eps as it is."""
    return f(theta + sigma * eps.mean(-1, keepdim=True)).mean()


def divides_by_sigma(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You divide the noise by σ: larger σ must scatter the points more, so multiply."""
    return f(theta + eps / sigma).mean()


def throws_both_ways(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You also throw to θ - σε. That is as good on average, and part 5 comes to it; here only the
    throws to θ + σε count."""
    return (f(theta + sigma * eps) + f(theta - sigma * eps)).mean() / 2


def takes_the_median(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """This is the median, the value in the middle. Wanted is the mean: the sum, divided by n."""
    return f(theta + sigma * eps).median()


def weighs_by_the_bell(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You weigh the values by the bell. The draws in eps follow it already, many near 0 and few far
    away: take their plain mean."""
    weight = torch.exp(-(eps**2).sum(-1) / 2)
    return (f(theta + sigma * eps) * weight).sum() / weight.sum()


def divides_by_all_numbers(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """You divide the sum by n d, the count of numbers in eps. There are n values, one for each row:
    len(eps), or mean()."""
    return f(theta + sigma * eps).sum() / eps.numel()


def returns_a_float(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> float:
    """The value is right, but it is a Python number. Leave out item() or float(), so that a tensor
    comes back."""
    return f(theta + sigma * eps).mean().item()


SMOOTHED_VALUE_MC = Known(
    reread="lecture 02, “The average is a landscape of its own”",
    mistakes=(
        scatters_by_the_variance,
        forgets_sigma,
        takes_the_root_of_sigma,
        takes_f_of_the_mean,
        sums_up,
        keeps_every_value,
        subtracts_the_noise,
        scales_theta_too,
        divides_by_n_minus_1,
        subtracts_the_centre,
        shares_one_number,
        averages_the_noise_first,
        divides_by_sigma,
        throws_both_ways,
        takes_the_median,
        weighs_by_the_bell,
        divides_by_all_numbers,
        returns_a_float,
    ),
)


# --- the ball -------------------------------------------------------------------------------


def takes_the_printed_factor(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """This is the factor of the printed formula, whose bell is no density: see “A formula and two
    measurements” in lecture 02."""
    return v * t / math.sqrt(2) * math.exp(-(sigma**2) / 4) * theta.cos()


def forgets_the_half(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """The exponent is half of -σ², and yours is the whole."""
    return v * t * math.exp(-(sigma**2)) * theta.cos()


def forgets_the_square(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """In the exponent σ is squared, sigma ** 2, and in yours it is not."""
    return v * t * math.exp(-sigma / 2) * theta.cos()


def grows_with_sigma(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """The sign of your exponent: noise makes a wave lower, and yours makes it higher."""
    return v * t * math.exp(sigma**2 / 2) * theta.cos()


def turns_it_over(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """The sign: this is the average cost. Wanted is the average distance, which we maximise."""
    return -v * t * math.exp(-(sigma**2) / 2) * theta.cos()


def forgets_the_time(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """t is missing: the distance is the speed times the time."""
    return v * math.exp(-(sigma**2) / 2) * theta.cos()


def forgets_the_speed(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """v is missing: the distance is the speed times the time."""
    return t * math.exp(-(sigma**2) / 2) * theta.cos()


def takes_the_sine(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """sin θ for cos θ: along the ground the ball flies v t cos θ."""
    return v * t * math.exp(-(sigma**2) / 2) * theta.sin()


def takes_the_slope(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """This is the slope of the average. Wanted is the average itself."""
    return -v * t * math.exp(-(sigma**2) / 2) * theta.sin()


def leaves_the_noise_out(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """This is the distance without noise: σ does not enter."""
    return v * t * theta.cos()


def puts_the_factor_inside(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """Brackets: the factor with the exponential stands before the cosine, not inside it."""
    return v * t * (math.exp(-(sigma**2) / 2) * theta).cos()


def moves_the_aim(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """This is one throw, at θ + σ. Wanted is the average over all throws around θ."""
    return v * t * (theta + sigma).cos()


SMOOTHED_BALL = Known(
    reread="lecture 02, “Four averages by hand”",
    mistakes=(
        takes_the_printed_factor,
        forgets_the_half,
        forgets_the_square,
        grows_with_sigma,
        turns_it_over,
        forgets_the_time,
        forgets_the_speed,
        takes_the_sine,
        takes_the_slope,
        leaves_the_noise_out,
        puts_the_factor_inside,
        moves_the_aim,
    ),
)


# --- a step and a corner --------------------------------------------------------------------


def forgets_the_root_of_two(theta: Tensor, sigma: float) -> Tensor:
    """erf is not Φ: Φ(z) is half of 1 + erf(z divided by √2), and in yours the √2 is missing."""
    return (1 + torch.erf(theta / sigma)) / 2


def forgets_to_halve(theta: Tensor, sigma: float) -> Tensor:
    """A share of samples is at most 1, and yours comes to 2: Φ(z) is *half* of 1 + erf."""
    return 1 + torch.erf(theta / sigma / math.sqrt(2))


def takes_erf_alone(theta: Tensor, sigma: float) -> Tensor:
    """This is erf alone, from -1 to 1. Φ(z) is half of 1 + erf(z divided by √2)."""
    return torch.erf(theta / sigma / math.sqrt(2))


def takes_the_bell(theta: Tensor, sigma: float) -> Tensor:
    """This is the bell φ. The share of samples beyond 0 is its integral, Φ."""
    return _phi(theta / sigma)


def takes_the_slope_of_the_step(theta: Tensor, sigma: float) -> Tensor:
    """This is the slope of the average, equation (2.10). Wanted is the average itself."""
    return _phi(theta / sigma) / sigma


def counts_the_other_side(theta: Tensor, sigma: float) -> Tensor:
    """This is the share of samples *below* 0. The step is 1 above 0: turn the sign of z."""
    return _Phi(-theta / sigma)


def does_not_standardise(theta: Tensor, sigma: float) -> Tensor:
    """σ does not enter: Φ wants z, which is θ divided by σ."""
    return _Phi(theta)


def multiplies_by_sigma(theta: Tensor, sigma: float) -> Tensor:
    """z is θ divided by σ, and you multiply."""
    return _Phi(theta * sigma)


def divides_by_the_variance(theta: Tensor, sigma: float) -> Tensor:
    """z is θ divided by σ, the standard deviation, and you divide by σ²."""
    return _Phi(theta / sigma**2)


def leaves_the_step_hard(theta: Tensor, sigma: float) -> Tensor:
    """This is the step itself, without noise."""
    return (theta > 0).to(theta.dtype)


SMOOTHED_STEP = Known(
    reread="lecture 02, “Four averages by hand”",
    mistakes=(
        forgets_the_root_of_two,
        forgets_to_halve,
        takes_erf_alone,
        takes_the_bell,
        takes_the_slope_of_the_step,
        counts_the_other_side,
        does_not_standardise,
        multiplies_by_sigma,
        divides_by_the_variance,
        leaves_the_step_hard,
    ),
)


def forgets_the_two(theta: Tensor, sigma: float) -> Tensor:
    """The last term is 2 σ φ(z), and the 2 is missing: both sides of the corner add a φ."""
    return theta * _sign(theta, sigma) + sigma * _phi(theta / sigma)


def forgets_sigma_before_phi(theta: Tensor, sigma: float) -> Tensor:
    """The last term is 2 σ φ(z), and the σ before φ is missing: more noise rounds more."""
    return theta * _sign(theta, sigma) + 2 * _phi(theta / sigma)


def does_not_standardise_phi(theta: Tensor, sigma: float) -> Tensor:
    """In the last term φ is taken at θ. Take it at z, which is θ divided by σ."""
    return theta * _sign(theta, sigma) + 2 * sigma * _phi(theta)


def divides_phi_by_sigma(theta: Tensor, sigma: float) -> Tensor:
    """The bell here is φ, of the *standard* normal: do not divide it by σ. The last term is
    2 σ φ(z)."""
    return theta * _sign(theta, sigma) + 2 * _phi(theta / sigma) / sigma


def forgets_the_normaliser(theta: Tensor, sigma: float) -> Tensor:
    """Your φ is not divided by √(2π), so it is no density: it integrates to 2.5."""
    return theta * _sign(theta, sigma) + 2 * sigma * torch.exp(-((theta / sigma) ** 2) / 2)


def leaves_out_the_rounding(theta: Tensor, sigma: float) -> Tensor:
    """The term 2 σ φ(z) is missing: at θ = 0 the average is not 0, since |x| never is less."""
    return theta * _sign(theta, sigma)


def adds_the_rounding_to_the_corner(theta: Tensor, sigma: float) -> Tensor:
    """You add 2 σ φ(z) to |θ|. The first term is θ times the mean sign, θ (2 Φ(z) - 1)."""
    return theta.abs() + 2 * sigma * _phi(theta / sigma)


def subtracts_the_rounding(theta: Tensor, sigma: float) -> Tensor:
    """The sign of the last term: noise lifts a corner, so 2 σ φ(z) is added."""
    return theta * _sign(theta, sigma) - 2 * sigma * _phi(theta / sigma)


def takes_the_share_for_the_sign(theta: Tensor, sigma: float) -> Tensor:
    """You multiply θ by Φ(z), a share from 0 to 1. The mean of the sign goes from -1 to 1: it is
    2 Φ(z) - 1."""
    return theta * _Phi(theta / sigma) + 2 * sigma * _phi(theta / sigma)


def turns_the_sign(theta: Tensor, sigma: float) -> Tensor:
    """The mean of the sign is 2 Φ(z) - 1, and yours is 1 - 2 Φ(z)."""
    return -theta * _sign(theta, sigma) + 2 * sigma * _phi(theta / sigma)


def squares_nothing_in_phi(theta: Tensor, sigma: float) -> Tensor:
    """In φ(z) the exponent is half of -z², and yours is -z²: that bell is too narrow."""
    bell = torch.exp(-((theta / sigma) ** 2)) / math.sqrt(math.tau)
    return theta * _sign(theta, sigma) + 2 * sigma * bell


def takes_erf_without_the_root(theta: Tensor, sigma: float) -> Tensor:
    """2 Φ(z) - 1 is erf(z divided by √2), and in yours the √2 is missing."""
    return theta * torch.erf(theta / sigma) + 2 * sigma * _phi(theta / sigma)


def loses_the_minus_of_phi(theta: Tensor, sigma: float) -> Tensor:
    """Your φ grows away from 0: the exponent is half of -z². In (-z)**2 the square takes the minus
    away; write -(z**2)."""
    bell = torch.exp((theta / sigma) ** 2 / 2) / math.sqrt(math.tau)
    return theta * _sign(theta, sigma) + 2 * sigma * bell


def multiplies_phi_by_pi(theta: Tensor, sigma: float) -> Tensor:
    """Brackets: your φ is divided by √2 and multiplied by π. Divide by the root of the product,
    math.sqrt(2 * math.pi)."""
    bell = torch.exp(-((theta / sigma) ** 2) / 2) / math.sqrt(2) * math.pi
    return theta * _sign(theta, sigma) + 2 * sigma * bell


def forgets_the_root_of_phi(theta: Tensor, sigma: float) -> Tensor:
    """You divide φ by 2π. It is divided by the root of that, math.sqrt(2 * math.pi)."""
    bell = torch.exp(-((theta / sigma) ** 2) / 2) / (2 * math.pi)
    return theta * _sign(theta, sigma) + 2 * sigma * bell


def takes_the_size_of_theta(theta: Tensor, sigma: float) -> Tensor:
    """You take |θ| times the mean sign, which is negative left of 0. There both θ and the mean sign
    are negative: take θ itself."""
    return theta.abs() * _sign(theta, sigma) + 2 * sigma * _phi(theta / sigma)


SMOOTHED_ABS = Known(
    reread="lecture 02, “Four averages by hand”",
    mistakes=(
        forgets_the_two,
        forgets_sigma_before_phi,
        does_not_standardise_phi,
        divides_phi_by_sigma,
        forgets_the_normaliser,
        leaves_out_the_rounding,
        adds_the_rounding_to_the_corner,
        subtracts_the_rounding,
        takes_the_share_for_the_sign,
        turns_the_sign,
        squares_nothing_in_phi,
        takes_erf_without_the_root,
        loses_the_minus_of_phi,
        multiplies_phi_by_pi,
        forgets_the_root_of_phi,
        takes_the_size_of_theta,
    ),
)


# --- the gripper ----------------------------------------------------------------------------


def leaves_out_the_lower_edge(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """Your window has an upper edge only: the samples below `low` do not hold the brick either."""
    B = (high - theta) / sigma
    return outside + (level - outside + slope * theta) * _Phi(B) - slope * sigma * _phi(B)


def leaves_out_the_upper_edge(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """Your window has a lower edge only: the samples above `high` do not hold the brick either."""
    A = (low - theta) / sigma
    return outside + (level - outside + slope * theta) * _Phi(-A) + slope * sigma * _phi(A)


def swaps_the_bells(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """The sign of the bells: it is φ(A) - φ(B), the lower edge first."""
    A, B, P = _window(theta, sigma, low, high)
    inside = (level - outside + slope * theta) * P
    return outside + inside - slope * sigma * (_phi(A) - _phi(B))


def adds_the_bells(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """The bells are subtracted, φ(A) - φ(B), and you add them."""
    A, B, P = _window(theta, sigma, low, high)
    inside = (level - outside + slope * theta) * P
    return outside + inside + slope * sigma * (_phi(A) + _phi(B))


def forgets_sigma_before_the_bells(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """The σ before the bells is missing: the noise that is added to θ is σ ε, not ε."""
    A, B, P = _window(theta, sigma, low, high)
    return outside + (level - outside + slope * theta) * P + slope * (_phi(A) - _phi(B))


def forgets_the_slope_before_the_bells(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """The slope before σ (φ(A) - φ(B)) is missing."""
    A, B, P = _window(theta, sigma, low, high)
    return outside + (level - outside + slope * theta) * P + sigma * (_phi(A) - _phi(B))


def leaves_out_the_bells(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """The bells are missing: the samples that hold do not scatter evenly about θ near an edge."""
    _, _, P = _window(theta, sigma, low, high)
    return outside + (level - outside + slope * theta) * P


def counts_the_floor_twice(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """Those who hold the brick get `outside` on top. Take it off inside the window, or multiply it
    by 1 - P."""
    A, B, P = _window(theta, sigma, low, high)
    return outside + (level + slope * theta) * P + slope * sigma * (_phi(A) - _phi(B))


def forgets_the_floor(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """The samples outside the window count as 0. They give `outside`."""
    A, B, P = _window(theta, sigma, low, high)
    return (level + slope * theta) * P + slope * sigma * (_phi(A) - _phi(B))


def turns_the_window_inside_out(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """Your share of samples in the window is negative: P is Φ(B) - Φ(A), with A the lower edge,
    which is low - θ, divided by σ."""
    A, B, P = _window(theta, sigma, low, high)
    return outside - (level - outside + slope * theta) * P + slope * sigma * (_phi(A) - _phi(B))


def does_not_standardise_the_edges(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """The edges A and B are in units of the noise: divide low - θ and high - θ by σ."""
    A, B = low - theta, high - theta
    inside = (level - outside + slope * theta) * (_Phi(B) - _Phi(A))
    return outside + inside + slope * sigma * (_phi(A) - _phi(B))


def holds_the_slope_at_the_aim(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """The slope is not multiplied by θ: inside the window f is level + slope x."""
    A, B, P = _window(theta, sigma, low, high)
    return outside + (level - outside + slope) * P + slope * sigma * (_phi(A) - _phi(B))


def divides_the_bells_by_sigma(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """The bells are those of the *standard* normal: multiply φ(A) - φ(B) by σ, do not divide."""
    A, B, P = _window(theta, sigma, low, high)
    inside = (level - outside + slope * theta) * P
    return outside + inside + slope / sigma * (_phi(A) - _phi(B))


def leaves_the_edges_hard(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """This is f itself, without noise: σ does not enter."""
    return torch.where((theta >= low) & (theta <= high), level + slope * theta, outside)


def forgets_the_normaliser_of_the_bells(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """Your bells are not divided by √(2π): φ is a density, with the area 1."""
    A, B, P = _window(theta, sigma, low, high)
    bells = torch.exp(-(A**2) / 2) - torch.exp(-(B**2) / 2)
    return outside + (level - outside + slope * theta) * P + slope * sigma * bells


def divides_the_bells_by_the_share(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """You divide the bells by P, which gives the mean over the samples inside. All samples count
    here: do not divide."""
    A, B, P = _window(theta, sigma, low, high)
    bells = (_phi(A) - _phi(B)) / P
    return outside + (level - outside + slope * theta) * P + slope * sigma * bells


def leaves_the_level_outside_the_brackets(
    theta: Tensor, sigma: float, low: float, high: float, level: float, slope: float, outside: float
) -> Tensor:
    """Brackets: level - outside is multiplied by the share P too, not only slope times θ."""
    A, B, P = _window(theta, sigma, low, high)
    return level + slope * theta * P + slope * sigma * (_phi(A) - _phi(B))


SMOOTHED_PIECEWISE = Known(
    reread="lecture 02, “Where the highest average goes”",
    mistakes=(
        leaves_out_the_lower_edge,
        leaves_out_the_upper_edge,
        swaps_the_bells,
        adds_the_bells,
        forgets_sigma_before_the_bells,
        forgets_the_slope_before_the_bells,
        leaves_out_the_bells,
        counts_the_floor_twice,
        forgets_the_floor,
        turns_the_window_inside_out,
        does_not_standardise_the_edges,
        holds_the_slope_at_the_aim,
        divides_the_bells_by_sigma,
        leaves_the_edges_hard,
        forgets_the_normaliser_of_the_bells,
        divides_the_bells_by_the_share,
        leaves_the_level_outside_the_brackets,
    ),
)


# --- the silent bug -------------------------------------------------------------------------


def treats_all_values_as_independent(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """This still has the bug: its standard error treats 2n values as independent draws, and there
    are n."""
    both = torch.cat((f(theta + sigma * eps), f(theta - sigma * eps)))
    return both.mean(), both.std() / math.sqrt(2 * len(eps))


def counts_the_draws_but_not_the_pairs(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """You divide by √n now, but the scatter is still that of single values. What is drawn anew is
    a *pair*: average each pair first, then take the scatter of these averages."""
    both = torch.cat((f(theta + sigma * eps), f(theta - sigma * eps)))
    return both.mean(), both.std() / math.sqrt(len(eps))


def divides_pairs_by_the_root_of_2n(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """The scatter is that of the pairs, as it should be, but there are n pairs, not 2n: divide by
    √n."""
    pair = _pairs(f, theta, sigma, eps)
    return pair.mean(), pair.std() / math.sqrt(2 * len(eps))


def forgets_the_root_of_n(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """The second number is the scatter of the pairs. The error of their mean is that, divided by
    √n."""
    pair = _pairs(f, theta, sigma, eps)
    return pair.mean(), pair.std()


def divides_by_n_not_its_root(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """You divide the scatter by n. The error of a mean falls like √n only."""
    pair = _pairs(f, theta, sigma, eps)
    return pair.mean(), pair.std() / len(eps)


def counts_the_coordinates(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """You divide by the root of n d, the count of numbers in eps. The pairs are its rows: divide by
    the root of n, len(eps)."""
    pair = _pairs(f, theta, sigma, eps)
    return pair.mean(), pair.std() / math.sqrt(eps.numel())


def returns_the_mean_alone(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """Only the mean came back. Return two: the mean, and its standard error."""
    return _pairs(f, theta, sigma, eps).mean()


def returns_the_variance(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """The second number is the variance of the mean. Its root is the standard error."""
    pair = _pairs(f, theta, sigma, eps)
    return pair.mean(), pair.var() / len(eps)


def takes_the_population_scatter(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """The scatter of n samples about their own mean divides by n - 1, as torch's std does by
    itself, and you divide by n."""
    pair = _pairs(f, theta, sigma, eps)
    return pair.mean(), pair.std(correction=0) / math.sqrt(len(eps))


def drops_the_mirror_images(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """Without the mirror images the error is right again, but half of the throws are gone. Keep
    them, and average each pair."""
    values = f(theta + sigma * eps)
    return values.mean(), values.std() / math.sqrt(len(eps))


def halves_the_difference(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """This is half the difference of each pair. Wanted is the average: add, then halve."""
    pair = (f(theta + sigma * eps) - f(theta - sigma * eps)) / 2
    return pair.mean(), pair.std() / math.sqrt(len(eps))


def adds_the_pair_up(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """These are the sums of the pairs, twice as large as their averages: halve them."""
    pair = f(theta + sigma * eps) + f(theta - sigma * eps)
    return pair.mean(), pair.std() / math.sqrt(len(eps))


def mirrors_at_zero(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> tuple[Tensor, Tensor]:
    """Your mirror image of θ + σε is -(θ + σε). Mirrored is the noise, not the aim: θ - σε."""
    pair = (f(theta + sigma * eps) + f(-(theta + sigma * eps))) / 2
    return pair.mean(), pair.std() / math.sqrt(len(eps))


def swaps_mean_and_error(
    f: Function, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """The two numbers are swapped: first the mean, then its standard error."""
    pair = _pairs(f, theta, sigma, eps)
    return pair.std() / math.sqrt(len(eps)), pair.mean()


MIRRORED_VALUE = Known(
    reread="lecture 02, “The average is a landscape of its own”",
    mistakes=(
        treats_all_values_as_independent,
        counts_the_draws_but_not_the_pairs,
        divides_pairs_by_the_root_of_2n,
        forgets_the_root_of_n,
        divides_by_n_not_its_root,
        counts_the_coordinates,
        returns_the_mean_alone,
        returns_the_variance,
        takes_the_population_scatter,
        drops_the_mirror_images,
        halves_the_difference,
        adds_the_pair_up,
        mirrors_at_zero,
        swaps_mean_and_error,
    ),
)


# --- the ascent -----------------------------------------------------------------------------


def keeps_the_rate(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """Your rate stays lr throughout. In step i it is lr, times σ_i divided by the first σ."""
    return _climb(grad, theta0, lr * torch.ones_like(sigmas), sigmas)


def walks_downhill(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """The path goes downhill: ascent adds the step, descent subtracts it."""
    return _climb(grad, theta0, -lr * sigmas / sigmas[0], sigmas)


def squares_the_ratio(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """Your rate falls with the square of σ: take the ratio of σ_i and the first σ as it is."""
    return _climb(grad, theta0, lr * (sigmas / sigmas[0]) ** 2, sigmas)


def forgets_to_divide(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """Your rate is lr times σ_i. Divide by the first σ, so that the first step has the rate lr."""
    return _climb(grad, theta0, lr * sigmas, sigmas)


def turns_the_ratio_over(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """Your rate grows as σ falls: σ_i stands above, the first σ below."""
    return _climb(grad, theta0, lr * sigmas[0] / sigmas, sigmas)


def divides_by_the_last(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """You divide by the last σ. Divide by the first, sigmas[0], so that the rate starts at lr."""
    return _climb(grad, theta0, lr * sigmas / sigmas[-1], sigmas)


def keeps_the_first_sigma(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """The rate falls, but grad gets the first σ in every step. Give it σ_i."""
    return _climb(grad, theta0, lr * sigmas / sigmas[0], sigmas[:1].expand(len(sigmas)))


def runs_one_sigma_ahead(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """You are one σ ahead: the first step uses the first σ, in the rate and in grad."""
    ahead = torch.cat((sigmas[1:], sigmas[-1:]))
    return _climb(grad, theta0, lr * ahead / sigmas[0], ahead)


def leaves_out_the_start(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """The start is missing: the first point of the path is theta0 itself."""
    return _right_ascent(grad, theta0, lr, sigmas)[1:]


def returns_the_end_only(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """This is the last point only. Return the whole path, its start included."""
    return _right_ascent(grad, theta0, lr, sigmas)[-1]


def leaves_out_the_last_step(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """One step is missing: there is one step for every σ, so one point more than there are σ."""
    return _right_ascent(grad, theta0, lr, sigmas)[:-1]


def asks_at_the_start_only(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """grad is asked at theta0 in every step. Ask it where the climber stands."""
    return _climb(lambda _, sigma: grad(theta0, sigma), theta0, lr * sigmas / sigmas[0], sigmas)


def asks_without_sigma(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """grad wants two arguments, the point and σ: grad(theta, sigma)."""
    return theta0 + lr * grad(theta0)  # type: ignore[call-arg]


def moves_the_start(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    """You work on theta0 itself, so it moves, and all points of your path are the same tensor.
    Write theta = theta + step, not theta += step."""
    path = [theta0]
    for sigma in sigmas:
        theta0 += lr * sigma / sigmas[0] * grad(theta0, sigma)
        path.append(theta0)
    return torch.stack(path)


ANNEALED_ASCENT = Known(
    reread="lecture 02, “Noise that fades”",
    mistakes=(
        keeps_the_rate,
        walks_downhill,
        squares_the_ratio,
        forgets_to_divide,
        turns_the_ratio_over,
        divides_by_the_last,
        keeps_the_first_sigma,
        runs_one_sigma_ahead,
        leaves_out_the_start,
        returns_the_end_only,
        leaves_out_the_last_step,
        asks_at_the_start_only,
        asks_without_sigma,
        moves_the_start,
    ),
)


# --- what is right --------------------------------------------------------------------------


def _phi(z: Tensor) -> Tensor:
    return torch.exp(-(z**2) / 2) / math.sqrt(math.tau)


def _Phi(z: Tensor) -> Tensor:
    return torch.special.ndtr(z)


def _sign(theta: Tensor, sigma: float) -> Tensor:
    return 2 * _Phi(theta / sigma) - 1


def _window(theta: Tensor, sigma: float, low: float, high: float) -> tuple[Tensor, Tensor, Tensor]:
    A, B = (low - theta) / sigma, (high - theta) / sigma
    return A, B, _Phi(B) - _Phi(A)


def _pairs(f: Function, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    return (f(theta + sigma * eps) + f(theta - sigma * eps)) / 2


def _climb(grad: Gradient, theta0: Tensor, rates: Tensor, sigmas: Tensor) -> Tensor:
    path = [theta0]
    for rate, sigma in zip(rates, sigmas, strict=True):
        path.append(path[-1] + rate * grad(path[-1], sigma))
    return torch.stack(path)


def _right_ascent(grad: Gradient, theta0: Tensor, lr: float, sigmas: Tensor) -> Tensor:
    return _climb(grad, theta0, lr * sigmas / sigmas[0], sigmas)
