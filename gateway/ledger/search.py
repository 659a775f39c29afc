"""What is looked for in a long ledger: the newest event, a contract's first block, the block of a moment."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway.ledger.answers import Log
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import TooFarBackError

MAX_PAGES = 500
"""Answers of one search: a million blocks, or 5,000 of a node that takes ten at once."""

T = TypeVar("T")


def newest(
    client: LedgerClient,
    contract: bytes,
    first: int,
    last: int,
    topics: Sequence[Sequence[bytes] | None],
    read: Callable[[Log], T | None],
) -> T | None:
    """What `read` makes of the newest event of a contract of which it makes something; None if of none.

    Raises:
        TooFarBackError: There may be one further back than one search goes.
        LedgerError: The ledger cannot be asked.
    """
    for number, page in enumerate(client.log_pages(contract, first, last, topics, newest_first=True)):
        if number == MAX_PAGES:
            raise TooFarBackError(
                f"an event may be further back than {MAX_PAGES} answers of {client.url} go: take a node that "
                "gives the events of more blocks at once"
            )
        for log in reversed(page):
            found = read(log)
            if found is not None:
                return found
    return None


def first_block_of(client: LedgerClient, contract: bytes, head: int) -> int:
    """Number of the first block after which a contract has code, by bisection.

    Raises:
        RpcError: The node does not keep the states of old blocks.
    """
    return bisect_left(range(head), True, key=lambda block: bool(client.code(contract, block)))


def first_block_since(client: LedgerClient, moment: int, first: int, head: int) -> int:
    """Number of the first block from `first` to `head` that is not older than a Unix time, by bisection.

    Returns:
        `head` + 1 if there is none. A block that the node no longer has counts as older.
    """

    def time_of(number: int) -> int:
        block = client.block(number)
        return block.timestamp if block else 0

    return first + bisect_left(range(first, head + 1), moment, key=time_of)
