"""Feedback pages: what they show, what they hide, and that no text of a student's gets through."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from course import CourseError, cli, feedback
from course.feedback import PAGE_BYTES, as_html, as_text, page, write, write_all
from course.grading.rows import ByPerson, Hand, Row, TestResult
from tests.browser import ARTEFACTS
from tests.markup import MARKUP

WRONG = """wall_angles: not the expected value
  tried     wall_angles(10., 2., 4., 0.5, 9.81)
  returned  (0.12753, 1.37219, 1.36944)
  expected  (0.331751, 1.3634, 1.36944), within 1e-05
  likely    The constant term of the quadratic in T is h + k, and yours is h: the 1 in 1 +
            T² brings a k of its own.
  reread    lecture 01, “Where the cliffs lie”"""
SECRET = "Hidden test: other walls\n  hint      Does each of the five arguments enter?"
LEAK = "wall_angles: not the expected value\n  tried     wall_angles(12., 1.5, 6., -1., 9.81)"
RLO, PDI, BELL = "\u202e", "\u2069", "\x07"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>"
    f"</bdi></style>{{{{ 7 * 7 }}}}&lt;{RLO}{PDI}{BELL}\x1b[31m\0 \ud800"
)


def marks(*tests: TestResult, student: str = "ada", status: str = "graded") -> Row:
    earned, most = sum(t.earned for t in tests), sum(t.points for t in tests)
    return Row(student, "01_landscapes", status, earned, most, tests, 0.1)  # type: ignore[arg-type]


def result(message: str, name: str = "default", hidden: bool = False, f: str = "wall_angles"):
    return TestResult(f"test_{f}_{name}", f, 1.0, 0.0 if message else 1.0, hidden, message)


CLASSIC = marks(
    result(WRONG),
    result(WRONG, "too_high"),
    result(SECRET, "hidden", hidden=True),
    result("", "three_throws", f="wall_distance"),
    result("", "hidden", hidden=True, f="wall_distance"),
    result("gradient_ascent: not started", "by_hand", f="gradient_ascent"),
    result("gradient_ascent: not started", "hidden", hidden=True, f="gradient_ascent"),
)


def test_a_page_tells_function_by_function_what_was_tried_and_what_to_reread() -> None:
    assert (
        as_text(page(CLASSIC))
        == """Exercise 01: landscapes
ada
2 of 7 points
Points for written answers come on top: a person gives them.

wall_angles: 0 of 3 points

default (0 of 1): not the expected value
  tried     wall_angles(10., 2., 4., 0.5, 9.81)
  returned  (0.12753, 1.37219, 1.36944)
  expected  (0.331751, 1.3634, 1.36944), within 1e-05
  likely    The constant term of the quadratic in T is h + k, and yours is h: the 1 in 1 +
            T² brings a k of its own.
  reread    lecture 01, “Where the cliffs lie”

too high (0 of 1): not the expected value
  tried     wall_angles(10., 2., 4., 0.5, 9.81)
  returned  (0.12753, 1.37219, 1.36944)
  expected  (0.331751, 1.3634, 1.36944), within 1e-05
  likely    as above
  reread    lecture 01, “Where the cliffs lie”

other walls (0 of 1): a hidden test, not passed
  hint      Does each of the five arguments enter?

wall_distance: 2 of 2 points

three throws (1 of 1): right

hidden (1 of 1): right

gradient_ascent: 0 of 2 points, not started
"""
    )


class Words(HTMLParser):
    """The tags of a page, and its words without the style sheet."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.words += data.split()


def test_the_page_and_its_twin_say_the_same() -> None:
    words = Words(as_html(page(CLASSIC))).words
    for word in as_text(page(CLASSIC)).replace("(", " ").replace(")", " ").split():
        assert word.strip(":,") in " ".join(words)


def test_a_hidden_test_shows_its_name_and_its_hint_whatever_the_row_holds() -> None:
    for leak in (LEAK, f"Traceback (most recent call last):\n{LEAK}", f"{SECRET}\n{LEAK}"):
        shown = page(marks(result(leak, "hidden", hidden=True)))
        for text in (as_html(shown), as_text(shown)):
            assert "12., 1.5" not in text and "tried" not in text and "Traceback" not in text


