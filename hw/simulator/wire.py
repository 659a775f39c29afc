"""Timing: what the module says leaves at the pace of the line, and what the host says arrives at it."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hw.simulator.line import misread
from hw.simulator.module import Record, SensorModule
from hw.simulator.sends import BITS_PER_BYTE, Reboot, Room, Send, Unplug
from hw.simulator.terminal import PseudoTerminal

TICK = 0.002
"""Seconds between two writes of a paced transmission: bytes come in small bursts, as out of a UART's FIFO."""

SETTLE = 0.002
"""Seconds before an unpaced write to a receiver of limited room: the system needs a moment until it can tell
how much of the last one the host has not read, and a host that does read is to lose nothing."""


@dataclass(frozen=True)
class Outgoing:
    """Bytes waiting for the line, and the moment at which the module had them ready to go."""

    send: Send
    queued_at: float


class Wire:
    """The serial line between the pseudo-terminal and the module.

    All deadlines are absolute, so that a late wake-up is made good and does not add up. Unpaced, every delay
    is nothing and the line waits for the host instead of losing bytes; only the pauses that faults make last
    as long as ever.
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
        self._pausing = False

    async def start(self) -> None:
        """Switch the module on; returns when it listens and has announced itself."""
        self._enqueue(self._module.start())
        while self._queue:
            await self._send(self._queue.popleft())

    async def run(self) -> None:
        """Carry bytes for ever, from one plugging in to the next.

        Raises:
            ForbiddenOpcodeError: the host sent an instruction that ends the run.
        """
        while True:
            unplugged = await self._carry()
            self._terminal.unplug()
            self._record({"event": "unplugged"})
            await asyncio.sleep(unplugged.seconds)
            self._terminal.plug_in()
            self._record({"event": "plugged in", "port": str(self._terminal.path)})
            self._start_anew(Reboot())

    async def _carry(self) -> Unplug:
        """Carry bytes until the port is unplugged."""
        receive, transmit = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._transmit())
        try:
            await asyncio.wait((receive, transmit), return_when=asyncio.FIRST_COMPLETED)
        finally:
            receive.cancel()
            transmit.cancel()
            await asyncio.wait((receive, transmit))
        if receive.done() and not receive.cancelled():
            receive.result()
        return transmit.result()

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

    def _enqueue(self, sends: Iterable[Send]) -> None:
        self._queue.extend(Outgoing(send, _now()) for send in sends)
        self._queued.set()

    def _note_flush(self) -> None:
        """An unpaced line delivers everything at once, so the flush takes what still waits to be written."""
        self._record({"event": "host flushed its input"})
        self._flushes += 1
        if not self._paced and not self._pausing:
            self._queue = deque(_left_by_flush(self._queue))

    async def _transmit(self) -> Unplug:
        """Send what is queued, until the port is to be unplugged."""
        while True:
            while not self._queue:
                self._queued.clear()
                await self._queued.wait()
            send = self._queue[0].send
            await self._send(self._queue.popleft())
            if isinstance(send.then, Unplug):
                return send.then
            if isinstance(send.then, Reboot):
                self._start_anew(send.then)

    def _start_anew(self, reboot: Reboot) -> None:
        """Restart the module; what it was about to say is forgotten."""
        self._queue.clear()
        self._free_at = _now()
        self._enqueue(self._module.restart(reboot))

    async def _send(self, outgoing: Outgoing) -> None:
        send = outgoing.send
        ready_at = max(self._free_at, outgoing.queued_at)
        start = ready_at + send.pause + (send.delay if self._paced else 0.0)
        self._pausing = send.pause > 0
        await _sleep_until(start)
        self._pausing = False
        data = misread(send.data, send.baud, self._terminal.host_baud())
        if self._paced and not send.at_once:
            self._free_at = start + send.seconds
            await self._write_paced(data, start, self._free_at, send.room)
        else:
            self._free_at = start
            await self._write_at_once(data, send.room)

    async def _write_paced(self, data: bytes, start: float, end: float, room: Room | None) -> None:
        """Spread `data` from `start` to `end`; what the host leaves no room for is lost, as in a UART."""
        byte_time = (end - start) / max(1, len(data))
        burst = max(1, int(TICK / byte_time)) if data else 1
        done = lost = 0
        while done < len(data):
            await _sleep_until(start + min(done + burst, len(data)) * byte_time)
            arrived = min(len(data), max(done + burst, int((_now() - start) / byte_time)))
            piece = self._squeeze(data[done:arrived], room)
            lost += arrived - done - self._terminal.write(piece)
            done = arrived
        await _sleep_until(end)
        if lost:
            self._record({"event": "overrun", "bytes": lost})

    async def _write_at_once(self, data: bytes, room: Room | None) -> None:
        flushes = self._flushes
        if room is not None:
            await asyncio.sleep(SETTLE)
        whole = len(data)
        data = self._squeeze(data, room)
        if len(data) < whole:
            self._record({"event": "overrun", "bytes": whole - len(data)})
        while data:
            data = data[self._terminal.write(data) :]
            if data:
                await _ready(self._terminal.fileno(), write=True)
            if self._flushes != flushes:
                return

    def _squeeze(self, data: bytes, room: Room | None) -> bytes:
        """What of `data` a receiver with so much room takes in."""
        if room is None:
            return data
        taken = data[: max(0, room.size - self._terminal.unread())]
        if len(taken) < len(data):
            room.lost(len(data) - len(taken))
        return taken


def _left_by_flush(queue: Iterable[Outgoing]) -> list[Outgoing]:
    """Of what waits: what comes after a pause, and what befalls the module all the same."""
    left: list[Outgoing] = []
    for outgoing in queue:
        if left or outgoing.send.pause:
            left.append(outgoing)
        elif outgoing.send.then:
            left.append(replace(outgoing, send=replace(outgoing.send, data=b"")))
    return left


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
