"""What `course grade` wrote, in nbgrader's formgrader: marks, a person's points, and no script."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from playwright.sync_api import Browser, Page, expect

from course import cli
from course.feedback import write_all
from tests.attacks import NAME, solved, with_cells
from tests.browser import ARTEFACTS, PATIENCE_MS, LabServer, Watch, new_page, screenshot
from tests.classrooms import MADE, grade, submit
from tests.jails import require_jail
from tests.markup import MARKUP

EVE = '<img src=x onerror=alert(99)>" onmouseover="alert(98)'

pytestmark = pytest.mark.browser
EXPLAINS = r"""It knew one slope, and **none** tells of a jump: $\frac{df}{d\theta} = 0$.

| angle | distance |
|-------|----------|
| 0.9   | 5        |
"""


def explained(text: str, *added: tuple[str, str]):
    made = with_cells(solved(), *added)
    for cell in made.cells:
        if cell.id == "explain_the_fall":
            cell.source = text
    return made


@pytest.fixture(scope="module")
def graded(lab_server: LabServer) -> Iterator[Path]:
    """The classroom of the server, graded: an honest student, one who is wrong, a hostile one."""
    require_jail()
    folder = lab_server.root / "classroom"
    submit(folder, "emmy", explained(EXPLAINS))
    submit(folder, "wrong", MADE["wrong"])
    hostile = "\n\n".join(MARKUP)
    submit(folder, EVE, explained(hostile, ("wall_angles", f"print({hostile!r})")))
    grade(folder)
    yield folder


def open_submission(page: Page, folder: Path, student: str) -> None:
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        [notebook] = gradebook.find_submission(NAME, student).notebooks
        number = notebook.id
    page.goto(f"/formgrader/submissions/{number}/", wait_until="load")
    test = "document.querySelector('#test_gradient_ascent_hidden')"
    page.wait_for_function(f"() => {test}.placeholder !== ''")


def test_the_formgrader_shows_the_marks_and_takes_a_person_s_points(
    page: Page, lab_server: LabServer, graded: Path, tmp_path: Path
) -> None:
    open_submission(page, graded, "emmy")
    expect(page.locator("#test_wall_angles_default")).to_have_attribute("placeholder", "1")
    expect(page.locator(".MathJax_Display, .MathJax").first).to_be_visible(timeout=PATIENCE_MS)
    screenshot(page, "formgrader_submission")
    points = page.locator("#explain_the_fall")
    with page.expect_response(lambda reply: reply.request.method in ("PUT", "PATCH")) as saved:
        points.fill("1.5")
        points.press("Tab")
    assert saved.value.ok
    comment = page.locator(".nbgrader_cell").last.locator("textarea.comment")
    with page.expect_response(lambda reply: reply.request.method in ("PUT", "PATCH")) as saved:
        comment.fill("Which slope, before the last step?")
        comment.press("Tab")
    assert saved.value.ok
    page.locator(".nbgrader_cell").last.screenshot(path=ARTEFACTS / "formgrader_essay.png")

    grade(graded, "--fresh")  # grading again leaves them
    open_submission(page, graded, "emmy")
    expect(page.locator("#explain_the_fall")).to_have_value("1.5")
    list(write_all(graded, student="emmy"))
    told = (graded / "feedback" / "emmy" / NAME / "landscapes.txt").read_text()
    assert "explain the fall, 1.5 of 2 points\n    Which slope, before the last step?" in told
    marks = {}
    for columns in "nbgrader", "canvas":
        target = tmp_path / f"{columns}.csv"
        arguments = ["--columns", columns, "--to", str(target), "--classroom", str(graded)]
        assert cli.main(["export", *arguments]) == 0
        with open(target, newline="") as file:
            marks[columns] = list(csv.DictReader(file))
    nbgraders = {row["student_id"]: row["score"] for row in marks["nbgrader"]}
    assert nbgraders == {"emmy": "11.5", "wrong": "7.0", EVE: "10.0"}
    canvas = {row["SIS Login ID"]: row[NAME] for row in marks["canvas"]}
    assert canvas == {"": "12", "emmy": "11.5", "wrong": "7", EVE: "10"}


def test_a_failed_test_says_there_what_the_student_reads(
    page: Page, lab_server: LabServer, graded: Path
) -> None:
    open_submission(page, graded, "wrong")
    expect(page.locator("#test_wall_angles_default")).to_have_attribute("placeholder", "0")
    expect(page.locator("body")).to_contain_text("Your k is twice what it should be")


def test_no_script_of_a_student_s_runs_on_the_instructor_s_server(
    browser: Browser, lab_server: LabServer, graded: Path
) -> None:
    page = new_page(browser, lab_server)
    watch, said = Watch(page), []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    open_submission(page, graded, EVE)
    page.wait_for_function("() => !window.MathJax || MathJax.Hub.queue.pending === 0")
    answer = page.locator(".nbgrader_cell").last
    for address in answer.locator("a").evaluate_all("links => links.map(a => a.href)"):
        assert not address or address.startswith(("http://203.0.113.7", "mailto:")), address
    page.locator(".breadcrumb .live-notebook").hover()
    screenshot(page, "formgrader_hostile")
    assert said == [] and page.evaluate("window.owned") is None
    assert page.locator("#explain_the_fall").count() == 1
    assert "/formgrader/submissions/" in page.url
    watch.assert_quiet()
    page.context.close()
