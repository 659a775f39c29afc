"""`ridgekey edge certificate`: ask for a certificate for the broker, take it into use, look at it."""

import argparse
import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.cose import kid_of
from contracts.messages import CertificateRequest
from edge import config
from edge.errors import NotFoundError, StateError
from edge.identity import certificate, files

TEXT = """\
The kiosk's certificate for a broker over TLS (broker = "mqtts://..."). The key is made here and stays here;
the request goes to the gateway's operator, who answers with a certificate. A running agent renews it by
itself before it ends, with a new key, over its link."""

EXAMPLES = """\
examples:
  ridgekey edge certificate request
  ridgekey edge certificate install 0123456789abcdef.pem
  ridgekey edge certificate show"""


def add_to(words: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `certificate` to the sub-commands of `ridgekey edge`."""
    top = words.add_parser(
        "certificate",
        help="The kiosk's certificate for the broker.",
        description=TEXT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    command = _add(commands, "request", request, "Make a key, and a request for its certificate.")
    command.add_argument("--out", type=Path, metavar="FILE", help="default: KIOSK.request.json")
    command = _add(commands, "install", install, "Take the certificate into use that the operator has made.")
    command.add_argument("file", type=Path, help="as `ridgekey gateway provision kiosk` wrote it")
    _add(commands, "show", show, "Say whose the certificate is and when it ends.")


def request(arguments: argparse.Namespace) -> int:
    """Write a request for the gateway's operator."""
    kiosk = config.load(arguments.config)
    device_key = files.device_key(kiosk.state)
    kiosk_id = _id(device_key)
    message = CertificateRequest(
        kiosk.environment, certificate.request(kiosk.state, kiosk_id), int(time.time())
    ).sign(device_key)
    fields = {
        "kiosk": kiosk_id,
        "public_key": device_key.public_key().public_bytes_raw().hex(),
        "request": base64.b64encode(message).decode(),
    }
    out = arguments.out or Path(f"{kiosk_id}.request.json")
    try:
        out.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StateError(f"cannot write {out}: {error.strerror}") from None
    if arguments.json:
        print(json.dumps({"kiosk": kiosk_id, "request": str(out)}))
        return 0
    print(f"kiosk {kiosk_id}: its request is {out}; it holds no secret. Next, at the gateway:")
    print(f"  ridgekey gateway provision kiosk {out.name}")
    return 0


def install(arguments: argparse.Namespace) -> int:
    """Take a certificate into use."""
    state = config.load(arguments.config).state
    own, authority = certificate.read_bundle(arguments.file)
    certificate.install(state, _id(files.device_key(state)), own, authority)
    return show(arguments)


def show(arguments: argparse.Namespace) -> int:
    """Say when the certificate ends."""
    state = config.load(arguments.config).state
    kiosk_id, end = _id(files.device_key(state)), certificate.expiry(state)
    waits = (state / certificate.NEXT_KEY).exists()
    if end is None:
        raise NotFoundError(
            f"kiosk {kiosk_id} has asked for a certificate, which has not come yet"
            if waits
            else f"kiosk {kiosk_id} has no certificate; {certificate.REMEDY}"
        )
    days = (end - datetime.now(UTC)).days
    if arguments.json:
        print(json.dumps({"kiosk": kiosk_id, "ends": f"{end:%Y-%m-%d}", "days": days, "asked": waits}))
    else:
        print(f"kiosk {kiosk_id}: its certificate ends on {end:%Y-%m-%d}, in {days} days")
        if waits:
            print("another one was asked for, and has not come yet")
    return 0


def _id(device_key: Ed25519PrivateKey) -> str:
    return kid_of(device_key.public_key()).hex()


def _add(
    words: "argparse._SubParsersAction[argparse.ArgumentParser]",
    word: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    command = words.add_parser(word, help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("--config", type=Path, default=Path("edge.toml"), help="default: %(default)s")
    command.add_argument("--json", action="store_true", help="print a JSON object")
    return command
