"""A private certificate authority in a directory: for one broker, its gateways and its kiosks.

    key.pem            P-256, mode 0600: whoever has it can let anybody in
    certificate.pem    what brokers and clients check each other with
    crl.pem            the revoked certificates (RFC 5280, section 5)
    issued/            every certificate, as NAME-SERIAL.pem

Keys are on P-256, which every broker and TLS library takes. The revocation list holds until the authority
ends, because OpenSSL lets nobody in with a list that has grown old; it is replaced at each revocation.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway import keyfiles
from gateway.provisioning import files
from gateway.provisioning.files import ProvisioningError

KEY, CERTIFICATE, REVOKED, ISSUED = "key.pem", "certificate.pem", "crl.pem", "issued"

LIFE = timedelta(days=20 * 365)
"""Of the authority: longer than that of a kiosk's hardware, because replacing it means visiting each."""

BACKDATED = timedelta(hours=1)
"""A certificate begins this much before it is made: a kiosk's clock may be slow."""

REMEDY = "make the authority with: ridgekey gateway provision broker"


class Use(Enum):
    """What a certificate is for."""

    BROKER = ExtendedKeyUsageOID.SERVER_AUTH
    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


class Authority:
    """Signs certificates, and takes them back."""

    def __init__(
        self, directory: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        """Use `create` or `load`."""
        self.directory = directory
        self.certificate = certificate
        self._key = key

    @classmethod
    def create(cls, directory: Path, environment: str, now: datetime | None = None) -> "Authority":
        """Make a new authority.

        Raises:
            ProvisioningError, KeyFileError: there is one, or the directory cannot be written.
        """
        now = now or datetime.now(UTC)
        keyfiles.make_directory(directory)
        key = ec.generate_private_key(ec.SECP256R1())
        keyfiles.create(directory / KEY, key)
        serial = x509.random_serial_number()
        # The number keeps two authorities of one environment apart, where OpenSSL looks for one by its name.
        name = _name(f"ridgekey {environment} {serial:x}"[:64])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        authority = cls(directory, key, certificate)
        files.write(directory / CERTIFICATE, pem(certificate))
        authority._write_revoked([], now)
        return authority

    @classmethod
    def load(cls, directory: Path) -> "Authority":
        """The authority in a directory.

        Raises:
            ProvisioningError, KeyFileError: there is none, or its files do not fit each other.
        """
        data = files.read(directory / CERTIFICATE, REMEDY)
        key = keyfiles.load(directory / KEY, ec.EllipticCurvePrivateKey, REMEDY)
        try:
            certificate = x509.load_pem_x509_certificate(data)
        except ValueError:
            raise ProvisioningError(f"{directory / CERTIFICATE} holds no certificate; restore it") from None
        if certificate.public_key() != key.public_key():
            raise ProvisioningError(
                f"key and certificate in {directory} do not belong together; restore them"
            )
        return cls(directory, key, certificate)

    def issue(
        self,
        public_key: ec.EllipticCurvePublicKey,
        subject: str,
        use: Use,
        *,
        days: int,
        hosts: Sequence[str] = (),
        now: datetime | None = None,
    ) -> x509.Certificate:
        """Sign a certificate, and keep a copy.

        Args:
            public_key: whose it is.
            subject: common name: the user name that the broker's access list knows.
            use: for a broker or for its clients.
            days: how long it is valid, but never longer than the authority.
            hosts: names and addresses of a broker.
            now: the beginning.

        Raises:
            ProvisioningError: the copy cannot be written, or the authority has ended.
        """
        now = now or datetime.now(UTC)
        end = min(now + timedelta(days=days), self.certificate.not_valid_after_utc)
        if end <= now:
            raise ProvisioningError("the authority has ended; make a new one, and provision everybody anew")
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - BACKDATED, self.certificate.not_valid_before_utc))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use.value]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        copy = f"{subject}-{certificate.serial_number:x}.pem"
        files.write(self.directory / ISSUED / copy, pem(certificate))
        return certificate

    def issued(self) -> Iterator[x509.Certificate]:
        """Every certificate that was ever signed, by name and beginning.

        Raises:
            ProvisioningError: a copy is unreadable.
        """
        copies = [_parse(path) for path in sorted((self.directory / ISSUED).glob("*.pem"))]
        yield from sorted(copies, key=lambda copy: (name_of(copy), copy.not_valid_before_utc))

    def current(self, subject: str, now: datetime) -> list[x509.Certificate]:
        """The certificates of somebody that are neither over nor revoked."""
        revoked = self.revoked()
        return [
            certificate
            for certificate in self.issued()
            if name_of(certificate) == subject
            and certificate.not_valid_after_utc > now
            and certificate.serial_number not in revoked
        ]

    def revoked(self) -> dict[int, datetime]:
        """Serial numbers of the revoked certificates, and when that was.

        Raises:
            ProvisioningError: the list is missing or damaged.
        """
        data = files.read(self.directory / REVOKED, "restore it from a backup")
        try:
            entries = x509.load_pem_x509_crl(data)
        except ValueError:
            raise ProvisioningError(f"{self.directory / REVOKED} is damaged; restore it") from None
        return {entry.serial_number: entry.revocation_date_utc for entry in entries}

    def locked_out(self, now: datetime) -> list[str]:
        """Names that have had certificates revoked and have no other: for the broker's access list."""
        revoked = self.revoked()
        names = {name_of(each) for each in self.issued() if each.serial_number in revoked}
        return sorted(name for name in names if not self.current(name, now))

    def revoke(self, subject: str, now: datetime | None = None) -> int:
        """Take back every certificate of somebody; returns how many.

        Raises:
            ProvisioningError: nobody of that name has one, or the list cannot be written.
        """
        now = now or datetime.now(UTC)
        taken = self.current(subject, now)
        if not taken:
            raise ProvisioningError(
                f"{subject} has no certificate that could be revoked; see: ridgekey gateway provision list"
            )
        entries = self.revoked() | {certificate.serial_number: now for certificate in taken}
        self._write_revoked(list(entries.items()), now)
        return len(taken)

    def _write_revoked(self, entries: Sequence[tuple[int, datetime]], now: datetime) -> None:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - BACKDATED)
            .next_update(self.certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )
        for serial, at in entries:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
            builder = builder.add_revoked_certificate(entry)
        crl = builder.sign(self._key, hashes.SHA256())
        files.write(self.directory / REVOKED, crl.public_bytes(serialization.Encoding.PEM))

    def _key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())


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


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def name_of(certificate: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """The common name of a certificate's subject; empty if it has none, or several."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*", re.ASCII)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise ProvisioningError(f"{host[:80]!r} is neither a host's name nor an address")
    return x509.DNSName(host)


def _parse(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(files.read(path, "restore it from a backup"))
    except ValueError:
        raise ProvisioningError(f"{path} holds no certificate; restore it from a backup") from None
