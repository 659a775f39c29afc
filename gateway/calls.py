"""From an entry of the journal to the contract call that it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.acts import Act, Grant, Register, Request
from contracts.eip712 import Domain
from contracts.errors import ContractError
from contracts.messages import KioskMessage, SignedRequest
from contracts.registry import publish_arguments
from gateway.entries import Entry
from gateway.errors import GatewayError
from gateway.journal import Journal
from gateway.ledger.registry import Registry
from gateway.ledger.signatures import with_recovery_id


class RefusedError(GatewayError):
    """The gateway itself sees that an act can't be done; the text says why."""


@dataclass(frozen=True)
class Submission:
    """What an entry asks of the contract.

    Attributes:
        act: The signed act.
        object: The encrypted record that came with it.
        data: Call data of the entry's present step.
    """

    act: Act
    object: bytes | None
    data: bytes


class Calls:
    """Makes submissions; knows where the missing pieces are: the key of a person, the request of a grant."""

    def __init__(
        self,
        registry: Registry,
        journal: Journal,
        kiosks: Mapping[bytes, Ed25519PublicKey],
        domain: Domain,
    ) -> None:
        """Connect the parts."""
        self._registry, self._journal, self._kiosks, self._domain = registry, journal, kiosks, domain

    def of(self, entry: Entry) -> Submission:
        """The submission of an entry in its present step.

        Raises:
            RefusedError: A piece is missing, or the message no longer holds, as its kiosk was taken from the
                directory.
            LedgerError: The ledger can't be asked.
        """
        try:
            return self._of(entry)
        except ContractError as error:
            raise RefusedError(str(error)) from error

    def _of(self, entry: Entry) -> Submission:
        if entry.kiosk is None:
            signed = SignedRequest.decode(entry.message)
            return Submission(signed.request, None, self._call(signed.request, signed.signature))
        _, message = KioskMessage.verify(entry.message, self._kiosks.get)
        act = message.act
        if entry.step and isinstance(act, Register) and message.object is not None:
            data = self._registry.encode(*publish_arguments(act.subject, act.record, message.object))
        else:
            data = self._call(act, message.signature)
        return Submission(act, message.object, data)

    def _call(self, act: Act, signature: bytes) -> bytes:
        digest = act.digest(self._domain)
        request = self._request(act.request) if isinstance(act, Grant) else None
        signer = self._registry.signer_of(act)
        return self._registry.encode_act(act, with_recovery_id(digest, signature, signer), request)

    def _request(self, request: bytes) -> Request:
        entry = self._journal.request(request)
        if entry is not None and entry.message:
            return SignedRequest.decode(entry.message).request
        found = self._registry.request(request)
        if found is None:
            raise RefusedError("the request that is answered is not on the ledger")
        return found
