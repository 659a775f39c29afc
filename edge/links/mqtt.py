"""The link over MQTT: one persistent session with a broker, on which the kiosk speaks to its gateway."""

import logging
from collections.abc import Callable

from contracts import topics
from drivers.mqtt.broker import Broker
from drivers.mqtt.dial import Dial, Publication
from drivers.mqtt.errors import ComeAgainError, DownError, LostError, NotTakenError
from drivers.mqtt.hearing import Heard
from drivers.mqtt.machine import Phase, State, Timing
from drivers.mqtt.session import Manners, Session
from drivers.mqtt.tls import Credentials
from edge.errors import StateError
from edge.links.link import (
    Announce,
    Hear,
    LinkDownError,
    LinkLostError,
    LinkRefusedError,
    LinkState,
    LinkStatus,
)

log = logging.getLogger(__name__)

SESSION_SECONDS = 7 * 24 * 3600
"""How long the broker keeps receipts and notices for a kiosk that is away."""

LARGEST_PACKET = 64 * 1024
"""Bytes: receipts and notices have a few KB."""

STATES = {
    Phase.STOPPED: LinkState.STOPPED,
    Phase.CONNECTING: LinkState.CONNECTING,
    Phase.SUBSCRIBING: LinkState.CONNECTING,
    Phase.UP: LinkState.UP,
    Phase.DOWN: LinkState.DOWN,
    Phase.REFUSED: LinkState.REFUSED,
}


class MqttLink:
    """The link over MQTT; implements `edge.links.link.Link`."""

    def __init__(
        self,
        broker: Broker,
        kiosk_id: str,
        hear: Hear,
        changed: Callable[[], None],
        announce: Announce,
        *,
        credentials: Credentials | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Prepare the link.

        Args:
            broker: where to connect.
            kiosk_id: key id in hex; names the client and the topics.
            hear: takes each incoming message, on a thread of the link's own.
            changed: called after each change of `status`.
            announce: asked before each connection for its birth and death.
            credentials: for a broker over TLS.
            timing: how long to wait for what.
        """
        self._kiosk_id = kiosk_id
        self._hear = hear
        self._changed = changed
        self._announce = announce
        dial = Dial(
            broker=broker,
            client_id=kiosk_id,
            subscriptions=[topics.down(kiosk_id)],
            session_seconds=SESSION_SECONDS,
            largest_packet=LARGEST_PACKET,
            credentials=credentials,
        )
        self._session = Session(dial, self._received, self._stepped, self._manners, timing=timing)

    @property
    def status(self) -> LinkStatus:
        """How the link stands now."""
        state = self._session.state
        detail = f"{self._session.dial.broker}: {state.failure.text}" if state.failure else ""
        return LinkStatus(STATES[state.phase], detail)

    def start(self) -> None:
        """Connect, and stay connected, in the background."""
        self._session.start()

    def stop(self) -> None:
        """Say goodbye to the broker and end the thread."""
        self._session.stop()

    def send(self, message: bytes, *, again: bool) -> None:
        """Publish to the gateway; returns at the broker's acknowledgement.

        Raises:
            LinkDownError: there is no connection.
            LinkLostError: it was lost before the acknowledgement.
            LinkRefusedError: the broker refused, or did not acknowledge in time.
        """
        try:
            self._session.publish(
                Publication(topics.up(self._kiosk_id), message, again=again, wants_hearer=True)
            )
        except DownError as error:
            raise LinkDownError(str(error)) from None
        except LostError as error:
            raise LinkLostError(str(error)) from None
        except NotTakenError as error:
            raise LinkRefusedError(str(error)) from None

    def say_health(self, message: bytes) -> None:
        """Publish how the kiosk is; the broker keeps it for those who ask later."""
        self._session.offer(Publication(topics.health(self._kiosk_id), message, retain=True))

    def say_report(self, message: bytes) -> None:
        """Publish an answer or a question to the gateway, when there is a connection."""
        self._session.offer(Publication(topics.report(self._kiosk_id), message))

    def reconnect(self) -> None:
        """Connect anew, as with a new certificate."""
        self._session.reconnect()

    def _manners(self) -> Manners:
        topic, announcement = topics.status(self._kiosk_id), self._announce()
        birth = Publication(topic, announcement.birth, retain=True)
        death = Publication(topic, announcement.death, retain=True)
        return Manners(death, [birth], [death])

    def _received(self, message: Heard) -> None:
        try:
            self._hear(message.payload)
        except StateError as error:
            raise ComeAgainError(str(error)) from error

    def _stepped(self, _state: State) -> None:
        self._changed()
