"""Samples that fall into a figure, first one by one, then by the hundred.

A figure that shows them has a clock with one step for each of `batches(n)`:

    counts = batches(1000)              # 0, 1, ..., 10, 20, ..., 100, 200, ..., 1000
    Clock(end=len(counts) - 1, seconds=12, label="samples", stepper=True)
    m.histogram(values, t=landings(counts), fall=FALL)
    mean, error = running_mean(values, counts)
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

FALL = 0.6  # steps of the clock from the top to the ground


def batches(n: int) -> list[int]:
    """How many samples lie after each step: ones up to 10, tens up to 100, and so on to n."""
    counts, size = [0], 1
    while counts[-1] < n:
        counts += range(counts[-1] + size, min(10 * size, n) + 1, size) or [n]
        size *= 10
    return counts


def landings(counts: list[int]) -> Float[Tensor, " n"]:
    """When each sample lies: those of a step one after the other, the last as the step ends."""
    times = [
        step + FALL + (1 - FALL) * torch.arange(1, after - before + 1) / (after - before)
        for step, (before, after) in enumerate(pairwise(counts))
    ]
    return torch.cat(times)


def running_mean(
    values: Float[Tensor, " n"], counts: list[int]
) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
    """The mean of the first `counts` values and its standard error; nan where there is none."""
    n = torch.tensor(counts, dtype=values.dtype)
    start = torch.zeros(1, dtype=values.dtype)
    total = torch.cat((start, values.cumsum(0)))[counts]
    away = values - values.mean()  # sums of squares of these lose fewer digits
    first, second = (torch.cat((start, sums.cumsum(0)))[counts] for sums in (away, away**2))
    variance = (second - first**2 / n) / (n - 1)
    return total / n, (variance.clamp(min=0) / n).sqrt().where(n > 1, torch.nan)
