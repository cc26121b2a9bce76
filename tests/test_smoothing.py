"""The quadrature against mpmath, its certificate against what it must refuse, moments to digits."""

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from smoothlib import (
    L1,
    BallWall,
    EuclideanNorm,
    Heaviside,
    Jumps,
    Moments,
    PassFailBar,
    PiecewiseLinear,
    Sum,
    Wiggle,
    smoothed,
    smoothed_grad,
    smoothed_moments,
)
from smoothlib.smoothing import (
    _value_and_slope,
    boundary_term,
    grad_by_quadrature,
    mean_by_quadrature,
    moments_by_quadrature,
    slope,
)
from tests.problems import PROBLEMS, SEVERAL, Array, Problem, Several, bar, lines

# The ledger's D.9: θ, σ, F, ∇F, mean and variance of the first-order gradient, variance of the
# zero-order gradient, the same with the baseline f(θ), the optimal baseline, the variance with it,
# variance of the antithetic pair. Quadrature and closed form agreed to 2.4e-14 there.
LEDGER = """
quadratic         | 0.7 0.3 | 0.29 0.7 0.7 0.09 2.71944444444 1.3175 0.38 1.115 0.98
quadratic         | 1.5 0.5 | 1.25 1.5 1.5 0.25 13.875 5.4375 1.5 4.875 4.5
quadratic         | -0.4 1.0 | 0.58 -0.4 -0.4 1 4.3164 4.07 1.58 1.82 0.32
abs               | 0.0 0.5 | 0.398942280401 0 0 1 3 3 0.797884560803 0.45352091053 0
abs               | 0.3 0.5 | 0.468672732242 0.4514937645 0.4514937645 0.796153380618 \
3.15615338062 1.5915997763 0.801897335134 0.583996036241 0.148488348487
abs               | -1.0 0.25 | 1.00000357263 -0.999936657516 -0.999936657516 0.000126680955062 \
18.000126681 1.99787107321 1.00007048774 1.99787099371 1.99773820782
heaviside         | 0.0 0.5 | 0.5 0.797884560803 0 0 1.36338022763 1.36338022763 0.5 \
0.363380227632 0.363380227632
heaviside         | 0.3 0.5 | 0.72574688225 0.666449205784 0 0 1.65909393817 1.45259697405 \
0.525812120515 0.553180393849 0.504221215081
heaviside         | -1.0 0.5 | 0.0227501319482 0.107981933026 0 0 0.511268162038 0.511268162038 \
0.130732064975 0.442904670788 0.249804032089
heaviside         | 0.25 0.1 | 0.993790334674 0.175283004936 0 0 94.9662342122 4.97231752415 \
0.94996958344 4.72201326604 2.47079669617
ball              | 0.6 0.1 | 16.4243847271 -11.2365261462 -11.2365261462 2.70396212555 \
26693.246212 260.107815111 16.2601408799 254.028068678 250.008537578
ball              | 1.2 0.3 | 6.92826201605 -17.8205403831 -17.8205403831 5.61294138922 \
1028.67117825 596.879092796 6.3047184346 587.010350034 580.90618184
ball              | 0.3 1.0 | 11.5888174199 -3.58484131809 -3.58484131809 164.809506882 \
120.130695199 485.197818181 0 120.130695199 11.7068274414
wall              | 0.6 0.1 | 5.02226618334 0.67459781651 -0.047593403085 0.746172612736 \
2855.89138901 149.932133386 5.20595925562 145.690211888 74.738525586
wall              | 0.9 0.1 | 8.830348883 20.3631101445 -9.84369681687 64.7992636207 \
5695.18450635 2768.44327943 7.39318072078 229.272389337 181.722161275
wall              | 1.1 0.2 | 7.60252675735 -7.76269756108 -13.5717515355 59.0427660004 \
815.659978458 678.746536469 4.83780118934 230.551969769 73.8369291805
wall              | 1.4 0.05 | 3.37561154639 -18.777853175 -18.7176960394 18.5361833728 \
4928.96136563 635.644172212 3.27840200016 629.793495774 616.384814681
wall              | 0.3 0.5 | 5.42988342252 1.00374808493 -2.00940085804 31.7516752319 \
154.90155729 39.1575587184 5.39359996429 38.5378749908 17.5825576669
wall              | 0.8 1.0 | 2.18821694797 -4.51299301617 -7.06241983281 90.5985496847 \
90.0030650623 156.358006832 -4.13549417697 72.9007529745 49.0495853379
bar hb=3          | 0.5 0.2 | 0.0305796134131 0.345648144869 0 0 3.88087634994 3.88087634994 \
0.1600139596 3.24076466827 1.88070185494
bar hb=3          | 0.9 0.1 | 0.600760049273 3.86149229471 0 0 35.3059174334 34.8718370824 \
0.502170401755 10.0884061935 9.98035717015
bar hb=3          | 1.2 0.5 | 0.726085851929 0.563683574529 0 0 1.39685881215 1.96766284346 \
0.428649496086 0.661897250171 0.410091451936
top hat           | 0.05 0.01 | 0.199460040787 0 0 0 388.283645386 11.716354614 0.194141822693 \
11.3731722004 0
top hat           | 0.05 0.05 | 0.0902987529 0 0 0 0.825987856475 15.1740121435 0.0103248482059 \
0.783346860285 0
top hat           | 0.12 0.03 | 0.0181564318785 -1.08311863786 0 0 12.3522464151 12.3522464151 \
0.0608642657946 8.23618102543 5.58955021571
"""
ROWS = [row.split("|") for row in LEDGER.strip().splitlines()]
LEDGER_PROBLEMS = PROBLEMS | {"bar hb=3": bar(PassFailBar(h_b=3.0))}

