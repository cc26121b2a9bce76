"""Exercise 02: what is special to it. Answers, right and wrong, are in test_exercises.py."""

import contextlib
import io
import math
import re

import pytest
import torch

from course.widgets import anneal
from smoothlib import BallWall, PiecewiseLinear, Quadratic, normal
from tests.exercises import read, right, said_by_release

NAME = "02_smoothing"
SOLUTION = read("solutions", NAME)
TEXT = " ".join(" ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown").split())
RIGHT = right(NAME)
SEEDS = 25


def worked(*cells: str) -> tuple[dict, str]:
    """What the solution defines and prints when its functions and the cells named are run."""
    names: dict = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for cell in SOLUTION.cells:
            if cell.id in (*RIGHT, "setup", "witness", "suspect", "repeated", *cells):
                exec(cell.source, names)
    return names, printed.getvalue()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_right_answers_agree_with_the_solution_on_fresh_inputs(seed: int) -> None:
    names, _ = worked()
    n, d = 3 + seed % 5, 1 + seed % 4
    noise = normal(seed, 3 * n, d, dtype=torch.float64)
    sigma = 0.2 + 0.1 * (seed % 9)
    theta, eps = noise[0], noise[n : 2 * n] + 0.1
    low, width = float(noise[1, 0]), float(noise[2, 0].abs()) + 0.1
    inputs = {
        "smoothed_value_mc": (Quadratic(2.0, 0.3, 1.0), theta, sigma, eps),
        "smoothed_ball": (noise, sigma, 7.0, 1.5),
        "smoothed_step": (noise, sigma),
        "smoothed_abs": (noise, sigma),
        "smoothed_piecewise": (noise, sigma, low, low + width, 2.0, -0.7, 0.5),
        "mirrored_value": (Quadratic(2.0, 0.3, 1.0), theta, sigma, eps),
        "annealed_ascent": (lambda x, s: torch.cos(x) / (1 + s), theta, 0.3, noise[:, 0].abs()),
    }
    for name, args in inputs.items():
        wanted = names[name](*args)
        for answer in RIGHT[name]:
            found = answer(*args)
            if name == "mirrored_value":
                assert [float(x) for x in found] == pytest.approx([float(x) for x in wanted])
            else:
                torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-8)


def test_the_witness_knows_the_averages_and_no_formula() -> None:
    averaged = worked()[0]["averaged"]
    theta = torch.tensor([-0.5, 0.3, 1.2], dtype=torch.float64)
    wall = averaged(lambda x: BallWall()(x[:, None]), theta, 0.3)
    torch.testing.assert_close(wall, BallWall().smoothed(theta[:, None], 0.3), rtol=0, atol=1e-3)
    square = averaged(lambda x: x**2, theta, 0.3)
    torch.testing.assert_close(square, theta**2 + 0.09, rtol=0, atol=1e-10)


def test_the_release_hands_out_no_answer() -> None:
    """What the student's cells import may be used in the jail; these know the closed forms."""
    code = "\n".join(c.source for c in read("exercises", NAME).cells if c.cell_type == "code")
    imported = re.findall(r"^from smoothlib import (.+)$", code, flags=re.M)
    assert imported == ["BallWall, normal"]


def test_the_suspect_is_unbiased_and_reports_a_wrong_error_where_the_text_says_so() -> None:
    names, _ = worked()
    ratio = {}
    for name, case in names["CASES"].items():
        for estimate in ("suspect", "mirrored_value"):
            off, errors = names["repeated"](names[estimate], *case)
            assert abs(float(off.mean())) < 5 * float(off.std()) / 20
            ratio[name, estimate] = float(off.std() / errors.square().mean().sqrt())
    assert ratio["parabola", "suspect"] == pytest.approx(math.sqrt(2), abs=0.2)
    assert ratio["ball", "suspect"] < 0.5
    for name in names["CASES"]:
        assert ratio[name, "mirrored_value"] == pytest.approx(1, abs=5 / math.sqrt(800))
    times = 1 / ratio["ball", "suspect"]
    assert 8.3 < times < 9 and "almost nine times as accurate as `suspect` says" in TEXT
    assert 0.6 < ratio["step", "suspect"] < 0.8 and "On the step they are somewhat too" in TEXT


