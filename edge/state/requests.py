"""Requests that were heard: kept as the requester signed them, and checked again before they are answered."""

from contracts.messages import SignedRequest
from edge.errors import NotFoundError
from edge.state.database import Database

PER_SUBJECT_LIMIT = 256
"""Requests that are kept for one person; a gateway gone wild cannot fill the disk."""


def add(database: Database, request: bytes, signed: SignedRequest, heard_at: int) -> bool:
    """Remember a request; hearing it again changes nothing.

    Args:
        database: the kiosk's state.
        request: 32 bytes, its identifier.
        signed: the request, already checked.
        heard_at: Unix seconds.

    Returns:
        Whether it was new and kept. A person who has `PER_SUBJECT_LIMIT` loses their expired ones first, and
        after that hears of no more.
    """
    subject, expiry = signed.request.subject, signed.request.expiry
    with database.transaction() as connection:
        counted = "SELECT count(*) FROM requests WHERE subject = ?"
        if connection.execute(counted, (subject,)).fetchone()[0] >= PER_SUBJECT_LIMIT:
            connection.execute("DELETE FROM requests WHERE subject = ? AND expiry < ?", (subject, heard_at))
            if connection.execute(counted, (subject,)).fetchone()[0] >= PER_SUBJECT_LIMIT:
                return False
        added = connection.execute(
            "INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?, ?)",
            (request, subject, expiry, signed.encode(), heard_at),
        )
    return added.rowcount == 1


def find(database: Database, prefix: str) -> tuple[bytes, SignedRequest]:
    """The request whose identifier begins with these hex digits (with or without 0x).

    Raises:
        NotFoundError: none does, or several do.
    """
    digits = prefix.lower().removeprefix("0x")
    rows = database.rows(
        "SELECT request, signed FROM requests WHERE lower(hex(request)) GLOB ?", (f"{digits}*",)
    )
    if not digits or not all(digit in "0123456789abcdef" for digit in digits) or not rows:
        raise NotFoundError("no such request was heard here; list them with: ridgekey edge requests")
    if len(rows) > 1:
        raise NotFoundError(f"{len(rows)} requests begin with {digits}; give more digits")
    return rows[0]["request"], SignedRequest.decode(rows[0]["signed"])


def everything(database: Database) -> list[tuple[bytes, SignedRequest]]:
    """All requests, the latest first."""
    rows = database.rows("SELECT request, signed FROM requests ORDER BY heard_at DESC, request")
    return [(row["request"], SignedRequest.decode(row["signed"])) for row in rows]
