"""The data packets of an image: taken in, checked and counted."""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import (
    CaptureCancelledError,
    DamagedPacketError,
    DeadlineError,
    ImageSizeError,
    OutOfStepError,
)
from drivers.packets import Kind, Packet, wipe
from drivers.wire import NAP, Wire

Progress = Callable[[int, int], None]
"""Called with the bytes of the image that have come, and their total."""

Cancelled = Callable[[], bool]
"""Asked many times a second; True breaks off."""


@dataclass(frozen=True)
class Received:
    """An image as it came over the wire, two pixels a byte.

    Attributes:
        data: Its bytes; whoever takes them wipes them.
        packets: Data packets that carried it.
        closed: True if the last one was marked as the last; False if the count of bytes ended the transfer.
        twins: True if two packets in a row were the same and not of one colour.
    """

    data: bytearray
    packets: int
    closed: bool
    twins: bool

    def __repr__(self) -> str:
        return f"Received({len(self.data)} bytes)"


def receive(wire: Wire, size: int, progress: Progress, cancelled: Cancelled) -> Received:
    """Take in an image that the sensor has announced.

    A single wrong byte anywhere, even between packets, spoils it: packets carry no number, so anything out of
    order may mean that one is missing, and the caller can ask for the image once more.

    Args:
        wire: Where the packets come.
        size: Bytes that the image must have.
        progress: Told of each piece.
        cancelled: Asked after each piece.

    Raises:
        DamagedPacketError: A checksum, length or kind does not hold, or bytes came that belong to no packet.
        DeadlineError: The packets stopped, or trickle.
        ImageSizeError: The image ended early, or did not end in time.
        OutOfStepError: A packet came that is no data.
        CaptureCancelledError: The caller broke off.
    """
    data = bytearray(size)
    try:
        packets, closed, twins = _fill(data, wire, progress, cancelled)
    except BaseException:
        wipe(data)
        raise
    return Received(data, packets, closed, twins)


def _fill(data: bytearray, wire: Wire, progress: Progress, cancelled: Cancelled) -> tuple[int, bool, bool]:
    """Fill `data`; returns the packets that it took, whether the last one was marked so, and of twins."""
    size = len(data)
    pauses = _Pauses(wire, size)
    begun = done = packets = 0
    twins = False
    progress(0, size)
    while True:
        event = wire.event()
        if event is None:
            progress(done, size)
            if cancelled():
                raise CaptureCancelledError("the capture was called off")
            pauses.await_more(done)
            continue
        if not isinstance(event, Packet):
            raise DamagedPacketError(f"data packet {packets + 1} of the image came damaged ({event.value})")
        begun, before, done = done, begun, _place(event, data, done)
        twins = twins or _same(data[before:begun], data[begun:done])
        packets += 1
        if event.kind == Kind.LAST_DATA or done == size:
            break
    closed = event.kind == Kind.LAST_DATA
    if done < size:
        raise ImageSizeError(f"the sensor sent an image of {done} bytes; it should have {size}", done)
    if not closed and (wire.held or wire.pull(pauses.idle)):
        raise _too_long(size)
    progress(size, size)
    return packets, closed, twins


class _Pauses:
    """The waits between reads of one image: little work for the processor, and no wait without an end.

    Attributes:
        idle: Seconds without a byte after which an image that has begun to come has stopped.
    """

    def __init__(self, wire: Wire, size: int) -> None:
        self._wire = wire
        self._size = size
        self.idle = 3 * wire.rate.packet + wire.deadlines.idle
        # The first packet may take longer: the sensor has to read its buffer.
        self._patience = wire.deadlines.answer
        self._give_up = wire.clock.now() + wire.rate.transfer_limit(size) + self._patience

    def await_more(self, done: int) -> None:
        """Sleep while the line fills the kernel's buffer, then take in what is there.

        Args:
            done: Bytes of the image that have come; near its end the nap is shorter, so that the last byte is
                not slept over.

        Raises:
            DeadlineError: Nothing more comes, or the whole takes too long.
        """
        rate = self._wire.rate
        to_come = rate.seconds(rate.wire_bytes(self._size - done) - self._wire.held)
        self._wire.clock.sleep(max(0.0, min(NAP, to_come)))
        if not self._wire.pull(self._patience) or self._wire.clock.now() > self._give_up:
            raise DeadlineError(f"the image stopped after {done} of {self._size} bytes")
        self._patience = self.idle


def _place(packet: Packet, data: bytearray, done: int) -> int:
    """Copy a data packet's payload to its place in the image, and wipe it; returns where it ends."""
    end = done + len(packet.payload)
    try:
        if packet.kind not in (Kind.DATA, Kind.LAST_DATA):
            raise OutOfStepError(f"the sensor sent {packet!r} in the middle of an image")
        if end > len(data):
            raise _too_long(len(data))
        data[done:end] = packet.payload
    finally:
        packet.wipe()
    return end


def _same(before: bytearray, now: bytearray) -> bool:
    """Whether two pieces are the same and not of one colour, as the rim of an image is; wipes them."""
    same = before == now and now.count(now[:1]) < len(now)
    wipe(before)
    wipe(now)
    return same


def _too_long(size: int) -> ImageSizeError:
    return ImageSizeError(f"the sensor sends an image of more than the {size} bytes that it should have")
