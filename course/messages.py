"""How a check writes values, calls and exceptions for a student to read."""

import math
import re
import reprlib
import textwrap
import traceback
from collections.abc import Callable

import numpy as np
from torch import Tensor

WIDTH = 92  # of a message, in characters: what fits into a notebook beside its file list
NUMBERS_SHOWN = 5
REPR = reprlib.Repr()  # survives a __repr__ that raises
REPR.maxstring = REPR.maxother = 200

# What to say of an exception whose text matches, whatever the exercise.
REMEDIES = {
    r"bitwise_(and|or)|operand type\(s\) for [&|]": (
        "& binds tighter than > and <. Put each comparison in brackets: (x > x_w) & (y < h)."
    ),
    r"is ambiguous": (
        "`if`, `while`, `and`, `or`, `not` and a chained comparison such as a < x < b want one "
        "truth value, and a comparison of tensors holds many. torch.where chooses for each by "
        "itself; & joins conditions, each in brackets."
    ),
    r"converted to (a )?(Python )?[Ss]calar|length-1 arrays": (
        ".item(), float() and the functions of math take one number. Leave the tensor whole: "
        "torch.cos and its like take any shape, and torch.stack joins a list of tensors."
    ),
    r"^math domain error$": (
        "A number under a root is negative, or one in an arccos is larger than 1."
    ),
}


def row(label: str, text: str) -> str:
    """One entry of a message, its further lines set in under the first."""
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=f"  {label:<10}",
        subsequent_indent=" " * 12,
        break_on_hyphens=False,  # a hyphen in code is a minus
    )


def show(x: object) -> str:
    """A value as the student could type it, to six digits; long ones are cut."""
    if isinstance(x, Tensor | np.ndarray):
        few = math.prod(x.shape) <= NUMBERS_SHOWN
        inside = show(x.tolist()) if few else f"... of shape {tuple(x.shape)}"
        return f"{'tensor' if isinstance(x, Tensor) else 'array'}({inside})"
    if isinstance(x, tuple | list):
        items = [show(item) for item in x[:NUMBERS_SHOWN]]
        inside = ", ".join(items if len(x) <= NUMBERS_SHOWN else [*items, "..."])
        return f"({inside})" if isinstance(x, tuple) else f"[{inside}]"
    if isinstance(x, float | np.floating):
        text = f"{x:.6g}"
        return f"{text}." if text.lstrip("-").isdigit() else text
    return getattr(x, "__name__", None) or REPR.repr(x)


def show_call(f: Callable, args: tuple) -> str:
    """The call of f with these arguments."""
    return f"{name_of(f)}({', '.join(show(arg) for arg in args)})"


def show_error(error: Exception) -> str:
    """The exception, and the last line of the student's own code that it came through."""
    line = getattr(error, "line", None)  # known where the function ran elsewhere
    if line is None:
        frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is the check's call
        own = [frame for frame in frames if frame.filename == frames[0].filename]
        line = own[-1].line if own else ""
    where = f"in your line: {line}" if line else ""
    text = ": ".join(filter(None, [type(error).__name__, str(error)]))
    return ", ".join(filter(None, [text, where]))


def remedy(error: Exception) -> str:
    """What an exception of this kind usually means; nothing if there is no usual meaning."""
    return next((text for form, text in REMEDIES.items() if re.search(form, str(error))), "")


def in_words(x: object) -> str:
    """The kind of a value, with its article."""
    if callable(x):
        return "a function"
    kind = type(x).__name__
    return "a numpy array" if kind == "ndarray" else f"a{'n' * (kind[0] in 'aeio')} {kind}"


def name_of(f: Callable) -> str:
    return getattr(f, "__name__", "your function")


def count(x: Tensor) -> str:
    """How many numbers a tensor holds, in words."""
    if x.ndim == 0:
        return "one number"
    return f"{len(x)} numbers" if x.ndim == 1 else f"numbers of shape {tuple(x.shape)}"
