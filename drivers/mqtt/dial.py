"""What is told to a connection, and what it tells: plain values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drivers.mqtt.broker import Broker
from drivers.mqtt.tls import Credentials

IN_FLIGHT = 20
"""Messages sent and not yet acknowledged, at most; fewer where the broker says so (MQTT 5)."""

DEFAULT_RECEIVE_MAXIMUM = 65_535
LARGEST_POSSIBLE = 268_435_455
"""What holds where a CONNACK names neither limit (MQTT 5, sections 3.2.2.3.3 and 3.2.2.3.6; 1.5.5)."""


@dataclass(frozen=True)
class Publication:
    """A message to be published, QoS 1.

    Attributes:
        topic: where.
        payload: what.
        retain: whether the broker keeps it for those who subscribe later.
        again: whether it may have been sent before; said beside it under MQTT 5.
        wants_hearer: whether it counts as not taken if nobody listens, where the broker says so (MQTT 5).
    """

    topic: str
    payload: bytes
    retain: bool = False
    again: bool = False
    wants_hearer: bool = False

    @property
    def size(self) -> int:
        """Bytes that the packet takes at most, its header with the few properties that we use included."""
        return len(self.topic.encode()) + len(self.payload) + 32


@dataclass(frozen=True)
class Dial:
    """How to connect.

    Attributes:
        broker: where it is.
        client_id: names the session; the same at each start.
        subscriptions: topic filters, QoS 1.
        session_seconds: how long the broker keeps the session of an absent client (MQTT 5); 0 for not at all.
            Under 3.1.1 any other number leaves that to the broker.
        largest_packet: bytes that we let a broker send at once (MQTT 5).
        credentials: for TLS; None for a plain connection.
        lane_of: messages whose topics have the same lane are heard one after the other, others side by side;
            None hears each on paho's thread.
    """

    broker: Broker
    client_id: str
    subscriptions: Sequence[str]
    session_seconds: int
    largest_packet: int
    credentials: Credentials | None = None
    lane_of: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Acknowledged:
    """The broker has a message, or refuses it.

    Attributes:
        number: packet identifier, as `Connection.publish` returned it.
        refusal: why, or empty.
        unheard: it has no subscriber to pass it on to, and kept nothing (MQTT 5, reason code 0x10).
    """

    number: int
    refusal: str
    unheard: bool = False


@dataclass(frozen=True)
class Limits:
    """What a broker takes, by its CONNACK."""

    in_flight: int = IN_FLIGHT
    largest_packet: int = LARGEST_POSSIBLE


def limits_of(properties: Mapping[str, object]) -> Limits:
    """What the properties of a CONNACK say of the broker's limits (MQTT 5, section 3.2.2.3)."""
    receive = properties.get("ReceiveMaximum", DEFAULT_RECEIVE_MAXIMUM)
    largest = properties.get("MaximumPacketSize", LARGEST_POSSIBLE)
    return Limits(
        in_flight=max(1, min(IN_FLIGHT, receive)) if isinstance(receive, int) else IN_FLIGHT,
        largest_packet=largest if isinstance(largest, int) else LARGEST_POSSIBLE,
    )
