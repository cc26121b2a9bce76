"""Figures: which action is praised, which baseline lies, and when to forget the past."""

import math
from collections.abc import Callable
from functools import cache, partial
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.episodes import (
    STEPS,
    TRUTH,
    Flights,
    all_noise,
    checked_weights,
    drawn,
    fly,
    mean_to_go,
    moments,
    rows,
    values,
)
from course.widgets.figure import (
    Axis,
    Choice,
    Column,
    Control,
    Figure,
    NewNoise,
    Panel,
    Picture,
    Slider,
    View,
)
from course.widgets.marks import Mark
from smoothlib import normal
from smoothlib.trajectories import reward_to_go, time_baseline

WeightsOf = Callable[[Tensor], Tensor]

T = torch.arange(STEPS, dtype=torch.float64)
TIME = Axis(-0.3, STEPS - 0.7, range(STEPS), "d", "*t*")
OFFSETS: dict[str, tuple[float, float, float, tuple[float, ...]]] = {
    "as it is": (0.0, -4.5, 3.0, (-4, -2, 0, 2)),  # offset, and the weights that show
    "+ 1 for each push": (1.0, -4.5, 6.0, (-4, 0, 4)),
    "+ 10 for each push": (10.0, -6.0, 52.0, (0, 25, 50)),
}
SHOWN = 24  # episodes that a figure draws
MEASURED = 1000  # episodes behind each measured variance
TYPICAL = 2
BATCHES = 60


# --- which action gets the praise -------------------------------------------------------------


def _full(flights: Flights, offset: float) -> Tensor:
    return (flights.rewards + offset).sum(0).expand(STEPS, -1)


def _to_go(flights: Flights, offset: float) -> Tensor:
    return reward_to_go(flights.rewards + offset)


def _above_time(flights: Flights, offset: float) -> Tensor:
    return _to_go(flights, offset) - mean_to_go(offset)


def _above_value(flights: Flights, offset: float) -> Tensor:
    return _to_go(flights, offset) - values(flights.states, offset)


WEIGHTS: dict[str, tuple[Callable[[Flights, float], Tensor], str]] = {
    "the whole return": (_full, "plain"),
    "the reward to go": (_to_go, "gradient"),
    "to go, minus its mean at t": (_above_time, "gradient"),
    "to go, minus the value of the state": (_above_value, "gradient"),
}
SHORT = ("whole return", "to go", "minus mean at *t*", "minus *V*(*s*)")


