"""CMA-ES, as pycma has it, behind the same ask, tell and step."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.noise import normal
from smoothlib.search.strategies import Search, checked_size, checked_start, positive


class CMAES(Search):
    """Covariance matrix adaptation, by pycma: for comparison, and for hard problems of small d.

    See *The CMA Evolution Strategy: A Tutorial*, Hansen 2016, arXiv 1604.00772. Its settings are
    pycma's defaults; its normals are those of `noise`, from `seed`. It keeps its population, n d
    numbers in float64, and d² of covariance.

    Raises:
        ImportError: without pycma: pip install 'smooth-course[cma]'.
        TypeError, ValueError: for arguments other than the docstring of `SNES` wants; for d = 1.
    """

    def __init__(
        self, theta: Float[Tensor, " d"], sigma: float, n: int | None = None, seed: int = 0
    ) -> None:
        try:
            import cma
        except ImportError as error:
            raise ImportError("CMAES needs pycma: pip install 'smooth-course[cma]'") from error
        start = checked_start("CMAES", theta)
        if start.numel() == 1:
            raise ValueError("CMAES: d = 1, which pycma does not take; XNES does")
        normal(seed, 0, 0)  # a seed that cannot be one raises here
        self.n, self.seed = checked_size("CMAES", n, start.numel(), 1), seed
        self.generation = 0
        self._like = start
        options = {"popsize": self.n, "randn": _Normals(seed), "seed": np.nan, "verbose": -9}
        self._strategy = cma.CMAEvolutionStrategy(
            start.double().cpu().numpy(), positive("CMAES", float(sigma)), options
        )
        self._asked: list[np.ndarray] | None = None

    @property
    def theta(self) -> Float[Tensor, " d"]:  # type: ignore[override]
        """The mean."""
        return torch.tensor(self._strategy.mean).to(self._like)

    @property
    def sigma(self) -> float:  # type: ignore[override]
        """pycma's overall step size."""
        return float(self._strategy.sigma)

    def ask(self, members: range | None = None) -> Float[Tensor, "m d"]:
        some = self._checked_members(members)
        if self._asked is None:
            self._asked = self._strategy.ask()
        return torch.tensor(np.array(self._asked[some.start : some.stop])).to(self._like)

    def tell(self, values: Float[Tensor, " n"]) -> None:
        told = self._checked_values(values, finite=True)
        self.ask()
        self._strategy.tell(self._asked, (-told).tolist())
        self._asked = None
        self.generation += 1

    def state_dict(self) -> dict[str, Any]:
        """As of the other searches; what pycma holds is pickled: load it from whom you trust."""
        return {
            "search": "CMAES",
            "d": self._like.numel(),
            "n": self.n,
            "seed": self.seed,
            "generation": self.generation,
            "pickle": pickle.dumps((self._strategy, self._asked)),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._checked_state(state)
        self.generation = state["generation"]
        self._strategy, self._asked = pickle.loads(state["pickle"])

    def _batches(self, members: range, batch: int) -> Iterator[Float[Tensor, "b d"]]:
        for i in range(members.start, members.stop, batch):
            yield self.ask(range(i, min(i + batch, members.stop)))


class _Normals:
    """What pycma draws by: rows of `noise`, one after the other."""

    def __init__(self, seed: int) -> None:
        self.seed, self.drawn = seed, 0

    def __call__(self, rows: int, d: int) -> np.ndarray:
        eps = normal(self.seed, range(self.drawn, self.drawn + rows), d, dtype=torch.float64)
        self.drawn += rows
        return eps.numpy()
