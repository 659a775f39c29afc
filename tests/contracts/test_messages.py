"""Messages come back as they were, and each known bad one is refused."""

import contextlib
from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import cose, signing
from contracts.acts import ACTS
from contracts.eip712 import Domain
from contracts.envelope import MAX_OBJECT, MAX_PLAINTEXT, MAX_PUBLISHED_OBJECT, commitment
from contracts.errors import ContractError, MalformedError, UnsupportedVersionError, VerificationError
from contracts.messages import (
    MAX_KIOSK_MESSAGE,
    MAX_RECEIPT,
    MAX_REQUEST_NOTICE,
    MAX_SIGNED_REQUEST,
    IdentityNotice,
    KioskMessage,
    PendingRecovery,
    Receipt,
    ReceiptStatus,
    RequestNotice,
    SignedRequest,
    from_gateway,
)
from contracts.purpose import MAX_TEXT, Purpose
from tests.contracts.fixtures import (
    DENY,
    DOMAIN,
    FINAL,
    GATEWAY,
    GRANT,
    KIOSK,
    KIOSK_MESSAGES,
    NOTICE,
    OBJECT,
    PERSON,
    QUIET,
    RECOVERING,
    REGISTER,
    REJECTED,
    REQUEST,
    SIGNED_REQUEST,
    kiosk_message,
)
from tests.contracts.strategies import acts_of, environments, hashes, uint64s

KIOSK_ID = cose.kid_of(KIOSK.public_key())
KIOSKS = {KIOSK_ID: KIOSK.public_key()}
GATEWAY_KEY = GATEWAY.public_key()
signatures = st.binary(min_size=64, max_size=64)


def payload_of(message, key):
    return dict(cbor2.loads(cbor2.loads(message.sign(key))[2]))


def resigned(payload, key, aad):
    """What a device of the house could send if it were broken or dishonest."""
    data = payload if isinstance(payload, bytes) else cbor2.dumps(payload, canonical=True)
    return cose.sign1(key, data, aad=aad, kid=cose.kid_of(key.public_key()))


@pytest.mark.parametrize("message", KIOSK_MESSAGES)
def test_a_kiosk_message_comes_back(message):
    assert KioskMessage.verify(message.sign(KIOSK), KIOSKS.get) == (KIOSK_ID, message)


@given(
    environment=environments,
    act=st.one_of(*map(acts_of, ACTS)),
    signature=signatures,
    at=uint64s,
)
def test_any_kiosk_message_comes_back(environment, act, signature, at):
    message = KioskMessage(environment, act, signature, at)
    assert KioskMessage.verify(message.sign(KIOSK), KIOSKS.get)[1] == message


@given(
    environment=environments,
    digest=hashes,
    status=st.sampled_from(ReceiptStatus),
    transaction=hashes,
    block=uint64s,
    at=uint64s,
)
def test_any_receipt_comes_back(environment, digest, status, transaction, block, at):
    receipt = Receipt(environment, digest, status, transaction, block, "", at)
    assert Receipt.verify(receipt.sign(GATEWAY), GATEWAY_KEY) == receipt


@pytest.mark.parametrize("message", [FINAL, REJECTED, NOTICE, QUIET, RECOVERING])
def test_what_a_gateway_sends_is_told_apart(message):
    assert from_gateway(message.sign(GATEWAY), GATEWAY_KEY) == message


def test_a_signed_request_comes_back():
    assert SignedRequest.decode(SIGNED_REQUEST.encode()) == SIGNED_REQUEST


def test_one_type_cannot_be_passed_off_as_another():
    receipt, notice = FINAL.sign(GATEWAY), NOTICE.sign(GATEWAY)
    with pytest.raises(VerificationError):
        RequestNotice.verify(receipt, GATEWAY_KEY)
    with pytest.raises(VerificationError):
        Receipt.verify(notice, GATEWAY_KEY)
    with pytest.raises(VerificationError):
        IdentityNotice.verify(notice, GATEWAY_KEY)
    with pytest.raises(VerificationError):
        KioskMessage.verify(receipt, lambda _: GATEWAY_KEY)


@pytest.mark.parametrize("left", [{5}, {6}, {7}, {5, 6}, {5, 7}, {6, 7}])
def test_a_recovery_is_told_whole_or_not_at_all(left):
    payload = payload_of(RECOVERING, GATEWAY)
    part = {key: value for key, value in payload.items() if key < 5 or key in left}
    with pytest.raises(MalformedError, match="lacks a field"):
        IdentityNotice.verify(resigned(part, GATEWAY, IdentityNotice.AAD), GATEWAY_KEY)


