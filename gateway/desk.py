"""The requesters' desk: takes signed requests, says how they stand, and knows which are still unanswered."""

import hashlib
import time
from collections.abc import Callable, Sequence

from contracts.acts import ActKind
from contracts.eip712 import Domain
from contracts.messages import SignedRequest
from contracts.registry import DEACTIVATED
from gateway.entries import Arrival, Entry, State
from gateway.errors import GatewayError
from gateway.journal import Journal
from gateway.ledger.registry import Registry
from gateway.rates import Rate
from gateway.room import Room
from gateway.standing import Standing, on_ledger

MAX_OPEN_REQUESTS = 32
"""Unanswered requests of one requester, and about one person: one that asks everybody about everything does
not fill the kiosks, nor does one that has many keys fill a person's."""


class RefusedRequestError(GatewayError):
    """A request that could only be refused by the ledger, or by the person's patience."""


class TooManyRequestsError(RefusedRequestError):
    """The requester, or the person, has as many unanswered requests as one may have."""


class NoRoomError(RefusedRequestError):
    """As many requests wait for the ledger as may."""


class RequestDesk:
    """Requests, from their arrival over HTTP to the answer."""

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        domain: Domain,
        wake: Callable[[], None],
        rate: Rate | None = None,
    ) -> None:
        """Connect the parts.

        Args:
            journal: Where requests are kept.
            registry: The contract, on its ledger.
            domain: Where requests count.
            wake: Called when there is something new to relay.
            rate: How often requesters may ask, all together; what comes faster waits in the journal.
        """
        self._journal, self._registry, self._domain, self._wake = journal, registry, domain, wake
        self._rate, self._room = rate, Room(journal)

    def submit(self, data: bytes) -> bytes:
        """Take a signed request into the journal; the same one again changes nothing.

        Returns:
            The request's id.

        Raises:
            ContractError: Ill-formed, or a signature, address or purpose that does not hold.
            RefusedRequestError: Stale, or about somebody or something that is not on the ledger, or no more.
            TooManyRequestsError: The requester must wait for answers first, or for the person's.
            NoRoomError: The ledger must take others first.
        """
        signed = SignedRequest.decode(data)
        signed.check(self._domain)
        request = signed.request
        digest, identifier = request.digest(self._domain), request.hash_struct()
        if self._journal.find(digest) is None:
            self._check(signed)
        arrival = Arrival(
            digest=digest,
            kind=ActKind.REQUEST,
            subject=request.subject,
            request=identifier,
            requester=request.requester,
            kiosk=None,
            message=data,
            steps=1,
            fingerprint=hashlib.sha256(signed.signature).digest(),
        )
        _, is_new = self._journal.admit(arrival, self._rate)
        if is_new:
            self._wake()
        return identifier

    def _check(self, signed: SignedRequest) -> None:
        request, now = signed.request, time.time()
        if now > request.deadline or now >= request.expiry:
            raise RefusedRequestError(
                "the request's deadline or expiry has passed; check the clock and ask again"
            )
        key = self._registry.key_of(request.subject)
        if key is None:
            raise RefusedRequestError("nobody with this identifier is enrolled; check --subject")
        if key == DEACTIVATED:
            raise RefusedRequestError("the person has ended this identity; nobody can answer for it any more")
        if self._registry.commitment_of(request.subject, request.record) is None:
            raise RefusedRequestError("the person has no such record; check --record")
        if not self._room.is_there(None):
            raise NoRoomError("too many requests wait for the ledger; ask again later")
        self._check_answers("requester", self._journal.open_requests_of_requester(request.requester))
        self._check_answers("person", self._journal.open_requests_about(request.subject))

    def _check_answers(self, whose: str, unanswered: Sequence[Entry]) -> None:
        if len(unanswered) >= MAX_OPEN_REQUESTS and sum(map(self.is_open, unanswered)) >= MAX_OPEN_REQUESTS:
            raise TooManyRequestsError(
                f"this {whose} has {MAX_OPEN_REQUESTS} unanswered requests, the most one may have;"
                " ask again when some are answered"
            )

    def is_open(self, entry: Entry) -> bool:
        """Whether a request still waits for its answer; what no longer does is noted as answered.

        Raises:
            LedgerUnreachableError: The ledger can't be asked.
        """
        if entry.state is not State.FINAL:
            return entry.state is not State.REJECTED
        request = SignedRequest.decode(entry.message).request.hash_struct()
        standing = on_ledger(self._registry, request)
        if standing is not None and standing.state == "requested":
            return True
        self._journal.set_answered(request)
        return False

    def standing(self, request: bytes) -> Standing | None:
        """How the request with this id stands: by the ledger, before that by the journal; None if unknown.

        Raises:
            LedgerUnreachableError: The ledger can't be asked.
        """
        standing = on_ledger(self._registry, request)
        if standing is not None:
            return standing
        entry = self._journal.request(request)
        if entry is None:
            return None
        return Standing("rejected" if entry.state is State.REJECTED else "received", None, entry.reason)
