"""xNES and SNES need as many evaluations on BBOB as their authors report."""

import pytest
from torch import Tensor

from smoothlib import SNES, XNES
from tests import bbob

MAKES = {"SNES": SNES, "XNES": XNES}


def search(name: str) -> bbob.Make:
    def make(start: Tensor, seed: int) -> bbob.Step:
        found = MAKES[name](start, 1.0, seed=seed)
        return lambda f: found.tell(f(found.ask()))

    return make


def within_the_spread(name: str, function: int) -> None:
    found, published = bbob.run(search(name), function), bbob.PUBLISHED[name, function]
    assert found.reached.all()
    assert abs(found.mean - published.mean) < published.spread


@pytest.mark.parametrize("name", MAKES)
def test_on_the_sphere(name: str) -> None:
    within_the_spread(name, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "function"),
    (("SNES", 2), ("XNES", 2), ("XNES", 8), ("XNES", 9), ("XNES", 10), ("XNES", 11)),
)
def test_on_ill_conditioned_functions_and_in_a_bent_valley(name: str, function: int) -> None:
    within_the_spread(name, function)
