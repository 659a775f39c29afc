"""Carries the outbox's messages to a link, as they fall due and while the link is up."""

import logging
import threading

from edge.errors import StateError
from edge.links.link import Link, LinkDownError, LinkLostError, LinkRefusedError, LinkState
from edge.links.outbox import Outbox

log = logging.getLogger(__name__)

LONGEST_NAP = 1.0
"""Seconds between looks at the queue when nothing wakes the courier: back-offs end without a sound."""


class Courier:
    """One thread that sends."""

    def __init__(self, outbox: Outbox, link: Link) -> None:
        self._outbox = outbox
        self._link = link
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin to send in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the message at hand."""
        self._stopping.set()
        self._outbox.wake()
        self._thread.join()

    def round(self) -> int:
        """Send everything that is due; returns how many were handed over."""
        sent = 0
        for entry in self._outbox.due():
            if self._stopping.is_set() or entry.message is None:
                break
            try:
                self._link.send(entry.message, again=entry.attempts > 0)
            except (LinkDownError, LinkLostError):
                break
            except LinkRefusedError as error:
                self._outbox.attempted(entry.digest, str(error))
                continue
            self._outbox.attempted(entry.digest)
            sent += 1
        return sent

    def _run(self) -> None:
        while not self._stopping.is_set():
            seen = self._outbox.changes
            try:
                busy = self._link.status.state is LinkState.UP and self.round() > 0
            except StateError as error:
                log.warning("%s", error)
                busy = False
            if not busy:
                self._outbox.wait_change(seen, LONGEST_NAP)
