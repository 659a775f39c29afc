"""The link over MQTT: version 5 where the broker speaks it, else 3.1.1; QoS 1; a persistent session.

paho's own reconnecting does not tell a broker that is away from one that refuses us, and its own queue is in
memory. So both are done here and in the outbox, and each `Connection` is a fresh one.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import random
from urllib.parse import urlsplit

from paho.mqtt.enums import MQTTProtocolVersion

from edge.errors import ConfigError
from edge.links.link import Hear, LinkDownError, LinkState, LinkStatus
from edge.links.mqtt_connection import Connection, Problem

log = logging.getLogger(__name__)

DEFAULT_PORT = 1883

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
"""Seconds between attempts to connect, doubling from the first to the longest."""

REFUSED_PAUSE = 60.0
"""Seconds after a refusal: an operator's work, that trying faster does not speed up."""

STEADY_SECONDS = 10.0
"""A connection that lasted so long was a good one, and the next pause is the first again."""

OTHER_VERSION = {
    MQTTProtocolVersion.MQTTv5: MQTTProtocolVersion.MQTTv311,
    MQTTProtocolVersion.MQTTv311: MQTTProtocolVersion.MQTTv5,
}


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
            hear: takes each incoming message, on a thread of the link's own.
            changed: called after each change of `status`.
        """
        self._broker = broker
        self._kiosk_id = kiosk_id
        self._hear = hear
        self._changed = changed
        self._status = self._logged = LinkStatus(LinkState.STOPPED)
        self._version = MQTTProtocolVersion.MQTTv5
        self._connection: Connection | None = None
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

    def send(self, message: bytes, *, again: bool) -> None:
        """Publish to the gateway; returns at the broker's acknowledgement.

        Raises:
            LinkDownError: there is no connection.
            LinkLostError: it was lost before the acknowledgement.
            LinkRefusedError: the broker refused, or did not acknowledge in time.
        """
        connection = self._connection
        if connection is None or self._status.state is not LinkState.UP:
            raise LinkDownError(f"no connection to the broker at {self._broker}")
        connection.publish(message, again=again)

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            problem = self._one_connection()
            if self._stopping.is_set() or self._try_other_version(problem):
                continue
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            pause = self._pause(problem, pause)
        self._become(LinkState.STOPPED)

    def _one_connection(self) -> Problem:
        """Connect and stay connected as long as it lasts; returns why it ended."""
        self._become(LinkState.CONNECTING)
        self._connection = connection = Connection(self._kiosk_id, self._version, self._hear)
        if self._stopping.is_set():  # `stop` did not see this connection, and will not wake it
            return Problem("stopping")
        problem = connection.open(self._broker.host, self._broker.port)
        if problem is None:
            self._become(LinkState.UP)
            problem = connection.wait_end()
        connection.close(goodbye=self._stopping.is_set())
        return problem

    def _try_other_version(self, problem: Problem) -> bool:
        """After a silent or unwilling CONNACK, change the version of MQTT; whether to try that at once."""
        if not problem.version:
            return False
        self._version = OTHER_VERSION[self._version]
        return self._version is MQTTProtocolVersion.MQTTv311

    def _pause(self, problem: Problem, pause: float) -> float:
        """Wait before the next attempt, at least half of `pause`; returns the pause after that."""
        state = LinkState.REFUSED if problem.forbidden else LinkState.DOWN
        self._become(state, f"{self._broker}: {problem.text}")
        wait = REFUSED_PAUSE if problem.forbidden else pause
        self._stopping.wait(wait * (0.5 + 0.5 * random()))  # noqa: S311 - spreads kiosks, guards no secret
        return min(2 * pause, LONGEST_PAUSE)

    def _become(self, state: LinkState, detail: str = "") -> None:
        self._status = LinkStatus(state, detail)
        if state is not LinkState.CONNECTING and self._status != self._logged:
            self._logged = self._status  # the same failure, again and again, is one line in the log
            log.log(logging.WARNING if detail else logging.INFO, "link %s", self._status)
        self._changed()
