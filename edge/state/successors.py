"""Keyrings of keys that are still on their way to the ledger, by a rotation or a recovery.

The present keyring stays until the ledger has the new key: if the act is refused, nothing has changed.
"""

from dataclasses import dataclass, field

from edge.identity.keyring import Keyring
from edge.state.database import Database


@dataclass(frozen=True)
class Successor:
    """A keyring that is to take over.

    Attributes:
        subject: 20 bytes, whose.
        digest: of the act that brings its key to the ledger.
        sealed: the keyring.
    """

    subject: bytes
    digest: bytes
    sealed: bytes = field(repr=False)


def add(database: Database, successor: Successor) -> None:
    """Remember a successor, in the transaction of its act; an earlier one of the person is let go."""
    with database.transaction() as connection:
        connection.execute(
            "REPLACE INTO successors VALUES (?, ?, ?)",
            (successor.subject, successor.digest, successor.sealed),
        )


def find(database: Database, subject: bytes) -> Successor | None:
    """The person's successor, or None."""
    row = database.row("SELECT * FROM successors WHERE subject = ?", (subject,))
    return None if row is None else Successor(row["subject"], row["digest"], row["sealed"])


def drop(database: Database, digest: bytes) -> None:
    """Let a successor go whose act was refused; joins the transaction under way."""
    with database.transaction() as connection:
        connection.execute("DELETE FROM successors WHERE digest = ?", (digest,))


def take_over(database: Database, subject: bytes, key: bytes, now: int) -> bool:
    """Put the successor in its place, if it is the one whose key the ledger has now.

    Args:
        database: the kiosk's state.
        subject: whose.
        key: address of the key that signs for them on the ledger.
        now: Unix time, at which somebody who was not enrolled here is.

    Returns:
        Whether it took over; then the log of changes should be scrubbed of what was there before.
    """
    with database.transaction() as connection:
        found = find(database, subject)
        if found is None or Keyring.decode(found.sealed).key != key:
            return False
        connection.execute(
            "INSERT INTO subjects VALUES (?, ?, ?)"
            " ON CONFLICT (address) DO UPDATE SET sealed = excluded.sealed",
            (subject, found.sealed, now),
        )
        connection.execute("DELETE FROM carried WHERE subject = ?", (subject,))
        drop(database, found.digest)
    return True
