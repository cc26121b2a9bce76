"""Fine-tuning with the memory of inference: a mirrored pair, made and unmade in place.

    for step in range(1000):
        mezo_step(module, lambda: -loss(module), sigma=1e-3, lr=1e-3, seed=0, step=step)

Noise is never stored: that of a step is row `step` of `noise.normal`, a block of coordinates at a
time, and is made again whenever it is needed. What a step takes beside the parameters is what
evaluating f takes, and a few MiB for the block, whatever the size of the module.
"""

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smoothlib.noise import normal

BLOCK = 2**18  # coordinates at a time


def mezo_step(
    module: nn.Module,
    f: Callable[[], Tensor | float],
    sigma: float,
    lr: float,
    seed: int,
    step: int,
) -> Float[Tensor, "2"]:
    """One step uphill along one direction, changing the parameters in place.

    θ ← θ + η (f(θ + σε) - f(θ - σε))/(2σ) ε,   ε = ε(seed, step)

    One row of `antithetic`, times η: on average a step along ∇F, the gradient of the smoothed f.
    See *Fine-Tuning Language Models with Just Forward Passes*, Malladi et al. 2023, arXiv
    2305.17333 (MeZO), who minimise a loss: f is minus that.

    The parameters are moved by σε, by -2σε, and by σε and the step at once. Each of the three
    rounds: at lr = 0 a parameter comes back to within 5e-7 (|θ| + σ|ε|) in float32, 1e-15 in
    float64.

    The same seed, steps and values repeat a run to the bit without f: two numbers a step are the
    whole fine-tuning.

    Args:
        module: its parameters that require a gradient move; others, and buffers, stay.
        f: the value of the module as it now is, called twice without a graph. Both calls must see
            the same data and the same noise of dropout, or their difference is that noise.
        lr: η. On a quadratic of curvature -H a step gains on average only below
            2/(tr H + 2 λ_max): choose it far below that of gradient ascent.
        step: which, from 0. A step that comes twice has the same noise twice.
    Returns:
        f at θ + σε and at θ - σε.
    Raises:
        ValueError: for sigma, lr, step or parameters other than these, before anything moves; and
            for an f without a number, after the parameters are back.

    Fails: with one direction a step the variance is (d + 1)|∇f|² as σ -> 0. Where the curvature
    has no few large directions, that is d + 2 times as many steps as a gradient's.
    """
    parameters = _checked(module, sigma, lr, step)
    values: list[float] = []
    away = 0  # in units of σε
    try:
        for k in (1, -2):
            with _whole():
                _move(parameters, k * sigma, seed, step)
                away += k
            values.append(_value(f))
        slope = (values[0] - values[1]) / (2 * sigma)
    except BaseException:
        with _whole():
            _move(parameters, -away * sigma, seed, step)
        raise
    with _whole():
        _move(parameters, sigma + lr * slope, seed, step)
    return torch.tensor(values, dtype=torch.float64)


class Curvature(NamedTuple):
    """Of a loss: tr H with its standard error, and the eigenvalue of H that is largest in size."""

    trace: float
    standard_error: float
    largest: float

    @property
    def effective_rank(self) -> float:
        """tr H / λ_max: 1 if the loss curves along one direction, d if along all alike."""
        return self.trace / self.largest


def curvature(
    module: nn.Module, loss: Callable[[], Tensor], probes: int = 100, seed: int = 0
) -> Curvature:
    """What decides how long a step of `mezo_step` may be: 2/(tr H + 2 λ_max), with f = -loss.

    tr H = E εᵀHε (Hutchinson 1989) and λ by power iteration, both from products Hv, each a
    backward pass. With the memory of backprop and more: for understanding, not for use.

    Args:
        loss: of the module as it now is, twice differentiable: no fused attention.
        probes: of the trace; as many iterations find λ. Where H has large eigenvalues of either
            sign, λ is the larger in size, and the rank means little.
    Raises:
        ValueError: for fewer than 2 probes.
    """
    if probes < 2:
        raise ValueError(f"probes = {probes}; a standard error needs at least 2")
    parameters = [p for p in module.parameters() if p.requires_grad]
    gradient = torch.autograd.grad(loss(), parameters, create_graph=True)
    flat = torch.cat([g.flatten() for g in gradient])

    def times(v: Tensor) -> Tensor:
        found = torch.autograd.grad(flat, parameters, v, retain_graph=True, materialize_grads=True)
        return torch.cat([h.flatten() for h in found])

    eps = normal(seed, probes, len(flat), dtype=flat.dtype, device=flat.device)
    rows = torch.stack([v @ times(v) for v in eps])
    v = eps[0]
    for _ in range(probes):
        v = v / v.norm()
        turned = times(v)
        largest, v = v @ turned, turned
    return Curvature(float(rows.mean()), float(rows.std()) / math.sqrt(probes), float(largest))


@contextmanager
def _whole() -> Iterator[None]:
    """Ctrl-C waits until this is over: parameters moved in part could not be moved back."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield  # no handler of Python's runs here
        return
    waiting: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting:
        signal.raise_signal(signal.SIGINT)


@torch.no_grad()
def _move(parameters: list[Tensor], amount: float, seed: int, step: int) -> None:
    """θ += amount ε, a block of coordinates at a time."""
    starts = [0, *accumulate(p.numel() for p in parameters)]
    wide = any(p.dtype == torch.float64 for p in parameters)
    dtype, device = torch.float64 if wide else torch.float32, parameters[0].device
    for low in range(0, starts[-1], BLOCK):
        high = min(low + BLOCK, starts[-1])
        row = normal(seed, range(step, step + 1), range(low, high), dtype=dtype, device=device)
        for p, start in zip(parameters, starts, strict=False):
            first, last = max(low, start), min(high, start + p.numel())
            if first < last:
                some = p.view(-1)[first - start : last - start]
                some.add_(row[0, first - low : last - low], alpha=amount)


def _value(f: Callable[[], Tensor | float]) -> float:
    with torch.no_grad():
        value = float(f())
    if not math.isfinite(value):
        raise ValueError(f"f is {value}; a finite number is needed: smaller sigma or lr may help")
    return value


def _checked(module: nn.Module, sigma: float, lr: float, step: int) -> list[Tensor]:
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma = {sigma}; a positive, finite standard deviation is needed")
    if not 0 <= lr < math.inf:
        raise ValueError(f"lr = {lr}; a finite number that is not negative is needed: f is climbed")
    if step < 0:
        raise ValueError(f"step = {step}; steps are counted from 0")
    named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not named:
        raise ValueError("no parameter of the module requires a gradient, so none would move")
    for name, p in named.items():
        if not p.is_floating_point() or not p.is_contiguous():
            raise ValueError(
                f"parameter {name} is {p.dtype} with strides {p.stride()}; a contiguous tensor of "
                "floating point is needed: module.float(), or p.data = p.data.contiguous()"
            )
    return list(named.values())
