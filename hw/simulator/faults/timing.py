"""Faults of the line's timing: silence, bursts, another rate, a receiver that cannot keep up."""

from dataclasses import replace

from hw.simulator.faults.fault import Chance, Fault, Layer, Parameter, Run
from hw.simulator.faults.link import KINDS, hit, packet_fault
from hw.simulator.sends import Room, Send


def other_rate(sends: list[Send], run: Run) -> list[Send]:
    """Packets that leave at another rate than the module's."""
    return [replace(send, baud=run.whole("baud")) if hit(send, run) else send for send in sends]


def gap(sends: list[Send], run: Run) -> list[Send]:
    """Silence before single packets."""
    return [
        replace(send, pause=send.pause + run.number("seconds")) if hit(send, run) else send for send in sends
    ]


def stall(sends: list[Send], run: Run) -> list[Send]:
    """Silence in the middle of single packets."""
    stalled: list[Send] = []
    for send in sends:
        if not hit(send, run):
            stalled.append(send)
            continue
        at = run.dice.randrange(1, len(send.data))
        rest = replace(send, data=send.data[at:], delay=0, pause=run.number("seconds"))
        stalled += [replace(send, data=send.data[:at], then=None), rest]
    return stalled


def burst(sends: list[Send], run: Run) -> list[Send]:
    """Runs of packets held back and then handed over in one go, as a USB adapter does."""
    bursts: list[Send] = []
    waiting = list(sends)
    while waiting:
        size = run.whole("size") if hit(waiting[0], run) else 1
        group, waiting = waiting[:size], waiting[size:]
        if size == 1:
            bursts += group
            continue
        held_back = sum(send.pause + send.seconds for send in group)
        joined = b"".join(send.data for send in group)
        bursts.append(replace(group[0], data=joined, pause=held_back, at_once=True, then=group[-1].then))
    return bursts


def stay_silent(sends: list[Send], run: Run) -> list[Send]:
    """No answer at all."""
    return [] if sends and run.happens() else sends


def overrun(sends: list[Send], run: Run) -> list[Send]:
    """A receiver of the host's that loses what it has no room for."""
    room = Room(run.whole("size"), run.count)
    return [replace(send, room=room) if run.due() else send for send in sends]


FAULTS = (
    Fault(
        "baud-mismatch",
        Layer.LINK,
        "a packet leaves at another rate, and the host hears garbage",
        Chance.PACKET,
        {
            "baud": Parameter(19200, "the rate", 1200, 1_000_000),
            "packets": Parameter("any", "which packets it can hit", choices=tuple(KINDS)),
        },
        times=0,
        sends=other_rate,
    ),
    packet_fault("gap", "silence before a packet", gap, seconds=Parameter(0.3, "how long", 0, 3600)),
    packet_fault(
        "stall",
        "silence in the middle of a packet",
        stall,
        seconds=Parameter(0.3, "how long", 0, 3600),
    ),
    packet_fault(
        "burst",
        "packets are held back and then come in one go, as through a USB adapter",
        burst,
        size=Parameter(8, "how many", 2, 4096),
    ),
    Fault(
        "half-open",
        Layer.LINK,
        "the module obeys and never answers",
        Chance.ANSWER,
        times=0,
        sends=stay_silent,
    ),
    Fault(
        "overrun",
        Layer.LINK,
        "what the host leaves unread beyond a small buffer is lost",
        Chance.PACKET,
        {"size": Parameter(1024, "bytes of the buffer", 1, 4095)},
        times=0,
        sends=overrun,
    ),
)
