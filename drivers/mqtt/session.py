"""A thread that stays connected to a broker: it asks `machine` what to do, and does it.

Everything that happens reaches the thread through one queue: what paho says, what a sender wants, and the
end. So nothing here is shared but the queue and the state. A fault that nobody foresaw is taken for a lost
connection: a thread that ended by it would leave kiosk or gateway without a broker, and say nothing.
"""

import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import random

from drivers.mqtt.connection import Connection
from drivers.mqtt.dial import Acknowledged, Dial, Publication
from drivers.mqtt.errors import DownError
from drivers.mqtt.hearing import OnMessage
from drivers.mqtt.machine import (
    Action,
    Again,
    Begin,
    Elapsed,
    End,
    Event,
    Failed,
    Failure,
    Fault,
    Phase,
    State,
    Timing,
    step,
)
from drivers.mqtt.outgoing import Delivery, Outgoing

log = logging.getLogger(__name__)

DEFAULT_ROOM = 10_000
"""Lasting messages that are kept while the broker is away."""


@dataclass(frozen=True)
class Manners:
    """What a session says at its beginning and its end; made anew for each connection.

    Attributes:
        will: what the broker says when the connection breaks.
        announce: said first, once subscribed.
        goodbye: said last, if there is time.
    """

    will: Publication | None = None
    announce: Sequence[Publication] = ()
    goodbye: Sequence[Publication] = ()


SILENT = Manners()

Item = Event | Acknowledged | Delivery
"""What can happen: to the connection, to a message, or that somebody wants one sent."""


