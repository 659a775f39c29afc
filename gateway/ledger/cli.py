"""`ridgekey ledger`: run the embedded node, deploy the contract, look at one, submit past the gateway."""

import argparse
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from contracts.errors import ContractError
from contracts.hexes import ADDRESS_LENGTH, checksum_address, from_hex, to_hex
from contracts.messages import MAX_KIOSK_MESSAGE
from gateway.config import DEFAULT_LEDGER_LISTEN, parse_listen
from gateway.errors import WrongUseError
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import NoSuchInputError, RevertedError
from gateway.ledger.node import DEFAULT_CHAIN_ID
from gateway.ledger.options import access_of, add_ledger
from gateway.ledger.registry import Registry
from gateway.ledger.submission import OVERHEAD, read
from gateway.ledger.submission import submit as submit_to
from gateway.relayers import keyring

EXAMPLES = """examples:
  ridgekey ledger run --state ledger-state
  ridgekey ledger deploy --ledger http://127.0.0.1:8545 --key ledger-state/relayer.pem --environment demo
  ridgekey ledger info --ledger http://127.0.0.1:8545 --contract 0x5FbD...
  ridgekey ledger submit --ledger http://127.0.0.1:8545 --contract 0x5FbD... --key relayer.pem --message
  grant.cose
"""

MAX_CHAIN_ID = 2**53
"""Greatest chain id: what JSON numbers carry exactly (EIP-2294 draws the line nearby)."""


def main(argv: list[str]) -> int:
    """Run one of the sub-commands."""
    arguments = parser().parse_args(argv)
    code: int = arguments.command(arguments)
    return code


def parser() -> ArgumentParser:
    """The options of `ridgekey ledger`."""
    top = ArgumentParser(
        prog="ridgekey ledger",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    node = _command(commands, "run", run, "run a durable single-node ledger with eth_* JSON-RPC")
    node.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="its directory, made if missing"
    )
    node.add_argument(
        "--listen",
        default=DEFAULT_LEDGER_LISTEN,
        metavar="HOST:PORT",
        help="default %(default)s; port 0: any free one",
    )
    node.add_argument(
        "--chain-id",
        type=_chain_id,
        metavar="N",
        help=f"of a new ledger (default {DEFAULT_CHAIN_ID}); one that exists has its own, which must be this",
    )
    node.add_argument(
        "--fund",
        type=_address,
        action="append",
        default=[],
        metavar="ADDRESS",
        help="gets the funds of a new ledger; without it a relayer account is made in DIR/relayer.pem",
    )

    deploy_ = _command(commands, "deploy", deploy, "put the contract on a ledger")
    add_ledger(deploy_, required=True)
    _add_key(deploy_)
    _add_environment(deploy_)

    info_ = _command(commands, "info", info, "say which ledger this is, and whether a contract on it is ours")
    add_ledger(info_, required=True)
    info_.add_argument(
        "--contract", type=_address, metavar="ADDRESS", help="check that our contract is there"
    )
    _add_environment(info_, required=False)

    submit_ = _command(
        commands,
        "submit",
        submit,
        "send a kiosk's message straight to the contract, past every gateway check",
    )
    add_ledger(submit_, required=True)
    submit_.add_argument("--contract", type=_address, required=True, metavar="ADDRESS", help="our contract")
    _add_key(submit_)
    submit_.add_argument(
        "--message", type=Path, required=True, metavar="FILE", help="the COSE message of a kiosk"
    )
    return top


def run(arguments: Namespace) -> int:
    """`ridgekey ledger run`."""
    from gateway.ledger.node.run import NodeConfig
    from gateway.ledger.node.run import run as run_node

    host, port = parse_listen(arguments.listen, "--listen")
    config = NodeConfig(arguments.state, host, port, arguments.chain_id, tuple(arguments.fund))
    run_node(config, as_json=arguments.json)
    return 0


def deploy(arguments: Namespace) -> int:
    """`ridgekey ledger deploy`."""
    relayer = keyring.load_one(arguments.key, arguments.passphrase_file)
    with LedgerClient(access_of(arguments)) as client:
        registry = Registry.deploy(client, relayer, arguments.environment)
        facts = {
            "contract": checksum_address(registry.contract),
            "chain_id": client.chain_id(),
            "environment": arguments.environment,
        }
    _show(facts, as_json=arguments.json)
    return 0


def info(arguments: Namespace) -> int:
    """`ridgekey ledger info`."""
    if arguments.environment is not None and arguments.contract is None:
        raise WrongUseError("--environment is that of a contract: give --contract, too")
    with LedgerClient(access_of(arguments)) as client:
        facts: dict[str, object] = {
            "ledger": client.version(),
            "chain_id": client.chain_id(),
            "block": client.block_number(),
        }
        if arguments.contract is not None:
            registry = Registry(client, arguments.contract)
            registry.check(arguments.environment)
            facts["contract"] = f"{checksum_address(registry.contract)}, ours"
            facts["domain_separator"] = to_hex(registry.domain_separator())
    _show(facts, as_json=arguments.json)
    return 0


def submit(arguments: Namespace) -> int:
    """`ridgekey ledger submit`: 0 if the contract accepts, 1 if it refuses."""
    submission = read(_contents(arguments.message))
    relayer = keyring.load_one(arguments.key, arguments.passphrase_file)
    act = type(submission.act).__name__.lower()
    with LedgerClient(access_of(arguments)) as client:
        registry = Registry(client, arguments.contract)
        registry.check()
        try:
            receipt = submit_to(registry, relayer, submission)
        except RevertedError as error:
            _show(
                {"act": act, "accepted": False, "reason": error.reason, "verdict": str(error)},
                as_json=arguments.json,
            )
            return 1
    facts = {"act": act, "accepted": True, "transaction": to_hex(receipt.transaction), "block": receipt.block}
    _show(facts, as_json=arguments.json)
    return 0


def _contents(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KIOSK_MESSAGE + OVERHEAD + 1)
    except OSError as error:
        raise NoSuchInputError(f"cannot read the message {path}: {error.strerror}") from error


def _show(facts: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<{width}}  {value}")


def _command(
    commands: "argparse._SubParsersAction[ArgumentParser]", name: str, function: object, text: str
) -> ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--json", action="store_true", help="one JSON object, for machines")
    command.set_defaults(command=function)
    return command


def _add_key(command: ArgumentParser) -> None:
    command.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="of the account that pays: PEM or a keystore"
    )
    command.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="of the keystore; relayer.passphrase beside it"
    )


def _add_environment(command: ArgumentParser, *, required: bool = True) -> None:
    command.add_argument(
        "--environment",
        required=required,
        metavar="NAME",
        help="name of the deployment, part of what is signed",
    )


def _address(text: str) -> bytes:
    try:
        return from_hex(text, ADDRESS_LENGTH)
    except ContractError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _chain_id(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MAX_CHAIN_ID:
        raise argparse.ArgumentTypeError(f"a chain id is a number from 1 to {MAX_CHAIN_ID}")
    return int(text)
