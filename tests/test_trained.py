"""The files that the lectures load: made by their command, small, and of tensors alone."""

import pytest
import torch

from course import trained

pytestmark = pytest.mark.usefixtures("no_jaxtyping")


@pytest.mark.parametrize("name", trained.MAKERS)
def test_each_file_is_there_small_and_made_of_tensors(name: str) -> None:
    kept = trained.load(name)
    assert kept and all(isinstance(part, torch.Tensor) for part in kept.values())
    assert (trained.FOLDER / f"{name}.pt").stat().st_size < 1_000_000


def test_nothing_else_lies_there() -> None:
    """The ant is made by smoothlib.learn_ant, and held in test_lecture_09.py and test_clips.py."""
    assert {path.stem for path in trained.FOLDER.iterdir()} == {"ant", *trained.MAKERS}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("ppo", lambda: trained.ppo(seeds=2, checkpoints=1, budget=64)),
        ("post", lambda: trained.post(steps=2)),
        ("worlds", lambda: trained.grasps(generations=1)),
    ],
)
def test_the_makers_make_what_is_loaded(name: str, make, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """In fewer steps: the same names and kinds."""
    kept, made = trained.load(name), make()
    assert {key: (part.dtype, part.ndim) for key, part in made.items()} == {
        key: (part.dtype, part.ndim) for key, part in kept.items()
    }


def test_the_command_writes_where_the_lectures_look(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(trained, "FOLDER", tmp_path / "trained")
    monkeypatch.setattr(trained, "MAKERS", {"post": lambda: {"x": torch.ones(2)}})
    assert trained.main(["post"]) == 0 and torch.equal(trained.load("post")["x"], torch.ones(2))
    assert trained.main(["nothing"]) == 2 and "post" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match=r"python -m course.trained ppo"):
        trained.load("ppo")


def test_the_peers_network_is_read_in_our_order() -> None:
    """Stable-Baselines3's own likeliest actions, by our network."""
    from stable_baselines3 import PPO

    peer = PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu")
    seen = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    ours = trained.NETWORK(trained._network_of(peer), seen).argmax(-1)
    theirs, _ = peer.predict(seen.numpy(), deterministic=True)
    assert ours.tolist() == theirs.tolist()


@pytest.mark.slow
def test_a_wider_training_squeezes_harder() -> None:
    """Anew, in 60 of the 150 generations."""
    narrow, wide = (trained.train_grasp(spread, 60)[1] for spread in (0.0, 1.0))
    assert float(wide) > 1.5 * float(narrow)
