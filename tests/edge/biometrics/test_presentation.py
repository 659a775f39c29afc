"""Checks of how an image was presented, on drawn pictures; rates on real ones are the benchmark's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.image import FingerImage
from edge.biometrics import Reason, assess
from edge.biometrics.presentation import REMEMBERED as MOST
from edge.biometrics.presentation import SAME_PLACE, Likeness, Seen, box, extreme_share, screen_peak
from tests.edge.biometrics.points import finger, press
from tests.edge.biometrics.test_quality import COLUMNS, LOOPS, ROWS, contact, image

MANY = press(finger(1), 1)


def noisy(grey: np.ndarray, seed: int = 0, deviation: float = 12) -> np.ndarray:
    return grey + np.random.default_rng(seed).normal(0, deviation, grey.shape)


PRINT = noisy(40 + 0.6 * contact(144, 128, 110, LOOPS), deviation=5)


def halftone(grey: np.ndarray, period: float, degrees: float = 45) -> np.ndarray:
    """A printer's dots: black where the picture is darker than a screen of cosines."""
    angle = np.radians(degrees)
    along = (COLUMNS * np.cos(angle) + ROWS * np.sin(angle)) * 2 * np.pi / period
    across = (ROWS * np.cos(angle) - COLUMNS * np.sin(angle)) * 2 * np.pi / period
    return noisy(np.where(grey > 127.5 + 63 * (np.cos(along) + np.cos(across)), 230.0, 30.0))


def reasons(grey: np.ndarray) -> tuple[Reason, ...]:
    return assess(image(grey), MANY).reasons


def test_a_plain_press_is_fit():
    assert reasons(PRINT) == ()


@pytest.mark.parametrize("period", [3, 4, 5])
@pytest.mark.parametrize("degrees", [0, 15, 45])
def test_a_printer_s_screen_is_seen(period, degrees):
    assert reasons(halftone(PRINT, period, degrees)) == (Reason.PRINTED,)


def test_line_art_is_seen():
    assert reasons(np.where(contact(144, 128, 110, LOOPS) > 128, 255.0, 0.0)) == (Reason.PRINTED,)


def test_exchanged_light_and_dark_are_seen_where_there_is_ground():
    assert reasons(255 - PRINT) == (Reason.INVERTED,)
    assert Reason.INVERTED not in reasons(255 - noisy(40 + 0.6 * LOOPS, deviation=5))


def captured(grey: np.ndarray) -> Likeness:
    return Likeness.of(image(grey))


def test_what_stayed_on_the_glass_is_the_same_picture_in_the_same_place():
    before = captured(PRINT)
    for faint in (PRINT, noisy(150 + 0.4 * PRINT, 1), np.roll(PRINT, (2, -3), (0, 1))):
        assert before.correlation(captured(faint)) > SAME_PLACE


def test_the_same_finger_elsewhere_is_another_picture():
    before = captured(PRINT)
    elsewhere = 127.5 + 127.5 * np.sin(np.hypot(ROWS - 165, COLUMNS - 105) * 2 * np.pi / 9)
    for other in (np.roll(PRINT, (25, -30), (0, 1)), noisy(40 + 0.6 * contact(160, 110, 110, elsewhere))):
        assert before.correlation(captured(other)) < 0.5
    assert before.correlation(Likeness.of(FingerImage(bytearray(192 * 192), 192, 192, 500))) == 0
    assert captured(np.full(PRINT.shape, 255.0)).correlation(before) == 0


def test_a_likeness_is_wiped():
    likeness = captured(PRINT)
    likeness.wipe()
    assert not likeness.detail.any()
    assert repr(likeness) == "<likeness>"


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(1, 15), st.integers(1, 15))
def test_a_box_is_the_mean_of_what_there_is(reach, height, width):
    values = np.random.default_rng(0).random((height, width))
    found = box(values, reach)
    for row in range(height):
        for column in range(width):
            near = values[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
            assert found[row, column] == pytest.approx(near.mean())


def test_the_very_same_image_is_seen_once_and_known_again():
    seen, one = Seen(), image(PRINT)
    assert not seen.again(one)
    assert seen.again(image(PRINT))
    changed = image(PRINT)
    changed.pixels[0] ^= 17
    assert not seen.again(changed)
    assert not Seen().again(one)


def test_what_is_remembered_is_bounded_and_says_nothing_of_the_image():
    seen, small = Seen(), FingerImage(bytearray(4), 2, 2, 500)
    for number in range(MOST + 50):
        small.pixels[:] = number.to_bytes(4, "big")
        seen.again(small)
    assert repr(seen) == f"<{MOST} captures seen>"
    small.pixels[:] = bytes(4)
    assert not seen.again(small)


def test_measures_of_pictures_of_nothing():
    flat = np.full((64, 64), 255.0)
    assert screen_peak(flat) == pytest.approx(0, abs=0.5)
    assert extreme_share(flat, np.zeros(flat.shape, dtype=bool)) == 0
