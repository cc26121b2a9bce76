"""A figure: where a student's own search spends its tries, on a contact task with two knobs."""

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace

import torch
from jaxtyping import Float
from torch import Tensor

from course.contact import Task, tasks
from course.widgets import marks as m
from course.widgets.figure import (
    Axis,
    Choice,
    Clock,
    Column,
    Figure,
    NewNoise,
    Panel,
    Picture,
    View,
)

Choose = Callable[[Callable, Callable, Tensor, int, Tensor], Tensor]

PAIRS = {
    "a kerb and a grip": "kerb grip",
    "a wall and a grip": "wall grip",
    "a kerb, and something to aim at": "kerb aim",
}
TOGETHER = 20  # tries shown at a time
STEPS = 50
TIMES = torch.arange(STEPS + 1)
WIDE, HIGH = 2.4, 1.8  # half of the plane that is shown
START = 1  # the first task that is shown; each press of the button takes the next


def watch_choice(choose: Choose) -> Figure:
    """The tries of `choose(f, slope, theta0, budget, eps)` on a task, in the order of asking."""

    @lru_cache(32)
    def played(kinds: str, seed: int) -> tuple[Task, Tensor, Tensor]:
        (task,) = tasks(torch.Generator().manual_seed(seed), (kinds,), STEPS * TOGETHER)
        f, slope, *rest = task.given
        asked: list[Tensor] = []
        theta = choose(_kept(f, asked), _kept(slope, asked), *rest)
        if not isinstance(theta, Tensor) or theta.shape != task.theta0.shape:
            shape = tuple(theta.shape) if isinstance(theta, Tensor) else type(theta).__name__
            raise ValueError(
                f"your choice is {shape}; a point of shape {tuple(task.theta0.shape)} is wanted"
            )
        return task, torch.cat([*asked, task.theta0[None]])[: STEPS * TOGETHER], theta.detach()

    def draw(now: SimpleNamespace) -> Picture:
        task, tries, theta = played(PAIRS[now.task], START + int(now.seed))
        return _picture(task, tries, theta)

    return Figure(
        "Your choice: where do its tries go?",
        f"Press play. Dots: {TOGETHER} tries, in the order in which your function asked. The "
        "stronger the grey, the higher the return.",
        [
            Column([
                Panel("plane", "Two knobs", "from above, the start in the middle",
                      Axis(-WIDE, WIDE, 3), Axis(-HIGH, HIGH, 3), scene=True),
            ]),
            Column([
                Panel("gained", "Gained", "share of what there is, at the middle of the tries",
                      Axis(0, STEPS * TOGETHER, 5, unit="tries"), Axis(-0.5, 1.2, (0, 0.5, 1)),
                      right=52),
            ]),
        ],
        [
            Choice("task", "task", {name: View() for name in PAIRS}, "a kerb and a grip"),
            NewNoise(text="Another task"),
        ],
        draw,
        Clock(end=STEPS, seconds=8, label="step", stepper=True),
    )  # fmt: skip


def _kept(f: Callable[[Tensor], Tensor], asked: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """The same function; the points that it is asked for are put down."""

    def asking(x: Tensor) -> Tensor:
        values = f(x)
        asked.append(x.detach().clone())
        return values

    return asking


def _picture(task: Task, tries: Float[Tensor, "n 2"], theta: Float[Tensor, " 2"]) -> Picture:
    shown = [part - task.theta0 for part in tries.split(TOGETHER)]
    middles = torch.stack([part.mean(0) for part in shown])
    steps = len(shown)
    dots = torch.full((STEPS + 1, TOGETHER, 2), torch.nan, dtype=torch.float64)
    for k, part in enumerate(shown):
        dots[k + 1, : len(part)] = part
    path = torch.cat((torch.zeros_like(middles[:1]), middles))
    gained = task.shares(task.theta0 + path)
    end, share = theta - task.theta0, task.share(theta)
    spent = TOGETHER * torch.arange(steps + 1)
    return Picture(
        panels={
            "plane": [
                _ground(task),
                m.points(dots[..., 0], dots[..., 1], t=TIMES),
                m.curve(path[:, 0], path[:, 1], "gradient", t=TIMES[: steps + 1]),
                m.points([0.0], [0.0], "ink", kind="try"),
                m.points(end[:1], end[1:], "gradient", kind="ball"),
            ],
            "gained": [
                m.line([0, STEPS * TOGETHER], [1, 1], "level"),
                m.curve(spent, gained, "gradient", t=TIMES[: steps + 1]),
                m.points([STEPS * TOGETHER], [share], "gradient", kind="ball"),
                m.text(STEPS * TOGETHER, share, "yours", "gradient", dx=8, dy=4),
            ],
        },
        readout=[
            [f"**{min(TOGETHER * k, task.spent)}** tries spent" for k in TIMES.tolist()],
            f"your point gains **{share:.2f}** of what there is",
        ],
        alt="A plane with the expected return as greys and the tries of a search as dots, batch by "
        "batch; beside it what the middle of each batch gains.",
        aside=f"{task.spent} of {STEPS * TOGETHER} tries",
    )


@lru_cache(32)
def _ground(task: Task) -> m.Mark:
    """The expected return in the shaking world, the stronger the higher."""
    x = torch.linspace(-WIDE, WIDE, 97, dtype=torch.float64)
    y = torch.linspace(-HIGH, HIGH, 73, dtype=torch.float64)
    plane = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)
    share = task.shares(task.theta0 + plane).clamp(-0.5, 1)
    return m.image(((share + 0.5) * 8).floor() / 16, (-WIDE, WIDE), (-HIGH, HIGH))
