"""Receipts: a header commits to all of its block's, and they hold every event; so none can be left out."""

from collections.abc import Sequence
from typing import Any

import rlp  # type: ignore[import-untyped]  # rlp ships no types

from contracts.keccak import keccak256
from gateway.audit.history import LoggedEvent

Nibbles = tuple[int, ...]
"""A key of a trie, half a byte at a time."""

FIELDS = 4
"""Of a receipt: status, gas used so far, bloom filter, events (yellow paper, section 4.4.1)."""

LARGEST_TYPE = 0x7F
"""A first byte up to this is the type of a receipt (EIP-2718); an untyped one begins as an RLP list."""


class BadReceiptError(Exception):
    """Bytes that are no receipt."""


def root_of(receipts: Sequence[bytes]) -> bytes:
    """The root by which a header commits to a block's receipts: of a trie of them, by their position.

    Merkle-Patricia trie, yellow paper, appendix D; the keys are the RLP of 0, 1, 2, …

    Args:
        receipts: as the consensus encodes them, all of the block, in order.
    """
    if not receipts:
        return keccak256(rlp.encode(b""))
    items = [(_nibbles(rlp.encode(position)), receipt) for position, receipt in enumerate(receipts)]
    return keccak256(rlp.encode(_node(sorted(items), 0)))


def events_in(receipt: bytes, contract: bytes) -> list[LoggedEvent]:
    """The events of one contract in a receipt, in their order.

    Raises:
        BadReceiptError: it is no receipt.
    """
    body = receipt[1:] if receipt[:1] <= bytes([LARGEST_TYPE]) else receipt
    try:
        fields = rlp.decode(body)
    except rlp.exceptions.RLPException as error:
        raise BadReceiptError("a receipt is no RLP") from error
    if not isinstance(fields, list) or len(fields) != FIELDS or not isinstance(fields[-1], list):
        raise BadReceiptError("a receipt has another form")
    events = []
    for entry in fields[-1]:
        match entry:
            case [bytes(address), list(topics), bytes(data)] if all(_is_topic(topic) for topic in topics):
                if address == contract:
                    events.append(LoggedEvent(tuple(topics), data))
            case _:
                raise BadReceiptError("an event in a receipt has another form")
    return events


def _is_topic(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == 32


def _node(items: Sequence[tuple[Nibbles, bytes]], depth: int) -> list[Any]:
    """The node over some leaves that agree in the first `depth` nibbles of their keys."""
    first, value = items[0]
    if len(items) == 1:
        return [_packed(first[depth:], is_leaf=True), value]
    # The keys are sorted: what the first and the last share, all share.
    shared = next(n for n, (a, b) in enumerate(zip(first, items[-1][0], strict=False)) if a != b)
    if shared > depth:
        return [_packed(first[depth:shared], is_leaf=False), _reference(_node(items, shared))]
    # No key here is the beginning of another, so no branch holds a value.
    children = [[item for item in items if item[0][depth] == nibble] for nibble in range(16)]
    return [*(_reference(_node(child, depth + 1)) if child else b"" for child in children), b""]


def _reference(node: list[Any]) -> list[Any] | bytes:
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak256(encoded)


def _packed(path: Nibbles, *, is_leaf: bool) -> bytes:
    """Hex-prefix encoding, yellow paper, appendix C."""
    flag = 2 * is_leaf + len(path) % 2
    nibbles = (flag, *path) if len(path) % 2 else (flag, 0, *path)
    return bytes(16 * high + low for high, low in zip(nibbles[::2], nibbles[1::2], strict=True))


def _nibbles(key: bytes) -> Nibbles:
    return tuple(nibble for byte in key for nibble in divmod(byte, 16))
