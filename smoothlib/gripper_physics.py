"""One step of the gripper: the only definition of its physics, whatever runs it.

M u = M v + dt (f - D u) + dt Σ J'(fn, ft), implicit in the velocity u at the end of the step and
linear in it: a symmetric 5 x 5 system, solved twice, and nothing iterates:

    active   pen > 0 or pen - dt un > 0
    normal   fn = k (pen - dt un) - d un, un = Jn u
    friction ft = -c Jt u, c = mu fn0 / sqrt(ut² + v_slip²): Coulomb's law, its secant at the
             velocity before the step, fn0 being fn at that, so that it always takes energy

The second time without the contacts that the first u makes pull, or a table would hold on to what
leaves it. With u known, the forces follow, fn >= 0 and |ft| <= mu fn are cut to hold exactly, and
the same for the drives' limits; then they alone move the bodies, so that what one body gives
another gets, whatever the solver did. Candidates for contact, 21, always all of them: the brick's
4 corners with table, palm and two fingers, the fingers' 4 lower corners with the brick,
fingertips with table. Linearly implicit integration: Rosenbrock (1963); compliant contact with a
lagged dissipative friction: Castro, Permenter and Han (2022), whose convex problem this takes two
Newton steps of.

Quantities of contacts are stacked in one axis before the batch: (20, *b), in the order below.
The functions use arithmetic, `where`, `stack`, `cat`, slices and a few methods of tensors, and no
Python `if` on values, because `gripper_code` also runs them on symbols, to write C++ and Triton.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.gripper_model import Command, GripperParams, GripperState, Scalar

# The brick's corners with table, palm, left, right; the left and the right finger's with the brick.
TABLE, PALM = slice(0, 4), slice(4, 8)
LEFT, RIGHT = slice(8, 12), slice(12, 16)
LEFT_TIP, RIGHT_TIP = slice(16, 18), slice(18, 20)
HAND = slice(4, 20)


class Contacts(NamedTuple):
    """Where bodies may touch and what they then do, each (21, B), m and N.

    x, z: the points. nx, nz: the normal, on the brick, or for the last, the fingertips on the
    table, on the hand. normal, friction: forces along (nx, nz) and along (-nz, nx); 0 where
    nothing touches. gap: the distance, negative in contact.
    """

    x: Float[Tensor, "21 ..."]
    z: Float[Tensor, "21 ..."]
    nx: Float[Tensor, "21 ..."]
    nz: Float[Tensor, "21 ..."]
    gap: Float[Tensor, "21 ..."]
    normal: Float[Tensor, "21 ..."]
    friction: Float[Tensor, "21 ..."]


class Geometry(NamedTuple):
    """Of the contacts with the brick, (20, *b): arm from its centre, normal on it, and gap."""

    rx: Tensor
    rz: Tensor
    nx: Tensor
    nz: Tensor
    gap: Tensor


class Law(NamedTuple):
    """A contact in this step: fn = press - stiff un, 0 <= fn, and ft = -drag ut, |ft| <= mu fn."""

    press: Tensor
    stiff: Tensor
    drag: Tensor
    mu: Scalar

    def forces(self, un: Tensor, ut: Tensor) -> tuple[Tensor, Tensor]:
        normal = (self.press - self.stiff * un).clamp(min=0)
        limit = self.mu * normal
        return normal, (-self.drag * ut).clamp(-limit, limit)

    def pressing(self, un: Tensor) -> "Law":
        """Without the contacts that would pull at this velocity."""
        presses = self.press - self.stiff * un > 0
        press, stiff, drag = (
            torch.where(presses, part, 0 * part) for part in (self.press, self.stiff, self.drag)
        )
        return Law(press, stiff, drag, self.mu)


class Laws(NamedTuple):
    """Of the brick's contacts, (20, *b), fingertips on table, and the fingers' two stops."""

    brick: Law
    tips: Law
    wide: Law
    narrow: Law

    def pressing(self, geometry: Geometry, u: list[Tensor]) -> "Laws":
        """Without the contacts that would pull at the velocity u."""
        un, _ = along(geometry, *relative_velocity(geometry, u))
        velocities = (un, u[0], -u[1], u[1])
        return Laws(*(law.pressing(v) for law, v in zip(self, velocities, strict=True)))


class Drive(NamedTuple):
    """A force push - damp u, cut to its limit."""

    push: Tensor
    damp: Tensor
    limit: Scalar

    def force(self, u: Tensor) -> Tensor:
        limit = 0 * u + self.limit
        return (self.push - self.damp * u).clamp(-limit, limit)


def step(state: GripperState, command: Command, params: GripperParams, dt: Scalar) -> GripperState:
    """The state dt seconds later; pure, elementwise over the batch. dt up to 1 ms is accurate."""
    return advance(state, command, params, dt)[0]


def contacts(state: GripperState, command: Command, params: GripperParams, dt: Scalar) -> Contacts:
    """The contacts and forces of the step that starts at the state."""
    return advance(state, command, params, dt)[1]


def advance(
    state: GripperState, command: Command, p: GripperParams, dt: Scalar
) -> tuple[GripperState, Contacts]:
    """One step: the new state, and the contacts and forces on the way."""
    q, v = state[:5], state[5:]
    geometry = find_contacts(state, p)
    laws = contact_laws(state, geometry, p, dt)
    hand, grip = drives(state, command, p, dt)
    mass = (p.m_hand, p.m_fingers, p.m, p.m, p.m * (p.a * p.a + p.b * p.b) / 3)

    def implicit_velocity(laws: Laws) -> list[Tensor]:
        matrix, impulse = assemble(geometry, laws, dt)
        push = (hand.push, grip.push, 0.0, -p.m * p.g, 0.0)
        damp = (hand.damp, grip.damp, 0.0, 0.0, 0.0)
        for i in range(5):
            matrix[i][i] = matrix[i][i] + (mass[i] + dt * damp[i])
            impulse[i] = impulse[i] + (mass[i] * v[i] + dt * push[i])
        return solve(matrix, impulse)

    laws = laws.pressing(geometry, implicit_velocity(laws))
    u = implicit_velocity(laws)
    normal, friction = laws.brick.forces(*along(geometry, *relative_velocity(geometry, u)))
    tip_normal, tip_friction = laws.tips.forces(u[0], u[1] / 2)
    wide, narrow = (
        law.forces(un, 0 * un)[0] for law, un in ((laws.wide, -u[1]), (laws.narrow, u[1]))
    )
    force = total_force(geometry, normal, friction)
    force[0] = force[0] + hand.force(u[0]) + tip_normal
    force[1] = force[1] + grip.force(u[1]) + tip_friction / 2 - wide + narrow
    force[3] = force[3] - p.m * p.g
    new_v = [v[i] + dt / mass[i] * force[i] for i in range(5)]
    new_q = [q[i] + dt * new_v[i] for i in range(5)]
    seen = listed(state, geometry, normal, friction, tip_normal, tip_friction)
    return GripperState(*new_q, *new_v), seen


def find_contacts(state: GripperState, p: GripperParams) -> Geometry:
    """Gap and normal of the brick's contacts, from the exact distance to a box."""
    z_hand, w, x, z, angle = state[:5]
    c, s = angle.cos(), angle.sin()
    ca, sa, cb, sb = c * p.a, s * p.a, c * p.b, s * p.b
    rx = torch.stack((ca - sb, ca + sb, -ca + sb, -ca - sb))
    rz = torch.stack((sa + cb, sa - cb, -sa - cb, -sa + cb))
    inner, outer = w / 2, w / 2 + p.t_finger
    tip_x = torch.stack((-inner, -outer, inner, outer)) - x
    tip_z = (z_hand - z) + 0 * tip_x

    # The corners as the fingers see them, then the fingers' as the brick sees them.
    middle, half = w / 2 + p.t_finger / 2, p.l_finger / 2
    up = (z - z_hand) - half + rz
    px = torch.cat((x + middle + rx, x - middle + rx, c * tip_x + s * tip_z))
    pz = torch.cat((up, up, c * tip_z - s * tip_x))
    dx = torch.cat((px[:8].abs() - p.t_finger / 2, px[8:].abs() - p.a))
    dz = torch.cat((pz[:8].abs() - half, pz[8:].abs() - p.b))
    gap, nx, nz = box_distance(px, pz, dx, dz, p.force / p.k)
    tx, tz = nx[8:], nz[8:]
    nx, nz = torch.cat((nx[:8], s * tz - c * tx)), torch.cat((nz[:8], -s * tx - c * tz))

    none = 0 * rx
    return Geometry(
        torch.cat((rx, rx, rx, rx, tip_x)),
        torch.cat((rz, rz, rz, rz, tip_z)),
        torch.cat((none, none, nx)),
        torch.cat((none + 1, none - 1, nz)),
        torch.cat((z + rz, (z_hand - z) + p.l_finger - rz, gap)),
    )


