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

    def untested(self, tests: dict, first: int = 1) -> list[str]:
        """The tags of equations that are out of order or have no test_equation_N_k in `tests`.

        Of a lecture whose halves are tested in files of their own, the half that starts at `first`:
        the other half starts at a multiple of 20, with a gap before it.
        """
        tags = [int(k) for k in re.findall(rf"\\tag\{{{self.number}\.(\d+)\}}", self.text)]
        halves = [k for k in tags if k % 20 == 0 and k - 1 not in tags]
        after = min((k for k in halves if k > first), default=max(tags, default=0) + 1)
        own = [k for k in tags if first <= k < after]
        missing = [k for k in own if f"test_equation_{self.number}_{k}" not in tests]
        return [str(k) for k in (missing if own == list(range(first, first + len(own))) else own)]
