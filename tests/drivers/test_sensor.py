"""From the port to the image, with a sensor that has a bad day: the right image or a clear error."""

import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import (
    CaptureCancelledError,
    CommandRefusedError,
    ImageSizeError,
    LinkLostError,
    NoFingerError,
    NoSuchPortError,
    NotASensorError,
    PortUnavailableError,
    SensorError,
    SensorFaultError,
    SensorLockedError,
    SilentSensorError,
    TemplatesStoredError,
    UploadError,
)
from drivers.opening import open_sensor
from drivers.timing import Deadlines
from tests.drivers.fake import (
    ACK,
    MARK,
    FakeModule,
    Handler,
    ack,
    answers,
    data_packets,
    flip,
    frame,
    parameters,
    product,
    r307,
    random_image,
    silent,
    unpacked,
)

BRISK = Deadlines(capture=0.3, answer=0.3, idle=0.4, quiet=0.02)
"""Answers are not long waited for; but a busy machine may stall the fake in the middle of an image."""
Change = Callable[[list[bytes]], list[bytes]]


def url(fake: FakeModule) -> str:
    return f"serial:{fake.path}?baud=57600"


def spoilt(change: Change) -> Handler:
    """UpImage, its data packets changed on their way."""
    return lambda me, _: me.send(ack(0), *change(data_packets(me.image)))


def capture(fake: FakeModule) -> tuple[bytes, int]:
    """The pixels of one capture, and the uploads that it took."""
    with open_sensor(url(fake), deadlines=BRISK) as sensor, sensor.capture(finger_timeout=5) as image:
        assert image.transfer is not None
        return bytes(image.pixels), image.transfer.attempts


# Which sensor it is


def test_an_r503_tells_its_own_size() -> None:
    with FakeModule() as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        info = sensor.info
        assert (info.model, info.width, info.height, info.dpi) == ("R503", 192, 192, 508)
        assert (info.baud, info.packet_size, info.templates_stored, info.serial) == (57600, 128, 0, "00042")
        assert fake.seen == [0x13, 0x0F, 0x1D, 0x40, 0x36, 0x3C]


def test_an_r307_is_known_by_its_system_id_and_asked_nothing_more() -> None:
    with r307() as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        info = sensor.info
        assert (info.model, info.width, info.height, info.dpi) == ("R307", 256, 288, 500)
        assert fake.seen == [0x13, 0x0F, 0x1D]


def test_a_module_without_handshake_that_knows_the_old_echo_is_an_r307() -> None:
    fake = r307(system_id=0, handlers={0x40: answers(ack(1)), 0x53: answers(ack(0x55))})
    with fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        assert sensor.info.model == "R307"


def test_an_unknown_command_may_be_met_with_silence() -> None:
    fake = r307(system_id=0, handlers={0x40: silent, 0x53: answers(ack(0x55))})
    with fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        assert sensor.info.model == "R307"


@pytest.mark.parametrize(
    "answer", [answers(ack(0xFC)), answers(ack(0, product(0, 0)))], ids=["none", "absurd"]
)
def test_an_r503_without_a_usable_description_has_its_models_size(answer: Handler) -> None:
    with FakeModule(handlers={0x3C: answer}) as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        assert (sensor.info.width, sensor.info.height, sensor.info.serial) == (192, 192, None)


@pytest.mark.parametrize("baud", [57600, 115200, 9600])
def test_the_rate_is_found_by_trying(baud: int) -> None:
    with FakeModule(baud=baud) as fake, open_sensor(f"serial:{fake.path}", deadlines=BRISK) as sensor:
        assert sensor.info.baud == baud


def test_the_baud_field_is_not_believed() -> None:
    fake = FakeModule(handlers={0x0F: answers(ack(0, parameters(baud=12)))})
    with fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        assert sensor.info.baud == 57600


@pytest.mark.parametrize(
    "waiting", [b"\x55", b"\x55\x55", MARK, ack(0)[:11], ack(0x13), b"U-Boot 2026.01\r\n"], ids=bytes.hex
)
def test_what_lies_waiting_when_the_port_is_opened_does_no_harm(waiting: bytes) -> None:
    with FakeModule() as fake:
        fake.send(waiting)
        assert capture(fake)[0] == unpacked(fake.image)


# A port that is no sensor, or one not fit for use


def test_no_such_port() -> None:
    with pytest.raises(NoSuchPortError, match="there is no serial port /dev/ttyNONE"):
        open_sensor("serial:/dev/ttyNONE")


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", Path("/dev/null")):
        with pytest.raises(NoSuchPortError, match="not a serial port"):
            open_sensor(f"serial:{path}")


