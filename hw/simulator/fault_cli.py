"""`ridgekey sensor fault`: set faults on a running simulated sensor, count them, clear them."""

import argparse
import json
from pathlib import Path
from typing import Any

from hw.simulator.faults import FaultError, as_text, find
from hw.simulator.faults.table import COMMON
from hw.simulator.remote import SensorRemote

DESCRIPTION = """\
Gives a running simulated sensor a bad day: sets a fault, tells how often each one has happened, or ends them.
`ridgekey sensor simulate` prints the socket that --control takes. A fault stays until it is cleared, or has
happened as often as it may. Without a name it says which are set."""

EXAMPLES = """\
examples:
  ridgekey sensor fault --control /tmp/finger.sock flip-payload
  ridgekey sensor fault --control /tmp/finger.sock byte-drop rate=0.01 times=0 seed=7
  ridgekey sensor fault --control /tmp/finger.sock unsupported opcode=0x0F
  ridgekey sensor fault --control /tmp/finger.sock                 which are set, and how often they happened
  ridgekey sensor fault --control /tmp/finger.sock --clear"""


def parser() -> argparse.ArgumentParser:
    """The command line of `ridgekey sensor fault`."""
    parser = argparse.ArgumentParser(
        prog="ridgekey sensor fault",
        description=DESCRIPTION,
        epilog=f"{EXAMPLES}\n\n{COMMON}\n\n{as_text()}".replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--control", type=Path, metavar="SOCKET", required=True, help="the sensor's control socket"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="the fault, from the table below")
    parser.add_argument(
        "values", nargs="*", default=[], metavar="KEY=VALUE", help="its parameters, where not the defaults"
    )
    parser.add_argument("--clear", action="store_true", help="end this fault, or all of them without a name")
    parser.add_argument("--json", action="store_true", help="print the answer as one line of JSON")
    return parser


def main(argv: list[str]) -> int:
    """Send one command to a simulated sensor and print the faults that are (or were) set.

    Raises:
        BenchError: there is no such fault, the sensor does not answer, or it refuses.
    """
    arguments = parser().parse_args(argv)
    remote = SensorRemote(arguments.control)
    if arguments.clear:
        faults = remote.clear(arguments.name)
    elif arguments.name is None:
        faults = remote.faults()
    else:
        faults = remote.fault(arguments.name, **find(arguments.name).parse(_pairs(arguments.values)))
    print(json.dumps(faults) if arguments.json else describe(faults, cleared=arguments.clear))
    return 0


def describe(faults: dict[str, Any], *, cleared: bool) -> str:
    """Faults in words, one line each."""
    if not faults:
        return "no fault is set"
    width = max(map(len, faults))
    return "\n".join(
        f"{name:<{width}}  {'happened' if cleared else 'has happened'} {fault['happened']} times "
        f"in {fault['opportunities']} opportunities"
        for name, fault in faults.items()
    )


def _pairs(words: list[str]) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise FaultError(f"{word!r} is no parameter; write it as name=value")
        pairs[name] = value
    return pairs
