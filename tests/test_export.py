"""The export of marks does not take a missing mark for a zero."""

import os
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from course.export import CheckedCsvExport

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's queries


def test_an_export_stops_at_a_missing_mark_until_a_person_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # nbgrader calls alembic by name.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    plugin = CheckedCsvExport()
    plugin.to = str(tmp_path / "grades.csv")
    with Gradebook("sqlite://") as gradebook:
        gradebook.add_assignment("01_throw")
        gradebook.add_notebook("throw", "01_throw")
        gradebook.add_grade_cell(
            "test_throw_far", "throw", "01_throw", max_score=3, cell_type="code"
        )
        gradebook.add_student("ada")
        gradebook.add_submission("01_throw", "ada")
        with pytest.raises(SystemExit, match=r"no marks for the tests of ada \(01_throw\)"):
            plugin.export(gradebook)
        assert not Path(plugin.to).exists()
        grade = gradebook.find_grade("test_throw_far", "throw", "01_throw", "ada")
        grade.manual_score = 2
        gradebook.db.commit()
        plugin.export(gradebook)
    assert Path(plugin.to).read_text().splitlines()[1].endswith(",2.0,0.0,2.0,3.0")
