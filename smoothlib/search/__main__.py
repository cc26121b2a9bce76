"""Search by evolution strategies, in one process or in many.

    python -m smoothlib.search CartPole --generations 20
    torchrun --nproc-per-node 4 -m smoothlib.search CartPole --checkpoint cartpole.pt
    torchrun --nproc-per-node 4 -m smoothlib.search package.module:f --dimension 100 --search XNES

The objective is an environment of smoothlib, climbed by the return of its policy, or a function of
yours, (m, d) to (m,), to be maximised. With a checkpoint the same command goes on where it was, in
as many processes as you like: the result is the same to the bit.
"""

import argparse
import hashlib
import importlib
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from smoothlib import environments, search
from smoothlib.policies import MLP, Linear
from smoothlib.search import shaping, shared_seed
from smoothlib.smoothing import Function
from smoothlib.trajectories import returns

SEARCHES = ("OpenAIES", "PGPE", "SNES", "XNES", "CMAES")
SHAPES = ("raw", "standardised", "centered_ranks", "utilities")
Scored = Callable[[search.Search], Function]  # f for a search as it stands
SETTINGS = (  # what a checkpoint must agree on
    *("objective", "dimension", "hidden", "episodes", "search", "members", "sigma", "lr"),
    *("shape", "seed", "shares", "batch", "double"),
)


def main() -> int:
    options = parser().parse_args()
    torch.set_num_threads(1)  # sums in another order would not be the same to the bit
    rank, world = shared_seed.start(options.timeout)
    signal.signal(signal.SIGTERM, _ended)  # torchrun's word to the others when one is gone
    objective, theta = objective_of(options)
    found = make(options, theta)
    curve = resume(options, found)
    try:
        climb(options, found, objective(found), curve, quiet=rank > 0)
    except (shared_seed.WorkerLost, KeyboardInterrupt) as error:
        sys.exit(f"process {rank} of {world}: {_farewell(options, found, error)}")
    shared_seed.stop()
    if rank == 0:
        digest = hashlib.sha256(found.theta.cpu().numpy().tobytes()).hexdigest()[:16]
        print(
            f"generation {found.generation}, {found.evaluations} values, mean of the last "
            f"{curve[-1] if curve else float('nan'):.6g}; sha256 of θ {digest}"
        )
    return 0


def parser() -> argparse.ArgumentParser:
    lines = (__doc__ or "").splitlines()
    form = argparse.RawDescriptionHelpFormatter
    made = argparse.ArgumentParser(
        "smoothlib.search", description="\n".join(lines), formatter_class=form
    )
    add = made.add_argument  # torchrun takes --n and --d for its own, even after the module
    add("objective", help="an environment, such as CartPole, or module:function")
    add("--dimension", type=int, help="dimension of θ, for a function; it starts at 0")
    add("--hidden", type=int, nargs="*", default=[], help="layers of the policy; linear without")
    add("--episodes", type=int, default=1, help="episodes a member")
    add("--search", choices=SEARCHES, default="SNES")
    add("--members", type=int, help="members of a population")
    add("--sigma", type=float, default=0.5, help="standard deviation at the start")
    add("--lr", type=float, help="of Adam for θ; without, the search's own step")
    add("--shape", choices=SHAPES, help="weights in place of values; without, the search's own")
    add("--seed", type=int, default=0)
    add("--generations", type=int, default=100, help="in all, those of the checkpoint included")
    add("--shares", type=int, default=8, help="parts of a population that processes take")
    add("--batch", type=int, help="points at once; without, 2^20 numbers of them")
    add("--double", action="store_true", help="float64")
    add("--cuda", action="store_true", help="θ on the GPU; members are exchanged by nccl")
    add("--checkpoint", type=Path, help="written after generations, read at the start")
    add("--every", type=int, default=1, help="generations between checkpoints")
    add("--timeout", type=float, default=600.0, help="s to wait for a process that is silent")
    return made


