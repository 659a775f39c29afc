"""A person takes a new key: what an old copy of the kiosk's disk opens to is of no use from then on."""

from collections.abc import Sequence

from contracts.acts import Rotate
from edge.errors import RefusedError
from edge.identity.keyring import FORMER_INFO, MOST_FORMER, Keyring, Position, fresh_root, wrap_root
from edge.identity.keys import Signer, signer, wipe
from edge.journeys.finger import Bound, bind_fingers, bound_to, check_fingers
from edge.journeys.fingers import at_home
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.unlocking import Opening, keyring_of, opened
from edge.journeys.visit import Visit
from edge.state import nonces, successors
from edge.state.successors import Successor


def rotate(visit: Visit, fingers: Sequence[Position], subject: bytes | None = None) -> SignedAct:
    """Open with a finger, press the fingers anew that are to open from now on, and change the key.

    Records stay as they are, and open to the new key. Other fingers than those pressed anew are out; they can
    be added again. The new key takes over here when its receipt comes.

    Args:
        visit: the errand.
        fingers: which ones will be pressed anew, in this order; the person's policy stays.
        subject: whose; None to find out by the finger.

    Raises:
        UsageError: so many fingers do not fit the person's policy.
        RefusedError: the identity has changed its key too often, or its record is on a phone.
        EnrolmentError, FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: as at
            enrolment.
    """
    desk = visit.desk
    desk.outbox.check_room()
    people = at_home(desk, subject)
    if len(people) == 1:
        _check(keyring_of(people[0]), fingers)
    with opened(visit, people) as opening:
        _check(opening.keyring, fingers)
        made = bind_fingers(visit, fingers, opening.keyring.policy)
        root = fresh_root()
        try:
            with opening.signer() as me, signer(bytearray(root), me.subject) as heir:
                nonce = nonces.take(desk.database, me.subject)
                act = Rotate(me.subject, heir.address, heir.encryption_public_key, nonce, visit.deadline())
                keyring = _successor(opening, heir, made, root, desk.now())
                signed = sign(visit, me, act)
        finally:
            for secret in (root, *(bound.secret for bound in made)):
                wipe(secret)
    successor = Successor(act.subject, signed.digest, keyring.encode())
    return hand_in(visit, signed, act.subject, lambda database: successors.add(database, successor))


def _successor(opening: Opening, heir: Signer, made: Sequence[Bound], root: bytearray, now: int) -> Keyring:
    subject = opening.subject.address
    before = wrap_root(opening.root, root, subject, FORMER_INFO)
    return Keyring(bound_to(made, root, subject, now), heir.address, (before, *opening.keyring.former))


def _check(keyring: Keyring, fingers: Sequence[Position]) -> None:
    check_fingers(fingers, keyring.policy)
    if len(keyring.former) == MOST_FORMER:
        raise RefusedError(f"this identity has changed its key {MOST_FORMER} times, the most that it can")
