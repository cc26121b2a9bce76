"""Exercise 01: what is special to it. Answers, right and wrong, are in test_exercises.py."""

import math
from collections.abc import Callable

import pytest
import torch

from course.mistakes import landscapes
from smoothlib import BallWall
from tests.exercises import read, run, said_by_release

NAME = "01_landscapes"
SOLUTION = read("solutions", NAME)
KNOWN = {
    "wall_angles": landscapes.WALL_ANGLES,
    "wall_distance": landscapes.WALL_DISTANCE,
    "gradient_ascent": landscapes.GRADIENT_ASCENT,
}
MISTAKES = [(name, mistake) for name, known in KNOWN.items() for mistake in known.mistakes]


@pytest.mark.parametrize(("name", "mistake"), MISTAKES, ids=lambda x: getattr(x, "__name__", x))
def test_some_visible_message_names_this_mistake_alone(name: str, mistake: Callable) -> None:
    named = [str(e) for t, e in run(SOLUTION, {name: mistake}).items() if "likely" in str(e)]
    assert any("one of: (a)" not in squeeze(message) for message in named)


@pytest.mark.parametrize(("name", "mistake"), MISTAKES, ids=lambda x: getattr(x, "__name__", x))
def test_the_first_visible_message_names_this_mistake_alone(name: str, mistake: Callable) -> None:
    first = squeeze(next(str(e) for e in run(SOLUTION, {name: mistake}).values() if e))
    assert f"likely {squeeze(mistake.__doc__)} reread" in first


def not_written(*args: object) -> None:
    raise NotImplementedError


def squeeze(text: str | None) -> str:
    return " ".join((text or "").split())


def test_a_hidden_test_shows_its_name_and_hint_and_no_numbers() -> None:
    def ignores_gravity(v, t, x_w, h, g):
        k = 9.81 * x_w**2 / (2 * v**2)
        roots = [x_w + sign * math.sqrt(x_w**2 - 4 * k * (h + k)) for sign in (-1, 1)]
        return *(math.atan(root / (2 * k)) for root in roots), math.acos(x_w / (v * t))

    outcomes = run(SOLUTION, {"wall_angles": ignores_gravity})
    failed = {test: str(error) for test, error in outcomes.items() if error}
    assert list(failed) == ["test_wall_angles_hidden"]
    assert failed["test_wall_angles_hidden"] == (
        "Hidden test: other walls\n  hint      Does each of the five arguments enter your formulas?"
    )


def test_the_numbers_in_the_text_are_true() -> None:
    text = " ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown")
    wall = BallWall()
    low, high, late = wall.angles
    right_angle = math.pi / 2
    flat = (low + late - high) / right_angle
    for number in (
        f"{right_angle:.3f} rad",
        f"from {low:.3f} to {high:.3f} rad, which is {(high - low) / right_angle:.0%}",
        f"above {late:.3f} rad, a further {1 - late / right_angle:.0%}",
        f"= {wall.optimum.value:.2f}$ m",
        f"a cliff {float(wall.jumps().height[0]):.2f} m deep",
        f"And {flat:.0%} of the angles",
        f"{20 * math.cos(1):.3f}",
        f"about {-20 * math.sin(low):.1f} m/rad",
        f"theta_r={math.acos(5 / 16):.3f}",
    ):
        assert number.replace("%", " %") in text, number


def test_the_run_from_a_good_start_ends_where_the_text_says() -> None:
    namespace: dict = {}
    for cell in SOLUTION.cells:
        if cell.cell_type == "code" and cell.id in WORKED:
            exec(cell.source, namespace)
    metres = namespace["distance"](namespace["path"])
    assert metres[-1].tolist() == [5.0] * 4
    best = f"climbs from {float(metres[0, 1]):.2f} m to {float(metres[:, 1].max()):.2f} m"
    assert best in next(c.source for c in SOLUTION.cells if c.id == "edge_notice")


WORKED = ("setup", "wall_angles", "wall_distance", "gradient_ascent", "slope", "paths")


def forgets_brackets(theta, v, t, x_w, h, g):
    flight, height = v * t * torch.cos(theta), x_w * torch.tan(theta)
    return torch.where(flight > x_w & height < h, x_w, flight)


def leaves_copies_of_one_tensor(df, theta0, lr, steps):
    theta = theta0.clone()
    path = [theta]
    for _ in range(steps):
        theta += lr * df(theta)
        path.append(theta)
    return torch.stack(path)


def returns_in_the_loop(df, theta0, lr, steps):
    path = [theta0]
    for _ in range(steps):
        path.append(path[-1] + lr * df(path[-1]))
        return torch.stack(path)


def joins_a_list(df, theta0, lr, steps):
    path = [theta0]
    for _ in range(steps):
        path.append(path[-1] + lr * df(path[-1]))
    return torch.tensor(path)


def takes_the_derivative_of_the_derivative(df, theta0, lr, steps):
    path = [theta0]
    for _ in range(steps):
        theta = path[-1].detach().requires_grad_()
        (slope,) = torch.autograd.grad(df(theta).sum(), theta)
        path.append(theta.detach() + lr * slope)
    return torch.stack(path)


def refuses_every_wall(v, t, x_w, h, g):
    k = g * x_w**2 / (2 * v**2)
    under_root = 4 * k * (h + k) - x_w**2
    if under_root < 0:
        raise ValueError("too high")
    return math.sqrt(under_root), 0.0, 0.0


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("wall_angles", refuses_every_wall, "This wall can be cleared"),
        ("wall_distance", forgets_brackets, "& binds tighter than > and <"),
        ("gradient_ascent", leaves_copies_of_one_tensor, "All points of your path are the last"),
        ("gradient_ascent", returns_in_the_loop, "is `return` indented into the loop?"),
        ("gradient_ascent", joins_a_list, "torch.stack(path)"),
        ("gradient_ascent", takes_the_derivative_of_the_derivative, "You differentiate df."),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_what_a_student_wrote_is_explained(name: str, answer: Callable, says: str) -> None:
    first = next(str(e) for e in run(SOLUTION, {name: answer}).values() if e)
    assert says in squeeze(first).split(" likely ")[1]


def test_what_the_model_answer_says_of_half_the_rate_is_true() -> None:
    names: dict = {}
    for cell in SOLUTION.cells:
        if cell.cell_type == "code" and cell.id in WORKED:
            exec(cell.source, names)
    start = torch.tensor(1.0, dtype=torch.float64)
    metres = names["distance"](names["gradient_ascent"](names["slope"], start, 0.00025, 100))
    fall = int((metres == 5.0).nonzero()[0])
    text = next(c.source for c in SOLUTION.cells if c.id == "explain_the_fall")
    assert f"stands at {metres[25]:.2f} m after 25 steps" in text
    assert f"falls in step {fall}, from {metres[fall - 1]:.2f} m, and is at 5 m after 100" in text
    assert metres[-1] == 5.0


def test_the_cells_after_the_tests_of_an_untouched_release_say_not_started() -> None:
    said = said_by_release(NAME)
    after = {name: said[name] for name in ("slope", "paths", "picture", "widget")}
    assert set(after.values()) == {"wall_distance: not started"}


def test_the_command_in_the_text_works_without_an_active_environment() -> None:
    text = " ".join(c.source for c in SOLUTION.cells if c.cell_type == "markdown")
    assert text.count("`.venv/bin/course check 01`") == text.count("course check") == 2
