"""Estimators against mathematics: exact expectations, Monte Carlo, scipy's distributions."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from torch import Tensor

from smoothlib import BallThrow, BallWall, HeavisideAll, families
from smoothlib.estimators import (
    antithetic,
    batch_mean,
    center,
    estimated_optimal,
    finite_difference,
    first_order,
    gradient_sampling,
    jump_corrected,
    leave_one_out,
    measure_valued,
    minimum_norm,
    no_baseline,
    optimal,
    uniform_boundary,
    zero_order,
)
from smoothlib.mixtures import (
    alpha_order,
    bias_guarded,
    inverse_variance,
    minimum_variance,
    shows_a_jump,
    switched,
)
from smoothlib.statistics import variance_measured
from tests.problems import PROBLEMS, SEVERAL, Problem, Several

WALL = BallWall()
A = torch.tensor([[1.0, 0.5, 0.0], [0.5, 2.0, -0.3], [0.0, -0.3, 0.7]], dtype=torch.float64)
ROOT = torch.tensor([[0.3, 0, 0], [0.2, 0.5, 0], [-0.1, 0.1, 0.4]], dtype=torch.float64)
THETA = torch.tensor([1.0, -0.7, 0.4], dtype=torch.float64)

UNBIASED = {
    "finite_difference": finite_difference,
    "zero_order": zero_order,
    "zero_order, center": partial(zero_order, baseline=center),
    "zero_order, leave_one_out": partial(zero_order, baseline=leave_one_out),
    "zero_order, optimal": partial(zero_order, baseline=optimal),
    "zero_order, estimated_optimal": partial(zero_order, baseline=estimated_optimal),
    "antithetic": antithetic,
    "measure_valued": measure_valued,
    "jump_corrected": jump_corrected,
    "alpha_order, 0": partial(alpha_order, alpha=0.0),
}
FAMILIES = {
    "GAUSSIAN": (families.GAUSSIAN, stats.norm),
    "LOGISTIC": (families.LOGISTIC, stats.logistic(scale=math.sqrt(3) / math.pi)),
    "GUMBEL": (
        families.GUMBEL,
        stats.gumbel_r(-np.euler_gamma * math.sqrt(6) / math.pi, math.sqrt(6) / math.pi),
    ),
    "LAPLACE": (families.LAPLACE, stats.laplace(scale=1 / math.sqrt(2))),
    "CAUCHY": (families.CAUCHY, stats.cauchy),
    "TRIANGULAR": (families.TRIANGULAR, stats.triang(0.5, -math.sqrt(6), 2 * math.sqrt(6))),
    "UNIFORM": (families.UNIFORM, stats.uniform(-math.sqrt(3), 2 * math.sqrt(3))),
}
INFORMATION = {  # Fisher's, of each family with standard deviation 1
    "GAUSSIAN": 1.0,
    "LOGISTIC": math.pi**2 / 9,
    "GUMBEL": math.pi**2 / 6,
    "LAPLACE": 2.0,
    "CAUCHY": 0.5,
    "UNIFORM": 0.0,
}

every_estimator = pytest.mark.parametrize("estimator", UNBIASED.values(), ids=UNBIASED.keys())
KNOWN = {  # a wall repeats and a gripper does not: their difference has no list of jumps
    name: problem for name, problem in PROBLEMS.items() if name != "wall - gripper"
}
every_problem = pytest.mark.parametrize("problem", KNOWN.values(), ids=KNOWN.keys())
every_case = pytest.mark.parametrize("case", SEVERAL.values(), ids=SEVERAL.keys())
every_family = pytest.mark.parametrize("name", FAMILIES)


def normals(n: int, d: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def strata(n: int) -> Tensor:
    """The normal's quantiles at the middles of n equal shares: a quadrature rule for E, (n, 1)."""
    return torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]


