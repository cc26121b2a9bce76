"""Interactive figures of the lectures, one function each."""

from course.widgets.landscapes import ascent, many_starts, move_the_wall, throw

__all__ = ["ascent", "many_starts", "move_the_wall", "throw"]
