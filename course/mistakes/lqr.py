"""Known mistakes of exercise 08: cost and gradient of a linear controller, two estimates of it."""

import math

import torch
from torch import Tensor

from course.checks import Known


def _solve(M: Tensor, S: Tensor) -> Tensor:
    """X = S + M X Mᵀ."""
    s = len(M)
    system = torch.eye(s * s, dtype=M.dtype) - torch.kron(M, M)
    return torch.linalg.solve(system, S.flatten()).reshape(s, s)


def _grows(M: Tensor) -> bool:
    return bool(torch.linalg.eigvals(M).abs().max() >= 1)


def _infinite() -> Tensor:
    return torch.tensor(math.inf, dtype=torch.float64)


def _cost(P: Tensor, sigma: float, B: Tensor, R: Tensor, W: Tensor) -> Tensor:
    return torch.trace(P @ (W + sigma**2 * B @ B.T)) + sigma**2 * torch.trace(R)


# --- lqr_cost ------------------------------------------------------------------------------


def adds_the_feedback(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Your closed loop is A + B K. The action is minus K s, so it is A - B K."""
    M = A + B @ K
    P = _solve(M.T, Q + K.T @ R @ K)
    return _infinite() if _grows(M) else _cost(P, sigma, B, R, W)


def never_asks_for_stability(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You do not ask whether the closed loop is stable, or not in time: where an eigenvalue has an
    absolute value of 1 or more, the cost is infinite. The equation for P may have a solution there,
    and a cost of either sign, and it means nothing: ask for the spectral radius first."""
    return _cost(_solve((A - B @ K).T, Q + K.T @ R @ K), sigma, B, R, W)


def calls_a_positive_cost_finite(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    cost = never_asks_for_stability(K, sigma, A, B, Q, R, W)
    return cost if cost > 0 else _infinite()


def calls_the_edge_stable(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    M = A - B @ K
    if torch.linalg.eigvals(M).abs().max() > 1:
        return _infinite()
    return _cost(_solve(M.T, Q + K.T @ R @ K), sigma, B, R, W)


# To the student these are one mistake.
for _same in (calls_a_positive_cost_finite, calls_the_edge_stable):
    _same.__doc__ = never_asks_for_stability.__doc__


def asks_a_symmetric_matrix(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You ask for the eigenvalues of a symmetric matrix: eigvalsh looks at one triangle of M alone.
    M is not symmetric, so take torch.linalg.eigvals(M)."""
    M = A - B @ K
    if torch.linalg.eigvalsh(M).abs().max() >= 1:
        return _infinite()
    return _cost(_solve(M.T, Q + K.T @ R @ K), sigma, B, R, W)


def multiplies_by_both_sides(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You take kron(M.T, M), since M.T stands on the left of P and M on its right. Read row by row,
    Mᵀ P M is kron(M.T, M.T) times P."""
    M = A - B @ K
    if _grows(M):
        return _infinite()
    system = torch.eye(len(A) ** 2, dtype=A.dtype) - torch.kron(M.T, M)
    P = torch.linalg.solve(system, (Q + K.T @ R @ K).flatten()).reshape(A.shape)
    return _cost(P, sigma, B, R, W)


def asks_for_real_parts(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You compare the real parts of the eigenvalues with 1, as one does for differential
    equations. In steps of time it is their absolute values that must be smaller than 1."""
    M = A - B @ K
    if torch.linalg.eigvals(M).real.max() >= 1:
        return _infinite()
    return _cost(_solve(M.T, Q + K.T @ R @ K), sigma, B, R, W)


def asks_for_a_norm(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You call a closed loop unstable because its norm is above 1. Such a lean may grow for a
    few steps and die out all the same: take the largest absolute value of an eigenvalue."""
    M = A - B @ K
    if torch.linalg.matrix_norm(M, 2) >= 1:
        return _infinite()
    return _cost(_solve(M.T, Q + K.T @ R @ K), sigma, B, R, W)


def asks_the_open_loop(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You ask whether A is stable. The hand is there to mend that: ask A - B K."""
    return _infinite() if _grows(A) else _lqr_cost(K, sigma, A, B, Q, R, W)


def forgets_the_shaking(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """The noise of the action enters as wind only. It costs something itself: sigma squared
    times the trace of R."""
    return _lqr_cost(K, sigma, A, B, Q, R, W) - sigma**2 * torch.trace(R)


def forgets_the_noise_of_the_action(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """The noise of the action costs its own R in yours, but moves nothing. It moves the state by
    B times sigma eps: add sigma squared B Bᵀ to W."""
    return _lqr_cost(K, 0.0, A, B, Q, R, W) + sigma**2 * torch.trace(R)


def shakes_every_state(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You add sigma squared to each state. The noise of the action reaches the states through B:
    sigma squared B Bᵀ."""
    noise = W + sigma**2 * torch.eye(len(A), dtype=A.dtype)
    return _lqr_cost(K, 0.0, A, B, Q, R, noise) + sigma**2 * torch.trace(R)


def multiplies_b_the_wrong_way(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Bᵀ B has a row for each action. The noise of the states has one for each state: B Bᵀ."""
    return _lqr_cost(K, 0.0, A, B, Q, R, W + sigma**2 * B.T @ B) + sigma**2 * torch.trace(R)


def forgets_sigma(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Your cost does not depend on sigma. Shaking the action costs R, and acts like wind."""
    return _lqr_cost(K, 0.0, A, B, Q, R, W)


def takes_sigma_for_a_variance(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You use sigma where its square belongs: sigma is a standard deviation, as everywhere."""
    return _lqr_cost(K, sigma**0.5, A, B, Q, R, W)


def forgets_the_cost_of_actions(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """The actions -K s cost nothing in yours: a step costs Q + Kᵀ R K, per square of the state."""
    M = A - B @ K
    return _infinite() if _grows(M) else _cost(_solve(M.T, Q), sigma, B, R, W)


def counts_backwards(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You solved P = S + M P Mᵀ. A cost looks ahead: a state s becomes M s, and sᵀMᵀ P M s is
    what it costs then, so P = S + Mᵀ P M."""
    M = A - B @ K
    return _infinite() if _grows(M) else _cost(_solve(M, Q + K.T @ R @ K), sigma, B, R, W)


def stops_early(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You count ten steps ahead and stop. Repeat until nothing changes, or solve the equation: a
    lean that dies out slowly has most of its cost later."""
    M, P = A - B @ K, torch.zeros_like(A)
    for _ in range(10):
        P = Q + K.T @ R @ K + M.T @ P @ M
    return _infinite() if _grows(M) else _cost(P, sigma, B, R, W)


def forgets_the_wind(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You take the trace of P. What a step brings is a gust of covariance W: the trace of P W."""
    return _lqr_cost(K, sigma, A, B, Q, R, torch.eye(len(W), dtype=W.dtype))


def multiplies_entry_by_entry(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """P * W multiplies entry by entry. The trace is that of the matrix product, P @ W."""
    M = A - B @ K
    if _grows(M):
        return _infinite()
    P = _solve(M.T, Q + K.T @ R @ K)
    return torch.trace(P * (W + sigma**2 * B @ B.T)) + sigma**2 * torch.trace(R)


def solves_with_a_plus(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Your P solves P + Mᵀ P M = S. What is still to come is added to the cost of a step, so it
    is P = S + Mᵀ P M, and the matrix of the equation the identity less kron."""
    M = A - B @ K
    if _grows(M):
        return _infinite()
    s = len(M)
    system = torch.eye(s * s, dtype=M.dtype) + torch.kron(M.T.contiguous(), M.T.contiguous())
    P = torch.linalg.solve(system, (Q + K.T @ R @ K).flatten()).reshape(s, s)
    return _cost(P, sigma, B, R, W)


def sums_all_entries(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You add all entries of the product of P and the noise. The trace adds its diagonal."""
    M = A - B @ K
    if _grows(M):
        return _infinite()
    P = _solve(M.T, Q + K.T @ R @ K)
    return (P @ (W + sigma**2 * B @ B.T)).sum() + sigma**2 * torch.trace(R)


def _lqr_cost(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    M = A - B @ K
    return _infinite() if _grows(M) else _cost(_solve(M.T, Q + K.T @ R @ K), sigma, B, R, W)


# --- lqr_grad ------------------------------------------------------------------------------


def _parts(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> tuple[Tensor, Tensor]:
    """P and Σ."""
    M = A - B @ K
    return _solve(M.T, Q + K.T @ R @ K), _solve(M, W + sigma**2 * B @ B.T)


def _bracket(K: Tensor, P: Tensor, A: Tensor, B: Tensor, R: Tensor) -> Tensor:
    return (R + B.T @ P @ B) @ K - B.T @ P @ A


def points_downhill(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Your gradient has the wrong sign: it is that of the cost, and points uphill. The minus
    comes in the step."""
    P, Sigma = _parts(K, sigma, A, B, Q, R, W)
    return -2 * _bracket(K, P, A, B, R) @ Sigma


def forgets_the_two(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Yours is half of the gradient: the derivative of a square brings a factor 2."""
    P, Sigma = _parts(K, sigma, A, B, Q, R, W)
    return _bracket(K, P, A, B, R) @ Sigma


def forgets_the_covariance(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You return twice the bracket. Times Sigma, the covariance of the state: where the states
    are small, a wrong gain costs little."""
    P, _ = _parts(K, sigma, A, B, Q, R, W)
    return 2 * _bracket(K, P, A, B, R)


def takes_the_wind_for_the_covariance(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You multiply by the noise of one step. Sigma is the covariance in the long run, in which the
    noise of earlier steps is still there: Sigma = W + M Sigma Mᵀ and so on."""
    P, _ = _parts(K, sigma, A, B, Q, R, W)
    return 2 * _bracket(K, P, A, B, R) @ (W + sigma**2 * B @ B.T)


def takes_the_wind_alone(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You multiply by W. The gradient has Sigma there, the covariance of the states in the long
    run, in which W is what comes anew at each step: Sigma = W + M Sigma Mᵀ and so on."""
    P, _ = _parts(K, sigma, A, B, Q, R, W)
    return 2 * _bracket(K, P, A, B, R) @ W


def forgets_the_actions_in_the_cost_ahead(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """In your P the actions cost nothing: it starts from Q + Kᵀ R K."""
    _, Sigma = _parts(K, sigma, A, B, Q, R, W)
    return 2 * _bracket(K, _solve((A - B @ K).T, Q), A, B, R) @ Sigma


def multiplies_half_of_the_bracket(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """In yours only Bᵀ P A is multiplied by Sigma. Put brackets round the difference."""
    P, Sigma = _parts(K, sigma, A, B, Q, R, W)
    return 2 * ((R + B.T @ P @ B) @ K - B.T @ P @ A @ Sigma)


def turns_the_covariance_round(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Your Sigma solves Sigma = W + Mᵀ Sigma M. A state becomes M s, so its covariance becomes
    M Sigma Mᵀ: the transpose stands on the right."""
    P, _ = _parts(K, sigma, A, B, Q, R, W)
    Sigma = _solve((A - B @ K).T, W + sigma**2 * B @ B.T)
    return 2 * _bracket(K, P, A, B, R) @ Sigma


def turns_the_cost_round(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Your P solves P = S + M P Mᵀ. A cost looks ahead: P = S + Mᵀ P M."""
    _, Sigma = _parts(K, sigma, A, B, Q, R, W)
    P = _solve(A - B @ K, Q + K.T @ R @ K)
    return 2 * _bracket(K, P, A, B, R) @ Sigma


def forgets_action_noise_in_the_covariance(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Your gradient does not depend on sigma. The noise of the action moves the state too: Sigma
    starts from W + sigma squared B Bᵀ."""
    P, Sigma = _parts(K, 0.0, A, B, Q, R, W)
    return 2 * _bracket(K, P, A, B, R) @ Sigma


def takes_sigma_for_a_variance_again(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You use sigma where its square belongs, in the noise of the state."""
    P, Sigma = _parts(K, sigma**0.5, A, B, Q, R, W)
    return 2 * _bracket(K, P, A, B, R) @ Sigma


def adds_the_feedback_again(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Your closed loop is A + B K. The action is minus K s, so it is A - B K."""
    M = A + B @ K
    P, Sigma = _solve(M.T, Q + K.T @ R @ K), _solve(M, W + sigma**2 * B @ B.T)
    return 2 * _bracket(K, P, A, B, R) @ Sigma


def adds_in_the_bracket(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """In your bracket Bᵀ P A is added. It is subtracted: that is what the hand saves."""
    P, Sigma = _parts(K, sigma, A, B, Q, R, W)
    return 2 * ((R + B.T @ P @ B) @ K + B.T @ P @ A) @ Sigma


def counts_the_gain_twice(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """You subtract Bᵀ P M, in which Bᵀ P B K stands already. With that in front it is Bᵀ P A."""
    P, Sigma = _parts(K, sigma, A, B, Q, R, W)
    return 2 * ((R + B.T @ P @ B) @ K - B.T @ P @ (A - B @ K)) @ Sigma


def forgets_the_effort(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """R is missing in your bracket: to answer more strongly costs the actions themselves."""
    P, Sigma = _parts(K, sigma, A, B, Q, R, W)
    return 2 * (B.T @ P @ B @ K - B.T @ P @ A) @ Sigma


def forgets_what_the_action_does(
    K: Tensor, sigma: float, A: Tensor, B: Tensor, Q: Tensor, R: Tensor, W: Tensor
) -> Tensor:
    """Bᵀ P B is missing in your bracket: an action costs R now, and Bᵀ P B by what it moves."""
    P, Sigma = _parts(K, sigma, A, B, Q, R, W)
    return 2 * (R @ K - B.T @ P @ A) @ Sigma


# --- pg_lqr --------------------------------------------------------------------------------


def _to_go(costs: Tensor) -> Tensor:
    return costs.flip(0).cumsum(0).flip(0)


def _weighed(weights: Tensor, eps: Tensor, states: Tensor) -> Tensor:
    return torch.einsum("tn,tna,tns->nas", weights, eps, states)


def takes_the_mean_for_plus(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """Your gradient has the wrong sign. The mean of the action is minus K s, so a push along the
    state is what a *smaller* K would have done."""
    return _weighed(_to_go(costs), eps, states) / sigma


def weighs_with_all_costs(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You weigh every score by all costs of the episode. That is right on average, but earlier
    costs are noise to a score: take those from its own step on."""
    return -_weighed(costs.sum(0).expand_as(costs), eps, states) / sigma


def weighs_with_the_past(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You sum the costs from the start up to each step. An action changes what comes after it:
    sum from the end."""
    return -_weighed(costs.cumsum(0), eps, states) / sigma


def leaves_the_costs_turned_round(
    states: Tensor, eps: Tensor, costs: Tensor, sigma: float
) -> Tensor:
    """Your sums run from the end, and so do your rows: flip the costs to go back, so that row 0 is
    that of the first step."""
    return -_weighed(_to_go(costs).flip(0), eps, states) / sigma


def subtracts_the_mean(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You subtract the mean of the episodes. Here nothing is subtracted; who calls this may have
    done it already."""
    to_go = _to_go(costs)
    return -_weighed(to_go - to_go.mean(1, keepdim=True), eps, states) / sigma


def multiplies_sums(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You sum costs, noise and states over the steps first, and multiply the sums. Multiply in each
    step, then sum."""
    gathered = torch.einsum("n,na,ns->nas", _to_go(costs).sum(0), eps.sum(0), states.sum(0))
    return -gathered / sigma


def leaves_the_last_cost_out(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """Your last cost to go is 0. The last action is paid for, too: start the sum from the last
    cost."""
    to_go = _to_go(torch.cat((costs[:-1], torch.zeros_like(costs[-1:]))))
    return -_weighed(to_go, eps, states) / sigma


def sums_along_the_other_axis(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You flip the steps and sum over the episodes. Time is the first axis: cumsum(0)."""
    return -_weighed(costs.flip(0).cumsum(1).flip(0), eps, states) / sigma


def skips_its_own_cost(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You weigh each score by the costs after its step. The action is paid for in its own step
    too: that cost contains aᵀ R a."""
    return -_weighed(_to_go(costs) - costs, eps, states) / sigma


def weighs_with_one_cost(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You weigh each score by the cost of its own step alone. What an action does is paid for in
    all later steps: sum the costs from this step to the end."""
    return -_weighed(costs, eps, states) / sigma


def sums_over_episodes(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You sum the costs over the episodes. Time is the first axis: flip and cumsum over 0."""
    to_go = costs.flip(1).cumsum(1).flip(1)
    return -_weighed(to_go, eps, states) / sigma


def forgets_sigma_in_the_score(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """Your scores are not divided by sigma."""
    return -_weighed(_to_go(costs), eps, states)


def divides_by_the_variance(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You divide by sigma squared. That belongs to the push, sigma eps; eps is given."""
    return -_weighed(_to_go(costs), eps, states) / sigma**2


def multiplies_by_sigma(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You multiply by sigma where the score divides by it."""
    return -_weighed(_to_go(costs), eps, states) * sigma


def averages_over_time(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You take the mean over the steps. The gradient is that of the *sum* of costs."""
    return -_weighed(_to_go(costs), eps, states) / sigma / len(costs)


def averages_over_episodes(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You return one gradient, the mean over the episodes. Return that of each, (n, a, s)."""
    return (-_weighed(_to_go(costs), eps, states) / sigma).mean(0)


def swaps_state_and_action(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """Your gradients are transposed: K has a row for each action and a column for each state."""
    return -_weighed(_to_go(costs), eps, states).mT / sigma


def takes_the_next_state(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You pair the noise with the state of the next step. The action of step t answers state t."""
    later = torch.cat((states[1:], states[:1]))
    return -_weighed(_to_go(costs), eps, later) / sigma


def drops_the_last_score(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """You leave out the last action. It has a cost too, its own."""
    return -_weighed(_to_go(costs)[:-1], eps[:-1], states[:-1]) / sigma


# --- gain_gradient -------------------------------------------------------------------------


def _rows(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    return costs[:, None, None] * eps / sigma


def _others(costs: Tensor) -> Tensor:
    return (costs.sum() - costs) / (len(costs) - 1)


def drops_those_who_fell(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """This is what the suspect does: it leaves out the expensive episodes. They are expensive
    because of their noise, so what is left is an average of survivors. Keep all n rows."""
    fine = costs < 5 * costs.median()
    costs, eps = costs[fine], eps[fine]
    return _rows(costs - _others(costs), eps, sigma)


def writes_zeros_for_those_who_fell(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You keep a row for the expensive episodes and fill it with zeros. That leaves them out of
    the mean all the same: the slope near the cliff is made of them."""
    fine = costs < 5 * costs.median()
    others = ((costs * fine).sum() - costs) / (fine.sum() - 1)
    return _rows((costs - others) * fine, eps, sigma)


def clips_the_costs(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You clip the costs at five times their median. A clipped cost is another cost, one without
    a cliff: you would get its slope."""
    clipped = costs.clamp(max=5 * float(costs.median()))
    return _rows(clipped - _others(clipped), eps, sigma)


def leaves_them_out_of_the_baseline(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You keep the expensive episodes, but not in the baseline of the others. The mean of the
    others is over all of them."""
    fine = costs < 5 * costs.median()
    others = ((costs * fine).sum() - costs * fine) / (fine.sum() - fine.to(costs))
    return _rows(costs - others, eps, sigma)


def empties_the_expensive_rows(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Your baseline is right, and then the rows of the expensive episodes are set to 0. The slope
    near the cliff is made of them: keep them."""
    fine = costs < 5 * costs.median()
    return _rows((costs - _others(costs)) * fine, eps, sigma)


def subtracts_the_mean_of_the_cheap(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You subtract the mean of the cheap episodes. The mean of the *others* is asked for, of all
    of them."""
    return _rows(costs - costs[costs < 5 * costs.median()].mean(), eps, sigma)


def has_no_baseline(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Your rows have no baseline: subtract from each cost the mean of the others."""
    return _rows(costs, eps, sigma)


def looks_at_itself(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You subtract the mean of all costs, in which each episode's own is. Leave it out: divide
    the sum of the others by n - 1."""
    return _rows(costs - costs.mean(), eps, sigma)


def divides_the_others_by_n(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide the sum of the others by n. There are n - 1 of them."""
    return _rows(costs - (costs.sum() - costs) / len(costs), eps, sigma)


def subtracts_the_median(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You subtract the median. It contains the own episode, which is a bias; the mean of the
    others is asked for."""
    return _rows(costs - costs.median(), eps, sigma)


def divides_by_the_spread(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide the costs by their standard deviation. That makes the direction of the gradient
    of another function, and its length means nothing."""
    return _rows((costs - _others(costs)) / costs.std(), eps, sigma)


def takes_logarithms(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You take the logarithm of the costs. The mean of a logarithm is not the logarithm of the
    mean, and its slope is another one."""
    return _rows(costs.log() - _others(costs.log()), eps, sigma)


def divides_twice(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You divide by sigma squared. That belongs to the whole push, sigma eps; eps is given."""
    return _rows(costs - _others(costs), eps, sigma**2)


def forgets_to_divide(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You do not divide by sigma."""
    return _rows(costs - _others(costs), eps, 1.0)


def turns_it_round(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """Your rows have the wrong sign: the gradient of a cost points to where it costs more."""
    return -_rows(costs - _others(costs), eps, sigma)


def returns_the_mean(costs: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """You return the mean over the episodes. Return the row of each, (n, a, s)."""
    return _rows(costs - _others(costs), eps, sigma).mean(0)


# -------------------------------------------------------------------------------------------

LQR_COST = Known(
    reread="lecture 08, “What a gain costs”",
    mistakes=[
        adds_the_feedback,
        never_asks_for_stability,
        calls_a_positive_cost_finite,
        calls_the_edge_stable,
        asks_a_symmetric_matrix,
        multiplies_by_both_sides,
        asks_for_real_parts,
        asks_for_a_norm,
        asks_the_open_loop,
        forgets_the_shaking,
        forgets_the_noise_of_the_action,
        shakes_every_state,
        multiplies_b_the_wrong_way,
        forgets_sigma,
        takes_sigma_for_a_variance,
        forgets_the_cost_of_actions,
        counts_backwards,
        stops_early,
        forgets_the_wind,
        multiplies_entry_by_entry,
        solves_with_a_plus,
        sums_all_entries,
    ],
)
LQR_GRAD = Known(
    reread="lecture 08, “Which way is down?”",
    mistakes=[
        points_downhill,
        forgets_the_two,
        forgets_the_covariance,
        takes_the_wind_for_the_covariance,
        takes_the_wind_alone,
        forgets_the_actions_in_the_cost_ahead,
        multiplies_half_of_the_bracket,
        turns_the_covariance_round,
        turns_the_cost_round,
        forgets_action_noise_in_the_covariance,
        takes_sigma_for_a_variance_again,
        adds_the_feedback_again,
        adds_in_the_bracket,
        counts_the_gain_twice,
        forgets_the_effort,
        forgets_what_the_action_does,
    ],
)
PG_LQR = Known(
    reread="lecture 08, “Three estimates”",
    mistakes=[
        takes_the_mean_for_plus,
        weighs_with_all_costs,
        weighs_with_the_past,
        leaves_the_costs_turned_round,
        subtracts_the_mean,
        multiplies_sums,
        skips_its_own_cost,
        leaves_the_last_cost_out,
        sums_along_the_other_axis,
        weighs_with_one_cost,
        sums_over_episodes,
        forgets_sigma_in_the_score,
        divides_by_the_variance,
        multiplies_by_sigma,
        averages_over_time,
        averages_over_episodes,
        swaps_state_and_action,
        takes_the_next_state,
        drops_the_last_score,
    ],
)
GAIN_GRADIENT = Known(
    reread="lecture 08, “Two noises”",
    mistakes=[
        drops_those_who_fell,
        writes_zeros_for_those_who_fell,
        clips_the_costs,
        leaves_them_out_of_the_baseline,
        empties_the_expensive_rows,
        subtracts_the_mean_of_the_cheap,
        has_no_baseline,
        looks_at_itself,
        divides_the_others_by_n,
        subtracts_the_median,
        divides_by_the_spread,
        takes_logarithms,
        divides_twice,
        forgets_to_divide,
        turns_it_round,
        returns_the_mean,
    ],
)
