"""Environments as batches of tensors: n episodes side by side, one call a step, no autoreset.

    state = environment.reset(n, seed)
    observation = environment.observe(state)                   (n, o)
    state, reward, terminated, truncated = environment.step(state, action)

A state is a NamedTuple of tensors with n rows each and carries the count of its steps; `step` is
pure, so a state can be kept, stepped twice, or put together from the rows of others. After
`terminated` (the task is over) or `truncated` (the horizon is reached) the rows go on as the
equations say: what comes then is not part of the episode, and the caller leaves it out.

Rewards are to be maximised. Where the physics is smooth the step is differentiable. The start of
member i depends on the seed and on i alone (`noise.normal`, coordinates from `FIRST` on, so that
a policy may draw its noise at the same seed and members).
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor

from smoothlib import cartpole_cpu
from smoothlib.noise import Device, Dtype, normal

FIRST = 1 << 40  # coordinates of the noise that environments draw


class Transition(NamedTuple):
    """What a step gives: the next state, of the kind that went in, and what the step was worth."""

    state: Any
    reward: Float[Tensor, " n"]
    terminated: Bool[Tensor, " n"]
    truncated: Bool[Tensor, " n"]


@runtime_checkable
class Environment(Protocol):
    """What the learners ask of an environment.

    An action is an int64 in 0 … action_size - 1 where `discrete`, shape (n,), and otherwise a
    point of action_size numbers, shape (n, action_size). An episode is truncated after `horizon`
    steps.
    """

    @property
    def observation_size(self) -> int: ...
    @property
    def action_size(self) -> int: ...
    @property
    def discrete(self) -> bool: ...
    @property
    def horizon(self) -> int: ...

    def reset(self, n: int, seed: int) -> Any: ...
    def observe(self, state: Any) -> Tensor: ...
    def step(self, state: Any, action: Tensor) -> Transition: ...


# --- CartPole -------------------------------------------------------------------------------

GRAVITY = 9.8  # m/s²
CART, POLE = 1.0, 0.1  # kg
HALF_LENGTH = 0.5  # m, of the pole
PUSH = 10.0  # N
TAU = 0.02  # s, one step
X_LIMIT = 2.4  # m
ANGLE_LIMIT = math.radians(12)
START = 0.05  # each number of a start is uniform in ±START
_CONSTANTS = (
    ("g", GRAVITY),
    ("tau", TAU),
    ("push", PUSH / (CART + POLE)),
    ("two_pushes", 2 * PUSH / (CART + POLE)),
    ("moment", POLE * HALF_LENGTH / (CART + POLE)),
    ("inertia", HALF_LENGTH * 4 / 3),
    ("swung", HALF_LENGTH * POLE / (CART + POLE)),
    ("x_limit", X_LIMIT),
    ("angle_limit", ANGLE_LIMIT),
)


class CartPoleState(NamedTuple):
    """Cart and pole, SI units; the angle is from upright, and t counts steps."""

    x: Float[Tensor, " n"]
    x_dot: Float[Tensor, " n"]
    angle: Float[Tensor, " n"]
    angle_dot: Float[Tensor, " n"]
    t: Int32[Tensor, " n"]


@dataclass(frozen=True)
class CartPole:
    """Gymnasium's CartPole-v1: push a cart left (0) or right (1) so that its pole stays up.

    w = (F + m l φ̇² sin φ) / (M + m)
    φ̈ = (g sin φ - w cos φ) / (l (4/3 - m cos² φ / (M + m)))
    ẍ = w - m l φ̈ cos φ / (M + m)

    by Euler's explicit rule at 0.02 s. See *Neuronlike adaptive elements that can solve difficult
    learning control problems*, Barto, Sutton and Anderson 1983. The reward is 1 a step, that of
    the fall included. Over when |x| > 2.4 m or |φ| > 12°; observed are x, ẋ, φ, φ̇.

    Equal to Gymnasium's step for step: in float64 to rounding, in float32 to 1e-6 a step.

    Args:
        horizon: steps until truncation. dtype: torch's default if None. device: of the states.
        compile: step in one loop of C++, on the CPU and without derivatives: it takes a compiler
            and about a second once, and pays from some thousand steps.
    Raises:
        ValueError: if horizon is below 1, if it shall compile for another device than the CPU, or
            if an action is not of 0s and 1s, int64, shape (n,).
        RuntimeError: if there is no compiler to compile with.
    """

    horizon: int = 500
    dtype: Dtype = None
    device: Device = None
    compile: bool = False

    observation_size = 4
    action_size = 2
    discrete = True

    def __post_init__(self) -> None:
        check_horizon(self)
        if self.compile and torch.device(self.device or "cpu").type != "cpu":
            raise ValueError(
                f"CartPole: compile=True is for the CPU, not {self.device}; leave it out there"
            )

    def reset(self, n: int, seed: int) -> CartPoleState:
        """n starts, each number uniform in ±0.05."""
        start = START * (2 * uniform(seed, n, 4, self.dtype, self.device) - 1)
        t = torch.zeros(n, dtype=torch.int32, device=self.device)
        x, x_dot, angle, angle_dot = start.T.contiguous()
        return CartPoleState(x, x_dot, angle, angle_dot, t)

    def observe(self, state: CartPoleState) -> Float[Tensor, "n 4"]:
        return torch.stack(state[:4]).T  # faster by far than columns side by side

    def step(self, state: CartPoleState, action: Int64[Tensor, " n"]) -> Transition:
        x, x_dot, angle, angle_dot, t = state
        if self.compile:
            return self._compiled(state, action)
        check_discrete(self, action, len(x))
        total = CART + POLE
        moment = POLE * HALF_LENGTH / total
        sin, cos = torch.sin(angle), torch.cos(angle)
        push = action.to(x.dtype).mul_(2 * PUSH / total).sub_(PUSH / total)
        w = torch.addcmul(push, angle_dot * angle_dot, sin, value=moment)
        inertia = torch.rsub(cos * cos, HALF_LENGTH * 4 / 3, alpha=HALF_LENGTH * POLE / total)
        angle_ddot = torch.addcmul(GRAVITY * sin, cos, w, value=-1) / inertia
        x_ddot = torch.addcmul(w, angle_ddot, cos, value=-moment)
        after = CartPoleState(
            torch.add(x, x_dot, alpha=TAU),
            torch.add(x_dot, x_ddot, alpha=TAU),
            torch.add(angle, angle_dot, alpha=TAU),
            torch.add(angle_dot, angle_ddot, alpha=TAU),
            t + 1,
        )
        terminated = (after.x.abs() > X_LIMIT) | (after.angle.abs() > ANGLE_LIMIT)
        return Transition(after, torch.ones_like(x), terminated, after.t >= self.horizon)

    def _compiled(self, state: CartPoleState, action: Int64[Tensor, " n"]) -> Transition:
        """The loop looks at the actions itself; those that it refuses are looked at again."""
        n = len(state.t)
        check_shape_of_discrete(self, action, n)
        after, known = cartpole_cpu.run(state[:4], action, state.t, self.horizon, _CONSTANTS)
        if not known:
            check_discrete(self, action, n)
        x, x_dot, angle, angle_dot = after.numbers.unbind()
        reached = CartPoleState(x, x_dot, angle, angle_dot, after.t)
        return Transition(reached, torch.ones_like(x), after.terminated, after.truncated)


# --- Pendulum -------------------------------------------------------------------------------

TORQUE_LIMIT = 2.0  # N m
SPEED_LIMIT = 8.0  # rad/s
PENDULUM_TAU = 0.05  # s


class PendulumState(NamedTuple):
    """The angle is from upright, rad, and not wrapped; its speed, rad/s; t counts steps."""

    angle: Float[Tensor, " n"]
    angle_dot: Float[Tensor, " n"]
    t: Int32[Tensor, " n"]


@dataclass(frozen=True)
class Pendulum:
    """Gymnasium's Pendulum-v1: swing up a rod of 1 m and 1 kg whose motor is too weak to lift it.

    φ̇' = φ̇ + (15 sin φ + 3 u) 0.05,   φ' = φ + 0.05 φ̇'        (g = 10 m/s²)
    reward = -(φ² + 0.1 φ̇² + 0.001 u²)      with φ wrapped to [-π, π)

    The torque u is cut to ±2 N m, the speed to ±8 rad/s; there the derivative is 0. Nothing
    terminates. Observed are cos φ, sin φ, φ̇. Starts: φ uniform in ±π, φ̇ in ±1. Equal to
    Gymnasium's step for step: in float64 to rounding.

    Args:
        horizon: steps until truncation. dtype: torch's default if None. device: of the states.
    Raises:
        ValueError: if horizon is below 1, or an action is not (n, 1).
    """

    horizon: int = 200
    dtype: Dtype = None
    device: Device = None

    observation_size = 3
    action_size = 1
    discrete = False

    def __post_init__(self) -> None:
        check_horizon(self)

    def reset(self, n: int, seed: int) -> PendulumState:
        angle, angle_dot = 2 * uniform(seed, n, 2, self.dtype, self.device).T - 1
        t = torch.zeros(n, dtype=torch.int32, device=self.device)
        return PendulumState(math.pi * angle, angle_dot.contiguous(), t)

    def observe(self, state: PendulumState) -> Float[Tensor, "n 3"]:
        return torch.stack((state.angle.cos(), state.angle.sin(), state.angle_dot)).T

    def step(self, state: PendulumState, action: Float[Tensor, "n 1"]) -> Transition:
        angle, angle_dot, t = state
        check_continuous(self, action, len(angle))
        u = action[:, 0].clamp(-TORQUE_LIMIT, TORQUE_LIMIT)
        wrapped = torch.remainder(angle + math.pi, math.tau) - math.pi
        cost = wrapped**2 + 0.1 * angle_dot**2 + 0.001 * u**2
        speed = angle_dot + PENDULUM_TAU * (15 * angle.sin() + 3 * u)
        speed = speed.clamp(-SPEED_LIMIT, SPEED_LIMIT)
        after = PendulumState(angle + PENDULUM_TAU * speed, speed, t + 1)
        never = torch.zeros_like(t, dtype=torch.bool)
        return Transition(after, -cost, never, after.t >= self.horizon)


# --- linear system, quadratic cost ----------------------------------------------------------


class LinearQuadraticState(NamedTuple):
    """The system's state s, the count of steps, and the noise of all steps (none: 0 of them)."""

    s: Float[Tensor, "n d"]
    t: Int32[Tensor, " n"]
    noise: Float[Tensor, "n steps d"]


