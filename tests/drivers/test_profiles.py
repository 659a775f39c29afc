"""What a module tells of itself is bounded and cleaned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.codes import meaning
from drivers.profiles import parse_product
from drivers.timing import LineRate
from tests.drivers.fake import product


@pytest.mark.parametrize("reserved", [b"", b"\0\0\0\0"], ids=["46 bytes", "50 bytes"])
def test_both_lengths_of_the_description_are_read(reserved: bytes) -> None:
    found = parse_product(product(160, 160) + reserved)
    assert found is not None
    assert (found.model, found.serial, found.sensor_type) == ("R503", "00042", "GR192RGB")
    assert (found.width, found.height) == (160, 160)


@pytest.mark.parametrize(("width", "height"), [(0, 0), (63, 192), (192, 513), (0xFFFF, 0xFFFF), (193, 192)])
def test_a_description_with_an_impossible_image_is_not_believed(width: int, height: int) -> None:
    assert parse_product(product(width, height)) is None


@given(st.binary(min_size=46, max_size=50))
def test_texts_hold_nothing_that_a_terminal_acts_upon(description: bytes) -> None:
    found = parse_product(description[:38] + product()[38:])
    assert found is not None
    for text in (found.model, found.serial, found.sensor_type):
        assert text.isascii()
        assert text == "" or text.isprintable()


@given(st.integers(0, 255))
def test_every_confirmation_code_has_words(code: int) -> None:
    assert f"0x{code:02X}" in meaning(code)


@pytest.mark.parametrize(
    ("size", "packet_size", "on_wire"),
    [(36864, 32, 49536), (36864, 128, 40032), (36864, 256, 38448), (18432, 128, 20016), (18432, 256, 19224)],
)
def test_bytes_on_the_wire(size: int, packet_size: int, on_wire: int) -> None:
    assert LineRate(57600, packet_size).wire_bytes(size) == on_wire
