"""Figures: is it a bias, how noisy is a sample, what should be subtracted, and which error wins."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace

import torch
from torch import Tensor

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
    Slider,
    Toggle,
    View,
)
from course.widgets.marks import Mark
from course.widgets.samples import FALL, batches, landings, running_mean
from smoothlib import (
    L1,
    BallThrow,
    BallWall,
    Heaviside,
    Objective,
    TopHat,
    batch_mean,
    bias_exact,
    center,
    estimated_optimal,
    finite_difference,
    first_order,
    leave_one_out,
    no_baseline,
    normal,
    optimal_baseline,
    variance_exact,
    variance_measured,
    zero_order,
)

Estimator = Callable[[Objective, Tensor, float, Tensor], Tensor]
ErrorOf = Callable[[Tensor, Tensor, int], Tensor]

REPEATS = batches(1000)[1:]
TYPICAL = 73  # a seed that is off as far as batches are at first, and as their means are at last
HEIGHT, NAME_HEIGHT = 330, 18  # pixels of the panel of variances, and of a name in it
SIGMAS = torch.logspace(-2, math.log10(1.5), 49, dtype=torch.float64)
MEASURED_AT = SIGMAS[3:48:6]
MEASURED = 1000
NO_ERROR = 1e-6  # m/rad: on the plateau both are right to rounding, and neither wins
MAP_THETA, MAP_SIGMA = (0.05, 1.5), (0.02, 1.0)
plain: Estimator = partial(zero_order, baseline=no_baseline)


# --- is it a bias ---------------------------------------------------------------------------

ROWS: dict[str, tuple[Estimator, str, str]] = {
    "plain": (plain, "plain", "zero-order"),
    "zero": (finite_difference, "gradient", "with *f*(*θ*) subtracted"),
    "first": (first_order, "first", "first-order"),
}


def measured_bias(estimator: Estimator | None = None, n: int = 50) -> Figure:
    """Batch means of three estimators, and how far the mean of more and more of them is off.

    `estimator(f, theta, sigma, eps)`, if given, takes the place of the baselined zero-order one:
    it returns the gradients of a batch of n samples, (n, 1), or their mean.
    """
    rows = dict(ROWS)
    if estimator:
        rows["zero"] = (estimator, "sample", "yours")
    draws = cache(partial(_batch_means, rows, n))

    def draw(now: SimpleNamespace) -> Picture:
        case = CASES[now.what]
        at = _point(case.theta)
        truth = float(case.f.smoothed_grad(at, case.sigma))
        found = draws(now.what, int(now.seed))
        off = {name: running_mean(means, REPEATS)[0] - truth for name, means in found.items()}
        chance = _expected_distances(case, n) if not estimator and now.chance else {}
        return Picture(
            panels={name: _pile(means, rows[name][1], truth) for name, means in found.items()}
            | {
                "off": [
                    *(m.text(1.15, _start(case, name, n), rows[name][2], rows[name][1], dy=-10)
                      for name in rows),
                    *(m.curve(REPEATS, chance[name], rows[name][1], width=2, dash=(6, 4))
                      for name in chance),
                    *(mark for name in off for mark in _distance(off[name], rows[name][1])),
                ]
            },
            readout=[
                _off(rows[name][2], off[name]) for name in ("first", "zero", "plain")
            ],
            aside=[f"{k} batches of {n}" if k > 1 else f"1 batch of {n}" for k in REPEATS],
            alt="On the left three piles of batch means about the true slope; on the right the "
            "distance of each mean from the truth, falling along a straight line or levelling off.",
        )  # fmt: skip

    views = {name: View(_bias_panels(case, rows)) for name, case in CASES.items()}
    first = next(iter(CASES))
    toggle = [] if estimator else [Toggle("chance", "Show pure chance", "Hide pure chance")]
    return Figure(
        f"{'Yours, off' if estimator else 'You are off'} by so much. Is it a bias?",
        f"Each dot is the mean of {n} samples. Press play: the right shows how far the mean of "
        "all dots so far is from the truth.",
        [Column(views[first].panels[:3]), Column(views[first].panels[3:], 1.1)],
        [Choice("what", "Objective", views, first), *toggle, NewNoise()],
        draw,
        Clock(end=len(REPEATS) - 1, seconds=10, label="batches", under="off"),
    )


@dataclass(frozen=True)
class _Case:
    """An objective at a point, and the gradients that a pile of batches may show."""

    f: Objective
    theta: float
    sigma: float
    piles: tuple[float, float]
    ticks: Sequence[float]


CASES = {
    "ball without a wall": _Case(BallThrow(), 0.6, 0.1, (-95, 75), (-80, -40, 0, 40)),
    "ball over the wall": _Case(BallWall(), 0.9, 0.1, (-25, 65), (-20, 0, 20, 40, 60)),
}


def _bias_panels(case: _Case, rows: dict[str, tuple[Estimator, str, str]]) -> list[Panel]:
    pile = partial(Panel, x=Axis(*case.piles, case.ticks, "d"), y=Axis(0, 1, ()), height=104,
                   margin=8)  # fmt: skip
    names = {"plain": "Zero-order", "zero": "Zero-order, *f*(*θ*) subtracted"}
    titles = {
        name: names.get(name, "First-order") if role != "sample" else "Yours"
        for name, (_, role, _) in rows.items()
    }
    off = Panel("off", "Off by", "the mean so far, m/rad",
                Axis(1, 1000, (1, 10, 100, 1000), "~s", unit="batches", log=True),
                Axis(1e-3, 100, (0.001, 0.01, 0.1, 1, 10, 100), "power", log=True),
                margin=44)  # fmt: skip
    return [*(pile(name, titles[name], "m/rad") for name in rows), off]


def _batch_means(
    rows: dict[str, tuple[Estimator, str, str]], n: int, what: str, seed: int
) -> dict[str, Tensor]:
    """The means of REPEATS[-1] batches by each estimator, from the same noise."""
    case = CASES[what]
    at = _point(case.theta)
    eps = normal(TYPICAL + seed, REPEATS[-1] * n, 1, dtype=torch.float64)
    found = {}
    for name, (estimator, role, _) in rows.items():
        if role == "sample":
            each = [_mean(estimator(case.f, at, case.sigma, part), n) for part in eps.split(n)]
            found[name] = torch.stack(each)
        else:
            found[name] = estimator(case.f, at, case.sigma, eps).reshape(-1, n).mean(1)
    return found


def _mean(gradients: object, n: int) -> Tensor:
    """Of one batch of the student's estimator."""
    if not isinstance(gradients, Tensor):
        raise TypeError(f"your estimator returned {gradients!r}; a tensor (n, 1) is wanted")
    if gradients.numel() not in (1, n):
        raise ValueError(
            f"your estimator returned shape {tuple(gradients.shape)} for {n} samples; one "
            f"gradient for each, ({n}, 1), or their mean is wanted"
        )
    return gradients.detach().double().mean()


