"""How a gateway tells a kiosk to do something once, and what the kiosk answers.

No command starts a capture, signs for a person or touches a person's data: the actions are an enumeration. A
kiosk does what is signed by its gateway, meant for itself, and newer than what it has last done.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts import cose
from contracts.cose import KEY_ID_LENGTH
from contracts.eip712 import MAX_ENVIRONMENT, environment_salt
from contracts.messages import wire

MAX_COMMAND = 1024
"""Bytes of the payload of a command or its outcome."""


class Action(IntEnum):
    """What a kiosk can be told to do."""

    RESEND = 1
    """Send what waits in the outbox now, without waiting for its back-off."""
    REPORT_HEALTH = 2
    RENEW_CERTIFICATE = 3
    """Ask for a new certificate for the broker, with a new key."""
    RELOAD_CONFIGURATION = 4
    """Read the configuration file again, and start anew with it if it is good."""


class Result(IntEnum):
    """What became of a command."""

    DONE = 1
    REFUSED = 2
    """It was not tried: out of date, or not now."""
    FAILED = 3


@dataclass(frozen=True, slots=True)
class Command:
    """Something that a kiosk shall do once.

    Attributes:
        environment: name of the deployment.
        kiosk: key id of the one kiosk that is meant, 8 bytes.
        number: greater than that of every earlier command to this kiosk, so that none counts twice.
        action: what to do.
        expiry: first second at which it no longer counts: a kiosk that was away for a week is not surprised.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/command"

    environment: str
    kiosk: bytes
    number: int
    action: Action
    expiry: int

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        wire.check_length("a kiosk's key id", self.kiosk, KEY_ID_LENGTH)
        wire.check_uint64("number", self.number)
        wire.check_uint64("expiry", self.expiry)

    def sign(self, gateway_key: Ed25519PrivateKey) -> bytes:
        """The command as it leaves the gateway: a COSE_Sign1."""
        payload = {
            0: wire.VERSION,
            1: self.environment,
            2: self.kiosk,
            3: self.number,
            4: int(self.action),
            5: self.expiry,
        }
        return wire.sign_payload(payload, gateway_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, gateway_key: Ed25519PublicKey) -> "Command":
        """The command in `data`, if the gateway signed it.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no command of this version.
            VerificationError: if another signed it, or a byte was altered.
        """
        payload = wire.verify_by(gateway_key, data, aad=cls.AAD)
        reader = wire.open_payload(payload, MAX_COMMAND, "a command", last=5)
        return cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            kiosk=reader.octets(2, KEY_ID_LENGTH),
            number=reader.unsigned(3),
            action=wire.member(Action, reader.unsigned(4), "a command", "action"),
            expiry=reader.unsigned(5),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command.

    Attributes:
        environment: name of the deployment.
        number: the command's.
        result: whether it was done.
        why: if not, why; else empty.
        at: the kiosk's clock, Unix seconds.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/outcome"

    environment: str
    number: int
    result: Result
    why: str
    at: int

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        wire.check_uint64("number", self.number)
        wire.check_uint64("at", self.at)
        wire.check_why(self.why)

    def sign(self, device_key: Ed25519PrivateKey) -> bytes:
        """The answer as it leaves the kiosk: a COSE_Sign1 by the device."""
        payload = {
            0: wire.VERSION,
            1: self.environment,
            2: self.number,
            3: int(self.result),
            4: self.why,
            5: self.at,
        }
        return wire.sign_payload(payload, device_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, key_of: cose.KeyOf) -> tuple[bytes, "Outcome"]:
        """The kiosk's key id and its answer.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no outcome of this version.
            VerificationError: on an unknown kiosk, or a signature that does not hold.
        """
        kid, payload = cose.verify1(data, key_of, aad=cls.AAD, limit=wire.MAX_SIGNED)
        reader = wire.open_payload(payload, MAX_COMMAND, "an outcome", last=5)
        return kid, cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            number=reader.unsigned(2),
            result=wire.member(Result, reader.unsigned(3), "an outcome", "result"),
            why=reader.text(4, wire.MAX_WHY),
            at=reader.unsigned(5),
        )
