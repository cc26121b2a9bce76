"""Figure: two ways past a post; a cloned plan between them, and plans that lose their noise."""

import math
from functools import cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.gripper_shapes import MM
from course.trained import LENGTH, LEVELS, PLANS, POST, diffused, load
from course.widgets import marks as m
from course.widgets.figure import Axis, Clock, Column, Figure, NewNoise, Panel, Picture, Slider
from course.widgets.marks import Mark
from smoothlib.plans import Run, follow_plans

ACROSS, UP = Axis(-190, 190, (-100, 0, 100)), Axis(-180, 180, ())
PLANNED, DRIVEN, DRAWN = 30, 200, 40
DISC = 20.0  # mm
ROUND = torch.linspace(0, math.tau, 61)
CIRCLE = torch.stack((ROUND.cos(), ROUND.sin()), 1)
STAGES = torch.arange(len(LEVELS))
STEP = MM * POST.speed * POST.tau  # mm at an action of 1


def two_ways() -> Figure:
    """Plans from one place at every level of noise, and 200 episodes of either policy."""
    theta = load("post")

    def draw(now: SimpleNamespace) -> Picture:
        start = torch.tensor([now.x / MM, POST.start], dtype=torch.float32)
        seen = (start / POST.radius).expand(PLANNED, 2)
        plans = paths(diffused(theta["denoiser"], seen, int(now.seed)), MM * start)
        (mean,) = paths(PLANS(theta["clone"], seen[:1]), MM * start)
        right = float((plans[-1, :, -1, 0] > 0).double().mean())
        return Picture(
            panels={
                "plans": [
                    *post(),
                    _bundle(plans),
                    m.curve(mean[:, 0], mean[:, 1], "wrong", dash=(7, 5)),
                    m.text(mean[-3, 0], mean[-3, 1], "cloned", "wrong", align="right", dx=-8),
                    m.points(plans[:, :, -1, 0], plans[:, :, -1, 1], t=STAGES),
                    _disc(MM * start),
                    m.handle(now.x, MM * POST.start, {"x": "x"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "driven": _driven(),
            },
            readout=[
                [f"*σ* = **{sigma:.2f}**" for sigma in LEVELS.tolist()],
                f"to the right **{round(PLANNED * right)} of {PLANNED}**",
                *(f"{name} arrives **{count(arrived(run))}**" for name, run in runs().items()),
            ],
            alt="A post seen from above. Plans that start as noise end to the left or to the right "
            "of it; the cloned plan runs into it. Beside it, whole episodes of both.",
        )  # fmt: skip

    return Figure(
        "Half of the experts pass left, half pass right. Where does the copy go?",
        "Press play: 30 plans lose their noise. Red: the plan of the cloned mean. Then move the "
        "start.",
        [
            Column([Panel("plans", "Plans", "12 actions from a look, mm", ACROSS, UP, scene=True)]),
            Column([Panel("driven", "Driven", "40 episodes of each, mm", ACROSS, UP, scene=True)]),
        ],
        [
            Slider("x", "where the disc starts, millimetres right of the middle", "*x*", -20, 20,
                   0, 1, unit="mm", format=".0f"),
            NewNoise(),
        ],
        draw,
        Clock(end=len(LEVELS) - 1, seconds=4, label="denoising step", under="plans"),
    )  # fmt: skip


def paths(plans: Tensor, start: Tensor) -> Tensor:
    """Where plans (..., 24) would lead if nothing were in their way, mm: (..., 13, 2)."""
    moves = STEP * plans.unflatten(-1, (LENGTH, 2)).cumsum(-2)
    return start + torch.cat((torch.zeros_like(moves[..., :1, :]), moves), -2)


@cache
def runs(seed: int = 99) -> dict[str, Run]:
    """200 episodes of each policy, from the same starts."""
    theta = load("post")
    planners = {
        "clone": lambda seen, k: PLANS(theta["clone"], seen),
        "diffusion": lambda seen, k: diffused(theta["denoiser"], seen, 1000 * seed + k)[-1],
    }
    return {name: follow_plans(POST, plan, LENGTH, DRIVEN, seed) for name, plan in planners.items()}


def arrived(run: Run) -> Tensor:
    """Whether the disc is at the goal in the end, (n,)."""
    return run.rewards[-1] > 0


def count(success: Tensor) -> str:
    """How many of them."""
    return f"{int(success.sum())} of {len(success)}"


def post() -> list[Mark]:
    """The post, and the goal beyond it."""
    size, reach = MM * POST.radius - DISC, MM * POST.reach
    return [
        m.body(size * CIRCLE),
        m.text(0, 0, "post", align="center", dy=4, halo=False),
        m.body(reach * CIRCLE, 0.0, MM * POST.goal, look="before"),
        m.text(0, MM * POST.goal, "goal", dx=28, dy=4),
    ]


def _disc(where: Tensor) -> Mark:
    return m.body(DISC * CIRCLE, where[0], where[1], look="sample")


def _bundle(plans: Tensor) -> Mark:
    """All plans as one line, which goes along each and comes back the same way."""
    there_and_back = torch.cat((plans, plans.flip(2)), 2).flatten(1, 2)
    return m.moving_curve(there_and_back[..., 0], there_and_back[..., 1], "sample", t=STAGES,
                          width=1)  # fmt: skip


def _driven() -> list[Mark]:
    marks = post()
    for (name, run), role in zip(runs().items(), ("wrong", "sample"), strict=True):
        where = MM * POST.radius * run.observations[:, :DRAWN]
        marks.append(
            m.curve(where[..., 0].T, where[..., 1].T, role, width=1, ghost=name != "clone")
        )
        marks.append(m.points(where[-1, :, 0], where[-1, :, 1], role))
    stuck = MM * POST.radius * runs()["clone"].observations[-1, 0]
    x, y = stuck.tolist()
    return [*marks, _disc(stuck), m.text(x, y, "the clone leans here", "wrong", dx=26)]
