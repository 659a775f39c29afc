"""One connection to a broker, from CONNECT to its end: paho moves the bytes, and says here what comes.

paho's own reconnecting does not tell a broker that is away from one that refuses us, and its own queue is in
memory and out of sight. So neither is used: each connection is a fresh client, told to give up at once. A
publish that the broker's access list forbids is still "published" to paho: under MQTT 5 the reason code
tells, and is handed on; under 3.1.1 nothing tells.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from drivers.mqtt import tls
from drivers.mqtt.dial import Acknowledged, Dial, Limits, Publication, limits_of
from drivers.mqtt.errors import ComeAgainError, CredentialsError
from drivers.mqtt.hearing import Heard, Hearing, OnMessage
from drivers.mqtt.machine import Accepted, Event, Failed, Failure, Fault, Subscribed, Version

log = logging.getLogger(__name__)

KEEP_ALIVE = 20
"""Seconds; a dead broker is noticed after one and a half of them."""

CONNECT_SECONDS = 5.0
"""Longest wait for TCP and TLS; whoever is told to stop waits as long."""

GOODBYE_SECONDS = 1.0

RECEIVE_MAXIMUM = 100
"""Messages that the broker may send before we acknowledge (MQTT 5): we write each to the disk first."""

RESEND = ("again", "1")
"""User property (MQTT 5, section 3.3.2.3.7) of a message that may have been sent before."""

BAD_IDENTITY = frozenset({0x85, 0x86, 0x8C})
"""Reason codes of a CONNACK (MQTT 5, section 3.2.2.2) about who we are: client identifier, user name or
password, authentication method. paho gives 3.1.1's code 4 as the second."""

NO_MATCHING_SUBSCRIBERS = 0x10
"""Reason code of a PUBACK (MQTT 5, section 3.4.2.1): taken, and dropped at once. After a broker that keeps
nothing on disk has come back, its kiosks may be there before their gateway."""

NO_PERMISSION = frozenset({0x87, 0x8A})
"""Not authorized, banned; 3.1.1's code 5 is the first."""

ADMINISTRATIVE_ACTION = 0x98
"""Reason code of a DISCONNECT (MQTT 5, section 3.14.2.1): the operator has put us out."""

UNSUPPORTED_VERSION = 0x84


OnEvent = Callable[["Connection", Event | Acknowledged], None]


