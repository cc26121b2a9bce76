"""Rules that make one gradient of a batch, and tasks to try them on: who is how far off?

A rule sees a batch of n samples of one task, many batches at a time, and returns a gradient for
each. What it costs is n evaluations of f, or n throws.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib import (
    BallWall,
    GripperLift,
    LQEpisode,
    Mixing,
    Objective,
    SoftStep,
    Wiggle,
    bias_guarded,
    inverse_variance,
    minimum_variance,
    mixing_exact,
    normal,
    unexplained,
    variance_exact,
)
from smoothlib.smoothing import boundary_term, slope

LEVEL = 0.01  # of the test for a jump
SHARE = 0.25  # of the true gradient that the guard may be off by
REPEATS = 200  # batches
CALLS = 60  # batches for a rule of the student's, which is called for each by itself

Mine = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Task:
    """An objective, a place on it, and its noise."""

    f: Objective
    theta: float
    sigma: float
    unit: str = ""

    @property
    def at(self) -> Float[Tensor, " 1"]:
        return torch.tensor([self.theta], dtype=torch.float64)

    @property
    def truth(self) -> float:
        return float(self.f.smoothed_grad(self.at, self.sigma))

    def mixing(self, n: int) -> Mixing:
        """Of slopes and of scores less the mean of the others, in batches of n."""
        return mixing_exact(self.f, self.at, self.sigma, n)


TASKS = {
    "ball over the wall": Task(BallWall(), 0.9, 0.1, "m/rad"),
    "gripper": Task(GripperLift().closed_form, 0.0, 0.02, "mm per mm"),
    "balanced stick": Task(LQEpisode(steps=10), 1.2, 0.1),
    "ripples": Task(Wiggle(0.1, 1.0, 5.0), 1.0, 1.0),
    "steep ramp": Task(SoftStep(0.01), 0.5, 1.0),
}


class Batches(NamedTuple):
    """R batches of n samples, and what a rule may know of the task."""

    eps: Float[Tensor, "R n"]
    values: Float[Tensor, "R n"]
    mirrored: Float[Tensor, "R half"]  # f at θ - σε, of the first half of each batch
    first: Float[Tensor, "R n 1"]  # slopes
    sigma: float
    jumps: float  # what the jumps add to the mean of the slopes
    truth: float

    @property
    def zero(self) -> Float[Tensor, "R n 1"]:
        """The rows of zero-order, from each value the mean of the others subtracted."""
        n = self.values.shape[-1]
        others = (self.values.sum(-1, keepdim=True) - self.values) / (n - 1)
        return ((self.values - others) * self.eps)[..., None] / self.sigma

    def upto(self, n: int) -> "Batches":
        """The first n samples of each batch."""
        return self._replace(
            eps=self.eps[:, :n],
            values=self.values[:, :n],
            mirrored=self.mirrored[:, : n // 2],
            first=self.first[:, :n],
        )


@cache
def batches(task: str, n: int, seed: int) -> Batches:
    """REPEATS batches of n samples of one of TASKS."""
    one = TASKS[task]
    eps = normal(seed, REPEATS * n, 1, dtype=torch.float64)
    first = slope(one.f, one.at + one.sigma * eps).reshape(REPEATS, n, 1)
    values = one.f(one.at + one.sigma * eps).reshape(REPEATS, n)
    eps = eps.reshape(REPEATS, n)
    mirrored = one.f((one.at - one.sigma * eps[:, : n // 2])[..., None])
    jumps = float(boundary_term(one.f.jumps(), one.at, one.sigma))
    return Batches(eps, values, mirrored, first, one.sigma, jumps, one.truth)


# --- rules --------------------------------------------------------------------------------


def slopes(b: Batches) -> Tensor:
    """The mean of the slopes."""
    return b.first[..., 0].mean(-1)


def scores(b: Batches) -> Tensor:
    """Zero-order, the mean of the other values subtracted."""
    return b.zero[..., 0].mean(-1)


def pairs(b: Batches) -> Tensor:
    """Antithetic pairs, half as many as there are samples: at equal cost."""
    half = b.values.shape[-1] // 2
    rows = (b.values[:, :half] - b.mirrored) * b.eps[:, :half]
    return rows.mean(-1) / (2 * b.sigma)


def corrected(b: Batches) -> Tensor:
    """The slopes, and what the known jumps add."""
    return slopes(b) + b.jumps


def by_inverse_variance(b: Batches) -> Tensor:
    return _mixed(b, inverse_variance(b.first, b.zero))


def by_least_variance(b: Batches) -> Tensor:
    return _mixed(b, minimum_variance(b.first, b.zero))


def guarded(b: Batches) -> Tensor:
    """At most SHARE of the true gradient off, with a confidence of 95 %, or zero-order."""
    return _mixed(b, bias_guarded(SHARE * abs(b.truth))(b.first, b.zero))


def switched(b: Batches) -> Tensor:
    """Zero-order where the values vary more than the slopes explain, else inverse variance."""
    excess, error = unexplained(b.values, b.first, b.sigma)
    seen = excess > NormalDist().inv_cdf(1 - LEVEL) * error
    return torch.where(seen, b.zero[..., 0].mean(-1), by_inverse_variance(b))


def _mixed(b: Batches, alpha: Tensor) -> Tensor:
    return (alpha * b.first.mean(-2) + (1 - alpha) * b.zero.mean(-2))[..., 0]


class Rule(NamedTuple):
    """What makes a gradient of a batch, and the role of its colour: slopes, scores, mixtures."""

    estimate: Callable[[Batches], Tensor]
    role: str


RULES = {
    "first-order": Rule(slopes, "first"),
    "zero-order": Rule(scores, "gradient"),
    "antithetic": Rule(pairs, "gradient"),
    "least variance": Rule(by_least_variance, "objective"),
    "inverse variance": Rule(by_inverse_variance, "objective"),
    "switched": Rule(switched, "objective"),
    "guarded": Rule(guarded, "objective"),
    "jumps known": Rule(corrected, "first"),
}


def asked(mine: Mine) -> Rule:
    """A student's rule: called with the rows of one batch, (n, 1) each, CALLS times."""

    def estimate(b: Batches) -> Tensor:
        found = [_one(mine(*rows)) for rows in zip(b.first[:CALLS], b.zero[:CALLS], strict=True)]
        return torch.stack(found)

    return Rule(estimate, "sample")


