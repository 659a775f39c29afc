"""Bluetooth LE: the gateway as a peripheral, for kiosks that have no network.

A kiosk introduces itself first (`contracts.introduction`); it is known by its key, not by a Bluetooth
address. Until then it may send a few hundred bytes in a few seconds, so a stranger fills neither memory nor
time. What follows is sealed, and inside are the same signed messages as on every link.
"""

import logging
import queue
import threading
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts import gatt
from contracts.conversation import Patience, Sessions
from contracts.errors import ContractError, VerificationError
from contracts.gatt import KIOSK_TO_GATEWAY, Limits, Refusal
from contracts.introduction import MAX_INTRODUCTION, WELCOME, GatewayIntroduction, Sealed
from contracts.resending import unmarked
from drivers.bluetooth.errors import BluetoothError, LinkLostError
from drivers.bluetooth.serving import Guest, Server
from gateway.errors import GatewayError
from gateway.links.link import Appeared, Receive

LOG = logging.getLogger(__name__)

NAME = "ridgekey"
"""Advertised; which gateway it is, only its own kiosks learn."""

PATIENCE = Patience(sessions=16, greeting=MAX_INTRODUCTION, greeting_seconds=15.0)
"""Adapters hold fewer connections than that; kiosks stay connected and silent as long as they like."""

ANSWER_SECONDS = 15.0
"""Longest wait for a kiosk's part of the introduction."""

LOOK_SECONDS = 1.0
"""Between looks whether a session is to end."""

MAX_QUEUED = 1000
"""Messages on their way to one kiosk; more are dropped, as the kiosk asks again by repeating its own."""


class _Visitor:
    """A kiosk that is connected, and has shown which it is."""

    def __init__(self, kiosk_id: str, guest: Guest, link: Sealed) -> None:
        self.kiosk_id = kiosk_id
        self._guest = guest
        self._link = link
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send_all, name=f"ble {kiosk_id}", daemon=True)
        self._thread.start()

    def post(self, message: bytes) -> bool:
        """Queue a message for it; False if there is no room."""
        if self._outgoing.qsize() >= MAX_QUEUED:
            return False
        self._outgoing.put(message)
        return True

    def next(self) -> bytes | None:
        """Its next message, or None if none came for a moment.

        Raises:
            LinkLostError: it is gone.
            VerificationError: what came does not open; the session is over.
        """
        incoming = self._guest.receive(LOOK_SECONDS)
        return None if incoming is None else self._link.open(incoming)

    def leave(self) -> None:
        """Stop sending, and end the session."""
        self._outgoing.put(None)
        self._guest.close()

    def _send_all(self) -> None:
        try:
            while (message := self._outgoing.get()) is not None:
                self._guest.send(self._link.seal(message))
        except BluetoothError as error:
            LOG.debug("kiosk %s: %s", self.kiosk_id, error)


class BleLink:
    """A service on the air; implements `gateway.links.link.Link`."""

    name = "ble"

    def __init__(
        self,
        adapter: str,
        key: Ed25519PrivateKey,
        kiosks: Mapping[bytes, Ed25519PublicKey],
        environment: str,
        receive: Receive,
        appeared: Appeared,
    ) -> None:
        """Go on the air; where there is no adapter yet, as soon as there is one.

        Args:
            adapter: Its name, such as `hci0`; empty for the first that will do.
            key: The gateway's.
            kiosks: Directory of those who are let in; who is taken out of it later is shown out.
            environment: Name of the deployment.
            receive: Called with each kiosk message, on the thread of its session.
            appeared: Called when a kiosk has introduced itself.
        """
        self._key, self._kiosks, self._environment = key, kiosks, environment
        self._receive, self._appeared = receive, appeared
        self._visitors: dict[str, _Visitor] = {}
        self._lock = threading.Lock()
        self._server = Server(
            KIOSK_TO_GATEWAY,
            Sessions(PATIENCE),
            self._welcome,
            name=NAME,
            version=Limits(gatt.VERSION, gatt.VERSION, KIOSK_TO_GATEWAY.longest_message).encode(),
            longest_message=KIOSK_TO_GATEWAY.longest_message,
            acknowledged=True,  # with the last chunk answered, the message is on the gateway's disk
            adapter=adapter,
        )
        self._server.start()

    @property
    def connected(self) -> bool:
        """Whether the service is on the air."""
        return self._server.on_air

    @property
    def problem(self) -> str:
        """Why it is not on the air; empty if it is."""
        return self._server.problem

    @property
    def peer_certificate_end(self) -> None:
        """Kiosks show no certificate here: they introduce themselves by their keys, which do not end."""

    def send(self, kiosk_id: str, message: bytes) -> bool:
        """Queue a message for a kiosk, if it is connected here."""
        with self._lock:
            visitor = self._visitors.get(kiosk_id)
        return visitor is not None and visitor.post(message)

    def close(self) -> None:
        """Show every kiosk out and leave the air."""
        self._server.stop()

    # On a thread for each session

    def _welcome(self, guest: Guest) -> None:
        try:
            kiosk_id, link = self._introduce(guest)
        except VerificationError as error:
            LOG.warning("Bluetooth: somebody was not let in: %s", error)
            guest.close(Refusal.UNKNOWN_PEER)
        except ContractError as error:
            LOG.warning("Bluetooth: somebody did not introduce themselves: %s", error)
            guest.close(Refusal.BAD_MESSAGE)
        else:
            guest.know()
            self._host(_Visitor(kiosk_id, guest, link), guest)

    def _introduce(self, guest: Guest) -> tuple[str, Sealed]:
        introduction = GatewayIntroduction(self._key, self._kiosks.get, self._environment)
        for message in introduction.answer(_due(guest)):
            guest.send(message)
        kiosk, link = introduction.hear(_due(guest))
        return kiosk.hex(), link

    def _host(self, visitor: _Visitor, guest: Guest) -> None:
        kiosk_id = visitor.kiosk_id
        visitor.post(WELCOME)
        with self._lock:
            earlier, self._visitors[kiosk_id] = self._visitors.get(kiosk_id), visitor
        if earlier is not None:
            earlier.leave()
        LOG.info("kiosk %s has come by Bluetooth", kiosk_id)
        try:
            self._appeared(kiosk_id)
            while bytes.fromhex(kiosk_id) in self._kiosks:
                message = visitor.next()
                if message is not None:
                    self._receive(kiosk_id, *unmarked(message))
            LOG.warning("kiosk %s is no longer in the directory, and is shown out", kiosk_id)
            guest.close(Refusal.UNKNOWN_PEER)
        except ContractError as error:
            LOG.warning("kiosk %s: %s", kiosk_id, error)
            guest.close(Refusal.BAD_MESSAGE)
        except GatewayError as error:
            # The kiosk has no receipt for it, and sends it again.
            LOG.error("a message could not be kept and will come again: %s", error)  # noqa: TRY400 - one line
        finally:
            with self._lock:
                if self._visitors.get(kiosk_id) is visitor:
                    del self._visitors[kiosk_id]
            visitor.leave()


def _due(guest: Guest) -> bytes:
    message = guest.receive(ANSWER_SECONDS)
    if message is None:
        raise LinkLostError(f"nothing came in {ANSWER_SECONDS:.0f} s")
    return message
