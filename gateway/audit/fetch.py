"""Reading a contract's history from a ledger: its events, and the headers of their blocks."""

from collections.abc import Callable, Sequence

from contracts.hexes import to_hex
from gateway.audit.errors import AuditError
from gateway.audit.history import History, HistoryBlock, LoggedEvent
from gateway.ledger.answers import Block, Log
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry

HEADERS_PER_BLOCK = 4
"""At most so many headers for each block with events, and all of them from the first event on are read: each
names the one before, so none is missing. On a ledger shared with others, only the blocks with events are."""

ALWAYS_ALL = 2_000
"""Headers that are always read: a second or two."""

BATCH = 200
"""Headers in one request."""


class LedgerContradictsItselfError(AuditError):
    """What the ledger says in one answer does not fit what it says in another."""


def fetch(
    client: LedgerClient,
    contract: bytes,
    subject: bytes | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> History:
    """Read the history of a contract up to the ledger's newest block.

    Args:
        client: The ledger.
        contract: Address of the contract, which must be ours.
        subject: Only what is about this person.
        progress: Called with the number of headers read, and how many there are to read.

    Raises:
        NotOurContractError: it is another contract.
        LedgerContradictsItselfError: an event is in a block of which the ledger gives another hash.
        LedgerError: the ledger cannot be read.
    """
    registry = Registry(client, contract)
    registry.check()
    last = client.block_number()
    logs = registry.logs(0, last, subject)
    numbers = wanted_blocks([log.block for log in logs], last)
    blocks: list[Block] = []
    for start in range(0, len(numbers), BATCH):
        blocks += client.blocks(numbers[start : start + BATCH])
        if progress is not None:
            progress(len(blocks), len(numbers))
    return History(
        chain_id=client.chain_id(),
        contract=contract,
        salt=registry.salt(),
        subject=subject,
        unbroken=len(numbers) == numbers[-1] - numbers[0] + 1,
        blocks=assemble(blocks, logs),
    )


def wanted_blocks(named: Sequence[int], last: int) -> Sequence[int]:
    """Numbers of the blocks to read: all from the first event on where that is cheap, and always the last."""
    distinct = sorted({*named, last})
    span = last - distinct[0] + 1
    if span <= max(ALWAYS_ALL, HEADERS_PER_BLOCK * len(distinct)):
        return range(distinct[0], last + 1)
    return distinct


def assemble(blocks: Sequence[Block], logs: Sequence[Log]) -> tuple[HistoryBlock, ...]:
    """Blocks with their events.

    Raises:
        LedgerContradictsItselfError: an event says another hash of its block than the block.
    """
    events: dict[int, list[LoggedEvent]] = {}
    hashes = {block.number: block.hash for block in blocks}
    for log in logs:
        if hashes.get(log.block) != log.block_hash:
            raise LedgerContradictsItselfError(
                f"the ledger puts an event into block {to_hex(log.block_hash)}, but its block "
                f"{log.block} is another one; if it was just reorganised, audit again"
            )
        events.setdefault(log.block, []).append(LoggedEvent(log.topics, log.data))
    return tuple(
        HistoryBlock(block.hash, block.header, tuple(events.get(block.number, ()))) for block in blocks
    )
