"""Records and keys under seal: they open for the right key in the right place, and nowhere else."""

from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import envelope
from contracts.acts import RecordKind
from contracts.envelope import MAX_PLAINTEXT, Envelope
from contracts.errors import MalformedError, UnsupportedVersionError, VerificationError
from contracts.sealing import open_sealed, seal, seal_info, wrap_info
from tests.contracts.people import Person

PERSON, OTHER = Person(1), Person(2)
RECORD = b"\x11" * 32
KIND = RecordKind.IDENTITY_DOCUMENT.identifier
KEY = bytes(range(32))
SEALED = seal(PERSON.encryption_public_key, KEY, seal_info(RECORD))
ENVELOPE = envelope.encrypt(b"a record", RECORD, KIND, PERSON.encryption_public_key)
DATA_KEY = bytes(open_sealed(PERSON.encryption_key, ENVELOPE.wrapped_key, wrap_info(RECORD)))


def test_a_sealed_key_opens_for_its_owner():
    opened = open_sealed(PERSON.encryption_key, SEALED, seal_info(RECORD))
    assert (type(opened), bytes(opened), len(SEALED)) == (bytearray, KEY, 80)


def test_sealing_twice_gives_different_bytes():
    assert seal(PERSON.encryption_public_key, KEY, b"") != seal(PERSON.encryption_public_key, KEY, b"")


@pytest.mark.parametrize(
    ("person", "info"),
    [
        pytest.param(OTHER, seal_info(RECORD), id="another person"),
        pytest.param(PERSON, seal_info(b"\x12" * 32), id="another request"),
        pytest.param(PERSON, wrap_info(RECORD), id="another use"),
        pytest.param(PERSON, b"", id="no context"),
    ],
)
def test_a_sealed_key_opens_for_nobody_else_and_nothing_else(person, info):
    with pytest.raises(VerificationError):
        open_sealed(person.encryption_key, SEALED, info)


def test_every_byte_of_a_sealed_key_counts():
    for position in range(len(SEALED)):
        altered = bytearray(SEALED)
        altered[position] ^= 1
        with pytest.raises(VerificationError):
            open_sealed(PERSON.encryption_key, bytes(altered), seal_info(RECORD))


@pytest.mark.parametrize("sealed", [b"", SEALED[:-1], SEALED + b"\x00"], ids=["empty", "short", "long"])
def test_a_sealed_key_of_another_length_is_refused(sealed):
    with pytest.raises(MalformedError):
        open_sealed(PERSON.encryption_key, sealed, seal_info(RECORD))


@pytest.mark.parametrize(
    ("public_key", "key"),
    [
        pytest.param(PERSON.encryption_public_key[:31], KEY, id="short public key"),
        pytest.param(PERSON.encryption_public_key, KEY[:31], id="short key"),
        pytest.param(bytes(32), KEY, id="point of order 4"),
        pytest.param(b"\x01" + bytes(31), KEY, id="point of order 1"),
    ],
)
def test_what_cannot_be_sealed_is_refused(public_key, key):
    with pytest.raises(MalformedError):
        seal(public_key, key, b"")


@given(st.binary(max_size=2000))
def test_a_record_comes_back(plaintext):
    made = envelope.encrypt(plaintext, RECORD, KIND, PERSON.encryption_public_key)
    stored = Envelope.decode(made.encode())
    assert stored == made
    data_key = open_sealed(PERSON.encryption_key, stored.wrapped_key, wrap_info(stored.record))
    assert envelope.decrypt(stored, data_key) == plaintext


def test_the_largest_record_fits_and_one_byte_more_does_not():
    largest = envelope.encrypt(bytes(MAX_PLAINTEXT), RECORD, KIND, PERSON.encryption_public_key)
    assert Envelope.decode(largest.encode()) == largest
    with pytest.raises(MalformedError, match="at most"):
        envelope.encrypt(bytes(MAX_PLAINTEXT + 1), RECORD, KIND, PERSON.encryption_public_key)


def test_the_same_record_has_another_commitment_each_time():
    again = envelope.encrypt(b"a record", RECORD, KIND, PERSON.encryption_public_key)
    assert envelope.commitment(again.encode()) != envelope.commitment(ENVELOPE.encode())


def test_a_commitment_names_one_object():
    stored = ENVELOPE.encode()
    envelope.check_commitment(stored, envelope.commitment(stored))
    with pytest.raises(VerificationError):
        envelope.check_commitment(stored + b"\x00", envelope.commitment(stored))


@pytest.mark.parametrize(
    "altered",
    [
        pytest.param(replace(ENVELOPE, record=b"\x12" * 32), id="another record"),
        pytest.param(replace(ENVELOPE, kind=RecordKind.FINANCIAL_RECORD.identifier), id="another kind"),
        pytest.param(replace(ENVELOPE, nonce=bytes(12)), id="another nonce"),
        pytest.param(replace(ENVELOPE, ciphertext=ENVELOPE.ciphertext[:-1]), id="ciphertext cut"),
        pytest.param(replace(ENVELOPE, ciphertext=bytes(16)), id="another ciphertext"),
    ],
)
def test_an_altered_envelope_does_not_decrypt(altered):
    with pytest.raises(VerificationError):
        envelope.decrypt(altered, DATA_KEY)


def test_another_data_key_does_not_decrypt():
    with pytest.raises(VerificationError):
        envelope.decrypt(ENVELOPE, KEY)
    with pytest.raises(MalformedError):
        envelope.decrypt(ENVELOPE, DATA_KEY[:31])


FIELDS = dict(cbor2.loads(ENVELOPE.encode()))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({**FIELDS, 1: bytes(31)}, id="short salt"),
        pytest.param({**FIELDS, 2: bytes(33)}, id="long record id"),
        pytest.param({**FIELDS, 4: bytes(11)}, id="short nonce"),
        pytest.param({**FIELDS, 5: bytes(15)}, id="ciphertext shorter than a tag"),
        pytest.param({**FIELDS, 5: bytes(MAX_PLAINTEXT + 17)}, id="long ciphertext"),
        pytest.param({**FIELDS, 6: bytes(79)}, id="short wrapped key"),
        pytest.param({**FIELDS, 7: 0}, id="a field too many"),
    ],
)
def test_a_malformed_envelope_is_refused(fields):
    with pytest.raises(MalformedError):
        Envelope.decode(cbor2.dumps(fields, canonical=True))


def test_an_envelope_of_another_version_is_refused():
    with pytest.raises(UnsupportedVersionError):
        Envelope.decode(cbor2.dumps({**FIELDS, 0: 2}, canonical=True))


def test_ids_have_32_bytes():
    with pytest.raises(MalformedError):
        envelope.encrypt(b"", RECORD[:31], KIND, PERSON.encryption_public_key)
