"""From the root secret that a finger unlocks to the keys that sign and open, for the length of a `with`.

    with signer(secret) as me:
        signature = me.sign(act, domain)

Both keys are HKDF-SHA256 (RFC 5869) outputs of the 32-byte root secret under versioned info strings, so that
a later version can derive others from the same finger without touching these.

What Python can promise: the root secret and every derived byte string live in `bytearray`s that are
overwritten when the `with` ends, also when it ends by an exception; the secp256k1 key is loaded from DER,
never from an `int`. What it cannot promise: OpenSSL holds its own copy of a loaded key until the key object
is freed (it cleanses that memory then), and memory that the kernel has swapped out is beyond us; a kiosk has
no swap, and `hardening` forbids core dumps.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contracts.acts import Act
from contracts.eip712 import Domain
from contracts.errors import VerificationError
from contracts.sealing import open_sealed, wrap_info
from contracts.signing import address_of, compressed, sign
from edge.errors import BadDataError

SECRET_BYTES = 32
SIGNING_INFO = b"ridgekey/1/signing-key"
ENCRYPTION_INFO = b"ridgekey/1/encryption-key"

SECP256K1_ORDER = bytes.fromhex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
"""Order n of the group (SEC 2, section 2.4.1): a private key is in [1, n − 1]."""

_DER_BEFORE = bytes.fromhex("302e0201010420")  # ECPrivateKey (RFC 5915), version 1, OCTET STRING of 32
_DER_AFTER = bytes.fromhex("a00706052b8104000a")  # [0] parameters: OID 1.3.132.0.10, secp256k1


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in place."""
    secret[:] = bytes(len(secret))


@contextmanager
def derived(secret: bytearray, info: bytes) -> Iterator[bytearray]:
    """32 bytes of HKDF-SHA256 output, wiped when the `with` ends."""
    key = bytearray(32)
    try:
        HKDF(algorithm=hashes.SHA256(), length=len(key), salt=None, info=info).derive_into(secret, key)
        yield key
    finally:
        wipe(key)


def load_signing_key(scalar: bytearray) -> ec.EllipticCurvePrivateKey:
    """A secp256k1 key from its 32 big-endian bytes, by way of DER in a wiped buffer.

    Raises:
        BadDataError: the scalar is zero or not below the order (for HKDF output: once in 2^128).
    """
    if not bytes(32) < scalar < SECP256K1_ORDER:
        raise BadDataError("the derived signing key is out of range; enrol again")
    der = bytearray(_DER_BEFORE) + scalar + _DER_AFTER
    try:
        key = serialization.load_der_private_key(der, password=None)
    finally:
        wipe(der)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadDataError("the derived signing key is not a secp256k1 key")
    return key


class Signer:
    """The person's keys while their finger's secret is at hand; made by `signer`, useless afterwards."""

    __slots__ = ("_encryption", "_signing", "address", "encryption_public_key", "public_key", "subject")

    def __init__(
        self,
        signing: ec.EllipticCurvePrivateKey,
        encryption: X25519PrivateKey,
        former: Sequence[X25519PrivateKey],
        subject: bytes | None,
    ) -> None:
        self._signing: ec.EllipticCurvePrivateKey | None = signing
        self._encryption: tuple[X25519PrivateKey, ...] = (encryption, *former)
        self.public_key: bytes = compressed(signing.public_key())
        """secp256k1, 33 bytes."""
        self.address: bytes = address_of(self.public_key)
        """20 bytes, of this key."""
        self.subject: bytes = self.address if subject is None else subject
        """20 bytes, the identifier on the ledger: the address of the first key."""
        self.encryption_public_key: bytes = encryption.public_key().public_bytes_raw()
        """X25519, 32 bytes."""

    def __repr__(self) -> str:
        return f"<Signer 0x{self.address.hex()}>"

    def sign(self, act: Act, domain: Domain) -> bytes:
        """64 bytes r ‖ s over the act's EIP-712 digest.

        Raises:
            BadDataError: the act names another signer than this one.
        """
        if act.signer_address != self.subject:
            raise BadDataError("this act is not for the person whose finger it is; nothing was signed")
        if self._signing is None:
            raise BadDataError("the signer was used after its finger was gone")
        return sign(self._signing, act.digest(domain))

    def open_wrapped(self, wrapped_key: bytes, record: bytes) -> bytearray:
        """The 32-byte data key of a record that was wrapped to this person; the caller wipes it.

        Raises:
            VerificationError: it was wrapped to none of their keys, nor to one from before a rotation.
        """
        if not self._encryption:
            raise BadDataError("the signer was used after its finger was gone")
        for key in self._encryption[:-1]:
            try:
                return open_sealed(key, wrapped_key, wrap_info(record))
            except VerificationError:
                continue
        return open_sealed(self._encryption[-1], wrapped_key, wrap_info(record))

    def forget(self) -> None:
        """Let go of the keys; OpenSSL cleanses them as they are freed."""
        self._signing = None
        self._encryption = ()


@contextmanager
def signer(
    secret: bytearray, subject: bytes | None = None, former: Sequence[bytearray] = ()
) -> Iterator[Signer]:
    """The person's keys from the root secret; all secrets given are wiped when the `with` ends.

    Args:
        secret: the 32 bytes that a finger unlocked.
        subject: the person's identifier; None where it is the address of this very key.
        former: root secrets from before rotations, the latest first: records may be wrapped to their keys.

    Raises:
        BadDataError: the secret has another length.
    """
    try:
        if len(secret) != SECRET_BYTES:
            raise BadDataError("a root secret has 32 bytes")
        with ExitStack() as held:
            scalar = held.enter_context(derived(secret, SIGNING_INFO))
            seed, *earlier = (
                held.enter_context(derived(each, ENCRYPTION_INFO)) for each in (secret, *former)
            )
            me = Signer(
                load_signing_key(scalar),
                X25519PrivateKey.from_private_bytes(seed),
                [X25519PrivateKey.from_private_bytes(each) for each in earlier],
                subject,
            )
        try:
            yield me
        finally:
            me.forget()
    finally:
        for each in (secret, *former):
            wipe(each)
