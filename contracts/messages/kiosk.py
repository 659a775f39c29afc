"""The message by which a kiosk hands over what a person signed."""

from dataclasses import dataclass
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts import cose, signing
from contracts.acts import Act, Register, act_from_map
from contracts.eip712 import MAX_ENVIRONMENT, environment_salt
from contracts.envelope import MAX_OBJECT, MAX_PUBLISHED_OBJECT, check_commitment
from contracts.errors import MalformedError
from contracts.messages import wire

MAX_KIOSK_MESSAGE = MAX_OBJECT + 1024
"""Bytes of the payload: an object, and the other fields with room to spare."""


@dataclass(frozen=True, slots=True)
class KioskMessage:
    """A person's signed act, as the kiosk that captured it sends it.

    Attributes:
        environment: name of the deployment.
        act: what the person signed.
        signature: the person's, 64 bytes, over `act.digest(domain)`.
        captured_at: the kiosk's clock, Unix seconds.
        object: the encrypted record that a `Register` act commits to; None with every other act.
        on_ledger: whether the object is to be published on the ledger rather than kept in the store.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/kiosk-message"

    environment: str
    act: Act
    signature: bytes
    captured_at: int
    object: bytes | None = None
    on_ledger: bool = False

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        wire.check_length("a person's signature", self.signature, signing.SIGNATURE_LENGTH)
        wire.check_uint64("captured_at", self.captured_at)
        self._check_object()

    def _check_object(self) -> None:
        if self.object is None:
            if self.on_ledger:
                raise MalformedError("a kiosk message wants an object on the ledger but carries none")
            return
        if not isinstance(self.act, Register):
            raise MalformedError("a kiosk message carries an object with an act that registers none")
        limit = MAX_PUBLISHED_OBJECT if self.on_ledger else MAX_OBJECT
        if not 0 < len(self.object) <= limit:
            raise MalformedError(f"an encrypted record of {len(self.object)} bytes, the most here is {limit}")
        check_commitment(self.object, self.act.commitment)

    def sign(self, device_key: Ed25519PrivateKey) -> bytes:
        """The message as it leaves the kiosk: a COSE_Sign1 by the device."""
        payload: dict[int, object] = {
            0: wire.VERSION,
            1: self.environment,
            2: self.act.to_map(),
            3: self.signature,
            4: self.captured_at,
            6: self.on_ledger,
        }
        if self.object is not None:
            payload[5] = self.object
        return wire.sign_payload(payload, device_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, key_of: cose.KeyOf) -> tuple[bytes, "KioskMessage"]:
        """The kiosk's key id and its message.

        The person's own signature is for the contract to check, and for a gateway that knows the key.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no kiosk message of this version.
            VerificationError: on an unknown kiosk, or a signature or an object that does not hold.
        """
        kid, payload = cose.verify1(data, key_of, aad=cls.AAD, limit=MAX_KIOSK_MESSAGE)
        reader = wire.open_payload(payload, MAX_KIOSK_MESSAGE, "a kiosk message", last=6, optional={5})
        return kid, cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            act=act_from_map(reader.item(2)),
            signature=reader.octets(3, signing.SIGNATURE_LENGTH),
            captured_at=reader.unsigned(4),
            object=reader.octets(5, 1, MAX_OBJECT) if 5 in reader else None,
            on_ledger=reader.truth(6),
        )
