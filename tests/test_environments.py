"""Environments: equal to Gymnasium's step for step, exact where there is a closed form, pure."""

import os
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from smoothlib import cartpole_cpu, native, noise
from smoothlib.environments import (
    FIRST,
    CartPole,
    CartPoleState,
    Environment,
    LinearQuadratic,
    Pendulum,
    PendulumState,
)
from smoothlib.passing import Passing

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

F64 = torch.float64
REQUIRED = bool(os.environ.get("COURSE_REQUIRE_ALL"))


def lq(**options: Any) -> LinearQuadratic:
    """Two states and one action, with noise everywhere."""
    options = {"start_sigma": 0.3, "process_sigma": 0.2, "horizon": 6, **options}
    return LinearQuadratic(
        torch.tensor([[0.9, 0.2], [-0.1, 0.8]], dtype=F64),
        torch.tensor([[0.0], [0.5]], dtype=F64),
        torch.tensor([[1.0, 0.2], [0.2, 2.0]], dtype=F64),
        torch.tensor([[0.3]], dtype=F64),
        torch.tensor([1.0, -0.5], dtype=F64),
        **options,
    )


ENVIRONMENTS: dict[str, Callable[[], Environment]] = {
    "CartPole": lambda: CartPole(dtype=F64),
    "LinearQuadratic": lq,
    "Passing": lambda: Passing(dtype=F64),
    "Pendulum": lambda: Pendulum(dtype=F64),
}


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> Environment:
    return ENVIRONMENTS[request.param]()


