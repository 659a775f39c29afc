"""Carries the outbox's messages to the links: which message, by which link, and when.

One thread for each link, so that a slow one does not hold up another. Messages go by the first link of the
configuration that is up; one that went unanswered goes by the next, so that a broker that takes messages and
loses them stands in nobody's way. Whichever way the receipt comes back, the first one settles the message.

When is said in seconds of the monotonic clock, which nobody sets. The wall clock counts only over a restart,
and then a wait is bounded by the back-off, whatever the clock did meanwhile. `edge.links.schedule` decides,
`edge.links.pacing` has the reasons.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from edge.errors import StateError
from edge.links.link import LinkDownError, LinkLostError, LinkRefusedError
from edge.links.outbox import Outbox
from edge.links.pacing import Backoff
from edge.links.schedule import Route, Schedule

log = logging.getLogger(__name__)

LONGEST_NAP = 1.0
"""Seconds between looks at the queue when nothing wakes a thread: waits end without a sound."""


class Courier:
    """Sends, on a thread for each link."""

    def __init__(
        self,
        outbox: Outbox,
        routes: Sequence[Route],
        *,
        backoff: Backoff | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Prepare.

        Args:
            outbox: the queue.
            routes: the links, the preferred one first.
            backoff: how long receipts are waited for.
            monotonic: seconds on a clock that never jumps.
            chance: draws from [0, 1).
        """
        self._outbox = outbox
        self.routes = tuple(routes)
        self._monotonic = monotonic
        self._lock = threading.Lock()  # of the schedule
        self._schedule = Schedule(self.routes, backoff or Backoff(), chance)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(route,), name=f"courier {route.name}", daemon=True)
            for route in self.routes
        ]

    def start(self) -> None:
        """Begin to send in the background."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the messages at hand."""
        self._stopping.set()
        self._outbox.wake()
        for thread in self._threads:
            thread.join()

    def carry(self, route: Route) -> bool:
        """Send one message by this link, if one is due for it; whether there was one.

        Raises:
            StateError: the disk is full: nothing was sent, as it could not be noted.
        """
        schedule = self._schedule
        with self._lock:
            now = self._monotonic()
            head = schedule.choose(route, self._outbox.heads(), now)
            if head is None:
                return False
            wait = schedule.take_off(head, route, now)
        try:
            message = self._outbox.sending(head.digest, route.name, wait)
            if message is not None:
                route.link.send(message, again=head.attempts > 0)
        except (LinkDownError, StateError) as error:
            with self._lock:
                schedule.stay(head, self._monotonic())
            if isinstance(error, StateError):
                raise
            self._outbox.did_not_leave(head.digest)
            return False
        except LinkLostError as error:
            with self._lock:
                schedule.doubt(head)
            self._outbox.complain(head.digest, str(error))
        except LinkRefusedError as error:
            with self._lock:
                schedule.refused(head, route, self._monotonic())
            self._outbox.complain(head.digest, str(error))
        else:
            with self._lock:
                schedule.taken(head, route, wait, self._monotonic())
        finally:
            with self._lock:
                schedule.leave(route)
        return True

    def retry(self, digest: bytes | None = None) -> int:
        """Send a message, or all, without waiting for the end of their back-off; returns how many that are.

        One behind an earlier message of its person goes after that one's receipt, as always.
        """
        with self._lock:
            heads = [head for head in self._outbox.heads() if digest in (None, head.digest)]
            self._schedule.hurry(heads, self._monotonic())
        self._outbox.wake()
        return len(heads)

    def again_in(self, digest: bytes) -> float | None:
        """Seconds until a message is sent again; 0 if it is due, None if it is behind another."""
        with self._lock:
            return self._schedule.due_in(digest, self._monotonic())

    def links(self) -> dict[str, str]:
        """How each link stands, in words."""
        return {route.name: str(route.link.status) for route in self.routes}

    def _run(self, route: Route) -> None:
        while not self._stopping.is_set():
            seen = self._outbox.changes
            try:
                busy = self.carry(route)
            except StateError as error:
                log.warning("%s", error)
                busy = False
            except Exception:  # a fault in one link must not end its thread for good, nor touch the others
                log.exception("fault in sending by %s", route.name)
                busy = False
            if not busy:
                self._outbox.wait_change(seen, LONGEST_NAP)
