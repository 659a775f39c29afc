"""A person's record as the encrypted object that is stored: a fresh data key for each, wrapped to the person.

The object begins with 32 random bytes, so its SHA-256 is a salted commitment: it names the object in the
store and on the ledger, and once the object is erased it says nothing about the record.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts import cbor
from contracts.errors import MalformedError, VerificationError
from contracts.hexes import HASH_LENGTH
from contracts.sealing import KEY_LENGTH, seal, wrap_info
from contracts.struct import SEALED_KEY_LENGTH

MAX_PLAINTEXT = 256 * 1024
"""Bytes of a record; a scanned document fits, a message with it still passes every broker's default."""

MAX_PUBLISHED_OBJECT = 24 * 1024
"""Bytes of an encoded envelope that may stand on the ledger itself; the contract has the same bound."""

SALT_LENGTH = 32
NONCE_LENGTH = 12
TAG_LENGTH = 16
MAX_OBJECT = MAX_PLAINTEXT + 512
"""Bytes of an encoded envelope: the ciphertext, and some 230 bytes around it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The encrypted record.

    Attributes:
        salt: 32 random bytes that make the commitment a salted one.
        record: the record's id, 32 bytes.
        kind: `RecordKind.identifier`, 32 bytes.
        nonce: AES-GCM's, 12 bytes.
        ciphertext: the encrypted record with its tag of 16 bytes.
        wrapped_key: the data key, sealed to the person with `wrap_info(record)`, 80 bytes.
    """

    VERSION: ClassVar[int] = 1

    salt: bytes
    record: bytes
    kind: bytes
    nonce: bytes
    ciphertext: bytes
    wrapped_key: bytes

    def encode(self) -> bytes:
        """The object as it is stored; `commitment` is taken over these bytes."""
        return cbor.encode(
            {
                0: self.VERSION,
                1: self.salt,
                2: self.record,
                3: self.kind,
                4: self.nonce,
                5: self.ciphertext,
                6: self.wrapped_key,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "Envelope":
        """The envelope in `data`.

        Raises:
            MalformedError: if it is not a well-formed envelope of at most `MAX_OBJECT` bytes.
            UnsupportedVersionError: if it is one of another version.
        """
        what = "an encrypted record"
        reader = cbor.Fields(
            cbor.decode(data, MAX_OBJECT, what), what, frozenset(range(7)), version=cls.VERSION
        )
        return cls(
            salt=reader.octets(1, SALT_LENGTH),
            record=reader.octets(2, HASH_LENGTH),
            kind=reader.octets(3, HASH_LENGTH),
            nonce=reader.octets(4, NONCE_LENGTH),
            ciphertext=reader.octets(5, TAG_LENGTH, MAX_PLAINTEXT + TAG_LENGTH),
            wrapped_key=reader.octets(6, SEALED_KEY_LENGTH),
        )


def encrypt(plaintext: bytes, record: bytes, kind: bytes, subject_public_key: bytes) -> Envelope:
    """Encrypt a record under a fresh data key that only the person can unwrap.

    Args:
        plaintext: the record, at most `MAX_PLAINTEXT` bytes.
        record: its id, 32 bytes.
        kind: `RecordKind.identifier`.
        subject_public_key: the person's X25519 public key, 32 bytes.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise MalformedError(f"a record has at most {MAX_PLAINTEXT} bytes, this one has {len(plaintext)}")
    if len(record) != HASH_LENGTH or len(kind) != HASH_LENGTH:
        raise MalformedError(f"a record's id and kind have {HASH_LENGTH} bytes each")
    data_key = bytearray(os.urandom(KEY_LENGTH))
    try:
        nonce = os.urandom(NONCE_LENGTH)
        return Envelope(
            salt=os.urandom(SALT_LENGTH),
            record=record,
            kind=kind,
            nonce=nonce,
            ciphertext=AESGCM(data_key).encrypt(nonce, plaintext, _associated_data(record, kind)),
            wrapped_key=seal(subject_public_key, data_key, wrap_info(record)),
        )
    finally:
        data_key[:] = bytes(KEY_LENGTH)


def decrypt(envelope: Envelope, data_key: bytes | bytearray) -> bytes:
    """The record in `envelope`.

    Raises:
        VerificationError: if the key is another one, or the envelope was altered.
    """
    if len(data_key) != KEY_LENGTH:
        raise MalformedError(f"a data key has {KEY_LENGTH} bytes, got {len(data_key)}")
    associated_data = _associated_data(envelope.record, envelope.kind)
    try:
        return AESGCM(data_key).decrypt(envelope.nonce, envelope.ciphertext, associated_data)
    except InvalidTag as error:
        raise VerificationError("the record does not decrypt: another key's, or altered") from error


def commitment(object_bytes: bytes) -> bytes:
    """The 32-byte name of an encoded envelope: its SHA-256, which the contract can compute too."""
    return hashlib.sha256(object_bytes).digest()


def check_commitment(object_bytes: bytes, expected: bytes) -> None:
    """Refuse an object that is not the one committed to.

    Raises:
        VerificationError: if the SHA-256 differs.
    """
    if not hmac.compare_digest(commitment(object_bytes), expected):
        raise VerificationError("the encrypted record is not the one that the ledger committed to")


def _associated_data(record: bytes, kind: bytes) -> bytes:
    """What the ciphertext is tied to: a record cannot be passed off as another, nor as another kind."""
    return cbor.encode(["ridgekey/envelope", Envelope.VERSION, record, kind])
