"""Figures without a browser: what they send, and that it is the mathematics of smoothlib."""

import json
import math
import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from course.widgets import (
    anneal,
    annealing,
    ascent,
    climb_the_average,
    many_starts,
    move_the_wall,
    smoothing,
    surrogate,
    throw,
    tremble,
)
from course.widgets import marks as m
from course.widgets.climbing import STEPS
from course.widgets.figure import (
    Axis,
    Choice,
    Clock,
    Column,
    Figure,
    Panel,
    Picture,
    Slider,
    Toggle,
    View,
)
from course.widgets.samples import FALL, batches, landings, running_mean
from smoothlib import (
    BallThrow,
    BallWall,
    annealed,
    ascend,
    normal,
)


def unpack(message: bytes) -> dict[str, Any]:
    """The picture as the browser reads it."""
    size = int.from_bytes(message[:4], "little")
    header: dict[str, Any] = json.loads(message[4 : 4 + size])
    data = bytearray(message[4 + size :])

    def revive(value: Any) -> Any:
        if isinstance(value, dict) and "bytewise" in value:
            count = math.prod(value["shape"])
            dtype = torch.uint8 if value["bytewise"] else torch.float32
            if count == 0:
                return torch.empty(value["shape"], dtype=dtype)
            flat = torch.frombuffer(data, dtype=dtype, count=count, offset=value["at"])
            return flat.reshape(value["shape"])
        if isinstance(value, dict):
            return {key: revive(part) for key, part in value.items()}
        return [revive(part) for part in value] if isinstance(value, list) else value

    return {key: revive(value) for key, value in header.items()}


def ask(figure: Figure, *, forget: bool = False, released: bool = True, **values: Any) -> dict:
    """What the browser gets when a hand sets these values."""
    seq = figure.asked.get("seq", 0) + 1
    figure.asked = {"seq": seq, "values": values, "released": released, "forget": forget}
    answer = unpack(figure.picture)
    assert answer["seq"] == seq
    return answer


def waited(figure: Figure, **values: Any) -> Picture:
    """The picture once what is simulated in the background is there."""
    picture = figure.answer(**values)
    while picture.unfinished:
        time.sleep(0.05)
        picture = figure.answer(**values)
    return picture


def find(answer: dict, panel: str, name: str, **wanted: Any) -> dict:
    """The one mark of a panel that has these properties."""
    found = [
        mark
        for mark in answer["panels"][panel]
        if mark["mark"] == name and all(mark[key] == value for key, value in wanted.items())
    ]
    assert len(found) == 1, found
    return found[0]


def tiny(draw: Callable[[SimpleNamespace], Picture], **more: Any) -> Figure:
    panel = Panel("p", "P", "", Axis(0, 1), Axis(0, 1))
    controls = [Slider("a", "a", "a", 0, 1, 0.5), Toggle("b", "Show", "Hide")]
    return Figure("?", "", [Column([panel])], controls, draw, **more)


@given(st.floats(0, 1.57))
def test_the_throw_lands_where_smoothlib_says(theta: float) -> None:
    answer = ask(throw(), theta=theta)
    distance = float(BallWall()(torch.tensor([theta], dtype=torch.float64)))
    assert find(answer, "scene", "value")["at"] == pytest.approx(distance)
    assert find(answer, "landscape", "value")["text"] == f"{distance:.2f}"
    assert f"{distance:.2f} m" in answer["readout"][1]


def test_the_landscape_is_broken_at_its_jumps_and_nowhere_else() -> None:
    answer = ask(throw(), shown=True)
    curve = find(answer, "landscape", "curve")
    broken = curve["x"][curve["y"].isnan()]
    torch.testing.assert_close(broken.double(), BallWall().jumps().theta, rtol=0, atol=1e-6)
    steps = curve["y"].diff().abs()
    assert float(steps[~steps.isnan()].max()) < 0.3


def test_earlier_throws_stay_and_reset_forgets_them() -> None:
    figure = throw()
    for theta in (0.5, 0.9, 0.9, 0.7):
        answer = ask(figure, theta=theta)
    assert answer["aside"].startswith("4 throws")  # the first one, and 0.9 once
    assert find(answer, "landscape", "points", kind="try")["x"].tolist() == pytest.approx(
        [0.35, 0.5, 0.9]
    )
    assert ask(figure, theta=0.7, shown=True)["aside"].startswith("4 throws")
    assert ask(figure, theta=0.6, released=False)["aside"].startswith("4 throws")
    assert ask(figure, theta=0.35, forget=True)["aside"].startswith("1 throw ")


