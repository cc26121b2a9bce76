"""Known mistakes of exercise 09: a search gradient, ranks, shared seeds, addresses, a training."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from course.checks import Known
from smoothlib import normal

Noise = Callable[[int, int, int, int], Tensor]
Fitness = Callable[[Tensor, int], Tensor]
Shape = Callable[[Tensor], Tensor]


# --- nes_gradient --------------------------------------------------------------------------


def forgets_to_divide_by_sigma(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Your gradient is not divided by sigma: this is how much a step of the noise brings, not a
    step of the parameters."""
    return values @ eps / len(values)


def divides_by_the_variance(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide by sigma squared. That belongs to the displacement x - theta = sigma eps; eps
    itself is given."""
    return values @ eps / (len(values) * sigma**2)


def takes_the_natural_gradient(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You multiply by sigma. That is the natural gradient, (9.5); the plain one divides by it."""
    return values @ eps * sigma / len(values)


def halves_as_for_pairs(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide by 2 sigma. The 2 belongs to a mirrored pair, whose two values are subtracted;
    here each child stands for itself."""
    return values @ eps / (2 * sigma * len(values))


def sums_over_the_children(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You add the children up. An expectation is estimated by their mean, else the gradient grows
    with the population."""
    return values @ eps / sigma


def divides_by_one_less(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide by n - 1, as for a variance. The mean of n products has n; one child alone would
    be divided by zero."""
    return values @ eps / (sigma * (len(values) - 1))


def divides_by_the_root(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide by the root of n. That is how the error of a mean shrinks; the mean itself has
    n."""
    return values @ eps / (sigma * len(values) ** 0.5)


def goes_downhill(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Your gradient has the wrong sign: fitness is maximised, so children that did well pull."""
    return -(values @ eps) / (sigma * len(values))


def means_over_the_parameters(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You take the mean over the parameters and keep the children. It is the other way round: one
    number for each parameter."""
    return (values[:, None] * eps).mean(1) / sigma


def keeps_the_children(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You return a row for each child. Here their mean over the children is wanted, shape (d,)."""
    return values[:, None] * eps / sigma


def subtracts_the_mean(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You subtract the mean fitness. It contains the child's own, so the mean of your estimate is
    (n - 1) times the gradient over n; nothing is to be subtracted here."""
    return (values - values.mean()) @ eps / (sigma * len(values))


def standardises(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You standardise the fitness first. Then the result no longer knows how steep the hill is,
    (9.9): it is not the gradient."""
    spread = values.std(correction=0).clamp(min=1e-12)
    return (values - values.mean()) / spread @ eps / (sigma * len(values))


def standardises_by_n_minus_one(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You subtract the mean and divide by torch's std. Standardised fitness no longer knows how
    steep the hill is: it is not the gradient."""
    return (values - values.mean()) / values.std() @ eps / (sigma * len(values))


def divides_by_the_parameters(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide by d, the number of parameters. The mean is over the children, of whom there are
    n."""
    return values @ eps / (sigma * eps.shape[1])


def multiplies_the_means(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You multiply the mean fitness by the mean noise. What counts is which fitness came with which
    noise: multiply first, then take the mean."""
    return values.mean() * eps.mean(0) / sigma


def follows_the_best(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You follow the best child alone. All children count, each with its fitness."""
    return values.max() * eps[values.argmax()] / sigma


# --- centered_ranks ------------------------------------------------------------------------


def _spread(places: Tensor, values: Tensor) -> Tensor:
    """Places 0 to n - 1 as weights."""
    return (places / (len(values) - 1) - 0.5).to(values.dtype)


def _places(values: Tensor) -> Tensor:
    """Mean places, from 0."""
    beaten, equal = (values[:, None] > values).sum(1), (values[:, None] == values).sum(1) - 1
    return beaten + equal / 2


def sorts_once(values: Tensor) -> Tensor:
    """You use what argsort returns: who stands in place 0, in place 1 and so on. You need in which
    place each child stands, the inverse of that."""
    return _spread(values.argsort(), values)


def returns_the_sorted_weights(values: Tensor) -> Tensor:
    """Your weights stand in the order of the fitness, the worst first. Return them in the order of
    values."""
    return _spread(_places(values).sort().values, values)


def breaks_ties_by_place_in_the_list(values: Tensor) -> Tensor:
    """Your equals get different weights, by their place in the list. Give each the mean of the
    weights that they hold together."""
    return _spread(values.argsort(stable=True).argsort(), values)


def takes_the_lowest_place(values: Tensor) -> Tensor:
    """All your equals get the lowest of the places that they hold together. Give them the mean of
    these places, or the weights no longer add up to 0."""
    return _spread((values[:, None] > values).sum(1), values)


def takes_the_highest_place(values: Tensor) -> Tensor:
    """All your equals get the highest of the places that they hold together, probably because each
    child is equal to itself and was counted. Give them the mean of these places."""
    return _spread((values[:, None] >= values).sum(1) - 1, values)


def counts_itself_as_an_equal(values: Tensor) -> Tensor:
    """Every place of yours is half a place too high: each child is equal to itself, and is to be
    counted among the equals only where others are."""
    return _spread(_places(values) + 0.5, values)


def counts_levels(values: Tensor) -> Tensor:
    """You number the different values. A group of three equals takes three places, so those above
    it stand three places higher, not one."""
    levels = values.unique(return_inverse=True)[1]
    return (levels / max(1, int(levels.max())) - 0.5).to(values.dtype)


def starts_at_one(values: Tensor) -> Tensor:
    """Your places run from 1 to n. The first is 0, so that the weights run from -0.5 to 0.5."""
    return _spread(_places(values) + 1, values)


def does_not_center(values: Tensor) -> Tensor:
    """Your weights run from 0 to 1. Subtract a half, so that they add up to 0."""
    return _spread(_places(values), values) + 0.5


def spans_two(values: Tensor) -> Tensor:
    """Your weights run from -1 to 1. They are to run from -0.5 to 0.5."""
    return 2 * _spread(_places(values), values)


def puts_the_best_last(values: Tensor) -> Tensor:
    """Your weights have the wrong sign: the best child is to get the largest weight."""
    return -_spread(_places(values), values)


def divides_by_the_number(values: Tensor) -> Tensor:
    """You divide the places by n. The last place is n - 1, and the best child is to get 0.5."""
    return (_places(values) / len(values) - 0.5).to(values.dtype)


def centers_on_the_cells(values: Tensor) -> Tensor:
    """You put each child in the middle of one of n cells, so the best gets less than 0.5. Both
    ends are reached: divide the places by n - 1."""
    return ((_places(values) + 0.5) / len(values) - 0.5).to(values.dtype)


def standardises_the_values(values: Tensor) -> Tensor:
    """You standardise the values. Ranks forget the values and keep only who is better than whom."""
    return (values - values.mean()) / values.std(correction=0).clamp(min=1e-12)


def scales_the_values(values: Tensor) -> Tensor:
    """You stretch the values themselves from -0.5 to 0.5. Ranks have even steps, however far apart
    two values lie."""
    reach = (values.max() - values.min()).clamp(min=1e-12)
    return (values - values.min()) / reach - 0.5


def returns_whole_numbers(values: Tensor) -> Tensor:
    """You return the places themselves, from 0 to n - 1. Divide by n - 1 and subtract 0.5."""
    return _places(values).to(values.dtype)


# --- shared_seed_update --------------------------------------------------------------------


def _mean_step(
    theta: Tensor,
    scalars: dict[int, float],
    rows: Iterable[Tensor],
) -> Tensor:
    """The mean of numbers times noise, in the order of the dictionary's ids."""
    total = torch.zeros_like(theta)
    for worker, row in zip(sorted(scalars), rows, strict=True):
        total = total + scalars[worker] * row
    return total / len(scalars)


def _right_step(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise
) -> Tensor:
    rows = (noise(seed, generation, worker, len(theta)) for worker in sorted(scalars))
    return _mean_step(theta, scalars, rows)


def pairs_by_arrival(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You give the first number that arrives to worker 0, the second to worker 1, and so on. The
    key of the dictionary says who sent a number: it weighs that worker's noise."""
    total = torch.zeros_like(theta)
    for place, number in enumerate(scalars.values()):
        total = total + number * noise(seed, generation, place, len(theta))
    return theta + lr * total / (2 * sigma * len(scalars))


def adds_as_they_arrive(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """Your sum depends, in its last bits, on the order in which the numbers arrive, and that is
    another one at each worker. Add in an order that all know, such as that of the ids."""
    total = torch.zeros_like(theta)
    for worker, number in scalars.items():
        total = total + number * noise(seed, generation, worker, len(theta))
    return theta + lr * total / (2 * sigma * len(scalars))


def counts_pairs_twice(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You divide by 2 n because each worker tries two children. The half difference of a pair is
    one sample, and its 2 is in 2 sigma already: the mean has n."""
    return theta + lr * _right_step(theta, scalars, seed, generation, noise) / (4 * sigma)


def sums_over_the_workers(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You add the workers up. Their mean is the gradient; a sum grows with every worker."""
    step = len(scalars) * _right_step(theta, scalars, seed, generation, noise)
    return theta + lr * step / (2 * sigma)


def forgets_the_two(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """Your step is twice what it should be: the two children of a pair are 2 sigma apart."""
    return theta + lr * _right_step(theta, scalars, seed, generation, noise) / sigma


def forgets_sigma(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """Your step is not divided by sigma: a difference becomes a slope when it is divided by the
    way between the two children, 2 sigma."""
    return theta + lr * _right_step(theta, scalars, seed, generation, noise) / 2


def divides_by_sigma_squared(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You divide by sigma twice. Once, since eps and not sigma eps stands in the sum."""
    return theta + lr * _right_step(theta, scalars, seed, generation, noise) / (2 * sigma**2)


def steps_naturally(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You multiply by sigma. That is the natural gradient, (9.5); the plain one divides by it."""
    return theta + lr * _right_step(theta, scalars, seed, generation, noise) * sigma / 2


def steps_downhill(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You subtract the step. The number is the fitness ahead less the fitness behind, and fitness
    is maximised: add it."""
    return theta - lr * _right_step(theta, scalars, seed, generation, noise) / (2 * sigma)


def forgets_the_rate(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """The learning rate is missing: the step is lr times the gradient."""
    return theta + _right_step(theta, scalars, seed, generation, noise) / (2 * sigma)


def returns_the_step(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You return the step. The new parameters are wanted: theta plus the step."""
    return lr * _right_step(theta, scalars, seed, generation, noise) / (2 * sigma)


def makes_one_noise_for_all(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You weigh the noise of worker 0 with every number. Make that of the worker who sent it."""
    rows = (noise(seed, generation, 0, len(theta)) for _ in scalars)
    return theta + lr * _mean_step(theta, scalars, rows) / (2 * sigma)


def forgets_the_generation(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You make the noise of generation 0. The numbers were measured with that of this one."""
    return theta + lr * _right_step(theta, scalars, seed, 0, noise) / (2 * sigma)


def swaps_seed_and_generation(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You call noise with the generation first. Its arguments are seed, generation, worker, d."""
    return theta + lr * _right_step(theta, scalars, generation, seed, noise) / (2 * sigma)


def standardises_the_numbers(
    theta: Tensor, scalars: dict[int, float], seed: int, generation: int, noise: Noise,
    sigma: float, lr: float
) -> Tensor:  # fmt: skip
    """You standardise the numbers before you use them. Here they are used as they come: pairs need
    no baseline."""
    all_of_them = torch.tensor(list(scalars.values()), dtype=theta.dtype)
    mean, spread = float(all_of_them.mean()), float(all_of_them.std(correction=0)) or 1.0
    scaled = {worker: (number - mean) / spread for worker, number in scalars.items()}
    return theta + lr * _right_step(theta, scaled, seed, generation, noise) / (2 * sigma)


# --- worker_eps ----------------------------------------------------------------------------


def _row(seed: int, row: int, d: int) -> Tensor:
    return normal(seed, range(row, row + 1), d, dtype=torch.float64)[0]


def adds_all_three(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Seed, generation and worker are added, as in the suspect: worker 1 now and worker 0 in the
    next generation have the same sum, hence the same noise."""
    return _row(seed + generation + worker, 0, d)


def adds_generation_and_worker(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Your row is generation plus worker: worker 1 now and worker 0 in the next generation share
    it. Leave room for all workers of a generation."""
    return _row(seed, generation + worker, d)


def multiplies_them(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Your row is generation times worker: 2 times 3 is 3 times 2, and in generation 0 all have
    row 0."""
    return _row(seed, generation * worker, d)


def has_one_noise_for_all(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Your noise does not depend on the worker: all of them try the same children. Add the worker
    to the row."""
    return _row(seed, 1000 * generation, d)


def repeats_every_generation(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Your noise does not depend on the generation, so the crew moves along the same few directions
    for ever. Add 1000 rows for each generation."""
    return _row(seed, worker, d)


def swaps_generation_and_worker(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Your row is 1000 times the worker plus the generation. The row is that of
    1000 times the generation, plus the worker."""
    return _row(seed, 1000 * worker + generation, d)


def counts_workers_from_one(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Your row is one too high. Worker 0 of generation 0 has row 0."""
    return _row(seed, 1000 * generation + worker + 1, d)


def has_room_for_a_hundred(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You leave room for 100 workers in a generation. A crew may have 1000."""
    return _row(seed, 100 * generation + worker, d)


def adds_the_worker_to_the_seed(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You add the worker to the seed: then worker 1 under seed 0 has the noise of worker 0 under
    seed 1, and two runs are not independent. The seed alone names the table."""
    return _row(seed + worker, 1000 * generation, d)


def adds_the_generation_to_the_seed(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You add the generation to the seed: then run 1 is run 0, one generation later. The seed alone
    names the table."""
    return _row(seed + generation, worker, d)


def makes_a_seed_of_the_address(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You add the address to the seed. Then the seeds of one run are those of another: worker 1
    under seed 0 has the noise of worker 0 under seed 1. Only the row may count up."""
    return _row(seed + 1000 * generation + worker, 0, d)


def stops_one_row_short(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Your row is one too low: normal(seed, r, d) makes the rows 0 to r - 1, and row r is not among
    them."""
    return normal(seed, 1000 * generation + worker, d, dtype=torch.float64)[-1]


def takes_the_first_row(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You always return row 0 of the table: a range that starts at 0 starts with row 0, and that is
    what [0] takes. Begin the range at the row that you want."""
    return _row(seed, 0, d)


def ignores_the_seed(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Your noise does not depend on the seed: every run would be the same run."""
    return _row(0, 1000 * generation + worker, d)


def hashes_a_tuple(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You make a seed by Python's hash. Two addresses may have the same one, and for texts it is
    another one in every process. The row of the table has neither trouble."""
    return _row(hash((seed, generation, worker)) % 2**31, 0, d)


def draws_from_a_generator(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You draw from a generator of torch. That is noise as well, but not the table that the others
    use, so their numbers would be paired with other noise. Take the row that normal makes."""
    rng = torch.Generator().manual_seed(seed + 1000 * generation + worker)
    return torch.randn(d, dtype=torch.float64, generator=rng)


def draws_in_single_precision(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """Your noise is in single precision: ask for dtype=torch.float64."""
    return _row(seed, 1000 * generation + worker, d).float()


def widens_single_precision(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You draw in single precision and convert afterwards: the values are right to seven digits,
    and the last bits are not those of the others. Ask for dtype=torch.float64."""
    return _row(seed, 1000 * generation + worker, d).float().double()


def returns_a_table(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You return a table of one row, shape (1, d). Take its row 0."""
    return _row(seed, 1000 * generation + worker, d)[None]


def returns_a_column(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """You return a column of the table. Members are its rows, and a worker is a member: the second
    argument of normal says which rows, the third which columns."""
    row = 1000 * generation + worker
    return normal(seed, d, range(row, row + 1), dtype=torch.float64)[:, 0]


# --- train_nes -----------------------------------------------------------------------------


def _gradient(weights: Tensor, eps: Tensor, sigma: float) -> Tensor:
    return weights @ eps / (len(eps) * sigma)


def trains_downhill(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """Your parents go downhill. Fitness is maximised: add the gradient."""
    return _train(f, theta, sigma, -lr, noise, shape)


def spreads_the_children_without_sigma(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """Your children are theta plus eps. They are theta plus sigma eps."""

    def spread(points: Tensor, seed: int, parent: Tensor) -> Tensor:
        return f(parent + (points - parent) / sigma, seed)

    return _train_by(spread, theta, sigma, lr, noise, shape)


def steps_without_sigma(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """Your step is not divided by sigma."""
    return _train(f, theta, sigma, lr * sigma, noise, shape)


def steps_by_the_variance(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """You divide the step by sigma squared. Once is enough, since eps and not sigma eps is
    weighed."""
    return _train(f, theta, sigma, lr / sigma, noise, shape)


def takes_natural_steps(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """You multiply by sigma. That is the natural gradient, (9.5); the plain one divides by it."""
    return _train(f, theta, sigma, lr * sigma**2, noise, shape)


def adds_up_a_generation(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """You add the children up. Their mean makes the step."""
    return _train(f, theta, sigma, lr * noise.shape[1], noise, shape)


def plays_one_seed_for_ever(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """You play every generation from the same seed, so your policy learns one start by heart. The
    seed of generation g is g."""
    return _train(lambda points, seed: f(points, 0), theta, sigma, lr, noise, shape)


def counts_generations_from_one(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """Your seeds start at 1. The first generation has the seed 0."""
    return _train(lambda points, seed: f(points, seed + 1), theta, sigma, lr, noise, shape)


def keeps_the_first_noise(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """You use the noise of generation 0 in every generation. That of generation g is noise[g]."""
    return _train(f, theta, sigma, lr, noise[:1].expand_as(noise), shape)


def stays_with_the_first_parent(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """All your children are children of the first parent. Those of generation g belong to the
    parent of generation g."""
    return _train_by(
        lambda points, seed, parent: f(theta + (points - parent), seed),
        theta, sigma, lr, noise, shape,
    )  # fmt: skip


def steps_from_the_first_parent(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """You add each step to the first parent. It belongs on top of the parent whose children were
    weighed, the last one."""
    parents = [theta]
    for generation, eps in enumerate(noise):
        weights = shape(f(parents[-1] + sigma * eps, generation))
        parents.append(theta + lr * _gradient(weights, eps, sigma))
    return torch.stack(parents)


def never_moves(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """Every generation of yours starts from the first parent, its children and its step: theta is
    never replaced. Begin with the parent that the last generation made."""
    steps = [
        _gradient(shape(f(theta + sigma * eps, generation)), eps, sigma)
        for generation, eps in enumerate(noise)
    ]
    return torch.stack([theta, *(theta + lr * step for step in steps)])


def takes_the_best_child(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """Your next parent is the best child. It was lucky, with its noise and its start; the parent
    moves along the gradient, in which all children have a say."""
    parents = [theta]
    for generation, eps in enumerate(noise):
        points = parents[-1] + sigma * eps
        parents.append(points[f(points, generation).argmax()])
    return torch.stack(parents)


def takes_the_mean_child(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """Your next parent is the plain mean of the children, whatever their fitness. Weigh them."""
    parents = [theta]
    for eps in noise:
        parents.append(parents[-1] + sigma * eps.mean(0))
    return torch.stack(parents)


def weighs_the_points(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """You weigh the children themselves. Weigh their noise, eps: the parent in them has nothing to
    do with which way is up."""
    parents = [theta]
    for generation, eps in enumerate(noise):
        points = parents[-1] + sigma * eps
        weights = shape(f(points, generation))
        parents.append(parents[-1] + lr * _gradient(weights, points, sigma))
    return torch.stack(parents)


def forgets_the_shape(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """You weigh by the fitness itself. shape turns the fitness of a generation into weights."""
    return _train(f, theta, sigma, lr, noise, lambda values: values)


def returns_the_last_parent(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """You return the last parent alone. All of them are wanted, the first one too."""
    return _train(f, theta, sigma, lr, noise, shape)[-1]


def leaves_out_the_start(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """The first parent is missing: theta itself is the first row."""
    return _train(f, theta, sigma, lr, noise, shape)[1:]


def leaves_out_the_end(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """The last parent is missing, the one that the last generation makes: it is the result of the
    training."""
    return _train(f, theta, sigma, lr, noise, shape)[:-1]


def moves_all_parents_at_once(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    """All your rows are the last parent: your += moves one tensor, which stands in the list many
    times, and is the caller's. Make a new one in each generation."""
    parents = [theta]
    for generation, eps in enumerate(noise):
        theta += lr * _gradient(shape(f(theta + sigma * eps, generation)), eps, sigma)
        parents.append(theta)
    return torch.stack(parents)


def _train(
    f: Fitness, theta: Tensor, sigma: float, lr: float, noise: Tensor, shape: Shape
) -> Tensor:
    return _train_by(lambda points, seed, _: f(points, seed), theta, sigma, lr, noise, shape)


def _train_by(
    f: Callable[[Tensor, int, Tensor], Tensor], theta: Tensor, sigma: float, lr: float,
    noise: Tensor, shape: Shape
) -> Tensor:  # fmt: skip
    """Of a fitness that also sees the parent."""
    parents = [theta]
    for generation, eps in enumerate(noise):
        weights = shape(f(parents[-1] + sigma * eps, generation, parents[-1]))
        parents.append(parents[-1] + lr * _gradient(weights, eps, sigma))
    return torch.stack(parents)


NES_GRADIENT = Known(
    reread="lecture 09, “The search gradient”",
    mistakes=[
        forgets_to_divide_by_sigma,
        divides_by_the_variance,
        takes_the_natural_gradient,
        halves_as_for_pairs,
        sums_over_the_children,
        divides_by_one_less,
        divides_by_the_root,
        goes_downhill,
        means_over_the_parameters,
        keeps_the_children,
        subtracts_the_mean,
        standardises,
        standardises_by_n_minus_one,
        divides_by_the_parameters,
        multiplies_the_means,
        follows_the_best,
    ],
)
CENTERED_RANKS = Known(
    reread="lecture 09, “Ranks”",
    mistakes=[
        sorts_once,
        returns_the_sorted_weights,
        breaks_ties_by_place_in_the_list,
        takes_the_lowest_place,
        takes_the_highest_place,
        counts_itself_as_an_equal,
        counts_levels,
        starts_at_one,
        does_not_center,
        spans_two,
        puts_the_best_last,
        divides_by_the_number,
        centers_on_the_cells,
        standardises_the_values,
        scales_the_values,
        returns_whole_numbers,
    ],
)
SHARED_SEED_UPDATE = Known(
    reread="lecture 09, “One number a worker”",
    mistakes=[
        pairs_by_arrival,
        adds_as_they_arrive,
        counts_pairs_twice,
        sums_over_the_workers,
        forgets_the_two,
        forgets_sigma,
        divides_by_sigma_squared,
        steps_naturally,
        steps_downhill,
        forgets_the_rate,
        returns_the_step,
        makes_one_noise_for_all,
        forgets_the_generation,
        swaps_seed_and_generation,
        standardises_the_numbers,
    ],
)
WORKER_EPS = Known(
    reread="lecture 09, “One number a worker”",
    mistakes=[
        adds_all_three,
        adds_generation_and_worker,
        multiplies_them,
        has_one_noise_for_all,
        repeats_every_generation,
        swaps_generation_and_worker,
        counts_workers_from_one,
        has_room_for_a_hundred,
        adds_the_worker_to_the_seed,
        adds_the_generation_to_the_seed,
        makes_a_seed_of_the_address,
        stops_one_row_short,
        takes_the_first_row,
        ignores_the_seed,
        hashes_a_tuple,
        draws_from_a_generator,
        draws_in_single_precision,
        widens_single_precision,
        returns_a_table,
        returns_a_column,
    ],
)
TRAIN_NES = Known(
    reread="lecture 09, “CartPole”",
    mistakes=[
        trains_downhill,
        spreads_the_children_without_sigma,
        steps_without_sigma,
        steps_by_the_variance,
        takes_natural_steps,
        adds_up_a_generation,
        plays_one_seed_for_ever,
        counts_generations_from_one,
        keeps_the_first_noise,
        stays_with_the_first_parent,
        steps_from_the_first_parent,
        never_moves,
        takes_the_best_child,
        takes_the_mean_child,
        weighs_the_points,
        forgets_the_shape,
        returns_the_last_parent,
        leaves_out_the_start,
        leaves_out_the_end,
        moves_all_parents_at_once,
    ],
)
