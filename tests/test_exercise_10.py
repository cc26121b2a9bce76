"""Exercise 10: what is special to it. Answers, right and wrong, are in test_exercises.py."""

import copy
import math
import re
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from course.checks import CheckFailed, check_share, hidden
from course.contact import BUDGET, KINDS, REACH, ROUND, TAU, OverBudget, Task, tasks
from course.grading.source import load
from course.mistakes.choosing import CHOOSE, CROSSED_MIXTURE, MINIMUM_VARIANCE_ALPHA
from course.widgets import watch_choice
from smoothlib import (
    SoftStep,
    alpha_order,
    bias_guarded,
    center,
    confidence_radius,
    first_order,
    inverse_variance,
    minimum_variance,
    normal,
    summarise,
    zero_order,
)
from tests.exercises import read, right, said_by_release

NAME = "10_choosing"
SOLUTION = read("solutions", NAME)
TEXT = " ".join(" ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown").split())
RIGHT = right(NAME)
WRONG = {f.__name__: f for f in CHOOSE.mistakes}
ROUNDS = 2  # of tasks in the practice and in the hidden test


def worked(*more: str) -> dict:
    """The names that the solution defines when it is run without its figures."""
    names: dict = {}
    for cell in SOLUTION.cells:
        if cell.cell_type == "code" and cell.id in (*RIGHT, "setup", "suspect", "rows", *more):
            exec(cell.source, names)
    return names


WORKED = worked()
CHOICES = {"solution": WORKED["choose"], **{f.__name__: f for f in RIGHT["choose"]}}


def drawn(seed: int, kinds: tuple[str, ...] = ROUND, budget: int = BUDGET) -> list[Task]:
    return tasks(torch.Generator().manual_seed(seed), kinds, budget)


def still(task: Task) -> Task:
    """The same task in a world that does not shake."""
    calm = copy.deepcopy(task)
    calm.shake = torch.zeros_like(calm.shake)
    return calm


# --- the tasks ------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", ["grip", "kerb", "wall", "aim", "kerb grip", "wall aim kerb"])
def test_the_share_is_the_mean_of_many_tries(kinds: str) -> None:
    (task,) = drawn(1, (kinds,), 400_000)
    for far in (0.4, 0.9, 1.6):
        at = task.theta0 + far * task.turn.sum(1)
        there, here = (task.f(x.expand(200_000, -1)) for x in (at, task.theta0))
        task.spent = 0
        scale = task.unit * len(task.directions)
        error = math.hypot(*(float(v.std()) / math.sqrt(200_000) / scale for v in (there, here)))
        found = float(there.mean() - here.mean()) / scale
        assert abs(found - float(task.shares(at))) < 5 * error + 1e-12


