"""PPO: its surrogate, its step, its bookkeeping; and whether it learns."""

import sys
import time
from typing import Any

import pytest
import torch
from torch import Tensor

from smoothlib import ppo as module
from smoothlib.ascent import ascend
from smoothlib.environments import (
    CartPole,
    LinearQuadratic,
    LinearQuadraticState,
    Pendulum,
    Transition,
)
from smoothlib.finite_horizon import expected_return, expected_return_grad
from smoothlib.gymnasium_vector import GymnasiumVector
from smoothlib.policies import MLP, Categorical, Gaussian, Linear
from smoothlib.ppo import PPO, clipped_surrogate
from smoothlib.trajectories import (
    actor_critic,
    reinforce,
    returns,
    reward_to_go,
    rollout,
    time_baseline,
)
from tests.systems import F64, SCALAR, SIGMA, policy_of, theta_of

pytestmark = pytest.mark.usefixtures("no_jaxtyping")


def cartpole(seed: int, **options: Any) -> PPO:
    networks = Categorical(MLP(4, (64, 64), 2)), MLP(4, (64, 64), 1)
    return PPO(CartPole(dtype=torch.float32), *networks, seed, **options)


def small(**options: Any) -> PPO:
    networks = Categorical(MLP(4, (8,), 2)), MLP(4, (8,), 1)
    return PPO(CartPole(dtype=F64), *networks, 3, **{"episodes": 4, "epochs": 2, **options})


def score(ppo: PPO) -> float:
    """Mean return of 100 fresh episodes, of the likeliest actions."""
    return float(returns(ppo.environment, ppo.policy, ppo.theta[None], 100, seed=10**6))


# --- the surrogate ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ratio, advantage, value, slope",
    [
        (1.0, 2.0, 2.0, 2.0),
        (1.1, 2.0, 2.2, 2.2),
        (1.5, 2.0, 2.4, 0.0),  # far enough
        (0.5, 2.0, 1.0, 1.0),  # wrong way: pulled back
        (1.5, -2.0, -3.0, -3.0),  # wrong way
        (0.5, -2.0, -1.6, 0.0),  # far enough
    ],
)
def test_the_surrogate_is_clipped_where_nothing_more_is_to_be_gained(
    ratio: float, advantage: float, value: float, slope: float
) -> None:
    log_prob = torch.tensor([ratio], dtype=F64).log().requires_grad_()
    old, A = torch.zeros(1, dtype=F64), torch.tensor([advantage], dtype=F64)
    found = clipped_surrogate(log_prob, old, A, clip=0.2)
    (grad,) = torch.autograd.grad(found.sum(), log_prob)
    assert float(found.detach()) == pytest.approx(value) and float(grad) == pytest.approx(slope)


def test_its_first_step_is_the_policy_gradient() -> None:
    """At π = π_old, Σ_t A_t ∇ log π: rows of `actor_critic` but for γᵗ, here 1."""
    policy, theta = policy_of(SCALAR), theta_of(SCALAR)
    found = rollout(SCALAR, policy, theta, 100, seed=0)
    x = theta.clone().requires_grad_()
    log_probs = policy.distribution(x, found.observations).log_prob(found.actions)
    A = reward_to_go(found.rewards)
    surrogate = clipped_surrogate(log_probs, found.log_probs, A).sum(0).mean()
    (grad,) = torch.autograd.grad(surrogate, x)
    zeros = torch.zeros_like(found.rewards)
    torch.testing.assert_close(grad, actor_critic(policy, theta, found, zeros).mean(0))


class Recorded:
    """Stands for Adam, and keeps the gradient that it was given."""

    def __init__(self, ppo: PPO) -> None:
        self.ppo, self.grads = ppo, []  # type: tuple[PPO, list[Tensor]]

    def step(self) -> None:
        assert self.ppo.theta.grad is not None
        self.grads.append(self.ppo.theta.grad.clone())

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


def test_one_epoch_over_one_minibatch_climbs_along_actor_critic() -> None:
    """Standardised advantages and the mean over steps are a positive factor and a baseline."""
    ppo = small(epochs=1, minibatch=10**6, gamma=1.0, lam=0.9)
    recorder = Recorded(ppo)
    ppo.optimiser = recorder  # type: ignore[assignment]
    ppo.step()
    found = rollout(ppo.environment, ppo.policy, ppo.theta, 4, module._seed(3, 0, "episodes"))
    v, final = (ppo.critic(ppo.phi, o)[..., 0] for o in (found.observations, found.final))
    A = module.gae(found, v, final, 1.0, 0.9)
    mean, spread = A[found.alive].mean(), A[found.alive].std(correction=0)
    uphill = actor_critic(ppo.policy, ppo.theta, found, v, final, 1.0, 0.9).sum(0)
    unit = module.Trajectories(*found)._replace(rewards=found.alive.double())
    ones = torch.zeros_like(found.rewards)
    along = actor_critic(ppo.policy, ppo.theta, unit, ones, 0.0, 1.0, 0.0).sum(0)
    wanted = (uphill - mean * along) / spread / found.alive.sum()
    torch.testing.assert_close(recorder.grads[0], -wanted, rtol=1e-6, atol=1e-9)