@pytest.mark.parametrize("message", [FINAL, NOTICE])
def test_another_than_the_gateway_is_not_believed(message):
    with pytest.raises(VerificationError):
        from_gateway(message.sign(KIOSK), GATEWAY_KEY)


def test_an_unknown_kiosk_is_refused():
    with pytest.raises(VerificationError, match=KIOSK_ID.hex()):
        KioskMessage.verify(KIOSK_MESSAGES[0].sign(KIOSK), {}.get)


# -- kiosk messages that must not pass


DENIAL = payload_of(kiosk_message(DENY), KIOSK)
STORED = payload_of(kiosk_message(REGISTER, object=OBJECT), KIOSK)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(cbor2.dumps([]), id="no map"),
        pytest.param({k: v for k, v in DENIAL.items() if k != 3}, id="no signature"),
        pytest.param({**DENIAL, 7: 0}, id="a field too many"),
        pytest.param({**DENIAL, 1: ""}, id="no environment"),
        pytest.param({**DENIAL, 1: "x" * 65}, id="long environment"),
        pytest.param({**DENIAL, 2: {0: 9}}, id="unknown act"),
        pytest.param({**DENIAL, 3: bytes(65)}, id="65 bytes of signature"),
        pytest.param({**DENIAL, 4: -1}, id="captured before 1970"),
        pytest.param({**DENIAL, 4: 2**64}, id="captured after time"),
        pytest.param({**DENIAL, 6: 1}, id="on_ledger is 1"),
        pytest.param({**DENIAL, 6: True}, id="nothing to put on the ledger"),
        pytest.param({**DENIAL, 5: OBJECT}, id="object with a denial"),
        pytest.param({**STORED, 5: b""}, id="empty object"),
        pytest.param({**STORED, 5: None}, id="object is null"),
        pytest.param({**STORED, 5: bytes(MAX_OBJECT + 1)}, id="object too large"),
        pytest.param(bytes(MAX_KIOSK_MESSAGE + 1), id="payload too large"),
        pytest.param(cbor2.dumps(dict(reversed(DENIAL.items()))), id="keys out of order"),
        pytest.param(cbor2.dumps(DENIAL, canonical=True) + b"\x00", id="trailing byte"),
        pytest.param(cbor2.dumps(DENIAL, indefinite_containers=True), id="indefinite map"),
    ],
)
def test_a_malformed_kiosk_message_is_refused(payload):
    with pytest.raises(MalformedError):
        KioskMessage.verify(resigned(payload, KIOSK, KioskMessage.AAD), KIOSKS.get)


def test_an_object_that_the_act_does_not_commit_to_is_refused():
    payload = {**STORED, 5: OBJECT[:-1] + bytes([OBJECT[-1] ^ 1])}
    with pytest.raises(VerificationError, match="committed"):
        KioskMessage.verify(resigned(payload, KIOSK, KioskMessage.AAD), KIOSKS.get)


def test_only_a_small_object_goes_on_the_ledger():
    large = bytes(MAX_PUBLISHED_OBJECT + 1)
    act = replace(REGISTER, commitment=commitment(large))
    assert kiosk_message(act, object=large).object == large
    with pytest.raises(MalformedError, match="the most here is 24576"):
        kiosk_message(act, object=large, on_ledger=True)


@pytest.mark.parametrize(
    ("payload", "key", "aad", "verify"),
    [
        (DENIAL, KIOSK, KioskMessage.AAD, lambda data: KioskMessage.verify(data, KIOSKS.get)),
        (payload_of(FINAL, GATEWAY), GATEWAY, Receipt.AAD, lambda data: Receipt.verify(data, GATEWAY_KEY)),
        (
            payload_of(NOTICE, GATEWAY),
            GATEWAY,
            RequestNotice.AAD,
            lambda data: RequestNotice.verify(data, GATEWAY_KEY),
        ),
        (
            payload_of(QUIET, GATEWAY),
            GATEWAY,
            IdentityNotice.AAD,
            lambda data: IdentityNotice.verify(data, GATEWAY_KEY),
        ),
        (cbor2.loads(SIGNED_REQUEST.encode()), None, b"", SignedRequest.decode),
    ],
    ids=["kiosk message", "receipt", "request notice", "identity notice", "signed request"],
)
def test_another_version_is_refused_by_name(payload, key, aad, verify):
    later = {**payload, 0: 2}
    data = resigned(later, key, aad) if key else cbor2.dumps(later, canonical=True)
    with pytest.raises(UnsupportedVersionError, match="version 2, this release speaks 1; update"):
        verify(data)


