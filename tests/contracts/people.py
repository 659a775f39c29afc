"""Keys for the tests: persons, requesters, devices, each from a number."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from coincurve import PublicKey
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import signing
from contracts.acts import Act
from contracts.eip712 import Domain


def seeded(purpose: str, number: int) -> bytes:
    return hashlib.sha256(f"{purpose} {number}".encode()).digest()


def device(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seeded("device", number))


@dataclass(frozen=True)
class Person:
    """Somebody who signs acts: the subject of records, or a requester."""

    number: int

    @cached_property
    def secret(self) -> int:
        return int.from_bytes(seeded("signing", self.number), "big") % (signing.ORDER - 1) + 1

    @cached_property
    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.secret, ec.SECP256K1())

    @cached_property
    def public_key(self) -> bytes:
        return signing.compressed(self.signing_key.public_key())

    @cached_property
    def address(self) -> bytes:
        return signing.address_of(self.public_key)

    @cached_property
    def encryption_key(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(seeded("encryption", self.number))

    @cached_property
    def encryption_public_key(self) -> bytes:
        return self.encryption_key.public_key().public_bytes_raw()

    def sign(self, act: Act, domain: Domain) -> bytes:
        """64 bytes, as off the ledger."""
        return signing.sign(self.signing_key, act.digest(domain))

    def sign_for_ledger(self, act: Act, domain: Domain) -> bytes:
        """65 bytes: with the recovery id that leads back to this key."""
        digest, signature = act.digest(domain), self.sign(act, domain)
        for recovery_id in (0, 1):
            found = PublicKey.from_signature_and_message(
                signature + bytes([recovery_id]), digest, hasher=None
            )
            if found.format() == self.public_key:
                return signature + bytes([27 + recovery_id])
        raise AssertionError("no recovery id leads back to the key")
