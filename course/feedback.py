"""One page of feedback for each student and assignment: HTML that needs nothing else, and text.

    page(row, hand)             what the page says, ready to be shown
    as_html(page), as_text(page)
    write(row, folder)          both files, at the place where nbgrader looks for feedback
    write_all(classroom)        those of everything that `course grade` has graded, with the points
                                and comments that a person gave in the formgrader

A row holds text that the student chose. So markup is escaped, whatever steers a terminal or the
direction of writing is taken out, paths are cut to their last part, and length is limited.
"""

import json
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import jinja2

from course import CourseError
from course.files import write_whole
from course.grading.rows import NOTHING_BY_HAND, ByPerson, Hand, Row, TestResult
from course.messages import Message, parse, row

PAGE_BYTES = 100_000
NAME_LENGTH = 100
ROW_LENGTH = 600
COMMENT_LENGTH = 4000
HIDDEN = "Hidden test: "
# An absolute path: two parts at least, on Linux or Windows; its last part stays.
PATH = re.compile(r"(?<![\w.])(?:~|[A-Za-z]:)?(?:[/\\][\w.@+-]+)+[/\\]([\w.@+-]+)")
CODE = ("tried", "returned", "raised", "expected", "differs")
SHOWN_OF_HIDDEN = ("hint", "reread")
# What may be said of a hidden test besides: nothing in it depends on the inputs.
SAID_BY_THE_GRADER = re.compile(
    r"stopped after|not run|Not graded|the process ended|The notebook |There is no|.*not started$|"
    r".*not written yet\.$|\w+ is not defined|\w+ is a "
)
REMARKS = {
    "graded": "",
    "duplicated cells": "An answer stands twice in the notebook: the first one counts.",
    "timed out": "An answer did not come to an end in time; tests that it held up have no points.",
    "crashed": "An answer ended the process it ran in; the tests after that got no points.",
    "not readable": "Hand it in again: it could not be read.",
    "missing": "Nothing was found to grade.",
}
ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


class Entry(NamedTuple):
    """One test, as a student reads it; `mood` is right, wrong or waiting."""

    name: str
    points: str
    mood: str
    verdict: str
    rows: list[tuple[str, str]]
    rest: str


class Function(NamedTuple):
    """The tests of one function; none if it was not started."""

    name: str
    points: str
    started: bool
    tests: list[Entry]


class Comment(NamedTuple):
    """What a person gave: points of a cell, in words, and lines of a comment."""

    name: str
    points: str
    lines: list[str]


class Page(NamedTuple):
    """What a page says, from top to bottom."""

    title: str
    student: str
    total: str
    remarks: list[str]
    by_person: list[Comment]
    functions: list[Function]
    code: tuple[str, ...] = CODE


def page(marks: Row, hand: Hand = NOTHING_BY_HAND) -> Page:
    """What the page of one submission says."""
    budget = PAGE_BYTES // 2 // max(len(marks.tests), 1)
    remarks = [REMARKS[marks.status], *_same_for_all(marks, budget), _written(marks, hand.cells)]
    tests = () if remarks[1:-1] else marks.tests
    number, _, topic = harmless(marks.assignment, NAME_LENGTH).partition("_")
    return Page(
        title=f"Exercise {number}: {topic.replace('_', ' ')}",
        student=harmless(marks.student, NAME_LENGTH),
        total=_total(marks, hand),
        remarks=[remark for remark in remarks if remark],
        by_person=[_comment(entry) for entry in hand.cells],
        functions=[
            _function(harmless(name, NAME_LENGTH), list(tests), budget)
            for name, tests in groupby(tests, lambda test: test.function)
        ],
    )


def as_html(content: Page) -> str:
    """The page as one file of HTML, without scripts, pictures or anything from outside."""
    return ENVIRONMENT.get_template("feedback.html").render(page=content) + "\n"


