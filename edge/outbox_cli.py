"""`ridgekey edge outbox`: what a technician needs when the network has been dead for a week."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts import sequence
from contracts.errors import ContractError
from edge import client, config
from edge.client import ErrandError
from edge.errors import BadDataError, NotFoundError, StateError
from edge.events import JsonObject
from edge.render import SHORT, JsonLines, moment, table

TEXT = """\
The signed messages of this kiosk that wait for the gateway's receipt. Nothing but that receipt takes a
message out: not a resend, not an export, not a deadline that has passed."""

EXAMPLES = """\
examples:
  ridgekey edge outbox list                      what waits, how often it was sent, how the links are
                                                 (behind: goes after an earlier one of the same person)
  ridgekey edge outbox show 0x1c9f02aa           all about one message
  ridgekey edge outbox retry                     send now, without waiting for the end of the back-off

where no link works, carry the messages by hand; who carries them can neither read nor change them:
  ridgekey edge outbox export /media/stick/kiosk.cose
  ridgekey gateway take /media/stick/kiosk.cose  at the gateway; it writes the receipts beside them
  ridgekey edge outbox import /media/stick/kiosk.receipts"""

TIMES = {"signed_at", "deadline", "settled_at"}


def add_to(words: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `outbox` to the sub-commands of `ridgekey edge`."""
    top = words.add_parser(
        "outbox",
        help="The signed messages of this kiosk that wait for a receipt.",
        description=TEXT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "list", list_, "List the messages that wait, and how the links stand.")
    command = _add(commands, "show", show, "Say all about one message, settled or not.")
    command.add_argument("digest", metavar="0x…", help="of its act, or its first digits")
    command = _add(commands, "retry", retry, "Send one message, or all, without waiting for the back-off.")
    command.add_argument("digest", metavar="0x…", nargs="?", help="of its act, or its first digits")
    text = "Write messages to a file, in the order in which they must be handed in; they hold no biometrics."
    command = _add(commands, "export", export, text)
    command.add_argument("file", type=Path)
    command.add_argument(
        "--digest", metavar="0x…", help="only this one, waiting or settled; by default all that wait"
    )
    text = "Take in receipts that came by hand; each is checked as if it came over a link."
    command = _add(commands, "import", import_, text)
    command.add_argument("file", type=Path, help="receipts, as `ridgekey gateway take` writes them")


def list_(arguments: argparse.Namespace) -> int:
    """List the queue."""
    done: Any = _ask(arguments, {"do": "outbox"})
    if arguments.json:
        JsonLines().show(done)
        return 0
    console = Console()
    for name, state in done["links"].items():
        console.print(Text(f"link {name}: {state}"))
    if done["messages"]:
        console.print(_table(done["messages"]))
    for each in done["messages"]:
        if each["reason"]:
            console.print(Text(f"{each['digest'][:SHORT]}: {each['reason']}"))
    console.print(f"{len(done['messages'])} of at most {done['limit']} messages wait for a receipt")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Say all about one message."""
    done: Any = _ask(arguments, {"do": "message", "digest": arguments.digest})
    if arguments.json:
        JsonLines().show(done)
        return 0
    for name, value in done.items():
        if value not in (None, ""):
            print(f"{name:12} {moment(value) if name in TIMES else value}")
    return 0


def retry(arguments: argparse.Namespace) -> int:
    """Have messages sent now."""
    request: JsonObject = {"do": "retry"}
    if arguments.digest:
        request["digest"] = arguments.digest
    done: Any = _ask(arguments, request)
    if arguments.json:
        JsonLines().show(done)
    else:
        print(f"{done['retried']} messages go out as soon as a link is up; those behind them follow")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Write messages to a file."""
    digests = [arguments.digest] if arguments.digest else _waiting(arguments)
    if not digests:
        raise NotFoundError("no message waits; nothing was written")
    exported: list[Any] = [_ask(arguments, {"do": "export", "digest": digest}) for digest in digests]
    messages = [bytes.fromhex(each["message"].removeprefix("0x")) for each in exported]
    _write(arguments.file, sequence.join(messages))
    if arguments.json:
        described = [{name: each[name] for name in ("digest", "act")} for each in exported]
        JsonLines().show({"file": str(arguments.file), "messages": described})
    else:
        acts = f"{len(messages)} messages" if len(messages) > 1 else exported[0]["act"]
        print(f"{arguments.file}: {acts}, {sum(map(len, messages))} bytes")
    return 0


def import_(arguments: argparse.Namespace) -> int:
    """Take in receipts from a file; exit code 1 if one of them was refused."""
    news, refused = 0, []
    receipts = _read(arguments.file)
    for receipt in receipts:
        try:
            news += bool(_ask(arguments, {"do": "import", "receipt": receipt.hex()})["news"])
        except ErrandError as error:
            if error.exit_code != BadDataError.exit_code:
                raise
            refused.append(str(error))
    if arguments.json:
        JsonLines().show({"receipts": len(receipts), "settled": news, "refused": refused})
    else:
        known = len(receipts) - news - len(refused)
        print(
            f"{len(receipts)} receipts: {news} messages settled, {known} were known, {len(refused)} refused"
        )
        for reason in refused:
            print(f"  {reason}")
    return 1 if refused else 0


def _waiting(arguments: argparse.Namespace) -> list[str]:
    done: Any = _ask(arguments, {"do": "outbox"})
    return [entry["digest"] for entry in done["messages"]]


def _table(messages: list[dict[str, Any]]) -> Table:
    return table(
        ("message", "act", "person", "signed", "state", "sent", "again"),
        (
            (
                each["digest"][:SHORT],
                each["act"],
                each["subject"][:SHORT],
                moment(each["signed_at"]),
                each["state"],
                f"{each['attempts']} ×",
                _when(each["again_in"]),
            )
            for each in messages
        ),
    )


def _when(again_in: float | None) -> str:
    """When a message is sent: `due` is as soon as a link takes it."""
    if again_in is None:
        return "behind"
    return f"in {again_in:.0f} s" if again_in else "due"


def _ask(arguments: argparse.Namespace, request: JsonObject) -> JsonObject:
    return client.ask(config.load(arguments.config).panel, request, lambda _: None)


def _read(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            return sequence.split(file.read(sequence.MAX_SEQUENCE + 1))
    except FileNotFoundError:
        raise NotFoundError(f"there is no {path}") from None
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from None
    except ContractError as error:
        raise BadDataError(f"{path}: {error}") from None


def _write(path: Path, content: bytes) -> None:
    """Write a file that is whole when this returns, also on a stick that is pulled out the next moment."""
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}") from None


def _add(
    words: "argparse._SubParsersAction[argparse.ArgumentParser]",
    word: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    command = words.add_parser(word, help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("--config", type=Path, default=Path("edge.toml"), help="default: %(default)s")
    command.add_argument("--json", action="store_true", help="print a JSON object")
    return command
