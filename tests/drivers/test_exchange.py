"""One command, one answer: late, double, damaged and foreign answers (rules 1, 3 and 4)."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from drivers.codes import Code
from drivers.errors import (
    CommandRefusedError,
    DamagedPacketError,
    DeadlineError,
    NotASensorError,
    OutOfStepError,
    SensorRebootedError,
    SilentSensorError,
)
from drivers.exchange import Exchange
from drivers.link import Link
from drivers.module import Module
from drivers.timing import Deadlines
from drivers.wire import Wire
from tests.drivers.fake import FakeModule, ack, answers, data_packets, flip, frame, late, parameters, silent

NO_FINGER, FINGER = Code.NO_FINGER, Code.DONE


BRISK = Deadlines(capture=0.3, answer=0.3, quiet=0.02)
"""For tests in which it does not matter how long an answer may take."""


@contextmanager
def connected(fake: FakeModule, deadlines: Deadlines = BRISK) -> Iterator[Module]:
    """The driver's commands on a running fake, after the opening words."""
    with fake:
        module = Module(Exchange(Wire(Link.open(fake.path, 57600), deadlines)))
        try:
            module.verify_password()
            module.read_sysparam()
            yield module
        finally:
            module.close_uart()


@pytest.mark.parametrize("delay", [1.1, 1.4, 2.4])
def test_a_late_answer_never_answers_a_later_command(delay: float) -> None:
    fake = FakeModule(fingers=deque([NO_FINGER])).then(0x01, late(delay, ack(FINGER)))
    with connected(fake, Deadlines()) as module:
        with pytest.raises(DeadlineError):
            module.get_image()
        assert [module.get_image() for _ in range(3)] == [NO_FINGER] * 3


def test_a_late_answer_to_the_barriers_own_command_is_no_answer_to_the_next() -> None:
    fake = FakeModule(templates=7)
    with connected(fake) as module:
        fake.then(0x0F, late(0.5, ack(0, parameters())), late(0.1, ack(0, parameters())))
        with pytest.raises(DeadlineError):
            module.read_sysparam()
        module.count_templates()
        assert module.template_count == 7


def test_the_barrier_holds_against_an_answer_that_comes_twice() -> None:
    fake = FakeModule(fingers=deque([NO_FINGER])).then(0x01, answers(ack(FINGER), ack(FINGER)))
    with connected(fake) as module:
        assert module.get_image() == FINGER
        assert module.get_image() == NO_FINGER


def test_bytes_that_lie_waiting_are_flushed_before_each_command() -> None:
    fake = FakeModule(fingers=deque([NO_FINGER]))
    with connected(fake) as module:
        for stale in (ack(FINGER), b"boot text\r\n", b"\xef\x01\xff", ack(0)[:7]):
            fake.send(stale)
            assert module.get_image() == NO_FINGER


@pytest.mark.parametrize("noise", [b"\x00", b"\x55\x55", b"\xef", b"\xef\x01\xff\xff", b"login: \r\n" * 20])
def test_noise_before_an_answer_is_skipped(noise: bytes) -> None:
    fake = FakeModule().then(0x01, answers(noise, ack(NO_FINGER)))
    with connected(fake) as module:
        assert module.get_image() == NO_FINGER


@pytest.mark.parametrize("at", [0, 2, 6, 7, 8, 9, 11])
def test_an_answer_with_a_flipped_bit_is_not_believed(at: int) -> None:
    fake = FakeModule(fingers=deque([NO_FINGER])).then(0x01, answers(flip(ack(FINGER), at)))
    with connected(fake) as module:
        with pytest.raises((DamagedPacketError, DeadlineError)):
            module.get_image()
        assert module.get_image() == NO_FINGER


@pytest.mark.parametrize(
    "foreign",
    [
        ack(0, b"\0\0"),
        ack(0, parameters()),
        frame(2, b"\0"),
        frame(8, bytes(128)),
        frame(1, b"\x01"),
        ack(2, b"\0"),
    ],
    ids=["TempleteNum's", "ReadSysPara's", "data", "last data", "our own echo", "too long"],
)
def test_an_answer_of_the_wrong_shape_is_no_answer(foreign: bytes) -> None:
    fake = FakeModule(fingers=deque([NO_FINGER])).then(0x01, answers(foreign))
    with connected(fake) as module:
        with pytest.raises(OutOfStepError):
            module.get_image()
        assert module.get_image() == NO_FINGER


def test_an_image_that_nobody_waits_for_any_more_disturbs_nothing() -> None:
    fake = FakeModule(templates=3)
    with connected(fake) as module:
        module.exchange.ask(0x0A)
        module.exchange.answer()  # and off: 18432 bytes are on their way
        module.count_templates()
        assert module.template_count == 3


