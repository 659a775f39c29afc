"""`ridgekey requester`: ask a person for a record, follow the answer, open what was granted."""

import argparse
import time
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from pathlib import Path

from contracts.acts import Request, fresh_nonce
from contracts.eip712 import Domain
from contracts.errors import ContractError
from contracts.hexes import checksum_address, from_hex, to_hex
from contracts.messages import SignedRequest
from contracts.purpose import Purpose
from contracts.signing import sign
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from gateway.requester import state
from gateway.requester.client import GatewayClient, GatewayRefusedError
from gateway.requester.opening import open_record
from gateway.requester.report import deliver, print_json, report
from gateway.requester.state import Requester, Settings
from gateway.standing import on_ledger

SIGNATURE_LIFE = 3600
"""Seconds that the gateway has to bring a request to the ledger."""
POLL_SECONDS = 0.2
UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MAX_VALIDITY = 10 * 366 * 86_400

EXAMPLES = """examples:
  ridgekey requester init --state bank --name "Bank" --gateway http://127.0.0.1:8700 \\
      --ledger http://127.0.0.1:8545 --contract 0x5FbD...
  ridgekey requester request --state bank --subject 0x70997... --record 0x1f2e... \\
      --purpose "Proof of address for a new account" --valid 1d
  ridgekey requester status --state bank 0x9a8b...
  ridgekey requester open --state bank 0x9a8b... --output record.json

What init is told of gateway, ledger and contract need not be told again. The ledger's word, not the
gateway's, decides what is granted: point --ledger at a node that you trust. A withdrawal stops the next
opening; it takes back no copy that was made before.
"""


def main(argv: list[str]) -> int:
    """Run one of the sub-commands."""
    arguments = parser().parse_args(argv)
    code: int = arguments.command(arguments)
    return code


