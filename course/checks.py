"""What test cells call: run the student's function, compare, and explain a difference.

    check(f, *args, gives=..., within=..., known=...)   f(*args) must give this
    check_raises(f, *args, error=..., known=...)        f(*args) must raise this
    hidden(name, hint=...)                              inside it, a failure shows only these

`f` is all that is read of the student: tensors, numbers and callables go in, a value or an
exception comes out. A failure raises CheckFailed, whose text says what was tried, what came back,
what was expected, the likely mistake and what to reread. The likely mistake is found by running
known mistakes on the same input: one that does the same as `f` is named (`course.mistakes`).
"""

import copy
import io
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course.messages import count, name_of, row, show, show_call, show_error

# What math raises at every root of a negative number: shared by too many mistakes to name one.
DOMAIN_ERROR = ValueError("math domain error")


class Known(NamedTuple):
    """What is known about the answers to one function of an exercise.

    `mistakes` are wrong implementations with the signature of the function; their docstrings are
    what a student who made the same mistake reads. `reread` names a section of a lecture.
    """

    reread: str
    mistakes: Sequence[Callable]


class CheckFailed(Exception):
    """A check did not pass. Jupyter and nbgrader show its text, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        headline, *rest = str(self).split("\n")
        return [f"\x1b[1;31m{headline}\x1b[0m", *rest]


class Outcome(NamedTuple):
    """What a call did: the value or the exception, and its arguments afterwards."""

    value: object
    error: Exception | None
    args: tuple


class Problem(NamedTuple):
    """What is wrong with an outcome, for a student who made no known mistake."""

    headline: str
    hint: str = ""


Judge = Callable[[Outcome], Problem | None]


def check(f: Callable, *args: object, gives: object, within: float = 1e-6, known: Known) -> None:
    """Require f(*args) to equal `gives` up to `within`, and to leave its arguments alone.

    A tensor must come back as a tensor of the same shape and dtype; a tuple of numbers as
    anything that holds them: tuple, list, array or tensor.
    """

    def judge(outcome: Outcome) -> Problem | None:
        return _problem(outcome, args, gives, within)

    _require(f, args, judge, f"{show(gives)}, within {within:g}", known)
    print(f"{show_call(f, args)} is right")


def check_raises(f: Callable, *args: object, error: type[Exception], known: Known) -> None:
    """Require f(*args) to raise `error`."""

    def judge(outcome: Outcome) -> Problem | None:
        if isinstance(outcome.error, error):
            return None
        headline = "raised another error" if outcome.error else "this input has no answer"
        return Problem(headline, f"Raise {error.__name__} yourself when you meet such an input.")

    _require(f, args, judge, f"{error.__name__} is raised", known)
    print(f"{show_call(f, args)} raises {error.__name__}, which is right")


@contextmanager
def hidden(name: str, hint: str) -> Iterator[None]:
    """Show of a failure inside only the name of the test and the hint, and print nothing."""
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except Exception as error:
        if isinstance(error.__cause__, NotImplementedError):
            raise
        raise CheckFailed(f"Hidden test: {name}\n{row('hint', hint)}") from None


def _require(f: Callable, args: tuple, judge: Judge, expected: str, known: Known) -> None:
    """Call f, and raise CheckFailed with the whole story if the judge finds a problem."""
    outcome = _call(f, args)
    problem = judge(outcome)
    if problem is None:
        return
    if isinstance(outcome.error, NotImplementedError):
        raise CheckFailed(f"{name_of(f)}: not started") from outcome.error
    got = (
        ("raised", show_error(outcome.error))
        if outcome.error
        else ("returned", show(outcome.value))
    )
    named = _named(outcome, args, judge, known)
    advice = ("likely", named) if named else ("hint", problem.hint)
    rows = [("tried", show_call(f, args)), got, ("expected", expected), advice]
    rows.append(("reread", known.reread))
    text = "\n".join(row(label, text) for label, text in rows if text)
    raise CheckFailed(f"{name_of(f)}: {problem.headline}\n{text}") from outcome.error


def _call(f: Callable, args: tuple) -> Outcome:
    """Call f on copies of `args`. nbgrader takes all points for stderr, so none is written."""
    given = copy.deepcopy(args)
    with warnings.catch_warnings(), redirect_stderr(sys.stdout):
        warnings.simplefilter("default")
        try:
            return Outcome(f(*given), None, given)
        except Exception as error:
            return Outcome(None, error, given)


def _problem(outcome: Outcome, args: tuple, gives: object, within: float) -> Problem | None:
    """What is wrong with the outcome of f(*args), if it is to give `gives`."""
    if outcome.error is not None:
        domain = "A number under a root is negative, or one in an arccos is larger than 1."
        hint = domain if repr(outcome.error) == repr(DOMAIN_ERROR) else ""
        return Problem(f"raised {type(outcome.error).__name__}", hint)
    value, kind = outcome.value, type(outcome.value).__name__
    if value is None:
        return Problem("returned nothing", "Did you forget the return statement?")
    if isinstance(gives, Tensor) and not isinstance(value, Tensor):
        remedy = "torch.stack makes one of a list of tensors, torch.tensor of a list of numbers."
        return Problem(f"returned a {kind}; a tensor is expected", remedy)
    try:
        got = _tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return Problem(f"returned a {kind} that does not hold numbers of one shape")
    form = _form_problem(got, gives)
    if form is not None:
        return form
    wanted = _tensor(gives)
    if got.isnan().any() and not wanted.isnan().any():
        return Problem("not a number (nan) came back", "Look for 0/0, or a root of less than 0.")
    if not _close(got, wanted, within):
        return Problem("not the expected value", _pattern(got, wanted, within))
    if not _same(outcome.args, args, 0.0):
        remedy = "It changed its argument: work on a copy, and write x = x + dx, not x += dx."
        return Problem("the value is right, but the caller's tensor is not what it was", remedy)
    return None


def _form_problem(got: Tensor, gives: object) -> Problem | None:
    """A wrong shape or dtype; of numbers that are no tensor, only how many there are matters."""
    wanted = _tensor(gives)
    if not isinstance(gives, Tensor):
        if got.shape == wanted.shape:
            return None
        return Problem(f"returned {count(got)}; {count(wanted)} are expected")
    if got.shape != wanted.shape:
        return Problem(f"shape {tuple(got.shape)}; {tuple(wanted.shape)} is expected")
    if got.dtype != wanted.dtype:
        remedy = "Give a new tensor the dtype of the argument, as in torch.zeros(3, dtype=x.dtype)."
        kinds = [str(x.dtype).removeprefix("torch.") for x in (got, wanted)]
        return Problem(f"dtype {kinds[0]}; {kinds[1]} is expected, as in the input", remedy)
    return None


def _pattern(got: Tensor, wanted: Tensor, within: float) -> str:
    """A sentence on how all values, or which values, differ."""
    got, wanted = got.double(), wanted.double()
    if _close(got, -wanted, within):
        return "Every value has the wrong sign."
    ratio = (got / wanted)[wanted.abs() > within]
    if ratio.numel() > 1 and _close(ratio, ratio[:1].expand_as(ratio), 1e-4):
        return f"Every value is {float(ratio[0]):.4g} times the expected one."
    if got.numel() == 1:
        return ""
    wrong = ((got - wanted).abs() <= within).logical_not().nonzero()
    first = tuple(wrong[0].tolist())
    where = first[0] if len(first) == 1 else first
    return (
        f"{len(wrong)} of {got.numel()} values differ. The first, at index {where}, is "
        f"{float(got[first]):.6g}; {float(wanted[first]):.6g} is expected."
    )


def _named(outcome: Outcome, args: tuple, judge: Judge, known: Known) -> str:
    """The docstrings of the known mistakes that do here what the student's function did."""
    tried = ((mistake, _call(mistake, args)) for mistake in known.mistakes)
    return " Or: ".join(m.__doc__ or "" for m, did in tried if judge(did) and _alike(outcome, did))


