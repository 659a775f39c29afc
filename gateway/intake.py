"""Messages of kiosks as they arrive: checked against the directory, journaled, or dropped and counted.

A message that is not by a known kiosk, or not for this environment, leaves no trace but a number: a stranger
can't fill the disk. Whether the act itself holds is for the ledger to say, later, in `gateway.relay`.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.acts import Act, Request
from contracts.eip712 import Domain
from contracts.errors import ContractError
from contracts.labels import clean
from contracts.messages import KioskMessage
from gateway.entries import Arrival, Entry
from gateway.journal import Journal
from gateway.rates import Rate
from gateway.room import Room

LOG = logging.getLogger(__name__)

Send = Callable[[str, bytes], None]
"""Takes a message to a kiosk, by its id; it may get lost, the kiosk repeats its own."""


@dataclass(frozen=True)
class Dropped:
    """A message of which nothing was kept.

    Attributes:
        cause: What it is counted as: "forged", "misplaced", "other environment" or "no room".
        why: One line.
    """

    cause: str
    why: str


class Intake:
    """The gateway's ear."""

    def __init__(
        self,
        journal: Journal,
        kiosks: Mapping[bytes, Ed25519PublicKey],
        domain: Domain,
        send: Send,
        wake: Callable[[], None],
        counts: Counter[str],
        kiosk_rate: Rate | None = None,
    ) -> None:
        """Connect the parts.

        Args:
            journal: Where what arrives is kept.
            kiosks: Directory, kid to public key.
            domain: Where the acts count.
            send: Answers a repeat with the receipt that is there already.
            wake: Called when there is something new to relay.
            counts: Counts what happens, for `/health`.
            kiosk_rate: How often each kiosk may bring an act; what comes faster waits in the journal.
        """
        self._journal, self._kiosks, self._domain = journal, kiosks, domain
        self._send, self._wake, self._counts = send, wake, counts
        self._kiosk_rate, self._room = kiosk_rate, Room(journal)

    def receive(self, kiosk_id: str, payload: bytes, *, again: bool = False) -> Entry | Dropped:
        """Take one message that came as this kiosk's; on the disk, or dropped for good, when this returns.

        Args:
            kiosk_id: Whose it claims to be.
            payload: The message.
            again: Whether the kiosk says that it may have sent it before. It is only counted: beside the
                repeats it tells how much got lost on the way here.

        Raises:
            JournalError: It could not be kept and must come again.
        """
        outcome = self._receive(kiosk_id, payload)
        if isinstance(outcome, Dropped):
            self._counts[f"dropped: {outcome.cause}"] += 1
            LOG.warning("a message from kiosk %s was dropped: %s", clean(kiosk_id, 32), outcome.why)
        elif again:
            self._counts["sent again"] += 1
        return outcome

    def _receive(self, kiosk_id: str, payload: bytes) -> Entry | Dropped:
        try:
            kid, message = KioskMessage.verify(payload, self._kiosks.get)
        except ContractError as error:
            return Dropped("forged", str(error))
        if kid.hex() != kiosk_id:
            return Dropped("misplaced", f"it is signed by kiosk {kid.hex()}")
        if message.environment != self._domain.environment:
            return Dropped("other environment", "it is for another environment")
        if isinstance(message.act, Request):
            return Dropped("misplaced", "requests come from requesters, not from kiosks")
        if not self._room.is_there(kid):
            return Dropped("no room", "too many acts wait for the ledger; the kiosk will repeat it")
        return self._keep(kiosk_id, arrival_of(kid, message, payload, self._domain))

    def _keep(self, kiosk_id: str, arrival: Arrival) -> Entry:
        entry, is_new = self._journal.admit(arrival, self._kiosk_rate)
        if is_new and entry.due:
            self._counts["deferred"] += 1
        self._counts["received" if is_new else "repeated"] += 1
        if is_new:
            self._wake()
        elif entry.receipt is not None:
            self._send(kiosk_id, entry.receipt)
        return entry


def arrival_of(kid: bytes, message: KioskMessage, payload: bytes, domain: Domain) -> Arrival:
    """What the journal keeps of a kiosk's verified message."""
    act = message.act
    return Arrival(
        digest=act.digest(domain),
        kind=act.KIND,
        subject=act.subject,
        request=request_of(act),
        requester=None,
        kiosk=kid,
        message=payload,
        steps=2 if message.on_ledger else 1,
        fingerprint=hashlib.sha256(message.signature + (message.object or b"")).digest(),
    )


def request_of(act: Act) -> bytes | None:
    """Id of the request that an act is about; None for an act that is about none."""
    if isinstance(act, Request):
        return act.hash_struct()
    return getattr(act, "request", None)
