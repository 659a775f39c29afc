"""Faults of the line: bytes and packets that get lost, damaged, repeated or come from nowhere."""

from collections.abc import Callable
from dataclasses import replace

from hw.simulator.faults.fault import Chance, Fault, Layer, Parameter, Run, Sending
from hw.simulator.packets import (
    ADDRESS_END,
    CHECKSUM_LENGTH,
    HEADER,
    PREFIX_LENGTH,
    Pid,
    checksum,
    encode,
)
from hw.simulator.sends import Send

DATA = (Pid.DATA, Pid.LAST_DATA)
KINDS = {"data": DATA, "ack": (Pid.ACK,), "any": (*DATA, Pid.ACK)}
FIELDS = {
    "header": slice(0, len(HEADER)),
    "address": slice(len(HEADER), ADDRESS_END),
    "pid": slice(ADDRESS_END, ADDRESS_END + 1),
    "length": slice(ADDRESS_END + 1, PREFIX_LENGTH),
    "payload": slice(PREFIX_LENGTH, -CHECKSUM_LENGTH),
    "checksum": slice(-CHECKSUM_LENGTH, None),
}

PACKETS = {"packets": Parameter("data", "which packets it can hit", choices=tuple(KINDS))}
ACKS = {"packets": Parameter("ack", "which packets it can hit", choices=tuple(KINDS))}
CONSOLE = b"\r\nDebian GNU/Linux raspberrypi ttyAMA0\r\n\r\nraspberrypi login: "


def pid_of(send: Send) -> int | None:
    """The identifier of the packet in `send`; None if it holds no whole packet (any more)."""
    data = send.data
    if not data.startswith(HEADER) or len(data) <= PREFIX_LENGTH + CHECKSUM_LENGTH:
        return None
    length = int.from_bytes(data[FIELDS["length"]], "big")
    return data[ADDRESS_END] if len(data) == PREFIX_LENGTH + length else None


def hit(send: Send, run: Run) -> bool:
    """Whether the fault happens to this packet."""
    return pid_of(send) in KINDS[run.word("packets")] and run.happens()


def each_packet(change: Callable[[bytes, Run], bytes]) -> Sending:
    """The fault that puts the bytes of single packets through `change`."""

    def transform(sends: list[Send], run: Run) -> list[Send]:
        return [replace(send, data=change(send.data, run)) if hit(send, run) else send for send in sends]

    return transform


def flip(field: str) -> Sending:
    """The fault that turns over one bit of this field of a packet."""

    def change(data: bytes, run: Run) -> bytes:
        at = run.dice.choice(range(len(data))[FIELDS[field]])
        return data[:at] + bytes([data[at] ^ 1 << run.dice.randrange(8)]) + data[at + 1 :]

    return each_packet(change)


def drop(data: bytes, run: Run) -> bytes:
    """One byte less."""
    at = run.dice.randrange(len(data))
    return data[:at] + data[at + 1 :]


def duplicate(data: bytes, run: Run) -> bytes:
    """One byte twice."""
    at = run.dice.randrange(len(data))
    return data[: at + 1] + data[at:]


def insert(data: bytes, run: Run) -> bytes:
    """One byte that nobody sent, somewhere inside."""
    at = run.dice.randrange(1, len(data))
    return data[:at] + run.dice.randbytes(1) + data[at:]


def truncate(data: bytes, run: Run) -> bytes:
    """The beginning of the packet and no more."""
    return data[: run.dice.randrange(1, len(data))]


def change_length(data: bytes, run: Run) -> bytes:
    """Another length field, and a checksum that agrees with it."""
    body = data[FIELDS["pid"]] + run.whole("value").to_bytes(2, "big") + data[FIELDS["payload"]]
    return data[:ADDRESS_END] + body + checksum(body).to_bytes(CHECKSUM_LENGTH, "big")


def lose(sends: list[Send], run: Run) -> list[Send]:
    """Whole packets missing."""
    return [send for send in sends if not hit(send, run)]


def repeat(sends: list[Send], run: Run) -> list[Send]:
    """Whole packets twice."""
    return [copy for send in sends for copy in ([send, send] if hit(send, run) else [send])]


def swap(sends: list[Send], run: Run) -> list[Send]:
    """Two packets that carry other bytes in each other's place; the one marked as the last stays the last."""
    swapped = list(sends)
    index = 0
    while index + 1 < len(swapped):
        pair = swapped[index : index + 2]
        if all(pid_of(send) == Pid.DATA for send in pair) and pair[0].data != pair[1].data and run.happens():
            swapped[index : index + 2] = reversed(pair)
            index += 1
        index += 1
    return swapped