def _alike(one: Outcome, other: Outcome) -> bool:
    if one.error or other.error:
        return repr(one.error) == repr(other.error) != repr(DOMAIN_ERROR)
    return _same(one.value, other.value, 1e-4) and _same(one.args, other.args, 1e-4)


def _same(one: object, other: object, within: float) -> bool:
    """Equal, numbers and tensors up to `within` (relative for large ones)."""
    if isinstance(one, tuple | list) and isinstance(other, tuple | list) and len(one) == len(other):
        return all(_same(a, b, within) for a, b in zip(one, other, strict=True))
    try:
        one, other = _tensor(one), _tensor(other)
    except (TypeError, ValueError, RuntimeError):
        return type(one) is type(other)
    return one.shape == other.shape and _close(one, other, within, rtol=within)


def _close(got: Tensor, wanted: Tensor, within: float, rtol: float = 0.0) -> bool:
    got, wanted = got.double(), wanted.double()
    return torch.allclose(got, wanted, rtol=rtol, atol=within, equal_nan=True)


def _tensor(x: object) -> Tensor:
    """Numbers, arrays, tensors, and nestings of them, as one tensor on the CPU."""
    if isinstance(x, tuple | list):
        return torch.stack([_tensor(item).double() for item in x])
    if isinstance(x, Tensor):
        return x.detach().cpu()
    if isinstance(x, complex) or not isinstance(x, int | float | np.ndarray | np.number):
        raise TypeError(f"not a number: {x!r}")
    return torch.as_tensor(x, dtype=None if isinstance(x, np.ndarray) else torch.float64)
