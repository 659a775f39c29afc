"""One connection to an MQTT broker, from CONNECT to its end; paho moves the bytes.

A publish that the broker's access list forbids is still "published" to paho: under MQTT 5 the reason code
tells and is checked, under 3.1.1 only the missing receipt does.
"""

import logging
import threading
import time
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contracts import topics
from edge.errors import StateError
from edge.links.link import Hear, LinkDownError, LinkLostError, LinkRefusedError

log = logging.getLogger(__name__)

KEEP_ALIVE = 20
"""Seconds; a dead broker is noticed after one and a half of them."""

CONNECT_SECONDS = 5.0
"""Longest wait for a TCP connection; a kiosk that is told to stop waits as long."""

VERSION_SECONDS = 2.0
"""Longest wait for a CONNACK under MQTT 5; then 3.1.1 is tried, as amqtt, which speaks only that, gives no
answer. A slow broker that is wrongly taken for an old one costs the reason codes, nothing else."""

ANSWER_SECONDS = 10.0
"""Longest wait for any other CONNACK, SUBACK or PUBACK."""

GOODBYE_SECONDS = 1.0

LOSS_LOOK = 0.2
"""Seconds between looks whether the connection is still there while an acknowledgement is awaited."""

SESSION_SECONDS = 7 * 24 * 3600
"""How long the broker keeps receipts and notices for a kiosk that is away."""

LARGEST_PACKET = 64 * 1024
"""Bytes that we let a broker send at once (MQTT 5): receipts and notices have a few KB."""

ONLINE, OFFLINE = b"online", b"offline"

FORBIDDEN = frozenset({0x86, 0x87, 0x8A, 0x8C})
"""CONNACK reason codes of MQTT 5 (section 3.2.2.2) about who we are: bad user name or password, not
authorized, banned, bad authentication method. paho gives 3.1.1's codes 4 and 5 as the first two."""

UNSUPPORTED_VERSION = 0x84

RESEND = ("again", "1")
"""User property (MQTT 5, section 3.3.2.3.7) of a message that may have been sent before."""


@dataclass(frozen=True)
class Problem:
    """Why there is no connection.

    Attributes:
        text: in words.
        forbidden: the broker does not want us.
        version: the broker may not know this version of MQTT.
    """

    text: str
    forbidden: bool = False
    version: bool = False


