"""The door by which phones come in: a Bluetooth peripheral, and a duplex for each phone that connects."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from queue import Empty, Queue

from contracts.conversation import Patience, RefusedError, Sessions
from contracts.gatt import PHONE_TO_KIOSK, Limits, Refusal
from contracts.gatt import VERSION as PROFILE_VERSION
from contracts.pairing import MAX_FRAME
from drivers.bluetooth.application import Application, AttError, Characteristic, Client
from drivers.bluetooth.errors import BluetoothError
from drivers.bluetooth.peripheral import Peripheral
from edge.links.link import LinkState, LinkStatus
from edge.phones.duplex import Duplex, DuplexClosedError

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds before trying to get on the air again, doubling."""

SEND_SECONDS = 120.0
"""Longest time for a message to be handed to the radio."""

MESSAGES_AHEAD = 4
"""Messages of a phone that may wait here; after that it waits, by its write's response."""

GREETING_SECONDS = 10.0
"""Longest wait for the reception to have looked at a greeting, before the phone may write on."""

LOOK_SECONDS = 1.0
"""Between two looks for phones that take too long."""

Arrived = Callable[[Duplex], None]


class Door:
    """Phones by Bluetooth, on threads of its own; it goes back on the air when it fell off.

    Args:
        name: advertised, for whoever looks at a list of devices.
        arrived: attends to a phone, on a thread of its own, until the phone has left.
        adapter: such as `hci0`; empty for the first that will do.
    """

    def __init__(self, name: str, arrived: Arrived, adapter: str = "") -> None:
        self._name = name
        self._arrived = arrived
        self._adapter = adapter
        self._status = LinkStatus(LinkState.STOPPED)
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="phones", daemon=True)

    @property
    def status(self) -> LinkStatus:
        """How it stands."""
        return self._status

    def start(self) -> None:
        """Go on the air, and stay there, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Leave the air."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._stay_on_the_air())
        self._status = LinkStatus(LinkState.STOPPED)

    async def _stay_on_the_air(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            self._become(LinkState.CONNECTING)
            try:
                why = await self._on_the_air()
                pause = FIRST_PAUSE
            except BluetoothError as error:
                why = str(error)
            if self._stopping.is_set():
                return
            self._become(LinkState.DOWN, why)
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            except TimeoutError:
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _on_the_air(self) -> str:
        """Serve until the radio is lost, or the kiosk stops; returns why."""
        hall = Hall(self._arrived)
        async with Peripheral(hall.application(self._name), hall.connected, adapter=self._adapter) as radio:
            hall.radio = radio
            self._become(LinkState.UP)
            ends = [asyncio.create_task(end) for end in (radio.lost(), self._stopping.wait(), hall.watch())]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                hall.close()
                for end in ends:
                    end.cancel()
            return str(ends[0].result()) if ends[0].done() else "stopping"

    def _become(self, state: LinkState, detail: str = "") -> None:
        before, self._status = self._status, LinkStatus(state, detail)
        if self._status != before and state is not LinkState.CONNECTING:
            log.log(logging.WARNING if detail else logging.INFO, "phones by Bluetooth: %s", self._status)


class Hall:
    """The phones that are connected, while the radio is on the air. Lives on the event loop.

    Attributes:
        radio: set once it is on the air.
    """

    def __init__(self, arrived: Arrived) -> None:
        self.radio: Peripheral | None = None
        self._arrived = arrived
        self._sessions = Sessions(Patience())
        self._duplexes: dict[str, BluetoothDuplex] = {}
        self._loop = asyncio.get_running_loop()
        self._farewells: set[asyncio.Future[None]] = set()

    def application(self, name: str) -> Application:
        """The service, with this hall behind it."""
        profile = PHONE_TO_KIOSK
        limits = Limits(PROFILE_VERSION, PROFILE_VERSION, MAX_FRAME).encode()
        return Application(
            profile.service,
            name,
            [
                Characteristic(profile.version, read=lambda _: limits),
                Characteristic(profile.state, write=self._write_state, notify=True),
                Characteristic(profile.inbound, write=self._write_chunk),
                Characteristic(profile.outbound, notify=True),
            ],
        )

    def connected(self, device: str, now: bool) -> None:
        """A device has come or gone."""
        if not now:
            self._gone(device)

    async def watch(self) -> None:
        """End the sessions of phones that take too long."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for device, farewell in self._sessions.expel_overdue().items():
                self._notify_state(farewell)
                self._gone(device)

    def end(self, device: str, reason: Refusal) -> None:
        """End a session, telling the phone why."""
        farewell = self._sessions.end(device, reason)
        if farewell is not None:
            self._notify_state(farewell)
        self._gone(device)

    def close(self) -> None:
        """Everybody is gone."""
        for device in list(self._duplexes):
            self._gone(device)

    def dismiss(self, duplex: "BluetoothDuplex") -> None:
        """The kiosk ends a talk."""
        if self._here(duplex):
            self.end(duplex.device, duplex.reason)

    def know(self, duplex: "BluetoothDuplex") -> None:
        """The phone has shown who it is."""
        if self._here(duplex):
            self._sessions.know(duplex.device, MAX_FRAME)

    async def notify(self, duplex: "BluetoothDuplex", message: bytes) -> None:
        """Send a message to a phone.

        Raises:
            DuplexClosedError: it is gone.
        """
        if not self._here(duplex):
            raise DuplexClosedError("the phone has left")
        for value in self._sessions.notifications(duplex.device, message):
            if self.radio is None or not self._here(duplex):
                raise DuplexClosedError("the phone has left")
            await self.radio.notify(PHONE_TO_KIOSK.outbound, value)

    def _notify_state(self, value: bytes) -> None:
        if self.radio is not None:
            farewell = asyncio.ensure_future(self.radio.notify(PHONE_TO_KIOSK.state, value))
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)

    def _here(self, duplex: "BluetoothDuplex") -> bool:
        """Whether this is the phone's present session, not one that it has left for another."""
        return self._duplexes.get(duplex.device) is duplex

    async def _write_state(self, client: Client, value: bytes) -> None:
        self._gone(client.device)
        try:
            begun = self._sessions.write_state(client.device, client.mtu, value)
        except RefusedError as error:
            raise AttError(error.reason) from None
        if begun:
            duplex = self._duplexes[client.device] = BluetoothDuplex(self, client.device, self._loop)
            threading.Thread(target=self._arrived, args=(duplex,), name="phone", daemon=True).start()

    async def _write_chunk(self, client: Client, value: bytes) -> None:
        try:
            message = self._sessions.write_chunk(client.device, client.mtu, value)
        except RefusedError as error:
            self.end(client.device, error.reason)
            raise AttError(error.reason) from None
        duplex = self._duplexes.get(client.device)
        if message is not None and duplex is not None:
            await duplex.take(message)

    def _gone(self, device: str) -> None:
        self._sessions.gone(device)
        duplex = self._duplexes.pop(device, None)
        if duplex is not None:
            duplex.hang_up()


