"""An interactive figure: Python computes, one JavaScript renderer draws.

A figure is a question, panels, controls and a function

    draw(now) -> Picture

which is called with the values of the controls (`now.theta`, ...) whenever a hand moves one, and
returns what each panel shows. `now.earlier` are the last places, as many as `ghosts`, at which a
hand let go, with the values of the sliders there, and `now.tries` is how many there were. The
browser holds no mathematics; it draws the newest picture that Python has finished, and has one
question under way (while Python is busy with a cell, one more for each five seconds of moving).
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anywidget
import torch
import traitlets
from torch import Tensor

from course.widgets.marks import Mark

GHOSTS = 8

_JS = Path(__file__).parent / "js"


@dataclass(frozen=True)
class Axis:
    """Range of an axis and its ticks: a number of them, or where they are."""

    low: float
    high: float
    ticks: int | Sequence[float] = 4
    format: str = "~g"  # of d3-format, or "power" for powers of ten
    unit: str = ""
    minor: int = 0
    log: bool = False


@dataclass(frozen=True)
class Panel:
    """One picture in a figure. A scene is drawn to scale: a metre is as long up as along.

    `height` in pixels; a panel without one fills what the tallest column leaves. `margin` and
    `right` are the pixels kept free for the labels of the y axis and at the ends of curves.
    """

    name: str
    title: str
    unit: str
    x: Axis
    y: Axis
    scene: bool = False
    height: float | None = None
    margin: float = 40
    right: float = 0


@dataclass(frozen=True)
class Slider:
    """A number between `low` and `high`: a labelled native range input.

    `under` names the panel whose x axis it lies under, as wide as the axis.
    """

    name: str
    label: str  # in words, with the unit: what a screen reader says
    symbol: str
    low: float
    high: float
    start: float
    step: float = 0.01
    unit: str = ""
    format: str = ".2f"
    under: str = ""
    log: bool = False


@dataclass(frozen=True)
class Toggle:
    """A button that shows or hides something; its text says what a press does."""

    name: str
    show: str
    hide: str
    start: bool = False


@dataclass(frozen=True)
class NewNoise:
    """A button for other samples: each press raises its value, a seed, by one; reset brings 0."""

    name: str = "seed"
    text: str = "New noise"
    start: int = 0


@dataclass(frozen=True)
class View:
    """What a figure is like while something is chosen.

    Each panel and slider here takes the place of the figure's own of the same name.
    """

    panels: Sequence[Panel] = ()
    sliders: Sequence[Slider] = ()


@dataclass(frozen=True)
class Choice:
    """A list to choose one name from; each brings its view, and its sliders to their starts.

    The start is what the figure's own panels and sliders show.
    """

    name: str
    label: str
    views: Mapping[str, View]
    start: str


Control = Slider | Toggle | NewNoise | Choice


@dataclass(frozen=True)
class Clock:
    """Time that marks with `t` move by, from 0 to `end`, in `seconds` on the wall clock.

    It has a play button and a scrubber, under the panel `under` if that is named, and shows whole
    steps; `stepper` adds a Step button. With `replay` it has none of these and runs once after
    each release of a handle; the whole path shows otherwise. It stands at `start` at first, and
    after a reset. `phases`, times and names, are marked on the scrubber; a `unit` shows the time.
    """

    end: float
    seconds: float
    step: float = 1.0
    label: str = "time"
    under: str = ""
    stepper: bool = False
    replay: bool = False
    start: float = 0.0
    phases: Sequence[tuple[float, str]] = ()
    unit: str = ""


@dataclass(frozen=True)
class Picture:
    """What `draw` returns: marks for each panel, and the same in words and numbers.

    An item of the readout is a line of text, or a list with one line for each step of the clock.
    The browser asks again for one that is `unfinished`, because it waits for a computation.
    """

    panels: dict[str, list[Mark]]
    readout: Sequence[str | list[str]]
    alt: str
    aside: str | list[str] = ""
    unfinished: bool = False


@dataclass(frozen=True)
class Column:
    """Panels one above the other, in a column as wide as its share."""

    panels: Sequence[Panel]
    share: float = 1.0


class Figure(anywidget.AnyWidget):
    """A live figure; the last line of a cell shows it.

    Errors of `draw`, a student's function among them, appear under the picture, which stays.
    """

    _esm = "\n".join(
        (_JS / name).read_text() for name in ("d3.js", "text.js", "marks.js", "figure.js")
    )
    _css = (_JS / "figure.css").read_text()
    spec = traitlets.Dict().tag(sync=True)
    asked = traitlets.Dict().tag(sync=True, echo_update=False)
    picture = traitlets.Bytes().tag(sync=True)

    def __init__(
        self,
        question: str,
        rules: str,
        columns: Sequence[Column],
        controls: Sequence[Control],
        draw: Callable[[SimpleNamespace], Picture],
        clock: Clock | None = None,
        ghosts: int = GHOSTS,
    ) -> None:
        start: dict[str, Any] = {c.name: c.start for c in controls}
        start |= {c.name: float(c.start) for c in controls if isinstance(c, Slider)}
        self._draw, self._ghosts = draw, ghosts
        self._values = dict(start)
        self._sliders = [control.name for control in controls if isinstance(control, Slider)]
        self._starts = {c.name: _starts(c, controls) for c in controls if isinstance(c, Choice)}
        self._tries = [self._position()]
        self._one_at_a_time = threading.Lock()
        spec = {
            "question": question,
            "rules": rules,
            "columns": [_column_spec(column, controls, clock) for column in columns],
            "controls": [_control_spec(control) for control in controls],
            "start": start,
            "clock": clock and asdict(clock),
        }  # fmt: skip
        super().__init__(spec=spec, picture=self._packed(0))

    def answer(self, **values: Any) -> Picture:
        """The picture after a hand has set these controls and let go."""
        with self._one_at_a_time:
            self._remember(values, released=True)
            return self._picture()

    @traitlets.observe("asked")
    def _on_asked(self, change: Any) -> None:
        with self._one_at_a_time:  # widget messages may arrive in a thread of their own
            asked = change["new"]
            if asked["forget"]:
                self._tries.clear()
            self._remember(asked["values"], asked["released"])
            self.picture = self._packed(asked["seq"])

    def _position(self) -> dict[str, float]:
        return {name: self._values[name] for name in self._sliders}

    def _remember(self, values: dict[str, Any], released: bool) -> None:
        for name, starts in self._starts.items():
            chosen = values.get(name, self._values[name])
            if chosen != self._values[name]:
                self._tries.clear()
                moved = {key: v for key, v in values.items() if v != self._values[key]}
                values = values | starts[chosen] | moved
        self._values.update(values)
        self._values.update({name: float(self._values[name]) for name in self._sliders})
        if released and self._position() not in self._tries[-1:]:
            self._tries.append(self._position())

    def _picture(self) -> Picture:
        here = self._position()
        earlier = [SimpleNamespace(**there) for there in self._tries if there != here][
            -self._ghosts :
        ]
        return self._draw(SimpleNamespace(**self._values, earlier=earlier, tries=len(self._tries)))

    def _packed(self, seq: int) -> bytes:
        header: dict[str, Any] = {"seq": seq, "values": self._values}
        try:
            picture = self._picture()
            return _pack(header | {"panels": picture.panels, "readout": list(picture.readout),
                                   "alt": picture.alt, "aside": picture.aside,
                                   "unfinished": picture.unfinished})  # fmt: skip
        except Exception as error:  # the student's function may raise anything; show it
            return _pack(header | {"error": f"{type(error).__name__}: {error}"})


def _starts(choice: Choice, controls: Sequence[Control]) -> dict[str, dict[str, float]]:
    """For each option: the sliders' values when it is chosen."""
    own = {c.name: float(c.start) for c in controls if isinstance(c, Slider)}
    return {
        option: own | {slider.name: float(slider.start) for slider in view.sliders}
        for option, view in choice.views.items()
    }


