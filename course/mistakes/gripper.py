"""Known mistakes of exercise 06: a reward with cliffs, an average, its gradient, a training.

JupyterLab takes a slash in a message for a path and colours it, so there is none.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course.checks import Known

Function = Callable[[Tensor], Tensor]
Grad = Callable[[Tensor, float, Tensor], Tensor]
Params = dict[str, float]


# --- gripper_reward ------------------------------------------------------------------------


def rewards_the_hand(z_close: Tensor, params: Params) -> Tensor:
    """This is the height of the hand, which always ends at z_lift. The reward is the height of the
    brick, which stays on the table unless it is held."""
    return torch.full_like(z_close, params["z_lift"])


def lifts_in_any_case(z_close: Tensor, params: Params) -> Tensor:
    """Your brick goes up whether it is held or not. One that is not held stays at half."""
    return _lifted(z_close, params)


def forgets_the_floor(z_close: Tensor, params: Params) -> Tensor:
    """A brick that stays on the table has its centre at half, not at 0."""
    return torch.where(_holds(z_close, params), _lifted(z_close, params), torch.zeros_like(z_close))


def never_jams(z_close: Tensor, params: Params) -> Tensor:
    """Your hand holds however far below 0 it is sent: the lower cliff is missing, or z_lo is far
    too low. Below z_lo friction jams the fingers."""
    return _reward(z_close, params, z_close <= 2 * params["half"])


def never_misses(z_close: Tensor, params: Params) -> Tensor:
    """The upper cliff is missing: above 2 half the fingers close over the brick."""
    return _reward(z_close, params, z_close > _low(params))


def puts_the_edge_at_half(z_close: Tensor, params: Params) -> Tensor:
    """Your upper cliff is at half, the middle of the brick; its upper edge is at 2 half."""
    return _reward(z_close, params, (z_close > _low(params)) & (z_close <= params["half"]))


def lets_the_edge_slip(z_close: Tensor, params: Params) -> Tensor:
    """At z = z_hi itself the hand holds: the upper comparison is <=, yours is <."""
    return _reward(z_close, params, (z_close > _low(params)) & (z_close < 2 * params["half"]))


def gains_below_the_table(z_close: Tensor, params: Params) -> Tensor:
    """Below 0 your brick gets higher and higher. On the table there is nothing to gain: max(z, 0),
    z_close.clamp(min=0)."""
    lifted = params["half"] + params["z_lift"] - z_close
    return torch.where(_holds(z_close, params), lifted, torch.full_like(z_close, params["half"]))


def loses_below_the_table(z_close: Tensor, params: Params) -> Tensor:
    """Below 0 your brick gets lower again. On the table nothing is gained or lost: max(z, 0), not
    the absolute value."""
    lifted = params["half"] + params["z_lift"] - z_close.abs()
    return torch.where(_holds(z_close, params), lifted, torch.full_like(z_close, params["half"]))


def takes_the_smaller(z_close: Tensor, params: Params) -> Tensor:
    """You subtract min(z, 0), which clamp(max=0) is. max(z, 0) is clamp(min=0): nothing smaller
    than 0 is left."""
    lifted = params["half"] + params["z_lift"] - z_close.clamp(max=0)
    return torch.where(_holds(z_close, params), lifted, torch.full_like(z_close, params["half"]))


def turns_the_friction_over(z_close: Tensor, params: Params) -> Tensor:
    """Force and mu have changed places in z_lo: it is force over mu. More friction jams earlier."""
    return _between(z_close, params, -2 * params["mu"] / params["force"] * params["give"])


def jams_on_the_table(z_close: Tensor, params: Params) -> Tensor:
    """Your lower cliff is at 0. The hand may press on the table, down to z_lo, before it jams."""
    return _between(z_close, params, 0.0)


def multiplies_by_the_friction(z_close: Tensor, params: Params) -> Tensor:
    """z_lo is divided by mu, and yours is multiplied: more friction jams earlier, nearer to 0."""
    return _between(z_close, params, -2 * params["force"] * params["mu"] * params["give"])


def forgets_the_two(z_close: Tensor, params: Params) -> Tensor:
    """Your z_lo is half of what it should be: the force is shared by two fingertips, so there is a
    factor 2."""
    return _between(z_close, params, _low(params) / 2)


def forgets_the_give(z_close: Tensor, params: Params) -> Tensor:
    """The give is missing in z_lo: 2 force over mu is a force in newtons, and times give it is a
    height in millimetres."""
    return _between(z_close, params, _low(params) / params["give"])


def forgets_the_minus(z_close: Tensor, params: Params) -> Tensor:
    """Your z_lo lies above the table. It has a minus sign: the hand has to press to jam."""
    return _between(z_close, params, -_low(params))


def swaps_the_cases(z_close: Tensor, params: Params) -> Tensor:
    """The two cases have changed places: torch.where(holds, a, b) gives a where holds is true."""
    return _reward(z_close, params, ~_holds(z_close, params))


def knows_one_world(z_close: Tensor, params: Params) -> Tensor:
    """Your numbers are those of one gripper. In another world the brick and the table are others:
    take them from params."""
    params = {"half": 25.0, "z_lift": 250.0, "force": 15.0, "mu": 0.5, "give": 0.21}
    return _reward(z_close, params, _holds(z_close, params))


def forgets_the_half(z_close: Tensor, params: Params) -> Tensor:
    """A held brick ends half higher than yours: the fingertips are max(z, 0) above its lower edge,
    and its centre is half above that."""
    lifted = params["z_lift"] - z_close.clamp(min=0)
    return torch.where(_holds(z_close, params), lifted, torch.full_like(z_close, params["half"]))


def forgets_where_it_holds(z_close: Tensor, params: Params) -> Tensor:
    """All your held bricks end at the same height. The lower the hand holds, the higher the brick:
    subtract max(z, 0)."""
    lifted = torch.full_like(z_close, params["half"] + params["z_lift"])
    return torch.where(_holds(z_close, params), lifted, torch.full_like(z_close, params["half"]))


def adds_where_it_holds(z_close: Tensor, params: Params) -> Tensor:
    """You add z where it is subtracted: a hand that holds higher up lifts the brick less."""
    lifted = params["half"] + params["z_lift"] + z_close.clamp(min=0)
    return torch.where(_holds(z_close, params), lifted, torch.full_like(z_close, params["half"]))


def moves_the_hand_onto_the_brick(z_close: Tensor, params: Params) -> Tensor:
    """You clamp z into the window, so every hand holds. A hand outside does not hold."""
    inside = z_close.clamp(_low(params), 2 * params["half"])
    return _lifted(inside, params)


def asks_one_question_for_all(z_close: Tensor, params: Params) -> Tensor:
    """An `if` needs one truth value, and a comparison of a tensor gives one for each hand. Take
    torch.where(holds, a, b), with & in place of `and`."""
    if z_close > _low(params) and z_close <= 2 * params["half"]:
        return _lifted(z_close, params)
    return torch.full_like(z_close, params["half"])


def returns_the_truth(z_close: Tensor, params: Params) -> Tensor:
    """You return whether the brick is held; its height is wanted."""
    return _holds(z_close, params)


def averages_the_hands(z_close: Tensor, params: Params) -> Tensor:
    """One number came back: the mean over the hands. One height for each hand is wanted."""
    return _reward(z_close, params, _holds(z_close, params)).mean()


def flattens_the_hands(z_close: Tensor, params: Params) -> Tensor:
    """Your result is one long row. It has the shape of z_close, whatever that is."""
    return _reward(z_close, params, _holds(z_close, params)).reshape(-1)


# --- domain_randomised_value ---------------------------------------------------------------


def shakes_both_alike(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You use eps for hand and sensor. They are two independent noises: sigma * eps + tau * u. With
    one noise for both the widths add up, and not their squares."""
    return f(z[:, None] + (sigma + tau) * eps).mean(1)


