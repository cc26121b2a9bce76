"""Contact tasks with a budget of tries, as exercise 10 hands them out, and what is reached in them.

A task has d knobs. Along each of d directions, turned against the knobs at random, lies one of

    kerb   a puck before a kerb that pushes back: past it it counts, too far and it falls
    grip   a hand above a brick: flat, then it holds, and jams where it presses on the table
    wall   a ball behind a wall: flat, then it just clears the wall, and beyond that loses distance
    aim    no contact: a tent, whose slopes tell the truth

and a try is worth the sum. Behind kerb and brick the last few millimetres before the fall count
most of all, so the best of many tries is one that hung on by luck. At the start, the slopes of all
but `aim` are zero, and near a contact they point away from it.

The world shakes: a try at x happens at x + τu, with its own u. What counts is F(θ) = E f(θ + τu),
known in closed form. Lengths are scaled: a direction's best place is 0.5 to 1.5 from the start.
Values are not: a task counts in small units or in large ones.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib import PiecewiseLinear

TAU = 0.1  # standard deviation of the world's shaking
BUDGET = 1000
UNITS = ((0.01, 0.1), (30.0, 300.0))  # that a task's values may be in
REACH = torch.linspace(-2, 2, 401, dtype=torch.float64)[:, None]  # where a best place may lie
START = torch.zeros(1, dtype=torch.float64)
ROUND = (
    "grip", "kerb", "wall", "grip", "kerb", "kerb grip", "kerb aim", "wall grip", "grip grip",
    "kerb grip wall", "kerb grip aim", "kerb grip grip wall aim"
)  # fmt: skip


class OverBudget(RuntimeError):
    """More tries were asked for than the budget has left."""


class Task:
    """A contact task: its start, what may be asked of it, and how much of it was gained.

    Args:
        name: of the task, for messages. directions: the landscape along each direction, as a
            function of the distance from the start. turn: (d, d), the directions as columns.
            theta0: the start, (d,).
        unit: of the values. shake: (budget, d), the world's noise u, a row for each try.
        eps: (budget, d), standard normal noise for the player.
    """

    def __init__(
        self,
        name: str,
        directions: Sequence[PiecewiseLinear],
        turn: Float[Tensor, "d d"],
        theta0: Float[Tensor, " d"],
        unit: float,
        shake: Float[Tensor, "n d"],
        eps: Float[Tensor, "n d"],
    ) -> None:
        self.name, self.directions, self.turn = name, directions, turn
        self.theta0, self.unit, self._origin = theta0, unit, theta0.clone()
        self.shake, self.eps, self.spent = shake, eps, 0
        self._before = [float(_mean(g, START)) for g in directions]
        best = [float(_mean(g, REACH).max()) for g in directions]
        self.gains = [after - before for after, before in zip(best, self._before, strict=True)]
        pieces = [g.pieces() for g in directions]
        most = max(len(p.edges) for p in pieces)
        self._edges = torch.stack([_longer(p.edges, most, torch.inf) for p in pieces])
        self._lines = torch.stack([_longer(p.coefficients, most + 1, 0.0) for p in pieces])
        self._lines = self._lines / torch.tensor(self.gains).double()[:, None, None]

    def __repr__(self) -> str:
        return f"Task({self.name})"

    @property
    def given(self) -> tuple:
        """What a player is given: (f, slope, theta0, budget, eps)."""
        return self.f, self.slope, self.theta0, len(self.eps), self.eps

    def f(self, x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """The value of each of n tries."""
        y, line = self._tries(x)
        return self.unit * (line[..., 0] + y * line[..., 1]).sum(0)

    def slope(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """The derivative of each of n tries."""
        _, line = self._tries(x)
        return self.unit * line[..., 1].T @ self.turn.T

    def _tries(self, x: Tensor) -> tuple[Float[Tensor, "d n"], Float[Tensor, "d n 3"]]:
        """Where n tries happen along each direction, and the line that they find there."""
        d, left = len(self.theta0), len(self.shake) - self.spent
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(
                f"f and slope take points as rows, of shape (n, {d}); got {tuple(x.shape)}. One "
                "point alone is theta[None]"
            )
        if len(x) > left:
            raise OverBudget(
                f"{len(x)} more tries were asked for, and of the {len(self.shake)} of the budget "
                f"{left} are left. Each row given to f or to slope is one"
            )
        shake = self.shake[self.spent : self.spent + len(x)]
        self.spent += len(x)
        away = x.detach() + TAU * shake - self._origin
        y = (self.turn.T[:, None] * away).sum(-1)  # a product this small is slower on many threads
        piece = torch.searchsorted(self._edges, y)
        return y, self._lines[torch.arange(d)[:, None], piece]

    def share(self, theta: Float[Tensor, " d"]) -> float:
        """How much of what there is to gain over the start is gained at θ: 1 is all, -1 the least
        that is counted."""
        return max(-1.0, float(self.shares(theta.detach())))

    def shares(self, theta: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        """The same for many points, whatever is lost."""
        y = (theta - self._origin) @ self.turn
        means = [_mean(g, y[..., [i]]) for i, g in enumerate(self.directions)]
        parts = zip(means, self._before, self.gains, strict=True)
        return torch.stack([(mean - before) / gain for mean, before, gain in parts]).mean(0)


def tasks(rng: torch.Generator, kinds: Sequence[str] = ROUND, budget: int = BUDGET) -> list[Task]:
    """A task for each entry of `kinds`, the names of what lies along its directions."""
    return [_task(rng, names.split(), UNITS[i % 2], budget) for i, names in enumerate(kinds)]


def _task(rng: torch.Generator, names: list[str], units: tuple[float, float], budget: int) -> Task:
    d = len(names)
    directions = [KINDS[name](rng) for name in names]
    turn = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=rng))[0]
    theta0 = torch.randn(d, dtype=torch.float64, generator=rng)
    shake, eps = torch.randn(2, budget, d, dtype=torch.float64, generator=rng)
    return Task(" ".join(names), directions, turn, theta0, _uniform(rng, *units), shake, eps)


def kerb(rng: torch.Generator) -> PiecewiseLinear:
    """The foot of the kerb pushes back, over 0.3."""
    place = _uniform(rng, 0.5, 0.8)
    return _window(rng, place, (place - 0.3,), -0.15)


def grip(rng: torch.Generator) -> PiecewiseLinear:
    return _window(rng, _uniform(rng, 0.5, 0.8), (), 0.0)


def wall(rng: torch.Generator) -> PiecewiseLinear:
    return PiecewiseLinear(
        (_uniform(rng, 0.5, 0.8),), (0.0,), (1.0,), (0.0, -_uniform(rng, 0.3, 0.5))
    )


def aim(rng: torch.Generator) -> PiecewiseLinear:
    place = _uniform(rng, 1.0, 1.5)
    return PiecewiseLinear((place,), (0.0,), (0.0,), (1 / place, -1 / place))


KINDS = {f.__name__: f for f in (kerb, grip, wall, aim)}


def _window(
    rng: torch.Generator, place: float, foot: tuple[float, ...], before: float
) -> PiecewiseLinear:
    """Up at `place`, level, gently down, then a narrow edge that counts 4, and a fall."""
    level, width, fall = _uniform(rng, 0.5, 0.6), _uniform(rng, 1.0, 1.2), _uniform(rng, 2.0, 2.5)
    start = (0.0,) * len(foot)
    x = (*foot, place, place + level, place + width, place + width + 0.025)
    return PiecewiseLinear(
        x, (*start, before, 1.0, 0.7, 4.0), (*start, 1.0, 1.0, 4.0, -fall), (0.0, 0.0)
    )


def _mean(g: PiecewiseLinear, y: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """In the shaking world."""
    return g.smoothed(y, TAU)


def _uniform(rng: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), dtype=torch.float64, generator=rng))


def _longer(x: Tensor, length: int, value: float) -> Tensor:
    """With entries of this value behind."""
    return torch.cat((x, x.new_full((length - len(x), *x.shape[1:]), value)))
