"""Evolution strategies against the mathematics of Gaussians: gradients, metrics, invariances."""

import io
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from smoothlib import L1, HeavisideAll, Quadratic
from smoothlib.noise import normal
from smoothlib.search import (
    CMAES,
    PGPE,
    SNES,
    XNES,
    ClipUp,
    OpenAIES,
    Search,
    centered_ranks,
    raw,
    standardised,
    utilities,
)

THETA = torch.tensor([0.4, -0.2, 0.7], dtype=torch.float64)
WIDTHS = torch.tensor([0.5, 0.3, 0.8], dtype=torch.float64)
FACTOR = torch.tensor([[0.5, 0, 0], [0.2, 0.4, 0], [-0.1, 0.3, 0.6]], dtype=torch.float64)
HESSIAN = torch.tensor([[-2.0, 0.5, 0.3], [0.5, -1.0, 0.2], [0.3, 0.2, -3.0]]).double()
SLOPE = torch.tensor([1.0, -0.5, 0.25]).double()
LAZY = (OpenAIES, PGPE, SNES, XNES)
ALL: tuple[type[Search], ...] = (*LAZY, CMAES)
Make = Callable[..., Search]


def bowl(x: Tensor) -> Tensor:
    """½ xᵀ H x + bᵀ x: its smoothed value has the slopes Hθ + b by θ and H/2 by Σ."""
    return ((x @ HESSIAN) * x).sum(-1) / 2 + x @ SLOPE


def sphere(x: Tensor) -> Tensor:
    return -((x - 1) ** 2).sum(-1)


def mean_and_error(draws: list[Tensor]) -> tuple[Tensor, Tensor]:
    rows = torch.stack(draws)
    return rows.mean(0), rows.std(0) / math.sqrt(len(draws))


def within_5_errors(draws: list[Tensor], truth: Tensor) -> None:
    mean, error = mean_and_error(draws)
    assert ((mean - truth).abs() < 5 * error).all(), (mean, truth, error)


# --- gradients ------------------------------------------------------------------------------


@pytest.mark.parametrize("antithetic", (False, True))
@pytest.mark.parametrize("n", (4, 300))
def test_openai_es_has_the_gradient_of_the_smoothed_value(antithetic: bool, n: int) -> None:
    """By σ: F = ½ θᵀHθ + bᵀθ + ½ σ² tr H. n = 4 would show a baseline that knows its sample."""
    sigma = 0.4
    found = [
        (search := OpenAIES(THETA, sigma, n, seed, antithetic=antithetic)).gradient(
            bowl(search.ask())
        )
        for seed in range(600)
    ]
    within_5_errors([g.theta for g in found], HESSIAN @ THETA + SLOPE)
    within_5_errors([g.width for g in found], sigma * HESSIAN.trace())


@pytest.mark.parametrize("antithetic", (False, True))
@pytest.mark.parametrize("make", (PGPE, SNES))
def test_separable_searches_have_the_gradient_by_every_width(make: Make, antithetic: bool) -> None:
    found = [
        (search := make(THETA, WIDTHS, 60, seed, antithetic=antithetic)).gradient(
            bowl(search.ask())
        )
        for seed in range(600)
    ]
    within_5_errors([g.theta for g in found], HESSIAN @ THETA + SLOPE)
    within_5_errors([g.width for g in found], WIDTHS * HESSIAN.diagonal())


@pytest.mark.parametrize("antithetic", (False, True))
def test_xnes_has_the_gradient_by_the_covariance(antithetic: bool) -> None:
    found = [
        (search := XNES(THETA, FACTOR, 60, seed, antithetic=antithetic)).gradient(
            bowl(search.ask())
        )
        for seed in range(600)
    ]
    within_5_errors([g.theta for g in found], HESSIAN @ THETA + SLOPE)
    within_5_errors([g.width for g in found], HESSIAN / 2)


