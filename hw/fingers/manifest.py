"""The optional `manifest.csv` of a folder of images, or of a folder of such folders.

Columns, in any order and any case: `file`, relative to the manifest; `set`; `dpi`, of a file; `sensor`. All
others are passed over. A cell may be empty, and a column missing, but one of `file` and `set` must be there.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hw.fingers.errors import BadFolderError

MAX_MANIFEST = 32 << 20
"""Bytes; some 300,000 images."""

DPI_RANGE = (100.0, 2000.0)


@dataclass(frozen=True)
class Line:
    """What a line of a manifest says.

    Attributes:
        file: the image, resolved; None if it names none.
        set_name: empty if it names none.
        dpi: None if it says nothing of the resolution.
        sensor: as it is called; empty if it is not.
    """

    file: Path | None
    set_name: str
    dpi: float | None
    sensor: str


def manifest_of(folder: Path) -> list[Line]:
    """The lines of the manifest beside the images of a folder, or else in the folder above; none without one.

    The folder above a link is looked for where the link is, and then where it leads.

    Raises:
        BadFolderError: it cannot be read, or a line is not as it must be.
    """
    for directory in (folder, folder.absolute().parent, folder.resolve().parent):
        manifest = directory / "manifest.csv"
        if manifest.is_file():
            return list(_lines(manifest))
    return []


def _lines(manifest: Path) -> Iterator[Line]:
    try:
        if manifest.stat().st_size > MAX_MANIFEST:
            raise BadFolderError(f"{manifest} is too large for a manifest (limit {MAX_MANIFEST >> 20} MiB)")
        with manifest.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream)
            names = [name.strip().casefold() for name in next(rows, [])]
            if not {"file", "set"} & set(names):
                raise BadFolderError(
                    f"{manifest}, line 1: no column `file` or `set`; the first line must name the columns, "
                    "with commas between them"
                )
            for row in rows:
                yield _line(manifest, rows.line_num, dict(zip(names, row, strict=False)))
    except (OSError, ValueError, csv.Error) as error:
        raise BadFolderError(f"cannot read {manifest}: {error}") from error


def _line(manifest: Path, number: int, cells: dict[str, str]) -> Line:
    file, set_name, dpi, sensor = (cells.get(name, "").strip() for name in ("file", "set", "dpi", "sensor"))
    try:
        path = (manifest.parent / file).resolve() if file else None
        resolution = _dpi(dpi)
    except ValueError as error:
        raise BadFolderError(f"{manifest}, line {number}: {error}") from error
    if resolution and not path:
        raise BadFolderError(f"{manifest}, line {number}: dpi {dpi}, but no file that has it")
    return Line(path, set_name, resolution, sensor)


def _dpi(text: str) -> float | None:
    if not text:
        return None
    try:
        dpi = float(text)
    except ValueError:
        raise ValueError(f"dpi {text} is no number") from None
    if not DPI_RANGE[0] <= dpi <= DPI_RANGE[1]:
        raise ValueError(f"dpi {text} is outside {DPI_RANGE[0]:.0f} to {DPI_RANGE[1]:.0f}")
    return dpi