@pytest.mark.parametrize("kinds", ["grip kerb", "wall aim grip"])
def test_slopes_are_those_of_the_values(kinds: str) -> None:
    (task,) = map(still, drawn(2, (kinds,), 10_000))
    x = task.theta0 + 1.5 * normal(0, 200, len(task.theta0), dtype=torch.float64)
    slopes = task.slope(x)
    for i, axis in enumerate(torch.eye(len(task.theta0), dtype=torch.float64)):
        apart = (task.f(x + 1e-7 * axis) - task.f(x - 1e-7 * axis)) / 2e-7
        smooth = apart.abs() < 100 * task.unit  # no jump between the two
        assert int(smooth.sum()) > 150
        torch.testing.assert_close(slopes[smooth, i], apart[smooth], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_all_that_there_is_to_gain_lies_within_reach_and_away_from_the_start(seed: int) -> None:
    """As the exercise says, and so no drawing is degenerate: none is drawn again."""
    for task in drawn(seed):
        for g, gain in zip(task.directions, task.gains, strict=True):
            means = g.smoothed(REACH, TAU) - g.smoothed(torch.zeros(1).double(), TAU)
            far = torch.linspace(-12, 12, 2401, dtype=torch.float64)[:, None]
            assert float((g.smoothed(far, TAU)).max()) <= float(g.smoothed(REACH, TAU).max()) + 1e-6
            best = float(REACH[means.argmax()].abs())
            assert 0.5 < best < 1.5 and gain > 0.5
    assert "the best place is 0.5 to 1.5 away from the start" in TEXT


def test_at_the_start_slopes_are_zero_but_for_an_aim() -> None:
    for task in map(still, drawn(4)):
        y = task.slope(task.theta0[None])[0] @ task.turn / task.unit
        names = task.name.split()
        assert [bool(s.abs() > 1e-9) for s in y] == [name == "aim" for name in names]


def test_values_come_in_small_units_and_in_large_ones() -> None:
    units = torch.tensor([task.unit for task in drawn(0)])
    assert bool(((units > 0.01) & (units < 0.1) | (units > 30) & (units < 300)).all())
    assert 0 < int((units > 1).sum()) < len(units)


def test_every_row_is_a_try_and_more_than_the_budget_is_refused() -> None:
    (task,) = drawn(0, ("kerb grip",))
    x = task.theta0.expand(400, 2)
    task.f(x), task.slope(x)
    with pytest.raises(OverBudget, match=r"300 more tries were asked for, and of the 1000 .* 200"):
        task.f(x[:300])
    task.f(x[:200])
    with pytest.raises(OverBudget, match="1 more tries"):
        task.slope(x[:1])


def test_points_that_are_no_rows_are_refused() -> None:
    (task,) = drawn(0, ("kerb grip",))
    with pytest.raises(ValueError, match=re.escape("shape (n, 2); got (2,)")):
        task.f(task.theta0)
    assert task.spent == 0


def test_a_try_does_not_depend_on_how_many_are_asked_for_at_once() -> None:
    one, other = (drawn(3, ("kerb grip wall",))[0] for _ in range(2))
    x = one.theta0 + normal(0, 30, 3, dtype=torch.float64)
    alone = torch.cat([other.f(row[None]) for row in x])
    torch.testing.assert_close(one.f(x), alone)


# --- no lottery -----------------------------------------------------------------------------


@cache
def shares(name: str, rounds: int = 6) -> Tensor:
    """The mean share over each round of tasks, (rounds,)."""
    play: Callable = CHOICES.get(name) or WRONG[name]
    means = []
    for seed in range(rounds):
        found = [task.share(play(*task.given)) for task in drawn(700 + seed)]
        means.append(sum(found) / len(found))
    return torch.tensor(means, dtype=torch.float64)


def of_a_test(name: str) -> tuple[float, float]:
    """Mean and standard deviation of what a test of ROUNDS rounds finds."""
    found = shares(name)
    return float(found.mean()), float(found.std()) / math.sqrt(ROUNDS)


@pytest.mark.parametrize("name", CHOICES)
def test_a_right_answer_lies_far_above_what_is_needed(name: str) -> None:
    mean, sd = of_a_test(name)
    assert mean - 5 * sd > 0.75 and 0.93 < mean <= 1
    assert "lie between 0.94 and 1 on average" in TEXT


JUDGED = [name for name in WRONG if not re.search("budget|path|value$|moves", name)]


@pytest.mark.parametrize("name", JUDGED)
def test_a_wrong_answer_lies_far_below_what_is_needed(name: str) -> None:
    mean, sd = of_a_test(name)
    assert mean + 3.5 * sd < 0.75 and mean < 0.45 and "lie below 0.45" in TEXT


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CHOICES, *JUDGED])
def test_in_200_hidden_tests_no_right_answer_fails_and_no_wrong_one_passes(name: str) -> None:
    """As many as `make certify` grades, here without the jail; the margin is in the message."""
    play: Callable = CHOICES.get(name) or WRONG[name]
    means = torch.zeros(200, dtype=torch.float64)
    for seed in range(200):
        unseen = drawn(50_000 + seed, ROUNDS * ROUND)
        means[seed] = sum(task.share(play(*task.given)) for task in unseen) / len(unseen)
    passed, margin = int((means >= 0.75).sum()), float((means.mean() - 0.75) / means.std())
    said = f"{passed} of 200 pass; mean {means.mean():.3f}, {margin:.1f} standard deviations off"
    assert passed == (200 if name in CHOICES else 0) and abs(margin) > 3.5, said


def test_what_the_text_says_that_methods_gain() -> None:
    percent = lambda name: 100 * of_a_test(name)[0]  # noqa: E731
    assert f"{percent('follows_the_slopes'):.0f}" == "9" and "gains 9 percent" in TEXT
    assert f"{percent('trusts_the_calmer'):.0f}" == "11" and "by their variances gains 11" in TEXT
    mean, sd = of_a_test("returns_the_best_try")
    assert mean + 2 * sd < 1 / 3 and "random tries gains less than a third" in TEXT
    assert f"{percent('solution'):.0f}" in ("98", "99") and "noise that falls, gains 98" in TEXT


# --- messages -------------------------------------------------------------------------------


