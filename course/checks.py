"""What test cells call: run the student's function, compare, and explain a difference.

    check(f, *args, gives=..., within=..., known=...)   f(*args) must give this
    check_raises(f, *args, error=..., known=...)        f(*args) must raise this
    hidden(name, hint=...)                              inside it, a failure shows only these

`f` is all that is read of the student: tensors, numbers and callables go in, a value or an
exception comes out. A failure raises CheckFailed, whose text says what was tried, what came back,
what was expected, the likely mistake and what to reread. The likely mistake is found by running
known mistakes on the same input: one that does the same as `f` is named (`course.mistakes`).

    started(f, ...)                                     stop in one line if f is still a stub
    secret()                                            a generator for the inputs of a hidden test
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

from course.messages import (
    NUMBERS_SHOWN,
    count,
    in_words,
    name_of,
    remedy,
    row,
    show,
    show_call,
    show_error,
)
from course.stubs import excuse, unfinished

# What math raises at every root of a negative number: shared by too many mistakes to name one.
DOMAIN_ERROR = ValueError("math domain error")
_next_seed: Callable[[], int] = lambda: 1  # noqa: E731  (what `secret` seeds its generator with)
CHANGED = "the value is right, but the caller's tensor is not what it was"


class Known(NamedTuple):
    """What is known about the answers to one function of an exercise.

    `mistakes` are wrong implementations with the signature of the function; their docstrings are
    what a student who made the same mistake reads. `reread` names a section of a lecture.
    `refused` is for a ValueError where there is an answer.
    """

    reread: str
    mistakes: Sequence[Callable]
    refused: str = ""


class CheckFailed(Exception):
    """A check did not pass. Jupyter and nbgrader show its text, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        headline, *rest = str(self).split("\n")
        return [f"\x1b[1;31m{headline}\x1b[0m", *rest]


class NotStarted(CheckFailed):
    """The function, or one that it calls, is still a stub."""


class Outcome(NamedTuple):
    """What a call did: the value or the exception, and its arguments afterwards."""

    value: object
    error: Exception | None
    args: tuple


class Problem(NamedTuple):
    """What is wrong with an outcome, for a student who made no known mistake.

    `rows`, if there are any, say what came back and what was expected.
    """

    headline: str
    hint: str = ""
    rows: Sequence[tuple[str, str]] = ()


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
    """Show of a failed check inside only the name of the test and the hint, and print nothing.

    Whatever else is raised is a mistake of the test's own, and is not passed off as the student's.
    """
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except NotStarted:
        raise
    except CheckFailed:
        raise CheckFailed(f"Hidden test: {name}\n{row('hint', hint)}") from None


def started(*functions: Callable) -> None:
    """Raise NotStarted if one of these is still a stub; for cells that build on them."""
    for f in functions:
        if said := unfinished(f):
            raise NotStarted(said)


def secret() -> torch.Generator:
    """A generator for the inputs of a hidden test: other ones in every run of `course grade`.

    So an answer that knows the inputs by heart fails. Without the grader, in `course check` and
    plain nbgrader, its seed is fixed.
    """
    return torch.Generator().manual_seed(_next_seed())


@contextmanager
def secrets_from(seeds: Iterator[int]) -> Iterator[None]:
    """Seed what `secret` gives by these numbers, in order."""
    global _next_seed
    before, _next_seed = _next_seed, lambda: next(seeds)
    try:
        yield
    finally:
        _next_seed = before


def _require(f: Callable, args: tuple, judge: Judge, expected: str, known: Known) -> None:
    """Call f, and raise CheckFailed with the whole story if the judge finds a problem."""
    outcome = _call(f, args)
    problem = judge(outcome)
    if problem is None:
        return
    if said := excuse(f, outcome.error):
        raise NotStarted(said) from outcome.error
    got = (
        ("raised", show_error(outcome.error))
        if outcome.error
        else ("returned", show(outcome.value))
    )
    rows = [("tried", show_call(f, args)), *(problem.rows or [got, ("expected", expected)])]
    rows += [_advice(outcome, args, judge, known), ("reread", known.reread)]
    text = "\n".join(row(label, text) for label, text in rows if text)
    raise CheckFailed(f"{name_of(f)}: {problem.headline}\n{text}") from outcome.error


def _advice(outcome: Outcome, args: tuple, judge: Judge, known: Known) -> tuple[str, str]:
    """The likely mistake or, where none is known, a hint."""
    problem, error = judge(outcome), outcome.error
    if likely := _named(outcome, args, judge, known):
        return "likely", likely
    if isinstance(error, ValueError) and known.refused:
        return "likely", known.refused
    if error is not None and (usual := remedy(error)):
        return "likely", usual
    return "hint", problem.hint if problem else ""


def _call(f: Callable, args: tuple) -> Outcome:
    """Call f on copies of `args`. nbgrader takes all points for stderr, so none is written."""
    given = copy.deepcopy(args)
    with warnings.catch_warnings(), redirect_stderr(sys.stdout):
        warnings.simplefilter("default")
        try:
            return Outcome(f(*given), None, given)
        except Exception as error:  # whatever a student's function raises is an outcome
            return Outcome(None, error, given)


