"""How a phone and a kiosk come to know each other: both sides of a pairing."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import cbor, noise
from contracts.errors import MalformedError, VerificationError
from contracts.labels import clean
from contracts.noise import Handshake, Role
from contracts.pairing.channel import Channel
from contracts.pairing.frames import MAX_HANDSHAKE, VERSION, FrameKind, body_of, encode_frame
from contracts.pairing.number import NONCE_LENGTH, commitment, fresh_nonce, number
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

    def finish(self, reply: bytes, label: str) -> bytes:
        """The last frame of the handshake, which tells the phone's name.

        There is no number yet: whether the kiosk takes this phone is not known before `revealed`.

        Raises:
            RefusedByKioskError: it refused.
            MalformedError, VerificationError: the reply is not by the kiosk whose code was scanned.
        """
        self._commitment = self._handshake.read(body_of(reply, FrameKind.PAIRING_REPLY))
        name = cbor.encode({0: VERSION, 1: clean(label, MAX_LABEL)})
        return encode_frame(FrameKind.PAIRING_FINISH, self._handshake.write(name))

    def revealed(self, frame: bytes) -> tuple[Channel, str]:
        """The channel and the number to show, once the kiosk has said that it took this phone and no other.

        Raises:
            RefusedByKioskError: it took another, or none.
            MalformedError, VerificationError: the frame is not its, or not what it committed itself to.
        """
        channel = Channel(self._handshake)
        nonce = channel.open(frame)
        if len(nonce) != NONCE_LENGTH or commitment(nonce) != self._commitment:
            raise VerificationError("the kiosk changed its part of the digits afterwards; walk away from it")
        return channel, number(self._handshake.transcript, nonce)


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
        self._nonce = fresh_nonce()

    def reply(self, hello: bytes) -> bytes:
        """The answer to a hello.

        Raises:
            MalformedError: it is none.
            VerificationError: it was made with another code.
        """
        if self._handshake.read(body_of(hello, FrameKind.PAIRING_HELLO)):
            raise MalformedError("a handshake message carries what none should")
        return encode_frame(FrameKind.PAIRING_REPLY, self._handshake.write(commitment(self._nonce)))

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

    def reveal(self, channel: Channel) -> tuple[bytes, str]:
        """The frame that lets the phone show the number, and the number; after `finish`.

        Only for the phone that the code is used up for: whoever has seen two numbers can choose between them.
        """
        return channel.seal(self._nonce), number(self._handshake.transcript, self._nonce)
