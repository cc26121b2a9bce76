"""Break smoothlib in one place at a time, and see whether a test notices.

    python -m tests.mutation [estimators statistics ...] [--every 1]

Each mutant is one change inside a function: a sign flipped, a factor, a divisor, an exponent or a
baseline dropped, a comparison turned, a number changed. pytest collects the tests once and runs
them without mutants, to learn how long each takes and which functions it calls. Then every mutant
has a fork, in which the function's code is exchanged and the tests that call it run until one
fails: first those that noticed earlier mutants, then the shortest. A mutant that no test notices
has survived; those of EQUIVALENT compute the same numbers, or numbers as good, and the table says
why.
"""

import argparse
import ast
import copy
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest
import torch

REPO = Path(__file__).resolve().parent.parent
# of a processor beyond ten times what the tests took, and of addresses: a mutant that runs away is
# noticed
SECONDS, BYTES = 60, 6 << 30
ELSEWHERE = "compiled"  # the fixture that asks another process, where no mutant is
TRUTH = ("test_objectives", "test_smoothing", "test_statistics")
TESTS = {
    "ascent": ("test_statistics", "test_claims"),
    "estimators": ("test_estimators",),
    "evolution": ("test_evolution", "test_search"),
    "search.clipup": ("test_search",),
    "search.shaping": ("test_search",),
    "search.strategies": ("test_search",),
    "families": ("test_estimators",),
    "lqr": ("test_lqr", "test_claims_08"),
    "mixtures": ("test_estimators", "test_mixtures"),
    "lq_episode": ("test_lq_episode",),
    "finite_mdp": ("test_finite_mdp",),
    "cloning": ("test_cloning",),
    "denoising": ("test_denoising",),
    "diffusion": ("test_diffusion",),
    "mezo": ("test_mezo",),
    "passing": ("test_passing",),
    "plans": ("test_passing", "test_diffusion"),
    "environments": ("test_environments",),
    "reductions": ("test_statistics",),
    "statistics": ("test_statistics",),
    "streaming": ("test_streaming", "test_statistics"),
    "policies": ("test_policies",),
    "finite_horizon": ("test_finite_horizon",),
    "trajectories": ("test_trajectories",),
    "ppo": ("test_ppo",),
    "objectives": ("test_smoothing", "test_objectives"),
    "landscapes": TRUTH,
    "norms": TRUTH,
    "piecewise": TRUTH,
    "throws": TRUTH,
    "closed_forms": ("test_smoothing",),
    "smoothing": ("test_smoothing",),
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
    "lqr: 1e-12 * float(matrix.abs().max()) -> 1e-12": "rounding, for matrices of order 1",
    "lqr: 1e-16 * float(H.abs().max()) -> 1e-16": "when to stop, for costs of order 1",
    "lqr: horizon + 1 -> horizon - 1": "how many nodes are refused as too many",
    "lqr: -1 -> 1": "the last of two axes, or of all entries but one",
    "lqr: 1 -> 2": "the last but one of two equal axes; a node more than an exact sum needs",
    "lqr: self._gain(K)[..., None, :, :] + sigma * E -> "
    "self._gain(K)[..., None, :, :] - sigma * E": "the nodes lie alike on both sides",
    "mixtures: zero - zero.mean(-2, keepdim=True) -> zero + zero.mean(-2, keepdim=True)": "the "
    "other factor sums to zero, so a constant adds nothing",
    "mixtures: 1 -> 2": "how near a jump its sides are probed",
    "lq_episode: x[..., None] + scale[..., None] * eps -> "
    "x[..., None] - scale[..., None] * eps": "the nodes lie alike on both sides",
    "lq_episode: 1.0 -> 2.0": "a default",
    "ppo: 0.2 -> 1.2": "a default, which tests name where they need it",
    "ppo: 10 -> 11": "a default",
    "ppo: min(self.spent - start, steps) - bar.n -> min(self.spent - start, steps) + bar.n": "what "
    "the bar on the screen shows",
    "search.strategies: -(-size // WHOLE) * WHOLE -> -(-size // WHOLE)": "ragged blocks: slower",
    "mixtures: 1.0 -> 2.0": "a divisor whose quotient is thrown away",
    "mixtures: -1 -> 1": "the last of two axes",
    "closed_forms: torch.cos(2 * omega * x) * normal[k] -> torch.cos(2 * omega * x)": "the factor "
    "is 1 at k = 0 and 2, and nobody reads the pair at k = 1",
    "closed_forms: 1 -> 2": "one moment more than anybody reads",
    "smoothing: 64 -> 65": "nodes of a sum; one more is as good",
    "smoothing: 2.0 -> 3.0": "how far out growth is probed; farther is stricter",
    "streaming: 4 -> 5": "the line a warning names; the process that compiles holds it",
    "streaming: 0 -> 1": "the length that may change without compiling anew: slower",
    "statistics: 1 -> 2": "the size of a chunk at d = 1; any size will do",
    "statistics: 64 -> 65": "from which chunk on noise comes in whole blocks: slower",
    "statistics: -1 -> 1": "the last of two axes",
}


