"""OpenAIES, PGPE, SNES and XNES: x = θ + A ε, and what the values say of θ and A."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, Self

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from smoothlib.ascent import Optimiser
from smoothlib.evolution import (
    WHOLE,
    _blocks,
    evolution_gradient,
    evolution_gradients,
)
from smoothlib.noise import normal
from smoothlib.search.shaping import raw, utilities
from smoothlib.smoothing import Function, invertible

Shape = Callable[[Tensor], Tensor]
POINTS = 2**20  # numbers that f gets at once, unless told otherwise: 4 MiB of float32
ADAM: Optimiser = partial(torch.optim.Adam, lr=0.01)


class Gradient(NamedTuple):
    """By the mean, and by what the search knows the width of its noise by."""

    theta: Float[Tensor, " d"]
    width: Float[Tensor, "*width"]


class Search(ABC):
    """What every search has: a population that can be asked for, values that it can be told.

    `theta` is the mean, (d,), `sigma` the width around it, `n` the members of a population,
    `generation` how many have been told.
    """

    theta: Tensor
    sigma: float | Tensor
    n: int
    generation: int

    @property
    def d(self) -> int:
        """Dimension of θ."""
        return self.theta.numel()

    @property
    def evaluations(self) -> int:
        """How many values have been told."""
        return self.generation * self.n

    @abstractmethod
    def ask(self, members: range | None = None) -> Float[Tensor, "m d"]:
        """The members of this generation, or some of them, as points; nothing changes by asking.

        Args:
            members: which, as a range of step 1 within range(n), of whole pairs if antithetic.
        """

    @abstractmethod
    def tell(self, values: Float[Tensor, " n"]) -> None:
        """Move by the values of the members that `ask` gives, in their order."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that a search of the same arguments needs to go on to the bit; for torch.save."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises:
            ValueError: if it is of another search, d, n, seed or antithetic, or has an optimiser
                where this one has none, or none where this one has one.
        """

    def evaluate(
        self, f: Function, members: range | None = None, batch: int | None = None
    ) -> Float[Tensor, " m"]:
        """f at members of this generation, a batch at a time; nothing changes by it.

        Args:
            members: as for `ask`.
            batch: how many points f gets at once, its own to overwrite; 2²⁰ numbers of them if
                None. More suit an f that simulates them side by side, fewer save memory.
        Raises:
            ValueError: if f does not return one number a point.
        """
        some = self._checked_members(members)
        values = torch.empty(len(some), dtype=torch.float64)
        start = 0
        for x in self._batches(some, max(1, POINTS // self.d) if batch is None else batch):
            found = torch.as_tensor(f(x))
            if found.shape != x.shape[:1]:
                raise ValueError(
                    f"f turned points of shape {tuple(x.shape)} into {tuple(found.shape)}; it must "
                    f"map (m, d) to (m,), here ({len(x)},): sum or index the last axis"
                )
            values[start : start + len(x)] = found.detach()
            start += len(x)
        return values

    def step(self, f: Function, batch: int | None = None) -> Float[Tensor, " n"]:
        """One generation: evaluate, and tell. Returns the values; `batch` as for `evaluate`."""
        values = self.evaluate(f, batch=batch)
        self.tell(values)
        return values

    def run(
        self,
        f: Function,
        generations: int,
        batch: int | None = None,
        until: Callable[[Self], bool] | None = None,
        progress: bool = True,
    ) -> Float[Tensor, " generations"]:
        """Some generations, with a bar if they take longer than 2 s.

        Interrupted, the search stands after its last whole generation, and goes on from there.

        Args:
            until: asked after each generation whether to stop.
        Returns:
            The learning curve: the mean value of each generation's members.
        """
        curve = []
        with tqdm(total=generations, disable=not progress, delay=2, leave=False) as bar:
            for _ in range(generations):
                curve.append(float(self.step(f, batch).mean()))
                bar.set_postfix_str(f"mean value {curve[-1]:.4g}", refresh=False)
                bar.update()
                if until is not None and until(self):
                    break
        return torch.tensor(curve, dtype=torch.float64)

    @abstractmethod
    def _batches(self, members: range, batch: int) -> Iterator[Float[Tensor, "b d"]]:
        """The points of some members, in their order."""

    def _checked_members(self, members: range | None) -> range:
        some = range(self.n) if members is None else members
        if some.step != 1 or not 0 <= some.start <= some.stop <= self.n:
            raise ValueError(f"members = {some}; a range within range({self.n}) is needed")
        return some

    def _checked_values(self, values: Tensor, finite: bool) -> Float[Tensor, " n"]:
        values = torch.as_tensor(values).detach().to("cpu", torch.float64)
        if values.shape != (self.n,):
            raise ValueError(
                f"values have shape {tuple(values.shape)}; ({self.n},) is needed, one for each "
                "member, in the order of ask()"
            )
        bad = ~values.isfinite() if finite else values.isnan()
        if bool(bad.any()):
            i = int(bad.nonzero()[0])
            raise ValueError(
                f"the value of member {i} is {float(values[i])}, and {int(bad.sum())} of "
                f"{self.n} are no usable numbers; give a failed member a low value, which may be "
                "-inf where values are ranked (shape=centered_ranks or utilities)"
            )
        return values

    def _checked_state(self, state: dict[str, Any]) -> None:
        own = self.state_dict()
        for key in ("search", "d", "n", "seed", "antithetic"):
            if state.get(key) != own.get(key):
                raise ValueError(
                    f"{own['search']}: the state has {key} = {state.get(key)!r}, this search "
                    f"{own.get(key)!r}; make the search with the arguments the state came from"
                )


class _Addressed(Search):
    """Searches whose population is x = θ + A ε, with noise at addresses.

    Args:
        theta: where the mean starts; sets dtype and device. A copy is moved, `search.theta`.
        sigma: standard deviation of the noise around it.
        n: members of a population; 4 + ⌊3 ln d⌋, rounded up to pairs, if None.
        seed: of all noise, in all generations.
        antithetic: members come in pairs θ ± σε, rows 2i and 2i + 1.
        optimiser: takes [θ] and moves it: `partial(torch.optim.Adam, lr=0.01)`, or `ClipUp`;
            None adds the direction to θ as it is.
        shape: what makes weights of values, see `smoothlib.search.shaping`.
        compile: as for `noise.normal`: seven times less work, after 5 to 30 s once.
    Raises:
        TypeError, ValueError: for arguments other than these, at once; for values that are not
            one finite number a member, in `tell`.
    """

    def __init__(
        self,
        theta: Float[Tensor, " d"],
        sigma: float | Tensor,
        n: int | None,
        seed: int,
        antithetic: bool,
        optimiser: Optimiser | None,
        shape: Shape,
        compile: bool,
    ) -> None:
        name = type(self).__name__
        self.theta = checked_start(name, theta)
        self.n = checked_size(name, n, self.d, 2 if antithetic else 1)
        self.seed, self.antithetic, self.compile, self.shape = seed, antithetic, compile, shape
        self.generation = 0
        self.sigma = self._checked_width(sigma)
        self.optimiser = None if optimiser is None else optimiser([self.theta])
        normal(seed, 0, 0)  # a seed that cannot be one raises here

    # --- the population ---------------------------------------------------------------------

    def ask(self, members: range | None = None) -> Float[Tensor, "m d"]:
        some = self._checked_members(members)
        return self._placed(self._noise(self._rows(some)))

    def _batches(self, members: range, batch: int) -> Iterator[Float[Tensor, "b d"]]:
        """Noise comes in whole blocks of rows, which cost half; a batch is some of a block."""
        rows = self._rows(members)
        size = max(1, batch // self._each)
        block = -(-size // WHOLE) * WHOLE
        memory = self.theta.new_empty(min(block, len(rows)), self.d)
        for first in range(0, len(rows), block):
            some = rows[first : first + block]
            eps = self._noise(some, memory[: len(some)])
            for i in range(0, len(some), size):
                yield self._placed(eps[i : i + size])

    def _noise(self, rows: range, out: Tensor | None = None) -> Float[Tensor, "rows d"]:
        out = self.theta.new_empty(len(rows), self.d) if out is None else out
        return normal(self.seed, rows, self.d, out=out, compile=self.compile)

    @property
    def _each(self) -> int:
        """Members that share a row of noise."""
        return 2 if self.antithetic else 1

    def _rows(self, members: range) -> range:
        """Where the noise of some members is: each generation has rows of its own."""
        first = self._first
        return range(first + members.start // self._each, first + members.stop // self._each)

    def _checked_members(self, members: range | None) -> range:
        some = super()._checked_members(members)
        if some.start % self._each or some.stop % self._each:
            raise ValueError(f"members = {some} cuts a pair θ ± σε; start and stop must be even")
        return some

    @property
    def _first(self) -> int:
        """The first row of this generation's noise, a multiple of 32."""
        return self.generation * -(-(self.n // self._each) // WHOLE) * WHOLE

    def _placed(self, eps: Float[Tensor, "rows d"]) -> Float[Tensor, "m d"]:
        """θ + A ε, and θ - A ε after each where they come in pairs."""
        x = eps.new_empty(len(eps), self._each, self.d)
        for i, sign in enumerate((1, -1)[: self._each]):
            self._place(eps, sign, x[:, i])
        return x.view(-1, self.d)

    # --- a generation -----------------------------------------------------------------------

    def tell(self, values: Float[Tensor, " n"]) -> None:
        true = self.shape is raw
        weights = self._weights(self.shape(self._checked_values(values, finite=true)), true)
        self._move(weights)
        self.generation += 1

    def gradient(self, values: Float[Tensor, " n"]) -> Gradient:
        """The gradient of F by θ and by the width, from the values of this generation's members.

        Unbiased; it neither moves nor shapes. Where members have no mirror image, each has the
        mean of the others as baseline, and so has each pair for the width.
        """
        return self._gradient(self._weights(self._checked_values(values, finite=True), True))

    def natural_gradient(self, values: Float[Tensor, " n"]) -> Gradient:
        """The inverse of the Fisher information times `gradient`: what SNES and XNES ascend."""
        return self._natural(self.gradient(values))

    def _move(self, weights: Tensor) -> None:
        uphill, width = self._direction(weights)
        if self.optimiser is None:
            self.theta += uphill
        else:
            self.theta.grad = -uphill
            self.optimiser.step()
            self.theta.grad = None
        self.sigma = self._widened(width)

    def _weights(self, shaped: Float[Tensor, " n"], unbiased: bool) -> Float[Tensor, "*pair rows"]:
        """As `evolution_gradient` wants them, less their mean: a constant shall cost no variance.

        Unbiased, each has the mean of the others subtracted, w_k - Σ_{j≠k} w_j / (n - 1), which is
        n/(n - 1) times w_k less the mean of all; so for pairs, whose difference needs neither.
        """
        members = shaped.view(-1, 2).T if self.antithetic else shaped[None]
        own = members.mean(0)
        count = len(own)
        even = (own - own.mean()) * (count / (count - 1) if unbiased else 1.0)
        if not self.antithetic:
            return even.to(self.theta)
        odd = (members[0] - members[1]) / 2
        return torch.stack((even + odd, even - odd)).to(self.theta)

    # --- what each search knows -------------------------------------------------------------

    @abstractmethod
    def _checked_width(self, sigma: float | Tensor) -> float | Tensor: ...

    @abstractmethod
    def _place(self, eps: Float[Tensor, "m d"], sign: int, out: Float[Tensor, "m d"]) -> None:
        """θ + sign A ε."""

    @abstractmethod
    def _gradient(self, weights: Tensor) -> Gradient: ...

    @abstractmethod
    def _natural(self, gradient: Gradient) -> Gradient: ...

    @abstractmethod
    def _direction(self, weights: Tensor) -> Gradient:
        """Which way to move, of weights that stand for values."""

    @abstractmethod
    def _widened(self, width: Tensor) -> float | Tensor:
        """The new width."""

    # --- its state ---------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {
            "search": type(self).__name__,
            "d": self.d,
            "n": self.n,
            "seed": self.seed,
            "antithetic": self.antithetic,
            "generation": self.generation,
            "theta": self.theta.clone(),
            "sigma": self.sigma.clone() if isinstance(self.sigma, Tensor) else self.sigma,
            "optimiser": self.optimiser and copy.deepcopy(self.optimiser.state_dict()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._checked_state(state)
        own, other = self.optimiser is not None, state["optimiser"] is not None
        if own != other:
            raise ValueError(
                f"{type(self).__name__}: the state has {'an' if other else 'no'} optimiser, this "
                f"search has {'one' if own else 'none'}; make the search with the arguments the "
                "state came from"
            )
        self.generation = state["generation"]
        self.theta.copy_(state["theta"])
        held = state["sigma"]
        self.sigma = held.to(self.theta, copy=True) if isinstance(held, Tensor) else held
        if self.optimiser is not None:
            self.optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))


class OpenAIES(_Addressed):
    """OpenAI's evolution strategy: θ climbs the gradient of F, and the noise stays as it is.

    ∇F = (1/(nσ)) Σ_i f(x_i) ε_i,   x_i = θ + σ ε_i

    See *Evolution Strategies as a Scalable Alternative to Reinforcement Learning*, Salimans, Ho,
    Chen, Sidor and Sutskever 2017, arXiv 1703.03864. They take mirrored pairs, as here, Adam, and
    `shape=centered_ranks`; by default the weights are the values, so that the step is of the true
    gradient. Fails: where σ is far from the scale on which f varies, since nothing adapts it.

    `gradient(values).width` is the derivative by the one σ of all coordinates, shape ().
    """

    def __init__(
        self,
        theta: Float[Tensor, " d"],
        sigma: float,
        n: int | None = None,
        seed: int = 0,
        *,
        antithetic: bool = True,
        optimiser: Optimiser = ADAM,
        shape: Shape = raw,
        compile: bool = False,
    ) -> None:
        super().__init__(theta, sigma, n, seed, antithetic, optimiser, shape, compile)

    def _checked_width(self, sigma: float | Tensor) -> float:
        return positive(type(self).__name__, float(sigma))

    def _place(self, eps: Float[Tensor, "m d"], sign: int, out: Float[Tensor, "m d"]) -> None:
        torch.add(self.theta, eps, alpha=sign * float(self.sigma), out=out)

    def _gradient(self, weights: Tensor) -> Gradient:
        one = evolution_gradients(
            self.seed, weights, float(self.sigma), self.d, self._first, self.compile
        )
        return Gradient(one[0], one[1].sum())

    def _natural(self, gradient: Gradient) -> Gradient:
        """The Fisher information is I/σ² for θ and 2d/σ² for σ."""
        square = float(self.sigma) ** 2
        return Gradient(gradient.theta * square, gradient.width * (square / (2 * self.d)))

    def _direction(self, weights: Tensor) -> Gradient:
        theta = evolution_gradient(
            self.seed, weights, float(self.sigma), self.d, self._first, self.compile
        )
        return Gradient(theta, theta.new_zeros(()))

    def _widened(self, width: Tensor) -> float | Tensor:
        return self.sigma


class _Separable(_Addressed):
    """x = θ + σ ε with a σ_j for each coordinate."""

    sigma: Tensor

    def _checked_width(self, sigma: float | Tensor) -> Tensor:
        return _widths(type(self).__name__, sigma, self.theta)

    def _place(self, eps: Float[Tensor, "m d"], sign: int, out: Float[Tensor, "m d"]) -> None:
        torch.addcmul(self.theta, eps, self.sigma, value=sign, out=out)

    def _gradient(self, weights: Tensor) -> Gradient:
        return Gradient(
            *evolution_gradients(self.seed, weights, self.sigma, self.d, self._first, self.compile)
        )

    def _natural(self, gradient: Gradient) -> Gradient:
        """The Fisher information is 1/σ_j² for θ_j and 2/σ_j² for σ_j."""
        square = self.sigma**2
        return Gradient(gradient.theta * square, gradient.width * (square / 2))


class PGPE(_Separable):
    """Parameter-exploring policy gradients: θ and every σ_j climb the gradient of F.

    ∂F/∂θ_j = (1/(nσ_j)) Σ_i f(x_i) ε_ij,   ∂F/∂σ_j = (1/(nσ_j)) Σ_i (f(x_i) - b_i) (ε_ij² - 1)

    with b_i the mean of the other pairs. See *Parameter-exploring Policy Gradients*, Sehnke,
    Osendorfer, Rückstieß, Graves, Peters and Schmidhuber 2010. θ moves by the optimiser, σ by
    `lr_sigma` times its gradient, at most by the share `max_change` of itself in a generation.
    Fails: σ_j shrinks at once where f falls off on all sides, and then θ_j learns no more.

    Args:
        lr_sigma: in units of σ² over f; 0 leaves the widths alone.
        max_change: 0.2 keeps σ positive, and noise in its gradient harmless.
    """

    def __init__(
        self,
        theta: Float[Tensor, " d"],
        sigma: float | Tensor,
        n: int | None = None,
        seed: int = 0,
        *,
        antithetic: bool = True,
        optimiser: Optimiser = ADAM,
        lr_sigma: float = 0.01,
        max_change: float = 0.2,
        shape: Shape = raw,
        compile: bool = False,
    ) -> None:
        if not (lr_sigma >= 0 and 0 < max_change < 1):
            raise ValueError(
                f"PGPE: lr_sigma = {lr_sigma}, max_change = {max_change}; wanted lr_sigma >= 0 "
                "and max_change in (0, 1), such as 0.01 and 0.2"
            )
        self.lr_sigma, self.max_change = lr_sigma, max_change
        super().__init__(theta, sigma, n, seed, antithetic, optimiser, shape, compile)

    def _direction(self, weights: Tensor) -> Gradient:
        return self._gradient(weights)

    def _widened(self, width: Tensor) -> Tensor:
        most = self.max_change * self.sigma
        return self.sigma + (self.lr_sigma * width).clamp(-most, most)


class SNES(_Separable):
    """Separable natural evolution strategy: every coordinate has its own width.

    θ_j <- θ_j + η_θ σ_j Σ_i u_i ε_ij,   σ_j <- σ_j exp(η_σ/2 Σ_i u_i (ε_ij² - 1))

    with u the `utilities` of the values. See *High Dimensions and Heavy Tails for Natural Evolution
    Strategies*, Schaul, Glasmachers and Schmidhuber 2011; *Natural Evolution Strategies*, Wierstra
    et al. 2014, JMLR 15, whose defaults these are: n = 4 + ⌊3 ln d⌋, η_θ = 1 and
    η_σ = (3 + ln d)/(5 √d). The brackets are natural gradients. Linear in d in time and memory;
    nothing changes if f is replaced by an increasing function of f, or coordinates are rescaled.
    Fails: on ill-conditioned f that is not separable, which `XNES` takes.

    Args:
        lr_sigma: η_σ. optimiser: takes the natural gradient; None is the paper's step, η_θ = 1.
    """

    def __init__(
        self,
        theta: Float[Tensor, " d"],
        sigma: float | Tensor,
        n: int | None = None,
        seed: int = 0,
        *,
        antithetic: bool = False,
        optimiser: Optimiser | None = None,
        lr_sigma: float | None = None,
        shape: Shape = utilities,
        compile: bool = False,
    ) -> None:
        super().__init__(theta, sigma, n, seed, antithetic, optimiser, shape, compile)
        default = (3 + math.log(self.d)) / (5 * math.sqrt(self.d))
        self.lr_sigma = _rate("SNES", lr_sigma, default)

    def _direction(self, weights: Tensor) -> Gradient:
        return self._natural(self._gradient(weights))

    def _widened(self, width: Tensor) -> Tensor:
        return self.sigma * torch.exp(self.lr_sigma * width / self.sigma)


class XNES(_Addressed):
    """Exponential natural evolution strategy: noise of any covariance Σ = A Aᵀ.

    θ <- θ + η_θ A Σ_i u_i ε_i,   A <- A exp(η_A/2 Σ_i u_i (ε_i ε_iᵀ - I)),   x_i = θ + A ε_i

    with u the `utilities` and exp of matrices. See *Exponential Natural Evolution Strategies*,
    Glasmachers, Schaul, Sun, Wierstra and Schmidhuber 2010; Wierstra et al. 2014, whose defaults
    these are: n = 4 + ⌊3 ln d⌋, η_θ = 1 and η_A = 3 (3 + ln d)/(5 d √d), for shape and scale alike.
    Natural gradients in coordinates that A itself provides: the search commutes with every affine
    map of the points, and with increasing functions of f. d² in memory, n d² + d³ in time.

    Args:
        sigma: a number, one for each coordinate, or A itself, (d, d).
        lr_sigma: η_A. optimiser: takes the natural gradient; None is the paper's step, η_θ = 1.

    `search.sigma` is A; `gradient(values).width` is ∂F/∂Σ, (d, d), and the natural gradient 2 Σ
    (∂F/∂Σ) Σ.
    """

    sigma: Tensor

    def __init__(
        self,
        theta: Float[Tensor, " d"],
        sigma: float | Tensor,
        n: int | None = None,
        seed: int = 0,
        *,
        antithetic: bool = False,
        optimiser: Optimiser | None = None,
        lr_sigma: float | None = None,
        shape: Shape = utilities,
        compile: bool = False,
    ) -> None:
        super().__init__(theta, sigma, n, seed, antithetic, optimiser, shape, compile)
        default = 3 * (3 + math.log(self.d)) / (5 * self.d * math.sqrt(self.d))
        self.lr_sigma = _rate("XNES", lr_sigma, default)

    def _checked_width(self, sigma: float | Tensor) -> Tensor:
        if not isinstance(sigma, Tensor) or sigma.ndim < 2:
            return torch.diag(_widths("XNES", sigma, self.theta))
        if sigma.shape != (self.d, self.d) or not invertible(sigma):
            raise ValueError(
                f"XNES: sigma has shape {tuple(sigma.shape)}; an invertible ({self.d}, {self.d}) "
                "matrix A with covariance A Aᵀ is needed: torch.linalg.cholesky(covariance)"
            )
        return sigma.detach().to(self.theta).clone()

    def _place(self, eps: Float[Tensor, "m d"], sign: int, out: Float[Tensor, "m d"]) -> None:
        torch.add(self.theta, eps @ self.sigma.T, alpha=sign, out=out)

    def _local(self, weights: Tensor) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
        """(1/n) Σ w ε and (1/n) Σ w (ε εᵀ - I): natural gradients where A is the unit."""
        pairs = weights.ndim == 2
        odd, even = (weights[0] - weights[1], weights.sum(0)) if pairs else (weights, weights)
        both = torch.stack((odd, even))
        centre = weights.new_zeros(self.d)
        spread = weights.new_zeros(self.d, self.d)
        noise = _blocks(self.seed, both, self.d, self._first, self.compile, whole_rows=True)
        for eps, (w, v), _ in noise:
            centre.addmv_(eps.T, w)
            spread.addmm_(eps.T * v, eps)
        spread.diagonal().sub_(even.sum())
        return centre / weights.numel(), (spread + spread.T) / (2 * weights.numel())

    def _gradient(self, weights: Tensor) -> Gradient:
        """A⁻ᵀ g and A⁻ᵀ M A⁻¹ / 2, with g and M the local ones."""
        centre, spread = self._local(weights)
        theta = torch.linalg.solve(self.sigma.T, centre)
        left = torch.linalg.solve(self.sigma.T, spread)
        return Gradient(theta, torch.linalg.solve(self.sigma, left, left=False) / 2)

    def _natural(self, gradient: Gradient) -> Gradient:
        """The Fisher information is Σ⁻¹ for θ and V -> Σ⁻¹ V Σ⁻¹ / 2 for Σ."""
        covariance = self.sigma @ self.sigma.T
        width = 2 * covariance @ gradient.width @ covariance
        return Gradient(covariance @ gradient.theta, width)

    def _direction(self, weights: Tensor) -> Gradient:
        centre, spread = self._local(weights)
        return Gradient(self.sigma @ centre, spread)

    def _widened(self, width: Tensor) -> Tensor:
        return self.sigma @ torch.linalg.matrix_exp(self.lr_sigma / 2 * width)


def checked_start(name: str, theta: Tensor) -> Float[Tensor, " d"]:
    """A copy of theta, once it is a point."""
    if not isinstance(theta, Tensor) or not theta.is_floating_point() or theta.ndim != 1:
        what = (theta.dtype, tuple(theta.shape)) if isinstance(theta, Tensor) else theta
        raise TypeError(
            f"{name}: theta is {what}; a floating-point tensor of shape (d,) is needed: "
            "torch.as_tensor(theta, dtype=torch.float64).reshape(-1)"
        )
    if theta.numel() == 0 or not bool(theta.isfinite().all()):
        raise ValueError(f"{name}: theta = {theta}; d >= 1 finite numbers are needed")
    return theta.detach().clone()


def checked_size(name: str, n: int | None, d: int, each: int) -> int:
    """Members of a population, of at least two rows."""
    members = 4 + math.floor(3 * math.log(d)) if n is None else n
    if n is None:
        members += members % each
    if members < 2 * each or members % each:
        even = ", an even number: they come in pairs θ ± σε" if each == 2 else ""
        raise ValueError(f"{name}: n = {n}; at least {2 * each} members are needed{even}")
    return members


def positive(name: str, sigma: float) -> float:
    """sigma, once it is a standard deviation."""
    if not 0 < sigma < math.inf:
        raise ValueError(
            f"{name}: sigma = {sigma}; a standard deviation above 0 is needed, of the size of the "
            "region to search"
        )
    return sigma


def _widths(name: str, sigma: float | Tensor, theta: Tensor) -> Float[Tensor, " d"]:
    """One for each coordinate."""
    if not isinstance(sigma, Tensor) or sigma.ndim == 0:
        return torch.full_like(theta, positive(name, float(sigma)))
    if sigma.shape != theta.shape or not bool(((sigma > 0) & sigma.isfinite()).all()):
        raise ValueError(
            f"{name}: sigma = {sigma.tolist()}; a positive number is needed, or one for each of "
            f"the {theta.numel()} coordinates, shape {tuple(theta.shape)}"
        )
    return sigma.detach().to(theta).clone()


def _rate(name: str, rate: float | None, default: float) -> float:
    if rate is not None and not 0 <= rate < math.inf:
        raise ValueError(f"{name}: lr_sigma = {rate}; 0 or more is needed, or None for {default:g}")
    return default if rate is None else rate