def lose_end(sends: list[Send], run: Run) -> list[Send]:
    """The last packet of an image missing."""
    return [send for send in sends if not (pid_of(send) == Pid.LAST_DATA and run.happens())]


def unmark_end(sends: list[Send], run: Run) -> list[Send]:
    """The last packet of an image looks like those before it."""
    return [
        marked(send, Pid.DATA) if pid_of(send) == Pid.LAST_DATA and run.happens() else send for send in sends
    ]


def end_early(sends: list[Send], run: Run) -> list[Send]:
    """An image that ends, well marked, before it is all there."""
    places = [index for index, send in enumerate(sends) if pid_of(send) == Pid.DATA]
    if not places or not run.happens():
        return sends
    at = run.dice.choice(places)
    return [*sends[:at], marked(sends[at], Pid.LAST_DATA)]


def marked(send: Send, pid: Pid) -> Send:
    """The same packet with another identifier."""
    address, payload = send.data[FIELDS["address"]], send.data[FIELDS["payload"]]
    return replace(send, data=encode(address, pid, payload))


def noise_between(sends: list[Send], run: Run) -> list[Send]:
    """Random bytes before single packets."""
    noisy: list[Send] = []
    for send in sends:
        if hit(send, run):
            noisy.append(Send(run.dice.randbytes(run.whole("bytes")), send.baud))
        noisy.append(send)
    return noisy


def noise_before(sends: list[Send], run: Run) -> list[Send]:
    """Bytes before the first header of an answer."""
    if not sends or not run.happens():
        return sends
    junk = {
        "wake-up": b"\x55",
        "junk": bytes(run.dice.choices(b"\x00\xff\xfe\xf0\x55", k=24)),
        "console": CONSOLE,
    }[run.word("what")]
    return [Send(junk, sends[0].baud), *sends]


def damage_command(data: bytes, run: Run) -> bytes:
    """One bit of what the host has sent turned over."""
    if not run.happens():
        return data
    at = run.dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << run.dice.randrange(8)]) + data[at + 1 :]


def packet_fault(name: str, summary: str, sends: Sending, **more: Parameter) -> Fault:
    """A fault of the link that hits packets of a kind that can be chosen."""
    return Fault(name, Layer.LINK, summary, Chance.PACKET, {**more, **PACKETS}, sends=sends)


FAULTS = (
    packet_fault("byte-drop", "one byte of a packet is lost", each_packet(drop)),
    packet_fault("byte-duplicate", "one byte of a packet comes twice", each_packet(duplicate)),
    packet_fault("byte-insert", "a random byte comes in the middle of a packet", each_packet(insert)),
    *(
        packet_fault(f"flip-{field}", f"one bit in the {field} of a packet is turned over", flip(field))
        for field in FIELDS
    ),
    packet_fault("packet-truncated", "a packet breaks off; the next one follows", each_packet(truncate)),
    packet_fault("packet-lost", "a whole packet is missing", lose),
    packet_fault("packet-repeated", "a whole packet comes twice", repeat),
    Fault(
        "packets-swapped",
        Layer.LINK,
        "two data packets change places; no checksum and no count shows it",
        Chance.PACKET,
        sends=swap,
    ),
    Fault(
        "end-missing",
        Layer.LINK,
        "the last packet of an image (08) never comes",
        Chance.PACKET,
        sends=lose_end,
    ),
    Fault(
        "end-unmarked",
        Layer.LINK,
        "the last packet of an image says 02 instead of 08",
        Chance.PACKET,
        sends=unmark_end,
    ),
    Fault(
        "end-early",
        Layer.LINK,
        "a packet in the middle of an image says 08, and no more follow",
        Chance.ANSWER,
        sends=end_early,
    ),
    packet_fault(
        "length-field",
        "a packet carries another length, with a checksum that agrees",
        each_packet(change_length),
        value=Parameter(0xFFFF, "the length: try 0, 2, 0x0103, 0xFFFF", 0, 0xFFFF, hexadecimal=True),
    ),
    packet_fault(
        "noise-between",
        "random bytes come before a packet",
        noise_between,
        bytes=Parameter(5, "how many", 1, 4096),
    ),
    Fault(
        "noise-before",
        Layer.LINK,
        "bytes come before the first header of an answer",
        Chance.ANSWER,
        {
            "what": Parameter(
                "wake-up", "a bare 55, boot junk or text", choices=("wake-up", "junk", "console")
            )
        },
        sends=noise_before,
    ),
    Fault(
        "command-damaged",
        Layer.LINK,
        "one bit of what the host sends is turned over on its way to the module",
        Chance.HEARD,
        heard=damage_command,
    ),
)
