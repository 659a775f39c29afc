"""Opening a granted record, on the ledger's word alone: the gateway has the bytes and no authority.

What is opened once can be copied. A consent that is withdrawn or expires stops the next opening by an
honest requester, by the gateway's store and by every service that asks the contract; it can't take back what
was read. A record that was published on the ledger stays there, encrypted, for everybody, for good.
"""

from collections.abc import Callable

from contracts.acts import Grant, Register, Request
from contracts.envelope import Envelope, check_commitment, commitment, decrypt
from contracts.errors import ContractError
from contracts.registry import DEACTIVATED, EVENT_OF, PUBLISHED, ConsentState, event_topic
from contracts.sealing import open_sealed, seal_info
from gateway.errors import GatewayError
from gateway.ledger.answers import Log
from gateway.ledger.events import ActEvent, Event, PublishedEvent, UndecodableEventError, decode
from gateway.ledger.registry import Registry
from gateway.requester.report import moment
from gateway.requester.state import Requester

Fetch = Callable[[bytes, bytes], bytes | None]
"""Gets an object by commitment and request id from a store; None if it isn't there."""

REFUSALS = {
    ConsentState.UNKNOWN: "no such request is on the ledger; see: ridgekey requester status",
    ConsentState.REQUESTED: "the person has not answered this request yet",
    ConsentState.DENIED: "the person denied this request",
    ConsentState.WITHDRAWN: "the person has withdrawn this consent",
}


class NotOpenError(GatewayError):
    """The record can't be opened, and why."""


def open_record(registry: Registry, requester: Requester, request_id: bytes, fetch: Fetch) -> bytes:
    """The plaintext of the record that a request is about, if the person's consent counts now.

    Raises:
        NotOpenError: Denied, withdrawn, expired, unanswered, another requester's, the object is gone, or the
            identity has ended.
        VerificationError: The object or the sealed key is not what the ledger says it should be.
        LedgerError: The ledger can't be asked.
    """
    request = check_granted(registry, requester, request_id)
    grant, granted_at = find_grant(registry, request, request_id)
    wanted = current_commitment(registry, request, granted_at)
    data = published_object(registry, request, wanted) or fetch(wanted, request_id)
    if data is None:
        raise NotOpenError(
            "the record is granted, but neither the store nor the ledger has it; was it erased?"
        )
    return decrypt_object(data, wanted, request, request_id, grant, requester)


def check_granted(registry: Registry, requester: Requester, request_id: bytes) -> Request:
    """The request itself, if it is ours and the person's consent to it counts now.

    Raises:
        NotOpenError: It doesn't; the text says which case it is.
    """
    state, expiry = registry.consent_of(request_id)
    if state is not ConsentState.GRANTED:
        raise NotOpenError(REFUSALS[state])
    request = registry.request(request_id)
    if request is None or request.hash_struct() != request_id:
        raise NotOpenError("the ledger has a consent but not its request; ask another node")
    if request.requester != requester.address:
        raise NotOpenError("this is the request of another requester")
    if not registry.is_granted(request):
        if registry.key_of(request.subject) == DEACTIVATED:
            raise NotOpenError("the person has ended this identity, and with it the consent")
        raise NotOpenError(f"the consent expired at {moment(expiry)}; request again")
    return request


def find_grant(registry: Registry, request: Request, request_id: bytes) -> tuple[Grant, Log]:
    """The grant with the sealed key, and where on the ledger it stands."""
    for log in _logs(registry, EVENT_OF[Grant], request.subject, request_id):
        event = _decoded(log)
        if isinstance(event, ActEvent) and isinstance(event.act, Grant):
            return event.act, log
    raise NotOpenError("the ledger says granted but shows no grant; ask another node")


def current_commitment(registry: Registry, request: Request, granted: Log) -> bytes:
    """The commitment of the edition that was granted, which must be the current one.

    The grant's key opens the edition of that time; the store hands out the current one only.
    """
    found = registry.commitment_of(request.subject, request.record)
    editions = _logs(registry, EVENT_OF[Register], request.subject, request.record)
    if found is None or not editions:
        raise NotOpenError("the record is no longer on the ledger")
    if (editions[-1].block, editions[-1].position) > (granted.block, granted.position):
        raise NotOpenError("the person has replaced the record since granting this; request it again")
    return found


def published_object(registry: Registry, request: Request, wanted: bytes) -> bytes | None:
    """The object out of the ledger's own events, where the person chose to publish it."""
    for log in _logs(registry, PUBLISHED, request.subject, request.record):
        event = _decoded(log)
        if isinstance(event, PublishedEvent) and commitment(event.object) == wanted:
            return event.object
    return None


def decrypt_object(
    data: bytes, wanted: bytes, request: Request, request_id: bytes, grant: Grant, requester: Requester
) -> bytes:
    """The plaintext; the object is compared with its commitment before anything else.

    Raises:
        ContractError: Another object, another record, or a key that doesn't open it.
    """
    check_commitment(data, wanted)
    envelope = Envelope.decode(data)
    if envelope.record != request.record:
        raise NotOpenError("the encrypted record is of another record than the one requested")
    key = open_sealed(requester.encryption_key, grant.sealed_key, seal_info(request_id))
    try:
        return decrypt(envelope, key)
    except ContractError:
        raise NotOpenError("the granted key does not open the record; request it again") from None
    finally:
        key[:] = bytes(len(key))


def _logs(registry: Registry, event: str, subject: bytes, indexed: bytes) -> list[Log]:
    topics = [[event_topic(event)], [subject.rjust(32, b"\0")], [indexed]]
    return registry.client.logs(registry.contract, 0, registry.client.block_number(), topics)


def _decoded(log: Log) -> Event:
    try:
        return decode(log)
    except UndecodableEventError as error:
        raise NotOpenError(f"the ledger shows an ill-formed event in block {log.block}: {error}") from None
