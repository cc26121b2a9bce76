"""What crosses between the grader and an answer, and how functions are called from afar.

Plain values cross: numbers, strings, None, lists, tuples, dicts, tensors, arrays, and the public
classes of smoothlib by name and parameters. No pickle. A function crosses as a reference and runs
where it came from; a call goes back and forth over one socket and nests. Derivatives work across:
autograd and torch.func of a far function ask its side for the derivative.

Both sides run this file. What comes from a jail is untrusted: every shape, type and size is
checked, and whatever is not as it should be raises Violation, upon which the jail is ended.
"""

import builtins
import json
import math
import re
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

HEADER_LIMIT = 8 << 20
FRAME_LIMIT = 96 << 20
TEXT_LIMIT = 4000
DIGITS_LIMIT = 300  # of an integer
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64,
        torch.complex128, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool
    )
}  # fmt: skip
ARRAYS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "c8", "c16"}
# Where a function or class that belongs to a library is known by name, and need not be sent.
LIBRARIES = {
    module.__name__: module
    for module in (torch, torch.nn.functional, torch.linalg, torch.special, torch.optim, math)
}


class Violation(Exception):
    """The other side broke the protocol, or is gone."""


class Unsendable(Exception):
    """A value that does not cross; the text is its class."""


class Foreign:
    """Stands for a value that did not cross; its class has the name of that value's class."""

    def __repr__(self) -> str:
        return f"a {type(self).__name__}"


class Encoder:
    """Turns values into a JSON tree, and sets the tensors in it aside."""

    def __init__(self, share: Callable[[Callable], list], names: dict[str, type]) -> None:
        self.share, self.names = share, names
        self.tensors: list[Tensor | np.ndarray] = []

    def encode(self, x: object, depth: int = 0) -> Any:
        if x is None or type(x) in (bool, str):
            return x
        if depth > 20:
            raise Unsendable("list nested more than 20 deep")
        if isinstance(x, Tensor):
            return self._tensor(x)
        if isinstance(x, np.ndarray | np.generic):
            return self._array(x)
        if isinstance(x, int | float | str | complex):
            return self._number(x)
        if type(x) in self.names.values():
            fields = getattr(x, "_fields", None) or x.__dataclass_fields__  # type: ignore[attr-defined]
            pairs = [[name, self.encode(getattr(x, name), depth + 1)] for name in fields]
            return ["made", type(x).__name__, pairs]
        if isinstance(x, tuple | list):
            kind = "tuple" if isinstance(x, tuple) else "list"
            return [kind, [self.encode(item, depth + 1) for item in x]]
        if isinstance(x, dict):
            pairs = [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in x.items()]
            return ["dict", pairs]
        if isinstance(x, torch.dtype):
            return ["dtype", str(x).removeprefix("torch.")]
        if isinstance(x, torch.Generator):
            return ["generator", x.initial_seed(), self.encode(x.get_state())]
        if callable(x) and not isinstance(x, Foreign):
            return self.share(x)
        raise Unsendable(type(x).__name__)

    def _number(self, x: int | float | str | complex) -> Any:
        if isinstance(x, complex):
            return ["complex", x.real, x.imag]
        if isinstance(x, str):
            return str(x)
        if isinstance(x, float):
            return float(x)
        if abs(x) >= 10**DIGITS_LIMIT:
            raise Unsendable(f"int of more than {DIGITS_LIMIT} digits")
        return int(x)

    def _tensor(self, x: Tensor) -> list:
        if x.layout != torch.strided or x.is_quantized or x.device.type != "cpu":
            raise Unsendable(f"{x.layout} tensor on {x.device}".replace("torch.", ""))
        name = str(x.dtype).removeprefix("torch.")
        if name not in DTYPES:
            raise Unsendable(f"tensor of {name}")
        self.tensors.append(x)
        return ["tensor", len(self.tensors) - 1]

    def _array(self, x: np.ndarray | np.generic) -> list:
        if x.dtype.str[1:] not in ARRAYS:
            raise Unsendable(f"numpy array of {x.dtype}"[:80])
        self.tensors.append(np.asarray(x))
        return ["array" if isinstance(x, np.ndarray) else "scalar", len(self.tensors) - 1]


