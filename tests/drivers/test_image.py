"""The image: unpacking, measuring, wiping."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.image import FingerImage, tone, unpack
from tests.drivers.fake import unpacked


@given(st.binary(min_size=1, max_size=500))
def test_two_pixels_a_byte_high_nibble_left(packed: bytes) -> None:
    assert bytes(unpack(bytearray(packed))) == unpacked(packed)


def test_black_is_0_and_white_255() -> None:
    assert bytes(unpack(bytearray(b"\x0f\xf0"))) == b"\x00\xff\xff\x00"


def test_the_image_is_wiped_at_the_end_of_its_block_even_after_an_error() -> None:
    pixels = bytearray(b"\x55" * 4)
    with pytest.raises(KeyError), FingerImage(pixels, 2, 2, 500):
        raise KeyError
    assert pixels == bytes(4)


def test_wiping_overwrites_the_memory_that_others_look_at() -> None:
    image = FingerImage(bytearray(b"\x55" * 4), 2, 2, 500)
    view = memoryview(image.pixels)
    image.wipe()
    assert bytes(view) == bytes(4)


def test_neither_repr_nor_pickle_nor_copy_gives_pixels_away() -> None:
    image = FingerImage(bytearray(b"\x55" * 4), 2, 2, 500)
    assert repr(image) == "FingerImage(2 x 2, 500 dpi)"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither copied nor pickled"):
            leak(image)


def test_pixels_must_fill_the_image() -> None:
    with pytest.raises(ValueError, match="3 pixels are not 2 x 2"):
        FingerImage(bytearray(3), 2, 2, 500)


@pytest.mark.parametrize(
    ("packed", "mean", "contrast"), [(b"\xff\xff", 255, 0), (b"\x00\x00", 0, 0), (b"\x0f\xf0", 127.5, 127.5)]
)
def test_tone(packed: bytes, mean: float, contrast: float) -> None:
    shade = tone(FingerImage(unpack(bytearray(packed)), 2, 2, 500))
    assert (shade.mean, shade.contrast) == (mean, contrast)
