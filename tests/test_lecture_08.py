"""Lecture 08: every numbered equation and every number in its prose, checked."""

import math
import re
from collections.abc import Callable

import nbformat
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from course import lab
from course.widgets import average_of_gains, cliff, descend, steer, two_noises
from course.widgets import gains as descents
from course.widgets import regulating as sticks
from course.widgets.figure import Figure
from smoothlib import LQR, normal
from tests.prose import Prose
from tests.test_lqr import gain, matrix, near, stable_gains, system

LECTURE = nbformat.read(lab.REPO / "lectures" / "08_lqr.ipynb", as_version=4)
PROSE = Prose("08_lqr")
says = PROSE.says
STICK = LQR(1.1, 1.0, 1.0, 0.5)
ODD = LQR(-0.8, 0.5, 2.0, 0.3, 1.7)  # a, b, q, r and W all differ, and none is 1
K_BEST = 0.8179285698650295
ONE = matrix([[1.0]])


def parts(lq: LQR) -> tuple[float, ...]:
    return tuple(float(part) for part in (lq.A, lq.B, lq.Q, lq.R, lq.W))


def cost(k: float, lq: LQR = STICK) -> float:
    """C(k), by hand."""
    a, b, q, r, W = parts(lq)
    return (q + r * k**2) * W / (1 - (a - b * k) ** 2)


def ahead(k: float, lq: LQR = STICK) -> float:
    """P_k as the sum of all costs from a lean of 1."""
    a, b, q, r, _ = parts(lq)
    return math.fsum((q + r * k**2) * (a - b * k) ** (2 * t) for t in range(4000))


def slope(f: Callable[[float], float], x: float, step: float = 1e-5) -> float:
    return (f(x + step) - f(x - step)) / (2 * step)


def simulate(
    lq: LQR, k: float, steps: int, n: int, sigma: float = 0.0, seed: int = 5
) -> tuple[Tensor, Tensor, Tensor]:
    """Leans, action noise and costs, each (steps, n), by plain loops from E s₀² = W."""
    a, b, q, r, W = parts(lq)
    noise = normal(seed, 2 * steps, n, dtype=torch.float64)
    wind, eps = math.sqrt(W) * noise[:steps], noise[steps:]
    s, leans, costs = wind[0], [], []
    for t in range(steps):
        action = -k * s + sigma * eps[t]
        leans.append(s)
        costs.append(q * s**2 + r * action**2)
        s = a * s + b * action + (wind[t + 1] if t + 1 < steps else 0)
    return torch.stack(leans), eps, torch.stack(costs)


def test_every_numbered_equation_has_a_test() -> None:
    assert PROSE.untested(globals()) == []


def test_figures_are_numbered_in_order() -> None:
    numbers = [int(n) for n in re.findall(r"\*\*Figure (\d+)\.?\*\*", PROSE.text)]
    assert numbers == list(range(1, 9))


# --- the equations ------------------------------------------------------------------------


def test_equation_8_1() -> None:
    a, b, _, _, W = parts(ODD)
    for k in (0.2, -1.1):
        Sigma = W / (1 - (a - b * k) ** 2)
        assert Sigma == pytest.approx((a - b * k) ** 2 * Sigma + W)
        leans, _, _ = simulate(ODD, k, 60, 40_000)
        assert near(leans[-1] ** 2, Sigma)
        assert float(ODD.covariance(gain(k))) == pytest.approx(Sigma)


def test_equation_8_2() -> None:
    for k in (0.2, -1.1):
        _, _, costs = simulate(ODD, k, 60, 40_000)
        assert near(costs[-1], cost(k, ODD))
        assert float(ODD.cost(gain(k))) == pytest.approx(cost(k, ODD))
    assert float(ODD.cost(gain(0.5))) == math.inf  # M = -1.05


def test_equation_8_3() -> None:
    for lq, k in ((ODD, 0.2), (ODD, -1.1), (STICK, 1.5)):
        a, b, q, r, W = parts(lq)
        P = ahead(k, lq)
        assert pytest.approx(q + r * k**2 + (a - b * k) ** 2 * P) == P
        assert P * W == pytest.approx(cost(k, lq))
        assert float(lq.cost_matrix(gain(k))) == pytest.approx(P)


