"""What can go wrong between us and the broker, as one line for a person and one exit code for a script."""


class MqttError(Exception):
    """Base of this package's errors."""

    exit_code: int = 69


class BrokerUrlError(MqttError):
    """The text that should name a broker does not."""

    exit_code = 78


class CredentialsError(MqttError):
    """A key or certificate for the broker is missing, unreadable, or of somebody else."""

    exit_code = 78


class DownError(MqttError):
    """There is no connection; the message did not leave."""


class LostError(MqttError):
    """The connection was lost before the broker had acknowledged: nobody knows whether it has the message."""


class NotTakenError(MqttError):
    """The broker refused the message, or did not acknowledge it in time."""


class ComeAgainError(MqttError):
    """Raised by who receives a message and cannot keep it: it stays unacknowledged, and comes again."""
