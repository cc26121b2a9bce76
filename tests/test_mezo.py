"""A step in place: on average the gradient, the parameters back, the memory of inference."""

import math
import signal
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from course.allocations import peak
from course.tiny_text import OURS, Transformer, loss, sentences
from smoothlib import ThreeHumpCamel, antithetic, mezo, normal
from smoothlib.mezo import curvature, mezo_step

F64 = torch.float64
CAMEL = ThreeHumpCamel()
START = torch.tensor([0.7, -0.3], dtype=F64)
TEXT = sentences(OURS, 64, seed=3)


class Point(nn.Module):
    """Two parameters of one coordinate each."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(START[:1].clone()), nn.Parameter(START[1:].clone())

    def theta(self) -> Tensor:
        return torch.cat((self.a, self.b))

    def value(self) -> Tensor:
        return CAMEL(self.theta())


def flat(module: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def text_value(model: Transformer) -> Tensor:
    return -loss(model, TEXT)


@pytest.mark.parametrize("step", [0, 7, 40])
def test_a_step_is_a_row_of_antithetic(step: int) -> None:
    point = Point()
    eps = normal(5, range(step, step + 1), 2, dtype=F64)
    values = mezo_step(point, point.value, 0.3, 0.1, 5, step)
    row = antithetic(CAMEL, START, 0.3, eps)[0]
    torch.testing.assert_close(point.theta().detach(), START + 0.1 * row, rtol=1e-13, atol=1e-13)
    sides = torch.stack((CAMEL(START + 0.3 * eps[0]), CAMEL(START - 0.3 * eps[0])))
    torch.testing.assert_close(values, sides, rtol=1e-13, atol=1e-13)


def test_steps_from_one_point_are_the_gradient_of_the_smoothed_value_on_average() -> None:
    rows = []
    for step in range(2000):
        point = Point()
        mezo_step(point, point.value, 0.4, 1.0, 1, step)
        rows.append(point.theta().detach() - START)
    found = torch.stack(rows)
    error = found.std(0) / math.sqrt(len(found))
    assert ((found.mean(0) - CAMEL.smoothed_grad(START, 0.4)).abs() < 5 * error).all()


@pytest.mark.parametrize("dtype, most", [(torch.float32, 5e-7), (F64, 1e-15)])
def test_without_a_step_the_parameters_come_back_but_for_rounding(
    dtype: torch.dtype, most: float
) -> None:
    model = Transformer(0).to(dtype)
    before, sigma = flat(model), 0.1
    eps = normal(2, range(3, 4), len(before), dtype=dtype)[0]
    mezo_step(model, partial(text_value, model), sigma, 0.0, 2, 3)
    bound = most * (before.abs() + sigma * eps.abs())
    assert ((flat(model) - before).abs() <= bound).all()
    moved = Transformer(0).to(dtype)
    mezo_step(moved, partial(text_value, moved), sigma, 1e-2, 2, 3)
    assert (flat(moved) - before).abs().max() > 1e-4


def test_blocks_of_noise_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = Transformer(0), Transformer(0)
    mezo_step(whole, partial(text_value, whole), 1e-2, 1e-2, 0, 1)
    monkeypatch.setattr(mezo, "BLOCK", 1000)
    mezo_step(parts, partial(text_value, parts), 1e-2, 1e-2, 0, 1)
    assert torch.equal(flat(whole), flat(parts))


def test_seed_and_values_repeat_a_run_to_the_bit() -> None:
    model, again = Transformer(0), Transformer(0)
    kept = [mezo_step(model, partial(text_value, model), 1e-2, 1e-2, 4, k) for k in range(5)]
    for k, pair in enumerate(kept):
        mezo_step(again, iter(pair).__next__, 1e-2, 1e-2, 4, k)
    assert torch.equal(flat(model), flat(again))


def test_what_needs_no_gradient_stays() -> None:
    point = Point()
    point.a.requires_grad_(False)
    mezo_step(point, point.value, 0.3, 0.1, 0, 0)
    moved = point.theta().detach() != START
    assert moved.tolist() == [False, True]


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, KeyboardInterrupt()])
def test_after_a_failed_evaluation_the_parameters_are_back(
    call: int, wrong: float | KeyboardInterrupt
) -> None:
    point, calls = Point(), []

    def f() -> Tensor | float:
        calls.append(1)
        if len(calls) < call:
            return point.value()
        if isinstance(wrong, float):
            return wrong
        raise wrong

    with pytest.raises(KeyboardInterrupt if isinstance(wrong, BaseException) else ValueError):
        mezo_step(point, f, 0.3, 0.1, 0, 0)
    torch.testing.assert_close(point.theta().detach(), START, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"sigma": 0.0}, "sigma = 0.0; a positive"),
        ({"sigma": math.inf}, "sigma = inf"),
        ({"lr": -0.1}, "lr = -0.1; a finite number that is not negative"),
        ({"lr": math.nan}, "lr = nan"),
        ({"step": -1}, "step = -1; steps are counted from 0"),
    ],
)
def test_bad_arguments_raise_before_anything_moves(wrong: dict, message: str) -> None:
    point = Point()
    with pytest.raises(ValueError, match=message):
        mezo_step(point, point.value, **{"sigma": 0.1, "lr": 0.1, "seed": 0, "step": 0, **wrong})
    assert torch.equal(point.theta().detach(), START)


def test_parameters_that_cannot_move_are_named() -> None:
    with pytest.raises(ValueError, match="no parameter of the module requires a gradient"):
        mezo_step(nn.ReLU(), lambda: 0.0, 0.1, 0.1, 0, 0)
    turned = nn.Module()
    turned.w = nn.Parameter(torch.zeros(2, 3).T)
    with pytest.raises(ValueError, match=r"parameter w is torch\.float32 with strides"):
        mezo_step(turned, lambda: 0.0, 0.1, 0.1, 0, 0)


def test_curvature_of_a_quadratic_is_its_matrix() -> None:
    turn = torch.linalg.qr(normal(0, 6, 6, dtype=F64)).Q
    H = turn @ torch.diag(torch.tensor([9.0, 3, 1, 0, 0, -2], dtype=F64)) @ turn.T
    module = nn.Module()
    module.x = nn.Parameter(normal(1, 2, 3, dtype=F64))

    def quadratic() -> Tensor:
        return module.x.flatten() @ H @ module.x.flatten() / 2

    found = curvature(module, quadratic, probes=400)
    assert abs(found.trace - 11) < 5 * found.standard_error < 5
    assert found.largest == pytest.approx(9, rel=1e-9)
    assert found.effective_rank == found.trace / found.largest
    with pytest.raises(ValueError, match="probes = 1"):
        curvature(module, quadratic, probes=1)


def inference(model: nn.Module) -> None:
    with torch.no_grad():
        loss(model, TEXT)


def backprop(model: nn.Module) -> None:
    torch.autograd.grad(loss(model, TEXT), list(model.parameters()))


@pytest.mark.usefixtures("no_jaxtyping")
def test_memory_is_that_of_inference_and_does_not_grow_with_the_layers() -> None:
    taken: dict[Callable, list[int]] = {inference: [], backprop: [], mezo_step: []}
    for layers in (1, 4):
        model = Transformer(0, layers=layers)
        step = partial(mezo_step, model, partial(text_value, model), 1e-3, 0.0, 0, 0)
        step()  # what the noise keeps is there from now on
        for way in (inference, backprop):
            taken[way].append(peak(partial(way, model)))
        taken[mezo_step].append(peak(step))
    assert taken[mezo_step] == taken[inference]
    assert taken[mezo_step][0] == pytest.approx(taken[mezo_step][1], rel=0.1)
    assert taken[backprop][1] > 2.5 * taken[backprop][0]


@pytest.mark.parametrize("block", range(9))
def test_ctrl_c_in_the_middle_of_a_move_leaves_the_parameters_where_they_were(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Three blocks a move; after the third move the step is made, and Ctrl-C comes then."""
    module = nn.Linear(3, 1, bias=False).double()
    before, drawn = module.weight.detach().clone(), []

    def draw(*args: object, **options: object) -> Tensor:
        drawn.append(1)
        if len(drawn) == block + 1:
            signal.raise_signal(signal.SIGINT)
        return normal(*args, **options)

    monkeypatch.setattr(mezo, "BLOCK", 1)
    monkeypatch.setattr(mezo, "normal", draw)
    with pytest.raises(KeyboardInterrupt):
        mezo_step(module, lambda: module.weight.sum(), 0.1, 0.01, 0, 0)
    if block < 6:
        torch.testing.assert_close(module.weight.detach(), before, rtol=0, atol=1e-14)
    else:
        monkeypatch.setattr(mezo, "normal", normal)
        other = nn.Linear(3, 1, bias=False).double()
        other.weight.data.copy_(before)
        mezo_step(other, lambda: other.weight.sum(), 0.1, 0.01, 0, 0)
        assert torch.equal(module.weight, other.weight)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
