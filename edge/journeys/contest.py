"""A person objects to a recovery that somebody has begun: they still have their fingers."""

from contracts.acts import Contest
from edge.errors import NotFoundError
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.unlocking import SEARCH_LIMIT, unlocked
from edge.journeys.visit import Visit
from edge.state import identities, subjects
from edge.state.database import Database


def contest(visit: Visit, recovery: bytes | None = None, subject: bytes | None = None) -> SignedAct:
    """End a recovery. Who fears the next one names another guardian: `edge.journeys.entrust`.

    Args:
        visit: the errand.
        recovery: its id; None for the one that the gateway has told of.
        subject: whose; None to find out by the finger.

    Raises:
        NotFoundError: no recovery is known here.
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press.
    """
    desk = visit.desk
    desk.outbox.check_room()
    people = subjects.candidates(desk.database, subject, SEARCH_LIMIT)
    if recovery is None and len(people) == 1:
        _known(desk.database, people[0].address)
    with unlocked(visit, people) as me:
        contested = recovery or _known(desk.database, me.subject)
        signed = sign(visit, me, Contest(me.subject, contested, visit.deadline()))
    return hand_in(visit, signed, contested)


def _known(database: Database, subject: bytes) -> bytes:
    pending = identities.recovery_of(database, subject)
    if pending is None:
        raise NotFoundError("no recovery is known here; if you were told of one, name it: 0x…")
    return pending.id
