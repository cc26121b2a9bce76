"""Noise by address: the generator, invariance, the law, the sources, bad input.

A statistic is accepted within 5 standard errors of the exact law, at fixed seeds.
"""

import math
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from scipy import stats
from torch import Tensor

from smoothlib import noise
from smoothlib.noise import latin_hypercube, mirrored, normal, orthogonal, sobol

SOURCES: list[Callable[..., Tensor]] = [normal, mirrored, orthogonal, latin_hypercube, sobol]
MASK = 2**32 - 1

# Random123 1.14, tests/kat_vectors: rounds, counter, key, result
KNOWN = [
    (13, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x9D1C5EC6, 0x8BD50731),
    (13, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFD36D048, 0x2D17272C),
    (13, 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xBA3E4725, 0xF27D669E),
    (20, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x6B200159, 0x99BA4EFE),
    (20, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0x1CB996FC, 0xBB002BE7),
    (20, 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xC4923A9C, 0x483DF7A0),
]


def threefry(counter: tuple[int, int], key: tuple[int, int], rounds: int) -> tuple[int, int]:
    """Threefry-2x32 in plain integers, after the paper."""
    schedule = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    x, y = (counter[0] + key[0]) & MASK, (counter[1] + key[1]) & MASK
    for i in range(rounds):
        r = (13, 15, 26, 6, 17, 29, 16, 24)[i % 8]
        x = (x + y) & MASK
        y = ((y << r) & MASK | y >> (32 - r)) ^ x
        if i % 4 == 3:
            s = i // 4 + 1
            x, y = (x + schedule[s % 3]) & MASK, (y + schedule[(s + 1) % 3] + s) & MASK
    return x, y


def reference(seed: int, member: int, coordinate: int) -> float:
    """One normal, from integers and math alone."""
    pair = member // 32 * 16 + member % 16
    words = struct.unpack("<2I", struct.pack("<q", seed))
    key = threefry((pair >> 32, coordinate >> 32), words, 20)
    w0, w1 = threefry((pair & MASK, coordinate & MASK), key, 13)
    u = ((w0 >> 1) + ((w1 & 255) + 0.5) / 256) / 2**31
    turn = (w1 >> 8) - (2**24 if w1 >> 31 else 0)
    angle = math.tau * (turn + 0.5) / 2**24
    wave = math.sin if member // 16 % 2 else math.cos
    return math.sqrt(-2 * math.log(u)) * wave(angle)


def as_int32(*words: int) -> list[Tensor]:
    return [torch.tensor([noise._signed(word)], dtype=torch.int32) for word in words]


# --- the generator ---------------------------------------------------------------------------


@pytest.mark.parametrize(("rounds", "c0", "c1", "k0", "k1", "r0", "r1"), KNOWN)
def test_threefry_gives_the_published_answers(rounds, c0, c1, k0, k1, r0, r1) -> None:
    x0, x1 = as_int32(c0, c1)
    noise._threefry(x0, x1, tuple(as_int32(k0, k1, k0 ^ k1 ^ 0x1BD11BDA)), rounds)
    assert (int(x0) & MASK, int(x1) & MASK) == (r0, r1)
    assert threefry((c0, c1), (k0, k1), rounds) == (r0, r1)


@pytest.mark.parametrize("seed", [0, 1, -1, 12345678901234567, -(2**63), 2**63 - 1])
@pytest.mark.parametrize("member", [0, 15, 16, 31, 32, 2**33 - 1, 2**33, 2**40 - 1])
@pytest.mark.parametrize("coordinate", [0, 1, 2**31 - 1, 2**32 - 1, 2**32, 2**40])
def test_a_normal_is_what_plain_integers_say(seed: int, member: int, coordinate: int) -> None:
    here = range(member, member + 1), range(coordinate, coordinate + 1)
    expected = reference(seed, member, coordinate)
    assert normal(seed, *here, dtype=torch.float64).item() == pytest.approx(expected, abs=1e-12)
    assert normal(seed, *here).item() == pytest.approx(expected, abs=2e-5)


