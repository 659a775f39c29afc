"""Both ends of the Bluetooth link, kiosk's and gateway's, over a virtual radio, and what comes between."""

import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.cose import kid_of
from contracts.gatt import KIOSK_TO_GATEWAY as PROFILE
from drivers.pauses import Pauses
from edge.errors import StateError
from edge.links import ble as kiosk_side
from edge.links.introducing import Identity
from edge.links.link import LinkDownError, LinkLostError, LinkRefusedError, LinkState
from gateway.errors import GatewayError
from gateway.links import ble as gateway_side
from hw.radio.faults import Fault, Mishap
from hw.radio.radio import Radio
from tests.edge.standin import until

KIOSK, SECOND_KIOSK, STRANGER, GATEWAY, OTHER_GATEWAY = (Ed25519PrivateKey.generate() for _ in range(5))
KNOWN = {kid_of(key.public_key()): key.public_key() for key in (KIOSK, SECOND_KIOSK)}
FAULTS = (LinkLostError, LinkRefusedError)
PATIENCE = 60.0
IMPATIENT = Pauses(first=0.05, longest=0.2, refused=0.2)


def id_of(key: Ed25519PrivateKey) -> str:
    return kid_of(key.public_key()).hex()


@pytest.fixture(autouse=True)
def _short_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kiosk_side, "SCAN_SECONDS", 0.1)


class Gateway:
    """The gateway's end, and what came in."""

    def __init__(self, adapter: str, key: Ed25519PrivateKey = GATEWAY) -> None:
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.appeared: queue.Queue[str] = queue.Queue()
        self.again: list[bool] = []
        self.refusing = False
        self.kiosks = dict(KNOWN)
        self.link = gateway_side.BleLink(adapter, key, self.kiosks, "test", self.receive, self.appeared.put)
        until(lambda: self.link.connected)

    def receive(self, kiosk_id: str, message: bytes, again: bool) -> None:
        self.again.append(again)
        if self.refusing:
            raise GatewayError("the disk is full")
        self.messages.put((kiosk_id, message))


class Kiosk:
    """The kiosk's end, and what came back."""

    def __init__(self, adapter: str, key: Ed25519PrivateKey = KIOSK, environment: str = "test") -> None:
        self.id = id_of(key)
        self.heard: queue.Queue[bytes] = queue.Queue()
        self.deaf = False
        identity = Identity(key, GATEWAY.public_key(), environment)
        self.link = kiosk_side.BleLink(adapter, identity, self.hear, lambda: None, pauses=IMPATIENT)
        self.link.start()

    def hear(self, message: bytes) -> None:
        if self.deaf:
            raise StateError("no room")
        self.heard.put(message)

    @property
    def is_up(self) -> bool:
        return self.link.status.state is LinkState.UP

    def stand(self) -> "Kiosk":
        until(lambda: self.is_up, PATIENCE)
        return self

    def send_until_taken(self, message: bytes) -> None:
        """As the courier does, who has the outbox behind it."""
        while True:
            self.stand()
            try:
                self.link.send(message, again=False)
            except (LinkDownError, *FAULTS):
                continue
            return


@contextmanager
def ends(*, gateways: tuple[Gateway, ...] = (), kiosks: tuple[Kiosk, ...] = ()) -> Iterator[None]:
    with ExitStack() as stack:
        for gateway in gateways:
            stack.callback(gateway.link.close)
        for kiosk in kiosks:
            stack.callback(kiosk.link.stop)
        yield


@pytest.fixture
def gateway(radio: Radio) -> Iterator[Gateway]:
    gateway = Gateway("hci1")
    yield gateway
    gateway.link.close()


@pytest.fixture
def kiosk(gateway: Gateway) -> Iterator[Kiosk]:
    kiosk = Kiosk("hci0").stand()
    assert gateway.appeared.get(timeout=PATIENCE) == kiosk.id
    yield kiosk
    kiosk.link.stop()
    assert kiosk.link.status.state is LinkState.STOPPED


def taken(gateway: Gateway) -> tuple[str, bytes]:
    return gateway.messages.get(timeout=PATIENCE)


MESSAGE = bytes(range(250)) * 8