class Decoder:
    """Builds values from a tree and its tensors. `trusting` also takes what only we may send."""

    def __init__(self, meet: Callable[[list], Callable], names: dict, trusting: bool) -> None:
        self.meet, self.names, self.trusting = meet, names, trusting

    def decode(self, tree: Any, tensors: Sequence) -> Any:
        if tree is None or isinstance(tree, bool | int | float | str):
            return tree
        match tree:
            case ["tensor", int(i)] if 0 <= i < len(tensors) and isinstance(tensors[i], Tensor):
                return tensors[i]
            case ["array" | "scalar" as kind, int(i)] if 0 <= i < len(tensors):
                array = tensors[i]
                if isinstance(array, np.ndarray):
                    return array if kind == "array" else array[()]
            case ["list", list(items)]:
                return [self.decode(item, tensors) for item in items]
            case ["tuple", list(items)]:
                return tuple(self.decode(item, tensors) for item in items)
            case ["dict", list(pairs)]:
                return {self.decode(k, tensors): self.decode(v, tensors) for k, v in pairs}
            case ["complex", float(real), float(imag)]:
                return complex(real, imag)
            case ["dtype", str(name)] if name in DTYPES:
                return DTYPES[name]
            case ["made", str(name), list(pairs)]:
                fields = {str(k): self.decode(v, tensors) for k, v in pairs}
                if name in self.names:
                    return self.names[name](**fields)
            case ["ref" | "yours", *_]:
                return self.meet(tree)
            case ["foreign", str(name)]:
                return type(identifier(name), (Foreign,), {})()
            case ["name", str(module), str(name)] if self.trusting:
                return getattr(LIBRARIES[module], name)
            case ["generator", int(seed), state] if self.trusting:
                generator = torch.Generator().manual_seed(seed)
                generator.set_state(self.decode(state, tensors).clone())
                return generator
        raise Violation(f"cannot read {str(tree)[:80]}")


def identifier(name: str) -> str:
    """The name of a class, made harmless."""
    return "".join(re.findall(r"\w", name, flags=re.ASCII))[:60] or "object"


def plain(text: object) -> str:
    """Text from a jail: of limited length, without control characters."""
    kept = "".join(c if c.isprintable() or c == "\n" else "�" for c in str(text)[:TEXT_LIMIT])
    return kept.encode("utf-8", "replace").decode()


def send(sock: socket.socket, header: dict, tensors: Sequence) -> None:
    """Write one frame: the header, and the bytes of tensors and arrays behind it."""
    header["data"], parts = [], []
    for x in tensors:
        if isinstance(x, Tensor):
            kind = str(x.dtype).removeprefix("torch.")
            shape, data = list(x.shape), _raw(x)
        else:
            little = np.ascontiguousarray(x, dtype=x.dtype.newbyteorder("<"))
            kind, shape, data = f"numpy.{x.dtype.str[1:]}", list(x.shape), little.tobytes()
        header["data"].append([kind, shape, len(data)])
        parts.append(data)
    text = json.dumps(header).encode()
    if len(text) > HEADER_LIMIT or len(text) + sum(map(len, parts)) > FRAME_LIMIT:
        raise Unsendable(f"value of more than {FRAME_LIMIT >> 20} MB")
    try:
        sock.sendall(b"".join([struct.pack("<II", len(text), sum(map(len, parts))), text, *parts]))
    except OSError as error:
        raise Violation(f"the connection broke: {error}") from None


def _raw(x: Tensor) -> bytes:
    """The bytes of a tensor, whatever its strides: one element may have a stride of 0."""
    flat = x.detach().resolve_conj().resolve_neg().reshape(-1)
    return flat.clone(memory_format=torch.contiguous_format).view(torch.uint8).numpy().tobytes()


def receive(sock: socket.socket) -> tuple[dict, list]:
    """Read one frame.

    Raises:
        Violation: at the end of the connection, or if the frame is not one.
    """
    head, rest = struct.unpack("<II", _read(sock, 8))
    if head > HEADER_LIMIT or head + rest > FRAME_LIMIT:
        raise Violation("a frame too large")
    try:
        header = json.loads(_read(sock, head))
        data = header.pop("data")
        if sum(size for _, _, size in data) != rest or any(size < 0 for _, _, size in data):
            raise Violation("wrong sizes")
        return header, [_buffer(sock, *entry) for entry in data]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Violation(f"not a frame: {type(error).__name__}") from None


