"""What can go wrong with Bluetooth, as one line for a person and one exit code for a script."""


class BluetoothError(Exception):
    """Base of every error of this package.

    Attributes:
        exit_code: what a command ends with, in the manner of sysexits(3).
    """

    exit_code: int = 69


class NoBluetoothError(BluetoothError):
    """No bluetoothd, no adapter, or one that is switched off; the text says what to do."""


class ForbiddenError(BluetoothError):
    """We may not use Bluetooth on this machine."""

    exit_code = 78


class NotFoundError(BluetoothError):
    """No peripheral within reach offers the service."""


class LinkLostError(BluetoothError):
    """The connection ended, or never came about."""

    exit_code = 74


class EndedError(LinkLostError):
    """The other side ended the session, and said why.

    Attributes:
        code: of the service's own.
    """

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"the other side ended the session: {words}")
        self.code = code


class AddressError(BluetoothError):
    """The text that should name an adapter does not."""

    exit_code = 78


class NotOursError(BluetoothError):
    """The peripheral lacks a characteristic that its service should have."""

    exit_code = 76


class GattError(BluetoothError):
    """The other side refused a read or a write.

    Attributes:
        code: of ATT (Core Specification, Vol 3, Part F, 3.4.1.1); 0x80 to 0x9F are the service's own.
    """

    exit_code = 76

    def __init__(self, code: int, what: str) -> None:
        super().__init__(f"the other side refused the {what} with error 0x{code:02x}")
        self.code = code


class BluezError(BluetoothError):
    """bluetoothd refused a call.

    Attributes:
        name: of the D-Bus error, such as `org.bluez.Error.InProgress`.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"bluetoothd: {text or name.rpartition('.')[2]}")
        self.name = name
