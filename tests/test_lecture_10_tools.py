"""Lecture 10, "Which tool": every numbered equation and every number in its prose, checked."""

import inspect
import math
import re

import nbformat
import pytest
import stable_baselines3
import torch
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm
from torch import Tensor

from course import lab, trained
from course.trained import load
from course.widgets import cloned, denoising, laboratory, two_learners, what_was_it
from course.widgets.tweedie import BEFORE
from smoothlib import ppo
from smoothlib.cloning import Demonstrations, demonstrate, log_likelihood, steps_off_course
from smoothlib.denoising import tweedie
from smoothlib.diffusion import ancestral
from smoothlib.experts import CLOSE_AT, HOLDS, lifter
from smoothlib.finite_mdp import corridor
from smoothlib.gripper import rollout
from smoothlib.gripper_env import GripperVectorEnv
from smoothlib.gymnasium_vector import GymnasiumVector
from smoothlib.noise import normal
from smoothlib.policies import Gaussian, Linear
from tests import test_lecture_10
from tests.prose import Prose

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

F64 = torch.float64
LECTURE = nbformat.read(lab.REPO / "lectures" / "10_choosing.ipynb", as_version=4)
PROSE = Prose("10_choosing")
says = PROSE.says
HUMPS = ((-1.5, 0.35, 0.6), (1.5, 0.2, 0.4))


def source(cell: str) -> str:
    return next(str(c.source) for c in LECTURE.cells if c.id == cell)


def own_text() -> str:
    """The prose of this half."""
    ids = [cell.id for cell in LECTURE.cells]
    half = LECTURE.cells[ids.index("tools") : ids.index("next")]
    return "\n\n".join(cell.source for cell in half if cell.cell_type == "markdown")


def at(x: float) -> Tensor:
    return torch.tensor([x], dtype=F64)


def before(x0: float) -> float:
    return sum(w * norm.pdf(x0, m, s) for m, s, w in HUMPS)


def over_noise(part, sigma: float) -> float:  # type: ignore[no-untyped-def]
    """E over ε by quadrature."""
    inside = lambda e: part(e) * norm.pdf(e)  # noqa: E731
    return float(quad(inside, -10, 10, limit=500, points=(-1.5 / sigma, 1.5 / sigma))[0])


def test_every_numbered_equation_has_a_test() -> None:
    """Of both halves."""
    assert PROSE.untested(globals() | vars(test_lecture_10)) == []


def test_its_figures_are_numbered_in_order() -> None:
    numbers = [int(n) for n in re.findall(r"\*\*Figure (\d+)\.\*\*", own_text())]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


# --- the equations ------------------------------------------------------------------------


def test_equation_10_12() -> None:
    """The likelihood is the squares up to a constant, and its gradient the scores, weight 1."""
    policy, sigma = Gaussian(Linear(2, 1), 0.3), 0.3
    eps = normal(1, 50, 3, dtype=F64)
    shown = Demonstrations(eps[:, :2], eps[:, 2:])
    found = []
    for theta in normal(2, 3, 3, dtype=F64):
        squares = (shown.actions - policy(theta, shown.observations)).square().sum(-1).mean()
        found.append(float(log_likelihood(policy, theta, shown) + squares / (2 * sigma**2)))
    assert found == pytest.approx([-math.log(sigma * math.sqrt(math.tau))] * 3)


@pytest.mark.parametrize(("error", "horizon"), [(0.01, 30), (0.01, 300), (0.3, 5)])
def test_equation_10_13(error: float, horizon: int) -> None:
    """Expected steps after the first error, by summing over when it comes."""
    exact = sum(error * (1 - error) ** (k - 1) * (horizon - k + 1) for k in range(1, horizon + 1))
    assert steps_off_course(error, horizon) == pytest.approx(exact)
    assert exact <= error * horizon * (horizon + 1) / 2


