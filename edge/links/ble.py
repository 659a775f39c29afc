"""The link over Bluetooth LE: the kiosk as central, its gateway the peripheral; where there is no network.

The two introduce themselves first (`contracts.introduction`), so that all that follows is sealed and nobody
who only looks like a gateway gets a word. What crosses are the same signed messages as on every link.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from random import random

from contracts.conversation import Conversation
from contracts.errors import ContractError, UnsupportedVersionError
from contracts.gatt import KIOSK_TO_GATEWAY, refusal_words
from contracts.introduction import Sealed
from contracts.resending import marked
from drivers.bluetooth.called import Called
from drivers.bluetooth.calling import Call, Caller
from drivers.bluetooth.central import Found
from drivers.bluetooth.errors import BluetoothError, ForbiddenError, GattError, NotFoundError
from drivers.pauses import Pauses
from edge.errors import StateError
from edge.links.ble_machine import (
    Action,
    Begin,
    Elapsed,
    End,
    Event,
    Exhausted,
    Failed,
    Failure,
    Fault,
    Introduced,
    Phase,
    Sighted,
    State,
    step,
)
from edge.links.introducing import Identity, StrangerError, introduce
from edge.links.link import Hear, LinkDownError, LinkLostError, LinkRefusedError, LinkState, LinkStatus

log = logging.getLogger(__name__)

SCAN_SECONDS = 4.0
"""How long to look for gateways; each advertises several times a second."""

STOP_SECONDS = 5.0
"""How long a stop waits for the end of what is under way; after that it is cut short."""

LOOK_SECONDS = 1.0
"""Between looks whether the link is to stop."""

STATES = {
    Phase.STOPPED: LinkState.STOPPED,
    Phase.SEARCHING: LinkState.CONNECTING,
    Phase.INTRODUCING: LinkState.CONNECTING,
    Phase.UP: LinkState.UP,
    Phase.DOWN: LinkState.DOWN,
    Phase.REFUSED: LinkState.REFUSED,
}


class BleLink:
    """The link over Bluetooth; implements `edge.links.link.Link`."""

    def __init__(
        self,
        adapter: str,
        identity: Identity,
        hear: Hear,
        changed: Callable[[], None],
        called: Called | None = None,
        *,
        pauses: Pauses | None = None,
    ) -> None:
        """Prepare the link.

        Args:
            adapter: its name, such as `hci0`; empty for the first that will do.
            identity: who introduces itself to whom.
            hear: takes each incoming message, on a thread of the link's own.
            changed: called after each change of `status`.
            called: where to note which gateway is called, for the kiosk's own peripheral.
            pauses: how long to wait before the next attempt to connect.
        """
        self._identity = identity
        self._hear = hear
        self._changed = changed
        self._pauses = pauses or Pauses()
        self._state = State()
        self._logged = self.status
        self._caller = Caller(KIOSK_TO_GATEWAY, adapter, called)
        self._within_reach: Iterator[Found] = iter(())
        self._named: Found | None = None
        self._open: tuple[Call, Sealed] | None = None
        self._sending = threading.Lock()  # messages leave in the order in which they were sealed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ble", daemon=True)

    @property
    def status(self) -> LinkStatus:
        """How the link stands now."""
        state = self._state
        return LinkStatus(STATES[state.phase], state.failure.text if state.failure else "")

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

    # The thread: `ble_machine` says what to do

    def _run(self) -> None:
        event: Event = Begin()
        while not isinstance(event, End):
            event = self._go(event)
        self._go(event)

    def _go(self, event: Event) -> Event:
        """One step, with what it asks for; returns what has come of it, or else what came next."""
        self._state, actions = step(self._state, event, self._pauses, random())  # noqa: S311 - no secret
        self._tell()
        outcomes = [self._do(action) for action in actions]
        if self._stopping.is_set():
            return End()
        return next((outcome for outcome in outcomes if outcome is not None), None) or self._next()

    def _do(self, action: Action) -> Event | None:
        match action:
            case Action.SEARCH:
                self._within_reach = self._caller.seen(SCAN_SECONDS)
                return self._search_on()
            case Action.SEARCH_ON:
                return self._search_on()
            case Action.CALL:
                return self._call()
            case Action.CLOSE:
                self._close()
        return None

    def _search_on(self) -> Event:
        """Each gateway within reach in its turn: one that only looks like ours stands in nobody's way."""
        try:
            self._named = next(self._within_reach, None)
        except NotFoundError:
            return Exhausted()
        except BluetoothError as error:
            return Failed(_failure_of(error))
        return Exhausted() if self._named is None else Sighted()

    def _call(self) -> Event:
        assert self._named is not None  # noqa: S101 - the machine calls only what was found
        try:
            self._open = self._try(self._named)
        except (BluetoothError, ContractError, StrangerError) as error:
            return Failed(_failure_of(error))
        return Introduced()

    def _close(self) -> None:
        if self._open is not None:
            self._open[0].close()  # wakes a sender that waits
            with self._sending:
                self._open = None

    def _next(self) -> Event:
        """What comes when there is nothing to do: the end of a pause, or of a connection."""
        if self._open is not None:
            return self._listen(*self._open)
        self._stopping.wait(self._state.wait)
        return End() if self._stopping.is_set() else Elapsed()

    def _listen(self, call: Call, sealed: Sealed) -> Event:
        wait = self._state.wait
        due = math.inf if wait is None else time.monotonic() + wait
        try:
            while not self._stopping.is_set():
                incoming = call.receive(LOOK_SECONDS)
                if incoming is not None:
                    self._hear(sealed.open(incoming))
                if time.monotonic() >= due:
                    return Elapsed()
        except (BluetoothError, ContractError, StateError) as error:
            return Failed(_failure_of(error))
        return End()

    def _try(self, found: Found) -> tuple[Call, Sealed]:
        try:
            call = self._caller.call(found, Conversation(KIOSK_TO_GATEWAY.longest_message))
        except UnsupportedVersionError as error:
            raise StrangerError(str(error)) from None
        try:
            return call, introduce(call, self._identity)
        except BaseException:
            call.close()
            raise

    def _tell(self) -> None:
        """The same failure, again and again, is one line in the log."""
        status = self.status
        if status.state is not LinkState.CONNECTING and status != self._logged:
            self._logged = status
            log.log(logging.WARNING if status.detail else logging.INFO, "Bluetooth link %s", status)
        self._changed()


def _failure_of(error: Exception) -> Failure:
    if isinstance(error, StrangerError):
        return Failure(Fault.IDENTITY, str(error))
    if isinstance(error, ForbiddenError):
        return Failure(Fault.PERMISSION, str(error))
    return Failure(Fault.LOST, str(error))
