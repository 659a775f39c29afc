"""A person's keyring: for each enrolled finger, or pair of fingers, what gives their identity's root again.

The identity's root secret is drawn once, at enrolment, and is stored nowhere in clear. Each finger has a
protected record, whose secret wraps a copy of the root: any of the fingers opens. Under the policy of two
fingers a record binds two of them in one polynomial (`edge.biometrics.joint`), and its secret wraps the copy.

Where the identity has another key than its first, after a rotation or a recovery, the keyring says which. A
rotation leaves the root before it wrapped under the new one: records wrapped to its key still open.

A keyring is deterministic CBOR after `keyring.cddl`. The first release stored a sealed record alone, whose
secret *is* the root; such bytes are read as a keyring of that one finger.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum, IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contracts import cbor
from contracts.errors import ContractError
from edge.errors import BadDataError, NotFoundError, StateError
from edge.identity.keys import SECRET_BYTES, Signer, signer, wipe

VERSION = 2
SEALED_RECORD_VERSION = 1
"""First field of what the first release stored in a keyring's place."""

MOST_BINDINGS = 5
"""Each is one more way in, for a stranger too."""

MOST_FORMER = 16
"""Rotations whose former roots are kept; each takes 80 bytes, also on a phone that carries the keyring."""

MAX_SEALED = 8192
MAX_BYTES = MOST_BINDINGS * (MAX_SEALED + 256) + 2048
SALT_BYTES = 32
WRAPPED_BYTES = SALT_BYTES + SECRET_BYTES + 16
ROOT_INFO = b"ridgekey/1/identity-root"
FORMER_INFO = b"ridgekey/1/former-root"
ADDRESS_BYTES = 20
USED_ONCE = bytes(12)
"""The wrapping key is fresh with each salt, so the nonce may be constant."""

KEYRING = "the keyring of a person"


class Position(IntEnum):
    """Which finger: the codes of ISO/IEC 19794-1."""

    UNNAMED = 0
    RIGHT_THUMB = 1
    RIGHT_INDEX = 2
    RIGHT_MIDDLE = 3
    RIGHT_RING = 4
    RIGHT_LITTLE = 5
    LEFT_THUMB = 6
    LEFT_INDEX = 7
    LEFT_MIDDLE = 8
    LEFT_RING = 9
    LEFT_LITTLE = 10

    @property
    def text(self) -> str:
        """As a person writes it: right-index."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, text: str) -> "Position":
        """The finger of this name.

        Raises:
            BadDataError: there is none.
        """
        for position in cls:
            if position.text == text:
                return position
        raise BadDataError(f"a finger is one of: {', '.join(each.text for each in cls)}")


class Policy(Enum):
    """How many fingers it takes."""

    ANY = "any"
    TWO = "two"

    @property
    def fingers(self) -> int:
        """Fingers that must be pressed."""
        return 1 if self is Policy.ANY else 2


@dataclass(frozen=True, slots=True)
class Binding:
    """One way to the root: a finger, or two.

    Attributes:
        number: by which the person names it.
        fingers: which one or two.
        sealed: their protected record, encrypted under the pepper.
        root: the root under the record's secret (`wrap_root`); empty where that secret is the root itself.
        bound_at: Unix seconds.
    """

    number: int
    fingers: tuple[Position, ...]
    sealed: bytes
    root: bytes
    bound_at: int

    def __repr__(self) -> str:
        return f"<binding {self.number}>"

    def open_root(self, secret: bytearray, subject: bytes) -> bytearray:
        """The identity's root.

        Args:
            secret: that the record gave; it is wiped, unless it is the root itself.
            subject: address of the identity.

        Raises:
            StateError: the binding is another identity's, or damaged.
        """
        return open_root(self.root, secret, subject) if self.root else secret


@dataclass(frozen=True, slots=True)
class Keyring:
    """All bindings of a person, in the order of their numbers; at least one, all of one policy.

    Attributes:
        bindings: ways to the root.
        key: address of the key that the root gives; empty where that is the identifier itself.
        former: the root before, wrapped under the present one, then the one before that under it, and so on.
    """

    bindings: tuple[Binding, ...]
    key: bytes = b""
    former: tuple[bytes, ...] = ()

    @contextmanager
    def signer(self, root: bytearray, subject: bytes) -> Iterator[Signer]:
        """The person's keys, for the length of a `with`; the root is wiped.

        Raises:
            StateError: the root gives another key than this identity's, or a former root is damaged.
        """
        former: list[bytearray] = []
        for wrapped in self.former:
            former.append(open_root(wrapped, bytearray((former or [root])[-1]), subject, FORMER_INFO))
        with signer(root, subject, former) as me:
            if me.address != (self.key or subject):
                raise StateError("the stored record belongs to another identity; restore the kiosk's state")
            yield me

    @property
    def policy(self) -> Policy:
        """How many fingers it takes to open."""
        return Policy.ANY if len(self.bindings[0].fingers) == 1 else Policy.TWO

    @property
    def next_number(self) -> int:
        """Number of the next binding."""
        return self.bindings[-1].number + 1

    def find(self, number: int) -> Binding:
        """The binding of this number.

        Raises:
            NotFoundError: there is none.
        """
        for binding in self.bindings:
            if binding.number == number:
                return binding
        raise NotFoundError(f"there is no finger {number}; see them with: ridgekey edge fingers list")

    def with_binding(self, binding: Binding) -> "Keyring":
        """The same and one more."""
        return replace(self, bindings=(*self.bindings, binding))

    def without(self, number: int) -> "Keyring":
        """The same without one, which is not the last."""
        self.find(number)
        return replace(self, bindings=tuple(each for each in self.bindings if each.number != number))

    def encode(self) -> bytes:
        """The keyring as deterministic CBOR."""
        content: dict[int, object] = {0: VERSION, 1: [_encode(binding) for binding in self.bindings]}
        if self.key:
            content[2] = self.key
        if self.former:
            content[3] = list(self.former)
        return cbor.encode(content)

    @classmethod
    def decode(cls, data: bytes) -> "Keyring":
        """Read what `encode` wrote, or the sealed record of the first release.

        Raises:
            StateError: it is neither.
        """
        try:
            value = cbor.decode(data, MAX_BYTES, KEYRING)
            if isinstance(value, dict) and value.get(0) == SEALED_RECORD_VERSION:
                return cls((Binding(1, (Position.UNNAMED,), data, b"", 0),))
            fields = cbor.Fields(value, KEYRING, {0, 1, 2, 3}, {2, 3}, version=VERSION)
            key = fields.octets(2, ADDRESS_BYTES) if 2 in fields else b""
            former = _decode_former(fields.item(3)) if 3 in fields else ()
            items = fields.item(1)
            if not isinstance(items, list | tuple) or not 1 <= len(items) <= MOST_BINDINGS:
                raise StateError(f"{KEYRING} holds no finger, or too many; restore the kiosk's state")
            bindings = tuple(_decode(item) for item in items)
        except ContractError as error:
            raise StateError(f"{error}; restore the kiosk's state") from error
        numbers = [binding.number for binding in bindings]
        if numbers != sorted(set(numbers)) or len({len(binding.fingers) for binding in bindings}) != 1:
            raise StateError(f"{KEYRING} is out of order; restore the kiosk's state")
        return cls(bindings, key, former)


def fresh_root() -> bytearray:
    """A new identity's root secret: 32 random bytes."""
    return bytearray(secrets.token_bytes(SECRET_BYTES))


