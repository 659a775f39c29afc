"""The gate, on drawn images: what is no press is refused by its name."""

import numpy as np
import pytest

from drivers.image import FingerImage
from edge.biometrics import Minutiae, Reason, assess
from edge.biometrics.parameters import LARGE, SMALL
from edge.biometrics.quality import Surface, coherence, is_conclusive, reasons_against, segment
from tests.edge.biometrics.points import finger, press

WIDTH, HEIGHT = 256, 288
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH].astype(float)
RIDGES = 127.5 + 127.5 * np.sin(np.hypot(ROWS - 400, COLUMNS - 128) * 2 * np.pi / 9)
LOOPS = 127.5 + 127.5 * np.sin(np.hypot(ROWS - 150, COLUMNS - 120) * 2 * np.pi / 9)
MANY, FEW = press(finger(1), 1), Minutiae(press(finger(1), 1).table[:6])


def image(grey: np.ndarray) -> FingerImage:
    levels = (np.clip(grey, 0, 255).astype(np.uint8) >> 4) * 17
    return FingerImage(bytearray(levels.tobytes()), levels.shape[1], levels.shape[0], 500)


def contact(row: float, column: float, radius: float, inside: np.ndarray = RIDGES) -> np.ndarray:
    return np.where(np.hypot(ROWS - row, COLUMNS - column) < radius, inside, 255)


def noise(mean: float, deviation: float) -> np.ndarray:
    return np.random.default_rng(0).normal(mean, deviation, (HEIGHT, WIDTH))


REFUSED = {
    "white": (np.full((HEIGHT, WIDTH), 255), Reason.NO_FINGER),
    "black": (np.zeros((HEIGHT, WIDTH)), Reason.NO_FINGER),
    "faint noise": (noise(230, 8), Reason.NO_FINGER),
    "strong noise": (noise(128, 60), Reason.NOT_A_FINGER),
    "a speck": (contact(150, 130, 12), Reason.NO_FINGER),
    "a fingertip": (contact(144, 128, 55), Reason.TOO_LITTLE_CONTACT),
    "an edge": (contact(144, 0, 75), Reason.PARTIAL),
}


@pytest.mark.parametrize(("grey", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_press_is_refused_by_its_name(grey, reason):
    assert assess(image(grey), MANY).reasons == (reason,)


def test_a_full_press_with_minutiae_is_fit():
    quality = assess(image(contact(144, 128, 130)), MANY)
    assert quality.acceptable
    assert quality.score == 100


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        (0.25 * RIDGES + 190, Reason.TOO_DRY),
        (0.3 * RIDGES, Reason.TOO_WET),
        (LOOPS, Reason.TOO_FEW_MINUTIAE),
        (RIDGES, Reason.MOVED),
    ],
)
def test_too_few_minutiae_come_with_what_to_do_about_it(inside, reason):
    quality = assess(image(contact(144, 128, 130, inside)), FEW)
    assert quality.reasons[0] is reason
    assert Reason.TOO_FEW_MINUTIAE in quality.reasons
    assert not quality.acceptable
    assert quality.score < 60


def test_a_dry_or_wet_press_that_shows_enough_is_fit():
    for inside in (0.25 * RIDGES + 190, 0.3 * RIDGES):
        assert assess(image(contact(144, 128, 130, inside)), MANY).acceptable


def test_the_segmentation_measures_area_in_square_millimetres():
    surface = segment(image(contact(144, 128, 100)))
    expected = np.pi * (100 * 25.4 / 500) ** 2
    assert surface.contact_mm2 == pytest.approx(expected, rel=0.25)  # whole blocks
    assert surface.ridges_mm2 == pytest.approx(surface.contact_mm2, rel=0.25)
    assert surface.off_centre < 0.1


def test_parallel_ridges_are_coherent_and_noise_is_not():
    assert np.median(coherence(RIDGES)) > 0.8
    assert np.median(coherence(noise(128, 60))) < 0.2


def test_the_limits_are_ordered():
    surface = Surface(contact_mm2=150, ridges_mm2=140, mean=150, off_centre=0)
    assert reasons_against(surface, 12) == ()
    assert reasons_against(surface, 11) == (Reason.TOO_FEW_MINUTIAE,)


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_tells_a_person_what_to_do(reason):
    assert ":" in reason.sentence
    assert "\n" not in reason.sentence


@pytest.mark.parametrize(("parameters", "enough"), [(LARGE, 20), (SMALL, 18)])
def test_a_press_tells_of_another_finger_from_twice_the_right_ones_on(parameters, enough):
    shown = [Minutiae(np.ones((count, 4))) for count in (enough - 1, enough)]
    assert [is_conclusive(press, parameters) for press in shown] == [False, True]
