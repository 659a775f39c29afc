"""What comes to the kiosk from its gateway and nobody else: receipts, notices of requests, and steering."""

import logging
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.eip712 import MAX_ENVIRONMENT, Domain
from contracts.errors import ContractError
from contracts.hexes import to_hex
from contracts.labels import clean
from contracts.messages import (
    Command,
    Desired,
    IdentityNotice,
    IssuedCertificate,
    Receipt,
    RequestNotice,
    SignedRequest,
    from_gateway,
)
from edge.errors import BadDataError, NotFoundError
from edge.links.outbox import Outbox
from edge.state import identities, requests, subjects, successors
from edge.state.database import Database

log = logging.getLogger(__name__)

Steering = Command | Desired | IssuedCertificate
"""What concerns the kiosk itself, and no person."""


class Inbox:
    """Verifies each incoming message, and files it."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        gateway_key: Ed25519PublicKey,
        domain: Domain,
        steer: Callable[[Steering], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._gateway_key = gateway_key
        self._domain = domain
        self._steer = steer
        self._clock = clock

    def hear(self, message: bytes) -> None:
        """File a receipt or a notice; anything else is logged and let go.

        Raises:
            StateError: it is genuine, but could not be stored: it must come again.
        """
        try:
            self.take(message)
        except (ContractError, BadDataError, NotFoundError) as error:
            log.warning("ignored a message of %d bytes: %s", len(message), error)

    def take(self, message: bytes) -> bool:
        """File a receipt or a notice; whether it was news.

        Raises:
            ContractError: it is no message of the gateway's, or does not hold.
            BadDataError: it is for another environment.
            NotFoundError: it is about somebody who is not enrolled here.
            StateError: it is genuine, but could not be stored: it must come again.
        """
        item = from_gateway(message, self._gateway_key)
        if item.environment != self._domain.environment:
            raise BadDataError(f"it is of environment {clean(item.environment, MAX_ENVIRONMENT)!r}")
        if isinstance(item, Receipt):
            return self._file_receipt(item, message)
        if isinstance(item, RequestNotice):
            return self._file_notice(item.signed_request)
        if isinstance(item, IdentityNotice):
            return self._file_identity(item)
        self._steer(item)
        return True

    def _file_receipt(self, receipt: Receipt, message: bytes) -> bool:
        settled = self._outbox.settle(receipt, message)
        if settled:
            log.info(
                "receipt for %s: %s %s", to_hex(receipt.digest), receipt.status.name.lower(), receipt.reason
            )
        return settled

    def _file_notice(self, signed: SignedRequest) -> bool:
        signed.check(self._domain)
        subjects.find(self._database, signed.request.subject)
        request = signed.request.hash_struct()
        new = requests.add(self._database, request, signed, int(self._clock()))
        if new:
            log.info("request %s heard", to_hex(request))
        return new

    def _file_identity(self, notice: IdentityNotice) -> bool:
        if successors.find(self._database, notice.subject) is None:
            subjects.find(self._database, notice.subject)
        with self._database.transaction():
            new = identities.note(self._database, notice)
            taken = new and successors.take_over(
                self._database, notice.subject, notice.key, int(self._clock())
            )
        if taken:
            self._database.scrub()
            log.info("%s has a new key", to_hex(notice.subject))
        return new
