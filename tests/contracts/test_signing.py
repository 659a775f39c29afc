"""Signatures: equal to what the Ethereum world's own library makes and recovers, and low in s."""

import coincurve
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from eth_keys import keys
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import signing
from contracts.errors import MalformedError
from contracts.keccak import keccak256
from tests.contracts.people import Person

DIGEST = keccak256(b"a digest")
PERSON = Person(1)
SIGNATURE = signing.sign(PERSON.signing_key, DIGEST)


@settings(max_examples=200)
@given(secret=st.integers(1, signing.ORDER - 1), digest=st.binary(min_size=32, max_size=32))
def test_a_signature_is_the_one_that_coincurve_makes(secret, digest):
    private_key = ec.derive_private_key(secret, ec.SECP256K1())
    signature = signing.sign(private_key, digest)
    theirs = coincurve.PrivateKey.from_int(secret).sign_recoverable(digest, hasher=None)
    assert signature == theirs[:64]
    assert int.from_bytes(signature[32:], "big") <= signing.HALF_ORDER
    public_key = signing.compressed(private_key.public_key())
    assert signing.verify(public_key, digest, signature)
    assert (
        signing.address_of(public_key)
        == keys.PrivateKey(secret.to_bytes(32, "big")).public_key.to_canonical_address()
    )


def test_signing_twice_gives_the_same_bytes():
    assert signing.sign(PERSON.signing_key, DIGEST) == SIGNATURE


def test_the_high_s_twin_is_refused():
    r, s = int.from_bytes(SIGNATURE[:32], "big"), int.from_bytes(SIGNATURE[32:], "big")
    twin = SIGNATURE[:32] + (signing.ORDER - s).to_bytes(32, "big")
    # Without the rule it would pass: the mathematics does not mind.
    public_key = PERSON.signing_key.public_key()
    public_key.verify(encode_dss_signature(r, signing.ORDER - s), DIGEST, ec.ECDSA(Prehashed(SHA256())))
    assert signing.verify(PERSON.public_key, DIGEST, SIGNATURE)
    assert not signing.verify(PERSON.public_key, DIGEST, twin)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(b"", id="empty"),
        pytest.param(SIGNATURE[:63], id="short"),
        pytest.param(SIGNATURE + b"\x1b", id="65 bytes"),
        pytest.param(bytes(64), id="zeros"),
        pytest.param(SIGNATURE[:32] + bytes(32), id="s is 0"),
        pytest.param(bytes(32) + SIGNATURE[32:], id="r is 0"),
        pytest.param(b"\xff" * 32 + SIGNATURE[32:], id="r above the order"),
        pytest.param(bytes([SIGNATURE[0] ^ 1]) + SIGNATURE[1:], id="a bit of r"),
        pytest.param(SIGNATURE[:-1] + bytes([SIGNATURE[-1] ^ 1]), id="a bit of s"),
    ],
)
def test_a_bad_signature_is_refused(signature):
    assert not signing.verify(PERSON.public_key, DIGEST, signature)


def test_another_digest_or_key_is_refused():
    assert not signing.verify(PERSON.public_key, keccak256(b"another"), SIGNATURE)
    assert not signing.verify(Person(2).public_key, DIGEST, SIGNATURE)
    assert not signing.verify(PERSON.public_key, DIGEST[:31], SIGNATURE)


@pytest.mark.parametrize(
    "public_key",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x04" + bytes(32), id="no point"),
        pytest.param(b"\x02" + b"\xff" * 32, id="x above the field"),
        pytest.param(PERSON.public_key + b"\x00", id="long"),
    ],
)
def test_what_is_no_public_key_is_refused(public_key):
    assert not signing.verify(public_key, DIGEST, SIGNATURE)
    with pytest.raises(MalformedError):
        signing.address_of(public_key)


def test_another_curve_and_another_digest_length_are_refused():
    with pytest.raises(MalformedError, match="secp256k1"):
        signing.sign(ec.generate_private_key(ec.SECP256R1()), DIGEST)
    with pytest.raises(MalformedError, match="32 bytes"):
        signing.sign(PERSON.signing_key, DIGEST + b"\x00")
