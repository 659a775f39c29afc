"""What leaves the module: bytes, when they may go, and what befalls the module after them."""

from collections.abc import Callable
from dataclasses import dataclass

BITS_PER_BYTE = 10
"""8N1: start bit, eight data bits, stop bit."""


@dataclass(frozen=True)
class Reboot:
    """The module starts anew: password state and image are gone.

    Attributes:
        forgetful: whether baud rate and packet size fall back to the factory's, as if never saved.
    """

    forgetful: bool = False


@dataclass(frozen=True)
class Unplug:
    """The port vanishes and comes back under another name.

    Attributes:
        seconds: how long it is away.
    """

    seconds: float


@dataclass(frozen=True)
class Room:
    """A receiver at the host's end that loses what it has no room for.

    Attributes:
        size: bytes that may lie there unread.
        lost: is told how many bytes were lost, each time.
    """

    size: int
    lost: Callable[[int], None]


@dataclass(frozen=True)
class Send:
    """Bytes that leave the module.

    Attributes:
        data: the bytes, most often one packet.
        baud: the rate at which they leave.
        delay: seconds that the module works before them; nothing without pacing.
        pause: seconds of silence before them, also without pacing.
        at_once: whether they come in one go instead of at the line's pace.
        room: how the host's receiver loses bytes; None where it loses none.
        then: what happens after them.
    """

    data: bytes
    baud: int
    delay: float = 0.0
    pause: float = 0.0
    at_once: bool = False
    room: Room | None = None
    then: Reboot | Unplug | None = None

    @property
    def seconds(self) -> float:
        """The time that the bytes take on the line."""
        return len(self.data) * BITS_PER_BYTE / self.baud