class Connection:
    """One connection. What happens is told to `on_event`, on paho's thread.

    Attributes:
        limits: what the broker takes, by its CONNACK.
        peer_certificate_end: when the broker's certificate ends; None before `open`, and without TLS.
    """

    def __init__(
        self, dial: Dial, version: Version, will: Publication | None, on_event: OnEvent, on_message: OnMessage
    ) -> None:
        self.limits = Limits()
        self.peer_certificate_end: datetime | None = None
        self._dial = dial
        self._is_5 = version is Version.V5
        self._tell = on_event
        self._hear = on_message
        self._complaint = ""
        self._accepted = False
        self._client = self._make_client(version)
        self._hearing: Hearing | None = None
        if dial.lane_of is not None:
            self._hearing = Hearing(on_message, dial.lane_of, self._acknowledge, self._lose)
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=will.retain)

    def open(self) -> Failure | None:
        """Connect and send CONNECT; what went wrong, or None."""
        broker, credentials = self._dial.broker, self._dial.credentials
        try:
            if credentials is not None:
                self._client.tls_set_context(credentials.context())
            if self._is_5:
                self._client.connect(
                    broker.host,
                    broker.port,
                    KEEP_ALIVE,
                    clean_start=self._dial.session_seconds == 0,
                    properties=self._wishes(),
                )
            else:
                self._client.connect(broker.host, broker.port, KEEP_ALIVE)
        except CredentialsError as error:
            return Failure(Fault.IDENTITY, str(error))
        except (OSError, ValueError) as error:
            return tls.failure_of(error, broker)
        self.peer_certificate_end = tls.end_of_peer(self._client.socket())
        self._client.loop_start()
        return None

    def subscribe(self) -> None:
        """Ask for the subscriptions."""
        self._client.subscribe([(topic, 1) for topic in self._dial.subscriptions])

    def publish(self, publication: Publication) -> int:
        """Send a message; returns its packet identifier, by which it will be acknowledged."""
        info = self._client.publish(
            publication.topic,
            publication.payload,
            qos=1,
            retain=publication.retain,
            properties=_resend() if publication.again and self._is_5 else None,
        )
        return info.mid

    def farewell(self, publications: Sequence[Publication]) -> None:
        """Send last words, and wait a moment until the broker has them."""
        for publication in publications:
            info = self._client.publish(publication.topic, publication.payload, 1, publication.retain)
            try:
                info.wait_for_publish(GOODBYE_SECONDS)
            except (RuntimeError, ValueError):
                log.debug("the broker was gone before the goodbye")

    def close(self) -> None:
        """Disconnect and end paho's thread; does nothing to what was never opened."""
        self._client.disconnect()
        self._client.loop_stop()
        if self._hearing is not None:
            self._hearing.close()

    def _make_client(self, version: Version) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._dial.client_id,
            protocol=MQTTProtocolVersion(version),
            clean_session=None if self._is_5 else self._dial.session_seconds == 0,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(0)  # the session counts, by the broker's own limit
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_log = self._on_log
        return client

    def _wishes(self) -> Properties:
        """The properties of our CONNECT (MQTT 5, section 3.1.2.11)."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's is untyped
        properties.SessionExpiryInterval = self._dial.session_seconds
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = self._dial.largest_packet
        return properties

    # What paho calls, on its own thread

    def _on_connect(
        self, _client: object, _data: object, _flags: object, reason: ReasonCode, more: Properties | None
    ) -> None:
        if reason.is_failure:
            self._tell(self, Failed(_refusal(reason)))
            return
        if more is not None:
            self.limits = limits_of(more.json())  # type: ignore[no-untyped-call]  # paho's is untyped
        self._accepted = True
        self._tell(self, Accepted())

    def _on_subscribe(
        self, _client: object, _data: object, _mid: int, reasons: list[ReasonCode], _more: object
    ) -> None:
        refused = [
            f"{topic}: {reason}"
            for topic, reason in zip(self._dial.subscriptions, reasons, strict=False)
            if reason.is_failure
        ]
        if refused or len(reasons) != len(self._dial.subscriptions):
            text = f"it refuses a subscription: {'; '.join(refused) or 'too few answers'}"
            self._tell(self, Failed(Failure(Fault.PERMISSION, text)))
        else:
            self._tell(self, Subscribed())

    def _on_publish(
        self, _client: object, _data: object, number: int, reason: ReasonCode, _more: object
    ) -> None:
        refusal = str(reason) if reason.is_failure else ""
        self._tell(self, Acknowledged(number, refusal, reason.value == NO_MATCHING_SUBSCRIBERS))

    def _on_disconnect(
        self, _client: object, _data: object, flags: paho.DisconnectFlags, reason: ReasonCode, _more: object
    ) -> None:
        self._tell(self, Failed(self._loss(reason, by_broker=flags.is_disconnect_packet_from_server)))

    def _loss(self, reason: ReasonCode, *, by_broker: bool) -> Failure:
        """Why the connection ended: the broker says so (MQTT 5), a TLS alert does, or nobody does."""
        if by_broker:
            forbidden = reason.value in NO_PERMISSION or reason.value == ADMINISTRATIVE_ACTION
            fault = Fault.PERMISSION if forbidden else Fault.LOST
            return Failure(fault, f"it ended the connection: {reason}")
        remedy = self._dial.credentials.remedy if self._dial.credentials else ""
        refused = tls.alert_of(self._complaint, remedy)
        if refused is not None:
            return refused
        why = self._complaint or reason
        if self._accepted:
            return Failure(Fault.LOST, f"the connection was lost: {why}")
        # A broker's alert can get lost where it hangs up on a CONNECT that it has not read.
        guess = "; it may not accept our certificate" if self._dial.credentials else ""
        return Failure(Fault.SILENT, f"it hung up without an answer: {why}{guess}")

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        again = RESEND in getattr(message.properties, "UserProperty", ())  # 3.1.1 has no properties
        heard = Heard(message.topic, bytes(message.payload), message.mid, message.qos, again)
        if self._hearing is not None:
            self._hearing.take(heard)
            return
        try:
            self._hear(heard)
        except ComeAgainError as error:
            self._lose(str(error))
            return
        except Exception:  # a message that we cannot cope with must not come again and again
            log.exception("fault in hearing a message of %d bytes", len(message.payload))
        self._acknowledge(heard)

    def _acknowledge(self, message: Heard) -> None:
        self._client.ack(message.number, message.qos)

    def _lose(self, why: str) -> None:
        """Give the connection up, so that what was not kept comes again with the next one."""
        self._tell(self, Failed(Failure(Fault.LOST, why)))

    def _on_log(self, _client: object, _data: object, level: int, text: str) -> None:
        if level == paho.MQTT_LOG_ERR:
            self._complaint = text.rpartition("socket: ")[2]


def _resend() -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's is untyped
    properties.UserProperty = [RESEND]
    return properties


def _refusal(reason: ReasonCode) -> Failure:
    """What a CONNACK's reason code means."""
    text = f"it refuses us: {reason}"
    if reason.value in BAD_IDENTITY:
        return Failure(Fault.IDENTITY, text)
    if reason.value in NO_PERMISSION:
        return Failure(Fault.PERMISSION, text)
    return Failure(Fault.VERSION if reason.value == UNSUPPORTED_VERSION else Fault.LOST, text)
