"""What the gateway knows of its kiosks, and what its operator wants of them, in a SQLite file of its own.

The running gateway writes what it hears and reads what is wanted; `ridgekey gateway kiosks`, another process,
reads the one and writes the other. Nothing in it is about a person.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contracts.messages import Action, Health, Outcome, Presence, Reported, Result
from gateway.journal.sqlite import SqliteDatabase

FILE = "kiosks.sqlite"
VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS kiosks (
    kiosk BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL DEFAULT 0,
    born INTEGER NOT NULL DEFAULT 0,      -- the kiosk's clock at its birth
    online INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0,      -- the gateway's clock at the last word of the kiosk
    health TEXT,                          -- JSON, as it was last reported
    wanted_version INTEGER NOT NULL DEFAULT 0,
    wanted TEXT NOT NULL DEFAULT '{}',    -- JSON, value by number of the setting
    sent_version INTEGER NOT NULL DEFAULT 0,
    reported TEXT                         -- JSON, as it was last reported
) STRICT;
CREATE TABLE IF NOT EXISTS commands (
    kiosk BLOB NOT NULL,
    number INTEGER NOT NULL,
    action INTEGER NOT NULL,
    expiry INTEGER NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    result INTEGER,
    why TEXT NOT NULL DEFAULT '',
    answered INTEGER,                     -- the kiosk's clock
    PRIMARY KEY (kiosk, number)
) STRICT, WITHOUT ROWID;
"""

KIOSK = "kiosk, online, seen, health, wanted_version, wanted, reported"
ORDER = "kiosk, number, action, expiry, sent, result, why, answered"

KEPT_COMMANDS = 100
"""Of each kiosk; older ones are forgotten."""


@dataclass(frozen=True)
class Kiosk:
    """One kiosk, as far as it is known.

    Attributes:
        kiosk: Its key id.
        online: Whether it is connected.
        seen: When it last said anything, Unix seconds; 0 for never.
        health: What it last said of itself, by the names of `Health`; None for nothing yet.
        wanted_version: Version of the configuration that it shall have; 0 for none.
        wanted: That configuration, value by number.
        reported: What it last said of its configuration, by the names of `Reported`.
    """

    kiosk: bytes
    online: bool
    seen: int
    health: Mapping[str, Any] | None
    wanted_version: int
    wanted: Mapping[int, int]
    reported: Mapping[str, Any] | None


@dataclass(frozen=True)
class Order:
    """A command, and what became of it.

    Attributes:
        kiosk: Whom it is for.
        number: Its number.
        action: What shall be done.
        expiry: First second at which it no longer counts.
        sent: Whether it has left.
        result: What became of it; None while there is no answer.
        why: If it was not done, why.
        answered: When, by the kiosk's clock.
    """

    kiosk: bytes
    number: int
    action: Action
    expiry: int
    sent: bool
    result: Result | None
    why: str
    answered: int | None


