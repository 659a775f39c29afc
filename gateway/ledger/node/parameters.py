"""Parameters of the `eth_*` methods: hex quantities and data ("Hex value encoding"), each bounded."""

import re
from binascii import unhexlify
from typing import Any

from gateway.ledger.node.calls import Call
from gateway.ledger.node.jsonrpc import INVALID_PARAMS, JsonRpcError
from gateway.ledger.node.rules import BLOCK_GAS
from gateway.ledger.node.store import LogQuery

MAX_CALL_DATA = 128 * 1024
"""Bytes of data in a call; a transaction could not carry more."""

MAX_FILTER_VALUES = 1_000
"""Addresses, or values of one topic, in one log query."""

MAX_TOPICS = 4
"""Topics of an event (LOG4)."""

QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)

NEWEST = ("latest", "pending", "safe", "finalized")
"""Tags that all mean the head: a block is final as soon as it is there, and nothing is pending after it."""


def invalid(text: str) -> JsonRpcError:
    """The error for parameters that cannot be used."""
    return JsonRpcError(INVALID_PARAMS, f"invalid params: {text}")


def quantity(value: object, name: str) -> int:
    """A number of at most 256 bits, `0x` and hex digits."""
    if not isinstance(value, str) or QUANTITY.fullmatch(value) is None:
        raise invalid(f"{name} is not a hex quantity")
    return int(value, 0)


def data(value: object, name: str, *, length: int | None = None, limit: int = MAX_CALL_DATA) -> bytes:
    """Bytes as `0x` and an even number of hex digits, of an exact length or within a limit."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise invalid(f"{name} is not hex data with a leading 0x")
    if len(value) > 2 + 2 * limit:
        raise invalid(f"{name} is longer than {limit} bytes")
    try:
        result = unhexlify(value[2:])  # unlike bytes.fromhex it takes no blanks
    except ValueError:
        raise invalid(f"{name} is not hex data") from None
    if length is not None and len(result) != length:
        raise invalid(f"{name} has {len(result)} bytes, not {length}")
    return result


def address(value: object, name: str = "address") -> bytes:
    """A 20-byte address; the case of its letters is not checked, as in other nodes."""
    return data(value, name, length=20)


def hash32(value: object, name: str = "hash") -> bytes:
    """A 32-byte hash."""
    return data(value, name, length=32)


def block_number(value: object, head: int) -> int:
    """A block given as a number or a tag; None stands for the newest."""
    if value is None or value in NEWEST:
        return head
    if value == "earliest":
        return 0
    return quantity(value, "block")


def call(value: object) -> Call:
    """The object of eth_call and eth_estimateGas; fees in it are ignored, since a call pays nothing."""
    if not isinstance(value, dict):
        raise invalid("the call is not an object")
    given = [value[name] for name in ("input", "data") if value.get(name) is not None]
    if len(given) == 2 and given[0] != given[1]:
        raise invalid("data and input differ")
    gas = quantity(value["gas"], "gas") if value.get("gas") is not None else BLOCK_GAS
    return Call(
        sender=address(value["from"], "from") if value.get("from") is not None else bytes(20),
        to=address(value["to"], "to") if value.get("to") else None,
        data=data(given[0], "data") if given else b"",
        value=quantity(value["value"], "value") if value.get("value") is not None else 0,
        gas=min(gas, BLOCK_GAS),
    )


def log_query(value: object, head: int) -> LogQuery:
    """The filter of eth_getLogs, except `blockHash`, which the method resolves."""
    if not isinstance(value, dict):
        raise invalid("the filter is not an object")
    topics = value.get("topics") or []
    if not isinstance(topics, list) or len(topics) > MAX_TOPICS:
        raise invalid(f"topics is not a list of at most {MAX_TOPICS}")
    return LogQuery(
        first=block_number(value.get("fromBlock"), head),
        last=block_number(value.get("toBlock"), head),
        addresses=tuple(address(one) for one in _alternatives(value.get("address"), "address")),
        topics=tuple(
            tuple(hash32(one, "topic") for one in _alternatives(topic, "topic")) for topic in topics
        ),
    )


def _alternatives(value: object, name: str) -> list[Any]:
    values = [] if value is None else value if isinstance(value, list) else [value]
    if len(values) > MAX_FILTER_VALUES:
        raise invalid(f"more than {MAX_FILTER_VALUES} values of {name}")
    return values
