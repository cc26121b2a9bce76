"""How a wrong value differs from the right one: in sign, factor, offset, order or axis.

    compare(got, wanted, named, within)   two tensors of one shape
    compare_shapes(got, wanted, named)    two of different shapes

`named` holds the arguments of the call by the names of their parameters. A factor is looked for
among what they are made of: sigma, 1 / sigma, len(eps), f(theta), and constants such as 2 and π.
Nothing here knows an exercise; mistakes that leave no such trace are in `course.mistakes`.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Named = Mapping[str, object]
OVER = " \u2215 "  # a division slash: JupyterLab colours the plain one as the path of a file
CONSTANTS = {
    "2": 2.0,
    "3": 3.0,
    "4": 4.0,
    "√2": math.sqrt(2),
    "π": math.pi,
    "2 π": 2 * math.pi,
    "√π": math.sqrt(math.pi),
    "√(2 π)": math.sqrt(2 * math.pi),
    f"180{OVER}π": 180 / math.pi,
    "10": 10.0,
    "100": 100.0,
    "1000": 1000.0,
}
NEAR = 1e-4  # of the size of the right values: an approximation, more likely than a mistake
NAMES_SHOWN = 2  # of a factor that could be several things; more would send nobody anywhere


class Difference(NamedTuple):
    """What is wrong in two or three words, and a sentence about it."""

    headline: str
    hint: str = ""


def compare(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference:
    """How `got` differs from `wanted`, which has the same shape."""
    if not bool(got.isfinite().all() and wanted.isfinite().all()):
        return Difference("not the expected value")
    for find in (_sign, _factor, _near, _offset, _order):
        if found := find(got, wanted, named, within):
            return found
    return Difference("not the expected value")


def compare_shapes(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference:
    """How `got` came by another shape than that of `wanted`."""
    headline = f"wrong shape: {tuple(got.shape)}; {tuple(wanted.shape)} is expected"
    finders = (_transposed, _reshaped, _reduced, _not_reduced, _one_more_or_less, _other_axis)
    for find in (*finders, _stretched):
        if found := find(got, wanted, named, within):
            return found if found.headline else Difference(headline, found.hint)
    return Difference(headline)


# --- one shape ----------------------------------------------------------------------------


def _sign(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    wrong = (got - wanted).abs() > within
    if not close(got[wrong], -wanted[wrong], within):
        return None
    if bool(wrong.all()) or close(got, -wanted, within):
        return Difference("wrong sign", f"{_every(got)} has the wrong sign.")
    some = f"{int(wrong.sum())} of {got.numel()} values: the sign is wrong, and nothing else."
    return Difference("wrong sign", some)


def _factor(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    size = float(wanted.abs().max())
    if size <= within or float(got.abs().max()) <= within:
        return _nothing(got, wanted, within)
    factor = float((got * wanted).sum() / (wanted * wanted).sum())
    if not close(got, factor * wanted, within * (1 + abs(factor))):
        return _factor_of_each(got, wanted, named, within)
    if f"{factor:.4g}" == "1":  # off by little more than the tolerance
        return None
    tolerance = 2 * within * (1 + abs(factor)) / size
    names = name_number(factor, named, tolerance, pairs=_many(wanted))
    if not names and not _many(wanted):
        return None
    return Difference(
        "wrong factor", f"{_every(got)} is {_amount(factor, names)} times the expected one."
    )


def _factor_of_each(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    """A factor that is a tensor: each value times its own argument, or divided by it."""
    for name, x in _tensors(named, got):
        for label, factor in ((name, x), (f"1{OVER}{name}", 1 / x), (f"{name}²", x * x)):
            if factor.isfinite().all() and close(got, factor * wanted, within * _largest(factor)):
                hint = f"Every value is {label} times the expected one."
                return Difference("wrong factor", hint)
    return None


def _nothing(got: Tensor, wanted: Tensor, within: float) -> Difference | None:
    if float(got.abs().max()) > within or got.numel() == 1:
        return None
    return Difference("only zeros came back", "Did the result get lost on its way to return?")


def _near(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    """A value that is nearly right."""
    off, size = float((got - wanted).abs().max()), float(wanted.abs().max())
    if off > NEAR * size:
        return None
    hint = f"Near, but off by {off:.2g}. Is something rounded or cut off too early, a difference "
    return Difference(
        "not the expected value",
        hint + "quotient instead of a derivative, or n where n - 1 belongs?",
    )


def _offset(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    gap = got - wanted
    for label, x in (("", torch.ones(())), *_directions(named, got)):
        share = float((gap * x).sum() / (x * x).expand_as(gap).sum())
        if not close(gap, share * x, 2 * within):
            continue
        names = name_number(abs(share), named, 3 * within / _largest(x), pairs=bool(label))
        if not names and not _many(wanted):
            return None
        by = " times ".join(filter(None, [_amount(abs(share), names), label]))
        side = "large" if share > 0 else "small"
        return Difference("wrong offset", f"{_every(got)} is too {side} by {by}.")
    return None


def _order(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    if not _many(wanted) or got.ndim == 0:
        return None
    for axis in range(got.ndim):
        if got.shape[axis] > 2:
            later, earlier = (slice(1, None), slice(None, -1))
            for mine, theirs, side in ((later, earlier, "late"), (earlier, later, "early")):
                if close(_cut(got, axis, mine), _cut(wanted, axis, theirs), within):
                    hint = f"Every value stands one place too {side}: look for an index that is "
                    return Difference("wrong index", hint + "off by one.")
        if close(got.flip(axis), wanted, within):
            return Difference("wrong order", "These are the right values in reverse order.")
    if got.ndim == 2 and got.shape[0] == got.shape[1] and close(got.T, wanted, within):
        return Difference("wrong axis", "These are the right values with rows and columns swapped.")
    if close(got.flatten().sort().values, wanted.flatten().sort().values, within):
        return Difference("wrong order", "These are the right values in another order.")
    return None


# --- two shapes: a headline of "" leaves it at "wrong shape" -----------------------------------


def _transposed(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    if got.ndim == 2 and got.T.shape == wanted.shape:
        right = close(got.T, wanted, within)
        hint = "These are the right values with rows and columns swapped."
        return Difference("wrong axis", hint if right else "Rows and columns are swapped.")
    return None


def _reduced(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    """A mean or a sum of what was wanted."""
    for axis, (verb, reduce) in itertools.product(range(wanted.ndim), REDUCTIONS.items()):
        less = reduce(wanted, axis)
        if less.shape == got.shape and close(got, less, within * wanted.shape[axis]):
            hint = f"This is the {verb} of the expected values over axis {axis}; return each of "
            return Difference("", hint + "them.")
    return None


def _not_reduced(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    """Values whose mean or sum was wanted."""
    for axis, (verb, reduce) in itertools.product(range(got.ndim), REDUCTIONS.items()):
        less = reduce(got, axis)
        if less.shape == wanted.shape and close(less, wanted, within):
            return Difference("", f"The {verb} of these over axis {axis} is the expected value.")
    return None


def _reshaped(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    if got.numel() != wanted.numel() or not close(got.flatten(), wanted.flatten(), within):
        return None
    if got.squeeze().shape == wanted.squeeze().shape:
        extra = got.ndim > wanted.ndim
        remedy = "squeeze or an index takes one away" if extra else "[:, None] makes one"
        if got.ndim == 0:
            remedy = "did a sum or a mean without an axis run over everything? Give it the axis"
        many = "many" if extra else "few"
        return Difference(
            "", f"The values are right, with an axis of length 1 too {many}: {remedy}."
        )
    return Difference("", "The values are right, in another shape: reshape them.")


def _one_more_or_less(
    got: Tensor, wanted: Tensor, named: Named, within: float
) -> Difference | None:
    if got.ndim != wanted.ndim or got.ndim == 0 or got.shape[1:] != wanted.shape[1:]:
        return None
    short, long = sorted((got, wanted), key=len)
    if len(long) - len(short) != 1 or not len(short):
        return None
    what = "is missing" if short is got else "is one too many"
    for end, rest in (("first", long[1:]), ("last", long[:-1])):
        if close(short, rest, within):
            return Difference("", f"The {end} value {what}; the others are right.")
    few = "one is missing" if short is got else "there is one too many"
    return Difference("", f"Along the first axis {few}.")


def _stretched(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    """Two shapes broadcast to a table: (n,) with (n, 1), or an axis of length 1 to more."""
    sizes = set(got.shape)
    table = got.ndim == wanted.ndim + 1 == 2 and sizes == set(wanted.shape) != {1}
    pairs = list(zip(got.shape, wanted.shape, strict=False))
    longer = got.ndim == wanted.ndim and all(
        mine == theirs or theirs == 1 for mine, theirs in pairs
    )
    if not table and not longer:
        return None
    hint = "Two shapes were stretched to a common one. Print the shapes of what you combine: "
    return Difference("", hint + "x[:, None] gives (n,) the axis that lets it meet (n, d) by rows.")


def _other_axis(got: Tensor, wanted: Tensor, named: Named, within: float) -> Difference | None:
    """One number for each row where one for each column was wanted, or the other way round."""
    for name, x in named.items():
        if not isinstance(x, Tensor) or x.ndim != 2 or x.shape[0] == x.shape[1]:
            continue
        rows, columns = ((size,) for size in x.shape)
        for mine, theirs, axis in ((rows, columns, 0), (columns, rows, 1)):
            if got.shape == mine and wanted.shape == theirs:
                each, other = ("row", "column") if axis == 0 else ("column", "row")
                hint = (
                    f"There is one number for each {each} of {name}, and one for each {other} is "
                )
                return Difference("wrong axis", f"{hint}expected: reduce over dim={axis}.")
    return None


REDUCTIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "mean": lambda x, axis: x.mean(axis),
    "sum": lambda x, axis: x.sum(axis),
}


# --- naming numbers --------------------------------------------------------------------------


def name_number(
    x: float, named: Named, within: float, rough: bool = False, pairs: bool = True
) -> list[str]:
    """What x is in terms of the arguments, or of a constant: "1 / sigma", "2". At most two names.

    What is made of two quantities is tried only where no single one fits. For a number that is
    known only roughly too much fits: two names are shown, the arguments' own before constants.
    """
    tolerance = max(within, 1e-9 * abs(x))
    sign, size = ("-" if x < 0 else ""), abs(x)
    if abs(size - 1) <= tolerance:
        return []
    own, constants = dict(_quantities(named)), dict(_powers(CONSTANTS.items()))
    tiers = [(own, constants)]
    if not rough:
        tiers += [(dict(_less_one(named)), {})]
        whole = {label: y for label, y in constants.items() if not label.endswith("0")}
        tiers += [(dict(_products(own, whole)), {})] * pairs  # a power of ten fits too much
    for tier in tiers:
        first, second = ([n for n, y in t.items() if abs(y - size) <= tolerance] for t in tier)
        found = first + second if rough or len(first + second) <= NAMES_SHOWN else first
        if found:
            few = rough or len(found) <= NAMES_SHOWN
            return [f"{sign}{name}" for name in found[:NAMES_SHOWN]] if few else []
    return []


def _quantities(named: Named) -> Iterator[tuple[str, float]]:
    """Positive numbers that the arguments hold or imply, with their names."""
    numbers = {name: float(x) for name, x in named.items() if _is_number(x)}  # type: ignore[arg-type]
    squares = {f"{name}²": x * x for name, x in numbers.items()}
    sizes = {name: float(n) for name, n in _sizes(named)}
    roots = {f"√{name}": math.sqrt(abs(x)) for name, x in (numbers | sizes).items()}
    yield from _powers((numbers | squares | sizes | roots | dict(_values(named))).items())


def _less_one(named: Named) -> Iterator[tuple[str, float]]:
    """n - 1 and n / (n - 1), with their reciprocals, for every length n above 1."""
    for name, n in _sizes(named):
        if n > 1:
            less = {f"({name} - 1)": n - 1.0, f"{name}{OVER}({name} - 1)": n / (n - 1)}
            yield from _powers(less.items())


def _powers(items: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """Each number and its reciprocal, leaving out what is 0 or 1."""
    for name, x in items:
        if x and math.isfinite(x) and abs(abs(x) - 1) > 1e-9:
            yield name, abs(x)
            top, slash, bottom = name.partition(OVER)
            yield (f"{bottom}{OVER}{top}" if slash else f"1{OVER}{name}"), 1 / abs(x)


def _products(own: Mapping[str, float], constants: Mapping[str, float]) -> Iterator:
    """Products of two quantities, one of them at least made of the arguments."""
    plain = {name: x for name, x in own.items() if OVER not in name}
    others = {name: x for name, x in constants.items() if OVER not in name}
    pairs = itertools.combinations(plain.items(), 2)
    whole = {name: x for name, x in plain.items() if not name.startswith("√")}
    mixed = itertools.product(whole.items(), others.items())
    for (a, x), (b, y) in itertools.chain(pairs, mixed):
        yield f"{b} {a}", x * y
        yield f"{a}{OVER}{b}", x / y
        yield f"{b}{OVER}{a}", y / x
        yield f"1{OVER}({b} {a})", 1 / (x * y)


def _sizes(named: Named) -> Iterator[tuple[str, int]]:
    """The lengths of tensors along their first and second axes."""
    for name, x in named.items():
        if isinstance(x, Tensor) and x.ndim:
            yield f"len({name})", len(x)
        if isinstance(x, Tensor) and x.ndim == 2:
            yield f"{name}.shape[1]", x.shape[1]


def _values(named: Named) -> Iterator[tuple[str, float]]:
    """f(theta) for every function and tensor among the arguments that give one number."""
    functions = [(name, f) for name, f in named.items() if callable(f)]
    points = [(name, x) for name, x in named.items() if isinstance(x, Tensor)]
    for (name, f), (point, x) in itertools.product(functions, points):
        try:
            with warnings.catch_warnings(action="ignore"):
                value = torch.as_tensor(f(x.clone()))
        except Exception:  # this function does not take this argument
            continue
        if value.numel() == 1:
            yield f"{name}({point})", float(value)


def _tensors(named: Named, like: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Arguments of more than one value that broadcast to the shape of `like`."""
    for name, x in named.items():
        if isinstance(x, Tensor) and x.numel() > 1 and x.is_floating_point():
            x = x.detach().cpu().double()
            if _broadcasts(x, like):
                yield name, x


