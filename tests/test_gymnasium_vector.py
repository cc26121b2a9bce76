"""Gymnasium's environments as batches of tensors: the same numbers, no autoreset in an episode."""

import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from smoothlib.environments import CartPole, CartPoleState, Environment
from smoothlib.gripper_env import ID as GRIPPER
from smoothlib.gripper_env import GripperEnv, GripperVectorEnv
from smoothlib.gymnasium_vector import GymnasiumVector

pytestmark = pytest.mark.usefixtures("no_jaxtyping")


def actions(environment: Environment, steps: int, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    if environment.discrete:
        return torch.randint(environment.action_size, (steps, n), generator=generator)
    return torch.randn(steps, n, environment.action_size, generator=generator)


@pytest.mark.parametrize("options", [{}, {"vectorization_mode": "sync"}])
def test_cartpole_through_gymnasium_is_our_own(options: dict[str, Any]) -> None:
    """Until each episode ends; what autoreset does afterwards is nobody's."""
    theirs = GymnasiumVector("CartPole-v1", dtype=torch.float64, **options)
    ours = CartPole(dtype=torch.float64)
    there = theirs.reset(30, 1)
    here = CartPoleState(*there.observation.T, torch.zeros(30, dtype=torch.int32))
    alive = torch.ones(30, dtype=torch.bool)
    for action in actions(theirs, 60, 30):
        there, paid, fell, cut = theirs.step(there, action)
        here, reward, terminated, truncated = ours.step(here, action)
        np.testing.assert_allclose(
            theirs.observe(there)[alive], ours.observe(here)[alive], rtol=1e-4, atol=1e-5
        )
        assert torch.equal(paid[alive], reward[alive])
        assert torch.equal(fell[alive], terminated[alive])
        assert torch.equal(cut[alive], truncated[alive])
        alive = alive & ~fell
    assert not alive.any()
    assert (theirs.observation_size, theirs.action_size, theirs.discrete) == (4, 2, True)
    assert theirs.horizon == 500
    theirs.close()


def test_pendulum_by_name_and_in_processes() -> None:
    here = GymnasiumVector("Pendulum-v1")
    there = GymnasiumVector("Pendulum-v1", vectorization_mode="async")
    one, two = here.reset(2, 0), there.reset(2, 0)
    for action in actions(here, 5, 2):
        one, paid, _, _ = here.step(one, action)
        two, also_paid, _, _ = there.step(two, action)
        assert torch.equal(one.observation, two.observation) and torch.equal(paid, also_paid)
    assert (here.action_size, here.discrete, here.horizon) == (1, False, 200)
    here.close()
    there.close()


def test_a_start_depends_on_the_seed_and_the_member_alone() -> None:
    environment = GymnasiumVector(lambda: gymnasium.make("Pendulum-v1"))
    few = environment.reset(2, 7).observation
    many = environment.reset(5, 7).observation
    assert torch.equal(few, many[:2])
    others = torch.cat([environment.reset(5, seed).observation for seed in (7, 8, -1)])
    assert len(others.unique(dim=0)) == 15


def test_a_horizon_of_our_own_cuts() -> None:
    environment = GymnasiumVector("Pendulum-v1", horizon=3)
    state, cuts = environment.reset(2, 0), []
    for action in actions(environment, 3, 2):
        state, _, _, truncated = environment.step(state, action)
        cuts.append(truncated.tolist())
    assert cuts == [[False] * 2, [False] * 2, [True] * 2]


def test_actions_beyond_the_box_are_cut_to_it() -> None:
    kept = []

    class Spy(gymnasium.Wrapper):
        def step(self, action: Any) -> Any:
            kept.append((float(action[0]), action.dtype))
            return super().step(action)

    environment = GymnasiumVector(lambda: Spy(gymnasium.make("Pendulum-v1")))
    environment.step(environment.reset(1, 0), torch.tensor([[5.0]]))
    environment.step(environment.reset(1, 0), torch.tensor([[-1.5]]))
    assert kept == [(2.0, np.float32), (-1.5, np.float32)]


def test_discrete_actions_count_from_where_the_space_does() -> None:
    class Late(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-9, 9, (1,))
        action_space = gymnasium.spaces.Discrete(3, start=5)

        def reset(self, **_: Any) -> Any:
            return np.zeros(1, np.float32), {}

        def step(self, action: Any) -> Any:
            assert self.action_space.contains(action)
            return np.zeros(1, np.float32), float(action), False, False, {}

    environment = GymnasiumVector(Late, horizon=4)
    rewards = environment.step(environment.reset(3, 0), torch.tensor([0, 1, 2])).reward
    assert rewards.tolist() == [5, 6, 7]


def test_the_gripper_alone_and_as_a_vector_is_itself() -> None:
    together = GymnasiumVector(GripperVectorEnv(2, horizon=0.2, reward="shaped"), horizon=4)
    named = GymnasiumVector(GRIPPER, horizon=4, reward="shaped")
    alone = GymnasiumVector(lambda: GripperEnv(horizon=0.2, reward="shaped"), horizon=4)
    for environment in (together, named, alone):
        state = environment.reset(2, 3)
        assert environment.observe(state).shape == (2, 13) and environment.action_size == 2
        for i, action in enumerate(actions(environment, 4, 2)):
            state, reward, terminated, _ = environment.step(state, action)
            assert reward.shape == (2,) and terminated.all() == (
                i == 3 and environment is not named
            )


def test_the_grippers_tensors_stay_tensors() -> None:
    plain = GymnasiumVector(GripperVectorEnv(3, horizon=0.1), horizon=2)
    kept = GymnasiumVector(GripperVectorEnv(3, horizon=0.1, tensors=True), horizon=2)
    action = actions(plain, 1, 3)[0]
    one = plain.step(plain.reset(3, 0), action)
    two = kept.step(kept.reset(3, 0), action)
    assert torch.equal(one.state.observation, two.state.observation)
    assert torch.equal(one.reward, two.reward)


# --- what it refuses ------------------------------------------------------------------------


def test_an_old_state_is_refused() -> None:
    environment = GymnasiumVector("CartPole-v1")
    first = environment.reset(2, 0)
    action = torch.tensor([0, 1])
    second = environment.step(first, action).state
    with pytest.raises(RuntimeError, match="an old one"):
        environment.step(first, action)
    environment.step(second, action)
    environment.reset(2, 0)
    with pytest.raises(RuntimeError, match="an old one"):
        environment.step(second, action)


def test_sources_that_cannot_serve_are_named() -> None:
    with pytest.raises(ValueError, match="FlattenObservation"):
        GymnasiumVector("FrozenLake-v1")
    with pytest.raises(ValueError, match="give horizon="):
        GymnasiumVector(GripperVectorEnv(2))
    same = SyncVectorEnv(
        [lambda: gymnasium.make("CartPole-v1")], autoreset_mode=AutoresetMode.SAME_STEP
    )
    with pytest.raises(ValueError, match="NEXT_STEP"):
        GymnasiumVector(same)
    for fixed in (GripperVectorEnv(2), GripperEnv()):
        with pytest.raises(ValueError, match="n = 5 episodes"):
            GymnasiumVector(fixed, horizon=9).reset(5, 0)


def test_actions_of_another_shape_are_refused() -> None:
    environment = GymnasiumVector("Pendulum-v1")
    state = environment.reset(2, 0)
    with pytest.raises(ValueError, match=r"wanted is \(2, 1\)"):
        environment.step(state, torch.zeros(2))


def test_without_gymnasium_the_remedy_is_named() -> None:
    code = "import sys; sys.modules['gymnasium'] = None; import smoothlib.gymnasium_vector"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert "pip install 'smooth-course[gym]'" in told


def test_actions_that_are_neither_discrete_nor_vectors_are_refused() -> None:
    class Pressing(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,))
        action_space = gymnasium.spaces.MultiBinary(3)

    envs = SyncVectorEnv([Pressing], autoreset_mode=AutoresetMode.NEXT_STEP)
    with pytest.raises(ValueError, match="neither discrete nor vectors"):
        GymnasiumVector(envs, horizon=5)
