"""The gripper on a GPU: one Triton kernel, one environment per thread, all steps in registers.

The kernel is written from `gripper_code`, as the C++ of `gripper_cpu` is. What depends on nothing
but parameters that all environments share is computed once, here, and handed over as a number:
a multiply-add reads it from the constant bank and it takes no register. Triton comes with torch
for CUDA; this module is imported when a rollout is first asked for on a GPU.
"""

import functools
import linecache
from typing import Any

import torch
import triton
from torch import Tensor

from smoothlib.gripper_code import (
    FOLD,
    Node,
    depends_on,
    half_turn,
    moving,
    traced_step,
)
from smoothlib.gripper_model import Scalar

BLOCK, WARPS = 128, 4

SOURCE = """
import triton
import triton.language as tl


@triton.jit
def _reduced(x):
    k = tl.floor(x * {inverse_pi} + 0.5)
    odd = k - 2.0 * tl.floor(k * 0.5)
    return (x - k * {pi_high}) - k * {pi_low}, 1.0 - 2.0 * odd


@triton.jit
def _sin(x):
    r, sign = _reduced(x)
    y = r * r
    return sign * r * ({sine})


@triton.jit
def _cos(x):
    r, sign = _reduced(x)
    y = r * r
    return sign * ({cosine})


@triton.jit
def rollout({pointers}, time_in, batch, steps, {uniform}BLOCK: tl.constexpr):
    lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = lane < batch
{load}
    for step in range(0, steps):
        t = tl.load(time_in + step)
{body}
{update}
{store}
"""


def run(columns: dict[str, Scalar], dt: float, time: Tensor) -> dict[str, Tensor]:
    """The state after as many steps as `time` has moments, as `gripper_cpu.run`."""
    like = columns["z_close"]
    assert isinstance(like, Tensor)
    if like.dtype == torch.float64:  # a number handed to a kernel is float32
        columns = {**columns, "dt": dt}
        columns = {n: torch.as_tensor(c).to(like).expand(like.shape) for n, c in columns.items()}
    tensors = {n: c.contiguous() for n, c in columns.items() if isinstance(c, Tensor)}
    shared = {n: float(c) for n, c in {**columns, "dt": dt}.items() if n not in tensors}
    kernel, uniform = compiled(tuple(tensors), like.dtype)
    out = {name: torch.empty_like(like) for name in traced_step(moving(columns)).outputs}
    numbers = evaluated(uniform, shared)
    grid = (triton.cdiv(len(like), BLOCK),)
    kernel[grid](
        *out.values(),
        *tensors.values(),
        time,
        len(like),
        len(time),
        *numbers,
        BLOCK=BLOCK,
        num_warps=WARPS,
        enable_fp_fusion=True,
    )
    return out


@functools.cache
def compiled(tensors: tuple[str, ...], dtype: torch.dtype) -> tuple[Any, tuple[Node, ...]]:
    """The kernel for inputs of which these are tensors, and what it wants of the other ones."""
    text, uniform = source_code(tensors, dtype)
    name = f"<gripper {hash(text):x}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)  # triton reads it there
    found: dict[str, Any] = {"__name__": __name__}
    exec(compile(text, name, "exec"), found)
    return found["rollout"], uniform


def source_code(tensors: tuple[str, ...], dtype: torch.dtype) -> tuple[str, tuple[Node, ...]]:
    """The kernel's text, and the nodes whose values it takes as numbers, in order."""
    step = traced_step(moving(tensors))
    varying = depends_on(step.nodes, {"t", *tensors, *step.outputs})
    inner = [n for n in step.nodes if n in varying and n.op != "input"]
    used = dict.fromkeys(a for n in inner for a in n.args if a not in varying)
    uniform = tuple(n for n in used if n.op != "constant")
    names = {node: f"x{i}" for i, node in enumerate(step.nodes)}
    names |= {node: node.value for node in step.nodes if node.op == "input"}
    names |= {node: f"u{i}" for i, node in enumerate(uniform)}
    names |= {node: repr(float(node.value)) for node in step.nodes if node.op == "constant"}
    return SOURCE.format(
        **half_turn(dtype == torch.float32),
        pointers=", ".join([*(f"{n}_out" for n in step.outputs), *(f"{n}_in" for n in tensors)]),
        uniform="".join(f"{names[n]}, " for n in uniform),
        load=_lines(4, [f"{n} = tl.load({n}_in + lane, mask, 0.0)" for n in tensors]),
        body=_lines(8, [f"{names[n]} = {spelled(n, names)}" for n in inner]),
        update=_lines(8, [f"{name} = {names[node]}" for name, node in step.outputs.items()]),
        store=_lines(4, [f"tl.store({n}_out + lane, {n}, mask)" for n in step.outputs]),
    ), uniform


def spelled(node: Node, names: dict[Node, str]) -> str:
    """One operation in Triton."""
    args = [names[a] for a in node.args]
    if not node.op.isalpha():
        return f" {node.op} ".join(args)
    triton_name = {"max": "tl.maximum", "min": "tl.minimum", "sin": "_sin", "cos": "_cos"}
    return f"{triton_name.get(node.op, f'tl.{node.op}')}({', '.join(args)})"


def evaluated(nodes: tuple[Node, ...], inputs: dict[str, float]) -> list[float]:
    """Values of nodes, given those of the inputs."""
    known: dict[Node, float] = {}

    def value(node: Node) -> float:
        if node not in known:
            if node.op == "input":
                known[node] = inputs[node.value]
            elif node.op == "constant":
                known[node] = node.value
            else:
                known[node] = FOLD[node.op](*map(value, node.args))
        return known[node]

    return [value(node) for node in nodes]


def _lines(indent: int, lines: list[str]) -> str:
    return "\n".join(" " * indent + line for line in lines)
