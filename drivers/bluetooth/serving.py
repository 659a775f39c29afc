"""Whole messages from and to the clients of a peripheral, for a program of threads: the server's end.

One thread of asyncio serves the radio; each session has a thread of the program's own, which gets a `Guest`
and reads and writes as long as it likes. What goes wrong with the adapter is told, and tried again for ever.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Container

from drivers.bluetooth.errors import BluetoothError
from drivers.bluetooth.hall import Arrived, Guest, Hall
from drivers.bluetooth.looping import LoopThread
from drivers.bluetooth.peripheral import Peripheral
from drivers.bluetooth.shape import ServerProtocol, Shape

__all__ = ["Arrived", "Guest", "Server"]

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between attempts to go on the air, doubling from the first to the longest."""

STEADY_SECONDS = 60.0
"""Having been on the air for so long, the next pause is the first again."""


class Server:
    """A service on the air from `start` to `stop`.

    Attributes:
        problem: why it is not on the air; empty if it is.
    """

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
            spare: paths of devices whose client this program is.
            changed: called after each change of `problem`.
        """
        self.problem = "it has not started yet"
        self._adapter = adapter
        self._spare = spare
        self._changed = changed
        self._thread = LoopThread("bluetooth peripheral")
        self._hall = Hall(
            shape, protocol, arrived, self._thread, longest_message=longest_message, acknowledged=acknowledged
        )
        self._application = self._hall.application(name, version)
        self._stopping = asyncio.Event()
        self._staying: asyncio.Task[None] | None = None

    @property
    def on_air(self) -> bool:
        """Whether clients can reach us now."""
        return not self.problem

    def start(self) -> None:
        """Go on the air, and stay there, in the background."""
        self._thread.run(self._begin())

    def stop(self) -> None:
        """End every session and leave the air."""
        if self._staying is not None:
            with contextlib.suppress(BluetoothError):
                self._thread.run(self._finish(self._staying))
        self._thread.stop()

    # In the thread of the radio

    async def _begin(self) -> None:
        self._staying = asyncio.create_task(self._stay())

    async def _finish(self, staying: asyncio.Task[None]) -> None:
        self._stopping.set()
        await staying

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
            wait = pause * (0.5 + 0.5 * random.random())  # noqa: S311 - spreads machines, guards no secret
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _serve(self) -> str:
        """Be on the air as long as it lasts; returns why it ended."""
        hall, stopping = self._hall, self._stopping
        async with Peripheral(
            self._application, hall.connected, adapter=self._adapter, spare=self._spare
        ) as peripheral:
            attending = asyncio.create_task(hall.attend(peripheral))
            ends = [asyncio.create_task(end) for end in (peripheral.lost(), stopping.wait())]
            self._become("")
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (attending, *ends):
                    task.cancel()
                await asyncio.gather(attending, return_exceptions=True)
            return "it was stopped" if stopping.is_set() else await peripheral.lost()

    def _become(self, problem: str) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        if problem and not self._stopping.is_set():
            log.warning("Bluetooth: %s", problem)
        self._changed()