def _buffer(sock: socket.socket, kind: str, shape: list[int], size: int) -> Tensor | np.ndarray:
    if len(shape) > 32 or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape):
        raise Violation("not a shape")
    dtype = kind.removeprefix("numpy.")
    if kind != dtype:
        if dtype not in ARRAYS:
            raise Violation("not a dtype")
        itemsize = np.dtype(f"<{dtype}").itemsize
    else:
        itemsize = torch.empty(0, dtype=DTYPES[kind]).element_size()
    if math.prod(shape) * itemsize != size or math.prod(filter(None, shape)) > FRAME_LIMIT:
        raise Violation("shape and size differ")
    data = bytearray(_read(sock, size))
    if kind != dtype:
        return np.frombuffer(data, dtype=f"<{dtype}").reshape(shape)
    if not size:
        return torch.empty(shape, dtype=DTYPES[kind])
    if DTYPES[kind] is torch.bool:  # a byte that is neither 0 nor 1 is no truth value
        return torch.frombuffer(data, dtype=torch.uint8).ne(0).reshape(shape)
    return torch.frombuffer(data, dtype=DTYPES[kind]).reshape(shape)


def _read(sock: socket.socket, size: int) -> bytes:
    parts, left = [], size
    while left:
        try:
            part = sock.recv(min(left, 1 << 20))
        except OSError as error:
            raise Violation(f"the connection broke: {error}") from None
        if not part:
            raise Violation("the process of the answer ended")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


class Remote:
    """A function of the other side."""

    def __init__(self, end: "Endpoint", number: int, name: str) -> None:
        self.end, self.number, self.__name__ = end, number, name

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self.end.call(self, args, kwargs)

    def __deepcopy__(self, memo: dict) -> "Remote":
        return self

    def __repr__(self) -> str:
        return self.__name__


