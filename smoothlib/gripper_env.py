"""The gripper steered in closed loop: `smoothlib/Gripper-v0` for Gymnasium.

    import gymnasium, smoothlib.gripper_env                       # the import registers it
    env = gymnasium.make("smoothlib/Gripper-v0", reward="shaped")
    envs = gymnasium.make_vec("smoothlib/Gripper-v0", num_envs=64, device="cuda")

or in one line `gymnasium.make("smoothlib.gripper_env:smoothlib/Gripper-v0")`. Gymnasium 1 has no
entry point by which an installed package could register by itself.

Action, in [-1, 1]²: the velocity of the hand, in units of 0.2 m/s, up if positive; and of the
fingers, in units of v_close, closing if positive, with at most the force of the parameters. Held
for 1/frequency s, in which the simulator makes steps of 1 ms.

Observation, float32, in SI units:

    0-4    z_hand, w, x, z, angle: fingertips, opening, brick's centre from the hand's, its angle
    5-9    their velocities
    10     grip force: with which both fingers press on the brick, N
    11, 12 how far the hand is behind its reference, m, and the time left, s: without them the rest
           would not be a state

Its bounds are finite, so that Gymnasium's RescaleObservation applies; what lies beyond is cut.

An episode takes `horizon` seconds, no more and no less, and then is terminated, not truncated: the
reward asks for the height at that time, and the time left is observed, so nothing follows.

    sparse   z(T) - b at the end, m, and 0 before
    shaped   sparse + γ Φ(s') - Φ(s), with Φ = 0 after the end (Ng, Harada and Russell 1999)

Φ(s) = (z - b) + (near + near closed) / 10 m: the height, how near the fingertips are to the brick's
centre from above, and how far they are closed. For any policy and start the discounted returns
differ by Φ(s_0), so the best policies stay the best, if γ is the learner's discount.
"""

import functools
import importlib.util
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib import gripper_cpu, native
from smoothlib.gripper_model import (
    HAND_SPEED,
    Command,
    GripperParams,
    GripperState,
    init_state,
)
from smoothlib.gripper_physics import LEFT, LEFT_TIP, RIGHT, RIGHT_TIP, Contacts, contacts, step
from smoothlib.gripper_rollout import Trajectory
from smoothlib.noise import normal

try:
    import gymnasium
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space
except ImportError as error:
    raise ImportError(
        "smoothlib.gripper_env needs Gymnasium: pip install 'smooth-course[gym]'"
    ) from error

Kernel: TypeAlias = Callable[[dict[str, Any], float, Tensor], dict[str, Tensor]]

ID = "smoothlib/Gripper-v0"
DT = 1e-3  # s
LOWEST = -0.03  # m, of the hand's reference; the highest is z_lift
X_LIMIT = 0.025  # m, of the brick's start: beyond, a finger lands on it
NOISE = 0x6772  # this module's own seed of `noise.normal`: what a user calls seed is the member

HIGH = np.array(
    [0.5, 0.15, 0.25, 0.5, np.pi, 1.0, 1.0, 1.0, 3.0, 50.0, 100.0, 0.1, 60.0], dtype=np.float32
)
LOW = np.array([-0.1, 0.0, *-HIGH[2:10], 0.0, -0.1, 0.0], dtype=np.float32)


def grip_force(seen: Contacts) -> Float[Tensor, "*t b"]:
    """The force that both fingers put on the brick along x, N: the lesser of the two."""
    push = seen.normal * seen.nx - seen.friction * seen.nz
    left = push[LEFT][0] + push[LEFT][1] + push[LEFT][2] + push[LEFT][3]
    right = push[RIGHT][0] + push[RIGHT][1] + push[RIGHT][2] + push[RIGHT][3]
    left = left + push[LEFT_TIP][0] + push[LEFT_TIP][1]
    right = right + push[RIGHT_TIP][0] + push[RIGHT_TIP][1]
    return torch.minimum(left, -right).clamp(min=0)


