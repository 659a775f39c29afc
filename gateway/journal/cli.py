"""`ridgekey gateway journal`: what is under way, what is stuck, and why."""

import argparse
import json
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from contracts.hexes import checksum_address, from_hex, to_hex
from gateway.config import load_config
from gateway.entries import Entry, Shipment
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """examples:
  ridgekey gateway journal list --config gateway.toml
  ridgekey gateway journal list --config gateway.toml --json | jq 'map(select(.trouble != ""))'
  ridgekey gateway journal show 0x5f2c... --config gateway.toml

The journal can be read while the gateway runs.
"""

SHOWN = 200
"""Acts that `list` shows unless told otherwise; the oldest, since those are the ones that are stuck."""


class NoSuchActError(GatewayError):
    """The journal has no such act."""

    exit_code = 66


def add_to(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    journal = commands.add_parser(
        "journal",
        help="what is under way, what is stuck, and why",
        description="The acts that the gateway has been handed, and how far each has come.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = journal.add_subparsers(required=True, metavar="ACTION")
    list_command = actions.add_parser("list", help="acts that are neither final nor rejected, oldest first")
    list_command.add_argument("--limit", type=int, default=SHOWN, metavar="N", help=f"at most; {SHOWN}")
    list_command.set_defaults(command=list_)
    show_command = actions.add_parser("show", help="one act, and the transactions that carry it")
    show_command.add_argument("digest", metavar="DIGEST", help="the act's, 0x and 64 hex digits")
    show_command.set_defaults(command=show)
    for command in (list_command, show_command):
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's")
        command.add_argument("--json", action="store_true", help="for machines")


def list_(arguments: Namespace) -> int:
    """`ridgekey gateway journal list`."""
    from gateway.journal import Journal

    with Journal(load_config(arguments.config).journal) as journal:
        entries = journal.under_way(arguments.limit)
        counts = journal.count_under_way()
    if arguments.json:
        print(json.dumps([_summary(entry) for entry in entries]))
        return 0
    table = Table(Column("digest", overflow="fold"), "act", "state", "since", "waits for")
    for entry in entries:
        age = f"{int(time.time()) - entry.received_at} s"
        table.add_row(to_hex(entry.digest), entry.kind.name.lower(), entry.state, age, Text(_why(entry)))
    console = Console()
    if entries:
        console.print(table)
    console.print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "nothing waits")
    return 0


def show(arguments: Namespace) -> int:
    """`ridgekey gateway journal show`."""
    from gateway.journal import Journal

    digest = from_hex(arguments.digest, 32)
    with Journal(load_config(arguments.config).journal) as journal:
        entry = journal.find(digest)
        if entry is None:
            raise NoSuchActError(f"the journal has no act {to_hex(digest)}; `journal list` shows what waits")
        shipment = None if entry.shipment is None else journal.shipment(entry.shipment)
    found = (
        _summary(entry) | _details(entry) | ({} if shipment is None else {"carried_by": _carrier(shipment)})
    )
    if arguments.json:
        print(json.dumps(found))
        return 0
    for name, value in found.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for inner, of_inner in value.items():
                print(f"  {inner:<18} {of_inner}")
        else:
            print(f"{name:<20} {value}")
    return 0


def _summary(entry: Entry) -> dict[str, Any]:
    return {
        "digest": to_hex(entry.digest),
        "act": entry.kind.name.lower(),
        "subject": checksum_address(entry.subject),
        "kiosk": None if entry.kiosk is None else entry.kiosk.hex(),
        "state": entry.state.value,
        "received_at": entry.received_at,
        "trouble": _why(entry),
    }


def _details(entry: Entry) -> dict[str, Any]:
    return {
        "step": f"{entry.step + 1} of {entry.steps}",
        "failed_tries": entry.tries,
        "reason": entry.reason,
        "transaction": None if entry.transaction is None else to_hex(entry.transaction),
        "block": entry.block,
        "has_receipt": entry.receipt is not None,
    }


def _carrier(shipment: Shipment) -> dict[str, Any]:
    return {
        "relayer": checksum_address(shipment.sender),
        "nonce": shipment.nonce,
        "state": shipment.state.value,
        "gas": shipment.gas,
        "cost_gwei": shipment.cost,
        "block": shipment.block,
        "transaction": None if shipment.transaction is None else to_hex(shipment.transaction),
        "candidates": [
            {
                "hash": to_hex(each.hash),
                "most_wei": each.most,
                "tip_wei": each.tip,
                "signed_at": each.signed_at,
            }
            for each in shipment.candidates
        ],
    }


def _why(entry: Entry) -> str:
    if entry.due > time.time():
        return f"over its rate limit for {entry.due - int(time.time())} s more"
    return entry.trouble
