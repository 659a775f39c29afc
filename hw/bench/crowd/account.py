"""A key that signs for the ledger, made from a name."""

import hashlib

from coincurve import PrivateKey

from contracts.keccak import keccak256


class Account:
    """A secp256k1 key and its address, the same at every run for the same name."""

    def __init__(self, name: str) -> None:
        self.seed = hashlib.sha256(name.encode()).digest()
        self._key = PrivateKey(self.seed)
        self.address = keccak256(self._key.public_key.format(compressed=False)[1:])[-20:]

    @property
    def public_key(self) -> bytes:
        """Compressed, 33 bytes."""
        return self._key.public_key.format()

    def sign(self, digest: bytes) -> bytes:
        """65 bytes: r, s (low), and v as 27 or 28."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def octets(self, label: str, length: int) -> bytes:
        """Bytes that look random, as sealed keys do: in calldata those that are not zero cost more."""
        return hashlib.shake_256(self.seed + label.encode()).digest(length)
