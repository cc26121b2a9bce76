"""Evolution strategies beside their peers: a generation, CartPole, gripper, BBOB, and the wire.

    python -m tests.benchmarks.bench_search [generations cartpole gripper bbob wire]
        [--seeds 10] [--json]

One core, CPU time. A ratio is the peer's over smoothlib's. Peers that are not installed
(`pip install -e '.[bench]'`) are left out, and named.

generations   population 1e3, d = 1e5 (1e2 where a full covariance is kept), f = -Σ(x - 1)²: the
              least of some, warm, compiled where that can be, in a process of its own, whose peak
              of memory is over what was held before
cartpole      NES until 100 fresh episodes of the mean policy score 475: the CPU time of a whole
              process from its start to its end, compiling included, and how many seeds got there
gripper       NES, REINFORCE and PPO on the gripper in closed loop: the lift at equal episodes
bbob          evaluations to 1e-7 above the optimum, beside those published, and the peers' at the
              same population and budget
wire          what TCP carries in a generation that processes share
"""

import argparse
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from smoothlib import CMAES, PGPE, SNES, XNES, OpenAIES, centered_ranks
from tests import bbob
from tests.benchmarks import grippers
from tests.benchmarks.bench_core import POPULATION, SIGMA, D, Step, installed, least_cpu, peak
from tests.benchmarks.bench_noise import machine
from tests.benchmarks.cartpoles import CARTPOLES, TARGET

SMALL = 100  # dimensions, where a covariance is kept


# --- a generation --------------------------------------------------------------------------


def value(x: Tensor) -> Tensor:
    """In the memory of x, which is f's own."""
    return x.sub_(1).square_().sum(-1).neg_()


def of_smoothlib(make: Callable[..., Any], d: int, **settings: Any) -> Callable[[int], Step]:
    def step(population: int) -> Step:
        search = make(torch.zeros(d), SIGMA, population, **settings)
        return lambda: search.step(value, batch=1 if d == D else None)  # or a pair: to save memory

    return step


def of_evosax(name: str, d: int) -> Callable[[int], Step]:
    def step(population: int) -> Step:
        import jax
        import jax.numpy as jnp
        from evosax import algorithms

        search = getattr(algorithms, name)(population_size=population, solution=jnp.zeros(d))
        params = search.default_params
        key = jax.random.key(0)

        @jax.jit
        def generation(state: Any, key: Any) -> Any:
            ask, tell = jax.random.split(key)
            x, state = search.ask(ask, state, params)
            return search.tell(tell, x, ((x - 1) ** 2).sum(-1), state, params)[0]

        held = [search.init(key, jnp.zeros(d), params), key]

        def one() -> None:
            held[1] = jax.random.fold_in(held[1], 1)
            held[0] = jax.block_until_ready(generation(*held))

        return one

    return step


def of_evotorch(name: str, d: int) -> Callable[[int], Step]:
    def step(population: int) -> Step:
        from evotorch import Problem, algorithms
        from evotorch.decorators import vectorized

        @vectorized
        def sphere(x: Tensor) -> Tensor:
            return -((x - 1) ** 2).sum(-1)

        problem = Problem("max", sphere, solution_length=d, initial_bounds=(0, 0), seed=1)
        more = {"center_learning_rate": 0.01, "stdev_learning_rate": 0.1} if name == "PGPE" else {}
        search = getattr(algorithms, name)(
            problem, popsize=population, stdev_init=SIGMA, center_init=torch.zeros(d), **more
        )
        return lambda: search.step()

    return step


def of_pycma(population: int) -> Step:
    import cma

    settings = {"popsize": population, "verbose": -9, "seed": 1}
    search = cma.CMAEvolutionStrategy([0.0] * SMALL, SIGMA, settings)

    def step() -> None:
        x = search.ask()
        search.tell(x, [float(((row - 1) ** 2).sum()) for row in x])

    return step


