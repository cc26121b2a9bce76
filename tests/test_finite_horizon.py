"""The exact return of a linear policy: against exact expectations of a simulated polynomial."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from smoothlib.environments import LinearQuadratic
from smoothlib.finite_horizon import expected_return, expected_return_grad, state_values
from tests.systems import F64, SCALAR, SIGMA, TWO_STATES, theta_of

Array = NDArray[Any]


def simulated(
    system: LinearQuadratic, theta: Array, noise: Array, gamma: float, t0: int = 0
) -> float:
    """Return from time t0 in plain numpy; `noise` are all standard normals of an episode."""
    A, B, Q, R = (np.asarray(m) for m in (system.A, system.B, system.Q, system.R))
    s_size, k = len(A), B.shape[1]
    K = theta.reshape(k, s_size)
    eps = noise[s_size:].reshape(-1, k + s_size)
    s = np.asarray(system.start) + system.start_sigma * noise[:s_size]
    total = 0.0
    for t in range(system.horizon - t0):
        a = K @ s + SIGMA * eps[t, :k]
        total += gamma**t * (system.offset - s @ Q @ s - a @ R @ a)
        s = A @ s + B @ a + system.process_sigma * eps[t, k:]
    return total


def mean(system: LinearQuadratic, theta: Array, gamma: float, t0: int = 0) -> float:
    """E of the return: of a quadratic polynomial in normals, exact from three points on each."""
    size = len(system.start) + system.horizon * (system.B.shape[1] + len(system.start))
    at_zero = simulated(system, theta, np.zeros(size), gamma, t0)
    total = at_zero
    for unit in np.eye(size):
        either = (simulated(system, theta, sign * unit, gamma, t0) for sign in (1, -1))
        total += sum(either) / 2 - at_zero
    return total


@pytest.mark.parametrize("system", [SCALAR, TWO_STATES])
@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_the_expected_return_is_exact(system: LinearQuadratic, gamma: float) -> None:
    theta = theta_of(system)
    found = float(expected_return(system, theta, SIGMA, gamma))
    assert found == pytest.approx(mean(system, theta.numpy(), gamma), rel=1e-12)


@pytest.mark.parametrize("system", [SCALAR, TWO_STATES])
@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_its_gradient_is_exact(system: LinearQuadratic, gamma: float) -> None:
    theta = theta_of(system).numpy()
    found = expected_return_grad(system, theta_of(system), SIGMA, gamma).numpy()
    for i, unit in enumerate(np.eye(len(theta)) * 1e-5):
        up, down = (mean(system, theta + step, gamma) for step in (unit, -unit))
        assert found[i] == pytest.approx((up - down) / 2e-5, rel=1e-7)


@pytest.mark.parametrize("t", [0, 1, 4])
def test_the_state_values_are_the_mean_return_from_a_state_on(t: int) -> None:
    theta, gamma = theta_of(TWO_STATES), 0.9
    values = state_values(TWO_STATES, theta, SIGMA, gamma)
    s = torch.tensor([0.7, -1.1], dtype=F64)
    there = replace(TWO_STATES, start=s, start_sigma=0.0)
    found = float(values(s.expand(5, 1, 2))[t])
    assert found == pytest.approx(mean(there, theta.numpy(), gamma, t), rel=1e-12)


def test_the_ledgers_instance_has_its_gradient() -> None:
    grad = expected_return_grad(SCALAR, torch.tensor([-0.4], dtype=F64), SIGMA)
    assert float(grad) == pytest.approx(-2.182683507, abs=1e-9)


def test_nothing_is_discounted_unless_asked_for() -> None:
    theta = theta_of(TWO_STATES)
    assert float(expected_return(TWO_STATES, theta, SIGMA)) == pytest.approx(
        mean(TWO_STATES, theta.numpy(), gamma=1.0), rel=1e-12
    )
    for part, one in zip(
        state_values(TWO_STATES, theta, SIGMA),
        state_values(TWO_STATES, theta, SIGMA, 1.0),
        strict=True,
    ):
        assert torch.equal(part, one)


def test_many_policies_at_once() -> None:
    thetas = torch.tensor([[-0.4], [-1.0], [0.1]], dtype=F64)
    together = expected_return_grad(SCALAR, thetas, SIGMA)
    each = torch.stack([expected_return_grad(SCALAR, theta, SIGMA) for theta in thetas])
    torch.testing.assert_close(together, each)
    assert expected_return(SCALAR, thetas, SIGMA).shape == (3,)


def test_a_gain_of_another_size_is_named() -> None:
    with pytest.raises(ValueError, match="theta has 3 numbers; a gain of 1 x 2 has 2"):
        expected_return(TWO_STATES, torch.zeros(3, dtype=F64), SIGMA)


@pytest.mark.parametrize("name", ["Q", "R"])
def test_a_cost_is_symmetric(name: str) -> None:
    skew = torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=F64)
    unit = torch.eye(2, dtype=F64)
    matrices = {"A": unit, "B": unit, "Q": unit, "R": unit, name: skew}
    with pytest.raises(ValueError, match=f"{name} = .*is not symmetric"):
        LinearQuadratic(**matrices, start=torch.ones(2, dtype=F64))


def test_neither_a_gain_nor_a_noise_that_is_none_has_a_return() -> None:
    with pytest.raises(ValueError, match=r"sigma = -0\.3"):
        expected_return(SCALAR, theta_of(SCALAR), -0.3)
    with pytest.raises(ValueError, match="gain of finite numbers"):
        expected_return_grad(SCALAR, torch.full((1,), torch.nan, dtype=F64), 0.3)
