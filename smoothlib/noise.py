"""Standard normal noise with an address instead of a state.

`normal(seed, members, coordinates)` depends on the seed, the member and the coordinate of each
number and on nothing else: not on the chunk, the batch or the worker that asks. A worker needs a
seed and an index to know a perturbation, and nothing stores a population.

The integers come from Threefry-2x32 with 13 rounds (Salmon, Moraes, Dror and Shaw 2011, "Parallel
random numbers: as easy as 1, 2, 3"): additions, rotations and exclusive ors of 32 bits, the same on
every device. 13 is their least number of rounds that passes BigCrush, so each key is itself a
20-round hash of the seed. Box and Muller (1958) make two normals of each 64 bits, for the members
m and m + 16 (m % 32 < 16) at one coordinate: 39 bits for the radius, hence |ε| <= 7.45 in float32
as in float64, and 24 for the angle. `tests/benchmarks/battery.py` holds the statistical tests.

torch's own generators cannot serve: on the CPU `torch.Generator` is a Mersenne Twister, which has
no address; the stateless Philox of `torch.func._random` is private, has no CPU kernel in torch
2.13, and addresses whole tensors.

The other functions are sources of noise in place of independent draws, all (seed, n, d) to (n, d).
Their rows are standard normal one by one but depend on each other, so the standard error of a
sample mean does not hold for them: measure it over several seeds.
"""

import math
import operator
import warnings
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import product
from threading import get_ident
from typing import Any

import torch
from jaxtyping import Float, Int32
from torch import Tensor

Dtype = torch.dtype | None
Device = torch.device | str | None

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
WORD = 1 << 32
TILE, COMPILED_TILE, CUDA_TILE = 1 << 16, 1 << 18, 1 << 22  # pairs at a time
# A product and a sum in one step: to rounding the same.
FUSED: dict[str, Any] = {"cpp.enable_floating_point_contract_flag": "fast"}
PAGE = 2048  # numbers; making so many costs little more than making one
HALF = 16  # members m and m + 16 are a pair: rows of a cache line, so that small d is fast


def normal(
    seed: int,
    members: int | range,
    coordinates: int | range,
    *,
    dtype: Dtype = None,
    device: Device = None,
    out: Float[Tensor, "n d"] | None = None,
    compile: bool = False,
) -> Float[Tensor, "n d"]:
    """Independent standard normals: row i, column j holds ε(seed, members[i], coordinates[j]).

    ε(m), ε(m + 16) = r cos a, r sin a,  r = √(-2 ln u)  for m % 32 < 16,

    with (u, a) from Threefry at the pair and the coordinate.

    `normal(0, n, d)` is n rows, `normal(0, range(i, i + 1), d)` row i of them, whichever n was.
    On one device and with one value of `compile` they agree to the bit; otherwise, and between
    float32 and float64, to rounding (u near 1 rounds coarsely: 1e-7 / r in float32).
    Whole blocks of 32 members, from a multiple of 32, cost half as much as ragged ends.

    Args:
        seed: any 64-bit integer, signed. Different seeds give independent noise.
        members, coordinates: how many, from 0; or which, as a range of step 1 below 2**63.
        dtype: float32 or float64; torch's default if None.
        out: a tensor to fill instead of a new one; it sets dtype and device.
        compile: fuse by torch.compile: seven times less work. Compiling takes 5 to 30 s, once in
            a process, so it pays from about 1e9 numbers. Without a C++ compiler: a warning, and
            the same numbers without fusion.
    Raises:
        TypeError, ValueError: for a seed, range, dtype or `out` other than these.
    """
    seed = _checked_seed(seed)
    rows, columns = _checked_range("members", members), _checked_range("coordinates", coordinates)
    out = _checked_out(out, len(rows), len(columns), dtype, device)
    if not compile and out.device.type == "cpu" and 0 < out.numel() <= PAGE // 2:
        return _from_pages(out, seed, rows, columns)
    with torch.no_grad():
        for piece, some in product(_pieces(rows), list(_words(columns))):
            i, j = piece.start - rows.start, some.start - columns.start
            _fill(out[i : i + len(piece), j : j + len(some)], piece, some, seed, compile)
    return out