def test_entropy_is_climbed_with_its_weight() -> None:
    """What `entropy` adds to the gradient is its own, of -Σ p log p over the steps."""
    grads = []
    for weight in (0.0, 0.3):
        ppo = small(epochs=1, minibatch=10**6, entropy=weight)
        recorder = Recorded(ppo)
        ppo.optimiser = recorder  # type: ignore[assignment]
        ppo.step()
        grads.append(recorder.grads[0])
    found = rollout(ppo.environment, ppo.policy, ppo.theta, 4, module._seed(3, 0, "episodes"))
    theta = ppo.theta.clone().requires_grad_()
    p = ppo.policy.distribution(theta, found.observations[found.alive]).probs
    (own,) = torch.autograd.grad(-(p * p.log()).sum(-1).mean(), theta)
    torch.testing.assert_close(grads[1] - grads[0], -0.3 * own, rtol=1e-6, atol=1e-10)


class Over(LinearQuadratic):
    """The same system, whose end is an end: nothing is to be expected after it."""

    def step(self, state: LinearQuadraticState, action: Tensor) -> Transition:
        found = super().step(state, action)
        return found._replace(terminated=found.truncated)


def test_the_critic_learns_the_value_of_a_state() -> None:
    """One step, r = -s²: V(s) = -s² whatever the policy does."""
    task = Over(**vars(LinearQuadratic.scalar(r=0.0, horizon=1, start_sigma=1.0, dtype=F64)))
    ppo = PPO(task, policy_of(task), MLP(1, (16,), 1), 0, episodes=500, rate=0.01)
    ppo.train(40 * 500)
    s = torch.linspace(-0.5, 2.5, 7, dtype=F64)[:, None]
    assert (ppo.critic(ppo.phi, s) + s**2).abs().max() < 0.3


def test_after_a_cut_there_is_more_to_come() -> None:
    """r = 1 for ever, cut after one step: V = 1/(1 - γ), where an end would leave V = 1."""
    values = []
    same = LinearQuadratic.scalar(1.0, 0.0, 0.0, 0.0, horizon=1, offset=1.0, dtype=F64)
    for task in (same, Over(**vars(same))):
        ppo = PPO(task, policy_of(task), Linear(1, 1), 0, episodes=10, gamma=0.5, rate=0.01)
        ppo.train(10 * 50)
        values.append(float(ppo.critic(ppo.phi, torch.ones(1, 1, dtype=F64))))
    assert values == pytest.approx([2.0, 1.0], abs=0.05)


# --- bookkeeping --------------------------------------------------------------------------------


def same(a: PPO, b: PPO) -> bool:
    return all(
        torch.equal(x, y)
        for x, y in zip((a.theta, a.phi, *a.curve), (b.theta, b.phi, *b.curve), strict=True)
    )


def test_the_curve_counts_steps_and_returns() -> None:
    ppo = small()
    curve = ppo.train(300)
    assert curve.steps.shape == curve.returns.shape and len(curve.steps) > 2
    assert (curve.steps.diff() > 0).all() and curve.steps[-2] < 300 <= curve.steps[-1]
    spent = torch.cat((curve.steps[:1], curve.steps.diff()))
    torch.testing.assert_close(4 * curve.returns, spent)  # CartPole pays 1 a step
    assert ppo.spent == curve.steps[-1]


def test_a_seed_is_a_run() -> None:
    one, two, other = small(), small(), small()
    other.seed = 4
    for ppo in (one, two, other):
        ppo.train(200)
    assert same(one, two) and not torch.equal(one.theta, other.theta)


