"""smoothlib beside its peers: gradient samples, normals, a generation of a search, the import.

    python -m tests.benchmarks.bench_core [--json]

Everything is pinned to one core and measured in CPU time of the process, the least of some
repeats, warm: compilation is not in it. A generation runs in a process of its own, so that its
memory, the peak over what was held before, is its own. A ratio is the peer's over smoothlib's.
Peers that are not installed (`pip install -e '.[bench]'`) are left out, and named.

A million samples are the zero-order and the first-order gradient of a ball's flight, 20 cos θ, in
one dimension: mean and standard error of both. A generation draws a population around θ, values
it by -Σ(x - 1)², ranks it, and moves θ.
"""

import argparse
import ctypes
import gc
import importlib.util
import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smoothlib import BallThrow, evolution_gradient, first_order, noise, normal, zero_order
from smoothlib.statistics import estimates
from tests.benchmarks.bench_noise import machine, of_jax, of_smoothlib

N = 10**6
SIGMA = 0.1
POPULATION, D = 1_000, 100_000
M_MMAP_THRESHOLD = -3  # of glibc's mallopt
Step = Callable[[], Any]


def least_cpu(step: Step, repeats: int, warm: int = 2) -> float:
    """Seconds of CPU, the least of some repeats."""
    for _ in range(warm):
        step()
    return min(cpu(step) for _ in range(repeats))


