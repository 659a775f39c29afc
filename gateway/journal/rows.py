"""Rows of the journal's tables as the types of `gateway.entries`, and statements that modules share."""

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from contracts.acts import ActKind
from gateway.entries import Arrival, Candidate, Entry, Shipment, State
from gateway.journal.database import JournalError
from gateway.rates import Rate, turn

ENTRY = (
    "number, digest, kind, subject, request, requester, kiosk, message, state, step, steps, reason, receipt,"
    " due, tries, trouble, shipment, position, tx, block, received_at"
)
"""Columns of an entry, in the order of `Entry`'s fields."""

SHIPMENT = "number, sender, nonce, state, data, gas, tx, block, block_hash, cost"
"""Columns of a shipment, in the order of `Shipment`'s fields, without its candidates."""

COLUMNS = 10

OVER = (State.FINAL, State.REJECTED)


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


def enter(sql: sqlite3.Connection, arrival: Arrival, due: int) -> None:
    """Enter an act anew; one that was rejected keeps its number only."""
    sql.execute(
        "INSERT INTO entries"
        " (digest, kind, subject, request, requester, kiosk, message, steps, fingerprint, state, due,"
        " received_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET kiosk = excluded.kiosk, message = excluded.message, step = 0,"
        " steps = excluded.steps, fingerprint = excluded.fingerprint, state = excluded.state, reason = '',"
        " receipt = NULL, answered = 0, due = excluded.due, tries = 0, trouble = '', shipment = NULL,"
        " tx = NULL, block = NULL, received_at = excluded.received_at",
        (
            arrival.digest, int(arrival.kind), arrival.subject, arrival.request, arrival.requester,
            arrival.kiosk, arrival.message, arrival.steps, arrival.fingerprint, State.RECEIVED, due,
            int(time.time()),
        ),
    )  # fmt: skip


def take_turn(sql: sqlite3.Connection, name: bytes, rate: Rate) -> int:
    """Let somebody who is limited have the next turn: the Unix time from which it is, 0 for at once."""
    row = sql.execute("SELECT earliest FROM rates WHERE name = ?", (name,)).fetchone()
    due, earliest = turn(rate, row[0] if row else 0.0, time.time())
    sql.execute(
        "INSERT INTO rates (name, earliest) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET earliest = excluded.earliest",
        (name, earliest),
    )
    return due


def move(sql: sqlite3.Connection, digest: bytes, to: State, *sources: State) -> None:
    """Compare and set: the act must be in one of the states that the arrow starts from."""
    moved = sql.execute(
        f"UPDATE entries SET state = ?, trouble = '' WHERE digest = ? AND state IN ({marks(len(sources))})",  # noqa: S608 - question marks
        (to, digest, *sources),
    )
    if moved.rowcount != 1:
        raise JournalError(f"the journal has no act {digest.hex()} that could become {to}")


def move_shipment(sql: sqlite3.Connection, number: int, to: State, *sources: State) -> None:
    """The same for a shipment and all acts that it carries, which are in its state."""
    moved = sql.execute(
        f"UPDATE shipments SET state = ? WHERE number = ? AND state IN ({marks(len(sources))})",  # noqa: S608 - question marks
        (to, number, *sources),
    )
    if moved.rowcount != 1:
        raise JournalError(f"the journal has no shipment {number} that could become {to}")
    sql.execute(
        "UPDATE entries SET state = ?, trouble = ''"
        " WHERE shipment = ? AND state NOT IN ('final', 'rejected')",
        (to, number),
    )
