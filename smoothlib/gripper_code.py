"""The gripper's step as straight-line code: `gripper_physics` run on symbols instead of numbers.

`traced_step` calls the functions that torch calls, with `Symbols` for tensors, and keeps what they
compute as a graph of scalar operations, one environment's. `gripper_cpu` and `gripper_cuda` spell
that graph in C++ and Triton. So there is one definition of the physics, and no copy to drift.
Zeros, ones and repeated expressions vanish on the way, and with them half of the operations.
"""

import functools
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from smoothlib.gripper_model import GripperParams, GripperState, schedule
from smoothlib.gripper_physics import step

PARAMS = tuple(field.name for field in fields(GripperParams))
STATE = GripperState._fields

FOLD: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "&": operator.and_,
    "|": operator.or_,
    "max": max,
    "min": min,
    "abs": abs,
    "where": lambda which, yes, no: yes if which else no,
    "rsqrt": lambda x: x**-0.5,
    "sin": np.sin,
    "cos": np.cos,
}


@dataclass(frozen=True, eq=False)
class Node:
    """One scalar operation: `op` of FOLD, or "input" or "constant" with its name or value."""

    op: str
    args: tuple["Node", ...] = ()
    value: Any = None


class Traced(NamedTuple):
    """One step: the nodes in the order in which they are to be computed, and the outputs."""

    nodes: list[Node]
    outputs: dict[str, Node]


class Graph:
    """Makes nodes, each once, and simplifies them."""

    def __init__(self) -> None:
        self.known: dict[Any, Node] = {}
        self.one = self.constant(1.0)

    def input(self, name: str) -> Node:
        return self._node("input", (), name)

    def constant(self, value: float | bool) -> Node:
        return self._node("constant", (), value)

    def apply(self, op: str, *args: Node) -> Node:
        if all(a.op == "constant" for a in args):
            return self.constant(FOLD[op](*(a.value for a in args)))
        return self._simpler(op, *args) or self._node(op, args)

    def _node(self, op: str, args: tuple[Node, ...], value: Any = None) -> Node:
        key = (op, args, type(value), value)
        return self.known.setdefault(key, Node(op, args, value))

    def _simpler(self, op: str, *args: Node) -> Node | None:
        """The same by less: 0 + x, x - 0, 0 x, 1 x, x / 2, one branch for both."""
        first, last = args[0], args[-1]
        zero = [a.op == "constant" and a.value == 0 for a in args]
        one = [a.op == "constant" and a.value == 1 for a in args]
        if op == "+" and any(zero):
            return args[zero.index(False)]
        if op == "-" and zero[1]:
            return first
        if op == "*" and any(zero):
            return self.constant(0.0)
        if op == "*" and any(one):
            return args[one.index(False)]
        if op == "/" and zero[0]:
            return self.constant(0.0)
        if op == "/" and last.op == "constant" and np.frexp(last.value)[0] == 0.5:
            return self.apply("*", first, self.constant(1 / last.value))
        if op == "where" and args[1] is args[2]:
            return args[1]
        return None

    def tangent(self, node: Node, of: dict[Node, Node]) -> Node:
        """The derivative of a node by the chain rule, from those of its arguments."""
        a, b, c = (*node.args, *[node] * 3)[:3]
        da, db = (of.get(x, self.constant(0.0)) for x in (a, b))
        minus = self.constant(-1.0)
        if node.op in ("+", "-"):
            return self.apply(node.op, da, db)
        if node.op == "*":
            return self.apply("+", self.apply("*", da, b), self.apply("*", a, db))
        if node.op == "/":
            return self.apply("/", self.apply("-", da, self.apply("*", node, db)), b)
        if node.op == "where":
            return self.apply("where", a, db, of.get(c, self.constant(0.0)))
        if node.op in ("max", "min"):
            picks_b = self.apply("<", *((a, b) if node.op == "max" else (b, a)))
            return self.apply("where", picks_b, db, da)
        if node.op == "abs":
            slope = self.apply("where", self.apply("<", a, self.constant(0.0)), minus, self.one)
        elif node.op == "rsqrt":
            cube = self.apply("*", node, self.apply("*", node, node))
            slope = self.apply("*", self.constant(-0.5), cube)
        elif node.op == "sin":
            slope = self.apply("cos", a)
        elif node.op == "cos":
            slope = self.apply("*", minus, self.apply("sin", a))
        else:
            return self.constant(0.0)  # an input, a constant, or true or false
        return self.apply("*", slope, da)