def test_at_most_eight_earlier_throws_are_drawn() -> None:
    figure = throw()
    for theta in torch.linspace(0.1, 1.5, 20).tolist():
        answer = ask(figure, theta=theta)
    assert len(find(answer, "landscape", "points", kind="try")["x"]) == 8


def test_a_students_distance_takes_the_place_of_ours() -> None:
    flat = throw(lambda theta: 7 + 0 * theta)
    answer = ask(flat, theta=0.3, shown=True)
    assert "7.00 m" in answer["readout"][1]
    assert answer["readout"][2] == "smoothlib says **5.00 m**"
    assert find(answer, "landscape", "curve", role="truth")  # the two differ: both are drawn
    right = throw(lambda theta: BallWall()(theta[:, None]))
    assert find(ask(right, theta=0.3, shown=True), "landscape", "curve")["role"] == "objective"


@pytest.mark.parametrize(
    ("distance", "message"),
    [
        (lambda theta: theta[0], r"returned shape \(\) .* one distance for each angle is wanted"),
        (lambda theta: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda theta: None, "TypeError: distance\\(theta\\) returned None"),
    ],
)
def test_a_students_mistake_is_shown_and_not_raised(distance: Callable, message: str) -> None:
    answer = ask(throw(distance), theta=0.3)
    assert re.search(message, answer["error"])


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: 1 / x, "your function is inf at x = 0.00"),
        (torch.log, "your function is -inf at x = 0.00"),
        (lambda x: torch.sqrt(x - 0.2), "your function is nan at x = 0.00"),
    ],
)
def test_a_landscape_that_is_not_finite_says_where(f: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=f"{message}; every place where"):
        tremble(f)


def test_a_sample_beyond_the_picture_where_a_landscape_is_not_finite_says_where() -> None:
    error = ask(tremble(torch.sqrt), theta=0.0, sigma=0.5)["error"]
    assert re.search(r"your function is nan at x = -\d", error)


def test_a_students_gradient_ascent_takes_the_place_of_ours() -> None:
    def climb(df: Callable[[Tensor], Tensor], theta0: Tensor, lr: float, steps: int) -> Tensor:
        path = [theta0]
        for _ in range(steps):
            path.append(path[-1] + lr * df(path[-1]))
        return torch.stack(path)

    ours, theirs = (ask(ascent(BallWall(), climb=c), theta0=1.1) for c in (None, climb))
    assert ours["readout"] == theirs["readout"]
    short = ask(ascent(BallWall(), climb=lambda *_: torch.zeros(3)), theta0=1.1)
    assert "(3,) for 60 steps" in short["error"] and "(61,)" in short["error"]


def test_the_map_shows_the_landscape_of_every_height() -> None:
    answer = ask(move_the_wall(), x_w=5.0, h=3.0)
    greys = find(answer, "map", "image")["values"].double() / 254 * 20
    theta = torch.linspace(0, math.pi / 2, greys.shape[1], dtype=torch.float64)
    heights = torch.linspace(0, 5, greys.shape[0])
    for row in (0, 40, 77):  # at 77 of 99 the wall is 3.89 m high, and no throw clears it
        h = float(heights[row])
        truth = BallThrow()(theta[:, None]).clamp(max=5)
        if h < BallWall().highest_clearable:
            truth = BallWall(h=h)(theta[:, None])
        off = (greys[row] - truth.clamp(min=0)).abs() > 0.05
        assert int(off.sum()) <= 2  # columns that a cliff passes through


def test_what_draw_raises_is_reported_and_the_next_picture_is_drawn() -> None:
    def draw(now: SimpleNamespace) -> Picture:
        if now.a > 0.5:
            raise ValueError("too far")
        return Picture({"p": [m.points(now.a, 0.5)]}, ["fine"], alt="a dot")

    figure = tiny(draw)
    assert ask(figure, a=0.9)["error"] == "ValueError: too far"
    assert ask(figure, a=0.2)["readout"] == ["fine"]


def test_a_picture_of_what_cannot_be_sent_says_so() -> None:
    bad = Picture({"p": [m.value("x", 0.5, object())]}, ["x"], alt="x")  # type: ignore[arg-type]
    said = unpack(tiny(lambda now: bad).picture)["error"]
    assert said.startswith("TypeError: a picture holds numbers, text and tensors")


def test_arrays_keep_their_values_shapes_and_gaps() -> None:
    x = torch.rand(3, 5)
    x[1, 2] = math.nan
    marks = [
        m.curve(x, x, t=torch.arange(5)),
        m.image(torch.tensor([[0.0, 0.5, math.nan]]), (0, 1), (0, 1)),
    ]
    figure = tiny(lambda now: Picture({"p": marks}, ["x"], alt="x"), clock=Clock(4, 1))
    curve, image = unpack(figure.picture)["panels"]["p"]
    torch.testing.assert_close(curve["x"], x, equal_nan=True)
    assert image["values"].tolist() == [[0, 127, 255]]


