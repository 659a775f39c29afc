"""The link by phones: a paired phone that has a network of its own carries messages and receipts.

The phone is not trusted: what it carries is signed by kiosk and gateway, and it may lose it, as any link.
"""

from contracts.errors import ContractError
from edge.links.link import LinkDownError, LinkLostError, LinkRefusedError, LinkState, LinkStatus
from edge.phones.duplex import DuplexClosedError
from edge.phones.room import Room

NAME = "phones"


class PhoneLink:
    """Every phone in the room that has offered to carry; implements `edge.links.link.Link`."""

    def __init__(self, room: Room) -> None:
        self._room = room

    @property
    def status(self) -> LinkStatus:
        """Up as long as there is such a phone."""
        carriers = self._room.carriers()
        if carriers:
            return LinkStatus(LinkState.UP, f"by {carriers[0].label}")
        return LinkStatus(LinkState.DOWN, "no phone here carries messages")

    def start(self) -> None:
        """Nothing to do: phones come by themselves."""

    def stop(self) -> None:
        """Nothing to do: they leave by themselves."""

    def send(self, message: bytes, *, again: bool) -> None:  # noqa: ARG002 - HTTP has no place for it
        """Have the phone that came last bring the message to the gateway.

        Raises:
            LinkDownError: no phone here carries messages.
            LinkLostError: the phone left on the way.
            LinkRefusedError: the gateway refused, or the phone cannot reach it.
        """
        carriers = self._room.carriers()
        if not carriers:
            raise LinkDownError("no phone here carries messages")
        try:
            complaint = carriers[0].carry(message)
        except DuplexClosedError as error:
            raise LinkLostError(f"the phone left with the message: {error}") from None
        except ContractError as error:  # longer than a session carries
            raise LinkRefusedError(str(error)) from None
        if complaint is not None:
            raise LinkRefusedError(f"the phone could not hand it in: {complaint}")
