"""Exercise 07: what is special to it. Answers, right and wrong, are in test_exercises.py."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from course.grading.source import load
from course.widgets import learn_to_hover
from course.widgets.balancing import train_to_balance
from course.widgets.closed_loop import train_hand
from course.widgets.episodes import (
    DRONE,
    POLICY,
    STEPS,
    THETA,
    TRUTH,
    all_noise,
    drawn,
    fly,
    moments,
    values,
)
from smoothlib import normal
from smoothlib.trajectories import rollout, zero_noise_baseline
from tests.exercises import read, right, said_by_release

NAME = "07_reinforce"
SOLUTION = read("solutions", NAME)
TEXT = " ".join(" ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown").split())
RIGHT = right(NAME)
GIVEN = ("setup", "drone", "suspect", "exact")


@cache
def worked() -> dict:
    """The names that the solution defines when it is run without its figures."""
    names: dict = {}
    for cell in SOLUTION.cells:
        if cell.cell_type == "code" and cell.id in (*RIGHT, *GIVEN):
            exec(cell.source, names)
    return names


@pytest.mark.parametrize("seed", range(25))
def test_right_answers_agree_on_fresh_noise(seed: int) -> None:
    T, n, d = 1 + seed % 6, 4 + seed % 5, 1 + seed % 4
    noise = normal(seed, T * n, 4 * d, dtype=torch.float64).reshape(T, n, 4, d).unbind(2)
    rewards, states, baseline = noise[0][..., 0], noise[1][..., 0], noise[2][..., 0]
    drone, sigma = worked()["drone"], 0.2 + seed / 10
    arguments = {
        "reward_to_go": (rewards, 0.04 * seed),
        "log_prob_gaussian": (noise[0], noise[1], sigma),
        "reinforce": (noise[3], rewards, baseline, bool(seed % 2)),
        "fit_value_baseline": (states, rewards, baseline[:, :3]),
        "zero_noise_baseline": (drone, -sigma, states[0], T),
    }
    for function, given in arguments.items():
        values = [f(*given) for f in RIGHT[function]]
        for other in values[1:]:
            torch.testing.assert_close(other, values[0])


def test_the_drone_of_the_exercise_is_that_of_the_lecture() -> None:
    flights = drawn(0, 3)
    action = POLICY(THETA, flights.states[0][:, None])[:, 0]
    state, reward = worked()["drone"](flights.states[0], action)
    torch.testing.assert_close(reward, flights.mean_action_rewards[0])
    after = DRONE.step(DRONE.reset(3, 0), action[:, None]).state.s[:, 0]
    torch.testing.assert_close(state, after)


@pytest.mark.parametrize("steps", range(1, 6))
def test_the_suspect_is_right_for_one_push_and_wrong_for_more(steps: int) -> None:
    names, (flights, share) = worked(), all_noise()
    rows = estimated(names["suspect"](names["drone"], -0.4, flights.states[:steps]), steps)
    k = torch.tensor(-0.4, dtype=torch.float64)
    truth = float(torch.func.grad(names["exact"])(k, steps))
    assert steps < 5 or abs(truth - TRUTH) < 1e-9
    mean = float(rows @ share)
    assert (abs(mean - truth) < 1e-9) is (steps == 1)


def estimated(baseline: Tensor, steps: int = STEPS) -> Tensor:
    """Rows of the student's REINFORCE at the nodes of the rule."""
    flights, _ = all_noise()
    scores, rewards = flights.scores[:steps, :, None], flights.rewards[:steps]
    return worked()["reinforce"](scores, rewards, baseline, True)[:, 0]


def test_the_figures_of_the_text_are_exact_ones() -> None:
    names, (flights, share) = worked(), all_noise()
    nothing = torch.zeros_like(flights.rewards)
    suspect = names["suspect"](names["drone"], -0.4, flights.states)
    calm = names["zero_noise_baseline"](names["drone"], -0.4, flights.states[0], STEPS)
    found = {}
    for name, level in {"to go": nothing, "suspect": suspect, "calm": calm}.items():
        rows = estimated(level)
        mean = float(rows @ share)
        found[name] = mean, float((rows - mean) ** 2 @ share)
    whole = flights.rewards.sum(0).expand(STEPS, -1)
    assert f"{moments(whole)[1]:.2f} {found['to go'][1]:.2f}" == "153.68 89.98"
    assert f"{found['calm'][1]:.0f} {found['suspect'][1]:.2f}" == "17 0.09"
    assert f"{found['suspect'][0] - TRUTH:+.2f}" == "+2.35" and "bias of +2.35" in TEXT
    assert 0.0009 < found["suspect"][1] / found["to go"][1] < 0.0011
    to_go = names["reward_to_go"](flights.rewards, 1.0)
    assert f"{moments(to_go - values(flights.states))[1]:.0f}" == "8"
    last = torch.ones(STEPS, 1, dtype=torch.float64)
    last[-1] = 0
    assert f"{moments(last * whole)[0]:.3f} {TRUTH:.3f}" == "-2.191 -2.183"
    assert "$-2.191$ in place of $-2.183$" in TEXT


