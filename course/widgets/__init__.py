"""Interactive figures of the lectures, one function each."""

from course.widgets.annealing import anneal, climb_the_average
from course.widgets.climbing import ascent, many_starts
from course.widgets.directions import arrows, correlated, dimensions
from course.widgets.scores import areas, baselines, votes
from course.widgets.smoothing import surrogate, tremble
from course.widgets.stepping import climb_by_scores, step_sizes
from course.widgets.throwing import move_the_wall, throw
from course.widgets.witnesses import printed_slope

__all__ = [
    "anneal",
    "areas",
    "arrows",
    "ascent",
    "baselines",
    "climb_by_scores",
    "climb_the_average",
    "correlated",
    "dimensions",
    "many_starts",
    "move_the_wall",
    "printed_slope",
    "step_sizes",
    "surrogate",
    "throw",
    "tremble",
    "votes",
]