every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
ALONE = {name: p for name, p in SEVERAL.items() if not isinstance(p.f, Sum)}
every_one_alone = pytest.mark.parametrize("problem", ALONE.values(), ids=ALONE.keys())


def point(x: float | list[float] | Array) -> Tensor:
    """Numbers as points, (..., 1)."""
    return torch.as_tensor(x, dtype=torch.float64)[..., None]


def places(problem: Problem) -> list[float]:
    """Points where something happens: at two breaks, beside one, away from all."""
    breaks = problem.breaks().tolist()
    return [0.0, 1.3, *breaks[:2], *(b + 0.02 for b in breaks[:1])]


def two(x: Array, eps: Array) -> Array:
    return np.stack([x, x * eps])


# --- the oracle ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "theta", "sigma"), [("wall", 0.9, 0.1), ("wiggle", 0.3, 2.0), ("zigzag", 0.5, 0.7)]
)
def test_the_oracle_agrees_with_mpmath(name: str, theta: float, sigma: float) -> None:
    problem = PROBLEMS[name]
    inner = problem.breaks_within(theta - 12 * sigma, theta + 12 * sigma)
    ends = np.unique([*((inner - theta) / sigma), *np.linspace(-12, 12, 49)])

    def integrand(eps: mpmath.mpf) -> float:
        x = np.array([theta + sigma * float(eps)])
        return problem.value(x).item() * mpmath.npdf(eps)

    with mpmath.workdps(17):
        truth = mpmath.quad(integrand, ends.tolist(), maxdegree=5)
    found = problem.expect(problem.value, theta, sigma)
    assert found == pytest.approx(float(truth), rel=0, abs=1e-12 * problem.scale)


# --- the moments --------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip() + row[1] for row in ROWS])
def test_moments_reproduce_the_ledgers_table(row: list[str]) -> None:
    problem = LEDGER_PROBLEMS[row[0].strip()]
    theta, sigma = (float(x) for x in row[1].split())
    m = Moments(*(float(x) for x in problem.f.smoothed_moments(point(theta), sigma)))
    level = float(problem.f(point(theta)))

    def variance(b: float) -> float:
        return (m.square_eps2 - 2 * b * m.value_eps2 + b**2) / sigma**2 - m.grad**2

    found = (
        m.value,
        m.grad,
        m.slope,
        m.slope2 - m.slope**2,
        variance(0.0),
        variance(level),
        m.value_eps2,
        variance(m.value_eps2),
        (m.square_eps2 - m.pair_eps2) / (2 * sigma**2) - m.grad**2,
    )
    printed = [float(x) for x in row[2].split()]
    assert found == pytest.approx(printed, rel=2e-11, abs=1e-11 * problem.scale / sigma**2)


