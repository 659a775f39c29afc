"""The phone's radio: a Bluetooth central, and a duplex to each kiosk within reach."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from queue import Empty, Queue
from types import TracebackType
from typing import Any, Self, TypeVar

from contracts.conversation import Conversation
from contracts.errors import ContractError
from contracts.gatt import END, PHONE_TO_KIOSK, refusal_words
from contracts.pairing import MAX_FRAME
from drivers.bluetooth import central
from drivers.bluetooth.central import Connection, Found
from drivers.bluetooth.errors import BluetoothError, GattError
from edge.errors import UnavailableError
from edge.phones.duplex import DuplexClosedError

SCAN_SECONDS = 5.0
"""How long to look for kiosks; one advertises some times in a second."""

CONNECT_SECONDS = 60.0
SEND_SECONDS = 600.0
"""Longest time for a message; the largest one at half a kilobyte per second."""

Outcome = TypeVar("Outcome")


class Radio:
    """The phone's Bluetooth, for the length of a `with`.

    Args:
        adapter: such as `hci0`; empty for the first that will do.
    """

    def __init__(self, adapter: str = "") -> None:
        self._adapter = adapter
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="radio", daemon=True)
        self._open: list[KioskDuplex] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for duplex in self._open:
            duplex.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kiosks(self) -> Iterator["KioskDuplex"]:
        """A connection to each kiosk within reach, the nearest first; those that are not used are closed.

        Raises:
            BluetoothError: there is no Bluetooth; the text says what to do.
            UnavailableError: no kiosk is within reach.
        """
        self.do(central.clean_up(PHONE_TO_KIOSK.service, self._adapter), CONNECT_SECONDS)
        found = self.do(
            central.scan(PHONE_TO_KIOSK.service, SCAN_SECONDS, self._adapter), SCAN_SECONDS + CONNECT_SECONDS
        )
        if not found:
            raise UnavailableError("no kiosk is within reach; go up to it, and see that its agent is running")
        for each in found:
            duplex = KioskDuplex(self, Connection(each, PHONE_TO_KIOSK.service, self._adapter), each)
            try:
                duplex.open()
            except DuplexClosedError:
                continue
            self._open.append(duplex)
            yield duplex

    def do(self, work: Coroutine[Any, Any, Outcome], seconds: float) -> Outcome:
        """Run something on the radio's thread."""
        return self.begin(work).result(seconds)

    def begin(self, work: Coroutine[Any, Any, Outcome]) -> "Future[Outcome]":
        """Let it run there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)


class KioskDuplex:
    """A session with one kiosk; implements `edge.phones.duplex.Duplex`."""

    def __init__(self, radio: Radio, connection: Connection, found: Found) -> None:
        self.found = found
        self._radio = radio
        self._connection = connection
        self._conversation = Conversation(MAX_FRAME)
        self._messages: Queue[bytes | None] = Queue()
        self._why = "the kiosk is out of reach"
        self._closed = False
        self._leaving = asyncio.Event()
        self._life: Future[None] | None = None

    def open(self) -> None:
        """Connect.

        Raises:
            DuplexClosedError: it does not come about, or the kiosk speaks another version.
        """
        ready: Future[None] = Future()
        self._life = self._radio.begin(self._live(ready))
        try:
            ready.result(CONNECT_SECONDS)
        except (BluetoothError, ContractError, TimeoutError) as error:
            self.close()
            raise DuplexClosedError(str(error) or self._why) from None

    def send(self, message: bytes) -> None:
        """As `Duplex.send`."""
        if self._closed:
            raise DuplexClosedError(self._why)
        try:
            self._radio.do(self._write(message), SEND_SECONDS)
        except GattError as error:
            raise DuplexClosedError(f"the kiosk ended the talk: {refusal_words(error.code)}") from None
        except (BluetoothError, TimeoutError) as error:
            raise DuplexClosedError(str(error) or self._why) from None

    def receive(self, timeout: float) -> bytes | None:
        """As `Duplex.receive`."""
        try:
            message = self._messages.get(timeout=timeout)
        except Empty:
            return None
        if message is None:
            self._messages.put(None)
            raise DuplexClosedError(self._why)
        return message

    def know(self) -> None:
        """As `Duplex.know`; a phone takes what a kiosk sends, up to the longest message."""

    def close(self) -> None:
        """As `Duplex.close`."""
        self._closed = True
        if self._life is not None and not self._life.done():
            self._radio.do(self._goodbye(), CONNECT_SECONDS)

    # On the radio's thread

    async def _live(self, ready: "Future[None]") -> None:
        """Connected, until the connection ends."""
        try:
            async with self._connection:
                await self._begin()
                ready.set_result(None)
                ends = [asyncio.create_task(end) for end in (self._connection.ended(), self._leaving.wait())]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in ends:
                    end.cancel()
        except (BluetoothError, ContractError) as error:
            if not ready.done():
                ready.set_exception(error)
        finally:
            self._messages.put(None)

    async def _begin(self) -> None:
        profile, connection = PHONE_TO_KIOSK, self._connection
        self._conversation.hear_version(await connection.read(profile.version))
        await connection.listen(profile.state, self._hear_state)
        await connection.listen(profile.outbound, self._hear_outbound)
        await connection.write(profile.state, self._conversation.start.encode())

    async def _write(self, message: bytes) -> None:
        mtu = self._connection.mtu(PHONE_TO_KIOSK.inbound)
        for chunk in self._conversation.writes(message, mtu):
            await self._connection.write(PHONE_TO_KIOSK.inbound, chunk)

    async def _goodbye(self) -> None:
        if self._connection.connected:
            with contextlib.suppress(BluetoothError):  # it is going anyhow
                await self._connection.write(PHONE_TO_KIOSK.state, END)
        self._leaving.set()
        if self._life is not None:
            await asyncio.wrap_future(self._life)

    def _hear_outbound(self, value: bytes) -> None:
        try:
            message = self._conversation.hear_outbound(value)
        except ContractError as error:
            self._end(str(error))
        else:
            if message is not None:
                self._messages.put(message)

    def _hear_state(self, value: bytes) -> None:
        end = self._conversation.hear_state(value)
        if end is not None:
            self._end(f"the kiosk ended the talk: {end.words}")

    def _end(self, why: str) -> None:
        self._why = why
        self._messages.put(None)
