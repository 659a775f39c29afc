"""What the ledger says of a contract: block headers and events, and how they are written to a file.

The file is text, one JSON object a line: what it is about, one line per block, the SHA-256 of all that. Every
line has one form only, so the file has no byte that could be altered without being noticed.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH, to_hex
from gateway.audit.errors import ExportError, HistoryFileError, NoSuchHistoryError
from gateway.ledger.bounded_json import parse

FORMAT = "ridgekey-history/1"

MAX_LINE = 1 << 20
"""Bytes of a line: a block with a hundred of our events, or with a few published objects, fits."""

MAX_BLOCKS = 2_000_000
"""Blocks in one file, about two gigabytes of headers: beyond what one audit should hold in memory."""

HEX = re.compile(r"0x(?:[0-9a-f]{2})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as the ledger keeps it: up to four topics of 32 bytes, and the data."""

    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class HistoryBlock:
    """A block and our contract's events in it, in their order.

    Attributes:
        hash: what the ledger calls the block.
        header: RLP of its header, which holds its number, time, and parent.
        events: the contract's events; none for a block that is here to link its neighbours.
    """

    hash: bytes
    header: bytes
    events: tuple[LoggedEvent, ...]


@dataclass(frozen=True, slots=True)
class History:
    """All that the ledger says of the contract, up to its newest block, which is the last one here.

    Attributes:
        chain_id: EIP-155 chain id.
        contract: address of the contract.
        salt: environment salt of the contract; with the two above it makes the domain separator.
        subject: the person whose events these are; None for everybody's.
        unbroken: whether every block from the first to the last is here, so that none can be left out.
        blocks: in the order of their numbers.
    """

    chain_id: int
    contract: bytes
    salt: bytes
    subject: bytes | None
    unbroken: bool
    blocks: tuple[HistoryBlock, ...]


def export(history: History, path: Path) -> None:
    """Write a history to a file.

    Raises:
        ExportError: it cannot be written.
    """
    digest = hashlib.sha256()
    try:
        with path.open("wb") as file:
            for line in _lines(history):
                digest.update(line)
                file.write(line)
            file.write(_line({"sha256": to_hex(digest.digest())}))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ExportError(f"cannot write the history to {path}: {error.strerror}") from error


def load(path: Path) -> History:
    """Read a history from a file.

    Raises:
        NoSuchHistoryError: the file cannot be read.
        HistoryFileError: it is not as `export` writes it.
    """
    try:
        with path.open("rb") as file:
            return _parse(_records(file, path), path)
    except OSError as error:
        raise NoSuchHistoryError(f"cannot read the history {path}: {error.strerror}") from error


def _lines(history: History) -> Iterator[bytes]:
    yield _line(
        {
            "format": FORMAT,
            "chain_id": history.chain_id,
            "contract": to_hex(history.contract),
            "salt": to_hex(history.salt),
            "subject": None if history.subject is None else to_hex(history.subject),
            "unbroken": history.unbroken,
        }
    )
    for block in history.blocks:
        events = [
            {"topics": [to_hex(t) for t in event.topics], "data": to_hex(event.data)}
            for event in block.events
        ]
        yield _line({"hash": to_hex(block.hash), "header": to_hex(block.header), "events": events})


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


def _records(file: BinaryIO, path: Path) -> Iterator[dict[str, Any]]:
    """The lines between the beginning and the checksum, which must be the last line and hold."""
    digest, previous = hashlib.sha256(), None
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
        if previous is not None:
            digest.update(previous[0])
            yield previous[1]
        previous = line, _record(line, f"{path}, line {number}")
        if number > MAX_BLOCKS:
            raise HistoryFileError(f"{path} has more than {MAX_BLOCKS} lines")
    if previous is None or previous[1] != {"sha256": to_hex(digest.digest())}:
        raise HistoryFileError(f"{path} is damaged or was altered: its checksum does not hold")


def _record(line: bytes, where: str) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise HistoryFileError(f"{where}: longer than {MAX_LINE} bytes")
    try:
        record = parse(line)
    except ValueError:
        raise HistoryFileError(f"{where}: not JSON; the file is damaged or was altered") from None
    if not isinstance(record, dict) or _line(record) != line:
        raise HistoryFileError(f"{where}: not as it was written; the file is damaged or was altered")
    return record


def _parse(records: Iterable[dict[str, Any]], path: Path) -> History:
    stream = iter(records)
    head = next(stream, {})
    if head.get("format") != FORMAT:
        raise HistoryFileError(f"{path} is no exported history of this release ({FORMAT})")
    try:
        subject = head["subject"]
        return History(
            chain_id=_number(head["chain_id"]),
            contract=_octets(head["contract"], ADDRESS_LENGTH),
            salt=_octets(head["salt"], HASH_LENGTH),
            subject=None if subject is None else _octets(subject, ADDRESS_LENGTH),
            unbroken=_truth(head["unbroken"]),
            blocks=tuple(_block(record) for record in stream),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise HistoryFileError(f"{path} is no exported history: a member is missing or ill-formed") from error


def _block(record: dict[str, Any]) -> HistoryBlock:
    events = tuple(
        LoggedEvent(tuple(_octets(t, HASH_LENGTH) for t in event["topics"]), _octets(event["data"]))
        for event in record["events"]
    )
    return HistoryBlock(_octets(record["hash"], HASH_LENGTH), _octets(record["header"]), events)


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a number")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not true or false")  # noqa: TRY004 - caught with the others
    return value


def _octets(value: object, length: int | None = None) -> bytes:
    if not isinstance(value, str) or HEX.fullmatch(value) is None:
        raise ValueError("not hex")
    octets = bytes.fromhex(value[2:])
    if length is not None and len(octets) != length:
        raise ValueError("wrong length")
    return octets