def potential(state: GripperState, params: GripperParams) -> Float[Tensor, " b"]:
    """Φ, m: rises on the way down to the brick, when the fingers close there, and with it."""
    above = (state.z_hand - state.z).clamp(min=0) / (params.z_start - params.b)
    near = (1 - above).clamp(min=0)
    closed = 1 - (state.w - 2 * params.a).clamp(min=0) / (params.w_max - 2 * params.a)
    return (state.z - params.b) + 0.1 * near * (1 + closed)


def _eager(state: GripperState, start: Command, params: GripperParams, steps: int) -> GripperState:
    """The state after some steps under one action, from a command whose height moves on."""
    for i in range(steps):
        command = start._replace(z_hand=start.z_hand + i * DT * start.v_hand)
        state = step(state, command, params, DT)
    return state


def _fused(
    kernel: Kernel, state: GripperState, start: Command, params: GripperParams, steps: int
) -> GripperState:
    """The same in one kernel: an action is a schedule that lifts and closes from its start on."""
    action = {"v_lift": start.v_hand, "v_close": -start.v_w, "t_lift": 0.0, "t_close": 0.0,
              "z_lift": 1e3}  # fmt: skip
    columns = {"z_close": start.z_hand, **state._asdict(), **vars(params), **action}
    return GripperState(**kernel(columns, DT, (torch.arange(steps) * DT).to(state.z_hand)))


def _kernel(device: torch.device) -> Kernel | None:
    """What runs many steps at once there, if the compiler for it is at hand."""
    if device.type == "cuda" and importlib.util.find_spec("triton"):
        from smoothlib.gripper_cuda import run

        return run
    return gripper_cpu.run if device.type == "cpu" and native.compiler() else None


