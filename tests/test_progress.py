"""`course progress`: one line for each exercise, true to what the notebooks hold."""

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from course import cli
from course.progress import standings
from course.selfcheck import run_tests
from tests.exercises import read

NAME = "01_landscapes"
WRONG = "def wall_distance(theta, v, t, x_w, h, g):\n    return v * t * torch.cos(theta)"


def solved(*names: str, **others: str) -> NotebookNode:
    """The released notebook with our answers to these, and with others."""
    notebook = read("exercises", NAME)
    ours = {cell.id: cell.source for cell in read("solutions", NAME).cells if cell.id in names}
    for cell in notebook.cells:
        cell.source = {**ours, **others}.get(cell.id, cell.source)
    return notebook


def saved(folder: Path, notebook: NotebookNode) -> Path:
    path = folder / NAME / "landscapes.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)
    return path


def line(capsys: pytest.CaptureFixture, *arguments: str) -> list[str]:
    assert cli.main(["progress", *arguments]) == 0
    return capsys.readouterr().out.splitlines()[1].split("  ")


def columns(capsys: pytest.CaptureFixture, *arguments: str) -> list[str]:
    return [text.strip() for text in line(capsys, *arguments) if text.strip()]


def test_an_untouched_exercise_is_not_started(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    saved(tmp_path, solved())
    for run in ([], ["--run"]):
        assert columns(capsys, str(tmp_path), *run) == ["01 landscapes", "not started", "40 min"]


def test_what_was_not_run_yet_earns_nothing_until_it_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    notebook = solved("wall_angles", wall_distance=WRONG, explain_the_fall="It knows nothing.")
    path = saved(tmp_path, notebook)
    before = path.read_bytes()
    assert columns(capsys, str(tmp_path))[1:4] == ["0 of 3", "0 of 7", "all there"]
    assert columns(capsys, str(tmp_path), "--run")[1:4] == ["1 of 3", "2 of 7", "all there"]
    assert path.read_bytes() == before


def test_the_outputs_of_a_saved_notebook_say_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, solved("wall_angles", "gradient_ascent"))
    ran = []
    monkeypatch.setattr("course.selfcheck.results", lambda notebook: ran.append(notebook) or [])
    run_tests(path)
    saved(tmp_path, ran[0])  # as JupyterLab saves it: with its outputs
    monkeypatch.undo()
    (standing,) = standings(tmp_path)
    assert standing == (NAME, True, 2, 3, 4.0, 7.0, 1, "40 min")


def test_a_folder_without_notebooks_and_a_broken_one(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert standings(tmp_path) == []
    assert cli.main(["progress", str(tmp_path)]) == 1
    assert "no notebooks" in capsys.readouterr().err
    saved(tmp_path, solved()).write_text("{")
    assert cli.main(["progress", str(tmp_path)]) == 1
    assert "is not a notebook" in capsys.readouterr().err
