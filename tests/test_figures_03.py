"""The figures of lecture 03 against mathematics, without a browser."""

import math
import re

import pytest
import torch
from torch import Tensor

from course.widgets import (
    areas,
    arrows,
    baselines,
    climb_by_scores,
    correlated,
    dimensions,
    step_sizes,
    votes,
)
from course.widgets.directions import BATCHES, HERE, HILL, STEP
from course.widgets.scores import COUNTS
from course.widgets.stepping import CLIMB, RATE
from smoothlib import BallWall, Heaviside, finite_difference, normal, zero_order
from tests.test_widgets import ask, find

WALL = BallWall()


def numbers(text: str) -> list[float]:
    return [float(n) for n in re.findall(r"[+-]?\d+\.\d+|[+-]?\d+", text)]


def test_the_votes_are_those_of_the_samples_on_the_left() -> None:
    answer = ask(votes(), theta=0.95, sigma=0.2)
    fallen = find(answer, "landscape", "points", kind="sample")
    cast = find(answer, "slopes", "histogram")["values"].double()
    x, score = fallen["x"].double(), fallen["y"].double()
    middle = float(WALL(torch.tensor([0.95], dtype=torch.float64)))
    torch.testing.assert_close(cast, (score - middle) * (x - 0.95) / 0.2**2, rtol=1e-4, atol=1e-3)
    ring = find(answer, "slopes", "measured")
    assert float(ring["x"][-1]) == pytest.approx(float(cast.mean()), rel=1e-5)
    width = 1.96 * float(cast.std()) / len(cast) ** 0.5
    assert float(ring["error"][-1]) == pytest.approx(width, rel=1e-4)
    assert len(cast) == COUNTS[-1]


