"""The seeds' claims (ledger B and D.8) that need a closed loop, one test each.

B003-7, the open question: what a policy gradient looks like for linear dynamics with Gaussian
noise and quadratic cost. B003-4 where it fails: action noise is not parameter noise. The ledger
writes a = +k s; here a = -K s, so its k is -K.
"""

import math

import pytest
import torch
from torch import Tensor

from smoothlib import LQR, normal
from tests.test_lqr import SCALAR, gain, matrix

EPISODE = LQR(0.9, 0.5, 1.0, 0.1, 0.0)  # the ledger's, five steps from s₀ = 1
START = matrix([[1.0]])
GRID = torch.arange(0.5, 2.5, 1e-3, dtype=torch.float64)


def five_steps(k: Tensor, sigma: float = 0.0) -> Tensor:
    """Cost of an episode with gains k, any shape."""
    return EPISODE.episode_cost(k[..., None, None], 5, START, sigma)


def least(cost: Tensor) -> float:
    return float(GRID[cost.argmin()])


# --- B003-4: "policy gradient is one to one with randomised smoothing" --------------------------


def test_B003_4_in_one_step_action_noise_and_parameter_noise_are_one_thing() -> None:
    """From s = 1 the action is -(K - σε): noise of the action is noise of the parameter."""
    once = EPISODE.episode_cost(GRID[:, None, None], 1, START, 0.3)
    smooth = EPISODE.perturbed_episode_cost(GRID[::100, None, None], 1, START, 0.3)
    torch.testing.assert_close(once[::100], smooth)


@pytest.mark.parametrize(("sigma", "best"), [(0.0, 1.362), (0.3, 1.355)])
def test_B003_4_in_five_steps_action_noise_hardly_moves_the_best_gain(
    sigma: float, best: float
) -> None:
    assert least(five_steps(GRID, sigma)) == pytest.approx(best, abs=1.5e-3)


@pytest.mark.parametrize(("sigma", "best"), [(0.3, 1.396), (0.6, 1.5)])
def test_B003_4_in_five_steps_parameter_noise_moves_it_to_the_other_side(
    sigma: float, best: float
) -> None:
    smooth = EPISODE.perturbed_episode_cost(GRID[:, None, None], 5, START, sigma)
    assert least(smooth) == pytest.approx(best, abs=1.5e-3)


def test_B003_4_in_the_long_run_action_noise_leaves_the_best_gain_alone() -> None:
    k = torch.arange(0.5, 1.2, 1e-4, dtype=torch.float64)
    for sigma in (0.0, 0.3, 1.0):
        best = float(k[SCALAR.cost(k[:, None, None], sigma).argmin()])
        assert best == pytest.approx(0.81793, abs=1e-4)


def test_B003_4_in_the_long_run_parameter_noise_costs_infinitely_much() -> None:
    """Some share of all gains falls off the cliff, and its cost grows with no end."""
    k, sigma = 0.81793, 0.3
    left, right = (torch.tensor((edge - k) / sigma).double() for edge in (0.1, 2.1))
    falls = float(torch.special.ndtr(left) + torch.special.ndtr(-right))
    draws = k + sigma * normal(0, 200_000, 1, dtype=torch.float64)
    cost = SCALAR.cost(draws[..., None])
    share = cost.isinf().double()
    assert falls == pytest.approx(0.0084, abs=1e-4)
    assert abs(float(share.mean()) - falls) < 5 * float(share.std()) / math.sqrt(len(draws))
    means = [
        float(SCALAR.perturbed_episode_cost(gain(k), T, START, sigma)) / T for T in (5, 20, 40)
    ]
    assert means[1] > 2 * means[0] and means[2] > 10 * means[1]


def test_B003_4_noise_with_an_end_keeps_off_the_cliff() -> None:
    """Two points ±σ in place of a Gaussian, as on the sphere of Fazel et al. 2018."""
    k, sigma = gain(0.81793), 0.3
    pair = (SCALAR.cost(k + sigma) + SCALAR.cost(k - sigma)) / 2
    assert 1.4499 < float(pair) < 1.8


