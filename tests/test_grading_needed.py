"""Of our own cells only those run that a test needs."""

import pytest

from course.grading.needed import needed
from course.grading.source import Cell, load
from course.release import exercises

TEST = "assert f(x) == 1"


def kept(*given: str, test: str = TEST) -> list[str]:
    """The given cells that stay before one test."""
    cells = [Cell(text, "given", text) for text in given]
    found = needed((*cells, Cell("f", "answer", ""), Cell("test_f_a", "test", test, 1.0)))
    return [cell.source for cell in found if cell.role == "given"]


@pytest.mark.parametrize(
    ("given", "test"),
    [
        ("x = 1", TEST),
        ("x, y = 1, 2", TEST),
        ("from math import pi as x", TEST),
        ("def x(): pass", TEST),
        ("for x in (1, 2): pass", TEST),
        ("if True:\n    x = 1", TEST),
        ("with open('a') as x: pass", TEST),
        ("x = 1", "def g(y=x): return y\nassert f(g())"),
        ("x = 1", "def g(): return x\nassert f(g())"),
        ("x = 1", "assert all(f(x + i) for i in (1, 2))"),
        ("x = 1", "if f(2):\n    x = 3\nassert f(x)"),
        ("x = 1", "x += 1\nassert f(x)"),
        ("x = 1", "y = [x for x in (1, 2)]\nassert f(x)"),
        ("x = 1", "y = (lambda x: x)(2)\nassert f(x)"),
        ("x = 1", "x = x + 1\nassert f(x)"),
    ],
)
def test_what_a_test_uses_stays(given: str, test: str) -> None:
    assert kept(given, test=test) == [given]


@pytest.mark.parametrize(
    ("given", "test"),
    [
        ("axes = plots.axes(1)", TEST),
        ("f(1)", "assert True"),
        ("x = 1", "x = 2\nassert f(x)"),
        ("x = 1", "for x in (1, 2): assert f(x)"),
        ("x = 1", "with a as b:\n    for x, y in pairs:\n        assert f(x)"),
        ("x = 1", "assert all(f(x) for x in (1, 2))"),
        ("x = 1", "def g(x): return x\nassert f(g(1))"),
        ("x = 1", "if f(2):\n    x = 3\nelse:\n    x = 4\nassert f(x)"),
    ],
)
def test_what_no_test_uses_goes(given: str, test: str) -> None:
    assert kept(given, test=test) == []


def test_what_is_used_by_what_stays_stays_too_and_so_does_what_changes_it() -> None:
    given = ("cases = []", "y = 2", "cases.append(y)", "other = 3", "cases[0] = 5", "x = cases[0]")
    assert kept(*given) == [text for text in given if text != "other = 3"]
    assert kept("x = 1", "x = 2") == ["x = 2"]


@pytest.mark.parametrize("name", exercises())
def test_every_exercise_keeps_its_setup_and_its_tests(name: str) -> None:
    exercise = load(name)
    found = needed(exercise.cells)
    assert [cell for cell in found if cell.role == "test"] == exercise.tests
    assert found[0].name == "setup"
