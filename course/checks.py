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
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple, NoReturn

import numpy as np
import torch
from torch import Tensor

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


def check(f: Callable, *args: object, gives: object, within: float = 1e-6, known: Known) -> None:
    """Require f(*args) to equal `gives` up to `within`, and to leave its arguments alone.

    A tensor must come back as a tensor of the same shape and dtype; a tuple of numbers as
    anything that holds them: tuple, list, array or tensor.
    """

    def right(outcome: Outcome) -> bool:
        return _problem(outcome, args, gives, within) is None

    outcome = _call(f, args)
    if not right(outcome):
        expected = f"{_show(gives)}, within {within:g}"
        headline, hint = _problem(outcome, args, gives, within) or ("", "")
        _fail(f, args, outcome, headline, expected, hint, _named(outcome, args, right, known))
    print(f"{_shown_call(f, args)} is right")


def check_raises(f: Callable, *args: object, error: type[Exception], known: Known) -> None:
    """Require f(*args) to raise `error`."""

    def right(outcome: Outcome) -> bool:
        return isinstance(outcome.error, error)

    outcome = _call(f, args)
    if not right(outcome):
        headline = "raised another error" if outcome.error else "this input has no answer"
        hint = f"Raise {error.__name__} yourself when you meet such an input."
        expected = f"{error.__name__} is raised"
        _fail(f, args, outcome, headline, expected, hint, _named(outcome, args, right, known))
    print(f"{_shown_call(f, args)} raises {error.__name__}, which is right")


@contextmanager
def hidden(name: str, hint: str) -> Iterator[None]:
    """Show of a failure inside only the name of the test and the hint, and print nothing."""
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except Exception as error:
        if isinstance(error.__cause__, NotImplementedError):
            raise
        raise CheckFailed(f"Hidden test: {name}\n{_row('hint', hint)}") from None


def _call(f: Callable, args: tuple) -> Outcome:
    """Call f on copies of `args`. nbgrader takes all points for stderr, so none is written."""
    given = copy.deepcopy(args)
    with warnings.catch_warnings(), redirect_stderr(sys.stdout):
        warnings.simplefilter("default")
        try:
            return Outcome(f(*given), None, given)
        except Exception as error:
            return Outcome(None, error, given)


def _problem(outcome: Outcome, args: tuple, gives: object, within: float) -> tuple[str, str] | None:
    """What is wrong with an outcome, as a headline and a hint; None if it is right."""
    if outcome.error is not None:
        domain = "A number under a root is negative, or one in an arccos is larger than 1."
        hint = domain if repr(outcome.error) == repr(DOMAIN_ERROR) else ""
        return f"raised {type(outcome.error).__name__}", hint
    value, wanted = outcome.value, _tensor(gives)
    if value is None:
        return "returned nothing", "Did you forget the return statement?"
    if isinstance(gives, Tensor) and not isinstance(value, Tensor):
        remedy = (
            "torch.stack makes one of a list of tensors, torch.tensor(..., dtype=...) of numbers."
        )
        return f"returned a {type(value).__name__}; a tensor is expected", remedy
    try:
        got = _tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return f"returned a {type(value).__name__} that does not hold numbers of one shape", ""
    if got.shape != wanted.shape:
        if isinstance(gives, Tensor):
            return f"shape {tuple(got.shape)}; {tuple(wanted.shape)} is expected", ""
        return f"returned {_count(got)}; {_count(wanted)} are expected", ""
    if isinstance(gives, Tensor) and got.dtype != gives.dtype:
        remedy = "Give a new tensor the dtype of the argument, as in torch.zeros(3, dtype=x.dtype)."
        return f"dtype {_dtype(got)}; {_dtype(gives)} is expected, as in the input", remedy
    if got.isnan().any() and not wanted.isnan().any():
        return "not a number (nan) came back", "Look for 0/0, or a root or arccos out of range."
    if not _close(got, wanted, within):
        return "not the expected value", _pattern(got, wanted, within)
    if not _same(outcome.args, args, 0.0):
        remedy = "It changed its argument: work on a copy, and write x = x + dx, not x += dx."
        return "the value is right, but the caller's tensor is not what it was", remedy
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


def _named(
    outcome: Outcome, args: tuple, right: Callable[[Outcome], bool], known: Known
) -> tuple[str, str]:
    """The docstrings of the known mistakes that do here what the student's function did."""
    wrong = ((mistake, _call(mistake, args)) for mistake in known.mistakes)
    names = [m.__doc__ or "" for m, did in wrong if not right(did) and _alike(outcome, did)]
    return " Or: ".join(names), known.reread


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


def _fail(
    f: Callable,
    args: tuple,
    outcome: Outcome,
    headline: str,
    expected: str,
    hint: str,
    named: tuple[str, str],
) -> NoReturn:
    name = _name(f)
    if isinstance(outcome.error, NotImplementedError):
        raise CheckFailed(f"{name}: not started") from outcome.error
    mistake, reread = named
    rows = [f"{name}: {headline}", _row("tried", _shown_call(f, args))]
    if outcome.error is None:
        rows.append(_row("returned", _show(outcome.value)))
    else:
        rows.append(_row("raised", _raised(outcome.error)))
    rows.append(_row("expected", expected))
    if mistake or hint:
        rows.append(_row("likely" if mistake else "hint", mistake or hint))
    rows.append(_row("reread", reread))
    raise CheckFailed("\n".join(rows)) from outcome.error


def _name(f: Callable) -> str:
    return getattr(f, "__name__", "your function")


def _shown_call(f: Callable, args: tuple) -> str:
    return f"{_name(f)}({', '.join(_show(arg) for arg in args)})"


def _raised(error: Exception) -> str:
    """The exception, and the last line of the student's own code that it came through."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    where = f", in your line: {own[-1].line}" if own and own[-1].line else ""
    return f"{type(error).__name__}: {error}{where}"


def _row(label: str, text: str) -> str:
    indent = " " * 12
    text = " ".join(text.split())
    return textwrap.fill(text, 92, initial_indent=f"  {label:<10}", subsequent_indent=indent)


def _show(x: object) -> str:
    """A value as the student could type it, to six digits; long ones are cut."""
    if isinstance(x, Tensor):
        numbers = _show(x.tolist()) if x.numel() <= 24 else f"... of shape {tuple(x.shape)}"
        return f"tensor({numbers})"
    if isinstance(x, tuple | list):
        inside = ", ".join(_show(item) for item in x)
        return f"({inside})" if isinstance(x, tuple) else f"[{inside}]"
    if isinstance(x, float | np.floating):
        return f"{x:.6g}"
    text = getattr(x, "__name__", None) or repr(x)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _count(x: Tensor) -> str:
    if x.ndim == 0:
        return "one number"
    return f"{len(x)} numbers" if x.ndim == 1 else f"numbers of shape {tuple(x.shape)}"


def _dtype(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