@pytest.mark.parametrize("objective", (L1(), HeavisideAll(), Quadratic()))
@pytest.mark.parametrize("make", LAZY)
def test_gradients_agree_with_the_truth_of_objectives_that_jump(make: Make, objective: Any) -> None:
    found = [
        (search := make(THETA, 0.5, 100, seed)).gradient(objective(search.ask()))
        for seed in range(300)
    ]
    within_5_errors([g.theta for g in found], objective.smoothed_grad(THETA, 0.5))


@pytest.mark.parametrize("make", LAZY)
@pytest.mark.parametrize("antithetic", (False, True))
def test_a_constant_neither_moves_nor_costs_variance(make: Make, antithetic: bool) -> None:
    search = make(THETA, 0.5, 40, 1, antithetic=antithetic)
    values = bowl(search.ask())
    plain, lifted = search.gradient(values), search.gradient(values + 1e6)
    torch.testing.assert_close(lifted.theta, plain.theta, atol=1e-7, rtol=1e-7)
    torch.testing.assert_close(lifted.width, plain.width, atol=1e-7, rtol=1e-7)


def divergence(start: Tensor, spread: Tensor, theta: Tensor, covariance: Tensor) -> Tensor:
    """KL divergence of N(start, spread) from N(theta, covariance)."""
    away = theta - start
    inverse = torch.linalg.inv(covariance)
    trace = (inverse @ spread).diagonal().sum()
    return (trace + away @ inverse @ away + torch.logdet(covariance)) / 2


@pytest.mark.parametrize("make", (PGPE, SNES))
def test_the_natural_gradient_is_fishers_inverse_times_the_gradient(make: Make) -> None:
    """Fisher's information is the Hessian of the divergence, here by autograd."""
    search = make(THETA, WIDTHS, 20, 3)
    values = bowl(search.ask())
    true, natural = search.gradient(values), search.natural_gradient(values)  # type: ignore[attr-defined]
    at = torch.cat((THETA, WIDTHS))
    fisher = torch.autograd.functional.hessian(
        lambda p: divergence(THETA, torch.diag(WIDTHS**2), p[:3], torch.diag(p[3:] ** 2)), at
    )
    torch.testing.assert_close(fisher @ torch.cat(natural), torch.cat(true))


def test_the_natural_gradient_of_one_width_and_of_a_covariance() -> None:
    search: Any = OpenAIES(THETA, 0.4, 20, 3)
    values = bowl(search.ask())
    true, natural = search.gradient(values), search.natural_gradient(values)
    at = torch.cat((THETA, torch.tensor([0.4]).double()))
    one = torch.eye(3).double()
    fisher = torch.autograd.functional.hessian(
        lambda p: divergence(THETA, 0.4**2 * one, p[:3], p[3] ** 2 * one), at
    )
    flat = torch.cat((natural.theta, natural.width[None]))
    torch.testing.assert_close(fisher @ flat, torch.cat((true.theta, true.width[None])))

    search = XNES(THETA, FACTOR, 20, 3)
    values = bowl(search.ask())
    true, natural = search.gradient(values), search.natural_gradient(values)
    covariance = FACTOR @ FACTOR.T
    fisher = torch.autograd.functional.hessian(
        lambda p: divergence(THETA, covariance, p[:3], p[3:].view(3, 3)),
        torch.cat((THETA, covariance.flatten())),
    )
    flat = torch.cat((natural.theta, natural.width.flatten()))
    expected = torch.cat((true.theta, true.width.flatten()))
    torch.testing.assert_close(fisher @ flat, expected)


# --- steps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [SNES, XNES])
def test_the_rate_of_the_width_is_the_one_that_was_asked_for(make: Make) -> None:
    """In logarithms of the volume the change is proportional to the rate."""
    changes = []
    for rate in (0.0, 0.25, 0.5):
        search = make(THETA, 0.5, 12, 5, lr_sigma=rate)
        search.step(bowl)
        widths = search.sigma if search.sigma.ndim == 1 else torch.linalg.svdvals(search.sigma)
        changes.append(float((widths / 0.5).log().sum()))
    assert changes[0] == pytest.approx(0, abs=1e-12) and abs(changes[1]) > 1e-3
    assert changes[2] == pytest.approx(2 * changes[1], rel=1e-9)


