"""Every payload that can stand on a topic of ours: mutated, cut and spliced; a million in the long run.

No crash, which is anything but a `ContractError`; no growth; no forgery taken. Half of the inputs are signed
by a device of the house, so that what lies under the signature is reached as well.
"""

import random
import resource
import time
from collections.abc import Callable

import cbor2
import pytest

from contracts import cose
from contracts.errors import ContractError
from contracts.messages import Health, KioskMessage, Presence, from_gateway, report_of
from tests.contracts.fixtures import (
    FINAL,
    GATEWAY,
    KIOSK,
    KIOSK_ID,
    KIOSK_MESSAGES,
    NOTICE,
    OF_GATEWAY,
    OF_KIOSK,
    REJECTED,
)

SEED = 20_261_123
MAX_GROWTH_KB = 40_000
"""Of the process over a run; what a parser kept of each input would be far more over a million."""

OF_A_KIOSK = [message for messages in OF_KIOSK.values() for message in messages]
OF_A_GATEWAY = [FINAL, REJECTED, NOTICE, *(each for messages in OF_GATEWAY.values() for each in messages)]
KNOWN = {KIOSK_ID: KIOSK.public_key()}
Parse = Callable[[bytes], object]

KIOSK_PARSERS: list[Parse] = [
    lambda data: Presence.verify(data, KNOWN.get),
    lambda data: Health.verify(data, KNOWN.get),
    lambda data: report_of(data, KNOWN.get),
    lambda data: KioskMessage.verify(data, KNOWN.get),
]
GATEWAY_PARSERS: list[Parse] = [lambda data: from_gateway(data, GATEWAY.public_key())]


NASTY = (b"\x9f", b"\xbf", b"\xff", b"\x1b" + b"\xff" * 8, b"\xa0", b"\xf6", b"\xc2\x41\x01")
"""Indefinite lengths, a break, a huge number, an empty map, null, a bignum."""


def mutated(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A few changes of the kinds that parsers fall over."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        kind = chance.randrange(6)
        if kind == 0 and changed:
            changed[place % len(changed)] = chance.randrange(256)
        elif kind == 1:
            del changed[place : place + chance.randint(1, 9)]
        elif kind == 2:
            changed[place:place] = chance.randbytes(chance.randint(1, 9))
        elif kind == 3:
            changed[place:place] = chance.choice(NASTY)
        elif kind == 4:
            changed = changed[:place]
        else:
            other = chance.choice(others)
            changed[place:] = other[chance.randrange(len(other)) :]
    return bytes(changed)


def fuzz(count: int) -> dict[str, int]:
    """Feed `count` inputs; how many were taken, and refused."""
    chance = random.Random(SEED)
    sides = []
    for messages, key, parsers in (
        ([*OF_A_KIOSK, *KIOSK_MESSAGES], KIOSK, KIOSK_PARSERS),
        (OF_A_GATEWAY, GATEWAY, GATEWAY_PARSERS),
    ):
        signed = [message.sign(key) for message in messages]
        payloads = [cbor2.loads(data)[2] for data in signed]
        sides.append((signed, list(zip(messages, payloads, strict=True)), key, parsers))
    told = {"taken": 0, "refused": 0}
    for _ in range(count):
        signed, payloads, key, parsers = sides[chance.randrange(2)]
        inside = chance.random() < 0.5
        if inside:
            message, payload = chance.choice(payloads)
            bad = mutated(payload, [other for _, other in payloads], chance)
            data = cose.sign1(key, bad, aad=message.AAD, kid=cose.kid_of(key.public_key()))
        else:
            data = mutated(chance.choice(signed), signed, chance)
        complaint = complaint_of(chance.choice(parsers), data)
        assert complaint or inside or data in signed, data.hex()  # taken, though nobody of ours has signed it
        assert "\n" not in complaint
        told["refused" if complaint else "taken"] += 1
    return told


def complaint_of(parse: Parse, data: bytes) -> str:
    """Why a parser refuses an input, or nothing if it takes it."""
    try:
        parse(data)
    except ContractError as error:
        return str(error)
    return ""


def test_a_few_thousand_inputs() -> None:
    told = fuzz(3_000)
    assert min(told.values()) > 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_inputs() -> None:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    told = fuzz(1_000_000)
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"\n1,000,000 MQTT payloads: {told}, {growth} KB more, {time.monotonic() - began:.0f} s")
    assert growth < MAX_GROWTH_KB
