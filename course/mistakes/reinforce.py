"""Known mistakes of exercise 07: weights, a log-density, REINFORCE, a critic, a calm baseline.

JupyterLab takes a slash in a message for a path and colours it, so there is none.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course.checks import Known

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


# --- reward_to_go --------------------------------------------------------------------------


def counts_from_the_start(rewards: Tensor, gamma: float) -> Tensor:
    """These are the rewards up to this step. A push changes what comes after it: sum from this step
    to the last."""
    return _so_far(rewards, gamma)


def leaves_it_turned_round(rewards: Tensor, gamma: float) -> Tensor:
    """Your sums run from the end, and so do your rows: turn the result round once more, so that row
    0 is the first step."""
    return _to_go(rewards, gamma).flip(0)


def sums_over_the_flights(rewards: Tensor, gamma: float) -> Tensor:
    """You sum from flight to flight, along the second axis. Time is the first axis."""
    return _to_go(rewards.T, gamma).T


def starts_after_the_push(rewards: Tensor, gamma: float) -> Tensor:
    """Your sum starts one step late. The reward of step t is paid for the push of step t: it
    belongs to row t."""
    return _shifted(_to_go(rewards, gamma))


def leaves_the_last_row_empty(rewards: Tensor, gamma: float) -> Tensor:
    """Your last row is 0, and the last reward is missing everywhere: the last push is paid for,
    too. G of the last step is its own reward."""
    out = torch.zeros_like(rewards)
    for t in reversed(range(len(rewards) - 1)):
        out[t] = rewards[t] + gamma * out[t + 1]
    return out


def starts_a_step_early(rewards: Tensor, gamma: float) -> Tensor:
    """Your row t starts with the reward before step t, which this push cannot have changed."""
    to_go = _to_go(rewards, gamma)
    return torch.cat((to_go[:1], to_go[:-1]))


def gives_all_the_return(rewards: Tensor, gamma: float) -> Tensor:
    """Every row is the whole return. Row t starts at step t. (total += row gives that too, since it
    changes the tensor that is in your list already.)"""
    return _to_go(rewards, gamma)[:1].expand_as(rewards).clone()


def returns_the_return(rewards: Tensor, gamma: float) -> Tensor:
    """One number for each flight came back, its return. One for each step is wanted as well."""
    return _to_go(rewards, gamma)[0]


def averages_what_is_left(rewards: Tensor, gamma: float) -> Tensor:
    """You divide by the number of steps that are left. The reward-to-go is a sum."""
    left = torch.arange(len(rewards), 0, -1, dtype=rewards.dtype)
    return _to_go(rewards, gamma) / left[:, None]


def averages_the_flights(rewards: Tensor, gamma: float) -> Tensor:
    """You average over the flights. Each flight keeps its own."""
    return _to_go(rewards, gamma).mean(1, keepdim=True)


def gives_the_rewards(rewards: Tensor, gamma: float) -> Tensor:
    """These are the rewards themselves: a push would only get what is paid at once."""
    return rewards.clone()


def looks_one_step_ahead(rewards: Tensor, gamma: float) -> Tensor:
    """Row t holds r_t and the next reward only. All later rewards count: use the row below of the
    result, not of the rewards."""
    return rewards + gamma * _shifted(rewards)


def subtracts_the_later(rewards: Tensor, gamma: float) -> Tensor:
    """You subtract what comes later: it is r_t plus gamma times the row below."""
    return _to_go(rewards, -gamma)


def forgets_gamma(rewards: Tensor, gamma: float) -> Tensor:
    """gamma is not used: every further step costs a factor gamma."""
    return _to_go(rewards, 1.0)


def discounts_from_the_start(rewards: Tensor, gamma: float) -> Tensor:
    """You discount from the start of the flight, gamma to the power t'. Step t counts from itself:
    gamma to the power t' - t, and its own reward in full."""
    return _to_go(rewards * _powers(rewards, gamma), 1.0)


def discounts_its_own_reward(rewards: Tensor, gamma: float) -> Tensor:
    """Everything is one factor gamma too small. The reward of step t itself is not discounted: the
    power is t' - t, which starts at 0."""
    return gamma * _to_go(rewards, gamma)