def test_equation_10_14() -> None:
    """Of two plans, the first by 30 percent of the experts, on a grid of means."""
    plans, share = torch.tensor([-1.0, 1.0], dtype=F64), torch.tensor([0.3, 0.7], dtype=F64)
    mu = torch.linspace(-1.5, 1.5, 3001, dtype=F64)
    error = (share * (plans - mu[:, None]).square()).sum(1)
    assert float(mu[error.argmin()]) == pytest.approx(float(share @ plans), abs=1e-3)


@pytest.mark.parametrize(("x", "sigma"), [(0.4, 0.8), (-1.0, 0.3), (2.0, 3.0)])
def test_equation_10_15(x: float, sigma: float) -> None:
    wanted = over_noise(lambda e: before(x - sigma * e), sigma)
    assert float(BEFORE.log_density(at(x), sigma).exp()) == pytest.approx(wanted, rel=1e-7)


@pytest.mark.parametrize(("x", "sigma"), [(0.4, 0.8), (-1.0, 0.3), (2.0, 3.0)])
def test_equation_10_16(x: float, sigma: float) -> None:
    """The mean by Bayes and quadrature, the slope by differences of log p_σ."""
    mass = quad(lambda y: before(y) * norm.pdf(x, y, sigma), -6, 6, points=(-1.5, 1.5))[0]
    mean = (
        quad(lambda y: y * before(y) * norm.pdf(x, y, sigma), -6, 6, points=(-1.5, 1.5))[0] / mass
    )
    up, down = (float(BEFORE.log_density(at(x + h), sigma)) for h in (1e-5, -1e-5))
    slope = torch.tensor([(up - down) / 2e-5], dtype=F64)
    assert float(tweedie(at(x), slope, sigma)) == pytest.approx(mean, abs=1e-6)


def test_equation_10_17() -> None:
    """Least squares in bins of x, from 400 000 pairs."""
    n, sigma = 400_000, 0.8
    eps = normal(5, n, 3, dtype=F64)
    x0 = BEFORE.sample(eps[:, :1], torch.special.ndtr(eps[:, 1]))[:, 0]
    x = x0 + sigma * eps[:, 2]
    for low in (-2.0, 0.0, 0.4, 1.5):
        inside = (low <= x) & (x < low + 0.05)
        guess = BEFORE.posterior_mean(x[inside, None], sigma)[:, 0]
        off = x0[inside] - guess
        assert abs(float(off.mean())) < 5 * float(off.std()) / math.sqrt(len(off))


def test_equation_10_18() -> None:
    """The step as written, and the law of its result by the algebra in the text."""
    levels = torch.tensor([2.0, 0.7, 0.0], dtype=F64)
    eps = normal(1, 2, 5, dtype=F64)[..., None]
    path = ancestral(lambda x, sigma: 0.3 * x + sigma, levels, eps)
    D, q = 0.3 * path[0] + 2.0, 0.35
    wanted = D + q**2 * (path[0] - D) + 0.7 * math.sqrt(1 - q**2) * eps[1]
    torch.testing.assert_close(path[1], wanted)
    for now, after in ((2.0, 0.7), (20.0, 19.0)):
        q = after / now
        assert q**4 * now**2 + after**2 * (1 - q**2) == pytest.approx(after**2)


@pytest.mark.parametrize(("mass", "friction"), [(0.1, 0.6), (0.3, 0.3)])
def test_equation_10_19(mass: float, friction: float) -> None:
    """In the simulator: 15 percent less force lets it slip, 15 percent more than at rest holds."""
    static = mass * trained.NOMINAL.g / (2 * friction)
    grasps = torch.tensor([[0.01, 0.85 * static], [0.01, 1.25 * static]])
    dropped, held = trained.lifted(grasps, torch.tensor([mass]), torch.tensor([friction]))[:, 0]
    assert dropped < 60 and held > 200