def _pile(means: Tensor, role: str, truth: float) -> list[Mark]:
    """The batch means as they come, the truth, and their mean with two standard errors."""
    mean, error = running_mean(means, REPEATS)
    steps = torch.arange(len(REPEATS))
    return [
        m.curve([truth, truth], [0, 1], "truth", width=2),
        m.histogram(means, role, lift=24, t=_landed(), fall=FALL),
        m.measured(mean[:, None], torch.full_like(mean, 0.1)[:, None], 2 * error[:, None], role,
                   axis="x", kind="mean", t=steps),
    ]  # fmt: skip


def _landed() -> Tensor:
    """When each batch lies: the first is there from the start."""
    return (landings([0, *REPEATS]) - 1).clamp(min=0)


def _distance(off: Tensor, role: str) -> list[Mark]:
    """|mean - truth| as far as the clock stands."""
    steps = torch.arange(len(REPEATS))
    shown = off.abs().clamp(min=1e-4)
    nothing = torch.full_like(shown, math.nan)
    return [
        m.curve(REPEATS, shown, role, t=steps),
        m.measured(torch.tensor(REPEATS)[:, None], shown[:, None], nothing[:, None], role,
                   kind="mean", t=steps),
    ]  # fmt: skip


@cache
def _expected_distances(case: _Case, n: int) -> dict[str, Tensor]:
    """E |mean - truth| of k batches, each estimator's: √(2/π) standard errors, or its bias."""
    at = _point(case.theta)
    each = variance_exact(case.f, at, case.sigma)
    bias = {"first": float(bias_exact(case.f, at, case.sigma))}
    found = {"plain": each.zero_order, "zero": each.finite_difference, "first": each.first_order}
    k = torch.tensor(REPEATS, dtype=torch.float64)
    return {
        name: folded_mean(bias.get(name, 0.0), (variance / (n * k)).sqrt())
        for name, variance in found.items()
    }


