"""Packets over the serial port, with a deadline on every wait."""

from drivers.errors import DamagedPacketError, DeadlineError, OutOfStepError
from drivers.link import Link
from drivers.packets import Damage, Packet, PacketReader
from drivers.timing import Deadlines, LineRate

NAP = 0.02
"""Seconds to sleep between reads of a stream: a few dozen wake-ups a second instead of thousands, and safe,
because the kernel holds 4095 bytes for us (355 ms at 115200 baud)."""

_LARGEST_IMAGE = (
    256 * 288 // 2
)  # bytes on the wire; what a module may still be sending when we want it to be quiet
_FLUSH_READS = 16
_DEFAULT_PACKET_SIZE = 128  # the factory's setting


class Wire:
    """The open port as a place where packets come and go.

    Attributes:
        deadlines: How long to wait.
        packet_size: Payload bytes of a data packet, once the sensor has told them.
        heard: Bytes received so far, of whatever kind.
        clock: The time on this line.

    Args:
        link: The port; the wire owns and closes it.
        deadlines: How long to wait.
    """

    def __init__(self, link: Link, deadlines: Deadlines) -> None:
        self.deadlines = deadlines
        self.packet_size = _DEFAULT_PACKET_SIZE
        self.heard = 0
        self.clock = link.clock
        self._link = link
        self._reader = PacketReader()

    @property
    def rate(self) -> LineRate:
        """The line as it is set now."""
        return LineRate(self._link.baud, self.packet_size)

    @property
    def path(self) -> str:
        """The port's device file."""
        return self._link.path

    @property
    def held(self) -> int:
        """Bytes received that make no whole packet yet."""
        return self._reader.held

    def tune(self, baud: int) -> None:
        """Set the port's rate."""
        self._link.baud = baud

    def write(self, packet: bytes) -> None:
        """Send one packet."""
        self._link.write(packet)

    def drain(self) -> None:
        """Wait until everything written is on the line."""
        self._link.drain()

    def event(self) -> Packet | Damage | None:
        """The next packet among the bytes received, or what was met in its place."""
        return self._reader.next()

    def pull(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for bytes and take them in; False if none came."""
        count = self._link.read_into(self._reader.space(), timeout)
        self._reader.filled(count)
        self.heard += count
        return count > 0

    def packet(self, until: float) -> Packet:
        """Wait for a packet, over any noise before it.

        Args:
            until: When to give up, on `clock`.

        Raises:
            DeadlineError: Nothing came that resembles a packet.
            DamagedPacketError: Something did, but none was whole.
        """
        damage: Damage | None = None
        while True:
            event = self.event()
            if isinstance(event, Packet):
                return event
            if event is None:
                remaining = until - self.clock.now()
                if remaining <= 0 or not self.pull(remaining):
                    break
            elif event is not Damage.NOISE:
                damage = event
        if damage:
            raise DamagedPacketError(
                f"the sensor's answer came damaged ({damage.value}); check cable and power"
            )
        raise DeadlineError(f"the sensor on {self.path} did not answer in time; check cable and power")

    def drop(self) -> bytes:
        """Forget what has been taken in, and hand it out: bytes that belong to no packet."""
        dropped = self._reader.peek()
        self._reader.reset()
        return dropped

    def flush(self) -> bytes:
        """Forget everything received; tells its first two bytes, so that a lone wake-up byte is noticed."""
        self._reader.reset()
        first = b""
        for _ in range(_FLUSH_READS):
            space = self._reader.space()
            count = self._link.read_into(space, 0)
            if not count:
                break
            first = (first + bytes(space[: min(count, 2)]))[:2]
            self.heard += count
            self._reader.filled(count)
            self._reader.reset()
        self._link.discard_input()
        return first

    def await_idle(self, quiet: float = 0.0, limit: float | None = None) -> None:
        """Wait until nothing has come for two packet times, throwing away what comes.

        A module that was told to send an image cannot be stopped: it sends all of it.

        Args:
            quiet: Seconds of stillness to wait for, where two packet times are less.
            limit: Seconds to wait for it at most; by default what the largest image may take.

        Raises:
            OutOfStepError: It goes on for longer.
        """
        quiet = max(2 * self.rate.packet, self.deadlines.quiet, quiet)
        limit = self.rate.transfer_limit(_LARGEST_IMAGE) if limit is None else limit
        until = self.clock.now() + limit
        self._reader.reset()
        while self.pull(quiet):
            self._reader.reset()
            if self.clock.now() > until:
                raise OutOfStepError(f"what is connected to {self.path} never stops sending")
            self.clock.sleep(NAP)

    def close(self) -> None:
        """Give the port back and overwrite what was received."""
        self._reader.reset()
        self._link.close()
