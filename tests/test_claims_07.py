"""The seeds' claims about episodes (ledger B), one test each: seed 001, and B000-4, B003-4.

The scalar system of the ledger, D.8, has five normals in an episode, and every estimator is a
polynomial in them: `exactly` integrates it and its square without error. Estimates are then held
to these figures, and these to the ledger's. Not testable as mathematics: B001-9, B001-10.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from smoothlib.environments import LinearQuadratic
from smoothlib.finite_horizon import expected_return, expected_return_grad, state_values
from smoothlib.policies import Gaussian, Linear
from smoothlib.statistics import summarise, variance_measured
from smoothlib.trajectories import (
    Trajectories,
    fit_value,
    pathwise,
    policy_gradient,
    reinforce,
    reward_to_go,
    rollout,
    time_baseline,
    zero_noise_baseline,
)
from tests.systems import F64, SCALAR, SIGMA, Tasks, policy_of, theta_of

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

Array = NDArray[np.float64]
POLICY, THETA, K = policy_of(SCALAR), theta_of(SCALAR), -0.4
N, SEED, H = 200_000, 0, 5
CONSTANT = Gaussian(Linear(1, 1, bias=False), 0.5)  # a ~ N(θ, 0.5²) where nothing is to be seen
HALF = torch.tensor([0.5], dtype=F64)


# --- what is exact ----------------------------------------------------------------------------


class Paths:
    """All of an episode of D.8 as a function of its noise: states, scores and rewards, (H, m)."""

    def __init__(self, eps: Array, offset: float = 0.0, k: float = K) -> None:
        a, b, q, r, s = 0.9, 0.5, 1.0, 0.1, np.ones(eps.shape[1])
        states, rewards, slopes, ds, still = [], [], [], np.zeros_like(s), []
        for e in eps:
            action = k * s + SIGMA * e
            da = s + k * ds
            states.append(s)
            rewards.append(offset - q * s**2 - r * action**2)
            still.append(offset - q * s**2 - r * (k * s) ** 2)
            slopes.append(-2 * q * s * ds - 2 * r * action * da)
            s, ds = a * s + b * action, a * ds + b * da
        self.s, self.r, self.slope = np.array(states), np.array(rewards), np.array(slopes)
        self.still = np.array(still)  # rewards of the mean actions along the noisy states
        self.score = eps * self.s / SIGMA
        self.togo = self.r[::-1].cumsum(0)[::-1]


@cache
def nodes() -> tuple[Array, Array]:
    """Seven points to each of five normals, exact to degree 13: (5, 7⁵) and their weights."""
    x, w = np.polynomial.hermite_e.hermegauss(7)
    grid = np.stack(np.meshgrid(*[x] * H, indexing="ij")).reshape(H, -1)
    weights = np.stack(np.meshgrid(*[w] * H, indexing="ij")).reshape(H, -1).prod(0)
    return grid, weights / weights.sum()


def exactly(rows: Callable[[Paths, Array], Array], offset: float = 0.0) -> tuple[float, float]:
    """Mean and variance of an estimator; it is given the paths and the weights of all noise."""
    eps, weights = nodes()
    found = rows(Paths(eps, offset), weights)
    mean = float(found @ weights)
    return mean, float((found - mean) ** 2 @ weights)


def value_of(paths: Paths, offset: float) -> Array:
    exact = state_values(replace(SCALAR, offset=offset), THETA, SIGMA)
    return exact(torch.as_tensor(paths.s)[..., None]).numpy()


@cache
def truth(offset: float = 0.0) -> dict[str, tuple[float, float]]:
    """Mean and variance of one episode's estimate, by name."""

    def scored(weight: Callable[[Paths, Array], Array]) -> Callable[[Paths, Array], Array]:
        return lambda p, w: (p.score * weight(p, w)).sum(0)

    def bracketed(p: Paths, w: Array) -> Array:
        later = np.arange(H, 0, -1)[:, None]  # T - t rewards from t on, each less b(s_t)
        return p.togo - later * value_of(p, offset)

    still = Paths(np.zeros((H, 1)), offset)
    rows = {
        "full": scored(lambda p, w: p.togo[:1]),
        "to-go": scored(lambda p, w: p.togo),
        "time": scored(lambda p, w: p.togo - (p.togo @ w)[:, None]),
        "value": scored(lambda p, w: p.togo - value_of(p, offset)),
        "bracketed": scored(bracketed),
        "zero noise": scored(lambda p, w: p.togo[:1] - still.togo[:1]),
        "noisy states": scored(lambda p, w: p.togo[:1] - p.still.sum(0)),
        "pathwise": lambda p, w: p.slope.sum(0),
    }
    return {name: exactly(row, offset) for name, row in rows.items()}


# --- what is estimated ------------------------------------------------------------------------


