"""Whether a function is still the stub that the release gave, and what to say of it."""

import ast
import inspect
import textwrap
import traceback
from collections.abc import Callable

from course.messages import name_of


def unfinished(f: Callable) -> str:
    """What to say of a function that still holds a `raise NotImplementedError`; else nothing."""
    known = getattr(f, "unfinished", None)  # of a student's function in the grader
    if isinstance(known, str):
        return known
    names = getattr(getattr(f, "__code__", None), "co_names", ())
    return stub(f) if "NotImplementedError" in names else ""


def excuse(f: Callable, error: BaseException | None) -> str:
    """What to say if a stub raised this; nothing if anything else did."""
    if not isinstance(error, NotImplementedError) or str(error):
        return ""
    known = getattr(error, "excuse", None)  # found where the function ran
    if isinstance(known, str):
        return known
    *_, (inner, _line) = traceback.walk_tb(error.__traceback__)
    if "site-packages" in inner.f_code.co_filename:
        return ""
    own = inner.f_globals is getattr(f, "__globals__", None)
    called = own and inner.f_code is not getattr(f, "__code__", None)
    if called and "NotImplementedError" in inner.f_code.co_names:
        return f"{name_of(f)} calls {inner.f_code.co_name}, which is not written yet."
    return stub(f)


def stub(f: Callable) -> str:
    """What to say of a function that still raises NotImplementedError."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(f)))
    except (OSError, TypeError, SyntaxError):
        return f"{name_of(f)}: not started"
    lines = [
        isinstance(line, ast.Raise) and "NotImplementedError" in ast.unparse(line)
        for line in getattr(tree.body[0], "body", [])
        if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
    ]
    if not any(lines) or all(lines):
        return f"{name_of(f)}: not started"
    where = "below" if lines[-1] else "above"
    still = f"`raise NotImplementedError` is still in your function, {where} your code"
    return f"{name_of(f)}: {still}: delete that line."
