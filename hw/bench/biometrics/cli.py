"""`ridgekey bench biometrics`."""

import argparse
import sys
from functools import partial
from pathlib import Path

from rich.console import Console

from edge.biometrics.enrolment import PRESSES
from edge.biometrics.unlocking import TRIALS
from hw.bench import report as bench_report
from hw.bench.biometrics import choices, measuring, presenting, results, tune
from hw.bench.biometrics.fingers import PRIVATE_FOLDER
from hw.bench.biometrics.page import Measured
from hw.bench.biometrics.peers import package
from hw.bench.biometrics.processes import cores
from hw.bench.biometrics.sets import ImageSet, find_sets, folders_of_images
from hw.bench.biometrics.summary import Figures
from hw.bench.biometrics.telling import progress, warn
from hw.bench.biometrics.usable import Usable, listed, usable_sets
from hw.errors import BenchError, FileTroubleError

DESCRIPTION = """\
Measures the kiosk's own enrolment and unlocking on folders of real fingers, each image cut to what the sensor
gives. Of every finger the first three to six impressions are enrolled and the others pressed, one by one and
in transactions of three; every press of every other finger is tried on its record. Prints a table; --json and
--report write the same and more."""

EPILOG = """\
examples:
  ridgekey bench biometrics --fingers prints --set uareu --json uareu.json --report uareu/
  ridgekey bench biometrics --fingers prints --attack
        all sets of the folder, and the attacks on their records
  ridgekey bench biometrics --fingers prints --peers --fuzzy-extractor venv-fe/bin/python
        beside the parameters of THIMBLE and the package fuzzy-extractor
  ridgekey bench biometrics --fingers prints --part split
        the even-numbered fingers apart: parameters were chosen on the odd ones

a folder of fingers holds <set>/<finger>_<impression>.png (or bmp, tif), grey, or such images itself, and
then it is the only set. A manifest.csv with columns file, set, dpi and sensor, beside the images or above,
is read if it is there; where it says no dpi an image's own resolution counts if it is 400 to 1100 dpi, else
500 does. A set whose sensor is called capacitive stands for an R503 unless --sensor says otherwise.

An image that is damaged, in colour or of another name, and a set of which too little remains, is named and
left out. JSON and page are written after each set; the exit code is 0 if anything was measured."""


INSTALL_PACKAGE = "python -m venv venv-fe && venv-fe/bin/pip install fuzzy-extractor"


