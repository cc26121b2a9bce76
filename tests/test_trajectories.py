"""Gradients from episodes: all of them against the exact ∇J of linear-quadratic systems."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from smoothlib.environments import CartPole, Environment, LinearQuadratic, Transition
from smoothlib.finite_horizon import expected_return, expected_return_grad, state_values
from smoothlib.noise import normal
from smoothlib.policies import MLP, Categorical, Gaussian, Linear, StochasticPolicy
from smoothlib.statistics import Estimate, summarise
from smoothlib.trajectories import (
    Trajectories,
    actor_critic,
    fit_value,
    gae,
    pathwise,
    policy_gradient,
    reinforce,
    returns,
    reward_to_go,
    rollout,
    time_baseline,
    zero_noise_baseline,
)
from tests.systems import (
    F64,
    SCALAR,
    SIGMA,
    TWO_STATES,
    History,
    Tasks,
    policy_of,
    theta_of,
)

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

N = 20_000
ONE_STEP = replace(TWO_STATES, horizon=1, R=torch.tensor([[2.0]], dtype=F64))
SYSTEMS = {"scalar": SCALAR, "two states": TWO_STATES, "one step": ONE_STEP}
CARTPOLE = CartPole(dtype=F64)
BALANCE = Categorical(MLP(4, (8,), 2))


def within(found: Estimate, truth: Tensor | float) -> bool:
    return bool(((found.mean - truth).abs() <= 5 * found.standard_error + 1e-12).all())


def measured(rows: Tensor) -> Estimate:
    return summarise([rows])


# --- episodes -------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [1.0, 0.9, 0.0])
def test_reward_to_go_counts_from_its_own_reward_on(gamma: float) -> None:
    r = normal(0, 7, 3, dtype=F64)
    wanted = [sum(gamma ** (u - t) * r[u] for u in range(t, 7)) for t in range(7)]
    torch.testing.assert_close(reward_to_go(r, gamma), torch.stack(wanted))
    torch.testing.assert_close(reward_to_go(r[:1], gamma), r[:1])


@pytest.mark.parametrize("system", [*SYSTEMS.values(), replace(TWO_STATES, horizon=2)])
def test_an_episode_obeys_the_policy_and_the_system(system: LinearQuadratic) -> None:
    policy, theta, system = policy_of(system), theta_of(system), replace(system, process_sigma=0.0)
    found = rollout(system, policy, theta, 6, seed=3)
    T = system.horizon
    assert found.observations.shape[:2] == found.rewards.shape == (T, 6)
    s = system.observe(system.reset(6, 3))
    eps = (found.actions - policy(theta, found.observations)) / SIGMA
    torch.testing.assert_close(eps[..., 0], normal(3, 6, T, dtype=F64).T)
    for t in range(T):
        a = found.actions[t]
        torch.testing.assert_close(found.observations[t], s)
        cost = torch.einsum("ni,ij,nj->n", s, system.Q, s) + system.R * a[:, 0] ** 2
        torch.testing.assert_close(found.rewards[t], system.offset - cost[0])
        s = s @ system.A.T + a @ system.B.T
    torch.testing.assert_close(found.final, s)
    assert found.alive.all() and not found.terminated.any()
    log_probs = policy.distribution(theta, found.observations).log_prob(found.actions)
    torch.testing.assert_close(found.log_probs, log_probs)


@pytest.mark.parametrize(
    "environment, policy", [(TWO_STATES, policy_of(TWO_STATES)), (CARTPOLE, BALANCE)]
)
def test_an_episode_is_the_same_among_many(
    environment: Environment, policy: StochasticPolicy
) -> None:
    theta = policy.initial(0, F64)
    many, few = (rollout(environment, policy, theta, n, seed=2) for n in (40, 5))
    T = len(few.rewards)
    for a, b in zip(many[:5], few[:5], strict=True):
        torch.testing.assert_close(a[:T, :5], b)
    assert not many.alive[T:, :5].any()
    torch.testing.assert_close(many.final[:5], few.final)
    assert not torch.equal(rollout(environment, policy, theta, 5, seed=4).actions, few.actions)


def test_the_noise_of_long_episodes_is_addressed_as_that_of_short_ones() -> None:
    """Beyond a block of noise, too: 3000 members leave 21 steps to a block."""
    short, long = (replace(SCALAR, horizon=T) for T in (5, 60))
    policy, theta = policy_of(SCALAR), theta_of(SCALAR)
    few, many = (rollout(system, policy, theta, 3000, seed=1).actions for system in (short, long))
    torch.testing.assert_close(many[:5], few)
    eps = (many[..., 0] - -0.4 * rollout(long, policy, theta, 3000, 1).observations[..., 0]) / SIGMA
    torch.testing.assert_close(eps, normal(1, 3000, 60, dtype=F64).T)


def test_two_actions_have_noise_of_their_own_at_every_step() -> None:
    """ε of action j at time t has the coordinate 2t + j, across blocks of noise, too."""
    system = LinearQuadratic(
        TWO_STATES.A, torch.eye(2, dtype=F64), TWO_STATES.Q, torch.eye(2, dtype=F64),
        TWO_STATES.start, horizon=30,
    )  # fmt: skip
    policy, theta = Gaussian(Linear(2, 2), SIGMA), torch.zeros(6, dtype=F64)
    eps = rollout(system, policy, theta, 3000, seed=4).actions / SIGMA
    wanted = normal(4, 3000, 60, dtype=F64).unflatten(1, (30, 2)).transpose(0, 1)
    torch.testing.assert_close(eps, wanted)


def test_what_is_not_asked_for_is_not_done() -> None:
    """No discount, no baseline, nothing after the horizon; GAE as its paper recommends."""
    policy, theta = policy_of(TWO_STATES), theta_of(TWO_STATES)
    found = rollout(TWO_STATES, policy, theta, 6, seed=0)
    r, v = found.rewards, normal(1, 5, 6, dtype=F64)
    pairs = [
        (reward_to_go(r), reward_to_go(r, 1.0)),
        (gae(found, v), gae(found, v, 0.0, 1.0, 1.0)),
        (actor_critic(policy, theta, found, v), reinforce(policy, theta, found, 1.0, True, v)),
        (reinforce(policy, theta, found), reinforce(policy, theta, found, 1.0, True, 0.0)),
        (pathwise(TWO_STATES, policy, theta, 6, 0), pathwise(TWO_STATES, policy, theta, 6, 0, 1.0)),
        (fit_value(found)(found.observations), fit_value(found, 1.0)(found.observations)),
        (
            zero_noise_baseline(TWO_STATES, policy, theta, found, 0),
            zero_noise_baseline(TWO_STATES, policy, theta, found, 0, 1.0),
        ),
    ]
    for found_by_default, asked_for in pairs:
        torch.testing.assert_close(found_by_default, asked_for)


def test_cartpoles_episodes_end_one_by_one() -> None:
    theta = BALANCE.initial(0, F64)
    found = rollout(CARTPOLE, BALANCE, theta, 30, seed=0)
    lengths = found.alive.sum(0)
    assert lengths.min() < lengths.max() == len(found.rewards) < 500
    assert found.terminated.all()
    for i, length in enumerate(lengths.tolist()):
        assert found.alive[:length, i].all() and found.rewards[:, i].sum() == length
        for part in (found.observations, found.actions, found.log_probs):
            assert not part[length:, i].any()
        state = CARTPOLE.reset(30, 0)
        for t in range(length):
            torch.testing.assert_close(found.observations[t, i], CARTPOLE.observe(state)[i])
            state, *_ = CARTPOLE.step(state, found.actions[t])
        torch.testing.assert_close(found.final[i], CARTPOLE.observe(state)[i])


def test_an_episode_that_is_cut_has_not_terminated() -> None:
    found = rollout(replace(CARTPOLE, horizon=12), BALANCE, BALANCE.initial(0, F64), 30, seed=0)
    assert torch.equal(found.alive.sum(0) == 12, ~found.terminated | found.alive[-1])
    assert 0 < found.terminated.sum() < 30


def test_without_noise_it_is_the_mean_that_acts() -> None:
    policy, theta = policy_of(TWO_STATES), theta_of(TWO_STATES)
    found = rollout(TWO_STATES, policy, theta, 4, seed=0, greedy=True)
    torch.testing.assert_close(found.actions, policy(theta, found.observations))
    theta = BALANCE.initial(0, F64)
    chosen = rollout(CARTPOLE, BALANCE, theta, 4, seed=0, greedy=True)
    likeliest = BALANCE.distribution(theta, chosen.observations).probs.argmax(-1)
    assert torch.equal(chosen.actions, likeliest * chosen.alive)


def test_the_mean_return_is_the_expected_one() -> None:
    for system in SYSTEMS.values():
        policy, theta = policy_of(system), theta_of(system)
        found = rollout(system, policy, theta, N, seed=0)
        for gamma in (1.0, 0.8):
            truth = expected_return(system, theta, SIGMA, gamma)
            assert within(measured(reward_to_go(found.rewards, gamma)[0]), truth)


# --- many policies at once ------------------------------------------------------------------


@pytest.mark.parametrize("policy, m", [(Linear(4, 2), 2), (MLP(4, (6,), 2), 7)])
def test_returns_are_those_of_each_policy_on_the_same_starts(policy: Linear | MLP, m: int) -> None:
    thetas = normal(1, m, policy.d, dtype=F64)
    found = returns(CARTPOLE, policy, thetas, episodes=5, seed=3)
    chosen = Categorical(policy)
    for theta, value in zip(thetas, found, strict=True):
        alone = rollout(CARTPOLE, chosen, theta, 5, seed=3, greedy=True)
        assert float(value) == float(alone.rewards.sum(0).mean())
        assert float(returns(CARTPOLE, policy, theta[None], 5, 3)) == float(value)


def test_returns_of_a_noisy_system_are_without_noise_in_the_action() -> None:
    thetas = torch.tensor([[-0.4], [-1.0]], dtype=F64)
    system = replace(SCALAR, process_sigma=0.5)
    found = returns(system, Linear(1, 1, bias=False), thetas, episodes=N, seed=0)
    truth = expected_return(system, thetas, sigma=0.0)
    per_episode = rollout(system, policy_of(SCALAR), thetas[0], N, 0, greedy=True).rewards.sum(0)
    assert within(measured(per_episode), truth[0])
    assert float(found[0]) == pytest.approx(float(per_episode.mean()))
    assert abs(float(found[1] - truth[1])) < 5 * float(per_episode.std()) / N**0.5


class Handle:
    """A state that cannot be copied."""

    def __init__(self, start: Tensor) -> None:
        self.start = start


class Simulator(Tasks):
    """One step; the start is the reward, and the state a handle."""

    def __init__(self) -> None:
        super().__init__(lambda a: a)

    def reset(self, n: int, seed: int) -> Handle:
        return Handle(torch.arange(n, dtype=F64))

    def observe(self, state: Handle) -> Tensor:
        return state.start[:, None]

    def step(self, state: Handle, action: Tensor) -> Transition:
        over = torch.ones(len(action), dtype=torch.bool)
        return Transition(state, state.start, over, over)


def test_where_a_state_cannot_be_copied_every_episode_starts_for_itself() -> None:
    found = returns(Simulator(), Linear(1, 1), torch.zeros(3, 2, dtype=F64), episodes=2, seed=0)
    torch.testing.assert_close(found, torch.tensor([0.5, 2.5, 4.5], dtype=F64))


# --- gradients: unbiased, at five standard errors --------------------------------------------


class Case(NamedTuple):
    """What a row of the table below is made from."""

    system: LinearQuadratic
    gamma: float
    found: Trajectories
    policy: Gaussian
    theta: Tensor


def values(case: Case) -> Tensor:
    return state_values(case.system, case.theta, SIGMA, case.gamma)(case.found.observations)


def score(case: Case, **options: object) -> Tensor:
    return reinforce(case.policy, case.theta, case.found, case.gamma, **options)  # type: ignore[arg-type]


def critic(case: Case, lam: float) -> Tensor:
    return actor_critic(case.policy, case.theta, case.found, values(case), 0.0, case.gamma, lam)


def over_time(case: Case) -> Tensor:
    return score(case, baseline=time_baseline(reward_to_go(case.found.rewards, case.gamma)))


def fitted(case: Case) -> Tensor:
    others = rollout(case.system, case.policy, case.theta, 500, seed=77)
    return score(case, baseline=fit_value(others, case.gamma)(case.found.observations))


def still(case: Case) -> Tensor:
    system, policy, theta, gamma = case.system, case.policy, case.theta, case.gamma
    return zero_noise_baseline(system, policy, theta, case.found, SEED, gamma)


SEED = 11
UNBIASED: dict[str, Callable[[Case], Tensor]] = {
    "full return": lambda case: score(case, to_go=False),
    "full return, constant": lambda case: score(case, to_go=False, baseline=-2.0),
    "reward-to-go": score,
    "to-go, constant": lambda case: score(case, baseline=-2.0),
    "to-go, time": over_time,
    "to-go, exact value": lambda case: score(case, baseline=values(case)),
    "to-go, learned value": fitted,
    "full return, zero noise": lambda case: score(case, to_go=False, baseline=still(case)[0]),
    "to-go, zero noise": lambda case: score(case, baseline=still(case)),
    "actor-critic, one step": lambda case: critic(case, 0.0),
    "actor-critic, half way": lambda case: critic(case, 0.5),
    "actor-critic, to the end": lambda case: critic(case, 1.0),
    "pathwise": lambda case: pathwise(
        case.system, case.policy, case.theta, N, SEED, case.gamma
    ),
}  # fmt: skip


@pytest.mark.parametrize("estimator", UNBIASED.values(), ids=UNBIASED)
@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
@pytest.mark.parametrize("gamma", [1.0, 0.8])
def test_every_estimator_has_the_gradient_as_its_mean(
    estimator: Callable[[Case], Tensor], system: LinearQuadratic, gamma: float
) -> None:
    policy, theta = policy_of(system), theta_of(system)
    case = Case(system, gamma, rollout(system, policy, theta, N, SEED), policy, theta)
    rows = estimator(case)
    truth = expected_return_grad(system, theta, SIGMA, gamma)
    assert rows.shape == (N, len(theta))
    assert within(measured(rows), truth)
    far = (measured(rows).mean + truth).abs() > 5 * measured(rows).standard_error
    assert far.any(), "with this noise the sign could not be told"


def test_at_one_step_the_only_score_meets_the_only_reward() -> None:
    """r = a, so ∇J = 1; an estimator that loses its last score or reward has 0."""
    task, policy = Tasks(lambda a: a), Gaussian(Linear(1, 1, bias=False), SIGMA)
    theta = torch.tensor([0.5], dtype=F64)
    found = rollout(task, policy, theta, N, seed=0)
    assert found.rewards.shape == (1, N)
    for rows in (
        reinforce(policy, theta, found),
        reinforce(policy, theta, found, to_go=False),
        actor_critic(policy, theta, found, torch.full_like(found.rewards, 0.5)),
    ):
        assert within(measured(rows), 1.0)
    torch.testing.assert_close(pathwise(task, policy, theta, 5, 0), torch.ones(5, 1, dtype=F64))


def test_a_learned_sigma_has_its_gradient_too() -> None:
    """∂J/∂log σ by a central difference of the exact return."""
    policy = Gaussian(Linear(2, 1, bias=False), SIGMA, learned=True)
    theta = torch.cat((theta_of(TWO_STATES), torch.tensor([SIGMA], dtype=F64).log()))
    up, down = (
        expected_return(TWO_STATES, theta[:2], SIGMA * (1 + sign * 1e-5)) for sign in (1, -1)
    )
    truth = torch.cat(
        (expected_return_grad(TWO_STATES, theta[:2], SIGMA), (up - down)[None] / 2e-5)
    )
    found = rollout(TWO_STATES, policy, theta, N, SEED)
    level = time_baseline(reward_to_go(found.rewards))
    assert within(measured(reinforce(policy, theta, found, baseline=level)), truth)
    assert within(measured(pathwise(TWO_STATES, policy, theta, N, SEED)), truth)


def test_two_actions_and_two_probabilities_have_the_exact_gradient() -> None:
    """Categorical, one step, r = 2 for action 1: J = 2p, so ∂J = ±2p(1 - p) by the biases."""

    class Bandit(Tasks):
        discrete, action_size = True, 2

        def step(self, state: object, action: Tensor) -> Transition:
            over = torch.ones(len(action), dtype=torch.bool)
            return Transition(state, 2.0 * action.double(), over, ~over)

    policy, theta = Categorical(Linear(1, 2, bias=False)), torch.tensor([0.3, -0.5], dtype=F64)
    p = float(theta.softmax(0)[1])
    found = rollout(Bandit(lambda a: a), policy, theta, N, seed=0)
    slope = torch.tensor([-2 * p * (1 - p), 2 * p * (1 - p)], dtype=F64)
    assert within(measured(reinforce(policy, theta, found)), slope)


# --- rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment, policy",
    [
        (CARTPOLE, BALANCE),
        (TWO_STATES, Gaussian(MLP(2, (4,), 1), SIGMA, learned=True)),
    ],
)
def test_a_row_is_the_gradient_of_one_episode(
    environment: Environment, policy: StochasticPolicy
) -> None:
    theta = policy.initial(0, F64)
    found = rollout(environment, policy, theta, 6, seed=0)
    weights = normal(5, *found.rewards.shape, dtype=F64)
    rows = policy_gradient(policy, theta, found, weights)
    for i in range(6):
        T = int(found.alive[:, i].sum())
        x = theta.clone().requires_grad_()
        log_probs = policy.distribution(x, found.observations[:T, i]).log_prob(found.actions[:T, i])
        (alone,) = torch.autograd.grad((weights[:T, i] * log_probs).sum(), x)
        torch.testing.assert_close(rows[i], alone)


def test_a_row_of_a_linear_gaussian_policy_has_its_closed_form() -> None:
    """∇_k log π = ε s / σ."""
    policy, theta = policy_of(SCALAR), theta_of(SCALAR)
    found = rollout(SCALAR, policy, theta, 50, seed=0)
    eps = normal(0, 50, SCALAR.horizon, dtype=F64).T
    wanted = (found.rewards.sum(0) * eps * found.observations[..., 0] / SIGMA).sum(0)
    rows = reinforce(policy, theta, found, to_go=False)
    torch.testing.assert_close(rows[:, 0], wanted)


def test_a_pathwise_row_is_the_slope_of_its_episode() -> None:
    policy, theta = policy_of(TWO_STATES), theta_of(TWO_STATES)
    rows = pathwise(TWO_STATES, policy, theta, 4, seed=9)
    for i, step in enumerate(torch.eye(2, dtype=F64) * 1e-6):
        up, down = (
            rollout(TWO_STATES, policy, theta + sign * step, 4, seed=9).rewards.sum(0)
            for sign in (1, -1)
        )
        torch.testing.assert_close(rows[:, i], (up - down) / 2e-6, rtol=1e-6, atol=1e-6)


def test_estimates_are_data() -> None:
    """No graph comes out, and none that goes in is followed."""
    policy = policy_of(SCALAR)
    theta = theta_of(SCALAR).requires_grad_()
    found = rollout(SCALAR, policy, theta, 4, seed=0)
    assert not any(part.requires_grad for part in found)
    rows = reinforce(policy, theta, found, baseline=theta.sum() * torch.ones(5, 1))
    assert not rows.requires_grad and not pathwise(SCALAR, policy, theta, 4, 0).requires_grad


class Cliff(Tasks):
    """Two steps with r = a; episode 0 is over after one, and all it says then is NaN."""

    def __init__(self) -> None:
        super().__init__(lambda a: a, lambda a, b: b)

    def observe(self, state: History) -> Tensor:
        return self._poisoned(super().observe(state), state.actions.shape[1] > 0)

    def step(self, state: History, action: Tensor) -> Transition:
        after, reward, over, cut = super().step(state, action)
        over[0] = True
        return Transition(after, self._poisoned(reward, after.actions.shape[1] > 1), over, cut)

    def _poisoned(self, x: Tensor, late: bool) -> Tensor:
        if late:
            x[0] = torch.nan
        return x


def test_what_lies_beyond_an_episode_may_be_anything() -> None:
    policy, theta = policy_of(SCALAR), theta_of(SCALAR)
    found = rollout(Cliff(), policy, theta, 3, seed=0)
    assert found.alive.sum(0).tolist() == [1, 2, 2]
    assert reinforce(policy, theta, found).isfinite().all()
    assert fit_value(found)(found.observations).isfinite().all()


# --- advantages -------------------------------------------------------------------------------


def ragged() -> Trajectories:
    """Three episodes: of 4 steps, cut; of 2, terminated; of 3, cut by themselves."""
    lengths = torch.tensor([4, 2, 3])
    alive = torch.arange(4)[:, None] < lengths
    rewards = normal(0, 4, 3, dtype=F64) * alive
    zeros = torch.zeros(4, 3, dtype=F64)
    terminated = torch.tensor([False, True, False])
    return Trajectories(
        zeros[..., None], zeros[..., None], rewards, alive, zeros, zeros[:3], terminated
    )


@pytest.mark.parametrize("lam", [0.0, 0.7, 1.0])
def test_gae_is_the_mixture_of_its_returns(lam: float) -> None:
    """A_t = (1 - λ) Σ_k λ^(k-1) (k-step return) - V_t, the last of which has the rest of λ."""
    found, gamma = ragged(), 0.9
    v, final = normal(1, 4, 3, dtype=F64), normal(2, 1, 3, dtype=F64)[0]
    advantages = gae(found, v, final, gamma, lam)
    for i, T in enumerate(found.alive.sum(0).tolist()):
        last = 0.0 if found.terminated[i] else final[i]
        following = [*v[1:T, i], last]
        for t in range(T):
            steps = range(1, T - t + 1)
            mixed = 0.0
            for k in steps:
                r = sum(gamma**j * found.rewards[t + j, i] for j in range(k))
                share = lam ** (k - 1) * (1 if k == T - t else 1 - lam)
                mixed += share * (r + gamma**k * following[t + k - 1])
            assert float(advantages[t, i]) == pytest.approx(float(mixed - v[t, i]))
        assert not advantages[T:, i].any()


def test_actor_critic_to_the_end_is_reinforce_with_a_baseline() -> None:
    policy, theta = policy_of(TWO_STATES), theta_of(TWO_STATES)
    found = rollout(TWO_STATES, policy, theta, 50, seed=0)
    v = normal(3, 5, 50, dtype=F64)
    torch.testing.assert_close(
        actor_critic(policy, theta, found, v, 0.0, 0.9, lam=1.0),
        reinforce(policy, theta, found, 0.9, baseline=v),
    )


def test_a_wrong_critic_is_a_bias_unless_it_is_a_baseline() -> None:
    policy, theta = policy_of(SCALAR), theta_of(SCALAR)
    found = rollout(SCALAR, policy, theta, N, SEED)
    truth = expected_return_grad(SCALAR, theta, SIGMA)
    wrong = torch.zeros_like(found.rewards)
    assert not within(measured(actor_critic(policy, theta, found, wrong, lam=0.0)), truth)
    assert within(measured(actor_critic(policy, theta, found, wrong, lam=1.0)), truth)


# --- baselines ---------------------------------------------------------------------------------


def test_the_time_baseline_is_the_mean_of_the_others() -> None:
    togo = normal(0, 3, 5, dtype=F64)
    alive = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [0, 0, 1, 0, 0]]).bool()
    found, whole = time_baseline(togo, alive), time_baseline(togo)
    for i in range(5):
        others = [j for j in range(5) if j != i]
        torch.testing.assert_close(whole[:, i], togo[:, others].mean(1))
        for t in range(3):
            living = [float(togo[t, j]) for j in others if alive[t, j]]
            wanted = sum(living) / len(living) if living else 0.0
            assert float(found[t, i]) == pytest.approx(wanted)


def test_the_fitted_value_is_exact_in_a_linear_quadratic_system() -> None:
    """Without action noise to blur it, but from random starts: V_t(s) is quadratic."""
    system = replace(TWO_STATES, process_sigma=0.0, start_sigma=1.0)
    policy, theta = Gaussian(Linear(2, 1, bias=False), 1e-9), theta_of(system)
    value = fit_value(rollout(system, policy, theta, 100, seed=0), gamma=0.9)
    others = rollout(system, policy, theta, 30, seed=1)
    exact = state_values(system, theta, 1e-9, gamma=0.9)(others.observations)
    torch.testing.assert_close(value(others.observations), exact, rtol=1e-6, atol=1e-6)
    longer = torch.cat((others.observations, others.observations[-1:]))
    torch.testing.assert_close(value(longer)[5], value(longer)[4])


def test_the_zero_noise_baseline_is_the_return_of_the_mean_actions() -> None:
    policy, theta = policy_of(TWO_STATES), theta_of(TWO_STATES)
    found = rollout(TWO_STATES, policy, theta, 4, seed=6)
    level = zero_noise_baseline(TWO_STATES, policy, theta, found, 6, gamma=0.9)
    state, total = TWO_STATES.reset(4, 6), torch.zeros(4, dtype=F64)
    for t in range(TWO_STATES.horizon):
        state, reward, *_ = TWO_STATES.step(state, policy(theta, TWO_STATES.observe(state)))
        total += 0.9**t * reward
    torch.testing.assert_close(level[0], total)


def test_a_zero_noise_rollout_of_another_length_is_made_to_fit() -> None:
    theta = BALANCE.initial(0, F64)
    found = rollout(CARTPOLE, BALANCE, theta, 10, seed=0)
    still = rollout(CARTPOLE, BALANCE, theta, 10, seed=0, greedy=True)
    level = zero_noise_baseline(CARTPOLE, BALANCE, theta, found, 0)
    assert len(still.rewards) != len(found.rewards)
    assert level.shape == found.rewards.shape
    torch.testing.assert_close(level[0], still.rewards.sum(0))


# --- bad input ---------------------------------------------------------------------------------


def test_bad_input_is_named() -> None:
    policy, theta = policy_of(SCALAR), theta_of(SCALAR)
    with pytest.raises(TypeError, match=r"theta is torch.float32, .* theta.to\(torch.float64\)"):
        rollout(SCALAR, policy, theta.float(), 3, 0)
    with pytest.raises(ValueError, match="NaN or an infinity"):
        rollout(SCALAR, policy, theta * torch.nan, 3, 0)
    with pytest.raises(ValueError, match="n = 0 episodes"):
        rollout(SCALAR, policy, theta, 0, 0)
    with pytest.raises(ValueError, match="an observation has 2 numbers, not 1"):
        rollout(SCALAR, policy_of(TWO_STATES), theta_of(TWO_STATES), 3, 0)
    assert rollout(SCALAR, policy, theta, 1, 0).rewards.shape == (5, 1)
    for act in (rollout, pathwise):
        with pytest.raises(ValueError, match=r"theta has shape \(1, 1\); wanted is \(d,\)"):
            act(SCALAR, policy, theta[None], 3, 0)
    with pytest.raises(ValueError, match=r"thetas has shape \(1,\); .* theta\[None\]"):
        returns(SCALAR, policy, theta, 3, 0)
    found = rollout(SCALAR, policy, theta, 3, 0)
    with pytest.raises(ValueError, match=r"shape \(5,\), which does not broadcast to .*\(5, 3\)"):
        reinforce(policy, theta, found, baseline=torch.zeros(5))
    with pytest.raises(ValueError, match="at least 2 episodes"):
        time_baseline(torch.zeros(5, 1))


def test_a_path_without_a_derivative_is_refused() -> None:
    with pytest.raises(TypeError, match="no derivative by theta"):
        pathwise(CARTPOLE, BALANCE, BALANCE.initial(0, F64), 3, 0)
