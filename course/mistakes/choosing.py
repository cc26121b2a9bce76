"""Known mistakes of exercise 10: weights of least variance, a guard, their bias, and a choice.

JupyterLab takes a slash in a message for a path and colours it, so there is none.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course.checks import Known

Function = Callable[[Tensor], Tensor]

# --- minimum_variance_alpha ----------------------------------------------------------------


def forgets_the_covariance(first: Tensor, zero: Tensor) -> Tensor:
    """You weigh as if the two had nothing to do with each other. They are made of the same samples:
    subtract their covariance c, once above and twice below the line."""
    return _share(zero.var(0), first.var(0) + zero.var(0))


def weighs_the_zero_order(first: Tensor, zero: Tensor) -> Tensor:
    """This is the weight of the zero-order estimate. α is that of the first-order one, and grows
    with the variance of the other: v0 - c above the line."""
    c = _covariance(first, zero)
    return _share(first.var(0) - c, (first - zero).var(0)).clamp(0, 1)


def leaves_the_range(first: Tensor, zero: Tensor) -> Tensor:
    """Your α leaves the range from 0 to 1, where a mixture is no mixture: clamp it."""
    return _share(zero.var(0) - _covariance(first, zero), (first - zero).var(0))


def adds_the_covariance(first: Tensor, zero: Tensor) -> Tensor:
    """The covariance has the wrong sign below the line: the variance of a difference is
    v0 + v1 - 2c."""
    c = _covariance(first, zero)
    return _share(zero.var(0) - c, first.var(0) + zero.var(0) + 2 * c).clamp(0, 1)


def subtracts_it_below_only(first: Tensor, zero: Tensor) -> Tensor:
    """The covariance is missing above the line: v0 - c."""
    return _share(zero.var(0), (first - zero).var(0)).clamp(0, 1)


def subtracts_it_above_only(first: Tensor, zero: Tensor) -> Tensor:
    """The covariance is missing below the line: v0 + v1 - 2c."""
    c = _covariance(first, zero)
    return _share(zero.var(0) - c, first.var(0) + zero.var(0)).clamp(0, 1)


def subtracts_it_once_below(first: Tensor, zero: Tensor) -> Tensor:
    """Below the line the covariance counts twice: v0 + v1 - 2c."""
    c = _covariance(first, zero)
    return _share(zero.var(0) - c, first.var(0) + zero.var(0) - c).clamp(0, 1)


def takes_standard_deviations(first: Tensor, zero: Tensor) -> Tensor:
    """You took standard deviations where variances are wanted: var, not std."""
    c = _covariance(first, zero)
    return _share(zero.std(0) - c, first.std(0) + zero.std(0) - 2 * c).clamp(0, 1)


def has_one_weight_for_all(first: Tensor, zero: Tensor) -> Tensor:
    """Your α is the same for all coordinates. Each coordinate has variances of its own."""
    c = _covariance(first, zero).sum()
    alpha = _share(zero.var(0).sum() - c, (first - zero).var(0).sum()).clamp(0, 1)
    return alpha.expand(first.shape[1]).clone()


def divides_the_covariance_by_n(first: Tensor, zero: Tensor) -> Tensor:
    """Your covariance is divided by n, and the variances by n - 1. All three want n - 1."""
    c = _covariance(first, zero) * (len(first) - 1) / len(first)
    return _share(zero.var(0) - c, first.var(0) + zero.var(0) - 2 * c).clamp(0, 1)


def forgets_the_means(first: Tensor, zero: Tensor) -> Tensor:
    """You took mean squares and mean products. Variance and covariance are about the mean: subtract
    that first."""
    c, v0 = (first * zero).mean(0), (zero**2).mean(0)
    return _share(v0 - c, ((first - zero) ** 2).mean(0)).clamp(0, 1)


def forgets_the_means_of_the_product(first: Tensor, zero: Tensor) -> Tensor:
    """Your covariance is a mean of plain products. Subtract both means before you multiply."""
    c, v0, v1 = (first * zero).sum(0) / (len(first) - 1), zero.var(0), first.var(0)
    return ((v0 - c) / (v0 + v1 - 2 * c)).clamp(0, 1)


def takes_the_slopes_where_they_agree(first: Tensor, zero: Tensor) -> Tensor:
    """Where the two estimates differ by nothing but a constant your α is 1. There is nothing to
    choose by, and the zero-order one is taken, which has no bias: α is 0."""
    alpha = minimum_variance_weight(first, zero)
    return torch.where((first - zero).var(0) > 0, alpha, 1.0)


def forgets_that_they_may_agree(first: Tensor, zero: Tensor) -> Tensor:
    """Where the two estimates differ by nothing but a constant you divide by 0. There α is 0."""
    c = _covariance(first, zero)
    return ((zero.var(0) - c) / (first - zero).var(0)).clamp(0, 1)


def looks_along_the_rows(first: Tensor, zero: Tensor) -> Tensor:
    """Your variances run over the coordinates of a row. They run over the samples, axis 0."""
    return minimum_variance_weight(first.T, zero.T)


def returns_the_mixture(first: Tensor, zero: Tensor) -> Tensor:
    """You return the mixture. Only its weight is wanted, one for each coordinate."""
    alpha = minimum_variance_weight(first, zero)
    return alpha * first + (1 - alpha) * zero


# --- guarded_alpha -------------------------------------------------------------------------


def guards_nothing(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """The guard is missing: α is at most (tolerance - radius) divided by the distance B of the two
    means."""
    return _of_traces(first, zero)


def trusts_the_zero_order_mean(
    first: Tensor, zero: Tensor, tolerance: float, radius: float
) -> Tensor:
    """You leave out the radius. The zero-order mean is not the truth; it is within radius of it,
    and that much of the tolerance is spent already."""
    return torch.minimum(_of_traces(first, zero), tolerance / _apart(first, zero))


def goes_below_zero(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """Where the radius exceeds the tolerance your α is negative. Nothing can be promised there, and
    α is 0."""
    return torch.minimum(_of_traces(first, zero), (tolerance - radius) / _apart(first, zero))


def gives_up_the_guard(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """Where the radius exceeds the tolerance you take the weight of least variance. Just there the
    first-order estimate cannot be checked: α is 0."""
    if radius > tolerance:
        return _of_traces(first, zero)
    return guarded_weight(first, zero, tolerance, radius)


def takes_the_guard_alone(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """You always go as far as the guard allows. It is a bound: where the weight by variances is
    smaller, that one counts."""
    return ((tolerance - radius) / _apart(first, zero)).clamp(0, 1)


def squares_the_distance(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """Your B is a squared distance. Tolerance and radius are lengths of gradients, and so is B:
    take the root, .norm()."""
    return _guarded(first, zero, tolerance, radius, _apart(first, zero) ** 2)


def adds_up_the_coordinates(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """Your B adds up absolute differences. It is the length of the vector between the means, by
    Pythagoras: .norm()."""
    apart = (first.mean(0) - zero.mean(0)).abs().sum()
    return _guarded(first, zero, tolerance, radius, apart)


def measures_row_by_row(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """Your B is the mean distance of the rows, which is large by noise alone. Average first: B is
    the distance of the two means."""
    return _guarded(first, zero, tolerance, radius, (first - zero).norm(dim=1).mean())


def adds_the_radius(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """You add the radius to the tolerance. It is an error that you have already: subtract it."""
    return _guarded(first, zero, tolerance, -radius, _apart(first, zero))


def weighs_by_the_wrong_variance(
    first: Tensor, zero: Tensor, tolerance: float, radius: float
) -> Tensor:
    """Your weight by variances is that of the zero-order estimate: V0 belongs above the line."""
    bound = ((tolerance - radius) / _apart(first, zero)).clamp(min=0)
    return torch.minimum(1 - _of_traces(first, zero), bound)


def weighs_each_coordinate(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """You return a weight for each coordinate. The guard bounds the length of the error, so there
    is one weight for all: V0 and V1 are sums over the coordinates."""
    bound = ((tolerance - radius) / _apart(first, zero)).clamp(min=0)
    return torch.minimum(_share(zero.var(0), first.var(0) + zero.var(0)), bound)


def averages_the_weights(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """You average the weights of the coordinates. Add up the variances first, then divide once."""
    bound = ((tolerance - radius) / _apart(first, zero)).clamp(min=0)
    return torch.minimum(_share(zero.var(0), first.var(0) + zero.var(0)).mean(), bound)


def weighs_as_in_part_1(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """You subtract the covariance, as in part 1. Here the weight is V0 over V0 + V1, by the
    variances alone."""
    c = _covariance(first, zero).sum()
    alpha = _share(zero.var(0).sum() - c, (first - zero).var(0).sum())
    bound = ((tolerance - radius) / _apart(first, zero)).clamp(min=0)
    return torch.minimum(alpha, bound)


def adds_up_standard_deviations(
    first: Tensor, zero: Tensor, tolerance: float, radius: float
) -> Tensor:
    """You add up standard deviations. V0 and V1 are sums of variances: var, not std."""
    bound = ((tolerance - radius) / _apart(first, zero)).clamp(min=0)
    alpha = _share(zero.std(0).sum(), first.std(0).sum() + zero.std(0).sum())
    return torch.minimum(alpha, bound)


def pools_the_coordinates(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """Your variances are those of all entries together, so the distance between two coordinates
    counts as scatter. Take var(0), one variance for each coordinate, and add them up."""
    bound = ((tolerance - radius) / _apart(first, zero)).clamp(min=0)
    return torch.minimum(_share(zero.var(), first.var() + zero.var()), bound)


def measures_each_coordinate(
    first: Tensor, zero: Tensor, tolerance: float, radius: float
) -> Tensor:
    """You have a distance B for each coordinate. B is one number, the length of the vector between
    the two means: .norm()."""
    return _guarded(first, zero, tolerance, radius, (first.mean(0) - zero.mean(0)).abs())


def compares_the_lengths(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """Your B is the difference of two lengths. Two vectors of one length may point anywhere: B is
    the length of the difference of the means."""
    apart = (first.mean(0).norm() - zero.mean(0).norm()).abs()
    return _guarded(first, zero, tolerance, radius, apart)


def takes_all_or_nothing(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    """You give up the slopes where the weight by variances is too large for the guard. Take as much
    of them as the guard allows: the smaller of the two."""
    alpha, apart = _of_traces(first, zero), _apart(first, zero)
    return torch.where(alpha * apart + radius <= tolerance, alpha, 0.0)


# --- crossed_mixture -----------------------------------------------------------------------


def weighs_by_its_own_rows(first: Tensor, zero: Tensor) -> Tensor:
    """This is the suspect: its weights look at the rows that they weigh. Where no sample meets the
    ramp, v1 is 0, α is 1, and the answer is 0."""
    return _mixed(_weight(first, zero), first, zero)


def weighs_each_half_by_itself(first: Tensor, zero: Tensor) -> Tensor:
    """Each half is weighed by its own α, so every weight still looks at its own rows. Exchange the
    two."""
    h = len(first) // 2
    parts = [(first[:h], zero[:h]), (first[h:], zero[h:])]
    return torch.cat([_mixed(_weight(*part), *part) for part in parts])


def learns_from_the_first_half(first: Tensor, zero: Tensor) -> Tensor:
    """All rows have the α of the first half. The first half itself needs that of the second."""
    h = len(first) // 2
    return _mixed(_weight(first[:h], zero[:h]), first, zero)


def learns_from_the_second_half(first: Tensor, zero: Tensor) -> Tensor:
    """All rows have the α of the second half. The second half itself needs that of the first."""
    h = len(first) // 2
    return _mixed(_weight(first[h:], zero[h:]), first, zero)


def leaves_each_row_out(first: Tensor, zero: Tensor) -> Tensor:
    """You take for each row the α of all others. That is unbiased, too, and here two halves are
    asked for: the first n divided by 2 rows, and the others."""
    rows = []
    for k in range(len(first)):
        others = [torch.cat((x[:k], x[k + 1 :])) for x in (first, zero)]
        rows.append(_mixed(_weight(*others), first[k], zero[k]))
    return torch.stack(rows)


def takes_every_other_row(first: Tensor, zero: Tensor) -> Tensor:
    """Your halves are the even and the odd rows. That would do as well, and here the halves are the
    first n divided by 2 rows and the others."""
    out = torch.empty_like(first)
    out[::2] = _mixed(_weight(first[1::2], zero[1::2]), first[::2], zero[::2])
    out[1::2] = _mixed(_weight(first[::2], zero[::2]), first[1::2], zero[1::2])
    return out


def exchanges_the_estimates(first: Tensor, zero: Tensor) -> Tensor:
    """α weighs the zero-order rows in your mixture. It belongs to the first-order ones, and 1 - α
    to the others."""
    return _crossed(_weight, zero, first, swap=True)


def averages_the_two_weights(first: Tensor, zero: Tensor) -> Tensor:
    """You average the α of both halves, so each row has looked at itself again."""
    h = len(first) // 2
    both = _weight(first[:h], zero[:h]) + _weight(first[h:], zero[h:])
    return _mixed(both / 2, first, zero)


def weighs_them_alike(first: Tensor, zero: Tensor) -> Tensor:
    """Your α is one half. That is unbiased, and blind: take the inverse-variance weight of the
    other half."""
    return (first + zero) / 2


def weighs_by_standard_deviations(first: Tensor, zero: Tensor) -> Tensor:
    """Your weights are ratios of standard deviations. Take variances."""
    return _crossed(lambda a, b: _share(b.std(0), a.std(0) + b.std(0)), first, zero)


def subtracts_the_covariance(first: Tensor, zero: Tensor) -> Tensor:
    """You took the weight of part 1, with the covariance. Here it is that of `suspect`, by the two
    variances alone."""
    return _crossed(minimum_variance_weight, first, zero)


def weighs_all_coordinates_alike(first: Tensor, zero: Tensor) -> Tensor:
    """You have one α for all coordinates. As in `suspect`, each has its own."""
    return _crossed(_of_traces, first, zero)


def pools_all_entries(first: Tensor, zero: Tensor) -> Tensor:
    """You have one α for all coordinates: var() without an axis runs over all entries. As in
    `suspect`, each coordinate has its own: var(0)."""
    return _crossed(lambda a, b: _share(b.var(), a.var() + b.var()), first, zero)


def returns_the_mean(first: Tensor, zero: Tensor) -> Tensor:
    """You return the mean. The rows are wanted, one for each sample."""
    return _crossed(_weight, first, zero).mean(0)


def returns_the_halves_exchanged(first: Tensor, zero: Tensor) -> Tensor:
    """The second half of your rows comes first. Row k is made of first[k] and zero[k]."""
    rows, h = _crossed(_weight, first, zero), len(first) // 2
    return torch.cat((rows[h:], rows[:h]))


# --- choose --------------------------------------------------------------------------------


def stays_at_the_start(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You return the start, and have gained nothing. Move, and return where you end."""
    return theta0.clone()


