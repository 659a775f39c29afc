"""What a kiosk says of itself: that it is there, and how it is. Nothing here is about a person."""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts import cose
from contracts.eip712 import MAX_ENVIRONMENT, environment_salt
from contracts.errors import MalformedError
from contracts.labels import clean
from contracts.messages import wire

MAX_PRESENCE = 512
"""Bytes of the payload; an environment in four-byte characters takes 256 of them."""

MAX_LABEL = 40
"""Characters of a version's or a sensor's name."""

MAX_HEALTH = 1024
"""Bytes of the payload."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a kiosk is on line: its birth when it connects, its death by its last will or its own word.

    The broker holds the death from the moment of the connection, so both are signed together and have the
    same sequence number: a death that comes late, of an earlier connection, is told apart (as with Sparkplug
    B's bdSeq).

    Attributes:
        environment: name of the deployment.
        sequence: counts the kiosk's connections; never falls.
        online: birth or death.
        at: the kiosk's clock when it connected, Unix seconds.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/presence"

    environment: str
    sequence: int
    online: bool
    at: int

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        wire.check_uint64("sequence", self.sequence)
        wire.check_uint64("at", self.at)

    def sign(self, device_key: Ed25519PrivateKey) -> bytes:
        """The message as it leaves the kiosk: a COSE_Sign1 by the device."""
        payload = {0: wire.VERSION, 1: self.environment, 2: self.sequence, 3: self.online, 4: self.at}
        return wire.sign_payload(payload, device_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, key_of: cose.KeyOf) -> tuple[bytes, "Presence"]:
        """The kiosk's key id and its message.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no presence of this version.
            VerificationError: on an unknown kiosk, or a signature that does not hold.
        """
        kid, payload = cose.verify1(data, key_of, aad=cls.AAD, limit=wire.MAX_SIGNED)
        reader = wire.open_payload(payload, MAX_PRESENCE, "a presence", last=4)
        return kid, cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            sequence=reader.unsigned(2),
            online=reader.truth(3),
            at=reader.unsigned(4),
        )


class SensorState(IntEnum):
    """Of the kiosk's fingerprint sensor."""

    READY = 1
    FAILED = 2


@dataclass(frozen=True, slots=True)
class Health:
    """How a kiosk is.

    Attributes:
        environment: name of the deployment.
        sequence: of the connection over which it is said.
        at: the kiosk's clock, Unix seconds.
        software: version of the kiosk's program.
        uptime: seconds since its start.
        waiting: messages in the outbox that have no receipt yet.
        oldest: seconds that the oldest of them has waited; 0 if none waits.
        capacity: most messages that may wait.
        sensor: whether the sensor works.
        model: of the sensor, empty if it does not say.
        certificate_end: when its certificate for the broker ends, Unix seconds; None if it has none.
        configuration: version of the desired configuration that it has last dealt with; 0 for none.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/health"

    environment: str
    sequence: int
    at: int
    software: str
    uptime: int
    waiting: int
    oldest: int
    capacity: int
    sensor: SensorState
    model: str
    certificate_end: int | None
    configuration: int

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        for name in ("sequence", "at", "uptime", "waiting", "oldest", "capacity", "configuration"):
            wire.check_uint64(name, getattr(self, name))
        if self.certificate_end is not None:
            wire.check_uint64("certificate_end", self.certificate_end)
        for label in (self.software, self.model):
            if clean(label, MAX_LABEL) != label:
                raise MalformedError(f"a label in a kiosk's health is one plain line of at most {MAX_LABEL}")

    def sign(self, device_key: Ed25519PrivateKey) -> bytes:
        """The message as it leaves the kiosk: a COSE_Sign1 by the device."""
        payload: dict[int, object] = {
            0: wire.VERSION,
            1: self.environment,
            2: self.sequence,
            3: self.at,
            4: self.software,
            5: self.uptime,
            6: self.waiting,
            7: self.oldest,
            8: self.capacity,
            9: int(self.sensor),
            10: self.model,
            12: self.configuration,
        }
        if self.certificate_end is not None:
            payload[11] = self.certificate_end
        return wire.sign_payload(payload, device_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, key_of: cose.KeyOf) -> tuple[bytes, "Health"]:
        """The kiosk's key id and its message.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no health of this version.
            VerificationError: on an unknown kiosk, or a signature that does not hold.
        """
        kid, payload = cose.verify1(data, key_of, aad=cls.AAD, limit=wire.MAX_SIGNED)
        reader = wire.open_payload(payload, MAX_HEALTH, "a kiosk's health", last=12, optional={11})
        return kid, cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            sequence=reader.unsigned(2),
            at=reader.unsigned(3),
            software=reader.text(4, MAX_LABEL),
            uptime=reader.unsigned(5),
            waiting=reader.unsigned(6),
            oldest=reader.unsigned(7),
            capacity=reader.unsigned(8),
            sensor=wire.member(SensorState, reader.unsigned(9), "a kiosk's health", "sensor state"),
            model=reader.text(10, MAX_LABEL),
            certificate_end=reader.unsigned(11) if 11 in reader else None,
            configuration=reader.unsigned(12),
        )
