"""The EF01 frame as the sensor's side writes and reads it (ZFM-20 manual 2.0, R503 manual 1.4.1)."""

from dataclasses import dataclass
from enum import IntEnum

HEADER = b"\xef\x01"
ADDRESS_END = len(HEADER) + 4
PREFIX_LENGTH = ADDRESS_END + 3  # packet identifier 1, length 2
CHECKSUM_LENGTH = 2
LENGTHS = range(CHECKSUM_LENGTH + 1, CHECKSUM_LENGTH + 256 + 1)
"""The length field counts payload and checksum; no module can be set to larger packets than 256 bytes."""


class Pid(IntEnum):
    """Packet identifier."""

    COMMAND = 0x01
    DATA = 0x02
    ACK = 0x07
    LAST_DATA = 0x08


@dataclass(frozen=True)
class Packet:
    """One frame off the wire; `intact` tells whether its checksum held."""

    address: bytes
    pid: int
    payload: bytes
    intact: bool


def checksum(body: bytes) -> int:
    """16-bit sum of identifier, length and payload, carries dropped."""
    return sum(body) & 0xFFFF


def encode(address: bytes, pid: int, payload: bytes) -> bytes:
    """The frame that carries `payload` (1 to 256 bytes) from or to the module at `address` (4 bytes)."""
    body = bytes([pid]) + (len(payload) + CHECKSUM_LENGTH).to_bytes(2, "big") + payload
    return HEADER + address + body + checksum(body).to_bytes(CHECKSUM_LENGTH, "big")


class PacketReader:
    """Cuts a stream of bytes into frames and skips what is none."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self.skipped = 0
        """Bytes so far that belonged to no frame."""

    def reset(self) -> None:
        """Give up the frame that has begun."""
        self.skipped += len(self._pending)
        self._pending.clear()

    def feed(self, data: bytes) -> list[Packet]:
        """Take `data` off the wire; returns the frames that it completes."""
        self._pending += data
        packets = []
        while (packet := self._next()) is not None:
            packets.append(packet)
        return packets

    def _next(self) -> Packet | None:
        while True:
            self._skip_to_header()
            if len(self._pending) < PREFIX_LENGTH:
                return None
            length = int.from_bytes(self._pending[PREFIX_LENGTH - 2 : PREFIX_LENGTH], "big")
            if length in LENGTHS:
                break
            self._skip(1)
        end = PREFIX_LENGTH + length
        if len(self._pending) < end:
            return None
        frame = bytes(self._pending[:end])
        del self._pending[:end]
        body, total = frame[ADDRESS_END:-CHECKSUM_LENGTH], frame[-CHECKSUM_LENGTH:]
        return Packet(
            address=frame[len(HEADER) : ADDRESS_END],
            pid=frame[ADDRESS_END],
            payload=frame[PREFIX_LENGTH:-CHECKSUM_LENGTH],
            intact=checksum(body) == int.from_bytes(total, "big"),
        )

    def _skip_to_header(self) -> None:
        start = self._pending.find(HEADER)
        if start < 0:  # the last byte may be the first half of a header
            start = len(self._pending) - self._pending.endswith(HEADER[:1])
        self._skip(start)

    def _skip(self, count: int) -> None:
        del self._pending[:count]
        self.skipped += count