@pytest.mark.parametrize("T", [1, 2, 4])
def test_equation_8_4(T: int) -> None:
    a, b, q, r, W = parts(ODD)

    def printed(k: float) -> float:
        total = sum((a - b * k) ** (2 * i) for t in range(T) for i in range(t + 1))
        return (q + r * k**2) * W / T * total

    for k in (0.2, 3.0):
        _, _, costs = simulate(ODD, k, T, 40_000)
        assert near(costs.mean(0), printed(k))
        assert float(ODD.episode_cost(gain(k), T, ODD.W) / T) == pytest.approx(printed(k))
    nodes = torch.linspace(-1, 1, 2 * T + 2, dtype=torch.float64)  # degree 2T: no more is needed
    values = torch.tensor([printed(k) for k in nodes.tolist()], dtype=torch.float64)
    powers = torch.linalg.solve(torch.linalg.vander(nodes), values)
    assert abs(float(powers[-1])) < 1e-6 * float(powers.abs().max())
    assert float(powers[-2]) == pytest.approx(r * W / T * b ** (2 * T - 2), rel=1e-3)


def test_equation_8_5() -> None:
    for lq, k in ((ODD, 0.2), (ODD, -1.1), (STICK, 0.3), (STICK, 1.9)):
        a, b, _, r, W = parts(lq)
        P, Sigma = ahead(k, lq), W / (1 - (a - b * k) ** 2)
        printed = 2 * ((r + b**2 * P) * k - a * b * P) * Sigma
        assert printed == pytest.approx(slope(lambda x, lq=lq: cost(x, lq), k), rel=1e-6)
        assert float(lq.grad(gain(k))) == pytest.approx(printed)


def test_equation_8_6() -> None:
    for lq in (ODD, STICK):
        a, b, q, r, _ = parts(lq)
        P = float(lq.optimum.P)
        assert b**2 * P**2 + (r - a**2 * r - b**2 * q) * P == pytest.approx(q * r)
        k = a * b * P / (r + b**2 * P)
        assert slope(lambda x, lq=lq: cost(x, lq), k) == pytest.approx(0, abs=1e-6)
        assert all(cost(k, lq) < cost(k + off, lq) for off in (-0.1, 0.1))


def test_equation_8_7() -> None:
    """Also the equation that it is the lowest point of, at gains that are not the best."""
    for lq, gains in ((ODD, (-3.0, -1.0, 0.3)), (STICK, (0.15, 0.5, 1.3, 2.05))):
        a, b, _, r, W = parts(lq)
        best = float(lq.optimum.K)
        Sigma = W / (1 - (a - b * best) ** 2)
        for k in gains:
            P, off = ahead(k, lq), best - k
            E = (r + b**2 * P) * k - a * b * P
            exact = Sigma * (2 * E * off + (r + b**2 * P) * off**2)
            assert cost(best, lq) - cost(k, lq) == pytest.approx(exact, rel=1e-9)
            assert cost(k, lq) - cost(best, lq) <= Sigma * E**2 / (r + b**2 * P) * (1 + 1e-12)


def test_equation_8_8() -> None:
    for lq, low, high in ((ODD, -3.55, 0.35), (STICK, 0.11, 2.09)):
        a, b, _, r, W = parts(lq)
        best, P = float(lq.optimum.K), float(lq.optimum.P)
        mu = 4 * (r + b**2 * P) * W**2 / (W / (1 - (a - b * best) ** 2))
        assert lq.dominance == pytest.approx(mu)
        for k in torch.linspace(low, high, 101).tolist():
            left = cost(k, lq) - cost(best, lq)
            assert float(lq.grad(gain(k))) ** 2 >= mu * left * (1 - 1e-9)


def test_equation_8_9() -> None:
    for k0 in (0.3, 1.8):
        k, tau, mu = k0, 0.0, STICK.dominance
        for _ in range(2000):
            k, tau = k - 1e-4 * slope(cost, k), tau + 1e-4
        left = cost(k) - cost(K_BEST)
        assert left < math.exp(-mu * tau) * (cost(k0) - cost(K_BEST))


