"""The gateway's own key and certificate for the broker, in its state directory."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from drivers.mqtt.tls import Credentials
from gateway.provisioning import files
from gateway.provisioning.authority import Authority
from gateway.provisioning.certificates import Use, key_pem, pem
from gateway.provisioning.mosquitto import GATEWAY

KEY_AND_CERTIFICATE = "broker.pem"
"""One file for both, so that they always fit each other; mode 0600."""

BROKER_AUTHORITY = "broker-authority.pem"

DEFAULT_DAYS = 730
"""Of a gateway's certificate, which its operator renews; `/health` says when it ends."""


def credentials(state: Path) -> Credentials:
    """What a gateway shows its broker."""
    return Credentials(
        authority=state / BROKER_AUTHORITY,
        own=state / KEY_AND_CERTIFICATE,
        remedy="make one with: ridgekey gateway provision gateway",
    )


def name(relayer: bytes) -> str:
    """What a broker calls a gateway: several may have one key for receipts, each has a relayer of its own.

    Args:
        relayer: address of its first relayer.
    """
    return f"{GATEWAY}-{relayer.hex()}"


def write(authority: Authority, state: Path, relayer: bytes, days: int) -> None:
    """Make a gateway's key and certificate.

    Args:
        authority: who signs.
        state: the gateway's state directory.
        relayer: address of its first relayer.
        days: how long the certificate is valid.

    Raises:
        ProvisioningError: the directory cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue(key.public_key(), name(relayer), Use.CLIENT, days=days)
    authority.let_in(name(relayer))
    files.write(state / BROKER_AUTHORITY, pem(authority.certificate))
    files.write(state / KEY_AND_CERTIFICATE, key_pem(key) + pem(certificate), 0o600)
