"""The pseudo-terminal that stands in for the serial port (Linux: pty(7), tty_ioctl(4), termios2)."""

import fcntl
import os
import struct
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from hw.errors import FileTroubleError

TCGETS2 = 0x802C542A
"""_IOR('T', 0x2A, struct termios2): the only call that tells any rate, not just the ones with a name."""
TERMIOS2 = struct.Struct("4I B19s 2I")  # four flag words, line discipline, control characters, two rates
OUTPUT_SPEED = 7  # index of c_ospeed after unpacking

PACKET_DATA = 0  # first byte of a read in packet mode: what follows is data
READ_SIZE = 4096


class PseudoTerminal:
    """A serial port without hardware; the host opens `path`."""

    def __init__(self) -> None:
        """Make the pair of devices, in raw mode and for this user alone.

        Raises:
            FileTroubleError: the system has no pseudo-terminal to give.
        """
        try:
            self._master, self._slave = os.openpty()
        except OSError as error:
            raise FileTroubleError(f"cannot open a pseudo-terminal: {error.strerror}") from error
        tty.setraw(self._slave)
        os.fchmod(self._slave, 0o600)
        os.set_blocking(self._master, False)
        # Packet mode (TIOCPKT) puts a byte before each read that tells of flushes by the host.
        fcntl.ioctl(self._master, termios.TIOCPKT, struct.pack("i", 1))
        self.path = Path(os.ttyname(self._slave))

    def __enter__(self) -> "PseudoTerminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._master)
        os.close(self._slave)  # was kept open so that a host may come and go without a hang-up on our side

    def fileno(self) -> int:
        """The sensor's end, to wait on."""
        return self._master

    def host_baud(self) -> int:
        """The rate that the host has set, in bits per second."""
        settings = bytearray(TERMIOS2.size)
        fcntl.ioctl(self._master, TCGETS2, settings)
        return int(TERMIOS2.unpack(settings)[OUTPUT_SPEED])

    def read(self) -> tuple[bytes, bool]:
        """Bytes that the host has sent, and whether it has thrown away what it had received."""
        try:
            chunk = os.read(self._master, READ_SIZE)
        except BlockingIOError:
            return b"", False
        if chunk[0] == PACKET_DATA:
            return chunk[1:], False
        return b"", bool(chunk[0] & termios.TIOCPKT_FLUSHREAD)

    def write(self, data: bytes) -> int:
        """Hand bytes to the host; returns how many there was room for."""
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0


@contextmanager
def stable_link(path: Path | None, target: Path) -> Iterator[None]:
    """A symbolic link from `path` to `target`, removed afterwards if it still points there.

    Raises:
        FileTroubleError: something that is no link stands at `path`, or no link can be made there.
    """
    if path is None:
        yield
        return
    if path.exists() and not path.is_symlink():
        raise FileTroubleError(f"{path} exists and is no link; give another path with --link")
    try:
        path.unlink(missing_ok=True)  # left over from a process that was killed
        path.symlink_to(target)
    except OSError as error:
        raise FileTroubleError(f"cannot make the link {path}: {error.strerror}") from error
    try:
        yield
    finally:
        if path.is_symlink() and path.readlink() == target:
            path.unlink()
