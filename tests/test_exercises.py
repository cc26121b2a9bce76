"""Every exercise: wrong answers are named, right ones pass however they are written.

A new exercise needs no code here: its wrong answers are course/mistakes/<topic>.py, its right ones
tests/right/NN_topic.py. What is special to one is in test_exercise_NN.py.
"""

import ast
import copy
import importlib
import itertools
import re
from collections.abc import Callable
from functools import cache

import pytest

from course.checks import CheckFailed, Known, secrets_from
from course.grading.source import load
from course.release import exercises
from tests.exercises import ROOT, grader, points, read, right, run, said_by_release

NAMES = exercises()
SOLUTIONS = {name: read("solutions", name) for name in NAMES}
DRAWINGS = 25  # of the secret inputs, shared among the right answers to a function


def known(name: str) -> dict[str, Known]:
    """What is known of each function of an exercise."""
    module = importlib.import_module(f"course.mistakes.{name[3:]}")
    return {key.lower(): x for key, x in vars(module).items() if isinstance(x, Known)}


def names_of(*parts: object) -> str:
    return "-".join(getattr(part, "__name__", str(part)) for part in parts)


FUNCTIONS = [(name, function) for name in NAMES for function in known(name)]
MISTAKES = [
    pytest.param(name, function, mistake, id=names_of(name, function, mistake))
    for name, function in FUNCTIONS
    for mistake in known(name)[function].mistakes
]
each_exercise = pytest.mark.parametrize("name", NAMES)
each_function = pytest.mark.parametrize(("name", "function"), FUNCTIONS)
each_mistake = pytest.mark.parametrize(("name", "function", "mistake"), MISTAKES)


def explanation(mistake: Callable) -> str:
    """What a student reads of a mistake, besides what to reread."""
    return squeeze((mistake.__doc__ or "").partition("Reread:")[0])


def squeeze(text: str) -> str:
    return " ".join(text.split())


def failures(name: str, function: str, answer: Callable, tests: str = "test_{}_") -> dict[str, str]:
    """What the tests of one function say of an answer to it; those of the others are not run."""
    wanted = tests.format(function)
    part = copy.copy(SOLUTIONS[name])
    part.cells = [c for c in part.cells if not c.id.startswith("test_") or c.id.startswith(wanted)]
    return {test: str(error) for test, error in run(part, {function: answer}).items() if error}


@cache
def first_message(name: str, function: str, mistake: Callable) -> str:
    """What a student who made this mistake reads first; nothing if it loses no point."""
    return squeeze(next(iter(failures(name, function, mistake).values()), ""))


def not_written(*args: object, **named: object) -> None:
    raise NotImplementedError


@each_exercise
def test_the_solution_earns_every_point(name: str) -> None:
    assert set(run(SOLUTIONS[name], {}).values()) == {None}


@each_exercise
def test_the_points_of_tests_and_written_answers_make_a_round_sum(name: str) -> None:
    markdown = [c for c in SOLUTIONS[name].cells if c.cell_type == "markdown"]
    written = sum(grader(cell).get("points", 0) for cell in markdown)
    total = 12 if name.startswith("01") else 20
    assert sum(points(SOLUTIONS[name]).values()) + written == total and written >= 2


@each_exercise
def test_an_untouched_release_says_not_started_and_fails_the_hidden_tests(name: str) -> None:
    outcomes = run(read("exercises", name), {})
    messages = {str(error) for test, error in outcomes.items() if not test.endswith("_hidden")}
    assert messages == {f"{function}: not started" for function in known(name)}
    stubs = dict.fromkeys(known(name), not_written)
    assert all(isinstance(e, CheckFailed) for e in run(SOLUTIONS[name], stubs).values())


@each_exercise
def test_every_cell_of_an_untouched_release_runs_or_says_what_is_not_started(name: str) -> None:
    """Cells that build on a function, a last figure among them, stop in one line, not a crash."""
    said = said_by_release(name)
    stubs = {f"{function}: not started" for function in known(name)}
    assert set(said.values()) == stubs
    assert [cell for cell in said if not cell.startswith("test_")], "no cell uses what was written"


@each_function
def test_there_are_eight_mistakes_and_five_right_answers(name: str, function: str) -> None:
    assert len(known(name)[function].mistakes) >= 8 and len(right(name)[function]) >= 5