def test_no_markup_and_no_control_character_of_a_student_survives() -> None:
    likely = f"wall_angles: raised {HOSTILE}\n  raised    {HOSTILE}\n{HOSTILE}"
    shown = page(marks(result(likely), result(HOSTILE, "b"), student=f"{HOSTILE}"))
    html = as_html(shown)
    tags = set(Words(html).tags)
    assert tags <= ELEMENTS
    assert "alert(1)" in html and "{{ 7 * 7 }}" in html and "onerror" not in Words(html).tags
    for text in (html, as_text(shown)):
        text.encode()
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)


ELEMENTS = {
    *("html", "meta", "title", "style", "h1", "h2", "h3", "p", "bdi", "span"),
    *("dl", "dt", "dd", "code", "pre"),
}


@pytest.mark.parametrize("text", MARKUP)
def test_no_markup_of_a_student_s_is_more_than_text(text: str) -> None:
    """Wherever a message may hold it: headline, row, rest, name of the function, of the student."""
    placed = (
        f"wall_angles: raised {text}\n  raised    {text}\n{text}",
        f"wall_angles: {text}",
        f"Traceback (most recent call last):\n{text}",
    )
    tests = [result(message, str(i)) for i, message in enumerate(placed)]
    found = Words(as_html(page(marks(*tests, result("x", f=text), student=text))))
    assert set(found.tags) <= ELEMENTS
    assert found.tags.count("meta") == 3 and found.tags.count("style") == 1
    assert found.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class"}