def test_a_port_in_use_is_refused_and_its_user_not_disturbed() -> None:
    with FakeModule() as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        with pytest.raises(PortUnavailableError, match="in use by another program"):
            open_sensor(url(fake))
        with sensor.capture() as image:
            assert bytes(image.pixels) == unpacked(fake.image)
    assert PortUnavailableError.exit_code == 69


def test_silence() -> None:
    fake = FakeModule()
    fake.handlers.clear()
    with fake, pytest.raises(SilentSensorError, match="TX and RX"):
        open_sensor(url(fake), deadlines=BRISK)


def chatter(me: FakeModule, _arguments: bytes) -> None:
    me.send(b"$GPGGA,092750.000,5321.6802,N,00630.3372,W\r\n")


def echo(me: FakeModule, arguments: bytes) -> None:
    me.send(frame(1, b"\x13" + arguments))


@pytest.mark.parametrize("device", [chatter, echo], ids=["another device", "TX and RX joined"])
def test_what_speaks_another_language_is_no_sensor(device: Handler) -> None:
    with FakeModule(handlers={0x13: device}) as fake, pytest.raises(NotASensorError, match="right port"):
        open_sensor(url(fake), deadlines=BRISK)


def test_a_device_that_never_stops_sending_is_no_sensor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.probing._IDLE_LIMIT", 0.5)

    def endless(me: FakeModule, _arguments: bytes) -> None:
        while not me._stop.is_set():
            me.send(b"console\r\n" * 10)

    with FakeModule(handlers={0x13: endless}) as fake, pytest.raises(NotASensorError, match="never stops"):
        open_sensor(url(fake), deadlines=BRISK)


def test_a_module_of_the_family_that_we_do_not_know() -> None:
    fake = FakeModule(system_id=5)
    fake.handlers |= {0x40: answers(ack(1)), 0x53: answers(ack(1))}
    with fake, pytest.raises(NotASensorError, match=r"0x0005.*neither an R307 nor an R503"):
        open_sensor(url(fake))


@pytest.mark.parametrize("stored", [1, 200])
def test_a_sensor_that_stores_templates_is_refused(stored: int) -> None:
    with FakeModule(templates=stored) as fake:
        with pytest.raises(TemplatesStoredError, match=f"stores {stored} fingerprint template"):
            open_sensor(url(fake))
        with open_sensor(url(fake), refuse_templates=False) as sensor:
            assert sensor.info.templates_stored == stored
            with pytest.raises(TemplatesStoredError):
                sensor.capture()
        assert 0x01 not in fake.seen


def test_a_sensor_with_a_password_of_its_own() -> None:
    with FakeModule(handlers={0x13: answers(ack(0x13))}) as fake:
        with pytest.raises(SensorLockedError, match="password"):
            open_sensor(url(fake))
        assert fake.seen == [0x13], "a password is never tried twice"


def test_a_sensor_that_reports_its_own_fault() -> None:
    with FakeModule(handlers={0x36: answers(ack(0x29))}) as fake, pytest.raises(SensorFaultError):
        open_sensor(url(fake))


def test_the_port_is_given_back_after_each_refusal() -> None:
    with FakeModule(templates=1) as fake:
        for _ in range(3):
            with pytest.raises(TemplatesStoredError):
                open_sensor(url(fake))


# The image


@pytest.mark.parametrize("make", [FakeModule, r307])
@pytest.mark.parametrize("packet_code", range(4))
def test_the_image_comes_as_it_was_sent(make: Callable[..., FakeModule], packet_code: int) -> None:
    with make(packet_code=packet_code) as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        seen: list[tuple[int, int]] = []
        with sensor.capture(progress=lambda done, total: seen.append((done, total))) as image:
            assert bytes(image.pixels) == unpacked(fake.image)
            assert (image.width, image.height, image.dpi) == (fake.width, fake.height, sensor.info.dpi)
            assert image.transfer is not None
            assert image.transfer.packets == len(fake.image) // (32 << packet_code)
        size = len(fake.image)
        assert seen[0] == (0, size)
        assert seen[-1] == (size, size)
        assert seen == sorted(seen)


def test_white_pixels_that_look_like_headers_are_pixels() -> None:
    frame = MARK + b"\x07\x00\x03\x00\x00\x0a" + bytes(115)
    with FakeModule(image=b"".join(frame + bytes([number]) for number in range(144))) as fake:
        assert capture(fake) == (unpacked(fake.image), 1)