def _control_spec(control: Control) -> dict[str, Any]:
    kind = {"kind": type(control).__name__.lower()}
    if not isinstance(control, Choice):
        return asdict(control) | kind
    views = {
        option: {"panels": [_panel_spec(panel) for panel in view.panels],
                 "sliders": [asdict(slider) for slider in view.sliders]}
        for option, view in control.views.items()
    }  # fmt: skip
    return asdict(control) | kind | {"views": views}


def _column_spec(
    column: Column, controls: Sequence[Control], clock: Clock | None
) -> dict[str, Any]:
    used = {control.under for control in controls if isinstance(control, Slider)}
    if clock:
        used.add(clock.under)
    panels = [_panel_spec(panel) | {"under": panel.name in used} for panel in column.panels]
    return {"share": column.share, "panels": panels}


def _panel_spec(panel: Panel) -> dict[str, Any]:
    return asdict(panel) | {"x": _axis_spec(panel.x), "y": _axis_spec(panel.y)}


def _axis_spec(axis: Axis) -> dict[str, Any]:
    return asdict(axis) | {"range": [axis.low, axis.high]}


def _pack(header: dict[str, Any]) -> bytes:
    """One message: the length of a JSON header, the header, and the arrays it refers to."""
    arrays: list[bytes] = []

    def store(value: object) -> dict[str, Any]:
        if not isinstance(value, Tensor):
            raise TypeError(f"a picture holds numbers, text and tensors, not {value!r}")
        bytewise = value.dtype == torch.uint8
        data = (value if bytewise else value.to(torch.float32)).contiguous().numpy().tobytes()
        at = sum(map(len, arrays))
        arrays.append(data + b"\0" * (-len(data) % 4))
        return {"at": at, "shape": list(value.shape), "bytewise": bytewise}

    text = json.dumps(header, default=store, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + b"".join(arrays)
