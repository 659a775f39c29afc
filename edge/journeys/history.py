"""What was signed at this kiosk, and what became of it."""

from edge.events import JsonObject
from edge.journeys.telling import outcome
from edge.journeys.visit import Desk
from edge.links.entry import Entry

MOST = 500
"""Acts in a history; the ledger has them all."""


def history(desk: Desk, subject: bytes | None) -> list[JsonObject]:
    """The acts of one person, or of everybody, the latest first."""
    return [act(entry, desk.now()) for entry in desk.outbox.history(subject, MOST)]


def act(entry: Entry, now: int) -> JsonObject:
    """One act as it travels at the panel.

    `state` is `waiting` (never sent), `sent` (no receipt yet), `late` (the deadline has passed without a
    receipt), `final` or `rejected`.
    """
    return {
        "digest": entry.digest,
        "act": entry.act.name.lower(),
        "subject": entry.subject,
        "about": entry.about,
        "signed_at": int(entry.queued_at),
        "deadline": entry.deadline,
        "state": outcome(entry, now) or ("sent" if entry.attempts else "waiting"),
        "reason": entry.complaint,
    }
