"""Lecture 07: every numbered equation and every number in its prose, checked."""

import math
from collections.abc import Callable
from functools import cache

import nbformat
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Normal

from course import lab
from course.widgets import balancing, closed_loop, episodes, learning, weighing
from course.widgets.balancing import train_to_balance
from course.widgets.closed_loop import train_hand, what_the_hand_sees
from smoothlib.environments import ANGLE_LIMIT, TAU, X_LIMIT, CartPole, LinearQuadratic
from smoothlib.finite_horizon import expected_return, expected_return_grad
from smoothlib.policies import Gaussian, Linear
from smoothlib.ppo import clipped_surrogate
from smoothlib.statistics import summarise
from smoothlib.trajectories import (
    gae,
    policy_gradient,
    reinforce,
    reward_to_go,
    rollout,
    time_baseline,
)
from tests.prose import Prose

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

LECTURE = nbformat.read(lab.REPO / "lectures" / "07_reinforce.ipynb", as_version=4)
PROSE = Prose("07_reinforce")
says = PROSE.says
DRONE = LinearQuadratic.scalar(a=0.9, b=0.5, q=1.0, r=0.1, start=1.0, horizon=5,
                               dtype=torch.float64)  # fmt: skip
POLICY = Gaussian(Linear(1, 1, bias=False), sigma=0.3)
K, SIGMA, T = torch.tensor([-0.4], dtype=torch.float64), 0.3, 5
TRUTH = float(expected_return_grad(DRONE, K, SIGMA))
Array = NDArray[np.float64]


def test_every_equation_has_a_test() -> None:
    assert PROSE.untested(globals()) == []


# --- the drone, written out, at all of its noise ------------------------------------------------


@cache
def noise() -> tuple[Array, Array]:
    """Seven Gauss-Hermite nodes in each of five normals: exact to degree 13."""
    x, w = np.polynomial.hermite_e.hermegauss(7)
    grid = np.stack(np.meshgrid(*[x] * T, indexing="ij")).reshape(T, -1)
    weights = np.stack(np.meshgrid(*[w] * T, indexing="ij")).reshape(T, -1).prod(0)
    return grid, weights / weights.sum()


@cache
def flown(k: float = -0.4) -> tuple[Array, Array, Array]:
    """States, rewards and scores, each (T, n)."""
    eps, _ = noise()
    s, states, rewards, scores = np.ones(eps.shape[1]), [], [], []
    for e in eps:
        a = k * s + SIGMA * e
        states.append(s)
        rewards.append(-(s**2) - 0.1 * a**2)
        scores.append(e * s / SIGMA)
        s = 0.9 * s + 0.5 * a
    return np.array(states), np.array(rewards), np.array(scores)


def mean(values: Array) -> float:
    return float(values @ noise()[1])


def moments(weights: Array) -> tuple[float, float]:
    """Mean and variance of one flight's gradient for these weights of its pushes."""
    rows = (weights * flown()[2]).sum(0)
    return mean(rows), mean((rows - mean(rows)) ** 2)


def to_go(rewards: Array) -> Array:
    return rewards[::-1].cumsum(0)[::-1]


def value() -> Array:
    """V_t(s) = p_t s² + d_t, backwards by its definition: what the policy is paid from s on."""
    states, _, _ = flown()
    p, d, found = 0.0, 0.0, []
    for t in reversed(range(T)):
        d = d + p * (0.5 * SIGMA) ** 2 - 0.1 * SIGMA**2
        p = p * (0.9 - 0.5 * 0.4) ** 2 - 1 - 0.1 * 0.4**2
        found.append(p * states[t] ** 2 + d)
    return np.array(found[::-1])


def worst(k: float) -> float:
    return float(expected_return(DRONE, torch.tensor([k], dtype=torch.float64), SIGMA))


# --- equations --------------------------------------------------------------------------------


def test_equation_7_1() -> None:
    """With noise in the motion too, so that the world has a density: the factors are what drew."""
    system = LinearQuadratic.scalar(horizon=2, process_sigma=0.2, dtype=torch.float64)
    found = rollout(system, POLICY, K, 200_000, 5)
    s0, s1 = found.observations[..., 0]
    a0 = found.actions[0, :, 0]
    density = Normal(K * s0, 0.3).log_prob(a0) + Normal(0.9 * s0 + 0.5 * a0, 0.2).log_prob(s1)
    entropy = math.log(2 * math.pi * math.e) + math.log(0.3 * 0.2)  # -E log p, if p is right
    error = float(density.std() / math.sqrt(len(density)))
    assert abs(float(-density.mean()) - entropy) < 5 * error


