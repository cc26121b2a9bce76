"""Proximal policy optimisation: several steps on each batch of episodes, none of them far.

    ppo = PPO(CartPole(), Categorical(MLP(4, (64, 64), 2)), MLP(4, (64, 64), 1), seed=0)
    curve = ppo.train(steps=100_000)
    value = returns(ppo.environment, ppo.policy, ppo.theta[None], episodes=100, seed=1)

With one epoch over one minibatch its step is that of `actor_critic`, and with the clipping out of
reach it stays so. See *Proximal Policy Optimization Algorithms*, Schulman, Wolski, Dhariwal,
Radford and Klimov 2017, arXiv 1707.06347; for what implementations add, *The 37 Implementation
Details of Proximal Policy Optimization*, Huang, Dossa, Raffin, Kanervisto and Wang 2022.
"""

import copy
import hashlib
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from smoothlib.environments import Environment
from smoothlib.noise import normal
from smoothlib.policies import Policy, StochasticPolicy
from smoothlib.trajectories import Trajectories, gae, rollout

PATIENCE = 2.0  # s, before a progress bar appears


class Curve(NamedTuple):
    """A learning curve: for each iteration, what had been spent when it ended, and what it saw."""

    steps: Float[Tensor, " i"]  # of the environment, in all episodes until then
    returns: Float[Tensor, " i"]  # mean return of the episodes of this iteration


class Batch(NamedTuple):
    """The steps of many episodes, in any order."""

    observations: Float[Tensor, "b o"]
    actions: Tensor
    log_probs: Float[Tensor, " b"]
    advantages: Float[Tensor, " b"]
    values: Float[Tensor, " b"]  # what the critic should have said


def clipped_surrogate(
    log_prob: Float[Tensor, "*b"],
    old_log_prob: Float[Tensor, "*b"],
    advantage: Float[Tensor, "*b"],
    clip: float = 0.2,
) -> Float[Tensor, "*b"]:
    """min(ρA, ρ'A) with ρ = π(a | o) / π_old(a | o), and ρ' the same cut to [1 - clip, 1 + clip].

    To be maximised. At π = π_old its derivative is A ∇ log π. Where a step in A's direction has
    gone beyond the clip it is 0, so nothing is left to gain there; a step in the wrong direction
    is never forgiven.
    """
    ratio = (log_prob - old_log_prob).exp()
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


