"""How a phone and a kiosk come to know each other, and how they recognise each other ever after. No I/O.

The kiosk shows a QR code: its long-term key, a secret that is good once, and a time after which it is good
for nothing. So the two trust each other through what the person's camera saw, and Bluetooth's own pairing is
trusted with nothing. The handshakes are those of `contracts.noise`:

    phone                                        kiosk
      |   hello   e, es under the QR's secret  -->  |   without the secret nobody gets an answer
      |  <-- reply     e, ee                        |
      |   finish  s, se; the phone's name      -->  |   now both hold the other's long-term key

    later sessions
      |   hello   e, es, s, ss                 -->  |   the kiosk looks the phone's key up, or refuses
      |  <-- reply     e, ee, se                    |
      |   data  <->  data ...                       |   fresh keys; each message under the next number

What follows from it: who reads or alters everything on the air learns and changes nothing; who later steals
both long-term keys cannot read what was recorded (fresh ephemeral keys); a recorded hello that is sent again
gets an answer that the sender cannot use; a message that is repeated, left out or moved ends the session; a
phone whose key was struck from the list is a stranger. Who photographs the code and is quicker than they are
shows in the six digits of `Channel.number`, which must be the same on both screens before the person puts
the finger down.
"""

import base64
import binascii
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import cbor, noise
from contracts.cose import KEY_ID_LENGTH
from contracts.errors import ContractError, MalformedError, VerificationError
from contracts.labels import clean
from contracts.messages import MAX_KIOSK_MESSAGE
from contracts.noise import KEY_LENGTH, TAG_LENGTH, Handshake, Role

VERSION = 1

SECRET_LENGTH = 16
"""128 bits, good for two minutes: nobody guesses them, and the QR code stays coarse enough for any camera."""

OFFER_SECONDS = 120
"""How long a code is good: time to find the phone and unlock it."""

MAX_LABEL = 40
"""Characters of a phone's name, one line of a list."""

MAX_OFFER_TEXT = 512
"""Characters of a QR code that are looked at: an address of a page, and 120 of ours."""

SCHEME = "ridgekey:"

MAX_HANDSHAKE = 256
"""Bytes of a handshake message; the longest carries a phone's name."""

MAX_DATA = MAX_KIOSK_MESSAGE + 2048
"""Bytes of one message of a session: what the outbox holds, to be carried to the gateway."""

MAX_FRAME = MAX_DATA + TAG_LENGTH + 16
"""Bytes of one frame, for whoever puts frames together out of chunks."""

_TEXT = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_WHAT = "a pairing code"


class FrameKind(IntEnum):
    """What a frame is, the second item of it."""

    PAIRING_HELLO = 1
    PAIRING_REPLY = 2
    PAIRING_FINISH = 3
    SESSION_HELLO = 4
    SESSION_REPLY = 5
    DATA = 6
    REFUSAL = 7


class Refusal(IntEnum):
    """Why a kiosk ends the talk before the phone is known; not authenticated, so nothing may hang on it."""

    NO_OFFER = 1
    WRONG_CODE = 2
    NOT_PAIRED = 3
    NOT_UNDERSTOOD = 4
    BUSY = 5

    @property
    def sentence(self) -> str:
        """For the person with the phone."""
        return _SENTENCES[self]


_SENTENCES = {
    Refusal.NO_OFFER: "the kiosk shows no code now: it was used, or two minutes are over; ask for a new one",
    Refusal.WRONG_CODE: "this is not the code that the kiosk shows; scan it again",
    Refusal.NOT_PAIRED: "the kiosk does not know this phone any more; pair it again",
    Refusal.NOT_UNDERSTOOD: "the kiosk does not understand this phone; update the older of the two",
    Refusal.BUSY: "the kiosk talks with as many phones as it can; try again in a minute",
}


