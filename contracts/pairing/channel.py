"""A session between phone and kiosk once both have shown who they are."""

from contracts.errors import MalformedError
from contracts.noise import Handshake
from contracts.pairing.frames import MAX_DATA, FrameKind, body_of, encode_frame


class Channel:
    """A session under way: what goes in comes out at the other end, in order, once, and nowhere else.

    Attributes:
        remote_key: the other end's long-term key, 32 bytes.
    """

    def __init__(self, handshake: Handshake) -> None:
        self._sending, self._receiving = handshake.split()
        self.remote_key = handshake.remote_static

    def seal(self, message: bytes) -> bytes:
        """The frame that carries a message of at most `MAX_DATA` bytes.

        Noise ends its messages at 65,535 bytes, for the sake of small buffers. An encrypted record in an
        outbox message is longer; AES-GCM takes 64 GiB, and the framing below has its own bounds.
        """
        if len(message) > MAX_DATA:
            raise MalformedError(f"a message of {len(message)} bytes; a session carries {MAX_DATA}")
        return encode_frame(FrameKind.DATA, self._sending.encrypt(b"", message))

    def open(self, frame: bytes) -> bytes:
        """The next message of the other end.

        Raises:
            MalformedError, VerificationError: it is not; the session is then over.
        """
        return self._receiving.decrypt(b"", body_of(frame, FrameKind.DATA))
