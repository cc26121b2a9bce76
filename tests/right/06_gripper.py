"""Right answers to exercise 06, written in other ways than the solution's."""

import numpy as np
import torch

from smoothlib import PiecewiseLinear, ascend, estimators


def reward_one_by_one(z_close, params):
    low = -2 * params["force"] / params["mu"] * params["give"]

    def one(z):
        if low < z <= 2 * params["half"]:
            return params["half"] + params["z_lift"] - max(z, 0.0)
        return params["half"]

    found = torch.tensor([one(z) for z in z_close.flatten().tolist()], dtype=z_close.dtype)
    return found.reshape(z_close.shape)


def reward_by_numpy(z_close, params):
    z = z_close.numpy()
    jams = z <= -2 * params["force"] * params["give"] / params["mu"]
    misses = z > 2 * params["half"]
    up = params["z_lift"] - np.maximum(z, 0)
    return torch.as_tensor(params["half"] + np.where(jams | misses, 0, up), dtype=z_close.dtype)


def reward_by_a_mask(z_close, params):
    height = torch.zeros_like(z_close) + params["half"]
    low = -2 * (params["force"] / params["mu"]) * params["give"]
    held = torch.logical_and(z_close > low, z_close <= params["half"] * 2)
    height[held] += params["z_lift"] - torch.relu(z_close[held])
    return height


def reward_by_arithmetic(z_close, params):
    high = 2 * params["half"]
    low = -2 * params["force"] / params["mu"] * params["give"]
    held = (z_close > low).to(z_close.dtype) * (z_close <= high).to(z_close.dtype)
    return params["half"] + held * (params["z_lift"] - z_close * (z_close > 0))


def reward_by_heaviside(z_close, params):
    low, high = -2 * params["force"] / params["mu"] * params["give"], 2 * params["half"]
    zero, one = z_close.new_tensor(0.0), z_close.new_tensor(1.0)
    held = torch.heaviside(z_close - low, zero) * torch.heaviside(high - z_close, one)
    lifted = params["z_lift"] - torch.maximum(z_close, torch.zeros_like(z_close))
    return torch.lerp(torch.full_like(z_close, params["half"]), params["half"] + lifted, held)


def reward_by_smoothlib(z_close, params):
    low, high = -2 * params["force"] / params["mu"] * params["give"], 2 * params["half"]
    top, floor = params["half"] + params["z_lift"], params["half"]
    f = PiecewiseLinear((low, 0.0, high), (floor, top, top - high), (top, top, floor))
    return f(z_close.double()[..., None]).to(z_close.dtype)


def value_by_loops(f, z, sigma, tau, eps, u):
    total = torch.zeros_like(z)
    for a, b in zip(eps, u, strict=True):
        total = total + f(z + sigma * a + tau * b)
    return total / len(eps)


def value_place_by_place(f, z, sigma, tau, eps, u):
    return torch.stack([f(at + sigma * eps + tau * u).mean() for at in z])


def value_by_columns(f, z, sigma, tau, eps, u):
    noise = (sigma * eps + tau * u).unsqueeze(1)
    return torch.mean(f(z + noise), dim=0)


def value_by_einsum(f, z, sigma, tau, eps, u):
    tries = z.unsqueeze(-1) + torch.stack((eps, u), 1) @ eps.new_tensor([sigma, tau])
    weight = torch.full_like(eps, 1 / len(eps))
    return torch.einsum("mn,n->m", f(tries), weight)


def value_by_numpy(f, z, sigma, tau, eps, u):
    tries = np.add.outer(z.numpy(), sigma * eps.numpy() + tau * u.numpy())
    return torch.from_numpy(f(torch.from_numpy(tries)).numpy().mean(-1))


def value_by_vmap(f, z, sigma, tau, eps, u):
    return torch.vmap(lambda at: f(at + sigma * eps + tau * u).mean())(z)


def gradient_with_a_factor(f, z, sigma, tau, eps, u):
    values, n = f(z + sigma * eps + tau * u), len(eps)
    return n / (n - 1) * (values - values.mean()) * eps / sigma


