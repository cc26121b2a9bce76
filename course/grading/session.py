"""One submission in the jail: its cells are run, and its functions can be called."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from course.grading import wire
from course.grading.jail import LIMITS, Jail, Prisoner
from course.grading.source import Exercise

CALLBACKS = 50_000  # per test
SUBMISSION_S = 300.0  # for all of a submission, by the clock


class Stopped(BaseException):
    """An answer was stopped: it took too long, or its process ended. No check catches this.

    `ended` tells a process that ended from a deadline.
    """

    def __init__(self, text: str, ended: bool) -> None:
        super().__init__(text)
        self.ended = ended


class Undefined(BaseException):
    """A test needs a function that the submission does not define."""


@dataclass(frozen=True)
class Code:
    """A cell to be run in the jail; `name` is an answer's, or says which cell it is."""

    name: str
    source: str


@dataclass
class Student(wire.Remote):
    """A function of the submission, for our tests to call."""

    session: "Session"
    __name__: str

    @property
    def end(self) -> wire.Endpoint:  # type: ignore[override]
        return self._remote().end

    @property
    def number(self) -> int:  # type: ignore[override]
        return self._remote().number

    @property
    def unfinished(self) -> str:
        """What `started` says of it."""
        self._remote()
        return self.session.unfinished[self.__name__]

    def _remote(self) -> wire.Remote:
        return self.session.function(self.__name__)

    def __call__(self, *args: object, **kwargs: object) -> Any:
        try:
            return self._remote().end.call(self, args, kwargs)
        except wire.Violation as error:
            raise Stopped(str(error), ended=True) from None
        except Exception as error:
            if type(error).__name__ == "Deadline":
                raise Stopped("", ended=False) from None
            raise

    def __hash__(self) -> int:
        return id(self)


@dataclass
class Session:
    """The answers of a submission; where their process ends, they are run again in a new one."""

    jail: Jail
    exercise: Exercise
    cells: list[Code]
    _ready: Prisoner | None = None  # one that has run nothing yet
    errors: dict[str, str] = field(default_factory=dict)
    unfinished: dict[str, str] = field(default_factory=dict)
    ended: bool = False  # a process ended that should not have
    late: bool = False  # something was stopped
    began: float = field(default_factory=time.monotonic)
    _prisoner: Prisoner | None = None
    _remotes: dict[str, wire.Remote] = field(default_factory=dict)
    _kinds: dict[str, str] = field(default_factory=dict)
    _skipped: set[int] = field(default_factory=set)

    def function(self, name: str) -> wire.Remote:
        """The function of that name in the present process.

        Raises:
            Undefined: if there is none.
        """
        self.start()
        if name in self._remotes:
            return self._remotes[name]
        why = self.errors.get(name, "")
        kind = self._kinds.get(name, "nothing")
        said = "is not defined" if kind == "nothing" else f"is a {kind}, not a function"
        raise Undefined(f"{name} {said}" + (f". Its cell stopped: {why}" if why else ""))

    def start(self) -> None:
        """Run the cells, if that is not done; one that ends the process is left out.

        After one that took too long, all cells that are no answers are: time is for the answers.
        """
        while self._prisoner is None:
            self._prisoner, self._ready = self._ready or self.jail.fork(), None
            running = 0
            try:
                with deadline(LIMITS["step_s"]):
                    self._prisoner.end.ask({"do": "given", "sources": self.exercise.inside})
                    for running, cell in enumerate(self.cells):
                        if running not in self._skipped:
                            self._run(cell.name, cell.source)
                    self._find()
            except (Stopped, wire.Violation) as error:
                self._lost(error)
                name = self.cells[running].name if self.cells else ""
                self._skipped.add(running)
                if _late(error):
                    answers = self.exercise.answers
                    rest = (i for i, cell in enumerate(self.cells) if cell.name not in answers)
                    self._skipped.update(rest)
                self.errors[name] = (
                    "it took too long" if _late(error) else "it ended the process that ran it"
                )
                if self.left() < 0 or len(self._skipped) > 20:
                    raise Stopped("its cells end every process", ended=True) from None

    def _run(self, name: str, source: str) -> None:
        assert self._prisoner
        said = self._prisoner.end.ask({"do": "cell", "name": name, "source": source})
        if not isinstance(said, str):
            raise wire.Violation("not a report")
        if said:
            self.errors[name] = wire.plain(said)
            self.late = self.late or said.startswith("stopped after")

    def _find(self) -> None:
        assert self._prisoner
        names = self.exercise.answers
        found = self._prisoner.end.ask({"do": "found", "names": names})
        if not isinstance(found, list) or len(found) != len(names):
            raise wire.Violation("not a list of functions")
        for name, entry in zip(names, found, strict=True):
            match entry:
                case [wire.Remote() as remote, str(unfinished), str()]:
                    self._remotes[name] = remote
                    self.unfinished[name] = wire.plain(unfinished)
                case [None, str(), str(kind)]:
                    self._kinds[name] = wire.identifier(kind)
                case _:
                    raise wire.Violation("not a function")

    def left(self) -> float:
        """Seconds that the submission has left."""
        return SUBMISSION_S - (time.monotonic() - self.began)

    def allow(self, calls: int) -> None:
        """So many calls of our functions from inside, from now on."""
        if self._prisoner:
            self._prisoner.end.budget = calls
            self._prisoner.end.own.clear()

    def _lost(self, error: BaseException) -> None:
        self.late = self.late or _late(error)
        self.ended = self.ended or not _late(error)
        self.close()

    def stop(self, error: Stopped) -> None:
        """End the process, after a test that it did not survive."""
        self._lost(error)

    def close(self) -> None:
        for prisoner in (self._prisoner, self._ready):
            if prisoner:
                prisoner.close()
        self._prisoner = self._ready = None
        self._remotes.clear()


def _late(error: BaseException) -> bool:
    return isinstance(error, Stopped) and not error.ended


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise Stopped in here after so many seconds by the clock; none inside another."""

    def late(signum: int, frame: object) -> None:
        raise Stopped("", ended=False)

    before = signal.signal(signal.SIGALRM, late)
    left = signal.getitimer(signal.ITIMER_REAL)[0]
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, min(seconds, left) if left else seconds)
    try:
        yield
    finally:
        rest = max(0.01, left - (time.monotonic() - began)) if left else 0.0
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, rest)
