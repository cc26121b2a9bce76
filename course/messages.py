"""How a check writes values, calls and exceptions for a student to read."""

import math
import re
import reprlib
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

COURSE = Path(__file__).resolve().parent
WIDTH = 92  # of a message, in characters: what fits into a notebook beside its file list
NUMBERS_SHOWN = 5
REPR = reprlib.Repr()  # survives a __repr__ that raises
REPR.maxstring = REPR.maxother = 200

# What to say of an exception whose text matches, whatever the exercise.
REMEDIES = {
    r"bitwise_(and|or)|operand type\(s\) for [&|]": (
        "& binds tighter than > and <. Put each comparison in brackets: (x > x_w) & (y < h)."
    ),
    r"bitwise_xor|operand type\(s\) for \^": "A power is written x**2. In Python ^ is no power.",
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
    r"must be Tensor, not (float|int)": (
        "The functions of torch take tensors. For a number there are math.cos, math.log and so on."
    ),
    r"shapes cannot be multiplied|inconsistent tensor size|of batch2 tensor": (
        "In a product x @ y the columns of x are as many as the rows of y. Look at the order, and "
        "at what is transposed."
    ),
    r"must match the size|not broadcast": (
        "Two shapes do not go together. values[:, None] gives n numbers an axis of length 1, so "
        "that shape (n, 1) times (n, d) works row by row."
    ),
    r"zero-dimensional tensor .* cannot be concatenated|to be equal size": (
        "torch.stack joins tensors of one shape along a new axis; torch.cat joins along an axis "
        "that they have."
    ),
    r"expects a non-empty TensorList": "The list is empty: did the loop ever run?",
    r"Dimension out of range": "dim counts the axes from 0, and this tensor has fewer of them.",
    r"too many indices": (
        "There are more indices than axes. A sum or a mean over an axis takes it away; "
        "expand_as and x[None] bring it back."
    ),
    r"out of bounds for dimension|list index out of range": (
        "An axis of n entries has the indices 0 to n - 1, and one beyond these was asked for."
    ),
    r"step must be greater than zero": "A tensor has no [::-1]; x.flip(0) turns it round.",
    r"linalg_lstsq": "lstsq returns several things; the coefficients are its .solution.",
    r"linalg.lstsq: input.size": (
        "lstsq wants the observations on the same axis in both: a table (..., n, 3) with a row for "
        "each, and values (..., n, 1)."
    ),
    r"for [-+*/@]+=?: '(list|tuple)' and|for [-+*/@]+=?: .* and '(list|tuple)'": (
        "A list does not calculate. torch.stack makes a tensor of a list of tensors."
    ),
    r"^'dict' object has no attribute": "A dictionary is asked in brackets: params['mu'].",
    r"does not require grad": (
        "Nothing here was differentiable: call requires_grad_() on a copy of the point before you "
        "compute the value, and keep float(), item() and torch.tensor() out of it. A function of "
        "comparisons alone, or of a machine that returns plain numbers, has no graph."
    ),
    r"backward through the graph a second": (
        "The graph is gone after one backward or autograd.grad: compute the value anew."
    ),
    r"grad can be implicitly created only for scalar": (
        "Only one number can be differentiated at once: take the sum of the values first."
    ),
    r"not have been used in the graph": (
        "The value does not depend on the tensor by which you differentiate: compute it from the "
        "one that requires grad."
    ),
    r"leaf Variable that requires grad|modified by an inplace": (
        "A tensor that autograd needs was changed in place: write x = x + dx, not x += dx."
    ),
    r"on Tensor that requires grad": "Call detach() first, or do without numpy.",
    r"expected (m1 and m2|scalar type)|same dtype|dtype .* but (got|found)": (
        "Tensors of two dtypes met: make new ones with dtype=theta.dtype."
    ),
    r"positional argument|exactly one argument|unexpected keyword": (
        "A call has more or fewer arguments than the function wants that the error names. One "
        "that you were given gets all its arguments; yours is called as shown under tried: leave "
        "its first line as it was."
    ),
    r"^No module named 'scipy": (
        "scipy is not here. torch.special has much of it: torch.special.ndtr is Φ, "
        "torch.special.erf the error function."
    ),
    r"^No module named": "When it is graded there are torch, numpy and Python's own modules.",
    r"^name '\w+' is not defined": (
        "Is it spelled as in the first line of the function? If a cell above defines it, run that."
    ),
    r"can't multiply sequence by non-int": (
        "A function that returns a pair returns two things at once: first, second = f(...)."
    ),
    r"^'(float|int)' object has no attribute": (
        "This is a plain number, and plain numbers go with tensors as they are: no .shape, no "
        ".expand_as."
    ),
    r"division by zero": "A number that can be 0 is divided by: look at the inputs of this call.",
    r"maximum recursion depth": "The function calls itself without end.",
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


class Message(NamedTuple):
    """A message, taken apart: what is wrong, the rows, and whatever else it holds."""

    headline: str
    rows: list[tuple[str, str]]
    rest: str


def parse(text: str) -> Message:
    """Take apart what a headline and `row` made; other lines are the rest."""
    headline, *lines = text.split("\n")
    rows: list[tuple[str, str]] = []
    rest = []
    for line in lines:
        if found := re.fullmatch(r"  ([a-z]{1,9}) +(\S.*)", line):
            rows.append((found[1], found[2]))
        elif rows and line.startswith(" " * 12):
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
        else:
            rest.append(line)
    return Message(headline, rows, "\n".join(rest))


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
    if isinstance(x, dict):  # in its own order
        few = list(x.items())[:NUMBERS_SHOWN]
        items = [f"{show(key)}: {show(value)}" for key, value in few]
        return "{" + ", ".join([*items, "..."] if len(x) > len(few) else items) + "}"
    if isinstance(x, float | np.floating):
        text = f"{x:.6g}"
        return f"{text}." if text.lstrip("-").isdigit() else text
    if name := getattr(x, "__name__", None):
        return str(name)
    if is_dataclass(x) and type(x).__module__.startswith("smoothlib"):  # its tensors in one line
        parts = [f"{field.name}={show(getattr(x, field.name))}" for field in fields(x)]
        return f"{type(x).__name__}({', '.join(parts)})"
    return REPR.repr(x)


def show_call(f: Callable, args: tuple) -> str:
    """The call of f with these arguments."""
    return f"{name_of(f)}({', '.join(show(arg) for arg in args)})"


def show_error(error: Exception) -> str:
    """The exception, and the last line of the student's own code that it came through."""
    line = getattr(error, "line", None)  # known where the function ran elsewhere
    if line is None:
        frames = traceback.extract_tb(error.__traceback__)
        others = [f for f in frames if not Path(f.filename).is_relative_to(COURSE)]
        own = [frame for frame in others if frame.filename == others[0].filename]
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
