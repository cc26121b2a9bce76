"""Figures: descent on the cost of a controller, and two good gains whose average is none."""

import math
from collections.abc import Callable
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
from course.widgets.regulating import START, STICK, _edges, draws, episodes, gains, per_step
from smoothlib import LQR

PolicyGradient = Callable[[Tensor, Tensor, Tensor, float], Tensor]

STEPS, T, SIGMA = 30, 15, 0.2
LOW, HIGH = 0.0, 2.2
TIMES = torch.arange(STEPS + 1)
GRID = torch.linspace(LOW, HIGH, 221, dtype=torch.float64)
ROLES = {"exact": "truth", "first-order": "first", "zero-order": "gradient",
         "policy gradient": "sample", "yours": "sample"}  # fmt: skip
LEAST, MOST = 1e-4, 1e2  # of the cost above the best that the axis shows


# --- descent with one gain ------------------------------------------------------------------


def descend(mine: PolicyGradient | None = None) -> Figure:
    """Gradient descent on the cost of the stick, exact and by three estimates from n episodes.

    `mine(states, eps, costs, sigma)`, if given, takes the place of them all. It gets states,
    action noise and costs, each (T, n), of episodes with the actions -k s + σε, and returns a
    gradient of the sum of costs for each episode, (n,).
    """
    estimates = ("first-order", "zero-order", "policy gradient") if mine is None else ("yours",)
    names = ("exact", *estimates)
    best = float(per_step(torch.linspace(0.5, 1.1, 6001), T).min())

    def draw(now: SimpleNamespace) -> Picture:
        n, seed = round(now.n), int(now.seed)
        paths = {name: _descent(_step(name, mine), now.k0, now.eta, n, seed) for name in names}
        left = {name: (per_step(path, T) - best).clamp(LEAST, MOST)
                for name, path in paths.items()}  # fmt: skip
        return Picture(
            panels={
                "cost": [
                    *_edges(1, 100),
                    m.curve(GRID, per_step(GRID, T).clamp(max=900)),
                    *(mark for name, path in paths.items() for mark in _walker(name, path)),
                    m.handle(now.k0, 1, {"x": "k0"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "left": [
                    *(m.curve(TIMES, y, ROLES[name], t=TIMES) for name, y in left.items()),
                    *_names(left),
                ],
            },
            readout=[
                [f"step **{step}**" for step in TIMES.tolist()],
                *([f"{name} " + (f"*k* = **{k:.3f}**" if abs(k) < 9 else "**fell**")
                   for k in path.tolist()] for name, path in paths.items()),
            ],
            aside=[f"{n * step} episodes each" for step in TIMES.tolist()],
            alt=f"The cost of a step over the gain, and descents from k = {now.k0:.2f} with the "
            f"step size {now.eta:.3g}; beside it how far each is above the best, after each step.",
        )  # fmt: skip

    return Figure(
        "Four gradients, one hill. Which gets down?" if mine is None
        else "Your gradient: does it find the best gain?",
        f"Drag the start, press play. Each estimate takes *n* episodes of {T} steps for a step "
        f"downhill; *σ* = {SIGMA}.",
        [
            Column([Panel("cost", "Cost of a step over the gain", f"mean over {T} steps",
                          Axis(LOW, HIGH, (0, 0.5, 1, 1.5, 2)),
                          Axis(1, 100, (1, 10, 100), log=True), height=250)], 1.1),
            Column([Panel("left", "Above the best", "cost of a step",
                          Axis(0, STEPS, 4, unit="step"),
                          Axis(LEAST, MOST, (1e-4, 1e-2, 1, 100), "power", log=True),
                          height=250, margin=46, right=96)]),
        ],
        [
            Slider("k0", "first gain k0", "*k*_{0}", 0.12, 2.08, 1.6, 0.01, under="cost"),
            Slider("eta", "step size η", "*η*", 0.001, 0.5, 0.04, format=".2~g", log=True),
            Slider("n", "episodes a step, n", "*n*", 2, 200, 20, 1, format="d", log=True),
            NewNoise(),
        ],
        draw,
        Clock(end=STEPS, seconds=6, label="step", under="left"),
    )  # fmt: skip


Step = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def _descent(step: Step, k0: float, eta: float, n: int, seed: int) -> Tensor:
    """The gain after each step, (STEPS + 1,); one that falls stays where the axis ends."""
    k = torch.tensor(k0, dtype=torch.float64)
    path = [k]
    noise, push, _ = draws(seed, T * STEPS, n)
    once, _, _ = draws(seed + 7919, STEPS, n)
    for i in range(STEPS):
        if abs(float(k)) < 9:
            wind, eps = noise[i * T : (i + 1) * T], push[i * T : (i + 1) * T]
            k = (k - eta * step(k, wind, eps, once[i])).clamp(-9.9, 9.9)
        path.append(k)
    return torch.stack(path)


def _step(name: str, mine: PolicyGradient | None) -> Step:
    if name == "yours":
        assert mine is not None
        return lambda k, wind, eps, once: _by_policy(mine, k, wind, eps)
    return {"exact": _exact, "first-order": _first_order, "zero-order": _zero_order,
            "policy gradient": lambda k, wind, eps, once: _by_policy(_ours, k, wind, eps),
            }[name]  # fmt: skip


def _exact(k: Tensor, wind: Tensor, eps: Tensor, once: Tensor) -> Tensor:
    return STICK.episode_grad(gains(k), T, START)[0, 0] / T


def _first_order(k: Tensor, wind: Tensor, eps: Tensor, once: Tensor) -> Tensor:
    """By autograd through the simulated sticks."""
    k = k.clone().requires_grad_()
    return torch.autograd.grad(episodes(k, wind, torch.zeros_like(wind))[1].mean(), k)[0]


def _zero_order(k: Tensor, wind: Tensor, eps: Tensor, once: Tensor) -> Tensor:
    """Noise in the gain, once for an episode, less the mean of the others."""
    cost = episodes(k + SIGMA * once, wind, torch.zeros_like(wind))[1].mean(0)
    n = len(cost)
    return ((cost - cost.mean()) * once).sum() / (SIGMA * (n - 1))


def _by_policy(gradient: PolicyGradient, k: Tensor, wind: Tensor, eps: Tensor) -> Tensor:
    states, costs = episodes(k, wind, SIGMA * eps)
    rows = gradient(states, eps, costs, SIGMA)
    if not isinstance(rows, Tensor) or rows.shape != states.shape[1:]:
        shape = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
        raise ValueError(
            f"your gradient returned {shape} for {states.shape[1]} episodes; one number for each, "
            f"({states.shape[1]},), is wanted"
        )
    return rows.detach().double().mean() / T


def _ours(states: Tensor, eps: Tensor, costs: Tensor, sigma: float) -> Tensor:
    """Cost to go, less that of the other episodes at the same step."""
    to_go = costs.flip(0).cumsum(0).flip(0)
    n = costs.shape[1]
    return ((to_go - to_go.mean(1, keepdim=True)) * n / (n - 1) * -states * eps / sigma).sum(0)


def _walker(name: str, path: Tensor) -> list[Mark]:
    seen = path.clamp(LOW, HIGH)
    height = per_step(seen, T).clamp(max=100)
    return [
        m.points(seen, height, ROLES[name], kind="try", t=TIMES),
        m.points(seen[:, None], height[:, None], ROLES[name], kind="ball", t=TIMES),
    ]


def _names(left: dict[str, Tensor]) -> list[Mark]:
    """At the ends of the curves when they are reached, pushed apart."""
    marks, next_free = [], LEAST
    for name in sorted(left, key=lambda name: float(left[name][-1])):
        at = max(float(left[name][-1]), next_free)
        x, y, texts = [STEPS] * len(TIMES), [at] * len(TIMES), [""] * STEPS + [name]
        marks.append(m.text(x, y, texts, ROLES[name], dx=8, dy=4, t=TIMES))
        next_free = 2.2 * at
    return marks


# --- two states, two gains ------------------------------------------------------------------

PAIR = LQR(
    torch.tensor([[0.0, 1.2], [1.2, 0.0]]), torch.eye(2), torch.eye(2), 0.5 * torch.eye(2)
)  # each of two sticks leans as the other did
NEAR, FAR, CELLS, SHOWN = -5.5, 4.5, 301, 12
TINY, HUGE = 1e-3, 1e6


def average_of_gains() -> Figure:
    """The stable gains of two sticks, two gains that stop them in two steps, and those between."""
    image = _cost_image()

    def draw(now: SimpleNamespace) -> Picture:
        pure = torch.stack((_gain(now.p, 0.0), _gain(0.0, now.p)))
        K = (1 - now.share) * pure[0] + now.share * pure[1]
        rho = float(PAIR.radius(K))
        cost = float(PAIR.cost(K))
        path = _way_down(now.p) if now.shown else torch.zeros(0, 2, dtype=torch.float64)
        return Picture(
            panels={
                "gains": [
                    image,
                    m.curve(pure[:, 0, 1], pure[:, 1, 0], "second", width=1.5, dash=(4, 4)),
                    m.points(pure[:, 0, 1], pure[:, 1, 0], "truth", kind="ball"),
                    m.text(*_place(pure[0]), "first", "truth", dx=2, dy=-12, bold=True),
                    m.text(*_place(pure[1]), "second", "truth", dx=10, dy=4, bold=True),
                    m.curve(path[:, 0], path[:, 1], "gradient"),
                    *([m.points(path[-1:, 0], path[-1:, 1], "gradient", kind="ball")]
                      if now.shown else []),
                    m.points(*_place(K), "sample", kind="current"),
                ],
                "lean": [
                    m.line([0, SHOWN], [1, 1], "level"),
                    *_falls({"first": (pure[0], "truth"), "second": (pure[1], "truth"),
                             "chosen": (K, "sample")}),
                ],
            },
            readout=[
                f"share of the second **{now.share:.2f}**",
                f"each step grows it by *ρ* = **{rho:.2f}**",
                f"cost of a step **{cost:.1f}**" if rho < 1 else "cost of a step **∞**",
                f"at the end of the descent **{float(PAIR.optimum.cost):.2f}**"
                if now.shown else "",
            ],
            aside="stable" if rho < 1 else "unstable",
            alt="The plane of two gains with the stable ones shaded, two gains that stop the "
            f"sticks in two steps, and the gain that is {now.share:.2f} of the way between them; "
            "beside it how the leans die out or grow.",
        )  # fmt: skip

    axis = Axis(NEAR, FAR, (-4, -2, 0, 2, 4))
    return Figure(
        "Both gains are perfect. Is their average good?",
        "Move from the first gain to the second: blue are these two, orange is yours. Grey is "
        "stable, and stronger grey is cheaper; elsewhere the sticks fall.",
        [
            Column([Panel("gains", "Stable gains", "*k*_{21} over *k*_{12}",
                          Axis(NEAR, FAR, (-4, -2, 0, 2, 4), unit="*k*_{12}"), axis,
                          height=300)]),
            Column([Panel("lean", "Size of the lean, no wind", "‖*s*‖",
                          Axis(0, SHOWN, (0, 4, 8, 12), unit="step"),
                          Axis(TINY, HUGE, (1e-3, 1, 1e3, 1e6), "power", log=True),
                          height=300, margin=46)]),
        ],
        [
            Slider("share", "share of the second gain", "share", 0, 1, 0.0, 0.01),
            Slider("p", "push p of the two gains", "*p*", 2, 6, 4, 0.25),
            Toggle("shown", "Show a descent", "Hide the descent"),
        ],
        draw,
    )  # fmt: skip


def _gain(p: float, q: float) -> Tensor:
    """The gain with the closed loop [[0, p], [q, 0]]."""
    return PAIR.A - torch.tensor([[0.0, p], [q, 0.0]], dtype=torch.float64)


def _place(K: Tensor) -> tuple[float, float]:
    return float(K[0, 1]), float(K[1, 0])


def _falls(runs: dict[str, tuple[Tensor, str]]) -> list[Mark]:
    """‖s‖ after each step from a lean of (1, 1)/√2."""
    marks = []
    for K, role in runs.values():
        s = torch.full((2, 1), 1 / math.sqrt(2), dtype=torch.float64)
        sizes = [float(s.norm())]
        for _ in range(SHOWN):
            s = PAIR.closed_loop(K) @ s
            sizes.append(float(s.norm()))
        shown = torch.tensor(sizes).clamp(TINY / 9, 9 * HUGE)
        marks += [
            m.curve(torch.arange(SHOWN + 1), shown, role, dash=(6, 4) if role == "truth" else ()),
            m.points(torch.arange(SHOWN + 1), shown, role),
        ]
    return marks


@lru_cache(1)
def _cost_image() -> Mark:
    """log C over the plane as greys, clear where C is infinite; row 0 is the lowest k21."""
    at = torch.linspace(NEAR, FAR, CELLS, dtype=torch.float64)
    K = torch.zeros(CELLS, CELLS, 2, 2, dtype=torch.float64)
    K[..., 0, 1], K[..., 1, 0] = at, at[:, None]
    cost = PAIR.cost(K)
    shade = 1 - (cost / PAIR.optimum.cost).log() / math.log(1000)
    half = (FAR - NEAR) / (CELLS - 1) / 2
    greys = (0.25 + 0.75 * shade.clamp(0, 1)).where(cost < math.inf, torch.nan)
    return m.image(greys, (NEAR - half, FAR + half), (NEAR - half, FAR + half))


@lru_cache(32)
def _way_down(p: float) -> Tensor:
    """Gradient descent from the first gain, (steps, 2): each step as long as it may be."""
    K, path = _gain(p, 0.0), []
    for _ in range(120):
        path.append(_place(K))
        slope, step, cost = PAIR.grad(K), 0.02, float(PAIR.cost(K))
        promised = float(slope.square().sum()) / 4
        while step > 1e-9 and float(PAIR.cost(K - step * slope)) > cost - step * promised:
            step /= 2
        K = K - step * slope
    return torch.tensor(path, dtype=torch.float64)