def test_equation_8_10() -> None:
    for k, sigma in ((0.2, 0.4), (-1.1, 0.7)):
        leans, eps, costs = simulate(ODD, k, 6, 200_000, sigma)
        to_go = costs.flip(0).cumsum(0).flip(0)
        rows = (-leans * eps / sigma * to_go).sum(0)
        exact = slope(lambda x, s=sigma: float(ODD.episode_cost(gain(x), 6, ODD.W, s)), k)
        assert near(rows, exact)


def test_equation_8_11() -> None:
    lq = system(3)
    (K,) = stable_gains(lq, 1)
    M = lq.A - lq.B @ K
    power, P, Sigma = torch.eye(3).double(), torch.zeros(3, 3).double(), torch.zeros(3, 3).double()
    for _ in range(3000):
        P = P + power.T @ (lq.Q + K.T @ lq.R @ K) @ power
        Sigma = Sigma + power @ lq.W @ power.T
        power = M @ power
    assert float(lq.cost(K)) == pytest.approx(float(torch.trace(P @ lq.W)))
    E = (lq.R + lq.B.T @ P @ lq.B) @ K - lq.B.T @ P @ lq.A
    for i, j in ((0, 0), (1, 2)):
        move = torch.zeros_like(K)
        move[i, j] = 1e-6
        rise = float(lq.cost(K + move) - lq.cost(K - move)) / 2e-6
        assert float((2 * E @ Sigma)[i, j]) == pytest.approx(rise, rel=1e-5)


def test_equation_8_12() -> None:
    for k, sigma in ((0.2, 0.4), (-1.1, 0.7)):
        _, b, _, r, W = parts(ODD)
        printed = ahead(k, ODD) * (W + b**2 * sigma**2) + r * sigma**2
        _, _, costs = simulate(ODD, k, 60, 40_000, sigma)
        assert near(costs[-1], printed)
        assert float(ODD.cost(gain(k), sigma)) == pytest.approx(printed)


def test_equation_8_13() -> None:
    k, sigma = K_BEST, 0.3
    share = norm.cdf((0.1 - k) / sigma) + norm.cdf((k - 2.1) / sigma)
    gains = k + sigma * normal(1, 400_000, 1, dtype=torch.float64)
    unstable = (~STICK.stable(gains[..., None])).double()
    assert near(unstable, share)
    assert 100 * share == pytest.approx(0.84, abs=0.005) and says("the share is 0.84 %")
    means = [float(STICK.perturbed_episode_cost(gain(k), T, ONE, sigma)) / T for T in (20, 40, 80)]
    assert means[0] < 1e-10 * means[1] < 1e-10 * means[2]


# --- the numbers --------------------------------------------------------------------------


def per_step(k: float, T: int, sigma: float = 0.0) -> float:
    return float(STICK.episode_cost(gain(k), T, ONE, sigma)) / T


def in_gain(k: float, T: int, sigma: float = 0.3) -> float:
    return float(STICK.perturbed_episode_cost(gain(k), T, ONE, sigma)) / T


def test_a_weak_and_a_strong_hand() -> None:
    assert per_step(0.2, 60) == pytest.approx(5.0, abs=0.05) and says("5.0 a step")
    assert per_step(1.1, 60) == pytest.approx(1.605, abs=5e-4) and says("costs 1.605")
    grid = torch.arange(0.5, 1.5, 1e-3, dtype=torch.float64)
    costs = STICK.episode_cost(grid[:, None, None], 60, ONE) / 60
    assert float(grid[costs.argmin()]) == pytest.approx(0.8, abs=0.02)
    assert float(costs.min()) == pytest.approx(1.45, abs=0.005) and says("near 0.8, with 1.45")
    found = [cost(k) for k in (0.2, 0.8, 1.1, 2.0)]
    assert found == pytest.approx([5.37, 1.45, 1.605, 15.8], abs=0.02)
    assert says("5.37, 1.45, 1.605, 15.8 and infinity")


