"""Right answers to exercise 04, written in other ways than the solution's."""

import math

import numpy as np
import torch
from torch.distributions import Normal

from smoothlib import estimators, smoothing


def rows_one_by_one(f, theta, sigma, eps):
    rows = []
    for noise in eps:
        own = theta.detach().clone().requires_grad_()
        value = f((own + sigma * noise)[None])[0]
        if value.requires_grad:
            value.backward()
        rows.append(torch.zeros_like(own) if own.grad is None else own.grad)
    return torch.stack(rows)


def rows_through_copies_of_theta(f, theta, sigma, eps):
    own = theta.detach().expand_as(eps).clone().requires_grad_()
    values = f(own + sigma * eps)
    if values.requires_grad:
        values.backward(torch.ones_like(values))
    return own.grad if own.grad is not None else own.detach() * 0


def rows_with_a_graph(f, theta, sigma, eps):
    x = (theta + sigma * eps).detach().requires_grad_()
    values = f(x) + 0 * x.sum(-1)
    return torch.autograd.grad(values.sum(), x, create_graph=True)[0]


def rows_by_a_jacobian(f, theta, sigma, eps):
    x = theta.detach() + sigma * eps
    jacobian = torch.autograd.functional.jacobian(f, x)
    return torch.einsum("kkd->kd", jacobian)


def rows_by_torch_func(f, theta, sigma, eps):
    return torch.func.grad(lambda x: f(x).sum() + 0 * x.sum())(theta.detach() + sigma * eps)


def rows_from_a_detached_theta(f, theta, sigma, eps):
    x = (theta.detach() + sigma * eps).requires_grad_()
    f(x).sum().backward() if f(x).requires_grad else None
    return torch.zeros_like(eps) if x.grad is None else x.grad


def rows_by_trying(f, theta, sigma, eps):
    x = (theta + sigma * eps).detach().requires_grad_()
    try:
        f(x).sum().backward()
    except RuntimeError:
        return torch.zeros_like(eps)
    return x.grad


def rows_by_smoothlib(f, theta, sigma, eps):
    return estimators.first_order(f, theta, sigma, eps)


