"""Every figure at every end of every control: it always has a picture, and nothing is left out."""

import inspect
import itertools
from collections.abc import Callable, Iterator

import pytest
import torch

from course import widgets
from course.widgets import (
    arrows,
    ascent,
    credit,
    descend,
    measured_bias,
    population,
    rules,
    settings,
    shaping,
    slope_of_the_mean,
    train_yours,
    tremble,
    votes,
    watch,
    watch_choice,
    watch_generations,
    watch_training,
    which_wins,
    winners,
)
from course.widgets.figure import Figure
from course.widgets.training import STEPS
from smoothlib import BallThrow, BallWall, Heaviside, finite_difference, normal
from smoothlib.gripper import rollout
from tests.test_widgets import ask, waited

pytestmark = pytest.mark.usefixtures("no_jaxtyping")
Make = Callable[[], Figure]


def two_lifts() -> Figure:
    lifts = rollout(torch.tensor([0.01, 0.045], dtype=torch.float64), record_every=20).trajectory
    assert lifts is not None
    return watch(lifts)


ALL: dict[str, Make] = dict(inspect.getmembers(widgets, inspect.isfunction))
WITH_WHAT_IS_SHOWN: dict[str, Make] = {  # these do not stand without it
    "ascent": lambda: ascent(BallWall()),
    "train_yours": lambda: train_yours(lambda grad, z, sigma, lr, eps: z.expand(STEPS + 1)),
    "watch": two_lifts,
    "watch_choice": lambda: watch_choice(
        lambda f, slope, theta0, budget, eps: theta0 + eps[f(theta0 + eps).argmax()]
    ),
    "watch_generations": lambda: watch_generations(
        normal(0, 12, 8).view(3, 4, 8), torch.tensor([10.0, 20.0, 30.0])
    ),
    "watch_training": lambda: watch_training(torch.tensor([60.0, 40.0, 19.0])),
}
WITH_A_STUDENTS_OWN: dict[str, Make] = {
    "ascent_free": lambda: ascent(BallThrow()),
    "own_arrows": lambda: arrows(estimator=finite_difference),
    "own_choice": lambda: rules(lambda first, zero: zero.mean(0)),
    "own_contest": lambda: winners(lambda first, zero: zero.mean(0)),
    "own_credit": lambda: credit(lambda rewards: rewards),
    "own_descent": lambda: descend(
        lambda states, eps, costs, sigma: -(states * eps * costs).sum(0)
    ),
    "own_error": lambda: which_wins(lambda bias, variance, n: bias.abs() + variance / n),
    "own_estimator": lambda: measured_bias(finite_difference, n=5),
    "own_landscape": lambda: tremble(lambda x: torch.where(x > 0.7, torch.sin(9 * x), 0 * x)),
    "own_population": lambda: population(lambda x: -(x[..., 0] ** 2) - x[..., 1].abs()),
    "own_settings": lambda: settings(lambda values: values.sign()),
    "own_shaping": lambda: shaping(lambda values: values.sign()),
    "silence": lambda: votes(Heaviside(), theta=-2.0, sigma=1.0),
    "slope_of_a_function": lambda: slope_of_the_mean(lambda x: x[..., 0].abs(), (-1, 2)),
}
FIGURES = ALL | WITH_WHAT_IS_SHOWN | WITH_A_STUDENTS_OWN
# What is simulated in the background is asked for first, till it is there.
FIRST = {"what_smooths": {"what": "place of the brick"}}


@pytest.mark.parametrize("name", FIGURES)
def test_every_corner_of_every_figure_has_a_picture(name: str) -> None:
    figure = FIGURES[name]()
    waited(figure, **FIRST.get(name, {}))
    panels = {panel["name"] for column in figure.spec["columns"] for panel in column["panels"]}
    clock = figure.spec["clock"]
    for values in corners(figure.spec["controls"]):
        answer = ask(figure, **values)
        assert "error" not in answer
        assert set(answer["panels"]) == panels
        assert answer["readout"] and answer["alt"]
        steps = [item for item in answer["readout"] if isinstance(item, list)]
        assert all(len(item) == round(clock["end"] / clock["step"]) + 1 for item in steps)


def corners(controls: list[dict]) -> Iterator[dict]:
    """Every combination of the ends and starts of all controls, in every view of their choices."""
    choice = next((c for c in controls if c["kind"] == "choice"), {"views": {"": {"sliders": []}}})
    for option, view in choice["views"].items():
        sliders = {slider["name"]: slider for slider in view["sliders"]}
        ends: dict[str, tuple] = {}
        for control in controls:
            c = sliders.get(control["name"], control)
            ends[c["name"]] = {
                "toggle": (False, True),
                "newnoise": (0, 1),
                "choice": (option,) if control is choice else tuple(control.get("views", ())),
            }.get(control["kind"]) or (c["low"], c["start"], c["high"])
        for values in itertools.product(*ends.values()):
            yield dict(zip(ends, values, strict=True))