def gauss(d: int, nodes: int = 8) -> tuple[Tensor, Tensor]:
    """Nodes (m, d) and weights (m,) whose sums are exact expectations of polynomials."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    points = torch.cartesian_prod(*[torch.from_numpy(x)] * d).reshape(-1, d)
    weights = torch.cartesian_prod(*[torch.from_numpy(w / w.sum())] * d).reshape(-1, d)
    return points, weights.prod(-1)


def point(*x: float) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


def step(x: Tensor) -> Tensor:
    """A Heaviside by comparison: no graph."""
    return (x[..., 0] > 0).to(x.dtype)


def cubic(x: Tensor) -> Tensor:
    """Polynomial, not even, not odd, coupled."""
    return 3 + (x @ A * x).sum(-1) / 2 + x[..., 0] - x.prod(-1) + (x**3).sum(-1) / 4


def smooth_gradient(f: Callable[[Tensor], Tensor], theta: Tensor, root: Tensor) -> Tensor:
    """∇F of a polynomial: the mean of its derivative over Gauss-Hermite nodes."""
    eps, weight = gauss(theta.numel())
    x = (theta + eps @ root.mT).requires_grad_()
    (slope,) = torch.autograd.grad((weight * f(x)).sum(), x)
    return slope.sum(0)


def near_a_break(problem: Problem, sigma: float) -> float:
    """A point from which the noise sees the first jump or kink, off its centre."""
    breaks = problem.breaks()
    return float(breaks[0]) + 0.6 * sigma if len(breaks) else 0.9


def means_agree(rows: Tensor, truth: Tensor, rounding: float = 1e-10) -> None:
    error = rows.std(0) / math.sqrt(len(rows))
    assert bool(((rows.mean(0) - truth).abs() <= 5 * error + rounding).all()), (
        rows.mean(0),
        truth,
        error,
    )


# --- unbiased -----------------------------------------------------------------------------


@every_estimator
@every_problem
@pytest.mark.parametrize("sigma", (0.1, 0.7))
def test_rows_average_to_the_exact_gradient(
    problem: Problem, estimator: Callable[..., Tensor], sigma: float
) -> None:
    theta = point(near_a_break(problem, sigma))
    rows = estimator(problem.f, theta, sigma, normals(20_000))
    means_agree(rows, problem.f.smoothed_grad(theta, sigma))


@pytest.mark.parametrize(
    "estimator", [finite_difference, zero_order, antithetic, first_order], ids=lambda e: e.__name__
)
@pytest.mark.parametrize("sigma", (0.3, ROOT), ids=("number", "covariance"))
def test_the_expectation_is_the_gradient_for_any_width_and_covariance(
    estimator: Callable[..., Tensor], sigma: float | Tensor
) -> None:
    eps, weight = gauss(3)
    root = sigma if isinstance(sigma, Tensor) else sigma * torch.eye(3, dtype=torch.float64)
    mean = weight @ estimator(cubic, THETA, sigma, eps)
    torch.testing.assert_close(mean, smooth_gradient(cubic, THETA, root), rtol=0, atol=1e-11)


@pytest.mark.parametrize("estimator", [measure_valued, uniform_boundary, gradient_sampling])
def test_estimators_with_noise_of_their_own_average_to_the_gradient_in_three_dimensions(
    estimator: Callable[..., Tensor],
) -> None:
    def coupled(x: Tensor) -> Tensor:  # quadratic: its smoothed gradient is A θ for any noise
        return (x @ A * x).sum(-1) / 2

    means_agree(estimator(coupled, THETA, 0.3, normals(20_000, 3)), A @ THETA)


@pytest.mark.parametrize("f", (cubic, step), ids=("smooth", "step"))
def test_measure_valued_averages_to_the_smoothed_gradient(f: Callable[[Tensor], Tensor]) -> None:
    root = 0.4 * torch.eye(3, dtype=torch.float64)
    truth = smooth_gradient(cubic, THETA, root)
    if f is step:
        truth = point(math.exp(-((1 / 0.4) ** 2) / 2) / math.sqrt(math.tau) / 0.4, 0, 0)
    means_agree(measure_valued(f, THETA, 0.4, normals(40_000, 3)), truth)


def test_finite_difference_is_zero_order_with_the_baseline_at_theta() -> None:
    eps = normals(50, 3)
    direct = (cubic(THETA + eps @ ROOT.mT) - cubic(THETA))[:, None] * (eps @ ROOT.inverse())
    torch.testing.assert_close(finite_difference(cubic, THETA, ROOT, eps), direct)


@pytest.mark.parametrize("n", (2, 3))
def test_leave_one_out_is_unbiased_and_the_batch_mean_short_of_one_nth(n: int) -> None:
    """Exact over all batches of n samples: their Gauss-Hermite product."""
    theta, sigma = point(0.7), 0.6
    batches, weight = gauss(n, 6)
    truth = smooth_gradient(lambda x: x[..., 0] ** 3 + 2, theta, torch.full((1, 1), sigma).double())

    def mean(baseline: Callable[..., Tensor]) -> Tensor:
        means = [
            zero_order(lambda x: x[..., 0] ** 3 + 2, theta, sigma, eps[:, None], baseline).mean(0)
            for eps in batches
        ]
        return weight @ torch.stack(means)

    torch.testing.assert_close(mean(leave_one_out), truth)
    torch.testing.assert_close(mean(batch_mean), truth * (n - 1) / n)


def test_the_estimated_optimal_baseline_does_not_see_its_own_sample() -> None:
    values, score = normals(6)[:, 0], normals(6, 2, seed=1)
    found = estimated_optimal(cubic, THETA, torch.tensor(0.3), values, score)
    for k in range(6):
        keep = torch.arange(6) != k
        expected = values[keep] @ score[keep] ** 2 / (score[keep] ** 2).sum(0)
        torch.testing.assert_close(found[k], expected)


def test_an_antithetic_pair_does_not_see_the_even_part() -> None:
    eps = normals(100, 3)

    def odd(x: Tensor) -> Tensor:
        return (x - THETA).sum(-1) ** 3

    def both(x: Tensor) -> Tensor:
        return odd(x) + 1e3 + ((x - THETA) ** 4).sum(-1)

    torch.testing.assert_close(
        antithetic(both, THETA, 0.3, eps), antithetic(odd, THETA, 0.3, eps), rtol=0, atol=1e-9
    )
    assert not antithetic(lambda x: (x**2).sum(-1), torch.zeros(3).double(), 0.3, eps).any()


# --- first-order and its jumps --------------------------------------------------------------


def no_graph(x: Tensor) -> Tensor:
    return torch.where(x[..., 0] > 0, 1.0, 0.0).to(x.dtype)


def someone_elses_graph(x: Tensor) -> Tensor:
    return torch.ones(x.shape[:-1], dtype=x.dtype, requires_grad=True) * 2


@pytest.mark.parametrize("f", (step, no_graph, someone_elses_graph))
def test_first_order_without_a_graph_is_the_zeros_of_the_mathematics(
    f: Callable[[Tensor], Tensor],
) -> None:
    rows = first_order(f, point(0.1), 0.5, normals(7))
    assert rows.shape == (7, 1) and rows.dtype == torch.float64 and not rows.any()


def test_first_order_works_where_gradients_are_off_and_leaves_theta_alone() -> None:
    theta = THETA.clone().requires_grad_()
    with torch.no_grad():
        rows = first_order(cubic, theta, 0.3, normals(5, 3))
    assert theta.grad is None and not rows.requires_grad
    assert not finite_difference(cubic, theta, 0.3, normals(5, 3)).requires_grad


@every_problem
@pytest.mark.parametrize("sigma", (0.1, 0.7))
def test_first_order_averages_to_the_mean_slope_whatever_the_jumps(
    problem: Problem, sigma: float
) -> None:
    theta = near_a_break(problem, sigma)
    truth = problem.expect(problem.slope, theta, sigma)
    means_agree(first_order(problem.f, point(theta), sigma, normals(20_000)), point(truth))


@every_problem
def test_jump_corrected_is_first_order_plus_a_constant(problem: Problem) -> None:
    eps, sigma = normals(100), 0.2
    theta = near_a_break(problem, sigma)
    rows, slope = (e(problem.f, point(theta), sigma, eps) for e in (jump_corrected, first_order))
    missing = float(problem.f.smoothed_grad(point(theta), sigma)) - float(
        problem.expect(problem.slope, theta, sigma)
    )
    torch.testing.assert_close(rows - slope, torch.full_like(rows, missing), rtol=0, atol=1e-8)


@every_case
@pytest.mark.parametrize("estimator", (finite_difference, antithetic, measure_valued))
def test_rows_average_to_the_exact_gradient_in_several_dimensions(
    case: Several, estimator: Callable[..., Tensor]
) -> None:
    theta = torch.linspace(0.3, -0.2, case.d).double()
    rows = estimator(case.f, theta, 0.4, normals(20_000, case.d))
    means_agree(rows, case.f.smoothed_grad(theta, 0.4))


# --- variances that no objective's moments give ------------------------------------------------


def test_a_measure_valued_row_by_hand() -> None:
    (row,) = measure_valued(lambda x: x[..., 0] ** 2 / 2, point(0.7), 0.4, point(1.3)[:, None])
    rayleigh = math.sqrt(-2 * math.log(stats.norm.sf(1.3)))
    assert float(row) == pytest.approx(2 * 0.7 * rayleigh / math.sqrt(math.tau))


@pytest.mark.parametrize("theta", (0.7, -2.0))
def test_measure_valued_variance_of_a_parabola(theta: float) -> None:
    rows = measure_valued(lambda x: x[..., 0] ** 2 / 2, point(theta), 0.4, strata(200_000))
    assert float(rows.var()) == pytest.approx(theta**2 * (4 / math.pi - 1), rel=1e-3)


@pytest.mark.parametrize("z", (0.0, 0.5, -1.3))
def test_measure_valued_variance_at_a_step(z: float) -> None:
    sigma = 0.4
    rows = measure_valued(step, point(z * sigma), sigma, strata(200_000))
    density = math.exp(-(z**2) / 2) / math.sqrt(math.tau)
    truth = (math.exp(-(z**2) / 2) / math.tau - density**2) / sigma**2
    assert float(rows.var()) == pytest.approx(truth, abs=1e-3)


@pytest.mark.parametrize("estimator", (finite_difference, antithetic))
def test_variance_in_many_dimensions_is_d_plus_one_times_the_squared_slope(
    estimator: Callable[..., Tensor],
) -> None:
    d, sigma = 10, 0.3
    theta = torch.linspace(-1, 1, d, dtype=torch.float64)
    rows = estimator(lambda x: (x**2).sum(-1) / 2, theta, sigma, normals(100_000, d))
    found = variance_measured(rows)
    truth = (d + 1) * float(theta @ theta)
    if estimator is finite_difference:
        truth += sigma**2 / 4 * d * (d + 2) * (d + 4)
    error = 5 * float(found.standard_error.norm())
    assert float(found.mean.sum()) == pytest.approx(truth, abs=error)


def test_uniform_boundary_has_no_variance_in_one_dimension() -> None:
    rows = uniform_boundary(WALL, point(0.9), 0.1, normals(9))
    high, low = (float(WALL(point(0.9 + s * 0.1 * math.sqrt(3)))) for s in (1, -1))
    assert rows[:, 0].tolist() == pytest.approx([(high - low) / (0.2 * math.sqrt(3))] * 9)


# --- other families of noise ------------------------------------------------------------------


@every_family
def test_a_familys_quantiles_are_those_of_its_distribution(name: str) -> None:
    family, law = FAMILIES[name]
    eps = torch.linspace(-5, 5, 101, dtype=torch.float64)
    u = stats.norm.sf(-eps.numpy())
    upper = law.isf(stats.norm.sf(eps.numpy()))
    truth = np.where(eps.numpy() < 0, law.ppf(u), upper)
    np.testing.assert_allclose(family.from_normal(eps), truth, rtol=1e-9, atol=1e-12)


@every_family
def test_a_familys_score_is_the_slope_of_its_log_density(name: str) -> None:
    family, law = FAMILIES[name]
    xi = np.linspace(-1.6, 1.7, 40)  # clear of the kinks and of the ends of the support
    h = 1e-5
    slope = -(law.logpdf(xi + h) - law.logpdf(xi - h)) / (2 * h)
    np.testing.assert_allclose(family.score(torch.from_numpy(xi)), slope, rtol=1e-6, atol=1e-6)


@every_family
def test_a_family_has_mean_zero_and_standard_deviation_one(name: str) -> None:
    family, law = FAMILIES[name]
    xi = family.from_normal(strata(400_000))
    if name == "CAUCHY":
        assert float(law.ppf(0.75)) == pytest.approx(1)
    else:
        assert float(xi.mean()) == pytest.approx(0, abs=1e-6)
        assert float(xi.std()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", INFORMATION)
def test_a_constant_costs_the_fisher_information_of_the_family(name: str) -> None:
    rows = zero_order(
        lambda x: 0 * x[..., 0] + 3.0, point(0.2), 0.5, strata(400_000), family=FAMILIES[name][0]
    )
    assert float((rows**2).mean()) == pytest.approx(INFORMATION[name] * 9 / 0.25, rel=1e-3)


@pytest.mark.parametrize("baseline", (no_baseline, center, leave_one_out, estimated_optimal))
@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "UNIFORM"])
def test_zero_order_is_unbiased_under_every_absolutely_continuous_family(
    name: str, baseline: Callable[..., Tensor]
) -> None:
    family, law = FAMILIES[name]
    theta, sigma = 0.3, 0.5
    rows = zero_order(step, point(theta), sigma, strata(400_000), baseline, family)
    truth = law.pdf(-theta / sigma) / sigma
    assert float(rows.mean()) == pytest.approx(truth, abs=5e-3)


@every_family
def test_first_order_serves_every_family_where_f_is_smooth(name: str) -> None:
    family, law = FAMILIES[name]
    rows = first_order(lambda x: x[..., 0].sin(), point(0.3), 0.5, strata(400_000), family)
    truth = law.expect(lambda x: np.cos(0.3 + 0.5 * x), lb=-60, ub=60, limit=500)
    assert float(rows.mean()) == pytest.approx(truth, abs=2e-3)


@pytest.mark.parametrize("name", ["GUMBEL", "LAPLACE", "TRIANGULAR"])
def test_antithetic_pairs_are_unbiased_even_where_the_family_is_skewed(name: str) -> None:
    family, law = FAMILIES[name]
    rows = antithetic(step, point(0.3), 0.5, strata(400_000), family=family)
    assert float(rows.mean()) == pytest.approx(law.pdf(-0.6) / 0.5, abs=5e-3)


def test_uniform_noise_has_no_score_and_all_of_its_gradient_on_the_boundary() -> None:
    rows = zero_order(step, point(0.3), 0.5, normals(100), family=families.UNIFORM)
    assert not rows.any()
    inside = uniform_boundary(step, point(0.3), 0.5, normals(100))
    assert inside[:, 0].tolist() == pytest.approx([1 / math.sqrt(3)] * 100)
    assert not uniform_boundary(step, point(1.3), 0.5, normals(100)).any()


def test_triangular_noise_has_no_variance_to_speak_of() -> None:
    few, many = (
        zero_order(WALL, point(0.9), 0.1, strata(n), family=families.TRIANGULAR).var()
        for n in (1_000, 1_000_000)
    )
    assert float(many) > 1.5 * float(few)  # it grows like log n: infinite


# --- gradient sampling --------------------------------------------------------------------------


def test_gradient_sampling_draws_uniformly_from_the_ball() -> None:
    d, sigma, n = 3, 0.2, 200_000
    theta = point(1.0, -2.0, 0.5)
    seen = gradient_sampling(lambda x: (x**2).sum(-1) / 2, theta, sigma, normals(n, d))
    radius = (seen - theta).norm(dim=-1) / (sigma * math.sqrt(d + 2))
    assert float(radius.max()) <= 1
    assert stats.kstest((radius**d).numpy(), "uniform").pvalue > 1e-3
    covariance = torch.cov((seen - theta).mT) / sigma**2
    torch.testing.assert_close(covariance, torch.eye(d).double(), rtol=0, atol=0.02)


def test_minimum_norm_is_the_shortest_vector_of_the_hull() -> None:
    for seed in range(5):
        rows = normals(7, 3, seed) + point(0.8, 0.2, 0.1)
        best = optimize.minimize(
            lambda w, g: float(((w @ g) ** 2).sum()),
            np.full(7, 1 / 7),
            args=(rows.numpy(),),
            bounds=[(0, 1)] * 7,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            tol=1e-14,
        )
        np.testing.assert_allclose(minimum_norm(rows), best.x @ rows.numpy(), atol=1e-5)


def test_minimum_norm_in_one_dimension_is_the_closest_slope_or_none() -> None:
    assert minimum_norm(point(3.0, 1.0, 2.0)[:, None]).tolist() == pytest.approx([1.0])
    assert float(minimum_norm(point(3.0, -1.0)[:, None])) == pytest.approx(0, abs=1e-12)


def test_minimum_norm_climbs_on_all_sides_and_vanishes_on_a_ridge() -> None:
    def ridge(x: Tensor) -> Tensor:
        return -x.abs().sum(-1)

    slope = minimum_norm(gradient_sampling(ridge, point(0.001, 1.0), 0.1, normals(50, 2)))
    torch.testing.assert_close(slope, point(0.0, -1.0))
    assert float(
        minimum_norm(gradient_sampling(ridge, point(0, 0), 0.1, normals(50, 2))).norm()
    ) < (1e-7)


# --- mixtures ---------------------------------------------------------------------------------


def test_alpha_order_lies_between_its_two_estimates() -> None:
    eps = normals(100)
    first, zero = (e(WALL, point(0.9), 0.1, eps) for e in (first_order, finite_difference))
    for alpha in (0.0, 0.3, 1.0):
        rows = alpha_order(WALL, point(0.9), 0.1, eps, alpha)
        torch.testing.assert_close(rows, alpha * first + (1 - alpha) * zero)


def test_the_bias_of_alpha_order_is_alpha_times_that_of_first_order() -> None:
    truth = WALL.smoothed_grad(point(0.9), 0.1)
    rows = alpha_order(WALL, point(0.9), 0.1, normals(100_000), 0.3)
    means_agree(rows, truth + 0.3 * -30.206806961324542)


def test_minimum_variance_is_the_least_over_all_alpha() -> None:
    shared, own = normals(500, 3) + 2, normals(500, 3, seed=1) * point(0.7, 1.0, 1.2) - 1
    first, zero = own + 0.5 * shared, shared
    best = minimum_variance(first[:300], zero[:300])
    grid = torch.linspace(0, 1, 10_001, dtype=torch.float64)[:, None, None]
    variance = (grid * first[:300] + (1 - grid) * zero[:300]).var(1)
    assert bool(((best > 0.05) & (best < 0.95)).all())
    np.testing.assert_allclose(best, grid[variance.argmin(0), 0, 0], atol=1e-4)
    np.testing.assert_allclose(
        inverse_variance(first, zero), zero.var(0) / (zero.var(0) + first.var(0))
    )


@pytest.mark.parametrize("weight", (inverse_variance, minimum_variance, bias_guarded(1e9)))
def test_a_weight_does_not_depend_on_the_unit_of_the_gradient(
    weight: Callable[[Tensor, Tensor], Tensor],
) -> None:
    first, zero = normals(50, 3) + 1, normals(50, 3, seed=1)
    torch.testing.assert_close(weight(1e-3 * first, 1e-3 * zero), weight(first, zero))


def test_inverse_variance_trusts_first_order_exactly_where_it_is_wrong() -> None:
    rows = alpha_order(step, point(0.1), 0.5, normals(200), inverse_variance)
    assert not rows.any()


def test_with_nothing_to_choose_by_a_weight_takes_the_unbiased_estimate() -> None:
    still = torch.zeros(5, 2, dtype=torch.float64)
    for weight in (inverse_variance, minimum_variance, bias_guarded(1.0)):
        assert not weight(still, still).any()


def test_the_bias_guard_solves_its_constrained_problem() -> None:
    first, zero = normals(400, 2) * 0.1 + 1.0, normals(400, 2, seed=1)
    apart = float((first.mean(0) - zero.mean(0)).norm())
    radius = stats.norm.ppf(1 - 0.05 / 4) * float((zero.var(0).sum() / 400).sqrt())
    free = float(zero.var(0).sum() / (zero.var(0).sum() + first.var(0).sum()))
    for tolerance in (0.5 * radius, 2 * radius, 1.0, 1e3):
        expected = max(0.0, min(free, (tolerance - radius) / apart))
        found = float(bias_guarded(tolerance, 0.95)(first, zero))
        assert found == pytest.approx(expected, abs=1e-9), tolerance


def test_the_bias_guard_is_sure_to_95_percent_unless_told() -> None:
    first, zero = normals(400) * 0.1 + 1.0, normals(400, seed=1)
    assert torch.equal(bias_guarded(0.5)(first, zero), bias_guarded(0.5, 0.95)(first, zero))


def test_a_surer_bias_guard_leans_less_on_first_order() -> None:
    eps = normals(1_000)
    first, zero = (e(WALL, point(0.9), 0.1, eps) for e in (first_order, finite_difference))
    alphas = [float(bias_guarded(10.0, c)(first, zero)) for c in (0.5, 0.8, 0.95, 0.99)]
    assert alphas == sorted(alphas, reverse=True) and len(set(alphas)) == 4


def test_the_bias_guard_keeps_its_tolerance_as_often_as_it_says() -> None:
    truth, tolerance, repeats = float(WALL.smoothed_grad(point(0.9), 0.1)), 12.0, 400
    guard = bias_guarded(tolerance, 0.9)
    kept = 0
    for seed in range(repeats):
        rows = alpha_order(WALL, point(0.9), 0.1, normals(400, seed=seed), guard)
        kept += abs(float(rows.mean()) - truth) <= tolerance
    assert kept / repeats >= 0.9 - 3 * math.sqrt(0.09 / repeats)


def test_the_jump_test_sees_jumps() -> None:
    for f, theta, sigma in ((WALL, 0.9, 0.1), (step, 0.2, 0.5)):
        eps = normals(300)
        values = f(theta + sigma * eps)
        assert shows_a_jump(values, first_order(f, point(theta), sigma, eps), sigma)


@pytest.mark.parametrize(("slope", "seen"), [(0.54, True), (0.59, False)])
def test_the_jump_test_compares_unbiased_variances(slope: float, seen: bool) -> None:
    values = point(0, 0, 1, 1)  # of variance 1/3; slope² σ² is 0.29 or 0.35
    gradients = torch.full((4, 1), slope * 2).double()
    assert shows_a_jump(values, gradients, 0.5, level=0.5) == seen


def test_the_jump_test_rarely_sees_one_in_a_linear_function_its_hardest_case() -> None:
    level, repeats, slope = 0.05, 1_000, point(1.0, -2.0, 0.5)
    alarms = 0
    for seed in range(repeats):
        eps = normals(400, 3, seed)
        values, gradients = (THETA + eps @ ROOT.mT) @ slope, slope.expand(400, 3)
        alarms += shows_a_jump(values, gradients, ROOT, level)
    assert 0.2 * level < alarms / repeats <= level + 3 * math.sqrt(level / repeats)


def test_the_jump_test_is_as_strict_for_a_curved_function_as_for_a_line() -> None:
    """For degree 2 both sides are equal, so alarms are as many as the level says."""
    level, repeats, n, sigma = 0.05, 1_000, 1_000, 0.4
    alarms = 0
    for seed in range(repeats):
        x = THETA + sigma * normals(n, 3, seed)
        alarms += shows_a_jump((x @ A * x).sum(-1) / 2, x @ A, sigma, level)
    assert 0.2 * level < alarms / repeats <= level + 3 * math.sqrt(level / repeats)


def test_the_jump_test_sees_a_jump_that_a_strong_curvature_would_hide() -> None:
    """x² with a jump of 1: Var f = 2.8 lies under E f'² = 4, and above half of it."""
    x = normals(2_000)
    values = x[:, 0] ** 2 + (x[:, 0] > 0.5).double()
    assert values.var() < (2 * x).square().mean() and shows_a_jump(values, 2 * x, 1.0)


