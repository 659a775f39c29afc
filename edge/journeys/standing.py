"""How a request stands, as far as this kiosk knows: read off the messages that answered it."""

from enum import Enum

from contracts.acts import ActKind, Request
from contracts.messages import ReceiptStatus
from edge.links.outbox import Outbox


class Standing(Enum):
    """Where a request stands. The -ing ones are signed here and wait for the gateway's receipt."""

    OPEN = "open"
    GRANTING = "granting"
    GRANTED = "granted"
    DENYING = "denying"
    DENIED = "denied"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


_ANSWERED = {
    ActKind.GRANT: (Standing.GRANTING, Standing.GRANTED),
    ActKind.RENEW: (Standing.GRANTED, Standing.GRANTED),
    ActKind.DENY: (Standing.DENYING, Standing.DENIED),
    ActKind.WITHDRAW: (Standing.WITHDRAWING, Standing.WITHDRAWN),
}


def standing(outbox: Outbox, request: Request, now: int) -> Standing:
    """How a request stands at `now` (Unix seconds): by its last answer that counts or may, else by its time.

    An answer whose deadline has passed without a receipt does not, so that the person can answer again.
    """
    answer = outbox.latest(request.hash_struct())
    if answer is not None:
        return _ANSWERED[answer.act][answer.status is ReceiptStatus.FINAL]
    return Standing.OPEN if now < request.expiry else Standing.EXPIRED


def may_be_granted(outbox: Outbox, request: bytes) -> bool:
    """Whether a grant went out whose receipt never came: late by the clock here, but it may have arrived."""
    late = outbox.late(request)
    return late is not None and late.act in (ActKind.GRANT, ActKind.RENEW)
