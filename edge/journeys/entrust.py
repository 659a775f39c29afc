"""A person says who may recover their identity if the fingers are lost: a code on paper, somebody, nobody."""

from contracts.acts import Entrust
from contracts.hexes import ADDRESS_LENGTH
from edge.events import RecoveryCode
from edge.identity import recovery_code
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.unlocking import SEARCH_LIMIT, unlocked
from edge.journeys.visit import Visit
from edge.state import nonces, subjects

NOBODY = bytes(ADDRESS_LENGTH)


def entrust(visit: Visit, guardian: bytes | None = None, subject: bytes | None = None) -> SignedAct:
    """Name the guardian in place of an earlier one. It also ends a recovery that is under way.

    Args:
        visit: the errand.
        guardian: address of the guardian's key; `NOBODY`; None for a new code, which is shown once.
        subject: whose; None to find out by the finger.

    Raises:
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press.
    """
    desk = visit.desk
    desk.outbox.check_room()
    with unlocked(visit, subjects.candidates(desk.database, subject, SEARCH_LIMIT)) as me:
        named = _code_shown(visit) if guardian is None else guardian
        act = Entrust(me.subject, named, nonces.take(desk.database, me.subject), visit.deadline())
        signed = sign(visit, me, act)
    return hand_in(visit, signed, act.subject)


def _code_shown(visit: Visit) -> bytes:
    """Address of a new code, which the person has on the screen now and nobody has afterwards."""
    secret = recovery_code.fresh()
    code = recovery_code.text_of(secret)
    with recovery_code.guardian(secret) as key:
        visit.report(RecoveryCode(code))
        return key.address
