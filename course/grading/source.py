"""What our own notebook says: its tests, its answers, and what it gives to a student."""

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.release import ROOT, configuration

HIDDEN = re.compile(r"^\s*### BEGIN HIDDEN TESTS.*?^\s*### END HIDDEN TESTS[^\n]*\n?", re.S | re.M)


@dataclass(frozen=True)
class Cell:
    """A code cell of ours. `role` is "answer", "test" or "given"."""

    name: str
    role: str
    source: str
    points: float = 0.0

    @property
    def shown(self) -> str:
        """The source as it is released."""
        return HIDDEN.sub("", self.source)

    @property
    def hidden(self) -> bool:
        """Whether all of a test is hidden, but for comments."""
        return not any(line.strip() and line.strip()[0] != "#" for line in self.shown.splitlines())


@dataclass(frozen=True)
class Exercise:
    """An exercise NN_topic, as solutions/ has it."""

    name: str
    cells: tuple[Cell, ...]
    notebook: NotebookNode
    placeholder: str  # what the release has in place of a written answer

    @cached_property
    def answers(self) -> list[str]:
        return [cell.name for cell in self.cells if cell.role == "answer"]

    @cached_property
    def tests(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.role == "test"]

    @property
    def file(self) -> str:
        """The name of a submitted notebook."""
        return f"{self.topic}.ipynb"

    @property
    def topic(self) -> str:
        """The name of the notebook, as nbgrader knows it."""
        return self.name[3:]

    @cached_property
    def graded(self) -> dict[str, float]:
        """Points of every graded cell, written answers among them."""
        ours = [cell.metadata.get("nbgrader", {}) for cell in self.notebook.cells]
        return {cell["grade_id"]: float(cell["points"]) for cell in ours if cell.get("grade")}

    @property
    def written(self) -> list[str]:
        """The written answers, which a person reads."""
        return [name for name in self.graded if name not in {test.name for test in self.tests}]

    @property
    def max_score(self) -> float:
        return sum(test.points for test in self.tests)

    def function(self, test: Cell) -> str:
        """The answer that a test is about: the longest whose name is in test_<function>_..."""
        fits = [name for name in self.answers if f"{test.name}_".startswith(f"test_{name}_")]
        return max(fits, key=len, default="")

    @cached_property
    def inside(self) -> list[str]:
        """The statements of our cells that run in the jail, before the answers."""
        return [text for cell in self.cells for text in _inside(cell, self.answers)]

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """The names that the released cells import from smoothlib, by module."""
        found: dict[str, set[str]] = {}
        for cell in self.cells:
            if cell.role != "answer":
                for node in ast.walk(ast.parse(cell.shown)):
                    if isinstance(node, ast.ImportFrom) and node.module:
                        names = {alias.name for alias in node.names}
                        found.setdefault(node.module, set()).update(names)
        return {m: names for m, names in found.items() if m.split(".")[0] == "smoothlib"}


def load(name: str, root: Path = ROOT) -> Exercise:
    """Read exercise NN_topic from solutions/, without the instructor's pages."""
    path = root / "solutions" / name / f"{name[3:]}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    pages = [cell for cell in notebook.cells if "instructor" in cell.metadata.get("tags", [])]
    notebook.cells = [cell for cell in notebook.cells if cell not in pages]
    cells = [_cell(cell) for cell in notebook.cells if cell.cell_type == "code"]
    placeholder = str(configuration().ClearSolutions.text_stub)
    return Exercise(name, tuple(cells), notebook, placeholder)


def _cell(cell: NotebookNode) -> Cell:
    ours = cell.metadata.get("nbgrader", {})
    role = "test" if ours.get("grade") else "answer" if ours.get("solution") else "given"
    return Cell(ours.get("grade_id", cell.id), role, cell.source, float(ours.get("points", 0) or 0))


def _inside(cell: Cell, answers: list[str]) -> list[str]:
    """What of a cell of ours an answer may rely on: imports, definitions and constants.

    It leaves out whatever calls an answer or checks one, and the data of tests.
    """
    if cell.role == "answer":
        return []
    kinds: tuple[type, ...] = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    if cell.role == "given":
        kinds = (*kinds, ast.Assign, ast.AnnAssign)
    kept = [
        node
        for node in ast.parse(cell.shown).body
        if isinstance(node, kinds)
        and (not isinstance(node, ast.Assign | ast.AnnAssign) or not _uses(node, answers))
    ]
    return [ast.unparse(node) for node in kept]


def _uses(node: ast.AST, names: list[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node))
