"""What the lectures load, because making it takes minutes: lectures/trained/*.pt.

    python -m course.trained ppo      two PPOs on CartPole, 8 seeds each; needs stable-baselines3
    python -m course.trained post     a cloned and a diffused plan past a post
    python -m course.trained worlds   grasps trained in one world and in many

Each writes its file anew, from fixed seeds. The files hold tensors only.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from course.files import write_whole
from smoothlib import (
    MLP,
    PPO,
    CartPole,
    Categorical,
    Gaussian,
    GripperParams,
    OpenAIES,
    normal,
    returns,
    standardised,
)
from smoothlib.cloning import clone
from smoothlib.diffusion import Denoiser, ancestral, fit_denoiser, noise_levels
from smoothlib.experts import passer
from smoothlib.gripper import rollout
from smoothlib.passing import Passing
from smoothlib.plans import demonstrate_plans

FOLDER = Path(__file__).resolve().parent.parent / "lectures" / "trained"
BUDGET, CHECKPOINTS, SEEDS = 4096, 15, 8
NETWORK = MLP(4, (64, 64), 2)
CART = CartPole(dtype=torch.float32)
JUDGE, FRESH = 10**6, 100  # seed and number of the episodes that judge

Tensors = dict[str, Tensor]


def load(name: str) -> Tensors:
    """What `python -m course.trained <name>` has made."""
    path = FOLDER / f"{name}.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; python -m course.trained {name} makes it")
    found: Tensors = torch.load(path, weights_only=True)
    return found


# --- two PPOs -------------------------------------------------------------------------------


def ppo(seeds: int = SEEDS, checkpoints: int = CHECKPOINTS, budget: int = BUDGET) -> Tensors:
    """Steps spent and scores of both, (2, seeds, checkpoints), and the policies of the first seed.

    A score is the mean return of 100 fresh episodes of the likeliest actions. Row 0 is ours, row 1
    Stable-Baselines3's; networks of the same sizes, and each with its own defaults.
    """
    runs = [
        [learner(seed, checkpoints, budget) for seed in tqdm(range(seeds), desc=learner.__name__)]
        for learner in (_ours, _theirs)
    ]
    steps = torch.tensor([[steps for steps, _ in row] for row in runs])
    scores = torch.stack([torch.stack([_scores(thetas) for _, thetas in row]) for row in runs])
    return {"steps": steps, "scores": scores, "thetas": torch.stack([row[0][1] for row in runs])}


def _ours(seed: int, checkpoints: int, budget: int) -> tuple[list[int], Tensor]:
    learner = PPO(CART, Categorical(NETWORK), MLP(4, (64, 64), 1), seed)
    steps, thetas = [0], [learner.theta.clone()]
    for k in range(1, checkpoints + 1):
        learner.train(max(k * budget - learner.spent, 1))
        steps.append(learner.spent)
        thetas.append(learner.theta.clone())
    return steps, torch.stack(thetas)


def _theirs(seed: int, checkpoints: int, budget: int) -> tuple[list[int], Tensor]:
    from stable_baselines3 import PPO as Peer

    learner = Peer("MlpPolicy", "CartPole-v1", seed=seed, device="cpu")
    steps, thetas = [0], [_network_of(learner)]
    for _ in range(checkpoints):
        learner.learn(budget, reset_num_timesteps=False)
        steps.append(learner.num_timesteps)
        thetas.append(_network_of(learner))
    return steps, torch.stack(thetas)


def _network_of(learner: object) -> Tensor:
    """The policy's weights in the order of `MLP`."""
    policy = learner.policy  # type: ignore[attr-defined]
    parts = [*policy.mlp_extractor.policy_net.parameters(), *policy.action_net.parameters()]
    return torch.nn.utils.parameters_to_vector(parts).detach().clone()


def _scores(thetas: Tensor) -> Tensor:
    return returns(CART, Categorical(NETWORK), thetas, FRESH, JUDGE)


# --- plans past a post ----------------------------------------------------------------------

POST = Passing(spread=0.003, dtype=torch.float32)
LENGTH = 12  # actions in a plan: 4 plans in an episode
SHOWN = 300  # demonstrations
PLANS = Gaussian(MLP(2, (128, 128), 2 * LENGTH), 0.2)
DENOISER = Denoiser(2, 2 * LENGTH, (128, 128))
LEVELS = noise_levels(4.0, 0.02, 16)