def test_the_finger_is_waited_for() -> None:
    with FakeModule(fingers=deque([2, 2, 3, 2, 7, 0x17, 0])) as fake:
        assert capture(fake) == (unpacked(fake.image), 1)
        assert fake.seen.count(0x01) == 7


SPOILT: dict[str, Change] = {
    "bit flipped in a payload": lambda p: [*p[:50], flip(p[50], 60), *p[51:]],
    "bit flipped in a header": lambda p: [*p[:50], flip(p[50], 1), *p[51:]],
    "bit flipped in an address": lambda p: [*p[:50], flip(p[50], 4), *p[51:]],
    "bit flipped in a kind": lambda p: [*p[:50], flip(p[50], 6, 3), *p[51:]],
    "bit flipped in a length": lambda p: [*p[:50], flip(p[50], 8), *p[51:]],
    "bit flipped in a checksum": lambda p: [*p[:50], flip(p[50], -1), *p[51:]],
    "packet lost": lambda p: p[:50] + p[51:],
    "first packet lost": lambda p: p[1:],
    "last packet lost": lambda p: p[:-1],
    "all packets lost": lambda p: [],
    "packet sent twice": lambda p: [*p[:50], p[50], *p[50:]],
    "byte lost": lambda p: [*p[:50], p[50][:30] + p[50][31:], *p[51:]],
    "byte lost from the last packet": lambda p: [*p[:-1], p[-1][:-1]],
    "byte added between packets": lambda p: [*p[:50], b"\x00", *p[50:]],
    "broken off in mid packet": lambda p: [*p[:50], p[50][:40]],
    "marked as last too early": lambda p: p[:50] + data_packets(random_image(128, 5)),
    "goes on after the end": lambda p: data_packets(random_image(18432 + 128, 6)),
    "goes on after the end, unmarked": lambda p: data_packets(random_image(18432 + 128, 6), closed=False),
    "an answer in the middle": lambda p: [*p[:50], ack(0), *p[50:]],
    "a length of zero": lambda p: [*p[:50], MARK + b"\x02\x00\x00", *p[50:]],
    "a length of 65535": lambda p: [*p[:50], MARK + b"\x02\xff\xff", *p[50:]],
    "boot text in the middle": lambda p: [*p[:50], b"Starting kernel ...\r\n", *p[50:]],
}


@pytest.mark.parametrize("change", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_upload_is_repeated_without_a_new_touch(change: Change) -> None:
    with FakeModule().then(0x0A, spoilt(change)) as fake:
        assert capture(fake) == (unpacked(fake.image), 2)
        assert fake.seen.count(0x01) == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (SPOILT["bit flipped in a payload"], UploadError),
        (SPOILT["broken off in mid packet"], UploadError),
        (SPOILT["packet lost"], ImageSizeError),
        (lambda p: data_packets(random_image(36864)), ImageSizeError),
        (lambda p: data_packets(random_image(12800)), ImageSizeError),
    ],
    ids=["always damaged", "always broken off", "always short", "an R307's image", "another sensor's image"],
)
def test_after_three_spoilt_uploads_there_is_an_error(change: Change, error: type[SensorError]) -> None:
    with FakeModule(handlers={0x0A: spoilt(change)}) as fake:
        with pytest.raises(error, match="3 t"):
            capture(fake)
        assert fake.seen.count(0x0A) == 3
        assert fake.seen.count(0x01) == 1


def swapped(packets: list[bytes]) -> list[bytes]:
    return [*packets[:50], packets[51], packets[50], *packets[52:]]


def test_packets_that_change_places_are_seen_only_by_asking_twice() -> None:
    with FakeModule() as fake, open_sensor(url(fake) + "&confirm=yes", deadlines=BRISK) as sensor:
        fake.then(0x0A, spoilt(swapped))
        with sensor.capture() as image:
            assert bytes(image.pixels) == unpacked(fake.image)
        assert fake.seen.count(0x0A) == 3
    with FakeModule() as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        fake.then(0x0A, spoilt(swapped))
        with sensor.capture() as image:
            assert bytes(image.pixels) != unpacked(fake.image), "the protocol does not show it"


def test_an_image_that_is_never_the_same_is_an_error() -> None:
    def other(me: FakeModule, _arguments: bytes) -> None:
        me.send(ack(0), *data_packets(random_image(18432, len(me.seen))))

    fake = FakeModule(handlers={0x0A: other})
    with (
        fake,
        open_sensor(url(fake) + "&confirm=yes", deadlines=BRISK) as sensor,
        pytest.raises(UploadError, match="differently"),
    ):
        sensor.capture()


