"""Gradients from episodes: ∇J(θ), J(θ) = E Σ_t γᵗ r_t over t = 0 … T - 1.

    trajectories = rollout(environment, policy, theta, n, seed)
    rows = reinforce(policy, theta, trajectories, ...)          Float[Tensor, "n d"]

As with `estimators`, row i is the gradient that episode i alone gives: `rows.mean(0)` estimates
∇J and points uphill, and variance and standard error are the reader's to see. Any policy will do
that torch can differentiate: rows come from `torch.func`, not from a formula for its score.

    score-function   reinforce, actor_critic: rows Σ_t w_t ∇ log π(a_t | o_t), which differ in w_t
    pathwise         through the environment, where it is differentiable

Rewards and scores have the same range of t: an action changes the reward of its own step. A
baseline is a number or a tensor that broadcasts to (T, n): (T, 1) for each time, (n,) for each
episode, (T, n) for both. It leaves the mean alone as long as row t does not depend on a_t, and for
reward-to-go on no earlier action except through o_t; `reinforce` cannot see where it comes from.

All tensors of trajectories have time first. Episodes may end early: `alive` says which steps are
theirs; at the others observations, actions, rewards and log-probabilities are 0.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from smoothlib.environments import Environment
from smoothlib.noise import normal
from smoothlib.policies import Policy, StochasticPolicy

Value = Callable[[Tensor], Tensor]
Act = Callable[[Tensor], Tensor]

BLOCK = 2**16  # numbers of noise at a time


class Trajectories(NamedTuple):
    """n episodes of at most T steps, side by side."""

    observations: Float[Tensor, "T n o"]
    actions: Tensor  # (T, n, k), or int64 (T, n) where discrete
    rewards: Float[Tensor, "T n"]
    alive: Bool[Tensor, "T n"]  # whether step t belongs to the episode
    log_probs: Float[Tensor, "T n"]  # log π(a_t | o_t) under the policy that acted
    final: Float[Tensor, "n o"]  # what is observed after the last step of each
    terminated: Bool[Tensor, " n"]  # over for good; otherwise cut at the horizon


# --- episodes -----------------------------------------------------------------------------


class _Step(NamedTuple):
    seen: Tensor
    action: Tensor
    reward: Tensor
    alive: Tensor
    after: Tensor  # observed when the step is done
    terminated: Tensor
    over: Tensor


def rollout(
    environment: Environment,
    policy: StochasticPolicy,
    theta: Float[Tensor, " d"],
    n: int,
    seed: int,
    greedy: bool = False,
) -> Trajectories:
    """n episodes of a stochastic policy, until the last of them is over. Data: without a graph.

    The noise of action t in episode i is addressed by (seed, i, t), so that episode i is the same
    for any n, and the start of episode i is that of (seed, i).

    Args:
        greedy: act without noise, by the mean or the likeliest action.
    Raises:
        ValueError, TypeError: if sizes or dtypes of environment, policy and theta disagree.
    """
    _check_shape("rollout", "theta", theta, 1)
    with torch.no_grad():
        start = _start(environment, n, seed, theta)
        noise = iter(()) if greedy else _noise(environment, n, seed, theta)

        def act(seen: Tensor) -> Tensor:
            if greedy:
                return _likeliest(environment, policy(theta, seen))
            return policy.sample(theta, seen, next(noise))

        steps = list(_steps(environment, start, act))
        observations = torch.stack([step.seen for step in steps])
        actions = torch.stack([_masked(step.alive, step.action) for step in steps])
        alive = torch.stack([step.alive for step in steps])
        log_probs = policy.distribution(theta, observations).log_prob(actions)
        final, terminated = steps[0].after, steps[0].terminated
        for step in steps[1:]:
            final = torch.where(step.alive[:, None], step.after, final)
            terminated = torch.where(step.alive, step.terminated, terminated)
    rewards = torch.stack([step.reward for step in steps])
    return Trajectories(
        observations, actions, rewards, alive, _masked(alive, log_probs), final, terminated
    )


def returns(
    environment: Environment,
    policy: Policy,
    thetas: Float[Tensor, "m d"],
    episodes: int,
    seed: int,
) -> Float[Tensor, " m"]:
    """Mean return of each of m policies, without action noise, over some episodes: a fitness.

    All m meet the same starts, so that differences are theirs: the value of a policy depends on
    its theta and the seed, not on m. Where a state is a simulator's handle, which cannot be
    copied, every episode has a start of its own.
    """
    _check_shape("returns", "thetas", thetas, 2)
    m = len(thetas)
    with torch.no_grad():

        def act(seen: Tensor) -> Tensor:
            found = policy(thetas, seen.unflatten(0, (m, episodes)))
            return _likeliest(environment, found.flatten(0, 1))

        start = _same_starts(_start(environment, m * episodes, seed, thetas), episodes, m)
        total = sum(step.reward for step in _steps(environment, start, act))
    assert isinstance(total, Tensor)
    return total.unflatten(0, (m, episodes)).mean(1)


def reward_to_go(rewards: Float[Tensor, "T ..."], gamma: float = 1.0) -> Float[Tensor, "T ..."]:
    """G_t = Σ_{t' >= t} γ^{t' - t} r_{t'}; its first row is the return."""
    return _discounted_sum(rewards, gamma)


# --- score-function gradients ---------------------------------------------------------------


def policy_gradient(
    policy: StochasticPolicy,
    theta: Float[Tensor, " d"],
    trajectories: Trajectories,
    weights: Float[Tensor, "T n"],
) -> Float[Tensor, "n d"]:
    """Rows Σ_t w_t ∇ log π(a_t | o_t): what all score-function estimators share.

    The weights are data: no gradient flows through them.
    """

    def weighted(theta: Tensor, seen: Tensor, action: Tensor, weight: Tensor) -> Tensor:
        return (weight * policy.distribution(theta, seen).log_prob(action)).sum()

    weights = _masked(trajectories.alive, weights.detach().expand_as(trajectories.rewards))
    rows = torch.func.vmap(torch.func.grad(weighted), in_dims=(None, 1, 1, 1))
    return rows(theta.detach(), trajectories.observations, trajectories.actions, weights)


def reinforce(
    policy: StochasticPolicy,
    theta: Float[Tensor, " d"],
    trajectories: Trajectories,
    gamma: float = 1.0,
    to_go: bool = True,
    baseline: float | Tensor = 0.0,
) -> Float[Tensor, "n d"]:
    """The score-function gradient of the discounted return.

    g = Σ_t γᵗ (G_t - b_t) ∇ log π(a_t | o_t),   or with the full return,
    g = Σ_t (G_0 - b_t) ∇ log π(a_t | o_t)

    because the density of a trajectory has the dynamics as a factor without θ. Rewards before t do
    not depend on a_t, hence to-go. See *Simple Statistical Gradient-Following Algorithms*,
    Williams 1992; *Policy Gradient Methods for Reinforcement Learning with Function
    Approximation*, Sutton, McAllester, Singh and Mansour 2000. The factor γᵗ belongs to the
    gradient of J, and most implementations leave it out (Thomas 2014, *Bias in Natural
    Actor-Critic Algorithms*).

    Bias: none, unless the baseline sees an action that it must not see: the rewards along the
    noisy path are the usual mistake. Variance: grows with σ⁻², with the horizon, and with a
    constant in the reward; to-go has less as a rule, not by a theorem: rewards that later ones
    cancel are better kept. Fails: never, but slowly.
    """
    togo = reward_to_go(trajectories.rewards, gamma)
    level = _baseline(baseline, togo)
    weights = _discounts(togo, gamma) * (togo - level) if to_go else togo[:1] - level
    return policy_gradient(policy, theta, trajectories, weights)


def actor_critic(
    policy: StochasticPolicy,
    theta: Float[Tensor, " d"],
    trajectories: Trajectories,
    values: Float[Tensor, "T n"],
    final_values: float | Float[Tensor, " n"] = 0.0,
    gamma: float = 1.0,
    lam: float = 1.0,
) -> Float[Tensor, "n d"]:
    """The score-function gradient with a critic's advantages in place of returns.

    g = Σ_t γᵗ A_t ∇ log π(a_t | o_t),   A_t from `gae`

    At λ = 1 it is `reinforce` with `values` as baseline; at λ = 0 an action's worth is r_t +
    γV(o_{t+1}) - V(o_t) alone. See *Actor-Critic Algorithms*, Konda and Tsitsiklis 2000. Bias:
    none if V is the policy's own value, or if λ = 1; otherwise the critic's errors are its bias.
    """
    weights = gae(trajectories, values, final_values, gamma, lam)
    discounts = _discounts(weights, gamma)
    return policy_gradient(policy, theta, trajectories, discounts * weights)


def gae(
    trajectories: Trajectories,
    values: Float[Tensor, "T n"],
    final_values: float | Float[Tensor, " n"] = 0.0,
    gamma: float = 1.0,
    lam: float = 1.0,
) -> Float[Tensor, "T n"]:
    """Generalised advantages: A_t = Σ_k (γλ)ᵏ δ_{t+k}, δ_t = r_t + γV(o_{t+1}) - V(o_t).

    See *High-Dimensional Continuous Control Using Generalized Advantage Estimation*, Schulman,
    Moritz, Levine, Jordan and Abbeel 2016, arXiv 1506.02438, who take γ = 0.99 and λ = 0.95.
    At λ = 1, with final values of 0, it is the reward-to-go less V. After an episode they are 0.

    Args:
        values: V(o_t) of the observations. final_values: V of what is observed in the end, which
            counts where an episode was cut at the horizon, not where it terminated; 0 where the
            return that is asked for ends at the horizon, too.
    """
    alive, cut = trajectories.alive, ~trajectories.terminated
    final = torch.as_tensor(final_values, dtype=values.dtype, device=values.device).detach()
    values = _masked(alive, values.detach())
    ongoing = torch.cat((alive[1:], torch.zeros_like(alive[:1])))
    following = torch.cat((values[1:], torch.zeros_like(values[:1])))
    following = torch.where(ongoing, following, torch.where(cut, final, 0))
    delta = _masked(alive, trajectories.rewards + gamma * following - values)
    return _discounted_sum(delta, gamma * lam)


# --- baselines ------------------------------------------------------------------------------


def time_baseline(
    to_go: Float[Tensor, "T n"], alive: Bool[Tensor, "T n"] | None = None
) -> Float[Tensor, "T n"]:
    """b_t = the mean reward-to-go at t of the *other* episodes: independent of this one's actions.

    Of the full return, `time_baseline(to_go[:1])`, it is the constant that `leave_one_out` takes.
    With `alive`, the mean is over those that have a step t, and 0 where there is no other.
    Raises ValueError for n < 2.
    """
    n = to_go.shape[1]
    if n < 2:
        raise ValueError(f"time_baseline: n = {n}; leaving one out needs at least 2 episodes")
    counted = torch.ones_like(to_go) if alive is None else alive.to(to_go.dtype)
    kept = to_go * counted
    others = counted.sum(1, keepdim=True) - counted
    return (kept.sum(1, keepdim=True) - kept) / others.clamp(min=1)


def zero_noise_baseline(
    environment: Environment,
    policy: StochasticPolicy,
    theta: Float[Tensor, " d"],
    trajectories: Trajectories,
    seed: int,
    gamma: float = 1.0,
) -> Float[Tensor, "T n"]:
    """The reward-to-go of the rollout without action noise, from the same starts, (T, n).

    `seed` is that of the trajectories. Its first row is the baseline of the full return, its rows
    those of the reward-to-go. Starts and process noise are the same as with noise, which the
    actions do not change, hence no bias. Along the *noisy* states the same mean actions would make
    a biased baseline: those states know the earlier actions. See *Do Differentiable Simulators
    Give Better Policy Gradients?*, Suh, Simchowitz, Zhang and Tedrake 2022, arXiv 2202.00817.
    """
    steps, n = trajectories.rewards.shape
    rewards = rollout(environment, policy, theta, n, seed, greedy=True).rewards
    return _as_long(reward_to_go(rewards, gamma), steps)


def fit_value(trajectories: Trajectories, gamma: float = 1.0) -> Value:
    """A learned state value: at each t, least squares of the reward-to-go on 1, o and o oᵀ.

    Returns V: observations (T, n, o) to values (T, n); beyond the T of the fit its last one
    serves. In a linear-quadratic system it is exact but for noise. Fit it to other episodes than
    those whose baseline it shall be: one that has seen a_t is biased. Fails: with fewer episodes
    than features, (o + 1)(o + 2)/2, where it repeats the noise that it saw.
    """
    alive = trajectories.alive.double()[..., None]
    x = _features(trajectories.observations) * alive
    y = reward_to_go(trajectories.rewards, gamma).double()[..., None] * alive
    gram = torch.linalg.pinv(x.mT @ x, rtol=1e-10, hermitian=True)
    coefficients = gram @ (x.mT @ y)

    def value(observations: Float[Tensor, "T n o"]) -> Float[Tensor, "T n"]:
        weights = _as_long(coefficients, len(observations), repeat=True)
        return (_features(observations) @ weights)[..., 0].to(observations.dtype)

    return value


# --- pathwise gradients ---------------------------------------------------------------------


def pathwise(
    environment: Environment,
    policy: StochasticPolicy,
    theta: Float[Tensor, " d"],
    n: int,
    seed: int,
    gamma: float = 1.0,
) -> Float[Tensor, "n d"]:
    """First-order: the derivative of each episode's return by θ, through actions and dynamics.

    g = d/dθ Σ_t γᵗ r(s_t(θ, ε), a_t(θ, ε)),   a_t = μ_θ(o_t) + σε_t

    Episodes are those of `rollout` with this seed. Bias: none if rewards and dynamics are
    Lipschitz and no episode ends because of θ; at jumps and terminations it is blind, as
    `first_order` is. Variance: small in smooth systems, exponential in T in chaotic ones.

    Raises:
        TypeError: if no derivative comes back: discrete actions, or a simulator without one.
    """
    _check_shape("pathwise", "theta", theta, 1)
    thetas = theta.detach().expand(n, -1).clone().requires_grad_()
    noise = _noise(environment, n, seed, theta)

    def act(seen: Tensor) -> Tensor:
        return policy.sample(thetas, seen[:, None], next(noise)[:, None])[:, 0]

    with torch.enable_grad():
        steps = _steps(environment, _start(environment, n, seed, theta), act)
        total = sum(gamma**t * step.reward.sum() for t, step in enumerate(steps))
    assert isinstance(total, Tensor)
    if not total.requires_grad:
        raise TypeError(
            f"pathwise: the rewards of {type(environment).__name__} under {type(policy).__name__} "
            "have no derivative by theta; a Gaussian policy in a differentiable environment is "
            "needed, or reinforce, which does without"
        )
    return torch.autograd.grad(total, thetas)[0]


# --- helpers --------------------------------------------------------------------------------


def _steps(environment: Environment, state: Any, act: Act) -> Iterator[_Step]:
    """One episode for each row of the state; ends when all are over."""
    seen = environment.observe(state)
    alive = torch.ones(len(seen), dtype=torch.bool, device=seen.device)
    for _ in range(environment.horizon):
        action = act(seen)
        state, reward, terminated, truncated = environment.step(state, action)
        after, over = environment.observe(state), terminated | truncated
        yield _Step(seen, action, _masked(alive, reward), alive, after, terminated, over)
        alive = alive & ~over
        if not alive.any():
            return
        seen = _masked(alive, after)


def _masked(alive: Tensor, x: Tensor) -> Tensor:
    """x, and 0 where an episode is over; what stands there may be anything, NaN too."""
    wide = alive.reshape(alive.shape + (1,) * (x.ndim - alive.ndim))
    return torch.where(wide, x, torch.zeros((), dtype=x.dtype, device=x.device))


def _noise(environment: Environment, n: int, seed: int, theta: Tensor) -> Iterator[Tensor]:
    """ε of each step, (n, k), some steps at a time."""
    k, horizon = environment.action_size, environment.horizon
    block = max(1, BLOCK // (n * k))
    for t in range(0, horizon, block):
        columns = range(t * k, min(t + block, horizon) * k)
        eps = normal(seed, n, columns, dtype=theta.dtype, device=theta.device)
        yield from eps.unflatten(1, (-1, k)).unbind(1)


def _likeliest(environment: Environment, found: Tensor) -> Tensor:
    return found.argmax(-1) if environment.discrete else found


def _same_starts(state: Any, episodes: int, m: int) -> Any:
    """The first episodes m times over, if the state is made of tensors; else what is there."""
    parts = state if isinstance(state, tuple) else (state,)
    if m == 1 or not all(isinstance(part, Tensor) for part in parts):
        return state
    rows = torch.arange(episodes, device=parts[0].device).repeat(m)
    return type(state)(*(part[rows] for part in parts)) if isinstance(state, tuple) else state[rows]


def _discounted_sum(x: Tensor, factor: float) -> Tensor:
    """Σ_{t' >= t} factor^{t' - t} x_{t'} down the first axis."""
    if factor == 1.0:
        return x.flip(0).cumsum(0).flip(0)
    rows = list(x.unbind(0))
    for t in reversed(range(len(rows) - 1)):
        rows[t] = rows[t] + factor * rows[t + 1]
    return torch.stack(rows)


def _discounts(like: Float[Tensor, "T n"], gamma: float) -> Float[Tensor, "T 1"]:
    t = torch.arange(len(like), dtype=like.dtype, device=like.device)
    return (gamma**t)[:, None]


def _features(observations: Float[Tensor, "T n o"]) -> Float[Tensor, "T n p"]:
    """1, o and the products of two of its numbers, in float64, where normal equations are safe."""
    o = observations.double()
    i, j = torch.triu_indices(o.shape[-1], o.shape[-1], device=o.device)
    return torch.cat((torch.ones_like(o[..., :1]), o, o[..., i] * o[..., j]), -1)


def _as_long(x: Tensor, steps: int, repeat: bool = False) -> Tensor:
    """The first rows of x, or all and then zeros, or its last row again and again."""
    missing = steps - len(x)
    if missing <= 0:
        return x[:steps]
    more = x[-1:].expand(missing, *x.shape[1:])
    return torch.cat((x, more if repeat else torch.zeros_like(more)))


def _baseline(baseline: float | Tensor, to_go: Tensor) -> Tensor:
    level = torch.as_tensor(baseline, dtype=to_go.dtype, device=to_go.device).detach()
    try:
        return level.expand_as(to_go)
    except RuntimeError:
        raise ValueError(
            f"reinforce: the baseline has shape {tuple(level.shape)}, which does not broadcast to "
            f"(T, n) = {tuple(to_go.shape)}; (T, 1) is one for each time, (n,) for each episode"
        ) from None


def _start(environment: Environment, n: int, seed: int, theta: Tensor) -> Any:
    """n starts, once what was asked for makes sense."""
    if n < 1:
        raise ValueError(f"n = {n} episodes; at least 1 is needed")
    if not math.isfinite(float(theta.detach().sum())):
        raise ValueError("theta has a NaN or an infinity in it: an earlier step was too long")
    state = environment.reset(n, seed)
    dtype = environment.observe(state).dtype
    if dtype != theta.dtype:
        raise TypeError(
            f"theta is {theta.dtype}, what {type(environment).__name__} observes {dtype}; make "
            f"them equal: theta.to({dtype})"
        )
    return state


def _check_shape(name: str, what: str, theta: Tensor, ndim: int) -> None:
    if theta.ndim != ndim:
        wanted = "(d,), one policy" if ndim == 1 else "(m, d), a row for each policy: theta[None]"
        raise ValueError(f"{name}: {what} has shape {tuple(theta.shape)}; wanted is {wanted}")
