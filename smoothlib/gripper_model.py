"""The gripper's parameters, state and schedule: what its physics is applied to.

A hand like a Schunk WSG-50 above a brick on a table, in the plane x (closing direction), z (up).
Five coordinates: the height of the fingertips, the opening between the pads, and x, z and the
angle of the brick. The fingers move together, the pads are at x = ∓w/2. Data of the hand: WSG-50
manual and the model in Drake; the brick is the 50 x 50 mm face of YCB's foam brick (object 061).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

Scalar: TypeAlias = float | Tensor

HAND_SPEED = 0.2  # m/s, of the closed loop at an action of 1
MAX_FORCE = 80.0  # N, what the WSG-50 can


@dataclass(frozen=True, eq=False)
class GripperParams:
    """Everything that a gripper's world is made of, in SI units.

    Every field is a float, or a tensor (B,) with one value per environment: randomise a domain by
    drawing that tensor. The defaults are those of a brick of 100 g.

    Args:
        a, b, m: half width and half height of the brick, m; its mass, kg.
        m_hand, m_fingers: what the hand's and the fingers' drives move, kg.
        t_finger, l_finger: thickness and length of a finger, m; the palm is above it.
        w_max, w_min: widest and narrowest opening, m.
        force: with which the fingers close, N, at most 80.
        v_close, v_band: closing speed, and the speed error at which the drive gives all, m/s.
        mu_pad, mu_table: Coulomb friction of the hand and of the table.
        k, d: stiffness, N/m, and damping, Ns/m, of a contact.
        v_slip: the sliding speed below which friction gives way, m/s. A held brick creeps at
            v_slip r / sqrt(1 - r²), r = m g / (2 mu_pad force).
        k_stop, d_stop: the same of the stops of the fingers.
        kp, kd, force_hand: the hand's servo, N/m and Ns/m, and its limit, N.
        z_start, v_descend, t_close, t_lift, v_lift, z_lift: the schedule, m, s and m/s.
        g: gravity, m/s².
    Raises:
        ValueError: outside the domain: a size, mass, stiffness, speed or force that is not
            positive, negative damping or gravity, a number that is not finite, force above 80 N,
            a brick that does not fit in the opening or under the fingertips at the start, a
            lift before the closing, tensors of different lengths.
        TypeError: tensors of different dtypes or on different devices, or not floating-point.
    """

    a: Scalar = 0.025
    b: Scalar = 0.025
    m: Scalar = 0.1
    m_hand: Scalar = 1.1
    m_fingers: Scalar = 0.1
    t_finger: Scalar = 0.016
    l_finger: Scalar = 0.075
    w_max: Scalar = 0.110
    w_min: Scalar = 0.004
    force: Scalar = 15.0
    v_close: Scalar = 0.10
    v_band: Scalar = 0.02
    mu_pad: Scalar = 0.6
    mu_table: Scalar = 0.5
    k: Scalar = 1e5
    d: Scalar = 150.0
    v_slip: Scalar = 5e-4
    k_stop: Scalar = 1e5
    d_stop: Scalar = 200.0
    kp: Scalar = 5000.0
    kd: Scalar = 150.0
    force_hand: Scalar = 100.0
    z_start: Scalar = 0.15
    v_descend: Scalar = 0.10
    t_close: Scalar = 2.0
    t_lift: Scalar = 3.0
    v_lift: Scalar = 0.15
    z_lift: Scalar = 0.25
    g: Scalar = 9.81

    def __post_init__(self) -> None:
        check_alike("GripperParams", **self.tensors())
        for name, value in vars(self).items():
            number, zero = torch.as_tensor(value), name in ("d", "d_stop", "kd", "g", "t_close")
            good = number.isfinite() & ((number >= 0) if zero else (number > 0))
            _require(name, value, good, "a finite number, " + ("0 or more" if zero else "above 0"))
        _require("force", self.force, self.force <= torch.tensor(MAX_FORCE), "at most 80 N")
        self._require_order("w_min", 2 * self.a, "2 a", "the fingers could not touch the brick")
        self._require_order(2 * self.a, "w_max", "2 a", "a brick wider than the opening")
        self._require_order(2 * self.b, "z_start", "2 b", "start the fingertips above the brick")
        self._require_order("t_close", "t_lift", "", "close before lifting")

    def tensors(self) -> dict[str, Tensor]:
        """The fields that are tensors."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    @classmethod
    def foam_brick(cls) -> "GripperParams":
        """YCB's foam brick as it is: 28 g."""
        return cls(m=0.028)

    @classmethod
    def heavy_brick(cls) -> "GripperParams":
        """A brick of 1 kg, 9.8 N, of the 18 N that friction holds."""
        return cls(m=1.0)

    @classmethod
    def slippery(cls) -> "GripperParams":
        """Pads of which friction holds 0.9 N, less than the brick's 0.98 N: it slips out."""
        return cls(mu_pad=0.03)

    def _require_order(self, low: Any, high: Any, shown: str, remedy: str) -> None:
        low, low_name = (getattr(self, low), low) if isinstance(low, str) else (low, shown)
        high, high_name = (getattr(self, high), high) if isinstance(high, str) else (high, shown)
        bad = torch.as_tensor(low >= high)
        if bool(bad.any()):
            raise ValueError(
                f"GripperParams: {low_name} = {_show(low, bad)} is not below "
                f"{high_name} = {_show(high, bad)}: {remedy}"
            )


