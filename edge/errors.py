"""What can go wrong at the kiosk: each error is one clear line, and an exit code for a script."""


class EdgeError(Exception):
    """Base of the kiosk's errors; the text says what happened and what to do."""

    exit_code: int = 1


class RefusedError(EdgeError):
    """A check did not hold, or the gateway refused: an answer, not a fault."""


class FingerNotRecognisedError(EdgeError):
    """Good presses, but none opened the record: another finger, or an unlucky one."""


class WeakCaptureError(EdgeError):
    """The presses were too weak to judge; says nothing about whose finger it is."""


class CancelledError(EdgeError):
    """The person or the operator stopped the journey."""


class BusyError(EdgeError):
    """Another person's journey is under way; there is one sensor."""

    exit_code = 69


class UsageError(EdgeError):
    """The command's arguments do not fit together."""

    exit_code = 2


class BadDataError(EdgeError):
    """Bytes from a peer or a file are not what they should be."""

    exit_code = 65


class NotFoundError(EdgeError):
    """The named subject, record, request or file is not here."""

    exit_code = 66


class UnavailableError(EdgeError):
    """A part that is needed is not there: agent, link, room in the outbox."""

    exit_code = 69


class StateError(EdgeError):
    """The kiosk's files could not be read or written."""

    exit_code = 74


class ConfigError(EdgeError):
    """The configuration or a key file is not fit for use."""

    exit_code = 78
