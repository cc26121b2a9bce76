"""Figure: two PPOs on CartPole, ours and Stable-Baselines3's, at equal steps."""

from functools import cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.trained import BUDGET, CART, JUDGE, NETWORK, load
from course.widgets import marks as m
from course.widgets.balancing import BOX, POLE
from course.widgets.figure import Axis, Clock, Column, Figure, Panel, Picture, Slider
from course.widgets.marks import Mark
from smoothlib.environments import X_LIMIT

FRAMES = torch.arange(0, CART.horizon + 1, 2)
NAMES = ("ours", "Stable-Baselines3")
ROLES = ("gradient", "plain")
BASE = (2.05, 0.0)  # m, where the two carts run
THOUSANDS = BUDGET / 1000  # steps between checkpoints


def two_learners() -> Figure:
    """Scores of both over the steps spent, 8 seeds each, and the first seed's poles."""
    kept = load("ppo")
    steps, scores = kept["steps"].double() / 1000, kept["scores"].double()
    last = scores.shape[2] - 1

    def draw(now: SimpleNamespace) -> Picture:
        k = round(now.spent / THOUSANDS)
        return Picture(
            panels={
                "scene": _scene(k),
                "curves": [
                    *(mark for row in (1, 0) for mark in _curves(row, steps[row], scores[row])),
                    m.line([now.spent, now.spent], [0, CART.horizon], "guide"),
                    *(_here(row, k, steps[row], scores[row]) for row in (1, 0)),
                    m.handle(now.spent, 0, {"x": "spent"}, arrows=[(1, 0), (-1, 0)]),
                ],
            },
            readout=[
                f"after **{now.spent:.0f} thousand** steps",
                *(f"{name} **{_mean(row, k, scores)}**" for row, name in enumerate(NAMES)),
            ],
            aside="mean of 8 seeds ± standard error",
            alt="Two poles on carts, and the scores of two learners over the steps that they had.",
        )  # fmt: skip

    return Figure(
        "Two programs for one algorithm. Which learns faster?",
        "Thin: one seed each, judged by 100 fresh episodes without noise. Drag, then play: the "
        "first seed of each.",
        [
            Column([Panel("scene", "Poles", "the first seed of each, side view",
                          Axis(-2.7, 2.7, (-2, -1, 0, 1, 2), unit="m"), Axis(-0.4, 3.4, ()),
                          scene=True, margin=8)]),
            Column([Panel("curves", "Score", "steps until it falls, over the steps of training",
                          Axis(0, last * THOUSANDS, (0, 10, 20, 30, 40), "d", "thousand"),
                          Axis(0, 520, (0, 100, 200, 300, 400, 500)), height=250, right=8)], 1.1),
        ],
        [
            Slider("spent", "steps of training, in thousands", "steps", 0, last * THOUSANDS,
                   4 * THOUSANDS, THOUSANDS, format=".0f", under="curves"),
        ],
        draw,
        Clock(end=CART.horizon, seconds=10, step=2, label="time", under="scene"),
    )  # fmt: skip


@cache
def episodes() -> tuple[Tensor, Tensor]:
    """Places and angles at FRAMES, (2, checkpoints, frames): nan angles do not occur, a pole that
    has fallen stays where it fell."""
    thetas = load("ppo")["thetas"].flatten(0, 1)
    start = CART.reset(1, JUDGE)
    state = type(start)(*(part.expand(len(thetas)).clone() for part in start))
    x, angle = [state.x], [state.angle]
    over = torch.zeros(len(thetas), dtype=torch.bool)
    for _ in range(CART.horizon):
        action = NETWORK(thetas, CART.observe(state)[:, None])[:, 0].argmax(-1)
        after = CART.step(state, action)
        state = type(start)(*(torch.where(over, old, new)
                              for old, new in zip(state, after.state, strict=True)))  # fmt: skip
        over = over | after.terminated
        x.append(state.x)
        angle.append(state.angle)
    return tuple(torch.stack(part, 1)[:, FRAMES].unflatten(0, (2, -1)) for part in (x, angle))


def _scene(k: int) -> list[Mark]:
    places, angles = episodes()
    marks: list[Mark] = []
    for row, base in enumerate(BASE):
        x, angle = places[row, k], angles[row, k]
        marks += [
            m.line([-2.7, 2.7], [base - 0.12, base - 0.12], "ground"),
            *(m.line([side, side], [base - 0.12, base + 0.3], "guide")
              for side in (-X_LIMIT, X_LIMIT)),
            m.body(BOX, x, 0 * x + base, look="hand", t=FRAMES),
            m.body(POLE, x, 0 * x + base, -angle, look="sample", t=FRAMES),
            m.text(-2.65, base + 1.1, NAMES[row], ROLES[row], dy=4),
        ]  # fmt: skip
    return marks


def _curves(row: int, steps: Tensor, scores: Tensor) -> list[Mark]:
    """Every seed, pale, and their mean."""
    return [
        *(m.curve(x, y, ROLES[row], width=1, ghost=True)
          for x, y in zip(steps, scores, strict=True)),
        m.curve(steps.mean(0), scores.mean(0), ROLES[row]),
    ]  # fmt: skip


def _here(row: int, k: int, steps: Tensor, scores: Tensor) -> Mark:
    return m.measured(steps[:, k].mean(), scores[:, k].mean(), 2 * _error(scores[:, k]),
                      ROLES[row], kind="mean")  # fmt: skip


def _error(values: Tensor) -> float:
    return float(values.std()) / len(values) ** 0.5


def _mean(row: int, k: int, scores: Tensor) -> str:
    here = scores[row, :, k]
    return f"{float(here.mean()):.0f} ± {_error(here):.0f}"
