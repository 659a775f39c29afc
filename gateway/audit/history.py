"""What the ledger says of a contract: block headers, receipts and events, and how they are written to a file.

The file is text, one JSON object a line: what it is about, one line per block, the SHA-256 of all that. Every
line has one form only, so the file has no byte that could be altered without being noticed. A history may be
longer than memory: its blocks come one after the other.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH, to_hex
from gateway.audit.errors import ExportError, HistoryFileError, NoSuchHistoryError
from gateway.ledger.bounded_json import parse

FORMAT = "ridgekey-history/2"

MAX_LINE = 32 << 20
"""Bytes of a line: the receipts of a full block of a ledger shared with many others fit."""

HEX = re.compile(r"0x(?:[0-9a-f]{2})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as the ledger keeps it: up to four topics of 32 bytes, and the data."""

    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class HistoryBlock:
    """A block, and what happened in it.

    Attributes:
        hash: what the ledger calls the block.
        header: RLP of its header, which holds its number, time, and parent.
        events: our contract's events, in their order, as the ledger told them; none where there are receipts.
        receipts: all receipts of the block as the consensus encodes them, which hold the events and fit the
            header; None if they were not asked for, as the header says that the contract did nothing here.
    """

    hash: bytes
    header: bytes
    events: tuple[LoggedEvent, ...] = ()
    receipts: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All that the ledger says of the contract, up to its newest block, which is the last one here.

    Attributes:
        chain_id: EIP-155 chain id.
        contract: address of the contract.
        salt: environment salt of the contract; with the two above it makes the domain separator.
        subject: the person whose events these are; None for everybody's.
        first: number of the block that it begins with, if it is unbroken.
        unbroken: whether every block from the first to the last is here, so that none can be left out.
        proven: whether blocks come with their receipts, so that no event can be left out of one.
        blocks: in the order of their numbers; to be gone through once, unless it is a tuple.
        count: how many blocks there are, if that is known beforehand.
    """

    chain_id: int
    contract: bytes
    salt: bytes
    subject: bytes | None
    first: int
    unbroken: bool
    proven: bool
    blocks: Iterable[HistoryBlock]
    count: int | None = None

    def held(self) -> "History":
        """The same with its blocks in memory."""
        return replace(self, blocks=tuple(self.blocks))


def exporting(history: History, path: Path) -> History:
    """The same history, which writes itself to a file while it is gone through.

    Raises:
        ExportError: the file cannot be written; also while the blocks are gone through.
    """
    try:
        file = path.open("wb")
    except OSError as error:
        raise _unwritable(path, error) from error
    return replace(history, blocks=_written(history, file, path))


def export(history: History, path: Path) -> None:
    """Write a history to a file.

    Raises:
        ExportError: it cannot be written.
    """
    for _ in exporting(history, path).blocks:
        pass


def load(path: Path) -> History:
    """Read a history from a file; its blocks are read and checked while they are gone through.

    Raises:
        NoSuchHistoryError: the file cannot be read.
        HistoryFileError: it is not as `export` writes it; also while the blocks are gone through, and after
            the last one if the checksum does not hold.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise NoSuchHistoryError(f"cannot read the history {path}: {error.strerror}") from error
    records = _records(file, path)
    head = next(records, {})
    if head.get("format") != FORMAT:
        raise HistoryFileError(f"{path} is no exported history of this release ({FORMAT})")
    try:
        subject = head["subject"]
        return History(
            chain_id=_number(head["chain_id"]),
            contract=_octets(head["contract"], ADDRESS_LENGTH),
            salt=_octets(head["salt"], HASH_LENGTH),
            subject=None if subject is None else _octets(subject, ADDRESS_LENGTH),
            first=_number(head["first"]),
            unbroken=_truth(head["unbroken"]),
            proven=_truth(head["proven"]),
            blocks=_blocks(records, path),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _ill_formed(path) from error


def _written(history: History, file: BinaryIO, path: Path) -> Iterator[HistoryBlock]:
    digest = hashlib.sha256()

    def write(line: bytes) -> None:
        digest.update(line)
        try:
            file.write(line)
        except OSError as error:
            raise _unwritable(path, error) from error

    with file:
        write(_head(history))
        for block in history.blocks:
            write(_line(_of_block(block)))
            yield block
        write(_line({"sha256": to_hex(digest.digest())}))
        try:
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(path, error) from error


def _head(history: History) -> bytes:
    return _line(
        {
            "format": FORMAT,
            "chain_id": history.chain_id,
            "contract": to_hex(history.contract),
            "salt": to_hex(history.salt),
            "subject": None if history.subject is None else to_hex(history.subject),
            "first": history.first,
            "unbroken": history.unbroken,
            "proven": history.proven,
        }
    )


def _of_block(block: HistoryBlock) -> dict[str, Any]:
    record: dict[str, Any] = {"hash": to_hex(block.hash), "header": to_hex(block.header)}
    if block.receipts is not None:
        return record | {"receipts": [to_hex(receipt) for receipt in block.receipts]}
    events = [
        {"topics": [to_hex(t) for t in event.topics], "data": to_hex(event.data)} for event in block.events
    ]
    return record | ({"events": events} if events else {})


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


def _records(file: BinaryIO, path: Path) -> Iterator[dict[str, Any]]:
    """The lines between the beginning and the checksum, which must be the last line and hold."""
    digest, previous = hashlib.sha256(), None
    with file:
        try:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
                if previous is not None:
                    digest.update(previous[0])
                    yield previous[1]
                previous = line, _record(line, f"{path}, line {number}")
        except OSError as error:
            raise NoSuchHistoryError(f"cannot read the history {path}: {error.strerror}") from error
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


def _blocks(records: Iterable[dict[str, Any]], path: Path) -> Iterator[HistoryBlock]:
    for record in records:
        try:
            yield _block(record)
        except (KeyError, TypeError, ValueError) as error:
            raise _ill_formed(path) from error


def _block(record: dict[str, Any]) -> HistoryBlock:
    block_hash, header = _octets(record["hash"], HASH_LENGTH), _octets(record["header"])
    if "receipts" in record:
        receipts = tuple(_octets(receipt) for receipt in record["receipts"])
        return HistoryBlock(block_hash, header, receipts=receipts)
    events = tuple(
        LoggedEvent(tuple(_octets(t, HASH_LENGTH) for t in event["topics"]), _octets(event["data"]))
        for event in record.get("events", ())
    )
    return HistoryBlock(block_hash, header, events)


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


def _ill_formed(path: Path) -> HistoryFileError:
    return HistoryFileError(f"{path} is no exported history: a member is missing or ill-formed")


def _unwritable(path: Path, error: OSError) -> ExportError:
    return ExportError(f"cannot write the history to {path}: {error.strerror}")
