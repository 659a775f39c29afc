"""Threads that carry acts to the ledger and news to the kiosks, turn after turn."""

import logging
import threading
from collections.abc import Callable

from gateway.journal import RivalError
from gateway.ledger.errors import LedgerError

LOG = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""Between two looks at what waits for a block, for fees to fall or for an act to be due."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds of back-off while the ledger does not answer: doubled from the first to the longest."""


class Bell:
    """Wakes all workers: what one has done may be what another has waited for."""

    def __init__(self) -> None:
        self._events: list[threading.Event] = []

    def hear(self) -> threading.Event:
        """An event that is set whenever the bell rings."""
        event = threading.Event()
        self._events.append(event)
        return event

    def ring(self) -> None:
        """Wake everybody; safe in a signal handler."""
        for event in self._events:
            event.set()


class Worker:
    """Works while there is work, rests while there is none, backs off while nothing answers."""

    def __init__(self, turn: Callable[[], bool], bell: Bell, stop: threading.Event) -> None:
        """Connect the parts.

        Args:
            turn: Does what there is to do; says whether it did anything.
            bell: Rung by others when there is something to do, and after each turn that did something.
            stop: Set by others to end `run`, before they ring.
        """
        self._turn, self._bell, self._stop = turn, bell, stop
        self._wake = bell.hear()
        self._pause = 0.0

    def run(self) -> None:
        """Work until told to stop.

        Raises:
            JournalError, StoreError: The disk refuses.
        """
        while not self._stop.is_set():
            self._wake.clear()
            try:
                has_moved = self._turn()
            except LedgerError as error:
                self._back_off(error)
                continue
            except RivalError as error:
                LOG.warning("%s; looking again", error)
                has_moved = False
            if self._pause:
                LOG.warning("the ledger answers again")
                self._pause = 0.0
            if has_moved:
                self._bell.ring()
            self._wake.wait(POLL_SECONDS)

    def _back_off(self, error: LedgerError) -> None:
        if not self._pause:
            LOG.warning("%s; trying again until it answers", error)
        self._pause = min(2 * self._pause, LONGEST_PAUSE) or FIRST_PAUSE
        self._stop.wait(self._pause)
