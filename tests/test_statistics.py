"""Statistics against mathematics: the ledger's exact rows, merging, coverage, error bars."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from smoothlib import (
    L1,
    BallThrow,
    BallWall,
    Heaviside,
    Objective,
    PassFailBar,
    Quadratic,
    TopHat,
)
from smoothlib.ascent import annealed, ascend
from smoothlib.estimators import (
    antithetic,
    finite_difference,
    first_order,
    leave_one_out,
    optimal,
    zero_order,
)
from smoothlib.reductions import reduction_table
from smoothlib.statistics import (
    Estimate,
    bias_against_truth,
    bias_exact,
    confidence_radius,
    empirical_bernstein_interval,
    estimate,
    leave_one_out_variance,
    normal_interval,
    optimal_baseline,
    rmse,
    summarise,
    sweep,
    variance_exact,
    variance_measured,
    zero_order_variance,
)
from tests.problems import PROBLEMS, SEVERAL, Problem, Several

WALL = BallWall()
HAT = TopHat(0.02, 0.08, 0.2)
BAR = PassFailBar(h_b=3.0)

# Ledger D.9: F, ∇F, first-order mean and variance; the variances of zero-order, of that with
# f(θ), b* and the variance with it; the antithetic pair's. By quadrature and by closed form.
LEDGER = [
    (Quadratic(), "0.7 0.3", "0.29 0.7 0.7 0.09 2.71944444444 1.3175 0.38 1.115 0.98"),
    (Quadratic(), "1.5 0.5", "1.25 1.5 1.5 0.25 13.875 5.4375 1.5 4.875 4.5"),
    (Quadratic(), "-0.4 1.0", "0.58 -0.4 -0.4 1 4.3164 4.07 1.58 1.82 0.32"),
    (L1(), "0.0 0.5", "0.398942280401 0 0 1 3 3 0.797884560803 0.45352091053 0"),
    (
        L1(),
        "0.3 0.5",
        "0.468672732242 0.4514937645 0.4514937645 0.796153380618 3.15615338062 1.5915997763 "
        "0.801897335134 0.583996036241 0.148488348487",
    ),
    (
        L1(),
        "-1.0 0.25",
        "1.00000357263 -0.999936657516 -0.999936657516 0.000126680955062 18.000126681 "
        "1.99787107321 1.00007048774 1.99787099371 1.99773820782",
    ),
    (
        Heaviside(),
        "0.0 0.5",
        "0.5 0.797884560803 0 0 1.36338022763 1.36338022763 0.5 0.363380227632 0.363380227632",
    ),
    (
        Heaviside(),
        "0.3 0.5",
        "0.72574688225 0.666449205784 0 0 1.65909393817 1.45259697405 0.525812120515 "
        "0.553180393849 0.504221215081",
    ),
    (
        Heaviside(),
        "-1.0 0.5",
        "0.0227501319482 0.107981933026 0 0 0.511268162038 0.511268162038 0.130732064975 "
        "0.442904670788 0.249804032089",
    ),
    (
        Heaviside(),
        "0.25 0.1",
        "0.993790334674 0.175283004936 0 0 94.9662342122 4.97231752415 0.94996958344 "
        "4.72201326604 2.47079669617",
    ),
    (
        BallThrow(),
        "0.6 0.1",
        "16.4243847271 -11.2365261462 -11.2365261462 2.70396212555 26693.246212 260.107815111 "
        "16.2601408799 254.028068678 250.008537578",
    ),
    (
        BallThrow(),
        "1.2 0.3",
        "6.92826201605 -17.8205403831 -17.8205403831 5.61294138922 1028.67117825 596.879092796 "
        "6.3047184346 587.010350034 580.90618184",
    ),
    (
        BallThrow(),
        "0.3 1.0",
        "11.5888174199 -3.58484131809 -3.58484131809 164.809506882 120.130695199 485.197818181 0 "
        "120.130695199 11.7068274414",
    ),
    (
        WALL,
        "0.6 0.1",
        "5.02226618334 0.67459781651 -0.047593403085 0.746172612736 2855.89138901 149.932133386 "
        "5.20595925562 145.690211888 74.738525586",
    ),
    (
        WALL,
        "0.9 0.1",
        "8.830348883 20.3631101445 -9.84369681687 64.7992636207 5695.18450635 2768.44327943 "
        "7.39318072078 229.272389337 181.722161275",
    ),
    (
        WALL,
        "1.1 0.2",
        "7.60252675735 -7.76269756108 -13.5717515355 59.0427660004 815.659978458 678.746536469 "
        "4.83780118934 230.551969769 73.8369291805",
    ),
    (
        WALL,
        "1.4 0.05",
        "3.37561154639 -18.777853175 -18.7176960394 18.5361833728 4928.96136563 635.644172212 "
        "3.27840200016 629.793495774 616.384814681",
    ),
    (
        WALL,
        "0.3 0.5",
        "5.42988342252 1.00374808493 -2.00940085804 31.7516752319 154.90155729 39.1575587184 "
        "5.39359996429 38.5378749908 17.5825576669",
    ),
    (
        WALL,
        "0.8 1.0",
        "2.18821694797 -4.51299301617 -7.06241983281 90.5985496847 90.0030650623 156.358006832 "
        "-4.13549417697 72.9007529745 49.0495853379",
    ),
    (
        BAR,
        "0.5 0.2",
        "0.0305796134131 0.345648144869 0 0 3.88087634994 3.88087634994 0.1600139596 "
        "3.24076466827 1.88070185494",
    ),
    (
        BAR,
        "0.9 0.1",
        "0.600760049273 3.86149229471 0 0 35.3059174334 34.8718370824 0.502170401755 "
        "10.0884061935 9.98035717015",
    ),
    (
        BAR,
        "1.2 0.5",
        "0.726085851929 0.563683574529 0 0 1.39685881215 1.96766284346 0.428649496086 "
        "0.661897250171 0.410091451936",
    ),
    (
        HAT,
        "0.05 0.01",
        "0.199460040787 0 0 0 388.283645386 11.716354614 0.194141822693 11.3731722004 0",
    ),
    (
        HAT,
        "0.05 0.05",
        "0.0902987529 0 0 0 0.825987856475 15.1740121435 0.0103248482059 0.783346860285 0",
    ),
    (
        HAT,
        "0.12 0.03",
        "0.0181564318785 -1.08311863786 0 0 12.3522464151 12.3522464151 0.0608642657946 "
        "8.23618102543 5.58955021571",
    ),
]

SAMPLED = {
    "first_order": first_order,
    "zero_order": zero_order,
    "finite_difference": finite_difference,
    "optimal": partial(zero_order, baseline=optimal),
    "antithetic": antithetic,
}
KNOWN = {name: case for name, case in SEVERAL.items() if name != "2 camel + saddle"}
every_case = pytest.mark.parametrize("case", KNOWN.values(), ids=KNOWN.keys())
every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())


def normals(n: int, d: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def point(*x: float) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


def last_digit(printed: str) -> float:
    """One unit of the last of 12 significant digits, or of rounding beside values of order 1."""
    value = abs(float(printed))
    return max(10.0 ** (math.floor(math.log10(value)) - 11), 2e-15) if value else 1e-13


# --- exact --------------------------------------------------------------------------------


@pytest.mark.parametrize(("f", "where", "row"), LEDGER, ids=lambda x: str(x)[:40])
def test_a_row_of_the_ledger_to_the_digits_printed(
    f: Callable[[Tensor], Tensor], where: str, row: str
) -> None:
    theta, sigma = (float(x) for x in where.split())
    at = point(theta)
    v = variance_exact(f, at, sigma)
    found = (
        f.smoothed(at, sigma),
        f.smoothed_grad(at, sigma),
        f.smoothed_grad(at, sigma) + bias_exact(f, at, sigma),
        v.first_order,
        v.zero_order,
        v.finite_difference,
        optimal_baseline(f, at, sigma),
        v.optimal,
        v.antithetic,
    )
    scale = max(1.0, float(v.zero_order) * 1e-3, float(v.optimal))
    for value, printed in zip(found, row.split(), strict=True):
        tolerance = max(last_digit(printed), 1e-13 * scale)
        assert float(value) == pytest.approx(float(printed), rel=0, abs=tolerance)


@every_problem
@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("sigma", (0.1, 0.7))
def test_exact_variances_agree_with_those_of_samples(
    problem: Problem, name: str, sigma: float
) -> None:
    breaks = problem.breaks()
    theta = point(float(breaks[0]) + 0.6 * sigma if len(breaks) else 0.9)
    rows = SAMPLED[name](problem.f, theta, sigma, normals(40_000))
    found = variance_measured(rows)
    truth = float(getattr(variance_exact(problem.f, theta, sigma), name))
    error = 5 * float(found.standard_error) + 1e-12
    assert float(found.mean) == pytest.approx(truth, rel=1e-9, abs=error)


@every_case
@pytest.mark.parametrize("name", SAMPLED)
def test_exact_variances_and_biases_hold_in_several_dimensions(case: Several, name: str) -> None:
    theta = torch.linspace(0.3, 0.8, case.d).double()
    rows = SAMPLED[name](case.f, theta, 0.4, normals(40_000, case.d))
    found = variance_measured(rows)
    truth = getattr(variance_exact(case.f, theta, 0.4), name)
    assert bool(((found.mean - truth).abs() <= 5 * found.standard_error + 1e-9).all())
    mean = case.f.smoothed_grad(theta, 0.4)
    if name == "first_order":
        mean = mean + bias_exact(case.f, theta, 0.4)
    error = (found.mean / len(rows)).sqrt()
    assert bool(((rows.mean(0) - mean).abs() <= 5 * error + 1e-9).all())


@pytest.mark.parametrize("baseline", (-3.0, 0.0, 7.39, 12.0))
def test_any_constant_baseline_costs_its_squared_distance_from_the_best(baseline: float) -> None:
    at, sigma = point(0.9), 0.1
    best = float(optimal_baseline(WALL, at, sigma))
    found = float(zero_order_variance(WALL, at, sigma, baseline))
    least = float(variance_exact(WALL, at, sigma).optimal)
    assert found == pytest.approx(least + (baseline - best) ** 2 / sigma**2, rel=1e-9)


def test_leave_one_out_has_the_variance_that_theory_says() -> None:
    def parabola(x: Tensor) -> Tensor:
        return x[..., 0] ** 2

    exact = float(leave_one_out_variance(2.0 * Quadratic(), point(1.0), 0.5, 32))
    assert exact == pytest.approx(0.336694, abs=5e-7)
    eps = normals(32 * 20_000).reshape(20_000, 32, 1)
    x = 1 + 0.5 * eps
    values = parabola(x)
    others = (values.sum(1, keepdim=True) - values) / 31
    means = ((values - others) * eps[..., 0] / 0.5).mean(1)
    rows = zero_order(parabola, point(1.0), 0.5, eps[0], leave_one_out)
    assert float(rows.mean()) == pytest.approx(float(means[0]))
    found = variance_measured(means)
    assert float(found.mean) == pytest.approx(exact, abs=5 * float(found.standard_error))


@pytest.mark.parametrize("n", (2, 3))
def test_leave_one_out_has_that_variance_over_all_batches_there_are(n: int) -> None:
    """Exactly: by the Gauss-Hermite product over the n samples of a batch."""
    x, w = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(8))
    batches = torch.cartesian_prod(*[x] * n)
    weight = torch.cartesian_prod(*[w / w.sum()] * n).prod(-1)
    f, theta, sigma = Quadratic(2.0, offset=1.5), point(0.7), 0.6
    rows = [zero_order(f, theta, sigma, eps[:, None], leave_one_out) for eps in batches]
    means = torch.stack([row.mean() for row in rows])
    exact = float(weight @ means**2 - (weight @ means) ** 2)
    found = float(leave_one_out_variance(f, theta, sigma, n))
    assert found == pytest.approx(exact, rel=1e-12)


def test_exact_variances_take_a_grid_of_points_and_widths() -> None:
    theta, sigma = torch.linspace(0, 1.5, 7).double()[:, None, None], point(0.1, 0.4, 1.0)
    grid = variance_exact(WALL, theta, sigma)
    for i in range(7):
        for j in range(3):
            alone = variance_exact(WALL, theta[i, 0], float(sigma[j]))
            for whole, one in zip(grid, alone, strict=True):
                assert whole.shape == (7, 3, 1)
                torch.testing.assert_close(whole[i, j], one, rtol=1e-10, atol=1e-12)
    assert bias_exact(WALL, theta, sigma).shape == (7, 3, 1)
    assert leave_one_out_variance(WALL, theta, sigma, 5).shape == (7, 3, 1)


# --- from samples -------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", ([10], [1] * 10, [3, 7], [9, 1], [2, 5, 3]))
def test_rows_in_any_chunks_have_their_mean_and_standard_error(sizes: list[int]) -> None:
    rows = normals(10, 3)
    found = summarise(rows.split(sizes))
    torch.testing.assert_close(found.mean, rows.mean(0))
    torch.testing.assert_close(found.standard_error, rows.std(0) / math.sqrt(10))
    torch.testing.assert_close(found.variance, rows.var(0))
    assert found.n == 10


@pytest.mark.parametrize("dtype", (torch.float32, torch.float64))
def test_a_large_offset_costs_no_digit_of_the_error(dtype: torch.dtype) -> None:
    rows = (normals(10_000) * 64).round().to(dtype)  # exact in float32, offset included
    moved = summarise((rows + 2**20).split(100))
    assert moved.mean.dtype == dtype
    torch.testing.assert_close(moved.standard_error, summarise([rows]).standard_error)


def test_a_million_rows_of_single_precision_keep_their_mean() -> None:
    found = summarise(torch.full((1_000, 1), 0.1) for _ in range(1_000))
    assert float(found.mean) == pytest.approx(0.1, rel=1e-6) and found.n == 1_000_000
    assert float(found.standard_error) == 0


def test_variance_measured_and_its_error_of_three_rows_by_hand() -> None:
    found = variance_measured(point(0.0, 0.0, 3.0)[:, None])
    assert float(found.mean) == pytest.approx(3)  # squares 1, 1, 4
    assert float(found.standard_error) == pytest.approx(math.sqrt(2 / 3)) and found.n == 3


def test_variance_measured_is_unbiased_and_so_is_its_error() -> None:
    found = torch.stack(
        [torch.stack(variance_measured(normals(200, seed=s))[:2]) for s in range(2_000)]
    )
    variances, errors = found[:, 0, 0], found[:, 1, 0]
    assert float(variances.mean()) == pytest.approx(1, abs=5 * math.sqrt(2 / 200 / 2_000))
    assert float(errors.mean()) == pytest.approx(float(variances.std()), rel=0.1)


@pytest.mark.parametrize("estimator", (finite_difference, antithetic, first_order))
def test_an_estimate_does_not_depend_on_the_size_of_its_chunks(
    estimator: Callable[..., Tensor],
) -> None:
    whole = estimate(WALL, point(0.9), 0.1, 301, 3, estimator, chunk=10_000)
    assert whole.n == 301
    for chunk in (1, 7, 150, 300, None):
        parts = estimate(WALL, point(0.9), 0.1, 301, 3, estimator, chunk)
        torch.testing.assert_close(parts.mean, whole.mean, rtol=1e-12, atol=0)
        torch.testing.assert_close(parts.standard_error, whole.standard_error, rtol=1e-10, atol=0)


def test_an_estimate_is_the_mean_of_its_rows_and_the_seed_its_noise() -> None:
    one, again, other = (estimate(WALL, point(0.9), 0.1, 4_000, seed) for seed in (1, 1, 2))
    assert torch.equal(one.mean, again.mean) and not torch.equal(one.mean, other.mean)
    apart = float(
        (one.mean - other.mean) / (one.standard_error**2 + other.standard_error**2).sqrt()
    )
    assert abs(apart) < 5


def test_an_estimate_holds_one_chunk_at_a_time() -> None:
    seen: list[int] = []

    def watching(f: object, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
        seen.append(eps.numel())
        return eps

    found = estimate(WALL, torch.zeros(100).double(), 0.1, 50_000, 0, watching)
    assert sum(seen) == 50_000 * 100 and max(seen) <= 2**18 and len(seen) > 20
    assert bool((found.mean.abs() < 5 / math.sqrt(50_000)).all())


@pytest.mark.parametrize("baseline", (leave_one_out,))
def test_an_estimate_takes_baselines_that_need_company(baseline: Callable[..., Tensor]) -> None:
    estimator = partial(zero_order, baseline=baseline)
    found = estimate(WALL, point(0.9), 0.1, 2_001, 0, estimator, chunk=10)
    bias = bias_against_truth(found, WALL, point(0.9), 0.1)
    assert abs(float(bias.mean)) < 5 * float(bias.standard_error)


def test_the_fewest_samples_asked_for_are_enough() -> None:
    company = partial(zero_order, baseline=leave_one_out)
    assert estimate(WALL, point(0.9), 0.1, 2, 0, company).n == 2
    assert summarise([point(1.0, 3.0)[:, None]]).standard_error.tolist() == [1.0]
    assert variance_measured(point(1.0, 3.0)[:, None]).mean.tolist() == [2.0]
    assert bool(leave_one_out_variance(WALL, point(0.9), 0.1, 2) > 0)
    assert float(rmse(point(3.0, 4.0), point(0.0, 0.0), 1)) == 5
    assert bool((reduction_table(Quadratic(), point(0.9), 0.1, 4, repeats=2).rmse > 0).all())
    assert annealed(0.3, 0.1, 2).tolist() == pytest.approx([0.3, 0.1])


def test_a_point_larger_than_a_chunk_is_sampled_two_at_a_time() -> None:
    seen: list[int] = []

    def watching(f: object, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
        seen.append(len(eps))
        return eps[:, :1]

    estimate(WALL, torch.zeros(2**17), 0.1, 6, 0, watching)
    assert seen == [2, 2, 2]


def test_a_bias_wears_its_error_bar() -> None:
    found = estimate(WALL, point(0.9), 0.1, 20_000, 0, first_order)
    bias = bias_against_truth(found, WALL, point(0.9), 0.1)
    exact = float(bias_exact(WALL, point(0.9), 0.1))
    assert exact == pytest.approx(-30.206806961324542, rel=1e-12)
    assert float(bias.mean) == pytest.approx(exact, abs=5 * float(bias.standard_error))
    assert torch.equal(bias.standard_error, found.standard_error) and bias.n == 20_000


def test_rmse_is_the_distance_from_the_truth_over_many_repeats() -> None:
    f, theta, n = Quadratic(offset=1.0), point(0.7, -0.4), 10
    truth, v = f.smoothed_grad(theta, 0.5), variance_exact(f, theta, 0.5).finite_difference
    eps = normals(n * 20_000, 2)
    means = finite_difference(f, theta, 0.5, eps).reshape(20_000, n, 2).mean(1)
    for shift in (0.0, 3.0):
        squares = ((means + shift - truth) ** 2).sum(-1)
        error = 5 * float(squares.std()) / math.sqrt(20_000)
        exact = float(rmse(torch.full((2,), shift).double(), v, n))
        assert exact**2 == pytest.approx(float(squares.mean()), abs=error)


def test_a_sweep_is_estimates_beside_the_truth() -> None:
    theta, sigma = point(0.3, 0.9, 1.2)[:, None], point(0.1, 0.5)
    table = sweep(WALL, theta, sigma, (10, 50), seed=4, estimator=antithetic)
    assert all(part.shape == (3, 2, 2, 1) for part in table)
    for i in range(3):
        for j in range(2):
            for k, n in enumerate((10, 50)):
                alone = estimate(WALL, theta[i], float(sigma[j]), n, 4, antithetic)
                torch.testing.assert_close(table.mean[i, j, k], alone.mean)
                torch.testing.assert_close(table.standard_error[i, j, k], alone.standard_error)
                truth = WALL.smoothed_grad(theta[i], float(sigma[j]))
                torch.testing.assert_close(table.truth[i, j, k], truth)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_estimate_is_the_same_on_cuda() -> None:
    here, there = (
        estimate(WALL, point(0.9).to(device), 0.1, 100_000, 5, antithetic)
        for device in ("cpu", "cuda")
    )
    assert there.mean.is_cuda
    torch.testing.assert_close(there.mean.cpu(), here.mean, rtol=1e-9, atol=0)
    torch.testing.assert_close(there.standard_error.cpu(), here.standard_error, rtol=1e-9, atol=0)


# --- intervals ----------------------------------------------------------------------------


def coverage(
    interval: Callable[[Estimate], tuple[Tensor, Tensor]], rows: Tensor, truth: float
) -> float:
    """The share of the batches, (repeats, n), whose interval holds the truth."""
    n = rows.shape[1]
    found = Estimate(rows.mean(1), rows.std(1) / math.sqrt(n), n)
    low, high = interval(found)
    return float(((low <= truth) & (truth <= high)).double().mean())


@pytest.mark.parametrize("confidence", (0.5, 0.8, 0.95, 0.99))
@pytest.mark.parametrize("theta", (0.6, 0.9))
def test_a_normal_interval_covers_as_often_as_it_says(confidence: float, theta: float) -> None:
    repeats, n = 2_000, 500
    rows = finite_difference(BallThrow(), point(theta), 0.2, normals(repeats * n))
    truth = float(BallThrow().smoothed_grad(point(theta), 0.2))
    found = coverage(lambda e: normal_interval(e, confidence), rows.reshape(repeats, n), truth)
    spread = math.sqrt(confidence * (1 - confidence) / repeats)
    assert found == pytest.approx(confidence, abs=4 * spread + 0.003)


@pytest.mark.parametrize("n", (5, 50, 500))
@pytest.mark.parametrize("theta", (0.3, 0.6, 0.9))
def test_a_bernstein_interval_covers_at_least_as_often_as_it_says(n: int, theta: float) -> None:
    repeats = 2_000
    rows = first_order(WALL, point(theta), 0.1, normals(repeats * n)).reshape(repeats, n)
    truth = float(WALL.smoothed_grad(point(theta), 0.1) + bias_exact(WALL, point(theta), 0.1))
    found = coverage(lambda e: empirical_bernstein_interval(e, 20.0, 0.9), rows, truth)
    assert found >= 0.9


def test_where_jumps_are_rare_the_normal_interval_fails_and_bernsteins_holds() -> None:
    repeats, n, sigma = 2_000, 50, 0.1
    rows = first_order(WALL, point(0.65), sigma, normals(repeats * n)).reshape(repeats, n)
    truth = float(WALL.smoothed_grad(point(0.65), sigma) + bias_exact(WALL, point(0.65), sigma))
    assert coverage(lambda e: normal_interval(e, 0.9), rows, truth) < 0.7
    assert coverage(lambda e: empirical_bernstein_interval(e, 20.0, 0.9), rows, truth) >= 0.9


def test_bernsteins_interval_is_that_of_maurer_and_pontil() -> None:
    found = Estimate(point(1.0), point(0.2), 101)
    low, high = empirical_bernstein_interval(found, 3.0, 0.95)
    log = math.log(2 / (0.05 / 2))
    reach = math.sqrt(2 * (101 * 0.04) * log / 101) + 7 * 3.0 * log / (3 * 100)
    assert (float(low), float(high)) == pytest.approx((1 - reach, 1 + reach))


def test_intervals_are_of_95_percent_unless_told() -> None:
    found = Estimate(point(1.0), point(0.2), 101)
    low, _ = normal_interval(found)
    assert float(low) == pytest.approx(1 - 0.2 * 1.959963984540054)
    assert float(confidence_radius(found)) == pytest.approx(0.2 * 1.959963984540054)
    plane = Estimate(point(0.0, 0.0), point(3.0, 4.0), 9)  # Bonferroni: 97.5 percent each
    assert float(confidence_radius(plane)) == pytest.approx(5 * 2.2414027276049464)
    narrow = empirical_bernstein_interval(found, 0.5)
    assert narrow == empirical_bernstein_interval(found, 0.5, 0.95)


@pytest.mark.parametrize("d", (1, 5))
def test_a_confidence_radius_holds_all_coordinates_at_once(d: int) -> None:
    repeats, n, theta = 1_000, 300, torch.linspace(0.5, 1, d).double()
    kept = 0
    for seed in range(repeats):
        rows = finite_difference(Quadratic(), theta, 0.3, normals(n, d, seed))
        found = summarise([rows])
        kept += bool((found.mean - theta).norm() <= confidence_radius(found, 0.9))
    assert kept / repeats >= 0.9 - 3 * math.sqrt(0.09 / repeats)
    assert d > 1 or kept / repeats <= 0.9 + 3 * math.sqrt(0.09 / repeats)


# --- ascent ---------------------------------------------------------------------------------


def test_ascent_is_the_recurrence_of_plain_steps() -> None:
    start = point(1.0, -2.0)
    path = ascend(
        start, lambda x, s, k: -x * s + float(k), [0.5, 0.1], partial(torch.optim.SGD, lr=0.1)
    )
    first = start + 0.1 * (-start * 0.5)
    torch.testing.assert_close(path, torch.stack((start, first, first + 0.1 * (1 - first * 0.1))))
    assert torch.equal(start, point(1.0, -2.0))


def test_ascent_climbs_with_adam_and_an_estimated_gradient() -> None:
    def uphill(theta: Tensor, sigma: float, step: int) -> Tensor:
        return estimate(WALL, theta, sigma, 200, step, antithetic).mean

    path = ascend(point(0.6), uphill, annealed(0.3, 0.02, 150), partial(torch.optim.Adam, lr=0.02))
    assert float(WALL(path[-1])) > 11


def test_an_annealed_width_falls_by_the_same_factor() -> None:
    sigmas = annealed(0.3, 0.01, 5)
    assert float(sigmas[0]) == pytest.approx(0.3) and float(sigmas[-1]) == pytest.approx(0.01)
    np.testing.assert_allclose(sigmas[1:] / sigmas[:-1], (1 / 30) ** 0.25)


# --- bad input ------------------------------------------------------------------------------

SGD = partial(torch.optim.SGD, lr=0.1)


@pytest.mark.parametrize(
    ("call", "kind", "value", "remedy"),
    [
        (lambda: estimate(WALL, point(0.9), 0.1, 0, 0), ValueError, "n = 0", "at least 2"),
        (lambda: estimate(WALL, point(0.9), 0.1, 1, 0), ValueError, "n = 1", "at least 2"),
        (
            lambda: estimate(WALL, point(0.9), 0.1, 9, 0, chunk=0),
            ValueError,
            "chunk = 0",
            "least 1",
        ),
        (lambda: estimate(WALL, point(0.9), -0.1, 9, 0), ValueError, "-0.1", "positive"),
        (lambda: summarise([]), ValueError, "n = 0", "at least 2"),
        (lambda: summarise([normals(1)]), ValueError, "n = 1", "at least 2"),
        (lambda: variance_measured(normals(1)), ValueError, "n = 1", "at least 2"),
        (lambda: rmse(point(0.0), point(1.0), 0), ValueError, "n = 0", "at least 1"),
        (
            lambda: leave_one_out_variance(WALL, point(0.9), 0.1, 1),
            ValueError,
            "n = 1",
            "at least 2",
        ),
        (lambda: variance_exact(WALL, point(0.9), 0.0), ValueError, "0.0", "positive"),
        (
            lambda: normal_interval(Estimate(point(0.0), point(1.0), 9), 1.0),
            ValueError,
            "confidence = 1.0",
            "between 0 and 1",
        ),
        (
            lambda: empirical_bernstein_interval(Estimate(point(0.0), point(1.0), 9), math.inf),
            ValueError,
            "width = inf",
            "normal_interval",
        ),
        (
            lambda: empirical_bernstein_interval(Estimate(point(0.0), point(1.0), 9), 0.0),
            ValueError,
            "width = 0.0",
            "positive",
        ),
        (
            lambda: reduction_table(WALL, point(0.9), 0.1, 7),
            ValueError,
            "n = 7",
            "even n of at least 4",
        ),
        (
            lambda: reduction_table(WALL, point(0.9), 0.1, 8, repeats=1),
            ValueError,
            "repeats = 1",
            "2 repeats",
        ),
        (lambda: annealed(0.0, 0.1, 5), ValueError, "first = 0.0", "positive"),
        (lambda: annealed(0.3, -0.1, 5), ValueError, "last = -0.1", "positive"),
        (lambda: annealed(0.3, 0.1, 1), ValueError, "steps = 1", "at least 2"),
        (
            lambda: ascend(point(0.9), lambda x, s, k: x.sum(), [0.1], SGD),
            ValueError,
            "shape ()",
            "rows.mean(0)",
        ),
    ],
)
def test_bad_input_names_the_value_and_the_remedy(
    call: Callable[[], object], kind: type[Exception], value: str, remedy: str
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert value in str(caught.value) and remedy in str(caught.value)


# --- 24 ways to reduce a variance -------------------------------------------------------------


def test_the_table_of_reductions_has_the_exact_errors_of_independent_noise() -> None:
    n, f, at = 32, WALL, point(0.9)
    table = reduction_table(f, at, 0.1, n, repeats=150)
    assert table.rmse.shape == table.standard_error.shape == (3, 2, 4)
    exact = variance_exact(f, at, 0.1)
    plain, pairs = (v.double().sqrt() for v in (exact.zero_order / n, exact.antithetic / (n / 2)))
    centred = (exact.finite_difference / n).sqrt()
    others = leave_one_out_variance(f, at, 0.1, n).sqrt()
    for (i, j), truth in {(0, 0): plain, (1, 0): centred, (2, 0): others, (0, 1): pairs}.items():
        error = 5 * float(table.standard_error[i, j, 0])
        assert float(table.rmse[i, j, 0]) == pytest.approx(float(truth), abs=error)
    torch.testing.assert_close(table.rmse[0, 1], table.rmse[1, 1])  # f(θ) cancels in a pair


def test_stratified_noise_beats_independent_noise_in_one_dimension() -> None:
    table = reduction_table(BallThrow(), point(0.6), 0.1, 32, repeats=50)
    assert bool((table.rmse[:, :, 2:] < 0.7 * table.rmse[:, :, :1]).all())


@pytest.mark.parametrize("f", [BallWall(), TopHat(), Heaviside()], ids=lambda f: type(f).__name__)
def test_no_variance_is_negative_where_the_objective_is_flat(f: Objective) -> None:
    theta = torch.linspace(0.05, 1.5, 59, dtype=torch.float64)[:, None]
    for sigma in (0.01, 0.1):
        found = variance_exact(f, theta, sigma)
        for variance in (*found, leave_one_out_variance(f, theta, sigma, 50)):
            assert bool((variance >= 0).all())


def test_a_baseline_for_each_point_is_told_from_one_for_each_pair_of_points() -> None:
    theta = torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None]
    f = Heaviside()
    found = zero_order_variance(f, theta, 0.3, f(theta)[..., None])
    assert found.shape == (5, 1)
    torch.testing.assert_close(found, variance_exact(f, theta, 0.3).finite_difference)
    with pytest.raises(ValueError, match=r"baseline has shape \(5,\)"):
        zero_order_variance(f, theta, 0.3, f(theta))


def test_a_schedule_of_widths_is_finite() -> None:
    with pytest.raises(ValueError, match="first = inf"):
        annealed(math.inf, 1.0, 3)