def test_answer_gives_the_picture_without_a_browser() -> None:
    picture = throw().answer(theta=0.95)
    assert picture.readout[1] == "*J*(*θ*) = **11.63 m**"
    assert picture.aside.startswith("2 throws")


def test_the_outcomes_of_61_starts_are_told_after_the_first_step_only() -> None:
    answer = ask(many_starts(), wall=True)
    for item in answer["readout"]:
        assert item[0] == "" and item[1] == item[STEPS]
    neutral, *coloured = (p for p in answer["panels"]["landscape"] if p["mark"] == "points")
    assert not neutral["y"][0].isnan().any() and neutral["y"][1:].isnan().all()
    assert all(p["y"][0].isnan().all() and not p["y"][1:].isnan().any() for p in coloured)


def test_samples_come_one_by_one_then_by_tens_then_by_hundreds() -> None:
    counts = batches(1000)
    assert counts[:12] == [*range(11), 20] and counts[18:21] == [90, 100, 200]
    assert counts[-1] == 1000 and len(counts) == 29
    assert batches(250)[-3:] == [100, 200, 250] and batches(3) == [0, 1, 2, 3]


@pytest.mark.parametrize("n", [3, 50, 1000])
def test_the_samples_of_a_step_lie_when_it_ends_and_none_of_the_next_has_started(n: int) -> None:
    counts = batches(n)
    times = landings(counts)
    assert len(times) == n and bool((times.diff() > 0).all())
    for step, count in enumerate(counts):
        assert int((times <= step + 1e-6).sum()) == count
        assert int((times - FALL < step - 1e-6).sum()) == count


def test_the_running_mean_is_the_mean_of_those_that_lie_with_its_standard_error() -> None:
    values = 7 + 3 * torch.randn(200, generator=torch.Generator().manual_seed(4)).double()
    counts = batches(200)
    mean, error = running_mean(values, counts)
    assert mean[0].isnan() and error[:2].isnan().all()
    for count, at, off in zip(counts[2:], mean[2:], error[2:], strict=True):
        own = values[:count]
        assert float(at) == pytest.approx(float(own.mean()))
        assert float(off) == pytest.approx(float(own.std()) / count**0.5)
    flat = running_mean(torch.full((5,), 0.1, dtype=torch.float64), [0, 2, 5])[1]
    assert flat[1:].tolist() == [0, 0]


def test_a_choice_brings_its_sliders_to_their_starts_and_forgets_earlier_tries() -> None:
    def draw(now: SimpleNamespace) -> Picture:
        return Picture({"p": []}, [f"{now.what} {now.a} {len(now.earlier)}"], alt="x")

    panel = Panel("p", "P", "", Axis(0, 1), Axis(0, 1))
    views = {"small": View(), "large": View(sliders=[Slider("a", "a", "a", 0, 9, 5)])}
    controls = [Slider("a", "a", "a", 0, 1, 0.5), Choice("what", "what", views, "small")]
    figure = Figure("?", "", [Column([panel])], controls, draw)
    assert ask(figure, a=0.7, what="small")["readout"] == ["small 0.7 1"]
    assert ask(figure, a=0.7, what="large")["readout"] == ["large 5.0 0"]
    assert ask(figure, a=7, what="large")["readout"] == ["large 7.0 1"]
    assert ask(figure, a=0.2, what="small")["readout"] == ["small 0.2 0"]  # as a test may ask


TRIALS = [(0.85, 0.1, 0), (0.0, 1.0, 3), (1.57, 0.01, 9)]


@pytest.mark.parametrize(("theta", "sigma", "seed"), TRIALS)
def test_trembling_throws_land_on_the_landscape_and_pile_up(
    theta: float, sigma: float, seed: int
) -> None:
    answer = ask(tremble(), theta=theta, sigma=sigma, seed=seed, shown=True)
    x = theta + sigma * normal(seed, 1000, 1, dtype=torch.float64)
    lie = find(answer, "landscape", "points", kind="sample")
    torch.testing.assert_close(lie["x"], x[:, 0].float())
    torch.testing.assert_close(lie["y"], BallWall()(x).float())
    assert torch.equal(find(answer, "values", "histogram")["values"], lie["y"])
    exact = float(BallWall().smoothed(torch.tensor([theta], dtype=torch.float64), sigma))
    assert answer["readout"][2] == f"exact average **{exact:.2f}**"


