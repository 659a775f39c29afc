"""What a UART makes of bytes that were sent at another rate than its own."""

SAMPLES = 10  # start bit, eight data bits, stop bit
IDLE = 1


def misread(data: bytes, sent_at: int, read_at: int) -> bytes:
    """The bytes that a receiver at `read_at` baud sees when `data` is sent back to back at `sent_at` baud.

    The receiver waits for a falling edge and samples in the middle of each bit (8N1), as UARTs do; so a few
    per cent of difference do no harm, and more gives what it gives on a real wire. A byte with a broken stop
    bit is kept, as the kernel's terminal keeps it unless INPCK is set.

    Args:
        data: bytes on the line; it is idle before and after them.
        sent_at: the sender's rate.
        read_at: the receiver's rate. At rate 0 (B0, the line hung up) nothing passes.
    """
    if sent_at == read_at:
        return data
    if not sent_at or not read_at:
        return b""
    levels = [bit for byte in data for bit in _frame(byte)]
    step = sent_at / read_at  # of the sender's bits in one of the receiver's
    seen = bytearray()
    position = 0.0
    while (edge := _falling_edge(levels, position)) is not None:
        samples = [_level(levels, edge + (index + 0.5) * step) for index in range(SAMPLES)]
        position = edge + (SAMPLES - 0.5) * step
        if samples[0] == IDLE:  # shorter than half a bit: noise, not a start bit
            position = edge + step / 2
            continue
        seen.append(sum(bit << index for index, bit in enumerate(samples[1:-1])))
    return bytes(seen)


def _frame(byte: int) -> list[int]:
    return [0, *(byte >> index & 1 for index in range(8)), IDLE]


def _level(levels: list[int], position: float) -> int:
    return levels[int(position)] if position < len(levels) else IDLE


def _falling_edge(levels: list[int], position: float) -> int | None:
    """Index of the first bit after `position` at which the line goes low."""
    index = int(position)
    if position > 0:
        while index < len(levels) and levels[index] != IDLE:
            index += 1
    while index < len(levels) and levels[index] == IDLE:
        index += 1
    return index if index < len(levels) else None
