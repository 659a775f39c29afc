"""`ridgekey gateway kiosks`: which kiosks are there, how they are, and what they shall do."""

import argparse
import json
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.messages import BOUNDS, Action, Setting
from contracts.messages.configuration import refusal_of
from gateway.config import load_config
from gateway.errors import GatewayError, WrongUseError
from gateway.fleet.book import Kiosk, KioskBook, Order
from gateway.fleet.views import describe, describe_order, table_of

DESCRIPTION = """\
Which kiosks are there, how they are, and how they are steered. The commands read and write the state
directory of this gateway; the running gateway does the rest. None of them makes a kiosk capture a finger."""

SETTINGS = ", ".join(f"{name.name.lower()} ({least} to {most})" for name, (least, most) in BOUNDS.items())
ACTIONS = [action.name.lower().replace("_", "-") for action in Action]

EXAMPLES = f"""examples:
  ridgekey gateway kiosks list
  ridgekey gateway kiosks show 0123456789abcdef --json
  ridgekey gateway kiosks configure 0123456789abcdef health_seconds=30 outbox_limit=2000
  ridgekey gateway kiosks command 0123456789abcdef resend --wait 30

settings: {SETTINGS}
commands: {", ".join(ACTIONS)}
"""

DEFAULT_WAIT = 10.0
DEFAULT_VALID = 600
"""Seconds for which a command counts."""

LOOK_SECONDS = 0.2


class NoSuchKioskError(GatewayError):
    """The named kiosk is not in the directory."""

    exit_code = 66


class NoAnswerError(GatewayError):
    """The kiosk did not answer in time; what was wanted stays noted."""

    exit_code = 69


class NotDoneError(GatewayError):
    """The kiosk answered that it did not do it."""


def add_to(commands: "argparse._SubParsersAction[ArgumentParser]") -> None:
    """Add `kiosks` to the sub-commands of `ridgekey gateway`."""
    top = commands.add_parser(
        "kiosks",
        help="which kiosks are there, how they are, and how they are steered",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = top.add_subparsers(required=True, metavar="COMMAND")
    _add(words, "list", list_, "one line for each kiosk")
    word = _add(words, "show", show, "everything that is known of a kiosk")
    word.add_argument("kiosk", help="its id")
    word = _add(words, "configure", configure, "set the configuration that a kiosk shall have")
    word.add_argument("kiosk", help="its id")
    word.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="for others, its own hold")
    _add_wait(word)
    word = _add(words, "command", command, "have a kiosk do something once")
    word.add_argument("kiosk", help="its id")
    word.add_argument("action", choices=ACTIONS)
    word.add_argument(
        "--valid", type=int, default=DEFAULT_VALID, metavar="SECONDS", help="default: %(default)s"
    )
    _add_wait(word)


def list_(arguments: Namespace) -> int:
    """`ridgekey gateway kiosks list`."""
    book, known = _open(arguments)
    found = {kiosk.kiosk: kiosk for kiosk in book.kiosks()}
    rows = [describe(found.get(kid) or _unheard(kid)) for kid in sorted(known)]
    if arguments.json:
        print(json.dumps({"kiosks": rows}))
        return 0
    Console().print(table_of(rows))
    return 0


def show(arguments: Namespace) -> int:
    """`ridgekey gateway kiosks show`."""
    book, known = _open(arguments)
    kid = _kiosk(arguments.kiosk, known)
    kiosk = next((each for each in book.kiosks() if each.kiosk == kid), _unheard(kid))
    shown = describe(kiosk) | {"commands": [describe_order(order) for order in book.orders(kid)]}
    print(json.dumps(shown, indent=None if arguments.json else 2))
    return 0


def configure(arguments: Namespace) -> int:
    """`ridgekey gateway kiosks configure`."""
    settings = dict(parse_setting(text) for text in arguments.settings)
    book, known = _open(arguments)
    kid = _kiosk(arguments.kiosk, known)
    version = book.want(kid, settings, int(time.time()))

    def reported() -> Kiosk | None:
        kiosk = next(each for each in book.kiosks() if each.kiosk == kid)
        return kiosk if kiosk.reported and kiosk.reported["version"] >= version else None

    kiosk = _wait(reported, arguments.wait)
    if kiosk is None or kiosk.reported is None:
        raise NoAnswerError(
            f"kiosk {arguments.kiosk} has not answered yet; it gets version {version} when it is there"
        )
    shown = describe(kiosk)["reported"]
    lines = [f"{name} = {value}" for name, value in shown["settings"].items()]
    print(json.dumps(shown) if arguments.json else "\n".join(lines))
    if shown["refused"]:
        raise NotDoneError("; ".join(f"{name}: {why}" for name, why in shown["refused"].items()))
    return 0


def command(arguments: Namespace) -> int:
    """`ridgekey gateway kiosks command`."""
    book, known = _open(arguments)
    kid = _kiosk(arguments.kiosk, known)
    action = Action[arguments.action.upper().replace("-", "_")]
    number = book.command(kid, action, int(time.time()), arguments.valid)

    def answered() -> Order | None:
        order = next(each for each in book.orders(kid) if each.number == number)
        return order if order.result is not None else None

    order = _wait(answered, arguments.wait)
    if order is None:
        raise NoAnswerError(
            f"kiosk {arguments.kiosk} has not answered yet; the command counts for {arguments.valid} seconds"
        )
    shown = describe_order(order)
    if arguments.json:
        print(json.dumps(shown))
    else:
        print(f"{shown['action']}: {shown['result']}")
    if order.why:
        raise NotDoneError(f"kiosk {arguments.kiosk}: {order.why}")
    return 0


def parse_setting(text: str) -> tuple[int, int]:
    """Number and value of a setting written `name=value`.

    Raises:
        WrongUseError: There is no such setting, or the value is none that a kiosk takes.
    """
    name, _, value = text.partition("=")
    try:
        setting = Setting[name.upper()]
    except KeyError:
        names = ", ".join(setting.name.lower() for setting in Setting)
        raise WrongUseError(f"{name[:40]!r} is no setting; there are {names}") from None
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise WrongUseError(f"{name} takes a whole number, not {value[:40]!r}")
    refusal = refusal_of(setting, int(value))
    if refusal:
        raise WrongUseError(f"{name}: {refusal}")
    return int(setting), int(value)


def _unheard(kid: bytes) -> Kiosk:
    return Kiosk(kid, online=False, seen=0, health=None, wanted_version=0, wanted={}, reported=None)


def _open(arguments: Namespace) -> tuple[KioskBook, list[bytes]]:
    config = load_config(arguments.config)
    return KioskBook(config.state), list(config.kiosks)


def _kiosk(text: str, known: list[bytes]) -> bytes:
    for kid in known:
        if kid.hex() == text:
            return kid
    raise NoSuchKioskError(
        f"there is no kiosk {text[:40]!r} under [kiosks]; see: ridgekey gateway kiosks list"
    )


def _wait(look: Any, seconds: float) -> Any:
    end = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return found


def _add_wait(word: ArgumentParser) -> None:
    word.add_argument(
        "--wait",
        type=float,
        default=DEFAULT_WAIT,
        metavar="SECONDS",
        help="for the answer (default: %(default)s)",
    )


def _add(
    words: "argparse._SubParsersAction[ArgumentParser]", name: str, run: object, text: str
) -> ArgumentParser:
    word = words.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    word.set_defaults(command=run)
    word.add_argument(
        "--config", type=Path, default=Path("gateway.toml"), metavar="FILE", help="default: %(default)s"
    )
    word.add_argument("--json", action="store_true", help="one JSON object, for machines")
    return word
