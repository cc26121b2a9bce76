"""The seeds' claims (ledger B), one test each: what holds, in which regime, and what is false.

Seeds 000, 002 and 003, as far as they concern estimators, and ascent in one step or open loop.
B003-4's closed loop and B003-7 are in test_claims_08.py. Not testable as mathematics: B002-4's
clock.
"""

import math
from functools import cache, partial

import numpy as np
import pytest
import torch
from torch import Tensor

from smoothlib import (
    L1,
    BallThrow,
    BallWall,
    Heaviside,
    HeavisideAll,
    Objective,
    PassFailBar,
    PiecewiseLinear,
    Quadratic,
    SoftStep,
    Spike,
    TopHat,
    Wiggle,
)
from smoothlib.ascent import annealed, ascend
from smoothlib.estimators import antithetic, finite_difference, first_order, zero_order
from smoothlib.noise import normal
from smoothlib.smoothing import boundary_term
from smoothlib.statistics import (
    Variances,
    bias_exact,
    estimate,
    optimal_baseline,
    rmse,
    variance_exact,
)

BALL, WALL = BallThrow(), BallWall()
STARTS = (0.3, 0.6, 1.0, 1.45)
THETAS = torch.linspace(0.05, 1.5, 30).double()[:, None, None]  # the ledger's grid
SIGMAS = torch.logspace(math.log10(0.02), 0, 25).double()
GRIPPER = PiecewiseLinear()


def point(*x: float) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


def noise(n: int, d: int = 1, seed: int = 0) -> Tensor:
    return normal(seed, n, d, dtype=torch.float64)


def truth(f: Objective, theta: float, sigma: float) -> float:
    return float(f.smoothed_grad(point(theta), sigma))


def limit(f: Objective, theta: float, sigma: float) -> float:
    """What the first-order mean tends to."""
    return truth(f, theta, sigma) + float(bias_exact(f, point(theta), sigma))


def variances(f: Objective, theta: float, sigma: float) -> dict[str, float]:
    found = variance_exact(f, point(theta), sigma)._asdict()
    return {name: float(value) for name, value in found.items()}


def climb(
    starts: tuple[float, ...], sigmas: Tensor, f: Objective = WALL, blind: bool = False
) -> Tensor:
    """Where 400 plain steps of 2e-3 along ∇F end, 0.05 at most each; (starts,).

    `sigmas` is (400,) or (400, starts). A blind climber follows the first-order mean instead.
    """

    def uphill(theta: Tensor, _: float, step: int) -> Tensor:
        x, sigma = theta[:, None], sigmas[step]
        jumps = boundary_term(f.jumps(), x, sigma) if blind else 0.0
        return (f.smoothed_grad(x, sigma) - jumps)[:, 0].clamp(-25, 25)

    return ascend(point(*starts), uphill, [0.0] * 400, partial(torch.optim.SGD, lr=2e-3))[-1]


def constant(sigma: float) -> Tensor:
    """A schedule that stays."""
    return torch.full((400,), sigma, dtype=torch.float64)


@cache
def on_the_grid(f: Objective) -> tuple[Variances, Tensor, Tensor]:
    """Exact variances, first-order bias and ∇F at every θ and σ of the grid."""
    found = variance_exact(f, THETAS, SIGMAS)
    return found, bias_exact(f, THETAS, SIGMAS), f.smoothed_grad(THETAS, SIGMAS)


def share(cells: Tensor) -> float:
    """Of the cells that are true."""
    return float(cells.double().mean())


def highest(f: Objective, sigma: float, grid: Tensor) -> float:
    """The maximiser of F on a grid."""
    return float(grid[f.smoothed(grid[:, None], sigma).argmax()])


