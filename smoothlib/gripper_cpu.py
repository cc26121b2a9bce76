"""The gripper compiled for the CPU: 16 environments (8 in float64) in vectors, step after step.

The C++ is written from `gripper_code`, once per dtype, and compiled in some seconds (`native`).
The last block of environments is filled up, so that all are computed alike, whatever the batch.
Sine and cosine are Taylor polynomials on a half turn; they and a fused multiply-add here and there
are what differs from torch.
"""

import ctypes
import functools
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from smoothlib.gripper_code import Node, depends_on, half_turn, moving, traced_step
from smoothlib.gripper_model import Scalar
from smoothlib.native import built

WIDTH = {torch.float32: 16, torch.float64: 8}

SOURCE = """
#include <cmath>
#include <cstring>
typedef {real} T;
constexpr int N = {width};
typedef T V __attribute__((vector_size(N * sizeof(T))));

static inline V splat(T x) {{ return V{{}} + x; }}
static inline V load(const T* from) {{ V x; std::memcpy(&x, from, sizeof x); return x; }}
static inline V max_(V a, V b) {{ return a > b ? a : b; }}
static inline V min_(V a, V b) {{ return a < b ? a : b; }}
static inline V abs_(V a) {{ return a < T(0) ? -a : a; }}
static inline V rsqrt_(V a) {{
  T x[N];
  std::memcpy(x, &a, sizeof x);
  for (int i = 0; i < N; i++) x[i] = T(1) / std::sqrt(x[i]);
  return load(x);
}}
static inline V rint_(V a) {{ const V big = splat(T({big})); return (a + big) - big; }}
// x less the nearest multiple k of pi; the sign is that of cos(k pi).
static inline V reduced(V x, V* sign) {{
  V k = rint_(x * {inverse_pi});
  V odd = abs_(k - T(2) * rint_(k * T(0.5)));
  *sign = T(1) - T(2) * odd;
  return (x - k * {pi_high}) - k * {pi_low};
}}
static inline V sin_(V x) {{ V s, r = reduced(x, &s), y = r * r; return s * r * ({sine}); }}
static inline V cos_(V x) {{ V s, r = reduced(x, &s), y = r * r; return s * ({cosine}); }}

// One block of N environments; inputs and state are rows of `stride` numbers.
extern "C" void rollout(T* data, long stride, const T* time, long steps, double dt_) {{
  const V dt = splat(T(dt_));
{load}
{before}
  for (long step = 0; step < steps; step++) {{
    const V t = splat(time[step]);
{body}
{update}
  }}
{store}
}}
"""


def run(columns: dict[str, Scalar], dt: float, time: Tensor) -> dict[str, Tensor]:
    """The state after as many steps as `time` has moments, those at which they start.

    columns: z_close, the state, the parameters and the tangents there are, by name.
    """
    z_close = columns["z_close"]
    assert isinstance(z_close, Tensor)
    width, kernel = WIDTH[z_close.dtype], compiled(z_close.dtype, tuple(columns))
    batch, blocks = len(z_close), -(-len(z_close) // width)
    data = torch.empty(len(columns), blocks * width, dtype=z_close.dtype)
    for row, column in zip(data, columns.values(), strict=True):
        row[:batch] = column
        row[batch:] = row[batch - 1 : batch]  # of an empty batch none
    start, stride, size = data.data_ptr(), data.shape[1], data.element_size()

    def work(block: int) -> None:
        kernel(start + block * width * size, stride, time.data_ptr(), len(time), dt)

    threads = min(torch.get_num_threads(), blocks)
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(blocks)))
    else:
        for block in range(blocks):
            work(block)
    rows = dict(zip(columns, data, strict=True))
    return {n: rows[n][:batch].clone() for n in traced_step(moving(columns)).outputs}


@functools.cache
def compiled(dtype: torch.dtype, inputs: tuple[str, ...]) -> "ctypes._NamedFuncPointer":
    """The C function for one block of those inputs.

    Raises:
        RuntimeError: if there is no compiler, or it fails.
    """
    function = built(source_code(dtype, inputs), 'backend="eager"').rollout
    function.restype = None
    c_long, pointer = ctypes.c_long, ctypes.c_void_p
    function.argtypes = [pointer, c_long, pointer, c_long, ctypes.c_double]
    return function


def source_code(dtype: torch.dtype, inputs: tuple[str, ...]) -> str:
    """The C++."""
    single = dtype == torch.float32
    step = traced_step(moving(inputs))
    changing = depends_on(step.nodes, {"t", "z_close", *step.outputs})
    names = {node: f"x{i}" for i, node in enumerate(step.nodes)}
    names |= {node: node.value for node in step.nodes if node.op == "input"}

    def lines(nodes: list[Node]) -> str:
        made = [n for n in nodes if n.op != "input"]
        return "\n".join(f"    const auto {names[n]} = {spelled(n, names)};" for n in made)

    rows = list(enumerate(inputs))
    return SOURCE.format(
        real="float" if single else "double",
        width=WIDTH[dtype],
        big=1.5 * 2.0 ** (23 if single else 52),
        **half_turn(single, "T({!r})"),
        load="\n".join(f"  V {name} = load(data + {i} * stride);" for i, name in rows),
        before=lines([n for n in step.nodes if n not in changing]),
        body=lines([n for n in step.nodes if n in changing]),
        update="\n".join(f"    {name} = {names[node]};" for name, node in step.outputs.items()),
        store="\n".join(
            f"  std::memcpy(data + {i} * stride, &{name}, sizeof {name});"
            for i, name in rows
            if name in step.outputs
        ),
    )


def spelled(node: Node, names: dict[Node, str]) -> str:
    """One operation in C++."""
    args = [names[a] for a in node.args]
    if node.op == "constant":
        return f"splat(T({node.value!r}))"
    if node.op == "where":
        return "{} ? {} : {}".format(*args)
    return f" {node.op} ".join(args) if not node.op.isalpha() else f"{node.op}_({', '.join(args)})"
