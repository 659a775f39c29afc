"""Whole messages over a virtual radio: a server in threads, clients in threads, and what can come between."""

import queue
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager

import pytest

from contracts import gatt
from contracts.conversation import Conversation, Patience, Sessions
from contracts.framing import LAST
from contracts.gatt import KIOSK_TO_GATEWAY as PROFILE
from contracts.gatt import Limits, Refusal, refusal_words
from drivers.bluetooth import hall
from drivers.bluetooth.called import Called
from drivers.bluetooth.calling import Call, Caller
from drivers.bluetooth.errors import BluetoothError, GattError, LinkLostError, NoBluetoothError, NotFoundError
from drivers.bluetooth.serving import Guest, Server
from hw.radio.faults import Fault, Mishap
from hw.radio.radio import Radio
from tests.edge.standin import until

SERVER, FIRST, SECOND = "hci0", "hci1", "hci2"
PATIENCE = Patience(sessions=4, greeting=64, greeting_seconds=1.0)
VERSION = Limits(gatt.VERSION, gatt.VERSION, PROFILE.longest_message)


class Host:
    """Echoes what clients say, once they have said the word; remembers why they left."""

    def __init__(self) -> None:
        self.left: queue.Queue[str] = queue.Queue()
        self.count = 0

    def arrived(self, guest: Guest) -> None:
        self.count += 1
        try:
            while True:
                message = guest.receive(1.0)
                if message == b"the word":
                    guest.know()
                if message == b"out":
                    guest.close(Refusal.UNKNOWN_PEER)
                if message is not None:
                    guest.send(message)
        except LinkLostError as error:
            self.left.put(str(error))

    def server(
        self,
        version: Limits = VERSION,
        patience: Patience = PATIENCE,
        adapter: str = SERVER,
        spare: Container[str] = (),
    ) -> Server:
        return Server(
            PROFILE, Sessions(patience), self.arrived, name="a server", version=version.encode(),
            longest_message=PROFILE.longest_message, adapter=adapter, spare=spare,
        )  # fmt: skip


@pytest.fixture
def host() -> Host:
    return Host()


@contextmanager
def on_air(server: Server) -> Iterator[Server]:
    server.start()
    until(lambda: server.on_air)
    yield server
    server.stop()


@pytest.fixture
def server(radio: Radio, host: Host) -> Iterator[Server]:
    with on_air(host.server()) as server:
        yield server


@pytest.fixture
def reach(radio: Radio) -> Iterator[Callable[..., Call]]:
    """Calls the server from an adapter."""
    callers: list[Caller] = []

    def call(adapter: str = FIRST, seconds: float = 30.0) -> Call:
        callers.append(Caller(PROFILE, adapter))
        found = next(callers[-1].seen(seconds))
        return callers[-1].call(found, Conversation(PROFILE.longest_message))

    yield call
    for caller in callers:
        caller.close()


def say(call: Call, message: bytes) -> bytes:
    call.send(message)
    answer = call.receive(30.0)
    assert answer is not None
    return answer


def known(call: Call) -> Call:
    assert say(call, b"the word") == b"the word"
    return call


