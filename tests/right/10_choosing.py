"""Right answers to exercise 10, written in other ways than the solution's.

Those of `choose` are other methods: mirrored pairs, ranks, natural gradients, elites, covariances,
an optimiser with momentum, many starts and a second look, guarded slopes.
"""

import math

import numpy as np
import torch

from smoothlib import minimum_variance


def alpha_by_cov(first, zero):
    alpha = torch.zeros_like(first[0])
    for i in range(first.shape[1]):
        (v1, c), (_, v0) = torch.cov(torch.stack((first[:, i], zero[:, i])))
        apart = v0 + v1 - 2 * c
        if apart > 0:
            alpha[i] = ((v0 - c) / apart).clamp(0, 1)
    return alpha


def alpha_by_numpy(first, zero):
    a, b = first.numpy() - first.numpy().mean(0), zero.numpy() - zero.numpy().mean(0)
    whole = ((a - b) ** 2).sum(0)
    part = (b * (b - a)).sum(0)
    found = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return torch.from_numpy(np.clip(found, 0, 1))


def alpha_by_regression(first, zero):
    """Of zero on zero - first: the slope through the means."""
    apart = zero - first
    apart = apart - apart.mean(0)
    slope = (apart * zero).sum(0) / (apart**2).sum(0)
    return torch.nan_to_num(slope, nan=0.0, posinf=0.0, neginf=0.0).clamp(0, 1)


def alpha_by_two_variances(first, zero):
    v0, v1, apart = zero.var(0), first.var(0), (first - zero).var(0)
    found = torch.where(apart > 0, (v0 - v1 + apart) / (2 * apart), torch.zeros_like(apart))
    return found.clamp(min=0).clamp(max=1)


def alpha_by_population_moments(first, zero):
    v0, v1 = zero.var(0, correction=0), first.var(0, correction=0)
    c = (first * zero).mean(0) - first.mean(0) * zero.mean(0)
    constant = (first - zero).var(0) == 0
    below = torch.where(constant, 1.0, v0 + v1 - 2 * c)
    return torch.where(constant, 0.0, (v0 - c) / below).clamp(0, 1)


def alpha_by_smoothlib(first, zero):
    return minimum_variance(first, zero)


def guard_by_cases(first, zero, tolerance, radius):
    zeros = first.new_zeros(())
    if radius >= tolerance:
        return zeros
    v0, v1 = zero.var(0).sum(), first.var(0).sum()
    best = v0 / (v0 + v1)
    apart = torch.linalg.vector_norm(first.mean(0) - zero.mean(0))
    if best * apart + radius <= tolerance:
        return best
    return (tolerance - radius) / apart


def guard_by_numpy(first, zero, tolerance, radius):
    a, b = first.numpy(), zero.numpy()
    v1, v0 = np.var(a, axis=0).sum(), np.var(b, axis=0).sum()
    apart = math.sqrt(((a.mean(0) - b.mean(0)) ** 2).sum())
    slack = max(0.0, tolerance - radius)
    return torch.tensor(min(v0 / (v0 + v1), slack / apart if apart else math.inf)).double()


def guard_by_traces(first, zero, tolerance, radius):
    v0, v1 = (torch.cov(x.T).reshape(x.shape[1], -1).trace() for x in (zero, first))
    apart = (first - zero).mean(0).pow(2).sum().sqrt()
    bound = torch.clamp((tolerance - radius) / apart, min=0)
    return torch.stack((1 / (1 + v1 / v0), bound)).min()


def guard_by_distances(first, zero, tolerance, radius):
    v0, v1 = (((x - x.mean(0)) ** 2).sum() for x in (zero, first))
    apart = torch.dist(first.mean(0), zero.mean(0))
    return torch.clamp(torch.minimum(v0 / (v0 + v1), (tolerance - radius) / apart), min=0.0)


def guard_by_search(first, zero, tolerance, radius):
    """The largest α in [0, α_v] that keeps the promise, by bisection."""
    v0, v1 = zero.var(0).sum(), first.var(0).sum()
    apart, low, high = (first.mean(0) - zero.mean(0)).norm(), torch.zeros_like(v0), v0 / (v0 + v1)
    if high * apart + radius <= tolerance:
        return high
    for _halving in range(60):
        middle = (low + high) / 2
        keeps = middle * apart + radius <= tolerance
        low, high = (middle, high) if keeps else (low, middle)
    return low


