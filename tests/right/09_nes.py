"""Right answers to exercise 09, written in other ways than the solution's."""

import math

import numpy as np
import torch

from smoothlib import normal


def gradient_by_loops(values, eps, sigma):
    total = torch.zeros_like(eps[0])
    for i in range(len(eps)):
        for j in range(eps.shape[1]):
            total[j] += values[i] * eps[i, j]
    return total / (len(eps) * sigma)


def gradient_by_einsum(values, eps, sigma):
    return torch.einsum("n,nd->d", values, eps) / sigma / len(values)


def gradient_by_numpy(values, eps, sigma):
    return torch.from_numpy(np.mean(values.numpy()[:, None] * eps.numpy(), axis=0) / sigma)


def gradient_of_the_log_density(values, eps, sigma):
    """By autograd: the score is the slope of log p(x; θ) at θ = 0."""
    theta = torch.zeros_like(eps[0]).requires_grad_()
    log_p = torch.distributions.Normal(theta, sigma).log_prob(sigma * eps).sum(1)
    return torch.autograd.grad((values * log_p).mean(), theta)[0]


def gradient_in_double(values, eps, sigma):
    rows = torch.stack([v * e / sigma for v, e in zip(values.double(), eps.double(), strict=True)])
    return rows.mean(dim=0).to(eps.dtype)


def gradient_by_a_weighted_sum(values, eps, sigma):
    weights = torch.softmax(torch.zeros_like(values), 0) * values
    return eps.T @ weights / sigma


def ranks_by_loops(values):
    n, ranks = len(values), []
    for mine in values:
        below = sum(1 for other in values if other < mine)
        same = sum(1 for other in values if other == mine)
        ranks.append((below + (same - 1) / 2) / (n - 1) - 0.5)
    return torch.tensor(ranks, dtype=values.dtype)


def ranks_by_sorting_twice(values):
    """The places of a sort, averaged within each group."""
    places = values.argsort().argsort().to(values.dtype)
    ranks = torch.empty_like(values)
    for level in values.unique():
        group = values == level
        ranks[group] = places[group].mean()
    return ranks / (len(values) - 1) - 0.5


def ranks_by_signs(values):
    """Wins less losses: 2 (n - 1) times the rank."""
    return torch.sign(values[:, None] - values[None, :]).sum(1) / (2 * (len(values) - 1))


def ranks_by_searching(values):
    """The mean of the first and the last place at which a value could stand."""
    row = values.sort().values
    low, high = (torch.searchsorted(row, values, side=side) for side in ("left", "right"))
    places = (low + high - 1).to(values.dtype) / 2
    return places / (len(values) - 1) - 0.5


def ranks_by_numpy(values):
    x = values.numpy()
    _, group, count = np.unique(x, return_inverse=True, return_counts=True)
    places = np.cumsum(count) - (count + 1) / 2
    return torch.from_numpy((places[group] / (x.size - 1) - 0.5).astype(x.dtype))


def ranks_by_heaviside(values):
    table = torch.heaviside(values[:, None] - values, torch.tensor(0.5, dtype=values.dtype))
    return (table.sum(1) - 0.5) / (len(values) - 1) - 0.5


def update_by_a_matrix(theta, scalars, seed, generation, noise, sigma, lr):
    ids = sorted(scalars)
    eps = torch.stack([noise(seed, generation, i, len(theta)) for i in ids])
    sent = torch.tensor([scalars[i] for i in ids], dtype=theta.dtype)
    return theta + lr * (sent @ eps) / (2 * sigma * len(ids))


def update_by_einsum(theta, scalars, seed, generation, noise, sigma, lr):
    n, d = len(scalars), theta.shape[0]
    eps = torch.stack([noise(seed, generation, worker, d) for worker in range(n)])
    slopes = torch.tensor([scalars[worker] / (2 * sigma) for worker in range(n)], dtype=theta.dtype)
    return theta + lr * torch.einsum("n,nd->d", slopes, eps) / n


def update_by_numpy(theta, scalars, seed, generation, noise, sigma, lr):
    pairs = sorted(scalars.items())
    eps = np.array([noise(seed, generation, worker, len(theta)).numpy() for worker, _ in pairs])
    sent = np.array([number for _, number in pairs])
    step = torch.from_numpy((sent[:, None] * eps).mean(0)).to(theta.dtype)
    return theta + lr * step / (2 * sigma)


def update_by_exact_sums(theta, scalars, seed, generation, noise, sigma, lr):
    """In the order of arrival, but with sums that are rounded once, so that it does not matter."""
    d = theta.numel()
    rows = [(x * noise(seed, generation, i, d)).tolist() for i, x in scalars.items()]
    sums = [math.fsum(column) for column in zip(*rows, strict=True)]
    return theta + lr / (2 * sigma * len(scalars)) * torch.tensor(sums, dtype=theta.dtype)


def update_from_the_last(theta, scalars, seed, generation, noise, sigma, lr):
    new = theta.clone()
    for worker in range(len(scalars) - 1, -1, -1):
        slope = scalars[worker] / (2 * sigma)
        new += lr * slope / len(scalars) * noise(seed, generation, worker, len(theta))
    return new


def update_by_order_of_size(theta, scalars, seed, generation, noise, sigma, lr):
    """All workers know the numbers, so their sizes are an order too; equals by their ids."""
    step = torch.zeros_like(theta)
    for number, worker in sorted((number, worker) for worker, number in scalars.items()):
        step.add_(noise(seed, generation, worker, theta.shape[0]), alpha=number)
    return theta.add(step, alpha=lr / (2 * sigma * len(scalars)))


