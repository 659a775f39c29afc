"""A private certificate authority in a directory: for one broker, its gateways and its kiosks.

key.pem            mode 0600: whoever has it can let anybody in
certificate.pem    what brokers and clients check each other with
crl.pem            the revoked certificates, replaced at each revocation
issued/            every certificate, as NAME-SERIAL.pem
locked-out         names, one a line: no certificate of theirs is renewed, and the broker forbids them all
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import keyfiles
from gateway.provisioning import certificates, files
from gateway.provisioning.certificates import Key, Use, name_of, pem
from gateway.provisioning.files import ProvisioningError

KEY, CERTIFICATE, REVOKED, ISSUED = "key.pem", "certificate.pem", "crl.pem", "issued"
LOCKED_OUT = "locked-out"

LIFE = timedelta(days=20 * 365)
"""Of the authority: longer than that of a kiosk's hardware, because replacing it means visiting each."""

AUTHORITY = "authority"
"""Its directory, in a gateway's state."""

REMEDY = "make the authority with: ridgekey gateway provision broker"


class Authority:
    """Signs certificates, and takes them back."""

    def __init__(self, directory: Path, key: Key, certificate: x509.Certificate) -> None:
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
        certificate = certificates.root(key, environment, now, LIFE)
        authority = cls(directory, key, certificate)
        files.write(directory / CERTIFICATE, pem(certificate))
        authority._write_revoked({}, now)
        authority._write_locked_out(())
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
        last = self.certificate.not_valid_after_utc
        if last <= now:
            raise ProvisioningError("the authority has ended; make a new one, and provision everybody anew")
        end = min(now + timedelta(days=days), last)
        certificate = certificates.leaf(
            self._key, self.certificate, public_key, subject, use, now, end, hosts
        )
        copy = f"{subject}-{certificate.serial_number:x}.pem"
        files.write(self.directory / ISSUED / copy, pem(certificate))
        return certificate

    def issued(self, subject: str = "") -> list[x509.Certificate]:
        """Every certificate that was ever signed, or those of one name, by name and beginning.

        Raises:
            ProvisioningError: a copy is unreadable.
        """
        copies = [_parse(path) for path in (self.directory / ISSUED).glob(f"{subject}*-*.pem")]
        wanted = [copy for copy in copies if not subject or name_of(copy) == subject]
        return sorted(wanted, key=lambda copy: (name_of(copy), copy.not_valid_before_utc))

    def names(self) -> list[str]:
        """Everybody who was ever given a certificate."""
        return sorted({path.stem.rpartition("-")[0] for path in (self.directory / ISSUED).glob("*-*.pem")})

    def current(self, subject: str, now: datetime) -> list[x509.Certificate]:
        """The certificates of somebody that are neither over nor revoked."""
        revoked = self.revoked()
        return [
            certificate
            for certificate in self.issued(subject)
            if certificate.not_valid_after_utc > now and certificate.serial_number not in revoked
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

    def locked_out(self) -> list[str]:
        """Names that were revoked and have not been let in since, whether or not they have certificates.

        Raises:
            ProvisioningError: a file is missing or damaged.
        """
        path = self.directory / LOCKED_OUT
        if path.exists():
            return files.read(path, "").decode(errors="replace").split()
        revoked = self.revoked()  # as it was told before there was the file
        others = {name_of(each) for each in self.issued() if each.serial_number not in revoked}
        return [name for name in self.names() if name not in others]

    def let_in(self, subject: str) -> None:
        """Take somebody off the list of those who are locked out.

        Raises:
            ProvisioningError: it cannot be read or written.
        """
        self._write_locked_out(set(self.locked_out()) - {subject})

    def revoke(self, subject: str, now: datetime | None = None) -> int:
        """Lock somebody out, and take back every certificate it has; returns how many that were.

        Raises:
            ProvisioningError: a list cannot be read or written.
        """
        now = now or datetime.now(UTC)
        self._write_locked_out({*self.locked_out(), subject})
        taken = self.current(subject, now)
        if taken:
            entries = self.revoked() | {certificate.serial_number: now for certificate in taken}
            self._write_revoked(entries, now)
        return len(taken)

    def _write_locked_out(self, names: Collection[str]) -> None:
        files.write(self.directory / LOCKED_OUT, "".join(f"{name}\n" for name in sorted(names)).encode())

    def _write_revoked(self, entries: Mapping[int, datetime], now: datetime) -> None:
        data = certificates.revocation_list(self._key, self.certificate, entries, now)
        files.write(self.directory / REVOKED, data)


def _parse(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(files.read(path, "restore it from a backup"))
    except ValueError:
        raise ProvisioningError(f"{path} holds no certificate; restore it from a backup") from None
