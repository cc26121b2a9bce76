"""Figures: how far to trust a critic, and REINFORCE at work."""

import math
from collections.abc import Callable
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.episodes import (
    DRONE,
    SIGMA,
    STEPS,
    TRUTH,
    all_noise,
    checked_weights,
    drawn,
    rows,
    values,
)
from course.widgets.figure import Axis, Clock, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.marks import Mark
from smoothlib.finite_horizon import expected_return
from smoothlib.trajectories import reward_to_go, time_baseline

WeightsOf = Callable[[Tensor], Tensor]

LAMBDAS = torch.linspace(0, 1, 41, dtype=torch.float64)


# --- how far to trust a critic ---------------------------------------------------------------


class _Parts(NamedTuple):
    """First and second moments of g = plain(λ) + q (critic's part)(λ), each over LAMBDAS."""

    mean: Tensor
    slope: Tensor
    square: Tensor
    mixed: Tensor
    slope_square: Tensor

    def bias_variance(self, q: float) -> tuple[Tensor, Tensor]:
        mean = self.mean + q * self.slope
        square = self.square + 2 * q * self.mixed + q**2 * self.slope_square
        return mean - TRUTH, square - mean**2


@cache
def parts() -> _Parts:
    """Exact: the gradient is linear in the critic, so five moments serve all q."""
    flights, share = all_noise()
    v = values(flights.states)
    rewards = flights.rewards
    nothing = torch.zeros_like(v)
    found = []
    for lam in LAMBDAS.tolist():
        plain = rows(advantages(rewards, nothing, lam), flights.scores)
        critic = rows(advantages(nothing, v, lam), flights.scores)
        each = (plain, critic, plain**2, plain * critic, critic**2)
        found.append(torch.stack([part @ share for part in each]))
    return _Parts(*torch.stack(found, 1))


def advantages(rewards: Tensor, v: Tensor, lam: float) -> Tensor:
    """Σ_k λᵏ δ_{t+k}, δ_t = r_t + V(s_{t+1}) - V(s_t), with V = 0 after the last step."""
    following = torch.cat((v[1:], torch.zeros_like(v[:1])))
    return reward_to_go(rewards + following - v, lam)


