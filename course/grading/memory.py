"""What all processes of a submission have in memory together; a limit of each bounds no sum."""

import os
import resource

PAGE = resource.getpagesize()


def used() -> int:
    """Bytes in memory of all processes in this namespace, each page counted once."""
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    return sum(map(_proportional, pids))


def resident(pid: str) -> int:
    """Bytes of one process in memory, shared pages in full; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return 0


def _proportional(pid: str) -> int:
    """Bytes of one process, and its share of what it has in common with others."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            sizes = [line.split() for line in file]
    except OSError:  # ended, or keeps others from looking: then nothing counts as shared
        return resident(pid)
    return sum(int(size[1]) << 10 for size in sizes if size[0] in ("Pss:", "SwapPss:"))


def exceeds(limit: int) -> bool:
    """Whether `used` is more than this; asked at once only where the quick bound is."""
    bound = sum(resident(name) for name in os.listdir("/proc") if name.isdigit())
    return bound > limit and used() > limit
