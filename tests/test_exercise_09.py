"""Exercise 09: what is special to it. Answers, right and wrong, are in test_exercises.py."""

import itertools
from functools import cache

import pytest
import torch
from torch import Tensor

from course.checks import CheckFailed, check, secrets_from
from course.grading.source import load
from course.mistakes.nes import SHARED_SEED_UPDATE, adds_all_three, adds_as_they_arrive
from course.widgets import workers
from course.widgets.tuning import ENVIRONMENT, POLICY, balanced
from smoothlib import Quadratic, centered_ranks, normal, returns, standardised
from tests.exercises import read, right, run, said_by_release

# Thousands of rows of noise, each by itself: their signatures are checked in the library's tests.
pytestmark = pytest.mark.usefixtures("no_jaxtyping")

NAME = "09_nes"
SOLUTION = read("solutions", NAME)
TEXT = " ".join(" ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown").split())
RIGHT = right(NAME)
CREWS = (1, 2, 5, 20)


@cache
def cells(*ids: str) -> dict:
    """What the setup, the answers and these cells define, run in order."""
    names: dict = {}
    for cell in SOLUTION.cells:
        if cell.id in ("setup", *RIGHT, *ids):
            exec(cell.source, names)
    return names


def within_5_errors(rows: Tensor, truth: float) -> None:
    assert abs(float(rows.mean()) - truth) < 5 * float(rows.std()) / len(rows) ** 0.5


# --- answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(15))
def test_right_answers_agree_on_fresh_noise(seed: int) -> None:
    n, d, G = 2 + seed % 7, 1 + seed % 5, seed % 4
    sigma = 0.2 + seed / 9
    draw = normal(seed, (G + 2) * n, d, dtype=torch.float64)
    noise, eps, some = draw[: G * n].reshape(G, n, d), draw[-n:], draw[-2 * n : -n, 0].clone()
    sent = {i: float(some[i]) for i in normal(seed, 1, n)[0].argsort().tolist()}

    def hill(points: Tensor, seed: int) -> Tensor:
        return torch.sin(points.sum(1) + seed)

    at = (seed, 3, RIGHT["worker_eps"][0], sigma, 0.3)
    arguments = {
        "nes_gradient": (some, eps, sigma),
        "centered_ranks": ((2 * some).round() if seed % 2 else some,),
        "shared_seed_update": (eps[0], sent, *at),
        "worker_eps": (seed, 3 + seed % 4, seed % 3, d),
        "train_nes": (hill, eps[0], sigma, 0.3, noise, standardised),
    }
    for name, answers in RIGHT.items():
        first, *others = (answer(*arguments[name]) for answer in answers)
        for other in others:
            torch.testing.assert_close(other, first, rtol=1e-9, atol=1e-9)


def test_ranks_are_those_of_the_library_equals_and_all() -> None:
    ours = cells()["centered_ranks"]
    for values in ([3.0, 1.0, 3.0, 2.0], [5.0, 5.0], [-1.0, 7.0, 0.5]):
        for dtype in (torch.float32, torch.float64):
            given = torch.tensor(values, dtype=dtype)
            torch.testing.assert_close(ours(given), centered_ranks(given))


def test_the_gradient_is_right_on_average() -> None:
    """2000 populations of 5 on a hill whose smoothed gradient is known."""
    f, sigma = Quadratic(-1.0, torch.tensor([1.5, -0.5], dtype=torch.float64), 2.0), 0.4
    theta = torch.tensor([0.3, 0.8], dtype=torch.float64)
    eps = normal(1, 10_000, 2, dtype=torch.float64).reshape(2000, 5, 2)
    rows = torch.stack([cells()["nes_gradient"](f(theta + sigma * e), e, sigma) for e in eps])
    for column, truth in zip(rows.T, f.smoothed_grad(theta, sigma).tolist(), strict=True):
        within_5_errors(column, truth)


def test_a_step_that_changes_the_given_theta_is_sent_back() -> None:
    def moves(theta, scalars, seed, generation, noise, sigma, lr):  # type: ignore[no-untyped-def]
        theta += cells()["shared_seed_update"](
            0 * theta, scalars, seed, generation, noise, sigma, lr
        )
        return theta

    failed = run(SOLUTION, {"shared_seed_update": moves})
    assert "the caller's tensor is not what it was" in str(
        failed["test_shared_seed_update_by_hand"]
    )


@pytest.mark.parametrize("drawing", range(40))
def test_bits_that_hang_on_the_arrival_never_pass(drawing: int) -> None:
    """The hidden test has 200 sums of nine numbers: none of its drawings lets one through."""
    hidden = next(c for c in SOLUTION.cells if c.id == "test_shared_seed_update_hidden")
    names = {**cells(), "shared_seed_update": adds_as_they_arrive}
    with secrets_from(itertools.count(drawing)), pytest.raises(CheckFailed, match="other crews"):
        exec(hidden.source, dict(names))


