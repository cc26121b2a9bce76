"""Behaviour cloning: least squares, frequencies, what an error costs; and the expert to clone."""

import math
from contextlib import ExitStack

import numpy as np
import pytest
import torch

from smoothlib import cloning
from smoothlib.cloning import (
    Demonstrations,
    clone,
    demonstrate,
    log_likelihood,
    steps_off_course,
)
from smoothlib.environments import CartPole
from smoothlib.experts import lifter
from smoothlib.gripper import GripperParams
from smoothlib.gripper_env import GripperVectorEnv
from smoothlib.gymnasium_vector import GymnasiumVector
from smoothlib.noise import normal
from smoothlib.policies import MLP, Categorical, Gaussian, Linear, Scaled

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

F64 = torch.float64


def noisy_line(n: int) -> Demonstrations:
    eps = normal(4, n, 5, dtype=F64)
    W = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.3, 1.0]], dtype=F64)
    return Demonstrations(eps[:, :3], eps[:, :3] @ W.T + 0.4 + 0.2 * eps[:, 3:])


def test_a_linear_gaussian_clone_is_the_least_squares_fit() -> None:
    shown = noisy_line(400)
    policy = Gaussian(Linear(3, 2), 0.2)
    columns = torch.cat((shown.observations, torch.ones(400, 1, dtype=F64)), 1)
    best = torch.linalg.lstsq(columns, shown.actions).solution  # (4, 2)
    wanted = torch.cat((best[:3].T.flatten(), best[3]))
    found = clone(policy, policy.initial(0, F64), shown, 1500, 0, rate=0.02)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.02)
    at_best, at_found = (log_likelihood(policy, x, shown) for x in (wanted, found))
    assert 0 <= float(at_best - at_found) < 2e-3


def test_a_categorical_clone_learns_the_frequencies() -> None:
    """70 of 100 did 1 where nothing can be seen: P(1) = 0.7."""
    shown = Demonstrations(torch.zeros(100, 1, dtype=F64), (torch.arange(100) < 70).long())
    policy = Categorical(Linear(1, 2))
    theta = clone(policy, policy.initial(0, F64), shown, 800, 0, rate=0.05)
    chance = policy.distribution(theta, shown.observations[:1]).probs[0, 1]
    assert float(chance) == pytest.approx(0.7, abs=0.01)


def test_the_same_seed_clones_the_same() -> None:
    shown, policy = noisy_line(50), Gaussian(MLP(3, (4,), 2), 0.2)
    one, two, other = (
        clone(policy, policy.initial(0, F64), shown, 20, seed, minibatch=10) for seed in (1, 1, 2)
    )
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_demonstrations_are_the_steps_of_the_episodes_and_no_more() -> None:
    task = CartPole(dtype=F64)
    always = lambda seen: torch.ones(len(seen), dtype=torch.int64)  # noqa: E731
    shown = demonstrate(task, always, 10, seed=3)
    state, steps, alive = task.reset(10, 3), 0, torch.ones(10, dtype=torch.bool)
    while alive.any():
        steps += int(alive.sum())
        state, _, over, _ = task.step(state, always(state.x))
        alive &= ~over
    assert len(shown.observations) == len(shown.actions) == steps
    assert torch.equal(shown.observations[:10], task.observe(task.reset(10, 3)))


@pytest.mark.parametrize(("error", "horizon"), [(0.01, 30), (0.2, 7), (0.0, 4), (1.0, 4)])
def test_steps_off_course(error: float, horizon: int) -> None:
    """By the geometric sum, and by 20 000 walks."""
    found = steps_off_course(error, horizon)
    if error:
        on = (1 - error) * (1 - (1 - error) ** horizon) / error
        assert found == pytest.approx(horizon - on)
    first = np.random.default_rng(0).geometric(error, 20_000) if error else np.full(20_000, 10**9)
    off = np.maximum(horizon - first + 1, 0)
    assert abs(off.mean() - found) <= 5 * off.std() / math.sqrt(len(off)) + 1e-12
    assert found <= error * horizon * (horizon + 1) / 2 + 1e-12


def test_bad_requests_are_named() -> None:
    shown, policy = noisy_line(5), Gaussian(Linear(3, 2), 0.2)
    theta = policy.initial(0, F64)
    with pytest.raises(ValueError, match="5 observations and 4 actions"):
        clone(policy, theta, shown._replace(actions=shown.actions[:4]), 1, 0)
    with pytest.raises(ValueError, match="steps = 0, minibatch = 256"):
        clone(policy, theta, shown, 0, 0)
    with pytest.raises(ValueError, match=r"error = 1.5"):
        steps_off_course(1.5, 3)


def test_a_scaled_policy_sees_numbers_of_its_own_unit() -> None:
    seen = 3 + 5 * normal(1, 200, 2, dtype=F64)
    policy = Scaled.of(Linear(2, 1), seen)
    theta = torch.tensor([1.0, 2.0, 0.5], dtype=F64)
    units = (seen - seen.mean(0)) / seen.std(0)
    torch.testing.assert_close(policy(theta, seen)[:, 0], units @ theta[:2] + 0.5)
    many = torch.stack((theta, 2 * theta))
    torch.testing.assert_close(policy(many, seen.expand(2, -1, -1))[1], 2 * policy(theta, seen))
    with pytest.raises(ValueError, match=r"spread = \[0.0\]"):
        Scaled(Linear(1, 1), torch.zeros(1), torch.zeros(1))


# --- the expert that lifts ------------------------------------------------------------------


def heights(x0: torch.Tensor, params: GripperParams, frequency: int) -> torch.Tensor:
    """Of the bricks after three seconds of the expert, m."""
    envs = GripperVectorEnv(len(x0), frequency=frequency, horizon=3.0, params=params, tensors=True)
    seen, _ = envs.reset(seed=0, options={"x0": x0})
    for _ in range(3 * frequency):
        seen, *_ = envs.step(lifter(seen))
    return seen[:, 3]


@pytest.mark.parametrize("frequency", [10, 20])
def test_the_expert_lifts_from_every_start(frequency: int) -> None:
    found = heights(torch.linspace(-0.024, 0.024, 17), GripperParams(), frequency)
    assert float(found.min()) > 0.2
    torch.testing.assert_close(found, found.flip(0), rtol=0, atol=1e-3)  # mirrored


def test_the_expert_lifts_flat_tall_and_heavy_bricks() -> None:
    for params in (GripperParams(b=0.012), GripperParams(b=0.045), GripperParams(m=0.8)):
        assert float(heights(torch.zeros(1), params, 10)) > float(params.b) + 0.15


def test_doing_nothing_lifts_nothing() -> None:
    envs = GymnasiumVector(GripperVectorEnv(1, frequency=10, horizon=3.0), horizon=30)
    shown = demonstrate(envs, lambda seen: torch.zeros(len(seen), 2), 1, seed=0)
    assert float(shown.observations[-1, 3]) == pytest.approx(0.025, abs=1e-3)


def test_threads_are_as_before_whoever_leaves_first() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with ExitStack() as first, ExitStack() as second:
            first.enter_context(cloning._ONE_THREAD)
            second.enter_context(cloning._ONE_THREAD)
            first.close()
            assert torch.get_num_threads() == 1
            second.close()
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_was_shown_and_is_no_number_is_refused() -> None:
    shown = Demonstrations(torch.tensor([[1.0], [math.nan]]), torch.zeros(2, 1))
    with pytest.raises(ValueError, match="clone: what was shown holds nan"):
        clone(Gaussian(Linear(1, 1), 0.1), torch.zeros(2), shown, 1, 0)
