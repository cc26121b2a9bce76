"""Break smoothlib in one place at a time, and see whether a test notices.

    python -m tests.mutation [estimators statistics ...] [--workers 2] [--every 1]

Each mutant is one change inside a function: a sign flipped, a factor, a divisor, an exponent or a
baseline dropped, a comparison turned, a number changed. It runs in a fork of this process, which
has torch loaded and smoothlib not. A mutant that no test notices has survived; those of EQUIVALENT
compute the same numbers, or numbers as good, and the table says why.
"""

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import hypothesis  # noqa: F401  what the tests import is imported once, before forking
import mpmath  # noqa: F401
import playwright.sync_api  # noqa: F401
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats  # noqa: F401
import torch

REPO = Path(__file__).resolve().parent.parent
TIMEOUT = 240  # seconds; a mutant that hangs is noticed
TESTS = {
    "ascent": ("test_statistics", "test_claims"),
    "estimators": ("test_estimators", "test_statistics", "test_claims"),
    "families": ("test_estimators",),
    "mixtures": ("test_estimators",),
    "reductions": ("test_statistics",),
    "statistics": ("test_statistics", "test_claims"),
    "objectives": ("test_objectives", "test_smoothing", "test_statistics"),
    "piecewise": ("test_objectives", "test_smoothing", "test_statistics"),
    "throws": ("test_objectives", "test_smoothing", "test_statistics"),
}
SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add}
TURNS = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
NAMES = {"center": "no_baseline", "leave_one_out": "batch_mean"}
EQUIVALENT: dict[str, str] = {}


class Mutant(NamedTuple):
    """One change: where, what was there, what is there now, and the whole changed module."""

    line: int
    before: str
    after: str
    tree: ast.Module


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may turn into."""
    if isinstance(node, ast.BinOp):
        if type(node.op) in SWAPS:
            yield ast.BinOp(node.left, SWAPS[type(node.op)](), node.right)
        if isinstance(node.op, ast.Mult | ast.Div | ast.Pow):
            yield node.left
        if isinstance(node.op, ast.Mult):
            yield node.right
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in TURNS:
        yield ast.Compare(node.left, [TURNS[type(node.ops[0])](), *node.ops[1:]], node.comparators)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Name) and node.id in NAMES and isinstance(node.ctx, ast.Load):
        yield ast.Name(NAMES[node.id], ast.Load())


def places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """(parent, field, index) of every expression in a body; not of messages or annotations."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.Raise | ast.JoinedStr):
                yield node, field, index
                yield from places(child)


def mutants(source: str) -> Iterator[Mutant]:
    """Every change to every function of a module."""
    tree = ast.parse(source)
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda))
    seen = set()
    for function in functions:
        for parent, field, index in places(function):
            held = getattr(parent, field)
            node = held if index is None else held[index]
            if id(node) in seen:
                continue
            seen.add(id(node))
            for variant in variants(node):
                put(parent, field, index, variant)
                changed = ast.fix_missing_locations(copy.deepcopy(tree))
                put(parent, field, index, node)
                yield Mutant(node.lineno, ast.unparse(node), ast.unparse(variant), changed)


def put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from its changed tree."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name, self.tree = name, tree

    def find_spec(self, name: str, path: object, target: object = None) -> object:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.tree, module.__name__, "exec"), module.__dict__)


def noticed(module: str, mutant: Mutant | None) -> bool:
    """Whether a test fails, in a fork with the mutant in place of the module."""
    child = os.fork()
    if child == 0:
        run(module, mutant)
    started = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        if time.monotonic() - started > TIMEOUT:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True
        time.sleep(0.05)


def run(module: str, mutant: Mutant | None) -> None:
    """The tests of a module, in this process, which ends with their status."""
    if mutant:
        sys.meta_path.insert(0, Changed(f"smoothlib.{module}", mutant.tree))
    files = [str(REPO / "tests" / f"{name}.py") for name in TESTS[module]]
    options = ["-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-m", "not slow"]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    with contextlib.suppress(BaseException):
        os._exit(int(pytest.main([*options, *files])))
    os._exit(1)


def survivors(module: str, workers: int, every: int) -> tuple[int, list[Mutant]]:
    """How many mutants there were, and those that no test noticed."""
    source = (REPO / "smoothlib" / f"{module}.py").read_text(encoding="utf-8")
    chosen = list(mutants(source))[::every]
    with ThreadPoolExecutor(workers) as pool:
        fates = list(pool.map(lambda mutant: noticed(module, mutant), chosen))
    return len(chosen), [m for m, found in zip(chosen, fates, strict=True) if not found]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=["estimators", "statistics", "objectives"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="take every k-th mutant only")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    left = total = 0
    for module in options.modules:
        if noticed(module, None):
            print(f"{module}: its tests fail without any mutant")
            return 1
        count, alive = survivors(module, options.workers, options.every)
        total, left = total + count, left + len(alive)
        print(f"{module}: {len(alive)} of {count} mutants survive", flush=True)
        for mutant in alive:
            why = EQUIVALENT.get(f"{module}: {mutant.before} -> {mutant.after}", "")
            print(f"  {module}.py:{mutant.line}: {mutant.before} -> {mutant.after}   {why}")
    print(f"{left} of {total} survive, {left / max(total, 1):.1%}")
    return int(left > 0.05 * total)


if __name__ == "__main__":
    sys.exit(main())
