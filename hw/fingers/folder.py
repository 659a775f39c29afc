"""Fingers from a folder: `<finger>_<impression>.png` (or bmp, tif), grey, with an optional `manifest.csv`."""

import csv
import re
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from hw.errors import BenchError
from hw.fingers.frame import Pixels, quantise, resample, window

NAME = re.compile(r"0*([0-9]{1,6})_0*([0-9]{1,6})\.(png|bmp|tiff?)", re.ASCII | re.IGNORECASE)
SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff"})
FORMATS = ("PNG", "BMP", "TIFF")

DEFAULT_DPI = 500.0
"""What an image counts as when neither a manifest nor itself says it: nearly every published set has it."""

OWN_DPI = (400.0, 1100.0)
"""Resolutions that an image is believed: programs that convert images write 72 or 96 into anything."""

MAX_SIDE = 4096
"""Pixels; a ten-print card at 1000 dpi is smaller, a decompression bomb is not."""

MAX_FILE = 32 << 20
"""Bytes of one image or manifest; twice an uncompressed image of the largest size."""

DPI_RANGE = (100.0, 2000.0)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_LENGTH = 26  # signature 8, chunk length 4, "IHDR" 4, width 4, height 4, depth 1, colour type 1
DEEP_GREY = ("I;16", "I;16B", "I;16L", "I")
"""Pillow's names for 16 bits of grey; the upper eight are kept."""

NO_PICTURE = ("F", "CMYK", "YCbCr", "LAB", "HSV")
"""Its names for what no fingerprint set comes in."""


class NoSuchFingerError(BenchError):
    """The folder, the finger or the impression asked for does not exist."""

    exit_code = 66


class BadFolderError(BenchError):
    """The folder holds something that is not a usable image of a finger."""

    exit_code = 65


@dataclass(frozen=True)
class ImageFile:
    """One image of the folder and its resolution in dots per inch."""

    path: Path
    dpi: float


class ImageFolder:
    """Presses taken from a folder of images, each shown as the sensor in question would have seen it."""

    def __init__(self, path: str | Path) -> None:
        """Look through the folder at `path` and check the header of every image in it.

        Raises:
            NoSuchFingerError: no such folder, or no image in it.
            BadFolderError: a name, an image's header or the manifest is not as it must be.
        """
        self.path = Path(path)
        self._images = _scan(self.path)

    def fingers(self) -> Sequence[int]:
        """The numbers of the fingers in the folder, ascending."""
        return sorted({finger for finger, _ in self._images})

    def impressions(self, finger: int) -> int:
        """How many impressions the folder has of `finger`.

        Raises:
            NoSuchFingerError: it has none.
        """
        count = sum(1 for known, _ in self._images if known == finger)
        if count == 0:
            known = self.fingers()
            raise NoSuchFingerError(
                f"{self.path} has no finger {finger}; it has {len(known)}, from {known[0]} to {known[-1]}"
            )
        return count

    def numbers(self, finger: int) -> Sequence[int]:
        """The numbers of the impressions of `finger`, ascending; empty if it has none."""
        return sorted(impression for known, impression in self._images if known == finger)

    def press(
        self, finger: int, impression: int, width: int, height: int, dpi: float = DEFAULT_DPI
    ) -> Pixels:
        """The image, shape (height, width), that a sensor of `dpi` would deliver of this impression.

        Raises:
            NoSuchFingerError: the folder has no such finger or impression.
            BadFolderError: the image cannot be decoded.
        """
        count = self.impressions(finger)
        image = self._images.get((finger, impression))
        if image is None:
            raise NoSuchFingerError(
                f"{self.path} has no impression {impression} of finger {finger}; it has {count} of them"
            )
        return quantise(window(resample(_decode(image.path), image.dpi, dpi), width, height))


