"""Records stored from this kiosk: identifiers, and the data key wrapped to its subject; no content."""

from dataclasses import dataclass

from contracts.hexes import to_hex
from edge.errors import NotFoundError
from edge.state.database import Database, Row


@dataclass(frozen=True)
class StoredRecord:
    """What the kiosk keeps of a record.

    Attributes:
        record: 32 bytes, its identifier.
        subject: 20 bytes, whose it is.
        kind: 32 bytes, `RecordKind` identifier.
        commitment: 32 bytes, SHA-256 of the encrypted object.
        wrapped_key: 80 bytes, the data key by HPKE to the subject.
        stored_at: Unix seconds.
    """

    record: bytes
    subject: bytes
    kind: bytes
    commitment: bytes
    wrapped_key: bytes
    stored_at: int


def add(database: Database, record: StoredRecord) -> None:
    """Remember a record; inside the transaction of its `Register` message."""
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)",
            (
                record.record,
                record.subject,
                record.kind,
                record.commitment,
                record.wrapped_key,
                record.stored_at,
            ),
        )


def find(database: Database, record: bytes, subject: bytes) -> StoredRecord:
    """A record of this subject.

    Raises:
        NotFoundError: it was not stored from this kiosk.
    """
    row = database.row("SELECT * FROM records WHERE record = ? AND subject = ?", (record, subject))
    if row is None:
        raise NotFoundError(f"record {to_hex(record)} of {to_hex(subject)} was not stored from this kiosk")
    return _record(row)


def everything(database: Database) -> list[StoredRecord]:
    """All records, the latest first."""
    return [_record(row) for row in database.rows("SELECT * FROM records ORDER BY stored_at DESC, record")]


def _record(row: Row) -> StoredRecord:
    return StoredRecord(*(row[name] for name in StoredRecord.__dataclass_fields__))
