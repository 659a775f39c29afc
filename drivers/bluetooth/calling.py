"""Whole messages to and from a peripheral, for a program of threads: the client's end of a duplex."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from drivers.bluetooth import central
from drivers.bluetooth.called import Called
from drivers.bluetooth.central import Connection, Found
from drivers.bluetooth.errors import BluetoothError, EndedError, LinkLostError
from drivers.bluetooth.inbox import Inbox
from drivers.bluetooth.looping import LoopThread
from drivers.bluetooth.shape import ClientProtocol, Shape

log = logging.getLogger(__name__)

SEND_SECONDS = 900.0
"""Longest time for one message; each of its writes has a bound of its own."""

CLOSE_SECONDS = 15.0


class Caller:
    """Calls peripherals of one service; a thread, until it is closed.

    Args:
        shape: the service's UUIDs.
        adapter: such as `hci0`; empty for the first that will do.
        called: where to note who is called, for a peripheral of the same program.
    """

    def __init__(self, shape: Shape, adapter: str = "", called: Called | None = None) -> None:
        self._shape = shape
        self._adapter = adapter
        self._called = called or Called()
        self._thread = LoopThread("bluetooth central")

    def seen(self, seconds: float) -> Iterator[Found]:
        """Peripherals of the service: the first that is seen; then, if that one is not it, each other.

        Args:
            seconds: how long to look for the first, and for the others.

        Raises:
            NotFoundError: none was seen in that time.
            BluetoothError: scanning is not possible.
        """
        first = self._thread.run(self._find(seconds))
        yield first
        for other in self._thread.run(self._scan(seconds)):
            if other.address != first.address:
                yield other

    def call(self, found: Found, protocol: ClientProtocol) -> "Call":
        """Connect to a peripheral and begin a session.

        Args:
            found: which one.
            protocol: the client's end, fresh.

        Raises:
            BluetoothError: it is gone, or does not let us in.
            Exception: what `protocol.hear_version` raises.
        """
        call = Call(self._thread, self._shape, protocol)
        self._thread.run(call.begin(found, self._adapter, self._called))
        return call

    def close(self) -> None:
        """End the thread, and with it every call."""
        self._thread.stop()

    async def _find(self, seconds: float) -> Found:
        await central.clean_up(self._shape.service, self._adapter)
        return await central.find(self._shape.service, seconds, self._adapter)

    async def _scan(self, seconds: float) -> list[Found]:
        return await central.scan(self._shape.service, seconds, self._adapter)


class Call:
    """A session with one peripheral."""

    def __init__(self, thread: LoopThread, shape: Shape, protocol: ClientProtocol) -> None:
        self._thread = thread
        self._shape = shape
        self._protocol = protocol
        self._inbox = Inbox()
        self._stack = contextlib.AsyncExitStack()
        self._connection: Connection | None = None
        self._writing = asyncio.Lock()

    async def begin(self, found: Found, adapter: str, called: Called) -> None:
        """Connect; for `Caller`, in its thread."""
        shape = self._shape
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(called.calling(found.path))
            connection = await stack.enter_async_context(Connection(found, shape.service, adapter))
            self._protocol.hear_version(await connection.read(shape.version))
            await connection.listen(shape.state, self._hear_state)
            await connection.listen(shape.outbound, self._hear_outbound)
            await connection.write(shape.state, self._protocol.start.encode())
            watch = asyncio.create_task(self._watch(connection))
            stack.callback(watch.cancel)
            self._stack = stack.pop_all()
        self._connection = connection

    def send(self, message: bytes) -> None:
        """Write a message; returns when the peripheral has all of it.

        Raises:
            GattError: the peripheral refused.
            LinkLostError: the connection is gone.
        """
        self._thread.run(self._send(message), SEND_SECONDS)

    def receive(self, timeout: float) -> bytes | None:
        """The next message, or None if none came within `timeout` seconds.

        Raises:
            LinkLostError: the connection is gone, or the peripheral ended the session.
        """
        return self._inbox.get(timeout)

    def close(self) -> None:
        """Disconnect; again does nothing."""
        self._inbox.close(LinkLostError("the connection was closed"))
        with contextlib.suppress(BluetoothError):
            self._thread.run(self._stack.aclose(), CLOSE_SECONDS)

    async def _send(self, message: bytes) -> None:
        connection, inbound = self._connection, self._shape.inbound
        if connection is None or self._inbox.closed is not None:
            raise LinkLostError(str(self._inbox.closed or "there is no connection"))
        async with self._writing:  # the chunks of two messages must not mix
            for value in self._protocol.writes(message, connection.mtu(inbound)):
                await connection.write(inbound, value)

    async def _watch(self, connection: Connection) -> None:
        await connection.ended()
        self._inbox.close(LinkLostError("the connection was lost"))

    def _hear_state(self, value: bytes) -> None:
        farewell = self._protocol.hear_state(value)
        if farewell is not None:
            self._inbox.close(EndedError(farewell.reason, farewell.words))

    def _hear_outbound(self, value: bytes) -> None:
        try:
            message = self._protocol.hear_outbound(value)
        except Exception as error:  # noqa: BLE001 - bytes of a peer; whatever the protocol says of them
            self._inbox.close(LinkLostError(f"the other side sends nonsense: {error}"))
            return
        if message is None:
            return
        if not self._inbox.has_room:
            self._inbox.close(LinkLostError("the other side sends more than can be read"))
        self._inbox.put(message)
