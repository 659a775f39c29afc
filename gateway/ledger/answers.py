"""What a ledger answers, as typed values: JSON of the `eth_*` methods in, dataclasses out. Pure functions.

The ledger may be anybody's, so nothing in an answer is taken on trust: a member that is missing or
ill-formed raises `IllFormedError`, which the client turns into one line.
"""

import re
from binascii import unhexlify
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import rlp  # type: ignore[import-untyped]  # rlp ships no types

from contracts.keccak import keccak256

MAX_DATA = 1 << 20
"""Bytes of one data member: code, the data of an event, the result of a call."""

QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)

BLOOM_BYTES = 256
MAX_RECEIPT_TYPE = 0x7F
"""EIP-2718; greater first bytes begin an RLP list."""

T = TypeVar("T")


class IllFormedError(Exception):
    """An answer without the form that the method's definition asks for."""


@dataclass(frozen=True, slots=True)
class Log:
    """An event as the ledger keeps it.

    Attributes:
        address: the contract that emitted it, 20 bytes.
        topics: up to four words of 32 bytes.
        data: the rest of the event, ABI-encoded.
        block: number of the block.
        block_hash: hash of the block.
        transaction: hash of the transaction.
        position: index of the log within its block.
    """

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    block_hash: bytes
    transaction: bytes
    position: int


@dataclass(frozen=True, slots=True)
class TransactionReceipt:
    """What became of a transaction.

    Attributes:
        transaction: its hash.
        block: number of the block that holds it.
        block_hash: hash of that block; another one later means a reorganisation.
        succeeded: False if the contract refused or gas ran out.
        gas_used: gas that it cost.
        gas_price: wei per gas that was paid.
        contract: address of the contract that it created, if it did.
        logs: its events.
    """

    transaction: bytes
    block: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    gas_price: int
    contract: bytes | None
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """The parts of a block that are used here, and the hash that its header really has.

    Attributes:
        number: its height.
        hash: the hash that the ledger names.
        parent: hash of the block before.
        timestamp: Unix time in seconds.
        base_fee: wei per gas that it burns; 0 before EIP-1559.
        header: the RLP of the header, put together from the answer; its Keccak-256 must be `hash`.
    """

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    base_fee: int
    header: bytes


def quantity(value: object) -> int:
    """A number written `0x…`."""
    if not isinstance(value, str) or QUANTITY.fullmatch(value) is None:
        raise IllFormedError("a quantity is not hex with a leading 0x")
    return int(value, 0)


def octets(value: object, length: int | None = None) -> bytes:
    """Bytes written `0x…`."""
    if not isinstance(value, str) or not value.startswith("0x") or len(value) > 2 + 2 * MAX_DATA:
        raise IllFormedError("data is not hex with a leading 0x")
    try:
        result = unhexlify(value[2:])  # unlike bytes.fromhex it takes no blanks
    except ValueError:
        raise IllFormedError("data is not hex") from None
    if length is not None and len(result) != length:
        raise IllFormedError(f"data has {len(result)} bytes instead of {length}")
    return result


def log(value: object) -> Log:
    """An event out of eth_getLogs or a receipt."""
    members = _members(value)
    return Log(
        address=octets(members.get("address"), 20),
        topics=tuple(octets(topic, 32) for topic in _items(members.get("topics"))),
        data=octets(members.get("data")),
        block=quantity(members.get("blockNumber")),
        block_hash=octets(members.get("blockHash"), 32),
        transaction=octets(members.get("transactionHash"), 32),
        position=quantity(members.get("logIndex")),
    )


def logs(value: object) -> list[Log]:
    """The answer of eth_getLogs."""
    return [log(item) for item in _items(value)]


def receipt(value: object) -> TransactionReceipt:
    """The answer of eth_getTransactionReceipt, other than null."""
    members = _members(value)
    contract = members.get("contractAddress")
    return TransactionReceipt(
        transaction=octets(members.get("transactionHash"), 32),
        block=quantity(members.get("blockNumber")),
        block_hash=octets(members.get("blockHash"), 32),
        succeeded=quantity(members.get("status")) == 1,
        gas_used=quantity(members.get("gasUsed")),
        gas_price=quantity(members.get("effectiveGasPrice", "0x0")),
        contract=None if contract is None else octets(contract, 20),
        logs=tuple(log(item) for item in _items(members.get("logs"))),
    )


def receipt_bytes(value: object) -> bytes:
    """A receipt as the consensus encodes it (EIP-2718; yellow paper, section 4.4.1), and a header hashes it.

    Args:
        value: An item of the answer of eth_getBlockReceipts.
    """
    members = _members(value)
    kind = quantity(members.get("type", "0x0"))
    if kind > MAX_RECEIPT_TYPE:
        raise IllFormedError("a receipt's type is out of bounds")
    events = [
        [
            octets(one.get("address"), 20),
            [octets(t, 32) for t in _items(one.get("topics"))],
            octets(one.get("data")),
        ]
        for one in map(_members, _items(members.get("logs")))
    ]
    encoded: bytes = rlp.encode(
        [
            quantity(members.get("status")),
            quantity(members.get("cumulativeGasUsed")),
            octets(members.get("logsBloom"), BLOOM_BYTES),
            events,
        ]
    )
    return encoded if kind == 0 else bytes([kind]) + encoded


HEADER: tuple[tuple[str, Callable[[Any], int | bytes]], ...] = (
    ("parentHash", octets),
    ("sha3Uncles", octets),
    ("miner", octets),
    ("stateRoot", octets),
    ("transactionsRoot", octets),
    ("receiptsRoot", octets),
    ("logsBloom", octets),
    ("difficulty", quantity),
    ("number", quantity),
    ("gasLimit", quantity),
    ("gasUsed", quantity),
    ("timestamp", quantity),
    ("extraData", octets),
    ("mixHash", octets),
    ("nonce", octets),
    ("baseFeePerGas", quantity),  # London, EIP-1559
    ("withdrawalsRoot", octets),  # Shanghai, EIP-4895
    ("blobGasUsed", quantity),  # Cancun, EIP-4844
    ("excessBlobGas", quantity),
    ("parentBeaconBlockRoot", octets),  # Cancun, EIP-4788
    ("requestsHash", octets),  # Prague, EIP-7685
)
"""Members of a header in the order in which it is hashed; each fork has added some at the end."""


def header_rlp(members: Mapping[str, Any]) -> bytes:
    """The RLP of a header, from the members that the answer has; its Keccak-256 is the block's hash."""
    present = [(name, read) for name, read in HEADER if members.get(name) is not None]
    encoded: bytes = rlp.encode([read(members[name]) for name, read in present])
    return encoded


def block(value: object) -> Block:
    """The answer of eth_getBlockByNumber or eth_getBlockByHash, other than null."""
    members = _members(value)
    return Block(
        number=quantity(members.get("number")),
        hash=octets(members.get("hash"), 32),
        parent=octets(members.get("parentHash"), 32),
        timestamp=quantity(members.get("timestamp")),
        base_fee=quantity(members.get("baseFeePerGas", "0x0")),
        header=header_rlp(members),
    )


def hash_of_header(header: bytes) -> bytes:
    """The hash of a block, from its header's RLP."""
    return keccak256(header)


def optional(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """The same reader, with null as None."""
    return lambda value: None if value is None else read(value)


def _members(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise IllFormedError("an object was expected")
    return value


def _items(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise IllFormedError("a list was expected")
    return value