@cache
def estimated(offset: float = 0.0) -> dict[str, Tensor]:
    """Rows of our estimators, by the same names."""
    system = replace(SCALAR, offset=offset)
    found = rollout(system, POLICY, THETA, N, SEED)
    togo = reward_to_go(found.rewards)
    value = state_values(system, THETA, SIGMA)(found.observations)
    later = torch.arange(H, 0, -1, dtype=F64)[:, None]
    mean_action = POLICY(THETA, found.observations)[..., 0]
    noisy = offset - found.observations[..., 0] ** 2 - 0.1 * mean_action**2
    still = zero_noise_baseline(system, POLICY, THETA, found, SEED)
    baselines = {
        "to-go": 0.0,
        "time": time_baseline(togo),
        "value": value,
        "bracketed": later * value,
    }
    rows = {name: reinforce(POLICY, THETA, found, baseline=b) for name, b in baselines.items()}
    whole = {"full": 0.0, "zero noise": still[0], "noisy states": noisy.sum(0)}
    for name, b in whole.items():
        rows[name] = reinforce(POLICY, THETA, found, to_go=False, baseline=b)
    return {**rows, "pathwise": pathwise(system, POLICY, THETA, N, SEED)}


def agrees(name: str, offset: float = 0.0) -> bool:
    """Mean and variance of our rows, with those that are exact, at five standard errors."""
    rows = estimated(offset)[name]
    mean, variance = truth(offset)[name]
    found, spread = summarise([rows]), variance_measured(rows)
    return bool(
        (found.mean - mean).abs() < 5 * found.standard_error
        and (spread.mean - variance).abs() < 5 * spread.standard_error
    )


def unbiased(name: str, offset: float = 0.0) -> bool:
    return truth(offset)[name][0] == pytest.approx(-2.182683507, abs=1e-9)


def variance(name: str, offset: float = 0.0) -> float:
    return truth(offset)[name][1]


