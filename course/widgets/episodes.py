"""A hovering drone, and what its episodes say: the system that lecture 07's figures share.

It is one metre off its mark, pushes five times, a = ks + σε, and pays for distance and pushes:
the linear-quadratic system of `smoothlib.finite_horizon`, whose J and ∇J are known. What a figure
calls exact is a Gauss-Hermite rule with seven nodes for each of the five normals: the estimators'
squares are polynomials of degree 12 at most in each of them.
"""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from smoothlib import normal
from smoothlib.environments import LinearQuadratic
from smoothlib.finite_horizon import expected_return_grad, state_values
from smoothlib.policies import Gaussian, Linear
from smoothlib.trajectories import reward_to_go

GAIN, SIGMA, STEPS = -0.4, 0.3, 5
DRONE = LinearQuadratic.scalar(horizon=STEPS, dtype=torch.float64)
POLICY = Gaussian(Linear(1, 1, bias=False), SIGMA)
THETA = torch.tensor([GAIN], dtype=torch.float64)
TRUTH = float(expected_return_grad(DRONE, THETA, SIGMA))


class Flights(NamedTuple):
    """n episodes: states, rewards without offset, noise-free rewards, and scores, each (T, n)."""

    states: Tensor
    rewards: Tensor
    mean_action_rewards: Tensor  # r(s_t, k s_t) along the noisy states
    scores: Tensor  # d log π(a_t | s_t) / dk = ε_t s_t / σ


def fly(eps: Tensor, gain: float = GAIN) -> Flights:
    """The episodes that the noise eps, (T, n), makes."""
    theta = torch.tensor([gain], dtype=torch.float64)
    state = DRONE.reset(eps.shape[1], 0)
    seen, paid, calm = [], [], []
    for noise in eps.double():
        observation = DRONE.observe(state)
        seen.append(observation)
        calm.append(DRONE.step(state, POLICY(theta, observation)).reward)
        action = POLICY.sample(theta, observation, noise[:, None])
        state, reward, *_ = DRONE.step(state, action)
        paid.append(reward)
    states = torch.stack(seen)[..., 0]
    return Flights(states, torch.stack(paid), torch.stack(calm), eps.double() * states / SIGMA)


def drawn(seed: int, n: int, gain: float = GAIN) -> Flights:
    """n episodes with the noise of this seed; episode i is the same for any n."""
    return fly(normal(seed, n, STEPS, dtype=torch.float64).T, gain)


@cache
def all_noise() -> tuple[Flights, Tensor]:
    """The episodes at the nodes of the rule, and their weights, which sum to 1."""
    x, w = np.polynomial.hermite_e.hermegauss(7)
    nodes = torch.cartesian_prod(*[torch.from_numpy(x)] * STEPS).T
    weights = torch.cartesian_prod(*[torch.from_numpy(w)] * STEPS).prod(1)
    return fly(nodes), weights / weights.sum()


def values(states: Tensor, offset: float = 0.0) -> Tensor:
    """V_t(s) of the policy, noise and all, (T, n)."""
    return state_values(replace(DRONE, offset=offset), THETA, SIGMA)(states[..., None])


def mean_to_go(offset: float = 0.0) -> Tensor:
    """E of the reward-to-go at each time, (T, 1)."""
    flights, weights = all_noise()
    return (reward_to_go(flights.rewards + offset) @ weights)[:, None]


def rows(weights: Tensor, scores: Tensor) -> Tensor:
    """The gradient that each episode alone gives, (n,)."""
    return (weights * scores).sum(0)


def moments(weights: Tensor) -> tuple[float, float]:
    """Exact mean and variance of one episode's gradient for weights at the nodes, (T, n)."""
    flights, share = all_noise()
    found = rows(weights, flights.scores)
    mean = float(found @ share)
    return mean, float((found - mean) ** 2 @ share)


def checked_weights(found: object, rewards: Tensor) -> Tensor:
    """What a student's function made of rewards (T, n): one weight for each."""
    if not isinstance(found, Tensor) or found.shape != rewards.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"your weights are {shape} for rewards of shape {tuple(rewards.shape)}; one weight for "
            "each step of each episode is wanted"
        )
    return found.detach().to(rewards.dtype)