def test_equation_10_20() -> None:
    """Any rewards, any potential that ends at zero."""
    gamma, T = 0.9, 12
    rewards, rise = normal(1, 2, T, dtype=F64)
    rise = torch.cat((rise, torch.zeros(1, dtype=F64)))
    t = gamma ** torch.arange(T, dtype=F64)
    shaped = (t * (rewards + gamma * rise[1:] - rise[:-1])).sum()
    assert float(shaped) == pytest.approx(float((t * rewards).sum() - rise[0]))


@pytest.mark.parametrize("gamma", [0.8, 0.95])
def test_equation_10_21(gamma: float) -> None:
    threshold = (1 - gamma**2) / gamma
    turned = []
    for beta in (0.999 * threshold, 1.001 * threshold):
        bonus = torch.zeros(4, 4, dtype=F64)
        bonus[1, 2] = beta
        turned.append(int(corridor(3, gamma).with_bonus(bonus).best().actions[2]))
    assert turned == [1, 0]


# --- the numbers --------------------------------------------------------------------------


def test_the_two_programs() -> None:
    assert says("Eight seeds each, 61 thousand steps") and says("eight whole episodes")
    lines = len(inspect.getsource(ppo).splitlines())
    assert 150 < lines < 250 and says("some 200 lines")
    ours, theirs = (inspect.signature(one).parameters for one in (ppo.PPO, stable_baselines3.PPO))
    assert ours["episodes"].default == 8 and ours["epochs"].default == 10 and says("ten times")
    assert theirs["n_steps"].default == 2048 and theirs["n_epochs"].default == 10
    assert says("theirs 2048 steps") and trained.SEEDS == 8 and 15 * trained.BUDGET == 61_440
    figure = two_learners()
    early, later = figure.answer(spent=16.384).readout, figure.answer(spent=32.768).readout
    assert early[1:] == ["ours **431 ± 37**", "Stable-Baselines3 **447 ± 31**"]
    assert says("431 ± 37, theirs of 447 ± 31")
    assert later[1:] == ["ours **498 ± 1**", "Stable-Baselines3 **500 ± 0**"]
    assert says("498 ± 1 and 500")
    scores = load("ppo")["scores"]
    ends = [(round(float(row.min())), round(float(row.max()))) for row in scores[:, :, 4]]
    assert ends == [(251, 500), (240, 500)] and says("from 251 to 500, and from 240 to 500")
    assert (round(float(scores[:, :, 0].min())), round(float(scores[:, :, 0].max()))) == (9, 440)
    assert says("scores from 9 to 440")
    means = scores[0].mean(0)
    assert [round(float(means[k])) for k in (3, 4)] == [482, 431] and says("from 482 to 431")


def test_the_kept_policies_have_the_kept_scores() -> None:
    kept = load("ppo")
    for row in (0, 1):
        again = trained._scores(kept["thetas"][row, [0, 15]])
        assert float(again[1]) > 450 and float(kept["scores"][row, 0, 15]) > 450
        torch.testing.assert_close(again[0], kept["scores"][row, 0, 0], rtol=0.1, atol=5)


@pytest.fixture(scope="module")
def hand() -> dict[bool, tuple[Tensor, Tensor]]:
    """Whether the clones of narrow and of wide starts lift, and which starts are near."""
    return {
        wide: cloned.rates(cloned._episodes(cloned.clone_hand(sigma)))
        for wide, sigma in ((False, cloned.NARROW), (True, cloned.WIDE))
    }


def test_where_the_clone_lifts(hand: dict[bool, tuple[Tensor, Tensor]]) -> None:
    """A fall can hang on the last bit, so other machines may differ by some starts."""
    up, near = hand[False]
    assert (int(near.sum()), int((~near).sum())) == (25, 72)
    assert says("Of the 25 starts within 6 mm") and says("of the 72 beyond")
    assert abs(int(up[near].sum()) - 24) <= 2 and says("96 ± 5 percent")
    assert abs(int(up[~near].sum()) - 25) <= 12 and says("35 ± 6 percent")
    assert abs(int(hand[True][0][~near].sum()) - 67) <= 10 and says("lift 93 ± 3 percent")
    for wide, share in ((0.35, 0.06), (0.93, 0.03)):
        assert math.sqrt(wide * (1 - wide) / 72) == pytest.approx(share, abs=0.005)


