"""How acts end: final or rejected, with a receipt that the ledger bears out."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.acts import Act, ActKind, Request
from contracts.eip712 import Domain
from contracts.labels import clean
from contracts.messages import MAX_REASON, Receipt, ReceiptStatus
from contracts.registry import EVENT_OF, event_topic
from gateway.entries import Entry, Verdict
from gateway.journal import Journal
from gateway.ledger.answers import Log
from gateway.ledger.client import LOG_BLOCKS
from gateway.ledger.errors import RevertedError
from gateway.ledger.events import ActEvent, UndecodableEventError, decode
from gateway.ledger.registry import Registry

MAX_SEARCHED = 50 * LOG_BLOCKS
"""Blocks from the newest back in which an act is looked for that seems to be on the ledger already."""

REPEATED = {
    ActKind.ENROL: {"already enrolled"},
    ActKind.REQUEST: {"already requested"},
    ActKind.GRANT: {"not requested"},
    ActKind.DENY: {"not requested"},
    ActKind.WITHDRAW: {"not granted"},
    ActKind.ROTATE: {"wrong signer"},
    ActKind.RECOVER: {"recovery pending"},
    ActKind.CONTEST: {"no such recovery"},
    ActKind.DEACTIVATE: {"deactivated"},
}
"""Why the contract refuses an act that it has had. Any may also have a used nonce, or be late by now."""


@dataclass(frozen=True)
class End:
    """What is to be written about an act: its end, or that of a step.

    Attributes:
        digest: The act.
        write: Writes it to the journal.
        is_over: Nothing comes after it.
    """

    digest: bytes
    write: Callable[[], None]
    is_over: bool = True


@dataclass(frozen=True)
class Place:
    """Where on the ledger something was decided."""

    transaction: bytes | None = None
    block: int | None = None


NOWHERE = Place()


class Verdicts:
    """Makes receipts, and brings acts to their end in the journal."""

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        domain: Domain,
        gateway_key: Ed25519PrivateKey,
        confirmations: int,
        settled: Callable[[Entry], None],
        counts: Counter[str],
    ) -> None:
        """Connect the parts; `settled` is called with each entry that is over, its receipt in it."""
        self._journal, self._registry, self._confirmations = journal, registry, confirmations
        self._domain, self._gateway_key = domain, gateway_key
        self._settled, self._counts = settled, counts

    def apply(self, ends: Sequence[End], shipments: Sequence[int] = ()) -> None:
        """Write all of it, close these shipments, and only then tell of it."""
        with self._journal.together():
            for end in ends:
                end.write()
            for shipment in shipments:
                self._journal.close_shipment(shipment)
        for end in ends:
            entry = self._journal.find(end.digest) if end.is_over else None
            if entry is not None:
                self._counts[entry.state.value] += 1
                self._settled(entry)

    def final(self, entry: Entry, place: Place) -> End:
        """An act that is on the ledger for good."""
        verdict = Verdict(entry.digest, self._receipt(entry, ReceiptStatus.FINAL, "", place))
        return End(entry.digest, lambda: self._journal.finish(verdict))

    def rejected(self, entry: Entry, reason: str, place: Place = NOWHERE) -> End:
        """An act that the ledger does not take."""
        reason = clean(reason, MAX_REASON)
        verdict = Verdict(entry.digest, self._receipt(entry, ReceiptStatus.REJECTED, reason, place), reason)
        return End(entry.digest, lambda: self._journal.reject(verdict))

    def refused(self, entry: Entry, act: Act, error: RevertedError, place: Place = NOWHERE) -> End | None:
        """The end of an act that the contract refuses: rejected, unless it is on the ledger already.

        Returns:
            None if it is there, but not under enough blocks yet, so that there is nothing to say.

        Raises:
            LedgerError: The ledger can't be asked.
        """
        found = self.elsewhere(act, error.reason)
        return self.rejected(entry, str(error), place) if found is None else self.acknowledged(entry, found)

    def acknowledged(self, entry: Entry, found: Log) -> End | None:
        """The end of an act, or of its first step, that another transaction has brought to the ledger.

        Returns:
            None if it is not under enough blocks yet.
        """
        if self._registry.client.block_number() - found.block + 1 < self._confirmations:
            return None
        if entry.step + 1 < entry.steps:
            return End(
                entry.digest,
                lambda: self._journal.skip_step(entry.digest, found.transaction, found.block),
                is_over=False,
            )
        place = Place(found.transaction, found.block)
        verdict = Verdict(entry.digest, self._receipt(entry, ReceiptStatus.FINAL, "", place))
        return End(entry.digest, lambda: self._journal.acknowledge(verdict, found.transaction, found.block))

    def _receipt(self, entry: Entry, status: ReceiptStatus, reason: str, place: Place) -> bytes:
        return Receipt(
            environment=self._domain.environment,
            digest=entry.digest,
            status=status,
            transaction=place.transaction,
            block=place.block,
            reason=reason,
            at=int(time.time()),
        ).sign(self._gateway_key)

    def elsewhere(self, act: Act, reason: str) -> Log | None:
        """Where on the ledger an act stands that the contract refuses for this reason, if it does.

        Anybody may bring an act to the contract; then it refuses ours, and the act counts all the same.
        """
        if reason not in {"used nonce", "past deadline"} | REPEATED.get(act.KIND, set()):
            return None
        topic, client = event_topic(EVENT_OF[type(act)]), self._registry.client
        about = act.hash_struct() if isinstance(act, Request) else act.subject.rjust(32, b"\0")
        head = client.block_number()
        for last in range(head, max(head - MAX_SEARCHED, -1), -LOG_BLOCKS):
            first = max(last - LOG_BLOCKS + 1, 0)
            for log in client.logs(self._registry.contract, first, last, [[topic], [about]]):
                if _tells_of(log, act):
                    return log
        return None


def _tells_of(log: Log, act: Act) -> bool:
    try:
        event = decode(log)
    except UndecodableEventError:
        return False
    return isinstance(event, ActEvent) and event.act == act
