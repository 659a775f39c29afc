"""How a request stands on the ledger; the requesters' desk and the requester's own tool tell it alike."""

import time
from dataclasses import dataclass

from contracts.registry import DEACTIVATED, ConsentState, explain
from gateway.ledger.registry import Registry

OPEN = (ConsentState.REQUESTED, ConsentState.GRANTED)
"""States that time, or the end of the person's identity, brings to nothing."""


@dataclass(frozen=True)
class Standing:
    """How a request stands.

    Attributes:
        state: "received" on its way to the ledger, "rejected" by it, then "requested", "granted", "denied",
            "withdrawn" as the ledger says; "expired", or "ended" together with the person's identity.
        expiry: First second at which the consent, or the request, no longer counts; None before the ledger
            has it.
        reason: Why it was rejected, or has ended.
    """

    state: str
    expiry: int | None
    reason: str


def on_ledger(registry: Registry, request: bytes) -> Standing | None:
    """How the request with this id stands by the ledger's word; None if it has none.

    Raises:
        LedgerError: The ledger can't be asked.
    """
    state, expiry = registry.consent_of(request)
    if state is ConsentState.UNKNOWN:
        return None
    if state in OPEN:
        subject = registry.subject_of(request)
        if subject is not None and registry.key_of(subject) == DEACTIVATED:
            return Standing("ended", expiry, explain("deactivated"))
        if time.time() >= expiry:
            return Standing("expired", expiry, "")
    return Standing(state.name.lower(), expiry, "")
