"""Plans: several actions from one look, carried out to the end before the next look.

A policy of single actions may change its mind at every step; one of plans is bound for some steps
to what it chose. Diffusion policies act so (Chi et al. 2023, "action sequence prediction"; Zhao,
Kumar, Levine and Finn 2023, arXiv 2304.13705, "action chunking").
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from smoothlib.cloning import Demonstrations, Expert
from smoothlib.environments import Environment

Planner = Callable[[Tensor, int], Tensor]


class Run(NamedTuple):
    """n episodes in plans: everything observed, the last time included, and the rewards.

    An episode that has terminated goes on in `observations`, and is paid nothing.
    """

    observations: Float[Tensor, "T1 n o"]
    rewards: Float[Tensor, "T n"]


def follow_plans(environment: Environment, planner: Planner, length: int, n: int, seed: int) -> Run:
    """n episodes of continuous actions, to the horizon.

    Args:
        planner: observations (n, o) and the number of the plan, from 0, to plans (n, length k),
            action after action.
        length: actions in a plan.
    Raises:
        ValueError: if the horizon is not a whole number of plans.
    """
    if length < 1 or environment.horizon % length:
        raise ValueError(
            f"follow_plans: plans of {length} actions do not fill a horizon of "
            f"{environment.horizon}; give a divisor of it"
        )
    state = environment.reset(n, seed)
    seen, rewards = [environment.observe(state)], []
    alive = torch.ones(n, dtype=torch.bool, device=seen[0].device)
    with torch.no_grad():
        for k in range(environment.horizon // length):
            plan = planner(seen[-1], k).reshape(n, length, environment.action_size)
            for action in plan.unbind(1):
                state, reward, terminated, _ = environment.step(state, action)
                seen.append(environment.observe(state))
                rewards.append(torch.where(alive, reward, 0))
                alive = alive & ~terminated
    return Run(torch.stack(seen), torch.stack(rewards))


def demonstrate_plans(
    environment: Environment, expert: Expert, length: int, n: int, seed: int
) -> Demonstrations:
    """What an expert did in the `length` steps after each look that a planner will have.

    The expert itself looks at every step.
    """
    done: list[Tensor] = []

    def planner(seen: Tensor, k: int) -> Tensor:
        done.append(expert(seen))
        return done[-1]

    run = follow_plans(environment, planner, 1, n, seed)
    actions = torch.stack(done).unflatten(0, (-1, length)).transpose(1, 2)  # (plans, n, length, k)
    return Demonstrations(
        run.observations[:-1:length].flatten(0, 1), actions.flatten(2).flatten(0, 1)
    )