def test_a_clone_that_never_marks_its_last_packet() -> None:
    fake = FakeModule(handlers={0x0A: spoilt(lambda p: [frame(2, packet[9:-2]) for packet in p])})
    with fake, open_sensor(url(fake), deadlines=BRISK) as sensor, sensor.capture() as image:
        assert bytes(image.pixels) == unpacked(fake.image)
        assert image.transfer is not None
        assert (image.transfer.attempts, image.transfer.closed) == (2, False)
        with sensor.capture() as image:
            assert image.transfer is not None
            assert image.transfer.attempts == 1, "it is known by now"


def test_a_packet_that_came_twice_in_place_of_another_is_noticed() -> None:
    for change in (lambda p: [*p[:50], p[50], *p[50:-1]], lambda p: [*p[:50], p[50], *p[50:70], *p[71:]]):
        with FakeModule().then(0x0A, spoilt(change)) as fake:
            assert capture(fake) == (unpacked(fake.image), 2)


def test_a_lost_answer_to_upimage_costs_one_upload() -> None:
    with FakeModule().then(0x0A, silent) as fake:
        assert capture(fake) == (unpacked(fake.image), 2)


def test_a_damaged_command_is_sent_again() -> None:
    fake = (
        FakeModule()
        .then(0x0A, answers(ack(0x01)))
        .then(0x01, answers(ack(0x01)))
        .then(0x1D, answers(ack(0x01)))
    )
    with fake:
        assert capture(fake) == (unpacked(fake.image), 2)


@pytest.mark.parametrize("code", [0x0F, 0x15])
def test_a_sensor_that_has_lost_its_image_takes_another(code: int) -> None:
    with FakeModule().then(0x0A, answers(ack(code))) as fake:
        assert capture(fake) == (unpacked(fake.image), 1)
        assert fake.seen.count(0x01) == 2


@pytest.mark.parametrize("code", [0x0F, 0x15, 0x19, 0xFE])
def test_a_sensor_that_cannot_send_its_image_is_an_error_with_the_code(code: int) -> None:
    with FakeModule(handlers={0x0A: answers(ack(code))}) as fake:
        with pytest.raises(CommandRefusedError, match=f"UP_IMAGE.*0x{code:02X}"):
            capture(fake)
        assert fake.seen.count(0x0A) <= 2


def reboots(me: FakeModule, _arguments: bytes) -> None:
    """UpImage, in the middle of which the power fails for a moment."""
    me.send(ack(0), *data_packets(me.image)[:40])
    me.reboot()


def asks_for_the_password(me: FakeModule, _arguments: bytes) -> None:
    me.must_verify = True
    me.send(ack(0x21))


@pytest.mark.parametrize("fault", [reboots, asks_for_the_password])
def test_after_a_reboot_in_mid_capture_the_finger_is_looked_at_again(fault: Handler) -> None:
    with FakeModule().then(0x0A, fault) as fake:
        assert capture(fake) == (unpacked(fake.image), 1)
        assert fake.seen.count(0x01) == 2
        assert fake.seen[: fake.seen.index(0x3D)].count(0x13) == 2


def test_a_reboot_while_waiting_for_the_finger_goes_unnoticed_by_the_person() -> None:
    fake = FakeModule(fingers=deque([2, 2, 0]))
    fake.then(0x01, answers(ack(2)), lambda me, _: me.reboot())
    with fake:
        assert capture(fake) == (unpacked(fake.image), 1)


def test_unplugged_in_mid_transfer() -> None:
    def pulled(me: FakeModule, _arguments: bytes) -> None:
        me.send(ack(0), *data_packets(me.image)[:50])
        me.unplug()

    with FakeModule().then(0x0A, pulled) as fake, pytest.raises(LinkLostError, match="unplugged"):
        capture(fake)


def test_unplugged_while_waiting_for_the_finger() -> None:
    fake = FakeModule(fingers=deque([2])).then(0x01, lambda me, _: me.unplug())
    with fake, pytest.raises(LinkLostError, match="unplugged"):
        capture(fake)


def test_no_finger_in_time() -> None:
    fake = FakeModule(fingers=deque([2]))
    with fake, open_sensor(url(fake), deadlines=BRISK) as sensor, pytest.raises(NoFingerError):
        sensor.capture(finger_timeout=0.2)


def test_a_wait_can_be_called_off() -> None:
    fake = FakeModule(fingers=deque([2]))
    with fake, open_sensor(url(fake), deadlines=BRISK) as sensor, pytest.raises(CaptureCancelledError):
        sensor.capture(cancelled=lambda: fake.seen.count(0x01) > 2)


