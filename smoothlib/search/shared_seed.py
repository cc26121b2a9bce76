"""One search in many processes: everybody makes the noise, and values alone cross the wire.

    search = SNES(theta, 0.5, n=256, seed=0)       # the same in every process
    values = shared_step(search, f, shares=8)      # in place of search.step(f)

Salimans et al. 2017: a member is a seed and an index, so a worker needs no points and sends no
gradients. Here every process evaluates some shares of the members, gets the values of the others,
and makes the same step by itself. Each member has an address of its own; one seed for all workers
with noise drawn from its start would give every worker the same members, a population of rank 1.

The shares are cut by `shares`, not by the number of processes, so f sees the same batches and
returns the same bits whoever evaluates them: θ after any number of generations is identical for 1,
2 and 4 processes of one kind of machine, which a checksum of θ confirms in every generation.

Sent by each process in a generation: 8 bytes for each of its members and 8 for the checksum, to
each of the others (gloo passes them along a ring). `make bench-search` measures what TCP carries.

What 1,000 workers would do, on paper, with Ant's costs on one core: d = 1e5 parameters, n = 10,000
members, episodes of 1,000 steps at 0.15 ms. One worker: 1,500 s of episodes a generation. Of 1,000,
each has 10 episodes, 1.5 s; then each regenerates everybody's noise, n d / 2 = 5e8 normals in pairs
at 0.9 ns (measured, compiled), 0.45 s; the wire carries 80 kB to each, below 1 ms at 1 Gbit/s, plus
999 hops of some 50 µs, 0.05 s. Together 2.0 s: 750 times faster than one worker, and the noise is
what keeps it from 1,000. An all-reduce of partial gradients would carry 0.8 MB a worker, 6 ms at
1 Gbit/s, and spare that noise: shared seeds are for slow networks, for θ too large for the wire,
and for results that are the same to the bit.
"""

import os
import tempfile
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from smoothlib.search.strategies import Search
from smoothlib.smoothing import Function


class WorkerLost(RuntimeError):
    """Another process is gone, or does not answer: nothing can be known about its members."""


def start(timeout: float = 600.0) -> tuple[int, int]:
    """Join the processes that torchrun started: (rank, world), or (0, 1) without torchrun.

    gloo for tensors on the CPU, nccl for those on CUDA, where each process takes its own device.

    Args:
        timeout: s to wait for a process that does not answer; one that ends is noticed at once.
    """
    if "RANK" not in os.environ:
        return 0, 1
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    dist.init_process_group(backend, timeout=timedelta(seconds=timeout))
    return dist.get_rank(), dist.get_world_size()


def stop() -> None:
    """Leave them, when all is done."""
    if _place()[1] > 1:
        dist.destroy_process_group()


def shared_step(
    search: Search, f: Function, shares: int = 8, batch: int | None = None
) -> Float[Tensor, " n"]:
    """One generation, whose members the processes share: each must call it, with equal arguments.

    Args:
        shares: into how many parts the population is cut, at least one for each process.
        batch: as for `Search.evaluate`.
    Raises:
        ValueError: for more processes than shares, or more shares than members or pairs.
        WorkerLost: if another process is gone; the search stands as before the step.
        RuntimeError: if processes have come to different θ.
    """
    parts = cut(search, shares)
    rank, world = _place()
    if world > shares:
        raise ValueError(
            f"{world} processes share a population of {shares} shares; take shares={world} or more"
        )
    own = [search.evaluate(f, part, batch) for part in parts[rank::world]]
    own.append(torch.tensor([_checksum(search.theta)], dtype=torch.float64))
    longest = sum(len(part) for part in parts[0::world]) + 1  # the first parts are the longest
    gathered = _gathered(torch.cat(own), longest, search.theta.device)
    values = torch.empty(search.n, dtype=torch.float64)
    for other, row in enumerate(gathered):
        at = 0
        for part in parts[other::world]:
            values[part.start : part.stop] = row[at : at + len(part)]
            at += len(part)
        if row[at] != own[-1]:
            raise RuntimeError(
                f"generation {search.generation}: process {other} has another θ than process "
                f"{rank}; all need the same arguments, the same torch and the same kind of machine"
            )
    search.tell(values)
    return values


def cut(search: Search, shares: int) -> list[range]:
    """The members in contiguous parts of equal size, but for a row, the longer ones first."""
    each = 2 if getattr(search, "antithetic", False) else 1
    rows = search.n // each
    if not 1 <= shares <= rows:
        what = "pairs" if each == 2 else "members"
        raise ValueError(f"shares = {shares}; 1 to {rows} can be made of {rows} {what}")
    sizes = [rows // shares + (i < rows % shares) for i in range(shares)]
    stops = [each * sum(sizes[: i + 1]) for i in range(shares)]
    return [range(stop - each * size, stop) for stop, size in zip(stops, sizes, strict=True)]


def _gathered(own: Tensor, longest: int, device: torch.device) -> list[Tensor]:
    """What every process has, in the order of ranks."""
    if _place()[1] == 1:
        return [own]
    sent = torch.nn.functional.pad(own, (0, longest - len(own))).to(device)
    rows = [torch.empty_like(sent) for _ in range(dist.get_world_size())]
    try:
        dist.all_gather(rows, sent)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise WorkerLost(f"another process is gone, or does not answer ({reason})") from error
    return [row.cpu() for row in rows]


def _place() -> tuple[int, int]:
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def _checksum(theta: Tensor) -> int:
    return zlib.crc32(theta.detach().cpu().contiguous().numpy().tobytes())


# --- checkpoints ----------------------------------------------------------------------------


def save(path: Path, state: Any) -> None:
    """torch.save, so that whoever reads the file sees the old state or the new, never a part."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(path: Path) -> Any:
    """What was saved, as the first process reads it, in every process; None without a file."""
    rank, world = _place()
    state = [torch.load(path) if rank == 0 and path.exists() else None]
    if world > 1:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dist.broadcast_object_list(state, src=0, device=torch.device(device))
    return state[0]
