"""The text form of addresses, identifiers and hashes: `0x` and lower-case hex digits."""

import re

from contracts.errors import MalformedError
from contracts.keccak import keccak256

ADDRESS_LENGTH = 20
HASH_LENGTH = 32

_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]*)", re.ASCII)
_SHOWN = 12  # characters of a bad value that an error repeats: it may be long, it may be a secret


def to_hex(value: bytes) -> str:
    """`value` as `0x…`, lower case."""
    return "0x" + value.hex()


def from_hex(text: str, length: int) -> bytes:
    """The `length` bytes that `text` writes in hex, with or without `0x`.

    Raises:
        MalformedError: if there is anything but hex digits, or another number of them.
    """
    match = _HEX.fullmatch(text)
    if match is None or len(match[1]) != 2 * length:
        raise MalformedError(
            f"expected {length} bytes as 0x and {2 * length} hex digits, got {text[:_SHOWN]!r}"
        )
    return bytes.fromhex(match[1])


def checksum_address(address: bytes) -> str:
    """The address with the mixed-case checksum of ERC-55, so that a mistyped digit shows."""
    if len(address) != ADDRESS_LENGTH:
        raise MalformedError(f"an address has {ADDRESS_LENGTH} bytes, got {len(address)}")
    digits = address.hex()
    shade = keccak256(digits.encode("ascii")).hex()
    return "0x" + "".join(d.upper() if int(s, 16) >= 8 else d for d, s in zip(digits, shade, strict=False))
