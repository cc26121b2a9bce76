"""What a student reads when a check fails, kind of failure by kind."""

import math
import sys
import warnings
from collections.abc import Callable

import pytest
import torch

from course.checks import CheckFailed, Known, check, check_raises, hidden

THETA = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)


def doubles(theta):
    """You took the double; the square is wanted."""
    return 2 * theta


def changes_its_argument(theta):
    """You squared the caller's tensor."""
    theta *= theta
    return theta


KNOWN = Known("lecture 00, “Squares”", (doubles, changes_its_argument))


def message(f: Callable, theta: object = THETA, gives: object = THETA**2) -> str:
    """What checking f as a square says, without line breaks."""
    with pytest.raises(CheckFailed) as failure:
        check(f, theta, gives=gives, known=KNOWN)
    return " ".join(str(failure.value).split())


def square(result: object) -> Callable:
    def square(theta):
        return result

    return square


def test_a_right_answer_passes_and_says_what_was_tried(capsys: pytest.CaptureFixture) -> None:
    check(torch.square, THETA, gives=THETA**2, known=KNOWN)
    assert capsys.readouterr().out == "square(tensor([0.5, 1, 2])) is right\n"


def test_a_stub_is_not_started() -> None:
    def square(theta):
        raise NotImplementedError

    assert message(square) == "square: not started"


def test_a_known_mistake_is_named_with_call_value_expectation_and_section() -> None:
    with pytest.raises(CheckFailed) as failure:
        check(doubles, THETA, gives=THETA**2, known=KNOWN)
    assert str(failure.value).splitlines() == [
        "doubles: not the expected value",
        "  tried     doubles(tensor([0.5, 1, 2]))",
        "  returned  tensor([1, 2, 4])",
        "  expected  tensor([0.25, 1, 4]), within 1e-06",
        "  likely    You took the double; the square is wanted.",
        "  reread    lecture 00, “Squares”",
    ]


def test_a_mistake_that_does_no_harm_on_this_input_is_not_named() -> None:
    two = torch.tensor([2.0])
    assert "double" not in message(square(torch.tensor([5.0])), two, two**2)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (None, "square: returned nothing"),
        (None, "Did you forget the return statement?"),
        ("four", "returned a str; a tensor is expected"),
        (0.25, "returned a float; a tensor is expected"),
        ([0.25, 1.0, 4.0], "returned a list; a tensor is expected"),
        (THETA[:2] ** 2, "shape (2,); (3,) is expected"),
        ((THETA**2).float(), "dtype float32; float64 is expected, as in the input"),
        (THETA.long() ** 2, "dtype int64; float64 is expected"),
        (THETA * torch.nan, "not a number (nan) came back"),
        (-(THETA**2), "Every value has the wrong sign."),
        (THETA**2 / 3, "Every value is 0.3333 times the expected one."),
        (
            THETA**2 + torch.tensor([0, 0, 0.1]),
            "1 of 3 values differ. The first, at index 2, is 4.1",
        ),
    ],
    ids=lambda x: x[:28] if isinstance(x, str) else "",
)
def test_the_ways_to_be_wrong_are_told_apart(result: object, says: str) -> None:
    assert says in message(square(result))


def test_numbers_are_accepted_from_any_sequence_and_counted() -> None:
    for result in (1, 2.0), [1, 2], torch.tensor([1, 2]), (torch.tensor(1.0), 2):
        check(square(result), 1.0, gives=(1.0, 2.0), known=KNOWN)
    assert "returned one number; 2 numbers are expected" in message(square(1.0), 1.0, (1.0, 2.0))
    assert "returned 3 numbers; 2" in message(square((1.0, 2.0, 3.0)), 1.0, (1.0, 2.0))
    assert "returned a str that does not hold numbers" in message(square("12"), 1.0, (1.0, 2.0))
    assert "returned a tuple that does not" in message(square((1j, 2)), 1.0, (1.0, 2.0))


def test_an_exception_is_named_with_the_students_line() -> None:
    def square(theta):
        return math.pow(theta.no_such_thing, 2)

    text = message(square)
    assert "square: raised AttributeError" in text
    assert "in your line: return math.pow(theta.no_such_thing, 2)" in text


def test_an_error_that_many_mistakes_share_names_none_of_them() -> None:
    def square(theta):
        return math.sqrt(-1)

    def takes_a_root(theta):
        """You took a root; the square is wanted."""
        return math.sqrt(-2)

    with pytest.raises(CheckFailed) as failure:
        known = Known("lecture 00, “Squares”", (takes_a_root,))
        check(square, THETA, gives=THETA**2, known=known)
    assert "You took a root" not in str(failure.value)
    assert "A number under a root is negative" in str(failure.value)


def test_the_line_shown_is_the_students_even_if_a_library_raised() -> None:
    def square(theta):
        return torch.stack(theta, 3)

    assert "in your line: return torch.stack(theta, 3)" in message(square)


def test_a_changed_signature_is_an_exception_without_a_line() -> None:
    def square(theta, power):
        return theta**power

    text = message(square)
    assert "missing 1 required positional argument: 'power'" in text
    assert "in your line" not in text


def test_an_argument_that_changed_is_noticed() -> None:
    def square(theta):
        squared = theta**2
        theta += 1
        return squared

    assert "It changed its argument" in message(square)
    assert "You squared the caller's tensor." in message(changes_its_argument)


def test_the_callers_tensor_survives_a_function_that_changes_it() -> None:
    message(changes_its_argument, theta := THETA.clone())
    assert torch.equal(theta, THETA)


def test_what_should_raise_must_raise(capsys: pytest.CaptureFixture) -> None:
    check_raises(math.sqrt, -1.0, error=ValueError, known=KNOWN)
    assert capsys.readouterr().out == "sqrt(-1) raises ValueError, which is right\n"
    with pytest.raises(CheckFailed, match="this input has no answer"):
        check_raises(abs, -1.0, error=ValueError, known=KNOWN)
    with pytest.raises(CheckFailed, match="raised another error"):
        check_raises(lambda x: {}[x], -1.0, error=ValueError, known=KNOWN)


def test_nothing_reaches_stderr_and_warnings_are_no_errors(capsys: pytest.CaptureFixture) -> None:
    def square(theta):
        print("debugging", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        return theta**2

    with pytest.warns(UserWarning, match="careful"):
        check(square, THETA, gives=THETA**2, known=KNOWN)
    assert capsys.readouterr().err == ""


def test_a_hidden_test_shows_its_name_and_hint_only(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(CheckFailed) as failure, hidden("secret squares", hint="Try zero."):
        check(torch.square, THETA, gives=THETA**2, known=KNOWN)
        check(doubles, THETA, gives=THETA**2, known=KNOWN)
    assert str(failure.value) == "Hidden test: secret squares\n  hint      Try zero."
    assert capsys.readouterr().out == ""


def test_jupyter_shows_the_text_without_a_traceback() -> None:
    lines = CheckFailed("square: wrong\n  tried     square(2)")._render_traceback_()
    assert lines == ["\x1b[1;31msquare: wrong\x1b[0m", "  tried     square(2)"]
