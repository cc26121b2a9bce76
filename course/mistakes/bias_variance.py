"""Known mistakes of exercise 05: a bias with its error, exact variance, baselines, the error."""

from collections.abc import Callable

import torch
from torch import Tensor

from course.checks import Known

Estimator = Callable[[Tensor], Tensor]


# --- estimate_bias -------------------------------------------------------------------------


def averages_distances(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """You average the distances from the truth. Average the errors with their signs: a distance
    is never negative, so even an unbiased estimate would seem to have a bias."""
    off = _means(estimator, eps) - truth
    return off.abs().mean(0), _error(off)


def takes_the_root_mean_square(
    estimator: Estimator, truth: Tensor, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """This is the root mean square error, in which the variance is mixed. The bias is the mean
    of the errors, with their signs."""
    off = _means(estimator, eps) - truth
    return (off**2).mean(0).sqrt(), _error(off)


def turns_the_bias_round(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """Your bias has the wrong sign: it is estimate less truth."""
    off = _means(estimator, eps) - truth
    return -off.mean(0), _error(off)


def forgets_the_truth(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """You return the mean of the estimates. The bias is that mean less the truth."""
    means = _means(estimator, eps)
    return means.mean(0), _error(means)


def believes_the_mean(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """Your bias is always 0: you subtract the mean of your own estimates, not the truth."""
    means = _means(estimator, eps)
    return 0 * means.mean(0), _error(means)


def returns_the_spread(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """Your second result is the standard deviation of the experiments. The standard error of
    their mean is that divided by the root of their number m."""
    off = _means(estimator, eps) - truth
    return off.mean(0), off.std(0)


def divides_by_m(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """You divide the standard deviation by m. The standard error falls with the root of m."""
    off = _means(estimator, eps) - truth
    return off.mean(0), off.std(0) / len(off)


def divides_by_the_samples(
    estimator: Estimator, truth: Tensor, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """You divide by the root of n, the samples in one experiment. What you averaged are m
    experiments: divide their standard deviation by the root of m."""
    off = _means(estimator, eps) - truth
    return off.mean(0), off.std(0) / eps.shape[1] ** 0.5


def returns_the_variance(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """Your second result is the square of the standard error: take the root."""
    off = _means(estimator, eps) - truth
    return off.mean(0), _error(off) ** 2


def pools_the_samples(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """You took the standard error from all single samples. The rows of one experiment may depend
    on each other, as they do with a baseline from the batch; the experiments are independent.
    Take the standard deviation of the m means, and divide it by the root of m."""
    rows = torch.stack([estimator(noise) for noise in eps]).flatten(0, 1)
    return rows.mean(0) - truth, _error(rows)


def forgets_bessel(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """Your standard deviation divides by m. The mean it is taken about comes from the same m
    numbers, so divide by m - 1: in torch that is what std does by itself."""
    off = _means(estimator, eps) - truth
    return off.mean(0), off.std(0, correction=0) / len(off) ** 0.5


def pours_all_noise_in_at_once(
    estimator: Estimator, truth: Tensor, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """You ran one experiment with all the noise. Call the estimator once for each of the m
    experiments, with its own n rows: an estimate may depend on the size of its batch."""
    rows = estimator(eps.flatten(0, 1)).reshape(eps.shape)
    off = rows.mean(1) - truth
    return off.mean(0), _error(off)


def repeats_one_experiment(
    estimator: Estimator, truth: Tensor, eps: Tensor
) -> tuple[Tensor, Tensor]:
    """Every experiment of yours has the same noise, that of the first: the standard error is 0,
    and the bias is the error of a single experiment. Use eps[k] in experiment k."""
    off = _means(estimator, eps[:1].expand_as(eps)) - truth
    return off.mean(0), _error(off)


def swaps_the_results(estimator: Estimator, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """You return the standard error first. The bias comes first, then its standard error."""
    off = _means(estimator, eps) - truth
    return _error(off), off.mean(0)


def _means(estimator: Estimator, eps: Tensor) -> Tensor:
    """The mean gradient of each experiment, (m, d)."""
    return torch.stack([estimator(noise).mean(0) for noise in eps])


def _error(rows: Tensor) -> Tensor:
    return rows.std(0) / len(rows) ** 0.5


# --- zo_variance ---------------------------------------------------------------------------


def forgets_the_mean(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """This is the mean square of a sample. Its variance is that less the square of the mean,
    dF squared."""
    return _square(F, ddF, G, ddG, sigma, b)


def adds_the_mean(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """You add dF squared. A variance is the mean square less the square of the mean."""
    return _square(F, ddF, G, ddG, sigma, b) + dF**2


def subtracts_the_slope_itself(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """You subtract dF. The mean of a sample enters the variance squared."""
    return _square(F, ddF, G, ddG, sigma, b) - dF


def forgets_the_width(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """The numerator is not divided by sigma squared: each sample carries eps divided by sigma."""
    return _square(F, ddF, G, ddG, sigma, b) * sigma**2 - dF**2


def divides_the_last_term_only(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """Only b squared is divided by sigma squared. The whole numerator is: put it in brackets."""
    return G + sigma**2 * ddG - 2 * b * (F + sigma**2 * ddF) + b**2 / sigma**2 - dF**2


def divides_by_sigma_once(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """You divide the numerator by sigma. A variance has the square: sigma squared."""
    return _square(F, ddF, G, ddG, sigma, b) * sigma - dF**2


def divides_the_mean_too(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """You divide dF squared by sigma squared as well. Only the numerator of (5.5) stands over
    sigma squared; dF is the mean of a sample already."""
    return _square(F, ddF, G, ddG, sigma, b) - dF**2 / sigma**2


def forgets_the_curvature(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """The mean of f eps squared is not F but F + sigma squared times ddF; likewise for G."""
    return (G - 2 * b * F + b**2) / sigma**2 - dF**2


def forgets_the_curvature_of_the_square(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """ddG does not enter: the mean of the squared score times eps squared is G + sigma squared
    times ddG."""
    return _square(F, ddF, G, 0 * ddG, sigma, b) - dF**2


def forgets_the_curvature_of_the_mean(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """ddF does not enter: the baseline is multiplied by F + sigma squared times ddF."""
    return _square(F, 0 * ddF, G, ddG, sigma, b) - dF**2


def forgets_the_baseline(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """The baseline does not enter: this is the variance with b = 0."""
    return _square(F, ddF, G, ddG, sigma, 0 * b) - dF**2


def forgets_the_two(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """The middle term of the binomial has a factor 2: f squared - 2 b f + b squared."""
    return (G + sigma**2 * ddG - b * (F + sigma**2 * ddF) + b**2) / sigma**2 - dF**2


def adds_the_baseline(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """The baseline is subtracted from the scores: the middle term is -2 b times the mean of
    f eps squared."""
    return _square(F, ddF, G, ddG, sigma, -b) - dF**2


def squares_the_mean_score(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """You put F squared in place of G. G is the mean of the squared scores, which is larger."""
    return _square(F, ddF, F**2, ddG, sigma, b) - dF**2


def takes_sigma_for_a_variance(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """sigma is a standard deviation: where (5.5) has sigma squared you have sigma."""
    return (G + sigma * ddG - 2 * b * (F + sigma * ddF) + b**2) / sigma - dF**2


def returns_the_standard_deviation(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """This is the standard deviation: the variance is asked for, without the root."""
    return (_square(F, ddF, G, ddG, sigma, b) - dF**2).sqrt()


def _square(F: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor) -> Tensor:
    """The mean square of a zero-order sample."""
    return (G + sigma**2 * ddG - 2 * b * (F + sigma**2 * ddF) + b**2) / sigma**2


# --- loo_zero_order ------------------------------------------------------------------------


def subtracts_the_batch_mean(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You subtract the mean of all scores, the sample's own among them: every row is too short
    by the factor (n - 1) over n. Subtract the mean of the others."""
    return _rows(values - values.mean(), eps, sigma)


def divides_by_n_once_more(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Your mean of the others divides by n. There are n - 1 of them."""
    others = (values.sum() - values) / len(values)
    return _rows(values - others, eps, sigma)


def subtracts_one_from_the_mean(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """A division comes before a minus: you divide by n and then subtract 1. Divide by
    (len(values) - 1), in brackets."""
    others = (values.sum() - values) / len(values) - 1
    return _rows(values - others, eps, sigma)


def divides_twice(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide by n - 1 twice: rows of (f - mean) times n over n - 1 are what you want."""
    return _rows((values - values.mean()) / (len(values) - 1), eps, sigma)


def subtracts_nothing(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Nothing is subtracted from the scores: subtract from each the mean of the others."""
    return _rows(values, eps, sigma)


def leaves_out_the_neighbour(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You leave out the wrong sample: from score k subtract the mean of all scores but the
    k-th itself."""
    others = (values.sum() - values.roll(1)) / (len(values) - 1)
    return _rows(values - others, eps, sigma)


def subtracts_the_neighbour(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You subtract one other score. That is unbiased, but the mean of all others is asked for."""
    return _rows(values - values.roll(1), eps, sigma)


def adds_the_others(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You add the mean of the others; it is to be subtracted."""
    others = (values.sum() - values) / (len(values) - 1)
    return _rows(values + others, eps, sigma)


def subtracts_backwards(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Every row has the wrong sign: subtract the mean of the others from the score, not the score
    from that mean."""
    others = (values.sum() - values) / (len(values) - 1)
    return _rows(others - values, eps, sigma)


def subtracts_from_the_rows(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You subtract the mean of the other rows after multiplying with eps. The baseline is
    subtracted from the scores, before: after it there is nothing left but zero on average."""
    rows = _rows(values, eps, sigma)
    return rows - (rows.sum(0) - rows) / (len(rows) - 1)


def forgets_to_divide(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """The rows are not divided by sigma: each is (f - baseline) eps divided by sigma."""
    return sigma * _loo(values, eps, sigma)


def multiplies_by_sigma(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You multiply by sigma. Each row is (f - baseline) eps divided by sigma."""
    return _loo(values, eps, 1 / sigma)


def divides_by_the_square(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """The rows are divided by sigma squared. That is for w = sigma * eps; eps is divided by sigma
    once."""
    return _loo(values, eps, sigma) / sigma


def averages_the_rows(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You return the mean of the rows, of shape (d,). Return all of them, (n, d)."""
    return _loo(values, eps, sigma).mean(0)


def sums_the_coordinates(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You add up the coordinates of eps: each row has d numbers, one for each coordinate."""
    return _loo(values, eps, sigma).sum(1, keepdim=True).expand_as(eps)


def takes_the_median(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You subtract the median of the scores. The mean of the others is asked for."""
    return _rows(values - values.median(), eps, sigma)


def normalises(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide by the standard deviation of the scores as well. That changes the length of the
    gradient; only the mean of the others is to be subtracted."""
    return _rows((values - values.mean()) / values.std(), eps, sigma)


def _rows(scores: Tensor, eps: Tensor, sigma: float) -> Tensor:
    return scores[:, None] * eps / sigma


def _loo(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    n = len(values)
    return _rows((values - values.mean()) * n / (n - 1), eps, sigma)


# --- optimal_zero_order --------------------------------------------------------------------


def keeps_the_own_sample(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """The baseline of row k still looks at sample k: it is the one of the suspect. Leave out the
    k-th term of both sums."""
    weight = eps**2
    b = (values[:, None] * weight).sum(0) / weight.sum(0)
    return (values[:, None] - b) * eps / sigma


def stretches_the_suspect(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You multiply the suspect by n over n - 1. That repairs the plain mean of the batch, where
    all samples weigh the same. Here they do not: leave the own sample out of both sums."""
    return keeps_the_own_sample(values, eps, sigma) * len(values) / (len(values) - 1)


def leaves_out_above_only(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You leave the own sample out of the upper sum only. Leave it out of the lower one too, or
    the baseline is too small."""
    weight = eps**2
    above = values[:, None] * weight
    return (values[:, None] - (above.sum(0) - above) / weight.sum(0)) * eps / sigma


def leaves_out_below_only(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You leave the own sample out of the lower sum only. Leave it out of the upper one too."""
    weight = eps**2
    above = values[:, None] * weight
    return (values[:, None] - above.sum(0) / (weight.sum(0) - weight)) * eps / sigma


def weighs_by_eps(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """The weights are eps, or its size. The best baseline weighs each score with the square of
    eps."""
    above = values[:, None] * eps
    b = (above.sum(0) - above) / (eps.sum(0) - eps)
    return (values[:, None] - b) * eps / sigma


def weighs_all_alike(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """This is the mean of the others, without weights. The best baseline weighs each score with
    the square of its eps."""
    return _loo(values, eps, sigma)


def forgets_the_lower_sum(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide by n - 1 in place of the sum of the squares of eps over the other samples."""
    above = values[:, None] * eps**2
    b = (above.sum(0) - above) / (len(values) - 1)
    return (values[:, None] - b) * eps / sigma


def sums_all_coordinates(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You use one baseline for all coordinates, with the squared length of eps as weight. Each
    coordinate has a best baseline of its own."""
    weight = (eps**2).sum(1, keepdim=True)
    above = values[:, None] * weight
    b = (above.sum(0) - above) / (weight.sum(0) - weight)
    return (values[:, None] - b) * eps / sigma


def sums_without_an_axis(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """A sum without an axis runs over all coordinates as well. Sum over the samples, .sum(0): each
    coordinate has a baseline of its own."""
    weight = eps**2
    above = values[:, None] * weight
    return (values[:, None] - (above.sum() - above) / (weight.sum() - weight)) * eps / sigma


def optimal_without_dividing(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """The rows are not divided by sigma: each is (f - baseline) eps divided by sigma."""
    return sigma * _best(values, eps, sigma)


def optimal_backwards(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Every row has the wrong sign: subtract the baseline from the score."""
    return -_best(values, eps, sigma)


def optimal_mean(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You return the mean of the rows, of shape (d,). Return all of them, (n, d)."""
    return _best(values, eps, sigma).mean(0)


def returns_the_baseline(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You return the baselines. The rows (f - baseline) eps divided by sigma are asked for."""
    return values[:, None] - _best(values, eps, sigma) * sigma / eps


def subtracts_no_baseline(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Nothing is subtracted from the scores. The suspect's only fault is that its baseline looks
    at the own sample: keep the baseline, without that sample."""
    return _rows(values, eps, sigma)


def _best(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    weight = eps**2
    above = values[:, None] * weight
    b = (above.sum(0) - above) / (weight.sum(0) - weight)
    return (values[:, None] - b) * eps / sigma


# --- rmse ----------------------------------------------------------------------------------


def adds_without_squaring(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """You add the bias itself under the root. Square it first."""
    return (bias.abs() + variance / n).sqrt()


def forgets_n(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """n does not enter: the variance of a mean of n samples is that of one divided by n."""
    return (bias**2 + variance).sqrt()


def divides_the_bias_too(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """You divide the bias by n as well. More samples do not remove a bias."""
    return ((bias**2 + variance) / n).sqrt()


def divides_by_the_root(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """You divide the variance by the root of n. The standard deviation falls with the root, the
    variance with n itself."""
    return (bias**2 + variance / n**0.5).sqrt()


def divides_by_one_less(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """You divide by n - 1. That belongs into an estimate of the variance from samples; here the
    variance is known, and the mean of n has it divided by n."""
    return (bias**2 + variance / (n - 1)).sqrt()


def forgets_the_root(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """This is the mean square error; its root is asked for."""
    return bias**2 + variance / n


def halves_the_square(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """This is half of the square. A power comes before a division, so **1 and then a 2 below the
    line halves: the root is ** 0.5, or .sqrt()."""
    return (bias**2 + variance / n) / 2


def adds_the_deviations(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """You add bias and standard error. Their squares add, and the root is taken of the sum."""
    return bias.abs() + (variance / n).sqrt()


def squares_the_variance(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """You square the variance. It is a square already."""
    return (bias**2 + variance**2 / n).sqrt()


def squares_the_share(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """You square the variance divided by n. It is a square already."""
    return (bias**2 + (variance / n) ** 2).sqrt()


def forgets_the_bias(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """The bias does not enter: this is the standard error alone."""
    return (variance / n).sqrt()


def forgets_the_variance(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """The variance does not enter: this is the size of the bias alone."""
    return bias.abs() + 0 * variance


def subtracts_the_bias(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """You subtract the square of the bias; it adds to the error."""
    return (variance / n - bias**2).abs().sqrt()


def averages_the_places(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    """You average over all places. Return one error for each entry of bias and variance."""
    return (bias**2 + variance / n).mean().sqrt()


ESTIMATE_BIAS = Known(
    reread="lecture 05, “Three words”",
    mistakes=(
        averages_distances,
        takes_the_root_mean_square,
        turns_the_bias_round,
        forgets_the_truth,
        believes_the_mean,
        returns_the_spread,
        divides_by_m,
        divides_by_the_samples,
        returns_the_variance,
        pools_the_samples,
        forgets_bessel,
        pours_all_noise_in_at_once,
        repeats_one_experiment,
        swaps_the_results,
    ),
)
ZO_VARIANCE = Known(
    reread="lecture 05, “The variance, exactly”",
    mistakes=(
        forgets_the_mean,
        adds_the_mean,
        subtracts_the_slope_itself,
        forgets_the_width,
        divides_the_last_term_only,
        divides_by_sigma_once,
        divides_the_mean_too,
        forgets_the_curvature,
        forgets_the_curvature_of_the_square,
        forgets_the_curvature_of_the_mean,
        forgets_the_baseline,
        forgets_the_two,
        adds_the_baseline,
        squares_the_mean_score,
        takes_sigma_for_a_variance,
        returns_the_standard_deviation,
    ),
)
LOO_ZERO_ORDER = Known(
    reread="lecture 05, “A bias of your own”",
    mistakes=(
        subtracts_the_batch_mean,
        divides_by_n_once_more,
        subtracts_one_from_the_mean,
        divides_twice,
        subtracts_nothing,
        leaves_out_the_neighbour,
        subtracts_the_neighbour,
        adds_the_others,
        subtracts_backwards,
        subtracts_from_the_rows,
        forgets_to_divide,
        multiplies_by_sigma,
        divides_by_the_square,
        averages_the_rows,
        sums_the_coordinates,
        takes_the_median,
        normalises,
    ),
)
OPTIMAL_ZERO_ORDER = Known(
    reread="lecture 05, “What the batch can tell”",
    mistakes=(
        keeps_the_own_sample,
        stretches_the_suspect,
        leaves_out_above_only,
        leaves_out_below_only,
        weighs_by_eps,
        weighs_all_alike,
        forgets_the_lower_sum,
        sums_all_coordinates,
        sums_without_an_axis,
        optimal_without_dividing,
        optimal_backwards,
        optimal_mean,
        returns_the_baseline,
        subtracts_no_baseline,
    ),
)
RMSE = Known(
    reread="lecture 05, “Three words”",
    mistakes=(
        adds_without_squaring,
        forgets_n,
        divides_the_bias_too,
        divides_by_the_root,
        divides_by_one_less,
        forgets_the_root,
        halves_the_square,
        adds_the_deviations,
        squares_the_variance,
        squares_the_share,
        forgets_the_bias,
        forgets_the_variance,
        subtracts_the_bias,
        averages_the_places,
    ),
)