def test_equation_7_2() -> None:
    """Autograd of the whole density, motion and all, has the scores of the actions alone."""
    found = rollout(DRONE, POLICY, K, 50, 6)
    states, actions = found.observations[..., 0], found.actions[..., 0]
    theta = K.clone().requires_grad_()
    logs = Normal(theta * states, 0.3).log_prob(actions).sum(0)
    motion = Normal(0.9 * states[:-1] + 0.5 * actions[:-1], 0.2).log_prob(states[1:]).sum(0)
    whole = torch.stack(
        [torch.autograd.grad(x, theta, retain_graph=True)[0] for x in logs + motion]
    )
    ours = policy_gradient(POLICY, K, found, torch.ones_like(found.rewards))
    assert torch.allclose(whole, ours)


def test_equation_7_3() -> None:
    _, rewards, scores = flown()
    assert mean(rewards.sum(0) * scores.sum(0)) == pytest.approx(TRUTH, abs=1e-10)
    step = 1e-5
    after, before = worst(-0.4 + step), worst(-0.4 - step)
    assert (after - before) / (2 * step) == pytest.approx(TRUTH, rel=1e-8)


def test_equation_7_4() -> None:
    found = rollout(DRONE, POLICY, K, 20, 7)
    eps = (found.actions - K * found.observations) / 0.3
    for t in range(T):
        only = torch.zeros_like(found.rewards)
        only[t] = 1
        rows = policy_gradient(POLICY, K, found, only)
        assert torch.allclose(rows, eps[t] * found.observations[t] / 0.3)
    flights = episodes.drawn(7, 20)  # the same noise
    assert torch.allclose(flights.states, found.observations[..., 0])
    assert torch.allclose(flights.rewards, found.rewards)


def test_equation_7_5() -> None:
    _, rewards, scores = flown()
    for t in range(T):
        for before in range(t):
            assert abs(mean(scores[t] * rewards[before])) < 1e-12
    assert abs(mean(scores[0] * rewards[0])) > 0.05  # its own reward is no past one


def test_equation_7_6() -> None:
    assert moments(to_go(flown()[1]))[0] == pytest.approx(TRUTH, abs=1e-10)


@pytest.mark.parametrize("c", [-2.0, 0.0, 1.0, 2.0, 5.0])
def test_equation_7_7(c: float) -> None:
    """Against a rule of 5 nodes in each of two normals: the squares have degree 4 in each."""
    x, w = np.polynomial.hermite_e.hermegauss(5)
    eps = np.stack(np.meshgrid(x, x)).reshape(2, -1)
    share = np.outer(w, w).reshape(-1) / w.sum() ** 2
    theta, sigma = 0.5, 0.5
    a0, a1 = theta + sigma * eps
    whole = a1 * eps.sum(0) / sigma
    later = (a1 * eps[0] + (a1 - c * a0) * eps[1]) / sigma
    expected = 3 + 2 * theta**2 / sigma**2
    assert (whole @ share, later @ share) == pytest.approx((1, 1))
    assert (whole - 1) ** 2 @ share == pytest.approx(expected)
    expected += (c**2 - 2 * c) * (1 + theta**2 / sigma**2)
    assert (later - 1) ** 2 @ share == pytest.approx(expected)


def test_equation_7_8() -> None:
    states, _, scores = flown()
    for b in (np.ones_like(states), states, states**2, np.cos(3 * states)):
        assert max(abs(mean(scores[t] * b[t])) for t in range(T)) < 1e-3 * float(abs(b).max())
    actions = -0.4 * states + SIGMA * noise()[0]
    assert abs(mean(scores[0] * actions[0])) > 0.5  # a baseline that knows the action


def test_equation_7_9() -> None:
    """δ has the mean of the advantage: for the first push, over all later noise."""
    rewards = flown()[1]
    v = value()
    following = np.concatenate((v[1:], np.zeros_like(v[:1])))
    delta, advantage = rewards + following - v, to_go(rewards) - v
    eps, weights = noise()
    for e in np.unique(eps[0]):
        here = eps[0] == e
        share = weights[here] / weights[here].sum()
        assert delta[0][here] @ share == pytest.approx(advantage[0][here] @ share, abs=1e-9)
    assert mean(delta[2]) == pytest.approx(0, abs=1e-12)


