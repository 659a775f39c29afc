"""COSE_Sign1 (RFC 9052, section 4.2) with EdDSA on Ed25519: which device said it.

The untagged form, as the place where a message stands already says what it is. The external AAD names the
type of message, so that none can be passed off as another.
"""

import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts import cbor
from contracts.errors import MalformedError, VerificationError

EDDSA = -8
"""COSE algorithm (RFC 9053, section 2.2)."""

HEADER_ALGORITHM = 1
HEADER_KEY_ID = 4
KEY_ID_LENGTH = 8
SIGNATURE_LENGTH = 64
OVERHEAD = 96
"""Most bytes that a COSE_Sign1 adds around its payload: header 15, signature 66, the rest lengths."""

KeyOf = Callable[[bytes], Ed25519PublicKey | None]
"""Finds the public key of a key id; None if nobody of that id is known."""


def kid_of(public_key: Ed25519PublicKey) -> bytes:
    """The 8-byte key id: the beginning of the SHA-256 of the 32-byte public key."""
    return hashlib.sha256(public_key.public_bytes_raw()).digest()[:KEY_ID_LENGTH]


def sign1(private_key: Ed25519PrivateKey, payload: bytes, *, aad: bytes, kid: bytes) -> bytes:
    """Sign `payload`; returns the COSE_Sign1 that carries it.

    Args:
        private_key: the device's.
        payload: any bytes.
        aad: external AAD, the type of the message.
        kid: key id, 8 bytes, in the protected header.
    """
    if len(kid) != KEY_ID_LENGTH:
        raise MalformedError(f"a key id has {KEY_ID_LENGTH} bytes, got {len(kid)}")
    protected = cbor.encode({HEADER_ALGORITHM: EDDSA, HEADER_KEY_ID: kid})
    signature = private_key.sign(_to_be_signed(protected, aad, payload))
    return cbor.encode([protected, {}, payload, signature])


def verify1(message: bytes, key_of: KeyOf, *, aad: bytes, limit: int = 1 << 20) -> tuple[bytes, bytes]:
    """Who signed `message`, and what.

    Args:
        message: a COSE_Sign1, untagged.
        key_of: finds the signer's public key.
        aad: external AAD, the type of message that is expected.
        limit: most bytes of payload to look at.

    Returns:
        The key id and the payload.

    Raises:
        MalformedError: if it is not a deterministic COSE_Sign1 of this algorithm with these headers.
        VerificationError: if the signer is unknown or the signature does not hold.
    """
    protected, payload, signature = _take_apart(cbor.decode(message, limit + OVERHEAD, "a signed message"))
    kid = _key_id(protected)
    public_key = key_of(kid)
    if public_key is None:
        raise VerificationError(
            f"no device with the id {kid.hex()} is known here; register its public key first"
        )
    try:
        public_key.verify(signature, _to_be_signed(protected, aad, payload))
    except InvalidSignature as error:
        raise VerificationError(f"the signature of device {kid.hex()} does not hold") from error
    return kid, payload


def claimed_signer(message: bytes, limit: int = 1 << 20) -> bytes:
    """The key id that a message names, for an address on an envelope: nothing is verified.

    Raises:
        MalformedError: if it is not a deterministic COSE_Sign1 of this algorithm with these headers.
    """
    protected, _, _ = _take_apart(cbor.decode(message, limit + OVERHEAD, "a signed message"))
    return _key_id(protected)


def _to_be_signed(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    """The Sig_structure of RFC 9052, section 4.4."""
    return cbor.encode(["Signature1", protected, aad, payload])


def _take_apart(item: object) -> tuple[bytes, bytes, bytes]:
    match item:
        case [bytes(protected), {**unprotected}, bytes(payload), bytes(signature)] if not unprotected:
            if len(signature) == SIGNATURE_LENGTH:
                return protected, payload, signature
    raise MalformedError(
        "a signed message is not a COSE_Sign1 with an attached payload and 64 bytes of signature"
    )


def _key_id(protected: bytes) -> bytes:
    what = "the header of a signed message"
    header = cbor.Fields(cbor.decode(protected, 64, what), what, {HEADER_ALGORITHM, HEADER_KEY_ID})
    if header.item(HEADER_ALGORITHM) != EDDSA:
        raise MalformedError(f"{what} names another algorithm than EdDSA ({EDDSA})")
    return header.octets(HEADER_KEY_ID, KEY_ID_LENGTH)