@every_problem
@pytest.mark.parametrize("sigma", (0.03, 0.4, 3.0))
def test_moments_are_the_gaussian_means(problem: Problem, sigma: float) -> None:
    for theta in places(problem):

        def integrands(x: Array, mirrored: Array, theta: float = theta) -> Array:
            f, g, df = problem.value(x), problem.value(mirrored), problem.slope(x)
            e2 = ((x - theta) / sigma) ** 2
            return np.stack([f, f * e2, f**2, f**2 * e2, df, df**2, f * g * e2])

        truth = problem.expect_pair(integrands, theta, sigma)
        m = problem.f.smoothed_moments(point(theta), sigma)
        found = [m.value, m.value_eps2, m.square, m.square_eps2, m.slope, m.slope2, m.pair_eps2]
        size = problem.expect_pair(lambda *x: np.abs(integrands(*x)), theta, sigma)
        error = np.abs(np.array([float(x) for x in found]) - truth)
        assert (error <= 1e-10 * (size + problem.scale**2)).all(), (theta, error)
        grad = float(problem.f.smoothed_grad(point(theta), sigma))
        assert float(m.grad) == pytest.approx(grad, rel=1e-10, abs=1e-10 * problem.scale / sigma)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-3, 3)] * 3), min_size=1, max_size=4, unique_by=lambda p: p[0]),
    st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    st.floats(-3, 3),
    st.floats(-2, 1),
)
def test_any_line_with_jumps_has_its_moments(
    corners: list[tuple[float, float, float]],
    ends: tuple[float, float],
    theta: float,
    log_sigma: float,
) -> None:
    x, left, right = zip(*sorted(corners), strict=True)
    assume(min(np.diff(x), default=1.0) > 1e-3)
    problem, sigma = lines(PiecewiseLinear(x, left, right, ends)), 10**log_sigma

    def integrands(x: Array, mirrored: Array) -> Array:
        f, g, df = problem.value(x), problem.value(mirrored), problem.slope(x)
        e2 = ((x - theta) / sigma) ** 2
        return np.stack([f, f * e2, f**2, f**2 * e2, df, df**2, f * g * e2])

    truth = problem.expect_pair(integrands, theta, sigma)
    size = problem.expect_pair(lambda *x: np.abs(integrands(*x)), theta, sigma)
    m = problem.f.smoothed_moments(point(theta), sigma)
    found = [m.value, m.value_eps2, m.square, m.square_eps2, m.slope, m.slope2, m.pair_eps2]
    steepest = 1 + float(problem.f.pieces().coefficients[:, 1].abs().max())
    error = np.abs(np.array([float(part) for part in found]) - truth)
    assert (error <= 1e-11 * (size + steepest**2 * 20)).all(), error


@every_problem
@pytest.mark.parametrize("sigma", (0.1, 1.0))
def test_moments_obey_steins_identities(problem: Problem, sigma: float) -> None:
    """E[ε f] = σF', E[ε² f] = F + σ²F'', E[ε² f²] = G + σ²G''; derivatives by differences."""
    f, h = problem.f, 0.02 * sigma
    theta = np.array(places(problem))
    steps = [f.smoothed_moments(point(theta + k * h), sigma) for k in (-2, -1, 0, 1, 2)]

    def second(y: list[Tensor]) -> Tensor:
        return (-y[0] + 16 * y[1] - 30 * y[2] + 16 * y[3] - y[4]) / (12 * h**2)

    m, size = steps[2], max(problem.scale, float(steps[2].square.max()) ** 0.5)
    slope = (steps[0].value - 8 * steps[1].value + 8 * steps[3].value - steps[4].value) / (12 * h)
    bent, bent2 = second([s.value for s in steps]), second([s.square for s in steps])
    for found, truth, scale in (
        (sigma * m.grad[..., 0], sigma * slope, size),
        (m.value_eps2[..., 0], m.value + sigma**2 * bent, size),
        (m.square_eps2[..., 0], m.square + sigma**2 * bent2, size**2),
    ):
        torch.testing.assert_close(found, truth, rtol=0, atol=2e-5 * scale)


