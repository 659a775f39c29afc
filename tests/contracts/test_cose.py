"""COSE_Sign1: exactly one form is taken, and nothing of it can be altered."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import cose
from contracts.errors import MalformedError, VerificationError
from tests.contracts.people import device

KEY = device(1)
KID = cose.kid_of(KEY.public_key())
AAD = b"a type"
PAYLOAD = b"payload"
MESSAGE = cose.sign1(KEY, PAYLOAD, aad=AAD, kid=KID)
KNOWN = {KID: KEY.public_key()}


def verify(message, aad=AAD, **more):
    return cose.verify1(message, KNOWN.get, aad=aad, **more)


def signed(protected, payload=PAYLOAD, unprotected=None, context="Signature1"):
    """A message with a true signature, whatever its header."""
    signature = KEY.sign(cbor2.dumps([context, protected, AAD, payload]))
    return cbor2.dumps([protected, unprotected or {}, payload, signature])


def header(**changed):
    return cbor2.dumps({1: -8, 4: KID} | {int(k[1:]): v for k, v in changed.items()}, canonical=True)


@given(payload=st.binary(max_size=300), aad=st.binary(max_size=40))
def test_what_was_signed_comes_back(payload, aad):
    message = cose.sign1(KEY, payload, aad=aad, kid=KID)
    assert verify(message, aad) == (KID, payload)
    assert len(message) <= len(payload) + cose.OVERHEAD


def test_a_message_is_the_one_of_the_standard():
    assert signed(header()) == MESSAGE


def test_any_flipped_bit_is_noticed():
    for position in range(8 * len(MESSAGE)):
        altered = bytearray(MESSAGE)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises((MalformedError, VerificationError)):
            verify(bytes(altered))


def test_another_aad_does_not_hold():
    with pytest.raises(VerificationError, match="does not hold"):
        verify(MESSAGE, b"another type")


def test_an_unknown_device_is_named():
    other = device(2)
    kid = cose.kid_of(other.public_key())
    with pytest.raises(VerificationError, match=kid.hex()):
        verify(cose.sign1(other, PAYLOAD, aad=AAD, kid=kid))


def test_anothers_key_id_does_not_help():
    with pytest.raises(VerificationError, match="does not hold"):
        verify(cose.sign1(device(2), PAYLOAD, aad=AAD, kid=KID))


PARTS = cbor2.loads(MESSAGE)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="empty"),
        pytest.param(MESSAGE[:-1], id="cut short"),
        pytest.param(MESSAGE + b"\x00", id="trailing byte"),
        pytest.param(MESSAGE + MESSAGE, id="twice"),
        pytest.param(b"\xd2" + MESSAGE, id="tagged"),
        pytest.param(b"\x9f" + MESSAGE[1:] + b"\xff", id="indefinite array"),
        pytest.param(MESSAGE[:1] + b"\x58\x0d" + MESSAGE[2:], id="length that is not the shortest"),
        pytest.param(cbor2.dumps(PARTS[:3]), id="three parts"),
        pytest.param(cbor2.dumps([*PARTS, b""]), id="five parts"),
        pytest.param(cbor2.dumps([PARTS[0], {}, None, PARTS[3]]), id="detached payload"),
        pytest.param(cbor2.dumps([PARTS[0], {}, "payload", PARTS[3]]), id="payload is text"),
        pytest.param(cbor2.dumps([PARTS[0], {}, PAYLOAD, PARTS[3][:63]]), id="short signature"),
        pytest.param(cbor2.dumps([{1: -8, 4: KID}, {}, PAYLOAD, PARTS[3]]), id="header not in bytes"),
        pytest.param(signed(header(), unprotected={4: KID}), id="key id also unprotected"),
        pytest.param(signed(b""), id="empty header"),
        pytest.param(signed(cbor2.dumps({})), id="header without fields"),
        pytest.param(signed(cbor2.dumps({4: KID})), id="no algorithm"),
        pytest.param(signed(cbor2.dumps({1: -8})), id="no key id"),
        pytest.param(signed(header(k1=-7)), id="ES256"),
        pytest.param(signed(header(k1="EdDSA")), id="algorithm as text"),
        pytest.param(signed(header(k4=KID[:7])), id="short key id"),
        pytest.param(signed(header(k2=[4])), id="critical headers"),
        pytest.param(signed(b"\xa3\x01\x27\x04\x48" + KID + b"\x01\x27"), id="duplicate header"),
        pytest.param(signed(b"\xa2\x04\x48" + KID + b"\x01\x27"), id="headers out of order"),
        pytest.param(signed(b"\xa2\x01\x38\x07\x04\x48" + KID), id="algorithm not the shortest"),
        pytest.param(cbor2.dumps({}), id="no array"),
    ],
)
def test_another_form_is_refused(message):
    with pytest.raises(MalformedError):
        verify(message)


def test_a_signature_made_for_another_structure_does_not_hold():
    with pytest.raises(VerificationError):
        verify(signed(header(), context="Signature"))


def test_too_long_a_payload_is_refused():
    message = cose.sign1(KEY, b"x" * 1000, aad=AAD, kid=KID)
    assert verify(message, limit=1000)[1] == b"x" * 1000
    with pytest.raises(MalformedError, match="the most is"):
        verify(message, limit=900)


def test_a_key_id_has_8_bytes():
    with pytest.raises(MalformedError):
        cose.sign1(KEY, PAYLOAD, aad=AAD, kid=b"\x01")
