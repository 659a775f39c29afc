"""MQTT by paho: version 5 where the broker speaks it, else 3.1.1; quality of service 1; a persistent session.

paho moves the bytes. What it would also do is done here instead: its own queue is in memory (ours is the
outbox), and its reconnecting does not tell a broker that is away from one that refuses us. Each connection is
a fresh paho client, so that nothing is sent again behind the outbox's back.

A publish that the broker's access list forbids is still "published" to paho: under MQTT 5 the reason code
tells and is checked, under 3.1.1 only the missing receipt does.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import random
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contracts import topics
from edge.errors import ConfigError, EdgeError
from edge.links.link import Hear, LinkDownError, LinkRefusedError, LinkState, LinkStatus

log = logging.getLogger(__name__)

DEFAULT_PORT = 1883
KEEP_ALIVE = 20
"""Seconds; a dead broker is noticed after one and a half of them."""

ANSWER_SECONDS = 10.0
"""Longest wait for a CONNACK, SUBACK or PUBACK."""

CONNECT_SECONDS = 5.0
"""Longest wait for a TCP connection; a kiosk that is told to stop waits as long."""

VERSION_SECONDS = 2.0
"""Longest wait for a CONNACK under MQTT 5, after which 3.1.1 is tried: amqtt, which speaks only that, gives no
answer at all. A slow broker that is wrongly taken for an old one costs the reason codes, nothing else."""

LOSS_LOOK = 0.2
"""Seconds between looks whether the connection is still there while an acknowledgement is awaited."""

SESSION_SECONDS = 7 * 24 * 3600
"""How long the broker keeps receipts and notices for a kiosk that is away."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
"""Seconds between attempts to connect, doubling from the first to the longest."""

REFUSED_PAUSE = 60.0
"""Seconds after a refusal: an operator's work, that trying faster does not speed up."""

ONLINE, OFFLINE = b"online", b"offline"

OTHER_VERSION = {
    MQTTProtocolVersion.MQTTv5: MQTTProtocolVersion.MQTTv311,
    MQTTProtocolVersion.MQTTv311: MQTTProtocolVersion.MQTTv5,
}

FORBIDDEN = frozenset({0x86, 0x87, 0x8A, 0x8C})
"""CONNACK reason codes of MQTT 5 (section 3.2.2.2) about who we are: bad user name or password, not
authorized, banned, bad authentication method. paho gives 3.1.1's codes 4 and 5 as the first two."""

UNSUPPORTED_VERSION = 0x84


