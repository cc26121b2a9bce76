"""Lateness: nbgrader's time stamps, due dates and policy, through `course grade`."""

import csv
from datetime import datetime
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from traitlets.config import Config

from course import CourseError, cli
from course.grading import lateness
from course.grading.lateness import handed_in
from tests.attacks import NAME
from tests.classrooms import MARKS, classroom, grade
from tests.jails import require_jail

IN_TIME, LATE = "2026-11-30 17:59:59.5 UTC", "2026-11-30 18:59:00 UTC"
DUE = datetime(2026, 11, 30, 18)


class TwoAnHour(LateSubmissionPlugin):
    """What an instructor may write."""

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float:
        return 2 * total_seconds_late / 3600


def set_policy(patch: pytest.MonkeyPatch) -> None:
    config = Config()
    config.AssignLatePenalties.plugin_class = TwoAnHour
    patch.setattr(lateness, "configuration", lambda: config)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-30 18:05:00.250000 UTC", datetime(2026, 11, 30, 18, 5, 0, 250000)),
        ("2026-11-30T18:05:00Z\n", datetime(2026, 11, 30, 18, 5)),
        ("2026-11-30 18:05:00 +01:00", datetime(2026, 11, 30, 17, 5)),
        ("2026-11-30 18:05 +0100", datetime(2026, 11, 30, 17, 5)),
        ("2026-11-30T18:05:00-03:30", datetime(2026, 11, 30, 21, 35)),
        ("2026-11-30 18:05:00 Asia/Tokyo", datetime(2026, 11, 30, 9, 5)),
    ],
)
def test_the_time_is_read_with_its_zone(tmp_path: Path, text: str, found: datetime) -> None:
    (tmp_path / "timestamp.txt").write_text(text)
    assert handed_in(tmp_path) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-99-99 18:05:00",
        "2026-11-30 18:05:00 /etc/passwd",
        "2026-11-30 18:05:00 Etc/Nowhere",
        "2026-11-30 18:05:00+99:99",
        "9" * 2000,
    ],
)
def test_what_is_no_date_is_named(tmp_path: Path, text: str) -> None:
    assert handed_in(tmp_path) is None
    (tmp_path / "timestamp.txt").write_text(text)
    with pytest.raises(CourseError, match=r"timestamp.txt holds .*; a date such as"):
        handed_in(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "timestamp.txt").symlink_to("/etc/hostname")
    with pytest.raises(CourseError, match="is a symbolic link"):
        handed_in(tmp_path)


def test_who_is_late_loses_what_the_policy_takes_and_nobody_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_jail()
    folder = classroom(tmp_path / "class")
    grade(folder)
    url = f"sqlite:///{folder}/gradebook.db"
    with Gradebook(url) as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate=DUE)
    stamps = {"solved-0": IN_TIME, "wrong-0": LATE, "explained-0": LATE, "untouched-0": LATE}
    for student, text in stamps.items():
        (folder / "submitted" / student / NAME / "timestamp.txt").write_text(text)
    set_policy(monkeypatch)
    for _ in range(2):  # twice is as good as once
        assert cli.main(["grade", "--classroom", str(folder)]) == 0
    lost = 2 * 59 / 60
    wanted = {"solved-0": 10, "wrong-0": MARKS["wrong"] - lost, "explained-0": 10 - lost}
    wanted["untouched-0"] = 0  # nobody owes points
    target = tmp_path / "marks.csv"
    assert cli.main(["export", "--classroom", str(folder), "--to", str(target)]) == 0
    with open(target, newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: float(row["score"]) for name, row in rows.items()} == pytest.approx(wanted)
    assert rows["wrong-0"]["timestamp"] == "2026-11-30 18:59:00"


def test_a_time_that_cannot_be_read_is_said_and_the_marks_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    require_jail()
    folder = classroom(tmp_path / "class")
    (folder / "submitted" / "solved-0" / NAME / "timestamp.txt").write_text("tomorrow")
    assert cli.main(["grade", "--classroom", str(folder), "--student", "solved-0"]) == 1
    assert (
        "solved-0: not handled: its lateness: timestamp.txt holds 'tomorrow'"
        in capsys.readouterr().err
    )
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        assert gradebook.find_submission(NAME, "solved-0").score == 10
