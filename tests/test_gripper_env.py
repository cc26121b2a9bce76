"""The gripper in closed loop: the contracts of Gymnasium and Stable-Baselines3, and the physics."""

import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from numpy.typing import NDArray
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from smoothlib.gripper import GripperParams, rollout
from smoothlib.gripper_env import HAND_SPEED, ID, GripperEnv, GripperVectorEnv, record

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

Z_HAND, W, X, Z, GRIP, BEHIND, LEFT = 0, 1, 2, 3, 10, 11, 12  # of an observation
P = GripperParams()


def random_actions(steps: int, batch: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, (steps, batch, 2)).astype(np.float32)


def replay(z_close: float, steps: int, frequency: int) -> NDArray[np.float32]:
    """The schedule as actions: down to z_close, closed from t_close, up from t_lift to the end."""
    t = np.arange(steps + 1) / frequency
    down = np.maximum(z_close, P.z_start - P.v_descend * t)
    up = np.minimum(z_close + P.v_lift * (t - P.t_lift), P.z_lift)
    z_ref = np.where(t < P.t_lift, down, up)
    hand = np.diff(z_ref) * frequency / HAND_SPEED
    grip = np.where(t[:-1] < P.t_close, -1.0, 1.0)
    return np.stack((hand, grip), 1).astype(np.float32)


# --- contracts ----------------------------------------------------------------------------


@pytest.mark.parametrize("reward", ["sparse", "shaped"])
def test_both_checkers_pass(reward: str) -> None:
    env = gymnasium.make(ID, reward=reward)
    check_env(env.unwrapped)
    sb3_check_env(env)


