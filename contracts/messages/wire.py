"""What all messages share: a version, an environment, a COSE_Sign1 around deterministic CBOR."""

from collections.abc import Mapping, Set

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts import cbor, cose
from contracts.errors import MalformedError

VERSION = 1
"""Key 0 of every message. A release speaks one version and says so when it meets another."""


def sign_payload(payload: Mapping[int, object], device_key: Ed25519PrivateKey, aad: bytes) -> bytes:
    """The COSE_Sign1 of `payload` by a device, under the key id of that device."""
    return cose.sign1(device_key, cbor.encode(payload), aad=aad, kid=cose.kid_of(device_key.public_key()))


def verify_by(public_key: Ed25519PublicKey, data: bytes, *, aad: bytes, limit: int) -> bytes:
    """The payload of `data`, if the one device that is expected here signed it."""
    expected = cose.kid_of(public_key)
    _, payload = cose.verify1(data, lambda kid: public_key if kid == expected else None, aad=aad, limit=limit)
    return payload


def open_payload(
    payload: bytes, limit: int, what: str, *, last: int, optional: Set[int] = frozenset()
) -> cbor.Fields:
    """The fields 0 to `last` of a payload of our version."""
    item = cbor.decode(payload, limit, what)
    return cbor.Fields(item, what, frozenset(range(last + 1)), optional, version=VERSION)


def check_length(what: str, value: bytes, length: int) -> None:
    """Refuse a byte string of another length."""
    if len(value) != length:
        raise MalformedError(f"{what} has {length} bytes, got {len(value)}")


def check_uint64(what: str, value: int) -> None:
    """Refuse an integer that is negative or takes more than 64 bits."""
    if not 0 <= value <= cbor.UINT64_MAX:
        raise MalformedError(f"{what} must fit 64 bits, unsigned")
