"""How a phone and a kiosk that are paired recognise each other: both sides of a session's beginning."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import noise
from contracts.errors import MalformedError
from contracts.noise import Handshake, Role
from contracts.pairing.channel import Channel
from contracts.pairing.frames import FrameKind, body_of, encode_frame
from contracts.pairing.refusals import StrangerError


def _session_prologue(kiosk_id: bytes) -> bytes:
    return b"ridgekey/1/session" + kiosk_id


class PhoneSession:
    """The phone's side of a session's beginning.

    Args:
        kiosk_id: 8 bytes, from the pairing.
        kiosk_key: 32 bytes, from the pairing.
        phone_key: the phone's long-term key for this kiosk.
    """

    def __init__(self, kiosk_id: bytes, kiosk_key: bytes, phone_key: X25519PrivateKey) -> None:
        self._handshake = Handshake(
            noise.IK, Role.INITIATOR, _session_prologue(kiosk_id), phone_key, remote_static=kiosk_key
        )

    def hello(self) -> bytes:
        """The first frame."""
        return encode_frame(FrameKind.SESSION_HELLO, self._handshake.write())

    def finish(self, reply: bytes) -> Channel:
        """The channel.

        Raises:
            RefusedByKioskError: it refused; it may be anybody who says so, so forget no pairing for it.
            MalformedError, VerificationError: the reply is not by the paired kiosk.
        """
        if self._handshake.read(body_of(reply, FrameKind.SESSION_REPLY)):
            raise MalformedError("a handshake message carries what none should")
        return Channel(self._handshake)


def kiosk_session(
    hello: bytes, kiosk_id: bytes, kiosk_key: X25519PrivateKey, is_known: Callable[[bytes], bool]
) -> tuple[bytes, Channel]:
    """The kiosk's side of a session's beginning: its reply and the channel.

    Until the first message opens, the hello may be a repeated one: answer nothing more before that.

    Args:
        hello: the phone's first frame.
        kiosk_id: 8 bytes.
        kiosk_key: the kiosk's long-term key for phones.
        is_known: whether a phone with this key is paired.

    Raises:
        StrangerError: no such phone is paired.
        MalformedError, VerificationError: it is no hello to this kiosk.
    """
    handshake = Handshake(noise.IK, Role.RESPONDER, _session_prologue(kiosk_id), kiosk_key)
    if handshake.read(body_of(hello, FrameKind.SESSION_HELLO)):
        raise MalformedError("a handshake message carries what none should")
    if not is_known(handshake.remote_static):
        raise StrangerError("a phone that is not paired, or not any more, wanted in")
    return encode_frame(FrameKind.SESSION_REPLY, handshake.write()), Channel(handshake)