def test_snes_makes_the_step_of_the_paper() -> None:
    search = SNES(THETA, WIDTHS, 7, 5)
    eps = normal(5, 7, 3, dtype=torch.float64)
    values = bowl(THETA + WIDTHS * eps)
    search.step(bowl)
    best = sorted(range(7), key=lambda i: -float(values[i]))
    u = [max(0.0, math.log(7 / 2 + 1) - math.log(k)) for k in range(1, 8)]
    u = [x / sum(u) - 1 / 7 for x in u]
    moved = sum(u[k] * eps[i] for k, i in enumerate(best))
    spread = sum(u[k] * (eps[i] ** 2 - 1) for k, i in enumerate(best))
    eta = (3 + math.log(3)) / (5 * math.sqrt(3))
    torch.testing.assert_close(search.theta, THETA + WIDTHS * moved)
    torch.testing.assert_close(search.sigma, WIDTHS * torch.exp(eta / 2 * spread))


def test_xnes_makes_the_step_of_the_paper() -> None:
    search = XNES(THETA, FACTOR, 7, 5)
    eps = normal(5, 7, 3, dtype=torch.float64)
    values = bowl(torch.stack([THETA + FACTOR @ e for e in eps]))
    search.step(bowl)
    best = sorted(range(7), key=lambda i: -float(values[i]))
    u = [max(0.0, math.log(7 / 2 + 1) - math.log(k)) for k in range(1, 8)]
    u = [x / sum(u) - 1 / 7 for x in u]
    moved = sum(u[k] * eps[i] for k, i in enumerate(best))
    spread = sum(u[k] * (torch.outer(eps[i], eps[i]) - torch.eye(3)) for k, i in enumerate(best))
    eta = 0.6 * (3 + math.log(3)) / (3 * math.sqrt(3))
    grown = torch.from_numpy(scipy.linalg.expm(eta / 2 * np.asarray(spread)))
    torch.testing.assert_close(search.theta, THETA + FACTOR @ moved)
    torch.testing.assert_close(search.sigma, FACTOR @ grown)


def test_openai_es_and_pgpe_climb_the_true_gradient() -> None:
    sgd = partial(torch.optim.SGD, lr=0.1)
    for search in (
        OpenAIES(THETA, 0.4, 20, 3, optimiser=sgd),
        PGPE(THETA, WIDTHS, 20, 3, optimiser=sgd, lr_sigma=0.003),
    ):
        values = bowl(search.ask())
        g = search.gradient(values)
        before = search.sigma
        search.tell(values)
        torch.testing.assert_close(search.theta, THETA + 0.1 * g.theta)
        if isinstance(search, PGPE):
            torch.testing.assert_close(search.sigma, before + 0.003 * g.width)
        else:
            assert search.sigma == before


def test_pgpe_never_changes_a_width_by_more_than_its_share() -> None:
    search = PGPE(THETA, WIDTHS, 20, 3, lr_sigma=1e6, max_change=0.2)
    search.step(bowl)
    ratio = search.sigma / WIDTHS
    assert ((ratio - 0.8).abs().minimum((ratio - 1.2).abs()) < 1e-12).all()


@pytest.mark.parametrize(
    ("make", "far"),
    [
        (partial(OpenAIES, sigma=0.1, n=40, optimiser=partial(torch.optim.SGD, lr=0.1)), 1e-8),
        (partial(OpenAIES, sigma=0.1, n=40, optimiser=partial(ClipUp, lr=0.02)), 0.05),
        (partial(PGPE, sigma=0.5, n=40, optimiser=partial(torch.optim.SGD, lr=0.1)), 1e-8),
        (partial(SNES, sigma=0.5), 1e-6),
        (partial(SNES, sigma=0.5, antithetic=True), 1e-6),
        (partial(XNES, sigma=0.5), 1e-3),
        (partial(CMAES, sigma=0.5), 1e-8),
    ],
)
def test_each_finds_the_top_of_a_sphere(make: Make, far: float) -> None:
    search = make(torch.zeros(5, dtype=torch.float64), seed=2)
    curve = search.run(sphere, 200, progress=False)
    assert curve.shape == (200,) and curve[-1] > curve[0]
    assert (search.theta - 1).norm() < far


