"""Every payload that can stand on a topic of ours: mutated, cut and spliced; in the long run a million each.

No crash, which is anything but a `ContractError`; no growth; no forgery taken. Half of the inputs are signed
by a device of the house, so that what lies under the signature is reached as well.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts import cose
from contracts.errors import ContractError
from contracts.messages import Health, KioskMessage, Presence, from_gateway, report_of
from tests.contracts.fixtures import (
    CERTIFICATE_REQUEST,
    COMMAND,
    DESIRED,
    FINAL,
    GATEWAY,
    ISSUED,
    KIOSK,
    KIOSK_ID,
    KIOSK_MESSAGES,
    NOTICE,
    OF_KIOSK,
    OUTCOME,
    REJECTED,
    REPORTED,
)
from tests.growth import Growth

SEED = 20_261_123
KNOWN = {KIOSK_ID: KIOSK.public_key()}


@dataclass(frozen=True)
class Target:
    """A parser, the key by which its messages are signed, and some of them."""

    parse: Callable[[bytes], object]
    key: Ed25519PrivateKey
    good: Sequence[Any]


TARGETS = {
    "presence": Target(lambda data: Presence.verify(data, KNOWN.get), KIOSK, OF_KIOSK["presence"]),
    "health": Target(lambda data: Health.verify(data, KNOWN.get), KIOSK, OF_KIOSK["health"]),
    "reports": Target(
        lambda data: report_of(data, KNOWN.get), KIOSK, (OUTCOME, REPORTED, CERTIFICATE_REQUEST)
    ),
    "consents": Target(lambda data: KioskMessage.verify(data, KNOWN.get), KIOSK, KIOSK_MESSAGES),
    "of the gateway": Target(
        lambda data: from_gateway(data, GATEWAY.public_key()),
        GATEWAY,
        (FINAL, REJECTED, NOTICE, COMMAND, DESIRED, ISSUED),
    ),
}
OTHERS = [message for messages in OF_KIOSK.values() for message in messages]
"""What a kiosk signs for other topics: spliced in, and no good there."""


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


def fuzz(name: str, count: int) -> str:
    """Feed a target so many inputs, half of them signed; what came of it, in a line."""
    target, chance = TARGETS[name], random.Random(f"{SEED} {name}")
    signed = [message.sign(target.key) for message in target.good]
    others = [*signed, *(message.sign(KIOSK) for message in OTHERS)]
    payloads = [(message, cbor2.loads(data)[2]) for message, data in zip(target.good, signed, strict=True)]
    spliced = [cbor2.loads(data)[2] for data in others]
    kid = cose.kid_of(target.key.public_key())
    refused, began = 0, time.monotonic()
    with Growth() as growth:
        for _ in range(count):
            inside = chance.random() < 0.5
            if inside:
                message, payload = chance.choice(payloads)
                data = cose.sign1(target.key, mutated(payload, spliced, chance), aad=message.AAD, kid=kid)
            else:
                data = mutated(chance.choice(signed), others, chance)
            complaint = complaint_of(target.parse, data)
            assert complaint or inside or data in signed, data.hex()  # taken, though none of ours signed it
            assert "\n" not in complaint
            refused += bool(complaint)
    assert count / 3 < refused < count, "the inputs are too tame, or nothing good is reached"
    seconds = time.monotonic() - began
    return f"{name}: {count:,} inputs, {refused:,} refused, {growth.bytes:,} bytes grown, {seconds:.0f} s"


def complaint_of(parse: Callable[[bytes], object], data: bytes) -> str:
    """Why a parser refuses an input, or nothing if it takes it."""
    try:
        parse(data)
    except ContractError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", TARGETS)
def test_a_thousand_inputs(name: str) -> None:
    fuzz(name, 1_000)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", TARGETS)
def test_a_million_inputs(name: str) -> None:
    print("\n  " + fuzz(name, 1_000_000))