class KioskBook:
    """The file. Safe to use from several threads, and from several processes."""

    def __init__(self, state: Path) -> None:
        """Open the book in a gateway's state directory, making it if it is new.

        Raises:
            JournalError: It cannot be opened.
        """
        self._database = SqliteDatabase(state / FILE, SCHEMA, VERSION)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # What the gateway hears

    def note_presence(self, kiosk: bytes, presence: Presence, now: int) -> bool:
        """Note a birth or a death; False for one of an earlier connection, which says nothing of the present.

        A kiosk whose state was restored from a copy counts anew from a lower number, at a later time.
        """
        with self._database.writing() as sql:
            sequence, born = _row(sql, kiosk, "sequence, born")
            if presence.sequence < sequence and presence.at <= born:
                return False
            sql.execute(
                "UPDATE kiosks SET sequence = ?, born = ?, online = ?, seen = ? WHERE kiosk = ?",
                (presence.sequence, presence.at, presence.online, now, kiosk),
            )
            if presence.online:  # what it may have missed goes out again; a kiosk does nothing twice
                sql.execute("UPDATE kiosks SET sent_version = 0 WHERE kiosk = ?", (kiosk,))
                sql.execute("UPDATE commands SET sent = 0 WHERE kiosk = ? AND result IS NULL", (kiosk,))
            return True

    def note_health(self, kiosk: bytes, health: Health, now: int) -> None:
        """Keep what a kiosk says of itself."""
        self._note(kiosk, "health", asdict(health), now)

    def note_reported(self, kiosk: bytes, reported: Reported, now: int) -> None:
        """Keep what a kiosk says of its configuration."""
        self._note(kiosk, "reported", asdict(reported), now)

    def note_outcome(self, kiosk: bytes, outcome: Outcome) -> None:
        """Keep what became of a command; the first answer counts."""
        with self._database.writing() as sql:
            sql.execute(
                "UPDATE commands SET sent = 1, result = ?, why = ?, answered = ?"
                " WHERE kiosk = ? AND number = ? AND result IS NULL",
                (int(outcome.result), outcome.why, outcome.at, kiosk, outcome.number),
            )

    # What the operator wants

    def want(self, kiosk: bytes, settings: Mapping[int, int], now: int) -> int:
        """Set the configuration that a kiosk shall have; returns its version, which grows with the clock.

        So a second gateway, or a book that was lost, goes on above the versions that the kiosk knows.
        """
        with self._database.writing() as sql:
            (last,) = _row(sql, kiosk, "wanted_version")
            version = max(int(last) + 1, now)
            sql.execute(
                "UPDATE kiosks SET wanted_version = ?, wanted = ? WHERE kiosk = ?",
                (version, json.dumps({str(number): value for number, value in settings.items()}), kiosk),
            )
            return version

    def command(self, kiosk: bytes, action: Action, now: int, seconds: int) -> int:
        """Note a command that shall go out; returns its number, which grows with the clock, as in `want`."""
        with self._database.writing() as sql:
            _row(sql, kiosk, "kiosk")
            (last,) = sql.execute(
                "SELECT coalesce(max(number), 0) FROM commands WHERE kiosk = ?", (kiosk,)
            ).fetchone()
            number = max(int(last) + 1, now)
            sql.execute(
                "INSERT INTO commands (kiosk, number, action, expiry) VALUES (?, ?, ?, ?)",
                (kiosk, number, int(action), now + seconds),
            )
            sql.execute(
                "DELETE FROM commands WHERE kiosk = ? AND number NOT IN"
                " (SELECT number FROM commands WHERE kiosk = ? ORDER BY number DESC LIMIT ?)",
                (kiosk, kiosk, KEPT_COMMANDS),
            )
            return number

    # What is to be sent

    def to_configure(self) -> list[Kiosk]:
        """Connected kiosks that have not been sent the configuration that they shall have."""
        return self._kiosks("WHERE online = 1 AND wanted_version > sent_version")

    def to_command(self, now: int) -> list[Order]:
        """Commands for connected kiosks that have not been sent, and still count."""
        return self._orders(
            "JOIN kiosks USING (kiosk) WHERE online = 1 AND sent = 0 AND expiry > ? ORDER BY number", now
        )

    def set_configured(self, kiosk: bytes, version: int) -> None:
        """Note that a configuration has left."""
        with self._database.writing() as sql:
            sql.execute("UPDATE kiosks SET sent_version = ? WHERE kiosk = ?", (version, kiosk))

    def set_sent(self, order: Order) -> None:
        """Note that a command has left."""
        with self._database.writing() as sql:
            sql.execute(
                "UPDATE commands SET sent = 1 WHERE kiosk = ? AND number = ?", (order.kiosk, order.number)
            )

    # Questions

    def kiosks(self) -> list[Kiosk]:
        """Every kiosk that has ever been heard, or that something was wanted of."""
        return self._kiosks("ORDER BY kiosk")

    def orders(self, kiosk: bytes) -> list[Order]:
        """The last commands to a kiosk, the latest first."""
        return self._orders("WHERE kiosk = ? ORDER BY number DESC", kiosk)

    def _note(self, kiosk: bytes, column: str, fields: Mapping[str, object], now: int) -> None:
        with self._database.writing() as sql:
            _row(sql, kiosk, "kiosk")
            sql.execute(
                f"UPDATE kiosks SET {column} = ?, seen = ? WHERE kiosk = ?",  # noqa: S608 - our own names
                (json.dumps(fields), now, kiosk),
            )

    def _kiosks(self, where: str) -> list[Kiosk]:
        with self._database.reading() as sql:
            rows = sql.execute(f"SELECT {KIOSK} FROM kiosks {where}").fetchall()  # noqa: S608 - our own text
        return [
            Kiosk(
                kiosk, bool(online), seen, _json(health), version,
                {int(number): value for number, value in json.loads(wanted).items()}, _json(reported),
            )
            for kiosk, online, seen, health, version, wanted, reported in rows
        ]  # fmt: skip

    def _orders(self, where: str, *values: object) -> list[Order]:
        with self._database.reading() as sql:
            rows = sql.execute(f"SELECT {ORDER} FROM commands {where}", values).fetchall()  # noqa: S608 - as above
        return [
            Order(
                kiosk, number, Action(action), expiry, bool(sent),
                None if result is None else Result(result), why, answered,
            )
            for kiosk, number, action, expiry, sent, result, why, answered in rows
        ]  # fmt: skip


def _row(sql: sqlite3.Connection, kiosk: bytes, columns: str) -> tuple[Any, ...]:
    """Columns of a kiosk's row, which is made if it is not there."""
    sql.execute("INSERT OR IGNORE INTO kiosks (kiosk) VALUES (?)", (kiosk,))
    found: tuple[Any, ...] = sql.execute(
        f"SELECT {columns} FROM kiosks WHERE kiosk = ?",  # noqa: S608 - our own names
        (kiosk,),
    ).fetchone()
    return found


def _json(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else json.loads(text)