@dataclass(frozen=True)
class Broker:
    """Where the broker is."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Broker":
        """The broker of `mqtt://HOST[:PORT]`.

        Raises:
            ConfigError: the URL has another form.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or DEFAULT_PORT
        except ValueError:
            host = None
        if host is None or parts.scheme != "mqtt" or parts.path not in ("", "/") or parts.username:
            raise ConfigError(f"the broker {url!r} is not of the form mqtt://HOST[:PORT]")
        return cls(host, port)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class MqttLink:
    """The link over MQTT; implements `edge.links.link.Link`."""

    def __init__(self, broker: Broker, kiosk_id: str, hear: Hear, changed: Callable[[], None]) -> None:
        """Prepare the link.

        Args:
            broker: where to connect.
            kiosk_id: key id in hex; names the client and the topics.
            hear: takes each incoming message; called on paho's thread.
            changed: called after each change of `status`.
        """
        self._broker = broker
        self._kiosk_id = kiosk_id
        self._hear = hear
        self._changed = changed
        self._status = LinkStatus(LinkState.STOPPED)
        self._version = MQTTProtocolVersion.MQTTv5
        self._connection: _Connection | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    @property
    def status(self) -> LinkStatus:
        """How the link stands now."""
        return self._status

    def start(self) -> None:
        """Connect, and stay connected, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye to the broker and end the thread."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.abandon()
        self._thread.join()

    def send(self, message: bytes) -> None:
        """Publish to the gateway; returns at the broker's acknowledgement.

        Raises:
            LinkDownError: there is no connection.
            LinkRefusedError: the broker refused, or did not acknowledge in time.
        """
        connection = self._connection
        if connection is None or self._status.state is not LinkState.UP:
            raise LinkDownError(f"no connection to the broker at {self._broker}")
        connection.publish(topics.up(self._kiosk_id), message)

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            self._become(LinkState.CONNECTING)
            connection = _Connection(self._broker, self._kiosk_id, self._version, self._hear, self._stopping)
            self._connection = connection
            if self._stopping.is_set():  # `stop` saw the connection before this one
                break
            problem = connection.open()
            if problem is None:
                self._become(LinkState.UP)
                pause = FIRST_PAUSE
                connection.ended.wait()
                problem = Problem("the connection was lost")
            connection.close()
            if self._stopping.is_set():
                break
            if problem.version:
                self._version = OTHER_VERSION[self._version]
                if self._version is MQTTProtocolVersion.MQTTv311:
                    continue
            pause = self._pause(problem, pause)
        self._become(LinkState.STOPPED)

    def _pause(self, problem: "Problem", pause: float) -> float:
        """Wait before the next attempt, at least half of `pause`; returns the pause after that."""
        self._become(
            LinkState.REFUSED if problem.forbidden else LinkState.DOWN, f"{self._broker}: {problem.text}"
        )
        wait = REFUSED_PAUSE if problem.forbidden else pause
        self._stopping.wait(wait * (0.5 + 0.5 * random()))  # noqa: S311 - spreads kiosks, guards no secret
        return min(2 * pause, LONGEST_PAUSE)

    def _become(self, state: LinkState, detail: str = "") -> None:
        before, self._status = self._status, LinkStatus(state, detail)
        if before != self._status:
            log.log(logging.WARNING if detail else logging.INFO, "link %s", self._status)
            self._changed()


@dataclass(frozen=True)
class Problem:
    """Why there is no connection."""

    text: str
    forbidden: bool = False
    version: bool = False
    """The broker may not know this version of MQTT."""


class _Connection:
    """One connection to the broker, from CONNECT to its end."""

    def __init__(
        self,
        broker: Broker,
        kiosk_id: str,
        version: MQTTProtocolVersion,
        hear: Hear,
        stopping: threading.Event,
    ) -> None:
        self.ended = threading.Event()
        self._broker = broker
        self._kiosk_id = kiosk_id
        self._is_5 = version is MQTTProtocolVersion.MQTTv5
        self._hear = hear
        self._stopping = stopping
        self._answered = threading.Event()
        self._answer: ReasonCode | None = None
        self._refusals: dict[int, str] = {}
        self._client = self._make_client(version)

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

    def open(self) -> Problem | None:
        """Connect, subscribe and announce ourselves; what went wrong, or None."""
        try:
            self._connect()
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

    def abandon(self) -> None:
        """Stop waiting for anything from the broker."""
        self.ended.set()
        self._answered.set()

    def close(self) -> None:
        """Disconnect; when the kiosk stops, after saying that it is off line."""
        if self._stopping.is_set() and self._client.is_connected():
            try:
                self._client.publish(
                    topics.status(self._kiosk_id), OFFLINE, qos=1, retain=True
                ).wait_for_publish(1.0)
            except (RuntimeError, ValueError):
                log.debug("the broker was gone before the goodbye")
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish, and wait for the acknowledgement; raises as `MqttLink.send`."""
        try:
            info = self._client.publish(topic, payload, qos=1)
            acknowledged = self._wait_acknowledged(info)
        except (RuntimeError, ValueError) as error:  # paho's words for "not connected" and "queue full"
            raise LinkDownError(f"the message could not be sent: {error}") from None
        refusal = self._refusals.pop(info.mid, "")
        if refusal:
            raise LinkRefusedError(f"the broker refused the message: {refusal}")
        if not acknowledged:
            raise LinkRefusedError(f"the broker did not acknowledge within {ANSWER_SECONDS:.0f} s")

    def _wait_acknowledged(self, info: paho.MQTTMessageInfo) -> bool:
        end = time.monotonic() + ANSWER_SECONDS
        while not info.is_published():
            if self.ended.is_set():
                raise LinkDownError(f"the connection to the broker at {self._broker} was lost")
            if time.monotonic() > end:
                return False
            info.wait_for_publish(LOSS_LOOK)
        return True

    def _connect(self) -> None:
        host, port = self._broker.host, self._broker.port
        if not self._is_5:
            self._client.connect(host, port, KEEP_ALIVE)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's is untyped
        properties.SessionExpiryInterval = SESSION_SECONDS
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

    def _on_connect(
        self, _client: object, _data: object, _flags: object, reason: ReasonCode, _more: object
    ) -> None:
        self._set_answer(reason)

    def _on_subscribe(
        self, _client: object, _data: object, _mid: int, reasons: list[ReasonCode], _more: object
    ) -> None:
        self._set_answer(reasons[0] if reasons else None)

    def _on_disconnect(self, *_: object) -> None:
        self.abandon()

    def _on_publish(
        self, _client: object, _data: object, mid: int, reason: ReasonCode, _more: object
    ) -> None:
        if reason.is_failure:
            self._refusals[mid] = str(reason)

    def _on_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            self._hear(bytes(message.payload))
        except EdgeError as error:
            log.warning("%s", error)
            self.ended.set()  # unacknowledged, it comes again with the next connection
            return
        client.ack(message.mid, message.qos)

    def _set_answer(self, reason: ReasonCode | None) -> None:
        self._answer = reason
        self._answered.set()
