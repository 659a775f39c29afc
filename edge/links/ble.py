"""The link over Bluetooth LE: the kiosk as central, its gateway the peripheral; where there is no network.

The two introduce themselves first (`contracts.introduction`), so that all that follows is sealed and nobody
who only looks like a gateway gets a word. What crosses are the same signed messages as on every link.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.conversation import Conversation
from contracts.errors import ContractError, UnsupportedVersionError, VerificationError
from contracts.gatt import KIOSK_TO_GATEWAY, Refusal, refusal_words
from contracts.introduction import KioskIntroduction, Sealed
from contracts.resending import marked
from drivers.bluetooth.calling import Call, Caller
from drivers.bluetooth.central import Found
from drivers.bluetooth.errors import (
    BluetoothError,
    EndedError,
    ForbiddenError,
    GattError,
    NotFoundError,
)
from drivers.bluetooth.errors import LinkLostError as CallLostError
from edge.errors import StateError
from edge.links.link import Hear, LinkDownError, LinkLostError, LinkRefusedError, LinkState, LinkStatus

log = logging.getLogger(__name__)

SCAN_SECONDS = 4.0
"""How long to look for gateways; each advertises several times a second."""

ANSWER_SECONDS = 15.0
"""Longest wait for a gateway's part of the introduction."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds between attempts to connect, doubling from the first to the longest."""

REFUSED_PAUSE = 60.0
"""Seconds after a refusal: an operator's work, that trying faster does not speed up."""

STOP_SECONDS = 5.0
"""How long a stop waits for the end of what is under way; after that it is cut short."""

STEADY_SECONDS = 10.0
"""A connection that lasted so long was a good one, and the next pause is the first again."""

LOOK_SECONDS = 1.0
"""Between looks whether the link is to stop."""

FOR_THE_OPERATOR = frozenset({Refusal.UNKNOWN_PEER, Refusal.WRONG_VERSION})


class _ForbiddenError(Exception):
    """A gateway was there, but it or we are not who the other takes us for."""


@dataclass(frozen=True)
class Identity:
    """Who this kiosk is, and whom it talks with.

    Attributes:
        device_key: the kiosk's.
        gateway_key: its gateway's.
        environment: name of the deployment.
    """

    device_key: Ed25519PrivateKey
    gateway_key: Ed25519PublicKey
    environment: str

    def introduction(self) -> KioskIntroduction:
        """The kiosk's side of a new introduction."""
        return KioskIntroduction(self.device_key, self.gateway_key, self.environment)