def test_two_samples_are_enough_for_a_weight_and_for_the_jump_test() -> None:
    eps = point(-0.5, 0.7)[:, None]
    for weight in (inverse_variance, minimum_variance, bias_guarded(1.0)):
        assert alpha_order(cubic, THETA, 0.5, eps.expand(2, 3), weight).isfinite().all()
    assert switched(step, point(0.1), 0.5, eps).shape == (2, 1)


def test_switched_is_zero_order_at_a_jump_and_the_mixture_elsewhere() -> None:
    eps = normals(300)
    torch.testing.assert_close(
        switched(WALL, point(0.9), 0.1, eps), finite_difference(WALL, point(0.9), 0.1, eps)
    )
    above = eps.abs()  # the step is met on this side only
    torch.testing.assert_close(
        switched(step, point(-0.3), 0.5, above), finite_difference(step, point(-0.3), 0.5, above)
    )
    smooth = BallThrow()
    torch.testing.assert_close(
        switched(smooth, point(0.9), 0.1, eps), alpha_order(smooth, point(0.9), 0.1, eps)
    )


# --- shapes, types, bad input -----------------------------------------------------------------

ALL = {
    **UNBIASED,
    "first_order": first_order,
    "gradient_sampling": gradient_sampling,
    "uniform_boundary": uniform_boundary,
    "switched": switched,
}
every_one = pytest.mark.parametrize("estimator", ALL.values(), ids=ALL.keys())


