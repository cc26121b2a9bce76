"""Rules that make one gradient of a batch, and tasks to try them on: who is how far off?

A rule sees a batch of n samples of one task, many batches at a time, and returns a gradient for
each. What it costs is n evaluations of f, or n throws.
"""

import math
from collections.abc import Callable, Sequence
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
SMALL = 30_000  # numbers at a time: for more torch calls its threads, and waits for them
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

    def mixing(self, n: int | Tensor) -> Mixing:
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
        return self._cut(slice(None), n)

    def parts(self) -> list["Batches"]:
        """Some batches at a time, no more than SMALL numbers."""
        repeats, n = self.eps.shape
        rows = max(1, SMALL // n)
        return [self._cut(slice(k, k + rows), n) for k in range(0, repeats, rows)]

    def _cut(self, rows: slice, n: int) -> "Batches":
        return self._replace(
            eps=self.eps[rows, :n],
            values=self.values[rows, :n],
            mirrored=self.mirrored[rows, : n // 2],
            first=self.first[rows, :n],
        )


@cache
def batches(task: str, n: int, seed: int) -> Batches:
    """REPEATS batches of n samples of one of TASKS."""
    one = TASKS[task]
    eps = normal(seed, REPEATS * n, 1, dtype=torch.float64)
    x, half = one.at + one.sigma * eps, eps.reshape(REPEATS, n)[:, : n // 2].reshape(-1, 1)
    first = _in_parts(lambda x: slope(one.f, x), x).reshape(REPEATS, n, 1)
    values = _in_parts(one.f, x).reshape(REPEATS, n)
    mirrored = _in_parts(one.f, one.at - one.sigma * half).reshape(REPEATS, n // 2)
    eps = eps.reshape(REPEATS, n)
    jumps = float(boundary_term(one.f.jumps(), one.at, one.sigma))
    return Batches(eps, values, mirrored, first, one.sigma, jumps, one.truth)


def _in_parts(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return torch.cat([f(part) for part in x.split(SMALL)])


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
    most: int = 10**6  # batches, in a trial


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
    """A student's rule: called with the rows of one batch, (n, 1) each, for CALLS batches."""

    def estimate(b: Batches) -> Tensor:
        return torch.stack([_one(mine(*rows)) for rows in zip(b.first, b.zero, strict=True)])

    return Rule(estimate, "sample", CALLS)


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


def trial(rule: Rule, parts: Sequence[Batches]) -> Error:
    """How far a rule is off on these batches, or on as many as it may have."""
    found, left = [], rule.most
    for part in parts:
        if left > 0:
            found.append(rule.estimate(part._cut(slice(left), part.eps.shape[1])))
            left -= len(found[-1])
    return measured(torch.cat(found), parts[0].truth)


def measured(estimates: Float[Tensor, " R"], truth: float) -> Error:
    square = (estimates - truth) ** 2
    root = float(square.mean().sqrt())
    spread = float(square.std()) / math.sqrt(len(square))
    return Error(root, spread / (2 * root) if root > 0 else 0.0)


def exact(task: str, n: Tensor) -> dict[str, Tensor]:
    """The errors of the rules that have one in closed form, and of the best mixture, at each n."""
    one = TASKS[task]
    m = one.mixing(n)
    pair = variance_exact(one.f, one.at, one.sigma).antithetic
    return {
        "first-order": m.rmse(1.0, n),
        "zero-order": m.rmse(0.0, n),
        "antithetic": (pair / (n // 2)).sqrt(),
        "jumps known": (m.first / n).sqrt(),
        "best mixture": m.rmse(m.nearest(n), n),
    }