def test_the_calm_baseline_is_that_of_the_library() -> None:
    theta, n = THETA, 7
    flights = rollout(DRONE, POLICY, theta, n, 3)
    wanted = zero_noise_baseline(DRONE, POLICY, theta, flights, 3)
    found = worked()["zero_noise_baseline"](
        worked()["drone"], -0.4, flights.observations[0, :, 0], STEPS
    )
    torch.testing.assert_close(found, wanted)


def test_a_fit_on_the_same_flights_takes_a_part_of_the_gradient_away() -> None:
    """As the written answer says; a fit on others does not. 2000 batches of 12 flights."""
    names = worked()
    eps = normal(11, 24_000, 2 * STEPS, dtype=torch.float64)
    own, other = fly(eps[:, :STEPS].T.contiguous()), fly(eps[:, STEPS:].T.contiguous())
    means = {}
    for name, source in {"same": own, "other": other}.items():
        to_go = names["reward_to_go"](source.rewards, 1.0)
        batches = zip(
            *(x.split(12, 1) for x in (source.states, to_go, own.states)),
            *(own.rewards.split(12, 1), own.scores.split(12, 1)),
            strict=True,
        )
        rows = [
            names["reinforce"](
                scores[..., None], rewards, names["fit_value_baseline"](*given), True
            )
            for *given, rewards, scores in batches
        ]
        means[name] = torch.stack(rows)[..., 0].mean(1)
    for name, mean in means.items():
        off = abs(float(mean.mean()) - TRUTH) / (float(mean.std()) / len(mean) ** 0.5)
        assert (off < 5) is (name == "other"), (name, off)
    assert float(means["same"].mean()) > TRUTH and means["same"].var() < means["other"].var()


def test_the_weights_of_the_last_part_train_all_three(no_jaxtyping: None) -> None:
    mine = own_weights()
    assert train_to_balance(mine).score == 500.0
    assert float(train_hand(mine).lifts[-1]) > 0.2
    assert hovers(mine)


def test_spoilt_weights_do_what_the_text_says(no_jaxtyping: None) -> None:
    at_once, whole = (lambda r: r), (lambda r: r.sum(0).expand_as(r))
    assert train_to_balance(at_once).score < 50
    assert float(train_hand(at_once).lifts[-1]) < 0.01 and not hovers(at_once)
    assert min(train_to_balance(whole, seed).score for seed in range(2)) < 250
    assert float(train_hand(whole).lifts[-1]) > 0.2 and hovers(whole)


def own_weights() -> Callable[[Tensor], Tensor]:
    (cell,) = [c for c in SOLUTION.cells if c.id == "hover"]
    names = dict(worked())
    exec(cell.source.partition("started")[0], names)
    return names["mine"]  # type: ignore[no-any-return]


def hovers(weights: Callable[[Tensor], Tensor]) -> bool:
    """Whether the drone's gain ends near the best one, -1.355."""
    said = learn_to_hover(weights).answer().readout[1][-1]
    return -1.8 < float(said.split("**")[1].replace("−", "-")) < -0.9


def test_the_release_hands_out_noise_and_nothing_of_trajectories() -> None:
    """What the student's cells import may be used in the jail: not the library's own answers."""
    assert load(NAME).imports == {"smoothlib": {"normal"}}


def test_the_figures_of_an_untouched_release_say_not_started() -> None:
    said = said_by_release(NAME)
    for figure in ("evidence", "evidence_picture", "baselines", "hover", "pole", "hand"):
        assert said[figure] == "reward_to_go: not started"
    assert said["scores"] == "log_prob_gaussian: not started"