def test_the_cliff() -> None:
    assert (1.1 - 2.5) ** 2 == pytest.approx(1.96) and says("$M^2 = 1.96$")
    found = [per_step(2.5, T) for T in (5, 10, 20)]
    assert found == pytest.approx([45, 729, 307_000], rel=0.01)
    assert says("45 in episodes of 5 steps, 729 in episodes of 10, 307 000 in episodes of 20")
    slopes = [slope(cost, k, 1e-7) for k in (1.5, 1.9, 2.0, 2.09)]
    assert slopes == pytest.approx([4.2, 40, 160, 16_000], rel=0.01)
    assert says("slope of $C$ is 4.2, at 1.9 it is 40, at 2.0 it is 160, and at 2.09 it is 16 000")
    assert 1.9 - 0.05 * 40 == pytest.approx(-0.1) and says("one lands at $-0.1$")


def test_the_best_gain() -> None:
    best = STICK.optimum
    assert float(best.K) == pytest.approx(0.818, abs=5e-4)
    assert float(best.cost) == pytest.approx(1.450, abs=5e-4)
    assert says("$P = 1.450$, $k^* = 0.818$, and a step costs 1.450")
    k = torch.linspace(0.11, 2.09, 10_001, dtype=torch.float64)
    left = STICK.cost(k[:, None, None]) - best.cost
    ratio = (STICK.grad(k[:, None, None]).flatten() ** 2 / left)[left > 1e-6]
    assert float(ratio.min()) == pytest.approx(7.59, abs=0.005) and says("nowhere below 7.59")
    assert STICK.dominance == pytest.approx(7.18, abs=0.005) and says("$\\mu = 7.18$")


def test_the_three_estimates() -> None:
    """The notebook's own cell, and the other two at the same place."""
    names: dict = {}
    for cell in LECTURE.cells:
        if cell.id in ("exact-code", "estimates-code"):
            exec(cell.source, names)
    exact = float(STICK.episode_grad(gain(1.2), 20, ONE, 0.2)) / 20
    assert exact == pytest.approx(1.60, abs=0.005) and says("the exact slope is 1.60")
    baseline = names["to_go"].mean(1, keepdim=True)
    weights = (names["costs"].sum(0), names["to_go"], names["to_go"] - baseline)
    for weight, variance in zip(weights, (2346, 957, 133), strict=True):
        rows = (weight * names["scores"]).sum(0) / 20
        assert near(rows, exact) and float(rows.var()) == pytest.approx(variance, abs=0.5)
        assert says(f"${rows.mean():.2f} \\pm {rows.std() / 20_000**0.5:.2f}$")
    assert says("their variances are 2346, 957 and 133")
    wind = names["wind"][..., 0]
    once = normal(8, 20_000, 1, dtype=torch.float64)[:, 0]
    each = (1.2 + 0.2 * once).requires_grad_()
    tried = sticks.episodes(each, wind, torch.zeros_like(wind))[1].mean(0)
    zero = ((tried - tried.mean()) * once / 0.2).detach()
    smooth = torch.tensor(1.2, dtype=torch.float64, requires_grad=True)
    (claimed,) = torch.autograd.grad(
        STICK.perturbed_episode_cost(smooth[None, None, None], 20, ONE, 0.2).sum() / 20, smooth
    )
    assert near(zero, float(claimed))
    assert float(claimed) == pytest.approx(1.88, abs=0.005) and says("another slope, 1.88")
    measured = float(zero.var())
    assert 30 < measured < 60 and says("report about 40")
    variance, near_by = (
        zero_order_variance(1.2, 0.2, 20, math.inf),
        zero_order_variance(1.2, 0.2, 20, 7),
    )
    assert variance == pytest.approx(6.2e6, rel=0.01) and says("The exact variance is 6.2 million")
    assert near_by < 0.03 * variance and says("more than $7\\sigma$ away")
    still = torch.full((20_000,), 1.2, dtype=torch.float64, requires_grad=True)
    total = sticks.episodes(still, wind, torch.zeros_like(wind))[1].mean(0).sum()
    (first,) = torch.autograd.grad(total, still)
    assert float(first.var()) == pytest.approx(0.95, abs=0.05) and says("has the variance 0.95")