def _problem(outcome: Outcome, args: tuple, gives: object, within: float) -> Problem | None:
    """What is wrong with the outcome of f(*args), if it is to give `gives`."""
    if outcome.error is not None:
        return Problem(f"raised {type(outcome.error).__name__}")
    value, kind = outcome.value, in_words(outcome.value)
    if value is None:
        return Problem("returned nothing", "Did you forget the return statement?")
    if isinstance(gives, Tensor) and not isinstance(value, Tensor):
        return Problem(f"returned {kind}; a tensor is expected", _to_tensor(value))
    try:
        got = _tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return Problem(f"returned {kind} that does not hold numbers of one shape")
    form = _form_problem(got, gives)
    if form is not None:
        return form
    wanted = _tensor(gives)
    if got.isnan().any() and not wanted.isnan().any():
        return Problem("not a number (nan) came back", "Look for 0/0, or a root of less than 0.")
    if not _close(got, wanted, within):
        return _difference(got, wanted, args, within)
    if not _same(outcome.args, args, 0.0):
        hint = "It changed its argument: work on a copy, write x = x + dx, not x += dx, and keep "
        hint += "away from methods that end in _, such as add_."
        return Problem(CHANGED, hint)
    return None


def _to_tensor(value: object) -> str:
    """How a value that should be a tensor becomes one."""
    if isinstance(value, np.ndarray):
        return (
            "torch.tan, torch.where and their like do without numpy; or end with "
            "torch.from_numpy(result)."
        )
    return "torch.stack makes one of a list of tensors, torch.tensor of a list of numbers."


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
        hint = "Give a new tensor the dtype of the argument: torch.tensor(out, dtype=theta.dtype)."
        kinds = [str(x.dtype).removeprefix("torch.") for x in (got, wanted)]
        shown = [f"{show(x)}, {kind}" for x, kind in zip((got, wanted), kinds, strict=True)]
        rows = list(zip(("returned", "expected"), shown, strict=True))
        return Problem(f"dtype {kinds[0]}; {kinds[1]} is expected, as in the input", hint, rows)
    return None


def _difference(got: Tensor, wanted: Tensor, args: tuple, within: float) -> Problem:
    """What is wrong with the numbers; of many, only where they first differ is shown."""
    got, wanted = got.double(), wanted.double()
    headline, pattern = "not the expected value", _pattern(got, wanted, within)
    if got.numel() == 1:
        return Problem(headline, pattern)
    wrong = ((got - wanted).abs() <= within).logical_not().nonzero()
    first = tuple(wrong[0].tolist())
    yours, expected = (show(float(x[first])) for x in (got, wanted))
    many = f"{len(wrong)} of {got.numel()} values differ"
    if got.numel() > NUMBERS_SHOWN:
        at = f"at {_place(first, got, args)}: yours {yours}, expected {expected}"
        return Problem(headline, pattern, [("differs", f"{at}, within {within:g}; {many}")])
    where = first[0] if len(first) == 1 else first
    first_one = f"{many}. The first, at index {where}, is {yours}; {expected} is expected."
    return Problem(headline, pattern or first_one)


def _place(index: tuple[int, ...], got: Tensor, args: tuple) -> str:
    """The input that belongs to an entry of the output, if there is one; else the index."""
    for arg in args:
        if isinstance(arg, Tensor) and arg.shape == got.shape:
            return f"θ = {show(float(arg[index]))}"
    return f"index {index[0] if len(index) == 1 else index}"


def _pattern(got: Tensor, wanted: Tensor, within: float) -> str:
    """A sentence on how all values differ."""
    if _close(got, -wanted, within):
        return "Every value has the wrong sign."
    ratio = (got / wanted)[wanted.abs() > within]
    if ratio.numel() > 1 and _close(ratio, ratio[:1].expand_as(ratio), 1e-4):
        return f"Every value is {float(ratio[0]):.4g} times the expected one."
    return ""


def _named(outcome: Outcome, args: tuple, judge: Judge, known: Known) -> str:
    """The docstrings of the known mistakes that do here what the student's function did.

    More than two name none: a list of everything would send the student the wrong way.
    """
    tried = ((mistake.__doc__ or "", _call(mistake, args)) for mistake in known.mistakes)
    found = list(dict.fromkeys(doc for doc, did in tried if _alike(outcome, did, judge)))
    if len(found) == 2:
        return f"one of: (a) {found[0]} (b) {found[1]}"
    return found[0] if len(found) == 1 else ""


def _alike(one: Outcome, other: Outcome, judge: Judge) -> bool:
    """Whether two outcomes are wrong in the same way.

    Where the value is wrong, what became of the arguments does not count: who worked on a copy
    has made the same mistake.
    """
    mine, theirs = judge(one), judge(other)
    if mine is None or theirs is None or mine.headline != theirs.headline:
        return False
    if one.error or other.error:
        return repr(one.error) == repr(other.error) != repr(DOMAIN_ERROR)
    args_count = mine.headline == CHANGED
    return _same(one.value, other.value, 1e-4) and (
        not args_count or _same(one.args, other.args, 1e-4)
    )


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
        raise TypeError(f"not a number: {type(x).__name__}")
    return torch.as_tensor(x, dtype=None if isinstance(x, np.ndarray) else torch.float64)
