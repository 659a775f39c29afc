"""Timing: what the module says leaves at the pace of the line, and what the host says arrives at it."""

import asyncio
from collections import deque
from dataclasses import dataclass

from hw.simulator.line import misread
from hw.simulator.module import Record, Send, SensorModule
from hw.simulator.terminal import PseudoTerminal

BITS_PER_BYTE = 10
"""8N1: start bit, eight data bits, stop bit."""

TICK = 0.002
"""Seconds between two writes of a paced transmission: bytes come in small bursts, as out of a UART's FIFO."""


@dataclass(frozen=True)
class Outgoing:
    """Bytes waiting for the line, and the moment at which the module had them ready to go."""

    send: Send
    queued_at: float


class Wire:
    """The serial line between the pseudo-terminal and the module.

    All deadlines are absolute, so that a late wake-up is made good and does not add up. Unpaced, every delay
    is nothing and the line waits for the host instead of losing bytes.
    """

    def __init__(
        self, terminal: PseudoTerminal, module: SensorModule, record: Record, *, paced: bool
    ) -> None:
        self._terminal = terminal
        self._module = module
        self._record = record
        self._paced = paced
        self._queue: deque[Outgoing] = deque()
        self._queued = asyncio.Event()
        self._flushes = 0
        self._free_at = 0.0

    async def start(self) -> None:
        """Switch the module on; returns when it listens and has announced itself."""
        self._enqueue(self._module.start())
        while self._queue:
            await self._send(self._queue.popleft())

    async def run(self) -> None:
        """Carry bytes for ever.

        Raises:
            ForbiddenOpcodeError: the host sent an instruction that ends the run.
        """
        await asyncio.gather(self._receive(), self._transmit())

    async def _receive(self) -> None:
        clock = 0.0
        while True:
            await _ready(self._terminal.fileno(), write=False)
            data, flushed = self._terminal.read()
            if flushed:
                self._note_flush()
            if not data:
                continue
            baud = self._terminal.host_baud()
            if self._paced and baud > 0:
                clock = max(clock, _now()) + len(data) * BITS_PER_BYTE / baud
                await _sleep_until(clock)
            heard = misread(data, baud, self._module.state.baud)
            self._enqueue(self._module.receive(heard, _now()))

    def _enqueue(self, sends: list[Send]) -> None:
        self._queue.extend(Outgoing(send, _now()) for send in sends)
        self._queued.set()

    def _note_flush(self) -> None:
        """An unpaced line delivers everything at once, so the flush takes what still waits to be written."""
        self._record({"event": "host flushed its input"})
        self._flushes += 1
        if not self._paced:
            self._queue.clear()

    async def _transmit(self) -> None:
        while True:
            while not self._queue:
                self._queued.clear()
                await self._queued.wait()
            await self._send(self._queue.popleft())

    async def _send(self, outgoing: Outgoing) -> None:
        send = outgoing.send
        start = max(self._free_at, outgoing.queued_at) + send.delay
        self._free_at = start + len(send.data) * BITS_PER_BYTE / send.baud
        if self._paced:
            await _sleep_until(start)
        data = misread(send.data, send.baud, self._terminal.host_baud())
        if self._paced:
            await self._write_paced(data, start, self._free_at)
        else:
            await self._write_at_once(data)

    async def _write_paced(self, data: bytes, start: float, end: float) -> None:
        """Spread `data` from `start` to `end`; what the host leaves no room for is lost, as in a UART."""
        byte_time = (end - start) / max(1, len(data))
        burst = max(1, int(TICK / byte_time)) if data else 1
        done = lost = 0
        while done < len(data):
            await _sleep_until(start + min(done + burst, len(data)) * byte_time)
            arrived = min(len(data), max(done + burst, int((_now() - start) / byte_time)))
            lost += arrived - done - self._terminal.write(data[done:arrived])
            done = arrived
        await _sleep_until(end)
        if lost:
            self._record({"event": "overrun", "bytes": lost})

    async def _write_at_once(self, data: bytes) -> None:
        flushes = self._flushes
        while data:
            data = data[self._terminal.write(data) :]
            if data:
                await _ready(self._terminal.fileno(), write=True)
            if self._flushes != flushes:
                return


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - _now()))


async def _ready(descriptor: int, *, write: bool) -> None:
    """Wait until `descriptor` can be read or written."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    add(descriptor, wake)
    try:
        await ready
    finally:
        remove(descriptor)
