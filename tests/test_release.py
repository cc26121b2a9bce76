"""From solutions/ to exercises/: nothing leaks, nothing drifts, the bytes are always the same."""

import itertools
import json
import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

from course import cli, release
from tests.exercises import ROOT, grader, read

NAMES = release.exercises()
each_exercise = pytest.mark.parametrize("name", NAMES)
each_notebook = pytest.mark.parametrize(
    ("folder", "name"), [(folder, name) for folder in ("solutions", "exercises") for name in NAMES]
)


@pytest.fixture
def course_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one small exercise, released into a folder of its own."""
    (tmp_path / "course").mkdir()
    config = (ROOT / "course" / "nbgrader_config.py").read_text()
    (tmp_path / "course" / "nbgrader_config.py").write_text(config)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    write_solution(tmp_path, "    ### BEGIN SOLUTION\n    return 42\n    ### END SOLUTION")
    return tmp_path


def write_solution(root: Path, body: str, test: str = "test_answer") -> None:
    meta = {"grade_id": "answer", "schema_version": 3, "task": False, "locked": False}
    cells = [
        nbformat.v4.new_code_cell(
            f"def answer():\n{body}",
            id="answer",
            metadata={"nbgrader": {**meta, "grade": False, "solution": True}},
        ),
        nbformat.v4.new_code_cell(
            "assert answer() == 42",
            id=test,
            metadata={
                "nbgrader": {
                    **meta, "grade_id": test, "grade": True, "solution": False, "points": 1
                }
            },
        ),
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    folder = root / "solutions" / "03_small"
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / "small.ipynb")


@each_exercise
def test_the_committed_exercise_is_what_the_solution_gives(name: str) -> None:
    committed = (ROOT / "exercises" / name / f"{name[3:]}.ipynb").read_bytes()
    assert committed == release.released(name), "run `course release` and commit exercises/"


@each_exercise
def test_an_exercise_folder_holds_its_notebook_and_nothing_else(name: str) -> None:
    tracked = subprocess.check_output(["git", "ls-files", "exercises"], cwd=ROOT, text=True)
    assert [p for p in tracked.split() if name in p] == [f"exercises/{name}/{name[3:]}.ipynb"]


@each_exercise
def test_no_solution_and_no_hidden_test_is_released(name: str) -> None:
    text = json.dumps(read("exercises", name))
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN)", text)
    released = {line for c in read("exercises", name).cells for line in c.source.split("\n")}
    secret, given = set[str](), set[str]()
    for cell in read("solutions", name).cells:
        lines = set(secret_lines(cell.source))
        secret, given = secret | lines, given | set(cell.source.split("\n")) - lines
    assert len(secret - given) > 10
    assert (secret - given) & released == set()


def test_the_instructor_s_pages_stay_in_the_solution(course_copy: Path) -> None:
    path = course_copy / "solutions" / "03_small" / "small.ipynb"
    notebook = nbformat.read(path, as_version=4)
    page = nbformat.v4.new_markdown_cell("Ask the room.", metadata={"tags": ["instructor"]})
    notebook.cells.insert(0, page)
    nbformat.write(notebook, path)
    assert "Ask the room." not in release.released("03_small").decode()


@each_exercise
def test_every_solution_opens_with_a_page_for_the_instructor(name: str) -> None:
    assert "instructor" in read("solutions", name).cells[0].metadata.get("tags", [])


def secret_lines(source: str) -> list[str]:
    regions = re.findall(
        r"BEGIN (SOLUTION|HIDDEN TESTS)[^\n]*\n(.*?)\n[^\n]*END \1", source, flags=re.DOTALL
    )
    return [line for _, region in regions for line in region.split("\n") if line.strip()]


@each_exercise
def test_cell_ids_are_the_same_in_both_versions_but_for_the_instructor_s_page(name: str) -> None:
    ids = [[cell.id for cell in read(folder, name).cells] for folder in ("solutions", "exercises")]
    assert ids[0] == ["instructor", *ids[1]] and len(set(ids[0])) == len(ids[0])


@each_notebook
def test_a_notebook_has_the_form_that_the_grader_reads(folder: str, name: str) -> None:
    notebook = read(folder, name)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    answers = set()
    for cell in (cell for cell in notebook.cells if grader(cell)):
        meta = grader(cell)
        assert meta["schema_version"] == 3
        assert meta["grade_id"] == cell.id
        if cell.cell_type == "code" and meta["solution"]:
            assert re.findall(r"^def (\w+)", cell.source, flags=re.MULTILINE) == [cell.id]
            answers.add(cell.id)
        elif cell.cell_type == "code" and meta["grade"]:
            assert any(cell.id.startswith(f"test_{answer}_") for answer in answers)


@each_notebook
def test_a_deleted_test_can_be_put_back(folder: str, name: str) -> None:
    """nbgrader puts it behind a test or an answer, and fails if neither comes before it."""
    cells = [grader(cell) for cell in read(folder, name).cells if grader(cell)]
    for before, after in itertools.pairwise(cells):
        assert before["grade"] or before["solution"] or not after["grade"], after["grade_id"]


def test_releasing_twice_gives_the_same_bytes_and_leaves_nothing_behind(
    course_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    first = release.release("03_small").read_bytes()
    monkeypatch.chdir(course_copy / "course")
    assert cli.main(["release", "3"]) == 0
    assert (course_copy / "exercises" / "03_small" / "small.ipynb").read_bytes() == first
    assert os.listdir(course_copy / "exercises" / "03_small") == ["small.ipynb"]
    assert capsys.readouterr().out == "released 03_small\n"
    assert b"42" not in first.replace(b"assert answer() == 42", b"")


def test_files_beside_a_solution_are_not_released(course_copy: Path) -> None:
    beside = course_copy / "solutions" / "03_small" / "small.py"
    beside.write_text("### BEGIN SOLUTION\nanswer = 42\n")
    release.release("03_small")
    assert os.listdir(course_copy / "exercises" / "03_small") == ["small.ipynb"]


def test_an_unknown_exercise_is_one_line_that_lists_those_that_exist(
    course_copy: Path, capsys: pytest.CaptureFixture
) -> None:
    assert cli.main(["release", "07"]) == 1
    assert capsys.readouterr().err == "course release: no exercise '07'; there are: 03_small\n"


def test_a_broken_solution_is_one_line_and_leaves_the_exercise_as_it_was(
    course_copy: Path, capsys: pytest.CaptureFixture
) -> None:
    before = release.release("03_small").read_bytes()
    write_solution(course_copy, "    ### BEGIN SOLUTION\n    return 42")
    assert cli.main(["release"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no end solution statement found" in error
    assert (course_copy / "exercises" / "03_small" / "small.ipynb").read_bytes() == before


def test_a_gradebook_with_submissions_does_not_change_the_exercise(
    course_copy: Path, capsys: pytest.CaptureFixture
) -> None:
    from nbgrader.api import Gradebook

    release.release("03_small")
    with Gradebook(f"sqlite:///{course_copy}/classroom/gradebook.db") as gradebook:
        gradebook.add_student("ada")
        gradebook.add_submission("03_small", "ada")
    write_solution(course_copy, "    return 42", test="test_answer_new")
    assert cli.main(["release"]) == 1
    assert "move classroom/gradebook.db away" in capsys.readouterr().err
    exercise = course_copy / "exercises" / "03_small" / "small.ipynb"
    assert exercise.read_bytes() == release.released("03_small")


def test_a_release_does_not_overwrite_answers(
    course_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = release.release("03_small")
    assert release.release("03_small") == target  # an untouched one may be made anew
    notebook = nbformat.read(target, as_version=4)
    notebook.cells[0].source = "def answer():\n    return 41"
    nbformat.write(notebook, target)
    mine = target.read_bytes()
    assert cli.main(["release", "03"]) == 1
    assert target.read_bytes() == mine
    assert "exercises/03_small/small.ipynb holds answers (answer)" in capsys.readouterr().err
