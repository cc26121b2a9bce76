"""NES on CartPole-v1 by three libraries, each in a process that imports no other.

The same search: SNES, 64 members, σ = 0.5, a linear policy from zero, one episode a member, the
libraries' own defaults else. When a generation's mean return passes 237, the mean policy plays 100
fresh episodes; a score of 475 ends the run.
"""

import json
import os
from collections.abc import Callable
from typing import Any

TARGET, FRESH = 475.0, 100


def run(name: str, seed: int) -> None:
    """Prints the generations that it took, and the score."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(json.dumps(CARTPOLES[name][1](seed)))


def of_smoothlib(seed: int) -> tuple[int, float]:
    """Linear policy, one episode a member; (generations, score over fresh episodes)."""
    import torch

    from smoothlib import SNES, CartPole, Linear
    from smoothlib.trajectories import returns

    world, policy = CartPole(), Linear(4, 2)
    search = SNES(torch.zeros(policy.d), 0.5, 64, seed)
    score = 0.0
    while search.generation < 200:
        step = search.generation + (seed << 32)

        def f(x: torch.Tensor, step: int = step) -> torch.Tensor:
            return returns(world, policy, x, 1, step)

        values = search.step(f)
        if values.mean() > TARGET / 2:
            score = float(returns(world, policy, search.theta[None], FRESH, -1 - step))
            if score >= TARGET:
                break
    return search.generation, score


def of_evotorch(seed: int) -> tuple[int, float]:
    import torch
    from evotorch.algorithms import SNES
    from evotorch.neuroevolution import GymNE

    problem = GymNE("CartPole-v1", "Linear(obs_length, act_length)", num_actors=0)
    problem.manual_seed(seed)
    search = SNES(problem, popsize=64, stdev_init=0.5, center_init=torch.zeros(10))
    fresh = GymNE(
        "CartPole-v1",
        "Linear(obs_length, act_length)",
        num_actors=0,
        num_episodes=FRESH,
    )
    fresh.manual_seed(10_000 + seed)
    generation, score = 0, 0.0
    while generation < 200:
        search.step()
        generation += 1
        if float(search.status["mean_eval"]) > TARGET / 2:
            batch = fresh.generate_batch(1)
            batch.set_values(search.status["center"][None])
            fresh.evaluate(batch)
            score = float(batch.evals[0, 0])
            if score >= TARGET:
                break
    return generation, score


def of_evosax(seed: int) -> tuple[int, float]:
    import gymnax
    import jax
    import jax.numpy as jnp
    from evosax.algorithms import SNES

    world, settings = gymnax.make("CartPole-v1")

    def episode(theta: Any, key: Any) -> Any:
        key, start = jax.random.split(key)
        seen, state = world.reset(start, settings)

        def one(carry: Any, key: Any) -> Any:
            seen, state, alive, total = carry
            action = jnp.argmax(theta[:8].reshape(2, 4) @ seen + theta[8:])
            step = world.step(key, state, action, settings)
            seen, state, reward, done = step[0], step[1], step[2], step[3]
            return (seen, state, alive * (1 - done), total + alive * reward), None

        carry = seen, state, 1.0, 0.0
        return jax.lax.scan(one, carry, jax.random.split(key, 500))[0][3]

    search = SNES(population_size=64, solution=jnp.zeros(10))
    params = search.default_params.replace(std_init=0.5)

    @jax.jit
    def generation(state: Any, key: Any) -> Any:
        ask, run, tell = jax.random.split(key, 3)
        x, state = search.ask(ask, state, params)
        values = jax.vmap(episode)(x, jax.random.split(run, 64))
        return search.tell(tell, x, -values, state, params)[0], values.mean()

    fresh = jax.jit(jax.vmap(episode, in_axes=(None, 0)))
    key = jax.random.key(seed)
    state = search.init(key, jnp.zeros(10), params)
    count, score = 0, 0.0
    while count < 200:
        key, now, later = jax.random.split(key, 3)
        state, mean = generation(state, now)
        count += 1
        if mean > TARGET / 2:
            score = float(fresh(state.mean, jax.random.split(later, FRESH)).mean())
            if score >= TARGET:
                break
    return count, score


CARTPOLES: dict[str, tuple[tuple[str, ...], Callable[[int], tuple[int, float]]]] = {
    "smoothlib SNES": ((), of_smoothlib),
    "EvoTorch SNES, GymNE": (("evotorch", "gymnasium"), of_evotorch),
    "evosax SNES, gymnax": (("evosax", "gymnax"), of_evosax),
}
