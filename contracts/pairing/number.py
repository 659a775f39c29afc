"""The six digits of a pairing: a number that neither end, nor anybody between, can steer.

Whoever can choose a part of a short number after seeing the rest tries until it suits him: a million tries
take seconds. So the kiosk draws a nonce and commits itself to it in its reply, when the phone's key is still
hidden; and it opens the commitment when it has taken the phone's finish, and the code is used up. Until then
nobody can compute the number, and from then on nobody can change it.
"""

import os
from hashlib import sha256

NONCE_LENGTH = 32
DIGITS = 6


def fresh_nonce() -> bytes:
    """For one pairing."""
    return os.urandom(NONCE_LENGTH)


def commitment(nonce: bytes) -> bytes:
    """What a kiosk's reply says of the nonce, 32 bytes."""
    return sha256(b"ridgekey/1/pairing-commitment" + nonce).digest()


def number(transcript: bytes, nonce: bytes) -> str:
    """The digits.

    Args:
        transcript: the handshake hash after the finish, 32 bytes.
        nonce: the kiosk's.
    """
    digest = sha256(b"ridgekey/1/pairing-number" + transcript + nonce).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 10**DIGITS:0{DIGITS}}"
