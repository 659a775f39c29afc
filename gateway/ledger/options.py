"""The options by which every command that talks to a ledger is told how to reach it."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from gateway.ledger.access import LedgerAccess, parse_access

SECRETS = "a text like file:PATH or credential:NAME stands for the content of that file"


def add_ledger(options: ArgumentParser, *, required: bool) -> None:
    """Add `--ledger`, `--headers` and `--authorities`."""
    options.add_argument(
        "--ledger", required=required, metavar="URL", help=f"JSON-RPC of the ledger; {SECRETS}"
    )
    options.add_argument(
        "--headers",
        type=Path,
        metavar="FILE",
        help="sent with each request to a hosted ledger: lines like Authorization: Bearer TOKEN; mode 0600",
    )
    options.add_argument(
        "--authorities",
        type=Path,
        metavar="FILE",
        help="certificates (PEM) that vouch for the ledger's; default: the system's",
    )


def access_of(arguments: Namespace) -> LedgerAccess:
    """How to reach the ledger that the options name.

    Raises:
        LedgerConfigurationError: It cannot work, or a file cannot be read.
    """
    table = {"url": arguments.ledger}
    if arguments.headers is not None:
        table["headers"] = f"file:{arguments.headers}"
    if arguments.authorities is not None:
        table["authorities"] = str(arguments.authorities)
    return parse_access(table, Path())