class PPO:
    """A small, complete PPO: whole episodes, two networks, Adam.

    Each iteration rolls out `episodes` episodes to their end, takes advantages from `gae`, and
    makes `epochs` passes over their steps in minibatches, maximising the clipped surrogate plus
    `entropy` times the entropy, and fitting the critic to advantage + value by least squares.
    Advantages are standardised in each minibatch. It leaves out γᵗ, as most do.

    Everything that is random depends on the seed and the iteration. An iteration counts when it
    is complete: interrupt `train` and call it again, or put `state_dict` into another PPO, and
    the rest is the same to the bit.

    Args:
        critic: a policy of one number, V(o). rate: of Adam, for both.
    Raises:
        ValueError: if the critic has not one number, or a size is below 1.
    """

    def __init__(
        self,
        environment: Environment,
        policy: StochasticPolicy,
        critic: Policy,
        seed: int,
        *,
        episodes: int = 8,
        epochs: int = 10,
        minibatch: int = 256,
        rate: float = 1e-3,
        gamma: float = 0.99,
        lam: float = 0.95,
        clip: float = 0.2,
        entropy: float = 0.0,
    ) -> None:
        if min(episodes, epochs, minibatch) < 1:
            raise ValueError(
                f"PPO: episodes = {episodes}, epochs = {epochs}, minibatch = {minibatch}; each "
                "must be 1 or more"
            )
        if not (0 < gamma <= 1 and 0 <= lam <= 1 and clip > 0 and rate > 0):
            raise ValueError(
                f"PPO: gamma = {gamma}, lam = {lam}, clip = {clip}, rate = {rate}; wanted 0 < "
                "gamma <= 1, 0 <= lam <= 1, clip > 0, rate > 0"
            )
        self.environment, self.policy, self.critic, self.seed = environment, policy, critic, seed
        self.episodes, self.epochs, self.minibatch = episodes, epochs, minibatch
        self.gamma, self.lam, self.clip, self.entropy = gamma, lam, clip, entropy
        seen = environment.observe(environment.reset(episodes, seed))
        dtype = seen.dtype
        self.theta = policy.initial(_seed(seed, 0, "policy"), dtype)
        self.phi = critic.initial(_seed(seed, 0, "critic"), dtype)
        values = critic(self.phi, seen).shape[-1]
        if values != 1:
            raise ValueError(f"PPO: the critic {critic} gives {values} numbers, V(o) is 1")
        self.optimiser = torch.optim.Adam([self.theta, self.phi], lr=rate)
        self.curve = Curve(torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=dtype))

    def train(self, steps: int) -> Curve:
        """Iterations until `steps` more steps of the environment are spent; the whole curve.

        An interruption leaves the last complete iteration, in `theta` and in `curve`. What takes
        longer than two seconds shows how far it is.
        """
        start = self.spent
        with tqdm(total=steps, unit=" steps", delay=PATIENCE) as bar:
            while self.spent < start + steps:
                self.step()
                bar.set_postfix(mean_return=f"{self.curve.returns[-1]:.1f}", refresh=False)
                bar.update(min(self.spent - start, steps) - bar.n)
        return self.curve

    def step(self) -> None:
        """One iteration, complete or not at all."""
        before = self.state_dict()
        try:
            self._iterate()
        except BaseException:
            self.load_state_dict(before)
            raise

    @property
    def spent(self) -> int:
        """Steps of the environment so far."""
        return int(self.curve.steps[-1]) if len(self.curve.steps) else 0

    def state_dict(self) -> dict[str, Any]:
        """All that an equal PPO needs to go on from here; for torch.save."""
        state = {
            "theta": self.theta,
            "phi": self.phi,
            "optimiser": self.optimiser.state_dict(),
            "steps": self.curve.steps,
            "returns": self.curve.returns,
        }
        return copy.deepcopy(state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        state = copy.deepcopy(state)
        with torch.no_grad():
            self.theta.copy_(state["theta"])
            self.phi.copy_(state["phi"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.curve = Curve(state["steps"], state["returns"])

    def _iterate(self) -> None:
        iteration = len(self.curve.steps)
        seed = _seed(self.seed, iteration, "episodes")
        found = rollout(self.environment, self.policy, self.theta, self.episodes, seed)
        batch = self._batch(found)
        size = len(batch.values)
        for epoch in range(self.epochs):
            order = normal(_seed(self.seed, iteration, f"epoch {epoch}"), size, 1)[:, 0].argsort()
            for some in order.split(self.minibatch):
                self._update(Batch(*(part[some] for part in batch)))
        spent = torch.tensor([self.spent + size], dtype=torch.float64)
        mean = found.rewards.sum(0).mean()[None]
        self.curve = Curve(
            torch.cat((self.curve.steps, spent)), torch.cat((self.curve.returns, mean))
        )

    def _batch(self, found: Trajectories) -> Batch:
        """Advantages and targets of all steps that belong to an episode."""
        values = self.critic(self.phi, found.observations)[..., 0]
        final = self.critic(self.phi, found.final)[..., 0]
        advantages = gae(found, values, final, self.gamma, self.lam)
        columns = (
            found.observations,
            found.actions,
            found.log_probs,
            advantages,
            values + advantages,
        )
        return Batch(*(column[found.alive] for column in columns))

    def _update(self, batch: Batch) -> None:
        """A step of Adam on one minibatch."""
        advantages = batch.advantages - batch.advantages.mean()
        advantages = advantages / (advantages.square().mean().sqrt() + 1e-8)
        with torch.enable_grad():
            theta, phi = (p.detach().requires_grad_() for p in (self.theta, self.phi))
            chosen = self.policy.distribution(theta, batch.observations)
            log_probs = chosen.log_prob(batch.actions)
            gain = clipped_surrogate(log_probs, batch.log_probs, advantages, self.clip).mean()
            if self.entropy:
                gain = gain + self.entropy * chosen.entropy().mean()
            error = (self.critic(phi, batch.observations)[..., 0] - batch.values).square().mean()
            self.theta.grad, self.phi.grad = torch.autograd.grad(error - gain, (theta, phi))
        self.optimiser.step()


def _seed(seed: int, iteration: int, purpose: str) -> int:
    """A seed of its own for every iteration and purpose."""
    words = f"{seed} {iteration} {purpose}".encode()
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "little", signed=True)
