"""A SQLite file that several threads of one process share."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.journal.database import JournalError


class SqliteDatabase:
    """One connection and its lock."""

    def __init__(self, path: Path, schema: str, version: int) -> None:
        """Open the file, making it if it is new.

        Args:
            path: The file; beside it lie SQLite's own.
            schema: Statements that make what is not there yet.
            version: Of the schema.

        Raises:
            JournalError: It cannot be opened, or is of another version.
        """
        self._path = path
        self._lock = threading.RLock()
        with self._errors():
            self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
            self.connection.execute("PRAGMA secure_delete = ON")  # what is forgotten leaves the file
            (found,) = self.connection.execute("PRAGMA user_version").fetchone()
            if found not in (0, version):
                raise JournalError(f"the journal {path} is of version {found}; this gateway reads {version}")
            if found != version:
                self.connection.executescript(schema)
                self.connection.execute(f"PRAGMA user_version = {version}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; see `Database`."""
        with self.reading() as connection:
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone."""
        with self._lock, self._errors():
            yield self.connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal {self._path} cannot be used: {error}; check the disk, then start again"
            ) from None