def test_the_failure_at_12_mm() -> None:
    """Closed, above a brick that lies where it lay."""
    end = cloned._episodes(cloned.clone_hand(cloned.NARROW)).state
    k = int((cloned.STARTS - 0.012).abs().argmin())
    assert float(end.w[-1, k]) < 0.03 and float(end.z_hand[-1, k]) > 0.05
    assert float(end.z[-1, k]) < 0.03 and says("the fingers close above the brick")


def test_the_notebook_clones_as_the_figure_does() -> None:
    assert "x_sigma=0.003" in source("clone") and cloned.NARROW == 0.003
    assert says("a standard deviation of 3 mm") and says("three times as wide")
    assert 3 <= cloned.WIDE / cloned.NARROW < 3.5 and cloned.SHOWN == 20
    envs = GripperVectorEnv(2, x_sigma=0.003, **cloned.TASK)
    shown = demonstrate(GymnasiumVector(envs, horizon=30), lifter, 2, seed=0)
    assert shown.observations.shape == (60, 13) and says("600 pairs") and says("13 inputs")
    assert HOLDS == 10 and says("press with 10 N") and CLOSE_AT < 0.01


def test_the_expert_lifts_from_as_far_as_said() -> None:
    up, _ = cloned.rates(cloned._episodes(lifter))
    assert bool(up.all()) and float(cloned.STARTS.max()) == pytest.approx(0.024)
    assert says("from as far as 24 mm") and len(cloned.STARTS) == 97 and says("97 starts")


def test_what_an_error_costs() -> None:
    assert round(steps_off_course(0.01, 30)) == 4 and says("of 30 steps 4 are off course")
    assert round(steps_off_course(0.01, 300)) == 206 and says("of 300 steps 206")


def test_the_guesses_in_the_figure() -> None:
    readout = what_was_it().answer(x=0.4, sigma=0.8).readout
    assert readout[1].endswith("**+0.39**") and says("the arrow has length $0.39$")
    assert readout[2].split()[1] == readout[3].split()[-1] == "**0.79**"
    valley = brentq(lambda x: float(BEFORE.score(at(x), 0.8)), -0.5, 1.0)
    assert round(valley, 2) == 0.15 and says("in the valley, at $x = 0.15$")
    assert float(BEFORE.posterior_mean(at(3.0), 1e4)) == pytest.approx(-0.3, abs=1e-3)
    assert float(BEFORE.weights[0]) == pytest.approx(0.6) and says("60 percent of the mass")


def test_the_levels(capsys: pytest.CaptureFixture[str]) -> None:
    exec("import torch\n" + source("levels"), {})
    one, four, sixty = capsys.readouterr().out.strip().splitlines()
    assert "between the humps 1.000, sd 0.11" in one and says("with a spread of 0.11")
    assert "right 0.298, between the humps 0.101" in four and says("0.30, and a tenth")
    assert "right 0.396, between the humps 0.005" in sixty and says("0.396 and 0.005")
    share = quad(before, -0.7, 0.7)[0]
    assert round(share, 3) == 0.007 and says("0.007 between the humps")


