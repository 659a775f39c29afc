"""Ranges of blocks against nodes that limit them, each in its own way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.answers import Log
from gateway.ledger.errors import RpcError
from gateway.ledger.log_ranges import LOG_BLOCKS, LogRanges

HALVINGS = LOG_BLOCKS.bit_length()
CODES = st.sampled_from([-32005, -32602, -32600, -32000, -32603, 35])


def log(block: int) -> Log:
    return Log(bytes(20), (), b"", block, bytes(32), bytes(32), 0)


class Limited:
    """A node that takes so many blocks at once, and fails for a while whatever it is asked."""

    def __init__(self, most: int, code: int = -32602, failing: int = 0) -> None:
        self.most, self.code, self.failing = most, code, failing
        self.asked: list[tuple[int, int]] = []

    def __call__(self, begin: int, end: int) -> list[Log]:
        self.asked.append((begin, end))
        self.failing -= 1
        if end - begin + 1 > self.most or self.failing >= 0:
            raise RpcError("eth_getLogs", self.code, "block range too large")
        return [log(block) for block in range(begin, end + 1)]


@given(
    most=st.integers(1, 3000), first=st.integers(0, 50), blocks=st.integers(0, 5000), code=CODES,
    newest_first=st.booleans(),
)  # fmt: skip
def test_every_block_is_read_once_whatever_the_limit(
    most: int, first: int, blocks: int, code: int, newest_first: bool
) -> None:
    node, last = Limited(most, code), first + blocks - 1
    pages = list(LogRanges().pages(node, first, last, newest_first=newest_first))
    if newest_first:
        pages.reverse()
    assert [each.block for page in pages for each in page] == list(range(first, last + 1))
    assert len(node.asked) <= 2 * len(pages) + HALVINGS


def test_the_width_that_worked_is_remembered() -> None:
    node, ranges = Limited(500), LogRanges()
    list(ranges.pages(node, 0, 10_000))
    node.asked.clear()
    pages = list(ranges.pages(node, 0, 10_000))
    assert len(node.asked) < 1.4 * len(pages)


def test_the_width_of_a_short_history_is_no_limit() -> None:
    node, ranges = Limited(LOG_BLOCKS), LogRanges()
    list(ranges.pages(node, 7, 7))
    assert len(list(ranges.pages(node, 0, LOG_BLOCKS - 1))) == 1


def test_a_node_that_refuses_everything_is_asked_a_dozen_times() -> None:
    node, ranges = Limited(0), LogRanges()
    with pytest.raises(RpcError):
        list(ranges.pages(node, 0, 10**9))
    assert len(node.asked) <= HALVINGS
    node.most = LOG_BLOCKS
    assert len(list(ranges.pages(node, 0, LOG_BLOCKS - 1))) == 1, "what passes leaves no trace"


def test_after_a_hiccup_ranges_grow_again() -> None:
    node, ranges = Limited(LOG_BLOCKS, failing=5), LogRanges()
    list(ranges.pages(node, 0, 40 * LOG_BLOCKS))
    begin, end = node.asked[-2]
    assert end - begin + 1 == LOG_BLOCKS


def test_whoever_has_enough_asks_no_more() -> None:
    node = Limited(10)
    pages = LogRanges().pages(node, 0, 10**6, newest_first=True)
    assert next(pages)[-1].block == 10**6
    assert len(node.asked) <= HALVINGS
