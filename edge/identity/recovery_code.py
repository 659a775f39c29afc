"""A secret on paper that can recover an identity: 32 characters, of which the ledger knows an address alone.

The kiosk draws it, shows it once, and keeps nothing of it. Its key is the guardian that the person entrusts;
whoever has the paper can begin a recovery, which the person can contest for seven days, and do nothing else.

    4K7M-Q2XW-…        eight groups of Crockford's Base32: no I, L, O or U, small letters as good as capitals
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric import ec

from contracts.acts import Act, Recover
from contracts.eip712 import Domain
from contracts.signing import address_of, compressed, sign
from edge.errors import BadDataError
from edge.identity.keys import derived, load_signing_key, wipe

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MISREAD = str.maketrans("OIL", "011")
"""What the eye takes for a digit; letters that the alphabet leaves out for that."""

SECRET_BYTES = 18
"""144 bits: nobody guesses them, and with the check they fill 32 characters."""

CHECK_BYTES = 2
"""Beginning of the SHA-256 of the secret: a slip of the pen passes once in 65,536."""

CHARACTERS = (SECRET_BYTES + CHECK_BYTES) * 8 // 5
GROUP = 4
GUARDIAN_INFO = b"ridgekey/1/guardian-key"


class Guardian:
    """The key of a code; made by `guardian`, useless afterwards."""

    def __init__(self, signing: ec.EllipticCurvePrivateKey) -> None:
        self._signing: ec.EllipticCurvePrivateKey | None = signing
        self.address: bytes = address_of(compressed(signing.public_key()))
        """20 bytes: what the person entrusts."""

    def sign(self, act: Act, domain: Domain) -> bytes:
        """64 bytes r ‖ s over the digest of a recovery.

        Raises:
            BadDataError: it is another act; a guardian's key is good for nothing else.
        """
        if not isinstance(act, Recover):
            raise BadDataError("a recovery code signs recoveries alone; nothing was signed")
        if self._signing is None:
            raise BadDataError("the recovery code was used after it was wiped")
        return sign(self._signing, act.digest(domain))

    def forget(self) -> None:
        """Let go of the key."""
        self._signing = None


def fresh() -> bytearray:
    """A new code's secret."""
    return bytearray(secrets.token_bytes(SECRET_BYTES))


def text_of(secret: bytearray) -> str:
    """The code as the person writes it down."""
    number = int.from_bytes(secret + _check(secret), "big")
    characters = [ALPHABET[number >> 5 * place & 31] for place in reversed(range(CHARACTERS))]
    return "-".join("".join(characters[first : first + GROUP]) for first in range(0, CHARACTERS, GROUP))


def secret_of(text: str) -> bytearray:
    """The secret of a code as it was written down; hyphens, spaces and small letters do no harm.

    Raises:
        BadDataError: it is no code, or a character of it is wrong.
    """
    characters = "".join(text.upper().replace("-", " ").split()).translate(MISREAD)
    if len(characters) != CHARACTERS or not set(characters) <= set(ALPHABET):
        raise BadDataError(f"a recovery code has {CHARACTERS} letters and digits, in groups of {GROUP}")
    number = 0
    for character in characters:
        number = number << 5 | ALPHABET.index(character)
    octets = number.to_bytes(SECRET_BYTES + CHECK_BYTES, "big")
    secret = bytearray(octets[:SECRET_BYTES])
    if _check(secret) != octets[SECRET_BYTES:]:
        raise BadDataError("a character of the recovery code is wrong; compare it with the paper")
    return secret


@contextmanager
def guardian(secret: bytearray) -> Iterator[Guardian]:
    """The key of a code; the secret is wiped when the `with` ends."""
    try:
        with derived(secret, GUARDIAN_INFO) as scalar:
            key = Guardian(load_signing_key(scalar))
        try:
            yield key
        finally:
            key.forget()
    finally:
        wipe(secret)


def _check(secret: bytearray) -> bytes:
    return hashlib.sha256(secret).digest()[:CHECK_BYTES]
