"""The Noise Protocol Framework, revision 34: two handshakes of phone and kiosk, one of kiosk and gateway.

`cryptography` has HPKE in its base mode only, which authenticates nobody, and the Noise packages for Python
have had no release for years. The framework itself is short and its patterns are analysed by others; so here
it is over primitives of `cryptography`: X25519, AES-256-GCM, SHA-256, HKDF. WebCrypto has all four, and a
browser's static key can be one that nobody can extract. Names are the specification's, section 5.

    Noise_XKpsk0_25519_AESGCM_SHA256    pairing: the phone has the kiosk's key and a secret, from the QR code
    Noise_IK_25519_AESGCM_SHA256        every later session: both know each other
    Noise_NN_25519_AESGCM_SHA256        kiosk and gateway, who know each other by Ed25519 keys and then sign
                                        the transcript with them (contracts.introduction)

In the first two the phone is the initiator, and its own key crosses encrypted, so that nobody in reach of the
radio can tell one phone from another.
"""

from dataclasses import dataclass
from enum import Enum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contracts.errors import MalformedError, VerificationError

KEY_LENGTH = 32
"""DHLEN and HASHLEN: an X25519 key, a SHA-256."""

TAG_LENGTH = 16

MAX_COUNT = 2**32
"""Messages under one key. Noise allows 2^64; a session that sent so many is no session of a phone."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A handshake pattern, section 7.

    Attributes:
        name: as the specification writes it.
        messages: the tokens of each message, the initiator's first.
    """

    name: str
    messages: tuple[tuple[str, ...], ...]

    @property
    def protocol(self) -> bytes:
        """The protocol's full name, section 8."""
        return f"Noise_{self.name}_25519_AESGCM_SHA256".encode()

    @property
    def with_psk(self) -> bool:
        """Whether a pre-shared key takes part, section 9."""
        return any("psk" in parts for parts in self.messages)

    @property
    def with_statics(self) -> bool:
        """Whether long-term keys take part; the initiator then has the responder's beforehand."""
        return any("s" in parts for parts in self.messages)


XK_PSK0 = Pattern("XKpsk0", (("psk", "e", "es"), ("e", "ee"), ("s", "se")))
IK = Pattern("IK", (("e", "es", "s", "ss"), ("e", "ee", "se")))
NN = Pattern("NN", (("e",), ("e", "ee")))