def bias_by_loops(places, heights, theta, sigma):
    def one(at):
        terms = (
            h * math.exp(-(((x - at) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
            for x, h in zip(places.tolist(), heights.tolist(), strict=True)
        )
        return -sum(terms)

    found = torch.tensor([one(at) for at in theta.flatten().tolist()], dtype=theta.dtype)
    return found.reshape(theta.shape)


def bias_by_distributions(places, heights, theta, sigma):
    density = Normal(theta.unsqueeze(-1), sigma).log_prob(places).exp()
    return -torch.einsum("...m,m->...", density, heights)


def bias_by_numpy(places, heights, theta, sigma):
    z = np.subtract.outer(theta.numpy(), places.numpy()) / sigma
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) / sigma
    return torch.as_tensor(-(density @ heights.numpy()), dtype=theta.dtype)


def bias_jump_by_jump(places, heights, theta, sigma):
    total = torch.zeros_like(theta)
    for place, height in zip(places, heights, strict=True):
        total = total - height * torch.exp(-(((theta - place) / sigma) ** 2) / 2)
    return total / (sigma * math.sqrt(math.tau))


def bias_by_autograd(places, heights, theta, sigma):
    at = theta.detach().clone().requires_grad_()
    mean = (heights * torch.special.ndtr((at[..., None] - places) / sigma)).sum()
    return -torch.autograd.grad(mean, at)[0]


def bias_by_smoothlib(places, heights, theta, sigma):
    jumps = smoothing.Jumps(places, heights)
    return -smoothing.boundary_term(jumps, theta[..., None], sigma)[..., 0]


def surrogate_by_formula(f, theta, sigma, eps):
    return f(theta.detach() + sigma * eps).detach()[:, None] * eps / sigma


def surrogate_without_grad(f, theta, sigma, eps):
    with torch.no_grad():
        x = theta + sigma * eps
        return torch.einsum("n,nd->nd", f(x), (x - theta) / sigma**2)


def surrogate_by_distributions(f, theta, sigma, eps):
    own = theta.detach().expand(len(eps), -1).clone().requires_grad_()
    with torch.no_grad():
        x = own + sigma * eps
        values = f(x)
    (values * Normal(own, sigma).log_prob(x).sum(-1)).sum().backward()
    return own.grad


def surrogate_one_by_one(f, theta, sigma, eps):
    rows = []
    for noise in eps:
        own = theta.detach().clone().requires_grad_()
        x = (own + sigma * noise).detach()
        log_p = -((x - own) ** 2).sum() / (2 * sigma**2)
        rows.append(torch.autograd.grad(log_p * f(x[None]).detach()[0], own)[0])
    return torch.stack(rows)


def surrogate_by_numpy(f, theta, sigma, eps):
    values = f(theta.detach() + sigma * eps).detach().numpy()
    return torch.from_numpy(values[:, None] * eps.numpy() / sigma)


def surrogate_by_smoothlib(f, theta, sigma, eps):
    return estimators.zero_order(f, theta, sigma, eps)


def bounce_by_where(speed, stiffness, dt, steps):
    start = speed.clone().requires_grad_(True)
    y, v = torch.zeros_like(start), start
    for _ in range(steps):
        push = torch.where(y < 0, -stiffness * y, 0.0)
        v = v + dt * (push - 9.81)
        y = y + dt * v
    y.sum().backward()
    return y, start.grad


def bounce_by_relu(speed, stiffness, dt, steps):
    start = speed.detach().requires_grad_()
    y, v, step = start * 0, start, 0
    while step < steps:
        v = v - 9.81 * dt + stiffness * dt * torch.relu(-y)
        y, step = y + v * dt, step + 1
    slope = torch.autograd.grad(y, start, torch.ones_like(y))[0]
    return [y, slope]


def bounce_ball_by_ball(speed, stiffness, dt, steps):
    heights, slopes = [], []
    for one in speed:
        start = one.detach().clone().requires_grad_()
        y, v = torch.zeros_like(start), start
        for _ in range(steps):
            v = v + dt * (-9.81 + stiffness * (-y if y < 0 else 0.0))
            y = y + dt * v
        y.backward()
        heights.append(y.detach())
        slopes.append(start.grad)
    return torch.stack(heights), torch.stack(slopes)


def bounce_by_hand(speed, stiffness, dt, steps):
    y, v, dy, dv = 0 * speed, speed, 0 * speed, torch.ones_like(speed)
    for _ in range(steps):
        pressed = (y < 0).to(speed.dtype)
        v, dv = v + dt * (-9.81 - stiffness * y * pressed), dv - dt * stiffness * dy * pressed
        y, dy = y + dt * v, dy + dt * dv
    return y, dy


def bounce_by_torch_func(speed, stiffness, dt, steps):
    def height(start):
        y, v = 0 * start, start
        for _ in range(steps):
            v = v + dt * (-9.81 + stiffness * torch.clamp(-y, min=0.0))
            y = y + dt * v
        return y.sum(), y

    slope, y = torch.func.grad(height, has_aux=True)(speed)
    return y, slope


RIGHT = {
    "first_order": [
        rows_one_by_one,
        rows_through_copies_of_theta,
        rows_with_a_graph,
        rows_by_a_jacobian,
        rows_by_torch_func,
        rows_from_a_detached_theta,
        rows_by_trying,
        rows_by_smoothlib,
    ],
    "fo_bias": [
        bias_by_loops,
        bias_by_distributions,
        bias_by_numpy,
        bias_jump_by_jump,
        bias_by_autograd,
        bias_by_smoothlib,
    ],
    "surrogate_gradient": [
        surrogate_by_formula,
        surrogate_without_grad,
        surrogate_by_distributions,
        surrogate_one_by_one,
        surrogate_by_numpy,
        surrogate_by_smoothlib,
    ],
    "bounce": [
        bounce_by_where,
        bounce_by_relu,
        bounce_ball_by_ball,
        bounce_by_hand,
        bounce_by_torch_func,
    ],
}
