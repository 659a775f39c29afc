"""What can go wrong at the kiosk: each error is one clear line for a person, and an exit code for a script."""


class EdgeError(Exception):
    """Base of the kiosk's errors; the text says what happened and what to do."""

    exit_code: int = 1


class Refused(EdgeError):  # noqa: N818 - the name says what happened
    """A check did not hold, or the gateway refused: an answer, not a fault."""


class FingerNotRecognised(EdgeError):  # noqa: N818
    """Good presses, but none opened the record: another finger, or an unlucky one."""


class WeakCapture(EdgeError):  # noqa: N818
    """The presses were too weak to judge; says nothing about whose finger it is."""


class Cancelled(EdgeError):  # noqa: N818
    """The person or the operator stopped the journey."""


class Busy(EdgeError):  # noqa: N818
    """Another person's journey is under way; there is one sensor."""

    exit_code = 69


class UsageError(EdgeError):
    """The command's arguments do not fit together."""

    exit_code = 2


class BadData(EdgeError):  # noqa: N818
    """Bytes from a peer or a file are not what they should be."""

    exit_code = 65


class NotFound(EdgeError):  # noqa: N818
    """The named subject, record, request or file is not here."""

    exit_code = 66


class Unavailable(EdgeError):  # noqa: N818
    """A part that is needed is not there: agent, link, room in the outbox."""

    exit_code = 69


class StateError(EdgeError):
    """The kiosk's files could not be read or written."""

    exit_code = 74


class ConfigError(EdgeError):
    """The configuration or a key file is not fit for use."""

    exit_code = 78
