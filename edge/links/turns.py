"""Which of several carriers goes next: one that failed goes behind those that did not, whoever came last.

A carrier fails when it refuses, is silent or leaves; and when it says that it brought a message, and the
message has to be sent again for want of a receipt. No I/O.
"""

from collections.abc import Sequence

MAX_BROUGHT = 256
"""Messages of which it is remembered who brought them: more than are on their way at a time."""


class Turns:
    """For one thread at a time, but for `order`."""

    def __init__(self) -> None:
        self._failures = 0
        self._failed: dict[bytes, int] = {}  # by carrier: which failure was its last
        self._brought: dict[bytes, bytes] = {}  # by message: its carrier, the earliest message first

    def order(self, carriers: Sequence[bytes]) -> list[bytes]:
        """The carriers' keys: first those that never failed, as given, then by how long ago they failed."""
        return sorted(carriers, key=lambda carrier: self._failed.get(carrier, 0))

    def failed(self, carrier: bytes) -> None:
        """It goes to the back."""
        self._failures += 1
        self._failed[carrier] = self._failures

    def brought(self, carrier: bytes, message: bytes) -> None:
        """It says that it brought the message with this digest; the receipt will tell."""
        self._brought[message] = carrier
        if len(self._brought) > MAX_BROUGHT:
            del self._brought[next(iter(self._brought))]

    def sent_again(self, message: bytes) -> None:
        """No receipt came for a message: who says that it was brought goes to the back."""
        carrier = self._brought.pop(message, None)
        if carrier is not None:
            self.failed(carrier)