def moments(task: Tasks, **options: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of reinforce with a ~ N(θ, 0.5²), θ = 0.5: mean and variance, each with its error."""
    found = rollout(task, CONSTANT, HALF, N, SEED)
    rows = reinforce(CONSTANT, HALF, found, **options)
    mean, spread = summarise([rows]), variance_measured(rows)
    return mean.mean, mean.standard_error, spread.mean, spread.standard_error


# --- 001: REINFORCE ---------------------------------------------------------------------------


def test_B000_4_the_policy_gradient_needs_the_policy_and_samples_alone() -> None:
    """An environment that cannot be differentiated gives the same rows."""

    class Opaque(LinearQuadratic):
        def step(self, state: Any, action: Tensor) -> Any:
            return super().step(state, torch.as_tensor(action.numpy().copy()))

    opaque = Opaque(**vars(SCALAR))
    found, seen = (rollout(system, POLICY, THETA, 100, SEED) for system in (SCALAR, opaque))
    rows = reinforce(POLICY, THETA, found), reinforce(POLICY, THETA, seen)
    torch.testing.assert_close(*rows)


def test_B001_1_reinforce_is_unbiased() -> None:
    assert unbiased("full") and agrees("full")


def test_B001_2_its_variance_is_high() -> None:
    """Exactly; the ledger measured 153, 89, 13.4, 7.79 and 1.08."""
    exact = {"full": 153.68, "to-go": 89.98, "time": 13.57, "value": 7.876, "pathwise": 1.0856}
    for name, wanted in exact.items():
        assert unbiased(name) and agrees(name)
        assert variance(name) == pytest.approx(wanted, rel=5e-4)


def test_B001_2_an_offset_of_the_reward_makes_it_higher() -> None:
    """And only that of the rows without a baseline that sees it."""
    exact = {"full": 51_217, "to-go": 36_946, "time": 13.57, "value": 7.876, "pathwise": 1.0856}
    for name, wanted in exact.items():
        assert unbiased(name, 10.0) and agrees(name, 10.0)
        assert variance(name, 10.0) == pytest.approx(wanted, rel=5e-4)


def test_B001_2_a_learned_value_serves_as_well_as_the_exact_one() -> None:
    found = rollout(SCALAR, POLICY, THETA, N, SEED)
    value = fit_value(rollout(SCALAR, POLICY, THETA, 5000, SEED + 1))(found.observations)
    rows = reinforce(POLICY, THETA, found, baseline=value)
    assert float(rows.var()) == pytest.approx(variance("value"), rel=0.05)


def test_B001_3_reward_to_go_may_be_worse_than_the_full_return() -> None:
    """r₀ = 5a₀, r₁ = -5a₀ + a₁: what the second reward takes back, to-go has not seen."""
    task = Tasks(lambda a: 5 * a, lambda a, b: -5 * a + b)
    for to_go, wanted in ((False, 4.98), (True, 35.1)):
        mean, error, spread, spread_error = moments(task, to_go=to_go)
        assert abs(mean - 1) < 5 * error
        assert abs(spread - wanted) < 5 * spread_error + 0.05


def test_B001_4_a_positive_reward_pushes_every_action_up_but_not_on_average() -> None:
    """An offset of 10 multiplies the variance by 333 and leaves the mean."""
    assert variance("full", 10.0) / variance("full") == pytest.approx(333.3, rel=1e-3)
    assert unbiased("full", 10.0)


def test_B001_5_a_baseline_has_no_bias_and_may_have_more_variance() -> None:
    """f = a: the best constant is b* = θ = 0.5."""
    for b, wanted in ((0.0, 3.0), (0.5, 2.0), (2.0, 11.0), (10.0, 363.0)):
        mean, error, spread, spread_error = moments(Tasks(lambda a: a), baseline=b)
        assert abs(mean - 1) < 5 * error and abs(spread - wanted) < 5 * spread_error


def test_B001_5_a_baseline_that_sees_the_action_is_biased() -> None:
    """b = a takes all of the gradient away."""
    task = Tasks(lambda a: a)
    actions = rollout(task, CONSTANT, HALF, N, SEED).actions[..., 0]
    mean, *_ = moments(task, baseline=actions)
    assert float(mean) == pytest.approx(0.0, abs=1e-12)


def test_B001_6_a_baseline_inside_the_sum_is_unbiased_and_useless() -> None:
    assert unbiased("bracketed") and agrees("bracketed")
    assert variance("bracketed") == pytest.approx(842.3, rel=1e-3)
    assert variance("bracketed") > 100 * variance("value") and variance("to-go") < 90


def test_B001_7_a_mean_from_0_to_n_has_a_term_too_many() -> None:
    """N = 10: ten per cent of bias, (N + 1)/N."""
    rows = estimated()["value"][: 11 * (N // 11)].reshape(-1, 11)
    found = summarise([rows.sum(1, keepdim=True) / 10])
    g = truth()["value"][0]
    assert (found.mean - 1.1 * g).abs() < 5 * found.standard_error
    assert (found.mean - g).abs() > 5 * found.standard_error


@pytest.mark.parametrize(
    "horizon, without, whole", [(1, 0.0, 0.08), (2, -0.6312, -0.5902), (5, -2.1906, -2.1827)]
)
def test_B001_8_scores_that_stop_before_the_last_reward_are_biased(
    horizon: int, without: float, whole: float
) -> None:
    """Most at T = 1, where nothing is left; at T = 5 a noisy test would not see it."""
    system = replace(SCALAR, horizon=horizon)
    assert float(expected_return_grad(system, THETA, SIGMA)) == pytest.approx(whole, abs=1e-4)
    found = rollout(system, POLICY, THETA, N, SEED)
    togo = reward_to_go(found.rewards) - state_values(system, THETA, SIGMA)(found.observations)
    for last, wanted in ((1.0, whole), (0.0, without)):
        weights = torch.cat((togo[:-1], last * togo[-1:]))
        rows = summarise([policy_gradient(POLICY, THETA, found, weights)])
        assert (rows.mean - wanted).abs() <= 5 * rows.standard_error + 5e-5


def test_B001_8_without_its_last_score_a_bandit_learns_nothing() -> None:
    found: Trajectories = rollout(Tasks(lambda a: a), CONSTANT, HALF, 10, SEED)
    weights = torch.cat((found.rewards[:-1], 0 * found.rewards[-1:]))
    assert not policy_gradient(CONSTANT, HALF, found, weights).any()


# --- 000, 003 ---------------------------------------------------------------------------------


def test_C000_12_the_mean_actions_along_the_noisy_states_are_a_biased_baseline() -> None:
    """+0.163 for -2.183, with the least variance of all; along the path without noise, no bias."""
    mean, spread = truth()["noisy states"]
    assert mean == pytest.approx(0.163, abs=5e-4) and spread == pytest.approx(0.107, abs=5e-4)
    assert spread < variance("pathwise") and agrees("noisy states")
    assert unbiased("zero noise") and agrees("zero noise")
    assert variance("zero noise") == pytest.approx(19.67, rel=1e-3)


def test_B003_4_noise_in_the_action_is_not_noise_in_the_parameter() -> None:
    """The best k: noise in the action leaves it about where it is, in the parameter it does not."""
    k = torch.linspace(-2, -1, 1001, dtype=F64)
    x, w = (torch.as_tensor(part) for part in np.polynomial.hermite_e.hermegauss(12))

    def in_the_parameter(sigma: float) -> Tensor:
        """Exact: J without action noise is a polynomial of degree 10 in k."""
        return expected_return(SCALAR, (k[:, None] + sigma * x)[..., None], 0.0) @ w / w.sum()

    found = [
        expected_return(SCALAR, k[:, None], 0.0),
        expected_return(SCALAR, k[:, None], 0.3),
        in_the_parameter(0.3),
        in_the_parameter(0.6),
    ]
    best = [float(k[values.argmax()]) for values in found]
    assert best == pytest.approx([-1.362, -1.355, -1.396, -1.500], abs=1e-9)