class Episodes:
    """B episodes side by side on one device: what the two environments below share."""

    def __init__(
        self,
        batch: int,
        params: GripperParams | None,
        reward: str,
        gamma: float,
        frequency: int,
        horizon: float,
        x_sigma: float,
        device: torch.device | str | None,
    ) -> None:
        if reward not in ("sparse", "shaped"):
            raise ValueError(f'Gripper: reward = "{reward}"; take "sparse" or "shaped"')
        if not 0 < gamma <= 1:
            raise ValueError(f"Gripper: gamma = {gamma:g}; the learner's discount is in (0, 1]")
        if frequency not in (5, 10, 20, 25, 40, 50):
            raise ValueError(f"Gripper: frequency = {frequency} Hz; take 5, 10, 20, 25, 40 or 50")
        self.length = round(horizon * frequency)
        if self.length < 1 or abs(self.length / frequency - horizon) > 1e-6 or horizon > HIGH[12]:
            raise ValueError(
                f"Gripper: horizon = {horizon:g} s; take a whole number of actions at {frequency} "
                f"Hz, and at most {HIGH[12]:g} s"
            )
        if not 0 <= x_sigma <= X_LIMIT:
            raise ValueError(f"Gripper: x_sigma = {x_sigma:g} m; take 0 to {X_LIMIT:g}")
        self.batch, self.shaped, self.gamma, self.x_sigma = (
            batch,
            reward == "shaped",
            gamma,
            x_sigma,
        )
        self.frequency, self.substeps = frequency, round(1 / frequency / DT)
        self.own_params, self.device = params or GripperParams(), torch.device(device or "cpu")
        self.kernel = _kernel(self.device)
        self.state: GripperState | None = None

    @property
    def ended(self) -> bool:
        return self.now == self.length

    def reset(self, member: int, episode: int, options: dict[str, Any] | None) -> Tensor:
        """New episodes; environment i draws its start as (member + i, episode)."""
        options = dict(options or {})
        self.params = options.pop("params", self.own_params)
        x = options.pop("x0", None)
        if options:
            raise ValueError(
                f'Gripper: unknown options {sorted(options)}; there are "params", "x0"'
            )
        if x is None:
            members, episodes = range(member, member + self.batch), range(episode, episode + 1)
            eps = normal(NOISE, members, episodes, dtype=torch.float32, device=self.device)[:, 0]
            x = (self.x_sigma * eps).clamp(-X_LIMIT, X_LIMIT)
        self.state = init_state(
            self.params, self.batch, x=x, dtype=torch.float32, device=self.device
        )
        self.z_ref, self.now = self.state.z_hand, 0
        self.seen = contacts(self.state, Command(self.z_ref, 0.0, 0 * self.z_ref), self.params, DT)
        return self.observation()

    def step(self, action: Tensor) -> tuple[Tensor, Tensor]:
        """What is observed after an action (B, 2), and the reward."""
        state, p = self._running(), self.params
        before = potential(state, p)
        end = self.z_ref + HAND_SPEED * action[:, 0] / self.frequency
        end = torch.minimum(end.clamp(min=LOWEST), 0 * end + p.z_lift)
        start, speed, v_w = (
            self.z_ref,
            (end - self.z_ref) * self.frequency,
            -p.v_close * action[:, 1],
        )
        run = functools.partial(_fused, self.kernel) if self.kernel else _eager
        state = run(state, Command(start, speed, v_w), p, self.substeps)
        command = Command(end, speed, v_w)
        self.z_ref = end
        self.state, self.now = state, self.now + 1
        self.seen = contacts(state, command, p, DT)
        reward = state.z - p.b if self.ended else 0 * state.z
        if self.shaped:
            after = 0 * before if self.ended else potential(state, p)
            reward = reward + self.gamma * after - before
        return self.observation(), reward

    def observation(self) -> Tensor:
        """(B, 13)."""
        state = self._running()
        left = torch.full_like(self.z_ref, (self.length - self.now) / self.frequency)
        columns = (*state, grip_force(self.seen), self.z_ref - state.z_hand, left)
        low, high = (torch.from_numpy(limit).to(self.device) for limit in (LOW, HIGH))
        return torch.stack(columns, 1).clamp(low, high)

    def _running(self) -> GripperState:
        if self.state is None:
            raise RuntimeError("Gripper: call reset first")
        return self.state

    def action(self, action: Any, shape: tuple[int, ...]) -> Tensor:
        """The action as a tensor (B, 2), checked, and cut to [-1, 1]."""
        if self._running() and self.ended:
            raise RuntimeError("Gripper: the episode has ended; call reset")
        tensor = torch.as_tensor(action, dtype=torch.float32, device=self.device)
        if tensor.shape != shape or not bool(tensor.isfinite().all()):
            raise ValueError(f"Gripper: action = {action}; give finite numbers of shape {shape}")
        return tensor.reshape(-1, 2).clamp(-1, 1)


