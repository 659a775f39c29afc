"""How a gateway wants a kiosk to be configured, and how it then is: a short list of settings with bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts import cbor, cose
from contracts.cose import KEY_ID_LENGTH
from contracts.eip712 import MAX_ENVIRONMENT, environment_salt
from contracts.errors import MalformedError
from contracts.messages import wire

MAX_CONFIGURATION = 12_288
"""Bytes of the payload: sixteen settings with a reason in four-byte characters for each take 10.5 KB."""

MAX_SETTINGS = 16
LAST_SETTING = 255


class Setting(IntEnum):
    """What of a kiosk's configuration can be set from afar."""

    HEALTH_SECONDS = 1
    """Seconds between two reports of health."""
    OUTBOX_LIMIT = 2
    """Most messages that may wait for a receipt."""
    RENEW_DAYS = 3
    """Days before its end at which the certificate for the broker is renewed."""


BOUNDS: Mapping[Setting, tuple[int, int]] = {
    Setting.HEALTH_SECONDS: (5, 86_400),
    Setting.OUTBOX_LIMIT: (10, 100_000),
    Setting.RENEW_DAYS: (1, 365),
}
"""Least and most of each setting. Outside of them a kiosk refuses: none can be silenced or filled up."""


@dataclass(frozen=True, slots=True)
class Desired:
    """How a kiosk shall be configured, until another version comes.

    Attributes:
        environment: name of the deployment.
        kiosk: key id of the one kiosk that is meant, 8 bytes.
        version: greater than that of every earlier one.
        settings: value by number of `Setting`; what is not named has the kiosk's own value. A number that the
            kiosk's release does not know, or a value out of bounds, is answered, not an error.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/desired"

    environment: str
    kiosk: bytes
    version: int
    settings: Mapping[int, int]

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        wire.check_length("a kiosk's key id", self.kiosk, KEY_ID_LENGTH)
        wire.check_uint64("version", self.version)
        _check_settings(self.settings)

    def sign(self, gateway_key: Ed25519PrivateKey) -> bytes:
        """The configuration as it leaves the gateway: a COSE_Sign1."""
        payload = {
            0: wire.VERSION,
            1: self.environment,
            2: self.kiosk,
            3: self.version,
            4: dict(self.settings),
        }
        return wire.sign_payload(payload, gateway_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, gateway_key: Ed25519PublicKey) -> "Desired":
        """The configuration in `data`, if the gateway signed it.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no such message of this version.
            VerificationError: if another signed it, or a byte was altered.
        """
        payload = wire.verify_by(gateway_key, data, aad=cls.AAD)
        reader = wire.open_payload(payload, MAX_CONFIGURATION, "a desired configuration", last=4)
        return cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            kiosk=reader.octets(2, KEY_ID_LENGTH),
            version=reader.unsigned(3),
            settings=_settings(reader.item(4)),
        )


@dataclass(frozen=True, slots=True)
class Reported:
    """How a kiosk is configured, after it has dealt with a desired configuration.

    Attributes:
        environment: name of the deployment.
        version: of the desired configuration.
        settings: every setting that the kiosk knows, with the value in force.
        refused: settings that it did not take over, and why.
        at: the kiosk's clock, Unix seconds.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/reported"

    environment: str
    version: int
    settings: Mapping[int, int]
    refused: Mapping[int, str]
    at: int

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        wire.check_uint64("version", self.version)
        wire.check_uint64("at", self.at)
        _check_settings(self.settings)
        _check_settings(dict.fromkeys(self.refused, 0))
        for why in self.refused.values():
            wire.check_why(why)

    def sign(self, device_key: Ed25519PrivateKey) -> bytes:
        """The report as it leaves the kiosk: a COSE_Sign1 by the device."""
        payload = {
            0: wire.VERSION,
            1: self.environment,
            2: self.version,
            3: dict(self.settings),
            4: dict(self.refused),
            5: self.at,
        }
        return wire.sign_payload(payload, device_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, key_of: cose.KeyOf) -> tuple[bytes, "Reported"]:
        """The kiosk's key id and its report.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no such message of this version.
            VerificationError: on an unknown kiosk, or a signature that does not hold.
        """
        kid, payload = cose.verify1(data, key_of, aad=cls.AAD, limit=wire.MAX_SIGNED)
        reader = wire.open_payload(payload, MAX_CONFIGURATION, "a reported configuration", last=5)
        refusals = _table(reader.item(4), "the refused settings")
        return kid, cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            version=reader.unsigned(2),
            settings=_settings(reader.item(3)),
            refused={number: refusals.text(number, wire.MAX_WHY) for number in _numbers(reader.item(4))},
            at=reader.unsigned(5),
        )


def refusal_of(number: int, value: int) -> str | None:
    """Why a kiosk does not take a setting over; None if it does."""
    try:
        least, most = BOUNDS[Setting(number)]
    except ValueError:
        return "this release does not know the setting"
    return None if least <= value <= most else f"it must be from {least} to {most}"


def _settings(item: object) -> dict[int, int]:
    reader = _table(item, "the settings")
    return {number: reader.unsigned(number) for number in _numbers(item)}


def _table(item: object, what: str) -> cbor.Fields:
    return cbor.Fields(item, what, frozenset(range(LAST_SETTING + 1)), frozenset(range(LAST_SETTING + 1)))


def _numbers(item: object) -> list[int]:
    return list(item) if isinstance(item, Mapping) else []


def _check_settings(settings: Mapping[int, int]) -> None:
    if len(settings) > MAX_SETTINGS:
        raise MalformedError(f"a configuration has at most {MAX_SETTINGS} settings, got {len(settings)}")
    for number, value in settings.items():
        if not 0 <= number <= LAST_SETTING or not 0 <= value <= cbor.UINT64_MAX:
            raise MalformedError(f"setting {number} is out of bounds")
