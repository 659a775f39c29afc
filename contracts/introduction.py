"""How kiosk and gateway show each other who they are, on a link that is neither secret nor safe. No I/O.

What a kiosk sends is signed, but that does not keep a purpose in words from whoever listens, nor tell the
gateway that the one who now wants a kiosk's receipts is that kiosk. So on a bare link, such as Bluetooth, the
two first agree on fresh keys (Noise NN), and then sign the transcript of that with the Ed25519 keys by which
they know each other:

    kiosk                                          gateway
      |   1   e                               -->    |
      |  <--  2   e, ee                              |   from here on all is sealed with fresh keys
      |  <--  3   the gateway's signature            |   the kiosk goes on with its own gateway alone
      |   4   the kiosk's signature           -->    |   the gateway knows which kiosk it is
      |  <--  5   nothing, sealed: welcome           |   the kiosk knows that it may begin
      |   messages  <->  messages                    |   each under the next number

Who listens sees neither who talks nor what; who alters, repeats or leaves out a message ends the link; a
recorded introduction is of no use, for the transcript is never the same twice.
"""

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts import cose
from contracts.eip712 import MAX_ENVIRONMENT
from contracts.errors import MalformedError, VerificationError
from contracts.messages import wire
from contracts.noise import KEY_LENGTH, NN, TAG_LENGTH, CipherState, Handshake, Role

GATEWAY_AAD = b"ridgekey/1/gateway-introduction"
KIOSK_AAD = b"ridgekey/1/kiosk-introduction"

PROLOGUE = b"ridgekey/1/introduction"

WELCOME = b""
"""What the gateway seals first, once it knows the kiosk."""

MAX_STATEMENT = 512
"""Bytes of what is signed; an environment's name in four-byte characters takes 256 of them."""

MAX_INTRODUCTION = MAX_STATEMENT + cose.OVERHEAD + TAG_LENGTH
"""Bytes of the longest message of an introduction."""


@dataclass(frozen=True)
class Statement:
    """What either end signs.

    Attributes:
        environment: name of the deployment.
        transcript: 32 bytes, of the handshake.
        to: key id of the other end; empty in the gateway's, who does not know it yet.
    """

    environment: str
    transcript: bytes
    to: bytes = b""

    def sign(self, key: Ed25519PrivateKey, aad: bytes) -> bytes:
        """The statement as a COSE_Sign1."""
        payload: dict[int, object] = {0: wire.VERSION, 1: self.environment, 2: self.transcript}
        if self.to:
            payload[3] = self.to
        return wire.sign_payload(payload, key, aad)

    def check(self, data: bytes, key_of: cose.KeyOf, aad: bytes) -> bytes:
        """Who signed this very statement: the key id.

        Raises:
            MalformedError, UnsupportedVersionError, VerificationError: nobody whom we know did.
        """
        kid, payload = cose.verify1(data, key_of, aad=aad, limit=MAX_STATEMENT)
        last = 3 if self.to else 2
        reader = wire.open_payload(payload, MAX_STATEMENT, "an introduction", last=last)
        to = reader.octets(3, cose.KEY_ID_LENGTH) if self.to else b""
        said = Statement(reader.text(1, MAX_ENVIRONMENT), reader.octets(2, KEY_LENGTH), to)
        if said.environment != self.environment:
            raise VerificationError("the other side belongs to another environment")
        if not secrets.compare_digest(said.transcript, self.transcript) or said.to != self.to:
            raise VerificationError("an introduction was made for another link")
        return kid


class Sealed:
    """The link after the introduction: every message counts once, in its place, or the link is over."""

    def __init__(self, sending: CipherState, receiving: CipherState) -> None:
        self._sending, self._receiving = sending, receiving

    def seal(self, message: bytes) -> bytes:
        """The message as it goes over the link."""
        return self._sending.encrypt(b"", message)

    def open(self, sealed: bytes) -> bytes:
        """The message in what came over the link.

        Raises:
            VerificationError: it was altered, repeated, or is out of place; the link is over.
        """
        return self._receiving.decrypt(b"", sealed)

    def hear_welcome(self, sealed: bytes) -> None:
        """Message 5, at the kiosk.

        Raises:
            VerificationError: it is none.
        """
        if self.open(sealed) != WELCOME:
            raise VerificationError("the gateway's welcome carries what it should not")


class KioskIntroduction:
    """The kiosk's side: `hello` goes out, the gateway's two answers into `hear`, what that returns out."""

    def __init__(self, key: Ed25519PrivateKey, gateway_key: Ed25519PublicKey, environment: str) -> None:
        self._key = key
        self._gateway_key = gateway_key
        self._environment = environment
        self._handshake = Handshake(NN, Role.INITIATOR, PROLOGUE, None)

    def hello(self) -> bytes:
        """Message 1."""
        return self._handshake.write()

    def hear(self, reply: bytes, proof: bytes) -> tuple[bytes, Sealed]:
        """Messages 2 and 3, in: message 4 and the link, out.

        Raises:
            MalformedError, UnsupportedVersionError, VerificationError: this is not our gateway.
        """
        if self._handshake.read(reply):
            raise MalformedError("a handshake message carries what none should")
        transcript, link = self._handshake.transcript, Sealed(*self._handshake.split())
        gateway = cose.kid_of(self._gateway_key)
        statement = Statement(self._environment, transcript)
        key_of = {gateway: self._gateway_key}.get
        statement.check(link.open(proof), key_of, GATEWAY_AAD)
        answer = Statement(self._environment, transcript, gateway).sign(self._key, KIOSK_AAD)
        return link.seal(answer), link


class GatewayIntroduction:
    """The gateway's side: the kiosk's hello goes into `answer`, its proof into `hear`."""

    def __init__(self, key: Ed25519PrivateKey, key_of: cose.KeyOf, environment: str) -> None:
        self._key = key
        self._key_of = key_of
        self._environment = environment
        self._handshake = Handshake(NN, Role.RESPONDER, PROLOGUE, None)
        self._link: Sealed | None = None

    def answer(self, hello: bytes) -> tuple[bytes, bytes]:
        """Message 1, in: messages 2 and 3, out.

        Raises:
            MalformedError, VerificationError: it is no hello.
        """
        if self._handshake.read(hello):
            raise MalformedError("a handshake message carries what none should")
        reply = self._handshake.write()
        self._link = Sealed(*self._handshake.split())
        statement = Statement(self._environment, self._handshake.transcript)
        return reply, self._link.seal(statement.sign(self._key, GATEWAY_AAD))

    def hear(self, proof: bytes) -> tuple[bytes, Sealed]:
        """Message 4, in: the kiosk's key id and the link, out.

        Raises:
            MalformedError, UnsupportedVersionError, VerificationError: it is no kiosk that we know.
        """
        if self._link is None:
            raise ValueError("the kiosk has not said hello")
        gateway = cose.kid_of(self._key.public_key())
        statement = Statement(self._environment, self._handshake.transcript, gateway)
        return statement.check(self._link.open(proof), self._key_of, KIOSK_AAD), self._link