# -- receipts that must not pass


RECEIPT = payload_of(FINAL, GATEWAY)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({**RECEIPT, 2: bytes(31)}, id="short digest"),
        pytest.param({**RECEIPT, 3: 0}, id="status 0"),
        pytest.param({**RECEIPT, 3: 3}, id="status 3"),
        pytest.param({**RECEIPT, 3: True}, id="status is true"),
        pytest.param({k: v for k, v in RECEIPT.items() if k != 4}, id="final without a transaction"),
        pytest.param({k: v for k, v in RECEIPT.items() if k != 5}, id="final without a block"),
        pytest.param({**RECEIPT, 4: bytes(33)}, id="long transaction hash"),
        pytest.param({**RECEIPT, 4: None}, id="transaction is null"),
        pytest.param({**RECEIPT, 6: "x" * 201}, id="long reason"),
        pytest.param({**RECEIPT, 6: "\x1b[2J"}, id="reason that clears the screen"),
        pytest.param({**RECEIPT, 6: "\u202e"}, id="reason that turns the line around"),
        pytest.param({**RECEIPT, 7: "now"}, id="time is text"),
        pytest.param(bytes(MAX_RECEIPT + 1), id="too large"),
    ],
)
def test_a_malformed_receipt_is_refused(payload):
    with pytest.raises(MalformedError):
        from_gateway(resigned(payload, GATEWAY, Receipt.AAD), GATEWAY_KEY)


# -- requests that must not pass


SIGNED = dict(cbor2.loads(SIGNED_REQUEST.encode()))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({**SIGNED, 1: DENY.to_map()}, id="another act"),
        pytest.param({**SIGNED, 2: {1: "two\nlines", 2: bytes(16)}}, id="purpose on two lines"),
        pytest.param({**SIGNED, 2: {1: "\u202etxet", 2: bytes(16)}}, id="purpose turned around"),
        pytest.param({**SIGNED, 2: {1: "", 2: bytes(16)}}, id="no purpose"),
        pytest.param({**SIGNED, 2: {1: "x" * 281, 2: bytes(16)}}, id="long purpose"),
        pytest.param({**SIGNED, 2: {1: "x", 2: bytes(15)}}, id="short salt"),
        pytest.param({**SIGNED, 2: {1: "x"}}, id="no salt"),
        pytest.param({**SIGNED, 3: bytes(32)}, id="short public key"),
        pytest.param({**SIGNED, 4: bytes(63)}, id="short signature"),
        pytest.param({**SIGNED, 5: b""}, id="a field too many"),
    ],
)
def test_a_malformed_request_is_refused(fields):
    with pytest.raises(MalformedError):
        SignedRequest.decode(cbor2.dumps(fields, canonical=True))


def test_too_large_a_request_is_refused():
    with pytest.raises(MalformedError, match="the most is"):
        SignedRequest.decode(bytes(MAX_SIGNED_REQUEST + 1))


def test_a_good_request_passes_its_check():
    SIGNED_REQUEST.check(DOMAIN)


@pytest.mark.parametrize(
    ("signed_request", "domain"),
    [
        pytest.param(
            replace(SIGNED_REQUEST, purpose=Purpose("Sale", bytes(16))), DOMAIN, id="another purpose"
        ),
        pytest.param(replace(SIGNED_REQUEST, public_key=PERSON.public_key), DOMAIN, id="another's key"),
        pytest.param(
            replace(SIGNED_REQUEST, signature=PERSON.sign(REQUEST, DOMAIN)), DOMAIN, id="another's signature"
        ),
        pytest.param(
            replace(SIGNED_REQUEST, request=replace(REQUEST, expiry=REQUEST.expiry + 1)), DOMAIN, id="altered"
        ),
        pytest.param(SIGNED_REQUEST, replace(DOMAIN, chain_id=1), id="another chain"),
        pytest.param(SIGNED_REQUEST, replace(DOMAIN, contract=bytes(20)), id="another contract"),
        pytest.param(SIGNED_REQUEST, Domain(31337, DOMAIN.contract, "other"), id="another environment"),
    ],
)
def test_a_request_that_does_not_hold_is_refused(signed_request, domain):
    with pytest.raises(VerificationError):
        signed_request.check(domain)


