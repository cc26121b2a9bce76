"""The rollout: five seconds of B grippers, by one of three backends with one definition of physics.

Plain torch, or one kernel for all steps, in C++ (`gripper_cpu`) or Triton (`gripper_cuda`).
"""

import functools
import importlib.util
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib import gripper_cpu, native
from smoothlib.gripper_code import tangent_name
from smoothlib.gripper_model import (
    GripperParams,
    GripperState,
    Scalar,
    check_alike,
    init_state,
    schedule,
)
from smoothlib.gripper_physics import Contacts, contacts, step

MAX_DT = 2e-3  # s; at 4 ms 30 of 200 random scenes end otherwise than they should
BACKENDS = {"auto": "any", "eager": "any", "compile": "cpu", "triton": "cuda"}  # and device
WORTH_COMPILING = 1500  # steps that take torch as long as the compiler takes for the code
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
        backend: "eager" is plain torch; "compile" is the same, written as C++ and compiled in some
            seconds, for CPU; "triton" the same in one kernel, for CUDA; "auto" takes what is at
            hand and pays.
    Raises:
        TypeError, ValueError: if the arguments are not that.

    Pathwise derivatives, by `torch.func.jvp` or by backward, which runs forward mode once for each
    input that requires a gradient: the memory does not grow with the horizon, except for backward
    through "eager". Where fingers meet the brick one after the other (x != 0) the derivative is
    exact and useless: the impacts multiply it, to 1e6 and more.
    """
    params = params or GripperParams()
    steps = _check_rollout(z_close, params, dt, horizon, record_every, backend)
    if initial is None:
        initial = init_state(params, len(z_close), dtype=z_close.dtype, device=z_close.device)
    check_alike("rollout", z_close=z_close, **initial._asdict())
    backend = _picked(backend, z_close, steps)
    run = _eager if backend == "eager" else functools.partial(_fused, backend)
    moments = [*range(0, steps, record_every or steps), steps]
    time = torch.arange(steps + 1, dtype=torch.float64, device=z_close.device) * dt
    time, kept = time.to(z_close.dtype), [initial]
    for first, last in itertools.pairwise(moments):
        kept.append(run(kept[-1], z_close, params, dt, time[first:last]))
        if not record_every:
            return Result(kept[-1].z, kept[-1], None)
    states = GripperState(*(torch.stack(columns) for columns in zip(*kept, strict=True)))
    command = schedule(time[moments][:, None], z_close, params)
    seen = Contacts(*(c.movedim(0, 1) for c in contacts(states, command, params, dt)))
    return Result(kept[-1].z, kept[-1], Trajectory(time[moments], states, seen))


def _picked(backend: str, z_close: Tensor, steps: int) -> str:
    """The backend that "auto" means: compiled where that takes less than the steps in torch."""
    if backend != "auto":
        return backend
    if z_close.is_cuda:
        return "triton" if importlib.util.find_spec("triton") else "eager"
    return "compile" if steps >= WORTH_COMPILING and native.compiler() else "eager"


def _eager(
    state: GripperState, z_close: Tensor, params: GripperParams, dt: float, time: Tensor
) -> GripperState:
    """The state after the steps that start at those times, in plain torch."""
    if len(z_close) <= CHUNK:
        for t in time:
            state = step(state, schedule(t, z_close, params), params, dt)
        return state
    parts = [
        _eager(GripperState(*(c[i] for c in state)), z_close[i], _sliced(params, i), dt, time)
        for i in _slices(len(z_close))
    ]
    return GripperState(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _fused(
    backend: str,
    state: GripperState,
    z_close: Tensor,
    params: GripperParams,
    dt: float,
    time: Tensor,
) -> GripperState:
    """The same in one kernel, by `gripper_cpu` or `gripper_cuda`."""
    columns = {"z_close": z_close, **state._asdict(), **vars(params)}
    return GripperState(*_Fused.apply(backend, dt, time, tuple(columns), *columns.values()))


class _Fused(torch.autograd.Function):
    """Many steps in one kernel, and its derivative in forward mode by a kernel that has both."""

    @staticmethod
    def forward(
        backend: str, dt: float, time: Tensor, names: tuple[str, ...], *columns: Scalar
    ) -> tuple[Tensor, ...]:
        if backend == "compile":
            run = gripper_cpu.run
        else:
            from smoothlib.gripper_cuda import run  # triton is there where CUDA is
        return tuple(run(dict(zip(names, columns, strict=True)), dt, time).values())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.settings, ctx.names, columns = inputs[:3], inputs[3], inputs[4:]
        ctx.numbers = [None if isinstance(c, Tensor) else c for c in columns]
        tensors = [c for c in columns if isinstance(c, Tensor)]
        ctx.save_for_forward(*tensors)
        ctx.save_for_backward(*tensors)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> tuple[Tensor, ...]:
        given = zip(ctx.names, tangents[4:], strict=True)
        return _derivative(ctx, {name: dot for name, dot in given if dot is not None})

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Environments do not mix, so that one forward run for each input gives its gradient."""
        found: list[Tensor | None] = [None] * len(ctx.needs_input_grad)
        for i, name in enumerate(ctx.names, 4):
            if ctx.needs_input_grad[i]:
                tangents = _derivative(ctx, {name: torch.ones_like(grads[0])})
                found[i] = torch.stack(
                    [g * dot for g, dot in zip(grads, tangents, strict=True)]
                ).sum(0)
        return tuple(found)


def _derivative(ctx: Any, tangents: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """That of the state at the end, along tangents of the columns."""
    saved = iter(ctx.saved_tensors)
    columns = {
        name: next(saved) if number is None else number
        for name, number in zip(ctx.names, ctx.numbers, strict=True)
    }
    columns |= {tangent_name(n): torch.zeros_like(columns[n]) for n in GripperState._fields}
    columns |= {tangent_name(n): dot for n, dot in tangents.items()}
    found = _Fused.apply(*ctx.settings, tuple(columns), *columns.values())
    return tuple(found[len(GripperState._fields) :])


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
    if backend not in BACKENDS:
        raise ValueError(f'rollout: there is no backend "{backend}"; take one of {[*BACKENDS]}')
    if BACKENDS[backend] not in ("any", z_close.device.type):
        raise ValueError(
            f'rollout: backend "{backend}" is for {BACKENDS[backend]}, and z_close is on '
            f'{z_close.device}; take "auto", or z_close.to("{BACKENDS[backend]}")'
        )
    return steps