@each_mistake
def test_a_known_mistake_loses_points_and_the_first_message_names_it(
    name: str, function: str, mistake: Callable
) -> None:
    said = first_message(name, function, mistake)
    assert said and explanation(mistake) in said


@each_exercise
def test_nine_first_messages_in_ten_name_one_mistake_alone(name: str) -> None:
    alone = [
        f"likely {explanation(mistake)}" in first_message(name, function, mistake)
        for function, what in known(name).items()
        for mistake in what.mistakes
    ]
    assert sum(alone) >= 0.9 * len(alone)


@each_mistake
def test_a_message_holds_nothing_that_jupyterlab_takes_for_a_path(
    name: str, function: str, mistake: Callable
) -> None:
    assert "/" not in explanation(mistake)


@each_function
def test_a_mistake_in_one_function_costs_no_points_of_another(name: str, function: str) -> None:
    outcomes = run(SOLUTIONS[name], {function: known(name)[function].mistakes[0]})
    assert all(test.startswith(f"test_{function}_") for test, error in outcomes.items() if error)


@each_function
def test_right_answers_pass_however_they_are_written_with_any_secret(
    name: str, function: str
) -> None:
    answers = right(name)[function]
    for answer in answers:
        assert failures(name, function, answer) == {}, answer.__name__
    for answer, seed in zip(itertools.cycle(answers), range(DRAWINGS), strict=False):
        with secrets_from(itertools.count(1000 * seed + 17)):
            assert failures(name, function, answer, "test_{}_hidden") == {}, (answer, seed)


@each_function
def test_a_hidden_test_is_no_lottery(name: str, function: str) -> None:
    """A wrong answer passes it with every drawing of the secret inputs, or with none."""
    luck = {}
    for mistake in known(name)[function].mistakes:
        passed = set()
        for seed in range(4):
            with secrets_from(itertools.count(1000 * seed + 17)):
                passed.add(failures(name, function, mistake, "test_{}_hidden") == {})
        luck[mistake.__name__] = passed
    assert [mistake for mistake, passed in luck.items() if len(passed) > 1] == []


@each_exercise
def test_the_minutes_of_the_parts_add_up_to_those_of_the_introduction(name: str) -> None:
    text = {cell.id: cell.source for cell in SOLUTIONS[name].cells}
    parts = [source for source in text.values() if source.startswith("## ")]
    minutes = [int(m[1]) for part in parts if (m := re.search(r"^\*.*?(\d+) minutes", part, re.M))]
    (about,) = re.findall(r"about (\d+) minutes", text["introduction"])
    assert re.search(rf"\*\*Timing\.\*\* (About )?{about} minutes at home", text["instructor"])
    if not name.startswith("01"):  # whose parts are not timed
        assert len(minutes) == len(parts) - 1 and sum(minutes) == int(about)


@each_exercise
def test_what_a_test_asks_of_a_dtype_is_said(name: str) -> None:
    text = {cell.id: cell.source for cell in SOLUTIONS[name].cells}
    assert (
        "A tensor that you return has the dtype of the tensors that you were given" in text["how"]
    )


@each_exercise
def test_no_exercise_gives_its_own_answer(name: str) -> None:
    """What it imports from smoothlib an answer may call, in the jail too: objectives and noise."""
    for cell in read("exercises", name).cells:
        if cell.cell_type == "code":
            loaded = [a.name for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Import)
                      for a in n.names]  # fmt: skip
            assert not [module for module in loaded if module.startswith("smoothlib")]
    for module, names in load(name).imports.items():
        found = {x: getattr(importlib.import_module(module), x) for x in names - {"normal"}}
        assert [x for x, thing in found.items() if not isinstance(thing, type)] == []


@each_function
def test_the_section_to_reread_exists(name: str, function: str) -> None:
    what = known(name)[function]
    own = [(m.__doc__ or "").partition("Reread:")[2] for m in what.mistakes]
    for text in {what.reread, *(squeeze(section) for section in own if section.strip())}:
        section = re.search(r"lecture (\d\d), “(.+)”", text)
        assert section, text
        lecture = next((ROOT / "lectures").glob(f"{section[1]}_*.ipynb"))
        headings = re.findall(r'"#+ (.+?)(?:\\n)?"', lecture.read_text())
        assert section[2] in headings, text