def merges_the_widths(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You took √(σ² + τ²) times eps. That has the right distribution, and these are other tries:
    the noise u is given, so use it."""
    return f(z[:, None] + math.hypot(sigma, tau) * eps).mean(1)


def swaps_the_widths(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """sigma and tau have changed places: eps is scaled by sigma, u by tau."""
    return f(z[:, None] + tau * eps + sigma * u).mean(1)


def trusts_the_sensor(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """The sensor's error, tau * u, is missing."""
    return f(z[:, None] + sigma * eps).mean(1)


def holds_the_hand_still(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """The hand's own noise, sigma * eps, is missing."""
    return f(z[:, None] + tau * u).mean(1)


def averages_before_f(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You average the tries and then ask f: that is the reward of an average hand. Ask f for every
    try, then average the rewards."""
    return f((z[:, None] + sigma * eps + tau * u).mean(1))


def has_one_world(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """All tries have the same sensor error, u[0]. Each try has one of its own."""
    return f(z[:, None] + sigma * eps + tau * u[0]).mean(1)


def averages_the_worlds_first(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You average u before it is used; the errors would nearly cancel. Each try has its own."""
    return f(z[:, None] + sigma * eps + tau * u.mean()).mean(1)


def shakes_the_reward(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """The sensor's error belongs to the height at which the hand closes, not to the reward: it goes
    inside f."""
    return (f(z[:, None] + sigma * eps) + tau * u).mean(1)


def sums_the_tries(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """This is the sum over the tries, n times too large; the mean is wanted."""
    return f(z[:, None] + sigma * eps + tau * u).sum(1)


def takes_the_widths_for_variances(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You scale the noises by the roots of sigma and tau. Both are standard deviations."""
    return f(z[:, None] + sigma**0.5 * eps + tau**0.5 * u).mean(1)


def squares_the_widths(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You scale the noises by the squares of sigma and tau. Both are standard deviations."""
    return f(z[:, None] + sigma**2 * eps + tau**2 * u).mean(1)


def pairs_all_with_all(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You combine every eps with every u, n² tries. Try k has eps[k] and u[k]."""
    return f(z[:, None, None] + sigma * eps[:, None] + tau * u).mean((1, 2))


def averages_the_places(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You average over the places; one value came back for each try. Average over the tries: one
    value for each place."""
    return f(z[:, None] + sigma * eps + tau * u).mean(0)


def averages_everything(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """One number came back for all places. Average over the tries only, .mean(1)."""
    return f(z[:, None] + sigma * eps + tau * u).mean()


def forgets_to_average(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """The whole table came back, one reward for each place and try. Average over the tries."""
    return f(z[:, None] + sigma * eps + tau * u)


def forgets_the_axis(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """Places and tries are added one to one, and there are m of these and n of those. Every place
    meets every try: z[:, None] has a row for each place."""
    return f(z + sigma * eps + tau * u).mean()


def subtracts_the_noise(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """Both noises are added to z; yours are subtracted."""
    return f(z[:, None] - sigma * eps - tau * u).mean(1)


# --- randomised_gradient -------------------------------------------------------------------


def weighs_by_all_the_noise(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """This is the suspect: tries - z holds the sensor's error as well, which the hand does not know
    and did not choose. Weigh each vote by the hand's own noise, eps, divided by sigma."""
    return _centred(f, z, sigma, tau, eps, u) * (sigma * eps + tau * u) / sigma**2


def knows_the_sensor(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """Divided by σ² + τ² the votes are right on average. But the hand would have to know u, the
    error of its own sensor; it knows eps only. The formula weighs by eps divided by sigma."""
    return _centred(f, z, sigma, tau, eps, u) * (sigma * eps + tau * u) / (sigma**2 + tau**2)


def tries_without_the_sensor(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """The sensor's error is missing in the tries: they are at z + sigma * eps + tau * u. The hand
    does not know u, and it happens all the same."""
    return _centred(f, z, sigma, 0.0, eps, u) * eps / sigma


def tries_with_one_noise(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """Your tries have the same noise for hand and sensor. They are at z + sigma * eps + tau * u."""
    return _centred(f, z, sigma, tau, eps, eps) * eps / sigma


def subtracts_nothing(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """The baseline is missing: from each value subtract the mean of the others."""
    return f(z + sigma * eps + tau * u) * eps / sigma


def subtracts_the_mean_of_all(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """Your baseline is the mean of all values, its own among them, which makes the estimate too
    short by one part in n. Leave the try's own value out."""
    values = f(z + sigma * eps + tau * u)
    return (values - values.mean()) * eps / sigma


def subtracts_the_centre(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """Your baseline is f(z), one more lift, and with the noise wider than the window a bad one. The
    mean of the other values is wanted."""
    return (f(z + sigma * eps + tau * u) - f(z)) * eps / sigma


def divides_the_others_by_n(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """There are n - 1 other values; you divide their sum by n."""
    values = f(z + sigma * eps + tau * u)
    return (values - (values.sum() - values) / len(values)) * eps / sigma


def forgets_to_divide(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """Each row is sigma times too large: the weight is eps divided by sigma."""
    return _centred(f, z, sigma, tau, eps, u) * eps


def divides_twice(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You divide by sigma twice. eps is standard normal, so once is enough."""
    return _centred(f, z, sigma, tau, eps, u) * eps / sigma**2


def divides_by_both(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You divide by √(σ² + τ²). The weight is that of the hand's own noise, eps divided by sigma,
    however bad the sensor is."""
    return _centred(f, z, sigma, tau, eps, u) * eps / math.hypot(sigma, tau)


def weighs_by_the_sensor(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You weigh the votes by u, which the hand does not know. Weigh them by its own eps."""
    return _centred(f, z, sigma, tau, eps, u) * u / sigma


def weighs_by_both(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You weigh the votes by eps + u. The hand knows its own noise only, and that weighs: eps."""
    return _centred(f, z, sigma, tau, eps, u) * (eps + u) / sigma


def points_downhill(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """Every row has the wrong sign. We maximise: the gradient itself, no minus for an optimiser."""
    return -_centred(f, z, sigma, tau, eps, u) * eps / sigma


def averages_the_rows(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """You return the mean of the rows. Return all of them, one for each try; the mean is left to
    the caller, who may want the spread as well."""
    return (_centred(f, z, sigma, tau, eps, u) * eps / sigma).mean()


def forgets_the_noise(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """The weight eps is missing: a good try counts for the direction in which its noise went."""
    return _centred(f, z, sigma, tau, eps, u) / sigma


def follows_the_slopes(
    f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor
) -> Tensor:
    """These are the slopes of f at the tries. They do not see cliffs: weigh values by noise."""
    x = (z + sigma * eps + tau * u).detach().requires_grad_()
    values = f(x)
    if not values.requires_grad:
        return torch.zeros_like(x)
    return torch.autograd.grad(values.sum(), x)[0]


# --- train_gripper -------------------------------------------------------------------------


def goes_downhill(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """Your path goes downhill. We maximise: add lr times the gradient."""
    return _path(lambda z, noise: z - lr * grad(z, sigma, noise), z0, eps)


def repeats_the_noise(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """Every step has the noise of the first one, eps[0]. With the same noise again and again you
    climb one rough landscape; step k has its own row, eps[k]."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, eps[0]), z0, eps)


def uses_all_the_noise(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """Every step has the noise of all steps. Step k has one row of it, eps[k]."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, eps.flatten()), z0, eps)


def runs_the_noise_backwards(
    grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor
) -> Tensor:
    """You take the rows of the noise from the last to the first; step k has row k."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, noise), z0, eps.flip(0))


def steps_by_sigma(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """sigma and lr have changed places: sigma is the width of the noise and goes to grad, lr scales
    the step."""
    return _path(lambda z, noise: z + sigma * grad(z, lr, noise), z0, eps)


def gives_grad_the_rate(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """You hand lr to grad where it wants sigma, the width of the noise."""
    return _path(lambda z, noise: z + lr * grad(z, lr, noise), z0, eps)


def divides_by_sigma(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """You divide the step by sigma. grad has done that already: what it returns is the slope."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, noise) / sigma, z0, eps)


def multiplies_by_sigma(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """sigma comes in once too often, in the step or with the noise. grad gets both as they are, and
    a step is lr times the slope and nothing else."""
    return _path(lambda z, noise: z + lr * sigma * grad(z, sigma, noise), z0, eps)


def forgets_the_rate(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """lr is missing: a step is lr times the slope."""
    return _path(lambda z, noise: z + grad(z, sigma, noise), z0, eps)


def lowers_the_rate(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """Your rate falls from step to step. Here it stays: every step is lr times the slope."""
    path = [z0]
    for k, noise in enumerate(eps, start=1):
        path.append(path[-1] + lr / k * grad(path[-1], sigma, noise))
    return torch.stack(path)


def counts_the_sign_only(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """Your steps are all of one length: you take the sign of the slope. The slope itself counts."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, noise).sign(), z0, eps)


def keeps_the_hand_in_range(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """You clamp the height to the brick. Nobody asked for that, and a training that needs it has
    been told the answer: z may go where the slope leads."""
    return _path(lambda z, noise: (z + lr * grad(z, sigma, noise)).clamp(0, 50), z0, eps)


def asks_at_the_start(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """Every step takes the slope at z0. Ask grad where the hand stands now."""
    return _path(lambda z, noise: z + lr * grad(z0, sigma, noise), z0, eps)


def returns_the_noisy_heights(
    grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor
) -> Tensor:
    """Your path holds heights with noise on them. The noise is for the tries inside grad; the path
    is that of z itself."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, noise) + sigma * noise[0], z0, eps)


def forgets_the_start(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """The start is missing: the path has steps + 1 points, and the first of them is z0."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, noise), z0, eps)[1:]


def stops_a_step_early(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """The last step is missing: with the start there are steps + 1 points."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, noise), z0, eps[:-1])


def returns_after_one_step(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """Only one step was made: is the return inside the loop? It belongs below it."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, noise), z0, eps[:1])


def returns_the_end(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """Only the end came back. Return the whole path, the start and every step."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, noise), z0, eps)[-1]


def takes_columns(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """You run over the columns of eps. A row of eps is the noise of one step."""
    return _path(lambda z, noise: z + lr * grad(z, sigma, noise), z0, eps.T)


def changes_in_place(grad: Grad, z0: Tensor, sigma: float, lr: float, eps: Tensor) -> Tensor:
    """All points of your path are the last one: z += ... changes the tensor that is in the list
    already, and the caller's z0 with it. Write z = z + ..."""
    z, path = z0, [z0]
    for noise in eps:
        z += lr * grad(z, sigma, noise)
        path.append(z)
    return torch.stack(path)


# --- helpers -------------------------------------------------------------------------------


def _low(params: Params) -> float:
    return -2 * params["force"] / params["mu"] * params["give"]


def _holds(z: Tensor, params: Params) -> Tensor:
    return (z > _low(params)) & (z <= 2 * params["half"])


def _lifted(z: Tensor, params: Params) -> Tensor:
    return params["half"] + params["z_lift"] - z.clamp(min=0)


def _reward(z: Tensor, params: Params, holds: Tensor) -> Tensor:
    return torch.where(holds, _lifted(z, params), torch.full_like(z, params["half"]))


def _between(z: Tensor, params: Params, low: float) -> Tensor:
    return _reward(z, params, (z > low) & (z <= 2 * params["half"]))


def _centred(f: Function, z: Tensor, sigma: float, tau: float, eps: Tensor, u: Tensor) -> Tensor:
    """Values less the mean of the others."""
    values = f(z + sigma * eps + tau * u)
    return values - (values.sum() - values) / (len(values) - 1)


def _path(step: Callable[[Tensor, Tensor], Tensor], z0: Tensor, noises: Tensor) -> Tensor:
    path = [z0]
    for noise in noises:
        path.append(step(path[-1], noise))
    return torch.stack(path)


GRIPPER_REWARD = Known(
    reread="lecture 06, “The task as a landscape”",
    mistakes=(
        rewards_the_hand,
        lifts_in_any_case,
        forgets_the_floor,
        never_jams,
        never_misses,
        puts_the_edge_at_half,
        lets_the_edge_slip,
        gains_below_the_table,
        loses_below_the_table,
        takes_the_smaller,
        turns_the_friction_over,
        jams_on_the_table,
        multiplies_by_the_friction,
        forgets_the_two,
        forgets_the_give,
        forgets_the_minus,
        swaps_the_cases,
        knows_one_world,
        forgets_the_half,
        forgets_where_it_holds,
        adds_where_it_holds,
        moves_the_hand_onto_the_brick,
        asks_one_question_for_all,
        returns_the_truth,
        averages_the_hands,
        flattens_the_hands,
    ),
)
DOMAIN_RANDOMISED_VALUE = Known(
    reread="lecture 06, “Two noises are one”",
    mistakes=(
        shakes_both_alike,
        merges_the_widths,
        swaps_the_widths,
        trusts_the_sensor,
        holds_the_hand_still,
        averages_before_f,
        has_one_world,
        averages_the_worlds_first,
        shakes_the_reward,
        sums_the_tries,
        takes_the_widths_for_variances,
        squares_the_widths,
        pairs_all_with_all,
        averages_the_places,
        averages_everything,
        forgets_to_average,
        forgets_the_axis,
        subtracts_the_noise,
    ),
)
RANDOMISED_GRADIENT = Known(
    reread="lecture 06, “Which noise gives a gradient”",
    mistakes=(
        weighs_by_all_the_noise,
        knows_the_sensor,
        tries_without_the_sensor,
        tries_with_one_noise,
        subtracts_nothing,
        subtracts_the_mean_of_all,
        subtracts_the_centre,
        divides_the_others_by_n,
        forgets_to_divide,
        divides_twice,
        divides_by_both,
        weighs_by_the_sensor,
        weighs_by_both,
        points_downhill,
        averages_the_rows,
        forgets_the_noise,
        follows_the_slopes,
    ),
)
TRAIN_GRIPPER = Known(
    reread="lecture 06, “Let it learn”",
    mistakes=(
        goes_downhill,
        repeats_the_noise,
        uses_all_the_noise,
        runs_the_noise_backwards,
        steps_by_sigma,
        gives_grad_the_rate,
        divides_by_sigma,
        multiplies_by_sigma,
        forgets_the_rate,
        lowers_the_rate,
        counts_the_sign_only,
        keeps_the_hand_in_range,
        asks_at_the_start,
        returns_the_noisy_heights,
        forgets_the_start,
        stops_a_step_early,
        returns_after_one_step,
        returns_the_end,
        takes_columns,
        changes_in_place,
    ),
)
