"""Environment steps of the gripper per second: ours, MuJoCo's, and on a GPU where there is one.

    python -m tests.benchmarks.bench_gripper [--gpu-only]

CPU: one thread, CPU time of the process, MuJoCo (`mujoco.rollout`, the same scene) in the same run;
compilation is not in it and is shown apart. GPU: CPU = CUDA is checked first, then device events,
after warm-up, median of 20. Without a GPU, what the kernel compiles to for Hopper is shown where
Triton is installed.
"""

import argparse
import importlib.util
import re
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from smoothlib.gripper import GripperParams, init_state, rollout
from smoothlib.gripper_code import STATE

STEPS = 5000
ISSUE_LIMIT = 8.4e9  # environment steps per second of an H200, at 3568 instructions a step


def cpu_seconds(call: Any) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def spread(batch: int, dtype: torch.dtype = torch.float32, device: str = "cpu") -> torch.Tensor:
    return torch.linspace(-0.03, 0.07, batch, dtype=dtype, device=device)


def on_cpu() -> None:
    torch.set_num_threads(1)
    print(f"compiling: {cpu_seconds(lambda: rollout(spread(16))):.2f} s of CPU, and the compiler's")
    rates = {}
    for dtype in (torch.float32, torch.float64):
        for batch in (1, 256, 16384):
            z = spread(batch, dtype)
            rollout(z[:16])
            rate = batch * STEPS / cpu_seconds(lambda z=z: rollout(z))
            rates[dtype, batch] = rate
            print(f"compile  {dtype!s:14s} batch {batch:6d}  {rate:10.3g} steps/s")
    for batch, steps in ((1, 200), (256, 100), (4096, 20)):
        z = spread(batch)
        took = cpu_seconds(
            lambda z=z, n=steps: rollout(z, horizon=n * 1e-3, backend="eager").height
        )
        print(
            f"eager    torch.float32  batch {batch:6d}  {batch * steps / took:10.3g} steps/s",
            end="",
        )
        print(f"  {took / steps * 1e3:.2f} ms a step")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rollout(spread(65536))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"memory of a rollout of 65536, compile: {grown / 1024:.0f} MB")
    if importlib.util.find_spec("mujoco"):
        rate = of_mujoco()
        ratio = rates[torch.float32, 16384] / rate
        print(
            f"MuJoCo   float64, rollout of 32     {rate:10.3g} steps/s;  ours / MuJoCo {ratio:.0f}"
        )


def of_mujoco() -> float:
    """MuJoCo's steps per second of CPU, the models made beforehand."""
    import mujoco
    from mujoco import rollout as mujoco_rollout

    from tests.mujoco_gripper import SCENE, controls, initial, numbers

    z, p = spread(32, torch.float64), GripperParams()
    scene = {name: float(value) for name, value in vars(p).items()}
    model = mujoco.MjModel.from_xml_string(SCENE.format(**numbers(scene, 1e-3)))
    start = initial(model, init_state(p, 1), 0)[None].repeat(32, 0)
    control = controls(z, GripperParams(kp=torch.full_like(z, 5e3)), 1e-3, STEPS).numpy()
    data = [mujoco.MjData(model)]
    return 32 * STEPS / cpu_seconds(lambda: mujoco_rollout.rollout(model, data, start, control))


def on_gpu() -> None:
    z = spread(51)
    cpu, gpu = rollout(z).height, rollout(z.cuda()).height.cpu()
    print(
        f"CPU - CUDA, 51 heights: {(cpu - gpu).abs().max():.2g} m; {torch.cuda.get_device_name()}"
    )
    for batch in (4096, 16384, 65536, 262144):
        z, took = spread(batch, device="cuda"), []
        for _ in range(3):
            rollout(z)
        for _ in range(20):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            rollout(z)
            end.record()
            torch.cuda.synchronize()
            took.append(start.elapsed_time(end) / 1e3)
        median = statistics.median(took)
        rate = batch * STEPS / median
        print(f"triton batch {batch:6d}  {median * 1e3:8.2f} ms  {rate:.3g} steps/s", end="")
        print(f"  {rate / ISSUE_LIMIT:.0%} of the issue limit")


def hopper_registers(tensors: tuple[str, ...]) -> tuple[int, int]:
    """Registers per thread and bytes of local memory of the kernel compiled for sm_90."""
    report = _hopper(tensors)[0]
    return tuple(int(re.search(rf"{what}:(\d+)", report)[1]) for what in ("REG", "LOCAL"))  # type: ignore


def _hopper(tensors: tuple[str, ...]) -> tuple[str, str]:
    """What cuobjdump says of the resources, and the instructions."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from smoothlib.gripper_cuda import BLOCK, WARPS, compiled

    kernel, uniform = compiled(tensors, torch.float32)
    names = kernel.arg_names
    kinds = {name: "*fp32" for name in names} | {
        "batch": "i32",
        "steps": "i32",
        "BLOCK": "constexpr",
    }
    kinds |= {f"u{i}": "fp32" for i in range(len(uniform))}
    made = triton.compile(
        ASTSource(kernel, kinds, constexprs={"BLOCK": BLOCK}),
        target=GPUTarget("cuda", 90, 32),
        options={"num_warps": WARPS, "enable_fp_fusion": True},
    )
    tools = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    with tempfile.TemporaryDirectory() as folder:
        cubin = Path(folder, "gripper.cubin")
        cubin.write_bytes(made.asm["cubin"])
        commands = ([tools / "cuobjdump", "-res-usage", cubin], [tools / "nvdisasm", cubin])
        found = [subprocess.run(c, capture_output=True, text=True, check=True) for c in commands]
    return found[0].stdout + found[0].stderr, found[1].stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpu-only", action="store_true")
    options = parser.parse_args()
    if not options.gpu_only:
        on_cpu()
    if torch.cuda.is_available():
        on_gpu()
    elif importlib.util.find_spec("triton"):
        report, code = _hopper(("z_close", *STATE))
        count = len(re.findall(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\d+ )?[A-Z]", code, re.M))
        usage = next(line.strip() for line in report.splitlines() if "REG:" in line)
        print(f"no GPU here; for sm_90: {count} instructions, {usage}")
        print("on a GPU: python -m tests.benchmarks.bench_gripper --gpu-only")


if __name__ == "__main__":
    main()