def test_equation_7_10() -> None:
    found = rollout(DRONE, POLICY, K, 30, 8)
    v = torch.randn(found.rewards.shape, dtype=torch.float64, generator=torch.manual_seed(0))
    following = torch.cat((v[1:], 0 * v[:1]))
    delta = found.rewards + following - v
    for lam in (0.0, 0.3, 1.0):
        sums = [sum(lam**j * delta[t + j] for j in range(T - t)) for t in range(T)]
        assert torch.allclose(gae(found, v, 0.0, gamma=1.0, lam=lam), torch.stack(sums))
        ours = learning.advantages(found.rewards, v, lam)
        assert torch.allclose(ours, torch.stack(sums))
    assert torch.allclose(gae(found, v, 0.0, 1.0, 0.0), delta)
    assert torch.allclose(gae(found, v, 0.0, 1.0, 1.0), reward_to_go(found.rewards) - v)


def test_equation_7_11() -> None:
    found = rollout(DRONE, POLICY, K, 500, 9)
    weights = reward_to_go(found.rewards)
    theta = K.clone().requires_grad_()
    logs = POLICY.distribution(theta, found.observations).log_prob(found.actions)
    clipped_surrogate(logs, found.log_probs, weights).sum(0).mean().backward()
    assert theta.grad is not None
    assert torch.allclose(theta.grad, policy_gradient(POLICY, K, found, weights).mean(0))
    assert says("pays, up to 20 percent ($c = 0.2$)")


# --- numbers ----------------------------------------------------------------------------------


def test_what_the_drone_is() -> None:
    assert worst(-0.4) == pytest.approx(-2.12, abs=0.005) and says("the exact $J = -2.12$")
    assert pytest.approx(-2.18, abs=0.005) == TRUTH and says("exact slope $-2.18$ at $k = -0.4$")
    grid = np.linspace(-2, 0, 2001)
    returns = [worst(k) for k in grid]
    assert grid[int(np.argmax(returns))] == pytest.approx(-1.355, abs=1e-9)
    assert says("The best gain is $-1.355$, with $J = -1.401$") and max(returns) == pytest.approx(
        -1.401, abs=5e-4
    )
    s = LinearQuadratic.scalar(dtype=torch.float64).reset(1, 0)
    after = DRONE.step(s, torch.tensor([[1.0]], dtype=torch.float64)).state.s
    assert float(after) == pytest.approx(0.9 + 0.5)


def test_the_first_estimate() -> None:
    found = rollout(LinearQuadratic.scalar(), POLICY, K.float(), 1000, 0)
    whole = summarise([reinforce(POLICY, K.float(), found, to_go=False)])
    assert says(f"${float(whole.mean):.2f} \\pm {float(whole.standard_error):.2f}$")
    assert float(whole.standard_error) / abs(TRUTH) == pytest.approx(1 / 5, abs=0.03)


def test_the_variances_of_figure_1() -> None:
    _, rewards, _ = flown()
    whole = np.broadcast_to(rewards.sum(0), rewards.shape)
    at_time = to_go(rewards) @ noise()[1]
    found = [moments(w)[1] for w in (whole, to_go(rewards), to_go(rewards) - at_time[:, None],
                                     to_go(rewards) - value())]  # fmt: skip
    assert found == pytest.approx([154, 90, 13.6, 7.88], rel=4e-3)
    assert says("variance 154 for the whole return, 90 for reward-to-go, 13.6 with its mean")
    raised = moments(whole + 50)[1]
    assert raised == pytest.approx(51_217, abs=1) and says("from 154 to 51 217, 333 times")
    assert raised / found[0] == pytest.approx(333, abs=0.5)
    assert mean(whole[0] + 50) == pytest.approx(48, abs=0.2) and says("by about 48")
    for name, exact in zip(weighing.WEIGHTS, found, strict=True):
        weight = weighing.WEIGHTS[name][0](episodes.all_noise()[0], 0.0)
        assert episodes.moments(weight) == pytest.approx((TRUTH, exact))


