"""`course grade`: marks into the gradebook, once, whatever happens to the run."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import nbformat
import psutil
import pytest
from nbgrader.api import Gradebook

from course import CourseError, cli
from course.feedback import write_all
from course.grading import gradebook, grader
from course.grading import run as running
from course.grading.grader import Graded, Submission
from course.grading.jail import LIMITS, Jail
from course.grading.rows import Row
from course.grading.run import Options
from course.grading.source import load
from tests.attacks import NAME, NOTEBOOK, solved, submission, with_cells
from tests.classrooms import MARKS, classroom, expected, grade, submit
from tests.exercises import ROOT
from tests.jails import require_jail
from tests.postgresql import server


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four submissions, graded."""
    require_jail()
    folder = classroom(tmp_path_factory.mktemp("graded") / "class")
    grade(folder, "--json", str(folder / "rows.json"))
    return folder


def rows(folder: Path) -> dict[str, Row]:
    found = [Row.from_json(row) for row in json.loads((folder / "rows.json").read_text())]
    return {row.student: row for row in found}


def in_gradebook(url: str) -> dict[str, float]:
    """Points of the tests, by student; fails if a submission is there twice."""
    with Gradebook(url) as book:
        found = book.assignment_submissions(NAME)
        names = [submission.student.id for submission in found]
        assert len(names) == len(set(names))
        return {
            s.student.id: sum(
                grade.auto_score
                for notebook in s.notebooks
                for grade in notebook.grades
                if grade.cell.cell_type == "code"
            )
            for s in found
        }


def test_a_row_says_what_every_test_gave(graded: Path) -> None:
    found = rows(graded)
    assert {name: row.score for name, row in found.items()} == expected()
    raw = json.loads((graded / "rows.json").read_text())[0]
    assert list(raw) == [
        "student", "assignment", "status", "score", "max_score", "tests", "seconds"
    ]  # fmt: skip
    assert list(raw["tests"][0]) == ["name", "function", "points", "earned", "hidden", "message"]
    wrong = {test.name: test for test in found["wrong-0"].tests}
    assert "Your k is twice" in wrong["test_wall_angles_default"].message
    assert wrong["test_wall_angles_hidden"].hidden
    assert wrong["test_wall_angles_hidden"].message.startswith("Hidden test: other walls")
    assert "not started" in found["untouched-0"].tests[0].message


def test_the_gradebook_has_the_marks_and_waits_for_a_person(graded: Path) -> None:
    url = f"sqlite:///{graded}/gradebook.db"
    assert in_gradebook(url) == expected()
    with Gradebook(url) as book:
        waits = {s.student.id: s.needs_manual_grade for s in book.assignment_submissions(NAME)}
        assert waits == {f"{name}-0": name == "explained" for name in MARKS}


@pytest.mark.parametrize("columns", ["nbgrader", "canvas"])
def test_the_csv_holds_what_was_graded(
    graded: Path, tmp_path: Path, capsys: pytest.CaptureFixture, columns: str
) -> None:
    target = tmp_path / "marks.csv"
    command = ["export", "--columns", columns, "--classroom", str(graded), "--to", str(target)]
    assert cli.main(command) == 0
    assert capsys.readouterr().out == f"{target}\n"
    with open(target, newline="") as file:
        rows = list(csv.DictReader(file))
    if columns == "canvas":
        assert [rows[0]["Student"], rows[0][NAME]] == ["    Points Possible", "12"]
    student, score = ("SIS Login ID", NAME) if columns == "canvas" else ("student_id", "score")
    found = {row[student]: float(row[score]) for row in rows if row[student]}
    with Gradebook(f"sqlite:///{graded}/gradebook.db") as book:
        assert found == {s.student.id: s.score for s in book.assignment_submissions(NAME)}
    assert found["wrong-0"] == MARKS["wrong"] and len(found) == len(MARKS)


