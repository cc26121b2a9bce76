"""The search that makes Ant-v5 run: its parts, that it goes on to the bit, and that it learns."""

from pathlib import Path

import pytest
import torch

from smoothlib import learn_ant
from smoothlib.learn_ant import POLICY, AntSearch, Scale, best_pairs, score, train, unscaled
from smoothlib.noise import normal

pytestmark = pytest.mark.usefixtures("no_jaxtyping")

F64 = torch.float64


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds in place of minutes: 3 pairs of episodes of 10 steps, a point each 2 generations."""
    for name, value in {"PAIRS": 3, "BEST": 2, "HORIZON": 10, "EVERY": 2, "TRIALS": 1}.items():
        monkeypatch.setattr(learn_ant, name, value)


def test_the_better_pairs_count_in_units_of_their_spread(small: None) -> None:
    values = torch.tensor([5.0, 1.0, 2.0, 3.0, 0.0, 4.0], dtype=F64)  # pairs 0 and 2 have 5, 4
    spread = torch.tensor([5.0, 1.0, 0.0, 4.0], dtype=F64).std()
    expected = torch.tensor([5.0, 1.0, 0.0, 0.0, 0.0, 4.0], dtype=F64) / spread
    torch.testing.assert_close(best_pairs(values), expected)
    assert best_pairs(torch.ones(6, dtype=F64)).isfinite().all()


def test_a_generation_moves_as_the_papers_formula_says(small: None) -> None:
    """α/(b σ_R) Σ (r₊ - r₋) δ over the best pairs, in Mania, Guy and Recht 2018, algorithm 2."""
    search = AntSearch(3, threads=1).search
    values = torch.tensor([5.0, 1.0, 2.0, 3.0, 0.0, 4.0], dtype=F64)
    eps = (search.ask()[::2] - search.theta) / learn_ant.SIGMA
    search.tell(values)
    moved = (5 - 1) * eps[0] + (0 - 4) * eps[2]
    spread = torch.tensor([5.0, 1.0, 0.0, 4.0], dtype=F64).std()
    torch.testing.assert_close(search.theta, learn_ant.RATE / (2 * spread) * moved)


def test_unscaled_parameters_act_alike() -> None:
    theta, o = normal(0, 5, POLICY.d, dtype=F64), normal(1, 5, 27, dtype=F64)
    scale = Scale(normal(2, 1, 27, dtype=F64)[0], normal(3, 1, 27, dtype=F64)[0].exp())
    scaled = POLICY(theta, ((o - scale.mean) / scale.std)[:, None])
    torch.testing.assert_close(POLICY(unscaled(theta, scale), o[:, None]), scaled)


def test_a_run_goes_on_from_its_file_to_the_bit(small: None, tmp_path: Path) -> None:
    whole = train(tmp_path / "whole.pt", 5, generations=4, threads=1, progress=False)
    train(tmp_path / "parts.pt", 5, generations=2, threads=1, progress=False)
    parts = train(tmp_path / "parts.pt", 5, generations=4, threads=2, progress=False)
    assert torch.equal(whole.search.theta, parts.search.theta)
    assert torch.equal(whole.theta, parts.theta)
    timeless = [0, 1, 3]
    assert torch.equal(whole.curve[:, timeless], parts.curve[:, timeless])
    assert whole.curve[:, 0].tolist() == [2, 4]
    assert whole.curve[-1, 1] == 4 * 6 * 10  # nobody falls in 10 steps
    assert (tmp_path / "parts.pt").stat().st_size < 1e6
    with pytest.raises(ValueError, match="seed"):
        train(tmp_path / "parts.pt", 6, generations=4, threads=1, progress=False)


def test_interrupted_it_keeps_what_it_had(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ant.pt"
    train(path, 5, generations=2, threads=1, progress=False)
    before = path.read_bytes()
    monkeypatch.setattr(AntSearch, "_fitness", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setattr("sys.argv", ["learn_ant", str(path), "--seed", "5", "--threads", "1"])
    with pytest.raises(SystemExit, match="the same command goes on"):
        learn_ant.main()
    assert path.read_bytes() == before


def test_doing_nothing_scores_what_is_said_of_it() -> None:
    found = score(torch.zeros(POLICY.d, dtype=F64), episodes=2)
    assert (980 < found).all() and (found < 1000).all()
