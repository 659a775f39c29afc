"""`ridgekey audit`: check the history of consents from the ledger alone."""

import argparse
import json
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from contracts.errors import ContractError
from contracts.hexes import ADDRESS_LENGTH, from_hex
from gateway.audit.fetch import ALL_HEADERS, Wanted, fetch
from gateway.audit.history import History, exporting, load
from gateway.audit.render import as_json, show
from gateway.audit.verify import Report, verify
from gateway.ledger.client import LedgerClient
from gateway.ledger.options import access_of, add_ledger

DESCRIPTION = """Check the history of consents from the ledger alone: rebuild every act from the contract's
events, verify its signature offline, and check that nonces, deadlines, expiries, purposes and the
order of acts are as the contract demands. The headers of blocks, which name one another, commit to
all receipts and so to all events: none can be altered, added or left out.
Exit code 0 if everything holds, 1 if not."""

EXAMPLES = """examples:
  ridgekey audit --ledger http://127.0.0.1:8545 --contract 0x5FbD...
  ridgekey audit --ledger http://127.0.0.1:8545 --contract 0x5FbD... --export history.jsonl
  ridgekey audit --from-file history.jsonl
"""


def main(argv: list[str]) -> int:
    """Run the audit; 0 if everything holds, 1 if not."""
    options = parser()
    arguments = options.parse_args(argv)
    online = arguments.ledger is not None and arguments.contract is not None
    if online == (arguments.from_file is not None):
        options.error("give either --ledger and --contract, or --from-file")
    if arguments.from_file is not None and arguments.subject is not None:
        options.error("--subject goes with --ledger; a file is about whom it was exported for")
    console = Console(stderr=True)
    with (
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
        ExitStack() as stack,
    ):
        history = _history(arguments, stack)
        if arguments.export is not None:
            history = exporting(history, arguments.export)
        report = _verified(history, arguments.environment, progress)
    if arguments.json:
        print(json.dumps(as_json(report)))
    else:
        show(report, Console())
    return 0 if report.holds else 1


def parser() -> ArgumentParser:
    """The options of `ridgekey audit`."""
    options = ArgumentParser(
        prog="ridgekey audit",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_ledger(options, required=False)
    options.add_argument("--contract", type=_address, metavar="ADDRESS", help="our contract on it")
    options.add_argument("--subject", type=_address, metavar="ADDRESS", help="only what is about this person")
    options.add_argument(
        "--from-block",
        type=int,
        default=0,
        metavar="N",
        help="begin there: the contract's, on a long ledger of others",
    )
    options.add_argument(
        "--every-header",
        action="store_true",
        default=None,
        help=f"read the headers of all blocks, also of more than {ALL_HEADERS:,}: then none can be left out",
    )
    options.add_argument(
        "--events",
        action="store_true",
        help="read events in place of the receipts that prove them complete: for a ledger that gives no"
        " receipts of whole blocks, or where most of them are those of others",
    )
    options.add_argument("--environment", metavar="NAME", help="name of the deployment that it must be of")
    options.add_argument("--export", type=Path, metavar="FILE", help="also write the history to a file")
    options.add_argument("--from-file", type=Path, metavar="FILE", help="audit such a file, without a ledger")
    options.add_argument("--json", action="store_true", help="one JSON object, for machines")
    return options


def _history(arguments: Namespace, stack: ExitStack) -> History:
    if arguments.from_file is not None:
        return load(arguments.from_file)
    client = stack.enter_context(LedgerClient(access_of(arguments)))
    wanted = Wanted(
        subject=arguments.subject,
        first=arguments.from_block,
        every_header=arguments.every_header,
        proven=not arguments.events,
    )
    return fetch(client, arguments.contract, wanted)


def _verified(history: History, environment: str | None, progress: Progress) -> Report:
    task = progress.add_task("blocks", total=history.count)
    return verify(history, environment, lambda done: progress.update(task, completed=done))


def _address(text: str) -> bytes:
    try:
        return from_hex(text, ADDRESS_LENGTH)
    except ContractError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