def random_actions(environment: Environment, n: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if environment.discrete:
        return torch.randint(environment.action_size, (n,), generator=generator)
    return torch.randn(n, environment.action_size, generator=generator, dtype=F64)


# --- every environment ----------------------------------------------------------------------


def test_shapes_are_as_announced(environment: Environment) -> None:
    state = environment.reset(7, 0)
    assert environment.observe(state).shape == (7, environment.observation_size)
    after, reward, terminated, truncated = environment.step(state, random_actions(environment, 7))
    assert [len(row) for row in (*after, reward, terminated, truncated)] == [7] * (len(after) + 3)
    assert terminated.dtype == truncated.dtype == torch.bool


def test_a_start_depends_on_the_seed_and_the_member_alone(environment: Environment) -> None:
    many, few = environment.reset(100, 5), environment.reset(13, 5)
    for long, short in zip(many, few, strict=True):
        assert torch.equal(long[:13], short)
    starts = environment.observe(many)
    assert len(starts.unique(dim=0)) == 100
    assert not torch.equal(starts, environment.observe(environment.reset(100, 6)))


def test_a_start_and_the_noise_of_a_policy_are_independent(environment: Environment) -> None:
    assert FIRST > environment.horizon * environment.action_size  # the coordinates of a policy
    starts = environment.observe(environment.reset(4000, 5))
    eps = noise.normal(5, 4000, 10, dtype=F64)
    columns = torch.cat((starts, eps), 1).T.corrcoef()[: starts.shape[1], starts.shape[1] :]
    assert columns.abs().max() < 5 / 4000**0.5


def test_a_step_is_pure(environment: Environment) -> None:
    state = environment.reset(5, 1)
    kept = type(state)(*(row.clone() for row in state))
    action = random_actions(environment, 5)
    one, two = environment.step(state, action), environment.step(state, action)
    for before, after in zip(kept, state, strict=True):
        assert torch.equal(before, after)
    for a, b in zip((*one.state, *one[1:]), (*two.state, *two[1:]), strict=True):
        assert torch.equal(a, b)


def test_rows_of_different_age_go_on_as_they_would_alone(environment: Environment) -> None:
    young, action = environment.reset(4, 1), random_actions(environment, 4)
    old = environment.step(environment.step(young, action).state, action).state
    mixed = type(young)(*(torch.cat((a[:2], b[2:])) for a, b in zip(young, old, strict=True)))
    got = environment.step(mixed, action)
    for part, rows in ((young, slice(0, 2)), (old, slice(2, 4))):
        alone = environment.step(part, action)
        for a, b in zip((*got.state, *got[1:]), (*alone.state, *alone[1:]), strict=True):
            torch.testing.assert_close(a[rows], b[rows], rtol=0, atol=1e-14)


def test_truncation_is_at_the_horizon(environment: Environment) -> None:
    state, cut = environment.reset(3, 0), []
    for _ in range(environment.horizon):
        state, _, _, truncated = environment.step(state, 0 * random_actions(environment, 3))
        cut.append(truncated.all().item())
        assert truncated.all() == truncated.any()
    assert cut == [False] * (environment.horizon - 1) + [True]


def test_wrong_actions_are_refused(environment: Environment) -> None:
    state, action = environment.reset(3, 0), random_actions(environment, 3)
    with pytest.raises(ValueError, match=r"wanted"):
        environment.step(state, action[:2])
    if environment.discrete:
        with pytest.raises(ValueError, match=r"wanted are int64"):
            environment.step(state, action.double())
        with pytest.raises(ValueError, match=rf"actions from 0 to {environment.action_size}"):
            environment.step(state, torch.tensor([0, 1, environment.action_size]))
        with pytest.raises(ValueError, match=r"actions from -1 to 1"):
            environment.step(state, torch.tensor([-1, 1, 0]))


def test_a_horizon_of_nothing_is_refused() -> None:
    for make in (CartPole, LinearQuadratic.scalar, Pendulum):
        with pytest.raises(ValueError, match="horizon = 0"):
            make(horizon=0)


# --- CartPole -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype, atol", [(F64, 1e-12), (torch.float32, 1e-6)])
def test_cartpole_is_gymnasiums_step_for_step(dtype: torch.dtype, atol: float) -> None:
    """10 000 steps: random pushes, and every ninth episode balanced up to its truncation."""
    theirs, ours = gymnasium.make("CartPole-v1"), CartPole(dtype=dtype)
    rng, episode, ends = np.random.default_rng(0), -1, {"terminated": 0, "truncated": 0}
    over = True
    for _ in range(10_000):
        if over:
            episode += 1
            theirs.reset(seed=episode)
            t = torch.zeros(1, dtype=torch.int32)
        now = theirs.unwrapped.state  # type: ignore[attr-defined]
        state = CartPoleState(*torch.tensor(now, dtype=dtype)[:, None], t)
        balanced = int(now @ (0.1, 0.2, 1.0, 0.4) > 0)
        action = balanced if episode % 9 == 0 else int(rng.integers(2))
        seen, reward, terminated, truncated, _ = theirs.step(action)
        got = ours.step(state, torch.tensor([action]))
        exact = torch.tensor(theirs.unwrapped.state, dtype=F64)  # type: ignore[attr-defined]
        torch.testing.assert_close(torch.cat(got.state[:4]).to(F64), exact, rtol=0, atol=atol)
        np.testing.assert_allclose(ours.observe(got.state)[0], seen, rtol=0, atol=max(atol, 1e-6))
        assert (got.reward.item(), got.terminated.item(), got.truncated.item()) == (
            reward,
            terminated,
            truncated,
        )
        t, over = got.state.t, terminated or truncated
        ends["terminated"] += terminated
        ends["truncated"] += truncated
    assert ends["terminated"] > 50 and ends["truncated"] > 5


def test_cartpoles_whole_episodes_are_gymnasiums() -> None:
    """Without going back to their state: 60 episodes at once in float64, each to its end."""
    theirs, ours = gymnasium.make("CartPole-v1"), CartPole(dtype=F64)
    state, actions = (
        ours.reset(60, 3),
        torch.stack([random_actions(ours, 60, s) for s in range(99)]),
    )
    starts = torch.stack(state[:4], 1).numpy()
    seen, over = [], []
    for action in actions:
        state, _, terminated, _ = ours.step(state, action)
        seen.append(ours.observe(state))
        over.append(terminated)
    ends = torch.stack(over).int().argmax(0)
    for i in range(60):
        theirs.reset(seed=0)
        theirs.unwrapped.state = starts[i]  # type: ignore[attr-defined]
        for t in range(int(ends[i]) + 1):
            observed, _, terminated, _, _ = theirs.step(int(actions[t, i]))
            np.testing.assert_allclose(observed, seen[t][i], rtol=1e-6, atol=1e-7)
            assert terminated == (t == ends[i])


def test_cartpoles_starts_are_uniform() -> None:
    starts = CartPole(dtype=F64).observe(CartPole(dtype=F64).reset(4000, 0))
    for column in starts.T:
        assert scipy.stats.kstest(column, "uniform", (-0.05, 0.1)).pvalue > 1e-3
    assert starts.T.corrcoef().fill_diagonal_(0).abs().max() < 5 / 4000**0.5


@pytest.mark.parametrize("dtype, atol", [(F64, 1e-13), (torch.float32, 3e-6)])
def test_cartpole_compiled_is_cartpole(dtype: torch.dtype, atol: float) -> None:
    """60 steps, each from the eager one's state, of poles that have long fallen and turn too."""
    if native.compiler() is None and not REQUIRED:
        pytest.skip("no C++ compiler")
    eager, compiled = CartPole(horizon=50, dtype=dtype), CartPole(50, dtype, compile=True)
    state, wild = eager.reset(1001, 0), 0.0
    for t in range(60):
        action = random_actions(eager, 1001, t)
        one, two = eager.step(state, action), compiled.step(state, action)
        for a, b in zip(one.state, two.state, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=atol)
        assert torch.equal(one.reward, two.reward) and torch.equal(one.truncated, two.truncated)
        assert (one.terminated != two.terminated).sum() <= (0 if dtype == F64 else 1)
        alone = compiled.step(CartPoleState(*(row[990:993] for row in state)), action[990:993])
        assert all(torch.equal(a[990:993], b) for a, b in zip(two.state, alone.state, strict=True))
        state, wild = one.state, max(wild, float(one.state.angle.abs().max()))
    assert wild > 6


def test_cartpole_compiled_refuses_what_it_does_not_know() -> None:
    if native.compiler() is None and not REQUIRED:
        pytest.skip("no C++ compiler")
    ours = CartPole(compile=True)
    state, action = ours.reset(70, 0), torch.ones(70, dtype=torch.int64)
    for wrong in (-1, 2, 2**40):
        action[69] = wrong
        with pytest.raises(ValueError, match=r"actions from .*there are 0 … 1"):
            ours.step(state, action)
    action[69] = 0
    mixed = state._replace(angle=state.angle.double())
    longer = state._replace(angle=torch.zeros(71))
    for bad in (mixed, longer, state._replace(t=state.t.long())):
        with pytest.raises(ValueError, match="the state is"):
            ours.step(bad, action)
    with pytest.raises(ValueError, match="action has shape"):
        ours.step(state, action[:69])


def test_without_a_compiler_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "compiler", lambda: None)
    cartpole_cpu.compiled.cache_clear()
    ours = CartPole(compile=True)
    with pytest.raises(RuntimeError, match=r"no C\+\+ compiler.*compile=False"):
        ours.step(ours.reset(2, 0), torch.tensor([0, 1]))