def as_text(content: Page) -> str:
    """The page as plain text."""
    lines = [content.title, content.student, content.total, *content.remarks]
    for comment in content.by_person:
        lines += ["", f"By hand: {comment.name}{comment.points and f', {comment.points}'}"]
        lines += [f"    {line}" for line in comment.lines]
    for function in content.functions:
        waiting = "" if function.started else ", not started"
        lines += ["", f"{function.name}: {function.points}{waiting}"]
        for test in function.tests:
            lines += ["", f"{test.name} ({test.points}): {test.verdict}"]
            lines += [row(label, text) for label, text in test.rows]
            lines += [f"    {line}" for line in test.rest.splitlines()]
    return "\n".join(lines) + "\n"


def write(marks: Row, folder: Path, hand: Hand = NOTHING_BY_HAND) -> Path:
    """Write topic.html and topic.txt into folder/student/assignment; return the page's path.

    A reader finds the old page or the new one, never a part of it.

    Raises:
        CourseError: if the student or the assignment has a name that is no folder's.
    """
    for name in (marks.student, marks.assignment):
        if name in ("", ".", "..") or any(c and c in name for c in (os.sep, os.altsep, "\0")):
            raise CourseError(f"{name[:NAME_LENGTH]!r} cannot be the name of a folder")
    target = folder / marks.student / marks.assignment
    target.mkdir(parents=True, exist_ok=True)
    content = page(marks, hand)
    html = target / f"{marks.assignment[3:]}.html"
    write_whole(html.with_suffix(".txt"), as_text(content).encode())
    write_whole(html, as_html(content).encode())
    return html


def write_all(classroom: Path, assignment: str = "", student: str = "") -> Iterator[Row]:
    """Write the pages of what lies in classroom/grading, into classroom/feedback; yield the rows.

    With them go the two files that nbgrader's release_feedback asks for, where there are any.

    Raises:
        CourseError: for a file in classroom/grading that holds no marks, or if the gradebook
            cannot be opened.
    """
    from course.grading import gradebook  # nbgrader takes a second, which a single page need not

    hands: dict[tuple[str, str], Hand] | None = None
    for path in sorted((classroom / "grading").glob(f"{assignment or '*'}/*.json")):
        try:
            marks = Row.from_json(json.loads(path.read_bytes())["row"])
        except (ValueError, KeyError, TypeError, OSError):
            raise CourseError(f"{path} holds no marks; remove it, and grade again") from None
        if student in ("", marks.student):
            hands = gradebook.by_person(classroom) if hands is None else hands
            hand = hands.get((marks.student, marks.assignment), NOTHING_BY_HAND)
            shown = write(marks, classroom / "feedback", hand)
            handed_in = classroom / "submitted" / marks.student / marks.assignment
            for name in ("timestamp.txt", "submission_secret.txt"):
                if (handed_in / name).is_file() and not (handed_in / name).is_symlink():
                    write_whole(shown.parent / name, (handed_in / name).read_bytes()[:1000])
            yield marks


def harmless(text: str, length: int) -> str:
    """Text on one line without control and direction characters, paths cut to their last part."""
    kept = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text[: 4 * length])
    bare = PATH.sub(r"\1", kept)
    return bare if len(bare) <= length else f"{bare[:length]} ..."


def _same_for_all(marks: Row, budget: int) -> list[str]:
    """What every test says, where all failed for one reason: there was no notebook, say."""
    said = {test.message for test in marks.tests}
    apart = len(said) > 1 or len(marks.tests) < 2 or said == {""}
    return [] if apart else [_shown(marks.tests[0], budget).headline]


def _written(marks: Row, by_person: Sequence[ByPerson]) -> str:
    """What is still to come for written answers."""
    if not marks.tests or (by_person and all(e.points is not None for e in by_person if e.written)):
        return ""
    most = sum(entry.most for entry in by_person if entry.written and entry.points is None)
    more = f", up to {most:g}" if most else ""
    return f"Points for written answers come on top{more}: a person gives them."


