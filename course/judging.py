"""What is wrong with the outcome of a call: kind, form, numbers, mean, spread, arguments."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from course.diagnosis import Difference, close, compare, compare_shapes, name_number
from course.messages import NUMBERS_SHOWN, count, in_words, show

CHANGED = "the value is right, but the caller's tensor is not what it was"
IN_PLACE = (
    "It changed its argument: work on a copy, write x = x + dx, not x += dx, and keep away from "
    "methods that end in _, such as add_."
)
WORST_SHOWN = 4  # of the tasks that were played
STANDARD_ERRORS = 5.0  # an honest sample strays farther once in 1.7 million times
LARGER = 1.5  # than sd/√n, at most, is a standard error of the mean
TAILS = 10.0  # than sd²/√n, at most, is that of the variance: a kurtosis of 101
ORDINALS = ("first", "second", "third")
Named = Mapping[str, object]


class Outcome(NamedTuple):
    """What a call did: the value or the exception, and its arguments afterwards."""

    value: object
    error: Exception | None
    args: tuple


class Played(Protocol):
    """A task that a function is let loose on: what it is given, and how much it gained."""

    theta0: Tensor
    eps: Tensor

    @property
    def given(self) -> tuple: ...

    def share(self, theta: Tensor) -> float: ...


class Problem(NamedTuple):
    """What is wrong with an outcome, for a student who made no known mistake.

    `rows`, if there are any, say what came back and what was expected. `closer`, if there is one,
    takes a closer look than `headline` and `hint`; it costs some milliseconds.
    """

    headline: str
    hint: str = ""
    rows: Sequence[tuple[str, str]] = ()
    closer: Callable[[], Difference] | None = None


def value_problem(
    outcome: Outcome, args: tuple, named: Named, gives: object, within: float
) -> Problem | None:
    """What is wrong with an outcome that is to give `gives` and to leave `args` alone."""
    if problem := _returned(outcome) or _wrong_value(outcome.value, named, gives, within):
        return problem
    return _changed(outcome, args)


def mean_problem(
    outcome: Outcome, args: tuple, named: Named, mean: Tensor, sd: Tensor | None
) -> Problem | None:
    """What is wrong with an outcome whose rows are to have this mean and standard deviation."""
    if problem := _returned(outcome) or _not_rows(outcome.value, mean, named):
        return problem
    rows = tensor(outcome.value).double()
    if sd is not None and bool((sd > 0).all()) and not bool(rows.std(0).any()):
        hint = f"All {len(rows)} rows are the same. Are they averages already?"
        return Problem("less noisy than it can be", hint)
    if problem := _biased(rows, mean, named):
        return problem
    if sd is not None and (problem := _spread(rows, sd, named) or _biased(rows, mean, named, sd)):
        return problem
    return _changed(outcome, args)


def share_problem(outcome: Outcome, tasks: Sequence[Played], at_least: float) -> Problem | None:
    """What is wrong with an outcome that is a point for each task, by what they gain on average."""
    if problem := _returned(outcome):
        return problem
    points = outcome.value
    assert isinstance(points, list)
    for i, (point, task) in enumerate(zip(points, tasks, strict=True), start=1):
        if problem := _no_point(point, task.theta0):
            return _within(problem, f"task {i} of {len(tasks)}: ")
    shares = [task.share(point) for point, task in zip(points, tasks, strict=True)]
    if sum(shares) < at_least * len(shares):
        return _too_little(shares, points, tasks, at_least)
    played = [(task.theta0, task.eps) for task in outcome.args[0]]
    if not same(played, [(task.theta0, task.eps) for task in tasks], 0.0):
        return Problem(CHANGED, IN_PLACE)
    return None


def _no_point(point: object, start: Tensor) -> Problem | None:
    if problem := _returned(Outcome(point, None, ())):
        return problem
    expected = f"a point of shape {tuple(start.shape)}"
    if not isinstance(point, Tensor):
        return Problem(
            f"returned {in_words(point)}; {expected} is expected",
            _to_tensor(point, start, {"theta0": start}),
        )
    if point.shape != start.shape:
        hint = "Return where you would send the machine: one point, like theta0."
        return Problem(f"wrong shape: {tuple(point.shape)}; {expected} is expected", hint)
    return _form(point, start, {}, True, 0.0) or _not_finite(tensor(point), start)


def _too_little(
    shares: Sequence[float], points: Sequence[Tensor], tasks: Sequence[Played], at_least: float
) -> Problem:
    mean, n = sum(shares) / len(shares), len(shares)
    worst = sorted(range(n), key=shares.__getitem__)[:WORST_SHOWN]
    listed = ", ".join(f"{tasks[i]} {shares[i]:.2f}" for i in worst)
    digits = 2 if f"{mean:.2f}" != f"{at_least:.2f}" else 4
    rows = [
        (
            "gained",
            f"{mean:.{digits}f} of what there is, on average over {n} tasks; least of all: "
            f"{listed}",
        ),
        ("expected", f"at least {at_least:g}; 0 is the start, 1 the best there is"),
    ]
    hint = "Print what one task gives you, step by step, and see whether the values rise at all."
    if mean > 0 and max(shares) >= at_least:
        hint = (
            "Part of it is there. Play the tasks named above alone, and see where you end in them: "
            "short of the top, beyond an edge, or on a lower hill?"
        )
    elif mean < 0:
        hint = "That is worse than the start. Do you go uphill, and do you stop before the fall?"
    elif all(same(p, task.theta0, 1e-3) for p, task in zip(points, tasks, strict=True)):
        hint = "It ends where it starts. Do its tries ever see another value?"
    return Problem("it gains too little", hint, rows)


# --- kind and form ------------------------------------------------------------------------


def _returned(outcome: Outcome) -> Problem | None:
    """No value at all, or one of complex numbers."""
    if outcome.error is not None:
        return Problem(f"raised {type(outcome.error).__name__}")
    value = outcome.value
    if value is None:
        hint = (
            "Did you forget the return statement? What is printed is not returned. (.grad of what "
            "was computed is None, too.)"
        )
        return Problem("returned nothing", hint)
    if isinstance(value, complex) or (isinstance(value, Tensor) and value.is_complex()):
        hint = "In Python (-1) ** 0.5 is complex: look for a root of a negative number."
        return Problem("returned complex numbers", hint)
    return None


def _wrong_value(value: object, named: Named, gives: object, within: float) -> Problem | None:
    if isinstance(gives, tuple | list) and any(isinstance(part, Tensor) for part in gives):
        return _wrong_part(value, named, gives, within)
    if isinstance(gives, Tensor) and not isinstance(value, Tensor):
        expected = f"a tensor of shape {tuple(gives.shape)}"
        hint = _to_tensor(value, gives, named)
        return Problem(f"returned {in_words(value)}; {expected} is expected", hint)
    try:
        got = tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return Problem(f"returned {in_words(value)} that does not hold numbers of one shape")
    wanted = tensor(gives)
    if problem := _form(got, wanted, named, isinstance(gives, Tensor), within):
        return problem
    if problem := _not_finite(got, wanted):
        return problem
    return None if close(got, wanted, within) else _difference(got, wanted, named, within)


def _wrong_part(value: object, named: Named, gives: Sequence, within: float) -> Problem | None:
    """What is wrong with the first part that is, of several results."""
    if not isinstance(value, tuple | list) or len(value) != len(gives):
        came = f"{len(value)} results" if isinstance(value, tuple | list) else in_words(value)
        hint = "A comma makes several results of one: return first, second."
        return Problem(f"returned {came}; {len(gives)} results are expected, in a tuple", hint)
    for i, (part, wanted) in enumerate(zip(value, gives, strict=True), start=1):
        problem = _wrong_value(part, named, wanted, within)
        if problem is not None:
            return _within(problem, f"result {i} of {len(gives)}: ")
    return None


def _within(problem: Problem, where: str) -> Problem:
    """The same problem, of one of several results."""

    def closer() -> Difference:
        assert problem.closer is not None
        headline, hint = problem.closer()
        return Difference(where + headline, hint)

    return problem._replace(
        headline=where + problem.headline, closer=closer if problem.closer else None
    )


def _to_tensor(value: object, wanted: Tensor, named: Named) -> str:
    """How a value that should be a tensor becomes one."""
    if isinstance(value, tuple):
        fits = [isinstance(x, Tensor) and x.shape == wanted.shape for x in value]
        which = ORDINALS[fits.index(True)] if True in fits[: len(ORDINALS)] else "right"
        return f"A comma after return makes several results. Return the {which} one alone."
    if isinstance(value, np.generic):
        return (
            f"numpy gave a number. Make a tensor of it: torch.tensor(x, {_dtype(named, wanted)})."
        )
    if isinstance(value, int | float):
        like = _like(named, wanted, wanted.shape)
        start = (
            f"torch.zeros_like({like})" if like else f"torch.zeros(..., {_dtype(named, wanted)})"
        )
        if not math.isfinite(value):
            return f"Make a tensor of it: torch.tensor(x, {_dtype(named, wanted)})."
        return (
            f"Leave out item() and float(). A sum in a loop starts with {start}, not with 0: where "
            "there is nothing to add, the start is what comes back."
        )
    if isinstance(value, np.ndarray):
        return (
            "torch.tan, torch.where and their like do without numpy; or end with "
            "torch.from_numpy(result)."
        )
    return "torch.stack makes one of a list of tensors, torch.tensor of a list of numbers."


def _like(named: Named, wanted: Tensor, shape: torch.Size | None = None) -> str:
    """The name of an argument of the wanted dtype, and of this shape; "" if there is none."""
    fits = (
        name
        for name, x in named.items()
        if isinstance(x, Tensor) and x.dtype == wanted.dtype and shape in (None, x.shape)
    )
    return next(fits, "")


def _dtype(named: Named, wanted: Tensor) -> str:
    """How a new tensor is told its dtype."""
    return f"dtype={like}.dtype" if (like := _like(named, wanted)) else f"dtype={wanted.dtype}"


def _form(
    got: Tensor, wanted: Tensor, named: Named, is_tensor: bool, within: float
) -> Problem | None:
    """A wrong shape or dtype; of numbers that are no tensor, only how many there are matters."""
    if not is_tensor:
        if got.shape == wanted.shape:
            return None
        return Problem(f"returned {count(got)}; {count(wanted)} are expected")
    if got.shape != wanted.shape:
        headline = f"wrong shape: {tuple(got.shape)}; {tuple(wanted.shape)} is expected"
        return Problem(
            headline, closer=lambda: compare_shapes(got.double(), wanted.double(), named, within)
        )
    if got.dtype != wanted.dtype:
        like = _like(named, wanted)
        hint = (
            f"A new tensor is told its dtype: torch.zeros(..., {_dtype(named, wanted)}). Leave out "
            f".float() and .double(), or end with out.to({like or 'x'}.dtype)."
        )
        kinds = [str(x.dtype).removeprefix("torch.") for x in (got, wanted)]
        shown = [f"{show(x)}, {kind}" for x, kind in zip((got, wanted), kinds, strict=True)]
        rows = list(zip(("returned", "expected"), shown, strict=True))
        return Problem(
            f"wrong dtype: {kinds[0]}; {kinds[1]} is expected{', as in the input' * bool(like)}",
            hint,
            rows,
        )
    return None


def _not_finite(got: Tensor, wanted: Tensor) -> Problem | None:
    if got.isnan().any() and not wanted.isnan().any():
        return Problem(
            "not a number (nan) came back", "Look for 0 divided by 0, or a root of less than 0."
        )
    if got.isinf().any() and not wanted.isinf().any():
        hint = "Look for a division by 0, a logarithm of 0, or an exp of something large."
        return Problem("an infinite value (inf) came back", hint)
    if (wanted.isinf() & got.isfinite()).any():
        hint = "A formula gives numbers there too: ask first whether this is such a case."
        return Problem("a finite value came back where infinity is expected", hint)
    return None


def _changed(outcome: Outcome, args: tuple) -> Problem | None:
    if same(outcome.args, args, 0.0):
        return _marked(outcome.args, args)
    return Problem(CHANGED, IN_PLACE)


def _marked(after: tuple, before: tuple) -> Problem | None:
    """Whether an argument was made to collect slopes: another call would add to them."""
    for now, then in zip(after, before, strict=True):
        if isinstance(now, Tensor) and isinstance(then, Tensor):
            left = now.is_leaf and now.grad is not None
            if (now.requires_grad or left) and not then.requires_grad:
                hint = (
                    "It called requires_grad_() on its argument, where slopes add up from call to "
                    "call: make a copy first, x.detach().clone().requires_grad_()."
                )
                return Problem(CHANGED, hint)
    return None


# --- numbers --------------------------------------------------------------------------------


def _difference(got: Tensor, wanted: Tensor, named: Named, within: float) -> Problem:
    """What is wrong with the numbers; of many, only where they first differ is shown."""
    got, wanted = got.double(), wanted.double()
    headline = "not the expected value"
    wrong = ((got - wanted).abs() <= within).logical_not().nonzero()
    many = f"{len(wrong)} of {got.numel()} values differ"
    first = tuple(wrong[0].tolist())
    yours, expected = (show(float(x[first])) for x in (got, wanted))
    rows, counted = [], ""
    if got.numel() > NUMBERS_SHOWN:
        at = f"at {_place(first, got, named)}: yours {yours}, expected {expected}"
        rows = [("differs", f"{at}, within {within:g}; {many}")]
    elif got.numel() > 1:
        where = first[0] if len(first) == 1 else first
        counted = f"{many}. The first, at index {where}, is {yours}; {expected} is expected."

    def closer() -> Difference:
        found = compare(got, wanted, named, within)
        return found if found.hint else found._replace(hint=counted)

    return Problem(headline, counted, rows, closer)


def _place(index: tuple[int, ...], got: Tensor, named: Named) -> str:
    """The input that belongs to an entry of the output, if there is one; else the index."""
    for name, arg in named.items():
        if isinstance(arg, Tensor) and arg.shape == got.shape:
            return f"{name} = {show(float(arg[index]))}"
    return f"index {index[0] if len(index) == 1 else index}"


# --- samples --------------------------------------------------------------------------------


def _not_rows(value: object, mean: Tensor, named: Named) -> Problem | None:
    """Whether this is no tensor of at least two rows, each of the shape of the mean."""
    if not isinstance(value, Tensor):
        each = ", ".join(["n", *map(str, mean.shape)])
        expected = f"a tensor of shape ({each})"
        hint = _to_tensor(value, mean, named)
        return Problem(f"returned {in_words(value)}; {expected} is expected", hint)
    if value.ndim == 0 or value.shape[1:] != mean.shape or len(value) < 2:
        each = ", ".join(["n", *map(str, mean.shape)])
        hint = "Each sample has a row of its own; the check takes their mean."
        return Problem(f"wrong shape: {tuple(value.shape)}; ({each}) is expected", hint)
    return _not_finite(tensor(value), mean)


def _biased(rows: Tensor, mean: Tensor, named: Named, sd: Tensor | None = None) -> Problem | None:
    """Whether the sample's mean strays too far from the truth, counted in its standard errors.

    Where sd is known, a row that is far out cannot make that error much larger than sd/√n.
    """
    found, error = rows.mean(0), standard_error(rows)
    if sd is not None:
        error = torch.minimum(error, LARGER * sd / math.sqrt(len(rows)))
    off = (found - mean).abs()
    if bool((off <= STANDARD_ERRORS * error + 1e-9 * mean.abs()).all()):
        return None
    strays = torch.where(off > 0, off / error, 0.0)
    worst = int(strays.argmax())
    by, side = float(strays.flatten()[worst]), (found - mean).flatten()[worst] > 0
    at = "" if mean.ndim == 0 else f" at index {worst if mean.ndim == 1 else _index(worst, mean)}"
    size = "far" if math.isinf(by) else f"{by:.1f} standard errors"
    far = f"{size} too {'large' if side else 'small'}{at}"
    shown = [
        ("returned", f"{len(rows)} rows: mean {show(found)}, standard error {show(error)}"),
        ("expected", f"mean {show(mean)}, within {STANDARD_ERRORS:g} standard errors"),
    ]

    def closer() -> Difference:
        return Difference(f"biased: the mean is {far}", _trace(found, mean, error, named))

    return Problem("biased", "", shown, closer)


def _trace(found: Tensor, mean: Tensor, error: Tensor, named: Named) -> str:
    """The sign or the factor by which a mean is off, if it is one that can be told."""
    within = STANDARD_ERRORS * float(error.max())
    size = float(mean.abs().max())
    if close(found, -mean, within) and size > within:
        return "The sign is wrong."
    factor = float((found * mean).sum() / (mean * mean).sum()) if size else 0.0
    if size * abs(factor) <= within or not close(found, factor * mean, within):
        return "More samples would not help: the mean goes to the wrong value."
    names = name_number(factor, named, within / size, rough=True)
    named_ = f"{' or '.join(names)} ({factor:.3g})" if names else f"{factor:.3g}"
    return f"The mean is about {named_} times the expected one."


def _spread(rows: Tensor, sd: Tensor, named: Named) -> Problem | None:
    """Whether the sample's variance strays too far from sd², counted in its standard errors."""
    variance = rows.var(0)
    fourth = ((rows - rows.mean(0)) ** 4).mean(0)
    error = ((fourth - variance**2).clamp(min=0) / len(rows)).sqrt()
    error = torch.minimum(error, TAILS * sd**2 / math.sqrt(len(rows)))
    off = (variance - sd**2).abs()
    if bool((off <= STANDARD_ERRORS * error + 1e-6 * sd**2 + 1e-12).all()):
        return None
    spread = variance.sqrt()
    worst = int((off / (error + 1e-300)).argmax())
    mine, theirs = (float(x.expand_as(spread).flatten()[worst]) for x in (spread, sd))
    ratio = mine / theirs if theirs else math.inf
    kind = "too noisy" if ratio > 1 else "less noisy than it can be"
    tolerance = STANDARD_ERRORS * float(error.flatten()[worst]) / (2 * mine * theirs or 1)
    shown = [
        ("returned", f"{len(rows)} rows: standard deviation {show(spread)}"),
        ("expected", f"standard deviation {show(sd)}, and the mean is right"),
    ]

    def closer() -> Difference:
        names = name_number(ratio, named, tolerance, rough=True)
        times = f"{' or '.join(names)} ({ratio:.3g})" if names else f"{ratio:.3g}"
        hint = "" if ratio > 1 else "Are the rows averages already, or do they share their noise?"
        return Difference(f"{kind}: {times} times the expected standard deviation", hint)

    return Problem(kind, "", shown, closer)


