"""Fingers that nobody has: grown from a number, pressed as often as one likes."""

from functools import lru_cache

from hw.errors import BenchError
from hw.fingers.frame import Pixels
from hw.fingers.impression import press
from hw.fingers.master import Skin, grow_skin

KEPT = 16
"""Grown fingers kept in memory: about 2.6 MB each."""


class SyntheticFingers:
    """Every non-negative number is a finger, and every one has impressions without end.

    The same numbers give the same image on every machine.
    """

    def __init__(self) -> None:
        self._skin = lru_cache(maxsize=KEPT)(grow_skin)

    def fingers(self) -> None:
        """There is no end of them."""

    def impressions(self, finger: int) -> None:
        """There is no end of them."""

    def press(self, finger: int, impression: int, width: int, height: int, dpi: float = 500.0) -> Pixels:
        """The image, shape (height, width), that a sensor of `dpi` would deliver of this press.

        Raises:
            BenchError: a negative number.
        """
        if finger < 0 or impression < 0:
            raise BenchError(f"no synthetic finger {finger}, impression {impression}; numbers start at 0")
        skin: Skin = self._skin(finger)
        return press(skin, finger, impression, width, height, dpi)
