"""Figure: a grasp trained in one world and grasps trained in many, in worlds that neither saw."""

from types import SimpleNamespace

import torch
from torch import Tensor

from course.trained import NOMINAL, PRICE, SPREADS, laboratory, load, worlds
from course.widgets import marks as m
from course.widgets.cloned import LIFTED, rate
from course.widgets.figure import Axis, Column, Figure, Panel, Picture, Slider
from course.widgets.marks import Mark

GRAMS = 1000.0  # in a kg; also mm in a m
HEAVIEST = 420.0  # g, of the picture


def many_worlds() -> Figure:
    """The laboratory's worlds, lifted or dropped, and the reward over the spread in training."""
    kept = load("worlds")
    z, force = kept["grasps"].T
    here = kept["nominal"] - PRICE * force
    there = kept["tested"] - PRICE * force[:, None]

    def draw(now: SimpleNamespace) -> Picture:
        k = SPREADS.index(round(now.tau, 1))
        held = kept["tested"][k] > LIFTED
        mean, low = float(there[k].mean()), float(there[k].quantile(0.1))
        return Picture(
            panels={
                "worlds": _worlds(SPREADS[k], held, float(force[k])),
                "reward": [
                    *_rewards(here, there),
                    m.line([now.tau, now.tau], [0, mean], "guide"),
                    m.points(now.tau, mean, "gradient", kind="current"),
                    m.handle(now.tau, 0, {"x": "tau"}, arrows=[(1, 0)]),
                ],
            },
            readout=[
                f"**{float(force[k]):.2f} N** at *z* = **{GRAMS * float(z[k]):.1f} mm**",
                f"lifts in **{rate(held)}** of the worlds",
                f"reward **{_mean(there[k])}**, a tenth below **{low:.0f}**",
            ],
            aside=f"at home {float(here[k]):.0f}",
            alt="Masses and frictions of 400 worlds, lifted ones as dots, dropped ones as crosses; "
            "beside it the reward over the spread of the worlds in training.",
        )  # fmt: skip

    return Figure(
        "Trained in a simulator. Does it lift in the laboratory?",
        "Drag *τ*, the spread of the worlds in training. Crosses: worlds of the laboratory in "
        "which the brick falls.",
        [
            Column([Panel("worlds", "400 worlds", "mass, g, over friction of the pads",
                          Axis(0.1, 1.0, (0.2, 0.4, 0.6, 0.8), unit="*μ*"),
                          Axis(0, HEAVIEST, (0, 100, 200, 300, 400)), height=270)]),
            Column([Panel("reward", "Reward", "lift in mm, less 2 mm for each newton",
                          Axis(0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1), unit="*τ*"),
                          Axis(0, 290, (100, 200)), height=270, right=72)]),
        ],
        [
            Slider("tau", "spread of the worlds in training, standard deviation of the logarithms",
                   "*τ*", 0, 1, 0, SPREADS[1], format=".1f", under="reward"),
        ],
        draw,
    )  # fmt: skip


def _worlds(spread: float, held: Tensor, force: float) -> list[Mark]:
    """The worlds that test, some that trained, and the line up to which friction holds."""
    mass, friction = laboratory()
    trained_mass, trained_friction = worlds(spread, 60, seed=0)
    shown = (trained_friction < 1.0) & (GRAMS * trained_mass < HEAVIEST)
    edge = torch.tensor([0.1, 1.0])
    return [
        m.points(friction[held], GRAMS * mass[held], "gradient"),
        m.points(friction[~held], GRAMS * mass[~held], "wrong", kind="cross"),
        m.points(trained_friction[shown], GRAMS * trained_mass[shown], "ink", kind="try"),
        m.curve(edge, GRAMS * heaviest(edge, force), "truth", width=2),
    ]


def heaviest(friction: Tensor, force: float) -> Tensor:
    """The mass whose weight friction just holds, kg: m g = 2 μ F."""
    return 2 * friction * force / NOMINAL.g


def _rewards(here: Tensor, there: Tensor) -> list[Mark]:
    """At home, exact, and the laboratory's mean with two standard errors."""
    tau = torch.tensor(SPREADS)
    return [
        m.curve(tau, here, "objective"),
        m.curve(tau, there.mean(1), "gradient", width=1.5),
        m.measured(tau, there.mean(1), 2 * there.std(1) / there.shape[1] ** 0.5, "gradient"),
        m.text(1, float(here[-1]), "at home", "objective", dx=6, dy=-4),
        m.text(1, float(there[-1].mean()), "laboratory", "gradient", dx=6, dy=12),
    ]


def _mean(values: Tensor) -> str:
    return f"{float(values.mean()):.0f} ± {float(values.std()) / len(values) ** 0.5:.0f}"
