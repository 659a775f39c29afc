"""What can go wrong between us and the sensor, as one line for a person and one exit code for a script.

No message here carries an image byte: a packet that is damaged is named by its number, never shown.
"""


class SensorError(Exception):
    """Base of every error of this package.

    Attributes:
        exit_code: What a command ends with, in the manner of sysexits(3).
    """

    exit_code: int = 74


class SensorUrlError(SensorError):
    """The text that should name a sensor does not."""

    exit_code = 2


class NoSuchPortError(SensorError):
    """There is no serial port of that name."""

    exit_code = 66


class PortUnavailableError(SensorError):
    """The port is there, but another program has it, or we may not open it."""

    exit_code = 69


class LinkLostError(SensorError):
    """The port vanished while it was open: unplugged, or its driver gave up."""


class SilentSensorError(SensorError):
    """Nothing at all answers on the port."""

    exit_code = 69


class NotASensorError(SensorError):
    """Something talks on the port, but it is no fingerprint sensor that we know."""

    exit_code = 76


class DeadlineError(SensorError):
    """One answer, or the rest of one, did not come in time."""


class DamagedPacketError(SensorError):
    """Bytes that are no packet, or a packet whose checksum, length or kind does not hold."""


class OutOfStepError(SensorError):
    """A whole packet that cannot be the answer to the command that was sent last."""

    exit_code = 76


class ForbiddenOpcodeError(SensorError):
    """A command that this driver never sends; raised before a byte is written."""

    exit_code = 1


class CommandRefusedError(SensorError):
    """The sensor answered a command with a code other than success.

    Attributes:
        opcode: The command.
        code: The confirmation code, 0 to 255, known to us or not.
    """

    exit_code = 76

    def __init__(self, message: str, opcode: int, code: int) -> None:
        super().__init__(message)
        self.opcode = opcode
        self.code = code


class SensorRebootedError(SensorError):
    """The sensor has started anew: its image is gone and the password must be verified again."""


class SensorLockedError(SensorError):
    """The sensor wants a password that we do not have."""

    exit_code = 78


class SensorFaultError(SensorError):
    """The sensor reports that its own sensing part is broken."""

    exit_code = 69


class WrongModuleError(SensorError):
    """Another module answers than the one that the setting names."""

    exit_code = 78


class ProvisioningError(SensorError):
    """The sensor does not keep a setting that was written."""

    exit_code = 76


class TemplatesStoredError(SensorError):
    """The sensor's own template library is not empty."""

    exit_code = 78


class ImageSizeError(SensorError):
    """The image that came is shorter or longer than the sensor's own measures.

    Attributes:
        got: Its bytes, if it was shorter and its end was marked.
    """

    exit_code = 76

    def __init__(self, message: str, got: int | None = None) -> None:
        super().__init__(message)
        self.got = got


class UploadError(SensorError):
    """The image did not arrive whole, though it was asked for several times."""


class ScrubError(SensorError):
    """The sensor still holds an image, or it cannot be known whether it does."""


class NoFingerError(SensorError):
    """No usable touch within the time that was given."""

    exit_code = 1


class CaptureCancelledError(SensorError):
    """The caller called the capture off."""

    exit_code = 1


class PasswordFileError(SensorError):
    """There is no password in the file that should hold it."""

    exit_code = 66


class UnnamedDangerError(SensorError):
    """A fingerprint would be written to a file, and the caller has not said that they know."""

    exit_code = 2


class ImageFileError(SensorError):
    """The file for an image cannot be written."""


class PinError(SensorError):
    """The touch line or the power pin cannot be used."""

    exit_code = 78
