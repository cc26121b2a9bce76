"""Right answers to exercise 01, each written in another way. All must earn every point."""

import logging
import math
import sys
import warnings

import numpy as np
import torch


def angles_as_a_list(v, t, x_w, h, g):
    roots = np.sort(np.roots([g * x_w**2 / (2 * v**2), -x_w, h + g * x_w**2 / (2 * v**2)]))
    if np.iscomplex(roots).any():
        raise ValueError("too high")
    return [*np.arctan(roots), np.arccos(x_w / (v * t))]


def angles_as_a_tensor(v, t, x_w, h, g):
    k = torch.tensor(g * x_w**2 / (2 * v**2), dtype=torch.float64)
    root = (x_w**2 - 4 * k * (h + k)).sqrt()
    if root.isnan():
        raise ValueError
    return torch.stack(
        [
            ((x_w - root) / (2 * k)).atan(),
            ((x_w + root) / (2 * k)).atan(),
            torch.tensor(x_w / (v * t)).double().acos(),
        ]
    )


def angles_by_math_sqrt_alone(v, t, x_w, h, g):
    """math.sqrt raises the ValueError by itself."""
    k = g * (x_w / v) ** 2 / 2
    root = math.sqrt(x_w * x_w - 4 * k * (h + k))
    low = math.atan2(x_w - root, 2 * k)
    return low, math.atan2(x_w + root, 2 * k), math.acos(x_w / v / t)


def angles_with_noise_on_both_streams(v, t, x_w, h, g):
    print("v is", v)
    print("debugging", file=sys.stderr)
    logging.getLogger("student").warning("careful")
    warnings.warn("an honest warning", RuntimeWarning, stacklevel=1)
    return angles_by_math_sqrt_alone(v, t, x_w, h, g)


def angles_in_a_numpy_array(v, t, x_w, h, g):
    with np.errstate(invalid="raise"):
        try:
            return np.array(angles_as_a_list(v, t, x_w, h, g))
        except FloatingPointError:
            raise ValueError from None


def distance_by_a_loop(theta, v, t, x_w, h, g):
    def one(angle):
        arrival = x_w / (v * math.cos(angle))
        height = v * math.sin(angle) * arrival - g * arrival**2 / 2
        return x_w if 0 < arrival < t and height < h else v * t * math.cos(angle)

    metres = [torch.tensor(one(float(angle)), dtype=theta.dtype) for angle in theta.flatten()]
    return torch.stack(metres).reshape(theta.shape)


def distance_by_numpy(theta, v, t, x_w, h, g):
    angle = theta.numpy()
    low, high, reach = angles_by_math_sqrt_alone(v, t, x_w, h, g)
    hits = (abs(angle) < reach) & ((angle < low) | (angle > high))
    return torch.as_tensor(np.where(hits, x_w, v * t * np.cos(angle)), dtype=theta.dtype)


def distance_by_a_mask(theta, v, t, x_w, h, g):
    low, high, reach = angles_by_math_sqrt_alone(v, t, x_w, h, g)
    metres = v * t * torch.cos(theta)
    metres[(theta > -reach) & (theta < min(low, reach))] = x_w
    metres[(theta > high) & (theta < reach)] = x_w
    return metres


def distance_with_a_graph(theta, v, t, x_w, h, g):
    angle = theta.clone().requires_grad_()
    flight, height = v * t * angle.cos(), x_w * angle.tan()
    height = height - 0.5 * g * (x_w / (v * angle.cos())) ** 2
    return torch.where((flight > x_w) & (height < h), torch.full_like(flight, x_w), flight)


def distance_by_arithmetic(theta, v, t, x_w, h, g):
    flight = v * t * torch.cos(theta)
    arrival = x_w / (v * torch.cos(theta))
    height = v * torch.sin(theta) * arrival - g * arrival.square() / 2
    hits = ((arrival > 0) * (arrival < t) * (height < h)).to(theta.dtype)
    return hits * x_w + (1 - hits) * flight


def ascent_by_filling(df, theta0, lr, steps):
    path = torch.empty((steps + 1, *theta0.shape), dtype=theta0.dtype)
    path[0] = theta0
    for i in range(steps):
        path[i + 1] = path[i] + lr * df(path[i])
    return path


def ascent_by_cat(df, theta0, lr, steps):
    path = theta0[None]
    while len(path) <= steps:
        path = torch.cat((path, path[-1:] + lr * df(path[-1:])))
    return path


def ascent_in_place_on_a_copy(df, theta0, lr, steps):
    theta, path = theta0.clone(), [theta0.clone()]
    for _ in range(steps):
        theta += lr * df(theta)
        path.append(theta.clone())
    return torch.stack(path)


def ascent_by_recursion(df, theta0, lr, steps):
    if steps == 0:
        return theta0[None]
    return torch.cat(
        (theta0[None], ascent_by_recursion(df, theta0 + lr * df(theta0), lr, steps - 1))
    )


def ascent_by_optim(df, theta0, lr, steps):
    theta = theta0.clone()
    optimiser, path = torch.optim.SGD([theta], lr=lr, maximize=True), [theta0.clone()]
    for _ in range(steps):
        theta.grad = df(theta)
        optimiser.step()
        path.append(theta.clone())
    return torch.stack(path)


RIGHT = {
    "wall_angles": [
        angles_as_a_list,
        angles_as_a_tensor,
        angles_by_math_sqrt_alone,
        angles_in_a_numpy_array,
        angles_with_noise_on_both_streams,
    ],
    "wall_distance": [
        distance_by_a_loop,
        distance_by_numpy,
        distance_by_a_mask,
        distance_with_a_graph,
        distance_by_arithmetic,
    ],
    "gradient_ascent": [
        ascent_by_filling,
        ascent_by_cat,
        ascent_in_place_on_a_copy,
        ascent_by_recursion,
        ascent_by_optim,
    ],
}
