"""Stand-ins for what is not the kiosk's: a gateway on MQTT, a requester, and a person with fingers."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion

from contracts import signing, topics
from contracts.acts import Request, fresh_nonce
from contracts.cose import kid_of
from contracts.eip712 import Domain
from contracts.messages import (
    Health,
    KioskMessage,
    Outcome,
    Presence,
    Receipt,
    ReceiptStatus,
    RequestNotice,
    SignedRequest,
)
from contracts.purpose import Purpose
from drivers.mqtt.broker import Broker
from hw.simulator.remote import SensorRemote

OWN_FILTERS = (topics.STATUS_FILTER, topics.HEALTH_FILTER, topics.REPORT_FILTER)
"""What kiosks say of themselves."""

DOMAIN = Domain(1337, bytes(range(20)), "test")


def until(holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something holds; returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came to pass")


class Gateway:
    """Verifies what kiosks send, and answers with signed receipts at once, or not at all."""

    def __init__(self, url: str, kiosk_key: Ed25519PublicKey) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.kiosk_id = kid_of(kiosk_key).hex()
        self.heard: list[KioskMessage] = []
        self.raw: list[bytes] = []
        self.statuses: list[Presence] = []
        self.healths: list[Health] = []
        self.outcomes: list[Outcome] = []
        self.silent = False
        self.reason = ""
        self._kiosk_key = kiosk_key
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(each, 1) for each in (topics.UP_FILTER, *OWN_FILTERS)]
        )
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        broker = Broker.of(url)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def resubscribe(self) -> None:
        """Wait until a broker that came back has us again."""
        self._subscribed.clear()
        assert self._subscribed.wait(10)

    def receipt(self, message: KioskMessage) -> Receipt:
        digest = message.act.digest(DOMAIN)
        if self.reason:
            return Receipt("test", digest, ReceiptStatus.REJECTED, None, None, self.reason, int(time.time()))
        return Receipt(
            "test", digest, ReceiptStatus.FINAL, b"\x11" * 32, len(self.heard), "", int(time.time())
        )

    def tell(self, message: bytes) -> None:
        self._client.publish(topics.down(self.kiosk_id), message, qos=1)

    def notify(self, signed: SignedRequest) -> None:
        self.tell(RequestNotice("test", signed).sign(self.key))

    def answer_all(self) -> None:
        for message in self.heard:
            self.tell(self.receipt(message).sign(self.key))

    def _on_message(self, _client: object, _data: object, incoming: paho.MQTTMessage) -> None:
        if incoming.topic.startswith(topics.ROOT + "/status/"):
            self.statuses.append(Presence.verify(bytes(incoming.payload), lambda _: self._kiosk_key)[1])
            return
        if incoming.topic.startswith(topics.ROOT + "/health/"):
            self.healths.append(Health.verify(bytes(incoming.payload), lambda _: self._kiosk_key)[1])
            return
        if incoming.topic.startswith(topics.ROOT + "/report/"):
            self.outcomes.append(Outcome.verify(bytes(incoming.payload), lambda _: self._kiosk_key)[1])
            return
        _, message = KioskMessage.verify(bytes(incoming.payload), lambda _: self._kiosk_key)
        self.raw.append(bytes(incoming.payload))
        self.heard.append(message)
        if not self.silent:
            self.tell(self.receipt(message).sign(self.key))


@dataclass
class Requester:
    """Somebody who asks."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256K1()))
    encryption_key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    @property
    def public_key(self) -> bytes:
        return signing.compressed(self.key.public_key())

    @property
    def address(self) -> bytes:
        return signing.address_of(self.public_key)

    def ask(
        self,
        subject: bytes,
        record: bytes,
        text: str = "to test",
        expires_in: int = 3600,
        domain: Domain = DOMAIN,
    ) -> SignedRequest:
        purpose = Purpose.of(text)
        request = Request(
            requester=self.address,
            subject=subject,
            record=record,
            purpose=purpose.commitment(),
            encryption_key=self.encryption_key.public_key().public_bytes_raw(),
            expiry=int(time.time()) + expires_in,
            nonce=fresh_nonce(),
            deadline=int(time.time()) + 600,
        )
        signature = signing.sign(self.key, request.digest(domain))
        return SignedRequest(request, purpose, self.public_key, signature)


class Person:
    """Does what the kiosk asks, with one finger, and presses a little differently each time."""

    def __init__(self, remote: SensorRemote, finger: int, impressions: Iterator[int]) -> None:
        self.remote = remote
        self.finger = finger
        self.impressions = impressions
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any]) -> None:
        self.events.append(json.loads(json.dumps(event)))
        if event["event"] == "place_finger":
            self.remote.place(self.finger, next(self.impressions))
        elif event["event"] == "lift_finger":
            self.remote.lift()

    def names(self) -> list[str]:
        return [event["event"] for event in self.events if event["event"] != "transfer"]
