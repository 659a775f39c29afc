"""Events of the contract, as logs say them: the act that was signed, its signature, and where it stands.

The decoder takes one encoding of a value only, the one that the contract writes. So nothing can be altered in
a log without altering what it says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from contracts.acts import ACTS, Act
from contracts.envelope import MAX_PUBLISHED_OBJECT
from contracts.errors import MalformedError
from contracts.labels import clean
from contracts.registry import EVENT_OF, PUBLISHED, RECOVERED, SKIPPED, event, event_topic
from gateway.ledger.answers import Log

WORD = 32

MAX_BYTES = MAX_PUBLISHED_OBJECT
"""Bytes of the longest member of an event: an object that is published on the ledger."""


class UndecodableEventError(Exception):
    """A log of the contract that is none of its events, or not as the contract writes it."""


@dataclass(frozen=True, slots=True)
class ActEvent:
    """An act that the contract took.

    Attributes:
        act: what was signed.
        signature: r ‖ s ‖ v, 65 bytes.
        request: id of a request as the event of a `Request` says it; None for the others, whose act has it.
        log: where it stands.
    """

    act: Act
    signature: bytes
    request: bytes | None
    log: Log


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An encrypted record on the ledger itself; needs no signature, as the person committed to it before."""

    subject: bytes
    record: bytes
    object: bytes
    log: Log


@dataclass(frozen=True, slots=True)
class RecoveredEvent:
    """A recovery whose time came; needs no signature, as the guardian gave it when the recovery began."""

    subject: bytes
    recovery: bytes
    log: Log


@dataclass(frozen=True, slots=True)
class SkippedEvent:
    """A call in a batch that was refused: its position from 0, and its reason with zeros up to 32 bytes."""

    position: int
    reason: bytes
    log: Log

    @property
    def text(self) -> str:
        """The reason, one of `contracts.registry.REASONS`; empty for a call to none of the functions."""
        return clean(self.reason.rstrip(b"\0").decode("ascii", "replace"), WORD)


Event = ActEvent | PublishedEvent | RecoveredEvent | SkippedEvent


@dataclass(frozen=True, slots=True)
class _Shape:
    """How an event lies in a log: names and types of its members; `act` is None for an event without one."""

    name: str
    act: type[Act] | None
    indexed: tuple[tuple[str, str], ...]
    plain: tuple[tuple[str, str], ...]


def _shape(name: str, act: type[Act] | None = None) -> _Shape:
    members = [(member["name"], member["type"], member["indexed"]) for member in event(name)["inputs"]]
    return _Shape(
        name,
        act,
        indexed=tuple((name, kind) for name, kind, indexed in members if indexed),
        plain=tuple((name, kind) for name, kind, indexed in members if not indexed),
    )


SHAPES: Mapping[bytes, _Shape] = {event_topic(EVENT_OF[act]): _shape(EVENT_OF[act], act) for act in ACTS} | {
    event_topic(name): _shape(name) for name in (PUBLISHED, RECOVERED, SKIPPED)
}
"""Every event of the contract by its first topic."""


_UNSIGNED: Mapping[str, Callable[..., Event]] = {
    PUBLISHED: PublishedEvent,
    RECOVERED: RecoveredEvent,
    SKIPPED: SkippedEvent,
}


def decode(log: Log) -> Event:
    """The event in a log.

    Raises:
        UndecodableEventError: it is none of the contract's, or not encoded as the contract does.
    """
    shape = SHAPES.get(log.topics[0]) if log.topics else None
    if shape is None:
        raise UndecodableEventError("it is no event of this contract")
    if len(log.topics) != 1 + len(shape.indexed):
        raise UndecodableEventError(f"it has {len(log.topics)} topics")
    members: dict[str, Any] = {
        name: _word(kind, topic) for (name, kind), topic in zip(shape.indexed, log.topics[1:], strict=True)
    }
    members |= _decode_data(shape.plain, log.data)
    if shape.act is None:
        return _UNSIGNED[shape.name](**members, log=log)
    named = {member.name for member in fields(shape.act)}
    try:
        act = shape.act(**{name: value for name, value in members.items() if name in named})
    except MalformedError as error:
        raise UndecodableEventError(str(error)) from error
    return ActEvent(act, members["signature"], None if "request" in named else members.get("request"), log)


def _decode_data(shape: tuple[tuple[str, str], ...], data: bytes) -> dict[str, Any]:
    """ABI-encoded members (Solidity ABI, "Formal specification of the encoding"), canonical."""
    values: dict[str, Any] = {}
    tail = WORD * len(shape)  # where the next member of variable length must begin
    if len(data) < tail:
        raise UndecodableEventError("its data is cut short")
    for position, (name, kind) in enumerate(shape):
        head = data[WORD * position : WORD * (position + 1)]
        if kind != "bytes":
            values[name] = _word(kind, head)
            continue
        if int.from_bytes(head, "big") != tail:
            raise UndecodableEventError(f"its {name} is not where it belongs")
        values[name], tail = _bytes_at(data, tail, name)
    if tail != len(data):
        raise UndecodableEventError("its data is longer than its members")
    return values


def _bytes_at(data: bytes, start: int, name: str) -> tuple[bytes, int]:
    """Bytes of variable length and where they end: a length, the bytes, zeros up to a whole word."""
    length = int.from_bytes(data[start : start + WORD], "big")
    first, padded = start + WORD, -(-length // WORD) * WORD
    if length > MAX_BYTES or len(data) < first + padded:
        raise UndecodableEventError(f"its {name} is cut short")
    if any(data[first + length : first + padded]):
        raise UndecodableEventError(f"its {name} is padded with something else than zeros")
    return data[first : first + length], first + padded


def _word(kind: str, word: bytes) -> bytes | int:
    if kind == "address":
        if any(word[:12]):
            raise UndecodableEventError("an address has more than 20 bytes")
        return word[12:]
    return word if kind == "bytes32" else int.from_bytes(word, "big")