def zero_order_variance(k: float, sigma: float, T: int, reach: float) -> float:
    """Exact, of one episode with noise in the gain, less the mean cost; from |ε| < reach alone.

    Given the gain, the costs are a quadratic form xᵀAx of T normal numbers: its mean is tr A, its
    variance 2 tr A². Over ε the square is a polynomial, so Gauss-Hermite sums are exact.
    """
    node, weight = np.polynomial.hermite_e.hermegauss(2 * T + 20)
    weight = weight / weight.sum()
    mean, square = np.empty_like(node), np.empty_like(node)
    for i, at in enumerate(k + sigma * node):
        L = np.tril([[(1.1 - at) ** max(t - j, 0) for j in range(T)] for t in range(T)])
        A = (1 + 0.5 * at**2) * L.T @ L / T
        mean[i], square[i] = np.trace(A), np.trace(A) ** 2 + 2 * np.trace(A @ A)
    F, slope_of_it = weight @ mean, weight @ (mean * node) / sigma
    each = (square - 2 * F * mean + F**2) * node**2 / sigma**2
    return float((weight * each)[np.abs(node) < reach].sum() - slope_of_it**2)


def test_the_exact_variance_is_the_measured_one_where_the_cliff_is_out_of_reach() -> None:
    once = normal(9, 100_000, 1, dtype=torch.float64)[:, 0]
    wind = normal(10, 8, 100_000, dtype=torch.float64)
    tried = sticks.episodes(0.9 + 0.05 * once, wind, torch.zeros_like(wind))[1].mean(0)
    rows = (tried - tried.mean()) * once / 0.05
    assert near((rows - rows.mean()) ** 2, zero_order_variance(0.9, 0.05, 8, math.inf))


def falls(step: descents.Step, k0: float, seeds: int) -> int:
    return sum(abs(float(descents._descent(step, k0, 0.04, 20, s)[-1])) > 9 for s in range(seeds))


def test_who_falls() -> None:
    counts = [
        falls(descents._step(name, None), 1.6, 100)
        for name in ("first-order", "zero-order", "policy gradient")
    ]
    assert counts == [0, 10, 10]
    assert says("first-order never falls, zero-order and policy gradient in ten each")
    assert says("From 1.2, far from the cliff at 2.1, they fall in two and in three of a hundred")
    for name, wanted in (("zero-order", 2), ("policy gradient", 3)):
        step = descents._step(name, None)
        paths = torch.stack([descents._descent(step, 1.2, 0.04, 20, s) for s in range(100)])
        fell = paths[paths[:, -1].abs() > 9]
        assert len(fell) == wanted
        assert all(float(path[path.abs() < 2.1].min()) < 0.8 for path in fell)
    first_try = descents._descent(descents._step("zero-order", None), 1.6, 0.04, 20, 0)
    assert float(first_try[1]) < 0 and says("Zero-order falls at the first step here")
    once = sticks.draws(7919, descents.STEPS, 20)[0][0]
    wind = sticks.draws(0, descents.T * descents.STEPS, 20)[0][: descents.T]
    paid = sticks.episodes(1.6 + 0.2 * once, wind, torch.zeros_like(wind))[1].mean(0)
    assert float(1.6 + 0.2 * once[paid.argmax()]) == pytest.approx(2.10, abs=0.005)
    assert float(paid.max()) == pytest.approx(68, abs=0.5) and says("at 2.10, paid 68 a step")
    grid = torch.linspace(0.5, 1.1, 6001, dtype=torch.float64)
    best = float(grid[sticks.per_step(grid, descents.T).argmin()])
    assert best == pytest.approx(0.802, abs=5e-4) and says("the best gain for them is 0.802")


