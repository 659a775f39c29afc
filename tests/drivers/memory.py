"""A link without a port: what it gives is written down beforehand, and nothing takes time."""

from collections.abc import Iterable

from drivers.link import Link


class MemoryLink(Link):
    """Gives the pieces one by one, then nothing.

    Attributes:
        written: What was sent.
    """

    path = "memory"
    baud = 57600

    def __init__(self, pieces: Iterable[bytes] = ()) -> None:
        self.written = b""
        self._pieces = [piece for piece in pieces if piece]

    def write(self, packet: bytes) -> None:
        self.written += packet

    def read_into(self, space: memoryview, timeout: float) -> int:
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        taken = min(len(piece), len(space))
        space[:taken] = piece[:taken]
        if piece[taken:]:
            self._pieces.insert(0, piece[taken:])
        return taken

    def discard_input(self) -> None:
        pass

    def drain(self) -> None:
        pass
