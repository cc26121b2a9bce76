"""Lecture 09: every numbered equation and every number in its prose, checked."""

import math
import re
import subprocess
import sys
from functools import partial

import nbformat
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from course import lab
from course.allocations import peak
from course.tiny_text import OURS
from course.widgets import natural, populations, shaping, tuning, workers
from course.widgets.populations import GENERATIONS, LANDSCAPES, SEARCHES, bend, ridge
from course.widgets.workers import climb
from smoothlib import (
    SNES,
    CartPole,
    Heaviside,
    Linear,
    Quadratic,
    ThreeHumpCamel,
    ant,
    centered_ranks,
    environments,
    first_order,
    learn_ant,
    mezo_step,
    normal,
    returns,
    standardised,
    variance_exact,
    zero_order,
)
from smoothlib import noise as noise_module
from tests.prose import Prose

LECTURE = nbformat.read(lab.REPO / "lectures" / "09_nes.ipynb", as_version=4)
PROSE = Prose("09_nes")
says = PROSE.says
CAMEL = ThreeHumpCamel()
POINT = torch.tensor([0.7, -0.3], dtype=torch.float64)


def noise(n: int, d: int = 1, seed: int = 21) -> Tensor:
    return normal(seed, n, d, dtype=torch.float64)


def plane_mean(part: object) -> Tensor:
    """E part(ε) in the plane, exact for polynomials of degree 39 in each coordinate."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    x, w = torch.from_numpy(nodes), torch.from_numpy(weights)
    eps, weight = torch.cartesian_prod(x, x), torch.outer(w, w).flatten() / math.tau
    rows = part(eps)  # type: ignore[operator]
    return (weight.reshape(-1, *[1] * (rows.ndim - 1)) * rows).sum(0)


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def within_5_errors(rows: Tensor, truth: float) -> None:
    assert abs(float(rows.mean()) - truth) < 5 * float(rows.std()) / math.sqrt(len(rows))


def source(cell: str) -> str:
    return next(str(c.source) for c in LECTURE.cells if c.id == cell)


def test_every_numbered_equation_has_a_test() -> None:
    assert PROSE.untested(globals()) == []


def test_figures_are_numbered_in_order() -> None:
    numbers = [int(n) for n in re.findall(r"\*\*Figure (\d+)\*?\*?[.\s]", PROSE.text)]
    assert numbers == list(range(1, 12))


# --- the equations ------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.2, 0.9])
def test_equation_9_1(sigma: float) -> None:
    """By finite differences of F, itself by quadrature."""

    def F(theta: Tensor) -> Tensor:
        return plane_mean(lambda e: CAMEL(theta + sigma * e))

    step = 1e-4 * torch.eye(2, dtype=torch.float64)
    slope = torch.stack([(F(POINT + s) - F(POINT - s)) / 2e-4 for s in step])
    found = plane_mean(lambda e: CAMEL(POINT + sigma * e)[:, None] * e) / sigma
    torch.testing.assert_close(found, slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 1000.0])
def test_equation_9_2(level: float) -> None:
    """The level drops out of each pair, not only of the mean."""
    sigma = 0.4

    def rows(e: Tensor) -> Tensor:
        up, down = CAMEL(POINT + sigma * e) + level, CAMEL(POINT - sigma * e) + level
        return (up - down)[:, None] * e / (2 * sigma)

    close(plane_mean(rows), CAMEL.smoothed_grad(POINT, sigma))
    some = noise(50, 2)
    without = (CAMEL(POINT + sigma * some) - CAMEL(POINT - sigma * some))[:, None] * some
    torch.testing.assert_close(rows(some), without / (2 * sigma))


def test_equation_9_3() -> None:
    """Against the divergence that torch knows, and against the integral in one dimension."""
    sigma, delta = 0.3, torch.tensor([0.2, -0.5], dtype=torch.float64)
    here, moved = (torch.distributions.Normal(m, sigma) for m in (0 * delta, delta))
    known = torch.distributions.kl_divergence(here, moved).sum()
    assert float(known) == pytest.approx(float(delta @ delta) / (2 * sigma**2))
    p, q = norm(0, sigma), norm(0.2, sigma)
    whole = quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), -4, 4)[0]
    assert whole == pytest.approx(0.2**2 / (2 * sigma**2))


def test_equation_9_4() -> None:
    """The score by autograd, its square by quadrature; and the divergence's second derivative."""
    sigma = 0.3

    def score(e: Tensor) -> Tensor:
        x = (POINT + sigma * e).detach()
        theta = POINT.expand_as(x).clone().requires_grad_(True)
        log_p = torch.distributions.Normal(theta, sigma).log_prob(x).sum()
        return torch.autograd.grad(log_p, theta)[0]

    information = plane_mean(lambda e: score(e)[:, :, None] * score(e)[:, None, :])
    close(information, torch.eye(2, dtype=torch.float64) / sigma**2)
    eps = noise(20, 2)
    close(score(eps), eps / sigma)


