"""A requester's request with its purpose in words, and the gateway's notice of it to a kiosk."""

from dataclasses import dataclass
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts import cbor, signing
from contracts.acts import Request, act_from_map
from contracts.eip712 import MAX_ENVIRONMENT, Domain, environment_salt
from contracts.errors import MalformedError, VerificationError
from contracts.messages import wire
from contracts.purpose import MAX_TEXT, SALT_LENGTH, Purpose

MAX_SIGNED_REQUEST = 2048
"""Bytes; a purpose of 280 characters takes 1120 at most, the rest about 430."""

MAX_REQUEST_NOTICE = MAX_SIGNED_REQUEST + 512
"""Bytes of the payload."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A requester's request with what the ledger does not hold: the purpose in words, and the public key.

    Attributes:
        request: what was signed.
        purpose: the text and salt behind `request.purpose`.
        public_key: the requester's, secp256k1, compressed, 33 bytes.
        signature: 64 bytes over `request.digest(domain)`.
    """

    request: Request
    purpose: Purpose
    public_key: bytes
    signature: bytes

    def __post_init__(self) -> None:
        wire.check_length("a requester's public key", self.public_key, signing.PUBLIC_KEY_LENGTH)
        wire.check_length("a requester's signature", self.signature, signing.SIGNATURE_LENGTH)

    def check(self, domain: Domain) -> None:
        """Refuse a request that is not what it says.

        Raises:
            VerificationError: if the purpose, the requester's address or the signature does not fit.
        """
        if not self.purpose.matches(self.request.purpose):
            raise VerificationError("the purpose in words is not the one that the request commits to")
        if signing.address_of(self.public_key) != self.request.requester:
            raise VerificationError("the public key is not that of the requester's address")
        if not signing.verify(self.public_key, self.request.digest(domain), self.signature):
            raise VerificationError(
                "the requester's signature does not hold here; it may be for another contract or environment"
            )

    def encode(self) -> bytes:
        """The signed request as bytes."""
        return cbor.encode(self.to_map())

    @classmethod
    def decode(cls, data: bytes) -> "SignedRequest":
        """The signed request in `data`; its signature is for `check`.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no signed request of this version.
        """
        return cls.from_map(cbor.decode(data, MAX_SIGNED_REQUEST, "a signed request"))

    def to_map(self) -> dict[int, object]:
        """The signed request for CBOR."""
        return {
            0: wire.VERSION,
            1: self.request.to_map(),
            2: {1: self.purpose.text, 2: self.purpose.salt},
            3: self.public_key,
            4: self.signature,
        }

    @classmethod
    def from_map(cls, value: object) -> "SignedRequest":
        """The signed request in a decoded CBOR map."""
        reader = cbor.Fields(value, "a signed request", frozenset(range(5)), version=wire.VERSION)
        request = act_from_map(reader.item(1))
        if not isinstance(request, Request):
            raise MalformedError("a signed request holds an act that is no request")
        purpose = cbor.Fields(reader.item(2), "a purpose", {1, 2})
        return cls(
            request=request,
            purpose=Purpose(purpose.text(1, MAX_TEXT), purpose.octets(2, SALT_LENGTH)),
            public_key=reader.octets(3, signing.PUBLIC_KEY_LENGTH),
            signature=reader.octets(4, signing.SIGNATURE_LENGTH),
        )


@dataclass(frozen=True, slots=True)
class RequestNotice:
    """The gateway tells a kiosk that somebody asks; the kiosk checks the request's own signature too.

    Attributes:
        environment: name of the deployment.
        signed_request: the request, as the requester signed it.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/request-notice"

    environment: str
    signed_request: SignedRequest

    def __post_init__(self) -> None:
        environment_salt(self.environment)

    def sign(self, gateway_key: Ed25519PrivateKey) -> bytes:
        """The notice as it leaves the gateway: a COSE_Sign1."""
        payload = {0: wire.VERSION, 1: self.environment, 2: self.signed_request.to_map()}
        return wire.sign_payload(payload, gateway_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, gateway_key: Ed25519PublicKey) -> "RequestNotice":
        """The notice in `data`, if the gateway signed it; `signed_request.check` is the caller's next step.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no notice of this version.
            VerificationError: if another signed it, or a byte was altered.
        """
        payload = wire.verify_by(gateway_key, data, aad=cls.AAD)
        reader = wire.open_payload(payload, MAX_REQUEST_NOTICE, "a request notice", last=2)
        return cls(reader.text(1, MAX_ENVIRONMENT), SignedRequest.from_map(reader.item(2)))
