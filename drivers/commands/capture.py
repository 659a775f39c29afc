"""`ridgekey sensor capture`: take one image and say how it is; nothing of it is kept."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from drivers.commands import DEFAULT_SENSOR
from drivers.errors import ImageFileError, SensorError, UnnamedDangerError
from drivers.image import FingerImage, tone
from drivers.opening import open_sensor
from drivers.sensor import Sensor

_CONSENT = "--this-file-will-hold-my-fingerprint"

_EXAMPLES = """\
examples:
  ridgekey sensor capture serial:/dev/ttyAMA0
  ridgekey sensor capture serial:/dev/ttyUSB0 --timeout 10 --json

  ridgekey sensor capture --save me.pgm --this-file-will-hold-my-fingerprint
        for a look at what the sensor sees. A finger cannot be changed like a password: delete the file soon

Without --save the image is measured in memory, overwritten, and never written anywhere. Mean grey goes from 0
(black) to 255 (white); contrast, the standard deviation of the grey, is low where the glass is empty or
smeared.
Exit codes: as `ridgekey sensor info`, and 1 no finger in time, 74 the image did not come whole.
"""


def main(argv: list[str]) -> int:
    """Run the sub-command with the arguments after its words."""
    options = _parser().parse_args(argv)
    if options.save and not options.consent:
        raise UnnamedDangerError(
            "--save writes a fingerprint into a file, where anybody who reads the file has it for good; "
            f"if that is what you want, add {_CONSENT}"
        )
    with open_sensor(options.sensor) as sensor, _capture(sensor, options.timeout) as image:
        figures = measure(image)
        if options.save:
            save(image, options.save)
        if not image.transfer or not image.transfer.scrub:
            _scrub(sensor)
    if options.json:
        print(json.dumps(figures))
    else:
        print(
            "{width} x {height} pixels at {dpi} dpi, mean grey {mean_grey}, contrast {contrast}; "
            "{packets} packets in {seconds} s, attempt {attempts}.".format(**figures),
            f"It is in {options.save}: a fingerprint." if options.save else "The image was not kept.",
        )
    return 0


def measure(image: FingerImage) -> dict[str, int | float | bool | str | None]:
    """What may be told of an image: its size, its tone and its way over the wire."""
    shade = tone(image)
    figures: dict[str, int | float | bool | str | None] = {
        "width": image.width,
        "height": image.height,
        "dpi": image.dpi,
        "mean_grey": round(shade.mean, 1),
        "contrast": round(shade.contrast, 1),
    }
    if image.transfer:
        transfer, scrub = image.transfer, image.transfer.scrub
        figures |= asdict(transfer) | {
            "seconds": round(transfer.seconds, 3),
            "twins": transfer.twins,
            "scrub": scrub.proof.value if scrub else None,
        }
    return figures


def save(image: FingerImage, path: Path) -> None:
    """Write an image into a new file of this user's alone, as a portable greymap (PGM).

    Raises:
        ImageFileError: The file exists, or cannot be written.
    """
    header = f"P5\n{image.width} {image.height}\n255\n".encode("ascii")
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as file:
            file.write(header)
            file.write(image.pixels)
    except OSError as error:
        raise ImageFileError(f"{path} cannot be written: {error.strerror}") from error


def _scrub(sensor: Sensor) -> None:
    """Overwrite the image in a sensor that forgets none by itself; that takes two transfers."""
    console = Console(stderr=True)
    with console.status("removing the image from the sensor"):
        try:
            sensor.scrub()
        except SensorError as error:
            console.print(f"the image is still in the sensor: {error}", markup=False, highlight=False)


def _capture(sensor: Sensor, timeout: float) -> FingerImage:
    """Take an image, with a progress bar on standard error while it comes."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console.print(f"{sensor.info.model} on {sensor.info.port}: place a finger", highlight=False, markup=False)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("image", total=sensor.info.image_bytes)
        return sensor.capture(
            progress=lambda done, total: bar.update(task, completed=done, total=total), finger_timeout=timeout
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey sensor capture",
        description="Take one image with the sensor on a serial port; tell its size, grey and contrast.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sensor", nargs="?", default=DEFAULT_SENSOR, help="serial:PORT[?baud=N] (default: %(default)s)"
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, help="seconds to wait for a finger (default: %(default)s)"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the image as PGM; see below")
    parser.add_argument(_CONSENT, dest="consent", action="store_true", help="what you must say with --save")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser
