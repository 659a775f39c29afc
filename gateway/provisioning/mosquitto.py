"""mosquitto's configuration and access list, and the directory that holds them beside its certificate."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from contracts import topics
from contracts.envelope import MAX_OBJECT
from gateway.provisioning import files
from gateway.provisioning.authority import REVOKED, Authority
from gateway.provisioning.certificates import Use, key_pem, pem
from gateway.provisioning.files import ProvisioningError

CONFIG, ACCESS, AUTHORITY, KEY, CERTIFICATE = "ridgekey.conf", "acl", "ca.pem", "broker.key", "broker.pem"

GATEWAY = "gateway"
"""What gateways' names begin with, up to a hyphen; without one it is what all were called once."""

BINDING = "use_username_as_clientid true"
"""What makes the name in a certificate its owner's client id."""

BROKER_DAYS = 730

LARGEST_PACKET = MAX_OBJECT + 8192
"""Bytes: a kiosk message with the largest object. A larger one is nothing of ours."""

QUEUED = 10_000
"""Messages that the broker keeps for one absent client."""

REMEMBERED = "broker"
"""File in the authority's directory that says where the broker's files are."""


def configuration(directory: Path, port: int) -> str:
    """Mosquitto's configuration (mosquitto.conf(5), version 2), for its `conf.d`.

    Args:
        directory: where the files will stand that it names.
        port: to listen at.
    """
    where = directory.resolve()
    return f"""\
# Made by `ridgekey gateway provision broker`. Who comes without a certificate of our authority is not let in;
# who comes with one is known by the certificate's name, and may do what the access list says. The name is the
# client id too, whatever id the client gives: so nobody takes over, or empties, the session of another.
listener {port}
cafile {where / AUTHORITY}
certfile {where / CERTIFICATE}
keyfile {where / KEY}
crlfile {where / REVOKED}
require_certificate true
use_identity_as_username true
{BINDING}
tls_version tlsv1.2
allow_anonymous false
acl_file {where / ACCESS}
max_packet_size {LARGEST_PACKET}
max_queued_messages {QUEUED}
persistent_client_expiration 60d
"""


def is_gateway(name: str) -> bool:
    """Whether a certificate's common name is a gateway's; a kiosk's is sixteen hexadecimal digits."""
    return name.partition("-")[0] == GATEWAY


def access_list(gateways: Sequence[str], locked_out: Sequence[str] = ()) -> str:
    """Mosquitto's access list: each kiosk its own topics, the gateways all of them, the locked out none.

    A certificate that is revoked keeps nobody out who is connected already; losing every topic does, as soon
    as mosquitto is told to read this again.
    """
    up, down = topics.UP_FILTER, f"{topics.ROOT}/down/+"
    from_kiosks = (topics.STATUS_FILTER, topics.HEALTH_FILTER, topics.REPORT_FILTER)
    lines: list[str] = []
    for name in gateways:
        lines += [f"user {name}", *(f"topic read {each}" for each in (up, *from_kiosks))]
        lines += [f"topic write {down}", ""]
    for name in locked_out:
        lines += [f"user {name}", "topic deny #", ""]
    lines += [f"pattern write {each.replace('+', '%u')}" for each in (up, *from_kiosks)]
    lines += [f"pattern read {down.replace('+', '%u')}"]
    return "\n".join(lines) + "\n"


def write_broker(authority: Authority, directory: Path, hosts: Sequence[str], port: int) -> None:
    """Write everything that mosquitto needs, with a new key and certificate, and remember where.

    The key's group may read it: mosquitto reads it as its own user, when it starts and when it reloads.

    Raises:
        ProvisioningError: a host is none, or the directory cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue(key.public_key(), hosts[0], Use.BROKER, days=BROKER_DAYS, hosts=hosts)
    files.write(directory / KEY, key_pem(key), 0o640)
    files.write(directory / CERTIFICATE, pem(certificate))
    files.write(directory / AUTHORITY, pem(authority.certificate))
    files.write(directory / CONFIG, configuration(directory, port).encode())
    files.write(authority.directory / REMEMBERED, os.fsencode(directory.resolve()))
    update_broker(authority)


@dataclass(frozen=True)
class Update:
    """What the broker has to know.

    Attributes:
        directory: where its files are.
        changed: whether they say something new, so that it has to read them again.
        earlier: whether its configuration was made when a client id was not yet bound to a certificate.
    """

    directory: Path
    changed: bool
    earlier: bool


def update_broker(authority: Authority) -> Update | None:
    """Write who may speak, and who is revoked, to where the broker's files are; None if there are none.

    Raises:
        ProvisioningError: it cannot be written.
    """
    remembered = authority.directory / REMEMBERED
    if not remembered.exists():
        return None
    directory = Path(os.fsdecode(files.read(remembered, "")))
    locked_out = authority.locked_out()
    gateways = [name for name in authority.names() if is_gateway(name) and name not in locked_out]
    wanted = {
        REVOKED: files.read(authority.directory / REVOKED, "restore it from a backup"),
        ACCESS: access_list(gateways, locked_out).encode(),
    }
    new = {name: data for name, data in wanted.items() if _content(directory / name) != data}
    for name, data in new.items():
        files.write(directory / name, data)
    config = _content(directory / CONFIG)
    return Update(directory, changed=bool(new), earlier=config != b"" and BINDING.encode() not in config)


def _content(path: Path) -> bytes:
    """The bytes of a file; empty if there is none that can be read."""
    try:
        return files.read(path, "")
    except ProvisioningError:
        return b""
