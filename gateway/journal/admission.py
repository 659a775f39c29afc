"""How acts come into the journal, several callers sharing one wait for the disk."""

import sqlite3
import threading
from dataclasses import dataclass, field

from gateway.entries import Arrival, Entry, State
from gateway.journal.database import Database
from gateway.journal.questions import Questions
from gateway.journal.rows import enter, take_turn
from gateway.rates import Rate


@dataclass
class _Waiting:
    """An arrival whose caller waits, and what became of it."""

    arrival: Arrival
    rate: Rate | None
    outcome: tuple[Entry, bool] | None = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Admission:
    """The journal's entrance.

    The disk takes its time for each synchronised transaction, whatever is in it. So while one is being
    written, arrivals gather, and the first caller to get its turn writes all of them in the next.
    """

    def __init__(self, database: Database, questions: Questions) -> None:
        self._database, self._questions = database, questions
        self._turn = threading.Lock()
        self._gathering = threading.Lock()
        self._waiting: list[_Waiting] = []

    def admit(self, arrival: Arrival, rate: Rate | None = None) -> tuple[Entry, bool]:
        """Enter an act, or find it; on the disk when this returns. See `Journal.admit`."""
        own = _Waiting(arrival, rate)
        with self._gathering:
            self._waiting.append(own)
        with self._turn:
            if not own.done.is_set():
                self._write()
        if own.error is not None:
            raise own.error
        assert own.outcome is not None  # noqa: S101 - done, and no error
        return own.outcome

    def _write(self) -> None:
        with self._gathering:
            gathered, self._waiting = self._waiting, []
        try:
            with self._database.writing() as sql:
                outcomes = [self._admit(sql, waiting.arrival, waiting.rate) for waiting in gathered]
            for waiting, outcome in zip(gathered, outcomes, strict=True):
                waiting.outcome = outcome
        except BaseException as error:
            for waiting in gathered:
                waiting.error = error
            raise
        finally:
            for waiting in gathered:
                waiting.done.set()

    def _admit(self, sql: sqlite3.Connection, arrival: Arrival, rate: Rate | None) -> tuple[Entry, bool]:
        known = sql.execute(
            "SELECT state, fingerprint FROM entries WHERE digest = ?", (arrival.digest,)
        ).fetchone()
        again = known is not None and known[0] == State.REJECTED and known[1] != arrival.fingerprint
        if known is None or again:
            enter(sql, arrival, take_turn(sql, arrival.kiosk, rate) if rate and arrival.kiosk else 0)
        entry = self._questions.find(arrival.digest)
        assert entry is not None  # noqa: S101 - just written, in the same transaction
        return entry, known is None or again
