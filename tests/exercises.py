"""Runs the graded part of an exercise in this process, with any functions as the answers."""

import contextlib
import io
import runpy
import warnings
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.checks import CheckFailed

ROOT = Path(__file__).resolve().parent.parent


def read(folder: str, name: str) -> NotebookNode:
    """The notebook of exercise NN_topic in solutions/ or exercises/."""
    return nbformat.read(ROOT / folder / name / f"{name[3:]}.ipynb", as_version=4)


def right(name: str) -> dict[str, list[Callable]]:
    """The right answers of tests/right/NN_topic.py, by the function that they answer."""
    return dict(runpy.run_path(str(ROOT / "tests" / "right" / f"{name}.py"))["RIGHT"])


def grader(cell: NotebookNode) -> dict:
    return dict(cell.metadata.get("nbgrader", {}))


def points(notebook: NotebookNode) -> dict[str, float]:
    """Points of each test cell, by its grade_id."""
    tests = [grader(c) for c in notebook.cells if c.cell_type == "code" and grader(c).get("grade")]
    return {test["grade_id"]: test["points"] for test in tests}


def run(notebook: NotebookNode, answers: dict[str, Callable]) -> dict[str, Exception | None]:
    """What each test cell raised, given these answers; the others are the notebook's own."""
    namespace: dict = {}
    outcomes: dict[str, Exception | None] = {}
    for cell in notebook.cells:
        meta = grader(cell)
        if cell.cell_type != "code" or not meta:
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True):
                exec(compile(cell.source, meta["grade_id"], "exec"), namespace)
        except Exception as error:
            outcome = error
        else:
            outcome = None
        if meta["grade"]:
            outcomes[meta["grade_id"]] = outcome
        elif outcome is not None:
            raise outcome
        namespace |= {name: f for name, f in answers.items() if name == meta["grade_id"]}
    return outcomes


def said_by_release(name: str) -> dict[str, str]:
    """What the cells of an untouched release say that stop at a check, by cell id."""
    namespace: dict = {}
    said = {}
    for cell in (c for c in read("exercises", name).cells if c.cell_type == "code"):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell.source, cell.id, "exec"), namespace)
        except CheckFailed as stop:
            said[cell.id] = str(stop)
    return said
