"""How a check writes values, calls and exceptions for a student to read."""

import textwrap
import traceback
from collections.abc import Callable

import numpy as np
from torch import Tensor

WIDTH = 92  # of a message, in characters: what fits into a notebook beside its file list
NUMBERS_SHOWN = 24
LETTERS_SHOWN = 200


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
    if isinstance(x, Tensor):
        few = x.numel() <= NUMBERS_SHOWN
        return f"tensor({show(x.tolist()) if few else f'... of shape {tuple(x.shape)}'})"
    if isinstance(x, tuple | list):
        inside = ", ".join(show(item) for item in x)
        return f"({inside})" if isinstance(x, tuple) else f"[{inside}]"
    if isinstance(x, float | np.floating):
        return f"{x:.6g}"
    text = getattr(x, "__name__", None) or repr(x)
    return text if len(text) <= LETTERS_SHOWN else f"{text[:LETTERS_SHOWN]}..."


def show_call(f: Callable, args: tuple) -> str:
    """The call of f with these arguments."""
    return f"{name_of(f)}({', '.join(show(arg) for arg in args)})"


def show_error(error: Exception) -> str:
    """The exception, and the last line of the student's own code that it came through."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is the check's call
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    where = f", in your line: {own[-1].line}" if own and own[-1].line else ""
    return f"{type(error).__name__}: {error}{where}"


def name_of(f: Callable) -> str:
    return getattr(f, "__name__", "your function")


def count(x: Tensor) -> str:
    """How many numbers a tensor holds, in words."""
    if x.ndim == 0:
        return "one number"
    return f"{len(x)} numbers" if x.ndim == 1 else f"numbers of shape {tuple(x.shape)}"
