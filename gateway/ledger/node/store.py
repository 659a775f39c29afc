"""Where the ledger's bytes lie: one SQLite file, written once per block, in one transaction.

py-evm writes trie nodes, headers and receipts as it goes. Here they gather in memory and reach the disk
together with the transaction and its log entries, so that after a crash a block is there whole or not at all.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eth.db.backends.base import BaseDB

from gateway.ledger.errors import LedgerConfigurationError, LedgerStorageError

FORMAT = "1"
"""Version of the tables below; a file of another version is refused."""

CACHE_ENTRIES = 50_000
"""Trie nodes kept in memory, a few hundred bytes each; they never change, so none can be stale."""

SCHEMA = """
create table if not exists settings (name text primary key, value text not null) without rowid;
create table if not exists nodes (key blob primary key, value blob not null) without rowid;
create table if not exists transactions (
    hash blob primary key, block integer not null unique, raw blob not null, sender blob not null,
    contract blob, gas_used integer not null, gas_price integer not null, succeeded integer not null
) without rowid;
create table if not exists logs (
    block integer not null, position integer not null, address blob not null,
    topic0 blob, topic1 blob, topic2 blob, topic3 blob, data blob not null,
    primary key (block, position)
) without rowid;
create index if not exists logs_by_event on logs (address, topic0, block);
create index if not exists logs_by_subject on logs (topic1, block) where topic1 is not null;
"""


@dataclass(frozen=True, slots=True)
class MinedTransaction:
    """One transaction in its block; a block holds exactly one, so its index is 0 and its gas is the block's.

    Attributes:
        hash: Keccak-256 of `raw`.
        block: Number of the block.
        raw: The signed transaction as it came (EIP-2718 envelope or legacy RLP).
        sender: Address that signed it.
        contract: Address of the contract that it created, if it created one.
        gas_used: Gas after refunds.
        gas_price: Wei per gas that the sender paid.
        succeeded: False if the execution reverted or ran out of gas.
    """

    hash: bytes
    block: int
    raw: bytes
    sender: bytes
    contract: bytes | None
    gas_used: int
    gas_price: int
    succeeded: bool


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event: who emitted it, up to four 32-byte topics, its data; `position` counts within the block."""

    block: int
    position: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which log entries: blocks from first to last, any of these addresses, any of these values per topic.

    An empty tuple means "any".
    """

    first: int
    last: int
    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...], ...] = ()


class Store(BaseDB):
    """Key-value store for py-evm, with the indexes that JSON-RPC needs beside it."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            LedgerStorageError: the file is in use by another node, damaged, or cannot be written.
            LedgerConfigurationError: the file is of another version.
        """
        self._pending: dict[bytes, bytes | None] = {}
        self._cache: dict[bytes, bytes] = {}
        self._path = path
        with self._named_errors():
            self._sql = sqlite3.connect(path, isolation_level=None, timeout=1.0)
            # One process owns the file: a second node on the same directory must fail at once.
            self._sql.execute("pragma locking_mode = exclusive")
            self._sql.execute("pragma journal_mode = wal")
            self._sql.execute("pragma synchronous = full")
            self._sql.execute("begin immediate")
            self._sql.execute("commit")
            self._sql.executescript(SCHEMA)
            if self.setting("format", FORMAT) != FORMAT:
                raise LedgerConfigurationError(
                    f"{path} was written by another version of the ledger: choose another --state"
                )

    def close(self) -> None:
        """Close the file; what was not committed is gone."""
        self._sql.close()

    def setting(self, name: str, default: str) -> str:
        """The value kept under this name; the first call keeps the default for good."""
        self._sql.execute("insert or ignore into settings values (?, ?)", (name, default))
        row: tuple[str] = self._sql.execute("select value from settings where name = ?", (name,)).fetchone()
        return row[0]

    # --- py-evm's side ---

    def __getitem__(self, key: bytes) -> bytes:
        if key in self._pending:
            value = self._pending[key]
        elif key in self._cache:
            return self._cache[key]
        else:
            row = self._sql.execute("select value from nodes where key = ?", (key,)).fetchone()
            value = row and row[0]
            if value is not None and len(key) == 32:
                self._remember(key, value)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._pending[bytes(key)] = bytes(value)

    def __delitem__(self, key: bytes) -> None:
        self[key]
        self._pending[bytes(key)] = None

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def _remember(self, key: bytes, value: bytes) -> None:
        # Only 32-byte keys are cached, which are hashes of their value; other keys (the head) change.
        if len(self._cache) >= CACHE_ENTRIES:
            self._cache.clear()
        self._cache[key] = value

    # --- The node's side ---

    def discard(self) -> None:
        """Forget what was written since the last commit, by a refused transaction or by a call."""
        self._pending.clear()

    def commit(self, transaction: MinedTransaction | None = None, logs: Iterable[LogEntry] = ()) -> None:
        """Write the pending block, its transaction and its logs durably; on failure nothing of it remains.

        Raises:
            LedgerStorageError: the disk is full or the file is damaged.
        """
        pending, self._pending = self._pending, {}
        with self._named_errors(), self._transaction():
            self._sql.executemany(
                "insert or replace into nodes values (?, ?)",
                [item for item in pending.items() if item[1] is not None],
            )
            self._sql.executemany(
                "delete from nodes where key = ?", [(k,) for k, v in pending.items() if v is None]
            )
            if transaction is not None:
                self._sql.execute(
                    "insert into transactions values (?, ?, ?, ?, ?, ?, ?, ?)", _row_of(transaction)
                )
            self._sql.executemany("insert into logs values (?, ?, ?, ?, ?, ?, ?, ?)", map(_row_of_log, logs))
        for key, value in pending.items():
            if value is None:
                self._cache.pop(key, None)
            elif len(key) == 32:
                self._remember(key, value)

    def transaction(self, transaction_hash: bytes) -> MinedTransaction | None:
        """The transaction with this hash."""
        return self._one_transaction("hash", transaction_hash)

    def transaction_in(self, block: int) -> MinedTransaction | None:
        """The transaction of this block; the first block, number 0, has none."""
        return self._one_transaction("block", block)

    def logs(self, query: LogQuery, limit: int) -> list[LogEntry]:
        """At most `limit` log entries that match, in the order in which they were emitted."""
        where, values = ["block between ? and ?"], [query.first, query.last]
        columns = [
            ("address", query.addresses),
            *((f"topic{i}", wanted) for i, wanted in enumerate(query.topics)),
        ]
        arguments: list[int | bytes] = [*values]
        for column, wanted in columns:
            if wanted:
                where.append(f"{column} in ({','.join('?' * len(wanted))})")
                arguments.extend(wanted)
        rows = self._sql.execute(
            f"select * from logs where {' and '.join(where)} order by block, position limit {int(limit)}",  # noqa: S608 - column names of ours, values bound
            arguments,
        )
        return [
            LogEntry(block, position, address, tuple(topic for topic in topics if topic is not None), data)
            for block, position, address, *topics, data in rows
        ]

    def _one_transaction(self, column: str, value: bytes | int) -> MinedTransaction | None:
        row = self._sql.execute(f"select * from transactions where {column} = ?", (value,)).fetchone()  # noqa: S608 - column names of ours
        return None if row is None else MinedTransaction(*(*row[:7], bool(row[7])))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._sql.execute("begin immediate")
        try:
            yield
            self._sql.execute("commit")
        except BaseException:
            if self._sql.in_transaction:
                self._sql.execute("rollback")
            raise

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            if "locked" in text:
                text = "another ledger node is running on it: stop that one or choose another --state"
            raise LedgerStorageError(f"the ledger's file {self._path} cannot be used: {text}") from error


def _row_of(transaction: MinedTransaction) -> Sequence[bytes | int | None]:
    t = transaction
    return (t.hash, t.block, t.raw, t.sender, t.contract, t.gas_used, t.gas_price, int(t.succeeded))


def _row_of_log(entry: LogEntry) -> Sequence[bytes | int | None]:
    topics: list[bytes | None] = [*entry.topics, None, None, None, None]
    return (entry.block, entry.position, entry.address, *topics[:4], entry.data)
