"""`ridgekey gateway provision`: certificates for the broker, the gateways and the kiosks."""

import argparse
import json
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.config import GatewayConfig, load_config
from gateway.provisioning import directory, files, kiosks, mosquitto, own, revocation
from gateway.provisioning.authority import AUTHORITY, CERTIFICATE, LIFE, Authority
from gateway.provisioning.certificates import name_of, pem
from gateway.provisioning.mosquitto import Update
from gateway.relayers import keyring

DESCRIPTION = """\
Make a small private authority, and with it the certificates by which the broker, the gateways and the kiosks
know each other. The broker's files are ready for Debian's mosquitto."""

EXAMPLES = """examples:
  ridgekey gateway provision broker --host broker.example --out /etc/mosquitto/ridgekey
  ridgekey gateway provision gateway
  ridgekey gateway provision kiosk 0123456789abcdef.request.json
  ridgekey gateway provision revoke 0123456789abcdef
  ridgekey gateway provision list
"""

MAX_DAYS = LIFE.days
"""Of a certificate: none lasts longer than the authority that signs it."""

ELSEWHERE = "another gateway listens on, unless it reads the same file: do the same there, with its --config"

DAYS_HELP = f"how long it is valid, 1 to {MAX_DAYS} (default: %(default)s)"

EARLIER = "do `ridgekey gateway provision broker` again, with the words that made it, and restart mosquitto"

RELOAD = "systemctl reload mosquitto"


