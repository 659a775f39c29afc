"""What happens on a phone, told as it happens; requests and receipts for a screen or a script."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.messages import Receipt
from edge.phone.state import HeardRequest, HeldReceipt, Kiosk


@dataclass(frozen=True)
class Happened:
    """Something to tell the person.

    Attributes:
        what: `number` (of a pairing), `request`, `receipt`, `lent`, `handed_over`, `carried`, `not_carried`,
            `brought_back`, `ignored`.
        detail: of it, for a screen or a script.
    """

    what: str
    detail: dict[str, object]


Tell = Callable[[Happened], None]


def request_json(heard: HeardRequest, kiosk: Kiosk) -> dict[str, object]:
    """A request for a screen or a script, with the kiosk whose word it is."""
    request = heard.signed.request
    return {
        "request": heard.request,
        "requester": request.requester,
        "requester_name": heard.name,
        "purpose": heard.signed.purpose.text,
        "kind": heard.kind,
        "subject": request.subject,
        "record": request.record,
        "expiry": request.expiry,
        "state": heard.state,
        "kiosk": kiosk.kiosk_id.hex(),
    }


def receipt_json(held: HeldReceipt, receipt: Receipt, kiosk: Kiosk) -> dict[str, object]:
    """A receipt for a screen or a script, with the kiosk by whose word it is for this act."""
    return {
        "act": held.act,
        "about": held.about,
        "digest": receipt.digest,
        "status": receipt.status.name.lower(),
        "transaction": receipt.transaction,
        "block": receipt.block,
        "reason": receipt.reason,
        "at": receipt.at,
        "kiosk": kiosk.kiosk_id.hex(),
    }
