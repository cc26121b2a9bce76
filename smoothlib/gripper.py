"""The gripper: a hand that descends, closes on a brick and lifts it, many at once.

    rollout(z_close, params) -> Result       5 seconds of B grippers; Result.height is the reward
    step(state, command, params, dt)         one step, for a controller of your own
    init_state, schedule                     what rollout starts from and follows

The reward as a function of z_close, the height of the fingertips when they close, is a cliff, a
slope and a cliff (`gripper_objective` has the closed form). Three sources of noise smooth it, each
a tensor drawn outside: noise on z_close, random starts (`initial`), random parameters (`params`).

Parameters and schedule are in `gripper_model`, the physics in `gripper_physics`.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.gripper_model import (
    GripperParams,
    GripperState,
    check_alike,
    init_state,
    schedule,
)
from smoothlib.gripper_physics import Contacts, contacts, step

MAX_DT = 2e-3  # s; at 4 ms 30 of 200 random scenes end otherwise than they should
CHUNK = 4096  # environments that eager steps work on at once, so that they stay in the cache


class Trajectory(NamedTuple):
    """T recorded moments: time (T,) in s, the states, each (T, B), and the contacts, (T, 21, B)."""

    time: Float[Tensor, " t"]
    state: GripperState
    contacts: Contacts


class Result(NamedTuple):
    """The brick's height at the end, m, the whole state then, and what was recorded."""

    height: Float[Tensor, " b"]
    state: GripperState
    trajectory: Trajectory | None


def rollout(
    z_close: Float[Tensor, " b"],
    params: GripperParams | None = None,
    *,
    initial: GripperState | None = None,
    dt: float = 1e-3,
    horizon: float = 5.0,
    record_every: int = 0,
    backend: str = "auto",
) -> Result:
    """Let B hands close at z_close (m) and lift.

    Args:
        z_close: height of the fingertips at which they close, (B,), float32 or float64.
        params: floats, or tensors (B,) like z_close.
        initial: where to start, from `init_state`; None: a brick on the table at x = 0.
        dt: s; up to 2 ms, of which 1 ms is the accuracy that the tests hold.
        horizon: s, a whole number of steps.
        record_every: keep every so many steps, the first and the last; 0 keeps none.
        backend: "eager", or "auto".
    Raises:
        TypeError, ValueError: if the arguments are not that.

    Forward mode (`torch.func.jvp`) gives pathwise derivatives without a memory of the steps.
    """
    params = params or GripperParams()
    steps = _check_rollout(z_close, params, dt, horizon, record_every, backend)
    if initial is None:
        initial = init_state(params, len(z_close), dtype=z_close.dtype, device=z_close.device)
    check_alike("rollout", z_close=z_close, **initial._asdict())
    kept = _eager(z_close, params, initial, dt, _moments(steps, record_every))
    state = GripperState(*(column[-1] for column in kept))
    if not record_every:
        return Result(state.z, state, None)
    moments = torch.tensor(_moments(steps, record_every), device=z_close.device)
    time = (moments * dt).to(z_close)
    command = schedule(time[:, None], z_close, params)
    seen = contacts(kept, command, params, dt)
    return Result(
        state.z, state, Trajectory(time, kept, Contacts(*(c.movedim(0, 1) for c in seen)))
    )


def _moments(steps: int, every: int) -> list[int]:
    """The steps before which the state is kept; the last one always is."""
    return [*range(0, steps, every), steps] if every else [steps]


def _eager(
    z_close: Tensor, params: GripperParams, initial: GripperState, dt: float, moments: list[int]
) -> GripperState:
    """The states at those moments, each (T, B), in plain torch."""
    parts = []
    for part in _slices(len(z_close)):
        few = _sliced(params, part)
        state, z, kept = GripperState(*(c[part] for c in initial)), z_close[part], []
        for i in range(moments[-1] + 1):
            if i == moments[len(kept)]:
                kept.append(state)
            if i < moments[-1]:
                t = torch.tensor(i * dt, dtype=z.dtype, device=z.device)
                state = step(state, schedule(t, z, few), few, dt)
        parts.append([torch.stack(columns) for columns in zip(*kept, strict=True)])
    return GripperState(*(torch.cat(columns, 1) for columns in zip(*parts, strict=True)))


def _slices(batch: int) -> Iterator[slice]:
    return (slice(i, i + CHUNK) for i in range(0, max(batch, 1), CHUNK))


def _sliced(params: GripperParams, part: slice) -> GripperParams:
    return GripperParams(
        **{k: v[part] if isinstance(v, Tensor) else v for k, v in vars(params).items()}
    )


def _check_rollout(
    z_close: Tensor, params: GripperParams, dt: float, horizon: float, every: int, backend: str
) -> int:
    """The number of steps."""
    if not isinstance(z_close, Tensor):
        raise TypeError(
            f"rollout: z_close is a {type(z_close).__name__}, not a tensor (B,); "
            "torch.tensor([0.02], dtype=torch.float64) is one hand"
        )
    check_alike("rollout", z_close=z_close, **params.tensors())
    if not bool(z_close.isfinite().all()):
        bad = z_close[~z_close.isfinite()][0].item()
        raise ValueError(f"rollout: z_close has {bad}; a finite height in m is needed")
    if not 0 < dt <= MAX_DT:
        raise ValueError(f"rollout: dt = {dt:g} s; take 0 < dt <= {MAX_DT:g}, best 1e-3")
    steps = round(horizon / dt) if math.isfinite(horizon) else 0
    if steps < 1 or not math.isclose(steps * dt, horizon, rel_tol=1e-6):
        raise ValueError(f"rollout: horizon = {horizon:g} s is no whole number of dt = {dt:g} s")
    if not isinstance(every, int) or every < 0:
        raise ValueError(f"rollout: record_every = {every} steps; take 0, 1, 2, ...")
    if backend not in ("auto", "eager"):
        raise ValueError(f'rollout: there is no backend "{backend}"; take "auto" or "eager"')
    return steps