class Mutant(NamedTuple):
    """One change: in which function, where, what was there, what is now, and the changed module."""

    function: int  # the line it starts in
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
                yield Mutant(
                    first_line(function),
                    node.lineno,
                    ast.unparse(node),
                    ast.unparse(variant),
                    changed,
                )


def first_line(function: ast.FunctionDef | ast.Lambda) -> int:
    """As its code object counts: a decorator belongs to it."""
    return min([function.lineno, *(d.lineno for d in getattr(function, "decorator_list", ()))])


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


class Learnt(NamedTuple):
    """Of one test: how many seconds of a processor, and the functions it calls by first line."""

    seconds: float
    functions: list[int]


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
        here = [i for i in session.items if ELSEWHERE not in getattr(i, "fixturenames", ())]
        session.items = here
        answer = in_a_fork(lambda: learn(session, str(module.__file__)))
        if not isinstance(answer, list):
            name = answer if isinstance(answer, str) else "the run (crashed, or killed)"
            print(f"without mutants, {name} fails", file=sys.stderr)
            return True
        learnt = {item: Learnt(*of) for item, of in zip(session.items, answer, strict=True)}
        order = sorted(session.items, key=lambda item: learnt[item].seconds)
        for mutant in list(mutants(source))[:: self.every]:
            self.count += 1
            items = [item for item in order if mutant.function in learnt[item].functions]
            seconds = SECONDS + round(10 * sum(learnt[item].seconds for item in items))
            found = in_a_fork(lambda: attack(session, items, module, mutant, seconds))  # noqa: B023
            if found == SURVIVED:
                self.alive += 1
                change = f"{mutant.before} -> {mutant.after}"
                why = EQUIVALENT.get(f"{self.name}: {change}", "not argued")
                print(f"  {self.name}.py:{mutant.line}: {change}   ({why})", file=sys.stderr)
            elif isinstance(found, int):
                order.remove(items[found])
                order.insert(0, items[found])
        return True


SURVIVED = "survived"


def in_a_fork(work: Callable[[], Any]) -> Any:
    """What the work answers, as JSON; None if it crashed, or was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.write(writer, json.dumps(work()).encode())
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return None if status else json.loads(answer)


def learn(session: pytest.Session, path: str) -> list[Learnt] | str:
    """Run every test as it is; the name of the first that fails."""
    called: set[int] = set()

    def watch(frame: FrameType, *_: object) -> None:
        if frame.f_code.co_filename == path:
            called.add(frame.f_code.co_firstlineno)

    found = []
    for item in session.items:
        called.clear()
        start = time.process_time()
        sys.settrace(watch)
        run(session, item)
        sys.settrace(None)
        if session.testsfailed:
            return item.nodeid
        found.append(Learnt(time.process_time() - start, sorted(called)))
    return found


def attack(
    session: pytest.Session,
    items: list[pytest.Item],
    module: ModuleType,
    mutant: Mutant,
    seconds: int,
) -> int | str:
    """Exchange the code and run the items; which of them fails first."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    exchange(module, mutant.tree)
    for i, item in enumerate(items):
        run(session, item)
        if session.testsfailed:
            return i
    return SURVIVED


def run(session: pytest.Session, item: pytest.Item) -> None:
    session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


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
