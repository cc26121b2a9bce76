"""The gripper's physics, held to mechanics: each property by name, most of them exact."""

from typing import Any

import pytest
import torch
from torch import Tensor

from smoothlib.gripper import (
    GripperParams,
    Trajectory,
    init_state,
    lift_closed_form,
    rollout,
    schedule,
    step,
)
from tests.gripper_scenes import SEED, Scenes, random_scenes

F64 = torch.float64
NOMINAL = GripperParams()


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=F64)


def mm(*values: float) -> Tensor:
    return column(*values) * 1e-3


def height(scenes: Scenes, **options: Any) -> Tensor:
    start = init_state(scenes.params, len(scenes.z_close), x=scenes.x)
    return rollout(scenes.z_close, scenes.params, initial=start, **options).height


def moments(z_close: Tensor, params: GripperParams, every: int, **options: Any) -> Trajectory:
    """The recorded part of a rollout."""
    kept = rollout(z_close, params, record_every=every, backend="compile", **options).trajectory
    assert kept is not None
    return kept


def test_a_brick_at_rest_sinks_into_the_table_by_its_weight_and_stays() -> None:
    kept = moments(mm(20), NOMINAL, 1, horizon=1.0).state
    assert kept.v_z.abs().max() < 1e-2
    torch.testing.assert_close(NOMINAL.b - kept.z[-1], column(0.1 * 9.81 / (2 * 1e5)))
    assert kept.v_z[-1].abs() < 1e-12 and (kept.x == 0).all() and (kept.angle == 0).all()


@pytest.mark.parametrize("dt", [1e-3, 5e-4])
def test_free_fall_is_that_of_semi_implicit_euler_and_tends_to_the_parabola(dt: float) -> None:
    start, n = init_state(NOMINAL, 1, z=0.1), round(0.1 / dt)
    end = rollout(mm(20), NOMINAL, initial=start, dt=dt, horizon=0.1).state
    fallen = 9.81 * dt * dt * n * (n + 1) / 2
    torch.testing.assert_close(end.z, column(0.1 - fallen), atol=1e-14, rtol=0)
    assert abs(fallen - 9.81 * 0.1**2 / 2) <= 9.81 * 0.1 * dt / 2 + 1e-12


def test_in_every_step_forces_make_the_momentum_and_keep_to_their_cones() -> None:
    scenes = random_scenes(200)
    p, dt = scenes.params, 1e-3
    kept = moments(scenes.z_close, p, 25, initial=init_state(p, 200, x=scenes.x))
    state, seen = kept.state, kept.contacts
    after = step(state, schedule(kept.time[:, None], scenes.z_close, p), p, dt)
    mu = torch.stack([*[p.mu_table] * 4, *[p.mu_pad] * 16, p.mu_table])
    assert (seen.normal > 0).any(0)[1:3].all(), "not every brick touched the table"
    assert (seen.normal >= 0).all()
    assert (seen.friction.abs() <= mu * seen.normal * (1 + 1e-12)).all()
    fx = seen.normal * seen.nx - seen.friction * seen.nz
    fz = seen.normal * seen.nz + seen.friction * seen.nx
    torque = (seen.x - state.x[:, None]) * fz - (seen.z - state.z[:, None]) * fx
    on_brick = [dt * part[:, :20].sum(1) for part in (fx, fz, torque)]
    inertia = p.m * (p.a**2 + p.b**2) / 3
    for given, made in zip(
        on_brick,
        (
            p.m * (after.v_x - state.v_x),
            p.m * (after.v_z - state.v_z) + dt * p.m * p.g,
            inertia * (after.v_angle - state.v_angle),
        ),
        strict=True,
    ):
        torch.testing.assert_close(made, given, atol=1e-13, rtol=1e-9)


def rises(angle: Tensor, spin: Tensor, dt: float, mu: float) -> tuple[Tensor, Tensor]:
    """By how much the energy rises in each step, at worst and in all, relative to the first.

    Bricks thrown at a table, with drives so weak that they are off."""
    n = len(angle)
    p = GripperParams(kp=1e-12, kd=0.0, force=1e-12, v_close=1e-12, mu_pad=mu, mu_table=mu)
    start = init_state(p, n, z=torch.linspace(0.03, 0.09, n, dtype=F64))
    start = start._replace(angle=angle, v_angle=spin, v_z=torch.linspace(-1, 0.5, n, dtype=F64))
    kept = moments(torch.full((n,), 0.15, dtype=F64), p, 1, initial=start, dt=dt, horizon=0.4)
    s = kept.state
    kinetic = p.m_hand * s.v_hand**2 + p.m_fingers * s.v_w**2 + p.m * (s.v_x**2 + s.v_z**2)
    kinetic = kinetic + p.m * (p.a**2 + p.b**2) / 3 * s.v_angle**2
    stored = p.k * (kept.contacts.gap.clamp(max=0) ** 2).sum(1)
    energy = p.m * p.g * s.z + (kinetic + stored) / 2
    rise = energy.diff(dim=0).clamp(min=0) / energy[0]
    return rise.max(), rise.sum(0).max()


