"""`course grade --self`: one's own copy, graded as a class is."""

from pathlib import Path

import nbformat
import pytest

from course import cli, selfgrade
from tests.test_progress import solved

NAME = "01_landscapes"
SCALED = """
def wall_distance(theta, v, t, x_w, h, g):
    flight = v * t * torch.cos(theta)
    tangent = torch.tan(theta)
    crossing = x_w * tangent - g * x_w**2 / (2 * v**2) * (1 + tangent**2)
    return torch.where((flight > x_w) & (crossing < h), x_w, flight) / t
"""


def test_an_own_copy_gets_the_page_of_a_class_with_the_hidden_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "landscapes.ipynb"
    nbformat.write(solved("wall_angles", wall_distance=SCALED), path)
    before = path.read_bytes()
    monkeypatch.setattr(selfgrade, "notebooks", lambda name: [path])
    assert cli.main(["grade", "--self", "01"]) == 0
    said = capsys.readouterr().out
    assert "your own copy\n3 of 10 points\n" in said
    assert "wall_angles: 3 of 3 points" in said and "gradient_ascent: 0 of 3 points, not" in said
    assert "three throws (0 of 1): wrong factor" in said
    assert "Every value is 1 ∕ t (0.5556) times the expected one." in said
    assert "other walls (0 of 1): a hidden test, not passed" in said
    assert "11., 1.3" not in said and str(tmp_path) not in said
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]


def test_a_copy_is_graded_wherever_it_lies_and_whatever_it_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "mine, second try.ipynb"
    nbformat.write(solved("wall_angles"), path)
    before = path.read_bytes()
    assert cli.main(["grade", "--self", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Exercise 01: landscapes\nyour own copy\n3 of 10 points\n")
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]


def test_a_path_to_no_exercise_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["grade", "--self", str(tmp_path / "gone.ipynb")]) == 1
    assert capsys.readouterr().err.startswith("course grade: there is no notebook ")
    notebook = solved("wall_angles")
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.grade_id += "_of_another_course"
    nbformat.write(notebook, tmp_path / "other.ipynb")
    assert cli.main(["grade", "--self", str(tmp_path / "other.ipynb")]) == 1
    said = capsys.readouterr().err
    assert "other.ipynb holds no tests of an exercise: 01_landscapes, 02_" in said


def test_a_notebook_that_is_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert cli.main(["grade", "--self", "99"]) == 1
    assert capsys.readouterr().err.startswith("course grade: no exercise '99'; there are: 01_")