def parser() -> argparse.ArgumentParser:
    """The command line of `ridgekey bench biometrics`."""
    parser = argparse.ArgumentParser(
        prog="ridgekey bench biometrics",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_what(parser)
    _add_more(parser)
    _add_where(parser)
    return parser


def _add_what(parser: argparse.ArgumentParser) -> None:
    """Which fingers, and how they are enrolled and tried."""
    parser.add_argument("--fingers", type=Path, required=True, metavar="DIR", help="folder of finger images")
    parser.add_argument("--set", metavar="NAME", help="only this set of the folder")
    parser.add_argument("--sensor", choices=("r307", "r503"), help="whose image size: 256x288 or 192x192")
    parser.add_argument(
        "--part",
        choices=("all", "odd", "even", "split"),
        default="all",
        help="fingers by their number; split: all, and beside them odd and even ones apart",
    )
    parser.add_argument(
        "--enrol",
        type=int,
        choices=range(2, 7),
        help="enrol just so many impressions; by default as the kiosk does: three, and up to six where those "
        "are not enough or too weak",
    )
    parser.add_argument(
        "--trials-log2",
        type=int,
        default=TRIALS.bit_length() - 1,
        choices=range(12, 27),
        metavar="N",
        help="decoding trials of a press, as a power of two (%(default)s)",
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="choose the records' parameters on these fingers instead of measuring those in use; report on "
        "others",
    )


def _add_more(parser: argparse.ArgumentParser) -> None:
    """What is measured beside one finger's rates."""
    parser.add_argument("--attack", action="store_true", help="attack the records, too")
    parser.add_argument(
        "--pairs", action="store_true", help="measure the policy of two fingers, on pairs of neighbours"
    )
    parser.add_argument(
        "--peers", action="store_true", help="measure what others have published, beside ours"
    )
    parser.add_argument(
        "--fuzzy-extractor",
        type=Path,
        default=Path(sys.executable),
        metavar="PYTHON",
        help="an interpreter that has the package fuzzy-extractor, for --peers (this one); made by: "
        + INSTALL_PACKAGE,
    )


def _add_where(parser: argparse.ArgumentParser) -> None:
    """Where the results go, and with what they are made."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures for machines")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a page with plots: DIR/index.html")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="keep minutiae here, so that a run that was interrupted need not read the images again; "
        "what follows the minutiae is computed anew. They are biometric data",
    )
    parser.add_argument("--jobs", type=int, default=cores(), metavar="N", help="processes (one a core)")


def main(argv: list[str]) -> int:
    """Find out what can be measured, tell what cannot, and measure."""
    arguments = parser().parse_args(argv)
    sets = find_sets(arguments.fingers, arguments.set, arguments.sensor)
    console = Console(stderr=True)
    _prepare(arguments, console)
    _tell_of_folders(sets, arguments.fingers, console)
    if arguments.peers:
        _tell_of_package(arguments.fuzzy_extractor, console)
    part = "all" if arguments.part == "split" else arguments.part
    with progress(console) as tell:
        usable = usable_sets(sets, part, arguments.enrol or PRESSES, partial(warn, console), tell)
    if arguments.tune:
        return _tune(usable, arguments, console, argv)
    _measure(usable, arguments, console, argv)
    return 0


def _measure(usable: list[Usable], arguments: argparse.Namespace, console: Console, argv: list[str]) -> None:
    """Measure set by set, and write after each; print what there is, even if we are interrupted."""
    measured: list[Measured] = []
    refused: list[BenchError] = []
    try:
        with progress(console) as tell:
            for images, fingers in usable:
                try:
                    found = measuring.measure(images, fingers, arguments, tell)
                except BenchError as error:
                    refused.append(error)
                    warn(console, f"{images.name} is left out: {error}")
                else:
                    measured += found
                    if why := presenting.why_none_enrolled(found[0].figures):
                        warn(console, why)
                    results.write(measured, arguments, argv)
    finally:
        if measured:
            results.show(measured)
    if not measured:
        raise refused[0]


def _tell_of_package(python: Path, console: Console) -> None:
    """The package is no dependency of ours; without it its figures are computed and none is run."""
    why_not = package.run(python, [])
    if isinstance(why_not, str):
        warn(
            console,
            f"fuzzy-extractor does not run in {python} ({why_not}), so what it does is computed only; to run "
            f"it: {INSTALL_PACKAGE}, then --fuzzy-extractor venv-fe/bin/python",
        )


def _tell_of_folders(sets: list[ImageSet], folder: Path, console: Console) -> None:
    """A folder may hold images and folders of images: only the former are measured then."""
    inside = [path.name for path in folders_of_images(folder)]
    if inside and sets[0].folder == folder:
        warn(
            console,
            f"the images in {folder} itself are measured, and not those in its folders {listed(inside)}; "
            "to measure one of these, give it to --fingers",
        )


def _tune(usable: list[Usable], arguments: argparse.Namespace, console: Console, argv: list[str]) -> int:
    """Try the candidates on each set, print the best of them, and write all."""
    figures: list[Figures] = []
    for images, fingers in usable:
        with progress(console) as tell:
            tried = tune.tune(measuring.job_of(images, arguments), fingers, tell, max(1, arguments.jobs))
        Console().print(choices.choices_table(images, tried))
        figures += [choices.choice_figures(images, choice) for choice in tried]
        if arguments.json:
            bench_report.write(arguments.json, results.content_of(figures, argv))
    return 0


def _prepare(arguments: argparse.Namespace, console: Console) -> None:
    """Make the folders first: an hour of measuring shall not end with a folder that cannot be written."""
    try:
        if arguments.cache:
            arguments.cache.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            warn(
                console,
                f"minutiae of real fingers are kept in {arguments.cache}: they are biometric data of "
                "real people; delete the folder after use",
            )
        if arguments.report:
            arguments.report.mkdir(parents=True, exist_ok=True)
        if arguments.json:
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileTroubleError(f"cannot make {error.filename}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