def box_distance(
    px: Tensor, pz: Tensor, dx: Tensor, dz: Tensor, pressed: Scalar
) -> tuple[Tensor, Tensor, Tensor]:
    """Signed distance of a point (px, pz) to a box around 0, and its gradient.

    dx, dz: how far the point is beyond the sides. Inside, the way out is the shorter one, but
    sideways from as deep as `pressed`, which is twice as deep as fingers press a brick in: else
    their tips, sliding up along it, would be caught under its lower edge and carry it.
    """
    beside = (dx > dz) | ((dx > -pressed) & (dz < 0))
    inside = (dx < 0) | (dz < 0)  # or straight beside or above it
    ox, oz = dx.clamp(min=0), dz.clamp(min=0)
    near = torch.where(inside, 1.0, ox * ox + oz * oz).clamp(min=1e-24)  # sqrt'(0) is not finite
    inverse = near.rsqrt()
    gx = torch.where(inside, torch.where(beside, 1.0, 0 * dx), ox * inverse)
    gz = torch.where(inside, torch.where(beside, 0 * dx, 1.0), oz * inverse)
    gap = torch.where(inside, torch.where(beside, dx, dz), near * inverse)
    return gap, torch.where(px < 0, -gx, gx), torch.where(pz < 0, -gz, gz)


