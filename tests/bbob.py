"""The noiseless BBOB functions, from cocoex, and what was published on them.

The instances of 2012 (1 to 5 and 21 to 30), so that figures can be compared with those of *Natural
Evolution Strategies*' own authors: Schaul 2012, *Benchmarking Exponential Natural Evolution
Strategies* and *Benchmarking Separable Natural Evolution Strategies on the Noiseless and Noisy
Black-box Optimization Testbeds*, GECCO companion. The JMLR paper (Wierstra et al. 2014) shows its
BBOB results as figures without numbers; COCO's archive of the same implementation has the numbers.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cocoex
import torch
from torch import Tensor

from smoothlib.noise import normal

D = 5
TARGET = 1e-7  # above the optimum
NAMES = {
    1: "sphere",
    2: "ellipsoid, separable",
    8: "Rosenbrock",
    9: "Rosenbrock, rotated",
    10: "ellipsoid, rotated",
    11: "discus",
}


class Published(NamedTuple):
    """Evaluations to the target, over the instances, and half of the range of 80 % of runs."""

    mean: float
    spread: float


# COCO's data archive, bbob 2012, pptables.html, 5-D, Δf = 1e-7: ratio and spread, times best 2009
PUBLISHED = {
    ("SNES", 1): Published(68.888889 * 12, 5 * 12),
    ("SNES", 2): Published(13.429787 * 94, 0.6 * 94),
    ("XNES", 1): Published(111.388889 * 12, 7 * 12),
    ("XNES", 2): Published(23.085816 * 94, 1 * 94),
    ("XNES", 8): Published(8.262085 * 422, 4 * 422),
    ("XNES", 9): Published(8.434508 * 369, 4 * 369),
    ("XNES", 10): Published(2.500682 * 880, 0.2 * 880),
    ("XNES", 11): Published(1.185694 * 1673, 0.1 * 1673),
}

Step = Callable[[Callable[[Tensor], Tensor]], None]  # one generation on f, to be maximised
Make = Callable[[Tensor, int], Step]  # from a start, with a seed


class Runs(NamedTuple):
    evaluations: Tensor  # of each instance, until the target or the end
    reached: Tensor

    @property
    def mean(self) -> float:
        """Average running time: all evaluations over how often the target was reached."""
        return float(self.evaluations.sum() / self.reached.sum())

    @property
    def spread(self) -> float:
        low, high = self.evaluations.quantile(torch.tensor([0.1, 0.9]).double())
        return float(high - low) / 2


def instances(function: int) -> Iterator[tuple[cocoex.Problem, float]]:
    """Problems, and the values of their optima."""
    suite = cocoex.Suite("bbob", "year: 2012", f"dimensions: {D} function_indices: {function}")
    for problem in suite:
        bare = cocoex.BareProblem("bbob", function, D, problem.id_instance)
        yield problem, bare.best_value()


def run(make: Make, function: int, budget: int = 20_000) -> Runs:
    """Every instance, within a budget of evaluations, from a start uniform in [-4, 4]^5.

    A search that stands still starts again elsewhere: Rosenbrock's function has a second hill.
    """
    counts, reached = [], []
    for problem, best in instances(function):
        seen: list[float] = []

        def f(x: Tensor, problem: cocoex.Problem = problem, seen: list = seen) -> Tensor:
            values = [problem(row) for row in x.double().numpy()]
            seen.extend(values)
            return -torch.tensor(values, dtype=torch.float64)

        hit, restarts = None, 0
        bests: list[float] = []
        step = make(*start(problem.id_instance, restarts))
        while hit is None and len(seen) < budget:
            if stands(bests):
                restarts, bests = restarts + 1, []
                step = make(*start(problem.id_instance, restarts))
            first = len(seen)
            step(f)
            bests.append(min(seen[first:]))
            hit = next(
                (i for i, y in enumerate(seen[first:], first + 1) if y - best <= TARGET), None
            )
        counts.append(hit or len(seen))
        reached.append(hit is not None)
    return Runs(torch.tensor(counts).double(), torch.tensor(reached).double())


def start(instance: int, restart: int) -> tuple[Tensor, int]:
    """Where a search starts, and its seed."""
    seed = instance + 1000 * restart
    return 8 * torch.special.ndtr(normal(seed, 1, D, dtype=torch.float64)[0]) - 4, seed


def stands(bests: list[float], generations: int = 30) -> bool:
    """Whether the best of each generation has been the same, to 1e-12, for some."""
    last = bests[-generations:]
    return len(last) == generations and max(last) - min(last) < 1e-12