class Session:
    """Stays connected, from `start` to `stop`.

    Attributes:
        dial: how it connects.
        state: how the connection stands.
        peer_certificate_end: when the certificate ends that the broker has last shown; None without TLS.
    """

    def __init__(
        self,
        dial: Dial,
        hear: OnMessage,
        changed: Callable[[State], None] = lambda _: None,
        manners: Callable[[], Manners] = lambda: SILENT,
        *,
        timing: Timing | None = None,
        room: int = DEFAULT_ROOM,
    ) -> None:
        """Prepare.

        Args:
            dial: how to connect.
            hear: takes each incoming message, on paho's thread.
            changed: told of each new state, on the session's thread.
            manners: asked before each connection.
            timing: how long to wait for what.
            room: most messages of `offer` to keep while the broker is away.
        """
        self.dial = dial
        self.state = State()
        self.peer_certificate_end: datetime | None = None
        self._hear, self._changed, self._ask_manners = hear, changed, manners
        self._timing = timing or Timing()
        self._manners = SILENT
        self._connection: Connection | None = None
        self._outgoing = Outgoing(room)
        self._queue: queue.SimpleQueue[tuple[Connection | None, Item]] = queue.SimpleQueue()
        self._due: float | None = None
        self._logged = ""
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    @property
    def is_up(self) -> bool:
        """Whether messages can be sent at this moment."""
        return self.state.phase is Phase.UP

    def start(self) -> None:
        """Connect, and stay connected, in the background."""
        self._queue.put((None, Begin()))
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye to the broker and end the thread."""
        self._queue.put((None, End()))
        self._thread.join()

    def reconnect(self) -> None:
        """Connect anew, if there is a connection."""
        self._queue.put((None, Again()))

    def publish(self, publication: Publication) -> None:
        """Send a message, and wait for the broker's acknowledgement; what waits too long here is not sent.

        Raises:
            DownError: there is no connection, or it was lost.
            NotTakenError: the broker refused, or did not acknowledge in time.
        """
        if not self.is_up:
            raise DownError(f"no connection to the broker at {self.dial.broker}")
        delivery = Delivery(publication)
        self._queue.put((None, delivery))
        delivery.wait(self._timing.answer)

    def offer(self, publication: Publication) -> None:
        """Send a message when it can be sent; a refusal is logged."""
        self._queue.put((None, Delivery(publication, lasting=True)))

    # The thread

    def _run(self) -> None:
        ended = False
        while not ended:
            source, item = self._next()
            if source is not None and source is not self._connection:
                continue  # a word from a connection that is gone
            if isinstance(item, Delivery):
                self._take(item)
            elif isinstance(item, Acknowledged):
                self._acknowledge(item)
            else:
                self._go(item)
                ended = isinstance(item, End)
            self._send()

        self._refuse_the_rest()

    def _next(self) -> tuple[Connection | None, Item]:
        left = None if self._due is None else self._due - time.monotonic()
        if left is not None and left <= 0:
            return None, Elapsed()
        try:
            return self._queue.get(timeout=left)
        except queue.Empty:
            return None, Elapsed()

    def _refuse_the_rest(self) -> None:
        """Nobody shall wait for a thread that has ended."""
        while not self._queue.empty():
            _, item = self._queue.get()
            if isinstance(item, Delivery):
                item.end(DownError("the connection to the broker is closed"))

    def _go(self, event: Event | None) -> None:
        """Let the machine take one step, and whatever follows from doing it."""
        while event is not None:
            self.state, actions = step(self.state, event, self._timing, random())  # noqa: S311 - no secret
            self._due = None if self.state.wait is None else time.monotonic() + self.state.wait
            outcomes = [self._do(action) for action in actions]
            event = next(filter(None, outcomes), None)
            self._tell()

    def _do(self, action: Action) -> Failed | None:
        try:
            if action is Action.OPEN:
                return self._open()
            if self._connection is not None:  # a fault may have kept it from being made
                self._act(action, self._connection)
        except Exception as error:  # noqa: BLE001 - whatever it was, the machine goes on
            return self._fault(error)
        return None

    def _act(self, action: Action, connection: Connection) -> None:
        if action is Action.SUBSCRIBE:
            connection.subscribe()
        elif action is Action.ANNOUNCE:
            self._outgoing.add_first(self._manners.announce)
        elif action is Action.GOODBYE:
            connection.farewell(self._manners.goodbye)
        elif action is Action.CLOSE:
            self._connection = None
            self._outgoing.lose()
            connection.close()

    def _open(self) -> Failed | None:
        self._manners = self._ask_manners()
        self._connection = Connection(
            self.dial,
            self.state.version,
            self._manners.will,
            lambda source, item: self._queue.put((source, item)),
            self._hear,
        )
        failure = self._connection.open()
        self.peer_certificate_end = self._connection.peer_certificate_end or self.peer_certificate_end
        return None if failure is None else Failed(failure)

    def _take(self, delivery: Delivery) -> None:
        if self.is_up or delivery.lasting:
            self._outgoing.add(delivery)
        else:
            delivery.end(DownError("the connection to the broker was lost"))

    def _acknowledge(self, item: Acknowledged) -> None:
        topic = self._outgoing.acknowledge(item)
        if topic:
            log.warning("the broker refuses a message on %s: %s", topic, item.refusal)

    def _send(self) -> None:
        if self.is_up and self._connection is not None:
            try:
                self._outgoing.send(self._connection)
            except Exception as error:  # noqa: BLE001 - as in `_do`
                self._go(self._fault(error))

    def _tell(self) -> None:
        """The same failure, again and again, is one line in the log."""
        failure = self.state.failure
        words = failure.text if failure else self.state.phase.value
        if words != self._logged and self.state.phase not in (Phase.CONNECTING, Phase.SUBSCRIBING):
            self._logged = words
            level = logging.WARNING if failure else logging.INFO
            log.log(level, "broker %s: %s", self.dial.broker, words)
        try:
            self._changed(self.state)
        except Exception as error:  # noqa: BLE001 - its owner's fault is no reason to give the connection up
            self._fault(error)

    def _fault(self, error: Exception) -> Failed:
        """Log what nobody foresaw, by kind and place: its text may have some of a message."""
        kind, place = type(error).__name__, traceback.extract_tb(error.__traceback__)[-1]
        log.error("broker %s: fault %s at %s:%s", self.dial.broker, kind, place.filename, place.lineno)
        return Failed(Failure(Fault.LOST, f"a fault in ridgekey: {kind}"))