FAST: dict[str, Any] = {"compile": True}
GENERATIONS: dict[str, tuple[str, Callable[[int], Step]]] = {
    "smoothlib OpenAIES": ("", of_smoothlib(OpenAIES, D, shape=centered_ranks, **FAST)),
    "evosax Open_ES": ("evosax", of_evosax("Open_ES", D)),
    "smoothlib PGPE": ("", of_smoothlib(PGPE, D, shape=centered_ranks, **FAST)),
    "EvoTorch PGPE": ("evotorch", of_evotorch("PGPE", D)),
    "evosax PGPE": ("evosax", of_evosax("PGPE", D)),
    "smoothlib SNES": ("", of_smoothlib(SNES, D, **FAST)),
    "EvoTorch SNES": ("evotorch", of_evotorch("SNES", D)),
    "evosax SNES": ("evosax", of_evosax("SNES", D)),
    "smoothlib XNES, d = 100": ("", of_smoothlib(XNES, SMALL, **FAST)),
    "EvoTorch XNES, d = 100": ("evotorch", of_evotorch("XNES", SMALL)),
    "evosax xNES, d = 100": ("evosax", of_evosax("xNES", SMALL)),
    "smoothlib CMAES, d = 100": ("cma", of_smoothlib(CMAES, SMALL)),
    "pycma, d = 100": ("cma", of_pycma),
}


def one_generation(name: str) -> None:
    """Run in a process of its own: prints milliseconds and peak memory."""
    make = GENERATIONS[name][1]
    if name.startswith("smoothlib"):
        make(104)()  # compile
    step = make(POPULATION)
    mb = peak(step)
    print(json.dumps({"ms": least_cpu(step, 5, warm=1) * 1e3, "mb": mb}))