def cloud(problem: Several, theta: Array, sigma: float, n: int = 200_000) -> dict[str, Array]:
    """Samples of which the moments are the means."""
    eps = np.random.default_rng(7).standard_normal((n, problem.d))
    x = theta + sigma * eps
    f, mirrored, df = problem.value(x), problem.value(theta - sigma * eps), problem.slope(x)
    column = f[:, None]
    return {
        "value": f,
        "grad": (column - problem.value(theta[None])) * eps / sigma,
        "value_eps2": column * eps**2,
        "square": f**2,
        "square_eps2": column**2 * eps**2,
        "slope": df,
        "slope2": df**2,
        "pair_eps2": column * mirrored[:, None] * eps**2,
    }


@every_one_alone
@pytest.mark.parametrize("sigma", (0.4, 1.1))
def test_moments_in_several_variables_are_sample_means(problem: Several, sigma: float) -> None:
    theta = np.linspace(-0.3, 0.8, problem.d)
    moments = problem.f.smoothed_moments(torch.from_numpy(theta), sigma)
    for name, sample in cloud(problem, theta, sigma).items():
        error = sample.std(0) / math.sqrt(len(sample))
        found, unseen = getattr(moments, name).numpy(), 10 / len(sample)
        assert found.shape == sample.shape[1:]
        assert (np.abs(sample.mean(0) - found) <= 5 * error + unseen).all(), name


