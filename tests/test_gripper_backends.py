"""The gripper's kernels against plain torch, its derivatives against differences, and MuJoCo."""

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from smoothlib.estimators import first_order, zero_order
from smoothlib.gripper import GripperLift, GripperParams, GripperState, init_state, rollout
from smoothlib.gripper_code import PARAMS, STATE
from tests.gripper_scenes import SEED, broadcast, random_scenes

F64 = torch.float64
BACKENDS = ("eager", "compile")
# torch's own, when it first loads forward mode
FORWARD_MODE = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
REQUIRED = bool(os.environ.get("COURSE_REQUIRE_ALL"))


def needs(module: str) -> Any:
    """The module; without it the test is skipped, in CI it fails."""
    return __import__(module) if REQUIRED else pytest.importorskip(module)


def mm(*values: float, dtype: torch.dtype = F64) -> Tensor:
    return torch.tensor(values, dtype=dtype) * 1e-3


def in_grip(dtype: torch.dtype) -> tuple[Tensor, GripperParams, GripperState]:
    """Hands about to close on bricks, so that all contacts come in a few steps."""
    params = GripperParams(
        z_start=0.051,
        t_close=0.0,
        t_lift=0.01,
        mu_pad=torch.tensor([0.5, 0.3, 0.6, 0.2], dtype=dtype),
    )
    z_close = mm(-1, 0, 20, 45, dtype=dtype)
    start = init_state(params, 4, x=mm(0, 0, 0.01, -0.01, dtype=dtype))
    return z_close, params, start._replace(w=mm(50.5, 51, 50.2, 50.1, dtype=dtype), z_hand=z_close)


@pytest.mark.parametrize(("dtype", "atol"), [(F64, 1e-9), (torch.float32, 1e-5)])
def test_compiled_steps_are_those_of_torch(dtype: torch.dtype, atol: float) -> None:
    z_close, params, start = in_grip(dtype)
    ends = [rollout(z_close, params, initial=start, horizon=0.1, backend=b).state for b in BACKENDS]
    for one, other in zip(ends[0][:5], ends[1][:5], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=atol)


def test_single_precision_has_the_heights_of_double() -> None:
    z = torch.linspace(-0.03, 0.07, 51, dtype=F64)
    double, single = rollout(z).height, rollout(z.float()).height
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_whole_rollout_in_torch_is_the_compiled_one(no_jaxtyping: None) -> None:
    z = torch.linspace(-0.03, 0.07, 51, dtype=F64)
    one, other = (rollout(z, backend=b).height for b in BACKENDS)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [F64, torch.float32])
def test_a_batch_is_its_single_runs_bit_for_bit(backend: str, dtype: torch.dtype) -> None:
    z_close, params, start = in_grip(dtype)
    horizon = 0.02 if backend == "eager" else 1.0
    together = rollout(z_close, params, initial=start, horizon=horizon, backend=backend).state
    for i in range(4):
        few = GripperParams(
            **{k: v[i : i + 1] if isinstance(v, Tensor) else v for k, v in vars(params).items()}
        )
        alone = rollout(
            z_close[i : i + 1],
            few,
            initial=GripperState(*(c[i : i + 1] for c in start)),
            horizon=horizon,
            backend=backend,
        ).state
        for one, many in zip(alone, together, strict=True):
            assert torch.equal(one[0], many[i])


def test_shared_parameters_are_those_of_every_environment() -> None:
    z = mm(10, 20)
    every = broadcast(GripperParams(), z)
    assert torch.equal(rollout(z, every).height, rollout(z).height)


def test_a_recording_is_the_rollout() -> None:
    z = mm(-5, 20, 60)
    kept, plain = rollout(z, record_every=7, backend="compile"), rollout(z, backend="compile")
    assert kept.trajectory is not None and plain.trajectory is None
    torch.testing.assert_close(kept.height, plain.height, rtol=0, atol=1e-12)
    assert kept.trajectory.time.tolist()[-1] == 5.0
    assert kept.trajectory.contacts.normal.shape == (716, 21, 3)


@FORWARD_MODE
def test_the_pathwise_derivative_by_z_close_is_the_slope_in_both_modes() -> None:
    def lifted(z: Tensor) -> Tensor:
        return rollout(z, backend="compile").height

    z = mm(5, 20, 40)
    height, slope = torch.func.jvp(lifted, (z,), (torch.ones_like(z),))
    assert torch.equal(height, lifted(z))
    torch.testing.assert_close(slope, torch.full_like(z, -1.0), rtol=1e-3, atol=0)
    z.requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(lifted(z).sum(), z)[0], slope)


@FORWARD_MODE
def test_the_pathwise_derivative_by_parameters_is_a_difference() -> None:
    """Of height and opening, along one direction that changes them all."""
    names, z = ("m", "b", "mu_pad", "force", "k", "a"), mm(5, 20, 40)
    at = [torch.full_like(z, getattr(GripperParams(), name)) for name in names]
    along = [(1 + i) * 0.1 * value for i, value in enumerate(at)]

    def ends(*values: Tensor) -> Tensor:
        params = GripperParams(**dict(zip(names, values, strict=True)))
        end = rollout(z, params, backend="compile").state
        return torch.stack((end.z, end.w))

    def moved(h: float) -> Tensor:
        return ends(*(value + h * dot for value, dot in zip(at, along, strict=True)))

    slope = torch.func.jvp(ends, tuple(at), tuple(along))[1]
    torch.testing.assert_close(slope, (moved(1e-5) - moved(-1e-5)) / 2e-5, rtol=1e-4, atol=0)


