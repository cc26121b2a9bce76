"""Exercise 03: what is special to it. Answers, right and wrong, are in test_exercises.py."""

import contextlib
import copy
import functools
import io
import re
from collections.abc import Callable

import pytest
import torch

from course.widgets import climb_by_scores
from smoothlib import Quadratic, normal
from tests.exercises import read, right, run, said_by_release

NAME = "03_zero_order"
SOLUTION = read("solutions", NAME)
RIGHT = right(NAME)
TEXT = {cell.id: cell.source for cell in SOLUTION.cells}


def squeeze(text: str | None) -> str:
    return " ".join((text or "").split())


def failures(name: str, answer: Callable) -> dict[str, str]:
    """What the tests of one function say of an answer to it; those of the others are not run."""
    part = copy.copy(SOLUTION)
    tests = [c for c in SOLUTION.cells if c.id.startswith("test_")]
    others = {c.id for c in tests if not re.fullmatch(rf"test_{name}_[a-z_]+", c.id)}
    if name == "zero_order":
        others |= {c.id for c in tests if c.id.startswith("test_zero_order_cov")}
    part.cells = [c for c in SOLUTION.cells if c.id not in others]
    return {test: str(e) for test, e in run(part, {name: answer}).items() if e is not None}


def test_other_cells_of_an_untouched_release_say_not_started() -> None:
    said = said_by_release(NAME)
    for cell in "hundred_knobs", "climb_in_numbers", "widget":
        assert said[cell] == "zero_order: not started"


def test_fresh_noise_loses_points() -> None:
    def draws_its_own(f, theta, sigma, eps, baseline=True):
        own = torch.randn_like(eps)
        return ((f(theta + sigma * own) - f(theta))[:, None] * own / sigma).mean(0)

    failed = failures("zero_order", draws_its_own)
    assert "test_zero_order_by_hand" in failed and "test_zero_order_hidden" in failed


def test_a_wrong_broadcast_in_one_dimension_does_not_fill_the_memory() -> None:
    """(n,) times (n, 1) is (n, n), which the tests must survive."""
    n = max(int(k.replace("_", "")) for k in re.findall(r"normal\(\d+, ([\d_]+), 1\b", "\n".join(
        source for cell, source in TEXT.items() if cell.startswith("test_"))))  # fmt: skip
    assert n**2 * 8 < 2e8


# --- the numbers in the text --------------------------------------------------------------


@functools.cache
def worked() -> tuple[dict, dict[str, str]]:
    """The names after the solution's cells, and what each cell printed."""
    names: dict = {}
    printed = {}
    for cell in (c for c in SOLUTION.cells if c.cell_type == "code" and "test_" not in c.id):
        if cell.id == "widget":
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(cell.source, names)
        printed[cell.id] = out.getvalue()
    return names, printed


def test_numbers_of_the_hundred_knobs() -> None:
    _, printed = worked()
    lines = printed["hundred_knobs"].splitlines()
    assert [re.findall(r": (\d+) of 200 uphill, mean cosine (.+)", line)[0] for line in lines] == [
        ("109", "0.016"), ("200", "0.079"), ("200", "0.129"), ("200", "0.079")
    ]  # fmt: skip
    for number in ("109 times in 200", "cosine of 0.016", "with 0.079", "0.129"):
        assert number in TEXT["anti_notice"]


def test_numbers_of_the_bumpy_landscape() -> None:
    """Its smoothed slope: c (θ - m) + cos θ exp(-σ²/2)."""
    theta = torch.tensor([0.3, 0.2, -0.7], dtype=torch.float64)
    c, m = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, -2.0, 0.5])
    slope = c * (theta - m) + theta.cos() * torch.exp(torch.tensor(-(0.3**2) / 2))
    assert "({:.2f}, {:.2f}, {:.2f})".format(*slope.tolist()) in TEXT["zero_notice"]
    names, _ = worked()
    many = normal(1, 200_000, 3, dtype=torch.float64)
    rows = (names["bumpy"](theta + 0.3 * many) - names["bumpy"](theta))[:, None] * many / 0.3
    assert bool(((rows.mean(0) - slope).abs() < 5 * rows.std(0) / 200_000**0.5).all())


def test_numbers_of_the_silent_bug() -> None:
    _, printed = worked()
    found = re.findall(r"mean ([+-][\d.]+) ± [\d.]+, deviation ([\d.]+)", printed["measure"])
    assert [mean for mean, _ in found[3:]] == ["+0.46", "+3.57", "-7.26"]
    assert (found[3][1], found[5][1]) == ("2.2", "11.4")
    text = squeeze(TEXT["bug_task"])
    assert "$0.46$, $3.57$ and $-7.26$" in text and "2.2, and largest, 11.4" in text
    sigmas = torch.tensor([0.1, 0.2, 0.4], dtype=torch.float64)
    ratio = sigmas**2 * (1 / sigmas**2).mean()  # what the bug does to the mean
    truth = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    means = torch.tensor([float(mean) for mean, _ in found[3:]], dtype=torch.float64)
    torch.testing.assert_close(means, ratio * truth, rtol=0.06, atol=0)


def test_the_bug_is_silent_for_equal_sigmas_and_loud_for_other_numbers_of_samples() -> None:
    names, _ = worked()
    hill, theta = Quadratic(-1.0, 0.4), torch.zeros(3, dtype=torch.float64)
    equal, eps = torch.full((3,), 0.2, dtype=torch.float64), normal(2, 3, 3, dtype=torch.float64)
    args = hill, theta, equal, eps
    torch.testing.assert_close(names["friends_estimate"](*args), names["own_sigmas"](*args))
    with pytest.raises(RuntimeError, match="must match"):
        names["friends_estimate"](hill, theta, equal, normal(2, 5, 3, dtype=torch.float64))


def test_numbers_of_the_climb() -> None:
    _, printed = worked()
    assert "step 100: θ = 1.004, without noise 10.74 m" in printed["climb_in_numbers"]
    wide = climb_by_scores().answer(sigma=0.4, n=100)
    assert wide.readout[3][-1] == "without noise *f* = **5.00 m**"  # behind the wall
    assert "ends at 1.004 rad" in TEXT["climb_notice"] and "flies 10.74 m" in TEXT["climb_notice"]


def test_the_command_in_the_text_works_without_an_active_environment() -> None:
    text = " ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown")
    assert text.count("`.venv/bin/course check 03`") == text.count("course check") == 2