def relative_velocity(geometry: Geometry, v: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Velocity of the brick's points against table, palm and fingers."""
    v_hand, v_w, v_x, v_z, v_angle = v
    ux, uz = v_x - geometry.rz * v_angle, v_z + geometry.rx * v_angle
    h = v_w / 2
    fingers = (ux[LEFT] + h, ux[RIGHT] - h, ux[LEFT_TIP] + h, ux[RIGHT_TIP] - h)
    return torch.cat((ux[TABLE], ux[PALM], *fingers)), torch.cat((uz[TABLE], uz[HAND] - v_hand))


def along(geometry: Geometry, ux: Tensor, uz: Tensor) -> tuple[Tensor, Tensor]:
    """Normal and tangential velocity, un > 0 parting."""
    nx, nz = geometry.nx, geometry.nz
    return nx * ux + nz * uz, nx * uz - nz * ux


def contact_laws(state: GripperState, geometry: Geometry, p: GripperParams, dt: Scalar) -> Laws:
    """The laws of all contacts and stops in this step."""
    v = list(state[5:])
    un, ut = along(geometry, *relative_velocity(geometry, v))
    mu = torch.cat((0 * un[TABLE] + p.mu_table, 0 * un[HAND] + p.mu_pad))
    still, touch = 0 * v[1], (p.k, p.d, p.v_slip, dt)
    stop = (p.k_stop, p.d_stop, p.v_slip, dt)
    return Laws(
        contact_law(-geometry.gap, un, ut, mu, *touch),
        contact_law(-state.z_hand, v[0], v[1] / 2, p.mu_table, *touch),
        contact_law(state.w - p.w_max, -v[1], still, 0.0, *stop),
        contact_law(p.w_min - state.w, v[1], still, 0.0, *stop),
    )


def contact_law(
    pen: Tensor,
    un: Tensor,
    ut: Tensor,
    mu: Scalar,
    k: Scalar,
    d: Scalar,
    v_slip: Scalar,
    dt: Scalar,
) -> Law:
    """Stiffness, damping and friction of contacts with penetration and velocity (un, ut)."""
    stiff = dt * k + d
    press = k * pen
    guess = (press - stiff * un).clamp(min=0)
    active = (pen > 0) | (pen - dt * un > 0)
    none = 0 * guess
    drag = mu * guess * (ut * ut + v_slip * v_slip).rsqrt()
    return Law(
        torch.where(active, press, none),
        torch.where(active, none + stiff, none),
        torch.where(active, drag, none),
        mu,
    )


def drives(
    state: GripperState, command: Command, p: GripperParams, dt: Scalar
) -> tuple[Drive, Drive]:
    """The hand's servo and the fingers' speed drive, each with the secant of its force limit."""
    error, v_hand, v_w = command.z_hand - state.z_hand, state.v_hand, state.v_w
    push = p.kp * error + p.kd * command.v_hand
    wanted = (push - p.kd * v_hand).abs()
    share = p.force_hand / wanted.clamp(min=p.force_hand)
    hand = Drive(share * push, share * (p.kd + dt * p.kp), p.force_hand)
    gain = p.force / (command.v_w - v_w).abs().clamp(min=p.v_band)
    return hand, Drive(gain * command.v_w, gain, p.force)


def assemble(geometry: Geometry, laws: Laws, dt: Scalar) -> tuple[list[list[Tensor]], list[Tensor]]:
    """The contacts' part of the matrix, dt Σ J' (stiff nn' + drag tt') J, and of the right side.

    Over x and z of the contact first, then, summed by what the brick touches, to coordinates.
    """
    rx, rz, nx, nz, _ = geometry
    law, tips, wide, narrow = laws
    spread = law.stiff - law.drag
    xx, xz = law.drag + spread * nx * nx, spread * nx * nz
    zz = law.drag + spread * nz * nz
    xo, zo = rx * xz - rz * xx, rx * zz - rz * xz
    oo = rx * zo - rz * xo
    fx, fz = law.press * nx, law.press * nz
    fo = rx * fz - rz * fx
    parts = torch.stack((xx, xz, zz, xo, zo, oo, fx, fz, fo), 1)
    table, palm, left, right = by_body(dt * parts)
    hand = palm + (left + right)
    every = table + hand
    apart = (left - right) / 2
    xx, xz, zz, xo, zo, oo, fx, fz, fo = every.unbind(0)
    squeeze = (left[0] + right[0] + dt * tips.drag) / 4 + dt * (wide.stiff + narrow.stiff)
    matrix = [
        [hand[2] + dt * tips.stiff, -apart[1], -hand[1], -hand[2], -hand[4]],
        [-apart[1], squeeze, apart[0], apart[1], apart[3]],
        [-hand[1], apart[0], xx, xz, xo],
        [-hand[2], apart[1], xz, zz, zo],
        [-hand[4], apart[3], xo, zo, oo],
    ]
    stops = dt * (narrow.press - wide.press)
    return matrix, [dt * tips.press - hand[7], apart[6] + stops, fx, fz, fo]


def total_force(geometry: Geometry, normal: Tensor, friction: Tensor) -> list[Tensor]:
    """J' of the brick's contact forces: on hand, opening, x, z and angle."""
    rx, rz, nx, nz, _ = geometry
    fx, fz = normal * nx - friction * nz, normal * nz + friction * nx
    table, palm, left, right = by_body(torch.stack((fx, fz, rx * fz - rz * fx), 1))
    hand = palm + (left + right)
    fx, fz, fo = (table + hand).unbind(0)
    return [-hand[1], (left[0] - right[0]) / 2, fx, fz, fo]


def by_body(parts: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sums over the contacts with table, palm, left and right finger, (20, k, *b) to (k, *b).

    Written out, because `sum` may add in an order that depends on the size of the batch.
    """
    one = [(parts[i] + parts[i + 1]) + (parts[i + 2] + parts[i + 3]) for i in (0, 4, 8, 12)]
    tips = [parts[i] + parts[i + 1] for i in (16, 18)]
    return one[0], one[1], one[2] + tips[0], one[3] + tips[1]


def solve(matrix: list[list[Tensor]], right: list[Tensor]) -> list[Tensor]:
    """x of A x = b, for a symmetric positive definite A, by A = L D L'."""
    n = len(right)
    lower = [[0 * right[0]] * n for _ in range(n)]
    inverse: list[Tensor] = []
    y: list[Tensor] = []
    for i in range(n):
        row = [matrix[i][j] for j in range(i + 1)]
        for j in range(i):  # row[j] = L_ij D_j
            for k in range(j):
                row[j] = row[j] - row[k] * lower[j][k]
            lower[i][j] = row[j] * inverse[j]
        for k in range(i):
            row[i] = row[i] - row[k] * lower[i][k]
        inverse.append(1 / row[i])
        y.append(right[i])
        for k in range(i):
            y[i] = y[i] - lower[i][k] * y[k]
    x = [y[i] * inverse[i] for i in range(n)]
    for i in reversed(range(n)):
        for k in range(i + 1, n):
            x[i] = x[i] - lower[k][i] * x[k]
    return x


def listed(
    state: GripperState,
    geometry: Geometry,
    normal: Tensor,
    friction: Tensor,
    tip_normal: Tensor,
    tip_friction: Tensor,
) -> Contacts:
    """All contacts, the fingertips on the table last, under the hand's middle."""
    none = 0 * state.x
    return Contacts(
        torch.cat((state.x + geometry.rx, none[None])),
        torch.cat((state.z + geometry.rz, none[None])),
        torch.cat((geometry.nx, none[None])),
        torch.cat((geometry.nz, none[None] + 1)),
        torch.cat((geometry.gap, state.z_hand[None])),
        torch.cat((normal, tip_normal[None])),
        torch.cat((friction, tip_friction[None])),
    )
