"""How long things may take: the deadlines of each phase, reckoned from the line rate."""

import time
from dataclasses import dataclass

from drivers.packets import OVERHEAD

BITS_PER_BYTE = 10
"""8N1: a start bit, eight data bits, a stop bit."""


class Clock:
    """The time by which deadlines are kept; a simulated line may bring its own, which runs faster."""

    def now(self) -> float:
        """Seconds since some moment, never running back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass; none if negative."""
        time.sleep(max(0.0, seconds))


@dataclass(frozen=True)
class Deadlines:
    """Seconds to wait for the sensor, apart from the time that the line itself takes.

    Attributes:
        capture: For the answer to GenImg, which scans the glass: under 0.3 s on an R307, up to 1 s on older
            kin.
        answer: For every other answer, and for the first packet of an image.
        idle: For the next byte of an image, on top of three packet times.
        quiet: How long the line must be still to count as idle, if two packet times are less. Longer than a
            USB adapter holds bytes back (16 ms by default).
    """

    capture: float = 1.0
    answer: float = 0.5
    idle: float = 0.1
    quiet: float = 0.05

    @property
    def longest(self) -> float:
        """The longest that any one command may keep the sensor busy before it answers."""
        return max(self.capture, self.answer)


@dataclass(frozen=True)
class LineRate:
    """The line as it is set now.

    Attributes:
        baud: Bits per second.
        packet_size: Payload bytes of a data packet: 32, 64, 128 or 256.
    """

    baud: int
    packet_size: int

    def seconds(self, count: int) -> float:
        """The time that `count` bytes take on the wire."""
        return count * BITS_PER_BYTE / self.baud

    @property
    def packet(self) -> float:
        """The time of one full data packet, in seconds."""
        return self.seconds(self.packet_size + OVERHEAD)

    def wire_bytes(self, payload: int) -> int:
        """Bytes on the wire for `payload` bytes of data."""
        packets = -(-payload // self.packet_size)
        return payload + packets * OVERHEAD

    def transfer_limit(self, payload: int) -> float:
        """The longest that a transfer of `payload` bytes may take in all, in seconds.

        Modules send their packets nearly back to back; twice that and a second is a sensor that trickles.
        """
        return 2 * self.seconds(self.wire_bytes(payload)) + 1
