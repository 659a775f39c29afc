"""No finger stays in the sensor (rule 7): how its image is removed, and how that is proved."""

import time
from collections import deque

import pytest
import serial

from drivers.errors import CaptureCancelledError, CommandRefusedError, DeadlineError, ScrubError
from drivers.exchange import Exchange
from drivers.image import Proof, Way
from drivers.link import Link
from drivers.opening import open_on, open_sensor
from drivers.sensor import Sensor
from drivers.timing import Clock, Deadlines
from drivers.wire import Wire
from tests.drivers.fake import FakeModule, ack, answers, data_packets, parameters, r307, silent, unpacked
from tests.drivers.memory import MemoryLink

BRISK = Deadlines(capture=0.3, answer=0.3, idle=0.4, quiet=0.02)
WHITE = b"\xff"


def opened(fake: FakeModule, idle_scrub: float | None = None) -> Sensor:
    return open_on(Link.open(fake.path, 57600), [57600], deadlines=BRISK, idle_scrub=idle_scrub)


def takes_images(fake: FakeModule) -> FakeModule:
    """A module that DownImage works on: it takes its answer for the whole."""

    def down(me: FakeModule, _arguments: bytes) -> None:
        me.send(ack(0))
        me.image = WHITE * len(me.image)

    fake.handlers[0x0B] = down
    return fake


def test_an_r503_is_reset_after_each_capture_and_its_status_proves_it() -> None:
    with FakeModule() as fake, opened(fake) as sensor, sensor.capture() as image:
        assert image.transfer is not None
        scrub = image.transfer.scrub
        assert scrub is not None
        assert (scrub.way, scrub.proof) == (Way.RESET, Proof.STATUS)
        assert bytes(image.pixels) == unpacked(fake.image)
        assert fake.seen[-4:] == [0x0F, 0x3D, 0x13, 0x0F]


def test_where_the_status_never_tells_of_an_image_a_refused_upload_is_the_proof() -> None:
    fake = FakeModule(handlers={0x0F: answers(ack(0, parameters(4)))})
    fake.then(0x0A, lambda me, _: me.send(ack(0), *data_packets(me.image)), answers(ack(0x0F)))
    with fake, opened(fake) as sensor, sensor.capture() as image:
        assert image.transfer is not None
        assert image.transfer.scrub is not None
        assert image.transfer.scrub.proof is Proof.REFUSED


@pytest.mark.parametrize("status", [4, 4 | 8], ids=["tells nothing", "still tells of one"])
def test_a_module_that_still_has_its_image_is_not_called_scrubbed(status: int) -> None:
    fake = FakeModule(handlers={0x0F: answers(ack(0, parameters(status)))})
    with fake, opened(fake) as sensor:
        with sensor.capture() as image:
            assert image.transfer is not None
            assert image.transfer.scrub is None
            assert bytes(image.pixels) == unpacked(fake.image)
        with sensor.capture() as image:
            assert bytes(image.pixels) == unpacked(fake.image)


@pytest.mark.parametrize("unknown", [answers(ack(1)), answers(ack(0xFC)), silent])
def test_a_module_that_knows_no_reset_gives_its_image_all_the_same_and_is_not_asked_for_ever(
    unknown: object,
) -> None:
    fake = r307()
    fake.handlers[0x3D] = unknown  # type: ignore[assignment]  # from the table
    with fake, opened(fake) as sensor:
        for _ in range(4):
            with sensor.capture() as image:
                assert image.transfer is not None
                assert image.transfer.scrub is None
        assert 1 <= fake.seen.count(0x3D) <= 2


def test_a_module_that_knows_no_reset_gets_a_blank_image_which_is_read_back() -> None:
    with takes_images(r307()) as fake, opened(fake) as sensor:
        sensor.capture().wipe()
        scrub = sensor.scrub()
        assert (scrub.way, scrub.proof) == (Way.BLANK, Proof.READ_BACK)


def test_a_blank_image_that_does_not_come_back_is_an_error() -> None:
    with r307(handlers={0x0B: answers(ack(0))}) as fake, opened(fake) as sensor:
        sensor.capture().wipe()
        with pytest.raises(ScrubError, match="unplug"):
            sensor.scrub()


