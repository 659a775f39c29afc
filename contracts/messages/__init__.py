"""What travels between kiosk, gateway and requester: deterministic CBOR, signed by the device that sends it.

`contracts/ridgekey.cddl` is the specification; the bounds in the code are the same. Each type has an
external AAD of its own, so that a receipt can never be taken for anything but a receipt. Whoever verifies
compares `environment` with its own.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.cose import KeyOf
from contracts.errors import VerificationError
from contracts.messages.certificate import CertificateRequest, IssuedCertificate
from contracts.messages.command import Action, Command, Outcome, Result
from contracts.messages.configuration import BOUNDS, Desired, Reported, Setting
from contracts.messages.identity import IdentityNotice, PendingRecovery
from contracts.messages.kiosk import MAX_KIOSK_MESSAGE, KioskMessage
from contracts.messages.receipt import MAX_REASON, MAX_RECEIPT, Receipt, ReceiptStatus
from contracts.messages.request import (
    MAX_REQUEST_NOTICE,
    MAX_SIGNED_REQUEST,
    RequestNotice,
    SignedRequest,
)
from contracts.messages.status import Health, Presence, SensorState

__all__ = [
    "BOUNDS",
    "MAX_KIOSK_MESSAGE",
    "MAX_REASON",
    "MAX_RECEIPT",
    "MAX_REQUEST_NOTICE",
    "MAX_SIGNED_REQUEST",
    "Action",
    "CertificateRequest",
    "Command",
    "Desired",
    "FromGateway",
    "FromKiosk",
    "Health",
    "IdentityNotice",
    "IssuedCertificate",
    "KioskMessage",
    "Outcome",
    "PendingRecovery",
    "Presence",
    "Receipt",
    "ReceiptStatus",
    "Reported",
    "RequestNotice",
    "Result",
    "SensorState",
    "Setting",
    "SignedRequest",
    "from_gateway",
    "report_of",
]

FromGateway = Receipt | RequestNotice | IdentityNotice | Command | Desired | IssuedCertificate
"""What a gateway tells a kiosk."""

FromKiosk = Outcome | Reported | CertificateRequest
"""What a kiosk tells its gateway beside what persons signed, its presence and its health."""


def from_gateway(data: bytes, gateway_key: Ed25519PublicKey) -> FromGateway:
    """The message that a gateway sent; the signature tells of which type it is.

    Raises:
        MalformedError, UnsupportedVersionError, VerificationError: as `Receipt.verify`.
    """
    others: tuple[type[RequestNotice | IdentityNotice | Command | Desired], ...] = (
        RequestNotice,
        IdentityNotice,
        Command,
        Desired,
    )
    for kind in (Receipt, *others):
        try:
            return kind.verify(data, gateway_key)
        except VerificationError:
            continue
    return IssuedCertificate.verify(data, gateway_key)


def report_of(data: bytes, key_of: KeyOf) -> tuple[bytes, FromKiosk]:
    """Key id and message of a kiosk that reports; the signature tells of which type it is.

    Raises:
        MalformedError, UnsupportedVersionError, VerificationError: as `Outcome.verify`.
    """
    for kind in (Outcome, Reported):
        try:
            return kind.verify(data, key_of)
        except VerificationError:
            continue
    return CertificateRequest.verify(data, key_of)
