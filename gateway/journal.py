"""The journal: what the gateway has been handed and how far each act has come, in SQLite, surviving kill -9.

An entry is one signed act, known by its EIP-712 digest; a repeat finds the entry that is there. It moves
through the states of `State`, and only as the methods under "Moves" allow. Each move is one synchronised
SQLite transaction, made before what it announces can be seen outside: a transaction's bytes are in the
journal before the ledger gets them, a receipt is in the journal before the kiosk gets it. So after a crash
every entry can be taken up from its state.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from contracts.acts import ActKind
from gateway.errors import GatewayError

SCHEMA_VERSION = 1


class JournalError(GatewayError):
    """The journal cannot be opened, read or written."""

    exit_code = 74


class State(StrEnum):
    """How far an act has come."""

    RECEIVED = "received"  # its carrier's signature holds; on the disk
    VERIFIED = "verified"  # the ledger would take it; its object is stored
    SIGNED = "signed"  # the ledger transaction is signed and on the disk
    ACCEPTED = "accepted"  # the node has taken the transaction
    MINED = "mined"  # it stands in a block
    FINAL = "final"  # under enough blocks; the receipt says so
    REJECTED = "rejected"  # the ledger refuses it; the receipt says why


@dataclass(frozen=True)
class Entry:
    """One act in the journal.

    Attributes:
        number: Order of arrival.
        digest: EIP-712 digest of the act.
        kind: Which act it is.
        subject: Identifier of the person.
        request: Id of the request that a request, grant, deny or withdraw is about.
        requester: Address of the requester, for a request.
        kiosk: Kid of the kiosk that brought it; None for a request over HTTP.
        message: What was received, as received; empty once a kiosk's act is over.
        state: How far it has come.
        step: Which of the act's transactions is under way, from 0.
        reason: Why it was rejected.
        receipt: The signed receipt, once it is over.
    """

    number: int
    digest: bytes
    kind: ActKind
    subject: bytes
    request: bytes | None
    requester: bytes | None
    kiosk: bytes | None
    message: bytes
    state: State
    step: int
    reason: str
    receipt: bytes | None


@dataclass(frozen=True)
class Arrival:
    """An act as it is handed in: the fields of `Entry` that are known then, and a fingerprint.

    Attributes:
        fingerprint: Hash over signature and object: a repeat with another one is another attempt at the same
            act.
    """

    digest: bytes
    kind: ActKind
    subject: bytes
    request: bytes | None
    requester: bytes | None
    kiosk: bytes | None
    message: bytes
    fingerprint: bytes


@dataclass(frozen=True)
class Transaction:
    """A ledger transaction of an entry, stored before it is sent.

    Attributes:
        nonce: Nonce of the relayer's account.
        raw: Signed bytes; these and no others are sent for this nonce.
        hash: Transaction hash.
        block: Number of the block it stands in, once mined.
        block_hash: Hash of that block, to notice a reorganisation.
    """

    nonce: int
    raw: bytes
    hash: bytes
    block: int | None = None
    block_hash: bytes | None = None


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

ENTRY = "number, digest, kind, subject, request, requester, kiosk, message, state, step, reason, receipt"


class Journal:
    """The journal file. Safe to use from several threads of one process."""

    def __init__(self, path: Path) -> None:
        """Open the journal, making it if it is new.

        Raises:
            JournalError: It cannot be opened, or was written by another version.
        """
        self._path = path
        self._lock = threading.RLock()
        with self._errors():
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute(
                "PRAGMA secure_delete = ON"
            )  # an act's message is forgotten when it is over
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version not in (0, SCHEMA_VERSION):
                raise JournalError(
                    f"the journal {path} is of version {version}; this gateway reads {SCHEMA_VERSION}"
                )
            self._database.executescript(SCHEMA)
            self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    # Arrival

    def admit(self, arrival: Arrival) -> tuple[Entry, bool]:
        """Enter an act, or find it; on the disk when this returns.

        Returns:
            The entry, and whether it is new: not here before, or rejected before with another signature or
            object.
        """
        with self._write():
            known = self._database.execute(
                "SELECT state, fingerprint FROM entries WHERE digest = ?", (arrival.digest,)
            ).fetchone()
            if known is None:
                self._insert(arrival)
            again = known is not None and known[0] == State.REJECTED and known[1] != arrival.fingerprint
            if again:
                self._database.execute(
                    "UPDATE entries SET state = ?, step = 0, reason = '', receipt = NULL, kiosk = ?,"
                    " message = ?, fingerprint = ?, answered = 0 WHERE digest = ?",
                    (State.RECEIVED, arrival.kiosk, arrival.message, arrival.fingerprint, arrival.digest),
                )
            entry = self.find(arrival.digest)
            assert entry is not None  # noqa: S101 - just written, in the same transaction
            return entry, known is None or again

    def _insert(self, arrival: Arrival) -> None:
        self._database.execute(
            "INSERT INTO entries"
            " (digest, kind, subject, request, requester, kiosk, message, fingerprint, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                arrival.digest, int(arrival.kind), arrival.subject, arrival.request, arrival.requester,
                arrival.kiosk, arrival.message, arrival.fingerprint, State.RECEIVED,
            ),
        )  # fmt: skip

    # Moves

    def verify(self, digest: bytes) -> None:
        """Received -> verified."""
        with self._write():
            self._move(digest, State.VERIFIED, State.RECEIVED)

    def sign(self, digest: bytes, transaction: Transaction) -> None:
        """Verified -> signed, with the transaction that will be sent."""
        with self._write():
            self._move(digest, State.SIGNED, State.VERIFIED)
            self._database.execute(
                "INSERT OR REPLACE INTO transactions (digest, step, nonce, raw, hash)"
                " SELECT digest, step, ?, ?, ? FROM entries WHERE digest = ?",
                (transaction.nonce, transaction.raw, transaction.hash, digest),
            )

    def accept(self, digest: bytes) -> None:
        """Signed -> accepted."""
        with self._write():
            self._move(digest, State.ACCEPTED, State.SIGNED)

    def mine(self, digest: bytes, block: int, block_hash: bytes) -> None:
        """Accepted -> mined, in this block."""
        with self._write():
            self._move(digest, State.MINED, State.ACCEPTED)
            self._set_block(digest, block, block_hash)

    def send_again(self, digest: bytes) -> None:
        """Accepted or mined -> signed: the ledger lost the transaction, the same bytes go out once more."""
        with self._write():
            self._move(digest, State.SIGNED, State.ACCEPTED, State.MINED)
            self._set_block(digest, None, None)

    def sign_again(self, digest: bytes) -> None:
        """Signed or mined -> verified: the transaction can never take effect, its bytes are forgotten."""
        with self._write():
            self._move(digest, State.VERIFIED, State.SIGNED, State.MINED)
            self._database.execute(
                "DELETE FROM transactions"
                " WHERE (digest, step) IN (SELECT digest, step FROM entries WHERE digest = ?)",
                (digest,),
            )

    def next_step(self, digest: bytes) -> None:
        """Mined -> verified: this transaction of the act is final, the next one is due."""
        with self._write():
            self._move(digest, State.VERIFIED, State.MINED)
            self._database.execute("UPDATE entries SET step = step + 1 WHERE digest = ?", (digest,))

    def finish(self, digest: bytes, receipt: bytes) -> None:
        """Mined -> final, with the receipt; notes where a person enrolled, which request is answered."""
        with self._write():
            self._move(digest, State.FINAL, State.MINED)
            self._conclude(digest, receipt, "")
            self._database.execute(
                "INSERT OR IGNORE INTO enrolments (subject, kiosk)"
                " SELECT subject, kiosk FROM entries WHERE digest = ? AND kind = ? AND kiosk IS NOT NULL",
                (digest, int(ActKind.ENROL)),
            )
            self._database.execute(
                "UPDATE entries SET answered = 1 WHERE kind = ? AND request ="
                " (SELECT request FROM entries WHERE digest = ? AND kind IN (?, ?))",
                (int(ActKind.REQUEST), digest, int(ActKind.GRANT), int(ActKind.DENY)),
            )

    def reject(self, digest: bytes, reason: str, receipt: bytes) -> None:
        """received, verified or mined -> rejected, with the reason and the receipt."""
        with self._write():
            self._move(digest, State.REJECTED, State.RECEIVED, State.VERIFIED, State.MINED)
            self._conclude(digest, receipt, reason)

    def _conclude(self, digest: bytes, receipt: bytes, reason: str) -> None:
        """Keep the receipt; forget the message and its ciphertext, unless a request is to be announced."""
        self._database.execute(
            "UPDATE entries SET receipt = ?, reason = ?, answered = (state = 'rejected'),"
            " message = iif(kind = ? AND state = 'final', message, x'') WHERE digest = ?",
            (receipt, reason, int(ActKind.REQUEST), digest),
        )

    def _move(self, digest: bytes, to: State, *sources: State) -> None:
        """Compare and set: the entry must be in one of the states that the arrow starts from."""
        marks = ", ".join("?" * len(sources))
        moved = self._database.execute(
            f"UPDATE entries SET state = ? WHERE digest = ? AND state IN ({marks})",  # noqa: S608 - question marks
            (to, digest, *sources),
        )
        if moved.rowcount != 1:
            raise JournalError(f"the journal has no act {digest.hex()} that could become {to}")

    def _set_block(self, digest: bytes, block: int | None, block_hash: bytes | None) -> None:
        self._database.execute(
            "UPDATE transactions SET block = ?, block_hash = ?"
            " WHERE (digest, step) IN (SELECT digest, step FROM entries WHERE digest = ?)",
            (block, block_hash, digest),
        )

    # Questions

    def find(self, digest: bytes) -> Entry | None:
        """The entry of this act, or None."""
        return next(iter(self._entries("digest = ?", digest)), None)

    def under_way(self, limit: int) -> list[Entry]:
        """The first acts, by arrival, that are neither final nor rejected."""
        return self._entries("state NOT IN ('final', 'rejected') ORDER BY number LIMIT ?", limit)

    def count_under_way(self) -> int:
        """How many acts are neither final nor rejected."""
        with self._read():
            (count,) = self._database.execute(
                "SELECT count(*) FROM entries WHERE state NOT IN ('final', 'rejected')"
            ).fetchone()
            return int(count)

    def transaction(self, digest: bytes, step: int) -> Transaction | None:
        """The transaction signed for this step of an act, or None."""
        with self._read():
            row = self._database.execute(
                "SELECT nonce, raw, hash, block, block_hash FROM transactions WHERE digest = ? AND step = ?",
                (digest, step),
            ).fetchone()
            return None if row is None else Transaction(*row)

    def next_nonce(self, on_chain: int) -> int:
        """The first nonce that neither the chain nor a transaction under way has taken.

        Args:
            on_chain: The account's number of mined transactions, as the node tells it.
        """
        with self._read():
            (highest,) = self._database.execute(
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
        with self._read():
            rows = self._database.execute(
                "SELECT kiosk FROM enrolments WHERE subject = ?", (subject,)
            ).fetchall()
            return [row[0] for row in rows]

    def set_answered(self, request: bytes) -> None:
        """Note that a request is no longer open: the ledger says so."""
        with self._write():
            self._database.execute(
                "UPDATE entries SET answered = 1 WHERE kind = 3 AND request = ?", (request,)
            )

    def fact(self, name: str) -> bytes | None:
        """A lasting fact, such as the contract that this gateway deployed."""
        with self._read():
            row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return None if row is None else bytes(row[0])

    def remember(self, name: str, value: bytes) -> None:
        """Keep a lasting fact."""
        with self._write():
            self._database.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    def _entries(self, where: str, *values: bytes | int) -> list[Entry]:
        with self._read():
            rows = self._database.execute(f"SELECT {ENTRY} FROM entries WHERE {where}", values).fetchall()  # noqa: S608 - our own text
            return [_entry(row) for row in rows]

    # SQLite

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._read():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _read(self) -> Iterator[None]:
        with self._lock, self._errors():
            yield

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal {self._path} cannot be used: {error}; check the disk, then start again"
            ) from None


def _entry(row: tuple[Any, ...]) -> Entry:
    """An entry from its row, in the order of `ENTRY`."""
    number, digest, kind, subject, request, requester, kiosk, message, state, *rest = row
    return Entry(
        number, digest, ActKind(kind), subject, request, requester, kiosk, message, State(state), *rest
    )
