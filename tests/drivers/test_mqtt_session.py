"""The session against a scripted broker: what each answer does, byte by byte (MQTT 5 and 3.1.1)."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from drivers.mqtt.broker import Broker
from drivers.mqtt.connection import Connection
from drivers.mqtt.dial import Dial, Publication
from drivers.mqtt.errors import ComeAgainError, DownError, LostError, MqttError, NotTakenError
from drivers.mqtt.hearing import Heard, OnMessage
from drivers.mqtt.machine import Fault, Phase, Timing, Version
from drivers.mqtt.session import Manners, Session

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, DISCONNECT = 1, 3, 4, 8, 14
"""Types of packets (MQTT 5, section 2.1.2)."""

IMPATIENT = Timing(first=0.05, longest=0.2, refused=0.2, version=0.5, answer=2.0)
PATIENCE = 20


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.01)


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    assert len(body) < 128
    return bytes([kind << 4 | flags, len(body)]) + body


def connack(reason: int = 0, properties: bytes = b"", *, is_5: bool = True) -> bytes:
    return packet(2, bytes([0, reason]) + (bytes([len(properties)]) + properties if is_5 else b""))


@dataclass
class Script:
    """How the broker answers.

    Attributes:
        accept: to a CONNECT of MQTT 5; None to stay silent, empty to hang up.
        old: to a CONNECT of 3.1.1.
        granted: reason code of a subscription.
        puback: reason code of a publish; None for no answer.
    """

    accept: bytes | None = connack()
    old: bytes | None = connack(is_5=False)
    granted: int = 1
    puback: int | None = 0


@dataclass
class ScriptedBroker:
    script: Script
    got: "queue.Queue[tuple[int, bytes]]" = field(default_factory=queue.Queue)
    wires: list[socket.socket] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            self.wires.append(wire)
            threading.Thread(target=self.converse, args=(wire,), daemon=True).start()

    def converse(self, wire: socket.socket) -> None:
        try:
            with wire, wire.makefile("rb") as stream:
                is_5 = False
                while head := stream.read(2):
                    length, shift = head[1] & 127, 7
                    more = head[1]
                    while more & 128:
                        more = stream.read(1)[0]
                        length |= (more & 127) << shift
                        shift += 7
                    body = stream.read(length)
                    kind = head[0] >> 4
                    self.got.put((kind, body))
                    if kind == CONNECT:
                        is_5 = body[6] == 5
                        answer = self.script.accept if is_5 else self.script.old
                        if answer == b"":
                            return
                        wire.sendall(answer or b"")
                    elif kind == SUBSCRIBE:
                        middle = b"\0" if is_5 else b""
                        wire.sendall(packet(9, body[:2] + middle + bytes([self.script.granted])))
                    elif kind == PUBLISH and self.script.puback is not None:
                        self.acknowledge(wire, body, is_5=is_5)
        except OSError:
            pass

    def acknowledge(self, wire: socket.socket, body: bytes, *, is_5: bool) -> None:
        number = body[2 + body[1] :][:2]
        wire.sendall(packet(PUBACK, number + (bytes([self.script.puback or 0]) if is_5 else b"")))

    def of_kind(self, kind: int) -> bytes:
        """The next packet of a kind."""
        while True:
            found, body = self.got.get(timeout=PATIENCE)
            if found == kind:
                return body


@contextmanager
def broker(script: Script) -> Iterator[tuple[ScriptedBroker, Broker]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scripted = ScriptedBroker(script)
        thread = threading.Thread(target=scripted.serve, args=(listener,), daemon=True)
        thread.start()
        yield scripted, Broker("127.0.0.1", listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        for wire in scripted.wires:
            wire.close()


@contextmanager
def session(at: Broker, hear: OnMessage = lambda _: None, **more: object) -> Iterator[Session]:
    dial = Dial(at, "me", ["a/b"], session_seconds=3600, largest_packet=1000)
    running = Session(dial, hear, timing=IMPATIENT, **more)  # type: ignore[arg-type]
    running.start()
    try:
        yield running
    finally:
        running.stop()


def failed(running: Session) -> bool:
    return running.state.phase in (Phase.DOWN, Phase.REFUSED)


def test_the_connect_says_what_we_take_and_for_how_long() -> None:
    with broker(Script()) as (scripted, at), session(at) as running:
        until(lambda: running.is_up)
        connect = scripted.of_kind(CONNECT)
    assert connect[:7] == b"\0\4MQTT\5"
    assert connect[7] & 2 == 0  # not a clean start
    assert b"\x11" + (3600).to_bytes(4) in connect  # session expiry interval
    assert b"\x21" + (100).to_bytes(2) in connect  # receive maximum
    assert b"\x27" + (1000).to_bytes(4) in connect  # maximum packet size


@pytest.mark.parametrize("silence", [None, b"", connack(0x84)], ids=["silent", "hangs up", "says so"])
def test_a_broker_that_does_not_know_5_is_asked_in_3_1_1(silence: bytes | None) -> None:
    with broker(Script(accept=silence)) as (scripted, at), session(at) as running:
        until(lambda: running.is_up)
        assert running.state.version is Version.V311
        assert scripted.of_kind(CONNECT)[6] == 5
        assert scripted.of_kind(CONNECT)[6] == 4


@pytest.mark.parametrize(
    ("reason", "phase", "fault"),
    [
        (0x85, Phase.REFUSED, Fault.IDENTITY),
        (0x86, Phase.REFUSED, Fault.IDENTITY),
        (0x87, Phase.REFUSED, Fault.PERMISSION),
        (0x8A, Phase.REFUSED, Fault.PERMISSION),
        (0x8C, Phase.REFUSED, Fault.IDENTITY),
        (0x88, Phase.DOWN, Fault.LOST),
        (0x89, Phase.DOWN, Fault.LOST),
    ],
    ids=["85", "86", "87", "8a", "8c", "88", "89"],
)
def test_a_refusal_is_told_from_a_broker_that_is_busy(reason: int, phase: Phase, fault: Fault) -> None:
    with broker(Script(accept=connack(reason))) as (_, at), session(at) as running:
        until(lambda: failed(running))
        assert running.state.failure is not None
        assert (running.state.phase, running.state.failure.fault) == (phase, fault)


def test_a_refused_subscription_is_a_refusal() -> None:
    with broker(Script(granted=0x87)) as (_, at), session(at) as running:
        until(lambda: failed(running))
        assert running.state.phase is Phase.REFUSED
        assert "a/b: Not authorized" in str(running.state.failure)


def test_a_refused_publish_is_not_taken_for_a_good_one() -> None:
    with broker(Script(puback=0x87)) as (_, at), session(at) as running:
        until(lambda: running.is_up)
        with pytest.raises(NotTakenError, match="Not authorized"):
            running.publish(Publication("a/b", b"x"))


def test_a_publish_without_an_answer_is_given_up_in_words() -> None:
    with broker(Script(puback=None)) as (_, at), session(at) as running:
        until(lambda: running.is_up)
        with pytest.raises(NotTakenError, match="did not acknowledge within 2 s"):
            running.publish(Publication("a/b", b"x"))


def test_what_was_given_up_before_it_left_does_not_leave_later() -> None:
    """Its sender has gone on by then, and may have sent it another way."""
    one = connack(properties=b"\x21" + (1).to_bytes(2))
    with broker(Script(accept=one, puback=None)) as (scripted, at), session(at) as running:
        until(lambda: running.is_up)
        running.offer(Publication("a/b", b"in the way"))
        first = scripted.of_kind(PUBLISH)
        with pytest.raises(NotTakenError, match="did not acknowledge"):
            running.publish(Publication("a/b", b"late"))
        running.offer(Publication("a/b", b"next"))
        scripted.acknowledge(scripted.wires[-1], first, is_5=True)
        assert b"next" in scripted.of_kind(PUBLISH)


def test_a_message_that_the_broker_would_choke_on_is_not_sent() -> None:
    """It would end the connection, and again after each reconnection."""
    limit = connack(properties=b"\x27" + (100).to_bytes(4))
    with broker(Script(accept=limit)) as (scripted, at), session(at) as running:
        until(lambda: running.is_up)
        with pytest.raises(NotTakenError, match="takes 100"):
            running.publish(Publication("a/b", bytes(100)))
        running.publish(Publication("a/b", b"short"))
        assert b"short" in scripted.of_kind(PUBLISH)
        assert running.is_up


def test_no_more_is_under_way_than_the_broker_takes() -> None:
    few = connack(properties=b"\x21" + (2).to_bytes(2))
    with broker(Script(accept=few, puback=None)) as (scripted, at), session(at) as running:
        until(lambda: running.is_up)
        for number in range(5):
            running.offer(Publication("a/b", bytes([number])))
        first, second = scripted.of_kind(PUBLISH), scripted.of_kind(PUBLISH)
        time.sleep(0.2)
        assert scripted.got.empty()
        scripted.script.puback = 0
        scripted.acknowledge(scripted.wires[-1], first, is_5=True)
        assert scripted.of_kind(PUBLISH)[-1] == 2
        assert second[-1] == 1


def test_a_lost_connection_is_told_from_one_that_never_was_and_offers_go_out_again() -> None:
    with broker(Script(puback=None)) as (scripted, at), session(at) as running:
        until(lambda: running.is_up)
        running.offer(Publication("a/b", b"lasting"))
        assert b"lasting" in scripted.of_kind(PUBLISH)
        errors: queue.Queue[MqttError] = queue.Queue()

        def publish() -> None:
            try:
                running.publish(Publication("a/b", b"fleeting"))
            except MqttError as error:
                errors.put(error)

        thread = threading.Thread(target=publish)
        thread.start()
        assert b"fleeting" in scripted.of_kind(PUBLISH)
        scripted.wires[-1].shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        assert isinstance(errors.get(timeout=PATIENCE), LostError)
        assert b"lasting" in scripted.of_kind(PUBLISH)
    with pytest.raises(DownError):
        running.publish(Publication("a/b", b"x"))


def test_another_with_our_name_is_said_so() -> None:
    with broker(Script()) as (scripted, at), session(at) as running:
        until(lambda: running.is_up)
        seen: list[str] = []
        scripted.wires[-1].sendall(packet(DISCONNECT, b"\x8e\0"))
        until(lambda: running.state.failure and seen.append(running.state.failure.text) is None)
        assert "Session taken over" in seen[0]


def test_what_could_not_be_kept_is_not_acknowledged() -> None:
    refused = threading.Event()

    def hear(message: Heard) -> None:
        if message.payload == b"bad":
            raise ZeroDivisionError
        refused.set()
        raise ComeAgainError("no room")

    with broker(Script()) as (scripted, at), session(at, hear) as running:
        until(lambda: running.is_up)
        scripted.wires[-1].sendall(packet(PUBLISH, b"\0\3a/b\0\7\0bad", flags=2))
        assert scripted.of_kind(PUBACK)[:2] == b"\0\7"  # a fault of ours must not come again and again
        scripted.wires[-1].sendall(packet(PUBLISH, b"\0\3a/b\0\x08\0good", flags=2))
        assert refused.wait(PATIENCE)
        scripted.of_kind(CONNECT)  # given up, so that it comes again
        until(lambda: running.is_up)
        assert all(kind != PUBACK for kind, _ in list(scripted.got.queue))


def test_who_says_that_it_may_have_sent_a_message_before_is_heard() -> None:
    heard: queue.Queue[Heard] = queue.Queue()
    with broker(Script()) as (scripted, at), session(at, heard.put) as running:
        until(lambda: running.is_up)
        scripted.wires[-1].sendall(packet(PUBLISH, b"\0\3a/b\0\7\0news", flags=2))
        beside = b"\x26\0\5other\0\0011\x26\0\5again\0\0011"
        scripted.wires[-1].sendall(packet(PUBLISH, b"\0\3a/b\0\x08\x16" + beside + b"old", flags=2))
        messages = [heard.get(timeout=PATIENCE) for _ in range(2)]
        assert [(each.payload, each.again) for each in messages] == [(b"news", False), (b"old", True)]


def test_births_come_first_and_each_connection_has_its_own_will() -> None:
    numbers = iter(range(1, 100))

    def manners() -> Manners:
        number = next(numbers)
        will = Publication("s", b"death %d" % number, retain=True)
        return Manners(will, [Publication("s", b"birth %d" % number, retain=True)], [will])

    with broker(Script()) as (scripted, at):
        with session(at, manners=manners) as running:
            until(lambda: running.is_up)
            assert b"death 1" in scripted.of_kind(CONNECT)
            assert b"birth 1" in scripted.of_kind(PUBLISH)
            running.reconnect()
            assert b"death 2" in scripted.of_kind(CONNECT)
            assert b"birth 2" in scripted.of_kind(PUBLISH)
            until(lambda: running.is_up)
        assert b"death 2" in scripted.of_kind(PUBLISH)
        assert scripted.of_kind(DISCONNECT) is not None


def test_a_resend_says_so_beside_the_message() -> None:
    with broker(Script()) as (scripted, at), session(at) as running:
        until(lambda: running.is_up)
        running.publish(Publication("a/b", b"x", again=True))
        assert b"\x26\0\5again\0\0011" in scripted.of_kind(PUBLISH)
        running.publish(Publication("a/b", b"x"))
        assert b"again" not in scripted.of_kind(PUBLISH)


# Faults that nobody foresaw


class UnforeseenError(Exception):
    """Of no kind that anybody expects; its text has a part of a message."""


def is_taken(running: Session) -> bool:
    """Whether a message arrives now; at once after a fault the connection may be on its way down."""
    try:
        running.publish(Publication("a/b", b"all is well"))
    except MqttError:
        return False
    return True


def failing(times: int, then: Callable[..., object]) -> Callable[..., object]:
    """Raises so many times, and does what it should from then on."""
    left = iter(range(times))

    def call(*arguments: object, **more: object) -> object:
        if next(left, None) is not None:
            raise UnforeseenError("a secret")
        return then(*arguments, **more)

    return call


@pytest.mark.parametrize("at_fault", ["__init__", "open", "subscribe", "close"])
def test_a_fault_in_a_connection_costs_that_connection(
    at_fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Connection, at_fault, failing(1, getattr(Connection, at_fault)))
    with broker(Script()) as (scripted, at), session(at) as running:
        if at_fault == "close":
            until(lambda: running.is_up)
            scripted.wires[0].shutdown(socket.SHUT_RDWR)
            until(lambda: not running.is_up)
        until(lambda: is_taken(running))
    assert "UnforeseenError at " in caplog.text
    assert "a secret" not in caplog.text


def test_a_message_that_cannot_be_sent_is_dropped_and_its_sender_knows(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Connection, "publish", failing(1, Connection.publish))
    with broker(Script()) as (_, at), session(at) as running:
        until(lambda: running.is_up)
        with pytest.raises(NotTakenError, match="cannot be sent: UnforeseenError"):
            running.publish(Publication("a/b", b"a secret"))
        until(lambda: is_taken(running))
    assert "a secret" not in caplog.text


def test_a_fault_in_whoever_is_told_or_asked_ends_no_session(caplog: pytest.LogCaptureFixture) -> None:
    more = {"changed": failing(100, lambda _: None), "manners": failing(2, Manners)}
    with broker(Script()) as (_, at), session(at, **more) as running:
        until(lambda: is_taken(running))
    assert "UnforeseenError at " in caplog.text


def test_a_fault_in_the_goodbye_keeps_nobody_from_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "farewell", failing(1, Connection.farewell))
    with broker(Script()) as (scripted, at), session(at) as running:
        until(lambda: running.is_up)
        running.stop()
        scripted.of_kind(DISCONNECT)
