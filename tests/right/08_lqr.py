"""Right answers to exercise 08, written in other ways than the solution's."""

import math

import numpy as np
import torch

from smoothlib import LQR


def cost_by_smoothlib(K, sigma, A, B, Q, R, W):
    return LQR(A, B, Q, R, W).cost(K, sigma)


def cost_by_doubling(K, sigma, A, B, Q, R, W):
    M, P = A - B @ K, Q + K.T @ R @ K
    if torch.linalg.eigvals(M).abs().max() >= 1:
        return torch.tensor(math.inf, dtype=torch.float64)
    for _ in range(60):
        P, M = P + M.T @ P @ M, M @ M
    return torch.trace(P @ (W + sigma**2 * (B @ B.T))) + sigma**2 * R.trace()


def cost_from_the_wind(K, sigma, A, B, Q, R, W):
    """By Σ in place of P."""
    M = A - B @ K
    if not bool((torch.linalg.eigvals(M).abs() < 1).all()):
        return K.new_tensor(float("inf"))
    noise = (W + sigma**2 * B @ B.T).reshape(-1)
    system = torch.eye(len(noise), dtype=torch.float64) - torch.kron(M, M)
    Sigma = torch.linalg.solve(system, noise).reshape(len(A), -1)
    return ((Q + K.T @ R @ K) * Sigma).sum() + sigma**2 * R.diagonal().sum()


def cost_by_repeating(K, sigma, A, B, Q, R, W):
    M = A - B @ K
    if max(abs(np.linalg.eigvals(M.numpy()))) >= 1:
        return torch.tensor(np.inf).double()
    S = Q + K.T @ R @ K
    P, before = S.clone(), torch.zeros_like(S)
    while (P - before).abs().max() > 1e-15 * P.abs().max():
        P, before = S + M.T @ P @ M, P
    return torch.einsum("ij,ji->", P, W + sigma * sigma * B @ B.mT) + sigma**2 * torch.trace(R)


def cost_by_numpy(K, sigma, A, B, Q, R, W):
    k, a, b, q, r, w = (x.numpy() for x in (K, A, B, Q, R, W))
    m, n = a - b @ k, len(a)
    if np.abs(np.linalg.eigvals(m)).max() >= 1:
        return torch.tensor(math.inf, dtype=torch.float64)
    p = np.linalg.solve(np.eye(n * n) - np.kron(m.T, m.T), (q + k.T @ r @ k).ravel()).reshape(n, n)
    total = np.trace(p @ (w + sigma**2 * b @ b.T)) + sigma**2 * np.trace(r)
    return torch.tensor(total, dtype=torch.float64)


def grad_by_smoothlib(K, sigma, A, B, Q, R, W):
    return LQR(A, B, Q, R, W).grad(K, sigma)


def grad_by_autograd(K, sigma, A, B, Q, R, W):
    along = K.clone().requires_grad_()
    return torch.autograd.grad(cost_from_the_wind(along, sigma, A, B, Q, R, W), along)[0]


def grad_by_doubling(K, sigma, A, B, Q, R, W):
    M = A - B @ K
    P, Sigma, ahead, behind = Q + K.T @ R @ K, W + sigma**2 * B @ B.T, M, M
    for _ in range(60):
        P, ahead = P + ahead.T @ P @ ahead, ahead @ ahead
        Sigma, behind = Sigma + behind @ Sigma @ behind.T, behind @ behind
    return 2 * (R @ K - B.T @ P @ M) @ Sigma


def grad_by_functional_autograd(K, sigma, A, B, Q, R, W):
    n = len(A)

    def cost(gain):
        M = A - B @ gain
        S = Q + gain.T @ R @ gain
        system = torch.eye(n * n, dtype=torch.float64) - torch.kron(
            M.T.contiguous(), M.T.contiguous()
        )
        P = torch.linalg.solve(system, S.reshape(-1, 1)).reshape(n, n)
        return torch.trace(P @ (W + sigma**2 * B @ B.T))

    return torch.func.grad(cost)(K)


