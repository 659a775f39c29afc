"""Messages heard side by side: in order within a lane, acknowledged in the order of their arrival."""

import threading
from collections.abc import Callable

import pytest

from drivers.mqtt.errors import ComeAgainError
from drivers.mqtt.hearing import Heard, Hearing

PATIENCE = 30  # seconds


class Ears:
    """A hearing, and all that it did."""

    def __init__(self, hear: Callable[[str, bytes], None]) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.acknowledged: list[int] = []
        self.lost: list[str] = []
        self.count = 0
        self.changed = threading.Condition()
        self._hear = hear
        self.hearing = Hearing(self.hear, lambda topic: topic, self.acknowledge, self.lose)

    def hear(self, message: Heard) -> None:
        self._hear(message.topic, message.payload)
        with self.changed:
            self.heard.append((message.topic, message.payload))

    def take(self, topic: str, payload: bytes) -> None:
        self.count += 1
        self.hearing.take(Heard(topic, payload, self.count, 1))

    def acknowledge(self, message: Heard) -> None:
        with self.changed:
            self.acknowledged.append(message.number)
            self.changed.notify_all()

    def lose(self, why: str) -> None:
        with self.changed:
            self.lost.append(why)
            self.changed.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE)


def test_lanes_run_side_by_side_and_each_keeps_its_order() -> None:
    meet = threading.Barrier(2, timeout=PATIENCE)  # broken unless two lanes are heard at a time
    gate = threading.Event()

    def hear(topic: str, payload: bytes) -> None:
        gate.wait(PATIENCE)
        if payload == b"0" and topic != "first":
            meet.wait()

    ears = Ears(hear)
    ears.take("first", b"0")
    for number in range(5):
        for topic in ("a", "b"):
            ears.take(topic, b"%d" % number)
    gate.set()
    ears.wait(lambda: len(ears.acknowledged) == 11)
    ears.hearing.close()
    assert ears.acknowledged == list(range(1, 12))
    for topic in ("a", "b"):
        assert [payload for of, payload in ears.heard if of == topic] == [b"%d" % n for n in range(5)]


def test_what_was_not_kept_and_all_after_it_stay_unacknowledged() -> None:
    gate = threading.Event()

    def hear(_: str, payload: bytes) -> None:
        gate.wait(PATIENCE)
        if payload == b"full":
            raise ComeAgainError("the disk is full")

    ears = Ears(hear)
    for topic, payload in [("a", b"1"), ("b", b"2"), ("a", b"full"), ("b", b"4"), ("a", b"5")]:
        ears.take(topic, payload)
    gate.set()
    ears.wait(lambda: bool(ears.lost))
    ears.take("b", b"6")
    ears.hearing.close()
    assert ears.lost == ["the disk is full"]
    assert ears.acknowledged == [1, 2]
    assert ("a", b"5") not in ears.heard, "its lane had stopped"


def test_a_message_that_cannot_be_coped_with_is_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    def hear(_: str, payload: bytes) -> None:
        if payload == b"odd":
            raise RuntimeError("a fault of ours")

    ears = Ears(hear)
    ears.take("a", b"odd")
    ears.take("a", b"even")
    ears.wait(lambda: len(ears.acknowledged) == 2)
    ears.hearing.close()
    assert "fault in hearing" in caplog.text


def test_closing_ends_it_whatever_waits() -> None:
    ears = Ears(lambda *_: None)
    ears.hearing.close()
    ears.take("a", b"late")
    assert ears.heard == []
