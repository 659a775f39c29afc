"""A person answers a request: yes, for this purpose and until then, or no. Both take one press."""

from contracts.acts import Deny, Grant, Request
from contracts.sealing import seal, seal_info
from edge.errors import RefusedError, UsageError
from edge.identity.keys import Signer, wipe
from edge.journeys.asked import describe
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.standing import Standing, standing
from edge.journeys.unlocking import unlocked
from edge.journeys.visit import Visit
from edge.state import nonces, records, requests, subjects


def grant(visit: Visit, request: str, until: int | None = None) -> SignedAct:
    """Grant a request: open the record's data key with the finger, and seal it to the requester.

    Args:
        visit: the errand.
        request: the request's identifier in hex, or its first digits.
        until: Unix time at which the consent ends; None for as long as was asked.

    Raises:
        NotFoundError: the request, or the record that it asks for, is not here.
        RefusedError: the request is answered or expired.
        UsageError: `until` is past, or later than was asked for.
        VerificationError: the request is not what its requester signed.
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press.
    """
    desk = visit.desk
    asked = _open_request(visit, request)
    expiry = asked.expiry if until is None else until
    if not desk.now() < expiry <= asked.expiry:
        raise UsageError("a consent ends in the future, and not later than was asked for")
    stored = records.find(desk.database, asked.record, asked.subject)
    request_id = asked.hash_struct()
    with unlocked(visit, [subjects.find(desk.database, asked.subject)]) as me:
        act = Grant(
            subject=asked.subject,
            request=request_id,
            purpose=asked.purpose,
            expiry=expiry,
            sealed_key=_seal_to_requester(me, stored.wrapped_key, asked),
            nonce=nonces.take(desk.database, asked.subject),
            deadline=min(visit.deadline(), expiry),
        )
        signed = sign(visit, me, act)
    return hand_in(visit, signed, request_id)


def deny(visit: Visit, request: str) -> SignedAct:
    """Deny a request.

    Args:
        visit: the errand.
        request: the request's identifier in hex, or its first digits.

    Raises:
        NotFoundError, RefusedError, VerificationError: as `grant`.
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press.
    """
    asked = _open_request(visit, request)
    request_id = asked.hash_struct()
    with unlocked(visit, [subjects.find(visit.desk.database, asked.subject)]) as me:
        act = Deny(asked.subject, request_id, visit.deadline())
        signed = sign(visit, me, act)
    return hand_in(visit, signed, request_id)


def _open_request(visit: Visit, prefix: str) -> Request:
    """A request that can be answered, shown to the person and checked without the gateway's help."""
    desk = visit.desk
    desk.outbox.check_room()
    request_id, signed = requests.find(desk.database, prefix)
    signed.check(desk.domain)
    now = standing(desk.outbox, signed.request, desk.now())
    if now is not Standing.OPEN:
        raise RefusedError(f"this request is {now.value}; it cannot be answered any more")
    visit.report(describe(desk, request_id, signed))
    return signed.request


def _seal_to_requester(me: Signer, wrapped_key: bytes, asked: Request) -> bytes:
    data_key = me.open_wrapped(wrapped_key, asked.record)
    try:
        return seal(asked.encryption_key, data_key, seal_info(asked.hash_struct()))
    finally:
        wipe(data_key)
