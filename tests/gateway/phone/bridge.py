"""Between a page's Web Bluetooth and a kiosk in this process: the profile's server on the kiosk's code."""

import base64
import contextlib
import threading
from collections.abc import Callable
from queue import Empty, Queue

from playwright.sync_api import BrowserContext

from contracts.conversation import Patience, RefusedError, Sessions
from contracts.gatt import PHONE_TO_KIOSK, VERSION, Limits
from contracts.pairing import MAX_FRAME
from edge.phones.duplex import Duplex, DuplexClosedError

MTU = 247


class Bridge:
    """One page's radio.

    Attributes:
        arrived: the kiosk within its reach.
        lets_through: messages of the page that reach the kiosk; somebody between them holds back the rest.
        held_back: those.
    """

    def __init__(self, arrived: Callable[[Duplex], None]) -> None:
        self.arrived = arrived
        self._sessions = Sessions(Patience())
        self._lock = threading.Lock()
        self._says: list[tuple[str, bytes]] = []
        self._duplex: PageDuplex | None = None
        self.lets_through = 1_000_000
        self.held_back: list[bytes] = []

    def install(self, context: BrowserContext, script: str) -> None:
        """Put it under every page of a browser's context."""
        context.expose_function("kioskConnects", lambda: None)
        context.expose_function("kioskHangsUp", self.hang_up)
        context.expose_function("kioskReads", self._read)
        context.expose_function("kioskWrites", self._write)
        context.expose_function("kioskSays", self._say)
        context.add_init_script(script)

    def hang_up(self) -> None:
        """Out of reach."""
        with self._lock:
            self._sessions.gone("page")
            self._says.clear()
        if self._duplex is not None:
            self._duplex.messages.put(None)

    def _read(self, uuid: str) -> str:
        assert uuid == PHONE_TO_KIOSK.version
        return base64.b64encode(Limits(VERSION, VERSION, MAX_FRAME).encode()).decode()

    def _write(self, uuid: str, value: str) -> bool:
        """Whether it was refused."""
        data = base64.b64decode(value)
        try:
            with self._lock:
                if uuid == PHONE_TO_KIOSK.state:
                    begun, message = self._sessions.write_state("page", MTU, data), None
                else:
                    assert uuid == PHONE_TO_KIOSK.inbound
                    begun, message = False, self._sessions.write_chunk("page", MTU, data)
        except RefusedError:
            return True
        if begun:
            self._duplex = duplex = PageDuplex(self)
            threading.Thread(target=self.arrived, args=(duplex,), daemon=True).start()
        elif message is not None and self._duplex is not None:
            self._deliver(self._duplex, message)
        return False

    def _deliver(self, duplex: "PageDuplex", message: bytes) -> None:
        if self.lets_through:
            self.lets_through -= 1
            duplex.messages.put(message)
        else:
            self.held_back.append(message)

    def _say(self) -> list[tuple[str, str]]:
        with self._lock:
            says, self._says = self._says, []
        return [(uuid, base64.b64encode(value).decode()) for uuid, value in says]

    # For the kiosk's thread

    def notify(self, message: bytes) -> None:
        with self._lock:
            try:
                values = list(self._sessions.notifications("page", message))
            except RefusedError:
                raise DuplexClosedError("the page has left") from None
            self._says += [(PHONE_TO_KIOSK.outbound, value) for value in values]

    def know(self) -> None:
        with self._lock, contextlib.suppress(RefusedError):
            self._sessions.know("page", MAX_FRAME)

    def end(self) -> None:
        with self._lock:
            farewell = self._sessions.end("page")
            if farewell is not None:
                self._says.append((PHONE_TO_KIOSK.state, farewell))


class PageDuplex:
    """A page's session, for the kiosk."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.messages: Queue[bytes | None] = Queue()

    def send(self, message: bytes) -> None:
        self._bridge.notify(message)

    def receive(self, timeout: float) -> bytes | None:
        try:
            message = self.messages.get(timeout=timeout)
        except Empty:
            return None
        if message is None:
            self.messages.put(None)
            raise DuplexClosedError("the page has left")
        return message

    def know(self) -> None:
        self._bridge.know()

    def close(self) -> None:
        self._bridge.end()
        self.messages.put(None)
