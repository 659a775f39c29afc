"""A person ends their identity for good, and with it every consent that it gave."""

from contracts.acts import Deactivate
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.unlocking import SEARCH_LIMIT, unlocked
from edge.journeys.visit import Visit
from edge.state import subjects


def deactivate(visit: Visit, subject: bytes | None = None) -> SignedAct:
    """End an identity. Once the ledger has it, this kiosk forgets the person's fingers, records and phones.

    Args:
        visit: the errand.
        subject: whose; None to find out by the finger.

    Raises:
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press.
    """
    desk = visit.desk
    desk.outbox.check_room()
    with unlocked(visit, subjects.candidates(desk.database, subject, SEARCH_LIMIT)) as me:
        signed = sign(visit, me, Deactivate(me.subject, visit.deadline()))
    return hand_in(visit, signed, signed.act.signer_address)
