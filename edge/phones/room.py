"""The phones that are here now, the code on the screen, and what a person's phone has asked for.

The journeys look here; `edge.phones.reception` fills it. Nothing in it outlives the process.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, Queue

from contracts.acts import Request
from contracts.pairing import Offer, OfferOverError
from edge.errors import CancelledError, NotFoundError
from edge.phones.guest import Guest

WISH_SECONDS = 600
"""How long a withdrawal that was started on a phone waits for the finger: the way to the kiosk, a queue."""

LOOK_SECONDS = 0.25
"""Between two looks whether the person has left."""


@dataclass(frozen=True)
class Arrival:
    """A phone that came through the handshake with a code.

    Attributes:
        guest: the phone; nobody's yet.
        number: the six digits of this pairing.
    """

    guest: Guest
    number: str


class Showing:
    """A code on the screen, for one phone.

    Attributes:
        offer: what it says.
    """

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self._lock = threading.Lock()
        self._used = False
        self._over = False
        self._arrivals: Queue[Arrival] = Queue()

    def use_up(self, now: float) -> None:
        """The code is used now.

        Raises:
            OfferOverError: it was used before, is no longer shown, or its time is over.
        """
        with self._lock:
            self._check_shown()
            if self._used:
                raise OfferOverError("the code was used already; ask the kiosk for a new one")
            self.offer.check_time(now)
            self._used = True

    def arrive(self, arrival: Arrival) -> None:
        """Hand over the phone for which the code was used up.

        Raises:
            OfferOverError: the person has left meanwhile; nobody waits for the phone.
        """
        with self._lock:
            self._check_shown()
            self._arrivals.put(arrival)

    def end(self) -> None:
        """The code leaves the screen; a phone that nobody has taken over is hung up on."""
        with self._lock:
            self._over = True
        while not self._arrivals.empty():
            self._arrivals.get().guest.close()

    def _check_shown(self) -> None:
        if self._over:
            raise OfferOverError("the code is no longer shown; ask the kiosk for a new one")

    def wait(self, now: Callable[[], float], cancelled: Callable[[], bool]) -> Arrival:
        """The phone that has come through the handshake.

        Raises:
            OfferOverError: none came in time.
            CancelledError: the person has left.
        """
        while True:
            try:
                return self._arrivals.get(timeout=LOOK_SECONDS)
            except Empty:
                self.offer.check_time(now())
                if cancelled():
                    raise CancelledError("cancelled; no phone was paired") from None


@dataclass(frozen=True)
class Wish:
    """A withdrawal that was started on a phone.

    Attributes:
        request: 32 bytes, the request whose consent is to be withdrawn.
        asked: the request itself.
        until: monotonic time after which it is forgotten.
    """

    request: bytes
    asked: Request
    until: float


class Room:
    """Who is here."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        """Open the room.

        Args:
            changed: called when a phone came, left, or is ready to carry messages.
        """
        self.changed = changed
        self._lock = threading.Lock()
        self._guests: list[Guest] = []
        self._showing: Showing | None = None
        self._wishes: dict[bytes, Wish] = {}

    # The code on the screen

    @contextmanager
    def showing(self, offer: Offer) -> Iterator[Showing]:
        """Let phones in by this code, for the length of a `with`; an earlier code is good for nothing."""
        showing = Showing(offer)
        with self._lock:
            self._showing = showing
        try:
            yield showing
        finally:
            with self._lock:
                if self._showing is showing:
                    self._showing = None
            showing.end()

    def shown(self) -> Showing:
        """The code on the screen.

        Raises:
            OfferOverError: there is none.
        """
        with self._lock:
            if self._showing is None:
                raise OfferOverError("the kiosk shows no code")
            return self._showing

    # Phones

    def enter(self, guest: Guest) -> None:
        """A phone has come; one with the same key that was here is gone without having said so."""
        with self._lock:
            before = [each for each in self._guests if each.key == guest.key]
            self._guests.append(guest)
        for each in before:
            each.close()
        self.changed()

    def leave(self, guest: Guest) -> None:
        """A phone has left."""
        with self._lock:
            self._guests = [each for each in self._guests if each is not guest]
        self.changed()

    def guests(self) -> list[Guest]:
        """The phones that are here, the latest last."""
        with self._lock:
            return list(self._guests)

    def phones_of(self, subject: bytes) -> list[Guest]:
        """The phones of a person, the latest first."""
        return [guest for guest in reversed(self.guests()) if guest.subject == subject]

    def carriers(self) -> list[Guest]:
        """Phones that have a network and offered to carry messages, the latest first."""
        return [guest for guest in reversed(self.guests()) if guest.carries]

    def turn_out(self, key: bytes) -> None:
        """End the talk with a phone, if it is here."""
        for guest in self.guests():
            if guest.key == key:
                guest.close()

    # Withdrawals

    def wish(self, request: Request) -> None:
        """A phone has started a withdrawal."""
        request_id = request.hash_struct()
        with self._lock:
            self._forget_old_wishes()
            self._wishes[request.subject] = Wish(request_id, request, time.monotonic() + WISH_SECONDS)

    def wished(self, request: bytes | None = None) -> Wish:
        """The withdrawal that was started last, or that of a request.

        Raises:
            NotFoundError: there is none.
        """
        with self._lock:
            self._forget_old_wishes()
            found = [each for each in self._wishes.values() if request in (None, each.request)]
        if not found:
            raise NotFoundError(
                "no phone has started a withdrawal here; name the request, or start it on a phone"
            )
        return max(found, key=lambda wish: wish.until)

    def fulfilled(self, request: bytes) -> None:
        """The withdrawal is signed."""
        with self._lock:
            self._wishes = {key: wish for key, wish in self._wishes.items() if wish.request != request}

    def _forget_old_wishes(self) -> None:
        now = time.monotonic()
        self._wishes = {key: wish for key, wish in self._wishes.items() if wish.until > now}
