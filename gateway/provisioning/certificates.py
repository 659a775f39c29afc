"""X.509 (RFC 5280) as a small private authority needs it: three kinds of object, made of values alone.

Keys are on P-256, which every broker and TLS library takes.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.provisioning.files import ProvisioningError

Key = ec.EllipticCurvePrivateKey

BACKDATED = timedelta(hours=1)
"""A certificate begins this much before it is made: a kiosk's clock may be slow."""

MAX_HOST = 253
"""Characters of a host's name (RFC 1035, section 2.3.4)."""

_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*", re.ASCII)


class Use(Enum):
    """What a certificate is for."""

    BROKER = ExtendedKeyUsageOID.SERVER_AUTH
    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


def root(key: Key, environment: str, now: datetime, life: timedelta) -> x509.Certificate:
    """The certificate of an authority, signed by itself."""
    serial = x509.random_serial_number()
    # The number keeps two authorities of one environment apart, where OpenSSL looks for one by its name.
    name = _name(f"ridgekey {environment} {serial:x}"[:64])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def leaf(
    key: Key,
    authority: x509.Certificate,
    public_key: ec.EllipticCurvePublicKey,
    subject: str,
    use: Use,
    now: datetime,
    end: datetime,
    hosts: Sequence[str] = (),
) -> x509.Certificate:
    """A certificate that the authority signs for somebody.

    Args:
        key: the authority's.
        authority: its certificate.
        public_key: whose the new one is.
        subject: common name.
        use: for a broker or for its clients.
        now: when it is made.
        end: when it ends.
        hosts: names and addresses of a broker.

    Raises:
        ProvisioningError: a host is neither a name nor an address.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(authority.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - BACKDATED, authority.not_valid_before_utc))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use.value]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_signer(key), critical=False)
    )
    if hosts:
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256())


def revocation_list(
    key: Key, authority: x509.Certificate, revoked: Mapping[int, datetime], now: datetime
) -> bytes:
    """The list of revoked certificates, in PEM; it holds as long as the authority.

    OpenSSL lets nobody in with a list that has grown old, and nothing renews one between two revocations.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - BACKDATED)
        .next_update(authority.not_valid_after_utc)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(_signer(key), critical=False)
    )
    for serial, at in revoked.items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    """A certificate as DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def key_pem(key: Key) -> bytes:
    """A private key as PKCS #8 in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def name_of(certificate: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """The common name of a certificate's subject; empty if it has none, or several."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if len(host) > MAX_HOST or not _HOST.fullmatch(host):
        raise ProvisioningError(f"{host[:80]!r} is neither a host's name nor an address")
    return x509.DNSName(host)


def _signer(key: Key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(*, authority: bool) -> x509.KeyUsage:
    """An authority signs certificates and lists; everybody else proves, by signing, who they are."""
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
