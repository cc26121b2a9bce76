"""Environments beside their peers, on one core, in CPU time: steps per second.

    python -m tests.benchmarks.bench_environments [--rounds N] [--batches N ...]

CartPole, beside Gymnasium's own `CartPoleVectorEnv` and gymnax (compiled; one step a call, and 100
in one), at random actions. Rounds take turns, so that a busy machine disturbs all alike, and a
ratio is of medians. Two questions, since autoreset is half of some environments' time:

    stepping    7 steps from starts that nobody outlives, so that nobody resets; gymnax `step_env`
    episodes    without end: who has fallen starts anew. Gymnasium and gymnax by their autoreset,
                smoothlib by writing starts, drawn from the counter, over the rows that are over

All give observations, rewards and both ends at each step. Ant, beside Gymnasium's single Ant-v5:
steps of ants that are up, at small random actions; then smoothlib's wall time with 1 and 2 threads.
"""

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from smoothlib.ant import Ant
from smoothlib.environments import CartPole, CartPoleState

Turn = Callable[[], int]  # some steps; how many

ALIVE = 7  # steps that every start survives
LONG = 100


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batches", type=int, nargs="+", default=(64, 4096, 65536))
    rounds, batches = vars(parser.parse_args()).values()
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if not importlib.util.find_spec("gymnax"):
        print("gymnax is not installed (pip install -e '.[bench]'): left out")
    for n in batches:
        for title, turns in (("stepping", stepping(n)), ("episodes", episodes(n))):
            show(f"CartPole, {title}, batch {n}", rates(turns, rounds))
    show("Ant-v5", rates(ants(), rounds))
    threads()


def rates(turns: dict[str, Turn], rounds: int) -> dict[str, float]:
    """Steps per second of CPU, the median of rounds."""
    found: dict[str, list[float]] = {name: [] for name in turns}
    for turn in turns.values():
        turn()
    for _ in range(rounds):
        for name, turn in turns.items():
            start = time.process_time()
            found[name].append(turn() / (time.process_time() - start))
    return {name: statistics.median(values) for name, values in found.items()}


def show(title: str, rates: dict[str, float]) -> None:
    print(title)
    ours = rates["smoothlib"]
    for name, rate in rates.items():
        print(f"    {name:34s} {rate:11.4g} steps/s    smoothlib / it {ours / rate:6.2f}")


# --- CartPole: nobody resets ------------------------------------------------------------------