def goes_downhill(f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor) -> Tensor:
    """You go downhill. Values are rewards: the step goes where they are larger."""
    return _ascend(lambda x: -f(x), theta0, budget, eps)[-1]


def follows_the_slopes(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You follow the slope where you stand. On a plateau it is 0, before a kerb it points back, and
    of a jump it knows nothing: try points far enough to see the jump, and go by their values.
    Reread: lecture 04, “What the slopes miss”"""
    theta = theta0
    for _step in range(100):
        uphill = slope(theta[None])[0]
        theta = theta + 0.03 * uphill / (uphill.norm() + 1e-12)
    return theta


def averages_the_slopes(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You average slopes over noise, which is the first-order estimate. Noise does not repair it:
    every sample's slope leaves the jumps out. Go by values. Reread: lecture 04, “What the slopes
    miss”"""
    theta = theta0
    for noise, sigma in _schedule(budget, eps):
        uphill = slope(theta + sigma * noise).mean(0)
        theta = theta + 0.1 * uphill / (uphill.norm() + 1e-12)
    return theta


def trusts_the_calmer(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You mix slopes and values by their variances. At a jump the slopes are wrong and calm, and
    they get all of the weight. Reread: lecture 04, “Where it lies, and where it does not”"""
    theta = theta0
    for noise, sigma in _schedule(budget // 2, eps):
        points = theta + sigma * noise
        first, values = slope(points), f(points)
        zero = (values - values.mean())[:, None] * noise / sigma
        uphill = _mixed(_weight(first, zero), first, zero).mean(0)
        theta = theta + 0.6 * sigma * uphill / (uphill.norm() + 1e-12)
    return theta


def stops_too_early(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You use a small part of the budget. The tries cost nothing else: take as many steps as it
    pays for."""
    return _ascend(f, theta0, budget // 20, eps)[-1]


def keeps_sigma_wide(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """Your noise stays wider than what you look for. You climb the average over all of it, whose
    best place is far from where a hand with less noise should be. Let σ fall. Reread: lecture 02,
    “Where the highest average goes”"""
    return _ascend(f, theta0, budget, eps, wide=2.0, narrow=2.0)[-1]


def keeps_sigma_narrow(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """Your noise is so small that no try reaches a jump, and on a plateau all values are the same.
    Begin with a σ that reaches as far as the task is wide. Reread: lecture 02, “The window”"""
    return _ascend(f, theta0, budget, eps, wide=0.03, narrow=0.03)[-1]


def returns_the_best_try(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You return the try with the largest value. Of a thousand tries that one was the luckiest, and
    the world shakes otherwise next time: judge a place by the mean of many tries there."""
    points = theta0 + eps
    return points[f(points).argmax()]


def returns_the_best_ever(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You search well, and then return the luckiest try of all in place of the point that you
    searched from. Return the mean of your noise. Reread: lecture 09, “The search gradient”"""
    theta, best, place = theta0, -math.inf, theta0
    for noise, sigma in _schedule(budget, eps):
        values = f(theta + sigma * noise)
        if float(values.max()) > best:
            best, place = float(values.max()), theta + sigma * noise[values.argmax()]
        theta = theta + sigma * _step(values, noise)
    return place


def believes_in_its_luck(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You move to the best of a batch whenever it beats your record, and never try a record again.
    The first lucky try cannot be beaten. Try the place where you stand anew each time."""
    theta, record = theta0, -math.inf
    for noise, sigma in _schedule(budget, eps):
        values = f(theta + sigma * noise)
        if float(values.max()) > record:
            record, theta = float(values.max()), theta + sigma * noise[values.argmax()]
    return theta


def steps_by_raw_values(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """Your step is proportional to the values, and the tasks count in different units: with one
    learning rate you crawl in some and fly off in others. Divide by the values' standard deviation,
    or take ranks. Reread: lecture 09, “Ranks”"""
    theta = theta0
    for noise, sigma in _schedule(budget, eps):
        values = f(theta + sigma * noise)
        theta = theta + 0.1 * ((values - values.mean())[:, None] * noise).mean(0) / sigma
    return theta


def returns_a_noisy_point(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You return a point with the exploration's noise still on it. Noise is for looking; return its
    mean, θ. Reread: lecture 09, “The search gradient”"""
    return _ascend(f, theta0, budget, eps)[-1] + 2 * eps[-1]


def forgets_the_budget(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You ask for more tries than there are. Each row given to f, and each given to slope, is one:
    with 20 of them in a step there are a twentieth as many steps."""
    theta = theta0
    for _round in range(budget):
        values = f(theta + 0.5 * eps[:20])
        theta = theta + 0.5 * _step(values, eps[:20])
    return theta


def returns_the_path(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You return the whole path. Only its end is wanted."""
    return torch.stack(_ascend(f, theta0, budget, eps))


def returns_the_value(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You return how good the place is. The place itself is wanted."""
    return f(_ascend(f, theta0, budget - 20, eps)[-1][None])[0]


def returns_how_far_it_went(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You return the way from the start. Add the start: the place itself is wanted."""
    return _ascend(f, theta0, budget, eps)[-1] - theta0


def moves_the_start(
    f: Function, slope: Function, theta0: Tensor, budget: int, eps: Tensor
) -> Tensor:
    """You change theta0 itself. Write theta = theta + ..., not theta += ..."""
    end = _ascend(f, theta0, budget, eps)[-1]
    theta0 += end - theta0
    return end


# --- what they share -----------------------------------------------------------------------


def minimum_variance_weight(first: Tensor, zero: Tensor) -> Tensor:
    covariance = _covariance(first, zero)
    return _share(zero.var(0) - covariance, (first - zero).var(0)).clamp(0, 1)


def guarded_weight(first: Tensor, zero: Tensor, tolerance: float, radius: float) -> Tensor:
    return _guarded(first, zero, tolerance, radius, _apart(first, zero))


def _guarded(first: Tensor, zero: Tensor, tolerance: float, radius: float, apart: Tensor) -> Tensor:
    return torch.minimum(_of_traces(first, zero), (tolerance - radius) / apart).clamp(min=0)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole > 0, part / whole.where(whole > 0, 1.0), 0.0)


def _covariance(first: Tensor, zero: Tensor) -> Tensor:
    return ((first - first.mean(0)) * (zero - zero.mean(0))).sum(0) / (len(first) - 1)


def _apart(first: Tensor, zero: Tensor) -> Tensor:
    return (first.mean(0) - zero.mean(0)).norm()


def _of_traces(first: Tensor, zero: Tensor) -> Tensor:
    return _share(zero.var(0).sum(), first.var(0).sum() + zero.var(0).sum())


def _weight(first: Tensor, zero: Tensor) -> Tensor:
    return _share(zero.var(0), first.var(0) + zero.var(0))


def _mixed(alpha: Tensor, first: Tensor, zero: Tensor) -> Tensor:
    return alpha * first + (1 - alpha) * zero


def _crossed(
    weight: Callable[[Tensor, Tensor], Tensor], first: Tensor, zero: Tensor, swap: bool = False
) -> Tensor:
    """Each half weighed by the other; `swap` if the weights are to be those of the other order."""
    h = len(first) // 2
    halves = [(first[:h], zero[:h]), (first[h:], zero[h:])]
    alphas = [weight(b, a) if swap else weight(a, b) for a, b in halves]
    pairs = zip(reversed(alphas), halves, strict=True)
    return torch.cat([_mixed(alpha, *half) for alpha, half in pairs])


def _schedule(
    budget: int, eps: Tensor, wide: float = 0.8, narrow: float = 0.1
) -> list[tuple[Tensor, float]]:
    """The noise of each step of 20 tries, and its falling standard deviation."""
    steps = budget // 20
    ratio = (narrow / wide) ** (1 / max(1, steps - 1))
    return [(eps[20 * k : 20 * (k + 1)], wide * ratio**k) for k in range(steps)]


def _step(values: Tensor, noise: Tensor) -> Tensor:
    standard = (values - values.mean()) / (values.std() + 1e-12)
    return (standard[:, None] * noise).mean(0)


def _ascend(
    f: Function, theta: Tensor, budget: int, eps: Tensor, wide: float = 0.8, narrow: float = 0.1
) -> list[Tensor]:
    """The path of a right answer."""
    path = [theta]
    for noise, sigma in _schedule(budget, eps, wide, narrow):
        path.append(path[-1] + sigma * _step(f(path[-1] + sigma * noise), noise))
    return path


MINIMUM_VARIANCE_ALPHA = Known(
    reread="lecture 10, “A bit of both”",
    mistakes=(
        forgets_the_covariance,
        weighs_the_zero_order,
        leaves_the_range,
        adds_the_covariance,
        subtracts_it_below_only,
        subtracts_it_above_only,
        subtracts_it_once_below,
        takes_standard_deviations,
        has_one_weight_for_all,
        divides_the_covariance_by_n,
        forgets_the_means,
        forgets_the_means_of_the_product,
        takes_the_slopes_where_they_agree,
        forgets_that_they_may_agree,
        looks_along_the_rows,
        returns_the_mixture,
    ),
)
GUARDED_ALPHA = Known(
    reread="lecture 10, “How would you notice?”",
    mistakes=(
        guards_nothing,
        trusts_the_zero_order_mean,
        goes_below_zero,
        gives_up_the_guard,
        takes_the_guard_alone,
        squares_the_distance,
        adds_up_the_coordinates,
        measures_row_by_row,
        adds_the_radius,
        weighs_by_the_wrong_variance,
        weighs_each_coordinate,
        averages_the_weights,
        weighs_as_in_part_1,
        adds_up_standard_deviations,
        pools_the_coordinates,
        measures_each_coordinate,
        compares_the_lengths,
        takes_all_or_nothing,
    ),
)
CROSSED_MIXTURE = Known(
    reread="lecture 05, “A bias of your own”",
    mistakes=(
        weighs_by_its_own_rows,
        weighs_each_half_by_itself,
        learns_from_the_first_half,
        learns_from_the_second_half,
        leaves_each_row_out,
        takes_every_other_row,
        exchanges_the_estimates,
        averages_the_two_weights,
        weighs_them_alike,
        weighs_by_standard_deviations,
        subtracts_the_covariance,
        weighs_all_coordinates_alike,
        pools_all_entries,
        returns_the_mean,
        returns_the_halves_exchanged,
    ),
)
CHOOSE = Known(
    reread="lecture 02, “Noise that fades”",
    mistakes=(
        stays_at_the_start,
        goes_downhill,
        follows_the_slopes,
        averages_the_slopes,
        trusts_the_calmer,
        stops_too_early,
        keeps_sigma_wide,
        keeps_sigma_narrow,
        returns_the_best_try,
        returns_the_best_ever,
        believes_in_its_luck,
        steps_by_raw_values,
        returns_a_noisy_point,
        forgets_the_budget,
        returns_the_path,
        returns_the_value,
        returns_how_far_it_went,
        moves_the_start,
    ),
)
