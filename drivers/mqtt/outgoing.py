"""Messages on their way to the broker: in order, never more unacknowledged than the broker takes."""

import threading
from collections import deque
from collections.abc import Sequence

from drivers.mqtt.connection import Connection
from drivers.mqtt.dial import Acknowledged, Limits, Publication
from drivers.mqtt.errors import DownError, LostError, MqttError, NotTakenError


class Delivery:
    """A message whose sender wants to know what became of it.

    Attributes:
        publication: what to send.
        lasting: whether it is kept over a lost connection.
        error: why the broker has it not, once that is known.
        is_given_up: whether its sender waits no more; what has not left by then shall not leave later.
    """

    def __init__(self, publication: Publication, *, lasting: bool = False) -> None:
        """Prepare.

        Args:
            publication: what to send.
            lasting: keep it over a lost connection, and send it again with the next one.
        """
        self.publication = publication
        self.lasting = lasting
        self.error: MqttError | None = None
        self.is_given_up = False
        self._over = threading.Event()

    def end(self, error: MqttError | None = None) -> None:
        """Note that the broker has it, or why not."""
        self.error = error
        self._over.set()

    def wait(self, seconds: float) -> None:
        """Wait for the broker's acknowledgement.

        Raises:
            DownError, LostError: the connection was lost before the message left, or before it came.
            NotTakenError: the broker refused, or is silent.
        """
        if not self._over.wait(seconds):
            self.is_given_up = True
            raise NotTakenError(f"the broker did not acknowledge within {seconds:.0f} s")
        if self.error is not None:
            raise self.error


class Outgoing:
    """The queue of one session; belongs to the session's thread."""

    def __init__(self, room: int) -> None:
        """Prepare an empty queue.

        Args:
            room: most lasting messages to keep; the oldest gives way to the newest.
        """
        self._room = room
        self._waiting: deque[Delivery] = deque()
        self._sent: dict[int, Delivery] = {}
        self.dropped = 0

    def add(self, delivery: Delivery) -> None:
        """Put a message at the end."""
        self._waiting.append(delivery)
        while len(self._waiting) > self._room:
            self._waiting.popleft().end(NotTakenError("too many messages wait for the broker"))
            self.dropped += 1

    def add_first(self, publications: Sequence[Publication]) -> None:
        """Put messages before everything that waits."""
        self._waiting.extendleft(Delivery(publication) for publication in reversed(publications))

    def send(self, connection: Connection) -> None:
        """Send as much as the broker takes now."""
        while self._waiting and len(self._sent) < connection.limits.in_flight:
            delivery = self._waiting.popleft()
            if not delivery.is_given_up and _fits(delivery, connection.limits):
                self._sent[_publish(delivery, connection)] = delivery

    def acknowledge(self, word: Acknowledged) -> str:
        """Take the broker's word on a message; returns the topic that a refusal is about, or nothing."""
        delivery = self._sent.pop(word.number, None)
        if delivery is None:
            return ""
        error = f"the broker refused the message: {word.refusal}" if word.refusal else ""
        if word.unheard and delivery.publication.wants_hearer:
            error = "the broker is there, but nobody listens at it"
        delivery.end(NotTakenError(error) if error else None)
        return delivery.publication.topic if word.refusal else ""

    def lose(self) -> None:
        """The connection is gone: lasting messages wait for the next one, in their order; the others fail."""
        sent, waiting = list(self._sent.values()), list(self._waiting)
        self._sent.clear()
        self._waiting = deque(delivery for delivery in (*sent, *waiting) if delivery.lasting)
        for delivery in sent:
            if not delivery.lasting:
                delivery.end(LostError("the connection to the broker was lost"))
        for delivery in waiting:
            if not delivery.lasting:
                delivery.end(DownError("the connection to the broker was lost"))


def _publish(delivery: Delivery, connection: Connection) -> int:
    """Send a message; one that cannot be sent is not tried again, and its sender knows at once."""
    try:
        return connection.publish(delivery.publication)
    except Exception as error:
        delivery.end(NotTakenError(f"the message cannot be sent: {type(error).__name__}"))
        raise


def _fits(delivery: Delivery, limits: Limits) -> bool:
    """Whether the broker takes a message of this size: one that is too long would end the connection."""
    size = delivery.publication.size
    if size <= limits.largest_packet:
        return True
    delivery.end(
        NotTakenError(
            f"the message has {size} bytes and the broker takes {limits.largest_packet};"
            " raise its max_packet_size"
        )
    )
    return False