class Endpoint:
    """One side of the socket: calls the other side's functions, and serves its own."""

    def __init__(self, sock: socket.socket, names: dict[str, type], trusting: bool) -> None:
        self.sock, self.names, self.trusting = sock, names, trusting
        self.budget: float = math.inf  # calls that the other side may still make
        self.own: dict[int, Callable] = {}
        self.busy = 0  # a deadline that comes while a frame is under way waits, as `late`
        self.late: type[BaseException] | None = None
        self.lock = threading.RLock()  # an answer may call back from threads of its own
        # A jail survives whatever an answer raises; the grader lets its own deadline through.
        self.survived = BaseException if trusting else Exception
        self.on_error: Callable[[BaseException], dict] = lambda error: {}
        self.guard: Callable = lambda f, args, kwargs: f(*args, **kwargs)

    def encoder(self) -> Encoder:
        return Encoder(self._share, self.names)

    def _share(self, f: Callable) -> list:
        if isinstance(f, Remote) and f.end is self:
            return ["yours", f.number]
        name = str(getattr(f, "__name__", type(f).__name__))[:60]
        if not self.trusting:  # only we may name what the other side is to run as its own
            for module, members in LIBRARIES.items():
                if getattr(members, name, None) is f:
                    return ["name", module, name]
        if isinstance(f, type):
            raise Unsendable("class")
        number = next((n for n, known in self.own.items() if known is f), len(self.own))
        self.own[number] = f
        return ["ref", number, name]

    def _meet(self, tree: list) -> Callable:
        match tree:
            case ["ref", int(number), str(name)]:
                return Remote(self, number, identifier(name))
            case ["yours", int(number)] if number in self.own:
                return self.own[number]
        raise Violation("an unknown function")

    def decode(self, tree: Any, tensors: Sequence) -> Any:
        try:
            return Decoder(self._meet, self.names, self.trusting).decode(tree, tensors)
        except Violation:
            raise
        except Exception as error:
            raise Violation(f"cannot be built: {type(error).__name__}: {error}"[:200]) from None

    def call(self, f: Remote, args: tuple, kwargs: dict) -> Any:
        """Call a function of the other side, through autograd where a derivative may be wanted."""
        encoder = self.encoder()
        tree = [encoder.encode(args), encoder.encode(kwargs)]
        tensors = encoder.tensors
        if _differentiating(tensors):
            call = _Call(self, f.number, tree, tensors)
            results = _Differentiable.apply(call, (), *tensors)
            return self.decode(call.result, results[:-1])
        reply, values = self._ask({"do": "call", "f": f.number, "tree": tree}, tensors)
        if "changed" in reply:
            after = self.decode(reply["changed"], values)
            write_back((args, kwargs), after)
        for x in _picked(tensors, reply.get("marked")):
            x.requires_grad_()
        return self.decode(reply.get("value"), values)

    def ask(self, header: dict) -> Any:
        """Send a request that is no call, and return what comes back."""
        reply, values = self._ask(header, ())
        return self.decode(reply.get("value"), values)

    def _ask(self, header: dict, tensors: Sequence) -> tuple[dict, list]:
        with self.lock:
            self.busy += 1
            try:
                send(self.sock, header, tensors)
                return self._await()
            finally:
                self.busy -= 1
                if self.late and not self.busy:
                    late, self.late = self.late, None
                    raise late

    def _await(self) -> tuple[dict, list]:
        while True:
            reply, values = receive(self.sock)
            match reply.get("do"):
                case "call":
                    self.serve(reply, values)
                case "return":
                    return reply, values
                case "raise":
                    raise rebuilt(reply)
                case _:
                    raise Violation("neither a call nor an answer")

    def serve(self, request: dict, tensors: Sequence) -> None:
        """Run one of our functions for the other side, and send what became of it."""
        self.budget -= 1
        try:
            reply, values = self._run(request, tensors)
            send(self.sock, reply, values)
        except Violation:
            raise
        except self.survived as error:
            send(self.sock, self._report(error), ())

    def _run(self, request: dict, tensors: Sequence) -> tuple[dict, Sequence]:
        if self.budget < 0:
            raise RuntimeError(
                "the function that you were given was called too often; give it many points at once"
            )
        number = request.get("f")
        if type(number) is not int or number not in self.own:
            raise Violation("an unknown function")
        f = self.own[number]
        if "how" in request:
            return self._derive(f, request, tensors)
        before = [x.clone() if isinstance(x, Tensor) else x.copy() for x in tensors]
        args, kwargs = self._arguments(request.get("tree"), tensors)
        value = self.guard(f, args, kwargs)
        encoder = self.encoder()
        reply: dict = {"do": "return", "value": encoded(encoder, value)}
        if not identical((args, kwargs), self._arguments(request.get("tree"), before)):
            reply["changed"] = encoded(encoder, (args, kwargs))
        marked = [i for i, x in enumerate(tensors) if isinstance(x, Tensor) and _collects(x)]
        if marked:
            reply["marked"] = marked
        return reply, encoder.tensors

    def _arguments(self, tree: Any, tensors: Sequence) -> tuple[tuple, dict]:
        if isinstance(tree, list) and len(tree) == 2:
            args, kwargs = (self.decode(part, tensors) for part in tree)
            if isinstance(args, tuple) and isinstance(kwargs, dict):
                return args, {str(name): value for name, value in kwargs.items()}
        raise Violation("not the arguments of a call")

    def _derive(self, f: Callable, request: dict, tensors: Sequence) -> tuple[dict, Sequence]:
        """Run a function of tensors, or a derivative of it, for the autograd of the other side."""
        box: dict = {}

        def base(*inputs: Tensor) -> tuple[Tensor, ...]:
            args, kwargs = self._arguments(request.get("tree"), inputs)
            encoder = self.encoder()
            box["tree"] = encoded(encoder, self.guard(f, args, kwargs))
            return tuple(x for x in encoder.tensors if isinstance(x, Tensor))

        how = request["how"]
        if not isinstance(how, list) or not all(isinstance(x, Tensor) for x in tensors):
            raise Violation("not a chain of transforms")
        wanted = request.get("wanted", range(len(tensors)))
        if not isinstance(wanted, list | range):
            raise Violation("not a list of tensors")
        leaves = [
            x.requires_grad_(x.is_floating_point() and i in wanted) for i, x in enumerate(tensors)
        ]
        with torch.enable_grad():
            results = derived(base, how)(*leaves)
        functional = any(step[0] != "vjp" for step in how)
        live = [x.is_floating_point() and (functional or x.requires_grad) for x in results]
        return {"do": "return", "tree": box.get("tree"), "live": live}, results

    def _report(self, error: BaseException) -> dict:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        one = len(error.args) == 1 and isinstance(error.args[0], str)
        try:
            text = error.args[0] if one else str(error)
        except BaseException:  # of a hostile __str__
            text = ""
        return {"do": "raise", "kinds": kinds, "text": plain(text), **self.on_error(error)}


