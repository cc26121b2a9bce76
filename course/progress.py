"""Where a student stands, one line for each exercise, from what the notebooks say of themselves."""

import re
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from course.release import ROOT, answered, exercises
from course.selfcheck import Result, read, results, run_tests


class Standing(NamedTuple):
    """How far an exercise has come. `minutes` is what its introduction says it takes."""

    name: str
    started: bool
    functions_right: int
    functions: int
    earned: float
    points: float
    unwritten: int
    minutes: str


def standings(folder: Path = ROOT / "exercises", run: bool = False) -> list[Standing]:
    """The standing of every exercise whose notebook lies in folder/NN_topic/topic.ipynb.

    It comes from the outputs that the student's last run left in the notebook. With `run`, the
    notebooks that were started are run now, some seconds for each, and not changed.

    Raises:
        CourseError: if a notebook cannot be read.
    """
    paths = [folder / name / f"{name[3:]}.ipynb" for name in exercises()]
    return [_standing(path, run) for path in paths if path.is_file()]


def table(rows: list[Standing]) -> str:
    """The standings with a headline, in columns."""
    head = ("exercise", "functions right", "visible points", "written answers", "takes")
    lines = [head, *(_line(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    shown = (
        "  ".join(f"{text:<{w}}" for text, w in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join(line.rstrip() for line in shown)


def _standing(path: Path, run: bool) -> Standing:
    notebook = read(path)
    answers, done = _answers(notebook), answered(notebook)
    tested = run_tests(path) if run and done else results(notebook)
    tests = [result for result in tested if result.points]
    functions = [name for name, is_code in answers.items() if is_code]
    return Standing(
        name=path.parent.name,
        started=bool(done),
        functions_right=sum(_right(name, tests) for name in functions),
        functions=len(functions),
        earned=sum(test.points for test in tests if test.passed),
        points=sum(test.points for test in tests),
        unwritten=sum(not is_code and name not in done for name, is_code in answers.items()),
        minutes=_minutes(notebook),
    )


def _line(row: Standing) -> tuple[str, ...]:
    name = row.name.replace("_", " ")
    if not row.started:
        return name, "not started", "", "", row.minutes
    written = f"{row.unwritten} still empty" if row.unwritten else "all there"
    functions = f"{row.functions_right} of {row.functions}"
    return name, functions, f"{row.earned:g} of {row.points:g}", written, row.minutes


def _answers(notebook: NotebookNode) -> dict[str, bool]:
    """The answer cells by grade_id, and whether they hold code."""
    ours = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution")]
    return {cell.metadata.nbgrader.grade_id: cell.cell_type == "code" for cell in ours}


def _right(function: str, tests: list[Result]) -> bool:
    """Whether a function has visible tests, and passes them all."""
    about = [test for test in tests if test.name.startswith(f"test_{function}_")]
    return bool(about) and all(test.passed for test in about)


def _minutes(notebook: NotebookNode) -> str:
    text = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    found = re.search(r"about (\d+) minutes", text)
    return f"{found[1]} min" if found else ""
