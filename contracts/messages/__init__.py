"""What travels between kiosk, gateway and requester: deterministic CBOR, signed by the device that sends it.

`contracts/ridgekey.cddl` is the specification; the bounds in the code are the same. Each type has an
external AAD of its own, so that a receipt can never be taken for anything but a receipt. Whoever verifies
compares `environment` with its own.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.errors import VerificationError
from contracts.messages.kiosk import MAX_KIOSK_MESSAGE, KioskMessage
from contracts.messages.receipt import MAX_REASON, MAX_RECEIPT, Receipt, ReceiptStatus
from contracts.messages.request import (
    MAX_REQUEST_NOTICE,
    MAX_SIGNED_REQUEST,
    RequestNotice,
    SignedRequest,
)

__all__ = [
    "MAX_KIOSK_MESSAGE",
    "MAX_REASON",
    "MAX_RECEIPT",
    "MAX_REQUEST_NOTICE",
    "MAX_SIGNED_REQUEST",
    "KioskMessage",
    "Receipt",
    "ReceiptStatus",
    "RequestNotice",
    "SignedRequest",
    "from_gateway",
]


def from_gateway(data: bytes, gateway_key: Ed25519PublicKey) -> Receipt | RequestNotice:
    """The receipt or notice that a gateway sent; the signature tells which of the two it is.

    Raises:
        MalformedError, UnsupportedVersionError, VerificationError: as `Receipt.verify`.
    """
    try:
        return Receipt.verify(data, gateway_key)
    except VerificationError:
        return RequestNotice.verify(data, gateway_key)
