"""The content-addressed store beside a shared journal: any gateway may have to hand out what another took."""

import hashlib

from gateway.journal.database import Database, JournalError


class SharedObjects:
    """Encrypted records in the journal's database, each named by the SHA-256 of its bytes; see `Objects`."""

    def __init__(self, database: Database) -> None:
        """Keep them in this database, which has the table."""
        self._database = database

    def put(self, data: bytes) -> bytes:
        """Keep an object; on the database's disk when this returns. Returns its commitment."""
        commitment = hashlib.sha256(data).digest()
        with self._database.writing() as sql:
            sql.execute(
                "INSERT INTO objects (commitment, data) VALUES (?, ?)"
                " ON CONFLICT (commitment) DO UPDATE SET data = excluded.data"
                " WHERE objects.data <> excluded.data",
                (commitment, data),
            )
        return commitment

    def get(self, commitment: bytes) -> bytes | None:
        """The object with this commitment, or None.

        Raises:
            JournalError: Its bytes are no longer those of its name.
        """
        with self._database.reading() as sql:
            row = sql.execute("SELECT data FROM objects WHERE commitment = ?", (commitment,)).fetchone()
        if row is None:
            return None
        if hashlib.sha256(row[0]).digest() != commitment:
            raise JournalError(
                f"the object {commitment.hex()} in the database was altered; restore it from a copy"
            )
        return bytes(row[0])