@pytest.mark.parametrize("when", [0, 5, 17])
def test_an_interruption_loses_at_most_an_iteration(
    when: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = small(minibatch=16), small(minibatch=16)
    for _ in range(4):
        whole.step()
    update, calls = PPO._update, iter(range(10**6))

    def interrupted(self: PPO, batch: Any) -> None:
        if next(calls) == when:
            raise KeyboardInterrupt
        update(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(PPO, "_update", interrupted)
        with pytest.raises(KeyboardInterrupt):
            broken.train(10**6)
    while len(broken.curve.steps) < 4:
        broken.step()
    assert same(whole, broken)


def test_a_saved_state_goes_on_elsewhere(tmp_path: Any) -> None:
    whole, first, second = small(), small(), small()
    for _ in range(2):
        whole.step()
        first.step()
    torch.save(first.state_dict(), tmp_path / "ppo.pt")
    first.step()
    second.load_state_dict(torch.load(tmp_path / "ppo.pt"))
    whole.step()
    second.step()
    assert same(whole, second) and same(whole, first)


def test_a_bar_appears_once_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small().train(100)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(module, "PATIENCE", 1e-9)
    small().train(100)
    shown = capsys.readouterr().err
    assert "100/100" in shown and "steps/s" in shown and "mean_return=" in shown


def test_bad_sizes_are_named() -> None:
    with pytest.raises(ValueError, match="episodes = 0, epochs = 2"):
        small(episodes=0)
    with pytest.raises(ValueError, match=r"gamma = 1.5"):
        small(gamma=1.5)
    with pytest.raises(ValueError, match=r"critic .* 2 numbers"):
        PPO(CartPole(dtype=F64), Categorical(Linear(4, 2)), Linear(4, 2), 0)


# --- learning -----------------------------------------------------------------------------------


def test_reinforce_finds_the_best_gain() -> None:
    """100 steps of Adam on 100 episodes each: k = -1.355, where the exact ∇J is 0."""
    policy = policy_of(SCALAR)

    def uphill(theta: Tensor, sigma: float, step: int) -> Tensor:
        found = rollout(SCALAR, policy, theta, 100, seed=step)
        level = time_baseline(reward_to_go(found.rewards))
        return reinforce(policy, theta, found, baseline=level).mean(0)

    start = torch.tensor([-0.4], dtype=F64)
    path = ascend(start, uphill, [SIGMA] * 100, lambda p: torch.optim.Adam(p, lr=0.05))
    best = expected_return(SCALAR, torch.tensor([-1.355], dtype=F64), SIGMA)
    assert abs(float(expected_return_grad(SCALAR, torch.tensor([-1.355]).double(), SIGMA))) < 2e-3
    assert float(best - expected_return(SCALAR, path[-30:].mean(0), SIGMA)) < 0.01


def test_ppo_learns_gain_and_sigma() -> None:
    """Less noise costs less: from J = -2.12 to beyond -1.40, the best with σ = 0.3."""
    policy = Gaussian(Linear(1, 1, bias=False), SIGMA, learned=True)
    task = Over(**vars(SCALAR))
    ppo = PPO(task, policy, MLP(1, (16,), 1), 0, episodes=50, gamma=1.0, lam=1.0, rate=0.01)
    ppo.theta[0] = -0.4
    ppo.train(50 * 250)
    best = expected_return(SCALAR, torch.tensor([-1.355], dtype=F64), SIGMA)
    sigma = float(ppo.theta[1].exp())
    assert sigma < 0.2 and expected_return(SCALAR, ppo.theta[:1], sigma) > best


def test_ppo_gets_better_at_cartpole() -> None:
    """From 22 to above 100 of 500 in 10 000 steps."""
    ppo = cartpole(seed=0)
    assert ppo.train(10_000).returns[0] < 50
    assert score(ppo) > 100


def test_ppo_learns_in_gymnasiums_own_environment() -> None:
    """CartPole-v1 itself, whose states cannot be copied."""
    networks = Categorical(MLP(4, (64, 64), 2)), MLP(4, (64, 64), 1)
    ppo = PPO(GymnasiumVector("CartPole-v1", dtype=torch.float32), *networks, seed=0)
    curve = ppo.train(4000)
    ppo.environment.close()
    assert curve.returns[-1] > 2 * curve.returns[0]


@pytest.mark.slow
def test_ppo_swings_the_pendulum_up() -> None:
    """With a σ that it finds by itself: seeds 0 and 1 reached -155 and -188, in 13 s of CPU."""
    policy, critic = Gaussian(MLP(3, (64, 64), 1), 1.0, learned=True), MLP(3, (64, 64), 1)
    ppo = PPO(Pendulum(dtype=torch.float32), policy, critic, 0, episodes=16, gamma=0.95)
    assert ppo.train(200_000).returns[0] < -1000
    assert score(ppo) > -250


@pytest.mark.slow
def test_ppo_solves_cartpole(capsys: pytest.CaptureFixture[str]) -> None:
    """CartPole-v1 counts as solved at a mean return of 475 over 100 fresh episodes."""
    lines = []
    for seed in range(10):
        start = time.process_time()
        ppo = cartpole(seed)
        ppo.train(100_000)
        lines.append((score(ppo), ppo.spent, time.process_time() - start))
    with capsys.disabled():
        for seed, (mean, steps, seconds) in enumerate(lines):
            print(f"\nseed {seed}: {mean:.1f} after {steps} steps, {seconds:.1f} s CPU", end="")
        sys.stdout.flush()
    assert min(mean for mean, _, _ in lines) >= 475


def test_what_was_loaded_belongs_to_the_loader() -> None:
    """Two PPOs that load one state, one after the other, do the same."""
    first, second, third = small(), small(), small()
    first.step()
    state = first.state_dict()
    for learner in (second, third):
        learner.load_state_dict(state)
        learner.step()
        learner.step()
    assert torch.equal(second.theta, third.theta) and torch.equal(second.phi, third.phi)