def test_a_request_by_no_key_at_all_is_refused():
    with pytest.raises(MalformedError):
        replace(SIGNED_REQUEST, public_key=b"\x02" + b"\xff" * 32).check(DOMAIN)


# -- the bounds leave room for the largest


def test_the_largest_of_each_type_fits_its_bound():
    widest = "\U0001f600" * 64
    largest_object = bytes(MAX_OBJECT)
    act = replace(REGISTER, commitment=commitment(largest_object))
    message = KioskMessage(widest, act, bytes(64), 2**64 - 1, largest_object)
    assert KioskMessage.verify(message.sign(KIOSK), KIOSKS.get)[1] == message
    receipt = Receipt(
        widest, bytes(32), ReceiptStatus.FINAL, bytes(32), 2**64 - 1, "\U0001f600" * 200, 2**64 - 1
    )
    assert Receipt.verify(receipt.sign(GATEWAY), GATEWAY_KEY) == receipt
    request = replace(REQUEST, expiry=2**64 - 1, deadline=2**64 - 1)
    purpose = Purpose("\U0001f600" * MAX_TEXT, bytes(16))
    signed_request = SignedRequest(request, purpose, bytes(33), bytes(64))
    assert SignedRequest.decode(signed_request.encode()) == signed_request
    pending = PendingRecovery(bytes(32), bytes(20), 2**64 - 1)
    identity = IdentityNotice(widest, bytes(20), bytes(20), 2**64 - 1, pending)
    assert IdentityNotice.verify(identity.sign(GATEWAY), GATEWAY_KEY) == identity
    notice = RequestNotice(widest, signed_request)
    assert RequestNotice.verify(notice.sign(GATEWAY), GATEWAY_KEY) == notice
    assert MAX_REQUEST_NOTICE > MAX_SIGNED_REQUEST
    assert MAX_OBJECT > MAX_PLAINTEXT


def test_a_persons_signature_is_64_bytes_on_the_way():
    assert len(kiosk_message(GRANT).signature) == signing.SIGNATURE_LENGTH
    with pytest.raises(MalformedError):
        replace(kiosk_message(GRANT), signature=bytes(65))


# -- whatever a device signs, a message or one clear error comes of it


anything = st.recursive(
    st.integers(-(2**64), 2**64) | st.binary(max_size=70) | st.text(max_size=20) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 9), inner, max_size=3),
    max_leaves=5,
)
READERS = {
    KioskMessage: (STORED, KIOSK, lambda data: KioskMessage.verify(data, KIOSKS.get)),
    Receipt: (RECEIPT, GATEWAY, lambda data: Receipt.verify(data, GATEWAY_KEY)),
    RequestNotice: (
        payload_of(NOTICE, GATEWAY),
        GATEWAY,
        lambda data: RequestNotice.verify(data, GATEWAY_KEY),
    ),
    IdentityNotice: (
        payload_of(RECOVERING, GATEWAY),
        GATEWAY,
        lambda data: IdentityNotice.verify(data, GATEWAY_KEY),
    ),
}


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_a_field_of_anything_gives_a_message_or_a_clear_error(kind, data):
    payload, key, read = READERS[kind]
    field = data.draw(st.sampled_from(sorted(payload)))
    changed = {**payload, field: data.draw(anything)}
    if isinstance(payload[field], dict) and data.draw(st.booleans()):
        inner = data.draw(st.sampled_from(sorted(payload[field])))
        changed = {**payload, field: {**payload[field], inner: data.draw(anything)}}
    complaint = "none"
    try:
        read(resigned(changed, key, kind.AAD))
    except ContractError as error:
        complaint = str(error)
    assert len(complaint.splitlines()) == 1


@pytest.mark.parametrize("kind", READERS)
@given(position=st.integers(0), byte=st.integers(0, 255))
def test_a_byte_of_anything_gives_a_message_or_a_clear_error(kind, position, byte):
    payload, key, read = READERS[kind]
    data = bytearray(cbor2.dumps(payload, canonical=True))
    data[position % len(data)] = byte
    with contextlib.suppress(ContractError):
        read(resigned(bytes(data), key, kind.AAD))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_clear_error(data):
    for read in (SignedRequest.decode, *(read for _, _, read in READERS.values())):
        with pytest.raises(ContractError):
            read(data)
