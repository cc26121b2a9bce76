"""What test cells call: run the student's function, compare, and explain a difference.

    check(f, *args, gives=..., within=..., known=...)   f(*args) must give this
    check_mean(f, *args, gives=..., sd=..., known=...)  its rows must have this mean and spread
    check_share(f, tasks, at_least=..., known=...)      f must gain this share of what there is
    check_raises(f, *args, error=..., known=...)        f(*args) must raise this
    hidden(name, hint=...)                              inside it, a failure shows only these
    started(f, ...)                                     stop in one line if f is still a stub
    secret()                                            a generator for the inputs of a hidden test

`f` is all that is read of the student: tensors, numbers and callables go in, a value or an
exception comes out. A failure raises CheckFailed, whose text says what was tried, what came back,
what was expected, the likely mistake and what to reread. The likely mistake is found by running
known mistakes on the same input: one that does the same as `f` is named (`course.mistakes`).
Where none does, the difference itself is looked at (`course.diagnosis`).

The first line of a message tells the cases apart: not started; raised SomeError; returned a list, a
tensor is expected; wrong shape, axis, dtype, sign, factor, offset, order, index; biased; too noisy.
"""

import copy
import inspect
import io
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple
from weakref import WeakSet

import torch
from torch import Tensor

from course.judging import (
    CHANGED,
    Outcome,
    Played,
    Problem,
    mean_problem,
    same,
    share_problem,
    standard_error,
    tensor,
    value_problem,
)
from course.messages import name_of, remedy, row, show, show_call, show_error
from course.stubs import excuse, unfinished

# What math raises at every root of a negative number: shared by too many mistakes to name one.
DOMAIN_ERROR = ValueError("math domain error")
UNSTEADY = (
    "Two calls with the same arguments gave two results. Does it draw noise of its own? Use the "
    "noise that it is given."
)
_failed: WeakSet[Callable] = WeakSet()  # functions of a notebook that did not pass a check
_telling = True  # whether a failure is told in full: not inside `hidden`
_next_seed: Callable[[], int] = lambda: 1  # noqa: E731  (what `secret` seeds its generator with)


