"""`ridgekey edge scan`: does any file hold what must not be kept of these presses?

The images of the presses come on standard input as a stream of PGM (Netpbm P5, 8 bits). From each image come
its minutiae, and from those, where they open a record of this kiosk, the root secret and the keys: all of
them are then searched for in every file below the given paths, and wiped.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np

from drivers.image import FingerImage
from edge.biometrics import Minutiae, MinutiaExtractor, ProtectedRecord, unlock
from edge.biometrics.joint import unlock_two
from edge.biometrics.joint_record import JointRecord
from edge.errors import BadDataError
from edge.events import JsonObject
from edge.identity.keyring import Binding, Keyring, Policy
from edge.identity.keys import ENCRYPTION_INFO, SIGNING_INFO, derived, wipe
from edge.state.subjects import Subject
from edge.traces import Needle, Trace, minutia_needles, pixel_needles, search, secret_needles

HEADER = re.compile(rb"P5\n(\d{1,4}) (\d{1,4})\n255\n")
HEADER_LIMIT = 32
"""Bytes of a PGM header as we write it, with room."""

PIXEL_LIMIT = 1 << 20
"""Pixels of one image: four times those of the largest sensor of the family."""


@dataclass(frozen=True)
class Findings:
    """What a scan did and found.

    Attributes:
        presses: images that were searched for.
        unlocked: those of them that opened a record, so that its secrets were searched for too.
        searched: bytes of files.
        traces: what was found; empty is good.
    """

    presses: int
    unlocked: int
    searched: int
    traces: list[Trace]


def scan(
    paths: list[Path], images: Iterator[FingerImage], people: list[Subject], pepper: bytearray
) -> Findings:
    """Search the files below `paths` for traces of the presses in `images`; wipes the images.

    Args:
        paths: files and directories.
        images: every press that may have left a trace.
        people: whose records the presses may open.
        pepper: the kiosk's.

    Raises:
        RecordError: a stored record is damaged.
    """
    extractor = MinutiaExtractor()
    locks = [
        Lock(person.address, binding, _open(binding, pepper))
        for person in people
        for binding in Keyring.decode(person.sealed).bindings
    ]
    needles: list[Needle] = []
    presses = unlocked = 0
    before = Minutiae([])
    for image in images:
        presses += 1
        with image:
            needles += pixel_needles(np.frombuffer(image.pixels, np.uint8).reshape(image.height, image.width))
            minutiae = extractor.extract(image)
        needles += minutia_needles(minutiae.table)
        found = [lock.needles(before, minutiae) for lock in locks]
        unlocked += any(found)
        needles += [needle for several in found for needle in several]
        before.wipe()
        before = minutiae
    before.wipe()
    traces, searched = search(paths, needles)
    return Findings(presses, unlocked, searched, traces)


@dataclass(frozen=True)
class Lock:
    """A record of a person, and what lies behind it.

    Attributes:
        subject: address of the person.
        binding: where the record is from.
        record: opened with the pepper.
    """

    subject: bytes
    binding: Binding
    record: ProtectedRecord | JointRecord

    def needles(self, before: Minutiae, minutiae: Minutiae) -> list[Needle]:
        """What must not be found of the secrets that a press opens, or with the press before it two."""
        secret = (
            unlock(self.record, minutiae)
            if isinstance(self.record, ProtectedRecord)
            else unlock_two(self.record, before, minutiae)
        )
        if secret is None:
            return []
        found = secret_needles("secret of a finger", secret) if self.binding.root else []
        root = self.binding.open_root(secret, self.subject)
        try:
            return found + key_needles(root)
        finally:
            wipe(root)


def _open(binding: Binding, pepper: bytearray) -> ProtectedRecord | JointRecord:
    if len(binding.fingers) == Policy.TWO.fingers:
        return JointRecord.open(binding.sealed, pepper)
    return ProtectedRecord.open(binding.sealed, pepper)


def key_needles(secret: bytearray) -> list[Needle]:
    """The root secret and the private keys that come from it."""
    needles = secret_needles("root secret", secret)
    for what, info in (("signing key", SIGNING_INFO), ("encryption key", ENCRYPTION_INFO)):
        with derived(secret, info) as key:
            needles += secret_needles(what, key)
    return needles


def read_images(stream: BufferedReader, dpi: int) -> Iterator[FingerImage]:
    """The images of a PGM stream, one at a time.

    Args:
        stream: P5 images one after the other, each with a header of three lines: `P5`, the size, `255`.
        dpi: their resolution.

    Raises:
        BadDataError: the stream is no PGM, is cut short, or an image is too large.
    """
    while header := _read_header(stream):
        match = HEADER.fullmatch(header)
        if match is None:
            raise BadDataError("standard input is no stream of 8-bit PGM images")
        width, height = int(match[1]), int(match[2])
        if not 0 < width * height <= PIXEL_LIMIT:
            raise BadDataError(f"an image of {width} x {height} pixels is no press of a finger")
        pixels = bytearray(width * height)
        if stream.readinto(pixels) != len(pixels):
            raise BadDataError("the last image on standard input is cut short")
        yield FingerImage(pixels, width, height, dpi)


def _read_header(stream: BufferedReader) -> bytes:
    """Three lines, or nothing at the end of the stream."""
    return b"".join(stream.readline(HEADER_LIMIT) for _ in range(3))


def as_json(findings: Findings) -> JsonObject:
    """Findings for machines."""
    traces = [
        {"path": str(trace.path), "offset": trace.offset, "what": trace.what} for trace in findings.traces
    ]
    return {
        "presses": findings.presses,
        "unlocked": findings.unlocked,
        "searched": findings.searched,
        "traces": traces,
    }
