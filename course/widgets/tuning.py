"""Figures: CartPole, the population that balances it, and which settings learn it."""

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, lru_cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import (
    Axis,
    Choice,
    Clock,
    Column,
    Figure,
    Panel,
    Picture,
    Slider,
    View,
)
from smoothlib import CartPole, Linear, centered_ranks, normal, returns, standardised
from smoothlib.noise import mirrored

Shape = Callable[[Tensor], Tensor]

ENVIRONMENT = CartPole(dtype=torch.float32)
POLICY = Linear(4, 2, bias=False)
FULL = 500  # steps: the longest episode
EVERY = 2  # steps from one picture to the next
SOLVED = 475
SIGMAS, RATES = (0.02, 0.1, 0.5, 1.0), (0.01, 0.1, 1.0)
SEEDS, MEMBERS, ROUNDS, TRIALS = 5, 32, 20, 20
CART = torch.tensor([[-0.2, -0.1], [0.2, -0.1], [0.2, 0.1], [-0.2, 0.1]])
POLE = torch.tensor([[-0.02, 0.0], [0.02, 0.0], [0.02, 1.0], [-0.02, 1.0]])


def watch_generations(populations: Tensor, curve: Tensor) -> Figure:
    """What the members of a generation do: carts and poles, all from one start.

    `populations` is (generations, n, 8), parameters of `Linear(4, 2, bias=False)`; the first of
    each is the mean, drawn in ink. `curve` is the mean return of each generation, (generations,).
    """
    last = len(populations) - 1

    @lru_cache(64)
    def played(generation: int) -> tuple[Tensor, Tensor]:
        return _played(populations[generation].float(), generation)

    def draw(now: SimpleNamespace) -> Picture:
        generation = round(now.generation)
        x, angle = played(generation)
        steps = torch.arange(x.shape[0]) * EVERY
        up = x.isfinite().sum(1).tolist()
        held = EVERY * int(x[:, 0].isfinite().sum()) - EVERY
        return Picture(
            panels={
                "scene": _scene(x, angle, steps),
                "curve": [
                    m.curve(torch.arange(last + 1), curve, "gradient"),
                    m.points([generation], [float(curve[generation])], "gradient", kind="current"),
                ],
            },
            readout=[
                f"generation **{generation}**: mean return **{float(curve[generation]):.0f}**",
                [f"**{up[k // EVERY]}** of {x.shape[1]} still up" for k in range(FULL + 1)],
                f"*θ* itself holds for **{held}** steps" + (", all" if held == FULL else ""),
            ],
            aside=[f"{0.02 * k:.1f} s" for k in range(FULL + 1)],
            alt="A cart with its pole, and the carts of the other members as outlines; beside them "
            "the mean return of each generation.",
        )

    return Figure(
        "When does the population learn to stand?",
        "Choose a generation, then press play. Filled: *θ*. Outlines: its population.",
        [
            Column([Panel("scene", "Cart and pole", "metres", Axis(-2.6, 2.6, 5),
                          Axis(-0.3, 1.5, (0, 1)), scene=True)], 1.5),
            Column([Panel("curve", "Learning", "mean return", Axis(0, last, 4, unit="generation"),
                          Axis(0, 520, (0, 250, 500)), height=150)]),
        ],
        [Slider("generation", "generation", "", 0, last, 0, 1, format="d", under="curve")],
        draw,
        Clock(end=FULL, seconds=10, label="step", under="scene"),
    )  # fmt: skip


def balanced(thetas: Tensor, seed: int) -> Tensor:
    """Steps for which policies (n, 8) keep the pole up, (n,), all from the start of one seed.

    A row holds the parameters of `Linear(4, 2, bias=False)`; 500 steps are all.
    """
    return returns(ENVIRONMENT, POLICY, thetas.float(), 1, seed).to(thetas)