def test_one_line_makes_it_without_an_import_of_ours() -> None:
    code = (
        "import gymnasium\n"
        "env = gymnasium.make('smoothlib.gripper_env:smoothlib/Gripper-v0', reward='shaped')\n"
        "assert env.reset(seed=1)[0].shape == (13,)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_gymnasium_the_remedy_is_named() -> None:
    code = "import sys; sys.modules['gymnasium'] = None; import smoothlib.gripper_env"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert "pip install 'smooth-course[gym]'" in told


def test_a_batch_is_its_members_to_the_bit() -> None:
    batch, steps = 5, 7  # over the end of an episode of 4 steps
    options: dict[str, Any] = {"reward": "shaped", "horizon": 0.2}
    envs = gymnasium.make_vec(ID, num_envs=batch, **options)
    alone = [GripperEnv(**options) for _ in range(batch)]
    actions = random_actions(steps, batch)
    seen = [envs.reset(seed=11)[0]]
    for action in actions:
        seen.append(envs.step(action)[0])
    for i, env in enumerate(alone):
        expected, ended = [env.reset(seed=11 + i)[0]], False
        for action in actions[:, i]:
            if ended:
                expected.append(env.reset()[0])
                ended = False
            else:
                observation, _, ended, _, _ = env.step(action)
                expected.append(observation)
        np.testing.assert_array_equal(np.stack(seen)[:, i], np.stack(expected))


def test_random_domains_are_their_members_to_the_bit() -> None:
    m, mu = torch.tensor([0.05, 0.1, 0.4]), torch.tensor([0.3, 0.6, 0.8])
    envs = GripperVectorEnv(3, params=GripperParams(m=m, mu_pad=mu), x_sigma=0.0)
    actions = replay(0.02, 100, 20)[[0, 40, 50]]
    envs.reset(seed=0)
    together = [envs.step(np.tile(action, (3, 1)))[0] for action in actions]
    for i in range(3):
        env = GripperEnv(params=GripperParams(m=float(m[i]), mu_pad=float(mu[i])), x_sigma=0.0)
        env.reset(seed=0)
        for action, expected in zip(actions, together, strict=True):
            np.testing.assert_allclose(env.step(action)[0], expected[i], rtol=1e-5, atol=1e-6)


def test_the_step_after_the_end_resets_and_pays_nothing() -> None:
    envs = RecordEpisodeStatistics(GripperVectorEnv(2, horizon=0.1, reward="shaped"))
    first, _ = envs.reset(seed=4)
    ends = []
    for action in random_actions(6, 2):
        seen, reward, ended, cut, info = envs.step(action)
        ends.append(bool(ended.all()))
        assert ended.all() == ended.any() and not cut.any()
        if ends[-2:-1] == [True]:
            assert (reward == 0).all() and (seen[:, LEFT] == np.float32(0.1)).all()
            assert (seen[:, X] != first[:, X]).all()  # the next episode's own start
        if ended.all():
            assert info["episode"]["l"].tolist() == [2, 2]
    assert ends == [False, True, False, False, True, False]


def test_tensors_stay_tensors() -> None:
    plain, kept = GripperVectorEnv(3), GripperVectorEnv(3, tensors=True)
    np.testing.assert_array_equal(plain.reset(seed=2)[0], kept.reset(seed=2)[0].numpy())
    action = random_actions(1, 3)[0]
    for ours, theirs in zip(plain.step(action), kept.step(torch.from_numpy(action)), strict=True):
        assert isinstance(ours, dict) or isinstance(theirs, torch.Tensor)
        np.testing.assert_array_equal(ours, theirs)


# --- starts -------------------------------------------------------------------------------


def test_starts_have_the_distribution_and_are_independent() -> None:
    n, sigma = 4000, 5e-3
    envs = GripperVectorEnv(n, x_sigma=sigma)
    x = np.stack([envs.reset(seed=5)[0][:, X], envs.reset()[0][:, X]]).astype(np.float64)
    assert abs(x.mean()) < 5 * x.std() / np.sqrt(x.size)
    squares = (x**2).ravel()
    assert abs(squares.mean() - sigma**2) < 5 * squares.std() / np.sqrt(x.size)
    products = x[0] * x[1]
    assert abs(products.mean()) < 5 * products.std() / np.sqrt(n)
    np.testing.assert_array_equal(envs.reset(seed=5)[0][:, X], np.float32(x[0]))
    np.testing.assert_array_equal(envs.reset(seed=6)[0][:-1, X], np.float32(x[0, 1:]))


def test_starts_stay_where_the_fingers_miss_the_brick() -> None:
    x = GripperVectorEnv(1000, x_sigma=0.025).reset(seed=0)[0][:, X]
    assert np.abs(x).max() == np.float32(0.025)


def test_unseeded_resets_differ_and_options_hold_for_one_episode() -> None:
    first, second = (GripperEnv().reset()[0][X] for _ in range(2))
    assert first != second
    env = GripperEnv(x_sigma=0.0, horizon=0.05)
    seen, _ = env.reset(options={"x0": 0.01, "params": GripperParams(a=0.03, b=0.03)})
    assert seen[[X, Z]].tolist() == pytest.approx([0.01, 0.03])
    assert env.reset()[0][[X, Z]].tolist() == pytest.approx([0.0, 0.025])


# --- physics and reward -------------------------------------------------------------------


@pytest.mark.parametrize("frequency", [20, 50])
def test_the_schedule_as_a_policy_lifts_as_the_rollout_does(frequency: int) -> None:
    z_close, steps = (0.0, 0.02, 0.045), 5 * frequency
    envs = GripperVectorEnv(3, x_sigma=0.0, frequency=frequency)
    actions = np.stack([replay(z, steps, frequency) for z in z_close], 1)
    envs.reset(seed=0)
    rewards = []
    for action in actions:
        seen, reward, ended, _, _ = envs.step(action)
        rewards.append(reward)
    assert ended.all() and not np.any(rewards[:-1])
    expected = rollout(torch.tensor(z_close, dtype=torch.float64)).height.numpy()
    np.testing.assert_allclose(seen[:, Z], expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(rewards[-1], expected - P.b, rtol=0, atol=1e-4)
    np.testing.assert_allclose(seen[:, GRIP], P.force, rtol=1e-3)
    np.testing.assert_allclose(seen[:, BEHIND], P.m * P.g / P.kp, rtol=1e-2)  # it carries a brick


def test_compiled_actions_are_those_of_plain_torch() -> None:
    actions = np.stack([replay(z, 100, 20)[36:64] for z in (0.0, 0.02, 0.045)], 1)
    compiled, plain = (GripperVectorEnv(3, x_sigma=0.0) for _ in range(2))
    plain.episodes.kernel = None
    for envs in (compiled, plain):
        envs.reset(seed=8)
        envs.episodes.z_ref = 0 * envs.episodes.z_ref + torch.tensor([0.0, 0.02, 0.045])
        envs.episodes.state = envs.episodes.state._replace(z_hand=envs.episodes.z_ref)
    for action in actions:
        seen, expected = compiled.step(action)[0], plain.step(action)[0]
        np.testing.assert_allclose(seen[:, :5], expected[:, :5], rtol=0, atol=5e-5)
        np.testing.assert_allclose(seen[:, GRIP], expected[:, GRIP], rtol=1e-2, atol=1e-2)
    assert seen[:, GRIP].min() > 10


def by_hand(seen: NDArray[np.float32]) -> NDArray[np.float64]:
    """Φ of observations, as the docstring says it: height, near from above, closed."""
    z_hand, w, z = (seen[..., i].astype(np.float64) for i in (Z_HAND, W, Z))
    near = np.clip(1 - (z_hand - z) / (0.15 - 0.025), 0, 1)
    closed = np.minimum(1, (0.110 - w) / (0.110 - 0.050))
    return z - 0.025 + 0.1 * near + 0.1 * near * closed


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_shaping_changes_the_return_from_every_state_by_its_potential(gamma: float) -> None:
    horizon, steps = 1.0, 20
    options: dict[str, Any] = {"num_envs": 4, "horizon": horizon, "gamma": gamma}
    sparse, shaped = (GripperVectorEnv(reward=r, **options) for r in ("sparse", "shaped"))
    seen, paid = [sparse.reset(seed=3)[0]], []
    shaped.reset(seed=3)
    for action in random_actions(steps, 4) * [0.2, 1] - [0.8, 0]:
        observation, plain, *_ = sparse.step(action)
        paid.append(shaped.step(action)[1].astype(np.float64) - plain)
        seen.append(observation)
    potential = by_hand(np.stack(seen))
    assert potential[1:-1].min() > 0 and np.ptp(potential) > 0.1
    to_go = np.zeros(4)
    for k in reversed(range(steps)):
        to_go = paid[k] + gamma * to_go
        np.testing.assert_allclose(to_go, -potential[k], rtol=0, atol=2e-6)


def test_a_random_policy_gains_no_energy_but_from_the_drives() -> None:
    batch, steps = 64, 40
    envs = GripperVectorEnv(batch, x_sigma=0.01)
    mass = np.array([P.m_hand, P.m_fingers, P.m, P.m, P.m * (P.a**2 + P.b**2) / 3])
    seen, _ = envs.reset(seed=9)
    energies = []
    for action in random_actions(steps, batch, seed=1):
        seen, *_ = envs.step(action)
        assert envs.observation_space.contains(seen)
        energies.append(seen[:, 5:10] ** 2 @ mass / 2 + P.m * P.g * (seen[:, Z] - P.b))
    assert np.isfinite(energies).all()
    moving = 0.5 * (P.m_hand + P.m) * HAND_SPEED**2 + 0.5 * P.m_fingers * P.v_close**2
    assert np.max(energies) < 4 * moving + P.m * P.g * P.z_lift


def test_a_recorded_policy_is_the_episode_and_can_be_watched() -> None:
    actions = iter(replay(0.02, 10, 20))
    trajectory = record(lambda seen: next(actions), seed=1, horizon=0.5, frequency=20)
    env = GripperEnv(horizon=0.5)
    env.reset(seed=1)
    for action in replay(0.02, 10, 20):
        seen, *_ = env.step(action)
    assert trajectory.time.tolist() == pytest.approx(np.arange(11) / 20)
    assert trajectory.contacts.normal.shape == (11, 21, 1)
    assert float(trajectory.state.z_hand[-1, 0]) == seen[Z_HAND]


# --- the public door ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"reward": "dense"}, 'reward = "dense"; take "sparse" or "shaped"'),
        ({"gamma": 0.0}, "gamma = 0; the learner's discount"),
        ({"frequency": 30}, "frequency = 30 Hz; take 5, 10, 20, 25, 40 or 50"),
        ({"horizon": 0.13}, "horizon = 0.13 s; take a whole number of actions"),
        ({"horizon": 100.0}, "at most 60 s"),
        ({"x_sigma": -1.0}, "x_sigma = -1 m"),
    ],
)
def test_bad_arguments_are_told(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match="Gripper: ") as error:
        GripperEnv(**wrong)
    assert told in str(error.value)


def test_bad_actions_options_and_order_are_told() -> None:
    env = GripperEnv(horizon=0.05)
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step([0, 0])
    with pytest.raises(ValueError, match=r"unknown options \['x1'\]"):
        env.reset(options={"x1": 0.0})
    env.reset()
    for bad in ([np.nan, 0], [0, 0, 0], [[0, 0]]):
        with pytest.raises(ValueError, match=r"give finite numbers of shape \(2,\)"):
            env.step(bad)
    env.step([0, 0])
    with pytest.raises(RuntimeError, match="the episode has ended"):
        env.step([0, 0])


def test_actions_beyond_the_box_are_cut() -> None:
    inside, beyond = GripperEnv(), GripperEnv()
    inside.reset(seed=0), beyond.reset(seed=0)
    np.testing.assert_array_equal(inside.step([-1, 1])[0], beyond.step([-7, 3])[0])
