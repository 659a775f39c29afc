"""Whole messages from and to the clients of a peripheral, for a program of threads: the server's end.

One thread of asyncio serves the radio; each session has a thread of the program's own, which gets a `Guest`
and reads and writes as long as it likes. What goes wrong with the adapter is told, and tried again for ever.
"""

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Container, Coroutine
from typing import Any, TypeVar

from drivers.bluetooth.application import Application, AttError, Characteristic, Client
from drivers.bluetooth.errors import BluetoothError, LinkLostError
from drivers.bluetooth.inbox import Inbox
from drivers.bluetooth.looping import LoopThread
from drivers.bluetooth.peripheral import Peripheral
from drivers.bluetooth.shape import ServerProtocol, Shape

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between attempts to go on the air, doubling from the first to the longest."""

STEADY_SECONDS = 60.0
"""Having been on the air for so long, the next pause is the first again."""

LOOK_SECONDS = 1.0
"""Between looks for clients that take too long."""

STRANGER_SECONDS = 15.0
"""How long a device may be connected without a session; an adapter serves few devices at once."""

READER_SECONDS = 25.0
"""How long a client's last chunk waits for the reader of its messages; ATT gives up after 30 s."""

INBOX_BYTES = 1 << 20
"""Per session, of messages that were not read yet."""

UNSPECIFIED = 0x80

Result = TypeVar("Result")


class Guest:
    """A session of one client."""

    def __init__(self, server: "Server", client: str) -> None:
        self.client = client
        self.inbox = Inbox(INBOX_BYTES)
        self.reason = UNSPECIFIED
        self.waiting_writes = 0
        self._server = server

    def send(self, message: bytes) -> None:
        """Notify a message; returns when it is with bluetoothd.

        Raises:
            LinkLostError: the session is over.
        """
        self._server.send(self, message)

    def receive(self, timeout: float) -> bytes | None:
        """The next message, or None if none came within `timeout` seconds.

        Raises:
            LinkLostError: the session is over.
        """
        return self.inbox.get(timeout)

    def know(self) -> None:
        """The client has shown who it is: from now on it may send long messages, and be silent.

        Raises:
            LinkLostError: the session is over.
        """
        self._server.know(self)

    def close(self, reason: int | None = None) -> None:
        """End the session and the connection, for a reason of the profile's; again does nothing."""
        if reason is not None:
            self.reason = reason
        self._server.close_guest(self, reason)


Arrived = Callable[[Guest], None]
"""Called for each session, on a thread of its own; the session ends when this returns."""


