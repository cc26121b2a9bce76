"""Interactive figures of the lectures, one function each."""

from course.widgets.climbing import ascent, many_starts
from course.widgets.corrected import climb_past_the_wall
from course.widgets.ramps import stiff_ramp
from course.widgets.slopes import slope_of_the_mean, two_gradients, wrong_way
from course.widgets.surrogates import fingerprints
from course.widgets.throwing import move_the_wall, throw
from course.widgets.variances import batch_baselines, measured_bias, variances, which_wins

__all__ = [
    "ascent",
    "batch_baselines",
    "climb_past_the_wall",
    "fingerprints",
    "many_starts",
    "measured_bias",
    "move_the_wall",
    "slope_of_the_mean",
    "stiff_ramp",
    "throw",
    "two_gradients",
    "variances",
    "which_wins",
    "wrong_way",
]
