"""CartPole's step in one loop of C++, for `CartPole(compile=True)`."""

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor

from smoothlib.gripper_code import half_turn
from smoothlib.native import built

SOURCE = """
typedef {real} T;
static inline T rint_(T a) {{ return (a + T({big})) - T({big}); }}

extern "C" long long step(
    long n, const T* __restrict x, const T* __restrict v, const T* __restrict p,
    const T* __restrict w, const long long* __restrict action, const int* __restrict t,
    T* __restrict out, int* __restrict t_out, bool* __restrict terminated,
    bool* __restrict truncated, int horizon) {{
  T *x_out = out, *v_out = out + n, *p_out = out + 2 * n, *w_out = out + 3 * n;
  for (long i = 0; i < n; i++) {{
    T k = rint_(p[i] * {inverse_pi}), odd = k - T(2) * rint_(k * T(0.5));
    T r = (p[i] - k * {pi_high}) - k * {pi_low}, y = r * r, sign = T(1) - T(2) * odd * odd;
    T sine = sign * r * ({sine}), cosine = sign * ({cosine});
    T push = T({two_pushes}) * T((int)action[i]) - T({push});
    T a = push + T({moment}) * w[i] * w[i] * sine;
    T turn = (T({g}) * sine - cosine * a) / (T({inertia}) - T({swung}) * cosine * cosine);
    x_out[i] = x[i] + T({tau}) * v[i];
    v_out[i] = v[i] + T({tau}) * (a - T({moment}) * turn * cosine);
    p_out[i] = p[i] + T({tau}) * w[i];
    w_out[i] = w[i] + T({tau}) * turn;
  }}
  for (long i = 0; i < n; i++) {{
    T far = x_out[i] < 0 ? -x_out[i] : x_out[i], tilt = p_out[i] < 0 ? -p_out[i] : p_out[i];
    terminated[i] = (far > T({x_limit})) | (tilt > T({angle_limit}));
  }}
  for (long i = 0; i < n; i++) {{
    t_out[i] = t[i] + 1;
    truncated[i] = t_out[i] >= horizon;
  }}
  long long seen = 0;
  for (long i = 0; i < n; i++) seen |= action[i];
  return seen & ~1ll;
}}
"""


KINDS = {(dtype,) * 4 for dtype in (torch.float32, torch.float64)}


class Stepped(NamedTuple):
    """The numbers and the count after a step, who has terminated, who has been truncated."""

    numbers: Float[Tensor, "4 n"]
    t: Int32[Tensor, " n"]
    terminated: Bool[Tensor, " n"]
    truncated: Bool[Tensor, " n"]


def run(
    numbers: Sequence[Float[Tensor, " n"]],
    action: Int64[Tensor, " n"],
    t: Int32[Tensor, " n"],
    horizon: int,
    constants: tuple[tuple[str, float], ...],
) -> tuple[Stepped, bool]:
    """One step, and whether all actions are 0 or 1: else it is not to be used.

    Raises:
        ValueError: for a state of other dtypes or shapes than CartPole's own.
    """
    n, dtype = len(t), numbers[0].dtype
    if (
        tuple([x.dtype for x in numbers]) not in KINDS
        or t.dtype != torch.int32
        or (any(x.shape != (n,) for x in numbers))
    ):
        found = ", ".join(f"{x.dtype} {tuple(x.shape)}" for x in (*numbers, t))
        raise ValueError(
            f"CartPole: the state is {found}; wanted are four of shape (n,), all float32 or all "
            "float64, and t, int32, as from reset()"
        )
    step, columns = compiled(dtype, constants), [x.contiguous() for x in (*numbers, action, t)]
    after = Stepped(
        torch.empty(4, n, dtype=dtype),
        torch.empty(n, dtype=torch.int32),
        torch.empty(n, dtype=torch.bool),
        torch.empty(n, dtype=torch.bool),
    )
    unknown = step(n, *(x.data_ptr() for x in (*columns, *after)), horizon)
    return after, not unknown


@cache
def compiled(
    dtype: torch.dtype, constants: tuple[tuple[str, float], ...]
) -> "ctypes._NamedFuncPointer":
    """The C function.

    Raises:
        RuntimeError: if there is no compiler, or it fails.
    """
    single = dtype == torch.float32
    source = SOURCE.format(
        real="float" if single else "double",
        big=1.5 * 2.0 ** (23 if single else 52),
        **half_turn(single, "T({!r})"),
        **dict(constants),
    )
    step = built(source, "compile=False", "-O3").step
    step.restype = ctypes.c_longlong
    step.argtypes = [ctypes.c_long, *[ctypes.c_void_p] * 10, ctypes.c_int]
    return step
