"""Certificates for kiosks: what is checked of a request, and what is handed out.

A kiosk's request comes by hand, as a small JSON file, or over its link before the old certificate ends.
Either way the kiosk's device key has signed it, and the certificate names the kiosk by that key's id.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.cose import kid_of
from contracts.errors import ContractError
from contracts.hexes import from_hex
from contracts.messages import CertificateRequest
from gateway.errors import GatewayError
from gateway.provisioning.authority import Authority
from gateway.provisioning.certificates import Use, name_of

DEFAULT_DAYS = 90
"""Of a kiosk's certificate: renewed by itself, so it may be short, and a lost kiosk is out before long."""

MAX_REQUEST_FILE = 8192

SAME_REQUEST = timedelta(days=1)
"""A kiosk that asks again with the same key within this time gets the same certificate again."""


class RefusedRequestError(GatewayError):
    """A request for a certificate that does not hold."""

    exit_code = 65


MOST_CURRENT = 10
"""Certificates of one kiosk at a time; by itself it has two for a month. One that asks without end fills no
disk."""


@dataclass(frozen=True)
class KioskRequest:
    """A request that was brought by hand.

    Attributes:
        kiosk: id of the kiosk.
        public_key: its device key.
        request: what it signed.
    """

    kiosk: str
    public_key: Ed25519PublicKey
    request: CertificateRequest

    @classmethod
    def parse(cls, data: bytes) -> "KioskRequest":
        """Read a file of `ridgekey edge certificate request`, and check that its kiosk signed it.

        Raises:
            RefusedRequestError: it is no such file, or was altered.
        """
        if len(data) > MAX_REQUEST_FILE:
            raise RefusedRequestError(f"a request for a certificate has at most {MAX_REQUEST_FILE} bytes")
        try:
            fields = json.loads(data)
            public_key = Ed25519PublicKey.from_public_bytes(from_hex(fields["public_key"], 32))
            message = base64.b64decode(fields["request"], validate=True)
            kid, request = CertificateRequest.verify(message, _only(public_key))
        except ContractError as error:
            raise RefusedRequestError(f"the request does not hold: {error}") from None
        except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
            raise RefusedRequestError(
                "this is no request for a certificate; make one with: ridgekey edge certificate request"
            ) from None
        return cls(kid.hex(), public_key, request)


def sign(
    authority: Authority, kiosk: str, request: bytes, days: int, now: datetime | None = None
) -> x509.Certificate:
    """Give a kiosk its certificate; the same one again if it asks again with the same key.

    Args:
        authority: who signs.
        kiosk: the kiosk's id.
        request: PKCS #10 in DER.
        days: how long the certificate is valid.
        now: the present.

    Raises:
        RefusedRequestError: the request is malformed, for another name, of a key that is not on P-256, or the
            kiosk has too many.
        ProvisioningError: the authority cannot sign.
    """
    now = now or datetime.now(UTC)
    public_key = _public_key(kiosk, request)
    current = authority.current(kiosk, now)
    for certificate in current:
        fresh = now - certificate.not_valid_before_utc < SAME_REQUEST
        if fresh and certificate.public_key() == public_key:
            return certificate
    if len(current) >= MOST_CURRENT:
        raise RefusedRequestError(
            f"kiosk {kiosk} has {MOST_CURRENT} certificates that are valid, the most that one may have;"
            " if it is sound, revoke them and let it in anew"
        )
    return authority.issue(public_key, kiosk, Use.CLIENT, days=days, now=now)


def _public_key(kiosk: str, request: bytes) -> ec.EllipticCurvePublicKey:
    """The key that a request is for, if everything about the request is as it should be."""
    try:
        parsed = x509.load_der_x509_csr(request)
        holds = parsed.is_signature_valid
        public_key = parsed.public_key()
        name = name_of(parsed)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise RefusedRequestError("the request is no PKCS #10 that can be read") from None
    if not holds:
        raise RefusedRequestError("the request is not signed by the key that it is for")
    if name != kiosk:
        raise RefusedRequestError("the request is for another name than its kiosk's")
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name != "secp256r1":
        raise RefusedRequestError("the request is for a key that is not on P-256")
    return public_key


def _only(public_key: Ed25519PublicKey) -> Callable[[bytes], Ed25519PublicKey | None]:
    kid = kid_of(public_key)
    return lambda asked: public_key if asked == kid else None