class Server:
    """A service on the air from `start` to `stop`."""

    def __init__(
        self,
        shape: Shape,
        protocol: ServerProtocol,
        arrived: Arrived,
        *,
        name: str,
        version: bytes,
        longest_message: int,
        acknowledged: bool = False,
        adapter: str = "",
        spare: Container[str] = (),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            shape: the service's UUIDs.
            protocol: the server's end; used in one thread alone.
            arrived: takes each session.
            name: advertised.
            version: what the Version characteristic reads.
            longest_message: from a client that is known.
            acknowledged: whether the last chunk of a message is answered only when its reader comes for the
                next one, so that the client knows that it is done with; else when it is in the queue.
            adapter: its name, such as `hci0`; empty for the first that will do.
            spare: services that this machine uses on others.
            changed: called after each change of `problem`.
        """
        self.problem = "it has not started yet"
        self._shape = shape
        self._protocol = protocol
        self._arrived = arrived
        self._longest = longest_message
        self._acknowledged = acknowledged
        self._adapter = adapter
        self._spare = spare
        self._changed = changed
        self._application = Application(
            shape.service,
            name,
            (
                Characteristic(shape.version, read=lambda _: version),
                Characteristic(shape.state, write=self._write_state, notify=True),
                Characteristic(shape.inbound, write=self._write_chunk),
                Characteristic(shape.outbound, notify=True),
            ),
        )
        self._peripheral: Peripheral | None = None
        self._guests: dict[str, Guest] = {}
        self._since: dict[str, float] = {}
        self._thread: LoopThread | None = None
        self._stopping = asyncio.Event()
        self._notifying = asyncio.Lock()

    @property
    def on_air(self) -> bool:
        """Whether clients can reach us now; if not, `problem` says why."""
        return not self.problem

    def start(self) -> None:
        """Go on the air, and stay there, in the background."""
        self._thread = LoopThread("bluetooth peripheral")
        self._thread.run(self._begin())

    def stop(self) -> None:
        """End every session and leave the air."""
        if self._thread is None:
            return
        with contextlib.suppress(BluetoothError):
            self._thread.run(self._finish())
        self._thread.stop()

    # For guests, on their threads

    def send(self, guest: Guest, message: bytes) -> None:
        """As `Guest.send`."""
        self._run(self._send(guest, message))

    def know(self, guest: Guest) -> None:
        """As `Guest.know`."""
        self._run(self._know(guest))

    def close_guest(self, guest: Guest, reason: int | None) -> None:
        """As `Guest.close`."""
        guest.inbox.close(LinkLostError("the session was closed"))
        with contextlib.suppress(BluetoothError):
            self._run(self._close(guest, reason))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        if self._thread is None:
            work.close()
            raise LinkLostError("the service is not on the air")
        self._thread.run(work)

    # In the thread of the radio

    async def _begin(self) -> None:
        self._task = asyncio.create_task(self._stay())

    async def _finish(self) -> None:
        self._stopping.set()
        await self._task

    async def _stay(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                problem = await self._serve()
            except BluetoothError as error:
                problem = str(error)
            self._become(problem)
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            with contextlib.suppress(TimeoutError):
                wait = pause * (0.5 + 0.5 * random.random())  # noqa: S311 - spreads machines, guards no secret
                await asyncio.wait_for(self._stopping.wait(), wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _serve(self) -> str:
        """Be on the air as long as it lasts; returns why it ended."""
        peripheral = Peripheral(self._application, self._connected, adapter=self._adapter, spare=self._spare)
        async with peripheral:
            self._peripheral = peripheral
            self._become("")
            ends = [asyncio.create_task(work) for work in (peripheral.lost(), self._stopping.wait())]
            watch = asyncio.create_task(self._watch(peripheral))
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                return "" if self._stopping.is_set() else await peripheral.lost()
            finally:
                for task in (watch, *ends):
                    task.cancel()
                await self._expel_all(peripheral)
                self._peripheral = None

    async def _watch(self, peripheral: Peripheral) -> None:
        """Show out who takes too long."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for client, farewell in self._protocol.expel_overdue().items():
                log.info("a Bluetooth client took too long")
                await peripheral.notify(self._shape.state, farewell)
                self._part(client, "it took too long")
                await peripheral.disconnect(client)
            now = time.monotonic()
            for device in peripheral.devices:
                since = self._since.setdefault(device, now)
                if device not in self._protocol and now - since > STRANGER_SECONDS:
                    log.info("a Bluetooth device was connected and wanted nothing")
                    self._since[device] = now
                    await peripheral.disconnect(device)

    async def _expel_all(self, peripheral: Peripheral) -> None:
        for client in list(self._guests):
            farewell = self._protocol.end(client)
            if farewell is not None:
                await peripheral.notify(self._shape.state, farewell)
            self._part(client, "the service went off the air")
            await peripheral.disconnect(client)

    def _connected(self, device: str, now: bool) -> None:
        if now:
            self._since[device] = time.monotonic()
        else:
            self._since.pop(device, None)
            self._protocol.gone(device)
            self._part(device, "the client is gone")

    async def _write_state(self, client: Client, value: bytes) -> None:
        self._part(client.device, "the client began anew")
        began = _or_refuse(lambda: self._protocol.write_state(client.device, client.mtu, value))
        if began:
            self._guests[client.device] = guest = Guest(self, client.device)
            threading.Thread(target=self._host, args=(guest,), name="bluetooth guest", daemon=True).start()

    async def _write_chunk(self, client: Client, value: bytes) -> None:
        message = _or_refuse(lambda: self._protocol.write_chunk(client.device, client.mtu, value))
        guest = self._guests.get(client.device)
        if message is None or guest is None:
            return
        guest.waiting_writes += 1
        try:
            await _until(lambda: guest.inbox.has_room, guest)
            guest.inbox.put(message)
            if self._acknowledged:
                await _until(lambda: guest.inbox.settled, guest)
        finally:
            guest.waiting_writes -= 1

    def _host(self, guest: Guest) -> None:
        """A guest's own thread."""
        try:
            self._arrived(guest)
        except BluetoothError as error:
            log.debug("a session ended: %s", error)
        except Exception:
            log.exception("a session ended by a fault")
        finally:
            guest.close()

    async def _send(self, guest: Guest, message: bytes) -> None:
        async with self._notifying:  # the chunks of two messages to one client must not mix
            peripheral = self._peripheral_of(guest)
            values = _or_lost(lambda: self._protocol.notifications(guest.client, message))
            await peripheral.notify(self._shape.outbound, *values)

    async def _know(self, guest: Guest) -> None:
        self._peripheral_of(guest)
        _or_lost(lambda: self._protocol.know(guest.client, self._longest))

    async def _close(self, guest: Guest, reason: int | None) -> None:
        if self._guests.get(guest.client) is not guest:
            return
        farewell = (
            self._protocol.end(guest.client) if reason is None else self._protocol.end(guest.client, reason)
        )
        self._part(guest.client, "the session was closed")
        if self._peripheral is not None:
            if farewell is not None:
                await self._peripheral.notify(self._shape.state, farewell)
            while guest.waiting_writes:  # they have their answer before the connection ends
                await asyncio.sleep(0.005)
            await self._peripheral.disconnect(guest.client)

    def _peripheral_of(self, guest: Guest) -> Peripheral:
        if self._peripheral is None or self._guests.get(guest.client) is not guest:
            raise LinkLostError("the session is over")
        return self._peripheral

    def _part(self, client: str, why: str) -> None:
        guest = self._guests.pop(client, None)
        if guest is not None:
            guest.inbox.close(LinkLostError(why))

    def _become(self, problem: str) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        if problem and not self._stopping.is_set():
            log.warning("Bluetooth: %s", problem)
        self._changed()


async def _until(holds: Callable[[], bool], guest: Guest) -> None:
    """Wait for a guest's reader, who is on another thread."""
    end, nap = time.monotonic() + READER_SECONDS, 0.001
    while not holds():
        if guest.inbox.closed is not None or time.monotonic() > end:
            raise AttError(guest.reason)
        await asyncio.sleep(nap)
        nap = min(2 * nap, 0.05)


def _or_refuse(work: Callable[[], Result]) -> Result:
    """What the protocol refuses becomes an ATT error."""
    try:
        return work()
    except Exception as error:
        reason = getattr(error, "reason", None)
        if reason is None:
            raise
        log.info("a Bluetooth client was refused: %s", error)
        raise AttError(int(reason)) from None


def _or_lost(work: Callable[[], Result]) -> Result:
    """What the protocol refuses us means that the session is over."""
    try:
        return work()
    except Exception as error:
        if not hasattr(error, "reason"):
            raise
        raise LinkLostError(str(error)) from None
