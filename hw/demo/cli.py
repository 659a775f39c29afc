"""`ridgekey demo`: a finger goes through all twelve steps, then what must not work is tried."""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from hw.demo.flow import STEPS, Flow
from hw.demo.narrator import Narrator
from hw.demo.person import ENROLMENT_PRESSES, Person
from hw.demo.proofs import PROOFS, Trial
from hw.demo.stage import BAUD, Cast, Stage, raised
from hw.errors import BenchError, FileTroubleError
from hw.fingers import FingerSource, open_source

DESCRIPTION = """\
Starts a simulated sensor, an MQTT broker, a ledger, a gateway and a kiosk as separate processes, takes a
finger through the twelve steps from enrolment to the opened record, and then tries what must not work:
the wrong finger, a denied request, a withdrawn consent, a replayed and an altered consent. It ends with an
audit from the ledger alone and a search of every file for images, minutiae and keys. Exit status 0 if all
held."""

EPILOG = """\
examples:
  ridgekey demo                                    an R307 at 115200 baud, synthetic finger 7
  ridgekey demo --sensor r503 --finger 12 --fast   the smaller sensor, without waiting for the line
  ridgekey demo --fingers prints/ --finger 3       images FINGER_IMPRESSION.png: 1 to 3 enrol, 4... press
  ridgekey demo --storage ledger --keep run/       ciphertext on the ledger; all files stay in run/"""

DEFAULT_FINGER = 7
"""Of the synthetic ones; any other does as well."""

SECOND_PURPOSE = "to send advertisements"


class NoSuchFingerError(BenchError):
    """The source has not the fingers that the demo needs."""

    exit_code = 66


def parser() -> argparse.ArgumentParser:
    """The command line of `ridgekey demo`."""
    options = argparse.ArgumentParser(
        prog="ridgekey demo",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--sensor", choices=("r307", "r503"), default="r307", help="default: %(default)s")
    options.add_argument(
        "--fingers",
        default="synthetic",
        metavar="DIR",
        help="a folder of images (default: synthetic fingers)",
    )
    options.add_argument(
        "--finger", type=int, metavar="N", help="which finger (default: 7, or a folder's first)"
    )
    options.add_argument(
        "--storage",
        choices=("store", "ledger"),
        default="store",
        help="where ciphertexts go (default: %(default)s)",
    )
    options.add_argument(
        "--keep", type=Path, metavar="DIR", help="leave the run's files in this new directory"
    )
    options.add_argument("--fast", action="store_true", help="do not keep to the line's rate")
    options.add_argument("--json", action="store_true", help="one JSON object at the end, for machines")
    return options


def main(argv: list[str]) -> int:
    """Run the demo.

    Raises:
        BenchError: something that must work did not, or something gave way that must hold.
    """
    arguments = parser().parse_args(argv)
    finger, stranger = choose(open_source(arguments.fingers), arguments.finger)
    cast = Cast(arguments.sensor, arguments.fingers, finger, stranger, arguments.storage, not arguments.fast)
    narrator = Narrator(as_json=arguments.json)
    narrator.title(f"ridgekey demo: {cast.profile.upper()} at {BAUD} baud, {cast.fingers}, finger {finger}")
    began = time.monotonic()
    try:
        with ExitStack() as stack:
            with narrator.waiting("starting sensor, broker, ledger, gateway and kiosk"):
                directory = stack.enter_context(run_directory(arguments.keep))
                stage = stack.enter_context(raised(directory, cast))
            perform(stage, narrator, time.monotonic() - began)
    except BenchError as error:
        if arguments.json:
            narrator.finish(str(error), passed=False, seconds=time.monotonic() - began)
        raise
    elapsed = time.monotonic() - began
    wire = f"{narrator.presses} presses, {narrator.wire_seconds:.1f} s of it on the wire"
    summary = f"Twelve steps and {len(PROOFS)} proofs held, in {elapsed:.1f} s: {wire}."
    narrator.finish(summary, passed=True, seconds=elapsed)
    return 0


def perform(stage: Stage, narrator: Narrator, setting_up: float) -> None:
    """The twelve steps, then the proofs."""
    cast = stage.cast
    narrator.facts |= asdict(cast) | {"broker": stage.broker}
    narrator.note(f"sensor, {stage.broker}, ledger, gateway and kiosk started in {setting_up:.1f} s\n")
    person, stranger = (
        Person(stage.remote, finger, stage.source.impressions(finger))
        for finger in (cast.finger, cast.stranger)
    )
    flow = Flow(stage, narrator, person)
    for step in STEPS:
        step(flow)
        stage.check()
    narrator.title("What must not work\n")
    request = flow.ask(SECOND_PURPOSE)
    flow.heard(request)
    trial = Trial(flow, request, stranger)
    for name, proof in PROOFS:
        began = time.monotonic()
        outcome = proof(trial)
        narrator.tell("✓", name, outcome, time.monotonic() - began)
        stage.check()


def choose(source: FingerSource, wanted: int | None) -> tuple[int, int]:
    """The person's finger and a stranger's.

    Raises:
        BenchError: there is no such finger, only one, or too few impressions of it.
    """
    fingers = source.fingers()
    if fingers is None:
        finger = DEFAULT_FINGER if wanted is None else wanted
        return finger, finger + 1
    finger = fingers[0] if wanted is None else wanted
    if finger not in fingers:
        raise NoSuchFingerError(
            f"there is no finger {finger} in the folder; it has {fingers[0]} to {fingers[-1]}"
        )
    if len(fingers) < 2:
        raise NoSuchFingerError("the folder has one finger; the demo needs another one as the wrong finger")
    impressions = source.impressions(finger)
    if impressions is not None and impressions <= ENROLMENT_PRESSES:
        raise NoSuchFingerError(
            f"finger {finger} has {impressions} impressions; {ENROLMENT_PRESSES} enrol it, and one must press"
        )
    return finger, fingers[(fingers.index(finger) + 1) % len(fingers)]


@contextmanager
def run_directory(keep: Path | None) -> Iterator[Path]:
    """A new directory for the run's files: the person's own, or one that is gone afterwards.

    Raises:
        BenchError: it cannot be made, or is there already.
    """
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="ridgekey-") as directory:
            yield Path(directory)
        return
    try:
        keep.mkdir(parents=True)
    except FileExistsError:
        raise FileTroubleError(f"{keep} is there already; give --keep a new directory") from None
    except OSError as error:
        raise FileTroubleError(f"cannot make {keep}: {error.strerror}; name another") from error
    yield keep.absolute()
