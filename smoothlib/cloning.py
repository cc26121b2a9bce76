"""Behaviour cloning: a policy made as likely as possible to do what an expert did.

    shown = demonstrate(environment, expert, n, seed)             what the expert saw and did
    theta = clone(policy, policy.initial(seed), shown, steps, seed)

maximises the mean of log π(a | o) over the pairs that were shown. With a Gaussian policy of fixed
σ that is least squares, with a Categorical one it is classification. See *ALVINN*, Pomerleau 1989.

The clone is right where the expert was. Its own errors take it elsewhere, where nothing was shown:
with an error of probability ε in a step, `steps_off_course` of T. Asking the expert what it would
have done where the clone went makes the loss linear in T: *A Reduction of Imitation Learning and
Structured Prediction to No-Regret Online Learning*, Ross, Gordon and Bagnell 2011, arXiv 1011.0686,
whose algorithm is DAgger.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.environments import Environment
from smoothlib.noise import normal
from smoothlib.policies import StochasticPolicy
from smoothlib.trajectories import _steps

Expert = Callable[[Tensor], Tensor]


class Demonstrations(NamedTuple):
    """What was seen and what was done, in any order."""

    observations: Float[Tensor, "b o"]
    actions: Tensor  # (b, k), or int64 (b,) where discrete


def demonstrate(environment: Environment, expert: Expert, n: int, seed: int) -> Demonstrations:
    """Every step of n episodes of the expert, a function of observations (n, o) to actions."""
    with torch.no_grad():
        steps = list(_steps(environment, environment.reset(n, seed), expert))
    return Demonstrations(
        torch.cat([step.seen[step.alive] for step in steps]),
        torch.cat([step.action[step.alive] for step in steps]),
    )


def steps_off_course(error: float, horizon: int) -> float:
    """Expected steps of T after the first error, with probability ε of one at each step on course.

    Σ_t (1 - (1 - ε)ᵗ), t = 1 … T, at most ε T (T + 1)/2: a clone that never comes back. The bound
    is that of *Efficient Reductions for Imitation Learning*, Ross and Bagnell 2010.
    """
    if not 0 <= error <= 1 or horizon < 1:
        raise ValueError(
            f"steps_off_course: error = {error}, horizon = {horizon}; give a probability, and 1 "
            "step or more"
        )
    return sum(1 - (1 - error) ** t for t in range(1, horizon + 1))


def log_likelihood(
    policy: StochasticPolicy, theta: Float[Tensor, " d"], shown: Demonstrations
) -> Float[Tensor, ""]:
    """The mean of log π(a | o) over the pairs: what `clone` climbs."""
    return policy.distribution(theta, shown.observations).log_prob(shown.actions).mean()


def clone(
    policy: StochasticPolicy,
    theta: Float[Tensor, " d"],
    shown: Demonstrations,
    steps: int,
    seed: int,
    *,
    minibatch: int = 256,
    rate: float = 3e-3,
) -> Float[Tensor, " d"]:
    """θ of greater likelihood, after so many steps of Adam from `theta`.

    Each step sees `minibatch` pairs, drawn with the seed; the rate falls to zero on a straight
    line, which takes the noise of the minibatches out of the end.

    Raises:
        ValueError: if nothing was shown, observations and actions differ in number or are not
            finite, or steps or minibatch are below 1.
    """
    pairs = check_shown("clone", shown, steps, minibatch)
    x = theta.detach().clone().requires_grad_()
    return ascend_minibatches(
        lambda some: log_likelihood(policy, x, Demonstrations(*(part[some] for part in shown))),
        x, pairs, steps, seed, minibatch, rate,
    )  # fmt: skip


def check_shown(name: str, shown: Demonstrations, steps: int, minibatch: int) -> int:
    """How many pairs were shown, if a learner can use them.

    Raises:
        ValueError: as for `clone`.
    """
    pairs = len(shown.observations)
    if pairs < 1 or len(shown.actions) != pairs:
        raise ValueError(
            f"{name}: {pairs} observations and {len(shown.actions)} actions; give one action for "
            "each observation, and at least one pair"
        )
    if not all(bool(part.isfinite().all()) for part in shown):
        raise ValueError(f"{name}: what was shown holds nan or inf; leave those pairs out")
    if min(steps, minibatch) < 1:
        raise ValueError(
            f"{name}: steps = {steps}, minibatch = {minibatch}; each must be 1 or more"
        )
    return pairs


def ascend_minibatches(
    gain: Callable[[Tensor], Tensor],
    theta: Float[Tensor, " d"],
    pairs: int,
    steps: int,
    seed: int,
    minibatch: int,
    rate: float,
) -> Float[Tensor, " d"]:
    """Adam on `theta` to raise `gain(rows)`, rows of `pairs` drawn at random, a step at a time."""
    optimiser = torch.optim.Adam([theta], lr=rate)
    with _ONE_THREAD:
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
            share = torch.special.ndtr(normal(seed, range(step, step + 1), minibatch)[0].double())
            some = (share * pairs).long().clamp(max=pairs - 1)
            with torch.enable_grad():
                (theta.grad,) = torch.autograd.grad(-gain(some), theta)
            optimiser.step()
    return theta.detach()


class _OneThread:
    """Small layers gain nothing from a second thread, and on a busy machine they wait for it.

    The number of threads is one for the whole process, so the last that leaves sets it back.
    """

    def __init__(self) -> None:
        self.lock, self.inside, self.threads = threading.Lock(), 0, 1

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.threads = torch.get_num_threads()
                torch.set_num_threads(1)
            self.inside += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                torch.set_num_threads(self.threads)


_ONE_THREAD = _OneThread()