def test_a_module_that_takes_no_image_is_an_error() -> None:
    with r307(handlers={0x0B: answers(ack(0x0E))}) as fake, opened(fake) as sensor:
        with pytest.raises(CommandRefusedError):
            sensor.scrub()
        sensor.capture().wipe()


def test_overwriting_can_be_called_off() -> None:
    with takes_images(r307()) as fake, opened(fake) as sensor:
        with pytest.raises(CaptureCancelledError):
            sensor.scrub(cancelled=lambda: True)
        sensor.capture().wipe()


def seen_in_time(fake: FakeModule, opcode: int) -> bool:
    until = time.monotonic() + 10
    while opcode not in fake.seen and time.monotonic() < until:
        time.sleep(0.02)
    return opcode in fake.seen


def test_a_sensor_left_alone_is_scrubbed_by_itself() -> None:
    with takes_images(r307()) as fake, opened(fake, idle_scrub=0.05) as sensor:
        sensor.capture().wipe()
        assert seen_in_time(fake, 0x0B)


def test_whoever_comes_meanwhile_does_not_wait_for_the_proof() -> None:
    def slowly(me: FakeModule, _arguments: bytes) -> None:
        time.sleep(0.2)
        me.send(ack(0))
        me.image = WHITE * len(me.image)

    with r307(handlers={0x0B: slowly}) as fake, opened(fake, idle_scrub=0.05) as sensor:
        sensor.capture().wipe()
        assert seen_in_time(fake, 0x0B)
        fake.fingers = deque([2])
        assert sensor.wait_lifted(1)
        after = fake.seen[fake.seen.index(0x0B) :]
        assert 0x01 in after
        assert 0x0A not in after


def test_what_somebody_left_in_the_sensor_is_removed_when_it_has_been_used() -> None:
    with FakeModule(status=4 | 8, fingers=deque([2])) as fake, opened(fake) as sensor:
        assert sensor.wait_lifted(1)
        assert 0x3D in fake.seen


def test_looking_for_the_finger_to_leave_takes_its_image_and_that_is_removed_too() -> None:
    with FakeModule(fingers=deque([0, 0, 2])) as fake, opened(fake) as sensor:
        sensor.capture().wipe()
        assert sensor.wait_lifted(5)
        assert fake.seen.count(0x3D) == 2
        assert not fake.status & 8


def test_nothing_is_done_once_the_sensor_is_closed() -> None:
    with takes_images(r307()) as fake:
        with opened(fake, idle_scrub=0.05) as sensor:
            sensor.capture().wipe()
            sensor._closed = True
        time.sleep(0.3)
        assert 0x0B not in fake.seen


def test_an_empty_look_needs_no_scrubbing() -> None:
    with FakeModule(fingers=deque([2])) as fake, open_sensor(f"serial:{fake.path}?baud=57600") as sensor:
        assert sensor.wait_lifted(1)
        assert 0x3D not in fake.seen


class CountedTime(Clock):
    seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += max(0.0, seconds)


def test_the_blank_image_is_handed_over_at_the_pace_of_the_line() -> None:
    class Watched(MemoryLink):
        clock = CountedTime()

        def write(self, packet: bytes) -> None:
            super().write(packet)
            ahead = len(self.written) * 10 / self.baud - self.clock.now()
            assert ahead < 0.1, "more is written than the line can carry: the kernel's buffer fills up"

    link = Watched()
    Exchange(Wire(link, BRISK)).send_image(WHITE * 36864, lambda: False)
    assert link.clock.now() == pytest.approx(len(link.written) * 10 / link.baud)
    assert len(link.written) == 36864 + 288 * 11


def test_a_port_that_takes_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(self: serial.Serial, data: bytes) -> None:
        raise serial.SerialTimeoutException("Write timeout")

    with FakeModule() as fake:
        link = Link.open(fake.path, 57600)
        monkeypatch.setattr(serial.Serial, "write", stuck)
        with pytest.raises(DeadlineError, match="takes no bytes"):
            link.write(b"x")
        link.close()