@every_one
@pytest.mark.parametrize("dtype", (torch.float32, torch.float64))
def test_rows_have_the_shape_of_eps_and_the_type_of_theta(
    estimator: Callable[..., Tensor], dtype: torch.dtype
) -> None:
    rows = estimator(WALL, point(0.9).to(dtype), 0.1, normals(5).to(dtype))
    assert rows.shape == (5, 1) and rows.dtype == dtype


@every_one
def test_a_row_is_the_same_in_single_precision(estimator: Callable[..., Tensor]) -> None:
    eps = normals(64)
    double = estimator(WALL, point(0.9), 0.2, eps)
    single = estimator(WALL, point(0.9).float(), 0.2, eps.float())
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=2e-2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_one
def test_a_row_is_the_same_on_cuda(estimator: Callable[..., Tensor]) -> None:
    eps, theta = normals(64), point(0.9)
    there = estimator(WALL, theta.cuda(), 0.2, eps.cuda())
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), estimator(WALL, theta, 0.2, eps), rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("no_jaxtyping")
@every_one
@pytest.mark.parametrize(
    ("theta", "sigma", "eps", "kind", "value", "remedy"),
    [
        (0.5, 0.1, normals(4), TypeError, "got float", "torch.as_tensor(theta"),
        (torch.tensor([1]), 0.1, normals(4), TypeError, "got torch.int64", "torch.as_tensor"),
        (point(0.5), 0.1, torch.ones(4, 1, dtype=torch.int32), TypeError, "torch.int32", "(eps,"),
        (torch.tensor(0.5).double(), 0.1, normals(4), ValueError, "shape ()", "reshape(-1)"),
        (normals(4), 0.1, normals(4), ValueError, "shape (4, 1)", "reshape(-1)"),
        (point(0.5), 0.1, normals(4)[:, 0], ValueError, "shape (4,)", "(n, 1)"),
        (point(0.5), 0.1, normals(4, 2), ValueError, "shape (4, 2)", "(n, 1)"),
        (point(0.5), 0.1, normals(0), ValueError, "shape (0, 1)", "n >= 1"),
        (point(0.5), 0.1, normals(4).float(), TypeError, "torch.float32", "eps.to(theta)"),
        (point(0.5), 0.1, normals(4).to("meta"), TypeError, "meta", "eps.to(theta)"),
        (point(math.nan), 0.1, normals(4), ValueError, "nan", "finite"),
        (point(0.5), 0.1, normals(4) * math.inf, ValueError, "inf", "finite"),
        (point(0.5), 0.0, normals(4), ValueError, "0.0", "positive"),
        (point(0.5), -0.1, normals(4), ValueError, "-0.1", "positive"),
        (point(0.5), math.nan, normals(4), ValueError, "nan", "positive"),
        (point(0.5), torch.zeros(1, 1).double(), normals(4), ValueError, "[[0.0]]", "cholesky"),
        (point(0.5), point(0.1), normals(4), ValueError, "[0.1]", "cholesky"),
        (point(0.5), torch.tensor(0.1), normals(4), TypeError, "float32", "sigma.to(theta)"),
        (point(0.5), torch.full((1, 1), 0.1), normals(4), TypeError, "float32", "sigma.to(theta)"),
    ],
)
def test_bad_input_names_the_value_and_the_remedy(
    estimator: Callable[..., Tensor],
    theta: Tensor,
    sigma: float | Tensor,
    eps: Tensor,
    kind: type[Exception],
    value: str,
    remedy: str,
) -> None:
    with pytest.raises(kind) as caught:
        estimator(WALL, theta, sigma, eps)
    assert value in str(caught.value) and remedy in str(caught.value)


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize(
    ("call", "kind", "value", "remedy"),
    [
        (
            lambda: zero_order(lambda x: x, point(0.5), 0.1, normals(4)),
            ValueError,
            "into (4, 1)",
            "sum or index",
        ),
        (
            lambda: first_order(lambda x: x.sum(), THETA, 0.1, normals(4, 3)),
            ValueError,
            "into ()",
            "(..., d) to (...)",
        ),
        (
            lambda: zero_order(step, point(0.5), 0.1, normals(1), leave_one_out),
            ValueError,
            "n = 1",
            "or center",
        ),
        (
            lambda: zero_order(step, point(0.5), 0.1, normals(1), estimated_optimal),
            ValueError,
            "n = 1",
            "or center",
        ),
        (
            lambda: zero_order(step, point(0.5), 0.1, normals(4), optimal),
            TypeError,
            "step",
            "estimated_optimal",
        ),
        (
            lambda: jump_corrected(step, point(0.5), 0.1, normals(4)),
            TypeError,
            "step",
            "jumps()",
        ),
        (
            lambda: jump_corrected(HeavisideAll(), THETA, 0.1, normals(4, 3)),
            ValueError,
            "shape (3,)",
            "measure_valued",
        ),
        (
            lambda: measure_valued(cubic, THETA, ROOT, normals(4, 3)),
            ValueError,
            "(3, 3)",
            "zero_order takes a covariance",
        ),
        (
            lambda: alpha_order(step, point(0.5), 0.1, normals(4), 1.5),
            ValueError,
            "alpha = 1.5",
            "from 0",
        ),
        (
            lambda: alpha_order(step, point(0.5), 0.1, normals(1)),
            ValueError,
            "n = 1",
            "a number for alpha",
        ),
        (lambda: switched(step, point(0.5), 0.1, normals(1)), ValueError, "n = 1", "at least 2"),
        (lambda: bias_guarded(0.0), ValueError, "tolerance = 0.0", "positive"),
        (lambda: bias_guarded(math.nan), ValueError, "tolerance = nan", "positive"),
        (lambda: bias_guarded(1.0, 95), ValueError, "confidence = 95", "between 0 and 1"),
    ],
)
def test_a_request_that_cannot_be_met_names_the_value_and_the_remedy(
    call: Callable[[], object], kind: type[Exception], value: str, remedy: str
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert value in str(caught.value) and remedy in str(caught.value)


def test_a_covariance_may_have_a_determinant_below_every_float() -> None:
    theta, eps = torch.zeros(400, dtype=torch.float64), torch.ones(2, 400, dtype=torch.float64)
    f = lambda x: x.sum(-1)  # noqa: E731
    L = 0.1 * torch.eye(400, dtype=torch.float64)
    torch.testing.assert_close(zero_order(f, theta, L, eps), zero_order(f, theta, 0.1, eps))
    with pytest.raises(ValueError, match="invertible"):
        zero_order(
            f, theta[:2], torch.diag(torch.tensor([math.inf, 1.0], dtype=torch.float64)), eps[:, :2]
        )


def test_what_is_no_number_is_refused_where_it_would_decide() -> None:
    nan = torch.tensor([0.0, math.nan], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"minimum_norm.*nan"):
        minimum_norm(nan[:, None])
    with pytest.raises(ValueError, match="shows_a_jump: nan or inf"):
        shows_a_jump(nan, torch.ones(2, 1, dtype=torch.float64), 0.1)
