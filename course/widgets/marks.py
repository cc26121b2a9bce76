"""What a picture is made of: each function returns one mark, a plain dict for the renderer.

Coordinates are those of the panel. Where a mark takes `role`, it is a role of colour, the same in
every figure: "objective" grey, "truth" blue, "sample" orange, "gradient" green (zero-order),
"plain" pale blue (zero-order without baseline), "first" pink (first-order), "wrong" red,
"ink" and "second" for text. Where it takes `t`, the times at which it passes its points, it moves
with the figure's clock.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

Mark = dict[str, Any]
Values = Tensor | Sequence[float] | float


def curve(
    x: Values,
    y: Values,
    role: str = "objective",
    *,
    width: float = 2.5,
    dash: Sequence[float] = (),
    ghost: bool = False,
    t: Values | None = None,
) -> Mark:
    """A line through (x, y), shape (m,) or, for several at once, (rows, m); nan breaks it.

    With `t`, shape (m,), it is drawn as far as the clock stands. A ghost is pale: an earlier try.
    """
    x, y = _floats(x), _floats(y)
    return {"mark": "curve", "x": x, "y": y, "role": role, "width": width, "dash": list(dash),
            "ghost": ghost} | _times(t)  # fmt: skip


def moving_curve(
    x: Values, y: Values, role: str = "objective", *, t: Values, width: float = 2.5
) -> Mark:
    """A line through x, (m,) or (k, m), and the row of y, (k, m), at which the clock stands in `t`.

    `t` is (k,).
    """
    return {"mark": "moving_curve", "x": _floats(x), "y": _floats(y), "role": role,
            "width": width} | _times(t)  # fmt: skip


def band(x: Values, low: Values, high: Values, role: str = "tint") -> Mark:
    """The area between low and high over x, each (m,)."""
    return {"mark": "band", "x": _floats(x), "low": _floats(low), "high": _floats(high),
            "role": role}  # fmt: skip


def points(
    x: Values,
    y: Values,
    role: str = "sample",
    *,
    kind: Literal["current", "try", "sample", "ball", "square", "cross"] = "sample",
    t: Values | None = None,
    fall: float = 0,
) -> Mark:
    """Dots at (x, y), shape (m,).

    With `t` of shape (m,), in order, each appears at its time, or falls for the time `fall` from
    the top of the panel and lies at `t`; with x and y (k, m) and `t` (k,) they move.
    """
    x, y = _floats(x), _floats(y)
    if t is None:
        x, y = x.reshape(-1), y.reshape(-1)
    return {"mark": "points", "x": x, "y": y, "role": role, "kind": kind, "fall": fall} | _times(t)


def histogram(
    values: Values,
    role: str = "sample",
    *,
    axis: Literal["x", "y"] = "x",
    lift: float = 0,
    t: Values | None = None,
    fall: float = 0,
) -> Mark:
    """One dot for each of the values, (m,), in columns on the x axis or in rows on the y axis.

    Columns are as wide as a dot, and dots overlap where one would grow out of the panel. A value
    beyond the end of the axis lies at that end as a ring. `lift` leaves that many pixels free
    between the axis and the dots. With `t`, (m,) and in order, each dot falls into its place for
    the time `fall` and lies there at its time: from the top, or from the left for rows.
    """
    return {"mark": "histogram", "values": _floats(values).reshape(-1), "role": role, "axis": axis,
            "lift": lift, "fall": fall} | _times(t)  # fmt: skip


def measured(
    x: Values,
    y: Values,
    error: Values,
    role: str = "sample",
    *,
    axis: Literal["x", "y"] = "y",
    kind: Literal["point", "mean"] = "point",
    t: Values | None = None,
) -> Mark:
    """Rings at (x, y), shape (m,), with bars of `error`, (m,), to both sides along `axis`.

    A "mean" is larger than a "point". With `t`, (k,), the others are (k, m) and it moves. Where
    `error` is nan there is no bar.
    """
    parts = torch.broadcast_tensors(_floats(x), _floats(y), _floats(error))
    at_x, at_y, bar = parts if t is not None else (part.reshape(-1) for part in parts)
    return {"mark": "measured", "x": at_x, "y": at_y, "error": bar, "role": role, "axis": axis,
            "kind": kind} | _times(t)  # fmt: skip


def arrow(
    x: Values,
    y: Values,
    dx: Values,
    dy: Values,
    role: str,
    *,
    length: float = 0,
    text: str | Sequence[str] = "",
    t: Values | None = None,
) -> Mark:
    """A vector (dx, dy) from (x, y); a positive `length`, in pixels, keeps its direction only.

    With `t`, shape (k,), each of the others is (k,), and one text for each time.
    """
    texts = [text] if isinstance(text, str) else list(text)
    x, y, dx, dy = (_floats(v).reshape(-1) for v in (x, y, dx, dy))
    return {"mark": "arrow", "x": x, "y": y, "dx": dx, "dy": dy, "role": role, "length": length,
            "text": texts} | _times(t)  # fmt: skip


def image(values: Tensor, x: tuple[float, float], y: tuple[float, float]) -> Mark:
    """Values in [0, 1] of shape (rows, columns) as greys; row 0 is at y[0]. nan is clear."""
    greys = (values.clamp(0, 1) * 254).round().nan_to_num(255).to(torch.uint8)
    return {"mark": "image", "values": greys, "x": list(x), "y": list(y)}


def text(
    x: Values,
    y: Values,
    text: str | Sequence[str],
    role: str = "second",
    *,
    align: Literal["left", "center", "right"] = "left",
    dx: float = 0,
    dy: float = 0,
    size: int = 12,
    bold: bool = False,
    halo: bool = True,
    t: Values | None = None,
) -> Mark:
    """One line of text at (x, y), moved by (dx, dy) pixels. *θ* sets a symbol, **5** bold.

    With `t`, shape (k,), x and y are (k,), there is one text for each time, and it moves.
    """
    x, y = (_floats(v).reshape(-1) for v in (x, y))
    texts = [text] if isinstance(text, str) else list(text)
    return {"mark": "text", "x": x, "y": y, "text": texts, "role": role, "align": align, "dx": dx,
            "dy": dy, "size": size, "bold": bold, "halo": halo} | _times(t)  # fmt: skip


def line(
    x: Sequence[float],
    y: Sequence[float],
    kind: Literal["jump", "link", "guide", "level", "measure", "ground", "wall", "aim"],
    *,
    fade: float = 0,
) -> Mark:
    """A straight line of a fixed look: a jump of the objective, a link to an axis, a wall.

    It fades out over the lowest `fade` units of the panel.
    """
    return {"mark": "line", "x": list(x), "y": list(y), "kind": kind, "fade": fade}


def body(
    shape: Values,
    x: Values = 0.0,
    y: Values = 0.0,
    angle: Values = 0.0,
    *,
    look: Literal["solid", "hand", "sample", "cone", "ghost", "before", "link"] = "solid",
    edge: bool = True,
    fade: float = 0,
    t: Values | None = None,
) -> Mark:
    """A polygon (corners, 2) about its own origin, at (x, y), turned by `angle` rad.

    Filled as a solid, a hand with an edge of ink, an orange sample or a pale cone; or an outline:
    a ghost, dashed, the sample before it moved, or a link. With `t`, shape (k,), x, y and angle
    are (k,) and it moves; it is gone where one of them is nan.
    """
    corners = _floats(shape)
    x, y, angle = torch.broadcast_tensors(*(_floats(v).reshape(-1) for v in (x, y, angle)))
    return {"mark": "body", "shape_x": corners[:, 0], "shape_y": corners[:, 1], "x": x, "y": y,
            "angle": angle, "look": look, "edge": edge, "fade": fade} | _times(t)  # fmt: skip


def angle(x: float, y: float, angle: float, text: str) -> Mark:
    """The arc between level and `angle`, at (x, y), with its symbol."""
    return {"mark": "angle", "x": x, "y": y, "angle": angle, "text": text}


def value(axis: Literal["x", "y"], at: float, text: str, role: str = "sample") -> Mark:
    """A number in bold on an axis, in place of a tick label too near it."""
    return {"mark": "value", "axis": axis, "at": at, "text": text, "role": role}


def handle(
    x: float,
    y: float,
    moves: Mapping[str, str],
    *,
    about: tuple[float, float] = (0.0, 0.0),
    core: bool = True,
    arrows: Sequence[tuple[float, float]] = (),
) -> Mark:
    """A ring to drag. `moves` names the control that each of "x", "y" or "angle" sets.

    An angle is taken about the point `about`. `arrows` are directions on the screen (y down) that
    show, until the first drag, where it can go; the orange `core` says that it moves the sample.
    """
    return {"mark": "handle", "x": x, "y": y, "moves": dict(moves), "about": list(about),
            "core": core, "arrows": [list(way) for way in arrows]}  # fmt: skip


def _floats(values: Values) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32).detach().cpu()


def _times(t: Values | None) -> Mark:
    return {} if t is None else {"t": _floats(t)}
