"""Nanoseconds of CPU for one standard normal: smoothlib, torch, numpy and, where it is, JAX.

    python -m tests.benchmarks.bench_noise [--json] [--eager]

One thread, 1e6 numbers into memory that is already there (JAX returns fresh memory). CPU time of
the process, minimum and median of repeats; the ratio is torch's normal_ of the same dtype over the
minimum, all in one run. Compilation is not in it; --eager leaves out what compiles.
"""

import argparse
import importlib.util
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import smoothlib
from smoothlib.noise import normal

N = 10**6
REPEATS, CALLS = 15, 4


def cpu_ns(draw: Callable[[], Any]) -> tuple[float, float]:
    """Nanoseconds per normal, minimum and median."""
    draw()
    took = []
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(CALLS):
            draw()
        took.append((time.process_time() - start) / CALLS / N * 1e9)
    return min(took), statistics.median(took)


def of_smoothlib(dtype: torch.dtype, shape: tuple[int, int], compile: bool) -> Callable[[], Any]:
    out = torch.empty(shape, dtype=dtype)
    return lambda: normal(1, *shape, out=out, compile=compile)


def of_jax() -> Callable[[], Any]:
    import jax

    draw = jax.jit(lambda key: jax.random.normal(key, (N,)))
    key = jax.random.key(1, impl="threefry2x32")
    return lambda: draw(key).block_until_ready()


def contenders(eager_only: bool) -> dict[tuple[str, str], Callable[[], Any]]:
    found: dict[tuple[str, str], Callable[[], Any]] = {}
    for dtype in (torch.float32, torch.float64):
        name = str(dtype).removeprefix("torch.")
        filled = torch.empty(N, dtype=dtype)
        found["torch normal_", name] = filled.normal_
        for compile in (False, True)[: 1 if eager_only else 2]:
            how = "compiled" if compile else "eager"
            for shape in ((N, 1), (1000, 1000)):
                label = f"smoothlib {how}, {shape[0]} x {shape[1]}"
                found[label, name] = of_smoothlib(dtype, shape, compile)
        array, generator = np.empty(N, name), np.random.Generator(np.random.SFC64(1))
        found["numpy SFC64", name] = lambda a=array, g=generator: g.standard_normal(
            out=a, dtype=a.dtype
        )
    if importlib.util.find_spec("jax"):
        found["JAX threefry, jit", "float32"] = of_jax()
    return found


def machine() -> dict[str, str]:
    with open("/proc/cpuinfo") as lines:
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "?")
    versions = {"torch": torch.__version__, "numpy": np.__version__}
    if "jax" in sys.modules:
        versions["jax"] = sys.modules["jax"].__version__
    return {
        "cpu": f"{model}, {torch.backends.cpu.get_cpu_capability()}",
        "python": platform.python_version(),
        "smoothlib": str(smoothlib.__file__),
        **versions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--eager", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for (name, dtype), draw in contenders(options.eager).items():
        least, median = cpu_ns(draw)
        rows.append({"name": name, "dtype": dtype, "ns_min": least, "ns_median": median})
    torch_ns = {row["dtype"]: row["ns_min"] for row in rows if row["name"] == "torch normal_"}
    for row in rows:
        row["speedup_over_torch"] = torch_ns[row["dtype"]] / row["ns_min"]
    if options.json:
        print(json.dumps({"machine": machine(), "rows": rows}, indent=1))
        return
    print("  ".join(f"{key} {value}" for key, value in machine().items()))
    print(f"{'':40s} {'dtype':8s} {'ns min':>7s} {'median':>7s} {'torch / it':>11s}")
    for row in rows:
        print(
            f"{row['name']:40s} {row['dtype']:8s} {row['ns_min']:7.2f} {row['ns_median']:7.2f} "
            f"{row['speedup_over_torch']:11.2f}"
        )


if __name__ == "__main__":
    main()