def test_no_address_repeats_its_integers() -> None:
    w = [torch.empty(2**20, dtype=torch.int32) for _ in range(2)]
    grid = (place[: 2**20] for place in noise._places(2**10, 2**20, w[0].device))
    noise._hashed(*w, *grid, torch.tensor([*noise._key(3, 0, 0), 0, 0], dtype=torch.int32))
    assert len(torch.unique(w[0].long() << 32 | w[1].long() & MASK)) == 2**20


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_polynomials_and_elementary_functions_are_one_transform(default: torch.dtype) -> None:
    """At random words, and at those where quadrant, exponent or sign change."""
    edges = [0, 1, 255, 256, 2**29 - 1, 2**29, 2**30 - 1, 2**30, 3 << 29, 2**31 - 1]
    edges = torch.tensor([sign * e + shift for e in edges for sign in (1, -1) for shift in (0, -1)])
    grid = torch.cartesian_prod(edges, edges).to(torch.int32).T
    random = torch.randint(-(2**31), 2**31, (2, 2**20), generator=torch.Generator().manual_seed(1))
    w = torch.cat((random.int(), grid), 1).unbind()
    exact, found = torch.empty(2, len(w[0]), dtype=torch.float64), torch.stack(w)
    noise._transformed(*exact, *w)
    torch.set_default_dtype(default)
    noise._transformed_in_place(*found)
    torch.set_default_dtype(torch.float32)
    radius = exact.norm(dim=0)  # where u is near 1, a float32 holds it coarsely
    assert ((found.view(torch.float32) - exact).abs() < 1e-6 + 6e-8 / (radius + 1e-4)).all()


# --- invariance ------------------------------------------------------------------------------

SPANS = [
    (range(0, 1000), range(0, 7)),
    (range(0, 1), range(0, 7)),
    (range(31, 33), range(3, 4)),
    (range(5, 997), range(1, 6)),
    (range(17, 30), range(0, 7)),
    (range(960, 1000), range(2, 7)),
]


