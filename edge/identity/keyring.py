"""A person's keyring: for each enrolled finger, or pair of fingers, what gives their identity's root again.

The identity's root secret is drawn once, at enrolment, and is stored nowhere in clear. Each finger has a
protected record, whose secret wraps a copy of the root: any of the fingers opens. Under the policy of two
fingers a record binds two of them in one polynomial (`edge.biometrics.joint`), and its secret wraps the copy.

A keyring is deterministic CBOR after `keyring.cddl`. The first release stored a sealed record alone, whose
secret *is* the root; such bytes are read as a keyring of that one finger.
"""

import secrets
from dataclasses import dataclass
from enum import Enum, IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contracts import cbor
from contracts.errors import ContractError
from edge.errors import BadDataError, NotFoundError, StateError
from edge.identity.keys import SECRET_BYTES, wipe

VERSION = 2
SEALED_RECORD_VERSION = 1
"""First field of what the first release stored in a keyring's place."""

MOST_BINDINGS = 5
"""Each is one more way in, for a stranger too."""

MAX_SEALED = 8192
MAX_BYTES = MOST_BINDINGS * (MAX_SEALED + 256)
SALT_BYTES = 32
WRAPPED_BYTES = SALT_BYTES + SECRET_BYTES + 16
ROOT_INFO = b"ridgekey/1/identity-root"
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
    """All bindings of a person, in the order of their numbers; at least one, all of one policy."""

    bindings: tuple[Binding, ...]

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
        return Keyring((*self.bindings, binding))

    def without(self, number: int) -> "Keyring":
        """The same without one, which is not the last."""
        self.find(number)
        return Keyring(tuple(each for each in self.bindings if each.number != number))

    def encode(self) -> bytes:
        """The keyring as deterministic CBOR."""
        return cbor.encode({0: VERSION, 1: [_encode(binding) for binding in self.bindings]})

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
            fields = cbor.Fields(value, KEYRING, {0, 1}, version=VERSION)
            items = fields.item(1)
            if not isinstance(items, list | tuple) or not 1 <= len(items) <= MOST_BINDINGS:
                raise StateError(f"{KEYRING} holds no finger, or too many; restore the kiosk's state")
            bindings = tuple(_decode(item) for item in items)
        except ContractError as error:
            raise StateError(f"{error}; restore the kiosk's state") from error
        numbers = [binding.number for binding in bindings]
        if numbers != sorted(set(numbers)) or len({len(binding.fingers) for binding in bindings}) != 1:
            raise StateError(f"{KEYRING} is out of order; restore the kiosk's state")
        return cls(bindings)


def fresh_root() -> bytearray:
    """A new identity's root secret: 32 random bytes."""
    return bytearray(secrets.token_bytes(SECRET_BYTES))


def wrap_root(root: bytearray, secret: bytearray, subject: bytes) -> bytes:
    """A copy of the root that only the secret of a finger's record opens, and only for this identity.

    Returns:
        Salt and AES-256-GCM ciphertext, 80 bytes.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    key = _wrapping_key(secret, salt)
    try:
        return salt + AESGCM(key).encrypt(USED_ONCE, root, subject)
    finally:
        wipe(key)


def open_root(wrapped: bytes, secret: bytearray, subject: bytes) -> bytearray:
    """What `wrap_root` wrapped; the secret is wiped.

    Raises:
        StateError: the copy was wrapped by another finger, for another identity, or is damaged.
    """
    root = bytearray(SECRET_BYTES)
    key = _wrapping_key(secret, wrapped[:SALT_BYTES])
    try:
        AESGCM(key).decrypt_into(USED_ONCE, wrapped[SALT_BYTES:], subject, root)
    except InvalidTag:
        raise StateError(f"{KEYRING} does not belong to this identity; restore the kiosk's state") from None
    finally:
        wipe(key)
        wipe(secret)
    return root


def _wrapping_key(secret: bytearray, salt: bytes) -> bytearray:
    key = bytearray(32)
    HKDF(hashes.SHA256(), len(key), salt, ROOT_INFO).derive_into(secret, key)
    return key


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
