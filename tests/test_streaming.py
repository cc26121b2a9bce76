"""Compiled estimates are the eager ones: to rounding, for any chunk, and where they cannot be.

The compiler runs in a process of its own: the run-time checks of shapes in these tests do not
compile.
"""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from smoothlib import BallWall, streaming
from smoothlib.estimators import antithetic, first_order, leave_one_out, zero_order
from smoothlib.noise import normal
from smoothlib.statistics import Estimate, estimate, estimates
from smoothlib.streaming import NOTHING, part_of

REPO = Path(__file__).resolve().parent.parent
WALL = BallWall()
THREE = (zero_order, antithetic, first_order)
COVARIANCE = torch.tensor([[0.3, 0.0, 0.0], [0.1, 0.2, 0.0], [-0.1, 0.2, 0.4]])


def point(*x: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(x, dtype=dtype)


def plain(x: Tensor) -> Tensor:
    return (x**2).sum(-1).cos() + torch.where(x[..., 0] > 0.2, 1.0, 0.0)


def high(x: Tensor) -> Tensor:
    return 1e8 + x[..., 0]


def branching(x: Tensor) -> Tensor:
    return x[..., 0] if x.sum() > 0 else -x[..., 0]


def misshapen(x: Tensor) -> Tensor:
    return x


def slope_of_level(f: object, theta: Tensor, sigma: object, eps: Tensor) -> Tensor:
    """Rows with a large mean and a small spread."""
    return high(theta + sigma * eps)[:, None]


def answers(compile: bool) -> dict[str, Any]:
    """The same questions, eager or compiled."""
    given: dict[str, Any] = {"compile": compile}
    wall = partial(estimates, WALL, point(0.9), 0.1, seed=3, estimators=THREE)
    company = (partial(zero_order, baseline=leave_one_out), first_order)
    three = point(0.1, 0.3, -0.2, dtype=torch.float32)
    return {
        "wall": wall(5_001, **given),
        "wall in chunks": wall(5_001, chunk=700, **given),
        "wall, few": wall(33, **given),
        "plain": estimates(plain, three, 0.4, 20_000, 1, company, **given),
        "covariance": estimates(plain, three, COVARIANCE, 20_000, 1, company, **given),
        "high": [estimate(high, point(0.5), 0.1, 9_000, 2, slope_of_level, **given)],
    }


def complaints() -> dict[str, Any]:
    """What compile=True says of an f that is wrong, or that it cannot compile."""
    found: dict[str, Any] = {}
    for name, f, sigma in (("sigma", plain, -1.0), ("shape", misshapen, 0.1)):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                estimate(f, point(0.5, 0.5), sigma, 100, 0, compile=True)
            except ValueError as error:
                found[name] = str(error), [str(w.message) for w in said]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found["branching"] = tuple(estimate(branching, point(0.5), 0.1, 300, 0, compile=True))
        streaming.RECOMPILE_LIMIT = 1
        streaming._compiler.cache_clear()
        found["another f"] = tuple(estimate(high, point(0.5), 0.1, 300, 0, compile=True))
    found["said"] = [str(w.message) for w in said], {w.filename for w in said}
    return found


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("compiled") / "answers"
    code = "import torch; from tests.test_streaming import answers, complaints; "
    code += f"torch.save({{**answers(True), **complaints()}}, {str(place)!r})"
    run = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True)
    if "C++ compiler" in run.stderr and not os.environ.get("COURSE_REQUIRE_ALL"):
        pytest.skip("no C++ compiler here")
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = torch.load(place, weights_only=False)
    return found


@pytest.fixture(scope="module")
def eager() -> dict[str, Any]:
    return answers(False)


@pytest.mark.parametrize(
    "question", ("wall", "wall in chunks", "wall, few", "plain", "covariance", "high")
)
def test_compiled_estimates_equal_eager_ones(
    question: str, compiled: dict[str, Any], eager: dict[str, Any]
) -> None:
    for found, expected in zip(compiled[question], eager[question], strict=True):
        assert found.n == expected.n and found.mean.dtype == expected.mean.dtype
        fine = 1e-11 if found.mean.dtype == torch.float64 else 3e-6
        scale = expected.standard_error * expected.n**0.5
        assert ((found.mean - expected.mean).abs() <= fine * scale + 1e-15).all()
        torch.testing.assert_close(
            found.standard_error, expected.standard_error, rtol=50 * fine, atol=0
        )


def test_compiled_estimates_do_not_depend_on_the_chunk(compiled: dict[str, Any]) -> None:
    for whole, parts in zip(compiled["wall"], compiled["wall in chunks"], strict=True):
        torch.testing.assert_close(parts.mean, whole.mean, rtol=1e-12, atol=0)
        torch.testing.assert_close(parts.standard_error, whole.standard_error, rtol=1e-11, atol=0)


