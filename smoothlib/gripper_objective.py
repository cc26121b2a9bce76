"""The gripper as objectives: called, they simulate; their truth is in closed form."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.gripper_model import GripperParams
from smoothlib.gripper_rollout import rollout
from smoothlib.objectives import Objective, Optimum
from smoothlib.piecewise import PiecewiseLinear
from smoothlib.smoothing import Jumps, Moments, check_points

HORIZON = 5.0  # s


def plain_numbers(where: str, params: GripperParams) -> SimpleNamespace:
    """The parameters as floats.

    Raises:
        ValueError: if one of them is a tensor.
    """
    if params.tensors():
        raise ValueError(f"{where}: {', '.join(params.tensors())} are tensors; give floats")
    return SimpleNamespace(**{name: float(value) for name, value in vars(params).items()})


def lift_closed_form(params: GripperParams) -> PiecewiseLinear:
    """The brick's height at 5 s as a function of z_close, m, for a brick in the middle, x = 0.

    f(z) = b + z_lift - z - m g/kp - m g/(2 k) - c (5 s - t_lift)   for 0 < z <= z_hi = 2 b
           the same with kp/(k + kp) instead of 1 as the slope      for z_lo < z <= 0
           b - m g/(2 k)                                            otherwise

    The hand's servo sags by m g/kp, the table by m g/(2 k), and the brick creeps down the pads at
    c = v_slip r/sqrt(1 - r²), r = m g/(2 mu_pad force). Below 0 the fingertips press on the table,
    which gives way; at z_lo = -(2 force/mu_table)(1/kp + 1/k) its friction stops them. Of the
    nominal brick the simulator loses hold 0.06 mm below z_hi, by as much as it creeps.

    Raises:
        ValueError: if a field is a tensor, or friction does not hold the brick while it is
            accelerated, or the hand cannot press hard enough to jam the fingers, or the lift does
            not end in time: there is no closed form then.
    """
    p = plain_numbers("lift_closed_form", params)
    weight, grip = p.m * p.g, 2 * p.mu_pad * p.force
    jolt = p.m * p.kd * p.v_lift / (p.m_hand + p.m)
    if weight + jolt >= grip:
        raise ValueError(
            f"lift_closed_form: friction holds {grip:g} N and the brick needs {weight + jolt:g} N "
            "when the hand starts; it slips, and how far is for the simulator to say"
        )
    press = 2 * p.force / p.mu_table
    if press >= p.force_hand:
        raise ValueError(
            f"lift_closed_form: fingers jam under {press:g} N, and the hand presses with at most "
            f"force_hand = {p.force_hand:g} N; they never do, and there is no z_lo"
        )
    z_lo = -press * (1 / p.kp + 1 / p.k)
    if p.t_lift + (p.z_lift - z_lo) / p.v_lift > HORIZON:
        raise ValueError(
            f"lift_closed_form: the lift from {z_lo:g} m takes longer than {HORIZON} s"
        )
    r = weight / grip
    creep = p.v_slip * r / (1 - r * r) ** 0.5 * (HORIZON - p.t_lift)
    floor = p.b - weight / (2 * p.k)
    top = floor + p.z_lift - weight / p.kp - creep
    jammed, z_hi = top - z_lo * p.kp / (p.k + p.kp), 2 * p.b
    return PiecewiseLinear((z_lo, 0.0, z_hi), (floor, top, top - z_hi), (jammed, top, floor))


class Simulated(Objective):
    """An objective whose value is simulated and whose truth is that of another, its closed form."""

    @property
    def closed_form(self) -> Objective:
        """What carries the truth."""
        raise NotImplementedError

    def smoothed(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch"]:
        return self.closed_form.smoothed(theta, sigma)

    def smoothed_grad(
        self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor
    ) -> Float[Tensor, "*#batch d"]:
        return self.closed_form.smoothed_grad(theta, sigma)

    def smoothed_moments(self, theta: Float[Tensor, "*#batch d"], sigma: float | Tensor) -> Moments:
        return self.closed_form.smoothed_moments(theta, sigma)

    def jumps(self) -> Jumps:
        return self.closed_form.jumps()

    def kinks(self) -> Float[Tensor, " k"]:
        return self.closed_form.kinks()

    @property
    def bounds(self) -> Float[Tensor, "2 d"]:
        return self.closed_form.bounds

    @property
    def optimum(self) -> Optimum:
        return self.closed_form.optimum

    @property
    def minimum(self) -> Optimum:
        return self.closed_form.minimum


@dataclass(frozen=True)
class GripperLift(Simulated):
    """Height of the brick at 5 s, m, as a function of z_close, m, where the hand closes.

    A call runs the simulator, and autograd its pathwise derivative: that of the slope, -1, which
    says nothing of the cliffs at z_lo and z_hi. The truth, `smoothed`, `smoothed_grad`,
    `smoothed_moments`, `jumps`, `kinks` and `optimum`, is that of `lift_closed_form`, from which
    the simulator differs by less than 0.01 mm, and by 0.06 mm in the place of the cliff at z_hi:
    the brick has crept down by then. So
    the first-order estimator tends to -P(0 < Z < z_hi) - kp/(k + kp) P(z_lo < Z < 0), and the
    zero-order one to F'.

    Args:
        params: floats only. dt: s. backend: as in `rollout`.
    Raises:
        ValueError: as `lift_closed_form`.
    """

    params: GripperParams = field(default_factory=GripperParams)
    dt: float = 1e-3
    backend: str = "auto"

    def __post_init__(self) -> None:
        lift_closed_form(self.params)

    def __call__(self, theta: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch"]:
        z_close = check_points("GripperLift", theta, 1)[..., 0]
        height = rollout(
            z_close.flatten(), self.params, dt=self.dt, horizon=HORIZON, backend=self.backend
        ).height
        return height.reshape(z_close.shape)

    @property
    def closed_form(self) -> PiecewiseLinear:
        return lift_closed_form(self.params)

    @property
    def bounds(self) -> Float[Tensor, "2 1"]:
        """As much beyond the cliffs as the brick is high."""
        low, _, high = self.closed_form.x
        return torch.tensor([[low - high], [2 * high]], dtype=torch.float64)