def test_with_the_drives_off_energy_never_rises() -> None:
    """Exactly, unless the brick spins: a step goes along the tangent, with an error of dt²."""
    still = torch.zeros(64, dtype=F64)
    assert rises(still, still, 1e-3, 1e-6)[0] < 1e-12
    angle, spin = torch.linspace(0, 6, 64, dtype=F64), torch.linspace(-10, 10, 64, dtype=F64)
    coarse, fine = (rises(angle, spin, dt, 0.4) for dt in (1e-3, 2.5e-4))
    assert coarse[0] < 0.01
    assert fine[0] < coarse[0] / 4


def test_penetration_is_no_deeper_than_forces_and_speeds_allow() -> None:
    scenes = random_scenes(64)
    p = scenes.params
    kept = moments(scenes.z_close, p, 10, initial=init_state(p, 64, x=scenes.x))
    near = scenes.x.abs() <= 0.025
    fastest = p.v_descend + 2 * p.v_close
    bound = (p.force_hand + p.m * p.g + p.force) / p.k + 1e-3 * fastest
    assert (-kept.contacts.gap[:, :, near] <= bound[near]).all()


def test_a_mirrored_start_ends_mirrored() -> None:
    z = mm(-5, 10, 30, 45, 49)
    x = mm(3, 5, -2, 7, 10)
    one, other = (
        rollout(z, NOMINAL, initial=init_state(NOMINAL, 5, x=s * x), horizon=2.5, backend="compile")
        for s in (1.0, -1.0)
    )
    torch.testing.assert_close(one.state.x, -other.state.x, rtol=0, atol=1e-9)
    torch.testing.assert_close(one.state.angle, -other.state.angle, rtol=0, atol=1e-9)
    torch.testing.assert_close(one.state.z, other.state.z, rtol=0, atol=1e-9)


def test_symmetric_closing_leaves_the_brick_in_the_middle_and_level() -> None:
    end = rollout(torch.linspace(-0.03, 0.07, 51, dtype=F64)).state
    assert end.x.abs().max() < 1e-15 and end.angle.abs().max() < 1e-15


def test_the_grip_is_the_limit_of_the_drive_exactly() -> None:
    force = column(2, 15, 40, 80)
    p = GripperParams(force=force)
    kept = moments(mm(20, 20, 20, 20), p, 10, horizon=2.95)
    squeezing = kept.contacts.normal[-1, 8:20].sum(0) / 2
    torch.testing.assert_close(squeezing, force, rtol=1e-9, atol=0)
    torch.testing.assert_close(2 * p.a - kept.state.w[-1], force / p.k, rtol=1e-6, atol=0)
    drive = kept.contacts.normal[:, 8:20].sum(1) / 2
    assert (drive <= 2 * force).all()  # an impact of moving fingers, no more


def test_a_held_brick_creeps_as_the_regularised_friction_says() -> None:
    p = GripperParams(force=column(5, 15, 30), m=column(0.2, 0.1, 0.3))
    kept = moments(mm(20, 20, 20), p, 100, horizon=4.5)
    slid = (kept.state.z - kept.state.z_hand)[[35, 45]]
    r = p.m * p.g / (2 * p.mu_pad * p.force)
    expected = p.v_slip * r / (1 - r**2).sqrt()
    torch.testing.assert_close(slid[0] - slid[1], expected, rtol=1e-3, atol=0)


def test_a_brick_slips_where_coulomb_says() -> None:
    static = NOMINAL.m * NOMINAL.g / (2 * NOMINAL.mu_pad)
    force = static * column(0.95, 1.0, 1.2, 1.3)
    lifted = rollout(torch.full_like(force, 0.02), GripperParams(force=force)).height
    assert (lifted[:2] < 0.03).all()
    expected = 0.025 + 0.25 - 0.02 - NOMINAL.m * NOMINAL.g / NOMINAL.kp
    assert (lifted[2:] > expected - 0.012).all() and (lifted[2:] < expected).all()


def test_no_brick_hangs_on_fingertips_under_its_edge() -> None:
    """Tips that were pressed below the brick slide up along it, where friction is too weak."""
    z = torch.linspace(-0.012, 0.003, 61, dtype=F64)
    for weak in (GripperParams.slippery(), GripperParams(mu_pad=0.12, m=0.6, force=10.0)):
        assert (rollout(z, weak).height < weak.b + 1e-3).all()


