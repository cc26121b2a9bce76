"""The ant that lecture 09 shows: its file, its score, and its clip."""

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from course import clips, plots
from course.lab import REPO
from smoothlib.learn_ant import POLICY, score
from tests.prose import Prose

ANT, CLIP = REPO / "lectures" / "trained" / "ant.pt", REPO / "lectures" / "images" / "ant.mp4"
REQUIRED = bool(os.environ.get("COURSE_REQUIRE_ALL"))
says = Prose("09_nes").says


def test_the_file_is_small_and_holds_a_policy_and_its_curve() -> None:
    kept = torch.load(ANT, weights_only=True)
    assert kept["theta"].shape == (POLICY.d,) and says("$\\theta$ has 224 coordinates")
    assert kept["curve"].shape[1] == 4 and ANT.stat().st_size < 20_000


@pytest.mark.usefixtures("no_jaxtyping")
def test_the_ant_walks() -> None:
    """In Gymnasium's own Ant-v5, the two episodes that the lecture runs."""
    found = score(torch.load(ANT, weights_only=True)["theta"], episodes=2)
    assert float(found.mean()) > 2000


def test_the_clip_is_small_and_plays_in_every_browser() -> None:
    assert CLIP.stat().st_size < 1_000_000
    with av.open(str(CLIP)) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.pix_fmt == "yuv420p"
        assert float(stream.duration * stream.time_base) == 12 and says("Twelve seconds")
    pictures = list(clips.read(CLIP))
    assert len(pictures) == clips.STEPS and pictures[0].shape == (*clips.SIZE, 3)
    assert differing(pictures[0], pictures[-1]) > 0.02
    behind = np.stack([picture[80:120] for picture in pictures])
    assert behind.max(-1).min() > 90, "a dark patch: the floor shades itself"


def test_the_page_holds_the_clip_and_moves_it_only_when_asked() -> None:
    shown = plots.clip(CLIP, 'an "ant"').data
    assert 'aria-label="an &quot;ant&quot;"' in shown and " controls " in shown
    assert "autoplay" not in shown and "loop" not in shown
    assert len(shown) > CLIP.stat().st_size and "http" not in shown


def differing(a: np.ndarray, b: np.ndarray) -> float:
    """Share of pixels that differ by more than another rasteriser or codec would explain."""
    return float((np.abs(a.astype(int) - b).max(-1) > 40).mean())


@pytest.mark.parametrize("start, same", [(clips.FRESH, True), (clips.FRESH + 1, False)])
def test_drawn_anew_the_clip_begins_as_it_does(start: int, same: bool, tmp_path: Path) -> None:
    """By the command; and another start would be noticed."""
    again = tmp_path / "again.mp4"
    command = [sys.executable, "-m", "course.clips", str(ANT), str(again), "--steps", "1"]
    done = subprocess.run(
        [*command, "--start", str(start)],
        env={"MUJOCO_GL": "egl", **os.environ},
        capture_output=True,
        text=True,
        cwd=REPO,
    )
    if "MuJoCo cannot draw here" in done.stderr:
        reason = done.stderr.splitlines()[-1]
        pytest.fail(f"{reason} (COURSE_REQUIRE_ALL is set)") if REQUIRED else pytest.skip(reason)
    assert done.returncode == 0, done.stderr
    changed = differing(next(clips.read(again)), next(clips.read(CLIP)))
    assert (changed < 0.002) == same, changed
