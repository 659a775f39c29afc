"""The link to a real broker: nothing that was not kept is acknowledged, and lost connections come back."""

import queue
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts import topics
from drivers.mqtt.broker import Broker
from drivers.mqtt.dial import Dial, Publication
from drivers.mqtt.machine import Timing, Version
from drivers.mqtt.session import Session
from gateway.errors import GatewayError
from gateway.links.mqtt import BrokerError, MqttLink
from hw import broker
from hw.broker import Broker as RunningBroker
from tests.gateway.actors import KioskKey, WireKiosk

KIOSK = KioskKey()
MOSQUITTO = shutil.which("mosquitto")
PATIENCE = 20
IMPATIENT = Timing(first=0.1, longest=0.4, version=0.5)


@pytest.fixture(
    params=[
        pytest.param("mosquitto", marks=pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here")),
        "amqtt",  # MQTT 3.1.1 only
    ]
)
def running(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[RunningBroker]:
    if request.param == "amqtt":
        monkeypatch.setenv("PATH", str(tmp_path))  # where no mosquitto is
    with broker.start(tmp_path / "broker") as started:
        yield started


class Ear:
    """What a link delivers; refuses to keep it while told to."""

    def __init__(self) -> None:
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.said: queue.Queue[tuple[str, str, bytes]] = queue.Queue()
        self.again: list[bool] = []
        self.refusing = False
        self.refused: queue.Queue[bytes] = queue.Queue()

    def take(self, kiosk_id: str, payload: bytes, again: bool) -> None:
        self.again.append(again)
        if self.refusing:
            self.refused.put(payload)
            raise GatewayError("the disk is full")
        self.messages.put((kiosk_id, payload))

    def hear(self, word: str, kiosk_id: str, payload: bytes) -> None:
        self.said.put((word, kiosk_id, payload))

    def link(self, running: RunningBroker) -> MqttLink:
        return MqttLink(Broker.of(running.url), "gateway-test", self.take, self.hear, timing=IMPATIENT)


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def kiosk(running: RunningBroker) -> Iterator[WireKiosk]:
    kiosk = WireKiosk(running.port, KIOSK, KioskKey().public)
    yield kiosk
    kiosk.close()


def test_messages_and_news_come_in_by_their_topics(
    running: RunningBroker, ear: Ear, kiosk: WireKiosk
) -> None:
    link = ear.link(running)
    kiosk.publish(b"hello")
    kiosk.publish(b"not a kiosk", "ridgekey/1/up/somebody")
    for topic in (topics.status, topics.health, topics.report):
        kiosk.publish(b"of itself", topic(KIOSK.id))
    assert ear.messages.get(timeout=PATIENCE) == (KIOSK.id, b"hello")
    heard = [ear.said.get(timeout=PATIENCE) for _ in range(3)]
    assert heard == [(word, KIOSK.id, b"of itself") for word in ("status", "health", "report")]
    assert (ear.messages.empty(), ear.said.empty()) == (True, True)
    link.close()


def test_what_was_not_kept_comes_again(running: RunningBroker, ear: Ear, kiosk: WireKiosk) -> None:
    if running.name == "amqtt":
        pytest.skip("amqtt forgets what it has delivered unacknowledged; there the kiosk's outbox repeats it")
    link = ear.link(running)
    ear.refusing = True
    kiosk.publish(b"precious")
    assert ear.refused.get(timeout=PATIENCE) == b"precious"
    link.close()
    ear.refusing = False
    link = ear.link(running)
    assert ear.messages.get(timeout=PATIENCE) == (KIOSK.id, b"precious")
    link.close()


def test_what_comes_while_the_gateway_is_away_waits_at_the_broker(
    running: RunningBroker, ear: Ear, kiosk: WireKiosk
) -> None:
    ear.link(running).close()
    kiosk.publish(b"in the meantime")
    link = ear.link(running)
    assert ear.messages.get(timeout=PATIENCE) == (KIOSK.id, b"in the meantime")
    link.close()


def test_a_broker_that_comes_back_without_its_memory_is_subscribed_to_again(
    running: RunningBroker, ear: Ear, tmp_path: Path
) -> None:
    link = ear.link(running)
    running.stop()
    with broker.start(tmp_path / "second", running.port) as second:
        deadline = time.monotonic() + PATIENCE
        while not link.connected and time.monotonic() < deadline:
            time.sleep(0.05)
        kiosk = WireKiosk(second.port, KIOSK, KioskKey().public)
        while ear.messages.empty() and time.monotonic() < deadline:
            kiosk.publish(b"hello again")
            time.sleep(0.1)
        assert ear.messages.get(timeout=1) == (KIOSK.id, b"hello again")
        kiosk.close()
        link.close()


def test_a_mark_of_a_resend_comes_through_where_mqtt_has_a_place_for_it(
    running: RunningBroker, ear: Ear
) -> None:
    link = ear.link(running)
    dial = Dial(
        Broker.of(running.url), "kiosk", [topics.down(KIOSK.id)], session_seconds=0, largest_packet=1000
    )
    kiosk = Session(dial, lambda _: None, timing=IMPATIENT)
    kiosk.start()
    deadline = time.monotonic() + PATIENCE
    while not kiosk.is_up and time.monotonic() < deadline:
        time.sleep(0.05)
    for again in (False, True):
        kiosk.publish(Publication(topics.up(KIOSK.id), b"a message", again=again))
        assert ear.messages.get(timeout=PATIENCE) == (KIOSK.id, b"a message")
    assert ear.again == [False, kiosk.state.version is Version.V5]
    kiosk.stop()
    link.close()


def test_no_broker_is_one_line(ear: Ear) -> None:
    with pytest.raises(BrokerError, match=r"no MQTT broker answers at 127\.0\.0\.1:9") as caught:
        MqttLink(Broker("127.0.0.1", 9), "gateway-test", ear.take, ear.hear)
    assert caught.value.exit_code == 69
    assert "\n" not in str(caught.value)
