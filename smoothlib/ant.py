"""Gymnasium's Ant-v5 for many ants at once: MuJoCo's physics in threads, pure as the others are.

    ant = Ant(contacts=False)
    state = ant.reset(40, seed=0)
    state, reward, terminated, truncated = ant.step(state, action)      # action (40, 8)

A torso on four legs is paid for running along x:

    reward = v_x + 1 - ½ Σ a² - 5e-4 Σ clip(contact, -1, 1)²      (+ 1 while healthy)

Doing nothing earns almost 1 a step, and random actions less than nothing. Rewards, observations
and ends equal Gymnasium's step for step. What it computes anew at each step is not repeated: the
rows of MuJoCo's own state (positions, velocities, the solver's warm start) are all there is to
carry, so a few simulators serve any number of ants.

`mujoco.rollout` and `mujoco.batch` cannot serve: the reward needs the contact forces and the torso
of the last Runge-Kutta stage, which neither hands out.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int32
from torch import Tensor

from smoothlib.environments import FIRST, Transition, check_continuous, check_horizon, uniform
from smoothlib.noise import Dtype, normal

try:
    import gymnasium
    import mujoco
except ImportError as error:
    raise ImportError(
        "smoothlib.ant needs Gymnasium and MuJoCo: pip install 'smooth-course[mujoco]'"
    ) from error

SUBSTEPS = 5
DT = 0.05  # s, one step
HEALTHY = (0.2, 1.0)  # m, of the torso's height
NOISE = 0.1  # of a start
CONTROL_COST, CONTACT_COST = 0.5, 5e-4
TORSO = 1
SPEC = int(
    mujoco.mjtState.mjSTATE_QPOS
    | mujoco.mjtState.mjSTATE_QVEL
    | mujoco.mjtState.mjSTATE_WARMSTART
    | mujoco.mjtState.mjSTATE_CTRL
)
Q, V, U = 15, 14, 8  # positions, velocities, actions
PIECES = 4  # a thread: ants take unequal time


class AntState(NamedTuple):
    """One row an ant; MuJoCo's numbers are float64 whatever the observations are."""

    physics: Float64[Tensor, "n 51"]  # positions, velocities, warm start, actions
    x: Float64[Tensor, " n"]  # of the torso, m, from which the next step is paid
    contact: Float64[Tensor, "n 78"]  # torque and force on each of the 13 bodies, in ±1
    t: Int32[Tensor, " n"]


@dataclass(frozen=True)
class Ant:
    """Ant-v5. An ant whose torso leaves 0.2 … 1 m is over, and stays as it is at reward 0.

    Observed are the torso's height and orientation, 8 joint angles, 14 velocities, and with
    `contacts` the 78 numbers of contact: 105 in all, 27 without. Actions are torques, cut to ±1 as
    Gymnasium's space of actions asks. At reset positions are uniform in ±0.1 around standing,
    velocities normal with 0.1.

    By Euler's rule in place of Runge and Kutta's the physics costs a quarter, and differs a little:
    something to search in, not to be scored in.

    Args:
        contacts: whether contact forces are observed, as in Gymnasium by default.
        horizon: steps until truncation.
        threads: how many; as many as torch has if None.
        dtype: of observations and rewards; torch's default if None.
        euler: whether to integrate by Euler's rule.
    Raises:
        ValueError: if horizon or threads is below 1, or an action is not (n, 8).
    """

    contacts: bool = True
    horizon: int = 1000
    threads: int | None = None
    dtype: Dtype = None
    euler: bool = False

    action_size = U
    discrete = False

    def __post_init__(self) -> None:
        check_horizon(self)
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"Ant: threads = {self.threads}; give 1 or more, or None")

    @property
    def observation_size(self) -> int:
        return 105 if self.contacts else 27

    def reset(self, n: int, seed: int) -> AntState:
        position = NOISE * (2 * uniform(seed, n, Q, torch.float64, None) - 1)
        speeds = range(FIRST + Q, FIRST + Q + V)
        velocity = NOISE * normal(seed, n, speeds, dtype=torch.float64)
        rest = torch.zeros(n, V + U, dtype=torch.float64)
        standing = torch.from_numpy(_model(self.euler).qpos0)
        physics = torch.cat((standing + position, velocity, rest), 1)
        _in_threads(_settle, n, self.threads, self.euler, physics.numpy())
        contact, t = physics.new_zeros(n, 78), torch.zeros(n, dtype=torch.int32)
        return AntState(physics, physics[:, 0].clone(), contact, t)

    def observe(self, state: AntState) -> Float[Tensor, "n o"]:
        seen = state.physics[:, 2 : Q + V]
        seen = torch.cat((seen, state.contact), 1) if self.contacts else seen
        return seen.to(self.dtype or torch.get_default_dtype())

    def step(self, state: AntState, action: Float[Tensor, "n 8"]) -> Transition:
        check_continuous(self, action, len(state.t))
        action = action.detach().to(torch.float64).clamp(-1, 1)
        running = _healthy(state.physics)
        kept = [row.clone() for row in (state.physics, state.x, state.contact)]
        after = AntState(kept[0], kept[1], kept[2], state.t + 1)
        after.physics[:, -U:] = action
        rows = running.nonzero()[:, 0].tolist()
        arrays = [row.numpy() for row in kept]
        _in_threads(_simulate, len(rows), self.threads, self.euler, rows, *arrays)
        healthy = running & _healthy(after.physics)
        forward = (after.x - state.x) / DT
        cost = CONTROL_COST * (action**2).sum(1) + CONTACT_COST * (after.contact**2).sum(1)
        reward = torch.where(running, forward + healthy.double() - cost, 0.0)
        return Transition(
            after,
            reward.to(self.dtype or torch.get_default_dtype()),
            ~healthy,
            after.t >= self.horizon,
        )