def test_compiled_first_order_is_the_mean_of_torch_funcs_gradients(
    compiled: dict[str, Any],
) -> None:
    theta = point(0.1, 0.3, -0.2)
    x = theta + 0.4 * normal(1, 20_000, 3, dtype=torch.float64)
    rows = torch.func.vmap(torch.func.grad(plain))(x)
    assert torch.allclose(compiled["plain"][1].mean.double(), rows.mean(0), rtol=0, atol=3e-6)


def test_a_wrong_f_or_sigma_raises_as_it_does_eager_and_nothing_else_is_said(
    compiled: dict[str, Any],
) -> None:
    assert "positive, finite standard deviation, got -1.0" in compiled["sigma"][0]
    assert "it must map (..., d) to (...)" in compiled["shape"][0]
    assert compiled["sigma"][1] == compiled["shape"][1] == []


def test_what_cannot_be_compiled_runs_eager_and_says_why(compiled: dict[str, Any]) -> None:
    for name, f in (("branching", branching), ("another f", high)):
        expected = estimate(f, point(0.5), 0.1, 300, 0)
        torch.testing.assert_close(Estimate(*compiled[name]).mean, expected.mean)
    messages, files = compiled["said"]
    assert len(messages) == 2 and all("runs eager" in message for message in messages)
    assert "ata-dependent" in messages[0] and "recompile limit" in messages[1]
    assert files == {__file__}  # the line that asked, not ours


def test_several_estimators_share_their_noise_and_are_what_each_alone_is() -> None:
    together = estimates(WALL, point(0.9), 0.1, 3_000, 7, THREE, chunk=1_000)
    for estimator, found in zip(THREE, together, strict=True):
        alone = estimate(WALL, point(0.9), 0.1, 3_000, 7, estimator, chunk=1_000)
        assert torch.equal(found.mean, alone.mean) and found.n == 3_000


@pytest.mark.parametrize("split", (1, 2, 99))
def test_parts_merge_to_the_whole(split: int) -> None:
    rows = normal(1, 100, 3, dtype=torch.float64) + 10
    whole, merged = part_of(rows), part_of(rows[:split]).merged(part_of(rows[split:]))
    assert merged.n == whole.n == 100
    torch.testing.assert_close(merged.mean, rows.mean(0))
    torch.testing.assert_close(merged.square, rows.var(0, correction=0) * 100)
    torch.testing.assert_close(NOTHING.merged(whole).square, whole.square)


@pytest.mark.parametrize("chunk", (None, 20, 150))
def test_what_is_compiled_gives_the_moments_of_the_rows(
    chunk: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run as it stands, uncompiled; 20 rows are fewer than those that the pivot is made of."""
    monkeypatch.setattr(streaming, "_compiler", lambda: streaming._moments)
    monkeypatch.setattr("smoothlib.statistics.normal", lambda *a, compile, **k: normal(*a, **k))
    given = WALL, point(0.9), 0.1, 1_000, 3, THREE, chunk
    for found, expected in zip(estimates(*given, compile=True), estimates(*given), strict=True):
        torch.testing.assert_close(found.mean, expected.mean, rtol=1e-13, atol=0)
        torch.testing.assert_close(
            found.standard_error, expected.standard_error, rtol=1e-12, atol=0
        )


def test_the_pivot_is_near_the_mean_so_that_an_offset_costs_no_digit() -> None:
    eps = normal(1, 1_000, 1, dtype=torch.float64)
    ((mean, square),) = streaming._moments((slope_of_level,), high, point(0.5), point(0.1)[0], eps)
    rows = slope_of_level(high, point(0.5), 0.1, eps)
    torch.testing.assert_close(mean, rows.mean(0), rtol=1e-15, atol=0)
    torch.testing.assert_close(square, rows.var(0, correction=0) * 1_000, rtol=1e-9, atol=0)


@pytest.mark.usefixtures("no_jaxtyping")
def test_without_a_compiler_an_estimate_is_eager_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> Callable[..., None]:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(streaming, "_compiler", broken)
    monkeypatch.setattr("smoothlib.statistics.normal", lambda *a, compile, **k: normal(*a, **k))
    with pytest.warns(UserWarning, match=r"no C\+\+ compiler.*eager"):
        fallen = estimate(WALL, point(0.9), 0.1, 1_000, 3, chunk=100, compile=True)
    expected = estimate(WALL, point(0.9), 0.1, 1_000, 3)
    torch.testing.assert_close(fallen.mean, expected.mean)
    torch.testing.assert_close(fallen.standard_error, expected.standard_error)