def test_a_dictionary_is_shown_in_the_order_of_arrival() -> None:
    """Which is what the mistake is about."""
    theta, sent = torch.zeros(1, dtype=torch.float64), {2: 3.0, 0: 6.0, 1: -3.0}

    def noise(seed: int, generation: int, worker: int, d: int) -> Tensor:
        return torch.ones(d, dtype=torch.float64)

    with pytest.raises(CheckFailed) as failed:
        check(adds_as_they_arrive, theta, sent, 0, 0, noise, 1.0, 1.0, gives=theta,
              known=SHARED_SEED_UPDATE)  # fmt: skip
    assert "{2: 3., 0: 6., 1: -3.}" in str(failed.value)


def test_the_release_hands_out_noise_and_no_search() -> None:
    assert load(NAME).imports == {"smoothlib": {"normal"}}


# --- the numbers of the prompts -----------------------------------------------------------


def test_the_numbers_of_the_prompts() -> None:
    names = cells()
    row = lambda *x: torch.tensor(x, dtype=torch.float64)  # noqa: E731
    gradient = names["nes_gradient"](row(3, 5), row([1], [-2]), 0.1)
    assert float(gradient) == pytest.approx(-35) and "$(3 - 10)/0.2 = -35$" in TEXT
    assert names["centered_ranks"](row(10, 500, 20)).tolist() == [-0.5, 0.5, 0.0]
    assert names["centered_ranks"](row(7, 9, 7)).tolist() == [-0.25, 0.5, -0.25]
    drawn = {0: row(0.5), 1: row(-1)}
    moved = names["shared_seed_update"](
        row(1), {1: 4.0, 0: 2.0}, 0, 0, lambda s, g, i, d: drawn[i], 0.25, 0.1
    )
    assert float(moved) == pytest.approx(0.7) and "$\\theta$ becomes 0.7" in TEXT
    square = lambda x, seed: x[:, 0] ** 2  # noqa: E731
    parents = names["train_nes"](square, row(1), 0.5, 0.1, row([[2], [-4]]), lambda v: v)
    assert parents[:, 0].tolist() == pytest.approx([1, 1.4]) and "are 1 and 1.4" in TEXT
    assert (0.1 + 0.2 + 0.3 == 0.3 + 0.2 + 0.1) is False


def test_half_of_a_good_population_on_cartpole_are_equals() -> None:
    names = cells("pole")
    values = balanced(names["families"][-1][1:], 14)
    assert int((values == 500).sum()) > len(values) / 2
    assert "half of a population may hold the pole to the end" in TEXT


# --- the silent bug -----------------------------------------------------------------------


@cache
def evidence() -> dict:
    return cells("suspect", "evidence", "evidence_run")


@pytest.mark.parametrize("noise", ["suspect", "worker_eps"])
def test_one_generation_of_the_suspect_is_right(noise: str) -> None:
    """Its error is (d + 1) / n, as (9.2) has it for a slope, and its mean the gradient."""
    names = evidence()
    for n in (1, 4):
        rows = torch.stack([
            names["estimate"](names[noise], n, 1000 * run, 0, names["start"]) for run in range(200)
        ])  # fmt: skip
        within_5_errors((rows + names["start"]).square().sum(1), 101 / n)
        within_5_errors(rows.mean(1), -0.1)


def test_the_pictures_of_the_silent_bug_show_what_the_text_says() -> None:
    names = evidence()
    assert float(names["start"].norm()) == pytest.approx(1)
    for n, errors in zip(CREWS, names["seen"], strict=True):
        within_5_errors(errors, 101 / n)
    left = names["paths"][:, -1]
    truth = torch.tensor([(101 / (n + 101)) ** 40 for n in CREWS])
    within_5_errors(left[0], float(truth[0]))  # a single worker
    assert bool((left[2:].mean(1) > 3 * truth[2:]).all())
    assert float(left[-1].mean()) > 0.41 and float(left[-1].mean() / left[0].mean()) > 0.6
    first = names["paths"][-1, 1]
    within_5_errors(first, 101 / 121)  # a single generation


def test_own_noise_falls_as_the_truth_does() -> None:
    names = evidence()
    within_5_errors(names["climbs"](names["worker_eps"], 20)[-1], (101 / 121) ** 40)


def test_the_best_rate_and_its_factor() -> None:
    """E|θ'|² = |θ|² (1 - 2η + η² (n + d + 1) / n), by many single steps of one worker."""
    n, d = 3, 4
    eps = normal(0, 60_000, d, dtype=torch.float64).reshape(20_000, n, d)
    theta = torch.full((d,), 0.5, dtype=torch.float64)
    rows = torch.einsum("rnd,d,rne->re", eps, -theta, eps) / n
    best = n / (n + d + 1)
    within_5_errors((theta + best * rows).square().sum(1), (d + 1) / (n + d + 1))
    for other in (0.8 * best, 1.2 * best):
        assert 1 - 2 * other + other**2 * (n + d + 1) / n > (d + 1) / (n + d + 1)