def said(play: Callable, kinds: tuple[str, ...] = ("grip", "kerb")) -> str:
    with pytest.raises(CheckFailed) as failure:
        check_share(play, drawn(0, kinds), at_least=0.7, known=CHOOSE)
    return " ".join(str(failure.value).split())


def test_a_choice_that_gains_too_little_is_told_how_much_and_where() -> None:
    text = said(lambda f, slope, theta0, budget, eps: theta0 + 30)
    assert "it gains too little" in text and "on average over 2 tasks" in text
    assert "Task(kerb)" in text and "at least 0.7; 0 is the start" in text


def test_a_choice_that_never_saw_anything_is_asked_whether_it_did() -> None:
    text = said(lambda f, slope, theta0, budget, eps: theta0 + 1e-5 * eps[0])
    assert "It ends where it starts. Do its tries ever see another value?" in text


def test_a_choice_that_gains_most_of_it_is_sent_to_the_tasks_that_lack() -> None:
    def play(f: object, slope: object, theta0: Tensor, budget: int, eps: Tensor) -> Tensor:
        stay = len(theta0) == 2
        return theta0.clone() if stay else WORKED["choose"](f, slope, theta0, budget, eps)

    text = said(play, ("grip", "kerb grip"))
    assert "least of all: Task(kerb grip) 0.00" in text
    assert "Play the tasks named above alone" in text and "on a lower hill?" in text


def test_a_choice_with_noise_of_its_own_is_told_so() -> None:
    def play(f: object, slope: object, theta0: Tensor, budget: int, eps: Tensor) -> Tensor:
        return theta0 - 1 - torch.rand(1, generator=source).double()

    source = torch.Generator().manual_seed(0)
    assert "Use the noise that it is given" in said(play)


def test_a_choice_of_another_kind_is_told_which_task_and_what_is_wanted() -> None:
    text = said(lambda f, slope, theta0, budget, eps: eps, ("grip", "kerb grip"))
    assert "task 1 of 2: wrong shape: (1000, 1); a point of shape (1,) is expected" in text
    assert "task 1 of 2: returned a float" in said(lambda *given: 1.0)
    assert "not a number" in said(lambda f, slope, theta0, *rest: theta0 * math.nan)


def test_an_error_in_a_later_task_is_not_explained_by_the_first_ones() -> None:
    """With the reference's own steps: known mistakes that end where it does shall not be named."""

    def play(f: object, slope: object, theta0: Tensor, budget: int, eps: Tensor) -> Tensor:
        if len(theta0) == 2:
            raise RuntimeError("no more than one knob")
        return WORKED["choose"](f, slope, theta0, budget, eps)

    text = said(play, (*("grip",) * 4, "kerb grip"))
    assert "no more than one knob" in text and "likely" not in text
    assert 'in your line: raise RuntimeError("no more than one knob")' in text


def test_a_share_that_is_missed_by_a_hair_is_shown_with_more_digits() -> None:
    task = drawn(0)[0]
    task.share = lambda theta: 0.69996  # type: ignore[method-assign]
    with pytest.raises(CheckFailed, match=r"gained +0\.7000 of what there is"):
        check_share(lambda *given: given[2].clone(), [task], at_least=0.70001, known=CHOOSE)


def test_a_hidden_choice_tells_its_hint_alone() -> None:
    with pytest.raises(CheckFailed) as failure, hidden("unseen", hint="Look again."):
        check_share(WRONG["stays_at_the_start"], drawn(0), at_least=0.7, known=CHOOSE)
    assert str(failure.value).split() == ["Hidden", "test:", "unseen", "hint", "Look", "again."]


# --- mixing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_three_mixtures_are_those_of_the_library(seed: int) -> None:
    first, zero = normal(seed, 24, 6, dtype=torch.float64).reshape(24, 2, 3).unbind(1)
    first = first + 0.3 * zero
    assert torch.allclose(
        WORKED["minimum_variance_alpha"](first, zero), minimum_variance(first, zero)
    )
    radius = float(confidence_radius(summarise([zero]), 0.95))
    for tolerance in (0.5 * radius, 1.5 * radius, 9.0):
        found = WORKED["guarded_alpha"](first, zero, tolerance, radius)
        torch.testing.assert_close(found[None], bias_guarded(tolerance)(first, zero))
    crossed = WORKED["crossed_mixture"](first, zero)
    alpha = inverse_variance(first[12:], zero[12:])
    torch.testing.assert_close(crossed[:12], alpha * first[:12] + (1 - alpha) * zero[:12])


