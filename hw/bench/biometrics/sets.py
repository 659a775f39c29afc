"""Which images are measured, and as which sensor would have seen them."""

from dataclasses import dataclass
from pathlib import Path

from hw.errors import BenchError
from hw.fingers.folder import NAME, entries_of, images_of
from hw.fingers.manifest import manifest_of
from hw.simulator.profiles import PROFILES, Profile


class NoSuchSetError(BenchError):
    """The folder, or the set in it, does not exist."""

    exit_code = 66


@dataclass(frozen=True)
class ImageSet:
    """A folder of `<finger>_<impression>.png` (or bmp, tif) and the sensor that it stands for.

    Attributes:
        name: of the set.
        folder: its images.
        profile: gives the size of the image.
        damaged: names of its images that cannot be used.
    """

    name: str
    folder: Path
    profile: Profile
    damaged: frozenset[str] = frozenset()


def find_sets(folder: Path, only: str | None, sensor: str | None) -> list[ImageSet]:
    """The sets of a folder: itself if it holds images of fingers, else the folders in it that hold images.

    Args:
        folder: it, a set in it, or the folder above may hold a `manifest.csv`.
        only: name of the one set wanted.
        sensor: `r307` or `r503`; without it a set whose manifest says "capacitive" stands for an R503, any
            other for an R307.

    Raises:
        NoSuchSetError: nothing is left.
        BadFolderError: a manifest is not as it must be.
    """
    inside = folders_of_images(folder)
    alone = holds_fingers(folder) or not inside
    found = [folder] if alone and images_of(folder) else inside
    names = [_name(path) for path in found]
    if not found:
        raise NoSuchSetError(f"no folder of images such as 001_4.png (finger 1, impression 4) in {folder}")
    if only is not None and only not in names:
        raise NoSuchSetError(f"no set {only} in {folder}; it has {', '.join(names)}")
    return [
        ImageSet(name, path, PROFILES[sensor or ("r503" if _is_capacitive(name, path) else "r307")])
        for name, path in zip(names, found, strict=True)
        if only in (None, name)
    ]


def _name(folder: Path) -> str:
    """As it was called, by a link too; only "." and ".." have no name of their own."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name


def holds_fingers(folder: Path) -> bool:
    """Whether an image in the folder is named after a finger; an overview or a mask is not."""
    return any(NAME.fullmatch(image.name) for image in images_of(folder))


def folders_of_images(folder: Path) -> list[Path]:
    """The folders in a folder that hold images, of fingers or not; hidden ones are passed over."""
    return [path for path in entries_of(folder) if path.is_dir() and images_of(path)]


def _is_capacitive(name: str, folder: Path) -> bool:
    """Whether a line of the manifest that is about the set, or about a file in it, calls its sensor so."""
    own = folder.resolve()
    return any(
        "capacitive" in line.sensor.lower()
        for line in manifest_of(folder)
        if name == line.set_name or (line.file is not None and own in line.file.parents)
    )
