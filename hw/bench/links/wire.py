"""A stretch of network between kiosks and their broker: what crosses it is counted, and it can be cut."""

import asyncio
import random
import threading
from types import TracebackType
from typing import Self

from hw.broker import HOST

CHUNK = 1 << 16


class Wire:
    """Passes TCP connections on to a port of this machine, on a thread of its own; used in a `with`.

    Attributes:
        port: where it listens on 127.0.0.1.
        octets: of TCP's payload, in both directions, since the beginning.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self.port = 0
        self.octets = 0
        self._ends: list[asyncio.StreamWriter] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    def cut(self, dice: random.Random) -> None:
        """Break one connection, in the middle of whatever it carries."""
        self._loop.call_soon_threadsafe(self._cut, dice.random())

    def __enter__(self) -> Self:
        listening = threading.Event()
        self._loop.call_soon(self._listen, listening)
        self._thread.start()
        listening.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _listen(self, listening: threading.Event) -> None:
        async def listen() -> None:
            server = await asyncio.start_server(self._connected, HOST, 0)
            self.port = server.sockets[0].getsockname()[1]
            listening.set()

        self._task = self._loop.create_task(listen())

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(HOST, self._to)
        except OSError:
            writer.transport.abort()
            return
        self._ends.append(writer)
        try:
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        finally:
            self._ends.remove(writer)
            for end in (writer, back):
                end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction, until either end is gone; then both are."""
        try:
            while data := await reader.read(CHUNK):
                self.octets += len(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.transport.abort()

    def _cut(self, chance: float) -> None:
        if self._ends:
            self._ends[int(chance * len(self._ends))].transport.abort()
