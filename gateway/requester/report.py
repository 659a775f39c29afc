"""What the requester's commands print and write."""

import base64
import json
import os
import sys
import time
from argparse import Namespace
from pathlib import Path

from contracts.hexes import to_hex
from gateway.errors import GatewayError


class OutputError(GatewayError):
    """The opened record cannot be written where it should go."""

    exit_code = 74


def report(arguments: Namespace, identifier: bytes, standing: dict[str, object]) -> int:
    """Print how a request stands; exit code 1 if the ledger refused it."""
    if arguments.json:
        print_json({"request": to_hex(identifier), **standing})
    else:
        until = standing["expiry"]
        when = f", until {moment(until)}" if isinstance(until, int) else ""
        reason = f": {standing['reason']}" if standing["reason"] else ""
        print(f"request {to_hex(identifier)} {standing['state']}{when}{reason}")
    return 1 if standing["state"] == "rejected" else 0


def moment(seconds: int) -> str:
    """A time on the ledger, which may be any 64 bits, for people."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"second {seconds} of Unix time"


def deliver(plaintext: bytes, arguments: Namespace) -> None:
    """Write the record to a file or standard output; nothing that could drive a terminal goes to one."""
    if arguments.output is not None:
        _write(arguments.output, plaintext)
    if arguments.json:
        shown: dict[str, object] = {"request": to_hex(arguments.request), "bytes": len(plaintext)}
        if arguments.output is None:
            shown["record_base64"] = base64.b64encode(plaintext).decode()
        else:
            shown["output"] = str(arguments.output)
        print_json(shown)
    elif arguments.output is not None:
        print(f"{len(plaintext)} bytes written to {arguments.output}")
    elif sys.stdout.isatty() and not _is_plain_text(plaintext):
        raise OutputError(f"the record is {len(plaintext)} bytes that are not plain text; use --output FILE")
    else:
        sys.stdout.buffer.write(plaintext)
        sys.stdout.buffer.flush()


def _write(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise OutputError(f"cannot write the record to {path}: {error.strerror}") from None


def _is_plain_text(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\n\t" for character in text)


def print_json(value: dict[str, object]) -> None:
    """One line of JSON, at once."""
    print(json.dumps(value), flush=True)