@pytest.mark.parametrize(("members", "coordinates"), SPANS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_block_is_cut_from_the_same_noise(members, coordinates, dtype) -> None:
    whole = normal(7, 1000, 7, dtype=dtype)
    part = normal(7, members, coordinates, dtype=dtype)
    assert torch.equal(part, whole[members.start : members.stop][:, coordinates])


@pytest.mark.parametrize("tile", [64, 100, 1000, 2**14])
def test_tiles_of_any_size_give_the_same_bits(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for shape in ((1000, 1), (333, 5), (64, 33), (3, 3001)):
        whole = normal(1, *shape)
        monkeypatch.setattr(noise, "TILE", tile)
        assert torch.equal(normal(1, *shape), whole)
        monkeypatch.undo()


def test_chunks_in_any_order_and_threads_of_any_number_agree() -> None:
    whole = normal(5, 100_000, 3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if threads > 1 else 2)
    chunks = {k: normal(5, range(k, k + 12_500), 3) for k in reversed(range(0, 100_000, 12_500))}
    torch.set_num_threads(threads)
    assert torch.equal(torch.cat([chunks[k] for k in sorted(chunks)]), whole)


def test_another_process_draws_the_same_member() -> None:
    code = "from smoothlib import noise; print(noise.normal(-9, range(77, 78), 3).tolist())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert eval(printed.stdout) == normal(-9, 100, 3)[77:78].tolist()


def test_blocks_cross_the_words_of_the_address() -> None:
    members, coordinates = range(2**33 - 40, 2**33 + 40), range(2**32 - 3, 2**32 + 3)
    whole = normal(2, members, coordinates)
    for i, j in ((0, 0), (39, 2), (40, 3), (79, 5)):
        here = range(members[i], members[i] + 1), range(coordinates[j], coordinates[j] + 1)
        assert normal(2, *here).item() == whole[i, j].item()


def test_a_given_tensor_is_filled_in_place_whatever_its_strides() -> None:
    expected = normal(4, 50, 6)
    for out in (torch.empty(50, 6), torch.empty(6, 50).T, torch.empty(50, 12)[:, ::2]):
        assert normal(4, 50, 6, out=out) is out
        assert torch.equal(out, expected)


def test_float32_rounds_float64_and_dtype_follows_the_default() -> None:
    single, double = normal(1, 10_000, 10), normal(1, 10_000, 10, dtype=torch.float64)
    radius = double.view(-1)[:96_000].abs()  # small draws may come of a small radius
    close = (single - double).abs() < 2e-6 + 2e-7 / (double.abs() + 1e-4)
    assert single.dtype == torch.float32 and close.all() and radius.max() > 4


def test_empty_requests_give_empty_noise() -> None:
    assert normal(0, 0, 3).shape == (0, 3) and normal(0, range(5, 5), 3).shape == (0, 3)
    assert normal(0, 3, 0).shape == (3, 0)


def test_the_global_generator_is_neither_read_nor_moved() -> None:
    state = torch.get_rng_state()
    for source in SOURCES:
        source(1, 8, 2)
    assert torch.equal(torch.get_rng_state(), state)


COMPILED = """
import sys, torch, warnings
from smoothlib.noise import normal
warnings.filterwarnings("error", message=".*runs eager")
spans = (range(1000), range(3)), (range(7, 40), range(1, 3)), (range(40), range(5000))
types = torch.float32, torch.float64
draws = [normal(3, *span, dtype=type, compile=True) for type in types for span in spans]
torch.save(draws, sys.argv[1])
"""


def test_compiled_noise_equals_eager_to_rounding(tmp_path: Path) -> None:
    """In a process of its own: the run-time checks of shapes in these tests do not compile."""
    command = [sys.executable, "-c", COMPILED, str(tmp_path / "draws")]
    run = subprocess.run(command, capture_output=True, text=True)
    if "C++ compiler" in run.stderr and not os.environ.get("COURSE_REQUIRE_ALL"):
        pytest.skip("no C++ compiler here")
    assert run.returncode == 0, run.stderr
    draws = torch.load(tmp_path / "draws")
    assert torch.equal(draws[1], draws[0][7:40, 1:3]) and torch.equal(draws[4], draws[3][7:40, 1:3])
    for draw, columns in ((draws[0], 3), (draws[2], 5000), (draws[3], 3), (draws[5], 5000)):
        eager = normal(3, len(draw), columns, dtype=draw.dtype)
        assert torch.allclose(eager, draw, rtol=0, atol=16 * torch.finfo(draw.dtype).eps)


def test_without_a_compiler_noise_is_eager_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Callable[..., None]:
        def fail(*_: object) -> None:
            raise RuntimeError("no C++ compiler")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    noise._kernels.cache_clear()
    with pytest.warns(UserWarning, match=r"no C\+\+ compiler.*eager"):
        fallen = normal(0, 10, 2, compile=True)
    noise._kernels.cache_clear()
    assert torch.equal(fallen, normal(0, 10, 2))


def test_importing_noise_does_not_import_the_compiler() -> None:
    code = "import sys, smoothlib.noise; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_noise_drawn_in_inference_mode_does_not_hinder_later_draws() -> None:
    noise._scratch.cache_clear()
    noise._key.cache_clear()
    with torch.inference_mode():
        inside = normal(8, 40, 2)
    assert torch.equal(normal(8, 40, 2), inside.clone())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("compile", [False, True])
def test_cuda_draws_the_noise_of_the_cpu(dtype: torch.dtype, compile: bool) -> None:
    here = normal(3, 1000, 9, dtype=dtype)
    there = normal(3, 1000, 9, dtype=dtype, device="cuda", compile=compile).cpu()
    assert torch.allclose(here, there, rtol=0, atol=16 * torch.finfo(dtype).eps)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_hashes_to_the_same_integers() -> None:
    words = []
    for device in ("cpu", "cuda"):
        w = torch.empty(2, 2**16, dtype=torch.int32, device=device).unbind()
        row, column = noise._places(2**8, 2**8, 2**16, w[0].device)
        parameters = torch.tensor([*noise._key(-5, 0, 0), -3, 8], dtype=torch.int32, device=device)
        noise._hashed(*w, row, column, parameters)
        words.append(torch.stack(w).cpu())
    assert torch.equal(*words)


# --- the law -----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[torch.float32, torch.float64], ids=str)
def million(request: pytest.FixtureRequest) -> Tensor:
    return normal(2026, 2**15, 64, dtype=request.param).double()


@pytest.mark.parametrize("k", range(1, 9))
def test_moments_to_order_8_are_those_of_the_normal_law(million: Tensor, k: int) -> None:
    def exact(order: int) -> float:
        return math.prod(range(1, order, 2)) if order % 2 == 0 else 0.0

    error = math.sqrt((exact(2 * k) - exact(k) ** 2) / million.numel())
    assert abs((million**k).mean().item() - exact(k)) < 5 * error


@pytest.mark.parametrize("z", [0.5, 1.0, 2.0, 3.0, 4.0, 4.5])
def test_tails_hold_what_the_normal_law_says(million: Tensor, z: float) -> None:
    p = float(stats.norm.sf(z))
    expected, n = p * million.numel(), million.numel()
    for count in ((million > z).sum(), (million < -z).sum()):
        assert abs(count.item() - expected) < 5 * math.sqrt(n * p * (1 - p)) + 1


@pytest.mark.parametrize("z", [5.0, 6.0, 6.5])
def test_the_lattice_of_radii_keeps_the_far_tail(z: float) -> None:
    """P(ε > z) by summing over every radius that can pass z, in float32 arithmetic."""
    inside = int(math.exp(-(z**2) / 2) * 2**39) + 1
    stride = max(1, inside // 10**6)
    place = torch.arange(stride // 2, inside, stride, dtype=torch.float64)
    u = ((place / 256).floor().float() + ((place % 256).float() + 0.5) * 2**-8) * 2.0**-31
    radius = torch.sqrt(-2 * torch.log(u)).double()
    beyond = torch.acos((z / radius).clamp(max=1)) / math.pi
    tail = beyond.sum().item() * stride / 2**39
    assert tail == pytest.approx(float(stats.norm.sf(z)), rel=5e-3)


def test_kolmogorov_and_smirnov_find_no_other_law(million: Tensor) -> None:
    assert stats.kstest(million.flatten().numpy(), "norm").pvalue > 1e-4


def test_bins_of_equal_probability_fill_evenly(million: Tensor) -> None:
    bins = (torch.special.ndtr(million.flatten()) * 1024).long()
    assert stats.chisquare(torch.bincount(bins, minlength=1024).numpy()).pvalue > 1e-4


@pytest.mark.parametrize("power", [1, 2])
def test_members_coordinates_and_lags_are_uncorrelated(million: Tensor, power: int) -> None:
    x = million**power
    x = (x - x.mean()) / x.std()
    n, d = x.shape
    columns = (x.T @ x / n - torch.eye(d)).abs()
    columns.fill_diagonal_(0)
    some = x[: 2 * d].T / math.sqrt(d)
    members = (some.T @ some).fill_diagonal_(0).abs()
    assert columns.max() < 5.5 / math.sqrt(n)  # the largest of 2016 correlations
    assert members.max() < (5.5 if power == 1 else 12) / math.sqrt(d)
    for lag in (1, 2, 15, 16, 17, 32):
        assert abs((x[lag:] * x[:-lag]).mean()) < 5 / math.sqrt((n - lag) * d)
        assert abs((x[:, lag:] * x[:, :-lag]).mean()) < 5 / math.sqrt(n * (d - lag))


@pytest.mark.parametrize("other", [1, 2, -1, 2**31, 2**32, 2**32 + 1, 2**63 - 1, -(2**63)])
def test_seeds_are_uncorrelated(other: int) -> None:
    x, y = (normal(seed, 2**10, 64).double() for seed in (0, other))
    for power in (1, 2):
        a, b = x**power - x.pow(power).mean(), y**power - y.pow(power).mean()
        assert abs((a * b).mean() / (a.std() * b.std())) < 5 / math.sqrt(x.numel())
    lagged = (x[1:] * y[:-1]).mean()
    assert abs(lagged) < 5 / math.sqrt(x.numel())


# --- sources of noise ------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_source_repeats_itself_and_follows_dtype(source, dtype) -> None:
    eps = source(-3, 64, 5, dtype=dtype)
    assert eps.shape == (64, 5) and eps.dtype == dtype and eps.isfinite().all()
    assert torch.equal(eps, source(-3, 64, 5, dtype=dtype))
    assert not torch.equal(eps, source(-4, 64, 5, dtype=dtype))


@pytest.mark.parametrize("source", SOURCES)
def test_rows_of_every_source_are_standard_normal_one_by_one(source) -> None:
    n, d = 16, 3
    eps = torch.stack([source(seed, n, d, dtype=torch.float64) for seed in range(500)])
    for row in (0, 1, n - 1):
        assert stats.kstest(eps[:, row].flatten().numpy(), "norm").pvalue > 1e-4
        correlation = torch.corrcoef(eps[:, row].T) - torch.eye(d)
        assert correlation.abs().max() < 5 / math.sqrt(len(eps))


def test_mirrored_rows_cancel_in_pairs() -> None:
    eps = mirrored(1, 10, 4)
    assert torch.equal(eps[::2], -eps[1::2]) and torch.equal(eps[::2], normal(1, 5, 4))


def test_orthogonal_rows_are_at_right_angles_with_the_lengths_of_normals() -> None:
    eps = orthogonal(1, 4096, 8, dtype=torch.float64)
    blocks = eps.view(-1, 8, 8)
    product = blocks @ blocks.mT
    assert (product - torch.diag_embed(product.diagonal(dim1=1, dim2=2))).abs().max() < 1e-12
    assert stats.kstest(eps.pow(2).sum(1).numpy(), "chi2", args=(8,)).pvalue > 1e-4


@pytest.mark.parametrize("power", [2, 4])
def test_lengths_of_orthogonal_rows_do_not_depend_on_their_directions(power: int) -> None:
    blocks = orthogonal(1, 90_000, 3, dtype=torch.float64).view(-1, 3, 3) ** power
    error = blocks.std(0) / math.sqrt(len(blocks))
    assert ((blocks.mean(0) - (1 if power == 2 else 3)).abs() < 5 * error).all()


def test_a_latin_hypercube_has_one_row_in_each_stratum() -> None:
    eps = latin_hypercube(1, 100, 7, dtype=torch.float64)
    place = torch.special.ndtr(eps) * 100
    strata = place.long().sort(dim=0).values
    assert torch.equal(strata, torch.arange(100)[:, None].expand(100, 7))
    assert stats.kstest((place % 1).flatten().numpy(), "uniform").pvalue > 1e-4


def test_sobol_points_fill_every_elementary_interval() -> None:
    u = torch.special.ndtr(sobol(1, 256, 2, dtype=torch.float64))
    assert torch.allclose(u * 2**30 % 1, torch.tensor(0.5).double(), atol=1e-6)  # never 0 or 1
    for k in range(9):
        cells = (u[:, 0] * 2**k).long() * 2 ** (8 - k) + (u[:, 1] * 2 ** (8 - k)).long()
        assert len(cells.unique()) == 256


@pytest.mark.parametrize("source", [mirrored, latin_hypercube, sobol])
def test_a_source_beats_independent_noise_where_it_says_so(source) -> None:
    """The mean of an odd, additive function: exactly what these three balance."""

    def spread(draw: Callable[..., Tensor]) -> Tensor:
        means = [draw(s, 64, 2, dtype=torch.float64).pow(3).sum(1).mean() for s in range(100)]
        return torch.stack(means).var()

    assert spread(source) < spread(normal) / 5


# --- bad input -------------------------------------------------------------------------------

BAD: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: normal(1.5, 2, 2), TypeError, r"integer, got 1\.5; int\(seed\)"),
    (lambda: normal(2**63, 2, 2), ValueError, "more than 64 bits; take one in"),
    (lambda: sobol(2**63, 2, 2), ValueError, "more than 64 bits; take one in"),
    (lambda: normal(0, -1, 2), ValueError, r"members = range\(0, -1\); wanted 0 <= start"),
    (lambda: normal(0, range(0, 9, 2), 2), ValueError, "step 1; call once for each"),
    (lambda: normal(0, 2, range(-1, 2)), ValueError, r"coordinates = range\(-1, 2\)"),
    (lambda: normal(0, range(2**63, 2**63 + 1), 1), ValueError, r"<= 2\*\*63"),
    (lambda: normal(0, 2, 2.0), TypeError, r"number or a range, got 2\.0"),
    (lambda: normal(0, 2, 2, dtype=torch.float16), TypeError, "float16; convert afterwards"),
    (lambda: normal(0, 2, 2, dtype=torch.int64), TypeError, "float32 or float64"),
    (lambda: normal(0, 2, 2, out=torch.empty(2, 3)), ValueError, r"\(2, 3\).*\(2, 2\)"),
    (
        lambda: normal(0, 2, 2, out=torch.empty(2, 2), dtype=torch.float32),
        ValueError,
        "out sets dtype",
    ),
    (lambda: normal(0, 1, 1, out=torch.ones(1, 1, requires_grad=True)), ValueError, "detach"),
    (lambda: mirrored(0, 3, 2), ValueError, "n = 3 is odd.*take n = 4"),
]


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_names_the_value_and_the_remedy(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


def test_small_requests_are_rows_of_large_ones_and_nobody_elses_memory() -> None:
    """They come from pages that are kept: across the edges of pages, and after overwriting."""
    whole = normal(3, 4000, range(5, 8), dtype=torch.float64)
    for rows in (range(0, 1), range(670, 700), range(3990, 4000)):
        for _ in range(2):
            some = normal(3, rows, range(5, 8), dtype=torch.float64)
            assert torch.equal(some, whole[rows.start : rows.stop])
            some.zero_()
    end = normal(0, range(2**63 - 3, 2**63), 2)
    assert torch.equal(end[1:], normal(0, range(2**63 - 2, 2**63), 2))
    with torch.inference_mode():
        normal(11, 4, 3)
    normal(11, 4, 3).requires_grad_().sum().backward()  # a page made there serves here


@pytest.mark.parametrize("source", [noise.latin_hypercube, noise.sobol])
def test_other_sources_give_floating_numbers_alone(source: Callable) -> None:
    with pytest.raises(TypeError, match=r"float32 or float64, not torch.int64"):
        source(0, 4, 2, dtype=torch.int64)