def cpu(step: Step) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def by_turns(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Milliseconds of CPU, the least of some rounds in which each has 4 turns in a row."""
    for step in steps.values():
        step()
    least = dict.fromkeys(steps, math.inf)
    for _ in range(rounds):
        for name, step in steps.items():
            least[name] = min(least[name], *(cpu(step) * 1e3 for _ in range(4)))
    return least


def installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) for module in modules)


# --- a million samples ---------------------------------------------------------------------


def samples_of_smoothlib(compile: bool, n: int = N) -> Step:
    f, theta, both = BallThrow(), torch.tensor([0.3]), (zero_order, first_order)
    return lambda: estimates(f, theta, SIGMA, n, 1, both, compile=compile)


def samples_of_jax() -> Step:
    import jax
    import jax.numpy as jnp

    @jax.jit
    def step(key: Any) -> Any:
        eps = jax.random.normal(key, (N,))
        x = 0.3 + SIGMA * eps
        rows = (20 * jnp.cos(x)) * eps / SIGMA, jax.vmap(jax.grad(lambda a: 20 * jnp.cos(a)))(x)
        return [(row.mean(), row.std() / math.sqrt(N)) for row in rows]

    key = jax.random.key(1, impl="threefry2x32")
    return lambda: jax.block_until_ready(step(key))


def samples_of_numpy() -> Step:
    def step() -> Any:
        eps = np.random.normal(size=N)
        x = 0.3 + SIGMA * eps
        rows = 20 * np.cos(x) * eps / SIGMA, -20 * np.sin(x)
        return [(row.mean(), row.std() / math.sqrt(N)) for row in rows]

    return step


def samples() -> dict[str, float]:
    """Milliseconds."""
    steps = {"smoothlib, compiled": samples_of_smoothlib(True)}
    steps["smoothlib, eager"] = samples_of_smoothlib(False)
    if installed("jax"):
        steps["JAX jit, threefry"] = samples_of_jax()
    steps["numpy float64, np.random.normal"] = samples_of_numpy()
    return by_turns(steps, 12)


# --- a million normals -----------------------------------------------------------------------


def normals() -> dict[str, float]:
    """Milliseconds; 1000 x 1000, float32."""
    filled, array = torch.empty(N), np.empty(N, "float32")
    generator = np.random.Generator(np.random.SFC64(1))
    steps: dict[str, Step] = {
        "smoothlib, compiled": of_smoothlib(torch.float32, (1000, 1000), True),
        "smoothlib, eager": of_smoothlib(torch.float32, (1000, 1000), False),
        "torch normal_": filled.normal_,
        "numpy SFC64": lambda: generator.standard_normal(out=array, dtype=np.float32),
    }
    if installed("jax"):
        steps["JAX threefry, jit"] = of_jax()
    return by_turns(steps, 12)


# --- a generation --------------------------------------------------------------------------


def generation_of_smoothlib(population: int, compile: bool = True) -> Step:
    """OpenAI's evolution strategy, mirrored; the noise is drawn twice and never kept."""
    theta, pairs = torch.zeros(D), population // 2

    def value(theta: Tensor, eps: Tensor) -> Tensor:
        up, down = theta + SIGMA * eps, theta - SIGMA * eps
        return torch.stack([-((x - 1) ** 2).sum(-1) for x in (up, down)])

    valued = torch.compile(value) if compile else value
    seeds = iter(range(10**6))

    def step() -> None:
        seed = next(seeds)
        values = torch.empty(2, pairs)
        eps = torch.empty(32, D)
        for first in range(0, pairs, 32):
            some = range(first, min(first + 32, pairs))
            drawn = normal(seed, some, D, out=eps[: len(some)], compile=compile)
            values[:, some.start : some.stop] = valued(theta, drawn)
        del eps, drawn
        ranks = values.flatten().argsort().argsort().view(2, pairs) / (population - 1) - 0.5
        theta.add_(evolution_gradient(seed, ranks, SIGMA, D, compile=compile), alpha=0.01)

    return step


def generation_of_smoothlib_eager(population: int) -> Step:
    return generation_of_smoothlib(population, compile=False)


def generation_of_evosax(population: int) -> Step:
    import jax
    import jax.numpy as jnp
    from evosax.algorithms import Open_ES

    search = Open_ES(population_size=population, solution=jnp.zeros(D))
    params = search.default_params
    key = jax.random.key(0)

    @jax.jit
    def generation(state: Any, key: Any) -> Any:
        ask, tell = jax.random.split(key)
        x, state = search.ask(ask, state, params)
        return search.tell(tell, x, ((x - 1) ** 2).sum(-1), state, params)[0]

    held = [search.init(key, jnp.zeros(D), params), key]

    def step() -> None:
        held[1] = jax.random.fold_in(held[1], 1)
        held[0] = jax.block_until_ready(generation(*held))

    return step


def generation_of_evotorch(algorithm: str, population: int) -> Step:
    from evotorch import Problem, algorithms
    from evotorch.decorators import vectorized

    @vectorized
    def value(x: Tensor) -> Tensor:
        return -((x - 1) ** 2).sum(-1)

    problem = Problem("max", value, solution_length=D, initial_bounds=(0, 0), seed=1)
    more = {"center_learning_rate": 0.01, "stdev_learning_rate": 0.1} if algorithm == "PGPE" else {}
    search = getattr(algorithms, algorithm)(
        problem, popsize=population, stdev_init=SIGMA, center_init=torch.zeros(D), **more
    )
    return lambda: search.step()


GENERATIONS: dict[str, tuple[tuple[str, ...], Callable[[int], Step]]] = {
    "smoothlib, compiled": ((), generation_of_smoothlib),
    "smoothlib, eager": ((), generation_of_smoothlib_eager),
    "evosax OpenES": (("evosax",), generation_of_evosax),
    "EvoTorch PGPE": (("evotorch",), lambda n: generation_of_evotorch("PGPE", n)),
    "EvoTorch SNES": (("evotorch",), lambda n: generation_of_evotorch("SNES", n)),
}


def memory(field: str) -> float:
    """VmRSS, what is held now, or VmHWM, the most since it was last reset, in MB."""
    with open("/proc/self/status") as lines:
        return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1e3


class HeapCounts(ctypes.Structure):
    """glibc's struct mallinfo2."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks "
        "keepcost".split()
    ]


def close_holes(libc: ctypes.CDLL) -> None:
    """Take what lies free inside the heap, without touching it.

    Else tensors would lie there, and what they had touched would count after they are freed: up to
    8 MB, by chance of what was loaded before.
    """
    libc.mallinfo2.restype, libc.malloc.restype = HeapCounts, ctypes.c_void_p
    libc.mallopt(M_MMAP_THRESHOLD, 1 << 25)
    for size in (1 << k for k in range(24, 15, -1)):
        arena = libc.mallinfo2().arena
        while libc.mallinfo2().arena == arena:
            libc.malloc(size)


def peak(step: Step) -> float:
    """The most memory that two turns hold beyond what is held before, in MB."""
    noise._scratch.cache_clear()
    noise._places.cache_clear()
    gc.collect()
    libc = ctypes.CDLL(None)
    close_holes(libc)
    libc.mallopt(M_MMAP_THRESHOLD, 1 << 16)  # what is freed is given back at once, and not counted
    libc.malloc_trim(0)
    before = memory("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    step()
    step()  # it starts with what the first has kept
    most = memory("VmHWM")
    libc.mallopt(M_MMAP_THRESHOLD, 1 << 25)  # glibc's own most
    return most - before


def one_generation(name: str, population: int) -> None:
    """Run in a process of its own: prints milliseconds and peak memory."""
    _, make = GENERATIONS[name]
    step = make(population)
    if name.startswith("smoothlib"):
        make(104)()  # compile on 32 + 20 pairs
    mb = peak(step)
    seconds = least_cpu(step, 3 if population > POPULATION else 5, warm=1)
    print(json.dumps({"ms": seconds * 1e3, "mb": mb}))


def generations() -> dict[str, dict[str, float]]:
    cases = [(name, POPULATION) for name, (needs, _) in GENERATIONS.items() if installed(*needs)]
    found = {}
    for name, population in [*cases, ("smoothlib, compiled", 10 * POPULATION)]:
        command = [sys.executable, "-m", "tests.benchmarks.bench_core"]
        command += ["--generation", name, "--population", str(population)]
        run = subprocess.run(command, capture_output=True, text=True)
        label = f"{name}, population {population}"
        if run.returncode:
            print(f"{label} failed: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        else:
            found[label] = json.loads(run.stdout.splitlines()[-1])
    return found


# --- the import, and a GPU -------------------------------------------------------------------


IMPORTS = {
    "import torch": "import torch",
    "import smoothlib": "import smoothlib",
    "... and what lecture 04 opens with": (
        "from smoothlib import BallThrow, BallWall, finite_difference, first_order, normal"
    ),
    "... and all its names": "from smoothlib import *",
}


def imports() -> dict[str, float]:
    """Milliseconds of CPU of a Python that imports and ends; the least of 7, by turns."""
    took: dict[str, list[float]] = {label: [] for label in IMPORTS}
    for _ in range(7):
        for label, code in IMPORTS.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            took[label].append(times)
    return {label: min(times) * 1e3 for label, times in took.items()}


def on_the_gpu() -> dict[str, float]:
    """Normals on CUDA: the share of the memory's bandwidth, and of what the cores can issue."""
    n, operations = 1 << 28, 90  # instructions for one normal, counted in the fused loops
    out = torch.empty(1 << 14, n >> 14, device="cuda")
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(2):
        start.record()
        normal(1, *out.shape, out=out, compile=True)
        end.record()
        end.synchronize()
    seconds = start.elapsed_time(end) / 1e3
    card = torch.cuda.get_device_properties(0)
    bandwidth = 2 * card.memory_clock_rate * 1e3 * card.memory_bus_width / 8
    issue = card.multi_processor_count * 128 * card.clock_rate * 1e3
    return {
        "normals a second": n / seconds,
        "share of the bandwidth": 4 * n / seconds / bandwidth,
        "share of the issue limit": operations * n / seconds / issue,
    }


# --- the table -------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--generation", choices=GENERATIONS, help=argparse.SUPPRESS)
    parser.add_argument("--population", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    if options.generation:
        one_generation(options.generation, options.population)
        return
    results: dict[str, Any] = {"samples": samples(), "normals": normals()}
    results |= {"generation": generations(), "import": imports(), "machine": machine()}
    if torch.cuda.is_available():
        results["gpu"] = on_the_gpu()
    if options.json:
        print(json.dumps(results, indent=1))
        return
    print("  ".join(f"{key} {value}" for key, value in results["machine"].items()))
    for title, unit in (("samples", "ms, 1e6 samples"), ("normals", "ms, 1e6 normals")):
        table(unit, results[title])
    flat = {name: found["ms"] for name, found in results["generation"].items()}
    table("ms, a generation, d = 1e5", flat, {k: v["mb"] for k, v in results["generation"].items()})
    table("ms, import", results["import"], own="import torch")
    for name, value in results.get("gpu", {}).items():
        print(f"GPU, {name}: {value:.3g}")
    missing = [name for name in ("jax", "evosax", "evotorch") if not installed(name)]
    if missing:
        print(f"not installed: {', '.join(missing)}")


def table(
    unit: str, rows: dict[str, float], memory: dict[str, float] | None = None, own: str = ""
) -> None:
    """Values, and their ratio to the first row, or to `own`."""
    base = rows[own] if own else next(iter(rows.values()))
    print(f"\n{unit:48s} {'':>9s} {'ratio':>7s}{'   peak MB' if memory else ''}")
    for name, value in rows.items():
        peak = f"{memory[name]:10.1f}" if memory else ""
        print(f"{name:48s} {value:9.2f} {value / base:7.2f}{peak}")


if __name__ == "__main__":
    main()
