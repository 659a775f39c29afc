"""What the ledger says in the end about everything that was sent and every receipt that came."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.acts import Request
from contracts.eip712 import Domain
from contracts.messages import Receipt, ReceiptStatus
from gateway.ledger.events import ActEvent, decode
from gateway.ledger.registry import Registry
from hw.bench.chaos.life import Book

Place = tuple[bytes, int]
"""Transaction and block of an act's event."""


@dataclass(frozen=True)
class Verdict:
    """Figures of the benchmark; all but the first two must be 0.

    Attributes:
        acts: sent.
        receipts: that came, repeats included.
        lost: acts that are not on the ledger.
        doubled: acts that took effect more than once.
        false_receipts: receipts that the ledger does not bear out.
        unanswered: acts on the ledger of which the kiosk was never told.
    """

    acts: int
    receipts: int
    lost: int
    doubled: int
    false_receipts: int
    unanswered: int

    @property
    def is_clean(self) -> bool:
        """Whether all went as it should."""
        return not (self.lost or self.doubled or self.false_receipts or self.unanswered)


def judge(book: Book, registry: Registry, domain: Domain) -> Verdict:
    """Compare the book with the ledger's own events."""
    places = _places(registry, domain)
    effects = Counter({digest: len(found) for digest, found in places.items()})
    receipts = [receipt for several in book.receipts.values() for receipt in several]
    return Verdict(
        acts=len(book.sent),
        receipts=len(receipts),
        lost=sum(effects[digest] == 0 for digest in book.sent),
        doubled=sum(count > 1 for count in effects.values()),
        false_receipts=count_false(receipts, places),
        unanswered=sum(
            digest in places and digest not in book.receipts and not isinstance(sent.act, Request)
            for digest, sent in book.sent.items()
        ),
    )


def count_false(receipts: Iterable[Receipt], places: dict[bytes, list[Place]]) -> int:
    """Receipts that say final where the ledger has no such event there, or rejected where it has one."""
    wrong = 0
    for receipt in receipts:
        found = places.get(receipt.digest, [])
        if receipt.status is ReceiptStatus.FINAL:
            wrong += (receipt.transaction, receipt.block) not in found
        else:
            wrong += bool(found)
    return wrong


def _places(registry: Registry, domain: Domain) -> dict[bytes, list[Place]]:
    places: dict[bytes, list[Place]] = {}
    for log in registry.logs(0, registry.client.block_number()):
        event = decode(log)
        if isinstance(event, ActEvent):
            places.setdefault(event.act.digest(domain), []).append((log.transaction, log.block))
    return places
