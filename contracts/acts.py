"""The acts of a consent and of an identity, each signed once, for the contract.

An act is an EIP-712 struct; the dataclass is the struct: the same fields in the same order, in camelCase
there. Kiosk and gateway carry acts, they cannot change one without breaking its signature.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum, IntEnum
from typing import ClassVar

from contracts.cbor import Fields
from contracts.errors import MalformedError
from contracts.keccak import keccak256
from contracts.struct import ADDRESS, BYTES, BYTES32, UINT64, UINT256, Struct, from_cbor


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


ACT_LIFETIME = 72 * 3600
"""Seconds that an act signed at a kiosk may take to reach the ledger: a kiosk that loses its network on a
Friday evening has it back on Monday. A message that was never sent is worth nothing after that."""


def fresh_nonce() -> int:
    """A nonce that nobody has used: 256 random bits.

    The contract keeps a person's nonces unordered, as a bitmap (word = nonce >> 8, bit = nonce & 255), so
    kiosks that do not see each other do not block each other. Whoever signs often for the same person fills
    one word bit by bit instead, which is cheaper: `edge.state.nonces`.
    """
    return secrets.randbits(256)


@dataclass(frozen=True, slots=True)
class Enrol(Struct):
    """A person joins: the identifier is the address of the key that signs this.

    Attributes:
        subject: the person's identifier; it stays when the key behind it changes.
        encryption_key: X25519 public key to which the person's data keys are wrapped.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.ENROL
    subject: bytes = field(metadata=ADDRESS)
    encryption_key: bytes = field(metadata=BYTES32)
    nonce: int = field(metadata=UINT256)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Register(Struct):
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
    subject: bytes = field(metadata=ADDRESS)
    record: bytes = field(metadata=BYTES32)
    kind: bytes = field(metadata=BYTES32)
    commitment: bytes = field(metadata=BYTES32)
    nonce: int = field(metadata=UINT256)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Request(Struct):
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
    requester: bytes = field(metadata=ADDRESS)
    subject: bytes = field(metadata=ADDRESS)
    record: bytes = field(metadata=BYTES32)
    purpose: bytes = field(metadata=BYTES32)
    encryption_key: bytes = field(metadata=BYTES32)
    expiry: int = field(metadata=UINT64)
    nonce: int = field(metadata=UINT256)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Grant(Struct):
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
    subject: bytes = field(metadata=ADDRESS)
    request: bytes = field(metadata=BYTES32)
    purpose: bytes = field(metadata=BYTES32)
    expiry: int = field(metadata=UINT64)
    sealed_key: bytes = field(metadata=BYTES)
    nonce: int = field(metadata=UINT256)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Deny(Struct):
    """The person says no to a request.

    Attributes:
        subject: who denies.
        request: id of the request.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.DENY
    subject: bytes = field(metadata=ADDRESS)
    request: bytes = field(metadata=BYTES32)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Withdraw(Struct):
    """The person takes a granted consent back.

    Attributes:
        subject: who withdraws.
        request: id of the request that had been granted.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.WITHDRAW
    subject: bytes = field(metadata=ADDRESS)
    request: bytes = field(metadata=BYTES32)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Renew(Struct):
    """The person gives a granted consent another end, sooner or later; an expired one counts again.

    Attributes:
        subject: who renews.
        request: id of the request that had been granted.
        expiry: first second at which the consent no longer counts.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.RENEW
    subject: bytes = field(metadata=ADDRESS)
    request: bytes = field(metadata=BYTES32)
    expiry: int = field(metadata=UINT64)
    nonce: int = field(metadata=UINT256)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Rotate(Struct):
    """Another key signs for the person from now on; signed by the present one.

    Attributes:
        subject: the person's identifier, which stays.
        new_key: address of the key that takes over.
        encryption_key: X25519 public key to which data keys are wrapped from now on.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.ROTATE
    subject: bytes = field(metadata=ADDRESS)
    new_key: bytes = field(metadata=ADDRESS)
    encryption_key: bytes = field(metadata=BYTES32)
    nonce: int = field(metadata=UINT256)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Entrust(Struct):
    """The person says whose key may recover the identity; it also ends a recovery under way.

    Attributes:
        subject: who entrusts.
        guardian: address of the key, a secret on paper or somebody's; zeros for nobody.
        nonce: see `fresh_nonce`.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.ENTRUST
    subject: bytes = field(metadata=ADDRESS)
    guardian: bytes = field(metadata=ADDRESS)
    nonce: int = field(metadata=UINT256)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Recover(Struct):
    """The guardian gives a person another key, after a delay; `hash_struct()` is the recovery's id.

    Attributes:
        subject: the person's identifier, which stays.
        new_key: address of the key that is to take over.
        encryption_key: X25519 public key to which data keys are wrapped from then on.
        nonce: makes two equal recoveries two; a guardian uses up none of the person's.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.RECOVER
    subject: bytes = field(metadata=ADDRESS)
    new_key: bytes = field(metadata=ADDRESS)
    encryption_key: bytes = field(metadata=BYTES32)
    nonce: int = field(metadata=UINT256)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Contest(Struct):
    """The present key objects to a recovery, which ends.

    Attributes:
        subject: whose identity.
        recovery: id of the recovery.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.CONTEST
    subject: bytes = field(metadata=ADDRESS)
    recovery: bytes = field(metadata=BYTES32)
    deadline: int = field(metadata=UINT64)


@dataclass(frozen=True, slots=True)
class Deactivate(Struct):
    """The identity ends for good, and with it every consent that it gave.

    Attributes:
        subject: whose identity.
        deadline: last second, Unix time, at which the contract takes the act.
    """

    KIND: ClassVar[ActKind] = ActKind.DEACTIVATE
    subject: bytes = field(metadata=ADDRESS)
    deadline: int = field(metadata=UINT64)


IdentityAct = Rotate | Entrust | Recover | Contest | Deactivate
Act = Enrol | Register | Request | Grant | Deny | Withdraw | Renew | IdentityAct
UsesNonce = Enrol | Register | Grant | Renew | Rotate | Entrust
"""Acts that use up one of the person's nonces. The others can be taken once only by themselves: their id is
taken then, or what they change can't be changed back."""
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
    return act(*(from_cbor(reader, key, member) for key, member in enumerate(members, start=1)))
