"""Static figures: each function draws on the axes it is given; `show` puts the figure on the page.
`clip` shows a film.

Colours and marks are those of the interactive figures. A figure is shown as SVG on a clear ground
with text in the colour of the page, so it reads in light and in dark, on a screen and on paper.
"""

import base64
import html
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import torch
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from torch import Tensor

from course import gripper_shapes
from smoothlib import BallThrow, BallWall
from smoothlib.gripper import GripperParams, Trajectory
from smoothlib.smoothing import slope

OBJECTIVE, SAMPLE, TRUTH = "#888888", "#D55E00", "#0072B2"
SAMPLE_TEXT, SOLID = "#B54F00", "#98a1ab40"
ZERO_ORDER, PLAIN, FIRST_ORDER, WRONG = "#009E73", "#56B4E9", "#CC79A7", "#D1341F"
LEAP = 0.03  # of the range of a curve, from one of its points to the next: a jump
INK = "#1f2328"  # written once in the SVG, then replaced by the page's own text colour
GRID = "#98a1ab"

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif", "font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "course",
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.edgecolor": GRID, "axes.spines.top": False, "axes.spines.right": False,
    "axes.spines.left": False, "axes.grid": True, "axes.grid.axis": "y", "grid.color": GRID,
    "grid.alpha": 0.25, "axes.axisbelow": True, "ytick.major.size": 0, "axes.facecolor": "none",
    "figure.facecolor": "none", "axes.titlesize": 10, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "lines.solid_capstyle": "round",
}  # fmt: skip


def axes(*widths: float, height: float = 3.2) -> list[Axes]:
    """Axes side by side, as wide as their shares, for one figure across the page."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, height), layout="constrained")
        return list(figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0])


def show(axes: Axes, alt: str) -> HTML:
    """The figure that `axes` belongs to, for the last line of a cell; `alt` says it in words."""
    text = io.StringIO()
    with mpl.rc_context(STYLE):
        axes.figure.canvas.print_figure(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    svg = svg.replace(INK, f"var(--jp-content-font-color1, {INK})")
    label = html.escape(alt, quote=True)
    return HTML(f'<div role="img" aria-label="{label}" style="max-width: 852px">{svg}</div>')


def clip(path: str | Path, alt: str) -> HTML:
    """An MP4 with controls, that moves when asked to; `alt` says it in words. Kept in the page."""
    film = base64.b64encode(Path(path).read_bytes()).decode()
    label = html.escape(alt, quote=True)
    style = "display: block; width: 100%; max-width: 640px; aspect-ratio: 16 / 9"
    return HTML(
        f'<video controls muted playsinline preload="auto" aria-label="{label}" style="{style}" '
        f'src="data:video/mp4;base64,{film}">{label}</video>'
    )


def flights(axes: Axes, ball: BallThrow | BallWall, angles: Sequence[float]) -> Axes:
    """Paths of throws at `angles`, in rad, to scale, with a ring where the clock stops."""
    times = torch.linspace(0, ball.t, 101, dtype=torch.float64)
    theta = torch.tensor(angles, dtype=torch.float64)[:, None, None]
    for angle, path in zip(angles, ball.position(theta, times), strict=True):
        axes.plot(path[:, 0], path[:, 1], color=SAMPLE, lw=1.8)
        axes.plot(path[-1, 0], path[-1, 1], "o", mfc="none", mec=SAMPLE, ms=6)
        axes.annotate(
            f"θ = {angle:.2f}", path[-1].tolist(), (8, 3), textcoords="offset points", color=INK
        )
    axes.plot(0, 0, "o", color=INK, ms=5)
    axes.set_title("Side view, metres", loc="left", weight="bold")
    axes.set(aspect="equal")
    return axes


def measured(axes: Axes, x: Tensor, samples: Tensor, name: str, color: str) -> Axes:
    """Means of samples (m, n) at x (m,), with bars of two standard errors and a name at the end.

    Rings; crosses on a dashed line for what is WRONG.
    """
    mean, error = samples.mean(-1), samples.std(-1) / samples.shape[-1] ** 0.5
    marker, line = ("x", "--") if color == WRONG else ("o", "")
    axes.errorbar(x, mean, 2 * error, color=color, marker=marker, mfc="none", ms=5, ls=line, lw=1.2)
    end = (float(x[-1]), float(mean[-1]))
    axes.annotate(name, end, (8, 0), color=INK, textcoords="offset points", va="center")
    return axes


def landscape(axes: Axes, objective: BallThrow | BallWall, angles: Sequence[float] = ()) -> Axes:
    """J over the objective's bounds, with a ring at each of `angles`."""
    low, high = objective.bounds[:, 0].tolist()
    theta = torch.linspace(low, high, 401, dtype=torch.float64)
    jumps = objective.jumps().theta
    theta = torch.cat((theta, jumps)).sort().values
    value = objective(theta[:, None]).masked_fill(torch.isin(theta, jumps), math.nan)
    axes.plot(theta, value, color=OBJECTIVE, lw=2.2)
    rings = torch.tensor(angles, dtype=torch.float64)
    axes.plot(rings, objective(rings[:, None]), "o", mfc="none", mec=SAMPLE, ms=6)
    axes.set_title("Distance J(θ), metres", loc="left", weight="bold")
    axes.set(xlabel="θ, rad", ylim=(0, None))
    return axes