def test_two_clients_at_once_are_not_confused(server: Server, reach: Callable[..., Call]) -> None:
    calls = {1: known(reach(FIRST)), 2: known(reach(SECOND))}
    expected = {number: [b"%d" % number * (500 + 700 * turn) for turn in range(5)] for number in calls}
    answers: dict[int, list[bytes]] = {}

    def talk(number: int) -> None:
        answers[number] = [say(calls[number], message) for message in expected[number]]

    threads = [threading.Thread(target=talk, args=(number,)) for number in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == expected


def test_a_long_message_goes_both_ways(server: Server, reach: Callable[..., Call]) -> None:
    """Hundreds of notifications in one go, too: dbus-fast would give up a socket that is full."""
    message = bytes(range(256)) * 400
    assert say(known(reach()), message) == message


@pytest.mark.parametrize("mtu", [23, 185])
def test_small_packets_are_enough(server: Server, reach: Callable[..., Call], radio: Radio, mtu: int) -> None:
    radio.set_mtu(FIRST, mtu)
    assert say(known(reach()), b"m" * 3000) == b"m" * 3000
    assert radio.packets(PROFILE.inbound) > 3000 // gatt.value_size(mtu)


def test_a_client_may_leave_the_cutting_to_its_stack(
    server: Server, reach: Callable[..., Call], radio: Radio
) -> None:
    """A browser knows no MTU; it writes a long value as ATT's long write, and the server hears of one."""
    radio.set_mtu(FIRST, 23)
    call = known(reach())
    chunk = bytes([LAST]) + b"m" * (gatt.LARGEST_VALUE - 1)
    call._thread.run(call._connection.write(PROFILE.inbound, chunk))  # type: ignore[union-attr]
    assert call.receive(30.0) == chunk[1:]


@pytest.mark.parametrize("mishap", [Mishap.LOST_BEFORE, Mishap.LOST_AFTER])
def test_a_link_that_drops_at_a_chunk_loses_that_message_alone(
    server: Server, reach: Callable[..., Call], radio: Radio, host: Host, mishap: Mishap
) -> None:
    call = known(reach())
    radio.arm(Fault(mishap, PROFILE.inbound, 3))
    with pytest.raises(BluetoothError):
        call.send(b"m" * 2100)  # five chunks
    assert not radio.faults_waiting
    assert host.left.get(timeout=30)
    call.close()
    assert say(known(reach()), b"m" * 2100) == b"m" * 2100


def test_a_link_that_drops_at_a_notification_is_noticed(
    server: Server, reach: Callable[..., Call], radio: Radio
) -> None:
    call = known(reach())
    radio.arm(Fault(Mishap.LOST_BEFORE, PROFILE.outbound, 3))
    with pytest.raises(LinkLostError, match="lost"):
        say(call, b"m" * 2100)
    call.close()
    assert say(known(reach()), b"hello") == b"hello"


def test_a_slow_air_is_only_slow(server: Server, reach: Callable[..., Call], radio: Radio) -> None:
    call = known(reach())
    radio.slow(0.05)
    assert say(call, b"m" * 2100) == b"m" * 2100


@pytest.mark.parametrize("uuid", [PROFILE.inbound, PROFILE.outbound])
def test_a_repeated_chunk_is_for_whoever_reads_the_message(
    server: Server, reach: Callable[..., Call], radio: Radio, uuid: str
) -> None:
    """See contracts.framing: here it makes a longer message."""
    call = known(reach())
    radio.arm(Fault(Mishap.TWICE, uuid, 2))
    assert len(say(call, b"m" * 2100)) > 2100


def test_a_stranger_can_neither_fill_memory_nor_time(
    server: Server, reach: Callable[..., Call], host: Host
) -> None:
    call = reach()
    with pytest.raises(GattError) as caught:
        call.send(bytes(PATIENCE.greeting + 1))
    assert refusal_words(caught.value.code) == "too long"
    with pytest.raises(LinkLostError, match="ended the session: too slow"):
        call.receive(30.0)
    assert host.left.get(timeout=30) == "the session is over"
    assert host.count == 1


def test_who_connects_and_says_nothing_is_shown_out(
    server: Server, radio: Radio, reach: Callable[..., Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = reach()
    monkeypatch.setattr(hall, "STRANGER_SECONDS", 0.5)
    call._thread.run(call._connection.write(PROFILE.state, gatt.END))  # type: ignore[union-attr]
    with pytest.raises(LinkLostError, match="lost"):
        call.receive(30.0)


def test_who_is_called_from_here_is_none_of_the_strangers(
    radio: Radio, host: Host, reach: Callable[..., Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kiosk's own gateway, on the adapter that phones connect to."""
    monkeypatch.setattr(hall, "STRANGER_SECONDS", 0.1)
    called = Called()
    with on_air(host.server()), on_air(host.server(adapter=FIRST, spare=called)):
        caller = Caller(PROFILE, FIRST, called)
        call = known(caller.call(next(caller.seen(30.0)), Conversation(PROFILE.longest_message)))
        assert len(called._paths) == 1
        assert call.receive(3 * hall.LOOK_SECONDS) is None
        assert say(call, b"still here") == b"still here"
        call.close()
        assert not called._paths
        caller.close()


def test_there_is_room_for_so_many_and_no_more(radio: Radio, host: Host, reach: Callable[..., Call]) -> None:
    with on_air(host.server(patience=Patience(sessions=1))):
        first = known(reach(FIRST))
        with pytest.raises(GattError) as caught:
            reach(SECOND)
        assert refusal_words(caught.value.code) == "busy"
        first.close()
        host.left.get(timeout=30)
        known(reach(SECOND))


def test_the_server_can_say_why_it_shows_a_client_out(server: Server, reach: Callable[..., Call]) -> None:
    call = reach()
    call.send(b"out")
    with pytest.raises(LinkLostError, match="ended the session: unknown peer"):
        call.receive(30.0)
    call.close()
    call.close()


def test_a_client_that_walks_away_may_come_back(
    server: Server, reach: Callable[..., Call], host: Host, radio: Radio
) -> None:
    call = known(reach())
    radio.disconnect(FIRST)
    with pytest.raises(LinkLostError, match="lost"):
        call.receive(30.0)
    assert host.left.get(timeout=30)
    known(reach())


def test_a_process_that_died_leaves_no_connection_behind(
    server: Server, reach: Callable[..., Call], radio: Radio
) -> None:
    """BlueZ keeps it up; a peripheral that is still connected would be found by nobody."""
    dead = known(reach())
    dead._thread._loop.call_soon_threadsafe(dead._thread._loop.stop)  # without a word to anybody
    known(reach())


def test_a_server_that_comes_back_ends_what_was_left_connected(
    radio: Radio, host: Host, reach: Callable[..., Call]
) -> None:
    with on_air(host.server()):
        call = known(reach())
    with pytest.raises(LinkLostError):
        call.receive(30.0)
    with on_air(host.server()):
        known(reach())


def test_a_busy_bluetoothd_is_asked_again_a_few_times(
    radio: Radio, host: Host, reach: Callable[..., Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.bluetooth.bluez.RETRY_SECONDS", 0.01)
    radio.busy("RegisterApplication", 4)
    with on_air(host.server()):
        known(reach())
    radio.busy("RegisterApplication", 10**6)
    server = host.server()
    server.start()
    until(lambda: server.problem == "bluetoothd: Operation already in progress")
    server.stop()


def test_a_server_of_another_version_is_refused_before_a_word_is_said(
    radio: Radio, host: Host, reach: Callable[..., Call]
) -> None:
    with (
        on_air(host.server(Limits(2, 3, 1000))),
        pytest.raises(Exception, match="speaks versions 2 to 3"),
    ):
        reach()
    assert host.count == 0


def test_nobody_there_is_one_line(reach: Callable[..., Call]) -> None:
    with pytest.raises(NotFoundError, match=f"nothing within reach offered the service {PROFILE.service}"):
        reach(seconds=0.2)


def test_no_adapter_says_what_to_do(reach: Callable[..., Call], radio: Radio) -> None:
    with pytest.raises(NoBluetoothError, match="there is no Bluetooth adapter hci7; `bluetoothctl list`"):
        reach("hci7")
    radio.power(FIRST, on=False)
    with pytest.raises(NoBluetoothError, match="is switched off; switch it on: rfkill unblock"):
        reach()
    radio.fall()
    with pytest.raises(NoBluetoothError, match="bluetoothd does not run; start it: systemctl start"):
        reach()


def test_no_system_bus_is_one_line(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
    server = host.server()
    server.start()
    until(lambda: "there is no system D-Bus here" in server.problem)
    server.stop()


@pytest.mark.parametrize("how", ["unplugged", "switched off", "bluetoothd ended"])
def test_the_server_comes_back_when_there_is_an_adapter_again(
    radio: Radio, host: Host, reach: Callable[..., Call], how: str
) -> None:
    away, back = {
        "unplugged": (lambda: radio.unplug(SERVER), lambda: radio.plug(SERVER)),
        "switched off": (lambda: radio.power(SERVER, on=False), lambda: radio.power(SERVER, on=True)),
        "bluetoothd ended": (radio.fall, radio.rise),
    }[how]
    with on_air(host.server()) as server:
        call = known(reach())
        away()
        until(lambda: not server.on_air)
        with pytest.raises(LinkLostError):
            call.receive(30.0)
        back()
        until(lambda: server.on_air)
        known(reach())
