"""The text of a lecture, for tests that hold it to the numbers."""

import re

import nbformat

from course import lab


class Prose:
    """All markdown of lecture `name`; `says` finds a sentence however it is broken into lines."""

    def __init__(self, name: str) -> None:
        notebook = nbformat.read(lab.REPO / "lectures" / f"{name}.ipynb", as_version=4)
        markdown = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        self.text = "\n\n".join(markdown)
        self.number = str(int(name[:2]))
        self.headings = re.findall(r"^#+ (.+)$", self.text, flags=re.M)

    def says(self, text: str) -> bool:
        return text in " ".join(self.text.split())

    def untested(self, tests: dict) -> list[str]:
        """The tags of equations that are out of order or have no test_equation_N_k in `tests`."""
        tags = re.findall(rf"\\tag\{{{self.number}\.(\d+)\}}", self.text)
        assert tags, f"no numbered equations in lecture {self.number}"
        wanted = [str(k) for k in range(1, len(tags) + 1)]
        missing = [k for k in tags if f"test_equation_{self.number}_{k}" not in tests]
        return missing if tags == wanted else tags