def test_the_mean_of_the_samples_comes_with_its_95_percent_interval() -> None:
    answer = ask(tremble(), theta=0.9, sigma=0.2, seed=3)
    values = find(answer, "values", "histogram")["values"].double()
    ring = find(answer, "values", "measured", kind="mean")
    n = batches(1000)
    assert [float(y) for y in ring["y"][[3, -1], 0]] == pytest.approx(
        [float(values[: n[3]].mean()), float(values.mean())], rel=1e-5
    )
    bar = 1.96 * float(values.std()) / 1000**0.5
    assert float(ring["error"][-1, 0]) == pytest.approx(bar, rel=1e-5)
    assert answer["readout"][1][-1] == f"mean **{values.mean():.2f}** ± {bar / 1.96:.2f}"


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x.sum(), r"returned \(\) for points of shape \(\d+,\)"),
        (lambda x: 3.0, "returned float for points"),
        (lambda x: 1 / 0, "division by zero"),
    ],
)
def test_a_landscape_that_is_no_landscape_says_so(f: Callable, message: str) -> None:
    with pytest.raises((ValueError, ZeroDivisionError), match=message):
        tremble(f)


@pytest.mark.parametrize("name", smoothing.EXAMPLES)
def test_the_surrogate_is_the_exact_average_and_its_peak_the_highest(name: str) -> None:
    example = smoothing.EXAMPLES[name]
    answer = ask(surrogate(), objective=name)
    assert answer["values"]["objective"] == name
    assert (answer["values"]["theta"], answer["values"]["sigma"]) == example.start
    curve = find(answer, "landscape", "curve", role="truth")
    truth = example.f.smoothed(curve["x"].double()[:, None], example.start[1])
    torch.testing.assert_close(curve["y"].double(), truth, rtol=1e-5, atol=1e-5)
    peak = find(answer, "landscape", "points", role="truth", kind="ball")
    assert float(peak["y"]) >= float(truth.max()) - 1e-3
    delivered = find(answer, "landscape", "points", role="sample", kind="current")
    at = delivered["x"].double()[:, None]
    assert torch.equal(delivered["x"], peak["x"])
    assert float(example.f(at)) == pytest.approx(float(delivered["y"]), abs=1e-5)
    promised = float(example.f.smoothed(at, example.start[1]))
    assert promised == pytest.approx(float(peak["y"]), abs=1e-5)


def test_the_map_of_ends_shows_where_plain_ascent_on_the_average_ends() -> None:
    answer = ask(climb_the_average(), sigma=0.2)
    greys = find(answer, "map", "image")["values"].double() / 254
    sigmas, paths = annealing._climbers(0.004)
    assert greys.shape == (25, len(sigmas))
    for start, k in ((3, 10), (12, 19), (20, 30), (12, 40)):
        sigma, theta0 = float(sigmas[k]), paths[0, k, start]
        path = ascend(
            theta0.reshape(1),
            lambda theta, s, _: BallWall().smoothed_grad(theta, s),
            [sigma] * 200,
            lambda points: torch.optim.SGD(points, lr=0.004),
        )
        metres = float(BallWall()(path[-1]))
        grey = (metres - 5) / (BallWall().optimum.value - 5)
        assert float(greys[start, k]) == pytest.approx(grey, abs=0.003)


def test_the_average_moves_with_the_clock_and_is_exact_to_a_pixel() -> None:
    answer = ask(anneal(), first=0.35, last=0.01)
    moving = find(answer, "landscape", "moving_curve")
    sigmas = annealed(0.35, 0.01, annealing.STEPS)
    grid = moving["x"].double()[:, None]
    for step in (1, 30, annealing.STEPS):
        truth = BallWall().smoothed(grid, float(sigmas[step - 1]))
        off = float((moving["y"][step].double() - truth).abs().max())
        assert off < 14.5 / 230  # metres to a pixel of the panel


def test_a_mark_without_a_number_is_said_under_the_picture() -> None:
    """The message is made all the same: else the page would wait for ever."""
    panel = Panel("p", "A", "", Axis(0, 1), Axis(0, 1))
    place = Slider("a", "a", "a", 0, 1, 0)

    def draw(now: SimpleNamespace) -> Picture:
        x = math.nan if now.a > 0.5 else now.a
        return Picture({"p": [m.value("x", x, "here")]}, [""], alt="")

    figure = Figure("?", "", [Column([panel])], [place], draw)
    assert "error" not in unpack(figure.picture)
    assert ask(figure, a=1.0)["error"].startswith("ValueError")
