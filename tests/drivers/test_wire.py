"""Deadlines hold, whatever comes in the meantime."""

import time

import pytest

from drivers.errors import DamagedPacketError, DeadlineError, OutOfStepError
from drivers.timing import Deadlines
from drivers.wire import Wire
from tests.drivers.fake import ack, flip
from tests.drivers.memory import MemoryLink


class EndlessLink(MemoryLink):
    """There is always one more byte."""

    def __init__(self, byte: int) -> None:
        super().__init__()
        self.byte = byte

    def read_into(self, space: memoryview, timeout: float) -> int:
        space[0] = self.byte
        return 1


@pytest.mark.parametrize("byte", [0x00, 0x55, 0xEF])
def test_endless_noise_does_not_put_off_the_deadline(byte: int) -> None:
    with pytest.raises(DeadlineError):
        Wire(EndlessLink(byte), Deadlines()).packet(time.monotonic() + 0.05)


def test_endless_noise_can_be_flushed() -> None:
    assert Wire(EndlessLink(0x55), Deadlines()).flush() == b"\x55\x55"


def test_a_line_that_is_never_idle_is_told() -> None:
    with pytest.raises(OutOfStepError, match="never stops sending"):
        Wire(EndlessLink(0), Deadlines()).await_idle(limit=0.05)


def test_a_damaged_answer_is_not_called_silence() -> None:
    wire = Wire(MemoryLink([flip(ack(0), -1)]), Deadlines())
    with pytest.raises(DamagedPacketError, match="checksum"):
        wire.packet(time.monotonic() + 0.05)


def test_a_lone_wake_up_byte_is_told() -> None:
    assert Wire(MemoryLink([b"\x55"]), Deadlines()).flush() == b"\x55"
    assert Wire(MemoryLink([b"\x55", b"\x55\x00"]), Deadlines()).flush() == b"\x55\x55"
    assert Wire(MemoryLink([]), Deadlines()).flush() == b""
