"""The serial port: opened for us alone, read in bulk into memory of the caller's.

pyserial opens and sets up the port; reading goes around its `read`, which would hand out image bytes as
immutable `bytes` that nobody can overwrite.
"""

import errno
import os
import select
import termios

import serial

from drivers.errors import DeadlineError, LinkLostError, NoSuchPortError, PortUnavailableError
from drivers.timing import Clock

_WRITE_TIMEOUT = 1.0  # seconds; a command is under 20 bytes, so only a dead port takes that long
_BUSY = {errno.EAGAIN, errno.EBUSY, errno.EWOULDBLOCK}


class Link:
    """An open serial port, 8N1.

    Attributes:
        clock: The time that passes on it.

    Args:
        port: The open port; the link owns and closes it.
    """

    clock = Clock()

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._poll = select.poll()
        self._poll.register(port.fileno(), select.POLLIN)

    @classmethod
    def open(cls, path: str, baud: int) -> "Link":
        """Open a port, refusing to share it with another program that asks the same.

        Raises:
            NoSuchPortError: There is no such device, or it is no serial port.
            PortUnavailableError: Another program has it, or we may not open it.
        """
        try:
            return cls(serial.Serial(path, baud, timeout=0, write_timeout=_WRITE_TIMEOUT, exclusive=True))
        except serial.SerialException as error:
            raise _refusal(path, error.errno) from error
        except (OSError, ValueError, termios.error) as error:
            raise _refusal(path, getattr(error, "errno", None)) from error

    @property
    def path(self) -> str:
        """The port's device file."""
        return str(self._port.port)

    @property
    def baud(self) -> int:
        """The rate that the port is set to, bits per second."""
        return int(self._port.baudrate)

    @baud.setter
    def baud(self, baud: int) -> None:
        try:
            self._port.baudrate = baud
        except (OSError, ValueError, termios.error) as error:
            raise PortUnavailableError(f"{self.path} cannot be set to {baud} baud") from error

    def write(self, packet: bytes) -> None:
        """Send bytes.

        Raises:
            LinkLostError: The port is gone.
            DeadlineError: It takes nothing for a second.
        """
        try:
            self._port.write(packet)
        except serial.SerialTimeoutException as error:
            raise DeadlineError(f"{self.path} takes no bytes; is its cable in order?") from error
        except (OSError, termios.error) as error:  # SerialException is an OSError
            raise self._lost() from error

    def drain(self) -> None:
        """Wait until what was written has left.

        Raises:
            LinkLostError: The port is gone.
        """
        try:
            self._port.flush()
        except (OSError, termios.error) as error:
            raise self._lost() from error

    def read_into(self, space: memoryview, timeout: float) -> int:
        """Wait for bytes and put what is there into `space`.

        Args:
            space: Where they go; not empty.
            timeout: Seconds to wait for the first one; 0 takes what is there.

        Returns:
            How many came; 0 if none did in time.

        Raises:
            LinkLostError: The port is gone.
        """
        try:
            if not self._poll.poll(max(0.0, timeout) * 1000):
                return 0
            count = os.readv(self._port.fileno(), [space])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._lost() from error
        if count == 0:  # readable, and nothing to read: the other end is gone
            raise self._lost()
        return count

    def discard_input(self) -> None:
        """Throw away what the kernel holds for us.

        Raises:
            LinkLostError: The port is gone.
        """
        try:
            self._port.reset_input_buffer()
        except (OSError, termios.error) as error:
            raise self._lost() from error

    def close(self) -> None:
        """Give the port back; a second time does nothing."""
        self._port.close()

    def _lost(self) -> LinkLostError:
        return LinkLostError(f"the sensor on {self.path} is gone: unplugged? Plug it in again and start over")


def _refusal(path: str, number: int | None) -> NoSuchPortError | PortUnavailableError:
    """The error for a port that did not open, from its errno."""
    if number in _BUSY:
        return PortUnavailableError(
            f"{path} is in use by another program; stop that one first (is a kiosk agent running?)"
        )
    if number in (errno.EACCES, errno.EPERM):
        return PortUnavailableError(
            f"{path} may not be opened by this user; add the user to the port's group (often dialout)"
        )
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return NoSuchPortError(f"there is no serial port {path}; is the sensor plugged in?")
    return NoSuchPortError(f"{path} is not a serial port")
