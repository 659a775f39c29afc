"""What the journal asks of a database, and how it is told that the database fails.

The journal's SQL is written once, for SQLite, with `?` for values. What stands in `/*! */` is a comment
there; a database that several gateways share reads it, with the number of this gateway for `:gateway`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from gateway.errors import GatewayError


class JournalError(GatewayError):
    """The journal cannot be opened, read or written."""

    exit_code = 74


class RivalError(JournalError):
    """Another gateway on this journal came first; nothing was written, and it is worth looking again."""


class Cursor(Protocol):
    """What a statement has found or changed."""

    @property
    def rowcount(self) -> int:
        """How many rows a writing statement has changed."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...


class Sql(Protocol):
    """Takes statements."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement, its values for the question marks."""
        ...


class Database(Protocol):
    """A database that several threads of one process share; its errors are a `JournalError` of one line."""

    def writing(self) -> AbstractContextManager[Sql]:
        """One transaction: all of it, nothing if the body raises; inside another, a part of that.

        What was written is on the disk when it returns.
        """
        ...

    def reading(self) -> AbstractContextManager[Sql]:
        """The connection, for this thread alone."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