def test_there_and_back(kiosk: Kiosk, gateway: Gateway) -> None:
    for number in range(3):
        kiosk.link.send(MESSAGE + bytes([number]), again=False)
        assert taken(gateway) == (kiosk.id, MESSAGE + bytes([number]))
    for number in range(50):
        assert gateway.link.send(kiosk.id, b"receipt %d" % number)
    assert [kiosk.heard.get(timeout=PATIENCE) for _ in range(50)] == [b"receipt %d" % n for n in range(50)]
    assert gateway.link.send(id_of(STRANGER), b"receipt") is False


def test_the_gateway_hears_what_may_have_been_sent_before(kiosk: Kiosk, gateway: Gateway) -> None:
    for again in (False, True):
        kiosk.link.send(MESSAGE, again=again)
        assert taken(gateway) == (kiosk.id, MESSAGE)
    assert gateway.again == [False, True]


def test_a_kiosk_that_is_taken_out_of_the_directory_is_shown_out(kiosk: Kiosk, gateway: Gateway) -> None:
    del gateway.kiosks[bytes.fromhex(kiosk.id)]
    until(lambda: kiosk.link.status.state is LinkState.REFUSED, PATIENCE)
    assert "unknown peer" in kiosk.link.status.detail
    assert gateway.link.send(kiosk.id, b"who asks whom for what") is False
    gateway.kiosks.update(KNOWN)
    kiosk.stand()  # let in again


@pytest.mark.parametrize("mishap", [Mishap.LOST_BEFORE, Mishap.LOST_AFTER, Mishap.TWICE])
@pytest.mark.parametrize("number", range(1, 6))
def test_a_fault_at_any_chunk_costs_a_connection_and_no_message(
    kiosk: Kiosk, gateway: Gateway, radio: Radio, mishap: Mishap, number: int
) -> None:
    radio.arm(Fault(mishap, PROFILE.inbound, number))  # the message has five chunks
    kiosk.send_until_taken(MESSAGE)
    assert taken(gateway) == (kiosk.id, MESSAGE)
    if number == 5 and mishap is not Mishap.LOST_BEFORE:
        assert taken(gateway) == (kiosk.id, MESSAGE)  # it had arrived, and the kiosk could not know
    kiosk.send_until_taken(b"next")
    assert taken(gateway) == (kiosk.id, b"next")
    assert gateway.messages.empty()
    assert not radio.faults_waiting


@pytest.mark.parametrize("mishap", [Mishap.LOST_BEFORE, Mishap.TWICE])
@pytest.mark.parametrize("number", range(1, 6))
def test_a_fault_at_any_notification_costs_a_connection(
    kiosk: Kiosk, gateway: Gateway, radio: Radio, mishap: Mishap, number: int
) -> None:
    radio.arm(Fault(mishap, PROFILE.outbound, number))
    gateway.link.send(kiosk.id, MESSAGE)
    assert gateway.appeared.get(timeout=PATIENCE) == kiosk.id  # again: it may have missed something
    kiosk.stand()
    gateway.link.send(kiosk.id, b"receipt")
    until(lambda: kiosk.heard.queue and kiosk.heard.queue[-1] == b"receipt", PATIENCE)
    assert set(kiosk.heard.queue) <= {MESSAGE, b"receipt"}


def test_a_link_that_drops_in_the_introduction_is_tried_again(radio: Radio, gateway: Gateway) -> None:
    radio.arm(*(Fault(Mishap.LOST_BEFORE, PROFILE.inbound, number) for number in (1, 3)))
    radio.arm(*(Fault(Mishap.LOST_BEFORE, PROFILE.outbound, number) for number in (4, 7)))
    with ends(kiosks=(kiosk := Kiosk("hci0"),)):
        kiosk.stand()
        kiosk.send_until_taken(MESSAGE)
        assert taken(gateway) == (kiosk.id, MESSAGE)


def test_a_slow_air_is_only_slow(kiosk: Kiosk, gateway: Gateway, radio: Radio) -> None:
    radio.slow(0.05)
    kiosk.link.send(MESSAGE, again=False)
    assert taken(gateway) == (kiosk.id, MESSAGE)
    gateway.link.send(kiosk.id, MESSAGE)
    assert kiosk.heard.get(timeout=PATIENCE) == MESSAGE