def test_equation_9_5() -> None:
    """Of all steps with one divergence the natural gradient's gains most, and it is σ E[f ε]."""
    sigma = 0.4
    gradient = CAMEL.smoothed_grad(POINT, sigma)
    found = sigma * plane_mean(lambda e: CAMEL(POINT + sigma * e)[:, None] * e)
    close(found, sigma**2 * gradient)
    search = SNES(POINT, sigma, n=8)
    values = CAMEL(search.ask())
    close(search.natural_gradient(values).theta, sigma**2 * search.gradient(values).theta)


def test_equation_9_5_gains_most_where_the_cloud_is_flat() -> None:
    widths = torch.tensor([1.2, 0.1], dtype=torch.float64)
    gradient = torch.tensor([0.65, 1.25], dtype=torch.float64)
    around = torch.linspace(0, math.tau, 3601, dtype=torch.float64)
    steps = widths * torch.stack((around.cos(), around.sin()), -1)  # all of divergence 1/2
    best = steps[(steps @ gradient).argmax()]
    natural = widths**2 * gradient
    assert float(best @ natural / best.norm() / natural.norm()) == pytest.approx(1, abs=1e-6)


def test_equation_9_6() -> None:
    """Each is the Fisher information's inverse times the derivative of F, by differences."""
    widths = torch.tensor([0.5, 0.2], dtype=torch.float64)

    def F(theta: Tensor, sigma: Tensor) -> Tensor:
        return plane_mean(lambda e: CAMEL(theta + sigma * e))

    fisher = plane_mean(lambda e: ((e**2 - 1) / widths) ** 2)
    close(fisher, 2 / widths**2)
    means = plane_mean(lambda e: CAMEL(POINT + widths * e)[:, None] * e)
    squares = plane_mean(lambda e: CAMEL(POINT + widths * e)[:, None] * (e**2 - 1))
    for j in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[j] = 1e-4
        by_mean = (F(POINT + step, widths) - F(POINT - step, widths)) / 2e-4
        by_width = (F(POINT, widths + step) - F(POINT, widths - step)) / 2e-4
        wanted = widths[j] ** 2 * by_mean, by_width / fisher[j]
        assert float(widths[j] * means[j]) == pytest.approx(float(wanted[0]), rel=1e-5)
        assert float(widths[j] / 2 * squares[j]) == pytest.approx(float(wanted[1]), rel=1e-5)


@pytest.mark.parametrize("n", [2, 5])
def test_equation_9_7(n: int) -> None:
    """A fitness of 0, 1 and 3, with equals: P(win) by hand, the left side by many populations."""

    def f(x: Tensor) -> Tensor:
        return (x > -0.3).double() + 2.0 * (x > 0.8)

    edges = norm.cdf([-np.inf, -0.3, 0.8, np.inf])
    mass = np.diff(edges)
    beaten = np.cumsum(mass) - mass  # P(f' < f) of each of the three values
    tilt = -np.diff(norm.pdf([-np.inf, -0.3, 0.8, np.inf]))  # E ε on each interval
    claimed = float(((beaten + mass / 2 - 0.5) * tilt).sum())
    eps = noise(20_000 * n).view(-1, n)
    rows = torch.stack([(centered_ranks(f(row)) * row).mean() for row in eps])
    within_5_errors(rows, claimed)


