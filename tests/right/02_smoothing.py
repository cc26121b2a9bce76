"""Right answers to exercise 02, written in other ways than the solution's."""

import math
import statistics

import numpy as np
import torch

from smoothlib import L1, BallThrow, Heaviside, PiecewiseLinear, ascend

NORMAL = statistics.NormalDist()


def each(theta, one):
    """A function of one number, for every entry of a tensor, in its dtype."""
    flat = [one(float(at)) for at in theta.flatten()]
    return torch.tensor(flat, dtype=theta.dtype).reshape(theta.shape)


# --- smoothed_value_mc ----------------------------------------------------------------------


def mean_by_a_loop(f, theta, sigma, eps):
    total = 0
    for noise in eps:
        total = total + f(theta + sigma * noise)
    return total / len(eps)


def mean_by_stack(f, theta, sigma, eps):
    return torch.stack([f(theta + sigma * noise) for noise in eps]).mean()


def mean_by_einsum(f, theta, sigma, eps):
    values = f(torch.addcmul(theta.expand_as(eps), eps, torch.tensor(sigma, dtype=eps.dtype)))
    return torch.einsum("n->", values) / values.numel()


def mean_by_sum_over_rows(f, theta, sigma, eps):
    return f(theta.unsqueeze(0) + eps * sigma).sum(dim=0) / eps.shape[0]


def mean_in_double(f, theta, sigma, eps):
    return f(theta + sigma * eps).double().mean().to(theta.dtype)


def mean_by_numpy(f, theta, sigma, eps):
    points = torch.from_numpy(theta.numpy() + sigma * eps.numpy()).to(theta.dtype)
    return torch.as_tensor(np.mean(f(points).detach().numpy()), dtype=theta.dtype)


# --- smoothed_ball --------------------------------------------------------------------------


def ball_by_numpy(theta, sigma, v, t):
    metres = v * t * np.exp(-(sigma**2) / 2) * np.cos(theta.numpy())
    return torch.as_tensor(metres, dtype=theta.dtype)


def ball_by_a_loop(theta, sigma, v, t):
    return each(theta, lambda at: v * t * math.exp(-sigma * sigma / 2) * math.cos(at))


def ball_by_complex_numbers(theta, sigma, v, t):
    wave = torch.exp(1j * theta.double() - sigma**2 / 2)
    return (v * t * wave.real).to(theta.dtype)


def ball_by_smoothlib(theta, sigma, v, t):
    return BallThrow(v, t).smoothed(theta.unsqueeze(-1), sigma)


def ball_by_hermite(theta, sigma, v, t):
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    nodes, weights = torch.from_numpy(nodes), torch.from_numpy(weights) / math.sqrt(2 * math.pi)
    return ((v * t * torch.cos(theta[..., None] + sigma * nodes)) @ weights).to(theta.dtype)


# --- smoothed_step --------------------------------------------------------------------------


def step_by_erf(theta, sigma):
    return 0.5 * (1 + torch.erf(theta / (sigma * math.sqrt(2))))


def step_by_erfc(theta, sigma):
    return torch.special.erfc(-theta / sigma / 2**0.5) / 2


def step_by_distributions(theta, sigma):
    return torch.distributions.Normal(0.0, 1.0).cdf(theta / sigma)


def step_by_a_loop(theta, sigma):
    return each(theta, lambda at: NORMAL.cdf(at / sigma))


def step_by_smoothlib(theta, sigma):
    return Heaviside().smoothed(theta[..., None], sigma)


# --- smoothed_abs ---------------------------------------------------------------------------


def abs_by_erf(theta, sigma):
    bell = torch.exp(-(theta**2) / (2 * sigma**2)) * sigma * math.sqrt(2 / math.pi)
    return theta * torch.erf(theta / sigma / math.sqrt(2)) + bell


def abs_by_distributions(theta, sigma):
    noise = torch.distributions.Normal(0.0, sigma)
    return theta * (1 - 2 * noise.cdf(-theta)) + 2 * sigma**2 * noise.log_prob(theta).exp()