def settings(shape: Shape | None = None) -> Figure:
    """CartPole learnt with twelve pairs of width and rate, by values and by weights made of them.

    `shape(values)`, if given, is added: values (32,) of one population to weights (32,).
    """
    names = list(METHODS) if shape is None else ["yours", *METHODS]

    def draw(now: SimpleNamespace) -> Picture:
        found = learnt(shape if shape and now.method == "yours" else now.method)
        if not found.done():
            return _waiting()
        curves, ends = found.result()
        i, j = _nearest(SIGMAS, now.sigma), _nearest(RATES, now.lr)
        solved = (ends >= SOLVED).sum(-1)
        return Picture(
            panels={
                "table": _table(solved, i, j),
                "curves": [
                    m.curve(torch.arange(ROUNDS + 1).expand(SEEDS, -1), curves[:, i, j].T,
                            "gradient", width=1.5),
                    m.line([0, ROUNDS], [SOLVED, SOLVED], "level"),
                ],
            },
            readout=[
                f"*σ* = **{SIGMAS[i]:g}**, *η* = **{RATES[j]:g}**: **{int(solved[i, j])}** of "
                f"{SEEDS} solve it",
                f"all five solve it in **{int((solved == SEEDS).sum())}** of "
                f"{len(SIGMAS) * len(RATES)} cells",
            ],
            alt="A table of widths and rates with how many of five seeds solved CartPole; beside "
            "it the learning curves of the chosen cell.",
        )  # fmt: skip

    for name in names:
        learnt(shape if shape and name == "yours" else name)
    return Figure(
        "Yours: in how many cells does it learn?" if shape else "Which settings learn to balance?",
        f"Numbers: how many of five seeds hold the pole for {SOLVED} of {FULL} steps after "
        f"{ROUNDS} generations.",
        [
            Column([Panel("table", "Solved", "of five, *σ* upwards",
                          Axis(0.004, 2.5, RATES, "~g", unit="*η*", log=True),
                          Axis(0.012, 1.8, SIGMAS, "~g", log=True), height=210)]),
            Column([Panel("curves", "The chosen cell", "return of *θ*, five seeds",
                          Axis(0, ROUNDS, 4, unit="generation"), Axis(0, 520, (0, 250, 500)))]),
        ],
        [
            Choice("method", "weights", {name: View() for name in names}, names[0]),
            Slider("sigma", "standard deviation", "*σ*", 0.02, 1, 0.1, format=".2~g", log=True),
            Slider("lr", "learning rate", "*η*", 0.01, 1, 0.1, format=".2~g", log=True,
                   under="table"),
        ],
        draw,
    )  # fmt: skip


def _raw(values: Tensor) -> Tensor:
    return values


METHODS: dict[str, tuple[Shape, bool]] = {  # weights, and whether members come in pairs
    "values, as derived": (_raw, False),
    "values, mirrored": (_raw, True),
    "standardised, mirrored": (standardised, True),
    "ranks, mirrored": (centered_ranks, True),
}


@cache
def learnt(method: str | Shape) -> Future[tuple[Tensor, Tensor]]:
    """Curves (ROUNDS + 1, σ, η, seed) and final returns (σ, η, seed), in a thread of their own."""
    return _WORKER.submit(learn, *(METHODS[method] if isinstance(method, str) else (method, True)))


_WORKER = ThreadPoolExecutor(1)


