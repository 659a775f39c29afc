"""The phones that are paired with this kiosk, and the people whose records they carry."""

from dataclasses import dataclass
from hashlib import sha256

from edge.errors import NotFoundError
from edge.state.database import Database, Row

PHONES_LIMIT = 1000
"""Pairings of one kiosk; each took a finger, so this bounds an accident rather than an attack."""


@dataclass(frozen=True)
class Phone:
    """A paired phone.

    Attributes:
        key: 32 bytes, its long-term X25519 key for this kiosk.
        subject: 20 bytes, whose it is.
        label: its name, as it calls itself, cleaned.
        paired_at: Unix seconds.
    """

    key: bytes
    subject: bytes
    label: str
    paired_at: int

    @property
    def name(self) -> str:
        """Sixteen hex digits by which commands name it."""
        return sha256(self.key).hexdigest()[:16]


def add(database: Database, phone: Phone) -> None:
    """Remember a phone."""
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO phones VALUES (?, ?, ?, ?)", (phone.key, phone.subject, phone.label, phone.paired_at)
        )


def everything(database: Database) -> list[Phone]:
    """All paired phones, the latest first."""
    return [_phone(row) for row in database.rows("SELECT * FROM phones ORDER BY paired_at DESC, key")]


def find(database: Database, key: bytes) -> Phone | None:
    """The phone with this key, if it is paired."""
    row = database.row("SELECT * FROM phones WHERE key = ?", (key,))
    return _phone(row) if row else None


def named(database: Database, prefix: str) -> Phone:
    """The phone whose name begins with these hex digits.

    Raises:
        NotFoundError: none does, or several do.
    """
    found = [phone for phone in everything(database) if prefix and phone.name.startswith(prefix.lower())]
    if len(found) != 1:
        raise NotFoundError(
            f"{len(found) or 'no'} paired phones begin with {prefix[:20]!r};"
            " list them with: ridgekey edge phones"
        )
    return found[0]


def remove(database: Database, key: bytes) -> None:
    """Forget a phone; from now on it is a stranger."""
    with database.transaction() as connection:
        connection.execute("DELETE FROM phones WHERE key = ?", (key,))


def hand_over(database: Database, subject: bytes, digest: bytes) -> None:
    """Forget a person's sealed record, which a phone carries from now on.

    Args:
        database: the kiosk's state.
        subject: whose it is.
        digest: SHA-256 of the sealed record, by which it is known again.
    """
    with database.transaction() as connection:
        connection.execute("UPDATE subjects SET sealed = x'' WHERE address = ?", (subject,))
        connection.execute("REPLACE INTO carried VALUES (?, ?)", (subject, digest))
    database.scrub()


def take_back(database: Database, subject: bytes, sealed: bytes) -> None:
    """Keep a person's sealed record here again."""
    with database.transaction() as connection:
        connection.execute("UPDATE subjects SET sealed = ? WHERE address = ?", (sealed, subject))
        connection.execute("DELETE FROM carried WHERE subject = ?", (subject,))


def carried_digest(database: Database, subject: bytes) -> bytes | None:
    """SHA-256 of the record that a phone carries for this person; None if the kiosk keeps it."""
    row = database.row("SELECT digest FROM carried WHERE subject = ?", (subject,))
    return None if row is None else bytes(row["digest"])


def _phone(row: Row) -> Phone:
    return Phone(row["key"], row["subject"], row["label"], row["paired_at"])