class RefusedByKioskError(VerificationError):
    """The other end refused; nobody vouches for who said so.

    Attributes:
        refusal: what it said.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence)
        self.refusal = refusal


class StrangerError(VerificationError):
    """A genuine handshake by a phone that is not, or no longer, on the list."""


class OfferOverError(VerificationError):
    """The code was used, or its time is over."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a QR code says.

    Attributes:
        kiosk_id: 8 bytes, key id of the kiosk's device key: its name for the gateway.
        kiosk_key: 32 bytes, the kiosk's long-term X25519 key for phones.
        secret: 16 random bytes, good once.
        expires: Unix seconds of the first moment at which the code is good for nothing.
    """

    kiosk_id: bytes
    kiosk_key: bytes
    secret: bytes
    expires: int

    def __post_init__(self) -> None:
        for name, value, length in (
            ("kiosk_id", self.kiosk_id, KEY_ID_LENGTH),
            ("kiosk_key", self.kiosk_key, KEY_LENGTH),
            ("secret", self.secret, SECRET_LENGTH),
        ):
            if len(value) != length:
                raise MalformedError(f"the {name} of {_WHAT} has {length} bytes, got {len(value)}")
        if not 0 <= self.expires <= cbor.UINT64_MAX:
            raise MalformedError(f"{_WHAT} ends at no possible time")

    def __repr__(self) -> str:
        return f"<pairing code of kiosk {self.kiosk_id.hex()}>"

    @classmethod
    def fresh(cls, kiosk_id: bytes, kiosk_key: X25519PrivateKey, now: int) -> "Offer":
        """A new code, good from `now` for `OFFER_SECONDS`."""
        public = kiosk_key.public_key().public_bytes_raw()
        return cls(kiosk_id, public, os.urandom(SECRET_LENGTH), now + OFFER_SECONDS)

    def encode(self) -> bytes:
        """The code as deterministic CBOR."""
        return cbor.encode({0: VERSION, 1: self.kiosk_id, 2: self.kiosk_key, 3: self.secret, 4: self.expires})

    def text(self, page: str = "") -> str:
        """What the QR code holds: `ridgekey:` and base64url; behind `page#` if a web page is to be opened."""
        text = SCHEME + base64.urlsafe_b64encode(self.encode()).decode().rstrip("=")
        return f"{page}#{text}" if page else text

    @classmethod
    def parse(cls, text: str) -> "Offer":
        """The offer in a scanned or pasted text.

        Raises:
            MalformedError, UnsupportedVersionError: it is none.
        """
        if len(text) > MAX_OFFER_TEXT:
            raise MalformedError(f"{_WHAT} has at most {MAX_OFFER_TEXT} characters")
        head, found, code = text.strip().rpartition(SCHEME)
        if not found or not (head == "" or (head.startswith("https://") and head.endswith("#"))):
            raise MalformedError(f"this is not {_WHAT}; it begins with {SCHEME}")
        data = _from_base64url(code)
        fields = cbor.Fields(cbor.decode(data, 128, _WHAT), _WHAT, {0, 1, 2, 3, 4}, version=VERSION)
        return cls(
            fields.octets(1, KEY_ID_LENGTH),
            fields.octets(2, KEY_LENGTH),
            fields.octets(3, SECRET_LENGTH),
            fields.unsigned(4),
        )

    def check_time(self, now: float) -> None:
        """Refuse a code whose time is over.

        Raises:
            OfferOverError: it is.
        """
        if now >= self.expires:
            raise OfferOverError(Refusal.NO_OFFER.sentence)

    def prologue(self) -> bytes:
        """All of the code but its secret, for both ends to agree on."""
        return b"ridgekey/1/pairing" + cbor.encode([self.kiosk_id, self.kiosk_key, self.expires])

    def psk(self) -> bytes:
        """The secret as Noise's pre-shared key, 32 bytes."""
        return sha256(b"ridgekey/1/pairing-secret" + self.secret).digest()


def _from_base64url(code: str) -> bytes:
    try:
        if not _TEXT.fullmatch(code):
            raise MalformedError(f"{_WHAT} is cut or mistyped; scan it again")
        data = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
    except binascii.Error as error:
        raise MalformedError(f"{_WHAT} is cut or mistyped; scan it again") from error
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != code:  # bits behind the last byte
        raise MalformedError(f"{_WHAT} is cut or mistyped; scan it again")
    return data


def encode_frame(kind: FrameKind, body: bytes) -> bytes:
    """A frame: version, kind and body as a CBOR array."""
    return cbor.encode([VERSION, int(kind), body])


