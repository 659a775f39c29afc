"""The thread that carries acts to the ledger and news to the kiosks, round after round."""

import logging
import threading

from gateway.ledger.errors import LedgerError
from gateway.notices import Notices
from gateway.relay import Relay

LOG = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""Between two looks at acts that wait for a block."""
IDLE_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds of back-off while the ledger does not answer: doubled from the first to the longest."""


class Worker:
    """Works while there is work, rests while there is none, backs off while nothing answers."""

    def __init__(self, relay: Relay, notices: Notices, wake: threading.Event, stop: threading.Event) -> None:
        """Connect the parts.

        Args:
            relay: Carries the acts.
            notices: Tells kiosks that have appeared.
            wake: Set by others when there is something to do.
            stop: Set by others to end `run`, together with `wake`.
        """
        self._relay, self._notices, self._wake, self._stop = relay, notices, wake, stop
        self._pause = 0.0

    def run(self) -> None:
        """Work until told to stop.

        Raises:
            JournalError, StoreError: The disk refuses.
        """
        while not self._stop.is_set():
            self._wake.clear()
            try:
                waiting = self._relay.advance(lambda: not self._stop.is_set())
                self._notices.greet()
            except LedgerError as error:
                self._back_off(error)
                continue
            if self._pause:
                LOG.warning("the ledger answers again")
                self._pause = 0.0
            self._wake.wait(POLL_SECONDS if waiting else IDLE_SECONDS)

    def _back_off(self, error: LedgerError) -> None:
        if not self._pause:
            LOG.warning("%s; trying again until it answers", error)
        self._pause = min(2 * self._pause, LONGEST_PAUSE) or FIRST_PAUSE
        self._stop.wait(self._pause)
