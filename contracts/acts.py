"""The acts of a consent and of an identity, each signed once, for the contract.

An act is an EIP-712 struct; the dataclass is the struct: the same fields in the same order, in camelCase
there. Kiosk and gateway carry acts, they cannot change one without breaking its signature.
"""

import secrets
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from enum import Enum, IntEnum
from typing import Any, ClassVar

from contracts.cbor import UINT64_MAX, Fields
from contracts.eip712 import Domain, typed_digest, word
from contracts.errors import MalformedError
from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH
from contracts.keccak import keccak256

SEALED_KEY_LENGTH = 80
"""A data key sealed by HPKE: 32 bytes of encapsulation, 32 of key, 16 of tag."""

UINT256_MAX = 2**256 - 1


class ActKind(IntEnum):
    """Which act it is, as key 0 of its CBOR map."""

    ENROL = 1
    REGISTER = 2
    REQUEST = 3
    GRANT = 4
    DENY = 5
    WITHDRAW = 6
    RENEW = 7
    ROTATE = 8
    ENTRUST = 9
    RECOVER = 10
    CONTEST = 11
    DEACTIVATE = 12


class RecordKind(Enum):
    """The kinds of record; the value is the name, `identifier` is what the ledger sees."""

    IDENTITY_DOCUMENT = "identity-document"
    EDUCATION_CREDENTIAL = "education-credential"
    FINANCIAL_RECORD = "financial-record"
    DIGITAL_ASSET = "digital-asset"
    PRIVACY_SETTINGS = "privacy-settings"

    @property
    def identifier(self) -> bytes:
        """keccak256 of `ridgekey.record/<name>`, 32 bytes."""
        return keccak256(f"ridgekey.record/{self.value}".encode("ascii"))

    @classmethod
    def of(cls, identifier: bytes) -> "RecordKind | None":
        """The kind with this identifier; None for one that a later release may know."""
        return next((kind for kind in cls if kind.identifier == identifier), None)


def fresh_nonce() -> int:
    """A nonce that nobody has used: 256 random bits.

    The contract keeps a person's nonces unordered, as a bitmap (word = nonce >> 8, bit = nonce & 255), so
    kiosks that do not see each other do not block each other. Whoever signs often for the same person fills
    one word bit by bit instead, which is cheaper: `edge.state.nonces`.
    """
    return secrets.randbits(256)


# How a field is typed in Solidity's words; the codecs below go by these.
_ADDRESS: Mapping[str, str] = {"type": "address"}
_BYTES32: Mapping[str, str] = {"type": "bytes32"}
_BYTES: Mapping[str, str] = {"type": "bytes"}
_UINT64: Mapping[str, str] = {"type": "uint64"}
_UINT256: Mapping[str, str] = {"type": "uint256"}

_OCTETS = {"address": ADDRESS_LENGTH, "bytes32": HASH_LENGTH, "bytes": SEALED_KEY_LENGTH}
_MOST = {"uint64": UINT64_MAX, "uint256": UINT256_MAX}


@dataclass(frozen=True, slots=True)
class _Struct:
    """What all acts share: bounds, hash, digest and map, each read off the fields' Solidity types."""

    KIND: ClassVar[ActKind]

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