class Known(NamedTuple):
    """What is known about the answers to one function of an exercise.

    `mistakes` are wrong implementations with the signature of the function, from which the names
    of the arguments are taken; their docstrings are what a student who made the same mistake
    reads. `reread` names a section of a lecture, and the last line of a docstring, "Reread: ...",
    another one for its own mistake. `refused` is for a ValueError where there is an answer.
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


Judge = Callable[[Outcome], Problem | None]
FEW = 4  # tasks by which a known mistake is known


class Trial(NamedTuple):
    """What a function is called with, and how what became of it is judged."""

    args: tuple
    judge: Judge


def check(f: Callable, *args: object, gives: object, within: float = 1e-6, known: Known) -> None:
    """Require f(*args) to equal `gives` up to `within`, and to leave its arguments alone.

    A tensor must come back as a tensor of the same shape and dtype; a tuple of tensors as as many
    results, each judged by itself; a tuple of numbers as anything that holds them: tuple, list,
    array or tensor. A result that still carries autograd's graph is right, and says so.
    """
    named = _named_arguments(f, args, known)

    def judge(outcome: Outcome) -> Problem | None:
        return value_problem(outcome, args, named, gives, within)

    value = _require(f, args, judge, f"{show(gives)}, within {within:g}", known)
    graph = isinstance(value, Tensor) and value.requires_grad
    print(f"{show_call(f, args)} is right" + ", and still requires grad" * graph)


def check_mean(f: Callable, *args: object, gives: object, sd: object = None, known: Known) -> None:
    """Require the rows of f(*args), one for each sample, to have the mean `gives`.

    The mean may stray by 5 of its standard errors, taken from the sample itself. If it strays
    farther the function is "biased", and the message says by how many. With `sd`, the expected
    standard deviation of one row, the sample's variance is held to sd² in the same way, by 5 of
    its own standard errors: above it is "too noisy", with the ratio of the standard deviations.
    Give `sd` wherever it is known: a wrong answer that is noisy enough hides any bias, and one
    row that is far out would excuse all others. With `sd` it excuses nothing.

    Shapes: `gives` and `sd` have that of one row, and the value (n, *row). Rows are taken for
    independent. The noise is an argument, with a fixed seed, so that the verdict does not change.
    """
    named = _named_arguments(f, args, known)
    mean, spread = tensor(gives).double(), None if sd is None else tensor(sd).double()

    def judge(outcome: Outcome) -> Problem | None:
        return mean_problem(outcome, args, named, mean, spread)

    rows = tensor(_require(f, args, judge, f"rows with the mean {show(mean)}", known)).double()
    off = float(((rows.mean(0) - mean).abs() / standard_error(rows).clamp(min=1e-300)).max())
    print(f"{show_call(f, args)} is right: its mean is {off:.1f} standard errors from the truth")


def check_share(f: Callable, tasks: Sequence[Played], *, at_least: float, known: Known) -> None:
    """Let f choose a point for each task, f(*task.given), and require the mean of task.share.

    A share of 1 is all that there is to gain over the start, 0 is the start. One task is luck;
    the mean over many is steady, and `at_least` is to lie many of its standard deviations from
    what right answers reach and from what wrong ones do. Each task counts its tries by itself, on
    a copy, so that a second call finds it fresh.
    """

    def player(f: Callable) -> Callable:
        return lambda tasks: [f(*task.given) for task in tasks]

    def trial(tasks: Sequence[Played], at_least: float) -> Trial:
        return Trial((list(tasks),), lambda outcome: share_problem(outcome, tasks, at_least))

    expected = f"a share of at least {at_least:g}, on average"
    few = trial(tasks[:FEW], math.inf)  # enough to know a mistake by
    points = _require(f, *trial(tasks, at_least), expected, known, player, few)
    assert isinstance(points, list)
    reached = sum(task.share(point) for task, point in zip(tasks, points, strict=True)) / len(tasks)
    print(f"{name_of(f)} is right: it gains {reached:.2f} of what there is, {at_least:g} is needed")


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
    global _telling
    before, _telling = _telling, False
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except NotStarted:
        raise
    except CheckFailed:
        raise CheckFailed(f"Hidden test: {name}\n{row('hint', hint)}") from None
    finally:
        _telling = before


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


def _require(
    f: Callable,
    args: tuple,
    judge: Judge,
    expected: str,
    known: Known,
    player: Callable[[Callable], Callable] = lambda f: f,
    shorter: Trial | None = None,
) -> object:
    """The value of f(*args); CheckFailed with the whole story if the judge finds a problem.

    `player` makes of f, or of a mistake, the function that takes these arguments. `shorter`, if
    there is one, is the trial in which f and the known mistakes are compared.
    """
    outcome = _call(player(f), args)
    problem = judge(outcome)
    if problem is None:
        return outcome.value
    if said := excuse(f, outcome.error):
        raise NotStarted(said) from outcome.error
    if not _telling:
        raise CheckFailed(f"{name_of(f)}: {problem.headline}") from outcome.error
    got = (
        ("raised", show_error(outcome.error))
        if outcome.error
        else ("returned", show(outcome.value))
    )
    if problem.closer:
        headline, hint = problem.closer()
        problem = problem._replace(headline=headline, hint=hint)
    tried = show_call(f, args)
    if shorter:
        again = _call(player(f), shorter.args)
        if repr(again.error) == repr(outcome.error):
            args, judge, outcome = *shorter, again
        else:  # nothing that is seen there can explain it
            known = known._replace(mistakes=())
    likely, reread = _likely(outcome, args, judge, known, player)
    advice = ("likely", likely) if likely else ("hint", problem.hint)
    if not outcome.error and not same(outcome.value, _call(player(f), args).value, 1e-9):
        advice = ("likely", UNSTEADY)
    rows = [("tried", tried), *(problem.rows or [got, ("expected", expected)])]
    rows += [advice, ("note", _blames(f)), ("note", _touches(outcome, args, problem, likely))]
    rows += [("reread", reread)]
    _failed.update({f} if inspect.isfunction(f) else ())
    text = "\n".join(row(label, text) for label, text in rows if text)
    raise CheckFailed(f"{name_of(f)}: {problem.headline}\n{text}") from outcome.error


def _blames(f: Callable) -> str:
    """That f calls a function which did not pass, if it does; a new version is another function."""
    names = getattr(getattr(f, "__code__", None), "co_names", ())
    called = (getattr(f, "__globals__", {}).get(name) for name in names)
    wrong = [name_of(g) for g in called if inspect.isfunction(g) and g is not f and g in _failed]
    them = "these do" if len(wrong) > 1 else "that does"
    return f"It calls your {' and '.join(wrong)}, and {them} not pass: mend first." * bool(wrong)


def _touches(outcome: Outcome, args: tuple, problem: Problem, likely: str) -> str:
    """That an unexplained wrong value may come from an argument that was changed on the way."""
    quiet = likely or problem.headline == CHANGED or same(outcome.args, args, 0.0)
    return "" if quiet else "It changes what it was given: no +=, *= or **= on an argument."


def _named_arguments(f: Callable, args: tuple, known: Known) -> dict[str, object]:
    """The arguments by the names of their parameters, as the exercise calls them.

    A proxy of the student's function has no signature, and the known mistakes have the right one.
    """
    for candidate in (*known.mistakes[:1], f):
        try:
            parameters = inspect.signature(candidate).parameters.values()
        except (TypeError, ValueError):
            continue
        plain = [p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]
        if len(plain) >= len(args):
            return dict(zip(plain, args, strict=False))
    return {}


def _likely(
    outcome: Outcome, args: tuple, judge: Judge, known: Known, player: Callable
) -> tuple[str, str]:
    """The likely mistake, or nothing, and what to reread."""
    found, reread = _found(outcome, args, judge, known, player)
    if not found and isinstance(outcome.error, ValueError):
        found = known.refused
    if not found and outcome.error is not None:
        found = remedy(outcome.error)
    return found, reread or known.reread


def _call(f: Callable, args: tuple) -> Outcome:
    """Call f on copies of `args`. nbgrader takes all points for stderr, so none is written."""
    given = copy.deepcopy(args)
    with warnings.catch_warnings(), redirect_stderr(sys.stdout):
        warnings.simplefilter("default")
        try:
            return Outcome(f(*given), None, given)
        except Exception as error:  # whatever a student's function raises is an outcome
            return Outcome(None, error, given)


def _found(
    outcome: Outcome, args: tuple, judge: Judge, known: Known, player: Callable
) -> tuple[str, str]:
    """The docstrings of the known mistakes that do here what the student's function did.

    More than two name none: a list of everything would send the student the wrong way. A last
    paragraph "Reread: ..." of a docstring takes the place of the function's own section.
    """
    tried = ((wrong.__doc__ or "", _call(player(wrong), args)) for wrong in known.mistakes)
    docs = dict.fromkeys(doc for doc, did in tried if _alike(outcome, did, judge))
    found = [doc.partition("Reread:") for doc in docs]
    if len(found) == 1:
        return found[0][0].strip(), found[0][2].strip()
    if len(found) == 2:
        return f"one of: (a) {found[0][0].strip()} (b) {found[1][0].strip()}", ""
    return "", ""


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
    return same(one.value, other.value, 1e-4) and (
        not args_count or same(one.args, other.args, 1e-4)
    )