# --- invariances ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    (SNES, XNES, partial(OpenAIES, shape=centered_ranks), partial(PGPE, shape=utilities)),
)
def test_ranks_are_blind_to_increasing_functions_of_f(make: Make) -> None:
    one, other = (make(THETA, 0.5, seed=4) for _ in range(2))
    for _ in range(30):
        one.step(bowl)
        other.step(lambda x: (3 * bowl(x)).exp() - 7)
    assert torch.equal(one.theta, other.theta)
    assert one.theta.isfinite().all() and not torch.equal(one.theta, THETA)


def test_xnes_commutes_with_affine_maps() -> None:
    warp = torch.tensor([[2.0, 1, 0], [-1, 1, 3], [0.5, 0, 1]]).double()
    shift = torch.tensor([3.0, -1, 2]).double()
    back = torch.linalg.inv(warp)
    here = XNES(THETA, FACTOR, seed=6)
    there = XNES(warp @ THETA + shift, warp @ FACTOR, seed=6)
    for _ in range(40):
        here.step(bowl)
        there.step(lambda y: bowl((y - shift) @ back.T))
    torch.testing.assert_close(there.theta, warp @ here.theta + shift)
    torch.testing.assert_close(there.sigma, warp @ here.sigma)


def test_snes_commutes_with_units_of_the_coordinates() -> None:
    units = torch.tensor([10.0, 0.1, 3.0]).double()
    here, there = SNES(THETA, WIDTHS, seed=6), SNES(units * THETA, units * WIDTHS, seed=6)
    for _ in range(40):
        here.step(bowl)
        there.step(lambda y: bowl(y / units))
    torch.testing.assert_close(there.theta, units * here.theta)
    torch.testing.assert_close(there.sigma, units * here.sigma)


# --- the population -------------------------------------------------------------------------


@pytest.mark.parametrize("make", LAZY)
@pytest.mark.parametrize("antithetic", (False, True))
def test_members_are_gaussian_around_theta(make: Make, antithetic: bool) -> None:
    search = make(THETA, 0.5, 4_000, 9, antithetic=antithetic)
    z = (search.ask() - THETA) / 0.5
    if antithetic:
        torch.testing.assert_close(z[0::2], -z[1::2])
        z = z[0::2]
    assert (z.mean(0).abs() < 5 / math.sqrt(len(z))).all()
    assert ((z.T @ z / len(z) - torch.eye(3)).abs() < 5 * math.sqrt(2 / len(z))).all()


@pytest.mark.parametrize("make", ALL)
def test_asking_changes_nothing_and_a_part_is_a_part(make: Make) -> None:
    search = make(THETA, 0.5, 70, 9)
    for _ in range(2):
        whole = search.ask()
        assert torch.equal(search.ask(range(10, 30)), whole[10:30])
        assert torch.equal(search.ask(), whole)
        search.tell(bowl(whole))


@pytest.mark.parametrize("make", ALL)
def test_generations_and_members_have_noise_of_their_own(make: Make) -> None:
    """One seed for all workers would give each the same member, and a population of rank 1."""
    theta = torch.zeros(40, dtype=torch.float64)
    search = make(theta, 1.0, 20, 9)
    first = search.ask()
    same = torch.cat([make(theta, 1.0, 20, 9).ask(range(2)) for _ in range(10)])
    assert torch.linalg.matrix_rank(same) <= 2
    pairs = getattr(search, "antithetic", False)
    assert torch.linalg.matrix_rank(first) == (10 if pairs else 20)
    search.tell(torch.zeros(20))  # all agree
    both = torch.cat((first, search.ask() - search.theta))
    assert torch.linalg.matrix_rank(both) == (20 if pairs else 40)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("batch", (1, 2, 7, 64, 1_000))