def objective_of(options: argparse.Namespace) -> tuple[Scored, Tensor]:
    """What to climb, and where to start."""
    dtype = torch.float64 if options.double else torch.float32
    device = "cuda" if options.cuda else "cpu"
    module, _, name = options.objective.partition(":")
    if name:
        if not options.dimension or options.dimension < 1:
            sys.exit(f"{options.objective} is a function: --dimension is needed, 1 or more")
        f = getattr(importlib.import_module(module), name)
        return lambda _: f, torch.zeros(options.dimension, dtype=dtype, device=device)
    kind = getattr(environments, options.objective, None)
    if not (isinstance(kind, type) and hasattr(kind, "observation_size")):
        sys.exit(
            f"{options.objective} is no environment of smoothlib.environments, nor a function: "
            "CartPole is one, package.module:function the other"
        )
    environment = kind(dtype=dtype, device=device)
    sizes = environment.observation_size, environment.action_size
    policy = MLP(sizes[0], tuple(options.hidden), sizes[1]) if options.hidden else Linear(*sizes)

    def of(found: search.Search) -> Function:
        """Every generation meets episodes of its own: else it would learn these by heart."""
        return lambda x: returns(
            environment, policy, x, options.episodes, (options.seed << 32) + found.generation
        )

    theta = policy.initial(options.seed, dtype) if options.hidden else torch.zeros(policy.d)
    return of, theta.to(device, dtype)


def make(options: argparse.Namespace, theta: Tensor) -> search.Search:
    arguments: dict[str, Any] = {"n": options.members, "seed": options.seed}
    if options.lr is not None:
        arguments["optimiser"] = partial(torch.optim.Adam, lr=options.lr)
    if options.shape is not None:
        arguments["shape"] = getattr(shaping, options.shape)
    return getattr(search, options.search)(theta, options.sigma, **arguments)


def climb(
    options: argparse.Namespace,
    found: search.Search,
    f: Function,
    curve: list[float],
    quiet: bool,
) -> None:
    """Generations until there are enough, each whole or not at all."""
    bar = tqdm(
        total=options.generations, initial=found.generation, disable=quiet, delay=2, leave=False
    )
    with bar:
        while found.generation < options.generations:
            values = shared_seed.shared_step(found, f, options.shares, options.batch)
            curve.append(float(values.mean()))
            bar.set_postfix_str(f"mean value {curve[-1]:.4g}", refresh=False)
            bar.update()
            last = found.generation == options.generations
            if options.checkpoint and not quiet and (last or found.generation % options.every == 0):
                shared_seed.save(options.checkpoint, _state(options, found, curve))


def resume(options: argparse.Namespace, found: search.Search) -> list[float]:
    """Take up the checkpoint, if there is one; the learning curve so far."""
    if not options.checkpoint:
        return []
    state = shared_seed.load(options.checkpoint)
    if state is None:
        return []
    own = _settings(options)
    for key in SETTINGS:
        if state["settings"][key] != own[key]:
            sys.exit(
                f"{options.checkpoint} is of a run with --{key} {state['settings'][key]}, this one "
                f"has {own[key]}; take the same arguments, or another file"
            )
    found.load_state_dict(state["search"])
    return state["curve"].tolist()


def _state(options: argparse.Namespace, found: search.Search, curve: list[float]) -> dict[str, Any]:
    return {
        "settings": _settings(options),
        "search": found.state_dict(),
        "curve": torch.tensor(curve, dtype=torch.float64),
    }


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {key: getattr(options, key) for key in SETTINGS}


def _farewell(options: argparse.Namespace, found: search.Search, error: BaseException) -> str:
    why = str(error) or "interrupted"
    if not options.checkpoint:
        return f"{why} in generation {found.generation}; --checkpoint would have kept what was done"
    return (
        f"{why} in generation {found.generation}; the same command goes on from "
        f"{options.checkpoint}, after the last generation that it holds"
    )


def _ended(number: int, frame: FrameType | None) -> None:
    raise shared_seed.WorkerLost("asked to end, as when another process is gone,")


if __name__ == "__main__":
    sys.exit(main())
