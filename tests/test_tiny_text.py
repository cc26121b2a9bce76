"""The language of lecture 09, its transformer, and the count of memory."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from course.allocations import peak
from course.tiny_text import (
    ADJECTIVES,
    LENGTH,
    OURS,
    SPRINGY,
    WORDS,
    Transformer,
    loss,
    right,
    sentences,
    text,
)


def test_sentences_end_as_their_world_says() -> None:
    for world in (OURS, SPRINGY):
        for words in map(str.split, map(text, sentences(world, 200, seed=1))):
            assert len(words) == LENGTH
            assert words[-1] == world[words[5]][ADJECTIVES.index(words[1])]
    assert len(set(WORDS)) == len(WORDS)
    ours, springy = (sentences(world, 300, seed=2) for world in (OURS, SPRINGY))
    assert torch.equal(ours[:, :-1], springy[:, :-1])
    at_the_wall = ours[:, 5] == WORDS.index("wall")
    assert torch.equal((ours != springy).any(1), at_the_wall)


def test_all_choices_have_equal_chances() -> None:
    n = 8000
    some = sentences(OURS, n, seed=3)
    for column, choices in ((1, 4), (2, 6), (3, 4), (5, 4)):
        counts = some[:, column].unique(return_counts=True)[1]
        assert len(counts) == choices
        spread = math.sqrt(n / choices * (1 - 1 / choices))
        assert ((counts - n / choices).abs() < 5 * spread).all()


def test_a_world_with_a_hole_is_named() -> None:
    with pytest.raises(ValueError, match=r"wall: \('sticks',\); one end is needed for each of"):
        sentences({"wall": ("sticks",)}, 3, seed=0)


def test_no_word_sees_what_comes_after_it() -> None:
    model, some = Transformer(0), sentences(OURS, 8, seed=0)
    other = some.clone()
    other[:, 5] = (other[:, 5] + 1) % len(WORDS)
    same, changed = model(some), model(other)
    assert torch.equal(same[:, :5], changed[:, :5])
    assert (same[:, 5:] != changed[:, 5:]).any(-1).all()


def test_loss_is_minus_the_mean_log_probability() -> None:
    model, some = Transformer(1), sentences(OURS, 8, seed=0)
    log_p = model(some).detach().log_softmax(-1)
    each = [[-float(log_p[i, t - 1, some[i, t]]) for t in range(1, LENGTH)] for i in range(8)]
    assert loss(model, some).item() == pytest.approx(sum(map(sum, each)) / 64, rel=1e-5)
    answers = sum(row[-1] for row in each) / 8
    assert loss(model, some, answer=True).item() == pytest.approx(answers, rel=1e-5)
    likeliest = log_p[:, -2].argmax(-1) == some[:, -1]
    assert right(model, some) == pytest.approx(float(likeliest.float().mean()))


def test_a_transformer_is_its_seed_and_asks_no_global_generator() -> None:
    before = torch.get_rng_state()
    one, same, other = (list(Transformer(seed).parameters()) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(one, same, strict=True))
    assert not torch.equal(one[0], other[0])


# --- memory -------------------------------------------------------------------------------


def test_peak_counts_what_is_alive_at_one_time() -> None:
    def chain() -> Tensor:
        a = torch.zeros(1000)  # 4 kB
        b = a + 1  # 8 kB
        del a
        c = b * 2  # 8 kB
        return c.view(10, 100)[0]  # a view takes nothing

    assert peak(chain) == 8000
    given = torch.zeros(1000)
    assert peak(lambda: given.add_(1)) == 0
    assert peak(lambda: [given + k for k in range(3)]) == 12000


@pytest.mark.usefixtures("no_jaxtyping")
def test_peak_is_what_the_allocator_counts_but_for_what_operations_need_inside(
    tmp_path: Path,
) -> None:
    model, some = Transformer(0), sentences(OURS, 128, seed=0)

    def backprop() -> None:
        torch.autograd.grad(loss(model, some), list(model.parameters()))

    backprop()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        backprop()
    record.export_chrome_trace(str(tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    changes = sorted((e["ts"], e["args"]["Bytes"]) for e in events if e.get("name") == "[memory]")
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    assert peak(backprop) == pytest.approx(most, rel=0.05)
