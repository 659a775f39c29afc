"""Messages in chunks, for links that carry a few bytes at a time; after ISO 18013-5, section 8.3.3.1.1.

Each chunk is one lead byte and some of the message: 0x01 if more follows, 0x00 if this is the last. A chunk
has no number, so nothing here can tell a repeated chunk from a message that repeats itself: what travels in
chunks is signed or sealed, and that does not hold when a chunk came twice. The link below keeps the order.
"""

from collections.abc import Iterator

from contracts.errors import MalformedError

LAST, MORE = 0x00, 0x01
"""The lead byte."""

SMALLEST_CHUNK = 2
"""Bytes: the lead byte, and one of the message."""


class FramingError(MalformedError):
    """A chunk that belongs to no message; what was gathered is gone, and the sender has to begin anew."""


class TooLongError(FramingError):
    """The message is longer than the receiver takes here."""


def chunks(message: bytes, size: int) -> Iterator[bytes]:
    """The chunks of a message, in order.

    Args:
        message: at least one byte.
        size: bytes of the largest chunk, lead byte included.

    Raises:
        ValueError: the message is empty, or no chunk of that size can carry any of it.
    """
    if not message or size < SMALLEST_CHUNK:
        raise ValueError(f"a message of {len(message)} bytes does not go into chunks of {size}")
    return _cut(message, size - 1)


def _cut(message: bytes, step: int) -> Iterator[bytes]:
    for start in range(0, len(message), step):
        lead = MORE if start + step < len(message) else LAST
        yield bytes([lead]) + message[start : start + step]


class Reassembly:
    """Gathers the chunks of one message after the other, and never more than `limit` bytes.

    Chunks may be of any length: a sender is free to use less than the link would carry. After a refusal
    everything is refused until `reset`, so that the rest of a broken message is not taken for a new one.

    Attributes:
        limit: bytes of the longest message that is taken; may be changed between two messages.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._gathered = bytearray()
        self._broken = False

    @property
    def pending(self) -> int:
        """Bytes of an unfinished message."""
        return len(self._gathered)

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next chunk.

        Returns:
            The message, if this was its last chunk.

        Raises:
            TooLongError: with this chunk the message is longer than `limit`.
            FramingError: the chunk is empty, or says neither that more follows nor that it is the last; or
                an earlier chunk was refused.
        """
        try:
            return self._feed(chunk)
        except FramingError:
            self._gathered.clear()
            self._broken = True
            raise

    def reset(self) -> None:
        """Forget an unfinished or broken message."""
        self._gathered.clear()
        self._broken = False

    def _feed(self, chunk: bytes) -> bytes | None:
        if self._broken:
            raise FramingError("an earlier chunk was refused; begin the message anew")
        if len(chunk) < SMALLEST_CHUNK:
            raise FramingError(f"a chunk has {SMALLEST_CHUNK} bytes or more, this one {len(chunk)}")
        if chunk[0] not in (LAST, MORE):
            raise FramingError(f"a chunk begins with 00 or 01, this one with {chunk[0]:02x}")
        if len(self._gathered) + len(chunk) - 1 > self.limit:
            raise TooLongError(f"the message is longer than {self.limit} bytes, the most that is taken here")
        self._gathered += memoryview(chunk)[1:]
        if chunk[0] == MORE:
            return None
        message = bytes(self._gathered)
        self._gathered.clear()
        return message
