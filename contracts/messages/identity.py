"""The gateway's notice of how an identity stands on the ledger: its key, and a recovery under way.

A kiosk learns by it that a recovery has begun, so that the person can contest it, and that one is over.
"""

from dataclasses import dataclass
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.eip712 import MAX_ENVIRONMENT, environment_salt
from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH
from contracts.messages import wire

MAX_IDENTITY_NOTICE = 512
"""Bytes of the payload; an environment's name is most of it."""


@dataclass(frozen=True, slots=True)
class PendingRecovery:
    """A recovery that the present key can still contest.

    Attributes:
        id: of the recovery, 32 bytes.
        new_key: address of the key that is to take over.
        ready: first second, Unix time, at which it can.
    """

    id: bytes
    new_key: bytes
    ready: int

    def __post_init__(self) -> None:
        wire.check_length("a recovery's id", self.id, HASH_LENGTH)
        wire.check_length("a recovery's key", self.new_key, ADDRESS_LENGTH)
        wire.check_uint64("ready", self.ready)


@dataclass(frozen=True, slots=True)
class IdentityNotice:
    """How an identity stands.

    Attributes:
        environment: name of the deployment.
        subject: the identifier.
        key: address of the key that signs for it; all ones where the identity has ended.
        at: when the ledger was asked, Unix seconds: of two notices the later one counts.
        recovery: the one under way, if there is one.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/identity-notice"

    environment: str
    subject: bytes
    key: bytes
    at: int
    recovery: PendingRecovery | None = None

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        wire.check_length("an identity's subject", self.subject, ADDRESS_LENGTH)
        wire.check_length("an identity's key", self.key, ADDRESS_LENGTH)
        wire.check_uint64("at", self.at)

    def sign(self, gateway_key: Ed25519PrivateKey) -> bytes:
        """The notice as it leaves the gateway: a COSE_Sign1."""
        payload: dict[int, object] = {
            0: wire.VERSION,
            1: self.environment,
            2: self.subject,
            3: self.key,
            4: self.at,
        }
        if self.recovery is not None:
            payload |= {5: self.recovery.id, 6: self.recovery.new_key, 7: self.recovery.ready}
        return wire.sign_payload(payload, gateway_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, gateway_key: Ed25519PublicKey) -> "IdentityNotice":
        """The notice in `data`, if the gateway signed it.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no notice of this version.
            VerificationError: if another signed it, or a byte was altered.
        """
        what = "an identity notice"
        payload = wire.verify_by(gateway_key, data, aad=cls.AAD)
        reader = wire.open_payload(payload, MAX_IDENTITY_NOTICE, what, last=7, optional={5, 6, 7})
        recovery = None
        if any(key in reader for key in (5, 6, 7)):
            reader = wire.open_payload(payload, MAX_IDENTITY_NOTICE, what, last=7)
            recovery = PendingRecovery(
                reader.octets(5, HASH_LENGTH), reader.octets(6, ADDRESS_LENGTH), reader.unsigned(7)
            )
        return cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            subject=reader.octets(2, ADDRESS_LENGTH),
            key=reader.octets(3, ADDRESS_LENGTH),
            at=reader.unsigned(4),
            recovery=recovery,
        )
