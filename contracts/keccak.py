"""Keccak-256 as Ethereum uses it: the padding from before FIPS 202, so not SHA3-256."""

from Crypto.Hash import keccak


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 hash of `data`."""
    return keccak.new(data=data, digest_bits=256).digest()
