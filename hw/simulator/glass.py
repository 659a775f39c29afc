"""The sensor's window and the finger on it."""

import asyncio
from dataclasses import dataclass

from hw.errors import BenchError
from hw.fingers import FingerSource
from hw.simulator.faults import ActiveFaults
from hw.simulator.pixels import Pixels
from hw.simulator.profiles import Profile


class SupersededError(BenchError):
    """Another command moved the finger before this press was rendered."""


@dataclass(frozen=True)
class Touch:
    """One press that lasts: which finger, which of its impressions, and the image, shape (height, width)."""

    finger: int
    impression: int
    pixels: Pixels


class Glass:
    """Holds at most one finger. Presses are rendered in a thread, so that the line stays on time."""

    def __init__(self, source: FingerSource, profile: Profile, faults: ActiveFaults) -> None:
        self._source = source
        self._profile = profile
        self._faults = faults
        self._moves = 0
        self.touch: Touch | None = None

    def look(self) -> Pixels | None:
        """What the sensor sees; None without a finger."""
        return self._faults.sight(self.touch.pixels if self.touch else None)

    def touched(self) -> bool:
        """Whether a finger lies there."""
        return self.touch is not None

    def touch_line(self) -> bool:
        """What the touch line shows."""
        return self._faults.touch(self.touched())

    def lift(self) -> None:
        """Take the finger away, also one that is still on its way."""
        self._moves += 1
        self.touch = None

    async def place(self, finger: int, impression: int) -> None:
        """Lift what is there, render the press and put it down.

        Raises:
            BenchError: there is no such finger, or its image is broken.
            SupersededError: somebody placed or lifted a finger in the meantime.
        """
        self.lift()
        move = self._moves
        pixels = await self.render(finger, impression)
        if move != self._moves:
            raise SupersededError(f"finger {finger} was not placed: another command moved it first")
        self.touch = Touch(finger, impression, pixels)

    async def render(self, finger: int, impression: int) -> Pixels:
        """The image of a press, shape (height, width).

        Raises:
            BenchError: there is no such finger, or its image is broken.
        """
        profile = self._profile
        pixels = await asyncio.to_thread(
            self._source.press, finger, impression, profile.width, profile.height, profile.dpi
        )
        if pixels.shape != (profile.height, profile.width):
            raise BenchError(
                f"the source of fingers gave {pixels.shape[1]}x{pixels.shape[0]} pixels; "
                f"{profile.title} has {profile.width}x{profile.height}"
            )
        return pixels
