"""Mean and squared deviations of rows that come in chunks, eager or compiled.

Parts are merged pairwise (Chan, Golub and LeVeque 1983), in float64: no difference of large
sums, so an offset of 1e8 costs no digit of the variance. The compiled sums are taken about the
mean of the first rows.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.estimators import _checked
from smoothlib.noise import FUSED
from smoothlib.smoothing import Function

HEAD = 32  # rows whose mean serves as pivot: it is well within a standard deviation

RECOMPILE_LIMIT = 256  # pairs of f and estimator in one process; torch's own limit is 8


class Part(NamedTuple):
    """Of some rows: how many, their mean, and their squared deviations from it, in float64."""

    n: int
    mean: Float[Tensor, "*shape"]
    square: Float[Tensor, "*shape"]

    def merged(self, other: "Part") -> "Part":
        """That of both."""
        if not self.n:
            return other
        n = self.n + other.n
        shift = other.mean - self.mean
        square = self.square + other.square + shift**2 * (self.n * other.n / n)
        return Part(n, self.mean + shift * (other.n / n), square)


NOTHING = Part(0, torch.zeros(()), torch.zeros(()))


def part_of(rows: Float[Tensor, "_ ..."]) -> Part:
    """In two passes."""
    wide = rows.double()
    mean = wide.mean(0)
    return Part(len(rows), mean, ((wide - mean) ** 2).sum(0))


def eager_parts(
    estimators: Sequence[Callable[..., Tensor]],
    f: Function,
    theta: Tensor,
    sigma: float | Tensor,
    noise: Iterable[Float[Tensor, "_ d"]],
) -> Iterator[list[Part]]:
    """The rows of every estimator, chunk by chunk."""
    for eps in noise:
        yield [part_of(estimator(f, theta, sigma, eps)) for estimator in estimators]


def compiled_parts(
    estimators: Sequence[Callable[..., Tensor]],
    f: Function,
    theta: Tensor,
    sigma: float | Tensor,
    noise: Iterator[Float[Tensor, "_ d"]],
) -> Iterator[list[Part]]:
    """The same, fused; what cannot be compiled comes eager, after a warning."""
    first = next(noise)
    given = tuple(estimators), f, theta.detach(), _checked(theta, sigma, first[:HEAD])
    try:
        found = _compiled(*given, first)
    except (RuntimeError, torch._dynamo.exc.FailOnRecompileLimitHit) as error:
        yield from eager_parts(*given, [first])  # where f is wrong, this says so
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        warnings.warn(f"torch.compile failed ({reason}); estimate() runs eager", stacklevel=4)
        yield from eager_parts(*given, noise)
        return
    yield [Part(len(first), *moments) for moments in found]
    for eps in noise:
        yield [Part(len(eps), *moments) for moments in _compiled(*given, eps)]


def _compiled(*arguments: Any) -> list[tuple[Tensor, Tensor]]:
    torch._dynamo.maybe_mark_dynamic(arguments[4], 0)
    return _compiler()(*arguments)


@cache
def _compiler() -> Callable[..., list[tuple[Tensor, Tensor]]]:
    limit: Any = {"recompile_limit": RECOMPILE_LIMIT}  # which torch 2.13 has, but does not declare
    return torch.compile(_moments, fullgraph=True, options=FUSED, **limit)


def _moments(
    estimators: Sequence[Callable[..., Tensor]],
    f: Function,
    theta: Tensor,
    sigma: Tensor,
    eps: Tensor,
) -> list[tuple[Tensor, Tensor]]:
    """Mean and squared deviations of the rows, in one pass about the mean of the first."""
    n, found = len(eps), []
    for estimator in estimators:
        pivot = estimator(f, theta, sigma, eps[:HEAD]).double().sum(0) * (1 / HEAD)
        away = estimator(f, theta, sigma, eps).double() - pivot
        total, square = away.sum(0), (away**2).sum(0)
        found.append((pivot + total / n, square - total**2 / n))
    return found
