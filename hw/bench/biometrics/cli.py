"""`ridgekey bench biometrics`."""

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from edge.biometrics.enrolment import PRESSES
from edge.biometrics.unlocking import TRIALS
from hw.bench import report as bench_report
from hw.bench.biometrics import attacks, page, pairs, presenting, tables, timing, tune
from hw.bench.biometrics.fingers import PRIVATE_FOLDER, Job, image_folder, usable_fingers
from hw.bench.biometrics.page import Measured
from hw.bench.biometrics.peers import side_by_side
from hw.bench.biometrics.protocol import SetResult, cores, in_processes, measure_set
from hw.bench.biometrics.sets import ImageSet, find_sets
from hw.bench.biometrics.summary import Figures, curves_of, figures_of
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

a folder of fingers holds <set>/<finger>_<impression>.png (or bmp, tif), grey, or such images itself; a
manifest.csv with columns set, file, dpi and sensor is read if it is there; without one an image's own
resolution counts if it is 400 to 1100 dpi, else 500 does. A set whose sensor is called capacitive stands
for an R503 unless --sensor says otherwise."""


COMMAND = "ridgekey bench biometrics "
"""Comes before the arguments in what is written."""


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
        help="an interpreter that has the package fuzzy-extractor, for --peers (this one)",
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
    """Measure each set, then print and write."""
    arguments = parser().parse_args(argv)
    sets = find_sets(arguments.fingers, arguments.set, arguments.sensor)
    console = Console(stderr=True)
    _prepare(arguments, console)
    usable = _usable(sets, arguments, console)
    if arguments.tune:
        return _tune(usable, arguments, console, argv)
    with _progress(console) as progress:
        measured = [
            each for images, fingers in usable for each in _measure(images, fingers, arguments, progress)
        ]
    figures = [each.figures for each in measured]
    Console().print(tables.figures_table(figures))
    Console().print(tables.by_k_table(figures))
    for each in measured:
        if each.peers:
            Console().print(tables.peers_table(each.figures, each.peers))
    command = COMMAND + shlex.join(argv)
    content = bench_report.report("biometrics", command, {}, {}) | {
        "figures": _finite(figures),
        "peers": {
            name: _finite([each.peers[name] for each in measured if name in each.peers])
            for name in dict.fromkeys(name for each in measured for name in each.peers)
        },
    }
    if arguments.json:
        bench_report.write(arguments.json, content)
    if arguments.report:
        page.write(arguments.report / "index.html", measured, content)
    return 0


def _tune(
    usable: list[tuple[ImageSet, list[int]]],
    arguments: argparse.Namespace,
    console: Console,
    argv: list[str],
) -> int:
    """Try the candidates on each set, print the best of them, and write all."""
    figures = []
    for images, fingers in usable:
        with _progress(console) as progress:
            choices = tune.tune(_job(images, arguments), fingers, progress, max(1, arguments.jobs))
        Console().print(tables.choices_table(images, choices))
        figures += [tables.choice_figures(images, choice) for choice in choices]
    if arguments.json:
        command = COMMAND + shlex.join(argv)
        content = bench_report.report("biometrics", command, {}, {}) | {"figures": _finite(figures)}
        bench_report.write(arguments.json, content)
    return 0


def _job(images: ImageSet, arguments: argparse.Namespace) -> Job:
    """What a set is measured with; enrolment is the kiosk's unless a number of impressions is given."""
    guided = arguments.enrol is None
    return Job(images, arguments.enrol or PRESSES, guided, 2**arguments.trials_log2, arguments.cache)


def _usable(
    sets: list[ImageSet], arguments: argparse.Namespace, console: Console
) -> list[tuple[ImageSet, list[int]]]:
    """The sets that can be measured, and their fingers; one that cannot is told, and none is an error."""
    part = "all" if arguments.part == "split" else arguments.part
    usable, refused = [], []
    for images in sets:
        try:
            usable.append((images, usable_fingers(images, part, arguments.enrol or PRESSES)))
        except BenchError as error:
            refused.append(error)
    if not usable:
        raise refused[0]
    for why in refused:
        console.print(f"[yellow]left out: {why}")
    for images, fingers in usable:
        left = len(image_folder(images.folder).fingers()) - len(fingers)
        if left and part == "all":
            console.print(f"[yellow]{images.name}: {left} fingers have too few impressions and are left out")
    return usable


def _measure(
    images: ImageSet,
    fingers: list[int],
    arguments: argparse.Namespace,
    progress: Callable[[str, int, int], None],
) -> list[Measured]:
    job = _job(images, arguments)
    split = arguments.part == "split"
    result = measure_set(job, fingers, progress, max(1, arguments.jobs))
    figures = figures_of(result) | {"part": "all" if split else arguments.part}
    figures |= _cost(result, progress)
    figures |= presenting.figures_of(result, progress, max(1, arguments.jobs), attack=arguments.attack)
    linked: list[attacks.Linked] = []
    if arguments.attack:
        found, linked = attacks.attack_set(result, progress, max(1, arguments.jobs))
        figures |= found
    if arguments.pairs:
        figures |= pairs.figures_of(result, progress, max(1, arguments.jobs))
    peers: dict[str, Figures] = {}
    if arguments.peers:
        python = arguments.fuzzy_extractor
        peers = side_by_side.measure(result, progress, max(1, arguments.jobs), python)
    parts = [("odd", result.part(1)), ("even", result.part(0))] if split else []
    return [
        Measured(figures, curves_of(result), linked, peers),
        *(
            Measured(figures_of(part) | {"part": name}, curves_of(part), [])
            for name, part in parts
            if len(part.fingers) > 1
        ),
    ]


def _cost(result: SetResult, progress: Callable[[str, int, int], None]) -> Figures:
    """Times and memory, from a process that does nothing else."""
    samples = [
        (finger.finger, finger.tried[0].impression, finger.enrolled.record)
        for finger in result.fingers
        if finger.enrolled
    ][: timing.PRESSES]
    if not samples:
        return {"unlock_seconds_median": math.nan, "peak_rss_mib": math.nan}
    stranger = result.densest_stranger(samples[0][0])
    task = (result.job, samples, (stranger[0], stranger[1].impression) if stranger else None)
    [cost] = in_processes(
        timing.measure,
        [task],
        1,
        lambda done, of: progress(f"{result.job.images.name}: time and memory", done, of),
        apart=True,
    )
    return {
        "unlock_seconds_median": cost.total,
        "decoder_seconds_median": cost.decoder,
        "refusal_seconds": cost.refused,
        "peak_rss_mib": cost.peak_rss_mib,
    }


def _prepare(arguments: argparse.Namespace, console: Console) -> None:
    """Make the folders first: an hour of measuring shall not end with a folder that cannot be written."""
    try:
        if arguments.cache:
            arguments.cache.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            console.print(
                f"[yellow]minutiae of real fingers are kept in {arguments.cache}: they are biometric data of "
                "real people; delete the folder after use"
            )
        if arguments.report:
            arguments.report.mkdir(parents=True, exist_ok=True)
        if arguments.json:
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileTroubleError(f"cannot make {error.filename}: {error.strerror}") from error


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=of)
            bars.update(tasks[what], completed=done)

        yield tell


def _finite(figures: list[Figures]) -> list[dict[str, Any]]:
    """JSON knows no infinity; null says that nothing was seen."""
    return [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in each.items()
        }
        for each in figures
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
