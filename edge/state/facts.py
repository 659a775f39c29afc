"""Single values that outlive the process: counters, and the configuration that the gateway has set."""

from edge.state.database import Database


def number(database: Database, name: str) -> int:
    """A number that was kept, or 0."""
    row = database.row("SELECT value FROM facts WHERE name = ?", (name,))
    return 0 if row is None else int.from_bytes(row["value"])


def next_number(database: Database, name: str) -> int:
    """Count one up from the number that was kept, on the disk when this returns.

    Raises:
        StateError: the disk refuses.
    """
    with database.transaction():
        counted = number(database, name) + 1
        keep(database, name, counted.to_bytes(8))
        return counted


def value(database: Database, name: str) -> bytes | None:
    """Bytes that were kept, or None."""
    row = database.row("SELECT value FROM facts WHERE name = ?", (name,))
    return None if row is None else bytes(row["value"])


def keep(database: Database, name: str, kept: bytes) -> None:
    """Keep a value in the place of the one before.

    Raises:
        StateError: the disk refuses.
    """
    with database.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, kept))
