"""The gripper's figures without a browser: what they show is what smoothlib simulates."""

import math
import time

import pytest
import torch

from course import plots
from course.gripper_shapes import ARROW, MM, cone, outlines, pick
from course.widgets import lift, watch
from smoothlib.gripper import GripperParams, Result, rollout
from tests.test_widgets import ask, find, unpack, waited

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

P = GripperParams()


@pytest.fixture
def held(no_jaxtyping: None) -> Result:
    """Two lifts, at 10 and 45 mm, recorded every 20 ms."""
    return rollout(torch.tensor([0.01, 0.045], dtype=torch.float64), record_every=20)


def test_the_forces_drawn_are_those_of_newton(held: Result) -> None:
    assert held.trajectory is not None
    for which in (0, 1):
        drawn = pick(held.trajectory, P, which)
        open_, last = drawn.time < 2.0, -1
        assert drawn.left.x[open_].isnan().all() and not drawn.grip[open_].any()
        weight = drawn.left.fz[last] + drawn.right.fz[last]
        assert float(weight) == pytest.approx(P.m * P.g, rel=1e-3)
        assert float(drawn.left.fx[last] + drawn.right.fx[last]) == pytest.approx(0, abs=1e-6)
        assert float(drawn.grip[last]) == pytest.approx(P.force, rel=1e-3)
        assert not drawn.left.slips[last]
        assert float(drawn.left.x[last]) == pytest.approx(-MM * P.a, abs=0.2)
        assert abs(float(drawn.left.z[last] - drawn.z[last])) <= MM * P.b


def test_a_brick_that_is_let_slip_says_so() -> None:
    slippery = GripperParams.slippery()
    z_close = torch.tensor([0.02], dtype=torch.float64)
    trajectory = rollout(z_close, slippery, horizon=3.2, record_every=20).trajectory
    assert trajectory is not None
    drawn = pick(trajectory, slippery)
    assert drawn.left.slips[drawn.time > 3.07].nan_to_num(1).all()
    assert not drawn.left.slips[(drawn.time > 2.8) & (drawn.time < 3)].any()


def test_the_shapes_are_to_scale() -> None:
    shapes = outlines(P)
    for shape, width, height in (
        (shapes.brick, 2 * P.a, 2 * P.b),
        (shapes.left, P.t_finger, P.l_finger),
        (shapes.right, P.t_finger, P.l_finger),
    ):
        extent = shape.max(0).values - shape.min(0).values
        assert extent.tolist() == pytest.approx([MM * width, MM * height])
    assert float(shapes.left[:, 0].max()) == float(shapes.right[:, 0].min()) == 0
    half_angle = math.atan2(float(cone(P, ARROW)[1, 1]), ARROW)
    assert math.tan(half_angle) == pytest.approx(P.mu_pad)


def test_the_first_picture_comes_before_the_simulation() -> None:
    started = time.process_time()
    figure = lift(GripperParams(m=0.12))
    first = unpack(figure.picture)
    assert first["unfinished"] and "simulating" in first["readout"]
    assert time.process_time() - started < 2
    assert "brick at **230 mm**" in waited(figure).readout[1][-1]


@pytest.mark.parametrize(("z", "height"), [(-20, 25), (-5, 275), (10, 265), (30, 245), (60, 25)])
def test_the_height_read_out_is_the_simulated_one(z: int, height: int) -> None:
    figure = lift()
    waited(figure)
    answer = ask(figure, z=z)
    assert answer["readout"][1][-1] == f"brick at **{height} mm**"
    assert find(answer, "landscape", "points", kind="current")["y"].tolist() == pytest.approx(
        [height], abs=0.5
    )
    simulated = rollout(torch.tensor([z / MM], dtype=torch.float64)).height
    assert find(answer, "scene", "body", look="sample")["y"][-1] == pytest.approx(
        MM * float(simulated), abs=1e-3
    )


def test_the_landscape_breaks_at_the_two_cliffs_of_the_theory() -> None:
    figure = lift()
    waited(figure)
    answer = ask(figure, shown=True)
    curve = find(answer, "landscape", "curve")
    broken = curve["x"][curve["y"].isnan()].tolist()
    jam = -MM * 2 * P.force / P.mu_table * (1 / P.kp + 1 / P.k)
    assert len(broken) == 2
    assert broken == pytest.approx([jam, MM * 2 * P.b], abs=1)
    steps = curve["y"].diff().abs()
    assert float(steps[~steps.isnan()].max()) < 2
    words = [mark["text"] for mark in answer["panels"]["landscape"] if mark["mark"] == "text"]
    assert words == [["jams"], ["misses"]]


def test_the_last_attempt_is_the_ghost() -> None:
    figure = lift()
    waited(figure)
    alone = ask(figure, z=45)
    assert sum(m["mark"] == "body" and m["look"] == "before" for m in alone["panels"]["scene"]) == 1
    ask(figure, z=10)
    answer = ask(figure, z=30)
    ghosts = [m for m in answer["panels"]["scene"] if m["mark"] == "body" and m["look"] == "before"]
    assert len(ghosts) == 4  # where the brick stood, two fingers, a brick
    assert float(ghosts[-1]["y"][-1]) == pytest.approx(265, abs=0.5)
    assert answer["aside"] == "3 attempts · best 265 mm at *z* = 10"


def test_a_watched_lift_is_the_recorded_one_between_and_at_its_frames(held: Result) -> None:
    assert held.trajectory is not None
    coarse = rollout(torch.tensor([0.045], dtype=torch.float64), record_every=100).trajectory
    assert coarse is not None
    picture = unpack(watch(coarse, ghost=held.trajectory).picture)
    brick = find(picture, "scene", "body", look="sample")
    torch.testing.assert_close(brick["y"][::5], MM * coarse.state.z[:, 0].float())
    fine = MM * held.trajectory.state.z[:, 1].float()
    bend = MM * P.v_lift * 0.1 / 4  # a straight line over 0.1 s in which the brick starts to rise
    assert float((brick["y"] - fine).abs().max()) < bend
    assert picture["aside"][-1] == "the other at 265 mm"
    assert picture["readout"][1][-1] == "brick at **230 mm**"


def test_a_strip_of_frames_tells_time_and_height(held: Result) -> None:
    assert held.trajectory is not None
    strip = plots.axes(1, 1, 1)
    for frame, seconds in zip(strip, (0.0, 2.5, 5.0), strict=True):
        plots.grasp(frame, held.trajectory, seconds, which=1)
    assert [frame.get_title(loc="left") for frame in strip] == ["0.0 s", "2.5 s", "5.0 s"]
    heights = [next(t for t in f.texts if "mm" in t.get_text()).get_text() for f in strip]
    assert heights == ["25 mm", "25 mm", "230 mm"]
    assert [sum(not t.get_text() for t in f.texts) for f in strip] == [0, 0, 2]  # arrows
    assert 'aria-label="lift"' in plots.show(strip[0], "lift").data