def test_it_compiles_for_the_cpu_alone() -> None:
    with pytest.raises(ValueError, match="compile"):
        CartPole(compile=True, device="cuda")


def test_cartpole_has_its_derivatives() -> None:
    ours, state = CartPole(dtype=F64), CartPole(dtype=F64).reset(3, 0)
    action = torch.tensor([0, 1, 1])

    def after(*numbers: Tensor) -> tuple[Tensor, ...]:
        return ours.step(CartPoleState(*numbers, state.t), action).state[:4]

    assert torch.autograd.gradcheck(after, tuple(row.requires_grad_() for row in state[:4]))


# --- linear-quadratic -----------------------------------------------------------------------


def exact_return(k: Tensor, sigma: float) -> Tensor:
    """Ledger D.8's J, by the second moment of the state: a, b, q, r, s0, H as in `scalar`."""
    m, J = torch.tensor(1.0, dtype=F64), torch.zeros((), dtype=F64)
    for _ in range(5):
        J = J - (1 + 0.1 * k**2) * m - 0.1 * sigma**2
        m = (0.9 + 0.5 * k) ** 2 * m + 0.25 * sigma**2
    return J


def play(environment: LinearQuadratic, K: Tensor, eps: Tensor, seed: int = 0) -> Tensor:
    """Returns (n,) of a = s K + ε, by steps; K (n, d, k) or (d, k), eps (T, n, k)."""
    state = environment.reset(eps.shape[1], seed)
    total = torch.zeros(eps.shape[1], dtype=F64)
    for t in range(environment.horizon):
        action = (environment.observe(state)[:, None] @ K).squeeze(1) + eps[t]
        state, reward, _, _ = environment.step(state, action)
        total = total + reward
    return total


def test_the_lectures_instance_has_its_return_and_its_gradient() -> None:
    n = 20_000
    k = torch.tensor(-0.4, dtype=F64, requires_grad=True)
    each = torch.full((n, 1, 1), -0.4, dtype=F64, requires_grad=True)
    eps = 0.3 * noise.normal(0, n, 5, dtype=F64).T[:, :, None]
    returns = play(LinearQuadratic.scalar(dtype=F64), each, eps)
    truth = exact_return(k, 0.3)
    (slope,) = torch.autograd.grad(truth, k)
    assert slope.item() == pytest.approx(-2.182683507, abs=1e-9)
    assert abs(returns.mean() - truth) < 5 * returns.std() / n**0.5
    (rows,) = torch.autograd.grad(returns.sum(), each)
    assert abs(rows.mean() - slope) < 5 * rows.std() / n**0.5
    assert rows.var().item() == pytest.approx(1.08, abs=0.05)  # the ledger's, B001-2


