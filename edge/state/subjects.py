"""The people enrolled at this kiosk: an address, and a record that only pepper and finger open."""

from dataclasses import dataclass

from contracts.acts import ActKind
from contracts.hexes import to_hex
from contracts.messages import ReceiptStatus
from edge.errors import NotFoundError, UsageError
from edge.state.database import Database, Row


@dataclass(frozen=True)
class Subject:
    """One enrolled person.

    Attributes:
        address: 20 bytes, the identifier on the ledger.
        sealed: the person's keyring (`edge.identity.keyring`); its records are encrypted under the pepper.
        enrolled_at: Unix seconds.
    """

    address: bytes
    sealed: bytes
    enrolled_at: int


def add(database: Database, subject: Subject) -> None:
    """Remember a person; inside the transaction of their `Enrol` message."""
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO subjects VALUES (?, ?, ?)", (subject.address, subject.sealed, subject.enrolled_at)
        )


def replace(database: Database, address: bytes, before: bytes, after: bytes) -> bool:
    """Put a keyring in another's place; False if that is not the one that is stored any more."""
    with database.transaction() as connection:
        done = connection.execute(
            "UPDATE subjects SET sealed = ? WHERE address = ? AND sealed = ?", (after, address, before)
        )
    return done.rowcount == 1


def forget(database: Database, address: bytes) -> None:
    """Let go of a person whose identity has ended, and of all that is kept of theirs but the acts."""
    with database.transaction() as connection:
        for table in ("records", "requests", "nonces", "phones", "carried", "successors", "identities"):
            connection.execute(f"DELETE FROM {table} WHERE subject = ?", (address,))  # noqa: S608 - our own names
        connection.execute("DELETE FROM subjects WHERE address = ?", (address,))


def everyone(database: Database) -> list[Subject]:
    """All people enrolled here, the latest first; without those whose enrolment was rejected."""
    rows = database.rows(
        "SELECT * FROM subjects WHERE NOT EXISTS"
        " (SELECT 1 FROM outbox WHERE about = address AND act = ? AND status = ?)"
        " ORDER BY enrolled_at DESC, address",
        (int(ActKind.ENROL), int(ReceiptStatus.REJECTED)),
    )
    return [_subject(row) for row in rows]


def find(database: Database, address: bytes) -> Subject:
    """The person of this address.

    Raises:
        NotFoundError: nobody enrolled here has it.
    """
    row = database.row("SELECT * FROM subjects WHERE address = ?", (address,))
    if row is None:
        raise NotFoundError(f"{to_hex(address)} is not enrolled at this kiosk; enrol first")
    return _subject(row)


def candidates(database: Database, address: bytes | None, limit: int) -> list[Subject]:
    """Whose finger it may be: the named person, or everyone as long as that is few.

    Raises:
        NotFoundError: the named person, or anyone at all, is not enrolled here.
        UsageError: nobody was named, and more than `limit` people are enrolled.
    """
    if address is not None:
        return [find(database, address)]
    people = everyone(database)
    if not people:
        raise NotFoundError("nobody is enrolled at this kiosk yet; start with: ridgekey edge enrol")
    if len(people) > limit:
        raise UsageError(f"{len(people)} people are enrolled here; say who it is with --subject 0x…")
    return people


def _subject(row: Row) -> Subject:
    return Subject(row["address"], row["sealed"], row["enrolled_at"])
