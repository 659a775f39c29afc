"""A person whose fingers no longer open takes a new key, with the code on paper that they entrusted."""

from collections.abc import Sequence

from contracts.acts import Recover, fresh_nonce
from edge.identity import recovery_code
from edge.identity.keyring import Keyring, Policy, Position, fresh_root
from edge.identity.keys import signer, wipe
from edge.journeys.finger import bind_fingers, bound_to, check_fingers
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.visit import Visit
from edge.state import successors
from edge.state.successors import Successor


def recover(
    visit: Visit,
    subject: bytes,
    code: str,
    fingers: Sequence[Position] = (Position.UNNAMED,),
    policy: Policy = Policy.ANY,
) -> SignedAct:
    """Begin to give the identity a new key; at a kiosk where it never was, too.

    For seven days whoever has the present key can contest it, and the present key stays. Then the gateway
    completes the recovery, and the fingers open here. Documents that were stored before stay closed to the
    new key, as the old one is lost: consents that were given stand, new ones take the document anew.

    Args:
        visit: the errand.
        subject: the identifier.
        code: as it stands on the paper.
        fingers: which ones will be pressed, in this order.
        policy: whether any of them opens, or two are asked for.

    Raises:
        BadDataError: it is no code, or a character of it is wrong.
        UsageError, EnrolmentError, RefusedError, WeakCaptureError, CancelledError, SensorError: as at
            enrolment.
    """
    desk = visit.desk
    check_fingers(fingers, policy)
    desk.outbox.check_room()
    with recovery_code.guardian(recovery_code.secret_of(code)) as guardian:
        made = bind_fingers(visit, fingers, policy)
        root = fresh_root()
        try:
            with signer(bytearray(root), subject) as heir:
                nonce, until = fresh_nonce(), visit.deadline()
                act = Recover(subject, heir.address, heir.encryption_public_key, nonce, until)
                keyring = Keyring(bound_to(made, root, subject, desk.now()), heir.address)
                signed = sign(visit, guardian, act)
        finally:
            for secret in (root, *(bound.secret for bound in made)):
                wipe(secret)
    successor = Successor(subject, signed.digest, keyring.encode())
    return hand_in(visit, signed, subject, lambda database: successors.add(database, successor))
