"""The truth for episodes: a linear policy in a linear-quadratic system, for T steps.

    s_{t+1} = A s_t + B a_t + w_t,   a_t = K s_t + σ ε_t,   r_t = c - s_tᵀQs_t - a_tᵀRa_t

over t = 0 … T - 1, with s_0 and w_t as the system says. `theta` is K row by row, as in
`policies.Linear` without bias; J(θ) = E Σ_t γᵗ r_t. With L = A + BK and the second moments
M_t = E s_t s_tᵀ, from time to time

    M_{t+1} = L M_t Lᵀ + N,   N = σ²BBᵀ + E w wᵀ
    V_t(s) = sᵀP_t s + d_t,   P_t = γ LᵀP_{t+1}L - Q - KᵀRK,   P_T = 0
                              d_t = γ (d_{t+1} + tr P_{t+1}N) + c - σ² tr R,   d_T = 0

of which J = tr P_0 M_0 + d_0. A gain that is not finite, or a σ below 0, raises ValueError. For the
long run, and the best K, see `lqr`, where a = -Ks.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.environments import LinearQuadratic


class StateValues(NamedTuple):
    """V_t(s) for t = 0 … T, the last of which is 0; called on observations (T, n, s) or less."""

    P: Float[Tensor, "*batch T1 s s"]
    d: Float[Tensor, "*batch T1"]

    def __call__(self, observations: Float[Tensor, "T n s"]) -> Float[Tensor, "T n"]:
        steps = len(observations)
        squares = ((observations @ self.P[:steps]) * observations).sum(-1)
        return squares + self.d[:steps, None]


def expected_return(
    system: LinearQuadratic, theta: Float[Tensor, "*batch d"], sigma: float, gamma: float = 1.0
) -> Float[Tensor, "*batch"]:
    """J(θ), exactly."""
    values = state_values(system, theta, sigma, gamma)
    first = _second_moments(system, theta, sigma)[0]
    return (values.P[..., 0, :, :] * first).sum((-2, -1)) + values.d[..., 0]


def expected_return_grad(
    system: LinearQuadratic, theta: Float[Tensor, "*batch d"], sigma: float, gamma: float = 1.0
) -> Float[Tensor, "*batch d"]:
    """∇J(θ) = 2 Σ_t γᵗ (γ BᵀP_{t+1}L - RK) M_t, exactly."""
    K = _gain(system, theta)
    L = system.A + system.B @ K
    P = state_values(system, theta, sigma, gamma).P
    total = torch.zeros_like(K)
    for t, M in enumerate(_second_moments(system, theta, sigma)):
        pull = gamma * system.B.mT @ P[..., t + 1, :, :] @ L - system.R @ K
        total = total + 2 * gamma**t * pull @ M
    return total.flatten(-2)


def state_values(
    system: LinearQuadratic, theta: Float[Tensor, "*batch d"], sigma: float, gamma: float = 1.0
) -> StateValues:
    """V_t of the policy, noise and all: what a critic learns, and the best that it can be."""
    K = _gain(system, theta)
    L, noise = system.A + system.B @ K, _noise(system, sigma)
    fixed = system.offset - sigma**2 * system.R.diagonal().sum()
    P, d = [torch.zeros_like(L)], [L.new_zeros(L.shape[:-2])]
    for _ in range(system.horizon):
        d.append(gamma * (d[-1] + (P[-1] * noise).sum((-2, -1))) + fixed)
        P.append(gamma * L.mT @ P[-1] @ L - system.Q - K.mT @ system.R @ K)
    return StateValues(torch.stack(P[::-1], -3), torch.stack(d[::-1], -1))


def _second_moments(system: LinearQuadratic, theta: Tensor, sigma: float) -> list[Tensor]:
    """M_0 … M_{T-1}."""
    L, noise = system.A + system.B @ _gain(system, theta), _noise(system, sigma)
    moments = [system.start[:, None] * system.start + _covariance(system, system.start_sigma)]
    for _ in range(system.horizon - 1):
        moments.append(L @ moments[-1] @ L.mT + noise)
    return moments


def _noise(system: LinearQuadratic, sigma: float) -> Tensor:
    if not 0 <= sigma < math.inf:
        raise ValueError(f"sigma = {sigma}; a finite standard deviation of 0 or more is needed")
    return sigma**2 * system.B @ system.B.mT + _covariance(system, system.process_sigma)


def _covariance(system: LinearQuadratic, sigma: float | Tensor) -> Tensor:
    return torch.diag_embed((sigma**2) * torch.ones_like(system.start))


def _gain(system: LinearQuadratic, theta: Tensor) -> Tensor:
    k, s = system.action_size, system.observation_size
    if theta.shape[-1] != k * s:
        raise ValueError(
            f"theta has {theta.shape[-1]} numbers; a gain of {k} x {s} has {k * s}, row by row"
        )
    if not bool(theta.isfinite().all()):
        raise ValueError(f"theta = {theta.tolist()}; a gain of finite numbers is needed")
    return theta.unflatten(-1, (k, s))
