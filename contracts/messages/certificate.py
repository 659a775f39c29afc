"""A kiosk asks for a certificate for the broker, and the gateway's authority gives one.

The key is made on the kiosk and stays there. The device key signs the request, so a certificate goes to
nobody but a kiosk of the gateway's directory, whatever way the request takes.
"""

from dataclasses import dataclass
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts import cose
from contracts.cose import KEY_ID_LENGTH
from contracts.eip712 import MAX_ENVIRONMENT, environment_salt
from contracts.errors import MalformedError
from contracts.messages import wire

MAX_X509 = 2048
"""Bytes of a request or certificate in DER; those of ours, on P-256, have under 700."""

MAX_CERTIFICATE_MESSAGE = MAX_X509 + 512
"""Bytes of the payload."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A kiosk asks for a certificate.

    Attributes:
        environment: name of the deployment.
        request: PKCS #10 in DER, signed by the new key; its subject's common name is the kiosk's id.
        at: the kiosk's clock, Unix seconds.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/certificate-request"

    environment: str
    request: bytes
    at: int

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        _check_x509(self.request)
        wire.check_uint64("at", self.at)

    def sign(self, device_key: Ed25519PrivateKey) -> bytes:
        """The message as it leaves the kiosk: a COSE_Sign1 by the device."""
        payload = {0: wire.VERSION, 1: self.environment, 2: self.request, 3: self.at}
        return wire.sign_payload(payload, device_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, key_of: cose.KeyOf) -> tuple[bytes, "CertificateRequest"]:
        """The kiosk's key id and its message.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no such request of this version.
            VerificationError: on an unknown kiosk, or a signature that does not hold.
        """
        kid, payload = cose.verify1(data, key_of, aad=cls.AAD, limit=wire.MAX_SIGNED)
        reader = wire.open_payload(payload, MAX_CERTIFICATE_MESSAGE, "a certificate request", last=3)
        return kid, cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            request=reader.octets(2, 1, MAX_X509),
            at=reader.unsigned(3),
        )


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """The gateway hands a kiosk its new certificate.

    Attributes:
        environment: name of the deployment.
        kiosk: key id of the kiosk that it is for, 8 bytes.
        certificate: X.509 in DER.
    """

    AAD: ClassVar[bytes] = b"ridgekey/1/issued-certificate"

    environment: str
    kiosk: bytes
    certificate: bytes

    def __post_init__(self) -> None:
        environment_salt(self.environment)
        wire.check_length("a kiosk's key id", self.kiosk, KEY_ID_LENGTH)
        _check_x509(self.certificate)

    def sign(self, gateway_key: Ed25519PrivateKey) -> bytes:
        """The message as it leaves the gateway: a COSE_Sign1."""
        payload = {0: wire.VERSION, 1: self.environment, 2: self.kiosk, 3: self.certificate}
        return wire.sign_payload(payload, gateway_key, self.AAD)

    @classmethod
    def verify(cls, data: bytes, gateway_key: Ed25519PublicKey) -> "IssuedCertificate":
        """The message in `data`, if the gateway signed it.

        Raises:
            MalformedError, UnsupportedVersionError: on bytes that are no issued certificate of this version.
            VerificationError: if another signed it, or a byte was altered.
        """
        payload = wire.verify_by(gateway_key, data, aad=cls.AAD)
        reader = wire.open_payload(payload, MAX_CERTIFICATE_MESSAGE, "an issued certificate", last=3)
        return cls(
            environment=reader.text(1, MAX_ENVIRONMENT),
            kiosk=reader.octets(2, KEY_ID_LENGTH),
            certificate=reader.octets(3, 1, MAX_X509),
        )


def _check_x509(data: bytes) -> None:
    if not 0 < len(data) <= MAX_X509:
        raise MalformedError(
            f"a certificate or a request for one has {len(data)} bytes, the most is {MAX_X509}"
        )
