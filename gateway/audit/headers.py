"""Block headers: do they hash to what they are called, follow one another, hide no event? Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import rlp  # type: ignore[import-untyped]  # rlp ships no types

from contracts.keccak import keccak256

PARENT, RECEIPTS, BLOOM, NUMBER, TIMESTAMP = 0, 5, 6, 8, 11
"""Places in a header (yellow paper, section 4.4; the same in every fork so far)."""

FEWEST_FIELDS = 15

BLOOM_BYTES = 256

SPARSE_BITS = 128
"""Bits up to which a bloom filter tells something. Each entry sets 3 of 2048; beyond some forty entries, the
chance that an address and a topic seem to be in it by accident is no longer below one in a million."""


class BadHeaderError(Exception):
    """Bytes that are no block header."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the audit needs of a header.

    Attributes:
        hash: Keccak-256 of the RLP, what other headers call it.
        parent: hash of the block before.
        number: its height.
        timestamp: Unix time, seconds.
        receipts: root of the trie of the block's receipts.
        bloom: the 2048-bit filter over addresses and topics of all events in the block, as a number.
    """

    hash: bytes
    parent: bytes
    number: int
    timestamp: int
    receipts: bytes
    bloom: int


def decode(encoded: bytes) -> Header:
    """Read a header.

    Raises:
        BadHeaderError: it is none.
    """
    try:
        fields = rlp.decode(encoded)
    except rlp.exceptions.RLPException as error:
        raise BadHeaderError("its header is no RLP") from error
    if (
        not isinstance(fields, list)
        or len(fields) < FEWEST_FIELDS
        or not all(isinstance(f, bytes) for f in fields)
    ):
        raise BadHeaderError("its header has another form")
    if len(fields[PARENT]) != 32 or len(fields[RECEIPTS]) != 32 or len(fields[BLOOM]) != BLOOM_BYTES:
        raise BadHeaderError("its header has another form")
    if len(fields[NUMBER]) > 8 or len(fields[TIMESTAMP]) > 8:
        raise BadHeaderError("its number or time is out of bounds")
    return Header(
        hash=keccak256(encoded),
        parent=fields[PARENT],
        number=int.from_bytes(fields[NUMBER], "big"),
        timestamp=int.from_bytes(fields[TIMESTAMP], "big"),
        receipts=fields[RECEIPTS],
        bloom=int.from_bytes(fields[BLOOM], "big"),
    )


def follows(header: Header, previous: Header) -> str | None:
    """What is wrong with the order of two headers; None if nothing is."""
    if header.number <= previous.number:
        return f"block {header.number} stands after block {previous.number}"
    if header.timestamp < previous.timestamp:
        return f"block {header.number} is older than block {previous.number} before it"
    if header.number == previous.number + 1 and header.parent != previous.hash:
        return f"block {header.number} does not name block {previous.number} as its parent"
    return None


@lru_cache(maxsize=4096)
def bloom_bits(entry: bytes) -> int:
    """The three bits that an address or a topic sets (yellow paper, section 4.4.1)."""
    digest = keccak256(entry)
    bits = 0
    for start in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[start : start + 2], "big") & 2047)
    return bits


def is_in(bloom: int, entry: bytes) -> bool:
    """Whether an address or topic may be in a block; False is certain."""
    return may_hold(bloom, bloom_bits(entry))


def about(contract: bytes, subject: bytes | None) -> int:
    """The bits of every block's filter in which something happened: in a contract, and about a person."""
    return bloom_bits(contract) | (0 if subject is None else bloom_bits(subject.rjust(32, b"\0")))


def may_hold(bloom: int, bits: int) -> bool:
    """Whether a block may hold what sets these bits; False is certain."""
    return bloom & bits == bits


def hides(bloom: int, contract: bytes, topics: Sequence[bytes], subject: bytes | None) -> bool:
    """Whether a block that shows no event of a contract has one all the same.

    Args:
        bloom: The block's filter.
        contract: Address of the contract.
        topics: First topics of its events, one of which must be in the filter too.
        subject: Topic of a person, if only events about that person count.
    """
    if bloom.bit_count() > SPARSE_BITS or not is_in(bloom, contract):
        return False
    if subject is not None and not is_in(bloom, subject):
        return False
    return any(is_in(bloom, topic) for topic in topics)
