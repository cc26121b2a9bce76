"""One search in several processes: the same bits, a death that is noticed, and what comes after."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from smoothlib import PGPE, SNES, OpenAIES
from smoothlib.search import shared_seed
from smoothlib.search.shared_seed import cut, load, save, shared_step
from tests.search_objectives import bowl

REPO = Path(__file__).resolve().parent.parent
ARGUMENTS = ("--dimension", "24", "--members", "33", "--generations", "9", "--seed", "5")
THETA = torch.zeros(24)


def command(
    objective: str, *more: str, processes: int = 0, dies: bool = False
) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable]
    if processes:
        launcher += ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
        launcher += ["--standalone"]  # on a port that is free
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPO)}
    environment |= {"DIES": "1"} if dies else {}
    return subprocess.run(
        [*launcher, "-m", "smoothlib.search", objective, *ARGUMENTS, *more],
        capture_output=True,
        text=True,
        cwd=REPO,
        env=environment,
        timeout=120,
    )


def digest(run: subprocess.CompletedProcess[str]) -> str:
    found = re.search(r"generation 9, 297 values, .*sha256 of θ ([0-9a-f]{16})", run.stdout)
    assert run.returncode == 0 and found, run.stderr
    return found[1]


@pytest.fixture(scope="module")
def alone() -> str:
    """The end of a search in one process that nothing disturbed."""
    return digest(command("tests.search_objectives:bowl"))


@pytest.mark.parametrize("processes", (1, 2, 4))
def test_the_result_is_the_same_to_the_bit(alone: str, processes: int) -> None:
    assert digest(command("tests.search_objectives:bowl", processes=processes)) == alone


def test_a_process_that_dies_ends_the_run_and_the_run_goes_on(alone: str, tmp_path: Path) -> None:
    held = tmp_path / "run.pt"
    objective = "tests.search_objectives:dies", "--checkpoint", str(held)
    broken = command(*objective, processes=2, dies=True)
    assert broken.returncode != 0
    assert "SIGKILL" in broken.stderr or "Signal 9" in broken.stderr
    assert "process 0 of 2" in broken.stderr and "goes on from" in broken.stderr
    assert torch.load(held)["search"]["generation"] == 2  # 4 of the 8 shares a generation
    assert digest(command(*objective, processes=4)) == alone
    assert torch.load(held)["curve"].shape == (9,)
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]
    assert digest(command(*objective)) == alone  # and once more: nothing is left to do
    other = command(*objective, "--sigma", "0.1")
    assert other.returncode == 1 and "--sigma 0.5, this one has 0.1" in other.stderr


@pytest.mark.slow
def test_a_process_that_is_silent_ends_the_run() -> None:
    broken = command("tests.search_objectives:sleeps", "--timeout", "5", processes=2, dies=True)
    assert broken.returncode != 0
    assert "process 0 of 2: another process is gone, or does not answer" in broken.stderr
    assert "--checkpoint would have kept" in broken.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("NoSuchWorld",), ("NoSuchWorld is no environment", "CartPole")),
        (("tests.search_objectives:bowl", "--dimension", "0"), ("--dimension is needed",)),
    ],
)
def test_the_command_says_what_it_lacks(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    run = command(*arguments)
    assert run.returncode == 1 and all(word in run.stderr for word in words), run.stderr


# --- in this process ------------------------------------------------------------------------


@pytest.mark.parametrize("shares", (1, 3, 8, 20))
@pytest.mark.parametrize("make", (SNES, OpenAIES, PGPE))
def test_shares_are_the_members_in_order(make: type[SNES], shares: int) -> None:
    search = make(THETA, 0.5, 42, 1)
    parts = cut(search, shares)
    assert [i for part in parts for i in part] == list(range(42)) and len(parts) == shares
    sizes = [len(part) for part in parts]
    assert sizes == sorted(sizes, reverse=True) and max(sizes) - min(sizes) <= 2


def test_a_shared_step_is_a_step() -> None:
    one, other = (OpenAIES(THETA, 0.5, 42, 1) for _ in range(2))

    def f(x: Tensor) -> Tensor:
        return -((x - 1) ** 2).sum(-1)

    for _ in range(5):
        assert torch.equal(one.step(f), shared_step(other, f, 7))
    assert torch.equal(one.theta, other.theta)


@pytest.mark.usefixtures("no_jaxtyping")
def test_too_many_shares_or_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="shares = 9; 1 to 8 can be made of 8 pairs"):
        cut(OpenAIES(THETA, 0.5, 16), 9)
    monkeypatch.setattr(shared_seed, "_place", lambda: (0, 9))
    with pytest.raises(ValueError, match="9 processes share a population of 8 shares"):
        shared_step(SNES(THETA, 0.5, 64), bowl)


@pytest.mark.parametrize("rank", (0, 1))
def test_processes_that_have_come_apart_are_told(
    monkeypatch: pytest.MonkeyPatch, rank: int
) -> None:
    search = SNES(THETA, 0.5, 64)
    before = search.theta.clone()
    strayed = lambda own, longest, device: [own, own + (torch.arange(len(own)) == len(own) - 1)]  # noqa: E731
    monkeypatch.setattr(shared_seed, "_place", lambda: (rank, 2))
    monkeypatch.setattr(shared_seed, "_gathered", strayed)
    with pytest.raises(RuntimeError, match="process 1 has another θ than process"):
        shared_step(search, bowl)
    assert torch.equal(search.theta, before) and search.generation == 0


def test_a_checkpoint_is_whole_or_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = tmp_path / "run.pt"
    assert load(held) is None
    save(held, {"generation": 1})

    def half(state: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="no space"):
        save(held, {"generation": 2})
    assert load(held) == {"generation": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]
