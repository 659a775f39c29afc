"""The scan knows a person's secrets only through their finger, and finds them where they must not be."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from drivers.image import FingerImage
from edge.biometrics import MinutiaExtractor, enrol
from edge.errors import BadDataError
from edge.scan import read_images, scan
from edge.state.subjects import Subject
from hw.fingers import SyntheticFingers

WIDTH, HEIGHT = 256, 288
FINGER = 7
PEPPER = bytearray(range(32))
SOURCE = SyntheticFingers()


def press(impression: int) -> FingerImage:
    pixels = SOURCE.press(FINGER, impression, WIDTH, HEIGHT)
    return FingerImage(bytearray(pixels.tobytes()), WIDTH, HEIGHT, 500)


@pytest.fixture(scope="module")
def enrolled() -> tuple[Subject, bytes]:
    """A person, and the root secret that their finger unlocks."""
    extractor = MinutiaExtractor()
    with ExitStack() as stack:
        images = [stack.enter_context(press(number)) for number in (1, 2, 3)]
        made = enrol([stack.enter_context(extractor.extract(image)) for image in images])
    return Subject(bytes(20), made.record.seal(PEPPER), 0), bytes(made.secret)


LEAKS = {
    "nothing": lambda secret: b"",
    "the root secret": lambda secret: b"debug: " + secret.hex().encode(),
    "the image": lambda secret: press(4).pixels,
    "the minutiae": lambda secret: MinutiaExtractor().extract(press(4)).table.tobytes(),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_what_a_press_may_leave_behind_is_found(
    tmp_path: Path, enrolled: tuple[Subject, bytes], leak: str
) -> None:
    person, secret = enrolled
    (tmp_path / "kiosk.sqlite").write_bytes(person.sealed)
    (tmp_path / "log").write_bytes(LEAKS[leak](secret))
    found = scan([tmp_path], iter([press(4)]), [person], PEPPER)
    assert (found.presses, found.unlocked) == (1, 1)
    assert bool(found.traces) == (leak != "nothing")
    assert all(trace.path.name == "log" for trace in found.traces)


def pgm(*images: np.ndarray) -> io.BufferedReader:
    data = b"".join(b"P5\n%d %d\n255\n" % image.shape[::-1] + image.tobytes() for image in images)
    return io.BufferedReader(io.BytesIO(data))


def sizes(images: Iterator[FingerImage]) -> list[tuple[int, int]]:
    return [(image.width, image.height) for image in images]


def test_a_stream_of_images_is_read_one_by_one() -> None:
    stream = pgm(np.zeros((3, 4), np.uint8), np.ones((2, 5), np.uint8))
    assert sizes(read_images(stream, 500)) == [(4, 3), (5, 2)]


@pytest.mark.parametrize(
    "data",
    [
        b"P6\n4 3\n255\n" + bytes(12),
        b"P5\n4 3\n255\n" + bytes(11),
        b"P5\n0 3\n255\n",
        b"P5\n9999 9999\n255\n",
        b"P5",
    ],
    ids=["colour", "cut short", "empty", "huge", "no header"],
)
def test_a_stream_of_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadDataError):
        sizes(read_images(io.BufferedReader(io.BytesIO(data)), 500))
