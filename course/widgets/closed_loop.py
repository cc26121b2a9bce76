"""Figures: a hand that looks while it moves learns to lift, by REINFORCE on six numbers."""

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.wrappers.vector import TransformObservation
from torch import Tensor
from tqdm.auto import tqdm

from course.gripper_shapes import MM, outlines, pick
from course.widgets import marks as m
from course.widgets.episodes import checked_weights
from course.widgets.figure import Axis, Clock, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.lifts import FRAME, before, by_frames, grips, scene, scene_panel
from smoothlib.gripper import GripperParams
from smoothlib.gripper_env import GripperVectorEnv, record
from smoothlib.gymnasium_vector import GymnasiumVector
from smoothlib.policies import Gaussian, Linear
from smoothlib.trajectories import policy_gradient, reward_to_go, rollout, time_baseline

WeightsOf = Callable[[Tensor], Tensor]

TASK: dict[str, Any] = {"frequency": 5, "horizon": 3.0}  # 15 decisions, one every 0.2 s
DECISIONS = 15
EPISODES, ITERATIONS, RATE, SIGMA = 100, 60, 0.1, 0.5
POLICY = Gaussian(Linear(3, 2, bias=False), SIGMA)
START = torch.tensor([-0.5, 0.0, 0.0, 0.0, 0.5, 0.0])  # goes down, squeezes, never lifts
GAP, PRESS = 0.1, 15.0  # m and N: the units in which the hand sees
SEEN = Box(-np.inf, np.inf, (3,))


class HandTraining(NamedTuple):
    """Parameters before each iteration and after the last, and the mean lift it saw, m."""

    thetas: Tensor
    lifts: Tensor


def what_the_hand_sees(observation: Any) -> Any:
    """How far the fingertips are above the brick's centre, 1, and how hard they press, (n, 3)."""
    gap, press = observation[..., 0] - observation[..., 3], observation[..., 10]
    return np.stack((gap / GAP, np.ones_like(gap), press / PRESS), -1)


def train_hand(weights: WeightsOf | None = None, seed: int = 0) -> HandTraining:
    """REINFORCE in closed loop: 60 iterations of 100 episodes, Adam, the reward at the end alone.

    `weights(rewards)` are those of the actions, (T, n) to (T, n); without it reward-to-go above
    the mean of the other episodes.
    """
    grippers = GripperVectorEnv(EPISODES, **TASK)
    seeing = TransformObservation(grippers, what_the_hand_sees, single_observation_space=SEEN)
    hands = GymnasiumVector(seeing, horizon=DECISIONS)
    theta = START.clone().requires_grad_()
    optimiser = torch.optim.Adam([theta], lr=RATE)
    thetas, lifts = [START.clone()], []
    for k in tqdm(range(ITERATIONS), desc="60 iterations", leave=False, delay=1):
        found = rollout(hands, POLICY, theta, EPISODES, 1000 * seed + k)
        weight = _weights(weights, found.rewards)
        theta.grad = -policy_gradient(POLICY, theta, found, weight).mean(0)
        optimiser.step()
        thetas.append(theta.detach().clone())
        lifts.append(found.rewards.sum(0).mean())
    return HandTraining(torch.stack(thetas), torch.stack(lifts))


def looking_hand(weights: WeightsOf | None = None) -> Figure:
    """The hand after any iteration of its training, with its decisions played.

    `weights`, if given, are those of `train_hand`.
    """
    training = lru_cache(8)(lambda seed: train_hand(weights, seed))
    training(0)
    params = GripperParams()

    def draw(now: SimpleNamespace) -> Picture:
        learnt = training(int(now.seed))
        k = round(now.iteration)
        lift = by_frames(pick(_episode(learnt.thetas[k]), params, 0))
        after = torch.arange(1, ITERATIONS + 1)
        return Picture(
            panels={
                "scene": [*before(outlines(params)), *scene(lift, params)],
                "learning": [
                    m.curve(after, MM * learnt.lifts, "sample" if weights else "gradient"),
                    m.handle(k, MM * float(learnt.lifts[max(k, 1) - 1]), {"x": "iteration"},
                             arrows=[(1, 0), (-1, 0)]),
                ],
            },
            readout=[
                f"after iteration **{k}**",
                [f"brick at **{z:.0f} mm**" for z in lift.z.tolist()],
                grips(lift),
            ],
            alt="A hand above a brick, as its policy moves it for three seconds, and the mean lift "
            "over the iterations of the training.",
        )  # fmt: skip

    return Figure(
        "Your weights: does the hand learn to lift what it sees?"
        if weights
        else "What does the hand learn first: to reach, to hold, or to lift?",
        "Press play to see an episode without noise. Then drag along the training.",
        [
            Column([scene_panel()]),
            Column([Panel("learning", "Training", f"mean lift of {EPISODES} noisy episodes, mm",
                          Axis(0, ITERATIONS, (0, 20, 40, 60), "d", "iteration"),
                          Axis(0, 270, (0, 100, 200)), height=220)]),
        ],
        [
            Slider("iteration", "iteration of the training", "*i*", 0, ITERATIONS, 0, 1,
                   format=".0f", under="learning"),
            NewNoise(text="New training"),
        ],
        draw,
        Clock(end=3.0, seconds=3.0, step=FRAME, unit="s", under="scene"),
    )  # fmt: skip


def _weights(weights: WeightsOf | None, rewards: Tensor) -> Tensor:
    if weights is None:
        to_go = reward_to_go(rewards)
        return to_go - time_baseline(to_go)
    return checked_weights(weights(rewards), rewards)


@lru_cache(256)
def _recorded(theta: tuple[float, ...]) -> Any:
    parameters = torch.tensor(theta)

    def act(observation: np.ndarray) -> np.ndarray:
        seen = torch.from_numpy(what_the_hand_sees(observation)).to(torch.float32)
        return POLICY(parameters, seen).numpy().clip(-1, 1)

    return record(act, seed=10**6, **TASK)


def _episode(theta: Tensor) -> Any:
    return _recorded(tuple(theta.tolist()))
