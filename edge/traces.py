"""Looks for traces of a finger in files: proves by search, not by promise, that a run kept nothing.

Given the images that crossed the wire and the secrets that came out of them, every file is searched for
runs of pixels, for minutiae and for the secrets themselves, each in the encodings in which a program is
likely to leave them behind: raw bytes, the sensor's four-bit packing, hexadecimal, base64, decimal text.
A trace that was compressed or encrypted cannot be found this way, so a file that is an image by its first
bytes counts as a trace whatever it shows.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PREFIX_BYTES = 8
"""Needles are found by their first eight bytes, compared as one 64-bit word, and then compared whole."""

RUN_PIXELS = 32
"""Length of a run of pixels: sixteen bytes when packed, far from chance even among four-bit values."""

RUNS_PER_IMAGE = 48
"""Runs searched for of each image, spread over its ridges: a tenth of an image holds several."""

RUN_LEVELS = 6
"""A run must cross this many grey levels to count: plain white or black is in every file."""

IMAGE_MAGIC = {
    b"\x89PNG\r\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"P5\n": "PGM",
    b"II*\x00": "TIFF",
}
"""First bytes of image files, none of which a kiosk has a reason to write."""

BMP_MINIMUM = 54
"""Two letters alone prove nothing: a BMP file has headers, with zeros where they reserve."""


@dataclass(frozen=True)
class Needle:
    """Something that must not be found, and what to call it; its bytes never appear in its repr."""

    what: str
    data: bytes

    def __repr__(self) -> str:
        return f"Needle({self.what!r})"


@dataclass(frozen=True)
class Trace:
    """A needle that was found."""

    path: Path
    offset: int
    what: str


def pixel_needles(pixels: NDArray[np.uint8]) -> list[Needle]:
    """Runs of an image, (height, width) 8-bit, as pixels, as 0..15 levels and as the wire packs them."""
    height, width = pixels.shape
    step = max(2, (width - RUN_PIXELS) // 4) & ~1  # even, so that a packed run begins at a byte
    runs = [
        pixels[row, column : column + RUN_PIXELS]
        for row in range(height)
        for column in range(0, width - RUN_PIXELS + 1, step)
        if len(np.unique(pixels[row, column : column + RUN_PIXELS])) >= RUN_LEVELS
    ]
    chosen = runs[:: max(1, len(runs) // RUNS_PER_IMAGE)]
    needles = []
    for run in chosen:
        levels = run >> 4
        packed = (levels[0::2] << 4) | levels[1::2]
        for form, data in (("pixels", run), ("levels", levels), ("packed pixels", packed)):
            needles += encodings(f"image ({form})", data.astype(np.uint8).tobytes())
    return needles


def minutia_needles(minutiae: NDArray[np.float32]) -> list[Needle]:
    """Neighbouring coordinates of minutiae, (n, 4): x, y, direction, quality, as arrays are written."""
    needles = []
    for x, y, direction, _ in minutiae.tolist():
        for dtype in ("<f4", "<f8", ">f4", ">f8"):
            needles += encodings("minutia", np.array([x, y, direction], dtype).tobytes())
        needles += [
            Needle("minutia (text)", text.encode())
            for text in (f"{x!r}, {y!r}", f"{x!r},{y!r}", f"{x:.2f}, {y:.2f}", f"{x:.3f},{y:.3f}")
        ]
    whole = np.rint(minutiae[:, :2])
    for dtype in ("<u2", ">u2", "<i4", ">i4", "<i8"):
        triples = (whole[start : start + 3] for start in range(0, len(whole) - 2, 3))
        needles += [Needle("minutiae (integers)", triple.astype(dtype).tobytes()) for triple in triples]
    return needles


def secret_needles(what: str, secret: bytes | bytearray) -> list[Needle]:
    """A key, in both byte orders and as text."""
    return encodings(what, bytes(secret)) + encodings(f"{what} (reversed)", bytes(secret[::-1]))


def encodings(what: str, data: bytes) -> list[Needle]:
    """`data` raw, in hexadecimal of both cases and in base64 at each of its three alignments."""
    needles = [Needle(what, data), Needle(f"{what} (hex)", data.hex().encode())]
    needles.append(Needle(f"{what} (HEX)", data.hex().upper().encode()))
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + data)
        # The first and the last group mix with the neighbours' bits: leave them out.
        needles.append(Needle(f"{what} (base64)", text[4 if shift else 0 : len(text) // 4 * 4 - 4]))
    return [needle for needle in needles if len(needle.data) >= PREFIX_BYTES]


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """Every regular file at or below `paths`."""
    for path in paths:
        candidates = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (each for each in candidates if each.is_file() and not each.is_symlink())


def search(paths: Iterable[Path], needles: Sequence[Needle]) -> tuple[list[Trace], int]:
    """Search every file below `paths`; returns the traces found and the number of bytes searched."""
    by_prefix: dict[int, list[Needle]] = {}
    for needle in needles:
        by_prefix.setdefault(int.from_bytes(needle.data[:PREFIX_BYTES], "little"), []).append(needle)
    prefixes = np.array(sorted(by_prefix), dtype="<u8")
    traces: list[Trace] = []
    searched = 0
    for path in files_below(paths):
        data = path.read_bytes()
        searched += len(data)
        kind = image_kind(data)
        if kind:
            traces.append(Trace(path, 0, f"{kind} file"))
        for offset in _candidates(data, prefixes):
            word = int.from_bytes(data[offset : offset + PREFIX_BYTES], "little")
            traces += [
                Trace(path, offset, each.what)
                for each in by_prefix[word]
                if data.startswith(each.data, offset)
            ]
    return traces, searched


def image_kind(data: bytes) -> str | None:
    """The name of the image format that `data` begins like, if any."""
    for magic, name in IMAGE_MAGIC.items():
        if data.startswith(magic) and (
            name != "BMP" or (len(data) >= BMP_MINIMUM and data[6:10] == bytes(4))
        ):
            return name
    return None


def _candidates(data: bytes, prefixes: NDArray[np.uint64]) -> list[int]:
    """Offsets at which one of the sorted `prefixes` stands."""
    found: list[int] = []
    for shift in range(PREFIX_BYTES):
        words = np.frombuffer(
            data, "<u8", count=max(0, (len(data) - shift) // PREFIX_BYTES), offset=min(shift, len(data))
        )
        places = np.flatnonzero(np.isin(words, prefixes))
        found += (places * PREFIX_BYTES + shift).tolist()
    return sorted(found)
