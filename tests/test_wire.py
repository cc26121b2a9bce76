"""What crosses between the grader and an answer: plain values, and calls with their derivatives."""

import json
import math
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.grading import wire
from course.grading.jailed import read_cells
from smoothlib import BallWall, Heaviside, Sum

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.func's own
NAMES = {"BallWall": BallWall, "Heaviside": Heaviside, "Sum": Sum}


class Far:
    """A side that serves functions from a thread, as an answer in the jail does."""

    def __init__(self) -> None:
        near, far = socket.socketpair()
        self.end = wire.Endpoint(near, NAMES, trusting=False)
        self.inside = wire.Endpoint(far, NAMES, trusting=True)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        try:
            while True:
                self.inside.serve(*wire.receive(self.inside.sock))
        except wire.Violation:
            pass

    def function(self, f: Callable) -> wire.Remote:
        number = len(self.inside.own) + 1000
        self.inside.own[number] = f
        return wire.Remote(self.end, number, getattr(f, "__name__", "f"))

    def close(self) -> None:
        self.end.sock.close()
        self.thread.join(5)
        self.inside.sock.close()


@pytest.fixture
def far() -> Iterator[Far]:
    made = Far()
    yield made
    made.close()


VALUES = [
    None, True, 3, -(2**70), 2.5, math.inf, "σ", 3 + 4j, [1, [2.0, None]], (1, (2,)),
    {"a": 1, 2: "b"},
    torch.float32, torch.tensor([[1.0, 2.0]]), torch.tensor(True), torch.empty(0, 3),
    torch.ones(()).expand(1, 1), torch.zeros(2, dtype=torch.bfloat16),
    torch.arange(6).reshape(2, 3).T,
    torch.tensor([1 + 2j]).conj(), np.float64(2.5), np.arange(3), np.zeros((2, 0)),
    BallWall(12.0, 1.5, 6.0, -1.0), Sum(BallWall(), Heaviside()),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_plain_value_comes_back_as_it_was(far: Far, value: object) -> None:
    back = far.function(lambda x: x)(value)
    assert type(back) is type(value)
    if isinstance(value, torch.Tensor | np.ndarray):
        assert wire.identical(back, value)
    else:
        assert back == value


def test_functions_go_by_reference_and_come_back_as_themselves(far: Far) -> None:
    def mine(x: float) -> float:
        return 2 * x

    assert far.function(lambda f: f)(mine) is mine
    assert far.function(lambda f, x: f(x) + 1)(mine, 3.0) == 7.0
    assert far.function(lambda k: lambda x: k * x)(3.0)(2.0) == 6.0
    assert far.function(lambda f: f.__name__)(torch.cos) == "cos"


def test_a_generator_arrives_in_its_state(far: Far) -> None:
    generator = torch.Generator().manual_seed(5)
    torch.rand(3, generator=generator)
    drawn = far.function(lambda g: torch.rand(4, generator=g))(generator)
    assert torch.equal(drawn, torch.rand(4, generator=generator))


def test_what_is_done_to_an_argument_is_done_to_ours(far: Far) -> None:
    def change(x: torch.Tensor, items: list) -> None:
        x += 1
        items.append(x.clone())

    x, items = torch.zeros(2), [3.0]
    far.function(change)(x, items)
    assert x.tolist() == [1.0, 1.0]
    assert items[0] == 3.0 and items[1].tolist() == [1.0, 1.0]


def test_an_exception_keeps_its_name_base_and_text(far: Far) -> None:
    class Steep(ValueError):
        pass

    def fails(x: object) -> None:
        raise Steep("too steep")

    with pytest.raises(ValueError, match="too steep") as caught:
        far.function(fails)(1)
    assert type(caught.value).__name__ == "Steep"
    with pytest.raises(KeyError, match="x"):
        far.function(lambda x: {}[x])("x")


@pytest.mark.parametrize(
    ("value", "name"), [(object(), "object"), ({1, 2}, "set"), (b"x", "bytes"), (int, "class")]
)
def test_what_does_not_cross_is_refused_by_name(far: Far, value: object, name: str) -> None:
    back = far.function(lambda: value)()
    assert isinstance(back, wire.Foreign) and type(back).__name__ == name


def cubic(x: torch.Tensor) -> torch.Tensor:
    return (x**3).sum() - x.prod()


X = torch.tensor([1.0, 2.0, -0.5], dtype=torch.float64)
DERIVATIVES: dict[str, Callable] = {
    "backward": lambda f, x: _backward(f, x),
    "func.grad": lambda f, x: torch.func.grad(f)(x),
    "jacrev": lambda f, x: torch.func.jacrev(f)(x),
    "jacfwd": lambda f, x: torch.func.jacfwd(f)(x),
    "hessian": lambda f, x: torch.func.hessian(f)(x),
    "autograd hessian": lambda f, x: torch.autograd.functional.hessian(f, x),
    "vmap": lambda f, x: torch.vmap(f)(torch.stack((x, 2 * x))),
    "vmap of grad": lambda f, x: torch.vmap(torch.func.grad(f))(torch.stack((x, 2 * x))),
    "grad of vmap": lambda f, x: torch.func.grad(lambda y: torch.vmap(f)(y).sum())(
        torch.stack((x, 2 * x))
    ),
    "jvp": lambda f, x: torch.func.jvp(f, (x,), (torch.ones_like(x),))[1],
}


def _backward(f: Callable, x: torch.Tensor) -> torch.Tensor | None:
    x = x.clone().requires_grad_()
    f(x).backward()
    return x.grad


@pytest.mark.parametrize("name", DERIVATIVES)
def test_an_answer_may_differentiate_a_function_of_ours(far: Far, name: str) -> None:
    derivative = DERIVATIVES[name]
    here = derivative(cubic, X)
    assert torch.allclose(far.function(derivative)(lambda x: cubic(x), X), here)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_we_may_differentiate_an_answer(far: Far, name: str) -> None:
    derivative = DERIVATIVES[name]
    assert torch.allclose(derivative(far.function(cubic), X), derivative(cubic, X))


def test_a_function_without_a_graph_has_none_afar(far: Far) -> None:
    def steps(f: Callable, x: torch.Tensor) -> bool:
        return bool(f(x.requires_grad_()).requires_grad)

    assert far.function(steps)(lambda x: (x > 0).double(), X.clone()) is False
    assert far.function(steps)(lambda x: x * 2, X.clone()) is True


def test_only_what_requires_a_gradient_here_requires_one_there(far: Far) -> None:
    marks: list[tuple[bool, ...]] = []

    def seen(*tensors: torch.Tensor) -> torch.Tensor:
        marks.append(tuple(x.requires_grad for x in tensors))
        return sum(tensors)

    marked, bare = torch.ones(2, requires_grad=True), torch.ones(2)
    assert far.function(seen)(marked, bare).requires_grad
    assert far.function(seen)(bare, marked).requires_grad
    assert not far.function(seen)(bare, bare).requires_grad
    assert marks == [(True, False), (False, True), (False, False)]
    (grad,) = torch.autograd.grad(far.function(seen)(bare, marked).sum(), marked)
    assert grad.tolist() == [1, 1]


def test_a_function_is_called_back_within_its_budget(far: Far) -> None:
    far.end.budget = 10
    with pytest.raises(RuntimeError, match="called too often"):
        far.function(lambda f: [f(1.0) for _ in range(11)])(lambda x: x)


def frame(header: bytes, rest: bytes = b"") -> bytes:
    return struct.pack("<II", len(header), len(rest)) + header + rest


def received(content: bytes) -> Any:
    """What the grader makes of these bytes of an answer: a value, or an error of its own."""
    near, far = socket.socketpair()
    with near, far:
        threading.Thread(target=_write, args=(far, content), daemon=True).start()
        near.settimeout(20)
        end = wire.Endpoint(near, NAMES, trusting=False)
        try:
            return end.call(wire.Remote(end, 0, "f"), (), {})
        except wire.Violation as error:
            return error
        except Exception as error:
            assert "raise" in repr(content), repr(error)  # only as the answer's own exception
            return error


def _write(sock: socket.socket, content: bytes) -> None:
    try:
        sock.sendall(content)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass


ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
KINDS = st.sampled_from(
    ["tensor", "array", "scalar", "list", "tuple", "dict", "made", "name", "ref", "yours",
     "generator", "complex", "dtype", "foreign", "BallWall", "float64", "numpy.f8", "torch", "load"]
)  # fmt: skip
TREES = st.recursive(
    ATOMS | KINDS,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(KINDS, inner),
    max_leaves=12,
)
KINDS_OF_FRAME = st.sampled_from(["return", "raise", "call", "x"])
SIZES = st.integers(-2, 2**40) | st.integers(0, 16)
BUFFERS = st.lists(st.tuples(KINDS, st.lists(SIZES, max_size=3) | TREES, SIZES) | TREES, max_size=3)


@settings(max_examples=int(os.environ.get("COURSE_FUZZ", "150")), deadline=None)
@given(
    st.sampled_from(["return", "raise", "call", "x"]),
    TREES,
    BUFFERS | TREES,
    st.binary(max_size=64),
)
def test_no_header_gets_through_that_is_not_a_value(
    do: str, tree: object, data: object, rest: bytes
) -> None:
    header = {"do": do, "value": tree, "data": data, "f": tree, "tree": tree, "how": tree}
    header |= {"kinds": tree, "text": tree, "changed": tree, "live": tree, "line": tree}
    received(frame(json.dumps(header).encode(), rest))


@settings(max_examples=int(os.environ.get("COURSE_FUZZ", "150")), deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_frame_are_a_violation(content: bytes) -> None:
    assert isinstance(received(content), wire.Violation)
    assert isinstance(received(frame(content)), wire.Violation)


GRADE_IDS = st.dictionaries(st.just("grade_id"), TREES)
CELLS = st.dictionaries(
    st.sampled_from(["cell_type", "source", "metadata", "id", "outputs"]),
    TREES
    | st.dictionaries(st.just("nbgrader"), TREES | st.dictionaries(st.just("grade_id"), TREES)),
)


@settings(max_examples=int(os.environ.get("COURSE_FUZZ", "150")), deadline=None)
@given(
    st.dictionaries(st.sampled_from(["cells", "nbformat", "worksheets"]), st.lists(CELLS) | TREES)
    | TREES
    | st.binary(max_size=100)
)
def test_any_notebook_is_read_or_refused_with_a_reason(content: Any) -> None:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    read, write = os.pipe()
    with os.fdopen(write, "wb") as file:
        file.write(raw)
    found = read_cells(read)
    if isinstance(found, str):
        assert found
    else:
        assert all(len(cell) == 4 and all(isinstance(x, str) for x in cell) for cell in found)


@pytest.mark.parametrize(
    ("header", "rest"),
    [
        ({"do": "return", "value": ["name", "torch", "load"]}, b""),
        ({"do": "return", "value": ["generator", 1, None]}, b""),
        ({"do": "return", "value": ["yours", 7]}, b""),
        ({"do": "call", "f": 0, "tree": [["tuple", []], ["dict", []]]}, b""),
        ({"do": "return", "value": ["tensor", 0], "data": [["float64", [2], 8]]}, bytes(8)),
        ({"do": "return", "value": ["tensor", 0], "data": [["float64", [1 << 39, 0], 0]]}, b""),
        ({"do": "return", "value": ["tensor", 0], "data": [["object", [1], 8]]}, bytes(8)),
        ({"do": "return", "value": ["tensor", 5]}, b""),
        ({"do": "return", "value": ["made", "os", []]}, b""),
    ],
)
def test_what_an_answer_may_not_send_is_a_violation(header: dict, rest: bytes) -> None:
    header.setdefault("data", [])
    assert isinstance(received(frame(json.dumps(header).encode(), rest)), wire.Violation)


def test_a_truth_value_is_0_or_1_whatever_byte_came() -> None:
    header = {"do": "return", "value": ["tensor", 0], "data": [["bool", [2], 2]]}
    back = received(frame(json.dumps(header).encode(), b"\x02\x00"))
    assert back.tolist() == [True, False] and int(back.sum()) == 1
