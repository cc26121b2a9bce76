"""The export of marks does not take a missing mark for a zero."""

import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin, ExportPlugin

from course.export import CanvasExport, CheckedCsvExport

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's queries


@pytest.fixture(scope="module")
def gradebook() -> Iterator[Gradebook]:
    """Two exercises of 3 and no points; Ada has handed in the first, Emmy nothing."""
    with pytest.MonkeyPatch.context() as patch:  # nbgrader calls alembic by name
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        gradebook = Gradebook("sqlite://")
    gradebook.add_assignment("01_throw")
    gradebook.add_assignment("02_smooth")
    gradebook.add_notebook("throw", "01_throw")
    gradebook.add_grade_cell("test_throw_far", "throw", "01_throw", max_score=3, cell_type="code")
    gradebook.add_student("ada", last_name="King, Countess", first_name="Ada")
    gradebook.add_student("emmy", last_name="=HYPERLINK(1)")
    gradebook.add_submission("01_throw", "ada")
    yield gradebook
    gradebook.close()


def mark(gradebook: Gradebook, points: float | None) -> None:
    gradebook.find_grade("test_throw_far", "throw", "01_throw", "ada").manual_score = points
    gradebook.db.commit()


@pytest.mark.parametrize("plugin", [CheckedCsvExport(), CanvasExport()])
def test_an_export_stops_at_a_missing_mark_until_a_person_gives_it(
    gradebook: Gradebook, tmp_path: Path, plugin: ExportPlugin
) -> None:
    plugin.to = str(tmp_path / "grades.csv")
    mark(gradebook, None)
    with pytest.raises(SystemExit, match=r"no marks for the tests of ada \(01_throw\)"):
        plugin.export(gradebook)
    assert not Path(plugin.to).exists()
    mark(gradebook, 2)
    plugin.export(gradebook)
    assert Path(plugin.to).exists()


def test_nbgraders_columns_hold_a_name_with_a_comma(gradebook: Gradebook, tmp_path: Path) -> None:
    mark(gradebook, 2)
    ours, theirs = (
        plugin(to=str(tmp_path / name), assignment=["01_throw"])
        for plugin, name in ((CheckedCsvExport, "ours.csv"), (CsvExportPlugin, "theirs.csv"))
    )
    ours.export(gradebook)
    theirs.export(gradebook)
    with open(ours.to, newline="", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert list(rows["ada"]) == Path(theirs.to).read_text().splitlines()[0].split(",")
    assert rows["ada"]["last_name"] == "King, Countess" and rows["ada"]["score"] == "2.0"
    assert rows["emmy"]["last_name"] == "'=HYPERLINK(1)" and rows["emmy"]["score"] == "0.0"
    for line in Path(theirs.to).read_text().splitlines()[1:]:
        assert line.split(",")[-4:] == list(rows[line.split(",")[3]].values())[-4:]


def test_canvas_finds_its_columns_and_no_formula(gradebook: Gradebook, tmp_path: Path) -> None:
    mark(gradebook, 1.5)
    plugin = CanvasExport(to=str(tmp_path / "canvas.csv"))
    plugin.export(gradebook)
    with open(plugin.to, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[:2] + sorted(rows[2:], reverse=True) == [
        ["Student", "ID", "SIS Login ID", "Section", "01_throw", "02_smooth"],
        ["    Points Possible", "", "", "", "3", "0"],
        ["King, Countess, Ada", "", "ada", "", "1.5", ""],
        ["'=HYPERLINK(1)", "", "emmy", "", "", ""],
    ]


def test_canvas_takes_one_exercise_and_some_students(gradebook: Gradebook, tmp_path: Path) -> None:
    mark(gradebook, 3)
    plugin = CanvasExport(to=str(tmp_path / "one.csv"), assignment=["01_throw"], student=["ada"])
    plugin.export(gradebook)
    assert Path(plugin.to).read_text().splitlines()[2:] == ['"King, Countess, Ada",,ada,,3']
