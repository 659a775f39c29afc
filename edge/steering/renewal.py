"""The kiosk's certificate for the broker, renewed over the link before it ends."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from contracts.messages import CertificateRequest, IssuedCertificate
from edge.errors import BadDataError
from edge.identity import certificate

ASK_AGAIN_SECONDS = 6 * 3600.0
"""Pause after a request that was not answered: a gateway without its authority at hand stays so for long."""


class Renewal:
    """Asks in time, and takes what comes into use."""

    def __init__(
        self, state: Path, kiosk_id: str, environment: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._state = state
        self._kiosk_id = kiosk_id
        self._environment = environment
        self._clock = clock
        self._asked: float | None = None

    @property
    def end(self) -> int | None:
        """When the certificate ends, Unix seconds; None if there is none."""
        end = certificate.expiry(self._state)
        return None if end is None else int(end.timestamp())

    def is_due(self, renew_days: int) -> bool:
        """Whether it is time to ask."""
        now = self._clock()
        recently = self._asked is not None and 0 <= now - self._asked < ASK_AGAIN_SECONDS
        return not recently and certificate.is_due(self._state, datetime.fromtimestamp(now, UTC), renew_days)

    def ask(self) -> CertificateRequest:
        """The request for a certificate with a new key.

        Raises:
            StateError, ConfigError, BadDataError: the key cannot be written or read.
        """
        self._asked = self._clock()
        request = certificate.request(self._state, self._kiosk_id)
        return CertificateRequest(self._environment, request, int(self._asked))

    def install(self, issued: IssuedCertificate) -> None:
        """Take a certificate into use; the next connection shows it.

        Raises:
            EdgeError: it is not what was asked for, or cannot be written; the one before stays in use.
        """
        try:
            new = x509.load_der_x509_certificate(issued.certificate)
        except ValueError:
            raise BadDataError("the certificate that the gateway sent cannot be read") from None
        now = datetime.fromtimestamp(self._clock(), UTC)
        certificate.install(self._state, self._kiosk_id, new, now=now)
        self._asked = None