def decode_frame(data: bytes) -> tuple[FrameKind, bytes]:
    """Kind and body of a frame.

    Raises:
        MalformedError: it is none, or too long for its kind.
        RefusedByKioskError: it is a refusal.
    """
    match cbor.decode(data, MAX_FRAME, "a frame"):
        case [int(version), int(number), bytes(body)] if type(version) is int and type(number) is int:
            kind = _frame_kind(version, number)
        case _:
            raise MalformedError("a frame is not an array of version, kind and body")
    if kind is not FrameKind.DATA and len(body) > MAX_HANDSHAKE:
        raise MalformedError(f"a handshake message of {len(body)} bytes; the most is {MAX_HANDSHAKE}")
    if kind is FrameKind.REFUSAL:
        raise RefusedByKioskError(_refusal(body))
    return kind, body


def refusal(reason: Refusal) -> bytes:
    """The frame that says why the kiosk ends the talk."""
    return encode_frame(FrameKind.REFUSAL, bytes([reason]))


def _frame_kind(version: int, number: int) -> FrameKind:
    if version != VERSION:
        raise MalformedError(
            f"a frame of version {version}; this release speaks {VERSION}: update the older end"
        )
    try:
        return FrameKind(number)
    except ValueError as error:
        raise MalformedError(f"a frame of kind {number}, which this release does not know") from error


def _refusal(body: bytes) -> Refusal:
    try:
        return Refusal(body[0])
    except (IndexError, ValueError):
        return Refusal.NOT_UNDERSTOOD


def _body(data: bytes, expected: FrameKind) -> bytes:
    kind, body = decode_frame(data)
    if kind is not expected:
        raise MalformedError(f"a {kind.name} came where a {expected.name} was due")
    return body


class Channel:
    """A session under way: what goes in comes out at the other end, in order, once, and nowhere else.

    Attributes:
        remote_key: the other end's long-term key, 32 bytes.
        number: six digits that are the same on both screens.
    """

    def __init__(self, handshake: Handshake) -> None:
        self._sending, self._receiving = handshake.split()
        self.remote_key = handshake.remote_static
        self.number = f"{int.from_bytes(handshake.transcript[:8], 'big') % 10**6:06}"

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
        return self._receiving.decrypt(b"", _body(frame, FrameKind.DATA))


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
        if self._handshake.read(_body(reply, FrameKind.PAIRING_REPLY)):
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
        if self._handshake.read(_body(hello, FrameKind.PAIRING_HELLO)):
            raise MalformedError("a handshake message carries what none should")
        return encode_frame(FrameKind.PAIRING_REPLY, self._handshake.write())

    def finish(self, frame: bytes) -> tuple[str, Channel]:
        """The phone's name, cleaned, and the channel; its key is the channel's `remote_key`.

        Raises:
            MalformedError, VerificationError: it is not the phone that sent the hello.
        """
        what = "a phone's name"
        payload = self._handshake.read(_body(frame, FrameKind.PAIRING_FINISH))
        fields = cbor.Fields(cbor.decode(payload, MAX_HANDSHAKE, what), what, {0, 1}, version=VERSION)
        label = fields.text(1, MAX_LABEL)
        return clean(label, MAX_LABEL) or "a phone without a name", Channel(self._handshake)


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
        if self._handshake.read(_body(reply, FrameKind.SESSION_REPLY)):
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
    if handshake.read(_body(hello, FrameKind.SESSION_HELLO)):
        raise MalformedError("a handshake message carries what none should")
    if not is_known(handshake.remote_static):
        raise StrangerError("a phone that is not paired, or not any more, wanted in")
    return encode_frame(FrameKind.SESSION_REPLY, handshake.write()), Channel(handshake)


def refusal_for(error: ContractError, kind: FrameKind | None) -> Refusal:
    """What a kiosk answers to a first frame that failed.

    Args:
        error: what was raised.
        kind: what the frame was, None if it was none.
    """
    if isinstance(error, OfferOverError):
        return Refusal.NO_OFFER
    if isinstance(error, VerificationError):
        return Refusal.WRONG_CODE if kind is FrameKind.PAIRING_HELLO else Refusal.NOT_PAIRED
    return Refusal.NOT_UNDERSTOOD
