"""A linear policy that makes Ant-v5 run, by evolution strategies:

    python -m smoothlib.learn_ant ant.pt --seed 1 --threads 2

Interrupted, the same command goes on where it stood, to the bit. The file holds

    theta     (224,), of `Linear(27, 8)` on what `Ant(contacts=False)` observes: the best so far
    curve     (k, 4): generation, environment steps, CPU seconds, mean return of θ over 1000 steps
    search    the state of the search, in units in which each observation varies by about 1

The method is *Simple random search of static linear policies is competitive for reinforcement
learning*, Mania, Guy and Recht 2018 (ARS), in the words of `OpenAIES`: mirrored pairs, of which
the better half counts, and rewards in units of their standard deviation. Other than theirs, the
scale of observations is measured once, before the search, and the bonus for being alive stays:
without it, falling early is a cheap way out of the cost of control.

Beside its scores stand those of no action at all, 994, and of random actions, -49: a return of
1000 is what standing still earns. Seeds 1 to 4 reached, in Gymnasium's own Ant-v5,

    seed 1   2038 after 120 generations, 1.3e6 steps, 3.9 minutes of CPU
    seed 2   2188       210              2.4e6        7.2
    seed 3   1963       200              2.3e6        6.8
    seed 4   2429       220              2.6e6        7.4

A point of the curve is a mean of four episodes, and one ant that falls early shows in it.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from smoothlib.ant import Ant
from smoothlib.environments import Environment, Transition
from smoothlib.noise import normal
from smoothlib.policies import Linear
from smoothlib.search import OpenAIES
from smoothlib.search.shared_seed import save
from smoothlib.trajectories import returns

POLICY = Linear(27, 8)
PAIRS, BEST = 20, 10  # directions tried in a generation, and those that count
SIGMA, RATE = 0.03, 0.02  # ν and α of ARS
HORIZON = 300  # steps of an episode in the search
EVERY = 10  # generations from one point of the curve to the next
TRIALS = 4  # episodes of 1000 steps for a point of the curve
GENERATIONS = 300
SCORED = 10  # episodes of the final score
FRESH = 1_000_000  # seeds from here on are not those of the search


class Scale(NamedTuple):
    """Mean and standard deviation of what an ant observes, (27,) each."""

    mean: Float[Tensor, " o"]
    std: Float[Tensor, " o"]


class Counted:
    """An environment that counts its steps; an ant that has fallen makes none."""

    def __init__(self, environment: Environment) -> None:
        self.environment, self.steps = environment, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.environment, name)

    def step(self, state: Any, action: Tensor) -> Transition:
        done = self.environment.step(state, action)
        self.steps += int((done.reward != 0).sum())
        return done


def best_pairs(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The `BEST` pairs, by the better of the two, over their standard deviation; the others 0."""
    pairs = values.view(-1, 2)
    best = pairs.amax(1).topk(min(BEST, len(pairs))).indices
    weights = torch.zeros_like(pairs)
    weights[best] = pairs[best] / pairs[best].std().clamp(min=1e-6)
    return weights.view(-1)


def measured_scale(ant: Ant, seed: int, n: int = 16, steps: int = 100) -> Scale:
    """Of ants that move their legs gently and at random."""
    state, seen = ant.reset(n, seed), []
    alive = torch.ones(n, dtype=torch.bool)
    for t in range(steps):
        seen.append(ant.observe(state)[alive])
        eps = normal(seed, n, range(8 * t, 8 * t + 8), dtype=torch.float64)
        state, _, terminated, _ = ant.step(state, 0.3 * eps)
        alive = alive & ~terminated
    found = torch.cat(seen)
    return Scale(found.mean(0), found.std(0))


def unscaled(theta: Float[Tensor, "*m d"], scale: Scale) -> Float[Tensor, "*m d"]:
    """Parameters for o that act as θ does on (o - mean)/std."""
    o, k = POLICY.observation_size, POLICY.action_size
    W = theta[..., : k * o].unflatten(-1, (k, o)) / scale.std
    c = theta[..., k * o :] - W @ scale.mean
    return torch.cat((W.flatten(-2), c), -1)


