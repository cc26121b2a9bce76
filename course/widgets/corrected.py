"""A figure: two climbers on the landscape with the wall, one told of the cliffs."""

from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.landscapes import landscape, plot
from course.widgets.marks import Mark
from smoothlib import BallWall, ascend, first_order, normal
from smoothlib.smoothing import boundary_term

Rows = Callable[[BallWall, Tensor, float, Tensor], Tensor]
Bias = Callable[[Tensor, Tensor, Tensor, float], Tensor]

STEPS = 40
RATE = 0.002
N = 20


def climb_past_the_wall(rows: Rows = first_order, bias: Bias | None = None) -> Figure:
    """Gradient ascent by the mean of `rows`, and the same less `bias`, from a start to choose.

    `rows(f, theta, sigma, eps)` and `bias(places, heights, theta, sigma)` are the answers to
    exercise 04; without `bias` the exact one takes its place.
    """
    wall = BallWall()
    places, heights = wall.jumps().theta, wall.jumps().height

    def draw(now: SimpleNamespace) -> Picture:
        noise = normal(int(now.seed), STEPS * N, 1, dtype=torch.float64).split(N)

        def plain(theta: Tensor, sigma: float, step: int) -> Tensor:
            return rows(wall, theta, sigma, noise[step]).mean(0)

        def corrected(theta: Tensor, sigma: float, step: int) -> Tensor:
            return plain(theta, sigma, step) - _bias(bias, places, heights, theta, sigma)

        paths = {name: _climb(now, gradient) for name, gradient in
                 (("first-order", plain), ("corrected", corrected))}  # fmt: skip
        ends = {name: wall(path).tolist() for name, path in paths.items()}
        return Picture(
            panels={
                "landscape": [
                    *landscape(wall),
                    m.curve(GRID, wall.smoothed(GRID[:, None], now.sigma), "truth"),
                    *(mark for name, path in paths.items() for mark in _climber(wall, path, name)),
                    m.line([now.theta0, now.theta0], [0, float(wall(paths["corrected"][0]))],
                           "guide"),
                    m.handle(now.theta0, 0, {"x": "theta0"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "steps": [mark for name, path in paths.items()
                          for mark in _history(wall(path), name)],
            },
            readout=[
                [f"step **{k}**" for k in range(STEPS + 1)],
                *([f"{name} **{j:.2f} m**" for j in end] for name, end in ends.items()),
            ],
            aside=f"the best throw reaches {wall.optimum.value:.2f} m",
            alt="The landscape with two climbers, one by first-order gradients, one by the same "
            "less their bias; beside it the distance of both after each step.",
        )  # fmt: skip

    return Figure(
        "What does it help to know where the cliffs are?",
        f"Two climbers, {N} samples a step, the same noise. Press play.",
        [
            Column([plot("landscape", "Landscape", "*J* and *F*, metres", 14.5, height=230)], 1.3),
            Column([Panel("steps", "Progress", "*J*, metres", Axis(0, STEPS, 4, unit="step"),
                          Axis(0, 14.5, 4), right=66)]),
        ],
        [
            Slider("theta0", "start theta in radians", "*θ*_{0}", 0.3, 1.5, 0.7, 0.01,
                   under="landscape"),
            Slider("sigma", "noise sigma in radians", "*σ*", 0.05, 0.4, 0.15),
            NewNoise(),
        ],
        draw,
        Clock(end=STEPS, seconds=6, label="step", under="steps"),
    )  # fmt: skip


def _climb(now: SimpleNamespace, gradient: Callable[[Tensor, float, int], Tensor]) -> Tensor:
    start = torch.tensor([now.theta0], dtype=torch.float64)
    return ascend(start, gradient, [now.sigma] * STEPS, lambda p: torch.optim.SGD(p, lr=RATE))


def _bias(
    bias: Bias | None, places: Tensor, heights: Tensor, theta: Tensor, sigma: float
) -> Tensor:
    if bias is not None:
        return bias(places, heights, theta, sigma)
    return -boundary_term(BallWall().jumps(), theta, sigma)


def _history(height: Tensor, name: str) -> list[Mark]:
    return [
        m.curve(TIMES, height, ROLES[name], t=TIMES),
        m.text(STEPS, float(height[-1]), name, ROLES[name], dx=6, dy=4),
    ]


def _climber(wall: BallWall, path: Tensor, name: str) -> list[Mark]:
    height = wall(path)
    return [
        m.points(path[:, 0], height, ROLES[name], kind="try", t=TIMES),
        m.points(path, height[:, None], ROLES[name], kind="current", t=TIMES),
    ]


TIMES = torch.arange(STEPS + 1)
GRID = torch.linspace(0, 1.6, 161, dtype=torch.float64)
ROLES = {"first-order": "first", "corrected": "gradient"}