def _start(case: _Case, name: str, n: int) -> float:
    """A height for the name of a curve: twice what chance gives at first, within the panel."""
    return min(2 * float(_expected_distances(case, n)[name][0]), 60.0)


def folded_mean(mean: float, sd: Tensor) -> Tensor:
    """E |X| of X ~ N(mean, sd²)."""
    z = mean / sd
    return sd * math.sqrt(2 / math.pi) * torch.exp(-(z**2) / 2) + mean * torch.erf(z / math.sqrt(2))


def _off(name: str, off: Tensor) -> list[str]:
    return [
        f"{name} off by **{abs(x):.2g}**" if abs(x) > 1e-3 else f"{name} off by **< 0.001**"
        for x in off.tolist()
    ]


# --- how noisy is a sample ------------------------------------------------------------------


@dataclass(frozen=True)
class _Scene:
    """An objective, where θ may be, and the variances that a figure shows."""

    f: Objective
    theta: tuple[float, float, float]  # low, start, high
    variances: tuple[float, float]


SCENES = {
    "ball without a wall": _Scene(BallThrow(), (0.0, 0.6, 1.57), (1e-3, 1e7)),
    "ball over the wall": _Scene(BallWall(), (0.1, 0.9, 1.5), (1e-3, 1e7)),
    "absolute value": _Scene(L1(), (0.0, 0.3, 1.0), (1e-3, 1e5)),
    "a step": _Scene(Heaviside(), (-1.0, 0.3, 1.0), (1e-3, 1e5)),
}
CURVES: dict[str, tuple[str, tuple[int, ...], str]] = {
    "zero_order": ("plain", (), "zero-order"),
    "finite_difference": ("gradient", (), "*f*(*θ*) subtracted"),
    "optimal": ("gradient", (2, 3), "*b*^{*} subtracted"),
    "antithetic": ("gradient", (7, 5), "antithetic"),
    "first_order": ("first", (), "first-order"),
}
BUDGET = {"antithetic": 2}  # evaluations of f for one row
MEASURES: dict[str, Estimator] = {
    "zero_order": plain,
    "finite_difference": finite_difference,
    "first_order": first_order,
}


