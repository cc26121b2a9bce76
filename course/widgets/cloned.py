"""Figure: a hand cloned from an expert, where it was shown and where it was not."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from course.gripper_shapes import MM, outlines, pick
from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, Panel, Picture, Slider, Toggle
from course.widgets.lifts import FRAME, before, by_frames, ghost_of, grips, scene, scene_panel
from course.widgets.marks import Mark
from smoothlib.cloning import clone, demonstrate
from smoothlib.experts import lifter
from smoothlib.gripper import Contacts, GripperParams, GripperState, Trajectory
from smoothlib.gripper_env import GripperVectorEnv
from smoothlib.gymnasium_vector import GymnasiumVector
from smoothlib.policies import MLP, Gaussian, Scaled

Act = Callable[[Tensor], Tensor]

TASK: dict[str, Any] = {"frequency": 10, "horizon": 3.0}
DECISIONS, SHOWN = 30, 20  # a decision every 0.1 s; demonstrations
NARROW, WIDE = 0.003, 0.010  # m, standard deviations of the brick's start
EDGE = 2 * MM * NARROW  # mm: 95 % of the narrow demonstrations start within
STEPS = 1000
STARTS = torch.linspace(-0.024, 0.024, 97)  # m, every half millimetre
LIFTED = 100.0  # mm


@dataclass(frozen=True, eq=False)
class Cloned:
    """A policy and its parameters."""

    policy: Gaussian
    theta: Tensor

    def __call__(self, seen: Tensor) -> Tensor:
        return self.policy(self.theta, seen)


def clone_hand(x_sigma: float) -> Cloned:
    """By maximum likelihood, from 20 lifts of bricks that start within x_sigma of the middle, m."""
    hands = GymnasiumVector(GripperVectorEnv(SHOWN, x_sigma=x_sigma, **TASK), horizon=DECISIONS)
    shown = demonstrate(hands, lifter, SHOWN, seed=0)
    policy = Gaussian(Scaled.of(MLP(13, (64, 64), 2), shown.observations), 0.2)
    return Cloned(policy, clone(policy, policy.initial(0), shown, STEPS, seed=0))


def cloned_hand(policy: Gaussian | None = None, theta: Tensor | None = None) -> Figure:
    """The hand at each start of the brick, and how high it lifts over the start.

    `policy` and `theta`, if given, are those of a clone of narrow demonstrations.
    """
    params = GripperParams()
    given = policy is not None and theta is not None
    narrow = Cloned(policy, theta) if given else clone_hand(NARROW)  # type: ignore[arg-type]
    seen = {False: _episodes(narrow), True: _episodes(clone_hand(WIDE))}
    expert = _episodes(lifter)

    def draw(now: SimpleNamespace) -> Picture:
        found = seen[bool(now.wide)]
        k = int((MM * STARTS - now.x0).abs().argmin())
        lift, shown = (by_frames(pick(one, params, k)) for one in (found, expert))
        return Picture(
            panels={
                "scene": [*before(outlines(params)), *ghost_of(shown, params),
                          *scene(lift, params)],
                "starts": _starts(found, k, WIDE if now.wide else NARROW),
            },
            readout=[
                [f"brick at **{z:.0f} mm**" for z in lift.z.tolist()],
                grips(lift),
                *_rates(found),
            ],
            alt="A hand above a brick, as the clone moves it; beside it how high the brick is in "
            "the end, over the place where it started.",
        )  # fmt: skip

    return Figure(
        "It copies an expert. Where does that stop working?",
        "Drag the start of the brick, then play. Outlined: the expert. Grey: where 95 % of "
        "the demonstrations started.",
        [
            Column([scene_panel()]),
            Column([Panel("starts", "Lift", "height of the brick after 3 s, mm",
                          Axis(-24, 24, (-20, -10, 0, 10, 20), unit="start, mm"),
                          Axis(0, 270, (0, 100, 200)), height=260)]),
        ],
        [
            Slider("x0", "where the brick starts, millimetres from the middle", "*x*_{0}",
                   -24, 24, 12, 0.5, unit="mm", format=".1f", under="starts"),
            Toggle("wide", "Show wider starts", "Show narrow starts"),
        ],
        draw,
        Clock(end=3.0, seconds=3.0, step=FRAME, unit="s", under="scene"),
    )  # fmt: skip


def _starts(found: Trajectory, k: int, x_sigma: float) -> list[Mark]:
    heights, x, edge = MM * found.state.z[-1], MM * STARTS, 2 * MM * x_sigma
    return [
        m.band([-edge, edge], [0, 0], [270, 270]),
        m.text(0, 70, "demonstrations", align="center"),
        m.points(x, heights, "sample"),
        m.line([float(x[k])] * 2, [0, float(heights[k])], "link"),
        m.points(x[k], heights[k], kind="current"),
        m.handle(float(x[k]), 0, {"x": "x0"}, arrows=[(1, 0), (-1, 0)]),
    ]


def _rates(found: Trajectory) -> list[str]:
    """How many of the starts are lifted near the middle and far from it."""
    up, near = rates(found)
    return [f"within {EDGE:.0f} mm **{rate(up[near])}**", f"beyond **{rate(up[~near])}**"]


def rates(found: Trajectory) -> tuple[Tensor, Tensor]:
    """Whether it lifts from each start, and whether that is within EDGE of the middle."""
    return MM * found.state.z[-1] > LIFTED, (MM * STARTS).abs() <= EDGE


def rate(success: Tensor) -> str:
    """A share of successes in percent, with its standard error."""
    share, error = share_and_error(success)
    return f"{100 * share:.0f} ± {100 * error:.0f}\u2009%"


def share_and_error(success: Tensor) -> tuple[float, float]:
    """k/n, and its standard error taken at (k + 1)/(n + 2): none of n is no certainty."""
    n = len(success)
    p = (float(success.sum()) + 1) / (n + 2)
    return float(success.double().mean()), math.sqrt(p * (1 - p) / n)


def _episodes(act: Act) -> Trajectory:
    """All starts at once, each moment kept."""
    envs = GripperVectorEnv(len(STARTS), tensors=True, **TASK)
    seen, _ = envs.reset(seed=0, options={"x0": STARTS})
    kept = [(envs.episodes.state, envs.episodes.seen)]
    with torch.no_grad():
        for _ in range(DECISIONS):
            seen, *_ = envs.step(act(seen))
            kept.append((envs.episodes.state, envs.episodes.seen))
    states, touched = ([torch.stack(c) for c in zip(*part, strict=True)]
                       for part in zip(*kept, strict=True))  # fmt: skip
    time = torch.arange(DECISIONS + 1).to(states[0]) / TASK["frequency"]
    return Trajectory(time, GripperState(*states), Contacts(*touched))
