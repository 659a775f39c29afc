"""How a phone and a kiosk come to know each other: both sides of a pairing."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import cbor, noise
from contracts.errors import MalformedError
from contracts.labels import clean
from contracts.noise import Handshake, Role
from contracts.pairing.channel import Channel
from contracts.pairing.frames import MAX_HANDSHAKE, VERSION, FrameKind, body_of, encode_frame
from contracts.pairing.offer import Offer

MAX_LABEL = 40
"""Characters of a phone's name, one line of a list."""


class PhonePairing:
    """The phone's side of a pairing."""

    def __init__(self, offer: Offer, phone_key: X25519PrivateKey, now: float) -> None:
        """Begin with a scanned code.

        Args:
            offer: what was scanned.
            phone_key: the phone's long-term key for this kiosk; one for each kiosk, so that two kiosks cannot
                tell that it is the same phone.
            now: Unix time.

        Raises:
            OfferOverError: the code's time is over.
        """
        offer.check_time(now)
        self._handshake = Handshake(
            noise.XK_PSK0,
            Role.INITIATOR,
            offer.prologue(),
            phone_key,
            remote_static=offer.kiosk_key,
            psk=offer.psk(),
        )

    def hello(self) -> bytes:
        """The first frame."""
        return encode_frame(FrameKind.PAIRING_HELLO, self._handshake.write())

    def finish(self, reply: bytes, label: str) -> tuple[bytes, Channel]:
        """The last frame, which tells the phone's name, and the channel.

        Raises:
            RefusedByKioskError: it refused.
            MalformedError, VerificationError: the reply is not by the kiosk whose code was scanned.
        """
        if self._handshake.read(body_of(reply, FrameKind.PAIRING_REPLY)):
            raise MalformedError("a handshake message carries what none should")
        name = cbor.encode({0: VERSION, 1: clean(label, MAX_LABEL)})
        frame = encode_frame(FrameKind.PAIRING_FINISH, self._handshake.write(name))
        return frame, Channel(self._handshake)


class KioskPairing:
    """The kiosk's side of a pairing with one phone; whether the code is used up is the caller's to know."""

    def __init__(self, offer: Offer, kiosk_key: X25519PrivateKey, now: float) -> None:
        """Begin, when a hello is there.

        Raises:
            OfferOverError: the code's time is over.
        """
        offer.check_time(now)
        self._handshake = Handshake(
            noise.XK_PSK0, Role.RESPONDER, offer.prologue(), kiosk_key, psk=offer.psk()
        )

    def reply(self, hello: bytes) -> bytes:
        """The answer to a hello.

        Raises:
            MalformedError: it is none.
            VerificationError: it was made with another code.
        """
        if self._handshake.read(body_of(hello, FrameKind.PAIRING_HELLO)):
            raise MalformedError("a handshake message carries what none should")
        return encode_frame(FrameKind.PAIRING_REPLY, self._handshake.write())

    def finish(self, frame: bytes) -> tuple[str, Channel]:
        """The phone's name, cleaned, and the channel; its key is the channel's `remote_key`.

        Raises:
            MalformedError, VerificationError: it is not the phone that sent the hello.
        """
        what = "a phone's name"
        payload = self._handshake.read(body_of(frame, FrameKind.PAIRING_FINISH))
        fields = cbor.Fields(cbor.decode(payload, MAX_HANDSHAKE, what), what, {0, 1}, version=VERSION)
        label = fields.text(1, MAX_LABEL)
        return clean(label, MAX_LABEL) or "a phone without a name", Channel(self._handshake)
