"""Signed messages on disk, from the moment they are signed until the gateway's receipt for them is here.

Only that receipt takes a message out of the queue: a broker's acknowledgement says that the broker has it,
and a broker can lose it. The queue is capped; when it is full, new acts are refused in words, and none is
dropped. Messages of one person leave in the order in which they were signed, each after the receipt for the
one before.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from contracts.acts import ActKind
from contracts.hexes import to_hex
from contracts.messages import Receipt, ReceiptStatus
from edge.errors import NotFoundError, UnavailableError
from edge.state import nonces
from edge.state.database import Database, Row

SETTLED_KEPT = 200
"""Settled messages whose bytes are kept for export; older ones keep only their receipt."""

LET_GO = """
UPDATE outbox SET message = NULL WHERE message IS NOT NULL AND status IS NOT NULL AND sequence <=
    (SELECT sequence FROM outbox WHERE status IS NOT NULL ORDER BY sequence DESC LIMIT 1 OFFSET ?)
"""

CANCEL_LOOK = 0.25
"""Seconds between looks whether whoever waits for a receipt has given up."""


@dataclass(frozen=True)
class Backoff:
    """How long to wait for a receipt before a message is sent again.

    Attributes:
        first: seconds after the first attempt; a receipt normally takes a few.
        limit: longest wait, in seconds.
        jitter: share of the wait that is random, so that kiosks that lost the gateway together do not return
            together.
    """

    first: float = 15.0
    limit: float = 900.0
    jitter: float = 0.5

    def delay(self, attempts: int, chance: float) -> float:
        """Seconds to wait after attempt number `attempts` (from 1); `chance` is in [0, 1)."""
        longest = min(self.limit, self.first * 2.0 ** min(attempts - 1, 32))
        return longest * (1.0 - self.jitter * chance)


@dataclass(frozen=True)
class Entry:
    """One message in the outbox.

    Attributes:
        digest: 32 bytes, the act's EIP-712 digest; the receipt names it.
        act: which act it carries.
        subject: 20 bytes, who signed.
        about: what the act is about: a subject, a record or a request.
        message: COSE bytes; None for a settled one whose bytes were let go.
        queued_at: Unix time.
        attempts: how often it was sent.
        complaint: what went wrong with the last attempt, or empty.
        status: of the receipt; None while it waits.
        receipt: the receipt's COSE bytes.
        settled_at: Unix time at which it came.
    """

    digest: bytes
    act: ActKind
    subject: bytes
    about: bytes
    message: bytes | None
    queued_at: float
    attempts: int
    complaint: str
    status: ReceiptStatus | None
    receipt: bytes | None
    settled_at: float | None

    @property
    def settling_seconds(self) -> float:
        """Time from queue to receipt; 0 while it waits."""
        return 0.0 if self.settled_at is None else max(0.0, self.settled_at - self.queued_at)


class Outbox:
    """The queue, in the kiosk's database."""

    def __init__(
        self,
        database: Database,
        *,
        limit: int,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._limit = limit
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._chance = chance
        self._changed = threading.Condition()  # held for moments only, never while the database is asked
        self._changes = 0

    def waiting(self) -> int:
        """How many messages have no receipt yet."""
        row = self._database.row("SELECT count(*) AS n FROM outbox WHERE status IS NULL")
        return int(row["n"]) if row else 0

    def check_room(self) -> None:
        """Called before a person presses a finger in vain.

        Raises:
            UnavailableError: the queue is full.
        """
        if self.waiting() >= self._limit:
            raise UnavailableError(
                f"{self._limit} signed messages wait for the gateway and no more can be taken;"
                " try again when the kiosk is connected. Nothing was lost"
            )

    def put(self, digest: bytes, act: ActKind, subject: bytes, about: bytes, message: bytes) -> None:
        """Queue a signed message; on return it survives a power cut (or the transaction around it decides).

        Raises:
            UnavailableError: the queue is full.
            StateError: the disk is.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            self.check_room()
            connection.execute(
                "INSERT INTO outbox (digest, act, subject, about, message, queued_at, next_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (digest, int(act), subject, about, message, now, now),
            )
        self.wake()

    def due(self) -> list[Entry]:
        """Messages to send now: of each person the oldest that waits, if it is new or its back-off is over.

        A wait longer than the longest back-off can only come from a clock that was set back, and counts as
        over.
        """
        now = self._clock()
        rows = self._database.rows(
            "SELECT * FROM outbox WHERE sequence IN"
            " (SELECT min(sequence) FROM outbox WHERE status IS NULL GROUP BY subject)"
            " AND (attempts = 0 OR next_at <= ? OR next_at > ?) ORDER BY sequence",
            (now, now + self._backoff.limit),
        )
        return [_entry(row) for row in rows]

    def attempted(self, digest: bytes, complaint: str = "") -> None:
        """Note that a message was sent, and with what complaint; it is due again after its back-off."""
        with self._database.transaction() as connection:
            row = connection.execute("SELECT attempts FROM outbox WHERE digest = ?", (digest,)).fetchone()
            if row is None:
                return
            attempts = row["attempts"] + 1
            connection.execute(
                "UPDATE outbox SET attempts = ?, complaint = ?, next_at = ? WHERE digest = ?",
                (attempts, complaint, self._clock() + self._backoff.delay(attempts, self._chance()), digest),
            )

    def settle(self, receipt: Receipt, encoded: bytes) -> bool:
        """Take the message out of the queue for which this verified receipt is; the first receipt counts.

        Returns:
            Whether there was such a message.
        """
        with self._database.transaction() as connection:
            settled = connection.execute(
                "UPDATE outbox SET status = ?, receipt = ?, settled_at = ?"
                " WHERE digest = ? AND status IS NULL",
                (int(receipt.status), encoded, self._clock(), receipt.digest),
            ).rowcount
            if settled and receipt.status is ReceiptStatus.REJECTED:
                # Perhaps for its nonce: see `edge.state.nonces`. A word too many costs little.
                nonces.leave_word(self._database, self.entry(receipt.digest).subject)
            connection.execute(LET_GO, (SETTLED_KEPT,))
        if settled:
            self.wake()
        return settled == 1

    def entry(self, digest: bytes) -> Entry:
        """The message with this digest.

        Raises:
            NotFoundError: there is none.
        """
        row = self._database.row("SELECT * FROM outbox WHERE digest = ?", (digest,))
        if row is None:
            raise NotFoundError(f"no message with digest {to_hex(digest)} was signed at this kiosk")
        return _entry(row)

    def latest(self, about: bytes) -> Entry | None:
        """The last message about this subject, record or request that was not rejected."""
        row = self._database.row(
            "SELECT * FROM outbox WHERE about = ? AND status IS NOT ? ORDER BY sequence DESC LIMIT 1",
            (about, int(ReceiptStatus.REJECTED)),
        )
        return _entry(row) if row else None

    def wait_settled(self, digest: bytes, seconds: float, cancelled: Callable[[], bool]) -> Entry:
        """The message once its receipt is here, or as it stands after `seconds` or when `cancelled`."""
        end = time.monotonic() + seconds
        while True:
            seen = self.changes
            entry = self.entry(digest)
            left = end - time.monotonic()
            if entry.status is not None or left <= 0 or cancelled():
                return entry
            self.wait_change(seen, min(left, CANCEL_LOOK))

    @property
    def changes(self) -> int:
        """Counts up with every change; take it before looking, and pass it to `wait_change`."""
        return self._changes

    def wait_change(self, seen: int, seconds: float) -> None:
        """Sleep until something has changed since `seen`, for at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes != seen, seconds)

    def wake(self) -> None:
        """Wake those who wait for a change."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()


def _entry(row: Row) -> Entry:
    return Entry(
        digest=row["digest"],
        act=ActKind(row["act"]),
        subject=row["subject"],
        about=row["about"],
        message=row["message"],
        queued_at=row["queued_at"],
        attempts=row["attempts"],
        complaint=row["complaint"],
        status=None if row["status"] is None else ReceiptStatus(row["status"]),
        receipt=row["receipt"],
        settled_at=row["settled_at"],
    )