def test_start_and_process_noise_have_their_covariance() -> None:
    """The mean return against the trace formula, E sᵀMs = mᵀMm + tr(MΣ), step by step."""
    n, environment = 20_000, lq(offset=0.7)
    K = torch.tensor([[-0.2], [-0.5]], dtype=F64)
    m, S = environment.start, 0.09 * torch.eye(2, dtype=F64)
    closed = environment.A + environment.B @ K.T
    M, truth = environment.Q + K @ environment.R @ K.T, 0.0
    for _ in range(environment.horizon):
        truth += 0.7 - float(m @ M @ m + (M @ S).trace())
        m, S = closed @ m, closed @ S @ closed.T + 0.04 * torch.eye(2, dtype=F64)
    returns = play(environment, K, torch.zeros(6, n, 1, dtype=F64))
    assert abs(returns.mean() - truth) < 5 * returns.std() / n**0.5
    assert returns.std() > 1


def test_process_noise_is_addressed_by_member_and_step() -> None:
    environment = lq(start_sigma=0.0, process_sigma=torch.tensor([0.2, 0.0], dtype=F64))
    state = environment.reset(4, 9)
    eps = noise.normal(9, 4, range(FIRST, FIRST + 2 * 7), dtype=F64).view(4, 7, 2)
    for t in range(6):
        before = state.s
        state = environment.step(state, torch.zeros(4, 1, dtype=F64)).state
        pushed = state.s - before @ environment.A.T
        torch.testing.assert_close(pushed[:, 0], 0.2 * eps[:, t + 1, 0], rtol=0, atol=1e-12)
        torch.testing.assert_close(pushed[:, 1], 0 * eps[:, 0, 0], rtol=0, atol=1e-12)


def test_shapes_that_disagree_are_named() -> None:
    eye = torch.eye(2)
    with pytest.raises(ValueError, match=r"R has shape \(2, 2\).*\(1, 1\)"):
        LinearQuadratic(eye, eye[:, :1], eye, eye, eye[0])


# --- Pendulum -------------------------------------------------------------------------------


def test_pendulum_is_gymnasiums_step_for_step() -> None:
    """20 whole episodes in float64 without going back to their state; torques beyond the limit."""
    theirs, ours = gymnasium.make("Pendulum-v1"), Pendulum(dtype=F64)
    start, fastest = ours.reset(20, 0), 0.0
    state = start
    seen, rewards, actions = [], [], []
    for t in range(200):
        swing = state.angle_dot.sign() * (1 + torch.arange(20) % 3)  # up to turns at top speed
        actions.append((swing + noise.normal(1, 20, range(t, t + 1), dtype=F64)[:, 0])[:, None])
        state, reward, terminated, truncated = ours.step(state, actions[-1])
        assert not terminated.any() and truncated.all() == truncated.any() == (t == 199)
        seen.append(ours.observe(state))
        rewards.append(reward)
        fastest = max(fastest, float(state.angle_dot.abs().max()))
    assert fastest == 8.0 and state.angle.abs().max() > 10
    for i in range(20):
        theirs.reset(seed=0)
        theirs.unwrapped.state = np.array([start.angle[i], start.angle_dot[i]])
        for t in range(200):
            observed, reward, _, cut, _ = theirs.step(actions[t][i].numpy())
            np.testing.assert_allclose(observed, seen[t][i], rtol=1e-6, atol=1e-6)
            assert reward == pytest.approx(rewards[t][i].item(), abs=1e-9)
            assert cut == (t == 199)


def test_pendulums_starts_are_uniform() -> None:
    state = Pendulum(dtype=F64).reset(4000, 0)
    assert scipy.stats.kstest(state.angle, "uniform", (-np.pi, 2 * np.pi)).pvalue > 1e-3
    assert scipy.stats.kstest(state.angle_dot, "uniform", (-1, 2)).pvalue > 1e-3


def test_pendulum_has_its_derivatives() -> None:
    ours, t = Pendulum(dtype=F64), torch.zeros(3, dtype=torch.int32)

    def after(angle: Tensor, angle_dot: Tensor, u: Tensor) -> tuple[Tensor, ...]:
        state, reward, _, _ = ours.step(PendulumState(angle, angle_dot, t), u)
        return state.angle, state.angle_dot, reward

    points = torch.tensor([[0.3, 2.0, -4.0], [1.0, -2.0, 0.5], [0.3, -1.0, 1.9]], dtype=F64)
    angle, angle_dot, u = points.unbind()
    arguments = tuple(
        x.requires_grad_() for x in (angle.clone(), angle_dot.clone(), u[:, None].clone())
    )
    assert torch.autograd.gradcheck(after, arguments)


def test_a_compiler_that_fails_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "compiler", lambda: "/bin/false")
    with pytest.raises(RuntimeError, match=r"/bin/false failed; compile=False needs none"):
        native.built("", "compile=False")
