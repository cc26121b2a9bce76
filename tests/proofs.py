"""The grader's marks, proved on every exercise: wrong answers lose, right ones do not.

For exercise NN_topic the wrong answers are course/mistakes/<topic>.py, and the right ones
tests/right/NN_topic.py; each is put into the answer cell of a submission and graded jailed. A new
exercise needs no code here.
"""

import ast
import contextlib
import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from course.checks import Known
from course.grading.grader import run_tests
from course.grading.jail import Jail
from course.grading.rows import TestResult
from course.grading.session import Code, Session
from course.grading.source import Cell, Exercise, load
from tests.exercises import ROOT, right


class Answer(NamedTuple):
    """An answer to one function of an exercise: the function `name` of a file of answers."""

    function: str
    name: str
    source: str  # of the whole cell
    says: str = ""  # what a student who made this mistake should read


def mistakes(exercise: Exercise) -> list[Answer]:
    """The known wrong answers: a list WALL_ANGLES holds those to wall_angles."""
    module = importlib.import_module(f"course.mistakes.{exercise.topic}")
    known = {name.lower(): x for name, x in vars(module).items() if isinstance(x, Known)}
    assert set(known) == set(exercise.answers), f"{module.__name__} lacks lists of mistakes"
    text = inspect.getsource(module)
    return [
        _answer(function, wrong, text, _explanation(wrong))
        for function, listed in known.items()
        for wrong in listed.mistakes
    ]


def _explanation(wrong: Callable) -> str:
    """What a student reads of a mistake, besides what to reread."""
    return " ".join((wrong.__doc__ or "").partition("Reread:")[0].split())


def rights(exercise: Exercise) -> list[Answer]:
    """Right answers, each in another style."""
    text = _right_path(exercise).read_text()
    found = right(exercise.name)
    return [_answer(function, f, text, "") for function, fs in found.items() for f in fs]


def _answer(function: str, f: Callable, text: str, says: str) -> Answer:
    # A module's own name for the right function must not hide a mistake of that name.
    return Answer(function, f.__name__, f"{text}\n\n{function} = {f.__name__}\n", says)


def _right_path(exercise: Exercise) -> Path:
    return ROOT / "tests" / "right" / f"{exercise.name}.py"


def provable(name: str) -> Exercise:
    """An exercise that also gives what our own answers import from smoothlib."""
    exercise = load(name)
    texts = [(ROOT / "course" / "mistakes" / f"{exercise.topic}.py").read_text()]
    texts.append(_right_path(exercise).read_text())
    imports = [
        ast.unparse(node)
        for text in texts
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("smoothlib")
    ]
    extra = Cell("imports_of_our_answers", "given", "\n".join(imports))
    return dataclasses.replace(exercise, cells=(extra, *exercise.cells))


@contextlib.contextmanager
def answered(jail: Jail, exercise: Exercise, answer: Answer) -> Iterator[Session]:
    """The solution of the exercise with one answer in place of ours, in the jail."""
    cells = [Code(cell.name, cell.source) for cell in exercise.cells if cell.role == "answer"]
    cells = [Code(c.name, answer.source) if c.name == answer.function else c for c in cells]
    session = Session(jail, exercise, cells)
    try:
        yield session
    finally:
        session.close()


def results(session: Session, seed: int) -> list[TestResult]:
    """What our tests say, their secret inputs drawn from this seed."""
    return run_tests(session, seed, {})


def secret_only(exercise: Exercise, function: str) -> Exercise:
    """The exercise with those tests of a function that draw inputs, for many seeds."""
    own = {cell for cell in exercise.tests if exercise.function(cell) == function}
    cells = tuple(
        c for c in exercise.cells if c.role != "test" or (c in own and "secret(" in c.source)
    )
    return dataclasses.replace(exercise, cells=cells)


def loses(found: list[TestResult], answer: Answer) -> bool:
    """Whether some test of the function failed, and no test of another."""
    failed = {test.function for test in found if test.earned < test.points}
    return failed == {answer.function}


def named(found: list[TestResult], answer: Answer) -> bool:
    """Whether the first message that a student sees names this mistake alone."""
    said = [test.message for test in found if test.message and not test.hidden]
    first = " ".join(said[0].split()) if said else ""
    return answer.says in first and "one of: (a)" not in first
