"""The journal as the rest of the gateway knows it."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from gateway.entries import Arrival, Entry
from gateway.journal.admission import Admission
from gateway.journal.database import Database
from gateway.journal.moves import Moves
from gateway.journal.questions import Questions
from gateway.journal.schema import SCHEMA, VERSION
from gateway.rates import Rate

JOURNAL_FILE = "journal.sqlite"
"""Name of the journal in a state directory."""


class Journal(Questions, Moves):
    """The journal file. Safe to use from several threads of one process."""

    def __init__(self, path: Path) -> None:
        """Open the journal, making it if it is new.

        Raises:
            JournalError: It cannot be opened, or was written by another version.
        """
        self._database = Database(path, SCHEMA, VERSION)
        self._admission = Admission(self._database, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def admit(self, arrival: Arrival, rate: Rate | None = None) -> tuple[Entry, bool]:
        """Enter an act, or find it; on the disk when this returns.

        Args:
            arrival: The act.
            rate: How often its kiosk may bring one; what comes faster is kept and becomes due later.

        Returns:
            The entry, and whether it is new: not here before, or rejected before with another signature or
            object.
        """
        return self._admission.admit(arrival, rate)

    def together(self) -> AbstractContextManager[object]:
        """Make the moves of a `with` block one: all are on the disk at its end, or none ever was."""
        return self._database.writing()
