"""How the events of many blocks are read: in ranges that are as wide as the node takes them.

Hosted nodes limit the blocks of one eth_getLogs, or the events in its answer, each to a number and with an
error code of its own. So a range that is refused, for whatever reason, is asked for again in halves.
"""

from collections.abc import Callable, Iterator

from gateway.ledger.answers import Log
from gateway.ledger.errors import RpcError

LOG_BLOCKS = 2_000
"""Blocks of the widest range; most hosted ledgers refuse more."""


class LogRanges:
    """Remembers how wide a range may be. Safe to use from several threads."""

    def __init__(self) -> None:
        self._width = LOG_BLOCKS

    def pages(
        self, ask: Callable[[int, int], list[Log]], first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[list[Log]]:
        """The events of the blocks from `first` to `last`, range by range, each asked for in its turn.

        Args:
            ask: One eth_getLogs from a block to a block, both included.
            first: Number of a block.
            last: Number of a block.
            newest_first: Begin with the last range; within a range the order stays the ledger's.

        Raises:
            RpcError: The node refuses even a single block. A dozen halvings lead there.
        """
        width = self._width
        while first <= last:
            blocks = min(width, last - first + 1)
            begin = last - blocks + 1 if newest_first else first
            end = begin + blocks - 1
            try:
                page = ask(begin, end)
            except RpcError:
                if blocks == 1:
                    raise
                width = blocks // 2
                continue
            # A little more the next time: the refusal may have been a passing one.
            self._width = width = min(LOG_BLOCKS, width + width // 8 + 1)
            first, last = (first, begin - 1) if newest_first else (end + 1, last)
            yield page
