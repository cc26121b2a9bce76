"""Objectives that the command of smoothlib.search is given by name, in processes of its own."""

import os
import signal
import time

import torch
from torch import Tensor

CALLS = 0


def bowl(x: Tensor) -> Tensor:
    """A matrix product, whose bits may depend on how many rows it gets at once."""
    d = x.shape[-1]
    slope = torch.linspace(-1, 1, d, dtype=x.dtype)
    return -((x @ (torch.eye(d, dtype=x.dtype) + 0.1) - slope) ** 2).sum(-1)


def dies(x: Tensor) -> Tensor:
    """`bowl`, until process 1 is killed in its 12th batch, where DIES is in the environment."""
    _from_batch_12(lambda: os.kill(os.getpid(), signal.SIGKILL))
    return bowl(x)


def sleeps(x: Tensor) -> Tensor:
    """`bowl`, until process 1 is silent in its 12th batch."""
    _from_batch_12(lambda: time.sleep(60))
    return bowl(x)


def _from_batch_12(then: object) -> None:
    global CALLS
    CALLS += 1
    if os.environ.get("RANK") == "1" and "DIES" in os.environ and CALLS == 12 and callable(then):
        then()