def credit(weights: WeightsOf | None = None) -> Figure:
    """Episodes, the weight that each action receives, and the variance of the gradient.

    `weights(rewards)`, if given, is one more way to weigh: rewards (T, n) to weights (T, n).
    """
    kinds = dict(WEIGHTS)
    if weights:
        kinds = {"yours": (lambda flights, offset: _yours(weights, flights, offset), "sample")}
        kinds |= WEIGHTS

    def draw(now: SimpleNamespace) -> Picture:
        of, role = kinds[now.kind]
        offset = OFFSETS[now.reward][0]
        flights = drawn(TYPICAL + int(now.seed), MEASURED)
        weight = of(flights, offset)
        gradients = rows(weight, flights.scores)
        pick = round(now.flight) - 1
        return Picture(
            panels={
                "states": _states(flights.states[:, :SHOWN], weight[:, :SHOWN], pick),
                "weights": _weights(weight[:, :SHOWN], pick),
                "pile": _pile(gradients, role),
                "variances": _variances(kinds, now.kind, offset, flights),
            },
            readout=[
                f"flight {pick + 1}: weights "
                + ", ".join(f"**{w:+.1f}**" for w in weight[:, pick].tolist()),
                f"gradient **{float(gradients[pick]):+.1f}**",
                f"mean of {MEASURED} **{_with_error(gradients)}**",
            ],
            alt="Left: distances from the mark over five pushes and, below, the weight of each "
            "push. Right: gradients of single flights about the truth, and the variance of each "
            "way to weigh.",
        )

    first = next(iter(OFFSETS))
    views = {name: View([_weight_panel(name)]) for name in OFFSETS}
    return Figure(
        "Your weights: how noisy is the gradient?"
        if weights
        else "Five pushes, one return. Which push gets the praise?",
        f"{SHOWN} flights, one of them orange. A push with a positive weight is a green dot: it is "
        "made likelier. A hollow one is made rarer.",
        [
            Column([
                Panel("states", "Distance from the mark", "m", TIME,
                      Axis(-0.7, 1.15, (-0.5, 0, 0.5, 1)), height=150),
                _weight_panel(first),
            ]),
            Column([
                Panel("pile", "Gradient", "of single flights",
                      Axis(-60, 60, (-60, -30, 0, 30, 60), "d"), Axis(0, 1, ()), height=130,
                      margin=8),
                Panel("variances", "Variance", "of a single flight",
                      Axis(3, 2e5, (10, 100, 1e3, 1e4, 1e5), "power", log=True),
                      Axis(0, len(kinds), ()), height=36 * len(kinds) + 20, margin=100, right=52),
            ]),
        ],
        [
            Choice("kind", "Weight of a push", {name: View() for name in kinds}, next(iter(kinds))),
            Choice("reward", "Reward", views, first),
            Slider("flight", "which flight is orange", "flight", 1, SHOWN, 1, 1, format=".0f"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


def _weight_panel(reward: str) -> Panel:
    _, low, high, ticks = OFFSETS[reward]
    return Panel("weights", "Weight of each push", "", TIME, Axis(low, high, ticks), height=150)


def _yours(weights: WeightsOf, flights: Flights, offset: float) -> Tensor:
    rewards = flights.rewards + offset
    return checked_weights(weights(rewards), rewards)


def _states(states: Tensor, weight: Tensor, pick: int) -> list[Mark]:
    others = torch.arange(SHOWN) != pick
    return [
        m.line([-0.3, STEPS - 0.7], [0, 0], "guide"),
        m.curve(T.expand(SHOWN - 1, -1), states.T[others], ghost=True, width=1.2),
        m.curve(T, states[:, pick], "sample"),
        *_praised(states, weight),
        m.text(-0.25, 0, "mark", dy=-5),
    ]


def _praised(y: Tensor, weight: Tensor) -> list[Mark]:
    """A green dot for each push that is made likelier, a hollow one for each made rarer."""
    x = T[:, None] + 0 * y
    up = weight > 0
    return [m.points(x[~up], y[~up], "objective", kind="try"),
            m.points(x[up], y[up], "gradient", kind="sample")]  # fmt: skip


def _weights(weight: Tensor, pick: int) -> list[Mark]:
    return [
        m.line([-0.3, STEPS - 0.7], [0, 0], "level"),
        m.curve(T, weight[:, pick], "sample", width=1.5),
        *_praised(weight, weight),
    ]


def _pile(gradients: Tensor, role: str) -> list[Mark]:
    mean, error = gradients.mean(), gradients.std() / math.sqrt(len(gradients))
    return [
        m.curve([TRUTH, TRUTH], [0, 1], "truth", width=2),
        m.text(TRUTH, 0.93, f"truth {TRUTH:+.2f}", "truth", dx=-8, align="right"),
        m.histogram(gradients[:200], role, lift=24),
        m.measured(mean, 0.09, 2 * error, role, axis="x", kind="mean"),
    ]


def _variances(
    kinds: dict[str, tuple[Callable[[Flights, float], Tensor], str]],
    chosen: str,
    offset: float,
    flights: Flights,
) -> list[Mark]:
    """Exact, a bar from the axis; measured, a ring with two standard errors."""
    names = dict(zip(WEIGHTS, SHORT, strict=True)) | {"yours": "yours"}
    marks: list[Mark] = []
    for k, (name, (of, role)) in enumerate(kinds.items()):
        y = len(kinds) - k - 0.5
        gradients = rows(of(flights, offset), flights.scores)
        measured, error = _variance(gradients)
        marks.append(m.text(3, y, names[name], "ink", dx=-8, dy=4, align="right",
                            bold=name == chosen))  # fmt: skip
        if name != "yours":
            _, exact = moments(of(all_noise()[0], offset))
            marks.append(m.curve([3, exact], [y, y], role, width=9, ghost=name != chosen))
            marks.append(m.text(2e5, y, _short(exact), "ink", dx=50, dy=4, align="right"))
        marks.append(m.measured(max(measured, 3), y, 2 * error, role, axis="x"))
    return marks


def _variance(gradients: Tensor) -> tuple[float, float]:
    """Of one gradient, and the standard error of that."""
    squares = (gradients - gradients.mean()) ** 2
    return float(squares.mean()), float(squares.std() / math.sqrt(len(squares)))


def _with_error(gradients: Tensor) -> str:
    error = float(gradients.std() / math.sqrt(len(gradients)))
    return f"{float(gradients.mean()):+.2f} ± {error:.2f}"


def _short(x: float) -> str:
    """Three digits, and thousands apart."""
    return f"{x:.3g}" if x < 1000 else f"{x:,.0f}".replace(",", " ")


# --- two pushes, and a debt --------------------------------------------------------------------

PUSH, SPREAD = 0.5, 0.5  # θ and σ of the two actions


def debt() -> Figure:
    """What is won at once and paid back a step later: is reward-to-go still the quieter one?"""

    def draw(now: SimpleNamespace) -> Picture:
        c = torch.linspace(-4, 8, 121, dtype=torch.float64)
        whole, later = 0 * c + whole_variance(), to_go_variance(c)
        found = two_pushes(now.c, normal(int(now.seed), 400, 2, dtype=torch.float64))
        at = {"whole": whole_variance(), "later": float(to_go_variance(torch.tensor(now.c)))}
        return Picture(
            panels={
                "variance": [
                    m.line([now.c, now.c], [0, 80], "guide"),
                    m.curve(c, whole, "plain"),
                    m.text(8, whole_variance(), "whole return", "plain", dx=6, dy=4),
                    m.curve(c, later, "gradient"),
                    m.text(7, float(to_go_variance(torch.tensor(7.0))), "to go", "gradient",
                           align="right", dx=-8),
                    *(_ring(now.c, found[name], role) for name, role in _BOTH),
                    m.points(now.c, at["whole"], "plain", kind="ball"),
                    m.points(now.c, at["later"], "gradient", kind="ball"),
                    m.handle(now.c, 0, {"x": "c"}, arrows=[(1, 0), (-1, 0)]),
                ],
                "whole": _small_pile(found["whole"], "plain"),
                "later": _small_pile(found["later"], "gradient"),
            },
            readout=[
                f"*c* = **{now.c:.1f}**",
                f"whole return **{at['whole']:.2f}**",
                f"to go **{at['later']:.2f}**",
                "to go is quieter" if at["later"] < at["whole"] - 1e-9 else "to go is not quieter",
            ],
            alt="The variance of both estimates over the debt c: level for the whole return, a "
            "parabola for reward-to-go, lower between 0 and 2; beside it two piles of gradients.",
        )  # fmt: skip

    pile = partial(Panel, x=Axis(-25, 25, (-20, -10, 0, 10, 20), "d"), y=Axis(0, 1, ()),
                   height=112, margin=8)  # fmt: skip
    return Figure(
        "Won now, paid back later. Should the second push forget the first?",
        "The first push wins *c* times itself at once, and loses it a step later. Drag *c*.",
        [
            Column([
                Panel("variance", "Variance", "of one episode",
                      Axis(-4, 8, (-4, -2, 0, 2, 4, 6, 8), "d", "*c*"),
                      Axis(0, 80, (0, 20, 40, 60)), height=270, right=76),
            ], 1.2),
            Column([pile("whole", "Whole return", "gradients of 400 episodes"),
                    pile("later", "To go", "gradients of 400 episodes")]),
        ],
        [
            Slider("c", "how much of the first push is paid back", "*c*", -4, 8, 1, 0.1,
                   format=".1f", under="variance"),
            NewNoise(),
        ],
        draw,
    )  # fmt: skip


_BOTH = (("whole", "plain"), ("later", "gradient"))


def two_pushes(c: float, eps: Tensor) -> dict[str, Tensor]:
    """Gradients of r₀ = c a₀, r₁ = a₁ - c a₀, for a = θ + σε in each of two steps; eps (n, 2)."""
    actions, scores = PUSH + SPREAD * eps, eps / SPREAD
    rewards = torch.stack((c * actions[:, 0], actions[:, 1] - c * actions[:, 0]))
    whole = rewards.sum(0) * scores.sum(1)
    return {"whole": whole, "later": (reward_to_go(rewards) * scores.T).sum(0)}


def whole_variance() -> float:
    """3 + 2θ²/σ²."""
    return 3 + 2 * (PUSH / SPREAD) ** 2


def to_go_variance(c: Tensor) -> Tensor:
    """3 + 2θ²/σ² + (c² - 2c)(1 + θ²/σ²)."""
    return whole_variance() + (c**2 - 2 * c) * (1 + (PUSH / SPREAD) ** 2)


def _ring(c: float, gradients: Tensor, role: str) -> Mark:
    value, error = _variance(gradients)
    return m.measured(c, value, 2 * error, role)


def _small_pile(gradients: Tensor, role: str) -> list[Mark]:
    return [m.curve([1, 1], [0, 1], "truth", width=2), m.histogram(gradients, role, lift=4)]


# --- which baseline lies -----------------------------------------------------------------------


def _nothing(flights: Flights) -> Tensor:
    return reward_to_go(flights.rewards)


def _others(flights: Flights) -> Tensor:
    to_go = reward_to_go(flights.rewards)
    return to_go - time_baseline(to_go)


def _value(flights: Flights) -> Tensor:
    return reward_to_go(flights.rewards) - values(flights.states)


def _bracketed(flights: Flights) -> Tensor:
    left = STEPS - T[:, None]
    return reward_to_go(flights.rewards) - left * values(flights.states)


def _calm_flight(flights: Flights) -> Tensor:
    calm = fly(torch.zeros(STEPS, 1)).rewards
    return reward_to_go(flights.rewards) - reward_to_go(calm)


def _calm_actions(flights: Flights) -> Tensor:
    return (flights.rewards.sum(0) - flights.mean_action_rewards.sum(0)).expand(STEPS, -1)


BASELINES: dict[str, tuple[Callable[[Flights], Tensor], str]] = {
    "nothing": (_nothing, "plain"),
    "mean of the others at *t*": (_others, "gradient"),
    "value of the state": (_value, "gradient"),
    "the same, inside the sum": (_bracketed, "plain"),
    "flight without noise": (_calm_flight, "gradient"),
    "noiseless pushes, noisy states": (_calm_actions, "wrong"),
}


def which_baseline() -> Figure:
    """Means of batches for six baselines of the lecture's drone, from the same flights."""

    @cache
    def found(n: int, seed: int) -> dict[str, Tensor]:
        flights = drawn(seed, BATCHES * n)
        batches = [Flights(*(part[:, k * n : (k + 1) * n] for part in flights))
                   for k in range(BATCHES)]  # fmt: skip
        return {
            name: torch.stack([rows(of(batch), batch.scores).mean() for batch in batches])
            for name, (of, _) in BASELINES.items()
        }

    def draw(now: SimpleNamespace) -> Picture:
        n = round(now.n)
        means = found(n, int(now.seed))
        marks: list[Mark] = [
            m.curve([TRUTH, TRUTH], [0, 6.6], "truth", width=2),
            m.text(TRUTH, 6.6, f"truth {TRUTH:+.2f}", "truth", align="center", dy=-6),
        ]
        for k, (name, each) in enumerate(means.items()):
            marks += _row(name, each, len(means) - k - 0.5, BASELINES[name][1])
        off = {name: float((each - TRUTH).square().mean().sqrt()) for name, each in means.items()}
        return Picture(
            panels={"rows": marks},
            readout=[
                f"off by: nothing **{off['nothing']:.2g}**",
                f"value **{off['value of the state']:.2g}**",
                f"flight without noise **{off['flight without noise']:.2g}**",
                f"noisy states **{off['noiseless pushes, noisy states']:.2g}**",
            ],
            aside=f"{BATCHES} batches of {n}",
            alt="Six rows of batch means about the true gradient; the last row is the narrowest "
            "and lies to the right of the truth, beyond zero.",
        )

    controls: list[Control] = [
        Slider("n", "flights in a batch", "*n*", 4, 60, 10, format=".0f", log=True),
        NewNoise(),
    ]
    return Figure(
        "Six things to subtract. Which would you trust?",
        f"Dots are means of {BATCHES} batches of *n* flights, the ring is their mean ± 2 standard "
        "errors.",
        [Column([Panel("rows", "Gradient", "mean of a batch",
                       Axis(*LIMITS, (-15, -10, -5, 0, 5, 10), "d"), Axis(0, 7, ()), height=300,
                       margin=200)])],
        controls,
        draw,
    )  # fmt: skip


LIMITS = (-16.0, 12.0)


def _row(name: str, means: Tensor, y: float, role: str) -> list[Mark]:
    low, high = LIMITS
    inside = means[(means > low) & (means < high)]
    mean, error = means.mean(), means.std() / math.sqrt(BATCHES)
    return [
        m.text(low, y, name, "ink", dx=-12, dy=5, align="right"),
        m.points(inside, torch.full_like(inside, y - 0.22), role),
        m.measured(mean.clamp(low, high), y + 0.15, 2 * error, role, axis="x", kind="mean"),
    ]
