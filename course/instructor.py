"""The instructor's pages of an exercise: in the solution, and nowhere else."""

from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor


class DropInstructorCells(NbGraderPreprocessor):
    """Leave out the cells tagged "instructor": timing, questions to the room, misreadings."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        nb.cells = [c for c in nb.cells if "instructor" not in c.metadata.get("tags", [])]
        return nb, resources
