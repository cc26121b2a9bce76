"""No submission earns a point it has not earned, or harms another: all of `tests.attacks`."""

from pathlib import Path

import pytest

from tests.attack_run import Class, Graded, wrong
from tests.attacks import ATTACKS, HONEST, HOSTILE_NAMES, SLOW
from tests.jails import require_jail

NAMES = [name for name in (*ATTACKS, *HONEST) if name not in SLOW]
NAMES += [*(name.decode("utf-8", "backslashreplace") for name in HOSTILE_NAMES)]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """The class, graded with short deadlines; `make certify` uses the real ones."""
    require_jail()
    return Class(tmp_path_factory.mktemp("attacks"), slow=False).grade(call_s=1.5, step_s=30.0)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.encode("unicode_escape").decode())
def test_a_submission_gets_what_it_earned(graded: Graded, name: str) -> None:
    assert wrong(graded, name) == []


def test_every_submission_has_one_row(graded: Graded) -> None:
    assert graded.rows.keys() == set(NAMES)


def test_the_run_completes(graded: Graded) -> None:
    assert graded.status == 0, graded.printed
    assert f"{len(NAMES)} submissions: " in graded.printed


def test_no_process_and_no_file_is_left(graded: Graded) -> None:
    assert graded.processes == [] and graded.files == []


def test_a_message_holds_no_control_characters(graded: Graded) -> None:
    said = "".join(test.message for row in graded.rows.values() for test in row.tests)
    assert all(c.isprintable() or c == "\n" for c in said)
    assert max(len(test.message) for row in graded.rows.values() for test in row.tests) < 20_000


def test_an_honest_message_says_what_went_wrong(graded: Graded) -> None:
    said = {name: graded.rows[name].tests[0].message for name in ("loops", "exits-in-the-call")}
    assert said["loops"].startswith("stopped after")
    assert "exit()" in said["exits-in-the-call"]
    assert "is graded: write it yourself" in forbidden(graded)
    twice = graded.rows["honest-copied-a-cell"].tests[0]
    assert twice.earned == 1 and "the first was graded" in twice.message


def test_a_value_that_does_not_cross_is_refused_by_name(graded: Graded) -> None:
    said = graded.rows["lying-object"].tests[0].message
    assert "returned a Liar" in said


def forbidden(graded: Graded) -> str:
    return graded.rows["imports-the-answer"].tests[0].message


def test_what_a_person_reads_shows_the_student_s_text_and_no_output(
    graded: Graded, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = next(Path(tmp_path_factory.getbasetemp()).glob("attacks*/class/autograded"))
    text = (folder / "prints-html" / "01_landscapes" / "landscapes.ipynb").read_text()
    assert "alert(1)" in text  # their code
    assert text.count("alert(1)") == 1
