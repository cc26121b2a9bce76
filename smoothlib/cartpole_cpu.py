"""CartPole's step in one loop of C++, for `CartPole(compile=True)`."""

import ctypes
from functools import cache

import torch
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor

from smoothlib.gripper_code import half_turn
from smoothlib.native import built

SOURCE = """
typedef {real} T;
static inline T rint_(T a) {{ return (a + T({big})) - T({big}); }}

extern "C" void step(long n, const T* __restrict in, const long long* __restrict action,
                     const int* __restrict t, T* __restrict out, int* __restrict t_out,
                     bool* __restrict terminated, bool* __restrict truncated, int horizon) {{
  const T *x = in, *v = in + n, *p = in + 2 * n, *w = in + 3 * n;
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
}}
"""


def run(
    numbers: Float[Tensor, "4 n"],
    action: Int64[Tensor, " n"],
    t: Int32[Tensor, " n"],
    horizon: int,
    constants: tuple[tuple[str, float], ...],
) -> tuple[Float[Tensor, "4 n"], Int32[Tensor, " n"], Bool[Tensor, " n"], Bool[Tensor, " n"]]:
    """The numbers and the count after a step, and which rows have terminated, been truncated."""
    n = len(t)
    after, count = torch.empty_like(numbers), torch.empty_like(t)
    terminated, truncated = torch.empty(2, n, dtype=torch.bool)
    # fmt: off
    compiled(numbers.dtype, constants)(
        n, numbers.data_ptr(), action.data_ptr(), t.data_ptr(), after.data_ptr(),
        count.data_ptr(), terminated.data_ptr(), truncated.data_ptr(), horizon,
    )
    # fmt: on
    return after, count, terminated, truncated


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
    step.restype = None
    step.argtypes = [ctypes.c_long, *[ctypes.c_void_p] * 7, ctypes.c_int]
    return step