@dataclass(frozen=True, slots=True)
class Enrol(_Struct):
    """A person joins: the identifier is the address of the key that signs this.

    Attributes:
        subject: the person's identifier; it stays when the key behind it changes.
        encryption_key: X25519 public key to which the person's data keys are wrapped.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.ENROL
    subject: bytes = field(metadata=_ADDRESS)
    encryption_key: bytes = field(metadata=_BYTES32)
    nonce: int = field(metadata=_UINT256)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Register(_Struct):
    """A person's record exists: its salted commitment, never its content.

    Attributes:
        subject: whose record.
        record: random identifier of the record.
        kind: `RecordKind.identifier`.
        commitment: SHA-256 of the encrypted object, `contracts.envelope.commitment`.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.REGISTER
    subject: bytes = field(metadata=_ADDRESS)
    record: bytes = field(metadata=_BYTES32)
    kind: bytes = field(metadata=_BYTES32)
    commitment: bytes = field(metadata=_BYTES32)
    nonce: int = field(metadata=_UINT256)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Request(_Struct):
    """A trusted entity asks for a record; signed by the requester, and `hash_struct()` is the request's id.

    Attributes:
        requester: who asks.
        subject: whose record.
        record: which record.
        purpose: `Purpose.commitment()`; the text itself stays off the ledger.
        encryption_key: X25519 public key of the requester, to which the data key is to be sealed.
        expiry: first second, Unix time, at which a consent to this no longer counts.
        nonce: makes two equal requests two.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.REQUEST
    requester: bytes = field(metadata=_ADDRESS)
    subject: bytes = field(metadata=_ADDRESS)
    record: bytes = field(metadata=_BYTES32)
    purpose: bytes = field(metadata=_BYTES32)
    encryption_key: bytes = field(metadata=_BYTES32)
    expiry: int = field(metadata=_UINT64)
    nonce: int = field(metadata=_UINT256)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Grant(_Struct):
    """The person says yes, for this purpose, until then; the sealed key opens the record for the requester.

    Attributes:
        subject: who grants.
        request: id of the request.
        purpose: the request's purpose, repeated so that the person signs it.
        expiry: first second at which the consent no longer counts; not after the request's.
        sealed_key: the record's data key, sealed to the requester (`contracts.sealing`), 80 bytes.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.GRANT
    subject: bytes = field(metadata=_ADDRESS)
    request: bytes = field(metadata=_BYTES32)
    purpose: bytes = field(metadata=_BYTES32)
    expiry: int = field(metadata=_UINT64)
    sealed_key: bytes = field(metadata=_BYTES)
    nonce: int = field(metadata=_UINT256)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Deny(_Struct):
    """The person says no to a request.

    Attributes:
        subject: who denies.
        request: id of the request.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.DENY
    subject: bytes = field(metadata=_ADDRESS)
    request: bytes = field(metadata=_BYTES32)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Withdraw(_Struct):
    """The person takes a granted consent back.

    Attributes:
        subject: who withdraws.
        request: id of the request that had been granted.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.WITHDRAW
    subject: bytes = field(metadata=_ADDRESS)
    request: bytes = field(metadata=_BYTES32)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Renew(_Struct):
    """The person gives a granted consent another end, sooner or later; an expired one counts again.

    Attributes:
        subject: who renews.
        request: id of the request that had been granted.
        expiry: first second at which the consent no longer counts.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.RENEW
    subject: bytes = field(metadata=_ADDRESS)
    request: bytes = field(metadata=_BYTES32)
    expiry: int = field(metadata=_UINT64)
    nonce: int = field(metadata=_UINT256)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Rotate(_Struct):
    """Another key signs for the person from now on; signed by the present one.

    Attributes:
        subject: the person's identifier, which stays.
        new_key: address of the key that takes over.
        encryption_key: X25519 public key to which data keys are wrapped from now on.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.ROTATE
    subject: bytes = field(metadata=_ADDRESS)
    new_key: bytes = field(metadata=_ADDRESS)
    encryption_key: bytes = field(metadata=_BYTES32)
    nonce: int = field(metadata=_UINT256)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Entrust(_Struct):
    """The person says whose key may recover the identity; it also ends a recovery under way.

    Attributes:
        subject: who entrusts.
        guardian: address of the key, a secret on paper or somebody's; zeros for nobody.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.ENTRUST
    subject: bytes = field(metadata=_ADDRESS)
    guardian: bytes = field(metadata=_ADDRESS)
    nonce: int = field(metadata=_UINT256)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Recover(_Struct):
    """The guardian gives a person another key, after a delay; `hash_struct()` is the recovery's id.

    Attributes:
        subject: the person's identifier, which stays.
        new_key: address of the key that is to take over.
        encryption_key: X25519 public key to which data keys are wrapped from then on.
        nonce: one of the subject's, see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.RECOVER
    subject: bytes = field(metadata=_ADDRESS)
    new_key: bytes = field(metadata=_ADDRESS)
    encryption_key: bytes = field(metadata=_BYTES32)
    nonce: int = field(metadata=_UINT256)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Contest(_Struct):
    """The present key objects to a recovery, which ends.

    Attributes:
        subject: whose identity.
        recovery: id of the recovery.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.CONTEST
    subject: bytes = field(metadata=_ADDRESS)
    recovery: bytes = field(metadata=_BYTES32)
    deadline: int = field(metadata=_UINT64)


@dataclass(frozen=True, slots=True)
class Deactivate(_Struct):
    """The identity ends for good, and with it every consent that it gave.

    Attributes:
        subject: whose identity.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.DEACTIVATE
    subject: bytes = field(metadata=_ADDRESS)
    deadline: int = field(metadata=_UINT64)


IdentityAct = Rotate | Entrust | Recover | Contest | Deactivate
Act = Enrol | Register | Request | Grant | Deny | Withdraw | Renew | IdentityAct
ACTS: tuple[type[Act], ...] = (
    Enrol,
    Register,
    Request,
    Grant,
    Deny,
    Withdraw,
    Renew,
    Rotate,
    Entrust,
    Recover,
    Contest,
    Deactivate,
)


def camel_case(name: str) -> str:
    """A field's name as the EIP-712 struct spells it: `sealed_key` becomes `sealedKey`."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def encode_type(act: type[_Struct]) -> str:
    """EIP-712's encodeType, such as `Deny(address subject,bytes32 request,uint256 nonce,uint64 deadline)`."""
    members = ",".join(f"{member.metadata['type']} {camel_case(member.name)}" for member in fields(act))
    return f"{act.__name__}({members})"


def type_hash(act: type[_Struct]) -> bytes:
    """EIP-712's typeHash, 32 bytes."""
    return keccak256(encode_type(act).encode("ascii"))


def act_from_map(value: object) -> Act:
    """The act in a decoded CBOR map.

    Raises:
        MalformedError: if the kind is unknown, or a field is missing, superfluous or out of its bounds.
    """
    if not isinstance(value, Mapping):
        raise MalformedError("an act is not a map")
    act = next((act for act in ACTS if value.get(0) == act.KIND), None)
    if act is None:
        raise MalformedError("an act is of no known kind")
    members = fields(act)
    reader = Fields(value, f"a {act.__name__.lower()} act", frozenset(range(len(members) + 1)))
    return act(*(_from_cbor(reader, key, member) for key, member in enumerate(members, start=1)))


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


def _from_cbor(reader: Fields, key: int, member: "Field[Any]") -> Any:
    solidity = member.metadata["type"]
    if solidity == "uint64":
        return reader.unsigned(key)
    if solidity == "uint256":
        return int.from_bytes(reader.octets(key, 32), "big")
    return reader.octets(key, _OCTETS[solidity])
