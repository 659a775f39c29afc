"""What of each set can be measured, found out before anything is; what cannot is named and left out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from hw.bench.biometrics.fingers import image_folder
from hw.bench.biometrics.sets import ImageSet
from hw.bench.biometrics.telling import Tell
from hw.errors import BenchError
from hw.fingers.errors import BadImageError
from hw.fingers.folder import ImageFolder

LEAST_ENROLLED = 2
"""Impressions that enrolment must have."""

NAMED = 3
"""Of many images so many are named."""

Usable = tuple[ImageSet, list[int]]
"""A set and the numbers of its fingers that are measured."""


class TooFewFingersError(BenchError):
    """A set has too few fingers, or they have too few impressions, to be measured."""

    exit_code = 65


def usable_sets(
    sets: Sequence[ImageSet], part: str, enrol_presses: int, warn: Callable[[str], None], progress: Tell
) -> list[Usable]:
    """The sets that can be measured, and their fingers.

    Args:
        sets: as found.
        part: `all`, `odd` or `even`: by the finger's number.
        enrol_presses: how many impressions enrolment takes.
        warn: is told in one line of each set, and of all images and fingers of a set, that are left out.
        progress: is told how many images have been looked at.

    Raises:
        BenchError: there is none; it is the first one's trouble.
    """
    usable, refused = [], []
    for images in sets:
        try:
            sound = without_damaged(images, warn, progress)
            usable.append((sound, usable_fingers(sound, part, enrol_presses)))
        except BenchError as error:
            refused.append(error)
    if not usable:
        raise refused[0]
    for why in refused:
        warn(f"left out: {why}")
    for images, fingers in usable:
        left = len(image_folder(images).fingers()) - len(fingers)
        if left and part == "all":
            warn(f"{images.name}: fingers left out for too few impressions: {left}")
    return usable


def without_damaged(images: ImageSet, warn: Callable[[str], None], progress: Tell) -> ImageSet:
    """The same set without the images that are damaged or in colour; tells of those and of foreign ones."""
    folder = ImageFolder(images.folder)
    if folder.foreign:
        warn(
            f"{images.name}: {len(folder.foreign)} images not named <finger>_<impression> left out: "
            f"{listed(folder.foreign)}"
        )
    folder.check(partial(progress, f"{images.name}: images looked at"))
    damaged = [error for _, error in sorted(folder.left_out.items())]
    if damaged:
        total = len(damaged) + sum(map(folder.impressions, folder.fingers()))
        warn(f"{images.name}: {len(damaged)} of {total} images left out: {listed(map(_told, damaged))}")
    return replace(images, damaged=frozenset(error.file.name for error in damaged))


def _told(error: BadImageError) -> str:
    return f"{error.file.name} {error.what}"


def listed(several: Iterable[str]) -> str:
    """The first few of many, and how many more there are."""
    names = list(several)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def usable_fingers(images: ImageSet, part: str, enrol_presses: int) -> list[int]:
    """Fingers of a set to measure: those that have impressions enough.

    Args:
        images: the set.
        part: `all`, `odd` or `even`: by the finger's number.
        enrol_presses: how many impressions enrolment takes.

    Raises:
        TooFewFingersError: there are fewer than two.
    """
    source = image_folder(images)
    wanted = {"all": (0, 1), "odd": (1,), "even": (0,)}[part]
    fingers = [f for f in source.fingers() if f % 2 in wanted]
    usable = [f for f in fingers if len(source.numbers(f)) > enrol_presses]
    if len(usable) < 2:
        most = max((len(source.numbers(f)) for f in fingers), default=0)
        advice = f"; try --enrol {most - 1}" if most > LEAST_ENROLLED and len(fingers) > 1 else ""
        raise TooFewFingersError(
            f"{images.folder} has fewer than two fingers of {enrol_presses + 1} impressions ({part} ones): "
            f"{enrol_presses} are enrolled and the others tried{advice}"
        )
    return usable