def test_what_a_line_does_to_your_own_gradient() -> None:
    names: dict = {}
    source = next(cell.source for cell in LECTURE.cells if cell.id == "own")
    exec(source.replace("descend(mine)", ""), names)

    def to_go(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
        left = costs.flip(0).cumsum(0).flip(0)
        return (left * -states * eps / sigma).sum(0)

    def centred(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
        left = costs.flip(0).cumsum(0).flip(0)
        return ((left - left.mean(1, keepdim=True)) * -states * eps / sigma).sum(0)

    def fallen(mine: Callable) -> int:
        return falls(lambda k, wind, eps, once: descents._by_policy(mine, k, wind, eps), 1.6, 50)

    assert [fallen(mine) for mine in (names["mine"], to_go, centred)] == [50, 43, 8]
    assert says("falls in all of 50 repetitions") and says("in 43 of them") and says("in 8")


def readout(figure: Figure, **values: float) -> str:
    return " · ".join(
        part if isinstance(part, str) else part[-1] for part in figure.answer(**values).readout
    )


def test_the_average_of_two_perfect_gains() -> None:
    figure = average_of_gains()
    assert "*ρ* = **0.00** · cost of a step **34.2**" in readout(figure, share=0, p=4)
    assert "*ρ* = **2.00** · cost of a step **∞**" in readout(figure, share=0.5, p=4)
    assert "*ρ* = **0.00** · cost of a step **34.2**" in readout(figure, share=1, p=4)
    assert says("two places of cost 34, for $p = 4$, it is infinite") and says(
        "doubles in every step"
    )
    far = descents.PAIR.A - matrix([[0.0, 5.0], [5.0, 0.0]])
    assert float(descents.PAIR.radius(far)) == pytest.approx(5) and says("it grows fivefold")
    assert float(descents.PAIR.optimum.cost) == pytest.approx(3.09, abs=0.005)
    end = descents._way_down(4.0)[-1]
    K = matrix([[0.0, float(end[0])], [float(end[1]), 0.0]])
    assert float(descents.PAIR.cost(K)) == pytest.approx(3.09, abs=0.005)
    assert says("it arrives at 3.09, the best there is")


def test_stable_gains_of_two_sticks_are_a_cross() -> None:
    M = 6 * torch.rand(500, 2, generator=torch.Generator().manual_seed(0)).double() - 3
    loops = torch.zeros(500, 2, 2, dtype=torch.float64)
    loops[:, 0, 1], loops[:, 1, 0] = M[:, 0], M[:, 1]
    stable = descents.PAIR.stable(descents.PAIR.A - loops)
    assert torch.equal(stable, M.prod(1).abs() < 1)


def lowest(T: int, noise: str) -> float:
    k = torch.arange(-0.2, 1.3, 1e-3, dtype=torch.float64)[:, None, None]
    if noise == "gain":
        costs = STICK.perturbed_episode_cost(k, T, ONE, 0.3)
    else:
        costs = STICK.episode_cost(k, T, ONE, 0.3 if noise == "action" else 0.0)
    return float(k[costs.argmin()])


def test_two_noises() -> None:
    for k in (-0.3, 0.8, 2.5):
        assert per_step(k, 1, 0.3) == pytest.approx(in_gain(k, 1))
    assert lowest(1, "gain") == pytest.approx(0, abs=1e-3)
    for T, action, own in ((5, 0.76, 0.83), (20, 0.81, 1.065), (30, 0.81, 1.07)):
        assert lowest(T, "action") == pytest.approx(action, abs=0.005)
        assert lowest(T, "gain") == pytest.approx(own, abs=0.006)
    assert says("0.76 for actions and 0.83 for gains; with $T = 20$ it is 0.81 and 1.06")
    exact = [lowest(5, noise) for noise in ("action", "gain", "none")]
    assert exact == pytest.approx([0.759, 0.829, 0.760], abs=1e-3)
    assert says(
        "0.759 with noise in the action and 0.829 with noise in the gain, without noise 0.7"
    )
    assert says("In thirty it is 0.81 and 1.07")
    shown = readout(two_noises(), T=20)
    assert "with noise in the action **0.81**, in the gain **1.06**" in shown
    assert per_step(0.82, 20, 0.3) == pytest.approx(1.61, abs=0.005)
    assert in_gain(0.82, 20) == pytest.approx(1_900, rel=0.02)
    assert in_gain(0.82, 40) == pytest.approx(2e18, rel=0.1)
    assert says(
        "costs 1.61 a step, noise in the gain 1 900, and with $T = 40$ it is $2\\cdot10^{18}$"
    )
    assert "in the gain: exact **1.9e3**, 300 sticks **1.94** ± 0.21" in readout(two_noises(), T=20)
    assert says("say $1.94 \\pm 0.21$")


def test_exact_parameter_noise_is_that_of_quadrature() -> None:
    for T in (1, 4):
        wanted, _ = quad(lambda e, T=T: norm.pdf(e) * per_step(0.82 + 0.3 * e, T), -12, 12)
        assert in_gain(0.82, T) == pytest.approx(wanted, rel=1e-8)


def test_noise_with_an_end() -> None:
    pair = (cost(K_BEST - 0.3) + cost(K_BEST + 0.3)) / 2
    assert pair == pytest.approx(1.67, abs=0.005) and says("it costs 1.67 where")


def test_noise_in_the_gain_of_every_step_has_a_finite_mean_square() -> None:
    """The last question of the lecture, by its own hint."""
    k, sigma, n = 0.8, 0.3, 100_000
    s, noise = torch.zeros(n, dtype=torch.float64), normal(2, 80, n, dtype=torch.float64)
    for shake, wind in noise.reshape(40, 2, n):
        s = (1.1 - k - sigma * shake) * s + wind
    assert near(s**2, 1 / (1 - (1.1 - k) ** 2 - sigma**2))


def test_descent_with_a_broken_gradient_says_what_is_wanted() -> None:
    figure = descend(lambda states, eps, costs, sigma: costs)
    with pytest.raises(ValueError, match=r"returned \(15, 20\) for 20 episodes; one number"):
        figure.answer(k0=1.0)


# --- the figures --------------------------------------------------------------------------


def marks(figure: Figure, panel: str, kind: str, **values: float) -> list[dict]:
    return [m for m in figure.answer(**values).panels[panel] if m["mark"] == kind]


def test_the_curves_of_the_cliff_are_exact_and_the_ring_is_measured() -> None:
    limit, curve = marks(cliff(), "cost", "curve", k=1.5, T=7)
    (ring,) = marks(cliff(), "cost", "measured", k=1.5, T=7)
    for k in (0.2, 1.0, 2.0):
        i = int((curve["x"] - k).abs().argmin())
        at = float(curve["x"][i])
        assert float(curve["y"][i]) == pytest.approx(per_step(at, 7), rel=1e-5)
        assert float(limit["y"][i]) == pytest.approx(cost(at), rel=1e-4)
    assert abs(float(ring["y"]) - per_step(1.5, 7)) < 5 * float(ring["error"])
    outside = (limit["x"] < 0.099) | (limit["x"] > 2.101)
    assert bool(limit["y"][outside].isnan().all())


def test_the_sticks_of_the_first_figure_stay_in_their_band() -> None:
    (curves,) = marks(steer(), "lean", "curve", k=0.4)
    (band,) = marks(steer(), "lean", "band", k=0.4)
    spread = math.sqrt(sum(0.7 ** (2 * i) for i in range(60)))
    assert float(band["high"][-1]) == pytest.approx(2 * spread, rel=1e-4)
    wind, _, _ = sticks.draws(0, sticks.STEPS, sticks.EPISODES)
    states, _ = sticks.episodes(torch.tensor(0.4).double(), wind, torch.zeros_like(wind))
    torch.testing.assert_close(curves["y"], states[:, :6].T.float())
    inside = (states.abs() < 2 * torch.as_tensor(band["high"])[:, None] / 2).double().mean()
    assert float(inside) == pytest.approx(0.954, abs=0.01)


def test_the_shaded_gains_are_the_stable_ones() -> None:
    (image,) = marks(average_of_gains(), "gains", "image", share=0.3, p=4)
    at = torch.linspace(descents.NEAR, descents.FAR, descents.CELLS, dtype=torch.float64)
    M = (1.2 - at[None, :]) * (1.2 - at[:, None])
    clear = image["values"] == 255
    sure = (M.abs() - 1).abs() > 1e-9
    assert torch.equal(clear[sure], (M.abs() >= 1)[sure])


def test_both_noises_are_drawn_exactly() -> None:
    plain, action, own = marks(two_noises(), "cost", "curve", k=0.8, T=6, sigma=0.3)
    for curve, exact in ((plain, per_step), (action, lambda k, T: per_step(k, T, 0.3)),
                         (own, in_gain)):  # fmt: skip
        for k in (0.3, 1.5):
            i = int((curve["x"] - k).abs().argmin())
            assert float(curve["y"][i]) == pytest.approx(exact(float(curve["x"][i]), 6), rel=1e-4)
