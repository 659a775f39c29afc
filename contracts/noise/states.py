"""CipherState and SymmetricState (sections 5.1 and 5.2): keys, counters, chaining key and transcript."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contracts.errors import VerificationError

KEY_LENGTH = 32
"""DHLEN and HASHLEN: an X25519 key, a SHA-256."""

TAG_LENGTH = 16

MAX_COUNT = 2**32
"""Messages under one key. Noise allows 2^64; a session that sent so many is no session of a phone."""


class CipherState:
    """A key and a counter: each message under a nonce of its own, taken in order, so none counts twice."""

    def __init__(self, key: bytes | None = None) -> None:
        self._cipher = AESGCM(key) if key else None
        self._count = 0

    @property
    def has_key(self) -> bool:
        """Whether messages are encrypted yet."""
        return self._cipher is not None

    def encrypt(self, associated: bytes, plaintext: bytes) -> bytes:
        """ENCRYPT with the next nonce; without a key the plaintext itself."""
        if self._cipher is None:
            return plaintext
        return self._cipher.encrypt(self._next_nonce(), plaintext, associated)

    def decrypt(self, associated: bytes, ciphertext: bytes) -> bytes:
        """DECRYPT with the next nonce; without a key the text as it is.

        Raises:
            VerificationError: it was not made with this key, at this place, in this context.
        """
        if self._cipher is None:
            return ciphertext
        try:
            return self._cipher.decrypt(self._next_nonce(), ciphertext, associated)
        except (InvalidTag, ValueError) as error:
            raise VerificationError(
                "a message on the link does not open: altered, repeated, out of order, or of somebody else"
            ) from error

    def _next_nonce(self) -> bytes:
        if self._count >= MAX_COUNT:
            raise VerificationError(
                "this session has sent all the messages that its keys are good for; begin anew"
            )
        nonce = bytes(4) + self._count.to_bytes(8, "big")  # section 12.4
        self._count += 1
        return nonce


class SymmetricState:
    """Chaining key and transcript, section 5.2."""

    def __init__(self, protocol: bytes) -> None:
        self.transcript = (
            protocol.ljust(KEY_LENGTH, b"\0") if len(protocol) <= KEY_LENGTH else _hash(protocol)
        )
        self._chaining = self.transcript
        self._cipher = CipherState()

    def mix_key(self, material: bytes) -> None:
        """MixKey."""
        self._chaining, key = _hkdf(self._chaining, material, 2)
        self._cipher = CipherState(key)

    def mix_hash(self, data: bytes) -> None:
        """MixHash."""
        self.transcript = _hash(self.transcript + data)

    def mix_key_and_hash(self, material: bytes) -> None:
        """MixKeyAndHash, for a pre-shared key."""
        self._chaining, mixed, key = _hkdf(self._chaining, material, 3)
        self.mix_hash(mixed)
        self._cipher = CipherState(key)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """EncryptAndHash."""
        ciphertext = self._cipher.encrypt(self.transcript, plaintext)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        """DecryptAndHash."""
        plaintext = self._cipher.decrypt(self.transcript, ciphertext)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        """Split: the initiator's sending key, and the responder's."""
        first, second = _hkdf(self._chaining, b"", 2)
        return CipherState(first), CipherState(second)

    @property
    def overhead(self) -> int:
        """Bytes that encryption adds now."""
        return TAG_LENGTH if self._cipher.has_key else 0


def _hash(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def _hkdf(chaining: bytes, material: bytes, outputs: int) -> list[bytes]:
    """HKDF of section 4.3, which is RFC 5869's with the chaining key as salt and an empty info."""
    data = HKDF(hashes.SHA256(), outputs * KEY_LENGTH, chaining, b"").derive(material)
    return [data[start : start + KEY_LENGTH] for start in range(0, len(data), KEY_LENGTH)]