class AntSearch:
    """The search, its curve and its best policy: what the file holds."""

    def __init__(self, seed: int, threads: int | None = None) -> None:
        self.seed = seed
        self.ant = Counted(Ant(False, HORIZON, threads, torch.float64))
        self.judge = Ant(False, 1000, threads, torch.float64)
        self.scale = measured_scale(self.judge, FRESH + seed)
        rate = partial(torch.optim.SGD, lr=RATE * SIGMA * 2 * PAIRS / BEST)
        start = torch.zeros(POLICY.d, dtype=torch.float64)
        self.search = OpenAIES(start, SIGMA, 2 * PAIRS, seed, optimiser=rate, shape=best_pairs)
        self.curve = torch.zeros(0, 4, dtype=torch.float64)
        self.theta, self.seconds = start.clone(), 0.0

    def advance(self) -> float:
        """`EVERY` generations and a point of the curve; returns the mean return there."""
        began = time.process_time()
        for _ in range(EVERY):
            self.search.step(self._fitness)
        theta = unscaled(self.search.theta, self.scale)
        generation = self.search.generation
        score = float(returns(self.judge, POLICY, theta[None], TRIALS, FRESH + generation))
        if not len(self.curve) or score > self.curve[:, 3].max():
            self.theta = theta.clone()
        self.seconds += time.process_time() - began
        point = [generation, self.ant.steps, self.seconds, score]
        self.curve = torch.cat((self.curve, torch.tensor([point], dtype=torch.float64)))
        return score

    def _fitness(self, thetas: Float[Tensor, "m d"]) -> Float[Tensor, " m"]:
        """All members of a generation start alike."""
        seed = self.search.generation
        return returns(self.ant, POLICY, unscaled(thetas, self.scale), 1, seed)

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        kept = {"theta": self.theta, "curve": self.curve, "search": self.search.state_dict()}
        save(path, kept)

    def load(self, path: Path) -> None:
        """Go on from a file.

        Raises:
            ValueError: if it is of another seed.
        """
        kept = torch.load(path)
        self.search.load_state_dict(kept["search"])
        self.theta, self.curve = kept["theta"], kept["curve"]
        self.ant.steps, self.seconds = int(self.curve[-1, 1]), float(self.curve[-1, 2])


def train(
    path: Path,
    seed: int,
    generations: int = GENERATIONS,
    threads: int | None = None,
    progress: bool = True,
) -> AntSearch:
    """Search up to a generation, from the file if there is one, and into it every 10 generations.

    Raises:
        ValueError: if the file is of another seed.
    """
    run = AntSearch(seed, threads)
    if path.exists():
        run.load(path)
    done = run.search.generation
    with tqdm(total=generations, initial=done, disable=not progress, delay=2) as bar:
        while run.search.generation < generations:
            score = run.advance()
            run.save(path)
            bar.set_postfix_str(f"return {score:.0f}", refresh=False)
            bar.update(EVERY)
    return run


def score(theta: Float[Tensor, " d"], episodes: int = SCORED) -> Float[Tensor, " episodes"]:
    """Returns of a policy in Gymnasium's own Ant-v5, from starts that no search has seen."""
    env = gymnasium.make("Ant-v5", include_cfrc_ext_in_observation=False)
    found = torch.zeros(episodes, dtype=torch.float64)
    for i in range(episodes):
        seen, _ = env.reset(seed=FRESH + i)
        over = False
        while not over:
            action = POLICY(theta, torch.from_numpy(seen)).clamp(-1, 1)
            seen, reward, terminated, truncated, _ = env.step(action.numpy())
            found[i] += float(reward)
            over = terminated or truncated
    env.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m smoothlib.learn_ant")
    parser.add_argument("path", type=Path, help="the file: gone on from, if it is there")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--generations", type=int, default=GENERATIONS)
    parser.add_argument("--threads", type=int, default=None, help="as many as torch has")
    arguments = parser.parse_args()
    try:
        run = train(arguments.path, arguments.seed, arguments.generations, arguments.threads)
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted; the same command goes on from the last 10") from None
    found = score(run.theta)
    episodes = run.search.evaluations
    print(
        f"Ant-v5 over {len(found)} episodes: {found.mean():.0f}, from {found.min():.0f} to "
        f"{found.max():.0f}; doing nothing 994, random actions -49\n"
        f"{episodes} episodes and {run.ant.steps} steps in {run.seconds / 60:.1f} minutes of CPU"
    )


if __name__ == "__main__":
    main()
