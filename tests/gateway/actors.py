"""Stand-ins for those at the gateway's doors: a person's key, and a kiosk on the wire."""

import queue
import time
from dataclasses import dataclass, field

import paho.mqtt.client as paho
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import topics
from contracts.acts import (
    Act,
    Contest,
    Deactivate,
    Deny,
    Enrol,
    Entrust,
    Grant,
    RecordKind,
    Recover,
    Register,
    Renew,
    Request,
    Rotate,
    Withdraw,
    fresh_nonce,
)
from contracts.cose import kid_of
from contracts.eip712 import Domain
from contracts.envelope import Envelope, commitment, encrypt
from contracts.messages import KioskMessage, Presence, Receipt, RequestNotice, SignedRequest, from_gateway
from contracts.purpose import Purpose
from contracts.sealing import open_sealed, seal, seal_info, wrap_info
from contracts.signing import address_of, compressed, sign

RECORD_KIND = RecordKind.IDENTITY_DOCUMENT.identifier


def soon() -> int:
    return int(time.time()) + 600


@dataclass
class Person:
    """Somebody whose keys are simply there, as the finger is another room's matter."""

    signing_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256K1())
    )
    encryption_key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    @property
    def public_key(self) -> bytes:
        return compressed(self.signing_key.public_key())

    @property
    def address(self) -> bytes:
        return address_of(self.public_key)

    @property
    def encryption_public(self) -> bytes:
        return self.encryption_key.public_key().public_bytes_raw()

    def enrol(self) -> Enrol:
        return Enrol(self.address, self.encryption_public, fresh_nonce(), soon())

    def register(self, plaintext: bytes) -> tuple[Register, bytes]:
        return self.edition(fresh_nonce().to_bytes(32, "big"), plaintext)

    def edition(self, record: bytes, plaintext: bytes) -> tuple[Register, bytes]:
        """A further edition of a record; its object differs, its id does not."""
        data = encrypt(plaintext, record, RECORD_KIND, self.encryption_public).encode()
        return Register(self.address, record, RECORD_KIND, commitment(data), fresh_nonce(), soon()), data

    def request(self, subject: bytes, record: bytes, purpose: Purpose, valid: int = 3600) -> Request:
        """What a requester asks; a requester is somebody with keys, too."""
        now = int(time.time())
        return Request(
            self.address, subject, record, purpose.commitment(), self.encryption_public, now + valid,
            fresh_nonce(), now + valid,
        )  # fmt: skip

    def grant(self, request: Request, data: bytes) -> Grant:
        envelope = Envelope.decode(data)
        key = open_sealed(self.encryption_key, envelope.wrapped_key, wrap_info(envelope.record))
        identifier = request.hash_struct()
        sealed = seal(request.encryption_key, key, seal_info(identifier))
        return Grant(self.address, identifier, request.purpose, request.expiry, sealed, fresh_nonce(), soon())

    def deny(self, request: Request) -> Deny:
        return Deny(self.address, request.hash_struct(), soon())

    def withdraw(self, request: Request) -> Withdraw:
        return Withdraw(self.address, request.hash_struct(), soon())

    def renew(self, request: Request, expiry: int) -> Renew:
        return Renew(self.address, request.hash_struct(), expiry, fresh_nonce(), soon())

    def rotate(self, heir: "Person") -> Rotate:
        return Rotate(self.address, heir.address, heir.encryption_public, fresh_nonce(), soon())

    def entrust(self, guardian: "Person") -> Entrust:
        return Entrust(self.address, guardian.address, fresh_nonce(), soon())

    def recover(self, heir: "Person") -> Recover:
        """What the guardian signs for this person."""
        return Recover(self.address, heir.address, heir.encryption_public, fresh_nonce(), soon())

    def contest(self, recovery: Recover) -> Contest:
        return Contest(self.address, recovery.hash_struct(), soon())

    def deactivate(self) -> Deactivate:
        return Deactivate(self.address, soon())

    def sign(self, act: Act, domain: Domain) -> bytes:
        return sign(self.signing_key, act.digest(domain))

    def message(
        self, act: Act, domain: Domain, data: bytes | None = None, *, on_ledger: bool = False
    ) -> KioskMessage:
        signature = self.sign(act, domain)
        return KioskMessage(domain.environment, act, signature, int(time.time()), data, on_ledger)

    def signed_request(self, request: Request, purpose: Purpose, domain: Domain) -> SignedRequest:
        return SignedRequest(request, purpose, self.public_key, self.sign(request, domain))


@dataclass
class KioskKey:
    """A kiosk's device key and its id."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> Ed25519PublicKey:
        return self.key.public_key()

    @property
    def kid(self) -> bytes:
        return kid_of(self.public)

    @property
    def id(self) -> str:
        return self.kid.hex()


class WireKiosk:
    """A kiosk as a broker sees it: publishes messages, gathers receipts and notices."""

    def __init__(self, port: int, identity: KioskKey, gateway_key: Ed25519PublicKey) -> None:
        self.identity = identity
        self._gateway_key = gateway_key
        self.receipts: queue.Queue[Receipt] = queue.Queue()
        self.notices: queue.Queue[RequestNotice] = queue.Queue()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=f"kiosk-{identity.id}")
        self._subscribed: queue.Queue[None] = queue.Queue()
        self._client.on_connect = lambda client, *_: client.subscribe(topics.down(identity.id), 1)
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        self._client.on_message = self._received
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._subscribed.get(timeout=10)

    def publish(self, payload: bytes, topic: str | None = None) -> None:
        self._client.publish(topic or topics.up(self.identity.id), payload, qos=1).wait_for_publish(10)

    def say_online(self) -> None:
        birth = Presence("test", time.time_ns(), online=True, at=int(time.time()))
        self.publish(birth.sign(self.identity.key), topics.status(self.identity.id))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _received(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        item = from_gateway(bytes(message.payload), self._gateway_key)
        if isinstance(item, Receipt):
            self.receipts.put(item)
        elif isinstance(item, RequestNotice):
            self.notices.put(item)
