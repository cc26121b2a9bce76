"""Lecture 01: every numbered equation and every number in its prose, checked."""

import math
import re

import nbformat
import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize_scalar
from torch import Tensor

from course import lab
from course.widgets.climbing import STEPS, _climb, _outcomes, _slope
from smoothlib import BallThrow, BallWall

V, T, X_W, H, G = 10.0, 2.0, 5.0, 3.0, 9.81
FREE, WALL = BallThrow(V, T), BallWall(V, T, X_W, H, G)
LECTURE = nbformat.read(lab.REPO / "lectures" / "01_landscapes.ipynb", as_version=4)
PROSE = "\n\n".join(cell.source for cell in LECTURE.cells if cell.cell_type == "markdown")


def column(*angles: float) -> Tensor:
    return torch.tensor(angles, dtype=torch.float64)[:, None]


def height_at_wall(theta: float) -> float:
    """How high the ball is when it has come to x_w, by its flight in time."""
    time = X_W / (V * math.cos(theta))
    return V * math.sin(theta) * time - G * time**2 / 2


def says(text: str) -> bool:
    """Whether the prose of the lecture holds `text`."""
    return text in " ".join(PROSE.split())


def test_every_numbered_equation_has_a_test() -> None:
    tags = re.findall(r"\\tag\{1\.(\d+)\}", PROSE)
    assert tags == [str(i + 1) for i in range(len(tags))]
    assert [f"test_equation_1_{tag}" in globals() for tag in tags] == [True] * len(tags)


def test_sections_that_checks_send_students_to_exist() -> None:
    headings = re.findall(r"^#+ (.+)$", PROSE, flags=re.M)
    named = (lab.REPO / "course" / "mistakes" / "landscapes.py").read_text()
    wanted = set(re.findall(r"lecture 01, “([^”]+)”", named))
    assert wanted and wanted <= set(headings)


def test_equation_1_1() -> None:
    theta = np.linspace(-1.5, 1.5, 7)
    steps = 20_000
    x = sum(V * np.cos(theta) * T / steps for _ in range(steps))
    torch.testing.assert_close(FREE(column(*theta)), torch.from_numpy(x), rtol=0, atol=1e-9)


def test_equation_1_2() -> None:
    for theta in np.linspace(-1.2, 1.5, 28):
        tan, k = math.tan(theta), G * X_W**2 / (2 * V**2)
        assert X_W * tan - k * (1 + tan**2) == pytest.approx(height_at_wall(theta), abs=1e-11)
        assert float(WALL.clearance(column(theta))) + H == pytest.approx(
            height_at_wall(theta), abs=1e-9
        )


def test_equation_1_3() -> None:
    def over(theta: float) -> float:
        return height_at_wall(theta) - H

    roots = brentq(over, 0.1, 1.1, xtol=1e-14), brentq(over, 1.1, 1.5, xtol=1e-14)
    assert WALL.angles[:2] == pytest.approx(roots, abs=1e-12)
    assert [f"{root:.3f}" for root in roots] == ["0.874", "1.237"] and says(
        "0.874, 1.237 and 1.318"
    )


def test_equation_1_4() -> None:
    arrival = brentq(lambda theta: X_W / (V * math.cos(theta)) - T, 0.1, 1.5, xtol=1e-14)
    assert WALL.angles[2] == pytest.approx(arrival, abs=1e-12)
    assert f"{arrival:.3f}" == "1.318"


def test_equation_1_5() -> None:
    for theta in np.linspace(-1.57, 1.57, 400):
        arrives = X_W / (V * math.cos(theta)) < T
        stuck = arrives and height_at_wall(theta) < H
        assert float(WALL(column(theta))) == pytest.approx(
            X_W if stuck else V * T * math.cos(theta)
        )
        by_angles = abs(theta) < WALL.angles[2] and not WALL.angles[0] <= theta <= WALL.angles[1]
        assert by_angles == stuck


def test_equation_1_6() -> None:
    top = minimize_scalar(lambda theta: -height_at_wall(theta), bounds=(0, 1.5), method="bounded",
                          options={"xatol": 1e-10})  # fmt: skip
    formula = V**2 / (2 * G) - G * X_W**2 / (2 * V**2)
    assert formula == pytest.approx(-top.fun, abs=1e-9) == WALL.highest_clearable
    assert f"{formula:.3f}" == "3.871" and says("3.871 m")
    k = G * X_W**2 / (2 * V**2)
    assert X_W**2 - 4 * k * (formula + k) == pytest.approx(0, abs=1e-12)  # the root of (1.3)
    with pytest.raises(ValueError, match="no throw clears h = 4 m"):
        BallWall(x_w=5.0, h=4.0)


