"""Exercise 08: what is special to it. Answers, right and wrong, are in test_exercises.py."""

import re

import pytest
import torch

from course.widgets import descend
from smoothlib import LQR, normal
from tests.exercises import read, right, said_by_release
from tests.test_lqr import gain, matrix, near

NAME = "08_lqr"
SOLUTION = read("solutions", NAME)
TEXT = " ".join(" ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown").split())
RIGHT = right(NAME)
STICK = LQR(1.1, 1.0, 1.0, 0.5)
ONE = matrix([[1.0]])


def cells(*ids: str) -> dict:
    """What these cells define, run in order."""
    names: dict = {}
    for cell in SOLUTION.cells:
        if cell.id in ids:
            exec(cell.source, names)
    return names


@pytest.mark.parametrize("seed", range(15))
def test_right_answers_agree_on_fresh_noise(seed: int) -> None:
    n, s, a, T = 3 + seed % 4, 2 + seed % 2, 1 + seed % 2, 1 + seed % 5
    draw = normal(seed, 40, n * s, dtype=torch.float64)
    states = draw[:T].reshape(T, n, s)
    eps = draw[T : 2 * T].reshape(T, n, s)[..., :a]
    costs = draw[2 * T : 3 * T, :n].square()
    parts = draw[-3:, : s * s].reshape(3, s, s)
    Q, R, W = (x @ x.mT + 0.1 * torch.eye(s) for x in parts)
    given = (0.1 * draw[20, : a * s].reshape(a, s), 0.3 + seed / 9, 0.4 * parts[0],
             parts[1][:, :a], Q, R[:a, :a], W)  # fmt: skip
    stable = LQR(*given[2:]).stable(given[0])
    arguments = {
        "lqr_cost": given,
        "lqr_grad": given,
        "pg_lqr": (states, eps, costs, 0.4),
        "gain_gradient": (costs[0], states[0][:, None], 0.4),
    }
    for name, answers in RIGHT.items():
        if name == "lqr_grad" and not stable:
            continue
        first, *others = (answer(*arguments[name]) for answer in answers)
        for other in others:
            torch.testing.assert_close(other, first, rtol=1e-6, atol=1e-9)


def test_the_numbers_of_the_prompts() -> None:
    assert float(STICK.cost(gain(0.8))) == pytest.approx(1.4505, abs=1e-4)
    assert float(STICK.cost(gain(0.8), 0.5)) == pytest.approx(1.9382, abs=1e-4)
    assert float(STICK.grad(gain(0.8))) == pytest.approx(-0.0773, abs=1e-4)
    assert float(STICK.grad(gain(1.5))) == pytest.approx(4.195, abs=5e-4)
    for text in ("$1.25\\cdot1.4505 + 0.25\\cdot0.5 = 1.9382$", "the slope is $-0.0773$",
                 "slope at $k = 1.5$ is $4.195$"):  # fmt: skip
        assert text in TEXT
    given = cells("setup")
    lq, K = LQR(*(given[name] for name in "ABQRW")), matrix([[0.1, 0.3]])
    wind = normal(0, 60 * 4000, 2, dtype=torch.float64) @ torch.linalg.cholesky(lq.W).T
    push = 0.7 * normal(1, 60 * 4000, 1, dtype=torch.float64)
    last = lq.simulate(K, wind.reshape(60, 4000, 2), push.reshape(60, 4000, 1)).costs[-1]
    assert near(last, float(lq.cost(K, 0.7)))
    assert float(lq.cost(K, 0.7)) == pytest.approx(12.1, abs=0.05) and "is near 12.1" in TEXT


def test_the_policy_gradient_of_a_matrix_is_right_on_average() -> None:
    given = cells("setup", "pg_lqr")
    lq, K = LQR(*(given[name] for name in "ABQRW")), matrix([[0.1, 0.3]])
    wind = normal(0, 4 * 40_000, 2, dtype=torch.float64) @ torch.linalg.cholesky(lq.W).T
    eps = normal(1, 4 * 40_000, 1, dtype=torch.float64).reshape(4, 40_000, 1)
    played = lq.simulate(K, wind.reshape(4, 40_000, 2), 0.7 * eps)
    rows = given["pg_lqr"](played.states, eps, played.costs, 0.7)
    exact = lq.episode_grad(K, 4, lq.W, 0.7)
    assert near(rows[:, 0, 0], float(exact[0, 0])) and near(rows[:, 0, 1], float(exact[0, 1]))


