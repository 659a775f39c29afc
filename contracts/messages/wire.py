"""What all messages share: a version, an environment, a COSE_Sign1 around deterministic CBOR."""

from collections.abc import Mapping, Set
from enum import IntEnum
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts import cbor, cose
from contracts.errors import MalformedError
from contracts.labels import clean

MAX_SIGNED = 16_384
"""Bytes of payload that are looked at to find out whose and of which type a message is. Every type has a
bound of its own within it, but for the kiosk message, which may carry an encrypted record."""

MAX_WHY = 160
"""Characters that say why a kiosk did not do something."""

Member = TypeVar("Member", bound=IntEnum)

VERSION = 1
"""Key 0 of every message. A release speaks one version and says so when it meets another."""


def sign_payload(payload: Mapping[int, object], device_key: Ed25519PrivateKey, aad: bytes) -> bytes:
    """The COSE_Sign1 of `payload` by a device, under the key id of that device."""
    return cose.sign1(device_key, cbor.encode(payload), aad=aad, kid=cose.kid_of(device_key.public_key()))


def verify_by(public_key: Ed25519PublicKey, data: bytes, *, aad: bytes) -> bytes:
    """The payload of `data`, if the one device that is expected here signed it."""
    expected = cose.kid_of(public_key)
    _, payload = cose.verify1(
        data, lambda kid: public_key if kid == expected else None, aad=aad, limit=MAX_SIGNED
    )
    return payload


def open_payload(
    payload: bytes, limit: int, what: str, *, last: int, optional: Set[int] = frozenset()
) -> cbor.Fields:
    """The fields 0 to `last` of a payload of our version."""
    item = cbor.decode(payload, limit, what)
    return cbor.Fields(item, what, frozenset(range(last + 1)), optional, version=VERSION)


def member(kind: type[Member], number: int, what: str, name: str) -> Member:
    """The member of an enumeration with this number.

    Raises:
        MalformedError: if this release knows none.
    """
    try:
        return kind(number)
    except ValueError as error:
        raise MalformedError(f"{what} has {name} {number}, which this release does not know") from error


def check_length(what: str, value: bytes, length: int) -> None:
    """Refuse a byte string of another length."""
    if len(value) != length:
        raise MalformedError(f"{what} has {length} bytes, got {len(value)}")


def check_uint64(what: str, value: int) -> None:
    """Refuse an integer that is negative or takes more than 64 bits."""
    if not 0 <= value <= cbor.UINT64_MAX:
        raise MalformedError(f"{what} must fit 64 bits, unsigned")


def check_why(why: str) -> None:
    """Refuse a reason that is not one plain, short line."""
    if clean(why, MAX_WHY) != why:
        raise MalformedError(f"a reason is one plain line of at most {MAX_WHY} characters")