def _directions(named: Named, like: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Along what a forgotten term may lie: an argument, or the mean of its rows."""
    yield from _tensors(named, like)
    for name, x in named.items():
        if isinstance(x, Tensor) and x.ndim == 2 and x.is_floating_point() and len(x) > 1:
            mean = x.detach().cpu().double().mean(0)
            if mean.shape == like.shape and _many(mean):
                yield f"{name}.mean(0)", mean


def _broadcasts(x: Tensor, like: Tensor) -> bool:
    try:
        return torch.broadcast_shapes(x.shape, like.shape) == like.shape
    except RuntimeError:
        return False


def _is_number(x: object) -> bool:
    if isinstance(x, Tensor):
        return x.numel() == 1 and not x.is_complex()
    return isinstance(x, int | float) and not isinstance(x, bool)


def _many(x: Tensor) -> bool:
    """Whether x holds values enough, and different ones, for a pattern to be one."""
    return x.numel() > 1 and float(x.max() - x.min()) > 1e-9


def _largest(x: Tensor) -> float:
    return max(1.0, float(x.abs().max()))


def _cut(x: Tensor, axis: int, part: slice) -> Tensor:
    return x[(slice(None),) * axis + (part,)]


def _every(x: Tensor) -> str:
    return "Every value" if x.numel() > 1 else "The value"


def _amount(x: float, names: list[str]) -> str:
    """A number by its names, if it has any, and to four digits."""
    number = f"{x:.4g}"
    named = " or ".join(name for name in names if name.lstrip("-") != number)
    return f"{named} ({number})" if named else number


def close(got: Tensor, wanted: Tensor, within: float, rtol: float = 0.0) -> bool:
    """Equal up to `within`, nan to nan."""
    got, wanted = got.double(), wanted.double()
    return torch.allclose(got, wanted, rtol=rtol, atol=within, equal_nan=True)
