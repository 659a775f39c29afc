"""The kiosk's key and certificate for the broker: made here, signed by the gateway's authority, renewed.

    broker.pem             key and certificate, in one file so that they always fit each other
    broker-authority.pem   what the broker's own certificate is checked with
    broker-next.key        key of the certificate that was asked for and has not come yet

The keys have mode 0600 and never leave. They are not the device key, which signs messages: each certificate
has a new one.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drivers.mqtt.errors import CredentialsError
from drivers.mqtt.tls import Credentials
from edge.errors import BadDataError, NotFoundError, StateError
from edge.identity import files
from edge.identity.keys import wipe

KEY_AND_CERTIFICATE = "broker.pem"
AUTHORITY = "broker-authority.pem"
NEXT_KEY = "broker-next.key"

REMEDY = "make a request for one with: ridgekey edge certificate request"

DEFAULT_RENEW_DAYS = 30
"""Days before its end at which a certificate is renewed: a third of what the gateway gives by default."""


def credentials(state: Path) -> Credentials:
    """What the kiosk shows its broker."""
    return Credentials(authority=state / AUTHORITY, own=state / KEY_AND_CERTIFICATE, remedy=REMEDY)


def expiry(state: Path) -> datetime | None:
    """When the kiosk's certificate ends; None if it has none that can be read."""
    try:
        return credentials(state).expiry()
    except CredentialsError:
        return None


def is_due(state: Path, now: datetime, renew_days: int) -> bool:
    """Whether a certificate is there, and near its end."""
    end = expiry(state)
    return end is not None and now >= end - timedelta(days=renew_days)


def request(state: Path, kiosk_id: str) -> bytes:
    """PKCS #10 in DER for the key of the next certificate; the key is made if it is not there.

    Raises:
        StateError, ConfigError: the key cannot be written or read.
    """
    path = state / NEXT_KEY
    if not path.exists():
        scalar = bytearray(
            ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32)
        )
        try:
            files.create_secret(path, scalar)
        finally:
            wipe(scalar)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, kiosk_id)])
    signed = x509.CertificateSigningRequestBuilder().subject_name(name).sign(_next_key(path), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def install(
    state: Path,
    kiosk_id: str,
    certificate: x509.Certificate,
    authority: x509.Certificate | None = None,
    now: datetime | None = None,
) -> None:
    """Take a certificate into use that was asked for.

    Args:
        state: the kiosk's.
        kiosk_id: what the certificate must name.
        certificate: the new one.
        authority: who signed it; None for the one that is known here already.
        now: the present.

    Raises:
        BadDataError: it is not for this kiosk, not for the key that waits, not valid now, or of another
            authority.
        NotFoundError: none was asked for, or no authority is known.
        StateError, ConfigError: the files cannot be read or written.
    """
    path = state / NEXT_KEY
    if not path.exists():
        raise NotFoundError(f"this kiosk waits for no certificate; {REMEDY}")
    key = _next_key(path)
    signer = authority or _known_authority(state)
    _check(certificate, signer, key, kiosk_id, now or datetime.now(UTC))
    both = bytearray(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    try:
        if authority is not None:
            files.replace(state / AUTHORITY, authority.public_bytes(serialization.Encoding.PEM))
        files.replace(state / KEY_AND_CERTIFICATE, both)
        path.unlink()
    except OSError as error:
        raise StateError(f"cannot remove {path}: {error.strerror}") from None
    finally:
        wipe(both)


def read_bundle(path: Path) -> tuple[x509.Certificate, x509.Certificate]:
    """Certificate and authority from the file that the gateway's operator hands over.

    Raises:
        NotFoundError, BadDataError: it is missing, or something else.
    """
    try:
        with path.open("rb") as file:
            first, second = x509.load_pem_x509_certificates(file.read(1 << 16))
    except FileNotFoundError:
        raise NotFoundError(f"there is no {path}") from None
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise BadDataError(
            f"{path} is not what `ridgekey gateway provision kiosk` writes: a certificate and its authority's"
        ) from None
    return first, second


def _next_key(path: Path) -> ec.EllipticCurvePrivateKey:
    scalar = files.read_secret(path)
    try:
        return ec.derive_private_key(int.from_bytes(scalar), ec.SECP256R1())
    except ValueError:
        raise BadDataError(f"{path} holds no key; remove it, and ask again") from None
    finally:
        wipe(scalar)


def _known_authority(state: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate((state / AUTHORITY).read_bytes())
    except (OSError, ValueError):
        raise NotFoundError(
            f"no authority is known in {state}; install the file of: ridgekey gateway provision kiosk"
        ) from None


def _check(
    certificate: x509.Certificate,
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    kiosk_id: str,
    now: datetime,
) -> None:
    """Refuse a certificate with which the kiosk could not connect."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if [name.value for name in names] != [kiosk_id]:
        raise BadDataError("the certificate is for another kiosk")
    if certificate.public_key() != key.public_key():
        raise BadDataError("the certificate is for another key: it answers an older request; make a new one")
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        raise BadDataError("the certificate is not signed by the authority that comes with it") from None
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise BadDataError(
            f"the certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} to"
            f" {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC and this kiosk's clock says"
            f" {now:%Y-%m-%d %H:%M}; set the clock, or ask again"
        )