def encoded(encoder: Encoder, value: object) -> Any:
    """The tree of a value; of one that does not cross, only the name of its class."""
    held = len(encoder.tensors)
    try:
        return encoder.encode(value)
    except Unsendable as error:
        del encoder.tensors[held:]
        return ["foreign", str(error).replace(" ", "_")]


def rebuilt(reply: dict) -> Exception:
    """The exception that the other side reports: of the same name, and of a builtin base."""
    names = reply.get("kinds")
    kinds = [identifier(str(kind)) for kind in names] if isinstance(names, list) else []
    known = (getattr(builtins, kind, None) for kind in kinds)
    usual = (k for k in known if isinstance(k, type) and issubclass(k, Exception))
    base = next(usual, Exception)
    kind = base if kinds[:1] == [base.__name__] else type((kinds or ["Error"])[0], (base,), {})
    text = plain(reply.get("text", ""))
    try:
        error = kind(text) if text else kind()
    except Exception:  # some take more than a text
        error = Exception(f"{kind.__name__}: {text}")
    for extra in ("line", "excuse"):
        if isinstance(reply.get(extra), str):
            setattr(error, extra, plain(reply[extra]))
    return error


def identical(one: object, other: object) -> bool:
    """Equal to the bit, in values and shapes; functions count as equal."""
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(identical(a, b) for a, b in pairs)
    if isinstance(one, dict) and isinstance(other, dict):
        same = list(one) == list(other)
        return same and identical(list(one.values()), list(other.values()))
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape
        return same and _raw(one) == _raw(other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape
        return same and one.tobytes() == other.tobytes()
    return True


def write_back(mine: object, after: object) -> None:
    """Do to our arguments what the other side did to its copies of them."""
    if isinstance(mine, Tensor) and isinstance(after, Tensor):
        with torch.no_grad():
            mine.data = after
    elif isinstance(mine, np.ndarray) and isinstance(after, np.ndarray):
        if mine.shape == after.shape:
            mine[...] = after
    elif isinstance(mine, list) and isinstance(after, list):
        mine[:] = [_written(a, b) for a, b in zip_longest(mine, after)][: len(after)]
    elif isinstance(mine, tuple) and isinstance(after, tuple):
        for a, b in zip(mine, after, strict=False):
            write_back(a, b)
    elif isinstance(mine, dict) and isinstance(after, dict):
        for name in mine.keys() & after.keys():
            write_back(mine[name], after[name])


def _written(mine: object, after: object) -> object:
    """An item of a list: what it holds is changed in place, where it holds anything."""
    if type(mine) is type(after) and isinstance(mine, Tensor | np.ndarray | list | dict | tuple):
        write_back(mine, after)
        return mine
    return after


def _collects(x: Tensor) -> bool:
    """Whether a tensor that arrived without one was made to collect a slope, or holds one."""
    return x.requires_grad or (x.is_leaf and x.grad is not None)


def _picked(tensors: Sequence, which: object) -> list[Tensor]:
    """Those of our tensors that the other side made to require a gradient."""
    numbers = which if isinstance(which, list) else []
    chosen = [x for i, x in enumerate(tensors) if i in numbers]
    return [x for x in chosen if isinstance(x, Tensor) and x.is_leaf and x.is_floating_point()]


def _differentiating(tensors: Sequence) -> bool:
    """Whether autograd or torch.func follows any of these."""
    if _functional():
        return bool(tensors)
    return torch.is_grad_enabled() and any(getattr(x, "requires_grad", False) for x in tensors)


def _functional() -> bool:
    """Whether torch.func is at work."""
    stack = torch._C._functorch.peek_interpreter_stack()
    return stack is not None or forward_ad._current_level >= 0


class _Call:
    """A call that autograd may come back to: the function, and its arguments without tensors.

    `wanted` are the tensors that require a gradient here, and so shall there; None under
    torch.func, which does not say.
    """

    def __init__(self, end: Endpoint, number: int, tree: Any, tensors: Sequence) -> None:
        self.end, self.number, self.tree = end, number, tree
        marked = [i for i, x in enumerate(tensors) if getattr(x, "requires_grad", False)]
        self.wanted = None if _functional() else marked
        self.result: Any = None
        self.live: dict[str, list[bool]] = {}

    def run(self, how: tuple, tensors: Sequence) -> list[Tensor]:
        header = {"do": "call", "f": self.number, "tree": self.tree, "how": list(how)}
        if not how and self.wanted is not None:
            header["wanted"] = self.wanted
        reply, values = self.end._ask(header, tensors)
        live = reply.get("live")
        if not isinstance(live, list) or len(live) != len(values):
            raise Violation("not a result of tensors")
        if all(step[0] == "vmap" for step in how):
            self.result = reply.get("tree")
        self.live[json.dumps(how)] = [bool(x) for x in live]
        return [x for x in values if isinstance(x, Tensor)]


class _Differentiable(torch.autograd.Function):
    """A far function of tensors, behind a chain of transforms `how`.

    Its derivative is the same function behind a longer chain, so that derivatives of any order
    work. The last output is a dummy: autograd wants at least one.
    """

    @staticmethod
    def forward(call: _Call, how: tuple, *tensors: Tensor) -> tuple:
        return (*call.run(how, tensors), torch.zeros(()))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        ctx.call, ctx.how, *tensors = inputs
        ctx.live = ctx.call.live[json.dumps(ctx.how)]
        dead = [x for x, live in zip(output, ctx.live, strict=False) if not live]
        ctx.mark_non_differentiable(*dead, output[-1])
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        tensors = ctx.saved_tensors
        along = [g for g, live in zip(grads, ctx.live, strict=False) if live]
        how = (*ctx.how, ["vjp", len(tensors), ctx.live])
        slopes = _Differentiable.apply(ctx.call, how, *tensors, *along)[:-1]
        wanted = ctx.needs_input_grad[2:]
        return None, None, *(s if w else None for s, w in zip(slopes, wanted, strict=True))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple:
        tensors, moves = ctx.saved_tensors, tangents[2:]
        which = [i for i, move in enumerate(moves) if move is not None]
        how = (*ctx.how, ["jvp", len(tensors), which])
        along = [moves[i] for i in which]
        slopes = _Differentiable.apply(ctx.call, how, *tensors, *along)[:-1]
        return *(s if w else None for s, w in zip(slopes, ctx.live, strict=True)), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, call: _Call, how: tuple, *tensors: Tensor) -> tuple:
        how = (*how, ["vmap", list(in_dims[2:])])
        values = _Differentiable.apply(call, how, *tensors)
        call.live[json.dumps(how[:-1])] = call.live[json.dumps(how)]
        return values, (*(0 for _ in values[:-1]), None)


