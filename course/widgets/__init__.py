"""Interactive figures of the lectures, one function each."""

from course.widgets.climbing import ascent, many_starts
from course.widgets.gripper import lift, watch
from course.widgets.throwing import move_the_wall, throw

__all__ = ["ascent", "lift", "many_starts", "move_the_wall", "throw", "watch"]
