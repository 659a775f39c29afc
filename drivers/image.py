"""A finger's image, held in memory that is overwritten when it is no longer needed.

What Python can promise: the pixels live in one bytearray that is never resized, and `wipe` overwrites that
very memory. What it cannot: copies that other code makes of them, what the kernel's serial buffers and the
swap space hold, registers and caches. So whoever takes the pixels elsewhere (a NumPy array, say) should look
at them in place (`numpy.frombuffer`), and the host should have no swap and no core dumps.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from types import TracebackType
from typing import Never, Self

from drivers.packets import wipe

LEVELS = 16
STEP = 17
"""The wire carries 4 bits a pixel; 17 takes 0..15 to 0..255 exactly (a shift by 4 would leave white at
240)."""

_LEFT = bytes((byte >> 4) * STEP for byte in range(256))
_RIGHT = bytes((byte & 0x0F) * STEP for byte in range(256))


class Way(StrEnum):
    """How an image was removed from the sensor's buffer."""

    RESET = "reset"
    BLANK = "overwritten with a blank image"


class Proof(StrEnum):
    """How it is known that it was."""

    STATUS = "the status register tells of no image any more"
    REFUSED = "the sensor refuses to send an image"
    READ_BACK = "the blank image was read back"


@dataclass(frozen=True)
class Scrub:
    """The sensor's image buffer was emptied or overwritten.

    Attributes:
        way: How.
        proof: How that is known.
        seconds: The time that it took.
    """

    way: Way
    proof: Proof
    seconds: float


@dataclass(frozen=True)
class Transfer:
    """How an image came over the wire.

    Attributes:
        attempts: Uploads that were needed; more than one means that the line is noisy.
        seconds: Time of the upload that succeeded.
        packets: Data packets in it.
        closed: True if the sensor marked its last packet as the last; some clones never do, and the count of
            bytes ends the transfer.
        twins: True if two packets in a row were the same and not of one colour: one may have come twice.
        scrub: How the sensor's own copy was removed after it; None if that is still to be done.
    """

    attempts: int
    seconds: float
    packets: int
    closed: bool
    twins: bool = False
    scrub: Scrub | None = None


@dataclass(eq=False, repr=False)
class FingerImage:
    """One capture. Use it in a `with` block, which wipes it.

    Attributes:
        pixels: width * height bytes, rows from the top, dark ridges on a light ground, 16 levels from 0 to
            255.
        width: Pixels in a row.
        height: Rows.
        dpi: Resolution, pixels per inch both ways.
        transfer: How it came here, if it came from a sensor.
    """

    pixels: bytearray
    width: int
    height: int
    dpi: int
    transfer: Transfer | None = None

    def __post_init__(self) -> None:
        if len(self.pixels) != self.width * self.height:
            raise ValueError(f"{len(self.pixels)} pixels are not {self.width} x {self.height}")

    def wipe(self) -> None:
        """Overwrite the pixels; the image keeps its size and holds nothing."""
        wipe(self.pixels)

    def histogram(self) -> list[int]:
        """How many pixels there are of each of the 16 grey levels, from black to white."""
        return [self.pixels.count(level * STEP) for level in range(LEVELS)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return f"FingerImage({self.width} x {self.height}, {self.dpi} dpi)"

    def __reduce__(self) -> Never:
        raise TypeError("a finger's image is neither copied nor pickled")


def unpack(packed: bytearray) -> bytearray:
    """Two pixels a byte, the left one in the high nibble, to one pixel a byte of 0 to 255.

    Leaves no copy but the result.

    Args:
        packed: The image as it came; the caller wipes it.
    """
    pixels = bytearray(2 * len(packed))
    for column, table in enumerate((_LEFT, _RIGHT)):
        half = packed.translate(table)
        pixels[column::2] = half
        wipe(half)
    return pixels


@dataclass(frozen=True)
class Tone:
    """Light and shade of an image: says nothing about whose finger it is.

    Attributes:
        mean: Mean grey, 0 (black) to 255 (white).
        contrast: Standard deviation of the grey, 0 (one flat tone) to 127.5.
    """

    mean: float
    contrast: float


def tone(image: FingerImage) -> Tone:
    """Mean and standard deviation of an image's grey."""
    counts = image.histogram()
    total = sum(counts)
    mean = sum(count * level * STEP for level, count in enumerate(counts)) / total
    variance = sum(count * (level * STEP - mean) ** 2 for level, count in enumerate(counts)) / total
    return Tone(mean, sqrt(variance))
