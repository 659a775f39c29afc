"""The protected record of one finger: the auxiliary data, as bytes that can be stored.

In the words of ISO/IEC 24745 the record holds auxiliary data AD (the vaults, the salt, the parameters) and a
pseudonymous identifier PI (the check of the key). It is written as deterministic CBOR after
`protected_record.cddl`.

A finger is worth 41 to 50 bits of guessing, which is nothing for whoever holds the record and a computer. So
the record at rest is a secret: `seal` encrypts and authenticates it under a key from a pepper that the thief
lacks.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contracts import cbor
from contracts.errors import ContractError
from edge.biometrics.parameters import Parameters
from edge.biometrics.quantisation import ANGLE_STEPS, CELLS_PER_SIDE, SHIFT_STEPS, TURN_STEPS, Lattice
from edge.biometrics.vault import FIRST_USE, SALT_BYTES, TAG_BYTES, WRAPPED_BYTES, Vault
from edge.errors import EdgeError

VERSION = 2
READABLE = frozenset({1, 2})
"""In a record of version 1 no lattice is turned; all else is the same."""

SEALED_VERSION = 1
MAX_BYTES = 4096
MAX_VAULTS = 8
MAX_KEPT = 64
CHECK_BYTES = 32
SEALED, RECORD = "the sealed record of a finger", "the protected record of a finger"


class RecordError(EdgeError):
    """A protected record that cannot be read: damaged, altered, of another kiosk or of a later release."""

    exit_code = 65


@dataclass(frozen=True, slots=True)
class ProtectedRecord:
    """What remains of an enrolled finger.

    Attributes:
        parameters: what the record was made with.
        salt: 32 random bytes, fresh with each enrolment: keys of the permutations, the filter and the
            wrapping.
        check: hash of the root secret, PI: tells the right secret without being one.
        vaults: one for each reference minutia.
        version: that the record is written in.
    """

    parameters: Parameters
    salt: bytes
    check: bytes
    vaults: tuple[Vault, ...] = field(repr=False)
    version: int = VERSION

    def __repr__(self) -> str:
        return f"<protected record, {len(self.vaults)} vaults>"

    def matches(self, secret: bytearray) -> bool:
        """Whether this is the record's root secret; takes the same time either way."""
        return hmac.compare_digest(key_check(secret, self.salt), self.check)

    def encode(self) -> bytes:
        """The record as deterministic CBOR."""
        parameters = self.parameters
        return cbor.encode(
            {
                0: self.version,
                1: [parameters.coefficients, parameters.cell_px, parameters.sectors, parameters.kept],
                2: self.salt,
                3: self.check,
                4: [_encode_vault(vault, self.version) for vault in self.vaults],
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "ProtectedRecord":
        """Read what `encode` wrote.

        Raises:
            RecordError: it is not exactly that.
        """
        try:
            value = cbor.decode(data, MAX_BYTES, RECORD)
            version = _version(value)
            fields = cbor.Fields(value, RECORD, {0, 1, 2, 3, 4}, version=version)
            parameters = _decode_parameters(fields.item(1))
            items = _list(fields.item(4), 1, MAX_VAULTS)
            return cls(
                parameters,
                fields.octets(2, SALT_BYTES),
                fields.octets(3, CHECK_BYTES),
                tuple(_decode_vault(item, parameters, version) for item in items),
                version,
            )
        except ContractError as error:
            raise RecordError(f"{error}; enrol the finger again") from error

    def seal(self, pepper: bytes | bytearray) -> bytes:
        """Encrypt the record for storage.

        Args:
            pepper: the device's secret, at least 16 random bytes.

        Returns:
            CBOR of version, salt and the AES-256-GCM ciphertext; under 1 KB.
        """
        salt = secrets.token_bytes(SALT_BYTES)
        head: dict[int, object] = {0: SEALED_VERSION, 1: salt}
        key = sealing_key(pepper, salt)
        try:
            sealed = AESGCM(key).encrypt(FIRST_USE, self.encode(), cbor.encode(head))
        finally:
            key[:] = bytes(len(key))
        return cbor.encode({**head, 2: sealed})

    @classmethod
    def open(cls, blob: bytes, pepper: bytes | bytearray) -> "ProtectedRecord":
        """Decrypt what `seal` returned.

        Raises:
            RecordError: it was altered, or sealed under another pepper.
        """
        try:
            fields = cbor.Fields(
                cbor.decode(blob, MAX_BYTES, SEALED), SEALED, {0, 1, 2}, version=SEALED_VERSION
            )
            salt, sealed = fields.octets(1, SALT_BYTES), fields.octets(2, 16, MAX_BYTES)
        except ContractError as error:
            raise RecordError(f"{error}; enrol the finger again") from error
        key = sealing_key(pepper, salt)
        try:
            data = AESGCM(key).decrypt(FIRST_USE, sealed, cbor.encode({0: SEALED_VERSION, 1: salt}))
        except InvalidTag as error:
            raise RecordError(
                f"{SEALED} was altered, or sealed under another pepper; restore the pepper or enrol again"
            ) from error
        finally:
            key[:] = bytes(len(key))
        return cls.decode(data)


def key_check(secret: bytearray, salt: bytes) -> bytes:
    """The record's PI: SHA-256 over the root secret, which has 256 bits to hide behind it."""
    digest = sha256(b"ridgekey/key-check" + salt)
    digest.update(secret)  # joined to the others it would be a copy that nobody can wipe
    return digest.digest()


def sealing_key(pepper: bytes | bytearray, salt: bytes) -> bytearray:
    """AES-256 key of a sealed record: HKDF-SHA-256 of the pepper; fresh for each salt, so used once."""
    key = bytearray(32)
    HKDF(hashes.SHA256(), 32, salt, b"ridgekey/sealed-record").derive_into(pepper, key)
    return key


def encode_lattice(lattice: Lattice) -> list[int]:
    """How a lattice lies."""
    return [lattice.x_step, lattice.y_step, lattice.turn_step, lattice.angle_step]


def decode_lattice(item: object, parameters: Parameters) -> Lattice:
    """Read what `encode_lattice` wrote.

    Raises:
        RecordError: it is not exactly that.
    """
    x, y, turn, angle = _whole(item, (SHIFT_STEPS, SHIFT_STEPS, TURN_STEPS, ANGLE_STEPS))
    return Lattice(x, y, turn, parameters.cell_px, parameters.sectors, angle)


def _version(value: object) -> int:
    """The record's, if it can be read; else the one that the reader will say it wants."""
    version = value.get(0) if isinstance(value, Mapping) else None
    return version if type(version) is int and version in READABLE else VERSION


def _encode_vault(vault: Vault, version: int) -> dict[int, object]:
    lattice = encode_lattice(vault.lattice)
    return {
        0: lattice[:3] if version == 1 else lattice,
        1: vault.locked.astype("<u2").tobytes(),
        2: vault.tag.to_bytes(TAG_BYTES, "little"),
        3: vault.wrapped,
    }


def _decode_vault(item: object, parameters: Parameters, version: int) -> Vault:
    fields = cbor.Fields(item, RECORD, {0, 1, 2, 3})
    lattice = fields.item(0)
    if version == 1:
        lattice = [*_list(lattice, 3, 3), 0]
    locked = np.frombuffer(fields.octets(1, 2 * parameters.coefficients, 2 * MAX_KEPT + 1), dtype=np.uint8)
    if len(locked) % 2:
        raise RecordError(f"{RECORD} has half a coefficient; enrol the finger again")
    return Vault(
        decode_lattice(lattice, parameters),
        locked.view("<u2").astype(np.uint16),
        int.from_bytes(fields.octets(2, TAG_BYTES), "little"),
        fields.octets(3, WRAPPED_BYTES),
    )


def _decode_parameters(item: object) -> Parameters:
    # The bounds keep a hostile record from asking for more work than an honest one.
    k, cell_px, sectors, kept = _whole(item, (17, 65, 16, MAX_KEPT + 1))
    if k < 2 or cell_px < 8 or not 1 <= sectors * CELLS_PER_SIDE**2 < 2**16:
        raise RecordError(f"{RECORD} has parameters out of range; enrol the finger again")
    return Parameters(k, cell_px, sectors, kept)


def _list(item: object, least: int, most: int) -> list[object]:
    if not isinstance(item, list | tuple) or not least <= len(item) <= most:
        raise RecordError(f"{RECORD} has a list of the wrong length; enrol the finger again")
    return list(item)


def _whole(item: object, ends: tuple[int, ...]) -> list[int]:
    """A list of unsigned integers, each below its end."""
    numbers = _list(item, len(ends), len(ends))
    whole = [number for number in numbers if type(number) is int]
    if len(whole) != len(ends) or not all(0 <= number < end for number, end in zip(whole, ends, strict=True)):
        raise RecordError(f"{RECORD} has a number out of range; enrol the finger again")
    return whole