# --- MuJoCo -------------------------------------------------------------------------------


@cache
def _model(euler: bool) -> Any:
    """Gymnasium's ant; without a search for islands, of which one ant has one: the same bits."""
    assets = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
    model = mujoco.MjModel.from_xml_path(str(assets / "ant.xml"))
    model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
    if euler:
        model.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
    return model


_own = threading.local()


def _data() -> Any:
    """This thread's simulator, for either model."""
    if not hasattr(_own, "data"):
        _own.data = mujoco.MjData(_model(False))
    return _own.data


def _settle(rows: range, euler: bool, physics: np.ndarray) -> None:
    """Starts as Gymnasium makes them: from MuJoCo's own reset, once forward."""
    model, data = _model(euler), _data()
    for i in rows:
        mujoco.mj_resetData(model, data)
        mujoco.mj_setState(model, data, physics[i], SPEC)
        mujoco.mj_forward(model, data)
        mujoco.mj_getState(model, data, physics[i], SPEC)


def _simulate(
    some: range,
    euler: bool,
    rows: list[int],
    physics: np.ndarray,
    x: np.ndarray,
    contact: np.ndarray,
) -> None:
    """One step of some ants, in place."""
    model, data = _model(euler), _data()
    force, torso = data.cfrc_ext[1:].reshape(-1), data.xpos[TORSO]
    for k in some:
        i = rows[k]
        mujoco.mj_setState(model, data, physics[i], SPEC)
        mujoco.mj_step(model, data, SUBSTEPS)
        mujoco.mj_rnePostConstraint(model, data)
        mujoco.mj_getState(model, data, physics[i], SPEC)
        contact[i], x[i] = force, torso[0]
    picked = rows[some.start : some.stop]
    contact[picked] = contact[picked].clip(-1, 1)


def _healthy(physics: Float64[Tensor, "n 51"]) -> Tensor:
    z = physics[:, 2]
    return physics[:, : Q + V].isfinite().all(1) & (z >= HEALTHY[0]) & (z <= HEALTHY[1])


def _in_threads(work: Any, n: int, threads: int | None, *arguments: Any) -> None:
    """work(range, *arguments) for pieces of range(n), side by side: MuJoCo lets go of the GIL."""
    threads = threads or torch.get_num_threads()
    if threads == 1 or n < 2:
        work(range(n), *arguments)
        return
    size = -(-n // (PIECES * threads))
    pieces = [range(i, min(i + size, n)) for i in range(0, n, size)]
    list(_pool(threads).map(lambda piece: work(piece, *arguments), pieces))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
