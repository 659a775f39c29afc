"""A person joins: good presses of a finger or of several, and out of them a key that is stored nowhere."""

from collections.abc import Sequence

from contracts.acts import Enrol
from edge.identity.keyring import Keyring, Policy, Position, fresh_root
from edge.identity.keys import signer, wipe
from edge.journeys.finger import bind_fingers, bound_to, check_fingers
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.visit import Visit
from edge.state import nonces, subjects
from edge.state.subjects import Subject


def enrol(
    visit: Visit, fingers: Sequence[Position] = (Position.UNNAMED,), policy: Policy = Policy.ANY
) -> SignedAct:
    """Enrol a person: their keyring stays here, their public key and address go to the ledger.

    Args:
        visit: the errand.
        fingers: which ones will be pressed, in this order.
        policy: whether any of them opens, or two are asked for.

    Raises:
        UsageError: so many fingers do not fit the policy.
        EnrolmentError: the presses never fitted together; it says what to do.
        RefusedError: two of the fingers are one.
        WeakCaptureError, CancelledError, SensorError, UnavailableError, StateError: as everywhere.
    """
    desk = visit.desk
    check_fingers(fingers, policy)
    desk.outbox.check_room()
    made = bind_fingers(visit, fingers, policy)
    root = fresh_root()
    try:
        with signer(root) as me:
            keyring = Keyring(bound_to(made, root, me.address, desk.now()))
            nonce = nonces.take(desk.database, me.address)
            act = Enrol(me.address, me.encryption_public_key, nonce, visit.deadline())
            signed = sign(visit, me, act)
    finally:
        for bound in made:
            wipe(bound.secret)
    subject = Subject(act.subject, keyring.encode(), desk.now())
    return hand_in(visit, signed, subject.address, lambda database: subjects.add(database, subject))