def curve(
    axes: Axes,
    x: Tensor,
    y: Tensor,
    name: str,
    color: str,
    *,
    at: float | None = None,
    align: Literal["left", "center", "right"] = "center",
    dashed: bool = False,
) -> Axes:
    """A curve with its name at its right end, or above it at x = `at`; `align` that of the text."""
    axes.plot(x, y, color=color, lw=2.2, ls=(0, (4, 3)) if dashed else "-")
    k = len(x) - 1 if at is None else int((x - at).abs().argmin())
    shift, ha, va = ((5, 0), "left", "center") if at is None else ((0, 6), align, "bottom")
    where = (float(x[k]), float(y[k]))
    axes.annotate(name, where, shift, color=INK, textcoords="offset points", ha=ha, va=va)
    return axes


def label(axes: Axes, title: str, x: str, **settings: Any) -> Axes:
    """The title, which is what y measures and its unit; what x is; and any setting of axes."""
    axes.set_title(title, loc="left", weight="bold")
    axes.set(xlabel=x, **settings)
    axes.minorticks_off()
    return axes


def bands(
    axes: Axes, x: Tensor, y: Tensor, values: Tensor, levels: Sequence[float], color: str
) -> Axes:
    """Values (len(y), len(x)) over the plane, the higher the darker, with lines at the levels."""
    shades = [f"{color}{round(210 * k / len(levels)):02x}" for k in range(len(levels) + 1)]
    axes.contourf(x, y, values, levels, colors=shades, extend="both")
    lines = axes.contour(x, y, values, levels, colors=INK, linewidths=0.5)
    axes.clabel(lines, fontsize=8, fmt="%d")
    axes.grid(False)
    return axes


def tangents(
    axes: Axes, f: Callable[[Tensor], Tensor], low: float, high: float, at: Sequence[float]
) -> Axes:
    """f over [low, high], and at each of `at` a dash along the slope that autograd gives."""
    x = torch.linspace(low, high, 301, dtype=torch.float64)
    y = f(x[:, None])
    leaps = (y.diff().abs() > LEAP * (y.max() - y.min())).nonzero()[:, 0]
    axes.plot(x, y.index_fill(0, leaps, math.nan), color=OBJECTIVE, lw=2.2)
    points = torch.tensor(at, dtype=torch.float64)[:, None]
    half = 0.035 * (high - low)
    rise = half * slope(f, points)
    value = f(points)[:, None]
    ends = torch.cat((points - half, points + half), 1), torch.cat((value - rise, value + rise), 1)
    axes.plot(ends[0].T, ends[1].T, color=FIRST_ORDER, lw=2.5)
    axes.plot(points, value, "o", color=SAMPLE, ms=5)
    return axes


def grasp(axes: Axes, trajectory: Trajectory, time: float, which: int = 0) -> Axes:
    """One moment of a recorded lift, s, from the side and to scale: hand, brick, forces, height.

    In mm; the default parameters' shapes. A strip of frames is one such picture on each of
    `axes(1, 1, 1, 1)`.
    """
    params = GripperParams()
    lift, shapes = gripper_shapes.pick(trajectory, params, which), gripper_shapes.outlines(params)
    at = int((lift.time - time).abs().argmin())
    z_hand, half, z = float(lift.z_hand[at]), float(lift.w[at]) / 2, float(lift.z[at])
    hand = ((shapes.knob, 0.0), (shapes.left, -half), (shapes.right, half), (shapes.hand, 0.0))
    for shape, x in hand:
        axes.add_patch(Polygon(shape + torch.tensor([x, z_hand]), fc=SOLID, ec=INK, lw=1.2))
    cos, sin = math.cos(float(lift.angle[at])), math.sin(float(lift.angle[at]))
    brick = shapes.brick @ torch.tensor([[cos, sin], [-sin, cos]]) + torch.tensor([lift.x[at], z])
    axes.add_patch(Polygon(brick, fc=SAMPLE + "33", ec=SAMPLE, lw=1.5))
    cone = gripper_shapes.cone(params, gripper_shapes.ARROW)
    for push, shape in ((lift.left, cone), (lift.right, -cone)):
        x, height, fx, fz = (float(column[at]) for column in push[:4])
        if not math.isnan(fx):
            scale = gripper_shapes.ARROW / float(params.force)
            tail = (x - scale * fx, height - scale * fz)
            axes.add_patch(Polygon(shape + torch.tensor([x, height]), fc=SOLID, ec="none"))
            axes.annotate("", (x, height), tail, arrowprops={"arrowstyle": "-|>", "color": INK})
    axes.axhline(0, color=GRID, lw=1.5)
    axes.plot([-132, -28], [z, z], color=SAMPLE, lw=0.8, ls=(0, (3, 3)), zorder=0)
    axes.text(-132, z - 4, f"{z:.0f} mm", color=SAMPLE_TEXT, size=8.5, va="top")
    axes.set_title(f"{lift.time[at]:.1f} s", loc="left", weight="bold")
    axes.set(aspect="equal", xlim=(-134, 106), ylim=(-4, 396), xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    return axes
