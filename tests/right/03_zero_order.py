"""Right answers to exercise 03, each written in another way."""

import functools
import math

import numpy as np
import torch


def score_by_a_loop(x, mean, sigma):
    rows = []
    for row in x:
        rows.append(torch.stack([(a - b) / sigma / sigma for a, b in zip(row, mean, strict=True)]))
    return torch.stack(rows)


def score_by_numpy(x, mean, sigma):
    weights = (x.numpy() - mean.numpy()[None]) / np.square(sigma)
    return torch.from_numpy(weights).to(x.dtype)


def score_by_autograd(x, mean, sigma):
    centres = mean.repeat(len(x), 1).requires_grad_()
    log_p = -((x - centres) ** 2).sum() / (2 * sigma**2)
    return torch.autograd.grad(log_p, centres)[0]


def score_by_distributions(x, mean, sigma):
    def log_p(centre, row):
        return torch.distributions.Normal(centre, sigma).log_prob(row).sum()

    return torch.func.vmap(torch.func.grad(log_p), (None, 0))(mean, x)


def score_by_broadcasting(x, mean, sigma):
    return (x - mean.unsqueeze(0)) * sigma**-2


def zero_order_by_a_loop(f, theta, sigma, eps, baseline=True):
    total = torch.zeros_like(theta)
    middle = f(theta) if baseline else 0.0
    for e in eps:
        total = total + (f(theta + sigma * e) - middle) * e / sigma
    return total / len(eps)


def zero_order_by_matmul(f, theta, sigma, eps, baseline=True):
    gain = f(theta + sigma * eps)
    if baseline:
        gain = gain - f(theta.unsqueeze(0))
    return eps.T @ gain / (len(eps) * sigma)


def zero_order_by_einsum(f, theta, sigma, eps, baseline=True):
    gain = f(eps * sigma + theta) - (f(theta) if baseline else torch.zeros(()))
    return torch.einsum("n,nd->d", gain.to(eps), eps) / sigma / eps.shape[0]


def zero_order_by_the_score(f, theta, sigma, eps, baseline=True):
    x = theta + sigma * eps
    weight = (x - theta) / sigma**2
    return ((f(x) - baseline * f(theta)).unsqueeze(-1) * weight).sum(dim=0).div(len(x))


def zero_order_by_numpy(f, theta, sigma, eps, baseline=True):
    scores = f(theta + sigma * eps).numpy()
    middle = f(theta).numpy() if baseline else 0.0
    rows = (scores - middle)[:, None] * eps.numpy() / sigma
    return torch.from_numpy(rows.mean(0)).to(theta.dtype)


def zero_order_by_a_surrogate(f, theta, sigma, eps, baseline=True):
    """Autograd of the mean of gain times ln p."""
    x = theta + sigma * eps
    gain = f(x) - f(theta) if baseline else f(x)
    centre = theta.clone().requires_grad_()
    log_p = torch.distributions.Normal(centre, sigma).log_prob(x).sum(-1)
    return torch.autograd.grad((gain * log_p).mean(), centre)[0]


def antithetic_by_a_loop(f, theta, sigma, eps):
    rows = [(f(theta + sigma * e) - f(theta - sigma * e)) / (2 * sigma) * e for e in eps]
    return torch.stack(rows).mean(0)


def antithetic_by_two_halves(f, theta, sigma, eps):
    halves = [zero_order_by_matmul(f, theta, sigma, side, False) for side in (eps, -eps)]
    return (halves[0] + halves[1]) / 2


def antithetic_by_cat(f, theta, sigma, eps):
    return zero_order_by_einsum(f, theta, sigma, torch.cat((eps, -eps)))


def antithetic_by_matmul(f, theta, sigma, eps):
    w = sigma * eps
    return 0.5 * (f(theta + w) - f(theta - w)) @ eps / sigma / len(eps)


def antithetic_by_numpy(f, theta, sigma, eps):
    plus, minus = (f(theta + side * sigma * eps).numpy() for side in (1, -1))
    rows = (plus - minus)[:, None] * eps.numpy() / 2 / sigma
    return torch.as_tensor(rows.mean(axis=0), dtype=theta.dtype)


def step_by_optim(f, theta, eta, w):
    point = theta.clone()
    optimiser = torch.optim.SGD([point], lr=eta, maximize=True)
    point.grad = (f(theta + w) - f(theta)) * w
    optimiser.step()
    return point


