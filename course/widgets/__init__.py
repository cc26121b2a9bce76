"""Interactive figures of the lectures, one function each."""

from course.widgets.annealing import anneal, climb_the_average
from course.widgets.climbing import ascent, many_starts
from course.widgets.smoothing import surrogate, tremble
from course.widgets.throwing import move_the_wall, throw
from course.widgets.witnesses import printed_slope

__all__ = [
    "anneal",
    "ascent",
    "climb_the_average",
    "many_starts",
    "move_the_wall",
    "printed_slope",
    "surrogate",
    "throw",
    "tremble",
]
