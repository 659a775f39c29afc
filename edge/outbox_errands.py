"""What a technician can ask the agent about its outbox: the queue, a message, a resend, receipts by hand."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.cose import OVERHEAD
from contracts.errors import ContractError
from contracts.hexes import to_hex
from contracts.messages import MAX_RECEIPT, Receipt
from edge.arguments import Arguments
from edge.errands import Errand
from edge.errors import BadDataError, NotFoundError
from edge.events import JsonObject
from edge.journeys.history import act
from edge.journeys.visit import Desk
from edge.links.courier import Courier
from edge.links.entry import Entry
from edge.links.inbox import Inbox
from edge.panel import Conversation


class OutboxErrands:
    """The errands `outbox`, `message`, `retry` and `import`."""

    def __init__(self, desk: Desk, courier: Courier, inbox: Inbox, gateway_key: Ed25519PublicKey) -> None:
        self._desk = desk
        self._courier = courier
        self._inbox = inbox
        self._gateway_key = gateway_key

    def by_name(self) -> Mapping[str, Errand]:
        """The errands, for `edge.errands.Errands`."""
        return {
            "outbox": self._list,
            "message": self._show,
            "retry": self._retry,
            "import": self._import,
        }

    def _list(self, arguments: Arguments, _: Conversation) -> JsonObject:
        arguments.finish()
        queue = self._desk.outbox.queue()
        return {
            "messages": [self._describe(entry) for entry in queue],
            "limit": self._desk.outbox.limit,
            "links": self._courier.links(),
        }

    def _show(self, arguments: Arguments, _: Conversation) -> JsonObject:
        entry = self._desk.outbox.find(arguments.text("digest"))
        arguments.finish()
        described = self._describe(entry)
        if entry.receipt is not None:
            receipt = Receipt.verify(entry.receipt, self._gateway_key)
            described |= {
                "settled_at": entry.settled_at,
                "transaction": receipt.transaction,
                "block": receipt.block,
            }
        return described

    def _retry(self, arguments: Arguments, _: Conversation) -> JsonObject:
        named = arguments.optional_text("digest")
        arguments.finish()
        if named is None:
            return {"retried": self._courier.retry()}
        entry = self._desk.outbox.find(named)
        if entry.status is not None:
            raise NotFoundError(f"message {to_hex(entry.digest)} has its receipt and is not sent again")
        return {"retried": self._courier.retry(entry.digest)}

    def _import(self, arguments: Arguments, _: Conversation) -> JsonObject:
        """One receipt that came by hand, in hex."""
        text = arguments.text("receipt")
        arguments.finish()
        try:
            message = bytes.fromhex(text[: 2 * (MAX_RECEIPT + OVERHEAD)])
        except ValueError:
            raise BadDataError("'receipt' must be hex") from None
        try:
            return {"news": self._inbox.take(message)}
        except ContractError as error:
            raise BadDataError(f"this is no receipt of the kiosk's gateway: {error}") from None

    def _describe(self, entry: Entry) -> JsonObject:
        return act(entry, self._desk.now()) | {
            "sequence": entry.sequence,
            "size": entry.size,
            "attempts": entry.attempts,
            "link": entry.link,
            "again_in": None if entry.status is not None else self._courier.again_in(entry.digest),
        }
