"""TLS with certificates on both sides, and its errors in words that say what to do.

Under TLS 1.3 a broker refuses our certificate only after the handshake, so its alert arrives where the
CONNACK should be; paho hands it on as the text of an error.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from drivers.mqtt.broker import Broker
from drivers.mqtt.errors import CredentialsError
from drivers.mqtt.machine import Failure, Fault

# X509_V_ERR_… of OpenSSL's x509_vfy.h, as `ssl.SSLCertVerificationError.verify_code` gives them.
NOT_YET_VALID, HAS_EXPIRED = 9, 10
UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21, 24, 27})
HOSTNAME_MISMATCH, ADDRESS_MISMATCH = 62, 64

MAX_CERTIFICATE_FILE = 1 << 16
"""Bytes; a certificate of ours has under 1 KB."""


@dataclass(frozen=True)
class Credentials:
    """What we show a broker, and what its certificate is checked with: PEM files, read at each connection.

    Attributes:
        authority: certificates of the authority that signed the broker's.
        own: our private key and our certificate, in one file, so that they always fit each other.
        remedy: what brings a new certificate, to end an error's text with.
    """

    authority: Path
    own: Path
    remedy: str

    def context(self) -> ssl.SSLContext:
        """The context of one connection; the broker's name is checked, and TLS 1.2 the oldest spoken.

        Raises:
            CredentialsError: a file is missing or does not fit, or our certificate is not valid now.
        """
        self.check_dates(datetime.now(UTC))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(self.authority)
        except (OSError, ssl.SSLError) as error:
            raise CredentialsError(f"cannot use {self.authority}: {_reason(error)}; {self.remedy}") from None
        try:
            context.load_cert_chain(self.own)
        except (OSError, ssl.SSLError) as error:
            raise CredentialsError(f"cannot use {self.own}: {_reason(error)}; {self.remedy}") from None
        return context

    def expiry(self) -> datetime:
        """When our certificate ends.

        Raises:
            CredentialsError: there is none, or it is unreadable.
        """
        return self._certificate().not_valid_after_utc

    def name(self) -> str:
        """The common name in our certificate; empty if it has none.

        Raises:
            CredentialsError: there is none, or it is unreadable.
        """
        names = self._certificate().subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else ""

    def check_dates(self, now: datetime) -> None:
        """Refuse to show a certificate that is not valid `now`: the broker would say less clearly why.

        Raises:
            CredentialsError: it is not valid now, missing or unreadable.
        """
        own = self._certificate()
        if now >= own.not_valid_after_utc:
            raise CredentialsError(
                f"our certificate {self.own} ended on {own.not_valid_after_utc:%Y-%m-%d %H:%M} UTC;"
                f" {self.remedy}"
            )
        if now < own.not_valid_before_utc:
            raise CredentialsError(
                f"our certificate {self.own} begins on {own.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
                f" and this machine's clock says {now:%Y-%m-%d %H:%M}; set the clock"
            )

    def _certificate(self) -> x509.Certificate:
        try:
            with self.own.open("rb") as file:
                return x509.load_pem_x509_certificate(file.read(MAX_CERTIFICATE_FILE))
        except OSError as error:
            reason = _reason(error)
        except ValueError:
            reason = "it holds no certificate"
        raise CredentialsError(f"cannot use {self.own}: {reason}; {self.remedy}")


def end_of_peer(connection: object) -> datetime | None:
    """When the certificate ends that the broker has shown on a socket; None without TLS."""
    shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    end = shown.get("notAfter") if shown else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC) if isinstance(end, str) else None


def failure_of(error: OSError | ValueError, broker: Broker) -> Failure:
    """Why a connection could not be opened."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(Fault.IDENTITY, _unverified(error, broker))
    if isinstance(error, ssl.SSLError):
        return alert_of(str(error), "") or Failure(
            Fault.IDENTITY, f"no TLS with it ({_reason(error)}); is {broker.port} its port for TLS?"
        )
    return Failure(Fault.LOST, _reason(error))


ALERTS = {
    "certificate required": "it asks for a certificate, and was shown none",
    "certificate revoked": "our certificate is revoked",
    "certificate expired": "our certificate has ended by the broker's clock; compare the two clocks",
    "unknown ca": "our certificate is signed by an authority that it does not know",
    "bad certificate": "it does not accept our certificate",
    "certificate unknown": "it does not accept our certificate",
    "unsupported certificate": "it does not accept our kind of certificate",
    "access denied": "it denies us access",
    "handshake failure": "it ended the TLS handshake; perhaps it asks for a certificate",
}
"""Alerts of TLS (RFC 8446, section 6.2) about our certificate, as OpenSSL words them."""


def alert_of(text: str, remedy: str) -> Failure | None:
    """The refusal of our certificate that an error's text tells of; None if it tells of something else."""
    plain = text.lower().replace("_", " ")
    words = next((words for alert, words in ALERTS.items() if f"alert {alert}" in plain), None)
    return (words and Failure(Fault.IDENTITY, f"{words}; {remedy}" if remedy else words)) or None


def _unverified(error: ssl.SSLCertVerificationError, broker: Broker) -> str:
    code = error.verify_code
    now = f"this machine's clock says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    if code == NOT_YET_VALID:
        return f"its certificate is not valid yet, and {now}; set the clock"
    if code == HAS_EXPIRED:
        return f"its certificate has ended, and {now}; set the clock, or give the broker a new certificate"
    if code in (HOSTNAME_MISMATCH, ADDRESS_MISMATCH):
        return (
            f"its certificate is for another name than {broker.host};"
            " call it by its own, or make its certificate for this one too"
        )
    if code in UNKNOWN_AUTHORITY:
        return "its certificate is not signed by our authority: another broker, or another authority's files"
    return f"its certificate does not hold: {error.verify_message}"


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