def parser() -> ArgumentParser:
    """The options of `ridgekey requester`."""
    top = ArgumentParser(
        prog="ridgekey requester",
        description="The trusted entity's side: ask for a record, follow the answer, open what was granted.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    init_ = _command(commands, "init", init, "make a requester's keys and remember where to ask")
    init_.add_argument("--name", default="", help="how you call yourself; a kiosk shows a name of its own")

    request_ = _command(commands, "request", request, "ask a person for a record")
    request_.add_argument("--subject", type=_hex(20), required=True, metavar="ADDRESS", help="whose record")
    request_.add_argument("--record", type=_hex(32), required=True, metavar="ID", help="which record")
    request_.add_argument("--purpose", required=True, metavar="TEXT", help="what for; the person reads this")
    request_.add_argument(
        "--valid", type=_validity, default="1d", metavar="TIME", help="30m, 12h, 1d, 2w (default %(default)s)"
    )
    request_.add_argument(
        "--wait",
        type=float,
        default=20,
        metavar="SECONDS",
        help="for the ledger to have it (default %(default)s)",
    )

    status_ = _command(commands, "status", status, "say how a request stands")
    _add_request(status_)

    opener = _command(
        commands, "open", open_granted, "fetch, check and decrypt the record of a granted request"
    )
    _add_request(opener)
    opener.add_argument(
        "--output", type=Path, metavar="FILE", help="write it here (mode 0600), not to the terminal"
    )
    return top


def init(arguments: Namespace) -> int:
    """`ridgekey requester init`."""
    settings = _settings(Settings(name=arguments.name), arguments)
    requester = state.create(arguments.state, settings)
    address = checksum_address(requester.address)
    encryption_key = requester.encryption_key.public_key().public_bytes_raw()
    if arguments.json:
        print_json({"address": address, "encryption_key": to_hex(encryption_key), "name": settings.name})
    else:
        print(f"address         {address}")
        print(f"encryption key  {to_hex(encryption_key)}")
        print(
            f'a kiosk shows a name for it with this line under [requesters]: "{address}" = "{settings.name}"'
        )
    return 0


def request(arguments: Namespace) -> int:
    """`ridgekey requester request`."""
    requester = state.load(arguments.state)
    settings = _settings(requester.settings, arguments)
    with ExitStack() as stack:
        gateway = stack.enter_context(GatewayClient(settings.need("gateway")))
        registry = _registry(stack, settings)
        domain = _domain(registry, settings, gateway)
        now = int(time.time())
        signed = sign_request(
            requester,
            domain,
            Purpose.of(arguments.purpose),
            subject=arguments.subject,
            record=arguments.record,
            expiry=now + arguments.valid,
            deadline=now + min(arguments.valid, SIGNATURE_LIFE),
        )
        identifier = gateway.submit(signed.encode())
        standing = _wait_for_ledger(gateway, registry, identifier, arguments.wait)
    return report(arguments, identifier, standing)


def sign_request(
    requester: Requester,
    domain: Domain,
    purpose: Purpose,
    *,
    subject: bytes,
    record: bytes,
    expiry: int,
    deadline: int,
) -> SignedRequest:
    """A request in the requester's name."""
    asked = Request(
        requester=requester.address,
        subject=subject,
        record=record,
        purpose=purpose.commitment(),
        encryption_key=requester.encryption_key.public_key().public_bytes_raw(),
        expiry=expiry,
        nonce=fresh_nonce(),
        deadline=deadline,
    )
    signature = sign(requester.signing_key, asked.digest(domain))
    return SignedRequest(asked, purpose, requester.public_key, signature)


def status(arguments: Namespace) -> int:
    """`ridgekey requester status`."""
    settings = _settings(state.load(arguments.state).settings, arguments)
    with ExitStack() as stack:
        gateway = stack.enter_context(GatewayClient(settings.need("gateway")))
        standing = _standing(gateway, _registry(stack, settings), arguments.request)
    return report(arguments, arguments.request, standing)


def open_granted(arguments: Namespace) -> int:
    """`ridgekey requester open`."""
    requester = state.load(arguments.state)
    settings = _settings(requester.settings, arguments)
    with ExitStack() as stack:
        gateway = stack.enter_context(GatewayClient(settings.need("gateway")))
        registry = _registry(stack, settings)

        def fetch(commitment: bytes, identifier: bytes) -> bytes | None:
            domain = _domain(registry, settings, gateway)
            return gateway.fetch(commitment, identifier, requester.signing_key, domain)

        plaintext = open_record(registry, requester, arguments.request, fetch)
    deliver(plaintext, arguments)
    return 0


# Asking


def _registry(stack: ExitStack, settings: Settings) -> Registry:
    """The contract on the ledger, checked to be ours."""
    client = stack.enter_context(LedgerClient(settings.need("ledger")))
    registry = Registry(client, from_hex(settings.need("contract"), 20))
    registry.check(settings.environment or None)
    return registry


def _domain(registry: Registry, settings: Settings, gateway: GatewayClient) -> Domain:
    """Where signatures count; if the gateway has to name the environment, the contract proves it right."""
    environment = settings.environment or gateway.environment()
    registry.check(environment)
    return Domain(registry.client.chain_id(), registry.contract, environment)


def _standing(gateway: GatewayClient, registry: Registry, identifier: bytes) -> dict[str, object]:
    """How a request stands: the ledger's word if it has one, else the gateway's."""
    found = on_ledger(registry, identifier)
    if found is not None:
        return vars(found)
    told = gateway.standing(identifier)
    if told is None:
        raise GatewayRefusedError(f"no request {to_hex(identifier)} is known to ledger or gateway")
    return {name: told.get(name) for name in ("state", "expiry", "reason")}


def _wait_for_ledger(
    gateway: GatewayClient, registry: Registry, identifier: bytes, seconds: float
) -> dict[str, object]:
    deadline = time.monotonic() + seconds
    while True:
        standing = _standing(gateway, registry, identifier)
        if standing["state"] != "received" or time.monotonic() > deadline:
            return standing
        time.sleep(POLL_SECONDS)


# Options


def _command(
    commands: "argparse._SubParsersAction[ArgumentParser]", name: str, function: object, text: str
) -> ArgumentParser:
    command = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--state", type=Path, required=True, metavar="DIR", help="the requester's directory")
    command.add_argument("--gateway", metavar="URL", help="the gateway's HTTP interface")
    command.add_argument("--ledger", metavar="URL", help="JSON-RPC of a ledger node")
    command.add_argument("--contract", metavar="ADDRESS", help="the contract's address")
    command.add_argument(
        "--environment", metavar="NAME", help="name of the deployment (default: the gateway's)"
    )
    command.add_argument("--json", action="store_true", help="one JSON object, for machines")
    command.set_defaults(command=function)
    return command


def _add_request(command: ArgumentParser) -> None:
    command.add_argument("request", type=_hex(32), metavar="ID", help="the request's id")


def _settings(remembered: Settings, arguments: Namespace) -> Settings:
    given = {name: getattr(arguments, name) for name in ("gateway", "ledger", "contract", "environment")}
    return remembered.with_given(**given)


class _hex:  # noqa: N801 - a type of argument
    """Reads hexadecimal bytes of a length."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __call__(self, text: str) -> bytes:
        try:
            return from_hex(text, self._length)
        except ContractError as error:
            raise argparse.ArgumentTypeError(str(error)) from None


def _validity(text: str) -> int:
    """Seconds in a text such as `12h`."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and unit in UNITS):
        raise argparse.ArgumentTypeError(f"write a time like 30m, 12h, 1d or 2w, not {text[:20]!r}")
    seconds = int(number[:9]) * UNITS[unit]
    if not 0 < seconds <= MAX_VALIDITY:
        raise argparse.ArgumentTypeError("a request is valid for at least a minute and at most ten years")
    return seconds