class BluetoothDuplex:
    """One phone's connection; implements `edge.phones.duplex.Duplex` for the thread that attends to it."""

    def __init__(self, hall: Hall, device: str, loop: asyncio.AbstractEventLoop) -> None:
        self.device = device
        self._hall = hall
        self._loop = loop
        self._messages: Queue[bytes | None] = Queue()
        self._closed = False
        self._known = False
        self._came = self._handed_out = self._done_with = 0
        self._changed = asyncio.Event()

    def send(self, message: bytes) -> None:
        """As `Duplex.send`."""
        if self._closed:
            raise DuplexClosedError("the phone has left")
        sending = asyncio.run_coroutine_threadsafe(self._hall.notify(self, message), self._loop)
        try:
            sending.result(SEND_SECONDS)
        except FutureTimeoutError:
            sending.cancel()
            raise DuplexClosedError("the phone does not listen any more") from None

    def receive(self, timeout: float) -> bytes | None:
        """As `Duplex.receive`."""
        self._look_up()
        try:
            message = self._messages.get(timeout=timeout)
        except Empty:
            return None
        if message is None:
            self._messages.put(None)
            raise DuplexClosedError("the phone has left")
        self._handed_out += 1
        return message

    def know(self) -> None:
        """As `Duplex.know`."""
        asyncio.run_coroutine_threadsafe(self._become_known(), self._loop).result(SEND_SECONDS)
        self._look_up()

    def close(self) -> None:
        """As `Duplex.close`."""
        if not self._closed:
            self._loop.call_soon_threadsafe(self._hall.dismiss, self)

    # On the event loop

    async def take(self, message: bytes) -> None:
        """A message has come; returns when the next one may.

        Until the phone is known, that is when its greeting was looked at: only then is it clear how much it
        may write.
        """
        self._came += 1
        self._messages.put(message)
        ahead = MESSAGES_AHEAD if self._known else 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GREETING_SECONDS):
                while not self._closed and self._came - self._done_with > ahead:
                    self._changed.clear()
                    await self._changed.wait()

    def hang_up(self) -> None:
        """The phone is gone."""
        self._closed = True
        self._messages.put(None)
        self._changed.set()

    @property
    def reason(self) -> Refusal:
        """What the phone is told when the kiosk ends it."""
        return Refusal.CLOSED if self._known else Refusal.UNKNOWN_PEER

    async def _become_known(self) -> None:
        self._known = True
        self._hall.know(self)

    def _look_up(self) -> None:
        """Whoever attends to the phone is done with what it was given."""
        self._done_with = self._handed_out
        with contextlib.suppress(RuntimeError):  # the kiosk stops, and the event loop is closed
            self._loop.call_soon_threadsafe(self._changed.set)
