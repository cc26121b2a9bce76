"""Interactive figures of the lectures, one function each."""

from course.widgets.climbing import ascent, many_starts
from course.widgets.directions import arrows, correlated, dimensions
from course.widgets.scores import areas, baselines, votes
from course.widgets.stepping import climb_by_scores, step_sizes
from course.widgets.throwing import move_the_wall, throw

__all__ = [
    "areas",
    "arrows",
    "ascent",
    "baselines",
    "climb_by_scores",
    "correlated",
    "dimensions",
    "many_starts",
    "move_the_wall",
    "step_sizes",
    "throw",
    "votes",
]
