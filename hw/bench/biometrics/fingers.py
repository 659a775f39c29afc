"""What one finger of a set does: its presses are read, some are enrolled, the others tried on the record."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from drivers.image import FingerImage
from edge.biometrics import EnrolmentError, Minutiae, MinutiaExtractor, ProtectedRecord, assess, unlock
from edge.biometrics.alignment import Template
from edge.biometrics.enrolment import (
    MOST_PRESSES,
    Draft,
    Enrolment,
    Frame,
    bind,
    choose_frames,
    draft,
    template_of,
)
from edge.biometrics.minutiae import QUALITY_THRESHOLD, WEIGHTS_SHA256
from edge.biometrics.parameters import Parameters, for_sensor
from hw.bench.biometrics.counting import NONE, Chances, Locked, PressFrames, chances
from hw.bench.biometrics.sets import ImageSet
from hw.errors import FileTroubleError
from hw.fingers.folder import ImageFolder

LEAST_TRIED = 2
"""Impressions that a guided enrolment leaves to be tried."""

ENROLMENTS = 4
"""Times that each finger is enrolled; presses are run on the first record and counted on all. How the
lattices fall moves the FAS by some bits, and one enrolment has too few lucky presses for its mean."""

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


@dataclass(frozen=True)
class Press:
    """One impression as the kiosk sees it.

    Attributes:
        impression: its number.
        table: (n, 4) minutiae.
        fit: whether it passed the quality gate.
    """

    impression: int
    table: npt.NDArray[np.float32] = field(repr=False)
    fit: bool


@dataclass(frozen=True)
class Enrolled:
    """A finger's record, and what only the bench knows of it: the features inside."""

    record: ProtectedRecord
    secret: bytes = field(repr=False)
    locked: list[Locked] = field(repr=False)

    @classmethod
    def of(cls, enrolment: Enrolment, frames: Sequence[Frame]) -> "Enrolled":
        """Keep what `bind` made of the frames."""
        return cls(enrolment.record, bytes(enrolment.secret), [Locked.of(frame) for frame in frames])

    @property
    def k(self) -> int:
        """Coefficients of the record."""
        return self.record.parameters.coefficients

    def opens(self, press: Press, trials: int) -> bool:
        """Whether a press brings out the very secret; one that the gate refuses does not."""
        found = unlock(self.record, Minutiae(press.table), trials=trials) if press.fit else None
        return found is not None and bytes(found) == self.secret


@dataclass(frozen=True)
class Counted:
    """One enrolment of a finger, and what its presses can do.

    Attributes:
        enrolled: its record.
        used: how many impressions enrolment took.
        genuine: chances of the presses after those; none for a press that the gate refuses.
    """

    enrolled: Enrolled
    used: int
    genuine: list[Chances]


@dataclass(frozen=True)
class FingerResult:
    """One finger against itself.

    Attributes:
        finger: its number.
        presses: all of its impressions.
        enrolled: its record; None if it could not be enrolled.
        used: how many of them enrolment took.
        accepted: whether each press after those enrolled opened the record.
        counted: all enrolments that made a record, by their number; 0 is the one whose record was run.
        one_to_two: whether impression 2 opened a record of impression 1 alone; None if that was no record.
    """

    finger: int
    presses: list[Press]
    enrolled: Enrolled | None
    used: int
    accepted: list[bool]
    counted: dict[int, Counted]
    one_to_two: bool | None

    @property
    def tried(self) -> list[Press]:
        """The presses after those enrolled."""
        return self.presses[self.used :]


@dataclass(frozen=True)
class Job:
    """What every finger of a set is measured with.

    Attributes:
        images: the set.
        enrol: impressions that enrolment takes.
        guided: whether it takes more where they are not enough, up to `enrolment.MOST_PRESSES`, as the kiosk
            does; an impression that the gate refuses is then made again.
        trials: of the decoder, for each press.
        cache: folder that minutiae are kept in, if any.
        chosen: parameters of the records; by default those for the sensor.
    """

    images: ImageSet
    enrol: int
    guided: bool
    trials: int
    cache: Path | None
    chosen: Parameters | None = None

    @property
    def parameters(self) -> Parameters:
        """Of the records."""
        if self.chosen:
            return self.chosen
        profile = self.images.profile
        return for_sensor(profile.width, profile.height, profile.dpi)


def measure_finger(job: Job, finger: int, presses: list[Press]) -> FingerResult:
    """Enrol the first of a finger's presses and try the others."""
    frames = [PressFrames.of(press.table) for press in presses]
    counted = {}
    for number in range(ENROLMENTS):
        record, taken = _enrol(job, presses, _seeded(job, finger, number))
        if number == 0:
            enrolled, used = record, taken
        if record:
            rest = zip(presses[taken:], frames[taken:], strict=True)
            genuine = [chances(record.locked, each) if press.fit else NONE for press, each in rest]
            counted[number] = Counted(record, taken, genuine)
    return FingerResult(
        finger,
        presses,
        enrolled,
        used,
        [enrolled.opens(press, job.trials) for press in presses[used:]] if enrolled else [],
        counted,
        _one_to_two(job, presses, _seeded(job, finger, ENROLMENTS)),
    )