def lambda_dial() -> Figure:
    """Bias, standard error and root mean square error of the advantage gradient over λ."""

    def draw(now: SimpleNamespace) -> Picture:
        n = round(now.n)
        bias, variance = parts().bias_variance(now.q)
        noise = (variance / n).sqrt()
        error = (bias**2 + noise**2).sqrt()
        k = round(now.lam * (len(LAMBDAS) - 1))
        best = int(error.argmin())
        flights = drawn(int(now.seed), 100 * n)
        weight = advantages(flights.rewards, now.q * values(flights.states), now.lam)
        means = rows(weight, flights.scores).reshape(100, n).mean(1)
        return Picture(
            panels={
                "error": [
                    m.line([now.lam, now.lam], [0, TOP], "guide"),
                    m.curve(LAMBDAS, bias.abs(), "wrong"),
                    m.text(1, float(bias[-1].abs()), "bias", "wrong", dx=8, dy=4),
                    m.curve(LAMBDAS, noise, "gradient"),
                    m.text(1, min(float(noise[-1]), TOP), "noise", "gradient", dx=8, dy=-6),
                    m.curve(LAMBDAS, error, "ink", dash=(5, 4)),
                    m.points(LAMBDAS[best], error[best], "ink", kind="ball"),
                    m.handle(now.lam, 0, {"x": "lam"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "pile": [
                    m.curve([TRUTH, TRUTH], [0, 1], "truth", width=2),
                    m.text(TRUTH, 0.93, f"truth {TRUTH:+.2f}", "truth", dx=8),
                    m.histogram(means, "gradient", lift=6),
                ],
            },
            readout=[
                f"*λ* = **{now.lam:.2f}**",
                f"bias **{float(bias[k]):+.2f}**",
                f"noise **{float(noise[k]):.2f}**",
                f"error **{float(error[k]):.2f}**",
                f"least at *λ* = **{float(LAMBDAS[best]):.2f}**",
            ],
            alt="Over λ: the bias falls to 0 at λ = 1, the noise of the mean rises; the error, "
            "dashed, is least somewhere between. Beside it a pile of 100 batch means.",
        )

    return Figure(
        "How far ahead do you trust your critic?",
        "The critic says *q* times the true value. Exact bias and noise of a mean of *n* flights; "
        "dashed: the error of both. Drag *λ*.",
        [
            Column([Panel("error", "Off by", "", Axis(0, 1, (0, 0.25, 0.5, 0.75, 1), unit="*λ*"),
                          Axis(0, TOP, (0, 1, 2)), height=250, right=48)], 1.2),
            Column([Panel("pile", "Gradient", "100 means of *n* flights",
                          Axis(-6, 2, (-6, -4, -2, 0, 2), "d"), Axis(0, 1, ()), height=250,
                          margin=8)]),
        ],
        [
            Slider("lam", "lambda", "*λ*", 0, 1, 0.5, 0.025, under="error"),
            Slider("q", "the critic's value, by the true value", "*q*", 0, 1.5, 0.5, 0.05),
            Slider("n", "flights in a mean", "*n*", 2, 200, 10, format=".0f", log=True),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


TOP = 2.6


# --- learning ----------------------------------------------------------------------------------

ITERATIONS = 60
FLIGHTS = 10
GAINS = (-2.6, 0.6)
RETURNS = (-4.0, -1.0)
START = 0.0
K = torch.arange(ITERATIONS + 1)


def learn_to_hover(weights: WeightsOf | None = None) -> Figure:
    """REINFORCE on the drone's gain: ascent of J(k) by flights alone.

    `weights(rewards)`, if given, are the weights of the pushes, (T, n) to (T, n); otherwise there
    are two climbers, one by the whole return and one by reward-to-go above the others' mean.
    """

    @lru_cache(64)
    def paths(rate: float, seed: int) -> dict[str, Tensor]:
        if weights:
            return {"yours": _climb(weights, rate, seed)}
        return {
            "whole return": _climb(_whole, rate, seed),
            "to go, centred": _climb(_centred, rate, seed),
        }

    roles = {"yours": "gradient", "whole return": "plain", "to go, centred": "gradient"}

    def draw(now: SimpleNamespace) -> Picture:
        found = paths(now.rate, int(now.seed))
        return Picture(
            panels={
                "landscape": [
                    m.curve(_grid(), _returns(_grid()), "objective"),
                    *(mark for name, path in found.items() for mark in _climber(path, roles[name])),
                ],
                "flights": [
                    m.line([0, STEPS - 1], [0, 0], "guide"),
                    *(_flying(path, roles[name]) for name, path in found.items()),
                ],
                "learning": [
                    mark
                    for name, path in found.items()
                    for mark in _learning(name, path, roles[name])
                ],
            },
            readout=[
                [f"iteration **{k}**" for k in K.tolist()],
                *([f"{name}: *k* = **{x:+.2f}**" for x in path.tolist()]
                  for name, path in found.items()),
            ],
            aside=[f"{FLIGHTS * k} flights" for k in K.tolist()],
            alt="The expected return over the gain k, with a path that climbs it; one flight of "
            "each iteration; and the expected return over iterations.",
        )  # fmt: skip

    return Figure(
        "Your weights: does the drone learn?"
        if weights
        else "Does the drone learn to hold its place?",
        f"Press play. Each iteration flies {FLIGHTS} times and takes one step of ascent. Then "
        "raise the step size.",
        [
            Column([
                Panel("landscape", "Expected return", "exact, over the gain *k*",
                      Axis(*GAINS, (-2.5, -2, -1.5, -1, -0.5, 0, 0.5), unit="*k*"),
                      Axis(*RETURNS, (-4, -3, -2, -1)), height=270),
            ]),
            Column([
                Panel("flights", "One flight", "distance from the mark, m",
                      Axis(0, STEPS - 1, range(STEPS), "d", "*t*"),
                      Axis(-1.2, 1.6, (-1, 0, 1)), height=110),
                Panel("learning", "Expected return", "",
                      Axis(0, ITERATIONS, 4, unit="iteration"), Axis(*RETURNS, (-4, -3, -2, -1)),
                      height=110, right=96),
            ]),
        ],
        [
            Slider("rate", "step size eta", "*η*", 0.005, 0.3, 0.03, format=".2~g", log=True),
            NewNoise(),
        ],
        draw,
        Clock(end=ITERATIONS, seconds=9, label="iteration", under="learning"),
    )  # fmt: skip


def _whole(rewards: Tensor) -> Tensor:
    return rewards.sum(0).expand(STEPS, -1)


def _centred(rewards: Tensor) -> Tensor:
    to_go = reward_to_go(rewards)
    return to_go - time_baseline(to_go)


def _climb(weights: WeightsOf, rate: float, seed: int) -> Tensor:
    """k after each iteration, (ITERATIONS + 1,), held where the figure ends."""
    k, path = START, [START]
    for i in range(ITERATIONS):
        flights = drawn(1000 * seed + i, FLIGHTS, k)
        weight = checked_weights(weights(flights.rewards), flights.rewards)
        k += rate * float(rows(weight, flights.scores).mean())
        k = min(max(k, GAINS[0]), GAINS[1]) if math.isfinite(k) else GAINS[1]
        path.append(k)
    return torch.tensor(path, dtype=torch.float64)


def _grid() -> Tensor:
    return torch.linspace(*GAINS, 129, dtype=torch.float64)


def _returns(k: Tensor) -> Tensor:
    return expected_return(DRONE, k[:, None], SIGMA)


def _climber(path: Tensor, role: str) -> list[Mark]:
    height = _returns(path)
    return [
        m.points(path, height, role, kind="try", t=K),
        m.points(path[:, None], height[:, None], role, kind="ball", t=K),
    ]


def _flying(path: Tensor, role: str) -> Mark:
    """One flight with the gain of each iteration."""
    states = torch.stack([drawn(7, 1, k).states[:, 0] for k in path.tolist()])
    return m.moving_curve(torch.arange(STEPS), states, role, t=K)


def _learning(name: str, path: Tensor, role: str) -> list[Mark]:
    height = _returns(path).clamp(min=RETURNS[0])
    return [
        m.curve(K, height, role, t=K),
        m.text(ITERATIONS, float(height[-1]), name, role, dx=6, dy=4 if role != "plain" else 18),
    ]
