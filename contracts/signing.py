"""Signatures of acts: ECDSA on secp256k1, deterministic (RFC 6979), with s in the lower half.

64 bytes off the ledger: `cryptography` gives no recovery id, so whoever submits to the ledger finds the 65th.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from contracts.errors import MalformedError
from contracts.keccak import keccak256

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Order n of secp256k1 (SEC 2, section 2.4.1)."""

HALF_ORDER = ORDER // 2
"""The greatest s taken. With (r, s) the pair (r, n − s) verifies too; allowing one of them only (EIP-2)
keeps a stranger from turning a signature into a second one."""

DIGEST_LENGTH = 32
SIGNATURE_LENGTH = 64
LEDGER_SIGNATURE_LENGTH = 65
PUBLIC_KEY_LENGTH = 33


def sign(private_key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    """Sign a 32-byte digest; the same key and digest always give the same 64 bytes, r ‖ s, low s."""
    if not isinstance(private_key.curve, ec.SECP256K1):
        raise MalformedError(f"acts are signed on secp256k1, not on {private_key.curve.name}")
    if len(digest) != DIGEST_LENGTH:
        raise MalformedError(f"a digest has {DIGEST_LENGTH} bytes, got {len(digest)}")
    der = private_key.sign(digest, ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


def verify(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes, low s) over `digest` is by the compressed `public_key` (33 bytes)."""
    if len(signature) != SIGNATURE_LENGTH or len(digest) != DIGEST_LENGTH:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if s > HALF_ORDER:
        return False
    try:
        load_public_key(public_key).verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))
    except (InvalidSignature, MalformedError):
        return False
    return True


def load_public_key(compressed_key: bytes) -> ec.EllipticCurvePublicKey:
    """The point of a compressed public key.

    Raises:
        MalformedError: if these are not 33 bytes of a point on secp256k1.
    """
    if len(compressed_key) != PUBLIC_KEY_LENGTH:
        raise MalformedError(f"a public key has {PUBLIC_KEY_LENGTH} bytes, got {len(compressed_key)}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), compressed_key)
    except ValueError as error:
        raise MalformedError("a public key is not a point on secp256k1") from error


def compressed(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """The 33-byte compressed form (SEC 1, section 2.3.3)."""
    return public_key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def address_of(public_key: bytes) -> bytes:
    """The 20-byte address of a compressed public key: the end of the Keccak-256 of its point x ‖ y."""
    point = load_public_key(public_key).public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return keccak256(point[1:])[-20:]
