"""Carries the outbox's messages to the links: which message, by which link, and when.

One thread for each link, so that a slow one does not hold up another. Messages go by the first link of the
configuration that is up; one that went unanswered goes by the next, so that a broker that takes messages and
loses them stands in nobody's way. Whichever way the receipt comes back, the first one settles the message.

When is said in seconds of the monotonic clock, which nobody sets. The wall clock counts only over a restart,
and then a wait is bounded by the back-off, whatever the clock did meanwhile. `edge.links.pacing` has the
reasons for the window and the waits.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.errors import StateError
from edge.links.entry import Head
from edge.links.link import Link, LinkDownError, LinkLostError, LinkRefusedError, LinkState
from edge.links.outbox import Outbox
from edge.links.pacing import Backoff, Window

log = logging.getLogger(__name__)

LONGEST_NAP = 1.0
"""Seconds between looks at the queue when nothing wakes a thread: waits end without a sound."""

STUCK_SECONDS = 3.0
"""A link that has been busy with one message for so long is passed over: a broker that does not acknowledge,
or a large record on a slow radio."""

LONGEST_SEND = 120.0
"""Seconds after which a message that a link is still busy with may go by another."""


@dataclass(frozen=True, eq=False)
class Route:
    """A link, and what it is called where it is configured and shown."""

    name: str
    link: Link

    @property
    def is_up(self) -> bool:
        """Whether messages can be handed to it."""
        return self.link.status.state is LinkState.UP


@dataclass
class _Flight:
    """A message on its way.

    Attributes:
        route: by which it was sent last.
        sent_at: monotonic time.
        alone: it was sent once only, so its receipt tells how long receipts take (Karn's rule, RFC 6298).
        in_doubt: its link was lost after it.
        hurried: being in doubt, it was given an earlier time to go again.
    """

    route: Route
    sent_at: float
    alone: bool
    in_doubt: bool = False
    hurried: bool = False


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
        self._backoff = backoff or Backoff()
        self._monotonic = monotonic
        self._chance = chance
        self._lock = threading.Lock()  # of everything below
        self._window = Window()
        self._due: dict[bytes, float] = {}  # each head: since or from when it may be sent
        self._flights: dict[bytes, _Flight] = {}
        self._refusals: dict[bytes | Route, int] = {}  # in a row, of a message and by a link
        self._resting: dict[Route, float] = {}  # until when a link is left alone
        self._busy: dict[Route, float] = {}
        self._were_up: set[Route] = set()
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
        with self._lock:
            head = self._choose(route)
            if head is None:
                return False
            wait = self._take_off(head, route)
        try:
            message = self._outbox.sending(head.digest, route.name, wait)
            if message is not None:
                route.link.send(message, again=head.attempts > 0)
        except (LinkDownError, StateError) as error:
            self._land(head, 0.0)
            if isinstance(error, StateError):
                raise
            self._outbox.did_not_leave(head.digest)
            return False
        except LinkLostError as error:
            self._doubt(head)
            self._outbox.complain(head.digest, str(error))
        except LinkRefusedError as error:
            self._refused(head, route)
            self._outbox.complain(head.digest, str(error))
        else:
            self._taken(head, route, wait)
        finally:
            with self._lock:
                self._busy.pop(route, None)
        return True

    def retry(self, digest: bytes | None = None) -> int:
        """Send a message, or all, without waiting for the end of their back-off; returns how many that are.

        One behind an earlier message of its person goes after that one's receipt, as always.
        """
        with self._lock:
            heads = [head for head in self._outbox.heads() if digest in (None, head.digest)]
            for head in heads:
                self._flights.pop(head.digest, None)
                self._due[head.digest] = self._monotonic()
            self._resting.clear()
            self._window.restart()
        self._outbox.wake()
        return len(heads)

    def again_in(self, digest: bytes) -> float | None:
        """Seconds until a message is sent again; 0 if it is due, None if it is behind another."""
        with self._lock:
            due = self._due.get(digest)
            return None if due is None else max(0.0, due - self._monotonic())

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

    def _taken(self, head: Head, route: Route, wait: float) -> None:
        """A link took a message: the wait for its receipt begins, and what the link refused is forgotten."""
        with self._lock:
            self._refusals.pop(route, None)
            flight = self._flights.get(head.digest)
            if flight is not None:
                flight.sent_at = self._monotonic()
                self._due[head.digest] = flight.sent_at + wait

    def _doubt(self, head: Head) -> None:
        """The link was lost with this message under way."""
        with self._lock:
            flight = self._flights.get(head.digest)
            if flight is not None:
                flight.in_doubt = True

    def _land(self, head: Head, rest: float) -> None:
        """A message is not on its way after all; it may go again after `rest` seconds."""
        with self._lock:
            self._flights.pop(head.digest, None)
            self._due[head.digest] = self._monotonic() + rest

    def _refused(self, head: Head, route: Route) -> None:
        """A link did not take a message: both rest, but the message may go by another link at once."""
        with self._lock:
            now = self._monotonic()
            rests = {}
            for each in (head.digest, route):
                self._refusals[each] = self._refusals.get(each, 0) + 1
                rests[each] = now + self._backoff.rest(self._refusals[each], self._chance())
            self._resting[route] = rests[route]
            self._flights.pop(head.digest, None)
            self._due[head.digest] = now if self._usable(now) else rests[head.digest]

    # With the lock held

    def _choose(self, route: Route) -> Head | None:
        """The message to send by this link now, if there is one."""
        now = self._monotonic()
        heads = self._outbox.heads()
        self._learn(heads, now)
        usable = self._usable(now)
        if route not in usable or len(self._flights) >= self._window.size:
            return None
        for head in sorted(heads, key=lambda head: (self._due[head.digest], head.sequence)):
            is_due = self._due[head.digest] <= now and head.digest not in self._flights
            if is_due and usable[head.attempts % len(usable)] is route:
                return head
        return None

    def _usable(self, now: float) -> list[Route]:
        """The links that take messages now, the preferred one first."""
        return [
            route
            for route in self.routes
            if route.is_up
            and now - self._busy.get(route, now) < STUCK_SECONDS
            and now >= self._resting.get(route, now)
        ]

    def _take_off(self, head: Head, route: Route) -> float:
        """Count a message as on its way; returns how long to wait for its receipt once it is sent."""
        now = self._monotonic()
        wait = self._backoff.delay(head.attempts + 1, self._chance(), self._window.usual)
        self._flights[head.digest] = _Flight(route, now, alone=head.attempts == 0)
        self._due[head.digest] = now + max(wait, LONGEST_SEND)
        self._busy[route] = now
        return wait

    def _learn(self, heads: Sequence[Head], now: float) -> None:
        """Learn what has happened since the last look: receipts, lost links, waits that have ended."""
        waiting = {head.digest for head in heads}
        for digest in [each for each in self._flights if each not in waiting]:
            flight = self._flights.pop(digest)
            if flight.alone:
                self._window.answered(now - flight.sent_at)
        for digest in [each for each in self._due if each not in waiting]:
            del self._due[digest]
            self._refusals.pop(digest, None)
        for head in heads:
            self._due.setdefault(head.digest, now + self._rest(head))
        self._watch_links(now)
        for digest in [each for each in self._flights if self._due[each] <= now]:
            if not self._flights.pop(digest).in_doubt:
                self._window.unanswered()

    def _rest(self, head: Head) -> float:
        """Seconds that a message has to wait yet, on the word of a wall clock that may have jumped."""
        if not head.attempts:
            return 0.0
        return min(max(head.rest, 0.0), self._backoff.delay(head.attempts, 0.0))

    def _watch_links(self, now: float) -> None:
        """What went by a link that was lost is in doubt; it goes again soon after there is a link."""
        up = {route for route in self.routes if route.is_up}
        lost = self._were_up - up
        if lost:
            self._window.restart()
        for digest, flight in self._flights.items():
            flight.in_doubt |= flight.route in lost
            if flight.in_doubt and up and not flight.hurried:
                flight.hurried = True
                soon = max(self._backoff.in_doubt, self._window.usual) * (1.0 + self._chance())
                self._due[digest] = min(self._due[digest], now + soon)
        self._were_up = up
