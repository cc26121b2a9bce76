"""Known wrong answers, one module per exercise.

Each is a small implementation whose docstring is what a student who made that mistake reads. The
same table tests the exercise: every mistake must lose points and be named by its own docstring.
"""
