"""How acts end: final or rejected, with a receipt that the ledger bears out."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.acts import Act
from contracts.eip712 import Domain
from contracts.labels import clean
from contracts.messages import MAX_REASON, Receipt, ReceiptStatus
from gateway.calls import Submission
from gateway.entries import Entry, Verdict
from gateway.journal import Journal
from gateway.ledger.answers import Log
from gateway.ledger.errors import LedgerError, QuestionError, RevertedError
from gateway.ledger.registry import Registry
from gateway.relay import elsewhere

LOG = logging.getLogger(__name__)

PAUSE = 30.0
"""Seconds between two searches of the ledger for one act: a search is a dozen questions and more."""


@dataclass(frozen=True)
class End:
    """What is to be written about an act: its end, or that of a step.

    Attributes:
        digest: The act.
        write: Writes it to the journal.
        is_over: Nothing comes after it.
        on_ledger: The contract has taken the act.
    """

    digest: bytes
    write: Callable[[], None]
    is_over: bool = True
    on_ledger: bool = False


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
        sender: bytes,
        settled: Callable[[Entry], None],
        counts: Counter[str],
    ) -> None:
        """Connect the parts.

        `settled` is called with each entry that is over, its receipt in it. The ledger is asked in the name
        of `sender`, which matters to it nowhere.
        """
        self._journal, self._registry, self._confirmations = journal, registry, confirmations
        self._domain, self._gateway_key, self._sender = domain, gateway_key, sender
        self._settled, self._counts = settled, counts
        self._unsearched: dict[bytes, tuple[float, LedgerError]] = {}
        """Acts that could not be looked for: since when, by `time.monotonic`, and why."""

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
        return End(entry.digest, lambda: self._journal.finish(verdict), on_ledger=True)

    def rejected(self, entry: Entry, reason: str, place: Place = NOWHERE) -> End:
        """An act that the ledger does not take."""
        reason = clean(reason, MAX_REASON)
        verdict = Verdict(entry.digest, self._receipt(entry, ReceiptStatus.REJECTED, reason, place), reason)
        return End(entry.digest, lambda: self._journal.reject(verdict))

    def turned_away(self, entry: Entry, submission: Submission) -> End | None:
        """The end of an act of which a node says that the contract would refuse it.

        It may lack a block that another node has shown, and in it what the act builds on; so it is asked once
        more, whether it does.

        Returns:
            As `refused`; None also if the contract takes the act after all.

        Raises:
            LedgerUnreachableError: Nothing answers.
        """
        try:
            error = self._registry.client.refusal(self._registry.contract, submission.data, self._sender)
        except QuestionError as why:
            self.wait(entry, why)
            return None
        return None if error is None else self.refused(entry, submission.act, error)

    def refused(self, entry: Entry, act: Act, error: RevertedError, place: Place = NOWHERE) -> End | None:
        """The end of an act that the contract refuses: rejected, unless it is on the ledger already.

        Returns:
            None if there is nothing to say yet: it is there, but not under enough blocks; or the ledger does
            not let itself be searched, which is noted.

        Raises:
            LedgerUnreachableError: Nothing answers.
        """
        since, trouble = self._unsearched.get(entry.digest, (0.0, None))
        if trouble is not None and time.monotonic() < since + PAUSE:
            self._journal.note(entry.digest, str(trouble))
            return None
        try:
            found = elsewhere.find(self._registry, act, error.reason, time.time())
            end = (
                self.rejected(entry, str(error), place) if found is None else self._acknowledged(entry, found)
            )
        except (QuestionError, RevertedError) as why:
            self.wait(entry, why)
            self._unsearched[entry.digest] = time.monotonic(), why
            return None
        self._unsearched.pop(entry.digest, None)
        return end

    def wait(self, entry: Entry, error: LedgerError) -> None:
        """Note what holds up an act that the node chokes on; it must not stand in the way of the others."""
        self._counts["refused by the node"] += 1
        if self._journal.note(entry.digest, str(error)):
            LOG.warning("act %s has to wait: %s", entry.digest.hex(), error)

    def _acknowledged(self, entry: Entry, found: Log) -> End | None:
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
                on_ledger=True,
            )
        place = Place(found.transaction, found.block)
        verdict = Verdict(entry.digest, self._receipt(entry, ReceiptStatus.FINAL, "", place))
        return End(
            entry.digest,
            lambda: self._journal.acknowledge(verdict, found.transaction, found.block),
            on_ledger=True,
        )

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