def noise_of_one_row(seed, generation, worker, d):
    first = generation * 1000 + worker
    return normal(seed, range(first, first + 1), d, dtype=torch.float64).squeeze(0)


def noise_of_a_generation(seed, generation, worker, d):
    rows = range(1000 * generation, 1000 * (generation + 1))
    return normal(seed, rows, d, dtype=torch.float64)[worker]


def noise_of_all_before(seed, generation, worker, d):
    """Slow in late generations, and right."""
    return normal(seed, 1000 * generation + worker + 1, d, dtype=torch.double)[-1]


def noise_number_by_number(seed, generation, worker, d):
    row = 1000 * generation + worker
    each = [
        normal(seed, range(row, row + 1), range(j, j + 1), dtype=torch.float64) for j in range(d)
    ]
    return torch.cat(each, 1).flatten()


def noise_into_a_tensor(seed, generation, worker, d):
    out = torch.empty(1, d, dtype=torch.float64)
    row = generation * 10**3 + worker
    normal(seed, range(row, row + 1), range(d), out=out)
    return out.view(d)


def noise_by_numpy(seed, generation, worker, d):
    row = int(np.ravel_multi_index((generation, worker), (generation + 1, 1000)))
    return torch.from_numpy(
        normal(seed, range(row, row + 1), d, dtype=torch.float64).numpy()[0].copy()
    )


def training_by_loops(f, theta, sigma, lr, noise, shape):
    """A fitness at a time, and every product by itself."""
    generations, n, _ = noise.shape
    parents = [theta.clone()]
    for g in range(generations):
        now = parents[g]
        values = torch.cat([f((now + sigma * noise[g, i])[None], g) for i in range(n)])
        weights, step = shape(values), torch.zeros_like(now)
        for i in range(n):
            step = step + weights[i] * noise[g, i]
        parents.append(now + lr * step / (n * sigma))
    return torch.stack(parents)


def training_into_a_table(f, theta, sigma, lr, noise, shape):
    parents = torch.empty(len(noise) + 1, len(theta), dtype=theta.dtype)
    parents[0] = theta
    for g in range(len(noise)):
        weights = shape(f(parents[g] + sigma * noise[g], g))
        parents[g + 1] = parents[g] + lr / sigma * (weights[:, None] * noise[g]).mean(0)
    return parents


def training_by_cumsum(f, theta, sigma, lr, noise, shape):
    steps, here = [theta], theta
    for g, eps in enumerate(noise.unbind(0)):
        w = shape(f(torch.add(here, eps, alpha=sigma), g))
        steps.append(torch.einsum("n,nd->d", w, eps) * lr / sigma / len(w))
        here = here + steps[-1]
    return torch.stack(steps).cumsum(0)


def training_by_numpy(f, theta, sigma, lr, noise, shape):
    here, eps = theta.numpy().copy(), noise.numpy()
    found = [here]
    for g in range(len(eps)):
        points = torch.from_numpy(here + sigma * eps[g]).to(theta.dtype)
        w = shape(f(points, g)).numpy()
        here = here + lr * (w @ eps[g]) / (sigma * len(w))
        found.append(here)
    return torch.from_numpy(np.stack(found).astype(theta.numpy().dtype))


def training_by_an_optimiser(f, theta, sigma, lr, noise, shape):
    """torch.optim descends, so it gets minus the gradient."""
    leaf = theta.clone().requires_grad_()
    optimiser, parents = torch.optim.SGD([leaf], lr=lr), [theta]
    for g, eps in enumerate(noise):
        weights = shape(f(leaf.detach() + sigma * eps, g))
        leaf.grad = -(weights @ eps) / (sigma * len(eps))
        optimiser.step()
        parents.append(leaf.detach().clone())
    return torch.stack(parents)


def training_by_recursion(f, theta, sigma, lr, noise, shape):
    def onward(here, g):
        if g == len(noise):
            return [here]
        children = here + sigma * noise[g]
        pull = gradient_by_einsum(shape(f(children, g)), noise[g], sigma)
        return [here, *onward(here + lr * pull, g + 1)]

    return torch.stack(onward(theta, 0))


RIGHT = {
    "nes_gradient": [
        gradient_by_loops,
        gradient_by_einsum,
        gradient_by_numpy,
        gradient_of_the_log_density,
        gradient_in_double,
        gradient_by_a_weighted_sum,
    ],
    "centered_ranks": [
        ranks_by_loops,
        ranks_by_sorting_twice,
        ranks_by_signs,
        ranks_by_searching,
        ranks_by_numpy,
        ranks_by_heaviside,
    ],
    "shared_seed_update": [
        update_by_a_matrix,
        update_by_einsum,
        update_by_numpy,
        update_by_exact_sums,
        update_from_the_last,
        update_by_order_of_size,
    ],
    "worker_eps": [
        noise_of_one_row,
        noise_of_a_generation,
        noise_of_all_before,
        noise_number_by_number,
        noise_into_a_tensor,
        noise_by_numpy,
    ],
    "train_nes": [
        training_by_loops,
        training_into_a_table,
        training_by_cumsum,
        training_by_numpy,
        training_by_an_optimiser,
        training_by_recursion,
    ],
}
