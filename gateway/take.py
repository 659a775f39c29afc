"""`ridgekey gateway take`: kiosks' messages that came on a stick, handed in, and their receipts to take back.

Whoever runs it is a carrier like any other: what they bring is signed by the kiosk, what they take away by
the gateway.
"""

import argparse
import json
import os
import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contracts import cose, sequence
from contracts.errors import ContractError
from contracts.hexes import to_hex
from contracts.messages import MAX_KIOSK_MESSAGE
from gateway.config import DEFAULT_LISTEN
from gateway.errors import GatewayError
from gateway.requester.client import GatewayClient, GatewayRefusedError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """examples:
  ridgekey gateway take /media/stick/kiosk.cose
  ridgekey gateway take kiosk.cose --gateway https://gateway.example --receipts back.receipts

Handing a file in twice does no harm: run it again to fetch receipts that were not there yet."""

SUFFIX = ".receipts"
POLL_SECONDS = 0.5
DEFAULT_WAIT = 120.0


class FileError(GatewayError):
    """A file cannot be read or written."""

    exit_code = 74


class NoMessagesError(GatewayError):
    """A file is not what a kiosk has exported."""

    exit_code = 65


@dataclass
class Handed:
    """What became of a file.

    Attributes:
        taken: digests of the acts that the gateway has.
        refused: for each message that it does not take, why.
        receipts: by digest, as far as they are there.
    """

    taken: list[bytes]
    refused: list[str]
    receipts: dict[bytes, bytes]


def add_to(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    take_ = commands.add_parser(
        "take",
        help="hand in messages of a kiosk that came on a stick, and fetch their receipts",
        description="Hand in what `ridgekey edge outbox export` wrote, in its order, wait for the receipts,"
        " and write them to a file for `ridgekey edge outbox import`. It needs no key and no configuration.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    take_.add_argument("file", type=Path, help="as the kiosk exported it")
    take_.add_argument(
        "--gateway", metavar="URL", default=f"http://{DEFAULT_LISTEN}", help="default: %(default)s"
    )
    take_.add_argument(
        "--receipts", type=Path, metavar="FILE", help=f"default: beside it, ending in {SUFFIX}"
    )
    take_.add_argument(
        "--wait",
        type=float,
        default=DEFAULT_WAIT,
        metavar="SECONDS",
        help="for receipts (default: %(default)s)",
    )
    take_.add_argument("--json", action="store_true", help="one JSON object, for machines")
    take_.set_defaults(command=command)


def command(arguments: Namespace) -> int:
    """`ridgekey gateway take`; exit code 1 if a message was refused or has no receipt yet."""
    messages = _read(arguments.file)
    with GatewayClient(arguments.gateway) as gateway:
        handed = take(gateway, messages, arguments.wait)
    path = arguments.receipts or arguments.file.with_suffix(SUFFIX)
    if handed.receipts:
        _write(path, sequence.join(handed.receipts.values()))
    missing = len(handed.taken) - len(handed.receipts)
    if arguments.json:
        print(
            json.dumps(
                {
                    "messages": len(messages),
                    "taken": [to_hex(digest) for digest in handed.taken],
                    "refused": handed.refused,
                    "receipts": len(handed.receipts),
                    "file": str(path) if handed.receipts else None,
                }
            )
        )
    else:
        print(f"{len(messages)} messages: {len(handed.taken)} taken, {len(handed.refused)} refused")
        for reason in handed.refused:
            print(f"  {reason}")
        if handed.receipts:
            print(
                f"{len(handed.receipts)} receipts in {path}; at the kiosk: ridgekey edge outbox import FILE"
            )
        if missing:
            print(f"{missing} have no receipt yet; run this again later to fetch them")
    return int(bool(missing or handed.refused))


def take(gateway: GatewayClient, messages: list[bytes], wait: float) -> Handed:
    """Hand in messages in their order, and wait for their receipts.

    Args:
        gateway: where to.
        messages: of any kiosks; the file's order is the order in which their people signed.
        wait: seconds for the receipts.

    Raises:
        GatewayUnreachableError, GatewayProtocolError: No gateway answers; hand the same file in again.
    """
    handed = Handed([], [], {})
    for number, message in enumerate(messages, 1):
        try:
            handed.taken.append(gateway.carry(cose.claimed_signer(message, MAX_KIOSK_MESSAGE).hex(), message))
        except (GatewayRefusedError, ContractError) as error:
            handed.refused.append(f"message {number}: {error}")
    deadline = time.monotonic() + wait
    for digest in handed.taken:
        while (receipt := gateway.receipt(digest)) is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if receipt is not None:
            handed.receipts[digest] = receipt
    return handed


def _read(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            return sequence.split(file.read(sequence.MAX_SEQUENCE + 1))
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from None
    except ContractError as error:
        raise NoMessagesError(f"{path}: {error}") from None


def _write(path: Path, content: bytes) -> None:
    """Write a file that is whole when this returns, also on a stick that is pulled out the next moment."""
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from None