class Connection:
    """One connection; a fresh one each time, so that paho sends nothing again behind the outbox's back."""

    def __init__(self, kiosk_id: str, version: MQTTProtocolVersion, hear: Hear) -> None:
        """Prepare a connection.

        Args:
            kiosk_id: names the client and the topics.
            version: of MQTT.
            hear: takes each incoming message, on paho's thread.
        """
        self.ended = threading.Event()
        self._end = "the connection was lost"
        self._kiosk_id = kiosk_id
        self._is_5 = version is MQTTProtocolVersion.MQTTv5
        self._hear = hear
        self._answered = threading.Event()
        self._answer: ReasonCode | None = None
        self._refusals: dict[int, str] = {}
        self._client = self._make_client(version)

    def open(self, host: str, port: int) -> Problem | None:
        """Connect, subscribe and announce ourselves; what went wrong, or None."""
        try:
            self._connect(host, port)
        except (OSError, ValueError) as error:
            return Problem(getattr(error, "strerror", None) or str(error))
        self._client.loop_start()
        problem = self._wait_answer("CONNACK")
        if problem is None:
            self._client.subscribe(topics.down(self._kiosk_id), qos=1)
            problem = self._wait_answer("SUBACK")
        if problem is None:
            self._client.publish(topics.status(self._kiosk_id), ONLINE, qos=1, retain=True)
        return problem

    def wait_end(self) -> Problem:
        """Wait until the connection is lost or abandoned."""
        self.ended.wait()
        return Problem(self._end)

    def abandon(self) -> None:
        """Stop waiting for anything from the broker."""
        self.ended.set()
        self._answered.set()

    def close(self, *, goodbye: bool) -> None:
        """Disconnect; with `goodbye` after saying that the kiosk is off line, as its last will would."""
        if goodbye and self._client.is_connected():
            try:
                info = self._client.publish(topics.status(self._kiosk_id), OFFLINE, qos=1, retain=True)
                info.wait_for_publish(GOODBYE_SECONDS)
            except (RuntimeError, ValueError):
                log.debug("the broker was gone before the goodbye")
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, message: bytes, *, again: bool) -> None:
        """Publish to the gateway, and wait for the acknowledgement.

        Args:
            message: as it was signed.
            again: whether it may have been sent before; MQTT 5 carries that as a user property.

        Raises:
            LinkDownError: there was no connection.
            LinkLostError: it was lost before the acknowledgement.
            LinkRefusedError: the broker refused, or did not acknowledge in time.
        """
        try:
            info = self._client.publish(
                topics.up(self._kiosk_id),
                message,
                qos=1,
                properties=_resend() if again and self._is_5 else None,
            )
            acknowledged = self._wait_acknowledged(info)
        except (RuntimeError, ValueError) as error:  # paho's words for "not connected" and "queue full"
            raise LinkDownError(f"the message could not be sent: {error}") from None
        refusal = self._refusals.pop(info.mid, "")
        if refusal:
            raise LinkRefusedError(f"the broker refused the message: {refusal}")
        if not acknowledged:
            raise LinkRefusedError(f"the broker did not acknowledge within {ANSWER_SECONDS:.0f} s")

    def _make_client(self, version: MQTTProtocolVersion) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"ridgekey-{self._kiosk_id}",
            protocol=version,
            clean_session=None if self._is_5 else False,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_SECONDS
        client.will_set(topics.status(self._kiosk_id), OFFLINE, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _connect(self, host: str, port: int) -> None:
        if not self._is_5:
            self._client.connect(host, port, KEEP_ALIVE)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's is untyped
        properties.SessionExpiryInterval = SESSION_SECONDS
        properties.MaximumPacketSize = LARGEST_PACKET
        self._client.connect(host, port, KEEP_ALIVE, clean_start=False, properties=properties)

    def _wait_answer(self, packet: str) -> Problem | None:
        guessing = packet == "CONNACK"
        came = self._answered.wait(VERSION_SECONDS if guessing and self._is_5 else ANSWER_SECONDS)
        self._answered.clear()
        answer, self._answer = self._answer, None
        if answer is None:
            said = "closed the connection" if came else "did not answer"
            return Problem(f"the broker {said} (no {packet})", version=guessing)
        if answer.is_failure:
            return Problem(
                f"the broker refused: {answer}",
                forbidden=answer.value in FORBIDDEN,
                version=answer.value == UNSUPPORTED_VERSION,
            )
        return None

    def _wait_acknowledged(self, info: paho.MQTTMessageInfo) -> bool:
        end = time.monotonic() + ANSWER_SECONDS
        while not info.is_published():
            if self.ended.is_set():
                raise LinkLostError("the connection to the broker was lost")
            if time.monotonic() > end:
                return False
            info.wait_for_publish(LOSS_LOOK)
        return True

    def _set_answer(self, reason: ReasonCode | None) -> None:
        self._answer = reason
        self._answered.set()

    # What paho calls, on its own thread

    def _on_connect(
        self, _client: object, _data: object, _flags: object, reason: ReasonCode, _more: object
    ) -> None:
        self._set_answer(reason)

    def _on_subscribe(
        self, _client: object, _data: object, _mid: int, reasons: list[ReasonCode], _more: object
    ) -> None:
        self._set_answer(reasons[0] if reasons else None)

    def _on_publish(
        self, _client: object, _data: object, mid: int, reason: ReasonCode, _more: object
    ) -> None:
        if reason.is_failure:
            self._refusals[mid] = str(reason)

    def _on_disconnect(
        self, _client: object, _data: object, _flags: object, reason: ReasonCode, _more: object
    ) -> None:
        self._end = f"the connection was lost: {reason}"
        self.abandon()

    def _on_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            self._hear(bytes(message.payload))
        except StateError as error:
            self._end = str(error)
            self.abandon()  # unacknowledged, the message comes again with the next connection
            return
        except Exception:  # a message that we cannot cope with must not come again and again
            log.exception("fault in hearing a message of %d bytes", len(message.payload))
        client.ack(message.mid, message.qos)


def _resend() -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's is untyped
    properties.UserProperty = [RESEND]
    return properties