def test_what_cannot_be_exported_is_one_line(
    graded: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    nowhere = str(tmp_path / "nowhere" / "marks.csv")
    for arguments, says in (
        (["--classroom", str(tmp_path)], "course grade first"),
        (["--classroom", str(graded), "--to", nowhere], "cannot be written: No such file"),
    ):
        assert cli.main(["export", *arguments]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert says in line
    assert not list(tmp_path.iterdir())


def test_the_table_says_how_many_answers_wait_for_a_person(graded: Path) -> None:
    said = grade(graded, "--student", "explained-0")
    assert said.splitlines()[-1].endswith("in nbgrader's formgrader in JupyterLab: 1")
    assert "formgrader" not in grade(graded, "--student", "untouched-0")


def test_points_of_a_person_stay(graded: Path, tmp_path: Path) -> None:
    with Gradebook(f"sqlite:///{graded}/gradebook.db") as book:
        found = book.find_grade("explain_the_fall", "landscapes", NAME, "explained-0")
        found.manual_score, found.needs_manual_grade = 1.5, False
        said = book.find_comment("explain_the_fall", "landscapes", NAME, "explained-0")
        said.manual_comment = "And the second throw?"
        book.db.commit()
    grade(graded, "--fresh", "--student", "explained-0")
    with Gradebook(f"sqlite:///{graded}/gradebook.db") as book:
        submission = book.find_submission(NAME, "explained-0")
        assert (submission.score, submission.needs_manual_grade) == (11.5, False)
    list(write_all(graded, student="explained-0"))
    page = (graded / "feedback" / "explained-0" / NAME / "landscapes.txt").read_text()
    assert "11.5 of 12 points" in page and "come on top" not in page
    assert "explain the fall, 1.5 of 2 points\n    And the second throw?" in page


def test_what_lateness_costs_is_on_the_page(graded: Path) -> None:
    """Set where nbgrader's own plug-in for late submissions sets it."""
    with Gradebook(f"sqlite:///{graded}/gradebook.db") as book:
        submission = book.find_submission(NAME, "wrong-0")
        before = submission.score
        [notebook] = submission.notebooks
        notebook.late_submission_penalty = 1.0
        book.db.commit()
    list(write_all(graded, student="wrong-0"))
    page = (graded / "feedback" / "wrong-0" / NAME / "landscapes.txt").read_text()
    assert f"\n{before - 1:g} of 12 points, 1 taken off: handed in late\n" in page


def test_the_formgrader_finds_a_notebook_with_what_the_tests_said(graded: Path) -> None:
    path = graded / "autograded" / "wrong-0" / NAME / NOTEBOOK
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = {cell.id: cell for cell in notebook.cells}
    assert "root = math.sqrt" in cells["wall_angles"].source
    [output] = cells["test_wall_angles_default"].outputs
    assert output.output_type == "error" and "Your k is twice" in output.evalue


def test_a_second_run_grades_only_what_has_changed(graded: Path) -> None:
    before = rows(graded)
    submit(graded, "wrong-0", submission())
    grade(graded, "--json", str(graded / "rows.json"))
    after = rows(graded)
    assert after["wrong-0"].score == 0
    assert after["solved-0"].seconds == before["solved-0"].seconds
    assert in_gradebook(f"sqlite:///{graded}/gradebook.db")["wrong-0"] == 0
    submit(graded, "wrong-0", classroom_notebook("wrong"))
    grade(graded, "--json", str(graded / "rows.json"))
    assert rows(graded)["wrong-0"].score == MARKS["wrong"]


def classroom_notebook(name: str) -> nbformat.NotebookNode:
    from tests.classrooms import MADE

    return MADE[name]


def test_every_run_draws_other_inputs_and_a_replay_the_same(graded: Path) -> None:
    def draws() -> dict:
        [path] = (graded / "grading" / NAME).glob("solved-0-*.json")
        return json.loads(path.read_text())

    first = draws()
    assert set(first["draws"]) == {f"test_{name}_hidden" for name in
                                   ("wall_angles", "wall_distance", "gradient_ascent")}  # fmt: skip
    said = grade(graded, "--replay", "--student", "solved-0")
    assert f"10  as before  (seed {first['seed']})" in said
    assert draws() == first
    grade(graded, "--fresh", "--student", "solved-0")
    assert draws()["draws"] != first["draws"]


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "course.cli", "grade", "--classroom", str(folder), "--jobs", "2"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_ends_with_the_same_marks(tmp_path: Path) -> None:
    require_jail()
    folder = classroom(tmp_path / "class", copies=4)
    interrupted = start(folder)
    journal = folder / "grading" / NAME
    while len(list(journal.glob("*.json"))) < 5:
        time.sleep(0.05)
        assert interrupted.poll() is None
    children = psutil.Process(interrupted.pid).children(recursive=True)
    os.kill(interrupted.pid, signal.SIGKILL)
    interrupted.wait()
    _, left = psutil.wait_procs(children, timeout=10)
    assert [p for p in left if p.status() != psutil.STATUS_ZOMBIE] == []
    done = len(list(journal.glob("*.json")))
    assert 5 <= done < 16
    grade(folder, "--json", str(folder / "rows.json"))
    assert {name: row.score for name, row in rows(folder).items()} == expected(4)
    assert in_gradebook(f"sqlite:///{folder}/gradebook.db") == expected(4)


@pytest.mark.slow
def test_two_runs_at_once_end_with_the_same_marks(tmp_path: Path) -> None:
    require_jail()
    folder = classroom(tmp_path / "class", copies=2)
    runs = [start(folder) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    assert in_gradebook(f"sqlite:///{folder}/gradebook.db") == expected(2)
    assert len(list((folder / "grading" / NAME).glob("*.json"))) == 8


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.mark.slow
def test_marks_go_into_a_postgresql_server_too(postgresql: str, tmp_path: Path) -> None:
    require_jail()
    folder = classroom(tmp_path / "class")
    grade(folder, COURSE_GRADEBOOK=postgresql)
    grade(folder, "--fresh", COURSE_GRADEBOOK=postgresql)
    assert in_gradebook(postgresql) == expected()
    assert not (folder / "gradebook.db").exists()


def test_without_a_jail_it_stops_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = classroom(tmp_path / "class")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["grade", "--classroom", str(folder)]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "apt-get install bubblewrap" in line and "--isolation=process" in line


@pytest.mark.slow
def test_without_isolation_the_marks_are_the_same_and_it_says_so(tmp_path: Path) -> None:
    folder = classroom(tmp_path / "class")
    said = grade(folder, "--isolation=process", "--json", str(folder / "rows.json"))
    assert {name: row.score for name, row in rows(folder).items()} == expected()
    assert "not jailed" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--assignment", "77"], "no exercise '77'; there are: 01_landscapes"),
        (["--student", "../x"], "'../x' is no student's name"),
        (["--replay"], "has no mark that could be replayed"),
    ],
)
def test_what_cannot_be_graded_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, arguments: list[str], says: str
) -> None:
    folder = classroom(tmp_path / "class")
    assert cli.main(["grade", "--classroom", str(folder), *arguments]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert says in line


def test_a_folder_without_submissions_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="there is no folder"):
        running.run(Options(classroom=tmp_path))