def test_the_pictures_of_the_silent_bug_show_what_the_text_says() -> None:
    names = cells("setup", "suspect", "evidence", "gain_gradient")
    gains, seen = names["gains"], names["seen"]
    k = gains.clone().requires_grad_()
    total = STICK.perturbed_episode_cost(k[:, None, None], 8, ONE, 0.1).sum() / 8
    (exact,) = torch.autograd.grad(total, k)
    torch.testing.assert_close(names["slopes"], exact, rtol=0, atol=1e-3)
    errors = seen.std(1) / 4000**0.5
    off = (seen.mean(1) - exact).abs() / errors
    assert float(off[:2].max()) < 5 and float(off[3:].min()) > 20
    dropped = [100 * float(share) for share in names["dropped"]]
    assert dropped[3:] == pytest.approx([1.4, 4.6, 7.5], abs=0.6)
    assert "1 to 8 percent on the last three" in TEXT
    assert float(seen[-1].mean()) == pytest.approx(14, abs=0.5)
    assert float(exact[-1]) == pytest.approx(50.1, abs=0.05)
    assert float(seen[-1].std()) == pytest.approx(16, abs=0.6)
    rows = torch.func.vmap(lambda c, e: names["gain_gradient"](c, e, 0.1).mean())
    noise = names["noise"].reshape(4000, 20, 1, 1)
    costs = names["episodes"](2.0 + 0.1 * names["noise"], names["wind"], 0 * names["wind"])[1]
    honest = rows(costs.mean(0).reshape(4000, 20), noise)
    assert near(honest, float(exact[-1]))
    assert float(honest.std()) == pytest.approx(60, abs=1.5)
    assert "reports 14 where the slope is 50.1" in TEXT and "the honest one has 60" in TEXT


def test_the_suspect_sees_no_slope_where_the_smoothed_cost_has_one() -> None:
    names = cells("setup", "suspect", "evidence")
    noise, wind = names["noise"], names["wind"]
    k = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    smooth = STICK.perturbed_episode_cost(k[None, None, None], 8, ONE, 0.3).sum() / 8
    (exact,) = torch.autograd.grad(smooth, k)
    assert float(exact) == pytest.approx(-1.05, abs=0.005) and "slope $-1.05$" in TEXT
    costs = names["episodes"](0.8 + 0.3 * noise, wind, 0 * wind)[1].mean(0).reshape(4000, 20)
    batches = zip(costs, noise.reshape(4000, 20, 1, 1), strict=True)
    seen = torch.stack([names["suspect"](c, e, 0.3).mean() for c, e in batches])
    assert near(seen, 0.0)


def test_the_last_figures_of_an_untouched_release_say_not_started() -> None:
    said = said_by_release(NAME)
    assert said["exact_training"] == "lqr_cost: not started"
    assert said["sampled_training"] == "pg_lqr: not started"


def test_the_exact_training_comes_to_the_best_cost() -> None:
    path = cells("setup", "lqr_cost", "lqr_grad", "exact_training")["path"]
    assert float(path[0]) == pytest.approx(34, abs=0.2) and "costs 34" in TEXT
    assert float(path[-1]) == pytest.approx(3.09, abs=0.01)
    assert all(b < a for a, b in zip(path[::40], path[40::40], strict=False))


def test_the_sampled_training_needs_its_baseline() -> None:
    names = cells("setup", "pg_lqr")
    names["descend"] = descend
    source = next(c.source for c in SOLUTION.cells if c.id == "sampled_training")
    source = re.sub(r"(?m)^(from|started|descend).*$", "", source)
    last = {}
    for kind, text in (("with", source),
                       ("without", source.replace(" - c.mean(1, keepdim=True)", ""))):  # fmt: skip
        exec(text, names)
        figure = descend(names["mine"])
        last[kind] = sum("fell" in figure.answer(seed=s).readout[2][-1] for s in range(10))
    assert last["with"] <= 4 < 6 <= last["without"]