def gradient_one_by_one(f, z, sigma, tau, eps, u):
    values = f(z + sigma * eps + tau * u)
    rows = []
    for k in range(len(eps)):
        others = torch.cat((values[:k], values[k + 1 :])).mean()
        rows.append((values[k] - others) * eps[k] / sigma)
    return torch.stack(rows)


def gradient_by_a_matrix(f, z, sigma, tau, eps, u):
    values, n = f(z + sigma * eps + tau * u), len(eps)
    centring = (n * torch.eye(n, dtype=eps.dtype) - 1) / (n - 1)
    return torch.einsum("kj,j,k->k", centring, values, eps) / sigma


def gradient_by_numpy(f, z, sigma, tau, eps, u):
    values = f(z + sigma * eps + tau * u).numpy()
    others = (values.sum() - values) / (len(values) - 1)
    return torch.from_numpy((values - others) * eps.numpy() / sigma)


def gradient_by_its_own_displacement(f, z, sigma, tau, eps, u):
    sent = z + sigma * eps
    values = f(sent + tau * u)
    others = (values.sum() - values).div(values.numel() - 1)
    return (values - others) * sigma * eps / sigma**2


def gradient_by_smoothlib(f, z, sigma, tau, eps, u):
    shifted = lambda x: f(x[..., 0] + tau * u) if x.ndim == 2 else f(x[..., 0])  # noqa: E731
    rows = estimators.zero_order(shifted, z[None], sigma, eps[:, None], estimators.leave_one_out)
    return rows[:, 0]


def train_in_a_table(grad, z0, sigma, lr, eps):
    path = torch.empty(len(eps) + 1, dtype=z0.dtype)
    path[0] = z0
    for k in range(len(eps)):
        path[k + 1] = path[k] + lr * grad(path[k], sigma, eps[k])
    return path


def train_in_place_on_a_copy(grad, z0, sigma, lr, eps):
    z, path = z0.clone(), [z0.clone()]
    for noise in eps:
        z += lr * grad(z, sigma, noise)
        path.append(z.clone())
    return torch.stack(path)


def train_by_recursion(grad, z0, sigma, lr, eps):
    if len(eps) == 0:
        return z0[None]
    after = z0 + lr * grad(z0, sigma, eps[0])
    return torch.cat((z0[None], train_by_recursion(grad, after, sigma, lr, eps[1:])))


def train_by_an_optimiser(grad, z0, sigma, lr, eps):
    z = z0.detach().clone()
    sgd = torch.optim.SGD([z], lr=lr, maximize=True)
    path = [z.clone()]
    for noise in eps:
        z.grad = grad(z.clone(), sigma, noise)
        sgd.step()
        path.append(z.clone())
    return torch.stack(path)


def train_by_smoothlib(grad, z0, sigma, lr, eps):
    def step(theta, width, k):
        return grad(theta[0], width, eps[k])[None]

    return ascend(z0[None], step, [sigma] * len(eps), lambda p: torch.optim.SGD(p, lr=lr))[:, 0]


RIGHT = {
    "gripper_reward": [
        reward_one_by_one,
        reward_by_numpy,
        reward_by_a_mask,
        reward_by_arithmetic,
        reward_by_heaviside,
        reward_by_smoothlib,
    ],
    "domain_randomised_value": [
        value_by_loops,
        value_place_by_place,
        value_by_columns,
        value_by_einsum,
        value_by_numpy,
        value_by_vmap,
    ],
    "randomised_gradient": [
        gradient_with_a_factor,
        gradient_one_by_one,
        gradient_by_a_matrix,
        gradient_by_numpy,
        gradient_by_its_own_displacement,
        gradient_by_smoothlib,
    ],
    "train_gripper": [
        train_in_a_table,
        train_in_place_on_a_copy,
        train_by_recursion,
        train_by_an_optimiser,
        train_by_smoothlib,
    ],
}
