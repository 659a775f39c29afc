"""What an EIP-712 struct is here: a frozen dataclass whose fields say their Solidity types.

Bounds, hash, digest and CBOR map are read off the fields, so that an act is written down once.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from enum import IntEnum
from functools import cache
from typing import Any, ClassVar

from contracts.cbor import UINT64_MAX, Fields
from contracts.eip712 import Domain, typed_digest, word
from contracts.errors import MalformedError
from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH
from contracts.keccak import keccak256

SEALED_KEY_LENGTH = 80
"""A data key sealed by HPKE: 32 bytes of encapsulation, 32 of key, 16 of tag."""

UINT256_MAX = 2**256 - 1

# How a field is typed in Solidity's words; the codecs below go by these.
ADDRESS: Mapping[str, str] = {"type": "address"}
BYTES32: Mapping[str, str] = {"type": "bytes32"}
BYTES: Mapping[str, str] = {"type": "bytes"}
UINT64: Mapping[str, str] = {"type": "uint64"}
UINT256: Mapping[str, str] = {"type": "uint256"}

_OCTETS = {"address": ADDRESS_LENGTH, "bytes32": HASH_LENGTH, "bytes": SEALED_KEY_LENGTH}
_MOST = {"uint64": UINT64_MAX, "uint256": UINT256_MAX}


@dataclass(frozen=True, slots=True)
class Struct:
    """What all acts share: bounds, hash, digest and map, each read off the fields' Solidity types."""

    KIND: ClassVar[IntEnum]

    def __post_init__(self) -> None:
        for member in fields(self):
            _check(member, getattr(self, member.name))

    @property
    def signer_address(self) -> bytes:
        """The address in whose name the act is signed: the subject's, for a request the requester's.

        Whose key that is today is the ledger's to say; a `Recover` is signed by the subject's guardian.
        """
        address: bytes = getattr(self, fields(self)[0].name)
        return address

    def hash_struct(self) -> bytes:
        """EIP-712's hashStruct, 32 bytes; that of a request or a recovery is its id."""
        return keccak256(
            type_hash(type(self))
            + b"".join(
                _encode_word(member.metadata["type"], getattr(self, member.name)) for member in fields(self)
            )
        )

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes to sign so that the act counts in `domain`."""
        return typed_digest(domain, self.hash_struct())

    def to_map(self) -> dict[int, bytes | int]:
        """The act for CBOR: key 0 the kind, then the fields in order from key 1.

        A uint256 becomes 32 bytes, so that the format needs no bignums.
        """
        return {0: int(self.KIND)} | {
            key: _to_cbor(member.metadata["type"], getattr(self, member.name))
            for key, member in enumerate(fields(self), start=1)
        }


def camel_case(name: str) -> str:
    """A field's name as the EIP-712 struct spells it: `sealed_key` becomes `sealedKey`."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def encode_type(act: type[Struct]) -> str:
    """EIP-712's encodeType, such as `Deny(address subject,bytes32 request,uint256 nonce,uint64 deadline)`."""
    members = ",".join(f"{member.metadata['type']} {camel_case(member.name)}" for member in fields(act))
    return f"{act.__name__}({members})"


def type_hash(act: type[Struct]) -> bytes:
    """EIP-712's typeHash, 32 bytes."""
    return _hash_of_type(encode_type(act))


@cache
def _hash_of_type(encoded: str) -> bytes:
    return keccak256(encoded.encode("ascii"))


def _check(member: "Field[Any]", value: object) -> None:
    solidity = member.metadata["type"]
    if solidity in _OCTETS:
        if not isinstance(value, bytes) or len(value) != _OCTETS[solidity]:
            raise MalformedError(f"{member.name} must be {_OCTETS[solidity]} bytes")
    elif type(value) is not int or not 0 <= value <= _MOST[solidity]:
        raise MalformedError(f"{member.name} must be an unsigned integer that fits {solidity}")


def _encode_word(solidity: str, value: Any) -> bytes:
    """EIP-712's encodeData for one member."""
    if solidity == "bytes":
        return keccak256(value)
    return word(value) if solidity in _MOST else value.rjust(32, b"\0")


def _to_cbor(solidity: str, value: Any) -> bytes | int:
    encoded: bytes | int = word(value) if solidity == "uint256" else value
    return encoded


def from_cbor(reader: Fields, key: int, member: "Field[Any]") -> Any:
    """One member of a struct out of its CBOR map; `Struct.to_map` put it there."""
    solidity = member.metadata["type"]
    if solidity == "uint64":
        return reader.unsigned(key)
    if solidity == "uint256":
        return int.from_bytes(reader.octets(key, 32), "big")
    return reader.octets(key, _OCTETS[solidity])
