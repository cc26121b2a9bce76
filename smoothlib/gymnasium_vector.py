"""Any Gymnasium environment as the learners here want it: a batch of tensors, no autoreset.

    GymnasiumVector("Pendulum-v1")                  by name, through `gymnasium.make_vec`
    GymnasiumVector(lambda: Mine(reward="sparse"))  by a function that makes one
    GymnasiumVector(GripperVectorEnv(64), horizon=100)     a vector environment as it is, n = 64

The simulators are inside and cannot go back, so a state is good for one step; using an old one
raises. What Gymnasium does of itself after the end of an episode, its autoreset, is no part of
that episode, and whoever rolls out leaves it out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.environments import Transition, check_continuous, check_discrete, check_horizon
from smoothlib.noise import Dtype

try:
    import gymnasium
    from gymnasium.spaces import Box, Discrete
    from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
except ImportError as error:
    raise ImportError(
        "smoothlib.gymnasium_vector needs Gymnasium: pip install 'smooth-course[gym]'"
    ) from error


@dataclass(frozen=True, eq=False)
class Handle:
    """Where the simulators stand: what is observed there, and the steps of the episodes so far."""

    observation: Float[Tensor, "n o"]
    t: int


class GymnasiumVector:
    """n Gymnasium environments side by side, with the interface of `Environment`.

    The seed of episode i is a hash of (seed, i). A vector environment of another kind than
    Gymnasium's Sync and Async takes one seed for all: its starts may depend on n.
    Actions outside a box are cut to it.

    Args:
        source: an id, a function that makes an environment, an environment (n = 1), or a vector
            environment (n is its own).
        horizon: steps until truncation; the one that Gymnasium's registry knows if None.
        dtype: of observations and rewards; torch's default if None.
        options: for an id, arguments of `make_vec`, such as vectorization_mode="async".
    Raises:
        ValueError: if observations are not vectors or actions neither vectors nor discrete, if the
            horizon is not known, for another n than there are, or for an action of another shape.
        RuntimeError: for a state that is not the newest.
    """

    def __init__(
        self,
        source: str | Callable[[], gymnasium.Env] | gymnasium.Env | VectorEnv,
        horizon: int | None = None,
        dtype: Dtype = None,
        **options: Any,
    ) -> None:
        self._source, self._options, self._dtype = source, options, dtype
        self._envs = self._made(1)
        if self._envs.metadata.get("autoreset_mode") is AutoresetMode.SAME_STEP:
            raise ValueError(
                f"GymnasiumVector: {self._envs} resets in the step that ends an episode, which "
                "hides what was seen last; make it with autoreset_mode=AutoresetMode.NEXT_STEP"
            )
        seen, acts = self._envs.single_observation_space, self._envs.single_action_space
        if not isinstance(seen, Box) or len(seen.shape) != 1:
            raise ValueError(
                f"GymnasiumVector: observations are {seen}, not vectors; "
                "gymnasium.wrappers.FlattenObservation makes vectors of them"
            )
        if not isinstance(acts, Discrete) and not (isinstance(acts, Box) and len(acts.shape) == 1):
            raise ValueError(
                f"GymnasiumVector: actions are {acts}, neither discrete nor vectors; wrap the "
                "environment with gymnasium.wrappers.TransformAction"
            )
        self.observation_size = seen.shape[0]
        self.discrete = isinstance(acts, Discrete)
        self.action_size = int(acts.n) if isinstance(acts, Discrete) else acts.shape[0]
        self.horizon = horizon if horizon is not None else self._known_horizon()
        check_horizon(self)
        self._now: Handle | None = None

    def reset(self, n: int, seed: int) -> Handle:
        if n != self._envs.num_envs:
            if isinstance(self._source, gymnasium.Env | VectorEnv):
                raise ValueError(
                    f"GymnasiumVector: n = {n} episodes, but {self._source} is "
                    f"{self._envs.num_envs}; give its id, or a function that makes one"
                )
            self._envs.close()
            self._envs = self._made(n)
        seeds = [int(np.random.SeedSequence((seed % 2**64, i)).generate_state(1)[0])
                 for i in range(n)]  # fmt: skip
        many = isinstance(self._envs.unwrapped, SyncVectorEnv | AsyncVectorEnv)
        seen, _ = self._envs.reset(seed=seeds if many else seeds[0])  # type: ignore[arg-type]
        self._now = Handle(self._tensor(seen), 0)
        return self._now

    def observe(self, state: Handle) -> Float[Tensor, "n o"]:
        return state.observation

    def step(self, state: Handle, action: Tensor) -> Transition:
        if state is not self._now:
            raise RuntimeError(
                "GymnasiumVector: this state is an old one, and a simulator cannot go back; step "
                "the newest, or reset"
            )
        seen, reward, terminated, truncated, _ = self._envs.step(self._action(action))
        self._now = Handle(self._tensor(seen), state.t + 1)
        cut = torch.as_tensor(truncated) | (self._now.t >= self.horizon)
        return Transition(self._now, self._tensor(reward), torch.as_tensor(terminated), cut)

    def close(self) -> None:
        """End the simulators and what processes they have."""
        self._envs.close()

    def _known_horizon(self) -> int:
        """What the registry says, of the vector or of the first environment in it."""
        specs = [self._envs.spec, *(e.spec for e in getattr(self._envs.unwrapped, "envs", ()))]
        known = next((s.max_episode_steps for s in specs if s and s.max_episode_steps), None)
        if known is None:
            raise ValueError(
                f"GymnasiumVector: Gymnasium knows no horizon of {self._envs}; give horizon=, the "
                "steps after which an episode is cut"
            )
        return known

    def _made(self, n: int) -> VectorEnv:
        source = self._source
        if isinstance(source, VectorEnv):
            return source
        if isinstance(source, str):
            return gymnasium.make_vec(source, num_envs=n, **self._options)
        if isinstance(source, gymnasium.Env):
            return SyncVectorEnv([lambda: source])
        return SyncVectorEnv([source] * n)

    def _action(self, action: Tensor) -> Any:
        n, space = self._envs.num_envs, self._envs.single_action_space
        if isinstance(space, Discrete):
            check_discrete(self, action, n)
            return action.numpy() + space.start
        check_continuous(self, action, n)
        assert isinstance(space, Box)
        if getattr(self._envs.unwrapped, "tensors", False):  # GripperVectorEnv, on a GPU perhaps
            return action.detach()
        return action.detach().numpy().astype(space.dtype).clip(space.low, space.high)

    def _tensor(self, numbers: Any) -> Tensor:
        """A tensor of its own: simulators may write where they wrote before."""
        return torch.as_tensor(numbers).to(self._dtype or torch.get_default_dtype(), copy=True)
