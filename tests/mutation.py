"""Break smoothlib in one place at a time, and see whether a test notices.

    python -m tests.mutation [estimators statistics ...] [--every 1]

Each mutant is one change inside a function: a sign flipped, a factor, a divisor, an exponent or a
baseline dropped, a comparison turned, a number changed. pytest collects the tests once; then every
mutant has a fork, in which the function's code is exchanged and the tests run until one fails,
those that noticed earlier mutants first. A mutant that no test notices has survived; those of
EQUIVALENT compute the same numbers, or numbers as good, and the table says why.
"""

import argparse
import ast
import copy
import importlib
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import NamedTuple

import pytest
import torch

REPO = Path(__file__).resolve().parent.parent
# of a processor, and of addresses: a mutant that runs away is noticed
SECONDS, BYTES = 150, 6 << 30
TRUTH = ("test_objectives", "test_smoothing", "test_statistics")
TESTS = {
    "ascent": ("test_statistics", "test_claims"),
    "estimators": ("test_estimators", "test_statistics", "test_claims"),
    "evolution": ("test_evolution", "test_search"),
    "search.clipup": ("test_search",),
    "search.shaping": ("test_search",),
    "search.strategies": ("test_search",),
    "families": ("test_estimators",),
    "mixtures": ("test_estimators",),
    "reductions": ("test_statistics",),
    "statistics": ("test_statistics", "test_claims"),
    "streaming": ("test_streaming", "test_statistics"),
    "policies": ("test_policies",),
    "finite_horizon": ("test_finite_horizon",),
    "trajectories": ("test_trajectories",),
    "ppo": ("test_ppo",),
    "objectives": TRUTH,
    "landscapes": TRUTH,
    "norms": TRUTH,
    "piecewise": TRUTH,
    "throws": TRUTH,
    "closed_forms": TRUTH,
    "smoothing": TRUTH,
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
EQUIVALENT = {
    "estimators: -1 -> 1": "the last of two axes",
    "estimators: torch.finfo(gradients.dtype).eps * float(gradients.square().sum()) -> "
    "torch.finfo(gradients.dtype).eps": "when a search stops, for gradients of order 1",
    "evolution: before + len(weights) -> before - len(weights)": "ragged blocks: slower",
    "evolution: 1 -> 2": "the step through no coordinates at all",
    "mixtures: 1.0 -> 2.0": "a divisor whose quotient is thrown away",
    "mixtures: -1 -> 1": "the last of two axes",
    "statistics: 1 -> 2": "the size of a chunk at d = 1; any size will do",
    "statistics: -1 -> 1": "the last of two axes",
}


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


def functions(holder: object) -> Iterator[tuple[str, FunctionType]]:
    """The functions in a module, in its classes and properties, in its values, by name."""
    for name, value in list(vars(holder).items()):
        value = getattr(value, "__wrapped__", value)
        value = value.fget if isinstance(value, property) else value
        if isinstance(value, FunctionType):
            yield name, value
        elif hasattr(value, "__dict__") and not isinstance(value, ModuleType):
            yield from ((f"{name}.{inner}", f) for inner, f in functions(value))


def exchange(module: ModuleType, tree: ast.Module) -> None:
    """Give the functions of a live module the code and the defaults of a changed one."""
    changed = ModuleType(module.__name__)
    exec(compile(tree, module.__name__, "exec"), vars(changed))
    new = dict(functions(changed))
    for name, f in functions(module):
        if f.__module__ == module.__name__ and name in new:
            f.__code__, f.__defaults__ = new[name].__code__, new[name].__defaults__
            f.__kwdefaults__ = new[name].__kwdefaults__


def one_of_each_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """The first case of every test, then the second of each, and so on."""
    met: dict[str, int] = {}
    turn = {}
    for item in items:
        name = item.nodeid.split("[")[0]
        turn[item] = met[name] = met.get(name, 0) + 1
    return sorted(items, key=turn.__getitem__)


class Hunt:
    """A pytest plugin that runs the collected tests against every mutant of a module."""

    def __init__(self, module: str, every: int) -> None:
        self.name, self.every = module, every
        self.count = self.alive = 0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        source = (REPO / "smoothlib" / f"{self.name.replace('.', '/')}.py").read_text(
            encoding="utf-8"
        )
        module = importlib.import_module(f"smoothlib.{self.name}")
        items = one_of_each_first(session.items)
        broken = self.first_failure(session, items, module, None)
        if broken is not None:
            name = items[broken].nodeid if broken < len(items) else "the run (crashed, or killed)"
            print(f"without mutants, {name} fails", file=sys.stderr)
            return True
        for mutant in list(mutants(source))[:: self.every]:
            self.count += 1
            found = self.first_failure(session, items, module, mutant)
            if found is None:
                self.alive += 1
                change = f"{mutant.before} -> {mutant.after}"
                why = EQUIVALENT.get(f"{self.name}: {change}", "not argued")
                print(f"  {self.name}.py:{mutant.line}: {change}   ({why})", file=sys.stderr)
            elif found < len(items):
                items.insert(0, items.pop(found))
        return True

    def first_failure(
        self,
        session: pytest.Session,
        items: list[pytest.Item],
        module: ModuleType,
        mutant: Mutant | None,
    ) -> int | None:
        """Which item fails first, in a fork; len(items) if the fork was killed or crashed."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            attack(session, items, module, mutant, writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
        _, status = os.waitpid(child, 0)
        if status:
            return len(items)
        return int(answer) if answer else None


def attack(
    session: pytest.Session,
    items: list[pytest.Item],
    module: ModuleType,
    mutant: Mutant | None,
    writer: int,
) -> None:
    """In a fork: exchange the code, run the items, write the index of the first that fails."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        if mutant:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
            exchange(module, mutant.tree)
        for i, item in enumerate(items):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                os.write(writer, str(i).encode())
                os._exit(0)
    except BaseException:
        os._exit(1)
    os._exit(0)


def hunt(module: str, every: int) -> Hunt:
    """All mutants of a module against its tests."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plugin = Hunt(module, every)
    files = [str(REPO / "tests" / f"{name}.py") for name in TESTS[module]]
    sys.stdout.flush()
    quiet = ["-qq", "-s", "--tb=no", "--no-header", "--no-summary", "-p", "no:cacheprovider"]
    pytest.main([*quiet, "-o", "addopts=", "-m", "not slow", *files], plugins=[plugin])
    return plugin


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=["estimators", "statistics", "objectives"])
    parser.add_argument("--every", type=int, default=1, help="take every k-th mutant only")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    left = total = 0
    for module in options.modules:
        found = hunt(module, options.every)
        if not found.count:
            print(f"{module}: no mutant was tried; do its tests pass?")
            return 1
        total, left = total + found.count, left + found.alive
        print(f"{module}: {found.alive} of {found.count} mutants survive", flush=True)
    print(f"{left} of {total} survive, {left / total:.1%}")
    return int(left > 0.05 * total)


if __name__ == "__main__":
    sys.exit(main())
