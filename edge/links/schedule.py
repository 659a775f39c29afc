"""Which message goes next by which link: the courier's decisions, without threads, clocks or I/O.

When is said in seconds of a monotonic clock, which the caller reads. `edge.links.pacing` has the reasons for
the window and the waits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.links.entry import Head
from edge.links.link import Link, LinkState
from edge.links.pacing import Backoff, Window

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


class Schedule:
    """What is on its way, what may go when, and which links take messages. For one thread at a time."""

    def __init__(self, routes: Sequence[Route], backoff: Backoff, chance: Callable[[], float]) -> None:
        """Begin with nothing on its way.

        Args:
            routes: the links, the preferred one first.
            backoff: how long receipts are waited for.
            chance: draws from [0, 1).
        """
        self._routes = routes
        self._backoff = backoff
        self._chance = chance
        self._window = Window()
        self._due: dict[bytes, float] = {}  # each head: since or from when it may be sent
        self._flights: dict[bytes, _Flight] = {}
        self._refusals: dict[bytes | Route, int] = {}  # in a row, of a message and by a link
        self._resting: dict[Route, float] = {}  # until when a link is left alone
        self._busy: dict[Route, float] = {}
        self._were_up: set[Route] = set()

    def choose(self, route: Route, heads: Sequence[Head], now: float) -> Head | None:
        """The message to send by this link now, if there is one.

        Args:
            route: the link.
            heads: of each person the oldest message that waits, the oldest first.
            now: the present.
        """
        self._learn(heads, now)
        usable = self._usable(now)
        if route not in usable or len(self._flights) >= self._window.size:
            return None
        for head in sorted(heads, key=lambda head: (self._due[head.digest], head.sequence)):
            is_due = self._due[head.digest] <= now and head.digest not in self._flights
            if is_due and usable[head.attempts % len(usable)] is route:
                return head
        return None

    def due_in(self, digest: bytes, now: float) -> float | None:
        """Seconds until a message may be sent; 0 if it is due, None if it is behind another."""
        due = self._due.get(digest)
        return None if due is None else max(0.0, due - now)

    # What becomes of a message that was chosen: `take_off`, one of the five after it, and `leave`

    def take_off(self, head: Head, route: Route, now: float) -> float:
        """Count it as on its way; returns how long to wait for its receipt once it is sent."""
        wait = self._backoff.delay(head.attempts + 1, self._chance(), self._window.usual)
        self._flights[head.digest] = _Flight(route, now, alone=head.attempts == 0)
        self._due[head.digest] = now + max(wait, LONGEST_SEND)
        self._busy[route] = now
        return wait

    def taken(self, head: Head, route: Route, wait: float, now: float) -> None:
        """The link took it: the wait for its receipt begins, and what the link refused is forgotten."""
        self._refusals.pop(route, None)
        flight = self._flights.get(head.digest)
        if flight is not None:
            flight.sent_at = now
            self._due[head.digest] = now + wait

    def doubt(self, head: Head) -> None:
        """The link was lost with it under way."""
        flight = self._flights.get(head.digest)
        if flight is not None:
            flight.in_doubt = True

    def stay(self, head: Head, now: float) -> None:
        """It did not leave after all."""
        self._flights.pop(head.digest, None)
        self._due[head.digest] = now

    def refused(self, head: Head, route: Route, now: float) -> None:
        """The link did not take it: both rest, but the message may go by another link at once."""
        rests = {}
        for each in (head.digest, route):
            self._refusals[each] = self._refusals.get(each, 0) + 1
            rests[each] = now + self._backoff.rest(self._refusals[each], self._chance())
        self._resting[route] = rests[route]
        self._flights.pop(head.digest, None)
        self._due[head.digest] = now if self._usable(now) else rests[head.digest]

    def leave(self, route: Route) -> None:
        """The link is free for the next one."""
        self._busy.pop(route, None)

    def hurry(self, heads: Sequence[Head], now: float) -> None:
        """These may go now, by any link: an operator says so."""
        for head in heads:
            self._flights.pop(head.digest, None)
            self._due[head.digest] = now
        self._resting.clear()
        self._window.restart()

    def _usable(self, now: float) -> list[Route]:
        """The links that take messages now, the preferred one first."""
        return [
            route
            for route in self._routes
            if route.is_up
            and now - self._busy.get(route, now) < STUCK_SECONDS
            and now >= self._resting.get(route, now)
        ]

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
        up = {route for route in self._routes if route.is_up}
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