def post(steps: int = 6000) -> Tensors:
    """Parameters of a cloned plan and of a denoiser, from the same 300 demonstrations.

    In each of them the expert goes round the post on a side that it drew before it started.
    """
    side = torch.where(normal(1, SHOWN, 1, dtype=torch.float32)[:, 0] > 0, 1.0, -1.0)
    shown = demonstrate_plans(POST, lambda seen: passer(POST, seen, side), LENGTH, SHOWN, seed=0)
    return {
        "clone": clone(PLANS, PLANS.initial(0), shown, steps, 0),
        "denoiser": fit_denoiser(DENOISER, DENOISER.initial(0), shown, steps, 0),
    }


def diffused(theta: Tensor, seen: Tensor, seed: int) -> Tensor:
    """Plans for observations (n, 2) at every level of noise, (levels, n, 24): clean in the end."""
    levels, size = len(LEVELS) - 1, DENOISER.action_size
    eps = normal(seed, len(seen), levels * size, dtype=torch.float32)
    eps = eps.reshape(len(seen), levels, size).transpose(0, 1)
    with torch.no_grad():
        return ancestral(lambda x, sigma: DENOISER(theta, x, sigma, seen), LEVELS, eps)


# --- grasps for worlds that differ ------------------------------------------------------------

SPREADS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # standard deviations of log μ and of log m
START, WIDTH = (2.0, 1.1), 0.10  # (z_close in cm, log of the force in N), and their noise
RATE, MEMBERS, AT_ONCE, LAST = 0.05, 16, 48, 30
PRICE = 2.0  # mm of the reward for each newton
NOMINAL = GripperParams()
TESTED = 400


def worlds(spread: float, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Masses of the brick, kg, and frictions of the pads, each (n,), about the nominal ones."""
    eps = normal(seed, n, 2, dtype=torch.float32)
    mass, friction = (spread * eps).exp().T
    return NOMINAL.m * mass, NOMINAL.mu_pad * friction


def laboratory() -> tuple[Tensor, Tensor]:
    """The worlds that test: 400 masses and frictions from even distributions, 50 to 400 g and
    0.2 to 0.9, which no training draws from."""
    share = torch.special.ndtr(normal(77, TESTED, 2, dtype=torch.float32))
    return 0.05 + 0.35 * share[:, 0], 0.2 + 0.7 * share[:, 1]


def lifted(grasps: Tensor, mass: Tensor, friction: Tensor) -> Tensor:
    """Heights of the brick, mm, after grasps (z_close, force), (g, 2), in w worlds: (g, w)."""
    g, w = len(grasps), len(mass)
    z, force = (column.repeat_interleave(w).contiguous() for column in grasps.T)
    params = GripperParams(m=mass.repeat(g), mu_pad=friction.repeat(g), force=force)
    return 1000 * rollout(z, params).height.reshape(g, w)


def train_grasp(spread: float, generations: int, seed: int = 0) -> Tensor:
    """(z_close, force) by an evolution strategy, the mean of its last generations.

    All members of a generation meet the same 48 new worlds, or the nominal one.
    """
    search = OpenAIES(
        torch.tensor(START), WIDTH, MEMBERS, seed, shape=standardised,
        optimiser=lambda points: torch.optim.Adam(points, lr=RATE),
    )  # fmt: skip
    visited = []
    for k in range(generations):
        tried = _grasps(search.ask())
        mass, friction = worlds(spread, AT_ONCE if spread else 1, 1000 * seed + k)
        search.tell((lifted(tried, mass, friction) - PRICE * tried[:, 1:]).mean(1))
        visited.append(search.theta.clone())
    return _grasps(torch.stack(visited[-LAST:]).mean(0, keepdim=True))[0]


def _grasps(points: Tensor) -> Tensor:
    """(z_close, force), m and N, at points of the search; forces that the hand has."""
    z, force = points.T
    return torch.stack((z / 100, force.exp().clamp(0.05, 80.0)), 1)


def grasps(generations: int = 150) -> Tensors:
    """A grasp for each of SPREADS, (k, 2), and its heights, mm: in the nominal world, (k,), and in
    those of the laboratory, (k, 400)."""
    each = tqdm(SPREADS, desc="grasps")
    found = torch.stack([train_grasp(spread, generations) for spread in each])
    nominal = torch.tensor([NOMINAL.m]), torch.tensor([NOMINAL.mu_pad])
    return {
        "grasps": found,
        "nominal": lifted(found, *nominal)[:, 0],
        "tested": lifted(found, *laboratory()),
    }


# --- the command ----------------------------------------------------------------------------

MAKERS: dict[str, Callable[[], Tensors]] = {"ppo": ppo, "post": post, "worlds": grasps}


def main(names: list[str]) -> int:
    """Make the files of these names."""
    if not names or set(names) - set(MAKERS):
        print(f"python -m course.trained {' | '.join(MAKERS)}", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        made = io.BytesIO()
        torch.save(MAKERS[name](), made)
        write_whole(FOLDER / f"{name}.pt", made.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
