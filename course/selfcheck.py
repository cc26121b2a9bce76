"""Runs a student's notebook in a kernel of its own and reports on its visible tests.

`nbgrader validate` does this too, but exits with 0 whether they pass or not.
"""

import ast
import re
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
SYNTAX_ERRORS = ("SyntaxError", "IndentationError", "TabError")


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
        CourseError: if the notebook cannot be read, holds no tests, or ends its kernel.
    """
    notebook = read(path)
    _run(path, notebook)
    return results(notebook)


def read(path: Path) -> NotebookNode:
    """A notebook with tests in it.

    Raises:
        CourseError: if it is none.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        tested = any(is_test(cell) for cell in notebook.cells)
    except (ValueError, nbformat.ValidationError) as error:
        raise CourseError(f"{path} is not a notebook: {str(error).splitlines()[0]}") from None
    except (AttributeError, TypeError, KeyError):
        raise CourseError(f"{path} is not a notebook: it holds no list of cells") from None
    if not tested:
        raise CourseError(f"{path} holds no tests")
    return notebook


def results(notebook: NotebookNode) -> list[Result]:
    """What the outputs in a notebook say of its visible tests and of cells that did not run."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    graded = [cell for cell in code if "nbgrader" in cell.metadata and not is_test(cell)]
    broken = [_name(cell) for cell in graded if _broken(cell)]
    shown = [c for c in code if is_test(c) or (_broken(c) and not (broken and _follows(c)))]
    return [_result(cell, broken) for cell in shown]


def report(title: str, results: list[Result]) -> str:
    """A table of the results: test, points, result, and under it the message."""
    width = max(len(result.name) for result in results)
    lines = [title, f"  {'test':<{width}}  points  result"]
    seen = set[str]()
    for result in results:
        earned = f"{result.points * result.passed:g} / {result.points:g}" if result.points else ""
        lines.append(f"  {result.name:<{width}}  {earned:<6}  {_verdict(result)}")
        if _verdict(result) == "not run":
            lines[-1] = lines[-1].removesuffix("not run") + result.message
        elif _verdict(result) != "not started":
            message = _shorten(result.message, seen)
            lines += [f"      {line}" for line in message.splitlines()]
    got = sum(result.points for result in results if result.passed)
    total = sum(result.points for result in results)
    return "\n".join([*lines, f"{got:g} of {total:g} points; hidden tests run when it is graded"])


def _shorten(message: str, seen: set[str]) -> str:
    """The message, without the likely mistake if that is in `seen`, where it is entered."""
    likely = re.search(r"^  likely    (.+(?:\n {12}.*)*)", message, flags=re.MULTILINE)
    if likely is None:
        return message
    if likely[1] in seen:
        return f"{message[: likely.start(1)]}as above{message[likely.end(1) :]}"
    seen.add(likely[1])
    return message


def _verdict(result: Result) -> str:
    if result.passed:
        return "passed"
    if not result.points:
        return "did not run"
    if result.message.startswith("not run: "):
        return "not run"
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


def is_test(cell: NotebookNode) -> bool:
    """Whether a cell is a visible test: points, and more than the comment of a hidden one."""
    lines = [line.strip() for line in cell.source.splitlines()]
    code = any(line and not line.startswith("#") for line in lines)
    graded = bool(cell.metadata.get("nbgrader", {}).get("grade"))
    return cell.cell_type == "code" and graded and code


def _broken(cell: NotebookNode) -> bool:
    """Whether a cell that is not a test failed, other than for a function not yet written."""
    unwritten = ("NotImplementedError", "NotStarted")
    return any(error.ename not in unwritten for error in _errors(cell))


def _follows(cell: NotebookNode) -> bool:
    """Whether a cell missed a name, as all cells do that come after one that did not run."""
    return any(error.ename == "NameError" for error in _errors(cell))


def _errors(cell: NotebookNode) -> list[NotebookNode]:
    return [output for output in cell.outputs if output.output_type == "error"]


def _name(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", f"cell {cell.id}"))


def _result(cell: NotebookNode, broken: list[str]) -> Result:
    name, errors = _name(cell), _errors(cell)
    points = float(cell.metadata.nbgrader.points) if is_test(cell) else 0.0
    message = "\n".join(_message(cell, error) for error in errors)
    if cell.execution_count is None:
        return Result(name, points, False, "not run: run this cell, and save the notebook")
    for cause in broken:
        undefined = any(error.evalue == f"name '{cause}' is not defined" for error in errors)
        if points and (undefined or (cause == "setup" and _follows(cell))):
            message = f"not run: the cell {cause} has an error above"
            break
    return Result(name, points, not errors, message)


def _message(cell: NotebookNode, error: NotebookNode) -> str:
    if error.ename == "KeyboardInterrupt":
        return f"stopped after {TIMEOUT_S} s: is there a loop that does not end?"
    if error.ename in ("CheckFailed", "NotStarted"):
        return str(error.evalue)
    where = _syntax_error(cell.source, error) if error.ename in SYNTAX_ERRORS else ""
    return where or f"{error.ename}: {error.evalue}"


def _syntax_error(source: str, shown: NotebookNode) -> str:
    """The error that a cell has shown, with its line and a caret.

    Nothing if Python on its own stumbles elsewhere: over a magic, which only IPython reads.
    """
    try:
        ast.parse(source)
    except SyntaxError as error:
        if error.msg not in shown.evalue:
            return ""
        line = (error.text or "").rstrip()
        caret = " " * ((error.offset or 1) - 1) + "^"
        kind = type(error).__name__
        return f"{kind}: {error.msg}, in line {error.lineno} of the cell\n    {line}\n    {caret}"
    return ""
