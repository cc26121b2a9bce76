"""Wrong answers that once got full marks, found by readers; no student is told of them by name.

Each loses points now. Their docstrings say what no test looked at.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smoothlib import normal
from tests.exercises import read, right, run

F64 = torch.float64


def never_aims_down(v: float, t: float, x_w: float, h: float, g: float) -> list[float]:
    """A wall whose top is so low that the ball clears it thrown downwards."""
    k = g * x_w**2 / (2 * v**2)
    roots = [x_w + sign * math.sqrt(x_w**2 - 4 * k * (h + k)) for sign in (-1, 1)]
    return [max(0.0, math.atan(roots[0] / (2 * k))), math.atan(roots[1] / (2 * k)),
            math.acos(x_w / (v * t))]  # fmt: skip


def forgets_the_clock(theta: Tensor, v: float, t: float, x_w: float, h: float, g: float) -> Tensor:
    """A clock so short that time is up before the ball can come down on the wall."""
    low, high, late = right("01_landscapes")["wall_angles"][0](v, t, x_w, h, g)
    hit = ((theta > -late) & (theta < low)) | ((theta > high) & (theta < late))
    return torch.where(hit, x_w, v * t * theta.cos())


def goes_through_a_list(theta: Tensor, sigma: float, v: float, t: float) -> Tensor:
    """An angle without an axis."""
    return torch.stack([v * t * math.exp(-(sigma**2) / 2) * x.cos() for x in theta])


def takes_the_mean_for_positive(
    f: Callable, theta: Tensor, sigma: float, eps: Tensor
) -> tuple[float, float]:
    """A landscape below 0."""
    pairs = (f(theta + sigma * eps) + f(theta - sigma * eps)) / 2
    return float(pairs.mean().abs()), float(pairs.std() / math.sqrt(len(pairs)))


def divides_by_the_density(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """A throw so far out that its density is 0 to the computer."""
    density = torch.exp(-((x - mean) ** 2) / (2 * sigma**2))
    return density * (x - mean) / sigma**2 / density


def guesses_the_axis(f: Callable, theta: Tensor, w: Tensor, Sigma: Tensor) -> Tensor:
    """As many samples as dimensions."""
    v = torch.linalg.solve(Sigma, w if len(w) == len(Sigma) else w.T)
    v = v if v.shape == w.shape else v.T
    return ((f(theta + w) - f(theta))[:, None] * v).mean(0)


def takes_the_diagonal(f: Callable, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    """The same, of slopes."""
    jacobian = torch.autograd.functional.jacobian(f, theta + sigma * eps)
    if not isinstance(jacobian, Tensor):
        return torch.zeros_like(eps)
    rows = jacobian.diagonal(dim1=0, dim2=1)
    return rows if rows.shape == eps.shape else rows.T


def counts_in_double(speed: Tensor, stiffness: float, dt: float, steps: int) -> tuple:
    """Single precision in, single precision out."""
    y, v = torch.zeros(len(speed), dtype=F64), speed.double().requires_grad_()
    start = v
    for _ in range(steps):
        v = v + dt * (-9.81 + stiffness * (-y).clamp(min=0))
        y = y + dt * v
    (slope,) = torch.autograd.grad(y.sum(), start)
    return y.detach(), slope


def asks_once_for_all(estimator: Callable, truth: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """An estimator that looks at its whole experiment."""
    means = estimator(eps.transpose(0, 1)).mean(0)
    return means.mean(0) - truth, means.std(0) / len(means) ** 0.5


def shares_a_baseline(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """More coordinates than one, in unseen batches."""
    weight = eps[:, :1] ** 2
    above = values[:, None] * weight
    b = (above.sum(0) - above) / (weight.sum(0) - weight)
    return (values[:, None] - b) * eps / sigma


def fears_zero(values: Tensor, eps: Tensor, sigma: float) -> Tensor:
    """A noise of a thousandth."""
    weight = eps**2
    above = values[:, None] * weight
    b = (above.sum(0) - above) / (weight.sum(0) - weight).clamp(min=1e-2)
    return (values[:, None] - b) * eps / sigma


def knows_one_axis(
    F: Tensor, dF: Tensor, ddF: Tensor, G: Tensor, ddG: Tensor, sigma: float, b: Tensor
) -> Tensor:
    """A table, and a number without axes."""
    F, dF, ddF, G, ddG, b = (t.flatten() for t in torch.broadcast_tensors(F, dF, ddF, G, ddG, b))
    square = G + sigma**2 * ddG - 2 * b * (F + sigma**2 * ddF) + b**2
    return square / sigma**2 - dF**2


def holds_at_the_lower_cliff(z_close: Tensor, params: dict) -> Tensor:
    """The lower cliff itself."""
    low = -2 * params["force"] / params["mu"] * params["give"]
    holds = (z_close >= low) & (z_close <= 2 * params["half"])
    lifted = params["half"] + params["z_lift"] - z_close.clamp(min=0)
    return torch.where(holds, lifted, torch.full_like(z_close, params["half"]))


def stops_at_a_level_place(
    grad: Callable, z0: Tensor, sigma: float, lr: float, eps: Tensor
) -> Tensor:
    """A first slope of 0."""
    path = [z0]
    for noise in eps:
        slope = grad(path[-1], sigma, noise)
        if slope == 0:
            break
        path.append(path[-1] + lr * slope)
    return torch.stack(path)


def divides_by_powers(rewards: Tensor, gamma: float) -> Tensor:
    """γ = 0."""
    power = gamma ** torch.arange(len(rewards), dtype=rewards.dtype)[:, None]
    return (rewards * power).flip(0).cumsum(0).flip(0) / power


def subtracts_from_every_reward(
    scores: Tensor, rewards: Tensor, baseline: object, to_go: bool
) -> Tensor:
    """One number as the baseline of several steps."""
    if not isinstance(baseline, Tensor):
        rewards, baseline = rewards - baseline, 0.0  # type: ignore[operator]
    weights = rewards.flip(0).cumsum(0).flip(0) if to_go else rewards.sum(0).expand_as(rewards)
    return ((weights - baseline)[..., None] * scores).sum(0)


def gives_up_where_parabolas_are_many(states: Tensor, to_go: Tensor, new_states: Tensor) -> Tensor:
    """Two different states only."""
    rows = []
    for s, g, new in zip(states, to_go, new_states, strict=True):
        A = torch.stack((torch.ones_like(s), s, s**2), 1)
        try:
            c = torch.linalg.solve(A.T @ A, A.T @ g)
        except RuntimeError:
            rows.append(g.mean().expand_as(new))
        else:
            rows.append(torch.stack((torch.ones_like(new), new, new**2), 1) @ c)
    return torch.stack(rows)


def calls_near_ones_equal(values: Tensor) -> Tensor:
    """Values that are nearly equal."""
    below = (values[:, None] > values + 1e-6).sum(1)
    equal = torch.isclose(values[:, None], values, atol=1e-6).sum(1)
    return (below + (equal - 1) / 2).to(values.dtype) / (len(values) - 1) - 0.5


def drops_every_axis_of_one(seed: int, generation: int, worker: int, d: int) -> Tensor:
    """One parameter."""
    row = 1000 * generation + worker
    return normal(seed, range(row, row + 1), d, dtype=F64).squeeze()


def sorts_by_number(
    theta: Tensor, scalars: dict, seed: int, generation: int, noise: Callable, sigma: float,
    lr: float,
) -> Tensor:  # fmt: skip
    """Workers with equal numbers."""
    total = torch.zeros_like(theta)
    for worker, number in sorted(scalars.items(), key=lambda pair: pair[1]):
        total = total + number * noise(seed, generation, worker, len(theta))
    return theta + lr * total / (2 * sigma * len(scalars))


def weighs_child_by_child(
    f: Callable, theta0: Tensor, sigma: float, lr: float, noise: Tensor, shape: Callable
) -> Tensor:
    """Weights for which all values of a generation are needed."""
    path = [theta0]
    for g, eps in enumerate(noise):
        total = torch.zeros_like(theta0)
        for row in eps:
            total = total + shape(f((path[-1] + sigma * row)[None], g))[0] * row
        path.append(path[-1] + lr * total / (len(eps) * sigma))
    return torch.stack(path)


WRONG: list[tuple[str, str, Callable]] = [
    ("01_landscapes", "wall_angles", never_aims_down),
    ("01_landscapes", "wall_distance", forgets_the_clock),
    ("02_smoothing", "smoothed_ball", goes_through_a_list),
    ("02_smoothing", "mirrored_value", takes_the_mean_for_positive),
    ("03_zero_order", "score_gaussian", divides_by_the_density),
    ("03_zero_order", "zero_order_cov", guesses_the_axis),
    ("04_first_order", "first_order", takes_the_diagonal),
    ("04_first_order", "bounce", counts_in_double),
    ("05_bias_variance", "estimate_bias", asks_once_for_all),
    ("05_bias_variance", "optimal_zero_order", shares_a_baseline),
    ("05_bias_variance", "optimal_zero_order", fears_zero),
    ("05_bias_variance", "zo_variance", knows_one_axis),
    ("06_gripper", "gripper_reward", holds_at_the_lower_cliff),
    ("06_gripper", "train_gripper", stops_at_a_level_place),
    ("07_reinforce", "reward_to_go", divides_by_powers),
    ("07_reinforce", "reinforce", subtracts_from_every_reward),
    ("07_reinforce", "fit_value_baseline", gives_up_where_parabolas_are_many),
    ("09_nes", "centered_ranks", calls_near_ones_equal),
    ("09_nes", "worker_eps", drops_every_axis_of_one),
    ("09_nes", "shared_seed_update", sorts_by_number),
    ("09_nes", "train_nes", weighs_child_by_child),
]


@pytest.mark.parametrize(
    ("name", "function", "wrong"), WRONG, ids=lambda x: getattr(x, "__name__", x)
)
def test_what_once_passed_loses_points(name: str, function: str, wrong: Callable) -> None:
    outcomes = run(read("solutions", name), {function: wrong})
    lost = [test for test, error in outcomes.items() if error]
    assert lost and all(test.startswith(f"test_{function}") for test in lost)
