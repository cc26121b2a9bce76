"""The batched Ant against Gymnasium's own, step for step."""

import subprocess
import sys

import gymnasium
import mujoco
import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from smoothlib import noise
from smoothlib.ant import Ant, AntState

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

F64 = torch.float64


def random_actions(n: int, t: int, scale: float) -> Tensor:
    """Uniform in ±scale."""
    eps = noise.normal(1, n, range(8 * t, 8 * t + 8), dtype=F64)
    return scale * (2 * torch.special.ndtr(eps) - 1)


def gymnasiums(start: Tensor, contacts: bool) -> gymnasium.Env:
    """Gymnasium's ant, set to one of our starts."""
    env = gymnasium.make("Ant-v5", include_cfrc_ext_in_observation=contacts)
    env.reset(seed=0)
    inner = env.unwrapped
    mujoco.mj_resetData(inner.model, inner.data)  # type: ignore[attr-defined]
    inner.set_state(start[:15].numpy(), start[15:29].numpy())  # type: ignore[attr-defined]
    return env


@pytest.mark.parametrize("contacts", [True, False])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_it_is_gymnasiums_step_for_step(contacts: bool, scale: float) -> None:
    """Three of four ants, each to its end: wild ones fall or jump, gentle ones are cut at 1000."""
    ant = Ant(contacts=contacts, dtype=F64)
    state = ant.reset(4, 7)
    theirs = {i: gymnasiums(state.physics[i], contacts) for i in (0, 1, 3)}
    ends, touched = [], 0.0
    for i, env in theirs.items():
        seen = env.unwrapped._get_obs()  # type: ignore[attr-defined]
        np.testing.assert_array_equal(ant.observe(state)[i], seen)
    for t in range(1000):
        action = random_actions(4, t, scale)
        state, reward, terminated, truncated = ant.step(state, action)
        observed = ant.observe(state)
        for i, env in list(theirs.items()):
            seen, paid, fell, cut, info = env.step(action[i].numpy())
            np.testing.assert_allclose(observed[i], seen, rtol=0, atol=1e-12)
            assert reward[i].item() == pytest.approx(paid, abs=1e-12)
            assert (bool(terminated[i]), bool(truncated[i])) == (fell, cut)
            touched += info["reward_contact"]
            if fell or cut:
                ends.append("fell" if fell else "cut")
                del theirs[i]
    assert ends == ["fell" if scale == 1.0 else "cut"] * 3
    assert touched < -0.1  # the contact cost was there to be compared


def test_float32_is_float64_rounded() -> None:
    exact, rounded = Ant(dtype=F64), Ant(dtype=torch.float32)
    state, action = exact.reset(3, 0), random_actions(3, 0, 1.0)
    one, two = exact.step(state, action), rounded.step(state, action)
    assert torch.equal(one.state.physics, two.state.physics)
    assert torch.equal(exact.observe(one.state).float(), rounded.observe(two.state))
    assert torch.equal(one.reward.float(), two.reward)


def test_neither_threads_nor_neighbours_nor_the_past_matter() -> None:
    """To the bit: 1 thread or 3, 7 ants or some of them, from the start or from a kept state."""
    one, three = Ant(threads=1), Ant(threads=3)
    whole, state, kept = one.reset(7, 2), three.reset(7, 2), None
    for t in range(30):
        action = random_actions(7, t, 0.5)
        whole, paid, _, _ = one.step(whole, action)
        state, reward, _, _ = three.step(state, action)
        assert all(torch.equal(a, b) for a, b in zip(whole, state, strict=True))
        assert torch.equal(paid, reward)
        if t == 10:
            kept = AntState(*(row[[4, 1]] for row in state))
    for t in range(11, 30):
        kept = one.step(kept, random_actions(7, t, 0.5)[[4, 1]]).state
    assert all(torch.equal(a[[4, 1]], b) for a, b in zip(whole, kept, strict=True))


def test_a_step_is_pure() -> None:
    ant = Ant()
    state = ant.reset(2, 0)
    copy = [row.clone() for row in state]
    ant.step(state, torch.ones(2, 8))
    assert all(torch.equal(a, b) for a, b in zip(state, copy, strict=True))


def test_who_has_fallen_stays_and_earns_nothing() -> None:
    ant = Ant()
    state = ant.reset(2, 0)
    state.physics[1, 2] = 1.5  # m, above what is healthy
    after, reward, terminated, _ = ant.step(state, torch.ones(2, 8))
    assert terminated.tolist() == [False, True] and reward[1] == 0 and reward[0] != 0
    assert torch.equal(after.physics[1, :29], state.physics[1, :29])


def test_actions_are_cut_to_the_space() -> None:
    ant = Ant()
    state, action = ant.reset(2, 0), 3 * random_actions(2, 0, 1.0)
    one, two = ant.step(state, action), ant.step(state, action.clamp(-1, 1))
    assert torch.equal(one.reward, two.reward) and torch.equal(one.state[0], two.state[0])


def test_starts_are_those_of_gymnasium() -> None:
    ant = Ant(dtype=F64, threads=1)
    state = ant.reset(500, 0)
    away = state.physics[:, :15] - torch.from_numpy(
        mujoco.MjModel.from_xml_path(gymnasium.make("Ant-v5").unwrapped.fullpath).qpos0  # type: ignore[attr-defined]
    )
    for column in away.T:
        assert scipy.stats.kstest(column, "uniform", (-0.1, 0.2)).pvalue > 1e-4
    for column in state.physics[:, 15:29].T:
        assert scipy.stats.kstest(column, "norm", (0, 0.1)).pvalue > 1e-4
    assert torch.equal(state.physics[:20], ant.reset(20, 0).physics)
    assert not torch.equal(state.physics[:20], ant.reset(20, 1).physics)


@pytest.mark.slow
def test_doing_nothing_earns_a_thousand_and_chance_less_than_nothing() -> None:
    """What every claim of learning stands beside."""
    ant = Ant(contacts=False)
    for scale, low, high in ((0.0, 985, 1000), (1.0, -150, 50)):
        state, total = ant.reset(10, 0), torch.zeros(10)
        for t in range(1000):
            state, reward, terminated, _ = ant.step(state, random_actions(10, t, scale))
            total += reward
            if terminated.all():
                break
        assert low < total.mean() < high


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="threads = 0"):
        Ant(threads=0)
    with pytest.raises(ValueError, match="horizon = 0"):
        Ant(horizon=0)
    ant = Ant()
    with pytest.raises(ValueError, match=r"wanted is \(2, 8\)"):
        ant.step(ant.reset(2, 0), torch.zeros(2, 7))


def test_without_mujoco_the_remedy_is_named() -> None:
    code = "import sys; sys.modules['mujoco'] = None; import smoothlib.ant"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert "pip install 'smooth-course[mujoco]'" in told