def test_how_many_noises_the_suspect_has() -> None:
    """59 in place of 800, and 41 percent of a way lie across 59 directions of 100."""
    suspect = evidence()["suspect"]
    drawn = [suspect(0, g, i, 3) for g in range(40) for i in range(20)]
    assert len({tuple(x.tolist()) for x in drawn}) == 59 and "the suspect's are 59" in TEXT
    assert len(drawn) == 800 and "in place of 800" in TEXT
    again = {tuple(suspect(1, g, i, 3).tolist()) for g in range(40) for i in range(20)}
    assert len(again & {tuple(x.tolist()) for x in drawn}) == 58
    directions = normal(3, 200 * 59, 100, dtype=torch.float64).reshape(200, 59, 100)
    basis = torch.linalg.qr(directions.mT).Q  # (200, 100, 59)
    across = 1 - basis[:, 0].square().sum(1)
    within_5_errors(across, 0.41)
    assert "41 percent of its square on average" in TEXT


def test_the_suspect_of_the_page_is_a_known_mistake() -> None:
    suspect = evidence()["suspect"]
    torch.testing.assert_close(suspect(4, 2, 7, 5), adds_all_three(4, 2, 7, 5), rtol=0, atol=0)


def test_on_cartpole_nobody_would_have_noticed() -> None:
    assert "On CartPole, with its eight parameters, nobody would ever have noticed" in TEXT
    parents = trained(evidence()["suspect"], 0)
    assert float(returns(ENVIRONMENT, POLICY, parents[-1:].float(), 50, 10**6)) > 475


# --- the training -------------------------------------------------------------------------


def trained(noise, seed: int, shape=centered_ranks) -> Tensor:  # type: ignore[no-untyped-def]
    """The parents of the pole's training, as the page has it, from other noise."""
    draws = [[noise(seed, g, i, 8) for i in range(16)] for g in range(15)]
    half = torch.stack([torch.stack(rows) for rows in draws])
    theta, both = torch.zeros(8, dtype=torch.float64), torch.cat((half, -half), 1)
    return cells()["train_nes"](balanced, theta, 0.5, 1.0, both, shape)


def test_the_parent_of_the_page_stands_from_generation_3_on_and_on_fresh_starts() -> None:
    names = cells("pole")
    torch.testing.assert_close(names["parents"], trained(names["worker_eps"], 0))
    held = [float(balanced(p[None], g)) for g, p in enumerate(names["parents"][:15])]
    assert min(held[3:]) == 500 > max(held[:3])
    assert float(returns(ENVIRONMENT, POLICY, names["parents"][-1:].float(), 100, 10**6)) == 500
    assert names["families"].shape == (15, 33, 8) and names["curve"].shape == (15,)


def test_a_crew_is_one_crew_as_long_as_its_bits_agree() -> None:
    names = cells()
    own = workers(names["worker_eps"], names["shared_seed_update"]).answer().readout
    assert "one" in own[2][-1] and "rank **2**" in own[1][1]
    arrival = workers(names["worker_eps"], adds_as_they_arrive).answer().readout
    assert "**one**" in arrival[2][0] and "different" in arrival[2][-1]
    same = workers(names["worker_eps"], names["shared_seed_update"]).answer(same=True).readout
    assert "rank **1**" in same[1][1]


def test_the_crew_of_the_page_climbs_like_that_of_the_lecture() -> None:
    """The same numbers with its noise: only who adds, and in which order, differs."""
    from course.widgets.workers import _noise, climb, climb_apart

    def row(seed: int, generation: int, worker: int, d: int) -> Tensor:
        return _noise(seed, generation, worker)[0]

    paths, eps, sent = climb_apart(row, cells()["shared_seed_update"], 6, 0, False)
    path, *others = climb(6, 0, False)
    torch.testing.assert_close(paths, path[:, None].expand_as(paths))
    for found, wanted in zip((eps, sent), others, strict=True):
        torch.testing.assert_close(found, wanted)


def test_a_crew_says_what_is_wrong_with_what_it_was_given() -> None:
    names = cells()
    table = lambda *at: names["worker_eps"](*at)[None]  # noqa: E731
    for noise, update in ((table, names["shared_seed_update"]),
                          (names["worker_eps"], lambda *given: None)):  # fmt: skip
        with pytest.raises(ValueError, match="two finite numbers"):
            workers(noise, update).answer()


def test_the_last_figures_of_an_untouched_release_say_not_started() -> None:
    said = said_by_release(NAME)
    assert said["own_climbs"] == said["crew"] == said["pole"] == "worker_eps: not started"
    assert said["table"] == "centered_ranks: not started"
