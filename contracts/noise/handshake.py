"""HandshakeState (section 5.3): one end of one handshake, token by token."""

from enum import Enum

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from contracts.errors import MalformedError, VerificationError
from contracts.noise.patterns import Pattern
from contracts.noise.states import KEY_LENGTH, CipherState, SymmetricState


class Role(Enum):
    """Who speaks first."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


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
