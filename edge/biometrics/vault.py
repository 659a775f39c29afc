"""The improved fuzzy vault: a polynomial that only most of a finger's features bring out again.

Dodis, Ostrovsky, Reyzin and Smith (SIAM J. Comput. 38(1), 2008, section 6.2) lock a polynomial f of degree
below k with a set A of field elements as

    V(X) = f(X) + prod over a in A of (X - a),

of which nothing but the coefficients is kept: no chaff points, nothing to count. Where x is in A, V(x) is
f(x); so k elements of A give f by interpolation. The features of a finger become field elements by a
permutation that is fresh for every vault: with one that stays, two vaults of a finger give it away (Merkle
and Tams, arXiv 1312.5225).

Beside V stands a 64-bit SipHash of f's coefficients, keyed by the record's salt, by which the decoder knows
f. It gives a guesser nothing that V does not: V by itself tells a right f from a wrong one (V - f splits into
linear factors). And it must not be a shorter way in. A *linear* value of f, its value at one more point for
example, would be a free point: k - 1 matching features would then do. The hash is not linear and covers all
16 k bits, so whoever has k - 1 features right still tries 2^16 polynomials, where guessing one more feature
takes some 2^6.
"""

from dataclasses import dataclass
from hashlib import shake_256
from random import Random

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge.biometrics import _decoder, galois
from edge.biometrics.decoder_reference import siphash
from edge.biometrics.quantisation import Features, Lattice

SECRET_BYTES = 32
WRAPPED_BYTES = SECRET_BYTES + 16
TAG_BYTES = 8
SALT_BYTES = 32
FIRST_USE = bytes(12)
"""Each wrapping key is derived from a fresh f and used once, so the nonce may be constant."""


@dataclass(frozen=True, slots=True)
class Vault:
    """One reference minutia's vault.

    Attributes:
        lattice: where the cell borders lie.
        locked: (t,) coefficients of V below its leading one (which is one), lowest degree first.
        tag: SipHash-2-4 of f.
        wrapped: the root secret, encrypted under a key derived from f.
    """

    lattice: Lattice
    locked: galois.Elements
    tag: int
    wrapped: bytes

    def __repr__(self) -> str:
        return f"<vault of degree {len(self.locked)}>"

    def values(self, x: galois.Elements) -> galois.Elements:
        """V(x), element by element."""
        y = np.empty_like(x, order="C")
        _decoder.evaluate(np.append(self.locked, np.uint16(1)), np.ascontiguousarray(x), y)
        return y


def lock(
    secret: bytearray,
    lattice: Lattice,
    features: Features,
    coefficients: int,
    salt: bytes,
    number: int,
    randomness: Random,
) -> Vault:
    """Lock the root secret with a set of features.

    Args:
        secret: 32 bytes; every vault of a record holds the same.
        lattice: of the frame that the features were taken in.
        features: (t,) distinct features, more than `coefficients`.
        coefficients: k, number of coefficients of f.
        salt: 32 bytes, the record's.
        number: which vault of the record this is.
        randomness: where the polynomial is drawn from.
    """
    elements = field_elements(lattice.universe, salt, number)[features]
    try:
        return lock_elements(secret, lattice, elements, coefficients, salt, number, randomness)
    finally:
        wipe(elements)


def lock_elements(
    secret: bytearray,
    lattice: Lattice,
    elements: galois.Elements,
    coefficients: int,
    salt: bytes,
    number: int,
    randomness: Random,
) -> Vault:
    """As `lock`, of features that are field elements already: (t,) distinct ones, none zero."""
    f = np.frombuffer(bytearray(randomness.randbytes(2 * coefficients)), dtype=np.uint16)
    locked = galois.product_of_roots(elements)
    locked[:coefficients] ^= f
    tag = int(siphash(f[np.newaxis], filter_key(salt))[0])
    key = wrapping_key(f, salt, number)
    try:
        return Vault(lattice, locked[:-1], tag, AESGCM(key).encrypt(FIRST_USE, secret, None))
    finally:
        for buffer in (f, key):
            wipe(buffer)


def unwrap(vault: Vault, f: galois.Elements, salt: bytes, number: int) -> bytearray | None:
    """The root secret, or None if f is not the vault's polynomial."""
    secret = bytearray(SECRET_BYTES)
    key = wrapping_key(f, salt, number)
    try:
        AESGCM(key).decrypt_into(FIRST_USE, vault.wrapped, None, secret)
    except InvalidTag:
        return None
    finally:
        wipe(key)
    return secret


def field_elements(universe: int, salt: bytes, number: int) -> galois.Elements:
    """The vault's permutation: for each feature an element of the field, none twice and none zero.

    Args:
        universe: number of features.
        salt: 32 bytes, the record's.
        number: which vault of the record.
    """
    stream = shake_256(b"ridgekey/permutation" + salt + bytes((number,))).digest(8 * galois.GROUP_ORDER)
    order = np.empty(galois.GROUP_ORDER, dtype=np.uint32)
    _decoder.order(np.frombuffer(stream, dtype="<u8"), order)
    return (order[:universe] + 1).astype(np.uint16)


def filter_key(salt: bytes) -> bytes:
    """The 16-byte key of the record's SipHash; public with the salt."""
    return salt[:16]


def wrapping_key(f: galois.Elements, salt: bytes, number: int) -> bytearray:
    """AES-256 key of a vault's root secret: HKDF-SHA-256 of f."""
    key = bytearray(32)
    little = f.astype("<u2")
    HKDF(hashes.SHA256(), 32, salt, b"ridgekey/vault/" + bytes((number,))).derive_into(
        little.data.cast("B"), key
    )
    wipe(little)
    return key


def wipe(buffer: galois.Elements | bytearray) -> None:
    """Overwrite a buffer with zeros."""
    np.frombuffer(buffer, dtype=np.uint8)[:] = 0
