"""What of a notebook is run: Python without magics, with stand-ins for what only shows things."""

import ast
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from course.grading.grader import chosen
from course.grading.magics import without_magics
from course.grading.source import load
from tests.exercises import ROOT

EXERCISE = load("01_landscapes")


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("def f():\n    !ls -l \\\n  more\n    return 1", "def f():\n    pass\n\n    return 1"),
        ("%%time\nx = 1", "\nx = 1"),
        ("%%bash\nrm -rf /", ""),
        ("files = !ls\nx = %who", "pass\npass"),
        ("torch.cos?\n?x", "pass\npass"),
        ("x = (a\n % b)", "x = (a\n % b)"),
        ('text = """\n%time\n!ls\n"""', 'text = """\n%time\n!ls\n"""'),
        ("x = 'it''s' # don't\n%time", "x = 'it''s' # don't\npass"),
        ("x = a \\\n  % b", "x = a \\\n  % b"),
        ("if a != b: pass\nx %= 3", "if a != b: pass\nx %= 3"),
    ],
)
def test_magics_go_and_python_stays(source: str, left: str) -> None:
    assert without_magics(source) == left


LINES = st.sampled_from(
    ["x = 1", "%time", "!ls", "def f(): return 2", "y = (1,", ")", "%matplotlib inline", "# %x", ""]
)


@given(st.lists(LINES, max_size=8))
def test_what_ipython_takes_for_python_stays_as_it_is(lines: list[str]) -> None:
    source = "\n".join(lines)
    try:
        ast.parse(source)
    except SyntaxError:
        try:
            ast.parse(TransformerManager().transform_cell(source))
        except SyntaxError:
            return
        ast.parse(without_magics(source))
    else:
        assert without_magics(source) == source


def test_answers_and_added_cells_are_taken_in_their_order_and_ours_are_not() -> None:
    cells = [
        ["code", "setup", "setup", "import math"],
        ["code", "", "mine", "helper = 1"],
        ["markdown", "", "text", "words"],
        ["code", "wall_angles", "wall_angles", "first"],
        ["code", "wall_angles", "copy", "second"],
        ["code", "test_wall_angles_default", "x", "pass"],
        ["code", "", "slope", "ours without a grade_id"],
        ["code", "renamed", "y", "def wall_distance(): pass"],
    ]
    kept, twice = chosen(EXERCISE, cells)
    assert [code.source for code in kept] == ["helper = 1", "first", "def wall_distance(): pass"]
    assert twice == ["wall_angles"]


def test_an_answer_gets_the_imports_and_helpers_of_our_cells_and_no_hidden_test() -> None:
    text = "\n".join(EXERCISE.inside)
    assert "import torch" in text and "def thrown" in text
    assert "secret" not in text and "BallWall" not in text and "check(" not in text


SHOWS = """
import sys
from course.grading import stand_ins
stand_ins.install([], "is not there")
import matplotlib.pyplot as plt
from ipywidgets import interact, FloatSlider
from course import plots
from course.checks import check
from tqdm import tqdm
fig, ax = plt.subplots(2, 3, figsize=(3, 4))
ax[1, 2].plot([1, 2])[0].set_color("red")
figure, axis = plt.subplots()
with plt.style.context("x"):
    n, bins, patches = axis.hist([1])
(picture,) = plots.axes(1)
picture.set(xlabel="x")
@interact(x=FloatSlider(min=0))
def f(x): return 2 * x
assert f(2) == 4 and list(tqdm(range(3))) == [0, 1, 2]
display(fig); get_ipython().run_line_magic("a", "b"); check(f, 1, gives=2)
try:
    import smoothlib
except ImportError as error:
    print(error)
"""


def test_plots_and_widgets_are_harmless_and_smoothlib_says_why_it_is_not_there() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOWS], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.stderr == "" and done.stdout.strip() == "smoothlib is not there"
