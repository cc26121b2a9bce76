"""Figures: a stick on a palm, held up by one gain; its cost, its cliff, and two kinds of noise."""

import math
from functools import lru_cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import (
    Axis,
    Clock,
    Column,
    Figure,
    NewNoise,
    Panel,
    Picture,
    Slider,
    Toggle,
)
from course.widgets.marks import Mark
from smoothlib import LQR, normal

STICK = LQR(1.1, 1.0, 1.0, 0.5)  # the lean grows by a tenth a step; W = 1
START = torch.ones(1, 1, dtype=torch.float64)  # E s₀²
CLIFFS = (0.1, 2.1)  # |1.1 - k| < 1 between them
LOW, HIGH = -0.4, 2.6  # gains shown
GRID = torch.linspace(LOW, HIGH, 241, dtype=torch.float64)
STEPS, EPISODES = 60, 300
TOP = 1e4  # of the costs shown


def gains(k: Tensor) -> Tensor:
    """Gains as numbers, any shape, as smoothlib wants them: (..., 1, 1)."""
    return k.double()[..., None, None]


def per_step(k: Tensor, horizon: int, sigma: float = 0.0) -> Tensor:
    """Exact mean cost of a step in episodes of the stick."""
    return STICK.episode_cost(gains(k), horizon, START, sigma) / horizon


def episodes(k: Tensor, wind: Tensor, pushes: Tensor) -> tuple[Tensor, Tensor]:
    """States and costs, both (T, n), of the stick with gains k, () or (n,); the others (T, n)."""
    states, _, costs = STICK.simulate(gains(k), wind[..., None], pushes[..., None])
    return states[..., 0], costs


