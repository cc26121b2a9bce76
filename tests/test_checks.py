"""What a student reads when a check fails, kind of failure by kind."""

import math
import sys
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

from course.checks import CheckFailed, Known, NotStarted, check, check_raises, hidden, started
from smoothlib import EuclideanNorm, Quadratic

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
    assert capsys.readouterr().out == "square(tensor([0.5, 1., 2.])) is right\n"


def test_where_infinity_is_right_a_finite_value_is_told_so_and_infinity_passes() -> None:
    wanted = torch.tensor([1.0, math.inf], dtype=torch.float64)
    check(square(wanted.clone()), THETA, gives=wanted, known=KNOWN)
    finite = message(square(torch.tensor([1.0, 7.0]).double()), gives=wanted)
    assert "a finite value came back where infinity is expected" in finite
    other = message(square(torch.tensor([2.0, math.inf]).double()), gives=wanted)
    assert "not the expected value" in other


def test_objectives_are_shown_in_one_line_as_they_could_be_typed(
    capsys: pytest.CaptureFixture,
) -> None:
    steep = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    f = Quadratic(steep, torch.ones(3), 3.0) + EuclideanNorm()
    check(lambda f: 1.0, f, gives=1.0, known=KNOWN)
    shown = capsys.readouterr().out
    assert (
        "Quadratic(A=tensor(... of shape (3, 3)), centre=tensor([1., 1., 1.]), offset=3.)" in shown
    )
    assert shown.count("\n") == 1 and "  " not in shown


def test_of_several_results_the_right_one_is_named() -> None:
    said = message(square((THETA**2, 1.0)))
    assert "Return the first one alone." in said and "torch.stack" not in said
    assert "Return the second one alone." in message(square((1.0, 2 * THETA)))


def test_a_number_for_a_tensor_is_told_of_the_start_of_a_sum() -> None:
    assert "starts with torch.zeros_like(theta), not with 0" in message(square(0))


def test_infinity_is_told_the_way_to_a_tensor() -> None:
    assert "torch.tensor(x, dtype=theta.dtype)" in message(square(math.inf))


def test_a_wrong_value_from_a_changed_argument_says_that_it_changed() -> None:
    def doubles(theta):
        theta *= 2
        return theta**2 + theta

    assert "no +=, *= or **= on an argument" in message(doubles)


def test_noise_of_its_own_is_found_by_calling_twice() -> None:
    said = message(lambda theta: theta**2 + torch.rand(3))
    assert "likely Two calls with the same arguments gave two results." in said
    assert "Two calls" not in message(lambda theta: theta**2 + 1)
    assert "Two calls" not in message(lambda theta: theta * math.nan)


def test_a_function_that_calls_one_that_did_not_pass_is_told_so() -> None:
    names: dict = {}
    exec("def half(x):\n    return x\n\ndef quarter(x):\n    return half(half(x))", names)
    assert "note" not in message(names["quarter"], gives=THETA / 4)
    message(names["half"], gives=THETA / 2)
    note = "note It calls your half, and that does not pass: mend first."
    assert note in message(names["quarter"], gives=THETA / 4)
    exec("def half(x):\n    return x / 3", names)  # mended, or not: not looked at yet
    assert "note" not in message(names["quarter"], gives=THETA / 4)


def test_an_argument_made_to_collect_slopes_is_a_changed_one() -> None:
    def slope(theta):
        theta.requires_grad_()
        (theta**2).sum().backward()
        return theta.grad

    assert "called requires_grad_() on its argument" in message(slope, gives=2 * THETA)
    check(slope, THETA.clone().requires_grad_(), gives=2 * THETA, known=KNOWN)


def test_a_stub_is_not_started() -> None:
    def square(theta):
        raise NotImplementedError

    assert message(square) == "square: not started"


