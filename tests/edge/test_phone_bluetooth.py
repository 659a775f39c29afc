"""The kiosk's door for phones, and the command-line phone that comes to it, over a virtual radio."""

import queue
import threading
from collections.abc import Iterator

import pytest

from contracts.gatt import PHONE_TO_KIOSK
from edge.phones.bluetooth import PATIENCE, PhoneDoor, reach_kiosk
from edge.phones.duplex import Duplex, DuplexClosedError
from hw.radio.faults import Fault, Mishap
from hw.radio.radio import Radio
from tests.edge.standin import until

KIOSK, PHONE, SECOND_PHONE = "hci0", "hci1", "hci2"


class Host:
    """Echoes what phones say, once they have said the word; remembers why they left."""

    def __init__(self) -> None:
        self.left: queue.Queue[str] = queue.Queue()
        self.count = 0

    def arrived(self, duplex: Duplex) -> None:
        self.count += 1
        try:
            while True:
                message = duplex.receive(1.0)
                if message == b"the word":
                    duplex.know()
                if message == b"out":
                    return
                if message is not None:
                    duplex.send(message)
        except DuplexClosedError as error:
            self.left.put(str(error))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def door(radio: Radio, host: Host) -> Iterator[PhoneDoor]:
    door = PhoneDoor(host.arrived, KIOSK)
    door.start()
    until(lambda: not door.problem)
    yield door
    door.stop()


def say(phone: Duplex, message: bytes) -> bytes:
    phone.send(message)
    answer = phone.receive(30.0)
    assert answer is not None
    return answer


def test_two_phones_at_once_are_not_confused(door: PhoneDoor) -> None:
    first, second = reach_kiosk(PHONE), reach_kiosk(SECOND_PHONE)
    for phone in (first, second):
        assert say(phone, b"the word") == b"the word"
    answers: dict[int, list[bytes]] = {1: [], 2: []}

    def talk(number: int, phone: Duplex) -> None:
        answers[number] = [say(phone, b"%d" % number * (500 + 700 * round_)) for round_ in range(5)]

    threads = [threading.Thread(target=talk, args=pair) for pair in ((1, first), (2, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (1, 2):
        assert answers[number] == [b"%d" % number * (500 + 700 * round_) for round_ in range(5)]
    first.close()
    second.close()


def test_a_phone_that_has_not_said_who_it_is_cannot_say_much(door: PhoneDoor, host: Host) -> None:
    phone = reach_kiosk(PHONE)
    with pytest.raises(DuplexClosedError, match="the kiosk refused: too long"):
        phone.send(bytes(PATIENCE.greeting + 1))
    phone.close()
    assert host.left.get(timeout=30)
    assert host.count == 1


def test_the_kiosk_can_show_a_phone_out(door: PhoneDoor) -> None:
    phone = reach_kiosk(PHONE)
    phone.send(b"out")
    with pytest.raises(DuplexClosedError, match="ended the session: closed"):
        phone.receive(30.0)
    phone.close()
    phone.close()


def test_a_phone_that_walks_away_is_noticed_and_may_come_back(
    door: PhoneDoor, host: Host, radio: Radio
) -> None:
    phone = reach_kiosk(PHONE)
    assert say(phone, b"the word") == b"the word"
    radio.disconnect(PHONE)
    with pytest.raises(DuplexClosedError, match="lost"):
        phone.receive(30.0)
    assert host.left.get(timeout=30)
    phone.close()
    phone = reach_kiosk(PHONE)
    assert say(phone, b"the word") == b"the word"
    phone.close()


def test_a_chunk_that_is_lost_with_its_link_loses_the_message(door: PhoneDoor, radio: Radio) -> None:
    phone = reach_kiosk(PHONE)
    assert say(phone, b"the word") == b"the word"
    radio.arm(Fault(Mishap.LOST_BEFORE, PHONE_TO_KIOSK.inbound, 3))
    with pytest.raises(DuplexClosedError):
        phone.send(bytes(5000))
    assert not radio.faults_waiting
    phone.close()


def test_no_kiosk_is_one_line(radio: Radio) -> None:
    with pytest.raises(DuplexClosedError, match="nothing within reach offered the service"):
        reach_kiosk(PHONE, seconds=0.2)


def test_no_adapter_says_what_to_do(radio: Radio) -> None:
    with pytest.raises(DuplexClosedError, match="there is no Bluetooth adapter hci7; `bluetoothctl list`"):
        reach_kiosk("hci7")
    radio.power(PHONE, on=False)
    with pytest.raises(DuplexClosedError, match="is switched off; switch it on: rfkill unblock"):
        reach_kiosk(PHONE)


def test_the_door_opens_once_there_is_an_adapter(
    radio: Radio, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    radio.unplug(KIOSK)
    door = PhoneDoor(host.arrived, KIOSK)
    door.start()
    until(lambda: "there is no Bluetooth adapter hci0" in door.problem)
    radio.plug(KIOSK)
    until(lambda: not door.problem)
    phone = reach_kiosk(PHONE)
    assert say(phone, b"hello") == b"hello"
    radio.unplug(KIOSK)
    until(lambda: door.problem)
    radio.plug(KIOSK)
    until(lambda: not door.problem)
    phone.close()
    door.stop()