def test_the_truth_shows_with_the_first_vote_and_not_before() -> None:
    answer = ask(votes())
    line = find(answer, "slopes", "curve", role="truth")
    assert line["t"].tolist() == [0, 1]
    assert answer["aside"][0] == "" and "+20.36" in answer["aside"][1]


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (lambda f, theta, sigma, eps: eps.mean(0), "one gradient for each sample, in a row"),
        (lambda f, theta, sigma, eps: None, "returned None; a tensor of gradients is wanted"),
        (lambda f, theta, sigma, eps: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_students_estimate_that_fails_says_why(estimator, message: str) -> None:
    for figure in votes(estimator=estimator), arrows(estimator=estimator):
        assert message in ask(figure, seed=1)["error"]


@pytest.mark.parametrize("b", [0.0, 5.0, 13.7])
@pytest.mark.parametrize(("theta", "sigma"), [(0.9, 0.1), (0.6, 0.2), (1.2, 0.08)])
def test_the_areas_differ_by_the_slope_whatever_is_subtracted(
    theta: float, sigma: float, b: float
) -> None:
    answer = ask(areas(), theta=theta, sigma=sigma, b=b)
    slope = float(WALL.smoothed_grad(torch.tensor([theta], dtype=torch.float64), sigma))
    up, down, both = (numbers(item)[-1] for item in answer["readout"])
    assert both == pytest.approx(slope, abs=0.06)
    assert up + down == pytest.approx(both, abs=0.11) and up >= 0 >= down
    curve = find(answer, "parts", "curve")
    area = float(torch.trapezoid(curve["y"].double(), curve["x"].double()))
    assert area == pytest.approx(slope, abs=0.06)


def test_the_measured_variance_lies_on_the_exact_parabola() -> None:
    for theta, sigma, b in ((0.9, 0.1, 3.0), (0.8, 1.0, 12.0), (0.5, 0.3, -6.0)):
        answer = ask(baselines(), theta=theta, sigma=sigma, b=b)
        ring, curve = (find(answer, "variance", kind) for kind in ("measured", "curve"))
        at = int((curve["x"] - b).abs().argmin())
        assert abs(float(ring["y"] - curve["y"][at])) < 5 * float(ring["error"]) / 1.96


def test_each_line_of_the_hill_is_a_vote_and_their_mean_is_the_arrow() -> None:
    answer = ask(arrows(), n=40, sigma=0.3, baseline=True)
    eps = normal(0, BATCHES * 40, 2, dtype=torch.float64)[:40]
    lines = find(answer, "plane", "curve", role="gradient")
    ends = torch.stack((lines["x"][:, 1], lines["y"][:, 1]), -1).double()
    gain = HILL(HERE + 0.3 * eps) - HILL(HERE)
    torch.testing.assert_close(ends, STEP * gain[:, None] * eps / 0.3, rtol=1e-4, atol=1e-4)
    mean = find(answer, "plane", "arrow", role="gradient")
    tip = torch.tensor([mean["dx"][0], mean["dy"][0]])
    torch.testing.assert_close(tip.double(), ends.mean(0), rtol=1e-4, atol=1e-4)
    truth = find(answer, "plane", "arrow", role="truth")
    by_hand = [1.1 * 1 - 0.9 * 0.5, -1.1 * 0.5 + 0.9 * 2]  # -A (0 - c)
    assert [float(truth["dx"]), float(truth["dy"])] == pytest.approx([STEP * g for g in by_hand])


def test_dots_beside_the_hill_are_angles_to_the_truth() -> None:
    answer = ask(arrows(), n=3, baseline=False)
    eps = normal(0, BATCHES * 3, 2, dtype=torch.float64)
    means = zero_order(HILL, HERE, 0.3, eps).reshape(BATCHES, 3, 2).mean(1)
    truth = HILL.smoothed_grad(HERE, 0.3)
    cosine = means @ truth / means.norm(dim=-1) / truth.norm()
    off = find(answer, "off", "histogram")["values"]
    torch.testing.assert_close(torch.deg2rad(off).cos().double(), cosine, rtol=0, atol=1e-5)
    turned = float(math.atan2(means[0, 1], means[0, 0]) - math.atan2(truth[1], truth[0]))
    assert math.sin(turned) == pytest.approx(math.sin(math.radians(float(off[0]))), abs=1e-5)


def test_names_of_arrows_that_are_close_stand_on_either_side() -> None:
    for seed in range(6):
        answer = ask(arrows(), n=1000, baseline=True, seed=seed)
        truth, mean = (find(answer, "plane", "text", text=[name]) for name in ("truth", "mean"))
        assert {truth["align"], mean["align"]} == {"left", "right"}


def test_the_corrected_estimate_finds_the_gradient_and_the_printed_one_sigma_times_it() -> None:
    for turn, ratio in ((0.3, 4.0), (-1.2, 8.0)):
        answer = ask(correlated(), turn=turn, ratio=ratio)
        cos, sin = math.cos(turn), math.sin(turn)
        R = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
        Sigma = R @ torch.diag(torch.tensor([0.09 * ratio, 0.09 / ratio]).double()) @ R.T
        truth = HILL.smoothed_grad(HERE, 0.3)
        printed = Sigma @ truth
        angle = math.degrees(math.atan2(printed[1], printed[0]) - math.atan2(truth[1], truth[0]))
        off, length = numbers(answer["readout"][1])[-2:]
        assert off == pytest.approx(angle, abs=6)
        assert length == pytest.approx(float(printed.norm() / truth.norm()), rel=0.1, abs=0.01)
        assert abs(numbers(answer["readout"][0])[-2]) < 8


def test_cosines_in_many_dimensions_are_those_of_the_estimates() -> None:
    answer = ask(dimensions(), d=5, throws=4, sigma=0.3)
    noise = normal(0, 400, 5)
    theta = torch.tensor([-1.0, 0, 0, 0, 0])

    def score(x: Tensor) -> Tensor:
        return -(x**2).sum(-1) / 2

    one, pair = [], []
    for k in range(100):
        eps = noise[4 * k : 4 * k + 4]
        one.append(((score(theta + 0.3 * eps) - score(theta))[:, None] * eps).mean(0))
        eps = noise[2 * k : 2 * k + 2]
        both = score(theta + 0.3 * eps) - score(theta - 0.3 * eps)
        pair.append((both[:, None] * eps).mean(0))
    for name, rows in (("one", one), ("pair", pair)):
        found = find(answer, name, "histogram")["values"]
        cosine = torch.stack([row[0] / row.norm() for row in rows])
        torch.testing.assert_close(found, cosine, rtol=0, atol=1e-4)


def test_the_map_of_step_sizes_is_red_where_the_mean_square_grows() -> None:
    figure = step_sizes()
    for d, eta in ((1, 0.6), (1, 0.7), (10, 0.16), (10, 0.17), (100, 0.019), (100, 0.02)):
        answer = ask(figure, d=d, eta=eta)
        exact = find(answer, "distance", "curve", role="truth")["y"].double()
        grows = float(exact[-1] - exact[-2]) > 0 and float(exact[-1]) > float(exact[-10]) * 1.05
        assert (answer["aside"] == "stable") == (eta < 2 / (d + 2))
        band = find(answer, "map", "band")
        edge = float(band["low"][int((band["x"] - eta).abs().argmin())])
        assert (d > edge) == (eta > 2 / (d + 2)) or abs(d - edge) < 0.2 * d
        if d == 1:
            assert grows == (eta > 2 / 3)


def test_a_students_estimate_climbs_in_place_of_ours() -> None:
    def own(f, theta, sigma, eps):
        return finite_difference(f, theta, sigma, eps).mean(0)

    ours, theirs = (ask(climb_by_scores(g), theta0=0.6) for g in (None, own))
    assert ours["readout"] == theirs["readout"]
    still = ask(climb_by_scores(lambda f, theta, sigma, eps: 0 * theta), theta0=0.6)
    assert still["readout"][1] == ["*θ* = **0.600**"] * (CLIMB + 1)
    rows = ask(climb_by_scores(finite_difference), theta0=0.6)
    assert "your estimate is (10, 1); a tensor of shape (1,) is wanted" in rows["error"]


def test_the_climb_takes_steps_of_the_estimate() -> None:
    figure = climb_by_scores(lambda f, theta, sigma, eps: f.smoothed_grad(theta, sigma))
    theta = [numbers(text)[0] for text in ask(figure, theta0=0.7, sigma=0.2)["readout"][1]]
    at = torch.tensor([0.7], dtype=torch.float64)
    for step in range(4):
        assert theta[step] == pytest.approx(float(at), abs=6e-4)
        at = at + RATE * WALL.smoothed_grad(at, 0.2)


def test_silence_far_from_the_step() -> None:
    answer = ask(votes(Heaviside(), theta=-2.0, sigma=1.0))
    cast = find(answer, "slopes", "histogram")["values"]
    assert float((cast == 0).float().mean()) == pytest.approx(0.977, abs=0.024)  # Φ(2)
