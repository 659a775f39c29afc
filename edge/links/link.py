"""What every way out of the kiosk has in common: send one message, hand in what comes, say how it stands."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from edge.errors import UnavailableError


class LinkState(Enum):
    """How a link stands."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    """Lost or never had; the next try follows after a back-off."""
    REFUSED = "refused"
    """The other side knows us not or forbids us: a matter for the operator, tried again at long intervals."""


@dataclass(frozen=True)
class LinkStatus:
    """State of a link and, where something is amiss, what it is."""

    state: LinkState
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.state.value} ({self.detail})" if self.detail else self.state.value


class LinkDownError(UnavailableError):
    """The message did not leave, because the link is down; no attempt is counted."""


class LinkLostError(UnavailableError):
    """The link was lost while the message was under way: nobody knows whether it arrived."""


class LinkRefusedError(UnavailableError):
    """The message left, but the other side did not take it over; the text says why."""


Hear = Callable[[bytes], None]
"""Takes one incoming message; it is acknowledged when this returns, and comes again if this raises."""

StateChanged = Callable[[LinkStatus], None]


@dataclass(frozen=True)
class Announcement:
    """What is said of one connection.

    Attributes:
        birth: signed, to be published when the connection stands.
        death: signed, to be published when it ends: by the broker, if the kiosk cannot.
    """

    birth: bytes
    death: bytes


Announce = Callable[[], Announcement]
"""The announcement of a connection that is about to be made."""


class Link(Protocol):
    """A transport: MQTT today; each new one is a file of its own."""

    @property
    def status(self) -> LinkStatus:
        """How the link stands now."""

    def start(self) -> None:
        """Begin to connect, and to stay connected, in the background."""

    def stop(self) -> None:
        """Disconnect in good order."""

    def send(self, message: bytes, *, again: bool) -> None:
        """Hand one message over; returns when the other side has it, which is not yet a receipt.

        Args:
            message: as it was signed.
            again: it may have been sent before; said beside the message where the transport has a place for
                it, so that who counts there can tell a resend from news. Nothing depends on it.

        Raises:
            LinkDownError: there is no connection, and nothing left.
            LinkLostError: the connection was lost before the other side said that it has it.
            LinkRefusedError: it was not taken over in time, or was refused.
        """