def wrap_root(root: bytearray, secret: bytearray, subject: bytes, info: bytes = ROOT_INFO) -> bytes:
    """A copy of the root that only the secret of a finger's record opens, and only for this identity.

    Under `FORMER_INFO` the secret is the root that came after this one.

    Returns:
        Salt and AES-256-GCM ciphertext, 80 bytes.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    key = _wrapping_key(secret, salt, info)
    try:
        return salt + AESGCM(key).encrypt(USED_ONCE, root, subject)
    finally:
        wipe(key)


def open_root(wrapped: bytes, secret: bytearray, subject: bytes, info: bytes = ROOT_INFO) -> bytearray:
    """What `wrap_root` wrapped; the secret is wiped.

    Raises:
        StateError: the copy was wrapped by another finger, for another identity, or is damaged.
    """
    root = bytearray(SECRET_BYTES)
    key = _wrapping_key(secret, wrapped[:SALT_BYTES], info)
    try:
        AESGCM(key).decrypt_into(USED_ONCE, wrapped[SALT_BYTES:], subject, root)
    except InvalidTag:
        raise StateError(f"{KEYRING} does not belong to this identity; restore the kiosk's state") from None
    finally:
        wipe(key)
        wipe(secret)
    return root


def _wrapping_key(secret: bytearray, salt: bytes, info: bytes) -> bytearray:
    key = bytearray(32)
    HKDF(hashes.SHA256(), len(key), salt, info).derive_into(secret, key)
    return key


def _decode_former(items: object) -> tuple[bytes, ...]:
    if (
        not isinstance(items, list | tuple)
        or not 1 <= len(items) <= MOST_FORMER
        or not all(isinstance(each, bytes) and len(each) == WRAPPED_BYTES for each in items)
    ):
        raise StateError(f"{KEYRING} has a former root that is none; restore the kiosk's state")
    return tuple(items)


def _encode(binding: Binding) -> dict[int, object]:
    return {
        0: binding.number,
        1: [int(position) for position in binding.fingers],
        2: binding.sealed,
        3: binding.root,
        4: binding.bound_at,
    }


def _decode(item: object) -> Binding:
    fields = cbor.Fields(item, KEYRING, {0, 1, 2, 3, 4})
    positions = fields.item(1)
    if (
        not isinstance(positions, list | tuple)
        or not 1 <= len(positions) <= Policy.TWO.fingers
        or not all(type(each) is int and 0 <= each <= max(Position) for each in positions)
    ):
        raise StateError(f"{KEYRING} names a finger that nobody has; restore the kiosk's state")
    root = fields.octets(3, 0, WRAPPED_BYTES)
    if len(root) not in (0, WRAPPED_BYTES):
        raise StateError(f"{KEYRING} has a copy of the root that was cut short; restore the kiosk's state")
    return Binding(
        fields.unsigned(0, 2**16),
        tuple(Position(each) for each in positions),
        fields.octets(2, 1, MAX_SEALED),
        root,
        fields.unsigned(4),
    )
