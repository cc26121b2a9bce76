"""The gripper in closed loop by NES, REINFORCE and PPO: one policy, one start, equal episodes.

The hand of lecture 07: it sees the gap to the brick, 1, and how hard it presses, moves by six
numbers, and is paid at the end alone, by the height of the brick. NES perturbs the six numbers
and acts without noise; the others act with noise of the same size. Judged without noise.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from gymnasium.wrappers.vector import TransformObservation
from torch import Tensor

from course.widgets.closed_loop import (
    DECISIONS,
    POLICY,
    RATE,
    SEEN,
    SIGMA,
    START,
    TASK,
    what_the_hand_sees,
)
from smoothlib import MLP, PPO, SNES, returns, rollout
from smoothlib.gripper_env import GripperVectorEnv
from smoothlib.gymnasium_vector import GymnasiumVector
from smoothlib.trajectories import policy_gradient, reward_to_go, time_baseline

EPISODES = 100  # of an iteration, whoever learns
BUDGETS = (1500, 3000, 6000)  # episodes in all
FRESH = 1 << 50  # the seed of the starts on which they are judged

Thetas = Iterator[Tensor]  # the policy after each iteration


class Learned(NamedTuple):
    """The lift without noise at each budget, mean of 256 fresh starts, m; and what it cost."""

    lifts: list[float]
    seconds: float  # of CPU, the judging left out


def hands(n: int) -> GymnasiumVector:
    seeing = TransformObservation(
        GripperVectorEnv(n, **TASK), what_the_hand_sees, single_observation_space=SEEN
    )
    return GymnasiumVector(seeing, horizon=DECISIONS)


def nes(seed: int) -> Thetas:
    world, search = hands(EPISODES), SNES(START, SIGMA, EPISODES, seed)
    while True:
        search.tell(returns(world, POLICY, search.ask(), 1, 1000 * seed + search.generation))
        yield search.theta


def reinforce(seed: int) -> Thetas:
    world, theta = hands(EPISODES), START.clone().requires_grad_()
    optimiser, k = torch.optim.Adam([theta], lr=RATE), 0
    while True:
        found = rollout(world, POLICY, theta, EPISODES, 1000 * seed + k)
        to_go = reward_to_go(found.rewards)
        rows = policy_gradient(POLICY, theta, found, to_go - time_baseline(to_go))
        theta.grad, k = -rows.mean(0), k + 1
        optimiser.step()
        yield theta.detach()


def ppo(seed: int) -> Thetas:
    learner = PPO(
        hands(EPISODES), POLICY, MLP(3, (32, 32), 1), seed,
        episodes=EPISODES, epochs=10, minibatch=500, rate=0.01, gamma=1.0,
    )  # fmt: skip
    learner.theta.copy_(START)
    while True:
        learner.step()
        yield learner.theta


LEARNERS: dict[str, Callable[[int], Thetas]] = {"NES": nes, "REINFORCE": reinforce, "PPO": ppo}


def learn(name: str, seed: int) -> Learned:
    judge, thetas = hands(256), LEARNERS[name](seed)
    lifts, seconds = [], 0.0
    for spent in range(EPISODES, max(BUDGETS) + 1, EPISODES):
        start = time.process_time()
        theta = next(thetas)
        seconds += time.process_time() - start
        if spent in BUDGETS:
            found = rollout(judge, POLICY, theta, 256, FRESH, greedy=True)
            lifts.append(float(found.rewards.sum(0).mean()))
    return Learned(lifts, seconds)
