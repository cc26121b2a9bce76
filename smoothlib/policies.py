"""Policies: what to do at an observation, from a flat vector of parameters.

    policy(theta, observation)    theta (d,), observation (..., o)          -> (..., k)
                                  theta (m, d), observation (m, b, o)       -> (m, b, k)

A search perturbs `theta`, a policy gradient differentiates by it, and both use the same policies.
What comes out is an action, or a number for each action where they are discrete.

`Gaussian` and `Categorical` make such a policy stochastic. They are called alike, with the same
result: the mean, or the logits, whose argmax is the most likely action. Besides they have

    distribution(theta, observation)   torch.distributions, for log_prob, entropy, mode
    sample(theta, observation, eps)    an action, made of standard normal noise eps (..., k)

so that whoever rolls out decides where noise comes from, and a Gaussian action is differentiable
by theta and by the observation: it is its own reparametrisation.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Distribution, Independent, Normal

from smoothlib.noise import normal


@runtime_checkable
class Policy(Protocol):
    """A function of an observation with d parameters."""

    @property
    def d(self) -> int: ...

    def initial(self, seed: int, dtype: torch.dtype | None = None) -> Tensor: ...

    def __call__(self, theta: Tensor, observation: Tensor) -> Tensor: ...


@runtime_checkable
class StochasticPolicy(Policy, Protocol):
    """A policy that explores."""

    def distribution(self, theta: Tensor, observation: Tensor) -> Distribution: ...

    def sample(self, theta: Tensor, observation: Tensor, eps: Tensor) -> Tensor: ...


# --- functions of an observation ------------------------------------------------------------


@dataclass(frozen=True)
class Linear:
    """W o + c, or W o without the bias c.

    `theta` is W, (k, o), row by row, and then c, (k,).

    Raises:
        ValueError: for a size below 1.
    """

    observation_size: int
    action_size: int
    bias: bool = True

    def __post_init__(self) -> None:
        _check_sizes(self, self.observation_size, self.action_size)

    @property
    def d(self) -> int:
        return self.action_size * (self.observation_size + self.bias)

    def initial(self, seed: int, dtype: torch.dtype | None = None) -> Float[Tensor, " d"]:
        """W normal of variance 1/o, c zero."""
        return _initial(seed, (self.observation_size, self.action_size), self.bias, dtype)

    def __call__(
        self, theta: Float[Tensor, "*m d"], observation: Float[Tensor, "*batch o"]
    ) -> Float[Tensor, "*batch k"]:
        _check_call(self, theta, observation)
        return _affine(theta, observation, self.action_size, self.bias)


@dataclass(frozen=True)
class MLP:
    """Layers W x + c with tanh between them: a multilayer perceptron.

    `theta` is W and c of each layer in turn, as `torch.nn.utils.parameters_to_vector` puts those
    of an `nn.Sequential`.

    Raises:
        ValueError: for a size below 1.
    """

    observation_size: int
    hidden: tuple[int, ...]
    action_size: int

    def __post_init__(self) -> None:
        _check_sizes(self, *self._sizes)

    @property
    def d(self) -> int:
        return sum(k * (o + 1) for o, k in self._layers)

    def initial(self, seed: int, dtype: torch.dtype | None = None) -> Float[Tensor, " d"]:
        """W normal of variance 1/(inputs of the layer), LeCun et al. 1998; c zero."""
        return _initial(seed, self._sizes, True, dtype)

    def __call__(
        self, theta: Float[Tensor, "*m d"], observation: Float[Tensor, "*batch o"]
    ) -> Float[Tensor, "*batch k"]:
        _check_call(self, theta, observation)
        x, start = observation, 0
        for i, (o, k) in enumerate(self._layers):
            stop = start + k * (o + 1)
            x = _affine(theta[..., start:stop], x.tanh() if i else x, k, True)
            start = stop
        return x

    @property
    def _sizes(self) -> tuple[int, ...]:
        return self.observation_size, *self.hidden, self.action_size

    @property
    def _layers(self) -> list[tuple[int, int]]:
        return list(pairwise(self._sizes))


@dataclass(frozen=True, eq=False)
class Scaled:
    """A policy of (o - mean)/spread: observations in units of their own, whatever they are in.

    Args:
        mean, spread: (o,), of what has been observed; `Scaled.of` takes them from observations.
    Raises:
        ValueError: for numbers that are not finite, or a spread that is not positive.
    """

    policy: Linear | MLP
    mean: Float[Tensor, " o"]
    spread: Float[Tensor, " o"]

    @classmethod
    def of(
        cls, policy: Linear | MLP, observations: Float[Tensor, "b o"], least: float = 1e-6
    ) -> "Scaled":
        """By mean and standard deviation of the observations, and no spread below `least`."""
        return cls(policy, observations.mean(0), observations.std(0).clamp(min=least))

    def __post_init__(self) -> None:
        finite = bool((self.mean.isfinite() & self.spread.isfinite()).all())
        if not finite or not bool((self.spread > 0).all()):
            raise ValueError(
                f"Scaled: mean = {self.mean.tolist()}, spread = {self.spread.tolist()}; finite "
                "numbers are needed, and each spread above 0"
            )

    @property
    def d(self) -> int:
        return self.policy.d

    @property
    def action_size(self) -> int:
        return self.policy.action_size

    def initial(self, seed: int, dtype: torch.dtype | None = None) -> Float[Tensor, " d"]:
        """That of the policy."""
        return self.policy.initial(seed, dtype)

    def __call__(
        self, theta: Float[Tensor, "*m d"], observation: Float[Tensor, "*batch o"]
    ) -> Float[Tensor, "*batch k"]:
        return self.policy(theta, (observation - self.mean) / self.spread)


# --- stochastic policies --------------------------------------------------------------------


@dataclass(frozen=True)
class Gaussian:
    """a ~ N(policy(θ, o), σ²) in every coordinate of the action; a = policy(θ, o) + σε.

    With `learned`, the last k numbers of theta are log σ, which start at that of `sigma`.

    Raises:
        ValueError: unless sigma is positive and finite.
    """

    policy: Linear | MLP | Scaled
    sigma: float
    learned: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.sigma < math.inf:
            raise ValueError(
                f"Gaussian: sigma = {self.sigma}; a positive, finite standard deviation is needed. "
                "Without noise, take the policy itself"
            )

    @property
    def d(self) -> int:
        return self.policy.d + self.learned * self.policy.action_size

    def initial(self, seed: int, dtype: torch.dtype | None = None) -> Float[Tensor, " d"]:
        """That of the policy, and log σ."""
        theta = self.policy.initial(seed, dtype)
        start = theta.new_full((self.d - self.policy.d,), math.log(self.sigma))
        return torch.cat((theta, start))

    def __call__(
        self, theta: Float[Tensor, "*m d"], observation: Float[Tensor, "*batch o"]
    ) -> Float[Tensor, "*batch k"]:
        """The mean."""
        _check_parameters(self, theta)
        return self.policy(theta[..., : self.policy.d], observation)

    def distribution(
        self, theta: Float[Tensor, "*m d"], observation: Float[Tensor, "*batch o"]
    ) -> Independent:
        """Of an action: its log_prob has the shape of the batch."""
        mean = self(theta, observation)
        scale = self._scale(theta).expand_as(mean)
        return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)

    def sample(
        self,
        theta: Float[Tensor, "*m d"],
        observation: Float[Tensor, "*batch o"],
        eps: Float[Tensor, "*batch k"],
    ) -> Float[Tensor, "*batch k"]:
        """The mean and σε."""
        return self(theta, observation) + self._scale(theta) * eps

    def _scale(self, theta: Tensor) -> Tensor:
        """σ, broadcast with actions."""
        if not self.learned:
            return theta.new_tensor(self.sigma)
        scale = theta[..., self.policy.d :].exp()
        return scale if theta.ndim == 1 else scale[:, None]


@dataclass(frozen=True)
class Categorical:
    """P(a) ∝ exp(logit of a) with policy(θ, o) the logits; actions are int64, from 0."""

    policy: Linear | MLP | Scaled

    @property
    def d(self) -> int:
        return self.policy.d

    def initial(self, seed: int, dtype: torch.dtype | None = None) -> Float[Tensor, " d"]:
        """That of the policy."""
        return self.policy.initial(seed, dtype)

    def __call__(
        self, theta: Float[Tensor, "*m d"], observation: Float[Tensor, "*batch o"]
    ) -> Float[Tensor, "*batch k"]:
        """The logits."""
        return self.policy(theta, observation)

    def distribution(
        self, theta: Float[Tensor, "*m d"], observation: Float[Tensor, "*batch o"]
    ) -> TorchCategorical:
        """Of an action."""
        return TorchCategorical(logits=self(theta, observation), validate_args=False)

    def sample(
        self,
        theta: Float[Tensor, "*m d"],
        observation: Float[Tensor, "*batch o"],
        eps: Float[Tensor, "*batch k"],
    ) -> Int64[Tensor, "*batch"]:
        """argmax of logits + G, with G = -log(-log Φ(ε)) of the Gumbel distribution.

        See *Statistical Theory of Extreme Values*, Gumbel 1954. Not differentiable by theta.
        """
        gumbel = -torch.log(-torch.special.log_ndtr(eps))
        return (self(theta, observation) + gumbel).argmax(-1)


# --- layers ---------------------------------------------------------------------------------


def _affine(theta: Tensor, x: Tensor, k: int, bias: bool) -> Tensor:
    """W x + c for one layer's share of theta."""
    o = x.shape[-1]
    weight = theta[..., : k * o].unflatten(-1, (k, o))
    shift = theta[..., k * o :] if bias else None
    if theta.ndim == 1:
        return torch.nn.functional.linear(x, weight, shift)
    if shift is None:
        return torch.bmm(x, weight.mT)
    return torch.baddbmm(shift[:, None], x, weight.mT)


