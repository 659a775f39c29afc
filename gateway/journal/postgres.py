"""A PostgreSQL database that several gateways share, each act being the work of one of them at a time.

Who works on what stands in the column `owner`: the number of a gateway, which it gets anew at each start. A
row of the table `gateways` says that the gateway lives, as long as it is renewed; when it has run out,
whoever notices removes it and takes the acts over. Each transaction of a gateway begins with a lock on its
own row, and a takeover excludes all of them for a moment: so a gateway that was only slow cannot write any
more once it has been given up. One that falls asleep in a transaction is disconnected by the database, which
undoes it: the others wait for that, and no longer. The database's clock counts, whatever the gateways' say.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from contracts.labels import clean
from gateway.journal.database import Cursor, JournalError, RivalError

LOG = logging.getLogger(__name__)

LEASE_SECONDS = 10
"""Without a sign of life after which a gateway counts as dead."""
RENEWALS = 4
"""Signs of life in that time."""
IDLE_SECONDS = 4
"""Without a statement after which a transaction is broken off; others may wait for it, and renew no lease."""
CONNECTION = {
    "application_name": "ridgekey gateway",
    "connect_timeout": 10,
    # A server that has vanished without a word is noticed within half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
MAKING = 0x72696467656B6579
"""Advisory lock under which the tables are made: two gateways may start at once."""

TYPES = (
    ("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    (" INTEGER", " BIGINT"),
    (" BLOB", " BYTEA"),
    (" REAL", " DOUBLE PRECISION"),
    (") STRICT, WITHOUT ROWID", ")"),
    (") STRICT", ")"),
)
"""SQLite's words and PostgreSQL's for them, in the schema."""

DEAD = "FROM gateways WHERE alive_until <= clock_timestamp()"
ORPHANED = "owner NOT IN (SELECT number FROM gateways)"
OPEN = (("entries", "state NOT IN ('final', 'rejected')"), ("shipments", "state <> 'final'"))
ALIVE = f"clock_timestamp() + interval '{LEASE_SECONDS} seconds'"


class PostgresDatabase:
    """One connection and its lock."""

    def __init__(self, url: str, schema: str, version: int) -> None:
        """Connect, making the tables if there are none.

        Args:
            url: As libpq takes it; a password comes from where libpq looks for it.
            schema: Statements that make the tables.
            version: Of the schema.

        Raises:
            JournalError: It does not answer, refuses, or is of another version.
        """
        self._lock = threading.RLock()
        self._gateway = 0
        self._renew_at = 0.0
        self._name = "on PostgreSQL"
        with self._errors():
            known = conninfo_to_dict(url)
            self._name = f"on PostgreSQL (database {known.get('dbname')}, host {known.get('host', 'local')})"
            self.connection = psycopg.connect(url, autocommit=True, **CONNECTION)  # type: ignore[arg-type]  # of libpq
            try:
                self._run("SET synchronous_commit = on")
                self._run("SET default_transaction_isolation = 'read committed'")
                self._run(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
                self._make(schema, version)
            except BaseException:
                self.connection.close()
                raise

    def close(self) -> None:
        """Say that this gateway ends, so that others need not wait for its lease, and disconnect."""
        with self._lock, suppress(psycopg.Error):  # without a connection, the lease runs out
            if self._gateway and not self.connection.closed:
                self._run("DELETE FROM gateways WHERE number = %s", [self._gateway])
            self.connection.close()

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement of the journal, within `reading` or `writing`."""
        return self._run(_translated(statement, self._gateway), values)

    @contextmanager
    def writing(self) -> Iterator["PostgresDatabase"]:
        """One transaction; see `Database`."""
        with self.reading():
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                yield self
                return
            with self._transaction():
                yield self

    @contextmanager
    def reading(self) -> Iterator["PostgresDatabase"]:
        """The connection, for this thread alone."""
        with self._lock, self._errors():
            yield self

    # Several gateways

    def join(self, relayers: Sequence[bytes]) -> None:
        """Be one of the gateways on this database from now on.

        What its relayers have signed becomes its own again, as nobody else can offer more for it.

        Args:
            relayers: Addresses; the first one names the gateway, and an earlier one of that name is over.
        """
        addresses = list(relayers)
        with self._lock, self._errors(), self._transaction("LOCK TABLE gateways IN EXCLUSIVE MODE"):
            self._run("DELETE FROM gateways WHERE relayer = %s", addresses[:1])
            number: int = self._value(
                f"INSERT INTO gateways (relayer, alive_until) VALUES (%s, {ALIVE}) RETURNING number",  # noqa: S608 - our own text
                addresses[:1],
            )
            self._run(
                "UPDATE shipments SET owner = %s WHERE state <> 'final' AND sender = ANY(%s)",
                [number, addresses],
            )
            self._run(
                "UPDATE entries SET owner = %s WHERE state NOT IN ('final', 'rejected')"
                " AND shipment IN (SELECT number FROM shipments WHERE state <> 'final' AND owner = %s)",
                [number, number],
            )
        self._gateway = number

    def keep(self) -> bool:
        """Renew the lease when it is time, and take over what nobody who lives works on.

        Returns:
            Whether there was anything to take over, or somebody.

        Raises:
            JournalError: Others have given this gateway up, and may have its acts.
        """
        if not self._gateway or time.monotonic() < self._renew_at:
            return False
        with self._lock, self._errors():
            renewed = self._run(
                f"UPDATE gateways SET alive_until = {ALIVE} WHERE number = %s",  # noqa: S608 - our own text
                [self._gateway],
            )
            if renewed.rowcount != 1:
                raise self._given_up()
            self._renew_at = time.monotonic() + LEASE_SECONDS / RENEWALS
            orphans = [f"FROM {table} WHERE {live} AND {ORPHANED}" for table, live in OPEN]
            looks = " OR ".join(f"EXISTS (SELECT 1 {them})" for them in (DEAD, *orphans))
            if not self._value(f"SELECT {looks}"):
                return False
            with self._transaction("LOCK TABLE gateways IN EXCLUSIVE MODE"):
                gone = self._run(f"DELETE {DEAD}").rowcount
                taken = [
                    self._run(
                        f"UPDATE {table} SET owner = %s WHERE {live} AND {ORPHANED}",  # noqa: S608 - our own text
                        [self._gateway],
                    ).rowcount
                    for table, live in OPEN
                ]
        if gone or any(taken):
            LOG.warning("took over from %d gateways: %d acts, %d transactions", gone, *taken)
        return bool(gone or any(taken))

    @contextmanager
    def _transaction(self, first: str = "") -> Iterator[None]:
        """A transaction; `first` replaces the look whether this gateway still counts."""
        own = f"SELECT 1 FROM gateways WHERE number = {self._gateway} FOR KEY SHARE" if self._gateway else ""  # noqa: S608 - a number
        try:
            begun = self._run(f"BEGIN; {first or own}")
            if own and not first:
                self._check(begun)
            yield
            self._run("COMMIT")
        except BaseException:
            if not self.connection.closed:
                self._run("ROLLBACK")
            raise

    def _check(self, begun: psycopg.Cursor[Any]) -> None:
        """The second answer to the beginning of a transaction: is the row of this gateway still there?"""
        begun.nextset()
        if begun.fetchone() is None:
            raise self._given_up()

    def _given_up(self) -> JournalError:
        return JournalError(
            f"the journal {self._name} had no sign of this gateway for {LEASE_SECONDS} seconds, or another"
            " was started with its relayer; others have its acts now. Start it again"
        )

    def _value(self, statement: str, values: Sequence[Any] = ()) -> Any:
        row = self._run(statement, values).fetchone()
        return None if row is None else row[0]

    def _make(self, schema: str, version: int) -> None:
        self._run(f"BEGIN; SELECT pg_advisory_xact_lock({MAKING})")
        try:
            if self._value("SELECT to_regclass('facts')") is None:
                for old, new in TYPES:
                    schema = schema.replace(old, new)
                self._run(_translated(schema, 0))
                self._run("INSERT INTO facts (name, value) VALUES ('version', %s)", [b"%d" % version])
            found = (self._value("SELECT value FROM facts WHERE name = 'version'") or b"unknown").decode()
        finally:
            if not self.connection.closed:
                self._run("COMMIT")  # a ROLLBACK, where a statement has failed
        if found != str(version):
            raise JournalError(
                f"the journal {self._name} is of version {clean(found, 20)}; this gateway reads {version}"
            )

    def _run(self, statement: str, values: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
        return self.connection.execute(statement.encode(), values or None)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            raise RivalError(f"the journal {self._name} was wanted by two gateways at once") from None
        except psycopg.Error as error:
            why = clean(" ".join(str(error).split()), 300)
            raise JournalError(
                f"the journal {self._name} cannot be used: {why}; check the server, then start again"
            ) from None


@lru_cache(maxsize=256)
def _translated(statement: str, gateway: int) -> str:
    """A statement of the journal in PostgreSQL's words."""
    text = statement.replace("/*!", "").replace("*/", "").replace(":gateway", str(gateway))
    return text.replace("?", "%s")
