"""Listens to what kiosks say of themselves, and sends them what their operator wants."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.errors import ContractError, VerificationError
from contracts.messages import (
    CertificateRequest,
    Command,
    Desired,
    Health,
    IssuedCertificate,
    Outcome,
    Presence,
    Reported,
    report_of,
)
from gateway.errors import GatewayError
from gateway.fleet.book import KioskBook
from gateway.intake import Send
from gateway.journal.database import JournalError
from gateway.links.link import Appeared
from gateway.provisioning import kiosks as certificates
from gateway.provisioning.authority import CERTIFICATE, Authority
from gateway.provisioning.certificates import der

LOG = logging.getLogger(__name__)


class Attendant:
    """Looks after the kiosks as machines."""

    def __init__(
        self,
        book: KioskBook,
        kiosks: Mapping[bytes, Ed25519PublicKey],
        environment: str,
        gateway_key: Ed25519PrivateKey,
        authority: Path,
        send: Send,
        appeared: Appeared,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Connect the parts.

        Args:
            book: Where what is heard is kept.
            kiosks: Directory, kid to public key.
            environment: Name of the deployment.
            gateway_key: Signs what goes to kiosks.
            authority: Directory of the authority, if this gateway has it; else it renews no certificates.
            send: Takes a message to a kiosk.
            appeared: Told of each kiosk that is born.
            clock: Unix time.
        """
        self._book, self._kiosks, self._environment = book, kiosks, environment
        self._gateway_key, self._authority = gateway_key, authority
        self._send, self._appeared, self._clock = send, appeared, clock
        self._hearers: dict[str, Callable[[str, bytes], None]] = {
            "status": self._hear_presence,
            "health": self._hear_health,
            "report": self._hear_report,
        }

    def hear(self, what: str, kiosk_id: str, payload: bytes) -> None:
        """Take a message that a kiosk says of itself: kept, or dropped for good, when this returns.

        Args:
            what: The word in its topic.
            kiosk_id: The kiosk in its topic.
            payload: The message.

        Raises:
            JournalError: It could not be kept and must come again.
        """
        hear = self._hearers.get(what)
        if hear is None:
            return
        try:
            hear(kiosk_id, payload)
        except JournalError:
            raise
        except (ContractError, GatewayError) as error:
            LOG.warning("a %s of kiosk %s was dropped: %s", what, kiosk_id, error)

    def attend(self) -> None:
        """Send what is wanted to those who are there.

        Raises:
            JournalError: The disk refuses.
        """
        for kiosk in self._book.to_configure():
            desired = Desired(self._environment, kiosk.kiosk, kiosk.wanted_version, kiosk.wanted)
            self._send(kiosk.kiosk.hex(), desired.sign(self._gateway_key))
            self._book.set_configured(kiosk.kiosk, kiosk.wanted_version)
        for order in self._book.to_command(int(self._clock())):
            command = Command(self._environment, order.kiosk, order.number, order.action, order.expiry)
            self._send(order.kiosk.hex(), command.sign(self._gateway_key))
            self._book.set_sent(order)

    def _hear_presence(self, kiosk_id: str, payload: bytes) -> None:
        kid, presence = Presence.verify(payload, self._kiosks.get)
        self._check(kid, kiosk_id, presence)
        if self._book.note_presence(kid, presence, int(self._clock())) and presence.online:
            self._appeared(kiosk_id)

    def _hear_health(self, kiosk_id: str, payload: bytes) -> None:
        kid, health = Health.verify(payload, self._kiosks.get)
        self._check(kid, kiosk_id, health)
        self._book.note_health(kid, health, int(self._clock()))

    def _hear_report(self, kiosk_id: str, payload: bytes) -> None:
        kid, report = report_of(payload, self._kiosks.get)
        self._check(kid, kiosk_id, report)
        if isinstance(report, Outcome):
            self._book.note_outcome(kid, report)
        elif isinstance(report, Reported):
            self._book.note_reported(kid, report, int(self._clock()))
        else:
            self._certify(kid, report)

    def _check(
        self, kid: bytes, kiosk_id: str, message: Presence | Health | Outcome | Reported | CertificateRequest
    ) -> None:
        if kid.hex() != kiosk_id:
            raise VerificationError(f"it is signed by kiosk {kid.hex()}")
        if message.environment != self._environment:
            raise VerificationError("it is for another environment")

    def _certify(self, kid: bytes, request: CertificateRequest) -> None:
        """Answer a request for a certificate, if the authority is here and the kiosk is not locked out."""
        if not (self._authority / CERTIFICATE).exists():
            return
        authority, now = Authority.load(self._authority), datetime.fromtimestamp(self._clock(), UTC)
        if kid.hex() in authority.locked_out():
            raise VerificationError("it is locked out; an operator has to let it in again")
        certificate = certificates.sign(authority, kid.hex(), request.request, certificates.DEFAULT_DAYS, now)
        issued = IssuedCertificate(self._environment, kid, der(certificate))
        LOG.warning("kiosk %s has a new certificate, until %s", kid.hex(), certificate.not_valid_after_utc)
        self._send(kid.hex(), issued.sign(self._gateway_key))