def test_a_known_mistake_is_named_with_call_value_expectation_and_section() -> None:
    with pytest.raises(CheckFailed) as failure:
        check(doubles, THETA, gives=THETA**2, known=KNOWN)
    assert str(failure.value).splitlines() == [
        "doubles: not the expected value",
        "  tried     doubles(tensor([0.5, 1., 2.]))",
        "  returned  tensor([1., 2., 4.])",
        "  expected  tensor([0.25, 1., 4.]), within 1e-06",
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
        ("four", "returned a str; a tensor of shape (3,) is expected"),
        (0.25, "returned a float; a tensor of shape (3,) is expected"),
        ([0.25, 1.0, 4.0], "returned a list; a tensor of shape (3,) is expected"),
        (THETA[:2] ** 2, "wrong shape: (2,); (3,) is expected"),
        ((THETA**2).float(), "wrong dtype: float32; float64 is expected, as in the input"),
        (THETA.long() ** 2, "wrong dtype: int64; float64 is expected"),
        (THETA * torch.nan, "not a number (nan) came back"),
        (-(THETA**2), "Every value has the wrong sign."),
        (THETA**2 / 7, "Every value is 0.1429 times the expected one."),
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
    assert capsys.readouterr().out == "sqrt(-1.) raises ValueError, which is right\n"
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


def test_a_mistake_of_a_hidden_test_is_not_passed_off_as_the_students() -> None:
    with pytest.raises(ZeroDivisionError), hidden("secret squares", hint="Try zero."):
        check(torch.square, THETA, gives=THETA**2 / (1 // 0), known=KNOWN)


def test_a_result_that_cannot_even_be_printed_fails_its_check_only() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise LookupError("secret")

    for gives in (THETA**2, 4.0):
        with pytest.raises(CheckFailed, match="Hidden test: one"), hidden("one", hint="No."):
            check(lambda theta: Hostile(), THETA, gives=gives, known=KNOWN)


def test_jupyter_shows_the_text_without_a_traceback() -> None:
    lines = CheckFailed("square: wrong\n  tried     square(2)")._render_traceback_()
    assert lines == ["\x1b[1;31msquare: wrong\x1b[0m", "  tried     square(2)"]


def stub(theta):
    raise NotImplementedError  # write your code here


def calls_a_stub(theta):
    return stub(theta)


def has_code_below_the_stub(theta):
    """The square."""
    raise NotImplementedError  # write your code here
    return theta**2


def has_code_above_the_stub(theta):
    theta = theta + 1
    raise NotImplementedError


def test_an_error_of_torch_is_not_taken_for_a_stub() -> None:
    def square(theta):
        return torch.where(theta > 0.5 & theta < 2, 0.5, theta)

    text = message(square)
    assert "raised NotImplementedError" in text and "not started" not in text
    assert "likely & binds tighter than > and <. Put each comparison in brackets" in text
    with pytest.raises(CheckFailed, match=r"^Hidden test: one\n  hint      No\.$"):
        with hidden("one", hint="No."):
            check(square, THETA, gives=THETA**2, known=KNOWN)


def test_a_stub_that_another_function_calls_is_named() -> None:
    assert message(calls_a_stub) == "calls_a_stub calls stub, which is not written yet."


def test_a_stub_line_that_was_left_beside_the_code_is_named() -> None:
    still = "`raise NotImplementedError` is still in your function"
    assert f"{still}, above your code: delete that line." in message(has_code_below_the_stub)
    assert f"{still}, below your code: delete that line." in message(has_code_above_the_stub)


def test_a_stub_behind_a_proxy_or_without_source_is_not_started() -> None:
    class Proxy:
        __name__ = "square"

        def __call__(self, theta):
            raise NotImplementedError

    namespace: dict = {}
    exec("def square(theta):\n    raise NotImplementedError\n    return 1", namespace)
    for f in Proxy(), namespace["square"]:
        assert message(f) == "square: not started"


def test_a_cell_that_builds_on_a_stub_stops_in_one_line() -> None:
    started(doubles, math.sqrt)
    with pytest.raises(NotStarted) as stopped:
        started(doubles, stub)
    assert stopped.value._render_traceback_() == ["\x1b[1;31mstub: not started\x1b[0m"]


def triples(theta):
    """Is it three times?"""
    return torch.full_like(theta, 6.0)


def sextuples(theta):
    """Is it six times?"""
    return torch.full_like(theta, 6.0)


def sixes(theta):
    """Is it six?"""
    return torch.full_like(theta, 6.0)


def test_two_likely_mistakes_are_questions_and_three_are_none() -> None:
    def says(*mistakes: Callable) -> str:
        with pytest.raises(CheckFailed) as failure:
            check(sixes, THETA, gives=THETA**2, known=Known("lecture 00", mistakes))
        return str(failure.value)

    assert "likely    one of: (a) Is it three times? (b) Is it six times?" in says(
        triples, sextuples
    )
    assert "likely" not in says(triples, sextuples, sixes)
    assert "likely    Is it six times?" in says(sextuples, sextuples)


def test_of_many_values_the_first_that_differs_is_shown_with_its_input() -> None:
    theta = torch.linspace(0, 3, 7, dtype=torch.float64)
    result = theta**2
    result[3:5] = 5.0
    text = message(square(result), theta, theta**2)
    assert "differs at theta = 1.5: yours 5., expected 2.25, within 1e-06; 2 of 7 values" in text
    assert "returned" not in text and "tried square(tensor(... of shape (7,)))" in text
    many = theta.expand(2, 7)
    assert "at index (0, 3): yours 5." in message(square(result.expand(2, 7)), 1.0, many**2)


def test_an_array_is_written_on_one_line_with_the_way_to_a_tensor() -> None:
    text = message(square(np.array([[1.0], [2.0]])))
    assert "returned a numpy array; a tensor of shape (3,) is expected" in text
    assert "returned array([[1.], [2.]]) expected" in text
    assert "torch.from_numpy(result)" in text


def test_both_dtypes_are_shown() -> None:
    text = message(square((THETA**2).float()))
    assert (
        "returned tensor([0.25, 1., 4.]), float32 expected tensor([0.25, 1., 4.]), float64" in text
    )
    assert "torch.zeros(..., dtype=theta.dtype)" in text and "out.to(theta.dtype)" in text


def test_an_error_without_text_has_no_empty_place() -> None:
    def square(theta):
        raise KeyError

    assert "raised KeyError, in your line: raise KeyError" in message(square)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda x: x if 0 < x < 1 else -x, "a chained comparison such as a < x < b"),
        (lambda x: x.item(), ".item(), float() and the functions of math take one number"),
        (lambda x: math.cos(x), "torch.cos and its like take any shape"),
    ],
)
def test_common_errors_are_explained(wrong: Callable, says: str) -> None:
    assert says in message(wrong)


def test_a_refused_answer_is_explained() -> None:
    def square(theta):
        raise ValueError("no answer")

    with pytest.raises(CheckFailed, match=r"likely    There is a square\."):
        check(square, THETA, gives=THETA**2, known=KNOWN._replace(refused="There is a square."))