def test_a_transfer_can_be_called_off_and_the_next_capture_is_right() -> None:
    with FakeModule() as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        with pytest.raises(CaptureCancelledError):
            sensor.capture(cancelled=lambda: 0x0A in fake.seen)
        fake.image = random_image(18432, 9)
        with sensor.capture() as image:
            assert bytes(image.pixels) == unpacked(fake.image)


def test_a_capture_broken_off_by_its_progress_leaves_the_link_in_order() -> None:
    def interrupt(done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with FakeModule() as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        with pytest.raises(KeyboardInterrupt):
            sensor.capture(progress=interrupt)
        with sensor.capture() as image:
            assert bytes(image.pixels) == unpacked(fake.image)


def test_the_finger_lifted() -> None:
    with FakeModule(fingers=deque([0, 0, 2])) as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        assert sensor.wait_lifted(5)
        assert fake.seen.count(0x01) == 3


def test_the_finger_not_lifted() -> None:
    with FakeModule() as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        assert not sensor.wait_lifted(0.1)
        with pytest.raises(CaptureCancelledError):
            sensor.wait_lifted(5, cancelled=lambda: True)


# What stays in memory


class Spy:
    """A progress that keeps hold of the buffer which the image is received into."""

    buffer: bytearray

    def __call__(self, done: int, _total: int) -> None:
        self.buffer = sys._getframe(1).f_locals["data"]
        self.filled = done


def test_the_packed_image_is_wiped_once_it_is_unpacked() -> None:
    with FakeModule() as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        spy = Spy()
        with sensor.capture(progress=spy) as image:
            assert spy.filled == len(spy.buffer)
            assert not any(spy.buffer)
            assert any(image.pixels)
        assert not any(image.pixels)


def test_a_half_received_image_is_wiped() -> None:
    spy = Spy()
    with FakeModule() as fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        fake.handlers[0x0A] = spoilt(SPOILT["broken off in mid packet"])
        with pytest.raises(UploadError):
            sensor.capture(progress=spy)
    assert spy.filled > 0
    assert not any(spy.buffer)


def test_no_error_shows_a_byte_of_the_image(caplog: pytest.LogCaptureFixture) -> None:
    bodies = b"".join(frame(ACK, b"\xab" * 128) for _ in range(3))
    with FakeModule(image=b"\xab" * 18432).then(0x0A, answers(ack(0), bodies)) as fake:
        assert capture(fake)[1] == 2
    assert "in the middle of an image" in caplog.text
    assert "ab" * 2 not in caplog.text.lower().replace("\\x", "")


# Kin


def without_parameters(**changes: object) -> FakeModule:
    """An R308: what it does not know, it calls a damaged packet."""
    handlers = {0x0F: answers(ack(1)), 0x14: answers(ack(0, b"\x12\x34\x56\x78"))}
    return r307(handlers=handlers, **changes)


def test_a_module_without_readsyspara_is_an_r308_and_has_another_barrier() -> None:
    late = ack(0)
    fake = without_parameters().then(0x0A, lambda me, _: me.send(ack(0), *data_packets(me.image)[:3]))
    with fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        assert (sensor.info.model, sensor.info.packet_size) == ("R308", 128)
        with sensor.capture() as image:
            assert bytes(image.pixels) == unpacked(fake.image)
        assert 0x14 in fake.seen
        fake.then(0x01, lambda me, _: None)
        fake.then(0x14, lambda me, _: me.send(late, ack(0, b"\x00\x00\x00\x01")))
        fake.fingers = deque([2])
        assert sensor.wait_lifted(1), "the late answer was taken for a finger"


def test_a_parameter_command_that_fails_otherwise_is_an_error() -> None:
    with r307(handlers={0x0F: answers(ack(0x19))}) as fake, pytest.raises(CommandRefusedError):
        open_sensor(url(fake))


def test_a_smaller_kin_is_known_by_its_image_which_must_come_so_twice() -> None:
    fake = FakeModule(width=160, height=160, handlers={0x3C: answers(ack(1))})
    with fake, open_sensor(url(fake), deadlines=BRISK) as sensor:
        for uploads in (3, 4):
            with sensor.capture() as image:
                assert (image.width, image.height) == (160, 160)
                assert bytes(image.pixels) == unpacked(fake.image)
            assert fake.seen.count(0x0A) == uploads
        assert sensor.info.model == "HLK ZW1xx"


def test_a_sensor_that_told_its_size_is_believed() -> None:
    fake = FakeModule(handlers={0x0A: spoilt(lambda p: data_packets(random_image(12800)))})
    with fake, pytest.raises(ImageSizeError):
        capture(fake)
