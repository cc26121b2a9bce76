"""Right answers to exercise 05, written in other ways than the solution's."""

import numpy as np
import torch

from smoothlib import leave_one_out, summarise
from smoothlib.estimators import estimated_optimal


def bias_by_loops(estimator, truth, eps):
    means = []
    for j in range(eps.shape[0]):
        rows = estimator(eps[j])
        means.append(sum(rows[k] for k in range(len(rows))) / len(rows))
    m, mean = len(means), sum(means) / len(means)
    square = sum((g - mean) ** 2 for g in means)
    return mean - truth, (square / (m - 1) / m) ** 0.5


def bias_by_numpy(estimator, truth, eps):
    means = np.stack([estimator(noise).numpy().mean(0) for noise in eps])
    error = means.std(0, ddof=1) / len(means) ** 0.5
    return torch.from_numpy(means.mean(0)) - truth, torch.from_numpy(error)


def bias_by_smoothlib(estimator, truth, eps):
    found = summarise([torch.stack([estimator(noise).mean(0) for noise in eps])])
    return found.mean - truth, found.standard_error


def bias_of_the_errors(estimator, truth, eps):
    off = torch.stack([estimator(noise).mean(0) - truth for noise in eps])
    return off.mean(0), (off.var(0) / off.shape[0]).sqrt()


def bias_by_sums(estimator, truth, eps):
    means = torch.cat([estimator(noise).mean(0, keepdim=True) for noise in eps.unbind(0)])
    m = means.shape[0]
    centred = means - means.sum(0) / m
    return means.sum(0) / m - truth, torch.sqrt((centred * centred).sum(0) / (m * (m - 1)))


def variance_term_by_term(F, dF, ddF, G, ddG, sigma, b):
    best = F + sigma**2 * ddF
    least = (G + sigma**2 * ddG - best**2) / sigma**2 - dF**2
    return least + (b - best) ** 2 / sigma**2


def variance_spread_out(F, dF, ddF, G, ddG, sigma, b):
    return G / sigma**2 + ddG - 2 * b * F / sigma**2 - 2 * b * ddF + (b / sigma) ** 2 - dF * dF


def variance_by_powers(F, dF, ddF, G, ddG, sigma, b):
    s2 = torch.as_tensor(sigma, dtype=F.dtype).square()
    mixed = torch.addcmul(F, s2, ddF)
    return (G.add(s2 * ddG).sub(2 * b * mixed).add(b.square())) / s2 - dF.pow(2)


def variance_by_numpy(F, dF, ddF, G, ddG, sigma, b):
    F, dF, ddF, G, ddG, b = (t.numpy() for t in (F, dF, ddF, G, ddG, b))
    square = G + sigma**2 * ddG - 2 * b * (F + sigma**2 * ddF) + b**2
    return torch.from_numpy(np.asarray(square / sigma**2 - dF**2))


def variance_in_sigma(F, dF, ddF, G, ddG, sigma, b):
    return (G - 2 * b * F + b**2) * sigma**-2 + ddG - 2 * b * ddF - dF**2


def loo_by_loops(values, eps, sigma):
    rows = torch.zeros_like(eps)
    for k in range(len(values)):
        others = torch.cat((values[:k], values[k + 1 :])).mean()
        rows[k] = (values[k] - others) * eps[k] / sigma
    return rows


def loo_from_the_batch_mean(values, eps, sigma):
    n = len(values)
    return torch.einsum("k,kd->kd", (values - values.mean()) * n / (n - 1), eps) / sigma


def loo_by_a_matrix(values, eps, sigma):
    n = len(values)
    away = 1 - torch.eye(n, dtype=values.dtype)
    return (values - away @ values / (n - 1)).unsqueeze(1).mul(eps).div(sigma)


def loo_by_smoothlib(values, eps, sigma):
    baseline = leave_one_out(torch.cos, eps, values.new_tensor(sigma), values, eps)
    return (values[:, None] - baseline) * (eps / sigma)


def loo_by_numpy(values, eps, sigma):
    v = values.numpy()
    others = (v.sum() - v) / (v.size - 1)
    return torch.from_numpy((v - others)[:, None] * eps.numpy() / np.float64(sigma)).to(eps.dtype)


def loo_by_pairs(values, eps, sigma):
    apart = (values[:, None] - values[None, :]).sum(1, keepdim=True) / (len(values) - 1)
    return apart * eps / sigma


def optimal_by_loops(values, eps, sigma):
    rows = torch.zeros_like(eps)
    for k in range(len(values)):
        rest = [j for j in range(len(values)) if j != k]
        weight = eps[rest] ** 2
        rows[k] = (values[k] - (values[rest, None] * weight).sum(0) / weight.sum(0)) * eps[k]
    return rows / sigma


def optimal_by_a_matrix(values, eps, sigma):
    away = 1 - torch.eye(len(values), dtype=values.dtype)
    weight = eps.square()
    b = (away @ (values[:, None] * weight)) / (away @ weight)
    return (values[:, None] - b) * eps / sigma


def optimal_by_smoothlib(values, eps, sigma):
    b = estimated_optimal(torch.cos, eps, values.new_tensor(sigma), values, eps / sigma)
    return (values[:, None] - b) * eps / sigma


def optimal_by_einsum(values, eps, sigma):
    away = torch.ones(len(values), len(values), dtype=values.dtype).fill_diagonal_(0)
    above = torch.einsum("kj,j,jd->kd", away, values, eps**2)
    below = torch.einsum("kj,jd->kd", away, eps**2)
    return (values[:, None] - above / below) / sigma * eps


def optimal_by_numpy(values, eps, sigma):
    v, e = values.numpy(), eps.numpy()
    rows = [
        (v[k] - np.average(np.delete(v, k)[:, None].repeat(e.shape[1], 1), axis=0,
                           weights=np.delete(e, k, 0) ** 2)) * e[k] / sigma
        for k in range(len(v))
    ]  # fmt: skip
    return torch.from_numpy(np.stack(rows))


def rmse_by_hypot(bias, variance, n):
    return torch.hypot(bias, (variance / n).sqrt())


def rmse_by_powers(bias, variance, n):
    return (bias.square() + variance.div(n)).pow(0.5)


def rmse_by_numpy(bias, variance, n):
    return torch.from_numpy(np.sqrt(bias.numpy() ** 2 + variance.numpy() / n))


def rmse_over_n(bias, variance, n):
    return torch.sqrt(n * bias * bias + variance) / n**0.5


def rmse_by_a_norm(bias, variance, n):
    return torch.stack((bias, torch.sqrt(variance / n))).norm(dim=0)


RIGHT = {
    "estimate_bias": [
        bias_by_loops,
        bias_by_numpy,
        bias_by_smoothlib,
        bias_of_the_errors,
        bias_by_sums,
    ],
    "zo_variance": [
        variance_term_by_term,
        variance_spread_out,
        variance_by_powers,
        variance_by_numpy,
        variance_in_sigma,
    ],
    "loo_zero_order": [
        loo_by_loops,
        loo_from_the_batch_mean,
        loo_by_a_matrix,
        loo_by_smoothlib,
        loo_by_numpy,
        loo_by_pairs,
    ],
    "optimal_zero_order": [
        optimal_by_loops,
        optimal_by_a_matrix,
        optimal_by_smoothlib,
        optimal_by_einsum,
        optimal_by_numpy,
    ],
    "rmse": [rmse_by_hypot, rmse_by_powers, rmse_by_numpy, rmse_over_n, rmse_by_a_norm],
}