def _seeded(job: Job, finger: int, number: int) -> Random:
    """For one enrolment of a finger."""
    return Random(f"{job.images.name} {finger} {number}")  # noqa: S311  # repeatable, and protects nobody


def _enrol(job: Job, presses: list[Press], randomness: Random) -> tuple[Enrolled | None, int]:
    """A record of the first presses, and how many that took."""
    made, used = draft_of(job, presses, randomness)
    return _bind(made, randomness) if made else None, used


def draft_of(job: Job, presses: list[Press], randomness: Random) -> tuple[Draft | None, int]:
    """What enrolment would lock of the first presses, and how many it took.

    As at the kiosk, the last try counts: presses that do not fit together after one more make no record, even
    if those before it did.
    """
    if not job.guided:
        first = presses[: job.enrol]
        fit = all(press.fit for press in first)
        return _draft(first, job.parameters, randomness) if fit else None, job.enrol
    taken: list[Press] = []
    made, used = None, job.enrol
    for number, press in enumerate(presses[: max(job.enrol, len(presses) - LEAST_TRIED)], 1):
        taken += [press] if press.fit else []
        if press.fit and len(taken) >= job.enrol:
            made, used = _draft(taken, job.parameters, randomness), number
            if (made and made.enough) or len(taken) == MOST_PRESSES:
                break
    return made, used


def records_of(
    presses: list[Press], parameters: Parameters, randomness: Random, count: int
) -> list[Enrolled]:
    """So many records of the same presses, as if enrolled anew each time; none if they cannot be enrolled."""
    if not all(press.fit for press in presses):
        return []
    try:
        template = template_of([Minutiae(press.table) for press in presses])
        drafts = [choose_frames(template, parameters, randomness) for _ in range(count)]
    except EnrolmentError:
        return []
    return [_bind(made, randomness) for made in drafts]


def _draft(presses: list[Press], parameters: Parameters, randomness: Random) -> Draft | None:
    try:
        return draft([Minutiae(press.table) for press in presses], parameters, randomness)
    except EnrolmentError:
        return None


def _bind(made: Draft, randomness: Random) -> Enrolled:
    return Enrolled.of(bind(made.frames, made.parameters, randomness), made.frames)


def _one_to_two(job: Job, presses: list[Press], randomness: Random) -> bool | None:
    """The protocol of the older papers: the first impression enrolled alone, the second tried."""
    first, second = presses[:2]
    table = first.table.astype(np.float64)
    try:
        made = choose_frames(
            Template(table, np.ones(len(table), dtype=np.intp), 1), job.parameters, randomness
        )
    except (EnrolmentError, ValueError):  # no minutia at all has no central one
        return None
    return _bind(made, randomness).opens(second, job.trials)


@cache
def _extractor() -> MinutiaExtractor:
    return MinutiaExtractor()


def image_folder(images: ImageSet) -> ImageFolder:
    """The folder of a set, looked through once in each process."""
    return _folder(images.folder, images.damaged)


@cache
def _folder(path: Path, without: frozenset[str]) -> ImageFolder:
    return ImageFolder(path, without)


def read_image(images: ImageSet, source: ImageFolder, finger: int, impression: int) -> FingerImage:
    """One impression as the sensor would have sent it."""
    profile = images.profile
    pixels = source.press(finger, impression, profile.width, profile.height, profile.dpi)
    return FingerImage(bytearray(pixels.tobytes()), profile.width, profile.height, profile.dpi)


def read_press(job: Job, finger: int, impression: int) -> tuple[int, Press]:
    """One impression as the kiosk sees it, beside its finger's number.

    Raises:
        BenchError: the image cannot be read, or the cache not be written.
    """
    with read_image(job.images, image_folder(job.images), finger, impression) as image:
        table = _minutiae(image, job.cache)
        return finger, Press(impression, table, assess(image, Minutiae(table)).acceptable)


def cache_name(image: FingerImage) -> str:
    """Name of the file of an image's minutiae: a hash of the image and of the network."""
    network = f"{image.width} {image.height} {image.dpi} {QUALITY_THRESHOLD} {WEIGHTS_SHA256}".encode()
    return f"{hashlib.sha256(network + image.pixels).hexdigest()}.minutiae"


def _minutiae(image: FingerImage, cache_folder: Path | None) -> npt.NDArray[np.float32]:
    """Minutiae of an image, from the cache if they are there."""
    if cache_folder is None:
        return _extractor().extract(image).table
    file = cache_folder / cache_name(image)
    try:
        return np.frombuffer(file.read_bytes(), dtype="<f4").reshape(-1, 4).astype(np.float32)
    except (FileNotFoundError, ValueError):
        table = _extractor().extract(image).table
    try:
        partial = file.with_suffix(f".{os.getpid()}")
        partial.touch(PRIVATE_FILE)
        partial.write_bytes(table.astype("<f4").tobytes())
        partial.replace(file)
    except OSError as error:
        raise FileTroubleError(f"cannot write the cache {file}: {error.strerror}") from error
    return table
