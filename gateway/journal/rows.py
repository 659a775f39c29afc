"""Rows of the journal's tables as the types of `gateway.entries`, and statements that modules share."""

import time
from collections.abc import Sequence
from typing import Any

from contracts.acts import ActKind
from gateway.entries import Arrival, Candidate, Entry, Shipment, State
from gateway.journal.database import JournalError, RivalError, Sql
from gateway.rates import Rate, turn

ENTRY = (
    "number, digest, kind, subject, request, requester, kiosk, message, state, step, steps, reason, receipt,"
    " due, tries, trouble, shipment, position, tx, block, received_at"
)
"""Columns of an entry, in the order of `Entry`'s fields."""

SHIPMENT = "number, sender, nonce, state, data, gas, tx, block, block_hash, cost"
"""Columns of a shipment, in the order of `Shipment`'s fields, without its candidates."""

COLUMNS = 10

NEW_KEY = "new key of "
"""Begin of the name of a fact: that this person no longer signs with the key of the beginning."""

THEIRS = "(1 = 0 /*! OR owner <> :gateway */)"
"""Of a row: another gateway works on it."""


def entry_of(row: Sequence[Any]) -> Entry:
    """An entry from its row, in the order of `ENTRY`."""
    number, digest, kind, subject, request, requester, kiosk, message, state, *rest = row
    return Entry(
        number, digest, ActKind(kind), subject, request, requester, kiosk, message, State(state), *rest
    )


def shipment_of(rows: Sequence[Sequence[Any]]) -> Shipment:
    """A shipment from its rows, one for each candidate: the columns of `SHIPMENT`, then the candidate's."""
    number, sender, nonce, state, data, gas, *rest = rows[0][:COLUMNS]
    candidates = tuple(Candidate(*row[COLUMNS:]) for row in rows if row[COLUMNS] is not None)
    return Shipment(number, sender, nonce, State(state), data, gas, candidates, *rest)


def marks(count: int) -> str:
    """So many question marks."""
    return ", ".join("?" * count)


def enter(sql: Sql, arrival: Arrival) -> bool:
    """Enter an act that is not there, or was rejected in another shape; the latter keeps its number only.

    Returns:
        Whether it was.
    """
    entered = sql.execute(
        "INSERT INTO entries"
        " (digest, kind, subject, request, requester, kiosk, message, steps, fingerprint, state,"
        " received_at /*!, owner */)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? /*!, :gateway */)"
        " ON CONFLICT (digest) DO UPDATE SET kiosk = excluded.kiosk, message = excluded.message, step = 0,"
        " steps = excluded.steps, fingerprint = excluded.fingerprint, state = excluded.state, reason = '',"
        " receipt = NULL, answered = 0, due = 0, tries = 0, trouble = '', shipment = NULL,"
        " tx = NULL, block = NULL, received_at = excluded.received_at /*!, owner = excluded.owner */"
        " WHERE entries.state = 'rejected' AND entries.fingerprint <> excluded.fingerprint",
        (
            arrival.digest, int(arrival.kind), arrival.subject, arrival.request, arrival.requester,
            arrival.kiosk, arrival.message, arrival.steps, arrival.fingerprint, State.RECEIVED,
            int(time.time()),
        ),
    )  # fmt: skip
    return entered.rowcount == 1


def take_turn(sql: Sql, name: bytes, rate: Rate) -> int:
    """Let somebody who is limited have the next turn: the Unix time from which it is, 0 for at once."""
    (earliest,) = sql.execute(  # an update in any case, which keeps others out until the end
        "INSERT INTO rates (name, earliest) VALUES (?, 0)"
        " ON CONFLICT (name) DO UPDATE SET earliest = rates.earliest RETURNING earliest",
        (name,),
    ).fetchone()
    due, earliest = turn(rate, earliest, time.time())
    sql.execute("UPDATE rates SET earliest = ? WHERE name = ?", (earliest, name))
    return due


def remember(sql: Sql, name: str, value: bytes) -> None:
    """Keep a lasting fact."""
    sql.execute(
        "INSERT INTO facts (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def move(sql: Sql, digest: bytes, to: State, *sources: State) -> None:
    """Compare and set: the act must be in one of the states that the arrow starts from."""
    moved = sql.execute(
        f"UPDATE entries SET state = ?, trouble = '' WHERE digest = ? AND state IN ({marks(len(sources))})"  # noqa: S608 - question marks
        " /*! AND owner = :gateway */",
        (to, digest, *sources),
    )
    if moved.rowcount != 1:
        theirs = sql.execute(f"SELECT 1 FROM entries WHERE digest = ? AND {THEIRS}", (digest,))  # noqa: S608 - our own text
        raise (RivalError if theirs.fetchone() else JournalError)(
            f"the journal has no act {digest.hex()} that could become {to}"
        )


def move_shipment(sql: Sql, number: int, to: State, *sources: State) -> None:
    """The same for a shipment and all acts that it carries, which are in its state."""
    moved = sql.execute(
        f"UPDATE shipments SET state = ? WHERE number = ? AND state IN ({marks(len(sources))})"  # noqa: S608 - question marks
        " /*! AND owner = :gateway */",
        (to, number, *sources),
    )
    if moved.rowcount != 1:
        theirs = sql.execute(f"SELECT 1 FROM shipments WHERE number = ? AND {THEIRS}", (number,))  # noqa: S608 - our own text
        raise (RivalError if theirs.fetchone() else JournalError)(
            f"the journal has no shipment {number} that could become {to}"
        )
    sql.execute(
        "UPDATE entries SET state = ?, trouble = ''"
        " WHERE shipment = ? AND state NOT IN ('final', 'rejected')",
        (to, number),
    )