def standard_error(rows: Tensor) -> Tensor:
    """Of the mean of the rows, from the rows."""
    return rows.std(0) / math.sqrt(len(rows))


def _index(flat: int, x: Tensor) -> tuple[int, ...]:
    return tuple(int(i) for i in torch.unravel_index(torch.tensor(flat), x.shape))


# --- comparison ------------------------------------------------------------------------------


def same(one: object, other: object, within: float) -> bool:
    """Equal, numbers and tensors up to `within` (relative for large ones)."""
    if isinstance(one, tuple | list) and isinstance(other, tuple | list) and len(one) == len(other):
        return all(same(a, b, within) for a, b in zip(one, other, strict=True))
    try:
        one, other = tensor(one), tensor(other)
    except (TypeError, ValueError, RuntimeError):
        return type(one) is type(other)
    if one.is_complex() or other.is_complex():
        return one.dtype == other.dtype and torch.equal(one, other)
    return one.shape == other.shape and close(one, other, within, rtol=within)


def tensor(x: object) -> Tensor:
    """Numbers, arrays, tensors, and nestings of them, as one tensor on the CPU."""
    if isinstance(x, tuple | list):
        return torch.stack([tensor(item).double() for item in x])
    if isinstance(x, Tensor):
        return x.detach().cpu()
    if isinstance(x, complex) or not isinstance(x, int | float | np.ndarray | np.number):
        raise TypeError(f"not a number: {type(x).__name__}")
    return torch.as_tensor(x, dtype=None if isinstance(x, np.ndarray) else torch.float64)