@pytest.mark.parametrize("slope", [0.1, 2.0])
def test_equation_9_8(slope: float) -> None:
    assert quad(lambda e: norm.cdf(e) * e * norm.pdf(e), -12, 12)[0] == pytest.approx(
        1 / (2 * math.sqrt(math.pi))
    )
    sigma = 0.5
    eps = noise(4000 * 6).view(-1, 6)
    rows = torch.stack([(centered_ranks(slope * sigma * e) * e).mean() / sigma for e in eps])
    within_5_errors(rows, 1 / (2 * math.sqrt(math.pi) * sigma))


@pytest.mark.parametrize("n", [3, 10])
def test_equation_9_9(n: int) -> None:
    sigma = 0.5
    eps = noise(4000 * n).view(-1, n)
    rows = torch.stack([(standardised(2 * sigma * e + 7) * e).mean() / sigma for e in eps])
    claimed = math.sqrt(2 / n) * math.gamma(n / 2) / math.gamma((n - 1) / 2) / sigma
    within_5_errors(rows, claimed)


@pytest.mark.parametrize("n", [2, 8])
def test_equation_9_10(n: int) -> None:
    f = Quadratic(-1.0)
    point = torch.tensor([0.4], dtype=torch.float64)
    one = float(variance_exact(f, point, 0.3).zero_order)
    rows = zero_order(f, point, 0.3, noise(n * 20_000))[:, 0]
    own, same = rows.view(-1, n).mean(1), rows[:20_000, None].expand(-1, n).mean(1)
    for means, wanted in ((own, one / n), (same, one)):
        within_5_errors((means - f.smoothed_grad(point, 0.3)) ** 2, wanted)


def test_equation_9_11() -> None:
    """By the formula, with the noise of its address; `test_mezo` holds the rest."""
    module = torch.nn.Module()
    module.theta = torch.nn.Parameter(POINT.clone())
    mezo_step(module, lambda: CAMEL(module.theta), 0.3, 0.05, seed=8, step=2)
    eps = normal(8, range(2, 3), 2, dtype=torch.float64)[0]
    slope = (CAMEL(POINT + 0.3 * eps) - CAMEL(POINT - 0.3 * eps)) / (2 * 0.3)
    close(module.theta.detach(), POINT + 0.05 * slope * eps)


ANT = lab.REPO / "lectures" / "trained" / "ant.pt"
H = torch.tensor([[3.0, 0.5], [0.5, 1.0]], dtype=torch.float64)


def quadratic(x: Tensor) -> Tensor:
    return ((x @ H) * x).sum(-1) / 2 + x[..., 0]


def expected(eta: float, g: Tensor, H: Tensor) -> float:
    """What (9.12) adds to the loss."""
    price = (g @ g) * H.trace() + 2 * g @ H @ g
    return float(-eta * g @ g + eta**2 / 2 * price)


@pytest.mark.parametrize("eta", [0.1, 0.7])
def test_equation_9_12(eta: float) -> None:
    """The mean over all noise, exactly; and that the pair gives the slope along it exactly."""
    sigma, g = 0.4, POINT @ H + torch.tensor([1.0, 0.0], dtype=torch.float64)

    def after(e: Tensor) -> Tensor:
        slope = (quadratic(POINT + sigma * e) - quadratic(POINT - sigma * e)) / (2 * sigma)
        close(slope, e @ g)
        return quadratic(POINT - eta * slope[:, None] * e)

    found = float(plane_mean(after) - quadratic(POINT))
    assert found == pytest.approx(expected(eta, g, H), rel=1e-9)


