"""`ridgekey sensor simulate`."""

import argparse
import json
import shlex
from pathlib import Path

from hw.simulator.process import Ready, Settings, simulate
from hw.simulator.profiles import BAUD_UNIT, PROFILES
from hw.simulator.scenario import Scenario, included, load

FACTORY_BAUD = 57600
NOTHING_HAPPENS = Scenario("", None, None, None, None, ())

DESCRIPTION = """\
A simulated fingerprint sensor on a pseudo-terminal: any program that can talk to an R307 or R503 over a
serial port can talk to it. It keeps the times of the real line at the baud rate that the program sets; at
another rate than the module's own both sides hear garbage, as on a real wire.

It runs until Ctrl-C or SIGTERM, or until the program sends an instruction that makes, keeps, moves or matches
templates, or that could lock or brick a module: ridgekey must never send one. Then the exit code is 76."""

EPILOG = """\
examples:
  ridgekey sensor simulate --profile r503
        prints the port and the command that puts a finger on the sensor
  ridgekey sensor simulate --profile r307 --fingers prints/ --link /tmp/fingerprint --log opcodes.jsonl -v
        with fingers from a folder of 8-bit grey images named like 001_4.png (finger 1, impression 4)
  ridgekey sensor simulate --profile r503 --baud 115200 --no-pacing --control /tmp/finger.sock --json
        for tests: as fast as the machine can, and one line of JSON that says where
  ridgekey sensor simulate --scenario noisy-line
        a bad day from a file; `ridgekey sensor fault` makes one by hand

the log has one line of JSON for each instruction: at (seconds), event, opcode (hex), name, code (hex, the
sensor's confirmation); other events are flushes, garbage, bad checksums, overruns, faults set and cleared,
and the finger being placed or lifted. It never holds a byte of an image.

scenarios that come with it (a file of your own looks like them, see hw/simulator/scenarios):
{scenarios}"""


def parser() -> argparse.ArgumentParser:
    """The command line of `ridgekey sensor simulate`."""
    parser = argparse.ArgumentParser(
        prog="ridgekey sensor simulate",
        description=DESCRIPTION,
        epilog=EPILOG.format(
            scenarios="\n".join(f"  {name:<14} {title}" for name, title in included().items())
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--profile",
        choices=sorted(PROFILES),
        help="which module: image size, instructions, times (needed unless a scenario names one)",
    )
    parser.add_argument(
        "--scenario", metavar="FILE|NAME", help="what happens to the sensor, and when; see below"
    )
    parser.add_argument(
        "--fingers",
        default="synthetic",
        metavar="DIR|synthetic",
        help="a folder of images, or fingers grown by number (default: synthetic)",
    )
    parser.add_argument(
        "--link", type=Path, metavar="PATH", help="a link to the port under a name that stays"
    )
    parser.add_argument(
        "--control",
        type=Path,
        metavar="SOCKET",
        help="where `ridgekey sensor place` finds it (default: its own)",
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="append one line for each instruction")
    parser.add_argument(
        "--baud",
        type=int,
        metavar="N",
        help="the rate stored in the module, a multiple of 9600 (default: 57600, as from the factory)",
    )
    parser.add_argument(
        "--templates",
        type=int,
        metavar="N",
        help="pretend that N templates are stored, to see a program refuse such a sensor (default: 0)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of the faults that are set without their own (default: 0)"
    )
    parser.add_argument(
        "--no-pacing", action="store_true", help="no waiting: neither line nor capture takes time"
    )
    parser.add_argument("--json", action="store_true", help="say where it is as one line of JSON")
    parser.add_argument("-v", "--verbose", action="store_true", help="the log also on standard error")
    return parser


def settings_of(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> Settings:
    """The settings that a parsed command line asks for; ends with a usage error where they make no sense.

    Raises:
        BenchError: the scenario is missing or broken.
    """
    day = load(arguments.scenario) if arguments.scenario is not None else NOTHING_HAPPENS
    name = arguments.profile or day.profile
    if name not in PROFILES:
        parser.error(f"name a profile: {', '.join(sorted(PROFILES))}")
    profile = PROFILES[name]
    baud = _first(arguments.baud, day.baud, FACTORY_BAUD)
    templates = _first(arguments.templates, day.templates, 0)
    bauds = {factor * BAUD_UNIT for factor in profile.baud_factors}
    if baud not in bauds:
        parser.error(f"{profile.title} knows the baud rates {', '.join(map(str, sorted(bauds)))}")
    if not 0 <= templates <= profile.library_size:
        parser.error(f"{profile.title} stores 0 to {profile.library_size} templates")
    return Settings(
        profile=profile,
        fingers=arguments.fingers,
        baud=baud,
        templates=templates,
        link=arguments.link,
        control=arguments.control,
        log=arguments.log,
        verbose=arguments.verbose,
        paced=not arguments.no_pacing,
        seed=_first(arguments.seed, day.seed, 0),
        steps=day.steps,
    )


def _first(*values: int | None) -> int:
    """The first that is given."""
    return next(value for value in values if value is not None)


def ready_line(settings: Settings, ready: Ready, *, as_json: bool) -> str:
    """What is printed once the sensor can be reached."""
    profile = settings.profile
    if as_json:
        return json.dumps({"port": str(ready.port), "control": str(ready.control), "profile": profile.name})
    control = shlex.quote(str(ready.control))
    size = f"{profile.width}x{profile.height} pixels"
    return (
        f"Simulated {profile.title} on {ready.port}: {size}, {settings.baud} baud.\n"
        f"Its name for ridgekey: serial:{ready.port}\n"
        f"Put a finger on it:    ridgekey sensor place --control {control} --finger 7 --impression 1\n"
        f"Take the finger off:   ridgekey sensor place --control {control} --lift\n"
        "Stop it with Ctrl-C."
    )


def main(argv: list[str]) -> int:
    """Run a simulated sensor until it is told to stop.

    Raises:
        BenchError: it cannot start, or a host sent a forbidden instruction.
    """
    command = parser()
    arguments = command.parse_args(argv)
    settings = settings_of(arguments, command)
    simulate(settings, lambda ready: print(ready_line(settings, ready, as_json=arguments.json), flush=True))
    return 0
