"""The simulated module at the end of a line on which time costs nothing: seconds are counted, not waited for.

The driver and the module are the real ones; only the port between them is replaced. So ten thousand transfers
at line rate, with every deadline and late answer in its place, take minutes instead of days.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from drivers.errors import LinkLostError
from drivers.link import Link
from drivers.timing import BITS_PER_BYTE, Clock
from hw.simulator.faults import ActiveFaults
from hw.simulator.line import misread
from hw.simulator.module import SensorModule
from hw.simulator.pixels import Pixels
from hw.simulator.profiles import BAUD_UNIT, Profile
from hw.simulator.sends import Reboot, Room, Send, Unplug
from hw.simulator.state import Flash

READS_LIMIT = 3_000_000
"""Reads of one transfer after which a driver counts as hung though no time has passed."""


FIFO = 8
"""Bytes that a UART gathers before it wakes the host; a PL011 half fills its 16."""

ROUNDING = 1e-6
"""Of a byte: what counting in floating point may lack of a whole one."""


class HungError(Exception):
    """The driver has gone on for longer than it may."""


class VirtualClock(Clock):
    """Counts seconds.

    Attributes:
        seconds: the time.
        limit: when whoever still waits counts as hung.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.limit = float("inf")

    def now(self) -> float:
        """The time."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            HungError: it is past the limit.
        """
        self.seconds += max(0.0, seconds)
        if self.seconds > self.limit:
            raise HungError(f"still waiting at {self.seconds:.1f} s")


class Pad:
    """A glass on which images lie that were made beforehand.

    Attributes:
        pixels: what touches it; None without a finger.
    """

    def __init__(self, faults: ActiveFaults) -> None:
        self.pixels: Pixels | None = None
        self._faults = faults

    def look(self) -> Pixels | None:
        """What the sensor sees."""
        return self._faults.sight(self.pixels)

    def touched(self) -> bool:
        """Whether a finger lies there."""
        return self.pixels is not None

    def lift(self) -> None:
        """Take it away."""
        self.pixels = None


@dataclass
class Flight:
    """Bytes on their way to the host, evenly from `start` to `end`."""

    data: bytes
    start: float
    end: float
    room: Room | None
    taken: int = 0

    def arrived(self, now: float) -> int:
        """How many have arrived by now."""
        if now >= self.end:
            return len(self.data)
        if now <= self.start:
            return 0
        return int((now - self.start) / (self.end - self.start) * len(self.data) + ROUNDING)

    def next_at(self) -> float:
        """When the host is told of more: a UART gathers some bytes before it does."""
        share = min(self.taken + FIFO, len(self.data)) / max(1, len(self.data))
        return self.start + share * (self.end - self.start)


class VirtualLine(Link):
    """The host's end of the line.

    Attributes:
        clock: the time on it.
        baud: the rate of the host's port.
        pad: the module's glass.
        faults: the module's.
        module: the module.
    """

    path = "virtual line"
    baud = 57600

    def __init__(self, profile: Profile, baud: int, packet_code: int = 2, seed: int = 0) -> None:
        """Connect a module that speaks at `baud` with packets of 32 << `packet_code` bytes, and switch on."""
        self.clock: VirtualClock = VirtualClock()
        self.faults = ActiveFaults(profile, seed)
        self.pad = Pad(self.faults)
        flash = Flash(baud_factor=baud // BAUD_UNIT, packet_code=packet_code)
        self.module = SensorModule(profile, flash, self.pad, lambda _: None, self.faults)
        self._flights: deque[Flight] = deque()
        self._arrived = bytearray()
        self._free_at = 0.0
        self._gone_at: float | None = None
        self._reads = 0
        self._carry(self.module.start())

    def begin(self, limit: float) -> None:
        """Let the limit of what comes now be so many seconds from now."""
        self.clock.limit = self.clock.seconds + limit
        self._reads = 0

    @property
    def unplugged(self) -> bool:
        """Whether the port is gone."""
        return self._gone_at is not None and self.clock.seconds >= self._gone_at

    def wear_off(self) -> None:
        """Let the time pass that is left of a pause which a fault has begun; what it held back arrives."""
        self.clock.sleep(self._free_at - self.clock.seconds)

    def plug_in_again(self) -> None:
        """Let the port come back; the module starts anew."""
        self._gone_at = None
        self._flights.clear()
        self._arrived.clear()
        self._free_at = self.clock.seconds
        self._carry(self.module.restart(Reboot()))

    def write(self, packet: bytes) -> None:
        """Let the module hear this."""
        self._check()
        self.clock.sleep(len(packet) * BITS_PER_BYTE / self.baud)
        heard = misread(packet, self.baud, self.module.state.baud)
        self._carry(self.module.receive(heard, self.clock.seconds))

    def read_into(self, space: memoryview, timeout: float) -> int:
        """As the real one's, in counted time."""
        self._reads += 1
        if self._reads > READS_LIMIT:
            raise HungError(f"{self._reads} reads")
        self._check()
        self._take_in()
        until = self.clock.seconds + timeout
        while not self._arrived:
            at = self._flights[0].next_at() if self._flights else until
            self.clock.sleep(min(at, until) - self.clock.seconds)
            self._check()
            self._take_in()
            if at >= until:
                break
        count = min(len(space), len(self._arrived))
        space[:count] = self._arrived[:count]
        del self._arrived[:count]
        return count

    def discard_input(self) -> None:
        """Forget what has arrived."""
        self._check()
        self._take_in()
        self._arrived.clear()

    def drain(self) -> None:
        """Writing takes its time already."""

    def close(self) -> None:
        """Nothing to give back."""

    def _check(self) -> None:
        if self.unplugged:
            raise LinkLostError("the simulated sensor is unplugged")

    def _carry(self, sends: Iterable[Send]) -> None:
        """Put on the line what the module sends, each thing after the one before."""
        for send in sends:
            start = max(self._free_at, self.clock.seconds) + send.pause + send.delay
            self._free_at = start if send.at_once else start + send.seconds
            data = misread(send.data, send.baud, self.baud)
            self._flights.append(Flight(data, start, self._free_at, send.room))
            if isinstance(send.then, Reboot):
                self._carry(self.module.restart(send.then))
                return
            if isinstance(send.then, Unplug):
                self._gone_at = self._free_at
                return

    def _take_in(self) -> None:
        while self._flights:
            flight = self._flights[0]
            arrived = flight.arrived(self.clock.seconds)
            piece = flight.data[flight.taken : arrived]
            if flight.room is not None:
                kept = piece[: max(0, flight.room.size - len(self._arrived))]
                if len(kept) < len(piece):
                    flight.room.lost(len(piece) - len(kept))
                piece = kept
            self._arrived += piece
            flight.taken = arrived
            if self.clock.seconds < flight.end:
                return
            self._flights.popleft()