def _total(marks: Row, hand: Hand) -> str:
    """The points of the tests, as a person has left them, and of the written answers read."""
    earned = {test.name: test.earned for test in marks.tests}
    most = marks.max_score
    for entry in hand.cells:
        if entry.points is not None:
            most += entry.most if entry.written else 0
            earned[entry.name] = entry.points
    late = f", {hand.late_penalty:g} taken off: handed in late" if hand.late_penalty else ""
    return f"{max(0.0, sum(earned.values()) - hand.late_penalty):g} of {most:g} points{late}"


def _comment(entry: ByPerson) -> Comment:
    name = harmless(entry.name, NAME_LENGTH).removeprefix("test_").replace("_", " ")
    points = f"{entry.points:g} of {entry.most:g} points" if entry.points is not None else ""
    waits = "not read yet" if entry.written and entry.points is None else ""
    lines = entry.comment[:COMMENT_LENGTH].splitlines()
    return Comment(name, points or waits, [harmless(line, COMMENT_LENGTH) for line in lines])


def _function(name: str, tests: list[TestResult], budget: int) -> Function:
    points = f"{sum(t.earned for t in tests):g} of {sum(t.points for t in tests):g} points"
    entries = [_entry(test, budget) for test in tests]
    if all(entry.mood == "waiting" for entry in entries):
        return Function(name, points, False, [])
    seen = set[str]()
    return Function(name, points, True, [_once(entry, seen) for entry in entries])


def _entry(test: TestResult, budget: int) -> Entry:
    name = test.name.removeprefix(f"test_{test.function}_").replace("_", " ")
    points = f"{test.earned:g} of {test.points:g}"
    if test.earned >= test.points:
        return Entry(name, points, "right", "right", [], "")
    message = _shown(test, budget)
    if message.headline.startswith(HIDDEN):
        said = message.headline.removeprefix(HIDDEN)
        if said.startswith("it stopped"):
            return Entry(name, points, "wrong", said, [], "")
        return Entry(said, points, "wrong", "a hidden test, not passed", message.rows, "")
    if message.headline.endswith("not started"):
        return Entry(name, points, "waiting", "not started", [], "")
    verdict = message.headline.removeprefix(f"{test.function}: ") or "not passed"
    return Entry(name, points, "wrong", verdict, message.rows, message.rest)


def _once(entry: Entry, seen: set[str]) -> Entry:
    """The entry, with a likely mistake that is in `seen` not told again; else it is entered."""
    rows = [
        (label, "as above" if label == "likely" and text in seen else text)
        for label, text in entry.rows
    ]
    seen.update(text for label, text in rows if label == "likely")
    return entry._replace(rows=rows)


def _shown(test: TestResult, budget: int) -> Message:
    """What may be shown of a message: of a hidden test only its name and hint."""
    headline, rows, rest = parse(test.message[: 4 * budget])
    rows = [(label, harmless(text, ROW_LENGTH)) for label, text in rows]
    lines = [harmless(line.rstrip(), budget) for line in _own_lines(rest)]
    if test.hidden:
        named = headline.startswith(HIDDEN)
        headline = headline if named or SAID_BY_THE_GRADER.match(headline) else ""
        rows, lines = [row for row in rows if named and row[0] in SHOWN_OF_HIDDEN], []
    return _fitted(Message(harmless(headline, budget), rows, "\n".join(lines)), budget)


def _own_lines(rest: str) -> list[str]:
    """The lines of a text without tracebacks, of which only the last line stays."""
    lines = [line for line in rest.split("\n") if line.strip()]
    starts = [i for i, line in enumerate(lines) if line.startswith("Traceback (most recent")]
    return lines[: starts[0]] + lines[-1:] if starts else lines


def _fitted(message: Message, budget: int) -> Message:
    """The message, each part cut so that all of it stays within the budget when it is escaped."""
    parts = len(message.rows) + 2

    def cut(text: str) -> str:
        while len(escape(text).encode()) > budget // parts:
            text = f"{text[: len(text) * 3 // 4 - 4]} ..."
        return text

    rows = [(label, cut(text)) for label, text in message.rows]
    return Message(cut(message.headline), rows, cut(message.rest))
