"""The end of every journey: the person's key signs, the kiosk signs around it, and the outbox has it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from contracts.acts import Act
from contracts.messages import KioskMessage
from edge.events import Queued, Signed
from edge.identity.keys import Signer
from edge.identity.recovery_code import Guardian
from edge.journeys.visit import Visit
from edge.state.database import Database


@dataclass(frozen=True)
class SignedAct:
    """An act with the person's signature, inside the kiosk's message.

    Attributes:
        act: what was signed.
        digest: its EIP-712 digest, 32 bytes.
        message: COSE bytes for the gateway.
    """

    act: Act
    digest: bytes
    message: bytes

    @property
    def name(self) -> str:
        """Name of the act, such as enrol or grant."""
        return self.act.KIND.name.lower()


def sign(visit: Visit, me: Signer | Guardian, act: Act, encrypted: bytes | None = None) -> SignedAct:
    """Sign an act with the person's key, and the message around it with the kiosk's.

    Args:
        visit: the errand.
        me: the person's keys, or for a recovery the guardian's.
        act: what they want.
        encrypted: the encrypted record that a `Register` act commits to.
    """
    visit.check_cancelled()
    desk = visit.desk
    while desk.outbox.knows(act.digest(desk.domain)):
        # The same answer was signed and rejected in this very second: without a nonce, only the deadline
        # tells the two apart, and the receipt for the one must not settle the other.
        act = replace(act, deadline=act.deadline - 1)
    with visit.timing("sign"):
        message = KioskMessage(
            environment=desk.domain.environment,
            act=act,
            signature=me.sign(act, desk.domain),
            captured_at=desk.now(),
            object=encrypted,
            on_ledger=desk.on_ledger and encrypted is not None,
        ).sign(desk.device_key)
    signed = SignedAct(act, act.digest(desk.domain), message)
    visit.report(Signed(signed.name, signed.digest))
    return signed


def hand_in(
    visit: Visit, signed: SignedAct, about: bytes, remember: Callable[[Database], None] | None = None
) -> SignedAct:
    """Put a signed act in the outbox, together with what the kiosk is to remember of it, or neither.

    Args:
        visit: the errand.
        signed: the act.
        about: the subject, record or request that it is about.
        remember: writes to the kiosk's state, in the same transaction.

    Raises:
        StateError: the disk is full; nothing was written.
    """
    desk = visit.desk
    with desk.database.transaction():
        if remember is not None:
            remember(desk.database)
        desk.outbox.put(
            signed.digest,
            signed.act.KIND,
            signed.act.signer_address,
            about,
            signed.message,
            deadline=signed.act.deadline,
        )
    visit.report(Queued(signed.digest, desk.outbox.waiting()))
    return signed