@FORWARD_MODE
def test_forward_mode_through_torch_is_that_of_the_kernel() -> None:
    z_close, params, start = in_grip(F64)

    def opening(z_close: Tensor, w: Tensor, backend: str) -> Tensor:
        moved = start._replace(w=w)
        return rollout(z_close, params, initial=moved, horizon=0.012, backend=backend).state.w

    ones = torch.ones_like(z_close)
    slopes = [
        torch.func.jvp(lambda z, w, b=b: opening(z, w, b), (z_close, start.w), (ones, ones))[1]
        for b in BACKENDS
    ]
    torch.testing.assert_close(*slopes, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("theta", [0.02, 0.045, 0.05])
def test_pathwise_is_blind_to_the_cliff_and_zero_order_is_not(theta: float) -> None:
    f, at, sigma, n = GripperLift(), torch.tensor([theta], dtype=F64), 0.005, 4096
    eps = torch.randn(n, 1, generator=torch.Generator().manual_seed(1), dtype=F64)
    inside = torch.distributions.Normal(at, sigma).cdf(torch.tensor([0.0, 0.05], dtype=F64)).diff()
    for estimator, expected in (
        (first_order, -inside),
        (zero_order, f.smoothed_grad(at, sigma)),
    ):
        found = estimator(f, at, sigma, eps)
        error = found.std() / n**0.5
        assert (found.mean() - expected).abs() < 4 * error + 1e-4
    assert (f.smoothed_grad(at, sigma) + inside).abs() > 5 * error or theta < 0.03


def test_the_objective_is_the_simulator_and_keeps_shapes() -> None:
    f = GripperLift()
    theta = mm(10, 20, 30, 60).reshape(2, 2, 1)
    assert torch.equal(f(theta), rollout(theta.flatten()).height.reshape(2, 2))
    torch.testing.assert_close(f.smoothed(theta, 1e-6), f(theta), rtol=0, atol=1e-5)
    assert f.optimum.value == f.closed_form.right[0]
    for bad in (GripperParams(mu_pad=0.03), GripperParams(m=mm(100)), GripperParams(v_lift=0.05)):
        with pytest.raises(ValueError, match="lift_closed_form"):
            GripperLift(bad)


def test_mujoco_lifts_what_we_lift() -> None:
    needs("mujoco")
    from tests.mujoco_gripper import heights

    z = torch.linspace(-0.03, 0.07, 51, dtype=F64)
    ours, theirs = rollout(z).height, heights(z, GripperParams())
    assert int(((ours > 0.1) == (theirs > 0.1)).sum()) == 51
    assert (ours - theirs).abs().median() < 5e-5

    scenes = random_scenes(200, SEED)
    start = init_state(scenes.params, 200, x=scenes.x)
    ours = rollout(scenes.z_close, scenes.params, initial=start).height
    theirs = heights(scenes.z_close, scenes.params, scenes.x)
    agree, near = scenes.lifted(ours) == scenes.lifted(theirs), scenes.x.abs() <= 0.025
    assert int(agree.sum()) >= 197
    assert agree[near].all()
    assert (ours - theirs).abs().median() < 5e-5


INTERPRETED = """
import torch
from smoothlib import gripper_cpu, gripper_cuda
from tests.test_gripper_backends import in_grip
z_close, params, start = in_grip(torch.float32)
columns = {"z_close": z_close, **start._asdict(), **vars(params)}
tangents = {f"{n}_dot": torch.zeros_like(z_close) for n in start._fields}
for more in ({}, tangents | {"z_close_dot": torch.ones_like(z_close)}):
    time = torch.arange(2 if more else 30) * 1e-3
    runs = [m.run(columns | more, 1e-3, time) for m in (gripper_cpu, gripper_cuda)]
    assert runs[0].keys() == runs[1].keys()
    for name in ("z_hand", "w", "x", "z", "angle", *(["z_hand_dot"] if more else [])):
        torch.testing.assert_close(runs[0][name], runs[1][name], rtol=1e-4, atol=1e-5)
"""


def test_the_triton_kernel_interpreted_takes_the_same_steps() -> None:
    needs("triton")
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", INTERPRETED],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_the_triton_kernel_for_hopper_spills_nothing(tmp_path: Any) -> None:
    needs("triton")
    from tests.benchmarks.bench_gripper import hopper_registers

    registers, local = hopper_registers(("z_close", *STATE))
    assert local == 0 and registers <= 255
    assert set(PARAMS)  # all of them are numbers in the constant bank


def test_on_a_gpu_heights_are_those_on_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    scenes = random_scenes(200, SEED)
    params = GripperParams(**{k: v.float() for k, v in scenes.params.tensors().items()})
    z, x = scenes.z_close.float(), scenes.x.float()
    there = GripperParams(**{k: v.cuda() for k, v in params.tensors().items()})
    ours = rollout(z, params, initial=init_state(params, 200, x=x)).height
    gpu = rollout(z.cuda(), there, initial=init_state(there, 200, x=x.cuda())).height.cpu()
    same = scenes.lifted(ours) == scenes.lifted(gpu)
    assert same[scenes.x.abs() <= 0.025].all()
    assert (ours - gpu).abs().median() < 1e-5


@pytest.mark.parametrize("backend", ["eager", "compile"])
def test_no_gripper_at_all_is_no_trouble(backend: str) -> None:
    found = rollout(
        torch.empty(0, dtype=torch.float64), GripperParams(), horizon=0.1, backend=backend
    )
    assert found.height.shape == (0,)