@lru_cache(4)
def draws(seed: int, horizon: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Wind (T, n), action noise (T, n) and one number for each episode, (n,), all standard."""
    noise = normal(seed, 2 * horizon + 1, n, dtype=torch.float64)
    return noise[:horizon], noise[horizon:-1], noise[-1]


def _measured(costs: Tensor) -> tuple[float, float]:
    """Mean cost of a step over episodes (T, n), and its standard error."""
    each = costs.mean(0)
    return float(each.mean()), float(each.std()) / math.sqrt(len(each))


def _number(cost: float) -> str:
    return f"{cost:.2f}" if cost < 100 else f"{cost:.1e}".replace("e+0", "e").replace("e+", "e")


def _edges(low: float, high: float) -> list[Mark]:
    """The gains at which the stick begins to fall, and what lies beyond."""
    return [
        m.band([LOW, CLIFFS[0]], [low, low], [high, high], "wrong"),
        m.band([CLIFFS[1], HIGH], [low, low], [high, high], "wrong"),
        *(m.line([k, k], [low, high], "jump") for k in CLIFFS),
    ]


def _gain_slider(start: float) -> Slider:
    return Slider("k", "gain k", "*k*", LOW, HIGH, start, 0.01, under="cost")


def _cost_panel(title: str, top: float, right: float = 0, height: float = 240) -> Panel:
    return Panel("cost", title, "cost of a step", Axis(LOW, HIGH, (0, 0.5, 1, 1.5, 2, 2.5)),
                 Axis(1, top, [10.0**p for p in range(0, round(math.log10(top)) + 1, 2)],
                      "power", log=True), height=height, margin=46, right=right)  # fmt: skip


# --- one gain -------------------------------------------------------------------------------


def steer() -> Figure:
    """Sticks held up by the hand -k s for a chosen k, and the mean cost of a step over k."""

    def draw(now: SimpleNamespace) -> Picture:
        noise, _, _ = draws(int(now.seed), STEPS, EPISODES)
        states, costs = episodes(torch.tensor(now.k), noise, torch.zeros_like(noise))
        mean, error = _measured(costs)
        spread = _spread(now.k)
        t = torch.arange(STEPS)
        tries = [trial.k for trial in now.earlier]
        return Picture(
            panels={
                "lean": [
                    m.band(t, -2 * spread, 2 * spread),
                    m.line([0, STEPS - 1], [0, 0], "level"),
                    m.curve(t.expand(6, -1), states[:, :6].T.clamp(-99, 99), "sample", width=1.2,
                            t=t),
                ],
                "cost": [
                    *(_exact() if now.shown else []),
                    m.points(tries, [_tried(k, int(now.seed)) for k in tries], kind="try"),
                    m.line([now.k, now.k], [1, min(mean, TOP)], "guide"),
                    m.measured(now.k, min(mean, TOP), min(error, mean / 2), kind="mean"),
                    m.handle(now.k, 1, {"x": "k"}, arrows=[(1, 0), (-1, 0)]),
                ],
            },
            readout=[
                [f"step **{step}**" for step in range(STEPS)],
                f"*k* = **{now.k:.2f}**",
                f"cost of a step **{_number(mean)}** ± {_number(error)}",
                f"exact **{_number(float(per_step(torch.tensor(now.k), STEPS)))}**"
                if now.shown else "",
            ],
            aside=f"{EPISODES} sticks, {STEPS} steps",
            alt=f"Six sticks held up with k = {now.k:.2f}: their leans over {STEPS} steps; beside "
            "it the mean cost of a step for every gain that was tried.",
        )  # fmt: skip

    return Figure(
        "How strongly should the hand answer?",
        "Drag *k* and look for the cheapest gain. The hand moves by −*k* times the lean; orange "
        "are six of 300 sticks, the grey band holds 95 percent.",
        [
            Column([Panel("lean", "Lean of the stick", "*s*",
                          Axis(0, STEPS - 1, (0, 20, 40), unit="step"), Axis(-12, 12, (-10, 0, 10)),
                          height=240)], 1.2),
            Column([_cost_panel("Cost", TOP)]),
        ],
        [_gain_slider(0.4), Toggle("shown", "Show exact cost", "Hide exact cost"), NewNoise()],
        draw,
        Clock(end=STEPS - 1, seconds=5, label="step", start=STEPS - 1),
    )  # fmt: skip


def _exact() -> list[Mark]:
    return [*_edges(1, TOP), m.curve(GRID, per_step(GRID, STEPS).clamp(max=9 * TOP), "truth")]


def _spread(k: float) -> Tensor:
    """Exact standard deviation of the lean at every step, (STEPS,)."""
    square = (1.1 - k) ** 2
    total = torch.cumsum(square ** torch.arange(STEPS, dtype=torch.float64), 0)
    return total.sqrt().clamp(max=99)


@lru_cache(256)
def _tried(k: float, seed: int) -> float:
    noise, _, _ = draws(seed, STEPS, EPISODES)
    _, costs = episodes(torch.tensor(k), noise, torch.zeros_like(noise))
    return min(_measured(costs)[0], TOP)


# --- the cliff ------------------------------------------------------------------------------


def cliff() -> Figure:
    """Cost of a step over k for episodes of T steps, its limit, and the mean square of the lean."""
    bottom, top, longest = 0.1, 1e8, 200
    limit = STICK.cost(gains(GRID))

    def draw(now: SimpleNamespace) -> Picture:
        T = round(now.T)
        cost = per_step(GRID, T)
        here = float(per_step(torch.tensor(now.k), T))
        growth = (1.1 - now.k) ** 2
        t = torch.arange(longest + 1, dtype=torch.float64)
        square = torch.cumsum(growth**t, 0)
        noise, _, _ = draws(int(now.seed), T, EPISODES)
        states, costs = episodes(torch.tensor(now.k), noise, torch.zeros_like(noise))
        mean, error = _measured(costs)
        return Picture(
            panels={
                "cost": [
                    *_edges(1, top),
                    m.curve(GRID, limit.where(limit < math.inf, torch.nan), dash=(6, 4)),
                    m.curve(GRID, cost.clamp(max=9 * top), "truth"),
                    m.measured(now.k, min(mean, top), min(error, mean / 2), kind="mean"),
                    m.handle(now.k, min(here, top), {"x": "k"}, core=False,
                             arrows=[(1, 0), (-1, 0)]),
                    m.text(1.1, 30, "for ever", "objective", align="center", dy=-4),
                    m.text(1.1, 30, f"*T* = **{T}**", "truth", align="center", dy=14),
                ],
                "square": [
                    m.line([0, longest], [1, 1], "level"),
                    m.line([T - 1, T - 1], [bottom, top], "guide"),
                    m.points(torch.arange(T), states.square().mean(1).clamp(bottom, 9 * top)),
                    m.curve(t, square.clamp(max=9 * top), "truth"),
                ],
            },
            readout=[
                f"*M* = 1.1 − *k* = **{1.1 - now.k:.2f}**",
                f"*M*² = **{growth:.3f}**",
                f"cost of a step **{_number(here)}**",
                f"for ever **{_number(float(STICK.cost(gains(torch.tensor(now.k)))))}**"
                if growth < 1 else "for ever **∞**",
            ],
            aside="stable" if growth < 1 else "unstable",
            alt=f"The cost of a step over the gain for episodes of {T} steps and in the long run; "
            f"beside it the mean square of the lean over the steps for k = {now.k:.2f}.",
        )  # fmt: skip

    return Figure(
        "Where does the cliff come from?",
        "Drag the ring over a dotted line, then let the episodes grow. Orange: 300 sticks.",
        [
            Column([_cost_panel("Cost over the gain", top, height=260)], 1.2),
            Column([Panel("square", "Mean square of the lean", "exact, and of 300 sticks",
                          Axis(0, longest, 4, unit="step"),
                          Axis(bottom, top, (1, 1e2, 1e4, 1e6, 1e8), "power", log=True),
                          height=260, margin=46)]),
        ],
        [
            _gain_slider(1.5),
            Slider("T", "steps of an episode, T", "*T*", 1, longest, 10, 1, format="d", log=True),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


# --- two noises -----------------------------------------------------------------------------

SHOWN = 10  # paths of each kind
KINDS = {"in the action": "sample", "in the gain": "gradient"}


def two_noises() -> Figure:
    """The cost with noise in every action, and with noise in the gain, once for each episode."""
    top, longest = 1e6, 40

    def draw(now: SimpleNamespace) -> Picture:
        T, sigma = round(now.T), now.sigma
        exact = _averages(T, sigma)
        noise, push, once = draws(int(now.seed), T, EPISODES)
        k, still = torch.tensor(now.k), torch.zeros_like(noise)
        runs = {
            "in the action": episodes(k, noise, sigma * push),
            "in the gain": episodes(k + sigma * once, noise, still),
        }
        best = {name: _lowest(cost) for name, cost in exact.items()}
        found = {name: _measured(costs) for name, (_, costs) in runs.items()}
        t = torch.arange(T)
        return Picture(
            panels={
                "cost": [
                    *_edges(1, top),
                    *(mark for name, cost in exact.items()
                      for mark in _average(name, cost, top)),
                    *(m.measured(now.k, min(mean, top), min(error, mean / 2), KINDS[name],
                                 kind="mean") for name, (mean, error) in found.items()),
                    m.handle(now.k, 1, {"x": "k"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "lean": [
                    m.line([0, longest], [0, 0], "level"),
                    *(m.curve(t.expand(SHOWN, -1), states[:, :SHOWN].T.clamp(-99, 99),
                              KINDS[name], width=1) for name, (states, _) in runs.items()),
                    *([m.points([0] * SHOWN, states[0, :SHOWN].clamp(-99, 99), KINDS[name])
                       for name, (states, _) in runs.items()] if T == 1 else []),
                ],
            },
            readout=[
                f"best *k* **{best['none']:.2f}**, with noise in the action "
                f"**{best['in the action']:.2f}**, in the gain **{best['in the gain']:.2f}**",
                *(f"{name}: exact **{_number(float(_at(name, now.k, T, sigma)))}**, "
                  f"{EPISODES} sticks **{_number(mean)}** ± {_number(error)}"
                  for name, (mean, error) in found.items()),
            ],
            alt=f"The cost of a step over the gain, without noise, with noise σ = {sigma:.2f} in "
            "every action, and with as much in the gain; beside it sticks with either noise.",
        )  # fmt: skip

    return Figure(
        "Noise in the action, noise in the gain. Are they one thing?",
        "Orange: new noise in every action. Green: one noise for the gain, kept for the episode. "
        "Begin with *T* = 1.",
        [
            Column([_cost_panel("Exact averages over the gain", top, height=250)], 1.2),
            Column([Panel("lean", "Ten sticks of each kind", "*s*",
                          Axis(0, longest, 4, unit="step"), Axis(-8, 8, (-5, 0, 5)),
                          height=250)]),
        ],
        [
            _gain_slider(0.82),
            Slider("sigma", "standard deviation σ of either noise", "*σ*", 0.02, 0.6, 0.3),
            Slider("T", "steps of an episode, T", "*T*", 1, longest, 20, 1, format="d"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def _at(kind: str, k: float | Tensor, T: int, sigma: float) -> Tensor:
    """Exact cost of a step with this kind of noise."""
    at = torch.as_tensor(k, dtype=torch.float64)
    if kind == "in the gain":
        return STICK.perturbed_episode_cost(gains(at), T, START, sigma) / T
    return per_step(at, T, sigma if kind == "in the action" else 0.0)


@lru_cache(64)
def _averages(T: int, sigma: float) -> dict[str, Tensor]:
    return {kind: _at(kind, GRID, T, sigma) for kind in ("none", *KINDS)}


def _average(name: str, cost: Tensor, top: float) -> list[Mark]:
    role = KINDS.get(name, "objective")
    least = float(cost.min().clamp(max=top))
    return [
        m.curve(GRID, cost.clamp(max=9 * top), role),
        m.points(_lowest(cost), least, role, kind="ball"),
    ]


def _lowest(cost: Tensor) -> float:
    """Where a curve over GRID is lowest, between its points: by a parabola through three."""
    i = int(cost.argmin())
    left, here, right = cost[i - 1 : i + 2].log().tolist()
    shift = (left - right) / (2 * (left - 2 * here + right))
    return float(GRID[i] + shift * (GRID[1] - GRID[0]))
