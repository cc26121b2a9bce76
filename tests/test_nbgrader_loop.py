"""Plain nbgrader with our configuration, from the release to the CSV, in a copy of the course."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from tests.exercises import ROOT, grader, read

NAME, NOTEBOOK = "01_landscapes", "landscapes.ipynb"


class Classroom:
    """A copy of the course, and the command `course` in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("course", "smoothlib", "solutions", "exercises"):
            ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            shutil.copytree(ROOT / folder, root / folder, ignore=ignore)

    def course(self, *arguments: str) -> str:
        """What a verb printed, run from another folder, in an empty home; it must succeed."""
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        ours = ("JUPYTER", "PYTEST")  # under pytest a kernel does not see what C libraries print
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        done = subprocess.run(
            [sys.executable, "-m", "course.cli", *arguments],
            cwd=home,
            env={**kept, "PYTHONPATH": str(self.root), "HOME": str(home), "PATH": os.defpath},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def submit(self, student: str, notebook: NotebookNode) -> None:
        folder = self.root / "classroom" / "submitted" / student / NAME
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / NOTEBOOK)


def submission(answers: dict[str, str] | None = None) -> NotebookNode:
    """The released notebook with these answers filled in; the solution's where none is given."""
    notebook = read("exercises", NAME)
    solved = {cell.id: cell.source for cell in read("solutions", NAME).cells}
    for cell in notebook.cells:
        if grader(cell).get("solution"):
            cell.source = (answers or {}).get(cell.id, solved[cell.id])
    return notebook


def cheat() -> NotebookNode:
    """The untouched release: all tests of one function cut out, the others tagged not to be run."""
    notebook = read("exercises", NAME)
    cut = "test_gradient_ascent_"
    notebook.cells = [cell for cell in notebook.cells if not cell.id.startswith(cut)]
    for cell in notebook.cells:
        cell.metadata["tags"] = ["skip-execution"]
    return notebook


WARNS = """
import os
import sys
import warnings


def gradient_ascent(df, theta0, lr, steps):
    warnings.warn("an honest warning")
    print("debugging", file=sys.stderr)
    os.write(2, b"[W] NNPACK.cpp:64: Could not initialize NNPACK!\\n")
    path = [theta0]
    for _ in range(steps):
        path.append(path[-1] + lr * df(path[-1]))
    return torch.stack(path)


warnings.warn("at the top, too")
"""
WRONG = """
def wall_angles(v, t, x_w, h, g):
    k = g * x_w**2 / v**2
    root = math.sqrt(x_w**2 - 4 * k * (h + k))
    return [math.atan((x_w + s * root) / (2 * k)) for s in (-1, 1)] + [math.acos(x_w / (v * t))]
"""


class Graded(NamedTuple):
    classroom: Classroom
    marks: dict[str, tuple[float, float]]  # student: score and maximum, from the CSV
    printed: str


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """Five submissions, from the release to the CSV.

    The release is there already and the gradebook is not, as in a fresh clone.
    """
    classroom = Classroom(tmp_path_factory.mktemp("course"))
    classroom.course("release", "01")
    classroom.submit("solved", submission())
    classroom.submit("untouched", read("exercises", NAME))
    classroom.submit("cheating", cheat())
    classroom.submit("warned", submission({"gradient_ascent": WARNS}))
    classroom.submit("wrong", submission({"wall_angles": WRONG}))
    grades = classroom.root / "grades.csv"
    printed = classroom.course("nbgrader", "autograde", NAME)
    printed += classroom.course("nbgrader", "generate_feedback", NAME)
    printed += classroom.course("nbgrader", "export", "--to", str(grades))
    with open(grades, newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    marks = {name: (float(row["score"]), float(row["max_score"])) for name, row in rows.items()}
    return Graded(classroom, marks, printed)


@pytest.mark.parametrize(
    ("student", "marks"),
    [
        ("solved", 10),
        ("untouched", 0),
        ("cheating", 0),  # nbgrader on its own gives a point for each tag
        ("warned", 10),  # and 0 for the warning
        ("wrong", 7),
    ],
)
def test_a_submission_earns_its_marks(graded: Graded, student: str, marks: float) -> None:
    assert graded.marks[student] == (marks, 12)


def test_every_test_has_a_mark_and_the_written_answer_waits_for_a_person(graded: Graded) -> None:
    with Gradebook(f"sqlite:///{graded.classroom.root}/classroom/gradebook.db") as gradebook:
        for submission in gradebook.assignment_submissions(NAME):
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
            tests = [grade for grade in grades if grade.cell.cell_type == "code"]
            assert len(tests) == 10
            assert all(grade.auto_score is not None for grade in tests)
        assert gradebook.find_submission(NAME, "solved").needs_manual_grade


def test_autograding_prints_no_noise(graded: Graded) -> None:
    assert "SAWarning" not in graded.printed
    assert "encryption" not in graded.printed
    assert "Written answers not read yet, counted as 0: " in graded.printed


def test_feedback_names_the_mistake_without_a_traceback(graded: Graded) -> None:
    page = feedback(graded.classroom, "wrong")
    assert "Your k is twice what it should be" in page
    assert "Traceback (most recent" not in page and "site-packages" not in page


def test_feedback_shows_no_hidden_test(graded: Graded) -> None:
    for student in ("solved", "untouched", "wrong"):
        page = feedback(graded.classroom, student)
        assert "HIDDEN" not in page and "BallWall" not in page
    assert "Hidden test: other walls" in feedback(graded.classroom, "wrong")


def feedback(classroom: Classroom, student: str) -> str:
    page = classroom.root / "classroom" / "feedback" / student / NAME / "landscapes.html"
    return page.read_text()


def test_everything_lies_in_the_classroom(graded: Graded) -> None:
    classroom = graded.classroom
    classroom.course("nbgrader", "release_assignment", NAME)
    assert (classroom.root / "classroom" / "exchange" / "smooth" / "outbound" / NAME).is_dir()
    known = {"course", "smoothlib", "solutions", "exercises", "classroom", "home", "grades.csv"}
    assert {path.name for path in classroom.root.iterdir()} <= known
    assert not (
        classroom.root / "home" / ".local" / "share" / "jupyter" / "nbgrader_cache"
    ).exists()
    released = [
        {p.name for p in (root / "exercises").rglob("*.ipynb")} for root in (ROOT, classroom.root)
    ]
    assert released[0] == released[1] and NOTEBOOK in released[0]