def learn(shape: Shape, pairs: bool) -> tuple[Tensor, Tensor]:
    """θ += η (1/(nσ)) Σ w_i ε_i for all settings and seeds at once, each with its own noise."""
    sigma, rate, _ = torch.meshgrid(
        torch.tensor(SIGMAS), torch.tensor(RATES), torch.arange(float(SEEDS)), indexing="ij"
    )
    runs, d = sigma.numel(), POLICY.d
    sigma, rate = sigma.reshape(-1, 1, 1), rate.reshape(-1, 1)
    theta, curve = torch.zeros(runs, d), []
    for g in range(ROUNDS):
        draw = mirrored if pairs else normal
        eps = draw(g, runs * MEMBERS, d).view(runs, MEMBERS, d)
        members = torch.cat((theta[:, None], theta[:, None] + sigma * eps), 1)
        values = balanced(members.view(-1, d), g).view(runs, -1)
        curve.append(values[:, 0])
        weights = torch.stack([_checked(shape(row), row) for row in values[:, 1:]])
        theta = theta + rate * (weights[..., None] * eps).mean(1) / sigma[:, 0]
    ends = returns(ENVIRONMENT, POLICY, theta, TRIALS, seed=ROUNDS)
    curve.append(ends)
    cells = len(SIGMAS), len(RATES), SEEDS
    return torch.stack(curve).view(-1, *cells), ends.view(cells)


def _checked(weights: Tensor, values: Tensor) -> Tensor:
    if not isinstance(weights, Tensor) or weights.shape != values.shape:
        what = tuple(weights.shape) if isinstance(weights, Tensor) else repr(weights)
        raise ValueError(
            f"your shaping returned {what} for {len(values)} values; one weight for each is "
            f"wanted, ({len(values)},)"
        )
    return weights.detach().to(values)


def _played(thetas: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """x, m, and angle, rad, of each at every EVERY-th step, (times, n); nan once it has fallen."""
    first = ENVIRONMENT.reset(1, seed)
    state = type(first)(*(part.expand(len(thetas)).clone() for part in first))
    up = torch.ones(len(thetas), dtype=torch.bool)
    x, angle = [state.x], [state.angle]
    for k in range(1, FULL + 1):
        action = POLICY(thetas, ENVIRONMENT.observe(state)[:, None])[:, 0].argmax(-1)
        state, _, terminated, _ = ENVIRONMENT.step(state, action)
        if k % EVERY == 0:
            x.append(state.x.masked_fill(~up, math.nan))
            angle.append(state.angle.masked_fill(~up, math.nan))
        up &= ~terminated
    return torch.stack(x), torch.stack(angle)


def _scene(x: Tensor, angle: Tensor, steps: Tensor) -> list[m.Mark]:
    marks = [
        m.line([-2.6, 2.6], [-0.1, -0.1], "ground"),
        *(m.line([end, end], [-0.1, 1.2], "guide") for end in (-2.4, 2.4)),
    ]
    for i in range(x.shape[1] - 1, 0, -1):
        marks += [
            m.body(CART, x[:, i], 0 * x[:, i], look="before", t=steps),
            m.body(POLE, x[:, i], 0 * x[:, i], -angle[:, i], look="before", t=steps),
        ]
    return [
        *marks,
        m.body(CART, x[:, 0], 0 * x[:, 0], look="solid", t=steps),
        m.body(POLE, x[:, 0], 0 * x[:, 0], -angle[:, 0], look="hand", t=steps),
    ]


def _table(solved: Tensor, i: int, j: int) -> list[m.Mark]:
    marks = [m.points([RATES[j]], [SIGMAS[i]], "gradient", kind="square")]
    for a, sigma in enumerate(SIGMAS):
        for b, rate in enumerate(RATES):
            count = int(solved[a, b])
            all_five = count == SEEDS
            marks.append(m.text(rate, sigma, str(count), "gradient" if all_five else "second",
                                align="center", dx=18 if (a, b) == (i, j) else 0, dy=5, size=16,
                                bold=all_five))  # fmt: skip
    return marks


def _waiting() -> Picture:
    words = m.text(0.1, 0.14, "simulating", "ink", align="center")
    return Picture({"table": [words], "curves": []}, ["simulating"], "Being computed.",
                   unfinished=True)  # fmt: skip


def _nearest(among: tuple[float, ...], value: float) -> int:
    return min(range(len(among)), key=lambda k: abs(math.log(among[k] / value)))
