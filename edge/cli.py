"""The words of `ridgekey edge …`; what they do is in `edge.commands`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from contracts.acts import RecordKind
from contracts.envelope import MAX_PLAINTEXT
from edge import certificate_cli, commands, identity_cli, outbox_cli
from edge.identity.keyring import Policy, Position
from edge.panel import DEFAULT_WAIT
from edge.phones import cli as phones_cli

DESCRIPTION = """\
The kiosk. `init` makes its keys and `agent` is its process; the other commands ask the running agent for an
errand and show what happens. Each errand that signs takes a press of the finger."""

EXAMPLES = """\
examples:
  ridgekey edge init --state kiosk --config edge.toml
  ridgekey edge agent --config edge.toml
  ridgekey edge enrol
  ridgekey edge enrol --finger right-index --finger left-index --policy two
  ridgekey edge fingers add --finger left-thumb
  ridgekey edge store passport.pdf --kind identity-document
  ridgekey edge requests
  ridgekey edge grant 0x1c9f02aa --until 2027-01-31
  ridgekey edge renew 0x1c9f02aa --until 2028-01-31
  ridgekey edge entrust --paper

exit codes: 0 done or queued, 1 refused or not recognised, 2 usage, 65 bad data, 66 no such thing here,
69 agent, sensor or room missing, 74 disk, 78 configuration"""

Words: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: list[str]) -> int:
    """Run one sub-command of `ridgekey edge`."""
    arguments = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def parser() -> argparse.ArgumentParser:
    """The command line of `ridgekey edge`."""
    top = argparse.ArgumentParser(
        prog="ridgekey edge",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = top.add_subparsers(metavar="COMMAND", required=True)
    _add_init(words)
    _add(
        words,
        "agent",
        commands.agent,
        "Run the kiosk's process until SIGTERM; one JSON line says it is ready.",
    )
    _add_enrol(words)
    _add_fingers(words)
    _add_store(words)
    _add(words, "requests", commands.requests, "List the requests heard at this kiosk.")
    _add_answers(words)
    identity_cli.add_to(words)
    _add_history(words)
    _add(words, "status", commands.status, "Say how the kiosk stands.")
    phones_cli.add_to(words)
    outbox_cli.add_to(words)
    certificate_cli.add_to(words)
    _add_scan(words)
    return top


def _add_init(words: Words) -> None:
    text = (
        "Make a new kiosk's device key and pepper (an existing one keeps its own); print id and public key."
    )
    command = words.add_parser("init", help=text, description=text)
    command.set_defaults(run=commands.init)
    command.add_argument("--state", type=Path, required=True, help="directory for keys and database")
    command.add_argument("--config", type=Path, help="write a configuration there, to be filled in")
    command.add_argument("--json", action="store_true", help="print a JSON object")


def _add_enrol(words: Words) -> None:
    text = "Enrol a person: three presses of a finger, or of each of several."
    command = _add_errand(words, "enrol", commands.enrol, text)
    command.add_argument(
        "--policy",
        choices=[policy.value for policy in Policy],
        default=Policy.ANY.value,
        help="any finger opens, or it takes two, pressed one after the other (default: %(default)s)",
    )
    _add_finger(command)


def _add_finger(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--finger",
        action="append",
        choices=[position.text for position in Position],
        metavar="NAME",
        help="which: right-index, left-thumb, ...; give it once for each finger",
    )


def _add_fingers(words: Words) -> None:
    text = "The fingers that open a person's identity: list, add, remove."
    actions = words.add_parser("fingers", help=text, description=text)
    several = actions.add_subparsers(metavar="COMMAND", required=True)
    listed = _add(several, "list", commands.fingers, "List everybody's fingers, by number.")
    listed.set_defaults(do="fingers")
    text = "Add a finger of a person, after a press of one that opens; under the policy of two, add a pair."
    added = _add(several, "add", commands.fingers, text)
    added.set_defaults(do="add-finger")
    _add_finger(added)
    text = (
        "Remove a finger by a press of one that stays. Its record is overwritten here; an older copy of this"
        " kiosk's disk, with its pepper, would still open to it."
    )
    removed = _add(several, "remove", commands.fingers, text)
    removed.set_defaults(do="remove-finger")
    removed.add_argument("number", type=int, help="as `list` tells it")
    for command in (added, removed):
        command.add_argument("--subject", metavar="0x…", help="whose; by default the finger tells")


def _add_store(words: Words) -> None:
    command = _add_errand(words, "store", commands.store, "Encrypt a document and register it on the ledger.")
    command.add_argument("file", type=Path, help=f"the document, at most {MAX_PLAINTEXT // 1024} KiB")
    command.add_argument("--kind", required=True, choices=[kind.value for kind in RecordKind])
    command.add_argument("--subject", metavar="0x…", help="whose it is; by default the finger tells")


def _add_answers(words: Words) -> None:
    for word, text in (
        ("grant", "Grant a request, for its purpose and until it ends."),
        ("deny", "Deny a request."),
        ("withdraw", "Take a consent back."),
        ("renew", "Give a consent another end, sooner or later; also one that has expired."),
    ):
        command = _add_errand(words, word, commands.answer, text)
        command.set_defaults(do=word)
        identifier = "identifier of the request, or its first digits"
        if word == "withdraw":
            identifier += "; by default the withdrawal that a phone has started"
        many = "?" if word == "withdraw" else None
        command.add_argument("request", metavar="0x…", nargs=many, help=identifier)
        if word == "grant":
            command.add_argument("--until", metavar="TIME", help="end it earlier: 2027-01-31, or Unix time")
        if word == "renew":
            command.add_argument(
                "--until", metavar="TIME", required=True, help="its end: 2027-01-31, or Unix time"
            )


def _add_history(words: Words) -> None:
    text = "List what was signed at this kiosk, the latest first, and what became of it."
    command = _add(words, "history", commands.history, text)
    command.add_argument("--subject", metavar="0x…", help="only what this person signed")


def _add_scan(words: Words) -> None:
    text = (
        "Search files for traces of presses, given as PGM images on standard input: pixels, minutiae, and the"
        " secrets that the presses unlock here. Exit code 1 if there is a trace."
    )
    command = _add(words, "scan", commands.scan, text)
    command.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="files and directories to search"
    )
    command.add_argument("--dpi", type=int, default=500, help="of the images (default: %(default)s)")


def _add_errand(
    words: Words, word: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    command = _add(words, word, run, text)
    command.add_argument(
        "--wait",
        type=float,
        default=DEFAULT_WAIT,
        metavar="SECONDS",
        help="for the gateway's receipt; if none comes the message stays queued (default: %(default)s)",
    )
    return command


def _add(
    words: Words, word: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    command = words.add_parser(word, help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("--config", type=Path, default=Path("edge.toml"), help="default: %(default)s")
    command.add_argument("--json", action="store_true", help="JSON lines, as edge/events.py describes them")
    return command
