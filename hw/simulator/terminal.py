"""The pseudo-terminal that stands in for the serial port (Linux: pty(7), tty_ioctl(4), termios2)."""

import fcntl
import os
import struct
import sys
import termios
import tty
from pathlib import Path
from types import TracebackType

from hw.errors import FileTroubleError, UnavailableError

TCGETS2 = 0x802C542A
"""_IOR('T', 0x2A, struct termios2): the only call that tells any rate, not just the ones with a name."""
TERMIOS2 = struct.Struct("4I B19s 2I")  # four flag words, line discipline, control characters, two rates
OUTPUT_SPEED = 7  # index of c_ospeed after unpacking

PACKET_DATA = 0  # first byte of a read in packet mode: what follows is data
READ_SIZE = 4096


class PseudoTerminal:
    """A serial port without hardware; the host opens `path`, or the link to it."""

    def __init__(self, link: Path | None = None) -> None:
        """Make the pair of devices, in raw mode and for this user alone, and the link if there is to be one.

        Raises:
            FileTroubleError: the system has no pseudo-terminal to give, or the link cannot be made.
        """
        self._link = link
        self._pair: Pair | None = None
        self._next: Pair | None = Pair()
        try:
            self.plug_in()
        except BaseException:
            self.unplug_for_good()
            raise

    def __enter__(self) -> "PseudoTerminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug_for_good()

    @property
    def path(self) -> Path | None:
        """The host's end; None while the port is unplugged."""
        return self._pair.path if self._pair else None

    def plug_in(self) -> None:
        """Let the port appear, and the link to it.

        Raises:
            FileTroubleError: the link cannot be made.
        """
        pair = self._next or Pair()
        self._pair, self._next = pair, None
        if self._link is not None:
            make_link(self._link, pair.path)

    def unplug(self) -> None:
        """Let the port vanish, and the link with it. It will come back under another name.

        Raises:
            FileTroubleError: the system has no pseudo-terminal to give.
        """
        self._next = Pair()  # made while the old one is there, or it might get the same name
        self._close()

    def unplug_for_good(self) -> None:
        """Close everything."""
        self._close()
        if self._next is not None:
            self._next.close()
            self._next = None

    def fileno(self) -> int:
        """The sensor's end, to wait on."""
        return self._plugged_in.master

    def host_baud(self) -> int:
        """The rate that the host has set, in bits per second; 0 while the port is unplugged."""
        if self._pair is None:
            return 0
        settings = bytearray(TERMIOS2.size)
        fcntl.ioctl(self._pair.master, TCGETS2, settings)
        return int(TERMIOS2.unpack(settings)[OUTPUT_SPEED])

    def unread(self) -> int:
        """Bytes that lie at the host's end and that it has not read yet; the system tells at most 4095."""
        waiting = fcntl.ioctl(self._plugged_in.slave, termios.FIONREAD, bytes(4))
        return int.from_bytes(waiting, sys.byteorder)

    def read(self) -> tuple[bytes, bool]:
        """Bytes that the host has sent, and whether it has thrown away what it had received."""
        try:
            chunk = os.read(self._plugged_in.master, READ_SIZE)
        except BlockingIOError:
            return b"", False
        if chunk[0] == PACKET_DATA:
            return chunk[1:], False
        return b"", bool(chunk[0] & termios.TIOCPKT_FLUSHREAD)

    def write(self, data: bytes) -> int:
        """Hand bytes to the host; returns how many there was room for."""
        try:
            return os.write(self._plugged_in.master, data)
        except BlockingIOError:
            return 0

    @property
    def _plugged_in(self) -> "Pair":
        if self._pair is None:
            raise UnavailableError("the simulated port is unplugged")
        return self._pair

    def _close(self) -> None:
        if self._pair is None:
            return
        if self._link is not None:
            remove_link(self._link, self._pair.path)
        self._pair.close()
        self._pair = None


class Pair:
    """The two ends of one pseudo-terminal.

    Attributes:
        master: the sensor's end.
        slave: the host's end, kept open here so that a host may come and go without a hang-up on our side.
        path: the name of the host's end.
    """

    def __init__(self) -> None:
        """Open both, in raw mode and for this user alone.

        Raises:
            FileTroubleError: the system has no pseudo-terminal to give.
        """
        try:
            self.master, self.slave = os.openpty()
        except OSError as error:
            raise FileTroubleError(f"cannot open a pseudo-terminal: {error.strerror}") from error
        tty.setraw(self.slave)
        os.fchmod(self.slave, 0o600)
        os.set_blocking(self.master, False)
        # Packet mode (TIOCPKT) puts a byte before each read that tells of flushes by the host.
        fcntl.ioctl(self.master, termios.TIOCPKT, struct.pack("i", 1))
        self.path = Path(os.ttyname(self.slave))

    def close(self) -> None:
        """Close both; a host that has it open sees a hang-up."""
        os.close(self.master)
        os.close(self.slave)


def make_link(path: Path, target: Path) -> None:
    """Put a symbolic link to `target` at `path`.

    Raises:
        FileTroubleError: something that is no link stands at `path`, or no link can be made there.
    """
    if path.exists() and not path.is_symlink():
        raise FileTroubleError(f"{path} exists and is no link; give another path with --link")
    try:
        path.unlink(missing_ok=True)  # left over from a process that was killed
        path.symlink_to(target)
    except OSError as error:
        raise FileTroubleError(f"cannot make the link {path}: {error.strerror}") from error


def remove_link(path: Path, target: Path) -> None:
    """Remove the link at `path` if it (still) points to `target`."""
    if path.is_symlink() and path.readlink() == target:
        path.unlink()