def test_a_process_that_dies_without_work_costs_nobody_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first process ends before it is given anything: a second one takes the submission."""
    row = Row("emmy", NAME, "graded", 0.0, 0.0, (), 0.0)
    start, starts = running.Pool._start, list[int]()

    def work(pipe: Connection, *rest: object) -> None:
        if len(starts) > 1:  # as it was when this process was forked
            pipe.recv()
            pipe.send(Graded(row))

    def started(self: running.Pool) -> running.Worker:
        starts.append(1)
        worker = start(self)
        if len(starts) == 1:
            worker.process.join()
        return worker

    monkeypatch.setattr(running, "_work", work)
    monkeypatch.setattr(running.Pool, "_start", started)
    entry = running.Entry(Submission("emmy", NAME, tmp_path), "key", 0)
    with running.Pool({}, Options(tmp_path, jobs=1)) as pool:
        [found] = pool.grade([entry])
    assert found.graded == Graded(row) and not found.problem


@pytest.mark.parametrize(
    ("change", "match"),
    [({"status": "lost"}, "status 'lost'; one of graded"), ({"more": 1}, "not a row of marks")],
)
def test_what_is_no_row_of_marks_is_refused(change: dict, match: str) -> None:
    row = Row("emmy", NAME, "graded", 0.0, 0.0, (), 0.0).to_json()
    assert Row.from_json(row).student == "emmy"
    with pytest.raises(ValueError, match=match):
        Row.from_json(row | change)


def explained(text: str) -> nbformat.NotebookNode:
    made = solved()
    for cell in made.cells:
        if cell.id == "explain_the_fall":
            cell.source = text
    return made


@pytest.fixture
def jail() -> Iterator[Jail]:
    require_jail()
    with Jail(load(NAME)) as made:
        yield made


@pytest.mark.parametrize("added", ["import time\ntime.sleep(1000)", "while True: pass"])
def test_cells_that_take_all_the_time_cost_the_answers_nothing(
    jail: Jail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, added: str
) -> None:
    """Three of them before each answer; and the next submission finds the jail in order."""
    monkeypatch.setitem(LIMITS, "step_s", 6.0)
    made = with_cells(solved(), *(("wall_angles", added) for _ in range(3)))
    for student, notebook in (("slow", made), ("next", solved())):
        folder = tmp_path / student
        folder.mkdir()
        nbformat.write(notebook, folder / NOTEBOOK)
        found = grader.grade(jail, load(NAME), Submission(student, NAME, folder), 0)
        assert found.row.score == found.row.max_score == 10
    assert jail.alive()


@pytest.fixture
def looked_at(tmp_path: Path) -> Path:
    """A classroom whose one written answer has its 2 points from a person."""
    require_jail()
    submit(tmp_path, "emmy", explained("It knew one slope."))
    running.run(Options(tmp_path))
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        found = book.find_grade("explain_the_fall", "landscapes", NAME, "emmy")
        found.manual_score, found.needs_manual_grade = 2.0, False
        book.db.commit()
    return tmp_path


def score_and_whether_it_waits(folder: Path) -> tuple[float, bool]:
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        submission = book.find_submission(NAME, "emmy")
        return submission.score, submission.needs_manual_grade


def test_a_second_notebook_has_a_persons_points_looked_at_again(looked_at: Path) -> None:
    for text, waits in (("It knew one slope.", False), ("", True), ("", True)):
        submit(looked_at, "emmy", explained(text))
        assert running.run(Options(looked_at, fresh=True)) == 0
        assert score_and_whether_it_waits(looked_at) == (12, waits)


def test_a_run_killed_before_the_gradebook_still_has_them_looked_at(
    looked_at: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal has the second notebook, the gradebook not yet: the next run knows of both."""
    submit(looked_at, "emmy", explained("It knew two."))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(gradebook.Marks, "record", killed)
        running.run(Options(looked_at))
    for _ in range(2):
        assert running.run(Options(looked_at)) == 0
        assert score_and_whether_it_waits(looked_at) == (12, True)


