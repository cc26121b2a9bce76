"""Evolution strategies without a stored population: a seed and an index make its noise again.

Member i is x_i = θ + σ ε(seed, i) with ε from `noise.normal`, or the pair θ ± σ ε(seed, i); the
`weights` are its values f(x_i), or what a search makes of them (ranks, utilities):

    weights of shape (n,)      members
    weights of shape (2, n/2)  mirrored pairs: weights[0] at θ + σε, weights[1] at θ - σε

A worker sends its weights, one number a member; whoever knows the seed has the gradient. Memory:
a block of noise, 2 MiB in float32, whatever n and d are.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.noise import normal

BLOCK = 2**19  # numbers of noise at a time
ROWS = 512  # members at a time, at most
WHOLE = 32  # members from a multiple of 32 on cost half as much as ragged ends


def evolution_gradient(
    seed: int,
    weights: Float[Tensor, "*pair n"],
    sigma: float | Float[Tensor, " d"],
    coordinates: int | range,
    first: int = 0,
    compile: bool = False,
) -> Float[Tensor, " d"]:
    """∇F by the mean θ, from what the members have returned.

    (1/(nσ)) Σ_i w_i ε_i,   of pairs (1/(nσ)) Σ_i (w₊_i - w₋_i) ε_i

    With w = f(x) it is the mean of `zero_order`, of `antithetic` for pairs: the gradient of F
    itself, uphill. See *Evolution Strategies as a Scalable Alternative to Reinforcement Learning*,
    Salimans, Ho, Chen, Sidor and Sutskever 2017, arXiv 1703.03864, who keep a table of noise.

    Args:
        sigma: standard deviation, a number or one for each coordinate.
        coordinates: how many, from 0, or which, as a range: a share of θ, such as a layer.
        first: the member, or pair, of weights[..., 0]. The mean over workers that have equal
            shares of the members is the gradient of all.
        compile: as for `noise.normal`, where the time goes.
    Raises:
        ValueError: for weights of another shape or dtype or that are not finite, for a σ that is
            not positive and finite.
    """
    _checked(weights, sigma)
    signed = weights[0] - weights[1] if _pairs(weights) else weights
    total = weights.new_zeros(_number(coordinates))
    for eps, (w,), some in _blocks(seed, signed[None], coordinates, first, compile):
        total[some].addmv_(eps.T, w)
    return total / (weights.numel() * sigma)


def evolution_width_gradient(
    seed: int,
    weights: Float[Tensor, "*pair n"],
    sigma: float | Float[Tensor, " d"],
    coordinates: int | range,
    first: int = 0,
    compile: bool = False,
) -> Float[Tensor, " d"]:
    """∂F/∂σ_j where each coordinate j has its own σ_j: what PGPE and SNES adapt widths by.

    (1/(nσ)) Σ_i w_i (ε_i² - 1),   of pairs (1/(nσ)) Σ_i (w₊_i + w₋_i) (ε_i² - 1)

    See *Parameter-exploring Policy Gradients*, Sehnke et al. 2010, and *Natural Evolution
    Strategies*, Wierstra et al. 2014. Arguments and errors are those of `evolution_gradient`.
    Subtract a baseline from the weights: a constant c in them costs the variance 2c²/σ².
    """
    _checked(weights, sigma)
    both = weights[0] + weights[1] if _pairs(weights) else weights
    total = weights.new_zeros(_number(coordinates))
    for eps, (w,), some in _blocks(seed, both[None], coordinates, first, compile):
        total[some].addmv_(eps.square_().sub_(1).T, w)
    return total / (weights.numel() * sigma)


def evolution_gradients(
    seed: int,
    weights: Float[Tensor, "*pair n"],
    sigma: float | Float[Tensor, " d"],
    coordinates: int | range,
    first: int = 0,
    compile: bool = False,
) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
    """`evolution_gradient` and `evolution_width_gradient`, of noise that is drawn once."""
    _checked(weights, sigma)
    pairs = _pairs(weights)
    odd, even = (weights[0] - weights[1], weights.sum(0)) if pairs else (weights, weights)
    mean, width = weights.new_zeros(2, _number(coordinates))
    both = torch.stack((odd, even))
    for eps, (w, v), some in _blocks(seed, both, coordinates, first, compile):
        mean[some].addmv_(eps.T, w)
        width[some].addmv_(eps.square_().T, v)
    scale = weights.numel() * sigma
    return mean / scale, (width - even.sum()) / scale


def _blocks(
    seed: int,
    weights: Float[Tensor, "k n"],
    coordinates: int | range,
    first: int,
    compile: bool,
    whole_rows: bool = False,
) -> Iterator[tuple[Float[Tensor, "rows c"], Float[Tensor, "k rows"], slice]]:
    """Noise, the weights of its rows, and its place among the coordinates, block by block.

    Rows are whole blocks of 32 members: those that nobody asked for weigh nothing. With
    `whole_rows` a row has all coordinates, and the memory for 32 of them is the least.
    """
    columns = coordinates if isinstance(coordinates, range) else range(coordinates)
    before = first % WHOLE
    after = -(before + weights.shape[1]) % WHOLE
    padded = torch.nn.functional.pad(weights.detach(), (before, after))
    members = range(first - before, first + weights.shape[1] + after)
    rows = min(ROWS, len(members))
    if whole_rows:
        rows = min(rows, max(WHOLE, BLOCK // len(columns) // WHOLE * WHOLE))
    width = len(columns) if whole_rows else min(BLOCK // rows, len(columns))
    memory = torch.empty(rows * width, dtype=weights.dtype, device=weights.device)
    for j in range(0, len(columns), max(width, 1)):
        here = columns[j : j + width]
        for i in range(0, len(members), rows):
            some = members[i : i + rows]
            eps = memory[: len(some) * len(here)].view(len(some), len(here))
            normal(seed, some, here, out=eps, compile=compile)
            yield eps, padded[:, i : i + rows], slice(j, j + len(here))


def _number(coordinates: int | range) -> int:
    return len(coordinates) if isinstance(coordinates, range) else coordinates


def _checked(weights: Tensor, sigma: float | Tensor) -> None:
    width = torch.as_tensor(sigma)
    if not bool(((width > 0) & width.isfinite()).all()):
        raise ValueError(
            f"sigma = {width.tolist()}; positive, finite standard deviations are needed"
        )
    if not bool(weights.isfinite().all()):
        raise ValueError(
            "weights hold nan or inf; give a member that failed a low value, or its rank"
        )


def _pairs(weights: Tensor) -> bool:
    """Whether the weights are of mirrored pairs, once they are weights at all."""
    if not weights.is_floating_point():
        raise ValueError(f"weights are {weights.dtype}; weights.float() makes them numbers")
    if weights.numel() == 0 or not (weights.ndim == 1 or (weights.ndim == 2 and len(weights) == 2)):
        raise ValueError(
            f"weights have shape {tuple(weights.shape)}; (n,) is needed, one for each member, or "
            "(2, n/2), one row for θ + σε and one for θ - σε"
        )
    return weights.ndim == 2
