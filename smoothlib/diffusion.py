"""A diffusion policy: actions drawn by taking noise away, a little at a time.

    levels = noise_levels(highest, lowest, n)                 σ_1 > … > σ_n, then 0
    path = ancestral(denoise, levels, eps)                    from noise to x₀

All one needs is D(x, σ) = E[x₀ | x₀ + σε = x], which minimises E|D(x₀ + σε, σ) - x₀|²: ordinary
regression. By Tweedie's formula (`denoising`) it knows the score of the smoothed density.

    x_{k+1} = D + (σ_{k+1}/σ_k)² (x_k - D) + σ_{k+1} sqrt(1 - (σ_{k+1}/σ_k)²) ε_{k+1}

is the law of x₀ + σ_{k+1}ε given x₀ + σ_kε = x_k and x₀ = D. It is the step of *Denoising Diffusion
Probabilistic Models*, Ho, Jain and Abbeel 2020, arXiv 2006.11239, whose variables are ours divided
by sqrt(1 + σ²), so that their ᾱ is 1/(1 + σ²). Actions given an observation, several at once: see
*Diffusion Policy*, Chi, Feng, Du, Xu, Cousineau, Burchfiel and Song 2023, arXiv 2303.04137.

Fails: where the levels are so few that x₀ given x_k is far from one point; where D was never shown
the observation, as any clone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.cloning import Demonstrations, ascend_minibatches, check_shown
from smoothlib.noise import normal
from smoothlib.policies import MLP

Denoise = Callable[[Tensor, Tensor], Tensor]


def noise_levels(highest: float, lowest: float, n: int) -> Float[Tensor, " k"]:
    """n standard deviations from the highest to the lowest, each the same factor less, and 0."""
    if not 0 < lowest < highest or n < 2:
        raise ValueError(
            f"noise_levels: highest = {highest}, lowest = {lowest}, n = {n}; wanted are "
            "0 < lowest < highest, and 2 levels or more"
        )
    share = torch.linspace(0, 1, n)
    return torch.cat((highest * (lowest / highest) ** share, torch.zeros(1)))


def ancestral(
    denoise: Denoise, levels: Float[Tensor, " k"], eps: Float[Tensor, "m n d"]
) -> Float[Tensor, "k n d"]:
    """n paths from σ_1 ε to x₀, all their points: k = m + 1 levels of which the last is 0.

    Args:
        denoise: D(x, σ), (n, d) and a number to (n, d). eps: standard normal, eps[0] the start.
    Raises:
        ValueError: unless there is noise for each level but the last, which is 0.
    """
    if len(levels) != len(eps) + 1 or bool((levels.diff() >= 0).any()) or float(levels[-1]) != 0:
        raise ValueError(
            f"ancestral: {len(levels)} levels, {levels.tolist()}, and noise for {len(eps)}; levels "
            "must fall to 0, with noise for each but the last"
        )
    path = [levels[0] * eps[0]]
    more = torch.cat((eps[1:], torch.zeros_like(eps[:1])))
    for now, after, noise in zip(levels[:-1], levels[1:], more, strict=True):
        x, keep = path[-1], (after / now) ** 2
        guess = denoise(x, now)
        path.append(guess + keep * (x - guess) + after * (1 - keep).sqrt() * noise)
    return torch.stack(path)


@dataclass(frozen=True)
class Denoiser:
    """D(x, σ; o) for actions x of standard deviation about 1, from a flat vector of parameters.

    D = x/(1 + σ²) + σ/sqrt(1 + σ²) F(x/sqrt(1 + σ²), log σ, o)

    with a network F that has nothing to do but what a straight line cannot: for x₀ standard normal
    F = 0. See *Elucidating the Design Space of Diffusion-Based Generative Models*, Karras, Aittala,
    Aila and Laine 2022, arXiv 2206.00364.
    """

    observation_size: int
    action_size: int
    hidden: tuple[int, ...]

    @property
    def d(self) -> int:
        return self._network.d

    def initial(self, seed: int, dtype: torch.dtype | None = None) -> Float[Tensor, " d"]:
        """That of the network."""
        return self._network.initial(seed, dtype)

    def __call__(
        self,
        theta: Float[Tensor, " d"],
        x: Float[Tensor, "*batch k"],
        sigma: Float[Tensor, "*#batch"],
        observation: Float[Tensor, "*#batch o"],
    ) -> Float[Tensor, "*batch k"]:
        sigma = sigma[..., None]
        size = (1 + sigma**2).sqrt()
        columns = (sigma.log().expand(*x.shape[:-1], 1), observation.expand(*x.shape[:-1], -1))
        found = self._network(theta, torch.cat((x / size, *columns), -1))
        return x / size**2 + sigma / size * found

    @property
    def _network(self) -> MLP:
        return MLP(self.action_size + 1 + self.observation_size, self.hidden, self.action_size)


def fit_denoiser(
    denoiser: Denoiser,
    theta: Float[Tensor, " d"],
    shown: Demonstrations,
    steps: int,
    seed: int,
    *,
    highest: float = 4.0,
    lowest: float = 0.02,
    minibatch: int = 256,
    rate: float = 3e-3,
) -> Float[Tensor, " d"]:
    """θ that denoises what was shown: least squares of x₀ on x₀ + σε, with σ from all levels.

    log σ is uniform; an error at σ weighs (1 + σ²)/σ², which makes the network's own error count
    alike at all levels.

    Raises:
        ValueError: as `clone` does, and unless 0 < lowest < highest.
    """
    pairs = check_shown("fit_denoiser", shown, steps, minibatch)
    if not 0 < lowest < highest < math.inf:
        raise ValueError(
            f"fit_denoiser: lowest = {lowest}, highest = {highest}; standard deviations are "
            "needed, the first above 0 and below the second"
        )
    x = theta.detach().clone().requires_grad_()
    calls = iter(range(steps))

    def gain(some: Tensor) -> Tensor:
        columns = denoiser.action_size + 1
        noise = normal(seed + 1, range(step := next(calls), step + 1), len(some) * columns)
        noise = noise.reshape(len(some), columns)
        sigma = lowest * (highest / lowest) ** torch.special.ndtr(noise[:, -1])
        clean = shown.actions[some]
        found = denoiser(x, clean + sigma[:, None] * noise[:, :-1], sigma, shown.observations[some])
        return -((found - clean).square().sum(-1) * (1 + sigma**2) / sigma**2).mean()

    return ascend_minibatches(gain, x, pairs, steps, seed, minibatch, rate)
