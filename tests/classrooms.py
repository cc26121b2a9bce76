"""Small classrooms for the tests of `course grade`."""

import os
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.grading.rows import Row
from tests.attack_run import course
from tests.attacks import NAME, NOTEBOOK, solved, submission

WRONG = """
def wall_angles(v, t, x_w, h, g):
    k = g * x_w**2 / v**2
    root = math.sqrt(x_w**2 - 4 * k * (h + k))
    return [math.atan((x_w + s * root) / (2 * k)) for s in (-1, 1)] + [math.acos(x_w / (v * t))]
"""
MADE = {
    "solved": solved(),
    "untouched": submission(),
    "wrong": solved(wall_angles=WRONG),
    "explained": solved(),
}
MARKS = {"solved": 10, "untouched": 0, "wrong": 7, "explained": 10}
for _cell in MADE["explained"].cells:
    if _cell.id == "explain_the_fall":
        _cell.source = "The slope knows one point."


def submit(classroom: Path, student: str, made: NotebookNode) -> None:
    folder = classroom / "submitted" / student / NAME
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, folder / NOTEBOOK)


def classroom(folder: Path, copies: int = 1) -> Path:
    """A classroom with four students, or several of each."""
    for name, made in MADE.items():
        for number in range(copies):
            submit(folder, f"{name}-{number}", made)
    return folder


def grade(classroom: Path, *arguments: str, **environment: str) -> str:
    """Run `course grade` there; it must succeed. What it printed."""
    temp = classroom.parent
    home = {"home": temp, "temp": temp}
    done = course("grade", "--classroom", str(classroom), *arguments, limits={}, **home,
                  **environment)  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def marks(rows: list[Row]) -> dict[str, float]:
    return {row.student: row.score for row in rows}


def expected(copies: int = 1) -> dict[str, float]:
    return {f"{name}-{i}": mark for name, mark in MARKS.items() for i in range(copies)}


def alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")
