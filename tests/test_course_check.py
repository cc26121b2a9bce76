"""`course check`: the visible tests of a notebook, in the terminal."""

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from course import cli, selfcheck
from tests.exercises import read

NAME = "01_landscapes"
WRONG = """
def wall_angles(v, t, x_w, h, g):
    k = g * x_w**2 / (2 * v**2)
    root = math.sqrt(x_w**2 - 4 * k * h)
    return [math.atan((x_w + s * root) / (2 * k)) for s in (-1, 1)] + [math.acos(x_w / (v * t))]
"""


def filled(answers: dict[str, str]) -> NotebookNode:
    """The released notebook with these answers in place of the stubs."""
    notebook = read("exercises", NAME)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    return notebook


def check(tmp_path: Path, notebook: NotebookNode) -> int:
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    return cli.main(["check", str(tmp_path / "mine.ipynb")])


def test_the_solution_passes(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    solved = {cell.id: cell.source for cell in read("solutions", NAME).cells}
    names = ("wall_angles", "wall_distance", "gradient_ascent")
    assert check(tmp_path, filled({name: solved[name] for name in names})) == 0
    printed = capfd.readouterr()
    assert "7 of 7 points; hidden tests run when it is graded" in printed.out
    assert printed.err == ""


def test_a_table_tells_not_started_from_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert check(tmp_path, filled({"wall_angles": WRONG})) == 1
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[1].split() == ["test", "points", "result"]
    assert lines[2].split() == ["test_wall_angles_default", "0", "/", "1", "failed"]
    assert any("The constant term of the quadratic in T is h + k" in line for line in lines)
    assert "  test_wall_distance_edges          0 / 1   not started" in lines
    assert lines[-1].startswith("0 of 7 points")


def test_a_cell_that_does_not_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert check(tmp_path, filled({"wall_angles": "def wall_angles(v, t:\n    return"})) == 1
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[2].split() == ["wall_angles", "did", "not", "run"]
    assert lines[3].startswith("SyntaxError: '(' was never closed, in line 1 of the cell")
    assert lines[4:6] == ["def wall_angles(v, t:", "^"]
    assert lines[6].endswith("not run: the cell wall_angles has an error above")


def test_a_caret_points_at_the_error_and_what_follows_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    broken = "def wall_distance(theta, v, t, x_w, h, g):\n    return v t"
    assert check(tmp_path, filled({"wall_distance": broken})) == 1
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("          " + "    return v t")
    assert lines[at + 1].index("^") == lines[at].index("v t") + 2
    assert sum("not run: the cell wall_distance has" in line for line in lines) == 3
    assert not any("cell slope" in line or "NameError" in line for line in lines)


def test_the_same_likely_mistake_is_explained_once(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    clamped = "    return BallWall(v, t, x_w, h, g)(theta[:, None]).clamp(min=0)"
    clamped = f"def wall_distance(theta, v, t, x_w, h, g):\n{clamped}"
    clamped = f"from smoothlib import BallWall\n\n\n{clamped}"
    assert check(tmp_path, filled({"wall_distance": clamped})) == 1
    out = capsys.readouterr().out
    assert out.count("A throw backwards has a negative distance") == 1
    assert out.count("  likely    as above\n") == 2


def test_a_loop_without_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(selfcheck, "TIMEOUT_S", 15)
    endless = "def gradient_ascent(df, theta0, lr, steps):\n    while True:\n        pass"
    notebook = filled({"gradient_ascent": endless})
    keep = ("setup", "gradient_ascent", "test_gradient_ascent_by_hand")
    notebook.cells = [cell for cell in notebook.cells if cell.id in keep]
    assert check(tmp_path, notebook) == 1
    assert "stopped after 15 s: is there a loop that does not end?" in capsys.readouterr().out


def test_a_tag_does_not_skip_a_test(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    notebook = read("exercises", NAME)
    for cell in notebook.cells:
        cell.metadata["tags"] = ["skip-execution"]
    assert check(tmp_path, notebook) == 1
    assert "0 of 7 points" in capsys.readouterr().out


def test_the_notebook_is_not_changed(tmp_path: Path) -> None:
    notebook = filled({"wall_angles": WRONG})
    check(tmp_path, notebook)
    assert nbformat.read(tmp_path / "mine.ipynb", as_version=4) == notebook
    assert [path.name for path in tmp_path.iterdir()] == ["mine.ipynb"]


def test_what_cannot_be_checked_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{")
    empty = tmp_path / "empty.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), empty)
    for argument, says in (
        ("99", "no exercise '99'; there are: 01_landscapes"),
        (str(tmp_path / "none.ipynb"), "there is no notebook"),
        (str(broken), "is not a notebook"),
        (str(empty), "holds no tests"),
    ):
        assert cli.main(["check", argument]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and says in error, error


def test_a_notebook_that_ends_its_kernel_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert check(tmp_path, filled({"wall_angles": "import os\nos._exit(0)"})) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "ended its kernel" in error


def test_a_setup_that_does_not_run_is_the_only_cause_named(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert check(tmp_path, filled({"setup": "%matplotlib inline\nimport math, no_such_thing"})) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["setup", "did", "not", "run"]
    assert lines[3].strip() == "ModuleNotFoundError: No module named 'no_such_thing'"
    assert all("not run: the cell setup has an error above" in line for line in lines[4:11])
    assert lines[11].startswith("0 of 7 points")