@dataclass(frozen=True, eq=False)
class LinearQuadratic:
    """The linear-quadratic system, of closed returns and gradients: `finite_horizon`, a = Ks.

    s' = A s + B a + w,   w = process_sigma ε        reward = offset - sᵀQs - aᵀRa

    for t = 0 … horizon - 1; the last state is not paid for. s₀ = start + start_sigma ε. Nothing
    terminates; all of it is differentiable, in the action and in the matrices. An unstable
    policy's reward falls without bound, and to -inf in the end.

    Args:
        A: (d, d). B: (d, k). Q: (d, d) and R: (k, k), symmetric. start: (d,).
        start_sigma, process_sigma: standard deviations, one number or (d,).
        offset: reward of doing nothing at s = 0, each step.
    Raises:
        ValueError: if shapes disagree, Q or R is not symmetric or horizon is below 1; if an action
            is not (n, k).
    """

    A: Float[Tensor, "d d"]
    B: Float[Tensor, "d k"]
    Q: Float[Tensor, "d d"]
    R: Float[Tensor, "k k"]
    start: Float[Tensor, " d"]
    horizon: int = 100
    start_sigma: float | Float[Tensor, " d"] = 0.0
    process_sigma: float | Float[Tensor, " d"] = 0.0
    offset: float = 0.0

    discrete = False

    @staticmethod
    def scalar(
        a: float = 0.9,
        b: float = 0.5,
        q: float = 1.0,
        r: float = 0.1,
        start: float = 1.0,
        horizon: int = 5,
        *,
        start_sigma: float = 0.0,
        process_sigma: float = 0.0,
        offset: float = 0.0,
        dtype: Dtype = None,
        device: Device = None,
    ) -> "LinearQuadratic":
        """One number of state and one of action; as it stands, the instance of the lectures.

        There a_t = k s_t + 0.3 ε_t with k = -0.4 returns J with dJ/dk = -2.182683507.
        """
        matrices = (
            torch.tensor([[v]], dtype=dtype or torch.get_default_dtype(), device=device)
            for v in (a, b, q, r, start)
        )
        A, B, Q, R, first = matrices
        return LinearQuadratic(A, B, Q, R, first[0], horizon, start_sigma, process_sigma, offset)

    def __post_init__(self) -> None:
        check_horizon(self)
        d, k = self.observation_size, self.action_size
        wanted = {"A": (d, d), "B": (d, k), "Q": (d, d), "R": (k, k), "start": (d,)}
        for name, shape in wanted.items():
            if tuple(getattr(self, name).shape) != shape:
                raise ValueError(
                    f"LinearQuadratic: {name} has shape {tuple(getattr(self, name).shape)}; with "
                    f"start of {d} and B of {k} columns it is {shape}"
                )
        for name in ("Q", "R"):
            matrix = getattr(self, name)
            if not torch.allclose(matrix, matrix.mT):
                raise ValueError(
                    f"LinearQuadratic: {name} = {matrix.tolist()} is not symmetric; "
                    f"({name} + {name}.T) / 2 gives the same rewards"
                )

    @property
    def observation_size(self) -> int:
        return self.start.shape[-1]

    @property
    def action_size(self) -> int:
        return self.B.shape[-1]

    def reset(self, n: int, seed: int) -> LinearQuadraticState:
        d = self.observation_size
        noisy = bool(torch.as_tensor(self.process_sigma).any())
        steps = self.horizon if noisy else 0
        columns = range(FIRST, FIRST + d * (1 + steps))
        eps = normal(seed, n, columns, dtype=self.start.dtype, device=self.start.device)
        eps = eps.view(n, 1 + steps, d)
        t = torch.zeros(n, dtype=torch.int32, device=self.start.device)
        s = self.start + self.start_sigma * eps[:, 0]
        return LinearQuadraticState(s, t, self.process_sigma * eps[:, 1:])

    def observe(self, state: LinearQuadraticState) -> Float[Tensor, "n d"]:
        return state.s

    def step(self, state: LinearQuadraticState, action: Float[Tensor, "n k"]) -> Transition:
        s, t, noise = state
        check_continuous(self, action, len(s))
        cost = ((s @ self.Q) * s).sum(1) + ((action @ self.R) * action).sum(1)
        after = s @ self.A.T + action @ self.B.T
        if noise.shape[1]:
            now = t.long().clamp(max=self.horizon - 1)
            after = after + noise[torch.arange(len(s), device=s.device), now]
        t = t + 1
        never = torch.zeros_like(t, dtype=torch.bool)
        after_state = LinearQuadraticState(after, t, noise)
        return Transition(after_state, self.offset - cost, never, t >= self.horizon)