class Role(Enum):
    """Who speaks first."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


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


class Handshake:
    """One end's HandshakeState, section 5.3; good for one handshake.

    Args:
        pattern: one of those above.
        role: which end this is.
        prologue: what both ends must agree on beforehand.
        static: this end's long-term key; None where the pattern has none.
        remote_static: the other end's, 32 bytes; the initiator must give it, the responder learns it.
        psk: 32 bytes, where the pattern has one.
    """

    def __init__(
        self,
        pattern: Pattern,
        role: Role,
        prologue: bytes,
        static: X25519PrivateKey | None,
        *,
        remote_static: bytes | None = None,
        psk: bytes | None = None,
    ) -> None:
        gives_remote = pattern.with_statics and role is Role.INITIATOR
        given = (static is not None, remote_static is not None, psk is not None)
        if given != (pattern.with_statics, gives_remote, pattern.with_psk):
            raise ValueError("these are not the keys that the pattern begins with")
        self._pattern, self._role, self._static, self._psk = pattern, role, static, psk
        self._ephemeral = X25519PrivateKey.generate()
        self._remote_static, self._remote_ephemeral = remote_static, b""
        self._step = 0
        self._state = SymmetricState(pattern.protocol)
        self._state.mix_hash(prologue)
        if static is not None:
            self._state.mix_hash(remote_static or static.public_key().public_bytes_raw())

    @property
    def remote_static(self) -> bytes:
        """The other end's long-term key; the responder has it once the initiator's `s` was read."""
        if self._remote_static is None:
            raise ValueError("the other end has not said who it is yet")
        return self._remote_static

    @property
    def _own_static(self) -> X25519PrivateKey:
        if self._static is None:
            raise ValueError("this end has no long-term key")
        return self._static

    @property
    def transcript(self) -> bytes:
        """The handshake hash, 32 bytes: the same at both ends, and never the same twice (section 11.2)."""
        return self._state.transcript

    def write(self, payload: bytes = b"") -> bytes:
        """WriteMessage: the next message, carrying `payload`."""
        parts = [self._write_part(part) for part in self._next_parts(self._role is Role.INITIATOR)]
        return b"".join(parts) + self._state.encrypt_and_hash(payload)

    def read(self, message: bytes) -> bytes:
        """ReadMessage: the payload of the other end's next message.

        Raises:
            MalformedError: it is too short.
            VerificationError: it was not made by somebody with the keys that the pattern asks for.
        """
        rest = message
        for part in self._next_parts(self._role is Role.RESPONDER):
            rest = self._read_part(part, rest)
        if len(rest) < self._state.overhead:
            raise MalformedError("a handshake message is too short")
        return self._state.decrypt_and_hash(rest)

    def split(self) -> tuple[CipherState, CipherState]:
        """The ciphers of the session: this end's for sending, and for receiving."""
        if self._step != len(self._pattern.messages):
            raise ValueError("the handshake is not over")
        first, second = self._state.split()
        return (first, second) if self._role is Role.INITIATOR else (second, first)

    def _next_parts(self, our_turn_on_even: bool) -> tuple[str, ...]:
        if self._step >= len(self._pattern.messages) or (self._step % 2 == 0) != our_turn_on_even:
            raise ValueError("it is the other end's turn, or the handshake is over")
        self._step += 1
        return self._pattern.messages[self._step - 1]

    def _write_part(self, part: str) -> bytes:
        if part == "e":
            public = self._ephemeral.public_key().public_bytes_raw()
            self._mix_ephemeral(public)
            return public
        if part == "s":
            return self._state.encrypt_and_hash(self._own_static.public_key().public_bytes_raw())
        self._mix(part)
        return b""

    def _read_part(self, part: str, rest: bytes) -> bytes:
        if part not in ("e", "s"):
            self._mix(part)
            return rest
        length = KEY_LENGTH + (self._state.overhead if part == "s" else 0)
        if len(rest) < length:
            raise MalformedError("a handshake message is too short")
        head, rest = rest[:length], rest[length:]
        if part == "e":
            self._remote_ephemeral = head
            self._mix_ephemeral(head)
        else:
            self._remote_static = self._state.decrypt_and_hash(head)
        return rest

    def _mix_ephemeral(self, public: bytes) -> None:
        self._state.mix_hash(public)
        if self._pattern.with_psk:  # section 9.2
            self._state.mix_key(public)

    def _mix(self, part: str) -> None:
        """`psk`, or a Diffie-Hellman of two keys; the first letter names the initiator's key."""
        if part == "psk":
            self._state.mix_key_and_hash(self._psk or b"")
            return
        ours, theirs = (part[0], part[1]) if self._role is Role.INITIATOR else (part[1], part[0])
        private = self._ephemeral if ours == "e" else self._own_static
        public = self._remote_ephemeral if theirs == "e" else self.remote_static
        self._state.mix_key(_agree(private, public))


def _agree(private: X25519PrivateKey, public: bytes) -> bytes:
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:  # a point of small order: the secret would be known to everybody
        raise VerificationError("the other end's key is no usable X25519 key") from error


def _hash(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def _hkdf(chaining: bytes, material: bytes, outputs: int) -> list[bytes]:
    """HKDF of section 4.3, which is RFC 5869's with the chaining key as salt and an empty info."""
    data = HKDF(hashes.SHA256(), outputs * KEY_LENGTH, chaining, b"").derive(material)
    return [data[start : start + KEY_LENGTH] for start in range(0, len(data), KEY_LENGTH)]
