"""LQR in closed form, against simulation, plain sums, finite differences and scipy."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from smoothlib import LQR, LinearQuadratic, normal, smoothed

SCALAR = LQR(1.1, 1.0, 1.0, 0.5)
K_BEST = 0.8179285698650295


def matrix(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def gain(*k: float) -> Tensor:
    return torch.tensor(k, dtype=torch.float64)[:, None, None]


def system(seed: int, s: int = 3, a: int = 2, growth: float = 0.7) -> LQR:
    """Random matrices, none of them a multiple of the identity."""
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    def positive(n: int) -> Tensor:
        root = draw(n, n)
        return root @ root.mT + 0.2 * torch.eye(n)

    return LQR(growth * draw(s, s), draw(s, a), positive(s), positive(a), positive(s))


def stable_gains(lq: LQR, n: int, seed: int = 0) -> Tensor:
    K = lq.optimum.K
    rng = torch.Generator().manual_seed(seed)
    tried = K + 0.3 * torch.randn(40 * n, *K.shape, generator=rng, dtype=torch.float64)
    stable = tried[lq.radius(tried) < 0.95]
    assert len(stable) >= n
    return stable[:n]


def costs_of_steps(lq: LQR, K: Tensor, s: Tensor, steps: int, sigma: float, seed: int) -> Tensor:
    """What each of `steps` steps costs in simulation from the states s, (n, states): (steps, n)."""
    n, (a, states) = len(s), K.shape
    eps = normal(seed, steps * n, a + states, dtype=torch.float64).reshape(steps, n, a + states)
    values, axes = torch.linalg.eigh(lq.W)
    root = axes * values.clamp(min=0).sqrt()
    costs = []
    for e in eps:
        action = -s @ K.T + sigma * e[:, :a]
        costs.append(((s @ lq.Q) * s).sum(1) + ((action @ lq.R) * action).sum(1))
        s = s @ lq.A.T + action @ lq.B.T + e[:, a:] @ root.T
    return torch.stack(costs)


def near(found: Tensor, wanted: float) -> bool:
    """Whether a mean of independent numbers is within 5 of its standard errors."""
    return abs(float(found.mean()) - wanted) < 5 * float(found.std()) / math.sqrt(len(found))


# --- one state ------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0.2, 0.5, K_BEST, 1.4, 2.0])
def test_one_state_by_hand(k: float) -> None:
    m = 1.1 - k
    P, Sigma = (1 + 0.5 * k**2) / (1 - m**2), 1 / (1 - m**2)
    (K,) = gain(k)
    assert float(SCALAR.closed_loop(K)) == pytest.approx(m)
    assert float(SCALAR.radius(K)) == pytest.approx(abs(m))
    assert float(SCALAR.cost_matrix(K)) == pytest.approx(P)
    assert float(SCALAR.covariance(K)) == pytest.approx(Sigma)
    assert float(SCALAR.cost(K)) == pytest.approx(P)
    slope = 2 * ((0.5 + P) * k - P * 1.1) * Sigma
    assert float(SCALAR.grad(K)) == pytest.approx(slope, abs=1e-6)
    assert float(SCALAR.cost(K, sigma=0.3)) == pytest.approx(P * 1.09 + 0.5 * 0.09)
    assert float(SCALAR.covariance(K, sigma=0.3)) == pytest.approx(1.09 * Sigma)


def test_outside_the_stable_set_the_cost_is_infinite_and_has_no_gradient() -> None:
    """M = ±1 itself is outside: there the state walks at random, for ever farther."""
    lq = LQR(1.0, 1.0, 1.0, 0.5)
    outside = gain(-3.0, 0.0, 2.0, 2.5)
    assert lq.stable(outside).tolist() == [False] * 4
    assert lq.cost(outside).tolist() == [math.inf] * 4
    assert lq.cost_matrix(outside).isinf().all() and lq.covariance(outside).isinf().all()
    assert lq.grad(outside).isnan().all()
    mixed = gain(2.5, 0.7)
    assert lq.cost(mixed).isinf().tolist() == [True, False]
    assert lq.grad(mixed).isnan().flatten().tolist() == [True, False]
    edge = lq.cost(gain(0.1, 0.01, 0.001))
    assert (edge[1:] / edge[:-1] > 9).all()  # like one over the distance from the cliff


# --- matrices -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sigma", [0.0, 0.6])
def test_the_fixed_points_are_those_of_scipy(seed: int, sigma: float) -> None:
    lq = system(seed)
    for K in stable_gains(lq, 3, seed):
        M = (lq.A - lq.B @ K).numpy()
        each = (lq.Q + K.T @ lq.R @ K).numpy()
        noise = (lq.W + sigma**2 * lq.B @ lq.B.T).numpy()
        P = scipy.linalg.solve_discrete_lyapunov(M.T, each)
        Sigma = scipy.linalg.solve_discrete_lyapunov(M, noise)
        np.testing.assert_allclose(lq.cost_matrix(K).numpy(), P, rtol=1e-9)
        np.testing.assert_allclose(lq.covariance(K, sigma).numpy(), Sigma, rtol=1e-9)
        cost = np.trace(each @ Sigma) + sigma**2 * np.trace(lq.R.numpy())
        assert float(lq.cost(K, sigma)) == pytest.approx(cost, rel=1e-9)


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_the_cost_is_the_mean_of_a_long_simulation(sigma: float) -> None:
    """4000 systems that start as they are in the long run; means over 20 steps each."""
    lq = system(3)
    (K,) = stable_gains(lq, 1)
    start = (
        normal(9, 4000, 3, dtype=torch.float64) @ torch.linalg.cholesky(lq.covariance(K, sigma)).T
    )
    found = costs_of_steps(lq, K, start, 20, sigma, seed=1).mean(0)
    assert near(found, float(lq.cost(K, sigma)))


def test_without_process_noise_it_is_the_sum_of_all_costs_from_a_random_start() -> None:
    lq = system(1)
    quiet = LQR(lq.A, lq.B, lq.Q, lq.R, torch.zeros(3, 3))
    (K,) = stable_gains(lq, 1)
    roots = torch.linalg.cholesky(lq.W).T  # three starts whose second moments add up to W
    total = costs_of_steps(quiet, K, roots, 1500, 0.0, 0).sum()
    assert float(total) == pytest.approx(float(lq.cost(K)), rel=1e-9)


@pytest.mark.parametrize("sigma", [0.0, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_finite_differences_and_of_autograd(
    seed: int, sigma: float
) -> None:
    lq = system(seed)
    (K,) = stable_gains(lq, 1, seed)
    step, by_differences = 1e-6, torch.zeros_like(K)
    for i in range(2):
        for j in range(3):
            move = torch.zeros_like(K)
            move[i, j] = step
            rise = lq.cost(K + move, sigma) - lq.cost(K - move, sigma)
            by_differences[i, j] = rise / (2 * step)
    torch.testing.assert_close(lq.grad(K, sigma), by_differences, rtol=1e-4, atol=1e-4)
    along = K.clone().requires_grad_()
    (by_autograd,) = torch.autograd.grad(lq.cost(along, sigma), along)
    torch.testing.assert_close(lq.grad(K, sigma), by_autograd)


@pytest.mark.parametrize(("s", "a"), [(1, 1), (3, 2), (2, 3), (6, 1)])
def test_the_optimum_is_that_of_scipy(s: int, a: int) -> None:
    for seed in range(5):
        lq = system(seed, s, a, growth=0.9)
        best = lq.optimum
        P = scipy.linalg.solve_discrete_are(*(x.numpy() for x in (lq.A, lq.B, lq.Q, lq.R)))
        np.testing.assert_allclose(best.P.numpy(), P, rtol=1e-7)
        assert bool(lq.stable(best.K))
        assert float(lq.cost(best.K)) == pytest.approx(float(best.cost), rel=1e-7)
        assert float(lq.grad(best.K).norm()) < 1e-5 * float(best.cost)


def test_action_noise_raises_the_cost_and_leaves_the_best_gain() -> None:
    """Because P_K - P* has no negative eigenvalue, whatever the noise."""
    lq = system(2)
    best = lq.optimum
    for K in stable_gains(lq, 30):
        assert torch.linalg.eigvalsh(lq.cost_matrix(K) - best.P)[0] > -1e-9
    for sigma in (0.2, 1.0, 5.0):
        assert float(lq.grad(best.K, sigma).norm()) < 1e-6 * float(lq.cost(best.K, sigma))
        assert float(lq.cost(best.K, sigma)) > float(best.cost)


def test_noise_along_one_direction_only_is_noise() -> None:
    """Though rounding makes an eigenvalue of such a W a little negative."""
    for seed in range(20):
        along = normal(seed, 1, 3, dtype=torch.float64)
        lq = LQR(torch.eye(3) / 2, torch.eye(3), torch.eye(3), torch.eye(3), along.T @ along)
        assert lq.dominance == pytest.approx(0, abs=1e-12)


def test_gains_come_in_batches() -> None:
    lq = system(0)
    K = torch.cat((stable_gains(lq, 5), torch.full((1, 2, 3), 9.0).double())).reshape(2, 3, 2, 3)
    for method in (lq.cost, lq.grad, lq.covariance, lq.cost_matrix, lq.radius, lq.closed_loop):
        each = torch.stack([method(one) for one in K.flatten(0, 1)]).reshape(method(K).shape)
        torch.testing.assert_close(method(K), each, equal_nan=True)


# --- the set of stable gains and gradient dominance -----------------------------------------


def test_stable_means_that_powers_of_the_closed_loop_die_out() -> None:
    lq = system(5)
    tried = lq.optimum.K + 0.8 * torch.randn(
        300, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    powers = torch.linalg.matrix_power(lq.closed_loop(tried), 4000)
    dies = powers.abs().amax((-2, -1)) < 1
    clear = (lq.radius(tried) - 1).abs() > 1e-3
    assert torch.equal(lq.stable(tried)[clear], dies[clear])
    assert 0 < int(dies.sum()) < 300


@pytest.mark.parametrize("seed", range(6))
def test_the_gradient_dominates_what_is_left_to_gain(seed: int) -> None:
    lq = system(seed)
    mu, best = lq.dominance, lq.optimum
    assert mu > 0
    K = stable_gains(lq, 200, seed)
    K = torch.cat((K, best.K + 1e-3 * (K - best.K)))
    square = lq.grad(K).square().sum((-2, -1))
    assert (square >= mu * (lq.cost(K) - best.cost) * (1 - 1e-6)).all()


def test_the_dominance_of_one_state_is_close_to_the_best_constant() -> None:
    """4 (r + b²P*) W²/Σ* = 7.18, where no constant above 7.59 would do."""
    k = torch.linspace(0.11, 2.09, 20_001, dtype=torch.float64)[:, None, None]
    left = SCALAR.cost(k) - SCALAR.optimum.cost
    ratio = (SCALAR.grad(k)[:, 0, 0] ** 2 / left)[left > 1e-6]
    assert SCALAR.dominance == pytest.approx(7.178885707)
    assert float(ratio.min()) == pytest.approx(7.5907, abs=1e-4)


def test_noise_four_times_as_large_makes_cost_gradient_and_dominance_so_too() -> None:
    lq = system(2)
    louder = LQR(lq.A, lq.B, lq.Q, lq.R, 4 * lq.W)
    (K,) = stable_gains(lq, 1)
    assert louder.dominance == pytest.approx(4 * lq.dominance)
    assert float(louder.cost(K)) == pytest.approx(4 * float(lq.cost(K)))
    torch.testing.assert_close(louder.grad(K), 4 * lq.grad(K))


def test_the_gradient_flow_is_as_fast_as_the_dominance_promises() -> None:
    lq, dt = system(4), 2e-6
    (K,) = stable_gains(lq, 1)
    best, mu = lq.optimum.cost, lq.dominance
    first = float(lq.cost(K) - best)
    for step in range(1, 1001):
        K = K - dt * lq.grad(K)
        if step % 250 == 0:
            assert float(lq.cost(K) - best) < first * math.exp(-mu * dt * step) * (1 + 1e-6)


# --- episodes -------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.0, 0.4])
def test_the_cost_of_an_episode_is_that_of_simulated_ones(sigma: float) -> None:
    lq = system(1)
    (K,) = stable_gains(lq, 1, 2)
    start = matrix([[1.0, -0.5, 2.0]])
    found = costs_of_steps(lq, K, start.expand(40_000, 3), 6, sigma, seed=4).sum(0)
    assert near(found, float(lq.episode_cost(K, 6, start.T @ start, sigma)))


def test_one_step_costs_what_it_costs_and_two_steps_the_next_one_too() -> None:
    lq, (K,) = SCALAR, gain(0.4)
    start, m = matrix([[2.0]]), 1.1 - 0.4
    first = (1 + 0.5 * 0.4**2) * 2.0 + 0.5 * 0.09
    assert float(lq.episode_cost(K, 1, start, 0.3)) == pytest.approx(first)
    assert float(lq.episode_cost(K, 1, start)) == pytest.approx(first - 0.5 * 0.09)
    second = (1 + 0.5 * 0.4**2) * (m**2 * 2.0 + 1 + 0.09) + 0.5 * 0.09
    assert float(lq.episode_cost(K, 2, start, 0.3)) == pytest.approx(first + second)


def test_an_episode_is_finite_everywhere_and_tends_to_the_long_run() -> None:
    K = gain(0.6, 1.9)
    start = SCALAR.covariance(K)[0]
    assert float(SCALAR.episode_cost(K[0], 7, start) / 7) == pytest.approx(float(SCALAR.cost(K[0])))
    far = SCALAR.episode_cost(K, 5000, matrix([[3.0]])) / 5000
    torch.testing.assert_close(far, SCALAR.cost(K), rtol=1e-2, atol=0)
    outside = SCALAR.episode_cost(gain(5.0), 5, matrix([[1.0]]))
    assert bool(outside.isfinite().all()) and float(outside) > 1e5


@pytest.mark.parametrize("horizon", [1, 2, 7])
def test_the_gradient_of_an_episode_is_that_of_autograd(horizon: int) -> None:
    lq = system(2)
    K = stable_gains(lq, 4).requires_grad_()
    start = lq.W @ lq.W
    total = lq.episode_cost(K, horizon, start, 0.3).sum()
    (by_autograd,) = torch.autograd.grad(total, K)
    torch.testing.assert_close(lq.episode_grad(K.detach(), horizon, start, 0.3), by_autograd)
    (without,) = torch.autograd.grad(lq.episode_cost(K, horizon, start, 0.0).sum(), K)
    torch.testing.assert_close(lq.episode_grad(K.detach(), horizon, start), without)


@pytest.mark.parametrize("own", [False, True])
def test_simulated_episodes_are_those_of_plain_loops(own: bool) -> None:
    """Also with a gain for each episode, which is where parameter noise needs it."""
    lq, steps, n = system(3), 4, 5
    K = stable_gains(lq, n)
    wind = normal(1, steps * n, 3, dtype=torch.float64).reshape(steps, n, 3)
    pushes = 0.3 * normal(2, steps * n, 2, dtype=torch.float64).reshape(steps, n, 2)
    found = lq.simulate(K if own else K[0], wind, pushes)
    for i in range(n):
        s, gains = wind[0, i], K[i if own else 0]
        for t in range(steps):
            action = pushes[t, i] - gains @ s
            torch.testing.assert_close(found.states[t, i], s)
            torch.testing.assert_close(found.actions[t, i], action)
            cost = s @ lq.Q @ s + action @ lq.R @ action
            torch.testing.assert_close(found.costs[t, i], cost)
            if t + 1 < steps:
                s = lq.A @ s + lq.B @ action + wind[t + 1, i]


def test_the_slope_of_simulated_costs_has_the_mean_that_the_closed_form_has() -> None:
    lq, steps, n = system(1), 6, 20_000
    (K,) = stable_gains(lq, 1)
    root = torch.linalg.cholesky(lq.W)
    wind = (normal(4, steps * n, 3, dtype=torch.float64) @ root.T).reshape(steps, n, 3)
    each = K.expand(n, 2, 3).clone().requires_grad_()
    costs = lq.simulate(each, wind, torch.zeros(steps, n, 2).double()).costs
    (rows,) = torch.autograd.grad(costs.sum(), each)
    exact = lq.episode_grad(K, steps, lq.W)
    assert all(near(rows[:, i, j], float(exact[i, j])) for i in range(2) for j in range(3))


@pytest.mark.parametrize("sigma", [0.1, 0.6])
def test_parameter_noise_of_one_gain_is_what_quadrature_finds(sigma: float) -> None:
    K, start = torch.linspace(-0.5, 2.5, 7).double()[:, None, None], matrix([[1.0]])
    found = SCALAR.perturbed_episode_cost(K, 5, start, sigma)
    wanted = smoothed(lambda x: SCALAR.episode_cost(x[..., None], 5, start), K[..., 0], sigma)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=0)


def test_parameter_noise_of_a_matrix_is_the_mean_over_noisy_gains() -> None:
    lq = system(1, s=2, a=1)
    (K,) = stable_gains(lq, 1)
    E = normal(3, 200_000, 2, dtype=torch.float64)[:, None]
    found = lq.episode_cost(K + 0.2 * E, 4, lq.W)
    assert near(found, float(lq.perturbed_episode_cost(K, 4, lq.W, 0.2)))


def test_the_environment_returns_what_the_closed_form_says() -> None:
    lq, start, steps = system(3), torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64), 6
    (K,) = stable_gains(lq, 1)
    plant = LinearQuadratic(
        lq.A, lq.B, lq.Q, lq.R, start, steps, start_sigma=0.4, process_sigma=0.3
    )
    n = 20_000
    state, total = plant.reset(n, seed=1), torch.zeros(n, dtype=torch.float64)
    for _ in range(steps):
        state, reward, _, _ = plant.step(state, -plant.observe(state) @ K.T)
        total += reward
    still = LQR(lq.A, lq.B, lq.Q, lq.R, 0.09 * torch.eye(3))
    second = torch.outer(start, start) + 0.16 * torch.eye(3)
    assert near(total, -float(still.episode_cost(K, steps, second)))


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: LQR(torch.eye(2), torch.ones(2, 1), 1.0, 1.0), r"Q has shape \(1, 1\)"),
        (lambda: LQR(torch.ones(2, 3), torch.ones(2, 1), 1.0, 1.0), "A has shape"),
        (lambda: LQR(torch.ones(2), 1.0, 1.0, 1.0), "A has shape"),
        (lambda: LQR(math.nan, 1.0, 1.0, 1.0), "finite numbers"),
        (lambda: LQR(1.0, 1.0, -1.0, 1.0), "Q = .* at least 0"),
        (lambda: LQR(1.0, 1.0, 1.0, 0.0), "R = .* above 0"),
        (lambda: LQR(1.0, 1.0, 1.0, 1.0, -0.1), "W = "),
        (lambda: LQR(torch.eye(2), torch.eye(2), matrix([[1, 0.5], [0, 1]]), torch.eye(2)), "symm"),
        (lambda: SCALAR.cost(torch.tensor(0.4)), r"K is .*\[\.\.\., None, None\]"),
        (lambda: SCALAR.cost(torch.ones(1, 1, dtype=torch.int64)), "K is .*int64"),
        (lambda: SCALAR.cost(gain(0.4), sigma=-0.1), "sigma = -0.1"),
        (lambda: SCALAR.episode_cost(gain(0.4), 0, matrix([[1.0]])), "horizon = 0"),
        (lambda: SCALAR.episode_grad(gain(0.4), 3, torch.ones(2, 2)), "second moment"),
        (lambda: SCALAR.grad(gain(math.nan)), "did a step before this one diverge"),
        (
            lambda: system(0).perturbed_episode_cost(
                torch.ones(2, 3).double(), 20, matrix([[1.0]]), 1.0
            ),
            "average episode_cost over samples",
        ),
        (lambda: LQR(1.1, 0.0, 1.0, 1.0).optimum, "no best gain"),
        (lambda: LQR(1.1, 1.0, 0.0, 1.0).optimum, "no best gain"),
    ],
)
@pytest.mark.usefixtures("no_jaxtyping")
def test_what_cannot_be_meant_is_refused(make: Callable, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


@settings(deadline=None, max_examples=50)
@given(
    a=st.floats(-2, 2), b=st.floats(0.2, 2), q=st.floats(0.1, 5), r=st.floats(0.1, 5),
    w=st.floats(0.1, 5),
)  # fmt: skip
def test_the_best_gain_of_one_state_solves_its_quadratic(
    a: float, b: float, q: float, r: float, w: float
) -> None:
    """P* is the positive root of b²P² + (r - a²r - b²q) P - q r = 0."""
    half = r - a**2 * r - b**2 * q
    P = (-half + math.sqrt(half**2 + 4 * b**2 * q * r)) / (2 * b**2)
    best = LQR(a, b, q, r, w).optimum
    assert float(best.P) == pytest.approx(P, rel=1e-8)
    assert float(best.K) == pytest.approx(a * b * P / (r + b**2 * P), rel=1e-8, abs=1e-12)
    assert float(best.cost) == pytest.approx(P * w, rel=1e-8)


def test_a_regulator_keeps_matrices_of_its_own() -> None:
    A = torch.tensor([[1.1]], dtype=torch.float64)
    system = LQR(A, 1.0, 1.0, 0.5)
    A.mul_(0.5)
    assert float(system.A) == 1.1
