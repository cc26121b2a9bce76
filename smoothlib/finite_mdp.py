"""Finite Markov decision processes, solved exactly, and what a changed reward does to them.

    process = FiniteMDP(transitions, rewards, gamma)
    best = process.best()                      what to do in each state, and its value

A potential Φ pays F(s, s') = γΦ(s') - Φ(s) on the way from s to s'. Over any episode that ends in
states of Φ = 0 the payments add up to -Φ(s₀), whatever was done, so no policy gains on another. And
no other payment has this property for all processes. See *Policy Invariance under Reward
Transformations*, Ng, Harada and Russell 1999. A bonus that is no such difference can be earned in
a circle: *Learning to Drive a Bicycle Using Reinforcement Learning and Shaping*, Randløv and
Alstrøm 1998.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor


class Best(NamedTuple):
    """An optimal policy, the first of several that are equal, and its values."""

    actions: Int64[Tensor, " s"]
    values: Float[Tensor, " s"]


@dataclass(frozen=True, eq=False)
class FiniteMDP:
    """States 0 … S - 1 and actions 0 … A - 1.

    Args:
        transitions: P(s' | s, a), (S, A, S). A state that leads to itself with reward 0 is an end.
        rewards: r(s, a, s'), (S, A, S). gamma: the discount, in [0, 1).
    Raises:
        ValueError: for shapes that disagree, rows that do not add up to 1, a discount outside.
    """

    transitions: Float[Tensor, "s a s"]
    rewards: Float[Tensor, "s a s"]
    gamma: float

    def __post_init__(self) -> None:
        sums = self.transitions.sum(-1)
        if self.rewards.shape != self.transitions.shape or self.transitions.ndim != 3:
            raise ValueError(
                f"FiniteMDP: transitions {tuple(self.transitions.shape)}, rewards "
                f"{tuple(self.rewards.shape)}; both are (S, A, S)"
            )
        if not torch.allclose(sums, torch.ones_like(sums)) or bool((self.transitions < 0).any()):
            raise ValueError("FiniteMDP: every transitions[s, a] must be probabilities, of sum 1")
        if not 0 <= self.gamma < 1:
            raise ValueError(f"FiniteMDP: gamma = {self.gamma}; wanted is 0 <= gamma < 1")

    def values_of(self, actions: Int64[Tensor, " s"]) -> Float[Tensor, " s"]:
        """V of a policy: the solution of V = r + γ P V."""
        states = torch.arange(len(actions))
        P = self.transitions[states, actions]
        r = (P * self.rewards[states, actions]).sum(-1)
        return torch.linalg.solve(torch.eye(len(P), dtype=P.dtype) - self.gamma * P, r)

    def best(self) -> Best:
        """By policy iteration, Howard 1960: it ends after finitely many exact improvements."""
        actions = torch.zeros(len(self.transitions), dtype=torch.int64)
        while True:
            values = self.values_of(actions)
            worth = (self.transitions * (self.rewards + self.gamma * values)).sum(-1)
            gain = worth.max(1).values - worth.gather(1, actions[:, None])[:, 0]
            if not bool((gain > 1e-12 * (1 + values.abs())).any()):
                return Best(actions, values)
            actions = worth.argmax(1)

    def shaped(self, potential: Float[Tensor, " s"]) -> "FiniteMDP":
        """The same with γΦ(s') - Φ(s) added to the rewards; Φ is to be 0 at ends."""
        paid = self.gamma * potential - potential[:, None]
        return replace(self, rewards=self.rewards + paid[:, None])

    def with_bonus(self, bonus: Float[Tensor, "s s"]) -> "FiniteMDP":
        """The same with bonus[s, s'] added on the way from s to s'."""
        return replace(self, rewards=self.rewards + bonus[:, None])


def corridor(length: int, gamma: float) -> FiniteMDP:
    """States 0 … length in a row, action 1 one on and 0 one back; 1 is paid on entering the last,
    which is an end."""
    P = torch.zeros(length + 1, 2, length + 1, dtype=torch.float64)
    for s in range(length):
        P[s, 0, max(s - 1, 0)] = P[s, 1, s + 1] = 1
    P[length, :, length] = 1
    rewards = torch.zeros_like(P)
    rewards[length - 1, :, length] = 1
    return FiniteMDP(P, rewards, gamma)
