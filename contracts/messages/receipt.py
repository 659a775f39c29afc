"""The gateway's word on how an act ended."""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.eip712 import MAX_ENVIRONMENT, environment_salt
from contracts.errors import MalformedError
from contracts.hexes import HASH_LENGTH
from contracts.labels import clean
from contracts.messages import wire

MAX_REASON = 200
"""Characters of a reason: a line or two on the kiosk's screen."""

MAX_RECEIPT = 2048
"""Bytes of the payload; a reason and an environment in four-byte characters take 1056 of them."""


class ReceiptStatus(IntEnum):
    """How an act ended."""

    FINAL = 1
    """The ledger has it, with the confirmations that the gateway asks for."""

    REJECTED = 2
    """It will never be on the ledger; the reason says why."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The gateway's word on an act: the only thing that takes a message out of a kiosk's outbox.

    Attributes:
        environment: name of the deployment.
        digest: the act's EIP-712 digest, by which gateway and kiosk know it.
        status: how it ended.
        transaction: hash of the ledger's transaction; None if there is none.
        block: number of its block; None if there is none.
        reason: why it was rejected, for a person to read; empty when final.
        at: the gateway's clock, Unix seconds.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/receipt"

    environment: str
    digest: bytes
    status: ReceiptStatus
    transaction: bytes | None
    block: int | None
    reason: str
    at: int

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        wire.check_length("a receipt's digest", self.digest, HASH_LENGTH)
        wire.check_uint64("at", self.at)
        if self.transaction is not None:
            wire.check_length("a transaction's hash", self.transaction, HASH_LENGTH)
        if self.block is not None:
            wire.check_uint64("block", self.block)
        if clean(self.reason, MAX_REASON) != self.reason:
            raise MalformedError(f"a receipt's reason is one plain line of at most {MAX_REASON} characters")
        if self.status is ReceiptStatus.FINAL and (self.transaction is None or self.block is None):
            raise MalformedError("a final receipt names its transaction and block")

    def sign(self, gateway_key: Ed25519PrivateKey) -> bytes:
        """The receipt as it leaves the gateway: a COSE_Sign1."""
        payload: dict[int, object] = {
            0: wire.VERSION,
            1: self.environment,
            2: self.digest,
            3: int(self.status),
            6: self.reason,
            7: self.at,
        }
        if self.transaction is not None:
            payload[4] = self.transaction
        if self.block is not None:
            payload[5] = self.block
        return wire.sign_payload(payload, gateway_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, gateway_key: Ed25519PublicKey) -> "Receipt":
        """The receipt in `data`, if the gateway signed it.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no receipt of this version.
            VerificationError: if another signed it, or a byte was altered.
        """
        payload = wire.verify_by(gateway_key, data, aad=cls.AAD)
        reader = wire.open_payload(payload, MAX_RECEIPT, "a receipt", last=7, optional={4, 5})
        return cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            digest=reader.octets(2, HASH_LENGTH),
            status=_status(reader.unsigned(3)),
            transaction=reader.octets(4, HASH_LENGTH) if 4 in reader else None,
            block=reader.unsigned(5) if 5 in reader else None,
            reason=reader.text(6, MAX_REASON),
            at=reader.unsigned(7),
        )


def _status(number: int) -> ReceiptStatus:
    try:
        return ReceiptStatus(number)
    except ValueError as error:
        raise MalformedError(f"a receipt has status {number}, which this release does not know") from error
