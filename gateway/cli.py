"""`ridgekey gateway`: make the gateway's keys, run the relay."""

import argparse
import json
import logging
import signal
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.hexes import checksum_address
from gateway import keyfiles, take
from gateway.config import load_config
from gateway.errors import GatewayError
from gateway.fleet import cli as fleet
from gateway.journal import cli as journal
from gateway.ledger.access import LedgerAccess
from gateway.provisioning import cli as provisioning
from gateway.relayers import cli as relayers

if TYPE_CHECKING:
    from gateway.service import Gateway

EXAMPLES = """examples:
  ridgekey gateway init --state gateway-state
  ridgekey gateway run --config gateway.toml
  ridgekey gateway provision broker --host broker.example
  ridgekey gateway run --config gateway.toml --ledger http://127.0.0.1:8545 --json

A configuration, of which only the first three settings are needed:

  state = "gateway-state"          # from this file's directory
  environment = "demo"             # signatures for one environment are void in another
  broker = "mqtt://127.0.0.1:1883"
  bluetooth = "ble:"               # kiosks by Bluetooth, beside the broker or in its place; see docs/ble.md
  listen = "127.0.0.1:8700"        # HTTP for requesters; port 0 takes a free one
  tls_certificate = "gateway.pem"  # makes it HTTPS, which the page for phones needs; the chain, PEM
  tls_key = "gateway-key.pem"
  ledger = "http://10.0.0.5:8545"  # or a table, see docs/ledgers.md; without it an embedded ledger is run,
  ledger_listen = "127.0.0.1:8545" # listening here,
  chain_id = 20022                 # with this chain id; a ledger that has another is refused
  contract = "0x5FbD..."           # without it one is deployed at the first run, and remembered
  confirmations = 1                # blocks until a transaction is final
  passphrase_file = "passphrase"   # of the relayers' keys, see ridgekey gateway keys --help
  shared = true                    # where several gateways share one broker's kiosks
  journal = "postgresql://ridgekey@db.example/ridgekey"  # where several gateways share one journal

  [relay]                          # batches, fees, limits: docs/gateway.md has them all
  fee_cap_gwei = 500               # wait rather than pay more
  daily_gwei = 1000000000          # a relayer spends no more in 24 hours; 1 ether

  [kiosks]                         # who is listened to; `ridgekey edge init` prints the line
  "0123456789abcdef" = "the kiosk's public key, 64 hex digits"
"""


def main(argv: list[str]) -> int:
    """Run one of the sub-commands."""
    arguments = parser().parse_args(argv)
    code: int = arguments.command(arguments)
    return code


def parser() -> ArgumentParser:
    """The options of `ridgekey gateway`."""
    top = ArgumentParser(
        prog="ridgekey gateway",
        description="The relay: takes what kiosks and requesters signed to the ledger, and answers them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    init_ = commands.add_parser(
        "init",
        help="make the gateway's key and the account that pays for transactions",
        description="Make the gateway's key, with which it signs receipts, and the relayer's, which pays for"
        " transactions on the ledger. Kiosks need the public key that this prints, as gateway_key.",
    )
    init_.add_argument("--state", type=Path, required=True, metavar="DIR", help="made if missing")
    init_.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help="encrypts the relayer's key; without it one is made, in DIR/relayer.passphrase",
    )
    init_.add_argument("--json", action="store_true", help="one JSON object, for machines")
    init_.set_defaults(command=init)

    provisioning.add_to(commands)
    fleet.add_to(commands)
    relayers.add_to(commands)
    journal.add_to(commands)
    take.add_to(commands)

    run_ = commands.add_parser(
        "run",
        help="run the relay until SIGTERM or Ctrl-C",
        description="Run the relay until SIGTERM or Ctrl-C. One line says when it is ready, and where."
        " SIGHUP makes it read [kiosks] again.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run_.add_argument("--config", type=Path, required=True, metavar="FILE", help="TOML, see below")
    run_.add_argument("--ledger", metavar="URL", help="use this ledger instead of the configuration's")
    run_.add_argument("--json", action="store_true", help="the readiness line as JSON, for machines")
    run_.set_defaults(command=run)
    return top


def init(arguments: Namespace) -> int:
    """`ridgekey gateway init`."""
    from gateway.relayers import keyring
    from gateway.service import GATEWAY_KEY_FILE

    keyfiles.make_directory(arguments.state)
    relayer = keyring.init(arguments.state, arguments.passphrase_file)
    key = Ed25519PrivateKey.generate()
    keyfiles.create(arguments.state / GATEWAY_KEY_FILE, key)
    public_key, address = key.public_key().public_bytes_raw().hex(), checksum_address(relayer.address)
    if arguments.json:
        print(json.dumps({"gateway_key": public_key, "relayer": address, "state": str(arguments.state)}))
    else:
        print(f"gateway key (for each kiosk's gateway_key)   {public_key}")
        print(f"relayer (fund it, on a ledger of others)     {address}")
        print(f"both private keys are in {arguments.state}, the relayer's encrypted;")
        print("next: ridgekey gateway run --help")
    return 0


def run(arguments: Namespace) -> int:
    """`ridgekey gateway run`."""
    from gateway.service import Gateway

    logging.basicConfig(format="ridgekey gateway: %(message)s", level=logging.WARNING, stream=sys.stderr)
    config = load_config(arguments.config)
    if arguments.ledger:
        config = replace(config, ledger=LedgerAccess((arguments.ledger,)))
    gateway = Gateway(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: gateway.stop())
    signal.signal(signal.SIGHUP, lambda *_: _reload(gateway, arguments.config))
    with gateway:
        announce(gateway.description(), as_json=arguments.json)
        gateway.wait()
    return 0


def _reload(gateway: "Gateway", path: Path) -> None:
    """Read the directory of kiosks again; a configuration that does not hold changes nothing."""
    try:
        gateway.listen_to(load_config(path).kiosks)
    except GatewayError as error:
        logging.getLogger(__name__).warning("the kiosks stay as they were: %s", error)


def announce(description: dict[str, object], *, as_json: bool) -> None:
    """The readiness line."""
    if as_json:
        print(json.dumps(description), flush=True)
        return
    print(
        "gateway ready at {http}: environment {environment}, contract {contract} on chain {chain_id}"
        " at {ledger}, gateway key {gateway_key}".format(**description),
        flush=True,
    )