def add_to(commands: "argparse._SubParsersAction[ArgumentParser]") -> None:
    """Add `provision` to the sub-commands of `ridgekey gateway`."""
    top = commands.add_parser(
        "provision",
        help="certificates for the broker, the gateways and the kiosks",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = top.add_subparsers(required=True, metavar="WHAT")

    word = _add(words, "broker", broker, "make mosquitto's files, and the authority if there is none")
    word.add_argument(
        "--host",
        action="append",
        required=True,
        dest="hosts",
        help="name or address by which it is called; may be given several times",
    )
    word.add_argument("--port", type=_port, default=8883, help="for TLS (default: %(default)s)")
    word.add_argument("--out", type=Path, metavar="DIR", help="default: mosquitto/ in the state directory")

    word = _add(words, "gateway", gateway, "make a gateway's own key and certificate")
    word.add_argument("--days", type=_days, default=own.DEFAULT_DAYS, help=DAYS_HELP)
    word.add_argument("--out", type=Path, metavar="DIR", help="state directory of another gateway")

    word = _add(words, "kiosk", kiosk, "sign a kiosk's request, and write the kiosk into [kiosks]")
    word.add_argument("request", type=Path, help="file of `ridgekey edge certificate request`")
    word.add_argument("--days", type=_days, default=kiosks.DEFAULT_DAYS, help=DAYS_HELP)
    word.add_argument("--out", type=Path, metavar="FILE", help="default: KIOSK.pem")

    word = _add(words, "revoke", revoke, "shut a kiosk out: of [kiosks], and of the broker")
    word.add_argument("kiosk", help="its id; or the name of a gateway, as `list` shows it")

    _add(words, "list", list_, "list the certificates that are valid, and when they end")


def broker(arguments: Namespace) -> int:
    """`ridgekey gateway provision broker`."""
    config = load_config(arguments.config)
    place = config.state / AUTHORITY
    made = not (place / CERTIFICATE).exists()
    authority = Authority.create(place, config.environment) if made else Authority.load(place)
    out = arguments.out or config.state / "mosquitto"
    mosquitto.write_broker(authority, out, arguments.hosts, arguments.port)
    _say(
        arguments,
        {"directory": str(out), "authority": str(place), "made_authority": made},
        f"the authority is in {place}; keep its key.pem safe, and a copy of the directory",
        f"mosquitto's files are in {out}, readable for the group that owns the directory; next, as root:",
        f"  chgrp -R mosquitto {out}",
        f"  ln -s {(out / mosquitto.CONFIG).resolve()} /etc/mosquitto/conf.d/",
        "  systemctl restart mosquitto",
        f'in each configuration: broker = "mqtts://{arguments.hosts[0]}:{arguments.port}"',
    )
    return 0


def gateway(arguments: Namespace) -> int:
    """`ridgekey gateway provision gateway`."""
    config = load_config(arguments.config)
    authority, out = _authority(config), arguments.out or config.state
    relayer = keyring.first_address(out)
    own.write(authority, out, relayer, arguments.days)
    update = mosquitto.update_broker(authority)
    _say(
        arguments,
        {"directory": str(out), "name": own.name(relayer)},
        f"key and certificate of {own.name(relayer)} are in {out}: {own.KEY_AND_CERTIFICATE} and"
        f" {own.BROKER_AUTHORITY}; the next connection shows them",
        *_at_the_broker(update),
    )
    return 0


def kiosk(arguments: Namespace) -> int:
    """`ridgekey gateway provision kiosk`."""
    config = load_config(arguments.config)
    authority = _authority(config)
    data = files.read(arguments.request, "make it with: ridgekey edge certificate request")
    asked = kiosks.KioskRequest.parse(data)
    if asked.request.environment != config.environment:
        raise kiosks.RefusedRequestError(
            f"the kiosk is set up for the environment {asked.request.environment!r}, this gateway for"
            f" {config.environment!r}; correct one of the two"
        )
    certificate = kiosks.sign(authority, asked.kiosk, asked.request.request, arguments.days)
    authority.let_in(asked.kiosk)
    out = arguments.out or Path(f"{asked.kiosk}.pem")
    files.write(out, pem(certificate) + pem(authority.certificate))
    added = directory.add(arguments.config, asked.kiosk, _hex(asked.public_key))
    update = mosquitto.update_broker(authority)
    ends = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    _say(
        arguments,
        {"kiosk": asked.kiosk, "certificate": str(out), "ends": ends, "added": added},
        f"kiosk {asked.kiosk}: compare this with what `ridgekey edge certificate request` shows on it",
        f"its certificate, until {ends}, is {out}; next, on the kiosk:",
        f"  ridgekey edge certificate install {out.name}",
        *([f"written under [kiosks] in {arguments.config}; a running gateway reads it at SIGHUP"] * added),
        *_at_the_broker(update),
    )
    return 0


def revoke(arguments: Namespace) -> int:
    """`ridgekey gateway provision revoke`."""
    config = load_config(arguments.config)
    done = revocation.revoke(arguments.config, config, arguments.kiosk)
    count, out = done.certificates, done.update and done.update.directory
    _say(
        arguments,
        {"revoked": count, "removed": done.removed, "directory": str(out) if out else None},
        *([f"{count} certificate{'s' * (count != 1)} of {arguments.kiosk} revoked"] * (count > 0)),
        *([f"taken out of {arguments.config}; a running gateway reads it at SIGHUP"] * done.removed),
        f"it is out of the broker when that has read {out or 'the revocation list'} again: {RELOAD}"
        if done.has_authority
        else "there is no authority here; if it has a certificate, do the same where the authority is",
        *([ELSEWHERE] * (not mosquitto.is_gateway(arguments.kiosk))),
    )
    return 0


def list_(arguments: Namespace) -> int:
    """`ridgekey gateway provision list`."""
    authority = _authority(load_config(arguments.config))
    now, revoked = datetime.now(UTC), authority.revoked()
    rows = [
        {
            "name": name_of(each),
            "ends": f"{each.not_valid_after_utc:%Y-%m-%d}",
            "days": (each.not_valid_after_utc - now).days,
            "revoked": each.serial_number in revoked,
        }
        for each in authority.issued()
        if each.not_valid_after_utc > now
    ]
    lines = [
        f"{row['name']:24} {row['ends']}  " + ("revoked" if row["revoked"] else f"{row['days']} days")
        for row in rows
    ]
    _say(arguments, {"certificates": rows}, *(lines or ["none yet"]))
    return 0


def _authority(config: GatewayConfig) -> Authority:
    return Authority.load(config.state / AUTHORITY)


def _at_the_broker(update: Update | None) -> list[str]:
    """What to do about what the broker's files say, which it does not look at by itself."""
    if update is None:
        return []
    reload = f"the broker has to read {update.directory} again, as root: {RELOAD}"
    renew = f"{update.directory / mosquitto.CONFIG} lets any client take over a session: {EARLIER}"
    return [reload] * update.changed + [renew] * update.earlier


def _hex(public_key: Ed25519PublicKey) -> str:
    return public_key.public_bytes_raw().hex()


def _say(arguments: Namespace, result: dict[str, object], *lines: str) -> None:
    sys.stdout.write(json.dumps(result) + "\n" if arguments.json else "".join(f"{line}\n" for line in lines))


def _days(text: str) -> int:
    return _number(text, MAX_DAYS, "a number of days")


def _port(text: str) -> int:
    return _number(text, 65535, "a port")


def _number(text: str, highest: int, what: str) -> int:
    """A whole number from 1 on, as an option has it."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= highest:
        raise argparse.ArgumentTypeError(f"{what} is a whole number from 1 to {highest}, not {text[:20]!r}")
    return number


def _add(
    words: "argparse._SubParsersAction[ArgumentParser]", name: str, run: object, text: str
) -> ArgumentParser:
    word = words.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    word.set_defaults(command=run)
    word.add_argument(
        "--config", type=Path, default=Path("gateway.toml"), metavar="FILE", help="default: %(default)s"
    )
    word.add_argument("--json", action="store_true", help="one JSON object, for machines")
    return word
