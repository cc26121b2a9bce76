"""What an answer finds, in the jail, in place of modules that are not there.

Figures and widgets become stand-ins that take every call and do nothing, so that a plot costs no
points. A part of smoothlib that the exercise does not give is refused, and the error says why.
"""

import builtins
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

SHOWN = {
    "IPython", "anywidget", "course", "ipywidgets", "matplotlib", "mpl_toolkits", "plotly",
    "seaborn", "tqdm", "bokeh", "altair", "google"
}  # fmt: skip


class StandIn:
    """Takes whatever is done to it, and does nothing."""

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(name)

    def __setattr__(self, name: str, value: object) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._name in RESULTS:
            return RESULTS[self._name](*args, **kwargs)
        if len(args) == 1 and isinstance(args[0], types.FunctionType) and not kwargs:
            return args[0]  # a decorator, such as interact
        return StandIn(self._name)

    def __iter__(self) -> Iterator:
        return iter((StandIn(self._name), StandIn(self._name)))

    def __getitem__(self, key: object) -> "StandIn":
        return self

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *error: object) -> None:
        pass


def _subplots(nrows: int = 1, ncols: int = 1, squeeze: bool = True, **rest: object) -> tuple:
    axes = np.array([[StandIn("axes") for _ in range(ncols)] for _ in range(nrows)], dtype=object)
    return StandIn("figure"), (axes.squeeze() if axes.size > 1 else axes[0, 0]) if squeeze else axes


def _axes(count: int = 1, *args: object, **rest: object) -> tuple:
    return tuple(StandIn("axes") for _ in range(count))


RESULTS: dict[str, Callable] = {
    "subplots": _subplots,
    "axes": _axes,
    "plot": lambda *args, **rest: [StandIn("line")],
    "hist": lambda *args, **rest: (np.zeros(1), np.zeros(2), StandIn("patches")),
    "tqdm": lambda items=(), *args, **rest: items,
    "trange": lambda *args, **rest: range(*args),
    "run_cell_magic": lambda *args: None,
}


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(name)


class Guard(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds stand-ins, and refuses what the exercise does not give."""

    def __init__(self, given: Sequence[str], refusal: str) -> None:
        self.given, self.refusal = given, refusal

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        root, _, part = name.partition(".")
        if root in SHOWN:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if root == "smoothlib" and part.partition(".")[0] not in self.given:
            raise ImportError(f"{name} {self.refusal}")
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def install(given: Sequence[str], refusal: str) -> None:
    """Put the guard before all other finders, and away what was only needed to load the rest.

    `given` are modules of smoothlib that an answer may import.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "smoothlib"]:
        if name != "smoothlib" and name.removeprefix("smoothlib.") not in given:
            del sys.modules[name]
            if hasattr(sys.modules.get("smoothlib"), name.rpartition(".")[2]):
                delattr(sys.modules["smoothlib"], name.rpartition(".")[2])
    if "smoothlib" in sys.modules:
        given = ["", *given]
    sys.meta_path.insert(0, Guard(given, refusal))
    builtins.display = StandIn("display")  # type: ignore[attr-defined]
    builtins.get_ipython = StandIn("get_ipython")  # type: ignore[attr-defined]