def test_a_page_stays_below_100_kB_whatever_a_message_holds() -> None:
    for character in ("<", "'", "x", "\N{SLIGHTLY SMILING FACE}", "\n", "a \n"):
        message = character * (1_000_000 // len(character))
        tests = [result(message, str(i)) for i in range(3)]
        tests += [result(f"f: g\n  tried     {message}", f"{i}") for i in range(30)]
        assert len(as_html(page(marks(*tests, student=message))).encode()) < PAGE_BYTES


def test_paths_are_cut_and_tracebacks_left_out() -> None:
    trace = 'Traceback (most recent call last):\n  File "/srv/a/grade.py", line 3\nKeyError: 1'
    message = f"f: raised\n  raised    No such file: '/opt/course/secret.csv'\n{trace}"
    windows = r"cannot open C:\Users\ada\notes.txt"
    text = as_text(page(marks(result(message), result(windows, "b"))))
    assert "No such file: 'secret.csv'" in text and "cannot open notes.txt" in text
    assert "opt" not in text and "srv" not in text and "Users" not in text
    assert "KeyError: 1" in text and "Traceback" not in text
    quotient = "f: wrong factor\n  hint      Every value is 1 / sigma, x / y / z, a/b times it."
    assert "1 / sigma, x / y / z, a/b times" in as_text(page(marks(result(quotient))))


def test_what_became_of_a_submission_is_said() -> None:
    for status, says in feedback.REMARKS.items():
        assert says in as_text(page(marks(status=status)))


def test_what_holds_for_all_tests_is_said_once() -> None:
    said = "There is no landscapes.ipynb, but: Untitled.ipynb."
    tests = [result(said, str(i), hidden=i > 1) for i in range(4)]
    text = as_text(page(marks(*tests, status="missing")))
    assert text.count(said) == 1 and "wall_angles" not in text


def test_what_stopped_a_hidden_test_is_said_without_its_inputs() -> None:
    for said in ("stopped after 10 s: is there a loop?", "wall_angles: not started"):
        assert said.split(": ")[-1] in as_text(
            page(marks(result(said, "hidden", hidden=True), result(WRONG)))
        )
    stopped = marks(result("Hidden test: it stopped at a KeyError", "hidden", hidden=True))
    assert "hidden (0 of 1): it stopped at a KeyError" in as_text(page(stopped))


def test_a_class_gets_its_pages_from_what_was_graded(tmp_path: Path) -> None:
    for student in ("ada", "emmy"):
        path = tmp_path / "grading" / "01_landscapes" / f"{student}-0.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"row": marks(*CLASSIC.tests, student=student).to_json()}))
    handed_in = tmp_path / "submitted" / "ada" / "01_landscapes"
    handed_in.mkdir(parents=True)
    (handed_in / "timestamp.txt").write_text("2026-11-20 12:00:00 UTC")
    (tmp_path / "secret").write_text("secret")
    (handed_in / "submission_secret.txt").symlink_to(tmp_path / "secret")
    assert [row.student for row in write_all(tmp_path)] == ["ada", "emmy"]
    pages = tmp_path / "feedback"
    assert sorted(p.relative_to(pages).as_posix() for p in pages.rglob("*.*")) == [
        "ada/01_landscapes/landscapes.html",
        "ada/01_landscapes/landscapes.txt",
        "ada/01_landscapes/timestamp.txt",
        "emmy/01_landscapes/landscapes.html",
        "emmy/01_landscapes/landscapes.txt",
    ]
    assert [row.student for row in write_all(tmp_path, student="emmy")] == ["emmy"]
    assert list(write_all(tmp_path, assignment="02_smoothing")) == []
    path.write_text("{}")
    with pytest.raises(CourseError, match="holds no marks; remove it, and grade again"):
        list(write_all(tmp_path))


def test_what_a_person_gave_is_on_the_page_and_in_the_total() -> None:
    """2 of 7 by the tests; 1.5 of 3 for the answer; a test of 0 raised to 1; a word on code."""
    given = Hand(
        (
            ByPerson("explain_the_cliff", 1.5, 3.0, True, f"Which slope?\n{HOSTILE}"),
            ByPerson("test_wall_angles_too_high", 1.0, 1.0, False, ""),
            ByPerson("wall_distance", None, 0.0, False, "Nice."),
        )
    )
    text = as_text(page(CLASSIC, given))
    assert text.startswith("Exercise 01: landscapes\nada\n4.5 of 10 points\n\nBy hand: ")
    assert "By hand: explain the cliff, 1.5 of 3 points\n    Which slope?\n" in text
    assert "By hand: wall angles too high, 1 of 1 points\n" in text
    assert "By hand: wall distance\n    Nice.\n" in text
    assert "<script>" not in as_html(page(CLASSIC, given))
    assert not set(text) & set(f"{RLO}{PDI}{BELL}\x1b\0")


@pytest.mark.parametrize(("penalty", "left"), [(1.5, "0.5"), (3.0, "0")])
def test_what_lateness_costs_is_taken_off_and_said(penalty: float, left: str) -> None:
    text = as_text(page(CLASSIC, Hand(late_penalty=penalty)))
    assert f"\n{left} of 7 points, {penalty:g} taken off: handed in late\n" in text


def test_an_answer_that_nobody_has_read_is_said_to_wait() -> None:
    text = as_text(page(CLASSIC, Hand([ByPerson("explain_the_cliff", None, 3.0, True, "")])))
    assert "2 of 7 points\nPoints for written answers come on top, up to 3: a person" in text
    assert "By hand: explain the cliff, not read yet\n" in text


def test_the_command_counts_its_pages_or_says_what_to_do_first(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert cli.main(["feedback", "--classroom", str(tmp_path)]) == 1
    assert "nothing graded in" in capsys.readouterr().err
    path = tmp_path / "grading" / "01_landscapes" / "ada.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"row": CLASSIC.to_json()}))
    assert cli.main(["feedback", "--classroom", str(tmp_path), "--assignment", "1"]) == 0
    assert capsys.readouterr().out == f"1 page in {tmp_path / 'feedback'}\n"


def test_both_files_lie_where_nbgrader_releases_feedback_from(tmp_path: Path) -> None:
    html = write(CLASSIC, tmp_path)
    assert html == tmp_path / "ada" / "01_landscapes" / "landscapes.html"
    write(CLASSIC, tmp_path)
    assert sorted(path.name for path in html.parent.iterdir()) == [
        "landscapes.html",
        "landscapes.txt",
    ]


@pytest.mark.parametrize("name", ["..", "a/b", "", ".", "nul\0"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CourseError, match="cannot be the name of a folder"):
        write(CLASSIC.__class__(**{**CLASSIC.__dict__, "student": name}), tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.browser
def test_a_page_fits_a_telephone_and_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    hostile = [
        result(f"f: {text}\n  tried     {text}\n{text}", f"a{i}") for i, text in enumerate(MARKUP)
    ]
    long = result(f"f: {HOSTILE}\n  tried     f({'9' * 3000})", "long")
    long = marks(*CLASSIC.tests, long, *hostile)
    path = write(long, tmp_path)
    for width, scheme in ((360, "light"), (1200, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        opened = context.new_page()
        asked, said = [], []
        opened.on("request", lambda request, asked=asked: asked.append(request.url))
        opened.on("dialog", lambda dialog, said=said: said.append(dialog.message))
        opened.goto(path.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert len(asked) == 1 and said == []
        opened.screenshot(path=ARTEFACTS / f"feedback-{width}-{scheme}.png", full_page=True)
        context.close()
