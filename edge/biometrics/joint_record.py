"""The protected record of two fingers, as bytes: like that of one (`protected_record`), with its own CDDL."""

import hmac
import secrets
from dataclasses import dataclass, field

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts import cbor
from contracts.errors import ContractError
from edge.biometrics.galois import GROUP_ORDER
from edge.biometrics.parameters import Parameters
from edge.biometrics.protected_record import (
    RecordError,
    decode_lattice,
    encode_lattice,
    key_check,
    sealing_key,
)
from edge.biometrics.quantisation import Lattice
from edge.biometrics.vault import FIRST_USE, SALT_BYTES, TAG_BYTES, WRAPPED_BYTES, Vault

VERSION = 1
TWO_FINGERS = 2
"""Stands in the sealed record, so that it is never taken for one finger's."""

MAX_BYTES = 8192
MAX_VAULTS = 9
MAX_KEPT = 64
CHECK_BYTES = 32
SEALED, RECORD = "the sealed record of two fingers", "the protected record of two fingers"


@dataclass(frozen=True, slots=True)
class JointVault:
    """A reference minutia of each finger, and the features of both in one vault.

    Attributes:
        vault: its lattice is the first finger's.
        second: lattice of the second finger.
    """

    vault: Vault
    second: Lattice

    def __repr__(self) -> str:
        return f"<joint {self.vault}>"

    @property
    def lattices(self) -> tuple[Lattice, Lattice]:
        """Of the first finger, and of the second."""
        return self.vault.lattice, self.second


@dataclass(frozen=True, slots=True)
class JointRecord:
    """What remains of two fingers that open together.

    Attributes:
        parameters: what it was made with; `kept` is for each finger.
        salt: 32 random bytes, fresh with each enrolment.
        check: hash of the record's secret.
        vaults: one for each pair of reference minutiae.
    """

    parameters: Parameters
    salt: bytes
    check: bytes
    vaults: tuple[JointVault, ...] = field(repr=False)

    def __repr__(self) -> str:
        return f"<protected record of two fingers, {len(self.vaults)} vaults>"

    def matches(self, secret: bytearray) -> bool:
        """Whether this is the record's secret; takes the same time either way."""
        return hmac.compare_digest(key_check(secret, self.salt), self.check)

    def encode(self) -> bytes:
        """The record as deterministic CBOR."""
        parameters = self.parameters
        return cbor.encode(
            {
                0: VERSION,
                1: [parameters.coefficients, parameters.cell_px, parameters.sectors, parameters.kept],
                2: self.salt,
                3: self.check,
                4: [_encode_vault(vault) for vault in self.vaults],
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "JointRecord":
        """Read what `encode` wrote.

        Raises:
            RecordError: it is not exactly that.
        """
        try:
            fields = cbor.Fields(
                cbor.decode(data, MAX_BYTES, RECORD), RECORD, {0, 1, 2, 3, 4}, version=VERSION
            )
            parameters = _decode_parameters(fields.item(1))
            items = fields.item(4)
            if not isinstance(items, list | tuple) or not 1 <= len(items) <= MAX_VAULTS:
                raise RecordError(f"{RECORD} has no vault, or too many; enrol the fingers again")
            return cls(
                parameters,
                fields.octets(2, SALT_BYTES),
                fields.octets(3, CHECK_BYTES),
                tuple(_decode_vault(item, parameters) for item in items),
            )
        except ContractError as error:
            raise RecordError(f"{error}; enrol the fingers again") from error

    def seal(self, pepper: bytes | bytearray) -> bytes:
        """Encrypt the record for storage, as `ProtectedRecord.seal`."""
        salt = secrets.token_bytes(SALT_BYTES)
        head: dict[int, object] = {0: VERSION, 1: salt, 3: TWO_FINGERS}
        key = sealing_key(pepper, salt)
        try:
            sealed = AESGCM(key).encrypt(FIRST_USE, self.encode(), cbor.encode(head))
        finally:
            key[:] = bytes(len(key))
        return cbor.encode({**head, 2: sealed})

    @classmethod
    def open(cls, blob: bytes, pepper: bytes | bytearray) -> "JointRecord":
        """Decrypt what `seal` returned.

        Raises:
            RecordError: it was altered, sealed under another pepper, or is one finger's.
        """
        try:
            fields = cbor.Fields(cbor.decode(blob, MAX_BYTES, SEALED), SEALED, {0, 1, 2, 3}, version=VERSION)
            salt, sealed = fields.octets(1, SALT_BYTES), fields.octets(2, 16, MAX_BYTES)
            if fields.unsigned(3, TWO_FINGERS) != TWO_FINGERS:
                raise RecordError(f"{SEALED} names another number of them; enrol the fingers again")
            head = {0: VERSION, 1: salt, 3: TWO_FINGERS}
        except ContractError as error:
            raise RecordError(f"{error}; enrol the fingers again") from error
        key = sealing_key(pepper, salt)
        try:
            data = AESGCM(key).decrypt(FIRST_USE, sealed, cbor.encode(head))
        except InvalidTag as error:
            raise RecordError(
                f"{SEALED} was altered, or sealed under another pepper; restore the pepper or enrol again"
            ) from error
        finally:
            key[:] = bytes(len(key))
        return cls.decode(data)


def _encode_vault(joint: JointVault) -> dict[int, object]:
    return {
        0: [encode_lattice(lattice) for lattice in joint.lattices],
        1: joint.vault.locked.astype("<u2").tobytes(),
        2: joint.vault.tag.to_bytes(TAG_BYTES, "little"),
        3: joint.vault.wrapped,
    }


def _decode_vault(item: object, parameters: Parameters) -> JointVault:
    fields = cbor.Fields(item, RECORD, {0, 1, 2, 3})
    offsets = fields.item(0)
    if not isinstance(offsets, list | tuple) or len(offsets) != TWO_FINGERS:
        raise RecordError(f"{RECORD} lacks a lattice; enrol the fingers again")
    first, second = (decode_lattice(each, parameters) for each in offsets)
    data = fields.octets(1, 2 * parameters.coefficients, 2 * TWO_FINGERS * MAX_KEPT)
    if len(data) % 2:
        raise RecordError(f"{RECORD} has half a coefficient; enrol the fingers again")
    vault = Vault(
        first,
        np.frombuffer(data, dtype="<u2").astype(np.uint16),
        int.from_bytes(fields.octets(2, TAG_BYTES), "little"),
        fields.octets(3, WRAPPED_BYTES),
    )
    return JointVault(vault, second)


def _decode_parameters(item: object) -> Parameters:
    # The bounds keep a hostile record from asking for more work than an honest one.
    k, cell_px, sectors, kept = _whole(item, (17, 65, 16, MAX_KEPT + 1))
    if k < 2 or cell_px < 8 or not 1 <= sectors <= GROUP_ORDER:
        raise RecordError(f"{RECORD} has parameters out of range; enrol the fingers again")
    return Parameters(k, cell_px, sectors, kept)


def _whole(item: object, ends: tuple[int, ...]) -> list[int]:
    """A list of unsigned integers, each below its end."""
    numbers = list(item) if isinstance(item, list | tuple) else []
    whole = [number for number in numbers if type(number) is int]
    if len(whole) != len(ends) or len(numbers) != len(ends):
        raise RecordError(f"{RECORD} has a list of the wrong length; enrol the fingers again")
    if not all(0 <= number < end for number, end in zip(whole, ends, strict=True)):
        raise RecordError(f"{RECORD} has a number out of range; enrol the fingers again")
    return whole
