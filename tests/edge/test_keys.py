"""The person's keys: the right ones, only inside the `with`, and only for the person's own acts."""

import hashlib
import hmac
from contextlib import nullcontext

import pytest
from coincurve import PrivateKey
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from contracts.acts import Deny
from contracts.sealing import seal, wrap_info
from contracts.signing import verify
from edge.errors import BadDataError
from edge.identity import keys
from edge.identity.keys import SECP256K1_ORDER, load_signing_key, signer
from tests.edge.standin import DOMAIN

ROOT = bytes(range(32))


def hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 for one block, written out from the standard library."""
    extracted = hmac.digest(bytes(32), secret, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def denial(subject: bytes) -> Deny:
    return Deny(subject, b"\x01" * 32, 1_800_000_000)


@given(st.binary(min_size=32, max_size=32))
def test_the_address_is_that_of_the_derived_key(root: bytes) -> None:
    with signer(bytearray(root)) as me:
        address = me.address
    assert address == bytes.fromhex(Account.from_key(hkdf(root, b"ridgekey/1/signing-key")).address[2:])


def test_the_keys_of_version_1_never_change() -> None:
    with signer(bytearray(ROOT)) as me:
        assert me.address.hex() == "74a7d2973146c671a05e46d2fa7fb11ee2918850"
        assert (
            me.encryption_public_key.hex()
            == "493f0d0a258d0cfb748d092791e7f1061c46bf43638f89adacfef79db16d0f08"
        )


def test_signs_what_another_library_verifies() -> None:
    with signer(bytearray(ROOT)) as me:
        act = denial(me.address)
        signature = me.sign(act, DOMAIN)
        assert verify(me.public_key, act.digest(DOMAIN), signature)
    raw = PrivateKey(hkdf(ROOT, b"ridgekey/1/signing-key")).sign_recoverable(act.digest(DOMAIN), hasher=None)
    assert raw[:64] == signature  # RFC 6979: both libraries choose the same k


def test_refuses_to_sign_for_somebody_else() -> None:
    with signer(bytearray(ROOT)) as me, pytest.raises(BadDataError, match="nothing was signed"):
        me.sign(denial(b"\x02" * 20), DOMAIN)


def test_opens_what_was_wrapped_to_the_person() -> None:
    record, data_key = b"\x03" * 32, bytes(reversed(range(32)))
    with signer(bytearray(ROOT)) as me:
        wrapped = seal(me.encryption_public_key, data_key, wrap_info(record))
        assert me.open_wrapped(wrapped, record) == data_key


def test_is_useless_after_the_with() -> None:
    with signer(bytearray(ROOT)) as me:
        pass
    with pytest.raises(BadDataError, match="finger was gone"):
        me.sign(denial(me.address), DOMAIN)
    with pytest.raises(BadDataError, match="finger was gone"):
        me.open_wrapped(bytes(80), bytes(32))


class BrokenOffError(Exception):
    pass


@pytest.mark.parametrize("broken_off", [False, True])
def test_every_buffer_is_wiped(monkeypatch: pytest.MonkeyPatch, broken_off: bool) -> None:
    """Also when the `with` ends by an exception: root secret, scalar, X25519 seed, DER of the scalar."""
    seen: list[bytearray] = []

    def wipe(buffer: bytearray) -> None:
        assert any(buffer), "wiped before it was filled"
        seen.append(buffer)
        buffer[:] = bytes(len(buffer))

    monkeypatch.setattr(keys, "wipe", wipe)
    secret = bytearray(ROOT)
    with pytest.raises(BrokenOffError) if broken_off else nullcontext(), signer(secret):
        if broken_off:
            raise BrokenOffError
    assert not any(secret)
    assert [len(buffer) for buffer in seen[:4]] == [32 + 7 + 9, 32, 32, 32]
    assert not any(any(buffer) for buffer in seen)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_refuses_and_wipes_a_secret_of_another_length(length: int) -> None:
    secret = bytearray(b"\x07" * length)
    with pytest.raises(BadDataError, match="32 bytes"), signer(secret):
        pass
    assert not any(secret)


ORDER = int.from_bytes(SECP256K1_ORDER, "big")


@pytest.mark.parametrize("scalar", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_refuses_a_scalar_out_of_range(scalar: int) -> None:
    with pytest.raises(BadDataError, match="out of range"):
        load_signing_key(bytearray(scalar.to_bytes(32, "big")))


@pytest.mark.parametrize("scalar", [1, ORDER - 1])
def test_takes_the_first_and_the_last_scalar(scalar: int) -> None:
    key = load_signing_key(bytearray(scalar.to_bytes(32, "big")))
    assert key.private_numbers().private_value == scalar


def test_shows_nothing_but_the_address() -> None:
    with signer(bytearray(ROOT)) as me:
        assert repr(me) == f"<Signer 0x{me.address.hex()}>"
