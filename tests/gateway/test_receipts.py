"""The trie over a block's receipts: as py-evm's own trie has it, and as anvil's headers do."""

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from gateway.audit.history import LoggedEvent
from gateway.audit.receipts import BadReceiptError, events_in, root_of

CONTRACT, OTHER = b"\xcc" * 20, b"\xdd" * 20
TOPIC = b"\x11" * 32


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=80), max_size=300))
def test_the_root_is_that_of_a_trie(values: list[bytes]) -> None:
    trie = HexaryTrie({})
    for position, value in enumerate(values):
        trie[rlp.encode(position)] = value
    assert root_of(values) == trie.root_hash


def receipt(*logs: object, kind: bytes = b"\x02") -> bytes:
    return kind + rlp.encode([1, 21_000, bytes(256), list(logs)])


@pytest.mark.parametrize("kind", [b"", b"\x01", b"\x02", b"\x7f"])
def test_the_events_of_one_contract(kind: bytes) -> None:
    mine, theirs = [CONTRACT, [TOPIC, TOPIC], b"data"], [OTHER, [], b""]
    assert (
        events_in(receipt(theirs, mine, theirs, mine, kind=kind), CONTRACT)
        == [LoggedEvent((TOPIC, TOPIC), b"data")] * 2
    )
    assert events_in(receipt(kind=kind), CONTRACT) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x02",
        b"\x02\xff",
        b"\x80",
        rlp.encode([1, 2, 3]),
        rlp.encode([1, 2, 3, 4]),
        receipt(b"log"),
        receipt([CONTRACT, [b"short"], b""]),
        receipt([CONTRACT, [TOPIC]]),
        receipt([CONTRACT, TOPIC, b""]),
        receipt() + b"\x00",
    ],
)
def test_what_is_no_receipt(content: bytes) -> None:
    with pytest.raises(BadReceiptError):
        events_in(content, CONTRACT)
