"""`ridgekey phone`: a phone at a terminal."""

import argparse
from collections.abc import Callable
from pathlib import Path

from edge.phone import commands

DESCRIPTION = """\
A person's phone, as a command: paired with a kiosk by its code, it hears who asks for what, holds receipts,
starts withdrawals, carries the person's sealed record, and carries a kiosk's messages to its gateway."""

EXAMPLES = """\
examples:
  ridgekey phone pair ridgekey:pQABAUg…        the code that `ridgekey edge pair` shows
  ridgekey phone requests                      hear what is new, list it
  ridgekey phone show 0x1c9f02aa
  ridgekey phone withdraw 0x1c9f02aa           then put the finger on the kiosk
  ridgekey phone carry                         stay beside the kiosk with the record that this phone carries
  ridgekey phone relay --ca gateway-ca.pem     be the kiosk's way to the gateway

exit codes: 0 done, 1 refused, 2 usage, 65 bad data, 66 no such thing here, 69 no kiosk, no Bluetooth or no
gateway, 74 disk or radio, 78 configuration"""


def main(argv: list[str]) -> int:
    """Run one sub-command of `ridgekey phone`."""
    arguments = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def parser() -> argparse.ArgumentParser:
    """The command line of `ridgekey phone`."""
    top = argparse.ArgumentParser(
        prog="ridgekey phone",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = top.add_subparsers(metavar="COMMAND", required=True)

    def add(word: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = words.add_parser(word, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument(
            "--state", type=Path, default=Path("phone"), metavar="DIR", help="default: %(default)s"
        )
        command.add_argument("--json", action="store_true", help="JSON lines, the result as the last")
        return command

    command = _on_the_air(add("pair", commands.pair, "Pair with the kiosk whose code this is."))
    command.add_argument("code", help="what the QR code says")
    command.add_argument("--label", default="a phone", help="what the kiosk is to call it")
    command.add_argument(
        "--bring", metavar="0x…", help="the person whose record this phone carries and the kiosk needs"
    )
    command = _with_kiosk(add("requests", commands.requests, "Hear what is new, and list the requests."))
    command.add_argument("--offline", action="store_true", help="list what is known, without a kiosk")
    _stay(command, "go on listening")
    command = add("show", commands.show, "Show one request, and the receipts about it.")
    command.add_argument("request", metavar="0x…", help="its identifier, or its first digits")
    command = _with_kiosk(add("receipts", commands.receipts, "Hear what is new, and list the receipts."))
    command.add_argument("--offline", action="store_true", help="list what is known, without a kiosk")
    command = _with_kiosk(
        add("withdraw", commands.withdraw, "Start a withdrawal; the finger on the kiosk completes it.")
    )
    command.add_argument("request", metavar="0x…", help="its identifier, or its first digits")
    _stay(command, "wait for the finger")
    command = _with_kiosk(add("carry", commands.carry, "Stay beside the kiosk with the record of a person."))
    _stay(command, "stay")
    command = _with_kiosk(add("relay", commands.relay, "Carry the kiosk's messages to its gateway."))
    command.add_argument("--gateway", metavar="URL", help="instead of the one that the kiosk named")
    command.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust, PEM")
    _stay(command, "stay")
    command = _with_kiosk(add("forget", commands.forget, "End a pairing, here and at the kiosk."))
    command.add_argument("--offline", action="store_true", help="here only; the kiosk still knows this phone")
    return top


def _on_the_air(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("--adapter", default="", metavar="NAME", help="Bluetooth adapter, such as hci0")
    return command


def _with_kiosk(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument(
        "--kiosk",
        default="",
        metavar="ID",
        help="which one, by its id or its first digits; default: the latest",
    )
    return _on_the_air(command)


def _stay(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help=f"how long to {what} (default: {commands.STAY[command.prog.split()[-1]]})",
    )
