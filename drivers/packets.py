"""Packets of the EF01 protocol: encoding, and a reader that turns bytes into packets. No I/O here.

A packet is header EF 01, address (4), kind (1), length (2, payload and checksum), payload, checksum (2): the
16-bit sum of kind, length and payload. Numbers are big-endian. The payload of an image may well contain the
header (white pixels are F), so the reader follows the length field, and looks for a header only at the start
and after an error.

The reader keeps what it has not yet handed out in one buffer of fixed size, which never moves and is
overwritten as it is consumed: no image byte is left behind in it.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

HEADER = b"\xef\x01"
BROADCAST = b"\xff\xff\xff\xff"
"""The address that every module has from the factory."""

OVERHEAD = 11
"""Bytes of a packet that are not payload: header 2, address 4, kind 1, length 2, checksum 2."""

MIN_LENGTH = 3
MAX_LENGTH = 258
"""Bounds of the length field: one byte of payload to 256, and the checksum. The manuals say 256 at most, but
data packets of 256 bytes, which they also offer, have length 258 on the wire."""

_FIXED = 9  # header, address, kind and length: what must be there before the length is known
_CAPACITY = 8192  # holds what a tty keeps for us (4095 bytes) twice over


class Kind(IntEnum):
    """What a packet is; the manuals call it PID."""

    COMMAND = 0x01
    DATA = 0x02
    ACK = 0x07
    LAST_DATA = 0x08


class Damage(Enum):
    """What the reader met in place of a packet."""

    NOISE = "bytes outside any packet"
    LENGTH = "a length that cannot be"
    KIND = "an unknown kind of packet"
    CHECKSUM = "a wrong checksum"


@dataclass(eq=False, repr=False)
class Packet:
    """One packet whose checksum, length and kind hold.

    Attributes:
        kind: What it is.
        payload: 1 to 256 bytes, owned by whoever takes the packet; `wipe` it when done.
    """

    kind: Kind
    payload: bytearray

    def wipe(self) -> None:
        """Overwrite the payload."""
        wipe(self.payload)

    def __repr__(self) -> str:
        return f"Packet({self.kind.name}, {len(self.payload)} bytes)"


def wipe(buffer: bytearray | memoryview) -> None:
    """Overwrite a buffer with zeros, in place."""
    buffer[:] = bytes(len(buffer))


def checksum(covered: bytes | bytearray | memoryview) -> int:
    """The protocol's checksum of kind, length and payload: their sum, 16 bits."""
    return sum(covered) & 0xFFFF


def encode(kind: Kind, payload: bytes, address: bytes = BROADCAST) -> bytes:
    """One packet, ready for the wire.

    Raises:
        ValueError: The payload is empty or longer than 256 bytes.
    """
    length = len(payload) + 2
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise ValueError(f"a packet carries 1 to 256 bytes, not {len(payload)}")
    covered = bytes([kind]) + length.to_bytes(2, "big") + payload
    return HEADER + address + covered + checksum(covered).to_bytes(2, "big")


class PacketReader:
    """Takes bytes as they come, in any pieces, and gives packets.

    Put bytes into `space()` and tell `filled(n)`, or `feed(data)`; then call `next()` until it gives None.

    Args:
        address: Only packets that carry this address exist; anything else is noise.
    """

    def __init__(self, address: bytes = BROADCAST) -> None:
        self._start_mark = HEADER + address
        self._buffer = bytearray(_CAPACITY)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self._resynchronising = False

    def space(self) -> memoryview:
        """Where the next bytes go: at least half of the buffer, if `next()` was called until it gave None."""
        if self._end > _CAPACITY // 2:
            kept = self._end - self._start
            self._view[:kept] = self._view[self._start : self._end]
            wipe(self._view[kept : self._end])
            self._start, self._end = 0, kept
        return self._view[self._end :]

    def filled(self, count: int) -> None:
        """Tell that the first `count` bytes of `space()` now hold received bytes."""
        self._end += count

    def feed(self, data: bytes | bytearray) -> None:
        """Copy bytes in, at most as many as `space()` has.

        Raises:
            ValueError: There are more than that.
        """
        self.space()[: len(data)] = data
        self.filled(len(data))

    @property
    def held(self) -> int:
        """Bytes that were put in and not yet handed out or skipped."""
        return self._end - self._start

    def peek(self) -> bytes:
        """What is held."""
        return bytes(self._view[self._start : self._end])

    def next(self) -> Packet | Damage | None:
        """The next packet, or what was met in its place, or None when more bytes are needed.

        A run of noise is told once, whatever pieces it comes in. After damage the reader looks for the next
        header by itself, beginning right after the damaged one's.
        """
        if self._skip_to_header() and not self._resynchronising:
            self._resynchronising = True
            return Damage.NOISE
        available = self.held
        if available < _FIXED:
            return None
        kind = self._buffer[self._start + 6]
        length = int.from_bytes(self._view[self._start + 7 : self._start + 9], "big")
        if kind not in _KINDS:
            return self._damaged(Damage.KIND)
        if not MIN_LENGTH <= length <= MAX_LENGTH:
            return self._damaged(Damage.LENGTH)
        if available < _FIXED + length:
            return None
        body = self._view[self._start + 6 : self._start + _FIXED + length]
        if checksum(body[:-2]) != int.from_bytes(body[-2:], "big"):
            return self._damaged(Damage.CHECKSUM)
        packet = Packet(Kind(kind), bytearray(body[3:-2]))
        self._consume(_FIXED + length)
        self._resynchronising = False
        return packet

    def reset(self) -> None:
        """Forget, and overwrite, everything that was received."""
        wipe(self._view)
        self._start = self._end = 0
        self._resynchronising = False

    def _skip_to_header(self) -> bool:
        """Consume what cannot begin a packet; True if that was anything."""
        position = self._buffer.find(self._start_mark, self._start, self._end)
        if position < 0:
            position = self._end - self._begun_mark()
        skipped = position - self._start
        self._consume(skipped)
        return skipped > 0

    def _begun_mark(self) -> int:
        """How many of the last bytes may be the beginning of a header and address that is still arriving."""
        for count in range(min(len(self._start_mark) - 1, self._end - self._start), 0, -1):
            if self._buffer.startswith(self._start_mark[:count], self._end - count, self._end):
                return count
        return 0

    def _damaged(self, damage: Damage) -> Damage:
        self._consume(len(HEADER))
        self._resynchronising = True
        return damage

    def _consume(self, count: int) -> None:
        wipe(self._view[self._start : self._start + count])
        self._start += count
        if self._start == self._end:
            self._start = self._end = 0


_KINDS = frozenset(Kind)
