"""The words of `ridgekey edge …` about an identity: entrust, rotate, recover, contest, deactivate."""

import argparse
import getpass
import sys
from pathlib import Path
from typing import TypeAlias

from edge import commands
from edge.errors import StateError, UsageError
from edge.events import JsonObject
from edge.identity.keyring import Policy, Position
from edge.panel import DEFAULT_WAIT

MAX_CODE = 200
"""Characters of a recovery code with everything that people put between them."""

Words: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_to(words: Words) -> None:
    """Add the words."""
    text = "Say who may recover your identity if your fingers are lost. It ends a recovery under way, too."
    command = _add(words, "entrust", text)
    whom = command.add_mutually_exclusive_group(required=True)
    whom.add_argument("--paper", action="store_true", help="a new code, shown once, to be written down")
    whom.add_argument("--guardian", metavar="0x…", help="address of the key of somebody whom you trust")
    whom.add_argument("--nobody", action="store_true", help="nobody any more")
    _add_subject(command)
    text = (
        "Take a new key: press a finger that opens, then those that are to open from now on. What an old copy"
        " of this kiosk's disk opens to is of no use afterwards; stored records open as before."
    )
    command = _add(words, "rotate", text)
    _add_finger(command)
    _add_subject(command)
    text = (
        "Begin to give an identity a new key, with the code on paper. For seven days the present key can"
        " contest it; then the fingers pressed now open. What was stored before stays closed to them."
    )
    command = _add(words, "recover", text)
    command.add_argument("subject", metavar="0x…", help="the identifier")
    command.add_argument("--code", type=Path, metavar="FILE", help="with the code (asked for)")
    command.add_argument(
        "--policy",
        choices=[policy.value for policy in Policy],
        default=Policy.ANY.value,
        help="as at enrolment (default: %(default)s)",
    )
    _add_finger(command)
    text = "Object to a recovery of your identity that somebody has begun."
    command = _add(words, "contest", text)
    command.add_argument(
        "recovery", nargs="?", metavar="0x…", help="its id; by default the one that the gateway told of"
    )
    _add_subject(command)
    text = "End your identity for good, and with it every consent that it gave."
    command = _add(words, "deactivate", text)
    command.add_argument("--for-good", action="store_true", required=True, help="there is no way back")
    _add_subject(command)


def run(arguments: argparse.Namespace) -> int:
    """Ask the agent for the errand."""
    request: JsonObject = {"do": arguments.do}
    for name in ("subject", "guardian", "paper", "nobody", "recovery", "for_good", "policy"):
        value = getattr(arguments, name, None)
        if value:
            request[name] = value
    if getattr(arguments, "finger", None):
        request["fingers"] = list(arguments.finger)
    if arguments.do == "recover":
        request["code"] = _code(arguments.code)
    return commands.journey(arguments, request)


def _code(path: Path | None) -> str:
    """The code on the paper; never an argument, which everybody on the machine could see."""
    if path is None and not sys.stdin.isatty():
        raise UsageError("the recovery code is asked for at a terminal; elsewhere name a file: --code FILE")
    if path is None:
        return getpass.getpass("Recovery code: ")[:MAX_CODE]
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_CODE)
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from None


def _add(words: Words, word: str, text: str) -> argparse.ArgumentParser:
    command = words.add_parser(word, help=text, description=text)
    command.set_defaults(run=run, do=word)
    command.add_argument("--config", type=Path, default=Path("edge.toml"), help="default: %(default)s")
    command.add_argument("--json", action="store_true", help="JSON lines, as edge/events.py describes them")
    command.add_argument(
        "--wait",
        type=float,
        default=DEFAULT_WAIT,
        metavar="SECONDS",
        help="for the gateway's receipt (default: %(default)s)",
    )
    return command


def _add_finger(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--finger",
        action="append",
        choices=[position.text for position in Position],
        metavar="NAME",
        help="which: right-index, left-thumb, ...; give it once for each finger",
    )


def _add_subject(command: argparse.ArgumentParser) -> None:
    command.add_argument("--subject", metavar="0x…", help="whose; by default the finger tells")
