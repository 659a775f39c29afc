"""Kiosks on the broker: they publish what people signed, and gather the gateway's receipts."""

import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from paho.mqtt.enums import CallbackAPIVersion

from contracts import topics
from contracts.acts import Act
from contracts.cose import kid_of
from contracts.eip712 import Domain
from contracts.messages import KioskMessage, Receipt, from_gateway
from contracts.signing import SIGNATURE_LENGTH
from hw.bench.crowd.account import Account

Heard = Callable[[Receipt], None]
"""Called with each receipt, on the connection's thread."""


class Kiosk:
    """A device key and its id."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        public = self.key.public_key()
        self.id = kid_of(public).hex()
        self.public_key = public.public_bytes_raw().hex()

    def message(self, person: Account, act: Act, domain: Domain, data: bytes | None = None) -> bytes:
        """What the kiosk sends once a person has signed an act."""
        signature = person.sign(act.digest(domain))[:SIGNATURE_LENGTH]
        message = KioskMessage(domain.environment, act, signature, int(time.time()), data)
        return message.sign(self.key)


class Wire:
    """One connection for several kiosks, which the broker need not tell apart; used in a `with`.

    It publishes with QoS 1 and connects again by itself. What has no receipt is for the caller to repeat.

    Args:
        broker: `mqtt://host:port`.
        kiosks: whose receipts are heard.
        gateway_key: checks the receipts.
        heard: is told each of them.
    """

    def __init__(self, broker: str, kiosks: list[Kiosk], gateway_key: Ed25519PublicKey, heard: Heard) -> None:
        self._where = urlsplit(broker)
        self._topics = [(topics.down(kiosk.id), 1) for kiosk in kiosks]
        self._gateway_key, self._heard = gateway_key, heard
        self._listening = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topics)
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_message = self._received

    def publish(self, kiosk: Kiosk, message: bytes) -> None:
        """Send a message; returns before it is delivered."""
        self._client.publish(topics.up(kiosk.id), message, qos=1)

    def __enter__(self) -> "Wire":
        self._client.connect(self._where.hostname or "", self._where.port or 1883)
        self._client.loop_start()
        self._listening.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _received(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        item = from_gateway(bytes(message.payload), self._gateway_key)
        if isinstance(item, Receipt):
            self._heard(item)
