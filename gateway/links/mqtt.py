"""MQTT: kiosks' messages in, receipts and notices out.

A message is acknowledged to the broker after the gateway has it on its own disk, so the broker keeps it until
then; the session is persistent, so it also keeps what comes while the gateway is away. What the gateway sends
waits in memory while the broker is away; should it be lost, the kiosk asks again by repeating.
"""

import logging
import threading
from datetime import datetime

from contracts import topics
from contracts.envelope import MAX_OBJECT
from contracts.errors import ContractError
from contracts.labels import clean
from drivers.mqtt.broker import Broker
from drivers.mqtt.dial import Dial, Publication
from drivers.mqtt.errors import ComeAgainError
from drivers.mqtt.hearing import Heard
from drivers.mqtt.machine import Phase, State, Timing
from drivers.mqtt.session import Session
from drivers.mqtt.tls import Credentials
from gateway.errors import GatewayError
from gateway.links.link import Hear, Receive

LOG = logging.getLogger(__name__)

FIRST_CONNECTION_SECONDS = 20.0
"""Longest wait at the start; a broker on a slow machine needs two or three."""

SESSION_SECONDS = 30 * 24 * 3600
"""How long the broker keeps what comes for an absent gateway."""

UP = topics.UP_FILTER.removesuffix("+")
"""Begin of the topics on which kiosks hand in."""

LARGEST_PACKET = MAX_OBJECT + 8192
"""Bytes: a kiosk message with the largest object."""


def _lane_of(topic: str) -> str:
    """What kiosks hand in is received side by side, kiosk by kiosk; what else they say, in one row."""
    return topic if topic.startswith(UP) else ""


class BrokerError(GatewayError):
    """The broker can't be reached or refuses this gateway."""

    exit_code = 69


class MqttLink:
    """One session with a broker; implements `gateway.links.link.Link`."""

    name = "mqtt"

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        receive: Receive,
        hear: Hear,
        *,
        shared: bool = False,
        credentials: Credentials | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Connect and subscribe.

        Args:
            broker: Where to connect.
            client_id: Names the session; the same at each start of the same gateway.
            receive: Takes each kiosk message, on a thread of the link's own.
            hear: Takes what kiosks say of themselves, on the same thread.
            shared: Share the kiosks' messages with other gateways: each message goes to one of them. Then the
                broker keeps no session for this one while it is away, so that the others get everything.
            credentials: For a broker over TLS.
            timing: How long to wait for what.

        Raises:
            BrokerError: No broker there, or it refuses.
        """
        self._receive, self._hear = receive, hear
        self._first = threading.Event()
        dial = Dial(
            broker=broker,
            client_id=client_id,
            subscriptions=[
                topics.SHARED_UP_FILTER if shared else topics.UP_FILTER,
                topics.STATUS_FILTER,
                topics.HEALTH_FILTER,
                topics.REPORT_FILTER,
            ],
            session_seconds=0 if shared else SESSION_SECONDS,
            largest_packet=LARGEST_PACKET,
            credentials=credentials,
            lane_of=_lane_of,
        )
        self._session = Session(dial, self._received, self._stepped, timing=timing)
        self._session.start()
        self._await_first()

    @property
    def connected(self) -> bool:
        """Whether the session stands at this moment."""
        return self._session.is_up

    @property
    def peer_certificate_end(self) -> datetime | None:
        """When the certificate ends that the broker has last shown."""
        return self._session.peer_certificate_end

    def send(self, kiosk_id: str, message: bytes) -> bool:
        """Hand a message for a kiosk to the broker, or keep it in memory while the broker is away."""
        self._session.offer(Publication(topics.down(kiosk_id), message))
        return True

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""
        self._session.stop()

    def _await_first(self) -> None:
        """Wait until the broker has let us in: to start without one is a mistake to be told of."""
        self._first.wait(FIRST_CONNECTION_SECONDS)
        state, broker = self._session.state, self._session.dial.broker
        if state.phase is Phase.UP:
            return
        self.close()
        reason = state.failure.text if state.failure else "it does not answer"
        if state.phase is Phase.REFUSED:
            raise BrokerError(f"the MQTT broker at {broker} does not let this gateway in: {reason}")
        raise BrokerError(
            f"no MQTT broker answers at {broker} ({reason});"
            " start it or correct 'broker' in the configuration"
        )

    def _stepped(self, state: State) -> None:
        if state.phase in (Phase.UP, Phase.DOWN, Phase.REFUSED):
            self._first.set()

    def _received(self, message: Heard) -> None:
        try:
            kiosk_id = topics.kiosk_of(message.topic)
        except ContractError:
            LOG.warning("a message on the topic %s was dropped", clean(message.topic, 80))
            return
        word = topics.word_of(message.topic)
        try:
            if word == "up":
                self._receive(kiosk_id, message.payload, message.again)
            else:
                self._hear(word, kiosk_id, message.payload)
        except Exception as error:  # whatever it was: what was not kept must come again
            raise ComeAgainError(f"a message could not be kept and will come again: {error}") from error
