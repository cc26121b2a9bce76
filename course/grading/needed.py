"""Which cells of ours the tests need: those that define what a test uses, or change it.

The others only show something, often by calling an answer thousands of times.
"""

import ast
from functools import cache

from course.grading.source import Cell

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@cache
def needed(cells: tuple[Cell, ...]) -> list[Cell]:
    """The answers and the tests, and what a test uses of the other cells before it, in order."""
    kept: list[Cell] = []
    wanted: set[str] = set()  # by the cells that follow
    for cell in reversed(cells):
        if cell.role == "answer":
            kept.append(cell)
            continue
        names = _Names()
        names.visit(ast.parse(cell.source))
        if cell.role == "test" or wanted & (names.bound | names.changed):
            kept.append(cell)
            wanted = (wanted - names.bound) | names.free
    return kept[::-1]


class _Names(ast.NodeVisitor):
    """Of statements in their order: the names they use unbound, bind for certain, and may change.

    A name that is bound on one branch only, or in a body that may not run, counts as changed.
    """

    def __init__(self) -> None:
        self.free: set[str] = set()
        self.bound: set[str] = set()
        self.changed: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.bound.add(node.id)
        elif node.id not in self.bound:
            self.free.add(node.id)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._each(node.value, *node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name) and node.target.id not in self.bound:
            self.free.add(node.target.id)
        self._each(node.value, node.target)

    def visit_For(self, node: ast.For) -> None:
        self._each(node.iter, node.target, *node.body, *node.orelse)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        both = self._apart(*node.body) & self._apart(*node.orelse)
        self.bound |= both

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._apart(*node.body)

    def visit_Try(self, node: ast.Try) -> None:
        self._apart(*node.body)
        self._apart(*node.handlers, *node.orelse)
        self._each(*node.finalbody)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._store(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._store(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        self.visit(node.value)
        if isinstance(node.value, ast.Call):  # for what it does: cases.append(3)
            self.changed |= _base(node.value)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.bound |= {(name.asname or name.name).split(".")[0] for name in node.names}

    visit_ImportFrom = visit_Import

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._each(*node.decorator_list)
        self._function(node, node.body)
        self.bound.add(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._each(*node.decorator_list, *node.bases)
        self._inside(*node.body)
        self.bound.add(node.name)

    def visit_ListComp(self, node: Comprehension) -> None:
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        steps = [p for g in node.generators for p in (g.iter, g.target, *g.ifs)]
        self._inside(*steps, *elements)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _function(self, node: ast.FunctionDef | ast.Lambda, body: list) -> None:
        given = node.args
        self._each(*given.defaults, *(default for default in given.kw_defaults if default))
        arguments = {arg.arg for arg in ast.walk(given) if isinstance(arg, ast.arg)}
        self._inside(*body, bound=arguments | _stored(body))

    def _each(self, *nodes: ast.AST) -> None:
        for node in nodes:
            self.visit(node)

    def _inside(self, *nodes: ast.AST, bound: set[str] | frozenset[str] = frozenset()) -> set[str]:
        """Visit what has names of its own; return those."""
        before, self.bound = self.bound, self.bound | bound
        self._each(*nodes)
        inner, self.bound = self.bound - before, before
        return inner

    def _apart(self, *nodes: ast.AST) -> set[str]:
        """Visit what may not run; return the names that it binds."""
        inner = self._inside(*nodes)
        self.changed |= inner
        return inner

    def _store(self, node: ast.Attribute | ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.changed |= _base(node)
        self.generic_visit(node)


def _stored(body: list) -> set[str]:
    """The names that a function makes its own by storing into them."""
    nodes = [node for part in body for node in ast.walk(part)]
    return {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}


def _base(node: ast.AST) -> set[str]:
    """The name that x.y[z].w(...) starts with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()
