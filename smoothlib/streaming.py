"""Mean and squared deviations of rows that come in chunks, eager or compiled.

Parts are merged pairwise (Chan, Golub and LeVeque 1983), in float64: no difference of large
sums, so an offset of 1e8 costs no digit of the variance. The compiled sums are taken about the
mean of the first rows.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.estimators import _checked
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
    """One part for all chunks, fused; what cannot be compiled comes eager, after a warning."""
    first = next(noise)
    given = tuple(estimators), f, theta.detach(), _checked(theta, sigma, first[:HEAD])
    pivots = [torch.zeros((), dtype=torch.float64, device=theta.device) for _ in given[0]]
    try:
        head = _compiled(*given, first[:HEAD], pivots)
    except (RuntimeError, torch._dynamo.exc.FailOnRecompileLimitHit) as error:
        yield from eager_parts(*given, [first])  # where f is wrong, this says so
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        warnings.warn(f"torch.compile failed ({reason}); estimate() runs eager", stacklevel=4)
        yield from eager_parts(*given, noise)
        return
    pivots = [total / min(HEAD, len(first)) for total, _ in head]
    n, sums = 0, [(0 * pivot, 0 * pivot) for pivot in pivots]
    for eps in chain((first,), noise):
        found = _compiled(*given, eps, pivots)
        sums = [(a + x, b + y) for (a, b), (x, y) in zip(sums, found, strict=True)]
        n += len(eps)
    yield [Part(n, p + a / n, b - a**2 / n) for p, (a, b) in zip(pivots, sums, strict=True)]


def _compiled(*arguments: Any) -> list[tuple[Tensor, Tensor]]:
    torch._dynamo.maybe_mark_dynamic(arguments[4], 0)
    with torch._dynamo.config.patch(recompile_limit=RECOMPILE_LIMIT):
        return _compiler()(*arguments)


@cache
def _compiler() -> Callable[..., list[tuple[Tensor, Tensor]]]:
    return torch.compile(_sums, fullgraph=True)


def _sums(
    estimators: Sequence[Callable[..., Tensor]],
    f: Function,
    theta: Tensor,
    sigma: Tensor,
    eps: Tensor,
    pivots: list[Tensor],
) -> list[tuple[Tensor, Tensor]]:
    """Σ and Σ² of the rows about their pivots."""
    found = []
    for estimator, pivot in zip(estimators, pivots, strict=True):
        away = estimator(f, theta, sigma, eps).double() - pivot
        found.append((away.sum(0), (away**2).sum(0)))
    return found