def test_batches_cover_the_members_in_order(make: Make, batch: int) -> None:
    search = make(THETA, 0.5, 100, 9)
    sizes: list[int] = []

    def f(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return x[:, 0] + 2 * x[:, 1]

    x = search.ask()
    assert torch.equal(search.evaluate(f, batch=batch), x[:, 0] + 2 * x[:, 1])
    assert torch.equal(search.evaluate(f, range(20, 50), batch), (x[:, 0] + 2 * x[:, 1])[20:50])
    assert max(sizes) <= max(batch, 2) and sum(sizes) == 130


@pytest.mark.parametrize("make", LAZY)
def test_nobody_keeps_a_population(make: Make) -> None:
    n, d = 600, 40
    search = make(torch.zeros(d), 1.0, n, 1)
    search.step(sphere)
    held = 0
    for thing in [*vars(search).values(), *getattr(search.optimiser, "state", {}).values()]:  # type: ignore[attr-defined]
        for tensor in thing.values() if isinstance(thing, dict) else [thing]:
            held += tensor.numel() if isinstance(tensor, Tensor) else 0
    assert held <= 5 * d + d * d * (make is XNES)


def test_dtype_follows_theta_and_the_default_size_is_the_papers() -> None:
    for make in ALL:
        for dtype in (torch.float32, torch.float64):
            search = make(THETA.to(dtype), 0.5)
            assert search.ask().dtype == dtype and search.n in (7, 8)
            search.step(bowl if dtype == torch.float64 else sphere)
            assert search.theta.dtype == dtype
    assert SNES(torch.zeros(100), 1.0).n == 17 and OpenAIES(torch.zeros(100), 1.0).n == 18


# --- state ----------------------------------------------------------------------------------

STATEFUL = (
    partial(OpenAIES, optimiser=partial(torch.optim.Adam, lr=0.05), shape=centered_ranks),
    partial(OpenAIES, optimiser=partial(ClipUp, lr=0.05)),
    PGPE,
    SNES,
    partial(XNES, antithetic=True),
    CMAES,
)


@pytest.mark.parametrize("make", STATEFUL)
def test_a_state_goes_on_to_the_bit(make: Make) -> None:
    straight, stopped = (make(THETA, 0.5, 12, 8) for _ in range(2))
    for _ in range(10):
        straight.step(bowl)
    for _ in range(4):
        stopped.step(bowl)
    stopped.ask()
    file = io.BytesIO()
    torch.save(stopped.state_dict(), file)
    stopped.step(bowl)  # what was saved is no view of what moves on
    file.seek(0)
    resumed = make(torch.zeros(3, dtype=torch.float64), 9.0, 12, 8)
    resumed.load_state_dict(torch.load(file))
    for _ in range(6):
        resumed.step(bowl)
    assert torch.equal(resumed.theta, straight.theta)
    assert torch.equal(torch.as_tensor(resumed.sigma), torch.as_tensor(straight.sigma))
    assert resumed.generation == 10 and resumed.evaluations == 120


def test_a_run_that_is_interrupted_goes_on_where_it_stood() -> None:
    straight, broken = (SNES(THETA, 0.5, 12, 8) for _ in range(2))
    curve = straight.run(bowl, 10, progress=False)

    def f(x: Tensor) -> Tensor:
        if broken.generation == 6:
            raise KeyboardInterrupt
        return bowl(x)

    with pytest.raises(KeyboardInterrupt):
        broken.run(f, 10, progress=False)
    rest = broken.run(bowl, 4, progress=False)
    assert torch.equal(broken.theta, straight.theta) and torch.equal(rest, curve[6:])


def test_a_run_stops_when_it_is_told_to() -> None:
    search = SNES(THETA, 0.5)
    curve = search.run(bowl, 100, until=lambda s: s.generation == 5, progress=False)
    assert len(curve) == 5 == search.generation


def test_neither_numpy_nor_torch_is_seeded() -> None:
    before = np.random.get_state()[1].copy(), torch.get_rng_state().clone()  # type: ignore[index]
    for make in ALL:
        make(THETA, 0.5, 12, 8).run(bowl, 3, progress=False)
    after = np.random.get_state()[1], torch.get_rng_state()  # type: ignore[index]
    assert (before[0] == after[0]).all() and torch.equal(before[1], after[1])


# --- weights --------------------------------------------------------------------------------


def test_ranks_and_utilities_in_numbers() -> None:
    values = torch.tensor([3.0, -10.0, 5.0, 4.0]).double()
    expected = torch.tensor([-1 / 6, -1 / 2, 1 / 2, 1 / 6]).double()
    torch.testing.assert_close(centered_ranks(values), expected)
    u = torch.tensor([math.log(3), math.log(3 / 2), 0, 0]).double()
    u = 4 * u / u.sum() - 1
    torch.testing.assert_close(utilities(values), u[[2, 3, 0, 1]])
    away = values - 0.5
    torch.testing.assert_close(standardised(values), away / away.square().mean().sqrt())
    assert raw(values) is values


@pytest.mark.parametrize("shape", (centered_ranks, utilities, standardised))
def test_members_of_equal_value_weigh_alike(shape: Callable[[Tensor], Tensor]) -> None:
    values = torch.tensor([1.0, 2, 2, 0, 2, 1]).double()
    w = shape(values)
    assert abs(float(w.sum())) < 1e-12
    assert w[1] == w[2] == w[4] > w[0] == w[5] >= w[3]
    assert (shape(torch.full((5,), 7.0)).abs() < 1e-12).all()


@pytest.mark.parametrize("shape", (centered_ranks, utilities))
def test_ties_get_the_mean_of_their_places(shape: Callable[[Tensor], Tensor]) -> None:
    apart = shape(torch.arange(6.0).double())
    tied = shape(torch.tensor([0.0, 1, 1, 1, 4, 5]).double())
    torch.testing.assert_close(tied[1:4], apart[1:4].mean().expand(3))
    torch.testing.assert_close(tied[[0, 4, 5]], apart[[0, 4, 5]])


def test_minus_infinity_ranks_last_and_nan_is_refused() -> None:
    search = SNES(THETA, 0.5, 8)
    values = bowl(search.ask())
    values[2] = -torch.inf
    search.tell(values)
    assert search.theta.isfinite().all()


# --- ClipUp ---------------------------------------------------------------------------------


def test_clipup_steps_by_lengths() -> None:
    theta = torch.zeros(2, dtype=torch.float64)
    optimiser = ClipUp([theta], lr=0.1, momentum=0.9, max_speed=0.15)
    speeds = []
    for scale in (1.0, 1e6, 1e-6):
        before = theta.clone()
        theta.grad = -scale * torch.tensor([3.0, 4.0]).double()
        optimiser.step()
        speeds.append(theta - before)
    along = torch.tensor([0.6, 0.8]).double()
    for moved, length in zip(speeds, (0.1, 0.15, 0.15), strict=True):
        torch.testing.assert_close(moved, length * along)
    theta.grad = torch.zeros(2, dtype=torch.float64)
    before = theta.clone()
    optimiser.step()
    torch.testing.assert_close(theta - before, 0.9 * 0.15 * along)
    assert ClipUp([theta], lr=0.1).param_groups[0]["max_speed"] == 0.2


# --- the door -------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SNES([1.0, 2.0], 0.5), ("[1.0, 2.0]", "torch.as_tensor")),  # type: ignore[arg-type]
        (lambda: SNES(torch.ones(2, 2), 0.5), ("(2, 2)", "reshape(-1)")),
        (lambda: SNES(torch.ones(2).long(), 0.5), ("int64", "floating-point")),
        (lambda: SNES(torch.tensor([torch.nan]), 0.5), ("nan", "finite")),
        (lambda: SNES(THETA, 0.0), ("sigma = 0.0", "above 0")),
        (lambda: OpenAIES(THETA, -1.0), ("sigma = -1.0", "above 0")),
        (lambda: PGPE(THETA, -WIDTHS), ("-0.5", "one for each of the 3")),
        (lambda: XNES(THETA, torch.zeros(3, 3)), ("(3, 3)", "cholesky")),
        (lambda: XNES(THETA, 0.1, lr_sigma=-1.0), ("lr_sigma = -1.0", "None")),
        (lambda: PGPE(THETA, 0.1, max_change=1.0), ("max_change = 1.0", "(0, 1)")),
        (lambda: SNES(THETA, 0.5, 1), ("n = 1", "at least 2")),
        (lambda: OpenAIES(THETA, 0.5, 7), ("n = 7", "even")),
        (lambda: CMAES(torch.ones(1), 0.5), ("d = 1", "XNES")),
        (lambda: SNES(THETA, 0.5, seed=2**70), ("64 bits",)),
        (lambda: SNES(THETA, 0.5, 8).ask(range(4, 9)), ("range(4, 9)", "range(8)")),
        (lambda: OpenAIES(THETA, 0.5, 8).ask(range(1, 8)), ("range(1, 8)", "pair")),
        (lambda: SNES(THETA, 0.5, 8).tell(torch.ones(7)), ("(7,)", "(8,)", "ask()")),
        (lambda: SNES(THETA, 0.5, 2).tell(torch.tensor([1, torch.nan])), ("member 1", "nan")),
        (lambda: CMAES(THETA, 0.5, 4).tell(torch.full((4,), -torch.inf)), ("member 0", "-inf")),
        (lambda: OpenAIES(THETA, 0.5, 4).tell(torch.full((4,), torch.inf)), ("member 0", "inf")),
        (lambda: SNES(THETA, 0.5, 8).step(lambda x: x), ("(8, 3)", "map (m, d) to (m,)")),
        (lambda: ClipUp([THETA.clone()], lr=-1.0), ("lr = -1.0", "above 0")),
        (
            lambda: SNES(THETA, 0.5, 8).load_state_dict(XNES(THETA, 0.5, 8).state_dict()),
            ("search = 'XNES'", "'SNES'"),
        ),
        (
            lambda: SNES(THETA, 0.5, 8).load_state_dict(SNES(THETA, 0.5, 9).state_dict()),
            ("n = 9", "8"),
        ),
    ],
)
def test_bad_input_raises_with_the_value_and_the_remedy(
    make: Callable[[], Any], words: tuple[str, ...]
) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("make", [OpenAIES, partial(PGPE, optimiser=partial(ClipUp, lr=0.1))])
def test_a_state_is_a_copy_on_the_way_out_and_on_the_way_in(make: Make) -> None:
    """Steps after `state_dict` do not reach it, nor do those of a search that has loaded it."""
    f = Quadratic(-torch.eye(3, dtype=torch.float64))
    search = make(torch.ones(3, dtype=torch.float64), 0.1, 8, 0)
    for _ in range(3):
        search.step(f)
    state = search.state_dict()
    search.step(f)
    wanted = search.theta.clone()
    for _ in range(2):
        search.load_state_dict(state)
        search.step(f)
        assert torch.equal(search.theta, wanted)