def test_the_barrier_waits_for_the_end_of_an_image_that_trickles_in() -> None:
    def slowly(me: FakeModule, _arguments: bytes) -> None:
        me.send(ack(0))
        for packet in data_packets(me.image):
            time.sleep(0.01)
            me.send(packet)

    fake = FakeModule(templates=3).then(0x0A, slowly)
    with connected(fake) as module:
        module.exchange.ask(0x0A)
        module.exchange.answer()
        module.count_templates()
        assert module.template_count == 3
        assert fake.seen.count(0x0F) == 2, "the barrier's command was sent into the image"


def test_the_barrier_waits_out_the_longest_operation() -> None:
    fake = FakeModule(templates=3).then(0x1D, late(1.2, ack(0, b"\0\x63")))
    with connected(fake, Deadlines()) as module:
        with pytest.raises(DeadlineError):
            module.count_templates()
        module.count_templates()
        assert module.template_count == 3
        assert fake.seen.count(0x0F) == 2


def test_the_barrier_waits_for_the_answers_to_all_its_tries() -> None:
    fake = FakeModule(fingers=deque([NO_FINGER]))
    with connected(fake) as module:
        fake.then(0x01, silent)
        fake.then(0x0F, late(0.5, ack(0, parameters())), late(0.2, ack(0, parameters())))
        with pytest.raises(DeadlineError):
            module.get_image()
        assert module.get_image() == NO_FINGER


@pytest.mark.parametrize("code", [0x03, 0x07, 0x17])
def test_codes_of_normal_life_are_returned(code: int) -> None:
    with connected(FakeModule(fingers=deque([code]))) as module:
        assert module.get_image() == code


@pytest.mark.parametrize("code", [0x01, 0x19, 0x29, 0x35, 0x99, 0xFC, 0xFE])
def test_other_codes_are_errors_that_tell_the_number(code: int) -> None:
    with connected(FakeModule(fingers=deque([code]))) as module:
        with pytest.raises(CommandRefusedError, match=f"0x{code:02X}") as caught:
            module.get_image()
        assert (caught.value.opcode, caught.value.code) == (0x01, code)


def test_a_refusal_shorter_than_the_expected_answer_is_told_at_once() -> None:
    fake = FakeModule().then(0x1D, answers(ack(0x19)))
    with connected(fake) as module, pytest.raises(CommandRefusedError, match="0x19"):
        module.count_templates()


def test_a_wake_up_byte_means_that_the_sensor_has_rebooted() -> None:
    fake = FakeModule()
    with connected(fake) as module:
        fake.reboot()
        with pytest.raises(SensorRebootedError):
            module.get_image()
        module.verify_password()
        assert module.get_image() == FINGER


def test_a_demand_for_the_password_means_that_the_sensor_has_rebooted() -> None:
    fake = FakeModule()
    with connected(fake) as module:
        fake.must_verify = True
        with pytest.raises(SensorRebootedError):
            module.get_image()
        module.verify_password()
        assert module.get_image() == FINGER


@pytest.mark.parametrize("must_verify", [True, False])
def test_the_barrier_notices_a_reboot(must_verify: bool) -> None:
    fake = FakeModule()
    with connected(fake) as module:
        fake.must_verify, fake.status = must_verify, 0
        module.exchange._in_step = False
        with pytest.raises(SensorRebootedError):
            module.get_image()
        module.verify_password()
        module.read_sysparam()
        assert module.get_image() == FINGER


def test_the_barrier_notices_another_sensor() -> None:
    fake = FakeModule()
    with connected(fake) as module:
        fake.system_id = 9
        module.exchange._in_step = False
        with pytest.raises(NotASensorError, match="another sensor"):
            module.get_image()


def test_a_sensor_that_falls_silent_is_given_up() -> None:
    fake = FakeModule().then(0x01, silent)
    with connected(fake) as module:
        with pytest.raises(DeadlineError):
            module.get_image()
        fake.handlers.clear()
        with pytest.raises(SilentSensorError):
            module.get_image()


def test_the_adafruit_class_takes_an_image_of_1152_packets() -> None:
    """As published it calls itself once per packet and runs out of stack."""
    fake = FakeModule(width=256, height=288, packet_code=0)
    with connected(fake) as module:
        assert module.exchange.wire.packet_size == 32
        data, transfer = module.upload_image(36864, lambda done, total: None, lambda: False)
        assert bytes(data) == fake.image
        assert transfer.packets == 1152


def test_packets_of_another_size_than_told_are_followed_by_their_length() -> None:
    fake = FakeModule()
    fake.then(0x0A, lambda me, _: me.send(ack(0), *data_packets(me.image, 256)))
    with connected(fake) as module:
        data, _ = module.upload_image(18432, lambda done, total: None, lambda: False)
        assert bytes(data) == fake.image
