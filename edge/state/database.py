"""The SQLite file: how it is opened, its tables, and its failures in words.

WAL with `synchronous=FULL`: a transaction that has returned survives a power cut (SQLite manual,
"Write-Ahead Logging").
"""

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge.errors import StateError

Row = sqlite3.Row

FILE_NAME = "kiosk.sqlite"
"""Its name in the kiosk's state directory."""

BUSY_SECONDS = 5.0
"""How long to wait for another process's lock, such as a backup's."""

SCHEMAS = (
    """
CREATE TABLE subjects (
    address     BLOB PRIMARY KEY,
    sealed      BLOB NOT NULL,        -- protected record, AES-256-GCM under the device's pepper
    enrolled_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE records (
    record      BLOB PRIMARY KEY,
    subject     BLOB NOT NULL REFERENCES subjects,
    kind        BLOB NOT NULL,
    commitment  BLOB NOT NULL,
    wrapped_key BLOB NOT NULL,        -- data key, HPKE to the subject
    stored_at   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE requests (
    request     BLOB PRIMARY KEY,
    subject     BLOB NOT NULL,
    expiry      INTEGER NOT NULL,
    signed      BLOB NOT NULL,        -- SignedRequest as it was heard, checked again before it is answered
    heard_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE outbox (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    digest      BLOB NOT NULL UNIQUE,
    act         INTEGER NOT NULL,
    subject     BLOB NOT NULL,
    about       BLOB NOT NULL,        -- what the act is about: subject, record or request
    message     BLOB,                 -- COSE bytes; old settled ones are let go
    queued_at   REAL NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     REAL NOT NULL,
    complaint   TEXT NOT NULL DEFAULT '',
    status      INTEGER,              -- of the gateway's receipt; NULL while it waits
    receipt     BLOB,
    settled_at  REAL
);
CREATE INDEX outbox_waiting ON outbox (subject, sequence) WHERE status IS NULL;
CREATE INDEX outbox_about ON outbox (about, sequence);
""",
    """
CREATE TABLE nonces (
    subject     BLOB PRIMARY KEY,
    word        BLOB NOT NULL,        -- upper 248 bits of the person's nonces at this kiosk
    taken       INTEGER NOT NULL      -- how many of the word's 256 are used up
) WITHOUT ROWID;
""",
    """
-- deadline: Unix time, NULL in a message of an earlier version; link: by which it was last sent;
-- told: the bad end, if any, that the person has heard of
ALTER TABLE outbox ADD COLUMN deadline INTEGER;
ALTER TABLE outbox ADD COLUMN link TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN told TEXT;
""",
    """
CREATE TABLE phones (
    key         BLOB PRIMARY KEY,     -- its long-term X25519 key for this kiosk
    subject     BLOB NOT NULL,
    label       TEXT NOT NULL,
    paired_at   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE carried (
    subject     BLOB PRIMARY KEY,     -- whose sealed record is on a phone, and empty in `subjects`
    digest      BLOB NOT NULL         -- SHA-256 of it
) WITHOUT ROWID;
""",
    """
CREATE TABLE facts (
    name        TEXT PRIMARY KEY,     -- of a counter, or of the configuration that the gateway has set
    value       BLOB NOT NULL
) WITHOUT ROWID;
""",
    """
CREATE TABLE successors (
    subject     BLOB PRIMARY KEY,
    digest      BLOB NOT NULL,        -- of the act that brings the key: a rotation or a recovery
    sealed      BLOB NOT NULL         -- keyring of that key, as in `subjects`
) WITHOUT ROWID;
CREATE TABLE identities (
    subject     BLOB PRIMARY KEY,     -- of whom the gateway has told how their identity stands
    key         BLOB NOT NULL,
    at          INTEGER NOT NULL,     -- when the ledger was asked, Unix time
    recovery    BLOB,                 -- id of the one under way; NULL for none
    new_key     BLOB,
    ready       INTEGER
) WITHOUT ROWID;
""",
)
"""What each version of the tables adds to the one before."""

VERSION = len(SCHEMAS)
"""Of the tables; kept in the file's `user_version`."""


class Database:
    """One connection, shared by the agent's threads, one transaction at a time."""

    def __init__(self, path: Path, schemas: Sequence[str] = SCHEMAS) -> None:
        """Open the file, or make it with mode 0600.

        Args:
            path: of the file.
            schemas: what each version of the tables adds to the one before.

        Raises:
            StateError: it cannot be opened, is no database, or is of a later version.
        """
        self.path = path
        self._schemas = schemas
        self._lock = threading.RLock()
        with self._failures():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                "secure_delete = ON",
            ):
                self._connection.execute(f"PRAGMA {pragma}")
        self._prepare()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; a transaction inside another joins it.

        Raises:
            StateError: the disk is full or broken; nothing was written.
        """
        with self._lock, self._failures():
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        with self._lock, self._failures():
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, if there is one."""
        found = self.rows(query, values)
        return found[0] if found else None

    def free_bytes(self) -> int:
        """How much more the file can grow: what the disk has left, or SQLite's own limit for the file.

        Raises:
            StateError: the disk cannot be asked.
        """
        pages, most, free, size = (
            int(self.rows(f"PRAGMA {name}")[0][0])
            for name in ("page_count", "max_page_count", "freelist_count", "page_size")
        )
        with self._failures():
            return min(shutil.disk_usage(self.path.parent).free, (most - pages + free) * size)

    def scrub(self) -> None:
        """Leave nothing on the disk of what was overwritten: the log of changes may still have it."""
        with self._lock, self._failures():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        with self.transaction() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(self._schemas):
                raise StateError(
                    f"{self.path} was written by a later ridgekey (tables {version}); update this one"
                )
            for schema in self._schemas[version:]:
                for statement in schema.split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(self._schemas)}")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StateError(self._in_words(error)) from None
        except OSError as error:
            raise StateError(f"cannot open the state {self.path}: {error.strerror}") from None

    def _in_words(self, error: sqlite3.DatabaseError) -> str:
        name = getattr(error, "sqlite_errorname", "")
        if name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE"):
            return (
                f"no room on the disk that holds {self.path}; free some space and try again: nothing was lost"
            )
        if name in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            return f"{self.path} is damaged ({error}); restore it from a backup"
        return f"the state {self.path} cannot be used: {error}"