def test_equation_9_13() -> None:
    """Below the bound every slope gains, above it one loses; of equal curvatures it is (3.15)."""
    values, vectors = torch.linalg.eigh(H)
    bound = 2 / float(H.trace() + 2 * values[-1])
    slopes = noise(200, 2)
    assert all(expected(0.999 * bound, g, H) < 0 for g in slopes)
    assert expected(1.001 * bound, vectors[:, -1], H) > 0
    r = float(H.trace() / values[-1])
    assert bound == pytest.approx(2 / float(values[-1]) / (r + 2))
    for d in (1, 7):
        one = torch.eye(d, dtype=torch.float64)
        assert (
            expected(0.999 * 2 / (d + 2), one[0], one) < 0 < expected(2.001 / (d + 2), one[0], one)
        )


# --- the numbers --------------------------------------------------------------------------


def test_cartpole_is_as_described() -> None:
    assert math.degrees(environments.ANGLE_LIMIT) == pytest.approx(12) and says("more than 12°")
    assert environments.X_LIMIT == 2.4 and says("2.4 m from the middle")
    assert environments.TAU == 0.02 and says("every 0.02 s")
    assert CartPole().horizon == 500 and says("after 500 steps")
    assert Linear(4, 2, bias=False).d == 8 and says("eight coordinates")


def test_random_policies_fall() -> None:
    names: dict = {}
    exec(source("fitness"), names)
    lasted = returns(names["environment"], names["policy"], names["someone"], 1, 0)
    assert int((lasted < 11).sum()) > 5 and says("Most are near 10")


def test_the_ridge_is_as_steep_as_said_and_the_tops_are_known() -> None:
    along = torch.tensor([math.cos(0.5), math.sin(0.5)], dtype=torch.float64)
    across = torch.stack((-along[1], along[0]))
    top = along
    ratio = ridge((top + 0.1 * across)[None]) / ridge((top + 0.1 * along)[None])
    assert float(ratio) == pytest.approx(20) and says("20 times as steep across as along")
    for f, best in ((ridge, top), (bend, torch.ones(2, dtype=torch.float64)), (CAMEL, 0 * top)):
        assert float(f(best[None])) == pytest.approx(0, abs=1e-12)
        assert populations._top(f) == pytest.approx(0, abs=1e-9)


def run(name: str, landscape: str = "a narrow ridge", sigma: float = 0.3, seed: int = 0):  # type: ignore[no-untyped-def]
    f, start = LANDSCAPES[landscape]
    search = SEARCHES[name](torch.tensor(start, dtype=torch.float64), sigma, n=20, seed=seed)
    return populations._Path(search, f), search


def test_the_three_searches_on_the_ridge() -> None:
    paths = {name: run(name)[0] for name in SEARCHES}
    gap = {name: -path.values for name, path in paths.items()}
    assert float(gap["xNES"][-1]) < float(gap["SNES"][-1]) < 1e-2
    assert float(gap["PGPE"][-1]) > 1
    later = gap["xNES"][8:].log()
    time = torch.arange(len(later), dtype=torch.float64)
    assert float(torch.corrcoef(torch.stack((time, later)))[0, 1]) < -0.95  # a straight line


def test_steps_of_pgpe_grow_as_its_cloud_gets_thin() -> None:
    path, search = run("PGPE")
    steps = path.means.diff(dim=0).norm(dim=1)
    assert float(steps[-5:].mean()) > 2 * float(steps[:5].mean())
    assert float(search.sigma.max()) < 0.3
    quiet = run("SNES")[0].means.diff(dim=0).norm(dim=1)
    assert float(quiet[-5:].mean()) < 0.1 * float(quiet[:5].mean())


def test_a_large_cloud_sees_over_the_valley() -> None:
    found = [[-float(run(name, "three humps", sigma, seed)[0].values[-1]) for seed in range(5)]
             for name in ("SNES", "xNES") for sigma in (0.03, 1.0)]  # fmt: skip
    side = 0.2986  # how much lower the hump beside it is
    for small, large in (found[:2], found[2:]):
        assert min(small) > side - 1e-3
        assert max(large) < 1e-3