def crossed_in_place(first, zero):
    n = len(first)
    alpha = torch.empty_like(first)
    for own, other in ((slice(None, n // 2), slice(n // 2, None)),
                       (slice(n // 2, None), slice(None, n // 2))):  # fmt: skip
        v0, v1 = zero[other].var(0), first[other].var(0)
        whole = v0 + v1
        alpha[own] = torch.where(whole > 0, v0 / torch.where(whole > 0, whole, 1), 0)
    return zero + alpha * (first - zero)


def crossed_by_chunks(first, zero):
    (a, b), (c, d) = first.chunk(2), zero.chunk(2)

    def weight(x, y):
        return torch.nan_to_num(y.var(0) / (x.var(0) + y.var(0)), nan=0.0)

    early, late = weight(b, d), weight(a, c)
    return torch.cat((torch.lerp(c, a, early), torch.lerp(d, b, late)))


def crossed_row_by_row(first, zero):
    n, rows = len(first), []
    for k in range(n):
        other = range(n // 2, n) if k < n // 2 else range(n // 2)
        row = []
        for i in range(first.shape[1]):
            v0, v1 = (torch.stack([x[j, i] for j in other]).var() for x in (zero, first))
            alpha = v0 / (v0 + v1) if v0 + v1 > 0 else 0.0
            row.append(alpha * first[k, i] + (1 - alpha) * zero[k, i])
        rows.append(torch.stack(row))
    return torch.stack(rows)


def crossed_by_numpy(first, zero):
    a, b = (np.stack(np.split(x.numpy(), 2)) for x in (first, zero))  # (2, n/2, d)
    v1, v0 = a.var(1, keepdims=True), b.var(1, keepdims=True)
    alpha = np.divide(v0, v0 + v1, out=np.zeros_like(v0), where=v0 + v1 > 0)[::-1]
    return torch.from_numpy((alpha * a + (1 - alpha) * b).reshape(first.shape))


def crossed_by_a_roll(first, zero):
    n, d = first.shape
    folded = [x.reshape(2, n // 2, d) for x in (first, zero)]
    v1, v0 = (x.var(1, keepdim=True).roll(1, 0) for x in folded)
    alpha = torch.where(v0 + v1 == 0, torch.zeros_like(v0), v0 / (v0 + v1))
    return (alpha * folded[0] + (1 - alpha) * folded[1]).reshape(n, d)


def choose_by_mirrored_pairs(f, slope, theta0, budget, eps):
    n, theta = 10, theta0
    steps = budget // (2 * n)
    for k in range(steps):
        sigma = 0.8 * (0.1 / 0.8) ** (k / (steps - 1))
        noise = eps[k * n : (k + 1) * n]
        up, down = f(torch.cat((theta + sigma * noise, theta - sigma * noise))).chunk(2)
        spread = torch.cat((up, down)).std() + 1e-12
        theta = theta + sigma * ((up - down)[:, None] * noise).mean(0) / (2 * spread)
    return theta


def choose_by_ranks(f, slope, theta0, budget, eps):
    n, theta = 25, theta0.clone()
    steps = budget // n
    for k, sigma in enumerate(np.geomspace(0.8, 0.1, steps)):
        noise = eps[k * n : (k + 1) * n]
        order = f(theta + sigma * noise).argsort().argsort().to(theta.dtype)
        theta += 3 * sigma * ((order / (n - 1) - 0.5)[:, None] * noise).mean(0)
    return theta


def choose_by_natural_evolution(f, slope, theta0, budget, eps):
    """SNES: the utilities of Wierstra et al. 2014, a natural gradient for mean and widths."""
    n, mean, widths = 20, theta0, torch.full_like(theta0, 0.8)
    weight = torch.tensor([max(0.0, math.log(n / 2 + 1) - math.log(k)) for k in range(1, n + 1)])
    utility = (weight / weight.sum() - 1 / n).to(theta0.dtype)[:, None]
    rate = (3 + math.log(len(theta0))) / (10 * math.sqrt(len(theta0)))
    for noise in eps[: budget // n * n].split(n):
        noise = noise[f(mean + widths * noise).argsort(descending=True)]
        mean = mean + widths * (utility * noise).sum(0)
        widths = widths * torch.exp(rate * (utility * (noise**2 - 1)).sum(0))
    return mean


def choose_by_elites(f, slope, theta0, budget, eps):
    """The cross-entropy method."""
    mean, spread = theta0, torch.ones_like(theta0)
    for noise in eps[: budget // 50 * 50].split(50):
        points = mean + spread * noise
        best = points[f(points).topk(10).indices]
        mean = 0.3 * mean + 0.7 * best.mean(0)
        spread = (0.3 * spread + 0.7 * best.std(0)).clamp(min=0.08)
    return mean


def choose_by_a_covariance(f, slope, theta0, budget, eps):
    """Random search whose noise takes the shape of its best tries."""
    mean, covariance = theta0, 0.64 * torch.eye(len(theta0), dtype=theta0.dtype)
    least = 1e-3 * torch.eye(len(theta0), dtype=theta0.dtype)
    for noise in eps[: budget // 20 * 20].split(20):
        points = mean + noise @ torch.linalg.cholesky(covariance).T
        away = points[f(points).topk(5).indices] - mean
        mean = mean + away.mean(0)
        covariance = 0.8 * covariance + 0.2 * away.T @ away / len(away) + least
    return mean


def choose_by_adam(f, slope, theta0, budget, eps):
    theta = theta0.clone()
    adam = torch.optim.Adam([theta], lr=0.1, maximize=True)
    for noise, sigma in zip(eps.split(20), torch.logspace(-0.1, -1, budget // 20), strict=True):
        values = f(theta + sigma * noise)
        others = (values.sum() - values) / (len(values) - 1)
        theta.grad = ((values - others)[:, None] * noise).mean(0) / float(sigma)
        adam.param_groups[0]["lr"] = 0.4 * float(sigma)
        adam.step()
    return theta


def choose_by_a_second_look(f, slope, theta0, budget, eps):
    """Many starts at random; the best of them are tried again and again, and climbed from."""
    half = budget // 2
    starts = theta0 + 0.9 * eps[:half]
    best = starts[f(starts).topk(20).indices]
    means = torch.stack([f(x.expand(10, -1)).mean() for x in best])
    theta = best[means.argmax()]
    rest = eps[half + 200 :]
    steps = len(rest) // 20
    for k in range(steps):
        sigma = 0.4 * (0.1 / 0.4) ** (k / (steps - 1))
        noise = rest[20 * k : 20 * (k + 1)]
        values = f(theta + sigma * noise)
        values = (values - values.mean()) / (values.std() + 1e-12)
        theta = theta + sigma * (values[:, None] * noise).mean(0)
    return theta


def choose_by_a_guarded_mixture(f, slope, theta0, budget, eps):
    """Slopes and values, and slopes only where both point the same way and no jump is seen."""
    n, theta = 20, theta0
    steps = budget // (n + 5)
    for k in range(steps):
        sigma = 0.8 * (0.1 / 0.8) ** (k / (steps - 1))
        noise = eps[k * n : (k + 1) * n]
        points = theta + sigma * noise
        first, values = slope(points[:5]), f(points)
        zero = ((values - values.mean())[:, None] * noise / sigma).mean(0)
        explained = ((first * sigma) ** 2).sum(1).mean()
        smooth = explained > values.var()  # by Poincaré's inequality; else there is a jump
        alpha = 0.5 if smooth and first.mean(0) @ zero > 0 else 0.0
        uphill = alpha * first.mean(0) + (1 - alpha) * zero
        theta = theta + sigma**2 * uphill / (values.std() + 1e-12)
    return theta


def choose_by_the_mean_of_a_path(f, slope, theta0, budget, eps):
    """One σ that is as wide as the task, and in the end the mean of the second half of the path."""
    theta, path = theta0, []
    for noise in eps[: budget // 20 * 20].split(20):
        values = f(theta + 0.5 * noise)
        standard = (values - values.mean()) / values.std().clamp(min=1e-12)
        theta = theta + 0.25 * standard @ noise / len(noise)
        path.append(theta)
    return torch.stack(path[len(path) // 2 :]).mean(0)


RIGHT = {
    "minimum_variance_alpha": [
        alpha_by_cov,
        alpha_by_numpy,
        alpha_by_regression,
        alpha_by_two_variances,
        alpha_by_population_moments,
        alpha_by_smoothlib,
    ],
    "guarded_alpha": [
        guard_by_cases,
        guard_by_numpy,
        guard_by_traces,
        guard_by_distances,
        guard_by_search,
    ],
    "crossed_mixture": [
        crossed_in_place,
        crossed_by_chunks,
        crossed_row_by_row,
        crossed_by_numpy,
        crossed_by_a_roll,
    ],
    "choose": [
        choose_by_mirrored_pairs,
        choose_by_ranks,
        choose_by_natural_evolution,
        choose_by_elites,
        choose_by_a_covariance,
        choose_by_adam,
        choose_by_a_second_look,
        choose_by_a_guarded_mixture,
        choose_by_the_mean_of_a_path,
    ],
}