def test_the_numbers_in_the_text_are_true() -> None:
    assert f"{100 * math.exp(-(0.6**2) / 2):.0f}" == "84" and "84 % of its 20 m" in TEXT
    assert f"{math.degrees(0.6):.0f}" == "34" and "a tremble of 34°" in TEXT
    assert 5.84 + 9.3 + 6.06 == pytest.approx(21.2)
    assert f"{2 / math.sqrt(2 * math.pi):.2f}" == "0.80"
    z = torch.linspace(-0.06, 0.12, 18_001, dtype=torch.float64)
    for sigma, at in ((0.003, "0.052"), (0.01, "0.039"), (0.05, "0.032")):
        F = PiecewiseLinear().smoothed(z[:, None], sigma)
        assert f"{float(z[F.argmax()]):.3f}" == at and f"{at} m" in TEXT


def test_the_climb_ends_where_the_text_says() -> None:
    names, printed = worked("test_smoothed_value_mc_wall", "climb")
    wall, path = BallWall(), names["path"]
    metres = [f"{float(j):.2f}" for j in wall(path[-1][:, None])]
    assert metres == ["5.00", "12.46", "12.46", "12.46"] and "with 12.46 m" in TEXT
    assert f"{float(path[-1, 0]):.3f}" == "0.142" and "ends at 0.142 rad" in TEXT
    assert "from 0.10 rad to 0.142 rad: 5.00 m" in printed
    assert "7.84 m, the number of the lecture" in printed


def test_what_the_model_answer_says_of_the_fade_is_true() -> None:
    names, _ = worked("test_smoothed_value_mc_wall", "climb")
    wall, slope = BallWall(), names["slope"]
    at = torch.tensor(0.1, dtype=torch.float64)
    assert f"{float(slope(at, 0.35)):.2f}" == "0.54" and "is 0.54 m/rad" in TEXT
    assert f"{0.02 * float(slope(at, 0.35)):.3f}" == "0.011" and "first step is 0.011 rad" in TEXT
    assert abs(float(slope(at, 0.06))) < 1e-12
    cliff = wall.angles[0] - 0.1
    assert [f"{cliff:.2f}", f"{cliff / 0.35:.1f}", f"{cliff / 0.06:.0f}"] == ["0.77", "2.2", "13"]
    assert f"{float(names['sigmas'][30]):.2f}" == "0.06"
    for first, steps in ((0.35, 240), (0.5, 120)):
        sigmas = first * (0.01 / first) ** torch.linspace(0, 1, steps, dtype=torch.float64)
        end = names["annealed_ascent"](slope, names["starts"], 0.02, sigmas)[-1]
        assert {f"{float(j):.2f}" for j in wall(end[:, None])} == {"12.45"}


def test_the_widget_takes_the_students_ascent() -> None:
    ascent = worked()[0]["annealed_ascent"]
    ours, theirs = (anneal(climb).answer(first=0.35, last=0.01) for climb in (None, ascent))
    assert ours.readout == theirs.readout
    assert ours.readout[3][-1] == "*J*(*θ*) = **12.46 m**"
    with pytest.raises(ValueError, match=r"returned shape \(3,\) for 60 steps.* \(61,\)"):
        anneal(lambda *_: torch.zeros(3)).answer(theta0=0.5)


def test_the_cells_after_the_tests_of_an_untouched_release_say_not_started() -> None:
    said = said_by_release(NAME)
    assert said["piecewise_picture"] == "smoothed_piecewise: not started"
    assert said["climb"] == said["widget"] == "annealed_ascent: not started"
    assert "diagnosis" not in said


def test_the_command_in_the_text_works_without_an_active_environment() -> None:
    assert TEXT.count("`.venv/bin/course check 02`") == TEXT.count("course check") == 2
