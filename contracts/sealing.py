"""A data key sealed to one X25519 public key, for one use: HPKE, RFC 9180, base mode, single shot.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The library's call takes no AAD, so what the key is
for is bound through `info`: a key wrapped for a record cannot be passed off as one sealed for a request,
nor for another one.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from contracts.errors import MalformedError, VerificationError
from contracts.struct import SEALED_KEY_LENGTH

KEY_LENGTH = 32
"""An AES-256 key, and an X25519 key."""

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def wrap_info(record: bytes) -> bytes:
    """Context of a data key wrapped to the person whose `record` (32-byte id) it opens."""
    return b"ridgekey/1/wrap" + record


def seal_info(request: bytes) -> bytes:
    """Context of a data key sealed to a requester by the grant of `request` (32-byte id)."""
    return b"ridgekey/1/seal" + request


def seal(public_key: bytes, key: bytes | bytearray, info: bytes) -> bytes:
    """Seal a 32-byte `key` to an X25519 `public_key`; 80 bytes: encapsulation 32, ciphertext 32, tag 16.

    Raises:
        MalformedError: on wrong lengths, or a public key of small order, which would yield a shared
            secret that everybody knows.
    """
    if len(public_key) != KEY_LENGTH or len(key) != KEY_LENGTH:
        raise MalformedError(f"sealing takes a public key and a key of {KEY_LENGTH} bytes each")
    try:
        sealed = _SUITE.encrypt(key, X25519PublicKey.from_public_bytes(public_key), info)
    except ValueError as error:
        raise MalformedError("the public key to seal to is not a usable X25519 key") from error
    return sealed


def open_sealed(private_key: X25519PrivateKey, sealed: bytes, info: bytes) -> bytearray:
    """The 32-byte key in `sealed`, for the caller to wipe.

    The library hands the key over as `bytes`, which Python can not overwrite: that copy goes with the garbage
    collector, at a time that nobody promises.

    Raises:
        VerificationError: if it was sealed to another key, for another context, or was altered.
    """
    if len(sealed) != SEALED_KEY_LENGTH:
        raise MalformedError(f"a sealed key has {SEALED_KEY_LENGTH} bytes, got {len(sealed)}")
    try:
        key = bytearray(_SUITE.decrypt(sealed, private_key, info))
    except (InvalidTag, ValueError) as error:
        raise VerificationError(
            "the sealed key does not open: not for this key, not for this use, or altered"
        ) from error
    return key