def test_the_angle_between_the_two_gradients() -> None:
    figure = natural()
    assert "**0°**" in figure.answer(sigma1=0.7, sigma2=0.7).readout[2]
    flat = figure.answer(sigma1=1.2, sigma2=0.1).readout[2]
    assert int(re.findall(r"\*\*(\d+)°", flat)[0]) > 45


def test_the_reparameterised_estimate_is_zero_at_a_step() -> None:
    eps, theta = noise(4000, seed=1), torch.tensor([0.2], dtype=torch.float64)
    assert float(first_order(Heaviside(), theta, 0.5, eps).abs().max()) == 0
    truth = float(Heaviside().smoothed_grad(theta, 0.5))
    within_5_errors(zero_order(Heaviside(), theta, 0.5, eps)[:, 0], truth)


def test_who_wins_and_who_falls() -> None:
    assert round(1 / norm.sf(2)) == 44 and says("one child in 44 wins 100")
    assert round(1 / norm.sf(1.2)) == 9 and says("one child in nine falls 30 deep")
    figure = shaping()
    names = ("a slope", "a slope with a jackpot", "a slope with an abyss")
    slope, jackpot, abyss = (figure.answer(landscape=name).readout for name in names)
    assert all("**200**" in line for line in slope[1:] + jackpot[1:])
    assert "**183**" in abyss[1] and says("183 of 200 times along")
    assert "**30**" in abyss[3] and says("170 of 200 times against")


def test_the_sides_of_the_abyss_by_quadrature() -> None:
    """∇F points away from it, and the gradient of the ranks towards it."""

    def f(x: float) -> float:
        return 2 * x - 30 * (x > 1.2)

    truth = quad(lambda e: f(e) * e * norm.pdf(e), -12, 12, points=(1.2,))[0]
    win = quad(lambda e: (norm.cdf(e) + norm.sf(1.2)) * e * norm.pdf(e), -12, 1.2)[0]
    win += quad(lambda e: (norm.cdf(e) - norm.cdf(1.2)) * e * norm.pdf(e), 1.2, 12)[0]
    assert truth < -3 and win > 0.05


def test_the_printed_means_of_ranks_and_standardised_values() -> None:
    assert 1 / (2 * math.sqrt(math.pi)) == pytest.approx(0.2821, abs=5e-5) and says("0.2821")
    mean = math.sqrt(2 / 10) * math.gamma(5) / math.gamma(4.5)
    assert mean == pytest.approx(0.9227, abs=5e-5) and says("(9.9) says 0.9227")


def test_the_training_of_the_lecture() -> None:
    names: dict = {}
    exec(source("fitness"), names)
    exec(source("train"), names)
    assert names["search"].evaluations == 480 and says("480 episodes")
    assert float(names["fresh"]) == 500 and says("in each of 100 episodes")
    assert round(float(names["curve"][3])) == 405 and says("the mean of the generation is 405")
    x, _ = tuning._played(names["populations"][3], 3)
    assert bool(x[:, 0].isfinite().all()) and says("that of the parent 500")
    assert not bool(x.isfinite().all())
    standing = [bool(tuning._played(p, g)[0][:, 0].isfinite().all())
                for g, p in enumerate(names["populations"][:3])]  # fmt: skip
    assert standing == [False, False, True]


def test_the_cells_of_the_table() -> None:
    solved = {
        name: (tuning.learn(*method)[1] >= tuning.SOLVED).sum(-1)
        for name, method in tuning.METHODS.items()
    }
    derived, mirrored, standard, ranks = (int((c == 5).sum()) for c in solved.values())
    assert derived == 0 and says("*no* cell is solved")
    assert 1 <= mirrored <= 4 and says("up to a third of the cells")
    assert all(5 <= count <= 7 for count in (standard, ranks)) and says("it is about half")
    by_ranks = solved["ranks, mirrored"] == tuning.SEEDS
    assert by_ranks[2:].tolist() == [[False, False, True]] * 2 and says("only $\\eta = 1$ works")


