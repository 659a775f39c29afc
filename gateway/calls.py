"""From an entry of the journal to the contract call that it asks for."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.acts import Act, Enrol, Grant, Recover, Register, Request
from contracts.eip712 import Domain
from contracts.errors import ContractError
from contracts.messages import KioskMessage, SignedRequest
from contracts.registry import publish_arguments
from gateway.entries import Entry
from gateway.errors import GatewayError
from gateway.journal import Journal
from gateway.ledger.registry import Registry
from gateway.ledger.signatures import signed_by, with_recovery_id

REMEMBERED = 4096
"""Submissions kept in memory between an act's verification and its transaction, some 2 kB each; and people
who enrolled elsewhere."""


class RefusedError(GatewayError):
    """The gateway itself sees that an act can't be done; the text says why."""


@dataclass(frozen=True)
class Submission:
    """What an entry asks of the contract.

    Attributes:
        act: The signed act.
        object: The encrypted record that came with it.
        request: The request that a grant answers.
        is_signed: The signature is by the key that signs for the person.
        data: Call data of the entry's present step.
    """

    act: Act
    object: bytes | None
    request: Request | None
    is_signed: bool
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
        self._made: OrderedDict[tuple[bytes, int], Submission] = OrderedDict()
        self._keep_first_key: set[bytes] = set()  # of those who enrolled elsewhere, as the ledger said
        self._lock = threading.Lock()

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

    def remember(self, entry: Entry, submission: Submission) -> None:
        """Keep a small submission for the next time that it is asked for."""
        if submission.object is None:
            with self._lock:
                self._made[entry.digest, entry.step] = submission
                while len(self._made) > REMEMBERED:
                    self._made.popitem(last=False)

    def _of(self, entry: Entry) -> Submission:
        with self._lock:
            known = self._made.pop((entry.digest, entry.step), None)
        if known is not None:
            return known
        if entry.kiosk is None:
            signed = SignedRequest.decode(entry.message)
            return self._submission(signed.request, signed.signature, None)
        _, message = KioskMessage.verify(entry.message, self._kiosks.get)
        act = message.act
        if entry.step and isinstance(act, Register) and message.object is not None:
            data = self._registry.encode(*publish_arguments(act.subject, act.record, message.object))
            return Submission(act, message.object, None, True, data)
        return self._submission(act, message.signature, message.object)

    def _submission(self, act: Act, signature: bytes, data: bytes | None) -> Submission:
        digest = act.digest(self._domain)
        request = self._request(act.request) if isinstance(act, Grant) else None
        full = self._signature(act, digest, signature)
        is_signed = full is not None
        if full is None:
            full = with_recovery_id(digest, signature, act.subject)  # the contract will say so
        return Submission(act, data, request, is_signed, self._registry.encode_act(act, full, request))

    def _signature(self, act: Act, digest: bytes, signature: bytes) -> bytes | None:
        """The 65-byte signature, if it is by the key that signs for the person, mostly the first one."""
        if isinstance(act, Enrol | Request):
            return signed_by(digest, signature, act.signer_address)
        if isinstance(act, Recover):
            return signed_by(digest, signature, self._registry.signer_of(act))
        if self._keeps_first_key(act.subject):
            full = signed_by(digest, signature, act.subject)
            if full is not None:
                return full
        signer = self._registry.signer_of(act)
        if signer == act.subject:
            self._remember_first_key(act.subject)
        return signed_by(digest, signature, signer)

    def _keeps_first_key(self, subject: bytes) -> bool:
        """Whether a person signs with the key that they enrolled with, as far as is known."""
        if self._journal.has_new_key(subject):
            return False
        return subject in self._keep_first_key or self._journal.enrolled_here(subject)

    def _remember_first_key(self, subject: bytes) -> None:
        if len(self._keep_first_key) >= REMEMBERED:
            self._keep_first_key.clear()
        self._keep_first_key.add(subject)

    def _request(self, request: bytes) -> Request:
        entry = self._journal.request(request)
        if entry is not None and entry.message:
            return SignedRequest.decode(entry.message).request
        found = self._registry.request(request)
        if found is None:
            raise RefusedError("the request that is answered is not on the ledger")
        return found
