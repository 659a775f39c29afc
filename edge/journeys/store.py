"""A person stores a document: encrypted here, so that nobody else ever has it in clear."""

import secrets

from contracts import envelope
from contracts.acts import RecordKind, Register
from contracts.envelope import MAX_OBJECT, MAX_PLAINTEXT, MAX_PUBLISHED_OBJECT
from edge.errors import BadDataError
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.unlocking import SEARCH_LIMIT, unlocked
from edge.journeys.visit import Visit
from edge.state import nonces, records, subjects
from edge.state.records import StoredRecord

RECORD_ID_BYTES = 32


def store(visit: Visit, document: bytes, kind: RecordKind, subject: bytes | None = None) -> SignedAct:
    """Encrypt a document under a fresh data key, wrap that key to the person, and register the record.

    Args:
        visit: the errand.
        document: the content, any bytes.
        kind: what kind of record it is.
        subject: whose; None to find out by the finger.

    Raises:
        BadDataError: the document is empty or too large.
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press.
    """
    desk = visit.desk
    _check_size(document, desk.on_ledger)
    desk.outbox.check_room()
    people = subjects.candidates(desk.database, subject, SEARCH_LIMIT)
    with unlocked(visit, people) as me:
        record = secrets.token_bytes(RECORD_ID_BYTES)
        sealed = envelope.encrypt(document, record, kind.identifier, me.encryption_public_key)
        encrypted = sealed.encode()
        commitment = envelope.commitment(encrypted)
        nonce = nonces.take(desk.database, me.subject)
        act = Register(me.subject, record, kind.identifier, commitment, nonce, visit.deadline())
        signed = sign(visit, me, act, encrypted)
    stored = StoredRecord(
        record, act.subject, kind.identifier, commitment, sealed.wrapped_key, stored_at=desk.now()
    )
    return hand_in(visit, signed, record, lambda database: records.add(database, stored))


def _check_size(document: bytes, on_ledger: bool) -> None:
    limit = MAX_PUBLISHED_OBJECT - (MAX_OBJECT - MAX_PLAINTEXT) if on_ledger else MAX_PLAINTEXT
    if not document:
        raise BadDataError("the document is empty; nothing to store")
    if len(document) > limit:
        where = "on the ledger" if on_ledger else "in a record"
        raise BadDataError(f"the document has {len(document)} bytes; {where} there is room for {limit}")
