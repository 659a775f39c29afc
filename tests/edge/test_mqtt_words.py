"""What MQTT 5 says beside a message: that it may be a repeat, and that nobody listens."""

import queue
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from contracts import topics
from contracts.acts import ActKind
from edge.links.courier import Courier
from edge.links.inbox import Inbox
from edge.links.link import LinkRefusedError
from edge.links.outbox import Outbox
from edge.links.schedule import Route
from edge.state.database import Database
from hw import broker
from hw.errors import UnavailableError
from tests.edge.standin import DOMAIN, Gateway, until
from tests.edge.test_mqtt import KIOSK, KIOSK_ID, is_up, link_to, signed_denial


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[broker.Broker]:
    try:
        running = broker.start(tmp_path / "broker", name="mosquitto")
    except UnavailableError:
        pytest.skip("mosquitto is not installed")
    with running:
        yield running


def test_a_resend_says_so_beside_the_same_bytes(mosquitto: broker.Broker) -> None:
    heard: queue.Queue[paho.MQTTMessage] = queue.Queue()
    gateway = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    subscribed: queue.Queue[None] = queue.Queue()
    gateway.on_connect = lambda client, *_: client.subscribe(topics.up(KIOSK_ID), qos=1)
    gateway.on_subscribe = lambda *_: subscribed.put(None)
    gateway.on_message = lambda _client, _data, message: heard.put(message)
    gateway.connect("127.0.0.1", mosquitto.port)
    gateway.loop_start()
    subscribed.get(timeout=30)
    link = link_to(mosquitto.url)
    link.start()
    until(lambda: is_up(link))
    for again in (False, True):
        link.send(b"signed", again=again)
    first, second = (heard.get(timeout=30) for _ in range(2))
    assert first.payload == second.payload == b"signed"
    assert getattr(first.properties, "UserProperty", []) == []
    assert second.properties.UserProperty == [("again", "1")]  # type: ignore[union-attr]  # MQTT 5
    link.stop()
    gateway.disconnect()
    gateway.loop_stop()


def test_a_broker_at_which_nobody_listens_has_not_taken_a_message(mosquitto: broker.Broker) -> None:
    """It acknowledges, and drops: as after a restart, until the gateway is back, too."""
    link = link_to(mosquitto.url)
    link.start()
    until(lambda: is_up(link))
    with pytest.raises(LinkRefusedError, match="nobody listens"):
        link.send(b"signed", again=False)
    link.stop()


def test_a_message_goes_by_the_link_behind_which_there_is_a_gateway(
    mosquitto: broker.Broker, tmp_path: Path
) -> None:
    """Two brokers, both up; nobody listens at the preferred one, and both are used at once."""
    with (
        broker.start(tmp_path / "second", name="mosquitto") as second,
        Database(tmp_path / "kiosk.sqlite") as database,
    ):
        gateway = Gateway(second.url, KIOSK.public_key())
        outbox = Outbox(database, limit=10)
        inbox = Inbox(database, outbox, gateway_key=gateway.key.public_key(), domain=DOMAIN)
        links = [link_to(each.url, inbox.hear, outbox.wake) for each in (mosquitto, second)]
        courier = Courier(outbox, [Route(str(number), link) for number, link in enumerate(links)])
        for link in links:
            link.start()
        until(lambda: all(is_up(link) for link in links))
        courier.start()
        digests = []
        for number in range(3):
            digest, message = signed_denial(number)
            person = number.to_bytes(20, "big")
            outbox.put(digest, ActKind.DENY, person, digest, message, deadline=None)
            digests.append(digest)
        until(lambda: outbox.waiting() == 0)
        entries = [outbox.entry(digest) for digest in digests]
        assert {entry.link for entry in entries} == {"1"}
        assert sum(entry.attempts for entry in entries) > len(entries)  # it was tried at the other first
        courier.stop()
        for link in links:
            link.stop()
        gateway.stop()