def generations() -> dict[str, dict[str, float]]:
    found = {}
    for name, (needs, _) in GENERATIONS.items():
        if needs and not installed(needs):
            continue
        run = child("--generation", name)
        if run.returncode:
            print(f"{name} failed: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        else:
            found[name] = json.loads(run.stdout.splitlines()[-1])
    return found


# --- CartPole ------------------------------------------------------------------------------


def cartpole(seeds: int) -> dict[str, dict[str, Any]]:
    """CPU seconds of whole processes: median, least and most over the seeds."""
    found = {}
    for name, (needs, _) in CARTPOLES.items():
        if not installed(*needs):
            continue
        took, counts, scores = [], [], []
        for seed in range(seeds):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            code = f"from tests.benchmarks import cartpoles; cartpoles.run({name!r}, {seed})"
            run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if run.returncode:
                print(f"{name} failed: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                break
            took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            count, score = json.loads(run.stdout.splitlines()[-1])
            counts.append(count)
            scores.append(score)
        if took:
            found[name] = {
                "seconds": spread(took),
                "generations": spread(counts),
                "reached": sum(score >= TARGET for score in scores),
                "seeds": len(scores),
            }
    return found


# --- the gripper ---------------------------------------------------------------------------


def gripper(seeds: int) -> dict[str, dict[str, Any]]:
    """Median, least and most over the seeds: the lift at each budget, and CPU seconds."""
    found = {}
    for name in grippers.LEARNERS:
        runs = [grippers.learn(name, seed) for seed in range(seeds)]
        found[name] = {
            "lifts": [spread(lifts) for lifts in zip(*(run.lifts for run in runs), strict=True)],
            "seconds": spread([run.seconds for run in runs]),
        }
    return found


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    return statistics.median(values), min(values), max(values)


# --- BBOB ----------------------------------------------------------------------------------


def bbob_of_smoothlib(name: str) -> bbob.Make:
    def make(start: Tensor, seed: int) -> bbob.Step:
        search = {"SNES": SNES, "XNES": XNES, "CMAES": CMAES}[name](start, 1.0, seed=seed)
        return lambda f: search.tell(f(search.ask()))

    return make


def bbob_of_evotorch(name: str) -> bbob.Make:
    logging.disable(logging.INFO)  # it reports every problem that is made

    def make(start: Tensor, seed: int) -> bbob.Step:
        from evotorch import Problem, algorithms
        from evotorch.decorators import vectorized

        held: list[Callable[[Tensor], Tensor]] = []

        @vectorized
        def value(x: Tensor) -> Tensor:
            return held[0](x)

        problem = Problem(
            "max", value, solution_length=len(start), initial_bounds=(0, 0), dtype=torch.float64
        )
        problem.manual_seed(seed)
        search = getattr(algorithms, name)(problem, stdev_init=1.0, center_init=start)

        def step(f: Callable[[Tensor], Tensor]) -> None:
            held[:] = [f]
            search.step()

        return step

    return make


def bbob_of_evosax(name: str) -> bbob.Make:
    import jax
    import jax.numpy as jnp
    from evosax import algorithms

    jax.config.update("jax_enable_x64", True)
    search = getattr(algorithms, name)(population_size=8, solution=jnp.zeros(bbob.D))
    params = search.default_params
    ask, tell = jax.jit(search.ask), jax.jit(search.tell)

    def make(start: Tensor, seed: int) -> bbob.Step:
        held = [search.init(jax.random.key(seed), jnp.asarray(start.numpy()), params)]
        keys = iter(range(10**6))

        def step(f: Callable[[Tensor], Tensor]) -> None:
            key = jax.random.fold_in(jax.random.key(seed), next(keys))
            x, state = ask(key, held[0], params)
            values = -f(torch.tensor(x.tolist(), dtype=torch.float64))
            held[0] = tell(key, x, jnp.asarray(values.numpy()), state, params)[0]

        return step

    return make


BBOBS: dict[str, tuple[str, Callable[[], bbob.Make], tuple[int, ...]]] = {
    "SNES smoothlib": ("", lambda: bbob_of_smoothlib("SNES"), (1, 2)),
    "SNES EvoTorch": ("evotorch", lambda: bbob_of_evotorch("SNES"), (1, 2)),
    "SNES evosax": ("evosax", lambda: bbob_of_evosax("SNES"), (1, 2)),
    "XNES smoothlib": ("", lambda: bbob_of_smoothlib("XNES"), (1, 2, 10, 11, 8, 9)),
    "XNES EvoTorch": ("evotorch", lambda: bbob_of_evotorch("XNES"), (1, 2, 10, 11, 8, 9)),
    "XNES evosax": ("evosax", lambda: bbob_of_evosax("xNES"), (1, 2, 10, 11, 8, 9)),
    "CMAES pycma": ("cma", lambda: bbob_of_smoothlib("CMAES"), (1, 2, 10, 11, 8, 9)),
}


def on_bbob() -> list[dict[str, Any]]:
    found = []
    for name, (needs, make, functions) in BBOBS.items():
        if needs and not installed(needs):
            continue
        made = make()
        for function in functions:
            runs = bbob.run(made, function)
            published = bbob.PUBLISHED.get((name.split()[0], function))
            reached = int(runs.reached.sum())
            found.append(
                {
                    "search": name,
                    "function": f"f{function} {bbob.NAMES[function]}",
                    "evaluations": runs.mean if reached else float("inf"),
                    "spread": runs.spread,
                    "reached": reached,
                    "published": published and tuple(round(x) for x in published),
                }
            )
    return found


# --- the wire ------------------------------------------------------------------------------


def bytes_of_connections() -> dict[int, tuple[int, int]]:
    """Sent and received over each TCP connection of this process, as the kernel counts them."""
    import socket
    import stat

    counts = {}
    for entry in os.listdir("/proc/self/fd"):
        try:
            status = os.stat(f"/proc/self/fd/{entry}")
            if not stat.S_ISSOCK(status.st_mode):
                continue
            with socket.socket(fileno=os.dup(int(entry))) as one:
                info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        except OSError:
            continue  # closed since, or no TCP
        acked, received = info[120:128], info[128:136]  # tcpi_bytes_acked, tcpi_bytes_received
        counts[status.st_ino] = int.from_bytes(acked, "little"), int.from_bytes(received, "little")
    return counts


def one_of_the_wire(members: int, d: int, steps: int = 20) -> None:
    """Run by torchrun: prints bytes a generation of process 0."""
    from smoothlib.search import shared_seed

    rank, _ = shared_seed.start()
    search = SNES(torch.zeros(d), SIGMA, members)
    shared_seed.shared_step(search, value)
    before = bytes_of_connections()
    for _ in range(steps):
        shared_seed.shared_step(search, value)
    after = bytes_of_connections()
    if rank == 0:
        moved = [
            [(now - then) / steps for now, then in zip(after[one], before[one], strict=True)]
            for one in after.keys() & before.keys()
        ]
        print(json.dumps([sum(column) for column in zip(*moved, strict=True)]))
    shared_seed.stop()


def wire() -> list[dict[str, float]]:
    found = []
    for world, members, d in ((2, 256, 100), (4, 256, 100), (4, 256, 10_000), (4, 1024, 100)):
        run = subprocess.run(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
                *("--nproc-per-node", str(world), "-m", "tests.benchmarks.bench_search"),
                *("--wire-members", str(members), "--wire-dimension", str(d)),
            ],
            capture_output=True,
            text=True,
        )
        lines = [line for line in run.stdout.splitlines() if line.startswith("[")]
        if run.returncode or not lines:
            print(f"wire failed: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            continue
        sent, received = json.loads(lines[-1])
        payload = 8 * (members // world + 1) * (world - 1)
        found.append(
            {
                "processes": world,
                "members": members,
                "d": d,
                "sent": sent,
                "received": received,
                "values": payload,
                "a gradient would be": 4 * d * 2 * (world - 1) / world,
            }
        )
    return found


# --- the tables ----------------------------------------------------------------------------


def child(*arguments: str) -> subprocess.CompletedProcess[str]:
    """This module in a process of its own."""
    module = [sys.executable, "-m", "tests.benchmarks.bench_search", *arguments]
    return subprocess.run(module, capture_output=True, text=True)


def main() -> None:
    parts = ("generations", "cartpole", "gripper", "bbob", "wire")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(parts), metavar="|".join(parts))
    parser.add_argument("--seeds", type=int, default=10, help="of CartPole and the gripper")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--generation", choices=GENERATIONS, help=argparse.SUPPRESS)
    parser.add_argument("--wire-members", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--wire-dimension", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.wire_members:
        one_of_the_wire(options.wire_members, options.wire_dimension)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    if options.generation:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        one_generation(options.generation)
        return
    results: dict[str, Any] = {"machine": machine()}
    if not options.json:
        print("  ".join(f"{key} {value}" for key, value in results["machine"].items()))
    for part, measure, show in (
        ("generations", generations, show_generations),
        ("cartpole", lambda: cartpole(options.seeds), show_cartpole),
        ("gripper", lambda: gripper(options.seeds), show_gripper),
        ("bbob", on_bbob, show_bbob),
        ("wire", wire, show_wire),
    ):
        if part in options.parts:
            results[part] = measure()
            if not options.json:
                show(results[part])
    if options.json:
        print(json.dumps(results, indent=1))
    names = ("jax", "evosax", "evotorch", "gymnax", "cma")
    missing = [name for name in names if not installed(name)]
    if missing:
        print(f"not installed: {', '.join(missing)}", file=sys.stderr)


def show_generations(rows: dict[str, dict[str, float]]) -> None:
    print(
        f"\n{'a generation, population 1e3, d = 1e5':40s} {'ms':>9s} {'ratio':>7s} {'peak MB':>9s}"
    )
    own = 1.0
    for name, row in rows.items():
        own = row["ms"] if name.startswith("smoothlib") else own
        print(f"{name:40s} {row['ms']:9.1f} {row['ms'] / own:7.2f} {row['mb']:9.1f}")


def show_cartpole(rows: dict[str, dict[str, Any]]) -> None:
    title = "CartPole to 475, a whole process"
    print(f"\n{title:40s} {'CPU s, median':>14s} {'least-most':>12s} {'ratio':>6s} generations")
    own = rows["smoothlib SNES"]["seconds"][0]
    for name, row in rows.items():
        median, least, most = row["seconds"]
        middle, few, many = row["generations"]
        print(
            f"{name:40s} {median:14.2f} {least:6.2f}-{most:5.2f} {median / own:6.2f} "
            f"{middle:4g} ({few}-{many})  {row['reached']}/{row['seeds']}"
        )


def show_gripper(rows: dict[str, dict[str, Any]]) -> None:
    titles = "".join(f"{f'{budget} episodes':>24s}" for budget in grippers.BUDGETS)
    print(f"\n{'gripper, lift in mm: median, spread':40s}{titles}   CPU s, median")
    for name, row in rows.items():
        cells = [f"{m * 1e3:.0f} ({a * 1e3:.0f}-{b * 1e3:.0f})" for m, a, b in row["lifts"]]
        print(f"{name:40s}{''.join(f'{cell:>24s}' for cell in cells)} {row['seconds'][0]:10.1f}")


def show_bbob(rows: list[dict[str, Any]]) -> None:
    title = f"BBOB, {bbob.D}-D, 15 instances, to 1e-7"
    print(f"\n{title:46s} {'evaluations':>11s} {'spread':>7s} {'reached':>8s} {'published':>14s}")
    for row in rows:
        published = "{} ± {}".format(*row["published"]) if row["published"] else ""
        print(
            f"{row['search']:16s}{row['function']:30s} {row['evaluations']:11.0f} "
            f"{row['spread']:7.0f} {row['reached']:5d}/15 {published:>14s}"
        )


def show_wire(rows: list[dict[str, float]]) -> None:
    print("\nbytes a generation of one process, by TCP's own count")
    for row in rows:
        print(
            f"{row['processes']} processes, n = {row['members']}, d = {row['d']}: sent "
            f"{row['sent']:.0f}, received {row['received']:.0f}, of which values {row['values']}; "
            f"an all-reduce of gradients, {row['a gradient would be']:.0f}"
        )


if __name__ == "__main__":
    main()
