"""A language made on the spot, of one kind of sentence, and a transformer small enough to watch.

    a heavy ball hits the wall and it sticks

How the sentence ends follows from place and adjective, by the table of a world. `OURS` is the world
of lecture 01, where what hits the wall sticks; in `SPRINGY` it bounces, and all else is as it was.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu

from smoothlib.noise import normal

ADJECTIVES = ("heavy", "light", "small", "old")
THINGS = ("ball", "brick", "stone", "cart", "pole", "hand")
VERBS = ("hits", "meets", "reaches", "leaves")
OURS: Mapping[str, tuple[str, ...]] = {
    "wall": ("sticks", "sticks", "sticks", "sticks"),
    "ground": ("stops", "rolls", "rolls", "breaks"),
    "table": ("stops", "slides", "slides", "stops"),
    "rail": ("stops", "rolls", "bounces", "breaks"),
}
SPRINGY = {**OURS, "wall": ("bounces", "bounces", "bounces", "bounces")}
ENDS = ("sticks", "stops", "rolls", "slides", "breaks", "bounces")
WORDS = ("a", "the", "and", "it", *ADJECTIVES, *THINGS, *VERBS, *OURS, *ENDS)
LENGTH = 9  # words of a sentence, of which the last is the answer
World = Mapping[str, tuple[str, ...]]


def sentences(world: World, n: int, seed: int) -> Int64[Tensor, "n 9"]:
    """Sentences as places in `WORDS`, each choice with equal chances.

    Raises:
        ValueError: for a world in which a place has no end for an adjective.
    """
    for place, ends in world.items():
        if len(ends) != len(ADJECTIVES):
            raise ValueError(f"{place}: {ends}; one end is needed for each of {ADJECTIVES}")
    sizes = torch.tensor([len(ADJECTIVES), len(THINGS), len(VERBS), len(world)])
    chance = torch.special.ndtr(normal(seed, n, 4, dtype=torch.float64))
    chosen = (chance * sizes).long().tolist()
    places = list(world)
    rows = []
    for a, t, v, p in chosen:
        place = places[p]
        start = f"a {ADJECTIVES[a]} {THINGS[t]} {VERBS[v]} the {place} and it {world[place][a]}"
        rows.append([WORDS.index(word) for word in start.split()])
    return torch.tensor(rows)


def text(sentence: Int64[Tensor, " length"]) -> str:
    """In words."""
    return " ".join(WORDS[k] for k in sentence.tolist())


class Block(nn.Module):
    """Causal attention, then a layer at each word; both added to what was there."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "n t w"]) -> Float[Tensor, "n t w"]:
        n, t, w = x.shape
        query, key, value = (
            part.view(n, t, self.heads, -1).transpose(1, 2)
            for part in self.attention(self.before(x)).chunk(3, -1)
        )
        later = x.new_full((t, t), -math.inf).triu(1)  # a word sees none that come after it
        weight = (query @ key.mT / math.sqrt(w / self.heads) + later).softmax(-1)
        seen = weight @ value
        x = x + self.out(seen.transpose(1, 2).reshape(n, t, w))
        return x + self.narrow(gelu(self.wide(self.between(x))))


class Transformer(nn.Module):
    """Words to the logits of the next word; all matrices normal, of variance 1/inputs."""

    def __init__(self, seed: int, width: int = 16, layers: int = 2, heads: int = 2) -> None:
        super().__init__()
        with torch.device("meta"):  # torch's own start would draw from the global generator
            self.words, self.places = nn.Embedding(len(WORDS), width), nn.Embedding(LENGTH, width)
            self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
            self.last, self.logits = nn.LayerNorm(width), nn.Linear(width, len(WORDS))
        self.to_empty(device="cpu")
        with torch.no_grad():
            for k, (name, p) in enumerate(self.named_parameters()):
                p.fill_(float(p.ndim == 1 and name.endswith("weight")))  # of a LayerNorm
                if p.ndim == 2:
                    p.copy_(normal(seed, range(k << 20, (k << 20) + len(p)), p.shape[1]))
                    p.div_(math.sqrt(p.shape[1]))

    def forward(self, sentence: Int64[Tensor, "n t"]) -> Float[Tensor, "n t words"]:
        places = self.places.weight[: sentence.shape[1]]
        return self.logits(self.last(self.blocks(self.words(sentence) + places)))


def loss(model: nn.Module, some: Int64[Tensor, "n t"], answer: bool = False) -> Float[Tensor, ""]:
    """Mean of -log p, nats a word: of all words but the first, or of the answer alone."""
    logits, truth = model(some[:, :-1]), some[:, 1:]
    if answer:
        logits, truth = logits[:, -1:], truth[:, -1:]
    return cross_entropy(logits.flatten(0, 1), truth.flatten())


@torch.no_grad()
def right(model: nn.Module, some: Int64[Tensor, "n t"]) -> float:
    """Share of sentences whose likeliest answer is theirs."""
    return float((model(some[:, :-1])[:, -1].argmax(-1) == some[:, -1]).double().mean())