class Symbols(Tensor):
    """What a tensor is to the physics: an array of nodes, without the batch's axis.

    It is a Tensor, an empty one, only for those who check types.
    """

    graph: Graph
    nodes: Any

    @staticmethod
    def __new__(cls, graph: Graph, nodes: Any) -> "Symbols":
        return torch.Tensor._make_subclass(cls, torch.empty(0))

    def __init__(self, graph: Graph, nodes: Any) -> None:
        self.graph = graph
        self.nodes = np.empty((), object) if isinstance(nodes, Node) else nodes
        if isinstance(nodes, Node):
            self.nodes[()] = nodes

    def elementwise(self, op: str, *args: Any) -> "Symbols":
        arrays: Any = np.broadcast_arrays(*(self._nodes(a) for a in args))
        found = np.empty(arrays[0].shape, object)
        for i in np.ndindex(found.shape):
            found[i] = self.graph.apply(op, *(a[i] for a in arrays))
        return Symbols(self.graph, found)

    def _nodes(self, value: Any) -> np.ndarray:
        if isinstance(value, Symbols):
            return value.nodes
        return Symbols(self.graph, self.graph.constant(float(value))).nodes

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> "Symbols":
        name: str = function.__name__
        if name == "where":
            one = next(a for a in args if isinstance(a, Symbols))
            return one.elementwise("where", *args)
        join: Any = {"stack": np.stack, "cat": np.concatenate}[name]
        return cls(args[0][0].graph, join([part.nodes for part in args[0]], *args[1:]))

    def clamp(self, min: Any = None, max: Any = None) -> "Symbols":
        low = self if min is None else self.elementwise("max", self, min)
        return low if max is None else low.elementwise("min", low, max)

    def unbind(self, dim: int = 0) -> tuple["Symbols", ...]:
        return tuple(self[i] for i in range(len(self.nodes)))

    def __getitem__(self, index: Any) -> "Symbols":
        found = self.nodes[index]
        return Symbols(self.graph, found)

    def __neg__(self) -> "Symbols":
        return self.elementwise("-", 0.0, self)


def _operator(op: str, *, swapped: bool = False) -> Callable[..., Symbols]:
    if swapped:
        return lambda self, other: self.elementwise(op, other, self)
    return lambda self, *others: self.elementwise(op, self, *others)


for _name, _op in {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}.items():
    setattr(Symbols, f"__{_name}__", _operator(_op))
    setattr(Symbols, f"__r{_name}__", _operator(_op, swapped=True))
for _name, _op in {"gt": ">", "ge": ">=", "lt": "<", "and": "&", "or": "|"}.items():
    setattr(Symbols, f"__{_name}__", _operator(_op))
for _name in ("abs", "rsqrt", "sin", "cos"):
    setattr(Symbols, _name, _operator(_name))


@functools.cache
def traced_step(moving: frozenset[str] = frozenset()) -> Traced:
    """One step of the rollout: inputs t, dt, z_close, the state and the parameters, by name.

    moving: the inputs that have a tangent, in forward mode. Theirs and the state's are inputs by
    the name of `tangent_name`, and the state's are outputs besides.
    """
    graph = Graph()
    names = ("t", "dt", "z_close", *STATE, *PARAMS)
    by_name: dict[str, Any] = {name: Symbols(graph, graph.input(name)) for name in names}
    params = object.__new__(GripperParams)  # no domain to check
    vars(params).update({name: by_name[name] for name in PARAMS})
    state = GripperState(*(by_name[name] for name in STATE))
    command = schedule(by_name["t"], by_name["z_close"], params)
    after: Any = step(state, command, params, by_name["dt"])._asdict()
    outputs = {name: value.nodes[()] for name, value in after.items()}
    if moving:
        tangents = {graph.input(n): graph.input(tangent_name(n)) for n in {*moving, *STATE}}
        for node in in_order(outputs.values()):
            tangents.setdefault(node, graph.tangent(node, tangents))
        outputs |= {tangent_name(name): tangents[outputs[name]] for name in STATE}
    return Traced(in_order(outputs.values()), outputs)


def tangent_name(name: str) -> str:
    """What the tangent of a variable is called."""
    return f"{name}_dot"


def moving(names: Iterable[str]) -> frozenset[str]:
    """Those of the inputs, z_close or parameters, whose tangents are among the names."""
    found = set(names)
    return frozenset(n for n in ("z_close", *STATE, *PARAMS) if tangent_name(n) in found)


def in_order(outputs: Iterable[Node]) -> list[Node]:
    """All nodes that the outputs need, arguments first."""
    found: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node not in found:
            for argument in node.args:
                visit(argument)
            found[node] = None

    for node in outputs:
        visit(node)
    return list(found)


def depends_on(nodes: list[Node], names: set[str]) -> set[Node]:
    """Those of the nodes, in order, that some of the inputs go into."""
    found: set[Node] = set()
    for node in nodes:
        if node.value in names if node.op == "input" else any(a in found for a in node.args):
            found.add(node)
    return found


def half_turn(single: bool, literal: str = "{!r}") -> dict[str, str]:
    """What sine and cosine on a half turn are written with: π in two parts, and polynomials in y,
    the square, for float32 or float64."""
    high = float(np.float32(np.pi)) if single else np.pi
    low = np.pi - high if single else 1.2246467991473532e-16
    degree = 7 if single else 12
    numbers = {"inverse_pi": 1 / np.pi, "pi_high": high, "pi_low": low}
    sine = [(-1) ** n / math.factorial(2 * n + 1) for n in range(degree)]
    cosine = [(-1) ** n / math.factorial(2 * n) for n in range(degree + 1)]
    spelled = {name: literal.format(float(number)) for name, number in numbers.items()}
    return spelled | {"sine": _horner(sine, literal), "cosine": _horner(cosine, literal)}


def _horner(coefficients: list[float], literal: str) -> str:
    text = literal.format(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        text = f"{literal.format(c)} + y * ({text})"
    return text