def test_a_state_with_an_optimiser_goes_only_where_one_is() -> None:
    theta = torch.zeros(2, dtype=torch.float64)
    without, with_one = SNES(theta, 1.0, 4), SNES(theta, 1.0, 4, optimiser=partial(ClipUp, lr=0.1))
    without.theta += 1
    for state, search in ((without.state_dict(), with_one), (with_one.state_dict(), without)):
        before = search.theta.clone()
        with pytest.raises(ValueError, match="optimiser, this search has"):
            search.load_state_dict(state)
        assert torch.equal(search.theta, before)


def test_one_infinite_value_has_no_standard_score() -> None:
    search = SNES(torch.zeros(2, dtype=torch.float64), 1.0, 4, shape=standardised)
    with pytest.raises(ValueError, match=r"value of member 2 is -inf.*centered_ranks"):
        search.tell(torch.tensor([1.0, 2.0, -math.inf, 0.0]))


def test_xnes_takes_a_covariance_whose_determinant_is_below_every_float() -> None:
    search = XNES(torch.zeros(400, dtype=torch.float64), 0.1 * torch.eye(400, dtype=torch.float64))
    assert search.sigma.shape == (400, 400)
    bad = torch.diag(torch.tensor([math.inf, 1.0], dtype=torch.float64))
    with pytest.raises(ValueError, match="an invertible"):
        XNES(torch.zeros(2, dtype=torch.float64), bad)
