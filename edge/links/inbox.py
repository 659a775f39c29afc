"""What comes back to the kiosk: receipts and notices of requests, from its gateway and nobody else."""

import logging
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.eip712 import Domain
from contracts.errors import ContractError
from contracts.hexes import to_hex
from contracts.messages import Receipt, RequestNotice
from edge.errors import NotFoundError
from edge.links.outbox import Outbox
from edge.state import requests, subjects
from edge.state.database import Database

log = logging.getLogger(__name__)


class Inbox:
    """Verifies each incoming message, and files it."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        gateway_key: Ed25519PublicKey,
        domain: Domain,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._gateway_key = gateway_key
        self._domain = domain
        self._clock = clock

    def hear(self, message: bytes) -> None:
        """File a receipt or a notice; anything else is logged and let go.

        Raises:
            StateError: it is genuine, but could not be stored: it must come again.
        """
        try:
            self._file_receipt(message)
        except ContractError as not_a_receipt:
            try:
                self._file_notice(message)
            except (ContractError, NotFoundError) as error:
                log.warning("ignored a message of %d bytes: %s; %s", len(message), not_a_receipt, error)

    def _file_receipt(self, message: bytes) -> None:
        receipt = Receipt.verify(message, self._gateway_key)
        if receipt.environment != self._domain.environment:
            log.warning("ignored a receipt of environment %r", receipt.environment)
            return
        if self._outbox.settle(receipt, message):
            log.info(
                "receipt for %s: %s %s", to_hex(receipt.digest), receipt.status.name.lower(), receipt.reason
            )

    def _file_notice(self, message: bytes) -> None:
        notice = RequestNotice.verify(message, self._gateway_key)
        signed = notice.signed_request
        if notice.environment != self._domain.environment:
            log.warning("ignored a notice of environment %r", notice.environment)
            return
        signed.check(self._domain)
        subjects.find(self._database, signed.request.subject)
        request = signed.request.hash_struct()
        if requests.add(self._database, request, signed, int(self._clock())):
            log.info("request %s heard", to_hex(request))
