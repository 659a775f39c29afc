"""How acts come into the journal, several callers sharing one wait for the disk."""

import threading
from dataclasses import dataclass, field

from gateway.entries import Arrival, Entry
from gateway.journal.database import Database, RivalError, Sql
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


REQUESTERS = b"requesters"
"""Who has a rate where no kiosk has: all requesters together, as anybody can be many."""


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
            for waiting, outcome in zip(gathered, self._enter(gathered), strict=True):
                waiting.outcome = outcome
        except BaseException as error:
            for waiting in gathered:
                waiting.error = error
            raise
        finally:
            for waiting in gathered:
                waiting.done.set()

    def _enter(self, gathered: list[_Waiting]) -> list[tuple[Entry, bool]]:
        while True:
            try:
                with self._database.writing() as sql:
                    return [self._admit(sql, waiting.arrival, waiting.rate) for waiting in gathered]
            except RivalError:  # the other one got through: next time there is nothing to wait for
                continue

    def _admit(self, sql: Sql, arrival: Arrival, rate: Rate | None) -> tuple[Entry, bool]:
        is_new = enter(sql, arrival)
        due = take_turn(sql, arrival.kiosk or REQUESTERS, rate) if is_new and rate else 0
        if due:
            sql.execute("UPDATE entries SET due = ? WHERE digest = ?", (due, arrival.digest))
        entry = self._questions.find(arrival.digest)
        assert entry is not None  # noqa: S101 - just written, in the same transaction
        return entry, is_new