def test_the_suspect_is_the_library_s_default_mixture_and_its_rows_those_of_a_ramp() -> None:
    """So the warning is one about alpha_order, too; its docstring says O(1/n)."""
    first, zero = (x[0] for x in WORKED["ramp_rows"](1, 64))
    ramp, theta = SoftStep(0.1), torch.zeros(1, dtype=torch.float64)
    eps = normal(1, 64, 1, dtype=torch.float64)
    torch.testing.assert_close(first, first_order(ramp, theta, 0.5, eps))
    torch.testing.assert_close(zero, zero_order(ramp, theta, 0.5, eps, center))
    torch.testing.assert_close(
        WORKED["suspect"](first, zero), alpha_order(ramp, theta, 0.5, eps, inverse_variance)
    )


def test_the_evidence_is_as_the_text_says() -> None:
    truth = float(SoftStep(0.1).smoothed_grad(torch.zeros(1).double(), 0.5))
    assert f"{truth:.3f}" == "0.797" and "The truth is 0.797" in TEXT
    for name in ("slopes", "values"):
        rows = WORKED[name]
        error = rows.std(1) / math.sqrt(rows.shape[1])
        assert bool(((rows.mean(1) - truth).abs() < 5 * error).all())
    mean, spread = WORKED["mixed"].mean(1), WORKED["mixed"].std(1)
    assert 0.2 < float(mean[0]) / truth < 0.27 and "a quarter of the truth" in TEXT
    assert 75 < 100 * (1 - float(mean[0]) / truth) < 78 and "off by 76 percent at n = 4" in TEXT
    assert bool((mean.diff() > 0).all()) and abs(float(mean[-1]) - truth) < 0.03
    assert 0.9 < float(spread[0] / WORKED["values"].std(1)[0]) < 1.2
    assert bool((spread < WORKED["slopes"].std(1)).all())


def test_the_repair_is_right_on_average_and_four_times_as_noisy() -> None:
    rows = worked("evidence_picture", "repaired")["repaired"]
    error = rows.std(1) / math.sqrt(rows.shape[1])
    assert bool(((rows.mean(1) - 0.797).abs() < 5 * error).all())
    ratio = float(rows.std(1)[0] / WORKED["values"].std(1)[0])
    assert 3.7 < ratio < 4.7 and "four times as noisy as the values alone" in TEXT


def test_a_step_gives_the_slopes_all_of_the_weight() -> None:
    eps = normal(0, 50, 1, dtype=torch.float64)
    zero = (eps > 0).double() * eps / 0.3
    alpha = WORKED["minimum_variance_alpha"](torch.zeros_like(zero), zero)
    assert float(alpha) == pytest.approx(1) and "and get $\\alpha = 1$" in TEXT


# --- the figure and the release -------------------------------------------------------------


def test_the_figure_shows_where_the_tries_go_and_what_they_gain() -> None:
    figure = watch_choice(WORKED["choose"])
    for name in ("a kerb and a grip", "a wall and a grip", "a kerb, and something to aim at"):
        picture = figure.answer(task=name)
        share = float(re.search(r"\*\*(.+)\*\*", str(picture.readout[1]))[1])
        assert share > 0.9 and picture.aside == "1000 of 1000 tries"
    few = watch_choice(lambda f, slope, theta0, budget, eps: theta0 + f(theta0 + eps[:7]).mean())
    assert few.answer().aside == "7 of 1000 tries"
    none = watch_choice(lambda f, slope, theta0, budget, eps: theta0)
    assert none.answer().readout[1] == "your point gains **0.00** of what there is"


def test_the_figure_says_what_a_choice_has_to_be() -> None:
    with pytest.raises(ValueError, match=re.escape("a point of shape (2,) is wanted")):
        watch_choice(lambda f, slope, theta0, budget, eps: f(eps)).answer()


def test_the_release_hands_out_noise_and_no_mixture() -> None:
    assert load(NAME).imports == {"smoothlib": {"normal"}}
    assert len(MINIMUM_VARIANCE_ALPHA.mistakes) >= 8 <= len(CROSSED_MIXTURE.mistakes)


def test_the_last_figures_of_an_untouched_release_say_not_started() -> None:
    stopped = said_by_release(NAME)
    assert stopped["repaired"] == "crossed_mixture: not started"
    assert stopped["watched"] == "choose: not started"


def test_every_kind_is_in_the_round() -> None:
    assert {name for kinds in ROUND for name in kinds.split()} == set(KINDS)
    assert max(len(kinds.split()) for kinds in ROUND) == 5 and "1 to 5 of them" in TEXT
