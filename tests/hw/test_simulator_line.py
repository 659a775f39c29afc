"""What one UART makes of another's bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.simulator.line import misread
from tests.hw.sensor_bench import frame

BAUDS = [9600, 19200, 38400, 57600, 115200]


@given(st.binary(max_size=64), st.integers(-2, 2))
def test_a_few_per_cent_do_no_harm(data: bytes, per_cent: int) -> None:
    assert misread(data, 57600, 57600 + 576 * per_cent) == data


@pytest.mark.parametrize("sent_at", BAUDS)
@pytest.mark.parametrize("read_at", BAUDS)
def test_another_rate_is_garbage(sent_at: int, read_at: int) -> None:
    command = frame(0x01, b"\x0f")
    heard = misread(command, sent_at, read_at)
    assert (heard == command) == (sent_at == read_at)
    assert (b"\xef\x01\xff" in heard) == (sent_at == read_at)


def test_a_third_of_the_rate_worked_out_by_hand() -> None:
    # The receiver samples at the sender's bits 1.5, 4.5, 7.5, 10.5, ... after an edge.
    # 0x55 alternates: at 1.5 after each edge it is high again, so no start bit is confirmed.
    assert misread(b"\x55", 115200, 38400) == b""
    # 0x00 has nine low bits: a start bit, two zeros, and ones from there.
    assert misread(b"\x00", 115200, 38400) == b"\xfc"


def test_double_the_rate_worked_out_by_hand() -> None:
    # 0xFF at 57600: one low bit, two of the receiver's: start bit and one zero, then ones.
    assert misread(b"\xff", 57600, 115200) == b"\xfe"


@given(st.binary(max_size=40), st.sampled_from([0, *BAUDS, 28800, 960000]), st.sampled_from([0, *BAUDS]))
def test_any_bytes_at_any_rates_end(data: bytes, sent_at: int, read_at: int) -> None:
    heard = misread(data, sent_at, read_at)
    limit = len(data) * read_at / sent_at + 1 if sent_at else 0
    assert len(heard) <= (len(data) if sent_at == read_at else limit)