def slope(x: list[float], y: list[float]) -> float:
    """Of log y against log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


# --- 000: what makes RL tick ------------------------------------------------------------------


def test_B000_1_the_ball_without_a_wall_is_concave_only_within_a_right_angle() -> None:
    x = torch.linspace(-3, 3, 601).double()[:, None]
    bend = BALL(x + 1e-3) + BALL(x - 1e-3) - 2 * BALL(x)
    assert torch.equal(bend < 0, x[:, 0].abs() < math.pi / 2)
    ends = climb((-3.0, -1.0, 0.5, 3.0), constant(1e-3), BALL)
    assert float(ends.abs().max()) < 1e-4


@pytest.mark.parametrize("start", (0.3, 0.6, 1.0, 1.3, 1.45))
def test_B000_2_with_the_wall_plain_ascent_ends_on_a_plateau(start: float) -> None:
    def clipped(theta: Tensor, sigma: float, step: int) -> Tensor:
        return first_order(WALL, theta, 1e-9, torch.zeros(1, 1).double())[0].clamp(-25, 25)

    path = ascend(point(start), clipped, [1.0] * 400, partial(torch.optim.SGD, lr=2e-3))
    assert float(WALL(path[-1])) <= WALL.x_w + 0.01
    assert not clipped(path[-1], 1.0, 0).any()  # flat, no strict local optimum


def test_B000_3_smoothing_helps_ascent_in_a_window_of_widths() -> None:
    sigmas = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
    ends = climb(STARTS * 7, point(*sigmas).repeat_interleave(4).expand(400, -1))
    value = dict(zip(sigmas, WALL(ends[:, None]).reshape(7, 4), strict=True))
    for sigma in (0.02, 0.05):
        assert bool((value[sigma][:2] == 5).all())  # 0.3 and 0.6 do not move
    for sigma in (0.1, 0.15):
        assert value[sigma][0] == 5 and value[sigma][1] > 9
    for sigma in (0.2, 0.25, 0.3):
        assert bool((value[sigma] > 9).all())


def test_B000_3_too_much_smoothing_puts_the_optimum_behind_the_wall() -> None:
    grid = torch.linspace(0, 1.5, 3001).double()
    reached = {s: float(WALL(point(highest(WALL, s, grid)))) for s in (0.2, 0.3, 0.35, 0.4, 1.0)}
    assert reached[0.2] > 9 and reached[0.3] > 9
    assert reached[0.35] == reached[0.4] == reached[1.0] == pytest.approx(5)
    assert highest(WALL, 0.4, grid) == pytest.approx(0.795, abs=2e-3)
    assert highest(WALL, 1.0, grid) == pytest.approx(0.073, abs=2e-3)


def test_B000_3_annealing_gets_the_best_of_both() -> None:
    ends = climb((0.6, 1.0, 1.45), annealed(0.3, 0.01, 400))
    assert float(WALL(ends[:, None]).min()) == pytest.approx(12.56, abs=0.1)
    wide = climb((0.6, 1.0, 1.45), constant(0.3))
    assert float(WALL(wide[:, None]).max()) < 12.1


def test_B000_3_the_first_order_gradient_of_the_same_noise_never_gets_there() -> None:
    sigmas = point(0.05, 0.1, 0.2, 0.3).repeat_interleave(4).expand(400, -1)
    ends = climb(STARTS * 4, sigmas, blind=True)
    assert float(WALL(ends[:, None]).max()) <= 5


def test_B000_5_policy_gradients_are_consistent_and_first_order_ones_are_not() -> None:
    assert truth(WALL, 0.9, 0.1) == pytest.approx(20.3631101445)
    assert limit(WALL, 0.9, 0.1) == pytest.approx(-9.84369681687)
    for n in (100, 10_000, 1_000_000):
        policy = estimate(WALL, point(0.9), 0.1, n, 1)
        blind = estimate(WALL, point(0.9), 0.1, n, 1, first_order)
        assert float(policy.mean) == pytest.approx(20.363, abs=5 * float(policy.standard_error))
        assert float(blind.mean) == pytest.approx(-9.844, abs=5 * float(blind.standard_error))
    assert float(policy.standard_error) < 0.1


def test_B000_5_first_order_has_the_wrong_sign_on_half_of_the_grid() -> None:
    _, bias, g = on_the_grid(WALL)
    seen = ((g + bias).abs() > 1e-9) & (g.abs() > 1e-9)  # below, signs are rounding
    wrong = share(seen & ((g + bias).sign() != g.sign()))
    assert 0.3 < wrong <= 0.51 <= wrong + share(~seen)


def test_B000_4_a_policy_gradient_needs_log_probabilities_and_samples_of_the_world() -> None:
    """Five steps of a linear system with quadratic cost; the exact slope is from second moments."""
    a, b, q, r, sigma, n = 0.9, 0.5, 1.0, 0.1, 0.3, 100_000

    def exact(k: Tensor) -> Tensor:
        value, moment = torch.zeros(()).double(), torch.ones(()).double()
        for _ in range(5):
            value = value - (q + r * k**2) * moment - r * sigma**2
            moment = (a + b * k) ** 2 * moment + b**2 * sigma**2
        return value

    k = torch.tensor(-0.4).double().requires_grad_()
    (slope,) = torch.autograd.grad(exact(k), k)
    assert float(slope) == pytest.approx(-2.182683507)

    eps, state, total = noise(n, 5), torch.ones(n).double(), torch.zeros(n).double()
    gains = torch.full((n,), -0.4).double().requires_grad_()  # one for each episode, one score each
    log = torch.zeros(n).double()
    for step in range(5):
        policy = torch.distributions.Normal(gains * state, sigma)
        with torch.no_grad():  # the world: what comes out of it is all that is known of it
            action = policy.mean + sigma * eps[:, step]
            total -= q * state**2 + r * action**2
            following = a * state + b * action
        log, state = log + policy.log_prob(action), following
    (score,) = torch.autograd.grad(log.sum(), gains)
    rows = total * score
    error = 5 * float(rows.std()) / math.sqrt(n)
    assert float(rows.mean()) == pytest.approx(float(slope), abs=error)


@pytest.mark.parametrize("f", (BALL, WALL, Heaviside(), L1(), PassFailBar(), GRIPPER, Wiggle()))
def test_B000_6_policy_gradients_are_unbiased(f: Objective) -> None:
    for theta, sigma in ((0.05, 0.3), (0.9, 0.1)):
        found = estimate(f, point(theta), sigma, 20_000, 2, zero_order)
        error = 5 * float(found.standard_error) + 1e-12
        assert float(found.mean) == pytest.approx(truth(f, theta, sigma), abs=error)


@pytest.mark.parametrize(
    "f", (Quadratic(), L1(), BALL, SoftStep(1.0), SoftStep(1e-2), SoftStep(1e-5)), ids=str
)
def test_B000_7_first_order_is_unbiased_for_a_lipschitz_objective(f: Objective) -> None:
    for theta, sigma in ((0.1, 0.3), (-0.4, 1.0)):
        assert float(bias_exact(f, point(theta), sigma)) == pytest.approx(0, abs=1e-9)


def test_B000_8_first_order_has_less_variance_only_in_a_regime() -> None:
    calm = variances(BALL, 0.6, 0.1)
    assert calm["first_order"] < 0.02 * calm["finite_difference"] < 0.02 * calm["zero_order"]
    corner = variances(L1(), 0.0, 0.5)
    assert corner["first_order"] == pytest.approx(1) and corner["antithetic"] == pytest.approx(0)
    assert corner["optimal"] == pytest.approx(0.45352091053)
    wide = variances(BALL, 0.3, 1.0)
    assert wide["first_order"] > wide["zero_order"]
    wiggly = variances(Wiggle(0.1, 1.0, 100.0), 0.3, 1.0)
    assert wiggly["first_order"] > 1_000 * wiggly["zero_order"]


@pytest.mark.parametrize(
    ("other", "z"), [("optimal", 0.7867779783630), ("antithetic", 1.0534249969605)]
)
def test_B000_8_on_the_absolute_value_the_two_cross_at_a_known_distance(
    other: str, z: float
) -> None:
    for side in (-1, 1):
        v = variances(L1(), (z + side * 1e-6) * 0.5, 0.5)
        assert (v["first_order"] < v[other]) == (side > 0)


@pytest.mark.parametrize("estimator", (first_order, finite_difference, zero_order))
def test_B000_9_the_bias_measured_without_a_wall_is_noise_that_falls_with_the_repeats(
    estimator: object,
) -> None:
    name = estimator.__name__  # type: ignore[attr-defined]
    rows = estimator(BALL, point(0.6), 0.1, noise(50 * 1_024 * 64))  # type: ignore[operator]
    means = rows.reshape(64, 1_024, 50).mean(-1) - truth(BALL, 0.6, 0.1)
    repeats = [1, 4, 16, 64, 256, 1_024]
    seen = [float(means.reshape(64, -1, m).mean(-1).abs().mean()) for m in repeats]
    assert slope([float(m) for m in repeats], seen) == pytest.approx(-0.5, abs=0.05)
    floor = math.sqrt(2 / math.pi * variances(BALL, 0.6, 0.1)[name] / 50)
    assert seen[0] == pytest.approx(floor, rel=0.05)


def test_B000_10_the_standard_deviation_of_first_order_is_linear_in_sigma_not_its_variance() -> (
    None
):
    sigmas = [0.01, 0.02, 0.05, 0.1]
    for theta in (0.3, 0.6, 1.0):
        v = [variances(BALL, theta, s)["first_order"] for s in sigmas]
        assert slope(sigmas, v) == pytest.approx(2, abs=0.05)
        assert v[0] == pytest.approx(400 * 1e-4 * math.cos(theta) ** 2, rel=1e-2)
    v = [variances(BALL, math.pi / 2, s)["first_order"] for s in sigmas]
    assert slope(sigmas, v) == pytest.approx(4, abs=0.05)
    assert variances(BALL, 0.6, 10.0)["first_order"] == pytest.approx(200)


def test_B000_11_policy_gradient_variance_is_constant_in_sigma_only_with_a_baseline() -> None:
    plain, centred = (
        [variances(BALL, 0.6, s)[name] for s in (0.01, 0.03, 0.1)]
        for name in ("zero_order", "finite_difference")
    )
    assert slope([0.01, 0.03, 0.1], plain) == pytest.approx(-2, abs=0.02)
    assert variances(BALL, 0.6, 0.01)["zero_order"] == pytest.approx(2.72e6, rel=1e-2)
    assert variances(BALL, 0.6, 1.0)["finite_difference"] < 1.6 * min(centred)
    assert centred[0] == pytest.approx(2 * (20 * math.sin(0.6)) ** 2, rel=1e-2)
    nothing = [variances(BALL, math.pi / 2, s)["zero_order"] for s in (0.01, 0.1, 0.3)]
    assert max(nothing) / min(nothing) < 1.2  # f(θ) = 0: no baseline needed


def test_B000_12_the_wall_biases_first_order_and_policy_gradients_never() -> None:
    for theta, sigma, bias in ((0.9, 0.1, -30.2068), (0.6, 0.1, -0.7222), (0.4, 0.05, 0.0)):
        found = float(bias_exact(WALL, point(theta), sigma))
        assert found == pytest.approx(bias, abs=1e-3)
        assert float(bias_exact(BALL, point(theta), sigma)) == pytest.approx(0, abs=1e-9)
    calmer = variances(WALL, 0.6, 0.1)["zero_order"] / variances(BALL, 0.6, 0.1)["zero_order"]
    assert math.sqrt(calmer) == pytest.approx(0.327, abs=1e-3)  # the plateau is lower, that is all


def test_B000_13_less_bias_is_less_error_only_on_about_half_of_the_grid() -> None:
    v, bias, _ = on_the_grid(WALL)
    blind = rmse(bias, v.first_order, 50)
    plain, centred = (rmse(0 * bias, part, 50) for part in (v.zero_order, v.finite_difference))
    erring = blind > 1e-6  # far from the jumps both are right to rounding
    assert share((plain < blind) & erring) == pytest.approx(0.41, abs=0.01)
    assert share((centred < blind) & erring) == pytest.approx(0.52, abs=0.01)


def test_B000_14_the_wall_raises_first_order_variance_here_and_lowers_it_there() -> None:
    def ratio(theta: float, sigma: float) -> float:
        return (
            variances(WALL, theta, sigma)["first_order"]
            / variances(BALL, theta, sigma)["first_order"]
        )

    assert ratio(0.9, 0.05) == pytest.approx(140, rel=0.02)
    assert ratio(1.2, 0.02) == pytest.approx(529, rel=0.02)
    assert ratio(0.6, 0.1) == pytest.approx(0.28, abs=0.01)
    wall, ball = on_the_grid(WALL)[0], on_the_grid(BALL)[0]
    tenfold = wall.first_order >= 10 * ball.first_order
    assert share(tenfold) == pytest.approx(0.29, abs=0.03)
    change = wall.zero_order / ball.zero_order
    assert share((change > 0.5) & (change < 2)) == pytest.approx(0.33, abs=0.03)


def test_B000_15_the_value_without_noise_is_a_good_baseline_only_near_the_best_one() -> None:
    for f, part in ((WALL, 0.76), (BALL, 0.87)):
        v, _, _ = on_the_grid(f)
        reduced = v.finite_difference < v.zero_order
        best = optimal_baseline(f, THETAS, SIGMAS)
        assert torch.equal(reduced, (f(THETAS)[..., None] - best).abs() < best.abs())
        assert share(reduced) == pytest.approx(part, abs=0.03)
    worse = [
        (BALL, 0.3, 1.0, 120.130695199, 485.197818181),
        (WALL, 0.8, 1.0, 90.0030650623, 156.358006832),
        (TopHat(0.02, 0.08, 0.2), 0.05, 0.05, 0.825987856475, 15.1740121435),
        (PassFailBar(h_b=3.0), 1.2, 0.5, 1.39685881215, 1.96766284346),
    ]
    for g, theta, sigma, without, with_it in worse:
        v = variances(g, theta, sigma)
        assert v["zero_order"] == pytest.approx(without)
        assert v["finite_difference"] == pytest.approx(with_it)


def test_B000_16_smooth_does_not_mean_that_first_order_is_better() -> None:
    gentle, stiff = Wiggle(0.1, 1.0, 0.1), Wiggle(0.1, 1.0, 30.0)
    for f, better in ((gentle, True), (stiff, False)):
        v = variances(f, 0.5, 1.0)
        assert (v["first_order"] < v["optimal"]) == better


def test_B000_17_nor_discontinuous_that_policy_gradients_are() -> None:
    far, near = ((0.3, 0.05), (0.9, 0.1))
    for (theta, sigma), better in ((far, True), (near, False)):
        bias = bias_exact(WALL, point(theta), sigma)
        v = variance_exact(WALL, point(theta), sigma)
        blind = rmse(bias, v.first_order, 50)
        assert bool(blind < rmse(0 * bias, v.zero_order, 50)) == better
    plateau = variances(WALL, 0.3, 0.01)
    assert plateau["zero_order"] == pytest.approx(250_000) and plateau["first_order"] < 1e-20


def test_B000_18_policy_gradient_variance_is_bounded_by_the_size_of_the_objective_too() -> None:
    constant = PiecewiseLinear((0.0,), (10.0,), (10.0,))
    v = variances(constant, 0.3, 0.5)["zero_order"]
    assert v == pytest.approx(10**2 / 0.5**2) and v > 1 / 0.5**2  # 400, where 4 was promised


def test_B000_19_it_depends_on_an_added_constant_and_not_on_derivatives() -> None:
    step, raised = Heaviside(), Heaviside() + 3.0
    assert variances(raised, 0.1, 0.5)["zero_order"] > 5 * variances(step, 0.1, 0.5)["zero_order"]
    assert truth(raised, 0.1, 0.5) == pytest.approx(truth(step, 0.1, 0.5))
    ramps = [variances(SoftStep(w), 0.1, 0.5)["optimal"] for w in (1e-2, 1e-4, 1e-6)]
    assert ramps == pytest.approx([variances(step, 0.1, 0.5)["optimal"]] * 3, rel=2e-2)


def test_B000_20_first_order_variance_has_no_one_over_sigma_squared() -> None:
    for sigma in (0.1, 1.0, 3.0):
        assert variances(L1(), 0.0, sigma)["first_order"] == pytest.approx(1)
    assert 1 > 1 / 3.0**2  # the bound that was promised at σ = 3


def test_B000_21_the_bias_bound_vanishes_exactly_where_there_is_bias() -> None:
    bias = abs(float(bias_exact(Heaviside(), point(0.0), 0.5)))
    assert bias == pytest.approx(0.797884560803)
    assert variances(Heaviside(), 0.0, 0.5)["first_order"] == limit(Heaviside(), 0.0, 0.5) == 0
    assert bias <= 1 / (0.5 * math.sqrt(math.tau)) + 1e-12  # Σ|Δ| / (σ√(2π)), attained
    tripled = abs(float(bias_exact(Heaviside(height=3.0), point(0.0), 0.5)))
    assert tripled == pytest.approx(3 * bias)  # of degree one in the reward, not two


@pytest.mark.parametrize(
    ("width", "variance", "silent"), [(0.1, 3.8, 0.13), (0.01, 39.7, 0.82), (0.001, 399.0, 0.98)]
)
def test_B000_22_empirical_bias_belongs_to_stiff_and_continuous_objectives(
    width: float, variance: float, silent: float
) -> None:
    f, repeats = SoftStep(width), 4_000
    assert variances(f, 0.0, 1.0)["first_order"] == pytest.approx(variance, rel=0.02)
    assert variances(f, 0.0, 1.0)["optimal"] == pytest.approx(0.091, abs=1e-3)
    assert float(bias_exact(f, point(0.0), 1.0)) == pytest.approx(0, abs=1e-9)
    rows = first_order(f, point(0.0), 1.0, noise(50 * repeats)).reshape(repeats, 50)
    share = float((rows == 0).all(-1).double().mean())
    assert share == pytest.approx(
        silent, abs=5 * math.sqrt(silent * (1 - silent) / repeats) + 0.005
    )


# --- 002: RL from a manipulation class --------------------------------------------------------


def quartic(x: Tensor) -> Tensor:
    return x[..., 0] ** 4


@pytest.mark.parametrize(("sigma", "ratio"), [(0.05, 1.03), (0.2, 1.48), (1.0, 13.0)])
def test_B002_1_the_expected_update_is_the_smoothed_gradient_exactly(
    sigma: float, ratio: float
) -> None:
    found = estimate(quartic, point(0.5), sigma, 400_000, 0)
    exact = ratio * 4 * 0.5**3
    assert float(found.mean) == pytest.approx(exact, abs=5 * float(found.standard_error) + 2e-3)


@pytest.mark.parametrize("theta", (-2.0, 0.0, 1.0))
def test_B002_1_the_expected_difference_alone_is_half_the_laplacian(theta: float) -> None:
    f = Quadratic()
    gain = float(f.smoothed(point(theta), 0.3)) - float(f(point(theta)))
    assert gain == pytest.approx(0.3**2 / 2)  # 0.045 everywhere: no gradient in it


def test_B002_2_every_step_is_uphill_for_a_linear_objective_and_not_for_a_curved_one() -> None:
    d = 100
    theta = torch.zeros(d).double()
    theta[0] = 1

    def linear(x: Tensor) -> Tensor:
        return x[..., 0]

    def uphill(rows: Tensor) -> tuple[float, float]:
        along = rows[:, 0]
        return float((along > 0).double().mean()), float((along / rows.norm(dim=-1)).mean())

    eps = noise(20_000, d)
    assert uphill(finite_difference(linear, theta, 0.1, eps))[0] == 1
    share, cosine = uphill(finite_difference(Quadratic(), theta, 0.1, eps))
    assert share == pytest.approx(0.503, abs=0.015) and cosine == pytest.approx(0, abs=5e-3)
    assert uphill(antithetic(Quadratic(), theta, 0.1, eps))[0] == 1


@pytest.mark.parametrize(("d", "relative"), [(10, 15.2), (100, 2753.0)])
def test_B002_3_one_sample_is_right_on_average_and_its_variance_grows_with_d(
    d: int, relative: float
) -> None:
    theta = torch.full((d,), 1 / math.sqrt(d)).double()
    exact = variance_exact(Quadratic(), theta, 0.1).finite_difference.sum()
    assert float(exact) == pytest.approx(relative, rel=1e-3)


@pytest.mark.parametrize("d", (1, 10))
def test_B002_3_the_step_size_must_be_below_two_over_d_plus_two(d: int) -> None:
    theta = torch.full((d,), 1 / math.sqrt(d)).double()
    rows = finite_difference(Quadratic(), theta, 1e-4, noise(400_000, d))
    for factor in (0.9, 1.1):
        rate = factor * 2 / (d + 2)
        square = ((theta - rate * rows) ** 2).sum(-1)
        growth = float(square.mean()) - 1
        exact = -2 * rate + (d + 2) * rate**2
        assert growth == pytest.approx(exact, abs=5 * float(square.std()) / math.sqrt(len(rows)))
        assert (exact > 0) == (factor > 1)
    assert -2 * 1 + (1 + 2) * 1**2 == 1  # as printed, without a rate: E α² doubles at each step


@pytest.mark.parametrize(("d", "least"), [(10, 200), (100, 2_000), (1_000, 200_000)])
def test_B002_4_for_equal_accuracy_zero_order_needs_far_more_samples(d: int, least: float) -> None:
    theta = torch.full((d,), 2 / math.sqrt(d)).double()
    v = variance_exact(Quadratic(), theta, 0.1)
    assert float(v.finite_difference.sum() / v.first_order.sum()) > least


@pytest.mark.parametrize(("z", "silent"), [(2.0, 0.316), (3.0, 0.935), (4.0, 0.998)])
def test_B002_5_on_a_plateau_zero_order_too_returns_exactly_zero_most_of_the_time(
    z: float, silent: float
) -> None:
    repeats, k = 2_000, 50
    for side in (-1, 1):
        rows = finite_difference(Heaviside(), point(side * z * 0.5), 0.5, noise(repeats * k))
        share = float((rows.reshape(repeats, k) == 0).all(-1).double().mean())
        assert share == pytest.approx(silent, abs=5 * math.sqrt(silent * (1 - silent) / repeats))
    without = variances(Heaviside(), 1.5, 0.5)["zero_order"] / 50
    assert math.sqrt(without) / truth(Heaviside(), 1.5, 0.5) == pytest.approx(31.7, rel=5e-3)


def test_B002_6_the_smoothed_gradient_is_nowhere_zero_but_soon_invisible() -> None:
    assert truth(Heaviside(), 2.0, 0.5) == pytest.approx(2.7e-4, rel=0.02)
    assert all(truth(Heaviside(), z * 0.5, 0.5) > 0 for z in range(-8, 9))


def test_B002_7_on_a_step_first_order_has_the_least_variance_there_is_and_is_wrong() -> None:
    v = variances(Heaviside(), 0.3, 0.5)
    assert v["first_order"] == 0 < min(v["optimal"], v["antithetic"])
    assert limit(Heaviside(), 0.3, 0.5) == 0 != truth(Heaviside(), 0.3, 0.5)


def test_B002_8_smoothing_makes_a_discontinuous_objective_continuous() -> None:
    for f in (Heaviside(), WALL, GRIPPER):
        at = float(f.jumps().theta[0])
        for h in (1e-3, 1e-6):
            gap = float(f(point(at + h)) - f(point(at - h)))
            smoothed = float(f.smoothed(point(at + h), 0.1) - f.smoothed(point(at - h), 0.1))
            assert abs(gap) > 0.05 and abs(smoothed) < 200 * h


def test_B002_9_ascent_on_the_smoothed_objective_is_not_always_better() -> None:
    grid = torch.linspace(-1, 4, 50_001).double()
    assert highest(Spike(), 0.05, grid) == pytest.approx(3, abs=0.01)
    assert highest(Spike(), 0.1, grid) == pytest.approx(0, abs=0.01)
    tent = PiecewiseLinear((0.0,), (0.0,), (0.0,), (1.0, -4.0))
    for sigma in (0.2, 0.5):
        assert highest(tent, sigma, grid) == pytest.approx(-0.8416 * sigma, abs=2e-4)
    assert abs(truth(WALL, 0.3, 0.05)) < 1e-12  # and with little noise it is as flat as before


def test_B002_10_a_smooth_version_can_be_computed_beforehand_in_few_dimensions_only() -> None:
    """A table of F, read by linear interpolation to 1 %: as many nodes an axis in any dimension."""
    f, sigma, nodes = HeavisideAll(), 0.2, 31

    def worst(d: int, m: int) -> float:
        axis = torch.linspace(-1, 1, m).double()
        grid = torch.cartesian_prod(*[axis] * d).reshape(-1, d)
        table = f.smoothed(grid, sigma).reshape(1, 1, *([m] * d))
        theta = torch.rand(4_000, d, generator=torch.Generator().manual_seed(d)).double() * 2 - 1
        if d == 1:
            read = torch.from_numpy(np.interp(theta[:, 0], axis, table.flatten()))
        else:
            at = theta.flip(-1).reshape(1, *([1] * (d - 1)), -1, d)
            read = torch.nn.functional.grid_sample(table, at, align_corners=True).flatten()
        return float((read - f.smoothed(theta, sigma)).abs().max())

    for d in (1, 2, 3):
        assert worst(d, nodes) < 0.01 < worst(d, nodes // 2)
    assert nodes**3 < 3e4 and nodes**10 > 8e14


def test_B002_11_a_clone_is_good_among_its_demonstrations_and_bad_beyond_them() -> None:
    """An expert sin 3x, seen on [-1, 1]; the clone is a layer of 40 tanh, fitted."""
    slopes, shifts = normal(0, 2, 40, dtype=torch.float64) * 2

    def layer(x: Tensor) -> Tensor:
        return torch.tanh(x[:, None] * slopes + shifts)

    seen, beyond = torch.linspace(-1, 1, 200).double(), torch.linspace(1.2, 2, 200).double()
    ridge = torch.cat((layer(seen), 1e-4 * torch.eye(40).double()))
    target = torch.cat(((3 * seen).sin(), torch.zeros(40).double()))
    weights = torch.linalg.lstsq(ridge, target[:, None]).solution[:, 0]
    inside, outside = (
        float((layer(x) @ weights - (3 * x).sin()).square().mean().sqrt())
        for x in ((seen[:-1] + seen[1:]) / 2, beyond)
    )
    assert inside < 0.01 and outside > 0.1 and outside > 30 * inside


def test_B002_12_first_order_drowns_in_ripples_that_zero_order_does_not_feel() -> None:
    v = variances(Wiggle(0.1, 1.0, 10.0), 0.3, 1.0)
    assert v["first_order"] == pytest.approx(10**2 / 2, rel=1e-3)
    assert v["optimal"] == pytest.approx(0.54, abs=0.05)


# --- 003: smoothing, the gripper, an open question ----------------------------------------------


def test_B003_1_without_the_inverse_covariance_it_is_another_vector() -> None:
    eps, sigma = noise(400_000), 0.3
    x = 0.7 + sigma * eps
    printed = (Quadratic()(x) - Quadratic()(point(0.7)))[:, None] * sigma * eps
    error = 5 * float(printed.std()) / math.sqrt(len(eps))
    assert float(printed.mean()) == pytest.approx(0.063, abs=error)  # σ² ∇F
    right = finite_difference(Quadratic(), point(0.7), sigma, eps)
    assert float(right.mean()) == pytest.approx(0.7, abs=error / sigma**2)

    root = torch.linalg.cholesky(torch.tensor([[1.0, 0.8], [0.8, 1.0]]).double())
    theta = point(1.0, 0.0)
    rows = finite_difference(Quadratic(), theta, root, noise(100_000, 2))
    natural = rows.mean(0) @ (root @ root.mT)  # what the seed's formula aims at
    torch.testing.assert_close(rows.mean(0), theta, rtol=0, atol=0.1)
    assert float(torch.cosine_similarity(natural, theta, dim=0)) < 0.9


@pytest.mark.parametrize("theta", (-1.0, 0.0, 0.3))
def test_B003_2_first_order_is_biased_on_the_heaviside(theta: float) -> None:
    z = theta / 0.5
    density = math.exp(-(z**2) / 2) / math.sqrt(math.tau) / 0.5
    assert float(bias_exact(Heaviside(), point(theta), 0.5)) == pytest.approx(-density)
    assert not first_order(Heaviside(), point(theta), 0.5, noise(1_000)).any()


def test_B003_3_on_the_gripper_the_slope_pushes_off_the_cliff() -> None:
    assert truth(GRIPPER, 0.055, 0.01) == pytest.approx(-3.350953902151)
    assert limit(GRIPPER, 0.055, 0.01) == pytest.approx(0.345731221142)
    exact = climb((0.055,), constant(0.01), GRIPPER)
    assert float(exact) == pytest.approx(0.0393, abs=2e-4)  # the maximiser of F, well inside
    assert float(GRIPPER(exact)) > 0.13

    def blind(theta: Tensor, sigma: float, step: int) -> Tensor:
        return first_order(GRIPPER, theta, sigma, noise(64, seed=step)).mean(0)

    path = ascend(point(0.055), blind, [0.01] * 400, partial(torch.optim.SGD, lr=2e-3))
    assert float(GRIPPER(path[-1])) == pytest.approx(0.04)  # dropped


def test_B003_4_open_loop_the_policy_gradient_is_randomised_smoothing() -> None:
    theta = point(0.9).requires_grad_()
    eps = noise(50)
    policy = torch.distributions.Normal(theta, 0.1)
    action = (theta + 0.1 * eps).detach()
    for k in range(50):
        log = policy.log_prob(action[k]).sum()
        (score,) = torch.autograd.grad(WALL(action[k]) * log, theta)
        torch.testing.assert_close(score, zero_order(WALL, theta, 0.1, eps)[k])


def test_B003_5_randomness_of_the_world_smooths_and_gives_no_gradient() -> None:
    sigma, tau, theta = 0.01, 0.02, 0.07
    hat, together = TopHat(0.0, 0.06, 1.0), math.hypot(0.01, 0.02)
    z, eps = noise(200_000, 2).split(1, dim=1)
    rewards = hat(theta + sigma * eps - tau * z)
    error = 5 * float(rewards.std()) / math.sqrt(len(rewards))
    exact = float(hat.smoothed(point(theta), together))
    assert float(rewards.mean()) == pytest.approx(exact, abs=error)

    def random_world(x: Tensor) -> Tensor:
        return hat(x - tau * z[: len(x)])

    assert not first_order(random_world, point(theta), sigma, eps).any()
    rows = zero_order(random_world, point(theta), sigma, eps)
    error = 5 * float(rows.std()) / math.sqrt(len(rows))
    assert float(rows.mean()) == pytest.approx(truth(hat, theta, together), abs=error)


def test_B003_6_as_the_noise_vanishes_so_does_what_it_was_for() -> None:
    sizes = [truth(Heaviside(), -0.3, s) for s in (0.3, 0.1, 0.05, 0.04)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0.5 and 0 < sizes[-1] < 1e-11


def test_B003_7_a_linear_system_with_quadratic_cost_is_learned_by_its_gradient() -> None:
    """C(k) = (q + r k²) W / (1 - (a - b k)²), not convex, yet every descent ends at Riccati's k."""
    a, b, q, r, w = 1.1, 1.0, 1.0, 0.5, 1.0

    def cost(k: Tensor) -> Tensor:
        return (q + r * k**2) * w / (1 - (a - b * k) ** 2)

    k = torch.linspace(0.11, 2.09, 2_001).double().requires_grad_()
    (slope,) = torch.autograd.grad(cost(k).sum(), k)
    spread = w / (1 - (a - b * k) ** 2)  # of the state, Σ_k; P_k = (q + r k²) Σ_k/W
    p = (q + r * k**2) * spread / w
    torch.testing.assert_close(slope, 2 * ((r + b**2 * p) * k - b * p * a) * spread)

    riccati = 1.0
    for _ in range(200):
        riccati = q + a**2 * riccati - (a * b * riccati) ** 2 / (r + b**2 * riccati)
    best = a * b * riccati / (r + b**2 * riccati)
    assert best == pytest.approx(0.8179285699)
    above = cost(k) - cost(torch.tensor(best).double())
    assert bool((slope**2 >= 7.5 * above).all())  # gradient dominance: no slope, no loss


def test_B003_7_with_two_states_the_stabilising_gains_are_not_a_convex_set() -> None:
    one = torch.tensor([[0.0, 10.0], [0.0, 0.0]]).double()  # closed loops A - BK, A = 0, B = I
    for loop, radius in ((one, 0.0), (one.mT, 0.0), ((one + one.mT) / 2, 5.0)):
        assert float(torch.linalg.eigvals(loop).abs().max()) == pytest.approx(radius)
