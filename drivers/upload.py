"""The data packets of an image: taken in, checked and counted."""

import time
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
    """

    data: bytearray
    packets: int
    closed: bool

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
        packets, closed = _fill(data, wire, progress, cancelled)
    except BaseException:
        wipe(data)
        raise
    return Received(data, packets, closed)


def _fill(data: bytearray, wire: Wire, progress: Progress, cancelled: Cancelled) -> tuple[int, bool]:
    """Fill `data`; returns the packets that it took and whether the last one was marked so."""
    rate, size = wire.rate, len(data)
    idle = 3 * rate.packet + wire.deadlines.idle
    patience = wire.deadlines.answer  # the first packet may take a while, the sensor has to read its buffer
    give_up = time.monotonic() + rate.transfer_limit(size) + patience
    done = packets = 0
    progress(0, size)
    while True:
        event = wire.event()
        if event is None:
            progress(done, size)
            if cancelled():
                raise CaptureCancelledError("the capture was called off")
            # The whole nap while much is to come, less at the end, so that the last byte is not slept over.
            time.sleep(max(0.0, min(NAP, rate.seconds(rate.wire_bytes(size - done) - wire.held))))
            if not wire.pull(patience) or time.monotonic() > give_up:
                raise DeadlineError(f"the image stopped after {done} of {size} bytes")
            patience = idle
            continue
        if not isinstance(event, Packet):
            raise DamagedPacketError(f"data packet {packets + 1} of the image came damaged ({event.value})")
        done = _place(event, data, done)
        packets += 1
        if event.kind == Kind.LAST_DATA and done < size:
            raise ImageSizeError(f"the sensor sent an image of {done} bytes; it should have {size}")
        if event.kind == Kind.LAST_DATA or done == size:
            break
    closed = event.kind == Kind.LAST_DATA
    if not closed and (wire.held or wire.pull(idle)):
        raise ImageSizeError(f"the sensor sends an image of more than the {size} bytes that it should have")
    progress(size, size)
    return packets, closed


def _place(packet: Packet, data: bytearray, done: int) -> int:
    """Copy a data packet's payload to its place in the image, and wipe it; returns where it ends."""
    end = done + len(packet.payload)
    try:
        if packet.kind not in (Kind.DATA, Kind.LAST_DATA):
            raise OutOfStepError(f"the sensor sent {packet!r} in the middle of an image")
        if end > len(data):
            raise ImageSizeError(
                f"the sensor sends an image of more than the {len(data)} bytes that it should have"
            )
        data[done:end] = packet.payload
    finally:
        packet.wipe()
    return end
