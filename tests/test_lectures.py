"""Every notebook that people write: it runs, and it keeps the limits that make it readable."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from itertools import groupby, pairwise
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

REPO = Path(__file__).resolve().parent.parent
LECTURES = sorted(REPO.glob("lectures/*.ipynb"))
NOTEBOOKS = LECTURES + sorted(REPO.glob("solutions/*/*.ipynb"))


def name(path: Path) -> str:
    return str(path.relative_to(REPO))


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
every_lecture = pytest.mark.parametrize("path", LECTURES, ids=name)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


# The cells of a solution run in test_exercises.py as well, but for those that follow an answer.
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, marks=[pytest.mark.slow] * (p not in LECTURES), id=name(p))
        for p in NOTEBOOKS
    ],
)
def test_runs_from_top_to_bottom_without_a_warning(path: Path, tmp_path: Path) -> None:
    executed = tmp_path / path.name
    command = ["-m", "nbconvert", "--to", "notebook", "--execute", "--output", str(executed)]
    done = subprocess.run([sys.executable, *command, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    outputs = [output for cell in code(read(executed)) for output in cell.outputs]
    assert [o.text for o in outputs if o.get("name") == "stderr"] == []


@every_notebook
def test_is_committed_as_written_not_as_run(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    for cell in code(notebook):
        assert cell.outputs == [] and cell.execution_count is None, cell.id


@every_notebook
def test_every_cell_has_an_id_of_its_own(path: Path) -> None:
    """Named by a person: nbformat would otherwise invent another one at each reading."""
    ids = [cell.id for cell in read(path).cells]
    assert len(set(ids)) == len(ids)
    assert [i for i in ids if re.fullmatch(r"[0-9a-f]{8}", i)] == []


@every_notebook
def test_cells_are_short_and_prose_stands_between_them(path: Path) -> None:
    notebook = read(path)
    long = {cell.id: n for cell in code(notebook) if (n := len(cell.source.splitlines())) > 15}
    assert long == {}, "more than 15 lines; what is long belongs in course/"
    runs = groupby(notebook.cells, key=lambda cell: cell.cell_type)
    in_a_row = [[cell.id for cell in run] for kind, run in runs if kind == "code"]
    assert [run for run in in_a_row if len(run) > 2] == []


@every_notebook
def test_headings_start_with_one_title_and_skip_no_level(path: Path) -> None:
    text = "\n".join(re.sub(r"```.*?```", "", cell, flags=re.S) for cell in prose(read(path)))
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, flags=re.M)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@every_notebook
def test_images_exist_and_have_a_text_for_those_who_cannot_see_them(path: Path) -> None:
    for cell in prose(read(path)):
        for text, target in re.findall(r"!\[(.*?)\]\((.*?)\)", cell):
            assert text.strip(), f"{target} has no alt text"
            assert (path.parent / target).is_file(), target
        for tag in re.findall(r"<img[^>]*>", cell):
            assert re.search(r'alt="[^"]+"', tag), tag


@every_lecture
def test_opens_with_three_objectives_and_closes_with_three_facts(path: Path) -> None:
    cells = prose(read(path))
    bullets = [len(re.findall(r"^(?:[-*]|\d\.) ", cell, flags=re.M)) for cell in cells]
    assert [n for n in bullets[:3] if n] == [3], "one list of three, within the first three cells"
    assert bullets[-1] == 3, "one list of three in the last cell"


def test_no_helper_stands_in_two_notebooks_or_twice_in_one() -> None:
    """Functions of more than one statement; the second copy belongs in smoothlib or course."""
    places = defaultdict(list)
    for path in NOTEBOOKS:
        for cell in code(read(path)):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.FunctionDef) and len(node.body) > 1:
                    body = "\n".join(ast.unparse(line) for line in node.body)
                    places[body].append(f"{name(path)}, {cell.id}: {node.name}")
    assert [where for where in places.values() if len(where) > 1] == []


# What a lecture cites of an earlier one, and a piece of the equation that it means.
CITED = {
    "2.1": r"\mathbb E\,f(\theta + \sigma\varepsilon)",
    "2.2": r"\frac{s}{\sqrt n}",
    "2.6": r"\mathbb E\,h'(\varepsilon)",
    "2.9": r"\int f(x)\,(x - \theta)",
    "2.13": r"\frac{\sigma_\text{last}}{\sigma_\text{first}}",
    "3.3": r"\mathbb E\big[f(x)\,\nabla \ln p_\theta(x)\big]",
    "3.5": r"\frac1\sigma\,\mathbb E\big[f(\theta + \sigma\varepsilon)\,\varepsilon\big]",
    "3.6": r"- b)\,\varepsilon\big]",
    "3.10": r"d\,(d+2)(d+4)",
    "3.15": r"\eta < \frac2{d+2}",
    "4.2": r"\frac{\mathrm d s_i}{\mathrm d\theta}",
    "4.6": r"\sum_j \Delta_j",
    "4.8": r"\Phi(|z|)^n",
    "5.1": r"\frac{\operatorname{Var}\hat g}n + \text{bias}^2",
    "5.3": r"\frac{n-1}n\,F'",
    "5.6": r"\operatorname{Var}\hat g^{[0]} = \frac{(f-b)^2}{\sigma^2}",
    "5.7": r"\operatorname{Var}\hat g^{[1]} = \sigma^2f''^2",
    "5.9": r"\sum_{j\neq k} f_j\,\varepsilon_j^2",
    "5.10": r"\frac{n-2}{n-1}\,\sigma^2F'^2",
    "6.7": r"\frac\varepsilon\sigma\Big] = F_s'(z)",
    "7.6": r"\sum_{t=0}^{T-1}G_t\,\nabla\log\pi_\theta(a_t \mid s_t)",
    "7.11": r"\operatorname{clip}(\rho_t",
    "9.2": r"\frac{f(\theta + \sigma\varepsilon) - f(\theta - \sigma\varepsilon)}{2\sigma}",
}


@every_lecture
def test_an_equation_of_another_lecture_is_the_one_that_is_meant(path: Path) -> None:
    """A number that exists may still be the wrong one: each that is cited has a line in CITED."""
    own = f"{int(path.name[:2])}."
    cited = set(re.findall(r"\(([1-9]\d*\.[1-9]\d*)\)", " ".join(prose(read(path)))))
    assert cited - EQUATIONS.keys() == set(), "no such equation"
    for number in cited:
        if not number.startswith(own):
            assert CITED.get(number, "a line in CITED") in EQUATIONS[number], number


EQUATIONS = {
    number: formula
    for path in LECTURES
    for cell in prose(read(path))
    for formula, number in re.findall(r"\$\$((?:(?!\$\$).)*?)\\tag\{(\d+\.\d+)\}", cell, flags=re.S)
}