class GripperState(NamedTuple):
    """Coordinates and velocities, each (B,): m, rad, m/s, rad/s."""

    z_hand: Float[Tensor, "*b"]  # height of the fingertips
    w: Float[Tensor, "*b"]  # opening between the pads
    x: Float[Tensor, "*b"]  # brick's centre
    z: Float[Tensor, "*b"]
    angle: Float[Tensor, "*b"]
    v_hand: Float[Tensor, "*b"]
    v_w: Float[Tensor, "*b"]
    v_x: Float[Tensor, "*b"]
    v_z: Float[Tensor, "*b"]
    v_angle: Float[Tensor, "*b"]


class Command(NamedTuple):
    """What a controller asks of the hand: height and velocity, m and m/s, and v_w, the velocity
    of the opening, m/s, negative to close. A drive gives no more than its force."""

    z_hand: Scalar
    v_hand: Scalar
    v_w: Scalar


def init_state(
    params: GripperParams,
    batch: int,
    *,
    x: Scalar = 0.0,
    z: Scalar | None = None,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> GripperState:
    """Everything at rest: the hand open at z_start, the brick level at (x, z).

    z = None puts it on the table; dtype and device are those of the tensors among x, z and
    params, if there are any.

    Raises:
        ValueError: if x or z is not finite, a shape is not (B,), or the brick starts in the table
            or above the fingertips. TypeError: mixed dtypes or devices.
    """
    starts = {} if z is None else {"z": z}
    given = params.tensors()
    given |= {name: v for name, v in {"x": x, **starts}.items() if isinstance(v, Tensor)}
    check_alike("init_state", batch, **given)
    for tensor in given.values():
        dtype, device = tensor.dtype, tensor.device

    def column(value: Scalar) -> Tensor:
        return torch.as_tensor(value, dtype=dtype, device=device).expand(batch)

    height = column(params.b if z is None else z)
    for name, value in (("x", column(x)), ("z", height)):
        _require(name, value, value.isfinite(), "a finite number", "init_state")
    slack = 1e-6
    above = (height - params.b >= -slack) & (height + params.b <= params.z_start + slack)
    _require("z", height, above, "between b and z_start - b", "init_state")
    zero = column(0.0)
    z_start, w_max = column(params.z_start), column(params.w_max)
    return GripperState(z_start, w_max, column(x), height, zero, zero, zero, zero, zero, zero)


def schedule(t: Tensor, z_close: Tensor, params: GripperParams) -> Command:
    """Descend to z_close, close from t_close on, rise from t_lift on.

    z_ref = max(z_close, z_start - v_descend t), then min(z_close + v_lift (t - t_lift), z_lift).
    """
    down, up = params.z_start - params.v_descend * t, z_close + params.v_lift * (t - params.t_lift)
    still = 0 * z_close
    lifts, falls, rises = t >= params.t_lift, down > z_close, up < params.z_lift
    z_hand = torch.where(
        lifts,
        torch.where(rises, up, still + params.z_lift),
        torch.where(falls, down, z_close),
    )
    v_hand = torch.where(
        lifts,
        torch.where(rises, still + params.v_lift, still),
        torch.where(falls, still - params.v_descend, still),
    )
    v_w = torch.where(t >= params.t_close, still - params.v_close, still)
    return Command(z_hand, v_hand, v_w)


def check_alike(where: str, batch: int | None = None, /, **tensors: Tensor) -> None:
    """Raise unless the tensors are floating-point, (B,), and of one length, dtype and device."""
    first = next(iter(tensors), "")
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or tensor.ndim != 1:
            raise TypeError(
                f"{where}: {name} is a tensor {tuple(tensor.shape)} of {tensor.dtype}; give a "
                "float, or one floating-point number per environment, shape (B,)"
            )
        like = tensors[first]
        if (tensor.dtype, tensor.device) != (like.dtype, like.device):
            raise TypeError(
                f"{where}: {name} is {tensor.dtype} on {tensor.device}, {first} is {like.dtype} "
                f"on {like.device}; {name}.to({first}) makes them alike"
            )
        if len(tensor) != (len(like) if batch is None else batch):
            wanted = f"{len(like)} of {first}" if batch is None else str(batch)
            raise ValueError(
                f"{where}: {name} has {len(tensor)} numbers, not the {wanted}; give one per "
                "environment"
            )


def _require(
    name: str, value: Scalar, good: Tensor, wanted: str, where: str = "GripperParams"
) -> None:
    if not bool(good.all()):
        raise ValueError(f"{where}: {name} = {_show(value, ~good)}; give {wanted}")


def _show(value: Scalar, bad: Tensor) -> str:
    """The value, or the first bad one of a tensor."""
    if isinstance(value, Tensor):
        value = value[bad.expand(value.shape)][0].item() if value.ndim else value.item()
    return f"{value:g}"
