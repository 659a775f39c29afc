"""MQTT by paho: kiosks' messages in, receipts and notices out.

A message is acknowledged to the broker after the gateway has it on its own disk, so the broker keeps it until
then; the session is persistent, so it also keeps what comes while the gateway is away. Spoken is MQTT 5, and
MQTT 3.1.1 with a broker that knows no other, as amqtt.
"""

import logging
import queue
import threading
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contracts import topics
from contracts.errors import ContractError
from contracts.labels import clean
from gateway.errors import GatewayError
from gateway.links.link import Appeared, Receive

LOG = logging.getLogger(__name__)

DEFAULT_PORT = 1883
KEEP_ALIVE = 30  # seconds
CONNECT_TIMEOUT = 10.0  # seconds; a broker on a slow machine needs two or three
SESSION_LIFE = 30 * 24 * 3600
"""Seconds that the broker keeps what comes for an absent gateway (MQTT 5; under 3.1.1 the broker decides)."""
MAX_QUEUED = 10_000
"""Messages to kiosks kept in memory while the broker is away. More are dropped: the kiosk asks again by
repeating."""
ONLINE = b"online"
RECONNECT_MIN, RECONNECT_MAX = 1, 60  # seconds


class BrokerError(GatewayError):
    """The broker can't be reached or refuses this gateway."""

    exit_code = 69


class MqttLink:
    """One persistent session with a broker; implements `gateway.links.link.Link`."""

    name = "mqtt"

    def __init__(self, url: str, client_id: str, receive: Receive, appeared: Appeared) -> None:
        """Connect and subscribe.

        Args:
            url: `mqtt://host[:port]`.
            client_id: Names the session; the same at each start of the same gateway.
            receive: Takes each kiosk message, on paho's thread.
            appeared: Told of each kiosk that says that it is there.

        Raises:
            BrokerError: No broker there, or it refuses.
        """
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or DEFAULT_PORT
        self._client_id = client_id
        self._receive, self._appeared = receive, appeared
        self._ready = threading.Event()
        self._refusal = ""
        self._client = self._connect()

    @property
    def connected(self) -> bool:
        """Whether the session stands at this moment."""
        return self._client.is_connected()

    def send(self, kiosk_id: str, message: bytes) -> bool:
        """Hand a message for a kiosk to the broker, or to paho's queue while the broker is away."""
        info = self._client.publish(topics.down(kiosk_id), message, qos=1)
        taken = info.rc in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN)
        if not taken:
            LOG.warning("a message to kiosk %s was dropped: %s", kiosk_id, paho.error_string(info.rc))
        return taken

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connect(self) -> paho.Client:
        newest = self._speaks_mqtt5()
        protocol = MQTTProtocolVersion.MQTTv5 if newest else MQTTProtocolVersion.MQTTv311
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=protocol,
            clean_session=None if newest else False,
            manual_ack=True,
        )
        client.max_queued_messages_set(MAX_QUEUED)
        client.reconnect_delay_set(RECONNECT_MIN, RECONNECT_MAX)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        self._open(client, _session() if newest else None)
        client.loop_start()
        if not self._ready.wait(CONNECT_TIMEOUT) or self._refusal:
            client.disconnect()
            client.loop_stop()
            raise BrokerError(
                f"the MQTT broker at {self._host}:{self._port} does not let this gateway in:"
                f" {self._refusal or 'it does not answer'}"
            )
        return client

    def _speaks_mqtt5(self) -> bool:
        """Ask with the plainest CONNECT: amqtt refuses that one, and falls silent on one with properties."""
        answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        probe = paho.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        probe.on_connect = lambda _client, _data, _flags, reason, _properties: answers.put(
            not reason.is_failure
        )
        probe.on_disconnect = lambda *_: answers.put(False)
        self._open(probe, None)
        probe.loop_start()
        try:
            return answers.get(timeout=CONNECT_TIMEOUT)
        except queue.Empty:
            return False
        finally:
            probe.disconnect()
            probe.loop_stop()

    def _open(self, client: paho.Client, session: Properties | None) -> None:
        clean_start = False if session else paho.MQTT_CLEAN_START_FIRST_ONLY
        try:
            client.connect(self._host, self._port, KEEP_ALIVE, clean_start=clean_start, properties=session)
        except (OSError, ValueError) as error:
            raise BrokerError(
                f"no MQTT broker answers at {self._host}:{self._port} ({error});"
                " start it or correct 'broker' in the configuration"
            ) from None

    def _connected(
        self, client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
            self._ready.set()
            return
        # Also after a reconnection: a broker that lost its memory has lost the subscriptions.
        client.subscribe([(topics.UP_FILTER, 1), (topics.STATUS_FILTER, 1)])

    def _subscribed(
        self, _client: paho.Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        self._refusal = f"subscription refused: {refused[0]}" if refused else ""
        if refused:
            LOG.error("%s", self._refusal)
        self._ready.set()

    def _disconnected(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if not self._ready.is_set():
            self._refusal = "it hung up"
            self._ready.set()
        elif reason.is_failure:
            LOG.warning("the MQTT broker is gone (%s); trying again", reason)

    def _received(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            self._dispatch(message)
        except GatewayError as error:
            # Unacknowledged, it comes again with the next session: nothing received is lost.
            LOG.error("a message could not be kept and will come again: %s", error)  # noqa: TRY400 - one line
            return
        client.ack(message.mid, message.qos)

    def _dispatch(self, message: paho.MQTTMessage) -> None:
        try:
            kiosk_id = topics.kiosk_of(message.topic)
        except ContractError:
            LOG.warning("a message on the topic %s was dropped", clean(message.topic, 80))
            return
        if message.topic == topics.up(kiosk_id):
            self._receive(kiosk_id, bytes(message.payload))
        elif message.topic == topics.status(kiosk_id) and message.payload == ONLINE:
            self._appeared(kiosk_id)


def _session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.SessionExpiryInterval = SESSION_LIFE
    return properties
