"""The journal: what the gateway has been handed and how far each act has come, in SQLite, surviving kill -9.

An entry is one signed act, known by its EIP-712 digest; a repeat finds the entry that is there. It moves
through the states of `State`, and only as the methods under "Moves" allow. Each move is one synchronised
SQLite transaction, made before what it announces can be seen outside: a transaction's bytes are in the
journal before the ledger gets them, a receipt is in the journal before the kiosk gets it. So after a crash
every entry can be taken up from its state.
"""

import sqlite3
from pathlib import Path
from typing import Any

from contracts.acts import ActKind
from gateway.database import Database, JournalError
from gateway.entries import Arrival, Entry, State, Transaction

SCHEMA_VERSION = 1


SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    kind INTEGER NOT NULL,
    subject BLOB NOT NULL,
    request BLOB,
    requester BLOB,
    kiosk BLOB,
    message BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    state TEXT NOT NULL,
    step INTEGER NOT NULL DEFAULT 0,
    steps INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    receipt BLOB,
    answered INTEGER NOT NULL DEFAULT 0  -- of a request: no longer open, as far as this gateway has seen
) STRICT;
CREATE INDEX IF NOT EXISTS entries_under_way ON entries (number) WHERE state NOT IN ('final', 'rejected');
CREATE INDEX IF NOT EXISTS entries_request ON entries (request, kind);
CREATE INDEX IF NOT EXISTS open_requests ON entries (subject) WHERE kind = 3 AND answered = 0;
CREATE TABLE IF NOT EXISTS transactions (
    digest BLOB NOT NULL,
    step INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    raw BLOB NOT NULL,
    hash BLOB NOT NULL,
    block INTEGER,
    block_hash BLOB,
    PRIMARY KEY (digest, step)
) STRICT;
CREATE TABLE IF NOT EXISTS enrolments (
    subject BLOB NOT NULL,
    kiosk BLOB NOT NULL,
    PRIMARY KEY (subject, kiosk)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
"""

ENTRY = (
    "number, digest, kind, subject, request, requester, kiosk, message, state, step, steps, reason, receipt"
)


class Journal:
    """The journal file. Safe to use from several threads of one process."""

    def __init__(self, path: Path) -> None:
        """Open the journal, making it if it is new.

        Raises:
            JournalError: It cannot be opened, or was written by another version.
        """
        self._database = Database(path, SCHEMA, SCHEMA_VERSION)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # Arrival

    def admit(self, arrival: Arrival) -> tuple[Entry, bool]:
        """Enter an act, or find it; on the disk when this returns.

        Returns:
            The entry, and whether it is new: not here before, or rejected before with another signature or
            object.
        """
        with self._database.writing() as sql:
            known = sql.execute(
                "SELECT state, fingerprint FROM entries WHERE digest = ?", (arrival.digest,)
            ).fetchone()
            again = known is not None and known[0] == State.REJECTED and known[1] != arrival.fingerprint
            if known is None or again:
                _enter(sql, arrival)
            entry = self.find(arrival.digest)
            assert entry is not None  # noqa: S101 - just written, in the same transaction
            return entry, known is None or again

    # Moves

    def verify(self, digest: bytes) -> None:
        """Received -> verified."""
        with self._database.writing() as sql:
            _move(sql, digest, State.VERIFIED, State.RECEIVED)

    def sign(self, digest: bytes, transaction: Transaction) -> None:
        """Verified -> signed, with the transaction that will be sent."""
        with self._database.writing() as sql:
            _move(sql, digest, State.SIGNED, State.VERIFIED)
            sql.execute(
                "INSERT OR REPLACE INTO transactions (digest, step, nonce, raw, hash)"
                " SELECT digest, step, ?, ?, ? FROM entries WHERE digest = ?",
                (transaction.nonce, transaction.raw, transaction.hash, digest),
            )

    def accept(self, digest: bytes) -> None:
        """Signed -> accepted."""
        with self._database.writing() as sql:
            _move(sql, digest, State.ACCEPTED, State.SIGNED)

    def mine(self, digest: bytes, block: int, block_hash: bytes) -> None:
        """Accepted -> mined, in this block."""
        with self._database.writing() as sql:
            _move(sql, digest, State.MINED, State.ACCEPTED)
            _set_block(sql, digest, block, block_hash)

    def send_again(self, digest: bytes) -> None:
        """Accepted or mined -> signed: the ledger lost the transaction, the same bytes go out once more."""
        with self._database.writing() as sql:
            _move(sql, digest, State.SIGNED, State.ACCEPTED, State.MINED)
            _set_block(sql, digest, None, None)

    def sign_again(self, digest: bytes) -> None:
        """Signed -> verified: the transaction can never take effect, its bytes are forgotten."""
        with self._database.writing() as sql:
            _move(sql, digest, State.VERIFIED, State.SIGNED)
            sql.execute(
                "DELETE FROM transactions"
                " WHERE (digest, step) IN (SELECT digest, step FROM entries WHERE digest = ?)",
                (digest,),
            )

    def next_step(self, digest: bytes) -> None:
        """Mined -> verified: this transaction of the act is final, the next one is due."""
        with self._database.writing() as sql:
            _move(sql, digest, State.VERIFIED, State.MINED)
            sql.execute("UPDATE entries SET step = step + 1 WHERE digest = ?", (digest,))

    def finish(self, digest: bytes, receipt: bytes) -> None:
        """Mined -> final, with the receipt; notes where a person enrolled, which request is answered."""
        with self._database.writing() as sql:
            _move(sql, digest, State.FINAL, State.MINED)
            _conclude(sql, digest, receipt, "")
            sql.execute(
                "INSERT OR IGNORE INTO enrolments (subject, kiosk)"
                " SELECT subject, kiosk FROM entries WHERE digest = ? AND kind = ? AND kiosk IS NOT NULL",
                (digest, int(ActKind.ENROL)),
            )
            sql.execute(
                "UPDATE entries SET answered = 1 WHERE kind = ? AND request ="
                " (SELECT request FROM entries WHERE digest = ? AND kind IN (?, ?))",
                (int(ActKind.REQUEST), digest, int(ActKind.GRANT), int(ActKind.DENY)),
            )

    def reject(self, digest: bytes, reason: str, receipt: bytes) -> None:
        """Received, verified or mined -> rejected, with the reason and the receipt."""
        with self._database.writing() as sql:
            _move(sql, digest, State.REJECTED, State.RECEIVED, State.VERIFIED, State.MINED)
            _conclude(sql, digest, receipt, reason)

    # Questions

    def find(self, digest: bytes) -> Entry | None:
        """The entry of this act, or None."""
        return next(iter(self._entries("digest = ?", digest)), None)

    def under_way(self) -> list[tuple[bytes, bytes]]:
        """Digest and subject of the acts that are neither final nor rejected, by arrival."""
        with self._database.reading() as sql:
            return sql.execute(
                "SELECT digest, subject FROM entries WHERE state NOT IN ('final', 'rejected') ORDER BY number"
            ).fetchall()

    def count_under_way(self) -> int:
        """How many acts are neither final nor rejected."""
        with self._database.reading() as sql:
            (count,) = sql.execute(
                "SELECT count(*) FROM entries WHERE state NOT IN ('final', 'rejected')"
            ).fetchone()
            return int(count)

    def transaction(self, digest: bytes, step: int) -> Transaction | None:
        """The transaction signed for this step of an act, or None."""
        with self._database.reading() as sql:
            row = sql.execute(
                "SELECT nonce, raw, hash, block, block_hash FROM transactions WHERE digest = ? AND step = ?",
                (digest, step),
            ).fetchone()
            return None if row is None else Transaction(*row)

    def next_nonce(self, on_chain: int) -> int:
        """The first nonce that neither the chain nor a transaction under way has taken.

        Args:
            on_chain: The account's number of mined transactions, as the node tells it.
        """
        with self._database.reading() as sql:
            (highest,) = sql.execute(
                "SELECT max(nonce) FROM transactions NATURAL JOIN entries WHERE state IN (?, ?, ?)",
                (State.SIGNED, State.ACCEPTED, State.MINED),
            ).fetchone()
            return on_chain if highest is None else max(on_chain, int(highest) + 1)

    def request(self, request: bytes) -> Entry | None:
        """The entry of the request with this id, or None."""
        return next(iter(self._entries("request = ? AND kind = ?", request, int(ActKind.REQUEST))), None)

    def open_requests_of_requester(self, requester: bytes) -> list[Entry]:
        """Requests of a requester that this gateway has seen no answer to."""
        return self._entries("kind = 3 AND answered = 0 AND requester = ? ORDER BY number", requester)

    def open_requests_at(self, kiosk: bytes) -> list[Entry]:
        """Requests on the ledger, with no answer seen, to people who enrolled at a kiosk."""
        return self._entries(
            "kind = 3 AND answered = 0 AND state = 'final'"
            " AND subject IN (SELECT subject FROM enrolments WHERE kiosk = ?) ORDER BY number",
            kiosk,
        )

    def kiosks_of(self, subject: bytes) -> list[bytes]:
        """The kiosks at which a person enrolled."""
        with self._database.reading() as sql:
            rows = sql.execute("SELECT kiosk FROM enrolments WHERE subject = ?", (subject,)).fetchall()
            return [row[0] for row in rows]

    def set_answered(self, request: bytes) -> None:
        """Note that a request is no longer open: the ledger says so."""
        with self._database.writing() as sql:
            sql.execute("UPDATE entries SET answered = 1 WHERE kind = 3 AND request = ?", (request,))

    def fact(self, name: str) -> bytes | None:
        """A lasting fact, such as the contract that this gateway deployed."""
        with self._database.reading() as sql:
            row = sql.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return None if row is None else bytes(row[0])

    def remember(self, name: str, value: bytes) -> None:
        """Keep a lasting fact."""
        with self._database.writing() as sql:
            sql.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    def _entries(self, where: str, *values: bytes | int) -> list[Entry]:
        with self._database.reading() as sql:
            rows = sql.execute(f"SELECT {ENTRY} FROM entries WHERE {where}", values).fetchall()  # noqa: S608 - our own text
            return [_entry(row) for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    """An entry from its row, in the order of `ENTRY`."""
    number, digest, kind, subject, request, requester, kiosk, message, state, *rest = row
    return Entry(
        number, digest, ActKind(kind), subject, request, requester, kiosk, message, State(state), *rest
    )


def _enter(sql: sqlite3.Connection, arrival: Arrival) -> None:
    """Enter an act anew; one that was rejected keeps its number only."""
    sql.execute("DELETE FROM transactions WHERE digest = ?", (arrival.digest,))
    sql.execute(
        "INSERT INTO entries"
        " (digest, kind, subject, request, requester, kiosk, message, steps, fingerprint, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET kiosk = excluded.kiosk, message = excluded.message, step = 0,"
        " steps = excluded.steps, fingerprint = excluded.fingerprint, state = excluded.state, reason = '',"
        " receipt = NULL, answered = 0",
        (
            arrival.digest, int(arrival.kind), arrival.subject, arrival.request, arrival.requester,
            arrival.kiosk, arrival.message, arrival.steps, arrival.fingerprint, State.RECEIVED,
        ),
    )  # fmt: skip


def _conclude(sql: sqlite3.Connection, digest: bytes, receipt: bytes, reason: str) -> None:
    """Keep the receipt; forget the message and its ciphertext, unless a request is to be announced."""
    sql.execute(
        "UPDATE entries SET receipt = ?, reason = ?, answered = (state = 'rejected'),"
        " message = iif(kind = ? AND state = 'final', message, x'') WHERE digest = ?",
        (receipt, reason, int(ActKind.REQUEST), digest),
    )


def _move(sql: sqlite3.Connection, digest: bytes, to: State, *sources: State) -> None:
    """Compare and set: the entry must be in one of the states that the arrow starts from."""
    marks = ", ".join("?" * len(sources))
    moved = sql.execute(
        f"UPDATE entries SET state = ? WHERE digest = ? AND state IN ({marks})",  # noqa: S608 - question marks
        (to, digest, *sources),
    )
    if moved.rowcount != 1:
        raise JournalError(f"the journal has no act {digest.hex()} that could become {to}")


def _set_block(sql: sqlite3.Connection, digest: bytes, block: int | None, block_hash: bytes | None) -> None:
    sql.execute(
        "UPDATE transactions SET block = ?, block_hash = ?"
        " WHERE (digest, step) IN (SELECT digest, step FROM entries WHERE digest = ?)",
        (block, block_hash, digest),
    )
