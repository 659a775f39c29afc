"""Synthetic fingers: the same everywhere, different from each other, and printed as skin is."""

import numpy as np
import pytest
from scipy import ndimage

from hw.errors import BenchError
from hw.fingers import SyntheticFingers, open_source


@pytest.fixture(scope="module")
def fingers() -> SyntheticFingers:
    return SyntheticFingers()


def ridge_period(pixels: np.ndarray) -> float:
    """The period, in pixels, of the strongest wave in the image's middle, all directions together."""
    side = min(pixels.shape)
    top, left = ((size - side) // 2 for size in pixels.shape)
    middle = pixels[top : top + side, left : left + side].astype(float)
    envelope = np.hanning(side)[:, None] * np.hanning(side)
    power = np.abs(np.fft.fft2((middle - middle.mean()) * envelope)) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    bins = np.arange(0.05, 0.25, 0.004)
    spectrum = ndimage.mean(power * radius, np.digitize(radius, bins), np.arange(1, bins.size))
    return 1 / (bins[int(np.argmax(spectrum))] + 0.002)


def test_the_same_numbers_give_the_same_image(fingers: SyntheticFingers) -> None:
    again = open_source("synthetic").press(3, 1, 256, 288)
    assert np.array_equal(fingers.press(3, 1, 256, 288), again)


def test_the_same_numbers_give_the_same_image_on_other_machines(fingers: SyntheticFingers) -> None:
    """Mean greys of sixteen parts of one press, noted when the generator was made."""
    parts = fingers.press(3, 1, 256, 288).reshape(4, 72, 4, 64).mean((1, 3))
    noted = [[246.2, 197.3, 182.1, 198.2], [221.1, 187.9, 180.7, 183.2],
             [220.7, 175.2, 186.7, 186.3], [231.4, 192.0, 182.9, 188.4]]  # fmt: skip
    assert parts == pytest.approx(np.array(noted), abs=0.2)


@pytest.mark.parametrize(("width", "height", "dpi"), [(256, 288, 500), (192, 192, 508)], ids=["R307", "R503"])
def test_the_image_is_a_sensors(fingers: SyntheticFingers, width: int, height: int, dpi: float) -> None:
    pixels = fingers.press(3, 0, width, height, dpi)
    assert pixels.shape == (height, width)
    assert pixels.dtype == np.uint8
    assert set(np.unique(pixels)) <= set(range(0, 256, 17))
    assert 6.5 < ridge_period(pixels) < 12


def test_ridges_scale_with_the_resolution(fingers: SyntheticFingers) -> None:
    at_500, at_1000 = fingers.press(3, 0, 256, 288, 500), fingers.press(3, 0, 512, 576, 1000)
    assert ridge_period(at_1000[::2, ::2]) == pytest.approx(ridge_period(at_500), rel=0.1)
    assert np.corrcoef(at_1000[::2, ::2].ravel(), at_500.ravel())[0, 1] > 0.5, (
        "the same press, seen more finely"
    )


def test_presses_of_a_finger_differ(fingers: SyntheticFingers) -> None:
    first, second = (fingers.press(3, impression, 256, 288).astype(float) for impression in (0, 1))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.5


@pytest.mark.parametrize(("finger", "impression"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(fingers: SyntheticFingers, finger: int, impression: int) -> None:
    with pytest.raises(BenchError, match="numbers start at 0"):
        fingers.press(finger, impression, 256, 288)