def test_the_workers_and_the_trap() -> None:
    figure = workers()
    own, same = figure.answer(), figure.answer(same=True)
    assert "rank **2**" in own.readout[1][1] and "rank **1**" in same.readout[1][1]
    path, eps, _ = climb(6, 0, True)
    turned = path.diff(dim=0)[:, 0] * eps[:, 0, 1] - path.diff(dim=0)[:, 1] * eps[:, 0, 0]
    assert float(turned.abs().max()) < 1e-12  # each step along the one noise
    assert bool((eps == eps[:, :1]).all())


def test_two_processes_agree_to_the_bit() -> None:
    """As the lecture runs it, in fewer generations."""
    command = "-m smoothlib.search CartPole --members 32 --generations 2 --shares 4".split()
    two = "-m torch.distributed.run --standalone --nproc-per-node 2".split()
    ends = [subprocess.run([sys.executable, *start, *command], capture_output=True, text=True,
                           check=True, cwd=lab.REPO).stdout for start in ([], two)]  # fmt: skip
    assert "sha256" in ends[0] and ends[0] == ends[1]
    assert all(" ".join(part) in " ".join(source("torchrun-run").split()) for part in (two,))


def test_figures_have_as_many_generations_as_the_prose_says() -> None:
    assert GENERATIONS == 25 and tuning.ROUNDS == 20 and says("20 generations of 32 children")
    assert tuning.MEMBERS == 32 and tuning.SEEDS == 5


# --- the ant and the small language -------------------------------------------------------


def test_the_ant_is_as_described() -> None:
    assert learn_ant.POLICY.d == 224 and learn_ant.POLICY.observation_size == 27
    assert ant.DT == 0.05 and ant.Ant().horizon == 1000 and says("an episode has 1000 steps")
    assert (learn_ant.PAIRS, learn_ant.BEST) == (20, 10) and says("20 pairs a generation")
    assert learn_ant.TRIALS == 4 and says("the mean of four episodes")
    kept = torch.load(ANT, weights_only=True)
    assert says(f"ant.pt --seed 4 --generations {kept['search']['generation']}")
    curve = kept["curve"]
    best = curve[curve[:, 3].argmax()]
    assert says(f"to {best[3]:.0f} in generation {best[0]:.0f}")
    assert says(f"after {best[1] / 1e6:.1f} million steps and ten minutes")
    assert best[2] / 60 == pytest.approx(10, rel=0.05)
    assert float(curve[curve[:, 0] <= 50, 3].mean()) == pytest.approx(994, rel=0.05)
    assert float(curve[curve[:, 0] > 50, 3].min()) > 1250 and says("For some 50 generations")


@pytest.mark.slow
@pytest.mark.usefixtures("no_jaxtyping")
def test_the_ant_scores_what_is_said() -> None:
    """On another processor an episode ends otherwise in its last digits, not on average."""
    found = learn_ant.score(torch.load(ANT, weights_only=True)["theta"], 10)
    assert says("Gymnasium's own Ant-v5: 2434 on average over ten, and 994 for no action")
    assert float(found.mean()) == pytest.approx(2434, abs=60)


@pytest.mark.usefixtures("no_jaxtyping")
def test_the_ant_runs_as_far_as_is_said() -> None:
    world = ant.Ant(False, threads=1, dtype=torch.float64)
    theta, state = torch.load(ANT, weights_only=True)["theta"], world.reset(4, 1)
    for _ in range(240):
        state = world.step(state, learn_ant.POLICY(theta, world.observe(state))).state
    assert float(state.x.mean()) == pytest.approx(21, abs=1.5) and says("the ant runs 21 m")


