"""Runs a student's notebook in a kernel of its own and reports on its visible tests.

`nbgrader validate` does this too, but exits with 0 whether they pass or not.
"""

from pathlib import Path
from typing import NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from course import CourseError
from course.release import ROOT, exercises, find

TIMEOUT_S = 60  # per cell, as when the notebook is graded


class Result(NamedTuple):
    """What became of one cell: a visible test, or another cell that did not run (no points)."""

    name: str
    points: float
    passed: bool
    message: str


def notebooks(exercise: str | None) -> list[Path]:
    """The notebook at a path, the student's copy of exercise NN, or those of all exercises.

    Raises:
        CourseError: if there is no such notebook.
    """
    if exercise and exercise.endswith(".ipynb"):
        paths = [Path(exercise)]
    else:
        names = [find(exercise)] if exercise else exercises()
        paths = [ROOT / "exercises" / name / f"{name[3:]}.ipynb" for name in names]
    for path in paths:
        if not path.is_file():
            raise CourseError(f"there is no notebook {path}; `course release` makes the exercises")
    return paths


def run_tests(path: Path) -> list[Result]:
    """Run all cells of a notebook, in memory, and report on its visible tests in order.

    Raises:
        CourseError: if the notebook cannot be read, or ends its kernel.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (ValueError, nbformat.ValidationError) as error:
        raise CourseError(f"{path} is not a notebook: {str(error).splitlines()[0]}") from None
    _run(path, notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not any(_is_test(cell) for cell in code):
        raise CourseError(f"{path} holds no tests")
    return [_result(cell) for cell in code if _is_test(cell) or _broken(cell)]


def report(title: str, results: list[Result]) -> str:
    """A table of the results: test, points, result, and under it the message."""
    width = max(len(result.name) for result in results)
    lines = [title, f"  {'test':<{width}}  points  result"]
    for result in results:
        earned = f"{result.points * result.passed:g} / {result.points:g}" if result.points else ""
        lines.append(f"  {result.name:<{width}}  {earned:<6}  {_verdict(result)}")
        if _verdict(result) != "not started":
            lines += [f"      {line}" for line in result.message.splitlines()]
    got = sum(result.points for result in results if result.passed)
    total = sum(result.points for result in results)
    return "\n".join([*lines, f"{got:g} of {total:g} points; hidden tests run when it is graded"])


def _verdict(result: Result) -> str:
    if result.passed:
        return "passed"
    if not result.points:
        return "did not run"
    return "not started" if result.message.endswith("not started") else "failed"


def _run(path: Path, notebook: NotebookNode) -> None:
    """Execute every cell, whatever tags it has; errors stay in the outputs."""
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        interrupt_on_timeout=True,
        allow_errors=True,
        skip_cells_with_tag="",
        kernel_name="python3",
        resources={"metadata": {"path": str(path.resolve().parent)}},
        # Without encryption every kernel prints a warning.
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),
    )
    try:
        client.execute()
    except DeadKernelError:
        raise CourseError(f"{path} ended its kernel: does it call exit()?") from None


def _is_test(cell: NotebookNode) -> bool:
    """Whether a cell is a visible test: points, and more than the comment of a hidden one."""
    lines = [line.strip() for line in cell.source.splitlines()]
    code = any(line and not line.startswith("#") for line in lines)
    return bool(cell.metadata.get("nbgrader", {}).get("grade")) and code


def _broken(cell: NotebookNode) -> bool:
    """Whether a cell that is not a test failed, other than for a function not yet written."""
    return any(error.ename != "NotImplementedError" for error in _errors(cell))


def _errors(cell: NotebookNode) -> list[NotebookNode]:
    return [output for output in cell.outputs if output.output_type == "error"]


def _result(cell: NotebookNode) -> Result:
    grader, errors = cell.metadata.get("nbgrader", {}), _errors(cell)
    name = grader.get("grade_id", f"cell {cell.id}")
    points = float(grader["points"]) if _is_test(cell) else 0.0
    return Result(name, points, not errors, "\n".join(_message(error) for error in errors))


def _message(error: NotebookNode) -> str:
    if error.ename == "KeyboardInterrupt":
        return f"stopped after {TIMEOUT_S} s: is there a loop that does not end?"
    return str(error.evalue) if error.ename == "CheckFailed" else f"{error.ename}: {error.evalue}"
