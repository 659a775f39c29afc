"""The link by phones: a paired phone that has a network of its own carries messages and receipts.

The phone is not trusted: what it carries is signed by kiosk and gateway, and it may lose it, as any link. One
that loses messages, or keeps them waiting, goes behind the others.
"""

from hashlib import sha256

from contracts.errors import ContractError
from edge.links.link import LinkDownError, LinkLostError, LinkRefusedError, LinkState, LinkStatus
from edge.links.turns import Turns
from edge.phones.duplex import DuplexClosedError
from edge.phones.guest import Guest
from edge.phones.room import Room

NAME = "phones"


class PhoneLink:
    """Every phone in the room that has offered to carry; implements `edge.links.link.Link`."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._turns = Turns()

    @property
    def status(self) -> LinkStatus:
        """Up as long as there is such a phone."""
        carrier = self._next()
        if carrier is None:
            return LinkStatus(LinkState.DOWN, "no phone here carries messages")
        return LinkStatus(LinkState.UP, f"by {carrier.label}")

    def start(self) -> None:
        """Nothing to do: phones come by themselves."""

    def stop(self) -> None:
        """Nothing to do: they leave by themselves."""

    def send(self, message: bytes, *, again: bool) -> None:  # noqa: ARG002 - HTTP has no place for it
        """Have a phone bring the message to the gateway: the one that came last, of those that do not fail.

        Raises:
            LinkDownError: no phone here carries messages.
            LinkLostError: the phone left on the way.
            LinkRefusedError: the gateway refused, or the phone cannot reach it.
        """
        digest = sha256(message).digest()
        self._turns.sent_again(digest)
        carrier = self._next()
        if carrier is None:
            raise LinkDownError("no phone here carries messages")
        try:
            complaint = carrier.carry(message)
        except DuplexClosedError as error:
            self._turns.failed(carrier.key)
            raise LinkLostError(f"the phone left with the message: {error}") from None
        except ContractError as error:  # longer than a session carries
            raise LinkRefusedError(str(error)) from None
        if complaint is not None:
            self._turns.failed(carrier.key)
            raise LinkRefusedError(f"the phone could not hand it in: {complaint}")
        self._turns.brought(carrier.key, digest)

    def _next(self) -> Guest | None:
        """Whose turn it is."""
        carriers = {carrier.key: carrier for carrier in self._room.carriers()}
        order = self._turns.order(list(carriers))
        return carriers[order[0]] if order else None