# --- for those who write environments ---------------------------------------------------------


def uniform(seed: int, n: int, d: int, dtype: Dtype, device: Device) -> Float[Tensor, "n d"]:
    """Uniform in (0, 1), addressed as normals are, from the coordinate FIRST on: Φ(ε)."""
    eps = normal(seed, n, range(FIRST, FIRST + d), dtype=dtype, device=device)
    return torch.special.ndtr(eps)


def check_horizon(environment: "Environment") -> None:
    if environment.horizon < 1:
        raise ValueError(
            f"{type(environment).__name__}: horizon = {environment.horizon}; an episode has 1 step "
            "or more"
        )


def check_discrete(environment: "Environment", action: Tensor, n: int) -> None:
    check_shape_of_discrete(environment, action, n)
    if n:
        low, high = action.aminmax()
        if low < 0 or high >= environment.action_size:
            raise ValueError(
                f"{type(environment).__name__}: actions from {int(low)} to {int(high)}; there are "
                f"0 … {environment.action_size - 1}"
            )


def check_shape_of_discrete(environment: "Environment", action: Tensor, n: int) -> None:
    name, size = type(environment).__name__, environment.action_size
    if action.shape != (n,) or action.dtype != torch.int64:
        raise ValueError(
            f"{name}: action has shape {tuple(action.shape)} and is {action.dtype}; wanted are "
            f"int64 of shape ({n},), one of 0 … {size - 1} for each episode"
        )


def check_continuous(environment: "Environment", action: Tensor, n: int) -> None:
    if action.shape != (n, environment.action_size):
        raise ValueError(
            f"{type(environment).__name__}: action has shape {tuple(action.shape)}; wanted is "
            f"({n}, {environment.action_size}), one row for each episode"
        )