# --- B003-7: the open question ------------------------------------------------------------------


@pytest.mark.parametrize("k", [0.3, 0.6, 1.1, 1.9])
def test_B003_7_the_gradient_in_closed_form_is_that_of_the_cost(k: float) -> None:
    a, b, q, r = 1.1, 1.0, 1.0, 0.5

    def C(x: float) -> float:
        return (q + r * x**2) / (1 - (a - b * x) ** 2)

    P, Sigma = C(k), 1 / (1 - (a - b * k) ** 2)
    closed = 2 * ((r + b**2 * P) * k - b * P * a) * Sigma
    assert closed == pytest.approx((C(k + 1e-6) - C(k - 1e-6)) / 2e-6, rel=1e-6)
    assert float(SCALAR.grad(gain(k))) == pytest.approx(closed)
    assert float(SCALAR.cost(gain(k))) == pytest.approx(C(k))


def test_B003_7_the_riccati_gain() -> None:
    assert float(SCALAR.optimum.K) == pytest.approx(0.8179285699, abs=1e-9)


def test_B003_7_gradient_dominance_on_the_stable_gains() -> None:
    k = torch.linspace(0.11, 2.09, 4001, dtype=torch.float64)[:, None, None]
    left = SCALAR.cost(k) - SCALAR.optimum.cost
    ratio = (SCALAR.grad(k)[:, 0, 0] ** 2 / left)[left > 1e-6]
    assert 7.59 <= float(ratio.min()) < 7.60
    assert 7 < SCALAR.dominance <= float(ratio.min())


def test_B003_7_the_stable_gains_of_two_states_are_not_convex() -> None:
    """Two gains that stop every state in two steps; with their average it grows fivefold."""
    lq = LQR(matrix([[0.0, 1.2], [1.2, 0.0]]), torch.eye(2), torch.eye(2), torch.eye(2))
    loops = torch.stack((matrix([[0.0, 10.0], [0.0, 0.0]]), matrix([[0.0, 0.0], [10.0, 0.0]])))
    K = lq.A - loops
    assert (lq.closed_loop(K) @ lq.closed_loop(K)).abs().max() == 0
    assert lq.radius(K).max() < 1e-6 and bool(lq.cost(K).isfinite().all())
    assert float(lq.radius(K.mean(0))) == pytest.approx(5)
    assert float(lq.cost(K.mean(0))) == math.inf


def test_B003_7_descent_along_the_gradient_finds_the_riccati_gain_all_the_same() -> None:
    lq = LQR(matrix([[0.0, 1.2], [1.2, 0.0]]), torch.eye(2), torch.eye(2), torch.eye(2))
    K = lq.A - matrix([[0.0, 4.0], [0.0, 0.0]])
    for _ in range(300):  # steps as long as they may be and still go down
        g, step = lq.grad(K), 0.1
        while (
            not float(lq.cost(K - step * g)) < float(lq.cost(K)) - step * float((g * g).sum()) / 4
        ):
            step /= 2
            if step < 1e-9:
                break
        K = K - step * g
    torch.testing.assert_close(K, lq.optimum.K, atol=1e-4, rtol=0)


# --- D.8: five steps, exactly -------------------------------------------------------------------


def test_D8_the_gradient_of_five_steps() -> None:
    """By J = Σ c - (q + rk²) m_t - rσ², m_{t+1} = (a + bk)² m_t + b²σ², and as printed."""

    def J(k: float) -> float:
        m, total = 1.0, 0.0
        for _ in range(5):
            total -= (1 + 0.1 * k**2) * m + 0.1 * 0.09
            m = (0.9 + 0.5 * k) ** 2 * m + 0.25 * 0.09
        return total

    k = torch.tensor([0.4], dtype=torch.float64)
    assert float(five_steps(k, 0.3)) == pytest.approx(-J(-0.4))
    found = float(EPISODE.episode_grad(k[:, None, None], 5, START, 0.3))
    assert found == pytest.approx(-2.182683507, abs=1e-9)
    assert found == pytest.approx((J(-0.4 + 1e-6) - J(-0.4 - 1e-6)) / 2e-6, rel=1e-7)