def grad_by_numpy(K, sigma, A, B, Q, R, W):
    k, a, b, q, r, w = (x.numpy() for x in (K, A, B, Q, R, W))
    m, n = a - b @ k, len(a)
    eye = np.eye(n * n)
    p = np.linalg.solve(eye - np.kron(m.T, m.T), (q + k.T @ r @ k).ravel()).reshape(n, n)
    noise = (w + sigma**2 * b @ b.T).ravel()
    big = np.linalg.solve(eye - np.kron(m, m), noise).reshape(n, n)
    return torch.from_numpy(2.0 * (r @ k - b.T @ p @ m) @ big)


def pg_by_loops(states, eps, costs, sigma):
    T, n, s = states.shape
    rows = torch.zeros(n, eps.shape[2], s, dtype=states.dtype)
    for i in range(n):
        for t in range(T):
            rows[i] -= torch.outer(eps[t, i], states[t, i]) / sigma * costs[t:, i].sum()
    return rows


def pg_by_a_triangle(states, eps, costs, sigma):
    T = len(costs)
    ahead = torch.triu(torch.ones(T, T, dtype=costs.dtype)) @ costs
    outer = eps[..., :, None] * states[..., None, :]
    return (-(outer / sigma) * ahead[..., None, None]).sum(0)


def pg_from_the_sum(states, eps, costs, sigma):
    """The costs to go are all of them, less those before."""
    to_go = costs.sum(0) - costs.cumsum(0) + costs
    return torch.einsum("tna,tns,tn->nas", -eps / sigma, states, to_go)


def pg_by_matmul(states, eps, costs, sigma):
    to_go = torch.flip(torch.cumsum(torch.flip(costs, [0]), 0), [0])
    weighed = (eps * to_go.unsqueeze(-1)).permute(1, 2, 0)
    return -(weighed @ states.permute(1, 0, 2)) / sigma


def pg_by_numpy(states, eps, costs, sigma):
    to_go = costs.numpy()[::-1].cumsum(0)[::-1]
    rows = (eps.numpy()[:, :, :, None] * states.numpy()[:, :, None] * to_go[..., None, None]).sum(0)
    return torch.from_numpy(-rows / sigma)


def pg_backwards(states, eps, costs, sigma):
    left, rows = torch.zeros_like(costs[0]), 0
    for s, e, c in zip(reversed(states), reversed(eps), reversed(costs), strict=True):
        left = left + c
        rows = rows - (e[:, :, None] @ s[:, None, :]) * left[:, None, None] / sigma
    return rows


def gain_by_loops(costs, eps, sigma):
    rows = torch.zeros_like(eps)
    for i in range(len(costs)):
        rest = [costs[j] for j in range(len(costs)) if j != i]
        rows[i] = (costs[i] - sum(rest) / len(rest)) * eps[i] / sigma
    return rows


def gain_from_the_batch_mean(costs, eps, sigma):
    n = len(costs)
    return torch.einsum("n,nas->nas", (costs - costs.mean()) * n / (n - 1), eps) / sigma


def gain_by_pairs(costs, eps, sigma):
    apart = (costs[:, None] - costs[None]).sum(1) / (len(costs) - 1)
    return apart.reshape(-1, 1, 1) * (eps / sigma)


def gain_by_a_matrix(costs, eps, sigma):
    away = (1 - torch.eye(len(costs), dtype=costs.dtype)) / (len(costs) - 1)
    return (costs - away @ costs).view(-1, 1, 1).mul(eps).div(sigma)


def gain_by_numpy(costs, eps, sigma):
    c = costs.numpy()
    others = (c.sum() - c) / (c.size - 1)
    return torch.from_numpy((c - others)[:, None, None] * eps.numpy() / sigma)


RIGHT = {
    "lqr_cost": [
        cost_by_smoothlib,
        cost_by_doubling,
        cost_from_the_wind,
        cost_by_repeating,
        cost_by_numpy,
    ],
    "lqr_grad": [
        grad_by_smoothlib,
        grad_by_autograd,
        grad_by_doubling,
        grad_by_functional_autograd,
        grad_by_numpy,
    ],
    "pg_lqr": [
        pg_by_loops,
        pg_by_a_triangle,
        pg_from_the_sum,
        pg_by_matmul,
        pg_by_numpy,
        pg_backwards,
    ],
    "gain_gradient": [
        gain_by_loops,
        gain_from_the_batch_mean,
        gain_by_pairs,
        gain_by_a_matrix,
        gain_by_numpy,
    ],
}