class GripperEnv(gymnasium.Env):
    """One gripper. The module's docstring says what it observes, does and rewards.

    Args:
        params: of the simulator; None: the defaults.
        reward: "sparse" or "shaped".
        gamma: the learner's discount, for "shaped".
        frequency: of actions, Hz: 5, 10, 20, 25, 40 or 50.
        horizon: s.
        x_sigma: standard deviation of the brick's start, m, cut at 25 mm.
        device: where the simulator computes.
    Raises:
        ValueError: if one of them, an option or an action is not that. RuntimeError: before reset.

    `reset(seed=s)` starts the starts of the member s; each `reset()` goes to its next episode.
    `options` may hold "params" and "x0", for that episode.
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        *,
        params: GripperParams | None = None,
        reward: Literal["sparse", "shaped"] = "sparse",
        gamma: float = 0.99,
        frequency: int = 20,
        horizon: float = 5.0,
        x_sigma: float = 0.005,
        device: torch.device | str | None = None,
        render_mode: None = None,
    ) -> None:
        self.episodes = Episodes(1, params, reward, gamma, frequency, horizon, x_sigma, device)
        self.observation_space, self.action_space = _spaces()
        self.render_mode = render_mode
        self._address: tuple[int, int] | None = None  # member and episode

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self._address = _next(self._address, seed, self)
        seen = self.episodes.reset(*self._address, options)
        return seen[0].cpu().numpy(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        seen, reward = self.episodes.step(self.episodes.action(action, (2,)))
        return seen[0].cpu().numpy(), float(reward[0]), self.episodes.ended, False, {}


class GripperVectorEnv(VectorEnv):
    """B grippers in one batch: environment i is `GripperEnv` with the seed s + i, to the bit.

    Arguments as for `GripperEnv`, where fields of `params` may be tensors (B,), one value for each
    environment. All episodes end together. Autoreset is Gymnasium's next-step mode: the step after
    the end ignores its action, resets and has reward 0.

    With `tensors` the actions may be, and observations, rewards and ends are, torch tensors on the
    device, and nothing crosses to numpy.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        *,
        params: GripperParams | None = None,
        reward: Literal["sparse", "shaped"] = "sparse",
        gamma: float = 0.99,
        frequency: int = 20,
        horizon: float = 5.0,
        x_sigma: float = 0.005,
        device: torch.device | str | None = None,
        tensors: bool = False,
    ) -> None:
        self.num_envs, self.tensors = num_envs, tensors
        self.episodes = Episodes(
            num_envs, params, reward, gamma, frequency, horizon, x_sigma, device
        )
        self.single_observation_space, self.single_action_space = _spaces()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._address: tuple[int, int] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._address = _next(self._address, seed, self)
        return self._out(self.episodes.reset(*self._address, options)), {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        if self.episodes.state is not None and self.episodes.ended:
            seen, _ = self.reset()
            reward = torch.zeros(self.num_envs, device=self.episodes.device)
        else:
            seen, reward = self.episodes.step(self.episodes.action(action, (self.num_envs, 2)))
            seen = self._out(seen)
        ended = torch.full_like(reward, self.episodes.ended, dtype=torch.bool)
        return seen, *map(self._out, (reward, ended, torch.zeros_like(ended))), {}

    def _out(self, tensor: Tensor) -> Any:
        return tensor if self.tensors else tensor.cpu().numpy()


def record(
    policy: Callable[[np.ndarray], Any],
    *,
    seed: int = 0,
    options: dict[str, Any] | None = None,
    **task: Any,
) -> Trajectory:
    """One episode of a policy, observation (13,) to action (2,), kept at every action.

    `task` are arguments of `GripperEnv`. The result has T = horizon frequency + 1 moments and
    B = 1, as of `rollout`, for `course.widgets.watch`.
    """
    env = GripperEnv(**task)
    seen, _ = env.reset(seed=seed, options=options)
    kept = [(env.episodes.state, env.episodes.seen)]
    while not env.episodes.ended:
        seen, *_ = env.step(policy(seen))
        kept.append((env.episodes.state, env.episodes.seen))
    states, touched = ([torch.stack(c) for c in zip(*part, strict=True)]
                       for part in zip(*kept, strict=True))  # fmt: skip
    time = torch.arange(len(kept)).to(states[0]) / env.episodes.frequency
    return Trajectory(time, GripperState(*states), Contacts(*touched))


def _spaces() -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Box]:
    return gymnasium.spaces.Box(LOW, HIGH), gymnasium.spaces.Box(-1.0, 1.0, (2,))


def _next(
    address: tuple[int, int] | None, seed: int | None, env: GripperEnv | GripperVectorEnv
) -> tuple[int, int]:
    """Member and episode of a reset: a new seed, or the next episode of the old one."""
    if seed is not None:
        return seed, 0
    if address is None:
        return int(env.np_random.integers(2**62)), 0
    return address[0], address[1] + 1


gymnasium.register(
    ID,
    entry_point="smoothlib.gripper_env:GripperEnv",
    vector_entry_point="smoothlib.gripper_env:GripperVectorEnv",
)
