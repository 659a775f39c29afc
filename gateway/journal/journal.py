"""The journal as the rest of the gateway knows it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from gateway.entries import Arrival, Entry
from gateway.journal.admission import Admission
from gateway.journal.database import Database, JournalError
from gateway.journal.moves import Moves
from gateway.journal.questions import Questions
from gateway.journal.schema import SCHEMA, VERSION
from gateway.journal.sqlite import SqliteDatabase
from gateway.rates import Rate

if TYPE_CHECKING:
    from gateway.journal.postgres import PostgresDatabase

JOURNAL_FILE = "journal.sqlite"
"""Name of the journal in a state directory."""


class Journal(Questions, Moves):
    """The journal. Safe to use from several threads of one process."""

    def __init__(self, place: Path | str) -> None:
        """Open the journal, making it if it is new.

        Args:
            place: A file, for one gateway; or the URL of a PostgreSQL database, for several.

        Raises:
            JournalError: It cannot be opened, or was written by another version.
        """
        self.shared = None if isinstance(place, Path) else _connect(place)
        """The database, where several gateways share it."""
        self._database: Database = self.shared or SqliteDatabase(Path(place), SCHEMA, VERSION)
        self._admission = Admission(self._database, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; other gateways on it take over at once what is under way."""
        self._database.close()

    def admit(self, arrival: Arrival, rate: Rate | None = None) -> tuple[Entry, bool]:
        """Enter an act, or find it; on the disk when this returns.

        Args:
            arrival: The act.
            rate: How often its kiosk may bring one, or requesters together for a request; what comes
                faster is kept and becomes due later.

        Returns:
            The entry, and whether it is new: not here before, or rejected before with another signature or
            object.
        """
        return self._admission.admit(arrival, rate)

    def together(self) -> AbstractContextManager[object]:
        """Make the moves of a `with` block one: all are on the disk at its end, or none ever was."""
        return self._database.writing()

    def join(self, relayers: Sequence[bytes]) -> None:
        """Begin to work on the acts: those of these relayers, if there are other gateways for the rest."""
        if self.shared is not None:
            self.shared.join(relayers)

    def keep(self) -> bool:
        """A turn of a worker: keep this gateway's acts, take over those of one that has died.

        Returns:
            Whether there were any.

        Raises:
            JournalError: This gateway counts as dead itself.
        """
        return self.shared is not None and self.shared.keep()


def _connect(url: str) -> "PostgresDatabase":
    try:  # a gateway on a file does without the package
        from gateway.journal.postgres import PostgresDatabase
    except ImportError as error:
        raise JournalError(f"{error}; install it with: pip install 'ridgekey[postgres]'") from None
    return PostgresDatabase(url, SCHEMA, VERSION)
