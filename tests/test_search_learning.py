"""NES learns CartPole, and three learners the gripper: scored on fresh episodes."""

import pytest
import torch
from torch import Tensor

from smoothlib import SNES, CartPole, Linear
from smoothlib.trajectories import returns
from tests.benchmarks.grippers import LEARNERS, learn

FRESH = 1 << 50  # seeds that no training episode has


def train(seed: int, generations: int) -> tuple[SNES, float]:
    """The search after so many generations, and its score over 100 fresh episodes."""
    world, policy = CartPole(), Linear(4, 2)
    search = SNES(torch.zeros(policy.d), 0.5, 64, seed)

    def f(x: Tensor) -> Tensor:
        return returns(world, policy, x, 1, (seed << 32) + search.generation)

    curve = search.run(f, generations, progress=False)
    assert curve[0] < 100
    return search, float(returns(world, policy, search.theta[None], 100, FRESH + seed))


@pytest.mark.slow
def test_ten_of_ten_seeds_solve_cartpole_in_25_generations() -> None:
    scores = [train(seed, 25)[1] for seed in range(10)]
    assert min(scores) >= 475, scores


def test_a_seed_solves_cartpole() -> None:
    search, score = train(3, 15)
    assert score >= 475 and search.evaluations == 15 * 64


@pytest.mark.slow
@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize("name", LEARNERS)
def test_the_hand_learns_to_lift_by_each_learner(name: str) -> None:
    """0.25 m is the way of the hand. Ten seeds of each: `make bench-search PARTS=gripper`."""
    for seed in range(3):
        lifts, _ = learn(name, seed)
        assert lifts[-1] > 0.2, (seed, lifts)