def test_the_missing_last_score() -> None:
    _, rewards, scores = flown()
    short = mean(rewards.sum(0) * scores[:-1].sum(0))
    assert short == pytest.approx(-2.1906, abs=5e-5) and pytest.approx(-2.1827, abs=5e-5) == TRUTH
    assert says("$-2.1906$ instead of $-2.1827$, an error of 0.4 percent")
    assert short - TRUTH == pytest.approx(-0.008, abs=5e-4) and says("exact one is $-0.008$")
    assert says("from $k = -0.4$ to $-2.58$") and -0.4 + TRUTH == pytest.approx(-2.58, abs=5e-3)
    assert worst(-0.4 + TRUTH) == pytest.approx(-2.18, abs=5e-3) and says("a return of $-2.18$")
    assert says("with $N = 10$ the estimate is too large by 10 %")


def test_the_debt() -> None:
    c = torch.linspace(-4, 8, 1201)
    quieter = c[weighing.to_go_variance(c) < weighing.whole_variance() - 1e-6]
    assert float(quieter.min()) == pytest.approx(0, abs=0.02)
    assert float(quieter.max()) == pytest.approx(2, abs=0.02) and says("Between 0 and 2 it is")
    assert float(weighing.to_go_variance(torch.tensor(5.0))) == pytest.approx(35)
    assert weighing.whole_variance() == 5 and says("its variance is 35, against 5")


def test_the_bracket_and_the_constant() -> None:
    _, rewards, scores = flown()
    left = np.arange(T, 0, -1)[:, None]
    bracketed = moments(to_go(rewards) - left * value())
    assert bracketed == pytest.approx((TRUTH, 842.3), rel=1e-3) and says("Its variance is 842")
    assert 842 / 90 == pytest.approx(9, abs=0.5) and says("nine times *worse than no baseline*")
    total, score = rewards.sum(0), scores.sum(0)
    best = mean(score**2 * total) / mean(score**2)
    assert best == pytest.approx(-2.49, abs=5e-3) and says("here $-2.49$, with the variance 12.6")
    whole = np.broadcast_to(total, rewards.shape)
    assert moments(whole - best)[1] == pytest.approx(12.6, abs=0.05)
    assert moments(whole - mean(total))[1] == pytest.approx(15.8, abs=0.05)
    assert says("the mean return $-2.12$ gives 15.8")


def test_the_row_that_lies() -> None:
    states, rewards, _ = flown()
    calm = -(states**2) - 0.1 * (-0.4 * states) ** 2
    whole = np.broadcast_to((rewards - calm).sum(0), rewards.shape)
    found = moments(whole)
    assert found == pytest.approx((0.163, 0.107), abs=5e-4)
    assert says("variance of 0.107 for a single flight") and says("its mean is $+0.163$")
    assert moments(rewards)[0] == pytest.approx(found[0])  # the immediate reward alone
    flights, _ = episodes.all_noise()
    for name, (of, _) in weighing.BASELINES.items():
        if name != "mean of the others at *t*":
            ours = episodes.moments(of(flights))[0]
            lies = name == "noiseless pushes, noisy states"
            assert ours == pytest.approx(0.163354 if lies else TRUTH, abs=1e-6)


def test_the_dial() -> None:
    bias, variance = learning.parts().bias_variance(0.5)
    noise_at = (variance / 10).sqrt()
    error = (bias**2 + noise_at**2).sqrt()
    assert (float(bias[0]), float(noise_at[0])) == pytest.approx((1.17, 0.82), abs=5e-3)
    assert float(noise_at[-1]) == pytest.approx(1.82, abs=5e-3)
    assert float(bias[-1]) == pytest.approx(0, abs=1e-9)
    assert float(error.min()) == pytest.approx(1.36, abs=5e-3)
    assert float(learning.LAMBDAS[error.argmin()]) == pytest.approx(0.4)
    assert says("the bias at $\\lambda = 0$ is $+1.17$") and says("and the noise 0.82")
    assert says("a noise of 1.82") and says("least in between, 1.36 at $\\lambda = 0.4$")
    many = (bias**2 + variance / 200).sqrt()
    assert float(learning.LAMBDAS[many.argmin()]) == pytest.approx(0.95) and says("moves to 0.95")
    bias, variance = learning.parts().bias_variance(1.0)
    assert float(bias.abs().max()) < 1e-9 and int(variance.argmin()) == 0
    assert float((variance[0] / 10).sqrt()) == pytest.approx(0.74, abs=5e-3)
    assert says("$\\lambda = 0$ is best, with an error of 0.74")


