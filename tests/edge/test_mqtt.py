"""The link over MQTT, to a real broker that comes and goes."""

import socket
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.acts import ActKind, Deny
from contracts.cose import kid_of
from contracts.messages import KioskMessage, Presence, Receipt, ReceiptStatus
from drivers.mqtt.broker import Broker
from drivers.mqtt.errors import BrokerUrlError
from drivers.mqtt.machine import Timing
from edge.errors import StateError
from edge.links.courier import Courier
from edge.links.inbox import Inbox
from edge.links.link import Announcement, Hear, LinkDownError, LinkState
from edge.links.mqtt import MqttLink
from edge.links.outbox import Outbox
from edge.links.pacing import Backoff
from edge.links.schedule import Route
from edge.state.database import Database
from hw import broker
from tests.edge.standin import DOMAIN, Gateway, until

KIOSK = Ed25519PrivateKey.generate()
KIOSK_ID = kid_of(KIOSK.public_key()).hex()


@pytest.fixture(scope="module", params=["mosquitto", "amqtt"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[broker.Broker]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "amqtt":
            patch.setattr("shutil.which", lambda _: None)
        started = broker.start(tmp_path_factory.mktemp("broker"))
    with started:
        if started.name != request.param:
            pytest.skip(f"{request.param} is not installed")
        yield started


class Ears:
    """Hears what the link hands in; can be deaf for a while."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.deaf = False

    def __call__(self, message: bytes) -> None:
        if self.deaf:
            raise StateError("no room")
        if message == b"poison":
            raise ZeroDivisionError
        self.heard.append(message)


IMPATIENT = Timing(first=0.1, longest=0.4, version=0.5)


NUMBERS = count(1)


def announce() -> Announcement:
    """Of the next connection."""
    number = next(NUMBERS)
    birth, death = (Presence("test", number, online, 1).sign(KIOSK) for online in (True, False))
    return Announcement(birth, death)


def link_to(url: str, hear: Hear = lambda _: None, changed: Callable[[], None] = lambda: None) -> MqttLink:
    return MqttLink(Broker.of(url), KIOSK_ID, hear, changed, announce, timing=IMPATIENT)


def is_up(link: MqttLink) -> bool:
    return link.status.state is LinkState.UP


@pytest.fixture
def gateway(running: broker.Broker) -> Iterator[Gateway]:
    gateway = Gateway(running.url, KIOSK.public_key())
    yield gateway
    gateway.stop()


def signed_denial(number: int) -> tuple[bytes, bytes]:
    act = Deny(b"\x01" * 20, number.to_bytes(32, "big"), 1_900_000_000)
    return act.digest(DOMAIN), KioskMessage("test", act, bytes(64), 1).sign(KIOSK)


def test_there_and_back(running: broker.Broker, gateway: Gateway) -> None:
    ears = Ears()
    link = link_to(running.url, ears)
    link.start()
    until(lambda: is_up(link))
    digest, message = signed_denial(1)
    link.send(message, again=False)
    until(lambda: ears.heard)
    assert Receipt.verify(ears.heard[0], gateway.key.public_key()).digest == digest
    until(lambda: gateway.statuses and gateway.statuses[-1].online)
    link.stop()
    assert link.status.state is LinkState.STOPPED
    until(lambda: not gateway.statuses[-1].online)
    with pytest.raises(LinkDownError):
        link.send(message, again=False)


def test_a_kiosk_that_is_cut_off_is_dead_by_the_brokers_word_and_born_again(
    running: broker.Broker, gateway: Gateway
) -> None:
    if running.name == "amqtt":
        pytest.skip("amqtt says nothing of a client whose connection breaks")
    link = link_to(running.url)
    link.start()
    until(lambda: gateway.statuses and gateway.statuses[-1].online)
    first = gateway.statuses[-1].sequence
    wire = link._session._connection._client.socket()
    wire.shutdown(socket.SHUT_RDWR)  # as a cable that is pulled, but noticed at once
    until(lambda: gateway.statuses[-1].sequence > first)
    assert [(said.sequence, said.online) for said in gateway.statuses[-3:]] == [
        (first, True),
        (first, False),
        (first + 1, True),
    ]
    link.stop()


def keeps_sessions(running: broker.Broker) -> None:
    if running.name == "amqtt":
        pytest.skip("amqtt keeps no session for anonymous clients; the outbox asks for receipts again")


def test_what_came_while_away_is_delivered(running: broker.Broker, gateway: Gateway) -> None:
    keeps_sessions(running)
    first, second = Ears(), Ears()
    link = link_to(running.url, first)
    link.start()
    until(lambda: is_up(link))
    link.stop()
    gateway.tell(b"while you were away")
    link = link_to(running.url, second)
    link.start()
    until(lambda: second.heard == [b"while you were away"])
    link.stop()


def test_what_could_not_be_stored_comes_again(running: broker.Broker, gateway: Gateway) -> None:
    keeps_sessions(running)
    ears = Ears()
    link = link_to(running.url, ears)
    link.start()
    until(lambda: is_up(link))
    ears.deaf = True
    gateway.tell(b"important")
    until(lambda: not is_up(link))
    ears.deaf = False
    until(lambda: b"important" in ears.heard)
    link.stop()


def test_a_fault_in_hearing_does_not_stop_the_link(running: broker.Broker, gateway: Gateway) -> None:
    ears = Ears()
    link = link_to(running.url, ears)
    link.start()
    until(lambda: is_up(link))
    gateway.tell(b"poison")
    gateway.tell(b"food")
    until(lambda: b"food" in ears.heard)
    assert is_up(link)
    link.stop()


def test_a_second_kiosk_with_the_same_key_is_named(running: broker.Broker) -> None:
    """The broker serves one of them at a time; the other sees why, and does not try without pause."""
    if running.name == "amqtt":
        pytest.skip("amqtt lets two clients have one name")
    links = [link_to(running.url) for _ in range(2)]
    links[0].start()
    until(lambda: is_up(links[0]))
    links[1].start()
    until(lambda: links[0].status.state is LinkState.DOWN)
    assert "lost" in str(links[0].status)
    for link in links:
        link.stop()


def test_a_broker_that_dies_loses_nothing(
    running: broker.Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acts queued before, during and after the broker's absence all get their receipts."""
    if running.name == "amqtt":
        monkeypatch.setattr("shutil.which", lambda _: None)
    count, port = 30, broker.free_port()
    with Database(tmp_path / "kiosk.sqlite") as database:
        outbox = Outbox(database, limit=100)
        wire = broker.start(tmp_path / "broker", port)
        gateway = Gateway(wire.url, KIOSK.public_key())
        inbox = Inbox(database, outbox, gateway_key=gateway.key.public_key(), domain=DOMAIN)
        link = link_to(wire.url, inbox.hear, outbox.wake)
        courier = Courier(outbox, [Route("mqtt", link)], backoff=Backoff(first=2.0, in_doubt=0.2))
        link.start()
        until(lambda: is_up(link))
        courier.start()
        for number in range(count):
            if number == count // 3:
                wire.stop()
                until(lambda: link.status.state is LinkState.DOWN)
                assert str(wire.port) in str(link.status)
            if number == 2 * count // 3:
                wire = broker.start(tmp_path / "broker", port)
            digest, message = signed_denial(number)
            outbox.put(digest, ActKind.DENY, number.to_bytes(20, "big"), digest, message, deadline=None)
        gateway.resubscribe()
        courier.retry()  # receipts that died with the broker: ask again now
        until(lambda: outbox.waiting() == 0)
        assert all(
            outbox.entry(signed_denial(number)[0]).status is ReceiptStatus.FINAL for number in range(count)
        )
        assert len({message.act for message in gateway.heard}) == count
        courier.stop()
        link.stop()
        gateway.stop()
        wire.stop()


def test_nobody_there_is_a_state_not_an_error() -> None:
    changes = threading.Event()
    link = link_to(f"mqtt://127.0.0.1:{broker.free_port()}", changed=changes.set)
    link.start()
    until(lambda: link.status.state is LinkState.DOWN)
    assert "refused" in str(link.status)
    assert changes.is_set()
    link.stop()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "http://h",
        "mqtt://",
        "mqtt://h:99999",
        "mqtt://h/path",
        "mqtt://[",
        "mqtt://user@h",
        "mqtt://h?x",
    ],
)
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(BrokerUrlError, match="mqtt://HOST"):
        Broker.of(url)


def test_urls() -> None:
    assert Broker.of("mqtt://broker.local") == Broker("broker.local", 1883)
    assert Broker.of("mqtt://[::1]:1884/") == Broker("::1", 1884)
    assert Broker.of("mqtts://broker.local") == Broker("broker.local", 8883, tls=True)