def stepping(n: int) -> dict[str, Turn]:
    blocks = max(4, 2**15 // n)
    turns = {
        "smoothlib": ours_stepping(n, blocks, True),
        "smoothlib, not compiled": ours_stepping(n, blocks, False),
        "Gymnasium CartPoleVectorEnv": gymnasiums_stepping(n, blocks),
    }
    if importlib.util.find_spec("gymnax"):
        turns |= gymnaxes(n, blocks * ALIVE, ALIVE, resets=False)
    return turns


def ours_stepping(n: int, blocks: int, compile: bool) -> Turn:
    environment = CartPole(compile=compile)
    start = environment.reset(n, 0)
    actions = torch.randint(2, (ALIVE, n))

    def turn() -> int:
        for _ in range(blocks):
            state = start
            for action in actions:
                state, _, terminated, _ = environment.step(state, action)
                environment.observe(state)
        assert not terminated.any()
        return blocks * ALIVE * n

    return turn


def gymnasiums_stepping(n: int, blocks: int) -> Turn:
    envs: Any = vector_env(n)
    actions = np.random.default_rng(0).integers(2, size=(ALIVE, n))
    start = envs.unwrapped.state.copy()

    def turn() -> int:
        for _ in range(blocks):
            envs.unwrapped.state = start
            for action in actions:
                _, _, terminated, _, _ = envs.step(action)
        assert not terminated.any()
        return blocks * ALIVE * n

    return turn


# --- CartPole: who has fallen starts anew -----------------------------------------------------


def episodes(n: int) -> dict[str, Turn]:
    steps = max(50, 2**18 // n)
    turns = {
        "smoothlib": ours_in_episodes(n, steps, True),
        "smoothlib, not compiled": ours_in_episodes(n, steps, False),
        "Gymnasium CartPoleVectorEnv": gymnasiums_in_episodes(n, steps),
    }
    if importlib.util.find_spec("gymnax"):
        turns |= gymnaxes(n, steps, LONG, resets=True)
    return turns


class Restarts:
    """Starts for rows that are over, from the counter, each used once."""

    def __init__(self, environment: CartPole, n: int) -> None:
        self.environment, self.n, self.seed = environment, n, 0
        self._draw()

    def _draw(self) -> None:
        self.seed, self.used = self.seed + 1, 0
        self.starts = self.environment.reset(max(self.n, 2**16), self.seed)

    def write(self, state: CartPoleState, over: torch.Tensor) -> None:
        rows = over.nonzero()[:, 0]
        if self.used + len(rows) > len(self.starts.t):
            self._draw()
        some = slice(self.used, self.used + len(rows))
        self.used += len(rows)
        for column, starts in zip(state, self.starts, strict=True):
            column.index_copy_(0, rows, starts[some])


def ours_in_episodes(n: int, steps: int, compile: bool) -> Turn:
    environment = CartPole(compile=compile)
    state, restarts = environment.reset(n, 0), Restarts(environment, n)
    actions = torch.randint(2, (LONG, n))

    def turn() -> int:
        nonlocal state
        for t in range(steps):
            state, _, terminated, truncated = environment.step(state, actions[t % LONG])
            restarts.write(state, terminated | truncated)
            environment.observe(state)
        return steps * n

    return turn


def gymnasiums_in_episodes(n: int, steps: int) -> Turn:
    envs = vector_env(n)
    actions = np.random.default_rng(0).integers(2, size=(LONG, n))

    def turn() -> int:
        for t in range(steps):
            envs.step(actions[t % LONG])
        return steps * n

    return turn


def vector_env(n: int) -> Any:
    import gymnasium

    envs = gymnasium.make_vec("CartPole-v1", num_envs=n, vectorization_mode="vector_entry_point")
    envs.reset(seed=0)
    return envs


def gymnaxes(n: int, steps: int, length: int, resets: bool) -> dict[str, Turn]:
    """gymnax, a step a call and `length` steps a call."""
    import gymnax
    import jax
    import jax.numpy as jnp

    environment, params = gymnax.make("CartPole-v1")
    function = environment.step if resets else environment.step_env
    start_keys = jax.random.split(jax.random.key(0), n)
    _, start = jax.vmap(environment.reset, (0, None))(start_keys, params)
    actions = jax.random.randint(jax.random.key(1), (length, n), 0, 2)
    many = jax.vmap(function, (0, 0, 0, None))

    def one(state: Any, key: Any, action: Any) -> Any:
        key, now = jax.random.split(key)
        keys = jax.random.split(now, n) if resets else jnp.zeros((n, 2), jnp.uint32)
        seen, state, reward, done, _ = many(keys, state, action, params)
        return state, key, (seen, reward, done)

    single = jax.jit(one)

    @jax.jit
    def scanned(state: Any, key: Any) -> Any:
        def body(carry: Any, action: Any) -> Any:
            state, key, seen = one(*carry, action)
            return (state, key), seen

        return jax.lax.scan(body, (state, key), actions)

    def by_one() -> int:
        state, key = start, jax.random.key(2)
        for t in range(steps):
            state = start if not resets and t % length == 0 else state
            state, key, seen = single(state, key, actions[t % length])
        jax.block_until_ready(seen)
        return steps * n

    def by_many() -> int:
        state, key = start, jax.random.key(2)
        for _ in range(max(1, steps // length)):
            (after, key), seen = scanned(state, key)
            state = after if resets else start
        jax.block_until_ready(seen)
        return max(1, steps // length) * length * n

    return {"gymnax, a step a call": by_one, f"gymnax, {length} steps a call": by_many}


# --- Ant --------------------------------------------------------------------------------------


def ants() -> dict[str, Turn]:
    import gymnasium

    n, steps = 32, 20
    ant, env = Ant(threads=1), gymnasium.make("Ant-v5")
    start = ant.reset(n, 0)
    actions = (0.6 * torch.rand(steps, n, 8) - 0.3).double()

    def ours() -> int:
        state = start
        for action in actions:
            state, _, terminated, _ = ant.step(state, action)
            ant.observe(state)
        assert not terminated.any()
        return steps * n

    def theirs() -> int:
        total = 0
        for i in range(n):
            env.reset(seed=i)
            total += sum(not env.step(action)[2] for action in actions[:, i].numpy())
        return total

    return {"smoothlib": ours, "Gymnasium Ant-v5": theirs}


def threads() -> None:
    """Steps per second of wall time: what other processes leave."""
    allowed = os.cpu_count() or 1
    os.sched_setaffinity(0, set(range(allowed)))
    actions = 0.6 * torch.rand(10, 64, 8) - 0.3
    found = {}
    for count in (1, 2):
        ant = Ant(threads=count)
        start = ant.reset(64, 0)
        times = []
        for _ in range(7):
            state, began = start, time.perf_counter()
            for action in actions:
                state = ant.step(state, action).state
            times.append(time.perf_counter() - began)
        found[count] = 640 / min(times)
    print(
        f"Ant, wall time, {allowed} cores, load {os.getloadavg()[0]:.1f}: 1 thread {found[1]:.0f} "
        f"steps/s, 2 threads {found[2]:.0f}, ratio {found[2] / found[1]:.2f}"
    )


if __name__ == "__main__":
    main()