def _one(found: object) -> Tensor:
    gradient = torch.as_tensor(found, dtype=torch.float64).detach()
    if gradient.numel() != 1:
        raise ValueError(
            f"your rule returned shape {tuple(gradient.shape)}; one gradient is wanted: take the "
            "mean of the rows"
        )
    return gradient.reshape(())


# --- errors -------------------------------------------------------------------------------


class Error(NamedTuple):
    """A root mean square error from repeated batches, and its standard error."""

    rmse: float
    standard_error: float


def measured(estimates: Float[Tensor, " R"], truth: float) -> Error:
    square = (estimates - truth) ** 2
    root = float(square.mean().sqrt())
    spread = float(square.std()) / math.sqrt(len(square))
    return Error(root, spread / (2 * root) if root > 0 else 0.0)


def exact(task: str, n: Tensor) -> dict[str, Tensor]:
    """The errors of the rules that have one in closed form, and of the best mixture, at each n."""
    one = TASKS[task]
    pair = variance_exact(one.f, one.at, one.sigma).antithetic
    m = Mixing(*(torch.stack(part) for part in zip(*(one.mixing(int(k)) for k in n), strict=True)))
    return {
        "first-order": m.rmse(1.0, n),
        "zero-order": m.rmse(0.0, n),
        "antithetic": (pair / (n // 2)).sqrt(),
        "jumps known": (m.first / n).sqrt(),
        "best mixture": m.rmse(m.nearest(n), n),
    }
