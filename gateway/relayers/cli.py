"""`ridgekey gateway keys`: the accounts that pay for transactions."""

import argparse
import json
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from contracts.hexes import checksum_address
from gateway.config import GatewayConfig, load_config

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """examples:
  ridgekey gateway keys list --config gateway.toml
  ridgekey gateway keys add --config gateway.toml

To rotate a key: add one, fund its address, put the old address into `retired` in [relay], and restart the
gateway. It finishes what the old one has under way and begins nothing more with it. Once `list` shows nothing
pending for it, its file can go.

The passphrase of the keys comes from the file that the setting passphrase_file names, else from the systemd
credential relayer-passphrase, else from relayer.passphrase beside them.
"""

DAY = 86_400

WIDTH = 200
"""Columns of the table at most, more than any row has: addresses are there to be copied, so a narrow terminal
has to break the lines."""


def add_to(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    keys = commands.add_parser(
        "keys",
        help="list the accounts that pay for transactions, or add one",
        description="The relayers: accounts that pay for transactions and sign for nobody. Their keys are"
        " kept encrypted in the state directory. Several share the work.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    for name, help_, command in [
        ("list", "addresses, what each has pending and has spent in 24 hours", list_),
        ("add", "make another", add),
    ]:
        action = actions.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
        action.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's")
        action.add_argument("--json", action="store_true", help="for machines")
        action.set_defaults(command=command)


def list_(arguments: Namespace) -> int:
    """`ridgekey gateway keys list`."""
    config = load_config(arguments.config)
    found = overview(config)
    if arguments.json:
        print(json.dumps(found))
        return 0
    table = Table("address", "file", "use", "pending", "gwei in 24 h", "limit")
    for key in found:
        limit = "none" if key["limit_gwei"] is None else f"{key['limit_gwei']:,}"
        use = "retired" if key["retired"] else "active"
        table.add_row(key["address"], key["file"], use, str(key["pending"]), f"{key['spent_gwei']:,}", limit)
    Console(width=WIDTH).print(table)
    return 0


def add(arguments: Namespace) -> int:
    """`ridgekey gateway keys add`."""
    from gateway.relayers import keyring

    config = load_config(arguments.config)
    relayer = keyring.add(config.state, config.passphrase_file)
    address = checksum_address(relayer.address)
    if arguments.json:
        print(json.dumps({"address": address}))
    else:
        print(f"{address}\nfund it (the embedded ledger does that itself) and restart the gateway;")
        print("until it has funds, the others do its work")
    return 0


def overview(config: GatewayConfig) -> list[dict[str, Any]]:
    """What there is to say about each relayer, from its file and the journal; no passphrase is needed."""
    from gateway.journal import Journal
    from gateway.relayers import keyring

    with Journal(config.journal) as journal:
        pending = journal.pending()
        return [
            {
                "address": checksum_address(address),
                "file": path.name,
                "retired": address in config.relay.retired,
                "pending": pending[address].count if address in pending else 0,
                "spent_gwei": journal.spent_since(address, int(time.time()) - DAY),
                "limit_gwei": config.relay.spending,
            }
            for path in keyring.files(config.state)
            for address in [keyring.address_in(path)]
        ]
