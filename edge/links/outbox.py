"""Signed messages on disk, from the moment they are signed until the gateway's receipt for them is here.

Only that receipt takes a message out of the queue: a broker's acknowledgement says that the broker has it,
and a broker can lose it. Nor does a deadline that has passed, as the kiosk's clock may be wrong and the
message may have arrived: such a message is late, its person is told, and the receipt decides.

The queue is capped; when it is full, or the disk nearly so, new acts are refused in words before a finger is
pressed, and none is dropped. Messages of one person leave in the order in which they were signed, each after
the receipt for the one before. When they leave is `edge.links.schedule`'s to say.
"""

import threading
import time
from collections.abc import Callable

from contracts.acts import ActKind
from contracts.hexes import to_hex
from contracts.messages import Receipt, ReceiptStatus
from edge.errors import NotFoundError, UnavailableError
from edge.links.entry import COLUMNS, Entry, Head, entry_of
from edge.state import aftermath
from edge.state.database import Database, Row

SETTLED_KEPT = 200
"""Settled messages whose bytes are kept for export; older ones keep only their receipt."""

RESERVE = 16 << 20
"""Bytes of disk that new acts leave free: room to note what is sent and to keep the receipts, so that a kiosk
whose disk fills up still empties its queue. SQLite's log alone takes 4 MB before it is folded in."""

LET_GO = """
UPDATE outbox SET message = NULL WHERE message IS NOT NULL AND status IS NOT NULL AND sequence <=
    (SELECT sequence FROM outbox WHERE status IS NOT NULL ORDER BY sequence DESC LIMIT 1 OFFSET ?)
"""

CANCEL_LOOK = 0.25
"""Seconds between looks whether whoever waits for a receipt has given up."""


