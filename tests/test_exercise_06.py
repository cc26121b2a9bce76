"""Exercise 06: what is special to it. Answers, right and wrong, are in test_exercises.py."""

import math

import pytest
import torch
from torch import Tensor

from course.grading.source import load
from course.widgets import watch_training
from course.widgets.worlds import LIFT, PARAMS
from smoothlib import TopHat, normal
from smoothlib.gripper import rollout
from smoothlib.statistics import summarise
from tests.exercises import read, right, said_by_release

NAME = "06_gripper"
SOLUTION = read("solutions", NAME)
TEXT = " ".join(" ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown").split())
RIGHT = right(NAME)
SEEDS = 25
WORLD = {"half": 25.0, "z_lift": 250.0, "force": 15.0, "mu": 0.5, "give": 0.21}


def lift(x: Tensor) -> Tensor:
    return LIFT(x[..., None])


@pytest.mark.parametrize("seed", range(SEEDS))
def test_right_answers_agree_on_fresh_noise(seed: int) -> None:
    n, m = 2 + seed % 6, 1 + seed % 4
    noise = normal(seed, 3 * n + m, 2, dtype=torch.float64)
    eps, u = noise[:n].T
    z = 20 + 30 * noise[-m:, 0]
    world = {
        k: v * float(torch.exp(0.2 * noise[i % n, 1])) for i, (k, v) in enumerate(WORLD.items())
    }
    found = {
        "gripper_reward": [f(z, world) for f in RIGHT["gripper_reward"]],
        "domain_randomised_value": [
            f(lift, z, 6.0, 4.0, eps, u) for f in RIGHT["domain_randomised_value"]
        ],
        "randomised_gradient": [
            f(lift, z[0], 6.0, 4.0, eps, u) for f in RIGHT["randomised_gradient"]
        ],
        "train_gripper": [
            f(by_votes, z[0], 6.0, 1.5, noise[: 3 * n]) for f in RIGHT["train_gripper"]
        ],
    }
    for values in found.values():
        for other in values[1:]:
            torch.testing.assert_close(other, values[0])


def by_votes(z: Tensor, sigma: float, noise: Tensor) -> Tensor:
    return (lift(z + sigma * noise) * noise).mean() / sigma


def worked(*more: str) -> dict:
    """The names that the solution defines when it is run without its figures."""
    names: dict = {}
    for cell in SOLUTION.cells:
        if cell.cell_type == "code" and cell.id in (*RIGHT, "setup", "suspect", "evidence", *more):
            exec(cell.source, names)
    return names


def test_the_reward_is_that_of_the_simulator_but_for_a_millimetre() -> None:
    z = torch.tensor([-20.0, -8.0, 5.0, 30.0, 49.0, 60.0], dtype=torch.float64)
    reward = worked()["gripper_reward"](z, WORLD)
    simulated = 1000 * rollout(z / 1000, PARAMS).height
    assert float((reward - simulated).abs().max()) < 1.0


def test_the_evidence_shows_what_the_hints_say() -> None:
    """A straight line: the suspect's mean is 1 + τ²/σ², and 1 without sensor error."""
    names = worked()
    eps, u = normal(3, 40_000, 2, dtype=torch.float64).T
    origin = torch.tensor(0.0, dtype=torch.float64)
    for sigma, tau in ((2.0, 0.0), (2.0, 2.0), (2.0, 4.0), (0.5, 1.0)):
        rows = names["suspect"](names["line"], origin, sigma, tau, eps, u)
        found = summarise([rows[:, None]])
        off = abs(float(found.mean) - (1 + tau**2 / sigma**2))
        assert off < 5 * float(found.standard_error)
    assert "$1 + \\tau^2/\\sigma^2$: 1, 2 and 5 for $\\tau = 0$, 2 and 4" in TEXT


def test_the_average_over_both_noises_is_that_of_one() -> None:
    """In closed form, for a window; also that one noise for both would be wider."""
    window, z = TopHat(0.0, 50.0), torch.tensor([3.0, 25.0, 48.0], dtype=torch.float64)
    eps, u = normal(5, 40_000, 2, dtype=torch.float64).T
    f = lambda x: window(x[..., None])  # noqa: E731
    mean = worked()["domain_randomised_value"](f, z, 6.0, 8.0, eps, u)
    exact = window.smoothed(z[:, None], 10.0)
    error = (exact * (1 - exact) / len(eps)).sqrt()
    assert bool(((mean - exact).abs() < 5 * error).all())
    alike = worked()["domain_randomised_value"](f, z, 6.0, 8.0, eps, eps)
    assert bool(((alike - exact).abs() > 5 * error)[1])


def test_the_trained_hand_lifts_the_simulated_brick() -> None:
    names = worked("two_noises", "simulate")
    end = float(names["path"][-1])
    figure = watch_training(names["path"])
    assert figure.answer().readout[1][-1] == "brick at **264 mm**"
    assert figure.answer().aside[-1] == "the other at 25 mm"
    height = 1000 * float(rollout(names["path"][-1:] / 1000, PARAMS).height)
    assert f"{end:.0f}" == "11" and "the hand ends near 11 mm" in TEXT
    assert f"{height:.0f}" == "264" and "goes up to about 264 mm" in TEXT


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("start", [60.0, -20.0])
def test_the_training_of_the_figure_ends_on_the_brick(start: float, seed: int) -> None:
    names = worked()

    def grad(z: Tensor, sigma: float, eps: Tensor) -> Tensor:
        f = lambda x: names["gripper_reward"](x, WORLD)  # noqa: E731
        return names["randomised_gradient"](f, z, sigma, 0.0, eps, 0 * eps).mean()

    eps = normal(seed, 80, 20, dtype=torch.float64)
    path = names["train_gripper"](grad, torch.tensor(start).double(), 10.0, 2.0, eps)
    assert 0 < float(path[-1]) < 25 and math.isfinite(float(path.sum()))


def test_the_release_hands_out_noise_and_nothing_of_the_gripper() -> None:
    """What the student's cells import may be used in the jail; the gripper knows the reward."""
    assert load(NAME).imports == {"smoothlib": {"normal"}}


def test_the_last_figures_of_an_untouched_release_say_not_started() -> None:
    said = said_by_release(NAME)
    for figure in ("two_noises", "trained", "simulate"):
        assert said[figure] == "gripper_reward: not started"