def mirrored(
    seed: int, n: int, d: int, *, dtype: Dtype = None, device: Device = None
) -> Float[Tensor, "n d"]:
    """Mirrored pairs: row 2i + 1 is minus row 2i, so odd moments vanish exactly.

    Row 2i is row i of `normal`. See *A new Monte Carlo technique: antithetic variates*,
    Hammersley and Morton 1956. It loses where f is even about θ: both halves of a pair agree.

    Raises:
        ValueError: if n is odd.
    """
    if n % 2:
        raise ValueError(f"mirrored: n = {n} is odd; its rows come in pairs: take n = {n + 1}")
    eps = normal(seed, n // 2, d, dtype=dtype, device=device)
    return torch.stack((eps, -eps), dim=1).reshape(n, d)


def orthogonal(
    seed: int, n: int, d: int, *, dtype: Dtype = None, device: Device = None
) -> Float[Tensor, "n d"]:
    """Blocks of d rows at right angles: a uniform rotation, with lengths of independent normals.

    See *Structured evolution with compact architectures for scalable policy optimization*,
    Choromanski et al. 2018. Costs n d² operations. At d = 1 it is independent noise.
    """
    members = -(-n // max(d, 1)) * d
    blocks = normal(seed, members, d, dtype=dtype, device=device).view(-1, d, d)
    lengths = normal(seed, members, range(d, 2 * d), dtype=dtype, device=device).norm(dim=1)
    q, r = torch.linalg.qr(blocks)
    uniform = q * r.diagonal(dim1=1, dim2=2).sgn()[:, None]  # Mezzadri 2007: else q is not Haar
    return (uniform.reshape(members, d) * lengths[:, None])[:n]


def latin_hypercube(
    seed: int, n: int, d: int, *, dtype: Dtype = None, device: Device = None
) -> Float[Tensor, "n d"]:
    """In each coordinate, one row in each of n strata of equal probability.

    ε = Φ⁻¹((π(i) + u) / n), π a random permutation for each coordinate and u uniform. See *A
    comparison of three methods*, McKay, Beckman and Conover 1979. It removes the variance of
    what is additive in the coordinates and leaves the rest; it depends on n as a whole.
    """
    dtype = _checked_dtype(dtype)
    options: dict = {"dtype": torch.float64, "device": device}
    stratum = normal(seed, n, d, **options).argsort(dim=0)
    within = torch.special.ndtr(normal(seed, n, range(d, 2 * d), **options))
    return torch.special.ndtri((stratum + within) / n).to(dtype)


def sobol(
    seed: int, n: int, d: int, *, dtype: Dtype = None, device: Device = None
) -> Float[Tensor, "n d"]:
    """The first n points of a scrambled Sobol sequence, through Φ⁻¹.

    torch.quasirandom with Matoušek's scrambling (1998), 30 bits, hence |ε| <= 6.24; d at most
    21201. Take n a power of 2: other n lose the balance. Errors fall almost as 1/n for smooth f,
    hardly faster than 1/√n where a jump cuts many coordinates.
    """
    dtype = _checked_dtype(dtype)
    engine = torch.quasirandom.SobolEngine(d, scramble=True, seed=_checked_seed(seed))
    middle = engine.draw(n, dtype=torch.float64) + 2.0**-31
    return torch.special.ndtri(middle).to(device, dtype)


# --- small requests ----------------------------------------------------------------------


def _from_pages(
    out: Float[Tensor, "n d"], seed: int, rows: range, columns: range
) -> Float[Tensor, "n d"]:
    """A search on a small θ asks for the next few rows in each generation, and twice."""
    size = max(1, PAGE // len(columns) // (2 * HALF)) * 2 * HALF
    for first in range(rows.start // size * size, rows.stop, size):
        page = _page(seed, first, size, columns, out.dtype)
        some = range(max(first, rows.start), min(first + size, rows.stop))
        with torch.no_grad():
            out[some.start - rows.start : some.stop - rows.start].copy_(
                page[some.start - first : some.stop - first]
            )
    return out


@lru_cache(maxsize=64)
def _page(
    seed: int, first: int, size: int, columns: range, dtype: torch.dtype
) -> Float[Tensor, "size d"]:
    """Some whole blocks of rows, kept: a hundred kernels start for a page as for one number."""
    rows = range(first, min(first + size, 2**63))
    with torch.inference_mode(False), torch.no_grad():  # see _scratch
        page = torch.empty(len(rows), len(columns), dtype=dtype, device="cpu")
        for piece, some in product(_pieces(rows), list(_words(columns))):
            i, j = piece.start - first, some.start - columns.start
            _fill(page[i : i + len(piece), j : j + len(some)], piece, some, seed, False)
    return page


# --- tiles -------------------------------------------------------------------------------


def _pieces(members: range) -> Iterator[range]:
    """Whole blocks, and ragged ends that stay within half a block; cut where the key changes."""
    start = members.start
    while start < members.stop:
        whole = (members.stop - start) // (2 * HALF) * (2 * HALF)
        if start % (2 * HALF) or not whole:
            whole = HALF - start % HALF
        stop = min(start + whole, members.stop, (start // (2 * WORD) + 1) * 2 * WORD)
        yield range(start, stop)
        start = stop


def _words(columns: range) -> Iterator[range]:
    """The columns, cut where the key changes."""
    start = columns.start
    while start < columns.stop:
        stop = min(columns.stop, (start // WORD + 1) * WORD)
        yield range(start, stop)
        start = stop


def _fill(
    out: Float[Tensor, "n d"], members: range, columns: range, seed: int, compile: bool
) -> None:
    """Fill one piece, tile by tile."""
    half = min(len(members), HALF)
    planes = out.unflatten(0, (-1, 2 if len(members) > HALF else 1, half)).unbind(1)
    first = members.start // (2 * HALF) * HALF + members.start % HALF
    pairs = range(first, first + len(members) // len(planes))
    key = _key(seed, first // WORD, columns.start // WORD)
    hashed, transformed, in_place = _kernels(compile, out.device, out.dtype)
    r, c = _tile(len(pairs), half, len(columns), out.device, compile)
    size = -(-r * c // 64) * 64  # whole vector registers, so that no tile has a scalar tail
    w0, w1, *z = (x[:size] for x in _scratch(out.dtype, out.device, in_place, get_ident()))
    row, column = (x[:size] for x in _places(c, _most(out.device, compile), out.device))
    used = z if len(planes) == 2 else z[members.start // HALF % 2 :]
    for q, j in product(pairs[::r], columns[::c]):
        start = torch.tensor([*key, _signed(q), _signed(j)], dtype=torch.int32, device=out.device)
        hashed(w0, w1, row, column, start)
        transformed(*z, w0, w1)
        for plane, values in zip(planes, used, strict=False):
            tile = values[: r * c].view(r, c)[: pairs.stop - q, : columns.stop - j]
            _place(plane[:, :, j - columns.start :], q - first, tile)


def _place(plane: Float[Tensor, "blocks half d"], i: int, tile: Float[Tensor, "r c"]) -> None:
    """Rows i, i + 1, ... of a plane: some of one half-block, or several half-blocks."""
    half, (r, c) = plane.shape[1], tile.shape
    if r < half:
        plane[i // half, i % half : i % half + r, :c].copy_(tile)
    else:
        plane[i // half : (i + r) // half, :, :c].copy_(tile.unflatten(0, (-1, half)))


def _most(device: torch.device, compile: bool) -> int:
    """Pairs of a tile: what a cache holds."""
    return CUDA_TILE if device.type == "cuda" else COMPILED_TILE if compile else TILE


def _tile(
    pairs: int, half: int, columns: int, device: torch.device, compile: bool
) -> tuple[int, int]:
    """Pairs and coordinates of a tile: equal shares of at most a cache's worth."""
    most = _most(device, compile)
    c = -(-columns // -(-columns // most))
    fit, blocks = most // c, pairs // half
    if fit < half:
        return 1 << (fit.bit_length() - 1), c
    return -(-blocks // -(-blocks // (fit // half))) * half, c


@lru_cache(maxsize=1)
def _places(
    c: int, most: int, device: torch.device
) -> tuple[Int32[Tensor, " size"], Int32[Tensor, " size"]]:
    """Row and column of each place of any tile of c columns."""
    _places.cache_clear()  # else those of the width before would be held meanwhile
    r, size = most // c, most + 64
    with torch.inference_mode(False):  # see _scratch
        row, column = torch.zeros(2, size, dtype=torch.int32, device=device)
        rows, columns = (torch.arange(k, dtype=torch.int32, device=device) for k in (r, c))
        row[: r * c].view(r, c).copy_(rows[:, None])
        column[: r * c].view(r, c).copy_(columns)
    return row, column


@lru_cache(maxsize=8)
def _scratch(
    dtype: torch.dtype, device: torch.device, in_place: bool, thread: int
) -> tuple[Tensor, ...]:
    """Memory for one tile, kept by each thread: fresh pages would cost more than the numbers."""
    most = (CUDA_TILE if device.type == "cuda" else COMPILED_TILE) + 64
    with torch.inference_mode(False):  # else what is kept could not be written outside that mode
        words = [torch.empty(most, dtype=torch.int32, device=device) for _ in range(2)]
        if in_place:
            return *words, *(word.view(dtype) for word in words)
        return *words, *(torch.empty(most, dtype=dtype, device=device) for _ in range(2))


# --- kernels: the same code, eager and compiled ---------------------------------------------


def _threefry(
    x0: Int32[Tensor, " size"], x1: Int32[Tensor, " size"], key: tuple, rounds: int
) -> None:
    """Threefry-2x32 in place; int32 wraps as uint32 does."""
    moved = torch.empty_like(x1)
    x0 += key[0]
    x1 += key[1]
    for i in range(rounds):
        left = ROTATIONS[i % 8]
        x0 += x1
        torch.bitwise_right_shift(x1, 32 - left, out=moved)
        moved &= (1 << left) - 1  # the shift copies the sign
        x1 <<= left
        x1 |= moved
        x1 ^= x0
        if i % 4 == 3:
            step = i // 4 + 1
            x0 += key[step % 3]
            x1 += key[(step + 1) % 3] + step


def _hashed(
    x0: Int32[Tensor, " size"],
    x1: Int32[Tensor, " size"],
    row: Int32[Tensor, " size"],
    column: Int32[Tensor, " size"],
    parameters: Int32[Tensor, "5"],
) -> None:
    k0, k1, k2, q, c = parameters.unbind()
    torch.add(row, q, out=x0)
    torch.add(column, c, out=x1)
    _threefry(x0, x1, (k0, k1, k2), rounds=13)


def _transformed(
    z0: Float[Tensor, " size"],
    z1: Float[Tensor, " size"],
    w0: Int32[Tensor, " size"],
    w1: Int32[Tensor, " size"],
) -> None:
    """Box-Muller. A float32 holds small u to 24 digits, so its tail is as fine as float64's."""
    z0.copy_(w1 & 0xFF).add_(0.5).mul_(2.0**-8)
    z1.copy_((w0 >> 1).bitwise_and_(0x7FFFFFFF)).add_(z0).mul_(2.0**-31)
    r = z1.log_().mul_(-2).sqrt_()
    a = z0.copy_(w1 >> 8).add_(0.5).mul_(math.tau * 2.0**-24)
    sine = torch.sin(a)
    torch.cos(a, out=z0).mul_(r)
    torch.mul(sine, r, out=z1)


def _transformed_in_place(w0: Int32[Tensor, " size"], w1: Int32[Tensor, " size"]) -> None:
    """`_transformed` for a fused loop in float32, whose bits take the place of the words.

    40 steps without memory, no range reduction. With x = 2ᵉ m, 1/√2 <= m < √2: ln x =
    e ln 2 + ln m. Of the angle, two bits are the quadrant. Minimax
    polynomials (Remez 1934): 1.4e-8 for the radius, 5e-9 for the sine.
    """
    x = ((w0 >> 1) & 0x7FFFFFFF).float() + ((w1 & 0xFF).float() + 0.5) * 2.0**-8
    bits = x.view(torch.int32)
    e = (bits - 0x3F3504F3) >> 23  # 0x3F3504F3 is 1/√2
    f = (bits - (e << 23)).view(torch.float32) - 1
    p = 0.0873336 * f - 0.14378017
    p = ((p * f + 0.1495035) * f - 0.1656116) * f + 0.19957688
    p = ((p * f - 0.2500212) * f + 0.3333409) * f - 0.49999987
    r = ((f + f * f * p + (e - 31).float() * 0.6931472) * -2).sqrt()
    quarter = (w1 << 2) >> 2
    q = (w1 - quarter) >> 30
    t = ((quarter >> 8).float() + 0.5) * 2.0**-22
    y = t * t
    sine = (((-0.004602177 * y + 0.07968023) * y - 0.6459635) * y + 1.5707963) * t * r
    cosine = ((0.00090363 * y - 0.02086007) * y + 0.2536692) * y - 1.2337005
    cosine = (cosine * y + 1) * r
    odd = (q & 1) != 0
    upright, across = torch.where(odd, sine, cosine), torch.where(odd, cosine, sine)
    w0.copy_(upright.view(torch.int32) ^ (((q + 1) & 2) << 30))
    w1.copy_(across.view(torch.int32) ^ ((q & 2) << 30))


@lru_cache(maxsize=256)
def _key(seed: int, pair_word: int, column_word: int) -> tuple[int, int, int]:
    """The key of 2**64 addresses: a 20-round hash under the seed, one to one in the words."""
    k0, k1 = _signed(seed), _signed(seed >> 32)
    counter = _signed(pair_word), _signed(column_word)
    x0, x1 = (torch.tensor([word], dtype=torch.int32, device="cpu") for word in counter)
    _threefry(x0, x1, (k0, k1, _signed(k0 ^ k1 ^ PARITY)), rounds=20)
    return int(x0), int(x1), _signed(int(x0) ^ int(x1) ^ PARITY)


def _signed(word: int) -> int:
    """The low 32 bits as an int32."""
    return ((word + (1 << 31)) % WORD) - (1 << 31)


@cache
def _kernels(
    compile: bool, device: torch.device, dtype: torch.dtype
) -> tuple[Callable[..., None], Callable[..., None], bool]:
    """Hash and transform, and whether the normals take the place of the words.

    Hash and transform are apart, since one loop over both is a chain that no core overlaps.
    """
    if not compile:
        return _hashed, _transformed, False
    in_place = dtype == torch.float32
    hashed: Callable[..., None] = torch.compile(_hashed, dynamic=True)
    transform = _transformed_in_place if in_place else _transformed
    fused: Callable[..., None] = torch.compile(transform, dynamic=True, options=FUSED)
    w = [torch.zeros(128, dtype=torch.int32, device=device) for _ in range(4)]
    z = [] if in_place else [torch.zeros(128, dtype=dtype, device=device) for _ in range(2)]
    try:
        hashed(*w, torch.zeros(5, dtype=torch.int32, device=device))
        fused(*z, *w[:2])
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        warnings.warn(f"torch.compile failed ({reason}); normal() runs eager", stacklevel=4)
        return _hashed, _transformed, False
    return hashed, (lambda z0, z1, w0, w1: fused(w0, w1)) if in_place else fused, in_place


# --- the public door ---------------------------------------------------------------------


def _checked_seed(seed: int) -> int:
    try:
        seed = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed must be an integer, got {seed!r}; int(seed) makes one") from None
    if not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed = {seed} has more than 64 bits; take one in [-2**63, 2**63)")
    return seed


def _checked_range(name: str, span: int | range) -> range:
    if not isinstance(span, range):
        try:
            span = range(operator.index(span))
        except TypeError:
            raise TypeError(
                f"{name} must be a number or a range, got {span!r}; range(start, stop) picks some"
            ) from None
    if span.step != 1 or span.start < 0 or span.stop < span.start or span.stop > 2**63:
        raise ValueError(
            f"{name} = {span}; wanted 0 <= start <= stop <= 2**63 and step 1; "
            "call once for each contiguous block"
        )
    return span


def _checked_out(
    out: Tensor | None,
    n: int,
    d: int,
    dtype: Dtype,
    device: Device,
) -> Float[Tensor, "n d"]:
    if out is None:
        out = torch.empty(n, d, dtype=dtype, device=device)
    elif dtype is not None or device is not None:
        raise ValueError("out sets dtype and device; leave those two out, or leave out out")
    _checked_dtype(out.dtype)
    if out.shape != (n, d):
        raise ValueError(f"out has shape {tuple(out.shape)}, the noise ({n}, {d}); make them equal")
    if out.requires_grad:
        raise ValueError("out requires a gradient, and noise has none; pass out.detach()")
    return out


def _checked_dtype(dtype: Dtype) -> torch.dtype:
    found = dtype or torch.get_default_dtype()
    if found not in (torch.float32, torch.float64):
        raise TypeError(f"normals come in float32 or float64, not {found}; convert afterwards")
    return found
