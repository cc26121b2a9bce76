"""Evolution strategies: sums over a population that nobody stores, against the population."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smoothlib import Quadratic, antithetic, evolution, zero_order
from smoothlib.evolution import evolution_gradient, evolution_width_gradient
from smoothlib.noise import normal

D = 37
THETA = torch.linspace(-1, 1, D, dtype=torch.float64)


def f(x: Tensor) -> Tensor:
    return -((x - 0.5) ** 2).sum(-1) + x[..., 0].sin()


def noise(n: int, d: int = D, seed: int = 5) -> Tensor:
    return normal(seed, n, d, dtype=torch.float64)


def values(eps: Tensor, sigma: float) -> Tensor:
    return f(THETA + sigma * eps)


@pytest.mark.parametrize("n", (1, 31, 32, 500, 1_025))
def test_it_is_the_mean_of_the_rows_of_the_estimators(n: int) -> None:
    eps, sigma = noise(n), 0.3
    single = evolution_gradient(5, values(eps, sigma), sigma, D)
    torch.testing.assert_close(single, zero_order(f, THETA, sigma, eps).mean(0))
    pairs = torch.stack((values(eps, sigma), values(-eps, sigma)))
    double = evolution_gradient(5, pairs, sigma, D)
    torch.testing.assert_close(double, antithetic(f, THETA, sigma, eps).mean(0))


def test_on_a_quadratic_both_gradients_are_those_of_the_smoothed_value() -> None:
    """F = Σ (θ_i² + σ_i²)/2, so ∂F/∂θ = θ and ∂F/∂σ = σ; 5 standard errors of the rows."""
    n, d = 40_000, 3
    theta, sigma = torch.tensor([0.4, -0.2, 0.7]).double(), torch.tensor([0.5, 0.3, 0.8]).double()
    eps = noise(n, d)
    pairs = torch.stack([Quadratic()(theta + sigma * side * eps) for side in (1, -1)])
    for weights in (pairs[0], pairs):
        weights = weights - weights.mean()
        even, odd = (weights, weights) if weights.ndim == 1 else (weights.mean(0), weights[0])
        if weights.ndim == 2:
            odd = (weights[0] - weights[1]) / 2
        for found, w, basis, truth in (
            (evolution_gradient(5, weights, sigma, d), odd, eps, theta),
            (evolution_width_gradient(5, weights, sigma, d), even, eps**2 - 1, sigma),
        ):
            error = (w[:, None] * basis / sigma).std(0) / math.sqrt(n)
            assert ((found - truth).abs() < 5 * error).all()


def test_blocks_of_any_size_and_shares_of_the_coordinates_give_one_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = values(noise(333), 1.0)
    for gradient in (evolution_gradient, evolution_width_gradient):
        whole = gradient(5, weights, 1.0, D)
        part = gradient(5, weights, 1.0, range(10, 21))
        torch.testing.assert_close(part, whole[10:21])
        for block, rows in ((64, 32), (1_000, 96), (2**20, 32)):
            monkeypatch.setattr(evolution, "BLOCK", block)
            monkeypatch.setattr(evolution, "ROWS", rows)
            torch.testing.assert_close(gradient(5, weights, 1.0, D), whole)
        monkeypatch.undo()


def test_workers_with_equal_shares_average_to_the_whole() -> None:
    weights = torch.stack((values(noise(150), 0.2), values(-noise(150), 0.2)))
    whole = evolution_gradient(5, weights, 0.2, D)
    shares = [evolution_gradient(5, weights[:, i : i + 50], 0.2, D, first=i) for i in (0, 50, 100)]
    torch.testing.assert_close(torch.stack(shares).mean(0), whole)


def test_no_more_noise_than_a_block_is_ever_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def watched(*arguments: object, out: Tensor, compile: bool) -> Tensor:
        asked.append(out.numel())
        return normal(*arguments, out=out)  # type: ignore[arg-type]

    monkeypatch.setattr(evolution, "normal", watched)
    evolution_gradient(1, torch.ones(2_000), 1.0, 5_000)
    assert max(asked) <= 2**19 and sum(asked) == 2_016 * 5_000


def test_dtype_follows_the_weights_and_no_gradient_flows() -> None:
    weights = torch.ones(4, requires_grad=True)
    found = evolution_gradient(1, weights, 1.0, 3)
    assert found.dtype == torch.float32 and not found.requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gradient_is_the_same_on_cuda() -> None:
    weights = torch.linspace(-1, 1, 600)
    here, there = (
        evolution_gradient(1, weights.to(device), 0.1, 1_000) for device in ("cpu", "cuda")
    )
    torch.testing.assert_close(there.cpu(), here, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("no_jaxtyping")
@pytest.mark.parametrize("gradient", (evolution_gradient, evolution_width_gradient))
@pytest.mark.parametrize(
    ("weights", "value", "remedy"),
    [
        (torch.ones(3, 4), "(3, 4)", "(2, n/2)"),
        (torch.ones(0), "(0,)", "one for each member"),
        (torch.tensor(1.0), "()", "(n,)"),
        (torch.arange(4), "int64", "weights.float()"),
    ],
)
def test_bad_weights_raise_with_the_value_and_the_remedy(
    gradient: Callable[..., Tensor], weights: Tensor, value: str, remedy: str
) -> None:
    with pytest.raises(ValueError) as caught:
        gradient(1, weights, 1.0, 3)
    assert value in str(caught.value) and remedy in str(caught.value)


@pytest.mark.parametrize("sigma", [-1.0, 0.0, math.nan, math.inf, torch.tensor([1.0, -1.0])])
@pytest.mark.parametrize("gradient", [evolution_gradient, evolution_width_gradient])
def test_a_width_is_a_standard_deviation(gradient: Callable, sigma: object) -> None:
    with pytest.raises(ValueError, match=r"sigma = .*positive, finite"):
        gradient(0, torch.ones(4), sigma, 2)
    with pytest.raises(ValueError, match="weights hold nan"):
        gradient(0, torch.tensor([1.0, math.nan]), 1.0, 2)