def _scan(folder: Path) -> dict[tuple[int, int], ImageFile]:
    try:
        if not folder.is_dir():
            raise NoSuchFingerError(
                f"no folder of finger images at {folder}; give an existing folder or `synthetic`"
            )
        files = sorted(entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise NoSuchFingerError(f"cannot read the folder {folder}: {error.strerror}") from error
    if not files:
        raise NoSuchFingerError(
            f"no images in {folder}; it must hold files such as 001_4.png (finger 1, impression 4)"
        )
    resolution = _read_manifests(folder)
    images: dict[tuple[int, int], ImageFile] = {}
    for file in files:
        key = _finger_and_impression(file)
        if key in images:
            raise BadFolderError(
                f"{images[key].path.name} and {file.name} in {folder} are the same impression; remove one"
            )
        own = _check_header(file)
        images[key] = ImageFile(file, resolution.get(file.resolve()) or own or DEFAULT_DPI)
    return images


def _finger_and_impression(file: Path) -> tuple[int, int]:
    match = NAME.fullmatch(file.name)
    if match is None:
        raise BadFolderError(
            f"{file} is not named <finger>_<impression>.png, such as 001_4.png; rename or remove it"
        )
    return int(match[1]), int(match[2])


def _check_header(file: Path) -> float | None:
    """Refuse an image by its header, before a decoder allocates anything for it.

    Returns:
        The resolution that it names itself, if that can be believed.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            header = stream.read(PNG_HEADER_LENGTH)
    except OSError as error:
        raise BadFolderError(f"cannot read the image {file}: {error.strerror}") from error
    if size > MAX_FILE:
        raise BadFolderError(f"{file} is too large ({size >> 20} MiB, limit {MAX_FILE >> 20} MiB)")
    if header.startswith(PNG_SIGNATURE) and header[12:16] == b"IHDR" and len(header) == PNG_HEADER_LENGTH:
        _check_sides(file, *struct.unpack(">II", header[16:24]))  # Pillow would not tell how large it is
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file, formats=FORMATS) as image:
            _check_sides(file, *image.size)
            if image.mode in NO_PICTURE:
                raise BadFolderError(
                    f"{file} is no grey picture (mode {image.mode}); convert it to 8-bit grey"
                )
            own = [float(value) for value in image.info.get("dpi", ())]
    except UnidentifiedImageError as error:
        raise BadFolderError(f"{file} is not a PNG, BMP or TIFF image; convert or remove it") from error
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError) as error:
        raise BadFolderError(f"cannot read the image {file}: it is damaged; replace or remove it") from error
    believed = len(own) == 2 and own[0] == own[1] and OWN_DPI[0] <= own[0] <= OWN_DPI[1]
    return round(own[0], 1) if believed else None


def _check_sides(file: Path, width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise BadFolderError(f"{file} has {width}x{height} pixels; each side must be 1 to {MAX_SIDE}")


def _decode(file: Path) -> Pixels:
    _check_header(file)
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.mode in DEEP_GREY:
                return np.asarray(np.clip(np.array(image, dtype=np.int64) >> 8, 0, 255), dtype=np.uint8)
            if image.mode in ("1", "L"):
                return np.array(image.convert("L"), dtype=np.uint8)
            colours = np.array(image.convert("RGB"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's three ways to say that a file is broken
        raise BadFolderError(f"cannot read the image {file}: it is damaged; replace or remove it") from error
    if (colours != colours[:, :, :1]).any():
        raise BadFolderError(f"{file} is in colour; convert it to 8-bit grey, for instance with Pillow")
    return np.ascontiguousarray(colours[:, :, 0])


def _read_manifests(folder: Path) -> dict[Path, float]:
    """Resolutions by file, from `manifest.csv` beside the images or else in the folder above."""
    for directory in (folder, folder.resolve().parent):
        manifest = directory / "manifest.csv"
        if manifest.is_file():
            return _read_manifest(manifest)
    return {}


def _read_manifest(manifest: Path) -> dict[Path, float]:
    resolution: dict[Path, float] = {}
    try:
        if manifest.stat().st_size > MAX_FILE:
            raise BadFolderError(f"{manifest} is too large for a manifest (limit {MAX_FILE >> 20} MiB)")
        with manifest.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                resolution[(manifest.parent / row["file"]).resolve()] = _dpi(row["dpi"])
    except KeyError as error:
        raise BadFolderError(
            f"{manifest} has no column {error}; it needs at least `file` and `dpi`"
        ) from error
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise BadFolderError(f"cannot read {manifest}: {error}") from error
    return resolution


def _dpi(text: str) -> float:
    dpi = float(text)
    if not DPI_RANGE[0] <= dpi <= DPI_RANGE[1]:
        raise ValueError(f"dpi {text} is outside {DPI_RANGE[0]:.0f} to {DPI_RANGE[1]:.0f}")
    return dpi
