"""Figures: a hand that learns how low to close, by its tries alone and by slopes."""

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.gripper_shapes import MM, outlines
from course.widgets import lifts
from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.grasping import average_curve, objective
from course.widgets.gripper import watch
from course.widgets.lifts import HIGH, LOW, TOP
from course.widgets.marks import Mark
from course.widgets.worlds import LIFT, PARAMS
from smoothlib import Objective, ascend, first_order, leave_one_out, normal, zero_order
from smoothlib.gripper import Result, rollout

Estimator = Callable[[Objective, Tensor, float, Tensor], Tensor]
Reward = Callable[[Tensor], Tensor]
Grad = Callable[[Tensor, float, Tensor], Tensor]
Training = Callable[[Grad, Tensor, float, float, Tensor], Tensor]

STEPS, N = 80, 20
RATE = 2.0  # mm per unit of slope
TIMES = torch.arange(STEPS + 1)
ROLES = {"zero-order": "gradient", "first-order": "first"}


def train(estimator: Estimator | None = None) -> Figure:
    """Gradient ascent on the lift from a start to choose, by zero-order and first-order gradients.

    `estimator(f, theta, sigma, eps)`, if given, takes the place of the zero-order one: it returns
    a gradient for each of the n tries, (n, 1), or their mean. All lengths are in mm.
    """

    @lru_cache(64)
    def path(z0: float, sigma: float, seed: int) -> Tensor:
        return _climb(estimator or _zero_order, z0, sigma, seed)

    name = "zero-order" if estimator is None else "yours"
    return _figure(lambda now: path(now.z0, now.sigma, int(now.seed)), name)


def train_yours(training: Training, reward: Reward | None = None) -> Figure:
    """The same by the answers to exercise 06.

    `training(grad, z0, sigma, lr, eps)` returns the path, (STEPS + 1,), for the noise of every
    step, (STEPS, N); `reward(z)` is the height of the brick for heights z, (n,), all in mm.
    """
    lifted: Reward = reward or (lambda z: LIFT(z[..., None]))

    def grad(z: Tensor, sigma: float, eps: Tensor) -> Tensor:
        values = lifted(z + sigma * eps).detach()
        return ((values - values.mean()) * eps).sum() / ((len(eps) - 1) * sigma)

    def path(now: SimpleNamespace) -> Tensor:
        start, eps = torch.tensor(now.z0, dtype=torch.float64), _noise(int(now.seed))
        found = training(grad, start, now.sigma, RATE, eps)
        if not isinstance(found, Tensor) or found.shape != (STEPS + 1,):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"your training returned {shape} for {STEPS} steps; the start and where every "
                f"step ended are wanted, ({STEPS + 1},)"
            )
        return found.detach().double()

    return _figure(path, "yours")


def watch_training(path: Tensor) -> Figure:
    """The last lift of a training in the simulator, and the first as its ghost.

    `path` is that of z_close in mm, (steps + 1,). Simulating takes some seconds.
    """
    ends = rollout(path[[-1, 0]].detach().double() / MM, record_every=20).trajectory
    assert ends is not None
    return watch(
        ends,
        ghost=ends,
        ghost_which=1,
        question="Does it hold?",
        rules="Press play. The pale hand is the one before the training.",
    )


def _climb(gradient: Estimator, z0: float, sigma: float, seed: int) -> Tensor:
    """The path of gradient ascent, (STEPS + 1,), mm."""
    noise = _noise(seed)[..., None]

    def step(theta: Tensor, sigma: float, k: int) -> Tensor:
        return _mean(gradient(LIFT, theta, sigma, noise[k]))

    start = torch.tensor([z0], dtype=torch.float64)
    sgd = lambda points: torch.optim.SGD(points, lr=RATE)  # noqa: E731
    return ascend(start, step, [sigma] * STEPS, sgd)[:, 0]


@lru_cache(64)
def _by_slopes(z0: float, sigma: float, seed: int) -> Tensor:
    return _climb(first_order, z0, sigma, seed)


def _noise(seed: int) -> Tensor:
    """That of every step, (STEPS, N)."""
    return normal(seed, STEPS * N, 1, dtype=torch.float64).reshape(STEPS, N)


def _zero_order(f: Objective, theta: Tensor, sigma: float, eps: Tensor) -> Tensor:
    return zero_order(f, theta, sigma, eps, leave_one_out)


def _mean(gradients: object) -> Tensor:
    """Of one batch of the student's estimator."""
    if not isinstance(gradients, Tensor) or gradients.numel() not in (1, N):
        shape = tuple(gradients.shape) if isinstance(gradients, Tensor) else repr(gradients)
        raise ValueError(
            f"your estimator returned {shape} for {N} tries; one gradient for each, ({N}, 1), or "
            "their mean is wanted"
        )
    return gradients.detach().double().mean().reshape(1)