class Outbox:
    """The queue, in the kiosk's database."""

    def __init__(
        self,
        database: Database,
        *,
        limit: int,
        reserve: int = RESERVE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the queue.

        Args:
            database: the kiosk's state.
            limit: most messages that may wait.
            reserve: bytes of disk that new acts leave free.
            clock: Unix time.
        """
        self._database = database
        self.limit = limit
        self._reserve = reserve
        self._clock = clock
        self._changed = threading.Condition()  # held for moments only, never while the database is asked
        self._changes = 0

    # New acts

    def waiting(self) -> int:
        """How many messages have no receipt yet."""
        row = self._database.row("SELECT count(*) AS n FROM outbox WHERE status IS NULL")
        return int(row["n"]) if row else 0

    def backlog(self) -> tuple[int, float | None]:
        """How many messages have no receipt yet, and when the oldest of them was queued, Unix time."""
        row = self._database.row(
            "SELECT count(*) AS n, min(queued_at) AS oldest FROM outbox WHERE status IS NULL"
        )
        return (int(row["n"]), row["oldest"]) if row else (0, None)

    def check_room(self) -> None:
        """Called before a person presses a finger in vain.

        Raises:
            UnavailableError: the queue is full, or the disk nearly so.
        """
        self._check_count()
        free = self._database.free_bytes()
        if free < self._reserve:
            raise UnavailableError(
                f"the kiosk's disk is nearly full ({free >> 20} MB left) and no more can be signed here until"
                " its operator frees some. Nothing was lost"
            )

    def put(
        self,
        digest: bytes,
        act: ActKind,
        subject: bytes,
        about: bytes,
        message: bytes,
        *,
        deadline: int | None,
    ) -> None:
        """Queue a signed message; on return it survives a power cut (or the transaction around it decides).

        Raises:
            UnavailableError: the queue is full.
            StateError: the disk is.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            self._check_count()
            connection.execute(
                "INSERT INTO outbox (digest, act, subject, about, message, queued_at, next_at, deadline)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (digest, int(act), subject, about, message, now, now, deadline),
            )
        self.wake()

    def _check_count(self) -> None:
        if self.waiting() >= self.limit:
            raise UnavailableError(
                f"{self.limit} signed messages wait for the gateway and no more can be taken;"
                " try again when the kiosk is connected. Nothing was lost"
            )

    # On the way out

    def heads(self) -> list[Head]:
        """Of each person the oldest message that waits, the oldest first."""
        rows = self._database.rows(
            "SELECT sequence, digest, attempts, next_at - ? FROM outbox WHERE sequence IN"
            " (SELECT min(sequence) FROM outbox WHERE status IS NULL GROUP BY subject) ORDER BY sequence",
            (self._clock(),),
        )
        return [Head(*row) for row in rows]

    def sending(self, digest: bytes, link: str, wait: float) -> bytes | None:
        """Note on disk that a message is about to be sent, so that no crash makes a resend look like news.

        Args:
            digest: names the message.
            link: by which it goes.
            wait: seconds until it may be sent again.

        Returns:
            The message; None if its receipt has come meanwhile.

        Raises:
            StateError: the disk is full: it must not be sent.
        """
        with self._database.transaction() as connection:
            rows: list[Row] = connection.execute(
                "UPDATE outbox SET attempts = attempts + 1, link = ?, complaint = '', next_at = ?"
                " WHERE digest = ? AND status IS NULL RETURNING message",
                (link, self._clock() + wait, digest),
            ).fetchall()
        return rows[0]["message"] if rows else None

    def did_not_leave(self, digest: bytes) -> None:
        """Take `sending` back: the link was down after all."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE outbox SET attempts = attempts - 1, next_at = ? WHERE digest = ? AND attempts > 0",
                (self._clock(), digest),
            )

    def complain(self, digest: bytes, complaint: str) -> None:
        """Note what went wrong with the last attempt, for whoever looks after the kiosk."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE outbox SET complaint = ? WHERE digest = ?", (complaint, digest))

    # Back

    def settle(self, receipt: Receipt, encoded: bytes) -> bool:
        """Take the message out of the queue for which this verified receipt is; the first receipt counts.

        Returns:
            Whether there was such a message.
        """
        with self._database.transaction() as connection:
            settled = connection.execute(
                "UPDATE outbox SET status = ?, receipt = ?, settled_at = ?, complaint = ?"
                " WHERE digest = ? AND status IS NULL",
                (int(receipt.status), encoded, self._clock(), receipt.reason, receipt.digest),
            ).rowcount
            overwritten = settled == 1 and self._follow(self.entry(receipt.digest))
            connection.execute(LET_GO, (SETTLED_KEPT,))
        if overwritten:
            self._database.scrub()
        if settled:
            self.wake()
        return settled == 1

    def _follow(self, entry: Entry) -> bool:
        """Do what a receipt entails; whether it has overwritten a secret."""
        if entry.status is ReceiptStatus.FINAL:
            return aftermath.final(self._database, entry, int(self._clock()))
        aftermath.rejected(self._database, entry)
        return False

    # Questions

    def knows(self, digest: bytes) -> bool:
        """Whether a message with this digest was ever queued here."""
        return self._database.row("SELECT 1 FROM outbox WHERE digest = ?", (digest,)) is not None

    def entry(self, digest: bytes) -> Entry:
        """The message with this digest.

        Raises:
            NotFoundError: there is none.
        """
        found = self._entries("digest = ?", digest)
        if not found:
            raise NotFoundError(f"no message with digest {to_hex(digest)} was signed at this kiosk")
        return found[0]

    def message(self, digest: bytes) -> bytes:
        """The bytes of a message, as they are sent.

        Raises:
            NotFoundError: there is none, or it is settled and its bytes were let go.
        """
        row = self._database.row("SELECT message FROM outbox WHERE digest = ?", (digest,))
        if row is None or row["message"] is None:
            self.entry(digest)
            raise NotFoundError("the bytes of this old message were let go; its receipt is kept")
        message: bytes = row["message"]
        return message

    def queue(self) -> list[Entry]:
        """All messages that wait, the oldest first."""
        return self._entries("status IS NULL ORDER BY sequence")

    def history(self, subject: bytes | None, limit: int) -> list[Entry]:
        """The last acts that were signed here, by everybody or by one person, the latest first."""
        return self._entries(
            "? IS NULL OR subject = ? ORDER BY sequence DESC LIMIT ?", subject, subject, limit
        )

    def find(self, prefix: str) -> Entry:
        """The message whose digest begins with these hex digits (with or without 0x).

        Raises:
            NotFoundError: none does, or several do.
        """
        digits = prefix.lower().removeprefix("0x")
        if not digits or not all(digit in "0123456789abcdef" for digit in digits):
            raise NotFoundError(
                f"{prefix[:80]!r} is no digest of a message; list them with: ridgekey edge outbox list"
            )
        found = self._entries("lower(hex(digest)) GLOB ? LIMIT 2", f"{digits}*")
        if not found:
            raise NotFoundError(f"no message with digest 0x{digits} was signed at this kiosk")
        if len(found) > 1:
            raise NotFoundError(f"several messages begin with {digits}; give more digits")
        return found[0]

    def latest(self, about: bytes) -> Entry | None:
        """The last message about this subject, record or request that counts or may come to count.

        One that was rejected does not, nor one whose deadline has passed without a receipt.
        """
        now = self._clock()
        return next((entry for entry in self._answers(about) if not entry.is_late(now)), None)

    def late(self, about: bytes) -> Entry | None:
        """The last message about a subject, record or request, if its deadline passed without a receipt."""
        now = self._clock()
        return next((entry for entry in self._answers(about)[:1] if entry.is_late(now)), None)

    def _answers(self, about: bytes) -> list[Entry]:
        """Messages about a subject, record or request that were not rejected, the latest first."""
        return self._entries(
            "about = ? AND status IS NOT ? ORDER BY sequence DESC", about, int(ReceiptStatus.REJECTED)
        )

    def of(self, subject: bytes) -> list[Entry]:
        """What one person signed here, the oldest first, as far as there may be something to tell of it."""
        return self._entries(
            "subject = ? AND (status IS NOT ? OR told IS NOT NULL) ORDER BY sequence",
            subject,
            int(ReceiptStatus.FINAL),
        )

    def set_told(self, digest: bytes, told: str) -> None:
        """Note what the person has heard of a message's end."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE outbox SET told = ? WHERE digest = ?", (told, digest))

    def _entries(self, where: str, *values: bytes | str | float | None) -> list[Entry]:
        rows = self._database.rows(f"SELECT {COLUMNS} FROM outbox WHERE {where}", values)  # noqa: S608 - our own text
        return [entry_of(row) for row in rows]

    # Waiting

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
