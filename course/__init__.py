"""The course's machinery: figures, checks, grading and the command `course`."""


class CourseError(Exception):
    """Something the user can put right; its text is one line that says how."""