def test_the_moments_of_the_dial_are_those_of_flights() -> None:
    flights = episodes.drawn(3, 20_000)
    for q, lam in ((0.5, 0.25), (1.5, 0.75)):
        weight = learning.advantages(flights.rewards, q * episodes.values(flights.states), lam)
        rows = episodes.rows(weight, flights.scores)
        bias, variance = learning.parts().bias_variance(q)
        k = round(lam * 40)
        spread = float(rows.std() / math.sqrt(len(rows)))
        assert abs(float(rows.mean()) - TRUTH - float(bias[k])) < 5 * spread
        squares = (rows - rows.mean()) ** 2
        assert abs(float(squares.mean() - variance[k])) < 5 * float(squares.std()) / 20_000**0.5


def late_returns(weights: Callable[[Tensor], Tensor], rate: float) -> float:
    paths = [learning._climb(weights, rate, seed)[-20:] for seed in range(20)]
    return float(torch.stack([expected_return(DRONE, p[:, None], SIGMA) for p in paths]).mean())


def test_two_climbers() -> None:
    whole, centred = learning._whole, learning._centred
    assert late_returns(whole, 0.03) == pytest.approx(-1.43, abs=5e-3)
    assert late_returns(centred, 0.03) == pytest.approx(-1.41, abs=5e-3)
    assert says("a mean return of $-1.43$ and $-1.41$, where the top is $-1.40$")
    assert late_returns(whole, 0.2) == pytest.approx(-1.61, abs=5e-3)
    assert late_returns(centred, 0.2) == pytest.approx(-1.40, abs=5e-3)
    assert says("it is $-1.61$ against $-1.40$")
    ends = float(learning._climb(lambda rewards: rewards, 0.03, 0)[-1])
    assert ends == pytest.approx(0.13, abs=5e-3) and says("$k = +0.13$")


def test_the_pole() -> None:
    assert (TAU, X_LIMIT, CartPole().horizon) == (0.02, 2.4, 500)
    assert math.degrees(ANGLE_LIMIT) == pytest.approx(12) and balancing.POLICY.d == 10
    learnt = train_to_balance()
    assert learnt.score == 500 and says("all of 500 steps in each of 100 fresh episodes")
    first = int((learnt.seen > 499).nonzero()[0]) + 1
    assert abs(first - 17) <= 3 and says("about 17 iterations, some 500 falls")
    assert 32 * first == pytest.approx(500, rel=0.25)
    assert 15 < float(learnt.seen[0]) < 35 and says("for some 20 steps")


def test_the_hand() -> None:
    learnt = train_hand()
    lifts = 1000 * learnt.lifts
    assert 0 < float(lifts[0]) < 15 and says("now and then a try happens to catch")
    assert float(lifts[19]) > 200 and says("within 20 iterations nearly all tries lift")
    sink, _, rise = learnt.thetas[-1][:3].tolist()
    close_near, _, _ = learnt.thetas[-1][3:].tolist()
    assert sink < 0 < rise and close_near < 0
    assert float(closed_loop.START[2]) == 0  # it did not know how to rise
    seen = what_the_hand_sees(np.arange(13.0))
    assert seen == pytest.approx([(0 - 3) / 0.1, 1, 10 / 15])
    assert closed_loop.TASK == {"frequency": 5, "horizon": 3.0} and closed_loop.POLICY.d == 6


def test_a_hand_that_knows_nothing_of_the_brick_does_not_learn() -> None:
    """The weights matter: the reward of the step alone is 0 until the last."""
    assert float(train_hand(lambda rewards: 0 * rewards).lifts[-1]) < 0.02


def test_the_others_are_independent_of_this_flight() -> None:
    found = rollout(DRONE, POLICY, K, 20_000, 11)
    weight = reward_to_go(found.rewards)
    rows = policy_gradient(POLICY, K, found, weight - time_baseline(weight))[:, 0]
    assert abs(float(rows.mean()) - TRUTH) < 5 * float(rows.std()) / len(rows) ** 0.5


def test_the_seeds_statements_are_in_boxes() -> None:
    assert PROSE.text.count("**Find the mistake.**") == 3


def test_students_weights_of_a_wrong_shape_are_told_so() -> None:
    figure = learning.learn_to_hover(lambda rewards: rewards[0])
    with pytest.raises(ValueError, match=r"your weights are \(10,\) for rewards"):
        figure.answer(rate=0.03)
