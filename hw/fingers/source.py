"""Where the simulated sensor's fingers come from: grown by seed, or a folder of images."""

from collections.abc import Sequence
from typing import Protocol

from hw.fingers.folder import ImageFolder
from hw.fingers.frame import Pixels
from hw.fingers.synthetic import SyntheticFingers

SYNTHETIC = "synthetic"
FOLDER_PREFIX = "folder:"


class FingerSource(Protocol):
    """Something that can be pressed on a sensor; the same arguments always give the same image."""

    def fingers(self) -> Sequence[int] | None:
        """The fingers that exist, ascending; None if every non-negative number is one."""

    def impressions(self, finger: int) -> int | None:
        """How many impressions of `finger` there are; None if there is no end of them."""

    def press(self, finger: int, impression: int, width: int, height: int, dpi: float = 500.0) -> Pixels:
        """One press: an image of shape (height, width), 16 grey levels in steps of 17, dark ridges on light.

        Raises:
            BenchError: there is no such finger or impression, or its image is broken.
        """


def open_source(spec: str) -> FingerSource:
    """The source that `spec` names: `synthetic`, `folder:DIR`, or just `DIR`.

    Raises:
        BenchError: the folder is missing, empty, or holds something that is no image of a finger.
    """
    if spec == SYNTHETIC:
        return SyntheticFingers()
    return ImageFolder(spec.removeprefix(FOLDER_PREFIX))