def test_the_reward_is_the_closed_form_and_jumps_where_it_says() -> None:
    truth = lift_closed_form(NOMINAL)
    z = torch.linspace(-0.0122, 0.049, 245, dtype=F64)
    assert (rollout(z).height - truth(z[:, None])).abs().max() < 1e-5
    for place in (truth.x[0], truth.x[2]):
        z = place + mm(*torch.linspace(-0.2, 0.2, 41).tolist())
        grips = rollout(z).height > 0.1
        assert grips.any() and not grips.all()
        assert (grips[1:] != grips[:-1]).sum() == 1
    outside = rollout(mm(-20, -13, 50.1, 60)).height
    torch.testing.assert_close(outside, column(*[truth.left[0]] * 4), rtol=0, atol=1e-9)


def test_there_is_no_closed_form_where_the_hand_is_too_weak_to_jam() -> None:
    """Friction of 0.28 needs 107 N: the hand holds however low it is sent."""
    slick = GripperParams(mu_table=0.28)
    assert (rollout(mm(-22, -30, -60), slick).height > 0.1).all()
    with pytest.raises(ValueError, match=r"jam under 107\.143 N.*at most force_hand = 100 N"):
        lift_closed_form(slick)


def test_half_the_step_changes_no_outcome_of_200_random_scenes() -> None:
    """And of 4000, most of them with the brick under a finger or between jam and grip, few."""
    scenes = random_scenes(200, SEED)
    coarse, fine = height(scenes), height(scenes, dt=5e-4)
    assert int((scenes.lifted(coarse) != scenes.lifted(fine)).sum()) == 0
    assert (coarse - fine).abs().median() < 1e-5
    many = random_scenes(4000)
    flipped = many.lifted(height(many)) != many.lifted(height(many, dt=5e-4))
    assert flipped.double().mean() < 0.01


def test_presets_are_what_they_say() -> None:
    for params, lifts in (
        (GripperParams.foam_brick(), True),
        (GripperParams.heavy_brick(), True),
        (GripperParams.slippery(), False),
    ):
        assert bool(rollout(mm(20), params).height > 0.2) is lifts


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": -0.01}, "a = -0.01"),
        ({"b": 0.0}, "b = 0"),
        ({"m": float("nan")}, "m = nan"),
        ({"a": 0.06}, "wider than the opening"),
        ({"b": 0.08}, "fingertips above the brick"),
        ({"force": 90.0}, "at most 80 N"),
        ({"t_close": 4.0}, "close before lifting"),
        ({"mu_pad": column(0.5, -0.1)}, "mu_pad = -0.1"),
        ({"m": column(0.1, 0.2), "mu_pad": column(0.5)}, "one per environment"),
        ({"k": float("inf")}, "k = inf"),
    ],
)
def test_parameters_outside_the_domain_raise(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GripperParams(**change)


def test_mixed_tensors_raise() -> None:
    with pytest.raises(TypeError, match="makes them alike"):
        GripperParams(m=column(0.1), mu_pad=torch.tensor([0.5]))
    with pytest.raises(TypeError, match="on meta"):
        GripperParams(m=column(0.1), mu_pad=column(0.5).to("meta"))
    with pytest.raises(TypeError, match="shape"):
        GripperParams(m=torch.tensor(0.1))
    with pytest.raises(TypeError, match="makes them alike"):
        rollout(torch.tensor([0.02]), GripperParams(m=column(0.1)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z_close": column(float("nan"))}, "nan"),
        ({"dt": 0.004}, "dt = 0.004"),
        ({"dt": float("nan")}, "dt = nan"),
        ({"horizon": 0.0105, "dt": 1e-3}, "whole number"),
        ({"horizon": float("inf")}, "whole number"),
        ({"record_every": -1}, "record_every"),
        ({"backend": "cuda"}, "no backend"),
        ({"backend": "triton"}, "for cuda"),
        ({"params": GripperParams(m=column(0.1, 0.2))}, "not the 1|one per"),
    ],
)
def test_rollouts_of_nothing_sensible_raise(change: dict[str, Any], message: str) -> None:
    arguments = {"z_close": column(0.02), **change}
    with pytest.raises(ValueError, match=message):
        rollout(**arguments)


def test_a_start_in_the_table_or_above_the_hand_raises() -> None:
    for bad in ({"z": 0.02}, {"z": 0.14}, {"x": float("nan")}):
        with pytest.raises(ValueError, match="init_state"):
            init_state(NOMINAL, 1, **bad)
