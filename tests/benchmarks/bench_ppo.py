"""Our PPO beside Stable-Baselines3's on CartPole-v1, at equal steps of the environment.

    python -m tests.benchmarks.bench_ppo [--seeds 3]

Networks of the same sizes; theirs with its own defaults, ours with ours. Both are judged by the
likeliest actions in the same 100 fresh episodes. CPU time of the process, one thread.
"""

import argparse
import statistics
import time

import torch
from stable_baselines3 import PPO as Peer
from torch import Tensor

from smoothlib import MLP, PPO, CartPole, Categorical, returns

BUDGETS = (25_000, 50_000, 100_000)
JUDGE = 10**6  # the seed of the fresh episodes


class Likeliest:
    """Stable-Baselines3's policy as one of ours: 1 for the action that it takes, 0 else."""

    d = 0

    def __init__(self, model: Peer) -> None:
        self.model = model

    def __call__(self, theta: Tensor, observation: Tensor) -> Tensor:
        actions, _ = self.model.predict(observation[0].numpy(), deterministic=True)
        return torch.nn.functional.one_hot(torch.as_tensor(actions), 2)[None]


def ours(steps: int, seed: int) -> float:
    ppo = PPO(CartPole(), Categorical(MLP(4, (64, 64), 2)), MLP(4, (64, 64), 1), seed)
    ppo.train(steps)
    return float(returns(ppo.environment, ppo.policy, ppo.theta[None], 100, JUDGE))


def theirs(steps: int, seed: int) -> float:
    model = Peer("MlpPolicy", "CartPole-v1", seed=seed, device="cpu").learn(steps)
    return float(returns(CartPole(), Likeliest(model), torch.zeros(1, 0), 100, JUDGE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    torch.set_num_threads(1)
    print("CartPole-v1, mean return of 100 fresh episodes: median (least, most) over seeds")
    for steps in BUDGETS:
        for learner in (ours, theirs):
            start = time.process_time()
            scores = [learner(steps, seed) for seed in seeds]
            seconds = (time.process_time() - start) / len(scores)
            print(
                f"{steps:7d} steps  {learner.__name__:6s}  {statistics.median(scores):5.0f} "
                f"({min(scores):.0f}, {max(scores):.0f})  {seconds:5.1f} s CPU a run",
                flush=True,
            )


if __name__ == "__main__":
    main()
