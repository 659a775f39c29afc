"""Reading a contract's history from a ledger: headers, and of the blocks that matter receipts or events.

A block's header has a filter that never misses an event, and a hash over all receipts. So nothing that the
ledger says beside the headers is taken on trust; and headers name each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.hexes import to_hex
from contracts.keccak import keccak256
from gateway.audit import headers
from gateway.audit.ahead import ahead
from gateway.audit.errors import AuditError
from gateway.audit.headers import BadHeaderError
from gateway.audit.history import History, HistoryBlock, LoggedEvent
from gateway.audit.source import HEADERS, RECEIPTS, Source
from gateway.ledger.answers import Log
from gateway.ledger.client import LedgerClient
from gateway.ledger.log_ranges import LOG_BLOCKS
from gateway.ledger.registry import Registry

ALL_HEADERS = 250_000
"""Blocks up to which all headers are read: a minute on a ledger at hand. Of a longer ledger those of the
blocks with events are, unless all are asked for."""


class LedgerContradictsItselfError(AuditError):
    """What the ledger says in one answer does not fit what it says in another."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read.

    Attributes:
        subject: only what is about this person; None for everybody.
        first: the block to begin with, for a contract that was deployed late on a long ledger.
        every_header: read the headers of all blocks, however many; None leaves that to `ALL_HEADERS`.
        proven: read the receipts of blocks with events, which their headers prove complete.
    """

    subject: bytes | None = None
    first: int = 0
    every_header: bool | None = None
    proven: bool = True


def fetch(client: LedgerClient, contract: bytes, wanted: Wanted | None = None) -> History:
    """The history of a contract up to the ledger's newest block, read while its blocks are gone through.

    Args:
        client: The ledger.
        contract: Address of the contract, which must be ours.
        wanted: What of it.

    Raises:
        NotOurContractError: it is another contract.
        LedgerContradictsItselfError, LedgerError: also while the blocks are gone through.
    """
    wanted = wanted or Wanted()
    registry = Registry(client, contract)
    registry.check()
    last = client.block_number()
    length = last - wanted.first + 1
    unbroken = length <= ALL_HEADERS if wanted.every_header is None else wanted.every_header
    reading = _Reading(registry, wanted, last)
    return History(
        chain_id=client.chain_id(),
        contract=contract,
        salt=registry.salt(),
        subject=wanted.subject,
        first=wanted.first,
        unbroken=unbroken,
        proven=wanted.proven,
        blocks=_flat(ahead(reading.every() if unbroken else reading.named())),
        count=length if unbroken else None,
    )


class _Reading:
    """The blocks from the first wanted one to the last, in pages."""

    def __init__(self, registry: Registry, wanted: Wanted, last: int) -> None:
        self._registry, self._wanted, self._last = registry, wanted, last
        self._source = Source(registry.client)

    def every(self) -> Iterator[list[HistoryBlock]]:
        """All blocks; the filters in the headers say which of them matter."""
        for start in range(self._wanted.first, self._last + 1, HEADERS):
            numbers = range(start, min(start + HEADERS, self._last + 1))
            found = dict(zip(numbers, self._source.headers(numbers), strict=True))
            if self._wanted.proven:
                yield self._with_receipts(found)
            else:
                yield _with_events(found, self._logs(numbers[0], numbers[-1]))

    def named(self) -> Iterator[list[HistoryBlock]]:
        """The blocks with events, by the word of the ledger, and the last one."""
        for start in range(self._wanted.first, self._last + 1, LOG_BLOCKS):
            stop = min(start + LOG_BLOCKS, self._last + 1)
            logs = self._logs(start, stop - 1)
            numbers = sorted({log.block for log in logs} | ({self._last} if stop > self._last else set()))
            for part in _pages(numbers, HEADERS):
                found = dict(zip(part, self._source.headers(part), strict=True))
                if self._wanted.proven:
                    yield self._with_receipts(found)
                else:
                    yield _with_events(found, [log for log in logs if part[0] <= log.block <= part[-1]])

    def _logs(self, first: int, last: int) -> list[Log]:
        return self._registry.logs(first, last, self._wanted.subject)

    def _with_receipts(self, found: dict[int, bytes]) -> list[HistoryBlock]:
        about = headers.about(self._registry.contract, self._wanted.subject)
        matter = [number for number, header in found.items() if _may_matter(header, about)]
        receipts: dict[int, tuple[bytes, ...]] = {}
        for part in _pages(matter, RECEIPTS):
            receipts |= zip(part, self._source.receipts(part), strict=True)
        return [
            HistoryBlock(keccak256(header), header, receipts=receipts.get(number))
            for number, header in found.items()
        ]


def _may_matter(header: bytes, about: int) -> bool:
    try:
        return headers.may_hold(headers.decode(header).bloom, about)
    except BadHeaderError:
        return False  # the audit will say so


def _with_events(found: dict[int, bytes], logs: Sequence[Log]) -> list[HistoryBlock]:
    """Blocks with the events that the ledger puts into them.

    Raises:
        LedgerContradictsItselfError: an event says another hash of its block than the block has.
    """
    events: dict[int, list[LoggedEvent]] = {number: [] for number in found}
    hashes = {number: keccak256(header) for number, header in found.items()}
    for log in logs:
        if hashes.get(log.block) != log.block_hash:
            raise LedgerContradictsItselfError(
                f"the ledger puts an event into block {to_hex(log.block_hash)}, but its block "
                f"{log.block} is another one; if it was just reorganised, audit again"
            )
        events[log.block].append(LoggedEvent(log.topics, log.data))
    return [HistoryBlock(hashes[number], found[number], tuple(events[number])) for number in found]


def _pages(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def _flat(pages: Iterator[list[HistoryBlock]]) -> Iterator[HistoryBlock]:
    for page in pages:
        yield from page
