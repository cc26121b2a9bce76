"""Figures: a pole on a cart, and what REINFORCE makes of it in a few seconds."""

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm.auto import tqdm

from course.widgets import marks as m
from course.widgets.episodes import checked_weights
from course.widgets.figure import Axis, Clock, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.marks import Mark
from smoothlib.environments import ANGLE_LIMIT, TAU, X_LIMIT, CartPole
from smoothlib.policies import Categorical, Linear
from smoothlib.trajectories import policy_gradient, returns, reward_to_go, rollout, time_baseline

WeightsOf = Callable[[Tensor], Tensor]

CART = CartPole()
POLICY = Categorical(Linear(4, 2))
ITERATIONS, EPISODES, RATE = 40, 32, 0.3
TEST = 100  # fresh episodes without action noise
FRAMES = torch.arange(0, CART.horizon + 1, 2)
BOX = torch.tensor([[-0.25, -0.12], [0.25, -0.12], [0.25, 0.12], [-0.25, 0.12]])
POLE = torch.tensor([[-0.03, 0.0], [0.03, 0.0], [0.03, 1.0], [-0.03, 1.0]])


class Training(NamedTuple):
    """Parameters before each iteration and after the last, and the mean return it saw."""

    thetas: Tensor  # (ITERATIONS + 1, d)
    seen: Tensor  # (ITERATIONS,)
    score: float  # mean return of TEST episodes in the end, without action noise


def train_to_balance(weights: WeightsOf | None = None, seed: int = 0) -> Training:
    """REINFORCE on CartPole, Adam on the mean of 32 episodes, 40 times.

    `weights(rewards)` are those of the actions, (T, n) to (T, n); without it reward-to-go above
    the mean of the other episodes that last as long. Rewards are 1 in an episode and 0 after it.
    """
    theta = torch.zeros(POLICY.d, requires_grad=True)
    optimiser = torch.optim.Adam([theta], lr=RATE)
    thetas, seen = [theta.detach().clone()], []
    for k in tqdm(range(ITERATIONS), desc="40 iterations", leave=False, delay=1):
        found = rollout(CART, POLICY, theta, EPISODES, 1000 * seed + k)
        if weights:
            weight = checked_weights(weights(found.rewards), found.rewards)
        else:
            to_go = reward_to_go(found.rewards)
            weight = to_go - time_baseline(to_go, found.alive)
        theta.grad = -policy_gradient(POLICY, theta, found, weight).mean(0)
        optimiser.step()
        thetas.append(theta.detach().clone())
        seen.append(found.rewards.sum(0).mean())
    score = float(returns(CART, POLICY, thetas[-1][None], TEST, 10**6))
    return Training(torch.stack(thetas), torch.stack(seen), score)


def balance(weights: WeightsOf | None = None) -> Figure:
    """A cart that learns to keep its pole up, at any stage of its training.

    `weights`, if given, are those of `train_to_balance`.
    """
    training = lru_cache(8)(lambda seed: train_to_balance(weights, seed))
    training(0)

    def draw(now: SimpleNamespace) -> Picture:
        learnt = training(int(now.seed))
        k = round(now.iteration)
        x, angle, length = _episode(learnt.thetas[k])
        after = torch.arange(1, ITERATIONS + 1)
        at = max(k, 1)
        return Picture(
            panels={
                "scene": _scene(x, angle),
                "learning": [
                    m.line([0, ITERATIONS], [CART.horizon, CART.horizon], "level"),
                    m.curve(after, learnt.seen, "gradient" if weights is None else "sample"),
                    m.handle(k, float(learnt.seen[at - 1]), {"x": "iteration"},
                             arrows=[(1, 0), (-1, 0)]),
                ],
            },
            readout=[
                f"after iteration **{k}**",
                [f"**{TAU * t:.1f} s**" for t in FRAMES.tolist()],
                "stays up for **10 s**" if length == CART.horizon
                else f"falls after **{TAU * length:.1f} s**",
                f"in the end **{learnt.score:.0f}** of 500, mean of {TEST} fresh episodes",
            ],
            alt="A pole on a cart during one episode, and the mean return over the iterations of "
            "the training.",
        )  # fmt: skip

    return Figure(
        "Your weights: does the pole stay up?" if weights else "When does the pole stay up?",
        f"Press play to see an episode without noise. Each iteration had {EPISODES} noisy ones. "
        "Drag along the training.",
        [
            Column([Panel("scene", "Cart and pole", "side view, m",
                          Axis(-2.7, 2.7, (-2, -1, 0, 1, 2)), Axis(-0.45, 1.35, ()),
                          scene=True)], 1.2),
            Column([Panel("learning", "Training", "mean return of the noisy episodes",
                          Axis(0, ITERATIONS, (0, 10, 20, 30, 40), "d", "iteration"),
                          Axis(0, 520, (0, 100, 200, 300, 400, 500)), height=210)]),
        ],
        [
            Slider("iteration", "iteration of the training", "*i*", 0, ITERATIONS, 0, 1,
                   format=".0f", under="learning"),
            NewNoise(text="New training"),
        ],
        draw,
        Clock(end=CART.horizon, seconds=10, step=2, label="time", under="scene"),
    )  # fmt: skip


def _episode(theta: Tensor) -> tuple[Tensor, Tensor, int]:
    """Places and angles at the frames, as they were at the end where it is over, and its length."""
    found = rollout(CART, POLICY, theta, 1, 10**6, greedy=True)
    states = torch.cat((found.observations, found.final[None]))[:, 0]
    at = FRAMES.clamp(max=len(states) - 1)
    return states[at, 0], states[at, 2], len(found.rewards)


def _scene(x: Tensor, angle: Tensor) -> list[Mark]:
    still = 0 * x
    lean = torch.tensor([-ANGLE_LIMIT, ANGLE_LIMIT])
    return [
        m.line([-2.7, 2.7], [-0.12, -0.12], "ground"),
        m.line([-X_LIMIT, -X_LIMIT], [-0.12, 0.3], "guide"),
        m.line([X_LIMIT, X_LIMIT], [-0.12, 0.3], "guide"),
        m.body(BOX, x, still, look="hand", t=FRAMES),
        *(m.body(POLE, x, still, still - float(a), look="ghost", t=FRAMES) for a in lean),
        m.body(POLE, x, still, -angle, look="sample", t=FRAMES),
    ]
