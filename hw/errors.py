"""What can go wrong on the bench, said in one line."""


class BenchError(Exception):
    """A part of the bench was given something it cannot work with; the message says what to do about it."""

    exit_code = 1
