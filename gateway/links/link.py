"""What every way between the gateway and its kiosks has in common; each transport is a module of its own.

A link is open from its making until `close`. What it brings in is signed by a kiosk, what it takes out is
signed by the gateway: a link is a carrier, and may lose, delay, repeat or be a stranger's.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

Receive = Callable[[str, bytes, bool], None]
"""Takes the id of the kiosk from which a message claims to come, the message, and whether the kiosk says that
it may have sent it before, where the transport has a place for that; on a thread of the link's.

The link acknowledges the message when this returns. What this raises keeps it unacknowledged, so that it
comes again."""

Appeared = Callable[[str], None]
"""Takes the id of a kiosk that has just come within reach, and may have missed notices."""


Hear = Callable[[str, str, bytes], None]
"""Takes what a kiosk says of itself: the word in its topic, the kiosk's id in it, and the message; otherwise
as `Receive`."""


class Link(Protocol):
    """A way to the kiosks."""

    @property
    def name(self) -> str:
        """Which transport it is, for `/health`: `mqtt`, `ble`."""

    @property
    def connected(self) -> bool:
        """Whether kiosks can be heard over it at this moment."""

    @property
    def peer_certificate_end(self) -> datetime | None:
        """When the certificate of the other side ends, which its operator renews; None if there is none."""

    def send(self, kiosk_id: str, message: bytes) -> bool:
        """Hand over a message for a kiosk; does not wait for the kiosk.

        Returns:
            Whether the link took the message: False where it knows no such kiosk, or has no room. True is no
            proof of delivery, which only the kiosk's silence gives: it repeats what it has no receipt for.
        """

    def close(self) -> None:
        """End the link in good order; nothing is received after this."""