def discounts_from_the_end(rewards: Tensor, gamma: float) -> Tensor:
    """Your discount is the wrong way round: the last reward counts in full and r_t least. The
    farther a reward is from step t, the less it counts."""
    weighted = rewards * _powers(rewards, gamma).flip(0)
    return _to_go(weighted, 1.0)


def discounts_the_sum(rewards: Tensor, gamma: float) -> Tensor:
    """You sum first and then multiply row t by gamma to the power t. Each reward has its own power,
    t' - t: multiply the row below by gamma before you add."""
    return _to_go(rewards, 1.0) * _powers(rewards, gamma)


def changes_the_rewards(rewards: Tensor, gamma: float) -> Tensor:
    """Your function changes the caller's rewards in place. Work on rewards.clone(), or write
    total = row + gamma * total."""
    for t in reversed(range(len(rewards) - 1)):
        rewards[t] += gamma * rewards[t + 1]
    return rewards


# --- log_prob_gaussian ---------------------------------------------------------------------


def forgets_the_half(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The square is not halved: it is the squared distance divided by 2 sigma²."""
    return (-(((actions - mean) / sigma) ** 2) - _norm(sigma)).sum(-1)


def divides_and_multiplies(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """You divide by 2 and multiply by sigma squared. What is to be divided by goes in brackets:
    (2 * sigma**2)."""
    square = -((actions - mean) ** 2) / 2 * sigma**2
    return (square - _norm(sigma)).sum(-1)


def forgets_sigma_in_front(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The term - log(sigma) is missing: a wider policy makes each single action less likely."""
    return (_square(actions, mean, sigma) - _norm(1.0)).sum(-1)


def forgets_the_constant(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The plain number is missing: half the logarithm of 2 pi, for each number of an action."""
    return (_square(actions, mean, sigma) - math.log(sigma)).sum(-1)


def keeps_the_square_alone(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """This is the exponent alone. The factor in front of the exponential has a logarithm, too, in
    which sigma stands."""
    return _square(actions, mean, sigma).sum(-1)


def takes_no_root_of_two_pi(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """Your plain number is log(2 pi). In the density stands the root of 2 pi: half of it."""
    return (_square(actions, mean, sigma) - math.log(sigma) - math.log(2 * math.pi)).sum(-1)


def counts_the_front_once(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The factor in front is counted once for each action. Every one of its k numbers has a
    density, so it counts k times."""
    return _square(actions, mean, sigma).sum(-1) - _norm(sigma)


def takes_sigma_for_a_variance(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """You take sigma for the variance. It is a standard deviation."""
    return _log_prob(actions, mean, math.sqrt(sigma)).sum(-1)


def gives_the_variance(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """You use sigma² where the standard deviation stands. torch's Normal, for one, takes a standard
    deviation."""
    return _log_prob(actions, mean, sigma**2).sum(-1)


def divides_by_sigma_once(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The squared distance is divided by 2 sigma; it is 2 sigma²."""
    return (-((actions - mean) ** 2) / (2 * sigma) - _norm(sigma)).sum(-1)


def takes_twice_the_logarithm(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """In front stands 1 divided by sigma, so - log(sigma); yours is twice that."""
    return (_square(actions, mean, sigma) - _norm(sigma) - math.log(sigma)).sum(-1)


def adds_the_logarithm(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """log(sigma) has the wrong sign: in front stands 1 divided by sigma."""
    return (_square(actions, mean, sigma) - _norm(sigma) + 2 * math.log(sigma)).sum(-1)


def adds_the_square(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The square has the wrong sign: what is far from the mean is less likely."""
    return (-_square(actions, mean, sigma) - _norm(sigma)).sum(-1)


def takes_the_distance(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """You use the distance where its square stands."""
    return (-((actions - mean) / sigma).abs() / 2 - _norm(sigma)).sum(-1)


def gives_the_density(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """This is the density; its logarithm is wanted."""
    return _log_prob(actions, mean, sigma).sum(-1).exp()


def gives_the_loss(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """The sign is wrong: this is a loss to be minimised, and log π is wanted."""
    return -_log_prob(actions, mean, sigma).sum(-1)


def gives_each_number(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """One value for each number of an action came back. The action's logarithm is their sum, over
    the last axis."""
    return _log_prob(actions, mean, sigma)


def averages_the_numbers(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """You average over the k numbers of an action. A product of k densities has a sum of
    logarithms."""
    return _log_prob(actions, mean, sigma).mean(-1)


def sums_over_the_wrong_axis(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """You sum over the flights. The numbers of an action are on the last axis, and each flight
    keeps its own value."""
    return _log_prob(actions, mean, sigma).sum(1)


def sums_over_the_time(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """You sum over the steps. The numbers of an action are on the last axis, and each step keeps
    its own value."""
    return _log_prob(actions, mean, sigma).sum(0)


def sums_everything(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """One number came back for everything: sum over the last axis only, .sum(-1)."""
    return _log_prob(actions, mean, sigma).sum()


# --- reinforce -----------------------------------------------------------------------------


def drops_the_last_score(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """The last score is missing: sum over t = 0 to T - 1, all T of them. The last push changes the
    last reward. Reread: lecture 07, “The laws of motion drop out”"""
    return _rows(scores, _weights(rewards, baseline, to_go))[:-1].sum(0)


def drops_the_first_score(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """The first score is missing: sum over t = 0 to T - 1, all T of them."""
    return _rows(scores, _weights(rewards, baseline, to_go))[1:].sum(0)


def forgets_the_reward_of_the_push(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """Your weights start with the reward after the push. The reward of its own step is the first
    that a push can change."""
    if not to_go:
        return _right(scores, rewards, baseline, to_go)
    return _rows(scores, _shifted(_to_go(rewards, 1.0)) - baseline).sum(0)


def always_goes_to_go(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """With to_go = False your pushes get the rewards from their own step on. There every push gets
    the whole return."""
    return _right(scores, rewards, baseline, True)


def always_takes_the_whole(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """With to_go = True your pushes get the whole return. There a push gets the rewards from its
    own step on."""
    return _right(scores, rewards, baseline, False)


def praises_the_past(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """A push gets the rewards up to its step, which it cannot have changed but for the last of
    them. Sum from its step on."""
    if not to_go:
        return _right(scores, rewards, baseline, to_go)
    return _rows(scores, _so_far(rewards, 1.0) - baseline).sum(0)


def praises_at_once(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """A push gets the reward of its own step only. It also changes the later ones: sum them."""
    if not to_go:
        return _right(scores, rewards, baseline, to_go)
    return _rows(scores, rewards - baseline).sum(0)


def subtracts_from_each_reward(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You subtract the baseline from each reward, so it counts as often as there are rewards left.
    Sum the rewards first, then subtract it once. Reread: lecture 07, “Better than expected”"""
    left = torch.arange(len(rewards), 0, -1, dtype=rewards.dtype)[:, None]
    return _right(scores, rewards, baseline * (left if to_go else left[:1]), to_go)


def subtracts_it_before_the_sum(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You subtract the baseline from the rewards and then sum. Sum the rewards first, then subtract
    the baseline of the step, once. Reread: lecture 07, “Better than expected”"""
    return _right(scores, rewards - baseline, 0.0, to_go)


def adds_the_baseline(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """The baseline is added; it is what was to be expected, so subtract it."""
    return _right(scores, rewards, -1 * baseline, to_go)


def forgets_the_baseline(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """The baseline is missing: the weight is the return minus the baseline."""
    return _right(scores, rewards, 0.0, to_go)


def subtracts_it_from_the_row(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You subtract the baseline without its score. It is a part of the weight: in the bracket,
    before the score multiplies it."""
    level = (baseline + 0 * rewards).sum(0)[:, None]
    return _right(scores, rewards, 0.0, to_go) - level


def multiplies_two_sums(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You sum the weights, sum the scores, and multiply the sums, so that each score meets all
    weights. Multiply at each step, then sum."""
    weights = _weights(rewards, baseline, to_go)
    return weights.sum(0)[:, None] * scores.sum(0)


def mixes_the_flights(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You average the weights over the flights before the scores multiply them: a product of means.
    Each flight's scores meet its own rewards."""
    return _rows(scores, _weights(rewards, baseline, to_go).mean(1, keepdim=True)).sum(0)


def compares_within_the_batch(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You also subtract the mean of the flights. Only the given baseline is subtracted."""
    weights = _weights(rewards, baseline, to_go)
    return _rows(scores, weights - weights.mean(1, keepdim=True)).sum(0)


def normalises_the_weights(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You divide the weights by their standard deviation. That changes the length of the gradient:
    here the weights are taken as they are."""
    weights = _weights(rewards, baseline, to_go)
    return _rows(scores, weights / (weights.std(correction=0) + 1e-8)).sum(0)


def averages_the_steps(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You average over the steps. The gradient is their sum: a flight of T steps would give one
    that is T times too short."""
    return _rows(scores, _weights(rewards, baseline, to_go)).mean(0)


def points_downhill(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """The sign is wrong: this is the gradient of a loss, and we maximise."""
    return -_right(scores, rewards, baseline, to_go)


def returns_the_mean(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """The mean of the flights came back. One row for each flight is wanted, (n, d); the reader
    takes the mean."""
    return _right(scores, rewards, baseline, to_go).mean(0)


def sums_the_flights(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You sum over the flights, and one row for each step came back. Sum over the steps, the first
    axis: one row for each flight."""
    return _rows(scores, _weights(rewards, baseline, to_go)).sum(1)


def sums_the_parameters(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """You sum over the d parameters. Each has a slope of its own: (n, d) is wanted."""
    return _right(scores, rewards, baseline, to_go).sum(1)


def forgets_to_sum(
    scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool
) -> Tensor:
    """The sum over the steps is missing: one row for each step and flight came back."""
    return _rows(scores, _weights(rewards, baseline, to_go))


# --- fit_value_baseline --------------------------------------------------------------------


def fits_without_a_constant(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """The constant is missing: the columns are 1, s and s²."""
    return _fitted(states, to_go, new_states, (1, 2))


def fits_a_line(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """You fit a straight line; the square of the state is missing."""
    return _fitted(states, to_go, new_states, (0, 1))


def fits_a_symmetric_parabola(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """The state itself is missing among your columns: they are 1, s and s²."""
    return _fitted(states, to_go, new_states, (0, 2))


def fits_a_cubic(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """Your columns go up to s³. A parabola has 1, s and s²."""
    return _fitted(states, to_go, new_states, (0, 1, 2, 3))


def fits_the_mean(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """This is the mean at each step, which knows nothing of the state. Fit a parabola in s."""
    return to_go.mean(1, keepdim=True).expand_as(new_states).clone()


def fits_all_steps_at_once(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """You fit one parabola for all steps. Fewer steps are left later in the flight, so each step
    has one of its own."""
    once = _fitted(states.reshape(1, -1), to_go.reshape(1, -1), new_states.reshape(1, -1))
    return once.reshape(new_states.shape)


def fits_the_rewards(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """You fit the rewards of single steps, the differences of to_go. Fit to_go itself."""
    return _fitted(states, to_go - _shifted(to_go), new_states)


def fits_the_return(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """At every step you fit the whole return, to_go[0]. Fit the reward-to-go of the step."""
    return _fitted(states, to_go[:1].expand_as(to_go), new_states)


def asks_the_old_flights(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """These are the values at the states of the fit. They are asked for at new_states."""
    return _fitted(states, to_go, states)


def fits_the_next_states(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """You fit the states of the next step, which know the push. The value belongs to the state
    before the push: row t of states goes with row t of to_go."""
    return _fitted(torch.cat((states[1:], states[-1:])), to_go, new_states)


def takes_the_next_parabola(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """Your steps are shifted by one: at step t you use the parabola of step t + 1."""
    c = _coefficients(states, to_go)
    return _at(torch.cat((c[1:], c[-1:])), new_states)


def takes_one_slope_for_all(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """Your coefficients are averaged over the steps. Each step keeps its own parabola."""
    c = _coefficients(states, to_go)
    return _at(c.mean(0, keepdim=True).expand_as(c), new_states)


def shrinks_the_parabola(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """Something is added to the diagonal of the normal equations, which pulls the parabola towards
    0. Plain least squares is wanted."""
    x = _features(states)
    gram = x.mT @ x + torch.eye(3, dtype=x.dtype)
    return _at(torch.linalg.solve(gram, x.mT @ to_go[..., None]), new_states)


def solves_the_normal_equations(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """Where all flights are in one state, as at the start, the normal equations have more than one
    solution, and solve and inv give up. lstsq and pinv choose one."""
    x = _features(states)
    return _at(torch.linalg.solve(x.mT @ x, x.mT @ to_go[..., None]), new_states)


def inverts_the_normal_matrix(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """Where all flights are in one state, as at the start, the matrix has no inverse. lstsq and
    pinv choose one of the many parabolas."""
    x = _features(states)
    return _at(torch.linalg.inv(x.mT @ x) @ x.mT @ to_go[..., None], new_states)


def returns_the_coefficients(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """The coefficients came back. The values at new_states are wanted: multiply the table of the
    new states with them."""
    return _coefficients(states, to_go)[..., 0]


def keeps_an_axis_of_length_one(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """A last axis of length 1 is left over. [..., 0] takes it away."""
    return _fitted(states, to_go, new_states)[..., None]


def points_the_wrong_way(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """The sign is wrong: the value estimates the reward-to-go itself, not a cost."""
    return -_fitted(states, to_go, new_states)


# --- zero_noise_baseline -------------------------------------------------------------------


def stays_at_the_start(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """The state never moves: step returns the next state first, and the flight goes on from
    there."""
    return _to_go(step(start, gain * start)[1].expand(T, -1), 1.0)


def never_pushes(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """Your flight without noise is one without pushes. The action without noise is gain * state."""
    return _to_go(_calm(step, lambda s: 0 * s, start, T), 1.0)


def pushes_as_at_the_start(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """Every push is gain * start. The policy looks at each step: gain * state."""
    return _to_go(_calm(step, lambda _: gain * start, start, T), 1.0)


def pushes_by_the_gain(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """The action is the gain itself. It is proportional to the state: gain * state."""
    return _to_go(_calm(step, lambda s: torch.full_like(s, gain), start, T), 1.0)


def pushes_the_other_way(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """Your action is -gain * state. Here the gain has its sign in it: gain * state."""
    return _to_go(_calm(step, lambda s: -gain * s, start, T), 1.0)


def keeps_single_rewards(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """These are the single rewards. Row t is their sum from step t on."""
    return _rewards(step, gain, start, T)


def starts_the_sum_late(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """Your sum starts one step late: row t holds the reward of step t as well, and the last row is
    the last reward."""
    return _shifted(_to_go(_rewards(step, gain, start, T), 1.0))


def sums_from_the_start(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """You sum the rewards up to this step. Row t is the sum from step t to the last."""
    return _so_far(_rewards(step, gain, start, T), 1.0)


def leaves_the_sums_turned_round(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """Your rows run from the last step to the first. Turn the result round."""
    return _to_go(_rewards(step, gain, start, T), 1.0).flip(0)


def repeats_the_return(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """Every row is the return of the whole flight. Row t starts at step t."""
    return _rewards(step, gain, start, T).sum(0).expand(T, -1).clone()


def gives_the_return_alone(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """One number for each flight came back. One for each step is wanted as well, (T, n)."""
    return _rewards(step, gain, start, T).sum(0)


def flies_a_step_too_far(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """You add the reward of one step too many: T steps are t = 0 to T - 1."""
    return _to_go(_rewards(step, gain, start, T + 1), 1.0)[:T]


def returns_a_row_too_many(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """There is one row too many: T steps are t = 0 to T - 1."""
    return _to_go(_rewards(step, gain, start, T + 1), 1.0)


def forgets_the_last_step(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """The last step is missing from your sums: T steps are t = 0 to T - 1."""
    rewards = _rewards(step, gain, start, T)
    return _to_go(torch.cat((rewards[:-1], 0 * rewards[-1:])), 1.0)


def forgets_the_first_step(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """Your flight begins one step late: the first reward is that of the start itself."""
    first, _ = step(start, gain * start)
    return _to_go(_rewards(step, gain, first, T), 1.0)


def averages_the_starts(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """You average over the flights. Each start has a flight of its own."""
    to_go = _to_go(_rewards(step, gain, start, T), 1.0)
    return to_go.mean(1, keepdim=True).expand_as(to_go).clone()


def flies_from_the_mean(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """You fly once, from the mean of the starts. Each start has a flight of its own."""
    return _to_go(_rewards(step, gain, start.mean().expand_as(start), T), 1.0)


def averages_the_rewards(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """You divide by the number of steps that are left. Row t is a sum."""
    left = torch.arange(T, 0, -1, dtype=start.dtype)[:, None]
    return _to_go(_rewards(step, gain, start, T), 1.0) / left


def flies_on_from_the_reward(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """step returns the next state first, then the reward; you take them the other way round."""
    return _to_go(torch.stack(_turned(step, gain, start, T)), 1.0)


def returns_the_states(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    """You keep the states in place of the rewards: step returns the next state first, then the
    reward."""
    states = [start]
    for _ in range(T):
        states.append(step(states[-1], gain * states[-1])[0])
    return _to_go(torch.stack(states[1:]), 1.0)


# --- what the mistakes share ----------------------------------------------------------------


def _to_go(rewards: Tensor, gamma: float) -> Tensor:
    total, found = torch.zeros_like(rewards[0]), []
    for row in reversed(rewards.unbind(0)):
        total = row + gamma * total
        found.append(total)
    return torch.stack(found[::-1])


def _so_far(rewards: Tensor, gamma: float) -> Tensor:
    return _to_go(rewards.flip(0), gamma).flip(0)


def _shifted(x: Tensor) -> Tensor:
    """Row t + 1 in the place of row t, and 0 at the end."""
    return torch.cat((x[1:], torch.zeros_like(x[:1])))


def _powers(rewards: Tensor, gamma: float) -> Tensor:
    return (gamma ** torch.arange(len(rewards), dtype=rewards.dtype))[:, None]


def _square(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    return -(((actions - mean) / sigma) ** 2) / 2


def _norm(sigma: float) -> float:
    return math.log(sigma) + math.log(2 * math.pi) / 2


def _log_prob(actions: Tensor, mean: Tensor, sigma: float) -> Tensor:
    return _square(actions, mean, sigma) - _norm(sigma)


def _weights(rewards: Tensor, baseline: float | Tensor, to_go: bool) -> Tensor:
    returns = _to_go(rewards, 1.0)
    return (returns if to_go else returns[:1].expand_as(rewards)) - baseline


def _rows(scores: Tensor, weights: Tensor) -> Tensor:
    return weights[:, :, None] * scores


def _right(scores: Tensor, rewards: Tensor, baseline: float | Tensor, to_go: bool) -> Tensor:
    return _rows(scores, _weights(rewards, baseline, to_go)).sum(0)


def _features(states: Tensor, powers: tuple[int, ...] = (0, 1, 2)) -> Tensor:
    return torch.stack([states**p for p in powers], -1)


def _coefficients(states: Tensor, to_go: Tensor, powers: tuple[int, ...] = (0, 1, 2)) -> Tensor:
    return torch.linalg.pinv(_features(states, powers)) @ to_go[..., None]


def _at(coefficients: Tensor, states: Tensor, powers: tuple[int, ...] = (0, 1, 2)) -> Tensor:
    return (_features(states, powers) @ coefficients)[..., 0]


def _fitted(
    states: Tensor, to_go: Tensor, new_states: Tensor, powers: tuple[int, ...] = (0, 1, 2)
) -> Tensor:
    return _at(_coefficients(states, to_go, powers), new_states, powers)


def _calm(step: Step, act: Callable[[Tensor], Tensor], start: Tensor, T: int) -> Tensor:
    state, rewards = start, []
    for _ in range(T):
        state, reward = step(state, act(state))
        rewards.append(reward)
    return torch.stack(rewards)


def _turned(step: Step, gain: float, state: Tensor, T: int) -> list[Tensor]:
    """Rewards of a flight that takes each reward for the next state."""
    rewards = []
    for _ in range(T):
        reward, state = step(state, gain * state)
        rewards.append(reward)
    return rewards


def _rewards(step: Step, gain: float, start: Tensor, T: int) -> Tensor:
    return _calm(step, lambda state: gain * state, start, T)


REWARD_TO_GO = Known(
    reread="lecture 07, “The past is no one's merit”",
    mistakes=(
        counts_from_the_start,
        leaves_it_turned_round,
        sums_over_the_flights,
        starts_after_the_push,
        leaves_the_last_row_empty,
        starts_a_step_early,
        gives_all_the_return,
        returns_the_return,
        averages_what_is_left,
        averages_the_flights,
        gives_the_rewards,
        looks_one_step_ahead,
        subtracts_the_later,
        forgets_gamma,
        discounts_from_the_start,
        discounts_its_own_reward,
        discounts_from_the_end,
        discounts_the_sum,
        changes_the_rewards,
    ),
)
LOG_PROB_GAUSSIAN = Known(
    reread="lecture 07, “The laws of motion drop out”",
    mistakes=(
        forgets_the_half,
        divides_and_multiplies,
        forgets_sigma_in_front,
        forgets_the_constant,
        keeps_the_square_alone,
        takes_no_root_of_two_pi,
        counts_the_front_once,
        takes_sigma_for_a_variance,
        gives_the_variance,
        divides_by_sigma_once,
        takes_twice_the_logarithm,
        adds_the_logarithm,
        adds_the_square,
        takes_the_distance,
        gives_the_density,
        gives_the_loss,
        gives_each_number,
        averages_the_numbers,
        sums_over_the_wrong_axis,
        sums_over_the_time,
        sums_everything,
    ),
)
REINFORCE = Known(
    reread="lecture 07, “The past is no one's merit”",
    mistakes=(
        drops_the_last_score,
        drops_the_first_score,
        forgets_the_reward_of_the_push,
        always_goes_to_go,
        always_takes_the_whole,
        praises_the_past,
        praises_at_once,
        subtracts_from_each_reward,
        subtracts_it_before_the_sum,
        adds_the_baseline,
        forgets_the_baseline,
        subtracts_it_from_the_row,
        multiplies_two_sums,
        mixes_the_flights,
        compares_within_the_batch,
        normalises_the_weights,
        averages_the_steps,
        points_downhill,
        returns_the_mean,
        sums_the_flights,
        sums_the_parameters,
        forgets_to_sum,
    ),
)
FIT_VALUE_BASELINE = Known(
    reread="lecture 07, “A critic”",
    mistakes=(
        fits_without_a_constant,
        fits_a_line,
        fits_a_symmetric_parabola,
        fits_a_cubic,
        fits_the_mean,
        fits_all_steps_at_once,
        fits_the_rewards,
        fits_the_return,
        asks_the_old_flights,
        fits_the_next_states,
        takes_the_next_parabola,
        takes_one_slope_for_all,
        shrinks_the_parabola,
        solves_the_normal_equations,
        inverts_the_normal_matrix,
        returns_the_coefficients,
        keeps_an_axis_of_length_one,
        points_the_wrong_way,
    ),
)
ZERO_NOISE_BASELINE = Known(
    reread="lecture 07, “Better than expected”",
    mistakes=(
        stays_at_the_start,
        never_pushes,
        pushes_as_at_the_start,
        pushes_by_the_gain,
        pushes_the_other_way,
        keeps_single_rewards,
        starts_the_sum_late,
        sums_from_the_start,
        leaves_the_sums_turned_round,
        repeats_the_return,
        gives_the_return_alone,
        flies_a_step_too_far,
        returns_a_row_too_many,
        forgets_the_last_step,
        forgets_the_first_step,
        averages_the_starts,
        flies_from_the_mean,
        averages_the_rewards,
        flies_on_from_the_reward,
        returns_the_states,
    ),
)
