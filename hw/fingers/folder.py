"""Fingers from a folder: `<finger>_<impression>.png` (or bmp, tif), grey, with an optional `manifest.csv`."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hw.fingers.errors import BadFolderError, BadImageError, NoSuchFingerError
from hw.fingers.frame import Pixels, quantise, resample, window
from hw.fingers.manifest import manifest_of
from hw.fingers.picture import check_header, read

NAME = re.compile(r"0*([0-9]{1,6})_0*([0-9]{1,6})\.(png|bmp|tiff?)", re.ASCII | re.IGNORECASE)
SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff"})

DEFAULT_DPI = 500.0
"""What an image counts as when neither a manifest nor itself says it: nearly every published set has it."""

Place = tuple[int, int]
"""Numbers of a finger and of an impression."""


@dataclass(frozen=True)
class ImageFile:
    """One image of the folder and its resolution in dots per inch."""

    path: Path
    dpi: float


class ImageFolder:
    """Presses taken from a folder of images, each shown as the sensor in question would have seen it.

    Attributes:
        path: of the folder.
        left_out: why an image is left out, by its place.
        foreign: names of images that are not named after a finger, and so left out.
    """

    def __init__(self, path: str | Path, without: Collection[str] = ()) -> None:
        """Look through the folder at `path` and check the header of every image in it.

        Args:
            path: of the folder.
            without: names of files to pass over.

        Raises:
            NoSuchFingerError: no such folder, or no image in it.
            BadFolderError: no image is named after a finger or can be used, two are the same impression, or
                the manifest is not as it must be.
        """
        self.path = Path(path)
        self.left_out: dict[Place, BadImageError] = {}
        self._images: dict[Place, ImageFile] = {}
        files = _images_in(self.path)
        self.foreign = [file.name for file in files if not NAME.fullmatch(file.name)]
        if len(self.foreign) == len(files):
            raise BadFolderError(
                f"{files[0]} is not named <finger>_<impression>.png, such as 001_4.png, nor is any other "
                "image of its folder; rename them"
            )
        resolution = {line.file: line.dpi for line in manifest_of(self.path)}
        for place, file in _places(file for file in files if file.name not in without).items():
            try:
                own = check_header(file)
            except BadImageError as error:
                self.left_out[place] = error
            else:
                self._images[place] = ImageFile(file, resolution.get(file.resolve()) or own or DEFAULT_DPI)
        self._need_images()

    def check(self, progress: Callable[[int, int], None]) -> None:
        """Decode every image; those that cannot be are left out from now on.

        Args:
            progress: is told how many are done, of how many.

        Raises:
            BadImageError: none is left.
        """
        total = len(self._images)
        for done, (place, image) in enumerate(list(self._images.items()), 1):
            try:
                read(image.path)
            except BadImageError as error:
                self.left_out[place] = error
                del self._images[place]
            progress(done, total)
        self._need_images()

    def _need_images(self) -> None:
        if not self._images:
            raise next(iter(self.left_out.values()))

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
            BadImageError: the image cannot be used.
        """
        if (finger, impression) in self.left_out:
            raise self.left_out[finger, impression]
        count = self.impressions(finger)
        image = self._images.get((finger, impression))
        if image is None:
            raise NoSuchFingerError(
                f"{self.path} has no impression {impression} of finger {finger}; it has {count} of them"
            )
        return quantise(window(resample(read(image.path), image.dpi, dpi), width, height))


def entries_of(folder: Path) -> list[Path]:
    """What is in a folder, sorted; hidden files and folders, such as macOS leaves, are passed over.

    Raises:
        NoSuchFingerError: it cannot be read.
    """
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise NoSuchFingerError(f"cannot read the folder {folder}: {error.strerror}") from error


def images_of(folder: Path) -> list[Path]:
    """The images in a folder, by their suffixes.

    Raises:
        NoSuchFingerError: it cannot be read.
    """
    return [entry for entry in entries_of(folder) if entry.suffix.lower() in SUFFIXES]


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise NoSuchFingerError(
            f"no folder of finger images at {folder}; give an existing folder or `synthetic`"
        )
    files = images_of(folder)
    if not files:
        raise NoSuchFingerError(
            f"no images in {folder}; it must hold files such as 001_4.png (finger 1, impression 4)"
        )
    return files


def _places(files: Iterable[Path]) -> dict[Place, Path]:
    """Images by what their names say; those whose names say nothing are passed over."""
    places: dict[Place, Path] = {}
    for file in files:
        if (match := NAME.fullmatch(file.name)) is None:
            continue
        place = int(match[1]), int(match[2])
        if place in places:
            raise BadFolderError(
                f"{places[place].name} and {file.name} in {file.parent} are the same impression; remove one"
            )
        places[place] = file
    return places
