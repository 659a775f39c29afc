"""Recoveries of identities: the people who can contest them are told, and their end is not forgotten.

The contract lets a recovery's key take over seven days after it began, if somebody says so; this gateway
does, for the people of its kiosks, whoever brought the recovery to the ledger.
"""

import logging
import threading
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.acts import Contest, Deactivate, Entrust, Recover, Rotate
from contracts.hexes import ADDRESS_LENGTH, from_hex, to_hex
from contracts.messages import IdentityNotice
from contracts.registry import EVENT_OF, RECOVERED, event_topic
from gateway.entries import State
from gateway.intake import Send
from gateway.journal import Journal
from gateway.ledger.answers import Log
from gateway.ledger.errors import QuestionError
from gateway.ledger.registry import Registry

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Between two looks at the ledger: a recovery takes seven days, and a look is one cheap question."""

SEEN = "identities seen to block"
"""Fact in the journal: how far the ledger's events of identities were read."""

PENDING = "recovery of "
"""Begin of the name of a fact in the journal: that this person's recovery is under way, or has just ended."""

TOLD = b""
"""What that fact says once the kiosks have been told how it stands; until then, what they have to hear of."""

NEW_KEYS = [event_topic(RECOVERED), *(event_topic(EVENT_OF[act]) for act in (Rotate, Deactivate))]
"""Topics of the events that change an identity's key."""

TOPICS = [*NEW_KEYS, *(event_topic(EVENT_OF[act]) for act in (Entrust, Recover, Contest))]
"""Of those, and of the ones that change a recovery."""


class Recoveries:
    """Looks after the identities of people who were at this gateway's kiosks."""

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        environment: str,
        gateway_key: Ed25519PrivateKey,
        confirmations: int,
        send: Send,
        bring: Callable[[bytes], None],
    ) -> None:
        """Connect the parts.

        Args:
            journal: Who was at which kiosk; how far the ledger was read.
            registry: The contract.
            environment: Of the deployment.
            gateway_key: Signs the notices.
            confirmations: Blocks until an event is believed.
            send: Takes a kiosk's id and a message for it.
            bring: Takes call data that is to go to the contract, in a transaction of its own.
        """
        self._journal, self._registry, self._environment = journal, registry, environment
        self._gateway_key, self._confirmations = gateway_key, confirmations
        self._send, self._bring = send, bring
        self._lock = threading.Lock()
        self._appeared: set[bytes] = set()
        self._next_look = 0.0

    def appeared(self, kiosk: bytes) -> None:
        """Note that a kiosk has come up, and may have missed a notice."""
        with self._lock:
            self._appeared.add(kiosk)

    def turn(self) -> bool:
        """Look, if it is time to; False, as no act moves by it.

        Raises:
            LedgerError: The ledger can't be asked; nothing is lost, come again.
            JournalError: The disk refuses.
        """
        self._greet()
        if time.monotonic() >= self._next_look:
            self.look()
            self._next_look = time.monotonic() + LOOK_SECONDS
        return False

    def look(self) -> None:
        """Read what is new on the ledger, tell of it, and complete what is due."""
        self._read()
        for subject in self._pending():
            try:
                self._look_after(subject)
            except QuestionError as error:  # which must not stand in the way of the others
                LOG.warning("the recovery of %s has to wait: %s", to_hex(subject), error)

    def _read(self) -> None:
        """Note whom the events since the last look are about, as far as they are confirmed.

        How far was read and what was there are one write: neither is ever known without the other.
        """
        head = self._registry.client.block_number() - self._confirmations + 1
        seen = self._journal.fact(SEEN)
        first = max(head if seen is None else int(seen) + 1, 0)
        if first > head:
            return
        logs = self._registry.client.logs(self._registry.contract, first, head, [TOPICS])
        with self._journal.together():
            for log in logs:
                self._note(log)
            self._journal.remember(SEEN, str(head).encode())

    def _pending(self) -> list[bytes]:
        names = self._journal.facts(PENDING)
        return [from_hex(name.removeprefix(PENDING), ADDRESS_LENGTH) for name in names]

    def _note(self, log: Log) -> None:
        subject = log.topics[1][-ADDRESS_LENGTH:]
        if log.topics[0] == event_topic(RECOVERED):
            self._journal.enrol_recovered(subject)
        if log.topics[0] in NEW_KEYS:
            self._journal.note_new_key(subject)
        if self._journal.kiosks_of(subject, recovering=True):
            self._journal.remember(PENDING + to_hex(subject), f"block {log.block}".encode())

    def _look_after(self, subject: bytes) -> None:
        name = PENDING + to_hex(subject)
        news = self._journal.fact(name)
        if news is None:  # another gateway on the same journal was quicker
            return
        recovery = self._registry.recovery_of(subject)
        if news != TOLD:
            self._tell(subject, self._journal.kiosks_of(subject, recovering=True))
        known = None if recovery is None else TOLD
        if known != news:
            self._journal.revise(name, news, known)
        if recovery is not None and recovery.ready <= self._now():
            data = self._registry.encode("complete", (subject, recovery.id))
            under_way = self._journal.shipments(State.SIGNED, State.ACCEPTED, State.MINED)
            if not any(shipment.data == data for shipment in under_way):
                LOG.warning("the recovery of %s is due; completing it", to_hex(subject))
                self._bring(data)

    def _now(self) -> int:
        """The ledger's time, by which the contract goes, or ours if no block came of late."""
        block = self._registry.client.block()
        return max(int(time.time()), block.timestamp if block else 0)

    def _greet(self) -> None:
        with self._lock:
            appeared = sorted(self._appeared)
        for kiosk in appeared:
            for subject in self._at(kiosk):
                try:
                    self._tell(subject, [kiosk])
                except QuestionError:
                    self._journal.remember(PENDING + to_hex(subject), b"greeting")  # at the next look, then
            with self._lock:
                self._appeared.discard(kiosk)

    def _at(self, kiosk: bytes) -> list[bytes]:
        """The people about whom a kiosk may have missed something, whoever brought it to the ledger."""
        pending = [
            subject
            for subject in self._pending()
            if kiosk in self._journal.kiosks_of(subject, recovering=True)
        ]
        return sorted({*self._journal.recovered_at(kiosk), *pending})

    def _tell(self, subject: bytes, kiosks: list[bytes]) -> None:
        asked_at = int(time.time())
        key, recovery = self._registry.key_of(subject), self._registry.recovery_of(subject)
        if key is None:
            return
        notice = IdentityNotice(self._environment, subject, key, asked_at, recovery)
        for kiosk in kiosks:
            self._send(kiosk.hex(), notice.sign(self._gateway_key))
