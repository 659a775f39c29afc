"""What a pairing's QR code says: a key, a secret that is good once, and until when."""

import base64
import binascii
import os
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import cbor
from contracts.cose import KEY_ID_LENGTH
from contracts.errors import MalformedError
from contracts.noise import KEY_LENGTH
from contracts.pairing.refusals import OfferOverError, Refusal

VERSION = 1

SECRET_LENGTH = 16
"""128 bits, good for two minutes: nobody guesses them, and the QR code stays coarse enough for any camera."""

OFFER_SECONDS = 120
"""How long a code is good: time to find the phone and unlock it."""

MAX_OFFER_TEXT = 512
"""Characters of a QR code that are looked at: an address of a page, and 120 of ours."""

SCHEME = "ridgekey:"

_TEXT = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_WHAT = "a pairing code"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a QR code says.

    Attributes:
        kiosk_id: 8 bytes, key id of the kiosk's device key: its name for the gateway.
        kiosk_key: 32 bytes, the kiosk's long-term X25519 key for phones.
        secret: 16 random bytes, good once.
        expires: Unix seconds of the first moment at which the code is good for nothing.
    """

    kiosk_id: bytes
    kiosk_key: bytes
    secret: bytes
    expires: int

    def __post_init__(self) -> None:
        for name, value, length in (
            ("kiosk_id", self.kiosk_id, KEY_ID_LENGTH),
            ("kiosk_key", self.kiosk_key, KEY_LENGTH),
            ("secret", self.secret, SECRET_LENGTH),
        ):
            if len(value) != length:
                raise MalformedError(f"the {name} of {_WHAT} has {length} bytes, got {len(value)}")
        if not 0 <= self.expires <= cbor.UINT64_MAX:
            raise MalformedError(f"{_WHAT} ends at no possible time")

    def __repr__(self) -> str:
        return f"<pairing code of kiosk {self.kiosk_id.hex()}>"

    @classmethod
    def fresh(cls, kiosk_id: bytes, kiosk_key: X25519PrivateKey, now: int) -> "Offer":
        """A new code, good from `now` for `OFFER_SECONDS`."""
        public = kiosk_key.public_key().public_bytes_raw()
        return cls(kiosk_id, public, os.urandom(SECRET_LENGTH), now + OFFER_SECONDS)

    def encode(self) -> bytes:
        """The code as deterministic CBOR."""
        return cbor.encode({0: VERSION, 1: self.kiosk_id, 2: self.kiosk_key, 3: self.secret, 4: self.expires})

    def text(self, page: str = "") -> str:
        """What the QR code holds: `ridgekey:` and base64url; behind `page#` if a web page is to be opened."""
        text = SCHEME + base64.urlsafe_b64encode(self.encode()).decode().rstrip("=")
        return f"{page}#{text}" if page else text

    @classmethod
    def parse(cls, text: str) -> "Offer":
        """The offer in a scanned or pasted text.

        Raises:
            MalformedError, UnsupportedVersionError: it is none.
        """
        if len(text) > MAX_OFFER_TEXT:
            raise MalformedError(f"{_WHAT} has at most {MAX_OFFER_TEXT} characters")
        head, found, code = text.strip().rpartition(SCHEME)
        if not found or not (head == "" or (head.startswith("https://") and head.endswith("#"))):
            raise MalformedError(f"this is not {_WHAT}; it begins with {SCHEME}")
        data = _from_base64url(code)
        fields = cbor.Fields(cbor.decode(data, 128, _WHAT), _WHAT, {0, 1, 2, 3, 4}, version=VERSION)
        return cls(
            fields.octets(1, KEY_ID_LENGTH),
            fields.octets(2, KEY_LENGTH),
            fields.octets(3, SECRET_LENGTH),
            fields.unsigned(4),
        )

    def check_time(self, now: float) -> None:
        """Refuse a code whose time is over.

        Raises:
            OfferOverError: it is.
        """
        if now >= self.expires:
            raise OfferOverError(Refusal.NO_OFFER.sentence)

    def prologue(self) -> bytes:
        """All of the code but its secret, for both ends to agree on."""
        return b"ridgekey/1/pairing" + cbor.encode([self.kiosk_id, self.kiosk_key, self.expires])

    def psk(self) -> bytes:
        """The secret as Noise's pre-shared key, 32 bytes."""
        return sha256(b"ridgekey/1/pairing-secret" + self.secret).digest()


def _from_base64url(code: str) -> bytes:
    try:
        if not _TEXT.fullmatch(code):
            raise MalformedError(f"{_WHAT} is cut or mistyped; scan it again")
        data = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
    except binascii.Error as error:
        raise MalformedError(f"{_WHAT} is cut or mistyped; scan it again") from error
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != code:  # bits behind the last byte
        raise MalformedError(f"{_WHAT} is cut or mistyped; scan it again")
    return data
