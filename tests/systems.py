"""Linear-quadratic systems whose returns are known, and policies for them: truth for episodes."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from smoothlib.environments import LinearQuadratic, Transition
from smoothlib.policies import Gaussian, Linear

F64 = torch.float64
SIGMA = 0.3

SCALAR = LinearQuadratic.scalar(dtype=F64)  # the ledger's, D.8
TWO_STATES = LinearQuadratic(
    torch.tensor([[0.9, 0.3], [-0.2, 0.8]], dtype=F64),
    torch.tensor([[0.1], [0.5]], dtype=F64),
    torch.tensor([[1.0, 0.2], [0.2, 0.5]], dtype=F64),
    torch.tensor([[0.1]], dtype=F64),
    torch.tensor([1.0, -0.5], dtype=F64),
    horizon=5,
    start_sigma=0.4,
    process_sigma=0.2,
    offset=0.5,
)
GAINS = {1: [-0.4], 2: [-0.2, -0.3]}


def theta_of(system: LinearQuadratic) -> Tensor:
    return torch.tensor(GAINS[system.observation_size], dtype=F64)


def policy_of(system: LinearQuadratic) -> Gaussian:
    return Gaussian(Linear(system.observation_size, 1, bias=False), SIGMA)


class History(NamedTuple):
    """The state of `Tasks`: all actions so far."""

    actions: Tensor  # (n, t)


class Tasks:
    """Rewards r_t(a_0, ..., a_t), one function for each step, and nothing to see but a 1."""

    observation_size, action_size, discrete = 1, 1, False

    def __init__(self, *rewards: Callable[..., Tensor]) -> None:
        self.rewards, self.horizon = rewards, len(rewards)

    def reset(self, n: int, seed: int) -> History:
        return History(torch.zeros(n, 0, dtype=F64))

    def observe(self, state: History) -> Tensor:
        return torch.ones(len(state.actions), 1, dtype=F64)

    def step(self, state: History, action: Tensor) -> Transition:
        actions = torch.cat((state.actions, action), 1)
        never = torch.zeros(len(action), dtype=torch.bool)
        reward = self.rewards[actions.shape[1] - 1](*actions.unbind(1))
        return Transition(History(actions), reward, never, never | self._done(actions))

    def _done(self, actions: Tensor) -> bool:
        return actions.shape[1] == self.horizon
