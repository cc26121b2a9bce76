"""Finite processes: optimal by enumeration; potentials leave the best policy, a bonus does not."""

import itertools

import pytest
import torch

from smoothlib.finite_mdp import FiniteMDP, corridor
from smoothlib.gripper_env import GripperVectorEnv, potential
from smoothlib.noise import normal

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

F64 = torch.float64


def some_process(seed: int, gamma: float = 0.9) -> FiniteMDP:
    eps = normal(seed, 4 * 3, 8, dtype=F64).reshape(4, 3, 8)
    return FiniteMDP(eps[..., :4].softmax(-1), eps[..., 4:], gamma)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_policy_is_the_best_of_all_policies(seed: int) -> None:
    process = some_process(seed)
    all_values = [process.values_of(torch.tensor(a)) for a in itertools.product(range(3), repeat=4)]
    found = process.best()
    torch.testing.assert_close(found.values, torch.stack(all_values).max(0).values)
    torch.testing.assert_close(found.values, process.values_of(found.actions))


def test_values_are_discounted_sums() -> None:
    """By 400 steps of the mean of the rewards."""
    process, actions = some_process(7), torch.tensor([0, 2, 1, 1])
    P = process.transitions[range(4), actions]
    r = (P * process.rewards[range(4), actions]).sum(-1)
    total, share = torch.zeros(4, dtype=F64), torch.eye(4, dtype=F64)
    for t in range(400):
        total += 0.9**t * share @ r
        share = share @ P
    torch.testing.assert_close(process.values_of(actions), total)


@pytest.mark.parametrize("seed", range(5))
def test_a_potential_shifts_all_values_alike(seed: int) -> None:
    process, rise = some_process(seed), 10 * normal(seed, 1, 4, dtype=F64)[0]
    plain, shaped = process.best(), process.shaped(rise).best()
    assert torch.equal(plain.actions, shaped.actions)
    torch.testing.assert_close(shaped.values, plain.values - rise)


@pytest.mark.parametrize("gamma", [0.5, 0.95, 0.99])
def test_a_bonus_turns_the_hand_beyond_its_threshold(gamma: float) -> None:
    threshold = (1 - gamma**2) / gamma
    for factor, lifts in ((0.99, True), (1.01, False)):
        bonus = torch.zeros(4, 4, dtype=F64)
        bonus[1, 2] = factor * threshold
        best = corridor(3, gamma).with_bonus(bonus).best()
        assert (best.actions[2] == 1) == lifts and best.actions[:2].tolist() == [1, 1]


def test_the_grippers_shaped_returns_differ_by_the_potential_of_the_start() -> None:
    gamma, returns = 0.97, []
    for reward in ("sparse", "shaped"):
        envs = GripperVectorEnv(
            6, reward=reward, gamma=gamma, frequency=10, horizon=1.0, tensors=True
        )
        envs.reset(seed=2)
        first = potential(envs.episodes.state, envs.episodes.params)
        total = torch.zeros(6)
        for t in range(10):
            total += gamma**t * envs.step(normal(t, 6, 2, dtype=torch.float32))[1]
        returns.append(total)
    torch.testing.assert_close(returns[1], returns[0] - first, rtol=0, atol=1e-6)


def test_bad_processes_are_named() -> None:
    P = torch.ones(2, 1, 2) / 2
    with pytest.raises(ValueError, match=r"rewards \(2, 1\)"):
        FiniteMDP(P, torch.zeros(2, 1), 0.9)
    with pytest.raises(ValueError, match="of sum 1"):
        FiniteMDP(P / 2, torch.zeros(2, 1, 2), 0.9)
    with pytest.raises(ValueError, match="gamma = 1"):
        FiniteMDP(P, torch.zeros(2, 1, 2), 1.0)