def test_the_plans_past_the_post() -> None:
    runs = denoising.runs()
    assert int(denoising.arrived(runs["clone"]).sum()) == 0
    assert abs(int(denoising.arrived(runs["diffusion"]).sum()) - 196) <= 3
    assert says("Diffusion arrives in 196 of the same 200")
    ends = runs["clone"].observations[-1]
    assert bool((ends.norm(dim=1) < 1.001).all()) and says("In all 200 the disc ends")
    angle = torch.rad2deg(torch.atan2(ends[:, 0], -ends[:, 1]).abs().max())
    assert 6 < float(angle) < 9 and says("never more than 9 degrees")
    assert round(math.degrees(math.atan(0.3))) == 17 and says("17 degrees to either side")
    halfway = runs["diffusion"].observations[24, :, 0]
    assert 85 <= int((halfway > 0).sum()) <= 115 and says("about half of them on each side")
    figure = denoising.two_ways()
    right = [int(re.findall(r"\*\*(\d+)", figure.answer(x=x).readout[1])[0]) for x in (20.0, -20.0)]
    assert right == pytest.approx([24, 17], abs=1) and says("24 of 30") and says("17 of 30")


def test_the_diffusion_policy_is_as_described() -> None:
    assert round(trained.DENOISER.d, -3) == 23_000 and says("23 thousand parameters")
    assert len(trained.LEVELS) - 1 == 16 and trained.SHOWN == 300 and trained.LENGTH == 12
    assert says("16 levels, and 300 demonstrations") and says("twelve actions at a time")


def test_the_grasps_for_many_worlds() -> None:
    kept = load("worlds")
    force = kept["grasps"][:, 1]
    up = [int((heights > cloned.LIFTED).sum()) for heights in kept["tested"]]
    found = [(round(float(force[k]), 2), up[k]) for k in (0, 2, 5)]
    assert found == [(1.55, 143), (3.34, 322), (7.76, 395)]
    assert says("1.55 N") and says("3.34 N and 322 of 400") and says("7.76 N and 395 of them")
    assert says("lifts 36 ± 2 percent") and cloned.rate(kept["tested"][0] > 100)[:6] == "36 ± 2"
    home = kept["nominal"] - 2 * force
    assert [round(float(home[k])) for k in (0, 5)] == [271, 259] and says("259 in place of 271")
    weight = trained.NOMINAL.m * trained.NOMINAL.g / (2 * trained.NOMINAL.mu_pad)
    assert round(weight, 2) == 0.82 and says("0.82 N would do") and 1.55 < 2 * weight
    assert trained.SPREADS == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0]) and says("six values")


def test_the_kept_heights_are_those_of_the_simulator() -> None:
    kept, (mass, friction) = load("worlds"), trained.laboratory()
    some = torch.arange(0, 400, 13)
    again = trained.lifted(kept["grasps"][[0, 5]], mass[some], friction[some])
    assert float((again - kept["tested"][[0, 5]][:, some]).abs().median()) < 0.1
    agree = (again > 100) == (kept["tested"][[0, 5]][:, some] > 100)
    assert float(agree.double().mean()) > 0.98
    assert (float(mass.min()) > 0.05) and (float(mass.max()) < 0.4) and says("50 to 400 g")
    assert 0.2 < float(friction.min()) and float(friction.max()) < 0.9 and says("0.2 to 0.9")


def test_the_line_nearly_separates() -> None:
    """Lifted worlds above the line are none; dropped ones below it a few."""
    kept, (mass, friction) = load("worlds"), trained.laboratory()
    up = kept["tested"][0] > 100
    below = mass < laboratory.heaviest(friction, float(kept["grasps"][0, 1]))
    assert not bool((up & ~below).any())
    assert 0 < int((~up & below).sum()) < 20


def test_the_bonus() -> None:
    assert (1 - 0.95**2) / 0.95 == pytest.approx(0.1026, abs=5e-5) and says("$0.1026$")
    assert "gamma=0.95" in source("bonus") and "(0.10, 0.11)" in source("bonus")


def test_the_simulator_lifts_as_high_as_the_reward_says() -> None:
    """A reward of 270 at home is a lift of 273 mm at a force of 1.55 N."""
    z = load("worlds")["grasps"][:1, 0].double()
    assert 1000 * float(rollout(z).height) == pytest.approx(275, abs=1)
