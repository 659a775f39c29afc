"""What a requester wants a record for: a text for the person, a salted commitment for the ledger."""

import hmac
import os
from dataclasses import dataclass

from contracts.errors import MalformedError
from contracts.keccak import keccak256
from contracts.labels import clean

MAX_TEXT = 280
"""Characters; what fits a kiosk's screen beside the two buttons."""

SALT_LENGTH = 16
"""128 bits: without the salt, a guess at the text can not be checked against the ledger."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose in words, with the salt of its commitment.

    Attributes:
        text: 1 to 280 characters that `labels.clean` leaves as they are, so that what the person reads is
            what was signed.
        salt: 16 random bytes.
    """

    text: str
    salt: bytes

    def __post_init__(self) -> None:
        if not self.text or len(self.text) > MAX_TEXT:
            raise MalformedError(f"a purpose has 1 to {MAX_TEXT} characters, got {len(self.text)}")
        if clean(self.text, MAX_TEXT) != self.text:
            raise MalformedError(
                "a purpose is plain text on one line, without control or invisible characters"
            )
        if len(self.salt) != SALT_LENGTH:
            raise MalformedError(f"a purpose has a salt of {SALT_LENGTH} bytes, got {len(self.salt)}")

    @classmethod
    def of(cls, text: str) -> "Purpose":
        """The purpose that `text` says, tidied, under a fresh salt.

        Raises:
            MalformedError: if nothing is left of it, or it is too long; a purpose is never cut.
        """
        return cls(clean(text, MAX_TEXT + 1), os.urandom(SALT_LENGTH))

    def commitment(self) -> bytes:
        """keccak256 of salt ‖ text, 32 bytes: what request and grant carry."""
        return keccak256(self.salt + self.text.encode("utf-8"))

    def matches(self, commitment: bytes) -> bool:
        """Whether this is the purpose behind `commitment`."""
        return hmac.compare_digest(self.commitment(), commitment)