def test_two_kiosks_at_once_each_have_their_own(kiosk: Kiosk, gateway: Gateway) -> None:
    with ends(kiosks=(second := Kiosk("hci2", SECOND_KIOSK),)):
        second.stand()
        threads = [
            threading.Thread(target=one.send_until_taken, args=(one.id.encode() * 200,))
            for one in (kiosk, second)
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        came = [taken(gateway) for _ in threads]
        assert sorted(came) == sorted(
            (one.id, one.id.encode() * 200) for one in (kiosk, second) for _ in "abc"
        )
        for one in (kiosk, second):
            gateway.link.send(one.id, one.id.encode() * 100)
        for one in (kiosk, second):
            assert one.heard.get(timeout=PATIENCE) == one.id.encode() * 100
        assert kiosk.heard.empty()
        assert second.heard.empty()


def test_a_kiosk_that_is_not_in_the_directory_is_told_so(gateway: Gateway) -> None:
    with ends(kiosks=(stranger := Kiosk("hci0", STRANGER),)):
        until(lambda: stranger.link.status.state is LinkState.REFUSED, PATIENCE)
        assert stranger.link.status.detail == "the gateway refused this kiosk: unknown peer"
        with pytest.raises(LinkDownError, match="no gateway is connected by Bluetooth"):
            stranger.link.send(MESSAGE, again=False)
    assert gateway.messages.empty()
    assert gateway.appeared.empty()


def test_another_environment_is_a_matter_for_the_operator(gateway: Gateway) -> None:
    with ends(kiosks=(kiosk := Kiosk("hci0", environment="production"),)):
        until(lambda: kiosk.link.status.state is LinkState.REFUSED, PATIENCE)
        assert "belongs to another environment" in kiosk.link.status.detail


def test_a_false_gateway_gets_no_word_and_stands_in_nobody_s_way(radio: Radio) -> None:
    false = Gateway("hci1", OTHER_GATEWAY)
    with ends(gateways=(false,), kiosks=(kiosk := Kiosk("hci0"),)):
        until(lambda: kiosk.link.status.state is LinkState.REFUSED, PATIENCE)
        assert "this is not the kiosk's gateway" in kiosk.link.status.detail
        with ends(gateways=(true := Gateway("hci2"),)):
            kiosk.stand()
            kiosk.send_until_taken(MESSAGE)
            assert taken(true) == (kiosk.id, MESSAGE)
    assert false.messages.empty()
    assert false.appeared.empty()


def test_a_message_that_could_not_be_kept_comes_again(kiosk: Kiosk, gateway: Gateway) -> None:
    gateway.refusing = True
    with pytest.raises(FAULTS):
        kiosk.link.send(MESSAGE, again=False)
    gateway.refusing = False
    kiosk.send_until_taken(MESSAGE)
    assert taken(gateway) == (kiosk.id, MESSAGE)


def test_a_notice_that_could_not_be_filed_comes_again(kiosk: Kiosk, gateway: Gateway) -> None:
    kiosk.deaf = True
    gateway.link.send(kiosk.id, b"notice")
    assert gateway.appeared.get(timeout=PATIENCE) == kiosk.id
    kiosk.deaf = False
    kiosk.stand()
    gateway.link.send(kiosk.id, b"notice")
    assert kiosk.heard.get(timeout=PATIENCE) == b"notice"


@pytest.mark.parametrize("adapter", ["hci0", "hci1"])
def test_an_adapter_that_vanishes_and_comes_back(
    kiosk: Kiosk, gateway: Gateway, radio: Radio, adapter: str
) -> None:
    radio.unplug(adapter)
    until(lambda: not kiosk.is_up, PATIENCE)
    radio.plug(adapter)
    kiosk.send_until_taken(MESSAGE)
    assert taken(gateway) == (kiosk.id, MESSAGE)


def test_a_message_that_is_too_long_is_refused_in_words(
    kiosk: Kiosk, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.link._server._hall, "_longest", 1000)
    kiosk.link.stop()
    with ends(kiosks=(again := Kiosk("hci0"),)):
        again.stand()
        with pytest.raises(LinkRefusedError, match="the gateway refused: too long"):
            again.link.send(MESSAGE, again=False)
        again.send_until_taken(b"short")
        assert taken(gateway) == (kiosk.id, b"short")


def test_no_adapter_is_told_in_one_line(radio: Radio) -> None:
    with ends(kiosks=(kiosk := Kiosk("hci9"),)):
        until(lambda: kiosk.link.status.state is LinkState.DOWN, PATIENCE)
        assert "there is no Bluetooth adapter hci9" in kiosk.link.status.detail