def variances() -> Figure:
    """The variance of one sample against σ: exact curves, and rings measured from samples."""

    def draw(now: SimpleNamespace) -> Picture:
        scene = SCENES[now.what]
        at = _point(now.theta)
        power = 0.5 if now.sd else 1.0
        exact = {name: v**power for name, v in _over_sigma(scene.f, now.theta).items()}
        here = _variances(scene.f, at, torch.tensor([now.sigma], dtype=torch.float64))
        chosen = {name: float(v) ** power for name, v in here.items()}
        low, high = scene.variances
        return Picture(
            panels={
                "variance": [
                    m.line([now.sigma, now.sigma], [low, high], "guide"),
                    *(m.curve(SIGMAS, y.where(y > low / 10, math.nan), CURVES[name][0],
                              dash=CURVES[name][1]) for name, y in exact.items()),
                    *_names({name: float(y[-1]) for name, y in exact.items()}, scene),
                    *_rings(scene.f, at, int(now.seed), power),
                    *(m.points(now.sigma, y, CURVES[name][0], kind="ball")
                      for name, y in chosen.items() if y > low),
                ]
            },
            readout=[
                f"*σ* = **{now.sigma:.2g}**",
                *(f"{CURVES[name][2]} **{_short(chosen[name])}**"
                  for name in ("zero_order", "finite_difference", "first_order")),
            ],
            aside="standard deviations" if now.sd else "variances",
            alt="Five curves over sigma on logarithmic axes: zero-order falls, with a baseline it "
            "is level, first-order rises or is level.",
        )  # fmt: skip

    views = {name: _variance_view(scene) for name, scene in SCENES.items()}
    first = next(iter(SCENES))
    return Figure(
        "How noisy is one gradient sample?",
        f"Curves are exact, rings measured from {MEASURED} samples. An antithetic pair counts "
        "twice, for its two evaluations. Drag *σ*.",
        [Column(views[first].panels)],
        [
            Choice("what", "Objective", views, first),
            Slider("sigma", "noise sigma", "*σ*", 0.01, 1.5, 0.1, format=".2~g", log=True,
                   under="variance"),
            *views[first].sliders,
            Toggle("sd", "Show standard deviations", "Show variances"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def _variance_view(scene: _Scene) -> View:
    low, start, high = scene.theta
    panel = Panel("variance", "Variance", "of one sample", Axis(0.01, 1.5, (0.01, 0.1, 1), "~g",
                  unit="*σ*", log=True), Axis(*scene.variances, _decades(*scene.variances), "power",
                  log=True), height=HEIGHT, margin=56, right=130)  # fmt: skip
    return View([panel], [Slider("theta", "point theta", "*θ*", low, high, start)])


def _decades(low: float, high: float) -> list[float]:
    """Every second power of ten."""
    first, last = round(math.log10(low)), round(math.log10(high))
    return [10.0**k for k in range(first + first % 2, last + 1, 2)]


@cache
def _over_sigma(f: Objective, theta: float) -> dict[str, Tensor]:
    return _variances(f, _point(theta), SIGMAS)


def _variances(f: Objective, at: Tensor, sigma: Tensor) -> dict[str, Tensor]:
    """For one evaluation of f, by the names of CURVES; (s,)."""
    found = variance_exact(f, at, sigma)._asdict()
    return {name: BUDGET.get(name, 1) * found[name][..., 0].clamp(min=0) for name in CURVES}


def _names(ends: dict[str, float], scene: _Scene) -> list[Mark]:
    """The names of the curves that end in the panel, at their ends, pushed apart."""
    low, high = scene.variances
    apart = (high / low) ** (NAME_HEIGHT / HEIGHT)
    at, marks = 0.0, []
    for name, end in sorted(ends.items(), key=lambda item: item[1]):
        if end > low:
            at = max(end, at * apart)
            role, _, words = CURVES[name]
            marks.append(m.text(float(SIGMAS[-1]), at, words, role, dx=8, dy=4))
    return marks


@cache
def _measured(f: Objective, theta: float, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Sample variances and their standard errors at MEASURED_AT, for the estimators of MEASURES."""
    eps = normal(seed, MEASURED, 1, dtype=torch.float64)
    found = {}
    for name, estimator in MEASURES.items():
        rows = [estimator(f, _point(theta), float(s), eps) for s in MEASURED_AT]
        each = variance_measured(torch.cat(rows, 1))
        found[name] = (each.mean, each.standard_error)
    return found


def _rings(f: Objective, at: Tensor, seed: int, power: float) -> list[Mark]:
    """The measured variances; as standard deviations their errors are half as large, relatively."""
    marks = []
    for name, (value, error) in _measured(f, float(at), seed).items():
        y, bar = value**power, 2 * power * error * value ** (power - 1)
        shown = value > 0
        marks.append(m.measured(MEASURED_AT[shown], y[shown], bar[shown], CURVES[name][0]))
    return marks


def _short(x: float) -> str:
    """Three digits, and thousands apart."""
    return f"{x:.3g}" if x < 1000 else f"{x:,.0f}".replace(",", " ")


# --- baselines that come from the batch ------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """An objective at (θ, σ), and the gradients that its panel shows."""

    f: Objective
    theta: float
    sigma: float
    gradients: tuple[float, float]


PLACES = {
    "ball, little noise": _Place(BallThrow(), 0.6, 0.1, (-50, 30)),
    "ball, much noise": _Place(BallThrow(), 0.3, 1.0, (-50, 40)),
    "over the wall": _Place(BallWall(), 0.9, 0.1, (-80, 120)),
    "window, from its middle": _Place(TopHat(0.02, 0.08, 0.2), 0.05, 0.05, (-8, 8)),
}
BASELINES: dict[str, tuple[Callable[..., Tensor] | None, str]] = {
    "nothing": (no_baseline, "plain"),
    "*f*(*θ*)": (center, "gradient"),
    "mean of the batch": (batch_mean, "wrong"),
    "mean of the others": (leave_one_out, "gradient"),
    "*b*^{*}, estimated": (estimated_optimal, "gradient"),
    "*b*^{*}, known": (None, "gradient"),
}
BATCHES = 60


def batch_baselines() -> Figure:
    """The means of 100 batches for each of six baselines, from the same noise."""

    def draw(now: SimpleNamespace) -> Picture:
        n, place = round(now.n), PLACES[now.what]
        truth = float(place.f.smoothed_grad(_point(place.theta), place.sigma))
        found = _by_baseline(now.what, n, int(now.seed))
        above = m.text(truth, 6.6, f"truth {truth:+.3g}", "truth", align="center", dy=-6)
        marks = [m.curve([truth, truth], [0, 6.6], "truth", width=2), above]
        low, high = place.gradients
        for k, (name, means) in enumerate(found.items()):
            row = len(found) - k - 0.5
            role = BASELINES[name][1]
            inside = means[(means > low) & (means < high)]
            mean, error = means.mean(), means.std() / math.sqrt(BATCHES)
            marks += [
                m.text(low, row, name, "ink", dx=-12, dy=5, align="right"),
                m.points(inside, torch.full_like(inside, row - 0.22), role),
                m.measured(mean.clamp(low, high), row + 0.15, 2 * error, role, axis="x",
                           kind="mean"),
            ]  # fmt: skip
        return Picture(
            panels={"rows": marks},
            readout=[
                f"{name} ± **{_short(float((found[name] - truth).square().mean().sqrt()))}**"
                for name in ("nothing", "*f*(*θ*)", "mean of the others", "*b*^{*}, known")
            ],
            aside=f"{BATCHES} batches of {n}",
            alt="Six rows of batch means about the true slope, one for each baseline.",
        )

    views = {name: View([_rows_panel(place)]) for name, place in PLACES.items()}
    first = next(iter(PLACES))
    return Figure(
        "Subtract what?",
        f"Dots are the means of {BATCHES} batches of *n* samples, the ring is their mean ± 2 "
        "standard errors. Which row misses the truth when *n* is small?",
        [Column(views[first].panels)],
        [
            Choice("what", "Objective", views, first),
            Slider("n", "samples in a batch", "*n*", 4, 60, 5, format=".0f", log=True),
            NewNoise(),
        ],
        draw,
    )


def _rows_panel(place: _Place) -> Panel:
    x, y = Axis(*place.gradients, 6, "d"), Axis(0, 7, ())
    return Panel("rows", "Gradient", "mean of a batch", x, y, height=290, margin=140)


@cache
def _by_baseline(what: str, n: int, seed: int) -> dict[str, Tensor]:
    """`zero_order` with each baseline, the mean of each batch, all batches at once."""
    place = PLACES[what]
    at = _point(place.theta)
    best = optimal_baseline(place.f, at, place.sigma)
    sigma = torch.tensor(place.sigma, dtype=torch.float64)
    score = normal(seed, BATCHES * n, 1, dtype=torch.float64).reshape(BATCHES, n, 1) / sigma
    values = place.f(at + sigma**2 * score)
    found = {}
    for name, (baseline, _) in BASELINES.items():
        each = partial(baseline or (lambda *_: best), place.f, at, sigma)
        rows = (values[..., None] - torch.vmap(each)(values, score).reshape(BATCHES, -1, 1)) * score
        found[name] = rows.mean((1, 2))
    return found


# --- which error wins -----------------------------------------------------------------------


def which_wins(error: ErrorOf | None = None) -> Figure:
    """A map over θ and σ of which estimator has the smaller error of the mean of n samples.

    `error(bias, variance, n)`, if given, says how large that error is; tensors in, tensor out.
    """
    wall = BallWall()
    of = error or _root_mean_square

    def draw(now: SimpleNamespace) -> Picture:
        n = round(now.n)
        grid = error_map()
        zero = grid.centred if now.baseline else grid.plain
        first = _error(of, grid.bias, grid.first, n)
        wins = (_error(of, 0 * grid.bias, zero, n) < first) & (first > NO_ERROR)
        at = _point(now.theta)
        truth = float(wall.smoothed_grad(at, now.sigma))
        eps = normal(0, 100 * n, 1, dtype=torch.float64)
        found = {
            name: estimator(wall, at, now.sigma, eps).reshape(100, n).mean(1)
            for name, estimator in (
                ("zero", finite_difference if now.baseline else plain), ("first", first_order)
            )
        }  # fmt: skip
        off = {name: float((means - truth).square().mean().sqrt()) for name, means in found.items()}
        return Picture(
            panels={
                "map": [
                    m.image(torch.where(wins, 0.8, 0.15), MAP_THETA, MAP_SIGMA),
                    m.handle(
                        now.theta,
                        now.sigma,
                        {"x": "theta", "y": "sigma"},
                        arrows=[(1, 0), (-1, 0), (0, 1), (0, -1)],
                    ),
                ],
                "zero": _batch_pile(found["zero"], "gradient" if now.baseline else "plain", truth),
                "first": _batch_pile(found["first"], "first", truth),
            },
            readout=[
                f"zero-order has the smaller error on **{100 * float(wins.double().mean()):.0f} %**"
                " of the map",
                f"here: zero-order ± **{off['zero']:.3g}**",
                f"first-order ± **{off['first']:.3g}** m/rad",
            ],
            alt="A map: dark where zero-order has the smaller error, over θ and σ; beside it 100 "
            "batch means of each at the chosen point, about the true slope.",
        )

    pile = partial(Panel, x=Axis(-60, 60, (-40, -20, 0, 20, 40), "d"), y=Axis(0, 1, ()),
                   height=112, margin=8)  # fmt: skip
    return Figure(
        "Where is which gradient nearer to the truth?",
        "Ball over the wall. Dark: zero-order has the smaller error of a mean of *n* samples. Drag "
        "the ring; piles hold 100 means.",
        [
            Column([Panel("map", "Smaller error", "*σ* upwards",
                          Axis(*MAP_THETA, (0.25, 0.5, 0.75, 1, 1.25), unit="*θ*, rad"),
                          Axis(*MAP_SIGMA, (0.02, 0.1, 0.5), log=True), height=280)]),
            Column([pile("zero", "Zero-order", "m/rad"), pile("first", "First-order", "m/rad")]),
        ],
        [
            Slider("theta", "angle theta in radians", "*θ*", *MAP_THETA, 0.9, 0.01, under="map"),
            Slider("sigma", "noise sigma in radians", "*σ*", *MAP_SIGMA, 0.1, format=".2~g",
                   log=True),
            Slider("n", "samples in a mean", "*n*", 2, 500, 50, format=".0f", log=True),
            Toggle("baseline", "Subtract f(θ)", "Subtract nothing"),
        ],
        draw,
    )  # fmt: skip


def _root_mean_square(bias: Tensor, variance: Tensor, n: int) -> Tensor:
    return (bias**2 + variance / n).sqrt()


def _error(error: ErrorOf, bias: Tensor, variance: Tensor, n: int) -> Tensor:
    found = error(bias, variance, n)
    if not isinstance(found, Tensor) or found.shape != bias.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"your function returned {shape} for bias and variance of shape {tuple(bias.shape)}; "
            "one error for each is wanted"
        )
    return found.detach()


def _batch_pile(means: Tensor, role: str, truth: float) -> list[Mark]:
    return [
        m.curve([truth, truth], [0, 1], "truth", width=2),
        m.histogram(means, role, lift=6),
    ]


class ErrorMap(SimpleNamespace):
    """Exact bias and variances over the map, (rows of σ, columns of θ)."""

    bias: Tensor
    first: Tensor
    plain: Tensor
    centred: Tensor


@cache
def error_map() -> ErrorMap:
    """Of the ball over the wall: the bias of first-order, and the variances of one sample."""
    theta = torch.linspace(*MAP_THETA, 60, dtype=torch.float64)[None, :, None]
    low, high = map(math.log10, MAP_SIGMA)
    sigma = torch.logspace(low, high, 40, dtype=torch.float64)[:, None]
    each = variance_exact(BallWall(), theta, sigma)
    return ErrorMap(
        bias=bias_exact(BallWall(), theta, sigma)[..., 0],
        first=each.first_order[..., 0],
        plain=each.zero_order[..., 0],
        centred=each.finite_difference[..., 0],
    )


def _point(theta: float) -> Tensor:
    return torch.tensor([theta], dtype=torch.float64)