def test_extra_credit_is_on_the_page_as_in_the_export(graded: Path) -> None:
    with Gradebook(f"sqlite:///{graded}/gradebook.db") as book:
        found = book.find_grade("test_wall_angles_default", "landscapes", NAME, "solved-0")
        found.extra_credit = 2.0
        book.db.commit()
        score = book.find_submission(NAME, "solved-0").score
    list(write_all(graded, student="solved-0"))
    page = (graded / "feedback" / "solved-0" / NAME / "landscapes.txt").read_text()
    assert f"\n{score:g} of " in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["grade", "--json", "/nope/rows.json"], "there is no folder /nope for rows.json"),
        (["grade", "--assignment", "01", "--student", "typo"], "there is no folder"),
        (["check", "list.ipynb"], "is not a notebook"),
        (["check", "three.ipynb"], "is not a notebook"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
    arguments: list[str], says: str,
) -> None:  # fmt: skip
    submit(tmp_path, "emmy", solved())
    (tmp_path / "list.ipynb").write_text("[]")
    (tmp_path / "three.ipynb").write_text('{"cells": 3, "nbformat": 4, "nbformat_minor": 5}')
    monkeypatch.chdir(tmp_path)
    more = ["--classroom", str(tmp_path)] if arguments[0] == "grade" else []
    assert cli.main([*arguments, *more]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert says in line


@pytest.mark.parametrize("url", ["garbage", "mysql+pymysql://nobody@localhost/marks"])
def test_a_gradebook_that_cannot_be_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, url: str
) -> None:
    monkeypatch.setattr(gradebook, "database", lambda classroom: url)
    monkeypatch.setattr("course.export.database", lambda classroom: url)
    assert cli.main(["export", "--classroom", str(tmp_path)]) == 1
    assert "the gradebook does not open" in capsys.readouterr().err
    with pytest.raises(CourseError, match="the gradebook does not open"):
        gradebook.by_person(tmp_path)
