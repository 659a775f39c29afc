"""What can go wrong on the bench, said in one line."""


class BenchError(Exception):
    """A part of the bench was given something it cannot work with; the message says what to do about it."""

    exit_code = 1


class UnavailableError(BenchError):
    """A process or socket that the bench needs does not answer, or its place is taken (EX_UNAVAILABLE)."""

    exit_code = 69


class FileTroubleError(BenchError):
    """A file of the bench cannot be written (EX_IOERR)."""

    exit_code = 74
