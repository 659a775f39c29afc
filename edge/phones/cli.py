"""`ridgekey edge pair` and `ridgekey edge phones`: a person's phone, and the list of them."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import segno
from rich.console import Console
from rich.table import Table

from edge import client, config
from edge.errors import StateError, UsageError
from edge.events import JsonObject
from edge.render import SHORT, JsonLines, Screen, moment, table

PAIR = """\
Pair a person's phone: it scans the code, both screens show the same six digits, and the person's finger says
whose phone it is. The code is good once, for two minutes."""

EXAMPLES = """\
examples:
  ridgekey edge pair                     the code as text on this terminal
  ridgekey edge pair --output code.png   and as a picture (or .svg)
  ridgekey edge pair --carry             the phone takes the person's sealed record; the kiosk forgets it"""

QUIET_ZONE = 2
"""Modules of light around a code on a terminal, where ISO/IEC 18004 asks for four: cameras do with less."""


def add_to(words: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pair` and `phones` to the sub-commands of `ridgekey edge`."""
    command = words.add_parser(
        "pair",
        help="Pair a person's phone.",
        description=PAIR,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _common(command, pair)
    command.add_argument("--output", type=Path, metavar="FILE", help="write the code there too: .png or .svg")
    command.add_argument("--carry", action="store_true", help="the record moves from the kiosk to the phone")
    command.add_argument("--subject", metavar="0x…", help="whose phone it is; by default the finger tells")
    top = words.add_parser("phones", help="The phones that are paired with this kiosk.")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    text = "List the paired phones."
    _common(commands.add_parser("list", help=text, description=text), list_)
    text = "Forget a phone; it is a stranger from now on."
    command = commands.add_parser("revoke", help=text, description=text)
    _common(command, revoke)
    command.add_argument("phone", metavar="NAME", help="as the list shows it, or its first digits")


def pair(arguments: argparse.Namespace) -> int:
    """Pair a phone."""
    if arguments.output is not None and arguments.output.suffix not in (".png", ".svg"):
        raise UsageError("--output takes a file whose name ends in .png or .svg")
    request: JsonObject = {"do": "pair", "carry": arguments.carry}
    if arguments.subject:
        request["subject"] = arguments.subject
    shown = Code(arguments.output, on_terminal=not arguments.json)
    try:
        done: Any = _ask(arguments, request, shown.show)
    finally:
        shown.forget()
    if not arguments.json:
        where = "on the phone, and here no more" if done["record_on_phone"] else "here"
        print(f"Paired: {done['label']}, phone of {done['subject']}. The sealed record is {where}.")
    return 0


def list_(arguments: argparse.Namespace) -> int:
    """List the phones."""
    done: Any = _ask(arguments, {"do": "phones"})
    if not arguments.json:
        Console().print(_table(done["phones"]) if done["phones"] else "No phone is paired with this kiosk.")
    return 0


def revoke(arguments: argparse.Namespace) -> int:
    """Forget a phone."""
    done: Any = _ask(arguments, {"do": "revoke-phone", "phone": arguments.phone})
    if not arguments.json:
        print(f"Revoked: {done['label']}.")
        if done["record_on_phone"]:
            print(
                f"A phone carries the record of {done['subject']}; without it the finger opens nothing here."
            )
    return 0


class Code:
    """A pairing code on its way to the person's camera.

    Args:
        path: where to write it as a picture, or None.
        on_terminal: whether to draw it there.
    """

    def __init__(self, path: Path | None, *, on_terminal: bool) -> None:
        self._path = path
        self._on_terminal = on_terminal

    def show(self, event: JsonObject) -> None:
        """Show the code of a `pairing_code` event; other events are none of its business."""
        if event.get("event") != "pairing_code":
            return
        code = segno.make(str(event["text"]), error="m", micro=False)
        if self._on_terminal:
            code.terminal(sys.stdout, border=QUIET_ZONE, compact=True)
            print(f"Scan this within two minutes, or type it in:\n{event['text']}", flush=True)
        if self._path is not None:
            try:
                code.save(str(self._path), scale=8)
            except OSError as error:
                raise StateError(f"cannot write {self._path}: {error.strerror}") from None

    def forget(self) -> None:
        """Remove the picture; the code is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _ask(
    arguments: argparse.Namespace, request: JsonObject, also: Callable[[JsonObject], None] = lambda _: None
) -> JsonObject:
    panel = config.load(arguments.config).panel
    with JsonLines() if arguments.json else Screen(Console()) as screen:

        def show(event: JsonObject) -> None:
            also(event)
            screen.show(event)

        done = client.ask(panel, request, show)
        if arguments.json:
            screen.show({"event": "done"} | done)
    return done


def _common(command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    command.set_defaults(run=run)
    command.add_argument("--config", type=Path, default=Path("edge.toml"), help="default: %(default)s")
    command.add_argument("--json", action="store_true", help="JSON lines, as edge/events.py describes them")


def _table(phones: list[dict[str, Any]]) -> Table:
    return table(
        ("phone", "called", "person", "paired", "here", "record"),
        (
            (
                each["phone"],
                each["label"],
                each["subject"][:SHORT],
                moment(each["paired_at"]),
                "yes" if each["here"] else "",
                "on a phone" if each["record_on_phone"] else "at the kiosk",
            )
            for each in phones
        ),
    )
