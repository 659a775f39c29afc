"""One grey picture from a PNG, BMP or TIFF file of any make; what is no such file is told by its header."""

import struct
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from hw.fingers.errors import BadImageError
from hw.fingers.frame import Pixels

FORMATS = ("PNG", "BMP", "TIFF")

OWN_DPI = (400.0, 1100.0)
"""Resolutions that an image is believed: programs that convert images write 72 or 96 into anything."""

MAX_SIDE = 4096
"""Pixels; a ten-print card at 1000 dpi is smaller, a decompression bomb is not."""

MAX_FILE = 32 << 20
"""Bytes of one image; twice an uncompressed one of the largest size."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_LENGTH = 26  # signature 8, chunk length 4, "IHDR" 4, width 4, height 4, depth 1, colour type 1
DEEP_GREY = ("I;16", "I;16B", "I;16L", "I")
"""Pillow's names for grey of more than eight bits."""

NO_PICTURE = ("F", "CMYK", "YCbCr", "LAB", "HSV")
"""Its names for what no fingerprint set comes in."""

CONVERT = "convert it to 8-bit grey, for instance with Pillow"


def check_header(file: Path) -> float | None:
    """Refuse an image by its header, before a decoder allocates anything for it.

    Returns:
        The resolution in dots per inch that it names itself, if that can be believed.

    Raises:
        BadImageError: it is no image that can be used.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            header = stream.read(PNG_HEADER_LENGTH)
    except OSError as error:
        raise BadImageError(file, f"cannot be read ({error.strerror})") from error
    if size > MAX_FILE:
        raise BadImageError(file, f"is too large ({size >> 20} MiB, limit {MAX_FILE >> 20} MiB)")
    if header.startswith(PNG_SIGNATURE) and header[12:16] == b"IHDR" and len(header) == PNG_HEADER_LENGTH:
        _check_sides(file, *struct.unpack(">II", header[16:24]))  # Pillow would not tell how large it is
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file, formats=FORMATS) as image:
            _check_sides(file, *image.size)
            if image.mode in NO_PICTURE:
                raise BadImageError(file, f"is no grey picture (mode {image.mode})", CONVERT)
            own = [float(value) for value in image.info.get("dpi", ())]
    except UnidentifiedImageError as error:
        raise BadImageError(file, "is not a PNG, BMP or TIFF image", "convert or remove it") from error
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError) as error:
        raise BadImageError(file, "is damaged") from error
    believed = len(own) == 2 and own[0] == own[1] and OWN_DPI[0] <= own[0] <= OWN_DPI[1]
    return round(own[0], 1) if believed else None


def _check_sides(file: Path, width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise BadImageError(file, f"has {width}x{height} pixels, and each side must be 1 to {MAX_SIDE}")


def read(file: Path) -> Pixels:
    """The picture in 256 levels of grey, shape (height, width).

    Raises:
        BadImageError: it cannot be decoded, or is in colour.
    """
    check_header(file)
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.mode in DEEP_GREY:
                return _upper_eight(np.array(image, dtype=np.int64))
            if image.mode in ("1", "L") and not image.has_transparency_data:
                return np.array(image.convert("L"), dtype=np.uint8)
            colours = np.array(_on_white(image).convert("RGB"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's three ways to say that a file is broken
        raise BadImageError(file, "is damaged") from error
    if (colours != colours[:, :, :1]).any():
        raise BadImageError(file, "is in colour", CONVERT)
    return np.ascontiguousarray(colours[:, :, 0])


def _on_white(image: Image.Image) -> Image.Image:
    """The picture as it looks on paper; what lies under a transparent pixel may be anything."""
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


def _upper_eight(grey: npt.NDArray[np.int64]) -> Pixels:
    """The upper eight bits of those that the values use: twelve come in sixteen, and eight in thirty-two."""
    used = max(int(grey.max()).bit_length(), 8)
    even = used + used % 2  # depths are even; a picture without white does not use the last bit of its own
    return np.asarray(np.clip(grey >> (even - 8), 0, 255), dtype=np.uint8)