def step_in_place_on_a_copy(f, theta, eta, w):
    new = theta.clone()
    new += eta * w * (f(theta + w) - f(theta))
    return new


def step_by_coordinates(f, theta, eta, w):
    gain = float(f(theta + w) - f(theta))
    moved = [float(a) + eta * gain * float(b) for a, b in zip(theta, w, strict=True)]
    return torch.tensor(moved, dtype=theta.dtype)


def step_downhill_on_the_cost(f, theta, eta, w):
    cost = -f(theta + w) + f(theta)
    return theta - eta * cost * w


def step_by_add(f, theta, eta, w):
    return torch.add(theta, w, alpha=float(eta * (f(theta + w) - f(theta))))


def cov_by_inv(f, theta, w, Sigma):
    gain = f(theta + w) - f(theta)
    return torch.linalg.inv(Sigma) @ (gain[:, None] * w).mean(0)


def cov_by_cholesky(f, theta, w, Sigma):
    weights = torch.cholesky_solve(w.T, torch.linalg.cholesky(Sigma)).T
    return ((f(theta + w) - f(theta)).unsqueeze(1) * weights).sum(0) / len(w)


def cov_by_a_loop(f, theta, w, Sigma):
    inverse = torch.linalg.pinv(Sigma)
    rows = [(f(theta + row) - f(theta)) * (inverse @ row) for row in w]
    return functools.reduce(torch.add, rows) / len(rows)


def cov_by_eigenvalues(f, theta, w, Sigma):
    values, vectors = torch.linalg.eigh(Sigma)
    gain = (f(theta + w) - f(theta))[:, None]
    return (gain * (w @ vectors / values @ vectors.T)).mean(0)


def cov_by_solving_once(f, theta, w, Sigma):
    gain = f(theta + w) - f(theta)
    return torch.linalg.solve(Sigma, gain @ w / w.shape[0])


def cov_by_numpy(f, theta, w, Sigma):
    gain = (f(theta + w) - f(theta)).numpy()
    mean = (gain[:, None] * w.numpy()).mean(0)
    return torch.from_numpy(np.linalg.solve(Sigma.numpy(), mean)).to(theta.dtype)


def own_without_a_transpose(f, theta, sigmas, eps):
    w = sigmas * eps
    gain = f(theta + w) - f(theta)
    return (gain[:, None] * w / sigmas**2).mean(0)


def own_by_eps(f, theta, sigmas, eps):
    return ((f(theta + sigmas * eps) - f(theta)) @ eps) / sigmas / len(eps)


def own_by_a_loop(f, theta, sigmas, eps):
    rows = [(f(theta + sigmas * e) - f(theta)) * e / sigmas for e in eps]
    return sum(rows) / len(rows)


def own_by_a_covariance(f, theta, sigmas, eps):
    return cov_by_inv(f, theta, sigmas * eps, torch.diag(sigmas**2))


def own_by_coordinates(f, theta, sigmas, eps):
    gain = f(theta + sigmas * eps) - f(theta)
    parts = [(gain * eps[:, i]).mean() / sigmas[i] for i in range(math.prod(theta.shape))]
    return torch.stack(parts)


RIGHT = {
    "score_gaussian": [
        score_by_a_loop,
        score_by_numpy,
        score_by_autograd,
        score_by_distributions,
        score_by_broadcasting,
    ],
    "zero_order": [
        zero_order_by_a_loop,
        zero_order_by_matmul,
        zero_order_by_einsum,
        zero_order_by_the_score,
        zero_order_by_numpy,
        zero_order_by_a_surrogate,
    ],
    "antithetic": [
        antithetic_by_a_loop,
        antithetic_by_two_halves,
        antithetic_by_cat,
        antithetic_by_matmul,
        antithetic_by_numpy,
    ],
    "weight_perturbation_step": [
        step_by_optim,
        step_in_place_on_a_copy,
        step_by_coordinates,
        step_downhill_on_the_cost,
        step_by_add,
    ],
    "zero_order_cov": [
        cov_by_inv,
        cov_by_cholesky,
        cov_by_a_loop,
        cov_by_eigenvalues,
        cov_by_solving_once,
        cov_by_numpy,
    ],
    "own_sigmas": [
        own_without_a_transpose,
        own_by_eps,
        own_by_a_loop,
        own_by_a_covariance,
        own_by_coordinates,
    ],
}
