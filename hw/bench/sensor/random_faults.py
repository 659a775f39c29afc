"""What can happen on a line: the simulator's faults, each with parameters drawn from its whole range."""

from collections.abc import Callable
from random import Random

AFTER = 300
"""Faults let up to so many packets pass first, so that they hit anywhere in an image."""

Values = dict[str, int | float | str]
Drawn = tuple[str, Values]


def _link(random: Random) -> Values:
    return {"after": random.randrange(AFTER), "times": random.choice((1, 1, 2, 5))}


def _any_packet(random: Random) -> Values:
    return {
        "packets": random.choice(("data", "ack", "any")),
        "after": random.randrange(random.choice((4, AFTER))),
        "times": random.choice((1, 1, 2, 5)),
    }


def _often(random: Random) -> Values:
    return {"packets": "any", "rate": 10 ** random.uniform(-3.5, -1), "times": 0}


def _command(random: Random) -> Values:
    return {
        "opcode": random.choice((-1, 0x01, 0x0A, 0x0F)),
        "after": random.randrange(3),
        "times": random.choice((1, 1, 2)),
    }


def _once(random: Random) -> Values:
    return {"after": random.randrange(2)}


def _broken_off(random: Random) -> Values:
    return {"left": random.randrange(1, 140)}


DAMAGE = (
    "byte-drop",
    "byte-duplicate",
    "byte-insert",
    "flip-header",
    "flip-address",
    "flip-pid",
    "flip-length",
    "flip-payload",
    "flip-checksum",
    "packet-truncated",
    "packet-lost",
    "packet-repeated",
)


def _damage(random: Random) -> Drawn:
    return random.choice(DAMAGE), random.choice((_any_packet, _often))(random)


def _length(random: Random) -> Drawn:
    value = random.choice((0, 1, 2, 3, 0x42, 0x81, 0x102, 0x103, 0x7FFF, 0xFFFF))
    return "length-field", {"value": value} | _any_packet(random)


def _noise(random: Random) -> Drawn:
    return "noise-between", {"bytes": random.randint(1, 200)} | _any_packet(random)


def _junk(random: Random) -> Drawn:
    return "noise-before", {"what": random.choice(("wake-up", "junk", "console"))} | _once(random)


def _pause(random: Random) -> Drawn:
    name = random.choice(("gap", "stall"))
    return name, {"seconds": random.choice((0.02, 0.15, 0.6, 3.0))} | _any_packet(random)


def _late(random: Random) -> Drawn:
    return "ack-late", {"seconds": random.choice((0.1, 0.45, 0.9, 1.5, 2.5, 5.0))} | _command(random)


def _address(random: Random) -> Drawn:
    return "address-wrong", {"address": random.getrandbits(32)} | _any_packet(random)


def _code(random: Random) -> Drawn:
    return "code-unknown", {"code": random.choice((0x01, 0x0F, 0x15, 0x19, 0x35, 0x77, 0xFE))} | _command(
        random
    )


def _size(random: Random) -> Drawn:
    return random.choice(("image-short", "image-long")), {"bytes": random.choice((1, 127, 128, 256, 5000))}


def _packet_size(random: Random) -> Drawn:
    return "packet-size", {"size": random.choice((1, 32, 64, 100, 128, 256)), "times": 1}


def _rate(random: Random) -> Drawn:
    return "baud-mismatch", {"baud": random.choice((9600, 38400, 56000, 250000))} | _any_packet(random)


KINDS: tuple[Callable[[Random], Drawn], ...] = (
    _damage,
    _damage,
    _damage,
    _length,
    _noise,
    _junk,
    _pause,
    _late,
    _address,
    _code,
    _size,
    _packet_size,
    _rate,
    lambda random: ("burst", {"size": random.randint(2, 60)} | _link(random)),
    lambda random: ("overrun", {"size": random.choice((64, 256, 1024))}),
    lambda random: ("half-open", {"times": random.choice((1, 2, 4))} | _once(random)),
    lambda random: ("command-damaged", {"times": random.choice((1, 2, 3))} | _once(random)),
    lambda random: (random.choice(("end-missing", "end-unmarked", "end-early")), {}),
    lambda random: ("ack-double", _command(random)),
    lambda random: ("ack-other", _command(random)),
    lambda random: ("bad-packet", _command(random)),
    lambda random: ("session-lost", _command(random)),
    lambda random: ("brown-out", _broken_off(random)),
    lambda random: ("unplug", _broken_off(random)),
    lambda random: ("lift-during-capture", _once(random)),
    lambda random: ("lift-before-upload", _once(random)),
)
"""What can happen to a transfer. Left out: two packets that change places, which no serial line can do and
this protocol cannot show; and a finger that only looks bad, which is not the line's fault."""


def draw(random: Random) -> list[Drawn]:
    """One to three faults, each with its parameters."""
    drawn = (kind(random) for kind in random.sample(KINDS, random.choice((1, 1, 2, 3))))
    return [(name, values | {"seed": random.randrange(10**9)}) for name, values in drawn]