class BleLink:
    """The link over Bluetooth; implements `edge.links.link.Link`."""

    def __init__(self, adapter: str, identity: Identity, hear: Hear, changed: Callable[[], None]) -> None:
        """Prepare the link.

        Args:
            adapter: its name, such as `hci0`; empty for the first that will do.
            identity: who introduces itself to whom.
            hear: takes each incoming message, on a thread of the link's own.
            changed: called after each change of `status`.
        """
        self._identity = identity
        self._hear = hear
        self._changed = changed
        self._status = self._logged = LinkStatus(LinkState.STOPPED)
        self._caller = Caller(KIOSK_TO_GATEWAY, adapter)
        self._open: tuple[Call, Sealed] | None = None
        self._sending = threading.Lock()  # messages leave in the order in which they were sealed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ble", daemon=True)

    @property
    def status(self) -> LinkStatus:
        """How the link stands now."""
        return self._status

    def start(self) -> None:
        """Connect, and stay connected, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect, and end the thread."""
        self._stopping.set()
        connection = self._open
        if connection is not None:
            connection[0].close()  # wakes the thread
        self._thread.join(STOP_SECONDS)
        self._caller.close()
        self._thread.join()

    def send(self, message: bytes, *, again: bool) -> None:
        """Write to the gateway; returns when the gateway has it on its disk.

        Raises:
            LinkDownError: there is no connection.
            LinkLostError: it was lost on the way.
            LinkRefusedError: the gateway refused.
        """
        with self._sending:
            if self._open is None:
                raise LinkDownError("no gateway is connected by Bluetooth")
            call, sealed = self._open
            try:
                call.send(sealed.seal(marked(message, again=again)))
            except GattError as error:
                call.close()
                raise LinkRefusedError(f"the gateway refused: {refusal_words(error.code)}") from None
            except BluetoothError as error:
                call.close()
                raise LinkLostError(str(error)) from None

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            status = self._one_connection()
            if time.monotonic() - began > STEADY_SECONDS + SCAN_SECONDS:
                pause = FIRST_PAUSE
            pause = self._pause(status, pause)
        self._become(LinkStatus(LinkState.STOPPED))

    def _one_connection(self) -> LinkStatus:
        """Connect and stay connected as long as it lasts; returns how it ended."""
        self._become(LinkStatus(LinkState.CONNECTING))
        try:
            with self._connected() as (call, sealed):
                while not self._stopping.is_set():
                    incoming = call.receive(LOOK_SECONDS)
                    if incoming is not None:
                        self._hear(sealed.open(incoming))
        except NotFoundError:
            return LinkStatus(LinkState.DOWN, "no gateway is within reach of Bluetooth")
        except (_ForbiddenError, ForbiddenError) as error:
            return LinkStatus(LinkState.REFUSED, str(error))
        except (BluetoothError, ContractError, StateError) as error:
            return LinkStatus(LinkState.DOWN, str(error))
        return LinkStatus(LinkState.DOWN)

    @contextmanager
    def _connected(self) -> Iterator[tuple[Call, Sealed]]:
        """The nearest gateway that is ours; the link is up as long as this lasts."""
        call, sealed = self._find_ours()
        try:
            self._open = call, sealed
            self._become(LinkStatus(LinkState.UP))
            yield call, sealed
        finally:
            call.close()  # wakes a sender that waits
            with self._sending:
                self._open = None

    def _find_ours(self) -> tuple[Call, Sealed]:
        """Try each gateway within reach: one that only looks like ours stands in nobody's way."""
        problems: list[Exception] = []
        for found in self._caller.seen(SCAN_SECONDS):
            if self._stopping.is_set():
                raise CallLostError("the link stops")
            try:
                return self._try(found)
            except (BluetoothError, ContractError, _ForbiddenError) as error:
                problems.append(error)
        # A gateway that may let us in the next time counts more than one that will not.
        raise min(problems, key=lambda problem: isinstance(problem, _ForbiddenError))

    def _try(self, found: Found) -> tuple[Call, Sealed]:
        try:
            call = self._caller.call(found, Conversation(KIOSK_TO_GATEWAY.longest_message))
        except UnsupportedVersionError as error:
            raise _ForbiddenError(str(error)) from None
        try:
            return call, self._introduce(call)
        except BaseException:
            call.close()
            raise

    def _introduce(self, call: Call) -> Sealed:
        introduction = self._identity.introduction()
        try:
            call.send(introduction.hello())
            proof, sealed = introduction.hear(_due(call), _due(call))
            call.send(proof)
            sealed.hear_welcome(_due(call))
        except VerificationError as error:
            raise _ForbiddenError(f"this is not the kiosk's gateway: {error}") from None
        except (GattError, EndedError) as error:
            words = f"the gateway refused this kiosk: {refusal_words(error.code)}"
            kind = _ForbiddenError if error.code in FOR_THE_OPERATOR else CallLostError
            raise kind(words) from None
        return sealed

    def _pause(self, status: LinkStatus, pause: float) -> float:
        """Wait before the next attempt, at least half of `pause`; returns the pause after that."""
        if self._stopping.is_set():
            return pause
        self._become(status)
        wait = REFUSED_PAUSE if status.state is LinkState.REFUSED else pause
        self._stopping.wait(wait * (0.5 + 0.5 * random()))  # noqa: S311 - spreads kiosks, guards no secret
        return min(2 * pause, LONGEST_PAUSE)

    def _become(self, status: LinkStatus) -> None:
        self._status = status
        if status.state is not LinkState.CONNECTING and status != self._logged:
            self._logged = status  # the same failure, again and again, is one line in the log
            log.log(logging.WARNING if status.detail else logging.INFO, "Bluetooth link %s", status)
        self._changed()


def _due(call: Call) -> bytes:
    message = call.receive(ANSWER_SECONDS)
    if message is None:
        raise CallLostError(f"the gateway did not answer in {ANSWER_SECONDS:.0f} s")
    return message