def _figure(path: Callable[[SimpleNamespace], Tensor], name: str) -> Figure:
    """The hand of this path, called by this name, and the one that follows first-order gradients.

    Both see the same tries.
    """
    table = lifts.simulated_lifts()
    words = {"zero-order": name, "first-order": "first-order"}

    def draw(now: SimpleNamespace) -> Picture:
        slopes = _by_slopes(now.z0, now.sigma, int(now.seed))
        found = {"zero-order": path(now), "first-order": slopes}
        if not table.done():
            return _waiting(now.z0)
        heights = {name: LIFT(path[:, None]) for name, path in found.items()}
        return Picture(
            panels={
                "scene": _scene(table.result(), found),
                "landscape": [
                    *objective(),
                    average_curve(now.sigma),
                    *(mark for name in reversed(found)
                      for mark in _climber(found[name], heights[name], ROLES[name])),
                    _tries(found["zero-order"], now.sigma, int(now.seed)),
                    m.handle(now.z0, 0, {"x": "z0"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "steps": _progress(heights, words),
            },
            readout=[
                [f"step **{k}**" for k in TIMES.tolist()],
                *(_where(words[name], path, heights[name]) for name, path in found.items()),
            ],
            alt="A hand after each step of its training; beside it the landscape with the path of "
            "the training, and the height of the brick after each step.",
        )  # fmt: skip

    return Figure(
        "Your estimate: does the hand learn to lift?"
        if name == "yours"
        else "Can the hand learn to lift from a bad start?",
        f"Choose where it closes at first, then press play. Dots: the {N} tries of a step. The "
        "outlined hand follows slopes.",
        [
            Column([lifts.scene_panel()]),
            Column([
                Panel("landscape", "Reward", "height of the brick, mm", Axis(LOW, HIGH,
                      (-20, 0, 20, 40, 60), unit="*z*, mm"), Axis(0, 300, (0, 100, 200)),
                      height=150),
                Panel("steps", "Training", "height of the brick without noise, mm",
                      Axis(0, STEPS, 4, unit="step"), Axis(0, 300, (0, 100, 200)), height=110,
                      right=66),
            ]),
        ],
        [
            Slider("z0", "height at which the hand closes at first, in millimetres", "*z*_{0}",
                   LOW, HIGH, 60, 1, unit="mm", format=".0f", under="landscape"),
            Slider("sigma", "noise of the hand in millimetres", "*σ*", 2, 20, 10, unit="mm",
                   format=".2~g", log=True),
            NewNoise(),
        ],
        draw,
        Clock(end=STEPS, seconds=8, label="step", under="steps"),
    )  # fmt: skip


def _waiting(z0: float) -> Picture:
    waiting = lifts.waiting(PARAMS, z0)
    shown = [mark for mark in waiting.panels["scene"] if mark["mark"] != "handle"]
    return Picture({"scene": shown, "landscape": [], "steps": []}, ["simulating"],
                   waiting.alt, unfinished=True)  # fmt: skip


def _scene(result: Result, found: dict[str, Tensor]) -> list[Mark]:
    """The end of the lift at each step: the hand and its brick, and the other's as a ghost."""
    shapes = outlines(PARAMS)
    marks: list[Mark] = [
        m.line([-200, 200], [0, 0], "ground"),
        m.text(-195, TOP - 16, "after each lift"),
    ]
    z_hand, half, x, z, angle = _ends(result, found["first-order"])
    marks += [
        m.body(shapes.left, -half, z_hand, look="ghost", t=TIMES),
        m.body(shapes.right, half, z_hand, look="ghost", t=TIMES),
        m.body(shapes.brick, x, z, angle, look="before", t=TIMES),
    ]
    z_hand, half, x, z, angle = _ends(result, found["zero-order"])
    return [
        *marks,
        m.body(shapes.left, -half, z_hand, look="hand", t=TIMES),
        m.body(shapes.right, half, z_hand, look="hand", t=TIMES),
        m.body(shapes.hand, 0 * x, z_hand, look="hand", t=TIMES),
        m.body(shapes.brick, x, z, angle, look="sample", t=TIMES),
    ]


def _ends(result: Result, path: Tensor) -> tuple[Tensor, ...]:
    """Hand, half opening, x, z, mm, and angle at the end of the lift, for each z of the path."""
    at = path.round().clamp(LOW, HIGH).long() - LOW
    state = result.state
    z_hand, w, x, z = (MM * c[at] for c in (state.z_hand, state.w, state.x, state.z))
    return z_hand, w / 2, x, z, state.angle[at]


def _tries(path: Tensor, sigma: float, seed: int) -> Mark:
    """The noisy tries of each step; at the end those of the last one."""
    eps = _noise(seed)
    x = path[:, None] + sigma * torch.cat((eps, eps[-1:]))
    return m.points(x, LIFT(x[..., None]), t=TIMES)


def _climber(path: Tensor, height: Tensor, role: str) -> list[Mark]:
    return [
        m.points(path, height, role, kind="try", t=TIMES),
        m.points(path[:, None], height[:, None], role, kind="ball", t=TIMES),
    ]


def _progress(heights: dict[str, Tensor], words: dict[str, str]) -> list[Mark]:
    ends = {name: float(height[-1]) for name, height in heights.items()}
    close = len(ends) == 2 and abs(ends["zero-order"] - ends["first-order"]) < 60
    marks = []
    for name, height in heights.items():
        below = 16 if close and ends[name] == min(ends.values()) else 0
        marks += [
            m.curve(TIMES, height, ROLES[name], t=TIMES),
            m.text(STEPS, ends[name], words[name], ROLES[name], dx=6, dy=4 + below),
        ]
    return marks


def _where(name: str, path: Tensor, height: Tensor) -> list[str]:
    pairs = zip(path.tolist(), height.tolist(), strict=True)
    return [f"{name} closes at **{z:.0f} mm**, lifts to **{h:.0f} mm**" for z, h in pairs]