def _initial(
    seed: int, sizes: tuple[int, ...], bias: bool, dtype: torch.dtype | None
) -> Float[Tensor, " d"]:
    layers = list(pairwise(sizes))
    eps = normal(seed, 1, sum(o * k for o, k in layers), dtype=dtype)[0]
    parts, start = [], 0
    for o, k in layers:
        parts += [eps[start : start + o * k] / math.sqrt(o), eps.new_zeros(k if bias else 0)]
        start += o * k
    return torch.cat(parts)


def _check_sizes(policy: Policy, *sizes: int) -> None:
    if min(sizes) < 1:
        raise ValueError(f"{policy}: every size must be 1 or more")


def _check_call(policy: Linear | MLP, theta: Tensor, observation: Tensor) -> None:
    _check_parameters(policy, theta)
    if observation.shape[-1] != policy.observation_size:
        raise ValueError(
            f"{policy}: an observation has {policy.observation_size} numbers, not "
            f"{observation.shape[-1]}; shape {tuple(observation.shape)}"
        )


def _check_parameters(policy: Policy, theta: Tensor) -> None:
    if theta.ndim not in (1, 2) or theta.shape[-1] != policy.d:
        raise ValueError(
            f"{policy} has {policy.d} parameters, theta the shape {tuple(theta.shape)}; wanted "
            f"({policy.d},), or (m, {policy.d}) for m policies at once"
        )