def derived(f: Callable, how: list) -> Callable:
    """The function that a chain of transforms makes of f: tensors to a tuple of tensors."""
    functional = any(step[0] != "vjp" for step in how)
    for step in how:
        match step:
            case ["vjp", int(n), list(live)]:
                f = _vjp(f, n, live, functional)
            case ["jvp", int(n), list(which)]:
                f = _jvp(f, n, which)
            case ["vmap", list(dims)]:
                f = torch.vmap(f, in_dims=tuple(dims))
            case _:
                raise Violation("an unknown transform")
    return f


def _vjp(f: Callable, n: int, live: list, functional: bool) -> Callable:
    """The slopes of the live outputs of f along cotangents, one for each of its n inputs."""

    def slopes(*inputs: Tensor) -> tuple[Tensor, ...]:
        primals, along = inputs[:n], inputs[n:]
        real = [i for i, x in enumerate(primals) if x.is_floating_point()]

        def of_real(*moving: Tensor) -> tuple[Tensor, ...]:
            filled = list(primals)
            for i, x in zip(real, moving, strict=True):
                filled[i] = x
            return tuple(y for y, alive in zip(f(*filled), live, strict=True) if alive)

        moving = [primals[i] for i in real]
        if functional:
            found = torch.func.vjp(of_real, *moving)[1](tuple(along))
        else:
            found = torch.autograd.grad(
                of_real(*moving), moving, along, create_graph=True, materialize_grads=True
            )
        gradient = dict(zip(real, found, strict=True))
        return tuple(gradient.get(i, torch.zeros(())) for i in range(n))

    return slopes


def _jvp(f: Callable, n: int, which: list) -> Callable:
    """The change of the outputs of f when those of its n inputs in `which` move."""

    def change(*inputs: Tensor) -> tuple[Tensor, ...]:
        primals, along = list(inputs[:n]), inputs[n:]

        def of_moving(*moving: Tensor) -> tuple[Tensor, ...]:
            filled = list(primals)
            for i, x in zip(which, moving, strict=True):
                filled[i] = x
            return tuple(f(*filled))

        return torch.func.jvp(of_moving, tuple(primals[i] for i in which), tuple(along))[1]

    return change