def abs_by_a_loop(theta, sigma):
    return each(
        theta,
        lambda at: at * (2 * NORMAL.cdf(at / sigma) - 1) + 2 * sigma * NORMAL.pdf(at / sigma),
    )


def abs_by_two_halves(theta, sigma):
    z = theta / sigma
    bell = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    above = theta * torch.special.ndtr(z) + sigma * bell
    below = -theta * torch.special.ndtr(-z) + sigma * bell
    return above + below


def abs_by_smoothlib(theta, sigma):
    return L1().smoothed(theta[..., None], sigma)


# --- smoothed_piecewise ---------------------------------------------------------------------


def window_by_erf(theta, sigma, low, high, level, slope, outside):
    def Phi(z):
        return (1 + torch.erf(z / math.sqrt(2))) / 2

    def phi(z):
        return torch.exp(-0.5 * z**2) / (2 * math.pi) ** 0.5

    A, B = (low - theta) / sigma, (high - theta) / sigma
    P = Phi(B) - Phi(A)
    return outside * (1 - P) + (level + slope * theta) * P + slope * sigma * (phi(A) - phi(B))


def window_by_a_loop(theta, sigma, low, high, level, slope, outside):
    def one(at):
        A, B = (low - at) / sigma, (high - at) / sigma
        P = NORMAL.cdf(B) - NORMAL.cdf(A)
        bells = NORMAL.pdf(A) - NORMAL.pdf(B)
        return outside + (level - outside + slope * at) * P + slope * sigma * bells

    return each(theta, one)


def window_by_distributions(theta, sigma, low, high, level, slope, outside):
    noise = torch.distributions.Normal(torch.zeros((), dtype=theta.dtype), 1.0)
    A, B = (low - theta) / sigma, (high - theta) / sigma
    P = noise.cdf(B) - noise.cdf(A)
    bells = noise.log_prob(A).exp() - noise.log_prob(B).exp()
    return outside + (level - outside) * P + slope * (theta * P + sigma * bells)


def window_by_ramps(theta, sigma, low, high, level, slope, outside):
    """Two jumps and two ramps: E(x - a)_+ is (θ - a) Φ + σ φ."""

    def jump(at):
        return torch.special.ndtr((theta - at) / sigma)

    def ramp(at):
        z = (theta - at) / sigma
        return (theta - at) * jump(at) + sigma * torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    up, down = level + slope * low - outside, outside - level - slope * high
    return outside + up * jump(low) + slope * ramp(low) + down * jump(high) - slope * ramp(high)


def window_by_smoothlib(theta, sigma, low, high, level, slope, outside):
    left, right = level + slope * low, level + slope * high
    f = PiecewiseLinear((low, high), (outside, right), (left, outside))
    return f.smoothed(theta[..., None], sigma)


# --- mirrored_value -------------------------------------------------------------------------


def pairs_by_a_loop(f, theta, sigma, eps):
    pairs = [float(f(theta + sigma * e) + f(theta - sigma * e)) / 2 for e in eps]
    return statistics.fmean(pairs), statistics.stdev(pairs) / math.sqrt(len(pairs))


def pairs_by_stack(f, theta, sigma, eps):
    both = torch.stack((f(theta + sigma * eps), f(theta - sigma * eps)))
    each_pair = both.mean(0)
    return each_pair.mean(), (each_pair.var() / eps.shape[0]).sqrt()


def pairs_as_a_list(f, theta, sigma, eps):
    pairs = (f(theta + sigma * eps) + f(theta - sigma * eps)).mul(0.5)
    return [pairs.mean().item(), pairs.std().item() / len(pairs) ** 0.5]


def pairs_as_a_tensor(f, theta, sigma, eps):
    pairs = (f(theta + sigma * eps) + f(theta - sigma * eps)) / 2
    return torch.stack((pairs.mean(), pairs.std() / math.sqrt(len(pairs))))


def pairs_by_numpy(f, theta, sigma, eps):
    plus, minus = (f(theta + way * sigma * eps).detach().numpy() for way in (1, -1))
    pairs = (plus + minus) / 2
    return np.mean(pairs), np.std(pairs, ddof=1) / np.sqrt(len(pairs))