def plane_mean(
    problem: Several, c: Callable[[Array, Array], Array], theta: Array, sigma: float
) -> Array:
    """E c(θ + σε, θ - σε) in two variables, by Gauss-Legendre on rings about 0, smooth for ‖x‖."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    last = np.hypot(*theta) + 12 * sigma
    r, dr = last * (nodes + 1) / 2, last * weights / 2
    turns = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    x = np.stack([np.outer(r, np.cos(turns)), np.outer(r, np.sin(turns))], -1).reshape(-1, 2)
    density = np.exp(-((x - theta) ** 2).sum(-1) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    weight = np.repeat(r * dr, 400) * 2 * np.pi / 400 * density
    return (weight[:, None] * c(x, 2 * theta - x)).sum(0)


@pytest.mark.parametrize("name", ("norm in the plane", "camel"))
@pytest.mark.parametrize("sigma", (0.3, 0.9))
def test_moments_in_the_plane_are_the_gaussian_means(name: str, sigma: float) -> None:
    problem, theta = SEVERAL[name], np.array([0.4, -0.7])

    def integrands(x: Array, mirrored: Array) -> Array:
        f, df, eps = problem.value(x)[:, None], problem.slope(x), (x - theta) / sigma
        e2, g = eps**2, problem.value(mirrored)[:, None]
        parts = [f, f * eps / sigma, f * e2, f**2, f**2 * e2, df, df**2, f * g * e2]
        return np.concatenate(parts, -1)

    truth = plane_mean(problem, integrands, theta, sigma)
    m = problem.f.smoothed_moments(torch.from_numpy(theta), sigma)
    found = np.concatenate([np.atleast_1d(part.numpy()) for part in m])
    pair = 1e-10 if name == "camel" else 1e-5  # ‖θ - σε‖ is not smooth on rings about 0
    np.testing.assert_allclose(found[:-2], truth[:-2], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found[-2:], truth[-2:], rtol=pair, atol=pair)


@pytest.mark.parametrize("name", ("camel", "saddle", "bowl"))
@pytest.mark.parametrize("sigma", (0.3, 1.2))
def test_moments_of_polynomials_are_those_of_gauss_hermite(name: str, sigma: float) -> None:
    problem = SEVERAL[name]
    d, theta = problem.d, np.linspace(-0.7, 0.9, problem.d)
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    eps = np.stack(np.meshgrid(*[nodes] * d), -1).reshape(-1, d)
    weight = np.stack(np.meshgrid(*[weights] * d), -1).reshape(-1, d).prod(-1)
    weight = weight[:, None] / weight.sum()
    f, df = problem.value(theta + sigma * eps)[:, None], problem.slope(theta + sigma * eps)
    g, e2 = problem.value(theta - sigma * eps)[:, None], eps**2
    parts = (f, f * eps / sigma, f * e2, f**2, f**2 * e2, df, df**2, f * g * e2)
    m = problem.f.smoothed_moments(torch.from_numpy(theta), sigma)
    for field, part, found in zip(Moments._fields, parts, m, strict=True):
        truth = (weight * part).sum(0)
        np.testing.assert_allclose(
            np.atleast_1d(found), truth, rtol=1e-11, atol=1e-11, err_msg=field
        )


@pytest.mark.parametrize("d", (2, 3, 10, 300, 5000))
def test_the_norms_antithetic_moment_where_it_is_known(d: int) -> None:
    """At 0 it is E ‖σε‖² ε_i² = σ² (d + 2); far out, E[(‖θ‖² + σ² (q² - u²)) ε_i²].

    u is the part of ε along θ and q the length of the rest.
    """
    norm, sigma = SEVERAL["norm"].f, 0.7
    theta = torch.zeros(2, d, dtype=torch.float64)
    theta[1, 0] = far = 1e5
    found = norm.smoothed_moments(theta, sigma).pair_eps2
    truth = torch.full((2, d), sigma**2 * (d + 2), dtype=torch.float64)
    truth[1] = far**2 + sigma**2 * d  # E[(q² - u²) ε_i²] = d - 1 + 2 - 1 across
    truth[1, 0] = far**2 + sigma**2 * (d - 4)  # and d - 1 - 3 along
    torch.testing.assert_close(found, truth, rtol=1e-11, atol=0)


def test_moments_of_a_sum_in_several_variables_are_refused() -> None:
    f = SEVERAL["2 camel + saddle"].f
    with pytest.raises(NotImplementedError, match="E\\[f g\\], which is not known; measure"):
        f.smoothed_moments(torch.zeros(2), 0.1)


# --- any callable -------------------------------------------------------------------------


@every_problem
@pytest.mark.parametrize("sigma", (1e-3, 0.3, 2.0))
def test_a_plain_callable_with_its_breaks_has_the_objectives_truth(
    problem: Problem, sigma: float
) -> None:
    f, theta = problem.f, point(places(problem))
    low, high = float(theta.min()) - 10 * sigma, float(theta.max()) + 10 * sigma
    breaks = problem.breaks_within(low, high).tolist()

    def plain(x: Tensor) -> Tensor:
        return f(x)

    close = {"rtol": 1e-10, "atol": 1e-10 * problem.scale}
    torch.testing.assert_close(
        smoothed(plain, theta, sigma, breaks), f.smoothed(theta, sigma), **close
    )
    found, truth = smoothed_grad(plain, theta, sigma, breaks), f.smoothed_grad(theta, sigma)
    torch.testing.assert_close(sigma * found, sigma * truth, **close)
    m, truth_m = smoothed_moments(plain, theta, sigma, breaks), f.smoothed_moments(theta, sigma)
    for name, part, true_part in zip(Moments._fields, m, truth_m, strict=True):
        size = float(true_part.abs().max()) + problem.scale**2 + problem.scale / sigma
        assert float((part - true_part).abs().max()) <= 1e-10 * size, name


def test_an_objective_answers_with_its_own_truth() -> None:
    f, theta = BallWall(), point([0.6, 0.9])
    assert torch.equal(smoothed(f, theta, 0.1), f.smoothed(theta, 0.1))
    assert torch.equal(smoothed_grad(f, theta, 0.1), f.smoothed_grad(theta, 0.1))
    assert torch.equal(smoothed_moments(f, theta, 0.1)[4], f.smoothed_moments(theta, 0.1)[4])


@pytest.mark.parametrize("truth", (smoothed, smoothed_grad, smoothed_moments))
@pytest.mark.parametrize("height", (1e-8, 1.0, 1e8))
def test_a_jump_that_is_not_named_is_refused(truth: Callable[..., object], height: float) -> None:
    with pytest.raises(ArithmeticError, match=r"1e-10 is wanted; name every jump and kink"):
        truth(lambda x: (x[..., 0] > 0.123) * height, point(0.1), 0.5)


@pytest.mark.parametrize("truth", (smoothed, smoothed_grad))
def test_an_oscillation_beyond_the_nodes_is_refused_and_one_within_is_not(
    truth: Callable[..., Tensor],
) -> None:
    def plain(x: Tensor) -> Tensor:
        return Wiggle(omega=100.0)(x)

    own = getattr(Wiggle(omega=100.0), truth.__name__)(point(0.3), 1.0)
    torch.testing.assert_close(truth(plain, point(0.3), 1.0), own, rtol=1e-9, atol=1e-9)
    with pytest.raises(ArithmeticError, match="take a smaller sigma if f oscillates"):
        truth(plain, point(0.3), 500.0)


@pytest.mark.parametrize("sigma", (4.0, 8.0))
def test_what_outgrows_the_gaussian_is_refused(sigma: float) -> None:
    with pytest.raises(ArithmeticError, match="outgrows the Gaussian at"):
        smoothed(lambda x: x[..., 0].exp(), point(0.0), sigma)


def test_an_exponential_that_does_not_is_smoothed() -> None:
    found = smoothed(lambda x: x[..., 0].exp(), point([0.0, 1.0]), 1.5)
    truth = torch.exp(torch.tensor([0.0, 1.0]).double() + 1.5**2 / 2)
    torch.testing.assert_close(found, truth, rtol=1e-10, atol=0)


def test_a_window_that_the_noise_hardly_reaches_is_no_obstacle() -> None:
    step = Heaviside(8.9)
    found = mean_by_quadrature(step, point(0.0), 1.0, [8.9])
    torch.testing.assert_close(found, step.smoothed(point(0.0), 1.0), rtol=0, atol=1e-18)


def test_tiny_sigma_loses_no_digits_to_a_large_level() -> None:
    found = grad_by_quadrature(1e3 + BallWall(), point(0.3), 1e-5, ())
    torch.testing.assert_close(found, point(0.0) * 0, rtol=0, atol=1e-8)


def test_single_precision_is_summed_in_double() -> None:
    f, theta = PROBLEMS["momentum"].f, point([-0.8, 0.1])
    single = f.smoothed_moments(theta.float(), 0.3)
    double = f.smoothed_moments(theta.float().double(), float(torch.tensor(0.3)))
    for a, b in zip(single, double, strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b.float(), rtol=1e-6, atol=1e-7)


@every_one_alone
def test_single_precision_in_several_variables_is_close_to_double(problem: Several) -> None:
    theta = torch.tensor([0.0, 0.3, -0.8, 4.0])[:, None].expand(4, problem.d)
    single = problem.f.smoothed_moments(theta, 0.4)
    double = problem.f.smoothed_moments(theta.double(), 0.4)
    for a, b in zip(single, double, strict=True):
        torch.testing.assert_close(a, b.float(), rtol=2e-4, atol=2e-4)


# --- slopes and jumps ---------------------------------------------------------------------


@every_problem
def test_slope_is_the_derivative_almost_everywhere(problem: Problem) -> None:
    x = np.linspace(-4, 4, 301) + 1e-4
    np.testing.assert_allclose(
        slope(problem.f, point(x))[..., 0], problem.slope(x), atol=1e-10 * problem.scale, rtol=1e-9
    )


def test_slope_of_what_has_no_graph_is_zero() -> None:
    x = torch.ones(3, 2, requires_grad=True)
    with torch.no_grad():
        for f in (lambda x: (x > 0).all(-1) * 1.0, lambda x: torch.ones(3, requires_grad=True)):
            assert torch.equal(slope(f, x), torch.zeros(3, 2))


def test_jumps_within_an_interval_are_those_of_every_period() -> None:
    jumps = Jumps(torch.tensor([-1.0, 2.0]), torch.tensor([3.0, -4.0]), 10.0)
    at, height, period = jumps.within(-11.0, 12.0)
    assert at.tolist() == [-11.0, -8.0, -1.0, 2.0, 9.0, 12.0]
    assert height.tolist() == [3.0, -4.0] * 3
    assert period == math.inf
    once = jumps._replace(period=math.inf)
    assert once.within(-1.0, 1.0).theta.tolist() == [-1.0]


@pytest.mark.parametrize("name", sorted(PROBLEMS.keys() - {"wall - gripper"}))  # two periods
@pytest.mark.parametrize("sigma", (0.05, 4.0))
def test_the_boundary_term_is_what_the_mean_slope_misses(name: str, sigma: float) -> None:
    problem = PROBLEMS[name]
    theta = point([-0.4, 0.87, 1.2])
    m = problem.f.smoothed_moments(theta, sigma)
    missing = boundary_term(problem.f.jumps(), theta, sigma)
    close = 1e-10 * problem.scale / sigma
    torch.testing.assert_close(m.grad - m.slope, missing, rtol=1e-10, atol=close)


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize("truth", (smoothed, smoothed_grad, smoothed_moments))
@pytest.mark.parametrize("f", (PiecewiseLinear(), lambda x: x[..., 0] ** 2))
@pytest.mark.parametrize(
    ("theta", "sigma", "kind", "message"),
    [
        (np.zeros(1), 0.1, TypeError, "got ndarray; torch.as_tensor"),
        (torch.zeros(3, 1, dtype=torch.int64), 0.1, TypeError, "got torch.int64"),
        (torch.zeros(3), 0.1, ValueError, r"got \(3,\); theta\[..., None\]"),
        (torch.zeros(3, 2), 0.1, ValueError, r"\(..., 1\), got \(3, 2\)"),
        (torch.tensor([math.nan]), 0.1, ValueError, "theta must be finite, got nan"),
        (torch.tensor([[0.0], [-math.inf]]), 0.1, ValueError, "got -inf; look for the step"),
        (torch.zeros(1), 0.0, ValueError, "got 0.0; without noise"),
        (torch.zeros(1), torch.tensor([0.1, -2.0]), ValueError, "-2.0"),
        (torch.zeros(1), torch.tensor(0.1).double(), TypeError, r"sigma.to\(theta\)"),
        (torch.zeros(1), torch.tensor(1), TypeError, "sigma is torch.int64"),
    ],
)
def test_bad_input_names_the_value_and_the_remedy(
    truth: Callable[..., object],
    f: Callable[[Tensor], Tensor],
    theta: Tensor,
    sigma: float | Tensor,
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        truth(f, theta, sigma)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@every_problem
def test_truth_is_the_same_on_cuda(problem: Problem) -> None:
    f, theta = problem.f, point([-0.2, 0.9])
    there = f.smoothed_moments(theta.cuda(), 0.3)
    for a, b in zip(there, f.smoothed_moments(theta, 0.3), strict=True):
        assert a.is_cuda
        torch.testing.assert_close(a.cpu(), b, rtol=1e-9, atol=1e-9)


def test_jumps_repeat_far_from_zero_too() -> None:
    jumps = Jumps(point(0.5), point(1.0), math.tau)
    for low, high in ((100.0, 112.0), (-112.0, -100.0)):
        at = jumps.within(low, high).theta
        turns = [k for k in range(-20, 20) if low <= 0.5 + math.tau * k <= high]
        assert at.tolist() == pytest.approx([0.5 + math.tau * k for k in turns], rel=1e-14)


def test_a_high_level_does_not_loosen_the_certificate_of_the_gradient() -> None:
    def unnamed(x: Tensor) -> Tensor:
        return 1e8 + (x[..., 0] > 0.1).double()

    with pytest.raises(ArithmeticError, match="name every jump"):
        grad_by_quadrature(unnamed, point(0.0), 0.5, ())


def test_moments_of_a_scaled_and_shifted_objective_are_sums_over_its_values() -> None:
    f, theta = 2 * Heaviside() - 3, point(0.2)
    found, sums = f.smoothed_moments(theta, 0.5), moments_by_quadrature(f, theta, 0.5, [0.0])
    for exact, summed in zip(found, sums, strict=True):
        torch.testing.assert_close(exact, summed, rtol=1e-9, atol=1e-10)


def test_the_slope_that_the_compiler_follows_is_the_one_of_autograd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, wall = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None], BallWall()
    expected = wall(x), slope(wall, x)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(_value_and_slope(wall, x), expected, rtol=1e-14, atol=1e-14)


def test_a_sum_in_two_variables_has_no_moments_and_says_so() -> None:
    theta = torch.zeros(2, dtype=torch.float64)
    with pytest.raises(NotImplementedError, match=r"in 2 variables .* measure them by sampling"):
        Sum(L1(), EuclideanNorm()).smoothed_moments(theta, 0.5)
