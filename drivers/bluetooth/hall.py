"""The clients of a service while it is on the air: who has a session, who takes too long, who says what.

All of it runs in the loop of the radio but for the guests' own threads, on which the program talks with them.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from drivers.bluetooth.application import Application, AttError, Characteristic, Client
from drivers.bluetooth.errors import BluetoothError, LinkLostError
from drivers.bluetooth.inbox import Inbox
from drivers.bluetooth.looping import LoopThread
from drivers.bluetooth.peripheral import Peripheral
from drivers.bluetooth.shape import ServerProtocol, Shape

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between looks for clients that take too long."""

STRANGER_SECONDS = 15.0
"""How long a device may be connected without a session, from its connection or from the end of its last
session; an adapter serves few devices at once."""

READER_SECONDS = 25.0
"""How long a client's last chunk waits for the reader of its messages; ATT gives up after 30 s."""

INBOX_BYTES = 1 << 20
"""Per session, of messages that were not read yet."""

UNSPECIFIED = 0x80
"""ATT application error of a refusal that has no reason of the profile's."""

Result = TypeVar("Result")


class Guest:
    """A session of one client, for the program, on any thread.

    Attributes:
        client: D-Bus path of its device.
    """

    def __init__(self, hall: "Hall", client: str) -> None:
        self.client = client
        self.inbox = Inbox(INBOX_BYTES)
        self.reason = UNSPECIFIED
        self.waiting_writes = 0
        self._hall = hall

    def send(self, message: bytes) -> None:
        """Notify a message; returns when it is with bluetoothd.

        Raises:
            LinkLostError: the session is over.
        """
        self._hall.thread.run(self._hall.send(self, message))

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
        self._hall.thread.run(self._hall.know(self))

    def close(self, reason: int | None = None) -> None:
        """End the session and the connection, for a reason of the profile's; again does nothing."""
        if reason is not None:
            self.reason = reason
        self.inbox.close(LinkLostError("the session was closed"))
        try:
            self._hall.thread.run(self._hall.show_out(self, reason))
        except BluetoothError as error:
            log.debug("a session that was closed: %s", error)


Arrived = Callable[[Guest], None]
"""Called for each session, on a thread of its own; the session ends when this returns."""


class Hall:
    """The sessions of one service."""

    def __init__(
        self,
        shape: Shape,
        protocol: ServerProtocol,
        arrived: Arrived,
        thread: LoopThread,
        *,
        longest_message: int,
        acknowledged: bool,
    ) -> None:
        """Prepare.

        Args:
            shape: the service's UUIDs.
            protocol: the server's end.
            arrived: takes each session.
            thread: the loop in which all this runs.
            longest_message: from a client that is known.
            acknowledged: whether a message's last chunk is answered when its reader is done with it.
        """
        self.thread = thread
        self._shape = shape
        self._protocol = protocol
        self._arrived = arrived
        self._longest = longest_message
        self._acknowledged = acknowledged
        self._peripheral: Peripheral | None = None
        self._guests: dict[str, Guest] = {}
        self._since: dict[str, float] = {}
        self._notifying = asyncio.Lock()

    def application(self, name: str, version: bytes) -> Application:
        """What is on the air, with this hall behind it."""
        characteristics = (
            Characteristic(self._shape.version, read=lambda _: version),
            Characteristic(self._shape.state, write=self._write_state, notify=True),
            Characteristic(self._shape.inbound, write=self._write_chunk),
            Characteristic(self._shape.outbound, notify=True),
        )
        return Application(self._shape.service, name, characteristics)

    def connected(self, device: str, now: bool) -> None:
        """A device has connected or disconnected."""
        if now:
            self._since[device] = time.monotonic()
        else:
            self._protocol.gone(device)
            self._part(device, "the client is gone")
            self._since.pop(device, None)

    async def attend(self, peripheral: Peripheral) -> None:
        """Show out who takes too long, as long as the service is on the air; cancelled, everybody."""
        self._peripheral = peripheral
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                try:
                    await self._look(peripheral)
                except BluetoothError as error:
                    log.debug("%s", error)
        finally:
            self._peripheral = None
            for client in list(self._guests):
                await self._farewell(peripheral, client, self._protocol.end(client))

    # For guests

    async def send(self, guest: Guest, message: bytes) -> None:
        """As `Guest.send`."""
        async with self._notifying:  # the chunks of two messages to one client must not mix
            peripheral = self._peripheral_of(guest)
            values = _or_lost(lambda: self._protocol.notifications(guest.client, message))
            await peripheral.notify(self._shape.outbound, *values)

    async def know(self, guest: Guest) -> None:
        """As `Guest.know`."""
        self._peripheral_of(guest)
        _or_lost(lambda: self._protocol.know(guest.client, self._longest))

    async def show_out(self, guest: Guest, reason: int | None) -> None:
        """As `Guest.close`."""
        if self._guests.get(guest.client) is not guest:
            return
        end = self._protocol.end
        farewell = end(guest.client) if reason is None else end(guest.client, reason)
        while guest.waiting_writes:  # they have their answer before the connection ends
            await asyncio.sleep(0.005)
        if self._peripheral is not None:
            await self._farewell(self._peripheral, guest.client, farewell)

    def _peripheral_of(self, guest: Guest) -> Peripheral:
        if self._peripheral is None or self._guests.get(guest.client) is not guest:
            raise LinkLostError("the session is over")
        return self._peripheral

    # What clients do

    async def _write_state(self, client: Client, value: bytes) -> None:
        self._part(client.device, "the client began anew")
        if _or_refuse(lambda: self._protocol.write_state(client.device, client.mtu, value)):
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

    async def _look(self, peripheral: Peripheral) -> None:
        for client, farewell in self._protocol.expel_overdue().items():
            log.info("a Bluetooth client took too long")
            await self._farewell(peripheral, client, farewell)
        now = time.monotonic()
        for device in peripheral.devices:
            since = self._since.setdefault(device, now)
            if device not in self._protocol and now - since > STRANGER_SECONDS:
                log.info("a Bluetooth device was connected and wanted nothing")
                self._since[device] = now
                await peripheral.disconnect(device)

    async def _farewell(self, peripheral: Peripheral, client: str, farewell: bytes | None) -> None:
        self._part(client, "the session is over")
        if farewell is not None:
            await peripheral.notify(self._shape.state, farewell)
        await peripheral.disconnect(client)

    def _part(self, client: str, why: str) -> None:
        guest = self._guests.pop(client, None)
        if guest is not None:
            guest.inbox.close(LinkLostError(why))
            self._since[client] = time.monotonic()


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
