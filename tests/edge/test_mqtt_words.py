"""What MQTT 5 says beside a message: that it may be a repeat, and that nobody listens."""

import queue
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from contracts import topics
from edge.links.link import LinkRefusedError
from hw import broker
from hw.errors import UnavailableError
from tests.edge.standin import until
from tests.edge.test_mqtt import KIOSK_ID, is_up, link_to


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