def test_equation_1_7() -> None:
    path = _climb(WALL, torch.tensor([1.0], dtype=torch.float64), 0.002)[:, 0].tolist()
    theta = 1.0
    for visited in path:
        assert visited == pytest.approx(theta, abs=1e-12)
        on_slope = WALL.angles[0] <= theta <= WALL.angles[1]
        theta += 0.002 * (-V * T * math.sin(theta) if on_slope else 0.0)


def test_equation_1_8() -> None:
    for rate in (0.005, 0.1, 0.12):
        path = _climb(FREE, torch.tensor([1e-4], dtype=torch.float64), rate)[:, 0]
        assert float(path[1] / path[0]) == pytest.approx(1 - rate * V * T, abs=1e-6)


def test_numbers_of_rates_that_are_too_large() -> None:
    slow, cycle = (
        _climb(FREE, torch.tensor([1.2], dtype=torch.float64), rate)[:, 0] for rate in (0.1, 0.12)
    )
    assert bool((slow[1:] * slow[:-1] < 0).all()) and float(slow[-1].abs()) > 0.1
    assert [f"{at:.2f}" for at in cycle[-4:].tolist()] == ["-1.03", "1.03", "-1.03", "1.03"]
    assert f"{float(FREE(cycle[-1:, None])):.2f}" == "10.35" and says("at 10.35 m")


def test_numbers_of_the_throw_without_a_wall() -> None:
    assert FREE(column(0, math.pi / 4)).tolist() == pytest.approx([20.0, 14.142], abs=1e-3)
    level = FREE.position(column(0.0), torch.tensor([2.0], dtype=torch.float64))[0].tolist()
    assert level == pytest.approx([20.0, -19.62]) and says("19.6 m below the hand")
    assert 20 - G * T**2 / 2 == pytest.approx(0.38) and says("would score 0.38 m")


def test_numbers_of_the_cliffs() -> None:
    before, after = WALL(column(0.874, 0.875)).tolist()
    assert (f"{before:.2f}", f"{after:.2f}", f"{after - before:.2f}") == ("5.00", "12.82", "7.82")
    up, down = WALL.jumps().height.tolist()
    assert (f"{up:.2f}", f"{down:.2f}") == ("7.83", "-1.56")
    assert f"{WALL.optimum.value:.2f}" == "12.83"
    slopes = _slope(WALL, torch.tensor([WALL.angles[0] - 1e-6, WALL.angles[0] + 1e-6]))
    assert float(slopes[0]) == 0 and f"{float(slopes[1]):.2f}" == "-15.34" and says("-15.34$ m/rad")


def test_numbers_of_gradient_ascent() -> None:
    free = FREE(_climb(FREE, torch.tensor([1.2], dtype=torch.float64), 0.005)[..., None])[:, 0]
    assert (f"{float(free[0]):.2f}", f"{float(free[STEPS]):.2f}") == ("7.25", "20.00")
    path = _climb(WALL, torch.tensor([1.0], dtype=torch.float64), 0.002)
    climbed = WALL(path[..., None])[:, 0].tolist()
    assert [f"{j:.2f}" for j in (climbed[0], climbed[3], climbed[4])] == ["10.81", "12.41", "5.00"]


def test_numbers_of_the_61_starts() -> None:
    starts = torch.linspace(-1.5, 1.5, 61, dtype=torch.float64)
    groups = _outcomes(WALL, _climb(WALL, starts, 0.004))
    counts = {name: int(who.sum()) for name, who in groups.items()}
    assert counts == {"never move": 46, "stop at the wall": 8, "walk off the cliff": 7,
                      "reach the top": 0}  # fmt: skip
    assert says("46 stand on a plateau") and says("8 climb up") and says("7 start on the good side")
    free = _climb(FREE, starts, 0.004)
    assert bool((FREE(free[-1][:, None]) > 19.99).all())


@pytest.mark.parametrize("rate", np.geomspace(1e-4, 0.2, 25))
def test_no_rate_brings_a_start_to_rest_above_the_wall(rate: float) -> None:
    starts = torch.linspace(-1.5, 1.5, 61, dtype=torch.float64)
    end = _climb(WALL, starts, float(rate))[-1]
    at_rest = _slope(WALL, end) == 0
    assert float(WALL(end[at_rest][:, None]).max()) == X_W


def test_a_low_and_close_wall_has_one_cliff() -> None:
    low = BallWall(x_w=1.5, h=0.0)
    assert low.angles[2] < low.angles[1]
    assert len(low.jumps().theta) == 1