@pytest.mark.usefixtures("no_jaxtyping")
def test_random_actions_earn_what_is_said_of_them() -> None:
    n = 50
    world = ant.Ant(False, threads=1, dtype=torch.float64)
    state, total = world.reset(n, 5), torch.zeros(n, dtype=torch.float64)
    running = torch.ones(n, dtype=torch.bool)
    for t in range(1000):
        eps = normal(6, n, range(8 * t, 8 * t + 8), dtype=torch.float64)
        state, reward, terminated, _ = world.step(state, 2 * torch.special.ndtr(eps) - 1)
        total, running = total + reward, running & ~terminated
        if not running.any():
            break
    within_5_errors(total, -49)
    assert float(total.std()) < 100 and says("Random actions earn −49")


@pytest.fixture(scope="module")
def tuned() -> dict:
    """The names of the cells that train the language model and fine-tune it."""
    names: dict = {"torch": torch}
    for cell in ("language-train", "mezo-run", "gradient-run", "memory"):
        exec(source(cell), names)
    exec(source("effective-rank-measured"), names)
    return names


def test_the_language_model_is_as_described(tuned: dict) -> None:
    model, right = tuned["model"], tuned["right"]
    assert sum(p.numel() for p in model.parameters()) == 7660 and says("with 7660 parameters")
    assert right(model, tuned["sentences"](OURS, 1000, seed=2)) == 1
    assert right(model, tuned["unseen"]) == pytest.approx(0.75, abs=0.03)
    assert says("a quarter of the endings is wrong") and len(tuned["changed"]) == 128
    words = {tuned["text"](row) for row in tuned["sentences"](OURS, 3000, seed=0)}
    assert "a heavy ball hits the wall and it sticks" in words


def test_mezo_and_the_gradient_learn_the_change_at_the_price_that_is_said(tuned: dict) -> None:
    for way in ("tuned", "climber"):
        assert tuned["right"](tuned[way], tuned["unseen"]) > 0.99 and says("every sentence")
    by_mezo, by_gradient = -tuned["by_mezo"], -torch.tensor(tuned["by_gradient"])
    pairs, steps = (int((losses < 0.1).nonzero()[0]) + 1 for losses in (by_mezo, by_gradient))
    assert says("costs the gradient 18 evaluations and MeZO 172, ten times as many")
    assert 3 * steps == 18 and 2 * pairs == pytest.approx(172, rel=0.1)


def test_the_memory_is_what_is_said(tuned: dict) -> None:
    found = [[round(number, 1) for number in row] for row in tuned["megabytes"]]
    assert found[1] == [2.7, 1.0] and says("backpropagation takes 2.7 MB and MeZO 1.0 MB")
    assert found[3] == [9.4, 1.0] and says("with eight, 9.4 MB and still 1.0 MB")

    def run() -> None:
        with torch.no_grad():
            tuned["log_p"](tuned["deep"])

    assert peak(run) / 1e6 == tuned["megabytes"][3][1] and says("exactly what it takes to run")


def test_the_noise_keeps_what_is_said_whatever_the_model() -> None:
    for width in (1000, 2000):
        layer = torch.nn.Linear(width, width)
        for kept in (noise_module._scratch, noise_module._places):
            kept.cache_clear()
        taken = peak(partial(mezo_step, layer, lambda: 0.0, 1e-3, 0.0, 0, 0))
        assert 7e6 < taken < 8e6 and says("at most 8 MB whatever the model")


def test_the_effective_rank_is_what_is_said(tuned: dict) -> None:
    bent = tuned["bent"]
    assert bent.trace == pytest.approx(130, rel=0.1) and bent.standard_error < 12
    assert bent.largest == pytest.approx(42, rel=0.1) and says("$\\lambda = 42$")
    assert round(bent.effective_rank) == 3 and says("an effective rank of about 3")
    assert says("a fifth of the gradient's. Ours were a twentieth, 0.001 and 0.02")
    assert "lr=1e-3" in source("mezo-run") and "alpha=0.02" in source("gradient-run")