def pairs_by_covariance(f, theta, sigma, eps):
    """The variance of a pair's average, from both variances and the covariance."""
    plus, minus = f(theta + sigma * eps), f(theta - sigma * eps)
    variance = torch.cov(torch.stack((plus, minus))).sum() / 4
    return (plus.mean() + minus.mean()) / 2, (variance / len(eps)).sqrt()


# --- annealed_ascent ------------------------------------------------------------------------


def ascent_by_filling(grad, theta0, lr, sigmas):
    path = torch.empty((len(sigmas) + 1, *theta0.shape), dtype=theta0.dtype)
    path[0] = theta0
    for i in range(len(sigmas)):
        path[i + 1] = path[i] + lr * (sigmas[i] / sigmas[0]) * grad(path[i], sigmas[i])
    return path


def ascent_on_a_copy(grad, theta0, lr, sigmas):
    theta, path = theta0.clone(), [theta0.clone()]
    for sigma in sigmas.tolist():
        theta += lr * sigma / float(sigmas[0]) * grad(theta, sigma)
        path.append(theta.clone())
    return torch.stack(path)


def ascent_by_cat(grad, theta0, lr, sigmas):
    path = theta0[None]
    for rate, sigma in zip(lr * sigmas / sigmas[0], sigmas, strict=True):
        path = torch.cat((path, path[-1:] + rate * grad(path[-1:], sigma)))
    return path


def ascent_by_recursion(grad, theta0, lr, sigmas):
    def rest(theta, i):
        if i == len(sigmas):
            return [theta]
        step = lr * sigmas[i] / sigmas[0] * grad(theta, sigmas[i])
        return [theta, *rest(theta + step, i + 1)]

    return torch.stack(rest(theta0, 0))


def ascent_by_smoothlib(grad, theta0, lr, sigmas):
    def scaled(theta, sigma, step):
        return sigma / sigmas[0] * grad(theta.reshape(theta0.shape), sigma).reshape(-1)

    path = ascend(theta0.reshape(-1), scaled, sigmas, lambda p: torch.optim.SGD(p, lr=lr))
    return path.reshape(-1, *theta0.shape)


def ascent_by_optim(grad, theta0, lr, sigmas):
    theta, path = theta0.clone(), [theta0.clone()]
    optimiser = torch.optim.SGD([theta], lr=lr, maximize=True)
    for sigma in sigmas:
        optimiser.param_groups[0]["lr"] = float(lr * sigma / sigmas[0])
        theta.grad = grad(theta, sigma)
        optimiser.step()
        path.append(theta.clone())
    return torch.stack(path)


RIGHT = {
    "smoothed_value_mc": [
        mean_by_a_loop,
        mean_by_stack,
        mean_by_einsum,
        mean_by_sum_over_rows,
        mean_in_double,
        mean_by_numpy,
    ],
    "smoothed_ball": [
        ball_by_numpy,
        ball_by_a_loop,
        ball_by_complex_numbers,
        ball_by_smoothlib,
        ball_by_hermite,
    ],
    "smoothed_step": [
        step_by_erf,
        step_by_erfc,
        step_by_distributions,
        step_by_a_loop,
        step_by_smoothlib,
    ],
    "smoothed_abs": [
        abs_by_erf,
        abs_by_distributions,
        abs_by_a_loop,
        abs_by_two_halves,
        abs_by_smoothlib,
    ],
    "smoothed_piecewise": [
        window_by_erf,
        window_by_a_loop,
        window_by_distributions,
        window_by_ramps,
        window_by_smoothlib,
    ],
    "mirrored_value": [
        pairs_by_a_loop,
        pairs_by_stack,
        pairs_as_a_list,
        pairs_as_a_tensor,
        pairs_by_numpy,
        pairs_by_covariance,
    ],
    "annealed_ascent": [
        ascent_by_filling,
        ascent_on_a_copy,
        ascent_by_cat,
        ascent_by_recursion,
        ascent_by_smoothlib,
        ascent_by_optim,
    ],
}
