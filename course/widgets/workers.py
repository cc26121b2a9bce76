"""Figure: workers who share a seed and send one number each."""

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace

import torch
from torch import Tensor

from course.widgets import marks as m
from course.widgets.directions import HILL, _hill
from course.widgets.figure import (
    Axis,
    Clock,
    Column,
    Figure,
    NewNoise,
    Panel,
    Picture,
    Slider,
    Toggle,
)
from smoothlib import normal

Noise = Callable[[int, int, int, int], Tensor]  # of seed, generation, worker and d
Update = Callable[..., Tensor]

GENERATIONS = 12
STEPS = 3 * GENERATIONS  # draw and try, send, move
SIGMA, RATE = 0.25, 0.12
MOST = 8  # workers
START = torch.tensor([-1.2, -0.4], dtype=torch.float64)
PHASES = ("each draws its noise and tries it twice", "each sends one number",
          "each makes all noise again and moves")  # fmt: skip
BARELY = 1e-3  # of a step: the numbers are gone when the next one begins


def workers(noise: Noise | None = None, update: Update | None = None) -> Figure:
    """Evolution by workers: noise at addresses of their own, or one seed for all by mistake.

    Each worker tries θ + σε and θ - σε, sends the difference, and makes everybody's noise itself.

    `noise(seed, generation, worker, d)` and `update(theta, scalars, seed, generation, noise, sigma,
    lr)`, if given, are a student's: then each worker takes its own steps from numbers that arrive
    in an order of its own, and the figure counts how many different θ there are.
    """

    @lru_cache(8)
    def climbed(count: int, seed: int, same: bool) -> tuple[Tensor, Tensor, Tensor]:
        if noise is None or update is None:
            path, eps, sent = climb(count, seed, same)
            return path[:, None].expand(-1, count, -1), eps, sent
        return climb_apart(noise, update, count, seed, same)

    def draw(now: SimpleNamespace) -> Picture:
        count = round(now.workers)
        paths, eps, sent = climbed(count, int(now.seed), now.same)
        path = paths[:, 0]
        apart = [len({tuple(row) for row in step.tolist()}) for step in paths]
        rank = [int(torch.linalg.matrix_rank(e)) for e in eps]
        return Picture(
            panels={
                "wire": _wire(paths, sent, digits=update is not None),
                "plane": [*_hill(), *_members(path, eps), *_mean(path)],
            },
            readout=[
                [_phase(k) for k in range(STEPS + 1)],
                [f"noise of rank **{rank[min(k // 3, GENERATIONS - 1)]}**"
                 for k in range(STEPS + 1)],
                f"sent: **{8 * count} bytes** a generation, in place of "
                f"**{_bytes(4 * round(now.d) * count)}** of noise"
                if update is None
                else [_agreement(apart[k // 3], count) for k in range(STEPS + 1)],
            ],
            aside=[f"*f*(*θ*) = **{float(HILL(path[k // 3])):.2f}**" for k in range(STEPS + 1)],
            alt="Workers in a column, each with a number that it sends to the wire and the same θ "
            "in the end; beside them the members on a hill and the path of θ.",
        )  # fmt: skip

    return Figure(
        "How can workers agree on a step when each of them sends one number?"
        if update is None
        else "Your crew: does it stay together, to the last bit?",
        "Press play, or take single steps. Then give all workers one seed and play again.",
        [
            Column([Panel("wire", "Workers and the wire",
                          "*f*(*x*_{+}) − *f*(*x*_{−}), then *θ*" + "_{1}" * bool(update),
                          Axis(0, 1, ()), Axis(0.4, MOST + 0.6, ()), margin=8)]),
            Column([Panel("plane", "The hill", "all members, and the path of *θ*",
                          Axis(-1.6, 1.6, 3), Axis(-1.3, 1.3, 3), scene=True)]),
        ],
        [
            Toggle("same", "One seed for all", "A seed and an index for each"),
            Slider("workers", "number of workers", "workers", 2, MOST, 6, 1, format="d"),
            *([] if update else [
                Slider("d", "parameters of the policy", "*d*", 2, 1e9, 1e5, 1, format=".2~s",
                       log=True)
            ]),
            NewNoise(),
        ],
        draw,
        Clock(end=STEPS, seconds=14, label="step", stepper=True),
    )  # fmt: skip


def climb(count: int, seed: int, same: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Path (GENERATIONS + 1, 2), noise (GENERATIONS, count, 2) and what was sent, (…, count)."""
    theta, path, noises, numbers = START.clone(), [START], [], []
    for g in range(GENERATIONS):
        eps = torch.cat([_noise(seed, g, 0 if same else i) for i in range(count)])
        sent = HILL(theta + SIGMA * eps) - HILL(theta - SIGMA * eps)
        theta = theta + RATE * (sent[:, None] * eps).mean(0) / (2 * SIGMA)
        path.append(theta)
        noises.append(eps)
        numbers.append(sent)
    return torch.stack(path), torch.stack(noises), torch.stack(numbers)


def climb_apart(
    noise: Noise, update: Update, count: int, seed: int, same: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The same by a student's functions: paths (GENERATIONS + 1, count, 2), noise, what was sent.

    At each worker the numbers arrive in another order.
    """

    def drawn(seed: int, generation: int, worker: int, d: int) -> Tensor:
        return _checked(noise(seed, generation, 0 if same else worker, d), "noise")

    thetas, paths, noises, numbers = [START] * count, [START.expand(count, 2)], [], []
    for g in range(GENERATIONS):
        eps = torch.stack([drawn(seed, g, i, 2) for i in range(count)])
        here = torch.stack(thetas)
        sent = HILL(here + SIGMA * eps) - HILL(here - SIGMA * eps)
        arrival = normal(g, count, count).argsort(1).tolist()
        news = [{i: float(sent[i]) for i in order} for order in arrival]
        thetas = [
            _checked(update(theta.clone(), some, seed, g, drawn, SIGMA, RATE), "step")
            for theta, some in zip(thetas, news, strict=True)
        ]
        paths.append(torch.stack(thetas))
        noises.append(eps)
        numbers.append(sent)
    return torch.stack(paths), torch.stack(noises), torch.stack(numbers)


def _checked(found: object, what: str) -> Tensor:
    if not isinstance(found, Tensor) or found.shape != (2,) or not bool(found.isfinite().all()):
        given = tuple(found.shape) if isinstance(found, Tensor) else repr(found)
        raise ValueError(
            f"your {what} returned {given}; for two parameters a tensor of two finite numbers is "
            "wanted, (2,)"
        )
    return found.detach().double()


def _agreement(different: int, count: int) -> str:
    """How many θ a crew has."""
    return (
        f"**{different}** different *θ* at {count} workers"
        if different > 1
        else (f"**one** *θ* at all {count}, to the last bit")
    )


def _noise(seed: int, generation: int, worker: int) -> Tensor:
    """That of one worker in one generation, (1, 2): row generation · MOST + worker."""
    row = generation * MOST + worker
    return normal(seed, range(row, row + 1), 2, dtype=torch.float64)


def _wire(paths: Tensor, sent: Tensor, digits: bool) -> list[m.Mark]:
    marks = [m.line([0.56, 0.56], [0.6, MOST + 0.4], "ground")]
    for i in range(sent.shape[1]):
        y = MOST - i
        marks += [
            m.line([0.14, 0.94], [y, y], "guide"),
            m.text(0, y, f"worker {i}", "ink", dy=4),
            _number(sent[:, i], y),
            *(_digits(paths, i, y) if digits
              else [_held([_point(path[i]) for path in paths], y, "gradient")]),
        ]  # fmt: skip
    return marks


def _held(words: list[str], y: float, role: str) -> m.Mark:
    """What a worker holds in each generation, right of the wire."""
    times = list(range(STEPS + 1))
    texts = [words[k // 3] for k in times]
    return m.text([0.64] * len(times), [y] * len(times), texts, role, dy=4, t=times)


def _digits(paths: Tensor, i: int, y: float) -> list[m.Mark]:
    """All digits of a worker's first parameter, red where they are not those of worker 0."""
    words = [f"{x:+.16f}".replace("-", "−") for x in paths[:, i, 0].tolist()]
    same = (paths[:, i, 0] == paths[:, 0, 0]).tolist()
    return [
        _held([word * agrees for word, agrees in zip(words, same, strict=True)], y, "gradient"),
        _held([word * (not agrees) for word, agrees in zip(words, same, strict=True)], y, "wrong"),
    ]


def _number(sent: Tensor, y: float) -> m.Mark:
    """What one worker has found, waiting, and then on its way to the wire."""
    nan = float("nan")
    times, x, texts = [0.0], [nan], [""]
    for g, value in enumerate(sent.tolist()):
        word = f"**{value:+.2f}**".replace("-", "−")
        times += [3 * g + 1, 3 * g + 2, 3 * g + 3 - BARELY, 3 * g + 3]
        x += [0.2, 0.5, 0.5, nan]
        texts += [word, word, word, ""]
    return m.text(x, [y] * len(x), texts, "sample", dy=4, t=times)


def _members(path: Tensor, eps: Tensor) -> list[m.Mark]:
    """All members of the generation, from its first step until θ moves."""
    tried = torch.cat((path[:-1, None] + SIGMA * eps, path[:-1, None] - SIGMA * eps), 1)
    shown = torch.full((STEPS + 1, *tried.shape[1:]), float("nan"), dtype=torch.float64)
    for g in range(GENERATIONS):
        shown[3 * g + 1 : 3 * g + 3] = tried[g]
    return [m.points(shown[..., 0], shown[..., 1], kind="ball", t=list(range(STEPS + 1)))]


def _mean(path: Tensor) -> list[m.Mark]:
    times = list(range(0, STEPS + 1, 3))
    return [
        m.curve(path[:, 0], path[:, 1], "gradient", t=times),
        m.points(path[:, :1], path[:, 1:], "gradient", kind="current", t=times),
    ]


def _phase(k: int) -> str:
    if k == 0:
        return "each has the same *θ*"
    return f"generation {(k - 1) // 3}: {PHASES[(k - 1) % 3]}"


def _point(theta: Tensor) -> str:
    return "({:+.3f}, {:+.3f})".format(*theta.tolist()).replace("-", "−")


def _bytes(count: int) -> str:
    power = min(3, (len(str(count)) - 1) // 3)
    return f"{count / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB')[power]}"
