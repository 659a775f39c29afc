"""The person is told, at their next visit, what became of acts that did not end as they were left to expect.

Somebody who presses a finger while the kiosk is off line leaves with "queued". If the act is rejected later,
or its deadline passes on the way, they hear so as soon as their finger has opened their record, and not
before: it is nobody else's business. Likewise of a recovery that somebody has begun.
"""

from contracts.messages import ReceiptStatus
from edge.events import EndedBadly, RecoveryUnderWay
from edge.journeys.visit import Visit
from edge.links.entry import Entry
from edge.state import identities

LATE, REJECTED, FINAL = "late", "rejected", "final"


def outcome(entry: Entry, now: float) -> str | None:
    """How an act has ended, as far as the kiosk can know: by its receipt, else by its deadline."""
    if entry.status is ReceiptStatus.REJECTED:
        return REJECTED
    if entry.status is ReceiptStatus.FINAL:
        return FINAL
    return LATE if entry.is_late(now) else None


def tell(visit: Visit, subject: bytes) -> None:
    """Report what this person has not heard yet, and note that they have.

    Args:
        visit: the errand.
        subject: the person, whose finger was recognised.

    Raises:
        StateError: it could not be noted; it will be told again.
    """
    desk = visit.desk
    pending = identities.recovery_of(desk.database, subject)
    if pending is not None:
        visit.report(RecoveryUnderWay(subject, pending.id, pending.new_key, pending.ready))
    for entry in desk.outbox.of(subject):
        ended = outcome(entry, desk.now())
        if ended is None or ended == entry.told:
            continue
        visit.report(
            EndedBadly(
                digest=entry.digest,
                act=entry.act.name.lower(),
                about=entry.about,
                signed_at=int(entry.queued_at),
                outcome=ended,
                reason=entry.complaint if ended == REJECTED else "",
            )
        )
        desk.outbox.set_told(entry.digest, ended)
